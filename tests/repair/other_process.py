"""A real process beside the test that does something with a file, and stays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def other_process(does: str, path: Path) -> Iterator[int]:
    """Run one Python statement or more on ``path`` in another process; give its number.

    The body runs once the statements are done; the process ends with it.
    """
    code = f"import sys; path = sys.argv[1]; {does}; print('ready', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline().strip() == b"ready"
            yield process.pid
        finally:
            process.stdin.close()
