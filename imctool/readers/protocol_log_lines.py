"""The lines of an SMTP protocol log: which of them begin an entry, and when it was written.

An entry is ``<locale date> <locale time> : <text>`` (inferred from the samples of Q262945, Q295725
and Q228725). Lines without a timestamp belong to the entry before them. A log whose timestamps
were taken off (Q245787) has entries that begin with an arrow or speak of a connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
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

    __slots__ = ("_last", "_order", "_read")

    def __init__(self, order: DateOrder) -> None:
        self._order = order
        self._last: tuple[bytes, bytes] = (b"", b"")
        self._read: datetime | None = None

    def read(self, date: bytes, time: bytes) -> datetime | None:
        """Return the naive wall-clock time, or None for an impossible one."""
        if self._last != (date, time):
            self._last = (date, time)
            self._read = parse_local_time(date.decode("ascii"), time.decode("ascii"), self._order)
        return self._read


def stamp_form(date: bytes, time: bytes) -> bytes:
    """Return what is left of a timestamp without its digits: the same in all entries of a log."""
    return (date + b" " + time).translate(None, _FORM)


def log_date_order(lines: Iterable[bytes]) -> DateOrder:
    """Return the order of day, month and year in the timestamps of a whole log.

    Only timestamps of the first one's form count, and dates impossible in the order that
    fits most of them are left out: one bad or quoted line does not decide. An undecidable
    log has the default order.
    """
    dates: list[str] = []
    form = None
    last = b""
    for line in lines:
        if last and line.startswith(last):
            continue
        found = STAMP.match(line.lstrip()) if line[:1].isspace() else STAMP.match(line)
        if found is None or found[1] == last:
            continue
        if form is None:
            form = stamp_form(found[1], found[2])
        if form == stamp_form(found[1], found[2]):
            last = found[1]
            dates.append(last.decode("ascii"))
            if len(dates) == MOST_DATES:
                break
    return _fitting_order(dates)


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
