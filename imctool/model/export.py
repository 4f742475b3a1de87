"""Copies of spool files' messages for archives: what to copy, what was made, what a check finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from imctool.model.action import Action
from imctool.model.evidence import Location
from imctool.model.spool_name import SpoolName


class ExportForm(StrEnum):
    """How the copies are kept: a file for each byte for byte, one mbox, or a maildir."""

    EML = "eml"
    MBOX = "mbox"
    MAILDIR = "maildir"


@dataclass(frozen=True, slots=True)
class MailToExport:
    """A spool file whose message is to be copied.

    ``path`` is where it lies here, ``source`` how output names it; ``text_offset`` is where in it
    the text begins. ``size`` and ``sha256`` (hex) are those of the whole file when it was looked
    at. ``originator`` is None if not known, "" if null. ``recipients`` yields all of them each
    time it is called, ``recipient_count`` is how many were counted. ``moment`` stands in an
    mbox's separator line and in a maildir's names; a naive one is taken as UTC.
    """

    source: Location
    path: Path
    text_offset: int
    size: int
    sha256: str
    spool_name: SpoolName | None
    originator: str | None
    recipients: Callable[[], Iterator[str]]
    recipient_count: int
    moment: datetime | None = None
    message_id: str | None = None
    inferred: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MboxSpan:
    """Which bytes of an mbox are one message's entry, and their SHA-256 in hex."""

    offset: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ExportedMail:
    """One message as it was copied.

    ``file`` is the path inside the folder, ``size`` and ``sha256`` are that file's; ``entry`` is
    the message's part of it, None where it has the file to itself. ``text_size`` and
    ``text_sha256`` are of the text as it stands in the spool file. ``recipient_count`` is how
    many recipients the manifest lists.
    """

    file: str
    size: int
    sha256: str
    text_size: int
    text_sha256: str
    source: Location
    source_size: int
    source_sha256: str
    spool_name: SpoolName | None
    originator: str | None
    recipient_count: int
    moment: datetime | None
    message_id: str | None = None
    entry: MboxSpan | None = None
    inferred: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportResult:
    """One run. ``manifest`` is the path of the record beside the copies, or None.

    ``problem`` says why the manifest could not be written.
    """

    folder: str
    form: ExportForm
    dry_run: bool
    mails: tuple[ExportedMail, ...]
    actions: tuple[Action, ...]
    manifest: str | None = None
    problem: str | None = None

    @property
    def undone(self) -> int:
        """How many messages were refused or failed."""
        return sum(one.undone for one in self.actions)


class DifferenceKind(StrEnum):
    """In what a file is not as its manifest says. Outside: its path leads out of the folder."""

    MISSING = "missing"
    SIZE = "size"
    BYTES = "bytes"
    OUTSIDE = "outside"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Difference:
    """One item that is not as the manifest says: its path there, in what, and a sentence."""

    path: str
    what: DifferenceKind
    reason: str


@dataclass(frozen=True, slots=True)
class ManifestCheck:
    """What a check found: how many files it looked for, which differ, what it could not tell.

    A file of several messages counts once; the manifest itself counts where it has a check.
    """

    checked: int
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
