"""Reading a binary event log: 100,000 records of the connector, against libevt in the same run.

Usage: python benchmarks/evt.py [RECORDS], with imctool installed or PYTHONPATH=.
"""

from __future__ import annotations

import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from imctool.model.event import Event
from imctool.model.evidence import EvidenceFile, Form, InputKind
from imctool.readers.event_log_evt import read_evt

RUNS = 5


def record(number: int) -> bytes:
    """Return a 4117, 4120 or 4131 as the connector writes it: one string, 17 bytes of data."""
    event_id = 0xC0000000 | (4117, 4120, 4131)[number % 3]
    names = "MSExchangeIMC\0BACON610\0".encode("utf-16-le")
    strings = f"M4XD{number % 10000:04d}\0".encode("utf-16-le")
    data = struct.pack("<II", 0x0002019A, 0x8007000E) + b"TG45CLP6\0"
    strings_at = 56 + len(names)
    data_at = strings_at + len(strings)
    length = data_at + len(data)
    length += -length % 4 + 4
    when = 947600000 + number
    fixed = (length, b"LfLe", number, when, when, event_id, 1, 1, 2, 0, 0)
    offsets = (strings_at, 0, strings_at, len(data), data_at)
    raw = struct.pack("<I4s4I4HI5I", *fixed, *offsets) + names + strings + data
    return raw.ljust(length - 4, b"\0") + struct.pack("<I", length)


def write_log(path: Path, count: int) -> None:
    """Write a clean log of ``count`` records to ``path``."""
    body = b"".join(record(number) for number in range(1, count + 1))
    stop = 0x30 + len(body)
    size = stop + 40 + -(stop + 40) % 0x10000
    header = (0x30, b"LfLe", 1, 1, 0x30, stop, count + 1, 1, size, 0, 0, 0x30)
    marks = (0x28, 0x11111111, 0x22222222, 0x33333333, 0x44444444)
    end = struct.pack("<10I", *marks, 0x30, stop, count + 1, 1, 0x28)
    path.write_bytes((struct.pack("<I4s10I", *header) + body + end).ljust(size, b"\0"))


def read_with_imctool(path: Path) -> int:
    """Return how many events imctool reads."""
    file = EvidenceFile(path, path.name, path.stat().st_size, InputKind.EVENT_LOG, Form.EVT)
    return sum(isinstance(found, Event) for found in read_evt(file))


def read_with_libevt(path: Path) -> int:
    """Return how many records libevt reads, each with the fields that an Event holds."""
    import pyevt

    log = pyevt.file()
    log.open(str(path))
    count = 0
    for one in log.records:
        _ = (
            one.identifier,
            one.creation_time,
            one.event_identifier,
            one.event_type,
            one.event_category,
            one.source_name,
            one.computer_name,
            one.user_security_identifier,
            tuple(one.strings),
            one.data,
        )
        count += 1
    log.close()
    return count


def best_rate(read: Callable[[Path], int], path: Path, count: int) -> float:
    """Return the most records a second over some runs."""
    best = 0.0
    for _ in range(RUNS):
        start = time.perf_counter()
        found = read(path)
        best = max(best, count / (time.perf_counter() - start))
        if found != count:
            raise SystemExit(f"{read.__name__}: {found} of {count} records")
    return best


def main() -> None:
    """Print the rates and their ratio."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "AppEvent.Evt"
        write_log(path, count)
        print(f"{count} records, {path.stat().st_size / 1e6:.1f} MB")
        own = best_rate(read_with_imctool, path, count)
        print(f"imctool  {own:9.0f} records/s")
        try:
            libevt = best_rate(read_with_libevt, path, count)
        except ImportError:
            print("libevt   not installed")
            return
        print(f"libevt   {libevt:9.0f} records/s\nratio    {own / libevt:9.2f}")


if __name__ == "__main__":
    main()
