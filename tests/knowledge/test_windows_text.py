"""How Windows reads the bytes of a charset."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.knowledge.charsets import _tables
from imctool.knowledge.same_text import looks_same
from imctool.knowledge.windows_text import windows_decode

pytestmark = pytest.mark.slow

CODECS = sorted({one.codec for one in _tables().by_name.values() if one.codec})
READ_OTHERWISE = {"latin_1", "koi8_u", "mac_cyrillic", "mac_roman", "iso2022_jp_ext"}
JAPANESE = "日本語の本文です。「〜」と「−」と「‖」、カタカナ、¢と£と¬。"


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
@given(content=st.binary(max_size=60), final=st.booleans(), user_defined=st.booleans())
def test_any_bytes_are_text_or_not_valid(
    codec: str, content: bytes, final: bool, user_defined: bool
) -> None:
    text = windows_decode(content, codec, final=final, user_defined=user_defined)
    if text is not None:
        text.encode("utf-8")
        assert len(text) <= 2 * len(content) + 1


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_a_megabyte_takes_no_longer_than_its_length_allows(codec: str) -> None:
    started = time.perf_counter()
    for content in (b"\xfa\x40" * 50_000, b"+AAA" * 25_000, b"\x1b$B" * 30_000, b"~{~}" * 25_000):
        for final in (True, False):
            windows_decode(content, codec, final=final, user_defined=True)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("codec", CODECS)
@given(text=st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40))
def test_text_that_python_writes_is_valid(codec: str, text: str) -> None:
    """What a codec of Python writes, Windows reads, as that text or one that looks the same."""
    content = text.encode(codec, "ignore")
    kept = content.decode(codec)
    read = windows_decode(content, codec)
    assert read is not None
    if codec not in READ_OTHERWISE:
        assert looks_same(read, kept)


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_a_character_may_be_cut_only_where_the_end_is_open(codec: str) -> None:
    try:
        whole = "中あ가".encode(codec, "ignore") or "ж".encode(codec, "ignore")
    except UnicodeError:
        whole = b""
    for end in range(len(whole) + 1):
        assert windows_decode(whole[:end], codec, final=False) is not None


def test_windows_125x_has_controls_where_python_has_nothing() -> None:
    assert windows_decode(b"\x81\x8d\x8f\x90\x9d", "cp1252") == "\x81\x8d\x8f\x90\x9d"
    for page in (874, *range(1250, 1259)):
        text = windows_decode(bytes(range(0x80, 0xA0)), f"cp{page}")
        assert text is not None
        assert len(text) == 32


@pytest.mark.parametrize(
    ("codec", "bytes_without_character"),
    [
        ("cp874", (0xDB, 0xDE, 0xFC, 0xFF)),
        ("cp1253", (0xAA, 0xD2, 0xFF)),
        ("cp1255", (0xD9, 0xDF, 0xFB, 0xFC, 0xFF)),
        ("cp1257", (0xA1, 0xA5)),
        ("iso8859_6", (0xA1, 0xFF)),
        ("iso8859_8", (0xBF, 0xDE)),
        ("ascii", (0x80, 0xE9)),
    ],
)
def test_a_byte_that_the_page_leaves_open_is_not_valid(
    codec: str, bytes_without_character: tuple[int, ...]
) -> None:
    for byte in bytes_without_character:
        assert windows_decode(bytes([byte]), codec) is None


def test_letters_that_python_lacks_or_has_of_later_tables() -> None:
    assert windows_decode(b"\xca", "cp1255") == "\u05ba"
    assert windows_decode(b"\xae\xbe", "koi8_u") == "ўЎ"
    assert windows_decode(b"\xa2\xb6\xff", "mac_cyrillic") == "¢∂¤"
    assert windows_decode(b"\xdb", "mac_roman") == "¤"


def test_latin_1_is_read_as_windows_1252_and_other_iso_sets_are_not() -> None:
    assert windows_decode(b"\x93Gr\xfc\xdfe\x94 \x80", "latin_1") == "“Grüße” €"
    assert windows_decode(b"\x93", "iso8859-1") == "“"
    assert windows_decode(b"\x93\xb1", "iso8859_2") == "\x93ą"


def test_one_japanese_text_is_the_same_in_every_encoding() -> None:
    as_932 = JAPANESE.translate(str.maketrans("〜−‖¢£¬", "～－∥￠￡￢"))
    readings = [
        windows_decode(JAPANESE.encode("iso2022_jp_ext"), "iso2022_jp_ext"),
        windows_decode(as_932.encode("cp932"), "cp932"),
        windows_decode(JAPANESE.encode("euc_jp"), "euc_jp"),
        JAPANESE.encode("euc_jp").decode("euc_jp"),
        JAPANESE.encode("iso2022_jp_ext").decode("iso2022_jp_ext"),
    ]
    assert readings[0] == readings[1] == readings[2]
    for one, other in pairwise(readings):
        assert one is not None
        assert other is not None
        assert looks_same(one, other)


def test_nec_and_ibm_rows_are_read_in_euc_and_in_escapes() -> None:
    """Circled numbers are the commonest characters that page 932 has and the standard lacks."""
    assert windows_decode(b"\xad\xa1\xf9\xa1", "euc_jp") == windows_decode(
        b"\x87\x40\xed\x40", "cp932"
    )
    assert windows_decode(b"\x1b$B-!\x1b(B", "iso2022_jp_ext") == "①"
    assert windows_decode(b"\xa9\xa1", "euc_jp") is None


def test_every_pair_of_euc_is_what_page_932_has() -> None:
    for row in range(94):
        for cell in range(94):
            lead = row // 2 + (0x81 if row < 62 else 0xC1)
            trail = cell + (0x9F if row % 2 else 0x40 if cell < 63 else 0x41)
            assert windows_decode(bytes((0xA1 + row, 0xA1 + cell)), "euc_jp") == windows_decode(
                bytes((lead, trail)), "cp932"
            )


def test_half_width_kana_by_escape_and_by_shift_out() -> None:
    assert windows_decode(b"\x1b(I16E\x1b(B.", "iso2022_jp_ext") == "ｱｶﾅ."
    assert windows_decode(b"\x0e16E\x0f.", "iso2022_jp_ext") == "ｱｶﾅ."
    assert windows_decode(b"\x1b$B0!\x0e1\x0f0!\x1b(J\\~", "iso2022_jp_ext") == "亜ｱ亜\\~"
    assert windows_decode(b"\x1b&@\x1b$B0!\x1b(H!", "iso2022_jp_ext") == "亜!"
    assert windows_decode(b"\x1b$(D0!\x1b(B", "iso2022_jp_ext") == "丂"


@pytest.mark.parametrize("codec", ["iso2022_jp_ext", "iso2022_jp", "iso2022_kr", "hz", "utf_7"])
def test_eight_bit_bytes_are_not_valid_in_a_seven_bit_charset(codec: str) -> None:
    assert windows_decode("é".encode("latin-1"), codec) is None
    assert windows_decode(b"plain text\0\r\n", codec) == "plain text\0\r\n"


def test_korean_needs_no_designator_and_goes_on_over_line_ends() -> None:
    assert windows_decode(b"\x1b$)C\x0e0!\x0f a", "iso2022_kr") == "가 a"
    assert windows_decode(b"\x0e0! 0!\n0!\x0f\n", "iso2022_kr") == "가 가\n가\n"
    assert windows_decode(b"\x0e0!0\x0f", "iso2022_kr") is None
    assert windows_decode(b"\x0e0!0", "iso2022_kr") is None
    assert windows_decode(b"\x0e0!0", "iso2022_kr", final=False) == "가"


def test_hz_goes_on_over_line_ends_and_keeps_its_tildes() -> None:
    assert windows_decode(b"~{<:~}~~ http://a/~b", "hz") == "己~ http://a/~b"
    assert windows_decode(b"~{<:\n<:~}", "hz") == "己\n己"
    assert windows_decode(b"~{<:~\n<:~}", "hz") == "己己"
    assert windows_decode(b"~{!~~}x", "hz") == "〓x"
    assert windows_decode(b"~{<", "hz") is None
    assert windows_decode(b"~{<", "hz", final=False) == ""


def test_utf_7_may_end_in_a_shift_and_has_whole_characters_only() -> None:
    assert windows_decode(b"+AOk-t+AOk", "utf_7") == "été"
    assert windows_decode(b"a +AOk", "utf_7", final=False) == "a "
    assert windows_decode(b"1 +- 1", "utf_7") == "1 + 1"
    assert windows_decode(b"+2D3eAA-", "utf_7") == "\U0001f600"
    for content in (b"+2D0-", b"+3gA-", b"C++ x", b"1 + 1", b"a+"):
        assert windows_decode(content, "utf_7") is None


def test_utf_16_goes_by_its_mark_and_is_little_endian_without() -> None:
    assert windows_decode("aж".encode("utf-16-le"), "utf_16") == "aж"
    assert windows_decode(b"\xfe\xff" + "aж".encode("utf-16-be"), "utf_16") == "\ufeffaж"
    assert windows_decode(b"a\0b", "utf_16") is None
    assert windows_decode(b"a\0b", "utf_16", final=False) == "a"
    assert windows_decode(b"\0\xd8a\0", "utf_16_le") is None


def test_characters_of_the_users_own_are_read_where_they_are_asked_for() -> None:
    """The ends of the ranges and their code points: Windows 95 DDK, end-user-defined characters."""
    for codec, content, code_point in [
        ("cp932", b"\xf0\x40", 0xE000),
        ("cp932", b"\xf9\xfc", 0xE757),
        ("cp949", b"\xc9\xa1", 0xE000),
        ("cp949", b"\xfe\xfe", 0xE0BB),
        ("cp950", b"\xfa\x40", 0xE000),
        ("cp950", b"\xfe\xfe", 0xE310),
        ("cp950", b"\x8e\x40", 0xE311),
        ("cp950", b"\xa0\xfe", 0xEEB7),
        ("cp950", b"\x81\x40", 0xEEB8),
        ("cp950", b"\xc8\xfe", 0xF848),
        ("gbk", b"\xaa\xa1", 0xE000),
    ]:
        assert windows_decode(content, codec, user_defined=True) == chr(code_point)
        assert (windows_decode(content, codec) is None) is (codec != "cp932")


def test_the_euro_of_page_936() -> None:
    assert windows_decode(b"\x80 10", "gbk") == "€ 10"
    assert windows_decode(b"\x80", "gbk", user_defined=True) == "€"


def test_an_unknown_codec_is_the_callers_mistake() -> None:
    with pytest.raises(LookupError):
        windows_decode(b"", "no such codec")
