"""Where a fact stands, what a file is, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Location:
    """A place in the evidence: a file and, where it has them, a line, record or byte offset.

    ``path`` is relative to the PATH argument it was found under, with ``/`` between its parts.
    Lines count from 1, records carry their own number, offsets count bytes from 0.
    """

    path: str
    line: int | None = None
    record: int | None = None
    offset: int | None = None

    @property
    def order(self) -> tuple[str, int, int, int]:
        """What places sort by: path, then line, record and offset, the whole file first."""
        return (
            self.path,
            -1 if self.line is None else self.line,
            -1 if self.record is None else self.record,
            -1 if self.offset is None else self.offset,
        )

    def __lt__(self, other: Location) -> bool:
        return self.order < other.order

    def __str__(self) -> str:
        if self.line is not None:
            return f"{self.path}:{self.line}"
        if self.record is not None:
            return f"{self.path} record {self.record}"
        if self.offset is not None:
            return f"{self.path} offset {self.offset}"
        return self.path


@dataclass(frozen=True, slots=True)
class Defect:
    """Something in the evidence that could not be read, or not as it should be, and why."""

    location: Location
    reason: str

    def __lt__(self, other: Defect) -> bool:
        return (self.location.order, self.reason) < (other.location.order, other.reason)


class InputKind(StrEnum):
    """What a file of the evidence is, told by its content and, for spool files, its folder."""

    SPOOL_IN = "spool-in"
    SPOOL_IN_ARCHIVE = "spool-in-archive"
    SPOOL_OUT = "spool-out"
    SPOOL_OUT_ARCHIVE = "spool-out-archive"
    SPOOL_WORK = "spool-work"
    PICKUP = "pickup"
    TURF = "turf"
    EVENT_LOG = "event-log"
    PROTOCOL_LOG = "protocol-log"
    TRACKING_LOG = "tracking-log"
    REGISTRY = "registry"
    IMC_SETTINGS = "imc-settings"
    QUEUE_DAT = "queue-dat"
    OTHER = "other"


class Form(StrEnum):
    """The form a file's content has: decides which reader opens it."""

    SPOOL_FILE = "spool-file"
    EVT = "evt"
    EVTX = "evtx"
    EVENT_TEXT = "event-text"
    PROTOCOL_LOG = "protocol-log"
    TRACKING_LOG = "tracking-log"
    REGISTRY_TEXT = "registry-text"
    REGISTRY_HIVE = "registry-hive"
    IMC_SETTINGS = "imc-settings"
    QUEUE_DAT = "queue-dat"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One file of the evidence: where it lies on this machine and how output names it."""

    path: Path
    name: str
    size: int
    kind: InputKind
    form: Form

    def location(
        self, *, line: int | None = None, record: int | None = None, offset: int | None = None
    ) -> Location:
        """Return a place in this file, under the name that output gives it."""
        return Location(self.name, line=line, record=record, offset=offset)


@dataclass(frozen=True, slots=True)
class FileCount:
    """Every file seen was read, or unreadable, or skipped: the three add up."""

    seen: int = 0
    read: int = 0
    unreadable: int = 0
    skipped: int = 0
