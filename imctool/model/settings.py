"""Facts of the server's own configuration: registry values and Character Sets settings."""

from __future__ import annotations

from dataclasses import dataclass

from imctool.model.evidence import Location


@dataclass(frozen=True, slots=True)
class RegistryValue:
    """One value of a registry export. ``key`` is the full path as exported, without brackets.

    ``data`` is text for REG_SZ and REG_EXPAND_SZ, a number for REG_DWORD, a tuple of texts for
    REG_MULTI_SZ, and bytes for all else.
    """

    location: Location
    key: str
    name: str
    data: str | int | bytes | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CharacterSets:
    """The Character Sets setting of one E-Mail Domain, as imccopy saves it (Q262126).

    ``rest`` are the fields behind the two character sets, as they stand.
    """

    location: Location
    domain: str
    mime: str
    non_mime: str
    rest: tuple[str, ...] = ()
