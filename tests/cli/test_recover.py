"""``imctool recover`` as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from repository import REPOSITORY
from session_log import FORMS, sessions

from imctool.cli.main import program

FIXTURES = REPOSITORY / "fixtures"
STORY = FIXTURES / "q157693" / "evidence"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(program, ["recover", *map(str, arguments)])


def process(*arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "imctool", "recover", *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
        **options,
    )


def valid(name: str, document: object) -> bool:
    schema = json.loads((REPOSITORY / f"docs/schema/{name}.json").read_text(encoding="utf-8"))
    return not list(Draft202012Validator(schema).iter_errors(document))


def test_lost_messages_are_written_and_told(tmp_path: Path) -> None:
    ended = run(STORY, "-o", tmp_path / "out")
    assert ended.exit_code == 0
    assert "3 messages rebuilt" in ended.stdout
    assert "Files: 12 seen" in ended.stdout
    assert "Next:" in ended.stdout
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert [name[:5] for name in files] == ["0001-", "0002-", "0003-", "manif"]
    assert valid("recovery-1", json.loads((tmp_path / "out" / "manifest.json").read_bytes()))


@pytest.mark.parametrize("form", ["eml", "pickup", "mbox"])
@pytest.mark.parametrize("story", ["q157684", "q157693", "q174036", "q230250", "healthy"])
def test_documents_keep_to_their_schemas(tmp_path: Path, story: str, form: str) -> None:
    out = tmp_path / "out"
    evidence = FIXTURES / story / "evidence"
    ended = run(evidence, "-o", out, "--as", form, "--all", "--format", "json")
    told = json.loads(ended.stdout)
    assert valid("repair-1", told)
    assert (told["dry_run"], told["journal"]) == (False, None)
    assert {one["kind"] for one in told["actions"]} <= {"write", "skip"}
    if told["manifest"] is not None:
        assert valid("recovery-1", json.loads(Path(told["manifest"]).read_bytes()))
        assert all(Path(one["to"]).is_file() for one in told["actions"] if one["status"] == "done")


def test_nothing_lost_ends_with_0(tmp_path: Path) -> None:
    ended = run(FIXTURES / "healthy" / "evidence", "-o", tmp_path / "out")
    assert ended.exit_code == 0
    assert "Nothing to rebuild" in ended.stdout
    assert list((tmp_path / "out").iterdir()) == []


def test_a_dry_run_makes_no_folder(tmp_path: Path) -> None:
    ended = run(STORY, "-o", tmp_path / "out", "--dry-run", "--format", "json")
    told = json.loads(ended.stdout)
    assert ended.exit_code == 0
    assert (told["dry_run"], told["manifest"]) == (True, None)
    assert [one["status"] for one in told["actions"]] == ["planned"] * 3
    assert list(tmp_path.iterdir()) == []


def test_what_may_be_lost_is_told_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    log = sessions([b"Subject: x\r\n\r\n"], FORMS[0])
    (tmp_path / "log" / "L0000000.LOG").write_bytes(log)
    ended = run(tmp_path / "log", "-o", tmp_path / "out")
    assert ended.exit_code == 0
    assert "1 more message" in ended.stderr
    assert "--all" in ended.stderr
    assert run(tmp_path / "log", "-o", tmp_path / "out", "--all").exit_code == 0
    assert next((tmp_path / "out").glob("*.eml")).read_bytes() == b"Subject: x\r\n\r\n"


def test_a_damaged_message_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    log = sessions([b"Subject: x\r\n\r\n\0\r\n"], FORMS[0])
    (tmp_path / "log" / "L0000000.LOG").write_bytes(log)
    ended = run(tmp_path / "log", "-o", tmp_path / "out", "--all")
    assert ended.exit_code == 1
    assert "damaged: the text holds NUL bytes" in ended.stdout
    assert len(list((tmp_path / "out").glob("*.eml"))) == 1


def test_a_range_of_time_narrows_what_is_rebuilt(tmp_path: Path) -> None:
    ended = run(STORY, "-o", tmp_path / "out", "--since", "1996-11-13", "--format", "json")
    assert len(json.loads(ended.stdout)["actions"]) == 1


def test_wrong_usage_ends_with_2_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for arguments in (
        [STORY],
        [STORY, "-o", "-"],
        [STORY, "-o", ""],
        [STORY, "-o", tmp_path / "full"],
        [STORY, "-o", tmp_path / "file"],
        [STORY, "-o", STORY / "Exchsrvr" / "new"],
        [STORY, "-o", STORY],
        [STORY, "-o", tmp_path / "new", "--as", "msg"],
        ["-o", tmp_path / "new"],
    ):
        ended = run(*arguments)
        assert ended.exit_code == 2, arguments
        assert "Error" in ended.stderr
    assert not (STORY / "Exchsrvr" / "new").exists()
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "full" / "x").read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_into_the_evidence_is_inside_it(tmp_path: Path) -> None:
    (tmp_path / "evidence" / "sub").mkdir(parents=True)
    (tmp_path / "evidence" / "L.LOG").write_bytes(sessions([b"x\r\n"], FORMS[0]))
    (tmp_path / "out").symlink_to(tmp_path / "evidence" / "sub")
    assert run(tmp_path / "evidence", "-o", tmp_path / "out", "--all").exit_code == 2
    assert list((tmp_path / "evidence" / "sub").iterdir()) == []


def test_nothing_read_ends_with_3_and_makes_no_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty", "-o", tmp_path / "out").exit_code == 3
    assert run(tmp_path / "missing", "-o", tmp_path / "out").exit_code == 3
    assert not (tmp_path / "out").exists()


def test_hostile_text_reaches_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    text = b"Subject: \x1b]52;c;x\x07 \xe2\x80\xae\r\nMessage-ID: <a@b>\r\n\r\n"
    (tmp_path / "log" / "L0000000.LOG").write_bytes(sessions([text], FORMS[0]))
    for form in ("text", "json"):
        ended = run(tmp_path / "log", "-o", tmp_path / form, "--all", "--format", form)
        assert not set("\x1b\x07\u202e\x80") & set(ended.stdout)
    assert (tmp_path / "json" / "manifest.json").read_bytes().isascii()
    assert b"\x1b" not in (tmp_path / "json" / "manifest.json").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs limits of a process")
def test_a_disk_that_is_full_is_told_without_a_traceback(tmp_path: Path) -> None:
    import resource

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))

    ended = process(STORY, "-o", tmp_path / "out", preexec_fn=limit)
    assert ended.returncode == 1
    assert b"Traceback" not in ended.stderr
    assert b"File too large" in ended.stdout + ended.stderr
    assert not [one for one in (tmp_path / "out").iterdir() if one.name.startswith(".")]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_cannot_be_written_ends_with_1(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    ended = process(STORY, "-o", tmp_path / "out")
    tmp_path.chmod(0o755)
    assert ended.returncode == 1
    assert b"Permission denied" in ended.stderr


@pytest.mark.slow
def test_a_folder_under_a_file_ends_with_an_error_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    ended = process(STORY, "-o", tmp_path / "file" / "out")
    assert ended.returncode in {1, 2}
    assert b"Traceback" not in ended.stderr
