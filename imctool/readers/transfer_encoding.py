"""The transfer encodings of MIME bodies undone (RFC 2045 section 6), in constant memory.

What is broken is passed over or left as it stands, never an error.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from imctool.readers.file_buffer import WINDOW, Buffer, release_pages

LINE_LIMIT = 4096
"""A longer line is no line of an encoding that puts its letters in lines."""

NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
)
"""The bytes that are no letters of base64."""

_GROUPS_OF_FOUR = re.compile(
    rb"(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)+", re.ASCII
)

# Up to a hundred blanks that a transport put behind the sign of a soft line break.
_SOFT_BREAK = re.compile(rb"=[ \t]{0,100}(?:\r\n?|\n)")
_SOFT_BREAK_AT_END = re.compile(rb"=[ \t]{0,100}\Z")
_MALFORMED = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]{0,100}[\r\n])")
_UNUSUAL = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n)")
_UNFINISHED = re.compile(rb"=(?:[ \t]{0,100}\r?|[0-9A-Fa-f])\Z")
_LONGEST_UNFINISHED = 102

_UUENCODED_BEGIN = re.compile(rb"begin [0-7]{3,4} +[^ \r\n]")
_GATHERED = 64 << 10


def decoded(raw: bytes, encoding: str) -> bytes:
    """Return the bytes of a body, its transfer encoding undone; see ``decoded_blocks``."""
    return b"".join(decoded_blocks(raw, 0, len(raw), encoding))


def decoded_blocks(
    buffer: Buffer, start: int, end: int, encoding: str, *, block: int = WINDOW
) -> Iterator[bytes]:
    """Yield the bytes of the body between two offsets, its transfer encoding undone.

    ``encoding`` is in lower case; an unknown one leaves the bytes as they are, as do 7bit, 8bit
    and binary. Reads ``block`` bytes at a time; what comes out is the same for any of them.

    - base64: what is not base64 is passed over (RFC 2045 section 6.8). Behind padding, where that
      section takes the data to be over, encoded texts that were put one after the other go on, as
      long as each line is whole groups of four; the first line that is not, such as what a mailing
      list adds, ends it.
    - quoted-printable: an ``=`` that is neither a soft line break nor followed by two hexadecimal
      digits stays; at the very end it is a soft line break.
    - x-uuencode, uuencode, x-uue, uue: the lines between ``begin`` and ``end``; a broken line is
      passed over. RFC 2045 does not know it; mail of the time does.
    """
    raw = _blocks(buffer, start, end, block)
    decoder = _DECODERS.get(encoding)
    return raw if decoder is None else decoder(raw)


def _blocks(buffer: Buffer, start: int, end: int, size: int) -> Iterator[bytes]:
    start, end = max(start, 0), min(end, len(buffer))
    released = start
    for at in range(start, end, size):
        stop = min(at + size, end)
        yield buffer[at:stop]
        if stop - released >= WINDOW or stop == end:
            release_pages(buffer, released, stop)
            released = stop


def _from_base64(blocks: Iterator[bytes]) -> Iterator[bytes]:
    letters = b""  # of a group of four that is not whole
    for raw in blocks:
        before, padding, after = raw.partition(b"=")
        letters += before.translate(None, NOT_BASE64)
        if padding:
            yield from_base64_letters(letters)
            yield from _behind_padding(chain((after,), blocks))
            return
        whole = len(letters) - len(letters) % 4
        yield binascii.a2b_base64(letters[:whole])
        letters = letters[whole:]
    yield from_base64_letters(letters)


def from_base64_letters(letters: bytes) -> bytes:
    """Return the bytes that base64 letters stand for; a last one alone stands for none.

    Padding is neither needed nor taken.
    """
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _behind_padding(blocks: Iterable[bytes]) -> Iterator[bytes]:
    for line in _lines(blocks):
        groups = line.strip().lstrip(b"=")
        if not groups:
            continue
        if len(line) > LINE_LIMIT or not _GROUPS_OF_FOUR.fullmatch(groups):
            return
        yield b"".join(map(from_base64_letters, groups.split(b"=")))


def _from_quoted_printable(blocks: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    for raw in blocks:
        text = held + raw
        unfinished = _UNFINISHED.search(text, max(len(text) - _LONGEST_UNFINISHED, 0))
        whole = unfinished.start() if unfinished else len(text)
        yield _from_quoted(text[:whole])
        held = text[whole:]
    yield _from_quoted(_SOFT_BREAK_AT_END.sub(b"", held))


def _from_quoted(text: bytes) -> bytes:
    """Return quoted-printable text decoded; an ``=`` that misses what comes after it stays."""
    if _UNUSUAL.search(text):
        # Python's decoder takes "==" for "=", and "=" with a bare CR for all up to the next LF.
        text = _SOFT_BREAK.sub(b"", _MALFORMED.sub(b"=3D", text))
    return binascii.a2b_qp(text)


def _from_uuencoded(blocks: Iterable[bytes]) -> Iterator[bytes]:
    gathered = bytearray()
    inside = False
    for line in _lines(blocks):
        if not inside:
            inside = begins_uuencoded(line)
        elif line.strip() == b"end":
            inside = False
        else:
            gathered += uuencoded_line(line) or b""
            if len(gathered) >= _GATHERED:
                yield bytes(gathered)
                gathered.clear()
    yield bytes(gathered)


def begins_uuencoded(line: bytes) -> bool:
    """Return whether a line has the form of the first of a uuencoded file: begin, mode, name."""
    return _UUENCODED_BEGIN.match(line) is not None and len(line) <= LINE_LIMIT


def uuencoded_line(line: bytes) -> bytes | None:
    """Return the bytes that a line of a uuencoded file stands for, None where it is no such line.

    Blanks that a transport cut off at its end count as zeros; up to two characters more than the
    line needs, a checksum, are passed over.
    """
    line = line.rstrip(b"\r\n")
    if not line:
        return b""
    count = line[0] - 0x20
    if not 0 <= count <= 0x40:
        return None
    count &= 0x3F
    if len(line) > 1 + (count + 2) // 3 * 4 + 2:
        return None
    try:
        return binascii.a2b_uu(line[: 1 + (count * 4 + 2) // 3])
    except binascii.Error:
        return None


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines without LF; of one longer than LINE_LIMIT only so much that this shows."""
    start = b""
    for block in blocks:
        lines = (start + block).split(b"\n")
        start = lines.pop()[: LINE_LIMIT + 1]
        yield from lines
    if start:
        yield start


_DECODERS: dict[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
    "base64": _from_base64,
    "quoted-printable": _from_quoted_printable,
    "x-uuencode": _from_uuencoded,
    "uuencode": _from_uuencoded,
    "x-uue": _from_uuencoded,
    "uue": _from_uuencoded,
}

UNDONE = frozenset(_DECODERS)
"""The encodings that are undone; under any other name the bytes stand as they are."""
