"""The plan of a requeue: each file looked at where it lies, and held against what went before."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imctool.model.requeue import Objection, Reason, RequeueItem, RequeuePlan, Via
from imctool.repair.folder import Folder, open_folder
from imctool.repair.known_journals import HandedOver
from imctool.repair.requeue_plan import Rules, make_plan
from imctool.repair.requeue_selection import Selection

ONE, TWO, THREE = "MKDWZAR5", "MKDWZAR6", "MKDWZAR7"
NOON = datetime(2000, 5, 16, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIMIT = Objection(Reason.OVER_LIMIT, "too many")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "In/Archive").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def imcdata(spool: Path) -> Iterator[Folder]:
    opened = open_folder(spool)
    yield opened
    opened.close()


def item(spool: Path, name: str, content: bytes | None = None, **known: object) -> RequeueItem:
    """Put a file into the archive, and return it as it was selected."""
    (spool / "In/Archive" / name).write_bytes(name.encode() if content is None else content)
    path = f"In/Archive/{name}"
    return RequeueItem(path, path, None, spool_name=name.upper(), **known)  # type: ignore[arg-type]


def plan(imcdata: Folder, *items: RequeueItem, via: Via = Via.IN, **more: object) -> RequeuePlan:
    return make_plan(Selection(items, 0), imcdata, Rules(via, **more))  # type: ignore[arg-type]


def names(items: tuple[RequeueItem, ...]) -> list[str]:
    return [one.name for one in items]


def test_a_file_is_hashed_and_known_by_its_inode(spool: Path, imcdata: Folder) -> None:
    [one] = plan(imcdata, item(spool, ONE, b"letter")).going
    status = (spool / one.source).stat()
    assert one.file is not None
    assert one.file.sha256 == hashlib.sha256(b"letter").hexdigest()
    assert (one.file.size, one.file.inode, one.file.device, one.file.modified_ns) == (
        6, status.st_ino, status.st_dev, status.st_mtime_ns,
    )  # fmt: skip


def test_planning_changes_nothing(spool: Path, imcdata: Folder) -> None:
    listed = [item(spool, ONE), item(spool, TWO)]
    (spool / "Queue.dat").write_bytes(b"q")
    before = sorted((one, one.stat().st_mtime_ns) for one in spool.rglob("*"))
    plan(imcdata, *listed, queue_dat=True)
    assert sorted((one, one.stat().st_mtime_ns) for one in spool.rglob("*")) == before


# What lies in the way


@pytest.mark.parametrize("taken", [ONE, ONE.lower(), "MkdwZaR5"])
def test_a_name_taken_in_in_holds_it_in_any_letter_case(
    spool: Path, imcdata: Folder, taken: str
) -> None:
    listed = [item(spool, ONE), item(spool, TWO)]
    (spool / "In" / taken).mkdir()
    made = plan(imcdata, *listed)
    assert names(made.going) == [TWO]
    [objection] = made.refused[0].objections
    assert objection.reason is None
    assert taken in objection.text
    assert names(plan(imcdata, *listed, via=Via.EML).going) == [ONE, TWO]


def test_a_file_that_vanished_is_held_and_the_others_go(spool: Path, imcdata: Folder) -> None:
    listed = [item(spool, ONE), item(spool, TWO)]
    (spool / "In/Archive" / ONE).unlink()
    made = plan(imcdata, *listed)
    assert names(made.going) == [TWO]
    assert made.refused[0].file is None
    assert made.refused[0].objections[0].reason is None


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_what_is_no_plain_file_is_held(spool: Path, imcdata: Folder) -> None:
    listed = [item(spool, ONE), item(spool, TWO)]
    (spool / "secret").write_bytes(b"secret")
    for one, make in ((ONE, Path.symlink_to), (TWO, None)):
        path = spool / "In/Archive" / one
        path.unlink()
        path.mkdir() if make is None else make(path, spool / "secret")
    made = plan(imcdata, *listed)
    assert made.going == ()
    assert all(one.file is None and one.objections for one in made.refused)


# Copies by their bytes


def test_of_two_files_with_the_same_bytes_one_goes(spool: Path, imcdata: Folder) -> None:
    made = plan(imcdata, item(spool, ONE, b"same"), item(spool, TWO, b"same"), item(spool, THREE))
    assert names(made.going) == [ONE, THREE]
    [objection] = made.refused[0].objections
    assert objection.reason is Reason.DUPLICATE
    assert ONE in objection.text


def test_the_copy_goes_where_the_first_cannot(spool: Path, imcdata: Folder) -> None:
    held = (Objection(None, "its envelope is damaged"),)
    first = item(spool, ONE, b"same", objections=held)
    assert names(plan(imcdata, first, item(spool, TWO, b"same")).going) == [TWO]


def test_what_harms_this_server_only_goes_elsewhere_once(spool: Path, imcdata: Folder) -> None:
    listed = [item(spool, one, b"same", objections=(LIMIT,)) for one in (ONE, TWO)]
    assert names(plan(imcdata, *listed, via=Via.SMTP).going) == [ONE]


@pytest.mark.parametrize("via", [Via.EML, Via.MBOX, Via.MAILDIR])
def test_a_copy_for_an_archive_delivers_nothing_and_is_only_warned_of(
    spool: Path, imcdata: Folder, via: Via
) -> None:
    delivered = Objection(Reason.DELIVERED, "it was delivered")
    listed = [item(spool, one, b"same", objections=(LIMIT, delivered)) for one in (ONE, TWO)]
    made = plan(imcdata, *listed, via=via)
    assert names(made.going) == [ONE, TWO]
    assert all("it was delivered" in one.warnings for one in made.going)


def test_forcing_a_reason_lets_one_of_two_copies_go(spool: Path, imcdata: Folder) -> None:
    listed = [item(spool, one, b"same", objections=(LIMIT,)) for one in (ONE, TWO)]
    assert names(plan(imcdata, *listed, forced=frozenset({Reason.OVER_LIMIT})).going) == [ONE]


# Reasons and ways


@pytest.mark.parametrize(
    ("via", "goes"),
    [(Via.IN, False), (Via.PICKUP, False), (Via.SMTP, True), (Via.EML, True), (Via.MBOX, True)],
)
def test_what_harms_this_server_may_go_elsewhere(
    spool: Path, imcdata: Folder, via: Via, goes: bool
) -> None:
    (spool / "Pickup").mkdir()
    one = item(spool, ONE, objections=(LIMIT,))
    assert (plan(imcdata, one, via=via).going != ()) is goes


@pytest.mark.parametrize("via", [Via.IN, Via.PICKUP, Via.SMTP])
@pytest.mark.parametrize("reason", [Reason.DELIVERED, Reason.DUPLICATE, Reason.RETURNED, None])
def test_what_would_come_twice_is_held_whichever_way_it_goes(
    spool: Path, imcdata: Folder, via: Via, reason: Reason | None
) -> None:
    one = item(spool, ONE, objections=(Objection(reason, "x"),))
    assert plan(imcdata, one, via=via).going == ()


def test_a_forced_reason_is_a_warning_and_the_others_hold(spool: Path, imcdata: Folder) -> None:
    damaged = Objection(None, "its envelope is damaged")
    listed = [
        item(spool, ONE, objections=(LIMIT,)),
        item(spool, TWO, objections=(LIMIT, damaged)),
    ]
    made = plan(imcdata, *listed, forced=frozenset({Reason.OVER_LIMIT}))
    assert names(made.going) == [ONE]
    assert made.going[0].warnings == ("forced: too many",)
    assert made.refused[0].objections == (damaged,)


# What journals have of it


def handed(failed: datetime | None = NOON, **more: bool) -> list[HandedOver]:
    """What a journal has of a message that had failed last at ``failed`` when it was put back."""
    return [HandedOver("it was handed over before", failed=failed, **more)]


@pytest.mark.parametrize("via", list(Via)[:3])
@pytest.mark.parametrize(
    ("into_in", "failed", "goes"),
    [
        (False, None, False),
        (False, NOON + HOUR, False),
        (True, None, False),
        (True, NOON - HOUR, False),
        (True, NOON, False),
        (True, NOON + HOUR, True),
    ],
)
def test_what_was_handed_over_before_goes_only_if_it_failed_in_in_again(
    spool: Path,
    imcdata: Folder,
    via: Via,
    into_in: bool,
    failed: datetime | None,
    goes: bool,
) -> None:
    (spool / "Pickup").mkdir()
    one = item(spool, ONE, b"letter", failed=failed)
    before = {hashlib.sha256(b"letter").hexdigest(): handed(into_in=into_in)}
    made = plan(imcdata, one, via=via, before=before)
    assert (made.going != ()) is goes
    assert goes or made.refused[0].objections[0].reason is Reason.SUBMITTED


def test_without_a_known_failure_before_no_event_is_newer(spool: Path, imcdata: Folder) -> None:
    one = item(spool, ONE, b"letter", failed=NOON)
    before = {hashlib.sha256(b"letter").hexdigest(): handed(None, into_in=True)}
    assert plan(imcdata, one, before=before).going == ()


@pytest.mark.parametrize(("hours", "goes"), [(1, False), (25, False), (27, True)])
@pytest.mark.parametrize("earlier", [True, False])
def test_a_clock_of_an_assumed_zone_may_be_a_day_off(
    spool: Path, imcdata: Folder, earlier: bool, hours: int, goes: bool
) -> None:
    one = item(spool, ONE, b"letter", failed=NOON + hours * HOUR, assumed_zone=not earlier)
    before = handed(into_in=True, assumed_zone=earlier)
    made = plan(imcdata, one, before={hashlib.sha256(b"letter").hexdigest(): before})
    assert (made.going != ()) is goes


@pytest.mark.parametrize(("via", "goes"), [(Via.SMTP, True), (Via.IN, False), (Via.EML, True)])
def test_what_a_server_took_for_some_goes_on_by_smtp_only(
    spool: Path, imcdata: Folder, via: Via, goes: bool
) -> None:
    before = {hashlib.sha256(b"letter").hexdigest(): handed(partly=True)}
    made = plan(imcdata, item(spool, ONE, b"letter"), via=via, before=before)
    assert (made.going != ()) is goes


def test_what_the_run_that_is_continued_has_done_is_not_told_again(
    spool: Path, imcdata: Folder
) -> None:
    finished = frozenset({hashlib.sha256(b"letter").hexdigest()})
    made = plan(imcdata, item(spool, ONE, b"letter"), item(spool, TWO), finished=finished)
    assert names(made.items) == [TWO]


def test_one_way_in_which_it_went_is_enough_to_hold_it(spool: Path, imcdata: Folder) -> None:
    one = item(spool, ONE, b"letter", failed=NOON + HOUR)
    both = handed(into_in=True) + handed(into_in=False)
    for order in (both, both[::-1]):
        made = plan(imcdata, one, before={hashlib.sha256(b"letter").hexdigest(): order})
        assert made.going == ()


def test_a_copy_of_a_file_handed_over_before_is_held_under_any_name(
    spool: Path, imcdata: Folder
) -> None:
    before = {hashlib.sha256(b"letter").hexdigest(): handed(into_in=False)}
    assert plan(imcdata, item(spool, TWO, b"letter"), before=before).going == ()
    forced = plan(
        imcdata, item(spool, TWO, b"letter"), before=before, forced=frozenset({Reason.SUBMITTED})
    )
    assert names(forced.going) == [TWO]


# How many


@pytest.mark.parametrize(("most", "gone"), [(1, 1), (2, 2), (3, 2), (None, 2)])
def test_at_most_so_many_go_and_the_refused_do_not_count(
    spool: Path, imcdata: Folder, most: int | None, gone: int
) -> None:
    listed = [item(spool, ONE, objections=(LIMIT,)), item(spool, TWO), item(spool, THREE)]
    made = plan(imcdata, *listed, most=most)
    assert names(made.going) == [TWO, THREE][:gone]
    assert made.left == 2 - gone
    assert names(made.refused) == [ONE]


# Queue.dat


@pytest.mark.parametrize("name", ["Queue.dat", "QUEUE.DAT"])
def test_queue_dat_is_renamed_only_on_request(spool: Path, imcdata: Folder, name: str) -> None:
    (spool / name).write_bytes(b"q")
    assert plan(imcdata).queue_dat is None
    found = plan(imcdata, queue_dat=True).queue_dat
    assert found is not None
    assert (found.name, found.objections) == (name, ())


@pytest.mark.parametrize("taken", ["Queue.old", "queue.OLD"])
def test_queue_old_is_never_written_over(spool: Path, imcdata: Folder, taken: str) -> None:
    (spool / "Queue.dat").write_bytes(b"q")
    (spool / taken).write_bytes(b"mine")
    found = plan(imcdata, queue_dat=True).queue_dat
    assert found is not None
    assert found.objections[0].reason is None
    assert taken in found.objections[0].text


def test_without_a_queue_dat_there_is_nothing_to_rename(spool: Path, imcdata: Folder) -> None:
    assert plan(imcdata, queue_dat=True).queue_dat is None


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_queue_dat_that_is_a_link_is_held(spool: Path, imcdata: Folder) -> None:
    (spool / "elsewhere").write_bytes(b"q")
    (spool / "Queue.dat").symlink_to(spool / "elsewhere")
    found = plan(imcdata, item(spool, ONE), queue_dat=True)
    assert names(found.going) == [ONE]
    assert found.queue_dat is not None
    assert found.queue_dat.objections
