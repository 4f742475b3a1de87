"""The records of logs as rows of their tables, and back."""

from __future__ import annotations

import json
from typing import Any

from imctool.database.mail_rows import (
    Row,
    dumps,
    place,
    skeleton_columns,
    skeleton_of,
    time_of,
    time_text,
)
from imctool.model.direction import Direction
from imctool.model.event import Event, Retrieval
from imctool.model.evidence import Defect, Location
from imctool.model.queue_entry import QueueEntry
from imctool.model.settings import CharacterSets, RegistryValue
from imctool.model.smtp import Banner, LogSpan, Outcome, Reply, Transaction
from imctool.model.spool_name import SpoolName
from imctool.model.tracking import TrackingRecord


def _place(location: Location) -> Row:
    return location.line, location.record, location.offset


def event_row(one: Event) -> Row:
    return (
        *_place(one.location), time_text(one.time), one.source, one.event_id, one.log, one.record,
        one.type, one.category, one.user, one.computer, one.message, dumps(one.strings), one.data,
        str(one.retrieval),
    )  # fmt: skip


def event_of(path: str, row: Row) -> Event:
    time, source, number, log, record, kind, category, user, computer, *rest = row[3:]
    message, strings, data, retrieval = rest
    return Event(
        place(path, *row[:3]), time_of(time), source, number, log, record, kind, category, user,
        computer, message, tuple(json.loads(strings)), bytes(data), Retrieval(retrieval),
    )  # fmt: skip


def tracking_row(one: TrackingRecord) -> Row:
    return (
        *_place(one.location), one.message_id, one.event, one.time.isoformat(), one.gateway,
        one.partner, one.remote_id, one.originator, one.priority, one.length, one.seconds,
        one.cost, one.subject_id, one.recipient_count, dumps(one.recipients),
    )  # fmt: skip


def tracking_of(path: str, row: Row) -> TrackingRecord:
    moment = time_of(row[5])
    assert moment is not None
    named = tuple((name, status) for name, status in json.loads(row[16]))
    fields: tuple[Any, ...] = (place(path, *row[:3]), *row[3:5], moment, *row[6:16], named)
    return TrackingRecord(*fields)


def _reply_fields(one: Reply | None) -> Row | None:
    return None if one is None else (one.code, one.text, *_place(one.location))


def _reply_of(fields: Any, path: str) -> Reply | None:
    return None if fields is None else Reply(fields[0], fields[1], place(path, *fields[2:]))


def transaction_row(one: Transaction) -> Row:
    refused = [(recipient, _reply_fields(reply)) for recipient, reply in one.refused]
    outline: Row = (None,) * 5
    if one.skeleton is not None:
        outline = skeleton_columns(one.skeleton)
    return (
        *_place(one.location), str(one.direction), str(one.outcome), time_text(one.started),
        time_text(one.ended), one.peer, one.originator, dumps(one.accepted), one.accepted_count,
        dumps(refused), one.refused_count, one.over_limit_count,
        None if one.reply is None else dumps(_reply_fields(one.reply)), one.message_id, *outline,
        one.text_size, one.truncated, one.subject,
    )  # fmt: skip


def transaction_of(path: str, row: Row) -> Transaction:
    (
        direction, outcome, started, ended, peer, originator, accepted, accepted_count, refused,
        refused_count, over_limit, reply, _, *outline, text_size, truncated, subject,
    ) = row[3:]  # fmt: skip
    refusals = []
    for recipient, fields in json.loads(refused):
        answer = _reply_of(fields, path)
        assert answer is not None
        refusals.append((recipient, answer))
    return Transaction(
        place(path, *row[:3]), Direction(direction), Outcome(outcome), time_of(started),
        time_of(ended), peer, originator, tuple(json.loads(accepted)), accepted_count,
        tuple(refusals), refused_count, over_limit,
        _reply_of(json.loads(reply), path) if reply is not None else None,
        skeleton_of(tuple(outline), path) if outline[0] is not None else None,
        text_size, bool(truncated), subject,
    )  # fmt: skip


def banner_row(one: Banner) -> Row:
    return (*_place(one.location), str(one.direction), one.version)


def banner_of(path: str, row: Row) -> Banner:
    return Banner(place(path, *row[:3]), Direction(row[3]), row[4])


def registry_row(one: RegistryValue) -> Row:
    kind, data = type(one.data).__name__, one.data
    if isinstance(data, tuple):
        return (*_place(one.location), one.key, one.name, kind, dumps(data))
    return (*_place(one.location), one.key, one.name, kind, data)


def registry_of(path: str, row: Row) -> RegistryValue:
    key, name, kind, data = row[3:]
    if kind == "tuple":
        data = tuple(json.loads(data))
    return RegistryValue(place(path, *row[:3]), key, name, data)


def character_sets_row(one: CharacterSets) -> Row:
    return (*_place(one.location), one.domain, one.mime, one.non_mime, ",".join(one.rest))


def character_sets_of(path: str, row: Row) -> CharacterSets:
    domain, mime, non_mime, rest = row[3:]
    fields = tuple(rest.split(",")) if rest else ()
    return CharacterSets(place(path, *row[:3]), domain, mime, non_mime, fields)


def queue_row(one: QueueEntry) -> Row:
    return (*_place(one.location), str(one.spool_name))


def queue_of(path: str, row: Row) -> QueueEntry:
    return QueueEntry(place(path, *row[:3]), SpoolName.parse(row[3]))


def span_row(one: LogSpan) -> Row:
    first, last = time_text(one.first), time_text(one.last)
    return (*_place(one.location), first, last, one.records, one.detail, one.torn)


def span_of(path: str, row: Row) -> LogSpan:
    first, last, records, detail, torn = row[3:]
    where = place(path, *row[:3])
    return LogSpan(where, time_of(first), time_of(last), records, detail, bool(torn))


def defect_row(one: Defect) -> Row:
    return (*_place(one.location), one.reason)


def defect_of(path: str, row: Row) -> Defect:
    return Defect(place(path, *row[:3]), row[3])
