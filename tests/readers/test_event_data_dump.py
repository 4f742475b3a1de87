"""The data section of an event, as Event Viewer and the articles print it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.readers.event_data_dump import parse_data_dump, split_data_section

NDR_ABORTED = bytes.fromhex("9a0102000e0007805447343543 4c503600")
ROWS = [
    "   0000: 9a 01 02 00 0e 00 07 80 ?......?",
    "   0008: 54 47 34 35 43 4c 50 36 TG45CLP6",
    "   0010: 00 .",
]


def dump_bytes(data: bytes) -> list[str]:
    rows = []
    for offset in range(0, len(data), 8):
        row = data[offset : offset + 8]
        column = "".join(chr(value) if 0x20 <= value < 0x7F else "." for value in row)
        rows.append(f"{offset:04x}: {row.hex(' ')} {column}")
    return rows


def dump_words(data: bytes) -> list[str]:
    words = [data[at : at + 4][::-1].hex() for at in range(0, len(data), 4)]
    return [f"{4 * at:04x}: {' '.join(words[at : at + 4])}" for at in range(0, len(words), 4)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (ROWS, NDR_ABORTED),
        (["Data:", *ROWS], NDR_ABORTED),
        ([" ".join(row.strip() for row in ROWS)], NDR_ABORTED),
        ([*ROWS, "", "CAUSE", "0010: ff"], NDR_ABORTED),
        (["Data: * Bytes O Words", "0000: f3 03 15 00 0f 03 09 80"], "f30315000f030980"),
        (["0000: 0001037f 80004005"], "7f03010005400080"),
        (["Data (Words) 0000: 00140667 80040115"], "6706140015010480"),
        (["Data (Words) 0000: 00140667", "80040115"], "6706140015010480"),
        (["74 00 05 00 0e 00 07 80"], "740005000e000780"),
        (["Data: 002741 (WORD)  or 0000:   41 27 00 00     A' . .   (Byte)"], "41270000"),
        (["0000: 41 42 AB"], "4142"),
        (["0000: 00 01 02"], "000102"),
        (["0000: 41 42 43 44 45 46 30 31 ABCDEF01"], "4142434445463031"),
        (["0000: 30 30 30 38 3a 20 61 62 0008: ab", "0008: 63 c"], "303030383a20616263"),
        (["0008: 41 42"], ""),
        (["0000: 41 41 41 41 41 41 41 41 AAAAAAAA", "0010: 42 B"], "4141414141414141"),
        (["* Bytes O Words"], ""),
        (["no data"], ""),
        ([], ""),
    ],
)
def test_rows_of_every_printed_form(lines: list[str], expected: bytes | str) -> None:
    wanted = bytes.fromhex(expected) if isinstance(expected, str) else expected
    assert parse_data_dump(lines) == wanted


@given(st.binary(min_size=1, max_size=80))
@settings(max_examples=100, deadline=None)
def test_bytes_read_back(data: bytes) -> None:
    assert parse_data_dump(dump_bytes(data)) == data


@given(st.binary(min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_words_read_back(data: bytes) -> None:
    whole = data + bytes(-len(data) % 4)
    assert parse_data_dump(dump_words(whole)) == whole


@given(st.text(alphabet="0123456789abcdefABCxyz: .\n\tDat", max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_without_error(text: str) -> None:
    lines = text.split("\n")
    kept, data = split_data_section(lines)
    assert isinstance(parse_data_dump(lines), bytes)
    assert data or kept == lines or len(kept) < len(lines)


def test_a_description_ends_where_its_data_begin() -> None:
    text = ["An error occurred.", "", "Data:", *ROWS, "", "CAUSE"]
    assert split_data_section(text) == (["An error occurred."], NDR_ABORTED)


def test_a_data_section_may_begin_within_a_line() -> None:
    text = ["The service will be shut down. Data (Words) 0000: 00140667", "80040115"]
    kept, data = split_data_section(text)
    assert kept == ["The service will be shut down."]
    assert data == bytes.fromhex("6706140015010480")


def test_text_that_speaks_of_data_is_text() -> None:
    text = ["Data: could not be read.", "", "12 34", "The Data field holds 0x1234."]
    assert split_data_section(text) == (text, b"")


@pytest.mark.slow
def test_long_rows_are_read_in_linear_time() -> None:
    assert parse_data_dump(["00 " * 200_000]) == bytes(200_000)
    assert parse_data_dump(["0000: " * 100_000]) == b""
    assert parse_data_dump([" " * 200_000 + "x", "?" * 200_000]) == b""
