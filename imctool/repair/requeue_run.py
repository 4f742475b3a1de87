"""Carries out the plan of a requeue into the spool: each step journaled, each message told of."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC
from types import FrameType

from imctool.model.action import Action, ActionKind, ActionStatus
from imctool.model.evidence import Location
from imctool.model.requeue import QUEUE_OLD, RequeueItem, RequeuePlan, Via
from imctool.model.spool_name import SpoolName
from imctool.repair.folder import Folder
from imctool.repair.journal import Journal
from imctool.repair.moves import BATCH, Move, Moved, Place, move_files
from imctool.repair.settling import open_below


class RunInterruptedError(Exception):
    """A signal ended the run between two batches: what was begun is finished and recorded."""


class Pace:
    """How fast messages go: at most so many a minute, and none once a signal asks to stop.

    ``sleep`` is given for tests.
    """

    def __init__(
        self, per_minute: float | None = None, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._sleep = sleep
        self._due = 0.0
        self._stop = False

    @property
    def batch(self) -> int:
        """How many messages may go at once: those of a second, where there is a limit."""
        return BATCH if not self._gap else min(BATCH, max(1, int(1.0 / self._gap)))

    def ahead(self, count: int) -> None:
        """Wait until so many messages may go. Raises RunInterruptedError."""
        self.sleep(self._due - time.monotonic())
        self._due = time.monotonic() + self._gap * count

    def sleep(self, seconds: float) -> None:
        """Wait so long. Raises RunInterruptedError soon after a signal."""
        end = time.monotonic() + seconds
        self._check()
        while (left := end - time.monotonic()) > 0:
            self._sleep(min(left, 0.5))
            self._check()

    def _check(self) -> None:
        if self._stop:
            raise RunInterruptedError

    @contextmanager
    def heeding_signals(self) -> Iterator[None]:
        """Let the signals that end a program end the run between two batches; a second one at once.

        Only in the main thread of a program.
        """

        def stop(number: int, frame: FrameType | None) -> None:
            if self._stop:
                raise KeyboardInterrupt
            self._stop = True

        names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
        numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
        heeded = [one for one in numbers if signal.getsignal(one) is not signal.SIG_IGN]
        before = {number: signal.signal(number, stop) for number in heeded}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def put_back(
    plan: RequeuePlan, imcdata: Folder, shown: str, journal: Journal, pace: Pace
) -> Iterator[Action]:
    """Move the files of a plan from the archive to In; yield what came of each.

    Queue.dat goes first where that is planned. ``shown`` is the path of Imcdata in output.
    Raises RunInterruptedError, and OSError where a folder cannot be opened.
    """
    if plan.queue_dat is not None and not plan.queue_dat.objections:
        top = Place(imcdata, "")
        moves = [_move(plan.queue_dat, QUEUE_OLD)]
        for moved in move_files(moves, top, top, journal, ahead=pace.ahead):
            yield action_of(plan.queue_dat, moved, shown_path(shown, QUEUE_OLD))
    going = plan.going
    for archive in sorted({one.source.rpartition("/")[0] for one in going}):
        with ExitStack() as stack:
            source = Place(open_below(imcdata, archive, stack), archive)
            path = archive.rpartition("/")[0]
            target = Place(open_below(imcdata, path, stack), path)
            items = [one for one in going if one.source.rpartition("/")[0] == archive]
            moved_all = move_files(
                [_move(one, one.name) for one in items], source, target, journal,
                pace.batch, pace.ahead,
            )  # fmt: skip
            for one, moved in zip(items, moved_all, strict=True):
                yield action_of(one, moved, shown_path(shown, target.of(one.name)))


def _move(item: RequeueItem, new_name: str) -> Move:
    assert item.file is not None
    failed = item.failed.astimezone(UTC).isoformat() if item.failed is not None else None
    return Move(
        item.name, item.file, new_name, item.spool_name, item.recipient_count,
        failed=failed, assumed_zone=item.assumed_zone,
    )  # fmt: skip


def action_of(item: RequeueItem, moved: Moved, target: str) -> Action:
    """Return the action that a move came to."""
    return item_action(item, ActionKind.MOVE, moved.status, target, moved.reason)


def item_action(
    item: RequeueItem,
    kind: ActionKind,
    status: ActionStatus,
    target: str | None,
    reason: str | None = None,
) -> Action:
    """Return an action on an item."""
    return Action(
        kind,
        status,
        Location(item.location),
        target,
        SpoolName.find(item.spool_name or ""),
        item.recipient_count,
        item.file.sha256 if item.file is not None else None,
        reason,
    )


def refused_actions(plan: RequeuePlan) -> list[Action]:
    """Return the actions for the items that are refused."""
    items = list(plan.refused)
    if plan.queue_dat is not None and plan.queue_dat.objections:
        items.insert(0, plan.queue_dat)
    return [
        item_action(
            one, ActionKind.SKIP, ActionStatus.REFUSED, None,
            "; ".join(each.text for each in one.objections),
        )
        for one in items
    ]  # fmt: skip


KINDS = {
    Via.IN: ActionKind.MOVE,
    Via.PICKUP: ActionKind.WRITE,
    Via.SMTP: ActionKind.SUBMIT,
    Via.EML: ActionKind.WRITE,
    Via.MBOX: ActionKind.WRITE,
    Via.MAILDIR: ActionKind.WRITE,
}


def planned_actions(plan: RequeuePlan, shown: str, server: str | None = None) -> list[Action]:
    """Return the actions that a plan would come to."""
    found = []
    if plan.queue_dat is not None and not plan.queue_dat.objections:
        target = shown_path(shown, QUEUE_OLD)
        found.append(item_action(plan.queue_dat, ActionKind.MOVE, ActionStatus.PLANNED, target))
    for one in plan.going:
        target_path = target_of(plan, one, shown, server)
        found.append(item_action(one, KINDS[plan.via], ActionStatus.PLANNED, target_path))
    return found


def target_of(plan: RequeuePlan, item: RequeueItem, shown: str, server: str | None) -> str | None:
    """Return where an item goes by a plan, as output names it; None where only the run tells."""
    if plan.via is Via.IN:
        return shown_path(shown, f"{item.source.split('/')[0]}/{item.name}")
    if plan.via is Via.PICKUP:
        return shown_path(shown, f"{plan.pickup}/{item.name}")
    return f"smtp://{server}" if plan.via is Via.SMTP else None


def shown_path(shown: str, path: str) -> str:
    """Return a path from Imcdata on as output names it."""
    return f"{shown}/{path}" if shown else path


def failed_actions(plan: RequeuePlan, shown: str, reason: str) -> Sequence[Action]:
    """Return the actions of a plan of which nothing could be begun."""
    return [
        item_action(one, KINDS[plan.via], ActionStatus.FAILED, None, reason) for one in plan.going
    ]
