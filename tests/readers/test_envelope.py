"""The envelope: what is read of an ImCr block and of Pickup lines, whole or damaged."""

from __future__ import annotations

from datetime import datetime
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.mail import MailFormat
from imctool.readers.envelope import doubtful_recipients, iterate_recipients, read_envelope
from tests.spool_builder import imcr_envelope

TEXT = b"Received: from test.dns.microsoft.com by Rayden.Microsoft.Com\r\n\r\nbody\r\n"


def test_the_block_of_q190709_gives_all_its_fields() -> None:
    envelope, problems = read_envelope(imcr_envelope() + TEXT)
    assert problems == []
    assert envelope.format is MailFormat.IMCR
    assert envelope.originator == "user@ms.com"
    assert envelope.recipients == ("administrator@charlotte.microsoft.com",)
    assert envelope.recipient_count == 1
    assert envelope.mts_id == "c=US;a= ;p=Microsoft;l=RAYDEN9711051951WKA6D6YM"
    assert envelope.time == datetime(1997, 11, 5, 14, 51, 27, 402000)
    assert envelope.peer == "test.dns.microsoft.com"
    assert envelope.raw_length == len(imcr_envelope())


def test_order_and_duplicates_of_recipients_stay() -> None:
    block = imcr_envelope(recipients=["b@x", "a@x", "b@x"])
    assert read_envelope(block + TEXT)[0].recipients == ("b@x", "a@x", "b@x")
    assert list(iterate_recipients(block + TEXT)) == ["b@x", "a@x", "b@x"]


def test_only_the_kept_recipients_are_limited_never_the_count() -> None:
    block = imcr_envelope(recipients=[f"r{n}@example.com" for n in range(50)])
    envelope, _ = read_envelope(block + TEXT, most_recipients=3)
    assert envelope.recipients == ("r0@example.com", "r1@example.com", "r2@example.com")
    assert envelope.recipient_count == 50
    assert read_envelope(block + TEXT, most_recipients=0)[0].recipients == ()


def test_the_null_sender_is_an_empty_originator() -> None:
    envelope, _ = read_envelope(imcr_envelope(originator="") + TEXT)
    assert envelope.originator == ""
    assert envelope.recipient_count == 1


def test_addresses_keep_eight_bit_bytes_blanks_and_brackets_in_quotes() -> None:
    addresses = ["jörg@example.com", '"John Doe"@example.com', '"a>b"@example.com', "postmaster"]
    envelope, _ = read_envelope(imcr_envelope(recipients=addresses) + TEXT)
    assert envelope.recipients == tuple(addresses)


@pytest.mark.parametrize(
    "left_over",
    [b"DEN> ro", b"\x12<\x00\x3e\x00", b"\0<>\0", b"x<old@example.com>\0", b"\0<cut@exam"],
)
def test_binary_and_left_over_memory_are_no_recipients(left_over: bytes) -> None:
    envelope, _ = read_envelope(imcr_envelope(left_over=left_over) + TEXT)
    assert envelope.recipient_count == 1


def test_a_recipient_after_a_high_byte_of_binary_and_at_the_end_counts() -> None:
    block = imcr_envelope(left_over=b"\xff\xff\xff\xff<last@example.com>")
    assert read_envelope(block + TEXT)[0].recipients[-1] == "last@example.com"


PASSED_OVER = "possible recipient passed over: "


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (b"<a\x01b@x.example>\0", "a control character stands in it"),
        (b"<post\x7fmaster>\0", "a control character stands in it"),
        (b"<" + b"a" * 1001 + b"@x.example>\0", "it is longer than 1,000 characters"),
        (b"<" + b"a" * 3_000_000 + b"@x.example>\0", "it is longer than 1,000 characters"),
        (b"<j\xf6rg\x02\xf6@x.example>\0", "a control character stands in it"),
        (b"<j\xf6\0rg@x.example>\0", "a NUL stands in it"),
        (b"<cut@x.exam\0", "it is not closed"),
        (b"<a@x.example>\xff\xff\x12\0", "other characters follow it"),
        (b"<a@x.example> NOTIFY=NEVER\0", "other characters follow it"),
        (b"\x12w<a@x.example>\0", "printable characters stand before it"),
    ],
)
def test_what_has_the_place_of_a_recipient_and_is_none_is_told_and_not_counted(
    odd: bytes, why: str
) -> None:
    whole = imcr_envelope(recipients=["first@x", "last@x"], left_over=b"")
    at = whole.index(b"<last@x>")
    block = b"\0\0\0\0" + whole[4:at] + odd + b"\x58\0\0\0" + whole[at:]
    block = len(block).to_bytes(4, "little") + block[4:]
    envelope, problems = read_envelope(block + TEXT)
    assert envelope.recipients == ("first@x", "last@x")
    assert problems == [(block.index(b"<", at), PASSED_OVER + why)]
    assert doubtful_recipients(block + TEXT) == problems


def test_two_recipients_that_are_read_as_one_are_told() -> None:
    block = imcr_envelope(left_over=b"\0<a@x.example>\xff\xff<b@x.example>\0")
    envelope, problems = read_envelope(block + TEXT)
    assert envelope.recipient_count == 2
    assert problems == [(block.index(b"<a@x"), PASSED_OVER + "one string may hold two")]


def test_an_originator_that_swallows_a_recipient_is_told() -> None:
    block = imcr_envelope(originator="a@x>\xff<b@y")
    place = block.index(b"<a@x")
    assert read_envelope(block + TEXT)[1] == [
        (place, PASSED_OVER + "the originator's string may hold two")
    ]


def test_an_originator_too_long_to_be_one_is_told_since_a_recipient_takes_its_place() -> None:
    block = imcr_envelope(originator="o" * 2000 + "@x.example", recipients=["a@x", "b@x"])
    envelope, problems = read_envelope(block + TEXT)
    assert envelope.recipients == ("b@x",)
    why = "possible originator passed over: it is longer than 1,000 characters"
    assert problems == [(block.index(b"<ooo"), why)]


def test_an_odd_originator_is_one_and_no_doubt() -> None:
    block = imcr_envelope(originator="a\x01b@x.example", left_over=b"\0<\0\0\0")
    envelope, problems = read_envelope(block + TEXT)
    assert (envelope.originator, envelope.recipient_count) == ("a\x01b@x.example", 1)
    assert problems == []


@pytest.mark.parametrize(
    "binary",
    [
        b"DEN> ro",
        b"DEN>\0ro",
        b"\x12<\x00\x3e\x00",
        b"\0<>\0",
        b"\0<cut@exam",  # the end of the block cuts it: memory, not a string
        b"\0 From: Old <old@example.com>\0",  # behind a text
        b"\x3c\0\0\0\x40\0\0\0\x3e\0\0\0",  # small numbers
        b"\x3c\x02\x3e\0\x3c\x40\x12\0",  # pointers
        b"\x3c\x61\x40\x77\0",
        b"\0<html\0",
    ],
)
def test_binary_fields_and_left_over_memory_raise_no_alarm(binary: bytes) -> None:
    assert read_envelope(imcr_envelope(left_over=binary) + TEXT)[1] == []


def test_five_doubtful_strings_are_told_and_then_their_number() -> None:
    odd = b"".join(b"\0<u\x01%d@x.example>\0" % number for number in range(7_000))
    block = imcr_envelope(recipients=["a@x", "b@x"], left_over=odd)
    envelope, problems = read_envelope(block + TEXT)
    assert envelope.recipient_count == 2
    first = block.index(b"<u\x01")
    assert [at - first for at, _ in problems] == [0, 17, 34, 51, 68, 85]
    assert problems[-1][1] == "6995 more possible recipients passed over"


def test_doubt_is_told_of_a_block_whose_end_or_length_is_in_doubt() -> None:
    whole = imcr_envelope(recipients=["a@x", "b@x"])
    assert doubtful_recipients(whole + TEXT) == []
    for block in (whole[:-30], whole[:-4] + b"\0\0\0\0" + TEXT, b"\xff\xff" + whole[2:] + TEXT):
        assert doubtful_recipients(block) == read_envelope(block)[1] != []


def test_a_bare_message_leaves_no_doubt() -> None:
    assert doubtful_recipients(b"Subject: x\r\nX-Receiver: late@x\r\n\r\n") == []


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b" more@x\r\nSubject: T\r\n\r\n", "an envelope line is folded"),
        (b"Subject: T\r\nx-receiver: late@x\r\n\r\n", "an X-Receiver line in the header"),
        (b"Subject: T\r\n\r\nX-Receiver: body@x\r\n", None),
        (b"\r\nX-Receiver: body@x\r\n", None),
    ],
)
def test_what_may_be_a_recipient_behind_the_lines_of_pickup_is_told(
    header: bytes, why: str | None
) -> None:
    text = b"X-Sender: s@x\r\nX-Receiver: a@x\r\n" + header
    envelope, problems = read_envelope(text)
    assert envelope.recipients == ("a@x",)
    assert doubtful_recipients(text) == problems
    assert [reason for _, reason in problems] == ([] if why is None else [problems[0][1]])
    assert why is None or why in problems[0][1]


def test_a_wrong_length_is_told_and_the_end_signature_found() -> None:
    block = b"\xff\xff\0\0" + imcr_envelope()[4:]
    envelope, problems = read_envelope(block + TEXT)
    assert envelope.raw_length == len(block)
    assert problems == [(0, "length of the envelope does not match its end")]


def test_an_end_signature_inside_the_block_is_passed_over() -> None:
    block = b"\xff\xff\0\0" + imcr_envelope(left_over=b"EwLs\0\0")[4:]
    assert read_envelope(block + TEXT)[0].raw_length == len(block)


def test_a_block_without_end_signature_goes_to_its_stated_length() -> None:
    block = imcr_envelope()[:-4] + b"\0\0\0\0"
    envelope, problems = read_envelope(block + TEXT)
    assert envelope.raw_length == len(block)
    assert problems == [(len(block), "envelope has no end signature")]


def test_a_cut_block_counts_the_recipients_up_to_the_cut() -> None:
    whole = imcr_envelope(recipients=[f"r{n}@example.com" for n in range(10)])
    cut = whole[: whole.index(b"<r4@") + 6]
    envelope, problems = read_envelope(cut)
    assert envelope.recipient_count == 4
    assert envelope.raw_length == len(cut)
    assert problems == [(len(cut), "envelope is cut short: no end signature")]


def test_a_time_that_is_none_is_not_told() -> None:
    block = bytearray(imcr_envelope())
    block[16:24] = bytes(8)
    assert read_envelope(bytes(block) + TEXT)[0].time is None
    block[16:24] = b"\xff" * 8
    assert read_envelope(bytes(block) + TEXT)[0].time is None


def test_pickup_lines_in_any_letter_case_give_the_envelope() -> None:
    text = (
        b"x-sender: Sender\r\nX-RECEIVER: <user1@host>\r\nx-receiver:user2@host\r\nSubject: T\r\n"
    )
    envelope, problems = read_envelope(text)
    assert problems == []
    assert envelope.format is MailFormat.PICKUP
    assert envelope.originator == "Sender"
    assert envelope.recipients == ("user1@host", "user2@host")
    assert text[envelope.raw_length :] == b"Subject: T\r\n"
    assert list(iterate_recipients(text)) == ["user1@host", "user2@host"]


def test_pickup_knows_the_null_sender_and_a_missing_one() -> None:
    assert read_envelope(b"X-Sender: <>\r\nX-Receiver: a@b\r\n\r\n")[0].originator == ""
    assert read_envelope(b"X-Receiver: a@b\r\n\r\n")[0].originator is None


def test_a_bare_message_has_no_envelope() -> None:
    envelope, problems = read_envelope(b"Subject: x\r\nX-Sender: late@example.com\r\n\r\n")
    assert problems == []
    assert envelope.format is MailFormat.RFC822
    assert envelope.originator is None
    assert envelope.recipient_count == 0
    assert list(iterate_recipients(b"Subject: x\r\n")) == []


@pytest.mark.parametrize("count", [32_766, pytest.param(200_000, marks=pytest.mark.slow)])
def test_many_recipients_are_counted_exactly(count: int) -> None:
    block = imcr_envelope(recipients=(f"user{n}@example.com" for n in range(count)))
    envelope, _ = read_envelope(block + TEXT, most_recipients=10)
    assert envelope.recipient_count == count
    assert sum(1 for _ in iterate_recipients(block + TEXT)) == count


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\x40\0\0\0ImCr", b"x-sender: "]))
def test_no_bytes_raise(junk: bytes, start: bytes) -> None:
    for content in (start + junk, imcr_envelope()[: len(junk)] + junk):
        envelope, problems = read_envelope(content)
        assert 0 <= envelope.raw_length <= len(content)
        assert envelope.recipient_count == len(envelope.recipients)
        assert all(0 <= offset <= len(content) for offset, _ in problems)
        assert set(doubtful_recipients(content)) <= set(problems)
        assert tuple(iterate_recipients(content)) == envelope.recipients


_ADDRESS = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f<>"),
    min_size=1,
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(_ADDRESS, st.lists(_ADDRESS, max_size=20))
def test_what_the_builder_puts_in_comes_out(originator: str, recipients: list[str]) -> None:
    envelope, problems = read_envelope(
        imcr_envelope(originator=originator, recipients=recipients) + TEXT
    )
    assert problems == []
    assert envelope.originator == originator
    assert list(envelope.recipients) == recipients


ODD_BYTES = st.text(
    st.characters(max_codepoint=0xFF, exclude_characters="\0<>"), min_size=1, max_size=20
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(ODD_BYTES, ODD_BYTES, st.booleans()), max_size=12))
def test_each_string_in_a_recipients_place_is_either_counted_or_told(
    strings: list[tuple[str, str, bool]],
) -> None:
    recipients = [f"{one}@{'' if plain else chr(1)}{two}x" for one, two, plain in strings]
    block = imcr_envelope(recipients=recipients)
    envelope, problems = read_envelope(block + TEXT)
    odd = [one for one in recipients if any(c < " " or c == "\x7f" for c in one)]
    assert list(envelope.recipients) == [one for one in recipients if one not in odd]
    told = [reason for _, reason in problems]
    assert told[:5] == [PASSED_OVER + "a control character stands in it"] * min(len(odd), 5)
    more = [f"{len(odd) - 5} more possible recipients passed over"] if len(odd) > 5 else []
    assert told[5:] == more


@pytest.mark.slow
@pytest.mark.parametrize("piece", [b"\x80<", b"<", b"<\x01", b"\x01<a>\x01<\x02", b"\0<a\0@@@@"])
def test_a_block_of_opening_brackets_takes_linear_time(piece: bytes) -> None:
    def seconds(count: int) -> float:
        block = b"\xf7\0\0\0ImCr" + bytes(16) + piece * count
        started = perf_counter()
        read_envelope(block)
        return perf_counter() - started

    assert seconds(80_000) < 8 * max(seconds(20_000), 0.05)
