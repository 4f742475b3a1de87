"""A new file that appears whole and durable under its name, or not at all.

It is written under another name, flushed to the disk, and then given its own by a link, which
fails where the name is taken: what is there already is never replaced.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_FLAGS |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

_NO_LINKS = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}
)
"""What file systems without hard links answer (FAT, some network shares)."""


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Give a stream whose content becomes the file ``path`` at the end.

    The folder is not flushed: ``sync_folder`` does that once for many files. Raises
    FileExistsError where the name is taken, another OSError where it cannot be written; then,
    and after any exception of the caller, nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.imctool-tmp")
    descriptor = os.open(temporary, _FLAGS, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        _publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_new_file(path: Path, content: bytes) -> None:
    """Write a whole file, as ``new_file``."""
    with new_file(path) as stream:
        stream.write(content)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; does nothing where the system has no way to.

    Raises OSError where the disk fails.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def _publish(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except OSError as error:
        if isinstance(error, FileExistsError) or error.errno not in _NO_LINKS:
            raise
        _rename_to_free_name(temporary, path)


def _rename_to_free_name(temporary: Path, path: Path) -> None:
    """Rename without replacing what another process may put there meanwhile."""
    if os.name == "nt":
        os.rename(temporary, path)  # Windows refuses a name that is taken
        return
    os.close(os.open(path, _FLAGS, 0o666))  # takes the name, so that what is replaced is ours
    try:
        os.replace(temporary, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
