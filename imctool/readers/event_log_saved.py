"""Event logs saved as text by Event Viewer of Windows NT 4.0, 2000 and 2003.

Nine fields: date, time, source, type, category, event, user, computer, description, between
tabs (.txt) or commas (.csv); learn.microsoft.com cc780824. The description holds line breaks,
commas and tabs and is not quoted. Articles print such lines with blanks between the fields,
broken at the margin (Q169117, Q162674).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
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

TYPES = ("Error", "Warning", "Information", "Success Audit", "Failure Audit", "Success", "None")
"""The event types of Event Viewer in English."""

_SEPARATORS = {"saved-tab": "\t", "saved-comma": ","}
_STARTS = {
    separator: re.compile(rf'\s*"?{DATE}"?\s?{separator}\s?"?{TIME}"?\s?{separator}')
    for separator in _SEPARATORS.values()
}
_START_BETWEEN_BLANKS = re.compile(rf"\s*{DATE}\s+{TIME}\s+\S")
_FIELDS_BETWEEN_BLANKS = re.compile(
    rf"\s*({DATE})\s+({TIME})\s+(\S.{{0,60}}?)\s+"
    r"(Error|Warning|Information|Success\s+Audit|Failure\s+Audit|Success)\s+"
    r"(\S.{0,60}?)\s+(\d{1,5})\s+(N/A|[^\s\\]{1,64}(?: [^\s\\]{1,64})?\\\S{1,64})"
    r"(?!\S)",
    re.DOTALL,
)
_COMPUTER = re.compile(r"[ \t]+\S{1,64}(?!\S)|\s+(?:[A-Z0-9_-]{2,15}|<[^<>\n]{1,64}>)(?!\S)")


def sniff_saved(lines: Sequence[str]) -> str | None:
    """Return ``saved-tab``, ``saved-comma`` or ``saved-blanks`` where a line is of that form."""
    for form, separator in _SEPARATORS.items():
        start = _STARTS[separator]
        for line in lines:
            fields = _fields(line, [], separator) if start.match(line) else []
            if len(fields) >= 8 and fields[3].strip() in TYPES and _event_id(fields) is not None:
                return form
    numbered = list(enumerate(lines, 1))
    if any(isinstance(found, Entry) for found in parse_saved(numbered, "", "saved-blanks")):
        return "saved-blanks"
    return None


def parse_saved(lines: Iterable[Line], name: str, form: str) -> Iterator[Parsed]:
    """Yield the entries of a log saved in one of the three forms of ``sniff_saved``."""
    if form == "saved-blanks":
        return parse_groups(
            lines, name, _START_BETWEEN_BLANKS.match, _parse_between_blanks, prose=True
        )
    separator = _SEPARATORS[form]
    return parse_groups(
        lines, name, _STARTS[separator].match, partial(_parse_separated, separator=separator)
    )


def _event_id(fields: Sequence[str]) -> int | None:
    return whole_number(fields[5])


def _fields(first: str, rest: Sequence[str], separator: str) -> list[str]:
    """Return the nine fields; the description takes all that follows the eighth separator.

    A line that begins with a quotation mark was quoted throughout, by whatever passed it on.
    """
    if not first.lstrip().startswith('"'):
        fields = first.split(separator, 8)
        return [*fields[:8], joined([*fields[8:], *rest])] if len(fields) > 8 else fields
    lines = [f"{line}\n" for line in (first.lstrip(), *rest)]
    try:
        row = next(csv.reader(lines, delimiter=separator), [])
    except csv.Error:
        return []
    return [*row[:8], joined(separator.join(row[8:]).split("\n"))] if len(row) > 8 else row


def _parse_separated(group: Group, separator: str) -> Entry | str:
    fields = _fields(group.first, group.rest, separator)
    if len(fields) < 8:
        return f"event with {len(fields)} of its 9 fields"
    event_id = _event_id(fields)
    if event_id is None:
        return f"event ID is no number: {fields[5][:40]!r}"
    date, time, source, kind, category, _, user, computer = (field.strip() for field in fields[:8])
    return Entry(
        group.line,
        source,
        event_id,
        date=date,
        time=time,
        type=kind,
        category=category,
        user=user,
        computer=computer,
        message=_unquoted(fields[8] if len(fields) > 8 else joined(group.rest)),
    )


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"')
    return text


def _parse_between_blanks(group: Group) -> Entry | str:
    """Return the entry of a line printed in an article.

    Behind a line break a word is the computer's name only where it is in capitals: there the
    name may be missing (Q181931) or have wrapped (Q169117).
    """
    text = "\n".join(line.strip() for line in within_margin(group))
    found = _FIELDS_BETWEEN_BLANKS.match(text)
    if found is None:
        return "line begins with date and time but has not the fields of an event"
    date, time, source, kind, category, event_id, user = found.groups()
    computer = _COMPUTER.match(text, found.end())
    return Entry(
        group.line,
        " ".join(source.split()),
        int(event_id),
        date=date,
        time=time,
        type=" ".join(kind.split()),
        category=" ".join(category.split()),
        user=user,
        computer=computer[0].strip() if computer else "",
        message=text[computer.end() if computer else found.end() :].strip(),
    )
