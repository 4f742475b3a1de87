"""A spool on the file system in memory, whole runs of the program on it, and what must hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from fake_disk import CHANGING, Call, FakeDisk
from fake_folder import FakeFolder
from spool_builder import spool_file

from imctool.model.action import Action, ActionKind, ActionStatus
from imctool.model.journal import Outcome, Recorded
from imctool.model.requeue import RequeueItem, RequeuePlan, Via
from imctool.repair import changing, known_journals, spool_lock, undo
from imctool.repair import journal as journal_module
from imctool.repair.changing import IntegrityError
from imctool.repair.folder import Folder
from imctool.repair.journal import FOLDER_NAME, journal_names, load_journal
from imctool.repair.journal_lines import JournalContent
from imctool.repair.known_journals import HandedOver
from imctool.repair.requeue import Request, requeue
from imctool.repair.requeue_plan import Rules, make_plan
from imctool.repair.requeue_run import Pace
from imctool.repair.requeue_selection import Selection
from imctool.repair.spool_root import SpoolRoot

ARCHIVE, INBOUND, PICKUP = "In/Archive", "In", "Pickup"
RECIPIENT = "boss@example.com"
OTHER, OTHERS_BYTES = f"{INBOUND}/R0000099", b"was there before"
JOURNALED = "2000-01-01T00:00:00.000+00:00"

KINDS: Mapping[str, Mapping[str, int]] = {
    "rename": {},
    "links only": {"renames": False},
    "two volumes": {"volumes": 2},
    "two volumes, links only": {"volumes": 2, "renames": False},
    "letter case does not count": {"letter_case": False},
}
"""What the file system can do, and so which way a file goes."""


def messages(count: int) -> dict[str, bytes]:
    """Return so many spool files by their names."""
    return {
        f"R000000{number}": spool_file(
            b"Message-ID: <%d@example.com>\r\n\r\n%b" % (number, text_of(f"R000000{number}")),
            recipients=[RECIPIENT],
        )
        for number in range(1, count + 1)
    }


def text_of(name: str) -> bytes:
    """Return what tells a message from others wherever it goes."""
    return b"the text of %b\r\n" % name.encode("ascii")


def modified_ns(name: str) -> int:
    """Return the mtime of a message's file, each its own."""
    return int(name[1:]) * 1_000_000_007


def spool(count: int, *, volumes: int = 1, **can: int) -> FakeDisk:
    """Return a spool with so many archived messages, and a file in In that is none of them."""
    made = FakeDisk(**{what: bool(yes) for what, yes in can.items()})  # type: ignore[arg-type]
    made.directories |= {INBOUND: 1, ARCHIVE: volumes, PICKUP: 1}
    for name, content in messages(count).items():
        made.put(f"{ARCHIVE}/{name}", content, modified_ns(name), 0o600)
    made.put(OTHER, OTHERS_BYTES, 99, 0o444)
    return made


class SmallBatches(Pace):
    """Lets so many messages go at once."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    @property
    def batch(self) -> int:
        return self._size


class Site:
    """Runs the program on a file system in memory, which stands wherever a folder is opened.

    It stands at a real folder that has the same archived messages: Pickup files are made of these.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, imcdata: Path) -> None:
        archive = imcdata / ARCHIVE
        archive.mkdir(parents=True)
        for name, content in messages(3).items():
            (archive / name).write_bytes(content)
        monkeypatch.setattr(FakeFolder, "shown", os.path.realpath(imcdata))
        self.disk = FakeDisk()
        self.batch = 256
        for module in (changing, known_journals, spool_lock, undo):
            monkeypatch.setattr(module, "open_folder", self._open)
        for module in (journal_module, spool_lock):  # states that are equal are looked at once
            monkeypatch.setattr(module, "now", lambda: JOURNALED)
        monkeypatch.setattr(known_journals, "new_name", _new_name)

    def _open(self, path: str | os.PathLike[str]) -> FakeFolder:
        inner = os.path.relpath(os.path.realpath(path), FakeFolder.shown)
        return FakeFolder(self.disk, "" if inner == "." else Path(inner).as_posix())

    def requeue(self, disk: FakeDisk, via: Via = Via.IN) -> list[Action]:
        """Requeue all that the archive holds; return what came of each."""
        self.disk = disk
        request = Request(
            SpoolRoot(Path(FakeFolder.shown), INBOUND, "Archive"), "", via, acts=True,
            look_for_service=False, pace=SmallBatches(self.batch),
        )  # fmt: skip

        def planned(
            imcdata: Folder, before: Mapping[str, Sequence[HandedOver]], finished: frozenset[str]
        ) -> RequeuePlan:
            selection = Selection(tuple(map(_item, disk.under(ARCHIVE))), 0)
            return make_plan(selection, imcdata, Rules(via, before=before, finished=finished))

        return requeue(request, planned, lambda plan, notes: None).actions

    def undo(self, disk: FakeDisk) -> list[Action]:
        """Take back what the last journal tells of."""
        self.disk = disk
        path = Path(FakeFolder.shown, *journal_paths(disk)[-1].split("/"))
        return undo.undo(path, None, look_for_service=False).actions


def _new_name(taken: Iterable[str]) -> str:
    count = sum(name.endswith(".jsonl") for name in taken)
    return f"requeue-20000101T00000{count}Z.jsonl"


def _item(path: str) -> RequeueItem:
    name = path.rpartition("/")[2]
    start = len(spool_file(b"", recipients=[RECIPIENT]))
    return RequeueItem(path, path, None, name, "user@ms.com", (RECIPIENT,), 1, start)


def to_the_end(run: Callable[[FakeDisk], object], disk: FakeDisk) -> None:
    """Give a command, and once more if it stops to tell of a message that it is unsure of."""
    with suppress(IntegrityError):
        run(disk)
        return
    run(disk)


def crash_states(
    disk: FakeDisk,
    run: Callable[[FakeDisk], object],
    meanwhile: Callable[[FakeDisk, int], None] = lambda disk, change: None,
) -> Iterator[FakeDisk]:
    """Yield every state that a crash can leave, before, in and after each change of a run.

    ``meanwhile`` is called after each change, with its number from 1, before the crash.
    """
    working = disk.copy()
    found = {disk.signature(): disk}
    changes = 0

    def look(call: Call) -> None:
        nonlocal changes
        if call.kind in CHANGING:
            changes += 1
            meanwhile(working, changes)
            for one in working.survivors():
                found.setdefault(one.signature(), one)

    working.after = look
    with suppress(IntegrityError):
        run(working)
    yield from found.values()


def all_crash_states(
    start: FakeDisk, run: Callable[[FakeDisk], object], crashes: int
) -> list[FakeDisk]:
    """Return every state that so many crashes can leave, each in the run after the one before."""
    known = {start.signature(): start}
    fresh = [start]
    for _ in range(crashes):
        found = {state.signature(): state for one in fresh for state in crash_states(one, run)}
        fresh = [state for signature, state in found.items() if signature not in known]
        known = found | known
    return list(known.values())


def places(disk: FakeDisk, name: str, among: Iterable[str] = (ARCHIVE, INBOUND)) -> list[str]:
    """Return the folders in which a message lies whole: its bytes, mtime and mode."""
    found = []
    for folder in among:
        named = disk.names.get(disk.key(f"{folder}/{name}"))
        if named is not None:
            file = disk.files[named.number]
            mode = file.times[2] & 0o777
            if (file.data, file.times[0], mode) == (messages(9)[name], modified_ns(name), 0o600):
                found.append(folder)
    return found


def check_nothing_lost(disk: FakeDisk, count: int) -> None:
    """Assert P1 and P3: each message is there, and what lay in In before is as it was."""
    for name in messages(count):
        assert places(disk, name), f"{name} is lost"
    assert disk.content(OTHER) == OTHERS_BYTES


def check_all_in(disk: FakeDisk, count: int, folder: str, unsure: Iterable[str] = ()) -> None:
    """Assert P2 and P4: each message has one name, in that folder, and nothing else is left.

    Of those that the journal is ``unsure`` of it may be the other folder.
    """
    for name in messages(count):
        found = places(disk, name)
        assert len(found) == 1, f"{name} has the names {found}"
        assert found == [folder] or name in unsure, f"{name} lies in {found}"
    assert len(disk.under(ARCHIVE) + disk.under(INBOUND)) == count + 1
    assert disk.under(FOLDER_NAME) == journal_paths(disk)


def journal_paths(disk: FakeDisk) -> list[str]:
    """Return the paths of the journals, by time."""
    return [path for path in disk.under(FOLDER_NAME) if path.endswith(".jsonl")]


def journals(disk: FakeDisk) -> list[JournalContent]:
    """Return what the journals say; each of their lines has to be as it was written."""
    if FOLDER_NAME not in disk.directories:
        return []
    found = []
    folder = FakeFolder(disk.copy(), FOLDER_NAME)
    for name in journal_names(folder):
        content = load_journal(folder, name)
        assert not content.defects
        found.append(content)
    return found


def last_records(disk: FakeDisk) -> dict[str, Recorded]:
    """Return the last that the journals have of each message, by the name of its file."""
    found: dict[str, Recorded] = {}
    for content in journals(disk):
        for one in content.operations.values():
            found[one.operation.spool_name or ""] = one
    return found


def maybe_taken_up(disk: FakeDisk, start: FakeDisk) -> set[str]:
    """Return the messages that may have been in In for a moment, as far as can be seen.

    Their files had names given or taken, or a copy of them was about to get its name.
    """
    known = last_records(disk).items()
    found = {name for name, one in known if one.staged and one.outcome in {None, Outcome.UNSURE}}
    for one in start.names.values():
        if disk.changed.get(one.number) != start.changed[one.number]:
            found.add(one.path.rpartition("/")[2])
    return found


def unsure_of(disk: FakeDisk) -> list[str]:
    """Return the messages of which the journals cannot tell whether the service had them."""
    return [name for name, one in last_records(disk).items() if one.outcome is Outcome.UNSURE]


def check_journal_true(disk: FakeDisk, *, all_settled: bool) -> None:
    """Assert that each message lies where the journals have it, unless they leave that open."""
    for content in journals(disk):
        assert not (all_settled and content.open_operations)
    for name, one in last_records(disk).items():
        operation = one.operation
        if one.is_open or operation.kind is not ActionKind.MOVE:
            continue
        assert operation.target is not None
        assert one.outcome is not Outcome.GONE, f"{name} is told to be gone"
        ways = (operation.source, operation.target)
        here, there = reversed(ways) if one.outcome is Outcome.DONE else ways
        sha256 = operation.file.sha256
        assert _sha256(disk, here) == sha256, f"not in {here}: {one.outcome}, {one.reason}"
        assert _sha256(disk, there) != sha256, f"in {there} too: {one.outcome}, {one.reason}"


def check_moved_only_as_intended(disk: FakeDisk, count: int) -> None:
    """Assert that no message lies in In of which no journal says that it was to go there."""
    known = last_records(disk)
    for name in messages(count):
        assert INBOUND not in places(disk, name) or name in known, f"no journal knows of {name}"


def _sha256(disk: FakeDisk, path: str) -> str | None:
    content = disk.content(path)
    return None if content is None else hashlib.sha256(content).hexdigest()


def statuses(actions: Iterable[Action]) -> dict[str, ActionStatus]:
    """Return what came of each message, by the name of its file."""
    return {one.source.path.rpartition("/")[2]: one.status for one in actions}
