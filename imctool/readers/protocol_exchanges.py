"""A command and its reply where they stand in an SMTP protocol log as they mostly do.

Read in one step: at Maximum level the packet of the command, an empty line, the same line parsed,
and the reply with its further lines. Anything else is left to be read entry by entry.
"""

from __future__ import annotations

import re

from imctool.model.direction import Direction
from imctool.readers.protocol_log_lines import DATE_ON_LINE, TIME_ON_LINE
from imctool.readers.rescheduling import RESCHEDULING

Exchange = tuple[
    bytes, bytes, bytes, bytes | None, bytes, bytes, int, str, int, int, bool, bool, int
]
"""One command with its reply; a plain tuple, for it is made for most lines of a log.

First the timestamp of the command, its date and its time; then the timestamp of the reply and its
time, None where it is the same; the command, code and text of the reply; how many lines stand
before the reply, and how many entries there are in all; whether a packet brought what was
received, and whether an empty line followed it; where the reply ends.
"""


_COMMAND = r"[A-Za-z][^\r\n]*"
_FURTHER = r"[^\0-\x08\x0e-\x1f\r\n]*"

# What was received stands as packet and parsed line, or as one of both. A packet alone must be
# followed by something else than a packet: the reply does that.
_INBOUND = re.compile(
    rf"(?P<stamp>({DATE_ON_LINE})[ \t]+({TIME_ON_LINE})[ \t]?: )<<< "
    rf"(?:IO: \|(?P<packet>{_COMMAND})\r\n(?P<blank>\r\n)?(?P<echo>(?P=stamp)<<< (?P=packet)\r\n)?"
    rf"|(?!IO: \|)(?P<line>{_COMMAND})\r\n)"
    rf"(?:(?P=stamp)|(?P<later>({DATE_ON_LINE})[ \t]+({TIME_ON_LINE})[ \t]?: ))>>> (?!220)"
    rf"(?P<code>\d{{3}})(?:-[^\r\n]*\r\n(?:(?P=code)-(?![ \t]?\d){_FURTHER}\r\n)*(?P=code))?"
    rf" (?P<text>{_FURTHER})\r\n(?:\r\n)?".encode("ascii")
)
# The reply as a packet counts only with its parsed line behind it: else the packet may go on.
_OUTBOUND = re.compile(
    rf"(?P<stamp>({DATE_ON_LINE})[ \t]+({TIME_ON_LINE})[ \t]?: )>>> (?P<line>{_COMMAND})\r\n"
    rf"(?P<answer>(?P=stamp)|(?P<later>({DATE_ON_LINE})[ \t]+({TIME_ON_LINE})[ \t]?: ))<<< "
    rf"(?:IO: \|(?P<first>\d{{3}} [^\r\n]*)\r\n(?P<blank>\r\n)?"
    rf"(?P=answer)<<< (?P=first)"
    rf"|(?P<code>\d{{3}}) (?P<text>[^\r\n]*))\r\n".encode("ascii")
)


def exchange_at(window: bytes, position: int, direction: Direction) -> Exchange | None:
    """Return the command and reply whose entries begin at ``position``, or None.

    None too where more may stand on their lines than these entries: where the date is quoted in
    one of them, as a second entry on the same line begins with it (Q159290), or where a reply
    speaks of rescheduling.
    """
    if direction is Direction.INBOUND:
        found = _INBOUND.match(window, position)
        if found is None:
            return None
        stamp, date, time, packet, blank, echo, line, later, day, clock, code, text = found.groups()
        before = 1 if echo is None else 2
        entries = before + 1
        lines = before if blank is None else before + 1
        command = packet if line is None else line
        by_packet = line is None
    else:
        found = _OUTBOUND.match(window, position)
        if found is None:
            return None
        (
            stamp, date, time, command, _, later, day, clock, first, blank, code, text
        ) = found.groups()  # fmt: skip
        lines = 1
        by_packet = first is not None
        entries = 2
        if by_packet:
            entries = 3
            code, text = first[:3], first[4:]
    end = found.end()
    if (
        (later is not None and day != date)
        or window.count(date, position, end) != entries
        or window.find(RESCHEDULING, position, end) >= 0
    ):
        return None
    return (
        stamp, date, time, later, clock, command, int(code), text.decode("latin-1").strip(),
        lines, entries, by_packet, blank is not None, end,
    )  # fmt: skip
