"""Logs that lost a part of themselves: what they no longer show is not called lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from site_builder import (
    Site,
    came,
    events_text,
    handed_over,
    other_mail,
    record,
    taken_over,
    went,
)

from imctool.ledger import coverage
from imctool.model.diagnosis import Diagnosis
from imctool.model.message import Fate, Message
from imctool.model.tracking import plausible_mts_id

Diagnosed = Callable[[Path], Diagnosis]

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = datetime(2000, 3, 14)
NEXT = DAY + 24 * HOUR
A, B = "a@x.example", "b@x.example"


def of(diagnosis: Diagnosis, sender: str) -> Message:
    (found,) = [one for one in diagnosis.messages if one.originator == sender]
    return found


def ends(day: datetime = DAY) -> tuple[str, str]:
    """The first and the last record of a day's tracking log."""
    first = taken_over(day + MINUTE, f"DAAAA{day.day}A", "x@x.example")
    return first, taken_over(day + 24 * HOUR - MINUTE, f"DAAAA{day.day}B", "y@x.example")


# Event logs


@pytest.mark.parametrize(("last", "fate"), [(9, Fate.UNKNOWN), (14, Fate.LOST)])
def test_an_event_log_shows_nothing_behind_its_last_event(
    tmp_path: Path, diagnosed: Diagnosed, last: int, fate: Fate
) -> None:
    """Without In\\Archive only the event log tells an archived message: torn, it may not."""
    first, late = ends()
    events = [(DAY + hour * HOUR, "MSExchangeIS Private", 1221, "8 MB") for hour in (1, last)]
    site = Site(
        [came(DAY + 10 * HOUR, A)],
        {"20000314": [first, late]},
        events_text(events),
        folders=("In", "Out"),
    )
    message = of(diagnosed(site.write(tmp_path)), A)
    assert message.fate is fate
    assert (coverage.ARCHIVE_FOLDER in message.wanting) is (fate is Fate.UNKNOWN)


def test_a_log_torn_before_event_4116_takes_no_message_for_lost(
    tmp_path: Path, diagnosed: Diagnosed
) -> None:
    utc = DAY + 10 * HOUR
    text = 'The message that was being processed has been moved to the "BAD" folder.'
    events = events_text(
        [
            (DAY + HOUR, "MSExchangeIS Private", 1221, "8 MB"),
            (utc + timedelta(seconds=8), "MSExchangeIMC", 4116, text),
        ]
    )
    days = {f"200003{day}": ends(datetime(2000, 3, day)) for day in range(15, 20)}
    days["20000314"] = (ends()[0], handed_over(utc, 1, B, 4, 7), ends()[1])
    torn = Site(tracking=days, events=events[: events.index("Event ID:\t4116")])
    (message,) = [
        one for one in diagnosed(torn.write(tmp_path)).messages if one.direction == "outbound"
    ]
    assert (message.fate, message.wanting) == (Fate.UNKNOWN, (coverage.EVENT_LOG,))


# Tracking logs


def test_what_came_before_a_log_that_lost_its_beginning_is_not_lost(
    tmp_path: Path, diagnosed: Diagnosed
) -> None:
    """The head of the day is gone, in the middle of a record: its MTS-ID ends in Z-101."""
    beheaded = handed_over(DAY + 12 * HOUR, 101, B, 1003).partition("l=SRV-000314120000")[2]
    late = taken_over(DAY + 23 * HOUR, "DAAAAAAC", "y@x.example")
    site = Site(
        [came(DAY + 10 * HOUR, A)],
        {
            "20000313": ends(DAY - 24 * HOUR),
            "20000314": [beheaded, late],
            "20000315": ends(NEXT),
        },
    )
    message = of(diagnosed(site.write(tmp_path)), A)
    assert message.fate is Fate.UNKNOWN


def test_a_record_that_lost_its_beginning_makes_no_lost_message(
    tmp_path: Path, diagnosed: Diagnosed
) -> None:
    beheaded = handed_over(DAY + 2 * HOUR, 101, B, 1010).partition("l=SRV-000314020000")[2]
    days = {f"200003{day}": ends(datetime(2000, 3, day)) for day in range(15, 20)}
    quiet = [(DAY + hour * HOUR, "MSExchangeIS", 1221, "8") for hour in (1, 90)]
    site = Site(tracking={"20000314": [beheaded, *ends()], **days}, events=events_text(quiet))
    found = [one for one in diagnosed(site.write(tmp_path)).messages if one.mts_id == "Z-101"]
    assert [(one.fate, one.wanting) for one in found] == [(Fate.UNKNOWN, (coverage.WHOLE_RECORD,))]


def test_the_mts_ids_of_the_field_are_plausible() -> None:
    for mts_id in (
        "C=IE;A=eirmail400;P=digital;L=DBO-EXCHANGE- 980304111409Z-23655",
        "c=US;a= ;p=Microsoft;l=RAYDEN9711051951WKA6D6YM",
        "0123456789ABCDEF0123456789abcdef",
    ):
        assert plausible_mts_id(mts_id)
        assert not plausible_mts_id(mts_id[1:])


@pytest.mark.parametrize(("until", "fate"), [(24, Fate.LOST), (8, Fate.UNKNOWN)])
def test_a_log_torn_behind_a_whole_record_is_told_by_the_mail_that_is_missing(
    tmp_path: Path, diagnosed: Diagnosed, until: int, fate: Fate
) -> None:
    """Mail between mailboxes comes every half hour: silence from 8:00 on means a loss of log."""
    mail = other_mail(DAY + MINUTE, DAY + until * HOUR - MINUTE, HOUR / 2)
    following = other_mail(NEXT + MINUTE, NEXT + 5 * HOUR, HOUR / 2)
    first = taken_over(DAY + 2 * MINUTE, "DAAAAAAA", "x@x.example")
    tracking = {"20000314": [first, mail], "20000315": [following]}
    site = Site([came(DAY + 10 * HOUR, A)], tracking)
    assert of(diagnosed(site.write(tmp_path)), A).fate is fate


@pytest.mark.parametrize("hour", [11, None])
def test_a_log_that_lacks_mail_another_host_took_is_not_trusted_beyond_its_last_record(
    tmp_path: Path, diagnosed: Diagnosed, hour: int | None
) -> None:
    """An untracked inbound session may be a loss; an outbound one was tracked for certain."""
    sessions = [came(DAY + 10 * HOUR, A)]
    if hour is not None:
        sessions.append(went(DAY + hour * HOUR, B))
    first = taken_over(DAY + HOUR, "DAAAAAAA", "x@x.example")
    site = Site(sessions, {"20000314": [first], "20000315": ends(NEXT)})
    message = of(diagnosed(site.write(tmp_path)), A)
    assert message.fate is (Fate.LOST if hour is None else Fate.UNKNOWN)


# Mail that may still be retried

OUT = "guest@far.example"


def outbound_site(days: int, sessions: list[str], folders: tuple[str, ...] = ("In", "Out")) -> Site:
    """A message handed over at 10:00 of the first day and tracked no further."""
    tracking: dict[str, list[str]] = {
        f"200003{14 + day}": list(ends(DAY + day * 24 * HOUR)) for day in range(days)
    }
    tracking["20000314"].insert(1, handed_over(DAY + 10 * HOUR, 1, OUT, 4, 7, 1010))
    quiet = [(DAY + hour * HOUR, "MSExchangeIS", 1221, "8") for hour in (1, 24 * days - 1)]
    return Site(sessions, tracking, events_text(quiet), folders=folders)


def outbound(diagnosis: Diagnosis) -> Message:
    (found,) = [one for one in diagnosis.messages if one.mts_id and one.mts_id.endswith("Z-1")]
    return found


@pytest.mark.parametrize(("days", "fate"), [(1, Fate.UNKNOWN), (4, Fate.UNKNOWN), (6, Fate.LOST)])
def test_mail_that_may_be_retried_for_days_is_lost_only_behind_them(
    tmp_path: Path, diagnosed: Diagnosed, days: int, fate: Fate
) -> None:
    message = outbound(diagnosed(outbound_site(days, []).write(tmp_path)))
    wanting = () if fate is Fate.LOST else (coverage.TRACKING_LATER,)
    assert (message.fate, message.wanting) == (fate, wanting)


def attempts(*hours: int) -> tuple[list[str], str]:
    """Return sessions of other mail at those hours, and the records of its transfers."""
    sessions, records = [], ""
    for hour in hours:
        sessions.append(went(DAY + hour * HOUR, f"n{hour}@far.example"))
        handed = DAY + hour * HOUR - timedelta(seconds=6)
        records += handed_over(handed, hour * 10, f"n{hour}@far.example", 7, 1011)
    return sessions, records


def test_mail_that_a_full_protocol_log_shows_no_attempt_of_is_lost(
    tmp_path: Path, diagnosed: Diagnosed
) -> None:
    sessions, records = attempts(9, 12, 23)
    site = outbound_site(1, sessions)
    site.tracking = {"20000314": [*site.tracking["20000314"][:2], records, ends()[1]]}
    assert outbound(diagnosed(site.write(tmp_path))).fate is Fate.LOST


def test_a_protocol_log_that_lacks_other_sessions_may_lack_its_attempts_as_well(
    tmp_path: Path, diagnosed: Diagnosed
) -> None:
    sessions, records = attempts(9, 12, 23)
    site = outbound_site(1, [sessions[0], sessions[2]])
    site.tracking = {"20000314": [*site.tracking["20000314"][:2], records, ends()[1]]}
    message = outbound(diagnosed(site.write(tmp_path)))
    assert (message.fate, message.wanting) == (Fate.UNKNOWN, (coverage.TRACKING_LATER,))


def test_an_attempt_that_the_log_is_cut_in_may_have_succeeded(
    tmp_path: Path, diagnosed: Diagnosed
) -> None:
    session = went(DAY + 10 * HOUR, OUT)
    site = Site([session[: session.index("<<< 250 taken")]])
    (message,) = diagnosed(site.write(tmp_path)).messages
    assert (message.fate, message.wanting) == (Fate.UNKNOWN, (coverage.SESSION_END,))


def test_a_session_that_lost_its_beginning_is_no_lost_message(
    tmp_path: Path, diagnosed: Diagnosed
) -> None:
    """From the first RCPT on: whose it was is gone, so the record of it cannot be found."""
    session = came(DAY + 10 * HOUR, A)
    begun = session[session.index(f"{DAY + 10 * HOUR:%Y-%m-%d %H:%M:%S} : <<< RCPT") :]
    first, last = ends()
    taken = record("c=US;a= ;p=O;l=SRV0003141000DAAAAAAC", 1004, DAY + 10 * HOUR, A, "b@o.example")
    site = Site([begun, came(DAY + 20 * HOUR, B)], {"20000314": [first, taken, last]})
    fates = {one.originator: one.fate for one in diagnosed(site.write(tmp_path)).messages}
    assert fates[None] is Fate.UNKNOWN
    assert fates[A] is Fate.DELIVERED
    assert fates[B] is Fate.LOST


def test_a_hand_over_that_the_store_makes_late_is_not_missed_at_the_end_of_the_log(
    tmp_path: Path, diagnosed: Diagnosed
) -> None:
    """1012 was written; 1013 may come minutes later, when the log has ended."""
    begun = record("c=US;a= ;p=O;l=SRV0003142350DAAAAAAC", 1012, DAY + 23 * HOUR + 50 * MINUTE, A)
    tracking = {"20000314": [*ends()[:1], begun, ends()[1]]}
    message = of(diagnosed(Site(tracking=tracking).write(tmp_path)), A)
    assert message.fate is Fate.UNKNOWN
