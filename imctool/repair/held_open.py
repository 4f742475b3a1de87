"""Whether another process holds a file open for writing, told without changing the file.

Each system tells it in another way:

- Windows: a file is opened for reading while others may read it only. That fails with a sharing
  violation where somebody has it open for writing or lets nobody else read it (documented for
  CreateFileW; the Exchange tools report the same number for a Queue.dat in use, Q302863).
- Linux: a read lease is refused while the file is open for writing (documented, fcntl(2)). It
  needs the file's owner or CAP_LEASE; without, and on file systems that have no leases, nothing
  can be told. On NFS and SMB a lease needs a delegation or an oplock of the server, and is refused
  without one just the same (fs/nfs/nfs4proc.c, fs/smb/client/cifsfs.c of Linux): there a refused
  lease tells nothing. Writers on other machines are never seen by a lease.
- SMB shares mounted on a Linux system: opening fails with EBUSY where the server answers with a
  sharing violation (fs/smb/client/smb2maperror.c). ETXTBSY is taken for the same (inferred): mounts
  of Windows folders are reported to give it for a file in use (owncloud/core issue 14769).
- Other systems, macOS among them, have no such test: only a refusal to open the file is seen.

Where nothing can be told, that is no sign of a writer, nor of there being none.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

if sys.platform == "linux":
    import fcntl

_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
_READ |= getattr(os, "O_CLOEXEC", 0)

_REFUSED = frozenset({errno.EBUSY, errno.ETXTBSY, errno.EAGAIN})
"""What opening for reading answers while another process keeps others out.

EAGAIN is what an open that does not wait gets where somebody has a write lease (fcntl(2)).
"""

_LEASE_NEEDS_SERVER = frozenset({"nfs", "nfs4", "cifs", "smb3"})

_GENERIC_READ = 0x80000000
_FILE_SHARE_READ = 1
_OPEN_EXISTING = 3
_OPEN_REPARSE_POINT = 0x00200000  # FILE_FLAG_OPEN_REPARSE_POINT: a link is not followed
_INVALID_HANDLE = ctypes.c_void_p(-1).value
_SHARING_VIOLATION = 32
_LOCK_VIOLATION = 33

_PROCESSES = "/proc"
_DESCRIPTORS = 50_000
"""So many open files of all processes are looked at for the writer's name, then no more."""


class WindowsCalls(NamedTuple):
    """The three calls of kernel32 that the test on Windows needs, with their own arguments."""

    create_file: Callable[[str, int, int, None, int, int, None], int | None]
    close_handle: Callable[[int], object]
    last_error: Callable[[], int]


class Process(NamedTuple):
    """A process that has a file open: its id and the name of its command."""

    number: int
    command: str


def is_held_open(path: str) -> bool:
    """Whether another process has the regular file ``path`` open for writing, or keeps others out.

    False also where the system gives no way to tell, and where the file is missing or may not be
    opened. Never raises OSError, writes nothing, leaves the access time alone. While it is tested,
    for some microseconds, a process that opens the file for writing waits on Linux (one that does
    not wait is refused, EWOULDBLOCK) and is refused on Windows.
    """
    return _is_held(path)


def is_held_on_windows(path: str, calls: WindowsCalls) -> bool:
    """Whether opening ``path`` while others may only read it fails for the sake of another opener.

    ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION tell that; no other error does.
    """
    handle = calls.create_file(
        path, _GENERIC_READ, _FILE_SHARE_READ, None, _OPEN_EXISTING, _OPEN_REPARSE_POINT, None
    )
    if handle == _INVALID_HANDLE or handle is None:
        return calls.last_error() in {_SHARING_VIOLATION, _LOCK_VIOLATION}
    calls.close_handle(handle)
    return False


if sys.platform == "win32":

    def _is_held(path: str) -> bool:
        return is_held_on_windows(path, _windows_calls())

    def _windows_calls() -> WindowsCalls:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateFileW.argtypes = (
            ctypes.c_wchar_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p,
            ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p,
        )  # fmt: skip
        kernel.CreateFileW.restype = ctypes.c_void_p
        kernel.CloseHandle.argtypes = (ctypes.c_void_p,)
        return WindowsCalls(kernel.CreateFileW, kernel.CloseHandle, ctypes.get_last_error)

else:

    def _is_held(path: str) -> bool:
        try:
            descriptor = os.open(path, _READ)
        except OSError as error:
            return error.errno in _REFUSED
        try:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            return regular and _lease_is_refused(descriptor)
        except OSError:
            return False
        finally:
            os.close(descriptor)


if sys.platform == "linux":

    def _lease_is_refused(descriptor: int) -> bool:
        """Whether a read lease is refused because the file is open for writing."""
        try:
            # The default, SIGIO, would end this process where the lease is broken in between;
            # SIGURG is ignored unless somebody asked for it.
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                return False
            kind = _file_system(descriptor)
            return kind is not None and kind not in _LEASE_NEEDS_SERVER
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False

else:

    def _lease_is_refused(descriptor: int) -> bool:
        """Return False: leases are of Linux alone."""
        return False


def _file_system(descriptor: int) -> str | None:
    """Return the type of the file system an open file lies on, as mount(8) calls it (Linux).

    None where it cannot be learned. The mount is found by its number: that of the device is not
    the same everywhere (btrfs).
    """
    try:
        about = _lines(f"{_PROCESSES}/self/fdinfo/{descriptor}")
        mount = next((line.split()[1] for line in about if line.startswith("mnt_id:")), None)
        for line in _lines(f"{_PROCESSES}/self/mountinfo"):
            place, _, kind = line.partition(" - ")  # proc_pid_mountinfo(5)
            if place.split(" ", 1)[0] == mount:
                return kind.split(" ", 1)[0]
    except OSError:
        pass
    return None


def writing_process(path: str) -> Process | None:
    """Return the process of the lowest number that has ``path`` open for writing, if one is found.

    None where there is no ``/proc`` (only Linux has it in this form), where the process belongs
    to a user whose open files may not be seen, and where it opened the file under another name.
    """
    try:
        wanted = os.lstat(path)
        numbers = sorted(int(name) for name in os.listdir(_PROCESSES) if name.isdecimal())
    except OSError:
        return None
    left = _DESCRIPTORS
    for number in numbers:
        for descriptor in _descriptors(number):
            left -= 1
            if left < 0:
                return None
            if _writes(number, descriptor, wanted, os.path.basename(path)):
                return Process(number, _command(number))
    return None


def _descriptors(number: int) -> Iterator[str]:
    try:
        yield from sorted(os.listdir(f"{_PROCESSES}/{number}/fd"))
    except OSError:  # it ended, or belongs to somebody else
        return


def _writes(number: int, descriptor: str, wanted: os.stat_result, name: str) -> bool:
    """Whether that open file is the wanted one, opened for writing.

    The name is compared first: asking for the status of every file open on the machine could
    wait for a server that does not answer.
    """
    link = f"{_PROCESSES}/{number}/fd/{descriptor}"
    try:
        if os.path.basename(os.readlink(link)) != name:
            return False
        found = os.stat(link)
        if (found.st_dev, found.st_ino) != (wanted.st_dev, wanted.st_ino):
            return False
        about = _lines(f"{_PROCESSES}/{number}/fdinfo/{descriptor}")
        flags = next((line.split()[1] for line in about if line.startswith("flags:")), "0")
    except OSError:
        return False
    return int(flags, 8) & (os.O_WRONLY | os.O_RDWR) != 0


def _command(number: int) -> str:
    try:
        return _lines(f"{_PROCESSES}/{number}/comm")[0].rstrip("\n")
    except (OSError, IndexError):
        return ""


def _lines(path: str) -> list[str]:
    with open(path, encoding="utf-8", errors="backslashreplace") as file:
        return file.readlines()
