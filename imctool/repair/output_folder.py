"""A folder that a run fills with new files, and can leave as it was."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from imctool.repair.new_file import sync_folder


class OutputFolder:
    """Remembers what a run made: folders and files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._inside = [path]
        self._folders: list[Path] = []
        self._files: list[Path] = []

    def make(self, *subfolders: str) -> None:
        """Make the folder, those above it, and those in it. Raises OSError.

        What is there already is left as it is.
        """
        missing = []
        for one in (self.path, *self.path.parents):
            if one.is_dir():
                break
            missing.append(one)
        inside = [self.path / name for name in subfolders]
        self._inside += inside
        for one in (*reversed(missing), *inside):
            try:
                one.mkdir()
            except FileExistsError:
                if not one.is_dir():
                    raise
            else:
                self._folders.append(one)

    def wrote(self, path: Path) -> None:
        """Remember a file that now stands there."""
        self._files.append(path)

    def sync(self) -> None:
        """Make every name in it durable, and its own. Raises OSError."""
        for one in self._inside:
            sync_folder(one)
        for above in dict.fromkeys(one.parent for one in self._folders):
            with suppress(PermissionError):  # one may write into a folder that one may not read
                sync_folder(above)

    def withdraw(self) -> None:
        """Take away what was made; a folder that another has put something into stays."""
        for file in self._files:
            with suppress(OSError):
                file.unlink(missing_ok=True)
        with suppress(OSError):
            for folder in reversed(self._folders):
                folder.rmdir()
        self._files.clear()
        self._folders.clear()
