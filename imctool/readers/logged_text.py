"""The text of one message as a protocol log holds it: pieces whose joints must be understood.

How a Maximum-level log writes the text is not documented beyond "complete, unformatted protocol
packets" (Q154505), so both plausible forms are read. An entry is one packet, with the line ends of
the packet in it, or one line without its line end; after it comes the logger's own line end. The
text ends with a line that is a single dot (RFC 821 section 4.5.2), and that line shows which it
is: logged with a line end of its own the pieces join as they are, logged without one each joint
has lost a line end.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

ENTRY_LIMIT = 1024
"""The log of 4.0 cuts an entry here; whether a NUL or the timestamp counts is unknown (Q159290)."""


@lru_cache(maxsize=64)
def cut_lengths(stamp: int, mark: int) -> frozenset[int]:
    """Return how long a piece may be that the log of 4.0 cut, after that timestamp and mark."""
    return frozenset(
        limit - left_out
        for limit in (ENTRY_LIMIT - 1, ENTRY_LIMIT)
        for left_out in (0, mark, stamp + mark)
    )


@dataclass(frozen=True, slots=True)
class RebuiltText:
    """A message text with its dot-stuffing undone.

    ``data`` is what was kept of it, ``size`` how long it is in all. ``ended`` says that the line
    with the final dot was there; ``rest`` is what the client sent after it. ``assumed`` says that
    the line ends at the joints of packets are not in the log but assumed.
    """

    data: bytes
    size: int
    ended: bool
    rest: bytes = b""
    assumed: bool = False


class LoggedText:
    """Collects the pieces of one text. ``packets`` tells whether they are packets or lines.

    ``at_limit`` says that a piece was exactly as long as the log of 4.0 lets an entry be, ``cut``
    that the next entry followed it there on the same line.
    """

    __slots__ = (
        "_before",
        "_buffer",
        "_dot",
        "_dot_line",
        "_inner_ends",
        "_joints",
        "_keep",
        "_limits",
        "_piece",
        "_pieces",
        "_repeated",
        "_size",
        "_tail",
        "at_limit",
        "cut",
        "packets",
    )

    def __init__(self, *, packets: bool, keep: int) -> None:
        self.packets = packets
        self.at_limit = False
        self.cut = False
        self._keep = keep
        self._buffer = bytearray()
        self._size = 0
        self._tail = b""
        self._joints = array("Q")
        self._pieces = 0
        self._piece = -1
        self._before = (-1, -1)
        self._limits: frozenset[int] = frozenset()
        self._inner_ends = False
        self._repeated = 0
        self._dot = False
        self._dot_line = False

    @property
    def is_open(self) -> bool:
        """Whether a piece has begun and not ended."""
        return self._piece >= 0

    @property
    def lengths_of_cuts(self) -> frozenset[int]:
        """How long the open piece may be that the log of 4.0 cut."""
        return self._limits

    @property
    def done(self) -> int:
        """How many bytes of the open piece there are so far."""
        return self._size - self._piece

    def begin(self, payload: bytes, *, stamp: int, mark: int) -> None:
        """Begin a piece with its first lines, after a timestamp and a mark of so many bytes."""
        self._piece = self._size
        self._set_limits(stamp, mark)
        self._add(payload)

    def _set_limits(self, stamp: int, mark: int) -> None:
        if self._before != (stamp, mark):
            self._before = (stamp, mark)
            self._limits = cut_lengths(stamp, mark)

    def more(self, lines: bytes) -> None:
        """Add further lines of the open piece; they show that the line before had its end."""
        self._dot |= self._dot_line
        self._inner_ends |= self._size > self._piece and self._tail.endswith(b"\n")
        self._add(lines)

    def add_pieces(self, pieces: Sequence[bytes], *, stamp: int, mark: int) -> int:
        """Add whole pieces, given without the logger's line end; return the longest's length."""
        joined = b"".join(pieces)
        if not self._size or DOT_LINE in joined or DOT_LINE in self._tail + joined[:8]:
            for piece in pieces:
                self.begin(piece + b"\r\n", stamp=stamp, mark=mark)
                self.end()
            return max(map(len, pieces))
        self._set_limits(stamp, mark)
        start = self._size
        self._append(joined)
        self._inner_ends |= b"\n" in joined
        lengths = [len(piece) for piece in pieces]
        self.at_limit |= not self._limits.isdisjoint(lengths)
        ends = accumulate(lengths[1:], initial=start + lengths[0])
        self._joints.extend([end for end in ends if end <= self._keep])
        self._pieces += len(pieces)
        return max(lengths)

    def cuts_in(self, line: bytes) -> list[int]:
        """Return where in the next line of the open piece an entry cut at the limit would end."""
        done = self._size - self._piece
        if done > ENTRY_LIMIT or done + len(line) < ENTRY_LIMIT - 256:
            return []
        return sorted(limit - done for limit in self._limits if 0 < limit - done <= len(line))

    def end(self, *, newline: bool = True) -> int:
        """End the open piece, take the logger's line end off, and return the piece's length."""
        if newline:
            _, end = _without_end(self._tail)
            self._size -= end
            self._tail = self._tail[: len(self._tail) - end]
            if self._size < len(self._buffer):
                del self._buffer[self._size :]
        length = self._size - self._piece
        self.at_limit |= length in self._limits
        self.cut |= not newline
        self._dot |= not self.packets and length == 1 and self._tail.endswith(b".")
        self._piece = -1
        self._pieces += 1
        if self._size <= self._keep:
            self._joints.append(self._size)
        return length

    @property
    def piece_at_limit(self) -> bool:
        """Whether the open piece, without the logger's line end, is that long."""
        if not self.is_open:
            return False
        return self._size - self._piece - _without_end(self._tail)[1] in self._limits

    @property
    def ended(self) -> bool:
        """Whether the line of the final dot seems to be there; only rebuild() is sure."""
        tail, end = _without_end(self._tail) if self.is_open else (self._tail, 0)
        if self._dot or tail.endswith((b"\r\n.\r\n", b"\r\n.")):
            return True
        if self._size - end <= 3 and tail in {b".", b".\r\n"}:
            return True
        return self.is_open and tail.endswith(b".") and self._size - end - self._piece == 1

    def is_next(self, line: bytes) -> bool:
        """Tell whether a line entry repeats the line of the packets after the last one repeated."""
        return self._end_of_repeated(line) >= 0

    def pass_over(self, line: bytes) -> None:
        """Note that a line entry repeated the next line of the packets."""
        self._repeated = max(self._repeated, self._end_of_repeated(line))

    def _end_of_repeated(self, line: bytes) -> int:
        start = self._repeated
        if start >= self._keep:
            return start
        for form in (line, b"." + line):
            stop = start + len(form)
            if self._buffer.startswith(form, start):
                if self._buffer.startswith(b"\r\n", stop):
                    return stop + 2
                if stop == len(self._buffer):
                    return stop
        return -1

    def rebuild(self) -> RebuiltText:
        """Join the pieces, find the final dot, and undo the dot-stuffing."""
        kept = bytes(self._buffer)
        position = _final_dot(kept)
        if position >= 0:
            return _ended_text(kept, position)
        joined = self._joined_by_lines()
        position = _final_dot(joined)
        if position >= 0:
            assumed = self.packets and self._pieces > 1 and self._inner_ends
            return _ended_text(joined, position, assumed=assumed)
        if self.packets and (self._inner_ends or self._pieces == 1):
            joined = kept
        data = without_stuffing(joined)
        beyond = self._size - len(self._buffer)
        if beyond > 0 and joined is not kept:
            beyond += 2 * (self._pieces - len(self._joints))
        ended = beyond > 0 and self.ended
        return RebuiltText(data, len(data) + beyond - 3 * ended, ended)

    def _joined_by_lines(self) -> bytes:
        starts = [0, *self._joints]
        pieces = [self._buffer[a:b] for a, b in zip(starts, self._joints, strict=False)]
        if starts[-1] < len(self._buffer):
            pieces.append(self._buffer[starts[-1] :])
        return b"".join(piece + b"\r\n" for piece in pieces)

    def _add(self, lines: bytes) -> None:
        after_break = self._tail.endswith(b"\r\n") or not self._size
        last = lines.rfind(b"\n", 0, -1) + 1
        if last:
            self._inner_ends = True
            self._dot = (
                self._dot
                or lines.find(DOT_LINE, 0, last) >= 0
                or (after_break and lines.startswith(b".\r\n"))
                or (lines.startswith(b"\n.\r\n", 0, last) and self._tail.endswith(b"\r"))
            )
            after_break = (self._tail[-1:] + lines[max(last - 2, 0) : last]).endswith(b"\r\n")
        self._dot_line = after_break and lines.endswith(b".\r\n") and len(lines) - last == 3
        self._append(lines)

    def _append(self, lines: bytes) -> None:
        self._size += len(lines)
        self._tail = lines[-8:] if len(lines) >= 8 else (self._tail + lines)[-8:]
        room = self._keep - len(self._buffer)
        if room > 0:
            self._buffer += lines if len(lines) <= room else lines[:room]


DOT_LINE = b"\r\n.\r\n"
"""The line of the final dot, with the line end before it (RFC 821 section 4.5.2)."""


def _without_end(tail: bytes) -> tuple[bytes, int]:
    """Return the bytes without one line end, and how long that line end is."""
    if tail.endswith(b"\r\n"):
        return tail[:-2], 2
    if tail.endswith(b"\n"):
        return tail[:-1], 1
    return tail, 0


def _final_dot(text: bytes) -> int:
    """Return where the line of the final dot begins, or -1."""
    if text.startswith(b".\r\n"):
        return 0
    position = text.find(DOT_LINE)
    return position + 2 if position >= 0 else -1


def _ended_text(text: bytes, position: int, *, assumed: bool = False) -> RebuiltText:
    data = without_stuffing(text[:position])
    return RebuiltText(data, len(data), True, text[position + 3 :], assumed)


def without_stuffing(text: bytes) -> bytes:
    """Undo the dot-stuffing of RFC 821 section 4.5.2."""
    return text.removeprefix(b".").replace(b"\r\n.", b"\r\n")
