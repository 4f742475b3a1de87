"""An mbox that is written entry by entry and appears whole at the end, or not at all."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

from imctool.repair.new_file import new_file


class MboxFile:
    """Takes entries, and counts and hashes them; ``path`` None writes nothing.

    After an error in ``add`` no further entry is taken and ``close`` raises the same error: a
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
        if self._error is not None:
            raise self._error
        try:
            if self._path is not None:
                if self._stream is None:
                    self._stream = self._stack.enter_context(new_file(self._path))
                self._stream.write(entry)
        except OSError as error:
            self._error = error
            raise
        offset = self.size
        self.size += len(entry)
        self._digest.update(entry)
        return offset

    def close(self) -> None:
        """Make the file appear. Raises OSError, and then leaves nothing behind."""
        if self._error is not None:
            self.abandon()
            raise self._error
        self._stack.close()

    def abandon(self) -> None:
        """Let go of what was written."""
        with suppress(OSError):  # a full disk complains once more when the file is closed
            self._stack.__exit__(_AbandonedError, _AbandonedError(), None)


class _AbandonedError(Exception):
    """Tells the new file that it is not wanted."""
