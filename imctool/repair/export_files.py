"""Copies the messages of spool files for archives: .eml files, an mbox, or a maildir.

The spool files stay as they are. What is copied is the text after the envelope, block by block;
the envelope's originator and recipients go into the manifest. A file that is not what it was when
it was looked at gives no copy.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from tempfile import SpooledTemporaryFile

from imctool.model.action import Action, ActionKind, ActionStatus
from imctool.model.export import ExportedMail, ExportForm, ExportResult, MailToExport, MboxSpan
from imctool.readers.file_buffer import WINDOW, NotRegularFileError, open_binary
from imctool.repair.maildir import SUBFOLDERS, maildir_name, new_message
from imctool.repair.manifest import NAME, export_manifest, recipient_lines
from imctool.repair.mbox_file import MboxFile
from imctool.repair.message_forms import mbox_entry
from imctool.repair.new_file import new_file
from imctool.repair.output_folder import OutputFolder
from imctool.repair.unix_lines import MboxLines, UnixLines

MBOX_NAME = "requeued.mbox"

_CHANGED = "it is not the file any more that was looked at"
_NO_TEXT = "nothing follows its envelope: the copy is empty"
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)\Z", re.IGNORECASE)
_IN_MEMORY = 8 << 20  # bytes of recipients, before they go to a file


def export_mails(
    mails: Iterable[MailToExport],
    folder: Path,
    shown: str,
    form: ExportForm,
    *,
    dry_run: bool = False,
) -> ExportResult:
    """Copy every message into the folder, which is made if missing, the manifest last.

    ``shown`` is what output calls the folder. A message that cannot be copied is an action that
    failed, and the others go on. What ends the run before the manifest stands (an interrupt)
    takes away again what it had written. Where nothing could be copied no folder is left. A dry
    run reads all and writes nothing. Raises OSError where the folder cannot be made.
    """
    run = _Run(OutputFolder(folder), shown, form, dry_run)
    try:
        if not dry_run:
            run.output.make(*(SUBFOLDERS if form is ExportForm.MAILDIR else ()))
        for mail in mails:
            run.take(mail)
        run.finish()
    except BaseException:
        run.withdraw()
        raise
    finally:
        run.recipients.close()
    return ExportResult(
        shown,
        form,
        dry_run,
        tuple(one.mail for one in run.copied.values()),
        tuple(run.actions),
        run.manifest,
        run.problem,
    )


class _NotCopiedError(Exception):
    """A message cannot be copied; the text says why."""


class _SpoolFile:
    """A spool file that is read once, and compared with what it was when it was looked at."""

    def __init__(self, mail: MailToExport) -> None:
        self.recipient_count = 0
        self._mail = mail
        self._status: os.stat_result | None = None

    def text(self) -> Iterator[bytes]:
        """Yield the text in blocks. Raises _NotCopiedError, at the end where it has changed."""
        try:
            yield from self._text()
        except OSError as error:
            raise _unreadable(error) from error

    def _text(self) -> Iterator[bytes]:
        digest = hashlib.sha256()
        read = 0
        with open_binary(self._mail.path) as stream:
            self._status = os.fstat(stream.fileno())
            if not stat.S_ISREG(self._status.st_mode):
                raise NotRegularFileError
            while read <= self._mail.size and (block := stream.read(WINDOW)):
                digest.update(block)
                text = block[max(self._mail.text_offset - read, 0) :]
                read += len(block)
                if text:
                    yield text
        if (read, digest.hexdigest()) != (self._mail.size, self._mail.sha256):
            raise _NotCopiedError(_CHANGED)

    def recipients(self) -> Iterator[str]:
        """Yield all recipients. Raises _NotCopiedError, also where the file changed meanwhile."""
        try:
            for one in self._mail.recipients():
                self.recipient_count += 1
                yield one
            now = os.stat(self._mail.path)
        except OSError as error:
            raise _unreadable(error) from error
        if self._status is None or _identity(now) != _identity(self._status):
            raise _NotCopiedError(_CHANGED)


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _unreadable(error: OSError) -> _NotCopiedError:
    return _NotCopiedError(f"cannot be read: {error.strerror or error}")


class _Content:
    """Counts and hashes what goes through it."""

    def __init__(self, write: Callable[[bytes], object] = lambda content: None) -> None:
        self.size = 0
        self._digest = hashlib.sha256()
        self._write = write

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def put(self, content: bytes) -> None:
        self._write(content)
        self.size += len(content)
        self._digest.update(content)


class _Recipients:
    """Keeps the recipients of each message until the manifest is written, not all in memory."""

    def __init__(self, folder: Path | None) -> None:
        self._nowhere = folder is None
        self._stream = SpooledTemporaryFile[bytes](
            _IN_MEMORY, dir=None if folder is None else str(folder)
        )

    def keep(self, lines: Iterable[bytes]) -> tuple[int, int]:
        """Return where the lines now stand; without a folder they are only gone through.

        Raises OSError.
        """
        self._stream.seek(0, os.SEEK_END)
        start = self._stream.tell()
        size = 0
        for some in lines:
            if not self._nowhere:
                self._stream.write(some)
                size += len(some)
        return start, size

    def kept(self, span: tuple[int, int]) -> Iterator[bytes]:
        """Yield what was kept, in blocks."""
        start, left = span
        self._stream.seek(start)
        while left:
            block = self._stream.read(min(left, WINDOW))
            if not block:
                raise OSError(0, "the list of recipients is cut short")
            left -= len(block)
            yield block

    def close(self) -> None:
        self._stream.close()


@dataclass(frozen=True, slots=True)
class _Copied:
    """A message that was copied, and where its recipients are kept."""

    mail: ExportedMail
    recipients: tuple[int, int]


@dataclass(slots=True)
class _Run:
    """What one run has done so far; ``copied`` goes by the place of a message's action."""

    output: OutputFolder
    shown: str
    form: ExportForm
    dry_run: bool
    names: dict[str, int] = field(default_factory=dict)
    copied: dict[int, _Copied] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)
    mbox: MboxFile | None = None
    manifest: str | None = None
    problem: str | None = None
    recipients: _Recipients = field(init=False)

    def __post_init__(self) -> None:
        self.recipients = _Recipients(None if self.dry_run else self.output.path)
        if self.form is ExportForm.MBOX:
            self.mbox = MboxFile(None if self.dry_run else self.output.path / MBOX_NAME)

    def take(self, mail: MailToExport) -> None:
        """Copy one message, or note why it was not copied."""
        if mail.moment is not None and mail.moment.tzinfo is None:
            mail = replace(mail, moment=mail.moment.replace(tzinfo=UTC))
        try:
            copied = self._copy(mail, self._file(mail))
        except _NotCopiedError as error:
            self._note(mail, ActionStatus.FAILED, str(error))
        except OSError as error:
            reason = f"cannot be written: {error.strerror or error}"
            self._note(mail, ActionStatus.FAILED, reason)
        else:
            self.copied[len(self.actions)] = copied
            status = ActionStatus.PLANNED if self.dry_run else ActionStatus.DONE
            self._note(mail, status, "; ".join(copied.mail.notes) or None, copied.mail)

    def _file(self, mail: MailToExport) -> str:
        """Return the path of the message's file, which no other message has in any letter case."""
        if self.form is ExportForm.MBOX:
            return MBOX_NAME
        stem = name = _stem(mail)
        number = self.names.get(stem.lower(), 0) + 1
        if number > 1:
            name = f"{stem}-{number}"
        while name.lower() in self.names:
            number += 1
            name = f"{stem}-{number}"
        self.names[stem.lower()] = number
        self.names.setdefault(name.lower(), 1)
        if self.form is ExportForm.MAILDIR:
            return f"new/{maildir_name(mail.moment, name)}"
        return f"{name}.eml"

    def _copy(self, mail: MailToExport, file: str) -> _Copied:
        if not 0 <= mail.text_offset <= mail.size:
            raise _NotCopiedError("its text begins behind its end")
        spool_file = _SpoolFile(mail)
        text = _Content()
        offset = self.mbox.size if self.mbox is not None else 0
        with self._place(file) as write:
            content = _Content(write)
            if self.mbox is not None:
                content.put(_separator(mail.originator, mail.moment))
            lines = _lines(self.form)
            for block in spool_file.text():
                text.put(block)
                content.put(block if lines is None else lines.feed(block))
            if lines is not None:
                content.put(lines.finish())
            kept = self.recipients.keep(recipient_lines(spool_file.recipients()))
        count = spool_file.recipient_count
        entry = None
        if self.mbox is not None:
            entry = MboxSpan(offset, content.size, content.sha256)
        elif not self.dry_run:
            self.output.wrote(self.output.path / file)
        told = ExportedMail(
            file=file,
            size=content.size,
            sha256=content.sha256,
            text_size=text.size,
            text_sha256=text.sha256,
            source=mail.source,
            source_size=mail.size,
            source_sha256=mail.sha256,
            spool_name=mail.spool_name,
            originator=mail.originator,
            recipient_count=count,
            moment=mail.moment,
            message_id=mail.message_id,
            entry=entry,
            inferred=mail.inferred,
            notes=tuple(_notes(mail, count)),
        )
        return _Copied(told, kept)

    @contextmanager
    def _place(self, file: str) -> Iterator[Callable[[bytes], object]]:
        """Give what writes the copy; it stands in its place only where nothing is raised."""
        path = self.output.path
        if self.mbox is not None:
            with self.mbox.entry() as write:
                yield write
        elif self.dry_run:
            yield lambda content: None
        elif self.form is ExportForm.MAILDIR:
            with new_message(path, PurePosixPath(file).name) as stream:
                yield stream.write
        else:
            with new_file(path / file) as stream:
                yield stream.write

    def _note(
        self,
        mail: MailToExport,
        status: ActionStatus,
        reason: str | None,
        told: ExportedMail | None = None,
    ) -> None:
        self.actions.append(
            Action(
                ActionKind.WRITE,
                status,
                mail.source,
                self._shown(told.file) if told is not None else None,
                mail.spool_name,
                mail.recipient_count,
                told.sha256 if told is not None else None,
                reason,
            )
        )

    def _shown(self, file: str) -> str:
        return (PurePosixPath(Path(self.shown).as_posix()) / file).as_posix()

    def finish(self) -> None:
        """Close the mbox, make all names durable, and write the manifest."""
        if self.mbox is not None:
            self._finish_mbox(self.mbox)
        if self.dry_run:
            return
        if not self.copied:
            self.output.withdraw()
            return
        path = self.output.path / NAME
        try:
            self.output.sync()
            with new_file(path) as stream:
                told = (
                    (one.mail, self.recipients.kept(one.recipients)) for one in self.copied.values()
                )
                stream.writelines(export_manifest(self.form, told))
            self.output.wrote(path)
            self.output.sync()
        except OSError as error:
            self.problem = f"{NAME} cannot be written: {error.strerror or error}"
        else:
            self.manifest = self._shown(NAME)

    def _finish_mbox(self, mbox: MboxFile) -> None:
        """Put the mbox under its name; where that fails, none of its messages is there."""
        try:
            mbox.close()
        except OSError as error:
            reason = f"{MBOX_NAME} cannot be written: {error.strerror or error}"
            for place in self.copied:
                self.actions[place] = replace(
                    self.actions[place],
                    status=ActionStatus.FAILED,
                    target=None,
                    sha256=None,
                    reason=reason,
                )
            self.copied.clear()
            return
        for place, one in self.copied.items():
            told = replace(one.mail, size=mbox.size, sha256=mbox.sha256)
            self.copied[place] = replace(one, mail=told)
            self.actions[place] = replace(self.actions[place], sha256=mbox.sha256)
        if self.copied and not self.dry_run:
            self.output.wrote(self.output.path / MBOX_NAME)

    def withdraw(self) -> None:
        """Take away what was written: without a manifest nothing tells where it is from."""
        if self.mbox is not None:
            self.mbox.abandon()
        self.output.withdraw()


def _lines(form: ExportForm) -> UnixLines | MboxLines | None:
    if form is ExportForm.EML:
        return None
    return MboxLines() if form is ExportForm.MBOX else UnixLines()


def _stem(mail: MailToExport) -> str:
    """Return the spool name, else what of the file's name any file system takes."""
    if mail.spool_name is not None:
        return str(mail.spool_name)
    stem = _NO_NAME.sub("_", PurePosixPath(mail.source.path).name)[:40]
    return f"{stem}_" if _DEVICE.match(stem) else stem or "_"


def _separator(originator: str | None, moment: datetime | None) -> bytes:
    utc = moment.astimezone(UTC) if moment is not None else None
    return mbox_entry(originator, utc, b"").removesuffix(b"\n")  # the empty line of an empty text


def _notes(mail: MailToExport, count: int) -> Iterator[str]:
    yield from mail.notes
    if mail.text_offset == mail.size:
        yield _NO_TEXT
    if count != mail.recipient_count:
        yield f"its envelope lists {count} recipients, and {mail.recipient_count} were counted"
