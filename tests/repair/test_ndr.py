"""Delivery reports are read back, by Python's email and by the reader of the service's own."""

from __future__ import annotations

import email
import email.policy
import io
import re
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imctool.knowledge.ndr_codes import ndr_codes
from imctool.model.delivery_report import DeliveryReport, ReportKind
from imctool.model.evidence import Location
from imctool.model.mail import RECIPIENT_LIMIT
from imctool.model.ndr import FailedRecipient, Ndr, Returned, WrittenNdr
from imctool.readers import delivery_report
from imctool.readers.spool_file import spool_file_from_buffer
from imctool.repair import ndr
from imctool.repair.header_text import decoded_text, encoded_text, header_field
from imctool.repair.ndr import NdrRefusedError, in_reports, refusal, report_count, write_ndr
from imctool.repair.ndr_addresses import report_problem, typed_address
from imctool.repair.ndr_reasons import explain_failure

pytestmark = pytest.mark.slow

MTS_ID = "c=US;a= ;p=Coho;l=HARBOUR0206051312MKDWZAR6"
DATE = datetime(2002, 6, 5, 9, 30, tzinfo=timezone(timedelta(hours=-4)))
REPORT = Ndr(
    "berths@coho.example",
    "harbour.coho.example",
    "0123456789abcdef" * 4,
    DATE,
    organization="Coho Vineyard, Inc.",
    site="PORT",
    server_name="HARBOUR",
    mts_id=MTS_ID,
)
HEADER = (
    b"From: Berths <berths@coho.example>\r\nTo: everybody@coho.example\r\n"
    b"Subject: Berth 5\r\nDate: Wed, 5 Jun 2002 09:12:00 -0400\r\n"
    b"Message-ID: <berth-5@coho.example>\r\n"
)
MAIL = HEADER + b"\r\nIs it free?\r\n"
FIELDS = [
    "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted", "Comments",
    "Content-Type", "Content-Transfer-Encoding", "In-Reply-To",
]  # fmt: skip
ANNA, BEN = FailedRecipient("anna@far.example"), FailedRecipient("ben@far.example")


def written(
    failed: Iterable[FailedRecipient] = (ANNA,),
    report: Ndr = REPORT,
    original: bytes = MAIL,
    offset: int = 0,
) -> tuple[bytes, WrittenNdr]:
    stream = io.BytesIO()
    told = write_ndr(stream, report, failed, original, offset)
    return stream.getvalue(), told


def by_email(content: bytes) -> EmailMessage:
    """Parse a report, and hold it to the structure of RFC 6522 and 3464."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert [part.get_content_type() for part in message.iter_parts()][:2] == [
        "text/plain",
        "message/delivery-status",
    ]
    assert len(list(message.iter_parts())) == 3
    assert not [part.defects for part in message.walk() if part.defects]
    return message


def groups(content: bytes) -> list[dict[str, str]]:
    """The fields of the delivery-status: of the message as a whole, then of each recipient."""
    status = list(by_email(content).iter_parts())[1]
    return [dict(group.items()) for group in status.get_payload()]  # type: ignore[union-attr]


def reported(content: bytes) -> list[str]:
    return [one["Final-Recipient"] for one in groups(content)[1:]]


def by_reader(content: bytes) -> DeliveryReport:
    mail = spool_file_from_buffer(content, Location("x"), for_ledger=True)
    assert mail.report is not None
    return mail.report


def human_part(content: bytes) -> str:
    text = next(iter(by_email(content).iter_parts())).get_content()
    assert isinstance(text, str)
    return text


def returned_part(content: bytes) -> EmailMessage:
    part = list(by_email(content).iter_parts())[2]
    assert isinstance(part, EmailMessage)
    return part


# --- one report


def test_the_report_of_a_message_over_the_limit() -> None:
    content, told = written([ANNA, BEN])
    message = by_email(content)
    assert list(message.keys()) == FIELDS
    assert message["From"].addresses[0].addr_spec == "postmaster@harbour.coho.example"
    assert message["To"].addresses[0].addr_spec == "berths@coho.example"
    assert message["Subject"] == "Undeliverable: Berth 5"
    assert message["Date"].datetime == DATE
    assert message["Message-ID"] == told.message_id
    assert message["In-Reply-To"] == "<berth-5@coho.example>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert "imctool" in message["Comments"]
    assert groups(content) == [
        {"Reporting-MTA": "dns;harbour.coho.example"},
        {"Final-Recipient": "rfc822;anna@far.example", "Action": "failed", "Status": "5.5.3"},
        {"Final-Recipient": "rfc822;ben@far.example", "Action": "failed", "Status": "5.5.3"},
    ]
    assert told == WrittenNdr(told.message_id, 2, 0)
    assert content.replace(b"\r\n", b"").count(b"\n") == 0, "CRLF ends every line"


def test_the_reader_of_the_service_s_own_reports_reads_it() -> None:
    report = by_reader(written([ANNA, BEN])[0])
    assert report.kind is ReportKind.NON_DELIVERY
    assert (report.program, report.organization) == ("IMS", "Coho Vineyard, Inc.")
    assert (report.site, report.server, report.mts_id) == ("PORT", "HARBOUR", MTS_ID)
    assert (report.subject, report.message_id) == ("Berth 5", "<berth-5@coho.example>")
    assert report.sent == datetime(2002, 6, 5, 13, 12, tzinfo=UTC)
    told = [(one.recipient, one.status, one.code, one.text, one.time) for one in report.failures]
    assert told == [
        (address, "0", 0x00010256, "Too many recipients.", DATE)
        for address in ("anna@far.example", "ben@far.example")
    ]


def test_it_says_that_the_service_did_not_write_it() -> None:
    content, _ = written()
    assert b"written afterwards by imctool" in content
    header = content[: content.index(b"\r\n\r\n")]
    assert b"X-Mailer" not in header
    assert b"X-MS-Embedded-Report" not in header


def test_the_same_input_gives_the_same_bytes_and_another_number_another_id() -> None:
    failed = [ANNA, BEN]
    assert written(failed) == written(iter(failed))
    ids = {
        written(failed, report)[1].message_id
        for report in (
            REPORT,
            replace(REPORT, number=1, total=2),
            replace(REPORT, number=2, total=2),
            replace(REPORT, source_sha256="f" * 64),
            replace(REPORT, returned=Returned.FULL),
        )
    }
    assert len(ids | {written([ANNA])[1].message_id}) == 6


def test_times_that_are_known_are_told() -> None:
    arrived, failed = DATE - timedelta(hours=2), DATE - timedelta(hours=1)
    content, _ = written(report=replace(REPORT, arrived=arrived, failed=failed))
    first, second = groups(content)
    assert first["Arrival-Date"] == "Wed, 05 Jun 2002 07:30:00 -0400"
    assert second["Last-Attempt-Date"] == "Wed, 05 Jun 2002 08:30:00 -0400"
    assert by_reader(content).failures[0].time == failed


def test_a_time_without_a_zone_is_no_time_of_a_report() -> None:
    with pytest.raises(ValueError, match="no zone"):
        written(report=replace(REPORT, arrived=datetime(2002, 6, 5)))


def test_one_of_several_reports_says_which_it_is() -> None:
    content, _ = written(report=replace(REPORT, number=2, total=31))
    assert b"It is report 2 of 31; this one names 1 recipient.\r\n" in content
    assert by_reader(content).failures[0].recipient == "anna@far.example"


def test_where_nothing_of_the_server_is_known_its_host_stands_for_it() -> None:
    bare = Ndr("berths@coho.example", "harbour.coho.example", "0" * 64, DATE)
    report = by_reader(written([ANNA, BEN], bare)[0])
    assert (report.organization, report.site) == ("", "")
    assert report.server == "harbour.coho.example"
    assert [one.code for one in report.failures] == [0x00010256] * 2
    assert report.mts_id is None


def test_a_colon_in_a_name_of_the_server_moves_no_field() -> None:
    report = by_reader(written(report=replace(REPORT, organization="Coho: Wines", site="A:B"))[0])
    assert (report.organization, report.site, report.server) == ("Coho Wines", "A B", "HARBOUR")


# --- reasons


def test_every_text_of_the_connector_has_a_status_and_keeps_its_code() -> None:
    for row in ndr_codes():
        if not row.text:
            continue
        told = explain_failure(row.text.upper())
        assert re.fullmatch(r"[45]\.\d\.\d", told.status), row
        assert told.source.endswith(row.text), row
        assert ("(" in told.source) == any(
            one.code is not None and one.text.rstrip(".") == row.text.rstrip(".")
            for one in ndr_codes()
        )


@pytest.mark.parametrize(
    ("reason", "status", "told"),
    [
        ("", "", ("0", 0x00010256, "Too many recipients.", "5.5.3")),
        ("unknown recipient", "", ("0", 0x000C05A6, "Unknown Recipient", "5.1.1")),
        ("Host Unknown", "5.4.4", ("3902", 0x000B099C, "Host Unknown", "5.4.4")),
        ("Host unreachable", "", ("", None, "Host unreachable", "4.4.1")),
        ("550 5.1.1 no such user", "", ("3550", None, "550 5.1.1 no such user", "5.1.1")),
        ("554 no", "", ("3554", None, "554 no", "5.0.0")),
        ("550 2.0.0 odd", "", ("3550", None, "550 2.0.0 odd", "5.0.0")),
        (
            "502 Server does not support AUTH.",
            "",
            ("3502", 0x000B0981, "502 Server does not support AUTH.", "5.0.0"),
        ),
        ("550 (000C05A6) x", "", ("3550", None, "550 ( 000C05A6) x", "5.0.0")),
        ("the cat sat on it", "", ("", None, "", "5.0.0")),
        ("left on Wed, 5 Jun 2002 09:12:00 -0400", "", ("", None, "", "5.0.0")),
        ("MSEXCH:IMS:A:B:C 0 (000C05A6) x", "", ("", None, "", "5.0.0")),
    ],
)
def test_a_reason_decides_the_codes(
    reason: str, status: str, told: tuple[str, int | None, str, str]
) -> None:
    content, _ = written([FailedRecipient("anna@far.example", reason, status), BEN])
    first, second = by_reader(content).failures
    assert (first.recipient, first.status, first.code, first.text) == (
        "anna@far.example",
        *told[:3],
    )
    assert (second.recipient, second.code) == ("ben@far.example", 0x00010256)
    group = groups(content)[1]
    assert group["Status"] == told[3]
    is_reply = reason[:1] == "5"
    assert group.get("Diagnostic-Code") == (f"smtp; {reason}" if is_reply else None)


def test_a_status_that_tells_no_failure_is_refused() -> None:
    with pytest.raises(NdrRefusedError, match=r"recipient 2: '2\.0\.0' is no status"):
        written([ANNA, FailedRecipient("ben@far.example", "", "2.0.0")])


def test_a_reply_in_another_script_stands_in_ascii_where_the_field_needs_that() -> None:
    content, _ = written([FailedRecipient("anna@far.example", "550 " + "Postfach gelöscht " * 60)])
    diagnostic = groups(content)[1]["Diagnostic-Code"]
    assert diagnostic.startswith("smtp; 550 Postfach gel\\xf6scht")
    assert "Postfach gelöscht" in human_part(content)
    assert max(map(len, content.split(b"\r\n"))) <= 998


# --- who never gets a report


def test_never_a_report_to_the_null_sender() -> None:
    with pytest.raises(NdrRefusedError, match=r"null sender \(RFC 5321 section 4\.5\.5\)"):
        written(report=replace(REPORT, originator=""))
    with pytest.raises(NdrRefusedError, match="null sender"):
        written(report=replace(REPORT, originator="<>"))
    with pytest.raises(NdrRefusedError, match="originator is not known"):
        written(report=replace(REPORT, originator=None))


@pytest.mark.parametrize(
    ("field", "why"),
    [
        (b"Return-Path: <>", "Return-Path"),
        (b"Content-Type: multipart/report; report-type=delivery-status; boundary=b", "report"),
        (b"content-type:\r\n Multipart/Report", "report"),
        (b"Auto-Submitted: auto-generated (cron); x=y", "Auto-Submitted"),
        (b"Auto-Submitted: no\r\nAuto-Submitted: auto-replied", "Auto-Submitted"),
        (b"Auto-Submitted:", "Auto-Submitted"),
    ],
)
def test_never_a_report_on_an_automatic_message(field: bytes, why: str) -> None:
    stream = io.BytesIO()
    mail = field + b"\r\n" + MAIL
    with pytest.raises(NdrRefusedError, match=why):
        write_ndr(stream, REPORT, [ANNA], mail, 0)
    assert stream.getvalue() == b""
    assert why in (refusal(REPORT.originator, mail, 0) or "")


@pytest.mark.parametrize(
    "field", [b"Auto-Submitted: No", b"Auto-Submitted: no (a person)", b"Return-Path: <a@b>"]
)
def test_a_message_of_a_person_is_reported(field: bytes) -> None:
    assert refusal(REPORT.originator, field + b"\r\n" + MAIL, 0) is None
    assert refusal(REPORT.originator, MAIL + b"Auto-Submitted: auto-replied\r\n", 0) is None


def test_the_envelope_before_the_text_is_not_its_header() -> None:
    content, _ = written(original=b"Auto-Submitted: auto-replied\r\n\r\n" + MAIL, offset=32)
    assert by_reader(content).message_id == "<berth-5@coho.example>"


def test_a_report_on_nobody_is_none() -> None:
    stream = io.BytesIO()
    with pytest.raises(NdrRefusedError, match="no recipient"):
        write_ndr(stream, REPORT, [], MAIL, 0)
    assert stream.getvalue() == b""


# --- addresses


@pytest.mark.parametrize("end", ["\r", "\n", "\r\nBcc: eve@x.example", "\0", "\x7f", "\x1b[31m"])
def test_an_address_that_would_end_its_line_is_refused_before_anything_is_written(
    end: str,
) -> None:
    stream = io.BytesIO()
    with pytest.raises(NdrRefusedError, match=r"recipient 2 .* a control character"):
        write_ndr(stream, REPORT, [ANNA, FailedRecipient(f"x@y.example{end}")], MAIL, 0)
    assert stream.getvalue() == b""
    with pytest.raises(NdrRefusedError, match="originator: the address holds a control"):
        written(report=replace(REPORT, originator=f"x@y.example{end}"))


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("\u20ac@x.example", "no.* string of bytes"),
        ("x" * 1001 + "@y.example", "too long"),
        ("\xc2\x85@x.example", "control"),  # U+0085 in UTF-8, a line end to some readers
    ],
)
def test_what_a_report_cannot_name(address: str, why: str) -> None:
    assert re.search(why, (report_problem(address) or "").replace("not a", "no a"))


def test_an_8_bit_address_in_utf_8_has_the_type_of_rfc_6533() -> None:
    raw = "jörg+a@exämple.example".encode().decode("latin-1")
    content, told = written([FailedRecipient(raw)])
    assert reported(content) == [r"utf-8;j\x{F6}rg\x{2B}a@ex\x{E4}mple.example"]
    assert by_reader(content).failures[0].recipient == "jörg+a@exämple.example"
    assert told.escaped == 0


def test_an_8_bit_address_in_no_known_encoding_is_escaped_and_said_to_be() -> None:
    content, told = written([FailedRecipient("j\xf6rg@x.example"), ANNA])
    assert reported(content)[0] == r"rfc822;j\xF6rg@x.example"
    assert told.escaped == 1
    text = human_part(content)
    assert "In 1 address above" in text
    assert [one.recipient for one in by_reader(content).failures] == [
        r"j\xF6rg@x.example",
        "anna@far.example",
    ]


def test_an_over_long_address_is_folded_and_never_cut() -> None:
    long = "x" * 940 + "@y.example"
    content, _ = written([FailedRecipient(long), ANNA])
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert reported(content)[0].strip().split(";") == ["rfc822", long]
    assert by_reader(content).failures[0].recipient == long


@pytest.mark.parametrize(
    "originator",
    ["a@b.example>, <eve@x.example", "a, b@c.example", "j\xf6rg@x.example", "j\xc3\xb6@x.example",
     "x" * 950 + "@y.example", "a(b)@c.example", "Bcc: eve@x.example"],
)  # fmt: skip
def test_an_originator_that_a_header_has_no_form_for_addresses_nobody(originator: str) -> None:
    message = by_email(written(report=replace(REPORT, originator=originator))[0])
    assert list(message.keys()) == FIELDS
    assert message["To"].addresses == ()
    shown = message["To"].groups[0].display_name
    raw = shown.encode("utf-8", "surrogateescape").replace("\ufffd".encode(), b"\xf6")
    # Python puts blanks between the words of a name.
    assert raw.replace(b" ", b"") == originator.encode("latin-1").replace(b" ", b"")


@pytest.mark.parametrize("sender", ["eve@x.example\r\nBcc: x@y", "a b@c", "", "jö@x.example"])
def test_a_sender_has_to_be_an_address(sender: str) -> None:
    with pytest.raises(NdrRefusedError, match="no address to report from"):
        written(report=replace(REPORT, sender=sender))
    content, _ = written(report=replace(REPORT, sender="admin@coho.example"))
    assert by_email(content)["From"].addresses[0].addr_spec == "admin@coho.example"


@pytest.mark.parametrize("server", ["", "a b", "x\r\nBcc: y", "h\xf6st", "a>b"])
def test_a_server_has_to_be_a_host(server: str) -> None:
    with pytest.raises(NdrRefusedError, match="no host name"):
        written(report=replace(REPORT, server=server))


# --- what is returned


@pytest.mark.parametrize("ending", [b"", b"\r\n", b"\r\n\r\n", b"\n", b"no line end"])
@pytest.mark.parametrize("offset", [0, 100])
def test_the_whole_message_is_returned_byte_for_byte(ending: bytes, offset: int) -> None:
    mail = HEADER + b"\r\nIs it free\xe9?\r\n--=_imctool_\r\n" + ending
    content, _ = written(
        report=replace(REPORT, returned=Returned.FULL),
        original=b"x" * offset + mail,
        offset=offset,
    )
    assert returned_part(content).get_content_type() == "message/rfc822"
    boundary = by_email(content).get_boundary()
    assert boundary is not None
    body = content.split(b"message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", 1)[1]
    assert body == mail + f"\r\n--{boundary}--\r\n".encode()


def test_the_header_is_returned_without_the_text() -> None:
    for mail in (MAIL, HEADER, HEADER + b"\r\n", MAIL.replace(b"\r\n", b"\n")):
        content, _ = written(original=mail)
        part = returned_part(content)
        assert part.get_content_type() == "text/rfc822-headers"
        returned = part.get_payload(decode=True)
        assert isinstance(returned, bytes)
        assert returned.replace(b"\r\n", b"\n").strip() == HEADER.replace(b"\r\n", b"\n").strip()
        assert b"free" not in content


def test_a_message_without_a_header_is_reported_too() -> None:
    content, _ = written(original=b"\r\nno header\r\n")
    assert by_email(content)["Subject"] == "Undeliverable:"
    assert b"no header" not in content
    assert by_reader(content).failures[0].recipient == "anna@far.example"


def test_no_boundary_that_stands_in_the_message_ends_a_part() -> None:
    report = replace(REPORT, returned=Returned.FULL)
    boundary = by_email(written(report=report)[0]).get_boundary()
    assert boundary is not None
    mail = MAIL + f"--{boundary}--\r\nContent-Type: text/plain\r\n\r\nforged\r\n".encode()
    content, _ = written(report=report, original=mail)
    again = by_email(content).get_boundary()
    assert again is not None
    assert again.rpartition("_")[2] == "1"
    assert content.count(again.encode()) == 5  # the header and four delimiters


def test_encodings_say_what_the_parts_hold() -> None:
    def encodings(content: bytes) -> list[str]:
        message = by_email(content)
        parts = [message, *message.iter_parts()]
        return [str(part["Content-Transfer-Encoding"]) for part in parts]

    assert encodings(written()[0]) == ["7bit"] * 4
    eight_bit = MAIL + b"\xe9"
    assert encodings(written(original=eight_bit)[0]) == ["7bit"] * 4, "its text is not returned"
    full = replace(REPORT, returned=Returned.FULL)
    assert encodings(written(report=full, original=eight_bit)[0]) == [
        "8bit", "7bit", "7bit", "8bit",
    ]  # fmt: skip
    utf_8 = FailedRecipient("jö@x.example".encode().decode("latin-1"))
    assert encodings(written([utf_8])[0]) == ["8bit", "8bit", "7bit", "7bit"]


# --- subjects


def subject_of(subject: bytes) -> tuple[str, EmailMessage]:
    mail = b"Subject: " + subject + b"\r\n" + HEADER.replace(b"Subject: Berth 5\r\n", b"") + b"\r\n"
    content, _ = written(original=mail)
    own = content[: content.index(b"text/rfc822-headers")]  # what is returned keeps its lines
    assert max(map(len, own.split(b"\r\n"))) <= 998
    message = by_email(content)
    assert list(message.keys()) == FIELDS
    return str(message["Subject"]), message


def test_an_8_bit_subject_is_encoded_and_an_encoded_one_kept() -> None:
    assert subject_of("Café à la carte".encode())[0] == "Undeliverable: Café à la carte"
    assert subject_of(b"=?iso-8859-1?Q?Caf=E9?= =?utf-8?Q?_bar?= x")[0] == (
        "Undeliverable: Café bar x"
    )
    assert subject_of("=?utf-8?Q?Caf=C3=A9?= à =?utf-8?Q?la?=".encode())[0] == (
        "Undeliverable: Café à la"
    )
    assert encoded_text("caf\xe9") == "=?unknown-8bit?B?Y2Fm6Q==?="


def test_a_folded_subject_is_one_line_of_text() -> None:
    subject, message = subject_of(b"Berth 5\r\n Bcc: eve@x.example\r\n\tfree")
    assert subject == "Undeliverable: Berth 5 Bcc: eve@x.example free"
    assert message["Bcc"] is None


def test_an_endless_subject_is_cut_and_one_word_of_it_split() -> None:
    assert subject_of(b"berth " * 5000)[0].endswith("berth ...")
    assert subject_of(b"x" * 1500)[0] == "Undeliverable: " + "x" * 1500


def test_what_a_reader_sees_of_a_subject() -> None:
    assert decoded_text("=?utf-8?B?w7Y=?= =?utf-8?B?w7Y=?= b  c") == "öö b c"
    assert decoded_text("=?x-none?B?w7Y=?= a =?utf-8?Q?=E2=80=AEb?=") == (
        "=?x-none?B?w7Y=?= a \\x{202E}b"
    )
    assert decoded_text("a\0b\xe9") == "a b\\xE9"


RAW = st.lists(
    st.sampled_from(
        ["\r\n ", "\r\n\t", "=?utf-8?Q?x?=", "=?", "?=", " ", "\t", "\x1b$B", "\xe9", "\xc3\xa9"]
    )
    | st.text(st.characters(max_codepoint=0xFF, exclude_characters="\r\n"), max_size=90)
).map("".join)


@given(RAW)
@example("=?utf-8?B?")
@example("\xa0 \xa0")
def test_no_subject_makes_another_field(raw: str) -> None:
    subject, message = subject_of(b"s" + raw.encode("latin-1"))
    assert subject.startswith("Undeliverable:")
    assert message["To"].addresses[0].addr_spec == "berths@coho.example"


@given(st.text(st.characters(max_codepoint=0xFF), max_size=60))
@example("a@b\r\nBcc: c@d")
@example('"a b"@c')
@example("a@b>")
def test_no_originator_makes_another_field_or_another_addressee(originator: str) -> None:
    try:
        content, _ = written(report=replace(REPORT, originator=originator))
    except NdrRefusedError:
        assert report_problem(originator) or originator.strip() in {"", "<>"}
        return
    message = by_email_of_any_address(content)
    assert list(message.keys()) == FIELDS
    addressed = [one.addr_spec for one in message["To"].addresses]
    assert len(addressed) <= 1


def by_email_of_any_address(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


ADDRESSES = st.text(st.characters(max_codepoint=0xFF), min_size=1, max_size=60)
REASONS = st.sampled_from(["", "Unknown Recipient", "550 5.1.1 no", "452 later"]) | st.text(
    max_size=90
)


@given(st.lists(st.tuples(ADDRESSES, REASONS), min_size=1, max_size=20))
@example([("a@b", "x\r\n\r\nFinal-Recipient: rfc822;eve@x.example")])
@example([("a@b", "550 x\r\nFinal-Recipient: rfc822;eve@x.example")])
@example([("\xc2\xad@b", "550 \ud800")])
def test_every_recipient_is_named_once_in_order_and_nobody_else(
    listed: list[tuple[str, str]],
) -> None:
    named = [FailedRecipient(*one) for one in listed if report_problem(one[0]) is None]
    if not named:
        return
    content, told = written(named)
    assert list(by_email(content).keys()) == FIELDS
    spaced = [" ".join(one.split()) for one in reported(content)]
    assert spaced == [" ".join(typed_address(one.address).split()) for one in named]
    assert told.recipients == len(named)
    for group in groups(content)[1:]:
        assert set(group) <= {"Final-Recipient", "Action", "Status", "Diagnostic-Code"}


@given(
    st.lists(
        st.from_regex(r"[a-z0-9!#$%&*+/=?^_{|}~.-]{1,30}@[a-z0-9.-]{1,30}", fullmatch=True),
        min_size=1,
        max_size=20,
    ),
    REASONS,
)
def test_the_reader_finds_the_same_recipients(addresses: list[str], reason: str) -> None:
    content, _ = written([FailedRecipient(one, reason) for one in addresses])
    assert [one.recipient for one in by_reader(content).failures] == addresses


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=300))
def test_a_field_is_folded_where_it_has_blanks_and_reads_the_same(value: str) -> None:
    field = header_field("X", value)
    assert field.endswith(b"\r\n")
    lines = field[:-2].split(b"\r\n")
    assert all(line.strip() for line in lines)
    assert all(line.startswith(b" ") for line in lines[1:])
    assert all(len(line) <= 76 or line.count(b" ") == 1 for line in lines)
    unfolded = field.replace(b"\r\n", b"").decode()[2:]
    assert unfolded.split() == value.split()


def test_a_field_of_anything_else_is_an_error() -> None:
    for value in ("a\r\nb", "a\tb", "é", "x" * 1000, "a\x7f"):
        with pytest.raises(ValueError, match="the field X"):
            header_field("X", value)


# --- several reports


@pytest.mark.parametrize(
    ("recipients", "limit", "count"),
    [(0, 5, 0), (1, 5, 1), (5, 5, 1), (6, 5, 2), (32_766, 32_766, 1), (32_767, 32_766, 2),
     (65_532, 32_766, 2), (65_533, 32_766, 3), (1_000_000, 32_766, 31)],
)  # fmt: skip
def test_the_fewest_reports(recipients: int, limit: int, count: int) -> None:
    assert report_count(recipients, limit) == count
    failed = (FailedRecipient(f"{number}@x.example") for number in range(min(recipients, 70_000)))
    sizes = [sum(1 for _ in batch) for batch in in_reports(failed, limit)]
    assert sum(sizes) == min(recipients, 70_000)
    assert sizes == [limit] * (len(sizes) - 1) + sizes[-1:]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_report_of_nobody_is_no_limit(limit: int) -> None:
    with pytest.raises(ValueError, match="one recipient at least"):
        report_count(5, limit)
    with pytest.raises(ValueError, match="one recipient at least"):
        next(in_reports([ANNA], limit))


def test_recipients_that_are_passed_over_are_no_secret() -> None:
    batches = in_reports([ANNA, BEN, ANNA], 2)
    assert next(next(batches)) is ANNA
    with pytest.raises(ValueError, match="would be lost"):
        next(batches)


@pytest.mark.slow
def test_one_more_than_the_limit_makes_two_reports_that_name_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    addresses = [f"user{number}@far.example" for number in range(RECIPIENT_LIMIT + 1)]
    total = report_count(len(addresses), RECIPIENT_LIMIT)
    assert total == 2
    monkeypatch.setattr(delivery_report, "TEXT_LIMIT", 32 << 20)
    by_status: list[str] = []
    read_back: list[str] = []
    batches = in_reports(map(FailedRecipient, addresses), RECIPIENT_LIMIT)
    for number, batch in enumerate(batches, 1):
        content, told = written(batch, replace(REPORT, number=number, total=total))
        assert told.recipients <= RECIPIENT_LIMIT
        by_status += [one.removeprefix("rfc822;") for one in reported(content)]
        read_back += [one.recipient for one in by_reader(content).failures]
    assert by_status == read_back == addresses


class Sink(io.RawIOBase):
    """Counts what is written and keeps nothing."""

    size = 0

    def write(self, block: object) -> int:
        self.size += len(block)  # type: ignore[arg-type]
        return len(block)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_great_message_and_many_recipients_take_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ndr, "_IN_MEMORY", 1 << 20)
    from imctool.readers.file_buffer import file_buffer

    path = tmp_path / "great"
    with path.open("wb") as stream:
        stream.write(MAIL)
        for _ in range(60):
            stream.write(b"Is it free?\xe9\r\n" * (1 << 20 >> 4))
    failed = (FailedRecipient(f"user{number}@far.example") for number in range(RECIPIENT_LIMIT))
    sink = Sink()
    tracemalloc.start()
    with file_buffer(path) as buffer:
        report = replace(REPORT, returned=Returned.FULL)
        write_ndr(sink, report, failed, buffer, 0)  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sink.size > path.stat().st_size + RECIPIENT_LIMIT * 200
    assert peak < 12 << 20


# --- the service's own reports


@pytest.mark.parametrize("number", ["01", "02", "03", "05"])
def test_a_report_has_the_shape_of_a_real_one(samples: Path, number: str) -> None:
    real = by_reader((samples / f"ndr/lhost-exchange2003-{number}.eml").read_bytes())
    failed = [FailedRecipient(one.recipient, one.text) for one in real.failures]
    report = replace(
        REPORT,
        organization=real.organization,
        site=real.site,
        server_name=real.server,
        mts_id=real.mts_id,
    )
    mail = f"Subject: {real.subject}\r\nDate: {real.sent_text}\r\n\r\n".encode()
    ours = by_reader(written(failed, report, mail)[0])

    def told(report: DeliveryReport) -> list[object]:
        codes = [(one.recipient, one.status, one.code, one.text) for one in report.failures]
        return [
            report.kind, report.program, report.organization, report.site, report.server,
            report.subject, report.sent_text, report.mts_id, codes,
        ]  # fmt: skip

    assert told(ours) == told(real)
