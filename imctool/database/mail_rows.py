"""Header, part tree, envelope and Received line of a mail as columns of a row, and back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from imctool.model.delivery_report import DeliveryReport, FailedRecipient, ReportKind
from imctool.model.direction import Direction
from imctool.model.evidence import Defect, InputKind, Location
from imctool.model.mail import (
    Envelope,
    HeaderField,
    HeaderFields,
    MailFormat,
    OwnReceived,
    Part,
    Skeleton,
    SpoolFile,
)
from imctool.model.spool_name import SpoolName

Row = tuple[Any, ...]

_DUMPS = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def dumps(value: Any) -> str:
    """Return JSON in ASCII: what is no valid Unicode in the evidence survives as an escape."""
    return _DUMPS(value)


def time_text(time: datetime | None) -> str | None:
    """Return ISO 8601: with an offset if the time is aware, without one if it is wall clock."""
    return None if time is None else time.isoformat()


def time_of(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def dump_defects(defects: tuple[Defect, ...]) -> str:
    """Return defects of one file as JSON: line, record, offset, reason of each."""
    if not defects:
        return "[]"
    return dumps([[*one.location.order[1:], one.reason] for one in defects])


def load_defects(text: str, path: str) -> tuple[Defect, ...]:
    if text == "[]":
        return ()
    return tuple(Defect(place(path, *where), reason) for *where, reason in json.loads(text))


def place(path: str, line: int | None, record: int | None, offset: int | None) -> Location:
    """Return a location whose numbers are None or -1 where it has none."""
    numbers = (None if one is None or one < 0 else one for one in (line, record, offset))
    return Location(path, *numbers)


def skeleton_columns(skeleton: Skeleton) -> Row:
    """Return headers, parts, header_recipients, mime, skeleton_defects."""
    return (
        dumps([(one.name, one.value, one.offset) for one in skeleton.headers]),
        dumps(
            [
                (
                    one.number, one.content_type, one.charset, one.encoding, one.header_offset,
                    one.offset, one.size, one.embedded, one.filename, one.encoded,
                )
                for one in skeleton.parts
            ]
        ),
        skeleton.header_recipients,
        skeleton.mime,
        dump_defects(skeleton.defects),
    )  # fmt: skip


def skeleton_of(row: Row, path: str) -> Skeleton:
    headers, parts, recipients, mime, defects = row
    return Skeleton(
        HeaderFields([HeaderField(*one) for one in json.loads(headers)]),
        tuple(Part(*one) for one in json.loads(parts)),
        recipients,
        bool(mime),
        load_defects(defects, path),
    )


def spool_file_row(pair: tuple[InputKind, SpoolFile]) -> Row:
    """Return the columns of ``spool_file`` from ``kind`` on."""
    kind, mail = pair
    envelope, skeleton = mail.envelope, mail.skeleton
    received = mail.received
    return (
        str(kind), None if mail.spool_name is None else str(mail.spool_name), mail.size,
        str(envelope.format), envelope.originator, dumps(envelope.recipients),
        envelope.recipient_count, envelope.mts_id, envelope.filetime, envelope.peer,
        envelope.raw_length, skeleton.message_id, skeleton.header("subject"),
        *skeleton_columns(skeleton), dump_defects(mail.defects),
        None if received is None else dumps(_received_fields(received)),
        None if mail.report is None else dumps(_report_fields(mail.report)),
    )  # fmt: skip


def _received_fields(one: OwnReceived) -> Row:
    name = None if one.spool_name is None else one.spool_name.value
    return str(one.direction), one.host, one.version, name, time_text(one.time), one.offset


def spool_file_of(path: str, row: Row) -> tuple[InputKind, SpoolFile]:
    (
        kind, name, size, form, originator, recipients, count, mts_id, filetime, peer, raw_length,
        _, _, *outline, defects, received, report,
    ) = row  # fmt: skip
    envelope = Envelope(
        MailFormat(form), originator, tuple(json.loads(recipients)), count, mts_id, filetime,
        peer, raw_length,
    )  # fmt: skip
    mail = SpoolFile(
        Location(path),
        None if name is None else SpoolName.parse(name),
        size,
        envelope,
        skeleton_of(tuple(outline), path),
        load_defects(defects, path),
        None if received is None else _received_of(*json.loads(received)),
        None if report is None else _report_of(json.loads(report), path),
    )
    return InputKind(kind), mail


def _report_fields(one: DeliveryReport) -> dict[str, Any]:
    return {
        "kind": str(one.kind),
        "program": one.program,
        "organization": one.organization,
        "site": one.site,
        "server": one.server,
        "direction": None if one.direction is None else str(one.direction),
        "reason": one.reason,
        "subject": one.subject,
        "sent_text": one.sent_text,
        "sent": time_text(one.sent),
        "mts_id": one.mts_id,
        "message_id": one.message_id,
        "received": [_received_fields(received) for received in one.received],
        "failures": [
            (
                failed.recipient, failed.time_text, time_text(failed.time), failed.reason,
                failed.status, failed.code, failed.text,
            )
            for failed in one.failures
        ],
    }  # fmt: skip


def _report_of(fields: dict[str, Any], path: str) -> DeliveryReport:
    direction = fields["direction"]
    return DeliveryReport(
        **{
            **fields,
            "location": Location(path),
            "kind": ReportKind(fields["kind"]),
            "direction": None if direction is None else Direction(direction),
            "sent": time_of(fields["sent"]),
            "received": tuple(_received_of(*one) for one in fields["received"]),
            "failures": tuple(
                FailedRecipient(recipient, told, time_of(time), *rest)
                for recipient, told, time, *rest in fields["failures"]
            ),
        }
    )


def _received_of(
    direction: str, host: str, version: str, name: int | None, time: str | None, offset: int
) -> OwnReceived:
    spool_name = None if name is None else SpoolName(name)
    return OwnReceived(Direction(direction), host, version, spool_name, time_of(time), offset)
