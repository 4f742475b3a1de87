"""The message tracking log of Exchange 4.0, 5.0 and 5.5 (Q173280): Tracking.log\\yyyymmdd.log.

A record is one line of thirteen tab-separated fields and, for each recipient, one line of name and
report status. All times are GMT. Where a line begins a record is told by its second field, a
number, and its third, a date, so that a damaged record costs no other. Line ends and trailing tabs
are not documented: CRLF and LF, present and absent tabs are all read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from sys import intern

from imctool.model.evidence import Defect, EvidenceFile, Location
from imctool.model.smtp import LogSpan
from imctool.model.tracking import TrackingRecord
from imctool.readers.file_buffer import open_binary
from imctool.readers.local_time import PLAUSIBLE_YEARS
from imctool.readers.log_bytes import byte_windows

KEPT_RECIPIENTS = 1000
"""So many recipients of a record are kept; the count is that of the record."""

LogRecord = TrackingRecord | LogSpan | Defect

_RECORD = re.compile(
    r"[^\t\r\n]*\t[ ]*(\d{1,6})[ ]*\t[ ]*(\d{4})[./-](\d{1,2})[./-](\d{1,2})"
    r"[ ]+(\d{1,2}):(\d{1,2}):(\d{1,2})[ ]*(?:GMT|UTC|Z)?[ ]*(?:\t|\r?\n|$)"
)
_SNIFF = re.compile(r"(?:^|\n)" + _RECORD.pattern)
_USUAL_TIME = re.compile(r"(\d{4})[./-](\d\d?)[./-](\d\d?) (\d\d?):(\d\d?):(\d\d?)")
_STATUS = {"", "0", "1"}


def sniff_tracking_log(head: str) -> bool:
    """Return whether the head of a file holds the first line of a tracking record."""
    return _SNIFF.search(head) is not None


def exchange_2000_tracking(head: str) -> bool:
    """Return whether it is a tracking log of Exchange 2000 or later: other columns (KB 246965)."""
    first = head.lstrip("\ufeff \t\r\n")[:200].lower()
    return first.startswith(
        (
            "# message tracking log file",
            "# exchange system attendant version",
            "#software: microsoft exchange",
        )
    )


def read_tracking_log(file: EvidenceFile) -> Iterator[LogRecord]:
    """Yield what a tracking log holds, the LogSpan last; a file not readable is a Defect."""
    try:
        with open_binary(file.path) as stream:
            yield from parse_tracking_log(byte_windows(stream), file.name)
    except OSError as error:
        yield Defect(file.location(), error.strerror or "cannot be read")


def parse_tracking_log(lines: Iterable[bytes], name: str) -> Iterator[LogRecord]:
    """Yield TrackingRecords and Defects in file order, and a LogSpan with first and last time.

    ``lines`` keep their line ends, one or many of them in each item; ``name`` is the path that
    locations carry. A record with fewer recipient lines than field 13 says is yielded with those
    it has, and a Defect.
    """
    log = _LogReader(name)
    for window in lines:
        log.read(window)
        yield from log.found
        log.found.clear()
    log.finish()
    yield from log.found


class _OpenRecord:
    """A record whose recipient lines are being read. ``expected`` is None without field 13."""

    __slots__ = ("count", "expected", "fields", "number", "recipients", "time")

    def __init__(self, number: int, fields: list[str], time: datetime) -> None:
        self.number = number
        self.time = time
        self.recipients: list[tuple[str, str]] = []
        self.count = 0
        tail = fields[13:]
        if len(fields) == 12 and fields[11].isdecimal():
            # The blank Subject-ID was left out with its tab: an ID is never a bare number.
            fields.insert(11, "")
        fields.extend([""] * (13 - len(fields)))
        self.fields = fields
        count = fields[12]
        self.expected = int(count) if count.isdecimal() and len(count) < 10 else None
        if any(tail):
            self._add_from_line(tail)

    @property
    def wants(self) -> bool:
        """Whether further lines can be its recipients."""
        return self.expected is None or self.count < self.expected

    def add(self, name: str, status: str) -> None:
        self.count += 1
        if self.count <= KEPT_RECIPIENTS:
            self.recipients.append((name, status))

    def _add_from_line(self, fields: list[str]) -> None:
        """Take recipients that stand on the record's own line: names, each with its status."""
        position = 0
        while position < len(fields):
            name = fields[position]
            status = fields[position + 1] if position + 1 < len(fields) else ""
            paired = status in _STATUS
            if name:
                self.add(name, status if paired else "")
            position += 2 if paired else 1

    def build(self, name: str) -> TrackingRecord:
        fields = self.fields
        length = fields[8]
        return TrackingRecord(
            location=Location(name, line=self.number),
            message_id=fields[0],
            event=int(fields[1]),
            time=self.time,
            gateway=fields[3],
            partner=fields[4],
            remote_id=fields[5],
            originator=fields[6],
            priority=fields[7],
            length=int(length) if length.isdecimal() and len(length) < 20 else None,
            seconds=fields[9],
            cost=fields[10],
            subject_id=fields[11],
            recipient_count=self.count if self.expected is None else self.expected,
            recipients=tuple(self.recipients),
        )


class _LogReader:
    """Reads the log line by line; what it finds stands in ``found``."""

    def __init__(self, name: str) -> None:
        self.found: list[LogRecord] = []
        self._name = name
        self._number = 0
        self._line_ended = True
        self._record: _OpenRecord | None = None
        self._stray = False
        self._nuls = False
        self._records = 0
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._foreign = False

    def read(self, window: bytes) -> None:
        """Take whole lines, or one piece of a line that is longer than the limit."""
        text = _usual_text(window) if self._line_ended else None
        if text is not None and not self._foreign:
            self._nuls = False
            self._take_rows(text.split("\n"))
            return
        position = 0
        while position < len(window):
            after = window.find(b"\n", position) + 1 or len(window)
            self._feed(window[position:after])
            position = after

    def _take_rows(self, rows: list[str]) -> None:
        """Take lines without their LF; behind the last of them nothing is left."""
        position = 0
        end = len(rows) - 1
        while position < end:
            row = rows[position]
            self._number += 1
            position += 1
            if self._record is None and row and not self._foreign and self._number > 1:
                after = self._take_usual_record(row, rows, position, end)
                if after:
                    self._number += after - position
                    position = after
                    continue
            self._take_text(row + "\n")

    def _take_usual_record(self, row: str, rows: list[str], position: int, end: int) -> int:
        """Take a record with nothing unusual about it whose recipients begin at ``position``.

        Returns where they end, 0 where it is no such record.
        """
        fields = row.split("\t")
        if len(fields) != 13:
            return 0
        (
            message_id, event, when, gateway, partner, remote_id, originator, priority, length,
            seconds, cost, subject_id, count,
        ) = map(str.strip, fields)  # fmt: skip
        stamp = _USUAL_TIME.fullmatch(when)
        after = position + int(count) if count.isdecimal() and len(count) < 4 else end + 1
        if (
            stamp is None
            or after > end
            or not event.isdecimal()
            or len(event) > 6
            or fields[1] != event
            or fields[2] != when
            or "\r" in fields[0]
        ):
            return 0
        recipients = []
        for one in rows[position:after]:
            name, _, status = one.partition("\t")
            name = name.strip()
            if not name or "\t" in status:
                return 0
            recipients.append((name, status.strip()))
        year, month, day, hour, minute, second = map(int, stamp.groups())
        if year not in PLAUSIBLE_YEARS:
            return 0
        try:
            time = datetime(year, month, day, hour, minute, second, 0, UTC)
        except ValueError:
            return 0
        self._stray = False
        self._note_record(time)
        self.found.append(
            TrackingRecord(
                Location(self._name, self._number),
                message_id,
                int(event),
                time,
                intern(gateway),
                intern(partner),
                remote_id,
                originator,
                priority,
                int(length) if length.isdecimal() and len(length) < 20 else None,
                seconds,
                cost,
                subject_id,
                len(recipients),
                tuple(recipients),
            )
        )
        return after

    def _feed(self, line: bytes) -> None:
        """Take one line; of one longer than the limit only the first piece is read."""
        goes_on = not self._line_ended
        self._line_ended = line.endswith(b"\n")
        self._number += not goes_on
        if b"\0" in line:
            line = line.replace(b"\0", b"")
            if not self._nuls:
                self._defect("NUL bytes", self._number)
            self._nuls = True
        else:
            self._nuls = False
            if goes_on:
                return
        self._take_text(_decoded(line))

    def _take_text(self, text: str) -> None:
        """Take the text of one line."""
        if self._number == 1 and exchange_2000_tracking(text):
            self._foreign = True
            self._defect("message tracking log of Exchange 2000 or later", 1)
        if self._foreign:
            return
        found = _RECORD.match(text)
        if found is not None:
            self._begin(text, found)
        elif text.strip(" \r\n"):
            self._take_recipient(text)

    def finish(self) -> None:
        """Yield the last record and say what the log covers."""
        torn = not self._line_ended
        record = self._record
        if record is not None:
            torn |= record.expected is not None and record.wants
            self._end_record()
        if not self._records and not self._foreign:
            self._defect("no tracking record" if self._number else "empty file", None)
        place = Location(self._name)
        self.found.append(LogSpan(place, self._first, self._last, self._records, "", torn))

    def _begin(self, text: str, found: re.Match[str]) -> None:
        self._end_record()
        self._stray = False
        year, month, day, hour, minute, second = map(int, found.groups()[1:])
        time = None
        if year in PLAUSIBLE_YEARS:
            with suppress(ValueError):
                time = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        if time is None:
            self._defect("impossible date or time in a record", self._number)
            self._stray = True
            return
        fields = [field.strip() for field in text.split("\t")]
        self._record = _OpenRecord(self._number, fields, time)
        self._note_record(time)
        if not self._record.wants:
            self._end_record()

    def _note_record(self, time: datetime) -> None:
        self._records += 1
        if self._first is None or time < self._first:
            self._first = time
        if self._last is None or time > self._last:
            self._last = time

    def _take_recipient(self, text: str) -> None:
        record = self._record
        if record is None:
            if not self._stray:
                self._defect("line that is no tracking record", self._number)
            self._stray = True
            return
        fields = text.rstrip("\r\n").split("\t")
        if len(fields) > 1 and not fields[0] and fields[1].strip() not in _STATUS:
            del fields[0]
        record.add(fields[0].strip(), fields[1].strip() if len(fields) > 1 else "")
        if not record.wants:
            self._end_record()

    def _end_record(self) -> None:
        record = self._record
        self._record = None
        if record is None:
            return
        if record.expected is not None and record.wants:
            reason = f"record has {record.count} of its {record.expected} recipient lines"
            self._defect(reason, record.number)
        self.found.append(record.build(self._name))

    def _defect(self, reason: str, number: int | None) -> None:
        self.found.append(Defect(Location(self._name, line=number), reason))


def _usual_text(window: bytes) -> str | None:
    """Return the text of whole lines; None where they must be decoded one by one."""
    if b"\0" in window or not window.endswith(b"\n"):
        return None
    try:
        return window.decode("ascii" if window.isascii() else "cp1252")
    except UnicodeDecodeError:
        return None


def _decoded(line: bytes) -> str:
    """Return the text in code page 1252, or Latin-1 where a byte is undefined in that."""
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError:
        return line.decode("latin-1")
