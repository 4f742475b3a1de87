"""A ledger kept in its case database, to be queried there and taken up again by the next run."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, tzinfo
from typing import Any

from imctool import __version__
from imctool.database.connection import CaseConnection
from imctool.database.mail_rows import Row, dumps, time_of, time_text
from imctool.ledger.clock import ServerClock
from imctool.ledger.copies import Copies
from imctool.ledger.entry import Entry
from imctool.ledger.messages import Messages
from imctool.ledger.offsets import Offset, Offsets
from imctool.ledger.server import ServerTraces
from imctool.ledger.windows_zone import zone_from_registry
from imctool.model.direction import Direction
from imctool.model.message import Fate
from imctool.model.spool_name import SpoolName
from imctool.readers.collection import Collection

_SERIES = ("files", "events", "tracking", "transactions", "noted")
_TABLES = ("spool_file", "event", "tracking", "smtp_transaction", "report")
"""How the table ``message_record`` calls what an entry lists, in the same order."""

_MADE_WITH = "ledger"
_TRACES = "ledger: server"


def _made_with(zone: tzinfo | None) -> str:
    """Return what the ledger depends on beside the evidence."""
    return dumps([__version__, None if zone is None else str(zone)])


def save_results(
    case: CaseConnection,
    messages: Messages,
    traces: ServerTraces,
    copies: Copies,
    zone: tzinfo | None,
) -> None:
    """Write every message with its fate and its records, and what the server was told by."""
    case.clear_results()
    places = {entry.number: place for place, entry in enumerate(messages.entries)}
    case.insert("message", _message_rows(messages, places))
    case.insert("message_record", _record_rows(messages.entries))
    fields = _trace_fields(traces, copies)
    fields["clock"] = _clock_fields(messages.clock)
    case.set_note(_TRACES, dumps(fields))
    case.set_note(_MADE_WITH, _made_with(zone))
    case.commit()


def _message_rows(messages: Messages, places: dict[int, int]) -> Iterator[Row]:
    for place, (entry, message) in enumerate(zip(messages.entries, messages, strict=True)):
        name = entry.spool_name
        original = None if entry.original is None else places.get(entry.original.number)
        yield (
            place, str(entry.direction), str(entry.fate), None if name is None else str(name),
            message.originator, message.recipient_count, message.message_id, message.mts_id,
            time_text(message.first), time_text(message.last), message.assumed_zone,
            entry.bad_folder, dumps(entry.wanting), dumps(sorted(entry.traits)), original,
        )  # fmt: skip


def _record_rows(entries: Iterable[Entry]) -> Iterator[Row]:
    for place, entry in enumerate(entries):
        for report, one in enumerate((entry, *entry.reports)):
            for table, name in zip(_TABLES, _SERIES, strict=True):
                for number in getattr(one, name):
                    yield place, table, number, report


def _trace_fields(traces: ServerTraces, copies: Copies) -> dict[str, Any]:
    return {
        "hosts": traces.host_counts,
        "computers": traces.computers,
        "versions": sorted(traces.versions),
        "tracked": sorted(traces.tracked),
        "event_copies": sorted(copies.events),
    }


def _clock_fields(clock: ServerClock) -> dict[str, Any]:
    """Return a clock: its sightings and the like; a zone is found again, and only its source."""
    offsets = clock.offsets
    if offsets is None:
        return {"source": clock.source}
    return {
        "source": clock.source,
        "seen": [(one.wall.isoformat(), one.offset.total_seconds()) for one in offsets.seen],
        "usual": None if offsets.usual is None else offsets.usual.total_seconds(),
        "others": sorted(one.total_seconds() for one in offsets.others),
    }


def _clock(fields: dict[str, Any], zone: tzinfo | None, collection: Collection) -> ServerClock:
    """Return the clock that was saved; ``zone`` is the one given, None to have none."""
    source = fields["source"]
    if zone is not None:
        return ServerClock(zone, source=source)
    if "seen" not in fields:
        told = zone_from_registry(collection.registry)
        return ServerClock(None if told is None else told[0], source=source)
    usual = fields["usual"]
    offsets = Offsets(
        tuple(
            Offset(datetime.fromisoformat(wall), timedelta(seconds=seconds))
            for wall, seconds in fields["seen"]
        ),
        None if usual is None else timedelta(seconds=usual),
        frozenset(timedelta(seconds=seconds) for seconds in fields["others"]),
    )
    return ServerClock(None, offsets, source)


def restore_results(
    collection: Collection, zone: tzinfo | None
) -> tuple[list[Entry], ServerTraces, ServerClock] | None:
    """Return the entries in order, what tells of the server, and its clock, as they were saved.

    None where the evidence or what else they depend on is not the same.
    """
    case = collection.case
    if case is None or collection.changed or case.note(_MADE_WITH) != _made_with(zone):
        return None
    fields = json.loads(case.note(_TRACES) or "{}")
    if not fields:
        return None
    return list(_entries(case)), _traces(case, fields), _clock(fields["clock"], zone, collection)


def _entries(case: CaseConnection) -> Iterator[Entry]:
    entries: list[Entry] = []
    query = (
        "SELECT id, direction, fate, spool_name, first, bad_folder, wanting, traits, original"
        " FROM message ORDER BY id"
    )
    originals: list[tuple[Entry, int]] = []
    shared: dict[str, Any] = {}
    for place, direction, fate, name, first, bad, wanting, traits, original in case.rows(query):
        value = None if name is None else SpoolName.parse(name).value
        entry = Entry(place, Direction(direction), value)
        entry.fate = Fate(fate)
        moment = time_of(first)
        entry.first = None if moment is None else moment.timestamp()
        entry.bad_folder = bool(bad)
        entry.wanting = shared.setdefault(wanting, tuple(json.loads(wanting)))
        entry.traits = shared.setdefault(traits + "+", frozenset(json.loads(traits)))
        if original is not None:
            originals.append((entry, original))
        entries.append(entry)
    for entry, original in originals:
        entry.original = entries[original]
    _add_records(case, entries)
    return iter(entries)


def _add_records(case: CaseConnection, entries: list[Entry]) -> None:
    names = dict(zip(_TABLES, _SERIES, strict=True))
    reports: dict[tuple[int, int], Entry] = {}
    listed: dict[str, list[int]] = defaultdict(list)
    at: tuple[int, int] | None = None

    def finish() -> None:
        if at is None:
            return
        entry = entries[at[0]] if at[1] == 0 else reports.setdefault(at, _report(entries, at[0]))
        for name, numbers in listed.items():
            setattr(entry, name, numbers)

    query = "SELECT message, report, series, record FROM message_record"
    for message, report, series, number in case.rows(query + " ORDER BY 1, 2, 3, 4"):
        if (message, report) != at:
            finish()
            listed = defaultdict(list)
            at = message, report
        listed[names[series]].append(number)
    finish()


def _report(entries: list[Entry], place: int) -> Entry:
    """Return a new entry for a report on the message at that place."""
    report = Entry(-1, Direction.OUTBOUND)
    entries[place].reports = [*entries[place].reports, report]
    return report


def _traces(case: CaseConnection, fields: dict[str, Any]) -> ServerTraces:
    traces = ServerTraces()
    traces.host_counts = Counter(fields["hosts"])
    traces.computers = Counter(fields["computers"])
    traces.versions = set(fields["versions"])
    traces.tracked = set(fields["tracked"])
    copies = set(fields["event_copies"])
    for number, event_id, source in case.rows("SELECT id, event_id, source FROM event"):
        if number not in copies:
            traces.events.add(number, event_id, source)
    return traces
