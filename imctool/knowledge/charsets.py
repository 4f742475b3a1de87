"""Charset labels: the Windows code page each one needs, and whether a server has it.

``charsets.csv`` holds the names with their code page, the Python codec that reads such text as
Windows does, who knows them (``windows`` for the 442 names of the published Windows tables, else
IANA, WHATWG, or only seen in mail), and, once for each page and codec, the name to write.

A codec is left open where Python has none that is right: ``asmo-708`` is not ISO 8859-6, the
Macintosh pages of Japan, Korea, China and the Ukraine are only near to other codecs, and the
7-bit national sets (``x-IA5-German`` and its like) cannot be told from ASCII by their bytes.
Names that only the WHATWG lists keep the page their family has on Windows: ``iso88591`` means
28591 and ``iso8859-9`` 28599, though a browser would read both as windows-125x. ``big5-hkscs``
keeps its own codec under page 950: Windows gives these characters private codes, but the sender
meant what the codec reads.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

NT4_DEFAULT = frozenset({437, 775, 850, *range(1250, 1259), 10000, 20261, 20866, 28592})
"""Code pages on a fresh English NT 4.0 Workstation (Q196699); a server is assumed alike."""

ALWAYS = frozenset({65000, 65001, 1200, 1201})
"""UTF-7, UTF-8 and UTF-16 are converted by rule and need no table (1201: inferred)."""

_RESTS_ON = {
    50220: 932, 50221: 932, 50222: 932, 51932: 932, 50225: 949, 51949: 949,
    52936: 936, 51936: 936, 50227: 936, 20127: 1252, 28591: 1252, 38598: 28598,
}  # fmt: skip
"""The page on the left is converted with the table on the right. Documented for 932 (Q155016,
Q157705); the rest follows from the families of the published MIME database (inferred)."""

USER_DEFINED = 50000
"""The page of x-user-defined, whose entry in Nls\\CodePage stops the store (Q187869, Q192546)."""

_LONGEST_LABEL = 200
"""No name in the tables is nearly so long; what is longer is no label."""


@dataclass(frozen=True, slots=True)
class Charset:
    """A charset label as the tables have it; ``code_page`` is None where Windows has none.

    ``codec`` is the Python codec for such text, None where there is none that is right;
    ``written`` is how the name is written, None for a name that is only read.
    """

    name: str
    code_page: int | None
    codec: str | None
    known_to: str
    written: str | None = None

    @property
    def table(self) -> int | None:
        """The code page that converts it, 932 for ISO-2022-JP; None where Windows has none."""
        if self.code_page is None:
            return None
        return _RESTS_ON.get(self.code_page, self.code_page)


class DropDownEntry(NamedTuple):
    """An entry of the Administrator's Character Sets list: what it shows and what it stands for.

    ``certainty`` is ``documented`` where an article shows this entry on the Internet Mail page,
    else ``inferred`` from an article that shows or uses it elsewhere.
    """

    name: str
    charset: str
    certainty: str
    source: str


DROP_DOWN = (
    DropDownEntry("Western European (ISO-8859-1)", "ISO-8859-1", "documented", "Q230250"),
    DropDownEntry("US ASCII", "US-ASCII", "inferred", "Q166518, Q168347, Q195215"),
    DropDownEntry("Japanese - JIS", "ISO-2022-JP", "inferred", "Q166518, Q168138, Q166532"),
    DropDownEntry("Japanese EUC", "EUC-JP", "inferred", "Q187581, Q156063 section 2.9.5"),
    DropDownEntry("Japanese Shift-JIS", "Shift_JIS", "inferred", "Q166532, Q156063 section 2.9.5"),
    DropDownEntry("Korean (KSC5601)", "ISO-2022-KR", "inferred", "Q166518, Q166577"),
    DropDownEntry("Chinese Traditional", "Big5", "inferred", "Q168347, Q155817"),
    DropDownEntry("Chinese Simplified", "GB2312", "inferred", "Q155817"),
    DropDownEntry("Windows-1252", "windows-1252", "inferred", "Q175105, Q156063 section 2.9.6"),
    DropDownEntry("Cyrillic (KOI8-R)", "KOI8-R", "inferred", "Q178939"),
)
"""What is known of the list. It is open: no article gives it whole, and it grew with versions."""


class _Tables(NamedTuple):
    by_name: dict[str, Charset]
    written: dict[tuple[int | None, str | None], str]
    by_codec: dict[str, Charset]


_FIRST = {
    "cp949": "euc-kr", "gbk": "gb2312", "iso2022_jp_ext": "iso-2022-jp", "iso8859_8": "iso-8859-8",
}  # fmt: skip
"""Which charset stands for a codec that several have."""

_AS_WINDOWS = {
    "iso8859_1": "latin_1", "iso8859_11": "cp874", "tis_620": "cp874", "utf_8_sig": "utf_8",
    "shift_jis": "cp932", "shift_jisx0213": "cp932", "shift_jis_2004": "cp932",
    "euc_jisx0213": "euc_jp", "euc_jis_2004": "euc_jp", "iso2022_jp": "iso2022_jp_ext",
    "iso2022_jp_1": "iso2022_jp_ext", "iso2022_jp_2": "iso2022_jp_ext",
    "iso2022_jp_3": "iso2022_jp_ext", "iso2022_jp_2004": "iso2022_jp_ext",
    "euc_kr": "cp949", "gb2312": "gbk", "big5": "cp950",
}  # fmt: skip
"""Codecs that Windows has under another one: the same charset, or a part of it."""


@cache
def _tables() -> _Tables:
    text = resources.files(__package__).joinpath("charsets.csv").read_text("utf-8")
    tables = _Tables({}, {}, {})
    for line in text.splitlines()[1:]:
        name, page, codec, known_to, written = line.split(",")
        charset = Charset(
            name, int(page) if page else None, codec or None, known_to, written or None
        )
        tables.by_name[name] = charset
        if written:
            tables.written[charset.code_page, charset.codec] = written
            if codec and known_to == "windows":
                tables.by_codec.setdefault(codec, charset)
    for codec, name in _FIRST.items():
        tables.by_codec[codec] = tables.by_name[name]
    return tables


def plain_label(label: str) -> str:
    """Return a label as the tables have it: lower case, without blanks and quotes around it."""
    return label.strip().strip("\"'").strip().lower()


def find_charset(label: str) -> Charset | None:
    """Return the charset that a label names, in any letter case, or None.

    Quotes and blanks around it do not count; all else must be exact.
    """
    if len(label) > _LONGEST_LABEL or not label.isascii():
        return None
    return _tables().by_name.get(plain_label(label))


def preferred_name(charset: Charset) -> str:
    """Return the name to write in a report or a setting, one for each page and codec."""
    return _tables().written.get((charset.code_page, charset.codec), charset.name)


@cache
def charset_of_codec(codec: str) -> Charset | None:
    """Return the Windows charset that a Python codec reads, None where Windows has none.

    Any name or alias of the codec will do. Narrower codecs lead to the charset that holds them:
    ``shift_jis_2004`` to Shift_JIS, ``iso8859-11`` to windows-874. A codec that serves several
    gives the common one: EUC-KR for ``cp949``, ISO-8859-8 for both orders of Hebrew.
    """
    try:
        return _tables().by_codec.get(codec_as_windows(codec))
    except (LookupError, ValueError):
        return None


@cache
def codec_as_windows(codec: str) -> str:
    """Return the codec, as the tables name it, that reads what ``codec`` does as Windows would.

    Any name or alias of the codec will do. Raises LookupError for one that Python does not know.
    """
    name = codecs.lookup(codec).name.replace("-", "_")
    return _AS_WINDOWS.get(name, name)


@cache
def charset_of_page(code_page: int) -> Charset | None:
    """Return the Windows charset of a code page, None for a page the tables do not have."""
    found = [
        one
        for one in _tables().by_name.values()
        if one.code_page == code_page and one.known_to == "windows"
    ]
    return next((one for one in found if one.written), found[0] if found else None)


def drop_down_entry(charset: Charset) -> DropDownEntry | None:
    """Return the entry of the Character Sets list that stands for a charset, None if unknown."""
    name = preferred_name(charset)
    return next((one for one in DROP_DOWN if one.charset == name), None)


def needs_table(charset: Charset) -> int | None:
    """Return the code page whose NLS table must be installed for text of that charset.

    None where none is needed (UTF-7, UTF-8, UTF-16) and where Windows has no page for it.
    """
    return None if charset.table in ALWAYS else charset.table


def table_installed(table: int, installed: Collection[int] | None) -> bool:
    """Return whether a server with these code pages has a table; 1252 is the server's own.

    ``installed`` None means that no export tells; then a fresh NT 4.0 is assumed.
    """
    pages = NT4_DEFAULT if installed is None else installed
    return table in ALWAYS or table == 1252 or table in pages
