"""The events of the evidence in time order, found again by their numbers and by their time."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from imctool.database.series import Series
from imctool.ledger.clock import ServerClock
from imctool.model.event import Event

_MANAGER = "service control manager"


class EventNumbers:
    """Which events there are, gathered before the server's clock is known."""

    def __init__(self) -> None:
        self.by_id: dict[int, list[int]] = defaultdict(list)
        self.managed: list[int] = []

    def add(self, number: int, event_id: int, source: str) -> None:
        """Note an event."""
        self.by_id[event_id].append(number)
        if source.lower() == _MANAGER:
            self.managed.append(number)


class EventLog:
    """Every event that may bear on mail, found by its number and by its UTC time."""

    def __init__(self, series: Series[Event], numbers: EventNumbers, clock: ServerClock) -> None:
        self._series = series
        self._numbers = numbers
        self._clock = clock
        self._timed: dict[int, tuple[array[float], array[int]]] = {}

    def within(self, ids: Iterable[int], low: datetime, high: datetime) -> list[Event]:
        """Return the events with those ids between two moments (UTC), both included.

        They come in time order, those of one time in the order of reading.
        """
        begin, end = low.timestamp(), high.timestamp()
        found: list[tuple[float, int]] = []
        for one in ids:
            times, numbers = self._timed_with(one)
            places = range(bisect_left(times, begin), bisect_right(times, end))
            found += ((times[place], numbers[place]) for place in places)
        return [self._series[number] for _, number in sorted(found)]

    def _timed_with(self, event_id: int) -> tuple[array[float], array[int]]:
        """Return the times of the events with that id, in time order, and their numbers."""
        known = self._timed.get(event_id)
        if known is None:
            timed = sorted(
                (time.timestamp(), number)
                for time, number, _ in self.numbered([event_id])
                if time is not None
            )
            times = array("d", (time for time, _ in timed))
            known = self._timed[event_id] = times, array("q", (number for _, number in timed))
        return known

    def of(self, ids: Iterable[int]) -> list[tuple[datetime | None, Event]]:
        """Return the events with those ids and their UTC time, in the order of reading."""
        return [(time, event) for time, _, event in self.numbered(ids)]

    def numbered(self, ids: Iterable[int]) -> Iterator[tuple[datetime | None, int, Event]]:
        """Yield the events with those ids: UTC time, number, event; in the order of reading."""
        by_id = self._numbers.by_id
        yield from self._told(sorted(number for one in ids for number in by_id.get(one, ())))

    def surely_timed(self, event: Event) -> bool:
        """Return whether the event's UTC time can be no other by the server's clock."""
        return not self._clock.assumed(event.time) and len(self._clock.readings(event.time)) == 1

    def managed(self) -> list[tuple[datetime | None, Event]]:
        """Return the events of the Service Control Manager with their UTC time."""
        return [(time, event) for time, _, event in self._told(self._numbers.managed)]

    def _told(self, numbers: Iterable[int]) -> Iterator[tuple[datetime | None, int, Event]]:
        for number in numbers:
            event = self._series[number]
            yield self._clock.utc(event.time), number, event
