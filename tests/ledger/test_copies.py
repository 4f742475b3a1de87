"""A log that lies in the evidence twice tells each thing once."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from site_builder import Site, came, taken_over, went

from imctool.model.diagnosis import Diagnosis

MORNING = datetime(2000, 5, 16, 9)


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


@pytest.mark.slow
def test_a_copy_cut_anywhere_within_a_session_adds_nothing(
    tmp_path: Path, diagnosed: Callable[[Path], Diagnosis]
) -> None:
    """Neither a message, nor a doubt about one: the longer copy goes on where the other ends."""
    sessions = [
        came(MORNING, "a@x.example"),
        went(MORNING + timedelta(minutes=5), "far@y.example"),
        came(MORNING + timedelta(minutes=9), "b@x.example"),
    ]
    content = "".join(sessions)
    Site(sessions, {"20000516": [taken_over(MORNING, "DAAAAAAB", "a@x.example")]}).write(tmp_path)
    before = [(one.originator, one.fate) for one in diagnosed(tmp_path).messages]
    assert len(before) == 3
    for place in range(1, len(content), 29):
        for name in ("a copy.log", "z copy.log"):  # read before the whole log, and behind it
            (tmp_path / name).write_text(content[:place], newline="")
            after = [(one.originator, one.fate) for one in diagnosed(tmp_path).messages]
            (tmp_path / name).unlink()
            assert (place, after) == (place, before)


def test_two_peers_in_two_logs_are_two_though_one_broke_off(
    tmp_path: Path, diagnosed: Callable[[Path], Diagnosis]
) -> None:
    """They begin in one second, but stand behind other sessions: no log is a copy of the other."""
    whole = came(MORNING, "a@x.example")
    broken = whole[: whole.index("<<< DATA") - len("2000-05-16 09:00:00 : ")]
    early = MORNING - timedelta(minutes=1)
    Site([came(early, "b@x.example"), whole]).write(tmp_path)
    other = tmp_path / "Imcdata/Log/L0000001.LOG"
    other.write_text(came(early, "c@x.example") + broken, newline="")
    senders = Counter(one.originator for one in diagnosed(tmp_path).messages)
    assert senders == {"a@x.example": 2, "b@x.example": 1, "c@x.example": 1}


def test_a_tracking_record_that_lost_recipients_in_a_copy_is_the_same(
    tmp_path: Path, diagnosed: Callable[[Path], Diagnosis]
) -> None:
    record = taken_over(MORNING, "DAAAAAAB", "a@x.example")
    Site(tracking={"20000516": [record]}).write(tmp_path)
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / "20000516.log").write_text(record[: record.index("SMTP:me@") + 8], newline="")
    (message,) = diagnosed(tmp_path).messages
    assert len(message.tracking) == 1
