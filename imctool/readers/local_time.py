"""Dates as Windows NT prints them: locale-formatted wall-clock time without a zone.

The order of day, month and year is a property of the machine, not of a line, so it is found
over a whole file: the order in which the fewest dates are impossible and, among equals, the one
in which they change direction least often and most often step from one day to the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache

DATE = r"\d{1,4}[/.\-]\s?\d{1,2}[/.\-]\s?\d{1,4}\.?"
"""A date of any locale order: 5/13/00, 31.12.96, 2000-01-11, 1998.3.4."""

TIME = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[.,]\d{1,7})?(?:\s?[AaPp]\.?\s?[Mm]\.?)?"
"""A time of day with or without seconds and AM/PM."""

_DATE = re.compile(r"\s*(\d{1,4})[/.\-]\s?(\d{1,2})[/.\-]\s?(\d{1,4})\.?\s*")
_TIME = re.compile(
    r"\s*(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?(?:[.,](\d{1,7}))?(?:\s?([AaPp])\.?\s?[Mm]\.?)?\s*"
)
_ENOUGH = 3
"""So many dates that an order makes impossible rule it out."""

_YEAR_FIRST = re.compile(r"\s*\d{4}")


class DateOrder(StrEnum):
    """The order in which a locale writes a date."""

    MDY = "mdy"
    DMY = "dmy"
    YMD = "ymd"


DEFAULT_ORDER = DateOrder.MDY
"""What an undecidable file is read as: the order of the US English server."""


def parse_local_time(date: str, time: str, order: DateOrder) -> datetime | None:
    """Return the naive time that ``date`` and ``time`` name in that order, or None.

    Years of two digits mean 1970 to 2069. A year of four digits in front is always read as
    year, month, day, whatever the order.
    """
    found = _TIME.fullmatch(time)
    day = _parse_date(date, order)
    if found is None or day is None:
        return None
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    half = (found[5] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    fraction = int((found[4] or "0").ljust(6, "0")[:6])
    if hour > 23 or minute > 59 or second > 59:
        return None
    return datetime(*day, hour, minute, second, fraction)


PLAUSIBLE_YEARS = range(1970, 2101)
"""The years that a log of these servers, or a clock that was set wrong, can show."""


@lru_cache(maxsize=1024)
def _parse_date(date: str, order: DateOrder) -> tuple[int, int, int] | None:
    found = _DATE.fullmatch(date)
    if found is None:
        return None
    first, second, third = found.groups()
    if len(first) >= 3 or order is DateOrder.YMD:
        year, month, day = first, second, third
    elif order is DateOrder.MDY:
        month, day, year = first, second, third
    else:
        day, month, year = first, second, third
    if len(year) == 3 or len(month) > 2 or len(day) > 2:
        return None
    numbers = int(year), int(month), int(day)
    full_year = numbers[0] if len(year) == 4 else numbers[0] + (2000 if numbers[0] < 70 else 1900)
    if full_year not in PLAUSIBLE_YEARS:
        return None
    try:
        datetime(full_year, numbers[1], numbers[2])
    except ValueError:
        return None
    return full_year, numbers[1], numbers[2]


def detect_date_order(dates: Iterable[str]) -> DateOrder | None:
    """Return the order that ``dates``, in file order, are written in, or None.

    Dates that no order makes possible do not count. The order wins that leaves the fewest of
    the others impossible; among equals the one in which they turn against their main direction
    least often, then the one in which one day most often follows the day before (inferred: a
    server logs something every day); then, between dots, day before month: no locale of Windows
    writes m.d.y (inferred). None where that does not decide. Reading stops where only
    one order is left that makes every date possible, and takes constant memory.
    """
    tallies = {order: _Tally() for order in DateOrder}
    previous = None
    iso = dotted = True
    for text in dates:
        if text == previous:
            continue
        previous = text
        days = {order: _parse_date(text, order) for order in DateOrder}
        if any(days.values()):
            iso = iso and bool(_YEAR_FIRST.match(text))
            dotted = dotted and "." in text
            for order, day in days.items():
                tallies[order].add(day)
            left = [order for order, tally in tallies.items() if tally.impossible < _ENOUGH]
            if len(left) == 1 and not tallies[left[0]].impossible:
                return left[0]
    if previous is None:
        return None
    best = min(tally.rank() for tally in tallies.values())
    winners = [order for order, tally in tallies.items() if tally.rank() == best]
    if len(winners) == 1:
        return winners[0]
    if not any(tally.last for tally in tallies.values()):
        return None
    if iso:
        return DateOrder.YMD
    return DateOrder.DMY if dotted and DateOrder.DMY in winners else None


@dataclass(slots=True)
class _Tally:
    """What speaks for and against one order, over the dates of a file."""

    impossible: int = 0
    forth: int = 0
    back: int = 0
    adjacent: int = 0
    last: date | None = None

    def add(self, day: tuple[int, int, int] | None) -> None:
        if day is None:
            self.impossible += 1
            return
        today = date(*day)
        if self.last is not None:
            self.forth += today > self.last
            self.back += today < self.last
            self.adjacent += abs((today - self.last).days) == 1
        self.last = today

    def rank(self) -> tuple[int, int, int]:
        """Return what sorts the likelier order first."""
        return self.impossible, min(self.forth, self.back), -self.adjacent
