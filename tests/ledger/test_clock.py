"""Wall-clock times become UTC by the best evidence of the zone there is."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spool_builder import imcr_envelope

from imctool.ledger.clock import WIDEST, ServerClock, derive_clock, format_offset, own_stamps
from imctool.model.evidence import Location
from imctool.model.mail import SpoolFile
from imctool.model.settings import RegistryValue
from imctool.readers.received import with_own_received
from imctool.readers.spool_file import spool_file_from_buffer

NAME = "WKA6D6YM"


def mail(received: str, envelope: bytes = b"") -> SpoolFile:
    text = (
        "Received: from a by b with SMTP (Microsoft Exchange Internet Mail Service "
        f"Version 5.5.2653.13)\r\n\tid {NAME}; {received}\r\nFrom: a@b\r\n\r\n"
    )
    file = spool_file_from_buffer(envelope + text.encode(), Location(f"In/{NAME}"))
    return with_own_received(file)


WINTER = mail("Wed, 5 Nov 1997 14:51:27 -0500")
SUMMER = mail("Wed, 5 Jun 1997 14:51:27 -0400")


def bias(minutes: int) -> RegistryValue:
    key = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\TimeZoneInformation"
    return RegistryValue(Location("x.reg"), key, "ActiveTimeBias", minutes & 0xFFFFFFFF)


def test_own_received_lines_carry_daylight_saving_of_their_day() -> None:
    clock = derive_clock(None, [bias(480)], own_stamps([WINTER, SUMMER]))
    assert clock.utc(datetime(1997, 11, 20, 12)) == datetime(1997, 11, 20, 17, tzinfo=UTC)
    assert clock.utc(datetime(1997, 6, 20, 12)) == datetime(1997, 6, 20, 16, tzinfo=UTC)
    assert clock.known
    assert clock.describe() == "-0400/-0500"


def test_a_zone_given_wins() -> None:
    clock = derive_clock(ZoneInfo("America/New_York"), [], own_stamps([WINTER]))
    assert clock.utc(datetime(1999, 7, 1, 12)) == datetime(1999, 7, 1, 16, tzinfo=UTC)
    assert clock.source == "given by --timezone"


def test_the_registry_bias_counts_minutes_west() -> None:
    east = derive_clock(None, [bias(-120)], [])
    assert east.utc(datetime(1999, 1, 1, 12)) == datetime(1999, 1, 1, 10, tzinfo=UTC)


def test_envelope_time_beside_mts_id_gives_the_offset() -> None:
    wall = datetime(1997, 11, 5, 14, 51, 27)
    envelope = imcr_envelope(time=wall, mts_id=f"c=US;a= ;p=M;l=RAYDEN9711051951{NAME}")
    file = spool_file_from_buffer(envelope + b"From: a@b\r\n\r\n", Location(f"In/{NAME}"))
    clock = derive_clock(None, [], own_stamps([file]), lambda: [file])
    assert clock.utc(wall) == datetime(1997, 11, 5, 19, 51, 27, tzinfo=UTC)


def test_pairs_count_only_where_most_agree() -> None:
    start = datetime(2000, 1, 1, 12, tzinfo=UTC)
    east = [(start.replace(tzinfo=None) + timedelta(hours=2, seconds=n), start) for n in range(3)]
    odd = (datetime(2000, 1, 1, 5), start)
    assert derive_clock(None, [], [], pairs=lambda: [*east, odd]).describe() == "+0200"
    assert not derive_clock(None, [], [], pairs=lambda: [east[0], odd]).known


def test_without_evidence_the_zone_is_assumed_and_said() -> None:
    clock = ServerClock()
    moment = datetime(2000, 1, 1, 12)
    assert clock.utc(moment) == moment.replace(tzinfo=UTC)
    assert clock.assumed(moment)
    assert not clock.assumed(moment.replace(tzinfo=UTC))
    assert clock.describe() is None


def test_times_at_the_ends_of_the_calendar_do_not_raise() -> None:
    clock = ServerClock(zone=timezone(timedelta(hours=14)))
    assert clock.utc(datetime(1, 1, 1)) is not None
    assert clock.utc(datetime(9999, 12, 31, 23)) is not None


def test_offsets_are_written_as_in_mail() -> None:
    assert format_offset(timedelta(hours=-5)) == "-0500"
    assert format_offset(timedelta(hours=5, minutes=30)) == "+0530"


def time_zone_values(members: dict[str, int | bytes | str]) -> list[RegistryValue]:
    key = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\TimeZoneInformation"
    return [RegistryValue(Location("x.reg"), key, name, data) for name, data in members.items()]


def sunday(month: int, which: int) -> bytes:
    return struct.pack("<8H", 0, month, which, 2, 0, 0, 0, 0)


EASTERN = time_zone_values(
    {
        "Bias": 300,
        "StandardName": "Eastern Standard Time",
        "StandardStart": sunday(10, 5),
        "DaylightBias": (-60) & 0xFFFFFFFF,
        "DaylightStart": sunday(4, 1),
        "ActiveTimeBias": 240,
    }
)


def test_the_registry_tells_the_days_between_the_received_lines_it_agrees_with() -> None:
    clock = derive_clock(None, EASTERN, own_stamps([WINTER, SUMMER]))
    assert clock.source == (
        "the server's own Received lines; registry TimeZoneInformation: Eastern Standard Time"
    )
    assert clock.readings(datetime(1997, 10, 25, 23)) == (datetime(1997, 10, 26, 3, tzinfo=UTC),)
    assert clock.readings(datetime(1997, 10, 26, 12)) == (datetime(1997, 10, 26, 17, tzinfo=UTC),)


def test_received_lines_win_over_a_registry_that_differs() -> None:
    clock = derive_clock(None, EASTERN, own_stamps([mail("Wed, 5 Nov 1997 14:51:27 -0800")]))
    assert clock.utc(datetime(1997, 11, 5, 12)) == datetime(1997, 11, 5, 20, tzinfo=UTC)
    assert clock.source.endswith("; the registry's TimeZoneInformation differs")


def test_the_registry_alone_tells_the_zone() -> None:
    clock = derive_clock(None, EASTERN, [])
    assert clock.utc(datetime(1997, 7, 1, 12)) == datetime(1997, 7, 1, 16, tzinfo=UTC)
    assert clock.utc(datetime(1997, 12, 1, 12)) == datetime(1997, 12, 1, 17, tzinfo=UTC)
    assert clock.source == "registry TimeZoneInformation: Eastern Standard Time"


@pytest.mark.parametrize("zone", [ZoneInfo("America/New_York"), None])
def test_the_hour_that_comes_twice_has_two_readings(zone: ZoneInfo | None) -> None:
    clock = derive_clock(zone, [] if zone is not None else EASTERN, [])
    twice = datetime(1997, 10, 26, 1, 30)
    assert clock.readings(twice) == (
        datetime(1997, 10, 26, 5, 30, tzinfo=UTC),
        datetime(1997, 10, 26, 6, 30, tzinfo=UTC),
    )
    assert clock.readings(twice + timedelta(hours=1)) == (
        datetime(1997, 10, 26, 7, 30, tzinfo=UTC),
    )


def test_active_time_bias_leaves_an_hour_in_doubt() -> None:
    clock = derive_clock(None, [bias(300)], [])
    hours = [reading.hour for reading in clock.readings(datetime(1999, 1, 1, 12))]
    assert hours == [17, 16, 18]


def test_bias_beside_active_time_bias_tells_which_hour_is_in_doubt() -> None:
    values = time_zone_values({"Bias": 300, "ActiveTimeBias": 240})
    hours = [one.hour for one in derive_clock(None, values, []).readings(datetime(1999, 1, 1, 12))]
    assert hours == [16, 17]


def test_pairs_tell_when_the_clocks_were_changed() -> None:
    """The registry is of winter; messages in both logs show the summer up to the 26th."""
    pairs = [
        (datetime(1997, 10, day, 12), datetime(1997, 10, day, 16 if day < 26 else 17, tzinfo=UTC))
        for day in range(20, 30)
    ]
    span = (datetime(1997, 10, 20), datetime(1997, 10, 30))
    clock = derive_clock(None, [bias(300)], [], pairs=lambda: pairs, spans=[span])
    assert clock.readings(datetime(1997, 10, 23, 3)) == (datetime(1997, 10, 23, 7, tzinfo=UTC),)
    assert clock.readings(datetime(1997, 10, 28, 3)) == (datetime(1997, 10, 28, 8, tzinfo=UTC),)
    assert len(clock.readings(datetime(1997, 10, 26, 1, 30))) == 2
    assert clock.source.startswith("registry ActiveTimeBias; ")


def test_a_single_pair_that_differs_changes_nothing() -> None:
    pair = (datetime(1997, 10, 23, 12), datetime(1997, 10, 23, 16, tzinfo=UTC))
    span = (datetime(1997, 10, 20), datetime(1997, 10, 30))
    clock = derive_clock(None, [bias(300)], [], pairs=lambda: [pair], spans=[span])
    assert clock.utc(datetime(1997, 10, 23, 12)) == datetime(1997, 10, 23, 17, tzinfo=UTC)


YEAR = datetime(1997, 1, 1, tzinfo=UTC)
SECONDS = st.integers(0, 2 * 365 * 86400)


@given(
    st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Sydney", "Asia/Kolkata"]),
    st.lists(SECONDS, min_size=1, max_size=30),
    SECONDS,
)
def test_the_true_moment_is_always_among_the_readings(
    name: str, sighted: list[int], asked: int
) -> None:
    """Whatever Received lines there are, and whenever a session was."""
    zone = ZoneInfo(name)
    walls = [(YEAR + timedelta(seconds=one)).astimezone(zone) for one in sighted]
    stamps = [(wall.replace(tzinfo=None, fold=0), wall.utcoffset()) for wall in walls]
    clock = derive_clock(None, [], [(wall, offset) for wall, offset in stamps if offset])
    moment = YEAR + timedelta(seconds=asked)
    wall = moment.astimezone(zone).replace(tzinfo=None, fold=0)
    assert not clock.known or moment in clock.readings(wall)
    assert clock.utc(wall) in clock.readings(wall)
    assert clock.utc(wall) == clock.readings(wall)[0]


@given(
    st.lists(st.tuples(st.datetimes(), st.timedeltas(-WIDEST, WIDEST)), max_size=20),
    st.datetimes(),
)
def test_no_sighting_makes_a_clock_that_raises(
    stamps: list[tuple[datetime, timedelta]], time: datetime
) -> None:
    clock = derive_clock(None, [], stamps, pairs=list, spans=[(time, time)])
    assert clock.utc(time) in clock.readings(time)
    assert 1 <= len(clock.readings(time)) <= 22
