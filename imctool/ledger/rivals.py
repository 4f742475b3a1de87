"""Sessions and tracked messages that fit no other, and may be each other's after all."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from imctool.ledger.clock import ServerClock
from imctool.ledger.draft import Draft, comparable
from imctool.ledger.entry import Entry, Opener
from imctool.ledger.sessions import envelopes_may_be_one
from imctool.model.direction import Direction
from imctool.model.smtp import Outcome, Transaction

_MINUTES = timedelta(minutes=3)
_LATE = timedelta(hours=12)
_ANY_ZONE = timedelta(hours=14)
_MOST_RECIPIENTS = 100

Home = tuple[Direction, str | None, str | None]
"""Direction, originator and one recipient, each None where it cannot be compared."""


def find_rivals(
    left: Iterable[tuple[int, Transaction]],
    entries: Iterable[Entry],
    opener: Opener,
    clock: ServerClock,
) -> tuple[set[int], set[int]]:
    """Return the numbers of transactions and of entries that may be each other's after all.

    The store may take a message over long after it was accepted, and what the tracking log
    calls the originator need not be the MAIL FROM. Where an accepted transaction and a tracked
    message without session stand within hours of each other and no envelope tells them apart,
    or within minutes and no Message-ID does, neither may be called lost.
    """
    accepted = [
        (number, one, readings)
        for number, one in left
        if one.outcome is Outcome.ACCEPTED and (readings := clock.readings(one.moment))
    ]
    if not accepted:
        return set(), set()
    open_mail = _OpenMail(entries, opener, clock)
    before, after = (_MINUTES, _LATE) if clock.known else (_ANY_ZONE, _ANY_ZONE)
    transactions: set[int] = set()
    found: set[int] = set()
    for number, transaction, readings in accepted:
        near = open_mail.beside(transaction, readings)
        found.update(near)
        mine = bool(near)
        span = min(readings) - before, max(readings) + after
        for other in open_mail.alike(transaction, *span):
            if mine and other in found:
                continue
            draft = open_mail.draft(other)
            if _ids_agree(transaction.message_id, draft.message_id) and envelopes_may_be_one(
                transaction, draft
            ):
                mine = True
                found.add(other)
        if mine:
            transactions.add(number)
    return transactions, found


def _ids_agree(logged: str | None, known: str | None) -> bool:
    return not logged or not known or logged == known


class _Moments:
    """Numbers of entries in the order of the moments that each was seen at."""

    __slots__ = ("_moments", "_numbers")

    def __init__(self, listed: list[tuple[float, int]]) -> None:
        listed.sort()
        self._moments = array("d", (moment for moment, _ in listed))
        self._numbers = array("L", (number for _, number in listed))

    def between(self, first: datetime, last: datetime) -> Sequence[int]:
        low = bisect_left(self._moments, first.timestamp())
        return self._numbers[low : bisect_right(self._moments, last.timestamp(), low)]


class _OpenMail:
    """Tracked messages without a file or a session: by time, and by what their envelopes say."""

    def __init__(self, entries: Iterable[Entry], opener: Opener, clock: ServerClock) -> None:
        self._entries: dict[int, Entry] = {}
        self._opener = opener
        self._ids: dict[int, str | None] = {}
        by_direction: dict[Direction, list[tuple[float, int]]] = defaultdict(list)
        homes: dict[Home, list[tuple[float, int]]] = defaultdict(list)
        for entry in entries:
            if not entry.tracking or entry.files or entry.transactions:
                continue
            draft = opener.draft(entry)
            listed = [(moment.timestamp(), entry.number) for moment in draft.times(clock)]
            self._entries[entry.number] = entry
            self._ids[entry.number] = draft.message_id
            by_direction[draft.direction] += listed
            for home in _homes(draft):
                homes[home] += listed
        self._by_direction = {key: _Moments(one) for key, one in by_direction.items()}
        self._homes = {key: _Moments(homes.pop(key)) for key in list(homes)}
        originators: dict[str | None, list[Home]] = defaultdict(list)
        for key in self._homes:
            originators[key[1]].append(key)
        self._of_originator = dict(originators)

    def draft(self, number: int) -> Draft:
        """Return the records of that entry."""
        return self._opener.draft(self._entries[number])

    def beside(self, transaction: Transaction, readings: Iterable[datetime]) -> set[int]:
        """Return those within minutes of one of the moments, but for another Message-ID."""
        listed = self._by_direction.get(transaction.direction)
        if listed is None:
            return set()
        return {
            number
            for moment in readings
            for number in listed.between(moment - _MINUTES, moment + _MINUTES)
            if _ids_agree(transaction.message_id, self._ids[number])
        }

    def alike(self, transaction: Transaction, first: datetime, last: datetime) -> Iterator[int]:
        """Yield those of a stretch of time whose envelopes may be the transaction's."""
        for home in self._homes_for(transaction):
            yield from self._homes[home].between(first, last)

    def _homes_for(self, transaction: Transaction) -> Iterator[Home]:
        direction = transaction.direction
        originator = comparable(transaction.originator)
        asked = next(map(comparable, transaction.asked), None)
        for sender in (originator, None) if originator is not None else self._of_originator:
            if asked is not None:
                for recipient in (asked, None):
                    if (direction, sender, recipient) in self._homes:
                        yield direction, sender, recipient
            else:
                yield from (
                    home for home in self._of_originator.get(sender, ()) if home[0] is direction
                )


def _homes(draft: Draft) -> Iterator[Home]:
    """Yield where a message is looked for: under each of its recipients, if they are known."""
    report = draft.report_of is not None
    originator = "" if report else comparable(draft.originator)
    known = None if report else draft.recipients()
    if known is None or len(known) > _MOST_RECIPIENTS:
        yield draft.direction, originator, None
    else:
        yield from ((draft.direction, originator, recipient) for recipient in known)
