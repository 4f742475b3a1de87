"""Event logs as Windows Vista and later keep them (.evtx), and one event as their XML.

A log of the connector comes in this form where an .evt was opened on a modern Windows and saved
again, or converted by ``wevtutil epl``. The format itself is read by the optional package
``evtx``, which renders each record as XML (schema: eventschema on learn.microsoft.com).
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, BinaryIO
from xml.etree import ElementTree

from imctool.model.event import Event, Retrieval
from imctool.model.evidence import Defect, EvidenceFile, Location
from imctool.readers.file_buffer import open_binary

_MISSING = 'reading .evtx needs the package evtx: pip install "imctool[evtx]"'

_SMALLEST_RECORD = 28
"""Bytes of the head and tail of a record: no file holds more errors than records of this size."""

_CONTROL = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 forbids, and an insertion string may hold all the same."""

_LEVELS = {
    0: "Information",
    1: "Critical",
    2: "Error",
    3: "Warning",
    4: "Information",
    5: "Verbose",
}
_KEYWORDS = re.compile(r"0x[0-9A-Fa-f]{1,16}")
_AUDIT_FAILURE = 0x10000000000000
_AUDIT_SUCCESS = 0x20000000000000
"""The audits of the Security log, which .evt keeps as types, are keywords here (winmeta.xml)."""


def read_evtx(file: EvidenceFile) -> Iterator[Event | Defect]:
    """Yield the events of an .evtx file and its defects; see :func:`scan_evtx`.

    A file that cannot be opened is one Defect with the system's reason.
    """
    try:
        with open_binary(file.path) as stream:
            yield from scan_evtx(stream, file.name)
    except OSError as error:
        yield Defect(file.location(), error.strerror or str(error))


def scan_evtx(stream: BinaryIO, name: str) -> Iterator[Event | Defect]:
    """Yield the events of an .evtx log, and a Defect for each damaged part.

    A damaged chunk costs its own records only. An event is located by the record number that
    Event Viewer shows. Without the package ``evtx`` one Defect says how to install it.
    """
    try:
        from evtx import PyEvtxParser
    except ImportError:
        yield Defect(Location(name), _MISSING)
        return
    try:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        rendered = PyEvtxParser(stream, 1).records()
    except (OSError, RuntimeError) as error:
        yield Defect(Location(name), _first_line(error))
        return
    for _ in range(size // _SMALLEST_RECORD):
        try:
            record: Any = next(rendered)
        except StopIteration:
            return
        except (OSError, RuntimeError) as error:
            yield Defect(Location(name), _first_line(error))
        else:
            yield from _read_rendered(record["data"], name, record["event_record_id"])


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _read_rendered(text: str, name: str, number: int) -> Iterator[Event | Defect]:
    """Yield the event of one rendered record, and what is wrong with it."""
    location = Location(name, record=number)
    try:
        # The package renders no document type and no entity, so nothing can be expanded.
        element = ElementTree.fromstring(_CONTROL.sub("\ufffd", text))  # noqa: S314
    except ElementTree.ParseError as error:
        yield Defect(location, f"record is not well-formed XML: {error}")
        return
    event = event_from_xml(element, location, Retrieval.WALKED)
    if event is None:
        yield Defect(location, "record without an event id")
        return
    if event.record is not None:
        location = Location(name, record=event.record)
        event = replace(event, location=location)
    yield event
    if event_data_from_xml(element) is None:
        yield Defect(location, "the data section is neither hexadecimal nor base64")


def event_from_xml(
    element: ElementTree.Element, location: Location, retrieval: Retrieval = Retrieval.TEXT
) -> Event | None:
    """Return the event that an ``Event`` element holds, None if it has no event id.

    Any namespace or none will do. Texts of a ``RenderingInfo`` (level, category, message) are
    used where they stand; level 0 is shown as Event Viewer shows it, Information [general
    knowledge], unless a keyword makes it an audit.
    """
    parts = _children(element)
    system = _children(parts.get("System"))
    rendering = _children(parts.get("RenderingInfo"))
    event_id = _number(_text(system.get("EventID")))
    if event_id is None:
        return None
    provider = system.get("Provider")
    source = _attribute(provider, "Name") or _attribute(provider, "EventSourceName")
    task = _text(system.get("Task"))
    message = rendering.get("Message")
    return Event(
        location=location,
        time=_time(_attribute(system.get("TimeCreated"), "SystemTime")),
        source=source,
        event_id=event_id & 0xFFFF,
        log=_text(system.get("Channel")),
        record=_number(_text(system.get("EventRecordID"))),
        type=_type(_text(system.get("Level")), _text(system.get("Keywords")))
        or _text(rendering.get("Level")),
        category=_text(rendering.get("Task")) or ("None" if task == "0" else task),
        user=_attribute(system.get("Security"), "UserID"),
        computer=_text(system.get("Computer")),
        message=None if message is None else _text(message),
        strings=tuple(
            _text(one) for one in parts.get("EventData", ()) if _local_name(one) == "Data"
        ),
        data=event_data_from_xml(element) or b"",
        retrieval=retrieval,
    )


def event_data_from_xml(element: ElementTree.Element) -> bytes | None:
    """Return the data section of an ``Event`` element, None where it cannot be read.

    ``Binary`` is hexBinary in the schema; some tools write base64, which is tried second.
    """
    binary = _children(_children(element).get("EventData")).get("Binary")
    text = "".join(_text(binary).split())
    try:
        return bytes.fromhex(text)
    except ValueError:
        pass
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _local_name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _children(element: ElementTree.Element | None) -> dict[str, ElementTree.Element]:
    """Return the first child of each name, without namespaces."""
    found: dict[str, ElementTree.Element] = {}
    for child in element if element is not None else ():
        found.setdefault(_local_name(child), child)
    return found


def _text(element: ElementTree.Element | None) -> str:
    """Return the text of an element, "" for one that holds nothing but a line's indentation."""
    text = "" if element is None else "".join(element.itertext())
    return "" if "\n" in text and not text.strip() else text


def _attribute(element: ElementTree.Element | None, name: str) -> str:
    return "" if element is None else element.get(name, "")


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None


def _type(level: str, keywords: str) -> str:
    """Return the type that .evt would name, the level's number where there is no such word."""
    number = _number(level)
    if number is None:
        return level
    bits = int(keywords, 16) if _KEYWORDS.fullmatch(keywords) else 0
    if number == 0 and bits & _AUDIT_FAILURE:
        return "Failure Audit"
    if number == 0 and bits & _AUDIT_SUCCESS:
        return "Success Audit"
    return _LEVELS.get(number) or str(number)


def _time(text: str) -> datetime | None:
    """Return a SystemTime, which is UTC and has up to nine digits behind the second."""
    try:
        time = datetime.fromisoformat(text.strip())
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
