"""A text that comes in blocks gives the same lines as a whole one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.repair.message_forms import mbox_entry
from imctool.repair.unix_lines import MboxLines, UnixLines

pytestmark = pytest.mark.slow

_BYTES = [
    b"From ",
    b"F",
    b"rom ",
    b"From",
    b">",
    b">>From x",
    b"\r\n",
    b"\r",
    b"\n",
    b"",
    b"x\xff ",
]
_TEXT = st.lists(st.sampled_from(_BYTES) | st.binary(max_size=6), max_size=20).map(b"".join)


def in_blocks(lines: UnixLines | MboxLines, text: bytes, cuts: list[int]) -> bytes:
    ends = [*sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    starts = [0, *ends]
    blocks = [text[start:end] for start, end in zip(starts, ends, strict=False)]
    return b"".join(map(lines.feed, blocks)) + lines.finish()


def mbox_body(text: bytes) -> bytes:
    return mbox_entry("a@b", None, text).partition(b"\n")[2]


@given(text=_TEXT, cuts=st.lists(st.integers(0, 500), max_size=8))
def test_any_cut_gives_the_same_bytes(text: bytes, cuts: list[int]) -> None:
    assert in_blocks(UnixLines(), text, cuts) == text.replace(b"\r\n", b"\n")
    assert in_blocks(MboxLines(), text, cuts) == mbox_body(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"From a\r\n>From b\r\nNo From c\r\n",
        b"Subject: x\r\n\r\n>>>From the ministry\r\nF\r\nFrom\r\nlast From ",
        b"\n\r\n\r\r\n",
    ],
)
def test_a_text_byte_by_byte_is_quoted_as_a_whole_one(text: bytes) -> None:
    every = list(range(len(text)))
    assert in_blocks(UnixLines(), text, every) == text.replace(b"\r\n", b"\n")
    assert in_blocks(MboxLines(), text, every) == mbox_body(text)


def test_little_is_held_back() -> None:
    """A line of nothing but quotes, or without an end, does not pile up."""
    for block in (b">" * 1000, b"x" * 1000):
        lines = MboxLines()
        assert sum(len(lines.feed(block)) for _ in range(10)) == 10_000
    quoted = MboxLines()
    assert quoted.feed(b">" * 50) + quoted.feed(b"From ") == b">" * 51 + b"From "
