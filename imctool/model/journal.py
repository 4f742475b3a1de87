"""What a journal of repairs records: each operation before it is done, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from imctool.model.action import ActionKind


class Outcome(StrEnum):
    """How an operation ended.

    Dropped: nothing was changed, or what was begun was taken back. Gone: a later look found the
    file under neither of its names. Unsure: it has its old name only, and may have had the new
    one for a moment, at which the service may have taken it up.
    """

    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"
    GONE = "gone"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What tells that a file is still the one that was looked at; the hash is in hex.

    ``changed_ns`` is when its entry was changed last (ctime): a link and its removal change that.
    """

    sha256: str
    size: int
    device: int
    inode: int
    modified_ns: int
    changed_ns: int = 0


@dataclass(frozen=True, slots=True)
class SpoolIdentity:
    """Which Imcdata folder a journal belongs to: where it lay then, and the folder's number."""

    path: str
    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing to do with one file. Paths are relative to Imcdata, with ``/``.

    ``target`` is None where the message goes to a mail server, which ``server`` then names.
    ``copied`` says that the bytes were copied, since the two places are on different volumes,
    ``linked`` that the file gets its new name before it loses the old one. ``failed`` is the time
    of the last event that named the message as archived (ISO 8601, by the server's clock), and
    ``assumed_zone`` that the zone of that clock was not known.
    ``undoes`` is the number of the operation that this one takes back.
    """

    number: int
    kind: ActionKind
    source: str
    target: str | None
    file: FileIdentity
    spool_name: str | None = None
    recipients: int = 0
    copied: bool = False
    linked: bool = False
    undoes: int | None = None
    server: str | None = None
    failed: str | None = None
    assumed_zone: bool = False


@dataclass(frozen=True, slots=True)
class Staged:
    """The bytes that were made of a message for its target: their hash in hex, and size.

    ``linked`` says that they get their name there while they have the hidden one still.
    """

    sha256: str
    size: int
    linked: bool = False


@dataclass(slots=True)
class Transaction:
    """One SMTP transaction whose text was sent; ``reply`` is None until the server answered.

    ``failed`` says that the server refused it, or that it surely never saw the end of the text.
    """

    recipients: tuple[str, ...]
    reply: str | None = None
    failed: bool = False


@dataclass(slots=True)
class Recorded:
    """An operation as the journal has it by now; ``time`` is when it ended (ISO 8601, UTC)."""

    operation: Operation
    outcome: Outcome | None = None
    reason: str | None = None
    time: str | None = None
    staged: Staged | None = None
    transactions: list[Transaction] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    undone_by: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing tells yet how it ended."""
        return self.outcome is None

    @property
    def accepted(self) -> frozenset[str]:
        """The recipients that the mail server took."""
        return frozenset(
            one for done in self.transactions if done.reply and not done.failed
            for one in done.recipients
        )  # fmt: skip

    @property
    def unsure(self) -> frozenset[str]:
        """The recipients of whom nothing tells whether the mail server took them."""
        return frozenset(
            one for done in self.transactions if done.reply is None and not done.failed
            for one in done.recipients
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class JournalDefect:
    """A line that is not as it was written: its number, from 1, its offset, and what is wrong."""

    line: int
    offset: int
    reason: str
