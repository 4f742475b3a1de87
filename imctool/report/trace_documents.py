"""One message's life as data: the steps in time order, and the document ``imctool/trace/1``."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from imctool.ledger.search import Found, Key, KeyKind, NeighbourName, Neighbours
from imctool.model.diagnosis import Server
from imctool.model.evidence import Defect, FileCount, Location
from imctool.model.finding import Finding
from imctool.model.mail import MailFormat
from imctool.model.message import Fate, Message, Observation, ObservationKind
from imctool.report.documents import (
    Document,
    defect_document,
    file_count_document,
    finding_document,
    message_document,
    time_text,
)
from imctool.report.rows import csv_lines, json_lines


@dataclass(frozen=True, slots=True)
class Trace:
    """All that one trace tells.

    ``asked`` is the key as it was typed. ``findings`` are those that explain one of the
    messages; ``neighbours`` are there where no message carries the spool name asked for;
    ``outside`` counts messages of the key that lie outside --since/--until.
    """

    asked: str
    found: Found
    findings: tuple[Finding, ...]
    neighbours: Neighbours | None
    server: Server
    files: FileCount
    defects: tuple[Defect, ...] = ()
    outside: int = 0

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that the key means, in time order."""
        return self.found.messages


@dataclass(frozen=True, slots=True)
class Step:
    """One observation and the time since the one before it, None where either has no time.

    ``sure`` says that both times are by one clock: a difference between UTC and a wall clock
    of assumed zone is no duration. ``source`` is what the step is known from: ``spool``,
    ``event``, ``tracking``, ``protocol``, or ``report`` where it is a step of the report that
    was made on the message.
    """

    observation: Observation
    source: str
    elapsed: timedelta | None
    sure: bool


_SOURCES = {"spool-file": "spool", "queue-dat": "spool"}


def steps(message: Message) -> Iterator[Step]:
    """Yield the observations of a message in their order, each with what went by before it."""
    own = set(_own_places(message))
    before: Observation | None = None
    for seen in message.observations:
        kind = str(seen.kind)
        of_report = seen.location not in own and seen.kind is not ObservationKind.QUEUE
        source = "report" if of_report else _SOURCES.get(kind, kind)
        if seen.time is None or before is None or before.time is None:
            yield Step(seen, source, None, sure=True)
        else:
            sure = seen.assumed_zone == before.assumed_zone
            yield Step(seen, source, seen.time - before.time, sure)
        before = seen


def _own_places(message: Message) -> Iterator[Location]:
    yield from (file.location for _, file in message.files)
    yield from (event.location for event in message.events)
    yield from (record.location for record in message.tracking)
    for one in message.transactions:
        yield one.location if one.reply is None else one.reply.location


def elapsed_text(step: Step) -> str:
    """Return the time since the step before: ``+3s``, ``+2h05m``, ``+11d23h``; ? if not sure."""
    if step.elapsed is None:
        return ""
    seconds = int(step.elapsed.total_seconds())
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        told = f"+{days}d{hours % 24:02d}h"
    elif hours:
        told = f"+{hours}h{minutes % 60:02d}m"
    elif minutes:
        told = f"+{minutes}m{seconds % 60:02d}s"
    else:
        told = f"+{seconds}s"
    return told if step.sure else told + "?"


def recipients_of(message: Message) -> tuple[str, ...]:
    """Return the recipients as the best record has them, which may be fewer than their count.

    The envelope first, then the session, then the tracking log.
    """
    for _, file in message.files:
        if file.envelope.format is not MailFormat.RFC822 and file.envelope.recipients:
            return file.envelope.recipients
    asked = dict.fromkeys(one for session in message.transactions for one in session.asked)
    if asked:
        return tuple(asked)
    tracked = dict.fromkeys(name for one in message.tracking for name, _ in one.recipients)
    return tuple(tracked)


def explanations(trace: Trace) -> dict[int, list[Finding]]:
    """Return the findings of each message, by the message's number, in their order."""
    wanted = {message.number for message in trace.messages}
    told: dict[int, list[Finding]] = defaultdict(list)
    for finding in trace.findings:
        for message in finding.messages:
            if message.number in wanted:
                told[message.number].append(finding)
    return told


def count_by_fate(messages: Sequence[Message]) -> list[tuple[Fate, int]]:
    """Return how many messages met each fate, in the order in which fates are defined."""
    counted = Counter(message.fate for message in messages)
    return [(fate, counted[fate]) for fate in Fate if counted[fate]]


def summary_line(trace: Trace) -> str:
    """Return one line: how many messages, by fate."""
    count = len(trace.messages)
    fates = ", ".join(f"{number} {fate}" for fate, number in count_by_fate(trace.messages))
    return f"{count} message{'' if count == 1 else 's'}{': ' + fates if fates else ''}"


def key_words(key: Key, asked: str) -> str:
    """Return the key as a sentence names it: ``spool name LA4XGWQ7``."""
    if key.kind is KeyKind.SPOOL_NAME:
        return f"spool name {key.value}"
    words = {KeyKind.MTS_ID: "MTS-ID", KeyKind.MESSAGE_ID: "Message-ID"}
    return f"{words.get(key.kind, 'address')} {asked.strip()}"


def trace_document(trace: Trace) -> Document:
    """Return the document ``imctool/trace/1``."""
    return {
        "schema": "imctool/trace/1",
        "key": _key_document(trace),
        "summary": _summary_document(trace),
        "messages": list(_message_documents(trace)),
        "findings": [finding_document(one) for one in trace.findings],
        "neighbours": _neighbours_document(trace.neighbours),
        "defects": [defect_document(one) for one in trace.defects],
    }


def trace_lines(trace: Trace) -> Iterator[str]:
    """Yield the trace as JSON lines: key, each message, each finding, neighbours, summary."""
    yield from json_lines("key", [_key_document(trace)])
    yield from json_lines("message", _message_documents(trace))
    yield from json_lines("finding", map(finding_document, trace.findings))
    neighbours = _neighbours_document(trace.neighbours)
    if neighbours is not None:
        yield from json_lines("neighbours", [neighbours])
    yield from json_lines("defect", map(defect_document, trace.defects))
    yield from json_lines("summary", [_summary_document(trace)])


COLUMNS = (
    "message", "spool_name", "direction", "fate", "time", "assumed_zone", "elapsed", "source",
    "path", "line", "record", "offset", "text",
)  # fmt: skip
"""The columns of the CSV form: one row per observation. ``elapsed`` is in seconds."""


def trace_csv(trace: Trace) -> Iterator[str]:
    """Yield one CSV row per observation; ``message`` numbers the messages from 1."""
    yield from csv_lines(COLUMNS, _rows(trace))


def _rows(trace: Trace) -> Iterator[list[Any]]:
    for number, message in enumerate(trace.messages, 1):
        name = str(message.spool_name) if message.spool_name is not None else None
        for step in steps(message):
            seen, place = step.observation, step.observation.location
            elapsed = step.elapsed if step.sure else None
            yield [
                number, name, str(message.direction), str(message.fate), time_text(seen.time),
                seen.assumed_zone, None if elapsed is None else elapsed.total_seconds(),
                step.source, place.path, place.line, place.record,
                place.offset, seen.text,
            ]  # fmt: skip


def _key_document(trace: Trace) -> Document:
    key = trace.found.key
    value = key.value if key.kind is KeyKind.SPOOL_NAME else trace.asked.strip()
    return {"kind": str(key.kind), "value": value}


def _summary_document(trace: Trace) -> Document:
    return {
        "messages": len(trace.messages),
        "by_fate": {str(fate): number for fate, number in count_by_fate(trace.messages)},
        "outside_time": trace.outside,
        "partly_compared": trace.found.unsure,
        "files": file_count_document(trace.files),
    }


def _message_documents(trace: Trace) -> Iterator[Document]:
    told = explanations(trace)
    for message in trace.messages:
        mine = told.get(message.number, [])
        articles = sorted({one.article for one in mine if one.article is not None})
        yield {
            **message_document(message, articles),
            "recipients": list(recipients_of(message)),
            "findings": [
                {"article": one.article, "title": one.title, "confidence": str(one.confidence)}
                for one in mine
            ],
        }


def _neighbours_document(neighbours: Neighbours | None) -> Document | None:
    if neighbours is None:
        return None
    return {
        "before": _neighbour_document(neighbours.before),
        "after": _neighbour_document(neighbours.after),
        "bounded": neighbours.bounded,
    }


def _neighbour_document(one: NeighbourName | None) -> Document | None:
    if one is None:
        return None
    document: Document = {
        "spool_name": str(one.spool_name),
        "time": time_text(one.time),
        "distance": one.distance,
    }
    if one.assumed_zone:
        document["assumed_zone"] = True
    return document
