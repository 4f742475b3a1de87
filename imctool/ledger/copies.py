"""Records that stand in several copies of one log count once.

Evidence often holds a log twice: in the tree and in a backup, or cut at two moments. A record
that repeats within one file is another one; in a second file it is the same. So is a record that
a copy breaks off in: the copy was made, or cut, while more of it followed.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Container, Hashable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, TypeVar

from imctool.database.series import Series
from imctool.model.coverage import Coverage
from imctool.model.event import Event
from imctool.model.evidence import InputKind
from imctool.model.smtp import Outcome, Transaction
from imctool.model.tracking import TrackingRecord
from imctool.readers.collection import Collection

Record = TypeVar("Record", Event, Transaction, TrackingRecord)


_TAIL = 2
"""So many records at the end of a file may stem from one that the file breaks off in."""


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
    events = _overlapping(covered, InputKind.EVENT_LOG)
    tracked = _overlapping(covered, InputKind.TRACKING_LOG)
    logged = _overlapping(covered, InputKind.PROTOCOL_LOG)
    tracking, tails = _copies(collection.tracking, tracked, tracking_identity)
    tracking |= _cut_records(collection.tracking, tails, tracking)
    transactions, tails = _copies(collection.transactions, logged, transaction_identity)
    transactions |= _cut_transactions(collection.transactions, tails, transactions)
    transactions |= _copies(collection.transactions, logged, _converted_identity)[0]
    return Copies(
        frozenset(_copies(collection.events, events, event_identity)[0]),
        frozenset(tracking),
        frozenset(transactions),
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


Tails = dict[str, deque[int]]
"""The numbers of the last records of each file, by its name."""


def _copies(
    series: Series[Record], files: frozenset[str], identity: Callable[[Record], Hashable]
) -> tuple[set[int], Tails]:
    """Return the numbers of the records of those files that another file holds as well.

    And the last records of each file.
    """
    tails: Tails = {}
    if not files:
        return set(), tails
    alike: dict[int, int | list[int]] = {}
    for number, record in series.items():
        path = record.location.path
        if path not in files:
            continue
        tail = tails.get(path)
        if tail is None:
            tail = tails[path] = deque(maxlen=_TAIL)
        tail.append(number)
        key = hash(identity(record))
        known = alike.get(key)
        if known is None:
            alike[key] = number
        elif isinstance(known, int):
            alike[key] = [known, number]
        else:
            known.append(number)
    ends = {tail[-1] for tail in tails.values()}
    found: set[int] = set()
    for listed in alike.values():
        if not isinstance(listed, int):
            found.update(_repeated(series, listed, identity, ends))
    return found, tails


def _repeated(
    series: Series[Record],
    numbers: Iterable[int],
    identity: Callable[[Record], Hashable],
    ends: Container[int],
) -> Iterator[int]:
    """Yield those of the numbers that repeat one of another file.

    Rather than the end of a file, which may have broken off there, the same in its middle is kept.
    """
    same: dict[Hashable, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number in numbers:
        record = series[number]
        same[identity(record)][record.location.path].append(number)
    for by_path in same.values():
        kept = min(by_path, key=lambda path: (-len(by_path[path]), by_path[path][-1] in ends, path))
        for path, listed in by_path.items():
            if path != kept:
                yield from listed


def _cut_records(series: Series[TrackingRecord], tails: Tails, copies: set[int]) -> set[int]:
    """Return the last record of each file of which another file holds more: its recipients."""
    last = {tail[-1]: series[tail[-1]] for tail in tails.values() if tail[-1] not in copies}
    wanted = {(one.message_id, one.event, one.time) for one in last.values()}
    if len(tails) < 2 or not wanted:
        return set()
    whole: dict[Hashable, list[TrackingRecord]] = defaultdict(list)
    for one in series:
        if (key := (one.message_id, one.event, one.time)) in wanted and one.location.path in tails:
            whole[key].append(one)
    return {
        number
        for number, one in last.items()
        for other in whole[one.message_id, one.event, one.time]
        if other.location.path != one.location.path and _record_goes_on(one, other)
    }


def _record_goes_on(one: TrackingRecord, other: TrackingRecord) -> bool:
    """Whether ``other`` is the whole of a record that broke off."""
    names = [name for name, _ in one.recipients]
    longer = [name for name, _ in other.recipients]
    if (len(names), sum(map(len, names))) >= (len(longer), sum(map(len, longer))):
        return False
    *ahead, last = names or [""]
    return longer[: len(ahead)] == ahead and longer[len(ahead)].startswith(last)


def _cut_transactions(series: Series[Transaction], tails: Tails, copies: set[int]) -> set[int]:
    """Return the transactions that a log breaks off in, and of which a copy holds more.

    The copy shows them begun in the same second, by the same peer, for the same originator and
    recipients, and behind the same transaction: then the two logs are one.
    """
    ends = {path: _broken_off(series, tail, copies) for path, tail in tails.items()}
    cut = {number: series[number] for numbers in ends.values() for number in numbers}
    if len(tails) < 2 or not cut:
        return set()
    wanted = {_begun(one) for one in cut.values()}
    begun: dict[Hashable, list[tuple[Transaction, int | None]]] = defaultdict(list)
    before: dict[int, int | None] = {}
    latest: dict[str, int] = {}
    for number, one in series.items():
        path = one.location.path
        if path in tails:
            key = _begun(one)
            if key in wanted:
                begun[key].append((one, latest.get(path)))
            if number in cut:
                before[number] = latest.get(path)
            latest[path] = number

    def told(number: int | None) -> Hashable:
        return None if number is None else transaction_identity(series[number])

    found: set[int] = set()
    for number, one in sorted(cut.items()):
        ahead = before[number]
        while ahead in found:
            ahead = before[ahead]
        if any(
            other.location.path != one.location.path
            and _goes_on(one, other)
            and told(place) == told(ahead)
            for other, place in begun[_begun(one)]
        ):
            found.add(number)
    return found


def _broken_off(
    series: Series[Transaction], tail: Iterable[int], copies: set[int]
) -> Iterator[int]:
    """Yield the last transactions of a file, as far as they were not ended and stand nowhere else.

    There may be two: a command line that is cut may count as a transaction of its own.
    """
    for number in reversed(list(tail)):
        if number in copies or series[number].outcome is not Outcome.INCOMPLETE:
            break
        yield number


def _begun(one: Transaction) -> Hashable:
    return one.direction, one.peer, one.started


def _goes_on(one: Transaction, other: Transaction) -> bool:
    """Whether ``other`` may be the same transaction as ``one``, with more of it logged."""
    named = len(one.accepted)
    return (
        (other.originator or "").startswith(one.originator or "")
        and other.accepted[:named] == one.accepted
        and one.accepted_count <= other.accepted_count
        and one.refused_count <= other.refused_count
        and _progress(one) < _progress(other)
    )


def _progress(one: Transaction) -> tuple[bool, int, int, int, str]:
    return (
        one.outcome is not Outcome.INCOMPLETE,
        one.accepted_count + one.refused_count,
        -1 if one.text_size is None else one.text_size,
        len(one.originator or ""),
        "" if one.ended is None else one.ended.isoformat(),
    )


def _converted_identity(one: Transaction) -> Hashable:
    """Return what makes a transaction the same in a copy whose line ends were converted.

    The size of its text is rebuilt there and may differ; its line is the same.
    """
    return *transaction_identity(one)[:-1], one.location.line


def transaction_identity(one: Transaction) -> tuple[object, ...]:
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
