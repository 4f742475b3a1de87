"""Takes back what a requeue did, as far as the server has not taken it up since.

What is taken back is done as a requeue is: journaled before, flushed after, never over another
file; the records go to the end of the same journal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from imctool.model.action import Action, ActionKind, ActionStatus
from imctool.model.evidence import Location
from imctool.model.journal import FileIdentity, Operation, Outcome, Recorded
from imctool.model.spool_name import SpoolName
from imctool.repair.changing import GuardError, IntegrityError, OpenSpool, spool_to_change
from imctool.repair.copying import temporary_name
from imctool.repair.folder import Folder, open_folder, reason_of
from imctool.repair.journal import (
    FOLDER_NAME,
    Journal,
    JournalWriteError,
    load_journal,
    relied_on,
)
from imctool.repair.journal_lines import JournalContent, JournalError, staged_record
from imctool.repair.known_journals import identity, spool_of
from imctool.repair.moves import Move, Place, move_files
from imctool.repair.requeue_run import Pace, RunInterruptedError
from imctool.repair.settling import open_below, status_of

_SENT = "a mail server has it: that cannot be taken back"


@dataclass(slots=True)
class Undone:
    """What came of an undo; the paths of the actions are relative to ``imcdata``."""

    imcdata: str
    actions: list[Action] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: str | None = None
    interrupted: bool = False


def undo(journal: Path, imcdata: Path | None, *, look_for_service: bool) -> Undone:
    """Take back what the journal says was done and not taken back yet, the last first.

    ``imcdata`` is where the spool lies now, where that is not the place that the journal names.
    Raises GuardError, IntegrityError, and OSError where something cannot be opened.
    """
    content = _content(journal)
    if not content.runs:
        raise IntegrityError(f"{journal} holds no run: there is nothing to take back")
    root = spool_of(journal, content, imcdata)
    if not root.is_dir():
        raise GuardError(
            f"the spool {root} of this journal is not there: name the folder where it lies now by "
            "--imcdata"
        )
    moved = any(one.operation.kind is ActionKind.MOVE for one in _to_take_back(content))
    left_open = bool(content.open_operations)
    via = str(content.runs[-1].get("via", "in"))
    with spool_to_change(
        root,
        journal,
        "undo",
        via,
        look_for_service=look_for_service and (moved or left_open),
        changes_spool=True,
        trusted=imcdata is not None,
    ) as opened:
        told = Undone(str(root), notes=opened.notes)
        done = _to_take_back(_content(journal))
        if done:
            opened.check_service()
            _take_back(journal, opened, done, told)
        return told


def _content(journal: Path) -> JournalContent:
    with ExitStack() as stack:
        folder = open_folder(journal.parent)
        stack.callback(folder.close)
        try:
            return relied_on(load_journal(folder, journal.name), str(journal))
        except JournalError as error:
            raise IntegrityError(f"{journal}: {error}; nothing was done") from error


def _to_take_back(content: JournalContent) -> list[Recorded]:
    return [
        one
        for one in reversed(content.operations.values())
        if one.operation.undoes is None
        and one.undone_by is None
        and (one.outcome is Outcome.DONE or one.accepted or one.unsure)
    ]


def _take_back(path: Path, opened: OpenSpool, done: Sequence[Recorded], told: Undone) -> None:
    with ExitStack() as stack:
        folder = open_folder(path.parent)
        stack.callback(folder.close)
        journal = Journal.resume(folder, path.name, str(path), _content(path))
        stack.callback(journal.close)
        journal.begin(identity(opened.imcdata), "undo", messages=len(done))
        pace = Pace()
        try:
            with pace.heeding_signals():
                for action in _steps(done, opened.imcdata, journal, pace, stack):
                    told.actions.append(action)
        except (RunInterruptedError, KeyboardInterrupt):
            told.interrupted = True
            return
        try:
            taken = sum(one.status is ActionStatus.DONE for one in told.actions)
            journal.end(done=taken, not_done=len(told.actions) - taken)
        except JournalWriteError as error:
            told.problem = f"{reason_of(error)}; the same command given again mends that"


def _steps(
    done: Sequence[Recorded], imcdata: Folder, journal: Journal, pace: Pace, stack: ExitStack
) -> Iterator[Action]:
    moved: dict[tuple[str, str], list[Recorded]] = defaultdict(list)
    for one in done:
        operation = one.operation
        if operation.kind is ActionKind.MOVE and operation.target is not None:
            back = operation.target.rpartition("/")[0], operation.source.rpartition("/")[0]
            moved[back].append(one)
        elif operation.kind is ActionKind.WRITE:
            yield _from_pickup(one, imcdata, journal, stack)
        else:
            status, target = ActionStatus.REFUSED, f"smtp://{operation.server}"
            yield _action(operation, ActionKind.SKIP, status, target, operation.source, _SENT)
    for (source, target), some in moved.items():
        yield from _moves_back(source, target, some, imcdata, journal, pace, stack)


def _moves_back(
    source_path: str,
    target_path: str,
    moved: Sequence[Recorded],
    imcdata: Folder,
    journal: Journal,
    pace: Pace,
    stack: ExitStack,
) -> Iterator[Action]:
    try:
        source = Place(open_below(imcdata, source_path, stack), source_path)
        target = Place(open_below(imcdata, target_path, stack), target_path)
    except OSError as error:
        for one in moved:
            yield _not_taken(one, ActionStatus.FAILED, reason_of(error))
        return
    moves: list[Move] = []
    operations: list[Operation] = []
    for one in moved:
        operation = one.operation
        name = (operation.target or "").rpartition("/")[2]
        try:
            found = status_of(source.folder, name)
        except OSError as error:
            yield _not_taken(one, ActionStatus.FAILED, reason_of(error))
            continue
        if found is None:
            yield _not_taken(one, ActionStatus.REFUSED, NOT_THERE)
            continue
        if found.size != operation.file.size or not found.is_regular:
            yield _not_taken(one, ActionStatus.REFUSED, "another file lies there now")
            continue
        # A spool that was restored or copied has other inodes; the hash tells the file.
        file = replace(
            operation.file,
            device=found.device,
            inode=found.inode,
            modified_ns=found.modified_ns,
            changed_ns=found.changed_ns,
        )
        old_name = operation.source.rpartition("/")[2]
        moves.append(
            Move(name, file, old_name, operation.spool_name, operation.recipients, operation.number)
        )
        operations.append(operation)
    results = move_files(moves, source, target, journal, ahead=pace.ahead)
    for operation, result in zip(operations, results, strict=True):
        yield _action(
            operation, ActionKind.MOVE, result.status, operation.source, operation.target,
            result.reason,
        )  # fmt: skip


NOT_THERE = "it is not there: the service took it up since, or somebody removed it"


def _from_pickup(one: Recorded, imcdata: Folder, journal: Journal, stack: ExitStack) -> Action:
    """Take a file out of Pickup: by a rename first, as the service may take it up just now."""
    operation = one.operation
    assert operation.target is not None
    assert one.staged is not None
    path, _, name = operation.target.rpartition("/")
    hidden = temporary_name(name)
    try:
        pickup = open_below(imcdata, path, stack)
        staging = imcdata.folder(FOLDER_NAME, make=True)
        stack.callback(staging.close)
        if status_of(pickup, name) is None:
            return _not_taken(one, ActionStatus.REFUSED, NOT_THERE)
        from imctool.repair.requeue_plan import identity_of  # it brings the ledger: slow to load

        found = identity_of(pickup, name)
        if (found.sha256, found.size) != (one.staged.sha256, one.staged.size):
            return _not_taken(one, ActionStatus.REFUSED, "another file lies there now")
        number = _intend(operation, found, journal)
        try:
            pickup.rename(name, staging, hidden)
        except FileNotFoundError:
            journal.end_operations([(number, Outcome.DROPPED, NOT_THERE)])
            raise
        pickup.sync()
        staging.sync()
        journal.note(staged_record(number, found.sha256, found.size))
        journal.end_operations([(number, Outcome.DONE, None)])
        journal.sync()  # before the hidden file goes: that it is gone tells nothing then
        staging.unlink(hidden)
        staging.sync()
    except FileNotFoundError:
        return _not_taken(one, ActionStatus.REFUSED, NOT_THERE)
    except OSError as error:
        return _not_taken(one, ActionStatus.FAILED, reason_of(error))
    kind, status = ActionKind.WRITE, ActionStatus.DONE
    reason = "taken out of Pickup; the archived file is where it was"
    return _action(operation, kind, status, operation.source, operation.target, reason)


def _intend(operation: Operation, found: FileIdentity, journal: Journal) -> int:
    assert operation.target is not None
    number = journal.number()
    journal.intend(
        [
            Operation(
                number, ActionKind.WRITE, operation.target, None, found, operation.spool_name,
                operation.recipients, undoes=operation.number,
            )
        ]
    )  # fmt: skip
    return number


def _not_taken(one: Recorded, status: ActionStatus, reason: str) -> Action:
    operation = one.operation
    return _action(operation, ActionKind.SKIP, status, None, operation.target, reason)


def _action(
    operation: Operation,
    kind: ActionKind,
    status: ActionStatus,
    target: str | None,
    source: str | None,
    reason: str | None,
) -> Action:
    return Action(
        kind,
        status,
        Location(source or ""),
        target,
        SpoolName.find(operation.spool_name or ""),
        operation.recipients,
        operation.file.sha256,
        reason,
    )
