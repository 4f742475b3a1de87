"""The one gate through which text of the evidence reaches a terminal, a file or a page.

Evidence may hold escape sequences, bidirectional overrides and control characters that would
rewrite what the reader sees; each becomes visible as ``\\xNN`` or ``\\u{...}``.
"""

from __future__ import annotations

import re
import unicodedata

INVISIBLE = (
    "\x7f-\x9f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ud800-\udfff"
)
"""DEL, C1, format characters (Unicode category Cf), fillers that show nothing, surrogates."""

_COMBINING = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_UNSAFE = re.compile(
    f"[\x00-\x1f{INVISIBLE}]"  # C0 too, line ends and tabs among it
    f"|(?<=[{_COMBINING}]{{4}})[{_COMBINING}]"  # no letter bears more than four marks
)


def safe_text(text: str) -> str:
    """Return ``text`` on one line with every unsafe character shown as its number."""
    return _UNSAFE.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{{{number:x}}}"


def safe_cell(text: str) -> str:
    """Return ``text`` safe for a spreadsheet cell too: no cell starts as a formula (OWASP)."""
    shown = safe_text(text)
    start = shown.lstrip(" \u00a0")[:1]
    return "'" + shown if start and start in "=+-@\uff1d\uff0b\uff0d\uff20" else shown


def text_width(text: str) -> int:
    """Return how many terminal cells safe text takes: wide characters two, marks none."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def padded(text: str, width: int) -> str:
    """Return safe text with blanks behind it up to ``width`` cells."""
    return text + " " * (width - text_width(text))


def shorten(text: str, width: int) -> str:
    """Return ``text`` made safe and at most ``width`` cells wide, cut with three dots."""
    shown = safe_text(text)
    if text_width(shown) <= width:
        return shown
    room = width - 3 if width >= 6 else width
    kept = []
    for character in shown:
        room -= _cells(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + ("..." if width >= 6 else "")
