"""The manifest beside what was recovered: where each message came from, and what it is worth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from imctool.model.evidence import EvidenceFile
from imctool.model.recovery import LogFile, MessageForm, RecoveredMessage
from imctool.readers.file_buffer import WINDOW, open_binary

NAME = "manifest.json"


def manifest_bytes(
    form: MessageForm, logs: Iterable[LogFile], messages: Iterable[RecoveredMessage]
) -> bytes:
    """Return the document ``imctool/recovery/1`` as ASCII, so that it can be shown anywhere."""
    document = {
        "schema": "imctool/recovery/1",
        "form": str(form),
        "logs": [{"path": one.path, "size": one.size, "sha256": one.sha256} for one in logs],
        "messages": [recovered_document(one) for one in messages],
    }
    return json.dumps(document, indent=1).replace("\x7f", "\\u007f").encode("ascii") + b"\n"


def recovered_document(one: RecoveredMessage) -> dict[str, Any]:
    """Return what the manifest says of one message."""
    document: dict[str, Any] = {
        "file": one.file,
        "size": one.size,
        "sha256": one.sha256,
        "text_size": one.text_size,
        "text_sha256": one.text_sha256,
        "log": {"path": one.location.path, "line": one.location.line, "last_line": one.last_line},
        "peer": one.peer,
        "started": _time(one.started),
        "ended": _time(one.ended),
        "originator": one.originator,
        "recipients": list(one.recipients),
        "recipient_count": one.recipient_count,
        "refused_count": one.refused_count,
        "message_id": one.message_id,
        "mts_id": one.mts_id,
        "subject": one.subject,
        "fate": str(one.fate),
        "spool_name": str(one.spool_name) if one.spool_name is not None else None,
        "complete": one.complete,
        "damage": list(one.damage),
        "inferred": list(one.inferred),
        "notes": list(one.notes),
        "doubled_dots": one.doubled_dots,
    }
    if one.offset is not None:
        document["offset"] = one.offset
    if one.assumed_zone:
        document["assumed_zone"] = True
    return document


def log_file(file: EvidenceFile) -> LogFile:
    """Return a log with its size and hash as they are now; raises OSError."""
    digest = hashlib.sha256()
    size = 0
    with open_binary(file.path) as stream:
        while block := stream.read(WINDOW):
            digest.update(block)
            size += len(block)
    return LogFile(file.name, size, digest.hexdigest())


def _time(time: datetime | None) -> str | None:
    if time is None:
        return None
    utc = time.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds")
