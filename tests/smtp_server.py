"""A real mail server for tests (aiosmtpd in a thread) that can be told what to answer.

A script is asked for each command and may give another reply than the server's own, bytes to
break off with, or nothing. What the server took stands in ``taken``, one entry a transaction.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

aiosmtpd = pytest.importorskip("aiosmtpd", reason="aiosmtpd is not installed")

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword  # noqa: E402

DROP = "drop the connection"
"""What a script returns to have the connection cut instead of an answer."""

TAKE_AND_DROP = "take the message and drop the connection"
"""For DOT: the message is taken, and the connection cut before the answer."""

DROP_TEXT = "drop the connection in the text"
"""For DATA: ask for the text, read its first line, and cut the connection."""

Script = Callable[[str, str], str | None]
"""Takes a verb (CONNECT, EHLO, MAIL, RCPT, DATA, DOT, RSET...) and its argument."""


@dataclass
class Taken:
    """A message that the server took."""

    originator: str
    recipients: list[str]
    text: bytes
    options: list[str]


@dataclass
class MailServer:
    """The running server: where it is, what it took, and each command it heard."""

    host: str = "127.0.0.1"
    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    connections: int = 0
    script: Script = lambda verb, argument: None

    def recipients(self) -> list[str]:
        """Return every recipient of every message taken, in order."""
        return [one for taken in self.taken for one in taken.recipients]

    def count(self, verb: str) -> int:
        """Return how often a command was heard."""
        return sum(line.split(" ", 1)[0] == verb for line in self.heard)


class _DroppedError(ConnectionResetError):
    """Ends the server's side of a connection that it was told to cut."""


class _ScriptedSmtp(SMTP):
    def __init__(self, server: MailServer, *arguments: Any, **options: Any) -> None:
        self._mail_server = server
        self._instead = ""  # what is said for the server's own next answer
        super().__init__(*arguments, **options)

    async def _handle_client(self) -> None:
        self._mail_server.connections += 1
        try:
            if await self._answered("CONNECT", ""):
                self.transport.close()
                return
            await super()._handle_client()
        except _DroppedError:
            pass

    async def _answered(self, verb: str, argument: str) -> bool:
        """Give the scripted answer; False where the server is to answer itself."""
        self._mail_server.heard.append(f"{verb} {argument}".rstrip())
        reply = self._mail_server.script(verb, argument)
        if reply is None:
            return False
        if reply == DROP:
            self._cut()
        await self.push(reply)
        if reply.startswith("421"):
            self._cut()
        return True

    async def push(self, status: Any) -> None:
        status, self._instead = self._instead or status, ""
        await super().push(status)

    def _cut(self) -> None:
        self.transport.close()
        raise _DroppedError

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        if not await self._answered("EHLO", hostname):
            await super().smtp_EHLO(hostname)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        reply = self._mail_server.script("STARTTLS", "") or ""
        if reply and not reply.startswith("220"):
            await self.push(reply)
            return
        self._instead = reply
        await super().smtp_STARTTLS(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        if not await self._answered("MAIL", arg or ""):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        if not await self._answered("RCPT", arg or ""):
            await super().smtp_RCPT(arg)

    async def smtp_RSET(self, arg: str) -> None:  # noqa: N802
        if not await self._answered("RSET", arg or ""):
            await super().smtp_RSET(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        server = self._mail_server
        server.heard.append("DATA")
        reply = server.script("DATA", "")
        if reply == DROP:
            self._cut()
        if reply == DROP_TEXT:
            await self.push("354 Go on")
            await self._reader.readline()
            self._cut()
        if reply is not None:
            await self.push(reply)
            if reply.startswith("421"):
                self._cut()
            return
        await super().smtp_DATA(arg)

    async def handle_exception(self, error: Exception) -> str:
        raise error


class _Handler:
    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def handle_DATA(self, connection: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        server = self._server
        server.heard.append("DOT")
        reply = server.script("DOT", "")
        if reply == DROP:
            connection._cut()
        if reply in {None, TAKE_AND_DROP} or reply.startswith("2"):
            server.taken.append(
                Taken(
                    envelope.mail_from.removeprefix("<>"),
                    list(envelope.rcpt_tos),
                    bytes(envelope.original_content),
                    list(envelope.mail_options),
                )
            )
        if reply == TAKE_AND_DROP:
            connection._cut()
        return reply or "250 2.0.0 Taken"


@contextmanager
def mail_server(
    script: Script | None = None, *, implicit: ssl.SSLContext | None = None, **options: Any
) -> Iterator[MailServer]:
    """Give a server that runs in a thread; ``options`` are aiosmtpd's, ``implicit`` TLS at once."""
    server = MailServer()
    if script is not None:
        server.script = script
    ready = threading.Event()
    over: list[Callable[[], object]] = []

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        handler = _Handler(server)

        def connection() -> SMTP:
            known = {"hostname": "mail.example", "ident": "ready", "enable_SMTPUTF8": True}
            return _ScriptedSmtp(server, handler, loop=loop, **{**known, **options})

        listening = await loop.create_server(connection, server.host, 0, ssl=implicit)
        server.port = listening.sockets[0].getsockname()[1]
        over.append(lambda: loop.call_soon_threadsafe(ended.set))
        ready.set()
        await ended.wait()
        listening.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        over[0]()
        thread.join(10)


class Accounts:
    """Who may sign in: one user with one password."""

    def __init__(self, user: bytes, password: bytes) -> None:
        self._account = (user, password)

    def __call__(self, *arguments: Any) -> AuthResult:
        """Answer as aiosmtpd asks."""
        given = arguments[-1]
        assert isinstance(given, LoginPassword)
        return AuthResult(success=(given.login, given.password) == self._account, handled=False)


def self_signed(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's TLS context with a new certificate for 127.0.0.1, and that certificate.

    The test is skipped where there is no openssl to make one.
    """
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "2", "-subj", "/CN=mail.example"),
        *("-addext", "subjectAltName=IP:127.0.0.1"),
        *("-addext", "keyUsage=critical,digitalSignature,keyCertSign"),  # Python 3.13 is strict
        *("-keyout", str(key), "-out", str(certificate)),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no certificate can be made: {error}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
