"""Every message accounted for: observations joined, fates decided, in one total order."""

from __future__ import annotations

import copy

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from imctool.ledger.bad_folder import mark_bad_folder
from imctool.ledger.clock import ServerClock, derive_clock, event_order, event_pairs
from imctool.ledger.copies import (
    event_identity,
    tracking_identity,
    transaction_identity,
    without_copies,
)
from imctool.ledger.coverage import EvidenceMap, map_evidence
from imctool.ledger.draft import Draft
from imctool.ledger.fates import Surroundings, decide_fate
from imctool.ledger.joining import fold_reports, join_records
from imctool.ledger.observations import observe
from imctool.ledger.server import describe_server, service_times
from imctool.ledger.sessions import (
    RETRIED,
    clock_pairs,
    envelopes_may_be_one,
    join_transactions,
)
from imctool.model.diagnosis import Server
from imctool.model.direction import Direction
from imctool.model.event import Event
from imctool.model.message import Message
from imctool.model.smtp import Outcome, Transaction
from imctool.readers.collection import Collection

_MINUTES = timedelta(minutes=3)
_LATE = timedelta(hours=12)
_ANY_ZONE = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The messages in time order, the clock they were timed by, and what speaks of the server."""

    messages: tuple[Message, ...]
    clock: ServerClock
    server: Server
    evidence: EvidenceMap
    events: tuple[Event, ...]
    restarts: tuple[datetime, ...]


def build_ledger(collection: Collection, zone: tzinfo | None = None) -> Ledger:
    """Return every message that the evidence shows, each once, with its fate."""
    collection = copy.copy(collection)
    collection.transactions = without_copies(collection.transactions, transaction_identity)
    collection.tracking = without_copies(collection.tracking, tracking_identity)
    collection.events = without_copies(collection.events, event_identity)
    drafts = join_records(collection)
    clock = derive_clock(
        zone,
        collection.registry,
        (file for _, file in collection.spool_files),
        (*clock_pairs(collection.transactions, drafts), *event_pairs(collection.events)),
    )
    left, rivals = join_transactions(collection.transactions, drafts, clock)
    rivals |= _rivals(left, drafts, clock)
    lone = _lone_drafts(left, clock)
    for draft in lone:
        if any(id(one) in rivals for one in draft.transactions):
            rivals.add(id(draft))
    drafts = fold_reports([*drafts, *lone])
    rivals |= mark_bad_folder(collection.events, drafts, clock)
    starts = tuple(service_times(collection.events, clock, starts=True))
    restarts = tuple(sorted({*starts, *service_times(collection.events, clock, starts=False)}))
    evidence = map_evidence(collection, clock)
    around = Surroundings(clock, evidence, starts, _cut_transactions(collection), frozenset(rivals))
    messages = [observe(draft, *decide_fate(draft, around), clock) for draft in drafts]
    messages.sort(key=_order)
    return Ledger(
        tuple(messages),
        clock,
        describe_server(collection, clock),
        evidence,
        tuple(sorted(collection.events, key=lambda one: event_order(one, clock))),
        restarts,
    )


def _order(message: Message) -> tuple[bool, float, str, str, str]:
    first = message.first
    return (
        first is None,
        first.timestamp() if first is not None else 0.0,
        message.direction,
        message.name,
        str(message.observations[0].location) if message.observations else "",
    )


def _rivals(left: Sequence[Transaction], drafts: Sequence[Draft], clock: ServerClock) -> set[int]:
    """Return the ids of transactions and drafts that may be each other's after all.

    The store may take a message over long after it was accepted, and what the tracking log
    calls the originator need not be the MAIL FROM. Where an accepted transaction and a tracked
    message without session stand within hours of each other and no envelope tells them apart,
    or within minutes and no Message-ID does, neither may be called lost.
    """
    found: set[int] = set()
    open_drafts = sorted(
        (
            (moment, number, draft, draft.message_id)
            for number, draft in enumerate(drafts)
            if draft.tracking and not draft.files and not draft.transactions
            for moment in draft.times(clock)
        ),
        key=lambda one: one[:2],
    )
    before, after = (_MINUTES, _LATE) if clock.known else (_ANY_ZONE, _ANY_ZONE)
    for transaction in left:
        moment = clock.utc(transaction.moment)
        if transaction.outcome is not Outcome.ACCEPTED or moment is None:
            continue
        logged = transaction.message_id
        first = bisect_left(open_drafts, moment - before, key=lambda one: one[0])
        last = bisect_right(open_drafts, moment + after, key=lambda one: one[0])
        for time, _, draft, known in open_drafts[first:last]:
            if draft.direction is not transaction.direction or (
                logged and known and logged != known
            ):
                continue
            near = abs(time - moment) <= _MINUTES
            if near or envelopes_may_be_one(transaction, draft):
                found.update((id(transaction), id(draft)))
    return found


def _lone_drafts(left: Iterable[Transaction], clock: ServerClock) -> list[Draft]:
    """Return a draft for each transaction that fits no other record.

    Outbound attempts for one envelope that follow each other within days, up to the first that
    succeeds, are one message: the service retries what was deferred.
    """
    drafts: list[Draft] = []
    retried: dict[tuple[str, frozenset[str]], tuple[Draft, datetime | None]] = {}
    for transaction in sorted(left, key=lambda one: _transaction_order(one, clock)):
        asked = frozenset(one.lower() for one in transaction.asked)
        envelope = transaction.originator or "", asked
        moment = clock.utc(transaction.started)
        draft, since = retried.pop(envelope, (None, None))
        late = moment is not None and since is not None and moment - since > RETRIED
        if draft is None or late:
            draft = Draft(transaction.direction)
            drafts.append(draft)
        draft.transactions.append(transaction)
        outbound = transaction.direction is Direction.OUTBOUND
        if outbound and asked and transaction.outcome in {Outcome.DEFERRED, Outcome.INCOMPLETE}:
            retried[envelope] = draft, moment
    return drafts


def _transaction_order(
    one: Transaction, clock: ServerClock
) -> tuple[float, tuple[str, int, int, int]]:
    time = clock.utc(one.started)
    return time.timestamp() if time else 0.0, one.location.order


def _cut_transactions(collection: Collection) -> frozenset[int]:
    """Return the ids of the transactions that stand last in a log whose end is torn."""
    last: dict[str, Transaction] = {}
    for one in collection.transactions:
        known = last.get(one.location.path)
        if known is None or (one.location.line or 0) >= (known.location.line or 0):
            last[one.location.path] = one
    torn = {one.file.name for one in collection.coverage if one.span.torn}
    return frozenset(id(one) for path, one in last.items() if path in torn)
