"""Which SMTP transaction belongs to which message: by Message-ID, envelope and time.

The reply that accepts a message names no spool file, so the two are paired: never against a
Message-ID, originator or recipient that differs, and the likest, then the nearest first. An
inbound message has one accepted transaction; an outbound one has as many as it takes, for the
service retries and sends to several hosts.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from imctool.ledger.clock import ServerClock
from imctool.ledger.draft import Draft, comparable, comparable_set
from imctool.ledger.fates import DELIVERED_OUTBOUND
from imctool.model.direction import Direction
from imctool.model.evidence import InputKind
from imctool.model.smtp import Outcome, Transaction

_BEFORE = timedelta(minutes=15)
_AFTER = timedelta(minutes=10)
_LATE = timedelta(hours=6)
_SAME_ID = timedelta(days=1)
_ZONE = timedelta(hours=14)
RETRIED = timedelta(days=5)
"""How long the service may try; its last interval and expiry are settings (Q146669)."""

_MOST_CANDIDATES = 32
"""So many drafts are weighed for one transaction: a list may send alike mail every minute."""

_SAME_MESSAGE, _SAME_ENVELOPE, _SAME_ORIGINATOR, _NOTHING_DIFFERS = range(4)

Joined = tuple[set[int], set[int]]
"""The ids of the transactions that were given to a draft, and of the drafts that could as well
have had one that another got."""


def join_transactions(
    transactions: Sequence[Transaction], drafts: Sequence[Draft], clock: ServerClock
) -> tuple[list[Transaction], set[int]]:
    """Give each transaction to the draft it speaks of.

    Returned are the transactions that fit none, and the ids of the drafts that nothing tells
    apart from one that was given a transaction: what became of these is open.
    """
    inbound = [one for one in transactions if one.direction is Direction.INBOUND]
    outbound = [one for one in transactions if one.direction is Direction.OUTBOUND]
    joined = _join_inbound(
        [one for one in inbound if one.outcome in {Outcome.ACCEPTED, Outcome.INCOMPLETE}],
        [one for one in drafts if one.direction is Direction.INBOUND],
        clock,
    )
    sent, rivals = _join_outbound(
        outbound,
        [one for one in drafts if one.direction is Direction.OUTBOUND or one.tracked(1014)],
        clock,
    )
    done = joined | sent
    return [one for one in transactions if id(one) not in done], rivals


def _join_inbound(
    transactions: Sequence[Transaction], drafts: Sequence[Draft], clock: ServerClock
) -> set[int]:
    index = _DraftIndex(drafts, clock, _LATE if clock.known else _ZONE)
    orders = _ranks(index.times), _ranks([[moment] for moment in _moments(transactions, clock)])
    offers: list[tuple[int, timedelta, int, int]] = []
    for number, transaction in enumerate(transactions):
        moment = clock.utc(transaction.moment)
        for rank in index.near(transaction, moment):
            likeness = _inbound_likeness(transaction, drafts[rank])
            if likeness is None:
                continue
            distance = _inbound_distance(likeness, moment, index.times[rank], clock)
            if distance is not None:
                if not clock.known:  # the order in both logs is all that can be trusted
                    distance = timedelta(seconds=abs(orders[0][rank] - orders[1][number]))
                offers.append((likeness, distance, number, rank))
    offers.sort()
    joined: set[int] = set()
    taken: set[int] = set()
    for _, _, number, rank in offers:
        transaction = transactions[number]
        if id(transaction) not in joined and rank not in taken:
            joined.add(id(transaction))
            taken.add(rank)
            drafts[rank].transactions.append(transaction)
    return joined


def _moments(transactions: Iterable[Transaction], clock: ServerClock) -> Iterable[datetime | None]:
    return (clock.utc(one.moment) for one in transactions)


def _ranks(times: Sequence[Sequence[datetime | None]]) -> list[int]:
    """Return the place of each entry in the order of their first times."""

    def key(number: int) -> tuple[bool, datetime | None, int]:
        first = times[number][0] if times[number] else None
        return (True, None, number) if first is None else (False, first, number)

    places = [0] * len(times)
    for place, number in enumerate(sorted(range(len(times)), key=key)):
        places[number] = place
    return places


def _join_outbound(
    transactions: Sequence[Transaction], drafts: Sequence[Draft], clock: ServerClock
) -> Joined:
    index = _DraftIndex(drafts, clock, RETRIED)
    joined: set[int] = set()
    rivals: set[int] = set()
    for transaction in transactions:
        moment = clock.utc(transaction.moment)
        offers: list[tuple[int, timedelta, int]] = []
        for rank in index.near(transaction, moment):
            likeness = _outbound_likeness(transaction, drafts[rank])
            if likeness is not None and moment is not None:
                distance = _outbound_distance(
                    likeness, transaction, moment, drafts[rank], index.times[rank], clock
                )
                if distance is not None:
                    offers.append((likeness, distance, rank))
        if offers:
            likeness, distance, rank = min(offers)
            joined.add(id(transaction))
            drafts[rank].transactions.append(transaction)
            if not _confirmed(transaction, drafts[rank], distance):
                rivals.update(other for like, _, other in offers if like == likeness)
    return joined, {id(drafts[rank]) for rank in rivals if not drafts[rank].transactions}


def _confirmed(transaction: Transaction, draft: Draft, distance: timedelta) -> bool:
    """Whether the tracking log has the transfer that the transaction made."""
    transferred = draft.tracked(*DELIVERED_OUTBOUND) and distance <= timedelta(minutes=5)
    return transaction.outcome is Outcome.ACCEPTED and transferred


class _DraftIndex:
    """Drafts by Message-ID, by originator, and by time for those that cannot be compared."""

    def __init__(self, drafts: Sequence[Draft], clock: ServerClock, slack: timedelta) -> None:
        self.times = [draft.times(clock) for draft in drafts]
        self._slack = slack
        self._by_id: dict[str, list[int]] = defaultdict(list)
        self._by_originator: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
        self._opaque: list[tuple[datetime, int]] = []
        for rank, draft in enumerate(drafts):
            if draft.message_id:
                self._by_id[draft.message_id].append(rank)
            originator = "" if draft.report_of is not None else comparable(draft.originator)
            home = self._opaque if originator is None else self._by_originator[originator]
            home.extend((moment, rank) for moment in self.times[rank])
        self._opaque.sort()
        for listed in self._by_originator.values():
            listed.sort()

    def near(self, transaction: Transaction, moment: datetime | None) -> list[int]:
        """Return the ranks of the drafts that could be the transaction's, each once."""
        found: dict[int, None] = {}
        message_id = transaction.message_id
        if message_id is not None:
            found.update(dict.fromkeys(self._by_id.get(message_id, ())))
        if moment is not None:
            originator = comparable(transaction.originator)
            same = self._by_originator.get(originator, []) if originator is not None else []
            for listed in (same, self._opaque):
                found.update(dict.fromkeys(_within(listed, moment, self._slack)))
        return list(found)[:_MOST_CANDIDATES]


def _within(
    listed: Sequence[tuple[datetime, int]], moment: datetime, slack: timedelta
) -> Iterable[int]:
    low = bisect_left(listed, moment - slack, key=lambda one: one[0])
    high = bisect_right(listed, moment + slack, key=lambda one: one[0])
    near = listed[low:high]
    if len(near) > _MOST_CANDIDATES:
        near = sorted(near, key=lambda one: (abs(one[0] - moment), one[1]))
    return (rank for _, rank in near)


def _originators_alike(transaction: Transaction, draft: Draft) -> bool | None:
    """Whether the originators are the same; None where they cannot be compared."""
    if draft.report_of is not None:
        return transaction.originator == ""  # a report has a null sender (RFC 821 section 3.6)
    one, other = comparable(transaction.originator), comparable(draft.originator)
    return None if one is None or other is None else one == other


def _inbound_likeness(transaction: Transaction, draft: Draft) -> int | None:
    """Return how like the two are, the likest first; None where they cannot be one."""
    logged, known = transaction.message_id, draft.message_id
    if logged and known and logged != known:
        return None
    if transaction.outcome is Outcome.INCOMPLETE and (
        {kind for kind, _ in draft.files} != {InputKind.SPOOL_WORK}
    ):
        return None  # a session that broke off leaves its file in Work, or none
    alike = _originators_alike(transaction, draft)
    if alike is False:
        return None
    recipients, accepted = draft.recipients(), _accepted(transaction)
    if recipients is not None and accepted is not None:
        if recipients != accepted:
            return None
        alike = True
    count = draft.recipient_count
    if count and transaction.accepted_count and count != transaction.accepted_count:
        return None
    if logged and known:
        return _SAME_MESSAGE
    return _SAME_ENVELOPE if alike else _NOTHING_DIFFERS


def envelopes_may_be_one(transaction: Transaction, draft: Draft) -> bool:
    """Return whether nothing in the envelopes says that the two are not one message."""
    if transaction.direction is Direction.OUTBOUND:
        return _outbound_likeness(transaction, draft) is not None
    return _inbound_likeness(transaction, draft) is not None


def _accepted(transaction: Transaction) -> frozenset[str] | None:
    if len(transaction.accepted) != transaction.accepted_count:
        return None
    return comparable_set(transaction.accepted)


def _inbound_distance(
    likeness: int, moment: datetime | None, times: Sequence[datetime], clock: ServerClock
) -> timedelta | None:
    """Return how far apart in time the two are, None where that is too far for their likeness."""
    if moment is None or not times:
        return timedelta(0) if likeness == _SAME_MESSAGE else None
    nearest = min(times, key=lambda time: abs(time - moment))
    distance = abs(nearest - moment)
    if likeness == _SAME_MESSAGE:
        return distance if distance <= _SAME_ID else None
    if clock.known:
        earliest = -_LATE if likeness == _SAME_ENVELOPE else -_BEFORE
        return distance if earliest <= moment - nearest <= _AFTER else None
    return distance if distance <= _ZONE and likeness == _SAME_ENVELOPE else None


def _outbound_likeness(transaction: Transaction, draft: Draft) -> int | None:
    """Return how like the two are; the recipients asked for must all be the message's own."""
    alike = _originators_alike(transaction, draft)
    if alike is False:
        return None
    asked = comparable_set(transaction.asked)
    recipients = draft.recipients()
    if asked is not None and recipients is not None:
        return _SAME_ENVELOPE if asked <= recipients else None
    return _SAME_ORIGINATOR if alike else _NOTHING_DIFFERS


def _outbound_distance(
    likeness: int,
    transaction: Transaction,
    moment: datetime,
    draft: Draft,
    times: Sequence[datetime],
    clock: ServerClock,
) -> timedelta | None:
    """Return how far the attempt is from the message's nearest time, None where it cannot be its.

    Attempts lie between the hand-over and the transfer or report that ends it, or some days
    later; with nothing but the time to go by, within minutes of a known one.
    """
    if not times:
        return None
    distance = min(abs(time - moment) for time in times)
    if not clock.known:
        return distance if distance <= _ZONE and likeness == _SAME_ENVELOPE else None
    if likeness == _NOTHING_DIFFERS or (draft.direction is Direction.INBOUND):
        return distance if distance <= _BEFORE else None
    ends = [one.time for one in draft.tracking if one.event in DELIVERED_OUTBOUND]
    last = max(ends) + _BEFORE if ends else times[0] + RETRIED
    if not times[0] - _BEFORE <= moment <= last:
        return None
    if transaction.outcome is Outcome.ACCEPTED and ends:
        return min(abs(end - moment) for end in ends)
    return distance


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
        moment = one.moment
        if one.outcome is Outcome.ACCEPTED and moment is not None and moment.tzinfo is None:
            recipients = comparable_set(one.accepted)
            for key in _pair_keys(one.direction, one.message_id, one.originator, recipients):
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
