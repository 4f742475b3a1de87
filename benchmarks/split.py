"""Times the division of a message with a million recipients against ``cat`` of what it writes.

Run from the root of the repository: ``python -m benchmarks.split``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from imctool.model.evidence import Location
from imctool.model.split import MailToSplit, SplitForm
from imctool.model.spool_name import SpoolName
from imctool.readers.file_buffer import file_buffer
from imctool.repair.recipient_split import plan_split
from imctool.repair.split_parts import write_parts
from tests.spool_builder import imcr_envelope

RECIPIENTS = 1_000_000
SIZE = 60_000_000
NAME = "TG45CLP6"
_LINE = b"0123456789" * 7 + b"\r\n"
_MEMORY = re.compile(r"VmHWM:\s+(\d+) kB")


class Spent(NamedTuple):
    """Seconds on the wall, and of processors, those of children included."""

    wall: float
    processor: float


def write_mail(path: Path, recipients: int, size: int) -> None:
    """Write a spool file with so many recipients, filled up to the size with text."""
    envelope = imcr_envelope(
        recipients=(f"u{number:06}@ex{number % 977}.example" for number in range(recipients))
    )
    text = b"Subject: To everybody\r\n\r\n"
    lines = max(size - len(envelope) - len(text), 0) // len(_LINE)
    path.write_bytes(envelope + text + _LINE * lines)


def timed(call: Callable[[], object]) -> Spent:
    before, start = sum(os.times()[:4]), time.perf_counter()
    call()
    return Spent(time.perf_counter() - start, sum(os.times()[:4]) - before)


def divide(path: Path, out: Path, form: str) -> None:
    """Plan and write in this process; print as JSON what both took, and the most memory."""
    mails: list[MailToSplit] = []

    def plan() -> None:
        with file_buffer(path) as buffer:
            found = plan_split(buffer)
        mails.append(MailToSplit(Location(path.name), path, SpoolName.find(path.name), found))

    def write() -> None:
        result = write_parts(mails, out, str(out), SplitForm(form))
        assert result.manifest is not None

    spent = [timed(plan), timed(write)]
    status = Path("/proc/self/status")
    memory = _MEMORY.search(status.read_text()) if status.exists() else None
    print(json.dumps({"spent": spent, "memory": int(memory[1]) if memory else None}))


def cat(files: list[str], target: str) -> None:
    with open(target, "wb") as stream:
        subprocess.run(["cat", *files], stdout=stream, check=True)


def compare(folder: Path, form: str, recipients: int, size: int, rounds: int) -> None:
    """Print the least that planning, writing and ``cat`` took in so many rounds."""
    path, out = folder / NAME, folder / "out"
    if not path.exists():
        write_mail(path, recipients, size)
    best: dict[str, Spent] = {}
    memory = written = count = 0

    def note(name: str, spent: Spent) -> None:
        best[name] = Spent(*map(min, best.get(name, spent), spent))

    for _ in range(rounds):
        shutil.rmtree(out, ignore_errors=True)
        os.sync()
        run = subprocess.run(
            [sys.executable, "-m", "benchmarks.split", "one", str(path), str(out), form],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        told = json.loads(run.stdout)
        note("plan", Spent(*told["spent"][0]))
        note("write", Spent(*told["spent"][1]))
        memory = max(memory, told["memory"] or 0)
        files = sorted(str(one) for one in out.iterdir())
        count, written = len(files), sum(os.path.getsize(one) for one in files)
        copy = str(folder / "cat")
        os.sync()
        note("cat into a file", timed(partial(cat, files, copy)))
        os.unlink(copy)
        note("cat to /dev/null", timed(partial(cat, files, os.devnull)))
    shutil.rmtree(out)
    print(
        f"{form}: {recipients:,} recipients, {path.stat().st_size / 1e6:.0f} MB in, {count} files "
        f"of {written / 1e6:.0f} MB out, {memory / 1024:.0f} MiB at most; the least of {rounds}"
    )
    for name, spent in best.items():
        print(f"  {name:18} {spent.wall:6.2f} s, processor {spent.processor:6.2f} s")
    for name in ("cat into a file", "cat to /dev/null"):
        wall, processor = (best["write"][kind] / best[name][kind] for kind in (0, 1))
        print(f"  write / {name:18} {wall:6.1f}, processor {processor:6.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    jobs = parser.add_subparsers(dest="job")
    parser.add_argument("--recipients", type=int, default=RECIPIENTS)
    parser.add_argument("--size", type=int, default=SIZE, help="of the spool file, in bytes")
    parser.add_argument("--rounds", type=int, default=5)
    one = jobs.add_parser("one", help="divide one file in this process")
    one.add_argument("path", type=Path)
    one.add_argument("out", type=Path)
    one.add_argument("form", choices=[str(form) for form in SplitForm])
    chosen = parser.parse_args()
    if chosen.job == "one":
        divide(chosen.path, chosen.out, chosen.form)
        return
    with tempfile.TemporaryDirectory() as folder:
        for form in SplitForm:
            compare(Path(folder), form, chosen.recipients, chosen.size, chosen.rounds)


if __name__ == "__main__":
    main()
