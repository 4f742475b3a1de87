"""The charsets that write everything in 7-bit bytes: ISO-2022, HZ and UTF-7 tell themselves.

They are told by their own rules, not by statistics: ISO-2022-JP by the escapes of RFC 1468,
ISO-2022-KR by those of RFC 1557, HZ by RFC 1843, UTF-7 by RFC 2152.
"""

from __future__ import annotations

import re
import unicodedata

from imctool.knowledge.windows_text import windows_decode

JAPANESE, KOREAN, HZ, UTF_7 = "iso2022_jp_ext", "iso2022_kr", "hz", "utf_7"

_JAPANESE_ESCAPE = re.compile(rb"\x1b(?:\$[@B]|\([IJ]|\$\([DOPQ])")
_KOREAN_ESCAPE = re.compile(rb"\x1b\$\)C")
_OTHER_ESCAPE = re.compile(rb"\x1b\$[()*+.]?[A-Z]")
_HZ = re.compile(rb"~\{((?:[\x21-\x7d][\x21-\x7e])+)~\}")
_SHIFTED = re.compile(rb"\+([A-Za-z0-9+/]{3,})(?:-|(?=[^A-Za-z0-9+/])|\Z)")

_SIGNS = frozenset(map(chr, range(0x2040, 0x3000)))
"""Arrows, boxes, stars, numbers in circles: any text may have them."""

_FEWEST_EAST_ASIAN = 6
"""Plain words after a plus sign decode to Chinese characters too; so many common ones do not."""


def seven_bit_codec(content: bytes) -> str | None:
    """Return the codec of 7-bit text: one of the four here, ``ascii``, or None.

    None means escapes of a charset that has no codec here (ISO-2022-CN), or broken ones.
    """
    if b"\x1b" in content:
        if _KOREAN_ESCAPE.search(content):
            return _if_valid(content, KOREAN)
        if _JAPANESE_ESCAPE.search(content):
            return _if_valid(content, JAPANESE)
        if _OTHER_ESCAPE.search(content):
            return None
    if _HZ.search(content) and _is_chinese(content):
        return HZ
    if b"+" in content and _is_utf_7(content):
        return UTF_7
    return "ascii"


def _if_valid(content: bytes, codec: str) -> str | None:
    return codec if windows_decode(content, codec, final=False) is not None else None


def _is_chinese(content: bytes) -> bool:
    text = windows_decode(content, HZ, final=False)
    return text is not None and not text.isascii()


def _is_utf_7(content: bytes) -> bool:
    """Return whether the shifted stretches decode to text that somebody would write.

    ``+word-`` is well-formed UTF-7 by chance in one of eight; what comes out then are Chinese
    characters or unassigned ones, hardly ever two common ones of one alphabet.
    """
    text = windows_decode(content, UTF_7, final=False)
    if text is None or text.isascii() or not _SHIFTED.search(content):
        return False
    signs = 0
    scripts: dict[str, int] = {}
    for character in text:
        if character.isascii():
            continue
        if character in _SIGNS:
            signs += 1
            continue
        script = _script(character)
        if script is None:
            return False
        scripts[script] = scripts.get(script, 0) + 1
    if signs > sum(scripts.values()) / 2:
        return False
    east_asian = scripts.pop("EAST ASIAN", 0)
    if east_asian:
        fewest = _FEWEST_EAST_ASIAN * (2 if signs else 1)
        return east_asian >= fewest and _is_common(text)
    return sum(scripts.values()) >= 2 or "LATIN-1" in scripts


def is_written_somewhere(text: str) -> bool:
    """Return whether a text is in alphabets, or in East Asian characters of one national set.

    ASCII read as UTF-16 comes out as East Asian characters that no one set holds.
    """
    kinds = {_script(letter) for letter in text if not letter.isascii()}
    return "EAST ASIAN" not in kinds or _is_common(text)


def _script(character: str) -> str | None:
    """Return the kind of letters a character belongs to, None for what text hardly has."""
    number = ord(character)
    if 0xA0 <= number < 0x100:
        return "LATIN-1"
    if number < 0xA0 or unicodedata.category(character) in {"Cn", "Co", "Cs", "Cc"}:
        return None
    if number < 0x0700 or 0x0E00 <= number < 0x0E80 or 0x1E00 <= number < 0x2040:
        return "ALPHABET"
    if number in {0x20AC, 0x2122, 0x2116}:
        return "ALPHABET"
    return "EAST ASIAN" if 0x3000 <= number < 0xFFF0 else None


def _is_common(text: str) -> bool:
    """Return whether one of the national sets of the time holds all of the text but its signs."""
    text = "".join(letter for letter in text if letter not in _SIGNS)
    for codec in ("gb2312", "shift_jis", "euc_kr", "big5"):
        try:
            text.encode(codec)
        except UnicodeEncodeError:
            continue
        return True
    return False
