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

_ROUNDING = timedelta(seconds=2)
"""Logs give whole seconds, and each rounds in its own way."""

Span = tuple[datetime, datetime]
"""The earliest and the latest moment (UTC)."""


class NameInterval(NamedTuple):
    """The nearest names that were surely given out before and after one that is not known."""

    before: SpoolName | None
    after: SpoolName | None


UNKNOWN = NameInterval(None, None)


class NamedSpan(NamedTuple):
    """The earliest and the latest moment (UTC) at which a spool name can have been given out."""

    earliest: datetime
    latest: datetime
    name: SpoolName


def name_interval(
    named: Iterable[NamedSpan], span: Span, restarts: Sequence[datetime]
) -> NameInterval:
    """Return the names just before and after one that was given out within ``span``.

    ``restarts`` are the moments, in order, at which the service came up or went down. Each name
    is None where none of the same run of the service is known there; both are None where a
    restart lies within the span, or where names and times contradict each other.
    """
    earliest, latest = span[0] - _ROUNDING, span[1] + _ROUNDING
    place = bisect_left(restarts, earliest)
    if place != bisect_right(restarts, latest):
        return UNKNOWN
    begun = restarts[place - 1] if place else None
    ended = restarts[place] if place < len(restarts) else None
    known = [
        one
        for one in named
        if (begun is None or one.earliest > begun) and (ended is None or one.latest < ended)
    ]
    before = max((one for one in known if one.latest <= earliest), default=None, key=_by_latest)
    after = min((one for one in known if one.earliest >= latest), default=None, key=_by_earliest)
    highest = lowest = None
    if before is not None:
        highest = max(one.name for one in known if one.latest <= earliest and _one_run(one, before))
    if after is not None:
        lowest = min(one.name for one in known if one.earliest >= latest and _one_run(one, after))
    if highest is not None and lowest is not None and not _rises(highest, lowest):
        return UNKNOWN
    return NameInterval(highest, lowest)


def _by_latest(one: NamedSpan) -> tuple[datetime, SpoolName]:
    return one.latest, one.name


def _by_earliest(one: NamedSpan) -> tuple[datetime, SpoolName]:
    return one.earliest, one.name


def _one_run(one: NamedSpan, other: NamedSpan) -> bool:
    return one.name.value // SAME_RUN == other.name.value // SAME_RUN


def _rises(before: SpoolName, after: SpoolName) -> bool:
    """Whether the second name can follow the first within one run of the service."""
    return before < after and before.value // SAME_RUN == after.value // SAME_RUN


def naming_span(draft: Draft, clock: ServerClock) -> Span | None:
    """Return when the spool name of a message can have been given out, None if that is not known.

    Of mail known from its sessions alone: while they lasted. Else before its first record, and
    after its session began where the Message-ID proves that it is its own; without one at most a
    quarter of an hour before the record (inferred).
    """
    if not clock.known:
        return None
    seen = [moment for _, file in draft.files for moment in clock.readings(file.moment)]
    if draft.direction is Direction.OUTBOUND:  # it is converted, and named, after its hand-over
        return (min(seen) - _UNSEEN, min(seen)) if seen else None
    ids = {file.skeleton.message_id for _, file in draft.files}
    ids.update(record.remote_id for record in draft.tracking)
    seen += [record.time for record in draft.tracking]
    own = [one for one in draft.transactions if not seen or one.message_id in ids - {None}]
    begun = [moment for one in own for moment in clock.readings(one.started)]
    ended = [moment for one in own for moment in clock.readings(one.moment)]
    if not seen:
        return (min(begun), max(ended)) if begun and ended else None
    return min(begun, default=min(seen) - _UNSEEN), min(seen)


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
