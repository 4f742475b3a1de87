"""``imctool verify`` as a user types it: journals and manifests, held against what lies there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from failed_mail import FailedMail
from jsonschema import Draft202012Validator
from repository import REPOSITORY

from imctool.cli.main import program

NAMES = ("MKDWZAR5", "MKDWZAR6", "MKDWZAR7")
ONE, TWO, THREE = NAMES
STORY = REPOSITORY / "fixtures/q157693/evidence"
SCHEMA = json.loads((REPOSITORY / "docs/schema/verification-1.json").read_text(encoding="utf-8"))


@pytest.fixture
def site(tmp_path: Path) -> FailedMail:
    made = FailedMail(tmp_path / "site")
    for name in NAMES:
        made.mail(name)
    made.write()
    return made


def run(*arguments: object) -> Result:
    return CliRunner().invoke(program, list(map(str, arguments)))


def requeue(site: FailedMail, *options: object) -> Path:
    ended = run("requeue", site.folder, "--yes", "--service-stopped", "--format", "json", *options)
    assert ended.exit_code == 0, ended.output
    return Path(json.loads(ended.stdout)["journal"])


def verify(record: Path, *options: object) -> tuple[int, dict[str, Any]]:
    ended = run("verify", record, "--format", "json", *options)
    told = json.loads(ended.stdout)
    assert list(Draft202012Validator(SCHEMA).iter_errors(told)) == []
    assert told["record"] == str(record)
    return ended.exit_code, told


def differing(told: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["path"], one["what"]) for one in told["differences"]]


# A journal


def test_after_a_requeue_and_after_its_undo_all_is_as_recorded(site: FailedMail) -> None:
    journal = requeue(site)
    status, told = verify(journal)
    assert (status, told["checked"], told["differences"]) == (0, 4, [])
    assert run("undo", journal, "--service-stopped").exit_code == 0
    status, told = verify(journal)
    assert (status, told["checked"], told["differences"]) == (0, 4, [])
    assert "4 items checked: all are as recorded." in run("verify", journal).stdout


@pytest.mark.slow
def test_verifying_changes_nothing(site: FailedMail) -> None:
    journal = requeue(site)
    before = [(path, path.stat().st_mtime_ns) for path in sorted(site.folder.rglob("*"))]
    verify(journal)
    assert [(path, path.stat().st_mtime_ns) for path in sorted(site.folder.rglob("*"))] == before


def test_each_kind_of_difference_is_named_exactly(site: FailedMail) -> None:
    journal = requeue(site)
    content = site.waiting(THREE).read_bytes()
    site.waiting(ONE).unlink()
    site.waiting(TWO).write_bytes(b"x")
    site.waiting(THREE).write_bytes(content[:-3] + b"xyz")
    site.in_archive(THREE).write_bytes(content)
    status, told = verify(journal)
    assert status == 6
    assert differing(told) == [
        (f"In/{ONE}", "missing"),
        (f"In/{TWO}", "size"),
        (f"In/{THREE}", "bytes"),
        (f"In/Archive/{THREE}", "bytes"),
    ]
    text = " ".join(run("verify", journal).stdout.split())
    assert f"In/{TWO}: it has 1 bytes, not {len(content)}" in text
    assert "5 items checked, 4 differ." in text


def test_a_folder_or_a_link_in_place_of_a_file_is_told(site: FailedMail) -> None:
    journal = requeue(site)
    site.waiting(ONE).unlink()
    site.waiting(ONE).mkdir()
    assert differing(verify(journal)[1]) == [(f"In/{ONE}", "outside")]


@pytest.mark.slow
@pytest.mark.parametrize("line", [0, 1, 4, -1])
def test_a_changed_line_is_the_one_that_is_named(site: FailedMail, line: int) -> None:
    journal = requeue(site)
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"', b"'", 3) if line else lines[line].replace(b"T", b"t")
    journal.write_bytes(b"".join(lines))
    ended = run("verify", journal, "--format", "json", "--imcdata", site.imcdata)
    assert ended.exit_code == 6
    told = json.loads(ended.stdout)
    number = range(1, len(lines) + 1)[line]
    assert differing(told)[0] == (f"{journal} line {number}", "bytes")


def test_a_journal_cut_within_a_line_is_told(site: FailedMail) -> None:
    journal = requeue(site)
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-20])
    status, told = verify(journal)
    assert status == 6
    [(path, what)] = differing(told)
    assert what == "bytes"
    assert path.startswith(f"{journal} offset ")
    assert "a run was cut off" in " ".join(told["notes"])


@pytest.mark.slow
def test_of_a_run_that_went_to_pickup_both_files_are_checked(site: FailedMail) -> None:
    (site.imcdata / "Pickup").mkdir()
    journal = requeue(site, "--via", "pickup")
    status, told = verify(journal)
    assert (status, told["differences"]) == (0, [])
    (site.imcdata / "Pickup" / ONE).write_bytes(b"x")
    site.in_archive(TWO).unlink()
    assert differing(verify(journal)[1]) == [
        (f"In/Archive/{TWO}", "missing"), (f"Pickup/{ONE}", "size"),
    ]  # fmt: skip


@pytest.mark.slow
def test_a_copy_of_the_spool_is_checked_where_it_lies(site: FailedMail, tmp_path: Path) -> None:
    journal = requeue(site, "--journal", tmp_path / "outside.jsonl")
    shutil.copytree(site.folder, tmp_path / "copy")
    site.waiting(ONE).unlink()
    assert verify(journal)[0] == 6
    assert verify(journal, "--imcdata", tmp_path / "copy/Imcdata")[0] == 0


# A manifest


def recovered(tmp_path: Path, form: str = "eml") -> Path:
    ended = run("recover", STORY, "-o", tmp_path / "out", "--as", form)
    assert ended.exit_code == 0
    return tmp_path / "out/manifest.json"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["eml", "pickup", "mbox"])
def test_what_recover_wrote_is_as_recorded(tmp_path: Path, form: str) -> None:
    manifest = recovered(tmp_path, form)
    status, told = verify(manifest)
    assert (status, told["differences"]) == (0, [])
    status, with_evidence = verify(manifest, "--evidence", STORY)
    assert (status, with_evidence["differences"]) == (0, [])
    assert with_evidence["checked"] > told["checked"]


def test_a_changed_and_a_missing_copy_are_named(tmp_path: Path) -> None:
    manifest = recovered(tmp_path)
    first, second, _ = sorted(manifest.parent.glob("*.eml"))
    content = first.read_bytes()
    first.write_bytes(b"X" + content[1:])
    second.unlink()
    status, told = verify(manifest)
    assert status == 6
    assert sorted(differing(told)) == [(first.name, "bytes"), (second.name, "missing")]


@pytest.mark.slow
def test_a_log_that_changed_since_is_named(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    shutil.copytree(STORY, evidence)
    ended = run("recover", evidence, "-o", tmp_path / "out")
    assert ended.exit_code == 0
    log = evidence / "Exchsrvr/Imcdata/Log/L0000000.LOG"
    log.write_bytes(log.read_bytes() + b"\r\n")
    status, told = verify(tmp_path / "out/manifest.json", "--evidence", evidence)
    assert (status, differing(told)) == (6, [("Exchsrvr/Imcdata/Log/L0000000.LOG", "size")])


@pytest.mark.slow
def test_a_changed_manifest_is_named_itself(tmp_path: Path) -> None:
    manifest = recovered(tmp_path)
    manifest.write_bytes(manifest.read_bytes().replace(b"q157693", b"q157694"))
    text = manifest.read_text()
    manifest.write_text(text.replace('"size": ', '"size": 1', 1))
    status, told = verify(manifest)
    assert (status, differing(told)) == (6, [("manifest.json", "bytes")])


@pytest.mark.slow
def test_copies_that_requeue_made_are_verified(site: FailedMail, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = run("requeue", site.folder, "--via", "eml", "-o", out, "--yes")
    assert ended.exit_code == 0
    assert verify(out / "manifest.json")[0] == 0
    next(out.glob("*.eml")).write_bytes(b"x")
    status, told = verify(out / "manifest.json")
    assert (status, [what for _, what in differing(told)]) == (6, ["size"])


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"REGEDIT4\r\n", b"{}", b"[1, 2]", b"\xff\0", b"{" * 999])
@pytest.mark.parametrize("name", ["manifest.json", "x.jsonl"])
def test_what_is_neither_ends_with_6_and_names_no_difference(
    tmp_path: Path, content: bytes, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    if name == "x.jsonl" and content == b"":
        status, told = verify(path)
        assert (status, told["notes"]) == (0, ["no run stands in it"])
        return
    ended = run("verify", path)
    assert ended.exit_code == 6
    assert ended.stdout == ""
    assert ended.stderr.startswith("imctool: ")


@pytest.mark.parametrize("options", [(), ("nowhere",), ("--format", "csv")])
def test_wrong_usage_ends_with_2(options: tuple[str, ...]) -> None:
    assert run("verify", *options).exit_code == 2
