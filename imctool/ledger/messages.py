"""The messages of a ledger: each made of its records when it is asked for, and not kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import overload

from imctool.ledger.clock import ServerClock
from imctool.ledger.entry import Entry, Opener
from imctool.ledger.notes import Notes
from imctool.ledger.observations import observe
from imctool.model.direction import Direction
from imctool.model.evidence import InputKind
from imctool.model.mail import SpoolFile
from imctool.model.message import SETTLED, Fate, Message


class Messages(Sequence[Message]):
    """The messages in time order. ``entries`` are the same in short, in the same order.

    ``notes`` tells what is to be noted of each; without it nothing is.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        opener: Opener,
        clock: ServerClock,
        notes: Notes | None = None,
    ) -> None:
        self.entries = entries
        self._opener = opener
        self.clock = clock
        self._notes = notes

    @classmethod
    def in_order(
        cls,
        entries: Iterable[Entry],
        opener: Opener,
        clock: ServerClock,
        restarts: Sequence[datetime] = (),
    ) -> Messages:
        """Return them by first time, direction, name, and the place of the first observation.

        ``restarts`` are the moments, surely known, at which the service came up or went down.
        """
        listed = sorted(entries, key=_outer_order)
        ordered: list[Entry] = []
        unsorted = cls(listed, opener, clock)
        for _, alike in groupby(listed, key=_outer_order):
            group = list(alike)
            if len(group) > 1:
                group.sort(key=lambda entry: _inner_order(unsorted.message(entry)))
            ordered.extend(group)
        return cls(ordered, opener, clock, Notes(ordered, opener, clock, restarts))

    def message(self, entry: Entry) -> Message:
        """Return the message of an entry."""
        draft = self._opener.draft(entry)
        notes = self._notes.of(entry, draft) if self._notes is not None else ()
        return observe(draft, entry.fate, entry.wanting, self.clock, notes)

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Message]:
        return map(self.message, self.entries)

    @overload
    def __getitem__(self, place: int) -> Message: ...
    @overload
    def __getitem__(self, place: slice) -> Messages: ...
    def __getitem__(self, place: int | slice) -> Message | Messages:
        if isinstance(place, slice):
            return self._some(self.entries[place])
        return self.message(self.entries[place])

    def _some(self, entries: Sequence[Entry]) -> Messages:
        return Messages(entries, self._opener, self.clock, self._notes)

    def only(self, numbers: Container[int]) -> Messages:
        """Return those of these numbers, in the same order."""
        return self._some([entry for entry in self.entries if entry.number in numbers])

    def with_problem(self, named: Container[int]) -> Messages:
        """Return those whose fate is not settled, or whose number is ``named``."""
        return self._some(
            [one for one in self.entries if one.fate not in SETTLED or one.number in named]
        )

    def with_message_id(self, ids: Container[str], fates: Container[Fate]) -> Iterator[Message]:
        """Yield those of these fates whose Message-ID is one of ``ids``."""
        for entry in self.entries:
            if entry.fate in fates and self._opener.draft(entry).message_id in ids:
                yield self.message(entry)

    def was_returned(self, entry: Entry) -> bool:
        """Return whether a report of non-delivery was made on the message, whatever its fate."""
        return self._opener.draft(entry).returned

    def files_of(self, fates: Container[Fate]) -> Iterator[tuple[InputKind, SpoolFile, Fate]]:
        """Yield the spool files of the inbound messages of these fates."""
        for entry in self.entries:
            if entry.files and entry.fate in fates and entry.direction is Direction.INBOUND:
                for kind, file in self._opener.draft(entry).files:
                    yield kind, file, entry.fate

    def count_fates(self) -> Counter[Fate]:
        """Return how many messages met each fate."""
        return Counter(entry.fate for entry in self.entries)


def _outer_order(entry: Entry) -> tuple[bool, float, str]:
    return entry.first is None, entry.first or 0.0, str(entry.direction)


def _inner_order(message: Message) -> tuple[str, str]:
    place = str(message.observations[0].location) if message.observations else ""
    return message.name, place
