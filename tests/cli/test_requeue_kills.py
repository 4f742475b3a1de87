"""A run that is killed loses nothing, doubles nothing, and the same command again finishes it.

The program is killed for real, by ``strace`` at the entry of a system call or by a signal at a
random moment; what lies on the disk then is what a user finds. Every call of a run is met in
turn: for each, one run is killed at its first, one at its second, until one ends undisturbed.
Each run is a child that has the program loaded, so all its calls are those of the run.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
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
    undone,
)

from imctool.repair.journal_lines import read_journal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="kills by strace, and forks: Linux"),
]

CALLS = (
    "write", "fsync", "linkat", "unlinkat", "renameat2", "mkdirat", "ftruncate", "fchmod",
    "utimensat", "openat",
)  # fmt: skip
STOPPED = ("--service-stopped",)
REQUEUE = ("--yes", *STOPPED, "--jobs", "1", "--format", "json")

Build = Callable[[], RequeueSite]


class Ladder(NamedTuple):
    """A way to bring a file under its new name: what else strace injects, and the calls met."""

    injected: tuple[str, ...]
    calls: frozenset[str]


_ALWAYS = frozenset({"write", "fsync", "unlinkat", "mkdirat", "ftruncate", "openat"})
LADDERS = {
    "rename": Ladder((), _ALWAYS | {"renameat2"}),
    "link": Ladder(("renameat2:error=EINVAL",), _ALWAYS | {"linkat"}),
    # Of each file's two links the first would lead to another volume, the second names the copy.
    "copy": Ladder(
        ("renameat2:error=EINVAL", "linkat:error=EXDEV:when=1+2"),
        _ALWAYS | {"fchmod", "utimensat"},
    ),
}


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """A launcher for all tests here."""
    with launcher(tmp_path_factory.mktemp("launcher")) as started:
        yield started


@pytest.fixture(params=LADDERS)
def ladder(request: pytest.FixtureRequest, launched: Launcher) -> tuple[Launcher, Ladder]:
    """A launcher that kills, for each way of bringing a file under its new name."""
    need_strace()
    chosen = LADDERS[request.param]
    launched.inject(*_kills(chosen.injected))
    return launched, chosen


@pytest.fixture
def killer(launched: Launcher) -> Launcher:
    """A launcher that kills at any call."""
    need_strace()
    launched.inject(*_kills(()))
    return launched


@pytest.fixture
def free(launched: Launcher) -> Launcher:
    """A launcher that injects nothing."""
    launched.inject()
    return launched


def _kills(others: tuple[str, ...]) -> list[str]:
    taken = {one.partition(":")[0] for one in others}
    return [*others, *(f"{one}:signal=KILL:when={WHEN}" for one in CALLS if one not in taken)]


@pytest.fixture
def build() -> Iterator[Build]:
    """A function that builds a site, and clears the one before away.

    In memory where there is such a disk: a kill loses nothing that a call has written.
    """
    memory = Path("/dev/shm")
    numbers = count(1)
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:

        def site() -> RequeueSite:
            number = next(numbers)
            shutil.rmtree(f"{folder}/{number - 1}", ignore_errors=True)
            return requeue_site(Path(folder, str(number)))

        yield site


class Kills:
    """Kills a run at every call of some kinds, one after another; ``met`` counts them."""

    def __init__(self, launcher: Launcher, *calls: str) -> None:
        self.met: Counter[str] = Counter()
        self._launcher = launcher
        self._calls = calls or CALLS

    def sites(
        self, build: Build, arguments: Callable[[RequeueSite], tuple[object, ...]]
    ) -> Iterator[RequeueSite]:
        """Give the site after each kill, until every call of a run has been met."""
        for call in self._calls:
            for at in range(1, WHEN):
                site = build()
                ended = self._launcher.run(*arguments(site), call=call, at=at)
                if not ended.was_killed:
                    assert ended.status == 0, ended.errors
                    break
                self.met[call] += 1
                yield site


def requeue_arguments(site: RequeueSite) -> tuple[object, ...]:
    return "requeue", site.root, *REQUEUE


def undo_arguments(site: RequeueSite) -> tuple[object, ...]:
    return "undo", site.journals[0], *STOPPED, "--format", "json"


def check_verified(site: RequeueSite) -> None:
    for journal in site.journals:
        ended = run("verify", journal)
        assert ended.exit_code == 0, ended.output


def check_undone(site: RequeueSite) -> None:
    ended = undone(site)
    assert ended.exit_code == 0, ended.output
    site.check_as_before()
    check_verified(site)


def check_goes_on(site: RequeueSite, *, by_links: bool = False) -> None:
    """The same command again puts all back, and undo all where it was.

    What gets its name by a link may have had both for a moment: then it is held, and goes by force.
    """
    ended = requeued(site)
    told = " ".join(ended.output.split())
    unsure = by_links and ended.exit_code == 1 and "may have had the new one" in told
    if unsure:
        ended = requeued(site, "--force", "submitted")
    assert ended.exit_code == 0, ended.output
    site.check_put_back()
    if unsure:
        assert undone(site).exit_code == 0
        return
    check_verified(site)
    assert len(site.journals) == 1
    check_undone(site)


def test_requeue_killed_at_any_call_goes_on(ladder: tuple[Launcher, Ladder], build: Build) -> None:
    kills = Kills(ladder[0])
    for site in kills.sites(build, requeue_arguments):
        site.check_nothing_lost()
        check_goes_on(site, by_links=bool(ladder[1].injected))
    assert set(kills.met) == ladder[1].calls


def test_undo_killed_at_any_call_goes_on(ladder: tuple[Launcher, Ladder], build: Build) -> None:
    def put_back() -> RequeueSite:
        site = build()
        assert requeued(site).exit_code == 0
        return site

    kills = Kills(ladder[0])
    for site in kills.sites(put_back, undo_arguments):
        site.check_nothing_lost()
        check_undone(site)
    assert set(kills.met) == ladder[1].calls


def test_the_run_after_a_kill_killed_too_goes_on(killer: Launcher, build: Build) -> None:
    """Requeue is killed, what is given next as well, some times over; then all goes on."""
    chance = random.Random(230250)
    for _ in range(40):
        site = build()
        for _ in range(3):
            call = chance.choice(("write", "fsync", "linkat", "unlinkat", "openat"))
            at = chance.randint(1, {"openat": 68, "linkat": 3, "unlinkat": 5}.get(call, 7))
            undoes = site.journals and site.journals[0].stat().st_size and chance.random() < 0.4
            arguments = undo_arguments if undoes else requeue_arguments
            killer.run(*arguments(site), call=call, at=at)
            site.check_nothing_lost()
        assert requeued(site).exit_code == 0
        site.check_put_back()
        # A requeue after an undo has a journal of its own: each is taken back, the last first.
        for journal in reversed(site.journals):
            assert run("undo", journal, *STOPPED).exit_code == 0
        site.check_as_before()


PICKUP = ("--via", "pickup")


def pickup_arguments(site: RequeueSite) -> tuple[object, ...]:
    return "requeue", site.root, *REQUEUE, *PICKUP


@pytest.fixture(scope="module")
def pickup_forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run that nothing disturbs writes into Pickup, by name."""
    site = requeue_site(tmp_path_factory.mktemp("pickup"))
    assert requeued(site, *PICKUP).exit_code == 0
    return files_of(site.imcdata / "Pickup")


def files_of(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir()}


def spool_of(site: RequeueSite) -> dict[str, object]:
    """Return what is not Pickup and no journal."""
    return {path: what for path, what in site.now().items() if "/Pickup/" not in path}


def test_pickup_killed_at_any_call_hands_each_over_once(
    killer: Launcher, build: Build, pickup_forms: dict[str, bytes]
) -> None:
    kills = Kills(killer)
    for site in kills.sites(build, pickup_arguments):
        handed_over = files_of(site.imcdata / "Pickup")
        assert handed_over.items() <= pickup_forms.items()
        requeued(site, *PICKUP)
        assert files_of(site.imcdata / "Pickup") == pickup_forms
        assert site.now_without_journals(but="Imcdata/Pickup/") == site.before
        check_verified(site)
        check_undone(site)
    assert set(kills.met) == _ALWAYS | {"renameat2"}


def test_pickup_gone_on_with_after_a_kill_ends_with_0(killer: Launcher, build: Build) -> None:
    site = build()
    assert killer.run(*pickup_arguments(site), call="renameat2", at=3).was_killed
    assert requeued(site, *PICKUP).exit_code == 0


def test_undo_of_pickup_killed_at_any_call_goes_on(killer: Launcher, build: Build) -> None:
    def handed_over() -> RequeueSite:
        site = build()
        assert requeued(site, *PICKUP).exit_code == 0
        return site

    kills = Kills(killer)
    for site in kills.sites(handed_over, undo_arguments):
        check_undone(site)
    assert set(kills.met) == _ALWAYS | {"renameat2"}


def test_copies_killed_at_any_call_leave_the_spool_alone(killer: Launcher, build: Build) -> None:
    """What has a name is whole; a folder that holds something is not written into again."""
    whole: dict[str, bytes] = {}
    kills = Kills(killer)

    def copies(site: RequeueSite, folder: str = "copies") -> tuple[object, ...]:
        place = site.root.with_name(f"{site.root.name}-{folder}")
        return "requeue", site.root, *REQUEUE, "--via", "eml", "-o", place

    for site in kills.sites(build, copies):
        assert site.now() == site.before
        folder = Path(str(copies(site)[-1]))
        if not whole:
            assert run(*copies(site, "whole")).exit_code == 0
            whole = files_of(Path(str(copies(site, "whole")[-1])))
            whole.pop("manifest.json")
            assert len(whole) == 3
        found = files_of(folder) if folder.exists() else {}
        named = {name: what for name, what in found.items() if name.endswith(".eml")}
        assert named.items() <= whole.items()
        again = run(*copies(site))
        if found:
            assert again.exit_code == 2
            assert files_of(folder) == found
        else:
            assert again.exit_code == 0
        assert site.now() == site.before
        shutil.rmtree(folder, ignore_errors=True)
    assert {"write", "fsync", "openat"} <= set(kills.met)


MANY = 2000
SEVERAL = 1000  # four batches
KILLS = 24
ACTING = ("--yes", *STOPPED, "--format", "json")


@pytest.fixture
def many(tmp_path: Path) -> RequeueSite:
    """A site with as many messages as take a while to put back."""
    return requeue_site(tmp_path / "many", MANY)


@pytest.fixture
def several(tmp_path: Path) -> RequeueSite:
    """A site with messages enough for a few batches."""
    return requeue_site(tmp_path / "several", SEVERAL)


def journal_size(site: RequeueSite) -> int:
    return sum(one.stat().st_size for one in site.journals)


def wait_until_it_acts(process: int, site: RequeueSite, size: int) -> None:
    """Wait until the site's journals have grown beyond a size, or the run is over."""
    with suppress(ProcessLookupError):
        while journal_size(site) <= size:
            os.kill(process, 0)
            time.sleep(0.001)


def send(process: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


def test_kill_9_at_random_moments_loses_nothing(free: Launcher, many: RequeueSite) -> None:
    """Requeue and undo in turn, each killed again and again until it comes to its end."""
    chance = random.Random(4117)
    kills = 0

    def until_its_end(*arguments: object) -> None:
        nonlocal kills
        while True:
            size = journal_size(many)
            process = free.start(*arguments, *STOPPED, "--format", "json")
            if kills < KILLS:
                if chance.random() < 0.8:  # for most of the time a run only reads
                    wait_until_it_acts(process, many, size)
                time.sleep(chance.uniform(0, 0.25))
                send(process, signal.SIGKILL)
            ended = free.wait()
            many.check_nothing_lost()
            if not ended.was_killed:
                assert ended.status == 0, ended.errors
                return
            kills += 1

    while kills < KILLS:
        until_its_end("requeue", many.root, "--yes")
        many.check_put_back()
        assert run("verify", many.journals[-1]).exit_code == 0
        # Killed while it plans, what has been settled before stays in a journal of its own.
        for journal in reversed(many.journals):
            until_its_end("undo", journal)
        many.check_as_before()
        assert all(run("verify", one).exit_code == 0 for one in many.journals)


def open_operations(site: RequeueSite) -> int:
    return sum(len(read_journal(one.read_bytes()).open_operations) for one in site.journals)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_run_between_two_steps(
    free: Launcher, several: RequeueSite, name: str
) -> None:
    def in_the_middle(*arguments: object) -> Ended:
        size = journal_size(several)
        process = free.start(*arguments, *STOPPED)
        wait_until_it_acts(process, several, size + 500)  # behind the head of the run
        send(process, getattr(signal, name))
        ended = free.wait()
        several.check_nothing_lost()
        assert open_operations(several) == 0
        assert not (several.imcdata / "imctool" / "lock").exists()
        return ended

    def is_in_between() -> bool:
        return 0 < sum(one.name in several.names for one in several.inbound.iterdir()) < SEVERAL

    ended = in_the_middle("requeue", several.root, "--yes", "--rate", "2000/s")
    assert ended.status == 5, ended.errors
    assert "the same command given again goes on" in ended.errors
    assert is_in_between()
    assert free.run("requeue", several.root, *ACTING).status == 0
    several.check_put_back()
    assert run("verify", several.journals[0]).exit_code == 0
    for _ in range(5):
        ended = in_the_middle("undo", several.journals[0])
        if ended.status == 5:
            break
        assert ended.status == 0, ended.output  # the signal came too late
        several.check_as_before()
        assert (
            free.run("requeue", several.root, *ACTING, "--journal", several.journals[0]).status == 0
        )
    assert ended.status == 5, ended.errors
    assert is_in_between()
    assert free.run("undo", several.journals[0], *STOPPED).status == 0
    several.check_as_before()
    assert run("verify", several.journals[0]).exit_code == 0


@pytest.mark.parametrize("names", ["SIGINT SIGINT", "SIGTERM SIGHUP SIGINT", "SIGPIPE"])
def test_signals_at_random_moments_lose_nothing(
    free: Launcher, several: RequeueSite, names: str
) -> None:
    """A second signal ends a run at once; what it leaves open the next one settles."""
    chance = random.Random(names)
    for _ in range(4):
        process = free.start("requeue", several.root, *ACTING)
        if chance.random() < 0.7:
            wait_until_it_acts(process, several, journal_size(several))
        for name in names.split():
            time.sleep(chance.uniform(0, 0.1))
            send(process, getattr(signal, name))
        ended = free.wait()
        assert ended.status in {0, 5, 130, 143, -signal.SIGHUP}, ended.errors
        assert "Traceback" not in ended.errors
        several.check_nothing_lost()
    assert free.run("requeue", several.root, *ACTING).status == 0
    several.check_put_back()
    assert all(run("verify", one).exit_code == 0 for one in several.journals)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(
            "text",
        ),
        "json",
    ],
)
def test_output_that_nobody_reads_ends_with_the_status_of_the_signal(
    tmp_path: Path, form: str
) -> None:
    site = requeue_site(tmp_path / "site")
    assert unread(site, form).returncode == 128 + signal.SIGPIPE


def unread(site: RequeueSite, form: str) -> subprocess.CompletedProcess[bytes]:
    """Requeue with a pipe for output whose other end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "imctool", "requeue", str(site.root), "--format", form]
    try:
        return subprocess.run(
            [*command, "--yes", *STOPPED],
            cwd=REPOSITORY, stdout=writing, stderr=writing, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)


@pytest.mark.parametrize("form", ["text", "json"])
def test_output_that_nobody_reads_stops_no_move(tmp_path: Path, form: str) -> None:
    site = requeue_site(tmp_path / "site")
    unread(site, form)
    site.check_put_back()
    check_verified(site)
    check_undone(site)


def test_output_to_a_full_disk_stops_no_move(tmp_path: Path) -> None:
    site = requeue_site(tmp_path / "site")
    command = [sys.executable, "-m", "imctool", "requeue", str(site.root), "--yes", *STOPPED]
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            command, cwd=REPOSITORY, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == 1
    assert "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr
    site.check_put_back()
    check_verified(site)
    check_undone(site)
