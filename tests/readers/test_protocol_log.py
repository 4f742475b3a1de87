"""The SMTP protocol log: sessions, their outcome, and the message text of Maximum level."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from imctool.model.direction import Direction
from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind
from imctool.model.smtp import Banner, LogSpan, Outcome, Transaction
from imctool.readers.local_time import DateOrder
from imctool.readers.protocol_log import (
    iterate_transactions,
    other_service,
    parse_protocol_log,
    read_protocol_log,
    sniff_protocol_log,
)
from imctool.readers.smtp_dialogue import parse_path
from imctool.readers.smtp_transaction import KEPT_ADDRESSES

STAMP = "5/13/00 2:36:28 PM : "


class Parsed:
    """What a log gave, sorted by type."""

    def __init__(self, log: str | bytes, **options: DateOrder) -> None:
        data = log.encode("latin-1") if isinstance(log, str) else log
        self.found = list(parse_protocol_log(BytesIO(data), "L0000000.LOG", **options))
        self.transactions = [one for one in self.found if isinstance(one, Transaction)]
        self.banners = [one for one in self.found if isinstance(one, Banner)]
        self.defects = [one for one in self.found if isinstance(one, Defect)]
        self.span = self.found[-1]
        assert isinstance(self.span, LogSpan)

    @property
    def only(self) -> Transaction:
        (transaction,) = self.transactions
        return transaction


def stamped(*texts: str, stamp: str = STAMP) -> str:
    return "".join(f"{stamp}{text}\r\n" for text in texts)


def texts_of(log: str | bytes, **options: int) -> list[bytes | None]:
    data = log.encode("latin-1") if isinstance(log, str) else log
    return [text for _, text in iterate_transactions(BytesIO(data), "L0000000.LOG", **options)]


OPENING = stamped(
    "A connection was accepted from mail.test.example.",
    "<<< HELO mail.test.example",
    ">>> 250 OK",
)
ENVELOPE = stamped(
    "<<< MAIL FROM:<ann@test.example>",
    ">>> 250 OK - mail from <ann@test.example>",
    "<<< RCPT TO:<bob@home.example>",
    ">>> 250 OK - Recipient <bob@home.example>",
    "<<< DATA",
    ">>> 354 Send data.  End with CRLF.CRLF",
)
CLOSING = stamped(">>> 250 OK", "<<< QUIT", ">>> 221 closing connection")


# The samples of the articles


def test_a_medium_level_session_refused_after_data() -> None:
    """Q262945: continuation lines without a timestamp, blank lines after replies."""
    log = (
        "5/13/00 2:36:27 PM : A connection was accepted from SERVER1.\r\n"
        "5/13/00 2:36:27 PM : <<< EHLO server1.COMPANY1.COM\r\n"
        "5/13/00 2:36:27 PM : >>> 250-server2.COMPANY2.COM Hello [server2]\r\n"
        "250-XEXCH50\r\n250-HELP\r\n250-ETRN\r\n250-DSN\r\n250-SIZE 0\r\n250-AUTH LOGIN\r\n"
        "250 AUTH=LOGIN\r\n\r\n"
        "5/13/00 2:36:28 PM : <<< AUTH NTLM TlRMTVNTUAABAAAA\r\n"
        "5/13/00 2:36:28 PM : >>> 334 TlRMTVNTUAACAAAA\r\n\r\n"
        "5/13/00 2:36:28 PM : <<< TlRMTVNTUAADAAAA\r\n"
        "5/13/00 2:36:28 PM : >>> 235 ntlm authentication successful\r\n\r\n"
        "5/13/00 2:36:28 PM : <<< MAIL FROM:<JohnD@COMPANY1.com> SIZE=1460 RET=FULL\r\n"
        "5/13/00 2:36:28 PM : >>> 250 OK - mail from <JohnD@COMPANY1.com>; can accomodate"
        " 1460 bytes\r\n\r\n"
        "5/13/00 2:36:28 PM : <<< RCPT TO:<janed@company2.com> NOTIFY=FAILURE,DELAY\r\n"
        "5/13/00 2:36:28 PM : >>> 250 OK - Recipient <janed@company2.com>\r\n\r\n"
        "5/13/00 2:36:28 PM : <<< DATA\r\n"
        "5/13/00 2:36:28 PM : >>> 354 Send data.  End with CRLF.CRLF\r\n\r\n"
        "5/13/00 2:36:28 PM : >>> 554 Mailbox is not local: JohnD@COMPANY1.com\r\n\r\n"
        "5/13/00 2:36:28 PM : <<< QUIT\r\n"
        "5/13/00 2:36:29 PM : >>> 221 closing connection\r\n"
    )
    parsed = Parsed(log)
    one = parsed.only
    assert (one.direction, one.outcome, one.peer) == (
        Direction.INBOUND,
        Outcome.REFUSED,
        "SERVER1",
    )
    assert (one.originator, one.accepted) == ("JohnD@COMPANY1.com", ("janed@company2.com",))
    assert one.started == one.ended == datetime(2000, 5, 13, 14, 36, 28)
    assert one.location.line == 18
    assert one.reply is not None
    assert (one.reply.code, one.reply.location.line) == (554, 27)
    assert (one.skeleton, one.text_size) == (None, None)
    assert not parsed.defects
    assert parsed.span == LogSpan(
        parsed.span.location,
        datetime(2000, 5, 13, 14, 36, 27),
        datetime(2000, 5, 13, 14, 36, 29),
        16,
        "medium",
    )


def test_a_session_cut_after_data_is_incomplete() -> None:
    """Q295725: the next session follows in the same file."""
    log = (
        "2/7/01 5:01:20 PM : A connection was accepted from mail.domain1.com\r\n"
        "2/7/01 5:01:21 PM : <<< HELO mail.domain1.com\r\n"
        "2/7/01 5:01:21 PM : >>> 250 OK\r\n"
        "2/7/01 5:01:21 PM : <<< MAIL From:<user@domain1.com>\r\n"
        "2/7/01 5:01:21 PM : >>> 250 OK - mail from <user@domain1.com>\r\n"
        "2/7/01 5:01:22 PM : <<< RCPT To:<user@domain2.com>\r\n"
        "2/7/01 5:01:22 PM : >>> 250 OK - Recipient <user@domain2.com>\r\n"
        "2/7/01 5:01:23 PM : <<< DATA\r\n"
        "2/7/01 5:01:23 PM : >>> 354 Send data. End with CRLF.CRLF\r\n"
        "2/7/01 5:05:44 PM : A connection was accepted from mail.domain3.com\r\n"
    )
    one = Parsed(log).only
    assert (one.outcome, one.reply, one.peer) == (Outcome.INCOMPLETE, None, "mail.domain1.com")
    assert one.ended == datetime(2001, 2, 7, 17, 1, 23)


def test_packets_are_not_counted_twice_and_a_cut_session_is_torn() -> None:
    """The Maximum-level sample: packet and parsed line, blanks collapsed in the second."""
    log = stamped(
        "A connection was accepted from pop3.test.com.",
        "<<< IO: |HELO pop3.test.com",
        "<<< HELO pop3.test.com",
        ">>> 250 OK",
        "<<< IO: |MAIL  From:<richie@test.com>",
        "<<< MAIL From:<richie@test.com>",
        ">>> 250 OK - mail from <richie@test.com>",
        "<<< IO: |RCPT To:<chris@play.com>",
        "<<< RCPT To:<chris@play.com>",
        ">>> 250 OK - Recipient <chris@play.com>",
        "<<< IO: |DATA",
        stamp="4/2/01 11:44:31 AM : ",
    )
    parsed = Parsed(log)
    one = parsed.only
    assert (one.originator, one.accepted, one.accepted_count) == (
        "richie@test.com",
        ("chris@play.com",),
        1,
    )
    assert one.outcome is Outcome.INCOMPLETE
    assert (parsed.span.detail, parsed.span.torn) == ("maximum", True)


def test_an_outbound_log_without_timestamps() -> None:
    """Q245787, where the author took the times off and a line was wrapped."""
    log = (
        "A connection to 10.1.1.25 was established.\n"
        "<<< IO: |220 firewall.expedia.com Generic SMTP handler\n"
        "<<< 220 firewall.expedia.com Generic SMTP handler\n"
        ">>> EHLO ExchangeSending.microsoft.com\n"
        "<<< IO: |500 Command unrecognized\n"
        "<<< 500 Command unrecognized\n"
        ">>> HELO ExchangeSending.microsoft.com\n"
        "<<< IO: |250 firewall.expedia.com talking to\n"
        "mailhost.expedia.com [157.5.1.4])\n"
        "<<< 250 firewall.expedia.com talking to mailhost.expedia.com ([157.5.1.4])\n"
        ">>> MAIL FROM: <bob@microsoft.com>\n"
        "<<< IO: |250 <bob@microsoft.com>: Sender Ok\n"
        "<<< 250 <bob@microsoft.com>: Sender Ok\n"
        ">>> RCPT TO:<vincent@expedia.com>\n"
        "<<< IO: |550 Domain invalid\n"
        "<<< 550 Domain invalid\n"
        ">>> QUIT\n"
        "<<< IO: |221 firewall.microsoft.com closing connection. Goodbye!\n"
    )
    parsed = Parsed(log)
    one = parsed.only
    assert (one.direction, one.outcome, one.peer) == (
        Direction.OUTBOUND,
        Outcome.REFUSED,
        "10.1.1.25",
    )
    assert one.originator == "bob@microsoft.com"
    assert [(name, reply.code) for name, reply in one.refused] == [("vincent@expedia.com", 550)]
    assert one.refused_count == 1
    assert (one.started, parsed.span.first) == (None, None)
    assert not parsed.banners
    assert not parsed.span.torn


@pytest.mark.parametrize("indent", ["", "   "])
def test_an_outbound_log_whose_arrows_were_lost(indent: str) -> None:
    """Q228725: the connection drops; the service's own 499 names the subject."""
    lines = (
        "A connection to 10..1.1.1 was established.",
        "IO: |220 r40.domain.com InterLock SMTP Gateway 3.0 ready at Mon, 5 Apr 1999 10:22:41",
        "EHLO xxmims2.srv.dom.com",
        "IO: |250-Hello xxmims2.srv.dom.com, pleased to meet you",
        "MAIL FROM:bob@dom.com",
        "IO: |250 bob@dom.com... Sender ok",
        "RCPT TO:sam@tool.com",
        "IO: |250 sam@tool.com... Recipient ok",
        "DATA",
        'IO: |354 Enter mail, end with "." on a line by itself',
        '354 Enter mail, end with "." on a line by itself',
        "499 No routing hosts are reachable for tool.com."
        ' Message subject: ""Case 27375"". Rescheduling delivery for later.',
    )
    one = Parsed(stamped(*lines, stamp=indent + "4/5/99 10:22:41 AM : ")).only
    assert (one.direction, one.outcome, one.peer) == (
        Direction.OUTBOUND,
        Outcome.DEFERRED,
        "10..1.1.1",
    )
    assert (one.originator, one.accepted, one.subject) == (
        "bob@dom.com",
        ("sam@tool.com",),
        "Case 27375",
    )
    assert one.reply is not None
    assert (one.reply.code, one.reply.text) == (
        499,
        "No routing hosts are reachable for tool.com.",
    )


def test_a_499_alone_is_a_deferred_message() -> None:
    """Q239816, the subject that crashed the service."""
    log = (
        "7/5/99 9:31:55 PM : 499 No routing hosts are reachable for test.com. Message subject:"
        ' ""RE:33%s5%s99"". Rescheduling delivery for later.\r\n'
    )
    one = Parsed(log).only
    assert (one.outcome, one.originator, one.subject) == (
        Outcome.DEFERRED,
        None,
        "RE:33%s5%s99",
    )


def test_a_4xx_reply_and_its_rescheduling_are_one_transaction() -> None:
    """Q198981 and Q146669."""
    log = stamped(
        "A connection to 10.0.0.1 was established.",
        "<<< 220 host ready",
        ">>> MAIL FROM:<name@domain.com>",
        "<<< 451 <name@domain.com>... Sender domain must resolve",
        "451 <name@domain.com>... Sender domain must resolve Message subject: Plans."
        "  Rescheduling delivery for later.",
        ">>> QUIT",
        "<<< 221 bye",
    )
    one = Parsed(log).only
    assert (one.outcome, one.subject) == (Outcome.DEFERRED, "Plans")


# Outcomes


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("250 OK", Outcome.ACCEPTED),
        ("251 taken", Outcome.ACCEPTED),
        ("554 no", Outcome.REFUSED),
        ("451 later", Outcome.DEFERRED),
        ("421 Internal Error. Connection Closing.", Outcome.DEFERRED),
    ],
)
def test_the_reply_after_the_text_decides(reply: str, outcome: Outcome) -> None:
    one = Parsed(OPENING + ENVELOPE + stamped(f">>> {reply}")).only
    assert one.outcome is outcome
    assert one.reply is not None
    assert one.reply.code == int(reply[:3])


def test_nothing_is_accepted_without_a_354() -> None:
    log = OPENING + ENVELOPE.replace("354", "250") + CLOSING
    assert Parsed(log).only.outcome is Outcome.INCOMPLETE


def test_a_421_in_the_middle_defers() -> None:
    log = OPENING + stamped("<<< MAIL FROM:<a@b>", ">>> 421 Internal Error. Connection Closing.")
    parsed = Parsed(log)
    assert parsed.only.outcome is Outcome.DEFERRED
    assert not parsed.span.torn


@pytest.mark.parametrize(
    ("codes", "outcome"),
    [
        ((550, 550), Outcome.REFUSED),
        ((451, 452), Outcome.DEFERRED),
        ((550, 451), Outcome.REFUSED),
        ((550, 250), Outcome.INCOMPLETE),
    ],
)
def test_recipients_decide_where_no_data_was_sent(codes: Sequence[int], outcome: Outcome) -> None:
    log = OPENING + stamped("<<< MAIL FROM:<>", ">>> 250 OK")
    for number, code in enumerate(codes):
        log += stamped(f"<<< RCPT TO:<u{number}@x>", f">>> {code} text")
    one = Parsed(log + stamped("<<< QUIT", ">>> 221 closing connection")).only
    assert one.outcome is outcome
    assert one.originator == ""
    assert (one.accepted_count, one.refused_count) == (
        sum(code == 250 for code in codes),
        sum(code != 250 for code in codes),
    )


def test_a_refused_mail_is_a_refused_transaction() -> None:
    one = Parsed(OPENING + stamped("<<< MAIL FROM:<a@b>", ">>> 521 b access denied")).only
    assert (one.outcome, one.reply and one.reply.code) == (Outcome.REFUSED, 521)


def test_recipients_over_the_limit_are_counted() -> None:
    """Q272672: the hotfix answers 452 beyond 32,766 recipients."""
    log = OPENING + stamped("<<< MAIL FROM:<a@b>", ">>> 250 OK - mail from <a@b>")
    log += stamped("<<< RCPT TO:<one@x>", ">>> 250 OK - Recipient <one@x>")
    over = ">>> 452 Requested action not taken: Exceed Recipient Limit"
    log += stamped("<<< RCPT TO:<two@x>", over, "<<< RCPT TO:<three@x>", over)
    log += stamped("<<< RCPT TO:<four@x>", ">>> 452 Insufficient storage")
    log += stamped("<<< DATA", ">>> 354 Send data.  End with CRLF.CRLF") + CLOSING
    one = Parsed(log).only
    assert (one.outcome, one.accepted_count) == (Outcome.ACCEPTED, 1)
    assert (one.refused_count, one.over_limit_count) == (3, 2)


def test_several_transactions_of_a_session_are_told_apart() -> None:
    second = ENVELOPE.replace("ann@", "eve@")
    log = OPENING + ENVELOPE + stamped(">>> 250 OK") + second + stamped(">>> 554 no")
    log += stamped("<<< RSET", ">>> 250 OK") + ENVELOPE.replace("ann@", "joe@") + CLOSING
    found = Parsed(log).transactions
    assert [(one.originator, str(one.outcome)) for one in found] == [
        ("ann@test.example", "accepted"),
        ("eve@test.example", "refused"),
        ("joe@test.example", "accepted"),
    ]


def test_rset_abandons_a_transaction() -> None:
    log = OPENING + stamped("<<< MAIL FROM:<a@b>", ">>> 250 OK", "<<< RSET", ">>> 250 OK")
    assert Parsed(log + ENVELOPE + CLOSING).transactions[0].outcome is Outcome.INCOMPLETE


def test_pipelined_commands_are_matched_in_order() -> None:
    log = OPENING + stamped(
        "<<< MAIL FROM:<a@b>",
        "<<< RCPT TO:<one@x>",
        "<<< RCPT TO:<two@x>",
        "<<< RCPT TO:<three@x>",
        "<<< DATA",
        ">>> 250 fine",
        ">>> 250 fine",
        ">>> 550 no such user",
        ">>> 250 fine",
        ">>> 354 go",
    )
    one = Parsed(log + CLOSING).only
    assert one.accepted == ("one@x", "three@x")
    assert [name for name, _ in one.refused] == ["two@x"]
    assert one.outcome is Outcome.ACCEPTED


def test_a_lost_reply_does_not_shift_the_others() -> None:
    lost = stamped(">>> 250 OK - mail from <ann@test.example>")
    one = Parsed(OPENING + ENVELOPE.replace(lost, "") + CLOSING).only
    assert (one.outcome, one.accepted_count) == (Outcome.ACCEPTED, 1)


def test_the_binary_blob_of_xexch50_is_no_dialogue() -> None:
    log = OPENING + stamped(
        "<<< MAIL FROM:<a@b>",
        ">>> 250 OK - mail from <a@b>",
        "<<< XEXCH50 9 2",
        ">>> 354 Send binary data",
        "<<< IO: |\1\2\3 binary",
        "<<< \1\2\3 binary",
        ">>> 250 XEXCH50 OK",
        "<<< RCPT TO:<one@x>",
        ">>> 550 no",
    )
    parsed = Parsed(log)
    assert parsed.only.refused_count == 1
    assert not parsed.defects


def test_an_outbound_session_swaps_the_arrows() -> None:
    log = stamped(
        "A connection to 192.0.2.7 was established.",
        "<<< 220-peer says",
        "<<< 220 hello",
        ">>> EHLO us",
        "<<< IO: |250-peer\r\n250 SIZE\r\n",
        ">>> MAIL FROM:<a@b> SIZE=10",
        "<<< 250 ok",
        ">>> RCPT TO:<one@x>",
        "<<< 250 ok",
        ">>> DATA",
        "<<< 354 go",
        "<<< 250 queued as 1",
        ">>> QUIT",
        "<<< 221 bye",
    )
    one = Parsed(log).only
    assert (one.direction, one.outcome, one.peer) == (
        Direction.OUTBOUND,
        Outcome.ACCEPTED,
        "192.0.2.7",
    )
    assert (one.originator, one.accepted, one.text_size) == ("a@b", ("one@x",), None)


def test_a_log_that_begins_within_a_session_is_read() -> None:
    found = Parsed(ENVELOPE + CLOSING).only
    assert (found.peer, found.direction, found.outcome) == (
        "",
        Direction.INBOUND,
        Outcome.ACCEPTED,
    )


def test_recipients_without_their_mail_are_kept() -> None:
    one = Parsed(stamped("<<< RCPT TO:<a@x>", ">>> 250 OK - Recipient <a@x>")).only
    assert (one.originator, one.accepted) == (None, ("a@x",))


@pytest.mark.parametrize(
    ("argument", "address"),
    [
        (b"<a@b.example> SIZE=10 RET=FULL", "a@b.example"),
        (b" <a@b.example>", "a@b.example"),
        (b"a@b.example SIZE=10", "a@b.example"),
        (b"<>", ""),
        (b"", ""),
        (b"<@one,@two:a@b>", "a@b"),
        (b'<"a> b"@c> NOTIFY=NEVER', '"a> b"@c'),
        (b"<unclosed@b", "unclosed@b"),
    ],
)
def test_paths_lose_brackets_route_and_parameters(argument: bytes, address: str) -> None:
    assert parse_path(argument) == address


# Builds, spans, times


@pytest.mark.parametrize(
    ("greeting", "version"),
    [
        ("220 a.b ESMTP Server (Microsoft Exchange Internet Mail Service 5.5.2232.0) Ready.",
         "5.5.2232.0"),
        ("220 a.b Microsoft Exchange Internet Mail Service 5.0.1458.49 ready", "5.0.1458.49"),
        ("220 a.b SMTP Server (Microsoft Exchange Internet Mail Connector <4.0.994.63>) ready",
         "4.0.994.63"),
    ],
)  # fmt: skip
def test_the_greeting_names_the_build(greeting: str, version: str) -> None:
    session = stamped("A connection was accepted from a.", f">>> {greeting}") + ENVELOPE + CLOSING
    parsed = Parsed(session + session)
    assert [one.version for one in parsed.banners] == [version]
    assert parsed.banners[0].location.line == 2
    assert [one.outcome for one in parsed.transactions] == [Outcome.ACCEPTED] * 2


def test_a_peers_greeting_is_not_our_build() -> None:
    greeting = "<<< 220 x (Microsoft Exchange Internet Mail Service 5.5.2232.0) Ready."
    assert not Parsed(stamped("A connection to x was established.", greeting)).banners


def test_connection_lines_alone_are_minimum_level() -> None:
    parsed = Parsed(
        stamped("A connection was accepted from a.", "A connection to b was established.")
    )
    assert (parsed.span.detail, parsed.span.records, parsed.span.torn) == ("minimum", 2, False)


@pytest.mark.parametrize(
    ("order", "dates", "expected"),
    [
        (None, ("31.12.96 23:59:59", "1.1.97 0:00:01"), datetime(1997, 1, 1, 0, 0, 1)),
        (None, ("12/31/96 11:59:59 PM", "1/2/97 12:00:01 AM"), datetime(1997, 1, 2, 0, 0, 1)),
        (None, ("1996-12-31 23:59:59", "1997-01-02 0:00:01"), datetime(1997, 1, 2, 0, 0, 1)),
        (DateOrder.DMY, ("1/2/97 8:00:00", "1/2/97 9:00:00"), datetime(1997, 2, 1, 9, 0, 0)),
    ],
)
def test_dates_are_read_in_the_order_of_the_whole_file(
    order: DateOrder | None, dates: tuple[str, str], expected: datetime
) -> None:
    log = "".join(f"{date} : A connection was accepted from x.\r\n" for date in dates)
    options = {"date_order": order} if order else {}
    assert Parsed(log, **options).span.last == expected


def test_one_impossible_date_does_not_turn_the_others() -> None:
    log = "".join(
        f"{date} 8:00:00 : A connection was accepted from x.\r\n"
        for date in ("13/2/97", "99/99/97", "99/99/97", "14/2/97")
    )
    parsed = Parsed(log)
    assert parsed.span.last == datetime(1997, 2, 14, 8)
    assert [(one.location.line, one.reason) for one in parsed.defects] == [
        (2, "impossible date or time: 99/99/97 8:00:00")
    ]


def test_a_log_saved_as_utf16_is_read() -> None:
    log = (OPENING + ENVELOPE + CLOSING).encode("utf-16")
    assert Parsed(log).only.outcome is Outcome.ACCEPTED


def test_what_stands_before_the_first_entry_is_a_defect() -> None:
    parsed = Parsed("rubbish\r\nrubbish\r\n" + OPENING)
    assert [one.location.line for one in parsed.defects] == [1]
    assert not Parsed("Microsoft Exchange SMTP Protocol Log\r\n" + OPENING).defects


def test_an_arrow_before_the_first_timestamp_is_no_entry_of_a_log_without_them() -> None:
    assert Parsed(">>> quoted\r\n" + OPENING + ENVELOPE + CLOSING).only.started is not None


def test_a_354_logged_twice_is_one_reply() -> None:
    doubled = stamped(">>> 354 Send data.  End with CRLF.CRLF")
    assert Parsed(OPENING + ENVELOPE + doubled + CLOSING).only.outcome is Outcome.ACCEPTED


def test_binary_junk_is_one_defect_a_stretch() -> None:
    log = OPENING.encode() + b"\0" * 200_000 + b"\r\n\1\2\3\r\n" + (ENVELOPE + CLOSING).encode()
    parsed = Parsed(log + b"\0" * 100_000)
    assert [one.location.line for one in parsed.defects] == [4, 15]
    assert parsed.only.outcome is Outcome.ACCEPTED


def test_entries_after_nul_bytes_are_read() -> None:
    log = OPENING.encode() + b"\0" * 200_000 + (ENVELOPE + CLOSING).encode()
    assert Parsed(log).only.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("data", [b"", b"nothing\r\n", b"\0\0\0"])
def test_a_file_without_an_entry_says_so(data: bytes) -> None:
    parsed = Parsed(data)
    assert parsed.defects
    assert (parsed.span.records, parsed.span.detail) == (0, "")


def test_a_file_that_ends_within_a_line_is_torn() -> None:
    assert Parsed((OPENING + ENVELOPE + CLOSING)[:-2]).span.torn
    assert not Parsed(OPENING + ENVELOPE + CLOSING).span.torn


def test_a_file_that_cannot_be_opened_is_a_defect(tmp_path: Path) -> None:
    file = EvidenceFile(tmp_path / "no", "no", 0, InputKind.PROTOCOL_LOG, Form.PROTOCOL_LOG)
    (found,) = read_protocol_log(file)
    assert isinstance(found, Defect)


def test_a_file_is_read_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "L0000000.LOG"
    path.write_text(OPENING + ENVELOPE + CLOSING, encoding="latin-1", newline="")
    file = EvidenceFile(path, "Log/L.LOG", 1, InputKind.PROTOCOL_LOG, Form.PROTOCOL_LOG)
    transaction, span = read_protocol_log(file)
    assert str(transaction.location) == "Log/L.LOG:4"
    assert isinstance(span, LogSpan)


def test_the_head_of_a_file_tells_the_log() -> None:
    assert sniff_protocol_log(OPENING)
    assert sniff_protocol_log("junk\r\n31.12.96 23:59:59 : <<< IO: |HELO x\r\n")
    assert sniff_protocol_log("A connection to 10.1.1.25 was established.\n<<< 220 x\n")
    assert not sniff_protocol_log(">>> 1 + 1\n2\n")
    assert not sniff_protocol_log("5/13/00\t2:36:27 PM\tMSExchangeIMC\tError\n")


@pytest.mark.parametrize(
    ("head", "service"),
    [
        ("POP3 Protocol Log\r\n5/13/00 2:36:27 PM : x\r\n", "POP3"),
        ("Microsoft Exchange IMAP4 5/13/00 2:36:27 PM\r\n", "IMAP4"),
        ("NNTP log, 31.12.96 23:59:59\r\n", "NNTP"),
        (stamped("A connection was accepted from pop3.test.com."), None),
        ("pop3 is mentioned in a letter\r\n", None),
        ("Microsoft Exchange SMTP log\r\n" + OPENING, None),
    ],
)
def test_logs_of_other_services_are_known_by_their_first_line(
    head: str, service: str | None
) -> None:
    assert other_service(head) == service


# Message text


def as_packets(wire: bytes, sizes: Sequence[int]) -> bytes:
    """Form (a): packets with their own line ends, and the logger's line end after each."""
    log, position, turn = b"", 0, 0
    while position < len(wire):
        size = sizes[turn % len(sizes)]
        log += STAMP.encode() + b"<<< IO: |" + wire[position : position + size] + b"\r\n"
        position += size
        turn += 1
    return log


def as_lines(wire: bytes) -> bytes:
    """Form (b): one entry a line."""
    return b"".join(STAMP.encode() + b"<<< " + line + b"\r\n" for line in wire.split(b"\r\n")[:-1])


def on_the_wire(message: bytes) -> bytes:
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    return (b"." if stuffed.startswith(b".") else b"") + stuffed + b".\r\n"


def whole_log(text: bytes) -> bytes:
    return (OPENING + ENVELOPE).encode() + text + CLOSING.encode()


MESSAGE = (
    b"Subject: dots\r\nFrom: ann@test.example\r\n\r\n"
    b".\r\n..\r\n.leading\r\n\r\nbare\rcr and bare\nlf \xe9\xff\r\n\r\n"
)


@pytest.mark.parametrize("sizes", [(1,), (7, 3), (40,), (10_000,)])
def test_text_in_packets_is_rebuilt_exactly(sizes: Sequence[int]) -> None:
    log = whole_log(as_packets(on_the_wire(MESSAGE), sizes))
    assert texts_of(log) == [MESSAGE]
    one = Parsed(log).only
    assert (one.outcome, one.text_size, one.truncated) == (Outcome.ACCEPTED, len(MESSAGE), False)
    assert one.skeleton is not None
    assert one.skeleton.header("subject") == "dots"


def test_text_in_lines_is_rebuilt_exactly() -> None:
    assert texts_of(whole_log(as_lines(on_the_wire(MESSAGE)))) == [MESSAGE]


def test_lines_logged_with_their_line_ends_are_rebuilt_exactly() -> None:
    wire = on_the_wire(MESSAGE)
    log = b"".join(
        STAMP.encode() + b"<<< " + line + b"\r\n\r\n" for line in wire.split(b"\r\n")[:-1]
    )
    assert texts_of(whole_log(log)) == [MESSAGE]


@pytest.mark.parametrize("size", [9, 10_000])
def test_packets_followed_by_their_lines_are_not_doubled(size: int) -> None:
    """Both forms at once: each packet, and after it the lines that it completed."""
    wire = on_the_wire(MESSAGE)
    log, seen = b"", 0
    for position in range(0, len(wire), size):
        log += as_packets(wire[position : position + size], (size,))
        lines = wire[: position + size].split(b"\r\n")[:-1]
        log += b"".join(STAMP.encode() + b"<<< " + line + b"\r\n" for line in lines[seen:])
        seen = len(lines)
    # An echoed line with a bare LF goes over two lines of the log, as it does in a packet.
    assert texts_of(whole_log(log)) == [MESSAGE]


def test_packets_logged_without_their_line_ends_join_as_lines() -> None:
    lines = on_the_wire(b"Subject: x\r\n\r\none\r\n").split(b"\r\n")[:-1]
    log = b"".join(STAMP.encode() + b"<<< IO: |" + line + b"\r\n" for line in lines)
    assert texts_of(whole_log(log)) == [b"Subject: x\r\n\r\none\r\n"]
    assert not Parsed(whole_log(log)).defects


def test_joints_that_must_be_guessed_are_said() -> None:
    parts = (b"Subject: x\r\n\r\none", b"two\r\n.")
    log = b"".join(STAMP.encode() + b"<<< IO: |" + part + b"\r\n" for part in parts)
    assert texts_of(whole_log(log)) == [b"Subject: x\r\n\r\none\r\ntwo\r\n"]
    assert len(Parsed(whole_log(log)).defects) == 1


def test_a_converted_log_gives_back_crlf() -> None:
    message = b"Subject: x\r\n\r\none\r\n"
    log = whole_log(as_packets(on_the_wire(message), (10_000,))).replace(b"\r\n", b"\n")
    assert texts_of(log) == [message]


def test_commands_sent_with_the_final_dot_belong_to_what_follows() -> None:
    wire = on_the_wire(b"one\r\n") + b"MAIL FROM:<eve@x>\r\nRCPT TO:<u@x>\r\nDATA\r\n"
    log = whole_log(as_packets(wire, (10_000,))).replace(
        b"<<< QUIT", b">>> 250 OK\r\n\r\n" + STAMP.encode() + b">>> 550 no"
    )
    found = Parsed(log).transactions
    assert [(one.originator, str(one.outcome)) for one in found] == [
        ("ann@test.example", "accepted"),
        ("eve@x", "refused"),
    ]


@pytest.mark.parametrize(
    "quoted",
    [
        "5/12/00 1:00:00 PM : >>> 250 OK",
        "5/12/00 1:00:00 PM : A connection was accepted from elsewhere.",
        "5/12/00 1:00:00 PM : <<< IO: |QUIT",
        "5/13/00 2:36:28 PM : >>> 250 OK",
        "5/13/00 2:36:28 PM : >>> 554 no",
        "5/13/00 2:36:28 PM : <<< QUIT",
        "5/13/00 9:36:28 PM : <<< IO: |QUIT",
        "13.5.00 14:36:28 : A connection was accepted from elsewhere.",
        "99/99/00 2:36:28 PM : A connection was accepted from elsewhere.",
        ">>> 250 OK",
        "A connection was accepted from elsewhere.",
    ],
)
@pytest.mark.parametrize("blank", [b"", b"\r\n"])
def test_a_quoted_entry_within_a_packet_is_text(quoted: str, blank: bytes) -> None:
    message = b"Subject: log\r\n\r\nsee:\r\n" + blank + quoted.encode() + b"\r\nend\r\n"
    log = whole_log(as_packets(on_the_wire(message), (10_000,)))
    assert texts_of(log) == [message]
    assert Parsed(log).only.outcome is Outcome.ACCEPTED


def test_a_text_without_its_final_dot_is_incomplete_or_truncated() -> None:
    message = b"Subject: x\r\n\r\none\r\n"
    cut = (OPENING + ENVELOPE).encode() + as_packets(message, (10_000,))
    one = Parsed(cut).only
    assert (one.outcome, one.text_size, one.truncated) == (Outcome.INCOMPLETE, len(message), False)
    assert texts_of(cut) == [message]
    answered = Parsed((OPENING + ENVELOPE).encode() + as_lines(message) + CLOSING.encode()).only
    assert (answered.outcome, answered.truncated) == (Outcome.ACCEPTED, True)


def test_an_empty_text_is_a_text_of_no_bytes() -> None:
    assert texts_of(whole_log(as_packets(b".\r\n", (10,)))) == [b""]
    assert texts_of(whole_log(as_lines(b".\r\n"))) == [b""]


@pytest.mark.parametrize("counted", ["payload", "entry"])
@pytest.mark.parametrize("newline", [b"\r\n", b""])
def test_an_entry_cut_at_1024_bytes_is_said_and_nothing_invented(
    counted: str, newline: bytes
) -> None:
    """Q159290: 4.0 cuts an entry at 1024 bytes; the next may follow on the same line."""
    prefix = STAMP.encode() + b"<<< IO: |"
    head = b"Subject: x\r\n\r\n"
    size = 1024 - (len(prefix) if counted == "entry" else 0)
    kept = head + b"y" * (size - len(head))
    last = as_packets(b"end\r\n.\r\n", (100,))
    log = whole_log(prefix + kept + newline + last)
    one = Parsed(log).only
    assert (one.outcome, one.truncated) == (Outcome.ACCEPTED, True)
    assert texts_of(log) == [kept + b"end\r\n"]


def test_a_cut_last_packet_is_followed_by_its_reply() -> None:
    kept = b"Subject: x\r\n\r\n".ljust(1024, b"y")
    log = whole_log(STAMP.encode() + b"<<< IO: |" + kept)
    one = Parsed(log).only
    assert (one.outcome, one.truncated, one.text_size) == (Outcome.ACCEPTED, True, 1024)


@pytest.mark.parametrize("evidence", ["longer entry", "newer build"])
def test_packets_of_1024_bytes_are_whole_where_the_log_cuts_none(evidence: str) -> None:
    message = b"Subject: x\r\n\r\n" + b"y" * 3000 + b"\r\n"
    if evidence == "longer entry":
        log = whole_log(as_packets(on_the_wire(message), (1024, 1460)))
    else:
        greeting = ">>> 220 x (Microsoft Exchange Internet Mail Service 5.5.2232.0) Ready."
        opening = stamped("A connection was accepted from x.", greeting)
        text = as_packets(on_the_wire(message), (1024,))
        log = opening.encode() + ENVELOPE.encode() + text + CLOSING.encode()
    assert not Parsed(log).only.truncated
    assert texts_of(log) == [message]


def test_entries_of_4_0_without_line_ends_are_told_apart() -> None:
    log = OPENING.replace("example.\r\n", "example.", 1) + ENVELOPE + CLOSING
    one = Parsed(log).only
    assert (one.peer, one.outcome) == ("mail.test.example", Outcome.ACCEPTED)


def test_text_beyond_what_is_kept_is_counted() -> None:
    message = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 1000
    for text in (as_packets(on_the_wire(message), (500,)), as_lines(on_the_wire(message))):
        ((one, data),) = iterate_transactions(BytesIO(whole_log(text)), "L", keep=4000)
        assert (one.outcome, one.text_size) == (Outcome.ACCEPTED, len(message))
        assert not one.truncated
        assert data is not None
        assert 4000 <= len(data) < 5000
        assert message.startswith(data[:4000])


def test_a_real_message_survives_the_log(samples: Path) -> None:
    folder = samples / "ims-messages"
    paths = sorted(path for path in folder.iterdir() if path.is_file())[:25]
    if not paths:
        pytest.skip("no samples of whole messages")
    for path in paths:
        message = b"\r\n".join(path.read_bytes().replace(b"\r\n", b"\n").split(b"\n"))
        message += b"" if message.endswith(b"\r\n") else b"\r\n"
        for text in (as_packets(on_the_wire(message), (1460, 77)), as_lines(on_the_wire(message))):
            assert texts_of(whole_log(text)) == [message], path.name


_PIECE = st.sampled_from(
    [
        b"\r\n",
        b"\r\n.",
        b".",
        b"\r",
        b"\n",
        b"\r\n\r\n",
        b"a",
        b"Subject: x",
        b"\xff",
        b"\0",
        b"<<< ",
        b">>> 250 OK",
        b"IO: |",
        b"5/12/00 1:00:00 PM : >>> 250 OK",
        b"QUIT",
        b" ",
    ]
)
_MESSAGE = st.lists(_PIECE | st.binary(max_size=6), max_size=25).map(b"".join)


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(_MESSAGE, st.lists(st.integers(1, 40), min_size=1, max_size=4))
@example(b".\r\n", [2])
@example(b"a\r\n.\r", [3])
def test_any_message_in_packets_is_rebuilt(message: bytes, sizes: list[int]) -> None:
    message += b"" if message.endswith(b"\r\n") or not message else b"\r\n"
    assert texts_of(whole_log(as_packets(on_the_wire(message), sizes))) == [message]


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(_MESSAGE)
@example(b"\n5/12/00 1:00:00 PM : >>> 250 OK")
def test_any_message_in_lines_is_rebuilt(message: bytes) -> None:
    message += b"" if message.endswith(b"\r\n") or not message else b"\r\n"
    # A first line that begins like a packet cannot be told from one.
    assume(not message.startswith(b"IO: |"))
    assert texts_of(whole_log(as_lines(on_the_wire(message)))) == [message]


_LOG_PART = st.sampled_from(
    [
        OPENING.encode(),
        ENVELOPE.encode(),
        CLOSING.encode(),
        STAMP.encode(),
        b"<<< ",
        b">>> ",
        b"IO: |",
        b"\r\n",
        b"\n",
        b".\r\n",
        b"250-",
        b"354 x",
        b"DATA",
        b"\0",
        b"RCPT TO:<",
        b"Message subject: ",
        b"Rescheduling delivery for later",
        b"A connection was accepted from ",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_LOG_PART | st.binary(max_size=8), max_size=30).map(b"".join))
@example(b"\xff\xfe\x00")
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    assert all(one.reason for one in Parsed(data).defects)


# Size and speed


def recipients_log(count: int) -> bytes:
    log = OPENING + stamped("<<< MAIL FROM:<a@b>", ">>> 250 OK - mail from <a@b>")
    pair = "<<< RCPT TO:<user{0}@example.com>", ">>> 250 OK - Recipient <user{0}@example.com>"
    both = stamped(*pair)
    log += "".join(both.replace("{0}", str(number)) for number in range(count))
    return (log + stamped("<<< DATA", ">>> 354 go") + CLOSING).encode()


def test_names_are_kept_up_to_a_limit_and_all_are_counted() -> None:
    one = Parsed(recipients_log(KEPT_ADDRESSES + 10)).only
    assert (one.accepted_count, len(one.accepted)) == (KEPT_ADDRESSES + 10, KEPT_ADDRESSES)


@pytest.mark.slow
def test_a_session_of_40_000_recipients_is_read_fast() -> None:
    data = recipients_log(40_000)
    start = time.perf_counter()
    one = Parsed(data).only
    elapsed = time.perf_counter() - start
    assert one.accepted_count == 40_000
    assert 80_000 / elapsed > 30_000  # lines a second; far below what an idle machine does


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [
        b"x" * 70 + b"\r\n",
        b"\r\n",
        b"\0",
        STAMP.encode(),
        STAMP.encode() + b"<<< DATA\r\n" + STAMP.encode() + b">>> 354 go\r\n",
        STAMP.encode() + b"<<< IO: |x\r\n",
        STAMP.encode() + b">>> 250-x\r\n",
        STAMP.encode() + b"<<< MAIL FROM:<" + b'"' * 60 + b"\r\n",
        STAMP.encode() + b">>> 354 x\r\n",
        b"5/13/00 ",
        b"Message subject: ",
        b".\r\n",
    ],
)
def test_time_is_linear(unit: bytes) -> None:
    data = unit * (4_000_000 // len(unit))
    start = time.perf_counter()
    Parsed(data)
    Parsed((OPENING + ENVELOPE).encode() + STAMP.encode() + b"<<< IO: |" + data)
    assert time.perf_counter() - start < 60
