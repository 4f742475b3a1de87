"""The aliases as a file for Regedit, the settings in imccopy's form, and the names of both."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from charset_report_builder import IMC, KEPT, REST, WESTERN, advice, current, report
from hypothesis import given
from hypothesis import strategies as st

from imctool.causes.server_charsets import server_charsets
from imctool.model.charset_check import AliasAdvice, CharsetReport
from imctool.model.evidence import Defect, Location
from imctool.model.settings import CharacterSets, RegistryValue
from imctool.readers.imc_settings import parse_imc_settings
from imctool.readers.registry import parse_registry_text
from imctool.repair.charset_files import (
    plan_files,
    registry_text,
    settings_entries,
    settings_text,
    why_not_whole,
)


def settings_in(one: CharsetReport) -> list[tuple[str, ...]]:
    """What the reader of imccopy's files finds in the settings, without a single defect."""
    lines = enumerate(settings_text(one).split("\r\n"), 1)
    found = list(parse_imc_settings(lines, "imc.txt"))
    assert not [each for each in found if isinstance(each, Defect)]
    return [(e.domain, e.mime, e.non_mime, *e.rest) for e in found if isinstance(e, CharacterSets)]


def left_out(one: CharsetReport) -> dict[str, str]:
    """The domains that the settings cannot hold, and why."""
    return {each.fields[0]: each.left_out for each in settings_entries(one) if each.left_out}


def registry_in(one: CharsetReport) -> list[RegistryValue]:
    """What the reader of registry exports finds in the aliases, without a single defect."""
    lines = enumerate(registry_text(one).split("\r\n"), 1)
    found = list(parse_registry_text(lines, "x.reg"))
    assert not [each for each in found if isinstance(each, Defect)]
    return [each for each in found if isinstance(each, RegistryValue)]


# The aliases


def test_the_aliases_are_read_back_as_the_servers_own() -> None:
    one = report(
        aliases=(
            AliasAdvice("x-foo", "ISO-8859-1", 3, "its texts read so"),
            AliasAdvice("x-`odd'{}~", "KOI8-R", 1, "its texts read so"),
        )
    )
    server = server_charsets(registry_in(one))
    assert dict(server.aliases) == {"x-foo": "iso-8859-1", "x-`odd'{}~": "koi8-r"}
    assert server.ignored_aliases == ()
    assert server.defects == ()
    resolved = server.resolve("X-Foo")
    assert resolved is not None
    assert resolved.code_page == 28591


def test_the_registry_text_is_what_regedit_of_nt_4_reads() -> None:
    text = registry_text(report(aliases=(AliasAdvice("x-foo", "ISO-8859-1", 3, "so"),)))
    assert text == (
        "REGEDIT4\r\n\r\n"
        "[HKEY_CLASSES_ROOT\\MIME\\Database\\Charset\\x-foo]\r\n"
        '"AliasForCharset"="ISO-8859-1"\r\n\r\n'
    )
    assert registry_text(report()) == ""


def test_a_quote_and_a_backslash_are_escaped_and_read_back() -> None:
    one = report(aliases=(AliasAdvice("x-foo", 'a"b\\c', 1, "so"),))
    assert '"AliasForCharset"="a\\"b\\\\c"' in registry_text(one)
    assert [value.data for value in registry_in(one)] == ['a"b\\c']


@pytest.mark.parametrize("alias", ["a]b", "a\\b", "a\r\n[b]", "", "\xe9", "a b"])
def test_a_name_that_is_no_token_never_becomes_a_key(alias: str) -> None:
    with pytest.raises(AssertionError):
        registry_text(report(aliases=(AliasAdvice(alias, "KOI8-R", 1, "so"),)))


# The settings


def test_the_settings_hold_the_changed_the_unchanged_and_the_new() -> None:
    now = current("Default", "Big5", "Big5", ("33568", "0", "1", "0", "9"))
    zavod = current("Zavod.example", "ISO-8859-1", "ISO-8859-1", ("1", "2", "3", "4", "5"))
    other = current("other.example", "US-ASCII", "KOI8-R", ("6", "7", "8", "9", "10"))
    one = report(
        settings=(other, zavod, now),
        default=advice("Default", WESTERN, WESTERN, now, mime_basis=None),
        domains=(
            advice("new.example", "Shift_JIS", WESTERN),
            advice("zavod.example", "KOI8-R", WESTERN, zavod),
        ),
    )
    assert settings_in(one) == [
        ("Default", WESTERN, WESTERN, "33568", "0", "1", "0", "9"),
        ("other.example", "US-ASCII", "KOI8-R", "6", "7", "8", "9", "10"),
        ("Zavod.example", "KOI8-R", WESTERN, "1", "2", "3", "4", "5"),
        ("new.example", "Shift_JIS", WESTERN, "33568", "0", "1", "0", "9"),
    ]
    assert left_out(one) == {}
    assert why_not_whole(one) == ""


def test_fields_that_nothing_tells_are_those_of_the_article() -> None:
    one = report(domains=(advice("zavod.example", "KOI8-R", WESTERN),))
    assert settings_text(one) == (
        "[Header]\r\nVersion=1\r\n\r\n[Domain]\r\nDomainInformation=+\r\n"
        "+Default,ISO-8859-1,ISO-8859-1,800,76,0,0,0\r\n"
        "+zavod.example,KOI8-R,ISO-8859-1,800,76,0,0,0\r\n"
    )


def test_of_entries_given_twice_the_first_counts() -> None:
    one = report(
        settings=(current("a.example", "Big5", "Big5"), current("A.example", "KOI8-R", "KOI8-R")),
        domains=(advice("b.example", "KOI8-R", "KOI8-R"),),
    )
    assert [row[:2] for row in settings_in(one)][1:] == [
        ("a.example", "Big5"),
        ("b.example", "KOI8-R"),
    ]


def test_a_domain_that_its_parents_entry_serves_gets_one_only_where_it_needs_another() -> None:
    parent = current("jp", "ISO-2022-JP", "ISO-2022-JP", ("1", "2", "3", "4", "5"))
    one = report(
        settings=(parent,),
        domains=(
            advice("a.jp", "ISO-2022-JP", "ISO-2022-JP", parent),
            advice("b.jp", "Shift_JIS", "ISO-2022-JP", parent),
        ),
    )
    assert [row[0] for row in settings_in(one)] == ["Default", "jp", "b.jp"]
    assert settings_in(one)[2] == ("b.jp", "Shift_JIS", "ISO-2022-JP", "1", "2", "3", "4", "5")


@pytest.mark.parametrize("default_stands", [True, False])
def test_nothing_is_written_where_all_stands(default_stands: bool) -> None:
    now = current("Default", "iso-8859-1", "iso-8859-1")
    koi8 = current("a.example", "KOI8-R", "koi8-r")
    default = replace(KEPT, current=now if default_stands else None)
    one = report(
        settings=(now, koi8) if default_stands else (koi8,),
        default=default,
        domains=(advice("a.example", "KOI8-R", "KOI8-R", koi8),),
    )
    assert settings_text(one) == ""


@pytest.mark.parametrize(
    "domain",
    ["a,KOI8-R,KOI8-R.example", "a\r\n+b.example", "[10.0.0.1]", "\x1b[31m", "caf\xe9.example", "",
     "x" * 256, " a.example"],
)  # fmt: skip
def test_a_domain_that_would_break_its_line_is_left_out(domain: str) -> None:
    good = advice("good.example", "KOI8-R", WESTERN)
    one = report(domains=(advice(domain, "Big5", WESTERN), good))
    assert [row[0] for row in settings_in(one)] == ["Default", "good.example"]
    assert left_out(one) == {domain.lower(): "the form of the file cannot hold it"}


def test_a_charset_that_would_break_its_line_is_left_out_too() -> None:
    one = report(domains=(advice("a.example", "x,800", WESTERN),))
    assert [row[0] for row in settings_in(one)] == ["Default"]
    assert left_out(one) == {"a.example": "the form of the file cannot hold it"}


def test_an_entry_whose_line_was_cut_is_left_out_and_its_fields_are_not_made_up() -> None:
    cut = current("a.example", "Big5", "Big5", ("800", "76"))
    one = report(settings=(cut,), domains=(advice("b.example", "KOI8-R", WESTERN),))
    assert [row[0] for row in settings_in(one)] == ["Default", "b.example"]
    assert left_out(one) == {"a.example": "its line in the evidence is not whole"}


def test_a_file_that_may_lack_what_the_server_has_says_why() -> None:
    now = current("Default", "Big5", "Big5")
    default = advice("Default", WESTERN, WESTERN, now)

    def why(**changes: Any) -> str:
        return why_not_whole(report(**{"default": default, "settings": (now,), **changes}))

    cut = current("a.example", "Big5", "Big5", ("800",))
    assert why() == ""
    assert why(settings=()) == "the evidence does not tell which entries the server has"
    assert "several" in why(settings=(now, replace(now, location=Location("other.txt", line=6))))
    assert "damaged" in why(defects=(Defect(Location(IMC.path, line=9), "7 fields"),))
    assert why(defects=(Defect(Location("In/1MGAY8A2"), "cut"),)) == ""
    assert "Default" in why(default=KEPT)
    assert "Default" in why(default=replace(default, current=replace(now, rest=("[", *REST[1:]))))
    assert why(settings=(now, cut)) == "it leaves out entries"


ANYTHING = st.text(max_size=6) | st.sampled_from(["a.example", "A.example", "800"])
SERVERS_OWN = ANYTHING | st.sampled_from(["default", "Default"])


@given(
    st.lists(st.tuples(ANYTHING, ANYTHING, ANYTHING), max_size=5),
    st.lists(st.tuples(SERVERS_OWN, st.lists(ANYTHING, max_size=7)), max_size=5),
)
def test_whatever_the_evidence_holds_the_settings_are_read_back_as_they_were_meant(
    domains: list[tuple[str, str, str]], now: list[tuple[str, list[str]]]
) -> None:
    one = report(
        domains=(
            advice("sure.example", "KOI8-R", WESTERN),
            *(advice(domain, mime, non_mime) for domain, mime, non_mime in domains),
        ),
        settings=tuple(current(domain, "Big5", "Big5", tuple(rest)) for domain, rest in now),
    )
    rows = settings_in(one)
    names = [row[0] for row in rows]
    assert names[0] == "Default"
    assert len({name.lower() for name in names}) == len(names)
    known = {domain.lower() for domain, *_ in (*domains, *now)}
    assert {name.lower() for name in names[1:]} <= known | {"sure.example"}
    assert ("sure.example", "KOI8-R", WESTERN, *REST) in rows


# The names


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("plan.md", ["plan.reg", "plan.imc.txt"]),
        ("plan", ["plan.reg", "plan.imc.txt"]),
        ("plan.txt", ["plan.reg", "plan.imc.txt"]),
        ("plan.reg", ["plan.reg.reg", "plan.reg.imc.txt"]),
        ("plan.REG", ["plan.REG.reg", "plan.REG.imc.txt"]),
        ("plan.imc.txt", ["plan.imc.txt.reg", "plan.imc.txt.imc.txt"]),
        (".plan", [".plan.reg", ".plan.imc.txt"]),
    ],
)
def test_no_two_files_have_one_name(tmp_path: Path, name: str, beside: list[str]) -> None:
    assert [one.name for one in plan_files(tmp_path / name)] == [name, *beside]
    assert {one.parent for one in plan_files(tmp_path / name)} == {tmp_path}


@pytest.mark.parametrize("taken", ["plan.md", "plan.reg", "plan.imc.txt"])
def test_a_name_that_is_taken_is_named(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_bytes(b"mine")
    with pytest.raises(FileExistsError) as caught:
        plan_files(tmp_path / "plan.md")
    assert caught.value.filename == str(tmp_path / taken)


def test_a_link_that_leads_nowhere_takes_a_name_too(tmp_path: Path) -> None:
    try:
        (tmp_path / "plan.reg").symlink_to(tmp_path / "elsewhere")
    except OSError:
        pytest.skip("no links here")
    with pytest.raises(FileExistsError):
        plan_files(tmp_path / "plan.md")


def test_a_folder_is_no_place_for_the_steps(tmp_path: Path) -> None:
    for path in (tmp_path, Path(), Path("..")):
        with pytest.raises(IsADirectoryError):
            plan_files(path)


def test_the_folder_has_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileNotFoundError) as caught:
        plan_files(tmp_path / "nowhere" / "plan.md")
    assert caught.value.filename == str(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError):
        plan_files(tmp_path / "file" / "plan.md")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_takes_no_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError):
        plan_files(tmp_path / "plan.md")
