"""The records of one message, read together, and what they say of it as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from imctool.ledger.clock import ServerClock
from imctool.model.delivery_report import ReportKind
from imctool.model.direction import Direction
from imctool.model.event import Event
from imctool.model.evidence import InputKind
from imctool.model.mail import SpoolFile
from imctool.model.queue_entry import QueueEntry
from imctool.model.smtp import Transaction
from imctool.model.spool_name import SpoolName
from imctool.model.tracking import TrackingRecord, parse_mts_id

NON_DELIVERY = frozenset({1017, 1007, 34})
"""Tracking events by which a report was generated (Q173364, Q174078)."""


@dataclass(slots=True, eq=False)
class Draft:
    """All records joined to one message.

    ``report_of`` is the MTS-ID of the message that a report speaks of; ``reports`` are the
    drafts of the reports on this message, ``noted`` mails from elsewhere that report it,
    ``queued`` the places where Queue.dat has its name. ``number`` is that of its entry in the
    ledger.
    """

    direction: Direction
    spool_name: SpoolName | None = None
    files: list[tuple[InputKind, SpoolFile]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    tracking: list[TrackingRecord] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    bad_folder: bool = False
    report_of: str | None = None
    reports: list[Draft] = field(default_factory=list)
    noted: list[SpoolFile] = field(default_factory=list)
    queued: list[QueueEntry] = field(default_factory=list)
    number: int = -1
    transaction_numbers: Sequence[int] = ()
    _message_id: str | bool | None = False

    @property
    def message_id(self) -> str | None:
        """The Message-ID header of its file or logged text, or what tracking calls remote id."""
        if isinstance(self._message_id, bool):
            self._message_id = self._find_message_id()
        return self._message_id

    def _find_message_id(self) -> str | None:
        for _, file in self.files:
            if file.skeleton.message_id is not None:
                return file.skeleton.message_id
        for transaction in self.transactions:
            if transaction.message_id is not None:
                return transaction.message_id
        for record in self.tracking:
            if record.remote_id.startswith("<") and "@" in record.remote_id:
                return record.remote_id
        return None

    def add_transaction(self, number: int, transaction: Transaction) -> None:
        """Join one more transaction."""
        self.transactions.append(transaction)
        self.transaction_numbers = (*self.transaction_numbers, number)
        self._message_id = False

    @property
    def mts_id(self) -> str | None:
        """The MTS-ID as its envelope or the tracking log spells it."""
        for _, file in self.files:
            if file.envelope.mts_id:
                return file.envelope.mts_id
        return next((record.message_id for record in self.tracking if record.message_id), None)

    @property
    def originator(self) -> str | None:
        """The envelope originator, "" if null; from the spool, the session, or tracking."""
        for _, file in self.files:
            if file.envelope.originator is not None:
                return file.envelope.originator
        for transaction in self.transactions:
            if transaction.originator is not None:
                return transaction.originator
        return next((one.originator for one in self.tracking if one.originator), None)

    @property
    def recipient_count(self) -> int:
        """The recipients of its envelope, else of the session, else of the first record.

        An outbound session may be for some of them only: there the record counts first.
        """
        for _, file in self.files:
            if file.recipient_count:
                return file.recipient_count
        tracked = next((one.recipient_count for one in self.tracking), 0)
        logged = max((one.accepted_count for one in self.transactions), default=0)
        return (tracked or logged) if self.direction is Direction.OUTBOUND else (logged or tracked)

    def recipients(self) -> frozenset[str] | None:
        """Return the comparable recipient addresses, or None where none can be compared."""
        for _, file in self.files:
            envelope = file.envelope
            if envelope.recipients and len(envelope.recipients) == envelope.recipient_count:
                return comparable_set(envelope.recipients)
        for record in self.tracking:
            if record.recipients:
                return comparable_set(tuple(name for name, _ in record.recipients))
        return None

    def times(self, clock: ServerClock) -> list[datetime]:
        """Return every UTC time at which something of the message is known to have happened."""
        found: list[datetime] = []
        for _, file in self.files:
            utc = clock.utc(file.moment)
            if utc is not None:
                found.append(utc)
        found.extend(record.time for record in self.tracking)
        for event in self.events:
            utc = clock.utc(event.time)
            if utc is not None:
                found.append(utc)
        if not found:
            found.extend(self._mts_time(clock))
        known = tuple(found)
        for transaction in self.transactions:
            readings = clock.readings(transaction.moment)
            if len(readings) > 1 and known:  # of two that it may be, the one that fits the rest
                readings = (_nearest(readings, known),)
            found.extend(readings[:1])
        return sorted(found)

    def last_readings(self, clock: ServerClock) -> list[datetime]:
        """Return the UTC times that may be its last, several where only the clock tells it."""
        times = self.times(clock)
        if not times or self.tracking:
            return times[-1:]
        last = times[-1]
        for moment in self._local_times():
            readings = clock.readings(moment)
            if last in readings:
                return list(readings)
        return [last]

    def _local_times(self) -> Iterator[datetime | None]:
        yield from (one.moment for one in self.transactions)
        yield from (one.time for one in self.events)
        yield from (file.moment for _, file in self.files)

    def _mts_time(self, clock: ServerClock) -> list[datetime]:
        parsed = parse_mts_id(self.mts_id or "")
        if parsed is None:
            return []
        try:
            minute = datetime.strptime(parsed.time + "+0000", "%y%m%d%H%M%z")
        except ValueError:
            return []
        utc = clock.utc(minute)
        return [utc + timedelta(seconds=30)] if utc is not None else []

    def report_mails(self) -> Iterator[SpoolFile]:
        """Yield the mails that report the message."""
        for report in self.reports:
            for _, file in report.files:
                yield file
        yield from self.noted

    @property
    def returned(self) -> bool:
        """Whether a report of non-delivery was made: a recipient's status is 1, or left out."""
        if any(
            file.report is not None and file.report.kind is ReportKind.NON_DELIVERY
            for file in self.report_mails()
        ):
            return True
        for record in (one for report in (self, *self.reports) for one in report.tracking):
            statuses = {status.strip() for _, status in record.recipients}
            if record.event in NON_DELIVERY and statuses != {"0"}:
                return True
            if record.subject_id.strip() and "1" in statuses:
                return True
        return False

    def tracked(self, *events: int) -> bool:
        """Return whether the tracking log has one of those events of it."""
        return any(record.event in events for record in self.tracking)


def _nearest(readings: Sequence[datetime], times: Sequence[datetime]) -> datetime:
    return min(readings, key=lambda one: min(abs(one - time) for time in times))


MANY_RECIPIENTS = 1000

_TRAITS: dict[tuple[bool, ...], frozenset[str]] = {}


def traits_of(draft: Draft) -> frozenset[str]:
    """Return what a message has, as far as it decides which causes can be its own.

    ``files``, ``events``, ``transactions``; ``many-recipients`` if a file has more than 1,000;
    ``over-limit`` if a session was answered that there are too many.
    """
    has = (
        bool(draft.files),
        bool(draft.events),
        bool(draft.transactions),
        any(file.recipient_count > MANY_RECIPIENTS for _, file in draft.files),
        any(one.over_limit_count for one in draft.transactions),
    )
    found = _TRAITS.get(has)
    if found is None:
        names = ("files", "events", "transactions", "many-recipients", "over-limit")
        found = _TRAITS[has] = frozenset(
            name for name, there in zip(names, has, strict=True) if there
        )
    return found


@lru_cache(maxsize=1 << 14)
def comparable(address: str | None) -> str | None:
    """Return an address in the form that compares, or None for a DN or nothing at all.

    ``SMTP:`` prefix, angle brackets and letter case fall away; a null sender stays "".
    """
    if address is None:
        return None
    text = address.strip().strip("<>").strip()
    if text[:5].lower() == "smtp:":
        text = text[5:]
    if text == "":
        return "" if address.strip() in {"", "<>"} else None
    if "@" not in text or text.startswith("/") or "/cn=" in text.lower():
        return None
    return text.lower()


def comparable_set(addresses: tuple[str, ...]) -> frozenset[str] | None:
    """Return the comparable forms of all ``addresses``, None where one cannot be compared."""
    found = [comparable(address) for address in addresses]
    if not found or any(one is None for one in found):
        return None
    return frozenset(one for one in found if one is not None)
