"""The lines of a mail's texts that can tell a charset: which are taken, and how many of them."""

from __future__ import annotations

import base64
import binascii
import mmap
import quopri
import random
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imctool.knowledge.charsets import find_charset
from imctool.model.evidence import Location
from imctool.model.mail import Part, SpoolFile
from imctool.model.text_sample import SAMPLE_LIMIT, TextSample
from imctool.readers import text_samples as reader
from imctool.readers.spool_file import spool_file_from_buffer
from imctool.readers.text_samples import text_samples
from tests.spool_builder import spool_file


def mail_of(text: bytes) -> SpoolFile:
    return spool_file_from_buffer(text, Location("NSBA3BR3"))


def samples_of(text: bytes) -> tuple[TextSample, ...]:
    return text_samples(text, mail_of(text))


def mail(body: bytes, label: str | None = "iso-8859-1", encoding: str = "8bit") -> bytes:
    kind = "text/plain" if label is None else f'text/plain; charset="{label}"'
    header = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return b"Subject: x\r\n" + header.encode() + body


def sample_of(body: bytes, label: str | None = "iso-8859-1", encoding: str = "8bit") -> TextSample:
    (sample,) = samples_of(mail(body, label, encoding))
    return sample


UMLAUTS = "Guten Tag,\r\nschöne Grüße aus Köln.\r\nBye\r\n".encode("latin-1")
GRUESSE = "schöne Grüße aus Köln.\r\n".encode("latin-1")


def test_only_the_lines_with_8_bit_bytes_are_taken() -> None:
    text = spool_file(mail(UMLAUTS))
    (sample,) = samples_of(text)
    assert sample == TextSample("1", "text/plain", "iso-8859-1", GRUESSE)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("base64", base64.encodebytes(UMLAUTS)),
        ("quoted-printable", quopri.encodestring(UMLAUTS)),
        ("x-uuencode", b"begin 644 a.txt\n" + binascii.b2a_uu(UMLAUTS[:45]) + b"`\nend\n"),
    ],
)
def test_the_transfer_encoding_is_undone(encoding: str, body: bytes) -> None:
    assert sample_of(body, encoding=encoding).content.rstrip() == GRUESSE.rstrip()


@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64"])
@pytest.mark.parametrize(
    "line",
    [
        b"Call +49 221, a+b, C++ and ~ or {x} of 1~2",
        b"\t=3D and =20",
    ],
)
def test_plain_ascii_tells_nothing(encoding: str, line: bytes) -> None:
    body = base64.b64encode(line) if encoding == "base64" else line + b"\r\n"
    sample = sample_of(body, encoding=encoding)
    assert sample.content == b""
    assert not sample.cut
    assert not sample.open_end


@pytest.mark.parametrize(
    "line",
    [
        b"\x1b$B$3$s$K$A$O\x1b(B\n",  # ISO-2022-JP
        b"\x0e0!\x0f\n",  # the shifts of ISO-2022-KR
        b"~{VPND~}\n",  # HZ
        b"Gr+APwA3w-e\n",  # UTF-7
        b"to +AGE at the end\n",
        b"\xa4\xb3\n",  # EUC-JP
    ],
)
@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64"])
def test_escapes_of_7_bit_charsets_tell_as_8_bit_bytes_do(line: bytes, encoding: str) -> None:
    body = b"plain\n" + line + b"plain\n"
    if encoding == "base64":
        body = base64.encodebytes(body)
    elif encoding == "quoted-printable":
        body = b"".join(b"=%02X" % byte if byte != 10 else b"\n" for byte in body)
    assert sample_of(body, None, encoding).content == line


def test_a_soft_line_break_does_not_hide_an_escape() -> None:
    assert sample_of(b"a ~=\r\n{VP~}\r\n", None, "quoted-printable").content == b"a ~{VP~}\r\n"


def test_the_header_line_of_iso_2022_kr_comes_first() -> None:
    body = b"\x1b$)C\r\nHello\r\n\x0e0!\x0f\r\nBye\r\n"
    assert sample_of(body, None).content == b"\x1b$)C\r\n\x0e0!\x0f\r\n"


def test_hz_over_several_lines_is_taken_up_to_its_end() -> None:
    body = b"Hi\n~{VPND\nVPND\nVPND~}\nBye\n"
    assert sample_of(body, "hz-gb-2312").content == b"~{VPND\nVPND\nVPND~}\n"


def test_an_opening_of_hz_without_its_end_takes_no_other_line() -> None:
    body = b"if x ~{ y\n" + b"and more plain text\n" * 400 + b"~}\nx ~} y\n"
    assert sample_of(body, None).content == b"if x ~{ y\n"


def test_text_without_a_line_end_at_the_end_is_told() -> None:
    sample = sample_of(b"plain\r\nGr\xfc\xdfe")
    assert sample.content == b"Gr\xfc\xdfe"
    assert sample.open_end
    assert not sample_of(b"Gr\xfc\xdfe\r\nplain").open_end


def test_the_parts_of_a_multipart_come_in_their_order() -> None:
    text = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\n\xe4\r\n"
        b'--b\r\nContent-Type: text/html; charset=""; name=a.htm\r\n\r\n<p>\xf6\r\n'
        b"--b\r\nContent-Type: image/gif\r\n\r\n\xff\xff\r\n"
        b"--b\r\n\r\n\xfc\r\n--b--\r\n"
    )
    assert samples_of(text) == (
        TextSample("1", "text/plain", None, b"\xe4", open_end=True),
        TextSample("2", "text/html", "", b"<p>\xf6", open_end=True, attachment=True),
        TextSample("4", "text/plain", None, b"\xfc", open_end=True),
    )


def test_the_texts_of_embedded_and_digested_messages_are_told_as_such() -> None:
    text = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\n\xe4\r\n"
        b"--b\r\nContent-Type: multipart/digest; boundary=d\r\n\r\n"
        b"--d\r\n\r\nSubject: one\r\n\r\n\xf6\r\n"
        b"--d\r\nContent-Type: text/plain\r\n\r\n\xd6\r\n"
        b"--d\r\n\r\nContent-Type: multipart/mixed; boundary=e\r\n\r\n"
        b"--e\r\n\r\n\xfc\r\n--e--\r\n--d--\r\n"
        b"--b\r\n\r\n\xdf\r\n--b--\r\n"
    )
    told = [(one.part, one.content, one.embedded, one.in_digest) for one in samples_of(text)]
    assert told == [
        ("1.1", b"\xe4", 1, False),
        ("2.1.1", b"\xf6", 1, True),
        ("2.2", b"\xd6", 0, False),
        ("2.3.1", b"\xfc", 1, True),
        ("3", b"\xdf", 0, False),
    ]


def test_a_digest_that_is_the_whole_message_has_its_members_told() -> None:
    text = (
        b"Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: a\r\n\r\n\xf6\r\n"
        b"--d\r\n\r\nContent-Type: message/rfc822\r\n\r\nSubject: b\r\n\r\n\xfc\r\n--d--\r\n"
    )
    assert [(one.part, one.in_digest) for one in samples_of(text)] == [
        ("1.1", True),
        ("2.1.1", True),
    ]


def test_texts_of_messages_that_an_encoding_hides_are_found() -> None:
    inmost = mail("größer\r\n".encode("latin-1"))
    inner = (
        b"Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nSch\xf6n\r\n"
        b"--i\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n" + quopri.encodestring(inmost) + b"\r\n--i\r\n\r\nSp\xe4t\r\n--i--\r\n"
    )
    text = (
        b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(inner)
        + b"--o\r\n\r\nau\xdfen\r\n--o--\r\n"
    )
    assert [(one.part, one.content.rstrip(), one.embedded) for one in samples_of(text)] == [
        ("1.1", b"Sch\xf6n", 1),
        ("1.2.1", b"gr\xf6\xdfer", 2),
        ("1.3", b"Sp\xe4t", 1),
        ("2", b"au\xdfen", 0),
    ]


def test_a_uuencoded_file_in_a_mail_without_mime_is_left_out() -> None:
    content = random.Random(5).randbytes(9000)
    lines = [binascii.b2a_uu(content[at : at + 45]) for at in range(0, 9000, 45)]
    file = b"begin 644 report.doc\n" + b"".join(lines) + b"`\nend\n"
    for text in (b"Gr\xfc\xdfe\n", b""):
        (sample,) = samples_of(b"Subject: x\n\n" + text + file + text)
        assert sample.content == text * 2
        assert sample.left_out
        assert sample_of(text + file, encoding="8-bit").content == text  # no such encoding
    assert not sample_of(b"begin 644 x\nGr\xfc\xdfe\n").left_out


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-32", "cp500"])
def test_the_head_of_a_text_that_is_no_ascii_is_taken(codec: str) -> None:
    content = ("plain text\r\n" * 1000).encode(codec)
    sample = sample_of(base64.encodebytes(content), codec.removesuffix("-le"), "base64")
    assert sample.content == content[:SAMPLE_LIMIT]
    assert sample.cut is (len(content) > SAMPLE_LIMIT)


def test_a_byte_order_mark_tells_utf_16_whatever_the_label() -> None:
    content = "x\r\n".encode("utf-16")
    assert sample_of(content + b"\0").content == content
    assert sample_of(content, None).content == content
    assert sample_of("Grüße, plain\nplain\n".encode("utf-8-sig"), None).content.count(b"\n") == 1


@pytest.mark.parametrize("label", ["unicode-1-1-utf-7", "unicode-2-0-utf-8", "ibm850", "cp437"])
def test_labels_that_merely_resemble_those_of_utf_16_and_ebcdic(label: str) -> None:
    assert sample_of(b"plain\r\n", label).content == b""


@pytest.mark.parametrize(
    "label", ["UTF-16BE", "'ucs-2'", "unicodeFFFE", "csUnicode", "utf_16", "iso-10646-ucs-2",
              "ibm037", "CP500", "x-EBCDIC-Germany", "ibm01140", "IBM-Thai", "cp1026",
              "ebcdic-cp-us", "ibm273", "utf-32", "ISO-10646-UCS-4"],
)  # fmt: skip
def test_labels_of_charsets_that_are_no_ascii(label: str) -> None:
    assert sample_of(b"plainly.", label).content == b"plainly."


def test_the_labels_agree_with_the_tables() -> None:
    for name in (*(f"cp{number}" for number in range(1300)), "utf-16", "utf-32", "koi8-r", "hz"):
        charset = find_charset(name)
        if charset is not None and charset.codec is not None:
            is_ascii = b"plain+/~{".decode(charset.codec, "replace") == "plain+/~{"
            assert (sample_of(b"plain..\n", name).content == b"") is is_ascii or name == "hz", name


def test_no_more_than_the_limit_is_taken_and_in_whole_lines() -> None:
    line = b"\xc4" * 99 + b"\n"
    full = sample_of(line * 400)
    assert full.cut
    assert full.content == line * (SAMPLE_LIMIT // 100)
    assert not full.open_end
    assert not sample_of(line * (SAMPLE_LIMIT // 100) + b"plain\n" * 9999).cut


def test_once_the_sample_is_full_no_more_is_decoded() -> None:
    line = b"\xc4" * 57 + b"\n"
    body = base64.encodebytes(line * 1000) + b"A" * 3_000_000
    text = mail(body, encoding="base64")
    found = mail_of(text)
    (part,) = found.skeleton.parts

    class Read(bytes):
        furthest = 0

        def __getitem__(self, key: object) -> bytes:  # type: ignore[override]
            assert isinstance(key, slice)
            Read.furthest = max(Read.furthest, key.stop)
            return super().__getitem__(key)

    (sample,) = text_samples(Read(text), found)
    assert sample.cut
    assert Read.furthest < part.offset + 200_000


@pytest.mark.parametrize("size", [1, 700, 1 << 16])
def test_a_long_line_is_taken_from_shortly_before_what_tells(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_BLOCK", size)
    monkeypatch.setattr(reader, "_is_plain_part", lambda *_: False)
    telling = b" Gr\xfc\xdfe" + b"x" * 100
    line = b"<p>" * 2000 + b"at one" + telling + b"\r\n"
    sample = sample_of(b"plain\n" + line + b"plain\n" + line[:-2])
    assert sample.content == telling + b"\r\n" + telling
    assert sample.open_end
    assert sample_of(b"x" * 5000 + b"\xfc.\n").content == b"\xfc.\n"
    endless = sample_of(b"\xfc" + b"x" * 50_000)
    assert endless.content == b"\xfc" + b"x" * (SAMPLE_LIMIT - 1)
    assert endless.cut
    assert not endless.open_end


def test_a_mapped_file_gives_the_same_as_bytes(tmp_path: Path) -> None:
    text = mail(b"plain line\n" * 300_000 + b"Gr\xfc\xdfe\n" + b"plain\n" * 100_000, None)
    path = tmp_path / "NSBA3BR3"
    path.write_bytes(text)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        (sample,) = text_samples(mapped, mail_of(text))
    assert sample.content == b"Gr\xfc\xdfe\n"


def test_offsets_beyond_the_file_give_what_there_is() -> None:
    text = mail(b"Gr\xfc\xdfe")
    found = mail_of(text)
    (part,) = found.skeleton.parts
    for changed in (
        replace(part, size=10**9),
        replace(part, offset=10**9),
        replace(part, offset=-3, size=2),
        replace(part, encoded=True),
    ):
        damaged = replace(found, skeleton=replace(found.skeleton, parts=(changed,)))
        (sample,) = text_samples(text, damaged)
        assert len(sample.content) <= len(text)


@pytest.mark.parametrize(
    "piece",
    [b"~{\n", b"~{", b"~{a\nb\n", b"+", b"+ab ", b"\r", b"\n", b"\x0e\n", b"a\xfc", b"=\r\n"],
)
def test_a_million_bytes_of_anything_take_no_long_time(piece: bytes) -> None:
    body = piece * (1_000_000 // len(piece))
    began = time.perf_counter()
    for encoding in ("8bit", "quoted-printable", "base64"):
        assert len(sample_of(body, None, encoding).content) <= SAMPLE_LIMIT
    assert time.perf_counter() - began < 10


PIECES = st.lists(
    st.sampled_from(
        [b"plain ", b"\n", b"\r\n", b"\r", b"\xfc", b"\xa4\xb3", b"\x1b$B", b"\x1b(B", b"+AGE-",
         b"+", b"ab", b"~", b"x" * 500, b"\0", b"=", b"=\r\n", b"=C3", b"-", b"\x0e", b"\xff\xfe"]
    )
    | st.binary(max_size=8),
    max_size=60,
).map(b"".join)  # fmt: skip

TELLING = re.compile(rb"[\x80-\xff\x1b\x0e\x0f]|~\{|\+[A-Za-z0-9+/]{3}")


def sampled(body: bytes, encoding: str, block: int) -> TextSample:
    before = reader._BLOCK
    try:
        reader._BLOCK = block
        text = b"\n" + body
        part = Part("1", "text/plain", None, encoding, 0, 1, len(body))
        found = mail_of(b"\n")
        return text_samples(text, replace(found, skeleton=replace(found.skeleton, parts=(part,))))[
            0
        ]
    finally:
        reader._BLOCK = before


@given(PIECES, st.integers(1, 600))
@example(b"a" * 4096 + b"\r" + b"\xfc\r\n", 1)
@example(b"\xfc" * 4096 + b"\r" + b"b\xfc\r\n", 1)
@example(b"\xfc" * 4097 + b"\r" + b"b\xfc\r\n", 4098)
@example(b"x" * 5000 + b"\r\xfc", 5001)
def test_the_sample_is_the_same_for_blocks_of_any_size(body: bytes, block: int) -> None:
    for encoding in ("8bit", "base64", "quoted-printable"):
        whole = sampled(body, encoding, 1 << 16)
        assert sampled(body, encoding, block) == whole
        assert len(whole.content) <= SAMPLE_LIMIT


@given(PIECES)
def test_the_sample_holds_all_telling_lines_as_long_as_they_fit(body: bytes) -> None:
    body = b"." + re.sub(rb"~[{}]", b"~", body)
    lines = [line for line in body.splitlines(keepends=True) if TELLING.search(line)]
    sample = sampled(body, "8bit", 1 << 16)
    if all(len(line) <= reader.LONG_LINE for line in lines):
        assert sample.content == b"".join(lines)
        assert not sample.cut
    in_base64 = sampled(base64.encodebytes(body), "base64", 1 << 16)
    assert in_base64 == sample


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 300), st.booleans()), min_size=60, max_size=250))
def test_a_sample_that_is_cut_holds_the_first_lines_whole(shape: list[tuple[int, bool]]) -> None:
    lines = [b"x" * length + b"\xfc" * tells + b"\n" for length, tells in shape]
    telling = [line for line in lines if not line.isascii()]
    sample = sampled(b"".join(lines), "8bit", 1 << 16)
    taken = sample.content.splitlines(keepends=True)
    assert taken == telling[: len(taken)]
    assert sample.cut is (len(taken) < len(telling))
    assert sample.cut is (sum(map(len, telling)) > SAMPLE_LIMIT)


@given(PIECES, PIECES, st.sampled_from(["base64", "quoted-printable", "8bit", "x-uue", "?"]))
def test_any_bytes_for_a_mail_give_samples(first: bytes, second: bytes, encoding: str) -> None:
    text = (
        b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: " + encoding.encode()
        + b"\r\n\r\n" + first + b"\r\n--b\r\nContent-Type: text/" + second + b"\r\n--b--"
    )  # fmt: skip
    for raw in (text, first + second):
        for sample in samples_of(raw):
            assert len(sample.content) <= SAMPLE_LIMIT


@pytest.mark.slow
def test_real_messages_give_samples_of_all_their_texts(samples: Path) -> None:
    read = telling = 0
    for path in sorted(samples.rglob("*")):
        if not path.is_file() or path.stat().st_size > 1 << 20:
            continue
        text = path.read_bytes()
        if not text:
            continue
        found = mail_of(text)
        taken = text_samples(text, found)
        texts = [one for one in found.skeleton.parts if one.content_type.startswith("text/")]
        assert [one.part for one in taken] == [one.number for one in texts]
        for sample in taken:
            assert all(map(TELLING.search, sample.content.splitlines())) or b"~{" in sample.content
            telling += bool(sample.content)
        read += 1
    assert read > 50
    assert telling > 10
