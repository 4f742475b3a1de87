"""Times ``list`` and ``diagnose`` on a generated site against BytesParser on its spool files alone.

Run from the root of the repository: ``python -m benchmarks.diagnose --messages 20000``. Times are
those of the processor (user and system), so that what else the machine does weighs less.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.site import write_large_site
from benchmarks.skeleton import standard
from imctool.model.evidence import EvidenceFile, Form, InputKind

OPTIONS = ["--jobs", "1", "--format", "json"]


def processor_time() -> float:
    """Return the seconds of processor time of this process and of those it waited for."""
    return sum(os.times()[:4])


def spool_files(site: Path) -> list[EvidenceFile]:
    """Return the mails of the site."""
    found = sorted(path for path in site.rglob("*") if path.is_file() and not path.suffix)
    return [
        EvidenceFile(path, path.name, path.stat().st_size, InputKind.OTHER, Form.SPOOL_FILE)
        for path in found
        if path.parent.name.lower() in {"in", "out", "archive"}
    ]


def run(command: str, site: Path) -> float:
    """Return the processor time of one run of the program over the site."""
    start = processor_time()
    subprocess.run(
        [sys.executable, "-m", "imctool", command, str(site), *OPTIONS],
        check=False,  # diagnose ends with 1 where it finds something, as it does here
        stdout=subprocess.DEVNULL,
    )
    return processor_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    messages = parser.parse_args().messages
    for level in ("none", "medium", "maximum"):
        with tempfile.TemporaryDirectory() as folder:
            site = Path(folder)
            write_large_site(site, messages, protocol_level=level, spool_files=messages)
            files = spool_files(site)
            start = processor_time()
            standard(files)
            parser_time = processor_time() - start
            print(f"protocol log {level}: BytesParser {parser_time:.2f} s for {len(files)} mails")
            for command in ("list", "diagnose"):
                seconds = run(command, site)
                ratio = seconds / parser_time
                print(f"  {command:10} {seconds:6.2f} s  {ratio:5.2f} of the parser's")


if __name__ == "__main__":
    main()
