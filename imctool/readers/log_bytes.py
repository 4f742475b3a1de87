"""Log files as byte lines, whatever encoding an editor saved them in."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

LINE_LIMIT = 65_536
"""A longer line comes in pieces, of which only the last ends in LF."""

WINDOW = 1 << 17
"""So many bytes are read in one go: more no longer fit the processor's caches (measured)."""


def byte_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a seekable binary stream from its start, with their line ends.

    Lines end at LF only. A UTF-8 byte order mark is dropped. A log that was saved as UTF-16, told
    by its byte order mark, comes back in code page 1252, the code page it was shown in before
    (inferred: a Western server). Raises OSError as the stream does.
    """
    stream.seek(0)
    head = stream.read(3)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        stream.seek(0)
        yield from _utf16_lines(stream)
        return
    stream.seek(3 if head == codecs.BOM_UTF8 else 0)
    yield from iter(partial(stream.readline, LINE_LIMIT), b"")


def byte_windows(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of ``byte_lines`` joined: many whole lines, or one piece of a long line.

    A window that does not end in LF is such a piece or the end of the file; the next one begins
    with what follows on the same line. Not more than WINDOW and LINE_LIMIT bytes are held.
    Raises OSError as the stream does.
    """
    stream.seek(0)
    head = stream.read(3)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield from byte_lines(stream)
        return
    stream.seek(3 if head == codecs.BOM_UTF8 else 0)
    held = b""
    for block in iter(partial(stream.read, WINDOW), b""):
        held += block
        position = 0
        while True:
            end = _end_of_lines(held, position)
            if end > position:
                yield held[position:end]
            position = end
            if len(held) - position < LINE_LIMIT:
                break
            yield held[position : position + LINE_LIMIT]
            position += LINE_LIMIT
        held = held[position:]
    if held:
        yield held


def _end_of_lines(content: bytes, start: int) -> int:
    """Return where the lines from ``start`` on end, up to the first that is over the limit."""
    while True:
        end = content.rfind(b"\n", start, start + LINE_LIMIT) + 1
        if not end:
            return start
        start = end


def _utf16_lines(stream: BinaryIO) -> Iterator[bytes]:
    text = io.TextIOWrapper(stream, encoding="utf-16", errors="replace", newline="\n")
    try:
        for line in iter(partial(text.readline, LINE_LIMIT), ""):
            yield _ansi(line)
    finally:
        text.detach()


def _ansi(line: str) -> bytes:
    """Return the bytes of code page 1252; its five undefined bytes stand for themselves."""
    try:
        return line.encode("cp1252")
    except UnicodeEncodeError:
        return b"".join(
            bytes([ord(one)]) if 0x80 <= ord(one) < 0xA0 else one.encode("cp1252", "replace")
            for one in line
        )
