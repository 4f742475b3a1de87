"""The output of DUMPEL, the Resource Kit's event log dumper.

Date, time, type number, category number, event, then source and user in one order or the
other, computer, insertion strings. NT 3.5 puts the user first (Q129266); later versions take
the default format ``dtTCISucs``, the source first. No description, no data section.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from imctool.readers.event_log_entry import (
    Entry,
    Group,
    Parsed,
    joined,
    parse_groups,
    whole_number,
    within_margin,
)
from imctool.readers.local_time import DATE, TIME
from imctool.readers.text_file import Line

_TYPES = {
    0: "Success",
    1: "Error",
    2: "Warning",
    4: "Information",
    8: "Success Audit",
    16: "Failure Audit",
}

_SEPARATORS = {"dumpel-tab": "\t", "dumpel-comma": ","}
_STARTS = {
    "dumpel-tab": re.compile(rf"\s*{DATE}\s?\t\s?{TIME}\s?\t"),
    "dumpel-comma": re.compile(rf"\s*{DATE}\s?,\s?{TIME}\s?,"),
    "dumpel-blanks": re.compile(rf"\s*{DATE}\s+{TIME}\s+\d"),
}
_USER = r"N/A|(?:NT AUTHORITY|[^\s\\]{1,64})\\\S{1,64}"
_NUMBERS = rf"\s*({DATE})\s+({TIME})\s+(0|1|2|4|8|16)\s+(\d{{1,5}})\s+(\d{{1,10}})\s+"
_USER_FIRST = re.compile(
    rf"{_NUMBERS}({_USER})\s+(MSExchange IM[CS]|MSExchangeIS (?:Private|Public)|\S{{1,64}})\s+"
    r"(\S{1,64})(?:\s|$)"
)
_SOURCE_FIRST = re.compile(rf"{_NUMBERS}(\S.{{0,60}}?)\s+({_USER})\s+(\S{{1,64}})(?:\s|$)")


def sniff_dumpel(lines: Sequence[str]) -> str | None:
    """Return ``dumpel-tab``, ``dumpel-comma`` or ``dumpel-blanks`` where a line is of that form."""
    for form, separator in _SEPARATORS.items():
        for line in lines:
            fields = line.split(separator, 8) if _STARTS[form].match(line) else []
            numbers = [whole_number(field) for field in fields[2:5]]
            if len(fields) < 8 or None in numbers or numbers[0] not in _TYPES:
                continue
            if _is_user(fields[5]) != _is_user(fields[6]):
                return form
    if any(_USER_FIRST.match(line) or _SOURCE_FIRST.match(line) for line in lines):
        return "dumpel-blanks"
    return None


def user_comes_first(entries: Iterable[Parsed]) -> bool:
    """Return whether entries read with the source first have users in that place instead.

    The column that is ``N/A`` or holds a backslash more often is the user's.
    """
    votes = 0
    for entry in entries:
        if isinstance(entry, Entry):
            votes += _is_user(entry.source) - _is_user(entry.user)
    return votes > 0


def parse_dumpel(
    lines: Iterable[Line], name: str, form: str, *, user_first: bool = False
) -> Iterator[Parsed]:
    """Yield the entries of DUMPEL output in one of the three forms of ``sniff_dumpel``.

    Between blanks each line tells itself which column is the user's; ``user_first`` is for the
    other two. Fields behind the ninth tab are strings of their own (-t); between blanks every
    word is one; otherwise the strings stay the one text that they are.
    """
    if form == "dumpel-blanks":
        return parse_groups(lines, name, _STARTS[form].match, _parse_between_blanks, prose=True)
    parse = partial(_parse_separated, separator=_SEPARATORS[form], user_first=user_first)
    return parse_groups(lines, name, _STARTS[form].match, parse)


def _is_user(text: str) -> bool:
    return text.strip() == "N/A" or "\\" in text


def _parse_separated(group: Group, separator: str, user_first: bool) -> Entry | str:
    fields = group.first.split(separator, -1 if separator == "\t" else 8)
    if len(fields) < 8:
        return f"event with {len(fields)} of its 9 fields"
    kind, category, event_id = (whole_number(field) for field in fields[2:5])
    if kind is None or category is None or event_id is None:
        return "type, category and event ID are not all numbers"
    strings = fields[8:]
    if strings or group.rest:
        strings = [*strings[:-1], joined([*strings[-1:], *group.rest])]
    entry = Entry(
        group.line,
        fields[5].strip(),
        event_id,
        date=fields[0].strip(),
        time=fields[1].strip(),
        type=_TYPES.get(kind, str(kind)),
        category=str(category),
        user=fields[6].strip(),
        computer=fields[7].strip(),
        strings=tuple(strings) if any(strings) else (),
    )
    return replace(entry, source=entry.user, user=entry.source) if user_first else entry


def _parse_between_blanks(group: Group) -> Entry | str:
    found = _USER_FIRST.match(group.first)
    source, user = (7, 6) if found else (6, 7)
    found = found or _SOURCE_FIRST.match(group.first)
    if found is None:
        return "line begins with date and time but has not the fields of an event"
    strings = " ".join(within_margin(group)).strip()[len(found[0].strip()) :].split()
    return Entry(
        group.line,
        found[source],
        int(found[5]),
        date=found[1],
        time=found[2],
        type=_TYPES[int(found[3])],
        category=found[4],
        user=found[user],
        computer=found[8],
        strings=tuple(strings),
    )
