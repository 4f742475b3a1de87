"""From the evidence, or from a saved plan, to the plan of a requeue."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imctool.cli.changing import quoted
from imctool.cli.options import Reading, opened_case, overlaps
from imctool.model.evidence import FileCount

if TYPE_CHECKING:
    from imctool.ledger.ledger import Ledger
    from imctool.model.evidence import Defect
    from imctool.model.mail import SpoolFile
    from imctool.model.message import Message
    from imctool.model.requeue import Objection, RequeueItem, RequeuePlan
    from imctool.readers.collection import Collection
    from imctool.repair.folder import Folder
    from imctool.repair.known_journals import HandedOver
    from imctool.repair.requeue import Request, Requeued
    from imctool.repair.requeue_selection import Choice, Judged

_ARTICLE_DIGITS = 6


class Planner:
    """Makes the plan of a run.

    ``files`` and ``defects`` are those of the evidence it read, ``missing`` what it did not find,
    and what that costs.
    """

    def __init__(
        self, reading: Reading, path: str, choice: dict[str, Any], request: Request
    ) -> None:
        self.files = FileCount()
        self.defects: list[Defect] = []
        self.nothing_read = False
        self.missing: list[str] = []
        self._named: frozenset[str] = frozenset()
        self._reading = reading
        self._path = path
        self._choice = choice
        self._request = request

    def plan(
        self,
        imcdata: Folder,
        before: Mapping[str, Sequence[HandedOver]],
        finished: frozenset[str],
    ) -> RequeuePlan:
        """Return the plan for a spool (``repair.requeue.PlanMaker``)."""
        if self._choice["apply_file"] is not None:
            return self._saved(imcdata, before, finished)
        return self._made(imcdata, before, finished)

    def _saved(
        self,
        imcdata: Folder,
        before: Mapping[str, Sequence[HandedOver]],
        finished: frozenset[str],
    ) -> RequeuePlan:
        from imctool.repair.changing import IntegrityError
        from imctool.repair.known_journals import identity
        from imctool.repair.plan_file import PlanError, load_plan
        from imctool.repair.requeue_plan import as_planned
        from imctool.repair.requeue_selection import Choice

        file = self._choice["apply_file"]
        try:
            saved = load_plan(Path(file))
        except PlanError as error:
            raise IntegrityError(str(error)) from error
        here = identity(imcdata)
        if (saved.spool.device, saved.spool.inode) != (here.device, here.inode):
            raise IntegrityError(f"{file} is the plan of another spool, {saved.spool.path}")
        server = self._request.submission.server if self._request.submission else None
        if saved.plan.via is not self._request.via or saved.server != (
            str(server) if server else None
        ):
            raise click.UsageError(f"{file} goes by --via {saved.plan.via}: give the same")
        # The plan is done as it stands, but for what the evidence shows by now: mail that was
        # delivered since must not come twice.
        names = frozenset(one.name.upper() for one in saved.plan.items)
        choice = Choice(names=names, forced=saved.plan.forced)
        now = self._looked_up(imcdata, before, finished, choice)
        return as_planned(saved.plan, now, imcdata, finished)

    def _made(
        self,
        imcdata: Folder,
        before: Mapping[str, Sequence[HandedOver]],
        finished: frozenset[str],
    ) -> RequeuePlan:
        from dataclasses import replace

        from imctool.repair.requeue_selection import unnamed

        names = _names(self._choice["spool"])
        choice = self._selection(frozenset(names) if self._choice["spool"] else None)
        plan = self._looked_up(imcdata, before, finished, choice)
        return replace(plan, unnamed=unnamed(names, self._named))

    def _looked_up(
        self,
        imcdata: Folder,
        before: Mapping[str, Sequence[HandedOver]],
        finished: frozenset[str],
        choice: Choice,
    ) -> RequeuePlan:
        """Return the plan that the evidence gives for a choice."""
        from imctool.causes.diagnosis import missing_evidence
        from imctool.cli.diagnose import nothing_read
        from imctool.ledger.ledger import build_ledger
        from imctool.model.evidence import InputKind
        from imctool.readers.collection import collect
        from imctool.repair.requeue_plan import Rules, make_plan
        from imctool.repair.requeue_selection import select

        reading, request = self._reading, self._request
        spool, root = request.spool, Path(self._path)
        with opened_case(self._choice["case_file"], [root]) as case:
            collection = collect(
                [root], date_order=reading.date_order, jobs=reading.jobs, case=case
            )
            self.files, self.defects = collection.files, sorted(collection.defects)
            self.nothing_read = nothing_read(collection)
            ledger = build_ledger(collection, reading.zone)
            judge = _judge(collection, ledger)
            selection = select(ledger.messages, root, spool, request.shown, choice, judge)
            self._named = selection.named
            self.missing = [
                f"missing evidence: {one.evidence}: {one.costs}"
                for one in missing_evidence(collection, ledger)
                if one.kind in {InputKind.TRACKING_LOG, InputKind.EVENT_LOG}
            ]
        rules = Rules(
            request.via,
            choice.forced,
            self._choice["most"],
            self._choice["queue_dat"] == "rename",
            before,
            finished,
            f"{spool.inbound}/{spool.archive}",
        )
        return make_plan(selection, imcdata, rules)

    def _selection(self, names: frozenset[str] | None) -> Choice:
        from imctool.model.requeue import Reason
        from imctool.repair.requeue_selection import Choice

        given = self._choice
        return Choice(
            names=names,
            every=given["every"],
            articles=frozenset(map(_article, given["causes"])),
            domains=frozenset(one.lower().lstrip("@") for one in given["domains"]),
            charsets=frozenset(one.strip().lower() for one in given["charsets"]),
            wanted=lambda message: overlaps(self._reading, message.first, message.last),
            forced=frozenset(map(Reason, given["forced"])),
        )

    def mend(self, item: RequeueItem, objection: Objection) -> str | None:
        """Return the command that mends what speaks against a message, or tells more of it."""
        from imctool.cli.main import COMMANDS
        from imctool.model.requeue import Reason

        root = quoted(self._path)
        file = quoted(os.path.join(self._path, item.location))
        command = {
            Reason.OVER_LIMIT: f"ndr-split {file} -o split --ndr",
            Reason.CHARSET: f"charset-check {root} --fix-plan charset-plan",
            Reason.STORE_CRASH: f"show {file}",
            None: f"show {file}",
        }.get(objection.reason, f"trace {root} {quoted(item.name)}")
        return f"imctool {command}" if command.split()[0] in COMMANDS else None


def _names(given: tuple[str, ...]) -> dict[str, str]:
    """Return the spool names asked for, upper case, with how they were given."""
    words: list[str] = []
    for one in given:
        words += sys.stdin.read().split() if one == "-" else [one]
    return {word.upper(): word for word in words}


def _article(text: str) -> str:
    digits = text.strip().upper().removeprefix("Q")
    if not digits.isdigit() or len(digits) != _ARTICLE_DIGITS:
        raise click.UsageError(f"{text!r} is no article; write Q230250")
    return f"Q{digits}"


def _judge(collection: Collection, ledger: Ledger) -> Callable[[Message, SpoolFile], Judged]:
    """Return what tells of a message why it failed, and what it would do again."""
    from imctool.causes.case import Case
    from imctool.causes.findings import Tool, find_causes
    from imctool.causes.redelivery import Explained, RedeliveryJudge, explained_messages
    from imctool.causes.server_charsets import server_charsets
    from imctool.knowledge.cause import load_causes
    from imctool.model.direction import Direction
    from imctool.repair.requeue_selection import Judged

    case = Case.open(ledger, collection.registry, collection.character_sets)
    asked = (
        one for one in ledger.messages.entries if one.files and one.direction is Direction.INBOUND
    )
    findings = find_causes(case, load_causes(), Tool(frozenset(), ()), asked)
    explained = explained_messages(findings)
    harm = RedeliveryJudge(server_charsets(collection.registry), ledger.server.versions)
    nothing = Explained()

    def judge(message: Message, file: SpoolFile) -> Judged:
        known = explained.get(message.number, nothing)
        return Judged(
            known.articles,
            (*known.objections, *harm.objections(file)),
            (*known.warnings, *harm.warnings(file)),
        )

    return judge


def keep_plan(told: Requeued, file: str, server: str | None) -> None:
    """Save the plan of a run. Raises OSError."""
    from imctool.repair.plan_file import SavedPlan, save_plan

    save_plan(SavedPlan(told.plan, told.spool, server), Path(file))
