"""A message with too many recipients, divided: the plan, the parts that were written."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path

from imctool.model.action import Action
from imctool.model.evidence import Location
from imctool.model.mail import RECIPIENT_LIMIT, MailFormat
from imctool.model.spool_name import SpoolName


class SplitForm(StrEnum):
    """How parts are written: for the Pickup folder of 5.5, or the text and its envelope apart."""

    PICKUP = "pickup"
    EML = "eml"


class RecipientMark(IntEnum):
    """What becomes of one recipient of the envelope; a byte in ``SplitPlan.marks``."""

    KEPT = 1
    DUPLICATE = 2
    LEFT_OUT = 3
    REFUSED = 4


@dataclass(frozen=True, slots=True)
class MarkedRecipient:
    """One recipient of which something is said. ``number`` counts those of the envelope from 1.

    ``offset`` is where its line begins in a Pickup file, else None. The address is raw bytes
    decoded as Latin-1 and may hold anything: it is to be made safe where it is shown.
    """

    number: int
    address: str
    reason: str
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class EnvelopeDoubt:
    """Why an envelope may name more recipients than are read of it, and where (byte offset)."""

    offset: int
    reason: str


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """Who of a message's recipients goes into which part.

    ``size`` and ``sha256`` (hex) are those of the whole file that was looked at, ``text_offset``
    is where its text begins. ``originator`` is "" for the null sender. ``recipient_count`` and
    ``recipients_sha256`` are of all recipients in the envelope, as read: each address and an LF,
    in their order. ``kept``, ``duplicates``, ``left_out`` and ``refused`` count them; with
    ``keeps_duplicates`` the duplicates are among the kept, else the four add up. ``odd`` counts
    those not refused here whose form a mail server may refuse. Of each kind a few are told.
    ``doubts`` are reasons why the envelope may name more recipients than were read. ``parts`` is
    how many recipients each part has, empty where none is left; ``marks`` has a ``RecipientMark``
    for each recipient of the envelope.
    """

    format: MailFormat
    originator: str
    text_offset: int
    size: int
    sha256: str
    recipient_count: int
    recipients_sha256: str
    marks: bytes = field(repr=False)
    parts: tuple[int, ...]
    limit: int = RECIPIENT_LIMIT
    keeps_duplicates: bool = False
    kept: int = 0
    duplicates: int = 0
    left_out: int = 0
    refused: int = 0
    odd: int = 0
    some_duplicates: tuple[MarkedRecipient, ...] = ()
    some_refused: tuple[MarkedRecipient, ...] = ()
    some_odd: tuple[MarkedRecipient, ...] = ()
    doubts: tuple[EnvelopeDoubt, ...] = ()


@dataclass(frozen=True, slots=True)
class MailToSplit:
    """A message and how it is divided.

    ``path`` is where its file lies here, ``source`` how output names it.
    """

    source: Location
    path: Path
    spool_name: SpoolName | None
    plan: SplitPlan


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file inside the folder: its size in bytes, its SHA-256 in hex, None if not known yet."""

    file: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class SplitPart:
    """One part: its file, from where in it the text is, and to how many it goes.

    ``recipients_sha256`` is of its recipients in their order, each with an LF. ``envelope`` is the
    file beside it that names them, None where its own file does.
    """

    number: int
    written: WrittenFile
    text_offset: int
    recipient_count: int
    recipients_sha256: str
    envelope: WrittenFile | None = None


@dataclass(frozen=True, slots=True)
class SplitMail:
    """One message as it was divided.

    ``text_size`` and ``text_sha256`` are of the text in the spool file; ``written_size`` and
    ``written_sha256`` of the text in every part, which in a Pickup file has ``doubled_dots`` more
    bytes. ``kept_sha256`` is of the recipients of all parts in their order, each with an LF. A
    hash is None where a dry run cannot know it.
    """

    source: Location
    spool_name: SpoolName | None
    plan: SplitPlan
    text_size: int
    text_sha256: str
    written_size: int
    written_sha256: str | None
    doubled_dots: int
    kept_sha256: str
    parts: tuple[SplitPart, ...]
    inferred: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SplitResult:
    """One run: the messages that were divided, and an action for each part, or for each message
    that gave none. ``manifest`` is the path of the record beside the parts, or None. ``problem``
    says why nothing could be left in the folder.
    """

    folder: str
    form: SplitForm
    dry_run: bool
    mails: tuple[SplitMail, ...]
    actions: tuple[Action, ...]
    manifest: str | None = None
    problem: str | None = None

    @property
    def undone(self) -> int:
        """How many actions were refused or failed."""
        return sum(one.undone for one in self.actions)
