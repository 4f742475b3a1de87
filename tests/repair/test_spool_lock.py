"""The lock of a spool: one run at a time, and none is kept out by one that died."""

from __future__ import annotations

import errno
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_disk import Call, FakeDisk
from fake_folder import FakeFolder

from imctool.repair import spool_lock
from imctool.repair.folder import open_folder
from imctool.repair.journal import FOLDER_NAME
from imctool.repair.spool_lock import NAME, LockHeldError, locked, spool_locked

HOLDER = """
import sys
from imctool.repair.folder import open_folder
from imctool.repair.spool_lock import locked
with locked(open_folder(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

CONTENDER = """
import os, sys
from imctool.repair.folder import open_folder
from imctool.repair.spool_lock import LockHeldError, locked
folder, inside, wins = sys.argv[1], sys.argv[1] + "/inside", 0
while wins < 15:
    try:
        with locked(open_folder(folder)):
            os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
            os.unlink(inside)
            wins += 1
    except LockHeldError:
        pass
print(wins)
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run another process that holds the lock, until the body ends it or is done."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline().strip() == b"held"
            yield process
        finally:
            process.stdin.close()


def take(folder: Any) -> str | None:
    """Take the lock and give it back; return what is said of the run before."""
    with locked(folder) as before:
        return before


def left_behind(**about: object) -> bytes:
    """Return what a run that died leaves in the file of its lock."""
    return json.dumps({"host": platform.node(), "process": os.getpid(), **about}).encode("ascii")


def test_the_lock_is_a_file_that_says_who_holds_it_and_is_gone_after(tmp_path: Path) -> None:
    with locked(open_folder(tmp_path)) as before:
        assert before is None
        if os.name != "nt":
            told = json.loads((tmp_path / NAME).read_bytes())
            assert (told["host"], told["process"]) == (platform.node(), os.getpid())
    assert os.listdir(tmp_path) == []


def test_it_is_gone_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(open_folder(tmp_path)):
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []


def test_one_process_holds_it_at_a_time(tmp_path: Path) -> None:
    """Not even this same process has it twice."""
    with locked(open_folder(tmp_path)):
        with pytest.raises(LockHeldError, match="another run is at work"):
            take(open_folder(tmp_path))
        assert os.listdir(tmp_path) == [NAME]
    assert take(open_folder(tmp_path)) is None


@pytest.mark.slow
def test_another_process_that_holds_it_is_named(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(LockHeldError) as told:
            take(open_folder(tmp_path))
        if os.name != "nt":
            assert f"process {process.pid} on {platform.node()}" in str(told.value)
        assert os.listdir(tmp_path) == [NAME]
    assert take(open_folder(tmp_path)) is None
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_the_lock_of_a_process_that_was_killed_is_taken_over_and_said(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        said = take(open_folder(tmp_path))
    assert said is not None
    assert f"process {process.pid}" in said
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_of_processes_that_contend_for_it_one_is_inside_at_a_time(tmp_path: Path) -> None:
    """Each makes a file that must not be there, and removes it, while it holds the lock."""
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", CONTENDER, str(tmp_path)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]  # fmt: skip
    for run in runs:
        told, wrong = run.communicate(timeout=60)
        assert (told.strip(), wrong) == (b"15", b"")
    assert os.listdir(tmp_path) == []


def test_the_lock_of_another_machine_is_explained_and_left(tmp_path: Path) -> None:
    content = left_behind(host="exchange2", time="1998-01-01T00:00:00.000+00:00")
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(LockHeldError) as told:
        take(open_folder(tmp_path))
    assert "exchange2" in str(told.value)
    assert "1998-01-01" in str(told.value)
    assert str(tmp_path) in str(told.value)
    assert (tmp_path / NAME).read_bytes() == content


@pytest.mark.parametrize("content", [b"{", b"\0" * 40, b"[]", b"null", b'"x"', b"\xff\xfe"])
def test_a_lock_that_a_crash_cut_in_the_middle_is_taken_over(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / NAME).write_bytes(content)
    said = take(open_folder(tmp_path))
    assert said is not None
    assert said.startswith("took over the lock of a run that ended without removing it")
    assert os.listdir(tmp_path) == []


def test_a_lock_that_cannot_be_written_is_not_left_behind() -> None:
    disk = FakeDisk()

    def full(call: Call) -> None:
        if call.kind == "write":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    disk.before = full
    with pytest.raises(OSError, match="No space left"):
        take(FakeFolder(disk))
    assert disk.under("") == []
    assert disk.locked == set()


@pytest.mark.parametrize("place", range(1, 12))
def test_whatever_call_fails_the_lock_is_given_up(place: int) -> None:
    """A file may be left, if it is its removal that fails; it keeps nobody out."""
    disk = FakeDisk()

    def fail(call: Call) -> None:
        if call.number == place:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    disk.before = fail
    try:
        take(FakeFolder(disk))
    except OSError:
        assert len(disk.calls) >= place
    disk.before = lambda call: None
    take(FakeFolder(disk))
    assert disk.under("") == []


class NoLocks:
    """A file system without locks, on which a run looks twice whether it is alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.disk = FakeDisk(locks=False)
        self.folder = FakeFolder(self.disk)
        self.waited = 0
        monkeypatch.setattr("imctool.repair.spool_lock.time.sleep", self._wait)

    def _wait(self, seconds: float) -> None:
        self.waited += 1

    def leave(self, content: bytes) -> None:
        self.disk.put(NAME, content)


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> NoLocks:
    return NoLocks(monkeypatch)


def test_without_locks_one_run_takes_it_and_gives_it_back(no_locks: NoLocks) -> None:
    with locked(no_locks.folder) as before:
        assert before is None
        assert no_locks.waited == 1
        with pytest.raises(LockHeldError, match="another run is at work"):
            take(no_locks.folder)
        assert no_locks.disk.under("") == [NAME]
    assert no_locks.disk.under("") == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has locks")
def test_without_locks_a_holder_that_died_is_taken_over(no_locks: NoLocks) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    boot = spool_lock._boot()
    no_locks.leave(left_behind(process=ended.pid, boot=boot))
    assert f"process {ended.pid}" in (take(no_locks.folder) or "")


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")
@pytest.mark.parametrize("about", [{"boot": "another start"}, {"begun": "1"}])
def test_without_locks_a_number_that_another_process_has_by_now_keeps_nobody_out(
    no_locks: NoLocks, about: dict[str, str]
) -> None:
    begun = spool_lock._begun(os.getpid())
    no_locks.leave(left_behind(**{"boot": spool_lock._boot(), "begun": begun, **about}))
    assert take(no_locks.folder) is not None
    assert no_locks.disk.under("") == []


def test_without_locks_of_two_that_begin_at_once_the_last_to_write_has_it(
    monkeypatch: pytest.MonkeyPatch, no_locks: NoLocks
) -> None:
    theirs = left_behind(process=1, time="the other")
    monkeypatch.setattr(
        "imctool.repair.spool_lock.time.sleep", lambda seconds: no_locks.leave(theirs)
    )

    with pytest.raises(LockHeldError, match="another run has just begun"):
        take(no_locks.folder)

    assert no_locks.disk.content(NAME) == theirs, "the lock of the other was removed"


def test_the_folder_for_the_lock_is_gone_after_unless_a_journal_lies_in_it(tmp_path: Path) -> None:
    imcdata = open_folder(tmp_path)
    with spool_locked(imcdata, None, changes_spool=True):
        assert os.listdir(tmp_path / FOLDER_NAME) == [NAME]
    assert os.listdir(tmp_path) == []
    with spool_locked(imcdata, None, changes_spool=True):
        (tmp_path / FOLDER_NAME / "requeue-20260101T000000Z.jsonl").touch()
    assert os.listdir(tmp_path / FOLDER_NAME) == ["requeue-20260101T000000Z.jsonl"]


def test_a_spool_that_cannot_be_written_is_locked_beside_its_journal(tmp_path: Path) -> None:
    disk = FakeDisk()

    def read_only(call: Call) -> None:
        if call.kind == "make":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    disk.before = read_only
    imcdata: Any = FakeFolder(disk)
    with spool_locked(imcdata, tmp_path / "mine.jsonl", changes_spool=False):
        assert os.listdir(tmp_path) == [".mine.jsonl.lock"]
        with (
            pytest.raises(LockHeldError),
            spool_locked(imcdata, tmp_path / "mine.jsonl", changes_spool=False),
        ):
            pass
    assert os.listdir(tmp_path) == []
    with (
        pytest.raises(OSError, match="Read-only"),
        spool_locked(imcdata, tmp_path / "mine.jsonl", changes_spool=True),
    ):
        pass
