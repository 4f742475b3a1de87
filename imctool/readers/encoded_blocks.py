"""Files that stand encoded in the text of a mail, left out of it: uuencode, BinHex, yEnc.

Mail without MIME carries its attachments so (Q262126 names uuencode and BinHex). Their bytes say
nothing of the text around them: yEnc is 8-bit, and uuencoded lines look like UTF-7.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Literal

from imctool.readers.transfer_encoding import LINE_LIMIT, begins_uuencoded, uuencoded_line

_BINHEX_NOTICE = b"(This file must be converted with BinHex"
_MARKS = re.compile(rb"begin |" + re.escape(_BINHEX_NOTICE))
_LONGEST_MARK = len(_BINHEX_NOTICE)

# RFC 1741 section 2 has the letters; a colon stands at both ends.
_BINHEX_LETTERS = rb"""!"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr:"""
_BINHEX_WAIT = 256
_BINHEX_START = re.compile(rb"[ \t\r\n]{0,256}:")

_YENC_WIDTH = re.compile(rb" line=(\d{1,4})(?!\d)")
_YENC_SIZE = re.compile(rb" size=(\d{1,12})(?!\d)")

_FULL_LINES = {
    "uuencode": re.compile(rb"(?:M[ -`]{60}\r?\n)+"),
    "binhex": re.compile(rb"(?:[" + re.escape(_BINHEX_LETTERS[:-1]) + rb"]{64}\r?\n)+"),
}


class _Line(Enum):
    """What a line is to the encoded file being passed over."""

    INSIDE = 1
    LAST = 2
    OUTSIDE = 3


class _Uuencoded:
    """A uuencoded file; without its ``end`` it is over at the first line of another form."""

    full_lines: re.Pattern[bytes] | None = _FULL_LINES["uuencode"]

    def line(self, line: bytes) -> _Line:
        if line.strip() == b"end":
            return _Line.LAST
        return _Line.OUTSIDE if uuencoded_line(line) is None else _Line.INSIDE


class _BinHex:
    """A BinHex 4.0 file from its notice on; it ends at a colon that ends a line."""

    full_lines: re.Pattern[bytes] | None = _FULL_LINES["binhex"]

    def __init__(self) -> None:
        self._waits = True  # for the first colon

    def line(self, line: bytes) -> _Line:
        letters = line.strip()
        if letters.translate(None, _BINHEX_LETTERS):
            return _Line.OUTSIDE
        first = self._waits and letters.startswith(b":")
        if first:
            self._waits = False
        ends = letters.endswith(b":") and not self._waits and (not first or len(letters) > 1)
        return _Line.LAST if ends else _Line.INSIDE


class _YEnc:
    """A yEnc file up to its ``=yend``, or to as many bytes as its size can make."""

    full_lines: re.Pattern[bytes] | None = None

    def __init__(self, width: int, size: int) -> None:
        # Every byte may take two, every line ends, and there may be a line of =ypart.
        self._left = size * 2 + (size // max(width, 1) + 2) * 4 + LINE_LIMIT

    def line(self, line: bytes) -> _Line:
        if line.startswith(b"=yend"):
            return _Line.LAST
        self._left -= len(line)
        return _Line.OUTSIDE if self._left < 0 else _Line.INSIDE


_File = _Uuencoded | _BinHex | _YEnc


class TextOutsideFiles:
    """The blocks of a text without the lines of files encoded in it; to be iterated once.

    ``left_out`` says whether there were any so far. A line that merely looks like the first of
    such a file, in prose, stays: a file is believed when what follows is encoded in that form.
    """

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self.left_out = False
        self._blocks = blocks
        self._file: _File | None = None
        self._in_line = False  # what comes next goes on with a line

    def __iter__(self) -> Iterator[bytes]:
        held = b""
        for block in self._blocks:
            text, held = self._outside(held + block, last=False)
            yield text
        yield self._outside(held, last=True)[0]

    def _outside(self, data: bytes, *, last: bool) -> tuple[bytes, bytes]:
        """Return what of ``data`` is text, and what cannot be told before more has come."""
        kept: list[bytes] = []
        marked = b"begin " in data or _BINHEX_NOTICE in data
        position = 0
        while position < len(data):
            if self._file is not None:
                found = self._passed(data, position, last=last)
                if found is None:
                    return b"".join(kept), data[position:]
                position = found
                continue
            start = self._next_start(data, position, marked=marked, last=last)
            kept.append(data[position:start])
            if start > position:
                self._in_line = data[start - 1] != 0x0A
            position = start
            if start == len(data):
                break
            end = data.find(b"\n", start) + 1
            if not end and not last and len(data) - start <= LINE_LIMIT:
                return b"".join(kept), data[start:]
            end = end or len(data)
            started = _file_at(data, start, end, last=last)
            if started is None:
                return b"".join(kept), data[start:]
            if started is not False:
                self.left_out = True
                self._file = started
            else:
                kept.append(data[start:end])
                self._in_line = data[end - 1] != 0x0A
            position = end
        return b"".join(kept), b""

    def _next_start(self, data: bytes, position: int, *, marked: bool, last: bool) -> int:
        """Return where the next line stands that a file may begin with, or the end.

        A line that has not ended may be one as long as it is short.
        """
        fresh = -1 if self._in_line else position
        if self._in_line:
            fresh = data.find(b"\n", position) + 1
            if not fresh:
                return len(data)
        if marked:
            for mark in _MARKS.finditer(data, fresh):
                start = mark.start()
                if data[start - 2 : start] == b"=y" and start - 2 >= fresh:
                    start -= 2
                if start == fresh or data[start - 1] == 0x0A:
                    return start
        line = max(data.rfind(b"\n", fresh) + 1, fresh)
        return len(data) if last or len(data) - line >= _LONGEST_MARK else line

    def _passed(self, data: bytes, position: int, *, last: bool) -> int | None:
        """Return the offset behind the next lines of the file; None if more must come first."""
        assert self._file is not None
        pattern = self._file.full_lines
        run = pattern.match(data, position) if pattern is not None else None
        if run is not None:
            return run.end()
        end = data.find(b"\n", position) + 1
        if not end and not last and len(data) - position <= LINE_LIMIT:
            return None
        end = end or len(data)
        kind = _Line.OUTSIDE
        if end - position <= LINE_LIMIT:
            kind = self._file.line(data[position:end])
        if kind is not _Line.INSIDE:
            self._file = None
        return position if kind is _Line.OUTSIDE else end


def _file_at(data: bytes, start: int, end: int, *, last: bool) -> _File | Literal[False] | None:
    """Return the file that begins with the line, False where none does, None if not to be told."""
    line = data[start:end]
    if len(line) > LINE_LIMIT:
        return False
    if line.startswith(_BINHEX_NOTICE):
        if _BINHEX_START.match(data, end):
            return _BinHex()
        blank = not data[end : end + _BINHEX_WAIT + 1].strip()
        return None if blank and not last and len(data) - end <= _BINHEX_WAIT else False
    yenc = _yenc_begun(line)
    if yenc is None and not begins_uuencoded(line):
        return False
    stop = data.find(b"\n", end) + 1
    if not stop and not last and len(data) - end <= LINE_LIMIT:
        return None
    after = data[end : stop or len(data)]
    if yenc is None:
        return _Uuencoded() if _is_whole_uuencoded(after) else False
    width, size = yenc
    length = len(after.rstrip(b"\r\n"))
    fits = length in (width, width + 1) or (size < width and 0 < length <= size * 2)
    return _YEnc(width, size) if fits or after.startswith((b"=ypart ", b"=yend ")) else False


def _yenc_begun(line: bytes) -> tuple[int, int] | None:
    """Return the length of the lines and the size that a ``=ybegin`` line tells, or None."""
    if not line.startswith(b"=ybegin "):
        return None
    before, name, _ = line.partition(b" name=")
    width, size = _YENC_WIDTH.search(before), _YENC_SIZE.search(before)
    return (int(width[1]), int(size[1])) if name and width and size else None


def _is_whole_uuencoded(line: bytes) -> bool:
    """Return whether a line is uuencoded and no blanks of it are missing, or is an ``end``."""
    line = line.rstrip(b"\r\n")
    if line in (b"end", b"`"):
        return True
    if len(line) > LINE_LIMIT or not uuencoded_line(line):
        return False
    return len(line) >= 1 + ((line[0] - 0x20 & 0x3F) * 4 + 2) // 3
