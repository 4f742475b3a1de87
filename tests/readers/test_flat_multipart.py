"""The quick way through a multipart reads what the careful walk reads, or gives up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.readers import mime_skeleton
from imctool.readers.mime_skeleton import read_skeleton

HEAD = b'From: a@b\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
HEADS = [HEAD, HEAD.replace(b"\r\n", b"\n")]
PIECES = [
    b"\r\n--b\r\n",
    b"\r\n--b--\r\n",
    b"--b\r\n",
    b"\n--b\n",
    b"\r\n--b \r\n",
    b"\r\n--bb\r\n",
    b"\r\n--b--",
    b"Content-Type: text/plain; charset=koi8-r\r\n\r\n",
    b"Content-Type: text/html\n\n",
    b'Content-Type: multipart/alternative; boundary="c"\r\n\r\n',
    b"Content-Type: message/rfc822\r\n\r\n",
    b'Content-Disposition: attachment;\r\n\tfilename="x"\r\n\r\n',
    b"\r\n",
    b"\n",
    b"text of a body\r\n",
    b"\0",
]


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join),
    st.sampled_from(HEADS),
)
def test_both_ways_come_to_the_same_outline(body: bytes, head: bytes) -> None:
    quick = read_skeleton(head + body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mime_skeleton, "flat_parts", lambda *_: None)
        careful = read_skeleton(head + body)
    assert quick == careful


def test_a_plain_multipart_takes_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(*_: object, **__: object) -> None:
        raise AssertionError("the careful walk was called")

    monkeypatch.setattr(mime_skeleton, "read_parts", unexpected)
    text = b"Content-Type: text/plain\r\n\r\none\r\n"
    parts = read_skeleton(HEAD + b"--b\r\n" + text + b"--b\r\n" + text + b"\r\n--b--\r\n").parts
    assert [(part.number, part.size) for part in parts][1:] == [("1", 3), ("2", 5)]
