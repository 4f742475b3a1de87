"""The Received fields that an Internet Mail Service or Connector wrote."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from imctool.model.direction import Direction
from imctool.model.mail import HeaderField, OwnReceived, Skeleton, SpoolFile
from imctool.model.spool_name import SpoolName

# Forms seen in 666 fields written by IMS 5.0.1457 to 5.5.2658 and in Q153060 (4.0):
#   by HOST with SMTP (Microsoft Exchange Internet Mail Service Version 5.5.2653.13) id NAME;
#   by HOST with Internet Mail Service (5.5.2653.19) id <NAME>;
#   by HOST with Microsoft Exchange (IMC 4.0.838.14) id <hex.hex@HOST>;
#   by HOST with SMTP (Microsoft Exchange Server Internet Mail Connector Version 4.0.994.63)
_HOST = r"\bby (?P<host>\S{1,255}) with "
_VERSION = r" ?(?P<version>[\d.]{1,40}) ?\)"
_ID = r"(?: id (?P<id>[^\s;]{1,500}))?"
_INBOUND = re.compile(
    rf"{_HOST}\w{{1,20}} \(Microsoft Exchange Internet Mail Service Version{_VERSION}{_ID}"
)
_OUTBOUND = re.compile(
    rf"{_HOST}(?:Internet Mail Service \({_VERSION}"
    rf"|Microsoft Exchange \(IMC(?P<v1> [\d.]{{1,40}}) ?\)"
    rf"|\w{{1,20}} \(Microsoft Exchange Server Internet Mail Connector"
    rf" Version(?P<v2> [\d.]{{1,40}}) ?\)){_ID}"
)
_DATE = re.compile(
    r"(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}|\d\d) (\d{1,2}):(\d\d)(?::(\d\d))?"
    r" (?:([+-])(\d\d)(\d\d)|(GMT|UT|UTC)\b)"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {month: number for number, month in enumerate(_MONTHS, 1)}


# The usual form of an inbound field, date and all, in one go; the others take the longer way.
_USUAL = re.compile(
    rf"{_HOST}\w{{1,20}} \(Microsoft Exchange Internet Mail Service Version{_VERSION}"
    r" id (?P<id>[^\s;]{1,500}); [A-Z][a-z]{2}, (?P<day>\d{1,2}) (?P<month>[A-Z][a-z]{2})"
    r" (?P<year>\d{4}) (?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
    r" (?P<zone>[+-]\d{4})(?!\d)"
)


def parse_received(field: HeaderField) -> OwnReceived | None:
    """Return what a Received field says if an IMS or IMC wrote it, else None.

    The field of a message taken in over SMTP is inbound; that of one sent out is outbound (that
    both forms of 4.0 are outbound is inferred from Q153060 and one delivery report).
    """
    text = " ".join(field.value.split())
    usual = _USUAL.search(text)
    if usual is not None:
        return _usual(usual, field.offset)
    direction = Direction.INBOUND
    found = _INBOUND.search(text)
    if found is None:
        direction = Direction.OUTBOUND
        found = _OUTBOUND.search(text)
        if found is None:
            return None
    parts = found.groupdict()
    version = parts["version"] or parts.get("v1") or parts.get("v2") or ""
    name = SpoolName.find((parts["id"] or "").strip("<>"))
    time = _date(text[found.end() :])
    return OwnReceived(direction, parts["host"], version.strip(), name, time, field.offset)


def _usual(found: re.Match[str], offset: int) -> OwnReceived:
    host, version, name, day, month, year, hour, minute, second, zone = found.groups()
    place = _MONTH_NUMBERS.get(month)
    time = None
    if place is not None:
        try:
            time = datetime(
                int(year), place, int(day), int(hour), int(minute), int(second), 0, _zone(zone)
            )
        except ValueError:  # no such day, hour or zone
            time = None
    spool_name = SpoolName.find(name.strip("<>"))
    return OwnReceived(Direction.INBOUND, host, version.strip(), spool_name, time, offset)


@lru_cache(maxsize=256)
def _zone(text: str) -> timezone:
    """Return the zone of ``+hhmm``. Raises ValueError where there can be none."""
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[3:]))
    return timezone(-offset if text[0] == "-" else offset)


def own_received(skeleton: Skeleton, spool_name: SpoolName | None) -> OwnReceived | None:
    """Return the Received field that the server whose spool this is wrote, or None.

    With a spool name it is the topmost IMS field whose id is that name. Without one, or where the
    topmost Received field is an IMC's and holds no spool name, it is the topmost: a field below
    another server's says where the message passed, not whose spool it lies in.
    """
    top: OwnReceived | None = None
    is_first = True
    for field in skeleton.headers.named("received"):
        received = parse_received(field)
        if received and spool_name is not None and received.spool_name == spool_name:
            return received
        if is_first:
            top, is_first = received, False
            if spool_name is None:
                break
    if top and spool_name is not None and top.spool_name is not None:
        return None
    return top


def with_own_received(file: SpoolFile) -> SpoolFile:
    """Return the file with what its own Received field says put in."""
    return replace(file, received=own_received(file.skeleton, file.spool_name))


def _date(text: str) -> datetime | None:
    """Return the date of RFC 822 section 5 in ``text``, None where it has none with a zone."""
    found = _DATE.search(text)
    if not found or found[2] not in _MONTHS:
        return None
    year = int(found[3])
    if year < 100:
        year += 1900 if year >= 70 else 2000
    offset = timedelta(0)
    if found[7]:
        offset = timedelta(hours=int(found[8]), minutes=int(found[9]))
        if found[7] == "-":
            offset = -offset
    hour, minute, second = int(found[4]), int(found[5]), int(found[6] or 0)
    month = _MONTHS.index(found[2]) + 1
    try:
        return datetime(year, month, int(found[1]), hour, minute, second, 0, timezone(offset))
    except ValueError:  # no such day, hour or zone
        return None
