"""What others do to a spool before, between and during runs: links, swaps, changes, second runs.

Nothing outside the spool is ever written, made or removed; what is not as it was planned is
refused with the reason, and the rest is done.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from repository import REPOSITORY
from requeue_sites import (
    WHEN,
    Ended,
    Launcher,
    RequeueSite,
    launcher,
    need_strace,
    requeue_site,
    requeued,
    run,
    tree,
)

pytestmark = pytest.mark.slow

linux = pytest.mark.skipif(sys.platform != "linux", reason="forks and strace: Linux")
links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")

STOPPED = ("--service-stopped",)
REQUEUE = ("--yes", *STOPPED, "--jobs", "1", "--format", "json")


@pytest.fixture
def site(tmp_path: Path) -> RequeueSite:
    return requeue_site(tmp_path / "site")


@pytest.fixture
def outside(tmp_path: Path, site: RequeueSite) -> Path:
    """A folder that looks like the spool, with the same messages, where nobody has to write."""
    return double_of(site, tmp_path / "outside")


def double_of(site: RequeueSite, folder: Path) -> Path:
    shutil.copytree(site.imcdata, folder)
    return folder


def state(folder: Path) -> dict[str, Any]:
    """Return all that lies under a folder, with the times of the folders too."""
    times = {str(one): one.stat().st_mtime_ns for one in [folder, *folder.rglob("*")]}
    return {"files": tree(folder), "times": times}


def actions_of(output: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(output)["actions"]
    return told


def told_of(ended: Result) -> dict[str, tuple[str, str]]:
    """Return status and reason by spool name."""
    return {
        one["spool_name"]: (one["status"], one["reason"] or "") for one in actions_of(ended.stdout)
    }


# Links that lie there before.


@links
@pytest.mark.parametrize("place", ["Imcdata/In", "Imcdata/In/Archive"])
def test_a_link_in_place_of_a_folder_of_the_spool_is_not_followed(
    site: RequeueSite, outside: Path, place: str
) -> None:
    folder = site.root / place
    folder.rename(site.root / "aside")
    folder.symlink_to(outside / place.removeprefix("Imcdata/"))
    site.look_back()
    before = state(outside)
    ended = requeued(site)
    assert ended.exit_code == 3
    assert "no In\\Archive lies under" in ended.stderr
    assert (state(outside), site.now()) == (before, site.before)


@links
@pytest.mark.parametrize("made", ["link", "file"])
def test_the_folder_of_journals_has_to_be_one(site: RequeueSite, outside: Path, made: str) -> None:
    place = site.imcdata / "imctool"
    place.symlink_to(outside) if made == "link" else place.write_text("mine")
    site.look_back()
    before = state(outside)
    ended = requeued(site)
    assert isinstance(ended.exception, OSError | SystemExit)
    assert ended.exit_code == 1
    assert (state(outside), site.now()) == (before, site.before)


@links
@pytest.mark.parametrize("to", ["In/Archive/LA4XGWQ8", "new"])
def test_a_lock_that_is_a_link_is_not_written_through(
    site: RequeueSite, outside: Path, to: str
) -> None:
    (site.imcdata / "imctool").mkdir()
    (site.imcdata / "imctool" / "lock").symlink_to(outside / to)
    site.before = site.now()
    before = state(outside)
    ended = requeued(site)
    assert ended.exit_code == 1
    assert (state(outside), site.now()) == (before, site.before)


def put_link(path: Path, outside: Path) -> None:
    path.unlink()
    path.symlink_to(outside / "In" / "Archive" / path.name)


def put_pipe(path: Path, outside: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def put_folder(path: Path, outside: Path) -> None:
    path.unlink()
    path.mkdir()


NO_FILE = [put_link, put_pipe, put_folder]


@links
@pytest.mark.parametrize("put", NO_FILE)
def test_what_is_no_regular_file_stays_and_the_rest_goes(
    site: RequeueSite, outside: Path, put: Callable[[Path, Path], None]
) -> None:
    name = site.names[1]
    put(site.archive / name, outside)
    site.look_back()
    before = state(outside)
    ended = requeued(site, "--spool", name, "--format", "json")
    assert (ended.exit_code, actions_of(ended.stdout)) == (1, [])
    assert site.now() == site.before
    requeued(site)
    assert state(outside) == before
    site.check_put_back(name)


@links
@pytest.mark.parametrize("put", NO_FILE)
def test_a_failed_message_whose_file_is_no_regular_one_is_told(
    site: RequeueSite, outside: Path, put: Callable[[Path, Path], None]
) -> None:
    put(site.archive / site.names[1], outside)
    ended = requeued(site, "--format", "json")
    assert site.names[1] in told_of(ended)
    assert ended.exit_code == 1


@links
def test_a_file_with_a_second_name_is_refused_and_the_rest_goes(
    site: RequeueSite, outside: Path
) -> None:
    name = site.names[1]
    os.link(site.archive / name, outside / "second")
    before = state(outside)
    ended = requeued(site, "--format", "json")
    assert ended.exit_code == 1
    assert told_of(ended)[name][0] == "refused"
    assert "has 2 names" in told_of(ended)[name][1]
    assert state(outside) == before
    site.check_put_back(name)


@pytest.mark.parametrize("spelt", [str.upper, str.lower])
@pytest.mark.parametrize("kind", ["folder", "link"])
@links
def test_a_name_that_is_taken_in_any_letter_case_is_refused(
    site: RequeueSite, outside: Path, kind: str, spelt: Callable[[str], str]
) -> None:
    name = site.names[1]
    taken = site.inbound / spelt(name)
    taken.mkdir() if kind == "folder" else taken.symlink_to(outside / "new")
    site.look_back()
    ended = requeued(site, "--format", "json")
    assert ended.exit_code == 1
    assert told_of(ended)[name][0] == "refused"
    assert "is taken in In" in told_of(ended)[name][1]
    site.check_put_back(name)
    assert not (outside / "new").exists()


@pytest.mark.parametrize("spelt", [str.upper, str.lower])
def test_a_failed_message_whose_name_a_file_has_in_in_is_refused(
    site: RequeueSite, spelt: Callable[[str], str]
) -> None:
    name = site.names[1]
    (site.inbound / spelt(name)).write_bytes(b"another message\r\n")
    site.look_back()
    ended = requeued(site, "--format", "json")
    site.check_put_back(name)
    assert ended.exit_code == 1
    assert told_of(ended)[name][0] == "refused"


# Locks.


def put_lock(site: RequeueSite, text: str) -> Path:
    folder = site.imcdata / "imctool"
    folder.mkdir()
    (folder / "lock").write_text(text, encoding="latin-1")
    return folder / "lock"


def test_the_lock_of_another_machine_is_explained_and_stays(site: RequeueSite) -> None:
    holder = {"host": "elsewhere", "process": 17, "time": "2000-05-16T09:00:00.000+00:00"}
    lock = put_lock(site, json.dumps(holder))
    before = site.now()
    ended = requeued(site)
    assert ended.exit_code == 4
    for word in ("elsewhere", "process 17", "2000-05-16", "another machine", "remove the file"):
        assert word in ended.stderr
    assert site.now() == before
    lock.unlink()
    assert requeued(site).exit_code == 0
    site.check_put_back()


@pytest.mark.parametrize("text", ["", "\0\xff{", "[]"])
def test_a_lock_that_says_nothing_is_taken_over(site: RequeueSite, text: str) -> None:
    put_lock(site, text)
    assert requeued(site).exit_code == 0
    site.check_put_back()


def test_a_lock_whose_holder_died_is_taken_over_and_that_is_said(site: RequeueSite) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    holder = {"host": socket.gethostname(), "process": int(ended.stdout), "time": "2000-05-16"}
    put_lock(site, json.dumps(holder))
    told = requeued(site)
    assert told.exit_code == 0
    assert f"process {holder['process']}" in told.stdout
    assert "took over the lock" in told.stdout
    site.check_put_back()


# Plans that are saved, and what changes before they are applied.


def saved_plan(site: RequeueSite) -> Path:
    path = site.root.with_name("plan.json")
    ended = run("requeue", site.root, "--plan", path)
    assert ended.exit_code == 0, ended.output
    return path


def applied(site: RequeueSite, plan: Path) -> Result:
    return requeued(site, "--apply", plan, "--format", "json")


def other_bytes(path: Path) -> None:
    """Change one byte; size and times stay."""
    found = path.stat()
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more\r\n")


def touched(path: Path) -> None:
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


def another_file(path: Path) -> None:
    """Put a copy in its place: the same bytes and times, another inode."""
    copy = path.with_name("copy")
    shutil.copy2(path, copy)
    copy.replace(path)


def removed(path: Path) -> None:
    path.unlink()


def linked(path: Path) -> None:
    real = path.with_name("real")
    path.rename(real)
    path.symlink_to(real)


CHANGES: dict[Callable[[Path], None], str] = {
    other_bytes: "its content changed",
    grown: "it changed",
    touched: "it changed",
    another_file: "another file has taken its place",
    removed: "it is no longer there",
    linked: "symbolic link",
}


@links
@pytest.mark.parametrize("change", CHANGES)
def test_exactly_what_changed_since_the_plan_is_refused(
    site: RequeueSite, change: Callable[[Path], None]
) -> None:
    plan = saved_plan(site)
    name = site.names[1]
    change(site.archive / name)
    site.look_back()
    ended = applied(site, plan)
    assert ended.exit_code == 1
    statuses = {one: status for one, (status, _) in told_of(ended).items()}
    assert statuses.pop(name) in {"refused", "failed"}
    assert set(statuses.values()) == {"done"}
    assert CHANGES[change] in told_of(ended)[name][1]
    for other in set(site.names) - {name}:
        assert (site.inbound / other).exists()
        assert not (site.archive / other).exists()
    assert not os.path.lexists(site.inbound / name)


@links
def test_every_kind_of_change_at_once_is_told_apart(tmp_path: Path) -> None:
    site = requeue_site(tmp_path / "site", 2 * len(CHANGES))
    plan = saved_plan(site)
    changed = dict(zip(site.names[::2], CHANGES, strict=True))
    for name, change in changed.items():
        change(site.archive / name)
    ended = applied(site, plan)
    assert ended.exit_code == 1
    for name, (status, reason) in told_of(ended).items():
        if name in changed:
            assert status in {"refused", "failed"}
            assert CHANGES[changed[name]] in reason
        else:
            assert status == "done"
    moved = {one.name for one in site.inbound.iterdir()} & set(site.names)
    assert moved == set(site.names[1::2])


def test_a_plan_is_applied_once(site: RequeueSite) -> None:
    plan = saved_plan(site)
    assert site.now() == site.before
    assert applied(site, plan).exit_code == 0
    site.check_put_back()
    journals = [one.read_bytes() for one in site.journals]
    again = applied(site, plan)
    assert "done" not in {status for status, _ in told_of(again).values()}
    site.check_put_back()
    assert [one.read_bytes() for one in site.journals] == journals


def test_a_plan_is_that_of_its_own_spool(site: RequeueSite, tmp_path: Path) -> None:
    plan = saved_plan(site)
    shutil.copytree(site.root, tmp_path / "copy")
    copy = RequeueSite(tmp_path / "copy", site.names)
    copy.look_back()
    ended = applied(copy, plan)
    assert ended.exit_code == 6
    assert "another spool" in ended.stderr
    assert copy.now() == copy.before


def test_a_plan_with_a_bit_flipped_is_refused(site: RequeueSite) -> None:
    plan = saved_plan(site)
    content = plan.read_bytes()
    chance = random.Random(0)
    for _ in range(12):
        flipped = bytearray(content)
        flipped[chance.randrange(len(content) - 1)] ^= 1 << chance.randrange(8)
        plan.write_bytes(flipped)
        ended = applied(site, plan)
        assert ended.exit_code == 6, bytes(flipped)
        assert site.now() == site.before
    plan.write_bytes(content)
    assert applied(site, plan).exit_code == 0


# What only reads leaves all as it was.


def marks(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return what would show that anything was changed, or a file but a journal read."""
    found: dict[str, tuple[int, ...]] = {}
    for one in [folder, *folder.rglob("*")]:
        status = one.lstat()
        found[str(one)] = (
            status.st_ino, status.st_mode, status.st_nlink, status.st_size, status.st_mtime_ns,
            status.st_ctime_ns, 0 if one.is_dir() or one.suffix == ".jsonl" else status.st_atime_ns,
        )  # fmt: skip
    return found


@links
@pytest.mark.parametrize("at", ["before", "after"])
def test_what_only_reads_leaves_every_mark_as_it_was(site: RequeueSite, at: str) -> None:
    """Access times too: they lie before the last changes, so that a read would show."""
    if at == "after":
        assert requeued(site).exit_code == 0
        (site.archive / site.names[0]).write_bytes((site.inbound / site.names[0]).read_bytes())
    for one in site.root.rglob("*"):
        if one.is_file():
            os.utime(one, ns=(10**18 // 2, one.stat().st_mtime_ns))
    before = marks(site.root)
    outside = site.root.parent
    commands: list[tuple[object, ...]] = [
        ("requeue", site.root, "--dry-run"),
        ("requeue", site.root, "--dry-run", "--all", "--queue-dat", "rename", "--format", "json"),
        ("requeue", site.root, "--dry-run", "--via", "eml", "-o", outside / "copies"),
        ("requeue", site.root, "--plan", outside / "plan"),
        ("requeue", site.root),  # nobody says yes
        *(("verify", one) for one in site.journals),
    ]
    for command in commands:
        ended = run(*command)
        assert ended.exit_code in {0, 1, 4, 6}, ended.output
        assert marks(site.root) == before, command
    assert not (outside / "copies").exists()


WATCHED = """
import os, sys
root = sys.argv.pop(1)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.symlink", "os.truncate", "os.utime", "os.setxattr", "fcntl.flock", "fcntl.lockf",
    "shutil.move", "shutil.rmtree", "tempfile.mkstemp", "tempfile.mkdtemp", "sqlite3.connect",
}
def told(event, values):
    text = [os.fsdecode(one) for one in values if isinstance(one, (str, bytes, os.PathLike))]
    inside = any(one.startswith(root) or one == "lock" for one in text)
    by_descriptor = any(isinstance(one, int) and one > 2 for one in values)
    if event == "open" and isinstance(values[2], int) and values[2] & WRITES:
        if not isinstance(values[0], int) and (inside or not os.path.isabs(text[0])):
            os.write(2, f"WRITTEN {event} {values}\\n".encode())
    elif event in CHANGES and (inside or by_descriptor or event.startswith("fcntl")):
        os.write(2, f"WRITTEN {event} {values}\\n".encode())
sys.addaudithook(told)
from imctool.cli.main import main
main()
"""


@pytest.mark.slow
def test_no_call_that_only_reads_opens_anything_for_writing(site: RequeueSite) -> None:
    def watched(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WATCHED, str(site.root), *map(str, arguments)]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    for more in (["--dry-run"], ["--plan", site.root.with_name("plan")]):
        ended = watched("requeue", site.root, "--jobs", "1", *more)
        assert ended.returncode == 0
        assert "WRITTEN" not in ended.stderr
    acted = watched("requeue", site.root, "--jobs", "1", "--yes", *STOPPED)
    assert "WRITTEN os.mkdir" in acted.stderr  # the hook sees what there is to see
    assert "WRITTEN open" in acted.stderr
    ended = watched("verify", site.journals[0])
    assert ended.returncode == 0
    assert "WRITTEN" not in ended.stderr


# What is swapped while a run goes on.


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """A launcher for all tests here."""
    with launcher(tmp_path_factory.mktemp("first")) as started:
        yield started


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Another launcher, for runs beside those of the first."""
    with launcher(tmp_path_factory.mktemp("second")) as started:
        yield started


@pytest.fixture
def build() -> Iterator[Callable[..., RequeueSite]]:
    """A function that builds a site, with a double of it outside, and clears the last away."""
    memory = Path("/dev/shm")
    numbers = count(1)
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:

        def site(messages: int = 3) -> RequeueSite:
            number = next(numbers)
            shutil.rmtree(f"{folder}/{number - 1}", ignore_errors=True)
            return requeue_site(Path(folder, str(number), "site"), messages)

        yield site


class Swap:
    """A folder or file of a spool that can be swapped for a link to its double outside."""

    def __init__(self, site: RequeueSite, place: str) -> None:
        self._path = site.root / place
        self._aside = site.root / "aside"
        self._double = site.root.parent / "outside" / place
        outside = site.root.parent / "outside"
        shutil.copytree(site.imcdata, outside / "Imcdata")
        (outside / "Imcdata" / "imctool").mkdir()
        self._outside = state(outside)
        self._root = site.root

    def put_link(self) -> None:
        """Swap; what is not there yet is not swapped."""
        try:
            self._path.rename(self._aside)
        except FileNotFoundError:
            return
        try:
            self._path.symlink_to(self._double)
        except FileExistsError:  # it was made anew meanwhile
            self._put_back_into_new()

    def put_back(self) -> None:
        if not os.path.lexists(self._aside):
            return
        if self._path.is_symlink():
            self._path.unlink()
        if self._aside.is_file() and self._aside.stat().st_nlink > 1:
            self._aside.unlink()  # the run put it back meanwhile: this name only we have kept
        elif os.path.lexists(self._path):
            self._put_back_into_new()
        else:
            self._aside.rename(self._path)

    def _put_back_into_new(self) -> None:
        for one in self._aside.iterdir() if self._aside.is_dir() else ():
            one.rename(self._path / one.name)
        if self._aside.is_dir():
            self._aside.rmdir()

    def check_outside(self) -> None:
        assert state(self._root.parent / "outside") == self._outside


PLACES = ["Imcdata/In", "Imcdata/In/Archive", "Imcdata/imctool", "Imcdata/In/Archive/LA4XGWQ8"]


class Stopped:
    """A run that stops itself right after a system call, until it is let go."""

    def __init__(self, launched: Launcher, *arguments: object, call: str, at: int) -> None:
        self._launched = launched
        self._process = launched.start(*arguments, call=call, at=at)

    def wait_until_it_stops(self) -> bool:
        """Return whether it stopped; it may end first."""
        seen: tuple[str, ...] = ()
        while (now := self._look()) and now[0] != "Z":
            if now == seen and now[0] in "Tt":  # strace too stops it, but not for long
                return True
            seen = now
            time.sleep(0.01)
        return False

    def _look(self) -> tuple[str, ...]:
        """Return its state and how often it has run; nothing once it has ended."""
        try:
            text = Path(f"/proc/{self._process}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return ()
        fields = dict(line.split(":", 1) for line in text.splitlines())
        return fields["State"].split()[0], fields.get("voluntary_ctxt_switches", "").strip()

    def let_go(self) -> Ended:
        """Let it go on to its end."""
        while (now := self._look()) and now[0] != "Z":
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGCONT)
            time.sleep(0.005)
        return self._launched.wait()


def check_goes_on(site: RequeueSite) -> None:
    ended = requeued(site)
    assert ended.exit_code == 0, ended.output
    site.check_put_back()


@linux
@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_a_swap_for_a_link_at_any_call_leads_nothing_outside(
    first: Launcher, build: Callable[..., RequeueSite], place: str
) -> None:
    """After each call of a run in turn the place is swapped for a link to its double."""
    need_strace()
    step = 1 if place == "Imcdata/In" else 2
    calls = {"mkdirat": range(1, 3), "openat": range(12, 64, step), "fsync": range(1, 8),
             "renameat2": range(1, 4), "unlinkat": range(1, 3), "flock": range(1, 2)}  # fmt: skip
    first.inject(*(f"{one}:signal=STOP:when={WHEN}" for one in calls))
    met = 0
    for call, counted in calls.items():
        for at in counted:
            site = build()
            swap = Swap(site, place)
            stopped = Stopped(first, "requeue", site.root, *REQUEUE, call=call, at=at)
            met += stopped.wait_until_it_stops()
            swap.put_link()
            ended = stopped.let_go()
            assert "Traceback" not in ended.errors
            swap.check_outside()
            swap.put_back()
            site.check_nothing_lost()
            check_goes_on(site)
            swap.check_outside()
    assert met > 30


@linux
@pytest.mark.slow
def test_a_swap_of_imcdata_for_a_link_leads_nothing_outside(
    first: Launcher, build: Callable[..., RequeueSite]
) -> None:
    need_strace()
    first.inject(f"openat:signal=STOP:when={WHEN}")
    for at in range(1, 20):
        site = build()
        swap = Swap(site, "Imcdata")
        stopped = Stopped(first, "requeue", site.root, *REQUEUE, call="openat", at=at)
        stopped.wait_until_it_stops()
        swap.put_link()
        stopped.let_go()
        swap.check_outside()
        swap.put_back()
        check_goes_on(site)


@linux
@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_flips_between_folder_and_link_leads_nothing_outside(
    first: Launcher, build: Callable[..., RequeueSite], place: str
) -> None:
    first.inject()
    chance = random.Random(place)
    for _ in range(12):
        site = build(30)
        swap = Swap(site, place)
        ends = threading.Event()

        def flip(swap: Swap = swap, ends: threading.Event = ends) -> None:
            while not ends.is_set():
                swap.put_link()
                time.sleep(chance.uniform(0, 0.002))
                swap.put_back()
                time.sleep(chance.uniform(0, 0.004))

        flipping = threading.Thread(target=flip)
        flipping.start()
        try:
            ended = first.run("requeue", site.root, *REQUEUE)
        finally:
            ends.set()
            flipping.join()
        assert "Traceback" not in ended.errors
        swap.check_outside()
        site.check_nothing_lost()
        check_goes_on(site)


@linux
@pytest.mark.slow
@pytest.mark.parametrize("without", [(), ("renameat2:error=EINVAL",)])
def test_a_name_that_is_taken_while_a_run_goes_on_is_not_replaced(
    first: Launcher, build: Callable[..., RequeueSite], without: tuple[str, ...]
) -> None:
    """After each flush of a run, so behind its own look at the names, In gets a file."""
    need_strace()
    first.inject(*without, f"fsync:signal=STOP:when={WHEN}")
    refused = 0
    for at in range(1, 6):
        site = build()
        name = site.names[1]
        stopped = Stopped(first, "requeue", site.root, *REQUEUE, call="fsync", at=at)
        assert stopped.wait_until_it_stops()
        if (site.inbound / name).exists():
            assert stopped.let_go().status == 0
            continue
        (site.inbound / name).write_bytes(b"mine")
        ended = stopped.let_go()
        assert ended.status == 1
        [reason] = [one["reason"] for one in actions_of(ended.output) if one["status"] != "done"]
        assert "is taken in In" in reason
        assert (site.inbound / name).read_bytes() == b"mine"
        (site.inbound / name).unlink()
        site.check_put_back(name)
        refused += 1
    assert refused > 2


# Two runs at once.


def done_in(ended: Ended) -> list[str]:
    if ended.status == 4:
        assert "another run" in ended.errors
        return []
    return [one["spool_name"] for one in actions_of(ended.output) if one["status"] == "done"]


@linux
@pytest.mark.slow
def test_of_two_runs_at_once_one_does_each_message(
    first: Launcher, second: Launcher, build: Callable[..., RequeueSite]
) -> None:
    first.inject()
    second.inject()
    chance = random.Random(4)
    ends = set()
    for _ in range(40):
        site = build(20)
        first.start("requeue", site.root, *REQUEUE)
        time.sleep(chance.uniform(0, 0.03))
        second.start("requeue", site.root, *REQUEUE)
        both = first.wait(), second.wait()
        ends.add(tuple(sorted(one.status for one in both)))
        assert sorted(done_in(both[0]) + done_in(both[1])) == sorted(site.names)
        site.check_put_back()
        assert all(run("verify", one).exit_code == 0 for one in site.journals)
    assert ends == {(0, 0), (0, 4)}


@linux
@pytest.mark.slow
def test_requeue_and_undo_at_once_leave_each_message_once(
    first: Launcher, second: Launcher, build: Callable[..., RequeueSite]
) -> None:
    chance = random.Random(5)
    first.inject()
    second.inject()
    for _ in range(20):
        site = build(20)
        assert requeued(site, "--max", 10).exit_code == 0
        first.start("requeue", site.root, *REQUEUE)
        time.sleep(chance.uniform(0, 0.03))
        second.start("undo", site.journals[0], *STOPPED, "--format", "json")
        both = first.wait(), second.wait()
        assert {one.status for one in both} <= {0, 4}
        site.check_nothing_lost()
        check_goes_on(site)


@linux
@pytest.mark.slow
def test_a_second_run_is_refused_while_the_first_is_anywhere_in_its_work(
    first: Launcher, second: Launcher, build: Callable[..., RequeueSite]
) -> None:
    need_strace()
    second.inject()
    for call, last in (("fsync", 5), ("renameat2", 3)):
        first.inject(f"{call}:signal=STOP:when={WHEN}")
        for at in range(2 if call == "fsync" else 1, last + 1):
            site = build()
            stopped = Stopped(first, "requeue", site.root, *REQUEUE, call=call, at=at)
            assert stopped.wait_until_it_stops()
            between = site.now()
            ended = second.run("requeue", site.root, *REQUEUE)
            assert ended.status == 4
            assert "wait for it to end" in ended.errors
            assert site.now() == between
            assert stopped.let_go().status == 0
            site.check_put_back()


@linux
@pytest.mark.slow
def test_a_run_with_nothing_to_do_takes_no_folder_from_another(
    first: Launcher, second: Launcher, build: Callable[..., RequeueSite]
) -> None:
    need_strace()
    second.inject()
    first.inject(f"mkdirat:signal=STOP:when={WHEN}")
    site = build()
    stopped = Stopped(first, "requeue", site.root, *REQUEUE, call="mkdirat", at=1)
    assert stopped.wait_until_it_stops()
    nothing = second.run("requeue", site.root, *REQUEUE, "--domain", "nobody.example")
    assert nothing.status == 0
    assert stopped.let_go().status == 0
    site.check_put_back()
