"""Everything that a set of evidence holds, read once: the records the ledger joins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

from imctool.database.case_files import CaseFiles, KnownFile
from imctool.database.connection import CaseConnection
from imctool.database.series import Series
from imctool.database.tables import (
    BANNERS,
    CHARACTER_SETS,
    DEFECTS,
    EVENTS,
    QUEUE_ENTRIES,
    REGISTRY,
    SPANS,
    SPOOL_FILES,
    TRACKING,
    TRANSACTIONS,
    Table,
)
from imctool.model.coverage import Coverage
from imctool.model.diagnosis import Input
from imctool.model.event import Event
from imctool.model.evidence import Defect, EvidenceFile, FileCount, Form, InputKind
from imctool.model.mail import SpoolFile, envelope_time
from imctool.model.queue_entry import QueueEntry
from imctool.model.settings import CharacterSets, RegistryValue
from imctool.model.smtp import Banner, LogSpan, Transaction
from imctool.model.tracking import TrackingRecord
from imctool.readers.discovery import Discovery, FoundFile, walk
from imctool.readers.event_log_evt import read_evt
from imctool.readers.event_log_evtx import read_evtx
from imctool.readers.event_log_text import read_event_text
from imctool.readers.examination import (
    Examined,
    Stamp,
    count_unread,
    examine_all,
    stamp_of,
)
from imctool.readers.imc_settings import read_imc_settings
from imctool.readers.local_time import PLAUSIBLE_YEARS, DateOrder
from imctool.readers.protocol_log import read_protocol_log
from imctool.readers.queue_dat import read_queue_dat
from imctool.readers.registry import read_registry_text
from imctool.readers.registry_hive import read_registry_hive
from imctool.readers.server_dates import server_date_orders
from imctool.readers.tracking_log import read_tracking_log

_LOCAL_FORMS = frozenset({Form.PROTOCOL_LOG, Form.EVENT_TEXT})
"""Logs in the server's own date format: read last, when it is known which days it worked on."""

_NOT_READ = frozenset({Form.UNKNOWN})

_IN_MEMORY = {SPOOL_FILES: 30_000, EVENTS: 200_000, TRACKING: 300_000, TRANSACTIONS: 60_000}
"""So many records of a kind, about 300 MB each, are held in memory; more go to SQLite."""

SmallRecord = TypeVar("SmallRecord", Banner, RegistryValue, CharacterSets, QueueEntry)

_DATE_ORDER = "date order"
"""The note of a case that says whether the order of local dates was given, and which."""

_SAVED_EVERY = 2000
"""After so many files a case on disk keeps what was read, should the run be ended."""


class Collection:
    """All records of the evidence. Events that cannot bear on mail are counted, not kept.

    The four kinds that grow with the mail are Series; without a case they move to a temporary
    database when they are many. ``changed`` says whether anything differs from what the ``case``
    held before this run.
    """

    def __init__(self, case: CaseConnection | None = None) -> None:
        self.case = case
        self._connection = case
        held = dict.fromkeys(_IN_MEMORY, 0) if case is not None else _IN_MEMORY
        self.spool_files: Series[tuple[InputKind, SpoolFile]] = Series(
            self.connection, SPOOL_FILES, held[SPOOL_FILES]
        )
        self.events: Series[Event] = Series(self.connection, EVENTS, held[EVENTS])
        self.tracking: Series[TrackingRecord] = Series(self.connection, TRACKING, held[TRACKING])
        self.transactions: Series[Transaction] = Series(
            self.connection, TRANSACTIONS, held[TRANSACTIONS]
        )
        self.inputs: list[Input] = []
        self.banners: list[Banner] = []
        self.registry: list[RegistryValue] = []
        self.character_sets: list[CharacterSets] = []
        self.queue_entries: list[QueueEntry] = []
        self._queued: dict[int, list[QueueEntry]] = {}
        self._queue_counted = 0
        self.coverage: list[Coverage] = []
        self.folders: set[InputKind] = set()
        self.spool_kinds: set[InputKind] = set()
        self.defects: list[Defect] = []
        self.files = FileCount()
        self.changed = True

    def connection(self) -> CaseConnection:
        """Return the database, a temporary one made now where there is no case."""
        if self._connection is None:
            self._connection = CaseConnection()
        return self._connection

    def queued_under(self, name: int) -> list[QueueEntry]:
        """Return where Queue.dat has the spool name of that counter value."""
        if len(self.queue_entries) != self._queue_counted:
            self._queued = {}
            for one in self.queue_entries:
                self._queued.setdefault(one.spool_name.value, []).append(one)
            self._queue_counted = len(self.queue_entries)
        return self._queued.get(name, [])

    @property
    def series(self) -> tuple[Series[object], ...]:
        """The four kinds of records that grow with the mail."""
        return self.spool_files, self.events, self.tracking, self.transactions  # type: ignore[return-value]


Record = (
    Event
    | TrackingRecord
    | Transaction
    | Banner
    | LogSpan
    | RegistryValue
    | CharacterSets
    | QueueEntry
    | Defect
)


def read_events(
    file: EvidenceFile, date_order: DateOrder | None = None
) -> Iterator[Event | Defect]:
    """Yield every event of a log in whatever form it is; other files are one Defect."""
    if file.form is Form.EVT:
        return read_evt(file)
    if file.form is Form.EVTX:
        return read_evtx(file)
    if file.form is Form.EVENT_TEXT:
        return read_event_text(file, date_order=date_order)
    return iter([Defect(file.location(), "not an event log in any known form")])


def read_records(file: EvidenceFile, date_order: DateOrder | None = None) -> Iterator[Record]:
    """Yield the records of one file that is no spool file, by its form."""
    match file.form:
        case Form.EVT | Form.EVTX | Form.EVENT_TEXT:
            return read_events(file, date_order)
        case Form.PROTOCOL_LOG:
            return read_protocol_log(file, date_order=date_order)
        case Form.TRACKING_LOG:
            return read_tracking_log(file)
        case Form.REGISTRY_TEXT:
            return read_registry_text(file)
        case Form.IMC_SETTINGS:
            return read_imc_settings(file)
        case Form.REGISTRY_HIVE:
            return read_registry_hive(file)
        case Form.QUEUE_DAT:
            return read_queue_dat(file)
        case _:
            return iter(())


def collect(
    paths: Sequence[Path],
    *,
    date_order: DateOrder | None = None,
    jobs: int = 1,
    case: CaseConnection | None = None,
) -> Collection:
    """Return all that lies under ``paths``; nothing in there is written, locked or followed.

    With a ``case``, files that it holds and that have not changed since are not read again, and
    what is read is kept in it.
    """
    reading = _Reading(Collection(case), date_order, CaseFiles(case) if case else None)
    reading.run(paths, jobs)
    return reading.collection


class _Span:
    """The first and last time of one log; its records agree on whether they are UTC."""

    def __init__(self) -> None:
        self.first: datetime | None = None
        self.last: datetime | None = None

    def add(self, time: datetime | None) -> None:
        if time is None:
            return
        if self.first is None or self.last is None:
            self.first = self.last = time
        elif (time.tzinfo is None) == (self.first.tzinfo is None):
            self.first = min(self.first, time)
            self.last = max(self.last, time)


class _Folder(_Span):
    """What is told of a folder of spool files: how many, and the span of their envelopes."""

    def __init__(self) -> None:
        super().__init__()
        self.files = 0


class _Reading:
    """One run over the evidence: what each file holds goes to the collection, and to the case."""

    def __init__(
        self, collection: Collection, date_order: DateOrder | None, known: CaseFiles | None
    ) -> None:
        self.collection = collection
        self._order = date_order
        self._known = known
        self._met = Discovery()
        self._read = 0
        self._unsaved = 0
        self._changed = False
        self._spool_folders: dict[tuple[str, InputKind], _Folder] = {}
        self._logs: list[tuple[EvidenceFile, Examined]] = []
        self._recalled: list[KnownFile] = []

    def run(self, paths: Sequence[Path], jobs: int) -> None:
        """Read everything under ``paths``."""
        collection = self.collection
        for one in examine_all(self._unknown(walk(paths, self._met)), jobs):
            self._take(one)
        if self._known is not None and self._known.forget_missing():
            self._note_change()
        local = [one for one in self._logs if one[0].form in _LOCAL_FORMS]
        for file, seen in self._logs:
            if file.form not in _LOCAL_FORMS:
                self._read_log(file, seen, None)
        self._read_local(local)
        for series in collection.series:
            series.flush()
        collection.folders = self._met.folders
        collection.defects.extend(self._met.defects)
        self._tell_inputs()
        if self._known is not None:
            self._load(self._known)
        collection.inputs.sort(key=lambda one: (one.path, one.kind))
        collection.defects.sort()
        met = self._met
        collection.files = FileCount(met.seen, self._read, met.unreadable, met.skipped)
        collection.changed = self._changed or self._known is None

    # Files the case holds already

    def _unknown(self, files: Iterable[FoundFile]) -> Iterator[FoundFile]:
        """Yield the files to be read: those the case does not hold as they are now."""
        if self._known is None:
            yield from files
            return
        for file in files:
            known = self._known.recall(file.name, file.path, stamp_of(file))
            if known is None:
                self._note_change()
                yield file
            elif known.outcome == "skipped":
                self._met.skipped += 1
            elif known.form is Form.SPOOL_FILE:
                self._read += 1
            else:
                self._recalled.append(known)

    def _note_change(self) -> None:
        """Note that the evidence is not as the case has it: what followed from it is void."""
        case = self.collection.case
        if not self._changed and case is not None:
            case.clear_results()
        self._changed = True

    def _load(self, known: CaseFiles) -> None:
        """Take from the case what is small enough to be held: all but the four series."""
        collection = self.collection
        for series in collection.series:
            series.refresh()
        collection.banners.extend(known.load(BANNERS))
        collection.registry.extend(known.load(REGISTRY))
        collection.character_sets.extend(known.load(CHARACTER_SETS))
        collection.queue_entries.extend(known.load(QUEUE_ENTRIES))
        collection.coverage.extend(known.coverage())
        collection.defects.extend(known.defects())
        for one in known.files():
            if one.form is not None:
                span = one.records, one.first, one.last
                collection.inputs.append(Input(one.name, one.kind, *span))
        if collection.case is not None:
            collection.case.commit()

    # Mails

    def _take(self, one: Examined) -> None:
        if one.form is None:
            self._refuse(one)
            return
        if one.mail is None:
            if one.defect is not None:
                self._tell([one.defect])
            self._logs.append((one.file, one))
            return
        mail = one.mail
        self._read += 1
        self.collection.spool_files.append((one.kind, mail))
        defects = mail.defects if one.defect is None else (one.defect, *mail.defects)
        if defects:
            self._tell(defects)
        if self._known is None:
            key = (mail.location.path.rpartition("/")[0] or ".", one.kind)
            folder = self._spool_folders.get(key)
            if folder is None:
                folder = self._spool_folders[key] = _Folder()
            folder.files += 1
            folder.add(mail.envelope.time)
        else:
            self._store(one, "read", records=1)

    def _refuse(self, one: Examined) -> None:
        """Count a file that was skipped or cannot be read."""
        count_unread(one, self._met)
        if one.defect is not None:
            self._tell([one.defect])
        self._store(one, "skipped" if one.skipped else "unreadable")

    def _tell(self, defects: Iterable[Defect]) -> None:
        if self._known is None:
            self.collection.defects.extend(defects)
        else:
            self._known.add(DEFECTS, defects)

    def _store(
        self,
        one: Examined,
        outcome: str,
        *,
        records: int = 0,
        span: _Span | None = None,
        date_order: DateOrder | None = None,
    ) -> None:
        """Note in the case that the file was read; save what there is from time to time."""
        if self._known is None:
            return
        first, last = (span.first, span.last) if span is not None else (None, None)
        order = "" if date_order is None else str(date_order)
        stamp = one.stamp or Stamp(0, 0, 0, 0)
        known = KnownFile(
            one.found.name, one.found.path, one.kind, one.form, stamp, order, outcome, records,
            first, last,
        )  # fmt: skip
        self._known.store(known)
        self._unsaved += 1
        if self._unsaved >= _SAVED_EVERY and self.collection.case is not None:
            self._unsaved = 0
            for series in self.collection.series:
                series.flush()
            self.collection.case.commit()

    # Logs

    def _read_local(self, logs: Sequence[tuple[EvidenceFile, Examined]]) -> None:
        """Read the logs with local dates, in the order that the evidence as a whole decides."""
        recalled = [one for one in self._recalled if one.form in _LOCAL_FORMS]
        for one in self._recalled:
            if one.form not in _LOCAL_FORMS:
                self._count(one)
        orders: dict[str, DateOrder] = {}
        told = "auto" if self._order is None else str(self._order)
        connection = self.collection.case
        same_order = connection is not None and connection.note(_DATE_ORDER) == told
        if connection is not None:
            connection.set_note(_DATE_ORDER, told)
        if self._order is None and (self._changed or not same_order):
            files = [file for file, _ in logs] + [one.file for one in recalled]
            orders = server_date_orders(files, self._known_days)
        again: list[tuple[EvidenceFile, Examined]] = []
        changed = self._changed
        for one in recalled:
            wanted = self._order or orders.get(one.name)
            same = one.date_order == ("" if wanted is None else str(wanted))
            if same or (self._order is None and same_order and not changed):
                self._count(one)
            else:
                assert self._known is not None
                self._note_change()
                self._known.forget(one.name)
                found = FoundFile(one.path, one.name, ())
                again.append((one.file, Examined(found, Stamp(*one.stamp), one.form, one.kind)))
        for file, seen in (*logs, *again):
            self._read_log(file, seen, self._order or orders.get(file.name))

    def _count(self, one: KnownFile) -> None:
        if one.form in _NOT_READ:
            self._met.skipped += 1
        else:
            self._read += 1

    def _known_days(self) -> set[date]:
        """Return the days on which artefacts that leave no doubt show the server at work."""
        collection = self.collection
        days = {record.time.date() for record in collection.tracking}
        days.update(event.time.date() for event in collection.events if event.time is not None)
        days.update(
            file.moment.date() for _, file in collection.spool_files if file.moment is not None
        )
        return days

    def _read_log(self, file: EvidenceFile, seen: Examined, date_order: DateOrder | None) -> None:
        if file.form in _NOT_READ:
            self._met.skipped += 1
            self._keep_input(file, seen, 0, _Span(), None)
            return
        log = _Log(file, self)
        for record in read_records(file, date_order):
            log.take(record)
        log.finish()
        if log.records > 0 or not log.defects:
            self._read += 1
        else:
            self._met.unreadable += 1
        self._keep_input(file, seen, log.records, log.span, date_order)

    def _keep_input(
        self,
        file: EvidenceFile,
        seen: Examined,
        records: int,
        span: _Span,
        date_order: DateOrder | None,
    ) -> None:
        if self._known is None:
            one = Input(file.name, file.kind, records, span.first, span.last)
            self.collection.inputs.append(one)
        else:
            self._store(seen, "read", records=records, span=span, date_order=date_order)

    def keep(self, table: Table[SmallRecord], held: list[SmallRecord], one: SmallRecord) -> None:
        """Keep a record of a small kind: in the list, or in the case, which gives it back."""
        if self._known is None:
            held.append(one)
        else:
            self._known.add(table, [one])

    def tell_defect(self, defect: Defect) -> None:
        self._tell([defect])

    def cover(self, file: EvidenceFile, span: LogSpan) -> None:
        """Keep what a log covers."""
        if self._known is None:
            self.collection.coverage.append(Coverage(file, span))
        else:
            self._known.add(SPANS, [span])

    def _tell_inputs(self) -> None:
        """Tell each folder of spool files as one input."""
        if self._known is not None:
            for name, kind, filetime in self._known.spool_folders():
                key = (name.rpartition("/")[0] or ".", kind)
                folder = self._spool_folders.setdefault(key, _Folder())
                folder.files += 1
                folder.add(None if filetime is None else envelope_time(filetime))
        for (path, kind), folder in self._spool_folders.items():
            self.collection.spool_kinds.add(kind)
            self.collection.inputs.append(
                Input(path, kind, folder.files, folder.first, folder.last)
            )


class _Log:
    """The records of one log on their way to the collection."""

    def __init__(self, file: EvidenceFile, reading: _Reading) -> None:
        self.records = 0
        self.defects = 0
        self.span = _Span()
        self._file = file
        self._reading = reading
        self._exchange = False

    def take(self, record: Record) -> None:
        collection = self._reading.collection
        match record:
            case TrackingRecord():
                collection.tracking.append(record)
            case Transaction():
                collection.transactions.append(record)
            case Event():
                if record.time is not None and record.time.year not in PLAUSIBLE_YEARS:
                    record = replace(record, time=None)
                self.span.add(record.time)
                if record.concerns_mail:
                    collection.events.append(record)
                    self._exchange |= record.source.lower().startswith("msexch")
            case Defect():
                self.defects += 1
                self._reading.tell_defect(record)
                return
            case LogSpan():
                self._reading.cover(self._file, record)
                self.span.add(record.first)
                self.span.add(record.last)
                self.records = max(self.records, record.records)
                return
            case Banner():
                self._reading.keep(BANNERS, collection.banners, record)
                return
            case RegistryValue():
                self._reading.keep(REGISTRY, collection.registry, record)
            case CharacterSets():
                self._reading.keep(CHARACTER_SETS, collection.character_sets, record)
            case QueueEntry():
                self._reading.keep(QUEUE_ENTRIES, collection.queue_entries, record)
        self.records += 1

    def finish(self) -> None:
        """Tell what an event log covers; the other logs tell it themselves."""
        if self._file.kind is InputKind.EVENT_LOG and self.records:
            # Only a log that Exchange wrote to would show its events: not the System log.
            detail = "exchange" if self._exchange else ""
            span = self.span.first, self.span.last
            place = self._file.location()
            self._reading.cover(self._file, LogSpan(place, *span, self.records, detail))
