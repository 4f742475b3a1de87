"""The manifest beside what was written: where each message came from, and what it is worth.

Its second line from the end is its check: the SHA-256 of all lines before that one, as they stand
in the file. Whoever has no imctool can compare it: ``head -n -2 manifest.json | sha256sum``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from imctool import __version__
from imctool.model.evidence import EvidenceFile
from imctool.model.export import ExportedMail, ExportForm
from imctool.model.recovery import LogFile, MessageForm, RecoveredMessage
from imctool.readers.file_buffer import WINDOW, open_binary

NAME = "manifest.json"

RECOVERY_SCHEMA = "imctool/recovery/1"
EXPORT_SCHEMA = "imctool/export/1"

_ENDING = b' "check": "%b"\n}\n'
ENDING_LENGTH = len(_ENDING) - len("%b") + hashlib.sha256().digest_size * 2
"""How many bytes at the end of a manifest its check does not cover."""

_SOME = 1000  # recipients are put together in so many at a time


def ending(check: str) -> bytes:
    """Return the two lines at the end of a manifest, ``check`` being the hash in hex."""
    return _ENDING % check.encode("ascii")


def sealed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces of a document and then its ending; they are JSON up to the last comma."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
        yield piece
    yield ending(digest.hexdigest())


def manifest_bytes(
    form: MessageForm, logs: Iterable[LogFile], messages: Iterable[RecoveredMessage]
) -> bytes:
    """Return the document ``imctool/recovery/1`` as ASCII, so that it can be shown anywhere."""
    document = {
        "schema": RECOVERY_SCHEMA,
        "form": str(form),
        "logs": [{"path": one.path, "size": one.size, "sha256": one.sha256} for one in logs],
        "messages": [recovered_document(one) for one in messages],
    }
    text = _ascii(json.dumps(document, indent=1))
    return b"".join(sealed([text.removesuffix(b"\n}") + b",\n"]))


def export_manifest(
    form: ExportForm, mails: Iterable[tuple[ExportedMail, Iterable[bytes]]]
) -> Iterator[bytes]:
    """Yield the document ``imctool/export/1`` in pieces, as ASCII.

    With each message stands what ``recipient_lines`` gave for it: there may be a million.
    """
    return sealed(_export_pieces(form, mails))


def _export_pieces(
    form: ExportForm, mails: Iterable[tuple[ExportedMail, Iterable[bytes]]]
) -> Iterator[bytes]:
    head = {
        "schema": EXPORT_SCHEMA,
        "version": __version__,
        "form": str(form),
        "line_ends": "kept" if form is ExportForm.EML else "lf",
    }
    yield _ascii(json.dumps(head, indent=1)).removesuffix(b"\n}") + b',\n "messages": ['
    comma = b""
    for mail, recipients in mails:
        document = _ascii(json.dumps(exported_document(mail)))
        yield comma + b"\n  " + document.removesuffix(b"}") + b', "recipients": ['
        yield from recipients
        yield b"]}"
        comma = b","
    yield b"\n ],\n"


def exported_document(one: ExportedMail) -> dict[str, Any]:
    """Return what the manifest says of one copy but for its recipients."""
    document: dict[str, Any] = {"file": one.file, "size": one.size, "sha256": one.sha256}
    if one.entry is not None:
        document["offset"] = one.entry.offset
        document["entry_size"] = one.entry.size
        document["entry_sha256"] = one.entry.sha256
    return document | {
        "text_size": one.text_size,
        "text_sha256": one.text_sha256,
        "source": one.source.path,
        "source_size": one.source_size,
        "source_sha256": one.source_sha256,
        "spool_name": str(one.spool_name) if one.spool_name is not None else None,
        "originator": one.originator,
        "message_id": one.message_id,
        "moment": _time(one.moment),
        "inferred": list(one.inferred),
        "notes": list(one.notes),
        "recipient_count": one.recipient_count,
    }


def recipient_lines(recipients: Iterable[str]) -> Iterator[bytes]:
    """Yield recipients as the items of a JSON list, one to a line, many lines at a time."""
    encode = json.JSONEncoder().encode
    left = iter(recipients)
    separator = "\n   "
    while some := list(islice(left, _SOME)):
        yield _ascii(separator + ",\n   ".join(map(encode, some)))
        separator = ",\n   "


def _ascii(text: str) -> bytes:
    return text.replace("\x7f", "\\u007f").encode("ascii")


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
