"""Dividing recipients: all of them, in their order, none twice, none too many, none lost."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from spool_builder import imcr_envelope, spool_file

from imctool.model.mail import RECIPIENT_LIMIT, MailFormat
from imctool.model.split import RecipientMark, SplitPlan
from imctool.readers.file_buffer import Buffer
from imctool.repair import recipient_split
from imctool.repair.recipient_split import SplitRefusedError, plan_split, recipients_of
from imctool.repair.same_address import without_domain_case

pytestmark = pytest.mark.slow

TEXT = b"Subject: Contract\r\n\r\nHello\r\n"
PEOPLE = ["ann@proseware.example", "bob@litware.example", "cid@fabrikam.example"]
ODD = ["no domain", 'a"b@x', "a<b>@x", "\xe9@litware.example", "Ann@A", "Ann@a", "ann@A", "a@B.c"]
ADDRESSES = st.lists(
    st.sampled_from(PEOPLE + ODD)
    | st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), min_size=1, max_size=20),
    max_size=40,
)


def people(count: int) -> list[str]:
    return [f"somebody{number}@litware.example" for number in range(count)]


def mail(recipients: Iterable[str], **envelope: Any) -> bytes:
    return spool_file(TEXT, recipients=recipients, **envelope)


def pickup(recipients: Iterable[str], sender: str = "user@ms.com", text: bytes = TEXT) -> bytes:
    lines = [f"X-Sender: {sender}", *(f"X-Receiver: {one}" for one in recipients)]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + text


def kept(content: Buffer, plan: SplitPlan) -> list[str]:
    return list(recipients_of(content, plan))


def without_repeats(recipients: Iterable[str]) -> list[str]:
    """Keep each address at its first place, by the plainest means."""
    first: dict[str, str] = {}
    for one in recipients:
        first.setdefault(without_domain_case(one), one)
    return list(first.values())


# Who goes into which part


@pytest.mark.parametrize(
    ("count", "parts"),
    [
        (1, (1,)),
        (RECIPIENT_LIMIT, (32_766,)),
        (RECIPIENT_LIMIT + 1, (32_766, 1)),
        pytest.param(2 * RECIPIENT_LIMIT, (32_766, 32_766), marks=pytest.mark.slow),
        pytest.param(2 * RECIPIENT_LIMIT + 1, (32_766, 32_766, 1), marks=pytest.mark.slow),
    ],
)
def test_a_message_gets_the_fewest_parts_that_the_server_takes(
    count: int, parts: tuple[int, ...]
) -> None:
    content = mail(people(count))
    plan = plan_split(content)
    assert (plan.parts, plan.kept, plan.recipient_count) == (parts, count, count)
    assert kept(content, plan) == people(count)
    assert plan.doubts == ()


def test_a_plan_tells_where_the_text_is_and_whose_it_is() -> None:
    content = mail(PEOPLE, originator="")
    plan = plan_split(content, limit=2)
    assert content[plan.text_offset :] == TEXT
    assert (plan.originator, plan.format, plan.size) == ("", MailFormat.IMCR, len(content))
    assert plan.parts == (2, 1)


@given(recipients=ADDRESSES.filter(bool), limit=st.integers(1, 12), keep=st.booleans())
@example(recipients=["a@b", "a@B", "A@b", "a@b"], limit=1, keep=False)
def test_the_parts_have_every_recipient_in_its_order_and_none_too_many(
    recipients: list[str], limit: int, keep: bool
) -> None:
    content = pickup(recipients)
    read = [one.strip() for one in recipients]
    read = [one[1:-1] if one[:1] == "<" and one[-1:] == ">" else one for one in read]
    good = [one for one in read if one.strip() and "\x7f" not in one]
    if not good:
        with pytest.raises(SplitRefusedError, match="control characters"):
            plan_split(content, limit=limit, keep_duplicates=keep)
        return
    plan = plan_split(content, limit=limit, keep_duplicates=keep)
    expected = good if keep else without_repeats(good)
    assert kept(content, plan) == expected
    assert sum(plan.parts) == plan.kept == len(expected)
    assert len(plan.parts) == -(-len(expected) // limit)
    assert max(plan.parts) <= limit
    assert plan.duplicates == len(good) - len(without_repeats(good))
    assert plan.refused == len(read) - len(good)
    lost = (plan.refused + plan.left_out) + (0 if keep else plan.duplicates)
    assert plan.kept + lost == plan.recipient_count == len(recipients)


@given(
    content=st.binary(max_size=300) | st.binary(max_size=200).map(lambda x: b"\0" * 4 + b"ImCr" + x)
)
def test_no_bytes_make_it_fail_otherwise_than_by_a_refusal(content: bytes) -> None:
    with suppress(SplitRefusedError):
        plan = plan_split(content, limit=3)
        assert sum(plan.parts) == len(kept(content, plan)) > 0


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_under_one_is_no_limit(limit: int) -> None:
    with pytest.raises(ValueError, match=f"the limit is {limit}: "):
        plan_split(mail(PEOPLE), limit=limit)


# Duplicates


def test_an_address_that_comes_again_is_kept_at_its_first_place() -> None:
    people = ["ann@Proseware.example", "bob@x.example", "ann@PROSEWARE.EXAMPLE", "Ann@x.example"]
    content = mail(people)
    plan = plan_split(content)
    assert kept(content, plan) == [people[0], people[1], people[3]]
    assert (plan.duplicates, plan.kept) == (1, 3)
    (told,) = plan.some_duplicates
    assert (told.number, told.address) == (3, "ann@PROSEWARE.EXAMPLE")
    assert list(recipients_of(content, plan, RecipientMark.DUPLICATE)) == [people[2]]


def test_duplicates_stay_where_they_are_asked_for() -> None:
    content = mail([PEOPLE[0], *PEOPLE])
    plan = plan_split(content, keep_duplicates=True)
    assert kept(content, plan) == [PEOPLE[0], *PEOPLE]
    assert (plan.duplicates, plan.kept, plan.keeps_duplicates) == (1, 4, True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann@x.example", "ann@x.example"),  # a local part may have a letter case
        ("ann@\xc9.example", "ann@\xe9.example"),  # the case of 8-bit bytes is not known
        ("ann@\xc3\x89.example", "ann@\xe3\x89.example"),
        ('"ann@B', '"ann@b'),  # a quote that never ends: all of it may be the local part
        ("ann@x y.Example", "ann@x y.example"),
        ("ANN", "ann"),
        ("ann@x.example", "ann@x.example."),
    ],
)
def test_what_is_not_plainly_one_address_is_two(one: str, other: str) -> None:
    content = mail([one, other])
    assert kept(content, plan_split(content)) == [one, other]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann@LITWARE.example", "ann@litware.Example"),
        ("@A.example:ann@B.example", "@A.example:ann@b.example"),
        ('"a b"@X', '"a b"@x'),
        ("ann@[10.0.0.1]", "ann@[10.0.0.1]"),
        ("ann@[IPv6:FE80::1]", "ann@[ipv6:fe80::1]"),
    ],
)
def test_a_domain_has_no_letter_case(one: str, other: str) -> None:
    content = mail([one, other])
    assert kept(content, plan_split(content)) == [one]


def test_addresses_with_one_hash_are_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = [*people(9_000), "somebody7@litware.example"]
    content = mail(everybody)
    monkeypatch.setattr(recipient_split, "_hash", lambda address: len(address))
    plan = plan_split(content)
    assert kept(content, plan) == everybody[:-1]
    assert plan.duplicates == 1
    monkeypatch.setattr(recipient_split, "_hash", lambda address: 7)
    assert plan_split(content) == plan


# Those who are left out


def test_recipients_that_have_the_message_are_left_out() -> None:
    content = mail([*PEOPLE, PEOPLE[1]])
    asked: list[str] = []

    def has_it(address: str) -> bool:
        asked.append(address)
        return address == PEOPLE[1]

    plan = plan_split(content, leave_out=has_it)
    assert kept(content, plan) == [PEOPLE[0], PEOPLE[2]]
    assert (plan.left_out, plan.duplicates, plan.recipient_count) == (2, 0, 4)
    assert asked == [*PEOPLE, PEOPLE[1]]
    assert list(recipients_of(content, plan, RecipientMark.LEFT_OUT)) == [PEOPLE[1]] * 2


def test_a_plan_for_nobody_has_no_part() -> None:
    content = mail(PEOPLE)
    plan = plan_split(content, leave_out=lambda address: True)
    assert (plan.parts, plan.kept, plan.left_out) == ((), 0, 3)
    assert kept(content, plan) == []


# Addresses that must not be written, and odd ones


@pytest.mark.parametrize("address", ["a\0@b", "a@b\x1b[2J", "\t", "", "a\x7f@b", "a\x0b@b"])
def test_an_address_that_could_begin_a_line_of_its_own_is_refused(address: str) -> None:
    content = pickup([PEOPLE[0], address, PEOPLE[1]])
    plan = plan_split(content)
    assert kept(content, plan) == PEOPLE[:2]
    (told,) = plan.some_refused
    assert (plan.refused, told.number) == (1, 2)
    assert told.offset == content.index(b"\nX-Receiver", content.index(PEOPLE[0].encode())) + 1
    assert told.reason in {"it is empty", "it holds a control character"}


@pytest.mark.parametrize("inside", ["\r\nX-Receiver: spy@x", "\n", "\r"])
def test_a_line_end_inside_an_address_of_a_block_makes_it_no_recipient(inside: str) -> None:
    content = mail([PEOPLE[0], f"ann{inside}@proseware.example", PEOPLE[1]])
    plan = plan_split(content)
    assert kept(content, plan) == PEOPLE[:2]
    (doubt,) = plan.doubts
    assert "control character" in doubt.reason
    assert content[doubt.offset :].startswith(b"<ann")


def test_refused_lines_are_found_however_they_end() -> None:
    content = b"x-sender: a@b\rX-RECEIVER : <c@d>\nx-receiver:\r\nX-Receiver: e\0f\n" + TEXT
    plan = plan_split(content)
    assert kept(content, plan) == ["c@d"]
    assert [content[one.offset :][:11] for one in plan.some_refused] == [
        b"x-receiver:",
        b"X-Receiver:",
    ]


def test_odd_addresses_are_kept_as_they_stand_and_told() -> None:
    odd = ["no domain", "postmaster", "a b@c", "a<b@c", '"a@b', "\xe9@c", "\xc3\xa9@c", "x" * 900]
    content = mail([PEOPLE[0], *odd])
    plan = plan_split(content)
    assert kept(content, plan) == [PEOPLE[0], *odd]
    assert [one.address for one in plan.some_odd] == odd
    assert [one.number for one in plan.some_odd] == list(range(2, 2 + len(odd)))
    assert (plan.odd, plan.refused) == (len(odd), 0)
    assert "8-bit" in plan.some_odd[5].reason


def test_no_more_than_a_few_are_told_one_by_one() -> None:
    content = pickup([*["a\0"] * 1_000, *["b"] * 1_000, PEOPLE[0]])
    plan = plan_split(content)
    assert (plan.refused, plan.odd, plan.duplicates) == (1_000, 1_000, 999)
    told = (plan.some_refused, plan.some_odd, plan.some_duplicates)
    assert {len(some) for some in told} == {recipient_split.MOST_TOLD}


# What is no message to divide


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"To: a@b\r\n\r\nHello\r\n", "no envelope"),
        (b"", "no envelope"),
        (mail([]), "names no recipient"),
        (b"X-Sender: a@b\r\nTo: c@d\r\n\r\nHello\r\n", "names no recipient"),
        (b"X-Receiver: a@b\r\n" + TEXT, "originator is not known"),
        (mail(PEOPLE, originator="a\r\nX-Receiver: spy@x"), "originator is blank or holds"),
        (mail(PEOPLE, originator=" "), "originator is blank or holds"),
        (pickup(["", "\0"]), "each address of its envelope"),
    ],
)
def test_what_has_no_list_of_recipients_is_refused_with_the_reason(
    content: bytes, why: str
) -> None:
    with pytest.raises(SplitRefusedError, match=why):
        plan_split(content)


@pytest.mark.parametrize("left", [12, 60, 180, 1_000, -4, -1])
def test_an_envelope_that_is_cut_short_is_refused(left: int) -> None:
    envelope = imcr_envelope(recipients=people(100))
    with pytest.raises(SplitRefusedError, match="cut short"):
        plan_split(envelope[:left])


def test_an_envelope_without_its_end_mark_is_doubted() -> None:
    content = mail(PEOPLE).replace(b"EwLs", b"EwL!")
    plan = plan_split(content)
    assert kept(content, plan) == PEOPLE
    assert [one.reason for one in plan.doubts] == ["envelope has no end signature"]


def test_a_message_may_have_no_text() -> None:
    content = imcr_envelope(recipients=PEOPLE)
    assert plan_split(content).text_offset == len(content)
