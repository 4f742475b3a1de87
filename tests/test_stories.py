"""The stories of fixtures/, told by the program as their declarations say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from repository import REPOSITORY

from imctool.cli.main import program

FIXTURES = REPOSITORY / "fixtures"
STORIES = sorted(folder.parent.name for folder in FIXTURES.glob("*/expected.json"))
RANK = {"certain": 0, "likely": 1, "possible": 2}


def run_diagnose(path: Path, *options: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(program, ["diagnose", str(path), "--format", "json", *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, json.loads(result.stdout)


def expected(story: str) -> dict[str, Any]:
    return json.loads((FIXTURES / story / "expected.json").read_text())


def test_the_five_stories_and_the_healthy_one_are_there() -> None:
    assert {"healthy", "q157684", "q157693", "q174036", "q230250", "q272672"} <= set(STORIES)


@pytest.mark.parametrize("story", STORIES)
def test_a_story_is_told_as_declared(story: str) -> None:
    wanted = expected(story)
    status, told = run_diagnose(FIXTURES / story / "evidence", "--all")
    sure = [one for one in told["findings"] if one["confidence"] != "possible"]
    assert [one["article"] for one in sure] == [one["article"] for one in wanted["findings"]]
    for finding, want in zip(sure, wanted["findings"], strict=True):
        assert RANK[finding["confidence"]] <= RANK[want["confidence_at_least"]]
        assert finding["fate"] == want["fate"]
        assert finding["spool_names"] == sorted(want["spool_names"])
        assert finding["message_count"] == want["messages"]
        mine = [m for m in told["messages"] if want["article"] in m["articles"]]
        assert {m["message_id"] for m in mine} >= set(want["message_ids"])
        assert {m["mts_id"] for m in mine} >= set(want["mts_ids"])
        assert finding["evidence"], "a finding without evidence"
        assert finding["remedy"]
    assert told["summary"]["by_fate"] == wanted["by_fate"]
    assert told["summary"]["messages"] == wanted["messages"] == len(told["messages"])
    assert status == wanted["exit_status"]
    assert told["defects"] == wanted.get("defects", told["defects"])


@pytest.mark.parametrize("story", STORIES)
def test_a_document_keeps_to_its_schema(story: str) -> None:
    schema = json.loads((REPOSITORY / "docs/schema/diagnosis-1.json").read_text())
    _, told = run_diagnose(FIXTURES / story / "evidence", "--all")
    assert list(Draft202012Validator(schema).iter_errors(told)) == []


@pytest.mark.parametrize("story", STORIES)
def test_evidence_locations_point_at_what_is_there(story: str) -> None:
    evidence = FIXTURES / story / "evidence"
    _, told = run_diagnose(evidence, "--all")
    places = [one["location"] for finding in told["findings"] for one in finding["evidence"]]
    places += [seen["location"] for message in told["messages"] for seen in message["observations"]]
    for place in places:
        file = evidence / place["path"]
        assert file.is_file(), place
        if "line" in place:
            assert place["line"] <= file.read_bytes().count(b"\n") + 1, place


@pytest.mark.slow
def test_the_same_evidence_gives_the_same_bytes_whatever_the_hash_seed() -> None:
    outputs = set()
    options = ["--all", "--format", "json"]
    for seed in ("0", "1"):
        run = subprocess.run(
            [sys.executable, "-m", "imctool", "diagnose", "fixtures/q157693/evidence", *options],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=False,
        )
        assert run.returncode == 1, run.stderr
        outputs.add(run.stdout)
    assert len(outputs) == 1


def test_diagnosis_leaves_every_byte_and_time_as_it_was() -> None:
    evidence = FIXTURES / "q230250" / "evidence"
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in evidence.rglob("*") if p.is_file()}
    run_diagnose(evidence)
    after = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in evidence.rglob("*") if p.is_file()}
    assert before == after


def test_q230250_prescribes_setting_restart_requeue_and_names_the_scanner() -> None:
    _, told = run_diagnose(FIXTURES / "q230250" / "evidence")
    remedy = " ".join(step["text"] for step in told["findings"][0]["remedy"]).lower()
    places = [remedy.index(word) for word in ("character sets", "restart", "requeue", "scanner")]
    assert places == sorted(places)
    assert "e-mail domain" in remedy


def test_commands_of_a_remedy_are_commands_of_this_program() -> None:
    for story in STORIES:
        _, told = run_diagnose(FIXTURES / story / "evidence")
        for finding in told["findings"]:
            for step in finding["remedy"]:
                if step["command"] is not None:
                    assert step["command"].split()[1] in program.list_commands(None)  # type: ignore[arg-type]
