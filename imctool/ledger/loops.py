"""Mail that comes back to the server again and again: seen, and told, but no fate of its own."""

from __future__ import annotations

import re
from collections.abc import Collection as Container
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from imctool.ledger.draft import Draft, comparable
from imctool.ledger.entry import Entry, Opener, with_number
from imctool.ledger.event_log import EventLog
from imctool.model.direction import Direction
from imctool.model.event import Event
from imctool.model.mail import SpoolFile
from imctool.readers.received import parse_received

LOOPING = "looping"
"""The trait of a message whose Message-ID came in again and again by way of the server itself."""

_ROUNDS = 3
"""So often a message comes in before that is a loop: a relay that scans mail sends it back once."""

_ROUTING = 4115
_HOPS = (4098, 12071)
_MINUTES = timedelta(minutes=10)
_NAMED = re.compile(r"\bFrom:\s*(?P<sender>.*?)\s+Subject:\s*(?P<subject>.*)", re.DOTALL)


def passes_through_itself(drafts: Sequence[Draft], hosts: Container[str]) -> bool:
    """Return whether messages of one Message-ID are one that the server sends to itself.

    It comes in three times or more, and the server's own names are the peer's, or it goes out as
    often in between. ``hosts`` are those names, lower case.
    """
    inbound = [draft for draft in drafts if draft.direction is Direction.INBOUND]
    if len(inbound) < _ROUNDS:
        return False
    sent = len(drafts) - len(inbound)
    own = sum(1 for draft in inbound if not hosts_of_peers(draft).isdisjoint(hosts))
    return sent >= _ROUNDS - 1 or own >= _ROUNDS - 1


def hosts_of_peers(draft: Draft) -> set[str]:
    """Return the names that its peers gave themselves, lower case."""
    told = [one.peer for one in draft.transactions]
    told += [file.envelope.peer or "" for _, file in draft.files]
    return {word.lower().strip("[]()") for peer in told for word in peer.split()}


def note_hop_counts(entries: Iterable[Entry], events: EventLog, opener: Opener) -> None:
    """Join each 4098 (hop count exceeded) to its message: by the sender and subject it names.

    It is the last one of these before the event, where they carry one Message-ID (Q260247).
    """
    told = [
        (time, number, names)
        for time, number, event in events.numbered((4098,))
        if time is not None and event.is_connector and (names := _named(event)) is not None
    ]
    if not told:
        return
    wanted = {names for _, _, names in told}
    alike: dict[tuple[str, str], list[tuple[float, Entry]]] = {names: [] for names in wanted}
    for entry in entries:
        if entry.first is not None:
            draft = opener.draft(entry)
            sender = comparable(draft.originator)
            for subject in _subjects(draft):
                if sender is not None and (sender, subject) in wanted:
                    alike[sender, subject].append((entry.first, entry))
    for time, number, names in told:
        last = _last_before(alike[names], time, opener)
        if last is not None:
            last.events = with_number(last.events, number)
            last.traits |= {"events"}
            opener.forget(last)


def _named(event: Event) -> tuple[str, str] | None:
    """Return sender and subject that a 4098 gives, as they compare."""
    found = _NAMED.search(event.message or "")
    if found is not None:
        sender, subject = found["sender"], found["subject"]
    elif len(event.strings) >= 2:
        sender, subject = event.strings[0], event.strings[1]
    else:
        return None
    address = comparable(sender)
    return None if address is None or not subject.strip() else (address, _words(subject))


def _subjects(draft: Draft) -> set[str]:
    told = [file.skeleton.header("subject") for _, file in draft.files]
    told += [one.subject for one in draft.transactions]
    told += [one.skeleton.header("subject") for one in draft.transactions if one.skeleton]
    return {_words(one) for one in told if one}


def _words(subject: str) -> str:
    return " ".join(subject.split()).lower()


def _last_before(
    listed: Iterable[tuple[float, Entry]], time: datetime, opener: Opener
) -> Entry | None:
    near = [
        (first, entry)
        for first, entry in listed
        if -_MINUTES.total_seconds() / 10 <= time.timestamp() - first <= _MINUTES.total_seconds()
    ]
    if len({opener.draft(entry).message_id for _, entry in near}) != 1:
        return None
    return max(near, key=lambda one: (one[0], one[1].number))[1]


def loop_notes(draft: Draft, traits: Container[str]) -> Iterator[str]:
    """Yield what says that the message loops: events, its header, and its Message-ID."""
    named = {event.event_id for event in draft.events if event.is_connector or event.is_store}
    if _ROUTING in named:
        yield "event 4115 says that it loops through the routing extension"
    for event in _HOPS:
        if event in named:
            yield f"event {event} says that its hop count exceeded the maximum: it looped"
    rounds = max((_rounds(file) for _, file in draft.files), default=0)
    if rounds >= _ROUNDS:
        yield f"its header has {rounds} Received lines of this server: it came in that often"
    if LOOPING in traits:
        yield (
            f"its Message-ID came in {_ROUNDS} times or more by way of the server itself: it loops"
        )


def _rounds(file: SpoolFile) -> int:
    """Return how often the header says that the message came in at the server whose file it is."""
    own = file.own_received
    if own is None:
        return 0
    fields = list(file.skeleton.headers.named("received"))
    if len(fields) < _ROUNDS:
        return 0
    return sum(
        1
        for field in fields
        if (one := parse_received(field)) is not None
        and one.direction is Direction.INBOUND
        and one.host.lower() == own.host.lower()
    )
