"""Which Character Sets setting applies to the mail of a domain."""

from __future__ import annotations

from collections.abc import Iterable

from imctool.model.settings import CharacterSets


def setting_for(settings: Iterable[CharacterSets], domain: str | None) -> CharacterSets | None:
    """Return the setting that applies to mail of that domain, None where there is none.

    The longest E-Mail Domain that is the domain or a parent of it, else ``Default``; that a
    setting covers subdomains is inferred from the example ``JP`` of Q168138.
    """
    best: CharacterSets | None = None
    for one in settings:
        name = one.domain.lower()
        fits = name == "default" or (
            domain is not None and (domain == name or domain.endswith("." + name))
        )
        if fits and (
            best is None
            or best.domain.lower() == "default"
            or (name != "default" and len(name) > len(best.domain))
        ):
            best = one
    return best
