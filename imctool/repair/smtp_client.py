"""The standard library's SMTP client, made to trust a server less.

Its replies have no bound, it takes anything for one, and it cannot tell that the server has
spoken unasked; a reply that is counted one too late would be taken for that of the next command.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from typing import NoReturn

LONGEST_REPLY = 1 << 16
"""In bytes, all its lines together. EHLO of the busiest server has less than two thousand."""

_REPLY_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])([^\n]*))?")


class _DistrustfulReplies(smtplib.SMTP):
    """Reads replies itself, so that it knows what was received and not yet asked for."""

    received = b""

    def getreply(self) -> tuple[int, bytes]:
        """Return code and text of one reply, its lines joined with LF.

        Raises smtplib.SMTPServerDisconnected, the connection closed, where the connection ends,
        takes too long, or brings anything but a reply (RFC 5321 section 4.2).
        """
        lines: list[bytes] = []
        codes = set()
        room = LONGEST_REPLY
        while True:
            line = self._line(room)
            room -= len(line)
            parts = _REPLY_LINE.fullmatch(line.rstrip(b"\r\n"))
            if parts is None or room <= 0:
                self._give_up("the server sent what is no reply of SMTP")
            codes.add(parts[1])
            lines.append((parts[3] or b"").strip())
            if parts[2] != b"-":
                break
        if len(codes) > 1:
            self._give_up("the server sent a reply of several codes")
        return int(codes.pop()), b"\n".join(lines)

    def spoken_unasked(self) -> bool:
        """Return whether anything has come in, or the connection has ended, without a command."""
        if self.sock is None or self.received:
            return True
        self.sock.settimeout(0)
        try:
            self.received += self.sock.recv(4096)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        finally:
            self.sock.settimeout(self.timeout)
        return True

    def first_words(self) -> bytes:
        """Return the first line of what came in unasked, b"" where nothing did."""
        return self.received.partition(b"\n")[0].rstrip(b"\r")

    def wait_at_most(self, seconds: float) -> None:
        """Set how long the next replies may take."""
        if self.sock is not None:
            self.sock.settimeout(seconds)

    def send_raw(self, data: bytes) -> None:
        """Send bytes. Raises OSError and leaves the connection open, to be read once more."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        self.sock.sendall(data)

    def _line(self, room: int) -> bytes:
        end = self.received.find(b"\n")
        while end < 0:
            if self.sock is None:
                raise smtplib.SMTPServerDisconnected("the connection is closed")
            if len(self.received) > room:
                self._give_up("the server sent a reply that does not end")
            try:
                more = self.sock.recv(4096)
            except TimeoutError:
                self._give_up("the server did not answer in time")
            except OSError as error:
                self._give_up(f"the connection broke: {error.strerror or error}")
            if not more:
                self._give_up("the server closed the connection")
            end = more.find(b"\n")
            if end >= 0:
                end += len(self.received)
            self.received += more
        line, self.received = self.received[: end + 1], self.received[end + 1 :]
        return line

    def _give_up(self, reason: str) -> NoReturn:
        self.close()
        raise smtplib.SMTPServerDisconnected(reason)


class PlainClient(_DistrustfulReplies):
    """A connection that begins unencrypted."""


class ImplicitTlsClient(_DistrustfulReplies, smtplib.SMTP_SSL):
    """A connection that is encrypted from its first byte."""


def send_small_packets_at_once(client: smtplib.SMTP) -> None:
    """Let the end of a message leave without waiting for the receipt of its text.

    They are sent apart; without this the system may hold the end back for 40 ms or more.
    """
    if client.sock is not None:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
