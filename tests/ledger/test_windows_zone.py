"""The server's zone out of its registry, held against the zones that the world agreed on."""

from __future__ import annotations

import pickle
import struct
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.ledger.windows_zone import WindowsZone, zone_from_registry
from imctool.model.evidence import Location
from imctool.model.settings import RegistryValue
from imctool.readers.registry import Data

CONTROL = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control"


def date(month: int, day: int, hour: int, *, weekday: int = 0, year: int = 0) -> bytes:
    """Return TIME_FIELDS: ``day`` is which Sunday of the month, unless there is a year."""
    return struct.pack("<8H", year, month, day, hour, 0, 0, 0, weekday)


def values(
    members: dict[str, Data], *, key: str = CONTROL, path: str = "x.reg"
) -> list[RegistryValue]:
    return [
        RegistryValue(Location(path), rf"{key}\TimeZoneInformation", name, data)
        for name, data in members.items()
    ]


def export(
    name: str, bias: int, to_daylight: bytes = bytes(16), to_standard: bytes = bytes(16)
) -> dict[str, Data]:
    """Return the values of a zone as Windows writes them; DWORDs have no sign in an export."""
    return {
        "Bias": bias & 0xFFFFFFFF,
        "StandardName": f"{name} Standard Time",
        "StandardBias": 0,
        "StandardStart": to_standard,
        "DaylightName": f"{name} Daylight Time",
        "DaylightBias": 0xFFFFFFC4,
        "DaylightStart": to_daylight,
        "ActiveTimeBias": bias & 0xFFFFFFFF,
    }


EASTERN = export("Eastern", 300, date(4, 1, 2), date(10, 5, 2))
SYDNEY = export("AUS Eastern", -600, date(10, 5, 2), date(3, 5, 3))
BERLIN = export("W. Europe", -60, date(3, 5, 2), date(10, 5, 3))
TOKYO = export("Tokyo", -540)


def zone(members: dict[str, Data]) -> WindowsZone:
    found = zone_from_registry(values(members))
    assert found is not None
    return found[0]


def known(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        pytest.skip("no time zone data on this machine")


class TestAgainstTheWorld:
    """Years in which the zone kept the rules of the export."""

    @settings(max_examples=80, deadline=None)
    @pytest.mark.parametrize(
        ("members", "name", "first", "last"),
        [
            (EASTERN, "America/New_York", 1990, 2006),
            (SYDNEY, "Australia/Sydney", 2001, 2005),
            (BERLIN, "Europe/Berlin", 1996, 2010),
            (TOKYO, "Asia/Tokyo", 1990, 2010),
        ],
    )
    @given(data=st.data())
    def test_every_moment_is_told_alike(
        self, members: dict[str, Data], name: str, first: int, last: int, data: st.DataObject
    ) -> None:
        ours, theirs = zone(members), known(name)
        begin = datetime(first, 1, 1)
        hours = st.integers(0, (datetime(last, 12, 31) - begin) // timedelta(hours=1))
        near = st.sampled_from([*changes(theirs, first, last), begin])
        moment = data.draw(
            st.one_of(
                hours.map(lambda one: begin + timedelta(hours=one)),
                st.builds(lambda at, by: at + timedelta(minutes=by), near, st.integers(-200, 200)),
            )
        )
        moment = max(moment, begin)
        utc = moment.replace(tzinfo=UTC)
        there, here = utc.astimezone(theirs), utc.astimezone(ours)
        assert here.replace(tzinfo=None) == there.replace(tzinfo=None)
        assert (here.fold, here.utcoffset(), here.dst()) == (
            there.fold,
            there.utcoffset(),
            there.dst(),
        )
        assert here.astimezone(UTC) == utc
        for fold in (0, 1):
            wall = moment.replace(fold=fold)
            assert wall.replace(tzinfo=ours).astimezone(UTC) == (
                wall.replace(tzinfo=theirs).astimezone(UTC)
            )


@cache
def changes(known_zone: ZoneInfo, first: int, last: int) -> list[datetime]:
    """Return the days, in UTC, on which the clocks of a zone changed."""
    days = [
        datetime(first, 1, 1, tzinfo=UTC) + timedelta(days=one)
        for one in range((last - first) * 365)
    ]
    offsets = [one.astimezone(known_zone).utcoffset() for one in days]
    return [
        day.replace(tzinfo=None) + timedelta(hours=hour)
        for day, before, after in zip(days, offsets, offsets[1:], strict=False)
        if before != after
        for hour in (0, 8, 16)
    ]


class TestWallClock:
    def test_the_hour_that_comes_twice_is_at_first_daylight_saving_time(self) -> None:
        wall = datetime(1998, 10, 25, 1, 30, tzinfo=zone(EASTERN))
        assert wall.astimezone(UTC) == datetime(1998, 10, 25, 5, 30, tzinfo=UTC)
        assert wall.replace(fold=1).astimezone(UTC) == datetime(1998, 10, 25, 6, 30, tzinfo=UTC)

    def test_an_hour_that_never_was_comes_out_behind_the_change(self) -> None:
        eastern = zone(EASTERN)
        skipped = datetime(1998, 4, 5, 2, 30, tzinfo=eastern)
        moment = skipped.astimezone(UTC)
        assert moment == datetime(1998, 4, 5, 7, 30, tzinfo=UTC)
        assert moment.astimezone(eastern).replace(tzinfo=None) == datetime(1998, 4, 5, 3, 30)

    def test_the_southern_summer_reaches_over_the_new_year(self) -> None:
        sydney = zone(SYDNEY)
        summer = datetime(2001, 1, 1, tzinfo=sydney)
        assert (summer.utcoffset(), summer.dst()) == (timedelta(hours=11), timedelta(hours=1))
        assert summer.tzname() == "AUS Eastern Daylight Time"
        winter = datetime(2001, 7, 1, tzinfo=sydney)
        assert (winter.utcoffset(), winter.dst()) == (timedelta(hours=10), timedelta(0))
        assert winter.tzname() == "AUS Eastern Standard Time"

    def test_a_weekday_other_than_sunday(self) -> None:
        """Cairo, 1998: from the last Friday of April to the last Thursday of September."""
        friday, thursday = date(4, 5, 1, weekday=5), date(9, 5, 23, weekday=4)
        cairo = zone(export("Egypt", -120, friday, thursday))
        hours = {
            day: datetime(1998, *day, 12, tzinfo=cairo).utcoffset() == timedelta(hours=3)
            for day in [(4, 23), (4, 24), (9, 24), (9, 25)]
        }
        assert hours == {(4, 23): False, (4, 24): True, (9, 24): True, (9, 25): False}

    def test_a_date_with_a_year_holds_for_that_year_alone(self) -> None:
        begin, end = date(4, 5, 2, year=1998), date(10, 25, 2, year=1998)
        once = zone(export("Once", 300, begin, end))
        july = [datetime(year, 7, 1, tzinfo=once).dst() for year in (1997, 1998, 1999)]
        assert july == [timedelta(0), timedelta(hours=1), timedelta(0)]
        assert datetime(1998, 4, 5, 1, 59, tzinfo=once).dst() == timedelta(0)
        assert datetime(1998, 4, 5, 3, 0, tzinfo=once).dst() == timedelta(hours=1)

    def test_a_southern_date_with_a_year_holds_at_both_ends_of_that_year(self) -> None:
        begin, end = date(10, 25, 2, year=1998), date(3, 29, 3, year=1998)
        once = zone(export("Once", -600, begin, end))
        summer = [
            bool(datetime(*day, 12, tzinfo=once).dst())
            for day in [(1997, 12, 31), (1998, 1, 1), (1998, 7, 1), (1998, 12, 31), (1999, 1, 1)]
        ]
        assert summer == [False, True, False, True, False]

    @pytest.mark.parametrize("fold", [0, 1])
    def test_the_ends_of_time_are_no_error_of_the_zone(self, fold: int) -> None:
        eastern = zone(EASTERN)
        for year in (1, 2, 9998, 9999):
            assert datetime(year, 6, 1, fold=fold, tzinfo=eastern).utcoffset() is not None


class TestRegistry:
    def test_it_is_said_how_the_zone_was_found(self) -> None:
        found = zone_from_registry(values(EASTERN))
        assert found is not None
        assert found[1] == "registry TimeZoneInformation: Eastern Standard Time"
        assert str(found[0]) == "Eastern Standard Time"

    def test_a_zone_without_a_name_is_told_by_its_offset(self) -> None:
        found = zone_from_registry(values(EASTERN | {"StandardName": ""}))
        assert found is not None
        assert (str(found[0]), found[1]) == ("UTC-05:00", "registry TimeZoneInformation")

    def test_the_name_of_a_key_stands_in_for_a_name_in_a_resource_file(self) -> None:
        members = EASTERN | {
            "StandardName": "@tzres.dll,-112",
            "TimeZoneKeyName": "Eastern Standard Time\0\u6319\u7674",
        }
        assert str(zone(members)) == "Eastern Standard Time"

    @pytest.mark.parametrize(
        "members",
        [
            {"ActiveTimeBias": 300},
            {"Bias": 300},
            {"Bias": 300, "StandardBias": 0, "DaylightBias": 0xFFFFFFC4},
            EASTERN | {"StandardStart": date(10, 5, 2)[:14]},
            EASTERN | {"StandardStart": date(13, 5, 2)},
            EASTERN | {"DaylightStart": date(4, 0, 2)},
            EASTERN | {"DaylightStart": date(4, 6, 2)},
            EASTERN | {"DaylightStart": date(4, 1, 24)},
            EASTERN | {"DaylightStart": date(4, 1, 2, weekday=7)},
            EASTERN | {"DaylightStart": date(2, 30, 2, year=1998)},
            EASTERN | {"Bias": 9000},
            EASTERN | {"Bias": "300"},
            EASTERN | {"DaylightBias": b"\0\0\0\0"},
        ],
    )
    def test_what_is_not_told_in_full_is_not_guessed(self, members: dict[str, Data]) -> None:
        assert zone_from_registry(values(members)) is None

    def test_without_daylight_saving_the_offset_is_always_the_same(self) -> None:
        for members in (TOKYO, EASTERN | {"DisableAutoDaylightTimeSet": 1}):
            fixed = zone(members)
            offsets = {datetime(1998, month, 1, tzinfo=fixed).utcoffset() for month in range(1, 13)}
            assert offsets == {timedelta(hours=9 if members is TOKYO else -5)}

    def test_daylight_saving_that_is_not_disabled_is_on(self) -> None:
        members = EASTERN | {"DisableAutoDaylightTimeSet": 0}
        assert datetime(1998, 7, 1, tzinfo=zone(members)).dst() == timedelta(hours=1)

    def test_the_current_control_set_counts_before_the_last_good_one(self) -> None:
        old = values(TOKYO, key=CONTROL.replace("CurrentControlSet", "ControlSet001"))
        found = zone_from_registry([*old, *values(EASTERN)])
        assert found == (zone(EASTERN), "registry TimeZoneInformation: Eastern Standard Time")
        alone = zone_from_registry(old)
        assert alone == (zone(TOKYO), "registry TimeZoneInformation: Tokyo Standard Time")

    def test_exports_that_differ_are_not_mixed_and_it_is_said(self) -> None:
        exports = [*values(EASTERN, path="a.reg"), *values(TOKYO, path="b.reg")]
        found = zone_from_registry(exports)
        assert found is not None
        assert found[0] == zone(EASTERN)
        assert found[1].endswith("Eastern Standard Time (the first of several that differ)")
        half = values({"Bias": 0xFFFFFF88}, path="half.reg")
        again = zone_from_registry([*half, *values(EASTERN, path="a.reg")])
        assert again == (zone(EASTERN), "registry TimeZoneInformation: Eastern Standard Time")

    def test_values_of_other_keys_are_no_zone(self) -> None:
        others = [
            RegistryValue(Location("x.reg"), rf"{CONTROL}\Windows", name, data)
            for name, data in EASTERN.items()
        ]
        assert zone_from_registry(others) is None

    def test_a_zone_goes_to_another_process_and_into_a_set(self) -> None:
        eastern = zone(EASTERN)
        again = pickle.loads(pickle.dumps(eastern))
        assert again == eastern
        assert {again, eastern, zone(TOKYO)} == {eastern, zone(TOKYO)}
        moment = datetime(1998, 7, 1, tzinfo=eastern)
        assert pickle.loads(pickle.dumps(moment)).astimezone(UTC) == moment.astimezone(UTC)

    @settings(max_examples=80, deadline=None)
    @given(
        st.integers(0, 2**32 - 1) | st.integers(-840, 840).map(lambda one: one & 0xFFFFFFFF),
        st.binary(min_size=16, max_size=16)
        | st.builds(date, st.integers(0, 13), st.integers(0, 6), st.integers(0, 25)),
        st.builds(date, st.integers(1, 12), st.integers(1, 5), st.integers(0, 23)),
        st.datetimes(datetime(1990, 1, 1), datetime(2010, 12, 31)),
    )
    def test_no_values_raise_and_no_moment_is_lost(
        self, bias: int, to_daylight: bytes, to_standard: bytes, moment: datetime
    ) -> None:
        members = export("Any", 0, to_daylight, to_standard) | {"Bias": bias}
        found = zone_from_registry(values(members))
        if found is None:
            return
        utc = moment.replace(tzinfo=UTC)
        local = utc.astimezone(found[0])
        assert local.utcoffset() in (found[0].standard, found[0].daylight)
        assert local.astimezone(UTC) == utc
