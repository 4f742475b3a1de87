"""``imctool trace``: the life of one message through every log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from imctool.cli import exit_status
from imctool.cli.diagnose import nothing_read
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
    write_lines,
)

if TYPE_CHECKING:
    from imctool.ledger.search import Found
    from imctool.model.diagnosis import Diagnosis
    from imctool.model.message import Message
    from imctool.report.trace_documents import Trace


@click.command("trace")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=EVIDENCE)
@click.argument("key", metavar="KEY")
@CASE
@reading_options("text", "json", "jsonl", "csv", "html")
@click.pass_context
def command(
    ctx: click.Context,
    reading: Reading,
    paths: tuple[str, ...],
    key: str,
    case_file: str | None,
) -> None:
    """Tell one message's life in time order: spool, protocol, tracking, events, reports.

    KEY is a spool name, a Message-ID, an MTS-ID or its tail, or an address, which gives every
    message from it or to it. --since and --until leave out messages, never steps of one. Ends
    with status 1 if no message has the KEY, 3 if nothing could be read.
    """
    from imctool.causes.diagnosis import diagnose
    from imctool.causes.findings import Tool
    from imctool.cli.main import COMMANDS
    from imctool.ledger.case_search import places_holding
    from imctool.ledger.search import find_messages, parse_key
    from imctool.readers.collection import collect
    from imctool.report.trace_documents import key_words

    try:
        readings = parse_key(key)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="KEY") from error
    with evidence_paths(paths) as roots, opened_case(case_file, roots, reading.output) as case:
        refuse_output_inside(reading, roots)
        collection = collect(roots, date_order=reading.date_order, jobs=reading.jobs, case=case)
        diagnosis = diagnose(collection, Tool(frozenset(COMMANDS), paths), reading.zone)
        messages: Iterable[Message] = diagnosis.messages
        if case is not None:
            # An MTS-ID is spelt in several ways but for its tail.
            words = {one.value.rpartition(";l=")[2] for one in readings}
            places = {place for word in words for place in places_holding(case, word)}
            messages = (diagnosis.messages[place] for place in sorted(places))
        found = find_messages(messages, readings, roots)
        trace = _traced(key, found, diagnosis, reading)
    _write(trace, reading)
    for defect in trace.defects:
        complain(reading, f"{defect.location}: {defect.reason}")
    if nothing_read(collection):
        complain(reading, f"nothing could be read under {', '.join(paths)}")
        ctx.exit(exit_status.NOTHING_READ)
    if not found.messages:
        complain(reading, f"no message has the {key_words(found.key, key)}")
        ctx.exit(exit_status.PROBLEM_FOUND)


def _traced(key: str, found: Found, diagnosis: Diagnosis, reading: Reading) -> Trace:
    """Return what there is to tell of the messages found, those outside the range left out."""
    from dataclasses import replace

    from imctool.ledger.search import KeyKind, find_neighbours
    from imctool.model.spool_name import SpoolName
    from imctool.report.trace_documents import Trace

    messages = tuple(one for one in found.messages if _in_range(one, reading))
    kept = {one.number for one in messages}
    missing = not found.messages and found.key.kind is KeyKind.SPOOL_NAME
    return Trace(
        asked=key,
        found=replace(found, messages=messages),
        findings=tuple(
            finding
            for finding in diagnosis.findings
            if any(one.number in kept for one in finding.messages)
        ),
        neighbours=find_neighbours(diagnosis.messages, SpoolName.parse(found.key.value))
        if missing
        else None,
        server=diagnosis.server,
        files=diagnosis.files,
        defects=diagnosis.defects,
        outside=len(found.messages) - len(messages),
    )


def _in_range(message: Message, reading: Reading) -> bool:
    """Return whether the message's life, its report included, touches --since/--until."""
    times = [seen.time for seen in message.observations if seen.time is not None]
    if not times:
        return overlaps(reading, message.first, message.last)
    return overlaps(reading, min(times), max(times))


def _write(trace: Trace, reading: Reading) -> None:
    from imctool.report.json_text import json_text
    from imctool.report.trace_documents import trace_csv, trace_document, trace_lines
    from imctool.report.trace_html import trace_html
    from imctool.report.trace_text import print_trace

    match reading.format:
        case "text":
            with output_stream(reading) as stream:
                print_trace(trace, console_for(reading, stream), verbose=reading.verbose)
        case "json":
            write_lines(reading, [json_text(trace_document(trace), indent=1)])
        case "jsonl":
            write_lines(reading, trace_lines(trace))
        case "csv":
            write_lines(reading, trace_csv(trace))
        case _:
            write_lines(reading, trace_html(trace))
