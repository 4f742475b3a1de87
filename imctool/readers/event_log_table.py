"""Event logs as tables with a line of column names: MMC lists, Event Viewer and LogParser CSV.

The columns are found by their names, so their order and number do not matter. MMC's Export
List has no description; Event Viewer of Vista and later writes it behind the last named column;
LogParser gives insertion strings between bars and the data section in hexadecimal.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from imctool.model.evidence import Defect, Location
from imctool.readers.event_log_entry import (
    Entry,
    Group,
    Parsed,
    joined,
    parse_groups,
    parse_iso_time,
    split_date_and_time,
    whole_number,
)
from imctool.readers.local_time import DATE
from imctool.readers.text_file import Line

_COLUMNS = {
    "moment": ("date and time", "timegenerated"),
    "date": ("date",),
    "time": ("time",),
    "source": ("source", "sourcename"),
    "event_id": ("event id", "eventid", "event"),
    "type": ("level", "type", "eventtypename", "eventtype"),
    "category": ("task category", "category", "eventcategoryname", "eventcategory"),
    "user": ("user", "sid"),
    "computer": ("computer", "computername"),
    "log": ("eventlog", "log"),
    "record": ("recordnumber",),
    "message": ("description", "message"),
    "strings": ("strings",),
    "data": ("data",),
}
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")


@dataclass(frozen=True, slots=True)
class _Header:
    """The delimiter of a table, how many columns it names, and which field stands where."""

    delimiter: str
    width: int
    columns: dict[str, int]


def sniff_table(lines: Sequence[str]) -> str | None:
    """Return ``table`` where the first line names the columns of an event log."""
    first = next((line for line in lines if line.strip()), "")
    return "table" if _header(first) else None


def parse_table(lines: Iterable[Line], name: str) -> Iterator[Parsed]:
    """Yield the entries of a table; its first line that is not blank names the columns."""
    remaining = iter(lines)
    number, first = next(((number, text) for number, text in remaining if text.strip()), (1, ""))
    header = _header(first)
    if header is None:
        yield Defect(Location(name, line=number), "no line with the column names of an event log")
        return
    yield from parse_groups(
        chain(remaining), name, _row_start(header).match, partial(_parse_row, header=header)
    )


def _header(line: str) -> _Header | None:
    """Return the header a line is: a time, a source, an event ID and a type, all by name."""
    for delimiter in ("\t", ",", ";"):
        names = [name.strip().strip('"').casefold() for name in line.split(delimiter)[:64]]
        columns = {
            field: names.index(wanted)
            for field, alternatives in _COLUMNS.items()
            for wanted in reversed(alternatives)
            if wanted in names
        }
        timed = "moment" in columns or {"date", "time"} <= columns.keys()
        if timed and {"source", "event_id", "type"} <= columns.keys():
            return _Header(delimiter, len(names), columns)
    return None


def _row_start(header: _Header) -> re.Pattern[str]:
    """Return a pattern of the lines that have a date where the table has it."""
    position = header.columns.get("moment", header.columns.get("date", 0))
    sign = re.escape(header.delimiter)
    return re.compile(rf'(?:"?[^"{sign}]*"?{sign}){{{position}}}"?\s?{DATE}')


def _description(rows: Sequence[Sequence[str]], header: _Header) -> str | None:
    """Return the event's text: the column so named, or what stands behind the last named one.

    A named one that stands last may be unquoted, with delimiters and line ends of its own.
    """
    column = header.columns.get("message", header.width)
    if column >= len(rows[0]):
        return None
    if column < header.width - 1:
        return rows[0][column].strip()
    lines = [rows[0][column:], *(rows[1:] if "message" in header.columns else [])]
    return "\n".join(header.delimiter.join(line) for line in lines).strip()


def _parse_row(group: Group, header: _Header) -> Entry | str:
    lines = [f"{line}\n" for line in (group.first, *group.rest)]
    try:
        rows = [row for row in csv.reader(lines, delimiter=header.delimiter) if any(row)]
    except csv.Error as error:
        return f"row of the table cannot be split: {error}"
    values = {
        field: rows[0][column].strip()
        for field, column in header.columns.items()
        if column < len(rows[0])
    }
    event_id = whole_number(values.get("event_id", ""))
    if event_id is None:
        return f"row of the table with {len(rows[0])} of its {header.width} columns"
    description = _description(rows, header)
    if len(rows) > 1 and "message" not in header.columns:
        group.flaw = "row of the table is followed by text that is none of its columns"
    moment = values.get("moment", "")
    when = parse_iso_time(moment)
    date, time = split_date_and_time(moment) or (values.get("date", moment), values.get("time", ""))
    strings = values.get("strings")
    return Entry(
        group.line,
        values.get("source", ""),
        event_id,
        date="" if when else date,
        time="" if when else time,
        when=when,
        log=values.get("log", ""),
        record=whole_number(values.get("record", "")),
        type=values.get("type", ""),
        category=values.get("category", ""),
        user=values.get("user", ""),
        computer=values.get("computer", ""),
        message=None if description is None else joined(description.split("\n")),
        strings=None if strings is None else tuple(strings.split("|")) if strings else (),
        data=bytes.fromhex(values["data"]) if _HEX.fullmatch(values.get("data", "")) else b"",
    )
