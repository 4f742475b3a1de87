"""Every message accounted for: observations joined, fates decided, in one total order."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo

from imctool.ledger.clock import ServerClock, derive_clock, event_pairs
from imctool.ledger.copies import (
    event_identity,
    tracking_identity,
    transaction_identity,
    without_copies,
)
from imctool.ledger.coverage import EvidenceMap, map_evidence
from imctool.ledger.draft import Draft
from imctool.ledger.fates import DELIVERED_OUTBOUND, Surroundings, decide_fate
from imctool.ledger.joining import fold_reports, join_records
from imctool.ledger.observations import observe
from imctool.ledger.sessions import (
    RETRIED,
    clock_pairs,
    envelopes_may_be_one,
    join_transactions,
)
from imctool.model.diagnosis import Server
from imctool.model.direction import Direction
from imctool.model.event import Event
from imctool.model.message import Message
from imctool.model.smtp import Outcome, Transaction
from imctool.readers.collection import Collection

_MINUTES = timedelta(minutes=3)
_LATE = timedelta(hours=12)
_ANY_ZONE = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The messages in time order, the clock they were timed by, and what speaks of the server."""

    messages: tuple[Message, ...]
    clock: ServerClock
    server: Server
    evidence: EvidenceMap
    events: tuple[Event, ...]
    restarts: tuple[datetime, ...]


def build_ledger(collection: Collection, zone: tzinfo | None = None) -> Ledger:
    """Return every message that the evidence shows, each once, with its fate."""
    collection = replace(
        collection,
        transactions=without_copies(collection.transactions, transaction_identity),
        tracking=without_copies(collection.tracking, tracking_identity),
        events=without_copies(collection.events, event_identity),
    )
    drafts = join_records(collection)
    clock = derive_clock(
        zone,
        collection.registry,
        (file for _, file in collection.spool_files),
        (*clock_pairs(collection.transactions, drafts), *event_pairs(collection.events)),
    )
    left, rivals = join_transactions(collection.transactions, drafts, clock)
    rivals |= _rivals(left, drafts, clock)
    lone = _lone_drafts(left, clock)
    for draft in lone:
        if any(id(one) in rivals for one in draft.transactions):
            rivals.add(id(draft))
    drafts = fold_reports([*drafts, *lone])
    rivals |= _mark_bad_folder(collection.events, drafts, clock)
    starts = tuple(_service_times(collection.events, clock, starts=True))
    restarts = tuple(sorted({*starts, *_service_times(collection.events, clock, starts=False)}))
    evidence = map_evidence(collection, clock)
    around = Surroundings(clock, evidence, starts, _cut_transactions(collection), frozenset(rivals))
    messages = [observe(draft, *decide_fate(draft, around), clock) for draft in drafts]
    messages.sort(key=_order)
    return Ledger(
        tuple(messages),
        clock,
        _server(collection, clock),
        evidence,
        tuple(sorted(collection.events, key=lambda one: _event_order(one, clock))),
        restarts,
    )


def _order(message: Message) -> tuple[bool, float, str, str, str]:
    first = message.first
    return (
        first is None,
        first.timestamp() if first is not None else 0.0,
        message.direction,
        message.name,
        str(message.observations[0].location) if message.observations else "",
    )


def _event_order(event: Event, clock: ServerClock) -> tuple[float, tuple[str, int, int, int]]:
    time = clock.utc(event.time)
    return time.timestamp() if time else 0.0, event.location.order


def _rivals(left: Sequence[Transaction], drafts: Sequence[Draft], clock: ServerClock) -> set[int]:
    """Return the ids of transactions and drafts that may be each other's after all.

    The store may take a message over long after it was accepted, and what the tracking log
    calls the originator need not be the MAIL FROM. Where an accepted transaction and a tracked
    message without session stand within hours of each other and no envelope tells them apart,
    or within minutes and no Message-ID does, neither may be called lost.
    """
    found: set[int] = set()
    open_drafts = sorted(
        (
            (moment, number, draft, draft.message_id)
            for number, draft in enumerate(drafts)
            if draft.tracking and not draft.files and not draft.transactions
            for moment in draft.times(clock)
        ),
        key=lambda one: one[:2],
    )
    before, after = (_MINUTES, _LATE) if clock.known else (_ANY_ZONE, _ANY_ZONE)
    for transaction in left:
        moment = clock.utc(transaction.moment)
        if transaction.outcome is not Outcome.ACCEPTED or moment is None:
            continue
        logged = transaction.message_id
        first = bisect_left(open_drafts, moment - before, key=lambda one: one[0])
        last = bisect_right(open_drafts, moment + after, key=lambda one: one[0])
        for time, _, draft, known in open_drafts[first:last]:
            if draft.direction is not transaction.direction or (
                logged and known and logged != known
            ):
                continue
            near = abs(time - moment) <= _MINUTES
            if near or envelopes_may_be_one(transaction, draft):
                found.update((id(transaction), id(draft)))
    return found


def _lone_drafts(left: Iterable[Transaction], clock: ServerClock) -> list[Draft]:
    """Return a draft for each transaction that fits no other record.

    Outbound attempts for one envelope that follow each other within days, up to the first that
    succeeds, are one message: the service retries what was deferred.
    """
    drafts: list[Draft] = []
    retried: dict[tuple[str, frozenset[str]], tuple[Draft, datetime | None]] = {}
    for transaction in sorted(left, key=lambda one: _transaction_order(one, clock)):
        asked = frozenset(one.lower() for one in transaction.asked)
        envelope = transaction.originator or "", asked
        moment = clock.utc(transaction.started)
        draft, since = retried.pop(envelope, (None, None))
        late = moment is not None and since is not None and moment - since > RETRIED
        if draft is None or late:
            draft = Draft(transaction.direction)
            drafts.append(draft)
        draft.transactions.append(transaction)
        outbound = transaction.direction is Direction.OUTBOUND
        if outbound and asked and transaction.outcome in {Outcome.DEFERRED, Outcome.INCOMPLETE}:
            retried[envelope] = draft, moment
    return drafts


def _transaction_order(
    one: Transaction, clock: ServerClock
) -> tuple[float, tuple[str, int, int, int]]:
    time = clock.utc(one.started)
    return time.timestamp() if time else 0.0, one.location.order


def _cut_transactions(collection: Collection) -> frozenset[int]:
    """Return the ids of the transactions that stand last in a log whose end is torn."""
    last: dict[str, Transaction] = {}
    for one in collection.transactions:
        known = last.get(one.location.path)
        if known is None or (one.location.line or 0) >= (known.location.line or 0):
            last[one.location.path] = one
    torn = {one.file.name for one in collection.coverage if one.span.torn}
    return frozenset(id(one) for path, one in last.items() if path in torn)


_CONTENT_ENGINE = range(12800, 12900)
_BESIDE = timedelta(seconds=60)
_NEVER = datetime(1, 1, 1, tzinfo=UTC)
_SESSION_LOST = frozenset({3039, 4018, 4102, 4094})
_MOVED = re.compile(r"has\s+been\s+moved\s+to\s+the\s+\W?BAD\W?\s+folder", re.I)
_STARTED = frozenset({1000})
_STOPPED = frozenset({1001, 4094, 4102})


def _mark_bad_folder(events: Sequence[Event], drafts: list[Draft], clock: ServerClock) -> set[int]:
    """Find the messages that went to the store's BAD folder: each 4116 that is about one.

    4116 is about a message where the content engine failed beside it, or where its text says
    that the message has been moved; not where the store session was lost or never came about.
    The tracked outbound message that was handed over last before it, and never left, is that
    message if there is just one. Returned are the ids of the drafts of which one may be it,
    where several could.
    """
    rivals: set[int] = set()
    timed = sorted((e for e in events if e.time), key=lambda one: _event_order(one, clock))
    engine = [e for e in timed if e.is_store and e.event_id in _CONTENT_ENGINE]
    lost = [e for e in timed if e.is_connector and e.event_id in _SESSION_LOST]
    told: list[Event] = []
    for event in events:
        if not (event.is_connector and event.event_id == 4116) or _told(event, told, clock):
            continue
        partner = _nearest(event, engine, clock)
        if _nearest(event, lost, clock) is not None:
            continue
        if partner is None and not _MOVED.search(event.message or ""):
            continue
        told.append(event)
        waiting = _handed_over(event, drafts, clock)
        if len(waiting) == 1:
            draft = waiting[0]
        else:
            rivals.update(id(one) for one in waiting)
            draft = Draft(Direction.OUTBOUND)
            drafts.append(draft)
        draft.bad_folder = True
        draft.events.append(event)
        if partner is not None:
            engine.remove(partner)
            draft.events.append(partner)
    return rivals


def _told(event: Event, told: Iterable[Event], clock: ServerClock) -> bool:
    """Whether another export of the log has told of the same event already."""
    moment = clock.utc(event.time)
    return moment is not None and any(
        one.location.path != event.location.path
        and (time := clock.utc(one.time)) is not None
        and abs(time - moment) <= timedelta(seconds=2)
        for one in told
    )


def _nearest(event: Event, others: Sequence[Event], clock: ServerClock) -> Event | None:
    """Return the event of ``others`` (sorted by time) that stands nearest, within a minute."""
    moment = clock.utc(event.time)
    if moment is None:
        return None

    def time_of(one: Event) -> datetime:
        return clock.utc(one.time) or _NEVER

    first = bisect_left(others, moment - _BESIDE, key=time_of)
    last = bisect_right(others, moment + _BESIDE, key=time_of)
    near = others[first:last]
    return min(near, key=lambda one: (abs(time_of(one) - moment), one.location.order), default=None)


def _handed_over(event: Event, drafts: Sequence[Draft], clock: ServerClock) -> list[Draft]:
    """Return the outbound messages that were handed to the connector just before, and stayed."""
    moment = clock.utc(event.time)
    if moment is None:
        return []
    earliest, latest = moment - timedelta(minutes=10), moment
    if clock.assumed(event.time):
        earliest, latest = moment - timedelta(hours=14), moment + timedelta(hours=14)
    return [
        draft
        for draft in drafts
        if draft.direction is Direction.OUTBOUND
        and not (draft.files or draft.transactions or draft.reports or draft.bad_folder)
        and not draft.tracked(*DELIVERED_OUTBOUND)
        and any(earliest <= one.time <= latest for one in draft.tracking)
    ]


def _service_times(
    events: Iterable[Event], clock: ServerClock, *, starts: bool
) -> Iterator[datetime]:
    """Yield when the service came up, or went down: its own events and the service manager's."""
    own, state = (_STARTED, "running") if starts else (_STOPPED, "stopped")
    for event in events:
        text = (event.message or " ".join(event.strings)).lower()
        managed = (
            event.source.lower() == "service control manager"
            and ("internet mail" in text or "msexchangeimc" in text)
            and state in text
        )
        time = clock.utc(event.time)
        if time is not None and (managed or (event.is_connector and event.event_id in own)):
            yield time


def _server(collection: Collection, clock: ServerClock) -> Server:
    names: dict[str, int] = {}
    versions: set[str] = {one.version for one in collection.banners}
    for _, file in collection.spool_files:
        received = file.own_received
        if received is None:
            continue
        if received.host:
            names[received.host] = names.get(received.host, 0) + 1
        if received.version:
            versions.add(received.version)
    for event in collection.events:
        if event.is_connector and event.computer:
            names[event.computer] = names.get(event.computer, 0) + 1
    name = min(names, key=lambda one: (-names[one], one)) if names else None
    versions.update(_builds_told(collection.events))
    inferred = None if versions else _version_by_tracking(collection)
    if inferred:
        versions.add(inferred)
    return Server(
        name=name,
        versions=tuple(sorted(versions, key=_build)),
        version_inferred=bool(inferred),
        time_zone=clock.describe(),
        time_zone_source=clock.source,
        character_sets=tuple(collection.character_sets),
        code_pages=installed_code_pages(collection),
    )


def _version_by_tracking(collection: Collection) -> str | None:
    """Return the version that the connector's tracking events speak of, None if none does.

    5.0 and 5.5 write 1010 to 1018 for all that passes the service (Q173364): ``5.x``. 4.0 knows
    only the gateway transfers 1003 to 1007 (Q174078), so these alone mean 4.0 (inferred).
    """
    events = {record.event for record in collection.tracking if record.by_connector}
    if events & set(range(1010, 1019)):
        return "5.x"
    return "4.0" if events & {1003, 1004} else None


_BUILD = re.compile(r"\b[45]\.[05]\.\d{3,4}(?:\.\d{1,3})?\b")


def _builds_told(events: Iterable[Event]) -> Iterator[str]:
    """Yield the builds that the service names when it starts (event 1000)."""
    for event in events:
        if event.is_connector and event.event_id in _STARTED:
            yield from _BUILD.findall(f"{event.message or ''} {' '.join(event.strings)}")


def _build(version: str) -> tuple[tuple[int, ...], str]:
    return tuple(int(part) for part in version.split(".") if part.isdigit()), version


def installed_code_pages(collection: Collection) -> tuple[int, ...] | None:
    """Return the code pages that Nls\\CodePage lists with a file, None without that key.

    A value that is there but empty is known and not installed. ACP, OEMCP and MACCP name
    defaults and are no pages.
    """
    listed = [
        one
        for one in collection.registry
        if one.key.lower().endswith("\\nls\\codepage") and one.name.isdigit()
    ]
    if not listed:
        return None
    return tuple(sorted({int(one.name) for one in listed if one.data not in ("", b"")}))
