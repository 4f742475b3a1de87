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
from imctool.report.safe_text import safe_cell, safe_text, shorten, text_width

pytestmark = pytest.mark.slow

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
        assert text_width(line) <= width
        assert "\n" not in line


def test_shorten_says_that_it_cut() -> None:
    assert shorten("abcdefghij", 8) == "abcde..."
    assert shorten("abc", 8) == "abc"
    assert shorten("\u65e5\u672c\u8a9e\u65e5\u672c", 8) == "\u65e5\u672c..."
    assert shorten("abcdef", 3) == "abc"


def test_wide_characters_keep_columns_in_line() -> None:
    lines = list(aligned(["a", "b"], [["\u65e5\u672c", "x"], ["abcd", "y"]], 40))
    assert {text_width(line) for line in lines[1:]} == {7}


def test_a_column_that_is_empty_is_left_out_of_a_narrow_table() -> None:
    rows = [["2000-05-16 13:12:33Z", "", "text " * 30]]
    lines = list(aligned(["time", "record", "text"], rows, 40))
    assert "RECORD" not in lines[0]
    assert lines[1].startswith("2000-05-16 13:12:33Z")
    assert all(text_width(line) <= 40 for line in lines)
