"""Messages given to Pickup, where the service may take each up at once, and the power goes.

Whatever happens, a message is delivered or waits in Pickup exactly once at the end, or not at all
once it was taken back.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fake_disk import CHANGING, Call, FakeDisk
from fake_site import (
    PICKUP,
    Site,
    crash_states,
    journal_paths,
    journals,
    messages,
    spool,
    text_of,
    to_the_end,
)

from imctool.model.requeue import Via
from imctool.repair.journal import FOLDER_NAME

pytestmark = pytest.mark.slow

Run = Callable[[FakeDisk], object]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    return Site(monkeypatch, tmp_path)


@pytest.fixture
def hand_over(site: Site) -> Run:
    return lambda disk: site.requeue(disk, Via.PICKUP)


def serve(disk: FakeDisk) -> None:
    """Take up all that waits in Pickup."""
    for path in disk.under(PICKUP):
        disk.take_up(path)


def deliveries(disk: FakeDisk, name: str) -> int:
    """Return how often a message was delivered, or will be."""
    waiting = [disk.content(path) or b"" for path in disk.under(PICKUP)]
    return sum(text_of(name) in content for content in [*disk.delivered, *waiting])


def undone(disk: FakeDisk) -> dict[str, bool]:
    """Return whether each message was taken back, as the journal has it."""
    return {
        one.operation.spool_name or "": one.undone_by is not None
        for content in journals(disk)
        for one in content.operations.values()
        if one.operation.undoes is None
    }


def check_delivered(disk: FakeDisk, count: int) -> None:
    """Assert that each message was given to the service once, and that nothing is left over."""
    for name in messages(count):
        assert deliveries(disk, name) == 1, f"{name} comes {deliveries(disk, name)} times"
    assert disk.under(FOLDER_NAME) == journal_paths(disk)


def check_taken_back(disk: FakeDisk, count: int) -> None:
    """Assert that the journal is true: what was taken back never comes, all others come once."""
    taken_back = undone(disk)
    for name in messages(count):
        assert deliveries(disk, name) == (not taken_back[name]), f"{name} {taken_back}"
    assert disk.under(FOLDER_NAME) == journal_paths(disk)


def served_states(start: FakeDisk, run: Run, crashes: int = 1) -> list[FakeDisk]:
    """Return every state after crashes; the service took Pickup up at any moment, or never."""
    working = start.copy()
    to_the_end(run, working)
    changes = sum(call.kind in CHANGING for call in working.calls)
    found: dict[object, FakeDisk] = {}
    for moment in range(changes + 1):

        def at_the_moment(disk: FakeDisk, change: int, moment: int = moment) -> None:
            if change == moment:
                serve(disk)

        found |= {one.signature(): one for one in crash_states(start, run, at_the_moment)}
    for one in list(found.values()) if crashes == 2 else ():
        found |= {state.signature(): state for state in crash_states(one, run)}
    return list(found.values())


def with_and_without_service(states: list[FakeDisk]) -> Iterator[FakeDisk]:
    """Yield each state, and the one in which the service ran before the next run."""
    for state in states:
        served = state.copy()
        serve(served)
        yield from (state, served)


SLOW = [pytest.param(*each, marks=pytest.mark.slow) for each in ((1, 2), (2, 1))]


@pytest.mark.parametrize(("count", "crashes"), [(1, 1), *SLOW])
def test_what_is_given_to_pickup_comes_exactly_once(
    hand_over: Run, count: int, crashes: int
) -> None:
    for state in with_and_without_service(served_states(spool(count), hand_over, crashes)):
        to_the_end(hand_over, state)
        check_delivered(state, count)
        check_delivered(next(state.survivors()), count)
        to_the_end(hand_over, state)
        check_delivered(state, count)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "crashes"), [(1, 1), (1, 2), (2, 1)])
def test_what_is_taken_out_of_pickup_again_never_comes_and_all_else_does(
    site: Site, hand_over: Run, count: int, crashes: int
) -> None:
    start = spool(count)
    hand_over(start)
    for state in with_and_without_service(served_states(start, site.undo, crashes)):
        to_the_end(site.undo, state)
        check_taken_back(state, count)
        check_taken_back(next(state.survivors()), count)
        to_the_end(hand_over, state)
        check_delivered(state, count)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EACCES, errno.EINTR])
def test_an_error_at_any_call_and_a_crash_then_lose_and_double_nothing(
    hand_over: Run, when: str, number: int
) -> None:
    quiet = spool(2)
    hand_over(quiet)
    for place in range(1, len(quiet.calls) + 1):
        disk = spool(2)
        setattr(disk, when, failing_at(place, number))
        check_once_broken(disk, hand_over)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_so_do_they_in_the_run_after_a_crash(hand_over: Run, when: str) -> None:
    for state in whole_lines_only(crash_states(spool(1), hand_over)):
        quiet = state.copy()
        to_the_end(hand_over, quiet)
        for place in range(1, len(quiet.calls) + 1):
            disk = state.copy()
            setattr(disk, when, failing_at(place, errno.EIO))
            check_once_broken(disk, hand_over, count=1)


def whole_lines_only(states: Iterable[FakeDisk]) -> list[FakeDisk]:
    """Return the states without a torn line in a journal; of those that look the same one."""
    found: dict[object, FakeDisk] = {}
    for one in states:
        journaled = [one.content(path) or b"" for path in journal_paths(one)]
        if all(content.endswith(b"\n") for content in journaled):
            found[tuple(sorted(one.names)), tuple(journaled)] = one
    return list(found.values())


def failing_at(place: int, number: int) -> Callable[[Call], None]:
    """Return what lets the call of that number fail."""

    def fail(call: Call) -> None:
        if call.number == place:
            raise OSError(number, os.strerror(number))

    return fail


def check_once_broken(disk: FakeDisk, run: Run, count: int = 2) -> None:
    """Let a run meet its error, then cut the power or not, and hold the next to the promise."""
    with suppress(OSError):  # told to the user: nothing was begun, or the next run settles it
        to_the_end(run, disk)
    disk.before = disk.after = lambda call: None
    for name in messages(count):
        assert deliveries(disk, name) <= 1
    after = disk.copy()
    for state in with_and_without_service([after, next(disk.survivors())]):
        to_the_end(run, state)
        check_delivered(state, count)
