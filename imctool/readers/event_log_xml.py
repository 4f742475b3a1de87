"""Events as XML: Event Viewer's Save As, and ``wevtutil qe`` with or without a root element.

The elements are cut out of the text one by one, so a file of any size streams, one damaged
element costs itself only, and a document type declaration never reaches the parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from xml.etree import ElementTree

from imctool.model.event import Event, Retrieval
from imctool.model.evidence import Defect, Location
from imctool.readers.event_log_evtx import event_from_xml

ELEMENT_LIMIT = 1 << 20
"""The most characters of one Event element that are read."""

_START = re.compile(r"<Event(?=[\s>/])")
_END = re.compile(r"</Event\s{0,16}>")
_OF_EVENT_LOG = re.compile(r"win/2004/08/events/event|<System\b[^>]{0,200}>\s{0,200}<Provider\b")
_DECLARATION = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_CONTROL = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_UNENDED = "Event element without its end"
_TAIL = 32
"""Characters that a tag cut in two by the end of a piece can reach back."""


def sniff_xml(lines: Sequence[str]) -> str | None:
    """Return ``xml`` where the text begins with markup and holds an element of an event log."""
    text = "\n".join(lines)
    if text.lstrip().startswith("<") and _START.search(text) and _OF_EVENT_LOG.search(text):
        return "xml"
    return None


def parse_xml(blocks: Iterable[str], name: str) -> Iterator[Event | Defect]:
    """Yield the events of a text that comes in pieces; their times are UTC.

    From the declaration of a document type or an entity on, the file is refused.
    """
    for line, element, flaw in _elements(blocks):
        here = Location(name, line=line)
        yield Defect(here, flaw) if flaw else parse_event_element(element, here)


def _elements(blocks: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """Yield line, text and flaw of each Event element; a flaw stands alone."""
    buffer = ""
    position = searched = 0
    line = 1
    inside = False
    for block in blocks:
        searched -= position
        buffer, position = buffer[position:] + block, 0
        while True:
            if not inside:
                start = _START.search(buffer, position)
                stop = start.start() if start else max(position, len(buffer) - _TAIL)
                if _DECLARATION.search(buffer, position, stop + _TAIL):
                    yield line, "", "document type or entity declared: the rest is not read"
                    return
                line += buffer.count("\n", position, stop)
                position, searched = stop, max(searched, stop)
                if start is None:
                    break
                inside = True
            end = _END.search(buffer, searched)
            if end is None:
                searched = max(position, len(buffer) - _TAIL)
                if len(buffer) - position <= ELEMENT_LIMIT:
                    break
            # An element whose end is lost ends where the next one starts.
            stop = end.end() if end else position + len("<Event")
            for start in _START.finditer(buffer, position + 1, stop):
                yield line, "", _UNENDED
                line += buffer.count("\n", position, start.start())
                position = start.start()
            if end is None or stop - position > ELEMENT_LIMIT:
                yield line, "", f"Event element longer than {ELEMENT_LIMIT} characters"
            else:
                yield line, buffer[position:stop], ""
            line += buffer.count("\n", position, stop)
            position = stop
            inside = False
    if inside:
        yield line, "", _UNENDED


def parse_event_element(text: str, location: Location) -> Event | Defect:
    """Return the event that one Event element holds, or a Defect that says why it does not.

    Control characters, which wevtutil writes as they are and XML forbids, become U+FFFD. The
    text begins with the element, so no declaration of a document type can stand in it, and a
    reference to an entity that is not XML's own is an error.
    """
    start = _START.search(text)
    try:
        element = ElementTree.fromstring(  # noqa: S314 - see above
            _CONTROL.sub("\ufffd", text[start.start() if start else 0 :])
        )
    except ElementTree.ParseError as error:
        return Defect(location, f"Event element is not well-formed: {error}")
    event = event_from_xml(element, location)
    if event is None:
        return Defect(location, "Event element without an event ID")
    return replace(event, retrieval=Retrieval.TEXT)
