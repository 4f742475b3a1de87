"""Which SMTP transaction belongs to which message: by Message-ID, envelope and time.

The reply that accepts a message names no spool file, so the two are paired: never against a
Message-ID, originator or recipient that differs, and the likest, then the nearest first. An
inbound message has one accepted transaction; an outbound one has as many as it takes, for the
service retries and sends to several hosts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from imctool.database.series import Series
from imctool.ledger.clock import ServerClock
from imctool.ledger.coverage import RETRIED
from imctool.ledger.draft import Draft, comparable, comparable_set
from imctool.ledger.draft_index import DraftIndex, ranks
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
_TRIED = RETRIED.total_seconds()
_AT_ONCE = timedelta(minutes=5).total_seconds()
_EXACTLY = timedelta(minutes=3).total_seconds()
"""So near stand a session and its record where a less likely reading of the clock joins them."""

_SAME_MESSAGE, _SAME_ENVELOPE, _SAME_ORIGINATOR, _NOTHING_DIFFERS = range(4)


class Joined(NamedTuple):
    """What came of pairing: the transactions that fit no entry, and the numbers of the entries
    that nothing tells apart from one that was given a transaction.

    ``doubtful`` are those transactions left whose entry another one took by reading the server's
    clock otherwise, or, where that is not known, by its place in the order of the logs alone.
    """

    left: list[int]
    rivals: set[int]
    doubtful: set[int]


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
    done: set[int] = set()
    doubtful: set[int] = set()
    rivals: set[int] = set()
    if inbound:
        done, doubtful = _join_inbound(transactions, inbound, ids, mine, opener, clock)
    if outbound:
        sent = [
            one
            for one in entries
            if one.direction is Direction.OUTBOUND
            or (one.tracking and opener.draft(one).tracked(1014))
        ]
        more, rivals = _join_outbound(transactions, outbound, sent, opener, clock)
        done |= more
    return Joined([number for number in listed if number not in done], rivals, doubtful)


_TAKEN = frozenset({Outcome.ACCEPTED, Outcome.INCOMPLETE})


def _join_inbound(
    transactions: Series[Transaction],
    numbers: Sequence[int],
    ids: Counter[str],
    entries: Sequence[Entry],
    opener: Opener,
    clock: ServerClock,
) -> tuple[set[int], set[int]]:
    """Give each transaction to one entry, the likest and nearest pairs first.

    Returned are those given, and those left that another reading of the clock would have given.
    """
    index = DraftIndex(entries, opener, clock, _LATE, in_order=not clock.known)
    places: dict[int, int] = {}
    if not clock.known:  # the order in both logs is all that can be trusted
        moments = [_timestamps(clock, transactions[number]) for number in numbers]
        begun = [readings[0] if readings else None for readings in moments]
        places = dict(zip(numbers, ranks(begun), strict=True))
    offers: list[tuple[int, float, int, int]] = []
    joined: set[int] = set()
    taken: dict[int, int] = {}
    unsure: dict[int, tuple[float, ...]] = {}
    for number in numbers:
        transaction = transactions[number]
        readings = _timestamps(clock, transaction)
        if len(readings) > 1:
            unsure[number] = _wall(transaction), *readings
        only = index.only_one(transaction.message_id) if transaction.message_id else None
        if only is not None and ids[transaction.message_id or ""] == 1:
            # No other can claim either of the two with as much right.
            likeness = _inbound_likeness(transaction, index.draft(only))
            if (
                likeness == _SAME_MESSAGE
                and _inbound_distance(likeness, readings, index.times[only], clock) is not None
            ):
                joined.add(number)
                taken[only] = number
                opener.give(entries[only], number)
                continue
        place = places.get(number, readings[0] if readings else None)
        for rank in index.near(transaction, place, _spread(readings)):
            likeness = _inbound_likeness(transaction, index.draft(rank))
            if likeness is None:
                continue
            distance = _inbound_distance(likeness, readings, index.times[rank], clock)
            if distance is not None:
                if places:
                    distance = abs(index.places[rank] - places[number])
                offers.append((likeness, distance, number, rank))
    offers.sort()
    for _, _, number, rank in offers:
        if number not in joined and rank not in taken:
            joined.add(number)
            taken[rank] = number
            opener.give(entries[rank], number)
    doubtful = {number for _, _, number, _ in offers if places and number not in joined}
    if len(unsure) > 1:
        doubtful |= {
            number
            for _, _, number, rank in offers
            if number not in joined
            and number in unsure
            and (other := taken[rank]) in unsure
            and _read_otherwise(unsure[number], unsure[other], index.times[rank])
        }
    return joined, doubtful


def _timestamps(clock: ServerClock, one: Transaction) -> Sequence[float]:
    """Return the moments that its time can mean, the likeliest first; none without a time."""
    return [moment.timestamp() for moment in clock.readings(one.moment)]


def _spread(readings: Sequence[float]) -> float:
    """Return how far apart the readings of a time lie, in seconds."""
    return max(readings) - min(readings) if len(readings) > 1 else 0.0


def _wall(one: Transaction) -> float:
    return one.moment.replace(tzinfo=UTC).timestamp() if one.moment is not None else 0.0


def _read_otherwise(one: Sequence[float], other: Sequence[float], times: Sequence[float]) -> bool:
    """Whether the first of two may be those times' own if the clock is read otherwise.

    Both are the wall clock and its readings. Where they fit by readings that differ, minutes are
    near enough; where by the same, the other reading of each may still part them by an hour.
    """

    def nearest(readings: Sequence[float]) -> float:
        return min(readings, key=lambda read: min(_apart(time, read) for time in times))

    if not times:
        return False
    mine, its = nearest(one[1:]), nearest(other[1:])
    distance = min(_apart(time, mine) for time in times)
    same = abs((one[0] - mine) - (other[0] - its)) < 1
    return distance <= (_EXACTLY if same else _BEFORE)


def _apart(one: float, other: float) -> float:
    """Return how many seconds two timestamps lie apart, without the noise of their last digits."""
    return round(abs(one - other), 5)


def _join_outbound(
    transactions: Series[Transaction],
    numbers: Sequence[int],
    entries: Sequence[Entry],
    opener: Opener,
    clock: ServerClock,
) -> tuple[set[int], set[int]]:
    index = DraftIndex(entries, opener, clock, _TRIED)
    joined: set[int] = set()
    rivals: set[int] = set()
    for number in numbers:
        transaction = transactions[number]
        readings = _timestamps(clock, transaction)
        offers: list[tuple[int, float, int]] = []
        for rank in index.near(transaction, readings[0], _spread(readings)) if readings else ():
            draft = index.draft(rank)
            likeness = _outbound_likeness(transaction, draft, index.reported(rank))
            if likeness is None:
                continue
            times = index.times[rank]
            distance = _outbound_distance(likeness, transaction, readings, draft, times, clock)
            if distance is not None:
                offers.append((likeness, distance, rank))
        if offers:
            likeness, distance, rank = min(offers)
            if len(readings) > 1:  # two may be near by two readings: the record of it decides
                likeness, distance, rank = min(
                    offers,
                    key=lambda one: (
                        one[0],
                        not _confirmed(transaction, index.draft(one[2]), one[1]),
                        one,
                    ),
                )
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
    likeness: int, readings: Sequence[float], times: Sequence[float], clock: ServerClock
) -> float | None:
    """Return how far apart in time the two are, None where that is too far for their likeness."""
    if not readings or not times:
        return 0.0 if likeness == _SAME_MESSAGE else None
    if len(readings) > 1:
        exact = min(_apart(time, moment) for moment in readings[1:] for time in times)
        if exact <= _EXACTLY:
            likeliest = _inbound_distance(likeness, readings[:1], times, clock)
            return exact if likeliest is None else min(exact, likeliest)
    moment = readings[0]
    nearest = min(times, key=lambda time: _apart(time, moment))
    distance = _apart(nearest, moment)
    if likeness == _SAME_MESSAGE:
        return distance if distance <= _SAME_ID else None
    if clock.known:
        earliest = -_LATE if likeness == _SAME_ENVELOPE else -_BEFORE
        return distance if earliest <= moment - nearest <= _AFTER else None
    return distance if distance <= _ZONE and likeness == _SAME_ENVELOPE else None


def _outbound_likeness(
    transaction: Transaction, draft: Draft, reported: Draft | None = None
) -> int | None:
    """Return how like the two are; the recipients asked for must all be the message's own.

    A report goes to the originator of the message that it is on; the tracking log may list the
    recipients that it speaks of instead (assumed: no record of one was ever seen).
    """
    alike = _originators_alike(transaction, draft)
    if alike is False:
        return None
    asked = comparable_set(transaction.asked)
    recipients = draft.recipients()
    if draft.report_of is not None and not draft.files:
        addressee = None if reported is None else comparable(reported.originator)
        if asked is None or addressee is None:
            return _SAME_ORIGINATOR
        if asked == {addressee} or (recipients is not None and asked <= recipients):
            return _SAME_ENVELOPE
        return None
    if asked is not None and recipients is not None:
        return _SAME_ENVELOPE if asked <= recipients else None
    return _SAME_ORIGINATOR if alike else _NOTHING_DIFFERS


def _outbound_distance(
    likeness: int,
    transaction: Transaction,
    readings: Sequence[float],
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
    if len(readings) > 1:
        found = [
            (distance, place)
            for place, one in enumerate(readings)
            if (distance := _outbound_distance(likeness, transaction, (one,), draft, times, clock))
            is not None
            and (place == 0 or likeness != _NOTHING_DIFFERS or distance <= _EXACTLY)
        ]
        return min(found)[0] if found else None
    moment = readings[0]
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
        moments = [record.time for record in draft.tracking]
        if draft.direction is Direction.OUTBOUND:  # handed over, it may wait for hours
            moments = [one.time for one in draft.tracking if one.event in DELIVERED_OUTBOUND]
        if moments:
            for key in _pair_keys(
                draft.direction, draft.message_id, draft.originator, draft.recipients()
            ):
                tracked[key].append(min(moments))
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
