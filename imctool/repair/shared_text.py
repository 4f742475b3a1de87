"""The text that several files end in: it stands in one of them, and is copied into the others."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO, cast

_PIECE = 1 << 18  # small enough for the caches of the processor
_NOT_HERE = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV})
"""What a system answers that cannot copy between these two files by itself."""


class FileContent:
    """What goes into one file, counted and hashed; without a stream it is only counted."""

    def __init__(self, stream: BinaryIO | None) -> None:
        self.size = 0
        self._stream = stream
        self._digest = hashlib.sha256()
        self._known: str | None = None

    @property
    def sha256(self) -> str | None:
        """The hash of all of it, in hex; None without a stream."""
        if self._stream is None:
            return None
        return self._known or self._digest.hexdigest()

    def write(self, content: bytes) -> int:
        """Write bytes; return how many. Raises OSError."""
        if self._stream is not None:
            self._stream.write(content)
            self._digest.update(content)
        self.size += len(content)
        return len(content)

    def end_with(self, text: SharedText) -> None:
        """Put the shared text behind what is there; nothing may follow it. Raises OSError.

        The hash is of the bytes as they stand in the first file, the copy is the system's.
        """
        if self._stream is not None:
            if self.size:
                for block in text.blocks():
                    self._digest.update(block)
            else:
                self._known = text.sha256
            text.copy_to(self._stream)
        self.size += text.size


class SharedText:
    """A text of ``size`` bytes at the end of a file, from ``offset`` on.

    ``file`` is None where none was written; then there is no hash either. Raises OSError.
    """

    def __init__(self, file: BinaryIO | None, offset: int, size: int) -> None:
        self.offset = offset
        self.size = size
        self.sha256: str | None = None
        self._file = file
        if file is not None:
            digest = hashlib.sha256()
            for block in self.blocks():
                digest.update(block)
            self.sha256 = digest.hexdigest()

    def blocks(self) -> Iterator[memoryview]:
        """Yield the text in blocks, each good until the next is asked for. Raises OSError."""
        return self._blocks(self.offset)

    def copy_to(self, target: BinaryIO) -> None:
        """Append the text to another file. Raises OSError."""
        for block in self._blocks(self._sent(target)):
            target.write(block)

    def _sent(self, target: BinaryIO) -> int:
        """Let the system copy, if it can; return up to where it did."""
        offset = self.offset
        if sys.platform == "linux" and self._file is not None:
            target.flush()
            end = self.offset + self.size
            try:
                while offset < end and (
                    sent := os.sendfile(target.fileno(), self._file.fileno(), offset, end - offset)
                ):
                    offset += sent
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
        return offset

    def _blocks(self, offset: int) -> Iterator[memoryview]:
        if self._file is None:
            return
        room = memoryview(bytearray(_PIECE))
        left = self.offset + self.size - offset
        self._file.seek(offset)
        while left:
            count = cast("int", self._file.readinto(room[:left]))  # type: ignore[attr-defined]
            if not count:
                raise OSError(errno.EIO, "the first part was cut short meanwhile")
            yield room[:count]
            left -= count
