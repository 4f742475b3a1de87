"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from repository import REPOSITORY

from imctool.causes.diagnosis import diagnose
from imctool.causes.findings import Tool
from imctool.model.diagnosis import Diagnosis
from imctool.readers.collection import collect

sys.path.insert(0, str(REPOSITORY / "fixtures"))

from generator.scenario import read_scenario
from generator.story import story_files

settings.register_profile("quick", max_examples=10)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


_ALL_SLOW = re.compile(rb"^pytestmark = \[?\s*pytest\.mark\.slow\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the modules that are slow as a whole unread in the quick run: that costs seconds."""
    if config.option.markexpr != "not slow" or not collection_path.name.startswith("test_"):
        return None
    return _ALL_SLOW.search(collection_path.read_bytes()) is not None or None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the property tests to the long run: each tries many inputs."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.slow)


def samples_folder() -> Path | None:
    """Return the folder of samples made by others, or None where this machine has none."""
    named = os.environ.get("IMCTOOL_SAMPLES")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "samples"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of samples made by others; the test is skipped where it is absent."""
    folder = samples_folder()
    if folder is None:
        pytest.skip("no samples: set IMCTOOL_SAMPLES to their folder")
    return folder


@pytest.fixture
def story(tmp_path: Path) -> Callable[[str], Path]:
    """A function that writes a story's evidence anew, to be changed, and returns its folder."""

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
