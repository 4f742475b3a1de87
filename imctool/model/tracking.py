"""One record of the message tracking log of Exchange 4.0, 5.0 and 5.5 (Q173280)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from imctool.model.evidence import Location
from imctool.model.spool_name import SpoolName

_DIGITS, _NAME = 10, 8
_AROUND = re.compile(r"\s*([;=])\s*")


@dataclass(frozen=True, slots=True)
class MtsId:
    """The parts of an MTS-ID made by the connector: server, UTC yymmddHHMM, spool name."""

    server: str
    time: str
    spool_name: SpoolName


def parse_mts_id(text: str) -> MtsId | None:
    """Return the parts of a connector-made MTS-ID (Q190709 and six more), or None.

    ``c=US;a= ;p=Microsoft;l=RAYDEN9711051951WKA6D6YM``: letter case varies between artefacts.
    """
    text = text.strip()
    start = text.lower().find("l=") + 2
    end = len(text) - _NAME - _DIGITS
    time = text[end:-_NAME]
    if start < 2 or end <= start or not (time.isascii() and time.isdigit()):
        return None
    month, day, hour, minute = int(time[2:4]), int(time[4:6]), int(time[6:8]), int(time[8:])
    if not 1 <= month <= 12 or not 1 <= day <= 31 or hour > 23 or minute > 59:
        return None
    name = SpoolName.find(text[-_NAME:])
    return None if name is None else MtsId(text[start:end], time, name)


_MTS_ID = re.compile(r"\s*(?:c\s*=[^;=]*;.*l\s*=\s*\S|[0-9a-f]{32}\s*$)", re.I | re.DOTALL)


def plausible_mts_id(text: str) -> bool:
    """Return whether a text has a form of MTS-ID that is known: ``c=``, ``l=``; or 32 hex digits.

    A record that has lost its beginning has lost that of its MTS-ID, and names no message.
    """
    return _MTS_ID.match(text) is not None


def normalised_mts_id(text: str) -> str:
    """Return an MTS-ID in the one spelling that compares: letter case and blanks vary."""
    text = text.strip().strip("<>").lower()
    if "  " in text or "\t" in text or "\n" in text:
        return _AROUND.sub(r"\1", text)
    return text.replace(" ;", ";").replace("; ", ";").replace(" =", "=").replace("= ", "=")


@dataclass(frozen=True, slots=True)
class TrackingRecord:
    """One tracking entry; ``time`` is UTC and aware. ``recipients`` pairs name and status.

    ``recipient_count`` is field 13; ``recipients`` may hold fewer after damage.
    """

    location: Location
    message_id: str
    event: int
    time: datetime
    gateway: str = ""
    partner: str = ""
    remote_id: str = ""
    originator: str = ""
    priority: str = ""
    length: int | None = None
    seconds: str = ""
    cost: str = ""
    subject_id: str = ""
    recipient_count: int = 0
    recipients: tuple[tuple[str, str], ...] = ()

    @property
    def by_connector(self) -> bool:
        """Whether the connector wrote it, or was handed the message by it.

        1010-1018 are the service's own events (Q173364). On 4.0 the gateway or partner names
        the connector object; that its name holds "Internet Mail" is inferred.
        """
        if 1010 <= self.event <= 1018:
            return True
        return _names_connector(self.gateway) or _names_connector(self.partner)


_CONNECTOR_DN = re.compile(r"cn=\s*Internet Mail (?:Connector|Service)|MSExchangeIMC", re.I)


@lru_cache(maxsize=1024)
def _names_connector(name: str) -> bool:
    return _CONNECTOR_DN.search(name) is not None
