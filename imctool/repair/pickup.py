"""Hands messages to the Pickup folder of 5.5 (Q201314): whole at the moment they appear there.

The service takes a file up as soon as it sees it, so each is written in the folder of journals,
on the same volume, and then renamed (inferred from the race that Q279320 tells of). That one
rename is the moment at which the message is handed over, and it cannot be told apart from the
taking up: so the bytes are recorded before it, and a hidden file that is gone after a crash was
handed over.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from imctool.model.action import Action, ActionKind, ActionStatus
from imctool.model.journal import Operation, Outcome
from imctool.model.requeue import RequeueItem, RequeuePlan
from imctool.readers.envelope import iterate_recipients
from imctool.readers.file_buffer import file_buffer
from imctool.repair.copying import MoveRefusedError, name_taken, temporary_name
from imctool.repair.folder import Folder, OpenFile, reason_of
from imctool.repair.journal import FOLDER_NAME, Journal, JournalWriteError
from imctool.repair.message_forms import FormRefusedError, write_pickup
from imctool.repair.moves import Place
from imctool.repair.requeue_run import Pace, item_action, shown_path


def hand_over(
    plan: RequeuePlan, imcdata: Folder, shown: str, journal: Journal, pace: Pace
) -> Iterator[Action]:
    """Write each message of a plan into Pickup; yield what came of it.

    Raises RunInterruptedError, and OSError where a folder cannot be opened.
    """
    name = plan.pickup
    with ExitStack() as stack:
        pickup = imcdata.folder(name)
        stack.callback(pickup.close)
        staging = imcdata.folder(FOLDER_NAME, make=True)
        stack.callback(staging.close)
        run = _Run(Place(pickup, name), staging, Path(imcdata.path), shown, journal)
        for item in plan.going:
            pace.ahead(1)
            yield run.hand_over(item)


class _Run:
    """The folders of one run, and which names Pickup has."""

    def __init__(
        self, pickup: Place, staging: Folder, imcdata: Path, shown: str, journal: Journal
    ) -> None:
        self._pickup = pickup
        self._staging = staging
        self._imcdata = imcdata
        self._shown = shown
        self._journal = journal

    def hand_over(self, item: RequeueItem) -> Action:
        """Write one message, and return what came of it."""
        operation: Operation | None = None
        try:
            self._check_name(item.name)
            operation = self._operation(item)
            self._journal.intend([operation])
            notes = self._write(item, operation)
        except (FormRefusedError, MoveRefusedError) as refusal:
            return self._not_done(item, operation, ActionStatus.REFUSED, str(refusal))
        except JournalWriteError as error:
            # What the journal could not take was not done; what is begun the next run settles.
            return self._action(item, ActionStatus.FAILED, reason_of(error))
        except OSError as error:
            reason = f"cannot be written: {reason_of(error)}"
            return self._not_done(item, operation, ActionStatus.FAILED, reason)
        try:
            self._pickup.folder.sync()
            self._staging.sync()
            self._journal.end_operations([(operation.number, Outcome.DONE, None)])
            self._journal.sync()
        except OSError as error:  # the intent stays open: the next run makes sure of it
            notes.append(f"handed over, but {reason_of(error)}")
        return self._action(item, ActionStatus.DONE, "; ".join(notes) or None)

    def _check_name(self, name: str) -> None:
        for known in self._pickup.folder.names():
            if known.lower() == name.lower():
                raise MoveRefusedError(name_taken(self._pickup.path, name, known))

    def _operation(self, item: RequeueItem) -> Operation:
        assert item.file is not None
        return Operation(
            self._journal.number(), ActionKind.WRITE, item.source, self._pickup.of(item.name),
            item.file, item.spool_name, item.recipient_count,
        )  # fmt: skip

    def _write(self, item: RequeueItem, operation: Operation) -> list[str]:
        """Write the message under its hidden name, record it, and give it its own."""
        hidden = temporary_name(item.name)
        stream = _Counted(self._staging.create(hidden))
        try:
            notes = self._write_text(item, stream)
        finally:
            stream.close()
        self._staging.sync()
        self._journal.note(
            {
                "record": "staged", "number": operation.number,
                "sha256": stream.sha256, "size": stream.size,
            },
            durable=True,
        )  # fmt: skip
        try:
            self._staging.rename(hidden, self._pickup.folder, item.name)
        except FileExistsError as error:
            raise MoveRefusedError(name_taken(self._pickup.path, item.name)) from error
        except OSError:
            if hidden in self._staging.names():
                raise  # else it was renamed even so
        return notes

    def _write_text(self, item: RequeueItem, stream: _Counted) -> list[str]:
        assert item.file is not None
        path = Path(os.path.join(self._imcdata, *item.source.split("/")))
        with file_buffer(path) as buffer:
            if hashlib.sha256(buffer).hexdigest() != item.file.sha256:
                raise MoveRefusedError("its content changed since it was planned")
            doubled, inferred = write_pickup(
                cast(BinaryIO, stream),
                item.originator,
                iterate_recipients(buffer),
                buffer,
                item.text_offset,
            )
        stream.sync()
        notes = [f"inferred: {text}" for text in inferred]
        if doubled:
            notes.append(f"{doubled} leading dots doubled (Q221384)")
        return notes

    def _not_done(
        self, item: RequeueItem, operation: Operation | None, status: ActionStatus, reason: str
    ) -> Action:
        """Take the hidden file away, and write that nothing was done."""
        if operation is not None:
            try:
                hidden = temporary_name(item.name)
                if hidden in self._staging.names():
                    self._staging.unlink(hidden)
                    self._staging.sync()
                self._journal.end_operations([(operation.number, Outcome.DROPPED, reason)])
            except OSError as error:
                reason = f"{reason}; left open: {reason_of(error)}"
        return self._action(item, status, reason)

    def _action(self, item: RequeueItem, status: ActionStatus, reason: str | None) -> Action:
        target = shown_path(self._shown, self._pickup.of(item.name))
        return item_action(item, ActionKind.WRITE, status, target, reason)


class _Counted:
    """A file that is written, with the hash and size of what went into it."""

    def __init__(self, file: OpenFile) -> None:
        self.size = 0
        self._file = file
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The hash, in hex, of all that was written."""
        return self._digest.hexdigest()

    def write(self, content: bytes) -> int:
        """Write all of it."""
        self._file.write(content)
        self._digest.update(content)
        self.size += len(content)
        return len(content)

    def sync(self) -> None:
        """Make it durable."""
        self._file.sync()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
