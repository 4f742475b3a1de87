"""imctool trace as a user types it: one message's life, in every form."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from repository import REPOSITORY
from spool_builder import spool_file

from imctool.cli.main import program
from imctool.model.direction import Direction
from imctool.model.evidence import Location
from imctool.model.message import Fate, Message, Observation, ObservationKind
from imctool.report.trace_documents import COLUMNS, Step, elapsed_text, steps

FIXTURES = REPOSITORY / "fixtures"
STORY = FIXTURES / "q230250" / "evidence"
ORDINARY = FIXTURES / "ordinary" / "evidence"
LOSS = FIXTURES / "q157684" / "evidence"
SCHEMA = Draft202012Validator(json.loads((REPOSITORY / "docs/schema/trace-1.json").read_text()))


def trace(*arguments: str | Path) -> Result:
    ended = CliRunner().invoke(program, ["trace", *map(str, arguments)])
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended


def traced(*arguments: str | Path) -> dict[str, Any]:
    document = json.loads(trace(*arguments, "--format", "json").stdout)
    assert list(SCHEMA.iter_errors(document)) == []
    return document


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "imctool", "trace", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )


def test_a_message_is_told_from_spool_to_event_with_what_explains_it() -> None:
    ended = trace(STORY, "la4xgwq7")
    assert ended.exit_code == 0
    rows = [line for line in ended.stdout.splitlines() if line.startswith("2000-05-16")]
    assert [row.split()[2:4] for row in rows] == [
        ["spool", "lies"],
        ["+1s", "protocol"],
        ["+0s", "tracking"],
        ["+2s", "event"],
    ]
    for words in (
        "LA4XGWQ7  inbound  archived",
        "<ivanova@zavod.example>",
        "1 recipient: <mary@contoso.example>",
        "Q230250 (likely): The Character Sets setting",
        "winnt/system32/config/AppEvent.Evt record 3",
        "1 message: 1 archived",
        "15 seen: 9 read, 0 unreadable, 6 skipped",
    ):
        assert words in ended.stdout, words


def test_the_document_keeps_to_its_schema_and_names_the_finding_whole() -> None:
    told = traced(STORY, "LA4XGWQ7")
    assert told["key"] == {"kind": "spool-name", "value": "LA4XGWQ7"}
    (message,) = told["messages"]
    assert message["fate"] == "archived"
    assert message["recipients"] == ["mary@contoso.example"]
    assert message["articles"] == ["Q230250"]
    assert [one["article"] for one in message["findings"]] == ["Q230250"]
    assert told["findings"][0]["remedy"]
    assert told["neighbours"] is None


def test_a_delivered_message_has_nothing_to_explain() -> None:
    told = traced(STORY, "LA4XGWQ8")
    assert told["findings"] == []
    assert told["messages"][0]["findings"] == []
    assert "Why" not in trace(STORY, "LA4XGWQ8").stdout


def test_an_address_gives_its_messages_in_time_order_with_their_fates() -> None:
    told = traced(ORDINARY, "quinn@fourth.example")
    assert [one["spool_name"] for one in told["messages"]] == ["MKDWZAR5", "MKDWZAR6"]
    assert told["summary"]["by_fate"] == {"delivered": 1, "returned": 1}
    assert "2 messages: 1 delivered, 1 returned" in trace(ORDINARY, "quinn@fourth.example").stdout


def test_the_steps_of_a_report_are_told_as_the_reports() -> None:
    rows = list(csv.DictReader(io.StringIO(trace(ORDINARY, "MKDWZAR6", "--format", "csv").stdout)))
    sources = [row["source"] for row in rows]
    assert sources[:3] == ["spool", "protocol", "tracking"]
    report = next(row for row in rows if row["path"].endswith("Out/Archive/MKDWZAR7"))
    assert report["source"] == "report"


def test_csv_has_one_row_a_step_and_its_elapsed_seconds() -> None:
    rows = list(csv.reader(io.StringIO(trace(STORY, "LA4XGWQ7", "--format", "csv").stdout)))
    assert tuple(rows[0]) == COLUMNS
    elapsed = COLUMNS.index("elapsed")
    assert [row[elapsed] for row in rows[1:]] == ["", "1.0", "0.0", "2.0"]


def test_jsonl_gives_each_line_its_type() -> None:
    lines = trace(STORY, "LA4XGWQ7", "--format", "jsonl").stdout.splitlines()
    kinds = [json.loads(line)["type"] for line in lines]
    assert kinds == ["key", "message", "finding", "summary"]
    lines = trace(STORY, "LA4XGWQ6", "--format", "jsonl").stdout.splitlines()
    assert "neighbours" in [json.loads(line)["type"] for line in lines]


def test_a_lost_message_without_spool_name_is_found_by_its_message_id() -> None:
    told = traced(LOSS, "<19970114094703.gone-inbound@proseware.example>")
    (message,) = told["messages"]
    assert (message["fate"], message["spool_name"]) == ("lost", None)
    assert message["articles"] == ["Q157684"]


def test_an_unknown_fate_says_what_would_tell(tmp_path: Path) -> None:
    folder = tmp_path / "In" / "Archive"
    folder.mkdir(parents=True)
    (folder / "LA4XGWQ7").write_bytes((STORY / "Exchsrvr/Imcdata/In/Archive/LA4XGWQ7").read_bytes())
    text = trace(tmp_path, "LA4XGWQ7").stdout
    assert "LA4XGWQ7  inbound  unknown" in text
    assert "Would tell" in text
    assert "tracking log" in text


@pytest.mark.parametrize(
    "key", ["LA4XGWQ2", "nobody@zavod.example", "<x@y>", "anything", "Q230250"]
)
def test_an_unknown_key_ends_with_1(key: str) -> None:
    ended = trace(STORY, key)
    assert ended.exit_code == 1
    assert "0 messages" in ended.stdout
    assert ended.stderr.startswith("imctool: no message has the ")
    assert traced(STORY, key)["messages"] == []
    assert trace(STORY, key, "--quiet").stderr == ""


def test_a_missing_spool_name_is_told_by_its_neighbours_and_never_as_a_loss() -> None:
    told = traced(FIXTURES / "healthy/evidence", "1MGAY8AP")
    assert told["neighbours"]["before"]["spool_name"] == "1MGAY8A3"
    assert told["neighbours"]["before"]["distance"] == -1
    assert told["neighbours"]["after"] is None
    told = traced(STORY, "LA4XGWQ5")
    assert told["neighbours"]["bounded"] is False
    assert told["neighbours"]["after"] == {
        "spool_name": "LA4XGWQ7",
        "time": "2000-05-16T13:12:33+00:00",
        "distance": 2,
    }
    text = trace(STORY, "LA4XGWQ5").stdout
    assert "2 names later" in text
    assert "no sign of a loss" in " ".join(text.split())


def test_nothing_read_ends_with_3(tmp_path: Path) -> None:
    assert trace(tmp_path, "LA4XGWQ7").exit_code == 3
    assert trace(tmp_path / "nowhere", "LA4XGWQ7").exit_code == 3


@pytest.mark.parametrize("arguments", [[], ["x"], [str(STORY), " "], [str(STORY), "x", "--no"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    ended = trace(*arguments)
    assert ended.exit_code == 2
    assert ended.stdout == ""


def test_a_range_leaves_out_messages_and_never_steps() -> None:
    whole = traced(ORDINARY, "MKDWZAR6")["messages"]
    part = traced(ORDINARY, "quinn@fourth.example", "--since", "2000-06-05T13:13")
    assert part["messages"] == whole
    assert part["summary"]["outside_time"] == 1
    none = trace(ORDINARY, "MKDWZAR6", "--until", "2000-06-01")
    assert none.exit_code == 0
    assert "1 that --since and --until leave out" in none.stdout


def test_a_recipient_behind_the_first_thousand_is_found(tmp_path: Path) -> None:
    recipients = [f"user{number}@b.example" for number in range(3000)]
    mail = spool_file(b"From: a@b\r\nTo: list\r\n\r\n", recipients=recipients)
    (tmp_path / "WKA6D6YM").write_bytes(mail)
    told = traced(tmp_path, "user2999@b.example")
    assert len(told["messages"]) == 1
    text = trace(tmp_path, "user2999@b.example").stdout
    assert "3000 recipients" in text
    assert "and 995 more (-v shows them) and 2000 that imctool show lists" in " ".join(text.split())
    assert "<user999@b.example>" in trace(tmp_path, "WKA6D6YM", "--verbose").stdout


def test_evidence_text_reaches_no_terminal_raw(tmp_path: Path) -> None:
    sender = "evil\x1b]52;c;x\x07\u202egnp@b.example".encode().decode("latin-1")
    mail = spool_file(b"From: a@b\r\nMessage-ID: <\x1b[31m@x>\r\n\r\n", originator=sender)
    (tmp_path / "WKA6D6YM").write_bytes(mail)
    for form in ("text", "json", "jsonl", "csv", "html"):
        told = trace(tmp_path, "WKA6D6YM", "--format", form).stdout
        assert not set(told) & set("\x1b\x07\x9b\u202e\x80"), form


@pytest.mark.slow
def test_a_pipe_gets_no_colour_and_whole_paths() -> None:
    ended = process(str(STORY), "LA4XGWQ7", COLUMNS="40")
    assert ended.returncode == 0
    assert b"\x1b" not in ended.stdout
    assert b"winnt/system32/config/AppEvent.Evt record 3\n" in ended.stdout.replace(b"\r\n", b"\n")


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_terminal_of_any_width_gets_lines_that_fit_and_all_of_the_text(width: int) -> None:
    from rich.console import Console

    from imctool.causes.diagnosis import diagnose
    from imctool.causes.findings import Tool
    from imctool.ledger.search import find_messages, parse_key
    from imctool.readers.collection import collect
    from imctool.report.trace_documents import Trace
    from imctool.report.trace_text import print_trace

    diagnosis = diagnose(collect([STORY]), Tool(frozenset(), (str(STORY),)))
    found = find_messages(diagnosis.messages, parse_key("LA4XGWQ7"))
    told = Trace("LA4XGWQ7", found, diagnosis.findings, None, diagnosis.server, diagnosis.files)
    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=True, no_color=True, highlight=False)
    print_trace(told, console, verbose=False)
    text = screen.getvalue().replace("\x1b[0m", "").replace("\x1b[1m", "").replace("\x1b[2m", "")
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    squeezed = "".join(text.split())
    for message in found.messages:
        for seen in message.observations:
            assert "".join(seen.text.split()) in squeezed
            assert "".join(str(seen.location).split()) in squeezed


def test_a_difference_between_utc_and_an_assumed_zone_is_no_duration() -> None:
    noon = datetime(2000, 5, 16, 12, tzinfo=UTC)

    def seen(minutes: int, assumed: bool) -> Observation:
        time = noon + timedelta(minutes=minutes)
        return Observation(time, ObservationKind.TRACKING, Location("log"), "x", assumed)

    life = (seen(0, False), seen(2, False), seen(125, True), seen(126, True))
    timeless = Observation(None, ObservationKind.EVENT, Location("log"), "x")
    message = Message(Direction.INBOUND, Fate.UNKNOWN, observations=(*life, timeless))
    told = [elapsed_text(step) for step in steps(message)]
    assert told == ["", "+2m00s", "+2h03m?", "+1m00s", ""]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "+0s"), (59.9, "+59s"), (60, "+1m00s"), (7500, "+2h05m"), (1033200, "+11d23h")],
)
def test_elapsed_time_is_told_in_its_two_largest_units(seconds: float, told: str) -> None:
    seen = Observation(None, ObservationKind.EVENT, Location("log"), "x")
    assert elapsed_text(Step(seen, "event", timedelta(seconds=seconds), sure=True)) == told


@pytest.mark.slow
def test_the_same_evidence_gives_the_same_bytes() -> None:
    for form in ("text", "json", "html"):
        outputs = {
            process(
                str(ORDINARY), "quinn@fourth.example", "--format", form, PYTHONHASHSEED=seed
            ).stdout
            for seed in ("0", "1")
        }
        assert len(outputs) == 1, form


def test_html_goes_to_a_file(tmp_path: Path) -> None:
    target = tmp_path / "trace.html"
    ended = trace(STORY, "LA4XGWQ7", "--format", "html", "-o", target)
    assert ended.exit_code == 0
    assert ended.stdout == ""
    assert target.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_evidence_is_left_as_it_was() -> None:
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in STORY.rglob("*") if p.is_file()}
    trace(STORY, "mary@contoso.example")
    after = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in STORY.rglob("*") if p.is_file()}
    assert before == after


def test_a_dash_reads_stdin() -> None:
    mail = (STORY / "Exchsrvr/Imcdata/In/Archive/LA4XGWQ8").read_bytes()
    ended = CliRunner().invoke(program, ["trace", "-", "LA4XGWQ8", "--format", "json"], input=mail)
    assert json.loads(ended.stdout)["summary"]["files"]["read"] == 1
