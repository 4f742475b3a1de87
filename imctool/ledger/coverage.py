"""What the evidence would have shown: without it, silence proves nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from imctool.ledger.clock import ServerClock
from imctool.ledger.event_log import EventLog
from imctool.model.coverage import Coverage
from imctool.model.evidence import InputKind
from imctool.readers.collection import Collection

_DAY_FILE = re.compile(r"(\d{4})(\d{2})(\d{2})\.log", re.IGNORECASE)
_DAY = timedelta(days=1)
_MARGIN = timedelta(hours=14)
_AFTERWARDS = timedelta(seconds=30)

IN_FOLDER = "the folder Imcdata\\In"
ARCHIVE_FOLDER = "the folder Imcdata\\In\\Archive, or an application event log of that time"
OUT_FOLDER = "the folder Imcdata\\Out"
TRACKING_LOG = "the message tracking log of that time, with tracking on for the connector"
TRACKING_END = "a later record in the message tracking log, which ends before it"
TIME_ZONE = "the server's time zone (--timezone)"
SESSION_END = "the end of the protocol log, which is cut"
TWIN = "a Message-ID, to tell it from a tracked message of the same minute"
EVENT_LOG = "an application event log of that time"


@dataclass(frozen=True, slots=True)
class EvidenceMap:
    """The stretches of UTC time that each kind of log covers, and the folders there are."""

    tracking: tuple[tuple[datetime, datetime], ...]
    event_logs: tuple[tuple[datetime, datetime], ...]
    folders: frozenset[InputKind]
    connector_tracked: bool
    tracking_ends: tuple[datetime, ...] = ()
    holes: tuple[datetime, ...] = ()

    def tracked(self, moment: datetime, *, assumed: bool) -> bool:
        """Return whether the tracking log would show what the connector did from then on.

        It must cover the moments that follow too: what is taken over just before the log ends,
        or before a midnight behind which no file is there, may be tracked later.
        """
        if not self.connector_tracked:
            return False
        if any(abs(hole - moment) <= timedelta(minutes=10) for hole in self.holes):
            return False
        return _covered(self.tracking, moment, assumed=assumed) and _covered(
            self.tracking, moment + _AFTERWARDS, assumed=assumed
        )

    def tracking_ended(self, moment: datetime) -> bool:
        """Return whether a tracking log of that same day is there and ends before that time."""
        return self.connector_tracked and any(
            end.date() == moment.date() and end < moment + _AFTERWARDS for end in self.tracking_ends
        )

    def logged(self, moment: datetime, *, assumed: bool) -> bool:
        """Return whether an event log of the evidence covers that time."""
        return _covered(self.event_logs, moment, assumed=assumed)


def _covered(
    spans: Sequence[tuple[datetime, datetime]], moment: datetime, *, assumed: bool
) -> bool:
    if not assumed:
        return any(first <= moment <= last for first, last in spans)
    return any(first <= moment - _MARGIN and moment + _MARGIN <= last for first, last in spans)


def map_evidence(
    collection: Collection, events: EventLog, clock: ServerClock, *, connector_tracked: bool
) -> EvidenceMap:
    """Return what the evidence covers. Event 3016 (a tracking record not written) is a hole."""
    tracking = [one for one in collection.coverage if one.file.kind is InputKind.TRACKING_LOG]
    logs = [one for one in collection.coverage if one.file.kind is InputKind.EVENT_LOG]
    return EvidenceMap(
        tracking=_tracking_spans(tracking),
        tracking_ends=tuple(
            sorted({one.span.last for one in tracking if one.span.last and not one.span.torn})
        ),
        event_logs=_merged(
            span for one in logs if one.span.detail for span in _event_span(one, clock)
        ),
        folders=frozenset(collection.folders | collection.spool_kinds),
        connector_tracked=connector_tracked,
        holes=tuple(time for time, event in events.of((3016,)) if time and event.is_connector),
    )


def _tracking_spans(
    logs: Sequence[Coverage],
) -> tuple[tuple[datetime, datetime], ...]:
    """Return what the tracking logs cover: each its whole GMT day, since there is one a day.

    The last of them ends at its last record: what it would have held of its day later, had it
    been copied later, is not known. So does one that is torn.
    """
    end = max((one.span.last for one in logs if one.span.last is not None), default=None)
    return _merged(span for one in logs for span in _tracking_span(one, end))


def _tracking_span(coverage: Coverage, end: datetime | None) -> Iterable[tuple[datetime, datetime]]:
    first, last = coverage.span.first, coverage.span.last
    if first is None or last is None or end is None:
        return
    named = _DAY_FILE.fullmatch(coverage.file.path.name)
    day = datetime(first.year, first.month, first.day, tzinfo=UTC)
    if named and (int(named[1]), int(named[2]), int(named[3])) != first.timetuple()[:3]:
        named = None
    if named is None and first.date() != last.date():
        yield first, last
    elif coverage.span.torn:
        yield day, last
    else:
        yield day, max(last, min(end, day + _DAY - timedelta(microseconds=1)))


def _event_span(coverage: Coverage, clock: ServerClock) -> Iterable[tuple[datetime, datetime]]:
    """Yield the span of an event log: to a day past its last event (inferred).

    A server writes some event every day, so a log whose last one is older was copied then.
    """
    first, last = clock.utc(coverage.span.first), clock.utc(coverage.span.last)
    if first is not None and last is not None:
        yield first - timedelta(hours=1), last + _DAY


def _merged(
    spans: Iterable[tuple[datetime, datetime]],
) -> tuple[tuple[datetime, datetime], ...]:
    merged: list[tuple[datetime, datetime]] = []
    for first, last in sorted(spans):
        if merged and first - merged[-1][1] <= timedelta(seconds=1):
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return tuple(merged)
