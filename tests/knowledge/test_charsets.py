"""Charset labels: what each name means to Windows, and how it is written."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.knowledge.charsets import (
    ALWAYS,
    DROP_DOWN,
    NT4_DEFAULT,
    _tables,
    charset_of_codec,
    charset_of_page,
    drop_down_entry,
    find_charset,
    needs_table,
    preferred_name,
)

pytestmark = pytest.mark.slow

ALL = tuple(_tables().by_name.values())
WINDOWS = tuple(one for one in ALL if one.known_to == "windows")

NAMES_WITHOUT_CODEC = """
_autodetect _autodetect_all _autodetect_kr asmo-708 ccsid00924 ccsid01141 ccsid01142 ccsid01143
ccsid01144 ccsid01145 ccsid01146 ccsid01147 ccsid01148 ccsid01149 cp00924 cp01141 cp01142 cp01143
cp01144 cp01145 cp01146 cp01147 cp01148 cp01149 cp1025 cp278 cp280 cp284 cp285 cp290 cp297 cp420
cp423 cp50227 cp870 cp871 cp880 cp905 csibm277 csibm278 csibm280 csibm284 csibm285 csibm290
csibm297 csibm420 csibm423 csibm870 csibm871 csibm880 csibm905 csibmthai din_66003 ebcdic-cp-ar1
ebcdic-cp-dk ebcdic-cp-es ebcdic-cp-fi ebcdic-cp-fr ebcdic-cp-gb ebcdic-cp-gr ebcdic-cp-is
ebcdic-cp-it ebcdic-cp-no ebcdic-cp-roece ebcdic-cp-se ebcdic-cp-tr ebcdic-cp-yu ebcdic-cyrillic
ebcdic-de-273+euro ebcdic-dk-277+euro ebcdic-es-284+euro ebcdic-fi-278+euro ebcdic-fr-297+euro
ebcdic-gb-285+euro ebcdic-international-500+euro ebcdic-is-871+euro ebcdic-it-280+euro
ebcdic-jp-kana ebcdic-latin9--euro ebcdic-no-277+euro ebcdic-se-278+euro german ibm-thai ibm00924
ibm01047 ibm01141 ibm01142 ibm01143 ibm01144 ibm01145 ibm01146 ibm01147 ibm01148 ibm01149 ibm277
ibm278 ibm280 ibm284 ibm285 ibm290 ibm297 ibm420 ibm423 ibm870 ibm871 ibm880 ibm905 irv norwegian
ns_4551-1 sen_850200_b swedish x-chinese-cns x-chinese-eten x-cp20001 x-cp20003 x-cp20004
x-cp20005 x-cp20261 x-cp20269 x-cp50227 x-ebcdic-arabic x-ebcdic-cyrillicrussian
x-ebcdic-cyrillicserbianbulgarian x-ebcdic-denmarknorway x-ebcdic-denmarknorway-euro
x-ebcdic-finlandsweden x-ebcdic-finlandsweden-euro x-ebcdic-france x-ebcdic-france-euro
x-ebcdic-germany-euro x-ebcdic-greek x-ebcdic-icelandic x-ebcdic-icelandic-euro
x-ebcdic-international-euro x-ebcdic-italy x-ebcdic-italy-euro x-ebcdic-japanesekatakana
x-ebcdic-koreanextended x-ebcdic-spain x-ebcdic-spain-euro x-ebcdic-thai x-ebcdic-turkish
x-ebcdic-uk x-ebcdic-uk-euro x-europa x-ia5 x-ia5-german x-ia5-norwegian x-ia5-swedish x-iscii-as
x-iscii-be x-iscii-de x-iscii-gu x-iscii-ka x-iscii-ma x-iscii-or x-iscii-pa x-iscii-ta x-iscii-te
x-mac-chinesesimp x-mac-chinesetrad x-mac-hebrew x-mac-japanese x-mac-korean x-mac-thai
x-mac-ukrainian x-user-defined
"""
WITHOUT_CODEC = NAMES_WITHOUT_CODEC.split()


def test_windows_has_442_names() -> None:
    assert len(WINDOWS) == 442


def test_each_windows_name_leads_to_its_page_and_a_codec_python_has() -> None:
    for charset in WINDOWS:
        found = find_charset(f' "{charset.name.upper()}" ')
        assert found is charset
        assert found.code_page is not None
        assert (found.codec is None) is (charset.name in WITHOUT_CODEC), charset.name
        assert found.codec is None or codecs.lookup(found.codec)


def test_the_names_without_a_codec_are_all_windows_names() -> None:
    assert {one.name for one in WINDOWS if one.codec is None} == set(WITHOUT_CODEC)


@pytest.mark.parametrize(
    ("label", "code_page", "codec"),
    [
        ("shift_jis", 932, "cp932"),
        ("x-sjis", 932, "cp932"),
        ("euc-kr", 51949, "cp949"),
        ("ks_c_5601-1987", 949, "cp949"),
        ("gb2312", 936, "gbk"),
        ("x-euc-cn", 51936, "gbk"),
        ("big5", 950, "cp950"),
        ("iso-2022-jp", 50220, "iso2022_jp_ext"),
        ("_iso-2022-jp$SIO", 50222, "iso2022_jp_ext"),
        ("tis-620", 874, "cp874"),
        ("iso-8859-11", 874, "cp874"),
        ("latin5", 28599, "iso8859_9"),
        ("iso-8859-8-i", 38598, "iso8859_8"),
        ("koi8-ru", 21866, "koi8_u"),
        ("unicode-2-0-utf-7", 65000, "utf_7"),
        ("x-unicode-1-1-utf-8", 65001, "utf_8"),
        ("us-ascii", 20127, "ascii"),
        ("macintosh", 10000, "mac_roman"),
        ("x-mac-ce", 10029, "mac_latin2"),
    ],
)
def test_a_name_means_what_windows_takes_it_for(label: str, code_page: int, codec: str) -> None:
    found = find_charset(label)
    assert found is not None
    assert (found.code_page, found.codec) == (code_page, codec)


@pytest.mark.parametrize(
    ("label", "code_page", "codec"),
    [
        ("iso88591", 28591, "latin_1"),
        ("iso8859-9", 28599, "iso8859_9"),
        ("iso88599", 28599, "iso8859_9"),
        ("x-iso-8859-1", 28591, "latin_1"),
        ("latin-1", 28591, "latin_1"),
        ("tis620", 874, "cp874"),
        ("x-windows-949", 949, "cp949"),
        ("x-mac-centralroman", 10029, "mac_latin2"),
        ("csbig5hkscs", 950, "big5hkscs"),
        ("iso-8859-14", None, "iso8859_14"),
        ("r8", None, "hp_roman8"),
    ],
)
def test_a_name_that_windows_lacks_has_the_page_of_its_family(
    label: str, code_page: int | None, codec: str
) -> None:
    """A browser reads some as windows-125x and others were left without page or codec."""
    found = find_charset(label)
    assert found is not None
    assert found.known_to != "windows"
    assert (found.code_page, found.codec) == (code_page, codec)


def test_no_codec_is_better_than_one_of_another_table() -> None:
    """Python takes asmo-708 for ISO 8859-6, and x-mac-japanese for Shift_JIS."""
    for label in ("asmo-708", "x-mac-japanese", "x-mac-korean", "x-ia5-german"):
        found = find_charset(label)
        assert found is not None
        assert found.codec is None


@pytest.mark.parametrize(
    "label",
    [
        "",
        " ",
        "utf-8\0",
        "utf-8;format=flowed",
        "<html>",
        "C:\\WINNT\\notepad.exe",
        "utf-8" * 200_000,
        " " * 1_000_000 + "utf-8",
        "\u212aoi8-r",
        "isо-8859-1",
        "\ud800",
        "name",
    ],
    ids=range(12),
)
def test_nonsense_is_no_charset(label: str) -> None:
    assert find_charset(label) is None


@given(st.text())
def test_any_label_is_a_charset_or_none(label: str) -> None:
    found = find_charset(label)
    assert found is None or found.name in label.lower()


@given(st.text(max_size=30))
def test_any_codec_name_leads_to_a_windows_charset_or_none(codec: str) -> None:
    found = charset_of_codec(codec)
    assert found is None or found.known_to == "windows"


@pytest.mark.parametrize(
    ("label", "written"),
    [
        ("latin1", "ISO-8859-1"),
        ("ascii", "US-ASCII"),
        ("7bit", "US-ASCII"),
        ("csiso2022jp", "ISO-2022-JP"),
        ("x-euc-jp", "EUC-JP"),
        ("ms_kanji", "Shift_JIS"),
        ("cseuckr", "EUC-KR"),
        ("csiso2022kr", "ISO-2022-KR"),
        ("cn-big5", "Big5"),
        ("chinese", "GB2312"),
        ("euc-cn", "GB2312"),
        ("gb18030", "GB18030"),
        ("hz-gb-2312", "HZ-GB-2312"),
        ("koi", "KOI8-R"),
        ("koi8-ru", "KOI8-U"),
        ("x-cp1251", "windows-1251"),
        ("utf8", "UTF-8"),
        ("unicode-1-1-utf-7", "UTF-7"),
        ("cp850", "IBM850"),
        ("x-mac-roman", "macintosh"),
        ("visual", "ISO-8859-8"),
        ("logical", "ISO-8859-8"),
        ("iso-8859-8-i", "ISO-8859-8-I"),
        ("x-1234", "x-1234"),
        ("unknown-8bit", "unknown-8bit"),
    ],
)
def test_every_charset_has_one_name_to_write(label: str, written: str) -> None:
    charset = find_charset(label)
    assert charset is not None
    assert preferred_name(charset) == written


def test_the_name_to_write_means_the_same() -> None:
    for charset in ALL:
        again = find_charset(preferred_name(charset))
        assert again is not None
        assert again.codec == charset.codec, charset.name
        assert preferred_name(again) == preferred_name(charset), charset.name
        if charset.code_page is not None:
            assert again.table == charset.table, charset.name
            assert again.known_to == "windows", charset.name


def test_a_codec_leads_back_to_a_charset_of_the_same_table() -> None:
    """The plain GB 2312 and KS C 5601 of pages 20936 and 20949 are parts of 936 and 949."""
    for charset in WINDOWS:
        if charset.codec is None:
            continue
        again = charset_of_codec(charset.codec)
        assert again is not None
        table = {20936: 936, 20949: 949}.get(charset.table or 0, charset.table)
        assert again.table == table, charset.name


@pytest.mark.parametrize(
    ("codec", "written"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("latin-1", "ISO-8859-1"),
        ("iso8859-1", "ISO-8859-1"),
        ("iso8859-8", "ISO-8859-8"),
        ("shift_jis_2004", "Shift_JIS"),
        ("cp932", "Shift_JIS"),
        ("euc_jis_2004", "EUC-JP"),
        ("iso2022_jp_2", "ISO-2022-JP"),
        ("euc_kr", "EUC-KR"),
        ("cp949", "EUC-KR"),
        ("gb2312", "GB2312"),
        ("GB18030", "GB18030"),
        ("big5", "Big5"),
        ("big5hkscs", "Big5-HKSCS"),
        ("tis-620", "windows-874"),
        ("mac-roman", "macintosh"),
        ("cp866", "IBM866"),
        ("hz", "HZ-GB-2312"),
        ("utf-16", "UTF-16"),
    ],
)
def test_what_a_detector_says_leads_to_a_windows_charset(codec: str, written: str) -> None:
    charset = charset_of_codec(codec)
    assert charset is not None
    assert preferred_name(charset) == written


@pytest.mark.parametrize("codec", ["cp1006", "hp-roman8", "kz1048", "rot13", "no such", "a\0b", ""])
def test_a_codec_that_windows_lacks_leads_nowhere(codec: str) -> None:
    assert charset_of_codec(codec) is None


@pytest.mark.parametrize(
    ("label", "table"),
    [
        ("iso-2022-jp", 932),
        ("csiso2022jp", 932),
        ("euc-jp", 932),
        ("shift_jis", 932),
        ("euc-kr", 949),
        ("iso-2022-kr", 949),
        ("hz-gb-2312", 936),
        ("euc-cn", 936),
        ("gb18030", 54936),
        ("big5", 950),
        ("us-ascii", 1252),
        ("iso-8859-1", 1252),
        ("iso-8859-15", 28605),
        ("iso-8859-9", 28599),
        ("iso-8859-8-i", 28598),
        ("koi8-r", 20866),
        ("utf-7", None),
        ("utf-8", None),
        ("utf-16", None),
        ("utf-16be", None),
        ("x-roman8", None),
    ],
)
def test_a_charset_rests_on_the_table_of_its_family(label: str, table: int | None) -> None:
    charset = find_charset(label)
    assert charset is not None
    assert needs_table(charset) == table


def test_the_tables_of_a_default_server_are_not_those_that_need_none() -> None:
    assert not NT4_DEFAULT & ALWAYS


def test_a_page_leads_to_its_charset() -> None:
    named = {page: charset_of_page(page) for page in (932, 50220, 51949, 28591, 50000, 708)}
    assert {page: one and preferred_name(one) for page, one in named.items()} == {
        932: "Shift_JIS",
        50220: "ISO-2022-JP",
        51949: "EUC-KR",
        28591: "ISO-8859-1",
        50000: "x-user-defined",
        708: "ASMO-708",
    }
    assert charset_of_page(4711) is None


def test_entries_of_the_list_are_names_to_write_each_once() -> None:
    for entry in DROP_DOWN:
        charset = find_charset(entry.charset)
        assert charset is not None
        assert preferred_name(charset) == entry.charset
        assert drop_down_entry(charset) is entry
        assert entry.source.startswith("Q")
    assert [one.charset for one in DROP_DOWN if one.certainty == "documented"] == ["ISO-8859-1"]
    greek = find_charset("windows-1253")
    assert greek is not None
    assert drop_down_entry(greek) is None
