"""The journal: what is written is read back, and whatever happens to its bytes is told."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from itertools import product
from typing import Any

import pytest
from fake_disk import Call, FakeDisk
from fake_folder import FakeFolder
from hypothesis import given
from hypothesis import strategies as st

from imctool.model.action import ActionKind
from imctool.model.journal import (
    FileIdentity,
    Operation,
    Outcome,
    Recorded,
    SpoolIdentity,
    Staged,
    Transaction,
)
from imctool.repair.journal import (
    FOLDER_NAME,
    Journal,
    JournalWriteError,
    journal_names,
    load_journal,
    new_name,
    relied_on,
)
from imctool.repair.journal_lines import (
    SCHEMA,
    JournalContent,
    JournalError,
    journal_line,
    lines_of,
    read_journal,
)
from imctool.repair.known_journals import finish_runs, known_journals

NAME = "requeue-20260101T000000Z.jsonl"
SPOOL = SpoolIdentity("/imcdata", 7, 8)
FILE = FileIdentity("ab" * 32, 1234, 7, 99, 123456789012345678, 5)

MOVE = Operation(
    1, ActionKind.MOVE, "In/Archive/R1", "In/R1", FILE, "R1", 3, copied=True, linked=True,
    failed="2026-01-01T00:00:00+00:00", assumed_zone=True,
)  # fmt: skip
GIVEN = Operation(2, ActionKind.WRITE, "In/Archive/R2", "Pickup/R2", FILE, "R2", 1)
SENT = Operation(
    3, ActionKind.SUBMIT, "In/Archive/Ré3", None, FILE, "R3", 2, server="host.example:25"
)
BACK = Operation(4, ActionKind.MOVE, "In/R1", "In/Archive/R1", FILE, "R1", 3, undoes=1)


@pytest.fixture
def disk() -> FakeDisk:
    made = FakeDisk()
    made.directories[FOLDER_NAME] = 1
    return made


@pytest.fixture
def folder(disk: FakeDisk) -> FakeFolder:
    return FakeFolder(disk, FOLDER_NAME)


def write_all(folder: FakeFolder) -> None:
    """Write a journal with a record of every kind."""
    journal = Journal.create(folder, NAME, NAME)
    journal.begin(SPOOL, "requeue", via="in", messages=3)
    journal.intend([MOVE, GIVEN])
    journal.note({"record": "staged", "number": 2, "sha256": "cd" * 32, "size": 55})
    journal.end_operations([(1, Outcome.DONE, None), (2, Outcome.DROPPED, "the name is taken")])
    journal.intend([SENT])
    journal.note({"record": "refused", "number": 3, "recipients": ["x@y"], "reply": "550 no"})
    journal.note({"record": "ending", "number": 3, "recipients": ["a@b", "c@d"]})
    journal.note({"record": "accepted", "number": 3, "reply": "250 taken"})
    journal.note({"record": "ending", "number": 3, "recipients": ["e@f"]})
    journal.note({"record": "rejected", "number": 3, "reply": "451 later"})
    journal.intend([BACK])
    journal.end_operations([(4, Outcome.DONE, None)])
    journal.end(done=3)
    journal.close()


def small_journal() -> bytes:
    """Return the bytes of a journal with a record of every kind."""
    disk = FakeDisk()
    disk.directories[FOLDER_NAME] = 1
    write_all(FakeFolder(disk, FOLDER_NAME))
    return disk.content(f"{FOLDER_NAME}/{NAME}") or b""


def lines_without_end(content: bytes) -> list[bytes]:
    return content.split(b"\n")[:-1]


def test_what_is_written_is_read_back(folder: FakeFolder) -> None:
    write_all(folder)

    found = relied_on(load_journal(folder, NAME), NAME)

    assert found.spool == SPOOL
    assert [(one["command"], one["via"], one["messages"]) for one in found.runs] == [
        ("requeue", "in", 3)
    ]
    first, second, third, fourth = found.operations.values()
    assert first == Recorded(MOVE, Outcome.DONE, None, first.time, undone_by=4)
    assert second == Recorded(
        GIVEN, Outcome.DROPPED, "the name is taken", second.time, Staged("cd" * 32, 55)
    )
    assert third == Recorded(
        SENT,
        transactions=[
            Transaction(("a@b", "c@d"), "250 taken"), Transaction(("e@f",), None, failed=True)
        ],
        refused=[("x@y", "550 no")],
    )  # fmt: skip
    assert fourth == Recorded(BACK, Outcome.DONE, None, fourth.time)
    assert found.ended
    assert (found.torn, found.length) == (0, len(small_journal()))
    assert found.next_number == 5
    assert [one.operation for one in found.open_operations] == [SENT]


def test_a_line_is_ascii_and_each_ends_in_its_check() -> None:
    for line in lines_without_end(small_journal()):
        assert line.isascii()
        assert len(json.loads(line)["check"]) == 32


def test_a_journal_that_is_cut_at_any_byte_says_what_its_whole_lines_say() -> None:
    content = small_journal()
    for end in range(len(content)):
        found = read_journal(content[:end])
        whole = content[:end].rpartition(b"\n")[0]
        assert found.defects == []
        assert found.length == (len(whole) + 1 if whole else 0)
        assert found.torn == end - found.length
        assert found.length == 0 or found.runs


def test_a_journal_that_is_cut_at_any_byte_can_be_gone_on_with(folder: FakeFolder) -> None:
    content = small_journal()
    path = f"{FOLDER_NAME}/{NAME}"
    for end in range(0, len(content), 3):
        folder.disk.names.pop(path, None)
        folder.disk.put(path, content[:end])
        before = load_journal(folder, NAME)

        journal = Journal.resume(folder, NAME, NAME, before)
        number = journal.number()
        journal.begin(SPOOL, "undo")
        journal.end(done=0)

        after = relied_on(load_journal(folder, NAME), NAME)
        assert after.torn == 0
        assert after.ended
        assert after.operations == before.operations
        assert number == before.next_number
        assert after.runs[-1]["command"] == "undo"


def test_a_journal_that_is_cut_before_its_head_can_be_cut_once_more(folder: FakeFolder) -> None:
    """The next run finds a journal without a run, closes it, and is cut off in that line."""
    folder.disk.put(f"{FOLDER_NAME}/{NAME}", b'{"record":"begin","sch')
    imcdata = FakeFolder(folder.disk)
    with ExitStack() as stack:
        finish_runs(known_journals(imcdata, None, stack), imcdata, "requeue", "in")
    content = folder.disk.content(f"{FOLDER_NAME}/{NAME}") or b""
    for end in range(len(content)):
        assert read_journal(content[:end]).defects == []


def lines_that_differ(content: bytes) -> list[int]:
    return [one.line for one in read_journal(content).defects]


def flipped(content: bytes, place: int, bit: int) -> bytes:
    return content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]


def lines_named(content: bytes, place: int, bit: int) -> tuple[list[int], list[int]]:
    """Return the lines that differ after a bit was flipped, and those that ought to."""
    changed = flipped(content, place, bit)
    line = content.count(b"\n", 0, place) + 1
    # A line end that comes leaves two pieces of that line; one that goes joins it to the next.
    pieces = [line, line + 1] if changed[place : place + 1] == b"\n" else [line]
    return lines_that_differ(changed), pieces


def test_a_flipped_bit_is_found_in_its_line() -> None:
    content = small_journal()
    for place in range(0, len(content) - 1, 5):
        named, pieces = lines_named(content, place, place % 8)
        assert named[: len(pieces)] == pieces, f"byte {place}"


@pytest.mark.slow
def test_any_flipped_bit_is_found_in_its_line() -> None:
    content = small_journal()
    for place, bit in product(range(len(content) - 1), range(8)):
        named, pieces = lines_named(content, place, bit)
        assert named[: len(pieces)] == pieces, f"byte {place}, bit {bit}"


@pytest.mark.slow
def test_no_other_line_is_blamed_for_a_flipped_bit() -> None:
    content = small_journal()
    for place, bit in product(range(len(content) - 1), range(8)):
        named, pieces = lines_named(content, place, bit)
        assert named == pieces, f"byte {place}, bit {bit}"


def test_a_last_line_whose_end_is_changed_counts_as_never_written() -> None:
    content = small_journal()
    found = read_journal(content[:-1] + b"\v")
    assert found.defects == []
    assert found.length + found.torn == len(content)
    assert not found.ended


def test_a_line_that_is_taken_out_is_missed_by_the_next() -> None:
    lines = small_journal().splitlines(keepends=True)
    for place in range(len(lines) - 1):
        assert place + 1 in lines_that_differ(b"".join(lines[:place] + lines[place + 1 :]))


def test_a_line_that_is_there_twice_is_found() -> None:
    lines = small_journal().splitlines(keepends=True)
    for place in range(len(lines)):
        doubled = b"".join([*lines[: place + 1], *lines[place:]])
        assert lines_that_differ(doubled) == [place + 2]


def test_lines_that_were_swapped_are_found() -> None:
    lines = small_journal().splitlines(keepends=True)
    for place in range(len(lines) - 1):
        swapped = [*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]]
        assert place + 1 in lines_that_differ(b"".join(swapped))


def test_a_line_of_another_journal_is_found() -> None:
    lines = small_journal().splitlines(keepends=True)
    stranger, _ = journal_line({"record": "end", "time": "now"}, "0" * 32)
    assert lines_that_differ(b"".join([*lines[:3], stranger, *lines[3:]]))[0] == 4


def test_a_journal_with_a_defect_is_not_relied_on_and_the_line_is_named() -> None:
    content = small_journal()
    place = content.index(b"\n") + 20
    with pytest.raises(JournalError, match=r"some\.jsonl line 2, offset \d+: the line is not as"):
        relied_on(read_journal(flipped(content, place, 0)), "some.jsonl")


@pytest.mark.parametrize("content", [b"MZ\x90", b"hello\nworld\n", b"\n", b"{}\n", b"\0" * 99])
def test_what_is_no_journal_is_told(content: bytes) -> None:
    with pytest.raises(JournalError, match="not a journal of imctool"):
        read_journal(content)


def tried(content: bytes) -> JournalContent | None:
    try:
        return read_journal(content)
    except JournalError:
        return None


@given(st.binary(max_size=300))
def test_any_bytes_raise_nothing_else(content: bytes) -> None:
    found = tried(content)
    assert found is None or found.length + found.torn == len(content)


@given(
    st.integers(0, 3000), st.integers(0, 40), st.binary(max_size=40), st.lists(st.integers(0, 9))
)
def test_any_change_of_a_journal_raises_nothing_else(
    place: int, taken: int, given_bytes: bytes, order: list[int]
) -> None:
    content = small_journal()
    lines = content.splitlines(keepends=True)
    content = b"".join(lines[one] for one in order) or content
    changed = content[:place] + given_bytes + content[place + taken :]
    found = tried(changed)
    assert found is None or found.length + found.torn == len(changed)


VALUES = st.one_of(
    st.sampled_from([1, 2, "move", "write", "In/R1", "In/Archive/R1", SCHEMA, None, True, [], {}]),
    st.sampled_from([float("inf"), float("nan"), 1e300, -1, 2**70, [1], {"path": 1}, "\ud800"]),
    st.integers(),
    st.text(max_size=4),
)
KINDS = st.sampled_from(
    ["begin", "end", "intent", "staged", "ending", "accepted", "rejected", "refused"]
    + [str(one) for one in Outcome]
)


@given(
    st.lists(
        st.tuples(KINDS, st.dictionaries(st.sampled_from(
            ["number", "kind", "from", "to", "size", "sha256", "device", "inode", "mtime_ns",
             "ctime_ns", "recipients", "reply", "spool", "schema", "reason", "time", "undoes"],
        ), VALUES))
    )
)  # fmt: skip
def test_records_that_nobody_writes_become_defects(records: list[tuple[str, Any]]) -> None:
    """Anyone can make the checks: a record that vouches for itself may still be nonsense."""
    content, _ = lines_of([{"record": kind, **rest} for kind, rest in records], "")
    found = tried(content)
    assert found is None or found.length == len(content)


@pytest.mark.parametrize(
    "record",
    [
        b'{"record":"accepted","number":2,"reply":"250"}',
        b'{"record":"intent","number":1e999}',
        b'{"record":"done","number":77}',
        b'{"record":%s1%s}' % (b"[" * 100_000, b"]" * 100_000),
        b'{"record":"done","number":[1]}',
        b"[1]",
    ],
    ids=["no transaction", "infinity", "no such operation", "deep", "a list", "no object"],
)
def test_a_record_that_cannot_be_understood_is_a_defect(record: bytes) -> None:
    head = b"".join(small_journal().splitlines(keepends=True)[:3])
    before = read_journal(head)
    check = hashlib.sha256(before.check.encode() + record).hexdigest()[:32].encode()
    line = record[:-1] + b',"check":"' + check + b'"}\n'
    assert [one.line for one in read_journal(head + line).defects] == [4]


def failing(kind: str) -> Callable[[Call], None]:
    def fail(call: Call) -> None:
        if call.kind == kind:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    return fail


@pytest.mark.parametrize("room", [0, 1, 150, 299])
def test_lines_that_do_not_fit_leave_nothing_behind(folder: FakeFolder, room: int) -> None:
    journal = Journal.create(folder, NAME, NAME)
    journal.begin(SPOOL, "requeue")
    before = load_journal(folder, NAME)
    folder.disk.room = room
    with pytest.raises(JournalWriteError, match="No space left on device"):
        journal.intend([MOVE])
    assert load_journal(folder, NAME) == before

    folder.disk.room = None  # somebody made room
    journal.intend([MOVE])

    assert relied_on(load_journal(folder, NAME), NAME).operations == {1: Recorded(MOVE)}


@pytest.mark.parametrize("kind", ["fsync", "cut"])
def test_a_journal_of_which_nobody_knows_what_is_on_the_disk_takes_nothing_more(
    folder: FakeFolder, kind: str
) -> None:
    journal = Journal.create(folder, NAME, NAME)
    journal.begin(SPOOL, "requeue")
    folder.disk.before = failing(kind)
    folder.disk.room = 20 if kind == "cut" else None
    with pytest.raises(JournalWriteError):
        journal.intend([MOVE])
    folder.disk.before = lambda call: None
    folder.disk.room = None

    with pytest.raises(JournalWriteError, match="the journal cannot be written"):
        journal.end_operations([(1, Outcome.DROPPED, None)])

    found = relied_on(load_journal(folder, NAME), NAME)
    assert found.operations == ({} if kind == "cut" else {1: Recorded(MOVE)})


def test_the_name_of_a_new_journal_is_none_that_is_taken(
    monkeypatch: pytest.MonkeyPatch, folder: FakeFolder
) -> None:
    taken: list[str] = []
    for _ in range(12):
        name = new_name(one.upper() for one in taken)
        assert name not in taken
        taken.append(name)
        folder.create(name).close()
    assert sorted(journal_names(folder)) == sorted(taken)


def test_journals_of_one_second_are_in_the_order_they_were_made(folder: FakeFolder) -> None:
    stem = NAME.removesuffix(".jsonl")
    made = [f"{stem}.jsonl", *(f"{stem}-{number}.jsonl" for number in range(2, 12))]
    for name in reversed(made):
        folder.create(name).close()
    assert journal_names(folder) == made
