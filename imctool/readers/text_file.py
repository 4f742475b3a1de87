"""Text of unknown encoding: which encoding it has, and its lines in constant memory.

Windows NT tools write the ANSI code page or UTF-16, with or without a byte order mark; what was
collected later is often UTF-8.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from imctool.readers.file_buffer import open_binary

Line = tuple[int, str]
"""A line without its end, under its number, which counts from 1."""

BLOCK = 1 << 18
LONGEST_LINE = 1 << 20
"""A longer line is handed on in pieces that carry the same number."""

_UTF_16_HEAD = 4096
_WINDOWS_1252 = "".join(
    bytes([value]).decode("cp1252") if value not in {0x81, 0x8D, 0x8F, 0x90, 0x9D} else chr(value)
    for value in range(256)
)


def decode_text(data: bytes) -> str:
    """Return the text of ``data`` without a byte order mark; never fails.

    A mark or the pattern of NUL bytes tells UTF-16; else it is UTF-8 where all of it is valid
    (a character cut off at the end aside), else Windows-1252 with its five undefined bytes as
    C1 controls.
    """
    return "".join(_decoded([data], text_encoding([data])))


def text_encoding(blocks: Iterable[bytes]) -> str:
    """Return ``utf-16-le``, ``utf-16-be``, ``utf-8`` or ``cp1252`` for the text in ``blocks``."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    foreign = False
    for number, block in enumerate(blocks):
        if number == 0:
            marked = _marked_encoding(block)
            if marked:
                return marked
        try:
            foreign = not decoder.decode(block).isascii() or foreign
        except UnicodeDecodeError:
            return "cp1252"
    cut_off = bool(decoder.getstate()[0])
    return "cp1252" if cut_off and not foreign else "utf-8"


def text_blocks(path: Path) -> Iterator[str]:
    """Yield the text of a file piece by piece; raises OSError where it cannot be read."""
    with open_binary(path) as stream:
        encoding = text_encoding(_blocks(stream))
        stream.seek(0)
        yield from _decoded(_blocks(stream), encoding)


def numbered_lines(blocks: Iterable[str]) -> Iterator[Line]:
    """Yield the lines of a text that comes in pieces. LF ends a line; CRs before it go too.

    NULs are left out: a crash leaves them in a log, and no text holds any.
    """
    number = 1
    carry = ""
    for block in blocks:
        pieces = (carry + block).split("\n")
        carry = pieces.pop()
        for piece in pieces:
            yield number, piece.replace("\0", "").rstrip("\r")
            number += 1
        if len(carry) > LONGEST_LINE:
            yield number, carry.replace("\0", "")
            carry = ""
    if carry:
        yield number, carry.replace("\0", "").rstrip("\r")


def _marked_encoding(head: bytes) -> str | None:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    pairs = len(head[:_UTF_16_HEAD]) // 2
    low = head[0 : 2 * pairs : 2].count(0)
    high = head[1 : 2 * pairs : 2].count(0)
    # Latin text has a NUL in nearly every pair, on one side; binary data has them on both.
    if pairs and high * 3 >= pairs and low * 10 <= high:
        return "utf-16-le"
    if pairs and low * 3 >= pairs and high * 10 <= low:
        return "utf-16-be"
    return None


def _decoded(blocks: Iterable[bytes], encoding: str) -> Iterator[str]:
    if encoding == "cp1252":
        for block in blocks:
            yield codecs.charmap_decode(block, "strict", _WINDOWS_1252)[0]
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    first = True
    for block in blocks:
        text = decoder.decode(block)
        yield text.removeprefix("\ufeff") if first else text
        first = False
    yield decoder.decode(b"", True)


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    while block := stream.read(BLOCK):
        yield block
