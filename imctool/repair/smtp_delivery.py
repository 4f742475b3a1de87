"""One letter on its way to a server: what each recipient came to so far, and the next attempt.

A recipient stays open until the server, or a check before it is asked, has said the last word.
Each step first keeps what the server said and then writes it to the log, so that a log that
fails loses nothing that is known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from imctool.model.submission import Letter, Reply, SubmissionLog, Submitted
from imctool.repair.smtp_address import address_problem
from imctool.repair.smtp_session import ConnectionLostError, SmtpSession
from imctool.repair.smtp_text import (
    ChangedTextError,
    LetterText,
    UnreadableTextError,
    letter_text,
    wire_blocks,
)

_FEWEST_OFFERED = 100
"""What every server takes in one transaction (RFC 5321 section 4.5.3.1.8)."""


@dataclass(frozen=True, slots=True)
class TextRules:
    """What may be done to a text that the server or SMTP does not take as it is."""

    send_8bit_anyway: bool = False
    normalise_line_ends: bool = False


@dataclass(slots=True)
class Delivery:
    """A letter with what its recipients have come to. ``still_open`` maps to the last reply."""

    letter: Letter
    rules: TextRules
    log: SubmissionLog
    accepted: list[str] = field(default_factory=list, init=False)
    refused: list[tuple[str, Reply]] = field(default_factory=list, init=False)
    unsure: list[str] = field(default_factory=list, init=False)
    still_open: dict[str, Reply | None] = field(init=False)
    problem: str | None = field(default=None, init=False)
    notes: tuple[str, ...] = field(default=(), init=False)
    _offered: bool = field(default=False, init=False)
    _given_up: bool = field(default=False, init=False)
    _loss: Reply | None = field(default=None, init=False)
    _sha256: str | None = field(default=None, init=False)
    _most_offered: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.still_open = dict.fromkeys(self.letter.recipients)
        if not self.still_open:
            self.problem = "it has no recipient"

    @property
    def begun(self) -> bool:
        """Whether anything of it was told to the log."""
        return self._offered or bool(self.refused)

    @property
    def finished(self) -> bool:
        """Whether another attempt can change nothing."""
        return self._given_up or not self.still_open

    def result(self) -> Submitted:
        """Return what became of each recipient; those still open are deferred."""
        untold = self._loss or Reply(None, "it was not sent")
        return Submitted(
            self.letter,
            tuple(self.accepted),
            tuple(self.refused),
            tuple((one, reply or untold) for one, reply in self.still_open.items()),
            tuple(self.unsure),
            self.problem,
            self.notes,
        )

    def check_addresses(self) -> None:
        """Refuse what must never be written into a command. Raises OSError of the log."""
        if self.letter.originator:
            reason = address_problem(self.letter.originator)
            if reason is not None:
                self._refuse_all(f"its originator cannot be given to a server: {reason}")
                return
        for one in list(self.still_open):
            reason = address_problem(one)
            if reason is not None:
                self._refuse((one,), Reply(None, reason))

    def attempt(self, session: SmtpSession) -> None:
        """Offer the letter once to every recipient that is open.

        Raises ConnectionLostError, SubmissionError; OSError where the log cannot be written.
        """
        if not self.unsure:
            self.problem = None
        try:
            with letter_text(self.letter) as text:
                if self._sha256 not in {None, text.sha256}:
                    raise ChangedTextError("the file changed between two attempts")
                self._sha256 = text.sha256
                if self._may_go(text, session):
                    self._offer(text, session)
        except UnreadableTextError as error:
            self._leave_all(str(error))
        except ChangedTextError as error:
            self._refuse_all(str(error))
        except ConnectionLostError as error:
            self.lose_connection(error.reply)
            raise

    def give_up(self) -> None:
        """Leave the recipients that are still open as they are."""
        self._given_up = True

    def lose_connection(self, reply: Reply) -> None:
        """Keep why the letter could not be offered for now."""
        self._loss = reply
        if self.still_open and not self.unsure:
            self.problem = str(reply)

    def _may_go(self, text: LetterText, session: SmtpSession) -> bool:
        """Say whether this server can take this text as it is to be sent; refuse it if not."""
        normalise = self.rules.normalise_line_ends
        size = text.sent_size(normalise)
        if text.bare_line_ends and not normalise:
            self._refuse_all(
                f"its text holds {text.bare_line_ends:,} bare CR or LF, which servers read "
                "differently: one of them could end the message early"
            )
        elif session.size_limit is not None and size > session.size_limit:
            self._refuse_all(
                f"its text of {size:,} bytes is over the {session.size_limit:,} that the "
                "server takes (SIZE)"
            )
        elif text.eight_bit and not session.eight_bit and not self.rules.send_8bit_anyway:
            self._refuse_all("its text holds 8-bit bytes, and the server does not offer 8BITMIME")
        else:
            notes = []
            if text.bare_line_ends:
                notes.append(f"{text.bare_line_ends:,} bare CR or LF became CRLF")
            if text.unended(normalise):
                notes.append("the last line got the line end that it lacked")
            if text.eight_bit and not session.eight_bit:
                notes.append("its 8-bit bytes were sent to a server that does not offer 8BITMIME")
            self.notes = tuple(notes)
            return True
        return False

    def _offer(self, text: LetterText, session: SmtpSession) -> None:
        """Offer those with plain addresses, then the others.

        Apart, because a message that is marked SMTPUTF8 can be lost on its way at a server
        without it (RFC 6531 section 3.2), also to those who do not need it.
        """
        of_originator = not self.letter.originator.isascii()
        for utf8 in (False, True):
            group = [one for one in self.still_open if (of_originator or not one.isascii()) == utf8]
            if group and utf8 and not session.utf8_addresses:
                reason = "an address holds 8-bit bytes, and the server does not offer SMTPUTF8"
                self._refuse(group, Reply(None, reason))
                continue
            waiting = deque(group)
            while waiting:
                count = min(len(waiting), self._most_offered or len(waiting))
                offered = [waiting.popleft() for _ in range(count)]
                asked = self._transaction(offered, text, session, utf8)
                waiting.extendleft(reversed(offered[asked:]))
                # What is named to the log stays in proportion to what a transaction can hold.
                if asked < count:
                    self._most_offered = max(2 * asked, _FEWEST_OFFERED)
                elif self._most_offered is not None:
                    self._most_offered *= 2

    def _transaction(
        self, offered: Sequence[str], text: LetterText, session: SmtpSession, utf8: bool
    ) -> int:
        """Run one transaction and return how many of the offered recipients had their turn."""
        self._offered = True
        self.log.begin(self.letter, offered)
        try:
            size = text.sent_size(self.rules.normalise_line_ends)
            originator = self.letter.originator.encode("latin-1")
            reply = session.mail(originator, size, text.eight_bit, utf8)
            if not reply.positive:
                self._turn_down(offered, reply)
                return len(offered)
            taken, asked = self._recipients(offered, session)
            if not taken:
                return asked
            refusal = session.data()
            if refusal is not None:
                self._turn_down(taken, refusal)
                return asked
            session.send_text(wire_blocks(text.blocks(), self.rules.normalise_line_ends))
        except ConnectionLostError as error:
            self._postpone((one for one in offered if one in self.still_open), error.reply)
            raise
        except (ChangedTextError, UnreadableTextError):
            session.close()  # in the midst of the text, which must never get its end
            raise
        self.log.ending(self.letter, taken)
        self._end(taken, session)
        return asked

    def _recipients(self, offered: Sequence[str], session: SmtpSession) -> tuple[list[str], int]:
        """Name the recipients; return those that were taken, and how many had their turn."""
        taken: list[str] = []
        for asked, one in enumerate(offered):
            reply = session.recipient(one.encode("latin-1"))
            if reply.positive:
                taken.append(one)
            elif taken and reply.too_many_recipients:
                return taken, asked
            else:
                self._turn_down((one,), reply)
        return taken, len(offered)

    def _end(self, taken: Sequence[str], session: SmtpSession) -> None:
        """Send the end of the message, for which the log is ready, and keep what is said to it."""
        try:
            reply = session.end_text()
        except ConnectionLostError as error:
            reason = (
                "the connection ended after the message was sent and before the server said "
                f"whether it took it: {error}"
            )
            self._close(taken)
            self.unsure.extend(taken)
            self.problem = reason
            self.log.failed(self.letter, taken, reason, unsure=True)
            raise
        if reply.positive:
            self._close(taken)
            self.accepted.extend(taken)
            self.log.accepted(self.letter, taken, reply)
        else:
            self._turn_down(taken, reply)

    def _turn_down(self, recipients: Sequence[str], reply: Reply) -> None:
        if reply.temporary:
            self._postpone(recipients, reply)
        else:
            self._refuse(recipients, reply)

    def _postpone(self, recipients: Iterable[str], reply: Reply) -> None:
        postponed = list(recipients)
        self.still_open.update(dict.fromkeys(postponed, reply))
        if postponed:
            self.log.failed(self.letter, postponed, str(reply), unsure=False)

    def _refuse(self, recipients: Sequence[str], reply: Reply) -> None:
        self._close(recipients)
        self.refused.extend((one, reply) for one in recipients)
        self.log.refused(self.letter, recipients, reply)

    def _refuse_all(self, reason: str) -> None:
        self.problem = reason
        self._refuse(list(self.still_open), Reply(None, reason))

    def _leave_all(self, reason: str) -> None:
        self.problem = reason
        self.give_up()
        self._postpone(list(self.still_open), Reply(None, reason))

    def _close(self, recipients: Iterable[str]) -> None:
        for one in recipients:
            del self.still_open[one]
