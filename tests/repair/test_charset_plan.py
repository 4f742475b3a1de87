"""The advice on charsets as steps, as a file for Regedit and as settings in imccopy's form."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.causes.server_charsets import server_charsets
from imctool.model.charset_check import (
    AliasAdvice,
    Basis,
    CharsetReport,
    CodePageAdvice,
    FileCheck,
    Outcome,
    PartCheck,
    SettingAdvice,
    Verdict,
    Warned,
)
from imctool.model.diagnosis import FileCount
from imctool.model.evidence import Defect, InputKind, Location
from imctool.model.settings import CharacterSets, RegistryValue
from imctool.readers.imc_settings import parse_imc_settings
from imctool.readers.registry import parse_registry_text
from imctool.repair import charset_plan
from imctool.repair.charset_plan import plan_text, registry_text, settings_text, write_plan

REST = ("800", "76", "0", "0", "0")
IMC = Location("imc.txt", line=6)


def current(domain: str, mime: str, non_mime: str, rest: tuple[str, ...] = REST) -> CharacterSets:
    return CharacterSets(IMC, domain, mime, non_mime, rest)


def advice(
    domain: str, mime: str, non_mime: str, now: CharacterSets | None = None, **more: Any
) -> SettingAdvice:
    values: dict[str, Any] = {
        "mime_basis": Basis.UNLABELLED, "non_mime_basis": None, "reason": "so it is", "files": 2,
    }  # fmt: skip
    return SettingAdvice(domain, mime, non_mime, current=now, **{**values, **more})


WESTERN = "ISO-8859-1"
KEPT = advice("Default", WESTERN, WESTERN, mime_basis=None, reason="keep it")
EMPTY = CharsetReport(
    files=(),
    count=FileCount(3, 3, 0, 0),
    versions=("5.5.2650.21",),
    code_pages=(1251, 1252, 20866),
    code_pages_assumed=False,
    second_opinion=True,
    default=KEPT,
    domains=(),
    install=(),
    aliases=(),
    settings=(),
    unaliased=(),
    warnings=(),
    notes=(),
    defects=(),
)


def report(**changes: Any) -> CharsetReport:
    return replace(EMPTY, **changes)


def told(one: CharsetReport) -> str:
    """The steps on one line, so that no line end stands in the way of a phrase."""
    return " ".join(plan_text(one, "plan.reg", "plan.imc.txt").split())


def headings(one: CharsetReport) -> list[str]:
    return re.findall(r"^## \d+\. (.*)$", plan_text(one, "plan.reg", "plan.imc.txt"), re.MULTILINE)


def settings_in(one: CharsetReport) -> list[tuple[str, ...]]:
    """What the reader of imccopy's files finds in the settings, without a single defect."""
    lines = enumerate(settings_text(one).split("\r\n"), 1)
    found = list(parse_imc_settings(lines, "imc.txt"))
    assert not [each for each in found if isinstance(each, Defect)]
    return [(e.domain, e.mime, e.non_mime, *e.rest) for e in found if isinstance(e, CharacterSets)]


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
    assert "sample" not in told(one)


def test_fields_that_nothing_tells_are_those_of_the_article_and_the_steps_say_so() -> None:
    one = report(domains=(advice("zavod.example", "KOI8-R", WESTERN),))
    assert settings_text(one) == (
        "[Header]\r\nVersion=1\r\n\r\n[Domain]\r\nDomainInformation=+\r\n"
        "+Default,ISO-8859-1,ISO-8859-1,800,76,0,0,0\r\n"
        "+zavod.example,KOI8-R,ISO-8859-1,800,76,0,0,0\r\n"
    )
    assert "sample, `800,76,0,0,0`: it may not be what you have" in told(one)


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
    assert "non-MIME `ISO-2022-JP` by the entry of `jp`: add one." in told(one)
    assert told(one).count("It stands so already.") == 1


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
     "x" * 256, " a.example", "default", "DEFAULT"],
)  # fmt: skip
def test_a_domain_that_would_break_its_line_is_left_out_and_named(domain: str) -> None:
    good = advice("good.example", "KOI8-R", WESTERN)
    one = report(domains=(advice(domain, "Big5", WESTERN), good))
    assert [row[0] for row in settings_in(one)] == ["Default", "good.example"]
    assert "Not in that file: `" in told(one)
    assert plan_text(one, "plan.reg", "plan.imc.txt").isascii()
    assert "\x1b" not in plan_text(one, "plan.reg", "plan.imc.txt")


def test_a_charset_that_would_break_its_line_is_left_out_too() -> None:
    one = report(domains=(advice("a.example", "x,800", WESTERN),))
    assert [row[0] for row in settings_in(one)] == ["Default"]
    assert "Not in that file: `a.example`" in told(one)


def test_an_entry_whose_line_was_cut_is_left_out_and_its_fields_are_not_made_up() -> None:
    cut = current("a.example", "Big5", "Big5", ("800", "76"))
    one = report(settings=(cut,), domains=(advice("b.example", "KOI8-R", WESTERN),))
    assert [row[0] for row in settings_in(one)] == ["Default", "b.example"]
    assert "`a.example`, as its line in the evidence is not whole" in told(one)


ANYTHING = st.text(max_size=8) | st.sampled_from(["default", "a.example", "A.example", "800"])


@given(
    st.lists(st.tuples(ANYTHING, ANYTHING, ANYTHING), max_size=5),
    st.lists(st.tuples(ANYTHING, st.lists(ANYTHING, max_size=7)), max_size=5),
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
    text = plan_text(one, "plan.reg", "plan.imc.txt")
    assert text.isascii()
    assert all(character.isprintable() or character == "\n" for character in text)


# The steps


def outcome(harm: str, **more: Any) -> Outcome:
    values: dict[str, Any] = {"articles": ("Q157693",), "versions": ("4.0",), **more}
    return Outcome("Mail goes astray.", harm=harm, **values)


FULL = report(
    versions=(),
    code_pages_assumed=True,
    second_opinion=False,
    count=FileCount(9, 7, 1, 1),
    domains=(
        advice("zavod.example", "KOI8-R", "Shift_JIS", mime_basis=Basis.ARCHIVED, files=4),
        advice("heb.example", "windows-1255", "windows-1255"),
    ),
    install=(CodePageAdvice(932, ("shift_jis",), 3, "declared in 3 mails"),),
    aliases=(AliasAdvice("x-foo", "KOI8-R", 1, "another name of it"),),
    unaliased=(("x bar", "no name that a charset can have"),),
    warnings=(
        Warned(
            outcome("loss", fixed_in="4.0 SP3"), ("shift_jis",), 7, (Location("In/1MGAY8A2"),)
        ),
        Warned(outcome("raw", documented=False), ("x-foo",), 1, (Location("In/1MGAY8A3"),)),
    ),
    notes=("a note from the check",),
    files=(
        FileCheck(
            Location("In/1MGAY8A4"), None, InputKind.SPOOL_IN, "a.example", True,
            (
                PartCheck("1", "text/plain", "X Bar", None, 0, None, None, Verdict.UNKNOWN_LABEL),
                PartCheck("2", "text/plain", "koi8-r", "Big5", 1, 20866, True, Verdict.MISLABELLED),
            ), (),
        ),
    ),
)  # fmt: skip


def test_the_steps_come_in_the_order_in_which_they_are_done() -> None:
    assert headings(FULL) == [
        "What this rests on",
        "Prevent harm first",
        "Install code pages",
        "Add aliases to the MIME database",
        "Set the Character Sets",
        "Restart",
        "Test with one message, then do the rest",
        "What cannot be mended on the server",
    ]
    numbers = re.findall(r"^## (\d+)\.", plan_text(FULL, "a", "b"), re.MULTILINE)
    assert numbers == list("01234567")


def test_every_step_says_what_why_and_for_how_many() -> None:
    text = told(FULL)
    for phrase in (
        "9 seen, 7 read, 1 unreadable, 1 skipped",
        "version of the server is not known",
        "Those of a fresh Windows NT 4.0 are assumed",
        "without a second opinion",
        "A note from the check.",
        "Emergency Repair Disk (Q184772)",
        "`imccopy -save domain imc.txt` (Q262126, of 5.5)",
        "loss: 7 mails with the label `shift_jis`; Exchange 4.0. Mail goes astray. (Q157693.) "
        "Mended in 4.0 SP3. Before it is mended keep such mail out of In. Code page 932 is to be "
        "installed as well.",
        "- `In/1MGAY8A2` - and 6 more",
        "Code page 932, for `shift_jis`: declared in 3 mails.",
        "`LANGPACK`, right-click `ExchSrvr.inf`",
        "(Q160028)",
        "(Q151701)",
        "Restart the computer",
        "`x-foo` as `KOI8-R`, in 1 mail: another name of it.",
        "Import `plan.reg` with Regedit.exe",
        "Internet Mail tab",
        "E-Mail Domain button",
        "E-Mail Domain `zavod.example`: `KOI8-R` (in the list `Cyrillic (KOI8-R)`, inferred from "
        "Q178939) for MIME, `Shift_JIS` (in the list `Japanese Shift-JIS`, inferred from",
        "What is set now is not known. Why: so it is. 4 mails behind it.",
        "`windows-1255` (whether and how the list shows it is not known) for MIME and non-MIME",
        "`ISO-8859-1` (in the list `Western European (ISO-8859-1)`) for MIME and non-MIME",
        "Stop and start the Internet Mail Service",
        "Take one file that event 4117 names",
        "would be delivered twice",
        "`x bar`, in 1 mail: no name that a charset can have.",
        "1 mail with text in another charset than the label names (mislabelled)",
    ):
        assert phrase in text, phrase
    assert "raw" not in text.split("Install code pages")[0]


def test_what_an_installed_page_will_do_is_told_before_it_is_installed() -> None:
    install = (CodePageAdvice(936, ("gb2312",), 3, "declared in 3 mails"),)
    at_risk = told(report(versions=("5.0.1457.3",), install=install))
    assert "Once 936 is there, on 5.0:" in at_risk
    assert "(Q166580.) Mended in 5.0 SP1: bring the server there first." in at_risk
    assert "Q166580" not in told(report(versions=("5.5.2650.21",), install=install))


def test_an_alias_names_the_code_page_that_it_needs() -> None:
    alias = AliasAdvice("x-foo", "Shift_JIS", 1, "so")
    wanting = told(report(aliases=(alias,)))
    assert "It needs code page 932, which is not installed: install that too (Q160028)." in wanting
    install = (CodePageAdvice(932, ("shift_jis",), 3, "declared"),)
    both = told(report(aliases=(alias,), install=install))
    assert "It needs code page 932 of the step before." in both
    assert "It needs code page" not in told(report(aliases=(replace(alias, charset="KOI8-R"),)))


def test_what_stands_already_is_told_so() -> None:
    now = current("Default", WESTERN, WESTERN)
    koi8 = current("a.example", "KOI8-R", "KOI8-R")
    one = report(
        settings=(now, koi8),
        default=replace(KEPT, current=now),
        domains=(
            advice("a.example", "KOI8-R", "KOI8-R", koi8),
            advice("b.example", "Big5", "Big5"),
            advice("c.example", "Big5", "Big5", current("c.example", "KOI8-R", "KOI8-R")),
        ),
    )
    text = told(one)
    assert text.count("It stands so already.") == 2
    assert "It has no entry now: add one." in text
    assert "Now it is MIME `KOI8-R`, non-MIME `KOI8-R`: change it." in text


def test_without_archived_mail_nothing_is_put_back() -> None:
    text = told(report(domains=(advice("a.example", "KOI8-R", WESTERN),)))
    assert "Let one more message of each kind come in" in text
    assert "4117" not in text


def test_where_nothing_is_to_be_done_the_steps_say_exactly_that() -> None:
    text = told(report())
    assert "Nothing is to be done on the server." in text
    assert "What Default is set to is not known. See that it is `ISO-8859-1`" in text
    assert headings(report()) == ["What this rests on"]
    assert "Save first" not in text
    stands = report(default=replace(KEPT, current=current("Default", WESTERN, WESTERN)))
    assert "is not known" not in told(stands)
    assert "Nothing is to be done" not in told(FULL)


def test_harm_alone_is_something_to_do() -> None:
    page = told(report(code_pages=(1252, 50000)))
    assert "Remove the value `50000`" in page
    assert "Nothing is to be done" not in page
    assert headings(report(warnings=FULL.warnings[:1])) == [
        "What this rests on",
        "Prevent harm first",
    ]
    assert "Nothing is to be done" in told(report(warnings=FULL.warnings[1:]))


def test_where_nothing_was_read_nothing_follows() -> None:
    text = told(replace(FULL, count=FileCount(2, 0, 2, 0)))
    assert "No file could be read" in text
    assert "Nothing is to be done" not in text


HOSTILE = "x\x1b[31m`<b>\u202e\n# x"


def test_text_of_the_evidence_is_shown_as_ascii_and_never_as_markup() -> None:
    one = report(
        versions=(HOSTILE,),
        domains=(advice(HOSTILE, HOSTILE, "Big5", current(HOSTILE, HOSTILE, ""), reason=HOSTILE),),
        install=(CodePageAdvice(932, (HOSTILE,), 1, HOSTILE),),
        unaliased=((HOSTILE, HOSTILE),),
        warnings=(Warned(outcome("loss"), (HOSTILE,) * 12, 1, (Location(HOSTILE),)),),
        notes=(HOSTILE,),
        settings=(CharacterSets(Location(HOSTILE), HOSTILE, "", ""),),
    )
    text = plan_text(one, HOSTILE, HOSTILE)
    assert text.isascii()
    assert "\x1b" not in text
    assert "`x\\x1b[31m\\x60<b>\\u{202e}\\x0a# x`" in text
    outside = re.sub(r"`[^`\n]*`", "", text)
    assert "<b>" not in outside
    assert "`" not in outside
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1
    assert "and 2 more" in text


def test_no_line_is_long_but_for_what_cannot_be_broken() -> None:
    lines = plan_text(FULL, "plan.reg", "plan.imc.txt").splitlines()
    assert max(map(len, lines)) <= 98
    assert "\t" not in "".join(lines)


# The files


def test_all_files_are_written_and_returned_in_order(tmp_path: Path) -> None:
    written = write_plan(FULL, tmp_path / "plan.md")
    assert [one.name for one in written] == ["plan.md", "plan.reg", "plan.imc.txt"]
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(one.name for one in written)
    steps, registry, settings = (one.read_bytes() for one in written)
    assert steps.decode() == plan_text(FULL, "plan.reg", "plan.imc.txt")
    assert b"\r" not in steps
    assert registry.decode("cp1252") == registry_text(FULL)
    assert settings.decode("ascii") == settings_text(FULL)
    for content in (registry, settings):
        assert content.count(b"\n") == content.count(b"\r\n") > 0


def test_only_the_steps_are_written_where_there_is_nothing_else(tmp_path: Path) -> None:
    assert write_plan(EMPTY, tmp_path / "plan.md") == (tmp_path / "plan.md",)
    assert [one.name for one in tmp_path.iterdir()] == ["plan.md"]


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("plan", ["plan.reg", "plan.imc.txt"]),
        ("plan.txt", ["plan.reg", "plan.imc.txt"]),
        ("plan.reg", ["plan.reg.reg", "plan.reg.imc.txt"]),
        ("plan.REG", ["plan.REG.reg", "plan.REG.imc.txt"]),
        ("plan.imc.txt", ["plan.imc.txt.reg", "plan.imc.txt.imc.txt"]),
    ],
)
def test_no_two_files_have_one_name(tmp_path: Path, name: str, beside: list[str]) -> None:
    written = write_plan(FULL, tmp_path / name)
    assert [one.name for one in written] == [name, *beside]
    assert "Set the Character Sets" in written[0].read_text("utf-8")


@pytest.mark.parametrize("taken", ["plan.md", "plan.reg", "plan.imc.txt"])
def test_a_name_that_is_taken_stops_all_and_is_named(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_bytes(b"mine")
    with pytest.raises(FileExistsError) as caught:
        write_plan(FULL, tmp_path / "plan.md")
    assert caught.value.filename == str(tmp_path / taken)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [(taken, b"mine")]


def test_a_link_that_leads_nowhere_takes_a_name_too(tmp_path: Path) -> None:
    (tmp_path / "plan.reg").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_plan(FULL, tmp_path / "plan.md")
    assert [one.name for one in tmp_path.iterdir()] == ["plan.reg"]


def test_a_folder_is_no_place_for_the_steps(tmp_path: Path) -> None:
    for path in (tmp_path, Path(), Path("..")):
        with pytest.raises(IsADirectoryError):
            write_plan(FULL, path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_plan(FULL, tmp_path / "nowhere" / "plan.md")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_leaves_none_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = charset_plan.write_new_file

    def full(path: Path, content: bytes) -> None:
        if path.suffix == ".txt":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    monkeypatch.setattr(charset_plan, "write_new_file", full)
    with pytest.raises(OSError, match="No space left"):
        write_plan(FULL, tmp_path / "plan.md")
    assert list(tmp_path.iterdir()) == []
