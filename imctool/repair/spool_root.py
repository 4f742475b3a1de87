"""Finds the spools under a folder: each an Imcdata folder, however called, with In and Archive."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class SpoolRoot(NamedTuple):
    """An Imcdata folder, and the names that In and its Archive have in it.

    ``number`` is device and inode of the folder as it was found, None where that is not known: a
    run makes sure that it opens this one and not what was put in its place.
    """

    path: Path
    inbound: str
    archive: str
    number: tuple[int, int] | None = None


def find_spools(root: Path, unreadable: list[OSError] | None = None) -> list[SpoolRoot]:
    """Return every folder at or under ``root`` that holds ``In/Archive``, by path.

    Names count in any letter case, links are not followed; what cannot be read is passed over and
    noted in ``unreadable``. Names that differ in letter case only are spools of their own.
    """
    found: list[SpoolRoot] = []
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        inside = list(_folders(folder, unreadable))
        for name in inside:
            if name.lower() == "in":
                found.extend(
                    SpoolRoot(folder, name, archive, _number(folder, follow=folder == root))
                    for archive in _folders(folder / name, unreadable)
                    if archive.lower() == "archive"
                )
            waiting.append(folder / name)
    return sorted(found)


def _number(folder: Path, *, follow: bool) -> tuple[int, int] | None:
    try:
        found = os.stat(folder, follow_symlinks=follow)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _folders(folder: Path, unreadable: list[OSError] | None) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                    yield entry.name
    except OSError as error:
        if unreadable is not None:
            unreadable.append(error)
