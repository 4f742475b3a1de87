"""One entry of a Windows NT event log, whatever form it was exported in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from imctool.model.evidence import Location
from imctool.model.spool_name import SpoolName


class Retrieval(StrEnum):
    """How a record was found in its log."""

    WALKED = "walked"
    RECOVERED = "recovered"
    CARVED = "carved"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class EventData:
    """The data section of a connector event: place in the program, HRESULT, spool name.

    Little-endian DWORDs and a NUL-ended ANSI name (Q272672, Q193639, Q245565); that the first
    DWORD is a place in the program is inferred.
    """

    location_code: int | None = None
    hresult: int | None = None
    spool_name: SpoolName | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One event. ``time`` is aware (UTC) where the form gives UTC, naive where it gives the
    server's wall clock. ``type``, ``category`` and ``user`` are the words or numbers of the
    export, "" where it has none. ``message`` is the text with its strings filled in, None where
    the form holds only the insertion strings.
    """

    location: Location
    time: datetime | None
    source: str
    event_id: int
    log: str = ""
    record: int | None = None
    type: str = ""
    category: str = ""
    user: str = ""
    computer: str = ""
    message: str | None = None
    strings: tuple[str, ...] = ()
    data: bytes = b""
    retrieval: Retrieval = Retrieval.TEXT

    @property
    def decoded(self) -> EventData:
        """The data section decoded; empty where it is too short to be a connector's."""
        return decode_event_data(self.data)

    @property
    def spool_name(self) -> SpoolName | None:
        """The spool file the event speaks of: from its data, its text, or its strings."""
        return self.decoded.spool_name or spool_name_in_text(self.message, self.strings)

    @property
    def is_connector(self) -> bool:
        """Whether the connector wrote it; its source is spelt in several ways (Q279320 ...)."""
        return _kind_of_source(self.source)[0]

    @property
    def concerns_mail(self) -> bool:
        """Whether it may bear on the connector: Exchange, Dr. Watson, service control, ESE."""
        return _kind_of_source(self.source)[2]

    @property
    def is_store(self) -> bool:
        """Whether the information store wrote it (MSExchangeIS, ... Private, ... Public)."""
        return _kind_of_source(self.source)[1]


_CONNECTOR = re.compile(r"(?:MS\s*Exchange\s*IM[CS]|MSEechangeIMC|MSExchnageIMC|IMC)", re.I)
_STORE = re.compile(r"MS\s*Exchange\s*IS(?:\s*(?:Private|Public)(?:\s*\w+)?)?", re.I)

_CONCERNED = re.compile(
    r"MS\s*Exch|Dr\s?Watson|Service Control Manager|ESE|EDB|Application Error", re.I
)


@lru_cache(maxsize=1024)
def _kind_of_source(source: str) -> tuple[bool, bool, bool]:
    """Return whether a source is the connector, the store, anything that may bear on mail."""
    name = source.strip()
    connector = _CONNECTOR.fullmatch(name) is not None
    store = _STORE.fullmatch(name) is not None
    return connector, store, connector or _CONCERNED.match(name) is not None


_NAME = r"([0-9A-DF-HJ-NP-TV-Z]{8})"
_NAME_IN_TEXT = re.compile(
    rf"spool\s+file\s+[\"'<]?{_NAME}\b"
    rf"|archive\s+filename\s+is\s+['\"]?{_NAME}\b"
    rf"|temporary\s+file\s+\"?(?:[^\s\"]*\\)?{_NAME}\b"
    rf"|imcdata\\(?:in|out|work)\\(?:archive\\)?{_NAME}\b"
    rf"|The\s+message\s+that\s+caused\s+this\s+was\s+{_NAME}\b",
    re.IGNORECASE,
)


def spool_name_in_text(message: str | None, strings: tuple[str, ...]) -> SpoolName | None:
    """Return the spool name that an event's text or insertion strings give, or None.

    Texts: 4117, 4118, 4182, 4115, 4192, 2001, 2002, 4055, 4081 and the content engine's 12004,
    12006, 12007, 12071. A string counts only where the whole of it, or the last part of it as a
    path, is a name.
    """
    if message:
        found = _NAME_IN_TEXT.search(message)
        if found:
            return SpoolName.find(next(group for group in found.groups() if group))
    for string in strings:
        tail = re.split(r"[\\/]", string.strip().strip("'\"<>"))[-1]
        name = SpoolName.find(tail)
        if name is not None:
            return name
    return None


def decode_event_data(data: bytes) -> EventData:
    """Return the place, HRESULT and spool name that a connector's data section holds.

    A first DWORD whose top byte is 80 and a second whose is not are taken in the other order.
    Data of fewer than eight bytes decode to nothing; a tail that is no spool name is left out.
    """
    if len(data) < 8:
        return EventData(spool_name=_name_in_data(data))
    first = int.from_bytes(data[0:4], "little")
    second = int.from_bytes(data[4:8], "little")
    if first >> 24 == 0x80 and second >> 24 != 0x80:
        first, second = second, first
    return EventData(first, second, _name_in_data(data[8:]) or _name_in_data(data))


def _name_in_data(data: bytes) -> SpoolName | None:
    text = data.split(b"\0", 1)[0]
    if len(text) != 8:
        return None
    return SpoolName.find(text.decode("ascii", "replace"))
