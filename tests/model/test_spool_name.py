"""The spool name is a base-32 counter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.model.spool_name import ALPHABET, MODULUS, SpoolName

NAMES = st.text(ALPHABET, min_size=8, max_size=8)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("JTJF9DG7", 0x4CD25F0CDC),
        ("JTJF9DG8", 0x4CD25F0CDD),
        ("TG45CLP6", 0x99A9A12DFB),
        ("WXJXSG2D", 0xB5D3791903),
        ("WKA6D6YM", 0xB281B1EF0C),
    ],
)
def test_real_names_decode_to_their_counter(text: str, value: int) -> None:
    assert SpoolName.parse(text).value == value
    assert str(SpoolName(value)) == text


@pytest.mark.parametrize(
    ("text", "after"),
    [("TZMFDC5Z", "TZMFDC55"), ("TZMFDC60", "TZMFDC7A"), ("JTJF9DG8", "JTJF9DG9")],
)
def test_the_next_name_follows_the_alphabet(text: str, after: str) -> None:
    name = SpoolName.parse(text)
    assert str(name.successor()) == after
    assert name.distance(SpoolName.parse(after)) == 1


@pytest.mark.parametrize(
    ("earlier", "later", "distance"),
    [("J6SP2J8X", "J6SP2J8Y", 1), ("SDVYLY9M", "SDVYLY9P", 3), ("1CW4K35A", "1CW4K35L", 11),
     ("TZMFDC5Z", "TZMFDC60", 38)],
)  # fmt: skip
def test_pairs_of_real_received_lines_lie_in_order(earlier: str, later: str, distance: int) -> None:
    one, other = SpoolName.parse(earlier), SpoolName.parse(later)
    assert one < other
    assert one.distance(other) == distance


@pytest.mark.parametrize("text", ["", "JTMRMAQ", "JTMRMAQVX", "JTMRMAQE", "JTMRM QV", "JTMRMAQÉ"])
def test_what_is_no_name_is_refused(text: str) -> None:
    assert SpoolName.find(text) is None
    with pytest.raises(ValueError, match="not a spool name"):
        SpoolName.parse(text)


def test_explorer_shows_names_in_mixed_case() -> None:
    assert str(SpoolName.parse("Jtmrmaqv")) == "JTMRMAQV"


def test_the_counter_wraps_around() -> None:
    assert str(SpoolName(MODULUS - 1).successor()) == "AAAAAAAA"


@given(NAMES, NAMES)
def test_order_is_the_order_of_the_counter(one: str, other: str) -> None:
    first, second = SpoolName.parse(one), SpoolName.parse(other)
    assert (first < second) == (
        [ALPHABET.index(c) for c in one] < [ALPHABET.index(c) for c in other]
    )
    assert first.successor(first.distance(second)) == second
    assert str(first) == one
