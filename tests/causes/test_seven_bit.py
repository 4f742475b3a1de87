"""Charsets of 7-bit bytes: told where they are, and not where prose only looks like them."""

from __future__ import annotations

import base64
import binascii
import random
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.causes.seven_bit import HZ, JAPANESE, KOREAN, UTF_7, seven_bit_codec
from imctool.knowledge.windows_text import windows_decode

JAPANESE_TEXT = "会議は明日です。カタカナ、ひらがな"
CHINESE_TEXT = "你好，我们明天开会。"
KOREAN_TEXT = "안녕하세요, 내일 만나요"


def test_the_escapes_of_japan_tell_iso_2022_jp() -> None:
    assert seven_bit_codec(JAPANESE_TEXT.encode("iso2022_jp")) == JAPANESE
    assert seven_bit_codec(b"\x1b$@F|K\\8l\x1b(J") == JAPANESE  # JIS C 6226 of 1978
    assert seven_bit_codec(b"kana \x1b(I1234\x1b(B") == JAPANESE
    assert seven_bit_codec("丂丄".encode("iso2022_jp_1")) == JAPANESE


def test_the_designator_of_korea_tells_iso_2022_kr() -> None:
    assert seven_bit_codec(KOREAN_TEXT.encode("iso2022_kr")) == KOREAN
    assert seven_bit_codec(b"\x1b$)C\r\nno Korean follows\r\n") == KOREAN


def test_broken_escapes_and_those_of_other_sets_are_nothing_known() -> None:
    assert seven_bit_codec(b"\x1b$BF|K\\8\x1b(B half a character") is None
    assert seven_bit_codec(b"\x1b$)A\x0e<:Ky\x0f") is None  # ISO-2022-CN


@pytest.mark.parametrize(
    "content",
    [
        b"\x1b[31mred\x1b[0m", b"\x1b(B", b"\x1b", b"\x1b=\x1b>", b"\x1bc", b"\x1b&l0O\x1b(8U",
        b"\x1b]0;title\x07", b"\x0e\x0f", b"\x0eshifted out\x0f",
    ],
)  # fmt: skip
def test_escapes_of_terminals_and_printers_are_ascii(content: bytes) -> None:
    assert seven_bit_codec(content) == "ascii"


def test_hz_is_told_by_pairs_between_its_braces() -> None:
    assert seven_bit_codec(CHINESE_TEXT.encode("hz")) == HZ
    assert seven_bit_codec(b"Chinese: ~{<:Ky2;~} and a tilde ~~\n") == HZ


@pytest.mark.parametrize(
    "content",
    [
        b"rm ~{a,b}~ and ~{}~} there", b"~{", b"~{abc~}", b"~{ab cd~}", b"cp ~/{a,b} ~root",
        b"Fig.~{\\ref{one}}~and Table~{\\ref{two}}", b"~{~}~{~}~{~}", b"~{~~~~}", b"~{****~}",
        b"see ~{draft} ~} and ~~", b"my %h = (~{x} => 1); $y =~ s/~{/~}/;",
    ],
)  # fmt: skip
def test_tildes_and_braces_alone_are_not_hz(content: bytes) -> None:
    assert seven_bit_codec(content) == "ascii"


@pytest.mark.parametrize(
    "text",
    [
        "Schöne Grüße aus Köln", "déjà vu", "Привет из Москвы", "Καλημέρα κόσμε", "שלום עולם",
        "مرحبا بالعالم", "สวัสดีชาวโลก", "Tiếng Việt", "“quoted” and – dashed", JAPANESE_TEXT,
        CHINESE_TEXT, KOREAN_TEXT, "un café", "§ 5", "№ 5 и всё",
    ],
)  # fmt: skip
def test_utf_7_is_told_by_what_it_decodes_to(text: str) -> None:
    assert seven_bit_codec(text.encode("utf-7")) == UTF_7


def test_utf_7_may_also_write_plain_characters_shifted() -> None:
    assert seven_bit_codec(b"Gr+APwA3w-e aus K+APY-ln +ACE-") == UTF_7
    assert seven_bit_codec(b"all of it plain +ACEAIQ-") == "ascii"


@pytest.mark.parametrize(
    "content",
    [
        b"C++ and C+-", b"+1-555-0100 or +49 89 3176-0", b"a+b-c", b"1+1=2", b"+++", b"+ADw",
        b"http://www.example/search?q=mail+server-list+archive&x=+abc-",
        b"jim+lists-all@coho.example",
        b"Date: Mon, 8 Mar 1999 06:00:00 +0100 (GMT+0100-DST)", b"+word- +other- +Third-",
        b"--- a/file.c\n+++ b/file.c\n+int main-loop;\n+return-value = x+y;\n",
        b"------=_NextPart_000_01BF+A1b2C3--",
        b"x += yes-no; s/\\+abc-/+def-/; @a=map {$_+foo-1} @b",
        b"Ampersand +ACY is not closed, +AGEAYg- is ASCII",
    ],
)  # fmt: skip
def test_plus_signs_alone_are_not_utf_7(content: bytes) -> None:
    assert seven_bit_codec(content) == "ascii"


def test_plain_text_and_nothing_are_ascii() -> None:
    assert seven_bit_codec(b"") == "ascii"
    assert seven_bit_codec(bytes(range(0x20))) == "ascii"
    assert seven_bit_codec(b"Good morning\r\n\0\x07") == "ascii"


def test_one_rare_sign_is_too_little_for_utf_7() -> None:
    """A run of base64 decodes to one by chance; that it may be meant so does not outweigh this."""
    assert seven_bit_codec("only 5 €".encode("utf-7")) == "ascii"
    assert seven_bit_codec("会議".encode("utf-7")) == "ascii"


@pytest.mark.parametrize("sign", "→■★①○℃─☺")
def test_a_sign_amid_utf_7_leaves_it_utf_7(sign: str) -> None:
    text = f"{JAPANESE_TEXT}{sign}{JAPANESE_TEXT}"
    assert seven_bit_codec(text.encode("utf-7")) == UTF_7


# Prose that looks like it, made from a seed

WORDS = [
    "mail",
    "server",
    "message",
    "order",
    "price",
    "list",
    "meeting",
    "agenda",
    "review",
    "report",
    "budget",
    "windows",
    "exchange",
    "network",
    "printer",
    "driver",
    "update",
    "release",
    "notes",
    "draft",
    "final",
    "plan",
    "test",
    "result",
    "error",
    "queue",
    "folder",
    "restart",
    "install",
    "backup",
    "user",
    "name",
    "password",
    "address",
    "invoice",
    "delivery",
    "sample",
    "part",
    "number",
]
BASE64 = string.ascii_letters + string.digits + "+/"


def _word(chance: random.Random) -> str:
    word = chance.choice(WORDS)
    return chance.choice((word, word, word.capitalize(), word.upper()))


def _base64(chance: random.Random, least: int, most: int) -> str:
    return "".join(chance.choice(BASE64) for _ in range(chance.randrange(least, most)))


def _link(chance: random.Random) -> str:
    query = "+".join(_word(chance) for _ in range(chance.randrange(2, 6)))
    end = chance.choice(("", f"-{_word(chance)}", "-", "&n=7"))
    return f"http://www.{chance.choice(WORDS)}.example/{_word(chance)}?q={query}{end}"


def _phone(chance: random.Random) -> str:
    gap = chance.choice("- ")
    return f"+{chance.randrange(1, 999)}{gap}{chance.randrange(9999)}-{chance.randrange(99999)}"


def _code(chance: random.Random) -> str:
    one, two = _word(chance), _word(chance)
    return chance.choice(
        (
            f"C++ {one} (i=0;i<n;i++) x+={two}; y=a+{one}-1;",
            f"s/\\+{one}-/{two}/g; tr/A-Z+abc-//; @a = map {{ $_+{one}-2 }} @b; $h{{~{one}}}",
            f"def {one}(): return {two}+{one}-{two} if ~{{{one}}} else +{two}-1",
            f"+{one}-{two} = {one}+{two};",
            f"${one}~{{{two}}}~{{\\it {one}}}~$ and ~{{{two},{one}}}",
        )
    )


def _prose(chance: random.Random) -> str:
    return f"{_word(chance)} +{_word(chance)}- {_word(chance)}+{_word(chance)}-{_word(chance)}"


def _address(chance: random.Random) -> str:
    one, two = chance.choice(WORDS), chance.choice(WORDS)
    return f"{one}+{two}-{chance.choice(WORDS)}@{two}.example"


def _clock(chance: random.Random) -> str:
    return f"{chance.randrange(24):02}:{chance.randrange(60):02} GMT+{chance.randrange(1300):04}-"


def _uuencoded(chance: random.Random) -> str:
    return binascii.b2a_uu(chance.randbytes(chance.randrange(10, 46))).decode("ascii")


def _base64_line(chance: random.Random) -> str:
    return base64.b64encode(chance.randbytes(chance.randrange(20, 57))).decode("ascii")


def _boundary(chance: random.Random) -> str:
    return f"------=_NextPart_000_{chance.randrange(9999):04}_{_base64(chance, 8, 24)}--"


def _key(chance: random.Random) -> str:
    return f"id={_base64(chance, 8, 30)}+{_base64(chance, 3, 12)}-{_word(chance)}"


ORDINARY = (_link, _phone, _code, _prose, _address, _clock)
RANDOM = (_base64_line, _boundary, _key, _uuencoded)


def told_otherwise(make: Callable[[random.Random], str], count: int) -> list[str]:
    """Return those of so many pieces of text that are told to be more than ASCII."""
    chance = random.Random(f"looks like it: {make.__name__}")
    texts = (make(chance) for _ in range(count))
    return [text for text in texts if seven_bit_codec(text.encode("ascii")) != "ascii"]


@pytest.mark.parametrize("make", ORDINARY)
def test_ordinary_text_is_never_taken_for_a_seven_bit_charset(
    make: Callable[[random.Random], str],
) -> None:
    assert told_otherwise(make, 400) == []


@pytest.mark.slow
@pytest.mark.parametrize("make", ORDINARY)
def test_much_ordinary_text_is_never_taken_for_a_seven_bit_charset(
    make: Callable[[random.Random], str],
) -> None:
    assert told_otherwise(make, 40_000) == []


@pytest.mark.slow
@pytest.mark.parametrize("make", RANDOM)
def test_random_letters_are_hardly_ever_taken_for_utf_7(
    make: Callable[[random.Random], str],
) -> None:
    """What is taken for it is UTF-7 to the letter: one accented letter, by chance."""
    found = told_otherwise(make, 40_000)
    assert len(found) <= 8
    for text in found:
        read = windows_decode(text.encode("ascii"), UTF_7, final=False)
        assert read is not None
        assert sum(not letter.isascii() for letter in read) <= 2


@given(st.binary())
def test_any_seven_bit_bytes_are_told_to_be_something_that_reads_them(content: bytes) -> None:
    content = bytes(byte & 0x7F for byte in content)
    codec = seven_bit_codec(content)
    assert codec in {"ascii", JAPANESE, KOREAN, HZ, UTF_7, None}
    if codec is not None:
        assert windows_decode(content, codec, final=False) is not None


@given(st.text(st.sampled_from("\x1b$B(J)C~{}+-AaZ09/\r\n\x0e\x0f@I")))
def test_any_mixture_of_shifts_and_escapes_is_told_to_be_something(text: str) -> None:
    content = text.encode("ascii")
    codec = seven_bit_codec(content)
    assert codec is None or windows_decode(content, codec, final=False) is not None
