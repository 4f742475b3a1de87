"""A whole message text in the packets of an SMTP protocol log, read in one step."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from imctool.readers.logged_text import (
    DOT_LINE,
    ENTRY_LIMIT,
    RebuiltText,
    cut_lengths,
    without_stuffing,
)
from imctool.readers.protocol_log_lines import DATE_ON_LINE, STAMP_ON_LINE, TIME_ON_LINE
from imctool.readers.protocol_packets import PACKET, begins_entry

_FIRST_PACKET = re.compile(
    rf"(({DATE_ON_LINE})[ \t]+({TIME_ON_LINE})[ \t]?: )<<< IO: \|".encode("ascii")
)
_DOT_OR_ENTRY = re.compile(rb"\r\n(?:\.|" + STAMP_ON_LINE + rb"(<<< IO: \|)?)")
_DIGITS = frozenset(b"0123456789")


class WholeText(NamedTuple):
    """A text from its first packet to its final dot, without a sign that the log cut it.

    ``stamps`` are the date and time of the packets, told again only where they change; ``last``
    is the last timestamp. ``longest`` is the length of the longest packet, ``entries`` how many
    packets there are, ``end`` where the next line begins.
    """

    text: RebuiltText
    stamps: list[tuple[bytes, bytes]]
    first: bytes
    last: bytes
    longest: int
    entries: int
    end: int


def text_at(window: bytes, position: int, keep: int) -> WholeText | None:
    """Return the text whose first packet begins at ``position``, or None.

    None where it does not end in ``window``, is longer than ``keep``, holds a line that looks like
    an entry, or may be cut: all that is to be looked at line by line.
    """
    first = _FIRST_PACKET.match(window, position)
    if first is None:
        return None
    stamp, date, time = first.groups()
    begin = b"\r\n" + stamp + PACKET
    length = len(begin)
    stamps = [(date, time)]
    pieces: list[bytes] = []
    start = first.end()
    dots = window.startswith(b".", start)
    for found in _DOT_OR_ENTRY.finditer(window, start):
        mark = found[0]
        if mark != begin:
            if mark == b"\r\n.":
                if window.startswith(b"\r\n", found.end()):
                    break
                dots = True
                continue
            date, time, packet = found.groups()
            if packet is None or len(mark) != length:
                return None
            stamps.append((date, time))
            begin = mark
        pieces.append(window[start : found.start()])
        start = found.end()
    else:
        return None
    end = found.end() + 2
    pieces.append(window[start:end])
    if not window.startswith(b"\r\n", end) or _may_be_cut(pieces, len(stamp)):
        return None
    text = _rebuilt(pieces, dots=dots, keep=keep)
    if text is None:
        return None
    last = begin[2 : length - len(PACKET)]
    return WholeText(text, stamps, stamp, last, max(map(len, pieces)), len(pieces), end + 2)


def _rebuilt(pieces: Sequence[bytes], *, dots: bool, keep: int) -> RebuiltText | None:
    """Return the text of packets of which the last ends with the final dot.

    ``dots`` tells whether within the packets another line begins with a dot.
    """
    text = b"".join(pieces)
    size = len(text) - len(DOT_LINE)
    if any(piece.startswith((b".", b"\n")) for piece in pieces[1:]):
        dots = True
        if text.find(DOT_LINE) != size:
            return None
    if len(text) + 2 > keep or text.startswith(b".\r\n"):
        return None
    data = text[: size + 2]
    if dots:
        data = without_stuffing(data)
    return RebuiltText(data, len(data), True)


def _may_be_cut(pieces: Sequence[bytes], stamp: int) -> bool:
    """Tell whether a packet may end, or an entry begin within it, where 4.0 cut (Q159290)."""
    limits = cut_lengths(stamp, len(PACKET))
    if not limits.isdisjoint(map(len, pieces)):
        return True
    at_limits = _bytes_at_limits(limits)
    shortest = min(limits)
    for piece in pieces:
        size = len(piece)
        if size <= shortest or (size > ENTRY_LIMIT and _DIGITS.isdisjoint(at_limits(piece))):
            continue
        if any(begins_entry(piece, limit) for limit in limits if limit < size):
            return True
    return False


@lru_cache(maxsize=64)
def _bytes_at_limits(limits: frozenset[int]) -> Callable[[bytes], tuple[int, ...]]:
    return itemgetter(*limits)
