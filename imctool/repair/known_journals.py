"""The journals of a spool: which runs were cut off, and what was handed over before."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from imctool.model.action import ActionKind
from imctool.model.journal import Outcome, Recorded, SpoolIdentity
from imctool.repair.folder import Folder, open_folder
from imctool.repair.journal import (
    ELSEWHERE,
    FOLDER_NAME,
    Journal,
    journal_names,
    journals_elsewhere,
    load_journal,
    new_name,
    note_elsewhere,
    relied_on,
)
from imctool.repair.journal_lines import JournalContent, JournalError
from imctool.repair.settling import Settled, clear_staging, settle


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
    """What a journal has of a message, in words.

    ``failed`` is set for one that was put back into In: when an event had last named it as
    archived by then, on the server's clock; None where none had. ``assumed_zone`` says that the
    zone of that clock was not known. ``partly`` says that a mail server took the message for some
    of its recipients only, ``unsettled`` that a step on it is open and cannot be settled yet.
    """

    text: str
    into_in: bool = False
    failed: datetime | None = None
    assumed_zone: bool = False
    partly: bool = False
    unsettled: bool = False


@dataclass(slots=True)
class SentTo:
    """The recipients of a message that a mail server took, and those of whom that is unsure."""

    accepted: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)


class AnotherSpoolError(JournalError):
    """The journal belongs to another spool."""


class MissingJournalError(JournalError):
    """A journal that is kept elsewhere is gone."""


def identity(imcdata: Folder) -> SpoolIdentity:
    """Return what tells this spool from others."""
    status = imcdata.own_status()
    return SpoolIdentity(imcdata.path, status.device, status.inode)


def known_journals(
    imcdata: Folder, named: Path | None, stack: ExitStack, *, trusted: bool = False
) -> list[KnownJournal]:
    """Return the journals of a spool: those in their folder, those it names, and ``named``.

    ``trusted`` takes the named one for this spool's wherever it says it was. Raises OSError where
    one cannot be read, JournalError where one cannot be relied on, AnotherSpoolError where the
    named one belongs elsewhere, MissingJournalError where one is gone.
    """
    found: list[KnownJournal] = []
    elsewhere: list[str] = []
    try:
        folder = imcdata.folder(FOLDER_NAME)
    except FileNotFoundError:
        pass
    else:
        stack.callback(folder.close)
        for name in journal_names(folder):
            # The spool may have been moved with the journals in it: their place vouches for it.
            path = os.path.join(folder.path, name)
            found.append(_loaded(folder, name, path))
        elsewhere = journals_elsewhere(folder)
    for path in elsewhere:
        try:
            _add(found, Path(path), stack)
        except FileNotFoundError as error:
            raise MissingJournalError(
                f"the journal {path} is gone: what it has handed over is not known. Bring it "
                f"back, or take its line out of {imcdata.path}/{FOLDER_NAME}/{ELSEWHERE}"
            ) from error
    if named is not None:
        try:
            own = _add(found, named, stack)
        except FileNotFoundError:
            return found
        if own is not None and own.content.runs and not trusted:
            check_spool(own.content.spool, imcdata, str(named))
    return found


def _add(found: list[KnownJournal], path: Path, stack: ExitStack) -> KnownJournal | None:
    """Load the journal at a path, unless it is among those found. Raises FileNotFoundError."""
    folder = open_folder(path.parent)
    stack.callback(folder.close)
    status = folder.status(path.name)
    if any(status.is_same_file(one.folder.status(one.name)) for one in found):
        return None
    own = _loaded(folder, path.name, str(path))
    found.append(own)
    return own


def _loaded(folder: Folder, name: str, path: str) -> KnownJournal:
    return KnownJournal(folder, name, path, relied_on(load_journal(folder, name), path))


def spool_of(journal: Path, content: JournalContent, given: Path | None) -> Path:
    """Return the Imcdata folder that a journal speaks of.

    It is the one ``given``, else the one around it if it lies in a folder of journals, else the
    one it names. Of a journal that has a run.
    """
    if given is not None:
        return given
    folder = Path(os.path.realpath(journal)).parent
    return folder.parent if folder.name == FOLDER_NAME else Path(content.spool.path)


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


def handed_over(
    journals: Iterable[KnownJournal], *, settled: bool = True
) -> dict[str, list[HandedOver]]:
    """Return, by the hash of its file, what was handed over before and not taken back.

    A message counts as sent to a mail server as soon as one recipient may have it. Where runs
    that were cut off are ``settled``, a step that is open even so is one that could not be.
    """
    found: dict[str, list[HandedOver]] = defaultdict(list)
    for journal in journals:
        for one in journal.content.operations.values():
            known = _handed_over(one, journal.path, settled=settled)
            if known is not None:
                found[one.operation.file.sha256].append(known)
    return found


def _handed_over(one: Recorded, path: str, *, settled: bool) -> HandedOver | None:
    operation = one.operation
    if one.is_open and settled and operation.spool_name is not None:
        return HandedOver(f"a step on it is open and cannot be settled ({path})", unsettled=True)
    if operation.undoes is not None or one.undone_by is not None or operation.spool_name is None:
        return None
    when = f"{f' on {one.time}' if one.time is not None else ''} ({path})"
    if operation.kind is ActionKind.SUBMIT:
        if one.outcome is Outcome.DONE:
            return HandedOver(f"it was sent to {operation.server}{when}")
        reached = one.accepted | one.unsure
        if not reached:
            return None
        some = f"for {len(reached)} of its {operation.recipients} recipients"
        return HandedOver(f"it was sent to {operation.server}{when}, {some}", partly=True)
    if one.outcome is Outcome.UNSURE:
        return HandedOver(f"{one.reason}{when}")
    if one.outcome is not Outcome.DONE:
        return None
    if operation.kind is ActionKind.MOVE:
        return HandedOver(
            f"it was put back into In{when}; nothing since tells that it failed again",
            into_in=True,
            failed=datetime.fromisoformat(operation.failed) if operation.failed else None,
            assumed_zone=operation.assumed_zone,
        )
    return HandedOver(f"it was given to Pickup{when}")


def done_by(journal: KnownJournal | None) -> frozenset[str]:
    """Return the hashes of the files that a run which was cut off has handed over."""
    if journal is None:
        return frozenset()
    return frozenset(
        one.operation.file.sha256
        for one in journal.content.operations.values()
        if one.outcome is Outcome.DONE and one.undone_by is None and one.operation.undoes is None
    )


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
    journals = list(journals)
    going_on: KnownJournal | None = None
    for one in journals:
        if not one.is_unfinished:
            continue
        if not one.content.runs:  # cut off before its first line was whole: nothing was begun
            going_on = one
            continue
        journal = Journal.resume(one.folder, one.name, one.path, one.content)
        try:
            mine = settle(one.content.open_operations, imcdata, journal)
            settled += mine
            if all(each.outcome is not None for each in mine):
                journal.end(settled=len(mine))
            last = one.content.runs[-1]
            if (last.get("command"), last.get("via")) == (command, via):
                going_on = one
        finally:
            journal.close()
    clear_staging(imcdata, [one.operation for one in settled if one.outcome is None])
    if going_on is not None:
        content = relied_on(load_journal(going_on.folder, going_on.name), going_on.path)
        going_on = going_on._replace(content=content)
    return settled, going_on


def journal_to_write(
    imcdata: Folder,
    named: Path | None,
    going_on: KnownJournal | None,
    stack: ExitStack,
) -> Journal:
    """Return the journal for a run: the one named, the one of the run that was cut off, or new.

    The folder of journals names one that is kept elsewhere, where that can be written: without
    it nothing would tell the next run what was handed over. Raises OSError where the journal
    cannot be made.
    """
    if named is not None:
        folder = open_folder(named.parent)
        stack.callback(folder.close)
        _note(imcdata, folder, named)
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


def _note(imcdata: Folder, folder: Folder, named: Path) -> None:
    try:
        own = imcdata.folder(FOLDER_NAME, make=True)
    except OSError:
        return  # a spool that cannot be written: its user has to keep the journal in mind
    try:
        if not own.own_status().is_same_file(folder.own_status()):
            note_elsewhere(own, os.path.realpath(named))
    finally:
        own.close()
