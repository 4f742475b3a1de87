"""Embedded messages that an encoding hides: found, decoded once, and no more than the limits."""

from __future__ import annotations

import base64
import quopri
from collections import Counter
from collections.abc import Callable, Sized
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.model.evidence import Location
from imctool.model.mail import Part, SpoolFile
from imctool.readers import hidden_messages as reader
from imctool.readers.file_buffer import Buffer
from imctool.readers.header_texts import header_texts
from imctool.readers.hidden_messages import MESSAGE_LIMIT, HiddenMessages, decoded_message
from imctool.readers.spool_file import spool_file_from_buffer
from imctool.readers.text_samples import text_samples

ENCODERS = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}


def mail_of(text: bytes) -> SpoolFile:
    return spool_file_from_buffer(text, Location("NSBA3BR3"))


def hiding(inner: bytes, encoding: str) -> bytes:
    """Return the header and the body of an embedded message that ``encoding`` hides."""
    content = ENCODERS[encoding](inner) if encoding in ENCODERS else inner
    header = f"Content-Type: message/rfc822\nContent-Transfer-Encoding: {encoding}\n\n"
    return header.encode() + content


def multipart(boundary: str, *members: bytes) -> bytes:
    line = f"--{boundary}\n".encode()
    header = f"Content-Type: multipart/mixed; boundary={boundary}\n\n".encode()
    return header + b"".join(line + member + b"\n" for member in members)


def text_of(word: str) -> bytes:
    return f"Content-Description: =?x-{word}?Q?{word}?=\n\n{word}: Gr\xfc\xdfe\n".encode("latin-1")


INMOST = multipart("c", text_of("inmost"), text_of("second"))
INNER = multipart("b", text_of("first"), hiding(INMOST, "quoted-printable"), text_of("last"))
PLAIN_MESSAGE = b"Content-Type: message/rfc822\n\n" + INNER
MAIL = multipart(
    "a", hiding(INNER, "base64"), text_of("after"), hiding(PLAIN_MESSAGE, "base64"), PLAIN_MESSAGE
)


def words_of(text: bytes) -> dict[str, str]:
    """Return the first word of each text part by its number, read where its offsets count."""
    mail = mail_of(text)
    hidden = HiddenMessages(text, mail.skeleton.parts)
    words = {}
    for part in mail.skeleton.parts:
        source: Buffer | None = hidden.holding(part) if part.encoded else text
        if part.content_type == "text/plain":
            assert source is not None
            body = source[part.offset : part.offset + part.size]
            words[part.number] = body.partition(b":")[0].decode()
    return words


def test_the_offsets_of_a_part_count_in_what_holds_it() -> None:
    """The third message hides one that stands in it unencoded; the fourth is not hidden itself."""
    words = ("first", "inmost", "second", "last")
    assert words_of(MAIL) == {
        **dict(zip(("1.1", "1.2.1", "1.2.2", "1.3"), words, strict=True)),
        "2": "after",
        **dict(zip(("3.1.1", "3.1.2.1", "3.1.2.2", "3.1.3"), words, strict=True)),
        **dict(zip(("4.1", "4.2.1", "4.2.2", "4.3"), words, strict=True)),
    }


@pytest.mark.parametrize("read", [text_samples, header_texts])
def test_each_message_is_decoded_once_by_each_reader(
    read: Callable[[Buffer, SpoolFile], Sized], monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = mail_of(MAIL)
    times: Counter[str] = Counter()

    def counted(source: Buffer, message: Part) -> bytes | None:
        times[message.number] += 1
        return decoded_message(source, message)

    monkeypatch.setattr(reader, "decoded_message", counted)
    assert len(read(MAIL, mail)) == 13
    assert times == {"1": 1, "1.2": 1, "3": 1, "3.1.2": 1, "4.2": 1}


def test_mail_that_hides_nothing_has_nothing_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    text = multipart("a", text_of("one"), hiding(multipart("b", text_of("in")), "8bit"))
    mail = mail_of(text)
    monkeypatch.delattr(reader, "decoded_message")
    assert not any(part.encoded for part in mail.skeleton.parts)
    assert [one.part for one in text_samples(text, mail)] == ["1", "2.1"]
    assert [one.part for one in header_texts(text, mail)] == ["1", "2.1"]


@pytest.mark.parametrize(("more", "numbers"), [(0, ["TEXT", "1", "1.1"]), (1, ["TEXT", "1"])])
def test_a_message_over_the_limit_is_not_looked_into_and_told(
    more: int, numbers: list[str]
) -> None:
    head = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n"
    body = b"Subject: x\n\n".ljust(MESSAGE_LIMIT + more, b"x")
    skeleton = mail_of(multipart("a", head + body) + b"--a--\n").skeleton
    assert [part.number for part in skeleton.parts] == numbers
    told = any("too large" in defect.reason for defect in skeleton.defects)
    assert told is bool(more)


def test_no_more_is_kept_than_the_limit_and_what_does_not_fit_is_told_as_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inner = len(base64.encodebytes(INNER))
    mail = mail_of(MAIL)
    monkeypatch.setattr(reader, "_OPEN_LIMIT", inner)
    cut = [one.part for one in text_samples(MAIL, mail) if one.cut]
    assert cut == ["1.2.1", "1.2.2", "3.1.1", "3.1.2.1", "3.1.2.2", "3.1.3"]
    assert {one.part for one in header_texts(MAIL, mail)}.isdisjoint(cut)
    monkeypatch.setattr(reader, "_OPEN_LIMIT", inner - 2)
    assert "1.1" in [one.part for one in text_samples(MAIL, mail) if one.cut]


def test_a_part_that_no_message_hides_is_held_by_nothing() -> None:
    part = Part("1.1", "text/plain", None, "", 0, 0, 5, encoded=True)
    around = Part("1", "message/rfc822", None, "base64", 0, 900, 10**6)
    assert HiddenMessages(b"text", (part,)).holding(part) is None
    assert HiddenMessages(b"text", (around, part)).holding(part) == b""
    large = replace(around, size=MESSAGE_LIMIT + 1)
    assert HiddenMessages(b"text", (large, part)).holding(part) is None


NUMBERS = st.lists(st.integers(0, 2), max_size=4).map(lambda path: ".".join(map(str, path)))
PARTS = st.builds(
    Part,
    NUMBERS | st.text(alphabet="1.T", max_size=4),
    st.sampled_from(["message/rfc822", "text/plain", "multipart/mixed"]),
    st.none(),
    st.sampled_from(["base64", "quoted-printable", "", "x-uue"]),
    st.integers(-5, 50),
    st.integers(-5, 50),
    st.integers(-5, 50),
    encoded=st.booleans(),
)


@given(st.binary(max_size=60), st.lists(PARTS, max_size=8).map(tuple))
def test_any_parts_of_any_bytes_give_bytes_or_nothing(
    content: bytes, parts: tuple[Part, ...]
) -> None:
    hidden = HiddenMessages(content, parts)
    for part in parts:
        found = hidden.holding(part)
        assert found is None or len(found) <= len(content)


@given(st.binary(max_size=200), st.sampled_from(sorted(ENCODERS)))
def test_what_is_hidden_comes_back(inner: bytes, encoding: str) -> None:
    content = ENCODERS[encoding](inner)
    message = Part("1", "message/rfc822", None, encoding, 0, 3, len(content))
    found = decoded_message(b"abc" + content + b"xyz", message)
    assert found == inner or (found is not None and b"\r" in inner)
