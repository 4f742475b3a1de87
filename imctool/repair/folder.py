"""A folder held open, through which everything in it is read and changed.

Every call takes the name of one entry and goes by the folder's descriptor where the system has
such calls: a folder on the way that is swapped for a link later leads nowhere else. No call
follows a link, and none replaces a file that is there.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable
from functools import cache
from typing import NamedTuple, Protocol, Self

from imctool.readers.file_buffer import NotRegularFileError

_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
_READ |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_ACCESS_TIME = getattr(os, "O_NOATIME", 0)
_WRITE = os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_WRITE |= getattr(os, "O_BINARY", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)

_RENAME_NOREPLACE = 1  # linux/fs.h
_RENAME_EXCL = 4  # sys/stdio.h of macOS
_REPARSE_POINT = 0x400  # FILE_ATTRIBUTE_REPARSE_POINT: junctions and links of Windows

_SYNC_UNKNOWN = frozenset({errno.EINVAL, errno.ENOTSUP})
"""What a file system answers that cannot flush a folder; any other error is a real one."""

_LOCKED = frozenset({errno.EAGAIN, errno.EACCES, errno.EDEADLK})
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
_LOCK_OFFSET = 1 << 30

NO_EXCLUSIVE_RENAME = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}
)
"""What a system answers that has no link, or no rename that replaces nothing."""

_TRIES = 5  # after an interrupted system call

BY_DESCRIPTOR = os.link in os.supports_dir_fd and os.unlink in os.supports_dir_fd
"""Whether this system opens and links by a folder's descriptor; Windows does not."""


class FileStatus(NamedTuple):
    """What tells one file from another, and the times it carries."""

    device: int
    inode: int
    size: int
    modified_ns: int
    accessed_ns: int
    links: int
    mode: int
    changed_ns: int = 0

    @property
    def is_regular(self) -> bool:
        """Whether it is a plain file: no folder, link, pipe or device."""
        return stat.S_ISREG(self.mode)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.mode)

    def is_same_file(self, other: FileStatus) -> bool:
        """Whether both are names of one file."""
        return self.device == other.device and self.inode == other.inode


class OpenFile(Protocol):
    """A file that was opened, for reading or for writing."""

    def status(self) -> FileStatus:
        """Return the status of the file that is open, whatever its name leads to by now."""

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes, none at the end."""

    def write(self, content: bytes) -> None:
        """Write all of it, or raise OSError."""

    def cut(self, size: int) -> None:
        """Cut the file to that size and go on writing there."""

    def keep_status(self, status: FileStatus) -> None:
        """Give the file the times and permissions of another."""

    def sync(self) -> None:
        """Make what was written durable."""

    def lock(self) -> bool | None:
        """Take the system's lock on it, which ends with this process.

        Returns True with the lock, False where another has it, None where there are no locks.
        """

    def close(self) -> None:
        """Let go of it."""


class Folder(Protocol):
    """What can be done in a folder. Every call raises OSError where the system refuses."""

    @property
    def path(self) -> str:
        """Where it was opened, for messages."""

    def own_status(self) -> FileStatus:
        """Return the folder's own status."""

    def names(self) -> list[str]:
        """Return the names in it, in no order."""

    def status(self, name: str) -> FileStatus:
        """Return the status of an entry, of a link itself."""

    def read(self, name: str) -> OpenFile:
        """Open a regular file for reading; its access time stays where the system permits."""

    def create(self, name: str) -> OpenFile:
        """Make a new file; FileExistsError where the name is taken."""

    def append(self, name: str) -> OpenFile:
        """Open a file, made if missing, for reading from its start and writing at its end."""

    def link(self, name: str, target: Self, new_name: str) -> None:
        """Give a file a second name; FileExistsError where that is taken."""

    def rename(self, name: str, target: Self, new_name: str) -> None:
        """Give a file another name; FileExistsError where that is taken.

        Raises OSError with ENOTSUP where the system has no way that cannot replace a file.
        """

    def unlink(self, name: str) -> None:
        """Take a name away."""

    def sync(self) -> None:
        """Make its names durable; does nothing where the system has no way to."""

    def folder(self, name: str, *, make: bool = False) -> Self:
        """Open a folder in it, made first if wanted; a link is refused."""

    def remove_folder(self, name: str) -> None:
        """Remove an empty folder in it."""

    def close(self) -> None:
        """Let go of it."""


def reason_of(error: OSError) -> str:
    """Return what the system said, in words."""
    return error.strerror or str(error)


def settled_call(call: Callable[[], None], is_done: Callable[[], bool]) -> None:
    """Call the system; after an error look whether it was done even so.

    A network file system may do what it says it could not, and a signal may break a call off.
    """
    for left in reversed(range(_TRIES)):
        try:
            call()
        except OSError as error:
            if is_done():
                return
            if not isinstance(error, InterruptedError) or not left:
                raise
        else:
            return


def open_folder(path: str | os.PathLike[str]) -> Folder:
    """Open the folder that a user named; links on the way to it are the user's own choice.

    Raises OSError, NotADirectoryError where it is none.
    """
    real = os.path.realpath(path)
    if BY_DESCRIPTOR:
        return _DescriptorFolder(os.open(real, _FOLDER), real)
    if not os.path.isdir(real):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), real)
    return _PathFolder(real)


_OUTSIDE = frozenset("/\\\0" + (":" if os.name == "nt" else ""))
"""No character of a file's own name: with a colon, Windows takes it for a drive or a stream."""


def _plain(name: str) -> str:
    """Return the name, which has to be that of one entry: nothing leads out of the folder."""
    if name in {"", ".", ".."} or not _OUTSIDE.isdisjoint(name):
        raise OSError(errno.EINVAL, "not the name of a file in this folder", name)
    return name


def _status(found: os.stat_result) -> FileStatus:
    return FileStatus(
        found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_atime_ns,
        found.st_nlink, found.st_mode, found.st_ctime_ns,
    )  # fmt: skip


class _DescriptorFile:
    """A file by its descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def status(self) -> FileStatus:
        return _status(os.fstat(self._descriptor))

    def read(self, size: int) -> bytes:
        return os.read(self._descriptor, size)

    def write(self, content: bytes) -> None:
        written = os.write(self._descriptor, content)
        while written < len(content):
            written += os.write(self._descriptor, content[written:])

    def cut(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)
        os.lseek(self._descriptor, 0, os.SEEK_END)

    def keep_status(self, status: FileStatus) -> None:
        if hasattr(os, "fchmod"):
            os.fchmod(self._descriptor, stat.S_IMODE(status.mode))
        if os.utime in os.supports_fd:
            os.utime(self._descriptor, ns=(status.accessed_ns, status.modified_ns))

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def lock(self) -> bool | None:
        try:
            _lock(self._descriptor)
        except OSError as error:
            if error.errno in _LOCKED:
                return False
            if error.errno in _NO_LOCKS:
                return None
            raise
        return True

    def close(self) -> None:
        os.close(self._descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, _LOCK_OFFSET, os.SEEK_SET)  # others may read what stands before
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _opened_regular(descriptor: int) -> _DescriptorFile:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularFileError
    return _DescriptorFile(descriptor)


def _open_to_read(opener: Callable[[int], int]) -> _DescriptorFile:
    if _NO_ACCESS_TIME:
        try:
            return _opened_regular(opener(_READ | _NO_ACCESS_TIME))
        except PermissionError:
            pass  # only the owner may leave the access time alone; a real refusal comes again
    return _opened_regular(opener(_READ))


class _DescriptorFolder:
    """A folder by its descriptor (POSIX)."""

    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = descriptor
        self.path = path

    def own_status(self) -> FileStatus:
        return _status(os.fstat(self._descriptor))

    def names(self) -> list[str]:
        return os.listdir(self._descriptor)

    def status(self, name: str) -> FileStatus:
        return _status(os.stat(_plain(name), dir_fd=self._descriptor, follow_symlinks=False))

    def read(self, name: str) -> OpenFile:
        _plain(name)
        return _open_to_read(lambda flags: os.open(name, flags, dir_fd=self._descriptor))

    def create(self, name: str) -> OpenFile:
        flags = _WRITE | os.O_WRONLY | os.O_EXCL
        return _DescriptorFile(os.open(_plain(name), flags, 0o666, dir_fd=self._descriptor))

    def append(self, name: str) -> OpenFile:
        flags = _WRITE | os.O_RDWR | os.O_APPEND
        return _opened_regular(os.open(_plain(name), flags, 0o666, dir_fd=self._descriptor))

    def link(self, name: str, target: Self, new_name: str) -> None:
        os.link(
            _plain(name),
            _plain(new_name),
            src_dir_fd=self._descriptor,
            dst_dir_fd=target._descriptor,
            follow_symlinks=False,
        )

    def rename(self, name: str, target: Self, new_name: str) -> None:
        call = _exclusive_rename()
        if call is None:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), name)
        call(self._descriptor, _plain(name), target._descriptor, _plain(new_name))

    def unlink(self, name: str) -> None:
        os.unlink(_plain(name), dir_fd=self._descriptor)

    def sync(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            if error.errno not in _SYNC_UNKNOWN:
                raise

    def folder(self, name: str, *, make: bool = False) -> Self:
        if make:
            try:
                os.mkdir(_plain(name), dir_fd=self._descriptor)
            except FileExistsError:
                pass
            else:
                self.sync()
        flags = _FOLDER | _NO_FOLLOW
        descriptor = os.open(_plain(name), flags, dir_fd=self._descriptor)
        return type(self)(descriptor, os.path.join(self.path, name))

    def remove_folder(self, name: str) -> None:
        os.rmdir(_plain(name), dir_fd=self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


class _PathFolder:
    """A folder by its path, where the system has no calls by descriptor (Windows).

    A junction or link put in its place while a run goes on is seen before each change.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._identity = _status(os.lstat(path))

    def _entry(self, name: str) -> str:
        found = os.lstat(self.path)
        if _is_link(found) or not _status(found).is_same_file(self._identity):
            raise OSError(errno.ESTALE, "the folder is no longer the one that was opened", name)
        return os.path.join(self.path, _plain(name))

    def own_status(self) -> FileStatus:
        return self._identity

    def names(self) -> list[str]:
        return os.listdir(self.path)

    def status(self, name: str) -> FileStatus:
        return _status(os.lstat(self._entry(name)))

    def read(self, name: str) -> OpenFile:
        path = self._entry(name)
        if _is_link(os.lstat(path)):
            raise NotRegularFileError
        return _open_to_read(lambda flags: os.open(path, flags))

    def create(self, name: str) -> OpenFile:
        flags = _WRITE | os.O_WRONLY | os.O_EXCL
        return _DescriptorFile(os.open(self._entry(name), flags, 0o666))

    def append(self, name: str) -> OpenFile:
        flags = _WRITE | os.O_RDWR | os.O_APPEND
        return _opened_regular(os.open(self._entry(name), flags, 0o666))

    def link(self, name: str, target: Self, new_name: str) -> None:
        os.link(self._entry(name), target._entry(new_name))

    def rename(self, name: str, target: Self, new_name: str) -> None:
        if os.name != "nt":
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), name)
        os.rename(self._entry(name), target._entry(new_name))  # refuses a name that is taken

    def unlink(self, name: str) -> None:
        os.unlink(self._entry(name))

    def sync(self) -> None:
        """Do nothing: Windows has no call for it."""

    def folder(self, name: str, *, make: bool = False) -> Self:
        path = self._entry(name)
        if make:
            os.makedirs(path, exist_ok=True)
        found = os.lstat(path)
        if _is_link(found) or not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name)
        return type(self)(path)

    def remove_folder(self, name: str) -> None:
        os.rmdir(self._entry(name))

    def close(self) -> None:
        """Do nothing: a path holds nothing open."""


def _is_link(found: os.stat_result) -> bool:
    attributes: int = getattr(found, "st_file_attributes", 0)
    return stat.S_ISLNK(found.st_mode) or bool(attributes & _REPARSE_POINT)


@cache
def _exclusive_rename() -> Callable[[int, str, int, str], None] | None:
    """Return the system's rename that replaces nothing, None where it has none."""
    wanted = {"linux": ("renameat2", _RENAME_NOREPLACE), "darwin": ("renameatx_np", _RENAME_EXCL)}
    if sys.platform not in wanted:
        return None
    name, flag = wanted[sys.platform]
    call = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if call is None:
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)

    def rename(source: int, old: str, target: int, new: str) -> None:
        if call(source, os.fsencode(old), target, os.fsencode(new), flag) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), old, None, new)

    return rename
