"""Which files a folder of evidence holds; what each one is, readers/examination.py tells.

No file is opened and no link is followed out of the tree: a symbolic link inside it is reported
and skipped, since what it points at is not part of the evidence.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from imctool.model.evidence import Defect, InputKind, Location
from imctool.readers.spool_folders import NEIGHBOURS, folder_kind

_JUNK_PREFIX = "."


class FoundFile(NamedTuple):
    """A file not looked into yet: where it lies here, how output names it, and its folders.

    ``folders`` are the names above it, lower case and root first.
    """

    path: str
    name: str
    folders: tuple[str, ...]


@dataclass(slots=True)
class Discovery:
    """What was met on the way through the folders.

    ``folders`` are the kinds of spool folder that exist, empty ones included: that a folder
    was there and held nothing is evidence too. Every file ``seen`` was found, or skipped, or
    could not be read.
    """

    defects: list[Defect] = field(default_factory=list)
    folders: set[InputKind] = field(default_factory=set)
    seen: int = 0
    skipped: int = 0
    unreadable: int = 0

    def skip(self, name: str, why: str) -> None:
        """Count a file that is not read, and say why."""
        self.skipped += 1
        self.defects.append(Defect(Location(name), why))

    def give_up(self, name: str, error: OSError) -> None:
        """Count a file that cannot be read."""
        self.unreadable += 1
        self.defects.append(Defect(Location(name), why_unreadable(error)))


def walk(paths: Iterable[Path], met: Discovery) -> Iterator[FoundFile]:
    """Yield the files under ``paths``, in the order of their names under each of them.

    Names are relative to the PATH they lie under; where several paths are given, each name is
    prefixed by its path as given. A file that is given directly keeps its own name. Hidden files
    (``.name``) are skipped and counted. A file that lies under two of the paths counts once.
    """
    given = list(paths)
    known: set[str] = set()
    for path in given:
        prefix = path.as_posix().rstrip("/") if len(given) > 1 else ""
        for file in _walk_one(path, prefix, met):
            met.seen += 1
            if len(given) > 1:
                real = os.path.realpath(file.path)
                if real in known:
                    met.skipped += 1
                    continue
                known.add(real)
            yield file


def _walk_one(root: Path, prefix: str, met: Discovery) -> Iterator[FoundFile]:
    try:
        mode = os.stat(root).st_mode
    except OSError as error:
        met.seen += 1
        met.give_up(printable(prefix or root.as_posix()), error)
        return
    above = PurePosixPath(os.path.abspath(root)).parts
    if not stat.S_ISDIR(mode):
        yield FoundFile(str(root), printable(prefix or root.name), _lower(above[:-1]))
        return
    _note_folder(above, frozenset(), met)
    waiting = [_Folder(str(root), prefix, above)]
    while waiting:
        folder = waiting[-1]
        if folder.entries is None:
            folder.entries = _entries(folder, met)
        if not folder.entries:
            waiting.pop()
            continue
        name, kind = folder.entries.pop()
        path = os.path.join(folder.path, name)
        shown = f"{folder.name}/{name}" if folder.name else name
        if kind == "folder":
            parts = (*folder.parts, name)
            _note_folder(parts, folder.beside, met)
            waiting.append(_Folder(path, shown, parts))
        elif kind == "link":
            met.seen += 1
            met.skip(printable(shown), "symbolic link, not followed")
        elif name.startswith(_JUNK_PREFIX):
            met.seen += 1
            met.skipped += 1
        elif kind == "other":
            met.seen += 1
            met.skip(printable(shown), "not a regular file, not opened")
        else:
            yield FoundFile(path, printable(shown), folder.folders)


class _Folder:
    """A folder on the way down: ``entries`` are those still to be visited, the next one last."""

    __slots__ = ("beside", "entries", "folders", "name", "parts", "path")

    def __init__(self, path: str, name: str, parts: tuple[str, ...]) -> None:
        self.path = path
        self.name = name
        self.parts = parts
        self.folders = _lower(parts)
        self.entries: list[tuple[str, str]] | None = None
        self.beside: frozenset[str] = frozenset()


def _lower(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(part.lower() for part in parts)


def _entries(folder: _Folder, met: Discovery) -> list[tuple[str, str]]:
    """Return name and kind of what the folder holds, last first; hidden folders are left out."""
    found: list[tuple[str, str]] = []
    try:
        with os.scandir(folder.path) as scan:
            for entry in scan:
                if entry.is_symlink():
                    found.append((entry.name, "link"))
                elif entry.is_dir(follow_symlinks=False):
                    found.append((entry.name, "folder"))
                else:
                    regular = entry.is_file(follow_symlinks=False)
                    found.append((entry.name, "file" if regular else "other"))
    except OSError as error:
        met.defects.append(Defect(Location(printable(folder.name) or "."), why_unreadable(error)))
        return []
    if any(kind == "folder" for _, kind in found):
        folder.beside = frozenset(name.lower() for name, _ in found)
        found = [one for one in found if one[1] != "folder" or one[0][:1] != _JUNK_PREFIX]
    # A folder sorts as its files do, by the whole name with the slash in it.
    found.sort(key=lambda one: one[0] + "/" if one[1] == "folder" else one[0], reverse=True)
    return found


def _note_folder(parts: tuple[str, ...], beside: frozenset[str], met: Discovery) -> None:
    """Note a spool folder, if what surrounds it shows that it is one and not just so called.

    It lies in an Imcdata folder, or beside what lies there too, or it is the archive of one.
    ``beside`` are the names around it, none for the PATH argument itself.
    """
    folders = _lower(parts)
    kind = folder_kind(folders)
    if kind is None:
        return
    parent = folder_kind(folders[:-1])
    if "imcdata" in folders or beside & NEIGHBOURS - {folders[-1]}:
        met.folders.add(kind)
    elif parent is not None and beside:
        met.folders.update((kind, parent))


def why_unreadable(error: OSError) -> str:
    """Return the reason of a defect for what the system refuses."""
    return f"cannot be read: {error.strerror or error}"


def printable(name: str) -> str:
    """Return a file name as text that any output can carry: undecodable bytes as \\xNN."""
    if name.isascii():
        return name
    return os.fsencode(name).decode("utf-8", "backslashreplace")
