"""Times the readers of protocol and tracking logs against counting the line ends of the same logs.

Run from the root of the repository: ``python -m benchmarks.logs --messages 2000``.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.site import write_large_site
from imctool.model.evidence import EvidenceFile, Form, InputKind
from imctool.readers.protocol_log import read_protocol_log
from imctool.readers.tracking_log import read_tracking_log

SITES = (
    ("medium", "medium", "raw"),
    ("maximum, packets", "maximum", "raw"),
    ("maximum, lines", "maximum", "lines"),
)


def logs_in(folder: Path, pattern: str, kind: InputKind, form: Form) -> list[EvidenceFile]:
    """Return the logs below ``folder`` whose path fits."""
    return [
        EvidenceFile(path, path.name, path.stat().st_size, kind, form)
        for path in sorted(folder.glob(pattern))
    ]


def read_protocol_logs(files: Sequence[EvidenceFile]) -> None:
    for file in files:
        for _ in read_protocol_log(file):
            pass


def read_tracking_logs(files: Sequence[EvidenceFile]) -> None:
    for file in files:
        for _ in read_tracking_log(file):
            pass


def count_lines(files: Sequence[EvidenceFile]) -> None:
    for file in files:
        file.path.read_bytes().count(b"\n")


def best(
    work: Callable[[Sequence[EvidenceFile]], None], files: Sequence[EvidenceFile], rounds: int
) -> float:
    """Return the shortest of so many times, in seconds."""
    times = []
    for _ in range(rounds):
        gc.collect()
        start = time.perf_counter()
        work(files)
        times.append(time.perf_counter() - start)
    return min(times)


def report(
    name: str,
    read: Callable[[Sequence[EvidenceFile]], None],
    files: Sequence[EvidenceFile],
    messages: int,
    rounds: int,
) -> None:
    """Print the rate of one reader and its ratio to counting the lines."""
    size = sum(file.size for file in files)
    seconds = best(read, files, rounds)
    counted = best(count_lines, files, rounds)
    print(
        f"{name:18} {messages / seconds:9.0f} messages/s {size / seconds / 1e6:7.1f} MB/s"
        f" {seconds / counted:7.1f} times as long as counting the lines"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    for name, level, form in SITES:
        with tempfile.TemporaryDirectory() as folder:
            write_large_site(
                Path(folder),
                chosen.messages,
                protocol_level=level,
                packet_form=form,
                spool_files=0,
            )
            logs = Path(folder) / "Exchsrvr"
            protocol = logs_in(logs, "Imcdata/Log/*.LOG", InputKind.PROTOCOL_LOG, Form.PROTOCOL_LOG)
            report(name, read_protocol_logs, protocol, chosen.messages, chosen.rounds)
            if level == "medium":
                tracking = logs_in(
                    logs, "Tracking.log/*.log", InputKind.TRACKING_LOG, Form.TRACKING_LOG
                )
                report("tracking", read_tracking_logs, tracking, chosen.messages, chosen.rounds)


if __name__ == "__main__":
    main()
