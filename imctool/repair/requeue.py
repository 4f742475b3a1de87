"""A whole run of ``requeue``: from the plan, through the guards, to what came of each message."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from imctool.model.action import Action, ActionStatus
from imctool.model.journal import SpoolIdentity
from imctool.model.requeue import RequeuePlan, Via
from imctool.repair.changing import (
    LockError,
    OpenSpool,
    spool_to_change,
    spool_to_look_at,
)
from imctool.repair.folder import Folder, reason_of
from imctool.repair.journal import Journal, JournalWriteError
from imctool.repair.known_journals import (
    HandedOver,
    done_by,
    handed_over,
    identity,
    journal_to_write,
    sent_recipients,
)
from imctool.repair.pickup import hand_over
from imctool.repair.requeue_run import (
    Pace,
    RunInterruptedError,
    failed_actions,
    planned_actions,
    put_back,
    refused_actions,
)
from imctool.repair.spool_root import SpoolRoot

if TYPE_CHECKING:
    from imctool.repair.requeue_submission import Submission


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a run. ``shown`` is the path of Imcdata in output.

    ``acts`` False only tells the plan; ``look_for_service`` False takes the service for stopped.
    """

    spool: SpoolRoot
    shown: str
    via: Via
    acts: bool
    journal: Path | None = None
    look_for_service: bool = True
    submission: Submission | None = None
    pace: Pace = field(default_factory=Pace)


@dataclass(slots=True)
class Requeued:
    """What came of a run. ``spool`` is the identity of the spool, for a plan that is saved.

    ``journal`` is its path, None where nothing was written. ``problem`` says why the run ended
    early, ``interrupted`` that a signal ended it.
    """

    plan: RequeuePlan
    spool: SpoolIdentity
    actions: list[Action]
    notes: list[str]
    journal: str | None = None
    problem: str | None = None
    interrupted: bool = False


PlanMaker = Callable[[Folder, Mapping[str, Sequence[HandedOver]], frozenset[str]], RequeuePlan]
"""Makes the plan for a spool: what its journals have handed over before, by the hash of a file,
and the hashes of what the run that is continued has done already."""


def requeue(
    request: Request, make_plan: PlanMaker, confirm: Callable[[RequeuePlan, list[str]], None]
) -> Requeued:
    """Make the plan and carry it out; ``confirm`` raises what ends the run before that.

    Raises GuardError, IntegrityError, and OSError where the spool cannot be opened.
    """
    if not request.acts:
        with spool_to_look_at(request.spool.path, request.journal) as opened:
            before = handed_over(opened.journals, settled=False)
            plan = make_plan(opened.imcdata, before, frozenset())
            server = request.submission.server if request.submission else None
            planned = planned_actions(plan, request.shown, str(server) if server else None)
            actions = [*refused_actions(plan), *planned]
            return Requeued(plan, identity(opened.imcdata), actions, opened.notes)
    try:
        return _change(request, make_plan, confirm)
    except LockError as error:
        return _not_writable(request, make_plan, reason_of(error))


def _change(
    request: Request, make_plan: PlanMaker, confirm: Callable[[RequeuePlan, list[str]], None]
) -> Requeued:
    with spool_to_change(
        request.spool.path,
        request.journal,
        "requeue",
        str(request.via),
        look_for_service=request.look_for_service and request.via is Via.IN,
        changes_spool=request.via in {Via.IN, Via.PICKUP},
        number=request.spool.number,
    ) as opened:
        finished = done_by(opened.going_on) if request.via is not Via.IN else frozenset()
        plan = make_plan(opened.imcdata, handed_over(opened.journals), finished)
        if finished:
            opened.notes.append(f"{len(finished)} messages were done before the run was cut off")
        told = Requeued(plan, identity(opened.imcdata), refused_actions(plan), opened.notes)
        if plan.going or (plan.queue_dat is not None and not plan.queue_dat.objections):
            confirm(plan, opened.notes)
            opened.check_service()
            _carry_out(request, opened, told)
        return told


def _not_writable(request: Request, make_plan: PlanMaker, reason: str) -> Requeued:
    """Tell what would have gone, had the spool been one that can be written to."""
    with spool_to_look_at(request.spool.path, request.journal) as opened:
        before = handed_over(opened.journals, settled=False)
        plan = make_plan(opened.imcdata, before, frozenset())
        failed = failed_actions(plan, request.shown, f"Imcdata cannot be written: {reason}")
        problem = f"{request.spool.path} cannot be written ({reason}): nothing was done"
        if request.via is Via.SMTP:
            problem += "; --journal FILE keeps the journal elsewhere"
        actions = [*refused_actions(plan), *failed]
        return Requeued(plan, identity(opened.imcdata), actions, opened.notes, problem=problem)


def _carry_out(request: Request, opened: OpenSpool, told: Requeued) -> None:
    with ExitStack() as stack:
        try:
            journal = journal_to_write(opened.imcdata, request.journal, opened.going_on, stack)
            stack.callback(journal.close)
            told.journal = journal.path
            server = request.submission.server if request.submission else None
            journal.begin(
                told.spool, "requeue", via=str(request.via), messages=len(told.plan.going),
                **({"server": str(server)} if server else {}),
            )  # fmt: skip
        except OSError as error:
            reason = f"the journal cannot be written: {reason_of(error)}"
            told.problem = f"{reason}; nothing was done. --journal FILE keeps it elsewhere"
            told.actions += failed_actions(told.plan, request.shown, reason)
            return
        before = len(told.actions)
        try:
            with request.pace.heeding_signals():
                for action in _steps(request, opened, told.plan, journal):
                    told.actions.append(action)
        except (RunInterruptedError, KeyboardInterrupt):
            told.interrupted = True
            return
        except OSError as error:
            told.problem = f"{error.filename or request.spool.path}: {reason_of(error)}"
            met = {one.source.path for one in told.actions[before:]}
            told.actions += [
                one
                for one in failed_actions(told.plan, request.shown, reason_of(error))
                if one.source.path not in met
            ]
        _end(journal, told, before)


def _steps(
    request: Request, opened: OpenSpool, plan: RequeuePlan, journal: Journal
) -> Iterator[Action]:
    if request.via is Via.PICKUP:
        return hand_over(plan, opened.imcdata, request.shown, journal, request.pace)
    if request.via is Via.SMTP:
        assert request.submission is not None
        sent = sent_recipients(opened.journals)
        from imctool.repair.requeue_submission import submit_plan  # an SMTP client is slow to load

        return submit_plan(plan, request.submission, journal, sent, request.pace)
    return put_back(plan, opened.imcdata, request.shown, journal, request.pace)


def _end(journal: Journal, told: Requeued, before: int) -> None:
    """Close the run in the journal; where that fails, its last outcomes may not be durable."""
    done = sum(one.status is ActionStatus.DONE for one in told.actions[before:])
    try:
        journal.end(done=done, not_done=len(told.actions) - before - done)
    except JournalWriteError as error:
        told.problem = f"{reason_of(error)}; the same command given again mends that"
