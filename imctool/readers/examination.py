"""What a file is, and the mail in it if it is one: opened once, read once."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind, Location
from imctool.model.mail import SpoolFile
from imctool.model.spool_name import SpoolName
from imctool.readers.discovery import Discovery, FoundFile, walk, why_unreadable
from imctool.readers.file_buffer import READ_WHOLE, Buffer, NotRegularFileError, open_descriptor
from imctool.readers.file_form import HEAD, form_of, holds_evt
from imctool.readers.parallel import map_in_processes
from imctool.readers.spool_file import KEPT_RECIPIENTS, spool_file_from_buffer
from imctool.readers.spool_folders import folder_kind, kind_of

_WORTH_A_POOL = 5000
"""From this many files on, starting processes costs less than it saves (measured)."""

_BATCH = 10_000

_FIRST_READ = 64 << 10
"""A file of up to this size, as nearly every mail is, is read in one go."""

_folder_kind = lru_cache(maxsize=256)(folder_kind)


_INODE = (1 << 63) - 1
"""So many bits of an inode's number are kept: more than a database's integers hold are rare."""


class Stamp(NamedTuple):
    """What tells that a file is still the one that was read."""

    size: int
    modified_ns: int
    changed_ns: int
    inode: int


def stamp_of(found: FoundFile) -> Stamp:
    """Return the stamp of a file without opening it; zeros where it is gone."""
    try:
        return _stamp(os.stat(found.path))
    except OSError:
        return Stamp(0, 0, 0, 0)


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & _INODE)


class Examined(NamedTuple):
    """One file looked into.

    ``form`` is None where it was skipped or cannot be read, ``mail`` where it is no mail;
    ``defect`` says why, or what else is to be told of the file. ``seen`` is what the caller's
    own look at the mail came to.
    """

    found: FoundFile
    stamp: Stamp | None
    form: Form | None = None
    kind: InputKind = InputKind.OTHER
    mail: SpoolFile | None = None
    defect: Defect | None = None
    skipped: bool = False
    seen: Any = None

    @property
    def file(self) -> EvidenceFile:
        """The file as what it is; only where it has a form."""
        assert self.form is not None
        assert self.stamp is not None
        return EvidenceFile(
            Path(self.found.path), self.found.name, self.stamp.size, self.kind, self.form
        )


Look = Callable[[Buffer, SpoolFile], Any]
"""A look at a mail while its content is at hand; a function of a module, as processes call it."""


def examine(found: FoundFile, *, read_mail: bool = True, look: Look | None = None) -> Examined:
    """Return what the file is, by its first bytes and then by its folder; never raises.

    A mail is read at once where that is wanted, its recipients kept up to KEPT_RECIPIENTS. With
    ``look`` it is read for that alone: without what only the ledger asks for.
    """
    try:
        descriptor = open_descriptor(found.path)
    except OSError as error:
        return _refused(found, None, error)
    try:
        status = os.fstat(descriptor)
        stamp = _stamp(status)
        if not stat.S_ISREG(status.st_mode):
            raise NotRegularFileError
        return _examine_open(found, stamp, descriptor, read_mail=read_mail, look=look)
    except NotRegularFileError:
        why = "not a regular file, not opened"
        return Examined(found, None, defect=Defect(Location(found.name), why), skipped=True)
    except OSError as error:
        return _refused(found, None, error)
    finally:
        os.close(descriptor)


def _refused(found: FoundFile, stamp: Stamp | None, error: OSError) -> Examined:
    return Examined(found, stamp, defect=Defect(Location(found.name), why_unreadable(error)))


def _examine_open(
    found: FoundFile, stamp: Stamp, descriptor: int, *, read_mail: bool, look: Look | None
) -> Examined:
    # Not more than there is: a buffer made too large and cut costs more than the reading.
    first = os.read(descriptor, min(stamp.size + 1, _FIRST_READ))
    base = os.path.basename(found.path)
    form, note = form_of(first[:HEAD], base)
    untold = form is Form.UNKNOWN and not note and stamp.size >= 56 and b"\0" in first[:HEAD]
    if untold and holds_evt(descriptor, first):
        form = Form.EVT
    defect = Defect(Location(found.name), note) if note else None
    kind = _folder_kind(found.folders)
    if form is Form.UNKNOWN and kind is not None and SpoolName.find(base) is not None:
        form = Form.SPOOL_FILE  # damaged past recognition, but it holds the place of a mail
    elif not first and stamp.size == 0:
        why = Defect(Location(found.name), "empty file")
        return Examined(found, stamp, defect=why, skipped=True)
    if form is not Form.SPOOL_FILE:
        return Examined(found, stamp, form, kind_of(form, found.folders), defect=defect)
    if not first:
        why = Defect(Location(found.name), "file is empty")
        return Examined(found, stamp, defect=why)
    kind = kind or InputKind.OTHER
    if not read_mail:
        return Examined(found, stamp, form, kind, defect=defect)
    mail, seen = _read_mail(found.name, stamp.size, descriptor, first, look)
    return Examined(found, stamp, form, kind, mail, defect, seen=seen)


def _read_mail(
    name: str, size: int, descriptor: int, first: bytes, look: Look | None
) -> tuple[SpoolFile, Any]:
    buffer: Buffer = first
    if size > len(first):
        buffer = _whole(descriptor, size, first)
    try:
        mail = spool_file_from_buffer(
            buffer, Location(name), most_recipients=KEPT_RECIPIENTS, for_ledger=look is None
        )
        return mail, None if look is None else look(buffer, mail)
    finally:
        if isinstance(buffer, mmap.mmap):
            buffer.close()


def _whole(descriptor: int, size: int, first: bytes) -> Buffer:
    """Return the whole content: read, or mapped where it is large. Raises OSError."""
    if size > READ_WHOLE:
        try:
            return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise OSError(0, "file shrank while it was opened") from error
    pieces = [first]
    os.lseek(descriptor, len(first), os.SEEK_SET)
    left = size - len(first)
    while left > 0 and (piece := os.read(descriptor, left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def examine_all(
    files: Iterable[FoundFile], jobs: int = 1, look: Look | None = None
) -> Iterator[Examined]:
    """Yield each file examined, in the same order; by several processes where that pays."""
    source = iter(files)
    work: Callable[[FoundFile], Examined] = partial(examine, look=look) if look else examine
    while batch := list(islice(source, _BATCH)):
        if jobs < 2 or len(batch) < _WORTH_A_POOL:
            yield from map(work, batch)
        else:
            yield from map_in_processes(work, batch, min(jobs, os.cpu_count() or 1))


def discover(paths: Iterable[Path], met: Discovery) -> list[EvidenceFile]:
    """Return the files under ``paths`` that are evidence, by name; notes the others in ``met``."""
    files: list[EvidenceFile] = []
    for found in walk(paths, met):
        one = examine(found, read_mail=False)
        note_unread(one, met)
        if one.form is not None:
            files.append(one.file)
    files.sort(key=lambda one: one.name)
    met.defects.sort()
    return files


def note_unread(one: Examined, met: Discovery) -> None:
    """Count a file that was skipped or cannot be read, and keep what is to be said of it."""
    if one.defect is not None:
        met.defects.append(one.defect)
    if one.form is None:
        count_unread(one, met)


def count_unread(one: Examined, met: Discovery) -> None:
    """Count a file without a form: it was skipped, or cannot be read."""
    met.skipped += one.skipped
    met.unreadable += not one.skipped
