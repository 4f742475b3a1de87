"""A key in any of its spellings finds its message, and no other."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository import REPOSITORY
from spool_builder import spool_file

from imctool.ledger.ledger import build_ledger
from imctool.ledger.search import (
    Key,
    KeyKind,
    find_messages,
    find_neighbours,
    parse_key,
    spool_names,
)
from imctool.model.diagnosis import Diagnosis
from imctool.model.direction import Direction
from imctool.model.evidence import Location
from imctool.model.message import Fate, Message
from imctool.model.smtp import Outcome, Transaction
from imctool.model.spool_name import SpoolName
from imctool.model.tracking import TrackingRecord
from imctool.readers.collection import collect

FIXTURES = REPOSITORY / "fixtures"
NOON = datetime(2000, 5, 16, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def ordinary() -> list[Message]:
    return list(build_ledger(collect([FIXTURES / "ordinary/evidence"])).messages)


@pytest.fixture(scope="module")
def loss() -> list[Message]:
    return list(build_ledger(collect([FIXTURES / "q157684/evidence"])).messages)


def found(messages: list[Message], text: str) -> list[str]:
    return [one.name for one in find_messages(messages, parse_key(text)).messages]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("la4xgwq7", [KeyKind.SPOOL_NAME, KeyKind.ADDRESS]),
        ("<a@b.example>", [KeyKind.MESSAGE_ID, KeyKind.ADDRESS]),
        ("a@b.example", [KeyKind.ADDRESS, KeyKind.MESSAGE_ID]),
        ("SMTP:a@b.example", [KeyKind.ADDRESS, KeyKind.MESSAGE_ID]),
        ("c=US;a= ;p=X;l=RAYDEN9711051951WKA6D6YM", [KeyKind.MTS_ID, KeyKind.ADDRESS]),
        ("9711051951WKA6D6YM", [KeyKind.MTS_ID, KeyKind.ADDRESS]),
        ("LAKE-970114202216Z-35", [KeyKind.MTS_ID, KeyKind.ADDRESS]),
        ("/o=LITWARE/ou=CHICAGO/cn=Recipients/cn=gina", [KeyKind.ADDRESS]),
        ("<>", [KeyKind.ADDRESS]),
        ("EIOUEIOU", [KeyKind.ADDRESS]),
    ],
)
def test_a_key_is_read_as_what_it_looks_like_first(text: str, kinds: list[KeyKind]) -> None:
    assert [one.kind for one in parse_key(text)] == kinds


def test_a_blank_key_is_no_key() -> None:
    with pytest.raises(ValueError, match="blank"):
        parse_key("  ")


@given(text=st.text(max_size=60))
def test_any_text_is_some_key_or_blank_and_finds_nothing_in_nothing(text: str) -> None:
    if text.strip():
        assert find_messages([], parse_key(text)).messages == ()


@pytest.mark.parametrize("text", ["MKDWZAR8", "mkdwzar8", " MkDwZaR8 "])
def test_a_spool_name_counts_in_any_letter_case(ordinary: list[Message], text: str) -> None:
    assert found(ordinary, text) == ["MKDWZAR8"]


def test_the_name_of_a_report_leads_to_the_message_it_reports(ordinary: list[Message]) -> None:
    assert found(ordinary, "MKDWZAR7") == ["MKDWZAR6"]


@pytest.mark.parametrize(
    "text",
    [
        "c=US;a= ;p=COHO;l=HARBOUR0006051312MKDWZAR6",
        "C=us; A= ; P=coho; L=harbour0006051312mkdwzar6",
        "HARBOUR0006051312MKDWZAR6",
        "0006051312MKDWZAR6",
    ],
)
def test_an_mts_id_counts_in_any_spelling_and_by_its_tail(
    ordinary: list[Message], text: str
) -> None:
    assert found(ordinary, text) == ["MKDWZAR6"]


def test_the_mts_id_of_an_mta_counts_by_its_tail_too(loss: list[Message]) -> None:
    assert found(loss, "970114202216Z-35") == ["c=US;a= ;p=LITWARE;l=LAKE-970114202216Z-35"]
    assert found(loss, "970114202216Z-3") == []


@pytest.mark.parametrize(
    "text", ["<20000605080000.plain@fourth.example>", "20000605080000.plain@fourth.example"]
)
def test_a_message_id_counts_with_and_without_brackets(ordinary: list[Message], text: str) -> None:
    assert found(ordinary, text) == ["MKDWZAR5"]


@pytest.mark.parametrize(
    "text", ["quinn@fourth.example", "<Quinn@Fourth.Example>", "SMTP:quinn@fourth.example"]
)
def test_an_address_gives_every_message_of_its_originator(
    ordinary: list[Message], text: str
) -> None:
    assert found(ordinary, text) == ["MKDWZAR5", "MKDWZAR6"]


def test_an_address_gives_every_message_to_it_whatever_record_names_it(
    ordinary: list[Message], loss: list[Message]
) -> None:
    rita = find_messages(ordinary, parse_key("rita@coho.example")).messages
    assert {one.direction for one in rita} == {Direction.INBOUND, Direction.OUTBOUND}
    of_gina = found(loss, "/O=LITWARE/OU=CHICAGO/CN=RECIPIENTS/CN=GINA")
    assert "c=US;a= ;p=LITWARE;l=LAKE-970114202216Z-35" in of_gina
    assert len(of_gina) < len(loss)
    assert "c=US;a= ;p=LITWARE;l=LAKE-970114202216Z-35" in found(loss, "frank@wingtip.example")


def test_a_part_of_an_address_is_not_the_address(ordinary: list[Message]) -> None:
    assert found(ordinary, "inn@fourth.example") == []
    assert found(ordinary, "fourth.example") == []


def test_a_refused_recipient_is_found_too(ordinary: list[Message]) -> None:
    refused = [one for one in ordinary if one.fate is Fate.REFUSED]
    asked = refused[0].transactions[0].asked[0]
    assert refused[0] in find_messages(ordinary, parse_key(asked)).messages


def test_a_bare_mail_is_found_by_the_addresses_of_its_header(tmp_path: Path) -> None:
    text = b'From: "A, B" <a@x.example>\r\nTo: c@y.example,\r\n d@y.example\r\n\r\ntext'
    (tmp_path / "Imcdata/In").mkdir(parents=True)
    (tmp_path / "Imcdata/In/NSBA3BR3").write_bytes(text)
    messages = list(build_ledger(collect([tmp_path])).messages)
    for address in ("a@x.example", "c@y.example", "d@y.example"):
        assert len(found(messages, address)) == 1, address
    assert found(messages, "e@y.example") == []


@pytest.fixture
def long_list(tmp_path: Path) -> Path:
    recipients = [f"user{number}@b.example" for number in range(3000)]
    mail = spool_file(b"From: a@b\r\nTo: list\r\n\r\n", recipients=recipients)
    (tmp_path / "NSBA3BR3").write_bytes(mail)
    return tmp_path


def test_a_long_list_is_read_again_to_its_end(long_list: Path) -> None:
    messages = list(build_ledger(collect([long_list])).messages)
    readings = parse_key("USER2999@b.example")
    for roots in ([long_list], [long_list / "NSBA3BR3"]):
        messages = list(build_ledger(collect(roots)).messages)
        assert len(find_messages(messages, readings, roots).messages) == 1
        assert find_messages(messages, parse_key("user3000@b.example"), roots).unsure == 0


def test_of_several_paths_the_right_file_is_read_again(long_list: Path) -> None:
    roots = [long_list, FIXTURES / "ordinary/evidence"]
    messages = list(build_ledger(collect(roots)).messages)
    assert len(find_messages(messages, parse_key("user2999@b.example"), roots).messages) == 1


def test_a_list_that_is_gone_is_told_as_not_compared(long_list: Path) -> None:
    messages = list(build_ledger(collect([long_list])).messages)
    (long_list / "NSBA3BR3").unlink()
    result = find_messages(messages, parse_key("user2999@b.example"), [long_list])
    assert (result.messages, result.unsure) == ((), 1)


def test_a_session_that_named_more_than_was_kept_is_told_as_not_compared() -> None:
    place = Location("log", line=1)
    session = Transaction(
        place, Direction.INBOUND, Outcome.ACCEPTED, None, None, "x", "a@b.example",
        accepted=("c@d.example",), accepted_count=2,
    )  # fmt: skip
    message = Message(Direction.INBOUND, Fate.UNKNOWN, transactions=(session,))
    assert find_messages([message], parse_key("e@f.example")).unsure == 1
    assert find_messages([message], parse_key("c@d.example")).unsure == 0


def test_the_first_reading_that_finds_a_message_counts() -> None:
    record = TrackingRecord(Location("log", line=1), "", 4, NOON, originator="LA4XGWQ7")
    message = Message(Direction.OUTBOUND, Fate.UNKNOWN, tracking=(record,))
    result = find_messages([message], parse_key("LA4XGWQ7"))
    assert result.key == Key(KeyKind.ADDRESS, "la4xgwq7")
    assert result.messages == (message,)


def numbered(number: int, minutes: int) -> Message:
    time = NOON + timedelta(minutes=minutes)
    name = SpoolName.parse("LA4XAAAA").successor(number)
    return Message(Direction.INBOUND, Fate.DELIVERED, spool_name=name, first=time, last=time)


def test_the_neighbours_of_a_missing_name_bound_its_time() -> None:
    messages = [numbered(10, 1), numbered(20, 2), numbered(50, 3)]
    random.Random(1).shuffle(messages)
    told = find_neighbours(messages, SpoolName.parse("LA4XAAAA").successor(30))
    assert told.before is not None
    assert told.after is not None
    assert (told.before.distance, told.before.time) == (-10, NOON + timedelta(minutes=2))
    assert (told.after.distance, told.after.time) == (20, NOON + timedelta(minutes=3))
    assert told.bounded


def test_neighbours_whose_times_fall_bound_nothing() -> None:
    told = find_neighbours(
        [numbered(20, 9), numbered(50, 3)], SpoolName.parse("LA4XAAAA").successor(30)
    )
    assert not told.bounded


def test_neighbours_of_another_run_of_the_counter_bound_nothing() -> None:
    far = numbered(20 + 32**4, 3)
    told = find_neighbours([numbered(10, 1), far], SpoolName.parse("LA4XAAAA").successor(30))
    assert told.after is not None
    assert not told.bounded


def test_the_first_and_the_last_name_have_one_neighbour() -> None:
    name = SpoolName.parse("LA4XAAAA")
    told = find_neighbours([numbered(10, 1)], name)
    assert told.before is None
    assert not told.bounded
    assert find_neighbours([], name).after is None


def test_a_report_in_out_is_a_neighbour_at_its_own_time(ordinary: list[Message]) -> None:
    returned = next(one for one in ordinary if one.name == "MKDWZAR6")
    report = SpoolName.parse("MKDWZAR7")
    assert report in spool_names(returned)
    told = find_neighbours([returned], report.successor())
    assert told.before is not None
    assert told.before.spool_name == report
    assert told.before.time == datetime(2000, 6, 5, 13, 13, 3, tzinfo=UTC)


def test_every_message_of_every_story_is_found_by_each_of_its_names(
    diagnosed: Callable[[Path], Diagnosis],
) -> None:
    for evidence in sorted(FIXTURES.glob("*/evidence")):
        messages = list(diagnosed(evidence).messages)
        for message in messages:
            keys = [message.spool_name, message.message_id, message.mts_id, message.originator]
            for key in (str(one) for one in keys if one):
                assert message in find_messages(messages, parse_key(key)).messages, key
