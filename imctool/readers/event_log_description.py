"""The text Event Viewer puts in place of a description whose message DLL it does not find."""

from __future__ import annotations

import re

_NT_4 = re.compile(r"contains\s+the\s+following\s+insertion\s+string\(s\)\s*:", re.IGNORECASE)
_WINDOWS_2000 = re.compile(
    r"following\s+information\s+is\s+part\s+of\s+the\s+event\s*:", re.IGNORECASE
)
_VISTA = re.compile(
    r"following\s+information\s+was\s+included\s+with\s+the\s+event\s*:", re.IGNORECASE
)
_MISSING = re.compile(
    r"\s*(?:The\s+)?description\s+for\s+Event\s+ID\b.{0,300}?\b(?:could\s+not|cannot)\s+be\s+found",
    re.IGNORECASE | re.DOTALL,
)


def insertion_strings(message: str) -> tuple[str, ...]:
    """Return the insertion strings that stand in such a text; empty for any other.

    NT 4.0 and 2000 to 2003 put them on one line, split here at a comma or semicolon before
    white space, without the full stop at the end (Q189614, Q200815): a string with such a comma
    in it falls apart. Where each stands in single quotes, the quotes split them. Vista and later
    give each a line of its own. The list ends at a blank line. The separators are inferred.
    """
    if "escription" not in message[:20] or not _MISSING.match(message):
        return ()
    vista = _VISTA.search(message)
    found = vista or _NT_4.search(message) or _WINDOWS_2000.search(message)
    if not found:
        return ()
    listed = re.split(r"\n[ \t]*\n", message[found.end() :].strip(), maxsplit=1)[0]
    if vista:
        return tuple(line.strip() for line in listed.split("\n") if line.strip())
    if len(listed) > 1 and listed[0] == listed[-1] == "'":
        return tuple(re.split(r"',\s*'", listed[1:-1]))
    strings = re.split(r"[,;]\s+", listed.removesuffix("."))
    return tuple(string.strip() for string in strings if string.strip())
