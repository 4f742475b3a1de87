"""Which messages went to the BAD folder of the connector's mailbox: no copy of a tree shows it."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from imctool.ledger.clock import ServerClock, event_order
from imctool.ledger.draft import Draft
from imctool.ledger.fates import DELIVERED_OUTBOUND
from imctool.model.direction import Direction
from imctool.model.event import Event

_CONTENT_ENGINE = range(12800, 12900)
_SESSION_LOST = frozenset({3039, 4018, 4102, 4094})
_MOVED = re.compile(r"has\s+been\s+moved\s+to\s+the\s+\W?BAD\W?\s+folder", re.I)
_BESIDE = timedelta(seconds=60)
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


def mark_bad_folder(events: Sequence[Event], drafts: list[Draft], clock: ServerClock) -> set[int]:
    """Find the messages that went to the store's BAD folder: each 4116 that is about one.

    4116 is about a message where the content engine failed beside it, or where its text says
    that the message has been moved; not where the store session was lost or never came about.
    The tracked outbound message that was handed over last before it, and never left, is that
    message if there is just one. Returned are the ids of the drafts of which one may be it,
    where several could.
    """
    rivals: set[int] = set()
    timed = sorted((e for e in events if e.time), key=lambda one: event_order(one, clock))
    engine = [e for e in timed if e.is_store and e.event_id in _CONTENT_ENGINE]
    lost = [e for e in timed if e.is_connector and e.event_id in _SESSION_LOST]
    told: list[Event] = []
    for event in events:
        if not (event.is_connector and event.event_id == 4116) or _told(event, told, clock):
            continue
        partner = _nearest(event, engine, clock)
        if _nearest(event, lost, clock) is not None:
            continue
        if partner is None and not _MOVED.search(event.message or ""):
            continue
        told.append(event)
        waiting = _handed_over(event, drafts, clock)
        if len(waiting) == 1:
            draft = waiting[0]
        else:
            rivals.update(id(one) for one in waiting)
            draft = Draft(Direction.OUTBOUND)
            drafts.append(draft)
        draft.bad_folder = True
        draft.events.append(event)
        if partner is not None:
            engine.remove(partner)
            draft.events.append(partner)
    return rivals


def _told(event: Event, told: Iterable[Event], clock: ServerClock) -> bool:
    """Whether another export of the log has told of the same event already."""
    moment = clock.utc(event.time)
    return moment is not None and any(
        one.location.path != event.location.path
        and (time := clock.utc(one.time)) is not None
        and abs(time - moment) <= timedelta(seconds=2)
        for one in told
    )


def _nearest(event: Event, others: Sequence[Event], clock: ServerClock) -> Event | None:
    """Return the event of ``others`` (sorted by time) that stands nearest, within a minute."""
    moment = clock.utc(event.time)
    if moment is None:
        return None

    def time_of(one: Event) -> datetime:
        return clock.utc(one.time) or _NEVER

    first = bisect_left(others, moment - _BESIDE, key=time_of)
    last = bisect_right(others, moment + _BESIDE, key=time_of)
    near = others[first:last]
    return min(near, key=lambda one: (abs(time_of(one) - moment), one.location.order), default=None)


def _handed_over(event: Event, drafts: Sequence[Draft], clock: ServerClock) -> list[Draft]:
    """Return the outbound messages that were handed to the connector just before, and stayed."""
    moment = clock.utc(event.time)
    if moment is None:
        return []
    earliest, latest = moment - timedelta(minutes=10), moment
    if clock.assumed(event.time):
        earliest, latest = moment - timedelta(hours=14), moment + timedelta(hours=14)
    return [
        draft
        for draft in drafts
        if draft.direction is Direction.OUTBOUND
        and not (draft.files or draft.transactions or draft.reports or draft.bad_folder)
        and not draft.tracked(*DELIVERED_OUTBOUND)
        and any(earliest <= one.time <= latest for one in draft.tracking)
    ]
