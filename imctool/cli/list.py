"""``imctool list``: what lies in the spool, filtered and sorted."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

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
    from imctool.model.evidence import Defect, FileCount, InputKind
    from imctool.model.mail import SpoolFile

_COLUMNS = (
    "spool_name", "kind", "time", "size", "recipient_count", "originator", "charsets", "subject",
)  # fmt: skip
_CSV_COLUMNS = (
    "spool_name", "kind", "time", "size", "originator", "recipient_count", "over_limit",
    "subject", "message_id", "charsets", "path",
)  # fmt: skip
_LEAST_TELLING = ("size", "charsets", "time", "rcpts", "originator", "kind")
_HEADINGS = {"recipient_count": "rcpts", "spool_name": "name"}
_FOLDER_KINDS = (
    "spool-in", "spool-in-archive", "spool-out", "spool-out-archive", "spool-work", "pickup",
    "turf", "other",
)  # fmt: skip
_KEYS = ("name", "time", "size", "recipients", "originator", "path")


@click.command("list")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=EVIDENCE)
@click.option("--names", is_flag=True, help="Write spool names alone, one a line.")
@click.option(
    "--folder", "folders", multiple=True, type=click.Choice(_FOLDER_KINDS), metavar="KIND",
    help="Only this kind: " + ", ".join(_FOLDER_KINDS) + ".",
)  # fmt: skip
@click.option("--originator", help="Only mail whose envelope originator matches this pattern.")
@click.option("--recipient", help="Only mail with an envelope recipient that matches.")
@click.option("--domain", "domains", multiple=True, help="Only mail from this sender domain.")
@click.option("--subject", help="Only mail whose subject matches this pattern.")
@click.option("--charset", "charsets", multiple=True, help="Only mail that declares this charset.")
@click.option("--over-limit", is_flag=True, help="Only mail over 32,766 recipients.")
@click.option("--larger", type=int, help="Only files of more bytes than this.")
@click.option("--sort", "key", type=click.Choice(_KEYS), default="path", show_default=True)
@click.option("--reverse", is_flag=True, help="Sort the other way.")
@click.option("--spool", multiple=True, help="Only this spool name; - reads names from stdin.")
@reading_options("text", "json", "jsonl", "csv")
@click.pass_context
def command(ctx: click.Context, /, reading: Reading, paths: tuple[str, ...], **choice: Any) -> None:
    """List the spool files under PATH, whatever folder they lie in.

    Patterns are regular expressions, in any letter case. --since and --until go by the time
    that the envelope or the server's Received line gives.
    """
    from imctool.ledger.clock import derive_clock, own_stamps
    from imctool.model.evidence import Defect, FileCount
    from imctool.readers.discovery import Discovery, walk
    from imctool.readers.examination import examine_all, note_unread

    wanted = _Wanted(choice)
    with evidence_paths(paths) as roots:
        refuse_output_inside(reading, roots)
        met = Discovery()
        defects: list[Defect] = []
        mails: list[tuple[InputKind, SpoolFile]] = []
        read: list[SpoolFile] = []
        for one in examine_all(walk(roots, met), reading.jobs):
            mail = one.mail
            if mail is None:
                note_unread(one, met)
                continue
            read.append(mail)
            defects.extend(mail.defects if one.defect is None else (one.defect, *mail.defects))
            try:
                fits = wanted.fits(one.kind, mail) and wanted.has_recipient(mail, one.found.path)
            except OSError as error:
                defects.append(Defect(mail.location, error.strerror or str(error)))
                continue
            if fits:
                mails.append((one.kind, mail))
        defects.extend(met.defects)
    clock = derive_clock(reading.zone, (), own_stamps(read), lambda: read)
    rows = [
        (kind, mail, time)
        for kind, mail in mails
        if within(reading, time := clock.utc(mail.moment))
    ]
    rows.sort(key=lambda row: _sort_key(choice["key"], row), reverse=choice["reverse"])
    skipped = met.seen - len(read) - met.unreadable
    files = FileCount(met.seen, len(read), met.unreadable, skipped)
    _write(reading, rows, clock, _Told(sorted(defects), files), names=choice["names"])
    for defect in sorted(defects):
        complain(reading, f"{defect.location}: {defect.reason}")
    if not read and not met.folders:
        complain(reading, f"no spool file under {', '.join(paths)}")
        ctx.exit(exit_status.NOTHING_READ)


class _Told(NamedTuple):
    """What is said beside the rows: defects, and how many files were seen, read, skipped."""

    defects: list[Defect]
    files: FileCount


class _Wanted:
    """The filters of one run; every one that is given must let a mail pass."""

    def __init__(self, choice: dict[str, Any]) -> None:
        self._folders = {one.lower() for one in choice["folders"]}
        self._domains = {one.lower().lstrip("@") for one in choice["domains"]}
        self._charsets = {one.lower() for one in choice["charsets"]}
        self._originator = _pattern(choice["originator"])
        self._recipient = _pattern(choice["recipient"])
        self._subject = _pattern(choice["subject"])
        self._over_limit = choice["over_limit"]
        self._larger = choice["larger"]
        self._names = _names(choice["spool"])

    def fits(self, kind: InputKind, mail: SpoolFile) -> bool:
        originator = mail.envelope.originator or ""
        name = str(mail.spool_name).lower() if mail.spool_name is not None else None
        if self._names is not None and name not in self._names:
            return False
        if self._folders and kind not in self._folders:
            return False
        if self._domains and originator.rpartition("@")[2].lower() not in self._domains:
            return False
        if self._over_limit and not mail.over_limit:
            return False
        if self._larger is not None and mail.size <= self._larger:
            return False
        if self._originator and not self._originator.search(originator):
            return False
        if self._subject and not self._subject.search(mail.skeleton.header("subject") or ""):
            return False
        declared = {(part.charset or "").lower() for part in mail.skeleton.parts}
        return not self._charsets or not self._charsets.isdisjoint(declared)

    def has_recipient(self, mail: SpoolFile, path: str) -> bool:
        """Return whether a recipient matches; of a long list the file is asked again."""
        if self._recipient is None:
            return True
        search = self._recipient.search
        if any(map(search, mail.envelope.recipients)):
            return True
        if mail.envelope.recipient_count <= len(mail.envelope.recipients):
            return False
        from pathlib import Path

        from imctool.readers.envelope import iterate_recipients
        from imctool.readers.file_buffer import file_buffer

        with file_buffer(Path(path)) as buffer:
            return any(map(search, iterate_recipients(buffer)))


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise click.UsageError(f"{text!r} is no pattern: {error}") from error


def _names(given: tuple[str, ...]) -> frozenset[str] | None:
    if not given:
        return None
    names: set[str] = set()
    for one in given:
        words = sys.stdin.read().split() if one == "-" else [one]
        names.update(word.lower() for word in words)
    return frozenset(names)


def _sort_key(key: str, row: tuple[InputKind, SpoolFile, datetime | None]) -> tuple[bool, Any, str]:
    _, mail, time = row
    value: Any
    match key:
        case "name":
            value = mail.spool_name.value if mail.spool_name is not None else None
        case "time":
            value = time.timestamp() if time is not None else None
        case "size":
            value = mail.size
        case "recipients":
            value = mail.recipient_count
        case "originator":
            value = mail.envelope.originator
        case _:
            value = mail.location.path
    return value is None, "" if value is None else value, mail.location.path


def _write(
    reading: Reading,
    rows: list[tuple[InputKind, SpoolFile, datetime | None]],
    clock: ServerClock,
    told: _Told,
    *,
    names: bool,
) -> None:
    from imctool.report.documents import (
        defect_document,
        file_count_document,
        listed_file_document,
    )
    from imctool.report.rows import aligned, csv_lines, json_array, json_lines, short_time

    documents = (
        listed_file_document(kind, mail, time, assumed=clock.assumed(mail.moment))
        for kind, mail, time in rows
    )
    lines: Iterator[str]
    with output_stream(reading) as stream:
        if names:
            lines = (str(mail.spool_name) for _, mail, _ in rows if mail.spool_name is not None)
        elif reading.format == "json":
            defects = [defect_document(one) for one in told.defects]
            closing = {"defects": defects, "summary": {"files": file_count_document(told.files)}}
            lines = json_array({"schema": "imctool/list/1"}, "files", documents, closing)
        elif reading.format == "jsonl":
            defect_rows = map(defect_document, told.defects)
            lines = chain(json_lines("file", documents), json_lines("defect", defect_rows))
        elif reading.format == "csv":
            lines = csv_lines(_CSV_COLUMNS, (_row(one, _CSV_COLUMNS) for one in documents))
        else:
            headings = [_HEADINGS.get(name, name) for name in _COLUMNS]
            shown = ({**one, "time": short_time(one)} for one in documents)
            table = (_row(one, _COLUMNS) for one in shown)
            lines = aligned(headings, table, terminal_width(reading, stream), _LEAST_TELLING)
        for line in lines:
            stream.write(line + "\n")


def _row(document: dict[str, Any], columns: tuple[str, ...]) -> list[Any]:
    flat = {**document, "path": document["location"]["path"]}
    return [flat[name] for name in columns]
