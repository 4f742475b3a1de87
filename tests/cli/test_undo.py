"""``imctool undo`` as a user types it: what it takes back, and what it says of the rest."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from failed_mail import FailedMail
from jsonschema import Draft202012Validator
from repository import REPOSITORY

from imctool.cli.main import program

NAMES = ("MKDWZAR5", "MKDWZAR6", "MKDWZAR7", "MKDWZAR8")
ONE, TWO, THREE, FOUR = NAMES
SCHEMA = json.loads((REPOSITORY / "docs/schema/repair-1.json").read_text(encoding="utf-8"))
LINE = json.loads((REPOSITORY / "docs/schema/journal-1.json").read_text(encoding="utf-8"))


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


def undo(journal: Path, *options: object) -> tuple[int, dict[str, Any]]:
    ended = run("undo", journal, "--service-stopped", "--format", "json", *options)
    told = json.loads(ended.stdout)
    assert list(Draft202012Validator(SCHEMA).iter_errors(told)) == []
    lines = map(json.loads, journal.read_bytes().splitlines())
    assert all(not list(Draft202012Validator(LINE).iter_errors(line)) for line in lines)
    return ended.exit_code, told


def names(told: dict[str, Any], status: str) -> list[str]:
    return sorted(one["spool_name"] for one in told["actions"] if one["status"] == status)


def reasons(told: dict[str, Any]) -> dict[str, str]:
    return {one["spool_name"]: one["reason"] for one in told["actions"] if one["reason"]}


def tree(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    return {
        path.relative_to(folder).as_posix(): (
            path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode,
        )
        for path in folder.rglob("*")
        if path.is_file()
    }  # fmt: skip


def test_names_bytes_times_and_modes_are_as_they_were(site: FailedMail) -> None:
    for place, name in enumerate(NAMES):
        os.utime(site.in_archive(name), ns=(1, 946_684_800_123_456_789 + place))
        site.in_archive(name).chmod(0o640 if place % 2 else 0o600)
    before = tree(site.folder)
    journal = requeue(site)
    status, told = undo(journal)
    assert (status, names(told, "done")) == (0, list(NAMES))
    assert told["summary"] == {"done": 4, "planned": 0, "refused": 0, "failed": 0}
    assert (told["journal"], told["imcdata"]) == (str(journal), str(site.imcdata))
    after = tree(site.folder)
    del after[journal.relative_to(site.folder).as_posix()]
    assert after == before


def test_the_record_goes_on_in_the_same_journal(site: FailedMail) -> None:
    journal = requeue(site)
    before = journal.read_bytes()
    undo(journal)
    after = journal.read_bytes()
    assert after.startswith(before)
    more = [json.loads(line)["record"] for line in after[len(before) :].splitlines()]
    assert more == ["begin", *["intent"] * 4, *["done"] * 4, "end"]


def test_taken_back_once_there_is_nothing_more_to_take_back(site: FailedMail) -> None:
    journal = requeue(site)
    undo(journal)
    before = tree(site.folder)
    ended = run("undo", journal, "--service-stopped")
    assert ended.exit_code == 0
    assert "Nothing to take back" in ended.stdout
    assert tree(site.folder) == before


def test_what_the_server_took_up_is_gone_and_the_rest_comes_back(site: FailedMail) -> None:
    journal = requeue(site)
    site.waiting(ONE).unlink()
    status, told = undo(journal)
    assert (status, names(told, "done"), names(told, "refused")) == (
        1, [TWO, THREE, FOUR], [ONE],
    )  # fmt: skip
    assert "the service took it up since" in reasons(told)[ONE]
    assert not site.in_archive(ONE).exists()


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"another letter"])
def test_another_file_under_the_name_stays_where_it_is(site: FailedMail, content: bytes) -> None:
    journal = requeue(site)
    site.waiting(ONE).write_bytes(content)
    status, told = undo(journal)
    assert (status, names(told, "refused")) == (1, [ONE])
    assert site.waiting(ONE).read_bytes() == content
    assert not site.in_archive(ONE).exists()


@pytest.mark.slow
def test_changed_bytes_of_the_same_size_and_time_are_noticed(site: FailedMail) -> None:
    journal = requeue(site)
    path = site.waiting(ONE)
    content, status = path.read_bytes(), path.stat()
    path.write_bytes(content[:-3] + b"xyz")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    code, told = undo(journal)
    assert (code, names(told, "refused")) == (1, [ONE])
    assert path.read_bytes().endswith(b"xyz")


@pytest.mark.slow
@pytest.mark.parametrize("taken", [ONE, ONE.lower()])
def test_a_name_taken_in_the_archive_since_is_never_replaced(site: FailedMail, taken: str) -> None:
    journal = requeue(site)
    site.in_archive(taken).write_bytes(b"newer")
    status, told = undo(journal)
    assert (status, names(told, "refused")) == (1, [ONE])
    assert f"the name {ONE} is taken in In/Archive" in reasons(told)[ONE]
    assert taken in reasons(told)[ONE]
    assert site.in_archive(taken).read_bytes() == b"newer"
    assert site.waiting(ONE).is_file()
    site.in_archive(taken).unlink()
    status, told = undo(journal)
    assert (status, names(told, "done")) == (0, [ONE])


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_under_the_name_is_not_followed(site: FailedMail, tmp_path: Path) -> None:
    journal = requeue(site)
    secret = tmp_path / "secret"
    site.waiting(ONE).rename(secret)
    site.waiting(ONE).symlink_to(secret)
    status, told = undo(journal)
    assert (status, names(told, "done")) == (1, [TWO, THREE, FOUR])
    assert site.waiting(ONE).is_symlink()
    assert secret.is_file()
    assert not site.in_archive(ONE).exists()


@pytest.mark.slow
def test_requeued_in_two_runs_each_journal_takes_back_its_own(site: FailedMail) -> None:
    first, second = requeue(site, "--max", 1), requeue(site)
    assert first != second
    assert names(undo(second)[1], "done") == [TWO, THREE, FOUR]
    assert site.waiting(ONE).is_file()
    assert names(undo(first)[1], "done") == [ONE]


@pytest.mark.slow
def test_requeued_again_after_an_undo_it_is_taken_back_again(site: FailedMail) -> None:
    undo(requeue(site))
    again = requeue(site)
    status, told = undo(again)
    assert (status, names(told, "done")) == (0, list(NAMES))


@pytest.mark.slow
def test_a_spool_that_was_moved_is_found_by_its_journal(site: FailedMail, tmp_path: Path) -> None:
    journal = requeue(site)
    moved = tmp_path / "moved"
    site.folder.rename(moved)
    status, told = undo(moved / journal.relative_to(site.folder))
    assert (status, told["imcdata"]) == (0, str(moved / "Imcdata"))
    assert (moved / "Imcdata/In/Archive" / ONE).is_file()


@pytest.mark.slow
def test_a_journal_outside_names_the_spool_by_imcdata(site: FailedMail, tmp_path: Path) -> None:
    journal = requeue(site, "--journal", tmp_path / "outside.jsonl")
    moved = tmp_path / "moved"
    site.folder.rename(moved)
    ended = run("undo", journal, "--service-stopped")
    assert ended.exit_code == 4
    assert "--imcdata" in ended.stderr
    assert undo(journal, "--imcdata", moved / "Imcdata")[0] == 0
    assert (moved / "Imcdata/In/Archive" / ONE).is_file()


@pytest.mark.slow
def test_in_the_wrong_spool_nothing_is_touched(site: FailedMail, tmp_path: Path) -> None:
    journal = requeue(site, "--journal", tmp_path / "outside.jsonl")
    other = FailedMail(tmp_path / "other")
    other.mail(ONE, place="In", subject="Another")
    other.write()
    before = tree(other.folder)
    status, told = undo(journal, "--imcdata", other.imcdata)
    assert (status, names(told, "refused")) == (1, list(NAMES))
    assert tree(other.folder) == before
    assert names(undo(journal)[1], "done") == list(NAMES)


@pytest.mark.slow
def test_of_a_restored_copy_of_the_spool_files_are_known_by_their_bytes(
    site: FailedMail, tmp_path: Path
) -> None:
    journal = requeue(site)
    copy = tmp_path / "copy"
    shutil.copytree(site.folder, copy)
    status, told = undo(copy / journal.relative_to(site.folder))
    assert (status, names(told, "done")) == (0, list(NAMES))
    assert site.waiting(ONE).is_file()
    assert (copy / "Imcdata/In/Archive" / ONE).is_file()


@pytest.mark.slow
def test_what_pickup_has_not_taken_up_is_taken_out_again(site: FailedMail) -> None:
    pickup = site.imcdata / "Pickup"
    pickup.mkdir()
    before = tree(site.folder)
    journal = requeue(site, "--via", "pickup")
    (pickup / ONE).unlink()
    (pickup / TWO).write_bytes(b"another")
    status, told = undo(journal)
    assert (status, names(told, "done"), names(told, "refused")) == (1, [THREE, FOUR], [ONE, TWO])
    assert [path.name for path in pickup.iterdir()] == [TWO]
    assert {name: tree(site.folder)[name] for name in before} == before


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"\n", b"REGEDIT4\r\n", b"\xff" * 99])
def test_what_is_no_journal_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    ended = run("undo", path)
    assert ended.exit_code == 6
    assert path.read_bytes() == content


def test_what_is_no_journal_is_named(site: FailedMail) -> None:
    assert "zone.reg" in run("undo", site.folder / "zone.reg").stderr


def test_a_changed_line_ends_it_before_it_begins(site: FailedMail) -> None:
    journal = requeue(site)
    journal.write_bytes(journal.read_bytes().replace(ONE.encode(), TWO.encode(), 1))
    before = tree(site.folder)
    ended = run("undo", journal, "--service-stopped")
    assert ended.exit_code == 6
    assert f"{journal.name} line 2, offset" in ended.stderr
    assert "nothing was done" in ended.stderr
    assert tree(site.folder) == before


@pytest.mark.slow
def test_text_says_what_where_and_why_not(site: FailedMail) -> None:
    journal = requeue(site)
    site.waiting(ONE).unlink()
    ended = run("undo", journal, "--service-stopped")
    text = " ".join(ended.stdout.split())
    assert f"{TWO}: In/{TWO} -> In/Archive/{TWO}" in text
    assert f"{ONE}: In/{ONE}" in text
    assert "3 done, 1 refused, 0 failed." in text
    assert "Journal" in text


@pytest.mark.parametrize("options", [(), ("nowhere",), ("--format", "csv")])
def test_wrong_usage_ends_with_2(options: tuple[str, ...]) -> None:
    assert run("undo", *options).exit_code == 2
