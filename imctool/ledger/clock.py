"""The server's clock: wall-clock times to UTC, by a zone that is given, read or derived.

The protocol log, Event Viewer texts and the envelope are local time; .evt, tracking log and
MTS-ID are UTC. A Received line that the server wrote carries both, so each one gives the
offset of its own moment, daylight saving included. What a wall clock shows may mean two
moments: in the hour that comes twice in autumn, and where no evidence tells the offset.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from imctool.ledger.offsets import Offset, Offsets, Span, sightings
from imctool.ledger.windows_zone import zone_from_registry
from imctool.model.event import Event
from imctool.model.mail import SpoolFile
from imctool.model.settings import RegistryValue
from imctool.model.tracking import parse_mts_id

WIDEST = timedelta(hours=14)
"""No place is further from UTC."""

_STEP = timedelta(minutes=15)
_OPEN = timedelta(minutes=10)
"""Doubt about less of the logs than this is not worth looking for further evidence."""

Pairs = Sequence[tuple[datetime, datetime]]


@dataclass(frozen=True, slots=True)
class ServerClock:
    """Turns wall-clock times into UTC.

    ``zone`` wins where it is set; else ``offsets`` count; with neither, the wall clock is taken
    for UTC and every time so made is marked as assumed.
    """

    zone: tzinfo | None = None
    offsets: Offsets | None = None
    source: str = "assumed to be UTC: no evidence tells the server's time zone"

    @property
    def known(self) -> bool:
        """Whether the zone is given, read or derived, and not assumed."""
        return self.zone is not None or self.offsets is not None

    def utc(self, time: datetime | None) -> datetime | None:
        """Return ``time`` as aware UTC: converted if aware, else the likeliest of its readings."""
        if time is None:
            return None
        try:
            if time.tzinfo is not None:
                return time.astimezone(UTC)
            return (time - self._offsets_at(time)[0]).replace(tzinfo=UTC)
        except OverflowError:
            return time.replace(tzinfo=UTC)

    def readings(self, time: datetime | None) -> tuple[datetime, ...]:
        """Return the moments of UTC that ``time`` can mean, the likeliest first.

        None where it is None, one where it is aware or nothing is in doubt. An assumed zone
        (``assumed``) gives one too, and is in doubt altogether.
        """
        if time is None:
            return ()
        offsets = self._offsets_at(time) if time.tzinfo is None else ()
        if len(offsets) < 2:
            likeliest = self.utc(time)
            return () if likeliest is None else (likeliest,)
        try:
            return tuple((time - offset).replace(tzinfo=UTC) for offset in offsets)
        except OverflowError:
            return (time.replace(tzinfo=UTC),)

    def assumed(self, time: datetime | None) -> bool:
        """Return whether the UTC form of ``time`` rests on an assumed zone."""
        return time is not None and time.tzinfo is None and not self.known

    def _offsets_at(self, wall: datetime) -> tuple[timedelta, ...]:
        if self.zone is not None:
            hour = wall.replace(minute=0, second=0, microsecond=0, fold=0)
            return _offsets_in(self.zone, hour) or _both_passes(self.zone, wall)
        return _NO_OFFSET if self.offsets is None else self.offsets.at(wall)

    def describe(self) -> str | None:
        """Return the zone as +hhmm (several where daylight saving changed it), or None."""
        if self.zone is not None:
            return str(self.zone)
        if self.offsets is None:
            return None
        seen = {one.offset for one in self.offsets.seen}
        if self.offsets.usual is not None:
            seen.add(self.offsets.usual)
        return "/".join(sorted(map(format_offset, seen)))


_NO_OFFSET = (timedelta(0),)


@lru_cache(maxsize=1 << 15)
def _offsets_in(zone: tzinfo, hour: datetime) -> tuple[timedelta, ...]:
    """Return the offset of an hour of the wall clock, () where there is more than one in it."""
    last = hour.replace(minute=59, second=59)
    found = {*_both_passes(zone, hour), *_both_passes(zone, last)}
    return tuple(found) if len(found) == 1 else ()


def _both_passes(zone: tzinfo, wall: datetime) -> tuple[timedelta, ...]:
    """Return the offsets of a wall-clock time by a zone: two where it comes twice or never."""
    first = wall.replace(tzinfo=zone, fold=0).utcoffset() or timedelta(0)
    second = wall.replace(tzinfo=zone, fold=1).utcoffset() or timedelta(0)
    return (first,) if first == second else (first, second)


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
    pairs: Callable[[], Pairs] = tuple,
    spans: Iterable[Span] = (),
) -> ServerClock:
    """Return the server's clock from the best evidence there is.

    In this order: the zone given; ``stamps``, the wall-clock time and distance from UTC of the
    server's own Received lines; envelope time beside MTS-ID time in ``files``; the registry's
    TimeZoneInformation, which comes before these two where it agrees with each of them, for it
    tells the days between as well; its ActiveTimeBias, which holds for the day of the export
    only; ``pairs`` of wall-clock and UTC times that most probably are the same moment. Pairs
    also narrow down the doubt that is left about the ``spans`` of the logs in local time.
    ``files`` and ``pairs`` are asked only if it comes to it.
    """
    if zone is not None:
        return ServerClock(zone, source="given by --timezone")
    registry = list(registry)
    seen, source = sightings(stamps), "the server's own Received lines"
    if not seen:
        seen, source = sightings(_from_envelopes(files())), "envelope time against MTS-ID time"
    told = zone_from_registry(registry)
    if told is not None:
        if all(_agrees(told[0], one) for one in seen):
            return ServerClock(told[0], source=f"{source}; {told[1]}" if seen else told[1])
        source += "; the registry's TimeZoneInformation differs"
    if seen:
        return _narrowed(ServerClock(None, Offsets(seen), source), pairs, spans)
    bias = _active_bias(registry)
    if bias is not None:
        offsets = Offsets((), bias, _biases(registry))
        return _narrowed(ServerClock(None, offsets, "registry ActiveTimeBias"), pairs, spans)
    listed = pairs()
    agreed = _agreed(listed)
    if agreed is None:
        return ServerClock()
    seen = _confirmed(listed, Offsets((), agreed))
    return ServerClock(None, Offsets(seen, agreed), _SAME_MESSAGES)


_SAME_MESSAGES = "the same messages in protocol log and tracking log"


def _agrees(zone: tzinfo, seen: Offset) -> bool:
    """Whether the zone has that offset at that moment."""
    local = seen.utc.replace(tzinfo=UTC).astimezone(zone)
    return local.utcoffset() == seen.offset


def _narrowed(clock: ServerClock, pairs: Callable[[], Pairs], spans: Iterable[Span]) -> ServerClock:
    """Return the clock with what pairs show where its offsets are in doubt."""
    offsets = clock.offsets
    if offsets is None or not offsets.leave_open(spans, _OPEN):
        return clock
    found = _confirmed(pairs(), offsets)
    if not found:
        return clock
    source = clock.source
    if any(offsets.at(one.wall)[0] != one.offset for one in found):
        source += f"; {_SAME_MESSAGES}"
    stamps = [(one.wall, one.offset) for one in (*offsets.seen, *found)]
    return replace(clock, offsets=replace(offsets, seen=sightings(stamps)), source=source)


def _confirmed(pairs: Pairs, offsets: Offsets) -> tuple[Offset, ...]:
    """Return the pairs as sightings that have one of the possible offsets.

    One that has not the likeliest counts only where the one before or behind it has the same.
    """
    fitting: list[tuple[datetime, timedelta, bool]] = []
    for wall, utc in sorted(pairs, key=lambda one: one[1]):
        offset = _rounded(wall - utc.replace(tzinfo=None))
        possible = offsets.at(wall)
        if offset is not None and offset in possible:
            fitting.append((wall, offset, offset == possible[0]))
    counting = [
        (wall, offset)
        for place, (wall, offset, likeliest) in enumerate(fitting)
        if likeliest
        or (place > 0 and fitting[place - 1][1] == offset)
        or (place + 1 < len(fitting) and fitting[place + 1][1] == offset)
    ]
    return sightings(counting)


def own_stamps(files: Iterable[SpoolFile]) -> Iterator[tuple[datetime, timedelta]]:
    """Yield wall-clock time and distance from UTC of each Received line the server wrote."""
    for file in files:
        received = file.own_received
        if received is None or received.time is None:
            continue
        offset = received.time.utcoffset()
        if offset is not None and abs(offset) <= WIDEST:
            yield received.time.replace(tzinfo=None), offset


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
            offset = timedelta(minutes=-_signed(value.data))
            return offset if abs(offset) <= WIDEST else None
    return None


def _biases(registry: Iterable[RegistryValue]) -> frozenset[timedelta]:
    """Return the offsets of standard and daylight saving time by Bias, none where it is not told.

    ActiveTimeBias is one of them. An hour where DaylightBias is not told.
    """
    told = {
        value.name.lower(): _signed(value.data)
        for value in registry
        if isinstance(value.data, int) and "\\timezoneinformation" in value.key.lower()
    }
    if "bias" not in told:
        return frozenset()
    found = {timedelta(minutes=-told["bias"])}
    found.add(timedelta(minutes=-told["bias"] - told.get("daylightbias", -60)))
    return frozenset(one for one in found if abs(one) <= WIDEST)


def _signed(value: int) -> int:
    return value - (1 << 32) if value >= 1 << 31 else value


def _rounded(difference: timedelta) -> timedelta | None:
    """Return the quarter of an hour nearest to the difference, None if none is near enough."""
    steps = round(difference / _STEP)
    offset = steps * _STEP
    if abs(offset) > WIDEST or abs(difference - offset) > timedelta(minutes=2):
        return None
    return offset


def _agreed(pairs: Pairs) -> timedelta | None:
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
