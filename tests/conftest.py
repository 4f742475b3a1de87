"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


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
