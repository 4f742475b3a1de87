"""``imctool diagnose``: what became of each message, why, and how to get it delivered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from imctool.cli import exit_status
from imctool.cli.options import (
    CASE,
    EVIDENCE,
    Reading,
    complain,
    console_for,
    evidence_paths,
    opened_case,
    output_stream,
    overlaps,
    reading_options,
    refuse_output_inside,
    within,
    write_lines,
)

if TYPE_CHECKING:
    from imctool.model.diagnosis import Diagnosis
    from imctool.readers.collection import Collection


@click.command("diagnose")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=EVIDENCE)
@click.option("--all", "every", is_flag=True, help="List every message, delivered ones too.")
@CASE
@reading_options("text", "json", "jsonl", "html")
@click.pass_context
def command(
    ctx: click.Context,
    reading: Reading,
    paths: tuple[str, ...],
    every: bool,
    case_file: str | None,
) -> None:
    """Account for every message under PATH; name each cause with its article and remedy.

    PATH is an Exchsrvr tree, an Imcdata folder, or any folder of collected evidence. Ends with
    status 1 if a problem was found, 3 if nothing could be read.
    """
    from imctool.causes.diagnosis import diagnose
    from imctool.causes.findings import Tool
    from imctool.cli.main import COMMANDS
    from imctool.readers.collection import collect

    with evidence_paths(paths) as roots, opened_case(case_file, roots, reading.output) as case:
        refuse_output_inside(reading, roots)
        collection = collect(roots, date_order=reading.date_order, jobs=reading.jobs, case=case)
        diagnosis = diagnose(collection, Tool(frozenset(COMMANDS), paths), reading.zone)
        if reading.since is not None or reading.until is not None:
            diagnosis = _narrowed(diagnosis, reading)
        if nothing_read(collection):
            complain(reading, f"nothing could be read under {', '.join(paths)}")
        _write(diagnosis, reading, every)
    if nothing_read(collection):
        ctx.exit(exit_status.NOTHING_READ)
    if diagnosis.findings:
        ctx.exit(exit_status.PROBLEM_FOUND)


def nothing_read(collection: Collection) -> bool:
    """Return whether no file gave a record and no spool folder, even an empty one, was there."""
    return not collection.files.read and not collection.folders


def _narrowed(diagnosis: Diagnosis, reading: Reading) -> Diagnosis:
    """Leave out the messages, findings and evidence that lie outside --since/--until."""
    from dataclasses import replace

    kept = {one.number for one in diagnosis.messages if overlaps(reading, one.first, one.last)}
    messages = diagnosis.messages.only(kept)
    findings = []
    for finding in diagnosis.findings:
        mine = tuple(one for one in finding.messages if one.number in kept)
        evidence = tuple(
            one for one in finding.evidence if one.time is None or within(reading, one.time)
        )
        if mine or (not finding.messages and evidence):
            findings.append(replace(finding, messages=mine, evidence=evidence))
    return replace(diagnosis, messages=messages, findings=tuple(findings))


def _write(diagnosis: Diagnosis, reading: Reading, every: bool) -> None:
    from imctool.report.diagnosis_text import print_diagnosis
    from imctool.report.documents import diagnosis_document
    from imctool.report.json_text import document_lines

    if reading.format == "text":
        with output_stream(reading) as stream:
            print_diagnosis(
                diagnosis,
                console_for(reading, stream),
                every_message=every,
                verbose=reading.verbose,
            )
        return
    if reading.format == "html":
        from imctool.report.diagnosis_html import diagnosis_html

        write_lines(reading, diagnosis_html(diagnosis, every_message=every))
        return
    document = diagnosis_document(diagnosis, every_message=every)
    if reading.format == "json":
        write_lines(reading, document_lines(document))
    else:
        write_lines(reading, _json_lines(document))


def _json_lines(document: dict[str, Any]) -> Iterator[str]:
    """Yield the document as lines: its head, then one line per input, finding, message ..."""
    from imctool.report.rows import json_lines

    yield from json_lines("server", [document["server"]])
    for kind, key in _ITEMS:
        items: Iterable[dict[str, Any]] = document[key]
        yield from json_lines(kind, items)
    yield from json_lines("summary", [document["summary"]])


_ITEMS = (
    ("input", "inputs"),
    ("finding", "findings"),
    ("message", "messages"),
    ("missing", "missing"),
    ("defect", "defects"),
)
