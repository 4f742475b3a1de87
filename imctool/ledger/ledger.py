"""Every message accounted for: observations joined, fates decided, in one total order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache

from imctool.ledger.bad_folder import mark_bad_folder
from imctool.ledger.case_results import restore_results, save_results
from imctool.ledger.clock import ServerClock, derive_clock, event_pairs
from imctool.ledger.copies import Copies, find_copies
from imctool.ledger.coverage import (
    RETRIED,
    EvidenceMap,
    TrackedMail,
    local_spans,
    map_evidence,
)
from imctool.ledger.draft import traits_of
from imctool.ledger.duplicates import Deliveries
from imctool.ledger.entry import Entry, Opener, with_number
from imctool.ledger.event_log import EventLog
from imctool.ledger.fates import DELIVERED_OUTBOUND, Surroundings, decide_fate
from imctool.ledger.joining import Joiner, fold_reports, join_records
from imctool.ledger.loops import note_hop_counts
from imctool.ledger.messages import Messages
from imctool.ledger.notes import Notes
from imctool.ledger.reports import tie_reports
from imctool.ledger.rivals import find_rivals
from imctool.ledger.server import ServerTraces, restart_times, service_times
from imctool.ledger.sessions import clock_pairs, join_transactions
from imctool.model.diagnosis import Server
from imctool.model.direction import Direction
from imctool.model.smtp import Outcome, Transaction
from imctool.readers.collection import Collection


@dataclass(frozen=True, slots=True)
class Ledger:
    """The messages in time order, the clock they were timed by, and what speaks of the server."""

    messages: Messages
    clock: ServerClock
    server: Server
    evidence: EvidenceMap
    events: EventLog
    restarts: tuple[datetime, ...]


def build_ledger(collection: Collection, zone: tzinfo | None = None) -> Ledger:
    """Return every message that the evidence shows, each once, with its fate.

    A case whose evidence has not changed gives back the ledger that was made of it before.
    """
    restored = restore_results(collection, zone)
    if restored is not None:
        return _taken_up(collection, *restored)
    copies = find_copies(collection)
    traces = ServerTraces()
    joiner = join_records(collection, copies, traces)
    opener = Opener(collection)
    clock = derive_clock(
        zone,
        collection.registry,
        traces.stamps,
        lambda: (file for _, file in collection.spool_files),
        lambda: _pairs(collection, copies, joiner, opener),
        local_spans(collection.coverage),
    )
    events = EventLog(collection.events, traces.events, clock)
    rivals = _join_sessions(collection, copies, joiner, opener, clock)
    tie_reports(joiner, collection, opener, joiner.servers | traces.hosts)
    entries = fold_reports(joiner, opener)
    starts = tuple(service_times(events, starts=True))
    mail = _tracked_mail(joiner, opener, traces, clock)
    evidence = map_evidence(collection, events, clock, traces, mail)
    perhaps_bad = mark_bad_folder(joiner, events, opener, clock, evidence)
    known = {entry.number for entry in entries}
    entries += [entry for entry in joiner.entries if entry.bad_folder and entry.number not in known]
    cut = _cut_transactions(collection, copies)
    missing = cache(lambda: _lacks_sessions(entries, opener, evidence))
    around = Surroundings(
        clock, evidence, starts, cut, frozenset(rivals), frozenset(perhaps_bad), missing
    )
    restarts = restart_times(events, sure=True)
    deliveries = Deliveries(restarts, traces.hosts)
    for entry in entries:
        draft = opener.draft(entry)
        entry.fate, entry.wanting = decide_fate(draft, around)
        times = draft.times(clock)
        entry.first = times[0].timestamp() if times else None
        entry.traits = traits_of(draft)
        deliveries.see(entry, draft)
    deliveries.mark(opener)
    note_hop_counts(entries, events, opener)
    messages = Messages.in_order(entries, opener, clock, restarts)
    if collection.case is not None:
        save_results(collection.case, messages, traces, copies, zone)
    return _ledger(collection, messages, traces, events, evidence, clock)


def _ledger(
    collection: Collection,
    messages: Messages,
    traces: ServerTraces,
    events: EventLog,
    evidence: EvidenceMap,
    clock: ServerClock,
) -> Ledger:
    server = traces.describe(collection, clock)
    return Ledger(messages, clock, server, evidence, events, tuple(restart_times(events)))


def _taken_up(
    collection: Collection, entries: list[Entry], traces: ServerTraces, clock: ServerClock
) -> Ledger:
    """Return the ledger that a case holds, its messages made of the records as before."""
    events = EventLog(collection.events, traces.events, clock)
    evidence = map_evidence(collection, events, clock, traces, TrackedMail())
    opener = Opener(collection)
    notes = Notes(entries, opener, clock, restart_times(events, sure=True))
    messages = Messages(entries, opener, clock, notes)
    return _ledger(collection, messages, traces, events, evidence, clock)


def _pairs(
    collection: Collection, copies: Copies, joiner: Joiner, opener: Opener
) -> list[tuple[datetime, datetime]]:
    """Return wall-clock and UTC times that most probably are the same moment."""
    transactions = (
        one for number, one in collection.transactions.items() if number not in copies.transactions
    )
    drafts = (opener.draft(entry) for entry in joiner.entries if entry.tracking)
    events = (one for number, one in collection.events.items() if number not in copies.events)
    return [*clock_pairs(transactions, drafts), *event_pairs(events)]


def _join_sessions(
    collection: Collection, copies: Copies, joiner: Joiner, opener: Opener, clock: ServerClock
) -> set[int]:
    """Join the SMTP transactions; return the numbers of the entries that may be another's."""
    transactions = collection.transactions
    joined = join_transactions(transactions, copies.transactions, joiner.entries, opener, clock)
    left = [(number, transactions[number]) for number in joined.left]
    doubtful, rivals = find_rivals(left, joiner.entries, opener, clock)
    doubtful |= joined.doubtful
    rivals |= joined.rivals
    for entry in _lone_entries(left, joiner, clock):
        if not doubtful.isdisjoint(entry.transactions):
            rivals.add(entry.number)
    return rivals


def _lone_entries(
    left: Iterable[tuple[int, Transaction]], joiner: Joiner, clock: ServerClock
) -> list[Entry]:
    """Return a new entry for each transaction that fits no other record.

    Outbound attempts for one envelope that follow each other within days, up to the first that
    succeeds, are one message: the service retries what was deferred.
    """
    entries: list[Entry] = []
    retried: dict[tuple[str, frozenset[str]], tuple[Entry, datetime | None]] = {}
    for number, transaction in sorted(left, key=lambda one: _transaction_order(one[1], clock)):
        asked = frozenset(one.lower() for one in transaction.asked)
        envelope = transaction.originator or "", asked
        moment = clock.utc(transaction.started)
        entry, since = retried.pop(envelope, (None, None))
        late = moment is not None and since is not None and moment - since > RETRIED
        if entry is None or late:
            entry = joiner.add(transaction.direction)
            entries.append(entry)
        entry.transactions = with_number(entry.transactions, number)
        outbound = transaction.direction is Direction.OUTBOUND
        if outbound and asked and transaction.outcome in {Outcome.DEFERRED, Outcome.INCOMPLETE}:
            retried[envelope] = entry, moment
    return entries


def _transaction_order(
    one: Transaction, clock: ServerClock
) -> tuple[float, tuple[str, int, int, int]]:
    time = clock.utc(one.started)
    return time.timestamp() if time else 0.0, one.location.order


def _tracked_mail(
    joiner: Joiner, opener: Opener, traces: ServerTraces, clock: ServerClock
) -> TrackedMail:
    """Return what shows where the tracking log has lost records."""
    untracked = [
        reading.timestamp()
        for entry in joiner.entries
        if entry.direction is Direction.OUTBOUND and entry.transactions and not entry.tracking
        for one in opener.draft(entry).transactions
        if one.outcome is Outcome.ACCEPTED
        for reading in clock.readings(one.moment)
    ]
    return TrackedMail(joiner.other_mail, untracked, frozenset(traces.tracking_starts))


def _lacks_sessions(entries: Iterable[Entry], opener: Opener, evidence: EvidenceMap) -> bool:
    """Return whether the protocol log covers an outbound transfer and has no session of it."""
    return any(
        record.event in DELIVERED_OUTBOUND and evidence.shows_session(record.time)
        for entry in entries
        if entry.direction is Direction.OUTBOUND and entry.tracking and not entry.transactions
        for record in opener.draft(entry).tracking
    )


def _cut_transactions(collection: Collection, copies: Copies) -> frozenset[int]:
    """Return the numbers of the transactions that stand last in a log whose end is torn."""
    torn = {one.file.name for one in collection.coverage if one.span.torn}
    last: dict[str, tuple[int, int]] = {}
    if torn:
        for number, one in collection.transactions.items():
            path = one.location.path
            if path in torn and number not in copies.transactions:
                line = one.location.line or 0
                last[path] = max(last.get(path, (-1, -1)), (line, number))
    return frozenset(number for _, number in last.values())
