"""Which messages went to the BAD folder of the connector's mailbox: no copy of a tree shows it."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import NamedTuple

from imctool.ledger.clock import WIDEST, ServerClock
from imctool.ledger.coverage import EvidenceMap
from imctool.ledger.entry import Entry, Opener, with_number
from imctool.ledger.event_log import EventLog
from imctool.ledger.fates import DELETED, DELIVERED_OUTBOUND
from imctool.ledger.joining import Joiner
from imctool.model.direction import Direction
from imctool.model.event import Event

_CONTENT_ENGINE = range(12800, 12900)
_SESSION_LOST = (3039, 4018, 4102, 4094)
_MOVED = re.compile(r"has\s+been\s+moved\s+to\s+the\s+\W?BAD\W?\s+folder", re.I)
_BESIDE = timedelta(seconds=60)
_HANDED_OVER = timedelta(minutes=10)
"""So long before the event the message was handed to the connector (inferred)."""

_GONE = (*DELIVERED_OUTBOUND, *DELETED, 9, 10, 33, 43, 1018)
"""After these a message, or a report, waits no longer: sent, deleted, delivered, absorbed."""

Timed = tuple[datetime, int, Event]
"""An event with its UTC time and its number."""


def mark_bad_folder(
    joiner: Joiner, events: EventLog, opener: Opener, clock: ServerClock, evidence: EvidenceMap
) -> set[int]:
    """Find the messages that went to the store's BAD folder: each 4116 that is about one.

    4116 is about a message where the content engine failed beside it, or where its text says
    that the message has been moved; not where the store session was lost or never came about.
    It is then one of the tracked outbound messages that were handed over in the minutes before
    it and never left, if the tracking log covers those; where just as many wait as there are
    such events, each is one. Where more wait none is marked, and the event stands with all of
    them. An event that may be about a message which the evidence does not show makes one of its
    own. Returned are the numbers of the entries that may have gone there, or not.
    """
    told = _about_a_message(events)
    if not told:
        return set()
    waiting = _Waiting(joiner, opener)
    bound: list[tuple[_Moved, set[int]]] = []
    free: list[tuple[_Moved, set[int]]] = []
    for one in told:
        near = waiting.before(one, clock)
        sure = near and evidence.tracked(
            [moment - _HANDED_OVER for moment in clock.readings(one.event.time)],
            assumed=clock.assumed(one.event.time),
            after=_HANDED_OVER,
        )
        (bound if sure else free).append((one, near))
    marked: set[int] = set()
    doubtful: set[int] = set()
    for moved, numbers in _entangled(bound):
        entries = [joiner.entries[number] for number in sorted(numbers, key=waiting.order)]
        if len(moved) < len(entries):
            doubtful.update(numbers)
            for entry, one in product(entries, moved):
                _attach(entry, one, opener)
            continue
        marked.update(numbers)
        for place, one in enumerate(moved):
            own = entries[place] if place < len(entries) else None
            if own is None or own.report_of is not None:  # a report is no message of its own
                own = joiner.add(Direction.OUTBOUND)
            _mark(own, one, opener)
    for one, near in free:
        doubtful |= near
        _mark(joiner.add(Direction.OUTBOUND), one, opener)
    return doubtful - marked


def _mark(entry: Entry, moved: _Moved, opener: Opener) -> None:
    entry.bad_folder = True
    _attach(entry, moved, opener)


def _attach(entry: Entry, moved: _Moved, opener: Opener) -> None:
    entry.events = with_number(entry.events, moved.number)
    if moved.partner is not None:
        entry.events = with_number(entry.events, moved.partner)
    opener.forget(entry)


class _Moved(NamedTuple):
    """A 4116 that is about a message: its UTC time, its number, the content engine's beside it."""

    time: datetime
    number: int
    event: Event
    partner: int | None


def _about_a_message(events: EventLog) -> list[_Moved]:
    """Return each 4116 that is about a message, once, in time order."""
    engine = [one for one in _timed(events, _CONTENT_ENGINE) if one[2].is_store]
    lost = [one for one in _timed(events, _SESSION_LOST) if one[2].is_connector]
    found: list[_Moved] = []
    told: list[Timed] = []
    for one in _timed(events, (4116,)):
        moment, number, event = one
        if not event.is_connector or _told(one, told):
            continue
        partner = _nearest(moment, engine)
        if _nearest(moment, lost) is not None:
            continue
        if partner is None and not _MOVED.search(event.message or ""):
            continue
        told.append(one)
        if partner is not None:
            engine.remove(partner)
        found.append(_Moved(moment, number, event, None if partner is None else partner[1]))
    return found


def _entangled(
    told: Sequence[tuple[_Moved, set[int]]],
) -> Iterator[tuple[list[_Moved], set[int]]]:
    """Yield the events that share messages, in time order, with the numbers of all of these.

    An event with a single message has that one: it is no other's.
    """
    left = [(moved, set(numbers)) for moved, numbers in told]
    by_message: dict[int, list[int]] = defaultdict(list)
    for place, (_, numbers) in enumerate(left):
        for number in numbers:
            by_message[number].append(place)
    done: set[int] = set()
    single = [place for place, (_, numbers) in enumerate(left) if len(numbers) == 1]
    for place in single:  # grows as messages are taken away from other events
        moved, numbers = left[place]
        if len(numbers) != 1:
            continue
        done.add(place)
        yield [moved], set(numbers)
        for other in by_message[next(iter(numbers))]:
            if other != place and other not in done:
                left[other][1].difference_update(numbers)
                if len(left[other][1]) == 1:
                    single.append(other)
    for place in range(len(left)):
        if place in done:
            continue
        group = [place]
        found: set[int] = set()
        done.add(place)
        for member in group:  # grows by the events that share a message with one of its own
            for number in left[member][1] - found:
                found.add(number)
                joined = [other for other in by_message[number] if other not in done]
                done.update(joined)
                group += joined
        yield [left[member][0] for member in sorted(group)], found


class _Waiting:
    """The outbound messages that are known from the tracking log alone, and never left."""

    def __init__(self, joiner: Joiner, opener: Opener) -> None:
        self._first: dict[int, datetime] = {}
        listed: list[tuple[datetime, int]] = []
        for entry in joiner.entries:
            if entry.direction is not Direction.OUTBOUND or not entry.tracking:
                continue
            if entry.files or entry.transactions or entry.reports or entry.bad_folder:
                continue
            draft = opener.draft(entry)
            if not draft.tracked(*_GONE):
                listed += [(record.time, entry.number) for record in draft.tracking]
                self._first[entry.number] = draft.tracking[0].time
        listed.sort()
        self._times = [time for time, _ in listed]
        self._numbers = [number for _, number in listed]

    def order(self, number: int) -> tuple[datetime, int]:
        """Return what the messages sort by: when they were handed over."""
        return self._first[number], number

    def before(self, one: _Moved, clock: ServerClock) -> set[int]:
        """Return the messages that were handed to the connector just before, and stayed."""
        spans = [(moment - _HANDED_OVER, moment) for moment in clock.readings(one.event.time)]
        if clock.assumed(one.event.time):
            spans = [(one.time - WIDEST, one.time + WIDEST)]
        return {
            number
            for first, last in spans
            for number in self._numbers[
                bisect_left(self._times, first) : bisect_right(self._times, last)
            ]
        }


def _timed(events: EventLog, ids: Iterable[int]) -> list[Timed]:
    """Return the events of those numbers that have a time, by time and place."""
    found = [(time, number, event) for time, number, event in events.numbered(ids) if time]
    found.sort(key=lambda one: (one[0], one[2].location.order))
    return found


def _told(one: Timed, told: Iterable[Timed]) -> bool:
    """Whether another export of the log has told of the same event already."""
    return any(
        other.location.path != one[2].location.path and abs(time - one[0]) <= timedelta(seconds=2)
        for time, _, other in told
    )


def _nearest(moment: datetime, others: Sequence[Timed]) -> Timed | None:
    """Return the event of ``others`` (sorted by time) that stands nearest, within a minute."""
    first = bisect_left(others, moment - _BESIDE, key=_time)
    last = bisect_right(others, moment + _BESIDE, key=_time)
    near = others[first:last]
    return min(near, key=lambda one: (abs(one[0] - moment), one[2].location.order), default=None)


def _time(one: Timed) -> datetime:
    return one[0]
