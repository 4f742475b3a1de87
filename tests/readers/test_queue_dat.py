"""Spool names in Queue.dat, whose layout nobody has published."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind, Location
from imctool.model.queue_entry import QueueEntry
from imctool.model.spool_name import SpoolName
from imctool.readers import queue_dat
from imctool.readers.queue_dat import read_queue_dat


def queue_file(folder: Path, data: bytes) -> EvidenceFile:
    """Return a Queue.dat that holds ``data``."""
    path = folder / "Queue.dat"
    path.write_bytes(data)
    return EvidenceFile(path, "Queue.dat", len(data), InputKind.QUEUE_DAT, Form.QUEUE_DAT)


def named(folder: Path, data: bytes) -> list[tuple[int | None, str]]:
    """Return offset and name of what is found in ``data``, all of it entries."""
    found = list(read_queue_dat(queue_file(folder, data)))
    assert all(isinstance(one, QueueEntry) for one in found)
    return [(one.location.offset, str(one.spool_name)) for one in found]  # type: ignore[union-attr]


def test_a_name_is_found_wherever_it_stands_in_binary(tmp_path: Path) -> None:
    data = b"\x01\0\0\0\xff\xfe\x10PBF3S5YB\0\0\0\x7f" + b"D:\\imcdata\\out\\WKA6D6YM\0"
    assert named(tmp_path, data) == [(7, "PBF3S5YB"), (34, "WKA6D6YM")]


def test_a_name_in_utf_16_is_found_too(tmp_path: Path) -> None:
    data = b"\x10\0" + "TG45CLP6".encode("utf-16-le") + b"\0\0" + b"\x07" * 3
    data += "in\\WXJXSG2D".encode("utf-16-le")
    assert named(tmp_path, data) == [(2, "TG45CLP6"), (29, "WXJXSG2D")]


def test_a_name_may_fill_the_whole_file(tmp_path: Path) -> None:
    assert named(tmp_path, b"PBF3S5YB") == [(0, "PBF3S5YB")]
    assert named(tmp_path, "PBF3S5YB".encode("utf-16-le")) == [(0, "PBF3S5YB")]


def test_a_name_that_stands_twice_is_told_twice(tmp_path: Path) -> None:
    assert named(tmp_path, b"PBF3S5YB\0PBF3S5YB") == [(0, "PBF3S5YB"), (9, "PBF3S5YB")]


@pytest.mark.parametrize(
    "data",
    [
        b"APBF3S5Y\0",  # no real name begins with A, B or a digit from 5 on
        b"9BF3S5YB\0",
        b"PBF3S5YBX\0",  # nine symbols
        b"xPBF3S5YB\0",
        b"PBF3S5YBx\0",
        b"pbf3s5yb\0",
        b"PBE3S5YB\0",  # E is no symbol
        b"PBF3S5Y\0",
        b"MXCNTRYZ.example.com\0",  # host names and addresses
        b"mail.MXCNTRYZ\0",
        b"mail-MXCNTRYZ\0",
        b"PBF3S5YB@example.com\0",
        b"joe@WKA6D6YM\0",
        b"WKA6D6YM_2\0",
        b"P\0BF3S5YB\0",
    ],
)
def test_what_is_no_name_or_part_of_a_longer_word_is_left_alone(
    tmp_path: Path, data: bytes
) -> None:
    assert named(tmp_path, b"\0\0" + data + b"\0\0") == []
    wide = data.decode("ascii").rstrip("\0").encode("utf-16-le")
    assert named(tmp_path, b"\0\0" + wide + b"\0\0") == []


def test_a_sign_that_links_to_nothing_does_not_hide_a_name(tmp_path: Path) -> None:
    assert named(tmp_path, b"\0.PBF3S5YB@\0") == [(2, "PBF3S5YB")]


def test_a_word_in_capitals_can_look_like_a_name(tmp_path: Path) -> None:
    assert named(tmp_path, b"\0SPRYNTHS\0") == [(1, "SPRYNTHS")]


@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le"])
def test_a_name_across_the_edge_of_a_block_is_found_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    name = "PBF3S5YB".encode(encoding)
    monkeypatch.setattr(queue_dat, "BLOCK", 64)
    for before in range(20, 140):
        data = b"\x01" * before + name + b"\x01" * 100
        assert named(tmp_path, data) == [(before, "PBF3S5YB")]


@pytest.mark.slow
@pytest.mark.parametrize("block", [1, 7, 64])
def test_a_longer_word_across_the_edge_of_a_block_is_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(queue_dat, "BLOCK", block)
    for before in range(20, 100):
        for word in (b"PBF3S5YBX", b"XPBF3S5YB", b"PBF3S5YB.com", b"joe@PBF3S5YB"):
            assert named(tmp_path, b"\0" * before + word + b"\0" * 50) == []


def test_an_endless_run_of_symbols_holds_no_name_and_costs_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_dat, "BLOCK", 1000)
    assert named(tmp_path, b"C" * 100_000) == []


def test_a_queue_of_too_many_names_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_dat, "MOST_ENTRIES", 3)
    found = list(read_queue_dat(queue_file(tmp_path, b"PBF3S5YB\0" * 5)))
    assert [isinstance(one, QueueEntry) for one in found] == [True, True, True, False]
    assert found[3] == Defect(
        Location("Queue.dat", offset=27), "more than 3 spool names: the rest is not read"
    )
    assert len(list(read_queue_dat(queue_file(tmp_path, b"PBF3S5YB\0" * 3)))) == 3


def test_a_file_that_is_not_there_is_one_defect(tmp_path: Path) -> None:
    file = EvidenceFile(tmp_path / "q", "q", 0, InputKind.QUEUE_DAT, Form.QUEUE_DAT)
    assert list(read_queue_dat(file)) == [Defect(Location("q"), "No such file or directory")]


def test_random_bytes_hold_next_to_no_names() -> None:
    noise = random.Random(5).randbytes(8 << 20)
    assert len(list(queue_dat._names(io.BytesIO(noise)))) <= 5


PIECES = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([b"PBF3S5YB", b".", b"@", b"\0", b"x", b"TG45CLP6"]),
    st.sampled_from(["PBF3S5YB", "TG45CLP6", ".", "x"]).map(lambda text: text.encode("utf-16-le")),
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=30).map(b"".join), st.integers(1, 70))
def test_the_size_of_a_block_changes_nothing(data: bytes, block: int) -> None:
    whole = list(queue_dat._names(io.BytesIO(data)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue_dat, "BLOCK", block)
        assert list(queue_dat._names(io.BytesIO(data))) == whole
    for offset, name in whole:
        spelt = str(name).encode()
        wide = str(name).encode("utf-16-le")
        assert data[offset:].startswith((spelt, wide))
        assert 2 <= name.value >> 35 <= 25
    offsets = [offset for offset, _ in whole]
    assert offsets == sorted(set(offsets))


def test_every_name_that_the_counter_can_have_begins_with_one_of_24_symbols() -> None:
    symbols = {str(SpoolName(index << 35))[0] for index in range(2, 26)}
    assert symbols == set("1234CDFGHJKLMNPQRSTVWXYZ")
