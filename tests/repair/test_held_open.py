"""A file that another process writes is told, whatever the system; one that is read is not."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

import pytest
from other_process import other_process

from imctool.repair import held_open
from imctool.repair.held_open import (
    Process,
    WindowsCalls,
    is_held_on_windows,
    is_held_open,
    writing_process,
)

pytestmark = pytest.mark.slow

linux = pytest.mark.skipif(sys.platform != "linux", reason="told by a lease, which Linux has")
tells_writers = pytest.mark.skipif(
    sys.platform not in {"linux", "win32"}, reason="this system does not tell who writes a file"
)

APPENDS = "held = open(path, 'ab')"
READS = "held = open(path, 'rb')"


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    path = tmp_path / "Queue.dat"
    path.write_bytes(b"heap")
    return path


@tells_writers
def test_a_file_that_another_process_appends_to_is_held_until_it_lets_go(queue: Path) -> None:
    assert not is_held_open(str(queue))
    with other_process(APPENDS, queue):
        assert is_held_open(str(queue))
    assert not is_held_open(str(queue))


def test_a_file_that_another_process_reads_is_not_held(queue: Path) -> None:
    with other_process(READS, queue):
        assert not is_held_open(str(queue))


@linux
def test_the_process_that_writes_is_named(queue: Path) -> None:
    with other_process(READS, queue), other_process(APPENDS, queue) as number:
        command = Path(f"/proc/{number}/comm").read_text().strip()
        assert writing_process(str(queue)) == Process(number, command)
    assert writing_process(str(queue)) is None


@linux
def test_a_file_written_through_memory_alone_is_held_by_a_process_without_a_name(
    queue: Path,
) -> None:
    does = "import mmap; f = open(path, 'r+b'); m = mmap.mmap(f.fileno(), 0); f.close()"
    with other_process(does, queue):
        assert is_held_open(str(queue))


@linux
def test_a_file_kept_from_others_by_a_lease_is_held_and_nobody_waits_for_it(queue: Path) -> None:
    does = (
        "import fcntl, signal; signal.signal(signal.SIGIO, signal.SIG_IGN); "
        "held = open(path, 'rb'); fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)"
    )
    with other_process(does, queue):
        assert is_held_open(str(queue))


@linux
@pytest.mark.slow
def test_a_writer_that_comes_while_it_is_tested_harms_neither(queue: Path) -> None:
    does = (
        "import threading\n"
        "def write():\n"
        "    while True:\n"
        "        with open(path, 'ab'): pass\n"
        "threading.Thread(target=write, daemon=True).start()\n"
    )
    with other_process(f"exec({does!r})", queue):
        found = {is_held_open(str(queue)) for _ in range(20_000)}
    assert found == {False, True}


@linux
@pytest.mark.parametrize("kind", ["nfs4", "cifs", None])
def test_a_refused_lease_tells_nothing_where_it_needs_the_server(
    queue: Path, monkeypatch: pytest.MonkeyPatch, kind: str | None
) -> None:
    monkeypatch.setattr(held_open, "_file_system", lambda descriptor: kind)
    with other_process(APPENDS, queue):
        assert not is_held_open(str(queue))


@linux
@pytest.mark.parametrize("number", [errno.EACCES, errno.EINVAL, errno.ENOLCK, errno.ENOSYS])
def test_a_file_system_that_has_no_leases_tells_nothing(
    queue: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    import fcntl

    def refused(descriptor: int, command: int, argument: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "fcntl", refused)
    assert not is_held_open(str(queue))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows is asked in another way")
@pytest.mark.parametrize(
    ("number", "held"),
    [
        (errno.EBUSY, True),
        (errno.ETXTBSY, True),
        (errno.EACCES, False),
        (errno.ENOENT, False),
        (errno.EIO, False),
        (errno.EMFILE, False),
    ],
)
def test_a_share_that_refuses_to_open_a_file_in_use_tells_it(
    queue: Path, monkeypatch: pytest.MonkeyPatch, number: int, held: bool
) -> None:
    def refused(path: str, flags: int) -> int:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(os, "open", refused)
    assert is_held_open(str(queue)) is held


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")
def test_links_pipes_folders_and_missing_files_are_not_held(queue: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(queue)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with other_process(APPENDS, queue):
        for name in ("link", "pipe", "folder", "missing", "folder/missing", "no\udcffsuch"):
            assert not is_held_open(str(tmp_path / name)), name
    assert writing_process(str(tmp_path / "missing")) is None


def test_the_test_changes_neither_content_nor_times(queue: Path) -> None:
    os.utime(queue, ns=(1_000_000_000, 2_000_000_000))
    is_held_open(str(queue))
    found = queue.stat()
    assert (found.st_atime_ns, found.st_mtime_ns) == (1_000_000_000, 2_000_000_000)
    assert queue.read_bytes() == b"heap"


READ, WRITE, DELETE = 1, 2, 4
GENERIC = {0x80000000: READ, 0x40000000: WRITE}
INVALID_HANDLE: int = 2 ** (8 * ctypes.sizeof(ctypes.c_void_p)) - 1  # -1, as ctypes gives a pointer


class FakeWindows:
    """The sharing rules of CreateFileW, over files that others opened with an access and a share.

    Both sides have to allow what the other one does.
    """

    def __init__(self, opened: dict[str, list[tuple[int, int]]], denied: int = 0) -> None:
        self.opened = opened
        self.denied = denied
        self.error = 0
        self.closed: list[int] = []

    def create_file(
        self,
        path: str,
        access: int,
        share: int,
        security: None,
        disposition: int,
        flags: int,
        template: None,
    ) -> int:
        assert disposition == 3, "only a file that exists is opened"
        wanted = GENERIC[access]
        if path not in self.opened:
            self.error = 2
        elif self.denied:
            self.error = self.denied
        elif any(wanted & ~theirs or has & ~share for has, theirs in self.opened[path]):
            self.error = 32
        else:
            return 0x1234
        return INVALID_HANDLE

    def calls(self) -> WindowsCalls:
        return WindowsCalls(self.create_file, self.closed.append, lambda: self.error)


@pytest.mark.parametrize(
    ("others", "held"),
    [
        ([], False),
        ([(READ, READ)], False),
        ([(READ, READ | WRITE | DELETE), (READ, READ)], False),
        ([(WRITE, READ)], True),
        ([(READ | WRITE, READ | WRITE | DELETE)], True),
        ([(READ, 0)], True),
        ([(READ, READ), (WRITE, READ | WRITE)], True),
    ],
)
def test_on_windows_a_sharing_violation_tells_a_writer_and_one_that_keeps_others_out(
    others: list[tuple[int, int]], held: bool
) -> None:
    windows = FakeWindows({"Queue.dat": others})
    assert is_held_on_windows("Queue.dat", windows.calls()) is held
    assert windows.closed == ([] if held else [0x1234])


@pytest.mark.parametrize(("number", "held"), [(5, False), (33, True), (1392, False)])
def test_on_windows_no_other_refusal_tells_a_writer(number: int, held: bool) -> None:
    windows = FakeWindows({"Queue.dat": []}, denied=number)
    assert is_held_on_windows("Queue.dat", windows.calls()) is held
    assert not is_held_on_windows("missing", windows.calls())
    assert windows.closed == []
