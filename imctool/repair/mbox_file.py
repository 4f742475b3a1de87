"""An mbox that is written entry by entry and appears whole at the end, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from imctool.repair.new_file import new_file


class MboxFile:
    """Takes entries, and counts and hashes them; ``path`` None writes nothing.

    After an error in writing no further entry is taken and ``close`` raises the same error: a
    part of an entry may stand in the file, which then never gets its name.
    """

    def __init__(self, path: Path | None) -> None:
        self.size = 0
        self._digest = hashlib.sha256()
        self._path = path
        self._stack = ExitStack()
        self._stream: BinaryIO | None = None
        self._error: OSError | None = None

    @property
    def sha256(self) -> str:
        """The hash, in hex, of what was added so far."""
        return self._digest.hexdigest()

    def add(self, entry: bytes) -> int:
        """Write one entry and return where in the file it begins. Raises OSError."""
        offset = self.size
        with self.entry() as write:
            write(entry)
        return offset

    @contextmanager
    def entry(self) -> Iterator[Callable[[bytes], None]]:
        """Give a function that writes the next bytes of one entry. Raises OSError.

        After any exception of the caller the file is as if the entry had not been begun.
        """
        if self._error is not None:
            raise self._error
        size, digest = self.size, self._digest.copy()
        try:
            yield self._write
        except BaseException:
            self._take_back(size)
            self.size, self._digest = size, digest
            raise

    def _write(self, content: bytes) -> None:
        try:
            if self._path is not None:
                if self._stream is None:
                    self._stream = self._stack.enter_context(new_file(self._path))
                self._stream.write(content)
        except OSError as error:
            self._error = error
            raise
        self.size += len(content)
        self._digest.update(content)

    def _take_back(self, size: int) -> None:
        if self._stream is None or self._error is not None:
            return
        try:
            self._stream.seek(size)
            self._stream.truncate()
        except OSError as error:
            self._error = error

    def close(self) -> None:
        """Make the file appear, unless it is empty. Raises OSError, and then leaves nothing."""
        if self._error is not None:
            self.abandon()
            raise self._error
        if not self.size:
            self.abandon()
        self._stack.close()

    def abandon(self) -> None:
        """Let go of what was written."""
        with suppress(OSError):  # a full disk complains once more when the file is closed
            self._stack.__exit__(_AbandonedError, _AbandonedError(), None)


class _AbandonedError(Exception):
    """Tells the new file that it is not wanted."""
