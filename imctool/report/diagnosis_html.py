"""A diagnosis as a page: the counts, the server, each finding, the messages, what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

from imctool.model.diagnosis import Diagnosis, Server
from imctool.model.finding import Confidence, Evidence, Finding, Severity
from imctool.model.message import SETTLED, Fate, Message
from imctool.report.documents import count_fates, fix_words, shown_messages, time_text
from imctool.report.html_page import badge, escaped, facts, html_page, limited, table, tally

_MOST = 12
"""So many evidence lines stand open; the rest is folded away behind its number."""

_MOST_NAMES = 50
"""So many spool names a finding names; the table of messages has them all."""

_GRAVE = frozenset({Fate.LOST, Fate.BAD, Fate.STUCK, Fate.ARCHIVED, Fate.DUPLICATED})


def diagnosis_html(diagnosis: Diagnosis, *, every_message: bool) -> Iterator[str]:
    """Yield the lines of the page; the messages are those with a problem, or every one."""
    name = diagnosis.server.name
    title = f"Diagnosis of {name}" if name else "Diagnosis"
    versions = ", ".join(diagnosis.server.versions) or "version not known"
    yield from html_page(title, f"Internet Mail, {versions}", _body(diagnosis, every_message))


def _body(diagnosis: Diagnosis, every_message: bool) -> Iterator[str]:
    yield "<section><h2>Overview</h2>"
    total = len(diagnosis.messages)
    counts = [(str(fate), count) for fate, count in count_fates(diagnosis)]
    yield from tally([("message" if total == 1 else "messages", total), *counts])
    yield from facts(_server_facts(diagnosis.server))
    files = diagnosis.files
    yield (
        f"<p>{files.seen} files seen: {files.read} read, {files.unreadable} unreadable, "
        f"{files.skipped} skipped.</p>"
    )
    if not diagnosis.findings:
        yield '<p class="good"><b>Nothing wrong found.</b></p>'
    yield "</section>"
    for number, finding in enumerate(diagnosis.findings, 1):
        yield from finding_section(number, finding)
    messages = shown_messages(diagnosis, every_message=every_message)
    if messages:
        yield f"<section><h2>{'Messages' if every_message else 'Messages with a problem'}</h2>"
        columns = ("Time", "Message", "Direction", "Fate", "From", "Recipients", "Why")
        yield from table("messages", columns, _message_rows(diagnosis, messages))
        yield "</section>"
    if diagnosis.missing:
        yield "<section><h2>Missing evidence</h2>"
        yield from facts((one.evidence, escaped(one.costs)) for one in diagnosis.missing)
        yield "</section>"
    if diagnosis.defects:
        yield "<section><h2>Could not be read as it should</h2>"
        told = (escaped(f"{one.location}: {one.reason}") for one in diagnosis.defects)
        yield from limited(told, _MOST)
        yield "</section>"


def _server_facts(server: Server) -> Iterator[tuple[str, str]]:
    yield "Server", escaped(server.name or "name not known")
    mark = " (inferred from its tracking events)" if server.version_inferred else ""
    yield "Version", escaped((", ".join(server.versions) or "not known") + mark)
    yield "Clock", escaped(f"{server.time_zone or 'UTC assumed'} ({server.time_zone_source})")
    for one in server.character_sets:
        yield (
            f"Character Sets, {one.domain}",
            escaped(f"MIME {one.mime or '(blank)'}, non-MIME {one.non_mime or '(blank)'}"),
        )
    if server.code_pages is not None:
        yield "Code pages", escaped(", ".join(map(str, server.code_pages)) or "none installed")


def _message_rows(diagnosis: Diagnosis, messages: Iterable[Message]) -> Iterator[list[str]]:
    causes: dict[int, list[str]] = defaultdict(list)
    for number, finding in enumerate(diagnosis.findings, 1):
        name = escaped(finding.article or "no article")
        for message in finding.messages:
            causes[message.number].append(f'<a href="#f{number}">{name}</a>')
    for message in messages:
        why = [*causes.get(message.number, [])]
        if message.wanting:
            why.append(escaped(f"would tell: {'; '.join(message.wanting)}"))
        if message.notes:
            why.append(escaped(f"note: {'; '.join(message.notes)}"))
        originator = message.originator
        yield [
            moment_html(message.first, assumed=message.assumed_zone),
            f'<span class="id">{escaped(message.name)}</span>',
            escaped(message.direction),
            fate_badge(message.fate),
            escaped("" if originator is None else originator.strip("<>") or "<> (null sender)"),
            f"{message.recipient_count:,}",
            ", ".join(why),
        ]


def fate_badge(fate: Fate) -> str:
    """Return the fate as a badge: what went wrong stands out from what is open or settled."""
    if fate in SETTLED:
        return badge("good", fate)
    return badge("bad" if fate in _GRAVE else "doubtful", fate)


def moment_html(time: datetime | None, *, assumed: bool) -> str:
    """Return a UTC time as an element; Z marks UTC, ? an assumed zone."""
    if time is None:
        return "-"
    shown = f"{time:%Y-%m-%d %H:%M:%S}{'?' if assumed else 'Z'}"
    return f'<time datetime="{time_text(time)}">{shown}</time>'


def finding_section(number: int, finding: Finding) -> Iterator[str]:
    """Yield one finding: cause, evidence, remedy; ``number`` makes its anchor ``#f1``."""
    doubtful = finding.confidence is Confidence.POSSIBLE
    kind = "bad" if finding.severity is Severity.ERROR and not doubtful else "doubtful"
    yield f'<section id="f{number}">'
    yield (
        f"<h2>{escaped(finding.article or 'No article')} {escaped(finding.title)} "
        f"{badge(kind, finding.severity)} {badge('plain', finding.confidence)}</h2>"
    )
    yield f"<p>{escaped(' '.join(finding.cause.split()))}</p>"
    yield from facts(_finding_facts(finding))
    yield "<h3>Evidence</h3>"
    yield from limited(map(_evidence_line, finding.evidence), _MOST)
    yield "<h3>Remedy</h3><ol>"
    for step in finding.remedy:
        command = f'<code class="command">{escaped(step.command)}</code>' if step.command else ""
        yield f"<li>{escaped(step.text)}{command}</li>"
    yield "</ol></section>"


def _finding_facts(finding: Finding) -> Iterator[tuple[str, str]]:
    count = len(finding.messages)
    if count:
        names = list(islice((m.spool_name for m in finding.messages if m.spool_name), _MOST_NAMES))
        listed = f": {', '.join(map(str, names))}" if names else ""
        more = ", ..." if names and len(names) < count else ""
        yield "Messages", f"{count:,} {escaped(finding.fate)}{escaped(listed)}{more}"
    if finding.recipients:
        yield "Recipients", f"{finding.recipients:,}"
    if finding.fixed_in:
        yield "Fixed in", escaped(finding.fixed_in + fix_words(finding))
    for note in finding.notes:
        yield "Note", escaped(note)


def _evidence_line(one: Evidence) -> str:
    moment = f"{moment_html(one.time, assumed=one.assumed_zone)} " if one.time else ""
    place = f'<span class="place">{escaped(one.location)}</span>'
    return f"{moment}{escaped(one.text)} {place}"
