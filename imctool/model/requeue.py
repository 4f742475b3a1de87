"""What ``requeue`` means to do: which archived messages, by which way, and what speaks against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from imctool.model.journal import FileIdentity
from imctool.model.message import Fate

QUEUE_OLD = "Queue.old"
"""The name that Queue.dat gets where that is asked for, as several articles have it."""


class Via(StrEnum):
    """The way a message goes: back into the server, to a mail server, or into files."""

    IN = "in"
    PICKUP = "pickup"
    SMTP = "smtp"
    EML = "eml"
    MBOX = "mbox"
    MAILDIR = "maildir"

    @property
    def is_export(self) -> bool:
        """Whether it only writes copies for an archive and delivers nothing."""
        return self in {Via.EML, Via.MBOX, Via.MAILDIR}


class Reason(StrEnum):
    """Why a message is refused that could be requeued: what ``--force`` may name."""

    OVER_LIMIT = "over-limit"
    CHARSET = "charset"
    STORE_CRASH = "store-crash"
    DELIVERED = "delivered"
    RETURNED = "returned"
    DUPLICATE = "duplicate"
    SUBMITTED = "submitted"
    ENVELOPE = "envelope"


@dataclass(frozen=True, slots=True)
class Objection:
    """What speaks against requeueing a message, and the command that mends it, if there is one.

    ``reason`` is None where nothing can override it.
    """

    reason: Reason | None
    text: str
    command: str | None = None


@dataclass(frozen=True, slots=True)
class RequeueItem:
    """One selected message.

    ``location`` is the file's path as output names it, ``source`` its path from Imcdata on, both
    with ``/``. ``file`` is None where it could not be read. ``failed`` is the last time (UTC) at
    which an event named it as archived. ``objections`` are those that hold,
    ``warnings`` what is said and does not hinder.
    """

    location: str
    source: str
    file: FileIdentity | None
    spool_name: str | None = None
    originator: str | None = None
    recipients: tuple[str, ...] = ()
    recipient_count: int = 0
    text_offset: int = 0
    message_id: str | None = None
    subject: str | None = None
    time: datetime | None = None
    failed: datetime | None = None
    assumed_zone: bool = False
    fate: Fate = Fate.ARCHIVED
    articles: tuple[str, ...] = ()
    objections: tuple[Objection, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.source.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class RequeuePlan:
    """The selected messages in the order they go, and what is known of the others.

    ``left`` counts those that ``--max`` leaves for another run, ``unknown`` the files of the
    archive whose fate the evidence does not tell, ``unnamed`` what was asked for and is not
    there. ``queue_dat`` is Queue.dat where it is to be renamed, ``pickup`` how the Pickup folder
    is spelled; ``forced`` are the reasons that were overridden. ``missing`` are
    failed messages that have no file in this archive.
    """

    via: Via
    imcdata: str
    items: tuple[RequeueItem, ...]
    left: int = 0
    unknown: int = 0
    unnamed: tuple[str, ...] = ()
    queue_dat: RequeueItem | None = None
    pickup: str = "Pickup"
    forced: frozenset[Reason] = frozenset()
    missing: tuple[str, ...] = ()

    @property
    def going(self) -> tuple[RequeueItem, ...]:
        """The items that nothing speaks against."""
        return tuple(one for one in self.items if not one.objections)

    @property
    def refused(self) -> tuple[RequeueItem, ...]:
        """The items that are refused."""
        return tuple(one for one in self.items if one.objections)
