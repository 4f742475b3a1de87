"""Times requeue: the moves against the same calls without a journal, and whole runs by stage.

Run from the root of the repository: ``python -m benchmarks.requeue moves`` and
``python -m benchmarks.requeue run``; ``write FOLDER`` writes the site that ``run`` is timed on.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.site import BUILD, HOST, SERVER, EventLog
from benchmarks.skeleton import SEED, message
from imctool.model.action import ActionStatus
from imctool.model.journal import SpoolIdentity
from imctool.model.spool_name import SpoolName
from imctool.repair.folder import Folder, open_folder
from imctool.repair.journal import Journal
from imctool.repair.moves import Move, Place, move_files
from imctool.repair.requeue_plan import identity_of
from tests.site_builder import ZONE_KEY, came, record
from tests.spool_builder import imcr_envelope

FILES = 20_000
FILE_SIZE = 7_600
BATCHES = (64, 256, 512, 1024)
FAILED = 3_000
LETTERS = 400
BEGAN = datetime(1999, 11, 30, 8, 0, 0)
EVERY = timedelta(seconds=13)
STAGES = ("reading", "ledger", "causes", "selection", "plan", "moving", "output")

_RECEIVED = re.compile(rb"NSBA3BR3; .*?\r\n")
"""The spool name and the date in the Received line of the letters that are written from."""

_BLOCK = 1 << 20
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class Spent(NamedTuple):
    """Seconds on the clock and of the processor, of the program and its workers."""

    wall: float
    processor: float


def _least(known: Spent | None, spent: Spent) -> Spent:
    return spent if known is None else Spent(*map(min, known, spent))


@contextmanager
def _counted(spent: list[float]) -> Iterator[None]:
    before, start = sum(os.times()[:4]), time.perf_counter()
    try:
        yield
    finally:
        spent[0] += time.perf_counter() - start
        spent[1] += sum(os.times()[:4]) - before


# The moves


def write_files(folder: Path, files: int) -> list[str]:
    """Write so many small files, no two alike, into ``In/Archive``; return their names."""
    archive = folder / "In" / "Archive"
    archive.mkdir(parents=True)
    chance = random.Random(SEED)
    content = chance.randbytes(FILE_SIZE)
    name = SpoolName.parse("NSBA3BR3")
    names = []
    for number in range(files):
        name = name.successor()
        names.append(str(name))
        with open(f"{archive}/{name}", "wb", 0) as file:
            file.write(number.to_bytes(8, "big") + content[8:])
    return names


class Sides(NamedTuple):
    """The two folders between which files go to and fro."""

    archive: Folder
    inbound: Folder


def bare(names: list[str], sides: Sides, batch: int) -> None:
    """Do the least: hash, link and unlink each file, and flush both folders once a batch.

    The files are read whole, and by their folder's descriptor, as in the program (POSIX only);
    nothing is compared or written down.
    """
    source, target = (os.open(one.path, os.O_RDONLY) for one in sides)
    for start in range(0, len(names), batch):
        some = names[start : start + batch]
        for name in some:
            descriptor = os.open(name, _READ, dir_fd=source)
            found = hashlib.sha256()
            while block := os.read(descriptor, _BLOCK):
                found.update(block)
            os.close(descriptor)
            found.hexdigest()
        for name in some:
            os.link(name, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
        os.fsync(target)
        for name in some:
            os.unlink(name, dir_fd=source)
        os.fsync(source)
    os.close(source)
    os.close(target)


def journaled(moves: list[Move], sides: Sides, top: Folder, number: int, batch: int) -> None:
    """Move the files as requeue does, with a new journal."""
    journal = Journal.create(top, f"{number}.jsonl", f"{number}.jsonl")
    journal.begin(SpoolIdentity(top.path, 0, 0), "requeue", messages=len(moves))
    source, target = Place(sides.archive, "In/Archive"), Place(sides.inbound, "In")
    moved = move_files(moves, source, target, journal, batch)
    done = sum(one.status is ActionStatus.DONE for one in moved)
    journal.end(done=done)
    journal.close()
    assert done == len(moves)


def back(names: list[str], sides: Sides) -> None:
    """Put the files back into the archive for the next round, and flush what was written."""
    for name in names:
        os.rename(f"{sides.inbound.path}/{name}", f"{sides.archive.path}/{name}")
    os.sync()


def time_moves(folder: Path, files: int, rounds: int) -> None:
    """Print files a second of both, in turn, and their ratio; the least time of the rounds."""
    gc.set_threshold(2_000_000, 20, 100)  # as the program sets it (imctool/cli/main.py)
    names = write_files(folder, files)
    top = open_folder(folder)
    sides = Sides(open_folder(folder / "In" / "Archive"), open_folder(folder / "In"))
    moves = [Move(name, identity_of(sides.archive, name), name, name, 1) for name in names]
    os.sync()
    best: dict[tuple[str, int], Spent] = {}
    number = 0
    for _ in range(rounds):
        for batch in BATCHES:
            number += 1
            runs: dict[str, Callable[[], None]] = {
                "bare": partial(bare, names, sides, batch),
                "moves": partial(journaled, moves, sides, top, number, batch),
            }
            for kind, run in runs.items():
                spent = [0.0, 0.0]
                with _counted(spent):
                    run()
                best[kind, batch] = _least(best.get((kind, batch)), Spent(*spent))
                back(names, sides)
    print(f"{files} files of {FILE_SIZE} bytes, the least of {rounds} rounds")
    for batch in BATCHES:
        least, own = best["bare", batch], best["moves", batch]
        print(
            f"  {batch:5} a batch: requeue's moves {files / own.wall:6.0f} files/s, link, unlink,"
            f" hash and flushes alone {files / least.wall:6.0f}; ratio {own.wall / least.wall:.2f},"
            f" of processor time {own.processor / least.processor:.2f}"
        )


# Whole runs


def write_failed_site(folder: Path, failed: int) -> Path:
    """Write a 5.5 site whose every message was archived by event 4117, and return its folder.

    It has their files, event log, protocol log at Medium, tracking log, settings, and Queue.dat.
    """
    data = folder / "Exchsrvr" / "Imcdata"
    for inside in ("In/Archive", "Out", "Work", "Pickup", "Log"):
        (data / inside).mkdir(parents=True)
    (folder / "Exchsrvr" / "Tracking.log").mkdir()
    chance = random.Random(SEED)
    name = SpoolName.parse("NSBA3BR3")
    texts = [message(chance, number % 4, name) for number in range(LETTERS)]
    events = EventLog(folder / "winnt" / "AppEvent.Evt")
    events.add(BEGAN - timedelta(minutes=1), "MSExchangeIMC", 1000, 4, BUILD)
    sessions: list[str] = []
    tracked: dict[str, list[str]] = {}
    own: list[SpoolName] = []
    moment = BEGAN
    for number in range(failed):
        name = name.successor()
        own.append(name)
        moment += EVERY
        sender = f"user{number}@mail{number % 97}.example.net"
        recipient = f"bob{number % 500}@example.com"
        mts_id = f"c=US;a= ;p=EXAMPLE;l={SERVER}{moment:%y%m%d%H%M}{name}"
        text = texts[number % LETTERS]
        own_line = b"%b; %b\r\n" % (
            str(name).encode("ascii"),
            format_datetime(moment.replace(tzinfo=UTC)).encode("ascii"),
        )
        text = _RECEIVED.sub(own_line, text, 1).replace(b"-ID: <", b"-ID: <%x." % number, 1)
        envelope = imcr_envelope(
            sender, [recipient], mts_id=mts_id, time=moment, peer=f"mail{number % 97}.example.net"
        )
        (data / "In" / "Archive" / str(name)).write_bytes(envelope + text)
        sessions.append(came(moment, sender).replace("me@o.example", recipient))
        day = tracked.setdefault(f"{moment:%Y%m%d}", [])
        day.append(record(mts_id, 1012, moment + timedelta(seconds=1), sender, recipient))
        events.add(moment + timedelta(seconds=3), "MSExchangeIMC", 4117, 1, str(name))
    events.close()
    (data / "Log" / "L0000000.LOG").write_text("".join(sessions), newline="")
    for day_name, records in tracked.items():
        path = folder / "Exchsrvr" / "Tracking.log" / f"{day_name}.log"
        path.write_text("".join(records), newline="")
    (data / "Queue.dat").write_bytes(_queue(own[: failed // 10]))
    registry = f'REGEDIT4\r\n\r\n[{ZONE_KEY}]\r\n"ActiveTimeBias"=dword:00000000\r\n'
    (folder / "registry.reg").write_text(registry, newline="")
    return folder


def _queue(names: list[SpoolName]) -> bytes:
    """Return bytes in which the names can be found; the format of Queue.dat is not known."""
    entries = (struct.pack("<II", 1, 0) + f"{name}\0{HOST}\0".encode("ascii") for name in names)
    return struct.pack("<IIII", 1, len(names), 0, 0) + b"".join(entries)


class Program(NamedTuple):
    """The program as it is started, in an environment that keeps compiled modules.

    Those of an installed program are there already; the first of several rounds makes them.
    """

    environment: dict[str, str]

    @classmethod
    def compiled_in(cls, folder: Path) -> Program:
        """Return the program with its compiled modules in that folder."""
        kept = {name: one for name, one in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return cls({**kept, "PYTHONPYCACHEPREFIX": str(folder)})

    def run(self, *arguments: str) -> Spent:
        """Return what a run spent. Raises AssertionError where it does not end with 0."""
        return self._spent("imctool", arguments)[0]

    def requeue_by_stage(self, site: Path, *options: str) -> dict[str, Spent]:
        """Requeue in a process that times its own stages, and return them."""
        whole, told = self._spent("benchmarks.requeue", ("staged", str(site), *options))
        found = {name: Spent(*spent) for name, spent in json.loads(told).items()}
        rest = Spent(
            whole.wall - sum(one.wall for one in found.values()),
            whole.processor - sum(one.processor for one in found.values()),
        )
        return {"start-up and the rest": rest, **found}

    def _spent(self, module: str, arguments: tuple[str, ...]) -> tuple[Spent, str]:
        before, start = os.times(), time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            check=False,
            capture_output=True,
            text=True,
            env=self.environment,
        )
        wall, after = time.perf_counter() - start, os.times()
        assert done.returncode == 0, done.stderr
        return Spent(wall, sum(after[2:4]) - sum(before[2:4])), done.stderr


def run_staged(site: Path, options: list[str]) -> None:
    """Requeue in this process; write what each stage spent to stderr, as JSON."""
    from imctool.cli import requeue_output, requeue_planning
    from imctool.cli.main import main as imctool
    from imctool.ledger import ledger
    from imctool.readers import collection
    from imctool.repair import requeue, requeue_plan, requeue_selection

    spent: dict[str, list[float]] = {name: [0.0, 0.0] for name in STAGES}
    places: tuple[tuple[str, Any, str], ...] = (
        ("reading", collection, "collect"),
        ("ledger", ledger, "build_ledger"),
        ("causes", requeue_planning, "_judge"),
        ("selection", requeue_selection, "select"),
        ("plan", requeue_plan, "make_plan"),
        ("moving", requeue, "_carry_out"),
        ("output", requeue_output.RequeueOutput, "write"),
    )
    for name, place, attribute in places:
        setattr(place, attribute, _timed(getattr(place, attribute), spent[name]))
    sys.argv = ["imctool", "requeue", str(site), "--yes", "--service-stopped", *options]
    try:
        imctool()
    finally:
        sys.stdout.flush()
        sys.stderr.write(json.dumps(spent))


def _timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def run(*given: Any, **named: Any) -> Any:
        with _counted(spent):
            return function(*given, **named)

    return run


def time_runs(folder: Path, failed: int, rounds: int) -> None:
    """Print what a requeue, its verify and its undo of a whole site take; the least of rounds."""
    site = write_failed_site(folder / "site", failed)
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    data = site / "Exchsrvr" / "Imcdata"
    os.sync()
    best: dict[str, Spent] = {}

    def note(name: str, spent: Spent) -> None:
        best[name] = _least(best.get(name), spent)

    program = Program.compiled_in(folder / "compiled")
    told = ["requeue", str(site), "--yes", "--service-stopped"]
    runs: dict[str, Callable[[], Spent | dict[str, Spent]]] = {
        "requeue": lambda: program.run(*told),
        "requeue --format json": lambda: program.run(*told, "--format", "json"),
        "requeue --jobs 1": lambda: program.run(*told, "--jobs", "1"),
        "by stage": lambda: program.requeue_by_stage(site, "--jobs", "1"),
    }
    for _ in range(rounds):
        for name, run in runs.items():
            spent = run()
            if isinstance(spent, Spent):
                note(name, spent)
            else:
                for stage, one in spent.items():
                    note(f"  {stage}", one)
            (journal,) = (data / "imctool").iterdir()
            moved = sum(one.is_file() for one in (data / "In").iterdir())
            assert moved == failed, moved
            note("verify", program.run("verify", str(journal)))
            note("undo", program.run("undo", str(journal), "--service-stopped"))
            journal.unlink()
            assert len(list((data / "In" / "Archive").iterdir())) == failed
    print(f"{failed} failed messages, {size / 1e6:.0f} MB of evidence, the least of {rounds}")
    for name, spent in best.items():
        print(f"  {name:28} {spent.wall:6.2f} s, processor {spent.processor:6.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    jobs = parser.add_subparsers(dest="job", required=True)
    one = jobs.add_parser("moves", help="the moves alone, with and without a journal")
    one.add_argument("--files", type=int, default=FILES)
    one.add_argument("--rounds", type=int, default=5)
    one = jobs.add_parser("run", help="whole runs over a site of failed messages")
    one.add_argument("--failed", type=int, default=FAILED)
    one.add_argument("--rounds", type=int, default=5)
    one = jobs.add_parser("write", help="write the site of the whole runs")
    one.add_argument("folder", type=Path)
    one.add_argument("--failed", type=int, default=FAILED)
    one = jobs.add_parser("staged", help="requeue a site in this process, by stage")
    one.add_argument("folder", type=Path)
    chosen, options = parser.parse_known_args()
    if options and chosen.job != "staged":
        parser.error(f"unknown: {' '.join(options)}")
    if chosen.job == "write":
        write_failed_site(chosen.folder, chosen.failed)
    elif chosen.job == "staged":
        run_staged(chosen.folder, options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            if chosen.job == "moves":
                time_moves(Path(folder), chosen.files, chosen.rounds)
            else:
                time_runs(Path(folder), chosen.failed, chosen.rounds)


if __name__ == "__main__":
    main()
