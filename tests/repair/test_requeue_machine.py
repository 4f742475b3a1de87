"""Runs on real folders in any order, killed at any call, with a server that takes files up.

A run is killed by a folder that raises what nothing in the program catches, and does nothing more
from then on; what the run held open is closed, as the system does for a process that died.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from imctool.model.action import ActionStatus
from imctool.model.journal import SpoolIdentity
from imctool.model.requeue import RequeueItem, RequeuePlan, Via
from imctool.repair import changing, known_journals, spool_lock, undo
from imctool.repair.changing import GuardError, IntegrityError
from imctool.repair.folder import Folder, open_folder
from imctool.repair.journal import FOLDER_NAME, Journal
from imctool.repair.journal_check import check_journal
from imctool.repair.moves import Move, Place, move_files
from imctool.repair.requeue import Request, requeue
from imctool.repair.requeue_plan import Rules, identity_of, make_plan
from imctool.repair.requeue_run import Pace
from imctool.repair.requeue_selection import Selection
from imctool.repair.spool_root import SpoolRoot

pytestmark = pytest.mark.slow

CHANGING = frozenset(
    {"create", "append", "link", "rename", "unlink", "sync", "remove_folder"}
    | {"write", "cut", "keep_status"}
)
MODULES = (changing, known_journals, spool_lock, undo)


class Killed(BaseException):
    """The process ends here."""


class Life:
    """How many changes a run may still make, and what it has open."""

    def __init__(self, left: int | None, *, renames: bool) -> None:
        self.left = left
        self.renames = renames
        self._open: list[Any] = []

    def open(self, path: str | os.PathLike[str]) -> Mortal:
        return self.holding(open_folder(path))

    def holding(self, opened: Any) -> Mortal:
        self._open.append(opened)
        return Mortal(opened, self)

    def step(self) -> None:
        if self.left is not None:
            if self.left <= 0:
                raise Killed
            self.left -= 1

    def end(self) -> None:
        for one in self._open:
            with suppress(OSError):
                one.close()


class Mortal:
    """A folder, or a file open in it, of a process that may be killed before any change."""

    def __init__(self, real: Any, life: Life) -> None:
        self._real = real
        self._life = life

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return self._call(name, found) if callable(found) else found

    def _call(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **named: Any) -> Any:
            if name in CHANGING:
                self._life.step()
            if name == "rename" and not self._life.renames:
                raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
            plain = [one._real if isinstance(one, Mortal) else one for one in given]
            result = call(*plain, **named)
            if name in {"create", "append", "read", "folder"} and not isinstance(result, bytes):
                return self._life.holding(result)
            return result

        return called


class SecondRun(Pace):
    """Has another run begin before each batch, which is a single message."""

    def __init__(self, run: Callable[[], None]) -> None:
        super().__init__()
        self._run = run

    @property
    def batch(self) -> int:
        return 1

    def ahead(self, count: int) -> None:
        super().ahead(count)
        self._run()


class Spool(RuleBasedStateMachine):
    """A spool, its messages by the name of their files, and what must hold of each."""

    @initialize(renames=st.booleans())
    def begin(self, renames: bool) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(os.path.realpath(self.folder.name))
        self.archive, self.inbound = self.root / "In/Archive", self.root / "In"
        self.archive.mkdir(parents=True)
        self.renames = renames
        self.contents: dict[str, bytes] = {}
        self.delivered: list[bytes] = []
        self.made = 0
        self.cut_off = False
        self.told_of: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.finish()
            self.check_once()
            self.folder.cleanup()

    def live(self, run: Callable[[], object], left: int | None) -> None:
        """Let a process do this, which is killed after so many changes."""
        life = Life(left, renames=self.renames)
        with pytest.MonkeyPatch.context() as patch:
            for module in MODULES:
                patch.setattr(module, "open_folder", life.open)
            try:
                with suppress(IntegrityError):  # tells of a message that it is unsure of
                    run()
                self.cut_off = False
            except Killed:
                self.cut_off = True
            finally:
                life.end()

    def requeue(self, pace: Pace | None = None) -> None:
        request = Request(
            SpoolRoot(self.root, "In", "Archive"), "", Via.IN, acts=True,
            look_for_service=False, pace=pace or Pace(),
        )  # fmt: skip

        def planned(imcdata: Folder, before: Any, finished: frozenset[str]) -> RequeuePlan:
            names = sorted(os.listdir(self.archive))
            items = tuple(
                RequeueItem(f"In/Archive/{one}", f"In/Archive/{one}", None, one, "a@b.example")
                for one in names
            )
            return make_plan(
                Selection(items, 0), imcdata, Rules(Via.IN, before=before, finished=finished)
            )

        requeue(request, planned, lambda plan, notes: None)

    def finish(self) -> None:
        for _ in range(2):
            self.live(self.requeue, None)
        assert not self.cut_off

    @rule(size=st.integers(1, 3))
    def add(self, size: int) -> None:
        for _ in range(size):
            self.made += 1
            name = f"R{self.made:07}"
            self.contents[name] = b"message %d" % self.made
            self.write(name, self.contents[name])

    def write(self, name: str, content: bytes) -> None:
        path = self.archive / name
        path.write_bytes(content)
        os.utime(path, ns=(self.made * 10**9, self.made * 10**9))

    @rule(which=st.integers(0, 9))
    def change(self, which: int) -> None:
        names = sorted(os.listdir(self.archive))
        if names and not self.cut_off:
            name = names[which % len(names)]
            self.made += 1
            self.contents[name] = b"message %d" % self.made
            self.write(name, self.contents[name])
            self.told_of.add(name)

    @rule(which=st.integers(0, 9))
    def remove(self, which: int) -> None:
        names = sorted(os.listdir(self.archive))
        if names and not self.cut_off:
            name = names[which % len(names)]
            (self.archive / name).unlink()
            del self.contents[name]
            self.told_of.add(name)

    @rule(left=st.integers(0, 30))
    def run_until_killed(self, left: int) -> None:
        self.live(self.requeue, left)

    @rule()
    def run(self) -> None:
        self.live(self.requeue, None)

    @rule(left=st.none() | st.integers(0, 30), which=st.integers(0, 9))
    def take_back(self, left: int | None, which: int) -> None:
        journals = self.journals()
        if journals:
            path = journals[which % len(journals)]
            self.live(lambda: undo.undo(path, None, look_for_service=False), left)

    @rule()
    def run_while_another_does(self) -> None:
        def second() -> None:
            with pytest.raises(GuardError, match="another run is at work"):
                self.requeue()

        self.live(lambda: self.requeue(SecondRun(second)), None)

    @precondition(lambda self: not self.cut_off)
    @rule(most=st.integers(1, 3))
    def serve(self, most: int) -> None:
        """Let the server take up what lies in In; it is not started while a run is cut off."""
        for path in [one for one in sorted(self.inbound.iterdir()) if one.is_file()][:most]:
            self.delivered.append(path.read_bytes())
            self.told_of.add(path.name)
            path.unlink()

    @precondition(lambda self: not self.cut_off)
    @rule()
    def verify(self) -> None:
        for path in self.journals()[-1:]:
            for one in check_journal(path).differences:
                assert one.path.rpartition("/")[2] in self.told_of, one

    def journals(self) -> list[Path]:
        """Return the journals that hold a run, the one written last at the end."""
        folder = self.root / FOLDER_NAME
        found = folder.glob("*.jsonl") if folder.is_dir() else ()
        with_run = [one for one in found if b'"record":"begin"' in one.read_bytes()]
        return sorted(with_run, key=lambda one: (one.stat().st_mtime_ns, one.name))

    @invariant()
    def check_once(self) -> None:
        if not hasattr(self, "folder"):
            return
        for name, content in self.contents.items():
            places = [self.archive / name, self.inbound / name]
            there = [one for one in places if one.exists() and one.read_bytes() == content]
            times = len(there) + self.delivered.count(content)
            assert times == 1 or (self.cut_off and times == 2), f"{name}: {times} times"
            for one in there:
                assert one.stat().st_mtime_ns == int(content.split()[1]) * 10**9
        if not self.cut_off:
            left = [one.name for one in self.root.rglob(".*")]
            assert not left


Spool.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestSpool = pytest.mark.slow(Spool.TestCase)


def test_two_runs_that_nothing_keeps_apart_still_move_each_file_once(tmp_path: Path) -> None:
    """Without the lock the link that replaces nothing, and the identity of each file, decide."""
    archive, inbound = tmp_path / "In/Archive", tmp_path / "In"
    archive.mkdir(parents=True)
    for number in range(6):
        (archive / f"R000000{number}").write_bytes(b"message %d" % number)
    source, target = open_folder(archive), open_folder(inbound)
    moves = [Move(name, identity_of(source, name), name) for name in sorted(os.listdir(archive))]

    def movers(name: str) -> Any:
        journal = Journal.create(open_folder(tmp_path), name, name)
        journal.begin(SpoolIdentity(str(tmp_path), 0, 0), "requeue", via="in")
        places = Place(source, "In/Archive"), Place(target, "In")
        return move_files(moves, *places, journal, batch=2)

    first, second = movers("first.jsonl"), movers("second.jsonl")
    told = [(next(first), next(second)) for _ in moves]

    for mine, theirs in told:
        assert sorted([mine.status, theirs.status]) in (
            [ActionStatus.DONE, ActionStatus.FAILED],
            [ActionStatus.DONE, ActionStatus.REFUSED],
        )
    assert os.listdir(archive) == []
    for number in range(6):
        assert (inbound / f"R000000{number}").read_bytes() == b"message %d" % number
