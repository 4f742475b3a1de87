"""A diagnosis for a person: what was read, what became of the mail, each cause and its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from imctool.model.diagnosis import Diagnosis
from imctool.model.finding import Confidence, Evidence, Finding, Severity
from imctool.model.message import Fate, Message
from imctool.report.documents import count_fates, fix_words, shown_messages
from imctool.report.safe_text import shorten
from imctool.report.wrapped_lines import MOST, LinePrinter, defect_line, limited

if TYPE_CHECKING:
    from rich.console import Console

_TOLD = 160
"""How much of an evidence line's text a report quotes; JSON has it whole."""

_STYLE = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.INFO: "bold blue",
}


def print_diagnosis(
    diagnosis: Diagnosis, console: Console, *, every_message: bool, verbose: bool
) -> None:
    """Print the diagnosis; every text of the evidence passes the one safe gate."""
    most = None if verbose else MOST
    line = LinePrinter(console)
    for text in _overview(diagnosis):
        line(text)
    if not diagnosis.findings:
        line()
        line("Nothing wrong found.", "bold green")
    for number, finding in enumerate(diagnosis.findings, 1):
        line()
        _print_finding(number, finding, line, most)
    messages = shown_messages(diagnosis, every_message=every_message)
    line.section(
        "Messages" if every_message else "Messages with a problem",
        limited(messages, most, _message_line),
    )
    line.section("Missing evidence", (f"{one.evidence}: {one.costs}" for one in diagnosis.missing))
    line.section("Could not be read as it should", limited(diagnosis.defects, most, defect_line))


def _overview(diagnosis: Diagnosis) -> Iterator[str]:
    server = diagnosis.server
    parts = [server.name or "name not known", *(server.versions or ("version not known",))]
    if server.version_inferred:
        parts[-1] += " (inferred from its tracking events)"
    yield f"Server    {', '.join(parts)}"
    zone = server.time_zone or "UTC assumed"
    yield f"Clock     {zone} ({server.time_zone_source})"
    files = diagnosis.files
    yield (
        f"Files     {files.seen} seen: {files.read} read, {files.unreadable} unreadable, "
        f"{files.skipped} skipped"
    )
    fates = ", ".join(f"{count} {fate}" for fate, count in count_fates(diagnosis))
    yield f"Messages  {len(diagnosis.messages)}{': ' + fates if fates else ''}"


def _print_finding(number: int, finding: Finding, line: LinePrinter, most: int | None) -> None:
    style = _STYLE[finding.severity]
    if finding.confidence is Confidence.POSSIBLE:
        style = "bold"
    line(f"{number}. {finding.article or 'No article'}  {finding.title}", style)
    told = [str(finding.severity), str(finding.confidence)]
    count = len(finding.messages)
    if count:
        named = ", ".join(str(m.spool_name) for m in finding.messages[:5] if m.spool_name)
        more = ", ..." if named and count > 5 else ""
        told.append(
            f"{count} message{'' if count == 1 else 's'} {_fate_words(finding.fate)}"
            f"{': ' if named else ''}{named}{more}"
        )
    if finding.recipients:
        told.append(f"{finding.recipients} recipients")
    line(" | ".join(told), indent=3)
    line(" ".join(finding.cause.split()), indent=3, hang=0)
    for note in finding.notes:
        line(f"Note: {note}", indent=3)
    if finding.fixed_in:
        line(f"Fixed in: {finding.fixed_in}{fix_words(finding)}", indent=3)
    line("Evidence", "bold", 3)
    for text in limited(finding.evidence, most, _evidence_line):
        line(text, indent=5)
    line("Remedy", "bold", 3)
    for place, step in enumerate(finding.remedy, 1):
        line(f"{place}. {step.text}", indent=5)
        if step.command:
            line(f"$ {step.command}", "cyan", 8)


def _fate_words(fate: Fate) -> str:
    return {
        Fate.BAD: "in the BAD folder",
        Fate.STUCK: "stuck in In",
        Fate.ARCHIVED: "archived",
        Fate.UNKNOWN: "of unknown fate",
    }.get(fate, str(fate))


def _moment(time: datetime | None, *, assumed: bool) -> str:
    if time is None:
        return "-"
    return f"{time:%Y-%m-%d %H:%M:%S}{'?' if assumed else 'Z'}"


def _evidence_line(one: Evidence) -> str:
    moment = f"{_moment(one.time, assumed=one.assumed_zone)}  " if one.time else ""
    return f"{moment}{one.location}  {shorten(one.text, _TOLD)}"


def _message_line(message: Message) -> str:
    count = message.recipient_count
    told = (
        f"{_moment(message.first, assumed=message.assumed_zone)}  {message.direction} "
        f"{message.fate}  {message.name}"
    )
    if message.originator is not None and message.spool_name is not None:
        told += f"  from <{message.originator.strip('<>')}>"
    told += f", {count} recipient{'' if count == 1 else 's'}"
    if message.wanting:
        told += f"; would tell: {'; '.join(message.wanting)}"
    if message.notes:
        told += f"; note: {'; '.join(message.notes)}"
    return told
