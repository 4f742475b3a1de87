"""A draft told as a finished message: each record one observation, in time order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from imctool.ledger.clock import ServerClock
from imctool.ledger.draft import Draft
from imctool.model.delivery_report import DeliveryReport, ReportKind
from imctool.model.direction import Direction
from imctool.model.event import Event
from imctool.model.evidence import InputKind
from imctool.model.mail import SpoolFile
from imctool.model.message import Fate, Message, Observation, ObservationKind
from imctool.model.smtp import Transaction
from imctool.model.tracking import TrackingRecord

TRACKING_EVENTS = {
    0: "message transfer in",
    1: "probe transfer in",
    2: "report transfer in",
    4: "message submission",
    5: "probe submission",
    6: "probe transfer out",
    7: "message transfer out",
    8: "report transfer out",
    9: "message delivered",
    10: "report delivered",
    26: "distribution list expansion",
    28: "message redirected",
    29: "message rerouted",
    31: "downgrading",
    33: "report absorption",
    34: "report generation",
    43: "unroutable report discarded",
    50: "gateway deleted message",
    51: "gateway deleted probe",
    52: "gateway deleted report",
    1000: "local delivery",
    1001: "backbone transfer in",
    1002: "backbone transfer out",
    1003: "gateway transfer out",
    1004: "gateway transfer in",
    1005: "gateway report transfer in",
    1006: "gateway report transfer out",
    1007: "gateway report generation",
    1010: "SMTP queued outbound",
    1011: "SMTP transferred outbound",
    1012: "SMTP received inbound",
    1013: "SMTP transferred inbound",
    1014: "SMTP message rerouted",
    1015: "SMTP report transferred in",
    1016: "SMTP report transferred out",
    1017: "SMTP report generated",
    1018: "SMTP report absorbed",
}
"""Names of the tracking events (Q174078 for 4.0, Q173364 for what 5.0 and 5.5 add)."""


def observe(
    draft: Draft,
    fate: Fate,
    wanting: tuple[str, ...],
    clock: ServerClock,
    notes: tuple[str, ...] = (),
) -> Message:
    """Return the message that the draft has become."""
    seen = sorted(_observations(draft, clock), key=_order)
    times = draft.times(clock)
    return Message(
        direction=draft.direction,
        fate=fate,
        spool_name=draft.spool_name,
        originator=_bare(draft.originator),
        recipient_count=draft.recipient_count,
        message_id=draft.message_id,
        mts_id=draft.mts_id,
        files=tuple(draft.files),
        events=tuple(draft.events),
        tracking=tuple(draft.tracking),
        transactions=tuple(draft.transactions),
        observations=tuple(seen),
        first=times[0] if times else None,
        last=times[-1] if times else None,
        assumed_zone=not clock.known and not draft.tracking,
        wanting=wanting,
        notes=notes,
        number=draft.number,
    )


def _bare(originator: str | None) -> str | None:
    """Return an address as envelopes spell it: tracking writes ``SMTP:`` before it."""
    if originator is not None and originator[:5].upper() == "SMTP:":
        return originator[5:]
    return originator


def _order(
    seen: Observation,
) -> tuple[bool, datetime, ObservationKind, tuple[str, int, int, int]]:
    moment = seen.time or datetime.min.replace(tzinfo=UTC)
    return seen.time is None, moment, seen.kind, seen.location.order


def _observations(draft: Draft, clock: ServerClock) -> Iterator[Observation]:
    for kind, file in draft.files:
        yield _of_file(kind, file, clock)
    for event in draft.events:
        yield observe_event(event, clock)
    for record in draft.tracking:
        yield _of_record(record)
    for transaction in draft.transactions:
        yield _of_transaction(transaction, clock)
    for one in draft.queued:
        text = "named in Queue.dat, which may be out of date"
        yield Observation(None, ObservationKind.QUEUE, one.location, text)
    for file in draft.report_mails():
        if file.report is not None:
            yield from _of_report(file, file.report, clock)
    for report in draft.reports:
        yield from _observations(report, clock)


_FOLDERS = {
    InputKind.SPOOL_IN: "lies in In",
    InputKind.SPOOL_IN_ARCHIVE: "lies in In\\Archive",
    InputKind.SPOOL_OUT: "lies in Out",
    InputKind.SPOOL_OUT_ARCHIVE: "lies in Out\\Archive",
    InputKind.SPOOL_WORK: "lies in Work",
    InputKind.PICKUP: "lies in Pickup",
    InputKind.TURF: "lies in the turf folder",
}


def _of_file(kind: InputKind, file: SpoolFile, clock: ServerClock) -> Observation:
    moment = file.moment
    count = file.recipient_count
    text = (
        f"{_FOLDERS.get(kind, 'was collected')}: {file.size} bytes, "
        f"{count} recipient{'' if count == 1 else 's'}"
    )
    return Observation(
        clock.utc(moment), ObservationKind.SPOOL_FILE, file.location, text, clock.assumed(moment)
    )


_MOST_FAILURES = 20


def _of_report(
    file: SpoolFile, report: DeliveryReport, clock: ServerClock
) -> Iterator[Observation]:
    """Yield one observation for each recipient that a report names, the first twenty of them."""
    moment = file.moment
    told = (clock.utc(moment), ObservationKind.REPORT, file.location)
    for failed in report.failures[:_MOST_FAILURES]:
        code = "" if failed.code is None else f" ({failed.code:08X})"
        words = " ".join(one for one in (failed.status, failed.text or failed.reason) if one)
        text = f"{_REPORTED[report.kind]} {failed.recipient}: {words}{code}"
        yield Observation(*told, " ".join(text.split()), clock.assumed(moment))
    more = len(report.failures) - _MOST_FAILURES
    if more > 0:
        yield Observation(*told, f"and {more} recipients more", clock.assumed(moment))


_REPORTED = {
    ReportKind.NON_DELIVERY: "report of non-delivery to",
    ReportKind.NOTIFICATION: "the administrator was notified of",
    ReportKind.UNKNOWN: "report in an unknown layout on",
}


def observe_event(event: Event, clock: ServerClock) -> Observation:
    """Return an event as an observation: source, number, and what it says."""
    return Observation(
        clock.utc(event.time),
        ObservationKind.EVENT,
        event.location,
        event_text(event),
        clock.assumed(event.time),
    )


def event_text(event: Event) -> str:
    """Return one line that tells the event: its text or strings, and its data decoded."""
    told = " ".join((event.message or ", ".join(event.strings)).split())
    decoded = event.decoded
    codes = [
        f"{value:08X}" for value in (decoded.location_code, decoded.hresult) if value is not None
    ]
    if codes and decoded.spool_name is not None:
        codes.append(str(decoded.spool_name))
    data = f" [data {' '.join(codes)}]" if codes else ""
    return f"{event.source} {event.event_id}{': ' + told if told else ''}{data}"


def _of_record(record: TrackingRecord) -> Observation:
    name = TRACKING_EVENTS.get(record.event, "event not documented")
    count = record.recipient_count
    text = f"{record.event} {name}, {count} recipient{'' if count == 1 else 's'}"
    return Observation(record.time, ObservationKind.TRACKING, record.location, text)


def _of_transaction(one: Transaction, clock: ServerClock) -> Observation:
    way = "from" if one.direction is Direction.INBOUND else "to"
    reply = f": {one.reply.code} {one.reply.text}" if one.reply is not None else ""
    count = one.accepted_count
    text = (
        f"SMTP session {way} {one.peer or 'an unnamed host'}, {count} "
        f"recipient{'' if count == 1 else 's'}, {one.outcome}{reply}"
    )
    moment = one.moment
    return Observation(
        clock.utc(moment),
        ObservationKind.PROTOCOL,
        one.reply.location if one.reply is not None else one.location,
        text,
        clock.assumed(moment),
    )
