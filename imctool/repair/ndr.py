"""Writes the delivery reports (NDRs) that the server could not (Q272672).

A report is a multipart/report of RFC 6522: a text in the manner of the service's own reports, a
message/delivery-status (RFC 3464) and what is returned of the message. Its header claims nothing
of the service: it says that this program wrote it afterwards.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, islice
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from imctool.model.ndr import FailedRecipient, Ndr, Returned, WrittenNdr
from imctool.readers.file_buffer import Buffer
from imctool.repair.header_text import (
    address_text,
    decoded_text,
    encoded_text,
    header_field,
    is_plain_address,
    visible,
)
from imctool.repair.ndr_addresses import (
    is_escaped,
    report_problem,
    shown_address,
    typed_address,
)
from imctool.repair.ndr_reasons import UnknownStatusError, explain_failure
from imctool.repair.reported_mail import ReportedMail, ReturnedBytes, read_reported, returned_bytes

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,900}>")
_IN_MEMORY = 8 << 20  # bytes of a report's text, before they go to a file
_PIECE = 1 << 18
_AT_ONCE = 1024
_LONGEST_SHOWN = 400
_LONGEST_LINE = 900
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_WRITTEN_BY = "written afterwards by imctool, not by the mail server that it speaks of"
_PREFACE = """\
This report was written afterwards by imctool, not by the mail server
{server}, from the message as it lies in the spool of that server.
"""
_ONE_OF = "\nIt is report {number} of {total}; this one names {recipients}.\n"
_ESCAPED = """
In {count} above, bytes that are no ASCII and no UTF-8 are written as a
backslash, an x and two hexadecimal digits.
"""


class NdrRefusedError(ValueError):
    """A report must not be written, or cannot be without a risk; the text says why."""


def report_count(recipients: int, limit: int) -> int:
    """Return how many reports of at most ``limit`` recipients name so many; ValueError below 1."""
    if limit < 1:
        raise ValueError(f"a report has to name one recipient at least, not {limit}")
    return -(-recipients // limit)


def in_reports(
    failed: Iterable[FailedRecipient], limit: int
) -> Iterator[Iterator[FailedRecipient]]:
    """Yield for each report its recipients, in order: at most ``limit``, and together all.

    Nothing is held: each has to be used up before the next is asked for, else a ValueError tells
    that recipients would be lost.
    """
    report_count(0, limit)
    remaining = iter(failed)
    for first in remaining:
        batch = chain((first,), islice(remaining, limit - 1))
        yield batch
        if next(batch, None) is not None:
            raise ValueError("recipients of a report were left out: they would be lost")


def refusal(originator: str | None, original: Buffer, text_offset: int) -> str | None:
    """Return why the message must not be reported, None where it may.

    Never to the null sender, which its reports would bring back to the server without end
    (RFC 5321 section 4.5.5 and 6.1); nor on a message that is an automatic one by its header.
    """
    return _refusal(originator, read_reported(original, text_offset))


def write_ndr(
    stream: BinaryIO,
    report: Ndr,
    failed: Iterable[FailedRecipient],
    original: Buffer,
    text_offset: int,
) -> WrittenNdr:
    """Write one report on the message whose text begins at ``text_offset`` of ``original``.

    CRLF ends each line of the report; what is returned of the message keeps its own bytes. The
    same input gives the same bytes, the Message-ID among them. The recipients pass through a
    temporary file, so that neither they nor the message are held in memory.

    Raises NdrRefusedError where a report is not allowed (``refusal``), would name no recipient,
    or where an address (``report_problem``), a status or a host name must not stand in it; all
    of this before anything is written. ValueError where a time is naive or ``source_sha256`` is
    no digest. After an OSError the caller has to discard what was written.
    """
    mail = read_reported(original, text_offset)
    _check(report, mail)
    returned = returned_bytes(original, mail, report.returned)
    with _Entries(report) as entries:
        for recipient in failed:
            entries.add(recipient)
        entries.finish()
        digest = entries.digest()
        boundary = _boundary(digest, returned)
        message_id = f"<{digest[:40]}.{report.number}@{report.server}>"
        seven_bit = returned.is_seven_bit()
        opening = _opening(report, mail, entries.count)
        eight_bit_text = entries.eight_bit or not opening.isascii()
        encoding = "7bit" if seven_bit and not eight_bit_text else "8bit"
        stream.write(_header(report, mail, message_id, boundary, encoding))
        stream.write(_part(boundary, "text/plain; charset=utf-8", eight_bit_text))
        stream.write(opening)
        _copy(entries.texts, stream)
        if entries.escaped:
            stream.write(_lines(_ESCAPED.format(count=_count(entries.escaped, "address", "es"))))
        stream.write(_part(boundary, "message/delivery-status", False))
        stream.write(_message_fields(report))
        _copy(entries.groups, stream)
        kind = "message/rfc822" if report.returned is Returned.FULL else "text/rfc822-headers"
        stream.write(_part(boundary, kind, not seven_bit))
        for piece in returned.pieces():
            stream.write(piece)
        stream.write(f"\r\n--{boundary}--\r\n".encode("ascii"))
        return WrittenNdr(message_id, entries.count, entries.escaped)


class _Entries:
    """The recipients of a report in both of its forms, in two temporary files."""

    def __init__(self, report: Ndr) -> None:
        self.count = self.escaped = 0
        self.eight_bit = False
        self.texts = cast("BinaryIO", SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115
        self.groups = cast("BinaryIO", SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115
        self._report = report
        self._date = rfc822_date(report.failed or report.date)
        self._source = _source(report)
        self._hash = hashlib.sha256(
            "\0".join(
                (
                    report.source_sha256,
                    str(report.number),
                    str(report.total),
                    str(report.returned),
                    report.originator or "",
                )
            ).encode("utf-8", "surrogatepass")
        )
        self._endings: dict[tuple[str, str], tuple[str, str]] = {}
        self._waiting: list[tuple[str, str]] = []

    def __enter__(self) -> _Entries:
        return self

    def __exit__(self, *_: object) -> None:
        self.texts.close()
        self.groups.close()

    def add(self, recipient: FailedRecipient) -> None:
        """Take one more recipient; raises NdrRefusedError where it must not be named."""
        self.count += 1
        address = recipient.address
        problem = report_problem(address)
        if problem is not None:
            raise NdrRefusedError(f"recipient {self.count:,} cannot be named in it: {problem}")
        ending = self._endings.get((recipient.reason, recipient.status))
        if ending is None:
            ending = self._ending(recipient)
        shown, typed = shown_address(address), typed_address(address)
        self.escaped += is_escaped(address)
        # The line that an address and its date would make may be longer than mail allows.
        fits = len(shown) * 4 < _LONGEST_LINE or len(shown.encode()) < _LONGEST_LINE
        gap = " " if fits else "\r\n"
        fold = " " if len(typed) < _LONGEST_LINE else "\r\n "
        self._waiting.append(
            (
                f"{shown} on{gap}{self._date}\r\n{ending[0]}",
                f"\r\nFinal-Recipient:{fold}{typed}\r\n{ending[1]}",
            )
        )
        if len(self._waiting) == _AT_ONCE:
            self._store()

    def finish(self) -> None:
        """Take no more; both files can be read from their beginning."""
        if not self.count:
            raise NdrRefusedError("it would name no recipient")
        self._store()
        self.texts.seek(0)
        self.groups.seek(0)

    def digest(self) -> str:
        """Return a digest (hex) of the report: of its source, its number and its recipients."""
        return self._hash.hexdigest()

    def _store(self) -> None:
        texts = "".join([text for text, _ in self._waiting]).encode("utf-8")
        groups = "".join([group for _, group in self._waiting]).encode("ascii")
        self._waiting.clear()
        self.eight_bit = self.eight_bit or not texts.isascii()
        self._hash.update(texts)
        self._hash.update(groups)
        self.texts.write(texts)
        self.groups.write(groups)

    def _ending(self, recipient: FailedRecipient) -> tuple[str, str]:
        """Return what follows the address in both forms; most recipients have the same."""
        try:
            told = explain_failure(recipient.reason, recipient.status)
        except UnknownStatusError as error:
            raise NdrRefusedError(f"recipient {self.count:,}: {error}") from error
        text = f"    {told.sentence}\r\n"
        if self._report.mts_id:
            mts_id = visible(self._report.mts_id)[:_LONGEST_SHOWN]
            text += f"\tThe MTS-ID of the original message is: {mts_id}\r\n"
        text += f"    {self._source} {told.source}".rstrip() + "\r\n"
        fields = f"Action: failed\r\nStatus: {told.status}\r\n"
        if self._report.failed is not None:
            fields += f"Last-Attempt-Date: {self._date}\r\n"
        if told.reply is not None:
            reply = told.reply.encode("ascii", "backslashreplace").decode("ascii")[:_LONGEST_LINE]
            fields += header_field("Diagnostic-Code", f"smtp; {reply}").decode("ascii")
        if len(self._endings) >= _AT_ONCE:
            self._endings.clear()
        self._endings[recipient.reason, recipient.status] = text, fields
        return text, fields


def rfc822_date(time: datetime) -> str:
    """Return a time as header fields have it (RFC 5322 section 3.3); ValueError if it is naive."""
    offset = time.utcoffset()
    if offset is None:
        raise ValueError("a time of a report has no zone")
    minutes = round(offset.total_seconds() / 60)
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
    day, month = _DAYS[time.weekday()], _MONTHS[time.month - 1]
    return f"{day}, {time.day:02} {month} {time.year:04} {time:%H:%M:%S} {zone}"


def _check(report: Ndr, mail: ReportedMail) -> None:
    if not _SHA256.fullmatch(report.source_sha256):
        raise ValueError("the digest of the source is no SHA-256 in hexadecimal")
    if not 1 <= report.number <= report.total:
        raise ValueError(f"there is no report {report.number} of {report.total}")
    for time in (report.date, report.arrived, report.failed):
        if time is not None and time.utcoffset() is None:
            raise ValueError("a time of a report has no zone")
    why = _refusal(report.originator, mail)
    if why is not None:
        raise NdrRefusedError(why)
    if not _HOST.fullmatch(report.server):
        raise NdrRefusedError(f"{visible(report.server)[:80]!r} is no host name to report from")
    if report.sender is not None and not is_plain_address(report.sender):
        raise NdrRefusedError(f"{visible(report.sender)[:80]!r} is no address to report from")


def _refusal(originator: str | None, mail: ReportedMail) -> str | None:
    if originator is None:
        return "its originator is not known: nobody can be told"
    if originator.strip() in {"", "<>"}:
        return "its sender is <>: a report never goes to the null sender (RFC 5321 section 4.5.5)"
    problem = report_problem(originator)
    if problem is not None:
        return f"nothing can be sent to its originator: {problem}"
    if mail.automatic is not None:
        return f"no report is made on an automatic message: {mail.automatic}"
    return None


def _boundary(digest: str, returned: ReturnedBytes) -> str:
    """Return a boundary that stands nowhere in what is returned."""
    attempt = 0
    while returned.holds((boundary := f"=_imctool_{digest[:32]}_{attempt}").encode("ascii")):
        attempt += 1
    return boundary


def _header(
    report: Ndr, mail: ReportedMail, message_id: str, boundary: str, encoding: str
) -> bytes:
    subject = f"Undeliverable: {encoded_text(mail.subject or '')}"
    fields = {
        "From": address_text(report.sender or f"postmaster@{report.server}"),
        "To": address_text(report.originator or ""),
        "Subject": subject,
        "Date": rfc822_date(report.date),
        "Message-ID": message_id,
        "MIME-Version": "1.0",
        "Auto-Submitted": "auto-replied",  # RFC 3834 section 5
        "Comments": _WRITTEN_BY,
        "Content-Type": f'multipart/report; report-type=delivery-status; boundary="{boundary}"',
        "Content-Transfer-Encoding": encoding,
    }
    if mail.message_id is not None and _MESSAGE_ID.fullmatch(mail.message_id):
        fields["In-Reply-To"] = mail.message_id
    return b"".join(header_field(name, value) for name, value in fields.items())


def _part(boundary: str, content_type: str, eight_bit: bool) -> bytes:
    """Return the delimiter and the header of a part."""
    encoding = "8bit" if eight_bit else "7bit"
    return (
        f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    ).encode("ascii")


def _opening(report: Ndr, mail: ReportedMail, recipients: int) -> bytes:
    text = _PREFACE.format(server=report.server)
    if report.total > 1:
        named = _count(recipients, "recipient", "s")
        text += _ONE_OF.format(number=report.number, total=report.total, recipients=named)
    described = "".join(
        f"  {label:<9}{_shown(value)}".rstrip() + "\n"
        for label, value in (("To:", mail.to), ("Subject:", mail.subject), ("Sent:", mail.date))
    )
    text += f"\nYour message\n\n{described}\ndid not reach the following recipient(s):\n\n"
    return _lines(text)


def _shown(value: str | None) -> str:
    text = decoded_text(value or "")
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + " ..."


def _count(number: int, noun: str, plural: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else plural}"


def _lines(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("utf-8")


def _message_fields(report: Ndr) -> bytes:
    """Return the fields of the delivery-status on the message as a whole (RFC 3464 section 2.2)."""
    fields = header_field("Reporting-MTA", f"dns;{report.server}")
    if report.arrived is not None:
        fields += header_field("Arrival-Date", rfc822_date(report.arrived))
    return fields


def _source(report: Ndr) -> str:
    """Return the beginning of the MSEXCH lines (Q246051); no field may hold a colon."""
    server = "".join(_field(report.server_name).split()) or report.server
    return f"MSEXCH:IMS:{_field(report.organization)}:{_field(report.site)}:{server}"


def _field(text: str) -> str:
    return visible(text.replace(":", " "))[:64].strip()


def _copy(source: BinaryIO, stream: BinaryIO) -> None:
    while block := source.read(_PIECE):
        stream.write(block)
