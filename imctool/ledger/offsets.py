"""The server's distance from UTC through time, pieced together from sightings of it.

A sighting is a moment of which wall clock and UTC are both known. Between two that agree nothing
changed; between two that differ the clocks were changed, nobody knows when, and a wall-clock
time there can mean two moments. So it can before the first sighting and after the last.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise

_HOUR = timedelta(hours=1)
_APART = timedelta(days=90)
"""Daylight saving time lasts longer than this, so it cannot have come and gone (inferred)."""

_OFTEN = timedelta(days=30)
_MORNING, _EVENING = time(6), time(21)
"""Clocks are changed at night: no zone of Windows' registry does it between these (inferred)."""

_FIRST, _LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)

Span = tuple[datetime, datetime]
"""Two wall-clock times."""


@dataclass(frozen=True, slots=True, order=True)
class Offset:
    """The server's distance from UTC at one wall-clock moment."""

    wall: datetime
    offset: timedelta

    @property
    def utc(self) -> datetime:
        """The moment in UTC, without a zone; the end of the calendar where it lies beyond."""
        return _moved(self.wall, -self.offset)


@dataclass(frozen=True, slots=True)
class Offsets:
    """What the wall clock was ahead of UTC, as ``seen`` shows it, in the order of UTC.

    ``usual`` is an offset that held at some time that is not known, ``others`` are such as the
    server may have had beside it. Where nothing tells these, an hour more and an hour less may be.
    """

    seen: tuple[Offset, ...] = ()
    usual: timedelta | None = None
    others: frozenset[timedelta] = frozenset()
    _starts: list[datetime] = field(init=False, repr=False, compare=False)
    _possible: list[tuple[timedelta, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        starts, possible = _pieces(self)
        object.__setattr__(self, "_starts", starts)
        object.__setattr__(self, "_possible", possible)

    def at(self, wall: datetime) -> tuple[timedelta, ...]:
        """Return the offsets that a wall-clock time may have had, the likeliest first."""
        return self._possible[bisect_right(self._starts, wall) - 1]

    def leave_open(self, spans: Iterable[Span], longest: timedelta) -> bool:
        """Return whether times within a span can mean two moments for ``longest`` or longer."""
        ends = [*self._starts[1:], _LAST]
        return any(
            len(self._possible[place]) > 1
            and min(last, ends[place]) - max(first, self._starts[place]) >= longest
            for first, last in spans
            for place in range(
                bisect_right(self._starts, first) - 1, bisect_left(self._starts, last)
            )
        )

    def alternatives(self, offset: timedelta) -> tuple[timedelta, ...]:
        """Return the offsets that may have held when, for all that is known, this one did."""
        known = {one.offset for one in self.seen} | self.others
        if self.usual is not None:
            known.add(self.usual)
        near = sorted(one for one in known if one != offset and abs(one - offset) <= _HOUR)
        return tuple(near) or (offset + _HOUR, offset - _HOUR)


def sightings(stamps: Iterable[tuple[datetime, timedelta]]) -> tuple[Offset, ...]:
    """Return wall-clock times and offsets as sightings in the order of UTC.

    Of those alike that follow each other only the outer two of a month are kept. One by day
    stands for its whole day, unless another of that day differs.
    """
    listed = list(stamps)
    by_day: dict[date, set[timedelta]] = defaultdict(set)
    for wall, offset in listed:
        if _MORNING <= wall.time() <= _EVENING:
            by_day[wall.date()].add(offset)
    seen: set[tuple[datetime, timedelta]] = set()
    for wall, offset in listed:
        if not _MORNING <= wall.time() <= _EVENING or len(by_day[wall.date()]) > 1:
            seen.add((wall, offset))
    for day, offsets in by_day.items():
        if len(offsets) == 1:
            (offset,) = offsets
            seen.update((datetime.combine(day, hour), offset) for hour in (_MORNING, _EVENING))
    kept: list[Offset] = []
    for one in sorted((Offset(*one) for one in seen), key=lambda one: (one.utc, one.offset)):
        if (
            len(kept) > 1
            and kept[-1].offset == kept[-2].offset == one.offset
            and one.utc - kept[-2].utc <= _OFTEN
        ):
            kept[-1] = one
        else:
            kept.append(one)
    return tuple(kept)


def _pieces(offsets: Offsets) -> tuple[list[datetime], list[tuple[timedelta, ...]]]:
    """Return the wall-clock times at which the possible offsets change, and what they are then."""
    seen = offsets.seen
    if not seen:
        usual = offsets.usual or timedelta(0)
        return [_FIRST], [(usual, *offsets.alternatives(usual))]
    changes: dict[datetime, list[tuple[timedelta, int]]] = defaultdict(list)
    for begin, end, possible in _stretches(offsets):
        for offset in possible:
            first, last = _moved(begin, offset), _moved(end, offset)
            if first < last:
                changes[first].append((offset, 1))
                changes[last].append((offset, -1))
    walls = sorted(one.wall for one in seen)
    nearest = sorted(seen)
    middles = [one + (other - one) / 2 for one, other in pairwise(walls)]
    active: Counter[timedelta] = Counter()
    starts: list[datetime] = []
    found: list[tuple[timedelta, ...]] = []
    for wall in sorted({_FIRST, *changes, *middles}):
        for offset, step in changes.get(wall, ()):
            active[offset] += step
        possible = tuple(sorted(offset for offset, count in active.items() if count > 0))
        place = bisect_right(middles, wall)
        likeliest = nearest[min(place, len(nearest) - 1)].offset
        if not possible:  # the hour that is skipped in spring
            possible = (likeliest,)
        ordered = tuple(sorted(possible, key=lambda one: (abs(one - likeliest), one)))
        if not found or found[-1] != ordered:
            starts.append(wall)
            found.append(ordered)
    return starts, found


def _stretches(offsets: Offsets) -> Iterator[tuple[datetime, datetime, tuple[timedelta, ...]]]:
    """Yield begin and end of each stretch of UTC, and the offsets there may have been in it."""
    seen = offsets.seen
    first, last = seen[0], seen[-1]
    yield _FIRST, first.utc, (first.offset, *offsets.alternatives(first.offset))
    for one, other in pairwise(seen):
        if one.offset != other.offset:
            yield one.utc, other.utc, (one.offset, other.offset)
        elif other.utc - one.utc <= _APART:
            yield one.utc, other.utc, (one.offset,)
        else:
            yield one.utc, other.utc, (one.offset, *offsets.alternatives(one.offset))
    # The moment of the last sighting itself leaves no doubt.
    end = _moved(last.utc, timedelta(seconds=1))
    yield last.utc, end, (last.offset,)
    yield end, _LAST, (last.offset, *offsets.alternatives(last.offset))


def _moved(moment: datetime, by: timedelta) -> datetime:
    """Return the moment moved, but not beyond the ends of the calendar; those stay as they are."""
    if moment in (_FIRST, _LAST):
        return moment
    try:
        return moment + by
    except OverflowError:
        return _FIRST if by < timedelta(0) else _LAST
