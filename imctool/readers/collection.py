"""Everything that a set of evidence holds, read once: the records the ledger joins."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from imctool.model.diagnosis import FileCount, Input
from imctool.model.event import Event
from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind
from imctool.model.mail import SpoolFile
from imctool.model.settings import CharacterSets, RegistryValue
from imctool.model.smtp import Banner, LogSpan, Transaction
from imctool.model.tracking import TrackingRecord
from imctool.readers.discovery import Discovery, discover
from imctool.readers.event_log_evt import read_evt
from imctool.readers.event_log_evtx import read_evtx
from imctool.readers.event_log_text import read_event_text
from imctool.readers.imc_settings import read_imc_settings
from imctool.readers.local_time import DateOrder
from imctool.readers.parallel import map_in_processes
from imctool.readers.protocol_log import read_protocol_log
from imctool.readers.received import with_own_received
from imctool.readers.registry import read_registry_text
from imctool.readers.server_dates import server_date_orders
from imctool.readers.spool_file import read_spool_file
from imctool.readers.tracking_log import read_tracking_log

_LOCAL_FORMS = frozenset({Form.PROTOCOL_LOG, Form.EVENT_TEXT})
"""Logs in the server's own date format: read last, when it is known which days it worked on."""

_WORTH_A_POOL = 5000
"""From this many spool files on, starting processes costs less than it saves (measured)."""


@dataclass(slots=True)
class Coverage:
    """The time a log file covers, as its own records tell; naive times are wall clock."""

    file: EvidenceFile
    span: LogSpan


@dataclass(slots=True)
class Collection:
    """All records of the evidence. Events that cannot bear on mail are counted, not kept."""

    inputs: list[Input] = field(default_factory=list)
    spool_files: list[tuple[InputKind, SpoolFile]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    tracking: list[TrackingRecord] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    banners: list[Banner] = field(default_factory=list)
    registry: list[RegistryValue] = field(default_factory=list)
    character_sets: list[CharacterSets] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    folders: set[InputKind] = field(default_factory=set)
    defects: list[Defect] = field(default_factory=list)
    files: FileCount = field(default_factory=FileCount)


Record = (
    Event | TrackingRecord | Transaction | Banner | LogSpan | RegistryValue | CharacterSets | Defect
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
            note = "registry hive: export its keys as .reg text to have them read"
            return iter([Defect(file.location(), note)])
        case _:
            return iter(())


def collect(
    paths: Sequence[Path], *, date_order: DateOrder | None = None, jobs: int = 1
) -> Collection:
    """Return all that lies under ``paths``; nothing in there is written, locked or followed."""
    found = discover(paths)
    collection = Collection(folders=found.folders, defects=list(found.defects))
    tally = _Tally(found)
    spool = [file for file in found.files if file.form is Form.SPOOL_FILE]
    for file, mail in zip(spool, read_spool_files(spool, jobs), strict=True):
        tally.note(read=isinstance(mail, SpoolFile))
        _add_spool_file(collection, file, mail)
    logs = [file for file in found.files if file.form is not Form.SPOOL_FILE]
    local = [file for file in logs if file.form in _LOCAL_FORMS]
    for file in logs:
        if file.form not in _LOCAL_FORMS:
            _add_log(collection, file, date_order, tally)
    orders = {} if date_order else server_date_orders(local, _known_days(collection))
    for file in local:
        _add_log(collection, file, date_order or orders.get(file.name), tally)
    collection.inputs.extend(_spool_inputs(collection.spool_files))
    collection.inputs.sort(key=lambda one: (one.path, one.kind))
    collection.defects.sort()
    collection.files = tally.count()
    return collection


def _known_days(collection: Collection) -> set[date]:
    """Return the days on which artefacts that leave no doubt show the server at work."""
    times = [record.time for record in collection.tracking]
    times += [event.time for event in collection.events if event.time is not None]
    times += [file.moment for _, file in collection.spool_files if file.moment is not None]
    return {time.date() for time in times}


def read_spool_files(files: Sequence[EvidenceFile], jobs: int = 1) -> Iterable[SpoolFile | Defect]:
    """Return the mails of ``files`` in the same order, read by several processes if it pays."""
    if jobs < 2 or len(files) < _WORTH_A_POOL:
        return map(_read_mail, files)
    return map_in_processes(_read_mail, files, min(jobs, os.cpu_count() or 1))


def _read_mail(file: EvidenceFile) -> SpoolFile | Defect:
    mail = read_spool_file(file)
    return with_own_received(mail) if isinstance(mail, SpoolFile) else mail


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


class _Tally:
    """Counts files so that read, unreadable and skipped add up to those seen."""

    def __init__(self, found: Discovery) -> None:
        self._seen = found.seen
        self._unreadable = found.unreadable
        self._skipped = found.skipped
        self._read = 0

    def note(self, *, read: bool) -> None:
        if read:
            self._read += 1
        else:
            self._unreadable += 1

    def skip(self) -> None:
        self._skipped += 1

    def count(self) -> FileCount:
        return FileCount(self._seen, self._read, self._unreadable, self._skipped)


def _add_spool_file(collection: Collection, file: EvidenceFile, mail: SpoolFile | Defect) -> None:
    if isinstance(mail, Defect):
        collection.defects.append(mail)
        return
    collection.spool_files.append((file.kind, mail))
    collection.defects.extend(mail.defects)


def _spool_inputs(files: Sequence[tuple[InputKind, SpoolFile]]) -> Iterator[Input]:
    """Yield one input per folder of spool files, with the span of their envelope times."""
    folders: dict[tuple[str, InputKind], list[SpoolFile]] = {}
    for kind, file in files:
        folder = file.location.path.rpartition("/")[0] or "."
        folders.setdefault((folder, kind), []).append(file)
    for (folder, kind), members in folders.items():
        span = _Span()
        for file in members:
            span.add(file.envelope.time)
        yield Input(folder, kind, len(members), span.first, span.last)


def _add_log(
    collection: Collection, file: EvidenceFile, date_order: DateOrder | None, tally: _Tally
) -> None:
    if file.form in {Form.UNKNOWN, Form.QUEUE_DAT}:
        tally.skip()  # the layout of Queue.dat is not public: that it is there is all it tells
        collection.inputs.append(Input(file.name, file.kind, 0, None, None))
        return
    records = 0
    defects = 0
    exchange = False
    span = _Span()
    for record in read_records(file, date_order):
        match record:
            case Defect():
                defects += 1
                collection.defects.append(record)
                continue
            case LogSpan():
                collection.coverage.append(Coverage(file, record))
                span.add(record.first)
                span.add(record.last)
                records = max(records, record.records)
                continue
            case Event():
                span.add(record.time)
                if record.concerns_mail:
                    collection.events.append(record)
                    exchange = exchange or record.source.lower().startswith("msexch")
            case TrackingRecord():
                collection.tracking.append(record)
            case Transaction():
                collection.transactions.append(record)
            case Banner():
                collection.banners.append(record)
                continue
            case RegistryValue():
                collection.registry.append(record)
            case CharacterSets():
                collection.character_sets.append(record)
        records += 1
    if file.kind is InputKind.EVENT_LOG and records:
        # Only a log that Exchange wrote to would show its events: not the System log.
        detail = "exchange" if exchange else ""
        read = LogSpan(file.location(), span.first, span.last, records, detail)
        collection.coverage.append(Coverage(file, read))
    tally.note(read=records > 0 or defects == 0)
    collection.inputs.append(Input(file.name, file.kind, records, span.first, span.last))
