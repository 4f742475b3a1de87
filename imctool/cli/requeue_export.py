"""``requeue --via eml|mbox|maildir``: copies of the selected messages; the spool stays as it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imctool.cli.changing import guarded

if TYPE_CHECKING:
    from imctool.cli.requeue_planning import Planner
    from imctool.model.export import MailToExport
    from imctool.model.requeue import RequeuePlan
    from imctool.repair.requeue import Request, Requeued


def export(
    request: Request,
    planner: Planner,
    choice: dict[str, Any],
    confirm: Callable[[RequeuePlan, list[str]], None],
) -> Requeued:
    """Copy the messages of the plan into the folder; return what came of it.

    ``confirm`` is asked before, where anything is to be written.
    """
    from imctool.model.export import ExportForm
    from imctool.repair.changing import spool_to_look_at
    from imctool.repair.export_files import export_mails
    from imctool.repair.known_journals import handed_over, identity
    from imctool.repair.requeue import Requeued
    from imctool.repair.requeue_run import refused_actions

    with guarded(), spool_to_look_at(request.spool.path, request.journal) as opened:
        plan = planner.plan(
            opened.imcdata, handed_over(opened.journals, settled=False), frozenset()
        )
        told = Requeued(plan, identity(opened.imcdata), refused_actions(plan), opened.notes)
        if request.acts and plan.going:
            confirm(plan, opened.notes)
        folder = choice["folder"]
        result = export_mails(
            _mails(plan), Path(folder), folder, ExportForm(choice["via"]),
            dry_run=not request.acts,
        )  # fmt: skip
    told.actions += result.actions
    told.problem = result.problem
    if result.manifest is not None:
        told.notes.append(f"{result.manifest} says where each copy is from, and to whom it went")
    return told


def _mails(plan: RequeuePlan) -> Iterator[MailToExport]:
    from imctool.model.evidence import Location
    from imctool.model.export import MailToExport
    from imctool.model.spool_name import SpoolName
    from imctool.repair.requeue_submission import all_recipients

    for one in plan.going:
        assert one.file is not None
        path = Path(os.path.join(plan.imcdata, *one.source.split("/")))
        yield MailToExport(
            source=Location(one.location),
            path=path,
            text_offset=one.text_offset,
            size=one.file.size,
            sha256=one.file.sha256,
            spool_name=SpoolName.find(one.name),
            originator=one.originator,
            recipients=partial(all_recipients, path),
            recipient_count=one.recipient_count,
            moment=one.time,
            message_id=one.message_id,
        )
