"""Moves files from one folder to another so that each exists at every instant, and never twice.

For each batch: the files are opened, compared with what was planned and hashed; what is to be
done is made durable in the journal; each file is renamed, in one step that replaces nothing; the
target folder is flushed, then the source folder; the outcomes are written. The journal is flushed
once a batch, and the order alone makes it safe: cut off anywhere, a file has one of its two
names, and the journal tells which was meant.

Where a system has no such rename, a file gets its second name by a link, the target is flushed,
and the first name is taken away: it has both for a moment, and the journal says so before.
Between two volumes the bytes are copied under a hidden name, flushed, compared, and named.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from imctool.model.action import ActionKind, ActionStatus
from imctool.model.journal import FileIdentity, Operation, Outcome
from imctool.repair.copying import (
    MoveRefusedError,
    NameTakenError,
    check_unchanged,
    copy_file,
    digest,
    name_taken,
    temporary_name,
)
from imctool.repair.folder import NO_EXCLUSIVE_RENAME, Folder, reason_of, settled_call
from imctool.repair.journal import Journal, JournalWriteError
from imctool.repair.journal_lines import staged_record

BATCH = 512
"""So many files share the flushes of the journal and the two folders."""


class Place(NamedTuple):
    """A folder of the spool, and its path from Imcdata on."""

    folder: Folder
    path: str

    def of(self, name: str) -> str:
        """Return the path of a file in it."""
        return f"{self.path}/{name}" if self.path else name


class Move(NamedTuple):
    """A file to move: its name, what it was when it was planned, what the journal says of it.

    ``file.inode`` and ``file.device`` are those of the source's own name; ``failed`` and
    ``assumed_zone`` are as the journal keeps them.
    """

    name: str
    file: FileIdentity
    new_name: str
    spool_name: str | None = None
    recipients: int = 0
    undoes: int | None = None
    failed: str | None = None
    assumed_zone: bool = False


class Moved(NamedTuple):
    """What came of a move; ``reason`` says why it was not done, or what is to be known of it."""

    move: Move
    status: ActionStatus
    reason: str | None = None


class _Ready(NamedTuple):
    """A move of a batch that nothing speaks against, by its place in the batch."""

    place: int
    move: Move
    operation: Operation


def move_files(
    moves: Sequence[Move],
    source: Place,
    target: Place,
    journal: Journal,
    batch: int = BATCH,
    ahead: Callable[[int], None] = lambda count: None,
) -> Iterator[Moved]:
    """Move the files, and yield what came of each in the same order.

    ``ahead`` is called before each batch with the number of its files; what it raises ends the
    run between two batches, with a journal that has no open operation. When the journal cannot
    be written nothing more is moved, and each file left is told as failed.
    """
    mover = _Mover(source, target, journal)
    left = iter(moves)
    while some := list(islice(left, batch)):
        ahead(len(some))
        yield from mover.move(some)


class _Mover:
    """Moves from one folder to another; knows which names the target has, in lower case."""

    def __init__(self, source: Place, target: Place, journal: Journal) -> None:
        self._source = source
        self._target = target
        self._journal = journal
        self._taken = {name.lower(): name for name in target.folder.names()}
        self._copied = source.folder.own_status().device != target.folder.own_status().device
        self._linked = False

    def move(self, moves: Sequence[Move]) -> list[Moved]:
        told: dict[int, Moved] = {}
        ready: list[_Ready] = []
        for place, move in enumerate(moves):
            try:
                self._check(move)
            except MoveRefusedError as refusal:
                told[place] = Moved(move, ActionStatus.REFUSED, str(refusal))
            except OSError as error:
                told[place] = Moved(move, ActionStatus.FAILED, unreadable(error))
            else:
                self._taken[move.new_name.lower()] = move.new_name
                ready.append(_Ready(place, move, self._operation(move)))
        if ready:
            told.update(self._move_ready(ready))
        return [told[place] for place in range(len(moves))]

    def _check(self, move: Move) -> None:
        """Raise MoveRefusedError where the file is not as planned, or its new name is taken."""
        known = self._taken.get(move.new_name.lower())
        if known is not None:
            raise NameTakenError(name_taken(self._target.path, move.new_name, known))
        file = self._source.folder.read(move.name)
        try:
            status = file.status()
            check_unchanged(move.file, status)
            if status.links != 1:
                raise MoveRefusedError(
                    f"the file has {status.links} names (hard links): changing one may change "
                    "what another shows"
                )
            if digest(file) != move.file.sha256:
                raise MoveRefusedError("its content changed meanwhile")
        finally:
            file.close()

    def _operation(self, move: Move) -> Operation:
        return Operation(
            self._journal.number(), ActionKind.MOVE, self._source.of(move.name),
            self._target.of(move.new_name), move.file, move.spool_name, move.recipients,
            copied=self._copied, linked=self._linked, undoes=move.undoes, failed=move.failed,
            assumed_zone=move.assumed_zone,
        )  # fmt: skip

    def _move_ready(self, ready: Sequence[_Ready]) -> dict[int, Moved]:
        try:
            self._journal.intend(one.operation for one in ready)
        except JournalWriteError as error:
            for one in ready:
                self._forget(one.move)
            why = f"not begun: {reason_of(error)}"
            return {one.place: Moved(one.move, ActionStatus.FAILED, why) for one in ready}
        told: dict[int, Moved] = {}
        linked: list[_Ready] = []
        moved: list[_Ready] = []
        withdrawn: list[_Ready] = []
        for one in ready:
            try:
                (linked if self._give_new_name(one) else moved).append(one)
            except (MoveRefusedError, OSError) as error:
                told[one.place] = _not_moved(one.move, error)
                if isinstance(error, NameTakenError) or not self._left_something(one):
                    withdrawn.append(one)
        problem = _flush(self._target.folder) if linked or moved else None
        for one in linked:
            failure = self._take_old_name(one, problem)
            if failure is None:
                moved.append(one)
            else:
                told[one.place] = Moved(one.move, ActionStatus.FAILED, failure)
                if not self._left_something(one):
                    withdrawn.append(one)
        if moved:
            problem = _flush(self._source.folder) or problem
        for one in moved:
            told[one.place] = Moved(one.move, ActionStatus.DONE, problem)
        # Where names could not be made durable intents stay open: they may come back.
        outcomes = [] if problem is not None else [_done(one) for one in moved]
        if withdrawn and _flush(self._target.folder) is None:
            outcomes += [
                (one.operation.number, Outcome.DROPPED, told[one.place].reason) for one in withdrawn
            ]
        for one in withdrawn:
            self._forget(one.move)
        self._end(outcomes, told)
        return told

    def _end(
        self, outcomes: Sequence[tuple[int, Outcome, str | None]], told: dict[int, Moved]
    ) -> None:
        """Write the outcomes; where that fails the next run finds out and writes them."""
        try:
            self._journal.end_operations(outcomes)
        except JournalWriteError as error:
            for place, moved in told.items():
                if moved.status is ActionStatus.DONE and moved.reason is None:
                    told[place] = moved._replace(reason=f"moved, but {reason_of(error)}")

    def _left_something(self, one: _Ready) -> bool:
        """Whether the new name, or a copy under its hidden one, may be there.

        Then the intent stays open: the next run finds out where the file lies.
        """
        for name in (one.move.new_name, temporary_name(one.move.new_name)):
            try:
                self._target.folder.status(name)
            except FileNotFoundError:
                continue
            except OSError:
                return True
            return True
        return False

    def _give_new_name(self, one: _Ready) -> bool:
        """Bring the file under its new name; return whether the old one is still to be taken."""
        move = one.move
        if not one.operation.copied:
            try:
                if not (one.operation.linked or self._linked):
                    try:
                        self._rename(move)
                    except OSError as error:
                        if error.errno not in NO_EXCLUSIVE_RENAME:
                            raise
                        self._linked = True
                    else:
                        return False
                if not one.operation.linked:
                    self._journal.intend([replace(one.operation, linked=True)])
                self._link(move)
            except FileExistsError as error:
                raise NameTakenError(name_taken(self._target.path, move.new_name)) from error
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._journal.intend([replace(one.operation, copied=True)])
            else:
                return True
        source, target = self._source.folder, self._target.folder
        number, file = one.operation.number, move.file

        def ahead(linked: bool) -> None:
            self._journal.note(staged_record(number, file.sha256, file.size, linked=linked))

        copy_file(source, target, move.name, move.new_name, file, ahead)
        return True

    def _rename(self, move: Move) -> None:
        """Rename the file, and rename it back if it is not the one that was hashed."""
        source, target = self._source.folder, self._target.folder
        settled_call(
            lambda: source.rename(move.name, target, move.new_name),
            lambda: _has(target, move.new_name, move.file),
        )
        if not self._is_hashed(move):
            target.rename(move.new_name, source, move.name)
            raise MoveRefusedError(_REPLACED)

    def _link(self, move: Move) -> None:
        """Give the file its new name, and take that away if it is not the one that was hashed."""
        source, target = self._source.folder, self._target.folder
        try:
            settled_call(
                lambda: source.link(move.name, target, move.new_name),
                lambda: _has(target, move.new_name, move.file),
            )
        except OSError as error:
            if error.errno in NO_EXCLUSIVE_RENAME:
                text = "this file system can neither link nor rename without replacing"
                raise OSError(error.errno, text) from error
            raise
        if not self._is_hashed(move):
            target.unlink(move.new_name)
            raise MoveRefusedError(_REPLACED)

    def _is_hashed(self, move: Move) -> bool:
        try:
            found = self._target.folder.status(move.new_name)
        except OSError as error:  # its number must not be taken for the answer to a move
            raise OSError(f"its new name cannot be looked at: {reason_of(error)}") from error
        return found.inode == move.file.inode and (found.size, found.modified_ns) == (
            move.file.size, move.file.modified_ns,
        )  # fmt: skip

    def _take_old_name(self, one: _Ready, problem: str | None) -> str | None:
        """Take the source's name away; where that fails, the target's, and return why.

        Nothing is taken away that leads to another file by now.
        """
        source, move = self._source.folder, one.move
        if problem is not None:
            reason = f"not moved: {problem}"  # the new name may not last: the old one must stay
        else:
            try:
                if _leads_to(source, move.name, move.file):
                    settled_call(
                        lambda: source.unlink(move.name),
                        lambda: not _leads_to(source, move.name, move.file),
                    )
            except OSError as error:
                reason = f"its name in {self._source.path} cannot be removed: {reason_of(error)}"
            else:
                return None
        try:
            self._target.folder.unlink(move.new_name)
        except OSError as error:
            reason += f"; its new name neither ({reason_of(error)}): the next run settles it"
        return reason

    def _forget(self, move: Move) -> None:
        self._taken.pop(move.new_name.lower(), None)


_REPLACED = "the file was changed or replaced while it was moved"


def _done(one: _Ready) -> tuple[int, Outcome, str | None]:
    return one.operation.number, Outcome.DONE, None


def _not_moved(move: Move, error: MoveRefusedError | OSError) -> Moved:
    if isinstance(error, MoveRefusedError):
        return Moved(move, ActionStatus.REFUSED, str(error))
    return Moved(move, ActionStatus.FAILED, f"cannot be moved: {reason_of(error)}")


def _has(folder: Folder, name: str, file: FileIdentity) -> bool:
    """Whether a name is seen to lead to that very file."""
    try:
        return _leads_to(folder, name, file)
    except OSError:
        return False


def _leads_to(folder: Folder, name: str, file: FileIdentity) -> bool:
    """Whether a name leads to that very file. Raises OSError where that cannot be seen."""
    try:
        found = folder.status(name)
    except FileNotFoundError:
        return False
    return (found.device, found.inode) == (file.device, file.inode)


def _flush(folder: Folder) -> str | None:
    """Make a folder's names durable; return why that failed, None if it did not."""
    try:
        folder.sync()
    except OSError as error:
        return f"the names in {folder.path} cannot be made durable: {reason_of(error)}"
    return None


def unreadable(error: OSError) -> str:
    """Return the words for a file that cannot be opened or read."""
    if error.errno == errno.ENOENT:
        return "it is no longer there"
    if error.errno == errno.ELOOP:
        return "it is a symbolic link, which is never followed"
    return f"cannot be read: {reason_of(error)}"
