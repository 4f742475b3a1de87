"""The commands as a user types them: output, streams, exit status."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from repository import REPOSITORY
from spool_builder import spool_file

from imctool.cli.events import COLUMNS
from imctool.cli.main import program
from imctool.model.spool_name import SpoolName

FIXTURES = REPOSITORY / "fixtures"
STORY = FIXTURES / "q230250" / "evidence"
BIG = FIXTURES / "q272672" / "evidence"


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(program, list(arguments), input=stdin)


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "imctool", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )


def schema(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((REPOSITORY / f"docs/schema/{name}.json").read_text()))


def test_diagnose_as_text_names_article_evidence_and_remedy() -> None:
    ended = run("diagnose", str(STORY))
    assert ended.exit_code == 1
    for word in ("Q230250", "LA4XGWQ7", "AppEvent.Evt record", "Character Sets", "Remedy"):
        assert word in ended.stdout


def test_a_healthy_tree_ends_with_0() -> None:
    ended = run("diagnose", str(FIXTURES / "healthy" / "evidence"))
    assert ended.exit_code == 0
    assert "Nothing wrong found." in ended.stdout


@pytest.mark.slow
def test_output_to_a_pipe_has_no_escape_and_no_line_over_100() -> None:
    ended = process("diagnose", str(STORY))
    assert ended.returncode == 1
    assert b"\x1b" not in ended.stdout
    assert max(map(len, ended.stdout.decode().splitlines())) <= 100
    assert ended.stderr == b""


def test_jsonl_gives_each_item_its_type() -> None:
    lines = [
        json.loads(line)
        for line in run("diagnose", str(STORY), "--format", "jsonl").stdout.splitlines()
    ]
    assert {"server", "input", "finding", "message", "summary"} <= {one["type"] for one in lines}


def test_several_paths_prefix_their_names() -> None:
    ended = run("diagnose", str(STORY), str(BIG), "--format", "json")
    told = json.loads(ended.stdout)
    assert {one["article"] for one in told["findings"]} == {"Q230250", "Q272672"}
    assert all(one["path"].startswith(str(FIXTURES)) for one in told["inputs"])


def test_a_range_of_time_narrows_messages_and_findings() -> None:
    told = json.loads(
        run("diagnose", str(STORY), "--since", "2001-01-01", "--format", "json").stdout
    )
    assert told["summary"]["messages"] == 0
    assert told["findings"] == []
    told = json.loads(
        run("diagnose", str(STORY), "--until", "2000-05-16", "--format", "json").stdout
    )
    assert told["summary"]["findings"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["diagnose"],
        ["diagnose", "x", "--format", "nonsense"],
        ["diagnose", "x", "--since", "12:34"],
        ["diagnose", "x", "--since", "10.67"],
        ["diagnose", "x", "--since", "01.03.1998"],
        ["diagnose", "x", "--timezone", "Mars/Olympus"],
        ["diagnose", "x", "--jobs", "0"],
        ["nonsense"],
        ["list", "x", "--originator", "("],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    ended = run(*arguments)
    assert ended.exit_code == 2
    assert ended.stdout == ""
    assert "Error" in ended.stderr


def test_output_into_the_evidence_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    ended = run("diagnose", str(tmp_path), "-o", str(tmp_path / "a" / "out.json"))
    assert ended.exit_code == 2
    assert not (tmp_path / "a" / "out.json").exists()


def test_output_goes_to_the_file_and_nowhere_else(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    ended = run("diagnose", str(STORY), "--format", "json", "-o", str(target))
    assert ended.stdout == ""
    assert json.loads(target.read_text())["schema"] == "imctool/diagnosis/1"


@pytest.mark.slow
def test_a_full_disk_is_an_error_and_no_traceback() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    ended = process("diagnose", str(STORY), "--format", "json", "-o", "/dev/full")
    assert ended.returncode == 1
    assert b"No space left" in ended.stderr
    assert b"Traceback" not in ended.stderr


@pytest.mark.slow
def test_a_reader_that_goes_away_ends_the_run_silently() -> None:
    command = f"{sys.executable} -m imctool events fixtures/*/evidence --format jsonl | head -n 1"
    script = f"set -o pipefail; {command}"
    ended = subprocess.run(["bash", "-c", script], cwd=REPOSITORY, capture_output=True, check=False)
    assert ended.stdout.count(b"\n") == 1
    assert ended.stderr == b""
    assert ended.returncode in {0, 128 + signal.SIGPIPE}


def test_events_rows_have_the_columns_of_the_contract() -> None:
    log = next(BIG.rglob("AppEvent.Evt"))
    ended = run("events", str(log), "--format", "csv", "--id", "4120")
    rows = list(csv.DictReader(io.StringIO(ended.stdout)))
    assert tuple(rows[0]) == COLUMNS
    assert {row["event_id"] for row in rows} == {"4120"}
    assert {(row["location_code"], row["hresult"]) for row in rows} == {("0002019A", "8007000E")}
    assert rows[0]["data"].startswith("9a0102000e000780")
    assert rows[0]["spool_name"] == bytes.fromhex(rows[0]["data"])[8:16].decode()


def test_events_as_json_keep_to_the_schema() -> None:
    for story in ("q174036", "q272672"):
        ended = run("events", str(FIXTURES / story / "evidence"), "--format", "json")
        assert ended.exit_code == 0
        told = json.loads(ended.stdout)
        assert list(schema("events-1").iter_errors(told)) == []
        assert told["events"]


def test_events_of_a_file_that_is_no_log_ends_with_3() -> None:
    ended = run("events", str(REPOSITORY / "README.md"))
    assert ended.exit_code == 3
    assert "not an event log" in ended.stderr


def test_list_names_writes_names_alone_and_reads_them_back() -> None:
    names = run("list", str(STORY), "--names").stdout
    assert names.split() == ["LA4XGWQ7", "LA4XGWQ8", "LA4XGWQ9"]
    two = "\n".join(names.split()[:2]).lower()
    ended = run("list", str(STORY), "--spool", "-", "--format", "jsonl", stdin=two)
    assert [json.loads(line)["spool_name"] for line in ended.stdout.splitlines()] == [
        "LA4XGWQ7",
        "LA4XGWQ8",
    ]


def test_list_filters_and_sorts() -> None:
    assert run("list", str(STORY), "--names", "--charset", "KOI8-R").stdout == "LA4XGWQ7\n"
    assert run("list", str(STORY), "--names", "--domain", "zavod.example").stdout.count("\n") == 2
    assert run("list", str(STORY), "--names", "--originator", "^jurgen@").stdout == "LA4XGWQ8\n"
    assert run("list", str(BIG), "--names", "--over-limit").stdout.count("\n") == 1
    ended = run("list", str(STORY), "--names", "--sort", "name", "--reverse")
    assert ended.stdout.split() == ["LA4XGWQ9", "LA4XGWQ8", "LA4XGWQ7"]


def test_list_keeps_to_its_schema() -> None:
    told = json.loads(run("list", str(STORY), "--format", "json").stdout)
    assert list(schema("list-1").iter_errors(told)) == []


def test_show_tells_envelope_header_and_parts() -> None:
    file = STORY / "Exchsrvr/Imcdata/In/Archive/LA4XGWQ8"
    told = json.loads(run("show", str(file), "--format", "json").stdout)
    assert list(schema("message-1").iter_errors(told)) == []
    assert told["format"] == "imcr"
    assert told["envelope"]["originator"] == "jurgen@lieferant.example"
    assert told["envelope"]["recipients"] == ["mary@contoso.example", "tom@contoso.example"]
    assert told["envelope"]["time"] == "2000-05-16T13:40:07.391+00:00"
    assert told["parts"][0]["charset"] == "iso-8859-1"
    text = run("show", str(file)).stdout
    assert "2 in the envelope" in text


def test_show_gives_every_recipient_of_a_message_over_the_limit() -> None:
    file = max((p for p in BIG.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    told = json.loads(run("show", str(file), "--format", "json").stdout)
    assert told["over_limit"] is True
    assert len(told["envelope"]["recipients"]) == told["recipient_counts"]["envelope"] == 32767


def test_a_dash_reads_stdin() -> None:
    file = STORY / "Exchsrvr/Imcdata/In/Archive/LA4XGWQ8"
    ended = CliRunner().invoke(program, ["show", "-", "--format", "json"], input=file.read_bytes())
    told = json.loads(ended.stdout)
    assert told["spool_name"] == "LA4XGWQ8"
    assert told["location"] == {"path": "stdin"}


def test_show_of_nothing_ends_with_3(tmp_path: Path) -> None:
    ended = run("show", str(tmp_path / "NOTHERE2"))
    assert ended.exit_code == 3
    assert "No such file" in ended.stderr


def test_a_hard_link_to_the_evidence_as_output_leaves_the_evidence(tmp_path: Path) -> None:
    log = next(BIG.rglob("AppEvent.Evt")).read_bytes()
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "log.evt").write_bytes(log)
    os.link(tmp_path / "evidence" / "log.evt", tmp_path / "out.txt")
    ended = run("events", str(tmp_path / "evidence"), "-o", str(tmp_path / "out.txt"))
    assert ended.exit_code == 0
    assert (tmp_path / "evidence" / "log.evt").read_bytes() == log
    assert "4120" in (tmp_path / "out.txt").read_text()


def test_a_failing_run_leaves_the_old_output_and_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text("old")
    ended = run("list", str(STORY), "--originator", "(", "-o", str(tmp_path / "out.json"))
    assert ended.exit_code == 2
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]
    assert (tmp_path / "out.json").read_text() == "old"


def test_list_looks_for_a_recipient_behind_the_first_thousand(tmp_path: Path) -> None:
    recipients = [f"user{number}@b.example" for number in range(3000)]
    mail = spool_file(b"From: a@b\r\nTo: list\r\n\r\n", recipients=recipients)
    (tmp_path / "NSBA3BR3").write_bytes(mail)
    assert run("list", str(tmp_path), "--names", "--recipient", "^user2999@").stdout == "NSBA3BR3\n"
    assert run("list", str(tmp_path), "--names", "--recipient", "^user3000@").stdout == ""


def test_list_tells_the_defects_of_what_it_lists(tmp_path: Path) -> None:
    (tmp_path / "NSBA3BR3").write_bytes(spool_file(b"From: a@b\r\n\r\n")[:90])
    told = json.loads(run("list", str(tmp_path), "--format", "json").stdout)
    assert [one["location"]["path"] for one in told["defects"]] == ["NSBA3BR3"]
    assert told["summary"]["files"] == {"seen": 1, "read": 1, "unreadable": 0, "skipped": 0}


def test_nuls_in_a_text_log_hide_no_event(tmp_path: Path) -> None:
    row = "1/11/2000\t3:17:57 PM\tPrint\tError\tNone\t{}\tN/A\tS\ttext \0 more\r\n"
    text = row.format(10) + "\0\0" + row.format(11) + "\0" * 200
    (tmp_path / "log.txt").write_text(text)
    ended = run("events", str(tmp_path / "log.txt"), "--format", "jsonl")
    assert [json.loads(line)["event_id"] for line in ended.stdout.splitlines()] == [10, 11]


def test_stdin_can_be_named_once() -> None:
    assert run("events", "-", "-", stdin="x").exit_code == 2


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.6, 0.9, 1.2, 1.5, 1.8, 2.1])
def test_an_interrupt_ends_a_run_of_several_processes(tmp_path: Path, seconds: float) -> None:
    name = SpoolName.parse("NSBA3BR3")
    for number in range(6000):
        mail = spool_file(b"From: a@b\r\nTo: c@d\r\n\r\n" + b"x" * 3000)
        (tmp_path / str(name.successor(number))).write_bytes(mail)
    running = subprocess.Popen(
        [sys.executable, "-m", "imctool", "list", str(tmp_path), "--jobs", "2"],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    time.sleep(seconds)
    os.killpg(running.pid, signal.SIGINT)
    _, errors = running.communicate(timeout=20)
    assert running.returncode in {0, 128 + signal.SIGINT, -signal.SIGINT}
    assert b"imctool/readers" not in errors, "a traceback through the readers"


def test_reading_leaves_the_access_time(tmp_path: Path) -> None:
    evidence = Path(shutil.copytree(STORY, tmp_path / "evidence"))
    files = [p for p in evidence.rglob("*") if p.is_file()]
    for file in files:
        os.utime(file, (1_000_000_000, 1_000_000_000))
    run("diagnose", str(evidence))
    if not hasattr(os, "O_NOATIME"):
        pytest.skip("this system has no O_NOATIME")
    assert {p.stat().st_atime for p in files} == {1_000_000_000}
