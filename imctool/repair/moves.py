"""Moves files from one folder to another so that each exists at every instant, and never twice.

For each batch: the files are opened, compared with what was planned and hashed; what is to be
done is made durable in the journal; each file gets its second name by a link, which replaces
nothing; the target folder is flushed; the first names are taken away, the source folder is
flushed; the outcomes are written. The journal is flushed once a batch, and the order alone makes
it safe: cut off anywhere, a file has one name or both, and the journal tells which was meant.

Where a file system has no links, a rename that replaces nothing does it in one step; between two
volumes the bytes are copied under a hidden name, flushed, compared, and named.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from imctool.model.action import ActionKind, ActionStatus
from imctool.model.journal import FileIdentity, Operation, Outcome
from imctool.repair.folder import FileStatus, Folder, OpenFile
from imctool.repair.journal import Journal, JournalWriteError

BATCH = 256
"""So many files share the flushes of the journal and the two folders."""

_BLOCK = 1 << 20
_TRIES = 5  # after an interrupted system call
_NO_LINK = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}
)


class Place(NamedTuple):
    """A folder of the spool, and its path from Imcdata on."""

    folder: Folder
    path: str

    def of(self, name: str) -> str:
        """Return the path of a file in it."""
        return f"{self.path}/{name}" if self.path else name


class Move(NamedTuple):
    """A file to move: its name, what it was when it was planned, what the journal says of it.

    ``file.inode`` and ``file.device`` are those of the source's own name.
    """

    name: str
    file: FileIdentity
    new_name: str
    spool_name: str | None = None
    recipients: int = 0
    undoes: int | None = None


class Moved(NamedTuple):
    """What came of a move; ``reason`` says why it was not done, or what is to be known of it."""

    move: Move
    status: ActionStatus
    reason: str | None = None


class MoveRefusedError(Exception):
    """A file must not be moved; the text says why. Nothing was changed."""


class _Ready(NamedTuple):
    """A move of a batch that nothing speaks against, by its place in the batch."""

    place: int
    move: Move
    operation: Operation


def temporary_name(name: str) -> str:
    """Return the hidden name under which a file is copied from another volume."""
    return f".{name}.imctool-tmp"


def reason_of(error: OSError) -> str:
    """Return what the system said, in words."""
    return error.strerror or str(error)


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
        self._volumes_differ = (
            source.folder.own_status().device != target.folder.own_status().device
        )

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
            raise MoveRefusedError(name_taken(self._target.path, move.new_name, known))
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
                raise MoveRefusedError("its content changed since it was planned")
        finally:
            file.close()

    def _operation(self, move: Move) -> Operation:
        return operation_of(
            move, self._journal.number(), self._source, self._target, copied=self._volumes_differ
        )

    def _move_ready(self, ready: Sequence[_Ready]) -> dict[int, Moved]:
        try:
            self._journal.intend(one.operation for one in ready)
        except JournalWriteError as error:
            for one in ready:
                self._forget(one.move)
            reason = f"not begun: {reason_of(error)}"
            return {one.place: Moved(one.move, ActionStatus.FAILED, reason) for one in ready}
        told: dict[int, Moved] = {}
        outcomes: list[tuple[int, Outcome, str | None]] = []
        linked: list[_Ready] = []
        moved: list[_Ready] = []
        withdrawn: list[_Ready] = []
        for one in ready:
            try:
                (linked if self._give_new_name(one) else moved).append(one)
            except (MoveRefusedError, OSError) as error:
                told[one.place] = _not_moved(one.move, error)
                if not self._left_something(one):
                    withdrawn.append(one)
        problem = _flush(self._target.folder) if linked or moved else None
        for one in linked:
            if problem is None:
                try:
                    self._take_old_name(one.move)
                except OSError as error:
                    why = reason_of(error)
                    reason = f"its name in {self._source.path} cannot be removed: {why}"
                else:
                    moved.append(one)
                    continue
            else:  # the new names may not last: the old ones must stay, alone
                reason = f"not moved: {problem}"
            told[one.place] = Moved(one.move, ActionStatus.FAILED, reason)
            if self._take_new_name(one.move):
                withdrawn.append(one)
            else:
                told[one.place] = Moved(one.move, ActionStatus.FAILED, f"{reason}; it has both")
        if withdrawn and _flush(self._target.folder) is None:
            # Else the intents stay open: a name that was taken away may come back.
            outcomes += [
                (one.operation.number, Outcome.DROPPED, told[one.place].reason) for one in withdrawn
            ]
        for one in withdrawn:
            self._forget(one.move)
        if moved:
            problem = _flush(self._source.folder) or problem
        for one in moved:
            told[one.place] = Moved(one.move, ActionStatus.DONE, problem)
            if problem is None:
                outcomes.append((one.operation.number, Outcome.DONE, None))
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
        """Whether a copy that failed could not be cleared away: then its intent stays open."""
        try:
            self._target.folder.status(temporary_name(one.move.new_name))
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def _give_new_name(self, one: _Ready) -> bool:
        """Bring the file under its new name; return whether the old one is still to be taken."""
        move, operation = one.move, one.operation
        source, target = self._source.folder, self._target.folder
        if not operation.copied:
            try:
                _settled(
                    lambda: source.link(move.name, target, move.new_name),
                    lambda: _has(target, move.new_name, move.file),
                )
            except FileExistsError as error:
                raise MoveRefusedError(name_taken(self._target.path, move.new_name)) from error
            except OSError as error:
                if error.errno == errno.EXDEV:
                    self._journal.intend([replace(operation, copied=True)])
                elif error.errno in _NO_LINK:
                    return self._rename(move)
                else:
                    raise
            else:
                self._check_linked(move)
                return True
        copy_file(source, target, move)
        return True

    def _check_linked(self, move: Move) -> None:
        """Make sure that the new name leads to the file that was hashed."""
        found = self._target.folder.status(move.new_name)
        if found.inode != move.file.inode or not _as_planned(move.file, found):
            self._target.folder.unlink(move.new_name)
            raise MoveRefusedError("the file was changed or replaced while it was moved")

    def _rename(self, move: Move) -> bool:
        source, target = self._source.folder, self._target.folder
        try:
            _settled(
                lambda: source.rename(move.name, target, move.new_name),
                lambda: (
                    _has(target, move.new_name, move.file)
                    and not _has(source, move.name, move.file)
                ),
            )
        except FileExistsError as error:
            raise MoveRefusedError(name_taken(self._target.path, move.new_name)) from error
        except OSError as error:
            if error.errno in _NO_LINK:
                raise OSError(
                    error.errno,
                    "this file system can neither link nor rename without replacing",
                ) from error
            raise
        return False

    def _take_old_name(self, move: Move) -> None:
        """Take the source's name away, if it still leads to the file that was moved."""
        source = self._source.folder
        try:
            found = source.status(move.name)
        except FileNotFoundError:
            return
        if (found.device, found.inode) != (move.file.device, move.file.inode):
            return  # another file took the name meanwhile: it is not ours to remove
        _settled(lambda: source.unlink(move.name), lambda: not _has(source, move.name, move.file))

    def _take_new_name(self, move: Move) -> bool:
        """Take the target's name away again, so that there is but the old one."""
        try:
            self._target.folder.unlink(move.new_name)
        except OSError:
            return False
        return True

    def _forget(self, move: Move) -> None:
        self._taken.pop(move.new_name.lower(), None)


def _not_moved(move: Move, error: MoveRefusedError | OSError) -> Moved:
    if isinstance(error, MoveRefusedError):
        return Moved(move, ActionStatus.REFUSED, str(error))
    return Moved(move, ActionStatus.FAILED, f"cannot be moved: {reason_of(error)}")


def operation_of(
    move: Move, number: int, source: Place, target: Place, *, copied: bool
) -> Operation:
    """Return what the journal says of a move."""
    return Operation(
        number, ActionKind.MOVE, source.of(move.name), target.of(move.new_name), move.file,
        move.spool_name, move.recipients, copied, move.undoes,
    )  # fmt: skip


def check_unchanged(planned: FileIdentity, found: FileStatus) -> None:
    """Raise MoveRefusedError where a file is no longer the one that was planned."""
    if not found.is_regular:
        raise MoveRefusedError("it is no regular file")
    if (found.device, found.inode) != (planned.device, planned.inode):
        raise MoveRefusedError("another file has taken its place since it was planned")
    if not _as_planned(planned, found):
        raise MoveRefusedError("it changed since it was planned")


def _as_planned(planned: FileIdentity, found: FileStatus) -> bool:
    return found.size == planned.size and found.modified_ns == planned.modified_ns


def digest(file: OpenFile) -> str:
    """Return the SHA-256 of what is left of an open file, in hex."""
    found = hashlib.sha256()
    while block := file.read(_BLOCK):
        found.update(block)
    return found.hexdigest()


def copy_file(source: Folder, target: Folder, move: Move) -> None:
    """Copy a file to another volume: whole, durable and compared before it gets its name.

    Raises OSError, and MoveRefusedError where the name is taken or the copy differs; nothing is
    left behind then.
    """
    temporary = temporary_name(move.new_name)
    try:
        written = target.create(temporary)
    except FileExistsError as error:
        raise MoveRefusedError(
            f"{temporary} lies in the target folder, left by another run: look at it, remove it"
        ) from error
    try:
        try:
            _copy_bytes(source, move, written)
        finally:
            written.close()
        copied = target.read(temporary)
        try:
            if digest(copied) != move.file.sha256:
                raise MoveRefusedError("the copy differs from the file: the disk cannot be trusted")
        finally:
            copied.close()
        _publish(target, temporary, move.new_name)
    except BaseException:
        _remove_if_there(target, temporary)
        raise


def _copy_bytes(source: Folder, move: Move, written: OpenFile) -> None:
    file = source.read(move.name)
    try:
        status = file.status()
        check_unchanged(move.file, status)
        while block := file.read(_BLOCK):
            written.write(block)
    finally:
        file.close()
    written.keep_status(status)
    written.sync()


def _publish(folder: Folder, temporary: str, name: str) -> None:
    """Give a finished file its name, which must be free."""
    try:
        try:
            folder.rename(temporary, folder, name)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            folder.link(temporary, folder, name)
            folder.unlink(temporary)
    except FileExistsError as error:
        raise MoveRefusedError(name_taken("the target folder", name)) from error


def _remove_if_there(folder: Folder, name: str) -> None:
    try:
        folder.unlink(name)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise


def _settled(call: Callable[[], None], is_done: Callable[[], bool]) -> None:
    """Call the system; after an error look whether it was done even so.

    A network file system may do what it says it could not, and a signal may break a call off.
    """
    for left in reversed(range(_TRIES)):
        try:
            call()
        except OSError as error:
            if is_done():
                return
            if not isinstance(error, InterruptedError) or not left:
                raise
        else:
            return


def _has(folder: Folder, name: str, file: FileIdentity) -> bool:
    """Whether a name leads to that very file."""
    try:
        found = folder.status(name)
    except OSError:
        return False
    return (found.device, found.inode) == (file.device, file.inode)


def _flush(folder: Folder) -> str | None:
    """Make a folder's names durable; return why that failed, None if it did not."""
    try:
        folder.sync()
    except OSError as error:
        return f"the names in {folder.path} cannot be made durable: {reason_of(error)}"
    return None


def name_taken(place: str, name: str, known: str | None = None) -> str:
    """Return the words for a name that a file has already, spelled as ``known`` there."""
    spelled = f" as {known}" if known not in {None, name} else ""
    return f"the name {name} is taken in {place}{spelled}; nothing is ever replaced or renamed away"


def unreadable(error: OSError) -> str:
    """Return the words for a file that cannot be opened or read."""
    if error.errno == errno.ENOENT:
        return "it is no longer there"
    if error.errno == errno.ELOOP:
        return "it is a symbolic link, which is never followed"
    return f"cannot be read: {reason_of(error)}"
