"""The binary event log of Windows NT 3.x to 2003 (.evt): whole, damaged or a fragment.

The chain of records is walked first, around the end of the ring; then all that the walk did not
reach is swept for records by their signature and their two lengths.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imctool.model.event import Event, Retrieval
from imctool.model.evidence import Defect, EvidenceFile, Location
from imctool.readers.event_log_record import SHORTEST, RecordDecoder, is_beginning, record_number
from imctool.readers.event_log_ring import (
    END_MARK,
    HEADER_LENGTH,
    LENGTH_AND_SIGNATURE,
    SIGNATURE,
    Extent,
    Ring,
    Walk,
    find_extent,
)
from imctool.readers.file_buffer import Buffer, file_buffer

_LONGEST = 0x100000
"""A length beyond which a cut record is taken for garbage (inferred; NT writes under 256 KB)."""


def read_evt(file: EvidenceFile) -> Iterator[Event | Defect]:
    """Yield the events of an .evt file and its defects; see :func:`scan_evt`.

    A large file is mapped, so its size does not matter. One that cannot be opened is one
    Defect with the system's reason.
    """
    try:
        with file_buffer(file.path) as buffer:
            yield from scan_evt(buffer, file.name)
    except OSError as error:
        yield Defect(file.location(), error.strerror or str(error))


def scan_evt(buffer: Buffer | bytearray | memoryview, name: str) -> Iterator[Event | Defect]:
    """Yield every record in the bytes of a log, and a Defect for what is damaged in it.

    First come the records of the log in its own order, oldest first (``walked``), then, by
    offset, records outside of that: older generations and what lies behind a gap
    (``recovered``), or all there are in bytes without a header (``carved``). No record comes
    twice. An event is located by its record number; by its byte offset where that number is 0,
    has been given out, or may have been: a number that was not walked must lie outside of the
    walked ones and above all that came before. A stretch without a whole record is one Defect;
    a record in it whose end is cut off or overwritten is an event too, as far as it goes, and
    its last string or data may be false. Free space, and what is left of overwritten records in
    it, is no defect.
    """
    if isinstance(buffer, bytearray | memoryview):
        buffer = bytes(buffer)
    ring = Ring(buffer)
    if not ring.size:
        yield Defect(Location(name), "empty file")
    elif ring.has_header:
        yield from _scan_log(ring, name)
    else:
        yield Defect(Location(name, offset=0), "no event log header: records are carved")
        records = _Records(name)
        yield from records.swept(ring, (0, ring.size), Retrieval.CARVED)


def _scan_log(ring: Ring, name: str) -> Iterator[Event | Defect]:
    """Yield the events and defects of bytes that begin with the header of a log."""
    extent = find_extent(ring)
    if not extent.header_agrees:
        yield Defect(Location(name, offset=0), "the header's offsets do not lead to the records")
    records = _Records(name)
    walk = Walk(ring, _first_record(ring, extent), extent.stop)
    for offset, raw in walk:
        yield from records.whole(offset, raw, Retrieval.WALKED)
    split, free = _split_record(ring, walk.free)
    for part in free:
        yield from records.swept(ring, part, Retrieval.RECOVERED, extent)
    if split is not None:
        yield from records.whole(*split, Retrieval.RECOVERED)
    if not extent.has_end and not records.cut:
        yield Defect(Location(name), "no end-of-file record: the log is cut or damaged")


def _first_record(ring: Ring, extent: Extent) -> int:
    """Return where the walk begins: at the oldest record, else the first whole one behind it."""
    if extent.begin == extent.stop or ring.record_at(extent.begin) is not None:
        return extent.begin
    for start, end in ((extent.begin, ring.size), (HEADER_LENGTH, extent.begin)):
        for span in _sweep(ring, start, end):
            if span.raw:
                return span.start
    return extent.begin


class _Span(NamedTuple):
    """A whole record between two offsets, or, without ``raw``, a stretch that holds none."""

    start: int
    end: int
    raw: bytes = b""


def _sweep(ring: Ring, start: int, end: int) -> Iterator[_Span]:
    """Yield the whole records between two offsets and the stretches around them, in order."""
    at = behind = start
    while (found := ring.find(SIGNATURE, at + 4, end)) >= 0:
        offset = found - 4
        at = offset + 1
        raw = ring.record_at(offset) or b""
        if raw:
            record_end = offset + len(raw)
        elif ring.is_header(offset):
            record_end = offset + HEADER_LENGTH
        else:
            continue
        if record_end > end:
            continue
        if behind < offset:
            yield _Span(behind, offset)
        if raw:
            yield _Span(offset, record_end, raw)
        at = behind = record_end
    if behind < end:
        yield _Span(behind, end)


def _split_record(
    ring: Ring, free: list[tuple[int, int]]
) -> tuple[tuple[int, bytes] | None, list[tuple[int, int]]]:
    """Return the record that the ring's end splits, if it lies free, and the rest of ``free``."""
    if not free or free[0][0] != HEADER_LENGTH or free[-1][1] != ring.size:
        return None, free
    at = ring.size
    floor = max(free[-1][0], ring.size - _LONGEST)
    while (found := ring.buffer.rfind(SIGNATURE, floor + 4, at)) >= 0:
        offset = found - 4
        at = found + len(SIGNATURE) - 1
        raw = ring.record_at(offset) or b""
        head = HEADER_LENGTH + offset + len(raw) - ring.size
        if head > HEADER_LENGTH:
            rest = [*free[:-1], (free[-1][0], offset)]
            if head <= rest[0][1]:
                rest[0] = (head, rest[0][1])
                return (offset, raw), rest
    return None, free


class _Records:
    """Turns the records of one file into events, and tells what is wrong between them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cut = False
        self._decoder = RecordDecoder()
        self._lowest = self._highest = self._swept = 0

    def whole(self, offset: int, raw: bytes, retrieval: Retrieval) -> tuple[Event | Defect, ...]:
        """Return the event of a record, and a Defect for each part that runs out of it."""
        location = self._locate(offset, record_number(raw), retrieval)
        event, faults = self._decoder.event(raw, location, retrieval)
        if not faults:
            return (event,)
        return event, *(Defect(location, fault) for fault in faults)

    def swept(
        self,
        ring: Ring,
        part: tuple[int, int],
        retrieval: Retrieval,
        extent: Extent | None = None,
    ) -> Iterator[Event | Defect]:
        """Yield the events between the two offsets of ``part``, and the faults in ``extent``."""
        for start, end, raw in _sweep(ring, *part):
            if raw:
                yield from self.whole(start, raw, retrieval)
            else:
                live = extent is None or extent.holds(start)
                yield from self._stretch(ring, start, end, retrieval, live=live)

    def _stretch(
        self, ring: Ring, start: int, end: int, retrieval: Retrieval, *, live: bool
    ) -> Iterator[Event | Defect]:
        """Yield what a stretch without a whole record holds: beginnings of records, one fault.

        Free space has no fault, nor has what follows an end-of-file record.
        """
        mark = ring.find(END_MARK, start, end)
        end = end if mark < 0 else mark
        size = end - start
        torn = 0
        for offset, raw in _beginnings(ring, start, end):
            location = self._locate(offset, record_number(raw), retrieval)
            yield self._decoder.event(raw, location, retrieval)[0]
            torn += 1
        length = _length(ring, start) if end == ring.size else 0
        if not torn and (not live or ring.is_fill(start, end)):
            return
        if length > size:
            self.cut = True
            reason = f"record cut by the end of the file after {size} of its {length} bytes"
        elif torn:
            reason = f"{size} bytes without a whole record, only the beginning of {torn}"
        else:
            reason = f"{size} bytes that are no record"
        yield Defect(Location(self.name, offset=start), reason)

    def _locate(self, offset: int, number: int, retrieval: Retrieval) -> Location:
        """Return the place of a record: its number where that can be no other's."""
        if retrieval is Retrieval.WALKED:
            if number > self._highest:
                self._highest = number
                self._lowest = self._lowest or number
                return Location(self.name, None, number)
        elif number > self._swept and not self._lowest <= number <= self._highest:
            self._swept = number
            return Location(self.name, None, number)
        return Location(self.name, None, None, offset)


def _beginnings(ring: Ring, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the records between two offsets that lack their end, each up to the next, if any.

    Four bytes stand in for the second length that they have lost.
    """
    found = ring.find(SIGNATURE, start + 4, end)
    while found >= 0:
        offset = found - 4
        found = ring.find(SIGNATURE, found + 4, end)
        length = _length(ring, offset)
        raw = ring.buffer[offset : min(offset + length, end if found < 0 else found - 4)]
        if is_beginning(raw, length):
            yield offset, raw + bytes(4)


def _length(ring: Ring, offset: int) -> int:
    """Return the length that the record beginning at ``offset`` gives, 0 if none begins there."""
    if ring.size - offset < 8:
        return 0
    length, signature = LENGTH_AND_SIGNATURE.unpack_from(ring.buffer, offset)
    return length if signature == SIGNATURE and SHORTEST <= length <= _LONGEST else 0
