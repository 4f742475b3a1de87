"""Which drafts a transaction may belong to: found by Message-ID, originator, recipient and time."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from imctool.ledger.clock import ServerClock
from imctool.ledger.draft import Draft, comparable
from imctool.ledger.entry import Entry, Opener
from imctool.model.smtp import Transaction

MOST_CANDIDATES = 32
"""So many drafts are weighed for one transaction: a list may send alike mail every minute."""

_MOST_RECIPIENTS = 100
"""A message to more of them is found by its originator alone."""

RecipientsOf = Callable[[int], Iterable[str | None]]
"""Whom the draft of a rank may be for."""


def ranks(firsts: Sequence[float | None]) -> list[int]:
    """Return the place of each in the order of their times, those without one at the end."""

    def key(number: int) -> tuple[bool, float, int]:
        first = firsts[number]
        return (True, 0.0, number) if first is None else (False, first, number)

    places = [0] * len(firsts)
    for place, number in enumerate(sorted(range(len(firsts)), key=key)):
        places[number] = place
    return places


class _Home:
    """The drafts of one originator in order: by their times, or by their places among all.

    Of a busy one the drafts are found by their recipients too.
    """

    __slots__ = ("_by_recipient", "_places", "_ranks")

    def __init__(self, listed: list[tuple[float, int]]) -> None:
        listed.sort()
        self._places = array("d", (place for place, _ in listed))
        self._ranks = array("L", (rank for _, rank in listed))
        self._by_recipient: dict[str | None, _Home] | None = None

    def near(
        self, place: float, slack: float, asked: str | None, recipients: RecipientsOf
    ) -> Iterator[int]:
        """Yield the ranks within ``slack``, the nearest first, each as often as it lies there.

        Where they are many, only those that may be for ``asked``, a recipient.
        """
        low = bisect_left(self._places, place - slack)
        high = bisect_right(self._places, place + slack, low)
        if asked is None or high - low <= MOST_CANDIDATES:
            return self._nearest(place, low, high)
        if self._by_recipient is None:
            homes: dict[str | None, list[tuple[float, int]]] = defaultdict(list)
            for one in zip(self._places, self._ranks, strict=True):
                for recipient in recipients(one[1]):
                    homes[recipient].append(one)
            self._by_recipient = {key: _Home(homes.pop(key)) for key in list(homes)}
        found = [self._by_recipient[key] for key in (asked, None) if key in self._by_recipient]
        return chain.from_iterable(one.near(place, slack, None, recipients) for one in found)

    def _nearest(self, place: float, low: int, high: int) -> Iterator[int]:
        places = self._places
        after = bisect_left(places, place, low, high)
        before = after - 1
        while low <= before or after < high:
            ahead = places[after] - place if after < high else math.inf
            if low <= before and place - places[before] < ahead:
                yield self._ranks[before]
                before -= 1
            else:
                yield self._ranks[after]
                after += 1


class DraftIndex:
    """Drafts by Message-ID, and by originator in the order of time.

    With ``in_order`` what counts is not how far apart in time two are, but how far apart in the
    order of all: so the clock of one of the two may be wrong.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        opener: Opener,
        clock: ServerClock,
        slack: float,
        *,
        in_order: bool = False,
    ) -> None:
        self.times: list[Sequence[float]] = []
        self.places: Sequence[int] = ()
        self._entries = entries
        self._opener = opener
        self._slack = math.inf if in_order else slack
        self._by_id: dict[int, int | list[int]] = {}
        homes: dict[str | None, list[int]] = defaultdict(list)
        for rank, entry in enumerate(entries):
            draft = opener.draft(entry)
            times = [time.timestamp() for time in draft.times(clock)]
            self.times.append(array("d", times))
            if draft.message_id:
                self._note_id(hash(draft.message_id), rank)
            originator = "" if draft.report_of is not None else comparable(draft.originator)
            homes[originator].append(rank)
        if in_order:
            self.places = ranks([times[0] if times else None for times in self.times])
        self._homes = {key: _Home(self._placed(homes.pop(key))) for key in list(homes)}

    def _placed(self, ranks: Iterable[int]) -> list[tuple[float, int]]:
        if self.places:
            return [(self.places[rank], rank) for rank in ranks]
        return [(moment, rank) for rank in ranks for moment in self.times[rank]]

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

    def reported(self, rank: int) -> Draft | None:
        """Return the message that the draft of that rank reports, None if it is no such report."""
        subject = self._entries[rank].subject
        return None if subject is None else self._opener.draft(subject)

    def only_one(self, message_id: str) -> int | None:
        """Return the rank of the draft with that Message-ID, None if there is not just one."""
        known = self._by_id.get(hash(message_id))
        return known if isinstance(known, int) else None

    def near(self, transaction: Transaction, place: float | None, spread: float = 0.0) -> list[int]:
        """Return the ranks of the drafts that could be the transaction's, each once.

        ``place`` is its moment, or its place in the order of all; None if it has no time. It may
        be off by ``spread`` seconds.
        """
        found: dict[int, None] = {}
        message_id = transaction.message_id
        if message_id is not None:
            known = self._by_id.get(hash(message_id), ())
            if isinstance(known, int):
                found[known] = None
            elif len(known) <= MOST_CANDIDATES:
                found.update(dict.fromkeys(known))
        if place is not None:
            originator = comparable(transaction.originator)
            asked = next(map(comparable, transaction.asked), None)
            for home in (originator, None) if originator is not None else (None,):
                listed = self._homes.get(home)
                if listed is None:
                    continue
                for rank in listed.near(place, self._slack + spread, asked, self._recipients):
                    if len(found) >= MOST_CANDIDATES:
                        break
                    found[rank] = None
        return list(found)

    def _recipients(self, rank: int) -> Iterable[str | None]:
        """Return whom the message may be for; None among them where that is not all known."""
        draft = self.draft(rank)
        known = None if draft.report_of is not None else draft.recipients()
        return (None,) if known is None or len(known) > _MOST_RECIPIENTS else known
