"""Divides one message (Q272672): each part has its own envelope, and all have the same text.

The text is put into the first part block by block, and copied from there into the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from imctool.model.mail import MailFormat
from imctool.model.split import (
    MailToSplit,
    SplitForm,
    SplitMail,
    SplitPart,
    SplitPlan,
    WrittenFile,
)
from imctool.readers.file_buffer import Buffer, file_buffer, open_binary, release_pages
from imctool.repair.message_forms import DOTS_INFERRED, write_pickup
from imctool.repair.new_file import new_file
from imctool.repair.output_folder import OutputFolder
from imctool.repair.recipient_split import (
    SplitRefusedError,
    batches,
    content_sha256,
    recipient_list,
    recipients_of,
)
from imctool.repair.shared_text import FileContent, SharedText
from imctool.repair.split_manifest import envelope_pieces

LINES_UNKNOWN = "how many X-Receiver lines the service takes of one file is not documented"

_CHANGED = "it is not the file any more that was looked at"
_PIECE = 1 << 18


class SplitFailedError(Exception):
    """A message cannot be divided, by an error; the text says why."""


@contextmanager
def open_mail(mail: MailToSplit) -> Iterator[Buffer]:
    """Give the content of a message's file. Raises SplitFailedError."""
    with ExitStack() as stack:
        try:
            buffer = stack.enter_context(file_buffer(mail.path))
        except OSError as error:
            raise SplitFailedError(f"cannot be read: {error.strerror or error}") from error
        if len(buffer) != mail.plan.size or content_sha256(buffer) != mail.plan.sha256:
            raise SplitFailedError(_CHANGED)
        yield buffer


@dataclass(slots=True)
class Division:
    """One message that is being divided, and the files it gave so far."""

    mail: MailToSplit
    form: SplitForm
    stem: str
    output: OutputFolder
    dry_run: bool
    written: list[Path] = field(default_factory=list)

    def divide(self, buffer: Buffer) -> SplitMail:
        """Write all parts, and return what is told of them.

        Raises SplitRefusedError and FormRefusedError where the message cannot be divided so,
        SplitFailedError where its file has changed, and OSError where a part cannot be written.
        """
        plan = self.mail.plan
        if not plan.parts:
            raise SplitRefusedError("no recipient of it is left")
        text_sha256 = content_sha256(buffer, plan.text_offset)
        all_parts = hashlib.sha256()
        parts = []
        with ExitStack() as stack:
            recipients = stack.enter_context(closing(recipients_of(buffer, plan)))
            body = _Body()
            text: SharedText | None = None
            for number, count in enumerate(plan.parts, 1):
                listed = _Listed(recipients, count, all_parts)
                name = self._name(number)
                file = f"{name}.{self.form}"
                with self._place(file) as content:
                    if text is None:
                        body = self._first_content(content, listed, buffer)
                    else:
                        self._envelope_lines(content, listed)
                        content.end_with(text)
                planned = text_sha256 if self.form is SplitForm.EML else None
                written = WrittenFile(file, content.size, content.sha256 or planned)
                if text is None:
                    text = self._shared_text(written, body.size, stack)
                envelope = self._envelope(number, written, listed)
                if listed.count != count:
                    raise SplitFailedError(_CHANGED)
                offset = written.size - text.size
                parts.append(SplitPart(number, written, offset, count, listed.sha256, envelope))
        is_copied = body.doubled_dots or text is None or text.sha256 in {None, text_sha256}
        if not is_copied or content_sha256(buffer) != plan.sha256:
            raise SplitFailedError(_CHANGED)
        return SplitMail(
            source=self.mail.source,
            spool_name=self.mail.spool_name,
            plan=plan,
            text_size=plan.size - plan.text_offset,
            text_sha256=text_sha256,
            written_size=body.size,
            written_sha256=text.sha256 if text is not None else None,
            doubled_dots=body.doubled_dots,
            kept_sha256=all_parts.hexdigest(),
            parts=tuple(parts),
            inferred=body.inferred,
            notes=tuple(_notes(plan, self.form, body.doubled_dots)),
        )

    def withdraw(self) -> None:
        """Take its files away again. Raises OSError."""
        for path in self.written:
            path.unlink(missing_ok=True)

    def _name(self, number: int) -> str:
        total = str(len(self.mail.plan.parts))
        return f"{self.stem}-{number:0{len(total)}}-of-{total}"

    @contextmanager
    def _place(self, file: str) -> Iterator[FileContent]:
        """Give what takes the content of a file; it stands there where nothing is raised."""
        if self.dry_run:
            yield FileContent(None)
            return
        path = self.output.path / file
        with new_file(path) as stream:
            yield FileContent(stream)
        self.written.append(path)
        self.output.wrote(path)

    def _first_content(self, content: FileContent, listed: Iterable[str], buffer: Buffer) -> _Body:
        """Write the first part."""
        plan = self.mail.plan
        if self.form is SplitForm.EML:
            return _Body(_write_text(content, buffer, plan.text_offset))
        stream = cast(BinaryIO, content)
        if plan.format is MailFormat.PICKUP:
            # Its text has that form already. Written to nowhere, it is looked at all the same.
            nowhere = cast(BinaryIO, FileContent(None))
            _, inferred = write_pickup(
                nowhere, plan.originator, ("nobody",), buffer, plan.text_offset
            )
            inferred = tuple(one for one in inferred if one != DOTS_INFERRED)
            self._envelope_lines(content, listed)
            size = _write_text(content, buffer, plan.text_offset)
            return _Body(size, 0, (*inferred, LINES_UNKNOWN))
        doubled, inferred = write_pickup(stream, plan.originator, listed, buffer, plan.text_offset)
        size = plan.size - plan.text_offset + doubled
        return _Body(size, doubled, (*inferred, LINES_UNKNOWN))

    def _envelope_lines(self, content: FileContent, listed: Iterable[str]) -> None:
        if self.form is SplitForm.PICKUP:
            write_pickup(cast(BinaryIO, content), self.mail.plan.originator, listed, b"")

    def _envelope(self, number: int, text: WrittenFile, listed: _Listed) -> WrittenFile | None:
        """Write the envelope beside an .eml file."""
        if self.form is not SplitForm.EML:
            return None
        file = f"{self._name(number)}.envelope.json"
        with self._place(file) as content:
            for piece in envelope_pieces(self.mail, number, text, listed):
                content.write(piece)
        return WrittenFile(file, content.size, content.sha256)

    def _shared_text(self, first: WrittenFile, size: int, stack: ExitStack) -> SharedText:
        """Return the text as it stands in the first part."""
        file = None
        if not self.dry_run:
            file = stack.enter_context(open_binary(self.output.path / first.file))
        return SharedText(file, first.size - size, size)


class _Body(NamedTuple):
    """The text as each part has it: its size in bytes, and what was done to it."""

    size: int = 0
    doubled_dots: int = 0
    inferred: tuple[str, ...] = ()


class _Listed:
    """The recipients of one part, counted and hashed as they go by."""

    def __init__(self, left: Iterator[str], count: int, all_parts: hashlib._Hash) -> None:
        self.count = 0
        self._left = islice(left, count)
        self._own = hashlib.sha256()
        self._all = all_parts

    @property
    def sha256(self) -> str:
        """The hash, in hex, of those that went by."""
        return self._own.hexdigest()

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(map(self._passing, batches(self._left)))

    def _passing(self, some: list[str]) -> list[str]:
        lines = recipient_list(some)
        self._own.update(lines)
        self._all.update(lines)
        self.count += len(some)
        return some


def _write_text(content: FileContent, buffer: Buffer, start: int) -> int:
    """Write a buffer from an offset on as it is; return how many bytes."""
    for first in range(start, len(buffer), _PIECE):
        piece = buffer[first : first + _PIECE]
        content.write(piece)
        release_pages(buffer, first, first + len(piece))
    return len(buffer) - start


def _notes(plan: SplitPlan, form: SplitForm, doubled_dots: int) -> Iterator[str]:
    for doubt in plan.doubts:
        yield f"its recipients may be incomplete: {doubt.reason} (offset {doubt.offset})"
    if plan.duplicates:
        how = "every time" if plan.keeps_duplicates else "at their first place only"
        yield f"{_count(plan.duplicates)} stood there before: such are kept {how}"
    if plan.left_out:
        yield f"{_count(plan.left_out)} left out"
    if plan.refused:
        yield f"{_count(plan.refused)} refused: empty, or with a control character"
    if plan.odd:
        yield f"{_count(plan.odd)} of a form that a mail server may refuse, kept as they stand"
    if doubled_dots:
        yield f"{doubled_dots} leading dots doubled (Q221384)"
    if plan.format is MailFormat.PICKUP and form is SplitForm.EML:
        yield "its text is that of a Pickup file: leading dots in it may have been doubled"
    if plan.text_offset == plan.size:
        yield "nothing follows its envelope: the parts have no text"


def _count(recipients: int) -> str:
    return f"{recipients:,} recipient{'' if recipients == 1 else 's'}"
