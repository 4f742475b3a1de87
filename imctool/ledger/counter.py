"""The counter of spool names as a clock: it orders messages, whatever the logs' clocks say.

The names of IN, OUT and WORK come from one counter, which rises while the service runs and jumps
when it starts (inferred from 349 pairs of real names). A name that no message carries is no loss:
sessions that break off and temporary files use up names too.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from imctool.ledger.clock import ServerClock
from imctool.ledger.draft import Draft
from imctool.ledger.search import SAME_RUN
from imctool.model.direction import Direction
from imctool.model.spool_name import SpoolName

_UNSEEN = timedelta(minutes=15)
"""So long before the first record of a message its name may have been given out (inferred)."""

Span = tuple[datetime, datetime]


class NameInterval(NamedTuple):
    """The nearest names that were surely given out before and after one that is not known."""

    before: SpoolName | None
    after: SpoolName | None


class NamedSpan(NamedTuple):
    """A spool name, and the earliest and latest moment at which it can have been given out."""

    earliest: datetime
    latest: datetime
    name: SpoolName


class SpoolCounter:
    """The spool names of a ledger in the order of their times."""

    def __init__(self, named: Iterable[NamedSpan], starts: Iterable[datetime]) -> None:
        """``starts`` are the moments at which the service came up."""
        listed = list(named)
        self._by_latest = sorted((one.latest, one.name.value) for one in listed)
        self._by_earliest = sorted((one.earliest, one.name.value) for one in listed)
        self._starts = sorted(starts)

    def interval(self, span: Span) -> NameInterval:
        """Return the names just before and after one that was given out within ``span``.

        Each is None where no name of the same run of the service is known there; both are where
        names and times contradict each other.
        """
        earliest, latest = span
        run = self._run(earliest, latest)
        if run is None:
            return NameInterval(None, None)
        begun, ended = run
        before = self._before(begun, earliest)
        after = self._after(latest, ended)
        if before is not None and after is not None and not _one_run(before, after):
            return NameInterval(None, None)
        return NameInterval(_name(before), _name(after))

    def _run(self, earliest: datetime, latest: datetime) -> tuple[datetime | None, ...] | None:
        """Return the starts of the service before and after, None if there is one within."""
        first = bisect_left(self._starts, earliest)
        last = bisect_right(self._starts, latest)
        if first != last:
            return None
        begun = self._starts[first - 1] if first else None
        ended = self._starts[last] if last < len(self._starts) else None
        return begun, ended

    def _before(self, begun: datetime | None, earliest: datetime) -> int | None:
        """Return the highest name given out since the service started, and before that moment."""
        place = bisect_right(self._by_latest, (earliest, SAME_RUN**2))
        highest: int | None = None
        for time, value in reversed(self._by_latest[max(0, place - _LOOKED_AT) : place]):
            if begun is not None and time - _UNSEEN < begun:
                break
            if highest is None or (value > highest and _one_run(highest, value)):
                highest = value
        return highest

    def _after(self, latest: datetime, ended: datetime | None) -> int | None:
        """Return the lowest name given out after that moment, and before the service restarted."""
        place = bisect_left(self._by_earliest, (latest, -1))
        lowest: int | None = None
        for time, value in self._by_earliest[place : place + _LOOKED_AT]:
            if ended is not None and time + _UNSEEN >= ended:
                break
            if lowest is None or (value < lowest and _one_run(value, lowest)):
                lowest = value
        return lowest


_LOOKED_AT = 64
"""So many of the nearest names are compared: sessions at the same time end in any order."""


def _one_run(one: int, other: int) -> bool:
    """Whether the second name can follow the first within one run of the service."""
    return one < other and one // SAME_RUN == other // SAME_RUN


def _name(value: int | None) -> SpoolName | None:
    return None if value is None else SpoolName(value)


def naming_span(draft: Draft, clock: ServerClock) -> Span | None:
    """Return when the spool name of a message can have been given out, None if that is not known.

    It was given out after its session began and before its first record; without a session at
    most a quarter of an hour before that (inferred).
    """
    if not clock.known:
        return None
    begun: list[datetime] = []
    ended: list[datetime] = []
    if draft.direction is Direction.INBOUND:
        for one in draft.transactions:
            begun += clock.readings(one.started)
            ended += clock.readings(one.moment)
    seen = [record.time for record in draft.tracking]
    for _, file in draft.files:
        seen += clock.readings(file.moment)
    if draft.direction is Direction.OUTBOUND:
        # Handed over first, converted under a name later: only its file tells when.
        if not draft.files:
            return None
        seen = [moment for _, file in draft.files for moment in clock.readings(file.moment)]
    latest = min(seen, default=None)
    if begun:
        finish = max([*ended, *begun])
        return min(begun), finish if latest is None else max(finish, latest)
    return None if latest is None else (latest - _UNSEEN, latest)


def interval_note(interval: NameInterval) -> str | None:
    """Return what the interval says of a message without a name, None where it says nothing."""
    before, after = interval
    if before is not None and after is not None:
        names = before.distance(after) - 1
        return (
            f"its spool name must lie between {before} and {after}"
            f" ({names} name{'' if names == 1 else 's'} there; inferred from the counter)"
        )
    if before is not None:
        return f"its spool name must lie behind {before} (inferred from the counter)"
    if after is not None:
        return f"its spool name must lie before {after} (inferred from the counter)"
    return None


def name_interval(
    counter: SpoolCounter, draft: Draft, clock: ServerClock
) -> NameInterval:
    """Return the names between which that of a message must lie, None where it is not known."""
    span = naming_span(draft, clock)
    return NameInterval(None, None) if span is None else counter.interval(span)
