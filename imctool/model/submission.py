"""A message that is submitted to a mail server by SMTP, and what became of each recipient."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

_TOO_MANY = frozenset({452, 552, 522})
_ENHANCED = re.compile(r"[245]\.(\d{1,3})\.(\d{1,3})(?!\S)")


class Tls(StrEnum):
    """How a connection is encrypted.

    Auto: STARTTLS where the server offers it. Its certificate is then only checked where a
    password goes over the connection or a file of authorities is named. Require: STARTTLS with a
    certificate that is checked. Implicit: TLS from the first byte (RFC 8314), checked. None:
    never, not even for a password.
    """

    AUTO = "auto"
    REQUIRE = "require"
    IMPLICIT = "implicit"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server, and how it is spoken to. All times are seconds.

    ``user`` None sends no password. ``ca_file`` holds the authorities (PEM) that its certificate
    is checked against, None takes those of the system. ``client_name`` is said in EHLO; None says
    the address of this end of the connection in brackets (RFC 5321 section 4.1.4). ``timeout``
    is how long a connection, a reply or a block of text may take; ``final_timeout`` how long the
    reply to a whole message may (RFC 5321 section 4.5.3.2.6 asks for ten minutes: giving up
    earlier leaves unsure whether the server took it). A message that is refused for now is tried
    ``attempts`` times, after ``first_delay``, then after twice that and so on, at most 300.
    """

    host: str
    port: int
    tls: Tls = Tls.AUTO
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    client_name: str | None = None
    timeout: float = 60.0
    final_timeout: float = 600.0
    attempts: int = 4
    first_delay: float = 15.0

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered, or why it was not asked: then ``code`` is None.

    ``text`` is one line of bounded length; bytes that are no UTF-8 stand in it as ``\\xNN``. It
    may hold control characters: it is evidence, to be made safe where it is shown.
    """

    code: int | None
    text: str

    @property
    def positive(self) -> bool:
        """Whether the server did what it was asked (2xx)."""
        return self.code is not None and self.code // 100 == 2

    @property
    def temporary(self) -> bool:
        """Whether the server may do it later (4xx)."""
        return self.code is not None and self.code // 100 == 4

    @property
    def too_many_recipients(self) -> bool:
        """Whether, as an answer to RCPT, it may mean that this transaction has enough of them.

        452 (RFC 5321 section 4.5.3.1.10), 552 (RFC 821), 522 (seen in Q176477), and any code
        with an enhanced one of x.5.3 (RFC 3463). One that speaks of the address (x.1.x) or of
        the mailbox (x.2.x, as when it is full) means that recipient alone.
        """
        if self.code is None or self.positive:
            return False
        enhanced = _ENHANCED.match(self.text)
        if enhanced is None:
            return self.code in _TOO_MANY
        subject, detail = int(enhanced[1]), int(enhanced[2])
        return (subject, detail) == (5, 3) or (self.code in _TOO_MANY and subject not in {1, 2})

    def __str__(self) -> str:
        return self.text if self.code is None else f"{self.code} {self.text}".rstrip()


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to be submitted: its envelope, and where its text stands.

    The text is the bytes of the file ``path`` from ``offset`` to its end. ``recipients`` are
    those it still has to go to. Addresses are raw bytes decoded as Latin-1, without brackets;
    the originator "" is the null sender. ``sha256`` (hex) is of the whole file as it was planned:
    another content is refused; None asks for none. ``key`` is the caller's name for the letter.
    """

    key: str
    originator: str
    recipients: tuple[str, ...]
    path: Path
    offset: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a letter: each of its different recipients stands in exactly one place.

    ``accepted``: the server took the message for them. ``refused``: for good, with the reply (or
    with the reason why it was not even offered). ``deferred``: not sent, but may be at another
    time, with the last reply. ``unsure``: the connection broke after the end of the message was
    sent and before the server answered; they may have it, and are never tried again.
    ``problem`` says what is wrong with the letter as a whole, None if nothing is; ``notes`` what
    was changed in its text on the way.
    """

    letter: Letter
    accepted: tuple[str, ...]
    refused: tuple[tuple[str, Reply], ...]
    deferred: tuple[tuple[str, Reply], ...]
    unsure: tuple[str, ...]
    problem: str | None = None
    notes: tuple[str, ...] = ()


class SubmissionLog(Protocol):
    """What is told of a submission while it goes on; enough to go on after a crash.

    A recipient that ``ending`` named, and nothing after it, is unsure. Each may raise OSError:
    nothing more is sent then.
    """

    def begin(self, letter: Letter, recipients: Sequence[str]) -> None:
        """A transaction begins that offers these recipients, in this order, perhaps not all."""

    def ending(self, letter: Letter, recipients: Sequence[str]) -> None:
        """The text was sent for exactly these recipients; its end is sent when this returns.

        To be durable by then. Where it raises, the server does not get the end and takes nothing.
        """

    def accepted(self, letter: Letter, recipients: Sequence[str], reply: Reply) -> None:
        """The server took the message for them."""

    def refused(self, letter: Letter, recipients: Sequence[str], reply: Reply) -> None:
        """They are refused for good, by the server or before it was asked."""

    def failed(self, letter: Letter, recipients: Sequence[str], reason: str, unsure: bool) -> None:
        """They were not sent this time; or it is ``unsure`` whether, and they never will be."""
