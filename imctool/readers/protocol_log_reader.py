"""Reads an SMTP protocol log, most of it many lines at a time.

What mostly stands together is read at once: the opening of a session, an envelope, a message text,
the reply to it; else a command with its reply, or the packets of a text up to the next line that
may be another entry. All else is read line by line, and what is read at once gives the same
records.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from imctool.model.direction import Direction
from imctool.readers.local_time import DateOrder
from imctool.readers.logged_text import DOT_LINE, cut_lengths
from imctool.readers.protocol_bulk_sessions import BulkSessions
from imctool.readers.protocol_exchanges import exchange_at
from imctool.readers.protocol_line_reader import LONGEST_PAUSE, LineReader
from imctool.readers.protocol_log_lines import STAMP, stamp_form
from imctool.readers.protocol_packets import LONG_STAMP, PACKET, cut_in, packets_from
from imctool.readers.protocol_stretches import (
    Ending,
    Envelope,
    Stretch,
    ending_at,
    envelope_at,
    opening_at,
)
from imctool.readers.protocol_texts import text_at
from imctool.readers.smtp_dialogue import Dialogue

_LONGEST_ENDING = 1024
"""So many bytes what follows a text may take, mostly."""


class LogReader(LineReader):
    """Takes the windows of a log; see LineReader for its arguments and ``found``."""

    def __init__(self, name: str, order: DateOrder, keep: int, most_addresses: int | None) -> None:
        self._sessions: BulkSessions
        super().__init__(name, order, BulkSessions(name, keep, most_addresses))
        self._looked_at = b""
        self._repeats = False

    def begin_window(self, window: bytes) -> bytes:
        """Return the lines of a window as ``read`` takes them: with the logger's own line ends."""
        whole = window.endswith(b"\n")
        if self._converted and whole:
            window = window.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        self._regular = bool(self._stamped) and not self._indent and whole
        return window

    def read(self, window: bytes, position: int, *, more: bool = False) -> int:
        """Take lines until something is found; return where the next one begins.

        With ``more`` it may return early, where a text begins near the end of the window: then
        the rest of the window is to be read again, in front of the next one.
        ``window`` comes from ``begin_window``; ``position`` is where one of its lines begins.
        """
        end = len(window)
        while position < end and not self.found:
            after = 0
            if self._regular and self._line_ended:
                after = self._take_many(window, position)
                if not after and more and self._text_goes_on(window, position):
                    break
            if not after:
                after = window.find(b"\n", position) + 1 or end
                self.feed(window[position:after])
            position = after
        return position

    def _take_many(self, window: bytes, position: int) -> int:
        """Take what stands together; return where it ends, 0 where this line is to be looked at."""
        sessions = self._sessions
        if sessions.in_text:
            return self._take_packets(window, position)
        dialogue = sessions.exchanging
        if dialogue is not None and dialogue.expects_text:
            if dialogue.direction is Direction.INBOUND:
                after = self._take_text(window, position, dialogue)
                if after:
                    return after
            return self._take_ending(window, position, dialogue)
        if sessions.expects_text:
            return 0
        if window.startswith(b"\r\n", position) and not sessions.in_packet_of_lines:
            self._number += 1
            self._ends_bare = False
            return position + 2
        if dialogue is None:
            return self._take_opening(window, position)
        after = 0
        if dialogue.closed:
            after = self._take_opening(window, position)
        elif dialogue.between:
            after = self._take_envelope(window, position, dialogue)
        if not after:
            after = self._take_exchanges(window, position, dialogue)
        if not after and not dialogue.closed:
            after = self._take_opening(window, position)
        return after

    def _text_goes_on(self, window: bytes, position: int) -> bool:
        """Tell whether a text begins there of which the next window is likely to hold the end."""
        return (
            position > len(window) // 2
            and self._sessions.expects_text
            and not self._sessions.in_text
            and window.find(PACKET, position, position + LONG_STAMP) >= 0
            and window.find(DOT_LINE, position, len(window) - _LONGEST_ENDING) < 0
        )

    def _take_opening(self, window: bytes, position: int) -> int:
        found = opening_at(window, position)
        times = found and self._times_of(found.stretch)
        if not found or not times:
            return 0
        dialogue = self._sessions.connect(found.direction, found.peer)
        if found.introduced:
            self._sessions.note_entries(packet=found.stretch.packet, blank=found.stretch.blank)
            dialogue.take_introduction()
        if found.envelope is not None:
            self._begin_transaction(window, position, found.envelope, times, dialogue)
        return self._note_stretch(window, position, found.stretch, times)

    def _take_envelope(self, window: bytes, position: int, dialogue: Dialogue) -> int:
        found = envelope_at(window, position, dialogue.direction)
        times = found and self._times_of(found.stretch)
        if not found or not times:
            return 0
        self._sessions.note_entries(packet=found.stretch.packet, blank=found.stretch.blank)
        self._begin_transaction(window, position, found, times, dialogue)
        if dialogue.finished:
            self._sessions.collect()
        return self._note_stretch(window, position, found.stretch, times)

    def _begin_transaction(
        self,
        window: bytes,
        position: int,
        found: Envelope,
        times: list[datetime],
        dialogue: Dialogue,
    ) -> None:
        number = self._number + 1 + window.count(b"\n", position, found.start)
        started, ended = times[found.earlier - 1], times[-1]
        dialogue.take_envelope(found.originator, found.recipients, number, started, ended)

    def _take_text(self, window: bytes, position: int, dialogue: Dialogue) -> int:
        """Take a whole text and what follows it."""
        found = text_at(window, position, self._sessions.keep)
        if found is None:
            return 0
        ending = self._ending_at(window, found.end, dialogue)
        if ending is None:
            return 0
        stretch = ending.stretch
        begun = self._written(found.first, *found.stamps[0])
        answered = (stretch.date, stretch.times[0] or b"")
        times = begun and self._times_in_text(begun, [*found.stamps, answered])
        later = times and self._times_of(stretch, times[-1])
        if not times or not later:
            return 0
        self._sessions.take_text(found.text, found.longest)
        for time in times:
            self._note_time(time)
        self._entries += found.entries
        self._number += window.count(b"\n", position, found.end)
        return self._note_ending(window, found.end, ending, later, dialogue)

    def _times_in_text(
        self, time: datetime, stamps: Iterable[tuple[bytes, bytes]]
    ) -> list[datetime] | None:
        """Return the times of these packets, and of the reply, if they can follow one another."""
        times = []
        for date, clock in stamps:
            before, written = time, self._clock.read(date, clock)
            if (
                written is None
                or stamp_form(date, clock) != self._form
                or not before <= written <= before + LONGEST_PAUSE
            ):
                return None
            time = written
            times.append(time)
        return times

    def _take_ending(self, window: bytes, position: int, dialogue: Dialogue) -> int:
        found = self._ending_at(window, position, dialogue)
        times = found and self._times_of(found.stretch)
        if not found or not times:
            return 0
        return self._note_ending(window, position, found, times, dialogue)

    def _ending_at(self, window: bytes, position: int, dialogue: Dialogue) -> Ending | None:
        """Return the ending there; with QUIT only where the reply leaves nothing unanswered."""
        found = ending_at(window, position, dialogue.direction)
        if found is None or (found.quits and not dialogue.ends_with(found.code)):
            return None
        return found

    def _note_ending(
        self,
        window: bytes,
        position: int,
        found: Ending,
        times: list[datetime],
        dialogue: Dialogue,
    ) -> int:
        number = self._number + 1
        self._sessions.note_entries(packet=found.stretch.packet, blank=found.stretch.blank)
        dialogue.reply(found.code, found.text, number, times[0])
        if found.quits:
            dialogue.take_quit()
        if dialogue.finished:
            self._sessions.collect()
        after = self._note_stretch(window, position, found.stretch, times)
        return (found.quits and self._take_opening(window, after)) or after

    def _times_of(self, stretch: Stretch, first: datetime | None = None) -> list[datetime] | None:
        """Return the times of its entries that differ, None where timestamps alone do not tell.

        ``first`` is when the first one was written, if that is known.
        """
        date, clocks = stretch.date, stretch.times
        time = first or self._written(stretch.first, date, clocks[0] or b"")
        if time is None:
            return None
        times = [time]
        for clock in filter(None, clocks[1:]):
            time = self._clock.read(date, clock)
            if time is None:
                return None
            times.append(time)
        return times

    def _written(self, stamp: bytes, date: bytes, time: bytes) -> datetime | None:
        """Return when an entry was written, None where that is not told by its timestamp alone."""
        if stamp == self._same:
            return self._newest
        if self._same and stamp.startswith(self._same):
            return None
        return self._clock.read(date, time)

    def _note_stretch(
        self, window: bytes, position: int, stretch: Stretch, times: Iterable[datetime]
    ) -> int:
        for time in times:
            if time is not self._newest:
                self._note_time(time)
        self._date = stretch.date
        self._same = stretch.last
        self._entries += stretch.entries
        self._number += window.count(b"\n", position, stretch.end)
        self._impossible = self._in_junk = self._ends_bare = False
        return stretch.end

    def _take_exchanges(self, window: bytes, position: int, dialogue: Dialogue) -> int:
        """Take commands with their replies; return where they end, 0 where none stands here."""
        sessions = self._sessions
        end = 0
        while True:
            found = exchange_at(window, position, dialogue.direction)
            if found is None:
                break
            (
                stamp, date, clock, later, later_clock, command, code, text,
                lines, entries, packet, blank, end_of_reply,
            ) = found  # fmt: skip
            time = self._written(stamp, date, clock)
            answered = time if later is None else self._clock.read(date, later_clock)
            if time is None or answered is None:
                break
            if time is not self._newest:
                self._note_time(time)
            if answered is not time:
                self._note_time(answered)
            self._date = date
            self._same = later or stamp
            number = self._number + 1
            sessions.note_entries(packet=packet, blank=blank)
            dialogue.command(command, number, time)
            dialogue.reply(code, text, number + lines, answered)
            if dialogue.finished:
                sessions.collect()
            end = end_of_reply
            self._number += window.count(b"\n", position, end)
            self._entries += entries
            position = end
            if code == 354 or self.found or dialogue.between:
                break
        if end:
            self._impossible = self._in_junk = self._ends_bare = False
        return end

    def _take_packets(self, window: bytes, position: int) -> int:
        """Take packets of a message text that carry the timestamp of the one before.

        Returns where a line stands that must be looked at by itself, 0 where this one must.
        """
        if position < 2 or not self._same_repeats() or not self._sessions.takes_packets:
            return 0
        text = self._sessions.text
        assert text is not None
        stamp = len(self._same)
        payloads, stop = packets_from(window, position, self._same)
        if stop == position:
            return 0
        after_stamp = stamp + len(PACKET)
        rest_end = payloads[0] - after_stamp if payloads else stop
        ends = [payload - after_stamp for payload in payloads[1:]]
        if payloads:
            ends.append(stop)
        limits = cut_lengths(stamp, len(PACKET))
        cut = cut_in(window, position, rest_end, text.lengths_of_cuts, text.done)
        for payload, end in zip(payloads, ends, strict=True):
            if cut:
                break
            cut = cut_in(window, payload, end, limits, 0)
        if cut:
            return self._feed_through(window, position, cut)
        packets = [window[a : b - 2] for a, b in zip(payloads[:-1], ends[:-1], strict=True)]
        last = window[payloads[-1] : stop] if payloads else b""
        self._sessions.take_packets(window[position:rest_end], packets, last, stamp)
        self._number += window.count(b"\n", position, stop)
        self._entries += len(payloads)
        self._in_junk = self._in_junk and not payloads
        self._ends_bare = window[stop - 2 : stop] != b"\r\n" and not self._converted
        return stop

    def _same_repeats(self) -> bool:
        """Whether the last timestamp has the log's form, so that a packet may repeat it."""
        if self._same is not self._looked_at:
            self._looked_at = self._same
            stamp = STAMP.match(self._same) if len(self._same) <= LONG_STAMP else None
            self._repeats = stamp is not None and stamp_form(stamp[1], stamp[2]) == self._form
        return self._repeats

    def _feed_through(self, window: bytes, position: int, last: int) -> int:
        """Take one by one the lines up to the one around ``last``; return where that ends."""
        while position <= last:
            after = window.find(b"\n", position) + 1
            self.feed(window[position:after])
            position = after
        return position
