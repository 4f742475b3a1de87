"""Each call on the file system fails in turn: nothing is lost or doubled, the journal is true."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from fake_disk import Call, FakeDisk
from fake_site import (
    ARCHIVE,
    INBOUND,
    KINDS,
    Site,
    check_all_in,
    check_journal_true,
    check_nothing_lost,
    journal_paths,
    journals,
    last_records,
    maybe_taken_up,
    messages,
    places,
    spool,
    statuses,
    to_the_end,
    unsure_of,
)

from imctool.model.action import ActionStatus
from imctool.repair.changing import GuardError, IntegrityError

pytestmark = pytest.mark.slow

NUMBERS = (
    errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EIO, errno.EXDEV, errno.EINTR, errno.EROFS,
    errno.ENOENT, errno.EMFILE, errno.EDQUOT, errno.ESTALE,
)  # fmt: skip
BRANCHES = (errno.EIO, errno.EPERM, errno.EXDEV, errno.EINTR)
"""Those that the program tells from each other; all others go the way of EIO."""

ANSWERS = frozenset({"status", "names", "fstat"})
"""Calls whose "there is no such file" is an answer, which has to be believed."""

WAYS = [kind for kind in KINDS if "letter case" not in kind]
EACH_WAY = [
    *((kind, number) for kind in ("rename", "links only") for number in NUMBERS),
    *((kind, number) for kind in WAYS[2:] for number in (*BRANCHES, errno.ENOENT)),
]

Fault = Callable[[Call], None]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    return Site(monkeypatch, tmp_path)


def raise_error(number: int) -> None:
    raise OSError(number, os.strerror(number))


def once(place: int, number: int) -> Fault:
    """Let the call of that number fail."""

    def fail(call: Call) -> None:
        if call.number == place:
            raise_error(number)

    return fail


def twice(place: int, number: int) -> Fault:
    """Let the call of that number fail, and the next."""

    def fail(call: Call) -> None:
        if call.number in {place, place + 1}:
            raise_error(number)

    return fail


def from_then_on(place: int, number: int) -> Fault:
    """Let that call and all after it fail."""

    def fail(call: Call) -> None:
        if call.number >= place:
            raise_error(number)

    return fail


def whenever_it_comes(place: int, number: int) -> Fault:
    """Let that call fail, and each that is the same."""
    first: list[Call] = []

    def fail(call: Call) -> None:
        if call.number == place:
            first.append(call)
        if first and call[1:] == first[0][1:]:
            raise_error(number)

    return fail


class Direction:
    """Putting messages back, or taking that back: where they come from and go, and how."""

    def __init__(self, site: Site, command: str, kind: str) -> None:
        self.run = site.requeue if command == "requeue" else site.undo
        self.start = spool(2, **KINDS[kind])
        self.old, self.new = ARCHIVE, INBOUND
        if command == "undo":
            site.requeue(self.start)
            self.old, self.new = INBOUND, ARCHIVE
        self._looked_at: set[object] = set()

    def calls(self) -> list[Call]:
        """Return the calls of a run that meets no error."""
        quiet = self.start.copy()
        self.run(quiet)
        return quiet.calls

    def check(self, fault: Fault, *, done_even_so: bool = False) -> dict[str, ActionStatus] | None:
        """Let a run meet errors and hold what comes of it to the promises.

        Returns what the run told of each message, None where it could tell nothing.
        """
        disk = self.start.copy()
        setattr(disk, "after" if done_even_so else "before", fault)
        told = None
        with suppress(OSError, GuardError, IntegrityError):
            told = statuses(self.run(disk))
        disk.before = disk.after = lambda call: None
        check_nothing_lost(disk, 2)
        check_journal_true(disk, all_settled=False)
        self._check_told(disk, told or {})
        for state in (disk.copy(), next(disk.survivors())):
            if state.signature() not in self._looked_at or state.pending:
                self._looked_at.add(state.signature())
                self._check_next_run(state)
        return told

    def _check_told(self, disk: FakeDisk, told: dict[str, ActionStatus]) -> None:
        records = last_records(disk)
        for name in messages(2):
            found = places(disk, name)
            assert len(found) == 1 or records[name].is_open, f"{name} is doubled, nothing is open"
            if name in told:
                where = self.new if told[name] is ActionStatus.DONE else self.old
                assert where in found or records[name].is_open, f"{name} told {told[name]}: {found}"

    def _check_next_run(self, disk: FakeDisk) -> None:
        check_nothing_lost(disk, 2)
        may_be_unsure = maybe_taken_up(disk, self.start)
        to_the_end(self.run, disk)
        check_all_in(disk, 2, self.new, may_be_unsure.intersection(unsure_of(disk)))
        check_journal_true(disk, all_settled=True)


def is_possible(call: Call, number: int) -> bool:
    """Return whether the answer of a call can be an error: not that a question has no file.

    That a status is asked across volumes has a test of its own.
    """
    return not (
        (number == errno.ENOENT and call.kind in ANSWERS)
        or (number == errno.EXDEV and call.kind == "status")
    )


def message_of(call: Call) -> str | None:
    """Return the message that a call is about."""
    folder, _, name = call.path.rpartition("/")
    return name if folder in {ARCHIVE, INBOUND} and name in messages(2) else None


def check_others_done(call: Call, told: dict[str, ActionStatus] | None) -> None:
    """Assert that an error at one message's file left the other to be done."""
    own = message_of(call)
    if own is not None and told is not None:
        assert all(how is ActionStatus.DONE for name, how in told.items() if name != own), told


@pytest.mark.parametrize("kind", ["rename", "links only", "two volumes"])
def test_an_input_output_error_at_any_call(site: Site, kind: str) -> None:
    move = Direction(site, "requeue", kind)
    for call in move.calls():
        check_others_done(call, move.check(once(call.number, errno.EIO)))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "number"), EACH_WAY)
def test_each_error_at_any_call(site: Site, kind: str, number: int) -> None:
    move = Direction(site, "requeue", kind)
    for call in move.calls():
        if is_possible(call, number):
            check_others_done(call, move.check(once(call.number, number)))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "number"), EACH_WAY)
def test_each_error_from_any_call_on(site: Site, kind: str, number: int) -> None:
    move = Direction(site, "requeue", kind)
    for call in move.calls():
        if number != errno.ENOENT:  # all files of a disk do not vanish at once
            move.check(from_then_on(call.number, number))


@pytest.mark.slow
@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize(
    ("command", "fault"),
    [("requeue", twice), ("requeue", whenever_it_comes), ("undo", once), ("undo", twice)],
)
def test_errors_that_come_again(
    site: Site, kind: str, fault: Callable[[int, int], Fault], command: str
) -> None:
    move = Direction(site, command, kind)
    for call in move.calls():
        for number in BRANCHES:
            if is_possible(call, number):
                move.check(fault(call.number, number))


def test_an_error_that_only_a_link_can_have_does_not_mislead(site: Site) -> None:
    move = Direction(site, "requeue", "links only")
    looks = [call for call in move.calls() if call[1:] == ("status", f"{INBOUND}/R0000001")]
    assert looks
    for call in looks:
        move.check(once(call.number, errno.EXDEV))


@pytest.mark.slow
@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize("command", ["requeue", "undo"])
@pytest.mark.parametrize("number", [errno.EIO, errno.EINTR], ids=errno.errorcode.get)
def test_calls_that_are_done_and_told_as_failed(
    site: Site, kind: str, command: str, number: int
) -> None:
    move = Direction(site, command, kind)
    for call in move.calls():
        move.check(once(call.number, number), done_even_so=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rename", "links only", "two volumes"])
def test_a_disk_that_is_full_after_any_number_of_bytes_of_the_journal(
    site: Site, kind: str
) -> None:
    move = Direction(site, "requeue", kind)
    quiet = move.start.copy()
    move.run(quiet)
    length = len(quiet.content(journal_paths(quiet)[0]) or b"")
    for room in range(0, length + 1, 23):
        disk = move.start.copy()
        disk.room = room
        told = statuses(move.run(disk))
        disk.room = None
        assert told.keys() == messages(2).keys()
        check_nothing_lost(disk, 2)
        check_journal_true(disk, all_settled=False)
        move._check_told(disk, told)
        for content in journals(disk):
            assert not content.torn
        for state in (disk.copy(), next(disk.survivors())):
            move._check_next_run(state)


@pytest.mark.parametrize("which", range(1, 4))
def test_a_journal_that_cannot_be_flushed_lets_nothing_more_be_done(site: Site, which: int) -> None:
    move = Direction(site, "requeue", "rename")
    flushes = [call for call in move.calls() if call.kind == "fsync"]
    assert len(flushes) == 3  # the head of the run; the intents; the end

    told = move.check(whenever_it_comes(flushes[which - 1].number, errno.EIO))

    expected = ActionStatus.DONE if which == 3 else ActionStatus.FAILED
    assert told == dict.fromkeys(messages(2), expected)
