"""Protocol logs for tests, written by the generator of the stories in every form it knows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from repository import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "fixtures"))

from generator.mail_text import dot_stuffed
from generator.protocol_log import _Session

MORNING = datetime(1997, 1, 14, 9, 30)


@dataclass(frozen=True)
class LoggedForm:
    """How the text of a message stands in the log: raw packets of a size, or lines."""

    packet_size: int | None
    bare_arrow: bool = False

    def __str__(self) -> str:
        if self.packet_size is not None:
            return f"packets of {self.packet_size}"
        return "lines, plain" if self.bare_arrow else "lines"


FORMS = [
    LoggedForm(packet_size=7),
    LoggedForm(packet_size=536),
    LoggedForm(packet_size=1460),
    LoggedForm(packet_size=1 << 20),
    LoggedForm(packet_size=None),
    LoggedForm(packet_size=None, bare_arrow=True),
]


@dataclass(frozen=True)
class Sent:
    """One message that a peer sends. ``text`` is what stands before the final dot."""

    text: bytes
    originator: str = "ann@proseware.example"
    recipients: Sequence[str] = ("bob@litware.example",)
    at: datetime = MORNING
    reply: str = "250 OK"


def session(sent: Sent, form: LoggedForm, greeting: str = "") -> bytes:
    """Return the log of one session that brings the message, at Maximum level."""
    packet_form = "raw" if form.packet_size is not None else "lines"
    log = _Session(sent.at, "maximum", packet_form, form.packet_size or 0, False, sent.at)
    log.entry(b"A connection was accepted from mail.proseware.example.")
    if greeting:
        log.said(greeting)
    log.got("HELO mail.proseware.example")
    log.said("250 OK")
    log.got(f"MAIL FROM:<{sent.originator}>")
    log.said(f"250 OK - mail from <{sent.originator}>")
    for one in sent.recipients:
        log.got(f"RCPT TO:<{one}>")
        log.said(f"250 OK - Recipient <{one}>")
    log.got("DATA")
    log.said("354 Send data.  End with CRLF.CRLF")
    log.wait()
    wire = dot_stuffed(sent.text)
    if form.bare_arrow:
        for line in wire.removesuffix(b"\r\n").split(b"\r\n"):
            log.entry(b"<<< " + line)
    else:
        log.data(wire)
    log.said(sent.reply)
    log.got("QUIT")
    log.said("221 closing connection")
    return bytes(log.written)


def sessions(texts: Sequence[bytes], form: LoggedForm) -> bytes:
    """Return the log of sessions that bring the texts one after the other, a minute apart."""
    return b"".join(
        session(replace(Sent(text), at=MORNING + timedelta(minutes=number)), form)
        for number, text in enumerate(texts)
    )
