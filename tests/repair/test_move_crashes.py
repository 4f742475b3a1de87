"""The power goes, at every moment of a run: no message is lost, none comes twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count as count_from
from pathlib import Path

import pytest
from fake_disk import CHANGING, Call, FakeDisk
from fake_folder import FakeFolder
from fake_site import (
    ARCHIVE,
    INBOUND,
    KINDS,
    Site,
    all_crash_states,
    check_all_in,
    check_journal_true,
    check_moved_only_as_intended,
    check_nothing_lost,
    maybe_taken_up,
    messages,
    places,
    spool,
    to_the_end,
    unsure_of,
)

from imctool.model.action import ActionStatus
from imctool.model.journal import Operation
from imctool.repair import moves
from imctool.repair.folder import Folder
from imctool.repair.journal import Journal
from imctool.repair.journal_lines import intent_record
from imctool.repair.moves import Move

QUICK = ["rename", "links only", "two volumes"]

Run = Callable[[FakeDisk], object]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    return Site(monkeypatch, tmp_path)


def check_crashes(
    start: FakeDisk, run: Run, count: int, end: str, *, crashes: int = 1, resume: Run | None = None
) -> None:
    """Crash a run at every moment, give the command again, and hold what then is to the promises.

    ``end`` is the folder in which all messages are at the end; ``resume`` is another command.
    """
    for state in all_crash_states(start, run, crashes):
        check_nothing_lost(state, count)
        check_moved_only_as_intended(state, count)
        may_be_unsure = maybe_taken_up(state, start)
        to_the_end(resume or run, state)
        unsure = may_be_unsure.intersection(unsure_of(state))
        check_all_in(state, count, end, unsure)
        check_journal_true(state, all_settled=True)
        after = next(state.survivors())  # a run that said it is done needs no luck
        check_all_in(after, count, end, unsure)


@pytest.mark.parametrize("kind", QUICK)
def test_a_requeue_that_is_cut_off_anywhere_is_finished_by_the_next(site: Site, kind: str) -> None:
    check_crashes(spool(1, **KINDS[kind]), site.requeue, 1, INBOUND)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("count", "batch"), [(2, 256), (3, 1), (3, 2), (3, 256)])
def test_so_is_one_of_several_messages_in_batches(
    site: Site, kind: str, count: int, batch: int
) -> None:
    site.batch = batch
    check_crashes(spool(count, **KINDS[kind]), site.requeue, count, INBOUND)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_so_is_one_whose_next_run_is_cut_off_too(site: Site, kind: str) -> None:
    check_crashes(spool(1, **KINDS[kind]), site.requeue, 1, INBOUND, crashes=2)


@pytest.mark.slow
def test_so_are_two_messages_whose_next_run_is_cut_off_too(site: Site) -> None:
    check_crashes(spool(2), site.requeue, 2, INBOUND, crashes=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "count", "crashes"),
    [*((kind, 2, 1) for kind in KINDS), ("rename", 1, 2), ("links only", 1, 2)],
)
def test_an_undo_that_is_cut_off_anywhere_is_finished_by_the_next(
    site: Site, kind: str, count: int, crashes: int
) -> None:
    start = spool(count, **KINDS[kind])
    site.requeue(start)
    check_crashes(start, site.undo, count, ARCHIVE, crashes=crashes)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_requeue_after_an_undo_that_was_cut_off_puts_all_back_again(
    site: Site, kind: str
) -> None:
    start = spool(2, **KINDS[kind])
    site.requeue(start)
    check_crashes(start, site.undo, 2, INBOUND, resume=site.requeue)


PUBLISHED_BY_LINK = pytest.param(
    "two volumes, links only",
    marks=[
        pytest.mark.slow,
    ],
)


@pytest.mark.parametrize("kind", [*QUICK, "letter case does not count", PUBLISHED_BY_LINK])
def test_the_service_may_run_between_the_crash_and_the_next_run(site: Site, kind: str) -> None:
    """It takes up whatever lies in In by then; nothing of that may be put back into In again."""
    for state in all_crash_states(spool(1, **KINDS[kind]), site.requeue, 1):
        served = [name for name in messages(1) if INBOUND in places(state, name)]
        for name in served:
            state.take_up(f"{INBOUND}/{name}")
        for _ in range(2):
            to_the_end(site.requeue, state)
        for name, content in messages(1).items():
            deliveries = state.delivered.count(content) + (INBOUND in places(state, name))
            assert deliveries <= 1, f"{name} comes twice"
            assert deliveries == 1 or name in unsure_of(state), f"{name} never comes"
            assert deliveries == 1 or places(state, name), f"{name} is lost"


INTRUDER = b"of another program"


def disturbed(start: FakeDisk, run: Run, path: str) -> Iterator[FakeDisk]:
    """Yield what comes of a run while which another program puts a file under a name.

    It does so after each change in turn, if the name is free then. Yielded is the end of the run,
    and what a crash leaves at the moment when the file was put there.
    """
    quiet = start.copy()
    run(quiet)
    for moment in range(1, sum(call.kind in CHANGING for call in quiet.calls) + 1):
        disk = start.copy()
        changes = count_from(1)
        crashed: list[FakeDisk] = []

        def look(
            call: Call,
            disk: FakeDisk = disk,
            moment: int = moment,
            changes: Iterator[int] = changes,
            crashed: list[FakeDisk] = crashed,
        ) -> None:
            is_now = call.kind in CHANGING and next(changes) == moment
            if is_now and disk.content(path) is None:
                disk.put(path, INTRUDER)
                crashed += disk.survivors()

        disk.after = look
        to_the_end(run, disk)
        disk.after = lambda call: None
        if crashed:
            yield from (disk, *crashed)


def check_intruder(site: Site, start: FakeDisk, name: str) -> None:
    """Let another program take a name in In at each moment; its file must stay, and both others."""
    path = f"{INBOUND}/{name}"
    disks = list(disturbed(start, site.requeue, path))
    assert disks
    for disk in disks:
        to_the_end(site.requeue, disk)
        assert disk.content(path) == INTRUDER
        assert places(disk, "R0000001") == [ARCHIVE]
        assert places(disk, "R0000002") == [INBOUND]
        check_journal_true(disk, all_settled=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_takes_the_name_meanwhile_is_never_replaced(site: Site, kind: str) -> None:
    spelled = "r0000001" if kind.startswith("letter") else "R0000001"
    check_intruder(site, spool(2, **KINDS[kind]), spelled)


def test_a_name_that_is_taken_in_another_letter_case_is_refused(site: Site) -> None:
    disk = spool(2, letter_case=False)
    disk.put(f"{INBOUND}/r0000001", INTRUDER)

    told = {one.source.path: one.status for one in site.requeue(disk)}

    assert told == {
        f"{ARCHIVE}/R0000001": ActionStatus.REFUSED,
        f"{ARCHIVE}/R0000002": ActionStatus.DONE,
    }
    assert disk.content(f"{INBOUND}/r0000001") == INTRUDER
    assert places(disk, "R0000001", [ARCHIVE]) == [ARCHIVE]


@pytest.mark.slow
def test_a_file_of_others_under_the_hidden_name_of_a_copy_stays(site: Site) -> None:
    start = spool(1, volumes=2)
    hidden = f"{INBOUND}/.R0000001.imctool-tmp"
    start.put(hidden, b"somebody else's")
    for state in all_crash_states(start, site.requeue, 1):
        assert state.content(hidden) == b"somebody else's"
        for _ in range(2):
            to_the_end(site.requeue, state)
            assert state.content(hidden) == b"somebody else's"
            assert places(state, "R0000001") == [ARCHIVE]


# Movers with a fault on purpose: what stands above must find it.


def without_flush_of(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flush = moves._flush

    def lazy(one: Folder) -> str | None:
        return None if isinstance(one, FakeFolder) and one.inner == folder else flush(one)

    monkeypatch.setattr(moves, "_flush", lazy)


def without_flush_of_the_intents(monkeypatch: pytest.MonkeyPatch) -> None:
    def lazy(journal: Journal, operations: list[Operation]) -> None:
        journal._write(map(intent_record, operations))

    monkeypatch.setattr(Journal, "intend", lazy)


def removing_before_it_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(mover: moves._Mover, move: Move) -> None:
        source, target = mover._source.folder, mover._target.folder
        file = source.read(move.name)
        source.unlink(move.name)
        written = target.create(move.new_name)
        written.write(file.read(1 << 20))
        written.keep_status(file.status())
        written.sync()

    monkeypatch.setattr(moves._Mover, "_link", hasty)


FAULTS = {
    "the target is not flushed": lambda patch: without_flush_of(INBOUND, patch),
    "the source is not flushed": lambda patch: without_flush_of(ARCHIVE, patch),
    "the intents are not flushed": without_flush_of_the_intents,
    "the old name goes first": removing_before_it_links,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_mover_that_is_careless_is_found_out(
    site: Site, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    FAULTS[fault](monkeypatch)
    with pytest.raises(AssertionError):
        check_crashes(spool(1, renames=False), site.requeue, 1, INBOUND)


@pytest.mark.slow
def test_a_mover_that_replaces_is_found_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    careful = moves._Mover._rename

    def ruthless(mover: moves._Mover, move: Move) -> None:
        try:
            careful(mover, move)
        except FileExistsError:
            mover._target.folder.unlink(move.new_name)
            careful(mover, move)

    monkeypatch.setattr(moves._Mover, "_rename", ruthless)
    with pytest.raises(AssertionError):
        check_intruder(site, spool(2), "R0000001")
