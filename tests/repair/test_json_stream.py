"""JSON is read as it comes, and what is none is told by its line."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imctool.repair import json_stream
from imctool.repair.json_stream import JsonStream, JsonStreamError

pytestmark = pytest.mark.slow


def read_any(stream: JsonStream, kind: Any) -> Any:
    """Read a value of the same kinds as ``kind`` has."""
    if isinstance(kind, dict):
        return {name: read_any(stream, kind[name]) for name in stream.members()}
    if isinstance(kind, list):
        return [read_any(stream, kind[0]) for _ in stream.items()]
    if isinstance(kind, bool):
        return stream.truth()
    if isinstance(kind, int):
        return stream.number()
    return None if stream.is_null() else stream.text()


def stream_of(text: bytes | str) -> JsonStream:
    return JsonStream(io.BytesIO(text if isinstance(text, bytes) else text.encode()))


_DOCUMENTS = st.fixed_dictionaries(
    {
        "text": st.text() | st.none(),
        "number": st.integers(0, 10**18 - 1),
        "truth": st.booleans(),
        "texts": st.lists(st.text(max_size=20), max_size=30),
        "objects": st.lists(st.fixed_dictionaries({"a": st.text(max_size=5)}), max_size=5),
    }
)
_SHAPE = {"text": "", "number": 0, "truth": True, "texts": [""], "objects": [{"a": ""}]}


@given(document=_DOCUMENTS, indent=st.none() | st.integers(0, 3), plain=st.booleans())
def test_what_is_written_is_read(document: object, indent: int | None, plain: bool) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=not plain)
    stream = stream_of(text.encode("utf-8"))
    assert read_any(stream, _SHAPE) == document
    stream.end()


@given(st.binary(max_size=60))
@example(b'{"text": "\\')
@example(b'{"text": "\xff"}')
@example(b'{"number": 1.5}')
@example(b'{"truth": nul}')
@example(b'{"texts": ["\\ud800"')
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    stream = stream_of(content)
    try:
        read_any(stream, _SHAPE)
        stream.end()
    except (JsonStreamError, KeyError):
        return
    json.loads(content)


def test_a_value_may_lie_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "_BLOCK", 1)
    document = {"text": 'a"\\\u20ac\n', "number": 1234, "truth": False, "texts": ["x" * 50]}
    stream = stream_of(json.dumps(document, ensure_ascii=False))
    assert read_any(stream, _SHAPE) == document
    stream.end()


_KINDS = {"a": 0, "b": 0, "t": ""}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1\n "b": 2}', "line 2: '\"' where a comma or } has to stand"),
        ('{"t": "x\ny"}', "line 1: a text that does not end"),
        ('{"a": 1,', "line 1: it is cut short here"),
        ('{"a": 01}', "line 1: '0' where a whole number has to stand"),
        ('{"a": -1}', "line 1: '-' where a whole number has to stand"),
        ('{"a": 1e5}', "where a whole number has to stand"),
        ('{"a": 1234567890123456789}', "where a whole number has to stand"),
        ('{"a": 1, "a": 2}', "line 1: the key 'a' stands there twice"),
        ('{"a": 1}\n\n x', "line 3: 'x' where the end has to stand"),
        ('{"t": "\\x"}', "line 1: a text with an escape"),
        ('{"a": 1}\n\xff', "'\\xff' where the end"),
        (b'{"a": \xff', "offset 6: a byte that is not UTF-8"),
        ("[]", "'[' where { has to stand"),
        ("\ufeff{}", "'\\ufeff' where { has to stand"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str | bytes, reason: str) -> None:
    def read() -> None:
        stream = stream_of(text)
        for name in stream.members():
            read_any(stream, _KINDS[name])
        stream.end()

    with pytest.raises(JsonStreamError) as refused:
        read()
    assert reason in str(refused.value)


def test_a_text_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "LONGEST_TEXT", 1000)
    with pytest.raises(JsonStreamError, match="over 1000 characters"):
        stream_of('"' + "x" * 100_000).text()
