"""The package's ``Folder`` and ``OpenFile`` on the file system in memory."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import AbstractContextManager

from fake_disk import FakeDisk, FakeFile, Named

from imctool.readers.file_buffer import NotRegularFileError
from imctool.repair.folder import FileStatus


class FakeFolder:
    """A folder of the file system, as the package's ``Folder``."""

    shown = os.path.realpath("/imcdata")
    """Where the whole file system lies, in messages."""

    def __init__(self, disk: FakeDisk, inner: str = "") -> None:
        """Open a folder by its path from the top of the disk; FileNotFoundError."""
        if inner not in disk.directories:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), inner)
        self.disk = disk
        self.inner = inner
        self.path = os.path.join(self.shown, *inner.split("/")) if inner else self.shown

    def _at(self, name: str) -> str:
        assert name not in {"", ".", ".."}
        assert "/" not in name
        return f"{self.inner}/{name}" if self.inner else name

    def _calling(self, kind: str, name: str) -> AbstractContextManager[None]:
        return self.disk.calling(kind, self._at(name))

    def _number(self, name: str) -> int:
        named = self.disk.names.get(self.disk.key(self._at(name)))
        if named is not None:
            return named.number
        number = errno.EISDIR if self._at(name) in self.disk.directories else errno.ENOENT
        raise OSError(number, os.strerror(number), name)

    def _check_free(self, name: str) -> None:
        path = self._at(name)
        if self.disk.key(path) in self.disk.names or path in self.disk.directories:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)

    def own_status(self) -> FileStatus:
        with self.disk.calling("own status", self.inner):
            number = list(self.disk.directories).index(self.inner)
            device = self.disk.directories[self.inner]
            return FileStatus(device, number, 0, 0, 0, 2, stat.S_IFDIR | 0o755)

    def names(self) -> list[str]:
        with self.disk.calling("names", self.inner):
            found = [one.rpartition("/") for one in self.disk.directories if one]
            inside = [name for above, _, name in found if above == self.inner]
            return inside + [one.rpartition("/")[2] for one in self.disk.under(self.inner)]

    def status(self, name: str) -> FileStatus:
        with self._calling("status", name):
            if self._at(name) in self.disk.directories:
                return FakeFolder(self.disk, self._at(name)).own_status()
            return self.disk.status(self._number(name))

    def read(self, name: str) -> FakeOpenFile:
        with self._calling("read", name):
            if self._at(name) in self.disk.directories:
                raise NotRegularFileError
            return FakeOpenFile(self.disk, self._number(name), self._at(name))

    def create(self, name: str) -> FakeOpenFile:
        with self._calling("create", name):
            self._check_free(name)
            return FakeOpenFile(self.disk, self.disk.new_file(self._at(name)), self._at(name))

    def append(self, name: str) -> FakeOpenFile:
        with self._calling("append", name):
            if self.disk.key(self._at(name)) not in self.disk.names:
                self.disk.new_file(self._at(name))
            return FakeOpenFile(self.disk, self._number(name), self._at(name))

    def _check_volume(self, name: str, target: FakeFolder) -> None:
        if self.disk.directories[self.inner] != self.disk.directories[target.inner]:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), name)

    def link(self, name: str, target: FakeFolder, new_name: str) -> None:
        with self._calling("link", name):
            number, path = self._number(name), target._at(new_name)
            self._check_volume(name, target)
            if not self.disk.links:
                raise OSError(errno.EPERM, os.strerror(errno.EPERM), name)
            target._check_free(new_name)
            self.disk.change(Named(path, number))

    def rename(self, name: str, target: FakeFolder, new_name: str) -> None:
        with self._calling("rename", name):
            number, path = self._number(name), target._at(new_name)
            self._check_volume(name, target)
            if not self.disk.renames:
                raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), name)
            target._check_free(new_name)
            self.disk.change(Named(path, number), self.disk.key(self._at(name)))

    def unlink(self, name: str) -> None:
        with self._calling("unlink", name):
            self._number(name)
            self.disk.change(None, self.disk.key(self._at(name)))

    def sync(self) -> None:
        with self.disk.calling("sync", self.inner):
            mine = self.disk.key(self.inner)
            self.disk.flush(lambda key: key.rpartition("/")[0] == mine)

    def folder(self, name: str, *, make: bool = False) -> FakeFolder:
        path = self._at(name)
        if make and path not in self.disk.directories:
            with self._calling("make", name):
                self.disk.directories[path] = self.disk.directories[self.inner]
        with self._calling("folder", name):
            return FakeFolder(self.disk, path)

    def remove_folder(self, name: str) -> None:
        with self._calling("remove", name):
            if self._at(name) not in self.disk.directories:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
            if self.disk.under(self._at(name)):
                raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), name)
            del self.disk.directories[self._at(name)]

    def close(self) -> None:
        """Nothing is held open."""


class FakeOpenFile:
    """An open file, as the package's ``OpenFile``."""

    def __init__(self, disk: FakeDisk, number: int, path: str) -> None:
        self._disk = disk
        self._number = number
        self._path = path
        self._place = 0
        self._locks = False

    def _calling(self, kind: str) -> AbstractContextManager[None]:
        return self._disk.calling(kind, self._path)

    @property
    def _file(self) -> FakeFile:
        return self._disk.files[self._number]

    def status(self) -> FileStatus:
        with self._calling("fstat"):
            return self._disk.status(self._number)

    def read(self, size: int) -> bytes:
        with self._calling("read bytes"):
            found = self._file.data[self._place : self._place + size]
            self._place += len(found)
            return found

    def write(self, content: bytes) -> None:
        with self._calling("write"):
            fits = len(content)
            if self._disk.room is not None and self._path.endswith(".jsonl"):
                fits = min(fits, self._disk.room)
                self._disk.room -= fits
            self._disk.write(self._number, self._file.data + content[:fits])
            if fits < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def cut(self, size: int) -> None:
        with self._calling("cut"):
            self._disk.write(self._number, self._file.data[:size])

    def keep_status(self, status: FileStatus) -> None:
        with self._calling("keep"):
            times = (status.modified_ns, status.accessed_ns, status.mode)
            self._disk.files[self._number] = self._file._replace(times=times)
            self._disk.touch(self._number)

    def sync(self) -> None:
        with self._calling("fsync"):
            _, data, times, _, _ = self._file
            self._disk.files[self._number] = FakeFile(self._file.device, data, times, data, times)
            self._disk.durable_changed[self._number] = self._disk.changed[self._number]

    def lock(self) -> bool | None:
        with self._calling("lock"):
            if not self._disk.locks:
                return None
            if self._number in self._disk.locked:
                return False
            self._disk.locked.add(self._number)
            self._locks = True
            return True

    def close(self) -> None:
        if self._locks:
            self._disk.locked.discard(self._number)
