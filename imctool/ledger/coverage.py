"""What the evidence would have shown: without it, silence proves nothing."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from imctool.ledger.clock import ServerClock
from imctool.ledger.event_log import EventLog
from imctool.ledger.server import ServerTraces
from imctool.model.coverage import Coverage
from imctool.model.event import Retrieval
from imctool.model.evidence import Form, InputKind
from imctool.readers.collection import Collection
from imctool.readers.imcsave import SAVED_MESSAGE

RETRIED = timedelta(days=5)
"""How long the service may try; its last interval and expiry are settings (Q146669)."""

_TRIED_AGAIN = timedelta(hours=12)
"""Three times the longest of the service's own intervals between two attempts (Q146669)."""

_DAY_FILE = re.compile(r"(\d{4})(\d{2})(\d{2})\.log", re.IGNORECASE)
_DAY = timedelta(days=1)
_MARGIN = timedelta(hours=14)
_AFTERWARDS = timedelta(minutes=15)
"""What the connector does with a message, and the events about it, follow within this time."""

IN_FOLDER = "the folder Imcdata\\In"
ARCHIVE_FOLDER = "the folder Imcdata\\In\\Archive, or an application event log of that time"
OUT_FOLDER = "the folder Imcdata\\Out"
TRACKING_LOG = "the message tracking log of that time, with tracking on for the connector"
TRACKING_END = "a later record in the message tracking log, which ends before it"
TRACKING_LATER = "the message tracking log of the days in which sending it may have been retried"
WHOLE_RECORD = "a whole record of it: that in the message tracking log has lost its beginning"
TIME_ZONE = "the server's time zone (--timezone)"
SESSION_START = "the beginning of its session, which the protocol log has lost"
SESSION_END = "the end of the protocol log, which is cut"
TWIN = "a Message-ID, to tell it from a tracked message of the same minute"
BAD_FOLDER = "the BAD folder of the connector's mailbox: event 4116 may be about this message"
SAVED_QUEUES = "the messages that imcsave saved out of the store's queues, which are not read"
EVENT_LOG = "an application event log of that time"

Span = tuple[datetime, datetime]
"""A stretch of UTC time, both ends included."""


@dataclass(frozen=True, slots=True)
class EvidenceMap:
    """The stretches of UTC time that each kind of log covers, and the folders there are.

    ``sessions`` are those that protocol logs of Medium level or above cover; ``newest_file`` is
    the latest time of a spool file; ``queues_saved`` says that imcsave took messages out of the
    store's queues, which are not read; ``torn`` are the stretches of tracking logs in which
    something cannot be read, ``tracked_since`` is the connector's first record. Where a moment
    is asked for, it is one or more ``readings`` of the server's clock, and what is said holds
    for all of them.
    """

    tracking: tuple[Span, ...]
    event_logs: tuple[Span, ...]
    folders: frozenset[InputKind]
    connector_tracked: bool
    tracking_ends: tuple[datetime, ...] = ()
    holes: tuple[datetime, ...] = ()
    sessions: tuple[Span, ...] = ()
    newest_file: datetime | None = None
    queues_saved: bool = False
    torn: tuple[Span, ...] = ()
    tracked_since: datetime | None = None

    def tracked(
        self, readings: Iterable[datetime], *, assumed: bool, after: timedelta = _AFTERWARDS
    ) -> bool:
        """Return whether the tracking log would show what the connector did from then on.

        It must cover the time that follows too: what is taken over just before the log ends,
        or before a midnight behind which no file is there, may be tracked later.
        """
        if not self.connector_tracked:
            return False
        near = timedelta(minutes=10)
        until = near if after == _AFTERWARDS else after
        for moment in readings:
            if any(-near <= hole - moment <= until for hole in self.holes):
                return False
            if self.tracked_since is None or moment < self.tracked_since - near:
                return False  # tracking may have been switched on for it only then
            if any(first <= moment + after and moment <= last for first, last in self.torn):
                return False
            if not _covered(self.tracking, moment, after, assumed=assumed):
                return False
        return True

    def tracking_ended(self, readings: Iterable[datetime]) -> bool:
        """Return whether a tracking log of that same day is there and ends before that time."""
        return self.connector_tracked and any(
            end.date() == moment.date() and end < moment + _AFTERWARDS
            for end in self.tracking_ends
            for moment in readings
        )

    def logged(self, readings: Iterable[datetime], *, assumed: bool) -> bool:
        """Return whether an event log of the evidence covers that time, and what follows it."""
        return all(
            _covered(self.event_logs, moment, _AFTERWARDS, assumed=assumed) for moment in readings
        )

    def attempts_shown(self, readings: Iterable[datetime]) -> bool:
        """Return whether an attempt to send a message handed over then would be in the evidence.

        A protocol log shows it that covers the hand-over, or so much of the days behind it that
        another attempt must have fallen into it; and nothing shows that the folders were copied
        later than the tracking log was, when the message may have left them.
        """
        for moment in readings:
            if not _covered(self.sessions, moment, _AFTERWARDS, assumed=False) and not any(
                min(last, moment + RETRIED) - max(first, moment) >= _TRIED_AGAIN
                for first, last in self.sessions
            ):
                return False
        if not self.tracking:
            return False
        return self.newest_file is None or self.newest_file <= self.tracking[-1][1] + _AFTERWARDS

    def shows_session(self, moment: datetime) -> bool:
        """Return whether a protocol log covers a session of that time."""
        return any(first <= moment <= last for first, last in self.sessions)


def _covered(spans: Sequence[Span], moment: datetime, after: timedelta, *, assumed: bool) -> bool:
    margin = _MARGIN if assumed else timedelta(0)
    return any(
        first <= moment - margin and moment + after + margin <= last for first, last in spans
    )


def map_evidence(
    collection: Collection,
    events: EventLog,
    clock: ServerClock,
    traces: ServerTraces,
    mail: TrackedMail,
) -> EvidenceMap:
    """Return what the evidence covers. Event 3016 (a tracking record not written) is a hole."""
    tracking = [one for one in collection.coverage if one.file.kind is InputKind.TRACKING_LOG]
    newest = [clock.utc(moment) for moment in traces.newest_files.values()]
    return EvidenceMap(
        tracking=_tracking_spans(tracking, mail),
        tracking_ends=tuple(
            sorted({one.span.last for one in tracking if one.span.last and not one.span.torn})
        ),
        event_logs=_event_spans(collection, clock, traces),
        folders=frozenset(collection.folders | collection.spool_kinds),
        connector_tracked=traces.connector_tracked,
        holes=tuple(
            sorted(
                reading
                for _, event in events.of((3016,))
                if event.is_connector
                for reading in clock.readings(event.time)
            )
        ),
        sessions=_session_spans(collection, clock),
        newest_file=max((one for one in newest if one is not None), default=None),
        torn=_torn_stretches(collection),
        tracked_since=traces.tracked_since,
        queues_saved=any(defect.reason == SAVED_MESSAGE for defect in collection.defects),
    )


def local_spans(covered: Iterable[Coverage]) -> list[Span]:
    """Return the wall-clock spans of the logs whose times are the server's wall clock."""
    return [
        (first, last)
        for one in covered
        if (first := one.span.first) is not None
        and (last := one.span.last) is not None
        and first.tzinfo is None
    ]


# The tracking log


def _torn_stretches(collection: Collection) -> tuple[Span, ...]:
    """Return the time around each line of a tracking log that cannot be read.

    It goes from the record before the line to the one behind it, for how much is missing there
    is not known; unless another copy of the log has that time whole.
    """
    logs = {
        one.file.name: (one.span.first, one.span.last)
        for one in collection.coverage
        if one.file.kind is InputKind.TRACKING_LOG
    }
    damaged: dict[str, list[int]] = defaultdict(list)
    for defect in collection.defects:
        if defect.location.path in logs and defect.location.line is not None:
            damaged[defect.location.path].append(defect.location.line)
    if not damaged:
        return ()
    records: dict[str, list[tuple[int, datetime]]] = defaultdict(list)
    for record in collection.tracking:
        path, line = record.location.path, record.location.line
        if path in damaged and line is not None:
            records[path].append((line, record.time))
    found: dict[str, list[Span]] = defaultdict(list)
    for path, lines in damaged.items():
        listed = sorted(records[path])
        for line in lines:
            place = bisect_left(listed, line, key=lambda one: one[0])
            first, last = logs[path]
            begin = listed[place - 1][1] if place > 0 else first
            end = listed[place][1] if place < len(listed) else last
            if begin is not None and end is not None:
                found[path].append((min(begin, end), max(begin, end)))

    def whole_in(path: str, span: Span) -> bool:
        first, last = logs[path]
        return (
            first is not None
            and last is not None
            and first <= span[0]
            and span[1] <= last
            and not any(begin <= span[1] and span[0] <= end for begin, end in found[path])
        )

    return _merged(
        span
        for path in damaged
        for span in found[path]
        if not any(whole_in(other, span) for other in logs if other != path)
    )


@dataclass(frozen=True, slots=True)
class TrackedMail:
    """What tells whether a tracking log has lost its beginning or its end.

    ``other`` are the UTC timestamps of mail that the connector had no part in: while there is
    such mail, the log is not silent. ``untracked`` are those of sessions in which another host
    took a message that is not tracked. ``whole`` are the logs that begin with a whole record.
    """

    other: Sequence[float] = ()
    untracked: Sequence[float] = ()
    whole: frozenset[str] = frozenset()


class _Silences:
    """Tells whether the tracking log can have been silent, or must have lost records."""

    def __init__(self, mail: TrackedMail) -> None:
        self._other = sorted(mail.other)
        self._untracked = sorted(mail.untracked)
        same_day = (
            later - time
            for time, later in pairwise(self._other)
            if time // _DAY_SECONDS == later // _DAY_SECONDS
        )
        self._longest = max(same_day, default=0.0)

    def natural(self, first: datetime, last: datetime) -> bool:
        """Whether nothing speaks against a silence of the connector between two moments.

        No session shows mail that is missing, and other mail was not silent for longer than it
        is between two records of one day elsewhere.
        """
        begin, end = first.timestamp(), last.timestamp()
        if bisect_right(self._untracked, end) > bisect_left(self._untracked, begin):
            return False
        if len(self._other) < _ENOUGH_MAIL:
            return True
        before = self._other[max(0, bisect_right(self._other, begin) - 1)]
        behind = self._other[min(len(self._other) - 1, bisect_left(self._other, end))]
        return max(behind, end) - min(before, begin) <= self._longest


_DAY_SECONDS = 86400
_ENOUGH_MAIL = 10
"""With less mail than this beside the connector's, its silence tells nothing."""


def _tracking_spans(logs: Sequence[Coverage], mail: TrackedMail) -> tuple[Span, ...]:
    """Return what the tracking logs cover.

    There is one a day of GMT, and each covers the time between its records. What lies before the
    first and behind the last of a day is covered where the log can have been silent then: one
    that lost its beginning or its end may show no other trace of that. The last of them ends at
    its last record: what it would have held later, had it been copied later, is not known. So
    does one that is torn, and one that begins in the middle of a record begins at the next.
    """
    firsts = sorted(one.span.first for one in logs if one.span.first is not None)
    lasts = sorted(one.span.last for one in logs if one.span.last is not None)
    silences = _Silences(mail)
    return _merged(
        _tracking_span(one, firsts, lasts, silences, whole=one.file.name in mail.whole)
        for one in logs
        if one.span.first is not None and one.span.last is not None
    )


def _tracking_span(
    coverage: Coverage,
    firsts: Sequence[datetime],
    lasts: Sequence[datetime],
    silences: _Silences,
    *,
    whole: bool,
) -> Span:
    first, last = coverage.span.first, coverage.span.last
    assert first is not None
    assert last is not None
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    named = _DAY_FILE.fullmatch(coverage.file.path.name)
    if named and (int(named[1]), int(named[2]), int(named[3])) != first.timetuple()[:3]:
        named = None
    if named is None and first.date() != last.date():
        return first, last
    end = begin + _DAY - timedelta(microseconds=1)
    before = max((one for one in lasts if one < first), default=begin)
    behind = min((one for one in firsts if one > last), default=None)
    if whole and silences.natural(max(before, begin - _DAY), first):
        first = max(begin, before)
    if (
        behind is not None
        and not coverage.span.torn
        and silences.natural(last, min(behind, end + _DAY))
    ):
        last = max(last, min(end, behind))
    return first, last


# The other logs


def _event_spans(
    collection: Collection, clock: ServerClock, traces: ServerTraces
) -> tuple[Span, ...]:
    """Return what the event logs cover: the time between their first and their last event.

    Whole binary logs of one folder were copied at one time (inferred), so that each goes on to
    the last event of any. Of one that is damaged, or holds records outside of its own order,
    only the events count that were read in that order: between the others some may be missing.
    """
    damaged = {one.location.path for one in collection.defects} | traces.stray_events
    logs = [one for one in collection.coverage if one.file.kind is InputKind.EVENT_LOG]
    broken = {
        one.file.name for one in logs if one.file.form in _BINARY and one.file.name in damaged
    }
    copied: dict[str, datetime] = {}
    for one in logs:
        if one.file.form in _BINARY and one.file.name not in broken and one.span.last is not None:
            folder = one.file.name.rpartition("/")[0]
            copied[folder] = max(copied.get(folder, one.span.last), one.span.last)
    spans: list[Span] = []
    for one in logs:
        if one.span.detail and one.file.name not in broken:
            last = one.span.last
            if one.file.form in _BINARY:
                last = copied.get(one.file.name.rpartition("/")[0])
            spans += _utc_span(one.span.first, last, clock)
    if broken:
        walked: dict[str, Span] = {}
        for event in collection.events:
            path = event.location.path
            if path in broken and event.retrieval is Retrieval.WALKED and event.time is not None:
                begun, ended = walked.get(path, (event.time, event.time))
                walked[path] = min(begun, event.time), max(ended, event.time)
        spans += walked.values()
    return _merged(spans)


_BINARY = frozenset({Form.EVT, Form.EVTX})


def _session_spans(collection: Collection, clock: ServerClock) -> tuple[Span, ...]:
    """Return what the protocol logs cover that show every transaction."""
    return _merged(
        span
        for one in collection.coverage
        if one.file.kind is InputKind.PROTOCOL_LOG and one.span.detail in {"medium", "maximum"}
        for span in _utc_span(one.span.first, one.span.last, clock)
    )


def _utc_span(first: datetime | None, last: datetime | None, clock: ServerClock) -> list[Span]:
    """Return the span in UTC, the shortest that the server's clock can mean; none without one."""
    begun, ended = clock.readings(first), clock.readings(last)
    if not begun or not ended or max(begun) > min(ended):
        return []
    return [(max(begun), min(ended))]


def _merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for first, last in sorted(spans):
        if merged and first - merged[-1][1] <= timedelta(seconds=1):
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return tuple(merged)
