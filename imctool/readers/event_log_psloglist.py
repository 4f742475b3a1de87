"""The output of PsLogList, a clone of ELOGDUMP: blocks, or one delimited line an event (-s).

The blocks are those of version 2.81. The order of the first four and the eighth field of a
line is inferred from scripts that read them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise

from imctool.readers.event_data_dump import split_data_section
from imctool.readers.event_log_entry import (
    Entry,
    Group,
    Parsed,
    joined,
    parse_groups,
    split_date_and_time,
)
from imctool.readers.local_time import DATE, TIME
from imctool.readers.text_file import Line

_BLOCK = re.compile(r"\[(\d{1,10})\] (\S.*)")
_LOG = re.compile(r"(\S.{0,200}) log on \\\\[^\s:]+:\s*")
_FIELD = re.compile(r"\s{1,8}(Type|Computer|Time|User):\s+(.*)")
_TIME_AND_ID = re.compile(rf"({DATE})\s+({TIME})\s+ID:\s+(\d{{1,10}})\s*")
_NO_TEXT = re.compile(r"\s*Message text not available\.\s+Insertion strings:\s*")
_TYPES = r"(?:ERROR|WARNING|INFORMATION|AUDIT SUCCESS|AUDIT FAILURE|SUCCESS|NONE)"
_DELIMITERS = {
    "psloglist-comma": ",",
    "psloglist-tab": "\t",
    "psloglist-semicolon": ";",
    "psloglist-bar": "|",
}


def _line_start(delimiter: str) -> re.Pattern[str]:
    sign = re.escape(delimiter)
    name = rf"\s?[^{sign}]{{1,256}}{sign}"
    return re.compile(
        rf"\d{{1,10}}{sign}{name}{name}\s?{_TYPES}\s?{sign}{name}"
        rf"\s?{DATE}\s+{TIME}\s?{sign}\s?\d{{1,10}}\s?{sign}",
        re.IGNORECASE,
    )


_LINE_STARTS = {form: _line_start(delimiter) for form, delimiter in _DELIMITERS.items()}


def sniff_psloglist(lines: Sequence[str]) -> str | None:
    """Return ``psloglist`` or, with the name of its delimiter, the form -s; else None."""
    for line, following in pairwise(lines):
        field = _FIELD.match(following)
        if _BLOCK.match(line) and field and field[1] == "Type":
            return "psloglist"
    for form, start in _LINE_STARTS.items():
        if any(start.match(line) for line in lines):
            return form
    return None


def parse_psloglist(lines: Iterable[Line], name: str, form: str) -> Iterator[Parsed]:
    """Yield the entries of PsLogList output in one of the forms of ``sniff_psloglist``.

    Insertion strings stand between blanks and are split there. Rows of a data dump under a
    message (-x) are read where they are of the kind Event Viewer prints.
    """
    if form == "psloglist":
        return parse_groups(_with_logs(lines), name, _BLOCK.match, _parse_block)
    parse = partial(_parse_line, delimiter=_DELIMITERS[form])
    return parse_groups(lines, name, _LINE_STARTS[form].match, parse, prose=True)


def _with_logs(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield the lines, the name of the log put behind each block's first line, after a tab.

    The line that names the log, and what PsLogList says of itself before it, are left out.
    """
    log = ""
    within = False
    for number, text in lines:
        named = _LOG.fullmatch(text)
        if named:
            log = named[1]
        elif _BLOCK.match(text):
            within = True
            yield number, f"{text}\t{log}"
        elif within:
            yield number, text


def _parse_block(group: Group) -> Entry | str:
    first, _, log = group.first.rpartition("\t")
    found = _BLOCK.match(first)
    fields: dict[str, str] = {}
    text = list(group.rest)
    while text and (field := _FIELD.match(text[0])) and field[1] not in fields:
        fields[field[1]] = field[2]
        text.pop(0)
    time = _TIME_AND_ID.match(fields.get("Time", ""))
    if found is None or time is None:
        return "event without the line of its time and ID"
    message, strings, data = _message_of(text)
    return Entry(
        group.line,
        found[2].strip(),
        int(time[3]),
        date=time[1],
        time=time[2],
        log=log,
        record=int(found[1]),
        type=fields.get("Type", "").strip(),
        user=fields.get("User", "").strip(),
        computer=fields.get("Computer", "").strip(),
        message=message,
        strings=strings,
        data=data,
    )


def _parse_line(group: Group, delimiter: str) -> Entry | str:
    fields = [field.strip() for field in group.first.split(delimiter, 8)]
    moment = split_date_and_time(fields[5])
    if moment is None:
        return f"date and time cannot be read: {fields[5][:40]!r}"
    message, strings, data = _message_of([*fields[8:], *group.rest])
    return Entry(
        group.line,
        fields[2],
        int(fields[6]),
        date=moment[0],
        time=moment[1],
        log=fields[1],
        record=int(fields[0]),
        type=fields[3],
        user=fields[7],
        computer=fields[4],
        message=message,
        strings=strings,
        data=data,
    )


def _message_of(lines: Sequence[str]) -> tuple[str | None, tuple[str, ...] | None, bytes]:
    """Return message, strings and data; the message is None where only strings stand."""
    text, data = split_data_section(lines)
    found = _NO_TEXT.match(text[0]) if text else None
    if found:
        return None, tuple(" ".join([text[0][found.end() :], *text[1:]]).split()), data
    return joined(text), None, data
