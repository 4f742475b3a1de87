"""Where the packets of a message text stand in an SMTP protocol log, found many at a time."""

from __future__ import annotations

import re

from imctool.readers.logged_text import ENTRY_LIMIT
from imctool.readers.protocol_log_lines import KNOWN_TEXT, STAMP_ON_LINE

PACKET = b"<<< IO: |"
"""What stands between the timestamp of a packet and its bytes (Maximum level)."""

LONG_STAMP = 128
"""A longer timestamp is none that Windows writes."""

_STAMP = re.compile(STAMP_ON_LINE)
_ENTRY = re.compile(rb"\r\n" + STAMP_ON_LINE + rb"(?:<<< IO: \|)?")
_SHORTEST_CUT = ENTRY_LIMIT - LONG_STAMP - 32


def packets_from(window: bytes, position: int, stamp: bytes) -> tuple[list[int], int]:
    """Return where the bytes of the packets begin that carry ``stamp``, and where another line
    stands that may be an entry, or the end.

    The lines begin at ``position``, which is at least 2: the line before may have no CRLF, and
    then no entry follows it.
    """
    begin = b"\r\n" + stamp + PACKET
    payloads: list[int] = []
    for found in _ENTRY.finditer(window, position - 2):
        if found[0] != begin:
            return payloads, found.start() + 2
        payloads.append(found.end())
    return payloads, len(window)


def begins_entry(line: bytes, position: int) -> bool:
    """Tell whether a timestamp stands there, and behind it what only an entry says."""
    stamp = _STAMP.match(line, position)
    return stamp is not None and KNOWN_TEXT.match(line, stamp.end()) is not None


def cut_in(window: bytes, start: int, end: int, limits: frozenset[int], done: int) -> int:
    """Return where a packet cut at its limit is followed by an entry on its line, or 0.

    Its lines stand between ``start`` and ``end``, ``done`` of its bytes before them; ``limits``
    are those of ``cut_lengths``.
    """
    first = start + _SHORTEST_CUT - done
    if first >= end:
        return 0
    first = max(first, start)
    if (
        window.find(b"<<<", first, end) < 0
        and window.find(b">>>", first, end) < 0
        and window.find(b"IO: |", first, end) < 0
        and window.find(b"A connection ", first, end) < 0
    ):
        return 0
    for limit in limits:
        position = start + limit - done
        if (
            start < position < end
            and window[position : position + 1].isdigit()
            and window[position - 1 : position] != b"\n"
            and begins_entry(window, position)
        ):
            return position
    return 0
