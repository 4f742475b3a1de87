"""What ``recover`` rebuilt: each message with where it came from, and what may be wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from imctool.model.action import Action
from imctool.model.evidence import Location
from imctool.model.message import Fate
from imctool.model.spool_name import SpoolName


class MessageForm(StrEnum):
    """How a message is written: as it was transmitted, for the Pickup folder, or into one mbox."""

    EML = "eml"
    PICKUP = "pickup"
    MBOX = "mbox"


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log that messages were rebuilt from, as it was then: name, bytes, SHA-256 in hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class RecoveredMessage:
    """One message as it was rebuilt from the log of the session that brought it.

    ``file`` is the name inside the folder, ``size`` and ``sha256`` are that file's; ``offset`` is
    where the message begins in it, None where it has the file to itself. ``text_size`` and
    ``text_sha256`` are of the text as it was transmitted. ``location`` is the first line of the
    transaction, ``last_line`` that of the reply which accepted it. Times are aware UTC.
    ``recipients`` are those that the server took, ``recipient_count`` how many it took.

    ``damage`` says in sentences what of the text is missing or uncertain, ``inferred`` what in
    the file rests on inference, ``notes`` what to know before it is sent again.
    """

    file: str
    size: int
    sha256: str
    text_size: int
    text_sha256: str
    location: Location
    last_line: int | None
    peer: str
    started: datetime | None
    ended: datetime | None
    assumed_zone: bool
    originator: str | None
    recipients: tuple[str, ...]
    recipient_count: int
    refused_count: int
    message_id: str | None
    mts_id: str | None
    subject: str | None
    fate: Fate
    spool_name: SpoolName | None
    offset: int | None = None
    doubled_dots: int = 0
    damage: tuple[str, ...] = ()
    inferred: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing speaks against the text being whole and exact."""
        return not self.damage


@dataclass(frozen=True, slots=True)
class Recovery:
    """One run of ``recover``. ``manifest`` is the path of the record beside the files, or None.

    ``uncertain`` counts the messages that may be lost, have a text, and were left out.
    ``problem`` says why the manifest could not be written.
    """

    folder: str
    form: MessageForm
    dry_run: bool
    messages: tuple[RecoveredMessage, ...]
    actions: tuple[Action, ...]
    uncertain: int = 0
    manifest: str | None = None
    problem: str | None = None

    @property
    def damaged(self) -> int:
        """How many of the messages are not complete."""
        return sum(not one.complete for one in self.messages)

    @property
    def undone(self) -> int:
        """How many messages were refused or failed."""
        return sum(one.undone for one in self.actions)
