"""A connection to a mail server that is ready for mail: greeted, encrypted, signed in."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import NoReturn

from imctool.model.submission import Reply, SmtpServer, Tls
from imctool.repair.smtp_client import (
    ImplicitTlsClient,
    PlainClient,
    send_small_packets_at_once,
)

_LONGEST_TEXT = 500  # of a reply, in characters, as it is kept
_QUIT_TIMEOUT = 5.0  # seconds; nothing hangs on the reply
_WANTS_SIGNING_IN = frozenset({530, 538})  # RFC 4954 section 6, RFC 3207 section 4
_BAD_SEQUENCE = 503
_SHUTTING_DOWN = 421

Client = PlainClient | ImplicitTlsClient


class SubmissionError(Exception):
    """The server cannot be used as asked; the text names it and says what happened.

    ``lasting`` says that trying again would not help.
    """

    def __init__(self, server: SmtpServer, reason: str, *, lasting: bool) -> None:
        super().__init__(f"{server}: {reason}")
        self.lasting = lasting


class ConnectionLostError(Exception):
    """The connection is gone, or was given up because it could not be trusted; ``reply`` why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class SmtpSession:
    """An open connection. ``size_limit`` is in bytes, None where the server states none.

    After ConnectionLostError nothing but ``close`` is to be called.
    """

    def __init__(self, server: SmtpServer, client: Client) -> None:
        self._server = server
        self._client = client
        features = client.esmtp_features
        stated = features.get("size", "")
        limit = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 20 else 0
        self.size_limit = limit or None  # RFC 1870 section 3: zero is no limit
        self.states_size = "size" in features
        self.eight_bit = "8bitmime" in features
        self.utf8_addresses = "smtputf8" in features
        self._begun = False  # a transaction that was not ended

    def undisturbed(self) -> bool:
        """Return whether the connection is still there and nothing came in unasked."""
        return not self._client.spoken_unasked()

    def mail(self, originator: bytes, size: int, eight_bit: bool, utf8: bool) -> Reply:
        """Begin a transaction, and leave one that was not ended.

        SIZE, BODY and SMTPUTF8 are said where the server knows them. Raises
        ConnectionLostError; SubmissionError where it wants a password or TLS first, which would
        be its answer to every other message too.
        """
        if self._begun:
            self._reset()
        line = b"MAIL FROM:<%s>" % originator
        if self.states_size:
            line += b" SIZE=%d" % size
        if eight_bit and self.eight_bit:
            line += b" BODY=8BITMIME"
        if utf8:
            line += b" SMTPUTF8"
        reply = self._command(line)
        if reply.code in _WANTS_SIGNING_IN:
            raise SubmissionError(self._server, f"refuses mail: {reply}", lasting=True)
        if reply.code == _BAD_SEQUENCE:  # it is not where it should be: start anew (cf. Q202765)
            self._lost(reply)
        self._begun = reply.positive
        return reply

    def recipient(self, recipient: bytes) -> Reply:
        """Offer a recipient. Raises ConnectionLostError."""
        return self._command(b"RCPT TO:<%s>" % recipient)

    def data(self) -> Reply | None:
        """Ask to send the text; None means go on. Raises ConnectionLostError."""
        reply = self._command(b"DATA", wanted=3)
        return None if reply.code is not None and reply.code // 100 == 3 else reply

    def send_text(self, blocks: Iterable[bytes]) -> None:
        """Send the text in its wire form, all but its end. Raises ConnectionLostError.

        A server that speaks meanwhile or hangs up is left without the end, so that it cannot
        take the message.
        """
        for block in blocks:
            self._send(block)
        if self._client.spoken_unasked():
            self._lost(self._unasked("the connection ended while the text was sent"))

    def end_text(self) -> Reply:
        """Send the end of the text and return what the server says to the whole message.

        Raises ConnectionLostError where no answer came: it is unsure whether the server took it.
        """
        self._begun = False
        self._send(b".\r\n")
        self._client.wait_at_most(self._server.final_timeout)
        reply = self._reply(wanted=2)
        if reply.code == _SHUTTING_DOWN:
            self._client.close()
        else:
            self._client.wait_at_most(self._server.timeout)
        return reply

    def quit(self) -> None:
        """Take leave and close; for a session that is between two transactions."""
        with suppress(OSError):
            if self.undisturbed():
                self._client.wait_at_most(_QUIT_TIMEOUT)
                self._client.send_raw(b"QUIT\r\n")
                self._client.getreply()
        self.close()

    def close(self) -> None:
        """Close the connection without a word."""
        with suppress(OSError):
            self._client.close()

    def _reset(self) -> None:
        reply = self._command(b"RSET")
        if not reply.positive:
            self._lost(reply)
        self._begun = False

    def _command(self, line: bytes, wanted: int = 2) -> Reply:
        """Say a command and return its answer, which nothing said before may be taken for."""
        if self._client.spoken_unasked():
            self._lost(self._unasked("the connection ended"))
        self._send(line + b"\r\n")
        reply = self._reply(wanted)
        if reply.code == _SHUTTING_DOWN:
            self._lost(reply)
        return reply

    def _send(self, data: bytes) -> None:
        try:
            self._client.send_raw(data)
        except OSError as error:
            said = f"the connection broke: {error.strerror or error}"
            self._client.spoken_unasked()  # a last word, if there is one, says why
            self._lost(self._unasked(said))

    def _reply(self, wanted: int) -> Reply:
        """Return a reply of the wanted class, or one that refuses."""
        try:
            code, text = self._client.getreply()
        except OSError as error:
            raise ConnectionLostError(Reply(None, _one_line(str(error)))) from error
        reply = reply_of(code, text)
        if code // 100 not in {wanted, 4, 5}:
            self._lost(Reply(None, f"the server gave an answer to another question: {reply}"))
        return reply

    def _unasked(self, otherwise: str) -> Reply:
        said = _one_line(self._client.first_words().decode("utf-8", "backslashreplace"))
        return Reply(None, f"the server said unasked: {said}" if said else otherwise)

    def _lost(self, reply: Reply) -> NoReturn:
        self.close()
        raise ConnectionLostError(reply)


def open_session(server: SmtpServer) -> SmtpSession:
    """Connect, greet, encrypt and sign in as ``server`` says.

    Raises SubmissionError. A password is only sent over an encrypted connection whose
    certificate was checked, or where TLS was turned off on purpose.
    """
    if not server.host:  # the library takes none for a connection to be made later
        raise SubmissionError(server, "no connection: no host is named", lasting=True)
    try:
        client = _connected(server)
    except smtplib.SMTPResponseException as error:
        raise _refused(server, "it does not take connections", error) from error
    except ssl.SSLError as error:
        raise _tls_failed(server, error) from error
    except (OSError, ValueError) as error:  # ValueError: a name that can be no host's
        reason = f"no connection: {_words(error)}"
        raise SubmissionError(server, reason, lasting=isinstance(error, ValueError)) from error
    try:
        _greet(server, client)
        encrypted = server.tls == Tls.IMPLICIT or _started_tls(server, client)
        if server.user is not None:
            _sign_in(server, client, server.user, encrypted)
        return SmtpSession(server, client)
    except BaseException:
        client.close()
        raise


def reply_of(code: int, text: bytes) -> Reply:
    """Return a reply on one line of bounded length; bytes that are no UTF-8 become ``\\xNN``."""
    return Reply(code, _one_line(text[: 4 * _LONGEST_TEXT].decode("utf-8", "backslashreplace")))


def _connected(server: SmtpServer) -> Client:
    name = server.client_name or "[127.0.0.1]"  # else the library asks the network for one
    client: Client
    if server.tls == Tls.IMPLICIT:
        context = _context(server, checked=True)
        client = ImplicitTlsClient(
            server.host, server.port, name, timeout=server.timeout, context=context
        )
    else:
        client = PlainClient(server.host, server.port, name, timeout=server.timeout)
    try:
        send_small_packets_at_once(client)
        if server.client_name is None and client.sock is not None:
            client.local_hostname = _address_literal(str(client.sock.getsockname()[0]))
    except OSError:
        client.close()
        raise
    return client


def _address_literal(address: str) -> str:
    address = address.partition("%")[0]  # the zone of an IPv6 address is our own affair
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _greet(server: SmtpServer, client: Client) -> None:
    """Say EHLO, or HELO where the server does not know it."""
    try:
        code, text = client.ehlo()
        if code // 100 == 5:
            code, text = client.helo()
    except (OSError, ValueError) as error:
        reason = f"the greeting failed: {_words(error)}"
        raise SubmissionError(server, reason, lasting=isinstance(error, ValueError)) from error
    if code // 100 != 2:
        reason = f"the greeting was refused: {reply_of(code, text)}"
        raise SubmissionError(server, reason, lasting=code // 100 == 5)


def _started_tls(server: SmtpServer, client: Client) -> bool:
    """Encrypt the connection where it is to be, and greet anew (RFC 3207 section 4.2)."""
    if server.tls == Tls.NONE:
        return False
    if not client.has_extn("starttls"):
        if server.tls == Tls.REQUIRE:
            raise SubmissionError(server, "it does not offer STARTTLS", lasting=True)
        return False
    checked = server.tls == Tls.REQUIRE or server.user is not None or server.ca_file is not None
    try:
        client.starttls(context=_context(server, checked=checked))
    except smtplib.SMTPResponseException as error:
        raise _refused(server, "STARTTLS was refused", error) from error
    except (OSError, ValueError) as error:
        raise _tls_failed(server, error) from error
    if client.received:  # it came before the encryption, from whoever stands between
        raise SubmissionError(server, "bytes were slipped in before STARTTLS", lasting=True)
    _greet(server, client)
    return True


def _context(server: SmtpServer, *, checked: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=server.ca_file)
    except OSError as error:
        reason = f"the authorities in {server.ca_file} cannot be read: {_words(error)}"
        raise SubmissionError(server, reason, lasting=True) from error
    if not checked:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _sign_in(server: SmtpServer, client: Client, user: str, encrypted: bool) -> None:
    if not encrypted and server.tls != Tls.NONE:
        reason = "it offers no encryption, and a password is not sent in the clear"
        raise SubmissionError(server, reason, lasting=True)
    try:
        client.login(user, server.password or "")
    except smtplib.SMTPResponseException as error:
        raise _refused(server, "the user or password was refused", error) from error
    except smtplib.SMTPNotSupportedError as error:
        raise SubmissionError(server, "it does not offer AUTH", lasting=True) from error
    except UnicodeEncodeError as error:
        reason = "the user or password is not plain ASCII, which is all that is known to be sent"
        raise SubmissionError(server, reason, lasting=True) from error
    except (OSError, ValueError) as error:  # ValueError: a challenge that is no base64
        raise SubmissionError(
            server, f"signing in failed: {_words(error)}", lasting=True
        ) from error


def _refused(
    server: SmtpServer, what: str, error: smtplib.SMTPResponseException
) -> SubmissionError:
    text = error.smtp_error
    reply = reply_of(error.smtp_code, text.encode() if isinstance(text, str) else text)
    return SubmissionError(server, f"{what}: {reply}", lasting=not reply.temporary)


def _tls_failed(server: SmtpServer, error: OSError | ValueError) -> SubmissionError:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = f"its certificate cannot be trusted: {error.verify_message or _words(error)}"
    else:
        reason = f"TLS failed: {_words(error)}"
    return SubmissionError(server, reason, lasting=isinstance(error, ssl.SSLError))


def _words(error: OSError | ValueError) -> str:
    strerror = error.strerror if isinstance(error, OSError) else None
    return _one_line(strerror or str(error) or type(error).__name__)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 3] + "..."
