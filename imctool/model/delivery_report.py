"""What a non-delivery report of the connector says, and by what its message can be found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from imctool.model.direction import Direction
from imctool.model.evidence import Location
from imctool.model.mail import OwnReceived
from imctool.model.spool_name import SpoolName
from imctool.model.tracking import normalised_mts_id, parse_mts_id


class ReportKind(StrEnum):
    """What a report tells, and whom.

    NON_DELIVERY tells the originator of a message. A NOTIFICATION tells the administrator alone
    (Q163080, Q190021, Q146950): it does not show that the originator heard of it. UNKNOWN is a
    report in an unknown language or layout: it may tell of failure, of delay or of delivery.
    """

    NON_DELIVERY = "non-delivery"
    NOTIFICATION = "notification"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MsexchLine:
    """The line of a report that begins with ``MSEXCH:``; "" or None is what it leaves out.

    ``program`` is IMS, IMC, or another part of Exchange, as MSExchangeMTA. ``organization``,
    ``site`` and ``server`` are the fields in the order in which they stand: articles print them
    in other orders. ``status``, ``code`` and ``text`` are those of ``FailedRecipient``.
    """

    program: str = ""
    organization: str = ""
    site: str = ""
    server: str = ""
    status: str = ""
    code: int | None = None
    text: str = ""


_MSEXCH = re.compile(r"\s*(\[?)MSEXCH:([A-Za-z]{1,40}):(.*)", re.IGNORECASE | re.DOTALL)
_STATUS = r"(?P<status>0x[0-9A-Fa-f]{8}|[0-9]{1,10})"
_WITH_CODE = re.compile(
    rf"(?P<server>.{{1,255}}?)(?:\s{_STATUS})?\s?\((?P<code>[0-9A-Fa-f]{{8}})\)(?P<text>.*)",
    re.DOTALL,
)
_WITHOUT_CODE = re.compile(
    rf"(?P<server><[^<>]{{1,255}}>|\S{{1,255}})(?:\s{_STATUS}(?!\S))?(?P<text>.*)", re.DOTALL
)


def parse_msexch_line(line: str) -> MsexchLine | None:
    """Return what a whole line, its wrapping undone, says; None where it is no MSEXCH line.

    Three fields stand before the status (Q246051 and twenty more), two where another part of
    Exchange wrote it (Q156710, Q262124). That a server name holds blanks is believed only before
    a code. Of a line with fewer fields only the program is told, and all else is text.
    """
    found = _MSEXCH.match(line)
    if found is None:
        return None
    program, rest = found[2], found[3].strip()
    if found[1]:
        rest = rest.removesuffix("]")  # Q197976
    fields = 2 if program.lower().startswith("msexchange") else 3
    *before, tail = (one.strip() for one in rest.split(":", fields - 1))
    parsed = _WITH_CODE.fullmatch(tail) or _WITHOUT_CODE.fullmatch(tail)
    if len(before) < fields - 1 or parsed is None:
        return MsexchLine(program, text=rest.strip())
    organization, site = ["", *before][-2:]
    code = parsed.groupdict().get("code")
    return MsexchLine(
        program=program,
        organization=organization,
        site=site,
        server=parsed["server"].strip(),
        status=parsed["status"] or "",
        code=None if code is None else int(code, 16),
        text=parsed["text"].strip(),
    )


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """One recipient that was not reached, in the words of the report; "" is what it leaves out.

    ``recipient`` is an address or a display name. ``time`` is aware where ``time_text`` carries a
    zone, else the wall clock of whoever wrote it, and None where it cannot be read for sure.
    ``status`` is 0, 3902, 3903, 3000 plus an SMTP reply, or an HRESULT as ``0x80004005``; ``code``
    is the place in the program, of the same numbers as the data of events (inferred); ``text``
    follows it. All three are absent from the reports of 4.0 (Q168557).
    """

    recipient: str
    time_text: str = ""
    time: datetime | None = None
    reason: str = ""
    status: str = ""
    code: int | None = None
    text: str = ""

    @property
    def smtp_reply(self) -> int | None:
        """The reply of the remote host, 400 to 599, that a status of 3400 to 3599 stands for.

        Inferred from Q189492, Q193924 and Q195201, whose texts repeat the reply. 3902 and 3903
        are the connector's own.
        """
        if len(self.status) == 4 and self.status.isdecimal() and 3400 <= int(self.status) <= 3599:
            return int(self.status) - 3000
        return None


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A report that a message did not reach recipients; "" or None is what it does not tell.

    ``program``, ``organization``, ``site`` and ``server`` are those of its first MSEXCH line
    that names a server: the one that gave up, which may be another than the one whose evidence
    this is. ``direction`` and ``reason`` are those of a notification.

    ``subject``, ``sent_text`` and ``sent`` describe the message reported. ``mts_id`` is its
    MTS-ID, None too where the recipients' differ. ``message_id`` and ``received`` come from the
    header of the returned message: its Message-ID, and the Received fields of every IMS and IMC
    it passed, the last first. Where ``kind`` is UNKNOWN, so is whether ``failures`` failed.
    """

    location: Location
    kind: ReportKind
    program: str = ""
    organization: str = ""
    site: str = ""
    server: str = ""
    direction: Direction | None = None
    reason: str = ""
    subject: str | None = None
    sent_text: str = ""
    sent: datetime | None = None
    mts_id: str | None = None
    message_id: str | None = None
    received: tuple[OwnReceived, ...] = ()
    failures: tuple[FailedRecipient, ...] = ()


@dataclass(frozen=True, slots=True)
class SpooledAs:
    """A spool name, and the server that gave it as an MTS-ID or a Received field spells that.

    Two servers may come to use one name: compare the server too where it is known.
    """

    spool_name: SpoolName
    server: str


@dataclass(frozen=True, slots=True)
class ReportedMessage:
    """The keys of the message that a report speaks of, from the most trusted on.

    ``mts_id``, as ``normalised_mts_id`` spells it, names one message on one server. ``spooled``
    begins with the name within the MTS-ID; those of Received fields follow, the last server's
    first. ``message_id`` comes last: copies and resent messages share it.
    """

    mts_id: str | None
    spooled: tuple[SpooledAs, ...]
    message_id: str | None

    @property
    def spool_names(self) -> tuple[SpoolName, ...]:
        """The names alone, in the same order, each once."""
        return tuple(dict.fromkeys(one.spool_name for one in self.spooled))


def reported_message(report: DeliveryReport) -> ReportedMessage:
    """Return by what the message that ``report`` speaks of can be found."""
    spooled = []
    parsed = parse_mts_id(report.mts_id or "")
    if parsed is not None:
        spooled.append(SpooledAs(parsed.spool_name, parsed.server))
    for received in report.received:
        if received.spool_name is not None:
            spooled.append(SpooledAs(received.spool_name, received.host))
    mts_id = normalised_mts_id(report.mts_id) if report.mts_id else None
    return ReportedMessage(mts_id, tuple(spooled), report.message_id)
