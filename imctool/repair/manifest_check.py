"""Compares what lies in a folder with the manifest that was written beside it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from imctool.model.export import Difference, DifferenceKind, ManifestCheck
from imctool.readers.discovery import printable
from imctool.readers.file_buffer import WINDOW
from imctool.repair.folder import Folder, OpenFile, open_folder
from imctool.repair.manifest_reader import (
    Manifest,
    ManifestError,
    NamedEntry,
    NamedFile,
    read_manifest,
)

__all__ = ["ManifestError", "check_manifest"]

_MOST_TOLD = 20
_CHANGED_MANIFEST = "its own check is not right: it was changed after it was written"


def check_manifest(path: Path, evidence: Path | None = None) -> ManifestCheck:
    """Return in what the files beside a manifest differ from what it says, each hashed anew.

    A file that several messages name, as an mbox, is read once; where the manifest has the hashes
    of its entries, each changed one is a difference. ``evidence`` is the PATH of the run that wrote
    the manifest: with it the logs or spool files are compared too. No path that is absolute, has
    ``..`` in it or goes through a link is opened. Where the manifest itself was changed, that is
    the one difference: how the files compare with it is only noted. Raises ManifestError where it
    cannot be relied on at all, and OSError where it, the folder or ``evidence`` cannot be read.
    """
    manifest = read_manifest(path)
    notes: list[str] = []
    checked = 0 if manifest.is_unchanged is None else 1
    if manifest.is_unchanged is None:
        notes.append("the manifest has no check of its own: whether it was changed is unknown")
    with _opened(path.parent) as folder:
        found = [one for file in manifest.files for one in _differences(folder, file)]
    checked += len(manifest.files)
    if evidence is None:
        if manifest.evidence:
            notes.append(_not_checked(manifest))
    else:
        inside = [one for one in manifest.evidence if _parts(one.path)]
        found += _evidence_differences(evidence, inside)
        checked += len(inside)
        if left_out := len(manifest.evidence) - len(inside):
            notes.append(
                f"{_files(left_out)} of the evidence {'lies' if left_out == 1 else 'lie'} outside "
                "the PATH and were not checked"
            )
    if manifest.is_unchanged is False:
        notes += _also_found(found)
        found = [Difference(path.name, DifferenceKind.BYTES, _CHANGED_MANIFEST)]
    return ManifestCheck(checked, tuple(found), tuple(notes))


def _evidence_differences(path: Path, files: Iterable[NamedFile]) -> list[Difference]:
    """A file that was itself the PATH has its name alone in the manifest."""
    with _opened(path if path.is_dir() else path.parent) as folder:
        return [one for file in files for one in _differences(folder, file)]


@contextmanager
def _opened(path: Path) -> Iterator[Folder]:
    folder = open_folder(path)
    try:
        yield folder
    finally:
        folder.close()


def _parts(path: str) -> tuple[str, ...]:
    """Return the names on the way to a file, none where the path leads out of the folder."""
    parts = tuple(path.split("/"))
    if any(one in {"", ".", ".."} or "\0" in one for one in parts):
        return ()
    if os.name == "nt" and any(one in path for one in "\\:"):  # other separators, and drives
        return ()
    return parts


class _LinkError(Exception):
    """The path goes through a link."""


def _differences(folder: Folder, file: NamedFile) -> list[Difference]:
    parts = _parts(file.path)
    if not parts:
        reason = "its path leads out of the folder: it was not opened"
        return [Difference(file.path, DifferenceKind.OUTSIDE, reason)]
    try:
        with ExitStack() as stack:
            return _content_differences(file, _open(stack, folder, parts))
    except _LinkError:
        reason = "its path goes through a link, which may lead anywhere: it was not opened"
        return [Difference(file.path, DifferenceKind.OUTSIDE, reason)]
    except (FileNotFoundError, NotADirectoryError):
        return [Difference(file.path, DifferenceKind.MISSING, "it is not there")]
    except OSError as error:
        reason = f"it cannot be read: {error.strerror or error}"
        return [Difference(file.path, DifferenceKind.UNREADABLE, reason)]


def _open(stack: ExitStack, folder: Folder, parts: Sequence[str]) -> OpenFile:
    for part in parts[:-1]:
        folder = folder.folder(_no_link(folder, part))
        stack.callback(folder.close)
    file = folder.read(_no_link(folder, parts[-1]))
    stack.callback(file.close)
    return file


def _no_link(folder: Folder, shown: str) -> str:
    """Return the name of the entry that output calls ``shown``, once it is no link."""
    name = shown
    if "\\" in shown:  # names that are no UTF-8 are shown with \xNN
        name = next((one for one in folder.names() if printable(one) == shown), shown)
    if stat.S_ISLNK(folder.status(name).mode):
        raise _LinkError
    return name


def _content_differences(file: NamedFile, opened: OpenFile) -> list[Difference]:
    size = opened.status().size
    if size != file.size:
        reason = f"it has {size} bytes, and had {file.size}"
        return [Difference(file.path, DifferenceKind.SIZE, reason)]
    whole = hashlib.sha256()
    entries = _EntryHashes(file)
    while block := opened.read(WINDOW):
        whole.update(block)
        entries.take(block)
    found = [
        Difference(
            file.path,
            DifferenceKind.BYTES,
            f"in the entry at offset {one.offset}, of {one.source}: not the bytes that were there",
        )
        for one in entries.changed
    ]
    if not found and whole.hexdigest() != file.sha256:
        reason = "its bytes are not those that were there"
        found.append(Difference(file.path, DifferenceKind.BYTES, reason))
    return found


class _EntryHashes:
    """Compares the entries of an mbox with their hashes as its bytes go by."""

    def __init__(self, file: NamedFile) -> None:
        self.changed: list[NamedEntry] = []
        self._left = iter(file.entries)
        self._begin()

    def _begin(self) -> None:
        self._entry = next(self._left, None)
        self._wanted = self._entry.size if self._entry is not None else 0
        self._digest = hashlib.sha256()

    def take(self, block: bytes) -> None:
        """Take the next bytes of the file."""
        view = memoryview(block)
        while len(view) and self._entry is not None:
            part = view[: self._wanted]
            self._digest.update(part)
            self._wanted -= len(part)
            view = view[len(part) :]
            if not self._wanted:
                if self._digest.hexdigest() != self._entry.sha256:
                    self.changed.append(self._entry)
                self._begin()


def _not_checked(manifest: Manifest) -> str:
    count = len(manifest.evidence)
    return f"{_files(count)} of the evidence {'was' if count == 1 else 'were'} not checked"


def _also_found(found: Sequence[Difference]) -> Iterator[str]:
    for one in found[:_MOST_TOLD]:
        yield f"{one.path} is not as the changed manifest says: {one.reason}"
    if len(found) > _MOST_TOLD:
        yield f"{len(found) - _MOST_TOLD} more are not as the changed manifest says"


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"
