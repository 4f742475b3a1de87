"""File content as a buffer: read whole when small, mapped and searched by windows when large."""

from __future__ import annotations

import mmap
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

Buffer = bytes | mmap.mmap
"""What the parsers take: both kinds have ``find``, slices to bytes, and regular expressions."""

WINDOW = 1 << 20
"""Bytes looked at in one go."""

READ_WHOLE = 16 << 20
"""Above this size a file is mapped instead of read. A mapped file must not shrink meanwhile."""

_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_OPEN_FLAGS |= getattr(os, "O_BINARY", 0)
_NO_ACCESS_TIME = getattr(os, "O_NOATIME", 0)


class NotRegularFileError(OSError):
    """The path names a folder, a pipe, a device or a socket."""

    def __init__(self) -> None:
        super().__init__(0, "not a regular file")


def open_buffer(path: Path) -> tuple[Buffer, os.stat_result]:
    """Return the content of a file, opened read-only, and its status.

    Large content is a mapping, to be closed by the caller. The access time is left alone where
    the system permits, and a pipe cannot block. Raises OSError, NotRegularFileError among it. A
    mapped file must not shrink while it is read.
    """
    descriptor = open_descriptor(path)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotRegularFileError
        if status.st_size <= READ_WHOLE:
            return _read(descriptor, status.st_size), status
        try:
            return mmap.mmap(descriptor, status.st_size, access=mmap.ACCESS_READ), status
        except ValueError as error:
            raise OSError(0, "file shrank while it was opened") from error
    finally:
        os.close(descriptor)


@contextmanager
def file_buffer(path: Path) -> Iterator[Buffer]:
    """Give the content of a file, as ``open_buffer``, and let it go at the end."""
    buffer, _ = open_buffer(path)
    try:
        yield buffer
    finally:
        if isinstance(buffer, mmap.mmap):
            buffer.close()


def open_binary(path: Path) -> BinaryIO:
    """Return a file opened for reading, its access time left alone where the system permits.

    Raises OSError.
    """
    return os.fdopen(open_descriptor(path), "rb")


def open_descriptor(path: Path | str) -> int:
    """Return a descriptor of a file, as ``open_binary``; the caller closes it."""
    if _NO_ACCESS_TIME:
        try:
            return os.open(path, _OPEN_FLAGS | _NO_ACCESS_TIME)
        except PermissionError:
            pass  # only the owner may leave the access time alone; a real refusal comes again
    return os.open(path, _OPEN_FLAGS)


def _read(descriptor: int, size: int) -> bytes:
    content = os.read(descriptor, size)
    while 0 < len(content) < size:
        more = os.read(descriptor, size - len(content))
        if not more:
            break
        content += more
    return content


def release_pages(buffer: Buffer, start: int, end: int) -> None:
    """Give the pages of ``buffer`` between two offsets back; they are read again if needed.

    Keeps a long scan of a mapped file from filling the memory. Does nothing for bytes.
    """
    if sys.platform == "linux" and isinstance(buffer, mmap.mmap):
        # From further back: a fault maps the pages around it too, those given back before among
        # them, and they would add up.
        first = max(start - 2 * WINDOW, 0)
        first -= first % mmap.PAGESIZE
        if end > first:
            buffer.madvise(mmap.MADV_DONTNEED, first, end - first)


def find_in_windows(buffer: Buffer, wanted: bytes, start: int, end: int) -> int:
    """Return where ``wanted`` first stands between two offsets, or -1, in constant memory."""
    while end - start > WINDOW:
        chunk = buffer[start : start + WINDOW]
        found = chunk.find(wanted)
        if found >= 0:
            return start + found
        release_pages(buffer, start, start + WINDOW)
        start += WINDOW - len(wanted) + 1
    return buffer.find(wanted, start, end)
