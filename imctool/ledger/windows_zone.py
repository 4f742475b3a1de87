"""The server's time zone, daylight saving included, as its registry keeps it.

The members of TimeZoneInformation mean what those of TIME_ZONE_INFORMATION mean (Platform SDK):
minutes, and ``UTC = local time + bias``. The two dates are TIME_FIELDS, whose words are year,
month, day, hour, minute, second, milliseconds, weekday (sampled: exports and a SYSTEM hive), and
not SYSTEMTIME, as in the TZI values below Time Zones. With no year, ``day`` counts the weekdays
of the month, and 5 is the last; a year makes it one date, ``month`` 0 none at all.
"""

from __future__ import annotations

import struct
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any

from imctool.model.settings import RegistryValue

_KEY = "\\timezoneinformation"
_CURRENT = "\\currentcontrolset\\"
_WIDEST = timedelta(hours=14)
_TIME_FIELDS = struct.Struct("<8H")
_LAST = 5
_FIRST_YEAR, _LAST_YEAR = 2, 9998
"""Outside of these years a change of the clocks could not be told as a datetime."""

Values = dict[str, RegistryValue]


@dataclass(frozen=True, slots=True)
class Changeover:
    """When the clocks change, by the wall clock before the change; ``year`` 0 is every year.

    ``weekday`` counts from Sunday, 0. Without a year ``day`` is which of these weekdays of the
    month is meant, 5 the last one.
    """

    year: int
    month: int
    day: int
    time: timedelta
    weekday: int

    def wall(self, year: int) -> datetime:
        """Return the wall-clock moment of the change in a year."""
        if self.year:
            return datetime(year, self.month, self.day) + self.time
        first, days = monthrange(year, self.month)
        day = 1 + (self.weekday - (first + 1)) % 7 + 7 * (self.day - 1)
        return datetime(year, self.month, day if day <= days else day - 7) + self.time


@dataclass(frozen=True, slots=True)
class WindowsZone(tzinfo):
    """A time zone by Windows' rules: two offsets from UTC and the dates to change between them.

    The same dates hold for all years, as Windows of the time applied them. Of a wall-clock time
    that comes twice, ``fold`` 0 is the first, in daylight saving time; one that is skipped is
    taken by the offset before the change, and so comes out behind it (PEP 495). A changeover
    with a year holds for that year alone; all others are then standard time.
    """

    name: str
    daylight_name: str
    standard: timedelta
    daylight: timedelta
    standard_start: Changeover | None = None
    daylight_start: Changeover | None = None

    def utcoffset(self, moment: datetime | None) -> timedelta:
        """Return what local time is ahead of UTC at a wall-clock moment, standard for None."""
        return self.daylight if self._is_daylight(moment) else self.standard

    def dst(self, moment: datetime | None) -> timedelta:
        """Return by how much daylight saving time is ahead at a wall-clock moment."""
        return self.utcoffset(moment) - self.standard

    def tzname(self, moment: datetime | None) -> str:
        """Return the zone's name, in the server's language, at a wall-clock moment."""
        return self.daylight_name if self._is_daylight(moment) else self.name

    def fromutc(self, moment: datetime) -> datetime:
        """Return the local time of a UTC moment that carries this zone, as astimezone asks it."""
        utc = moment.replace(tzinfo=None)
        daylight = _state(at for at in _changes(self, utc.year) if at[0] <= utc)
        local = moment + (self.daylight if daylight else self.standard)
        return local if self._is_daylight(local) == daylight else local.replace(fold=1)

    def __reduce__(self) -> tuple[type[WindowsZone], tuple[Any, ...]]:
        """Return what a copy is made of: tzinfo itself would ask for one without arguments."""
        return WindowsZone, (
            self.name,
            self.daylight_name,
            self.standard,
            self.daylight,
            self.standard_start,
            self.daylight_start,
        )

    def __hash__(self) -> int:
        """Return a hash that is quick to make: each conversion looks the zone's changes up."""
        return hash((self.name, self.standard, self.daylight))

    def __str__(self) -> str:
        """Return the zone's name, its standard offset if it has none."""
        return self.name or str(timezone(self.standard))

    def _is_daylight(self, moment: datetime | None) -> bool:
        if moment is None or self.standard_start is None:
            return False
        wall = moment.replace(tzinfo=None, fold=0)
        nearest = min if moment.fold else max
        edge = nearest(self.standard, self.daylight)
        return _state(at for at in _changes(self, wall.year) if at[0] + edge <= wall)


def _state(passed: Iterable[tuple[datetime, bool]]) -> bool:
    """Return whether it is daylight saving time behind all the changes that have passed."""
    return max(passed, default=(None, False))[1]


@lru_cache(maxsize=512)
def _changes(zone: WindowsZone, year: int) -> tuple[tuple[datetime, bool], ...]:
    """Return the changes around a year in UTC, and whether each is to daylight saving time."""
    to_standard, to_daylight = zone.standard_start, zone.daylight_start
    if to_standard is None or to_daylight is None:
        return ()
    found: list[tuple[datetime, bool]] = []
    for one in range(max(_FIRST_YEAR, year - 1), min(_LAST_YEAR, year + 1) + 1):
        if any(start.year not in (0, one) for start in (to_standard, to_daylight)):
            continue
        begin, end = to_daylight.wall(one), to_standard.wall(one)
        found += [(begin - zone.standard, True), (end - zone.daylight, False)]
        if end < begin and (to_standard.year or to_daylight.year):
            found.append((datetime(one, 1, 1) - zone.standard, True))
            found.append((datetime(one + 1, 1, 1) - zone.daylight, False))
    return tuple(found)


def zone_from_registry(values: Iterable[RegistryValue]) -> tuple[WindowsZone, str] | None:
    """Return the zone that TimeZoneInformation describes, and how it was found.

    None where the values do not say it in full: without Bias, without the two dates although
    daylight saving is on, or with one that is no date. The current control set counts before
    all others; of several exports of it the first, and where they differ the text says so.
    """
    found = [zone for zone in map(_zone, _by_export(values)) if zone is not None]
    if not found:
        return None
    zone = found[0]
    source = "registry TimeZoneInformation"
    if zone.name:
        source += f": {zone.name}"
    if any(other != zone for other in found):
        source += " (the first of several that differ)"
    return zone, source


def _by_export(values: Iterable[RegistryValue]) -> list[Values]:
    """Return the values of each TimeZoneInformation key that counts, by lower-case name."""
    exports: dict[tuple[str, str], Values] = {}
    for value in values:
        key = value.key.lower()
        if key.endswith(_KEY):
            exports.setdefault((value.location.path, key), {}).setdefault(value.name.lower(), value)
    current = [members for (_, key), members in exports.items() if _CURRENT in key]
    return current or list(exports.values())


def _zone(values: Values) -> WindowsZone | None:
    """Return the zone that the values of one key describe, None where they do not."""
    bias, daylight_bias = _minutes(values, "bias"), _minutes(values, "daylightbias")
    if bias is None:
        return None
    standard = bias + (_minutes(values, "standardbias") or 0)
    starts = _dates(values)
    if _minutes(values, "disableautodaylighttimeset") == 1:
        zone = _fixed(values, standard)
    elif starts == ():
        zone = _fixed(values, bias)
    elif starts is None or daylight_bias is None:
        return None
    else:
        zone = WindowsZone(
            _name(values, "standardname"),
            _name(values, "daylightname"),
            timedelta(minutes=-standard),
            timedelta(minutes=-(bias + daylight_bias)),
            *starts,
        )
    return zone if max(abs(zone.standard), abs(zone.daylight)) <= _WIDEST else None


def _fixed(values: Values, bias: int) -> WindowsZone:
    """Return a zone without daylight saving. Where no date is given, StandardBias is ignored."""
    name, offset = _name(values, "standardname"), timedelta(minutes=-bias)
    return WindowsZone(name, name, offset, offset)


def _minutes(values: Values, name: str) -> int | None:
    """Return a value as the signed number that a DWORD here is, None if it is no number."""
    value = values.get(name)
    if value is None or not isinstance(value.data, int):
        return None
    return value.data - (1 << 32) if value.data >= 1 << 31 else value.data


def _name(values: Values, name: str) -> str:
    """Return a zone's name up to its NUL; one that is in a resource file by the zone's key."""
    value = values.get(name)
    text = value.data if value is not None and isinstance(value.data, str) else ""
    if text.startswith("@") and "timezonekeyname" in values:
        return _name(values, "timezonekeyname")
    return text.partition("\0")[0]


def _dates(values: Values) -> tuple[Changeover, Changeover] | tuple[()] | None:
    """Return when standard and daylight saving time begin, () for never, None if it is not told.

    A date counts only with the other: one alone is as none.
    """
    starts = [values.get(name) for name in ("standardstart", "daylightstart")]
    raw = [one.data for one in starts if one is not None and isinstance(one.data, bytes)]
    if [len(one) for one in raw] != [_TIME_FIELDS.size, _TIME_FIELDS.size]:
        return None
    fields = [_TIME_FIELDS.unpack(one) for one in raw]
    if any(month == 0 for _, month, *_ in fields):
        return ()
    to_standard, to_daylight = (_changeover(*one) for one in fields)
    return None if to_standard is None or to_daylight is None else (to_standard, to_daylight)


def _changeover(
    year: int, month: int, day: int, hour: int, minute: int, second: int, milli: int, weekday: int
) -> Changeover | None:
    """Return the date that TIME_FIELDS state, None if there is no such date."""
    if not (1 <= month <= 12 and hour < 24 and minute < 60 and second < 60 and milli < 1000):
        return None
    if year and not (_FIRST_YEAR <= year <= _LAST_YEAR and 1 <= day <= monthrange(year, month)[1]):
        return None
    if not year and not (1 <= day <= _LAST and weekday <= 6):
        return None
    time = timedelta(hours=hour, minutes=minute, seconds=second, milliseconds=milli)
    return Changeover(year, month, day, time, weekday)
