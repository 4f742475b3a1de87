"""Signs that the Internet Mail Service runs on a spool: files held open, and files that change.

The service is looked for in what it does, not by its name: the spool may lie on another machine.
It keeps Queue.dat open (Q302863: the tools that read it fail while the service runs), writes its
protocol logs, and moves files through Work, In, Out and Pickup. How recent a file is says
nothing: a copy of evidence made a minute ago is recent all over. No sign is no proof either: an
idle service may do nothing that is seen from here, on a share above all.

A network file system may show changes seconds late, and on one that makes up its inodes a file
may seem replaced that was not: a second run tells.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from imctool.repair.held_open import is_held_open, writing_process

_FOLDERS = frozenset({"in", "out", "work", "pickup", "log"})
_WITH_ARCHIVE = frozenset({"in", "out"})
_ARCHIVE = "archive"
_LOG = "log"
_QUEUE = "queue.dat"
_PROTOCOL_LOG = re.compile(r"l.*\.log", re.IGNORECASE | re.DOTALL)
_TOLD = 5

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_ACCESS_TIME = getattr(os, "O_NOATIME", 0)
_BY_DESCRIPTOR = os.scandir in os.supports_fd
_REPARSE_POINT = 0x400  # FILE_ATTRIBUTE_REPARSE_POINT: junctions and links of Windows

_Seen = tuple[int, int, int]
"""What a file was at one look: inode, size, last change in ns. Plain, for there are many."""


class _Listing(NamedTuple):
    """What a folder held at one look, by name; None where only the name counts."""

    files: dict[str, _Seen | None]
    folders: tuple[str, ...]


_Look = dict[str, _Listing]
"""The folders that could be read, by their path from Imcdata on ("" is Imcdata itself)."""


class SpoolWatch:
    """Watches a spool from now on until it is asked for signs of a running service."""

    def __init__(
        self,
        imcdata: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
        held: Callable[[str], bool] = is_held_open,
    ) -> None:
        """Take the first look. ``clock`` and ``wait`` count in seconds, ``held`` tests a path.

        A folder that is missing or cannot be read is passed over; nothing is raised.
        """
        self._imcdata = imcdata
        self._clock = clock
        self._wait = wait
        self._held = held
        self._first = _look(imcdata)
        self._looked = clock()

    def signs(self, at_least: float = 0.5) -> tuple[str, ...]:
        """Return a sentence for each sign that the service runs, none where there is no sign.

        At least so many seconds lie between the first look and the one taken now; what is left
        of them is waited for. Sentences name a path from Imcdata on; of the files held open, and
        of those that changed, five are told each, then how many more there are. Names are shown
        with everything unprintable in them escaped. Writes nothing and raises no OSError.
        """
        left = self._looked + at_least - self._clock()
        if left > 0:
            self._wait(left)
        now = _look(self._imcdata)
        return (
            *self._held_open(now),
            *_told(_changes(self._first, now), "changed while the spool was watched"),
        )

    def _held_open(self, look: _Look) -> list[str]:
        found = [path for path in _kept_open(look) if self._held(str(self._imcdata / path))]
        told = [self._holder(path) for path in found[:_TOLD]]
        return _told([*told, *found[_TOLD:]], "held open")

    def _holder(self, path: str) -> str:
        process = writing_process(str(self._imcdata / path))
        if process is None:
            return f"{_shown(path)} is held open by another process"
        command = f" ({_shown(process.command)})" if process.command else ""
        return f"{_shown(path)} is held open by process {process.number}{command}"


def stop_hint(signs: tuple[str, ...]) -> str:
    """Return the lines that tell of the signs and how to stop the service; "" without a sign.

    The command is that of Q244048, which holds for 4.0, 5.0 and 5.5.
    """
    if not signs:
        return ""
    return "\n".join(
        [
            "the Internet Mail Service seems to be running on this spool:",
            *(f"  {sign}" for sign in signs),
            "Stop it on the server with:  net stop MSExchangeIMC",
            "(the name of the service on Exchange 4.0, 5.0 and 5.5), then run this again. Where it",
            "is stopped and something else did this, --service-stopped asserts that it is.",
        ]
    )


def _told(found: list[str], what: str) -> list[str]:
    more = len(found) - _TOLD
    return found if more <= 0 else [*found[:_TOLD], f"and {more} more {what}"]


def _shown(name: str) -> str:
    """Return a name that stays on its line: what is not printable appears as its escape."""
    if name.isprintable():
        return name
    escaped = (
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in name
    )
    return "".join(escaped)


def _kept_open(look: _Look) -> Iterator[str]:
    """Give the files that a running service keeps open: Queue.dat, then the protocol logs."""
    for folder, listing in sorted(look.items()):
        for name in sorted(name for name, seen in listing.files.items() if seen is not None):
            is_log = folder.lower() == _LOG and _PROTOCOL_LOG.fullmatch(name) is not None
            if is_log or not folder:
                yield _path(folder, name)


def _changes(first: _Look, now: _Look) -> list[str]:
    """Return a sentence for each entry that differs, by folder and name."""
    found = []
    for folder in sorted(first.keys() & now.keys()):
        before, after = first[folder], now[folder]
        before_names = before.files.keys() | set(before.folders)
        after_names = after.files.keys() | set(after.folders)
        events = [(name, "vanished") for name in before_names - after_names]
        events += [(name, "appeared") for name in after_names - before_names]
        if before.files != after.files:
            for name in before.files.keys() & after.files.keys():
                change = _change(before.files[name], after.files[name])
                if change is not None:
                    events.append((name, change))
        found += [
            f"{_shown(_path(folder, name))} {change} while the spool was watched"
            for name, change in sorted(events)
        ]
    return found


def _change(before: _Seen | None, after: _Seen | None) -> str | None:
    if before is None or after is None or before == after:
        return None
    (inode, size, _), (new_inode, new_size, _) = before, after
    if inode != new_inode:
        return "was replaced"
    if size != new_size:
        return "grew" if new_size > size else "was cut"
    return "was written to"


def _look(imcdata: Path) -> _Look:
    """Look at the folders that a service works in, and at Queue.dat."""
    root = _listing(str(imcdata), follow=True, fresh=True)
    if root is None:
        return {}
    queue = {name: seen for name, seen in root.files.items() if name.lower() == _QUEUE}
    folders = tuple(name for name in root.folders if name.lower() in _FOLDERS)
    look = {"": _Listing(queue, folders)}
    for name in folders:
        listing = _listing(os.path.join(imcdata, name), fresh=name.lower() == _LOG)
        if listing is None:
            continue
        look[name] = listing
        if name.lower() not in _WITH_ARCHIVE:
            continue
        for inner in listing.folders:
            if inner.lower() == _ARCHIVE:
                archive = _listing(os.path.join(imcdata, name, inner), names_only=True)
                if archive is not None:
                    look[_path(name, inner)] = archive
    return look


def _listing(
    path: str, *, follow: bool = False, fresh: bool = False, names_only: bool = False
) -> _Listing | None:
    """Return what a folder holds, None where it is no readable folder.

    Only with ``follow`` may the path be a link. ``fresh`` asks Windows for each file itself: the
    folder learns of an open file's growth late there. ``names_only`` asks for no status at all.
    """
    files: dict[str, _Seen | None] = {}
    folders: list[str] = []
    try:
        with _opened(path, follow=follow) as opened, os.scandir(opened) as entries:
            for entry in entries:
                if names_only:
                    files[entry.name] = None
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                else:
                    files[entry.name] = _seen(entry, fresh=fresh)
    except OSError:
        return None
    return _Listing(files, tuple(sorted(folders)))


@contextmanager
def _opened(path: str, *, follow: bool) -> Iterator[int | str]:
    """Give what to list: a descriptor, so that no access time changes where that is permitted.

    Raises OSError, NotADirectoryError for a link or junction that is not to be followed.
    """
    if not _BY_DESCRIPTOR:
        if not follow and _is_link(os.lstat(path)):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        yield path
        return
    flags = _FOLDER if follow else _FOLDER | _NO_FOLLOW
    try:
        descriptor = os.open(path, flags | _NO_ACCESS_TIME)
    except PermissionError:  # only the owner may leave the access time alone
        descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_link(found: os.stat_result) -> bool:
    attributes: int = getattr(found, "st_file_attributes", 0)
    return stat.S_ISLNK(found.st_mode) or bool(attributes & _REPARSE_POINT)


def _seen(entry: os.DirEntry[str], *, fresh: bool) -> _Seen | None:
    """Return what a plain file is now; None of anything else, and of a file that is gone again."""
    try:
        if fresh and os.name == "nt":
            found = os.lstat(entry.path)
        else:
            found = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _path(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
