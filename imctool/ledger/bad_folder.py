"""Which messages went to the BAD folder of the connector's mailbox: no copy of a tree shows it."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from imctool.ledger.clock import ServerClock
from imctool.ledger.draft import Draft
from imctool.ledger.entry import Opener, with_number
from imctool.ledger.event_log import EventLog
from imctool.ledger.fates import DELIVERED_OUTBOUND
from imctool.ledger.joining import Joiner
from imctool.model.direction import Direction
from imctool.model.event import Event

_CONTENT_ENGINE = range(12800, 12900)
_SESSION_LOST = (3039, 4018, 4102, 4094)
_MOVED = re.compile(r"has\s+been\s+moved\s+to\s+the\s+\W?BAD\W?\s+folder", re.I)
_BESIDE = timedelta(seconds=60)

Timed = tuple[datetime, int, Event]
"""An event with its UTC time and its number."""


def mark_bad_folder(
    joiner: Joiner, events: EventLog, opener: Opener, clock: ServerClock
) -> set[int]:
    """Find the messages that went to the store's BAD folder: each 4116 that is about one.

    4116 is about a message where the content engine failed beside it, or where its text says
    that the message has been moved; not where the store session was lost or never came about.
    The tracked outbound message that was handed over last before it, and never left, is that
    message if there is just one. Returned are the numbers of the entries of which one may be
    it, where several could.
    """
    rivals: set[int] = set()
    engine = [one for one in _timed(events, _CONTENT_ENGINE) if one[2].is_store]
    lost = [one for one in _timed(events, _SESSION_LOST) if one[2].is_connector]
    told: list[Timed] = []
    waiting: list[Draft] | None = None
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
        if waiting is None:
            waiting = _waiting(joiner, opener)
        near = _handed_over(event, moment, waiting, clock)
        if len(near) == 1:
            (draft,) = near
            waiting.remove(draft)
            entry = joiner.entries[draft.number]
        else:
            rivals.update(draft.number for draft in near)
            entry = joiner.add(Direction.OUTBOUND)
        entry.bad_folder = True
        entry.events = with_number(entry.events, number)
        if partner is not None:
            engine.remove(partner)
            entry.events = with_number(entry.events, partner[1])
        opener.forget(entry)
    return rivals


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


def _waiting(joiner: Joiner, opener: Opener) -> list[Draft]:
    """Return the outbound messages that are known from the tracking log alone, and never left."""
    return [
        draft
        for entry in joiner.entries
        if entry.direction is Direction.OUTBOUND
        and entry.tracking
        and not (entry.files or entry.transactions or entry.reports or entry.bad_folder)
        and not (draft := opener.draft(entry)).tracked(*DELIVERED_OUTBOUND)
    ]


def _handed_over(
    event: Event, moment: datetime, waiting: Iterable[Draft], clock: ServerClock
) -> list[Draft]:
    """Return the messages that were handed to the connector just before, and stayed."""
    earliest, latest = moment - timedelta(minutes=10), moment
    if clock.assumed(event.time):
        earliest, latest = moment - timedelta(hours=14), moment + timedelta(hours=14)
    return [
        draft
        for draft in waiting
        if any(earliest <= record.time <= latest for record in draft.tracking)
    ]
