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
from dataclasses import dataclass

ENTRY_LIMIT = 1024
"""The log of 4.0 cuts an entry here; whether a NUL or the timestamp counts is unknown (Q159290)."""


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
        self._limits: set[int] = set()
        self._inner_ends = False
        self._repeated = 0
        self._dot = False
        self._dot_line = False

    @property
    def is_open(self) -> bool:
        """Whether a piece has begun and not ended."""
        return self._piece >= 0

    def begin(self, payload: bytes, *, stamp: int, mark: int) -> None:
        """Begin a piece with its first line, after a timestamp and a mark of so many bytes."""
        self._piece = self._size
        if self._before != (stamp, mark):
            self._before = (stamp, mark)
            self._limits = {
                limit - left_out
                for limit in (ENTRY_LIMIT - 1, ENTRY_LIMIT)
                for left_out in (0, mark, stamp + mark)
            }
        self._add(payload)

    def more(self, line: bytes) -> None:
        """Add a further line of the open piece; it shows that the line before had its end."""
        self._dot |= self._dot_line
        self._inner_ends |= self._size > self._piece and self._tail.endswith(b"\n")
        self._add(line)

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
        data = _without_stuffing(joined)
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

    def _add(self, line: bytes) -> None:
        self._dot_line = line == b".\r\n" and (not self._size or self._tail.endswith(b"\r\n"))
        self._size += len(line)
        self._tail = line[-8:] if len(line) >= 8 else (self._tail + line)[-8:]
        room = self._keep - len(self._buffer)
        if room > 0:
            self._buffer += line if len(line) <= room else line[:room]


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
    position = text.find(b"\r\n.\r\n")
    return position + 2 if position >= 0 else -1


def _ended_text(text: bytes, position: int, *, assumed: bool = False) -> RebuiltText:
    data = _without_stuffing(text[:position])
    return RebuiltText(data, len(data), True, text[position + 3 :], assumed)


def _without_stuffing(text: bytes) -> bytes:
    """Undo the dot-stuffing of RFC 821 section 4.5.2."""
    return text.removeprefix(b".").replace(b"\r\n.", b"\r\n")
