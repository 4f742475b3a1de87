"""``imctool requeue``: failed messages put back, so that none is lost and none comes twice."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imctool.cli import exit_status
from imctool.cli.changing import guarded, refuse, shown_imcdata, the_spool
from imctool.cli.options import Reading, complain, refuse_inside
from imctool.cli.recover import refuse_folder
from imctool.cli.requeue_options import (
    EXPORTS,
    RequeueCommand,
    check_requeue_options,
    mail_server,
    requeue_options,
)

if TYPE_CHECKING:
    from imctool.model.requeue import RequeuePlan
    from imctool.repair.requeue import Request


@click.command("requeue", cls=RequeueCommand)
@requeue_options
@click.pass_context
def command(ctx: click.Context, /, reading: Reading, path: str, **choice: Any) -> None:
    """Put failed messages back: from In\\Archive to In, or by another way.

    Only mail that the evidence under PATH shows to have failed is selected; what was delivered,
    or would do harm again, is refused with the reason. A journal records each step, and undo
    takes it back. Asks first on a terminal; elsewhere it needs --yes. Ends with status 1 if a
    message was not done, 4 if a guard refused, 5 if interrupted.
    """
    from imctool.cli.requeue_output import RequeueOutput, ask
    from imctool.cli.requeue_planning import Planner, keep_plan
    from imctool.repair.requeue import requeue

    check_requeue_options(choice, reading)
    _refuse_places(path, choice)
    acts = not choice["dry_run"] and choice["plan_file"] is None
    if acts and not choice["yes"] and not sys.stdin.isatty():
        refuse("nothing was done: without a terminal to ask on, --yes is needed")
    request = _request(path, choice, acts=acts)
    planner = Planner(reading, path, choice, request)
    output = RequeueOutput(reading, path, request, choice["folder"])
    confirm: Callable[[RequeuePlan, list[str]], None] = partial(
        ask, output, planner, sure=choice["yes"]
    )
    if choice["via"] in EXPORTS:
        from imctool.cli.requeue_export import export

        told = export(request, planner, choice, confirm)
    else:
        with guarded():
            told = requeue(request, planner.plan, confirm)
    output.write(told, planner)
    if choice["plan_file"] is not None:
        keep_plan(told, choice["plan_file"], choice["server"])
    if planner.nothing_read:
        complain(reading, f"nothing could be read under {path}")
        ctx.exit(exit_status.NOTHING_READ)
    if told.problem is not None:
        complain(reading, told.problem)
    if told.interrupted:
        complain(reading, "interrupted: the same command given again goes on")
        ctx.exit(exit_status.INTERRUPTED)
    unread = planner.files.unreadable
    if unread:
        files = f"{unread} file{' of the evidence' if unread == 1 else 's of the evidence'}"
        complain(reading, f"{files} could not be read: what failed may be more than is told here")
    if told.plan.unnamed or told.problem or unread or any(one.undone for one in told.actions):
        ctx.exit(exit_status.SOME_NOT_DONE)


def _refuse_places(path: str, choice: dict[str, Any]) -> None:
    """Refuse output places inside the evidence, and ones that are taken."""
    for name in ("plan_file", "case_file"):
        if choice[name] is not None:
            refuse_inside(choice[name], [Path(path)])
    plan_file = choice["plan_file"]
    if plan_file is not None and os.path.lexists(plan_file):
        raise click.UsageError(f"{plan_file} is there already; nothing is ever written over")
    if choice["folder"] is not None:
        refuse_folder(choice["folder"], [Path(path)])


def _refuse_in_spool(journal: str, imcdata: Path) -> None:
    """Refuse a journal among the mail, where the service would take it for mail."""
    folder = Path(os.path.realpath(journal)).parent
    root = Path(os.path.realpath(imcdata))
    if folder != root / "imctool" and folder.is_relative_to(root):
        raise click.UsageError(f"{journal} lies in the spool: choose another place, or imctool")


def _request(path: str, choice: dict[str, Any], *, acts: bool) -> Request:
    from imctool.model.requeue import Reason, Via
    from imctool.repair.requeue import Request
    from imctool.repair.requeue_run import Pace

    spool = the_spool(path, choice["imcdata_path"])
    submission = None
    if choice["server"] is not None:
        from imctool.repair.requeue_submission import Submission

        submission = Submission(
            mail_server(choice, signing_in=acts),
            choice["send_8bit"],
            choice["mend_line_ends"],
            again=str(Reason.SUBMITTED) in choice["forced"],
        )
    journal = choice["journal_file"]
    if journal is not None:
        _refuse_in_spool(journal, spool.path)
    return Request(
        spool,
        shown_imcdata(spool, path),
        Via(choice["via"]),
        acts=acts,
        journal=None if journal is None else Path(os.path.abspath(journal)),
        look_for_service=not choice["service_stopped"],
        submission=submission,
        pace=Pace(choice["rate"]),
    )
