"""The advice on charsets as steps, and the files of a plan."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from charset_report_builder import EMPTY, KEPT, WESTERN, advice, current, report

from imctool.model.charset_check import (
    AliasAdvice,
    Basis,
    CharsetReport,
    CodePageAdvice,
    FileCheck,
    Outcome,
    PartCheck,
    Verdict,
    Warned,
)
from imctool.model.evidence import FileCount, InputKind, Location
from imctool.model.settings import CharacterSets
from imctool.repair import charset_plan
from imctool.repair.charset_files import registry_text, settings_text
from imctool.repair.charset_plan import plan_text, write_plan


def told(one: CharsetReport) -> str:
    """The steps on one line, so that no line end stands in the way of a phrase."""
    return " ".join(plan_text(one, "plan.reg", "plan.imc.txt").split())


def headings(one: CharsetReport) -> list[str]:
    return re.findall(r"^## \d+\. (.*)$", plan_text(one, "plan.reg", "plan.imc.txt"), re.MULTILINE)


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
        "Mended in 4.0 SP3. Before it is mended keep such mail out of In. Found in `In/1MGAY8A2` "
        "and 6 more. Code page 932 is to be installed as well.",
        "Code page 932, for `shift_jis`: declared in 3 mails.",
        "`LANGPACK`, right-click `ExchSrvr.inf`",
        "(Q160028)",
        "(Q151701)",
        "Then restart the computer",
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
    assert "Once 936 is there, on 5.0:" in told(report(versions=("5.x",), install=install))


def test_the_code_page_behind_an_alias_is_installed_before_it_is_added() -> None:
    install = (CodePageAdvice(932, ("shift_jis",), 0, "what x-foo stands for"),)
    one = report(aliases=(AliasAdvice("x-foo", "Shift_JIS", 1, "so"),), install=install)
    before, _, after = told(one).partition("Add aliases to the MIME database")
    assert "Code page 932, for `shift_jis`: what x-foo stands for." in before
    assert "`x-foo` as `Shift_JIS`, in 1 mail: so." in after
    assert "code page" not in after


@pytest.mark.parametrize("is_whole", [True, False])
def test_that_imccopy_takes_the_settings_back_is_told_as_inferred(is_whole: bool) -> None:
    now = current("Default", "Big5", "Big5")
    text = told(
        report(
            default=advice("Default", WESTERN, WESTERN, now),
            settings=(now,) if is_whole else (),
        )
    )
    assert "Enter them in the Administrator program" in text
    assert (
        "`imccopy -restore domain plan.imc.txt` loads such a file is inferred from Q182522, which "
        "has `-restore routes` alone: try it on a test server first."
    ) in text
    assert ("Do not load this one" in text) is not is_whole


def test_fields_behind_the_character_sets_that_nothing_tells_are_told_as_the_samples() -> None:
    domains = (advice("zavod.example", "KOI8-R", WESTERN),)
    now = current("Default", WESTERN, WESTERN)
    sample = "the sample of Q262126, `800,76,0,0,0`: it may not be what you have"
    assert sample in told(report(domains=domains))
    known = report(domains=domains, settings=(now,), default=replace(KEPT, current=now))
    assert sample not in told(known)


def test_an_entry_that_the_file_cannot_hold_is_named() -> None:
    cut = current("a.example", "Big5", "Big5", ("800", "76"))
    text = told(report(settings=(cut,), domains=(advice("b,\x1b[31m", "KOI8-R", WESTERN),)))
    assert "Not in that file: `a.example`, as its line in the evidence is not whole." in text
    assert "Not in that file: `b,\\x1b[31m`, as the form of the file cannot hold it." in text


def test_a_domain_that_a_parents_entry_serves_is_told_so() -> None:
    parent = current("jp", "ISO-2022-JP", "ISO-2022-JP")
    text = told(
        report(
            settings=(parent,),
            domains=(
                advice("a.jp", "ISO-2022-JP", "ISO-2022-JP", parent),
                advice("b.jp", "Shift_JIS", "ISO-2022-JP", parent),
            ),
        )
    )
    assert "non-MIME `ISO-2022-JP` by the entry of `jp`: add one." in text
    assert text.count("It stands so already.") == 1


def test_mail_of_protocol_logs_counts_for_what_cannot_be_mended() -> None:
    one = report(logged=FULL.files, unaliased=FULL.unaliased)
    assert "1 mail that only protocol logs hold count too." in told(one)
    assert "`x bar`, in 1 mail: no name that a charset can have." in told(one)


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
    assert registry.decode("ascii") == registry_text(FULL)
    assert settings.decode("ascii") == settings_text(FULL)
    for content in (registry, settings):
        assert content.count(b"\n") == content.count(b"\r\n") > 0


def test_only_the_steps_are_written_where_there_is_nothing_else(tmp_path: Path) -> None:
    assert write_plan(EMPTY, tmp_path / "plan.md") == (tmp_path / "plan.md",)
    assert [one.name for one in tmp_path.iterdir()] == ["plan.md"]


@pytest.mark.parametrize("taken", ["plan.md", "plan.reg", "plan.imc.txt"])
def test_a_name_that_is_taken_stops_all_and_is_named(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_bytes(b"mine")
    with pytest.raises(FileExistsError) as caught:
        write_plan(FULL, tmp_path / "plan.md")
    assert caught.value.filename == str(tmp_path / taken)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [(taken, b"mine")]


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
