"""The journal of a repair as a file: what is to be done is durable in it before it is done."""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime

from imctool import __version__
from imctool.model.journal import Operation, Outcome, SpoolIdentity
from imctool.repair.folder import Folder, OpenFile
from imctool.repair.journal_lines import (
    SCHEMA,
    JournalContent,
    JournalError,
    Record,
    intent_record,
    lines_of,
    outcome_record,
    read_journal,
)

FOLDER_NAME = "imctool"
"""The folder in Imcdata that journals lie in unless another place is named."""

ELSEWHERE = "elsewhere.txt"
"""The file beside them that names journals of mail handed over that are kept elsewhere."""

_SUFFIX = ".jsonl"
_BLOCK = 1 << 20


class JournalWriteError(OSError):
    """The journal cannot be written, so nothing more may be done."""


class Journal:
    """A journal open for writing; it is told what is planned first and what came of it then."""

    def __init__(self, file: OpenFile, path: str, content: JournalContent) -> None:
        self.path = path
        self._file = file
        self._check = content.check
        self._size = content.length
        self._next = content.next_number
        self._broken: str | None = None
        self._unsaved = False

    @classmethod
    def create(cls, folder: Folder, name: str, path: str) -> Journal:
        """Make a new journal; raises FileExistsError where the name is taken."""
        file = folder.create(name)
        folder.sync()
        return cls(file, path, JournalContent())

    @classmethod
    def resume(cls, folder: Folder, name: str, path: str, content: JournalContent) -> Journal:
        """Open a journal to go on with it; a torn last line is cut off first."""
        file = folder.append(name)
        if content.torn:
            file.cut(content.length)
        return cls(file, path, content)

    def begin(self, spool: SpoolIdentity, command: str, **about: object) -> None:
        """Write the head of a run, durable."""
        self._write([{
            "record": "begin", "schema": SCHEMA, "version": __version__, "time": now(),
            "command": command, "host": platform.node(), "user": _user(), "process": os.getpid(),
            "spool": {"path": spool.path, "device": spool.device, "inode": spool.inode}, **about,
        }])  # fmt: skip
        self.sync()

    def number(self) -> int:
        """Return the number for the next operation."""
        self._next += 1
        return self._next - 1

    def intend(self, operations: Iterable[Operation]) -> None:
        """Write operations that are about to be done, durable. Raises JournalWriteError."""
        self._write(map(intent_record, operations))
        self.sync()

    def end_operations(self, ended: Iterable[tuple[int, Outcome, str | None]]) -> None:
        """Write how operations ended; durable with the next that is intended, or at the end."""
        time = now()
        self._write(outcome_record(number, how, time, why) for number, how, why in ended)

    def note(self, record: Record) -> None:
        """Write another record on an operation, durable."""
        self.note_all([record])

    def note_all(self, records: Iterable[Record]) -> None:
        """Write several records, durable."""
        self._write(records)
        self.sync()

    def end(self, **totals: object) -> None:
        """Write that the run ended in good order, durable."""
        self._write([{"record": "end", "time": now(), **totals}])
        self.sync()

    def sync(self) -> None:
        """Make all that was written durable. Raises JournalWriteError."""
        if not self._unsaved:
            return
        try:
            self._file.sync()
        except OSError as error:
            raise self._fail(error) from error
        self._unsaved = False

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _write(self, records: Iterable[Record]) -> None:
        """Append lines, all of them or none."""
        if self._broken is not None:
            raise JournalWriteError(0, self._broken, self.path)
        lines, check = lines_of(records, self._check)
        try:
            self._file.write(lines)
        except OSError as error:
            try:
                self._file.cut(self._size)
            except OSError:
                raise self._fail(error) from error
            raise JournalWriteError(error.errno, _reason(error), self.path) from error
        self._check = check
        self._size += len(lines)
        self._unsaved = True

    def _fail(self, error: OSError) -> JournalWriteError:
        """Take no further record: what of it is on the disk is not known."""
        self._broken = _reason(error)
        return JournalWriteError(error.errno, self._broken, self.path)


def _reason(error: OSError) -> str:
    return f"the journal cannot be written: {error.strerror or error}"


def now() -> str:
    """Return the present time, as journals and locks write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a number without a name
        return str(os.getuid()) if hasattr(os, "getuid") else ""


def new_name(taken: Iterable[str]) -> str:
    """Return a name for a journal that is begun now, none of those in the folder."""
    stem = f"requeue-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    used = {one.lower() for one in taken}
    number, name = 1, f"{stem}.jsonl"
    while name.lower() in used:
        number += 1
        name = f"{stem}-{number}.jsonl"
    return name


def journal_names(folder: Folder) -> list[str]:
    """Return the journals in the folder they lie in by default; those it named in time order."""
    found = [name for name in folder.names() if name.lower().endswith(_SUFFIX)]
    return sorted(found, key=_in_time_order)


def _in_time_order(name: str) -> tuple[str, int, str]:
    """The second journal of one second has a 2 behind a hyphen, and so on."""
    stem, _, number = name[: -len(_SUFFIX)].rpartition("Z-")
    if stem and number.isdigit():
        return f"{stem}Z", int(number), name
    return name[: -len(_SUFFIX)], 1, name


def journals_elsewhere(folder: Folder) -> list[str]:
    """Return the paths of journals that are kept elsewhere. Raises OSError."""
    try:
        file = folder.read(ELSEWHERE)
    except FileNotFoundError:
        return []
    try:
        content = file.read(_BLOCK)
    finally:
        file.close()
    return [line for line in os.fsdecode(content).split("\n") if line]


def note_elsewhere(folder: Folder, path: str) -> None:
    """Note, durable, that a journal is kept at a path. Raises OSError."""
    if path in journals_elsewhere(folder):
        return
    file = folder.append(ELSEWHERE)
    try:
        file.write(os.fsencode(path) + b"\n")
        file.sync()
    finally:
        file.close()
    folder.sync()


def load_journal(folder: Folder, name: str) -> JournalContent:
    """Return what a journal of that folder says.

    Raises OSError, and JournalError where it is none or cannot be relied on.
    """
    file = folder.read(name)
    try:
        pieces = []
        while piece := file.read(_BLOCK):
            pieces.append(piece)
    finally:
        file.close()
    return read_journal(b"".join(pieces))


def relied_on(content: JournalContent, name: str) -> JournalContent:
    """Return the content of a journal whose every line is as it was written.

    Raises JournalError.
    """
    if content.defects:
        first = content.defects[0]
        raise JournalError(f"{name} line {first.line}, offset {first.offset}: {first.reason}")
    return content
