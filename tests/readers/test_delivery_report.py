"""Non-delivery reports of the connector: real ones, every printed form, and what is none."""

from __future__ import annotations

import base64
import quopri
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spool_builder import spool_file

from imctool.model.delivery_report import (
    DeliveryReport,
    FailedRecipient,
    MsexchLine,
    ReportKind,
    SpooledAs,
    parse_msexch_line,
    reported_message,
)
from imctool.model.direction import Direction
from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind, Location
from imctool.model.mail import SpoolFile
from imctool.model.spool_name import SpoolName
from imctool.readers.delivery_report import (
    TEXT_LIMIT,
    delivery_report_in,
    looks_like_report,
    read_delivery_report,
)
from imctool.readers.spool_file import read_spool_file, spool_file_from_buffer

UNKNOWN_RECIPIENT = 0x000C05A6
NOT_RECOGNIZED = "The recipient name is not recognized"

RETURNED = b"""Received: from mail.fourth.example ([192.0.2.13]) by harbour.coho.example with SMTP \
(Microsoft Exchange Internet Mail Service Version 5.5.2653.13)
\tid MKDWZAR6; Mon, 5 Jun 2000 09:12:02 -0400
Received: from pc by mail.fourth.example with ESMTP id AA1; Mon, 5 Jun 2000 09:12:01 -0400
Received: by first.example with Internet Mail Service (5.5.2448.0)
\tid <JTJF9DG8>; Mon, 5 Jun 2000 09:11:00 -0400
Message-ID: <berth@fourth.example>
Subject: Berth 5

Is it free?
"""


def evidence(path: Path) -> EvidenceFile:
    return EvidenceFile(path, path.name, 0, InputKind.SPOOL_OUT, Form.SPOOL_FILE)


def read(path: Path) -> tuple[SpoolFile, DeliveryReport | None]:
    mail = read_spool_file(evidence(path))
    assert isinstance(mail, SpoolFile)
    report = read_delivery_report(evidence(path), mail)
    assert not isinstance(report, Defect)
    return mail, report


def parsed(content: bytes) -> DeliveryReport | None:
    return delivery_report_in(content, spool_file_from_buffer(content, Location("x")))


def plain(text: str, subject: str = "Undeliverable: Berth 5") -> DeliveryReport | None:
    return parsed(f"Subject: {subject}\n\n{text}".encode("latin-1"))


def failing(text: str, subject: str = "Undeliverable: Berth 5") -> DeliveryReport:
    report = plain(text, subject)
    assert report is not None
    return report


def with_original(text: bytes, encoding: str = "7bit", returned: bytes = RETURNED) -> bytes:
    return (
        b"From: System Administrator <postmaster@coho.example>\n"
        b"Subject: Undeliverable: Berth 5\nX-MS-Embedded-Report: \n"
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n"
        b"Content-Transfer-Encoding: " + encoding.encode() + b"\n\n" + text + b"\n"
        b"--b\nContent-Type: message/rfc822\n\n" + returned + b"\n--b--\n"
    )


OVER_SMTP = b"""Your message

  To:      rta@coho.example
  Subject: Berth 5
  Sent:    Mon, 5 Jun 2000 09:12:00 -0400

did not reach the following recipient(s):

rta@coho.example on Mon, 5 Jun 2000 09:13:00 -0400
    The recipient name is not recognized
\tThe MTS-ID of the original message is: c=us;a=
;p=coho trading;l=HARBOUR0006051312MKDWZAR6
    MSEXCH:IMS:Coho Trading, Inc.:PORT:HARBOUR 0 (000C05A6)
Unknown Recipient

"""


# --- real reports

Real = tuple[str, str, str, str, list[str], str | None, str | None]

REAL: dict[str, Real] = {
    "ndr/lhost-exchange2003-01.eml": (
        "IMS", "NNN", "KIJITORACAT", "NEKO", ["kijitora@example.jp"], None, None,
    ),
    "ndr/lhost-exchange2003-02.eml": (
        "IMS", "KIJITORA CAT", "EXAMPLE", "EXCHANGE",
        ["kijitora@example.co.jp", "mikeneko@example.co.jp"],
        "c=jp;a=;p=neko;l=exchange000000000000000000",
        "<000000000000000.0000000@example.jp>",
    ),
    "ndr/lhost-exchange2003-03.eml": (
        "IMS", "NNN", "KIJITORACAT", "NEKO", ["kijitora@example.jp"], None,
        "<00000000000.ffffffffffff.ff@example.net>",
    ),
    "ndr/lhost-exchange2003-04.eml": (
        "IMC", "NEKO", "KIJITORA", "CAT", ["kijitora@example.com"], None, None,
    ),
    "ndr/lhost-exchange2003-05.eml": (
        "IMS", "NEKO", "CAT", "STRAYCAT", ["kijitora@example.com"],
        "c=jp;a=;p=example;l=straycat-nnnnnnnnnnnn",
        "<0000000000000000000000000000000@example.com>",
    ),
    "ndr/lhost-exchange2003-07.eml": (
        "IMS", "Kyoto Nyaans", "NEKO", "Nyaan", ["kijitora@EXAMPLE.ORG"],
        "c=jp;a=;p=kyoto un;l=000000000000000000000000p",
        "<2005042923344500.R00031@example.jp>",
    ),
    "ims-messages/219b3257b7.eml": (
        "IMS", "KPN-Telecom", "I", "MTPI7059", ["75@tfi.kpn.com"],
        "c=us;a=;p=ptt telecom;l=mtpi70590202251232fjt4d8q5",
        "<N1msdrbJXNPfV4wg9>",
    ),
}  # fmt: skip

TWICE = {
    "ims-messages/99a75d528b.eml": "ndr/lhost-exchange2003-03.eml",
    "ims-messages/fd4ab7500c.eml": "ndr/lhost-exchange2003-07.eml",
}
"""Reports that two collections hold: the file and its twin."""


@pytest.mark.parametrize("name", REAL)
def test_a_real_report_is_read(samples: Path, name: str) -> None:
    mail, report = read(samples / name)
    assert report is not None
    assert report.kind is ReportKind.NON_DELIVERY
    keys = reported_message(report)
    assert REAL[name] == (
        report.program,
        report.organization,
        report.site,
        report.server,
        [failure.recipient for failure in report.failures],
        keys.mts_id,
        keys.message_id,
    )
    assert looks_like_report(mail.skeleton, mail.envelope.originator)
    for failure in report.failures:
        assert failure.time is not None
        if report.program == "IMS":
            assert (failure.reason, failure.code) == (NOT_RECOGNIZED, UNKNOWN_RECIPIENT)
            assert failure.text == "Unknown Recipient"


def test_the_real_report_of_a_spool_names_the_message_by_its_spool_name(samples: Path) -> None:
    _, report = read(samples / "ims-messages/219b3257b7.eml")
    assert report is not None
    zone = timezone(timedelta(hours=1))
    assert report.sent == datetime(2001, 1, 21, 9, 24, 27, tzinfo=zone)
    assert report.failures[0].time == datetime(2002, 2, 25, 13, 32, 23, tzinfo=zone)
    assert report.failures[0].status == "0"
    assert reported_message(report).spooled == (SpooledAs(SpoolName.parse("FJT4D8Q5"), "MTPI7059"),)


def test_the_real_report_of_4_0_has_no_code_and_a_local_time(samples: Path) -> None:
    _, report = read(samples / "ndr/lhost-exchange2003-04.eml")
    assert report is not None
    moment = datetime(2001, 4, 29, 23, 34, 45)
    assert (report.subject, report.sent_text, report.sent) == (
        "Nyaan",
        "4/29/01 11:34:45 PM",
        moment,
    )
    assert report.failures == (
        FailedRecipient(
            "kijitora@example.com", "4/29/01 11:34:45 PM", moment, "Recipient Not Found"
        ),
    )


def test_of_all_samples_only_the_reports_are_reports(samples: Path) -> None:
    folders = ("ims-bodies", "ims-messages", "ndr")
    found, candidates = set(), set()
    for path in (path for folder in folders for path in (samples / folder).iterdir()):
        mail, report = read(path)
        name = f"{path.parent.name}/{path.name}"
        if looks_like_report(mail.skeleton, mail.envelope.originator):
            candidates.add(name)
        if report is not None:
            found.add(name)
    assert found == set(REAL) | set(TWICE)
    assert found <= candidates
    assert len(candidates - found) <= 1  # one file, a mailbox of many mails


def test_the_same_report_in_two_collections_reads_the_same(samples: Path) -> None:
    for name, twin in TWICE.items():
        report, other = read(samples / name)[1], read(samples / twin)[1]
        assert report is not None
        assert other is not None
        assert report.failures == other.failures
        assert reported_message(report) == reported_message(other)


# --- the form of 5.x


def test_a_report_over_smtp_tells_everything() -> None:
    report = parsed(with_original(OVER_SMTP))
    assert report is not None
    zone = timezone(timedelta(hours=-4))
    assert report.failures == (
        FailedRecipient(
            "rta@coho.example",
            "Mon, 5 Jun 2000 09:13:00 -0400",
            datetime(2000, 6, 5, 9, 13, tzinfo=zone),
            NOT_RECOGNIZED,
            "0",
            UNKNOWN_RECIPIENT,
            "Unknown Recipient",
        ),
    )
    assert (report.program, report.organization, report.site, report.server) == (
        "IMS",
        "Coho Trading, Inc.",
        "PORT",
        "HARBOUR",
    )
    assert report.subject == "Berth 5"
    assert report.sent == datetime(2000, 6, 5, 9, 12, tzinfo=zone)
    assert report.mts_id == "c=us;a= ;p=coho trading;l=HARBOUR0006051312MKDWZAR6"
    assert report.location == Location("x")


def test_the_keys_come_in_the_order_of_trust() -> None:
    report = parsed(with_original(OVER_SMTP))
    assert report is not None
    keys = reported_message(report)
    assert keys.mts_id == "c=us;a=;p=coho trading;l=harbour0006051312mkdwzar6"
    assert [(str(one.spool_name), one.server) for one in keys.spooled] == [
        ("MKDWZAR6", "HARBOUR"),
        ("MKDWZAR6", "harbour.coho.example"),
        ("JTJF9DG8", "first.example"),
    ]
    assert [str(name) for name in keys.spool_names] == ["MKDWZAR6", "JTJF9DG8"]
    assert keys.message_id == "<berth@fourth.example>"


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64"])
def test_an_encoded_text_is_decoded(encoding: str) -> None:
    encode = quopri.encodestring if encoding == "quoted-printable" else base64.encodebytes
    report = parsed(with_original(encode(OVER_SMTP), encoding))
    assert report is not None
    assert report.mts_id == "c=us;a= ;p=coho trading;l=HARBOUR0006051312MKDWZAR6"
    assert report.failures[0].code == UNKNOWN_RECIPIENT


def test_a_report_in_a_spool_file_is_read_behind_its_envelope(tmp_path: Path) -> None:
    path = tmp_path / "MKDWZAR7"
    path.write_bytes(spool_file(with_original(OVER_SMTP).replace(b"\n", b"\r\n"), originator=""))
    mail, report = read(path)
    assert looks_like_report(mail.skeleton, mail.envelope.originator)
    assert report is not None
    assert report.failures[0].recipient == "rta@coho.example"
    assert report.received[0].direction is Direction.INBOUND


def test_a_file_that_is_gone_is_a_defect(tmp_path: Path) -> None:
    path = tmp_path / "MKDWZAR7"
    path.write_bytes(with_original(OVER_SMTP))
    mail, _ = read(path)
    path.unlink()
    gone = read_delivery_report(evidence(path), mail)
    assert isinstance(gone, Defect)
    assert gone.location == Location("MKDWZAR7")


def test_lines_wrapped_without_a_mark_are_put_together() -> None:
    report = failing(
        "did not reach the following recipient(s):\n\n"
        "one@far.example on Sun, 7 Mar 2004 14:16:59 -0800\n"
        "    No transfer\n"
        "    MSEXCH:IMS:A:B:C 3550 (000B09B6) 550 5.7.1\n"
        "<one@far.example>... not from\nhere, see http://far.example/why\n"
        "two-with-a-long-name@a.long.domain.example on Sun, 7 Mar 2004\n14:17:00 -0800\n"
        "    The recipient name is\nnot recognized\n"
        "    MSEXCH:IMS:A:B:C 0\n(000C05A6) Unknown Recipient\n"
        "c=us;a=\n;p=far;o=Site;s=Three;\nou=x; on Sun, 7 Mar 2004 14:17:01 -0800\n"
        "    Other\n    MSEXCH:IMS:A:B:C 3902 (000B099C) Host Unknown\n"
    )
    first, second, third = report.failures
    assert first.text == "550 5.7.1 <one@far.example>... not from here, see http://far.example/why"
    assert first.smtp_reply == 550
    assert second.recipient == "two-with-a-long-name@a.long.domain.example"
    assert second.time == datetime(2004, 3, 7, 22, 17, tzinfo=UTC)
    assert (second.reason, second.status, second.code) == (NOT_RECOGNIZED, "0", UNKNOWN_RECIPIENT)
    assert third.recipient == "c=us;a= ;p=far;o=Site;s=Three; ou=x;"
    assert (third.status, third.smtp_reply) == ("3902", None)


def test_an_entry_without_its_last_line_still_names_the_recipient() -> None:
    report = failing(
        "Your message\n\ndid not reach the following recipient(s):\n\n"
        "Journal on Sat, 2 Sep 2000 17:32:31 -0400\n    Not sent\n"
        "\tThe MTS-ID of the original message is: c=US;a=\n;p=COHO;l=HARBOUR000902173231AE003300\n"
        "\n\nThis mail was scanned.\n",
        subject="E",
    )
    (failure,) = report.failures
    assert (failure.recipient, failure.reason, failure.code) == ("Journal", "Not sent", None)
    assert report.mts_id == "c=US;a= ;p=COHO;l=HARBOUR000902173231AE003300"
    assert (report.program, report.server) == ("", "")


def test_an_mts_id_is_told_only_where_it_is_whole_and_the_same_for_all() -> None:
    entry = (
        "{0}@far.example on Sun, 7 Mar 2004 14:16:59 -0800\n"
        "\tThe MTS-ID of the original message is: {1}\n    MSEXCH:IMS:A:B:C 0 (000C05A6) Unknown\n"
    )
    heading = "did not reach the following recipient(s):\n\n"
    cut = failing(heading + entry.format("one", "c=us;a= ;p=far"))
    assert cut.mts_id is None
    assert len(cut.failures) == 1
    same = failing(heading + entry.format("one", "c=us;l=A-1") + entry.format("two", "c=us;l=A-1"))
    assert same.mts_id == "c=us;l=A-1"
    other = failing(heading + entry.format("one", "c=us;l=A-1") + entry.format("two", "c=us;l=A-2"))
    assert other.mts_id is None
    assert len(other.failures) == 2


# --- the other printed forms


def test_the_form_of_a_mapi_client_with_local_times() -> None:
    report = failing(
        "Your message did not reach some or all of the intended recipients.\n\n"
        "      Subject:\tBerth 5, and a subject so long\nthat it is wrapped\n"
        "      Sent:\t1/5/98 7:31 PM\n\n"
        "The following recipient(s) could not be reached:\n\n"
        "      'one@far.example' on 1/13/98 8:01 PM\n"
        "            Communications failure\n"
        "            MSEXCH:IMS:Coho:SITE:SERVER 0 (000D06B5) No proxy for\n            Recipient\n"
    )
    assert report.subject == "Berth 5, and a subject so long that it is wrapped"
    assert report.sent == datetime(1998, 1, 5, 19, 31)
    assert report.failures == (
        FailedRecipient(
            "one@far.example",
            "1/13/98 8:01 PM",
            datetime(1998, 1, 13, 20, 1),
            "Communications failure",
            "0",
            0x000D06B5,
            "No proxy for Recipient",
        ),
    )


def test_a_local_date_that_could_be_two_days_stays_unread() -> None:
    report = failing(
        "Sent: 3/4/01 9:15 AM\n\nThe following recipients(s) could not be reached:\n\n"
        "one@far.example on 3/4/01 9:15 AM\nRecipient Not Found\n[MSEXCH:IMC:Coho:Site:SERVER]\n"
    )
    (failure,) = report.failures
    assert (failure.time_text, failure.time, report.sent) == ("3/4/01 9:15 AM", None, None)
    assert failure.reason == "Recipient Not Found"
    assert (report.program, report.server, failure.text) == ("IMC", "SERVER", "")


def test_an_impossible_date_stays_unread() -> None:
    report = failing(
        "did not reach the following recipient(s):\n\n"
        "one@far.example on Sun, 31 Feb 2004 14:16:59 -0800\n    MSEXCH:IMC:A:B:C\n"
        "two@far.example on 6/26/97 18:58:04 PM\n    MSEXCH:IMC:A:B:C\n"
    )
    assert [one.recipient for one in report.failures] == ["one@far.example", "two@far.example"]
    assert [one.time for one in report.failures] == [None, None]


def test_the_form_with_addresses_in_angle_brackets() -> None:
    report = failing(
        "The following recipients did not receive the attached mail. Reasons are\n"
        "listed with each recipient:\n\n"
        "</o=Coho/ou=Port/cn=Recipients/cn=User1> User1\n"
        "\tMSEXCH:IMS:Coho:PORT:HARBOUR 0 (00010256) Too many recipients.\n"
        "<two@coho.example >\n     two@coho.example\n"
        "MSEXCH:IMS:Coho Trading:Port One:Harbour One 0 (00120270) Too Many Hops\n\n"
        "The message that caused this notification was:\n\nMSEXCH:IMS:X:Y:Z 0 (000C05A6) Other\n"
    )
    assert [(one.recipient, one.code, one.reason) for one in report.failures] == [
        ("/o=Coho/ou=Port/cn=Recipients/cn=User1", 0x00010256, ""),
        ("two@coho.example", 0x00120270, ""),
    ]
    assert report.kind is ReportKind.NON_DELIVERY
    assert (report.organization, report.site, report.server) == ("Coho", "PORT", "HARBOUR")


def test_the_form_of_microsoft_mail_names_no_recipient() -> None:
    report = failing(
        "Your Message\nTo: One\nSubject: Berth 5\n\n"
        "Was not delivered for the following reasons:\n\n"
        "Unknown address\nReason: 0\nDiagnostic: -1\nMSEXCH:IMS:Coho:Port:HARBOUR No proxy for\n"
        "Recipient\n"
    )
    assert report.failures == (
        FailedRecipient(
            "", reason="Unknown address Reason: 0 Diagnostic: -1", text="No proxy for Recipient"
        ),
    )
    assert (report.subject, report.server) == ("Berth 5", "HARBOUR")


def test_a_recipient_without_a_time_is_the_line_above_the_reason() -> None:
    report = failing(
        "The message was not delivered to the following recipient(s):\n,One Two\n"
        "Not recognized\nMSEXCH:IMS:Coho:Port:HARBOUR 0 (000C05A6) Unknown Recipient\n"
    )
    (failure,) = report.failures
    assert (failure.recipient, failure.reason) == (",One Two", "Not recognized")


# --- notifications to the administrator


def test_a_notification_is_no_report_to_the_originator() -> None:
    content = with_original(b"The message that caused this notification was:\n").replace(
        b"Undeliverable: Berth 5\nX-MS-Embedded-Report: ",
        b"Notification: Inbound Mail Failure - The message\n conversion failed.",
    )
    mail = spool_file_from_buffer(content, Location("x"))
    assert looks_like_report(mail.skeleton)
    report = delivery_report_in(content, mail)
    assert report is not None
    assert (report.kind, report.direction) == (ReportKind.NOTIFICATION, Direction.INBOUND)
    assert report.reason == "The message conversion failed."
    assert report.failures == ()
    assert report.subject == "Berth 5"
    assert str(reported_message(report).spool_names[0]) == "MKDWZAR6"


def test_a_notification_lists_recipients_too() -> None:
    report = failing(
        "The following recipients did not receive the attached mail. Reasons are listed with each "
        "recipient:\n\n<one@coho.example> one\nMSEXCH:IMS:A:B:C 0 (00120270) Too Many Hops\n",
        subject="Notification: Outbound Mail Failure",
    )
    assert (report.kind, report.direction) == (ReportKind.NOTIFICATION, Direction.OUTBOUND)
    assert [one.recipient for one in report.failures] == ["one@coho.example"]


def test_a_subject_alone_is_no_notification() -> None:
    assert plain("Please read.\n", subject="Notification: Inbound Mail Failure") is None


# --- what is no report of non-delivery


@pytest.mark.parametrize(
    "heading",
    [
        "was delivered to the following recipient(s):",
        "Your message was delivered to the following recipient(s):",
        "was read on Mon, 5 Jun 2000 09:13:00 -0400.",
    ],
)
@pytest.mark.parametrize("subject", ["Delivered: Berth 5", "Undeliverable: Berth 5"])
def test_a_report_of_delivery_is_no_failure(heading: str, subject: str) -> None:
    text = (
        f"Your message\n\n  Subject: Berth 5\n\n{heading}\n\n"
        "c=US;a= ;p=COHO;s=One; on 6/27/97 3:04:28 PM\n    MSEXCH:MSExchangeMTA:Port:HARBOUR\n"
        "two@far.example on 6/27/97 3:04:28 PM\n    MSEXCH:IMS:A:B:C 0 (000C05A6) x\n"
    )
    assert plain(text, subject) is None


def test_those_who_were_reached_are_not_among_the_failed() -> None:
    failed = OVER_SMTP.decode()
    reached = failed.replace("did not reach", "was delivered to").replace("rta@", "quay@")
    for text in (failed + reached, reached + failed):
        report = failing(text)
        assert [one.recipient for one in report.failures] == ["rta@coho.example"]


def test_a_report_within_the_text_of_a_report_is_not_its_own() -> None:
    report = failing(OVER_SMTP.decode() + "\n" + OVER_SMTP.decode().replace("rta@", "quay@"))
    assert [one.recipient for one in report.failures] == ["rta@coho.example"]


def test_a_report_that_came_back_is_read_by_its_own_text() -> None:
    inner = with_original(OVER_SMTP)
    other = OVER_SMTP.replace(b"rta@", b"quay@").replace(b"MKDWZAR6", b"MKDWZAR7")
    report = parsed(with_original(other, returned=b"Message-ID: <inner@x>\n" + inner))
    assert report is not None
    assert [one.recipient for one in report.failures] == ["quay@coho.example"]
    assert [str(name) for name in reported_message(report).spool_names] == ["MKDWZAR7"]
    assert report.message_id == "<inner@x>"


@pytest.mark.parametrize(
    "text",
    [
        "Hi. This is the mail program at far.example.\n<one@far.example>: no such user\n",
        "The following recipient(s) could not be reached:\n\n  one@far.example on 6/13/00 1:00 PM\n"
        "    The e-mail account does not exist.\n    <far.example #5.1.1>\n",
        "The following recipient(s) could not be reached:\nOne on 01/13/99 11:00AM\n"
        "   No transport provider was available for delivery to this recipient.\n",
        "Look: MSEXCH:IMS:A:B:C 0 (000C05A6) Unknown Recipient\n> MSEXCH:IMS:A:B:C\n",
        "did not reach the following recipient(s):\n\n",
        "",
    ],
)
def test_another_systems_bounce_is_no_report(text: str) -> None:
    assert plain(text) is None


def test_a_report_in_another_language_is_of_unknown_kind() -> None:
    text = (
        "Ihre Nachricht\n\n  Betreff: Pier 5\n\nhat den Empfaenger nicht erreicht:\n\n"
        "rta@coho.example on Mon, 5 Jun 2000 09:13:00 -0400\n    Unbekannt\n"
        "\tThe MTS-ID of the original message is: c=us;a= ;p=c;l=HARBOUR0006051312MKDWZAR6\n"
        "    MSEXCH:IMS:Coho:PORT:HARBOUR 0 (000C05A6) Unbekannt\n"
    )
    report = failing(text, subject="Unzustellbar: Pier 5")
    assert report.kind is ReportKind.UNKNOWN
    assert str(reported_message(report).spool_names[0]) == "MKDWZAR6"
    assert failing(text).kind is ReportKind.NON_DELIVERY


# --- the MSEXCH line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "MSEXCH:IMS:Org:Site:SRV 0 (000C05A6) Unknown Recipient",
            MsexchLine("IMS", "Org", "Site", "SRV", "0", 0x000C05A6, "Unknown Recipient"),
        ),
        (
            "MSEXCH:IMS:Org One:Site One:Server One 0 (00120270) Too Many Hops",
            MsexchLine(
                "IMS", "Org One", "Site One", "Server One", "0", 0x00120270, "Too Many Hops"
            ),
        ),
        (
            "MSEXCH:IMS:Org:Site:SRV 0x80004005 (000502CC) Conversion failed",
            MsexchLine("IMS", "Org", "Site", "SRV", "0x80004005", 0x000502CC, "Conversion failed"),
        ),
        (
            "MSEXCH:IMS:Org:Site:SRV (00050311) Conversion failed",
            MsexchLine("IMS", "Org", "Site", "SRV", "", 0x00050311, "Conversion failed"),
        ),
        ("MSEXCH:IMC:Org:Site:SRV", MsexchLine("IMC", "Org", "Site", "SRV")),
        ("[MSEXCH:IMC:Org:Site:SRV_1]", MsexchLine("IMC", "Org", "Site", "SRV_1")),
        (
            "MSEXCH:IMC:Org:Site:SRV 3902 Host Unknown",
            MsexchLine("IMC", "Org", "Site", "SRV", "3902", None, "Host Unknown"),
        ),
        (
            "MSEXCH:IMC:Org:Site:HAWK 3553 553 5.1.1 no user: a.b",
            MsexchLine("IMC", "Org", "Site", "HAWK", "3553", None, "553 5.1.1 no user: a.b"),
        ),
        (
            "MSEXCH:IMS:<Org>:<Site>:<A Server> No proxy",
            MsexchLine("IMS", "<Org>", "<Site>", "<A Server>", text="No proxy"),
        ),
        (
            "MSEXCH:IMS:Org:Site:SRV Host unreachable",
            MsexchLine("IMS", "Org", "Site", "SRV", text="Host unreachable"),
        ),
        ("MSEXCH:MSExchangeMTA:Site:SRV", MsexchLine("MSExchangeMTA", "", "Site", "SRV")),
        ("MSEXCH:IMS:alone here", MsexchLine("IMS", text="alone here")),
        ("MSEXCH:IMS:", MsexchLine("IMS")),
    ],
)
def test_an_msexch_line_is_taken_apart(line: str, expected: MsexchLine) -> None:
    assert parse_msexch_line(line) == expected


def test_another_line_is_no_msexch_line() -> None:
    assert parse_msexch_line("MSEXCH") is None
    assert parse_msexch_line("seen MSEXCH:IMS:A:B:C") is None


@pytest.mark.parametrize(
    ("status", "reply"),
    [("3550", 550), ("3502", 502), ("3452", 452), ("3902", None), ("3250", None), ("0", None)],
)
def test_a_status_of_three_thousand_and_more_is_the_reply_of_the_remote_host(
    status: str, reply: int | None
) -> None:
    assert FailedRecipient("x", status=status).smtp_reply == reply


# --- ruling mail out


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"Subject: Undeliverable: x\n", True),
        (b"subject: UNDELIVERABLE:\n", True),
        (b"Subject: Notification: Inbound Mail Failure\n", True),
        (b"X-MS-Embedded-Report: \n", True),
        (b"Return-Path: <>\n", True),
        (b"Subject: Re: Undeliverable: x\n", False),
        (b"Subject: Undeliverable JPTJ\n", False),
        (b"Subject: Notification: your parcel\n", False),
        (b"Return-Path: <one@far.example>\nX-Mailer: Internet Mail Service (5.5.2653.19)\n", False),
    ],
)
def test_the_header_tells_what_may_be_a_report(header: bytes, expected: bool) -> None:
    mail = spool_file_from_buffer(header + b"\nx", Location("x"))
    assert looks_like_report(mail.skeleton) is expected


def test_a_null_sender_in_the_envelope_may_send_a_report() -> None:
    mail = spool_file_from_buffer(b"Subject: x\n\nx", Location("x"))
    assert looks_like_report(mail.skeleton, "")
    assert not looks_like_report(mail.skeleton, "one@far.example")
    assert not looks_like_report(mail.skeleton, None)


def test_ordinary_mail_is_ruled_out_in_no_time() -> None:
    header = b"".join(b"X-Field-%d: some value\r\n" % number for number in range(40))
    mail = spool_file_from_buffer(header + b"Subject: x\r\n\r\nx", Location("x"))
    begun = time.perf_counter()
    for _ in range(10_000):
        looks_like_report(mail.skeleton, "one@far.example")
    assert time.perf_counter() - begun < 1  # 100 microseconds each, many times what it takes


# --- any bytes

FRAGMENTS = st.sampled_from(
    [
        "Your message", "did not reach the following recipient(s):", "Subject: x", "Sent: 1/2/03",
        "The following recipient(s) could not be reached:", "was delivered to the following",
        "The following recipients did not receive the attached mail.", "", " ", "<a@b> c",
        "The message that caused this notification was:", "a@b on Mon, 5 Jun 2000 09:13:00 -0400",
        "a@b on", "99 Zzz 9999 99:99 +9999", "a@b on 99 Xyz 0000 99:99 +9999", "c=us;a=", ";l=x",
        "The MTS-ID of the original message is:", "MSEXCH:IMS:A:B:C 0 (000C05A6) x", "MSEXCH:IMS:",
        "[MSEXCH:IMC:A:B:C]", "MSEXCH:MSExchangeIS:A", "x on 1/2/03 4:05", "x on 13/13/13 99:99",
    ]
)  # fmt: skip


@given(
    st.lists(FRAGMENTS | st.text(max_size=30), max_size=40),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n", " "]),
    st.sampled_from(["Undeliverable: x", "Notification: Inbound Mail Failure", "x"]),
    st.sampled_from(["", "utf-8", "utf-7", "iso-8859-99", "iso-2022-jp", "punycode", "\0"]),
)
def test_lines_of_a_report_in_any_order_are_read(
    lines: list[str], end: str, subject: str, charset: str
) -> None:
    text = f"Subject: {subject}\nContent-Type: text/plain; charset={charset}\n\n{end.join(lines)}"
    report = parsed(text.encode("utf-8", "replace"))
    if report is not None:
        assert report.failures or report.kind is ReportKind.NOTIFICATION
        reported_message(report)


@given(
    st.binary(max_size=400),
    st.binary(max_size=400),
    st.sampled_from(["7bit", "quoted-printable", "base64"]),
)
def test_any_bytes_are_read(text: bytes, returned: bytes, encoding: str) -> None:
    parsed(with_original(text, encoding, returned))
    report = parsed(with_original(OVER_SMTP + text, returned=returned))
    assert report is not None
    assert report.failures[0].recipient == "rta@coho.example"


@given(st.text(max_size=200))
def test_any_line_after_msexch_is_taken_apart(rest: str) -> None:
    found = parse_msexch_line("MSEXCH:IMS:" + rest)
    assert found is not None
    assert found.program == "IMS"


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        b"a", b"a on ", b"\n", b"MSEXCH:IMS:A:B:C\n", b"c=us;" * 9 + b"\n", b"x on 1/2/03 4:05\n",
        b"The MTS-ID of the original message is: c=us\n", b"<" * 70 + b"\n", b"Subject: x\n",
        b"a@b on\n", b"The following recipients did not receive the attached mail\n",
        b"MSEXCH:IMS:A:B:" + b"1 (" * 80 + b"\n", b" \n", b"The MTS-ID of the original message is:",
    ],
)  # fmt: skip
@pytest.mark.parametrize("heading", [b"", b"did not reach the following recipient(s):\n\n"])
def test_a_text_of_any_size_is_read_in_bounded_time(line: bytes, heading: bytes) -> None:
    content = b"Subject: Undeliverable: x\n\n" + heading + line * (2 * TEXT_LIMIT // len(line))
    begun = time.perf_counter()
    parsed(content)
    assert time.perf_counter() - begun < 20


@pytest.mark.slow
def test_what_stands_beyond_the_limit_is_not_looked_at() -> None:
    filler = b"x\n" * (TEXT_LIMIT // 2)
    assert parsed(b"Subject: Undeliverable: x\n\n" + filler + OVER_SMTP) is None
    assert parsed(b"Subject: Undeliverable: x\n\n" + filler[: -2 * len(OVER_SMTP)] + OVER_SMTP)
