"""Addresses and the texts that peers transmit."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from generator.timestamps import mail_date

_FOREIGN = ("fourth.example", "wingtip.example", "proseware.example", "busy.example")
_NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy")
_LINES = (
    "The berth is free from Monday.",
    ".profile files are no part of it.",
    ".",
    "..two dots",
    "Please find the figures of last week below, and tell me what you make of them.",
    "5/13/00 2:36:28 PM : >>> 250 OK",
    "From here on it is only filling, so that a text goes over the end of one packet.",
    "Gr\xfc\xdfe aus Z\xfcrich",
    "",
)


def foreign_address(chance: random.Random) -> str:
    return f"{chance.choice(_NAMES)}{chance.randrange(30)}@{chance.choice(_FOREIGN)}"


def local_addresses(chance: random.Random, domain: str, count: int) -> tuple[str, ...]:
    """Return so many different mailboxes of the site."""
    numbers = chance.sample(range(400), count)
    return tuple(f"{_NAMES[number % 10]}{number}@{domain}" for number in numbers)


def foreign_addresses(chance: random.Random, count: int) -> tuple[str, ...]:
    """Return so many addresses of one other site."""
    domain = chance.choice(_FOREIGN)
    return tuple(f"guest{number}@{domain}" for number in chance.sample(range(400), count))


def text_of_peer(
    chance: random.Random,
    moment: datetime,
    originator: str,
    recipients: tuple[str, ...],
    *,
    message_id: str | None,
    subject: str,
) -> bytes:
    """Return a message as its sender made it, CRLF lines, before dot-stuffing."""
    head = f"Message-ID: {message_id}\r\n" if message_id else ""
    head += (
        f"Date: {mail_date(moment - timedelta(seconds=40), timedelta(0))}\r\n"
        f"From: <{originator or 'postmaster@fourth.example'}>\r\n"
        f"To: {', '.join(recipients[:5])}\r\n"
        f"Subject: {subject}\r\n"
        'MIME-Version: 1.0\r\nContent-Type: text/plain;\r\n\tcharset="iso-8859-1"\r\n'
        "Content-Transfer-Encoding: 8bit\r\n\r\n"
    )
    count = chance.choice((1, 3, 8, 60))
    body = "".join(chance.choice(_LINES) + "\r\n" for _ in range(count))
    return (head + body).encode("latin-1")
