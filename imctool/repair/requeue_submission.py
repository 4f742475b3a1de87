"""Requeues messages by SMTP: who gets each, what the journal keeps, what came of it.

A recipient goes to the server once: those it took before, in this run or another, are left out,
and so are those of whom a connection that broke left it open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imctool.model.action import Action, ActionKind, ActionStatus
from imctool.model.journal import Operation, Outcome
from imctool.model.requeue import RequeueItem, RequeuePlan
from imctool.model.submission import Letter, Reply, SmtpServer, Submitted
from imctool.readers.envelope import iterate_recipients
from imctool.readers.file_buffer import file_buffer
from imctool.repair.folder import reason_of
from imctool.repair.journal import Journal, JournalWriteError
from imctool.repair.known_journals import SentTo
from imctool.repair.moves import unreadable
from imctool.repair.requeue_run import Pace, item_action
from imctool.repair.smtp_submission import SubmissionError, submit

_MOST_REPLIES = 3


class SubmissionJournal:
    """Writes to the journal what the server says, so that a run that is cut off can go on."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._ending: set[str] = set()

    def begin(self, letter: Letter, recipients: Sequence[str]) -> None:
        """Nothing needs to be kept of a transaction before its text is sent."""

    def ending(self, letter: Letter, recipients: Sequence[str]) -> None:
        self._note("ending", letter, recipients=list(recipients))
        self._ending.add(letter.key)

    def accepted(self, letter: Letter, recipients: Sequence[str], reply: Reply) -> None:
        self._ending.discard(letter.key)
        self._note("accepted", letter, reply=str(reply))

    def refused(self, letter: Letter, recipients: Sequence[str], reply: Reply) -> None:
        self._answered(letter)
        self._note("refused", letter, recipients=list(recipients), reply=str(reply))

    def failed(self, letter: Letter, recipients: Sequence[str], reason: str, unsure: bool) -> None:
        if not unsure:
            self._answered(letter)
        self._ending.discard(letter.key)

    def _answered(self, letter: Letter) -> None:
        """Note that the server did not take what was sent last, if anything was."""
        if letter.key in self._ending:
            self._ending.discard(letter.key)
            self._note("rejected", letter)

    def _note(self, record: str, letter: Letter, **more: object) -> None:
        self._journal.note({"record": record, "number": int(letter.key), **more})


@dataclass(frozen=True, slots=True)
class Submission:
    """How messages are submitted. ``again`` offers unsure recipients once more."""

    server: SmtpServer
    send_8bit_anyway: bool = False
    normalise_line_ends: bool = False
    again: bool = False


def submit_plan(
    plan: RequeuePlan,
    how: Submission,
    journal: Journal,
    sent: Mapping[str, SentTo],
    pace: Pace,
) -> Iterator[Action]:
    """Submit the messages of a plan; yield what came of each, in the order they are done.

    ``sent`` tells by the hash of a file who has the message by now. Raises RunInterruptedError.
    """
    run = _Run(plan, how, journal, sent, pace)
    told: set[str] = set()
    problem = "the server was given up before its turn came"
    try:
        for result in submit(
            how.server,
            run.letters(),
            SubmissionJournal(journal),
            pace.sleep,
            send_8bit_anyway=how.send_8bit_anyway,
            normalise_line_ends=how.normalise_line_ends,
        ):
            told.add(result.letter.key)
            yield run.action(result)
            yield from run.unsent
            run.unsent.clear()
    except SubmissionError as error:
        problem = str(error)
    except JournalWriteError as error:
        problem = f"nothing more was sent: {reason_of(error)}"
    yield from run.unsent
    yield from run.rest(told, problem)
    try:
        journal.sync()
    except JournalWriteError:
        return  # the run's end will not be written either, and that is told


class _Run:
    """The letters of one run by their numbers in the journal."""

    def __init__(
        self,
        plan: RequeuePlan,
        how: Submission,
        journal: Journal,
        sent: Mapping[str, SentTo],
        pace: Pace,
    ) -> None:
        self.unsent: list[Action] = []
        self._plan = plan
        self._how = how
        self._journal = journal
        self._sent = sent
        self._pace = pace
        self._items: dict[str, RequeueItem] = {}
        self._met: set[str] = set()

    def letters(self) -> Iterator[Letter]:
        """Yield a letter for each message, its intent written to the journal."""
        for item in self._plan.going:
            self._pace.ahead(1)
            assert item.file is not None
            path = Path(os.path.join(self._plan.imcdata, *item.source.split("/")))
            number = str(self._journal.number())
            self._items[number] = item
            self._met.add(item.location)
            try:
                recipients = self._recipients(item, path)
            except OSError as error:
                self._refuse(number, ActionStatus.FAILED, unreadable(error))
                continue
            if isinstance(recipients, str):
                self._refuse(number, ActionStatus.REFUSED, recipients)
                continue
            self._journal.intend([self._operation(int(number), item, len(recipients))])
            yield Letter(
                number, item.originator or "", recipients, path, item.text_offset, item.file.sha256
            )

    def _operation(self, number: int, item: RequeueItem, recipients: int) -> Operation:
        assert item.file is not None
        return Operation(
            number, ActionKind.SUBMIT, item.source, None, item.file, item.spool_name,
            recipients, server=str(self._how.server),
        )  # fmt: skip

    def _recipients(self, item: RequeueItem, path: Path) -> tuple[str, ...] | str:
        """Return whom the message is still to go to, or why it is not sent."""
        assert item.file is not None
        if item.originator is None:
            return "its originator is not known"
        with file_buffer(path) as buffer:
            listed = dict.fromkeys(iterate_recipients(buffer))
        sent = self._sent.get(item.file.sha256, SentTo())
        for one in sent.accepted if self._how.again else sent.accepted | sent.unsure:
            listed.pop(one, None)
        if not listed:
            return f"nobody is left to send it to: {_told(sent)}"
        return tuple(listed)

    def _refuse(self, number: str, status: ActionStatus, reason: str) -> None:
        item = self._items.pop(number)
        target = f"smtp://{self._how.server}"
        self.unsent.append(item_action(item, ActionKind.SUBMIT, status, target, reason))

    def action(self, result: Submitted) -> Action:
        """Write the outcome of a letter to the journal; return the action."""
        item = self._items.pop(result.letter.key)
        done = not (result.refused or result.deferred or result.unsure or result.problem)
        reason = _reason(result)
        try:
            self._journal.end_operations(
                [(int(result.letter.key), Outcome.DONE if done else Outcome.FAILED, reason)]
            )
        except JournalWriteError as error:
            reason = "; ".join(filter(None, (reason, reason_of(error))))
        status = ActionStatus.DONE if done else ActionStatus.FAILED
        target = f"smtp://{self._how.server}"
        sent = replace(item, recipient_count=len(result.letter.recipients))
        return item_action(sent, ActionKind.SUBMIT, status, target, reason)

    def rest(self, told: set[str], problem: str) -> Iterator[Action]:
        """Yield the messages that were never offered, with the reason."""
        target = f"smtp://{self._how.server}"
        for number, item in self._items.items():
            if number not in told:
                yield item_action(item, ActionKind.SUBMIT, ActionStatus.FAILED, target, problem)
        for item in self._plan.going:
            if item.location not in self._met:
                yield item_action(item, ActionKind.SUBMIT, ActionStatus.FAILED, target, problem)


def all_recipients(path: Path) -> Iterator[str]:
    """Yield the recipients of a spool file's envelope, in constant memory. Raises OSError."""
    with file_buffer(path) as buffer:
        yield from iterate_recipients(buffer)


def _told(sent: SentTo) -> str:
    text = f"the server took it for {len(sent.accepted)} before"
    if sent.unsure:
        text += f"; of {len(sent.unsure)} it is unsure (--force submitted sends it to them again)"
    return text


def _reason(result: Submitted) -> str | None:
    parts = []
    if result.problem:
        parts.append(result.problem)
    total = len(result.letter.recipients)
    if result.refused or result.deferred or result.unsure:
        parts.append(f"{len(result.accepted)} of {total} recipients taken")
    for word, listed in (("refused", result.refused), ("not taken yet", result.deferred)):
        if listed:
            shown = "; ".join(f"<{one}> {reply}" for one, reply in listed[:_MOST_REPLIES])
            more = f" and {len(listed) - _MOST_REPLIES} more" if len(listed) > _MOST_REPLIES else ""
            parts.append(f"{len(listed)} {word}: {shown}{more}")
    if result.unsure:
        parts.append(
            f"{len(result.unsure)} unsure: the connection broke before the server answered; look "
            "there, for they are not tried again"
        )
    return "; ".join([*parts, *result.notes]) or None
