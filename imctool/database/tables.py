"""Which table holds which noun, and how a record becomes a row and a row a record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

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


@dataclass(frozen=True, slots=True)
class Table(Generic[Record]):
    """``to_row`` gives the columns after ``id`` and ``file``; ``path_of`` the file's name."""

    name: str
    to_row: Callable[[Record], Row]
    of_row: Callable[[str, Row], Record]
    path_of: Callable[[Record], str]


SPOOL_FILES: Table[tuple[InputKind, SpoolFile]] = Table(
    "spool_file",
    mail_rows.spool_file_row,
    mail_rows.spool_file_of,
    lambda pair: pair[1].location.path,
)
EVENTS: Table[Event] = Table(
    "event", log_rows.event_row, log_rows.event_of, lambda one: one.location.path
)
TRACKING: Table[TrackingRecord] = Table(
    "tracking", log_rows.tracking_row, log_rows.tracking_of, lambda one: one.location.path
)
TRANSACTIONS: Table[Transaction] = Table(
    "smtp_transaction",
    log_rows.transaction_row,
    log_rows.transaction_of,
    lambda one: one.location.path,
)
BANNERS: Table[Banner] = Table(
    "banner", log_rows.banner_row, log_rows.banner_of, lambda one: one.location.path
)
REGISTRY: Table[RegistryValue] = Table(
    "registry_value", log_rows.registry_row, log_rows.registry_of, lambda one: one.location.path
)
CHARACTER_SETS: Table[CharacterSets] = Table(
    "character_sets",
    log_rows.character_sets_row,
    log_rows.character_sets_of,
    lambda one: one.location.path,
)
QUEUE_ENTRIES: Table[QueueEntry] = Table(
    "queue_entry", log_rows.queue_row, log_rows.queue_of, lambda one: one.location.path
)
SPANS: Table[LogSpan] = Table(
    "coverage", log_rows.span_row, log_rows.span_of, lambda one: one.location.path
)
DEFECTS: Table[Defect] = Table(
    "defect", log_rows.defect_row, log_rows.defect_of, lambda one: one.location.path
)
