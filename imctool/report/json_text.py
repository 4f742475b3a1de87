"""JSON that is readable as text and carries no raw control or bidirectional character."""

from __future__ import annotations

import json
import re
from typing import Any

from imctool.report.safe_text import INVISIBLE

_RAW = re.compile(f"[{INVISIBLE}]")


def json_text(document: Any, *, indent: int | None = None) -> str:
    """Return the document as JSON; what is unsafe to print raw is escaped inside strings."""
    return _RAW.sub(_escaped, json.dumps(document, ensure_ascii=False, indent=indent))


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(
        f"\\u{int.from_bytes(units[at : at + 2], 'big'):04x}" for at in range(0, len(units), 2)
    )
