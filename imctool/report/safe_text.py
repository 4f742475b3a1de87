"""The one gate through which text of the evidence reaches a terminal, a file or a page.

Evidence may hold escape sequences, bidirectional overrides and control characters that would
rewrite what the reader sees; each becomes visible as ``\\xNN`` or ``\\u{...}``.
"""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0 (line ends and tabs too), DEL, C1
    "\u00ad\u061c\u180e\u200b-\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def safe_text(text: str) -> str:
    """Return ``text`` on one line with every unsafe character shown as its number."""
    return _UNSAFE.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{{{number:x}}}"


def safe_lines(text: str) -> str:
    """Return ``text`` with its line ends and tabs kept and all else made safe."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(safe_text(cell) for cell in line.split("\t")) for line in lines)


def safe_cell(text: str) -> str:
    """Return ``text`` safe for a spreadsheet cell too: no cell starts as a formula (OWASP)."""
    shown = safe_text(text)
    start = shown.lstrip(" \u00a0")[:1]
    return "'" + shown if start and start in "=+-@\uff1d\uff0b\uff0d\uff20" else shown


def shorten(text: str, width: int) -> str:
    """Return safe text of at most ``width`` characters, cut with three dots."""
    shown = safe_text(text)
    return shown if len(shown) <= width else shown[: max(0, width - 3)] + "..."
