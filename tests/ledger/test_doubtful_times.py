"""Sessions whose wall clock may mean two moments: they are joined by either, and never lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from site_builder import Site, came, events_text, handed_over, taken_over, went

from imctool.causes.diagnosis import diagnose
from imctool.causes.findings import Tool
from imctool.database.connection import CaseConnection
from imctool.ledger.ledger import build_ledger
from imctool.model.diagnosis import Diagnosis
from imctool.model.message import Fate
from imctool.readers.collection import collect

HOUR = timedelta(hours=1)
A, B, C = "a@x.example", "b@x.example", "c@x.example"
NEW_YORK = ZoneInfo("America/New_York")
SUMMER = datetime(2000, 7, 20)
AUTUMN = datetime(2000, 10, 29)
"""On that day the clocks of New York went back at 2:00, so that the hour before came twice."""


def fates(diagnosis: Diagnosis) -> list[tuple[str | None, Fate]]:
    return [(one.originator, one.fate) for one in diagnosis.messages]


def told(folder: Path, zone: tzinfo | None = None) -> Diagnosis:
    return diagnose(collect([folder]), Tool(frozenset(), (str(folder),)), zone)


def test_mail_of_summer_beside_a_registry_of_winter_is_told_once(tmp_path: Path) -> None:
    """The export says five hours; the server was four from UTC when the mail came."""
    in_utc = [SUMMER + timedelta(hours=hour) for hour in (9, 11, 14, 15, 23)]
    walls = [utc - 4 * HOUR for utc in in_utc]
    site = Site(
        [came(walls[1], A), went(walls[2], B), came(walls[3], C)],
        {
            "20000720": [
                taken_over(in_utc[0], "DAAAAAAA", "x@x.example"),
                taken_over(in_utc[1] + timedelta(seconds=2), "DAAAAAAB", A),
                handed_over(in_utc[2] - timedelta(seconds=9), 1, B, 7, 1003),
                taken_over(in_utc[3] + timedelta(seconds=2), "DAAAAAAC", C),
                taken_over(in_utc[4], "DAAAAAAD", "y@x.example"),
            ]
        },
        bias=300,
    )
    diagnosis = told(site.write(tmp_path))
    assert len(diagnosis.messages) == 5
    assert {one.fate for one in diagnosis.messages} == {Fate.DELIVERED}
    assert sum(bool(one.transactions) for one in diagnosis.messages) == 3


def test_a_message_that_is_tracked_at_neither_reading_is_lost(tmp_path: Path) -> None:
    first, last = SUMMER + 9 * HOUR, SUMMER + 23 * HOUR
    ends = [taken_over(first, "DAAAAAAA", A), taken_over(last, "DAAAAAAC", C)]
    site = Site([came(SUMMER + 10 * HOUR, B)], {"20000720": ends}, bias=300)
    assert (B, Fate.LOST) in fates(told(site.write(tmp_path)))


def test_a_reading_that_the_tracking_log_does_not_cover_leaves_it_open(tmp_path: Path) -> None:
    first, last = SUMMER + 9 * HOUR, SUMMER + 15 * HOUR + HOUR / 2
    ends = [taken_over(first, "DAAAAAAA", A), taken_over(last, "DAAAAAAC", C)]
    site = Site([came(SUMMER + 10 * HOUR, B)], {"20000720": ends}, bias=300)
    assert (B, Fate.UNKNOWN) in fates(told(site.write(tmp_path)))


@pytest.mark.parametrize("offset", [4, 5])
def test_in_the_hour_that_comes_twice_a_session_is_of_either_pass(
    tmp_path: Path, offset: int
) -> None:
    wall = AUTUMN + HOUR + timedelta(minutes=30)
    utc = wall + offset * HOUR
    site = Site(
        [came(wall, A), went(wall + timedelta(minutes=9), B)],
        {
            "20001029": [
                taken_over(AUTUMN + HOUR, "DAAAAAAA", "x@x.example"),
                taken_over(utc + timedelta(seconds=2), "DAAAAAAB", A),
                handed_over(utc + timedelta(minutes=8, seconds=56), 1, B, 7, 1003),
                taken_over(AUTUMN + 23 * HOUR, "DAAAAAAD", "y@x.example"),
            ]
        },
        bias=None,
    )
    diagnosis = told(site.write(tmp_path), NEW_YORK)
    assert [one.fate for one in diagnosis.messages] == [Fate.DELIVERED] * 4
    assert sum(bool(one.transactions) for one in diagnosis.messages) == 2


def test_a_loss_in_the_hour_that_comes_twice_is_still_one(tmp_path: Path) -> None:
    site = Site(
        [came(AUTUMN + HOUR, A)],
        {
            "20001029": [
                taken_over(AUTUMN + HOUR, "DAAAAAAA", "x@x.example"),
                taken_over(AUTUMN + 23 * HOUR, "DAAAAAAD", "y@x.example"),
            ]
        },
        bias=None,
    )
    assert (A, Fate.LOST) in fates(told(site.write(tmp_path), NEW_YORK))


def test_which_of_two_an_hour_apart_was_lost_is_not_guessed(tmp_path: Path) -> None:
    """One envelope at both passes of 1:30, and one record: nothing tells whose it is.

    Neither session alone may be called the lost one.
    """
    wall = AUTUMN + HOUR + timedelta(minutes=30)
    site = Site(
        [came(wall + timedelta(seconds=1), A), came(wall, A)],
        {
            "20001029": [
                taken_over(AUTUMN + HOUR, "DAAAAAAA", "x@x.example"),
                taken_over(wall + 5 * HOUR + timedelta(seconds=2), "DAAAAAAB", A),
                taken_over(AUTUMN + 23 * HOUR, "DAAAAAAD", "y@x.example"),
            ]
        },
        bias=None,
    )
    found = [fate for sender, fate in fates(told(site.write(tmp_path), NEW_YORK)) if sender == A]
    assert sorted(found) == [Fate.DELIVERED, Fate.UNKNOWN]


def test_event_4116_of_the_second_pass_finds_its_message(tmp_path: Path) -> None:
    wall = AUTUMN + HOUR + timedelta(minutes=30)
    text = 'The message that was being processed has been moved to the "BAD" folder.'
    site = Site(
        [],
        {
            "20001029": [
                taken_over(AUTUMN + HOUR, "DAAAAAAA", "x@x.example"),
                handed_over(wall + 5 * HOUR - timedelta(seconds=5), 1, B, 4, 7),
                taken_over(AUTUMN + 23 * HOUR, "DAAAAAAD", "y@x.example"),
            ]
        },
        events_text([(wall, "MSExchangeIMC", 4116, text)]),
        bias=None,
    )
    diagnosis = told(site.write(tmp_path), NEW_YORK)
    assert [one.fate for one in diagnosis.messages].count(Fate.BAD) == 1
    assert len(diagnosis.messages) == 3


def test_what_is_not_written_in_the_second_pass_proves_no_loss(tmp_path: Path) -> None:
    """3016 of the second pass: the record of the message may be the one not written."""
    wall = AUTUMN + HOUR + timedelta(minutes=30)
    text = "An error occurred while logging a message tracking record."
    site = Site(
        [came(wall, A)],
        {
            "20001029": [
                taken_over(AUTUMN + HOUR, "DAAAAAAA", "x@x.example"),
                taken_over(AUTUMN + 23 * HOUR, "DAAAAAAD", "y@x.example"),
            ]
        },
        events_text([(wall + timedelta(seconds=2), "MSExchangeIMC", 3016, text)]),
        bias=None,
    )
    assert (A, Fate.UNKNOWN) in fates(told(site.write(tmp_path), NEW_YORK))


def test_a_list_that_sends_every_hour_keeps_its_loss(
    tmp_path: Path, diagnosed: Callable[[Path], Diagnosis]
) -> None:
    """Alike mail each hour, the clock an hour in doubt: of ten sessions one has no record.

    Pairs of other mail tell the hour, and with it which of the ten was lost.
    """
    sessions, records = [], []
    for hour in range(1, 11):
        wall = SUMMER + hour * HOUR
        utc = wall + 4 * HOUR
        sessions.append(came(wall, A))
        if hour != 5:
            records.append(taken_over(utc + timedelta(seconds=2), f"DAAAAAA{hour % 10}", A))
        sender = f"n{hour}@x.example"
        sessions.append(came(wall + timedelta(minutes=20), sender))
        late = timedelta(minutes=20, seconds=2)
        records.append(taken_over(utc + late, f"DAAAAAB{hour % 10}", sender))
    site = Site(sessions, {"20000720": records}, bias=300)
    diagnosis = diagnosed(site.write(tmp_path))
    lost = [one for one in diagnosis.messages if one.fate is not Fate.DELIVERED]
    assert [(one.fate, one.first) for one in lost] == [
        (Fate.LOST, (SUMMER + 9 * HOUR).replace(tzinfo=UTC))
    ]
    assert len(diagnosis.messages) == 20
    assert diagnosis.server.time_zone_source.startswith("registry ActiveTimeBias; ")


@pytest.mark.parametrize("bias", [300, None])
def test_a_case_keeps_a_clock_that_was_pieced_together(tmp_path: Path, bias: int | None) -> None:
    sessions = [came(SUMMER + hour * HOUR, f"n{hour}@x.example") for hour in range(1, 6)]
    late = timedelta(hours=4, seconds=2)
    records = [
        taken_over(SUMMER + hour * HOUR + late, f"DAAAAAA{hour}", f"n{hour}@x.example")
        for hour in range(1, 6)
    ]
    site = Site(sessions, {"20000720": records}, bias=bias).write(tmp_path / "site")
    ledgers = []
    for _ in range(2):
        with closing(CaseConnection(tmp_path / "case.db")) as case:
            ledger = build_ledger(collect([site], case=case))
            ledgers.append((ledger.clock, tuple(ledger.messages), ledger.server))
    assert ledgers[0] == ledgers[1]
    clock = ledgers[1][0]
    assert clock.offsets is not None
    assert clock.readings(SUMMER + 3 * HOUR) == ((SUMMER + 7 * HOUR).replace(tzinfo=UTC),)
