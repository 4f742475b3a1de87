"""The charsets of a server: its MIME database, and the code pages it has tables for.

The database is ``MIME\\Database\\Charset\\<name>`` under HKEY_CLASSES_ROOT, which is
``SOFTWARE\\Classes`` of the machine: a name is either an ``AliasForCharset`` of another (Q184772,
Q174722) or has ``Codepage``, the page of its family, and ``InternetEncoding``, its own page
(published MIME database). ``Nls\\CodePage`` lists the pages; one without a file is known and not
installed. The published tables of Windows have no page above 65001; a number outside 1 to 65535
is taken for none (inferred).

An export need not be whole, so what it leaves out proves nothing: the names of the Windows
tables stay known whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from imctool.knowledge.charsets import (
    USER_DEFINED,
    Charset,
    charset_of_page,
    find_charset,
    plain_label,
    table_installed,
)
from imctool.model.evidence import Defect, Location
from imctool.model.settings import RegistryValue

_CHARSET = re.compile(r"\\mime\\database\\charset\\([^\\]+)\Z")
_NLS = "\\nls\\codepage"
_NUMBER = re.compile(r"[0-9]+")
_PAGE = re.compile(r"0*([1-9][0-9]{0,4})")
_PAGE_VALUES = ("internetencoding", "codepage")
"""The page of the charset itself tells more than that of its family."""
_HIGHEST_PAGE = 65535


@dataclass(frozen=True, slots=True)
class ServerCharsets:
    """What a server can convert. ``installed`` is None where no export lists its code pages.

    ``aliases`` are names by the name they stand for, as exported; ``pages`` the code pages of
    names that have one. All names are lower case. ``ignored_aliases`` are those that lead to no
    charset, with a Defect each; ``defects`` holds the numbers that are no code page too.
    """

    aliases: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, int] = field(default_factory=dict)
    installed: frozenset[int] | None = None
    user_defined: bool = False
    ignored_aliases: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = ()

    @property
    def assumed(self) -> bool:
        """Whether the code pages are those of a default NT 4.0, as no export tells."""
        return self.installed is None

    def resolve(self, label: str) -> Charset | None:
        """Return the charset that the server takes a label for, None where it knows none.

        The names of the Windows tables come first, then the server's own database. A charset
        that only the database knows bears the label's name and is known to ``server``.
        """
        known = _windows_charset(label)
        if known is not None or not (label := plain_label(label)):
            return known
        name = label
        if name in self.aliases and name not in self.ignored_aliases:
            name = _end_of_chain(name, self.aliases) or name
        target = _windows_charset(name)
        if target is None and name in self.pages:
            page = self.pages[name]
            target = charset_of_page(page) or Charset(name, page, None, "server")
        if target is None:
            return None
        return Charset(label, target.code_page, target.codec, "server")

    def is_installed(self, charset: Charset) -> bool | None:
        """Return whether the server has the table that a charset needs.

        True where it needs none; None where Windows has no code page for it.
        """
        if charset.table is None:
            return None
        return table_installed(charset.table, self.installed)

    def can_convert(self, label: str) -> bool:
        """Return whether the server knows a label and has the table that it needs."""
        charset = self.resolve(label)
        return charset is not None and bool(self.is_installed(charset))


def server_charsets(registry: Iterable[RegistryValue]) -> ServerCharsets:
    """Return what registry values tell of a server's charsets; of values given twice, the first.

    An alias that runs in a circle or leads to a name that neither Windows nor the database
    knows is left out, and is a Defect at its place; so is a code page outside 1 to 65535.
    """
    aliases: dict[str, str] = {}
    places: dict[str, Location] = {}
    pages: dict[str, dict[str, int]] = {}
    files: dict[int, bool] = {}
    defects: list[Defect] = []
    for value in registry:
        key, name, data = value.key.lower(), value.name.lower(), value.data
        if key.endswith(_NLS) and _NUMBER.fullmatch(name):
            page = _listed_page(name)
            if page is None:
                defects.append(_no_page(value, "an entry of Nls\\CodePage"))
            else:
                files.setdefault(page, data not in ("", b""))
        elif (found := _CHARSET.search(key)) is not None:
            label = plain_label(found[1])
            if name == "aliasforcharset" and isinstance(data, str) and plain_label(data):
                aliases.setdefault(label, plain_label(data))
                places.setdefault(label, value.location)
            elif name in _PAGE_VALUES and isinstance(data, int):
                if 1 <= data <= _HIGHEST_PAGE:
                    pages.setdefault(label, {}).setdefault(name, data)
                else:
                    defects.append(_no_page(value, f"{value.name} of {label}"))
    installed = frozenset(page for page, has_file in files.items() if has_file)
    own_pages = {
        label: next(own[name] for name in _PAGE_VALUES if name in own)
        for label, own in pages.items()
    }
    dead_ends = {
        label: Defect(places[label], reason)
        for label in aliases
        if (reason := _fault(label, aliases, own_pages)) is not None
    }
    return ServerCharsets(
        aliases=aliases,
        pages=own_pages,
        installed=installed if files else None,
        user_defined=USER_DEFINED in installed,
        ignored_aliases=tuple(sorted(dead_ends)),
        defects=tuple(sorted([*defects, *dead_ends.values()])),
    )


def _listed_page(name: str) -> int | None:
    """Return the page that a number of Nls\\CodePage names, None where it is out of range."""
    found = _PAGE.fullmatch(name)
    page = int(found[1]) if found is not None else 0
    return page if 1 <= page <= _HIGHEST_PAGE else None


def _no_page(value: RegistryValue, what: str) -> Defect:
    return Defect(value.location, f"{what} is no code page number (1 to {_HIGHEST_PAGE})")


_LONGEST_CHAIN = 32
"""No chain in use is nearly so long; a longer one is taken for a circle."""


def _end_of_chain(name: str, aliases: Mapping[str, str]) -> str | None:
    """Return the name at the end of a chain of aliases, None where it runs in a circle.

    A name of the Windows tables ends it, whatever alias the database has for that.
    """
    for _ in range(_LONGEST_CHAIN):
        name = aliases[name]
        if _windows_charset(name) is not None or name not in aliases:
            return name
    return None


def _fault(label: str, aliases: Mapping[str, str], pages: Mapping[str, int]) -> str | None:
    if _windows_charset(label) is not None:
        return None
    end = _end_of_chain(label, aliases)
    if end is None:
        return f"AliasForCharset of {label} runs in a circle"
    if _windows_charset(end) is None and end not in pages:
        return f"AliasForCharset of {label} leads to {end}, which is no known charset"
    return None


def _windows_charset(label: str) -> Charset | None:
    found = find_charset(label)
    return found if found is not None and found.known_to == "windows" else None
