"""Reads an SMTP protocol log line by line: which lines are entries, which belong to the one before.

This decides what a log says; where many lines are read at once, they give the same records.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from imctool.model.evidence import Defect, Location
from imctool.model.smtp import LogSpan
from imctool.readers.local_time import DateOrder
from imctool.readers.logged_text import ENTRY_LIMIT
from imctool.readers.protocol_log_lines import (
    BARE_ENTRY,
    PACKET_MARK,
    STAMP,
    Clock,
    Entry,
    stamp_form,
)
from imctool.readers.protocol_packets import begins_entry
from imctool.readers.protocol_sessions import CONNECTION, Sessions

LONGEST_PAUSE = timedelta(hours=1)
"""An entry among the packets of a text is not later than this after the one before."""

_BINARY = re.compile(rb"[\0-\x08\x0e-\x1f]")
_OWN_TITLE = re.compile(rb"SMTP|Internet Mail", re.IGNORECASE)


class LineReader:
    """Tells entries from other lines and hands both to the sessions; results are in ``found``.

    ``keep`` is how many bytes of a text are kept, ``most_addresses`` how many recipients of a
    transaction by name (None: all).
    """

    def __init__(self, name: str, order: DateOrder, sessions: Sessions) -> None:
        self._name = name
        self._clock = Clock(order)
        self._sessions = sessions
        self.found = self._sessions.found
        self._number = 0
        self._line_ended = True
        self._ends_bare = False
        self._after_bare_lf = False
        self._stamped: bool | None = None
        self._foreign_line = 0
        self._form = b""
        self._date = b""
        self._same = b""
        self._indent = b""
        self._converted = False
        self._entries = 0
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._newest: datetime | None = None
        self._in_junk = False
        self._impossible = False
        self._regular = False

    def feed(self, line: bytes) -> None:
        """Take one line, or a piece of one that is longer than the limit."""
        goes_on = not self._line_ended
        self._line_ended = line.endswith(b"\n")
        self._after_bare_lf = self._ends_bare
        self._ends_bare = self._line_ended and line[-2:] != b"\r\n" and not self._converted
        self._number += not goes_on
        if line[:1] == b"\0" and not self._sessions.in_text:
            self._note_junk()
            line = line.lstrip(b"\0")
            goes_on = False
        if self._converted and self._line_ended and not line.endswith(b"\r\n"):
            line = line[:-1] + b"\r\n"
        if goes_on:
            self._sessions.continue_line(line)
        elif self._stamped is None:
            self._look_for_first(line)
        elif line:
            self._take_line(line.removeprefix(self._indent))

    def finish(self) -> None:
        """End the last session and say what the log covers."""
        self._sessions.end()
        if self._stamped is None:
            reason = "no entry of a protocol log" if self._number else "empty file"
            self._defect(reason, None)
        detail = ""
        if self._entries:
            detail = "medium" if self._sessions.commands_seen else "minimum"
        span = LogSpan(
            location=Location(self._name),
            first=self._first,
            last=self._last,
            records=self._entries,
            detail="maximum" if self._sessions.texts_seen else detail,
            torn=self._sessions.is_cut or not self._line_ended,
        )
        self.found.append((span, None))

    def _look_for_first(self, line: bytes) -> None:
        """Look for the first entry: it shows how the entries of this log begin and end."""
        body = line.lstrip(b" \t")
        stamp = STAMP.match(body)
        if stamp is None and BARE_ENTRY.match(body) is None:
            titled = self._number == 1 and _OWN_TITLE.search(line)
            if line.strip() and not titled and not self._foreign_line:
                self._foreign_line = self._number
            return
        if self._foreign_line and not self._in_junk:
            self._defect("lines before the first entry are no log entries", self._foreign_line)
        self._indent = line[: len(line) - len(body)]
        self._stamped = stamp is not None
        if stamp is not None:
            self._form = stamp_form(stamp[1], stamp[2])
        self._converted = line.endswith(b"\n") and not line.endswith(b"\r\n")
        self._regular = self._stamped and not self._indent and not self._converted
        self._take_line(body[:-1] + b"\r\n" if self._converted else body)

    def _take_line(self, line: bytes) -> None:
        """Take one line; 4.0 left line ends out, so several entries may stand on it (Q159290)."""
        entry = self._entry(line)
        while entry is not None:
            self._in_junk = False
            if self._sessions.expects_text:
                self._take_in_text(entry)
                return
            position = self._next_on_line(entry.text)
            if not position:
                self._take(entry)
                return
            self._take(entry._replace(text=entry.text[:position] + b"\r\n"))
            entry = self._entry(entry.text[position:])
        self._take_continuation(line)

    def _take_in_text(self, entry: Entry) -> None:
        """Take an entry of a message text, or the reply to it; look for a cut in a long one."""
        mark = PACKET_MARK.match(entry.text)
        if mark is None or len(entry.text) + entry.stamp < ENTRY_LIMIT - 1:
            self._take(entry)
            return
        self._take(entry._replace(text=mark[0]))
        self._take_continuation(entry.text[mark.end() :])

    def _take_continuation(self, line: bytes) -> None:
        text = self._sessions.text
        if text is not None and self._sessions.in_text:
            for position in text.cuts_in(line):
                if begins_entry(line, position):
                    self._sessions.cut_entry(line[:position])
                    self._take_line(line[position:])
                    return
        elif _BINARY.search(line) and not self._sessions.carries_binary:
            self._note_junk()
        self._sessions.continue_entry(line)

    def _take(self, entry: Entry) -> None:
        self._entries += 1
        self._note_time(entry.time)
        self._sessions.take(entry)

    def _note_time(self, time: datetime | None) -> None:
        if time is not None and time is not self._newest:
            self._newest = time
            self._first = min(self._first or time, time)
            self._last = max(self._last or time, time)

    def _next_on_line(self, text: bytes) -> int:
        """Return where another entry of the same day begins within the text, or 0."""
        if not self._date:
            return 0
        position = text.find(self._date, 1)
        return position if position > 0 and begins_entry(text, position) else 0

    def _entry(self, line: bytes) -> Entry | None:
        """Return the entry that begins with this line, or None."""
        if self._after_bare_lf and self._sessions.in_text:
            # The logger ends entries with CRLF: this is the middle of a line of the message.
            return None
        if not self._stamped and not self._becomes_stamped(line):
            if BARE_ENTRY.match(line) is None or not self._sessions.fits_dialogue(line):
                return None
            return Entry(self._number, None, line, 0)
        if self._same and line.startswith(self._same) and not self._sessions.in_packet:
            end = len(self._same)
            return Entry(self._number, self._newest, line[end:], end)
        stamp = STAMP.match(line) if line[:1].isdigit() else None
        if stamp is None:
            return None
        date, time = stamp.groups()
        when = self._clock.read(date, time)
        entry = Entry(self._number, when, line[stamp.end() :], stamp.end())
        if self._sessions.in_packet and (
            stamp_form(date, time) != self._form or not self._fits_packet(entry)
        ):
            return None
        if when is None and not self._impossible:
            shown = (date + b" " + time).decode("ascii")
            self._defect(f"impossible date or time: {shown}", self._number)
        self._impossible = when is None
        self._date = date
        self._same = stamp[0] if when is not None else b""
        return entry

    def _becomes_stamped(self, line: bytes) -> bool:
        """Take a log for a stamped one after all: what looked like its first entry was none."""
        if self._sessions.in_packet or not begins_entry(line, 0):
            return False
        self._stamped = True
        stamp = STAMP.match(line)
        assert stamp is not None
        self._form = stamp_form(stamp[1], stamp[2])
        return True

    def _fits_packet(self, entry: Entry) -> bool:
        """Tell whether what looks like an entry among the packets of a text can be one."""
        if entry.time is None:
            return False
        if self._newest is not None:
            if entry.time < self._newest:
                return False
            late = entry.time - self._newest > LONGEST_PAUSE
            if late and CONNECTION.match(entry.text) is None:
                return False
        return self._sessions.fits_dialogue(entry.text)

    def _note_junk(self) -> None:
        if not self._in_junk:
            self._defect("binary data that is no part of a log", self._number)
        self._in_junk = True

    def _defect(self, reason: str, number: int | None) -> None:
        self.found.append((Defect(Location(self._name, line=number), reason), None))
