"""The committed stories are what their declarations say, byte for byte."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
sys.path.insert(0, str(FIXTURES))

from generator.course import courses_of  # noqa: E402
from generator.protocol_log import protocol_logs  # noqa: E402
from generator.scenario import Scenario, read_scenario  # noqa: E402
from generator.spool_counter import later  # noqa: E402
from generator.story import story_files  # noqa: E402

sys.path.remove(str(FIXTURES))

SCENARIOS = [read_scenario(path) for path in sorted((FIXTURES / "scenarios").glob("*.toml"))]
COMMITTED = [scenario for scenario in SCENARIOS if scenario.committed]


def by_name(scenario: Scenario) -> str:
    return scenario.name


def files_of(scenario: Scenario) -> list[Path]:
    return [path for path in (FIXTURES / scenario.name).rglob("*") if path.is_file()]


def story(name: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


def test_the_committed_stories_do_not_differ_from_their_declarations() -> None:
    checked = subprocess.run(
        [sys.executable, str(FIXTURES / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.stdout, checked.returncode) == ("", 0)


@pytest.mark.parametrize("scenario", COMMITTED, ids=by_name)
def test_a_story_is_written_alike_each_time(scenario: Scenario) -> None:
    assert story_files(scenario) == story_files(scenario)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)
def test_every_story_has_its_line_in_the_readme(scenario: Scenario) -> None:
    assert f"| `{scenario.name}` |" in (FIXTURES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("scenario", COMMITTED, ids=by_name)
def test_the_expected_diagnosis_counts_each_declared_message_once(scenario: Scenario) -> None:
    expected = json.loads((FIXTURES / scenario.name / "expected.json").read_bytes())
    assert expected["messages"] == len(scenario.message)
    assert expected["by_fate"] == Counter(mail.fate for mail in scenario.message)
    assert expected["exit_status"] == (1 if expected["findings"] else 0)


def test_the_stories_stay_small() -> None:
    sizes = [path.stat().st_size for one in COMMITTED for path in files_of(one)]
    assert sum(sizes) < 1_000_000


def test_no_story_folder_is_without_a_declaration() -> None:
    folders = {path.parent.name for path in FIXTURES.glob("*/expected.json")}
    assert folders == {scenario.name for scenario in COMMITTED}


def test_the_generator_knows_nothing_of_imctool() -> None:
    for path in (FIXTURES / "generate.py", *(FIXTURES / "generator").glob("*.py")):
        assert "import imctool" not in path.read_text(encoding="utf-8")
        assert "from imctool" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "steps", "following"),
    [
        ("JTJF9DG7", 1, "JTJF9DG8"),
        ("SDVYLY9M", 3, "SDVYLY9P"),
        ("1CW4K35A", 11, "1CW4K35L"),
        ("TZMFDC5Z", 38, "TZMFDC60"),
        ("TZMFDC60", 1, "TZMFDC7A"),
    ],
)
def test_the_spool_counter_gives_the_names_of_real_servers(
    name: str, steps: int, following: str
) -> None:
    assert later(name, steps) == following


def test_the_envelope_says_where_the_text_begins() -> None:
    for path in (FIXTURES / "q230250/evidence/Exchsrvr/Imcdata/In/Archive").glob("LA*"):
        content = path.read_bytes()
        start = int.from_bytes(content[:4], "little")
        assert content[4:8] == b"ImCr"
        assert content[start - 4 : start] == b"EwLs"
        assert content[start:].startswith(b"Received: from ")
        assert path.name.encode() in content[:start]
        assert f"id {path.name};".encode() in content[start:]


def test_a_maximum_level_log_of_raw_packets_holds_the_lost_text_whole() -> None:
    scenario = story("q157693")
    courses = courses_of(scenario)
    ((_, log),) = protocol_logs(scenario, courses)
    lost = next(one for one in courses if one.mail.id == "after-one")
    assert lost.wire.replace(b"\r\n.", b"\r\n..") + b".\r\n" in log


def test_the_oversized_message_has_one_recipient_too_many() -> None:
    path = FIXTURES / "q272672/evidence/Exchsrvr/Imcdata/In/CQDC7P02"
    content = path.read_bytes()
    envelope = content[: int.from_bytes(content[:4], "little")]
    assert envelope.count(b"@x.test>\0") == 0x7FFE + 1


@pytest.mark.slow
def test_the_patched_server_refuses_each_recipient_over_the_limit() -> None:
    scenario = story("q272672-fixed")
    ((_, log),) = protocol_logs(scenario, courses_of(scenario))
    assert log.count(b">>> 452 Requested action not taken: Exceed Recipient Limit\r\n") == 4
    assert log.count(b"RCPT TO:") == 32_770 + 4 + 1
