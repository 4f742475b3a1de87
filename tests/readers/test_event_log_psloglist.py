"""The output of PsLogList."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.event import Event
from imctool.model.evidence import Defect
from imctool.readers.event_log_text import parse_event_text, sniff_event_text

BLOCKS = r"""
PsLoglist v2.81 - local and remote event log viewer

Application log on \\BACON610:
[513] MSExchangeIMC
   Type:     ERROR
   Computer: BACON610
   Time:     1/11/2000 3:17:57 PM   ID:       4120
   User:     NT AUTHORITY\SYSTEM
Message text not available.  Insertion strings:
	host one M4XD8MB3

[512] MSExchangeIS Private
   Type:     WARNING
   Computer: BACON610
   Time:     1/11/2000 3:17:50 PM   ID:       1025
An error occurred.

[IMAIL] It has a second paragraph.
Data:
   0000: 9A 01 02 00 0E 00 07 80   ........
"""


def read(text: str) -> list[Event]:
    found = list(parse_event_text(text, "ps.txt"))
    assert [one for one in found if isinstance(one, Defect)] == []
    return [one for one in found if isinstance(one, Event)]


def test_blocks_give_record_log_and_strings() -> None:
    assert sniff_event_text(BLOCKS) == "psloglist"
    first, second = read(BLOCKS)
    assert (first.record, first.log, first.source) == (513, "Application", "MSExchangeIMC")
    assert (first.event_id, first.type, first.user) == (4120, "ERROR", "NT AUTHORITY\\SYSTEM")
    assert first.time == datetime(2000, 1, 11, 15, 17, 57)
    assert (first.message, first.strings) == (None, ("host", "one", "M4XD8MB3"))
    assert str(first.spool_name) == "M4XD8MB3"
    assert first.location.line == 5
    assert (second.source, second.user) == ("MSExchangeIS Private", "")
    assert second.message == "An error occurred.\n\n[IMAIL] It has a second paragraph."
    assert second.data == bytes.fromhex("9a0102000e000780")


@pytest.mark.parametrize(
    ("delimiter", "form"),
    [
        (",", "psloglist-comma"),
        ("\t", "psloglist-tab"),
        (";", "psloglist-semicolon"),
        ("|", "psloglist-bar"),
    ],
)
def test_delimited_lines(delimiter: str, form: str) -> None:
    fields = ["513", "Application", "MSExchangeIMC", "ERROR", "BACON610", "1/11/2000 3:17:57 PM"]
    text = delimiter.join([*fields, "4117", "None", "In spool file WXJXSG2D, it failed. \n"])
    assert sniff_event_text(text) == form
    first, second = read(text * 2)
    assert (first.record, first.log, first.source, first.event_id) == (
        513,
        "Application",
        "MSExchangeIMC",
        4117,
    )
    assert (first.user, first.computer) == ("None", "BACON610")
    assert first.message == "In spool file WXJXSG2D, it failed."
    assert second.time == datetime(2000, 1, 11, 15, 17, 57)


def test_a_block_without_its_time_is_a_defect() -> None:
    torn = BLOCKS[: BLOCKS.index("   Time:")] + "\n" + BLOCKS[BLOCKS.index("[512]") :]
    assert [type(one) for one in parse_event_text(torn, "ps")] == [Defect, Event]


@given(st.integers(0, len(BLOCKS)), st.integers(0, len(BLOCKS)))
@settings(max_examples=60, deadline=None)
def test_a_piece_of_the_output_is_read_without_error(start: int, end: int) -> None:
    piece = BLOCKS[start:end]
    if sniff_event_text(piece):
        assert len(list(parse_event_text(piece, "ps"))) <= 3


@given(
    st.lists(
        st.tuples(
            st.integers(1, 10**9),
            st.integers(0, 65535),
            st.datetimes(datetime(1996, 1, 1), datetime(2005, 1, 1)),
            st.lists(st.text(alphabet="abc.,", min_size=1), min_size=1, max_size=3),
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=50, deadline=None)
def test_blocks_read_back(wanted: list[tuple[int, int, datetime, list[str]]]) -> None:
    text = "Application log on \\\\SRV:\n" + "".join(
        f"[{record}] IMC\n   Type:     ERROR \n   Computer: SRV\n"
        f"   Time:     {time:%Y-%m-%d %H:%M:%S}   ID:       {event_id} \n"
        + "\n".join(lines)
        + "\n\n"
        for record, event_id, time, lines in wanted
    )
    assert [(one.record, one.event_id, one.time, one.message) for one in read(text)] == [
        (record, event_id, time.replace(microsecond=0), "\n".join(lines))
        for record, event_id, time, lines in wanted
    ]
