"""Times ``list`` and ``diagnose`` on a generated spool against BytesParser on its files alone.

Run from the root of the repository: ``python -m benchmarks.diagnose --messages 20000``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.skeleton import make_set, standard

OPTIONS = ["--jobs", "1", "--format", "json"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    messages = parser.parse_args().messages
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "Imcdata" / "In" / "Archive"
        archive.mkdir(parents=True)
        files = make_set(archive, messages)
        start = time.perf_counter()
        standard(files)
        parser_time = time.perf_counter() - start
        print(f"BytesParser  {parser_time:6.2f} s")
        for command in ("list", "diagnose"):
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "imctool", command, folder, *OPTIONS],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            seconds = time.perf_counter() - start
            print(f"{command:12} {seconds:6.2f} s  {seconds / parser_time:5.2f} of the parser's")


if __name__ == "__main__":
    main()
