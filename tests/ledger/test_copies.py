"""A log that lies in the evidence twice tells each thing once."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from imctool.model.diagnosis import Diagnosis


@pytest.mark.parametrize("name", ["healthy", "q157684", "q157693", "q174036", "q230250"])
def test_logs_in_two_copies_change_no_fate(
    story: Callable[[str], Path], diagnosed: Callable[[Path], Diagnosis], name: str
) -> None:
    evidence = story(name)
    before = diagnosed(evidence)
    copies = evidence / "backup of the logs"
    copies.mkdir()
    logs = [p for p in evidence.rglob("*") if p.is_file() and p.suffix.lower() in {".log", ".evt"}]
    logs += list(evidence.glob("application-log.txt"))
    assert logs
    for number, log in enumerate(logs):
        shutil.copy(log, copies / f"{number}-{log.name}")
    after = diagnosed(evidence)
    assert Counter(one.fate for one in after.messages) == Counter(
        one.fate for one in before.messages
    )
    assert [one.article for one in after.findings] == [one.article for one in before.findings]


def test_an_overlapping_older_copy_adds_nothing(
    story: Callable[[str], Path], diagnosed: Callable[[Path], Diagnosis]
) -> None:
    evidence = story("q157693")
    before = diagnosed(evidence)
    (log,) = (evidence / "Exchsrvr/Imcdata/Log").iterdir()
    data = log.read_bytes()
    (evidence / "older.log").write_bytes(data[: data.index(b"\n", len(data) * 2 // 3) + 1])
    after = diagnosed(evidence)
    lost = [m.message_id for m in before.messages if m.fate == "lost"]
    assert [m.message_id for m in after.messages if m.fate == "lost"] == lost
