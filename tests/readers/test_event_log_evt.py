"""Binary event logs: every record is found, once, and told from damage and free space."""

from __future__ import annotations

import mmap
import random
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.event import Event, Retrieval
from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind, Location
from imctool.readers.event_log_evt import read_evt, scan_evt

END_MARKS = (0x28, 0x11111111, 0x22222222, 0x33333333, 0x44444444)
COUNT = 2000


def record(
    number: int,
    *,
    source: str = "MSExchangeIMC",
    event_id: int = 0xC0001015,
    kind: int = 1,
    category: int = 2,
    user: bytes = b"",
    strings: tuple[str, ...] | None = None,
    data: bytes = b"\x9a\x01\x02\x00\x0e\x00\x07\x80TG45CLP6\0",
) -> bytes:
    """Return the bytes of one record, laid out as Windows XP does: names, SID, strings, data."""
    strings = (f"M4XD{number:04d}",) if strings is None else strings
    names = f"{source}\0BACON610\0".encode("utf-16-le")
    texts = "".join(f"{one}\0" for one in strings).encode("utf-16-le")
    user_at = 56 + len(names)
    strings_at = user_at + len(user)
    data_at = strings_at + len(texts)
    length = data_at + len(data)
    length += -length % 4 + 4
    fixed = (length, b"LfLe", number, 947600000 + number, 947600001 + number, event_id)
    kinds = (kind, len(strings), category, 0, 0)
    offsets = (strings_at, len(user), user_at if user else 0, len(data), data_at)
    raw = struct.pack("<I4s4I4HI5I", *fixed, *kinds, *offsets) + names + user + texts + data
    return raw.ljust(length - 4, b"\0") + struct.pack("<I", length)


def header(first: int, stop: int, following: int, *, size: int = 0x10000, dirty: bool = False):
    """Return the 48 bytes of a log's header."""
    numbers = (first, stop, following, 1, size, int(dirty), 0, 0x30)
    return struct.pack("<I4s10I", 0x30, b"LfLe", 1, 1, *numbers)


def end_record(first: int, stop: int, following: int) -> bytes:
    """Return the 40 bytes of an end-of-file record that stands at ``stop``."""
    return struct.pack("<10I", *END_MARKS, first, stop, following, 1, 0x28)


def plain_log(
    count: int = COUNT,
    *,
    dirty: bool = False,
    end: bool = True,
    stale: tuple[int, int] | None = None,
) -> bytes:
    """Return a log that never wrapped; ``stale`` replaces the offsets in its header."""
    body = b"".join(record(number) for number in range(1, count + 1))
    stop = 0x30 + len(body)
    first, told = stale or (0x30, stop)
    log = header(first, told, count + 1, dirty=dirty) + body
    log += end_record(0x30, stop, count + 1) if end else b""
    return log.ljust(len(log) + -len(log) % 0x1000, b"\0")


def wrapped_log(older: int = 40, newer: int = 20, *, dirty: bool = False, cut: int = 60) -> bytes:
    """Return a log whose newest records stand in front, one split ``cut`` bytes before the end.

    Behind the end-of-file record lies the rest of an overwritten record.
    """
    old = b"".join(record(number) for number in range(101, 101 + older))
    split = record(101 + older)
    new = b"".join(record(number) for number in range(102 + older, 102 + older + newer))
    front = split[cut:] + new
    stop = 0x30 + len(front)
    rest = record(100)[70:]
    first = stop + 40 + len(rest)
    following = 102 + older + newer
    told = (0x30, 0x30 + 200) if dirty else (first, stop)
    ring = front + end_record(first, stop, following) + rest + old + split[:cut]
    return header(*told, following, size=0x30 + len(ring), dirty=dirty) + ring


def events(log: bytes | bytearray | memoryview | mmap.mmap) -> list[Event]:
    """Return the events of a log, whatever its defects."""
    return [found for found in scan_evt(log, "AppEvent.Evt") if isinstance(found, Event)]


def defects(log: bytes) -> list[Defect]:
    """Return the defects of a log."""
    return [found for found in scan_evt(log, "AppEvent.Evt") if isinstance(found, Defect)]


def numbers(log: bytes, retrieval: Retrieval | None = None) -> list[int | None]:
    """Return the record numbers of a log in the order given, of one retrieval or all."""
    return [one.record for one in events(log) if retrieval in (None, one.retrieval)]


def offset_of(log: bytes, number: int) -> int:
    """Return where the record of that number stands."""
    return log.index(b"LfLe" + struct.pack("<I", number)) - 4


def as_file(path: Path) -> EvidenceFile:
    """Return the file at ``path`` as evidence."""
    size = path.stat().st_size if path.exists() else 0
    return EvidenceFile(path, path.name, size, InputKind.EVENT_LOG, Form.EVT)


def with_garbage(log: bytes) -> bytes:
    """Return the log with 512 bytes of garbage over its middle."""
    middle = len(log) // 2
    return log[:middle] + b"\xa5" * 512 + log[middle + 512 :]


def with_length_zero(log: bytes) -> bytes:
    """Return the log with the length of record 1000 zeroed."""
    at = offset_of(log, 1000)
    return log[:at] + bytes(4) + log[at + 4 :]


# Each damaged log and how many of its 2,000 records have to be found.
DAMAGED: dict[str, tuple[Callable[[], bytes], int]] = {
    "clean": (plain_log, 2000),
    "dirty": (lambda: plain_log(dirty=True, stale=(0x30, 0x30)), 2000),
    "no end-of-file record": (lambda: plain_log(end=False), 2000),
    "dirty and no end-of-file record": (
        lambda: plain_log(dirty=True, end=False, stale=(0x30, 0x30)),
        2000,
    ),
    "truncated half": (lambda: plain_log()[: len(plain_log()) // 2], 1000 - 20),
    "header offsets zeroed": (lambda: plain_log(stale=(0, 0)), 2000),
    "header offsets zeroed, dirty": (lambda: plain_log(stale=(0, 0), dirty=True), 2000),
    "header offsets zeroed, no end-of-file record": (
        lambda: plain_log(stale=(0, 0), dirty=True, end=False),
        2000,
    ),
    "start offset zeroed": (lambda: plain_log(stale=(0, 0x30 + 2000 * len(record(1)))), 2000),
    "512 bytes of garbage": (lambda: with_garbage(plain_log()), 1995),
    "one length zero": (lambda: with_length_zero(plain_log()), 1999),
    "wrapped": (lambda: wrapped_log(1200, 799), 2000),
    "wrapped, dirty": (lambda: wrapped_log(1200, 799, dirty=True), 2000),
}


class TestDamagedLogs:
    @pytest.mark.parametrize("case", DAMAGED)
    def test_no_record_is_lost_and_none_comes_twice(self, case: str) -> None:
        build, least = DAMAGED[case]
        found = numbers(build())
        assert len(found) >= least
        assert len(set(found)) == len(found)

    @pytest.mark.parametrize("case", DAMAGED)
    def test_libevt_finds_no_more(self, case: str, tmp_path: Path) -> None:
        pyevt: Any = pytest.importorskip("pyevt")
        path = tmp_path / "AppEvent.Evt"
        path.write_bytes(DAMAGED[case][0]())
        log = pyevt.file()
        log.open(str(path))
        theirs = log.number_of_records + log.number_of_recovered_records
        log.close()
        assert len(events(path.read_bytes())) >= theirs

    @pytest.mark.parametrize(
        "case", ["clean", "dirty", "wrapped", "wrapped, dirty", "dirty and no end-of-file record"]
    )
    def test_the_order_is_the_order_of_the_log(self, case: str) -> None:
        found = numbers(DAMAGED[case][0](), Retrieval.WALKED)
        assert len(found) == COUNT
        assert found == sorted(found)

    @pytest.mark.parametrize("case", ["clean", "dirty", "wrapped", "wrapped, dirty"])
    def test_a_sound_log_has_no_defect_even_while_it_was_in_use(self, case: str) -> None:
        assert defects(DAMAGED[case][0]()) == []

    def test_the_tail_alone_is_carved(self) -> None:
        log = plain_log()
        tail = log[offset_of(log, 27) + 50 :]
        found = events(tail)
        assert [one.record for one in found] == list(range(28, 2001))
        assert {one.retrieval for one in found} == {Retrieval.CARVED}
        assert [one.reason for one in defects(tail)] == [
            "no event log header: records are carved",
            f"{len(record(27)) - 50} bytes that are no record",
        ]

    def test_garbage_in_front_of_a_whole_log_hides_no_record(self) -> None:
        log = b"\xa5" * 512 + plain_log(20)
        assert numbers(log, Retrieval.CARVED) == list(range(1, 21))
        assert defects(log)[1].reason == "512 bytes that are no record"


class TestWhatIsDefect:
    def test_a_stretch_of_garbage_is_one_defect_with_place_and_length(self) -> None:
        log = plain_log(20)
        at = offset_of(log, 10)
        garbage = b"\xa5" * len(record(10))
        log = log[:at] + garbage + log[at + len(garbage) :]
        reason = f"{len(garbage)} bytes that are no record"
        assert defects(log) == [Defect(Location("AppEvent.Evt", offset=at), reason)]
        assert numbers(log, Retrieval.RECOVERED) == list(range(11, 21))

    def test_a_record_cut_by_the_end_of_the_file_is_one_defect(self) -> None:
        log = plain_log(20)
        at = offset_of(log, 15)
        whole, log = log, log[: at + 70]
        reason = f"record cut by the end of the file after 70 of its {len(record(15))} bytes"
        assert defects(log) == [Defect(Location("AppEvent.Evt", offset=at), reason)]
        (*_, torn) = events(log)
        assert (torn.record, torn.event_id, torn.source, torn.strings) == (15, 4117, "", ())
        assert events(whole[: at + 110])[14].source == "MSExchangeIMC"

    def test_a_log_cut_between_two_records_lacks_its_end_of_file_record(self) -> None:
        log = plain_log(20)
        (defect,) = defects(log[: offset_of(log, 15)])
        assert defect.reason == "no end-of-file record: the log is cut or damaged"

    def test_a_record_with_its_end_overwritten_is_an_event_and_a_defect(self) -> None:
        log = plain_log(20)
        at = offset_of(log, 11)
        log = log[: at - 12] + b"\xa5" * 12 + log[at:]
        assert sorted(map(int, filter(None, numbers(log)))) == list(range(1, 21))
        (defect,) = defects(log)
        assert defect.location.offset == offset_of(log, 10)
        assert defect.reason.endswith("bytes without a whole record, only the beginning of 1")

    def test_a_header_that_claims_to_be_clean_and_is_not_is_a_defect(self) -> None:
        (defect,) = defects(plain_log(20, stale=(0, 0)))
        assert defect.reason == "the header's offsets do not lead to the records"

    def test_padding_before_the_end_of_the_ring_is_skipped(self) -> None:
        log = wrapped_log(cut=0)
        ring_end = offset_of(log, 140) + len(record(140))
        assert ring_end == len(log)
        log += b"\x27\0\0\0" * 5
        assert numbers(log, Retrieval.WALKED) == list(range(101, 162))
        assert defects(log) == []

    def test_an_empty_log_has_no_event_and_no_defect(self) -> None:
        assert list(scan_evt(plain_log(0), "AppEvent.Evt")) == []

    def test_bytes_that_are_no_log_say_so(self) -> None:
        assert len(defects(b"no log at all")) == 2
        assert events(b"no log at all") == []
        assert [one.reason for one in defects(b"")] == ["empty file"]


class TestOldGenerations:
    def test_records_left_behind_the_end_are_recovered(self) -> None:
        fresh = b"".join(record(number) for number in range(1, 4))
        stop = 0x30 + len(fresh)
        old = b"".join(record(number) for number in range(900, 910))
        log = header(0x30, stop, 4) + fresh + end_record(0x30, stop, 4) + record(1)[40:] + old
        assert numbers(log, Retrieval.WALKED) == [1, 2, 3]
        assert numbers(log, Retrieval.RECOVERED) == list(range(900, 910))
        assert defects(log) == []

    def test_a_number_that_comes_again_is_located_by_its_offset(self) -> None:
        fresh = b"".join(record(number) for number in range(1, 4))
        stop = 0x30 + len(fresh)
        head = header(0x30, stop, 4) + fresh + end_record(0x30, stop, 4)
        found = events(head + record(2) + record(77) + record(77) + record(0))
        places = [one.location for one in found]
        again = len(head) + len(record(2)) + len(record(77))
        assert places[3:] == [
            Location("AppEvent.Evt", offset=len(head)),
            Location("AppEvent.Evt", record=77),
            Location("AppEvent.Evt", offset=again),
            Location("AppEvent.Evt", offset=again + len(record(77))),
        ]
        assert [one.record for one in found[3:]] == [2, 77, 77, 0]

    def test_a_split_record_behind_a_gap_is_put_together(self) -> None:
        log = wrapped_log()
        at = offset_of(log, 120)
        damaged = log[:at] + b"\xa5" * 32 + log[at + 32 :]
        found = numbers(damaged)
        assert sorted(map(int, filter(None, found))) == [*range(101, 120), *range(121, 162)]
        assert len(defects(damaged)) == 1


class TestOneRecord:
    def test_its_fields_are_those_of_the_event_viewer(self) -> None:
        sid = bytes.fromhex("010500000000000515000000010000000200000003000000f4010000")
        raw = record(7, event_id=0x80000BB8 + 0x20000, kind=2, category=0, user=sid)
        (event,) = events(raw)
        assert event == Event(
            location=Location("AppEvent.Evt", record=7),
            time=datetime.fromtimestamp(947600007, UTC),
            source="MSExchangeIMC",
            event_id=3000,
            record=7,
            type="Warning",
            category="None",
            user="S-1-5-21-1-2-3-500",
            computer="BACON610",
            strings=("M4XD0007",),
            data=b"\x9a\x01\x02\x00\x0e\x00\x07\x80TG45CLP6\0",
            retrieval=Retrieval.CARVED,
        )
        assert str(event.spool_name) == "TG45CLP6"

    @pytest.mark.parametrize(
        ("kind", "shown"),
        [(0, "Success"), (4, "Information"), (8, "Success Audit"), (16, "Failure Audit"), (3, "3")],
    )
    def test_its_type_is_a_word_where_there_is_one(self, kind: int, shown: str) -> None:
        assert events(record(1, kind=kind))[0].type == shown

    def test_strings_that_run_out_of_the_record_leave_the_whole_ones(self) -> None:
        raw = bytearray(record(7, strings=("one", "two")))
        struct.pack_into("<H", raw, 26, 5)
        found = list(scan_evt(raw, "x"))[1:]
        assert isinstance(found[0], Event)
        assert found[0].strings == ("one", "two")
        reason = "only 2 of 5 strings lie in the record"
        assert found[1] == Defect(Location("x", record=7), reason)

    @pytest.mark.parametrize("field", [36, 44, 52])
    def test_offsets_out_of_the_record_are_defects(self, field: int) -> None:
        raw = bytearray(record(7, user=bytes.fromhex("010100000000000512000000")))
        struct.pack_into("<I", raw, field, 0xFFFFFFF0)
        found = list(scan_evt(bytes(raw), "x"))[1:]
        assert isinstance(found[0], Event)
        assert found[0].source == "MSExchangeIMC"
        assert len(found) == 2

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.text(st.sampled_from("aé\u4e00\U0001f600 \r\n"), max_size=9), max_size=5),
        st.binary(max_size=40),
    )
    def test_strings_and_data_come_back_as_they_went_in(
        self, strings: list[str], data: bytes
    ) -> None:
        (event,) = events(record(1, strings=tuple(strings), data=data))
        assert event.strings == tuple(strings)
        assert event.data == data


class TestAnyBytes:
    @settings(max_examples=80, deadline=None)
    @given(st.data())
    def test_no_damage_raises_or_repeats_a_place(self, data: st.DataObject) -> None:
        log = bytearray(wrapped_log(12, 6, dirty=data.draw(st.booleans())))
        for at, piece in data.draw(
            st.lists(st.tuples(st.integers(0, len(log)), st.binary(max_size=12)), max_size=6)
        ):
            log[at : at + len(piece)] = piece
        size = data.draw(st.integers(0, len(log)))
        places = [one.location for one in events(log[:size])]
        assert len(set(places)) == len(places)

    @settings(max_examples=50, deadline=None)
    @given(
        st.lists(st.sampled_from([record(1), record(2)[:60], header(48, 99, 9), b"LfLe", b"\0"]))
    )
    def test_any_mixture_of_pieces_is_read(self, pieces: list[bytes]) -> None:
        log = b"".join(pieces)
        assert len(events(log)) >= pieces.count(record(1)) - 1

    def test_the_kind_of_buffer_does_not_matter(self, tmp_path: Path) -> None:
        log = plain_log(50)
        path = tmp_path / "log"
        path.write_bytes(log)
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=1) as mapped:
            assert events(mapped) == events(log) == events(memoryview(log))

    @pytest.mark.slow
    def test_libevt_finds_no_more_in_any_damage(self, tmp_path: Path) -> None:
        pyevt: Any = pytest.importorskip("pyevt")
        chance = random.Random(4117)
        path = tmp_path / "AppEvent.Evt"
        for _ in range(400):
            dirty = chance.random() < 0.5
            cut = chance.choice([8, 20, 56, 60, 100])
            log = bytearray(
                chance.choice([plain_log(60, dirty=dirty), wrapped_log(30, 20, cut=cut)])
            )
            for _ in range(chance.randint(0, 4)):
                at, size = chance.randrange(48, len(log)), chance.choice([1, 4, 40, 400])
                log[at : at + size] = chance.randbytes(len(log[at : at + size]))
            path.write_bytes(log[: chance.choice([len(log), chance.randrange(60, len(log))])])
            theirs = pyevt.file()
            theirs.open(str(path))
            count = theirs.number_of_records + theirs.number_of_recovered_records
            theirs.close()
            assert len(events(path.read_bytes())) >= count

    @pytest.mark.slow
    def test_hostile_signatures_take_linear_time(self) -> None:
        assert events(b"LfLe" * 500_000) == []
        assert events(header(0x30, 0x30, 1, dirty=True) + b"LfLe" * 500_000) == []


class TestFiles:
    @pytest.mark.slow
    def test_a_file_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "AppEvent.Evt"
        path.write_bytes(plain_log(30_000))
        found = list(read_evt(as_file(path)))
        assert len(found) == 30_000

    def test_a_file_that_is_not_there_or_empty_is_one_defect(self, tmp_path: Path) -> None:
        (missing,) = read_evt(as_file(tmp_path / "gone.evt"))
        assert missing == Defect(Location("gone.evt"), "No such file or directory")
        (tmp_path / "empty.evt").touch()
        (empty,) = read_evt(as_file(tmp_path / "empty.evt"))
        assert empty == Defect(Location("empty.evt"), "empty file")


@pytest.mark.slow
class TestRealLogs:
    @pytest.mark.parametrize(
        ("name", "walked", "recovered"),
        [("SysEvent.Evt", 6063, 438), ("Application.evt", 67, 0), ("System.evt", 95, 0)],
    )
    def test_every_record_is_found(
        self, samples: Path, name: str, walked: int, recovered: int
    ) -> None:
        found = events((samples / "eventlogs" / name).read_bytes())
        assert [one.retrieval for one in found] == [
            *[Retrieval.WALKED] * walked,
            *[Retrieval.RECOVERED] * recovered,
        ]
        assert all(one.source and one.computer for one in found)

    def test_the_only_defect_is_the_record_torn_at_a_64_kb_boundary(self, samples: Path) -> None:
        assert defects((samples / "eventlogs" / "Application.evt").read_bytes()) == []
        assert defects((samples / "eventlogs" / "System.evt").read_bytes()) == []
        (torn,) = defects((samples / "eventlogs" / "SysEvent.Evt").read_bytes())
        assert torn.location.offset == 0x1DFF10

    def test_fields_are_those_that_libevt_reads(self, samples: Path) -> None:
        pyevt: Any = pytest.importorskip("pyevt")
        path = samples / "eventlogs" / "SysEvent.Evt"
        log = pyevt.file()
        log.open(str(path))
        ours = events(path.read_bytes())[:6063]
        for theirs, event in zip(log.records, ours, strict=True):
            assert event.record == theirs.identifier
            assert event.event_id == theirs.event_identifier & 0xFFFF
            assert event.source == theirs.source_name
            assert event.computer == theirs.computer_name
            assert event.user == (theirs.user_security_identifier or "")
            assert event.strings == tuple(text or "" for text in theirs.strings)
            assert event.time is not None
            assert event.time.timestamp() == theirs.get_creation_time_as_integer()
        log.close()
