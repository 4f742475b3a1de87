"""SMTP sessions in the text form of Microsoft Network Monitor (Q272672, Q182821, Q161943).

A frame shows a summary (``SMTP: Cmd:``, ``SMTP: Rsp:``) and, if it is opened, the line itself
(``SMTP: Command =``, ``SMTP: Response =``), which counts. The summary of a reply is words without
a code; the codes of the known ones are those of RFC 821 section 4.2 (inferred).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from imctool.model.direction import Direction
from imctool.model.evidence import Location
from imctool.model.smtp import Banner, LogSpan, Transaction
from imctool.readers.smtp_dialogue import Dialogue, own_version, parse_reply

_LINE = re.compile(rb"[ \t+]*SMTP: (?:(Command|Response)\s*=|(Cmd|Rsp):)[ \t]*([^\r\n]*)")
_SNIFF = re.compile(r"^[ \t+]{0,16}SMTP: (?:Command =|Response =|Cmd: |Rsp: )", re.MULTILINE)

_COMMANDS = (
    (re.compile(rb"Mail from\s*<([^>]*)>", re.I), b"MAIL FROM:<%s>"),
    (re.compile(rb"Recipient\s*<([^>]*)>", re.I), b"RCPT TO:<%s>"),
    (re.compile(rb"Data\b", re.I), b"DATA"),
    (re.compile(rb"Hello\b", re.I), b"HELO"),
)
_REPLIES = (
    (b"service ready", 220),
    (b"service closing", 221),
    (b"requested mail action okay", 250),
    (b"enter mail", 354),
)


def sniff_network_monitor(head: str) -> bool:
    """Return whether the head of a file holds SMTP lines of Network Monitor."""
    return bool(_SNIFF.search(head))


def parse_network_monitor(
    lines: Iterable[bytes], name: str
) -> Iterator[Transaction | Banner | LogSpan]:
    """Yield the transactions of a Network Monitor text, without times, and a LogSpan.

    The server of the session is taken to be the one under examination (inferred). A reply of
    220 begins a new session. A transaction whose MAIL is not in the text has no originator.
    """
    dialogue = Dialogue(name, Direction.INBOUND, "")
    count = 0
    version = None
    for number, is_reply, text in _dialogue_lines(lines):
        count += 1
        if not is_reply:
            dialogue.command(text, number, None)
        else:
            code, more, words = parse_reply(text) or (0, True, "")
            if code == 220:
                dialogue.end()
                yield from _finished(dialogue, name)
                dialogue = Dialogue(name, Direction.INBOUND, "")
                if own_version(words) not in {None, version}:
                    version = own_version(words)
                    yield Banner(Location(name, line=number), Direction.INBOUND, version or "")
            if not more:
                dialogue.reply(code, words, number, None)
        yield from _finished(dialogue, name)
    dialogue.end()
    yield from _finished(dialogue, name)
    yield LogSpan(Location(name), None, None, count)


def _finished(dialogue: Dialogue, name: str) -> Iterator[Transaction]:
    for transaction in dialogue.finished:
        yield transaction.build(dialogue.direction, dialogue.peer, name)
    dialogue.finished.clear()


def _dialogue_lines(lines: Iterable[bytes]) -> Iterator[tuple[int, bool, bytes]]:
    """Yield number, whether it is a reply, and text; a summary only where no line follows it."""
    summary: tuple[int, bool, bytes] | None = None
    for number, line in enumerate(lines, 1):
        found = _LINE.match(line)
        if found is None:
            continue
        is_reply = (found[1] or found[2]) in {b"Response", b"Rsp"}
        if summary is not None and (found[2] or summary[1] is not is_reply):
            yield summary
        summary = None
        if found[2]:
            summary = (number, is_reply, _from_summary(is_reply, found[3]))
        else:
            yield number, is_reply, found[3].strip()
    if summary is not None:
        yield summary


def _from_summary(is_reply: bool, text: bytes) -> bytes:
    """Return the command or reply that the words of a summary stand for."""
    if is_reply:
        words = text.lower()
        for start, code in _REPLIES:
            if words.startswith(start):
                return b"%d %s" % (code, text)
        return text
    for pattern, command in _COMMANDS:
        found = pattern.match(text)
        if found is not None:
            return command % found.groups()
    return text
