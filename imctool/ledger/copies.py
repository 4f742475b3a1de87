"""Records that stand in several copies of one log count once.

Evidence often holds a log twice: in the tree and in a backup, or cut at two moments. A record
that repeats within one file is another one; in a second file it is the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from imctool.model.event import Event
from imctool.model.smtp import Transaction
from imctool.model.tracking import TrackingRecord

Record = TypeVar("Record", Event, Transaction, TrackingRecord)


def without_copies(
    records: Iterable[Record], identity: Callable[[Record], Hashable]
) -> list[Record]:
    """Return the records in their order, each identity as often as one file has it at most.

    Kept are those of the file with the most of them, of several the first by path.
    """
    groups: dict[Hashable, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    listed = list(records)
    for record in listed:
        groups[identity(record)][record.location.path].append(record)
    kept: set[int] = set()
    for by_path in groups.values():
        path = min(by_path, key=lambda one: (-len(by_path[one]), one))
        kept.update(id(record) for record in by_path[path])
    return [record for record in listed if id(record) in kept]


def transaction_identity(one: Transaction) -> Hashable:
    """Return what makes a transaction the same in two copies of a log."""
    return (
        one.direction, one.outcome, one.peer, one.started, one.ended, one.originator,
        one.accepted, one.accepted_count, one.refused_count, one.message_id, one.text_size,
    )  # fmt: skip


def tracking_identity(one: TrackingRecord) -> Hashable:
    """Return what makes a tracking record the same in two copies of a log."""
    return (
        one.message_id, one.event, one.time, one.gateway, one.partner, one.remote_id,
        one.originator, one.subject_id, one.recipient_count, one.recipients,
    )  # fmt: skip


def event_identity(one: Event) -> Hashable:
    """Return what makes an event the same in two copies of a log of one form."""
    return (
        one.time, one.source.lower(), one.event_id, one.record, one.computer.lower(),
        one.strings, one.message, one.data,
    )  # fmt: skip
