"""Header fields by offset, parameters, comments, and the number of addresses."""

from __future__ import annotations

import time
from email.utils import getaddresses
from inspect import signature

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.readers import address_count
from imctool.readers.address_count import AddressCounter, count_addresses
from imctool.readers.header_fields import HeaderBlock, parse_parameters, without_comments


def fields_of(text: bytes) -> tuple[list[tuple[str, str]], HeaderBlock]:
    block = HeaderBlock(text, 0, len(text))
    return [(field[0], field[1]) for field in block.fields()], block


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_fields_are_unfolded_whatever_the_line_end(end: bytes) -> None:
    text = end.join([b"Subject: one", b"\ttwo", b"X-A:b ", b"", b"body"])
    fields, block = fields_of(text)
    assert fields == [("Subject", "one\ttwo"), ("X-A", "b")]
    assert text[block.body :] == b"body"
    assert block.blank_line


def test_a_line_that_is_no_field_ends_the_header() -> None:
    fields, block = fields_of(b"Subject: x\r\nno field\r\nX: y\r\n\r\n")
    assert fields == [("Subject", "x")]
    assert block.body == 12
    assert not block.blank_line


def test_a_mailbox_line_before_the_header_is_passed_over() -> None:
    assert fields_of(b"From me Mon\r\nA: b\r\n\r\n")[0] == [("A", "b")]
    assert fields_of(b">From me Mon\nA: b\n\n")[0] == [("A", "b")]


@pytest.mark.slow
def test_a_field_longer_than_the_window_is_one_field() -> None:
    text = b"To: " + b"a@b.example,\r\n " * 300_000 + b"c@d\r\nX: y\r\n\r\nbody"
    block = HeaderBlock(text, 0, len(text))
    fields = list(block.fields())
    assert [field[0] for field in fields] == ["To", "X"]
    assert count_addresses(text, fields[0][2], fields[0][3]) == 300_001
    assert text[block.body :] == b"body"


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("text/plain; charset=us-ascii", "us-ascii"),
        ('text/plain; charset="iso-8859-1"', "iso-8859-1"),
        ("text/plain; charset = utf-8 ; format=flowed", "utf-8"),
        ("text/plain; charset=us-ascii (Plain text)", "us-ascii"),
        ("text/plain (a ; charset=no); charset=utf-7", "utf-7"),
        ("text/plain; charset*=us-ascii''x%2Dy", "x-y"),
        ("text/plain; charset*0=iso-; charset*1=8859-2", "iso-8859-2"),
        ("text/plain; charset=a; charset=b", "a"),
        ('text/plain; charset=""', ""),
        ("text/plain; charset=", ""),
        ("text/plain;; charset=x", "x"),
        ("text/plain charset=x", "x"),
        ('text/plain; junk; "quoted; charset=no"; CHARSET=x', "x"),
        ('text/plain; charset="unterminated', "unterminated"),
        ('text/plain; charset="q\\"x"', 'q"x'),
        ("text/plain; name=copy(1).txt; charset=x", "x"),
        ("text/plain", None),
    ],
)
def test_the_charset_parameter_in_all_its_forms(text: str, charset: str | None) -> None:
    parsed = parse_parameters(text)
    assert parsed.value == "text/plain"
    assert parsed.parameters.get("charset") == charset


def test_rfc_2231_decodes_charset_and_continuations() -> None:
    text = "attachment; filename*0*=utf-8'de'Gr%C3%B6; filename*1*=%C3%9Fe; filename*2=.txt"
    assert parse_parameters(text).parameters["filename"] == "Größe.txt"
    assert parse_parameters("x; f*=no-such''%E9").parameters["f"] == "é"
    assert parse_parameters("x; f*=hex''zz").parameters["f"] == "zz"


def test_parameters_beyond_two_hundred_are_left_out_and_told() -> None:
    parsed = parse_parameters("a/b" + "".join(f"; p{n}=1" for n in range(20_000)))
    assert parsed.too_many
    assert len(parsed.parameters) == 200


def test_comments_nest_and_quotes_hide_them() -> None:
    assert without_comments("a (b (c) d) e") == "a   e"
    assert without_comments('"(kept)" (gone)') == '"(kept)"  '
    assert without_comments("a (never closed") == "a "


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["(", '"', "a ", "a=", "\\", ";", 'a="', "(\\)", "=", "a*0=b;"])
def test_parameters_take_linear_time(unit: str) -> None:
    text = "text/plain; " + unit * (60_000 // len(unit))
    start = time.perf_counter()
    parse_parameters(text)
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (b"", 0),
        (b" \r\n ", 0),
        (b"a@b", 1),
        (b"a@b, c@d", 2),
        (b"a@b,, c@d,", 2),
        (b'"Doe, John" <j@x>, k@y', 2),
        (b"John (a, b, (c, d)) <j@x>", 1),
        (b"<@r1,@r2:j@x>, k@y", 2),
        (b"undisclosed-recipients:;", 0),
        (b"Team: a@b, c@d;, e@f", 3),
        (b'"Team, all": a@b, "x, y"@d;', 2),
        (b"a@b; c@d", 2),
        (b'a@[1.2.3.4], "q\\", r"@x', 2),
        (b'"never closed, a@b, c@d', 1),
        (b'<"a>,b"@x>, c@d', 2),
        (b"(only a comment)", 0),
    ],
)
def test_addresses_are_counted(text: bytes, count: int) -> None:
    assert count_addresses(text) == count


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(['"A, b" <x@y>', "x@y", "N <x@y>", "<x@y>", "(c, d) x@y"])))
def test_the_count_agrees_with_the_standard_library(addresses: list[str]) -> None:
    text = ", ".join(addresses)
    lenient = {"strict": False} if "strict" in signature(getaddresses).parameters else {}
    assert count_addresses(text.encode()) == len(
        [a for _, a in getaddresses([text], **lenient) if a]
    )


@settings(max_examples=80, deadline=None)
@given(st.text('a@,;:"()<>[]\\ \r\n', max_size=60), st.integers(1, 10))
def test_the_count_does_not_depend_on_the_pieces(text: str, size: int) -> None:
    raw = text.encode()
    whole, pieces = AddressCounter(), AddressCounter()
    whole.feed(raw)
    for start in range(0, len(raw), size):
        pieces.feed(raw[start : start + size])
    assert pieces.count == whole.count
    assert whole.count >= 0


@pytest.mark.slow
@pytest.mark.parametrize("unit", [b"(", b'"', b"<", b"a,", b"a <b>,", b"[", b"\\", b":", b"<a,"])
def test_counting_takes_linear_time(unit: bytes) -> None:
    text = unit * (400_000 // len(unit))
    start = time.perf_counter()
    count_addresses(text)
    assert time.perf_counter() - start < 1


def test_the_quick_way_counts_as_the_slow_one(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [b"a, b ,, <c@d>", b" ", b"N <a@b>, <c,d>", b"a (x)"]
    quick = [count_addresses(text) for text in texts]
    monkeypatch.setattr(address_count, "WINDOW", 4)
    assert [count_addresses(text) for text in texts] == quick


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise(junk: bytes) -> None:
    _, block = fields_of(junk)
    assert 0 <= block.body <= len(junk)
    text = junk.decode("latin-1")
    parse_parameters(text)
    parse_parameters("a/b; " + text)
    without_comments(text)
    assert count_addresses(junk) >= 0
