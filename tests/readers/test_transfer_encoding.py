"""Transfer encodings undone: what well-formed bodies hold, and what is made of broken ones."""

from __future__ import annotations

import base64
import binascii
import email
import mmap
import quopri
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imctool.readers.transfer_encoding import (
    begins_uuencoded,
    decoded,
    decoded_blocks,
    uuencoded_line,
)

ENCODINGS = ["", "7bit", "8bit", "base64", "quoted-printable", "x-uuencode", "uue", "made-up"]


def in_blocks(raw: bytes, encoding: str, size: int) -> bytes:
    return b"".join(decoded_blocks(raw, 0, len(raw), encoding, block=size))


def uuencoded(content: bytes, end: bytes = b"\n") -> bytes:
    lines = [binascii.b2a_uu(content[at : at + 45]) for at in range(0, len(content), 45)]
    text = b"begin 644 a.bin\n" + b"".join(lines) + b"`\nend\n"
    return text.replace(b"\n", end)


def as_email_decodes(raw: bytes, encoding: str) -> object:
    head = f"Content-Type: application/octet-stream\nContent-Transfer-Encoding: {encoding}\n\n"
    return email.message_from_bytes(head.encode() + raw).get_payload(decode=True)


@given(st.binary(max_size=300), st.sampled_from([b"\n", b"\r\n"]))
def test_well_formed_bodies_decode_as_pythons_email_does(content: bytes, end: bytes) -> None:
    in_base64 = base64.encodebytes(content).replace(b"\n", end)
    assert decoded(in_base64, "base64") == content == as_email_decodes(in_base64, "base64")
    quoted = quopri.encodestring(content.replace(b"\r", b"")).replace(b"\n", end)
    assert decoded(quoted, "quoted-printable") == as_email_decodes(quoted, "quoted-printable")
    in_uu = uuencoded(content, end)
    assert decoded(in_uu, "x-uuencode") == content
    assert as_email_decodes(uuencoded(content), "x-uuencode") == content


BROKEN = st.lists(
    st.sampled_from(
        [b"=", b"==", b"=4", b"=41", b"=\r", b"=\n", b"= \r\n", b"\r", b"\n", b"\r\n", b"aGk=",
         b"aGVs", b"begin 644 a\n", b'#86)C\n', b"end\n", b"`\n", b"M", b" ", b"\xff", b"\0"]
    )
    | st.binary(max_size=6),
    max_size=40,
).map(b"".join)  # fmt: skip


@given(BROKEN, st.sampled_from(ENCODINGS), st.integers(1, 40))
@example(b"==", "quoted-printable", 1)
@example(b"= =\n", "quoted-printable", 1)
@example(b"aGk==", "base64", 4)
def test_any_bytes_decode_the_same_in_blocks_of_any_size(
    raw: bytes, encoding: str, size: int
) -> None:
    whole = decoded(raw, encoding)
    assert in_blocks(raw, encoding, size) == whole
    assert len(whole) <= len(raw) * 45  # a line of uuencode may miss all but its length


def test_what_is_no_transfer_encoding_leaves_the_bytes_as_they_are() -> None:
    for encoding in ("", "7bit", "8bit", "binary", "x-made-up"):
        assert decoded(b"=41 aGk=\xff", encoding) == b"=41 aGk=\xff"


def test_letters_outside_base64_are_passed_over() -> None:
    assert decoded(b" aG\0V!s\r\n\xffbG8 =", "base64") == b"hello"


def test_a_base64_text_that_was_cut_gives_what_it_holds() -> None:
    assert decoded(b"aGVsbG8", "base64") == b"hello"
    assert decoded(b"aGVsbG8h" + b"a", "base64") == b"hello!"


def test_base64_texts_one_after_the_other_are_all_decoded() -> None:
    assert decoded(b"aGk=\r\naGVsbG8=\r\nIQ==\r\n", "base64") == b"hihello!"
    assert decoded(b"aGk=aGVsbG8=IQ==", "base64") == b"hihello!"


def test_what_a_mailing_list_adds_behind_base64_is_no_part_of_it() -> None:
    footer = b"\r\n_______________\r\nThis list: www.example.com\r\naGVsbG8=\r\n"
    assert decoded(b"aGk=\r\n" + footer, "base64") == b"hi"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a=\r\nb", b"ab"),
        (b"a=\nb", b"ab"),
        (b"a= \t\r\nb", b"ab"),
        (b"a=\rb", b"ab"),
        (b"a=", b"a"),
        (b"a= ", b"a"),
        (b"a=3db=3Dc", b"a=b=c"),
        (b"a=4", b"a=4"),
        (b"a=XYb=4Gc==41", b"a=XYb=4Gc=A"),
        (b"a=4=\r\n1", b"a=41"),
        (b"a==\r\n41", b"a=41"),
        (b"a_b", b"a_b"),
    ],
)
def test_quoted_printable_with_its_breaks_and_faults(raw: bytes, text: bytes) -> None:
    for size in (1, 2, 3, 100):
        assert in_blocks(raw, "quoted-printable", size) == text


def test_broken_lines_of_a_uuencoded_body_are_passed_over() -> None:
    body = uuencoded(b"x" * 45 + b"y" * 45).split(b"\n")
    body.insert(2, b"this was never uuencoded")
    for encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        assert decoded(b"Hello\n" + b"\n".join(body), encoding) == b"x" * 45 + b"y" * 45


def test_a_uuencoded_body_without_its_begin_gives_nothing() -> None:
    assert decoded(binascii.b2a_uu(b"abc"), "x-uuencode") == b""


def test_lines_of_uuencode() -> None:
    assert uuencoded_line(b"#86)C\r\n") == b"abc"
    assert uuencoded_line(b"#86)Cx") == b"abc"  # a checksum
    assert uuencoded_line(b"M") == bytes(45)  # a transport cut off its blanks
    assert uuencoded_line(b"`") == uuencoded_line(b"") == b""
    assert uuencoded_line(b"Please find") is None
    assert uuencoded_line(b"#86)C and more") is None
    assert uuencoded_line(b"\xff86)C") is None
    assert begins_uuencoded(b"begin 644 winmail.dat\r\n")
    assert begins_uuencoded(b"begin 0644 a b.doc")
    assert not begins_uuencoded(b"begin 644 ")
    assert not begins_uuencoded(b"begin with the report")


@given(st.binary(max_size=80))
def test_any_line_is_uuencoded_or_not(line: bytes) -> None:
    found = uuencoded_line(line)
    assert found is None or len(found) <= 64
    assert uuencoded_line(binascii.b2a_uu(line[:45])) == line[:45]


def test_offsets_outside_the_buffer_give_what_lies_inside() -> None:
    assert b"".join(decoded_blocks(b"abc", 1, 99, "")) == b"bc"
    assert b"".join(decoded_blocks(b"abc", -5, 2, "")) == b"ab"
    assert b"".join(decoded_blocks(b"abc", 50, 99, "base64")) == b""


def test_a_mapped_file_is_decoded_as_bytes_are(tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    path = tmp_path / "mail"
    path.write_bytes(base64.encodebytes(content))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert b"".join(decoded_blocks(mapped, 0, len(mapped), "base64")) == content


def test_blocks_are_no_larger_than_what_is_read_at_a_time() -> None:
    raw = base64.b64encode(bytes(3_000_000))
    assert max(map(len, decoded_blocks(raw, 0, len(raw), "base64"))) <= 1 << 20
