"""A message in the forms that something can be done with: Pickup file, entry of an mbox.

The third form, .eml, is the text as it was transmitted and needs no code.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

NULL_SENDER_INFERRED = "the null sender is written as X-Sender: <>, a form no article shows"
DOTS_INFERRED = (
    "lines that begin with a dot have it doubled; only for a line that is a single dot an article "
    "says so (Q221384), for the others it follows RFC 821 section 4.5.2"
)

_LEADING_DOT = re.compile(rb"(?:\A|(?<=\r\n))\.")
_LONE_DOT = re.compile(rb"(?:\A|(?<=\r\n))\.(?=\r\n|\Z)")
_DOT_AT_BARE_END = re.compile(rb"(?:(?<!\r)\n|\r(?!\n))\.(?=[\r\n]|\Z)")
_HEADER_END = re.compile(rb"(?:\A|\n)\r?\n")
_OWN_ENVELOPE = re.compile(rb"^X-(?:Sender|Receiver)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FROM_LINE = re.compile(rb"^(>*From )", re.MULTILINE)
_NO_WORD = re.compile(r"[^!-~]")


class FormRefusedError(ValueError):
    """A message cannot be written in a form without a risk; the text says why."""


@dataclass(frozen=True, slots=True)
class PickupFile:
    """The bytes of a Pickup file, how many dots were doubled in it, and what in it is inferred."""

    content: bytes
    doubled_dots: int
    inferred: tuple[str, ...]


def pickup_form(originator: str | None, recipients: Iterable[str], text: bytes) -> PickupFile:
    """Return a message for the Pickup folder of 5.5 (Q201314).

    ``X-Sender`` and one ``X-Receiver`` line for each recipient (inferred) stand before the text.
    A line that is a single dot is doubled (Q221384), other leading dots too (inferred). Raises
    FormRefusedError where there is no envelope, where an address would break its line, where
    the header holds such lines itself, and where a single dot stands at a bare LF or CR.
    """
    if originator is None:
        raise FormRefusedError("its originator is not known: Pickup needs an X-Sender line")
    listed = list(recipients)
    if not listed:
        raise FormRefusedError("it has no recipient: Pickup needs an X-Receiver line")
    header_end = _HEADER_END.search(text)
    if _OWN_ENVELOPE.search(text, 0, header_end.start() + 1 if header_end else len(text)):
        raise FormRefusedError(
            "its own header holds X-Sender or X-Receiver, which Pickup may take for the envelope"
        )
    if _DOT_AT_BARE_END.search(text):
        raise FormRefusedError(
            "a line that is a single dot follows a bare LF or CR: whether Pickup ends the message "
            "there (Q221384) is unknown"
        )
    lines = [b"X-Sender: " + (_address(originator) if originator else b"<>")]
    lines += [b"X-Receiver: " + _address(one) for one in listed]
    lone = len(_LONE_DOT.findall(text))
    stuffed, doubled = _LEADING_DOT.subn(b"..", text)
    inferred = []
    if not originator:
        inferred.append(NULL_SENDER_INFERRED)
    if doubled > lone:
        inferred.append(DOTS_INFERRED)
    return PickupFile(b"\r\n".join([*lines, stuffed]), doubled, tuple(inferred))


def _address(address: str) -> bytes:
    if not address.strip() or _CONTROL.search(address):
        raise FormRefusedError("an address of its envelope is empty or holds a control character")
    try:
        return address.encode("latin-1")
    except UnicodeEncodeError as error:
        raise FormRefusedError("an address of its envelope is not 8-bit text") from error


def mbox_entry(originator: str | None, moment: datetime | None, text: bytes) -> bytes:
    """Return a message as an entry of an mbox file (RFC 4155, mboxrd quoting).

    Line ends become LF, as readers of mbox expect, and every line of ``From `` with any number
    of ``>`` before it gets one more; a bare LF can then not be told from a line end. ``moment``
    is taken as it stands; without one the separator line says 1970.
    """
    sender = _NO_WORD.sub("?", originator or "") or "MAILER-DAEMON"
    when = time.asctime((moment or datetime(1970, 1, 1)).timetuple())
    body = _FROM_LINE.sub(rb">\1", text.replace(b"\r\n", b"\n"))
    if body and not body.endswith(b"\n"):
        body += b"\n"
    return f"From {sender} {when}\n".encode("ascii") + body + b"\n"
