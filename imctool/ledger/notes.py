"""What is to be said of a message beside its fate: what it repeats, that it loops, its name."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property

from imctool.ledger.clock import ServerClock
from imctool.ledger.counter import (
    UNKNOWN,
    NamedSpan,
    NameInterval,
    interval_note,
    name_interval,
    naming_span,
)
from imctool.ledger.draft import Draft
from imctool.ledger.duplicates import delivered_again
from imctool.ledger.entry import Entry, Opener
from imctool.ledger.loops import loop_notes
from imctool.model.direction import Direction
from imctool.model.message import Fate

_NEIGHBOURS = 32
"""So many messages on either side are asked for their names."""


class Notes:
    """Tells what is to be noted of each message. ``entries`` are all of a ledger, in their order.

    ``restarts`` are the moments, surely known, at which the service came up or went down.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        opener: Opener,
        clock: ServerClock,
        restarts: Sequence[datetime],
    ) -> None:
        self._entries = entries
        self._opener = opener
        self._clock = clock
        self._restarts = sorted(restarts)

    def of(self, entry: Entry, draft: Draft) -> tuple[str, ...]:
        """Return the notes of one message, each a sentence without its stop."""
        return tuple(self._told(entry, draft))

    def _told(self, entry: Entry, draft: Draft) -> Iterator[str]:
        if entry.original is not None:
            yield self._repeats(entry.original)
        if len(draft.tracking) > 1:
            again = list(delivered_again(draft, self._restarts))
            if again:
                times = ", ".join(f"{time:%Y-%m-%d %H:%M:%S} UTC" for time in again)
                yield f"after a restart it was delivered to the same recipients again: {times}"
        if draft.files or draft.events or entry.traits:
            yield from loop_notes(draft, entry.traits)
        if entry.fate is Fate.LOST and entry.name is None:
            told = interval_note(self.name_interval(entry))
            if told is not None:
                yield told

    def _repeats(self, original: Entry) -> str:
        draft = self._opener.draft(original)
        name = draft.spool_name or draft.mts_id or draft.message_id
        times = draft.times(self._clock)
        when = f", of {times[0]:%Y-%m-%d %H:%M:%S} UTC" if times else ""
        return f"it was delivered already as {name}{when}: same Message-ID, originator, recipients"

    def name_interval(self, entry: Entry) -> NameInterval:
        """Return the names between which that of a message must lie (see ledger/counter.py)."""
        if entry.direction is Direction.OUTBOUND or entry.first is None:
            return UNKNOWN
        span = naming_span(self._opener.draft(entry), self._clock)
        if span is None:
            return UNKNOWN
        place = bisect_left(self._firsts, entry.first)
        named = [*self._named(range(place - 1, -1, -1)), *self._named(range(place, self._timed))]
        return name_interval(named, span, self._restarts)

    def _named(self, places: range) -> Iterator[NamedSpan]:
        """Yield the names at those places with the times at which they were given out."""
        left = _NEIGHBOURS
        for place in places:
            entry = self._entries[place]
            if entry.name is None or entry.spool_name is None:
                continue
            span = naming_span(self._opener.draft(entry), self._clock)
            if span is not None:
                yield NamedSpan(*span, entry.spool_name)
                left -= 1
                if not left:
                    return

    @cached_property
    def _firsts(self) -> list[float]:
        return [entry.first for entry in self._entries if entry.first is not None]

    @property
    def _timed(self) -> int:
        """How many entries have a time; the others stand behind them."""
        return len(self._firsts)
