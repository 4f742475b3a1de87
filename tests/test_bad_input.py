"""Bad input is told with its place and reason; the rest is still diagnosed; nothing raises."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repository import REPOSITORY

from imctool.cli.main import program

STORY = REPOSITORY / "fixtures" / "q230250" / "evidence"


def diagnose(folder: Path) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(program, ["diagnose", str(folder), "--format", "json", "--all"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STORY, tmp_path / "evidence"))


def reasons(told: dict[str, Any]) -> dict[str, str]:
    return {one["location"]["path"]: one["reason"] for one in told["defects"]}


def adds_up(told: dict[str, Any]) -> bool:
    files = told["summary"]["files"]
    return files["seen"] == files["read"] + files["unreadable"] + files["skipped"]


def test_odd_files_are_defects_and_the_story_is_still_told(evidence: Path) -> None:
    spool = evidence / "Exchsrvr/Imcdata/In/Archive"
    (spool / "TG45CLP6").write_bytes(b"")
    (spool / "WXJXSG2D").write_bytes(bytes(range(256)) * 40)
    (spool / "VMS95LCZ").write_bytes((spool / "LA4XGWQ7").read_bytes()[:120])
    (spool / "LINK2345").symlink_to(spool / "LA4XGWQ7")
    os.mkfifo(spool / "PIPE2345")
    (evidence / "empty.log").write_bytes(b"")
    status, told = diagnose(evidence)
    assert status == 1
    assert [one["article"] for one in told["findings"]] == ["Q230250"]
    assert adds_up(told)
    found = reasons(told)
    folder = "Exchsrvr/Imcdata/In/Archive"
    for name in ("TG45CLP6", "WXJXSG2D", "VMS95LCZ", "LINK2345", "PIPE2345"):
        assert f"{folder}/{name}" in found, name
    assert found["empty.log"] == "empty file"
    assert "link" in found[f"{folder}/LINK2345"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_unreadable(evidence: Path) -> None:
    (evidence / "imc.txt").chmod(0)
    status, told = diagnose(evidence)
    assert status == 1
    assert "Permission denied" in reasons(told)["imc.txt"]
    assert told["summary"]["files"]["unreadable"] == 1


def test_a_file_that_vanishes_between_listing_and_reading(
    evidence: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imctool.readers import collection
    from imctool.readers.examination import examine_all

    def vanish(files: Any, jobs: int) -> Any:
        listed = list(files)
        (evidence / "Exchsrvr/Imcdata/In/Archive/LA4XGWQ8").unlink()
        return examine_all(listed, jobs)

    monkeypatch.setattr(collection, "examine_all", vanish)
    status, told = diagnose(evidence)
    assert status == 1
    assert "No such file" in reasons(told)["Exchsrvr/Imcdata/In/Archive/LA4XGWQ8"]
    assert adds_up(told)


def test_a_path_that_is_not_there_ends_with_3(tmp_path: Path) -> None:
    status, told = diagnose(tmp_path / "nowhere")
    assert status == 3
    assert told["findings"] == []
    assert len(told["defects"]) == 1


def test_an_empty_folder_ends_with_3(tmp_path: Path) -> None:
    assert diagnose(tmp_path)[0] == 3


def test_a_folder_of_other_things_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("The server was restarted at 4117 hours: see 12802.\n")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(4000))
    status, told = diagnose(tmp_path)
    assert status == 3
    assert told["summary"]["files"] == {"seen": 2, "read": 0, "unreadable": 0, "skipped": 2}


def test_names_that_no_text_can_carry(evidence: Path) -> None:
    strange = os.fsencode(evidence / "Exchsrvr/Imcdata/In") + b"/\xff\xfe\x1b]52;x\x07"
    with open(strange, "wb") as file:
        file.write(b"From: a@b\r\nTo: c@d\r\n\r\ntext")
    status, _ = diagnose(evidence)
    assert status == 1
    text = CliRunner().invoke(program, ["list", str(evidence)])
    assert "\x1b" not in text.stdout
    assert text.exit_code == 0


@pytest.mark.parametrize("seed", range(12))
def test_evidence_with_bytes_torn_out_never_raises(evidence: Path, seed: int) -> None:
    chance = random.Random(seed)
    for file in sorted(p for p in evidence.rglob("*") if p.is_file()):
        data = bytearray(file.read_bytes())
        if not data:
            continue
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(data))
            cut = data[at : at + chance.randrange(1, 400)]
            data[at : at + len(cut)] = chance.choice(
                [b"", bytes(len(cut)), chance.randbytes(len(cut)), bytes(cut) * 2]
            )
            if not data:
                break
        file.write_bytes(bytes(data))
    _, told = diagnose(evidence)
    assert adds_up(told)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.binary(max_size=3000), head=st.sampled_from([
    b"", b"0\0\0\0LfLe\1\0\0\0\1\0\0\0", b"\xf7\0\0\0ImCr", b"ElfFile\0", b"regf", b"REGEDIT4\r\n",
    b"[Header]\r\nVersion=1\r\n[Domain]\r\n+", b"From: a@b\r\nTo: b@c\r\n", b"\xff\xfe",
    b"5/13/00 2:36:27 PM : A connection was accepted from X.\r\n",
    b"c=US;a= ;p=x;l=S-1\t1010\t1998.3.4 11:14:10\t\t\t\t\t0\t5\t0\t0\t\t1\r\n",
    b"Event ID: 4117\r\nSource: MSExchangeIMC\r\n",
]))  # fmt: skip
def test_any_bytes_under_any_head_are_read_or_reported(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "evidence.bin").write_bytes(head + data)
    status, told = diagnose(folder)
    assert status in {0, 1, 3}
    assert adds_up(told)
