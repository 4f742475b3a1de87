"""``imctool events``: any event-log export, normalised, its data section decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from imctool.cli import exit_status
from imctool.cli.options import (
    EVIDENCE,
    Reading,
    complain,
    evidence_paths,
    output_stream,
    reading_options,
    refuse_output_inside,
    terminal_width,
    within,
)

if TYPE_CHECKING:
    from imctool.ledger.clock import ServerClock
    from imctool.model.event import Event
    from imctool.model.evidence import Defect, EvidenceFile, FileCount
    from imctool.readers.discovery import Discovery

COLUMNS = (
    "time", "log", "record", "source", "event_id", "type", "category", "user", "computer",
    "message", "strings", "data", "location_code", "hresult", "spool_name",
)  # fmt: skip
"""The columns of the contract, in their order."""

_TEXT_COLUMNS = ("time", "record", "source", "event_id", "type", "hresult", "spool_name", "text")
_LEAST_TELLING = ("record", "type", "hresult", "source", "spool_name")


@click.command("events")
@click.argument("paths", nargs=-1, required=True, metavar="FILE...", type=EVIDENCE)
@click.option("--id", "ids", type=int, multiple=True, help="Only this event id (repeatable).")
@click.option("--source", "sources", multiple=True, help="Only this source (repeatable).")
@reading_options("text", "json", "jsonl", "csv")
@click.pass_context
def command(
    ctx: click.Context,
    reading: Reading,
    paths: tuple[str, ...],
    ids: tuple[int, ...],
    sources: tuple[str, ...],
) -> None:
    """Print every event of the logs, one row each: .evt, .evtx and every text form.

    FILE may be a folder: every event log in it is read. Times are UTC; a ? marks a time whose
    zone had to be assumed.
    """
    from imctool.model.evidence import Defect, InputKind
    from imctool.readers.discovery import Discovery
    from imctool.readers.examination import discover

    with evidence_paths(paths) as roots:
        refuse_output_inside(reading, roots)
        met = Discovery()
        files = discover(roots, met)
        logs = [file for file in files if file.kind is InputKind.EVENT_LOG]
        if len(files) == len(roots):  # given one by one, and so meant to be logs
            met.defects.extend(
                Defect(file.location(), "not an event log in any known form")
                for file in files
                if file not in logs
            )
        run = _Run(reading, frozenset(ids), frozenset(one.lower() for one in sources), met, logs)
        with output_stream(reading) as stream:
            for line in run.lines(terminal_width(reading, stream)):
                stream.write(line + "\n")
    for defect in run.defects:
        complain(reading, f"{defect.location}: {defect.reason}")
    if not run.events_read:
        ctx.exit(exit_status.NOTHING_READ if not logs else exit_status.NOTHING_WRONG)


class _Run:
    """One run over the logs: the rows that pass, and the defects met on the way."""

    def __init__(
        self,
        reading: Reading,
        ids: frozenset[int],
        sources: frozenset[str],
        met: Discovery,
        logs: Sequence[EvidenceFile],
    ) -> None:
        from imctool.ledger.clock import ServerClock

        self._reading = reading
        self._ids = ids
        self._sources = sources
        self._met = met
        self._logs = logs
        self._clock: ServerClock = ServerClock(zone=reading.zone)
        self.defects: list[Defect] = list(met.defects)
        self.events_read = 0
        self.logs_seen = 0
        self.files_read: set[str] = set()

    def lines(self, width: int | None) -> Iterator[str]:
        """Yield the output line by line; nothing is held back but the first rows of a table."""
        from imctool.report.documents import defect_document
        from imctool.report.json_text import json_text
        from imctool.report.rows import aligned, csv_lines, json_array, json_lines

        form = self._reading.format
        if form == "jsonl":
            yield from map(json_text, self._documents())  # "type" is the event's own column
            yield from json_lines("defect", map(defect_document, self.defects))
        elif form == "json":
            closing: dict[str, Any] = {}
            opening = {"schema": "imctool/events/1"}
            yield from json_array(opening, "events", self._documents(closing), closing)
        elif form == "csv":
            yield from csv_lines(COLUMNS, (self._csv_row(one) for one in self._documents()))
        else:
            rows = (self._text_row(one) for one in self._documents())
            yield from aligned(_TEXT_COLUMNS, rows, width, _LEAST_TELLING)

    def _documents(self, closing: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Yield the events; at their end put what else there is to tell into ``closing``."""
        from imctool.report.documents import defect_document, event_document, file_count_document

        for event, time in self._events():
            yield event_document(event, time, assumed=self._clock.assumed(event.time))
        if closing is not None:
            closing["defects"] = [defect_document(one) for one in self.defects]
            closing["summary"] = {"files": file_count_document(self.files())}

    def files(self) -> FileCount:
        """Return how many files were seen, and what became of them."""
        from imctool.model.evidence import FileCount

        read = len(self.files_read)
        unreadable = self._met.unreadable + self.logs_seen - read
        return FileCount(self._met.seen, read, unreadable, self._met.seen - read - unreadable)

    def _events(self) -> Iterator[tuple[Event, datetime | None]]:
        from imctool.model.event import Event
        from imctool.readers.collection import read_events

        for file in self._logs:
            self.logs_seen += 1
            for record in read_events(file, self._reading.date_order):
                if isinstance(record, Event):
                    self.files_read.add(file.name)
                else:
                    self.defects.append(record)
                    continue
                self.events_read += 1
                time = self._clock.utc(record.time)
                if self._wanted(record) and within(self._reading, time):
                    yield record, time

    def _wanted(self, event: Event) -> bool:
        if self._ids and event.event_id not in self._ids:
            return False
        return not self._sources or event.source.lower() in self._sources

    @staticmethod
    def _csv_row(document: dict[str, Any]) -> list[Any]:
        return [
            "|".join(document[name]) if name == "strings" else document[name] for name in COLUMNS
        ]

    @staticmethod
    def _text_row(document: dict[str, Any]) -> list[Any]:
        from imctool.report.rows import short_time

        text = document["message"] or ", ".join(document["strings"])
        row = {**document, "time": short_time(document), "text": " ".join(text.split())}
        return [row[name] for name in _TEXT_COLUMNS]
