"""Mail that administrators and their tools set aside is neither lost nor waiting."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from repository import REPOSITORY

from imctool.ledger.coverage import SAVED_QUEUES
from imctool.model.diagnosis import Diagnosis
from imctool.model.message import Fate


@pytest.fixture
def loss(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REPOSITORY / "fixtures/q157684/evidence", tmp_path / "loss"))


def test_what_imcsave_took_out_of_the_queues_may_be_the_mail_that_seems_lost(
    loss: Path, diagnosed: Callable[[Path], Diagnosis]
) -> None:
    before = Counter(one.fate for one in diagnosed(loss).messages)
    assert before[Fate.LOST]
    saved = loss / "Exchsrvr/Imcdata/Backup/Mtsin/00000001"
    saved.parent.mkdir(parents=True)
    saved.write_bytes((0x223E9F78).to_bytes(4, "little") + bytes(200))
    told = diagnosed(loss)
    assert Counter(one.fate for one in told.messages)[Fate.LOST] == 0
    unknown = [one for one in told.messages if one.fate is Fate.UNKNOWN]
    assert sum(SAVED_QUEUES in one.wanting for one in unknown) == before[Fate.LOST]


def test_a_turfed_message_is_of_unknown_fate_and_nothing_else_would_tell(
    diagnosed: Callable[[Path], Diagnosis], tmp_path: Path
) -> None:
    evidence = Path(shutil.copytree(REPOSITORY / "fixtures/healthy/evidence", tmp_path / "e"))
    mail = next((REPOSITORY / "fixtures/q230250/evidence").rglob("LA4XGWQ7"))
    turf = evidence / "Exchsrvr/Imcdata/Turfdir"
    turf.mkdir()
    shutil.copy(mail, turf / "LA4XGWQ7")
    (message,) = (one for one in diagnosed(evidence).messages if one.name == "LA4XGWQ7")
    assert (message.fate, message.wanting) == (Fate.UNKNOWN, ())
    assert "turf folder" in message.observations[0].text
