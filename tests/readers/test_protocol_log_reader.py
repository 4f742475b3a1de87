"""What is read many lines at a time is what is read line by line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from io import BytesIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imctool.model.smtp import Outcome, Transaction
from imctool.readers import log_bytes
from imctool.readers.local_time import DateOrder
from imctool.readers.log_bytes import byte_lines
from imctool.readers.protocol_log import KEPT_TEXT, iterate_transactions, parse_protocol_log
from imctool.readers.protocol_log_reader import LogReader
from imctool.readers.smtp_transaction import KEPT_ADDRESSES

STAMP = "5/13/00 2:36:28 PM : "
LATER = "5/13/00 2:36:29 PM : "
OPENING = f"{STAMP}A connection was accepted from mail.test.example.\r\n"


def line_by_line(data: bytes) -> list[object]:
    reader = LogReader("L", DateOrder.MDY, KEPT_TEXT, KEPT_ADDRESSES)
    for line in byte_lines(BytesIO(data)):
        reader.feed(line)
    reader.finish()
    return [record for record, _ in reader.found]


def at_once(data: bytes) -> list[object]:
    return list(parse_protocol_log(BytesIO(data), "L", date_order=DateOrder.MDY))


def exchange(command: str, reply: str, *, later: str = STAMP) -> str:
    """A command and its reply as Maximum level shows them."""
    return f"{STAMP}<<< IO: |{command}\r\n\r\n{STAMP}<<< {command}\r\n{later}>>> {reply}\r\n\r\n"


def text_of(wire: str, size: int) -> str:
    return "".join(
        f"{LATER}<<< IO: |{wire[at : at + size]}\r\n" for at in range(0, len(wire), size)
    )


ENVELOPE = (
    exchange("EHLO x", "250-here Hello\r\n250-SIZE\r\n250 HELP")
    + exchange("MAIL FROM:<ann@test.example>", "250 OK - mail from <ann@test.example>")
    + exchange("RCPT TO:<bob@home.example>", "250 OK - Recipient <bob@home.example>", later=LATER)
)
DATA = exchange("DATA", "354 Send data.  End with CRLF.CRLF", later=LATER)
WIRE = "Subject: x\r\n\r\n" + "0123456789 abcdef\r\n" * 200 + "..stuffed\r\n.\r\n"


@pytest.mark.parametrize("size", [7, 100, 1024, 1460])
def test_a_whole_session_at_once(size: int) -> None:
    """Small windows cut packets and exchanges anywhere."""
    end = f"{LATER}>>> 250 OK\r\n\r\n" + exchange("QUIT", "221 closing connection")
    data = (OPENING + ENVELOPE + DATA + text_of(WIRE, size) + end).encode()
    expected = line_by_line(data)
    for window in (1, 100, 5000, 1 << 17):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(log_bytes, "WINDOW", window)
            assert at_once(data) == expected
    (one, text), *_ = iterate_transactions(BytesIO(data), "L")
    assert (one.originator, one.accepted) == ("ann@test.example", ("bob@home.example",))
    assert text == WIRE[:-3].replace("\r\n.", "\r\n").encode()


def test_a_message_is_accepted_at_the_second_of_its_reply() -> None:
    reply = "5/13/00 2:36:31 PM : >>> 250 OK\r\n\r\n"
    data = (OPENING + ENVELOPE + DATA + text_of(WIRE, 1460) + reply).encode()
    one = at_once(data)[0]
    assert isinstance(one, Transaction)
    assert (one.outcome, one.ended) == (Outcome.ACCEPTED, datetime(2000, 5, 13, 14, 36, 31))
    assert one.reply is not None
    assert one.reply.location.line == data.count(b"\n") - 1


def sent(command: str, reply: str, *, packet: bool = True) -> str:
    """What the service sent as a client, and the answer."""
    packets = f"{LATER}<<< IO: |{reply}\r\n\r\n" if packet else ""
    return f"{LATER}>>> {command}\r\n{packets}{LATER}<<< {reply}\r\n"


def outbound(*, packet: bool) -> str:
    greeting = "220 far.example ESMTP ready"
    packets = f"{LATER}<<< IO: |{greeting}\r\n\r\n" if packet else ""
    accepted = f"{LATER}<<< IO: |250 taken\r\n\r\n" if packet else ""
    exchanges = [
        ("EHLO home.example", "250 far.example"),
        ("MAIL FROM:<ann@home.example>", "250 Sender ok"),
        ("RCPT TO:<bob@far.example>", "250 Recipient ok"),
        ("RCPT TO:<eve@far.example>", "250 Recipient ok"),
        ("RCPT TO:<kim@far.example>", "250 Recipient ok"),
        ("DATA", "354 Enter mail"),
    ]
    return (
        f"{STAMP}A connection to 192.0.2.77 was established.\r\n"
        f"{LATER}{packets.removeprefix(LATER)}{LATER * packet}<<< {greeting}\r\n"
        + "".join(sent(command, reply, packet=packet) for command, reply in exchanges)
        + f"{accepted}{LATER}<<< 250 taken\r\n"
        + sent("QUIT", "221 far.example closing", packet=packet)
    )


OUTBOUND = outbound(packet=True)
END = f"{LATER}>>> 250 OK\r\n\r\n" + exchange("QUIT", "221 closing connection").replace(
    STAMP, LATER
)


@pytest.mark.parametrize("packet", [True, False])
def test_a_session_with_another_server_is_one_transaction_to_all_its_recipients(
    packet: bool,
) -> None:
    data = outbound(packet=packet).encode()
    assert at_once(data) == line_by_line(data)
    one = at_once(data)[0]
    assert isinstance(one, Transaction)
    assert (one.peer, one.outcome) == ("192.0.2.77", Outcome.ACCEPTED)
    assert one.accepted == ("bob@far.example", "eve@far.example", "kim@far.example")
    assert one.started == one.ended == datetime(2000, 5, 13, 14, 36, 29)


def test_a_reply_that_answers_no_text_leaves_the_transaction_to_what_follows() -> None:
    """The 354 is no answer to the text: the 221 is taken for one, and its line is told."""
    data = outbound(packet=False).replace("250 taken", "354 taken").encode()
    one = at_once(data)[0]
    assert isinstance(one, Transaction)
    assert one.reply is not None
    assert (one.reply.code, one.reply.location.line) == (221, data.count(b"\n"))


def test_of_two_texts_for_one_data_the_second_tells_whether_it_was_cut() -> None:
    """The first is as long as an entry of 4.0 may be, the one after a second 354 is not."""
    broken = text_of("x" * 1024, 1024) + f"{LATER}>>> 354 go on\r\n\r\n"
    whole = text_of("Subject: x\r\n\r\nshort\r\n.\r\n", 1460)
    for texts, is_cut in ((broken, True), (broken + whole, False)):
        data = (OPENING + ENVELOPE + DATA + texts + END).encode()
        assert at_once(data) == line_by_line(data)
        one = at_once(data)[0]
        assert isinstance(one, Transaction)
        assert one.truncated is is_cut


@pytest.mark.parametrize("size", [40, 1460])
def test_a_text_that_the_next_window_ends_is_read_whole(size: int) -> None:
    """Windows that end anywhere in the second of two messages."""
    message = OPENING + ENVELOPE + DATA + text_of(WIRE, size) + END
    data = (message * 2).encode()
    expected = line_by_line(data)
    assert sum(isinstance(record, Transaction) for record in expected) == 2
    for window in range(len(message), len(data) + 1, 97):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(log_bytes, "WINDOW", window)
            assert at_once(data) == expected


QUOTED = st.sampled_from(
    [
        f"{stamp}{text}"
        for stamp in (
            STAMP,
            LATER,
            "5/13/00 2:36:28 PM:",
            "5.13.00 14:36:28 : ",
            "99/99/00 1:00 : ",
        )
        for text in ("<<< IO: |x\r\n", ">>> 250 OK\r\n", "<<< QUIT\r\n", "hello\r\n", "")
    ]
)
PIECES = (
    QUOTED
    | st.sampled_from(
        [
            OPENING,
            f"{LATER}A connection to 192.0.2.7 was established.\r\n",
            ENVELOPE,
            ENVELOPE + DATA,
            DATA,
            text_of(WIRE, 1460),
            text_of(WIRE, 1015),
            text_of(WIRE, 40),
            f"{LATER}<<< IO: |" + "x" * 1024,
            f"{LATER}>>> 250 OK\r\n\r\n",
            f"{STAMP}>>> EHLO us\r\n{STAMP}<<< IO: |250 x\r\n\r\n{STAMP}<<< 250 x\r\n",
            f"{STAMP}>>> DATA\r\n{LATER}<<< 354 go\r\n",
            exchange("RCPT TO:<a@x>", "550 no 5/13/00"),
            exchange("NOOP", "451 later Rescheduling delivery for later"),
            exchange("XEXCH50 9 2", "354 Send binary data"),
            "\r\n",
            "\n",
            ".\r\n",
            "\0",
            " ",
            "250-x\r\n",
            END,
            END.replace("250 OK", "221 OK"),
            END.replace(">>> 250 OK", ">>> 354 OK"),
            OUTBOUND,
            OUTBOUND.replace("250 taken", "354 taken"),
            OUTBOUND.replace("RCPT TO:<eve", "RCPT TO <eve"),
            exchange("RSET", "250 OK"),
        ]
    )
    | st.text("\r\n.:<> 0159/APM|", max_size=6)
)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["\r\n", "\n"])
@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join), st.sampled_from([1, 300, 1 << 17]))
@example(ENVELOPE + DATA + text_of("." * 3000, 1024), 300)
@example(exchange("NOOP", "250 OK").replace(LATER, STAMP), 1)
def test_nothing_depends_on_how_much_is_read_at_once(end: str, log: str, window: int) -> None:
    data = (OPENING + log).replace("\r\n", end).encode("latin-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_bytes, "WINDOW", window)
        assert at_once(data) == line_by_line(data)


def recipients_log(count: int, reply: Callable[[int], str]) -> bytes:
    pairs = (exchange(f"RCPT TO:<u{number}@x>", reply(number)) for number in range(count))
    return (OPENING + exchange("MAIL FROM:<a@b>", "250 OK") + "".join(pairs)).encode()


def test_all_recipients_are_kept_where_that_is_asked_for() -> None:
    count = 2 * KEPT_ADDRESSES + 20
    log = recipients_log(count, lambda number: "550 no" if number % 2 else "250 OK")
    for most, kept in ((None, count // 2), (5, 5), (KEPT_ADDRESSES, KEPT_ADDRESSES)):
        ((one, _),) = iterate_transactions(BytesIO(log), "L", most_addresses=most)
        assert (one.accepted_count, one.refused_count) == (count // 2, count // 2)
        assert (len(one.accepted), len(one.refused)) == (kept, kept)
    ((one, _),) = iterate_transactions(BytesIO(log), "L", most_addresses=None)
    assert one.accepted[-1] == f"u{count - 2}@x"
