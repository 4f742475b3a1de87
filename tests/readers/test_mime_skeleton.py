"""The outline of a message: numbers, offsets, charsets, limits, and damaged structure."""

from __future__ import annotations

import base64
import mmap
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.mail import Part, Skeleton
from imctool.readers import file_buffer
from imctool.readers.mime_skeleton import read_skeleton


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("latin-1")


def numbers(skeleton: Skeleton) -> list[str]:
    return [part.number for part in skeleton.parts]


def body(text: bytes, part: Part) -> bytes:
    return text[part.offset : part.offset + part.size]


def reasons(skeleton: Skeleton) -> list[str]:
    return [defect.reason for defect in skeleton.defects]


NESTED = crlf(
    """MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=out

preamble
--out

plain
--out
Content-Type: multipart/alternative; boundary="out-in"

--out-in
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: Quoted-Printable

one
--out-in
Content-Type: text/html; charset=""

two
--out-in--
--out
Content-Type: message/rfc822

Subject: inner
Content-Type: multipart/digest; boundary=d

--d

Subject: digested

deep
--d--
--out
Content-Type: application/octet-stream; name=a.bin
Content-Disposition: attachment; filename="b.bin"

x
--out--
epilogue
"""
)


def test_parts_are_numbered_as_imap_does_and_go_on_into_messages() -> None:
    skeleton = read_skeleton(NESTED)
    assert [(part.number, part.content_type) for part in skeleton.parts] == [
        ("TEXT", "multipart/mixed"),
        ("1", "text/plain"),
        ("2", "multipart/alternative"),
        ("2.1", "text/plain"),
        ("2.2", "text/html"),
        ("3", "message/rfc822"),
        ("3.TEXT", "multipart/digest"),
        ("3.1", "message/rfc822"),
        ("3.1.1", "text/plain"),
        ("4", "application/octet-stream"),
    ]
    assert [part.embedded for part in skeleton.parts] == [0, 0, 0, 0, 0, 0, 1, 1, 2, 0]
    assert skeleton.defects == ()
    assert skeleton.mime


def test_offsets_bound_the_bodies_without_the_break_before_the_boundary() -> None:
    bodies = {part.number: body(NESTED, part) for part in read_skeleton(NESTED).parts}
    assert bodies["1"] == b"plain"
    assert bodies["2.1"] == b"one"
    assert bodies["3.1.1"] == b"deep"
    assert bodies["4"] == b"x"
    assert bodies["3"].startswith(b"Subject: inner")
    assert bodies["TEXT"].endswith(b"epilogue\r\n")


def test_charset_encoding_and_file_name_are_as_declared() -> None:
    parts = {part.number: part for part in read_skeleton(NESTED).parts}
    assert parts["1"].charset is None
    assert parts["2.1"].charset == "iso-8859-1"
    assert parts["2.2"].charset == ""
    assert parts["2.1"].encoding == "quoted-printable"
    assert parts["4"].filename == "b.bin"


def test_offsets_count_in_the_whole_buffer_behind_an_envelope() -> None:
    shifted = read_skeleton(b"#" * 100 + NESTED, 100)
    for here, there in zip(read_skeleton(NESTED).parts, shifted.parts, strict=True):
        assert there.offset == here.offset + 100
        assert there.header_offset == here.header_offset + 100
    assert shifted.headers[0].offset == 100


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_the_tree_is_the_same_with_other_line_ends(end: bytes) -> None:
    text = NESTED.replace(b"\r\n", end)
    skeleton = read_skeleton(text)
    assert numbers(skeleton) == numbers(read_skeleton(NESTED))
    assert body(text, skeleton.parts[1]) == b"plain"
    assert skeleton.defects == ()


def test_a_message_that_is_no_multipart_is_part_one() -> None:
    skeleton = read_skeleton(b"Subject: x\r\n\r\nbody")
    assert numbers(skeleton) == ["1"]
    assert skeleton.parts[0].content_type == "text/plain"
    assert not skeleton.mime


@pytest.mark.parametrize("text", [b"", b"\r\n", b"\r\nbody", b"Subject: x"])
def test_empty_and_headerless_messages_are_part_one(text: bytes) -> None:
    skeleton = read_skeleton(text)
    assert numbers(skeleton) == ["1"]
    assert skeleton.defects == ()


def test_a_message_as_the_whole_body_is_numbered_into() -> None:
    text = b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody"
    assert numbers(read_skeleton(text)) == ["1", "1.1"]


def test_headers_are_kept_in_order_with_offsets() -> None:
    skeleton = read_skeleton(b"A: 1\r\nB: x\r\n y\r\nA: caf\xe9\r\n\r\n")
    assert [(one.name, one.value, one.offset) for one in skeleton.headers] == [
        ("A", "1", 0),
        ("B", "x y", 6),
        ("A", "café", 16),
    ]
    assert [one.value for one in skeleton.headers.named("a")] == ["1", "café"]


def test_header_recipients_sum_to_cc_and_bcc() -> None:
    text = b'To: "A, b" <a@x>,\r\n c@x\r\nCC: d@x\r\nBcc: e@x; f@x\r\nResent-To: g@x\r\n\r\n'
    assert read_skeleton(text).header_recipients == 5


def test_a_line_that_merely_begins_with_the_boundary_is_text() -> None:
    text = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--bc\n--b x\n\nlast\n--b--\n"
    skeleton = read_skeleton(text)
    assert [body(text, part) for part in skeleton.parts[1:]] == [b"--bc", b"last"]


def test_an_unclosed_multipart_is_told_and_its_parts_read() -> None:
    skeleton = read_skeleton(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext")
    assert numbers(skeleton) == ["TEXT", "1"]
    assert reasons(skeleton) == ["multipart without its closing boundary line"]


def test_a_multipart_without_boundary_is_one_part() -> None:
    skeleton = read_skeleton(b"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\ntext")
    assert [(p.number, p.content_type) for p in skeleton.parts] == [("1", "multipart/mixed")]
    assert reasons(skeleton) == ["multipart without a boundary parameter"]


def test_a_boundary_used_twice_belongs_to_the_outer_multipart() -> None:
    text = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"
    )
    assert numbers(read_skeleton(text)) == ["TEXT", "1", "2"]


def test_a_missing_blank_line_is_told_with_its_offset() -> None:
    skeleton = read_skeleton(b"Subject: x\r\nno field\r\n\r\nrest", name="In/NSBA3BR3")
    assert [str(one.location) for one in skeleton.defects] == ["In/NSBA3BR3 offset 12"]
    assert skeleton.parts[0].offset == 12


def test_a_byte_order_mark_is_told_and_passed_over() -> None:
    skeleton = read_skeleton(b"\xef\xbb\xbfSubject: x\r\n\r\n")
    assert skeleton.header("Subject") == "x"
    assert reasons(skeleton) == ["byte order mark before the header"]


def test_a_malformed_content_type_counts_as_plain_text() -> None:
    assert read_skeleton(b"Content-Type: text\r\n\r\n").parts[0].content_type == "text/plain"
    assert read_skeleton(b"Content-Type: X/\r\n\r\n").parts[0].content_type == "x/"


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_an_encoded_message_is_looked_into_and_its_parts_marked(encoding: str) -> None:
    inner = b"Subject: in\r\nContent-Type: text/html; charset=x\r\n\r\nhidden"
    raw = base64.encodebytes(inner) if encoding == "base64" else inner.replace(b"=", b"=3D")
    text = (
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n"
        b"Content-Transfer-Encoding: " + encoding.encode() + b"\n\n" + raw + b"\n--b\n\nz\n--b--\n"
    )
    parts = read_skeleton(text).parts
    assert [(p.number, p.encoded) for p in parts] == [
        ("TEXT", False),
        ("1", False),
        ("1.1", True),
        ("2", False),
    ]
    assert body(inner, parts[2]) == b"hidden"
    assert parts[2].charset == "x"


def test_a_thousand_levels_are_cut_at_the_limit_at_once() -> None:
    text = "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(1000)
    )
    start = time.perf_counter()
    skeleton = read_skeleton(text.encode())
    assert time.perf_counter() - start < 0.5
    assert len(skeleton.parts) == 101
    assert any("nested deeper" in reason for reason in reasons(skeleton))


@pytest.mark.parametrize("unit", ["Content-Type: message/rfc822\r\n\r\n"])
def test_a_thousand_messages_in_each_other_are_cut_at_the_limit(unit: str) -> None:
    skeleton = read_skeleton((unit * 1000).encode())
    assert len(skeleton.parts) == 101
    assert max(part.embedded for part in skeleton.parts) == 100


@pytest.mark.slow
def test_a_hundred_thousand_parts_are_cut_at_the_limit_at_once() -> None:
    text = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000
    start = time.perf_counter()
    skeleton = read_skeleton(text)
    assert time.perf_counter() - start < 0.5
    assert len(skeleton.parts) == 10_000
    assert reasons(skeleton) == ["more than 10000 parts; the rest are not read"]


def test_many_and_long_header_fields_are_cut_and_still_counted() -> None:
    text = b"X: y\r\n" * 5000 + b"To: " + b"a@b.example, " * 2000 + b"c@d\r\n\r\n"
    skeleton = read_skeleton(text)
    assert len(skeleton.headers) == 1000
    assert skeleton.header_recipients == 2001
    skeleton = read_skeleton(b"To: " + b"a@b.example, " * 2000 + b"c@d\r\n\r\n")
    assert len(skeleton.headers[0].value) <= 10_000
    assert skeleton.header_recipients == 2001
    assert reasons(skeleton) == ["header field longer than 10000 bytes; the rest is not kept"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [b"\r\n--b", b"\n--", b"\n--b--", b"--b\n", b"\n--b \n", b"A:\n", b" \n", b"\r", b"\r\n\r\n"],
)
def test_any_text_takes_linear_time(unit: bytes) -> None:
    text = b"Content-Type: multipart/mixed; boundary=b\n\n" + unit * (300_000 // len(unit))
    start = time.perf_counter()
    read_skeleton(text)
    assert time.perf_counter() - start < 1


def test_a_mapped_file_reads_like_bytes_through_small_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read_skeleton(NESTED)
    path = tmp_path / "mail"
    path.write_bytes(NESTED)
    for module in ("file_buffer", "header_fields", "part_tree", "address_count"):
        monkeypatch.setattr(f"imctool.readers.{module}.WINDOW", 64)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert read_skeleton(mapped) == expected
    assert file_buffer.WINDOW == 64


_PIECES = st.sampled_from(
    [
        b"\r\n", b"\n", b"\r", b"--a", b"--b", b"--", b"--a--", b"Content-Type: ",
        b"multipart/mixed; boundary=a", b'multipart/digest; boundary="b"', b"message/rfc822",
        b"text/plain; charset=", b"Content-Transfer-Encoding: base64", b"To: a@b", b" ", b"\0",
        b"x", b"\xff", b"From ", b":", b"quoted-printable",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(_PIECES, max_size=40).map(b"".join) | st.binary(max_size=100))
def test_no_bytes_raise_and_every_part_lies_in_the_message(text: bytes) -> None:
    skeleton = read_skeleton(text)
    assert skeleton.parts
    assert len(set(numbers(skeleton))) == len(skeleton.parts)
    for part in skeleton.parts:
        if not part.encoded:
            assert 0 <= part.header_offset <= part.offset
            assert part.offset + part.size <= len(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(_PIECES, max_size=40).map(b"".join))
def test_the_result_does_not_depend_on_what_follows_the_end(text: bytes) -> None:
    assert read_skeleton(text + b"\r\n--a\r\nX: y\r\n", 0, len(text)) == read_skeleton(text)


_LINES = st.sampled_from(
    ["Subject: x", " y", "\t", "To: a@b,", "Content-Type: multipart/mixed; boundary=b", "--b",
     "", "X :y", "no field", "Content-Type:", "A:\0", "--b: c", "Cc:", " \t(c", "\xe9: z", "Q:\r"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(_LINES, max_size=20).map("\r\n".join))
def test_the_quick_way_through_a_header_reads_what_the_careful_one_does(text: str) -> None:
    raw = text.encode("latin-1") + b"\r\n\r\n--b\r\nX: y\r\n\r\n--b--\r\n"
    quick = read_skeleton(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("imctool.readers.mime_skeleton._SHORT_HEADER", 0)
        patch.setattr("imctool.readers.part_tree._SHORT_HEADER", 0)
        assert read_skeleton(raw) == quick


def test_a_short_header_of_very_many_fields_is_cut_too() -> None:
    skeleton = read_skeleton(b"A:\r\n" * 1500 + b"\r\n")
    assert len(skeleton.headers) == 1000
