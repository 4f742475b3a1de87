"""What goes over the wire is the text, with its dots doubled, however it falls into blocks."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imctool.model.submission import Letter
from imctool.repair import smtp_text
from imctool.repair.smtp_text import (
    ChangedTextError,
    UnreadableTextError,
    letter_text,
    wire_blocks,
)

pytestmark = pytest.mark.slow

_PIECES = st.sampled_from([b".", b"..", b"\r\n", b"\r\n.", b"\n", b"\r", b"x", b"\xe9", b""])
_TEXTS = st.lists(_PIECES | st.binary(max_size=4), max_size=20).map(b"".join)


def as_lines(text: bytes) -> bytes:
    """The plain reference: every line end CRLF, one at the end."""
    whole = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return whole if not whole or whole.endswith(b"\r\n") else whole + b"\r\n"


def stuffed(text: bytes) -> bytes:
    """The plain reference: a dot before each line that begins with one."""
    lines = text.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)


def cut(text: bytes, places: list[int]) -> list[bytes]:
    """The text in blocks, none of them empty."""
    at = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[start:end] for start, end in pairwise(at)]


def written(folder: Path, text: bytes, before: bytes = b"ImCr") -> Letter:
    path = folder / "LA4XGWQ7"
    path.write_bytes(before + text)
    return Letter("LA4XGWQ7", "", ("bob@litware.example",), path, len(before))


@settings(max_examples=200, deadline=None)
@given(text=_TEXTS, places=st.lists(st.integers(0, 100), max_size=8))
@example(text=b"a\r\n.\r\n", places=[2, 3])
@example(text=b"a\r\n.\r\n", places=[1, 2, 3, 4])
@example(text=b".\r", places=[1])
def test_dots_and_line_ends_are_right_at_every_border(text: bytes, places: list[int]) -> None:
    blocks = cut(text, places)
    assert b"".join(wire_blocks(blocks, normalise=True)) == stuffed(as_lines(text))
    clean = as_lines(text)
    assert b"".join(wire_blocks(cut(clean, places), normalise=False)) == stuffed(clean)
    if text == clean.removesuffix(b"\r\n"):
        assert b"".join(wire_blocks(blocks, normalise=False)) == stuffed(clean)


@settings(max_examples=200, deadline=None)
@given(text=_TEXTS, block=st.integers(1, 9))
def test_what_is_counted_is_what_is_sent(text: bytes, block: int) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(smtp_text, "BLOCK", block)
        patch.setattr(smtp_text, "KEEP", 10)
        with letter_text(written(Path(folder), text)) as seen:
            assert seen.size == len(text)
            assert seen.eight_bit == (not text.isascii())
            assert seen.sent_size(normalise=True) == len(as_lines(text))
            one_kind = text.replace(b"\r\n", b"")
            assert seen.bare_line_ends == one_kind.count(b"\r") + one_kind.count(b"\n")
            if not seen.bare_line_ends:
                assert seen.sent_size(normalise=False) == len(as_lines(text))
            assert seen.unended(normalise=True) == bool(text and text[-1:] not in b"\r\n")
            assert seen.sha256 == hashlib.sha256(b"ImCr" + text).hexdigest()
            assert b"".join(seen.blocks()) == text


@settings(max_examples=200, deadline=None)
@given(text=st.binary(min_size=3, max_size=60), place=st.integers(0, 59), block=st.integers(1, 9))
def test_no_byte_is_given_out_that_was_not_looked_over(text: bytes, place: int, block: int) -> None:
    place %= len(text)
    changed = bytearray(text)
    changed[place] ^= 1
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(smtp_text, "BLOCK", block)
        patch.setattr(smtp_text, "KEEP", 1)
        letter = written(Path(folder), text)
        for other in (bytes(changed), text[:place], text + b"x"):
            written(Path(folder), text)
            given_out = []
            with letter_text(letter) as seen:
                written(Path(folder), other)
                with pytest.raises(ChangedTextError):
                    given_out.extend(seen.blocks())
            assert text.startswith(b"".join(given_out))


def test_a_small_text_is_read_once(tmp_path: Path) -> None:
    letter = written(tmp_path, b"Subject: x\r\n")
    with letter_text(letter) as seen:
        letter.path.write_bytes(b"")
        assert b"".join(seen.blocks()) == b"Subject: x\r\n"


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    for name in (tmp_path, tmp_path / "missing", tmp_path / "a\x00b"):
        with (
            pytest.raises(UnreadableTextError, match="cannot be read"),
            letter_text(Letter("L", "", ("bob",), name, 0)),
        ):
            pass
