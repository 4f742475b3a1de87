"""Stretches of a session as an SMTP protocol log mostly has them, each read in one step.

They are the opening (the connection, the greeting and HELO), the envelope (MAIL to the 354) and
the ending (the reply to the text, and QUIT). In a stretch all goes well and nothing is left out; a
packet and the same line parsed have one timestamp. Anything else is left to be read in smaller
steps, which give the same records.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from imctool.model.direction import Direction
from imctool.readers.protocol_log_lines import DATE_ON_LINE, TIME_ON_LINE
from imctool.readers.rescheduling import RESCHEDULING
from imctool.readers.smtp_dialogue import Command, parse_command


class Stretch(NamedTuple):
    """What all stretches have in common.

    ``first`` and ``last`` are its first and last timestamp; ``times`` are the times of day of the
    timestamps that matter, in their order, None where one is the same as the one before.
    ``packet`` tells whether a packet brought a line, ``blank`` whether an empty line followed one.
    ``entries`` is how many there are, ``end`` where the next line begins.
    """

    first: bytes
    date: bytes
    times: tuple[bytes | None, ...]
    last: bytes
    packet: bool
    blank: bool
    entries: int
    end: int


class Envelope(NamedTuple):
    """A transaction from MAIL to the 354, all recipients accepted.

    ``start`` is where it begins, ``earlier`` how many times of its stretch stand before that of
    MAIL or are the same.
    """

    stretch: Stretch
    start: int
    earlier: int
    originator: str
    recipients: list[str]


class Opening(NamedTuple):
    """The first entries of a session, and the envelope that follows, if one does.

    Not ``introduced`` where it is the connection alone.
    """

    stretch: Stretch
    direction: Direction
    peer: bytes
    introduced: bool
    envelope: Envelope | None


class Ending(NamedTuple):
    """The reply to a text; ``quits`` tells that QUIT and its 221 follow."""

    stretch: Stretch
    code: int
    text: str
    quits: bool


class _Shape:
    """An expression for a stretch, and which of its groups tell what."""

    __slots__ = ("_blanks", "_packets", "_stamps", "_times", "pattern")

    def __init__(self, expression: str) -> None:
        self.pattern = re.compile(expression.encode("ascii"))
        self._stamps = self._groups("_stamp")
        self._times = self._groups("_time")
        self._packets = self._groups("_packet")
        self._blanks = self._groups("_blank")

    def _groups(self, ending: str) -> tuple[int, ...]:
        named = self.pattern.groupindex.items()
        groups = tuple(number for name, number in named if name.endswith(ending))
        return groups if len(groups) > 1 else groups * 2

    def stretch(self, window: bytes, found: re.Match[bytes]) -> Stretch | None:
        """Return what was found, None where more may stand on its lines than these entries.

        That is where the date is quoted, as a second entry on a line begins with it (Q159290),
        or where a reply speaks of rescheduling.
        """
        position, end = found.span()
        first, date = found.group(1, 2)
        entries = window.count(date, position, end)
        if (
            entries != window.count(b"\n" + date, position, end) + 1
            or window.find(RESCHEDULING, position, end) >= 0
        ):
            return None
        times = found.group(*self._times)
        last = first
        if any(times[1:]):
            *_, last = filter(None, found.group(*self._stamps))
        packet = any(found.group(*self._packets))
        blank = packet and any(found.group(*self._blanks))
        return Stretch(first, date, times, last, packet, blank, entries, end)


def _stamp(name: str, before: str) -> str:
    """Return what fits a timestamp, mostly the same as that of ``before``, "" for the first."""
    time = rf"[ \t]+(?P<{name}_time>{TIME_ON_LINE})[ \t]?: "
    if not before:
        return rf"(?P<{name}_stamp>(?P<date>{DATE_ON_LINE}){time})"
    # Where the first alternative fits the second must not: each such pair would double the time.
    later = rf"(?!(?P={before}_stamp))(?P=date){time}"
    return rf"(?P<{name}_stamp>(?P={before}_stamp)|{later})"


def _received(name: str, stamp: str, line: str, *, alone: str) -> str:
    """Return what fits a received line: its packet and the same line parsed, or that alone.

    ``alone`` is "?" where a packet may also be without the parsed line.
    """
    return (
        rf"<<< (?P<{name}_packet>IO: \|)?(?P<{name}>{line})\r\n"
        rf"(?({name}_packet)(?P<{name}_blank>\r\n)?"
        rf"(?:(?P={stamp}_stamp)<<< (?P={name})\r\n){alone})"
    )


def _answer(direction: Direction, name: str, stamp: str, reply: str) -> str:
    """Return what fits a reply behind its timestamp."""
    if direction is Direction.INBOUND:
        return rf">>> (?P<{name}>{reply})\r\n(?:\r\n)?"
    return _received(name, stamp, reply, alone="")


def _exchange(direction: Direction, name: str, before: str, line: str, reply: str) -> str:
    """Return what fits a command, after the timestamp of ``before``, and its reply."""
    asked, told = f"{name}_asked", f"{name}_told"
    if direction is Direction.INBOUND:
        command = _received(name, asked, line, alone="?")
    else:
        command = rf">>> (?P<{name}>{line})\r\n"
    answer = _answer(direction, f"{name}_reply", told, reply)
    return _stamp(asked, before) + command + _stamp(told, asked) + answer


_MAIL_FROM, _RCPT_TO = Command.MAIL, Command.RCPT
_PLAIN = r"[^\0-\x08\x0e-\x1f\r\n]*+"
_FINE = rf"250 {_PLAIN}"
_RCPT = r"(?i:RCPT) [^\r\n]*+"

# Recipients after the first one, all with the timestamp of the reply to that.
_MORE = {
    Direction.INBOUND: (
        rf"(?:(?P=rcpt_told_stamp)<<< (?:(?P<more_packet>IO: \|)(?P<more_rcpt>{_RCPT})\r\n"
        rf"(?P<more_blank>\r\n)?(?:(?P=rcpt_told_stamp)<<< (?P=more_rcpt)\r\n)?|{_RCPT}\r\n)"
        rf"(?P=rcpt_told_stamp)>>> {_FINE}\r\n(?:\r\n)?)*"
    ),
    Direction.OUTBOUND: (
        rf"(?:(?P=rcpt_told_stamp)>>> {_RCPT}\r\n"
        rf"(?P=rcpt_told_stamp)<<< (?:(?P<more_packet>IO: \|)(?P<more_reply>{_FINE})\r\n"
        rf"(?P<more_blank>\r\n)?(?P=rcpt_told_stamp)<<< (?P=more_reply)\r\n|{_FINE}\r\n))*"
    ),
}
_MORE_LINES = {
    Direction.INBOUND: re.compile(
        rb"[^<>]*<<< (?P<packet>IO: \|)?(?P<rcpt>[^\r\n]*+)\r\n"
        rb"(?(packet)(?:\r\n)?(?:[^<>]*<<< (?P=rcpt)\r\n)?)[^<>]*>>> [^\r\n]*+\r\n(?:\r\n)?"
    ),
    Direction.OUTBOUND: re.compile(
        rb"[^<>]*>>> (?P<rcpt>[^\r\n]*+)\r\n"
        rb"[^<>]*<<< (?P<packet>IO: \|)?[^\r\n]*+\r\n(?(packet)(?:\r\n)?[^\r\n]*+\r\n)"
    ),
}


def _opening(direction: Direction) -> _Shape:
    """Return what fits the connection, a server's greeting, HELO or EHLO, and an envelope."""
    connection = r"A connection was accepted from (?P<peer>[^\r\n]*+)\r\n"
    greeting, before = "", "opened"
    # Only a reply to EHLO has several lines.
    reply = rf"250(?:-[^\r\n]*+\r\n(?:250-(?![ \t]?\d){_PLAIN}\r\n)*250)? {_PLAIN}"
    if direction is Direction.OUTBOUND:
        connection = r"A connection to (?P<peer>\S+) was established\b[^\r\n]*+\r\n"
        greeting = _answer(direction, "greeting", "greeted", r"220 [^\r\n]*+")
        greeting = _stamp("greeted", "opened") + greeting
        before, reply = "greeted", _FINE
    helo = _exchange(direction, "helo", before, r"(?i:HELO|EHLO)\b[^\r\n]*+", reply)
    helo += rf"(?:{_envelope(direction, 'helo_told')})?"
    helo = rf"(?:{greeting}(?:{helo})?)?" if greeting else rf"(?:{helo})?"
    return _Shape(_stamp("opened", "") + connection + helo)


def _envelope(direction: Direction, before: str = "") -> str:
    """Return what fits MAIL, one or more RCPT, and DATA, all answered as wanted."""
    return (
        _exchange(direction, "mail", before, r"(?i:MAIL) [^\r\n]*+", _FINE)
        + _exchange(direction, "rcpt", "mail_told", _RCPT, _FINE)
        + rf"(?P<more>{_MORE[direction]})"
        + _exchange(direction, "data", "rcpt_told", r"(?i:DATA)", rf"354 {_PLAIN}")
    )


def _ending(direction: Direction) -> _Shape:
    """Return what fits the reply to a text, and QUIT with its reply."""
    own = direction is Direction.INBOUND
    answer = _answer(direction, "answer", "answered", rf"{'(?!220)' * own}\d{{3}} {_PLAIN}")
    quits = _exchange(direction, "quit", "answered", r"(?i:QUIT)", rf"221 {_PLAIN}")
    return _Shape(_stamp("answered", "") + answer + rf"(?:{quits})?")


_OPENINGS = {direction: _opening(direction) for direction in Direction}
_ENVELOPES = {direction: _Shape(_envelope(direction)) for direction in Direction}
_TIMES_BEFORE_MAIL = {
    Direction.INBOUND: ("opened_time", "helo_asked_time", "helo_told_time", "mail_asked_time"),
    Direction.OUTBOUND: (
        *("opened_time", "greeted_time", "helo_asked_time", "helo_told_time", "mail_asked_time"),
    ),
}
_ENDINGS = {direction: _ending(direction) for direction in Direction}


def opening_at(window: bytes, position: int) -> Opening | None:
    """Return the opening whose first line begins at ``position``, or None."""
    for direction, shape in _OPENINGS.items():
        found = shape.pattern.match(window, position)
        if found is None:
            continue
        stretch = shape.stretch(window, found)
        if stretch is None:
            return None
        envelope = None
        if found["mail"] is not None:
            envelope = _envelope_of(found, stretch, direction)
            if envelope is None:
                return None
        introduced = found.lastgroup != "peer"
        return Opening(stretch, direction, found["peer"], introduced, envelope)
    return None


def envelope_at(window: bytes, position: int, direction: Direction) -> Envelope | None:
    """Return the envelope whose first line begins at ``position``, or None."""
    shape = _ENVELOPES[direction]
    found = shape.pattern.match(window, position)
    stretch = found and shape.stretch(window, found)
    if not found or not stretch:
        return None
    return _envelope_of(found, stretch, direction)


def _envelope_of(found: re.Match[bytes], stretch: Stretch, direction: Direction) -> Envelope | None:
    mail, first, more = found.group("mail", "rcpt", "more")
    kind, originator = parse_command(mail)
    if kind is not _MAIL_FROM:
        return None
    lines = [first]
    if more:
        lines.extend(line["rcpt"] for line in _MORE_LINES[direction].finditer(more))
    recipients = []
    for line in lines:
        kind, address = parse_command(line)
        if kind is not _RCPT_TO:
            return None
        recipients.append(address)
    start = found.start("mail_asked_stamp")
    earlier = 1
    if start > found.start():
        times = found.group(*_TIMES_BEFORE_MAIL[direction])
        earlier = len(times) - times.count(None)
    return Envelope(stretch, start, earlier, originator, recipients)


def ending_at(window: bytes, position: int, direction: Direction) -> Ending | None:
    """Return the reply to a text, whose first line begins at ``position``, or None."""
    shape = _ENDINGS[direction]
    found = shape.pattern.match(window, position)
    stretch = found and shape.stretch(window, found)
    if not found or not stretch:
        return None
    reply, quits = found.group("answer", "quit")
    text = reply[4:].decode("latin-1").strip()
    return Ending(stretch, int(reply[:3]), text, quits is not None)
