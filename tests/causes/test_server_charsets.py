"""What a registry export tells of a server's charsets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.causes.server_charsets import ServerCharsets, server_charsets
from imctool.knowledge.charsets import find_charset
from imctool.model.evidence import Location
from imctool.model.settings import RegistryValue
from imctool.readers.registry import parse_registry_text

ROOT = r"HKEY_CLASSES_ROOT\MIME\Database"
NLS = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Nls\CodePage"


def server(text: str) -> ServerCharsets:
    lines = enumerate(("REGEDIT4\n\n" + text).splitlines(), 1)
    values = list(parse_registry_text(lines, "server.reg"))
    assert all(isinstance(one, RegistryValue) for one in values)
    return server_charsets(one for one in values if isinstance(one, RegistryValue))


def charset(root: str, name: str, *values: str) -> str:
    return f"[{root}\\Charset\\{name}]\n" + "\n".join(values) + "\n\n"


def alias(name: str, target: str, root: str = ROOT) -> str:
    return charset(root, name, f'"AliasForCharset"="{target}"')


def pages(**files: str) -> str:
    return f"[{NLS}]\n" + "".join(f'"{n[1:]}"="{file}"\n' for n, file in files.items()) + "\n"


def resolved(own: ServerCharsets, label: str) -> tuple[int | None, str | None, str] | None:
    found = own.resolve(label)
    return None if found is None else (found.code_page, found.codec, found.known_to)


def test_without_any_export_the_windows_tables_and_a_default_nt_4_are_taken() -> None:
    own = server_charsets(())
    assert own == ServerCharsets()
    assert own.assumed
    assert resolved(own, "ISO-2022-JP") == (50220, "iso2022_jp_ext", "windows")
    for label in ("x-mac-roman", "utf8", "x-1234", "", "unknown-8bit"):
        assert own.resolve(label) is None


def test_an_alias_makes_an_unknown_label_known() -> None:
    """Q184772: the label x-1234 is entered as another name of a known one."""
    own = server(alias("x-1234", "US-ASCII") + alias("X-Mac-Roman", "macintosh"))
    assert resolved(own, '"X-1234"') == (20127, "ascii", "server")
    assert resolved(own, "x-mac-roman") == (10000, "mac_roman", "server")
    assert own.defects == ()


def test_the_machines_classes_are_the_same_database() -> None:
    root = r"HKEY_LOCAL_MACHINE\SOFTWARE\Classes\MIME\Database"
    own = server(alias("x-1234", "x-5678", root) + alias("x-5678", "iso-8859-2"))
    assert resolved(own, "x-1234") == (28592, "iso8859_2", "server")


def test_a_part_of_the_database_makes_no_standard_name_unknown() -> None:
    own = server(alias("x-1234", "us-ascii"))
    for label in ("big5", "koi8-r", "utf-7", "iso-8859-15"):
        assert own.resolve(label) is find_charset(label)


def test_a_standard_name_means_what_windows_says_whatever_its_alias() -> None:
    own = server(alias("iso-8859-1", "big5") + alias("big5", "iso-8859-1"))
    assert own.resolve("iso-8859-1") is find_charset("iso-8859-1")
    assert own.defects == ()


def test_a_name_with_a_page_of_its_own_is_known() -> None:
    own = server(
        charset(ROOT, "x-corp", '"Codepage"=dword:000004e3', '"InternetEncoding"=dword:00005182')
        + charset(ROOT, "x-old", '"Codepage"=dword:000004e3')
        + charset(ROOT, "x-odd", '"InternetEncoding"=dword:0000270f')
        + alias("x-corp-too", "X-Corp")
        + alias("x-odder", "x-odd")
    )
    assert resolved(own, "x-corp") == (20866, "koi8_r", "server")
    assert resolved(own, "x-corp-too") == (20866, "koi8_r", "server")
    assert resolved(own, "x-old") == (1251, "cp1251", "server")
    assert resolved(own, "x-odder") == (9999, None, "server")
    found = own.resolve("x-odd")
    assert found is not None
    assert own.is_installed(found) is False


def test_circles_and_dead_ends_are_left_out_and_told() -> None:
    own = server(
        alias("x-one", "x-two")
        + alias("x-two", "x-one")
        + alias("x-self", "x-self")
        + alias("x-into", "x-one")
        + alias("x-dead", "x-nothing")
        + alias("x-good", "utf-8")
    )
    assert own.ignored_aliases == ("x-dead", "x-into", "x-one", "x-self", "x-two")
    assert [(one.location.line, one.reason) for one in own.defects] == [
        (4, "AliasForCharset of x-one runs in a circle"),
        (7, "AliasForCharset of x-two runs in a circle"),
        (10, "AliasForCharset of x-self runs in a circle"),
        (13, "AliasForCharset of x-into runs in a circle"),
        (16, "AliasForCharset of x-dead leads to x-nothing, which is no known charset"),
    ]
    for label in own.ignored_aliases:
        assert own.resolve(label) is None
    assert resolved(own, "x-good") == (65001, "utf_8", "server")


def test_a_long_chain_ends_at_its_charset() -> None:
    steps = "".join(alias(f"x-{n}", f"x-{n + 1}") for n in range(20)) + alias("x-20", "utf-7")
    own = server(steps)
    assert resolved(own, "x-0") == (65000, "utf_7", "server")


@pytest.mark.slow
def test_many_names_in_one_circle_take_little_time() -> None:
    values = [
        RegistryValue(
            Location("r"), f"{ROOT}\\Charset\\x-{n}", "AliasForCharset", f"x-{(n + 1) % 20_000}"
        )
        for n in range(20_000)
    ]
    assert len(server_charsets(values).ignored_aliases) == 20_000


def test_other_parts_of_the_database_tell_nothing_of_charsets() -> None:
    own = server(
        f'[{ROOT}\\Content Type\\text/plain]\n"Extension"=".txt"\n\n'
        f'[{ROOT}\\Codepage\\65000]\n"BodyCharset"="x-1234"\n'
    )
    assert own == ServerCharsets()


def test_a_number_that_is_no_code_page_is_told_and_not_taken() -> None:
    own = server(
        charset(ROOT, "x-none", '"InternetEncoding"=dword:00000000')
        + charset(ROOT, "x-large", '"Codepage"=dword:00010000')
        + charset(ROOT, "x-half", '"InternetEncoding"=dword:ffffffff', '"Codepage"=dword:000004e3')
        + charset(ROOT, "x-last", '"Codepage"=dword:0000ffff')
        + pages(_0="a.nls", _65536="b.nls", _00065535="c.nls", _1="d.nls", _1234567890123="e.nls")
    )
    assert [(one.location.line, one.reason) for one in own.defects] == [
        (4, "InternetEncoding of x-none is no code page number (1 to 65535)"),
        (7, "Codepage of x-large is no code page number (1 to 65535)"),
        (10, "InternetEncoding of x-half is no code page number (1 to 65535)"),
        (17, "an entry of Nls\\CodePage is no code page number (1 to 65535)"),
        (18, "an entry of Nls\\CodePage is no code page number (1 to 65535)"),
        (21, "an entry of Nls\\CodePage is no code page number (1 to 65535)"),
    ]
    assert own.installed == frozenset({1, 65535})
    assert own.pages == {"x-half": 1251, "x-last": 65535}
    assert own.resolve("x-none") is None
    assert resolved(own, "x-half") == (1251, "cp1251", "server")


def test_where_the_first_of_two_is_no_code_page_the_second_counts() -> None:
    own = server(
        charset(ROOT, "x-corp", '"Codepage"=dword:00000000')
        + charset(ROOT, "X-Corp", '"Codepage"=dword:000004e3')
    )
    assert own.pages == {"x-corp": 1251}
    assert len(own.defects) == 1


def test_where_no_entry_names_a_code_page_the_default_is_taken() -> None:
    own = server(pages(_0="a.nls"))
    assert own.assumed
    assert len(own.defects) == 1


@pytest.mark.parametrize(
    ("label", "installed"),
    [
        ("iso-2022-jp", True),
        ("shift_jis", True),
        ("big5", False),
        ("iso-8859-1", True),
        ("us-ascii", True),
        ("utf-8", True),
        ("utf-7", True),
        ("windows-1251", True),
        ("windows-1250", False),
    ],
)
def test_a_page_with_a_file_is_installed_and_one_without_only_known(
    label: str, installed: bool
) -> None:
    own = server(
        pages(_1251="c_1251.nls", _932="c_932.nls", _950="", _1252="c_1252.nls", _ACP="1252")
    )
    assert own.installed == frozenset({932, 1251, 1252})
    assert not own.assumed
    found = own.resolve(label)
    assert found is not None
    assert own.is_installed(found) is installed


def test_a_default_server_has_no_tables_of_the_far_east() -> None:
    own = server(alias("x-1234", "iso-2022-jp"))
    found = own.resolve("x-1234")
    assert found is not None
    assert own.is_installed(found) is False
    cyrillic = own.resolve("koi8-r")
    assert cyrillic is not None
    assert own.is_installed(cyrillic) is True


def test_a_charset_without_a_page_is_neither_installed_nor_not() -> None:
    roman = find_charset("x-roman8")
    assert roman is not None
    assert ServerCharsets().is_installed(roman) is None


def test_an_entry_for_user_defined_text_is_told() -> None:
    """Q187869: a program enters page 50000 with the file of 1252, and the store stops."""
    assert server(pages(_50000="c_1252.nls")).user_defined
    assert not server(pages(_50000="", _1252="c_1252.nls")).user_defined
    assert not ServerCharsets().user_defined


def test_of_values_given_twice_the_first_counts() -> None:
    own = server(alias("x-1234", "utf-8") + alias("X-1234", "big5") + pages(_932="", _0932="a"))
    assert resolved(own, "x-1234") == (65001, "utf_8", "server")
    assert own.installed == frozenset()


DATA = st.one_of(st.text(max_size=8), st.integers(), st.binary(max_size=4), st.just(("a",)))
BELOW = ("", "Charset\\a", "Charset\\b", "Charset\\ ", "Charset\\\\", "Codepage\\1", "Codepage\\²")
KEYS = st.sampled_from([NLS, *(f"{ROOT}\\{one}" for one in BELOW)])
NAMES = st.one_of(
    st.sampled_from(["AliasForCharset", "Codepage", "InternetEncoding", "BodyCharset"]),
    st.sampled_from(["932", "0", "65536", "9" * 9999, "²"]),
    st.text(max_size=3),
)


@given(st.lists(st.builds(RegistryValue, st.just(Location("r")), KEYS, NAMES, DATA)), st.text())
def test_any_registry_gives_an_answer(values: list[RegistryValue], label: str) -> None:
    own = server_charsets(values)
    for name in (label, "a", "b", *own.aliases):
        found = own.resolve(name)
        assert found is None or own.is_installed(found) in (True, False, None)
    assert all(1 <= page <= 65535 for page in (*own.pages.values(), *(own.installed or ())))
    numbers = [one for one in own.defects if one.reason.endswith("(1 to 65535)")]
    assert len(own.ignored_aliases) == len(own.defects) - len(numbers)


def test_a_default_server_converts_what_its_tables_serve() -> None:
    fresh = server_charsets(())
    for label in ("us-ascii", "ISO-8859-1", "iso-8859-2", "koi8-r", "windows-1251", "utf-7"):
        assert fresh.can_convert(label)
    for label in ("iso-2022-jp", "big5", "iso-8859-5", "windows-874", "utf8", "x-1234", ""):
        assert not fresh.can_convert(label)
    japanese = ServerCharsets(installed=frozenset({932}), aliases={"x-jis": "iso-2022-jp"})
    assert japanese.can_convert("iso-2022-jp")
    assert japanese.can_convert("x-jis")
    assert ServerCharsets(installed=frozenset()).can_convert("iso-8859-1")
