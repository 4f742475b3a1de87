"""A maildir: a message is written in ``tmp`` and appears whole in ``new``.

Its files have LF line ends, as the servers that made the format write them: mutt and others show
the CR of a CRLF, or miss the empty line after the header.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from imctool.repair.new_file import new_file

SUBFOLDERS = ("tmp", "new", "cur")


def maildir_name(moment: datetime | None, name: str) -> str:
    """Return the name of a message's file: always the same for the same moment and name.

    The first part is the moment, an aware one, in seconds from 1970, 0 without one or before.
    Where other maildirs have the host's name, this program's stands.
    """
    seconds = 0 if moment is None else max(0, int(moment.timestamp()))
    return f"{seconds}.{name}.imctool"


@contextmanager
def new_message(maildir: Path, name: str) -> Iterator[BinaryIO]:
    """Give a stream whose content becomes the message ``name`` in ``new`` at the end.

    Raises OSError, FileExistsError where the name is taken; then, and after any exception of the
    caller, nothing is left behind. The folders are not flushed.
    """
    written, target = maildir / "tmp" / name, maildir / "new" / name
    with new_file(written) as stream:
        yield stream
    try:
        _publish(written, target)
    finally:
        written.unlink(missing_ok=True)


def _publish(written: Path, target: Path) -> None:
    try:
        os.link(written, target)
    except FileExistsError:
        raise
    except OSError:  # no hard links here; the copy fails by itself where something else is wrong
        with new_file(target) as stream, written.open("rb") as content:
            shutil.copyfileobj(content, stream)
