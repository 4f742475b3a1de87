"""An event as a line of text gives it, before its date is understood.

The order of day and month is a property of the whole file (local_time.py), so the readers of
the single forms hand on dates as they stand, and ``events_of`` reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from imctool.model.event import Event
from imctool.model.evidence import Defect, Location
from imctool.readers.event_log_description import insertion_strings
from imctool.readers.local_time import DATE, TIME, DateOrder, parse_local_time
from imctool.readers.text_file import Line

TEXT_LIMIT = 1 << 16
"""The most characters of one event's text that are kept; NT itself ends at half of it."""

TOO_LONG = f"event text longer than {TEXT_LIMIT} characters, the rest left out"

_NUMBER = re.compile(r"\s*([0-9]{1,10})\s*")
_DATE_AND_TIME = re.compile(rf"\s*({DATE})[,\s]+({TIME})\s*")


@dataclass(slots=True)
class Entry:
    """One event of a text. ``date`` and ``time`` stand as exported; ``when`` is set instead
    where the form names the time in ISO 8601. ``strings`` is None where the form keeps them in
    the message only.
    """

    line: int
    source: str
    event_id: int
    date: str = ""
    time: str = ""
    when: datetime | None = None
    log: str = ""
    record: int | None = None
    type: str = ""
    category: str = ""
    user: str = ""
    computer: str = ""
    message: str | None = None
    strings: tuple[str, ...] | None = None
    data: bytes = b""


Parsed = Entry | Defect


@dataclass(slots=True)
class Group:
    """The lines from one that starts an event to the next; ``started`` is False before the
    first. ``flaw`` says what of them could not be kept, "" if nothing.
    """

    line: int
    first: str
    started: bool
    rest: list[str] = field(default_factory=list)
    room: int = TEXT_LIMIT
    flaw: str = ""

    def add(self, text: str) -> None:
        """Keep a further line, as far as there is room."""
        if len(text) >= self.room:
            self.flaw = TOO_LONG
            text = text[: self.room]
        if self.room > 0:
            self.rest.append(text)
            self.room -= len(text) + 1


def grouped(lines: Iterable[Line], is_start: Callable[[str], object]) -> Iterator[Group]:
    """Yield the lines in groups, each but the first begun by a line that starts an event."""
    group: Group | None = None
    for number, text in lines:
        if is_start(text):
            if group:
                yield group
            group = Group(number, text, started=True)
        elif group:
            group.add(text)
        elif text.strip():
            group = Group(number, text, started=False)
    if group:
        yield group


def parse_groups(
    lines: Iterable[Line],
    name: str,
    is_start: Callable[[str], object],
    parse: Callable[[Group], Entry | str],
    *,
    prose: bool = False,
) -> Iterator[Parsed]:
    """Yield what ``parse`` makes of each group: an entry, or a defect for the reason it gives.

    What a group could not keep is a defect too, and so are lines before the first event,
    unless ``prose`` says that other text may stand there: an article's, a tool's own heading.
    """
    for group in grouped(lines, is_start):
        here = Location(name, line=group.line)
        if not group.started:
            if not prose:
                yield Defect(here, "text before the first event of the file belongs to none")
            continue
        parsed = parse(group)
        yield Defect(here, parsed) if isinstance(parsed, str) else parsed
        if group.flaw:
            yield Defect(here, group.flaw)


def indentation(line: str) -> int:
    """Return how many white-space characters a line begins with."""
    return len(line) - len(line.lstrip())


def within_margin(group: Group) -> Iterator[str]:
    """Yield the lines of a group up to the first left of where it begins.

    An article prints events indented; what stands left of one is the article's own text.
    """
    margin = indentation(group.first)
    yield group.first
    for line in group.rest:
        if line.strip() and indentation(line) < margin:
            return
        yield line


def joined(lines: Iterable[str]) -> str:
    """Return the lines of a description as one text, without blank lines around it."""
    return "\n".join(line.rstrip() for line in lines).strip()


def whole_number(text: str) -> int | None:
    """Return the number of up to ten digits that ``text`` is, or None."""
    found = _NUMBER.fullmatch(text)
    return int(found[1]) if found else None


def split_date_and_time(text: str) -> tuple[str, str] | None:
    """Return date and time of a text that holds both, or None."""
    found = _DATE_AND_TIME.fullmatch(text)
    return (found[1], found[2]) if found else None


def parse_iso_time(text: str) -> datetime | None:
    """Return the time an ISO 8601 text names, UTC where it has a zone, else naive; or None."""
    if "T" not in text:
        return None
    try:
        when = datetime.fromisoformat(text.strip())
        return when if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def events_of(entry: Entry, name: str, order: DateOrder) -> Iterator[Event | Defect]:
    """Yield the event an entry is, after a defect where its date cannot be read.

    Numbers above 65,535 carry severity and facility in their upper half and lose it, as in
    Event Viewer. Strings come out of the message where only it holds them.
    """
    here = Location(name, line=entry.line)
    when = entry.when
    if when is None and (entry.date or entry.time):
        when = parse_local_time(entry.date, entry.time, order)
        if when is None:
            yield Defect(here, f"date and time cannot be read: {entry.date[:40]} {entry.time[:40]}")
    strings = entry.strings
    if strings is None:
        strings = insertion_strings(entry.message) if entry.message else ()
    yield Event(
        location=here,
        time=when,
        source=entry.source,
        event_id=entry.event_id & 0xFFFF,
        log=entry.log,
        record=entry.record,
        type=entry.type,
        category=entry.category,
        user=entry.user,
        computer=entry.computer,
        message=entry.message,
        strings=strings,
        data=entry.data,
    )
