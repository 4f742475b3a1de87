"""The journals of a spool: which runs were cut off, and what was handed over before."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from imctool.model.action import ActionKind
from imctool.model.journal import Outcome, Recorded, SpoolIdentity
from imctool.repair.folder import Folder, open_folder
from imctool.repair.journal import (
    FOLDER_NAME,
    Journal,
    journal_names,
    load_journal,
    new_name,
    relied_on,
)
from imctool.repair.journal_lines import JournalContent, JournalError
from imctool.repair.settling import Settled, settle

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class KnownJournal(NamedTuple):
    """A journal file: its folder, held open, its name and path, and what it says."""

    folder: Folder
    name: str
    path: str
    content: JournalContent

    @property
    def is_unfinished(self) -> bool:
        """Whether its last run was cut off."""
        return bool(self.content.open_operations) or not self.content.ended


class HandedOver(NamedTuple):
    """What a journal has of a message: when it went (UTC), in words, and whether into In.

    ``partly`` says that a mail server took it for some of its recipients only.
    """

    time: datetime
    text: str
    into_in: bool
    partly: bool = False


@dataclass(slots=True)
class SentTo:
    """The recipients of a message that a mail server took, and those of whom that is unsure."""

    accepted: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)


class AnotherSpoolError(JournalError):
    """The journal belongs to another spool."""


def identity(imcdata: Folder) -> SpoolIdentity:
    """Return what tells this spool from others."""
    status = imcdata.own_status()
    return SpoolIdentity(imcdata.path, status.device, status.inode)


def known_journals(imcdata: Folder, named: Path | None, stack: ExitStack) -> list[KnownJournal]:
    """Return the journals of a spool, and the one that is ``named`` if it is there, by time.

    Raises OSError where one cannot be read, JournalError where one cannot be relied on, and
    AnotherSpoolError where the named one belongs elsewhere.
    """
    found: list[KnownJournal] = []
    try:
        folder = imcdata.folder(FOLDER_NAME)
    except FileNotFoundError:
        pass
    else:
        stack.callback(folder.close)
        for name in journal_names(folder):
            path = os.path.join(folder.path, name)
            content = relied_on(load_journal(folder, name), path)
            # The spool may have been moved with the journals in it: their place vouches for it.
            found.append(KnownJournal(folder, name, path, content))
    if named is not None:
        own = _named(imcdata, named, stack)
        if own is not None and not any(
            own.folder.status(own.name).is_same_file(one.folder.status(one.name)) for one in found
        ):
            found.append(own)
    return found


def _named(imcdata: Folder, named: Path, stack: ExitStack) -> KnownJournal | None:
    folder = open_folder(named.parent)
    stack.callback(folder.close)
    try:
        content = relied_on(load_journal(folder, named.name), str(named))
    except FileNotFoundError:
        return None
    if content.runs:
        check_spool(content.spool, imcdata, str(named))
    return KnownJournal(folder, named.name, str(named), content)


def check_spool(recorded: SpoolIdentity, imcdata: Folder, path: str) -> None:
    """Raise AnotherSpoolError where a journal does not belong to this spool.

    It does where the folder lies at the same path, or is the same folder at another one.
    """
    here = identity(imcdata)
    moved = (recorded.device, recorded.inode) == (here.device, here.inode)
    if recorded.path != here.path and not moved:
        raise AnotherSpoolError(
            f"{path} is the journal of another spool, {recorded.path}, not of {here.path}"
        )


def handed_over(journals: Iterable[KnownJournal]) -> dict[str, list[HandedOver]]:
    """Return, by the hash of its file, what was handed over before and not taken back.

    A message counts as sent to a mail server as soon as one recipient may have it.
    """
    found: dict[str, list[HandedOver]] = defaultdict(list)
    for journal in journals:
        for one in journal.content.operations.values():
            known = _handed_over(one, journal.path)
            if known is not None:
                found[one.operation.file.sha256].append(known)
    return found


def _handed_over(one: Recorded, path: str) -> HandedOver | None:
    operation = one.operation
    if operation.undoes is not None or one.undone_by is not None or operation.spool_name is None:
        return None
    if operation.kind is ActionKind.SUBMIT:
        if one.outcome is not Outcome.DONE and not one.accepted and not one.unsure:
            return None
        text = f"it was sent to {operation.server}{_on(one)} ({path})"
        if one.outcome is Outcome.DONE:
            return HandedOver(_moment(one), text, into_in=False)
        some = f", for {len(one.accepted | one.unsure)} of its {operation.recipients} recipients"
        return HandedOver(_moment(one), text + some, into_in=False, partly=True)
    if one.outcome is not Outcome.DONE:
        return None
    if operation.kind is ActionKind.MOVE:
        again = "; nothing since tells that it failed again"
        text = f"it was put back into In{_on(one)} ({path}){again}"
        return HandedOver(_moment(one), text, into_in=True)
    return HandedOver(_moment(one), f"it was given to Pickup{_on(one)} ({path})", into_in=False)


def _on(one: Recorded) -> str:
    return f" on {one.time}" if one.time is not None else ""


def _moment(one: Recorded) -> datetime:
    try:
        return datetime.fromisoformat(one.time or "")
    except ValueError:
        return _LONG_AGO


def sent_recipients(journals: Iterable[KnownJournal]) -> Mapping[str, SentTo]:
    """Return, by the hash of its file, who has a message from a mail server by now."""
    found: dict[str, SentTo] = {}
    for journal in journals:
        for one in journal.content.operations.values():
            if one.operation.kind is ActionKind.SUBMIT:
                sent = found.setdefault(one.operation.file.sha256, SentTo())
                sent.accepted |= one.accepted
                sent.unsure |= one.unsure
    return found


def finish_runs(
    journals: Iterable[KnownJournal], imcdata: Folder, command: str, via: str
) -> tuple[list[Settled], KnownJournal | None]:
    """Settle what runs that were cut off left open; return that, and the journal to go on with.

    That is the last one if it was cut off in a run of the same kind; the others are closed.
    Raises OSError where a journal cannot be written.
    """
    settled: list[Settled] = []
    going_on: KnownJournal | None = None
    for one in journals:
        if not one.is_unfinished:
            continue
        journal = Journal.resume(one.folder, one.name, one.path, one.content)
        try:
            mine = settle(one.content.open_operations, imcdata, journal)
            settled += mine
            if all(each.outcome is not None for each in mine):
                journal.end(settled=len(mine))
            last = one.content.runs[-1] if one.content.runs else {}
            if (last.get("command"), last.get("via")) in {(command, via), (None, None)}:
                going_on = one
        finally:
            journal.close()
    if going_on is not None:
        content = relied_on(load_journal(going_on.folder, going_on.name), going_on.path)
        going_on = going_on._replace(content=content)
    return settled, going_on


def journal_to_write(
    imcdata: Folder, named: Path | None, going_on: KnownJournal | None, stack: ExitStack
) -> Journal:
    """Return the journal for a run: the one named, the one of the run that was cut off, or new.

    Raises OSError where it cannot be made.
    """
    if named is not None:
        folder = open_folder(named.parent)
        stack.callback(folder.close)
        try:
            content = relied_on(load_journal(folder, named.name), str(named))
        except FileNotFoundError:
            return Journal.create(folder, named.name, str(named))
        return Journal.resume(folder, named.name, str(named), content)
    if going_on is not None:
        return Journal.resume(going_on.folder, going_on.name, going_on.path, going_on.content)
    folder = imcdata.folder(FOLDER_NAME, make=True)
    stack.callback(folder.close)
    name = new_name(folder.names())
    return Journal.create(folder, name, os.path.join(folder.path, name))
