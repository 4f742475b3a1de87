"""Copies a file to another volume: whole, durable and compared before it gets its name."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable

from imctool.model.journal import FileIdentity
from imctool.repair.folder import (
    NO_EXCLUSIVE_RENAME,
    FileStatus,
    Folder,
    OpenFile,
    settled_call,
)

_BLOCK = 1 << 20


class MoveRefusedError(Exception):
    """A file must not be moved; the text says why. Nothing was changed."""


class NameTakenError(MoveRefusedError):
    """The name that a file is to get is taken; surely nothing was changed."""


def temporary_name(name: str) -> str:
    """Return the hidden name under which a file waits until it is whole."""
    return f".{name}.imctool-tmp"


def is_temporary(name: str) -> bool:
    """Whether a name is one that ``temporary_name`` gives."""
    return name.startswith(".") and name.endswith(".imctool-tmp")


def name_taken(place: str, name: str, known: str | None = None) -> str:
    """Return the words for a name that a file has already, spelled as ``known`` there."""
    spelled = f" as {known}" if known not in {None, name} else ""
    return f"the name {name} is taken in {place}{spelled}; nothing is ever replaced or renamed away"


def copy_file(
    source: Folder,
    target: Folder,
    name: str,
    new_name: str,
    file: FileIdentity,
    ahead: Callable[[bool], None],
) -> None:
    """Copy a file; times and permissions are kept.

    ``ahead`` is called when the copy is whole and durable under its hidden name, before it gets
    its own: from then on a hidden file that is gone may have been handed over. It is called with
    True before the copy has both names for a moment.

    Raises OSError, and MoveRefusedError where the name is taken, the file is no longer as
    planned, or the copy differs. The hidden file is removed then, if that can be done.
    """
    temporary = temporary_name(new_name)
    try:
        written = target.create(temporary)
    except FileExistsError as error:
        raise NameTakenError(
            f"{temporary} lies in the target folder, left by another run: look at it, remove it"
        ) from error
    try:
        try:
            _copy_bytes(source, name, file, written)
        finally:
            written.close()
        copied = target.read(temporary)
        try:
            if digest(copied) != file.sha256:
                raise MoveRefusedError("the copy differs from the file: the disk cannot be trusted")
        finally:
            copied.close()
        target.sync()
        ahead(False)
        _publish(target, temporary, new_name, ahead)
    except BaseException:
        _remove_if_there(target, temporary)
        raise


def _copy_bytes(source: Folder, name: str, planned: FileIdentity, written: OpenFile) -> None:
    file = source.read(name)
    try:
        status = file.status()
        check_unchanged(planned, status)
        while block := file.read(_BLOCK):
            written.write(block)
    finally:
        file.close()
    written.keep_status(status)
    written.sync()


def _publish(folder: Folder, temporary: str, name: str, ahead: Callable[[bool], None]) -> None:
    """Give a finished file its name, which must be free."""
    found = folder.status(temporary)

    def named() -> bool:
        try:
            return folder.status(name).is_same_file(found)
        except OSError:
            return False

    try:
        try:
            settled_call(lambda: folder.rename(temporary, folder, name), named)
        except OSError as error:
            if error.errno not in NO_EXCLUSIVE_RENAME:
                raise
            ahead(True)
            settled_call(lambda: folder.link(temporary, folder, name), named)
            folder.unlink(temporary)
    except FileExistsError as error:
        raise NameTakenError(name_taken("the target folder", name)) from error


def _remove_if_there(folder: Folder, name: str) -> None:
    try:
        folder.unlink(name)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise


def check_unchanged(planned: FileIdentity, found: FileStatus) -> None:
    """Raise MoveRefusedError where a file is no longer the one that was planned."""
    if not found.is_regular:
        raise MoveRefusedError("it is no regular file")
    if (found.device, found.inode) != (planned.device, planned.inode):
        raise MoveRefusedError("another file has taken its place meanwhile")
    if (found.size, found.modified_ns) != (planned.size, planned.modified_ns):
        raise MoveRefusedError("it changed meanwhile")


def digest(file: OpenFile) -> str:
    """Return the SHA-256 of what is left of an open file, in hex."""
    found = hashlib.sha256()
    while block := file.read(_BLOCK):
        found.update(block)
    return found.hexdigest()


def digest_of(folder: Folder, name: str) -> str:
    """Return the SHA-256 of a file, in hex. Raises OSError."""
    file = folder.read(name)
    try:
        return digest(file)
    finally:
        file.close()
