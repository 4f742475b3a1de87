"""A trace as a page: each message's facts, its life on a time line, the finding, the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from imctool.model.finding import Finding
from imctool.model.message import Message
from imctool.report.diagnosis_html import fate_badge, finding_section, moment_html
from imctool.report.html_page import badge, escaped, facts, html_page, limited, table, tally
from imctool.report.trace_documents import (
    Step,
    Trace,
    count_by_fate,
    elapsed_text,
    explanations,
    key_words,
    recipients_of,
    steps,
)
from imctool.report.trace_text import (
    address_text,
    neighbour_lines,
    originator_text,
    unlisted_words,
    unsure_words,
)

_MOST = 12
"""So many recipients and defects stand open; the rest is folded away behind its number."""

_LONG = timedelta(hours=1)
"""A silence of this length between two steps is set in bold."""

_LANES = (("protocol", "smtp", "SMTP"), ("spool", "spool", "Spool"),
          ("tracking", "tracking", "Tracking"), ("event", "event", "Events"),
          ("report", "report", "Report"))  # fmt: skip
"""The lanes of the time line: source of a step, its style, its title."""


def trace_html(trace: Trace) -> Iterator[str]:
    """Yield the lines of the page."""
    words = key_words(trace.found.key, trace.asked)
    zone = trace.server.time_zone or "UTC assumed"
    subtitle = f"Server clock {zone} ({trace.server.time_zone_source})"
    yield from html_page(f"Trace of {words}", subtitle, _body(trace))


def _body(trace: Trace) -> Iterator[str]:
    yield "<section>"
    counts = [(str(fate), count) for fate, count in count_by_fate(trace.messages)]
    total = len(trace.messages)
    yield from tally([("message" if total == 1 else "messages", total), *counts])
    for text in _remarks(trace):
        yield f"<p>{escaped(text)}</p>"
    if total > 1:
        yield from table("index", ("Time", "Message", "Direction", "Fate", "From"), _index(trace))
    yield "</section>"
    told = explanations(trace)
    numbers = {id(finding): number for number, finding in enumerate(trace.findings, 1)}
    for number, message in enumerate(trace.messages, 1):
        mine = [(numbers[id(one)], one) for one in told.get(message.number, [])]
        yield from _message_section(number, message, mine)
    for number, finding in enumerate(trace.findings, 1):
        yield from finding_section(number, finding)
    if trace.defects:
        yield "<section><h2>Could not be read as it should</h2>"
        yield from limited(
            (escaped(f"{one.location}: {one.reason}") for one in trace.defects), _MOST
        )
        yield "</section>"


def _remarks(trace: Trace) -> Iterator[str]:
    if not trace.messages:
        yield "No message of the evidence has it." if not trace.outside else "None in this range."
    if trace.neighbours is not None:
        yield from neighbour_lines(trace.neighbours)
    if trace.outside:
        yield f"{trace.outside} that --since and --until leave out."
    if trace.found.unsure:
        yield unsure_words(trace.found.unsure) + "."
    files = trace.files
    yield (
        f"Files: {files.seen} seen, {files.read} read, {files.unreadable} unreadable, "
        f"{files.skipped} skipped."
    )


def _index(trace: Trace) -> Iterator[list[str]]:
    for number, message in enumerate(trace.messages, 1):
        yield [
            moment_html(message.first, assumed=message.assumed_zone),
            f'<a class="id" href="#m{number}">{escaped(message.name)}</a>',
            escaped(message.direction),
            fate_badge(message.fate),
            escaped(originator_text(message)),
        ]


def _message_section(
    number: int, message: Message, findings: list[tuple[int, Finding]]
) -> Iterator[str]:
    yield f'<section id="m{number}">'
    yield (
        f"<h2>{escaped(message.name)} {badge('plain', message.direction)} "
        f"{fate_badge(message.fate)}</h2>"
    )
    yield from facts(_facts(message, findings))
    life = list(steps(message))
    lanes = _LANES if any(step.source == "report" for step in life) else _LANES[:-1]
    yield f'<table class="life" style="--lanes:{len(lanes)}.4rem"><thead><tr>'
    yield '<th scope="col">Time (UTC)</th><th scope="col">Elapsed</th>'
    for _, style, title in lanes:
        yield f'<th scope="col" class="lane {style}">{title}</th>'
    yield '<th scope="col" class="what">What happened, and where it stands</th></tr></thead><tbody>'
    for step in life:
        yield _step_row(step, lanes)
    yield "</tbody></table></section>"


def _facts(message: Message, findings: list[tuple[int, Finding]]) -> Iterator[tuple[str, str]]:
    yield "From", escaped(originator_text(message))
    yield "To", _recipients(message)
    for label, value in (("Message-ID", message.message_id), ("MTS-ID", message.mts_id)):
        if value:
            yield label, f'<span class="id">{escaped(value)}</span>'
    for number, finding in findings:
        title = escaped(f"{finding.article or 'No article'}: {finding.title}")
        told = badge("plain", finding.confidence)
        yield "Why", f'<a href="#f{number}">{title}</a> {told}'
    if message.wanting:
        yield "Would tell", escaped("; ".join(message.wanting))
    for note in message.notes:
        yield "Note", escaped(note)


def _recipients(message: Message) -> str:
    count, known = message.recipient_count, recipients_of(message)
    told = f"{count:,} recipient{'' if count == 1 else 's'}"
    if known:
        shown = ", ".join(escaped(address_text(one)) for one in known[:_MOST])
        told += f": {shown}"
    if known[_MOST:]:
        rest = ", ".join(escaped(address_text(one)) for one in known[_MOST:])
        told += f"<details><summary>{len(known) - _MOST:,} more</summary>{rest}</details>"
    if known and count > len(known):
        told += f" and {count - len(known):,} that {unlisted_words(message)}"
    return told


def _step_row(step: Step, lanes: tuple[tuple[str, str, str], ...]) -> str:
    seen = step.observation
    long = step.elapsed is not None and step.elapsed >= _LONG
    style = next((style for source, style, _ in _LANES if source == step.source), "plain")
    dots = "".join(
        f'<td class="lane {name}">{"<i></i>" if source == step.source else ""}</td>'
        for source, name, _ in lanes
    )
    return (
        f'<tr><td class="time">{moment_html(seen.time, assumed=seen.assumed_zone)}</td>'
        f'<td class="gap"><span class="elapsed{" long" if long else ""}">'
        f"{escaped(elapsed_text(step))}</span></td>{dots}"
        f'<td class="what"><span class="source {style}">{escaped(step.source)}</span> '
        f'{escaped(seen.text)}<br><span class="place">{escaped(seen.location)}</span></td></tr>'
    )
