"""The non-delivery reports of the connector, found among the mail.

Forms: that of 5.x over SMTP (Q251152 and real reports), that of 4.0 and of MAPI clients (Q168557,
Q183801, a real report), that which lists addresses in angle brackets (Q246051, Q190021), that of
Microsoft Mail (Q176128), and the notification to the administrator (Q163080). The same layout
with another heading tells of delivery: nothing under such a heading is a failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from enum import Enum
from itertools import dropwhile, takewhile
from operator import not_

from imctool.model.delivery_report import (
    DeliveryReport,
    FailedRecipient,
    MsexchLine,
    ReportKind,
    parse_msexch_line,
)
from imctool.model.direction import Direction
from imctool.model.evidence import Defect, EvidenceFile
from imctool.model.mail import OwnReceived, Part, Skeleton, SpoolFile
from imctool.readers.file_buffer import Buffer, file_buffer
from imctool.readers.local_time import DATE, TIME, detect_date_order, parse_local_time
from imctool.readers.mime_skeleton import read_skeleton
from imctool.readers.received import parse_received
from imctool.readers.transfer_encoding import decoded

TEXT_LIMIT = 1 << 20
"""The most bytes of text that are looked at."""

HEADER_LIMIT = 1 << 16
"""The most bytes of the returned message that are looked at."""

LINE_LIMIT = 4096
_MOST_CONTINUATIONS = 10

_UNDELIVERABLE = "undeliverable:"
_NOTIFICATION = re.compile(
    r"\s*Notification:\s*(Inbound|Outbound)\s+Mail\s+Failure\b[\s-]*(.*)", re.IGNORECASE | re.DOTALL
)


class _Heading(Enum):
    """The line above the recipients: what it says of them, and how they are listed under it."""

    NOT_REACHED = re.compile(
        r"(?:your message )?did not reach the following recipients?(?:\(s\))? ?:", re.IGNORECASE
    )
    COULD_NOT_BE_REACHED = re.compile(
        r"the following recipients?(?:\(s\))? could not be reached ?:"
        r"|the message was not delivered to the following recipients?(?:\(s\))? ?:",
        re.IGNORECASE,
    )
    ADDRESSES = re.compile(
        r"the following recipients did not receive the attached mail\b.*", re.IGNORECASE
    )
    REASONS_ALONE = re.compile(r"was not delivered for the following reasons? ?:", re.IGNORECASE)
    DELIVERED = re.compile(
        r"(?:(?:your|the) message )?(?:was|has been) (?:delivered|read|displayed)\b.*",
        re.IGNORECASE,
    )


_HEADING_INITIALS = frozenset("DTWYHdtwyh")
_CAUSED_BY = re.compile(r"the message that caused this notification was ?:.*", re.IGNORECASE)

_LABEL = re.compile(r"\s*(To|Cc|Subject|Sent):\s*(.*)", re.IGNORECASE)
_MTS_ID_LABEL = re.compile(r"(?:The )?MTS-ID of the original message is ?:", re.IGNORECASE)
_MTS_ID = re.compile(r" ?(c=.*?; ?l= ?\S+)", re.IGNORECASE)
_SOURCE = re.compile(r"\[?MSEXCH:[A-Za-z]{1,40}:", re.IGNORECASE)
_X400 = re.compile(r"c=[^;]{0,3};", re.IGNORECASE)
_ANGLED = re.compile(r"<([^<>]*)>")

_LOCAL_TIME = re.compile(rf"({DATE}) ({TIME})", re.ASCII)
_RFC822_TIME = re.compile(
    r"(?:[A-Z][a-z]{2}, ?)?\d{1,2} [A-Z][a-z]{2} (?:\d{4}|\d\d) \d{1,2}:\d\d(?::\d\d)?"
    r"(?: (?:[+-]\d{4}|GMT|UTC?))?",
    re.ASCII,
)
_LONGEST_TIME = 60

# Only tables whose decoding is linear and never fails; the layout itself is ASCII in all of them.
_CHARSET = re.compile(
    r"us-ascii|utf-[78]|iso-8859-\d+|iso-2022-(?:jp|kr)|windows-\d+|cp\d+|koi8-[ru]|shift_jis"
    r"|euc-(?:jp|kr)|gb2312|gbk|big5",
    re.IGNORECASE,
)


def looks_like_report(skeleton: Skeleton, originator: str | None = None) -> bool:
    """Return whether the header allows the mail to be a report; most mail is ruled out.

    Reports come from a null sender (Q250507), which ``originator``, that of the envelope, or a
    Return-Path field tells; or carry X-MS-Embedded-Report, which those of 5.x all do (sampled);
    or have the subject of one in English. The text decides in the end: ``read_delivery_report``.
    """
    if originator == "" or skeleton.header("x-ms-embedded-report") is not None:
        return True
    subject = (skeleton.header("subject") or "").lower()
    if subject.startswith((_UNDELIVERABLE, "notification:")):
        return subject.startswith(_UNDELIVERABLE) or _NOTIFICATION.match(subject) is not None
    return (skeleton.header("return-path") or "").strip() == "<>"


def read_delivery_report(file: EvidenceFile, mail: SpoolFile) -> DeliveryReport | Defect | None:
    """Return what the mail reports; None where it is no report of non-delivery in a known layout.

    ``mail`` is what ``read_spool_file`` returned for ``file``, which is opened once more: a
    Defect says that it cannot be any longer. At most 1 MB of text and 64 KB of the returned
    message are looked at.
    """
    try:
        with file_buffer(file.path) as buffer:
            return delivery_report_in(buffer, mail)
    except OSError as error:
        return Defect(mail.location, error.strerror or "cannot be read")


def delivery_report_in(buffer: Buffer, mail: SpoolFile) -> DeliveryReport | None:
    """Return what the mail in ``buffer`` reports, as ``read_delivery_report``."""
    header_subject = mail.skeleton.header("subject") or ""
    notification = _NOTIFICATION.match(header_subject)
    claimed = None
    if notification is not None:
        claimed = ReportKind.NOTIFICATION
    elif header_subject.lower().startswith(_UNDELIVERABLE):
        claimed = ReportKind.NON_DELIVERY
    told = next((one for one in _texts(buffer, mail) if one.kind(claimed)), None)
    kind = None if told is None else told.kind(claimed)
    returned = _returned_header(buffer, mail)
    if kind is None and claimed is ReportKind.NOTIFICATION and returned is not None:
        kind = claimed
    if kind is None:
        return None
    told = told or _ReportText("")
    subject = told.subject
    if subject is None and returned is not None:
        subject = returned.header("subject")
    if subject is None and claimed is ReportKind.NON_DELIVERY:
        subject = header_subject[len(_UNDELIVERABLE) :].strip()
    times = [told.sent, *(one.time_text for one in told.failures)]
    order = detect_date_order(found[1] for one in times if (found := _LOCAL_TIME.fullmatch(one)))

    def time(text: str) -> datetime | None:
        found = _LOCAL_TIME.fullmatch(text)
        if found is None:
            return _rfc822_time(text)
        return None if order is None else parse_local_time(found[1], found[2], order)

    return DeliveryReport(
        location=mail.location,
        kind=kind,
        program=told.source.program,
        organization=told.source.organization,
        site=told.source.site,
        server=told.source.server,
        direction=None if notification is None else Direction(notification[1].lower()),
        reason="" if notification is None else notification[2].strip(),
        subject=subject,
        sent_text=told.sent,
        sent=time(told.sent),
        mts_id=told.mts_id,
        message_id=None if returned is None else returned.message_id,
        received=() if returned is None else tuple(_passages(returned)),
        failures=tuple(replace(one, time=time(one.time_text)) for one in told.failures),
    )


def _texts(buffer: Buffer, mail: SpoolFile) -> Iterator[_ReportText]:
    """Yield the plain texts of the mail itself as reports, within the limit."""
    left = TEXT_LIMIT
    for part in _own_parts(mail):
        if part.content_type == "text/plain" and left > 0:
            size = min(part.size, left)
            left -= size
            yield _ReportText(_decoded(_body(buffer, part, size), part.charset))


def _returned_header(buffer: Buffer, mail: SpoolFile) -> Skeleton | None:
    """Return the outline of the message sent back with the report, None where there is none."""
    for part in _own_parts(mail):
        if part.content_type in ("message/rfc822", "text/rfc822-headers"):
            return read_skeleton(_body(buffer, part, min(part.size, HEADER_LIMIT)))
    return None


def _passages(returned: Skeleton) -> Iterator[OwnReceived]:
    for field in returned.headers.named("received"):
        received = parse_received(field)
        if received is not None:
            yield received


def _own_parts(mail: SpoolFile) -> Iterator[Part]:
    """Yield the parts that stand in the mail itself, not in a message within it."""
    return (part for part in mail.skeleton.parts if not part.embedded and not part.encoded)


def _body(buffer: Buffer, part: Part, size: int) -> bytes:
    """Return the first ``size`` bytes of a body, its encoding undone."""
    return decoded(buffer[part.offset : part.offset + size], part.encoding)


def _decoded(raw: bytes, charset: str | None) -> str:
    if charset and _CHARSET.fullmatch(charset):
        try:
            return raw.decode(charset, "replace")
        except LookupError:  # no such table after all, as iso-8859-99
            pass
    return raw.decode("latin-1")


def _rfc822_time(text: str) -> datetime | None:
    """Return the time that a date of RFC 822 section 5 names, naive where it has no zone."""
    from email.utils import parsedate_tz  # its package is slow to load, and reports are few

    found = parsedate_tz(text) if _RFC822_TIME.fullmatch(text) else None
    if found is None:
        return None
    try:
        zone = None if found[9] is None else timezone(timedelta(seconds=found[9]))
        return datetime(*found[:6], tzinfo=zone)
    except ValueError:  # no such day, hour or zone
        return None


class _ReportText:
    """The text of a report, read line by line.

    An entry begins with ``recipient on date`` or, where no line is one, after the entry before;
    it ends with its MSEXCH line. Long lines are wrapped without a mark, so that the MSEXCH line
    goes on until a blank line or another beginning. Failures have no ``time`` yet.
    """

    def __init__(self, text: str) -> None:
        lines = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._lines = [" ".join(line[:LINE_LIMIT].split()) for line in lines]
        self.subject: str | None = None
        self.sent = ""
        self.failures: list[FailedRecipient] = []
        self.source = MsexchLine()
        self._mts_ids: set[str] = set()
        self._heading: _Heading | None = None
        self._caused_by = False
        self._with_source = False
        self._recipient: tuple[str, str] | None = None
        self._waiting: list[str] = []
        self._read()

    @property
    def mts_id(self) -> str | None:
        """The MTS-ID that all entries agree on."""
        return next(iter(self._mts_ids)) if len(self._mts_ids) == 1 else None

    def kind(self, claimed: ReportKind | None) -> ReportKind | None:
        """Return what kind of report it is, None if none; ``claimed`` is what the subject says.

        Only the connector's own heading does without an MSEXCH line: other systems use the
        others. A report of delivery has that line too (Q174039), and notices of delay are not
        known, so that without a known heading or subject nothing is known to have failed.
        """
        if self._heading is _Heading.DELIVERED:
            return None
        if self._heading is _Heading.NOT_REACHED:
            return (claimed or ReportKind.NON_DELIVERY) if self.failures else None
        if self._caused_by and claimed is ReportKind.NOTIFICATION:
            return claimed
        if not self._with_source:
            return None
        unclaimed = ReportKind.UNKNOWN if self._heading is None else ReportKind.NON_DELIVERY
        return claimed or unclaimed

    def _read(self) -> None:
        position, lines = 0, self._lines
        while position < len(lines):
            line = lines[position]
            heading = self._heading_at(line)
            if not line:
                self._take_blank_line()
                position += 1
            elif heading is not None:
                if self.failures or self._recipient is not None:
                    break  # the text of a report sent back within this one, or those reached
                self._heading = heading
                self._waiting.clear()
                position += 1
                if heading is _Heading.ADDRESSES and not line.endswith(":"):
                    position += lines[position : position + 1] != [""]  # its second half
            elif _CAUSED_BY.fullmatch(line):
                self._caused_by = True
                break
            elif self._heading is _Heading.DELIVERED:
                position += 1
            elif self._heading is None and (label := _LABEL.fullmatch(line)):
                position = self._take_label(label[1].lower(), label[2], position + 1)
            else:
                position = self._take_line(position)
        self._close_without_source()

    @staticmethod
    def _heading_at(line: str) -> _Heading | None:
        if line[:1] not in _HEADING_INITIALS:
            return None
        return next((one for one in _Heading if one.value.fullmatch(line)), None)

    def _take_blank_line(self) -> None:
        if self._heading is None:
            self._waiting.clear()  # without a heading an entry is one paragraph
        elif self._waiting[-1:] != [""]:
            self._waiting.append("")

    def _take_label(self, name: str, value: str, position: int) -> int:
        """Keep a line that describes the original, and those it goes on in."""
        for line in self._lines[position : position + _MOST_CONTINUATIONS]:
            if not line or _LABEL.fullmatch(line) or self._heading_at(line):
                break
            value += " " + line
            position += 1
        if name == "subject" and self.subject is None:
            self.subject = value.strip()
        elif name == "sent" and not self.sent:
            self.sent = value.strip()
        return position

    def _take_line(self, position: int) -> int:
        """Take a line of an entry; return the position of the next."""
        line = self._lines[position]
        if _SOURCE.match(line):
            return self._take_source(position)
        label = _MTS_ID_LABEL.search(line)
        if label is not None:
            self._waiting.append(line[: label.start()].strip())
            return self._take_mts_id(line[label.end() :], position + 1)
        begun = self._recipient_at(position)
        if begun is None:
            self._waiting.append(line)
            return position + 1
        recipient, time_text, after = begun
        pieces = [one for one in self._waiting if one]
        if self._recipient is None and pieces and _X400.match(pieces[0]):
            recipient = " ".join([*pieces, recipient])
        else:
            self._close_without_source()
        self._recipient = recipient, time_text
        self._waiting.clear()
        return after

    def _recipient_at(self, position: int) -> tuple[str, str, int] | None:
        """Return recipient, time and the next position where a line, or two, begins an entry."""
        line = self._lines[position]
        if " on" not in line:
            return None
        for after in (position + 1, position + 2):
            recipient, mark, time = " ".join(self._lines[position:after]).rpartition(" on ")
            if not mark or len(recipient) > len(line) or len(time) > _LONGEST_TIME:
                continue
            if _RFC822_TIME.fullmatch(time) or _LOCAL_TIME.fullmatch(time):
                return recipient, time, after
        return None

    def _take_mts_id(self, text: str, position: int) -> int:
        """Read an MTS-ID wrapped over lines; one without its last part is left out."""
        last = min(position + 3, len(self._lines))
        while not (found := _MTS_ID.match(text)) and position < last:
            if self._begins_something(position):
                break
            text = f"{text} {self._lines[position]}".strip()
            position += 1
        if found is not None:
            self._mts_ids.add(found[1])
        return position

    def _take_source(self, position: int) -> int:
        pieces = [self._lines[position]]
        position += 1
        if not (pieces[0].startswith("[") and pieces[0].endswith("]")):
            for line in self._lines[position : position + _MOST_CONTINUATIONS]:
                if not line or _X400.match(line) or self._begins_something(position):
                    break
                pieces.append(line)
                position += 1
        source = parse_msexch_line(" ".join(pieces)) or MsexchLine()
        self._with_source = True
        self._close(source)
        if not self.source.server:
            self.source = source
        return position

    def _begins_something(self, position: int) -> bool:
        line = self._lines[position]
        if _SOURCE.match(line) or _MTS_ID_LABEL.match(line) or _CAUSED_BY.fullmatch(line):
            return True
        if self._heading is _Heading.ADDRESSES and _ANGLED.match(line):
            return True
        return bool(self._heading_at(line) or self._recipient_at(position))

    def _close(self, source: MsexchLine) -> None:
        """End the entry that the lines read so far make up."""
        reason = [one for one in self._waiting if one]
        self._waiting.clear()
        recipient = time_text = ""
        if self._recipient is not None:
            (recipient, time_text), self._recipient = self._recipient, None
        elif self._heading is _Heading.ADDRESSES:
            recipient = " ".join(reason)
            angled = _ANGLED.match(recipient)
            recipient, reason = angled[1] if angled else recipient, []
        elif reason and self._heading in (_Heading.NOT_REACHED, _Heading.COULD_NOT_BE_REACHED):
            recipient, mark, time_text = reason.pop(0).rpartition(" on ")
            if not mark:
                recipient, time_text = time_text, ""
        self.failures.append(
            FailedRecipient(
                recipient.strip(" '`\""),
                time_text,
                None,
                " ".join(reason),
                source.status,
                source.code,
                source.text,
            )
        )

    def _close_without_source(self) -> None:
        """End an entry that has no MSEXCH line: its reason is the paragraph it begins with."""
        if self._recipient is not None:
            paragraph = takewhile(bool, dropwhile(not_, self._waiting))
            self._waiting = list(paragraph)
            self._close(MsexchLine())
