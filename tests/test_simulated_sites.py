"""The ledger held against the truth of whole simulated sites: nothing is lost that was not.

A failed test names seed and message; ``PYTHONPATH=tests:fixtures python -m simulator SEED FOLDER``
writes that site.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from simulator.artefacts import LOG, Evidence, evidence_of
from simulator.faults import HARMLESS, damaged
from simulator.history import History
from simulator.judging import Judge
from simulator.play import play
from simulator.setting import setting_of

from imctool.causes.diagnosis import diagnose
from imctool.causes.findings import Tool
from imctool.ledger.ledger import build_ledger
from imctool.model.diagnosis import Diagnosis
from imctool.readers import collection as collection_module
from imctool.readers.collection import collect
from imctool.repair.log_texts import read_texts
from imctool.repair.recovery import plan_recovery

pytestmark = pytest.mark.slow

QUICK = range(4)
MANY = range(12, 332)
ROUNDS = 3


def told(folder: Path, zone: ZoneInfo | None = None, jobs: int = 1) -> Diagnosis:
    collected = collect([folder], jobs=jobs)
    return diagnose(collected, Tool(frozenset(), (str(folder),)), zone)


def whole_site(seed: int) -> History:
    """A site that logged everything, at Medium or Maximum."""
    return play(setting_of(seed).full())


def any_site(seed: int) -> History:
    """A site as its seed has it, which may have logged next to nothing."""
    setting = setting_of(seed)
    return play(setting.full() if seed % 2 else setting)


def known_zone(history: History) -> ZoneInfo | None:
    """The zone an operator gives where no archived mail shows the clock day by day."""
    return None if history.setting.archival else history.setting.zone


def check_whole(seed: int, folder: Path) -> None:
    history = whole_site(seed)
    evidence = evidence_of(history)
    diagnosis = told(evidence.write(folder), known_zone(history))
    assert [str(one) for one in Judge(history.truths).wrong_with_all(diagnosis)] == []
    # A session cut within the header leaves a defect in Work; where a packet ends between CR
    # and LF no reader can know which line ends were logged, and that is said.
    unexpected = [
        one
        for one in diagnosis.defects
        if "/Work/" not in one.location.path and "packets" not in one.reason
    ]
    assert unexpected == []


def check_recovered(seed: int, folder: Path) -> None:
    """Every lost message is rebuilt as it was transmitted, and nothing else is."""
    history = play(replace(setting_of(seed).full(), level="maximum"))
    evidence = evidence_of(history)
    collection = collect([evidence.write(folder)])
    ledger = build_ledger(collection, known_zone(history))
    plan = plan_recovery(ledger.messages)
    texts = [one.text for one in read_texts(plan.candidates, collection, None)]
    lost = [one for one in history.truths if one.inbound and one.fate == "lost"]
    sure = [one.wire for one in lost if "unknown" not in one.also]
    assert not Counter(texts) - Counter(one.wire for one in lost)
    assert not Counter(sure) - Counter(texts)


def check_damaged(seed: int, folder: Path) -> None:
    history = any_site(seed)
    judge = Judge(history.truths)
    chance = random.Random(f"damage {seed}")
    for number in range(ROUNDS):
        evidence, done = damaged(history, chance)
        diagnosis = told(evidence.write(folder / str(number)))
        wrong = [str(one) for one in judge.wrong_with_part(diagnosis)]
        assert (done, wrong) == (done, [])


def check_harmless(seed: int, folder: Path) -> None:
    """Copies, other services' logs and other names change nothing of what is told."""
    history = whole_site(seed)
    judge = Judge(history.truths)
    chance = random.Random(f"harmless {seed}")
    for number, fault in enumerate(HARMLESS):
        evidence = evidence_of(history)
        done = fault(evidence, chance)
        diagnosis = told(evidence.write(folder / str(number)), known_zone(history))
        assert (done, [str(one) for one in judge.wrong_with_all(diagnosis)]) == (done, [])


def check_order(seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    history = any_site(seed)
    evidence = evidence_of(history)
    straight = told(evidence.write(folder / "one"))
    chance = random.Random(f"order {seed}")
    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", ShuffledScan(os.scandir, chance))
        patched.setattr(collection_module, "_WORTH_A_POOL", 1, raising=False)
        shuffled = told(evidence.write(folder / "two", chance), jobs=jobs)
    assert tuple(shuffled.messages) == tuple(straight.messages)
    assert shuffled.findings == straight.findings
    assert shuffled.defects == straight.defects
    assert shuffled.inputs == straight.inputs


class ShuffledScan:
    """os.scandir with the entries of every folder in another order."""

    def __init__(self, scandir: Any, chance: random.Random) -> None:
        self._scandir, self._chance = scandir, chance
        self._entries: list[os.DirEntry[str]] = []

    def __call__(self, folder: Any) -> ShuffledScan:
        scan = ShuffledScan(self._scandir, self._chance)
        with self._scandir(folder) as entries:
            scan._entries = list(entries)
        self._chance.shuffle(scan._entries)
        return scan

    def __enter__(self) -> Iterator[os.DirEntry[str]]:
        return iter(self._entries)

    def __exit__(self, *_: object) -> None:
        self._entries.clear()


@pytest.mark.parametrize("seed", QUICK)
def test_with_all_the_evidence_every_message_is_told_once_and_no_loss_is_missed(
    seed: int, tmp_path: Path
) -> None:
    check_whole(seed, tmp_path)


@pytest.mark.parametrize("seed", QUICK)
def test_without_part_of_the_evidence_no_fate_becomes_a_wrong_one(
    seed: int, tmp_path: Path
) -> None:
    check_damaged(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", QUICK[:4])
def test_copies_and_other_names_change_no_fate(seed: int, tmp_path: Path) -> None:
    check_harmless(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", QUICK[:4])
def test_the_order_of_files_does_not_matter(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_order(seed, tmp_path, monkeypatch, jobs=1)


def test_the_number_of_processes_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_order(3, tmp_path, monkeypatch, jobs=2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MANY)
def test_many_whole_sites(seed: int, tmp_path: Path) -> None:
    check_whole(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MANY)
def test_many_damaged_sites(seed: int, tmp_path: Path) -> None:
    check_damaged(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MANY)
def test_many_sites_with_harmless_faults(seed: int, tmp_path: Path) -> None:
    check_harmless(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MANY[:40])
def test_many_sites_in_any_order(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_order(seed, tmp_path, monkeypatch, jobs=1)


def test_a_seed_makes_the_same_site_each_time() -> None:
    for seed in QUICK:
        assert evidence_of(any_site(seed)).files == evidence_of(any_site(seed)).files


@pytest.mark.parametrize("seed", QUICK[:3])
def test_what_was_lost_is_rebuilt_byte_for_byte(seed: int, tmp_path: Path) -> None:
    check_recovered(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 260))
def test_what_was_lost_at_many_sites_is_rebuilt_byte_for_byte(seed: int, tmp_path: Path) -> None:
    check_recovered(seed, tmp_path)


@pytest.mark.slow
def test_the_sites_hold_what_they_are_meant_to_try() -> None:
    """Over the seeds, every fate, version, date format, level and form of evidence occurs."""
    histories = [play(setting_of(seed)) for seed in range(60)]
    settings = [history.setting for history in histories]
    fates = Counter(truth.fate for one in histories for truth in one.truths if not truth.leg)
    assert set(fates) == {
        "delivered", "queued", "stuck", "archived", "bad", "returned", "deferred", "refused",
        "lost", "incomplete", "duplicated",
    }  # fmt: skip
    assert fates["lost"] > 50
    assert {one.version for one in settings} == {"4.0", "5.0", "5.5"}
    assert {one.locale for one in settings} == {"us", "british", "german", "iso"}
    assert {one.level for one in settings} == {"none", "minimum", "medium", "maximum"}
    assert {one.event_form for one in settings} == {"evt", "text", "none"}
    assert sum(one.changes_clock for one in settings) > 10
    assert any(history.has_hole for history in histories)
    evidences: list[Evidence] = [evidence_of(history) for history in histories]
    assert any(sum(name.startswith(LOG) for name in one.files) > 1 for one in evidences)
