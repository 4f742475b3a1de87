"""Records that stand in several copies of one log count once.

Evidence often holds a log twice: in the tree and in a backup, or cut at two moments. A record
that repeats within one file is another one; in a second file it is the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, TypeVar

from imctool.database.series import Series
from imctool.model.coverage import Coverage
from imctool.model.event import Event
from imctool.model.evidence import InputKind
from imctool.model.smtp import Transaction
from imctool.model.tracking import TrackingRecord
from imctool.readers.collection import Collection

Record = TypeVar("Record", Event, Transaction, TrackingRecord)


class Copies(NamedTuple):
    """The numbers of the records that repeat one of another file, by their series."""

    events: frozenset[int]
    tracking: frozenset[int]
    transactions: frozenset[int]


def find_copies(collection: Collection) -> Copies:
    """Return the records to be left out: each identity counts as often as one file has it.

    Kept are those of the file with the most of them, of several the first by path. Only files
    that cover the same time can hold copies of each other's records.
    """
    covered = collection.coverage
    return Copies(
        frozenset(
            _copies(collection.events, _overlapping(covered, InputKind.EVENT_LOG), event_identity)
        ),
        frozenset(
            _copies(
                collection.tracking,
                _overlapping(covered, InputKind.TRACKING_LOG),
                tracking_identity,
            )
        ),
        frozenset(
            _copies(
                collection.transactions,
                _overlapping(covered, InputKind.PROTOCOL_LOG),
                transaction_identity,
            )
        ),
    )


def _overlapping(covered: Iterable[Coverage], kind: InputKind) -> frozenset[str]:
    """Return the names of the logs of that kind that share some time with another one."""
    spans: dict[bool, list[tuple[datetime, datetime, str]]] = defaultdict(list)
    timeless: list[str] = []
    for one in covered:
        first, last = one.span.first, one.span.last
        if one.file.kind is not kind:
            continue
        if first is None or last is None:
            timeless.append(one.file.name)
        else:
            spans[first.tzinfo is None].append((first, last, one.file.name))
    found = set(timeless)
    for listed in spans.values():
        listed.sort()
        _, longest, name = listed[0]
        for first, last, other in listed[1:]:
            if first <= longest:
                found.update((name, other))
            if last > longest:
                longest, name = last, other
    if timeless:  # their records may be anyone's
        found.update(name for listed in spans.values() for *_, name in listed)
    return frozenset(found) if len(found) > 1 else frozenset()


def _copies(
    series: Series[Record], files: frozenset[str], identity: Callable[[Record], Hashable]
) -> Iterator[int]:
    """Yield the numbers of the records of those files that another file holds as well."""
    if not files:
        return
    alike: dict[int, int | list[int]] = {}
    for number, record in series.items():
        if record.location.path not in files:
            continue
        key = hash(identity(record))
        known = alike.get(key)
        if known is None:
            alike[key] = number
        elif isinstance(known, int):
            alike[key] = [known, number]
        else:
            known.append(number)
    for listed in alike.values():
        if not isinstance(listed, int):
            yield from _repeated(series, listed, identity)


def _repeated(
    series: Series[Record], numbers: Iterable[int], identity: Callable[[Record], Hashable]
) -> Iterator[int]:
    same: dict[Hashable, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number in numbers:
        record = series[number]
        same[identity(record)][record.location.path].append(number)
    for by_path in same.values():
        kept = min(by_path, key=lambda path: (-len(by_path[path]), path))
        for path, listed in by_path.items():
            if path != kept:
                yield from listed


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
