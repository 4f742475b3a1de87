"""Nothing of the evidence reaches the reader's terminal as anything but visible text."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.report.json_text import json_text
from imctool.report.rows import aligned, csv_lines, json_array, json_lines
from imctool.report.safe_text import safe_cell, safe_text, shorten

CONTROLS = [chr(n) for n in [*range(0x20), *range(0x7F, 0xA0)]]
BIDI = list("\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@pytest.mark.parametrize("character", CONTROLS + BIDI + ["\ufeff", "\u200b", "\ud800"])
def test_an_unsafe_character_becomes_its_number(character: str) -> None:
    shown = safe_text(f"a{character}b")
    assert character not in shown
    assert shown.isprintable()
    assert f"{ord(character):x}" in shown


@pytest.mark.parametrize("character", CONTROLS + BIDI)
def test_no_form_of_output_carries_it_raw(character: str) -> None:
    value = f"x{character}y"
    document = {"subject": value}
    outputs = [
        json_text(document, indent=1).replace("\n", ""),
        *json_lines("event", [document]),
        *json_array({"schema": "s"}, "rows", [document]),
        *aligned(["subject"], [[value]], 40),
        *csv_lines(["subject"], [[value]]),
    ]
    for text in outputs:
        assert character not in text, repr(text)


@given(st.text())
def test_json_keeps_every_text_exactly(text: str) -> None:
    assert json.loads(json_text({"a": text})) == {"a": text}


@given(st.lists(st.dictionaries(st.text(), st.text(), max_size=3), max_size=4))
def test_a_streamed_array_is_one_document(rows: list[dict[str, str]]) -> None:
    text = "\n".join(json_array({"schema": "s"}, "rows", rows))
    assert json.loads(text) == {"schema": "s", "rows": rows}


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@x", " =1", "\u00a0=1", "\uff1d1"])
def test_no_cell_is_a_formula(start: str) -> None:
    assert safe_cell(start).startswith("'")


def test_csv_reads_back_with_its_numbers() -> None:
    text = "\n".join(csv_lines(["id", "text"], [[-5, 'a "b", c'], [None, "x"]]))
    assert list(csv.reader(io.StringIO(text))) == [["id", "text"], ["-5", 'a "b", c'], ["", "x"]]


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=5), st.integers(20, 200))
def test_no_line_is_wider_than_the_terminal(rows: list[tuple[str, str, str]], width: int) -> None:
    for line in aligned(["one", "two", "three"], rows, width):
        assert len(line) <= width
        assert "\n" not in line


def test_shorten_says_that_it_cut() -> None:
    assert shorten("abcdefghij", 8) == "abcde..."
    assert shorten("abc", 8) == "abc"
