"""Charset labels: the Windows code page each one needs, and whether a server has it.

``charsets.csv`` holds the names with their code page, Python codec, and who knows them
(``windows`` for the published Windows tables, else IANA, WHATWG, or only seen in mail).
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib import resources

NT4_DEFAULT = frozenset({437, 775, 850, *range(1250, 1259), 10000, 20261, 20866, 28592})
"""Code pages on a fresh English NT 4.0 Workstation (Q196699); a server is assumed alike."""

ALWAYS = frozenset({65000, 65001, 1200})
"""UTF-7, UTF-8 and UTF-16 are converted by rule and need no table."""

_RESTS_ON = {50220: 932, 50221: 932, 50222: 932, 51932: 932, 50225: 949, 51949: 949,
             52936: 936, 20127: 1252, 28591: 1252}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Charset:
    """A charset label as the tables have it; ``code_page`` is None where Windows has none."""

    name: str
    code_page: int | None
    codec: str | None
    known_to: str

    @property
    def table(self) -> int | None:
        """The code page whose NLS table must be installed for it: 932 for ISO-2022-JP."""
        if self.code_page is None:
            return None
        return _RESTS_ON.get(self.code_page, self.code_page)


@cache
def _charsets() -> dict[str, Charset]:
    text = resources.files(__package__).joinpath("charsets.csv").read_text("utf-8")
    return {
        row["name"]: Charset(
            row["name"],
            int(row["code_page"]) if row["code_page"] else None,
            row["codec"] or None,
            row["known_to"],
        )
        for row in csv.DictReader(text.splitlines())
    }


def find_charset(label: str) -> Charset | None:
    """Return the charset that a label names, in any letter case, or None."""
    return _charsets().get(label.strip().strip("\"'").lower())


def convertible(label: str, installed: Collection[int] | None) -> bool:
    """Return whether a server with these code pages could convert text so labelled.

    ``installed`` None means that no export tells; then a fresh NT 4.0 is assumed. A label that
    is not in the Windows tables cannot be converted, whatever is installed.
    """
    charset = find_charset(label)
    if charset is None or charset.known_to != "windows" or charset.table is None:
        return False
    pages = NT4_DEFAULT if installed is None else installed
    return charset.table in ALWAYS or charset.table in pages or charset.table == 1252
