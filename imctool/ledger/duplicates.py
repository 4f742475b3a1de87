"""Which messages were delivered more than once: told by what the logs and files show of each.

The first delivery keeps its fate. Another message is a further delivery of it where both went the
same way, carry the same Message-ID, originator and recipients, have a spool name or MTS-ID each,
and both reached the store or the next host. A list that sends one Message-ID to different
recipients, a try after a session that broke off or was refused, and the way out of a message that
came in are none. Under one spool name a message is delivered again where a restart of the service
lies between two deliveries to the same recipients: it had stayed in the queue (Q272672, Q296879).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import datetime

from imctool.ledger.draft import Draft, comparable
from imctool.ledger.entry import Entry, Opener
from imctool.ledger.loops import LOOPING, passes_through_itself
from imctool.model.direction import Direction
from imctool.model.message import Fate
from imctool.model.smtp import Outcome
from imctool.model.tracking import TrackingRecord, normalised_mts_id

_INTO_STORE = frozenset({9, 1000, 1004, 1013})
_ON_ITS_WAY = frozenset({1003, 1011})
FINAL = {Direction.INBOUND: _INTO_STORE, Direction.OUTBOUND: _ON_ITS_WAY}
"""Tracking events by which a message is at its end, by direction: not one that is rerouted."""


class Deliveries:
    """Messages by their Message-ID, gathered while each is looked at once."""

    def __init__(self, restarts: Sequence[datetime], hosts: Iterable[str]) -> None:
        """``restarts`` are the moments, surely known, at which the service came up or went down.

        ``hosts`` are the names of the server itself, lower case.
        """
        self._restarts = sorted(restarts)
        self._hosts = frozenset(hosts)
        self._by_id: dict[int, Entry | list[Entry]] = {}

    def see(self, entry: Entry, draft: Draft) -> None:
        """Note a message whose fate is decided; tell it duplicated if it was delivered again."""
        if entry.fate is Fate.DELIVERED and next(delivered_again(draft, self._restarts), None):
            entry.fate = Fate.DUPLICATED
        if draft.message_id is None:
            return
        key = hash(draft.message_id)
        known = self._by_id.get(key)
        if known is None:
            self._by_id[key] = entry
        elif isinstance(known, list):
            known.append(entry)
        else:
            self._by_id[key] = [known, entry]

    def mark(self, opener: Opener) -> None:
        """Tell each further delivery from the first one: its fate, and of what it is one."""
        for listed in self._by_id.values():
            if isinstance(listed, list):
                for alike in _by_message_id(listed, opener):
                    self._mark(alike, opener)

    def _mark(self, entries: Sequence[Entry], opener: Opener) -> None:
        drafts = [(entry, opener.draft(entry)) for entry in entries]
        if passes_through_itself([draft for _, draft in drafts], self._hosts):
            for entry in entries:
                entry.traits |= {LOOPING}
            return
        for direction in Direction:
            _mark_further(
                [
                    (moment, entry, draft)
                    for entry, draft in drafts
                    if entry.direction is direction
                    and entry.fate in {Fate.DELIVERED, Fate.DUPLICATED}
                    and (moment := _delivered(draft)) is not None
                ]
            )


def _by_message_id(entries: Iterable[Entry], opener: Opener) -> Iterator[list[Entry]]:
    """Yield those of one hash by what they really have in common."""
    found: dict[str | None, list[Entry]] = defaultdict(list)
    for entry in entries:
        found[opener.draft(entry).message_id].append(entry)
    yield from (alike for alike in found.values() if len(alike) > 1)


def _mark_further(delivered: list[tuple[datetime, Entry, Draft]]) -> None:
    delivered.sort(key=lambda one: (one[0], one[1].name or 0, one[1].number))
    first: dict[Hashable, tuple[Entry, Draft]] = {}
    for _, entry, draft in delivered:
        keys = list(_envelopes(draft))
        known = next((first[key] for key in keys if key in first), None)
        if known is not None and _one_text(known[1], draft) and _own_name(known, (entry, draft)):
            entry.original = known[0]
            entry.fate = Fate.DUPLICATED
        else:
            for key in keys:
                first.setdefault(key, (entry, draft))


def _delivered(draft: Draft) -> datetime | None:
    """Return when the message first came to its end, None where tracking does not tell."""
    final = FINAL[draft.direction]
    return next((one.time for one in draft.tracking if one.event in final), None)


def _envelopes(draft: Draft) -> Iterator[Hashable]:
    """Yield originator and all recipients, as each artefact of the message spells them.

    What the tracking log has may be directory names: these compare with each other only.
    """
    originator = comparable(draft.originator)
    if originator is None:
        originator = (draft.originator or "").strip().lower()
        if not originator:
            return
    for _, file in draft.files:
        envelope = file.envelope
        if envelope.recipients and len(envelope.recipients) == envelope.recipient_count:
            yield originator, _spelt(envelope.recipients)
            break
    for record in draft.tracking:
        if record.recipients and len(record.recipients) == record.recipient_count:
            yield originator, _spelt(name for name, _ in record.recipients)
            break
    for one in draft.transactions:
        if one.outcome is Outcome.ACCEPTED and one.accepted_count == len(one.accepted) > 0:
            yield originator, _spelt(one.accepted)
            break


def _spelt(names: Iterable[str]) -> frozenset[str]:
    return frozenset(comparable(name) or name.strip().lower() for name in names)


def _one_text(one: Draft, other: Draft) -> bool:
    """Whether nothing in the texts says that they differ: a peer may use a Message-ID twice."""
    sizes = [
        {part.text_size for part in draft.transactions if part.text_size is not None}
        for draft in (one, other)
    ]
    if all(sizes) and sizes[0].isdisjoint(sizes[1]):
        return False
    dates = [_header_date(draft) for draft in (one, other)]
    return None in dates or dates[0] == dates[1]


def _header_date(draft: Draft) -> str | None:
    for _, file in draft.files:
        return file.skeleton.header("date")
    for one in draft.transactions:
        if one.skeleton is not None and not one.truncated:
            return one.skeleton.header("date")
    return None


def _own_name(one: tuple[Entry, Draft], other: tuple[Entry, Draft]) -> bool:
    """Whether the server gave each a name of its own."""
    names = [
        entry.name if entry.name is not None else normalised_mts_id(draft.mts_id or "")
        for entry, draft in (one, other)
    ]
    return "" not in names and names[0] != names[1]


def delivered_again(draft: Draft, restarts: Sequence[datetime]) -> Iterator[datetime]:
    """Yield when the message was delivered to the same recipients again, after a restart.

    ``restarts`` are in order.
    """
    final = FINAL[draft.direction]
    earlier: dict[int, list[TrackingRecord]] = defaultdict(list)
    for record in draft.tracking:
        if record.event not in final:
            continue
        if restarts and any(
            _restarted(restarts, one.time, record.time) and _share_recipients(one, record)
            for one in earlier[record.event]
        ):
            yield record.time
        else:
            earlier[record.event].append(record)


def _restarted(restarts: Sequence[datetime], since: datetime, until: datetime) -> bool:
    place = bisect_right(restarts, since)
    return place < len(restarts) and restarts[place] <= until


def _share_recipients(one: TrackingRecord, other: TrackingRecord) -> bool:
    names = {name.strip().lower() for name, _ in one.recipients}
    return any(name.strip().lower() in names for name, _ in other.recipients)
