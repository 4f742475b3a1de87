"""A message in the ledger as numbers of records: small enough to hold a million of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, starmap

from imctool.ledger.draft import Draft
from imctool.model.direction import Direction
from imctool.model.message import Fate
from imctool.model.spool_name import SpoolName
from imctool.model.tracking import TrackingRecord
from imctool.readers.collection import Collection

Numbers = Sequence[int]
_NONE: tuple[int, ...] = ()

NO_TRAITS: frozenset[str] = frozenset()


class Entry:
    """The records joined to one message, by their numbers in the collection's series.

    ``name`` is the counter value of its spool name. ``report_of`` is the MTS-ID of the message
    that a report speaks of, ``subject`` its entry where the report's own text tells it;
    ``reports`` are the entries of the reports on this message, ``noted`` the files of reports on
    it that came in as mail. What is
    told of it, ``fate``, ``wanting`` and ``first`` (a UTC timestamp), is set when all is joined;
    ``original`` is the entry of which this one is a further delivery; ``traits`` are the kinds of
    records it has, as causes ask for them (knowledge/cause.py).
    """

    __slots__ = (
        "bad_folder", "direction", "events", "fate", "files", "first", "name", "noted", "number",
        "original", "report_of", "reports", "subject", "tracking", "traits", "transactions",
        "wanting",
    )  # fmt: skip

    def __init__(self, number: int, direction: Direction, name: int | None = None) -> None:
        self.number = number
        self.direction = direction
        self.name = name
        self.files: Numbers = _NONE
        self.events: Numbers = _NONE
        self.tracking: Numbers = _NONE
        self.transactions: Numbers = _NONE
        self.bad_folder = False
        self.report_of: str | None = None
        self.subject: Entry | None = None
        self.noted: Numbers = _NONE
        self.reports: Sequence[Entry] = ()
        self.fate = Fate.UNKNOWN
        self.wanting: tuple[str, ...] = ()
        self.first: float | None = None
        self.original: Entry | None = None
        self.traits = NO_TRAITS

    @property
    def spool_name(self) -> SpoolName | None:
        """The spool name, made when it is asked for."""
        return None if self.name is None else SpoolName(self.name)


def with_number(numbers: Numbers, number: int) -> Numbers:
    """Return the numbers with one more; a list once there are two, for most have one or none."""
    if isinstance(numbers, list):
        numbers.append(number)
        return numbers
    return [*numbers, number] if numbers else (number,)


class Opener:
    """Makes the draft of an entry out of the collection, and keeps some at hand.

    A draft kept is dropped when a record is added to its entry (``forget``).
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        # A draft whose records lie in memory anyway is small; another holds them, texts and all.
        in_memory = all(series.in_memory for series in collection.series)
        self._most = 25_000 if in_memory else 2_000
        self._recent: dict[int, Draft] = {}
        self._older: dict[int, Draft] = {}

    def draft(self, entry: Entry) -> Draft:
        """Return the records of the entry."""
        number = entry.number
        found = self._recent.get(number)
        if found is None:
            found = self._older.get(number)
            if found is None:
                found = self.fresh(entry)
            if len(self._recent) >= self._most:
                self._older, self._recent = self._recent, {}
            self._recent[number] = found
        return found

    def fresh(self, entry: Entry) -> Draft:
        """Return the records of the entry, read anew and not kept."""
        collection = self._collection
        draft = Draft(entry.direction, entry.spool_name)
        draft.number = entry.number
        draft.bad_folder = entry.bad_folder
        draft.report_of = entry.report_of
        if entry.files:
            draft.files = [collection.spool_files[number] for number in entry.files]
        if entry.noted:
            draft.noted = [collection.spool_files[number][1] for number in entry.noted]
        if entry.name is not None and collection.queue_entries:
            draft.queued = collection.queued_under(entry.name)
        if entry.events:
            draft.events = [collection.events[number] for number in entry.events]
        if entry.tracking:
            records = [collection.tracking[number] for number in entry.tracking]
            if len(records) > 1 and not all(starmap(_follows, pairwise(records))):
                records.sort(key=lambda one: (one.time, one.location.order))
            draft.tracking = records
        if entry.transactions:
            draft.transactions = [collection.transactions[number] for number in entry.transactions]
            draft.transaction_numbers = entry.transactions
        if entry.reports:
            draft.reports = [self.fresh(one) for one in entry.reports]
        return draft

    def give(self, entry: Entry, number: int) -> None:
        """Join a transaction to an entry, and to its draft if that is at hand."""
        entry.transactions = with_number(entry.transactions, number)
        kept = self._recent.get(entry.number) or self._older.get(entry.number)
        if kept is not None:
            kept.add_transaction(number, self._collection.transactions[number])

    def forget(self, entry: Entry) -> None:
        """Drop what is kept of an entry that has changed."""
        self._recent.pop(entry.number, None)
        self._older.pop(entry.number, None)


def _follows(one: TrackingRecord, other: TrackingRecord) -> bool:
    """Whether the second was read in its place behind the first, as those of one log are."""
    if one.time == other.time:
        return one.location.path == other.location.path
    return one.time < other.time
