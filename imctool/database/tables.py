"""Which table holds which noun, and how a record becomes a row and a row a record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from imctool.database import log_rows, mail_rows
from imctool.database.mail_rows import Row
from imctool.model.event import Event
from imctool.model.evidence import Defect, InputKind
from imctool.model.mail import SpoolFile
from imctool.model.queue_entry import QueueEntry
from imctool.model.settings import CharacterSets, RegistryValue
from imctool.model.smtp import Banner, LogSpan, Transaction
from imctool.model.tracking import TrackingRecord

Record = TypeVar("Record")


def _path_of_record(record: Any) -> str:
    path: str = record.location.path
    return path


@dataclass(frozen=True, slots=True)
class Table(Generic[Record]):
    """``to_row`` gives the columns after ``id`` and ``file``; ``path_of`` the file's name."""

    name: str
    to_row: Callable[[Record], Row]
    of_row: Callable[[str, Row], Record]
    path_of: Callable[[Record], str] = _path_of_record


SPOOL_FILES: Table[tuple[InputKind, SpoolFile]] = Table(
    "spool_file",
    mail_rows.spool_file_row,
    mail_rows.spool_file_of,
    lambda pair: pair[1].location.path,
)
EVENTS: Table[Event] = Table("event", log_rows.event_row, log_rows.event_of)
TRACKING: Table[TrackingRecord] = Table("tracking", log_rows.tracking_row, log_rows.tracking_of)
TRANSACTIONS: Table[Transaction] = Table(
    "smtp_transaction", log_rows.transaction_row, log_rows.transaction_of
)
BANNERS: Table[Banner] = Table("banner", log_rows.banner_row, log_rows.banner_of)
REGISTRY: Table[RegistryValue] = Table(
    "registry_value", log_rows.registry_row, log_rows.registry_of
)
CHARACTER_SETS: Table[CharacterSets] = Table(
    "character_sets", log_rows.character_sets_row, log_rows.character_sets_of
)
QUEUE_ENTRIES: Table[QueueEntry] = Table("queue_entry", log_rows.queue_row, log_rows.queue_of)
SPANS: Table[LogSpan] = Table("coverage", log_rows.span_row, log_rows.span_of)
DEFECTS: Table[Defect] = Table("defect", log_rows.defect_row, log_rows.defect_of)
