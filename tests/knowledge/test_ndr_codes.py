"""What the codes of non-delivery reports mean."""

from __future__ import annotations

import re

import pytest

from imctool.knowledge.ndr_codes import find_ndr_codes, ndr_codes, part_of_connector


def test_every_code_has_a_meaning_and_a_source() -> None:
    for row in ndr_codes():
        assert row.meaning.endswith("."), row
        assert row.sources, row
        assert all(re.fullmatch(r"Q\d{6}|sisimai", source) for source in row.sources), row
        assert bool(row.part) == (row.code is not None), row
    assert len(set(ndr_codes())) == len(ndr_codes())


@pytest.mark.parametrize(
    ("code", "text", "source"),
    [
        (0x00010256, "Too many recipients.", "Q246051"),
        (0x000C05A6, "Unknown Recipient", "Q198810"),
        (0x000C0595, "Ambiguous Recipient", "Q251152"),
        (0x000D06B5, "No proxy for Recipient", "Q183801"),
        (0x00120270, "Too Many Hops", "Q190021"),
        (0x000502CC, "Conversion to Internet format failed", "Q187869"),
        (0x000B0981, "502 Server does not support AUTH.", "Q195201"),
    ],
)
def test_a_code_of_an_article_is_known(code: int, text: str, source: str) -> None:
    (row,) = find_ndr_codes(code)
    assert row.text == text
    assert source in row.sources


def test_one_code_stands_for_two_texts_and_the_text_tells_them_apart() -> None:
    unknown_host = find_ndr_codes(0x000B099C, "3902", "Host Unknown")
    assert [row.status for row in unknown_host] == ["3902", "3903"]
    too_large = find_ndr_codes(0x000B099C, "3903", "Message exceeds size limit.")
    assert [row.status for row in too_large] == ["3903", "3902"]


def test_a_line_of_4_0_is_found_by_its_status_and_text() -> None:
    assert find_ndr_codes(status="3902", text="Host Unknown")[0].sources == ("Q164457", "Q168557")
    assert find_ndr_codes(status="3553", text="553 bad address")[0].sources[0] == "Q189492"
    assert find_ndr_codes(text="host unreachable")[0].sources == ("Q319881",)


def test_what_is_not_known_is_not_guessed() -> None:
    assert find_ndr_codes(0x000C05A7, "0", "Unknown Recipient") == ()
    assert find_ndr_codes(status="0") == ()
    assert find_ndr_codes(status="0x80004005") == ()
    assert find_ndr_codes() == ()


def test_the_high_word_of_a_code_names_the_part_of_the_connector() -> None:
    assert part_of_connector(0x000C0001) == "resolving addresses"
    assert part_of_connector(0x0001037F) == "taking mail into the store"
    assert part_of_connector(0x00990001) is None
