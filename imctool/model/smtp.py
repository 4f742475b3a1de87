"""What the SMTP protocol log tells: one transaction, from MAIL to its last reply."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from imctool.model.direction import Direction
from imctool.model.evidence import Location
from imctool.model.mail import Skeleton


class Outcome(StrEnum):
    """How a transaction ended, seen from the log."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DEFERRED = "deferred"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMTP reply: code, text of its last line, and where it stands."""

    code: int
    text: str
    location: Location


@dataclass(frozen=True, slots=True)
class Transaction:
    """One mail transaction. Times are the server's wall clock (naive), or None.

    ``accepted`` are the recipients the receiving side took, ``accepted_count`` how many (the
    tuple may be cut to what the reader keeps); ``refused`` pairs recipients with the reply.
    ``skeleton`` outlines the message text where the log holds it (Maximum level); its offsets
    count in the rebuilt text. ``text_size`` is that text's size in bytes, None without text.
    ``truncated`` says that the log itself cut the text (4.0 cuts at 1024 bytes, Q159290).
    """

    location: Location
    direction: Direction
    outcome: Outcome
    started: datetime | None
    ended: datetime | None
    peer: str
    originator: str | None
    accepted: tuple[str, ...] = ()
    accepted_count: int = 0
    refused: tuple[tuple[str, Reply], ...] = ()
    refused_count: int = 0
    over_limit_count: int = 0
    reply: Reply | None = None
    skeleton: Skeleton | None = None
    text_size: int | None = None
    truncated: bool = False
    subject: str | None = None

    @property
    def moment(self) -> datetime | None:
        """When it ended, or began where its end has no time."""
        return self.ended or self.started

    @property
    def asked(self) -> tuple[str, ...]:
        """Every recipient that RCPT named, taken or refused."""
        return (*self.accepted, *(recipient for recipient, _ in self.refused))

    @property
    def message_id(self) -> str | None:
        """The Message-ID of the logged text, None where there is none."""
        return None if self.skeleton is None else self.skeleton.message_id


@dataclass(frozen=True, slots=True)
class Banner:
    """The build a server named in its own SMTP greeting."""

    location: Location
    direction: Direction
    version: str


@dataclass(frozen=True, slots=True)
class LogSpan:
    """What a log covers: its file, first and last time, how many records, and its detail.

    ``detail`` is for a protocol log ``minimum``, ``medium`` or ``maximum``; for an event log
    ``exchange`` where Exchange wrote to it; else "".
    ``torn`` says that the file ends in the middle of a record.
    """

    location: Location
    first: datetime | None
    last: datetime | None
    records: int
    detail: str = ""
    torn: bool = False
