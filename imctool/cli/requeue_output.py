"""What ``requeue`` asks and tells: the plan before, and what came of it after."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from imctool.cli.changing import quoted, refuse
from imctool.cli.options import Reading, console_for, output_stream, write_lines

if TYPE_CHECKING:
    from imctool.cli.requeue_planning import Planner
    from imctool.model.requeue import RequeuePlan
    from imctool.repair.requeue import Request, Requeued


class RequeueOutput:
    """Writes the plan and the result of one run."""

    def __init__(self, reading: Reading, path: str, request: Request, folder: str | None) -> None:
        self.reading = reading
        self._path = path
        self._request = request
        self._folder = folder
        self._shown = False

    def plan(self, plan: RequeuePlan, notes: list[str], planner: Planner) -> None:
        """Show the plan: on stdout as text, on stderr where stdout is for JSON."""
        from imctool.report.requeue_text import print_plan

        self._shown = True
        with output_stream(self.reading) as stream:
            shown = stream if self.reading.format == "text" else sys.stderr
            print_plan(
                plan,
                console_for(self.reading, shown),
                where=self._where(plan),
                notes=[*notes, *planner.missing],
                defects=planner.defects,
                mend=planner.mend,
                verbose=self.reading.verbose,
            )

    @property
    def verb(self) -> str:
        """What is done to the messages."""
        return "Copy" if self._request.via.is_export else "Requeue"

    def _where(self, plan: RequeuePlan) -> str:
        from imctool.model.requeue import Via

        request = self._request
        if request.via is Via.SMTP and request.submission is not None:
            return str(request.submission.server)
        if request.via.is_export:
            return self._folder or ""
        folder = request.spool.inbound if request.via is Via.IN else plan.pickup
        return f"{request.shown}/{folder}" if request.shown else folder

    def write(self, told: Requeued, planner: Planner) -> None:
        """Write what came of a run."""
        if self.reading.format == "json":
            from imctool.report.json_text import document_lines
            from imctool.report.requeue_documents import requeue_document

            document = requeue_document(
                told.plan, told.actions, dry_run=not self._request.acts, journal=told.journal,
                notes=[*told.notes, *planner.missing], files=planner.files, defects=planner.defects,
            )  # fmt: skip
            write_lines(self.reading, document_lines(document))
            return
        written = told.journal is not None or self._request.via.is_export
        if not self._shown and (not self._request.acts or not written):
            self.plan(told.plan, told.notes, planner)
        self._write_text(told)

    def _write_text(self, told: Requeued) -> None:
        from imctool.report.requeue_text import print_actions

        with output_stream(self.reading) as stream:
            print_actions(
                told.actions,
                console_for(self.reading, stream),
                journal=told.journal,
                next_steps=self._next(told),
                notes=() if self._shown else told.notes,
                verbose=self.reading.verbose,
                nothing="Nothing to requeue: no failed message of this archive is selected.",
                dry_run=not self._request.acts,
                plan_shown=self._shown,
            )

    def _next(self, told: Requeued) -> list[str]:
        from imctool.model.requeue import Via

        if told.journal is None or not any(one.status == "done" for one in told.actions):
            return []
        steps = []
        if self._request.via is Via.IN:
            steps.append(
                "start the service, and watch for a new event 4117 of these names: none means "
                "that they went through"
            )
        steps.append(f"imctool undo {quoted(told.journal)} takes back what was not taken up")
        return steps


def ask(
    output: RequeueOutput,
    planner: Planner,
    plan: RequeuePlan,
    notes: list[str],
    *,
    sure: bool,
) -> None:
    """Show the plan and ask, unless the user is sure; a no ends the run."""
    if sure:
        return
    output.plan(plan, notes, planner)
    click.echo(err=True)
    count = len(plan.going)
    text = f"{output.verb} {count} message{'' if count == 1 else 's'}?"
    if not count:
        text = "Rename Queue.dat?"
    if not click.confirm(text, default=False, err=True):
        refuse("nothing was done")
