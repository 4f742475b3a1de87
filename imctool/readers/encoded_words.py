"""The encoded-words of a header field (RFC 2047): their charset and their bytes."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

from imctool.readers.transfer_encoding import NOT_BASE64, from_base64_letters

# The charset may hold blanks and be empty: such words occur, and are what is looked for here.
_OPENING = re.compile(r"=\?([^?\r\n]{0,128}+)\?([BbQq])\?")
# What ends a word is followed by two hexadecimal digits, and the same run of characters ends once
# more: the question mark was left unencoded, and the equals sign begins an encoded byte.
_GOES_ON = re.compile(r"\?=[0-9A-Fa-f]{2}(?:[^?\s=]|\?(?!=)|=(?!\?))*+\?=")
_ENCODED_BYTE = re.compile(rb"=([0-9A-Fa-f]{2})")
_BARE_EQUALS = re.compile(rb"=(?![0-9A-Fa-f]{2})")
_BLANKS = b" \t\r\n\0"


class EncodedWord(NamedTuple):
    """One encoded-word: what it declares, its bytes, and where in the field's value it stands.

    ``label`` is the charset as written, without blanks around it and without the language that
    RFC 2231 section 5 lets follow; "" where it is blank. ``well_formed`` is False where the text
    does not keep to its encoding (RFC 2047 section 6.3), so that ``content`` may be wrong.
    """

    label: str
    content: bytes
    well_formed: bool
    start: int
    end: int


def encoded_words(value: str) -> Iterator[EncodedWord]:
    """Yield the encoded-words of a field's value, unfolded and decoded as Latin-1, in order.

    They are taken wherever they stand, in quoted strings and comments too, and of any length.
    A word may hold blanks and, in Q, question marks; one that is not closed before the next
    opens is none. Takes time linear in the length of ``value``.
    """
    opening = _OPENING.search(value)
    close = -1
    while opening:
        first = opening.end()
        if close < first:
            close = value.find("?=", first)
            if close < 0:
                return
        inner = _OPENING.search(value, first, close + 1)
        if inner:
            opening = inner
            continue
        charset, encoding = opening.groups()
        if encoding in "Qq":
            while more := _GOES_ON.match(value, close):
                close = more.end() - 2
            content, well_formed = _from_q(value[first:close])
        else:
            content, well_formed = _from_b(value[first:close])
        label = charset.partition("*")[0].strip()
        end = close + 2
        yield EncodedWord(label, content, well_formed, opening.start(), end)
        opening = _OPENING.search(value, end)


def _from_q(text: str) -> tuple[bytes, bool]:
    """Return the bytes of a Q text; an equals sign that encodes nothing is left as it stands."""
    raw = text.replace("_", " ").encode("latin-1", "replace")
    well_formed = raw.isascii()
    if b"=" not in raw:
        return raw, well_formed
    well_formed = well_formed and _BARE_EQUALS.search(raw) is None
    return _ENCODED_BYTE.sub(lambda byte: binascii.a2b_hex(byte[1]), raw), well_formed


def _from_b(text: str) -> tuple[bytes, bool]:
    """Return the bytes of a B text: what is no base64 is passed over, lacking padding supplied.

    Where padding stands in the middle, base64 begins anew behind it.
    """
    raw = text.encode("latin-1", "replace").translate(None, _BLANKS).rstrip(b"=")
    letters = raw.translate(None, NOT_BASE64)
    if len(letters) == len(raw) and len(letters) % 4 != 1:
        return from_base64_letters(letters), True
    pieces = (piece.translate(None, NOT_BASE64) for piece in raw.split(b"="))
    return b"".join(map(from_base64_letters, pieces)), False
