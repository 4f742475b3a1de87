"""The server's clock: wall-clock times to UTC, by a zone that is given, read or derived.

The protocol log, Event Viewer texts and the envelope are local time; .evt, tracking log and
MTS-ID are UTC. A Received line that the server wrote carries both, so each one gives the
offset of its own moment, daylight saving included.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from imctool.model.event import Event
from imctool.model.mail import SpoolFile
from imctool.model.settings import RegistryValue
from imctool.model.tracking import parse_mts_id

WIDEST = timedelta(hours=14)
"""No place is further from UTC."""

_STEP = timedelta(minutes=15)
_ANY_TIME = datetime(1, 1, 1)
"""The moment of an offset that holds all the time: alone in its clock, it is the nearest."""


@dataclass(frozen=True, slots=True)
class Offset:
    """The server's distance from UTC at one wall-clock moment."""

    wall: datetime
    offset: timedelta


@dataclass(frozen=True, slots=True)
class ServerClock:
    """Turns wall-clock times into UTC.

    ``zone`` wins where it is set; else the nearest of ``offsets`` counts; with neither, the
    wall clock is taken for UTC and every time so made is marked as assumed.
    """

    zone: tzinfo | None = None
    offsets: tuple[Offset, ...] = ()
    source: str = "assumed to be UTC: no evidence tells the server's time zone"

    @property
    def known(self) -> bool:
        """Whether the zone is given, read or derived, and not assumed."""
        return self.zone is not None or bool(self.offsets)

    def utc(self, time: datetime | None) -> datetime | None:
        """Return ``time`` as aware UTC: converted if aware, by the server's zone if naive."""
        if time is None:
            return None
        try:
            if time.tzinfo is not None:
                return time.astimezone(UTC)
            if self.zone is not None:
                return time.replace(tzinfo=self.zone).astimezone(UTC)
            return (time - self._offset_at(time)).replace(tzinfo=UTC)
        except OverflowError:
            return time.replace(tzinfo=UTC)

    def assumed(self, time: datetime | None) -> bool:
        """Return whether the UTC form of ``time`` rests on an assumed zone."""
        return time is not None and time.tzinfo is None and not self.known

    def _offset_at(self, wall: datetime) -> timedelta:
        if not self.offsets:
            return timedelta(0)
        index = bisect_left(self.offsets, wall, key=lambda one: one.wall)
        near = self.offsets[max(0, index - 1) : index + 1]
        return min(near, key=lambda one: (abs(one.wall - wall), one.wall)).offset

    def describe(self) -> str | None:
        """Return the zone as +hhmm (several where daylight saving changed it), or None."""
        if self.zone is not None:
            return str(self.zone)
        if not self.offsets:
            return None
        return "/".join(sorted({format_offset(one.offset) for one in self.offsets}))


def format_offset(offset: timedelta) -> str:
    """Return an offset from UTC in the form of a mail header: ``-0500``."""
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"


def derive_clock(
    zone: tzinfo | None,
    registry: Iterable[RegistryValue],
    stamps: Iterable[tuple[datetime, timedelta]],
    files: Callable[[], Iterable[SpoolFile]] = tuple,
    pairs: Callable[[], Iterable[tuple[datetime, datetime]]] = tuple,
) -> ServerClock:
    """Return the server's clock from the best evidence there is.

    In this order: the zone given; ``stamps``, the wall-clock time and distance from UTC of the
    server's own Received lines; envelope time beside MTS-ID time in ``files``; the registry's
    ActiveTimeBias, which holds for the day of the export only; ``pairs`` of wall-clock and UTC
    times that most probably are the same moment. The last two are asked only if it comes to it.
    """
    if zone is not None:
        return ServerClock(zone, source="given by --timezone")
    offsets = _changes(stamps)
    if offsets:
        return ServerClock(offsets=offsets, source="the server's own Received lines")
    offsets = _changes(_from_envelopes(files()))
    if offsets:
        return ServerClock(offsets=offsets, source="envelope time against MTS-ID time")
    bias = _active_bias(registry)
    if bias is not None:
        return ServerClock(offsets=(Offset(_ANY_TIME, bias),), source="registry ActiveTimeBias")
    agreed = _agreed(list(pairs()))
    if agreed is not None:
        return ServerClock(
            offsets=(Offset(_ANY_TIME, agreed),),
            source="the same messages in protocol log and tracking log",
        )
    return ServerClock()


def own_stamps(files: Iterable[SpoolFile]) -> Iterator[tuple[datetime, timedelta]]:
    """Yield wall-clock time and distance from UTC of each Received line the server wrote."""
    for file in files:
        received = file.own_received
        if received is None or received.time is None:
            continue
        offset = received.time.utcoffset()
        if offset is not None and abs(offset) <= WIDEST:
            yield received.time.replace(tzinfo=None), offset


def _changes(stamps: Iterable[tuple[datetime, timedelta]]) -> tuple[Offset, ...]:
    """Return the offsets in time order, of those alike that follow each other the outer two.

    The nearest one to any moment is the same with those in between left out.
    """
    kept: list[tuple[datetime, timedelta]] = []
    for stamp in sorted(stamps):
        if len(kept) > 1 and kept[-1][1] == kept[-2][1] == stamp[1]:
            kept[-1] = stamp
        else:
            kept.append(stamp)
    return tuple(Offset(*stamp) for stamp in kept)


def _from_envelopes(files: Iterable[SpoolFile]) -> Iterator[tuple[datetime, timedelta]]:
    for file in files:
        parsed = parse_mts_id(file.envelope.mts_id or "")
        if parsed is None or file.envelope.time is None:
            continue
        try:
            utc = datetime.strptime(parsed.time, "%y%m%d%H%M")  # noqa: DTZ007
        except ValueError:
            continue
        offset = _rounded(file.envelope.time - utc)
        if offset is not None:
            yield file.envelope.time, offset


def _active_bias(registry: Iterable[RegistryValue]) -> timedelta | None:
    for value in registry:
        if value.name.lower() != "activetimebias" or not isinstance(value.data, int):
            continue
        if "\\timezoneinformation" in value.key.lower():
            minutes = value.data - (1 << 32) if value.data >= 1 << 31 else value.data
            offset = timedelta(minutes=-minutes)
            return offset if abs(offset) <= WIDEST else None
    return None


def _rounded(difference: timedelta) -> timedelta | None:
    """Return the quarter of an hour nearest to the difference, None if none is near enough."""
    steps = round(difference / _STEP)
    offset = steps * _STEP
    if abs(offset) > WIDEST or abs(difference - offset) > timedelta(minutes=2):
        return None
    return offset


def _agreed(pairs: Sequence[tuple[datetime, datetime]]) -> timedelta | None:
    """Return the offset that most pairs agree on, if it is more than half of them."""
    offsets = [_rounded(wall - utc.replace(tzinfo=None)) for wall, utc in pairs]
    counted = Counter(offset for offset in offsets if offset is not None)
    if not counted:
        return None
    offset, votes = counted.most_common(1)[0]
    return offset if 2 * votes > len(pairs) else None


def event_pairs(events: Iterable[Event]) -> list[tuple[datetime, datetime]]:
    """Return (wall clock, UTC) pairs of events that stand in a text export and in a binary log.

    Zones differ by quarters of an hour, so the two share number, source and the seconds within
    one; a pair counts where no other event shares them.
    """
    walls: dict[object, list[datetime]] = defaultdict(list)
    utcs: dict[object, list[datetime]] = defaultdict(list)
    for event in events:
        if event.time is not None:
            seconds = (event.time.minute % 15) * 60 + event.time.second
            found = walls if event.time.tzinfo is None else utcs
            found[event.source.lower(), event.event_id, seconds].append(event.time)
    return [
        (times[0], utcs[key][0])
        for key, times in walls.items()
        if len(times) == 1 and len(utcs.get(key, ())) == 1
    ]


def event_order(event: Event, clock: ServerClock) -> tuple[float, tuple[str, int, int, int]]:
    """Return what events sort by: UTC time, then place."""
    time = clock.utc(event.time)
    return time.timestamp() if time else 0.0, event.location.order
