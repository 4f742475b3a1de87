"""What the commands that change a spool have in common: which spool, and how guards end a run."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from imctool.cli import exit_status

if TYPE_CHECKING:
    from imctool.repair.spool_root import SpoolRoot


def refuse(text: str, status: int = exit_status.REFUSED_BY_GUARD) -> NoReturn:
    """End the run with a message, of one or more lines, and a status."""
    from imctool.report.safe_text import safe_text

    for line in f"imctool: {text}".split("\n"):
        click.echo(safe_text(line), err=True)
    raise click.exceptions.Exit(status)


@contextmanager
def guarded() -> Iterator[None]:
    """Turn what a guard or a journal refuses into the status of the contract."""
    from imctool.repair.changing import GuardError, IntegrityError

    try:
        yield
    except GuardError as error:
        refuse(str(error))
    except IntegrityError as error:
        refuse(str(error), exit_status.INTEGRITY_FAILURE)


def the_spool(path: str, imcdata: str | None) -> SpoolRoot:
    """Return the one spool under a path that is meant.

    Ends the run where there is none; raises click.UsageError where several could be meant.
    """
    from imctool.repair.spool_root import find_spools

    if not os.path.isdir(path):
        text = f"{path} is no folder: give the Imcdata folder, or one above it"
        refuse(text, exit_status.NOTHING_READ)
    unreadable: list[OSError] = []
    found = find_spools(Path(path), unreadable)
    if not found:
        text = f"no In\\Archive lies under {path}: give the Imcdata folder, or one above it"
        if unreadable:
            text = f"{unreadable[0].filename}: cannot be read: {unreadable[0].strerror}"
        refuse(text, exit_status.NOTHING_READ)
    if imcdata is not None:
        wanted = os.path.realpath(imcdata)
        found = [one for one in found if os.path.realpath(one.path) == wanted]
        if not found:
            raise click.UsageError(f"{imcdata} is no Imcdata folder under {path}")
    for one in found[:1]:
        _check_readable(one)
    if len(found) > 1:
        listed = ", ".join(str(one.path / one.inbound / one.archive) for one in found)
        raise click.UsageError(f"several spools could be meant ({listed}): name one by --imcdata")
    return found[0]


def _check_readable(spool: SpoolRoot) -> None:
    """End the run where the archive cannot be listed: it must not be taken for an empty one."""
    archive = spool.path / spool.inbound / spool.archive
    try:
        with os.scandir(archive) as entries:
            next(entries, None)
    except OSError as error:
        refuse(f"{archive}: cannot be read: {error.strerror}", exit_status.NOTHING_READ)


def shown_imcdata(spool: SpoolRoot, path: str) -> str:
    """Return the path of Imcdata as output names it: relative to PATH, "" for PATH itself."""
    relative = spool.path.relative_to(Path(path)).as_posix()
    return "" if relative == "." else relative


def quoted(path: str) -> str:
    """Return a path as a shell takes it."""
    return subprocess.list2cmdline([path]) if os.name == "nt" else shlex.quote(path)
