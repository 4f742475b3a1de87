"""Which SMTP transaction belongs to which message: by Message-ID, envelope and time.

The reply that accepts a message names no spool file, so the two are paired: never against a
Message-ID, originator or recipient that differs, and the nearest in time first.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from imctool.ledger.clock import ServerClock
from imctool.ledger.draft import Draft, comparable, comparable_set
from imctool.model.direction import Direction
from imctool.model.event import Event
from imctool.model.evidence import InputKind
from imctool.model.smtp import Outcome, Transaction

_BEFORE = timedelta(minutes=15)
_AFTER = timedelta(minutes=10)
_SAME_ID = timedelta(days=1)
_ZONE = timedelta(hours=14)
_RETRY = timedelta(days=5)


def join_transactions(
    transactions: Sequence[Transaction], drafts: Sequence[Draft], clock: ServerClock
) -> list[Transaction]:
    """Give each transaction to the draft it speaks of; return those that fit none.

    A draft takes one transaction. An inbound one that broke off can only be that of a file in
    Work, where a message lies while it is being received.
    """
    left: list[Transaction] = []
    for direction in Direction:
        wanted = [one for one in transactions if one.direction is direction]
        candidates = [
            one
            for one in wanted
            if direction is Direction.OUTBOUND
            or one.outcome in {Outcome.ACCEPTED, Outcome.INCOMPLETE}
        ]
        joined = _join(candidates, [one for one in drafts if one.direction is direction], clock)
        left.extend(one for one in wanted if id(one) not in joined)
    return left


def _join(
    transactions: Sequence[Transaction], drafts: Sequence[Draft], clock: ServerClock
) -> set[int]:
    index = _DraftIndex(drafts, clock)
    offers: list[tuple[int, timedelta, int, int]] = []
    for number, transaction in enumerate(transactions):
        moment = clock.utc(transaction.ended or transaction.started)
        for rank in index.near(transaction, moment):
            score = _score(transaction, moment, drafts[rank], index.times[rank], clock)
            if score is not None:
                offers.append((*score, number, rank))
    offers.sort()
    joined: set[int] = set()
    taken: set[int] = set()
    for _, _, number, rank in offers:
        transaction = transactions[number]
        if id(transaction) in joined or rank in taken:
            continue
        joined.add(id(transaction))
        taken.add(rank)
        drafts[rank].transactions.append(transaction)
    return joined


class _DraftIndex:
    """Drafts by Message-ID, by originator, and by time for those that cannot be compared."""

    def __init__(self, drafts: Sequence[Draft], clock: ServerClock) -> None:
        self.times = [draft.times(clock) for draft in drafts]
        self._clock = clock
        self._by_id: dict[str, list[int]] = defaultdict(list)
        self._by_originator: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
        self._opaque: list[tuple[datetime, int]] = []
        for rank, draft in enumerate(drafts):
            if draft.message_id:
                self._by_id[draft.message_id].append(rank)
            originator = comparable(draft.originator)
            home = self._opaque if originator is None else self._by_originator[originator]
            home.extend((moment, rank) for moment in self.times[rank])
        self._opaque.sort()
        for listed in self._by_originator.values():
            listed.sort()

    def near(self, transaction: Transaction, moment: datetime | None) -> list[int]:
        """Return the ranks of the drafts that could be the transaction's, each once."""
        found: dict[int, None] = {}
        if transaction.skeleton is not None:
            message_id = (transaction.skeleton.header("message-id") or "").strip()
            found.update(dict.fromkeys(self._by_id.get(message_id, ())))
        if moment is not None:
            originator = comparable(transaction.originator)
            same = self._by_originator.get(originator, []) if originator is not None else []
            for listed in (same, self._opaque):
                found.update(dict.fromkeys(_within(listed, moment, self._slack(transaction))))
        return list(found)

    def _slack(self, transaction: Transaction) -> timedelta:
        if transaction.direction is Direction.OUTBOUND:
            return _RETRY
        return _BEFORE if self._clock.known else _ZONE


def _within(
    listed: Sequence[tuple[datetime, int]], moment: datetime, slack: timedelta
) -> Iterable[int]:
    low = bisect_left(listed, moment - slack, key=lambda one: one[0])
    high = bisect_right(listed, moment + slack, key=lambda one: one[0])
    return (rank for _, rank in listed[low:high])


def _score(
    transaction: Transaction,
    moment: datetime | None,
    draft: Draft,
    times: Sequence[datetime],
    clock: ServerClock,
) -> tuple[int, timedelta] | None:
    """Return how well the two fit (lower first, then distance in time), None if they cannot."""
    rank = _likeness(transaction, draft)
    if rank is None or moment is None or not times:
        return None if rank != 0 else (0, timedelta(0))
    distance = min((abs(time - moment) for time in times), default=timedelta(0))
    nearest = min(times, key=lambda time: abs(time - moment))
    if rank == 0:
        return (0, distance) if distance <= _SAME_ID else None
    if transaction.direction is Direction.OUTBOUND:
        fits = -_BEFORE <= moment - times[0] <= (_RETRY if rank == 1 else _BEFORE)
    elif clock.known:
        fits = -_BEFORE <= moment - nearest <= _AFTER
    else:
        fits = distance <= _ZONE and rank == 1
    return (rank, distance) if fits else None


def _likeness(transaction: Transaction, draft: Draft) -> int | None:
    """Return 0 for the same Message-ID, 1 for the same envelope, 2 for nothing that differs."""
    logged = transaction.skeleton.header("message-id") if transaction.skeleton else None
    known = draft.message_id
    if logged and known and logged.strip() != known:
        return None
    broken = transaction.outcome is Outcome.INCOMPLETE
    inbound = transaction.direction is Direction.INBOUND
    if broken and inbound and {kind for kind, _ in draft.files} != {InputKind.SPOOL_WORK}:
        return None
    alike = 0
    sender, other = comparable(transaction.originator), comparable(draft.originator)
    if sender is not None and other is not None:
        if sender != other:
            return None
        alike += 1
    recipients = draft.recipients()
    if recipients is not None and len(transaction.accepted) == transaction.accepted_count:
        accepted = comparable_set(transaction.accepted)
        if accepted is not None:
            if transaction.direction is Direction.OUTBOUND:
                if not accepted <= recipients:
                    return None
            elif accepted != recipients:
                return None
            alike += 1
    if transaction.direction is Direction.INBOUND:
        count = draft.recipient_count
        if count and transaction.accepted_count and count != transaction.accepted_count:
            return None
    if logged and known:
        return 0
    return 1 if alike else 2


def clock_pairs(
    transactions: Iterable[Transaction], drafts: Iterable[Draft]
) -> list[tuple[datetime, datetime]]:
    """Return (wall clock, UTC) pairs of transactions and tracked messages that can only be one.

    A pair counts where one accepted transaction and one tracked message share the whole
    envelope or the Message-ID, and no other does.
    """
    logged: dict[object, list[datetime]] = defaultdict(list)
    tracked: dict[object, list[datetime]] = defaultdict(list)
    for one in transactions:
        moment = one.ended or one.started
        if one.outcome is Outcome.ACCEPTED and moment is not None and moment.tzinfo is None:
            message_id = one.skeleton.header("message-id") if one.skeleton else None
            recipients = comparable_set(one.accepted)
            for key in _pair_keys(one.direction, message_id, one.originator, recipients):
                logged[key].append(moment)
    for draft in drafts:
        if draft.tracking:
            for key in _pair_keys(
                draft.direction, draft.message_id, draft.originator, draft.recipients()
            ):
                tracked[key].append(min(record.time for record in draft.tracking))
    return [
        (walls[0], tracked[key][0])
        for key, walls in logged.items()
        if len(walls) == 1 and len(tracked.get(key, ())) == 1
    ]


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


def _pair_keys(
    direction: Direction,
    message_id: str | None,
    originator: str | None,
    recipients: frozenset[str] | None,
) -> Iterable[object]:
    if message_id:
        yield ("id", message_id.strip())
    sender = comparable(originator)
    if sender and recipients:
        yield (direction, sender, recipients)
