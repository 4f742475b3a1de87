"""Text of unknown encoding."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.readers.text_file import (
    BLOCK,
    LONGEST_LINE,
    decode_text,
    numbered_lines,
    text_blocks,
)

LATIN = "Ereignis: Gr\u00f6\u00dfe \u20ac 5\r\nzweite Zeile\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-be"])
def test_every_encoding_windows_tools_write_is_recognised(encoding: str) -> None:
    assert decode_text(LATIN.encode(encoding)) == LATIN


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_told_by_its_nul_bytes_where_no_mark_stands(encoding: str) -> None:
    assert decode_text("Event ID: 4117".encode(encoding)) == "Event ID: 4117"


def test_undefined_bytes_of_windows_1252_become_c1_controls() -> None:
    assert decode_text(b"\x81\x8d\x80\xe9") == "\x81\x8d\u20ac\u00e9"


def test_a_utf_8_text_cut_inside_a_character_stays_utf_8() -> None:
    assert decode_text("Gr\u00f6\u00dfe \u00e9".encode()[:-1]) == "Gr\u00f6\u00dfe \ufffd"


def test_a_windows_1252_text_that_ends_in_an_accent_is_not_taken_for_cut_utf_8() -> None:
    assert decode_text(b"caf\xe9") == "caf\u00e9"


@given(st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_decoding_never_fails(data: bytes) -> None:
    assert isinstance(decode_text(data), str)


@given(st.text(max_size=200).filter(lambda text: "\0" not in text and text[:1] != "\ufeff"))
@settings(max_examples=100, deadline=None)
def test_utf_8_decodes_to_itself(text: str) -> None:
    assert decode_text(text.encode("utf-8", "ignore")) == text.encode("utf-8", "ignore").decode()


def test_a_file_decodes_the_same_piece_by_piece(tmp_path: Path) -> None:
    text = LATIN * (BLOCK // len(LATIN)) + "\u00e9" * 3 + LATIN * 3
    for encoding in ("utf-8", "cp1252", "utf-16"):
        path = tmp_path / encoding
        path.write_bytes(text.encode(encoding))
        assert "".join(text_blocks(path)) == text


def test_lines_are_numbered_from_one_across_pieces() -> None:
    assert list(numbered_lines(["a\r\nb", "c\n", "\nd"])) == [
        (1, "a"),
        (2, "bc"),
        (3, ""),
        (4, "d"),
    ]


def test_an_endless_line_comes_in_pieces_under_one_number() -> None:
    pieces = list(numbered_lines(["x" * BLOCK] * 6 + ["\nend"]))
    assert [number for number, _ in pieces] == [1, 1, 2]
    assert all(len(text) <= LONGEST_LINE + BLOCK for _, text in pieces)
    assert sum(len(text) for _, text in pieces) == 6 * BLOCK + 3
