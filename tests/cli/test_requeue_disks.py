"""What a disk or a system may answer: each file is done or told of, nothing is lost on the way.

The errors are real ones, made by ``strace`` at a system call, by limits of the process, or by
disks that are full, read-only or another volume.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
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
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="strace, forks and mounts: Linux"),
]

STOPPED = ("--service-stopped",)
REQUEUE = ("--yes", *STOPPED, "--jobs", "1", "--format", "json")
NOBODY = 65534
PAGE = 4096

Build = Callable[..., RequeueSite]


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """A launcher for all tests here."""
    with launcher(tmp_path_factory.mktemp("launcher")) as started:
        yield started


@pytest.fixture
def free(launched: Launcher) -> Launcher:
    """A launcher that injects nothing."""
    launched.inject()
    return launched


@pytest.fixture
def build() -> Iterator[Build]:
    """A function that builds a site where others may look, and clears the one before away."""
    memory = Path("/dev/shm")
    numbers = count(1)
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        os.chmod(folder, 0o755)

        def site(messages: int = 3) -> RequeueSite:
            number = next(numbers)
            shutil.rmtree(f"{folder}/{number - 1}", ignore_errors=True)
            return requeue_site(Path(folder, str(number)), messages)

        yield site


def actions_of(ended: Ended) -> list[dict[str, Any]]:
    """Return the actions that a run tells of; none where it ended before it had any."""
    try:
        told: list[dict[str, Any]] = json.loads(ended.output)["actions"]
    except ValueError:
        assert ended.status != 0
        assert ended.errors
        return []
    return told


def statuses(ended: Ended) -> list[str]:
    return [one["status"] for one in actions_of(ended)]


def check_told(site: RequeueSite, ended: Ended) -> None:
    """What the run says of each file is so, and nothing is lost or left."""
    assert "Traceback" not in ended.errors
    site.check_nothing_lost()
    for one in actions_of(ended):
        name = one["spool_name"]
        if one["status"] == "done":
            assert (site.inbound / name).exists()
            assert not (site.archive / name).exists()
        else:
            assert one["reason"]
            assert (site.archive / name).exists()
            assert not (site.inbound / name).exists() or "it has both" in one["reason"]


def check_mended(site: RequeueSite) -> None:
    """Once nothing fails any more the same command does the rest, and undo takes back all.

    A file that had both names, and the new one taken back by a disk that then failed, is held:
    the service might have seen it. It goes by force, and the journal keeps the doubt.
    """
    ended = requeued(site)
    unsure = ended.exit_code == 1 and "may have had the new one" in " ".join(ended.output.split())
    if unsure:
        ended = requeued(site, "--force", "submitted")
    assert ended.exit_code == 0, ended.output
    site.check_put_back()
    assert run("verify", site.journals[-1]).exit_code in ({0, 6} if unsure else {0})
    for journal in reversed(site.journals):
        ended = run("undo", journal, *STOPPED)
        assert ended.exit_code == 0, ended.output
    site.check_as_before()


LINKS = ("renameat2:error=EINVAL",)
# Of each file's two links the first would lead to another volume, the second names the copy.
COPIES = (*LINKS, "linkat:error=EXDEV:when=1+2")


@pytest.mark.parametrize(
    ("call", "error", "reason", "before"),
    [
        ("renameat2", "ENOSPC", "No space left on device", ()),
        ("renameat2", "EACCES", "Permission denied", ()),
        ("renameat2", "ESTALE", "Stale file handle", ()),
        ("linkat", "ENOSPC", "No space left on device", LINKS),
        ("linkat", "EACCES", "Permission denied", LINKS),
        ("unlinkat", "EACCES", "Permission denied", LINKS),
        ("unlinkat", "EIO", "Input/output error", LINKS),
        ("fchmod", "EPERM", "Operation not permitted", COPIES),
        ("utimensat", "EPERM", "Operation not permitted", COPIES),
    ],
)
def test_the_file_that_cannot_be_moved_fails_alone(
    launched: Launcher, build: Build, call: str, error: str, reason: str, before: tuple[str, ...]
) -> None:
    need_strace()
    launched.inject(*before, f"{call}:error={error}:when={WHEN}")
    for place in range(3):
        site = build()
        ended = launched.run("requeue", site.root, *REQUEUE, call=call, at=place + 1)
        check_told(site, ended)
        assert ended.status == 1
        failed = [one for one in actions_of(ended) if one["status"] == "failed"]
        assert [one["spool_name"] for one in failed] == [site.names[place]]
        assert reason in failed[0]["reason"]
        site.check_put_back(site.names[place])
        check_mended(site)


@pytest.mark.parametrize("error", ["EXDEV", "EPERM", "EINVAL", "EOPNOTSUPP", "EINTR"])
@pytest.mark.parametrize("when", [f"{WHEN}", f"{WHEN}+"])
def test_where_no_file_can_be_renamed_another_way_is_found(
    launched: Launcher, build: Build, error: str, when: str
) -> None:
    need_strace()
    if error in {"EINTR", "EXDEV"} and when.endswith("+"):
        pytest.skip("no call is interrupted for ever; no folder is on another volume than itself")
    launched.inject(f"renameat2:error={error}:when={when}")
    for place in range(3):
        site = build()
        ended = launched.run("requeue", site.root, *REQUEUE, call="renameat2", at=place + 1)
        assert ended.status == 0, ended.errors
        assert statuses(ended) == ["done"] * 3
        site.check_put_back()
        check_mended(site)


@pytest.mark.parametrize("when", [f"{WHEN}", f"{WHEN}+"])
@pytest.mark.parametrize(
    ("call", "error", "others"),
    [
        ("fsync", "EIO", ()),
        ("fsync", "EIO", LINKS),
        ("fsync", "EIO", COPIES),
        ("write", "ENOSPC", ()),
        ("write", "EIO", COPIES),
        ("ftruncate", "EIO", ()),
        ("mkdirat", "EROFS", ()),
        ("flock", "ENOLCK", ()),
        ("flock", "EIO", ()),
    ],
)
def test_an_error_at_any_call_loses_nothing(
    launched: Launcher, build: Build, call: str, error: str, others: tuple[str, ...], when: str
) -> None:
    """The error comes once, or at every call from then on, until a run meets none any more."""
    need_strace()
    launched.inject(*others, f"{call}:error={error}:when={when}")
    met = 0
    for at in range(1, WHEN):
        site = build()
        ended = launched.run("requeue", site.root, *REQUEUE, call=call, at=at)
        if call == "write" and not ended.output:  # not even the output can be written
            assert ended.status == 1
            site.check_nothing_lost()
        else:
            check_told(site, ended)
        if ended.status == 0:
            site.check_put_back()
        if ended.status == 0 and not any(one["reason"] for one in actions_of(ended)):
            break
        met += 1
        check_mended(site)
    assert met or error == "ENOLCK"  # without locks a look at the holder has to do


@pytest.mark.parametrize("when", [f"{WHEN}", f"{WHEN}+"])
@pytest.mark.parametrize("error", ["EMFILE", "EACCES", "ESTALE", "EINTR"])
def test_an_error_at_any_open_loses_nothing(
    launched: Launcher, build: Build, error: str, when: str
) -> None:
    need_strace()
    if error == "EINTR" and when.endswith("+"):
        pytest.skip("a call that is interrupted for ever is tried for ever")
    launched.inject(f"openat:error={error}:when={when}")
    for at in range(1 if error == "EMFILE" else 40, 75):
        site = build()
        ended = launched.run("requeue", site.root, *REQUEUE, call="openat", at=at)
        check_told(site, ended)
        assert ended.status in {0, 1, 3}
        check_mended(site)


def test_status_0_says_that_no_evidence_was_left_unread(launched: Launcher, build: Build) -> None:
    need_strace()
    launched.inject(f"openat:error=EMFILE:when={WHEN}")
    for at in range(1, 50):
        site = build()
        ended = launched.run("requeue", site.root, *REQUEUE, call="openat", at=at)
        if ended.status == 0:
            site.check_put_back()


@pytest.mark.parametrize("when", [f"{WHEN}", f"{WHEN}+"])
def test_a_lock_that_cannot_be_removed_hides_no_result(
    launched: Launcher, build: Build, when: str
) -> None:
    need_strace()
    launched.inject(f"unlinkat:error=EACCES:when={when}")
    site = build()
    ended = launched.run("requeue", site.root, *REQUEUE, call="unlinkat", at=1)
    assert len(actions_of(ended)) == 3


def test_a_lock_folder_that_cannot_be_made_durable_is_taken_away_again(
    launched: Launcher, build: Build
) -> None:
    need_strace()
    launched.inject(f"fsync:error=EIO:when={WHEN}")
    site = build()
    assert launched.run("requeue", site.root, *REQUEUE, call="fsync", at=1).status == 1
    assert site.now() == site.before


def test_a_journal_stays_true_when_a_later_run_does_the_rest(
    launched: Launcher, build: Build
) -> None:
    need_strace()
    launched.inject(f"renameat2:error=EACCES:when={WHEN}")
    site = build()
    assert launched.run("requeue", site.root, *REQUEUE, call="renameat2", at=2).status == 1
    first = site.journals[0]
    assert run("verify", first).exit_code == 0
    assert requeued(site).exit_code == 0
    assert run("verify", first).exit_code == 0


def test_few_open_files_are_enough_or_told(free: Launcher, build: Build) -> None:
    done = 0
    for limit in range(3, 24):
        site = build()
        ended = free.run("requeue", site.root, *REQUEUE, limits={"NOFILE": limit})
        check_told(site, ended)
        if ended.status == 0:
            site.check_put_back()
            done += 1
        check_mended(site)
    assert 5 < done < 20


def test_files_that_may_not_grow_cut_the_journal_short_and_lose_nothing(
    free: Launcher, build: Build
) -> None:
    """At every size of a file a write is cut: what the journal has of it is taken back."""
    for limit in (0, 30, 139, 160, 250, 310, 350, 500, 700, 900, 1200, 1330, 1390, 1450, 1550):
        site = build()
        ended = free.run("requeue", site.root, *REQUEUE, limits={"FSIZE": limit})
        assert "Traceback" not in ended.errors
        assert ended.status == 1 or limit > 1330  # else the outcomes alone are not recorded
        site.check_nothing_lost()
        for journal in site.journals:
            assert journal.read_bytes().endswith(b"\n") or not journal.stat().st_size
            assert run("verify", journal).exit_code == 0
        check_mended(site)


root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="mounts and other users need root"
)


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Mount something on a folder, or skip the test where that may not be."""
    ended = subprocess.run(
        ["mount", *options, str(folder)], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        pytest.skip(f"cannot mount here: {ended.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def tmpfs(size: int) -> tuple[str, ...]:
    return ("-t", "tmpfs", "-o", f"size={size}", "tmpfs")


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


@contextmanager
def on_another_volume(folder: Path, size: int = 64 * PAGE) -> Iterator[None]:
    """Have what lies in a folder lie on a disk of its own, mounted there."""
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    folder.mkdir()
    with mounted(folder, *tmpfs(size)):
        for one in aside.iterdir():
            if one.is_dir():
                shutil.copytree(one, folder / one.name)
            else:
                shutil.copy2(one, folder / one.name)
        shutil.rmtree(aside)
        yield


@root
def test_between_two_volumes_bytes_times_and_permissions_go_along(build: Build) -> None:
    site = build()
    with on_another_volume(site.archive):
        site.look_back()
        assert site.inbound.stat().st_dev != site.archive.stat().st_dev
        ended = requeued(site, "--format", "json")
        assert ended.exit_code == 0, ended.output
        site.check_put_back()
        assert run("verify", site.journals[0]).exit_code == 0
        assert run("undo", site.journals[0], *STOPPED).exit_code == 0
        site.check_as_before()


@root
def test_one_volume_mounted_twice_takes_no_link_and_copies(build: Build) -> None:
    """The numbers of the devices are the same, and yet the kernel says that they are two."""
    site = build()
    with mounted(site.archive, "--bind", str(site.archive)):
        assert site.inbound.stat().st_dev == site.archive.stat().st_dev
        assert requeued(site).exit_code == 0
        site.check_put_back()
        assert run("undo", site.journals[0], *STOPPED).exit_code == 0
        site.check_as_before()


@root
def test_a_volume_too_small_for_all_copies_takes_those_that_fit(
    free: Launcher, build: Build
) -> None:
    site = build(5)
    big = site.names[2]
    path = site.archive / big
    with path.open("ab") as file:
        file.write(b"and so on\r\n" * 4000)
    site.look_back()
    aside = site.root.with_name("archive")
    shutil.copytree(site.archive, aside)
    shutil.rmtree(site.archive)
    with on_another_volume(site.inbound, 8 * PAGE):
        site.archive.mkdir()
        with mounted(site.archive, *tmpfs(64 * PAGE)):
            for one in aside.iterdir():
                shutil.copy2(one, site.archive / one.name)
            site.look_back()
            ended = free.run("requeue", site.root, *REQUEUE)
            check_told(site, ended)
            assert ended.status == 1
            failed = [one for one in actions_of(ended) if one["status"] == "failed"]
            assert [one["spool_name"] for one in failed] == [big]
            assert "No space left on device" in failed[0]["reason"]
            site.check_put_back(big)
            remount(site.inbound, f"size={64 * PAGE}")
            check_mended(site)
    shutil.rmtree(aside)


@root
def test_a_full_disk_stops_what_the_journal_cannot_take(free: Launcher, build: Build) -> None:
    """From no page left on, until there is room for all that the journal has to say."""
    site = build(40)
    with on_another_volume(site.imcdata, 128 * PAGE):
        site.look_back()
        ballast = site.imcdata / "Log" / "ballast"
        ended = Ended(1, "", "")
        for left in range(14):
            with ballast.open("wb") as file:
                room = os.statvfs(site.imcdata).f_bavail - left
                file.write(bytes(room * PAGE))
            site.look_back()
            ended = free.run("requeue", site.root, *REQUEUE)
            check_told(site, ended)
            site.check_nothing_lost()
            ballast.unlink()
            site.look_back_at("Imcdata/Log/ballast")
            if ended.status == 0:
                break
            assert ended.status == 1
            site.check_as_before()
            assert all(run("verify", one).exit_code == 0 for one in site.journals)
        assert left > 4
        site.check_put_back()


@root
@pytest.mark.parametrize(
    ("place", "status"), [("Imcdata", 1), ("Imcdata/In", 1), ("Imcdata/In/Archive", 1)]
)
def test_a_read_only_disk_is_told_and_left_as_it_is(
    free: Launcher, build: Build, place: str, status: int
) -> None:
    site = build()
    folder = site.root / place
    with mounted(folder, "--bind", str(folder)):
        remount(folder, "bind,ro")
        ended = free.run("requeue", site.root, *REQUEUE)
        check_told(site, ended)
        assert ended.status == status
        assert "Read-only file system" in ended.output + ended.errors
        site.check_as_before()
    check_mended(site)


def given_to(user: int, site: RequeueSite) -> None:
    for one in (site.root, *site.root.rglob("*")):
        os.chown(one, user, user)


@root
@pytest.mark.parametrize("place", ["Imcdata", "Imcdata/In", "Imcdata/In/Archive"])
def test_a_folder_that_may_not_be_changed_is_told(free: Launcher, build: Build, place: str) -> None:
    site = build()
    given_to(NOBODY, site)
    (site.root / place).chmod(0o555)
    site.look_back()
    ended = free.run("requeue", site.root, *REQUEUE, user=NOBODY)
    check_told(site, ended)
    assert ended.status == 1
    assert statuses(ended) == ["failed"] * 3
    assert "Permission denied" in ended.output
    site.check_as_before()
    (site.root / place).chmod(0o755)
    site.look_back()
    assert free.run("requeue", site.root, *REQUEUE, user=NOBODY).status == 0
    site.check_put_back()


@root
def test_files_of_another_user_go_back_too(free: Launcher, build: Build) -> None:
    """Where the system lets no one link what is another's (protected_hardlinks) it is renamed."""
    site = build()
    given_to(NOBODY, site)
    for name in site.names:
        os.chown(site.archive / name, 0, 0)
        (site.archive / name).chmod(0o644)
    site.look_back()
    ended = free.run("requeue", site.root, *REQUEUE, user=NOBODY)
    assert ended.status == 0, ended.errors
    site.check_put_back()


@root
def test_a_file_that_may_not_be_read_is_told_and_the_others_go(
    free: Launcher, build: Build
) -> None:
    site = build()
    given_to(NOBODY, site)
    (site.archive / site.names[1]).chmod(0)
    site.look_back()
    ended = free.run("requeue", site.root, *REQUEUE, user=NOBODY)
    check_told(site, ended)
    site.check_put_back(site.names[1])
    assert ended.status == 1
    assert sorted(statuses(ended)) == ["done", "done", "refused"]
