"""Locale-formatted dates."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.readers.local_time import DateOrder, detect_date_order, parse_local_time

MDY, DMY, YMD = DateOrder.MDY, DateOrder.DMY, DateOrder.YMD


@pytest.mark.parametrize(
    ("date", "time", "order", "expected"),
    [
        ("5/22/97", "12:55:53 PM", MDY, datetime(1997, 5, 22, 12, 55, 53)),
        ("31/12/96", "19:56:34", DMY, datetime(1996, 12, 31, 19, 56, 34)),
        ("2/6/98", "6:33:11", MDY, datetime(1998, 2, 6, 6, 33, 11)),
        ("04.01.12", "15:37:21", DMY, datetime(2012, 1, 4, 15, 37, 21)),
        ("2000-01-11", "15:17:57", MDY, datetime(2000, 1, 11, 15, 17, 57)),
        ("2000. 01. 11.", "15.17", DMY, datetime(2000, 1, 11, 15, 17)),
        ("00/01/11", "12:00 a.m.", YMD, datetime(2000, 1, 11)),
        ("1/11/2000", "3:17:57\u202fPM", MDY, datetime(2000, 1, 11, 15, 17, 57)),
        ("1/1/69", "0:00:00.250", MDY, datetime(2069, 1, 1, 0, 0, 0, 250000)),
        ("1/1/70", "23:59:59", MDY, datetime(1970, 1, 1, 23, 59, 59)),
    ],
)
def test_dates_of_every_locale_order(
    date: str, time: str, order: DateOrder, expected: datetime
) -> None:
    assert parse_local_time(date, time, order) == expected


@pytest.mark.parametrize(
    ("date", "time"),
    [
        ("13/13/99", "1:00"),
        ("2/30/99", "1:00"),
        ("1/1/99", "13:00 PM"),
        ("1/1/99", "0:00 AM"),
        ("1/1/99", "24:00"),
        ("1/1/99", "1:60"),
        ("1/1/999", "1:00"),
        ("1/1/99", ""),
        ("", "1:00"),
    ],
)
def test_what_is_no_time_is_none(date: str, time: str) -> None:
    assert parse_local_time(date, time, MDY) is None


def test_a_day_over_twelve_decides_the_order() -> None:
    assert detect_date_order(["5/12/00", "5/13/00"]) is MDY
    assert detect_date_order(["01.12.96", "31.12.96"]) is DMY
    assert detect_date_order(["99/12/31"]) is YMD


def test_the_order_without_turns_wins() -> None:
    assert detect_date_order(["11/1/99", "12/1/99", "1/2/00"]) is DMY
    assert detect_date_order(["1/11/99", "1/12/99", "2/1/99"]) is MDY


def test_consecutive_days_decide_where_no_date_turns() -> None:
    assert detect_date_order(["1/11/97", "2/11/97", "3/11/97"]) is DMY
    assert detect_date_order(["11/3/97", "11/2/97", "11/1/97"]) is MDY


def test_one_damaged_date_does_not_hide_the_order() -> None:
    assert detect_date_order(["31/12/96", "99/99/99", "30/12/96", "12/31/96", "29/12/96"]) is DMY


def test_reading_stops_once_the_order_is_beyond_doubt() -> None:
    dates = iter(["1/5/97", "1/13/97", "1/14/97", "1/15/97", "1/16/97"])
    assert detect_date_order(dates) is MDY
    assert list(dates) == ["1/16/97"]


def test_dates_with_the_year_in_front_are_ymd() -> None:
    assert detect_date_order(["2000-01-11", "2000-01-12"]) is YMD


@pytest.mark.parametrize("dates", [[], ["5/5/00"], ["1/2/00"], ["no date"], ["99/99/99"]])
def test_what_does_not_decide_is_none(dates: list[str]) -> None:
    assert detect_date_order(dates) is None


@given(st.lists(st.text(alphabet="0123456789/.- x", max_size=12), max_size=8), st.text(max_size=12))
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_without_error(dates: list[str], time: str) -> None:
    order = detect_date_order(dates)
    for date in dates:
        read = parse_local_time(date, time, order or MDY)
        assert read is None or read.tzinfo is None


@pytest.mark.slow
@given(st.datetimes(datetime(1970, 1, 1), datetime(2069, 12, 31)), st.sampled_from(DateOrder))
@settings(max_examples=100, deadline=None)
def test_a_written_time_reads_back(when: datetime, order: DateOrder) -> None:
    form = {MDY: "%m/%d/%y", DMY: "%d.%m.%y", YMD: "%y-%m-%d"}[order]
    read = parse_local_time(when.strftime(form), when.strftime("%I:%M:%S %p"), order)
    assert read == when.replace(microsecond=0)
