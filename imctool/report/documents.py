"""Records as JSON-ready dictionaries: the documents of docs/schema, key by key.

Times are ISO 8601 in UTC; one whose zone had to be assumed has ``assumed_zone`` beside it.
JSON carries the text of the evidence as it is; its own escapes make it safe to print.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from imctool.model.diagnosis import (
    Diagnosis,
    Input,
    MessageList,
    Missing,
    Server,
)
from imctool.model.event import Event
from imctool.model.evidence import Defect, FileCount, InputKind, Location
from imctool.model.finding import Evidence, Finding, RemedyStep
from imctool.model.mail import SpoolFile
from imctool.model.message import Fate, Message, Observation

Document = dict[str, Any]

_NUMBER = {fate: place for place, fate in enumerate(Fate)}


def time_text(time: datetime | None) -> str | None:
    """Return an aware time as ISO 8601 in UTC, None for none."""
    if time is None:
        return None
    utc = time.astimezone(UTC) if time.tzinfo is not None else time.replace(tzinfo=UTC)
    digits = "milliseconds" if utc.microsecond else "seconds"
    return utc.isoformat(timespec=digits)


def location_document(place: Location) -> Document:
    """Return ``path`` with the line, record or offset that the place has."""
    document: Document = {"path": place.path}
    for key in ("line", "record", "offset"):
        value = getattr(place, key)
        if value is not None:
            document[key] = value
    return document


def _assumed(document: Document, assumed: bool) -> Document:
    if assumed:
        document["assumed_zone"] = True
    return document


def diagnosis_document(diagnosis: Diagnosis, *, every_message: bool) -> Document:
    """Return the document ``imctool/diagnosis/1``; its messages are made as they are asked for."""
    articles = articles_of(diagnosis)
    return {
        "schema": "imctool/diagnosis/1",
        "inputs": [input_document(one) for one in diagnosis.inputs],
        "server": server_document(diagnosis.server),
        "summary": summary_document(diagnosis),
        "findings": [finding_document(one) for one in diagnosis.findings],
        "messages": (
            message_document(one, articles.get(one.number, []))
            for one in shown_messages(diagnosis, every_message=every_message)
        ),
        "missing": [missing_document(one) for one in diagnosis.missing],
        "defects": [defect_document(one) for one in diagnosis.defects],
    }


def articles_of(diagnosis: Diagnosis) -> dict[int, list[str]]:
    """Return the articles that explain each message, in order, by the message's number."""
    articles: dict[int, set[str]] = defaultdict(set)
    for finding in diagnosis.findings:
        if finding.article is not None:
            for message in finding.messages:
                articles[message.number].add(finding.article)
    return {number: sorted(found) for number, found in articles.items()}


def shown_messages(diagnosis: Diagnosis, *, every_message: bool) -> Sequence[Message] | MessageList:
    """Return the messages to list: those with a problem, or every one."""
    if every_message:
        return diagnosis.messages
    named = {message.number for finding in diagnosis.findings for message in finding.messages}
    return diagnosis.messages.with_problem(named)


def input_document(one: Input) -> Document:
    document = {
        "path": one.path,
        "kind": str(one.kind),
        "records": one.records,
        "first": time_text(one.first),
        "last": time_text(one.last),
    }
    return _assumed(document, one.assumed_zone)


def server_document(server: Server) -> Document:
    default = next((one for one in server.character_sets if one.domain.lower() == "default"), None)
    return {
        "name": server.name,
        "versions": list(server.versions),
        "version_inferred": server.version_inferred,
        "time_zone": server.time_zone,
        "time_zone_source": server.time_zone_source,
        "character_sets": {
            "default": {"mime": default.mime, "non_mime": default.non_mime} if default else None,
            "domains": {
                one.domain: {"mime": one.mime, "non_mime": one.non_mime}
                for one in server.character_sets
                if one is not default
            },
        },
        "code_pages": list(server.code_pages) if server.code_pages is not None else None,
    }


def summary_document(diagnosis: Diagnosis) -> Document:
    return {
        "messages": len(diagnosis.messages),
        "by_fate": {str(fate): count for fate, count in count_fates(diagnosis)},
        "findings": len(diagnosis.findings),
        "files": file_count_document(diagnosis.files),
    }


def file_count_document(files: FileCount) -> Document:
    return {
        "seen": files.seen,
        "read": files.read,
        "unreadable": files.unreadable,
        "skipped": files.skipped,
    }


def count_fates(diagnosis: Diagnosis) -> list[tuple[Fate, int]]:
    """Return how many messages met each fate, in the order in which fates are defined."""
    return sorted(diagnosis.messages.count_fates().items(), key=lambda pair: _NUMBER[pair[0]])


def finding_document(finding: Finding) -> Document:
    names = sorted({str(m.spool_name) for m in finding.messages if m.spool_name is not None})
    return {
        "article": finding.article,
        "title": finding.title,
        "severity": str(finding.severity),
        "confidence": str(finding.confidence),
        "cause": finding.cause,
        "fate": str(finding.fate),
        "fixed_in": finding.fixed_in,
        "fix_missing": finding.fix_missing,
        "spool_names": names,
        "message_count": len(finding.messages),
        "recipients": finding.recipients,
        "evidence": [_evidence_document(one) for one in finding.evidence],
        "remedy": [_step_document(one) for one in finding.remedy],
        "notes": list(finding.notes),
    }


def fix_words(finding: Finding) -> str:
    """Return what is to be said behind the name of the fix, "" where that is open."""
    if finding.fix_missing is None:
        return ""
    return " (this server lacks it)" if finding.fix_missing else " (this server has it)"


def _evidence_document(one: Evidence) -> Document:
    document = {
        "location": location_document(one.location),
        "time": time_text(one.time),
        "text": one.text,
    }
    return _assumed(document, one.assumed_zone)


def _step_document(step: RemedyStep) -> Document:
    return {"text": step.text, "command": step.command}


def message_document(message: Message, articles: list[str]) -> Document:
    document = {
        "spool_name": str(message.spool_name) if message.spool_name is not None else None,
        "direction": str(message.direction),
        "fate": str(message.fate),
        "originator": _bare(message.originator),
        "recipient_count": message.recipient_count,
        "message_id": message.message_id,
        "mts_id": message.mts_id,
        "first": time_text(message.first),
        "last": time_text(message.last),
        "articles": articles,
        "wanting": list(message.wanting),
        "notes": list(message.notes),
        "observations": [_observation_document(one) for one in message.observations],
    }
    return _assumed(document, message.assumed_zone)


def _bare(originator: str | None) -> str | None:
    return originator.strip("<>") if originator is not None else None


def _observation_document(one: Observation) -> Document:
    document = {
        "time": time_text(one.time),
        "kind": str(one.kind),
        "location": location_document(one.location),
        "text": one.text,
    }
    return _assumed(document, one.assumed_zone)


def missing_document(one: Missing) -> Document:
    return {"evidence": one.evidence, "costs": one.costs}


def defect_document(defect: Defect) -> Document:
    return {"location": location_document(defect.location), "reason": defect.reason}


def event_document(event: Event, time: datetime | None, *, assumed: bool) -> Document:
    """Return one normalised event; ``time`` is its UTC time."""
    decoded = event.decoded
    name = event.spool_name
    document = {
        "time": time_text(time),
        "log": event.log,
        "record": event.record,
        "source": event.source,
        "event_id": event.event_id,
        "type": event.type,
        "category": event.category,
        "user": event.user,
        "computer": event.computer,
        "message": event.message,
        "strings": list(event.strings),
        "data": event.data.hex(),
        "location_code": _hex(decoded.location_code),
        "hresult": _hex(decoded.hresult),
        "spool_name": str(name) if name is not None else None,
        "location": location_document(event.location),
        "retrieval": str(event.retrieval),
    }
    return _assumed(document, assumed)


def _hex(value: int | None) -> str | None:
    return f"{value:08X}" if value is not None else None


def spool_file_document(file: SpoolFile, time: datetime | None, *, assumed: bool) -> Document:
    """Return the document ``imctool/message/1`` of one spool file."""
    envelope = file.envelope
    return {
        "schema": "imctool/message/1",
        "location": location_document(file.location),
        "spool_name": str(file.spool_name) if file.spool_name is not None else None,
        "format": str(envelope.format),
        "size": file.size,
        "envelope": _assumed(
            {
                "originator": envelope.originator,
                "recipients": list(envelope.recipients),
                "mts_id": envelope.mts_id,
                "time": time_text(time),
                "peer": envelope.peer,
                "raw_length": envelope.raw_length,
            },
            assumed,
        ),
        "headers": [[one.name, one.value] for one in file.skeleton.headers],
        "parts": [
            {
                "part": part.number,
                "content_type": part.content_type,
                "charset": part.charset,
                "encoding": part.encoding,
                "size": part.size,
                "offset": part.offset,
                "filename": part.filename,
                "embedded": part.embedded,
                "encoded": part.encoded,
            }
            for part in file.skeleton.parts
        ],
        "recipient_counts": {
            "envelope": envelope.recipient_count,
            "headers": file.skeleton.header_recipients,
        },
        "over_limit": file.over_limit,
        "defects": [defect_document(one) for one in file.defects],
    }


def listed_file_document(
    kind: InputKind, file: SpoolFile, time: datetime | None, *, assumed: bool
) -> Document:
    """Return one row of ``list``: what a spool file is, without its parts."""
    document = {
        "spool_name": str(file.spool_name) if file.spool_name is not None else None,
        "kind": str(kind),
        "time": time_text(time),
        "size": file.size,
        "originator": file.envelope.originator,
        "recipient_count": file.recipient_count,
        "over_limit": file.over_limit,
        "subject": (file.skeleton.header("subject") or "").strip() or None,
        "message_id": file.skeleton.message_id,
        "charsets": sorted({part.charset for part in file.skeleton.parts if part.charset}),
        "location": location_document(file.location),
    }
    return _assumed(document, assumed)
