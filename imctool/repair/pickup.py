"""Hands messages to the Pickup folder of 5.5 (Q201314): whole at the moment they appear there.

The service takes a file up as soon as it sees it, so each is written in the folder of journals,
on the same volume, and then renamed (inferred from the race that Q279320 tells of). That one
rename is the moment at which the message is handed over, and it cannot be told apart from the
taking up: so the bytes are durable and recorded before it, and a hidden file that is gone after
a crash was handed over. A batch of messages shares the flushes of the journal and the folders.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from imctool.model.action import Action, ActionKind, ActionStatus
from imctool.model.journal import Operation, Outcome
from imctool.model.requeue import RequeueItem, RequeuePlan
from imctool.readers.envelope import iterate_recipients
from imctool.readers.file_buffer import file_buffer
from imctool.repair.copying import MoveRefusedError, name_taken, temporary_name
from imctool.repair.folder import Folder, OpenFile, reason_of, settled_call
from imctool.repair.journal import FOLDER_NAME, Journal, JournalWriteError
from imctool.repair.journal_lines import Record, staged_record
from imctool.repair.message_forms import FormRefusedError, write_pickup
from imctool.repair.moves import Place
from imctool.repair.requeue_run import Pace, item_action, shown_path
from imctool.repair.settling import status_of


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
        left = iter(plan.going)
        while some := list(islice(left, min(pace.batch, _BATCH))):
            pace.ahead(len(some))
            yield from run.hand_over(some)


_BATCH = 64


@dataclass(slots=True)
class _Written:
    """A message of a batch: its place there, and what is known of it so far."""

    place: int
    item: RequeueItem
    operation: Operation
    notes: list[str] = field(default_factory=list)
    created: bool = False


class _Run:
    """The folders of one run, and which names Pickup has had."""

    def __init__(
        self, pickup: Place, staging: Folder, imcdata: Path, shown: str, journal: Journal
    ) -> None:
        self._pickup = pickup
        self._staging = staging
        self._imcdata = imcdata
        self._shown = shown
        self._journal = journal
        self._taken = {name.lower(): name for name in pickup.folder.names()}

    def hand_over(self, items: Sequence[RequeueItem]) -> list[Action]:
        """Hand over a batch of messages, and return what came of each, in the same order."""
        told: dict[int, Action] = {}
        batch: list[_Written] = []
        for place, item in enumerate(items):
            known = self._taken.get(item.name.lower())
            if known is None:
                batch.append(_Written(place, item, self._operation(item)))
            else:
                reason = name_taken(self._pickup.path, item.name, known)
                told[place] = self._action(item, ActionStatus.REFUSED, reason)
        try:
            self._journal.intend(one.operation for one in batch)
            staged = self._staged(batch, told)
        except OSError as error:
            # Nothing was handed over; what was begun the next run clears away.
            for one in batch:
                told.setdefault(
                    one.place, self._action(one.item, ActionStatus.FAILED, reason_of(error))
                )
        else:
            self._rename_all(staged, told)
        return [told[place] for place in range(len(items))]

    def _operation(self, item: RequeueItem) -> Operation:
        assert item.file is not None
        return Operation(
            self._journal.number(), ActionKind.WRITE, item.source, self._pickup.of(item.name),
            item.file, item.spool_name, item.recipient_count,
        )  # fmt: skip

    def _staged(self, batch: Sequence[_Written], told: dict[int, Action]) -> list[_Written]:
        """Write the messages under their hidden names, durable, and record each.

        Raises OSError where nothing more may be done.
        """
        records: list[Record] = []
        staged = []
        for one in batch:
            try:
                records.append(self._write(one))
            except (FormRefusedError, MoveRefusedError) as refusal:
                told[one.place] = self._dropped(one, ActionStatus.REFUSED, str(refusal))
            except JournalWriteError:
                raise
            except OSError as error:
                reason = f"cannot be written: {reason_of(error)}"
                told[one.place] = self._dropped(one, ActionStatus.FAILED, reason)
            else:
                staged.append(one)
        if staged:
            self._staging.sync()
            self._journal.note_all(records)
        return staged

    def _write(self, one: _Written) -> Record:
        hidden = temporary_name(one.item.name)
        try:
            stream = _Counted(self._staging.create(hidden))
        except FileExistsError as error:
            raise MoveRefusedError(name_taken(FOLDER_NAME, hidden)) from error
        one.created = True
        try:
            one.notes = self._write_text(one.item, stream)
        finally:
            stream.close()
        return staged_record(one.operation.number, stream.sha256, stream.size)

    def _rename_all(self, staged: Sequence[_Written], told: dict[int, Action]) -> None:
        """Give the messages their names in Pickup, which hands them over."""
        done = []
        for one in staged:
            hidden = temporary_name(one.item.name)
            try:
                settled_call(
                    partial(self._staging.rename, hidden, self._pickup.folder, one.item.name),
                    partial(self._is_gone, hidden),
                )
            except FileExistsError:
                reason = name_taken(self._pickup.path, one.item.name)
                told[one.place] = self._dropped(one, ActionStatus.REFUSED, reason)
            except OSError as error:
                reason = f"cannot be handed over: {reason_of(error)}"
                told[one.place] = self._not_handed_over(one, reason)
            else:
                self._taken[one.item.name.lower()] = one.item.name
                done.append(one)
        try:
            self._pickup.folder.sync()
            self._staging.sync()
            self._journal.end_operations((one.operation.number, Outcome.DONE, None) for one in done)
            self._journal.sync()
        except OSError as error:  # the intents stay open: the next run makes sure of them
            for one in done:
                one.notes.append(f"handed over, but {reason_of(error)}")
        for one in done:
            notes = "; ".join(one.notes) or None
            told[one.place] = self._action(one.item, ActionStatus.DONE, notes)

    def _is_gone(self, hidden: str) -> bool:
        return status_of(self._staging, hidden) is None

    def _not_handed_over(self, one: _Written, reason: str) -> Action:
        """Drop a message that waits under its hidden name; else leave open what became of it."""
        try:
            waits = not self._is_gone(temporary_name(one.item.name))
        except OSError:
            waits = False
        if waits:
            return self._dropped(one, ActionStatus.FAILED, reason)
        text = f"{reason}; whether it was, the next run finds out"
        return self._action(one.item, ActionStatus.FAILED, text)

    def _dropped(self, one: _Written, status: ActionStatus, reason: str) -> Action:
        """Write that nothing was handed over, durable, and then take the hidden file away.

        In that order: a recorded file that is gone would count as handed over.
        """
        try:
            self._journal.end_operations([(one.operation.number, Outcome.DROPPED, reason)])
            self._journal.sync()
            if one.created:
                self._staging.unlink(temporary_name(one.item.name))
        except OSError as error:
            reason = f"{reason}; left open: {reason_of(error)}"
        return self._action(one.item, status, reason)

    def _write_text(self, item: RequeueItem, stream: _Counted) -> list[str]:
        assert item.file is not None
        path = Path(os.path.join(self._imcdata, *item.source.split("/")))
        # The recipients are let go before the buffer they are read from.
        with file_buffer(path) as buffer, closing(iterate_recipients(buffer)) as recipients:
            if hashlib.sha256(buffer).hexdigest() != item.file.sha256:
                raise MoveRefusedError("its content changed meanwhile")
            doubled, inferred = write_pickup(
                cast(BinaryIO, stream),
                item.originator,
                recipients,
                buffer,
                item.text_offset,
            )
        stream.sync()
        notes = [f"inferred: {text}" for text in inferred]
        if doubled:
            notes.append(f"{doubled} leading dots doubled (Q221384)")
        return notes

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
