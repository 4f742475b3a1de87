"""What became of one message, decided from all that was joined to it.

Lost is the last thing said: only where every artefact that would show the message otherwise is
there and silent. Where one is missing, the fate is unknown and ``wanting`` names it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from imctool.ledger import coverage
from imctool.ledger.clock import ServerClock
from imctool.ledger.coverage import EvidenceMap
from imctool.ledger.draft import Draft
from imctool.model.direction import Direction
from imctool.model.evidence import InputKind
from imctool.model.message import Fate
from imctool.model.smtp import Outcome
from imctool.model.tracking import plausible_mts_id

DELIVERED_INBOUND = (1013, 1014, 1004, 1005, 1015, 9, 10, 1000)
"""Tracking events after which the store, the MTA or the next hop has an inbound message.

1013, 1014 and 1015 on 5.0 and 5.5 (Q173364); on 4.0 the connector's gateway transfer in, and
local delivery (Q174078).
"""

DELIVERED_OUTBOUND = (1011, 1016, 1003, 1006)
DELETED = (50, 51, 52)
ARCHIVED_BY = frozenset({4117})
HELD_BY = frozenset({4120, 4131, 4182})
RECEIVED_INBOUND = (1012,)
HANDED_OUTBOUND = (1010, 7)

Verdict = tuple[Fate, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a fate is judged against: the clock, the coverage, and when the service started.

    ``cut`` are the numbers of transactions that a torn log ends in; ``rivals`` the numbers of
    entries for which a tracked message of the same minute may be theirs; ``perhaps_bad`` of those
    of which one may be in the BAD folder. ``sessions_missing``
    says whether the protocol log lacks the session of a message that is known to have left.
    """

    clock: ServerClock
    evidence: EvidenceMap
    starts: Sequence[datetime]
    cut: frozenset[int] = frozenset()
    rivals: frozenset[int] = frozenset()
    perhaps_bad: frozenset[int] = frozenset()
    sessions_missing: Callable[[], bool] = bool


def decide_fate(draft: Draft, around: Surroundings) -> Verdict:
    """Return the fate of the message, and the evidence that an unknown one hangs on."""
    if draft.bad_folder:
        return Fate.BAD, ()
    if draft.direction is Direction.INBOUND:
        return _inbound(draft, around)
    return _outbound(draft, around)


def _folder_kinds(draft: Draft) -> frozenset[InputKind]:
    return frozenset(kind for kind, _ in draft.files)


def _named_by(draft: Draft, ids: frozenset[int]) -> list[datetime | None]:
    return [event.time for event in draft.events if event.is_connector and event.event_id in ids]


def _inbound(draft: Draft, around: Surroundings) -> Verdict:
    folders = _folder_kinds(draft)
    if InputKind.SPOOL_IN in folders:
        return _waiting(draft, around), ()
    delivered = [one.time for one in draft.tracking if one.event in DELIVERED_INBOUND]
    archived = _named_by(draft, ARCHIVED_BY)
    if archived:
        return _archived_or_delivered(archived, delivered, around.clock)
    if draft.returned:
        return Fate.RETURNED, ()
    if delivered:
        return Fate.DELIVERED, ()
    if _named_by(draft, HELD_BY):
        if InputKind.OTHER in folders:
            return Fate.STUCK, ()  # collected from wherever it lay, and an error names it
        return Fate.UNKNOWN, (coverage.IN_FOLDER,)
    if InputKind.SPOOL_IN_ARCHIVE in folders:
        return _archived_without_event(draft, around)
    if InputKind.SPOOL_WORK in folders:
        return Fate.INCOMPLETE, ()
    if InputKind.PICKUP in folders:
        return Fate.QUEUED, ()
    if InputKind.TURF in folders:
        return Fate.UNKNOWN, ()  # set aside by a rule on purpose (Q193926): no word is its own
    if draft.files:
        return Fate.UNKNOWN, (coverage.TRACKING_LOG,)
    return _without_file(draft, around)


def _archived_or_delivered(
    archived: Sequence[datetime | None], delivered: Sequence[datetime], clock: ServerClock
) -> Verdict:
    """Event 4117 names the message: only a later delivery outdoes it, as after a requeue."""
    known = [clock.readings(time) for time in archived if time is not None]
    if not delivered or not known or max(delivered) <= max(min(one) for one in known):
        return Fate.ARCHIVED, ()
    if max(delivered) > max(max(one) for one in known):
        return Fate.DELIVERED, ()
    return Fate.UNKNOWN, (coverage.TIME_ZONE,)


def _waiting(draft: Draft, around: Surroundings) -> Fate:
    """In holds the file: stuck after an error that names it or a restart that left it."""
    if _named_by(draft, HELD_BY | ARCHIVED_BY):
        return Fate.STUCK
    times = draft.times(around.clock)
    if times and any(start > times[0] for start in around.starts):
        return Fate.STUCK
    return Fate.QUEUED


def _archived_without_event(draft: Draft, around: Surroundings) -> Verdict:
    """In\\Archive holds the file and no event says why: archival may simply be on."""
    readings = draft.last_readings(around.clock)
    assumed = _assumed(draft, around)
    if not readings or not around.evidence.tracked(readings, assumed=assumed):
        return Fate.UNKNOWN, (coverage.TRACKING_LOG, coverage.EVENT_LOG)
    logged = around.evidence.logged(readings, assumed=assumed)
    if draft.tracked(*RECEIVED_INBOUND) and not logged:
        return Fate.ARCHIVED, ()
    return Fate.UNKNOWN, () if logged else (coverage.EVENT_LOG,)


def _without_file(draft: Draft, around: Surroundings) -> Verdict:
    """No folder holds the message and no log shows its delivery."""
    received = draft.tracked(*RECEIVED_INBOUND)
    if not received:
        verdict = _unaccepted(draft, around)
        if verdict is not None:
            return verdict
    if draft.originator is None and not draft.tracking:  # without MAIL it may be any tracked one
        return Fate.UNKNOWN, (coverage.SESSION_START,)
    wanting = _gaps(draft, around)
    if wanting or draft.events:
        return Fate.UNKNOWN, wanting
    return Fate.LOST, ()


def _unaccepted(draft: Draft, around: Surroundings) -> Verdict | None:
    """Return the verdict where no session accepted the message, None where one did."""
    outcomes = {one.outcome for one in draft.transactions}
    if Outcome.ACCEPTED in outcomes:
        return None
    if not outcomes:
        return Fate.UNKNOWN, (coverage.TRACKING_LOG, coverage.IN_FOLDER)
    if outcomes & {Outcome.REFUSED, Outcome.DEFERRED}:
        return Fate.REFUSED, ()
    if not around.cut.isdisjoint(draft.transaction_numbers):
        return Fate.UNKNOWN, (coverage.SESSION_END,)
    return Fate.INCOMPLETE, ()


def _gaps(draft: Draft, around: Surroundings) -> tuple[str, ...]:
    """Return the evidence without which the message's absence proves nothing."""
    readings = draft.last_readings(around.clock)
    if not readings:
        return (coverage.TRACKING_LOG,)
    assumed = _assumed(draft, around)
    wanting: list[str] = []
    if not around.evidence.tracked(readings, assumed=assumed):
        ended = not assumed and around.evidence.tracking_ended(readings)
        wanting.append(coverage.TRACKING_END if ended else coverage.TRACKING_LOG)
        if assumed:
            wanting.append(coverage.TIME_ZONE)
    if draft.tracking and not plausible_mts_id(draft.mts_id or ""):
        wanting.append(coverage.WHOLE_RECORD)
    if around.evidence.queues_saved:
        wanting.append(coverage.SAVED_QUEUES)
    if draft.direction is Direction.OUTBOUND:
        if not wanting and _may_be_retried(readings, around):
            wanting.append(coverage.TRACKING_LATER)
        if InputKind.SPOOL_OUT not in around.evidence.folders:
            wanting.append(coverage.OUT_FOLDER)
        if not around.evidence.logged(readings, assumed=assumed):
            wanting.append(coverage.EVENT_LOG)
        if draft.number in around.rivals:
            wanting.append(coverage.TWIN)
        return tuple(wanting)
    if InputKind.SPOOL_IN not in around.evidence.folders:
        wanting.append(coverage.IN_FOLDER)
    if InputKind.SPOOL_IN_ARCHIVE not in around.evidence.folders and not (
        around.evidence.logged(readings, assumed=assumed)
    ):
        wanting.append(coverage.ARCHIVE_FOLDER)
    if draft.number in around.rivals:
        wanting.append(coverage.TWIN)
    return tuple(wanting)


def _may_be_retried(readings: Sequence[datetime], around: Surroundings) -> bool:
    """Whether a message handed over then may have left when the tracking log had ended.

    The service tries for days. It did not try at all where the protocol log, which shows the
    session of every other message that left, shows none of this one.
    """
    if around.evidence.tracked(readings, assumed=False, after=coverage.RETRIED):
        return False
    return not around.evidence.attempts_shown(readings) or around.sessions_missing()


def _outbound(draft: Draft, around: Surroundings) -> Verdict:
    folders = _folder_kinds(draft)
    outcomes = {one.outcome for one in draft.transactions}
    if draft.returned:
        return Fate.RETURNED, ()
    if InputKind.SPOOL_OUT in folders:
        if outcomes & {Outcome.DEFERRED, Outcome.INCOMPLETE}:
            return Fate.DEFERRED, ()
        return Fate.QUEUED, ()
    if draft.tracked(*DELIVERED_OUTBOUND) or Outcome.ACCEPTED in outcomes:
        return Fate.DELIVERED, ()
    if Outcome.REFUSED in outcomes:
        return Fate.REFUSED, ()
    if Outcome.DEFERRED in outcomes:
        gone = InputKind.SPOOL_OUT in around.evidence.folders and draft.tracking
        return (Fate.UNKNOWN if gone else Fate.DEFERRED), ()
    if InputKind.PICKUP in folders:
        return Fate.QUEUED, ()
    if Outcome.INCOMPLETE in outcomes:
        if not around.cut.isdisjoint(draft.transaction_numbers):
            return Fate.UNKNOWN, (coverage.SESSION_END,)
        return Fate.INCOMPLETE, ()
    if not draft.tracked(*HANDED_OUTBOUND):
        return Fate.UNKNOWN, (coverage.TRACKING_LOG,)
    if draft.number in around.perhaps_bad:
        return Fate.UNKNOWN, (coverage.BAD_FOLDER,)
    if draft.files or draft.events or draft.tracked(*DELETED):
        return Fate.UNKNOWN, ()
    wanting = _gaps(draft, around)
    return (Fate.UNKNOWN, wanting) if wanting else (Fate.LOST, ())


def _assumed(draft: Draft, around: Surroundings) -> bool:
    """Whether the message's time is known only by a clock whose zone is not."""
    return not around.clock.known and not draft.tracking
