"""Which SMTP transaction belongs to which message: by Message-ID, envelope and time.

The reply that accepts a message names no spool file, so the two are paired: never against a
Message-ID, originator or recipient that differs, and the likest, then the nearest first. An
inbound message has one accepted transaction; an outbound one has as many as it takes, for the
service retries and sends to several hosts.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from imctool.database.series import Series
from imctool.ledger.clock import ServerClock
from imctool.ledger.draft import Draft, comparable, comparable_set
from imctool.ledger.entry import Entry, Opener
from imctool.ledger.fates import DELIVERED_OUTBOUND
from imctool.model.direction import Direction
from imctool.model.evidence import InputKind
from imctool.model.smtp import Outcome, Transaction

_BEFORE = timedelta(minutes=15).total_seconds()
_AFTER = timedelta(minutes=10).total_seconds()
_LATE = timedelta(hours=6).total_seconds()
_SAME_ID = timedelta(days=1).total_seconds()
_ZONE = timedelta(hours=14).total_seconds()
RETRIED = timedelta(days=5)
"""How long the service may try; its last interval and expiry are settings (Q146669)."""

_TRIED = RETRIED.total_seconds()
_AT_ONCE = timedelta(minutes=5).total_seconds()

_MOST_CANDIDATES = 32
"""So many drafts are weighed for one transaction: a list may send alike mail every minute."""

_SAME_MESSAGE, _SAME_ENVELOPE, _SAME_ORIGINATOR, _NOTHING_DIFFERS = range(4)


class Joined(NamedTuple):
    """What came of pairing: the transactions that fit no entry, and the numbers of the entries
    that nothing tells apart from one that was given a transaction."""

    left: list[int]
    rivals: set[int]


def join_transactions(
    transactions: Series[Transaction],
    copies: frozenset[int],
    entries: Sequence[Entry],
    opener: Opener,
    clock: ServerClock,
) -> Joined:
    """Give each transaction, but for ``copies``, to the entry it speaks of, by their numbers."""
    inbound: list[int] = []
    outbound: list[int] = []
    listed: list[int] = []
    ids: Counter[str] = Counter()
    for number, one in transactions.items():
        if number in copies:
            continue
        listed.append(number)
        if one.direction is Direction.OUTBOUND:
            outbound.append(number)
        elif one.outcome in _TAKEN:
            inbound.append(number)
            if one.message_id is not None:
                ids[one.message_id] += 1
    mine = [one for one in entries if one.direction is Direction.INBOUND]
    done = _join_inbound(transactions, inbound, ids, mine, opener, clock) if inbound else set()
    rivals: set[int] = set()
    if outbound:
        sent = [
            one
            for one in entries
            if one.direction is Direction.OUTBOUND
            or (one.tracking and opener.draft(one).tracked(1014))
        ]
        more, rivals = _join_outbound(transactions, outbound, sent, opener, clock)
        done |= more
    return Joined([number for number in listed if number not in done], rivals)


_TAKEN = frozenset({Outcome.ACCEPTED, Outcome.INCOMPLETE})


def _join_inbound(
    transactions: Series[Transaction],
    numbers: Sequence[int],
    ids: Counter[str],
    entries: Sequence[Entry],
    opener: Opener,
    clock: ServerClock,
) -> set[int]:
    """Give each transaction to one entry, the likest and nearest pairs first."""
    index = _DraftIndex(entries, opener, clock, _LATE if clock.known else _ZONE)
    orders: tuple[Sequence[int], dict[int, int]] | None = None
    if not clock.known:  # the order in both logs is all that can be trusted
        firsts = [times[0] if times else None for times in index.times]
        moments = [_timestamp(clock, transactions[number]) for number in numbers]
        orders = _ranks(firsts), dict(zip(numbers, _ranks(moments), strict=True))
    offers: list[tuple[int, float, int, int]] = []
    joined: set[int] = set()
    taken: set[int] = set()
    for number in numbers:
        transaction = transactions[number]
        moment = _timestamp(clock, transaction)
        only = index.only_one(transaction.message_id) if transaction.message_id else None
        if only is not None and ids[transaction.message_id or ""] == 1:
            # No other can claim either of the two with as much right.
            likeness = _inbound_likeness(transaction, index.draft(only))
            if (
                likeness == _SAME_MESSAGE
                and _inbound_distance(likeness, moment, index.times[only], clock) is not None
            ):
                joined.add(number)
                taken.add(only)
                opener.give(entries[only], number)
                continue
        for rank in index.near(transaction, moment):
            likeness = _inbound_likeness(transaction, index.draft(rank))
            if likeness is None:
                continue
            distance = _inbound_distance(likeness, moment, index.times[rank], clock)
            if distance is not None:
                if orders is not None:
                    distance = abs(orders[0][rank] - orders[1][number])
                offers.append((likeness, distance, number, rank))
    offers.sort()
    for _, _, number, rank in offers:
        if number not in joined and rank not in taken:
            joined.add(number)
            taken.add(rank)
            opener.give(entries[rank], number)
    return joined


def _timestamp(clock: ServerClock, one: Transaction) -> float | None:
    moment = clock.utc(one.moment)
    return None if moment is None else moment.timestamp()


def _apart(one: float, other: float) -> float:
    """Return how many seconds two timestamps lie apart, without the noise of their last digits."""
    return round(abs(one - other), 5)


def _ranks(firsts: Sequence[float | None]) -> list[int]:
    """Return the place of each entry in the order of their first times."""

    def key(number: int) -> tuple[bool, float, int]:
        first = firsts[number]
        return (True, 0.0, number) if first is None else (False, first, number)

    places = [0] * len(firsts)
    for place, number in enumerate(sorted(range(len(firsts)), key=key)):
        places[number] = place
    return places


def _join_outbound(
    transactions: Series[Transaction],
    numbers: Sequence[int],
    entries: Sequence[Entry],
    opener: Opener,
    clock: ServerClock,
) -> tuple[set[int], set[int]]:
    index = _DraftIndex(entries, opener, clock, _TRIED)
    joined: set[int] = set()
    rivals: set[int] = set()
    for number in numbers:
        transaction = transactions[number]
        moment = _timestamp(clock, transaction)
        offers: list[tuple[int, float, int]] = []
        for rank in index.near(transaction, moment):
            if moment is None:
                continue
            draft = index.draft(rank)
            likeness = _outbound_likeness(transaction, draft)
            if likeness is None:
                continue
            times = index.times[rank]
            distance = _outbound_distance(likeness, transaction, moment, draft, times, clock)
            if distance is not None:
                offers.append((likeness, distance, rank))
        if offers:
            likeness, distance, rank = min(offers)
            joined.add(number)
            confirmed = _confirmed(transaction, index.draft(rank), distance)
            opener.give(entries[rank], number)
            if not confirmed:
                rivals.update(other for like, _, other in offers if like == likeness)
    return joined, {entries[rank].number for rank in rivals if not entries[rank].transactions}


def _confirmed(transaction: Transaction, draft: Draft, distance: float) -> bool:
    """Whether the tracking log has the transfer that the transaction made."""
    transferred = draft.tracked(*DELIVERED_OUTBOUND) and distance <= _AT_ONCE
    return transaction.outcome is Outcome.ACCEPTED and transferred


class _Times:
    """Moments of drafts in order, with the rank of the draft that each is of."""

    __slots__ = ("_moments", "_ranks")

    def __init__(self, listed: list[tuple[float, int]]) -> None:
        listed.sort()
        self._moments = array("d", (moment for moment, _ in listed))
        self._ranks = array("L", (rank for _, rank in listed))

    def near(self, moment: float, slack: float) -> Iterable[int]:
        """Return the ranks within ``slack`` seconds; where they are many, the nearest first."""
        low = bisect_left(self._moments, moment - slack)
        high = bisect_right(self._moments, moment + slack)
        if high - low <= _MOST_CANDIDATES:
            return self._ranks[low:high]
        near = sorted(
            (_apart(self._moments[place], moment), self._ranks[place]) for place in range(low, high)
        )
        return [rank for _, rank in near]


class _DraftIndex:
    """Drafts by Message-ID, by originator, and by time for those that cannot be compared."""

    def __init__(
        self, entries: Sequence[Entry], opener: Opener, clock: ServerClock, slack: float
    ) -> None:
        self.times: list[Sequence[float]] = []
        self._entries = entries
        self._opener = opener
        self._slack = slack
        self._by_id: dict[int, int | list[int]] = {}
        homes: dict[str | None, list[tuple[float, int]]] = defaultdict(list)
        for rank, entry in enumerate(entries):
            draft = opener.draft(entry)
            times = [time.timestamp() for time in draft.times(clock)]
            self.times.append(array("d", times))
            if draft.message_id:
                self._note_id(hash(draft.message_id), rank)
            originator = "" if draft.report_of is not None else comparable(draft.originator)
            homes[originator].extend((moment, rank) for moment in times)
        self._by_originator = {key: _Times(homes.pop(key)) for key in list(homes)}

    def _note_id(self, key: int, rank: int) -> None:
        known = self._by_id.get(key)
        if known is None:
            self._by_id[key] = rank
        elif isinstance(known, int):
            self._by_id[key] = [known, rank]
        else:
            known.append(rank)

    def draft(self, rank: int) -> Draft:
        """Return the draft of that rank."""
        return self._opener.draft(self._entries[rank])

    def only_one(self, message_id: str) -> int | None:
        """Return the rank of the draft with that Message-ID, None if there is not just one."""
        known = self._by_id.get(hash(message_id))
        return known if isinstance(known, int) else None

    def near(self, transaction: Transaction, moment: float | None) -> list[int]:
        """Return the ranks of the drafts that could be the transaction's, each once."""
        found: dict[int, None] = {}
        message_id = transaction.message_id
        if message_id is not None:
            known = self._by_id.get(hash(message_id), ())
            found.update(dict.fromkeys((known,) if isinstance(known, int) else known))
        if moment is not None:
            originator = comparable(transaction.originator)
            for home in (originator, None) if originator is not None else (None,):
                listed = self._by_originator.get(home)
                if listed is not None:
                    found.update(dict.fromkeys(listed.near(moment, self._slack)))
        return list(found)[:_MOST_CANDIDATES]


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
    likeness: int, moment: float | None, times: Sequence[float], clock: ServerClock
) -> float | None:
    """Return how far apart in time the two are, None where that is too far for their likeness."""
    if moment is None or not times:
        return 0.0 if likeness == _SAME_MESSAGE else None
    nearest = min(times, key=lambda time: _apart(time, moment))
    distance = _apart(nearest, moment)
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
    moment: float,
    draft: Draft,
    times: Sequence[float],
    clock: ServerClock,
) -> float | None:
    """Return how far the attempt is from the message's nearest time, None where it cannot be its.

    Attempts lie between the hand-over and the transfer or report that ends it, or some days
    later; with nothing but the time to go by, within minutes of a known one.
    """
    if not times:
        return None
    distance = min(_apart(time, moment) for time in times)
    if not clock.known:
        return distance if distance <= _ZONE and likeness == _SAME_ENVELOPE else None
    if likeness == _NOTHING_DIFFERS or (draft.direction is Direction.INBOUND):
        return distance if distance <= _BEFORE else None
    ends = [one.time.timestamp() for one in draft.tracking if one.event in DELIVERED_OUTBOUND]
    last = max(ends) + _BEFORE if ends else times[0] + _TRIED
    if not times[0] - _BEFORE <= moment <= last:
        return None
    if transaction.outcome is Outcome.ACCEPTED and ends:
        return min(_apart(end, moment) for end in ends)
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
