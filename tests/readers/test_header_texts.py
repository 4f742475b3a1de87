"""The texts of header fields: encoded-words, named parameters, raw bytes, and hostile headers."""

from __future__ import annotations

import base64
import email
import email.header
import email.message
import email.utils
import mmap
import time
from collections.abc import Iterator
from email.errors import HeaderParseError
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.model.evidence import Location
from imctool.model.mail import Envelope, MailFormat, Part, Skeleton, SpoolFile
from imctool.model.text_sample import HeaderText
from imctool.readers.encoded_words import encoded_words
from imctool.readers.header_texts import FIELD_LIMIT, RAW_LIMIT, TEXT_LIMIT, header_texts
from imctool.readers.spool_file import spool_file_from_buffer
from tests.spool_builder import imcr_envelope


def texts_of(content: bytes) -> tuple[HeaderText, ...]:
    mail = spool_file_from_buffer(content, Location("IN/NSBA3BR3"))
    return header_texts(content, mail)


def subject_texts(value: str | bytes) -> list[tuple[str | None, bytes, bool]]:
    """Return label, content and form of the texts of one Subject."""
    raw = value.encode("latin-1") if isinstance(value, str) else value
    found = texts_of(imcr_envelope() + b"Subject: " + raw + b"\r\nTo: a@b.c\r\n\r\ntext\r\n")
    assert all((text.name, text.part) == ("Subject", "") for text in found)
    return [(text.label, text.content, text.well_formed) for text in found]


def disposition_texts(parameters: str) -> list[tuple[str | None, bytes, bool]]:
    """Return the same of the Content-Disposition of the only part of a multipart."""
    content = (
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        f"Content-Disposition: attachment; {parameters}\r\n\r\nx\r\n--b--\r\n"
    ).encode("latin-1")
    found = texts_of(content)
    assert all((text.name, text.part) == ("Content-Disposition", "1") for text in found)
    return [(text.label, text.content, text.well_formed) for text in found]


def test_plain_mail_has_none() -> None:
    content = imcr_envelope() + b"Subject: is it 2=?\r\nX-Stars: *** a*=b\r\n\r\n=?x?q?body?=\r\n"
    assert texts_of(content) == ()


def test_a_word_in_a_subject_tells_its_charset_and_its_bytes() -> None:
    assert subject_texts("=?iso-8859-1?Q?Angebot_f=FCr?= week 41") == [
        ("iso-8859-1", b"Angebot f\xfcr", True)
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=?KOI8-R?b?0NLJ18XU?=", ("KOI8-R", b"\xd0\xd2\xc9\xd7\xc5\xd4", True)),
        ("=?us-ascii*EN?q?Keith?=", ("us-ascii", b"Keith", True)),
        ("=?*en?q?Keith?=", ("", b"Keith", True)),
        ("=??Q?x?=", ("", b"x", True)),
        ("=? ?Q?x?=", ("", b"x", True)),
        ("=?utf-8?Q??=", ("utf-8", b"", True)),
        ("=?utf-8?B??=", ("utf-8", b"", True)),
        ("=?iso-8859-1?Q?two words?=", ("iso-8859-1", b"two words", True)),
        ("=?iso-8859-1?Q?why? =E9?=", ("iso-8859-1", b"why? \xe9", True)),
        ("=?iso-8859-1?Q?why?=E9t=E9?=", ("iso-8859-1", b"why?\xe9t\xe9", True)),
        ("=?iso-8859-1?Q?a=zz=e9=?=", ("iso-8859-1", b"a=zz\xe9=", False)),
        ('"=?big5?B?pKSk5Q==?=" (x)', ("big5", b"\xa4\xa4\xa4\xe5", True)),
        ("a@b.c (=?iso-8859-2?Q?=A3?=)", ("iso-8859-2", b"\xa3", True)),
        ("=?big5?B?pKSk5Q?=", ("big5", b"\xa4\xa4\xa4\xe5", True)),
        ("=?big5?B?pKSk5Q==pKQ=?=", ("big5", b"\xa4\xa4\xa4\xe5\xa4\xa4", False)),
        ("=?big5?B?pKS-k5Q==?=", ("big5", b"\xa4\xa4\xa4\xe5", False)),
        ("=?big5?B?pKSkp?=", ("big5", b"\xa4\xa4\xa4", False)),
        ("=?x-foo?Q?" + "long_" * 60 + "?=", ("x-foo", b"long " * 60, True)),
    ],
)
def test_words_as_real_mail_writes_them(value: str, expected: tuple[str, bytes, bool]) -> None:
    assert subject_texts(value) == [expected]


@pytest.mark.parametrize(
    "value",
    ["=?utf-8?Q?never closed", "=?utf-8?X?abc?=", "=?utf-8?Q", "=??=", "what =? b ?= c", "?=?="],
)
def test_what_is_no_word_is_none(value: str) -> None:
    assert subject_texts(value) == []


def test_a_word_not_closed_before_the_next_opens_is_none() -> None:
    assert subject_texts("=?utf-8?B?4pyT =?iso-8859-1?Q?=E9?=") == [("iso-8859-1", b"\xe9", True)]
    assert subject_texts("=?a?q?x=?iso-8859-1?Q?=E9?=") == [("iso-8859-1", b"\xe9", True)]


def test_words_written_without_a_blank_between_are_two() -> None:
    assert subject_texts("=?utf-8?Q?a?==?big5?Q?b?=") == [
        ("utf-8", b"a", True),
        ("big5", b"b", True),
    ]
    assert subject_texts("=?utf-8?Q?a?=bc=?utf-8?Q?d?=") == [("utf-8", b"a d", True)]


def test_a_character_split_over_two_folded_words_comes_out_whole() -> None:
    value = "=?Shift_JIS?B?k/o=?=\r\n =?shift_jis?Q?=96?=\r\n\t=?Shift_JIS?Q?=7B?= x"
    assert subject_texts(value) == [("Shift_JIS", "日本".encode("cp932"), True)]


def test_words_that_are_not_adjacent_are_kept_apart() -> None:
    value = "=?gbk?Q?=D6?= and =?gbk?Q?=D0?= =?utf-8?Q?x?= =?gbk?Q?=D0_?="
    assert subject_texts(value) == [("gbk", b"\xd6 \xd0 \xd0 ", True), ("utf-8", b"x", True)]


def test_one_bad_word_makes_the_text_of_its_label_bad_and_no_other() -> None:
    value = "=?gbk?Q?=D6=?= =?utf-8?Q?x?= =?gbk?Q?=D0?="
    assert subject_texts(value) == [("gbk", b"\xd6= \xd0", False), ("utf-8", b"x", True)]


def test_a_fold_within_a_word_is_a_blank_of_q_and_nothing_of_b() -> None:
    assert subject_texts("=?big5?B?pKSk\r\n 5Q==?=") == [("big5", b"\xa4\xa4\xa4\xe5", True)]
    assert subject_texts("=?utf-8?Q?one\r\n two?=") == [("utf-8", b"one two", True)]


def test_every_field_counts_and_one_name_may_come_twice() -> None:
    content = (
        b"From: =?iso-8859-1?Q?J=F6rg?= <j@x.y>\r\nX-Note: =?utf-7?Q?+AOk-?=\r\n"
        b"To: =?utf-8?Q?a?= <a@x>\r\nTo: =?utf-8?Q?b?= <b@x>\r\n\r\n"
    )
    assert texts_of(content) == (
        HeaderText("From", "", "iso-8859-1", b"J\xf6rg"),
        HeaderText("X-Note", "", "utf-7", b"+AOk-"),
        HeaderText("To", "", "utf-8", b"a"),
        HeaderText("To", "", "utf-8", b"b"),
    )


def test_raw_bytes_declare_nothing() -> None:
    assert subject_texts("caf\xe9\r\n au lait") == [(None, b"caf\xe9 au lait", True)]
    japanese = "会議".encode("iso2022_jp")
    assert subject_texts(japanese) == [(None, japanese, True)]


def test_raw_bytes_beside_a_word_are_told_after_it() -> None:
    value = "caf\xe9 =?iso-8859-2?Q?=A3?="
    assert subject_texts(value) == [
        ("iso-8859-2", b"\xa3", True),
        (None, value.encode("latin-1"), True),
    ]


def test_a_raw_byte_within_a_word_is_the_word_s_and_makes_it_bad() -> None:
    assert subject_texts("=?iso-8859-1?Q?caf\xe9?=") == [("iso-8859-1", b"caf\xe9", False)]


def test_of_a_long_raw_field_the_telling_piece_is_kept() -> None:
    name = "Gr\xf6\xdfe "
    (label, content, _), *others = subject_texts("plain " * 900 + name * 30)
    assert (label, content, others) == (None, (name * 30).strip()[2:].encode("latin-1"), [])
    (_, content, _), *_ = subject_texts("\xe9t\xe9 " * 1500)
    assert RAW_LIMIT - 8 < len(content) <= RAW_LIMIT
    assert content.endswith(b"\xe9t\xe9")


def test_a_field_cut_at_the_limit_ends_with_a_whole_word() -> None:
    japanese = "件名 ".encode()
    value = b"x" * (FIELD_LIMIT - 30) + b" " + japanese * 20
    (label, content, _), *others = subject_texts(value)
    assert (label, others) == (None, [])
    assert content.decode() == "件名 件名 件名 件名"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("filename*=iso-8859-2'pl'%B3%F3d%BC.txt", ("iso-8859-2", b"\xb3\xf3d\xbc.txt", True)),
        ("filename*=\"utf-8''%E2%82%AC.txt\"", ("utf-8", b"\xe2\x82\xac.txt", True)),
        ("filename*=''%E9.txt", ("", b"\xe9.txt", True)),
        ("filename*='en'plain.txt", ("", b"plain.txt", True)),
        ("FileName*=big5''a'b.txt", ("big5", b"a'b.txt", True)),
        ("filename*=utf-8''50%.txt", ("utf-8", b"50%.txt", False)),
        ("filename*=%E9.txt", (None, b"\xe9.txt", False)),
        ("x*1=%20b; x*0*=gbk''%D6; x*2*=%D0", ("gbk", b"\xd6%20b\xd0", True)),
        ("(c) filename*0*=koi8-r''%D0;\r\n filename*1*=%D2", ("koi8-r", b"\xd0\xd2", True)),
        ("filename*0*=koi8-r''a; filename*0*=utf-8''b", ("koi8-r", b"a", True)),
        ('filename="=?big5?B?pKSk5Q==?="', ("big5", b"\xa4\xa4\xa4\xe5", True)),
    ],
)
def test_parameters_of_a_part(parameters: str, expected: tuple[str | None, bytes, bool]) -> None:
    assert disposition_texts(parameters) == [expected]


@pytest.mark.parametrize(
    "parameters", ["filename*=plain.txt", "x*0=one; x*1=two", "a*b*=c''d", "x=\"filename*=a'b'c\""]
)
def test_parameters_without_a_charset_declare_nothing(parameters: str) -> None:
    assert disposition_texts(parameters) == []


def test_two_parameters_of_one_charset_are_one_text() -> None:
    assert disposition_texts("a*=utf-8''x; filename*=UTF-8''y; b*=big5''z") == [
        ("utf-8", b"x y", True),
        ("big5", b"z", True),
    ]


def test_a_parameter_of_the_message_itself_counts_but_a_subject_has_none() -> None:
    content = (
        b"Subject: filename*=utf-8''x\r\n"
        b"Content-Type: application/pdf; name*=utf-8''%C3%A9.pdf\r\n\r\nx\r\n"
    )
    assert texts_of(content) == (HeaderText("Content-Type", "", "utf-8", b"\xc3\xa9.pdf"),)


EMBEDDED = (
    "Subject: =?utf-8?Q?outer?=\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"
    "--o\r\nContent-Type: text/plain; name=f\xfcr.txt\r\n\r\na\r\n"
    "--o\r\nContent-Type: message/rfc822\r\nContent-Description: =?big5?Q?note?=\r\n\r\n{}\r\n"
    "--o\r\nContent-Description: =?koi8-r?Q?last?=\r\n\r\nz\r\n--o--\r\n"
)
INNER = (
    "Subject: =?gbk?Q?inner?=\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n"
    "--i\r\nContent-Description: =?euc-kr?Q?first?=\r\n\r\nb\r\n"
    "--i\r\nContent-Type: message/rfc822\r\n\r\nSubject: =?big5?Q?deepest?=\r\n\r\nc\r\n--i--\r\n"
)
EXPECTED = [
    ("", "utf-8", b"outer"),
    ("1", None, b"text/plain; name=f\xfcr.txt"),
    ("2", "big5", b"note"),
    ("2", "gbk", b"inner"),
    ("2.1", "euc-kr", b"first"),
    ("2.2", "big5", b"deepest"),
    ("3", "koi8-r", b"last"),
]


def test_headers_of_embedded_messages_belong_to_the_part_that_holds_them() -> None:
    content = imcr_envelope() + EMBEDDED.format(INNER).encode("latin-1")
    found = [(text.part, text.label, text.content) for text in texts_of(content)]
    assert found == EXPECTED


def test_a_message_that_holds_a_message_and_nothing_else() -> None:
    content = b"Content-Type: message/rfc822\r\n\r\n" + INNER.encode()
    found = [(text.part, text.label) for text in texts_of(content)]
    assert found == [("1", "gbk"), ("1.1", "euc-kr"), ("1.2", "big5")]


@pytest.mark.parametrize("levels", [1, 2, 5])
def test_encoded_messages_are_looked_into(levels: int) -> None:
    content = INNER
    for level in range(levels, 0, -1):
        hidden = base64.encodebytes(content.encode()).decode().replace("\n", "\r\n")
        content = (
            "Content-Type: multipart/mixed; boundary=e\r\n\r\n--e\r\nContent-Type: message/rfc822"
            f"\r\nContent-Transfer-Encoding: base64\r\n\r\n{hidden}\r\n"
            f"--e\r\nContent-Description: =?x-after-{level}?Q?x?=\r\n\r\nx\r\n--e--\r\n"
        )
    found = [(t.part, t.label) for t in texts_of(imcr_envelope() + content.encode())]
    inside = ".".join(["1"] * levels)
    after = [(".".join(["1"] * (n - 1) + ["2"]), f"x-after-{n}") for n in range(levels, 0, -1)]
    assert found == [
        (inside, "gbk"),
        (f"{inside}.1", "euc-kr"),
        (f"{inside}.2", "big5"),
        *after,
    ]


def test_quoted_printable_hides_a_message_too() -> None:
    hidden = INNER.replace("=", "=3D").replace(
        "Content-Type: multipart", "Content-=\r\nType: multipart"
    )
    outer = EMBEDDED.replace(
        "message/rfc822", "message/rfc822\r\nContent-Transfer-Encoding: quoted-printable"
    )
    content = outer.format(hidden).encode("latin-1")
    assert [(text.part, text.label, text.content) for text in texts_of(content)] == EXPECTED


def test_a_chain_of_encoded_messages_is_left_where_it_grows_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n"
    labels = ["x-level-0", "x-level-1", "x-level-2", "x-level-3"]
    content = body = "innermost\r\n"
    for label in reversed(labels):
        body = content.replace("=", "=3D")
        content = f"{head}X: =?{label}?Q?x?=\r\n\r\n{body}"
    assert [text.label for text in texts_of(content.encode())] == labels
    monkeypatch.setattr("imctool.readers.hidden_messages._OPEN_LIMIT", len(body))
    assert [text.label for text in texts_of(content.encode())] == labels[:2]


def test_parts_that_do_not_fit_the_bytes_do_no_harm() -> None:
    far = Part("2", "text/plain", None, "", 900, 1000, 5)
    lost = Part("3.1", "text/plain", None, "", 0, 50, 5, embedded=1, encoded=True)
    mail = SpoolFile(
        Location("x"), None, 9, Envelope(MailFormat.RFC822), Skeleton(parts=(far, far, lost))
    )
    assert header_texts(b"=?a?q?b?=", mail) == ()


@pytest.mark.slow
def test_a_header_of_megabytes_in_a_mapped_file(tmp_path: Path) -> None:
    path = tmp_path / "NSBA3BR3"
    to = b",\r\n ".join(b"user%07d@example.com" % number for number in range(70_000))
    part = b"Cc: " + to + b"\r\nContent-Description: =?gbk?Q?=D6=D0?=\r\n\r\nx\r\n"
    path.write_bytes(
        b"To: " + to + b"\r\nSubject: =?big5?B?pKSk5Q==?=\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + part + b"--b--\r\n"
    )
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
        mail = spool_file_from_buffer(buffer, Location("IN/NSBA3BR3"))
        found = header_texts(buffer, mail)
    assert found == (
        HeaderText("Subject", "", "big5", b"\xa4\xa4\xa4\xe5"),
        HeaderText("Content-Description", "1", "gbk", b"\xd6\xd0"),
    )


def test_no_more_texts_than_the_limit() -> None:
    part = "--b\r\nContent-Description: =?a?Q?x?= =?b?Q?x?= =?c?Q?x?=\r\n\r\nx\r\n"
    content = f"Content-Type: multipart/mixed; boundary=b\r\n\r\n{part * 900}--b--\r\n"
    found = texts_of(content.encode())
    assert len(found) == TEXT_LIMIT
    assert [text.label for text in found[:4]] == ["a", "b", "c", "a"]
    assert found[-1].part == "334"
    header = "".join(f"X: =?a{number}?Q?x?= =?b?Q?x?=\r\n" for number in range(900))
    found = texts_of(header.encode() + content.encode())
    assert len(found) == TEXT_LIMIT
    assert (found[-1].part, found[-1].label) == ("", "b")


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    ["=?", "=?a?q?", "=?a?q? ", "=?a?q??=41", "=?a?q?x?=", "?=", "=?a?q?=", "=?a*?b?=A?=", "=? "],
)
def test_a_megabyte_of_anything_takes_linear_time(piece: str) -> None:
    value = piece * ((1 << 20) // len(piece))
    start = time.perf_counter()
    count = sum(1 for _ in encoded_words(value))
    for wrapped in (value, "\xe9=?a?b?" + value, f"=?a?q?{value}?="):
        texts_of(b"Subject: " + wrapped.encode("latin-1") + b"\r\n\r\n")
        part = f"Content-Disposition: a; x*={wrapped}".encode("latin-1")
        texts_of(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + part + b"\r\n\r\nx")
    assert count <= len(value)
    assert time.perf_counter() - start < 5


@given(st.binary(max_size=400), st.integers(min_value=0, max_value=3))
def test_any_bytes_whatever(noise: bytes, place: int) -> None:
    places = [b"\x1b=?utf-8?B?", b"\r\nSubject: =?", b"b; filename*0*=''", b"\r\n--b\r\n\xff: "]
    content = b"Content-Type: multipart/mixed; boundary=b\r\nX: " + places[place] + noise
    for one in (noise, content, content.replace(b"multipart/mixed", b"message/rfc822")):
        for text in texts_of(one):
            assert len(text.content) <= FIELD_LIMIT
            assert text.label is None or text.label == text.label.strip()


@given(st.text(alphabet=" =?_*'\"\\()%;0aBqQé\t\x1b", max_size=80))
def test_any_value_gives_words_in_order_within_it(value: str) -> None:
    end = 0
    for word in encoded_words(value):
        assert end <= word.start < word.end <= len(value)
        end = word.end
        assert value[word.start : end].startswith("=?")
        assert value[:end].endswith("?=")
    disposition_texts(value.replace("\x1b", ""))


ALPHABETS = {
    "iso-8859-1": "aé ÿß_?=",
    "iso-8859-5": "яЖ a-",
    "koi8-r": "яЖ a-",
    "windows-1251": "яЖ a-",
    "utf-8": "aé€ж日 _?",
    "shift_jis": "日本語 a",
    "cp932": "日本語ｱ a",
    "iso-2022-jp": "日本語 ab",
    "big5": "中文許 a",
    "gb2312": "中文汉 a",
    "euc-kr": "한글 a",
}
"""Charset: what texts in it are made of."""


@st.composite
def charset_and_text(draw: st.DrawFn) -> tuple[str, str]:
    charset = draw(st.sampled_from(sorted(ALPHABETS)))
    return charset, draw(st.text(ALPHABETS[charset], min_size=1, max_size=120))


@given(charset_and_text(), st.booleans())
def test_words_made_by_the_standard_library_give_the_text_back(
    made: tuple[str, str], folded: bool
) -> None:
    charset, text = made
    length = 76 if folded else 10_000
    value = email.header.Header(f"é{text}x" if charset == "utf-8" else f"{text}x", charset)
    encoded = value.encode(maxlinelen=length, linesep="\r\n")
    if "=?" not in encoded:
        return  # plain text needs no words
    ((label, content, well_formed),) = subject_texts(encoded)
    assert label is not None
    assert well_formed
    decoded = email.header.decode_header(encoded)
    assert [(content, label.lower())] == decoded
    assert text in content.decode(label)  # the library writes iso-2022-jp for shift_jis


@given(charset_and_text(), st.sampled_from("BQbq"), st.lists(st.integers(1, 60), max_size=4))
def test_words_cut_between_any_two_bytes_agree_with_the_standard_library(
    made: tuple[str, str], encoding: str, cuts: list[int]
) -> None:
    charset, text = made
    raw = text.encode(charset)
    edges = [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
    words = []
    for first, last in pairwise(edges):
        piece = raw[first:last]
        if encoding in "Bb":
            encoded = base64.b64encode(piece).decode()
        else:
            encoded = "".join(f"={byte:02X}" for byte in piece).replace("=20", "_")
        words.append(f"=?{charset}?{encoding}?{encoded}?=")
    value = "\r\n ".join(words)
    assert subject_texts(value) == [(charset, raw, True)]
    assert email.header.decode_header(value.replace("\r\n", "")) == [(raw, charset)]


@given(charset_and_text(), st.integers(min_value=1, max_value=20))
def test_parameters_agree_with_the_standard_library(made: tuple[str, str], length: int) -> None:
    charset, text = made
    raw = text.encode(charset)
    pieces = [raw[at : at + length] for at in range(0, len(raw), length)]
    sections = [
        f"filename*{number}*={charset + chr(39) * 2 if number == 0 else ''}"
        f"{quote_from_bytes(piece, safe='')}"
        for number, piece in enumerate(pieces)
    ]
    parameters = ";\r\n ".join(sections)
    assert disposition_texts(parameters) == [(charset, raw, True)]
    message = email.message_from_string(f"Content-Disposition: a; {parameters}\r\n\r\n")
    told = message.get_param("filename", header="content-disposition")
    assert isinstance(told, tuple)
    assert told[0] == charset
    assert email.utils.collapse_rfc2231_value(told) == raw.decode(charset)


def oracle(content: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Yield field, label and bytes of the encoded-words that the standard library decodes."""
    for message in email.message_from_bytes(content).walk():
        for name, value in message.raw_items():
            if "=?" not in str(value):
                continue
            try:
                pieces = email.header.decode_header(str(value))
            except HeaderParseError:
                continue
            joined: dict[str, list[bytes]] = {}
            for piece, label in pieces:
                if label is not None:
                    joined.setdefault(label.partition("*")[0], []).append(piece)
            yield from ((name, label, b" ".join(found)) for label, found in joined.items())


@pytest.mark.slow
def test_the_samples_agree_with_the_standard_library(samples: Path) -> None:
    folders = ("ims-messages", "ims-bodies", "mime/mime4j", "ndr")
    paths = sorted(path for folder in folders for path in (samples / folder).rglob("*"))
    words = declared = 0
    raw: set[str] = set()
    for path in paths:
        if not path.is_file() or path.suffix in {".xml", ".txt", ".md", ".json"}:
            continue
        content = path.read_bytes()
        found = texts_of(content)
        told = [(t.name, t.label.lower(), t.content) for t in found if t.label is not None]
        for text in oracle(content):
            assert text in told, path.name
            words += 1
        declared += len(told)
        raw |= {text.name for text in found if text.label is None}
    assert words >= 18
    assert declared == words + 2  # two file names by RFC 2231, which the oracle does not look at
    assert raw == {"X-MimeOLE"}
