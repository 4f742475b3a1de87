"""The lines of an SMTP protocol log: which of them begin an entry, and when it was written.

An entry is ``<locale date> <locale time> : <text>`` (inferred from the samples of Q262945, Q295725
and Q228725). Lines without a timestamp belong to the entry before them. A log whose timestamps
were taken off (Q245787) has entries that begin with an arrow or speak of a connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from imctool.readers.local_time import (
    DATE,
    DEFAULT_ORDER,
    TIME,
    DateOrder,
    detect_date_order,
    parse_local_time,
)

STAMP = re.compile(rf"({DATE})[ \t]+({TIME})[ \t]?:[ \t]?".encode("ascii"))
"""The timestamp of an entry, at the start of its line."""

STAMP_ON_LINE = STAMP.pattern.replace(rb"\s", rb"[ \t\r\f\v]")
"""The same where lines follow one another: it does not go on in the next line."""

DATE_ON_LINE, TIME_ON_LINE = (part.replace(r"\s", "[ \t]") for part in (DATE, TIME))
"""The parts of a timestamp as most logs have them, their blanks those of one line."""

BARE_ENTRY = re.compile(
    rb"(?:<<<|>>>)(?=[ \r\n]|$)|A connection (?:was accepted from |to \S+ was established)"
)
"""The start of an entry whose timestamp was taken off."""

KNOWN_TEXT = re.compile(
    rb"(?:<<<|>>>)(?=[ \r\n]|$)|IO: \||A connection (?:was accepted from |to \S+ was established)"
)
"""How the text of an entry begins, arrows lost or not."""

PACKET_MARK = re.compile(rb"(?:<<< ?)?IO: \||<<< ?")
"""What stands between the timestamp of an entry and what was received."""

MOST_DATES = 100_000
"""So many changes of date are looked at before the order of day, month and year is decided."""

_FORM = b"0123456789AaPp"


class Clock:
    """Reads the timestamps of one log; remembers the last, for most entries repeat it."""

    __slots__ = ("_date", "_day", "_last", "_order", "_read")

    def __init__(self, order: DateOrder) -> None:
        self._order = order
        self._last: tuple[bytes, bytes] = (b"", b"")
        self._read: datetime | None = None
        self._date = b""
        self._day: datetime | None = None

    def read(self, date: bytes, time: bytes) -> datetime | None:
        """Return the naive wall-clock time, or None for an impossible one."""
        if self._last != (date, time):
            self._last = (date, time)
            self._read = self._parse(date, time)
        return self._read

    def _parse(self, date: bytes, time: bytes) -> datetime | None:
        if date != self._date:
            self._date = date
            self._day = parse_local_time(date.decode("ascii"), "0:00", self._order)
        found = _USUAL_TIME.fullmatch(time)
        day = self._day
        if day is None or found is None:
            return parse_local_time(date.decode("ascii"), time.decode("ascii"), self._order)
        digits, minutes, seconds, half = found.groups()
        hour, minute, second = _NUMBERS[digits], _NUMBERS[minutes], _NUMBERS[seconds]
        if half is not None:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if half == b"P" else 0)
        if hour > 23 or minute > 59 or second > 59:
            return None
        return datetime(day.year, day.month, day.day, hour, minute, second)


_NUMBERS = {form % number: number for form in (b"%d", b"%02d") for number in range(100)}
_USUAL_TIME = re.compile(rb"(\d{1,2}):(\d\d):(\d\d)(?: ([AP])M)?")


def stamp_form(date: bytes, time: bytes) -> bytes:
    """Return what is left of a timestamp without its digits: the same in all entries of a log."""
    return (date + b" " + time).translate(None, _FORM)


def log_date_order(windows: Iterable[bytes]) -> DateOrder:
    """Return the order of day, month and year in the timestamps of a whole log.

    ``windows`` are its lines as ``byte_windows`` gives them. Only timestamps of the first one's
    form count, and dates impossible in the order that fits most of them are left out: one bad or
    quoted line does not decide. An undecidable log has the default order.
    """
    dates: list[str] = []
    form = None
    last = b""
    for line, date, time in _stamped_lines(windows, dates):
        if date == last or (last and line.startswith(last)):
            continue
        if form is None:
            form = stamp_form(date, time)
        if form == stamp_form(date, time):
            last = date
            dates.append(date.decode("ascii"))
            if len(dates) == MOST_DATES:
                break
    return _fitting_order(dates)


def _stamped_lines(
    windows: Iterable[bytes], dates: list[str]
) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield the start, date and time of lines with a timestamp, but for most that begin with the
    last of ``dates``, which the caller extends meanwhile.
    """
    for window in windows:
        found = _FIRST_STAMP.match(window)
        position = 0
        while True:
            if found is not None:
                yield found[0].removeprefix(b"\n"), found[1], found[2]
                position = found.end()
            last = dates[-1] if dates and len(dates) < _GUARDED else ""
            found = _next_stamp(last).search(window, position)
            if found is None:
                break


_INDENTED = rb"[ \t\r\f\v]*" + STAMP_ON_LINE
_FIRST_STAMP = re.compile(_INDENTED)
_GUARDED = 1_000
"""So many changes of date are each worth an expression that passes over the lines between."""


@lru_cache(maxsize=16)
def _next_stamp(last: str) -> re.Pattern[bytes]:
    """Return what finds the next line with a timestamp that does not begin with that date."""
    guard = b"(?!" + re.escape(last.encode("ascii")) + b")" if last else b""
    return re.compile(rb"\n(?=[ \t\r\f\v0-9])" + guard + _INDENTED)


def _fitting_order(dates: list[str]) -> DateOrder:
    best: list[str] = []
    for order in DateOrder:
        possible = [date for date in dates if parse_local_time(date, "0:00", order)]
        if len(possible) > len(best):
            best = possible
    return detect_date_order(best) or DEFAULT_ORDER


class Entry(NamedTuple):
    """One entry: line number, time, text with its line end, and the length of its timestamp."""

    number: int
    time: datetime | None
    text: bytes
    stamp: int
