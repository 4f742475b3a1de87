"""Stories written anew for each test, so that a test can take evidence away or change it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "fixtures"))

from generator.scenario import read_scenario  # noqa: E402
from generator.story import story_files  # noqa: E402

from imctool.causes.diagnosis import diagnose  # noqa: E402
from imctool.causes.findings import Tool  # noqa: E402
from imctool.model.diagnosis import Diagnosis  # noqa: E402
from imctool.readers.collection import collect  # noqa: E402

Write = Callable[[str], Path]


@pytest.fixture
def story(tmp_path: Path) -> Write:
    """A function that writes a story's evidence and returns its folder."""

    def write(name: str) -> Path:
        scenario = read_scenario(REPOSITORY / f"fixtures/scenarios/{name}.toml")
        for path, data in story_files(scenario).items():
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return tmp_path / "evidence"

    return write


@pytest.fixture
def diagnosed() -> Callable[[Path], Diagnosis]:
    """A function that diagnoses a folder."""

    def run(folder: Path) -> Diagnosis:
        return diagnose(collect([folder]), Tool(frozenset({"show"}), (str(folder),)))

    return run
