"""One record of the message tracking log of Exchange 4.0, 5.0 and 5.5 (Q173280)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from imctool.model.evidence import Location
from imctool.model.spool_name import SpoolName

_IMS_MTS_ID = re.compile(
    r"l=(?P<server>.+?)(?P<time>\d{10})(?P<name>[0-9A-DF-HJ-NP-TV-Z]{8})$", re.IGNORECASE
)


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
    found = _IMS_MTS_ID.search(text.strip())
    if not found:
        return None
    name = SpoolName.find(found["name"])
    return MtsId(found["server"], found["time"], name) if name else None


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
