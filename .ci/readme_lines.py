"""Print the shell lines that stand in the first code block under "Quick start" of a README."""

import re
import sys
from pathlib import Path

text = Path(sys.argv[1]).read_text(encoding="utf-8")
section = re.search(r"^## Quick start\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
lines = []
for block in re.findall(
    r"^```(?:sh|bash)\n(.*?)^```", section[1] if section else "", re.DOTALL | re.MULTILINE
):
    lines += [line for line in block.splitlines() if line.strip() and not line.startswith("#")]
sys.stdout.write("\n".join(lines) + "\n")
