"""Draw the README's picture: what diagnose prints for one story, as SVG.

``python docs/make_picture.py`` writes docs/diagnose.svg; with ``--check`` it only compares.
"""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path

from rich.console import Console

from imctool.causes.diagnosis import diagnose
from imctool.causes.findings import Tool
from imctool.cli.main import COMMANDS
from imctool.readers.collection import collect
from imctool.report.diagnosis_text import print_diagnosis

HERE = Path(__file__).resolve().parent
EVIDENCE = "fixtures/q230250/evidence"


def picture() -> str:
    """Return the SVG; the same evidence gives the same picture."""
    os.chdir(HERE.parent)
    console = Console(
        file=io.StringIO(),
        record=True,
        width=96,
        force_terminal=True,
        markup=False,
        highlight=False,
    )
    console.print(f"$ imctool diagnose {EVIDENCE}")
    diagnosis = diagnose(collect([Path(EVIDENCE)]), Tool(frozenset(COMMANDS), (EVIDENCE,)))
    print_diagnosis(diagnosis, console, every_message=False, verbose=False)
    drawn = console.export_svg(title="imctool", unique_id="imctool")
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)  # nothing is fetched


def main() -> int:
    target = HERE / "diagnose.svg"
    drawn = picture()
    if "--check" in sys.argv[1:]:
        same = target.read_text(encoding="utf-8") == drawn
        sys.stdout.write("the picture is up to date\n" if same else "docs/diagnose.svg is stale\n")
        return 0 if same else 1
    target.write_text(drawn, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
