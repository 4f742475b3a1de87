"""Events as blocks of labelled lines.

Event Viewer of Windows 2000 and later copies an event so to the clipboard (Q254893), articles
print events so with labels of their own, in any order and indented, and ``wevtutil qe /f:text``
writes such blocks under ``Event[0]:``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from imctool.model.evidence import Defect, Location
from imctool.readers.event_data_dump import split_data_section
from imctool.readers.event_log_entry import (
    TEXT_LIMIT,
    TOO_LONG,
    Entry,
    Parsed,
    indentation,
    joined,
    parse_iso_time,
    split_date_and_time,
    whole_number,
)
from imctool.readers.event_log_xml import parse_event_element
from imctool.readers.text_file import Line

_NAMES = {
    "event id": "event_id",
    "eventid": "event_id",
    "event": "event_id",
    "event source": "source",
    "source": "source",
    "event type": "type",
    "type": "type",
    "level": "type",
    "event category": "category",
    "task category": "category",
    "category": "category",
    "task": "category",
    "date": "date",
    "time": "time",
    "user": "user",
    "user name": "user_name",
    "computer": "computer",
    "log name": "log",
    "opcode": "opcode",
    "keyword": "keywords",
    "keywords": "keywords",
    "description": "description",
}
_LABEL = re.compile(r"([ \t]*(?:[-*][ \t]+)?)([A-Za-z]{3,11}(?: [A-Za-z]{2,8})?)[ \t]*:[ \t]*(.*)")
_LABEL_WITHOUT_COLON = re.compile(
    r"([ \t]*(?:[-*][ \t]+)?)(?:(Event ID)[ \t]+(?=\d{1,5}[ \t]*$)"
    r"|(Source|Type|Category)[ \t]+(?=\S))(.*)",
    re.IGNORECASE,
)
_SECOND_LABEL = re.compile(
    r"(?<! ) {2,}(?=(?:Event ID|Source|Type|Category)[ \t]*:)", re.IGNORECASE
)
_ONE_LINE = re.compile(
    r"([ \t]*)Event ID:?[ \t]+(\d{1,5})[ \t]+"
    r"(MSExchange ?IM[CS]|MSExchangeIS(?: Private| Public)?|MSExchangeMTA)[ \t]+"
    r"(Initialization/Termination|Addressing|Message Transfer|SMTP Interface Events"
    r"|SMTP Protocol Log|Internal Processing|Content Conversion|Content Engine)(?:[ \t]+(.*))?"
)
_WEVTUTIL = re.compile(r"Event\[\d{1,10}\]:?[ \t]*")
_EVENT_XML = re.compile(r"[ \t]*Event Xml:[ \t]*", re.IGNORECASE)
_OPENING = re.compile(r"[ \t]*(?:Event Type|Log Name)[ \t]*:", re.IGNORECASE)
_LONGEST_RUN = 24
_NO_ID = "labels of an event without its ID"


@dataclass(frozen=True, slots=True)
class _LabelLine:
    """A line of one label, or two, and the fields it gives."""

    number: int
    text: str
    margin: int = 0
    values: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Run:
    """Label lines in a row, of which it is not known yet whether they open an event.

    ``under_text`` says that they stand right under a line of a description.
    """

    under_text: bool = False
    lines: list[_LabelLine] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    @property
    def has_id(self) -> bool:
        return "event_id" in self.values

    def add(self, line: _LabelLine) -> None:
        self.lines.append(line)
        self.values.update(line.values)

    def drop_first(self) -> _LabelLine:
        first = self.lines.pop(0)
        for name in first.values:
            del self.values[name]
        return first

    def opens_event(self) -> bool:
        return _event_id(self.values) is not None and (
            "source" in self.values or len(self.values) >= 3
        )


@dataclass(slots=True)
class _Block:
    """An event whose labels have been read and whose description is being read."""

    line: int
    margin: int
    values: dict[str, str]
    text: list[str] = field(default_factory=list)
    room: int = TEXT_LIMIT
    described: bool = False
    closed: bool = False

    def add(self, text: str) -> None:
        """Keep a line of the description; one left of an indented block's margin ends it."""
        if text.strip() and indentation(text) < self.margin:
            self.closed = True
        if not self.closed and self.room > 0:
            self.text.append(text[self.margin :][: self.room])
            self.room -= len(text) + 1


def sniff_clipboard(lines: Sequence[str]) -> str | None:
    """Return ``clipboard`` where the labels of an event stand in the text."""
    numbered = list(enumerate(lines, 1))
    if any(isinstance(found, Entry) for found in parse_clipboard(numbered, "")):
        return "clipboard"
    return None


def parse_clipboard(lines: Iterable[Line], name: str) -> Iterator[Parsed]:
    """Yield the entries of a text of labelled blocks; prose around them is passed over.

    A block begins with labels in a row, an event ID and a source among them. Its description
    runs to the next block, in an indented block to the first line left of it.
    """
    return _BlockReader(name).read(lines)


class _BlockReader:
    """Reads labelled blocks; holds the run and the block that are open."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.run = _Run()
        self.block: _Block | None = None
        self.marker: int | None = None
        """The line of a wevtutil ``Event[n]:`` that waits for its labels."""
        self.under_text = False
        """Whether the line before was one of a description."""
        self.found: list[Parsed] = []
        """What the lines so far gave and ``read`` has not handed on."""

    def read(self, lines: Iterable[Line]) -> Iterator[Parsed]:
        for number, text in lines:
            self._read_line(number, text)
            if self.found:
                yield from self.found
                self.found.clear()
        self._end_event()
        yield from self.found

    def _read_line(self, number: int, text: str) -> None:
        if "Event" in text:
            if _WEVTUTIL.fullmatch(text):
                self._end_event()
                self.marker = number
                return
            one_line = _ONE_LINE.fullmatch(text)
            if one_line:
                self._end_event()
                self._open_one_line(number, one_line)
                return
        label_line = self._label_line(number, text)
        if label_line:
            self._read_labels(label_line)
        elif self.run.lines and not text.strip() and self.run.has_id:
            self.run.add(_LabelLine(number, text))
        else:
            self._end_run()
            self._add(text)
            self.under_text = self.block is not None and bool(text.strip())

    def _label_line(self, number: int, text: str) -> _LabelLine | None:
        found = _LABEL.fullmatch(text)
        if found and found[2].lower() in _NAMES:
            first, *others = _SECOND_LABEL.split(found[3]) if "  " in found[3] else [found[3]]
            values = {_NAMES[found[2].lower()]: first.strip()}
            for other in others:
                label, _, value = other.partition(":")
                values[_NAMES[label.strip().lower()]] = value.strip()
            return _LabelLine(number, text, len(found[1]), values)
        bare = _LABEL_WITHOUT_COLON.fullmatch(text)
        if bare and (bare[2] or self.run.lines):
            values = {_NAMES[(bare[2] or bare[3]).lower()]: bare[4].strip()}
            return _LabelLine(number, text, len(bare[1]), values)
        return None

    def _read_labels(self, line: _LabelLine) -> None:
        """Add the line to the open run.

        A field that the run has already begins another: lines without an event ID before it,
        its own first value among them, were text that only looks like labels. So were those
        right under a description, where the first label of Event Viewer's own block follows.
        """
        if "description" in line.values:
            self._end_run()
            self._describe(line.text, line.values["description"])
            self.under_text = bool(line.values["description"])
            return
        again = not line.values.keys().isdisjoint(self.run.values)
        opening = self.run.under_text and _OPENING.match(line.text)
        if again if self.run.has_id else opening:
            self._end_run()
        while not line.values.keys().isdisjoint(self.run.values):
            self._add(self.run.drop_first().text)
        if not self.run.lines:
            self.run.under_text = self.under_text
        self.run.add(line)
        if len(self.run.lines) > _LONGEST_RUN:
            self._end_run()

    def _end_event(self) -> None:
        self._end_run()
        self._end_block()
        self._end_marker()

    def _end_run(self) -> None:
        """Let the open run open an event, else give its lines to the one before."""
        if not self.run.lines:
            return
        run, self.run = self.run, _Run()
        first = run.lines[0]
        if run.opens_event():
            self._end_block()
            if self.marker is None:
                self.block = _Block(first.number, first.margin, run.values)
            else:  # the text of wevtutil stands left of its labels
                self.block = _Block(self.marker, 0, run.values)
                self.marker = None
        elif self.block is None and {"type", "source"} <= run.values.keys():
            self.found.append(Defect(Location(self.name, line=first.number), _NO_ID))
        else:
            for line in run.lines:
                self._add(line.text)

    def _end_block(self) -> None:
        block, self.block = self.block, None
        if block is None:
            return
        self.found.append(_entry(block))
        if block.room < 0:
            self.found.append(Defect(Location(self.name, line=block.line), TOO_LONG))

    def _end_marker(self) -> None:
        if self.marker is not None:
            self.found.append(Defect(Location(self.name, line=self.marker), _NO_ID))
            self.marker = None

    def _describe(self, text: str, value: str) -> None:
        """Begin the description at its label; a further such label is part of the text."""
        block = self.block
        if block is None or block.described:
            self._add(text)
        else:
            block.described = True
            block.text = [value]
            block.closed = False

    def _open_one_line(self, number: int, found: re.Match[str]) -> None:
        values = {"event_id": found[2], "source": found[3], "category": found[4]}
        self.block = _Block(number, len(found[1]), values, [found[5] or ""], described=True)

    def _add(self, text: str) -> None:
        if self.block:
            self.block.add(text)


def _event_id(values: dict[str, str]) -> int | None:
    return whole_number(values.get("event_id", "").removesuffix("."))


def _entry(block: _Block) -> Entry:
    """Return the entry of a block, with what its data section and its XML add."""
    values = block.values
    xml = next((at for at, line in enumerate(block.text) if _EVENT_XML.fullmatch(line)), None)
    text, data = split_data_section(block.text[:xml])
    moment = values.get("date", "")
    when = parse_iso_time(moment)
    date, time = split_date_and_time(moment) or (moment, values.get("time", ""))
    user = values.get("user", "")
    if values.get("user_name", "N/A") != "N/A":
        user = values["user_name"]
    entry = Entry(
        block.line,
        values.get("source", ""),
        _event_id(values) or 0,
        date="" if when else date,
        time="" if when else time,
        when=when,
        log=values.get("log", ""),
        type=values.get("type", ""),
        category=values.get("category", ""),
        user=user,
        computer=values.get("computer", ""),
        message=joined(text),
        data=data,
    )
    if xml is not None:
        _complete_from_xml(entry, "\n".join(block.text[xml + 1 :]))
    return entry


def _complete_from_xml(entry: Entry, text: str) -> None:
    """Take what the labels cannot say from the XML that Vista and later put under them."""
    event = parse_event_element(text, Location(""))
    if event is not None and not isinstance(event, Defect):
        entry.when = event.time
        entry.record = event.record
        entry.strings = event.strings
        entry.data = event.data
