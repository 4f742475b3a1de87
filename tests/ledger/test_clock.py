"""Wall-clock times become UTC by the best evidence of the zone there is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from spool_builder import imcr_envelope

from imctool.ledger.clock import ServerClock, derive_clock, format_offset, own_stamps
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
