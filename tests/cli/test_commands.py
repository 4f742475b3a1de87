"""The commands as a user types them: output, streams, exit status."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from repository import REPOSITORY

from imctool.cli.events import COLUMNS
from imctool.cli.main import program

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


def test_a_full_disk_is_an_error_and_no_traceback() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    ended = process("diagnose", str(STORY), "--format", "json", "-o", "/dev/full")
    assert ended.returncode == 1
    assert b"No space left" in ended.stderr
    assert b"Traceback" not in ended.stderr


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
