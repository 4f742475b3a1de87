"""A lock that keeps two runs from changing one spool at the same time.

A file in the folder of journals says who holds it; a lock of the system on that file, which ends
with its holder, says whether somebody does. A file whose holder died is taken over. One of
another machine is not: whether its holder lives cannot be seen from here.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from imctool.repair.folder import BY_DESCRIPTOR, Folder, OpenFile, open_folder
from imctool.repair.journal import FOLDER_NAME, now

NAME = "lock"

_TRIES = 100
_LONGEST = 4096
_SETTLING_TIME = 0.2


class LockHeldError(Exception):
    """Another run has the lock; the text says which, and what to do."""


@contextmanager
def locked(folder: Folder, name: str = NAME) -> Iterator[str | None]:
    """Hold the lock of that name in a folder while the body runs; its file is removed at the end.

    Gives a sentence on the run that had left the lock behind, None where there was none. Raises
    LockHeldError where another run holds it, OSError where the file cannot be made.
    """
    file, before, ours = _taken(folder, name)
    try:
        content = json.dumps(_ourselves()).encode("ascii")
        file.cut(0)
        file.write(content)
        if not ours:
            _make_sure(folder, name, content)
            ours = True
        yield before
    finally:
        # What comes of the removal hides no result: a file without a holder keeps nobody out.
        with suppress(OSError):
            if ours and BY_DESCRIPTOR:
                _remove(folder, name)
        file.close()
        with suppress(OSError):
            if ours and not BY_DESCRIPTOR:  # an open file cannot be removed on Windows
                _remove(folder, name)


def _make_sure(folder: Folder, name: str, ours: bytes) -> None:
    """Where the system has no locks: of two that begin at once, the last to write has it."""
    time.sleep(_SETTLING_TIME)
    found = folder.read(name)
    try:
        content = found.read(_LONGEST)
    finally:
        found.close()
    if content != ours:
        raise LockHeldError("another run has just begun on this spool; wait for it to end")


def _remove(folder: Folder, name: str) -> None:
    with suppress(FileNotFoundError):
        folder.unlink(name)
        folder.sync()


def _taken(folder: Folder, name: str) -> tuple[OpenFile, str | None, bool]:
    """Return the lock file, who was before, and whether the system's lock is on it."""
    where = f"{folder.path}/{name}"
    for _ in range(_TRIES):
        file = folder.append(name)
        try:
            held = file.lock()
            holder = _holder(file)
            if held is False:
                raise LockHeldError(_explained(where, holder, alive=True))
            if not _is_still(folder, name, file):
                file.close()  # its holder has just removed it
                continue
            if holder is None:
                return file, None, held is True
            if holder.get("host") != platform.node():
                raise LockHeldError(_explained(where, holder, alive=False))
            if held is None and _is_alive(holder):
                raise LockHeldError(_explained(where, holder, alive=True))
        except BaseException:
            file.close()
            raise
        before = (
            f"took over the lock of a run that ended without removing it (process "
            f"{holder.get('process')}, {holder.get('time')})"
        )
        return file, before, held is True
    raise LockHeldError(f"{where} comes and goes: other runs are at work; try again")


def _is_still(folder: Folder, name: str, file: OpenFile) -> bool:
    try:
        return folder.status(name).is_same_file(file.status())
    except FileNotFoundError:
        return False


def _holder(file: OpenFile) -> dict[str, Any] | None:
    """Return what the lock file says of its holder, None for a new one."""
    content = file.read(_LONGEST)
    if not content:
        return None
    try:
        holder = json.loads(content)
    except ValueError:
        holder = None
    return holder if isinstance(holder, dict) else {"host": platform.node()}


def _ourselves() -> dict[str, Any]:
    return {
        "host": platform.node(),
        "process": os.getpid(),
        "boot": _boot(),
        "begun": _begun(os.getpid()),
        "time": now(),
    }


def _is_alive(holder: dict[str, Any]) -> bool:
    """Whether the process of this machine that the lock names still runs."""
    process = holder.get("process")
    if not isinstance(process, int) or holder.get("boot") != _boot():
        return False
    if sys.platform == "win32":
        return True  # not reached: Windows locks files
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return holder.get("begun") in {None, _begun(process)}


def _boot() -> str | None:
    """Return what tells this start of the machine from others, None where nothing does."""
    return _content("/proc/sys/kernel/random/boot_id")


def _begun(process: int) -> str | None:
    """Return when a process began, in the system's own count: its number may be used again."""
    found = _content(f"/proc/{process}/stat")
    fields = found.rpartition(")")[2].split() if found else []
    return fields[19] if len(fields) > 19 else None  # the 22nd of proc(5)


def _content(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None


def _explained(where: str, holder: dict[str, Any] | None, *, alive: bool) -> str:
    told = holder or {}
    who = f"process {told.get('process', 'unknown')} on {told.get('host', 'this machine')}"
    since = f", since {told['time']}" if "time" in told else ""
    if alive:
        return f"another run is at work on this spool ({who}{since}); wait for it to end"
    return (
        f"{where} is the lock of another machine ({who}{since}); whether that run still goes on "
        "cannot be seen from here: look there, and remove the file if it has ended"
    )


@contextmanager
def spool_locked(
    imcdata: Folder, journal: Path | None, *, changes_spool: bool
) -> Iterator[str | None]:
    """Hold the lock of a spool while the body runs; gives and raises what ``locked`` does.

    A spool that cannot be written, and need not be, is locked beside its journal.
    """
    with ExitStack() as stack:
        stack.callback(_remove_if_empty, imcdata, FOLDER_NAME)
        for left in reversed(range(_TRIES)):
            name = NAME
            try:
                folder = imcdata.folder(FOLDER_NAME, make=True)
            except FileNotFoundError:
                if left:
                    continue  # as below, before it was open
                raise
            except OSError:
                if changes_spool or journal is None:
                    raise
                folder = open_folder(journal.parent)
                name = f".{journal.name}.lock"
            with ExitStack() as attempt:
                attempt.callback(folder.close)
                try:
                    before = attempt.enter_context(locked(folder, name))
                except FileNotFoundError:
                    if left:
                        continue  # a run that has just ended took its empty folder away
                    raise
                stack.enter_context(attempt.pop_all())
            break
        yield before


def _remove_if_empty(imcdata: Folder, name: str) -> None:
    with suppress(OSError):  # journals lie in it
        imcdata.remove_folder(name)
