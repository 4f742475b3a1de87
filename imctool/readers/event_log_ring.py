"""The ring of a binary Windows NT event log: its header, its end-of-file record, its chain.

After a header of 48 bytes, records follow one another to the end of the file and go on behind
the header; one that does not fit is split in two there. An end-of-file record stands behind the
newest. While the service has the log open its header is stale ("dirty", Q255861), and only the
end-of-file record is true. Layout: ELF_LOGFILE_HEADER and ELF_EOF_RECORD in the Windows SDK,
bb309022 and bb309024 on learn.microsoft.com, and the documentation of libevt.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from imctool.readers.event_log_record import FIXED_LENGTH, SHORTEST, record_number
from imctool.readers.file_buffer import WINDOW, Buffer, release_pages

SIGNATURE = b"LfLe"
LENGTH_AND_SIGNATURE = struct.Struct("<I4s")
_LENGTH = struct.Struct("<I")

HEADER_LENGTH = 0x30
_HEADER = struct.Struct("<16xII12xI8x")
"""Offset of the oldest record, offset of the end-of-file record, flags."""
_DIRTY = 1

END_MARK = struct.pack("<5I", 0x28, 0x11111111, 0x22222222, 0x33333333, 0x44444444)
_END = struct.Struct("<20xIII4xI")
"""Offset of the oldest record, own offset, number of the next record, own length again."""
_END_LENGTH = 0x28

_FILL = b"\0\x27"
"""NT fills what is too short for a record at the end of the ring with 27 00 00 00."""


class Ring:
    """The bytes of a log, read on behind the header where a record crosses their end."""

    def __init__(self, buffer: Buffer) -> None:
        self.buffer = buffer
        self.size = len(buffer)
        self.has_header = self.is_header(0)
        self._window = 0

    def is_header(self, offset: int) -> bool:
        """Whether the header of a log stands at ``offset``."""
        if self.size - offset < HEADER_LENGTH:
            return False
        return LENGTH_AND_SIGNATURE.unpack_from(self.buffer, offset) == (HEADER_LENGTH, SIGNATURE)

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``, around the end of the file if need be."""
        rest = offset + length - self.size
        if rest <= 0:
            return self.buffer[offset : offset + length]
        return self.buffer[offset:] + self.buffer[HEADER_LENGTH : HEADER_LENGTH + rest]

    def record_at(self, offset: int) -> bytes | None:
        """Return the whole record at ``offset``, or None: both its lengths have to agree."""
        remaining = self.size - offset
        if remaining < 8:
            return None
        length, signature = LENGTH_AND_SIGNATURE.unpack_from(self.buffer, offset)
        if signature != SIGNATURE or length < SHORTEST:
            return None
        if length <= remaining:
            if _LENGTH.unpack_from(self.buffer, offset + length - 4)[0] != length:
                return None
            if offset // WINDOW != self._window:
                self._enter(offset // WINDOW)
            return self.buffer[offset : offset + length]
        rest = length - remaining
        if not self.has_header or rest > offset - HEADER_LENGTH:
            return None
        if rest < 4:
            end = self.read(self.size - 4, 4 + rest)[-4:]
        else:
            end = self.buffer[HEADER_LENGTH + rest - 4 : HEADER_LENGTH + rest]
        return self.read(offset, length) if end == _LENGTH.pack(length) else None

    def _enter(self, window: int) -> None:
        """Give back the pages of the window that reading has left."""
        self._release(min((self._window + 1) * WINDOW, self.size))
        self._window = window

    def _release(self, end: int) -> None:
        """Give back the pages read before ``end``: the system may map 2 MB for one touched."""
        release_pages(self.buffer, max(end - 3 * WINDOW, 0), end)

    def find(self, wanted: bytes, start: int, end: int) -> int:
        """Return where ``wanted`` first stands between two offsets, or -1."""
        while end - start > WINDOW:
            found = self.buffer.find(wanted, start, start + WINDOW)
            if found >= 0:
                return found
            self._release(start + WINDOW)
            start += WINDOW - len(wanted) + 1
        return self.buffer.find(wanted, start, end)

    def is_fill(self, start: int, end: int) -> bool:
        """Whether nothing but zeros and the padding of NT stands between two offsets."""
        return all(
            not self.buffer[at : min(at + WINDOW, end)].strip(_FILL)
            for at in range(start, end, WINDOW)
        )


@dataclass(frozen=True, slots=True)
class Extent:
    """The live part of a ring: from the oldest record to the stop behind the newest.

    ``stop`` is None where neither an end-of-file record (``has_end``) nor a clean header tells.
    ``header_agrees`` is False where a header that claims to be clean is wrong.
    """

    begin: int
    stop: int | None
    has_end: bool
    header_agrees: bool

    def holds(self, offset: int) -> bool:
        """Whether ``offset`` is live."""
        if self.stop is None:
            return True
        if self.begin <= self.stop:
            return self.begin <= offset < self.stop
        return offset >= self.begin or offset < self.stop


def find_extent(ring: Ring) -> Extent:
    """Return the live part: as the end-of-file record says, else as the header says."""
    first, header_stop, flags = _HEADER.unpack_from(ring.buffer)
    dirty = bool(flags & _DIRTY)
    end = _end_record(ring, None if dirty else header_stop)
    stop: int | None = None
    if end is not None:
        stop, begin = end
        agrees = dirty or (first, header_stop) == (begin, stop)
    else:
        begin = first
        agrees = dirty or ring.record_at(first) is not None
        if agrees and not dirty and HEADER_LENGTH <= header_stop < ring.size:
            stop = header_stop
    if not HEADER_LENGTH <= begin < ring.size:
        begin = first if HEADER_LENGTH <= first < ring.size else HEADER_LENGTH
    return Extent(begin, stop, end is not None, agrees)


def _end_record(ring: Ring, expected: int | None) -> tuple[int, int] | None:
    """Return the offset of the end-of-file record and that of the oldest record, or None.

    ``expected`` is where a clean header has it. Of several others, the one that names its own
    offset is true, and then the one with the highest number of the next record.
    """
    if expected is not None and (fields := _end_fields(ring, expected)):
        return expected, fields[0]
    best: tuple[bool, int, int, int] | None = None
    for offset in _end_marks(ring):
        if fields := _end_fields(ring, offset):
            begin, own, following = fields
            best = max(best or (False, 0, 0, 0), (own == offset, following, offset, begin))
    return best[2:] if best else None


def _end_marks(ring: Ring) -> Iterator[int]:
    """Yield where the mark of an end-of-file record stands, split by the ring's end included."""
    offset = ring.find(END_MARK, HEADER_LENGTH, ring.size)
    while offset >= 0:
        yield offset
        offset = ring.find(END_MARK, offset + 1, ring.size)
    seam = max(ring.size - len(END_MARK) + 1, HEADER_LENGTH)
    split = ring.read(seam, 2 * len(END_MARK) - 2).find(END_MARK)
    if 0 <= split < ring.size - seam:
        yield seam + split


def _end_fields(ring: Ring, offset: int) -> tuple[int, int, int] | None:
    """Return what the end-of-file record at ``offset`` names: oldest, own offset, next number."""
    if not HEADER_LENGTH <= offset < ring.size:
        return None
    raw = ring.read(offset, _END_LENGTH)
    if len(raw) < _END_LENGTH or not raw.startswith(END_MARK):
        return None
    begin, own, following, length = _END.unpack(raw)
    return (begin, own, following) if length == _END_LENGTH else None


class Walk:
    """The chain of records from the oldest on; afterwards, the part of the ring it took up."""

    def __init__(self, ring: Ring, start: int, stop: int | None) -> None:
        self.ring = ring
        self.start = self.end = start
        self.stop = stop
        self.wrapped = False

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Yield offset and bytes of record after record, until the chain ends or breaks.

        Where no stop is known it ends before a number that is not higher than the one before.
        """
        ring = self.ring
        room = ring.size - HEADER_LENGTH
        before = -1
        while self.end != self.stop:
            offset = self.end
            raw = ring.record_at(offset)
            if raw is None:
                if not self._ends_in_fill():
                    return
                room -= ring.size - offset
                self._wrap(HEADER_LENGTH)
                continue
            room -= len(raw)
            if room < 0:
                return
            if self.stop is None:
                number = record_number(raw)
                if number <= before:
                    return
                before = number
            yield offset, raw
            self.end += len(raw)
            if self.end >= ring.size:
                self._wrap(self.end + HEADER_LENGTH - ring.size)

    def _wrap(self, end: int) -> None:
        self.wrapped = True
        self.end = end

    def _ends_in_fill(self) -> bool:
        """Whether the ring's end is too near for a record, so that the chain goes on in front."""
        near = self.ring.size - self.end < FIXED_LENGTH
        return near and not self.wrapped and self.ring.is_fill(self.end, self.ring.size)

    @property
    def free(self) -> list[tuple[int, int]]:
        """The parts of the ring that the walk left out, as start and end offsets."""
        if self.wrapped:
            parts = [(self.end, self.start)]
        elif self.end == self.start:
            parts = [(HEADER_LENGTH, self.ring.size)]
        else:
            parts = [(HEADER_LENGTH, self.start), (self.end, self.ring.size)]
        return [(start, end) for start, end in parts if start < end]
