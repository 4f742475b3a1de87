"""Rebuilds what the server accepted and lost: which messages, under which names, into which files.

The ledger has decided what was lost; here nothing is judged again. A message is written exactly
as it was transmitted, or in a form that was asked for, and never over another file.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from imctool.ledger.clock import ServerClock
from imctool.model.action import Action, ActionKind, ActionStatus
from imctool.model.direction import Direction
from imctool.model.evidence import EvidenceFile, Location
from imctool.model.message import Fate, Message
from imctool.model.recovery import LogFile, MessageForm, RecoveredMessage, Recovery
from imctool.model.smtp import Outcome, Transaction
from imctool.repair.log_texts import Candidate, LogText
from imctool.repair.manifest import NAME, log_file, manifest_bytes
from imctool.repair.mbox_file import MboxFile
from imctool.repair.message_forms import FormRefusedError, mbox_entry, pickup_form
from imctool.repair.new_file import write_new_file
from imctool.repair.output_folder import OutputFolder

MBOX_NAME = "recovered.mbox"

_SUFFIX = {MessageForm.EML: ".eml", MessageForm.PICKUP: ".pickup"}
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """The messages whose text a log holds, and what is said of the others.

    ``without_text`` are refusals: messages that are lost and cannot be rebuilt. ``uncertain``
    counts those that may be lost and were left out.
    """

    candidates: tuple[Candidate, ...]
    without_text: tuple[Action, ...]
    uncertain: int


def plan_recovery(
    messages: Iterable[Message],
    *,
    every: bool = False,
    wanted: Callable[[Message], bool] = lambda message: True,
) -> RecoveryPlan:
    """Return which inbound messages of the ledger to rebuild: the lost ones, or ``every`` one
    that a session brought with its text. ``wanted`` narrows them further. ``messages`` is gone
    through twice.
    """
    candidates: list[Candidate] = []
    without_text: list[Action] = []
    uncertain = 0
    for message in messages:
        if message.direction is not Direction.INBOUND or not wanted(message):
            continue
        logged = [one for one in message.transactions if _has_text(one)]
        if message.fate is Fate.LOST and not logged:
            without_text.append(_refusal(message))
        elif message.fate is Fate.LOST or every:
            for transaction in logged:
                candidates.append(_candidate(len(candidates) + 1, message, transaction))
        elif message.fate is Fate.UNKNOWN and logged:
            uncertain += 1
    return RecoveryPlan(_noted(candidates, messages), tuple(without_text), uncertain)


def _has_text(one: Transaction) -> bool:
    return (
        one.direction is Direction.INBOUND
        and one.outcome is Outcome.ACCEPTED
        and one.text_size is not None
    )


def _candidate(number: int, message: Message, transaction: Transaction) -> Candidate:
    return Candidate(
        number,
        replace(transaction, skeleton=None),
        message.fate,
        message.spool_name,
        transaction.message_id,
        message.mts_id,
    )


def _refusal(message: Message) -> Action:
    seen = message.transactions or message.observations
    if any(one.outcome is Outcome.ACCEPTED for one in message.transactions):
        reason = "the protocol log holds no text of it: it was not kept at Maximum level then"
    else:
        reason = "no protocol log of the evidence holds the session that brought it"
    return Action(
        ActionKind.SKIP,
        ActionStatus.REFUSED,
        seen[0].location if seen else Location(""),
        spool_name=message.spool_name,
        recipients=message.recipient_count,
        reason=reason,
    )


def _noted(candidates: Sequence[Candidate], messages: Iterable[Message]) -> tuple[Candidate, ...]:
    """Return the candidates with what to know before they are sent: some might be there then."""
    fates: dict[str, Counter[Fate]] = {
        one.message_id: Counter() for one in candidates if one.message_id
    }
    for message in messages:
        if message.direction is Direction.INBOUND and message.message_id in fates:
            fates[message.message_id][message.fate] += 1
    return tuple(replace(one, notes=tuple(_notes(one, fates))) for one in candidates)


def _notes(one: Candidate, fates: Mapping[str, Counter[Fate]]) -> Iterator[str]:
    if one.fate is Fate.UNKNOWN:
        yield "the evidence does not tell whether it was delivered: sent again, it may arrive twice"
    elif one.fate is not Fate.LOST:
        yield f"its fate is {one.fate}: sent again, it may arrive twice"
    others = Counter(fates.get(one.message_id or "", ()))
    others[one.fate] -= 1
    for fate in sorted(+others):
        yield f"another message with this Message-ID was received; its fate is {fate}"


def file_name(candidate: Candidate, count: int, form: MessageForm) -> str:
    """Return the name of a message's file: its number, then spool name, or log and line."""
    if form is MessageForm.MBOX:
        return MBOX_NAME
    spool_name = candidate.spool_name
    place = candidate.transaction.location
    stem = _NO_NAME.sub("_", PurePosixPath(place.path).stem)[:40]
    known = str(spool_name) if spool_name is not None else f"{stem}-{place.line}"
    return f"{candidate.number:0{max(4, len(str(count)))}d}-{known}{_SUFFIX[form]}"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the messages go: a folder, as what it is named in output, in which form."""

    folder: Path
    shown: str
    form: MessageForm
    dry_run: bool = False

    def path(self, name: str) -> str:
        """Return a file's path as output names it."""
        return (PurePosixPath(Path(self.shown).as_posix()) / name).as_posix()


def recover(
    plan: RecoveryPlan,
    texts: Iterable[LogText],
    target: Target,
    clock: ServerClock,
    logs: dict[str, EvidenceFile],
) -> Recovery:
    """Write every text of ``texts`` into the folder, which is made if missing, the manifest last.

    A message that cannot be written is an action that failed, and the others go on. What ends
    the run before the manifest stands (an interrupt) takes away again what it had written, so
    that the same command can be given once more. A dry run reads all and writes nothing. Raises
    OSError where the folder cannot be made.
    """
    run = _Run(plan, target, clock, OutputFolder(target.folder))
    try:
        if not target.dry_run:
            run.output.make()
        for text in texts:
            run.take(text)
        run.finish(logs)
    except BaseException:
        run.withdraw()
        raise
    return Recovery(
        target.shown,
        target.form,
        target.dry_run,
        tuple(one for _, one in sorted(run.messages.items())),
        (*(one for _, one in sorted(run.actions.items())), *plan.without_text),
        plan.uncertain,
        run.manifest,
        run.problem,
    )


@dataclass(slots=True)
class _Run:
    """What one run has done so far, by the candidates' numbers."""

    plan: RecoveryPlan
    target: Target
    clock: ServerClock
    output: OutputFolder
    messages: dict[int, RecoveredMessage] = field(default_factory=dict)
    actions: dict[int, Action] = field(default_factory=dict)
    mbox: MboxFile | None = None
    manifest: str | None = None
    problem: str | None = None

    def take(self, one: LogText) -> None:
        """Write one text, or note why it was not written."""
        if one.text is None:
            self._note(one, ActionStatus.FAILED, one.problem)
            return
        try:
            told = self._written(one, one.text)
        except FormRefusedError as refusal:
            self._note(one, ActionStatus.REFUSED, str(refusal))
        except OSError as error:
            self._note(one, ActionStatus.FAILED, f"cannot be written: {error.strerror or error}")
        else:
            self.messages[one.candidate.number] = told
            done = ActionStatus.PLANNED if self.target.dry_run else ActionStatus.DONE
            self._note(one, done, "; ".join(told.damage) or None, told)

    def _written(self, one: LogText, text: bytes) -> RecoveredMessage:
        name = file_name(one.candidate, len(self.plan.candidates), self.target.form)
        told = self._told(one, text, name)
        if self.target.form is MessageForm.MBOX:
            entry = mbox_entry(told.originator, told.started, text)
            if self.mbox is None:
                self.mbox = MboxFile(None if self.target.dry_run else self.target.folder / name)
            return replace(told, offset=self.mbox.add(entry))
        content = text
        if self.target.form is MessageForm.PICKUP:
            if told.recipient_count > len(told.recipients):
                raise FormRefusedError(
                    f"only {len(told.recipients)} of its {told.recipient_count} recipients are "
                    "known by name"
                )
            pickup = pickup_form(told.originator, told.recipients, text)
            content = pickup.content
            told = replace(
                told,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                doubled_dots=pickup.doubled_dots,
                inferred=(*told.inferred, *pickup.inferred),
            )
        if not self.target.dry_run:
            path = self.target.folder / name
            write_new_file(path, content)
            self.output.wrote(path)
        return told

    def _told(self, one: LogText, text: bytes, name: str) -> RecoveredMessage:
        message, transaction = one.candidate, one.transaction
        digest = hashlib.sha256(text).hexdigest()
        notes = list(one.candidate.notes)
        if transaction.accepted_count > len(transaction.accepted):
            notes.append(
                f"only {len(transaction.accepted)} of its {transaction.accepted_count} recipients "
                "are known by name"
            )
        skeleton = transaction.skeleton
        return RecoveredMessage(
            file=name,
            size=len(text),
            sha256=digest,
            text_size=len(text),
            text_sha256=digest,
            location=transaction.location,
            last_line=transaction.reply.location.line if transaction.reply else None,
            peer=transaction.peer,
            started=self.clock.utc(transaction.started),
            ended=self.clock.utc(transaction.ended),
            assumed_zone=self.clock.assumed(transaction.started or transaction.ended),
            originator=transaction.originator,
            recipients=transaction.accepted,
            recipient_count=transaction.accepted_count,
            refused_count=transaction.refused_count,
            message_id=transaction.message_id,
            mts_id=message.mts_id,
            subject=skeleton.header("subject") if skeleton is not None else None,
            fate=message.fate,
            spool_name=message.spool_name,
            damage=one.damage,
            inferred=one.inferred,
            notes=tuple(notes),
        )

    def _note(
        self,
        one: LogText,
        status: ActionStatus,
        reason: str | None,
        told: RecoveredMessage | None = None,
    ) -> None:
        self.actions[one.candidate.number] = Action(
            ActionKind.WRITE,
            status,
            one.transaction.location,
            self.target.path(told.file) if told is not None else None,
            one.candidate.spool_name,
            one.transaction.accepted_count,
            told.sha256 if told is not None else None,
            reason,
        )

    def finish(self, logs: dict[str, EvidenceFile]) -> None:
        """Close the mbox, make all names durable, and write the manifest."""
        if self.mbox is not None:
            self._finish_mbox(self.mbox)
        if self.target.dry_run or not self.messages:
            return
        try:
            used = self._logs(logs)
            told = [one for _, one in sorted(self.messages.items())]
            self.output.sync()
            path = self.target.folder / NAME
            write_new_file(path, manifest_bytes(self.target.form, used, told))
            self.output.wrote(path)
            self.output.sync()
        except OSError as error:
            self.problem = f"{NAME} cannot be written: {error.strerror or error}"
        else:
            self.manifest = self.target.path(NAME)

    def _logs(self, logs: dict[str, EvidenceFile]) -> list[LogFile]:
        names = {one.location.path for one in self.messages.values()}
        return [log_file(logs[name]) for name in sorted(names)]

    def _finish_mbox(self, mbox: MboxFile) -> None:
        """Put the mbox under its name; where that fails, none of its messages is there."""
        try:
            mbox.close()
        except OSError as error:
            reason = f"{MBOX_NAME} cannot be written: {error.strerror or error}"
            for number in self.messages:
                self.actions[number] = replace(
                    self.actions[number],
                    status=ActionStatus.FAILED,
                    target=None,
                    sha256=None,
                    reason=reason,
                )
            self.messages.clear()
            return
        for number, one in self.messages.items():
            self.messages[number] = replace(one, size=mbox.size, sha256=mbox.sha256)
            self.actions[number] = replace(self.actions[number], sha256=mbox.sha256)
        if not self.target.dry_run:
            self.output.wrote(self.target.folder / MBOX_NAME)

    def withdraw(self) -> None:
        """Take away what was written: without a manifest nothing tells where it is from."""
        if self.mbox is not None:
            self.mbox.abandon()
        self.output.withdraw()
