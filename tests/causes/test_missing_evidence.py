"""With less evidence a fate may become unknown; it never becomes a wrong one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from imctool.model.diagnosis import Diagnosis
from imctool.model.evidence import InputKind
from imctool.model.finding import Confidence
from imctool.model.message import Fate
from imctool.readers.discovery import Discovery
from imctool.readers.examination import discover

ARTEFACTS = {
    "event logs": [],
    "protocol log": ["Exchsrvr/Imcdata/Log"],
    "tracking log": ["Exchsrvr/Tracking.log"],
    "In": ["Exchsrvr/Imcdata/In"],
    "In\\Archive": ["Exchsrvr/Imcdata/In/Archive"],
    "Out": ["Exchsrvr/Imcdata/Out"],
    "imc.txt": ["imc.txt"],
}
STORIES = ["healthy", "ordinary", "q157684", "q157693", "q174036", "q230250", "q272672"]


def remove(evidence: Path, artefact: str) -> None:
    for name in ARTEFACTS[artefact]:
        target = evidence / name
        if target.is_dir():
            shutil.rmtree(target)
        elif target.exists():
            target.unlink()
    if artefact == "event logs":
        for file in discover([evidence], Discovery()):
            if file.kind is InputKind.EVENT_LOG:
                file.path.unlink()


def keyed(diagnosis: Diagnosis) -> dict[str, Fate]:
    return {m.message_id or m.mts_id or str(m.spool_name): m.fate for m in diagnosis.messages}


@pytest.mark.slow
@pytest.mark.parametrize("artefact", ARTEFACTS)
@pytest.mark.parametrize("name", STORIES)
def test_taking_an_artefact_away_never_invents_a_loss(
    story: Callable[[str], Path],
    diagnosed: Callable[[Path], Diagnosis],
    name: str,
    artefact: str,
) -> None:
    evidence = story(name)
    whole = keyed(diagnosed(evidence))
    remove(evidence, artefact)
    for key, fate in keyed(diagnosed(evidence)).items():
        if fate is Fate.LOST:
            assert whole.get(key) is Fate.LOST, f"{key} was {whole.get(key)}"


def test_without_a_tracking_log_nothing_is_lost_and_the_report_says_what_that_costs(
    story: Callable[[str], Path], diagnosed: Callable[[Path], Diagnosis]
) -> None:
    evidence = story("q157693")
    remove(evidence, "tracking log")
    diagnosis = diagnosed(evidence)
    assert Fate.LOST not in {one.fate for one in diagnosis.messages}
    assert any("tracking" in one.evidence for one in diagnosis.missing)


@pytest.mark.parametrize("eighths", range(8))
def test_a_torn_tracking_log_proves_no_loss_behind_the_tear(
    story: Callable[[str], Path], diagnosed: Callable[[Path], Diagnosis], eighths: int
) -> None:
    evidence = story("q157684")
    whole = keyed(diagnosed(evidence))
    for log in (evidence / "Exchsrvr/Tracking.log").iterdir():
        data = log.read_bytes()
        log.write_bytes(data[: len(data) * eighths // 8])
    for key, fate in keyed(diagnosed(evidence)).items():
        assert fate is not Fate.LOST or whole.get(key) is Fate.LOST


def test_an_in_folder_that_was_not_copied_leaves_the_loss_possible(
    story: Callable[[str], Path], diagnosed: Callable[[Path], Diagnosis]
) -> None:
    evidence = story("q157684")
    remove(evidence, "In")
    diagnosis = diagnosed(evidence)
    inbound = [f for f in diagnosis.findings if f.confidence is Confidence.POSSIBLE]
    assert [f.article for f in inbound] == ["Q157684"]
    assert inbound[0].messages[0].fate is Fate.UNKNOWN
    assert any("In" in one for one in inbound[0].messages[0].wanting)


def test_a_healthy_tree_is_healthy_under_any_layout(
    story: Callable[[str], Path], diagnosed: Callable[[Path], Diagnosis], tmp_path: Path
) -> None:
    """Logs renamed and thrown together, spool folders in lower case."""
    evidence = story("healthy")
    flat = tmp_path / "collected"
    (flat / "logs").mkdir(parents=True)
    for number, file in enumerate(sorted(p for p in evidence.rglob("*") if p.is_file())):
        parts = [part.lower() for part in file.relative_to(evidence).parts]
        if "imcdata" in parts and "log" not in parts:
            target = flat.joinpath("spool", *parts[parts.index("imcdata") + 1 : -1], file.name)
        else:
            target = flat / "logs" / f"export{number}.bin"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    assert diagnosed(flat).findings == ()
    assert keyed(diagnosed(flat)) == keyed(diagnosed(evidence))


def test_a_tracking_log_that_ends_before_the_loss_leaves_it_possible(
    story: Callable[[str], Path], diagnosed: Callable[[Path], Diagnosis]
) -> None:
    """As in a copy made before the service was restarted."""
    evidence = story("q157693")
    logs = sorted((evidence / "Exchsrvr/Tracking.log").iterdir())
    for log in logs[1:]:
        log.unlink()
    diagnosis = diagnosed(evidence)
    lost = [one for one in diagnosis.messages if one.fate is Fate.LOST]
    assert lost == []
    (finding,) = diagnosis.findings
    assert (finding.article, finding.confidence) == ("Q157693", Confidence.POSSIBLE)
