"""What a folder of evidence holds: every file, told by its content and then by its folder.

No file is opened for writing and no link is followed out of the tree: a symbolic link inside
it is reported and skipped, since what it points at is not part of the evidence.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind, Location
from imctool.model.spool_name import SpoolName
from imctool.readers.file_form import file_form

_JUNK_PREFIX = "."

_ARCHIVE_NAMES = frozenset({"archive"})


@dataclass(slots=True)
class Discovery:
    """The files of the evidence in path order, what could not be opened, and what was skipped.

    ``folders`` are the kinds of spool folder that exist, empty ones included: that a folder
    was there and held nothing is evidence too.
    """

    files: list[EvidenceFile] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)
    folders: set[InputKind] = field(default_factory=set)
    skipped: int = 0
    unreadable: int = 0

    @property
    def seen(self) -> int:
        """Every file met, whatever became of it."""
        return len(self.files) + self.skipped + self.unreadable


def discover(paths: Iterable[Path]) -> Discovery:
    """Return what lies under ``paths``; names are relative to the PATH they lie under.

    Where several paths are given, each name is prefixed by its path as given. A file that is
    given directly keeps its own name. Hidden files (``.name``) are skipped and counted. A file
    that lies under two of the paths counts once.
    """
    given = list(paths)
    found = Discovery()
    known: set[str] = set()
    for path in given:
        prefix = path.as_posix().rstrip("/") if len(given) > 1 else ""
        for file, name in _walk(path, prefix, found):
            _classify(file, name, found, known)
    found.files.sort(key=lambda one: one.name)
    found.defects.sort()
    return found


def _walk(root: Path, prefix: str, found: Discovery) -> Iterator[tuple[Path, str]]:
    """Yield every file under ``root`` with its name; iterative, in no promised order."""
    try:
        is_folder = stat.S_ISDIR(os.stat(root).st_mode)
    except OSError as error:
        _unreadable(found, prefix or root.as_posix(), _why(error))
        return
    if not is_folder:
        yield root, prefix or root.name
        return
    above = PurePosixPath(os.path.abspath(root)).parts
    pending: list[tuple[Path, str]] = [(root, prefix)]
    _note_folder(above, frozenset(), found)
    while pending:
        folder, folder_name = pending.pop()
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            found.defects.append(Defect(Location(printable(folder_name) or "."), _why(error)))
            continue
        beside = frozenset(entry.name.lower() for entry in entries)
        for entry in entries:
            name = f"{folder_name}/{entry.name}" if folder_name else entry.name
            if entry.is_symlink():
                found.skipped += 1
                found.defects.append(
                    Defect(Location(printable(name)), "symbolic link, not followed")
                )
            elif entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(_JUNK_PREFIX):
                    _note_folder((*above, *name.split("/")), beside, found)
                    pending.append((Path(entry.path), name))
            elif entry.name.startswith(_JUNK_PREFIX):
                found.skipped += 1
            else:
                yield Path(entry.path), name


def _classify(file: Path, name: str, found: Discovery, known: set[str]) -> None:
    shown = printable(name)
    try:
        status = os.stat(file, follow_symlinks=True)
        if not stat.S_ISREG(status.st_mode):
            found.skipped += 1
            found.defects.append(Defect(Location(shown), "not a regular file, not opened"))
            return
        real = os.path.realpath(file)
        if real in known:
            found.skipped += 1
            return
        known.add(real)
        form, note = file_form(file, status.st_size)
    except OSError as error:
        _unreadable(found, shown, _why(error))
        return
    if note:
        found.defects.append(Defect(Location(shown), note))
    folders = tuple(part.lower() for part in PurePosixPath(os.path.abspath(file)).parts[:-1])
    if form is Form.UNKNOWN and folder_kind(folders) and SpoolName.find(file.name):
        form = Form.SPOOL_FILE  # damaged past recognition, but it holds the place of a mail
    elif status.st_size == 0:
        found.skipped += 1
        found.defects.append(Defect(Location(shown), "empty file"))
        return
    kind = kind_of(form, folders)
    found.files.append(EvidenceFile(file, shown, status.st_size, kind, form))


def _note_folder(parts: tuple[str, ...], beside: frozenset[str], found: Discovery) -> None:
    """Note a spool folder, if what surrounds it shows that it is one and not just so called.

    It lies in an Imcdata folder, or beside what lies there too, or it is the archive of one.
    ``beside`` are the names around it, none for the PATH argument itself.
    """
    folders = tuple(part.lower() for part in parts)
    kind = folder_kind(folders)
    if kind is None:
        return
    parent = folder_kind(folders[:-1])
    if "imcdata" in folders or beside & _NEIGHBOURS - {folders[-1]}:
        found.folders.add(kind)
    elif parent is not None and beside:
        found.folders.update((kind, parent))


def kind_of(form: Form, folders: tuple[str, ...]) -> InputKind:
    """Return the kind of a file of that form in those folders (lower case, root first)."""
    if form is Form.SPOOL_FILE:
        return folder_kind(folders) or InputKind.OTHER
    return {
        Form.EVT: InputKind.EVENT_LOG,
        Form.EVTX: InputKind.EVENT_LOG,
        Form.EVENT_TEXT: InputKind.EVENT_LOG,
        Form.PROTOCOL_LOG: InputKind.PROTOCOL_LOG,
        Form.TRACKING_LOG: InputKind.TRACKING_LOG,
        Form.REGISTRY_TEXT: InputKind.REGISTRY,
        Form.REGISTRY_HIVE: InputKind.REGISTRY,
        Form.IMC_SETTINGS: InputKind.IMC_SETTINGS,
        Form.QUEUE_DAT: InputKind.QUEUE_DAT,
    }.get(form, InputKind.OTHER)


def folder_kind(folders: tuple[str, ...]) -> InputKind | None:
    """Return which spool folder the innermost of ``folders`` is, or None.

    ``In/Archive`` and ``Out/Archive`` need their parent; subfolders that admins make inside
    In and Out (``Temp``, Q168883) count as these.
    """
    for index in range(len(folders) - 1, -1, -1):
        name = folders[index]
        parent = folders[index - 1] if index else ""
        if name in _ARCHIVE_NAMES:
            if parent in _FOLDERS:
                return _ARCHIVES.get(parent, _FOLDERS[parent])
            return None
        if name in _FOLDERS:
            return _FOLDERS[name]
        if name not in {"temp", "exclean"}:
            return None
    return None


_FOLDERS = {
    "in": InputKind.SPOOL_IN,
    "out": InputKind.SPOOL_OUT,
    "work": InputKind.SPOOL_WORK,
    "pickup": InputKind.PICKUP,
    "turfdir": InputKind.TURF,
}

_NEIGHBOURS = frozenset({*_FOLDERS, "log", "queue.dat", "tracking.log"})
"""What lies beside the spool folders, or their parent, in an Exchsrvr tree."""

_ARCHIVES = {"in": InputKind.SPOOL_IN_ARCHIVE, "out": InputKind.SPOOL_OUT_ARCHIVE}


def _unreadable(found: Discovery, name: str, why: str) -> None:
    found.unreadable += 1
    found.defects.append(Defect(Location(printable(name)), why))


def _why(error: OSError) -> str:
    return f"cannot be read: {error.strerror or error}"


def printable(name: str) -> str:
    """Return a file name as text that any output can carry: undecodable bytes as \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
