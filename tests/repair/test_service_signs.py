"""A service that runs on the spool gives itself away; a spool that merely looks fresh does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from other_process import other_process

from imctool.repair.service_signs import SpoolWatch, stop_hint

pytestmark = pytest.mark.slow

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells who writes a file")
posix = pytest.mark.skipif(os.name == "nt", reason="needs links, names and users of POSIX")

OLD = 900_000_000_000_000_000


@pytest.fixture
def imcdata(tmp_path: Path) -> Path:
    """A spool at rest, all of it old."""
    return spool_in(tmp_path / "Imcdata")


def spool_in(root: Path) -> Path:
    files = {
        "Queue.dat": b"heap",
        "In/JTJF9DG7": b"one",
        "In/Archive/K1JF9DG7": b"two",
        "Out/L1JF9DG7": b"three",
        "Out/Archive/M1JF9DG7": b"four",
        "Work/N1JF9DG7": b"five",
        "Pickup/a.txt": b"six",
        "Log/L0000001.LOG": b"seven",
        "Log/Route.txt": b"eight",
        "Turfdir/P1JF9DG7": b"nine",
        "imctool/requeue.jsonl": b"{}",
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, ns=(OLD, OLD))
    return root


def at_once(imcdata: Path) -> SpoolWatch:
    """Watch without waiting, and without asking the system for files held open."""
    return SpoolWatch(imcdata, clock=lambda: 0.0, wait=lambda seconds: None, held=lambda _: False)


def watched_by_nobody(imcdata: Path, meanwhile: Callable[[], None]) -> tuple[str, ...]:
    """Return the signs that a user without rights sees while ``meanwhile`` is done by root."""
    if os.name == "nt" or os.geteuid() != 0:
        pytest.skip("only root can become another user")
    (answers, answer), (waits, waiting), (goes, going) = os.pipe(), os.pipe(), os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
        child = os.fork()
    if child == 0:
        signs: tuple[str, ...] = ("the watch failed",)
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            watch = SpoolWatch(imcdata)
            os.write(waiting, b".")
            os.read(goes, 1)
            signs = watch.signs(at_least=0)
        finally:
            os.write(answer, json.dumps(signs).encode())
            os._exit(0)
    for descriptor in (answer, waiting, goes):
        os.close(descriptor)
    os.read(waits, 1)
    meanwhile()
    os.write(going, b".")
    with os.fdopen(answers, "rb") as stream:
        found = tuple(json.loads(stream.read()))
    os.waitpid(child, 0)
    os.close(waits)
    os.close(going)
    return found


@pytest.fixture
def public() -> Iterator[Path]:
    """A spool in a folder that every user may enter; those of pytest are its user's own."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield spool_in(Path(folder) / "Imcdata")


def test_a_spool_at_rest_gives_no_sign(imcdata: Path) -> None:
    assert SpoolWatch(imcdata).signs(at_least=0.01) == ()


def test_evidence_copied_a_moment_ago_gives_no_sign(imcdata: Path) -> None:
    for path in imcdata.rglob("*"):
        os.utime(path)
    assert SpoolWatch(imcdata).signs(at_least=0.01) == ()


@linux
def test_the_process_that_holds_queue_dat_is_named(imcdata: Path) -> None:
    with other_process("held = open(path, 'ab')", imcdata / "Queue.dat") as number:
        command = Path(f"/proc/{number}/comm").read_text().strip()
        assert SpoolWatch(imcdata).signs(at_least=0) == (
            f"Queue.dat is held open by process {number} ({command})",
        )


@posix
def test_a_process_that_reads_queue_dat_is_no_sign(imcdata: Path) -> None:
    with other_process("held = open(path, 'rb')", imcdata / "Queue.dat"):
        assert SpoolWatch(imcdata).signs(at_least=0) == ()


@linux
def test_a_log_that_is_written_while_watched_tells_both(imcdata: Path) -> None:
    log = imcdata / "Log/L0000001.LOG"
    watch = SpoolWatch(imcdata)
    does = "held = open(path, 'ab'); held.write(b'more'); held.flush()"
    with other_process(does, log) as number:
        held, grew = watch.signs(at_least=0)
    assert held.startswith(f"Log/L0000001.LOG is held open by process {number} (")
    assert grew == "Log/L0000001.LOG grew while the spool was watched"
    assert watch.signs(at_least=0) == (grew,)


def test_only_queue_dat_and_the_protocol_logs_are_tested_for_writers(imcdata: Path) -> None:
    for name in ("l2.log", "LATEST.Log", "L3.LOG.bak", "xL4.LOG"):
        (imcdata / "Log" / name).touch()
    tested: list[str] = []

    def held(path: str) -> bool:
        tested.append(Path(path).relative_to(imcdata).as_posix())
        return False

    assert SpoolWatch(imcdata, held=held).signs(at_least=0) == ()
    assert tested == ["Queue.dat", "Log/L0000001.LOG", "Log/LATEST.Log", "Log/l2.log"]


def test_a_writer_that_cannot_be_named_is_other_process(imcdata: Path) -> None:
    watch = SpoolWatch(imcdata, held=lambda path: path.endswith("Queue.dat"))
    assert watch.signs(at_least=0) == ("Queue.dat is held open by another process",)


def appear(root: Path) -> None:
    (root / "In/Q1JF9DG7").write_bytes(b"new")


def vanish(root: Path) -> None:
    (root / "Work/N1JF9DG7").unlink()


def grow(root: Path) -> None:
    with (root / "Out/L1JF9DG7").open("ab") as file:
        file.write(b"more")
    os.utime(root / "Out/L1JF9DG7", ns=(OLD, OLD))


def cut(root: Path) -> None:
    os.truncate(root / "Pickup/a.txt", 1)


def touch(root: Path) -> None:
    os.utime(root / "Queue.dat", ns=(OLD, OLD + 1))


def replace(root: Path) -> None:
    (root / "new").write_bytes(b"ONE")
    os.utime(root / "new", ns=(OLD, OLD))
    os.replace(root / "new", root / "In/JTJF9DG7")


def archive(root: Path) -> None:
    (root / "In/Archive/R1JF9DG7").write_bytes(b"failed")


def archive_out(root: Path) -> None:
    (root / "Out/Archive/M1JF9DG7").unlink()


def make_folder(root: Path) -> None:
    (root / "Pickup/Archive").mkdir()


def remove_queue(root: Path) -> None:
    (root / "Queue.dat").unlink()


def write_route(root: Path) -> None:
    (root / "Log/Route.txt").write_bytes(b"other routes")


@pytest.mark.parametrize(
    ("change", "sign"),
    [
        (appear, "In/Q1JF9DG7 appeared"),
        (vanish, "Work/N1JF9DG7 vanished"),
        (grow, "Out/L1JF9DG7 grew"),
        (cut, "Pickup/a.txt was cut"),
        (touch, "Queue.dat was written to"),
        pytest.param(replace, "In/JTJF9DG7 was replaced", marks=posix),
        (archive, "In/Archive/R1JF9DG7 appeared"),
        (archive_out, "Out/Archive/M1JF9DG7 vanished"),
        (make_folder, "Pickup/Archive appeared"),
        (remove_queue, "Queue.dat vanished"),
        (write_route, "Log/Route.txt grew"),
    ],
)
def test_a_change_while_watched_is_a_sign(
    imcdata: Path, change: Callable[[Path], None], sign: str
) -> None:
    watch = at_once(imcdata)
    change(imcdata)
    assert watch.signs() == (f"{sign} while the spool was watched",)


def test_a_service_that_starts_and_makes_its_folder_is_seen(tmp_path: Path) -> None:
    (tmp_path / "In").mkdir()
    watch = at_once(tmp_path)
    (tmp_path / "Pickup").mkdir()
    (tmp_path / "Pickup/a.txt").touch()
    assert watch.signs() == ("Pickup appeared while the spool was watched",)


def test_a_message_that_is_received_is_told_from_folder_to_folder(imcdata: Path) -> None:
    watch = at_once(imcdata)
    os.rename(imcdata / "Work/N1JF9DG7", imcdata / "In/N1JF9DG7")
    assert watch.signs() == (
        "In/N1JF9DG7 appeared while the spool was watched",
        "Work/N1JF9DG7 vanished while the spool was watched",
    )


def test_what_lies_elsewhere_in_imcdata_is_not_looked_at(imcdata: Path) -> None:
    watch = at_once(imcdata)
    (imcdata / "imctool/lock").touch()
    (imcdata / "Turfdir/P1JF9DG7").unlink()
    (imcdata / "Backup").mkdir()
    (imcdata / "Queue.old").touch()
    (imcdata / "In/Archive/K1JF9DG7").write_bytes(b"the names alone are compared in an archive")
    assert watch.signs() == ()


@posix
def test_names_of_folders_count_in_any_letter_case(tmp_path: Path) -> None:
    for name in ("IN/ARCHIVE", "in/archive", "oUT", "LOG"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    (tmp_path / "QUEUE.DAT").touch()
    watch = SpoolWatch(tmp_path, held=lambda path: path.endswith("QUEUE.DAT"))
    (tmp_path / "IN/ARCHIVE/A").touch()
    (tmp_path / "oUT/B").touch()
    (tmp_path / "LOG/l1.log").touch()
    assert watch.signs(at_least=0) == (
        "QUEUE.DAT is held open by another process",
        "IN/ARCHIVE/A appeared while the spool was watched",
        "LOG/l1.log appeared while the spool was watched",
        "oUT/B appeared while the spool was watched",
    )


def test_five_changes_are_told_and_the_others_counted(imcdata: Path) -> None:
    watch = at_once(imcdata)
    for number in range(8):
        (imcdata / f"In/A{number}").touch()
    *told, last = watch.signs()
    assert told == [f"In/A{number} appeared while the spool was watched" for number in range(5)]
    assert last == "and 3 more changed while the spool was watched"


def test_five_files_held_open_are_told_and_the_others_counted(imcdata: Path) -> None:
    for number in range(2, 9):
        (imcdata / f"Log/L000000{number}.LOG").touch()
    *told, last = SpoolWatch(imcdata, held=lambda path: True).signs(at_least=0)
    assert len(told) == 5
    assert told[0] == "Queue.dat is held open by another process"
    assert last == "and 4 more held open"


@pytest.mark.parametrize(("spent", "waited"), [(0.0, [0.5]), (0.2, [0.3]), (0.5, []), (60.0, [])])
def test_only_what_is_left_of_the_time_is_waited_for(
    imcdata: Path, spent: float, waited: list[float]
) -> None:
    now = [1000.0]
    slept: list[float] = []
    watch = SpoolWatch(imcdata, clock=lambda: now[0], wait=slept.append, held=lambda _: False)
    now[0] += spent
    assert watch.signs() == ()
    assert slept == pytest.approx(waited)


def test_the_second_look_comes_after_the_wait(imcdata: Path) -> None:
    watch = SpoolWatch(imcdata, wait=lambda seconds: appear(imcdata), held=lambda _: False)
    assert watch.signs(at_least=30) == ("In/Q1JF9DG7 appeared while the spool was watched",)


def test_the_clock_of_the_machine_is_waited_for(imcdata: Path) -> None:
    started = time.monotonic()
    SpoolWatch(imcdata).signs(at_least=0.05)
    assert time.monotonic() - started >= 0.05


def test_a_spool_that_is_missing_or_no_folder_gives_no_sign(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for name in ("missing", "file", "empty"):
        assert SpoolWatch(tmp_path / name).signs(at_least=0) == ()


@posix
def test_links_are_not_followed_below_the_folder_named(imcdata: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "Queue.dat").touch()
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "In").symlink_to(outside)
    (linked / "Queue.dat").symlink_to(outside / "Queue.dat")
    (linked / "Out").mkdir()
    (linked / "Out/Archive").symlink_to(outside)
    os.mkfifo(linked / "Out/pipe")
    watch = SpoolWatch(linked, held=lambda path: True)
    (outside / "new").touch()
    (outside / "Queue.dat").write_bytes(b"grown")
    assert watch.signs(at_least=0) == ()

    (tmp_path / "named").symlink_to(imcdata)
    watch = at_once(tmp_path / "named")
    appear(imcdata)
    assert watch.signs() == ("In/Q1JF9DG7 appeared while the spool was watched",)


@linux
def test_an_odd_name_stays_on_its_line(imcdata: Path) -> None:
    watch = at_once(imcdata)
    for name in (b"a\nQueue.dat is free", b"\xff\xfe", b"\x1b[2J", "é\u202e".encode(), b"a b"):
        (Path(os.fsdecode(os.fsencode(imcdata / "In") + b"/" + name))).touch()
    assert [
        sign.removesuffix(" appeared while the spool was watched") for sign in watch.signs()
    ] == [
        "In/\\x1b[2J",
        "In/a\\nQueue.dat is free",
        "In/a b",
        "In/é\\u202e",
        "In/\\udcff\\udcfe",
    ]


@posix
def test_watching_changes_neither_content_nor_times(imcdata: Path) -> None:
    everything = sorted([imcdata, *imcdata.rglob("*")])
    for path in everything:
        os.utime(path, ns=(OLD, OLD + 1))  # an access time before the last change is renewed
    SpoolWatch(imcdata).signs(at_least=0)
    assert {(os.stat(path).st_atime_ns, os.stat(path).st_mtime_ns) for path in everything} == {
        (OLD, OLD + 1)
    }


def test_nothing_of_the_spool_is_opened_for_writing(imcdata: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from imctool.repair.service_signs import SpoolWatch\n"
        "writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND\n"
        "def told(event, args):\n"
        "    if event == 'open' and args[2] & writes or event in {'os.rename', 'os.remove',\n"
        "        'os.mkdir', 'os.utime', 'os.chmod', 'os.truncate', 'os.link'}:\n"
        "        print(event, args)\n"
        "sys.addaudithook(told)\n"
        "SpoolWatch(Path(sys.argv[1])).signs(0)\n"
    )
    run = subprocess.run(
        [sys.executable, "-B", "-c", code, str(imcdata)], capture_output=True, text=True, check=True
    )
    assert run.stdout == ""


@posix
def test_a_user_without_rights_is_told_of_changes_in_a_tree_only_to_be_read(public: Path) -> None:
    for path in [public, *public.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)

    def meanwhile() -> None:
        vanish(public)
        grow(public)

    assert watched_by_nobody(public, meanwhile) == (
        "Out/L1JF9DG7 grew while the spool was watched",
        "Work/N1JF9DG7 vanished while the spool was watched",
    )


@posix
def test_folders_that_may_not_be_read_are_passed_over(public: Path) -> None:
    (public / "In").chmod(0)
    (public / "Out/Archive").chmod(0o111)
    (public / "Work").chmod(0o444)  # names may be seen, nothing else of the files

    def meanwhile() -> None:
        appear(public)
        archive_out(public)
        (public / "Work/N1JF9DG7").write_bytes(b"longer than before")
        (public / "Work/N2JF9DG7").touch()

    assert watched_by_nobody(public, meanwhile) == (
        "Work/N2JF9DG7 appeared while the spool was watched",
    )


@posix
def test_a_folder_that_may_be_read_only_later_is_not_taken_for_a_change(public: Path) -> None:
    (public / "In").chmod(0)
    assert watched_by_nobody(public, lambda: (public / "In").chmod(0o755)) == ()


@linux
def test_a_lease_on_another_users_file_is_not_permitted_and_tells_nothing(public: Path) -> None:
    with other_process("held = open(path, 'ab')", public / "Queue.dat"):
        assert watched_by_nobody(public, lambda: None) == ()


@linux
def test_the_process_of_another_user_is_told_without_its_name(public: Path) -> None:
    if os.geteuid() == 0:
        os.chown(public / "Queue.dat", 65534, 65534)
    with other_process("held = open(path, 'ab')", public / "Queue.dat"):
        assert watched_by_nobody(public, lambda: None) == (
            "Queue.dat is held open by another process",
        )


def test_no_sign_needs_no_hint() -> None:
    assert stop_hint(()) == ""


def test_the_hint_tells_the_signs_the_command_and_what_overrides() -> None:
    hint = stop_hint(("Queue.dat is held open by another process", "In/A appeared"))
    lines = hint.splitlines()
    assert "  Queue.dat is held open by another process" in lines
    assert "  In/A appeared" in lines
    assert "net stop MSExchangeIMC" in hint
    assert "--service-stopped" in hint
    assert all(len(line) <= 100 for line in lines)


@given(
    before=st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(0, 3)),
    after=st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(0, 3)),
)
def test_exactly_what_differs_between_the_looks_is_counted(
    before: dict[str, int], after: dict[str, int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        inbound = Path(folder) / "In"
        inbound.mkdir()

        def put(name: str, size: int) -> None:
            (inbound / name).write_bytes(b"x" * size)
            os.utime(inbound / name, ns=(OLD, OLD))

        for name, size in before.items():
            put(name, size)
        watch = at_once(Path(folder))
        for name in before.keys() - after.keys():
            (inbound / name).unlink()
        for name, size in after.items():
            put(name, size)
        signs = watch.signs()
    differ = sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )
    assert [sign.split()[0] for sign in signs[:5]] == [f"In/{name}" for name in differ[:5]]
    assert signs[5:] == (
        (f"and {len(differ) - 5} more changed while the spool was watched",)
        if len(differ) > 5
        else ()
    )
