"""Brings what a run left open to an end: each file then has exactly one name again.

A run that was cut off leaves operations in its journal of which nothing tells how they ended.
Where the file lies by now does: under its old name alone it was not moved, under the new one
alone it was, and under both the move is finished. Under neither it was taken up by the service,
or lost: nothing can tell, so it is told. So is a file that may have had both names, by a link,
and has the old one only: the service may have taken it up under the other.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from imctool.model.action import ActionKind
from imctool.model.journal import FileIdentity, Operation, Outcome, Recorded
from imctool.repair.copying import digest_of, is_temporary, temporary_name
from imctool.repair.folder import FileStatus, Folder, reason_of
from imctool.repair.journal import FOLDER_NAME, Journal

_BLOCK = 1 << 16


class Settled(NamedTuple):
    """An operation that a run had left open, and what was found and made of it.

    ``outcome`` None says that it could not be settled.
    """

    operation: Operation
    outcome: Outcome | None
    reason: str


GONE = "it lies under neither of its names: the service took it up since, or it is lost"
UNSURE = (
    "it lies under its old name, and may have had the new one as well for a moment: whether the "
    "service took it up then is not known"
)


def settle(open_operations: Sequence[Recorded], imcdata: Folder, journal: Journal) -> list[Settled]:
    """Settle operations left open, write their outcomes to the journal, and return them all.

    Nothing but a second name of the same file and a copy that was not finished is ever taken
    away here; hidden files of Pickup stay until the outcome is durable (``clear_staging``), for
    that one is gone tells that it was handed over. Raises JournalWriteError.
    """
    found = list(_settle_all(open_operations, imcdata))
    ended = ((one.operation.number, one.outcome, one.reason) for one in found)
    journal.end_operations((number, how, why) for number, how, why in ended if how is not None)
    journal.sync()
    return found


def clear_staging(imcdata: Folder, still_open: Sequence[Operation]) -> None:
    """Take away the hidden files in the folder of journals that no open operation speaks of.

    Raises OSError.
    """
    try:
        folder = imcdata.folder(FOLDER_NAME)
    except FileNotFoundError:
        return
    kept = {
        temporary_name((one.target or one.source).rpartition("/")[2]).lower() for one in still_open
    }
    try:
        for name in folder.names():
            if is_temporary(name) and name.lower() not in kept:
                folder.unlink(name)
    finally:
        folder.close()


def _settle_all(open_operations: Sequence[Recorded], imcdata: Folder) -> Iterator[Settled]:
    with ExitStack() as stack:
        places = _Places(imcdata, stack)
        for one in open_operations:
            operation = one.operation
            try:
                if operation.kind is ActionKind.MOVE:
                    yield _settle_move(one, places)
                elif operation.kind is ActionKind.SUBMIT:
                    yield _settle_submission(one)
                elif operation.undoes is not None:
                    yield _settle_taken_back(one, places)
                else:
                    yield _settle_staged(one, places)
            except OSError as error:
                yield Settled(operation, None, f"cannot be looked at: {reason_of(error)}")


class _Places:
    """The folders of a spool, each opened once, without following a link."""

    def __init__(self, imcdata: Folder, stack: ExitStack) -> None:
        self._open = {"": imcdata}
        self._stack = stack

    def split(self, path: str) -> tuple[Folder, str]:
        """Return the folder that a path from Imcdata on leads to, and the name in it."""
        folder, _, name = path.rpartition("/")
        return self._folder(folder), name

    def _folder(self, path: str) -> Folder:
        if path not in self._open:
            above, _, name = path.rpartition("/")
            opened = self._folder(above).folder(name)
            self._stack.callback(opened.close)
            self._open[path] = opened
        return self._open[path]


def open_below(imcdata: Folder, path: str, stack: ExitStack) -> Folder:
    """Return a folder by its path from Imcdata on, opened step by step; links are refused.

    It is closed with ``stack``. Raises OSError.
    """
    return _Places(imcdata, stack).split(f"{path}/")[0]


def _settle_move(one: Recorded, places: _Places) -> Settled:
    operation = one.operation
    assert operation.target is not None
    source, name = places.split(operation.source)
    target, new_name = places.split(operation.target)
    old, new = status_of(source, name), status_of(target, new_name)
    hidden = temporary_name(new_name)
    waiting = operation.copied and status_of(target, hidden) is not None
    if waiting and old is not None and _is_part(target, hidden, source, name):
        target.unlink(hidden)  # one that differs is another program's
    mine = old is not None and _is_planned(operation.file, old)
    moved = new is not None and (
        _is_copy(operation.file, target, new_name, new)
        if operation.copied
        else _is_planned(operation.file, new)
    )
    if mine and moved:
        target.sync()  # before the old name goes the new one must be safe
        source.unlink(name)
        source.sync()
        return Settled(operation, Outcome.DONE, "finished what an earlier run had begun")
    if moved:
        target.sync()
        source.sync()
        return Settled(operation, Outcome.DONE, "an earlier run had moved it")
    if old is not None and mine:
        target.sync()
        linked = operation.linked and old.changed_ns != operation.file.changed_ns
        copied = one.staged is not None and (one.staged.linked or not waiting)
        if (linked or copied) and operation.undoes is None:  # nothing is taken up out of Archive
            return Settled(operation, Outcome.UNSURE, UNSURE)
        return Settled(operation, Outcome.DROPPED, "an earlier run had not moved it")
    if old is None and new is None:
        return Settled(operation, Outcome.GONE, GONE)
    where = operation.source if new is None else operation.target
    return Settled(operation, Outcome.GONE, f"{where} is another file now: {GONE}")


def _is_part(copy_folder: Folder, copy: str, folder: Folder, name: str) -> bool:
    """Whether a file holds the beginning of another, or all of it, and no more."""
    part = copy_folder.read(copy)
    try:
        whole = folder.read(name)
        try:
            while block := part.read(_BLOCK):
                if whole.read(len(block)) != block:
                    return False
        finally:
            whole.close()
    finally:
        part.close()
    return True


def _settle_staged(one: Recorded, places: _Places) -> Settled:
    """Tell whether a Pickup file was handed over: its one rename is the moment.

    It is flushed before ``staged`` is recorded. Where that record stands and the file waits no
    more under its hidden name, it got its own.
    """
    operation = one.operation
    assert operation.target is not None
    staging, hidden = places.split(staging_path(operation))
    target, name = places.split(operation.target)
    if one.staged is None or status_of(staging, hidden) is not None:
        return Settled(operation, Outcome.DROPPED, "an earlier run had not handed it over")
    staging.sync()
    target.sync()
    if status_of(target, name) is None:
        return Settled(operation, Outcome.DONE, "handed over by an earlier run, and taken up since")
    return Settled(operation, Outcome.DONE, "an earlier run had handed it over")


def _settle_taken_back(one: Recorded, places: _Places) -> Settled:
    """Tell whether a file was taken out of Pickup again; it goes by way of its hidden name."""
    operation = one.operation
    pickup, name = places.split(operation.source)
    staging, hidden = places.split(f"{FOLDER_NAME}/{temporary_name(name)}")
    if status_of(staging, hidden) is not None:
        return Settled(operation, Outcome.DONE, "an earlier run had taken it out")
    if status_of(pickup, name) is not None:
        return Settled(operation, Outcome.DROPPED, "an earlier run had not taken it back")
    if one.staged is not None:
        return Settled(operation, Outcome.DONE, "an earlier run had taken it back")
    return Settled(operation, Outcome.GONE, GONE)


def _settle_submission(one: Recorded) -> Settled:
    """Tell how far a message came that was being sent."""
    operation, refused = one.operation, {recipient for recipient, _ in one.refused}
    accepted, unsure = len(one.accepted), len(one.unsure)
    if accepted >= operation.recipients:
        return Settled(operation, Outcome.DONE, "an earlier run had sent it to all")
    if not accepted and not unsure and not refused:
        return Settled(operation, Outcome.DROPPED, "an earlier run had sent nothing of it")
    reason = f"cut off; the server had taken {accepted} of {operation.recipients} recipients"
    if unsure:
        reason += f", and whether it took {unsure} more is not known"
    return Settled(operation, Outcome.FAILED, reason)


def staging_path(operation: Operation) -> str:
    """Return where a Pickup file waits, from Imcdata on, until it is whole."""
    name = (operation.target or "").rpartition("/")[2]
    return f"{FOLDER_NAME}/{temporary_name(name)}"


def status_of(folder: Folder, name: str) -> FileStatus | None:
    """Return the status of an entry, None where there is none. Raises OSError."""
    try:
        return folder.status(name)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            return None
        raise


def _is_planned(file: FileIdentity, found: FileStatus) -> bool:
    return (
        found.is_regular
        and (found.device, found.inode) == (file.device, file.inode)
        and (found.size, found.modified_ns) == (file.size, file.modified_ns)
    )


def _is_copy(file: FileIdentity, folder: Folder, name: str, found: FileStatus) -> bool:
    return found.is_regular and found.size == file.size and digest_of(folder, name) == file.sha256
