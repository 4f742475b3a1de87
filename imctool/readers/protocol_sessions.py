"""The sessions of an SMTP protocol log: what each entry says in the conversation.

``<<<`` is what the service received and ``>>>`` what it sent, in sessions of both directions; the
connection line tells the direction (Q154505, Q262945, Q295725). At Maximum level each received
packet stands as ``<<< IO: |`` and its bytes, often followed by the same lines parsed; the second
of the two is passed over. Where arrows were lost (Q228725) an entry is read by what it says.
"""

from __future__ import annotations

import re
from collections import deque
from enum import Enum, auto

from imctool.model.direction import Direction
from imctool.model.evidence import Defect, Location
from imctool.model.smtp import Banner, LogSpan, Outcome, Reply, Transaction
from imctool.readers.logged_text import LoggedText
from imctool.readers.protocol_cuts import CutSigns
from imctool.readers.protocol_log_lines import Entry
from imctool.readers.rescheduling import RESCHEDULING, parse_rescheduling
from imctool.readers.smtp_dialogue import (
    Dialogue,
    is_command,
    own_version,
    parse_reply,
    says_the_same,
)
from imctool.readers.smtp_transaction import OpenTransaction

LogRecord = Transaction | Banner | LogSpan | Defect

CONNECTION = re.compile(
    rb"A connection (?:was accepted from (?P<client>[^\r\n]*)"
    rb"|to (?P<server>\S+) was established\b[^\r\n]*)"
)
"""The first entry of a session (Q262945, Q245787)."""

_PACKET = b"IO: |"


class Continues(Enum):
    """What lines without a timestamp go on with, outside a message text."""

    NOTHING = auto()
    PACKET = auto()
    REPLY = auto()


class Sessions:
    """Takes the entries and lines of one log; leaves transactions with their texts in ``found``.

    ``keep`` is how many bytes of a text are kept, ``most_addresses`` how many recipients of a
    transaction by name (None: all). ``commands_seen`` and ``texts_seen`` tell the
    detail of the log.
    """

    def __init__(self, name: str, keep: int, most_addresses: int | None) -> None:
        self.found: list[tuple[LogRecord, bytes | None]] = []
        self.commands_seen = False
        self.texts_seen = False
        self.keep = keep
        self._name = name
        self._most_addresses = most_addresses
        self._dialogue: Dialogue | None = None
        self._text: LoggedText | None = None
        self._arrows = False
        self._open_reply: tuple[int, Entry] | None = None
        self._held: tuple[bytes, Entry] | None = None
        self._ends_shown = False
        self._echo: deque[bytes] = deque()
        self._continues = Continues.NOTHING
        self._cuts = CutSigns()

    # What the reader of the lines must know

    @property
    def text(self) -> LoggedText | None:
        """The text being collected, if any."""
        return self._text

    @property
    def expects_text(self) -> bool:
        """Whether received entries are message text now."""
        dialogue = self._dialogue
        return (
            dialogue is not None
            and dialogue.direction is Direction.INBOUND
            and dialogue.expects_text
        )

    @property
    def in_text(self) -> bool:
        """Whether the last entry is message text, so that a line without a timestamp is, too."""
        return self._text is not None and self._text.is_open

    @property
    def in_packet(self) -> bool:
        """Whether the last entry is a packet of a message text."""
        return self._text is not None and self._text.packets and self._text.is_open

    @property
    def carries_binary(self) -> bool:
        """Whether the client sends what is no text, as after XEXCH50."""
        return self._dialogue is not None and self._dialogue.binary

    @property
    def is_cut(self) -> bool:
        """Whether the session in hand was neither ended by QUIT nor by the server."""
        return self._dialogue is not None and self._dialogue.active and not self._dialogue.closed

    def fits_dialogue(self, text: bytes) -> bool:
        """Tell whether an entry of that text can follow within the packets of a message."""
        if self._text is None or CONNECTION.match(text):
            return True
        line = text.rstrip(b"\r\n")
        if line.startswith(b">>>"):
            return self._text.ended or (self._text.piece_at_limit and self._cuts.may_cut)
        if line.startswith(b"<<<"):
            payload = line[4:]
            return payload.startswith(_PACKET) or self._text.is_next(payload) or self._text.ended
        if self._arrows:
            return False
        return line.startswith(_PACKET) or (self._text.ended and parse_reply(line) is not None)

    # Entries and the lines that follow them

    def take(self, entry: Entry) -> None:
        """Take one entry."""
        self._end_entry(entry)
        text = entry.text
        if text.startswith((b"<<<", b">>>")):
            self._arrows = self.commands_seen = True
            payload = text[4:] if text[3:4] == b" " else text[3:]
            mark = len(text) - len(payload)
            if text.startswith(b">>>"):
                self._sent(payload.rstrip(b"\r\n"), entry)
            elif payload.startswith(_PACKET):
                self._packet(payload[len(_PACKET) :], entry, mark + len(_PACKET))
            else:
                self._received(payload, entry, mark)
        elif text.startswith(_PACKET):
            self.commands_seen = True
            self._packet(text[len(_PACKET) :], entry, len(_PACKET))
        elif not self._connection(text):
            self._unmarked(text, entry)
        self.collect()

    def continue_entry(self, line: bytes) -> None:
        """Take a line without a timestamp: it belongs to the last entry."""
        if self._text is not None and self._text.is_open:
            self._text.more(line)
        elif self._continues is Continues.PACKET:
            self._continue_packet(line.rstrip(b"\r\n"))
        elif self._continues is Continues.REPLY and self._open_reply is not None:
            self._reply_line(line.rstrip(b"\r\n"), self._open_reply[1])
        self.collect()

    def continue_line(self, line: bytes) -> None:
        """Take the rest of a line too long to come in one piece; only a message text keeps it."""
        if self._text is not None and self._text.is_open:
            self._text.more(line)

    def cut_entry(self, line: bytes) -> None:
        """Take the last bytes of a packet that the log cut: the next entry follows on its line."""
        assert self._text is not None
        self._text.more(line)
        self._cuts.note_length(self._text.end(newline=False))

    def end(self) -> None:
        """End the log, and with it the last session."""
        self._end_session()

    def _end_entry(self, following: Entry) -> None:
        if self._text is not None and self._text.is_open:
            self._cuts.note_length(self._text.end())
        joins = self._ends_shown and following.text.startswith((b"<<< IO: |", _PACKET))
        if not joins:
            self._flush_held()
        self._continues = Continues.NOTHING

    # What the service received

    def _packet(self, payload: bytes, entry: Entry, mark: int) -> None:
        self.texts_seen = True
        if self.expects_text:
            if self._text is None:
                self._text = LoggedText(packets=True, keep=self.keep)
            if not self._text.packets:
                # Lines, one of which begins like a packet.
                payload, mark = _PACKET + payload, mark - len(_PACKET)
            self._text.begin(payload, stamp=entry.stamp, mark=mark)
            return
        content = payload.rstrip(b"\r\n")
        if self._held is not None:
            content, entry = self._held[0] + content, self._held[1]
        self._held = (content, entry)
        self._continues = Continues.PACKET

    def _continue_packet(self, content: bytes) -> None:
        """Take a further line of a packet outside a text; an empty one shows that it ended."""
        assert self._held is not None
        entry = self._held[1]
        self._flush_held()
        if content:
            self._held = (content, entry)
        else:
            self._ends_shown = True
            self._continues = Continues.NOTHING

    def _flush_held(self) -> None:
        """Take the last line of a packet as complete."""
        if self._held is None:
            return
        line, entry = self._held
        self._held = None
        if line.strip():
            self._received_line(line, entry)
            self._echo.append(line)

    def _received(self, payload: bytes, entry: Entry, mark: int) -> None:
        if self.expects_text:
            if self._text is None:
                self._text = LoggedText(packets=False, keep=self.keep)
            if self._text.packets:
                self._text.pass_over(payload.rstrip(b"\r\n"))
            else:
                self._text.begin(payload, stamp=entry.stamp, mark=mark)
            return
        line = payload.rstrip(b"\r\n")
        if not self._repeats(line):
            self._received_line(line, entry)

    def _repeats(self, line: bytes) -> bool:
        """Tell whether the line repeats one that a packet brought before."""
        if not self._echo:
            return False
        same = says_the_same(self._echo[0], line)
        if same:
            self._echo.popleft()
        else:
            self._echo.clear()
        return same

    def _received_line(self, line: bytes, entry: Entry) -> None:
        inbound = is_command(line) or parse_reply(line) is None
        dialogue = self._session(Direction.INBOUND if inbound else Direction.OUTBOUND)
        if dialogue.direction is Direction.INBOUND:
            self._finish_reply()
            dialogue.command(line, entry.number, entry.time)
        else:
            self._reply_line(line, entry)

    # What the service sent

    def _sent(self, line: bytes, entry: Entry) -> None:
        self._echo.clear()
        parsed = parse_reply(line)
        dialogue = self._session(Direction.OUTBOUND if parsed is None else Direction.INBOUND)
        if dialogue.direction is Direction.OUTBOUND:
            self._finish_reply()
            dialogue.command(line, entry.number, entry.time)
        elif parsed is not None:
            self._finish_text(entry)
            self._reply(parsed, line, entry)

    def _reply_line(self, line: bytes, entry: Entry) -> None:
        parsed = parse_reply(line)
        if parsed is not None:
            self._reply(parsed, line, entry)

    def _reply(self, parsed: tuple[int, bool, str], line: bytes, entry: Entry) -> None:
        """Take one line of a reply; a reply of several lines counts as one."""
        if RESCHEDULING in line:
            self._reschedule(line, entry)
            return
        code, more, text = parsed
        if code == 220 and self._session(Direction.INBOUND).direction is Direction.INBOUND:
            self._note_version(text, entry)
        if self._open_reply is not None and self._open_reply[0] != code:
            self._finish_reply()
        if self._open_reply is None:
            self._open_reply = (code, entry)
        if more:
            self._continues = Continues.REPLY
        else:
            self._finish_reply(text)

    def _finish_reply(self, text: str = "") -> None:
        """Answer with the open reply; its last line may be missing from the log."""
        if self._open_reply is not None and self._dialogue is not None:
            code, entry = self._open_reply
            self._open_reply = None
            self._dialogue.reply(code, text, entry.number, entry.time)

    def _note_version(self, greeting: str, entry: Entry) -> None:
        version = own_version(greeting)
        if version is not None and version != self._cuts.version:
            self._cuts.version = version
            place = Location(self._name, line=entry.number)
            self.found.append((Banner(place, Direction.INBOUND, version), None))

    # Entries without an arrow

    def _unmarked(self, text: bytes, entry: Entry) -> None:
        line = text.rstrip(b"\r\n")
        if RESCHEDULING in line:
            self._reschedule(line, entry)
            return
        if self._arrows:
            return
        is_reply = parse_reply(line) is not None
        collected = self._text
        if self.expects_text and not (is_reply if collected is None else collected.ended):
            self._received(text, entry, 0)
            return
        if not is_reply and not is_command(line):
            return
        self.commands_seen = True
        dialogue = self._session(Direction.INBOUND)
        if is_reply is (dialogue.direction is Direction.INBOUND):
            self._sent(line, entry)
        else:
            self._received(text, entry, 0)

    def _reschedule(self, line: bytes, entry: Entry) -> None:
        """Take the line of mail put back for later: ``<error> Message subject: <subject>. ...``"""
        subject, parsed = parse_rescheduling(line)
        code, text = (parsed[0], parsed[2]) if parsed else (None, "")
        dialogue = self._dialogue
        peer = ""
        if dialogue is not None and dialogue.direction is Direction.OUTBOUND:
            peer = dialogue.peer
            if dialogue.reschedule(code, text, subject, entry.number, entry.time):
                return
        alone = OpenTransaction(entry.number, entry.time, ended=entry.time, subject=subject)
        place = Location(self._name, line=entry.number)
        alone.settle(Outcome.DEFERRED, Reply(code, text, place) if code is not None else None)
        self._emit(alone, Direction.OUTBOUND, peer)

    # Sessions and texts

    def _connection(self, text: bytes) -> bool:
        found = CONNECTION.match(text)
        if found is None:
            return False
        if found["client"] is not None:
            self.connect(Direction.INBOUND, found["client"])
        else:
            self.connect(Direction.OUTBOUND, found["server"])
        return True

    def connect(self, direction: Direction, peer: bytes) -> Dialogue:
        """End the session, if there is one, and begin another with ``peer``."""
        self._continues = Continues.NOTHING
        self._end_session()
        shown = peer.decode("latin-1").strip().removesuffix(".")
        self._dialogue = Dialogue(self._name, direction, shown, self._most_addresses)
        self._arrows = False
        return self._dialogue

    def _session(self, direction: Direction) -> Dialogue:
        """Return the session; where the log begins in the middle of one, of that direction."""
        if self._dialogue is None:
            self._dialogue = Dialogue(self._name, direction, "", self._most_addresses)
        return self._dialogue

    def _end_session(self) -> None:
        self._flush_held()
        self._finish_text(None)
        self._finish_reply()
        self._echo.clear()
        if self._dialogue is not None:
            self._dialogue.end()
            self.collect()

    def _finish_text(self, answer: Entry | None) -> None:
        """Rebuild the text, if one was logged, now that its reply stands or never comes."""
        text, dialogue = self._text, self._dialogue
        self._text = None
        if text is None or dialogue is None:
            return
        if text.is_open:
            self._cuts.note_length(text.end())
        rebuilt = text.rebuild()
        owner = dialogue.text_transaction
        if owner is not None:
            owner.text = rebuilt
            owner.truncated = self._cuts.was_cut(text) or (answer is not None and not rebuilt.ended)
            if rebuilt.assumed:
                reason = "line ends where packets of the message text join are assumed"
                self.found.append((Defect(Location(self._name, line=owner.line), reason), None))
        self.texts_seen |= rebuilt.ended
        if answer is not None:
            for line in rebuilt.rest.split(b"\r\n"):
                if line.strip():
                    dialogue.command(line, answer.number, answer.time)

    def collect(self) -> None:
        """Hand on the transactions that are finished."""
        dialogue = self._dialogue
        if dialogue is not None and dialogue.finished:
            for transaction in dialogue.finished:
                self._emit(transaction, dialogue.direction, dialogue.peer)
            dialogue.finished.clear()

    def _emit(self, transaction: OpenTransaction, direction: Direction, peer: str) -> None:
        built = transaction.build(direction, peer, self._name)
        self.found.append((built, transaction.text.data if transaction.text else None))
