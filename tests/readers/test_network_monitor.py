"""SMTP sessions as Microsoft Network Monitor prints them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.direction import Direction
from imctool.model.evidence import EvidenceFile, Form, InputKind
from imctool.model.smtp import Banner, LogSpan, Outcome, Transaction
from imctool.readers.network_monitor import parse_network_monitor, sniff_network_monitor
from imctool.readers.protocol_log import read_protocol_log

Q272672 = (
    "   SMTP: Command = RCPT TO: USER@MAIL.COM\n"
    "   SMTP: Response = 250 OK - Recipient <USER@MAIL.COM>\n"
    "   SMTP: Command = RCPT TO: TOOMANY@MAIL.COM\n"
    "   SMTP: Response = 452 Requested action not taken: Exceed Recipient Limit\n"
)


def parse(text: str):
    found = list(parse_network_monitor(text.encode("latin-1").splitlines(True), "trace.txt"))
    assert isinstance(found[-1], LogSpan)
    return [one for one in found if isinstance(one, Transaction)], found


def test_recipients_over_the_limit_are_seen_without_their_mail() -> None:
    (one,), found = parse(Q272672)
    assert (one.originator, one.accepted, one.over_limit_count) == (None, ("USER@MAIL.COM",), 1)
    assert (one.direction, one.outcome, one.started) == (
        Direction.INBOUND,
        Outcome.INCOMPLETE,
        None,
    )
    assert one.location.line == 1
    assert found[-1].records == 4


def test_a_summary_counts_only_where_its_line_is_missing() -> None:
    (one,), found = parse(
        "SMTP: Rsp: Service ready, 78 bytes\n"
        "    SMTP: Response = 220 a (Microsoft Exchange Internet Mail Service 5.5.2232.0) Ready\n"
        "SMTP: Cmd: Mail from <a@x>, 22 bytes\n"
        "    SMTP: Command = MAIL FROM:<a@x>\n"
        "SMTP: Rsp: Requested mail action okay, completed, 29 bytes\n"
        "SMTP: Cmd: Recipient <b@x>, 33 bytes\n"
        "SMTP: Rsp: Requested mail action okay, completed, 45 bytes\n"
        "SMTP: Cmd: Recipient <c@x>, 33 bytes\n"
        "SMTP: Rsp: Requested mail action okay, completed, 45 bytes\n"
        "SMTP: Cmd: Data: Mail data to follow, 6 bytes\n"
        "SMTP: Rsp: Enter mail ..., 50 bytes\n"
        "SMTP: Data - continued from frame 16, 480 bytes\n"
        "    SMTP: Data = Subject: x\n"
        "SMTP: Rsp: Requested mail action okay, completed, 45 bytes\n"
    )
    assert (one.originator, one.accepted, one.outcome) == ("a@x", ("b@x", "c@x"), Outcome.ACCEPTED)
    assert [item.version for item in found if isinstance(item, Banner)] == ["5.5.2232.0"]


def test_a_greeting_begins_a_new_session() -> None:
    session = (
        "SMTP: Response = 220 ready\nSMTP: Command = MAIL FROM:<a@x>\nSMTP: Response = 250 ok\n"
    )
    found, _ = parse(session + session)
    assert [one.outcome for one in found] == [Outcome.INCOMPLETE] * 2


def test_a_file_of_this_form_is_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    path.write_text(Q272672, encoding="ascii")
    file = EvidenceFile(path, "trace.txt", 1, InputKind.PROTOCOL_LOG, Form.PROTOCOL_LOG)
    transaction, _ = read_protocol_log(file)
    assert isinstance(transaction, Transaction)


def test_the_head_of_a_file_tells_the_form() -> None:
    assert sniff_network_monitor(Q272672)
    assert sniff_network_monitor("+ TCP: .AP\n   SMTP: Rsp: Service ready, 93 bytes\n")
    assert not sniff_network_monitor("about SMTP: Command = x\n")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(["SMTP: Command = ", "SMTP: Rsp: ", "SMTP: Cmd: ", "SMTP: Response = "])
        .flatmap(lambda start: st.text(max_size=20).map(lambda text: start + text + "\n")),
        max_size=20,
    )
)  # fmt: skip
def test_any_text_is_read_without_an_error(lines: list[str]) -> None:
    found = list(parse_network_monitor((line.encode("utf-8") for line in lines), "x"))
    assert all(one.location.path == "x" for one in found)
