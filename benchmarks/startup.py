"""Times ``imctool --version`` against ``python -c pass``, in turn, and prints the ratio.

Run from the root of the repository: ``python -m benchmarks.startup``.
"""

from __future__ import annotations

import subprocess
import sys
import time

ROUNDS = 20
COMMANDS = {
    "pass": [sys.executable, "-c", "pass"],
    "click": [sys.executable, "-c", "import click"],
    "imctool": [sys.executable, "-m", "imctool", "--version"],
}


def main() -> None:
    best = dict.fromkeys(COMMANDS, float("inf"))
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            best[name] = min(best[name], time.perf_counter() - start)
    for name, seconds in best.items():
        print(f"{name:8} {seconds * 1000:6.1f} ms  {seconds / best['pass']:5.2f}")


if __name__ == "__main__":
    main()
