"""The SMTP conversation of one session: commands matched with replies, as mail transactions."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum

from imctool.model.direction import Direction
from imctool.model.evidence import Location
from imctool.model.smtp import Outcome, Reply
from imctool.readers.smtp_transaction import KEPT_ADDRESSES, OpenTransaction, outcome_of


class Command(IntEnum):
    """What a reply answers; the text of a message is answered like a command."""

    MAIL = 0
    RCPT = 1
    DATA = 2
    TEXT = 3
    RESET = 4
    QUIT = 5
    OTHER = 6


_COMMAND = re.compile(
    rb"\s*(?:(?P<MAIL>(?:MAIL|SEND|SOML|SAML)\s+FROM\s*:?)|(?P<RCPT>RCPT\s+TO\s*:?)"
    rb"|(?P<DATA>DATA)\s*$|(?P<RESET>(?:RSET|HELO|EHLO)\b)|(?P<QUIT>QUIT)\s*$)",
    re.IGNORECASE,
)
_KINDS = dict(Command.__members__)
_MAIL, _RCPT, _DATA, _TEXT, _RESET, _QUIT, _OTHER = Command
_BARE_COMMANDS = {b"DATA": _DATA, b"RSET": _RESET, b"QUIT": _QUIT}
_ADDRESSED = re.compile(rb"(?:RCPT TO|(MAIL FROM)):<([!#-=?A-~][!#-=?-~]*)>")
_VERB = re.compile(
    rb"\s*(?:HELO|EHLO|(?:MAIL|SEND|SOML|SAML)\s+FROM|RCPT\s+TO|DATA|RSET|QUIT|NOOP|VRFY|EXPN|HELP"
    rb"|TURN|ETRN|AUTH|STARTTLS|XEXCH50)\b",
    re.IGNORECASE,
)
_BRACKETED = re.compile(rb'\s*<((?:"(?:[^"\\]|\\.)*"|[^">])*)>')
_BARE = re.compile(rb"\s*<?\s*([^\s>]*)")
_ROUTE = re.compile(r"@[^:\s\"]*:")
_REPLY = re.compile(rb"\s*(\d{3})(?:([ -])(.*))?$", re.DOTALL)
_NO_ANSWER = frozenset({221, 354})
"""A text is not answered so: these replies are left out, or answer something else."""

_CLOSING = frozenset({221, 421, 521})
_BANNER = re.compile(r"Internet Mail (?:Service|Connector)\b[^\d\n]{0,20}(\d+(?:\.\d+){2,3})")


def is_command(line: bytes) -> bool:
    """Return whether the line begins with a verb of SMTP or of its extensions."""
    return _VERB.match(line) is not None


def parse_reply(line: bytes) -> tuple[int, bool, str] | None:
    """Return code, whether further lines follow, and text of a reply line, or None."""
    if line[3:4] == b" " and line[:3].isdigit():
        return int(line[:3]), False, line[4:].decode("latin-1").strip()
    found = _REPLY.match(line)
    if found is None:
        return None
    return int(found[1]), found[2] == b"-", (found[3] or b"").decode("latin-1").strip()


def says_the_same(packet: bytes, line: bytes) -> bool:
    """Tell whether a parsed line repeats the line of a packet: a reply with the same code does."""
    brought, shown = parse_reply(packet), parse_reply(line)
    if brought is not None and shown is not None:
        return brought[0] == shown[0]
    return b" ".join(line.split()).startswith(b" ".join(packet.split()))


def own_version(greeting: str) -> str | None:
    """Return the build that a 220 greeting of the connector names (Q182821, Q194131), or None."""
    found = _BANNER.search(greeting)
    return found[1] if found else None


def parse_command(line: bytes) -> tuple[Command, str]:
    """Return what a command line is, and the address of a MAIL or RCPT, else ""."""
    bare = _BARE_COMMANDS.get(line)
    if bare is not None:
        return bare, ""
    usual = _ADDRESSED.match(line)
    if usual is not None:
        return (_RCPT if usual[1] is None else _MAIL), usual[2].decode("ascii")
    found = _COMMAND.match(line)
    if found is None:
        return _OTHER, ""
    kind = _KINDS[found.lastgroup or "OTHER"]
    return kind, parse_path(line[found.end() :]) if kind <= _RCPT else ""


def parse_path(argument: bytes) -> str:
    """Return the address of a MAIL or RCPT argument; "" for the null sender.

    Brackets, parameters and a source route (RFC 821 section 3.6) are left out.
    """
    found = _BRACKETED.match(argument) or _BARE.match(argument)
    address = found[1].decode("latin-1").strip() if found else ""
    route = _ROUTE.match(address)
    return address[route.end() :] if route else address


class Dialogue:
    """One session. Feed it commands and replies in their order; take ``finished`` away.

    Replies answer commands in order, as with pipelining (RFC 2920). A reply that says what it
    answers (354, 221, the wording of the Internet Mail Service) passes over commands whose reply
    is missing. A transaction is finished when the next one begins or the session ends, so that a
    line about its rescheduling still reaches it. ``most_addresses`` is how many recipients of a
    transaction are kept by name, None for all.
    """

    def __init__(
        self,
        name: str,
        direction: Direction,
        peer: str,
        most_addresses: int | None = KEPT_ADDRESSES,
    ) -> None:
        self.direction = direction
        self.peer = peer
        self.finished: list[OpenTransaction] = []
        self.active = False
        self.closed = False
        self.binary = False
        self._name = name
        self._most_addresses = most_addresses
        self._transactions: deque[OpenTransaction] = deque()
        self._current: OpenTransaction | None = None
        self._pending: deque[tuple[Command, OpenTransaction | None, str]] = deque()
        self._waiting = [0] * len(Command)
        self._seen_mail = False
        self._replied = False

    @property
    def expects_text(self) -> bool:
        """Whether a 354 was given and the reply after the text was not."""
        return bool(self._pending) and self._pending[0][0] is _TEXT

    @property
    def text_transaction(self) -> OpenTransaction | None:
        """The transaction whose text is awaited or sent."""
        return self._pending[0][1] if self.expects_text else None

    @property
    def between(self) -> bool:
        """Whether no transaction is in hand and no command waits for its reply."""
        return self._current is None and not self._pending

    def take_introduction(self) -> None:
        """Take a greeting or HELO, or both, each with the reply that was wanted."""
        self._replied = self.active = True
        self.binary = False
        self._current = None

    def take_envelope(
        self,
        originator: str,
        recipients: Sequence[str],
        number: int,
        started: datetime | None,
        ended: datetime | None,
    ) -> None:
        """Take MAIL, RCPTs and DATA, all of which the server took, between transactions."""
        self._begin(number, started, originator)
        owner = self._current
        assert owner is not None
        owner.accepted_count = len(recipients)
        owner.accepted.extend(recipients[: self._most_addresses])
        owner.ended = ended or started
        owner.awaiting = 1
        self._pending.append((_TEXT, owner, ""))
        self._waiting[_TEXT] += 1
        self._replied = self.active = True
        self.binary = False

    def ends_with(self, code: int) -> bool:
        """Tell whether after that reply to the text nothing waits for a reply."""
        return len(self._pending) == 1 and code not in _NO_ANSWER

    def take_quit(self) -> None:
        """Take QUIT and its 221, where nothing waits for a reply."""
        self.closed = self._replied = self.active = True
        self.binary = False
        self._release()

    def command(self, line: bytes, number: int, time: datetime | None) -> None:
        """Take one command line of the client."""
        kind, address = parse_command(line)
        self.active = True
        if kind is _OTHER and (
            self.binary or (self.direction is Direction.OUTBOUND and self.expects_text)
        ):
            return
        if kind is _MAIL:
            self._begin(number, time, address)
        elif kind is _RESET:
            self._current = None
        elif kind is _QUIT:
            self.closed = True
        elif self._current is None and (kind is _RCPT or kind is _DATA):
            if self._seen_mail:
                kind = _OTHER
            else:
                self._begin(number, time, None)
        owner = self._current if kind <= _DATA else None
        self._pending.append((kind, owner, address))
        self._waiting[kind] += 1
        if owner is not None:
            owner.awaiting += 1
            owner.ended = time or owner.ended

    def reply(self, code: int, text: str, number: int, time: datetime | None) -> None:
        """Take one reply of the server, multi-line replies once."""
        greeting = code == 220 and not self._replied
        self._replied = self.active = True
        self.binary = False
        if code in _CLOSING:
            self.closed = True
        pending = self._pending
        if greeting or (code == 354 and self.expects_text):
            return
        if code == 421:
            self._break_off(Reply(code, text, Location(self._name, line=number)), time)
            return
        if len(pending) > 1:
            self._pass_over(code, text)
        if not pending or (code == 221 and not self._waiting[_QUIT]):
            return
        kind, owner, address = pending.popleft()
        self._waiting[kind] -= 1
        if owner is not None:
            owner.awaiting -= 1
            owner.ended = time or owner.ended
            if code < 300 and kind is _RCPT:
                owner.accept(address)
            elif code >= 400 or kind is not _MAIL:
                reply = Reply(code, text, Location(self._name, line=number))
                self._answer(kind, owner, address, reply)
        elif code == 354 and kind is _OTHER:
            self.binary = True
        if len(self._transactions) > 1:
            self._release()

    def reschedule(
        self, code: int | None, text: str, subject: str, number: int, time: datetime | None
    ) -> bool:
        """Take the line that mail was put back for a later attempt (Q146669, Q228725).

        Returns False where no transaction of this session can be meant.
        """
        self.closed = True
        owner = self._transactions[-1] if self._transactions else None
        if owner is None or owner.outcome is Outcome.ACCEPTED or owner.subject is not None:
            return False
        if code is not None:
            owner.reply = Reply(code, text, Location(self._name, line=number))
        elif owner.outcome is None:
            owner.reply = owner.last_refusal
        owner.outcome = Outcome.DEFERRED
        owner.subject = subject
        owner.ended = time or owner.ended
        self._forget_pending()
        self._current = None
        return True

    def end(self) -> None:
        """End the session: all its transactions are finished."""
        self.finished.extend(self._transactions)
        self._transactions.clear()
        self._forget_pending()
        self._current = None

    def _begin(self, number: int, time: datetime | None, originator: str | None) -> None:
        self._seen_mail |= originator is not None
        self._current = OpenTransaction(
            number, time, originator, most_addresses=self._most_addresses
        )
        self._transactions.append(self._current)
        self._release()

    def _answer(self, kind: Command, owner: OpenTransaction, address: str, reply: Reply) -> None:
        if kind is _RCPT:
            if reply.code >= 400:
                owner.refuse(address, reply)
        elif kind is _TEXT:
            owner.settle(outcome_of(reply.code), reply)
            if self._current is owner:
                self._current = None
        elif kind is _DATA and reply.code == 354:
            self._pending.appendleft((_TEXT, owner, ""))
            self._waiting[_TEXT] += 1
            owner.awaiting += 1
        elif kind is _DATA and reply.code < 400:
            # Not accepted: nothing says that the text was taken.
            owner.settle(Outcome.INCOMPLETE, reply)
        elif kind is _DATA:
            owner.answer_data(reply)
        elif reply.code >= 400:
            owner.settle(outcome_of(reply.code), reply)

    def _break_off(self, reply: Reply, time: datetime | None) -> None:
        """Take a 421: the server closes the connection, whatever it answers."""
        if self._transactions:
            owner = self._transactions[-1]
            if owner.outcome is None:
                owner.ended = time or owner.ended
            owner.settle(Outcome.DEFERRED, reply)
        self._forget_pending()

    def _pass_over(self, code: int, text: str) -> None:
        meant = _meant(code, text)
        if meant is None or not self._waiting[meant] or self.expects_text:
            return
        while self._pending[0][0] is not meant:
            self._pop()

    def _pop(self) -> tuple[Command, OpenTransaction | None, str]:
        entry = self._pending.popleft()
        self._waiting[entry[0]] -= 1
        if entry[1] is not None:
            entry[1].awaiting -= 1
        return entry

    def _forget_pending(self) -> None:
        while self._pending:
            self._pop()

    def _release(self) -> None:
        while len(self._transactions) > 1 and not self._transactions[0].awaiting:
            self.finished.append(self._transactions.popleft())


def _meant(code: int, text: str) -> Command | None:
    """Return which command a reply says that it answers (Q262945, Q295725), or None."""
    if code == 354:
        return _DATA
    if code == 221:
        return _QUIT
    if code == 250 and text.startswith("OK - Recipient"):
        return _RCPT
    if code == 250 and text.startswith("OK - mail from"):
        return _MAIL
    return None
