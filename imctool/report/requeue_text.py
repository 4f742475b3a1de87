"""The plan of a requeue and what came of it, for a person who answers for the mail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from imctool.model.action import Action, ActionKind, ActionStatus
from imctool.model.evidence import Defect
from imctool.model.requeue import Objection, RequeueItem, RequeuePlan, Via
from imctool.report.wrapped_lines import MOST, LinePrinter, defect_line, limited

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

_MOST_RECIPIENTS = 5

_WAYS = {
    Via.IN: "in: the same file goes back into In, byte for byte",
    Via.PICKUP: "pickup: a new file with X-Sender and X-Receiver goes into Pickup (5.5); the "
    "archived file stays",
    Via.SMTP: "smtp: the message goes to a mail server with its own envelope; the archived file "
    "stays",
    Via.EML: "eml: each message is copied into a file; nothing is delivered",
    Via.MBOX: "mbox: the messages are copied into one file; nothing is delivered",
    Via.MAILDIR: "maildir: the messages are copied into a Maildir; nothing is delivered",
}

QUEUE_DAT_WARNING = (
    "Queue.dat will be renamed to Queue.old: the service builds a new one at its start, and "
    "outbound mail that it had sent in part may be delivered twice (event 3013)."
)


def print_plan(
    plan: RequeuePlan,
    console: Console,
    *,
    where: str,
    notes: Iterable[str],
    defects: Iterable[Defect] = (),
    mend: Callable[[RequeueItem, Objection], str | None],
    verbose: bool,
) -> None:
    """Print whom each message would go to, and what is refused and why.

    ``where`` is where messages go to; ``mend`` gives the command that mends an objection.
    """
    most = None if verbose else MOST
    line = LinePrinter(console, whole_words=True)
    going, refused = plan.going, plan.refused
    line(f"Plan     {_count(len(going), 'message')} to requeue, {len(refused)} refused", hang=9)
    line(f"Spool    {plan.imcdata}", hang=9)
    line(f"Way      {_WAYS[plan.via]}", hang=9)
    line(f"To       {where}", hang=9)
    if plan.queue_dat is not None:
        held = "; ".join(one.text for one in plan.queue_dat.objections)
        line(f"Queue    {held or QUEUE_DAT_WARNING}", "bold", hang=9)
    title = "To be copied" if plan.via.is_export else "To be delivered"
    _print_items(title, going, line, most, mend)
    _print_items("Refused", refused, line, most, mend)
    line.section("Notes", [*_left_out(plan), *notes])
    line.section("Could not be read as it should", limited(list(defects), most, defect_line))


def _print_items(
    title: str,
    items: Sequence[RequeueItem],
    line: LinePrinter,
    most: int | None,
    mend: Callable[[RequeueItem, Objection], str | None],
) -> None:
    if not items:
        return
    line()
    line(title, "bold")
    for one in items if most is None else items[:most]:
        line(_item_line(one), indent=2)
        for text in one.warnings:
            line(f"warning: {text}", indent=4)
        for objection in one.objections:
            over = f" (--force {objection.reason})" if objection.reason is not None else ""
            line(f"refused: {objection.text}{over}", indent=4)
            command = mend(one, objection)
            if command is not None:
                line(command, "cyan", indent=6)
    if most is not None and len(items) > most:
        line(f"... and {len(items) - most} more (-v or --format json shows all)", indent=2)


def _item_line(one: RequeueItem) -> str:
    time = f"  {one.time:%Y-%m-%d %H:%M:%S}{'?' if one.assumed_zone else 'Z'}" if one.time else ""
    shown = ", ".join(f"<{each}>" for each in one.recipients[:_MOST_RECIPIENTS])
    more = one.recipient_count - min(len(one.recipients), _MOST_RECIPIENTS)
    whom = f"{shown} and {more} more" if more > 0 else shown or "nobody"
    originator = f"<{one.originator}>" if one.originator is not None else "an unknown sender"
    articles = f"  [{', '.join(one.articles)}]" if one.articles else ""
    subject = f'  "{one.subject}"' if one.subject else ""
    return f"{one.name}{time}  from {originator} to {whom}{subject}{articles}"


def _left_out(plan: RequeuePlan) -> Iterator[str]:
    if plan.left:
        yield f"{_count(plan.left, 'message')} left for another run (--max)"
    if plan.unknown:
        yield (
            f"{_count(plan.unknown, 'file')} in the archive may be delivered or failed mail: the "
            "evidence does not tell, and what is not selected stays (diagnose says what is "
            "missing; --spool NAME selects one)"
        )
    for name in plan.unnamed:
        yield f"no file {name} lies in this archive"
    if plan.missing:
        shown = ", ".join(plan.missing[:_MOST_RECIPIENTS])
        more = len(plan.missing) - _MOST_RECIPIENTS
        yield (
            f"{_count(len(plan.missing), 'failed message')} without a file in this archive: "
            f"{shown}{f' and {more} more' if more > 0 else ''}"
        )


def print_actions(
    actions: Sequence[Action],
    console: Console,
    *,
    journal: str | None,
    next_steps: Iterable[str],
    notes: Iterable[str],
    verbose: bool,
    nothing: str,
    dry_run: bool = False,
    plan_shown: bool = False,
) -> None:
    """Print what was done, all that was not, and what comes next; ``nothing`` where that is all.

    ``plan_shown`` says that what is refused stands above already, with its reasons.
    """
    most = None if verbose else MOST
    line = LinePrinter(console, whole_words=True)
    done = [one for one in actions if one.status is ActionStatus.DONE]
    undone = [one for one in actions if one.undone]
    planned = [
        one for one in actions if one.status is ActionStatus.PLANNED and one.spool_name is not None
    ]
    line.section("Done", limited(done, most, _action_line))
    told = [one for one in undone if not plan_shown or one.kind is not ActionKind.SKIP]
    line.section("Not done", limited(told, most, _action_line))
    line.section("Notes", notes)
    line()
    if dry_run and actions:
        would = f"{_count(len(planned), 'message')} would go, {len(undone)} refused"
        line(f"{would}; nothing was changed.", "bold")
    elif not actions:
        line(nothing, "bold")
    else:
        failed = sum(one.status is ActionStatus.FAILED for one in undone)
        total = f"{len(done)} done, {len(undone) - failed} refused, {failed} failed."
        line(total, "bold green" if not undone else "bold")
    if journal is not None:
        line(f"Journal  {journal}", hang=9)
    for step in next_steps:
        line(f"Next     {step}", hang=9)


def _action_line(one: Action) -> str:
    name = f"{one.spool_name}: " if one.spool_name is not None else ""
    target = f" -> {one.target}" if one.target is not None else ""
    whom = f", {_count(one.recipients, 'recipient')}" if one.kind is not ActionKind.SKIP else ""
    reason = f": {one.reason}" if one.reason else ""
    status = f": {one.status}" if one.undone else ""
    return f"{name}{one.source.path}{target}{whom}{status}{reason}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
