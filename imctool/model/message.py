"""A message of the ledger: all that the evidence says of one mail, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from imctool.model.direction import Direction
from imctool.model.event import Event
from imctool.model.evidence import InputKind, Location
from imctool.model.mail import SpoolFile
from imctool.model.smtp import Transaction
from imctool.model.spool_name import SpoolName
from imctool.model.tracking import TrackingRecord


class Fate(StrEnum):
    """What became of a message."""

    DELIVERED = "delivered"
    QUEUED = "queued"
    STUCK = "stuck"
    ARCHIVED = "archived"
    BAD = "bad"
    RETURNED = "returned"
    DEFERRED = "deferred"
    REFUSED = "refused"
    LOST = "lost"
    DUPLICATED = "duplicated"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown"


SETTLED = frozenset({Fate.DELIVERED, Fate.QUEUED})
"""The fates in which nothing went wrong."""


class ObservationKind(StrEnum):
    """Which artefact an observation comes from."""

    SPOOL_FILE = "spool-file"
    EVENT = "event"
    TRACKING = "tracking"
    PROTOCOL = "protocol"
    QUEUE = "queue-dat"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing seen of a message. ``time`` is aware UTC, or None where nothing gives one."""

    time: datetime | None
    kind: ObservationKind
    location: Location
    text: str
    assumed_zone: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One message and its fate; ``wanting`` names the evidence that an unknown fate hangs on.

    ``notes`` say what else is known of it: which message it repeats, that it loops, where the
    spool name lies that no evidence gives.

    ``files`` pairs each spool file of the message with the folder kind it lies in. ``first``
    and ``last`` are the first and last observed time (aware UTC). ``number`` tells it from the
    others of its ledger.
    """

    direction: Direction
    fate: Fate
    spool_name: SpoolName | None = None
    originator: str | None = None
    recipient_count: int = 0
    message_id: str | None = None
    mts_id: str | None = None
    files: tuple[tuple[InputKind, SpoolFile], ...] = ()
    events: tuple[Event, ...] = ()
    tracking: tuple[TrackingRecord, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    observations: tuple[Observation, ...] = ()
    first: datetime | None = None
    last: datetime | None = None
    assumed_zone: bool = False
    wanting: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    number: int = -1

    @property
    def name(self) -> str:
        """How a reader can call it: spool name, else Message-ID, else MTS-ID, else its sender."""
        if self.spool_name is not None:
            return str(self.spool_name)
        if self.message_id or self.mts_id:
            return self.message_id or self.mts_id or ""
        return f"from <{self.originator}>" if self.originator is not None else "(unnamed)"
