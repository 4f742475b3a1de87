"""The events of the evidence in time order, found again by their numbers and by their time."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from imctool.database.series import Series
from imctool.ledger.clock import ServerClock
from imctool.model.event import Event

_MANAGER = "service control manager"


class EventNumbers:
    """Which events there are, gathered before the server's clock is known."""

    def __init__(self) -> None:
        self.times: list[tuple[datetime | None, int]] = []
        self.by_id: dict[int, list[int]] = defaultdict(list)
        self.managed: list[int] = []

    def add(self, number: int, time: datetime | None, event_id: int, source: str) -> None:
        """Note an event."""
        self.times.append((time, number))
        self.by_id[event_id].append(number)
        if source.lower() == _MANAGER:
            self.managed.append(number)


class EventLog:
    """Every event that may bear on mail, by UTC time and then in the order of reading."""

    def __init__(self, series: Series[Event], numbers: EventNumbers, clock: ServerClock) -> None:
        self._series = series
        self._numbers = numbers
        self._clock = clock
        timed = sorted(
            (moment.timestamp(), number)
            for time, number in numbers.times
            if (moment := clock.utc(time)) is not None
        )
        self._times = array("d", (time for time, _ in timed))
        self._ordered = array("q", (number for _, number in timed))
        numbers.times = []

    def within(self, low: datetime, high: datetime) -> list[tuple[datetime, Event]]:
        """Return the events between two moments (UTC), both included, in time order."""
        first = bisect_left(self._times, low.timestamp())
        last = bisect_right(self._times, high.timestamp())
        return [
            (datetime.fromtimestamp(self._times[place], UTC), self._series[self._ordered[place]])
            for place in range(first, last)
        ]

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
