"""``imctool charset-check`` as a user types it."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from charset_corpus.sites import write_site
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from repository import REPOSITORY
from spool_builder import spool_file

from imctool.cli.main import program
from imctool.report.charset_documents import COLUMNS

FIXTURES = REPOSITORY / "fixtures"
STORY = FIXTURES / "q230250" / "evidence"
HEALTHY = FIXTURES / "healthy" / "evidence"
ARCHIVED = STORY / "Exchsrvr/Imcdata/In/Archive/LA4XGWQ7"
STORIES = sorted(path.parent.name for path in FIXTURES.glob("*/evidence"))
SCHEMA = Draft202012Validator(json.loads((REPOSITORY / "docs/schema/charsets-1.json").read_text()))
FORMS = ("text", "json", "jsonl", "csv")


def run(*arguments: str | Path, **options: Any) -> Result:
    ended = CliRunner().invoke(program, ["charset-check", *map(str, arguments)], **options)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended


def document(*arguments: str | Path, **options: Any) -> dict[str, Any]:
    found = json.loads(run(*arguments, "--format", "json", **options).stdout)
    assert isinstance(found, dict)
    assert [each.message for each in SCHEMA.iter_errors(found)] == []
    return found


def process(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "imctool", "charset-check", *map(str, arguments)],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )


def russian(name: str, folder: Path, **envelope: object) -> None:
    """Write non-MIME mail in KOI8-R, which bears no label."""
    folder.mkdir(parents=True, exist_ok=True)
    body = "Добрый день, высылаем счёт за прошлый месяц.\r\n".encode("koi8-r")
    (folder / name).write_bytes(spool_file(b"From: a@b\r\n\r\n" + body, **envelope))


@pytest.fixture
def unlabelled(tmp_path: Path) -> Path:
    """A spool with two mails of one domain, without labels."""
    for name in ("MKDWZAR5", "MKDWZAR6"):
        russian(name, tmp_path / "site" / "In", originator="anna@zavod.example")
    return tmp_path / "site"


def test_the_text_report_tells_what_to_set_and_why() -> None:
    ended = run(STORY)
    assert ended.exit_code == 1
    text = " ".join(ended.stdout.split())
    for words in (
        "zavod.example KOI8-R ISO-8859-1",
        "(Q230250)",
        "ISO-2022-JP, ISO-2022-JP",
        "a default NT 4.0 assumed",
        "15 seen: 7 read, 0 unreadable, 8 skipped",
    ):
        assert words in text, words
    assert ended.stderr == ""


def test_the_example_of_the_page_is_what_the_command_prints() -> None:
    pytest.importorskip("chardetng_py")  # without it the report has a line more
    command = "imctool charset-check fixtures/q230250/evidence"
    page = (REPOSITORY / "docs/commands/charset-check.md").read_text(encoding="utf-8")
    shown = page.partition(f"$ {command}\n")[2].partition("```")[0]
    assert shown == run(STORY).stdout


def test_a_healthy_tree_ends_with_0() -> None:
    ended = run(HEALTHY)
    assert ended.exit_code == 0
    assert "Every text is what its label says." in ended.stdout


def test_nothing_read_ends_with_3(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        ended = run(path)
        assert ended.exit_code == 3
        assert ended.stderr.startswith("imctool: nothing could be read under ")
        assert run(path, "--quiet").stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [[], ["x", "--format", "html"], ["x", "--no-such"], ["-", "-"], ["x", "--fix-plan"],
     ["x", "--jobs", "0"]],
)  # fmt: skip
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    ended = run(*arguments)
    assert ended.exit_code == 2
    assert ended.stdout == ""
    assert "Error" in ended.stderr


@pytest.mark.parametrize("story", STORIES)
def test_the_document_of_every_story_keeps_to_its_schema(story: str) -> None:
    found = document(FIXTURES / story / "evidence")
    files = found["summary"]["files"]
    assert files["seen"] == files["read"] + files["unreadable"] + files["skipped"]
    mails = found["files"] + found["logged"]
    texts = sum(len(one["parts"]) + len(one["headers"]) for one in mails)
    assert sum(found["summary"]["by_verdict"].values()) == texts


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 7])
def test_the_document_of_a_site_with_all_kinds_of_mail_keeps_to_its_schema(
    tmp_path: Path, seed: int
) -> None:
    write_site(seed, tmp_path)
    found = document(tmp_path)
    assert found["recommendation"]["domains"]
    assert found["recommendation"]["install_code_pages"]
    assert found["warnings"]
    assert set(found["summary"]["by_verdict"]) > {"ok"}


def test_the_document_says_what_each_value_rests_on() -> None:
    found = document(STORY)
    (entry,) = found["recommendation"]["domains"]
    assert (entry["domain"], entry["mime"], entry["non_mime"]) == (
        "zavod.example", "KOI8-R", "ISO-8859-1",
    )  # fmt: skip
    assert entry["basis"] == {"mime": "archived-by-4117", "non_mime": None}
    default = found["recommendation"]["default"]
    assert (default["mime"], default["non_mime"]) == ("ISO-8859-1", "ISO-8859-1")
    assert default["current"] == {"mime": "ISO-2022-JP", "non_mime": "ISO-2022-JP"}
    assert default["changes"] is True


def test_jsonl_gives_each_line_its_type(tmp_path: Path) -> None:
    write_site(3, tmp_path)
    lines = [json.loads(line) for line in run(tmp_path, "--format", "jsonl").stdout.splitlines()]
    kinds = [line["type"] for line in lines]
    assert set(kinds) >= {"file", "default", "domain", "install_code_page", "add_alias", "warning"}
    whole = document(tmp_path)
    assert kinds.count("file") == len(whole["files"])
    assert kinds.count("domain") == len(whole["recommendation"]["domains"])
    assert kinds.count("default") == 1
    assert kinds.count("warning") == len(whole["warnings"])


def test_csv_has_one_row_a_text_under_the_columns_that_are_documented() -> None:
    rows = list(csv.reader(io.StringIO(run(STORY, "--format", "csv").stdout)))
    assert tuple(rows[0]) == COLUMNS
    found = [dict(zip(COLUMNS, row, strict=True)) for row in rows[1:]]
    assert len(found) == sum(document(STORY)["summary"]["by_verdict"].values())
    subject = next(one for one in found if one["text"] == "Subject")
    assert (subject["declared"], subject["verdict"]) == ("koi8-r", "ok")
    page = (REPOSITORY / "docs/commands/charset-check.md").read_text(encoding="utf-8")
    assert f"`{','.join(COLUMNS)}`" in page


def test_all_lists_the_mails_in_order_too() -> None:
    name = "In/Archive/LA4XGWQ8"
    assert name not in run(STORY).stdout
    assert name in run(STORY, "--all").stdout


def test_a_file_given_without_logs_counts_as_archived_and_so_does_stdin() -> None:
    given = document(ARCHIVED)["recommendation"]["domains"]
    assert [(one["domain"], one["mime"]) for one in given] == [("zavod.example", "KOI8-R")]
    found = document("-", input=ARCHIVED.read_bytes())
    assert found["recommendation"]["domains"] == given
    assert found["files"][0]["location"] == {"path": "stdin"}


def test_several_paths_prefix_their_names() -> None:
    found = document(STORY, HEALTHY)
    paths = [one["location"]["path"] for one in found["files"]]
    assert {path.startswith(str(FIXTURES)) for path in paths} == {True}


# The fix plan


def test_the_fix_plan_is_written_and_named_on_stderr(tmp_path: Path) -> None:
    ended = run(STORY, "--fix-plan", tmp_path / "plan.md")
    assert ended.exit_code == 1
    assert sorted(one.name for one in tmp_path.iterdir()) == ["plan.imc.txt", "plan.md"]
    steps = (tmp_path / "plan.md").read_text(encoding="utf-8")
    assert "E-Mail Domain `zavod.example`: `KOI8-R`" in steps
    settings = (tmp_path / "plan.imc.txt").read_text(encoding="ascii")
    assert "+zavod.example,KOI8-R,ISO-8859-1,800,76,0,0,0" in settings.splitlines()
    assert str(tmp_path / "plan.imc.txt") in ended.stderr
    again = tmp_path / "again.md"
    assert run(STORY, "--fix-plan", again, "--quiet").stderr == ""
    assert again.read_text(encoding="utf-8") == steps.replace("plan.imc", "again.imc")


def test_what_the_plan_sets_the_command_finds_set(tmp_path: Path, unlabelled: Path) -> None:
    before = document(unlabelled)["recommendation"]["domains"]
    assert [one["changes"] for one in before] == [None]
    run(unlabelled, "--fix-plan", tmp_path / "plan.md")
    os.replace(tmp_path / "plan.imc.txt", unlabelled / "imc.txt")
    after = document(unlabelled)["recommendation"]
    assert [(one["domain"], one["changes"]) for one in after["domains"]] == [
        ("zavod.example", False)
    ]
    assert after["default"]["changes"] is False
    run(unlabelled, "--fix-plan", tmp_path / "after.md")
    assert "Nothing is to be done on the server." in (tmp_path / "after.md").read_text("utf-8")
    assert not (tmp_path / "after.imc.txt").exists()


def test_the_aliases_of_the_plan_are_known_once_they_are_in_the_evidence(tmp_path: Path) -> None:
    site = tmp_path / "site"
    write_site(3, site)
    aliases = document(site)["recommendation"]["add_aliases"]
    assert aliases
    run(site, "--fix-plan", tmp_path / "plan.md")
    os.replace(tmp_path / "plan.reg", site / "aliases.reg")
    after = document(site)
    assert after["recommendation"]["add_aliases"] == []
    assert after["defects"] == document(site)["defects"]


def test_what_is_a_step_of_the_plan_is_no_note_of_it_too(tmp_path: Path) -> None:
    site = tmp_path / "site"
    write_site(3, site)
    (site / "store.reg").write_bytes(
        b"REGEDIT4\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Nls\\CodePage]"
        b'\r\n"1252"="c_1252.nls"\r\n"50000"="c_50000.nls"\r\n'
    )
    notes = " ".join(document(site)["notes"])
    assert "restart the Internet Mail Service" in notes
    assert "entry 50000" in notes
    run(site, "--fix-plan", tmp_path / "plan.md")
    steps = " ".join((tmp_path / "plan.md").read_text("utf-8").split())
    assert steps.count("Stop and start the Internet Mail Service") == 1
    assert "estart the Internet Mail Service" not in steps
    assert steps.count("50000") == 1


def unread(*arguments: str | Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What wrong usage is told, where no evidence is read and nothing goes to stdout."""

    def read(*_: object, **__: object) -> None:
        raise AssertionError("the evidence was read")

    monkeypatch.setattr("imctool.causes.charset_check.check_charsets", read)
    ended = run(*arguments)
    assert ended.exit_code == 2
    assert ended.stdout == ""
    return " ".join(ended.stderr.split())


@pytest.mark.parametrize("taken", ["plan.md", "plan.reg", "plan.imc.txt"])
def test_a_plan_that_is_there_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    (tmp_path / taken).write_text("mine")
    told = unread(STORY, "--fix-plan", tmp_path / "plan.md", monkeypatch=monkeypatch)
    assert f"{taken}: {os.strerror(errno.EEXIST)}" in told
    assert [one.name for one in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "mine"


@pytest.mark.parametrize("place", ["", "nowhere/plan.md", "."])
def test_a_plan_that_cannot_be_written_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    told = unread(STORY, "--fix-plan", tmp_path / place, monkeypatch=monkeypatch)
    assert "cannot write" in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stream", ["-", ""])
def test_a_plan_is_no_stream(monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    told = unread(STORY, "--fix-plan", stream, monkeypatch=monkeypatch)
    assert "--fix-plan needs the name of a file" in told


@pytest.mark.parametrize("output", ["plan.md", "plan.reg", "./plan.imc.txt"])
def test_the_report_takes_no_name_of_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.chdir(tmp_path)
    told = unread(STORY, "-o", output, "--fix-plan", "plan.md", monkeypatch=monkeypatch)
    assert f"{output} is a file of the plan" in told
    assert list(tmp_path.iterdir()) == []


def test_the_help_names_the_files_of_a_plan() -> None:
    told = " ".join(run("--help").stdout.split())
    assert all(name in told for name in ("plan.md", "plan.reg", "plan.imc.txt"))


@pytest.mark.parametrize("option", ["-o", "--fix-plan"])
def test_nothing_is_written_into_the_evidence(unlabelled: Path, option: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in unlabelled.rglob("*")}
    ended = run(unlabelled, option, unlabelled / "In" / "out")
    assert ended.exit_code == 2
    assert "lies inside the evidence" in ended.stderr
    assert ended.stdout == ""
    assert {path: path.stat().st_mtime_ns for path in unlabelled.rglob("*")} == before


def test_output_goes_to_the_file_and_nowhere_else(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    ended = run(STORY, "--format", "json", "-o", target)
    assert ended.stdout == ""
    assert json.loads(target.read_text())["schema"] == "imctool/charsets/1"


# What reaches a terminal


def test_hostile_text_reaches_no_terminal_and_no_file_raw(tmp_path: Path) -> None:
    site = tmp_path / "site"
    label = "x\x1b]52;c;x\x07\u202e".encode()
    head = (
        b'Subject: =?x\x1b[31m?B?w6Q=?=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset="'
    )
    (site / "In").mkdir(parents=True)
    (site / "In" / "WKA6D6YM").write_bytes(
        spool_file(b"From: <a@\x1b[31m.example>\r\n" + head + label + b'"\r\n\r\n\xc3\xa4\r\n')
    )
    for name in ("MKDWZAR5", "MKDWZAR6"):
        russian(name, site / "In", originator="eve@b,Big5,Big5,1.example")
    (site / "imc.txt").write_bytes(
        b"[Header]\r\nVersion=1\r\n\r\n[Domain]\r\nDomainInformation=+\r\n"
        b"+Default,ISO-8859-1,ISO-8859-1,800,76,0,0,0\r\n+\x1b[2J.example,Big5,Big5,800,76,0,0,0\r\n"
    )
    for form in FORMS:
        shown = run(site, "--all", "--verbose", "--format", form).stdout
        assert "WKA6D6YM" in shown
        assert not set(shown) & set("\x1b\x07\x9b\x80\u202e"), form
    run(site, "--fix-plan", tmp_path / "plan.md")
    for path in tmp_path.glob("plan*"):
        written = path.read_text(encoding="utf-8")
        assert not set(written) & set("\x1b\x07\x9b\x80\u202e"), path
        assert all(line.count(",") == 7 for line in written.splitlines() if line[:1] == "+")
    assert r"`\x1b[2J.example`" in (tmp_path / "plan.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"COLUMNS": "40"}])
def test_a_pipe_gets_no_colour_and_lines_that_fit(environment: dict[str, str]) -> None:
    ended = process(STORY, "--all", **environment)
    assert ended.returncode == 1
    assert b"\x1b" not in ended.stdout
    assert max(map(len, ended.stdout.decode().splitlines())) <= 100
    assert ended.stderr == b""


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_the_same_evidence_gives_the_same_bytes(tmp_path: Path, form: str) -> None:
    write_site(3, tmp_path / "site")
    arguments = (tmp_path / "site", "--all", "--format", form)
    plans = []
    outputs = set()
    for seed in ("0", "1"):
        folder = tmp_path / seed
        folder.mkdir()
        ended = process(*arguments, "--fix-plan", folder / "plan.md", PYTHONHASHSEED=seed)
        outputs.add(ended.stdout)
        plans.append({one.name: one.read_bytes() for one in folder.iterdir()})
    assert len(outputs) == 1
    assert plans[0] == plans[1]
    assert sorted(plans[0]) == ["plan.imc.txt", "plan.md", "plan.reg"]


def test_evidence_is_left_as_it_was() -> None:
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in STORY.rglob("*") if p.is_file()}
    run(STORY)
    after = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in STORY.rglob("*") if p.is_file()}
    assert before == after
