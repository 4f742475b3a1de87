"""Writes the parts of divided messages (Q272672) into a folder, and a manifest beside them.

Parts that cannot all be written, and the manifest after them, are all taken away again: some of
them alone would look like the whole message.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from imctool.model.action import Action, ActionKind, ActionStatus
from imctool.model.split import (
    MailToSplit,
    RecipientMark,
    SplitForm,
    SplitMail,
    SplitResult,
)
from imctool.repair.manifest import NAME
from imctool.repair.message_forms import FormRefusedError
from imctool.repair.new_file import new_file
from imctool.repair.output_folder import OutputFolder
from imctool.repair.recipient_split import (
    SplitRefusedError,
    recipients_of,
)
from imctool.repair.split_manifest import NotKept, split_manifest
from imctool.repair.split_message import Division, SplitFailedError, open_mail

_NOT_KEPT = (RecipientMark.DUPLICATE, RecipientMark.LEFT_OUT, RecipientMark.REFUSED)
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def write_parts(
    mails: Iterable[MailToSplit],
    folder: Path,
    shown: str,
    form: SplitForm,
    *,
    dry_run: bool = False,
) -> SplitResult:
    """Write the parts of each message into the folder, which is made if missing.

    ``shown`` is what output calls the folder. All parts are on the disk before ``manifest.json``
    appears. A message that cannot be divided is an action that was refused or failed: it leaves
    no part, and the others go on. Where a file cannot be written nothing of the run is left, and
    ``problem`` of the result says why; an interrupt leaves nothing either. No file is replaced.
    A dry run reads all and writes nothing; its sizes are exact. Raises OSError where the folder
    cannot be made.
    """
    run = _Run(OutputFolder(folder), shown, form, dry_run)
    try:
        if dry_run:
            run.plan(mails)
        else:
            run.write(mails)
    except BaseException:
        run.output.withdraw()
        raise
    return SplitResult(
        shown, form, dry_run, tuple(run.mails), tuple(run.actions), run.manifest, run.problem
    )


class _NothingDividedError(Exception):
    """No message gave parts."""


@dataclass(slots=True)
class _Run:
    """What one run has done so far."""

    output: OutputFolder
    shown: str
    form: SplitForm
    dry_run: bool
    stems: set[str] = field(default_factory=set)
    mails: list[SplitMail] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    manifest: str | None = None
    problem: str | None = None

    def plan(self, mails: Iterable[MailToSplit]) -> None:
        """Read all, and write nothing."""
        for _ in self._divided(mails):
            pass

    def write(self, mails: Iterable[MailToSplit]) -> None:
        """Write all parts and, as they come, the manifest; it appears when they are durable."""
        self.output.make()
        path = self.output.path / NAME
        try:
            with new_file(path) as stream, closing(self._divided(mails)) as divided:
                stream.writelines(split_manifest(self.form, divided))
                if not self.mails:
                    raise _NothingDividedError
                self.output.sync()
            self.output.wrote(path)
            self.output.sync()
        except _NothingDividedError:
            self.output.withdraw()
        except OSError as error:
            self.output.withdraw()
            self._nothing_left(f"cannot be written: {error.strerror or error}")
        else:
            self.manifest = self._shown(NAME)

    def _divided(
        self, mails: Iterable[MailToSplit]
    ) -> Generator[tuple[SplitMail, NotKept], None, None]:
        """Write the parts of each message; yield what is told of it while its file is open."""
        for mail in mails:
            division = Division(mail, self.form, self._stem(mail), self.output, self.dry_run)
            try:
                with open_mail(mail) as buffer, ExitStack() as stack:
                    told = division.divide(buffer)
                    self._note(told)
                    not_kept = [
                        stack.enter_context(closing(recipients_of(buffer, mail.plan, mark)))
                        for mark in _NOT_KEPT
                    ]
                    yield told, NotKept(*not_kept)
            except (FormRefusedError, SplitRefusedError) as error:
                division.withdraw()
                self._note_undone(mail, ActionStatus.REFUSED, str(error))
            except SplitFailedError as error:
                division.withdraw()
                self._note_undone(mail, ActionStatus.FAILED, str(error))

    def _stem(self, mail: MailToSplit) -> str:
        """Return what the names of its files begin with, and those of no other in any case."""
        if mail.spool_name is not None:
            name = str(mail.spool_name)
        else:
            name = _NO_NAME.sub("_", PurePosixPath(mail.source.path).name)[:40] or "_"
        stem, number = name, 1
        while stem.lower() in self.stems:
            number += 1
            stem = f"{name}-{number}"
        self.stems.add(stem.lower())
        return stem

    def _note(self, told: SplitMail) -> None:
        self.mails.append(told)
        status = ActionStatus.PLANNED if self.dry_run else ActionStatus.DONE
        for part in told.parts:
            self.actions.append(
                Action(
                    ActionKind.WRITE,
                    status,
                    told.source,
                    self._shown(part.written.file),
                    told.spool_name,
                    part.recipient_count,
                    part.written.sha256,
                )
            )

    def _note_undone(self, mail: MailToSplit, status: ActionStatus, reason: str) -> None:
        self.actions.append(
            Action(
                ActionKind.WRITE,
                status,
                mail.source,
                spool_name=mail.spool_name,
                recipients=mail.plan.kept,
                reason=reason,
            )
        )

    def _nothing_left(self, problem: str) -> None:
        """Take back what was told of the parts, which are gone."""
        failed = [
            replace(one, status=ActionStatus.FAILED, target=None, sha256=None, reason=problem)
            for one in self.actions
            if not one.undone
        ]
        self.actions = [one for one in self.actions if one.undone] + failed
        self.mails.clear()
        self.problem = f"{problem}; what had been written was taken away again"

    def _shown(self, file: str) -> str:
        return (PurePosixPath(Path(self.shown).as_posix()) / file).as_posix()
