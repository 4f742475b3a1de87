"""Log files as lines, one at a time and many at a time."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imctool.readers import log_bytes
from imctool.readers.log_bytes import LINE_LIMIT, byte_lines, byte_windows

CONTENT = st.lists(
    st.sampled_from(
        [b"\n", b"\r\n", b"a", b"\0", b"x" * LINE_LIMIT, b"y" * (LINE_LIMIT - 1), b"z" * 200_000]
    ),
    max_size=12,
).map(b"".join)


@settings(max_examples=20, deadline=None)
@given(CONTENT, st.sampled_from([700, 5000, 1 << 17]))
@example(b"x" * (LINE_LIMIT - 1) + b"\nrest", 1 << 17)
def test_windows_hold_the_same_lines(content: bytes, window: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_bytes, "WINDOW", window)
        windows = list(byte_windows(BytesIO(content)))
    lines = [line for one in windows for line in byte_lines(BytesIO(one))]
    assert lines == list(byte_lines(BytesIO(content)))


def test_a_line_without_end_is_not_held() -> None:
    windows = list(byte_windows(BytesIO(b"x" * 3_000_000)))
    assert b"".join(windows) == b"x" * 3_000_000
    assert max(map(len, windows)) == LINE_LIMIT


def test_an_encoding_is_undone() -> None:
    assert list(byte_windows(BytesIO(b"\xef\xbb\xbfone\r\n"))) == [b"one\r\n"]
    assert b"".join(byte_windows(BytesIO("one\r\ntwo".encode("utf-16")))) == b"one\r\ntwo"
