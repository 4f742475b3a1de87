"""Which form a text has, and what holds for all of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.event import Event
from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind
from imctool.readers.event_log_description import insertion_strings
from imctool.readers.event_log_text import (
    parse_event_text,
    read_event_text,
    sniff_event_text,
)
from imctool.readers.local_time import DateOrder

SAVED = "31/12/96\t19:56:34\tMSExchangeIMC\tError\tInternal Processing\t4117\tN/A\tSRV\tFailed.\r\n"


def evidence(path: Path) -> EvidenceFile:
    return EvidenceFile(path, path.name, 0, InputKind.EVENT_LOG, Form.EVENT_TEXT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n\n",
        "5/13/00 2:36:27 PM : A connection was accepted\r\n5/13/00 2:36:27 PM : <<< EHLO x\r\n",
        "c=US;a= ;p=X;l=S-970101\t1000\t1997.1.1 1:2:3\t\tIMC\t\t/o=x\t0\t1\t0\t0\t\t1\n",
        "Received: from a by b with SMTP (Internet Mail Service)\nDate: 5 May 1999\n\nx",
        'REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM]\n"Source"="x"\n',
        "The event ID is 4117, its source MSExchangeIMC.\nDate: today\nType: none\n",
        "1/1/00,1:00:00,one,two,three,4,five,six,seven\n",
        "1/1/00\t1:00:00\t1\t2\t3\tone\ttwo\tthree\n",
        "id,date,text\n1,2000-01-01,x\n",
        "<html><Event>no log</Event></html>",
        "Event ID: 4117\0Source: MSExchangeIMC\n",
        "Date: 1/1/00\nTime: 1:00\nUser: a\nComputer: b\n",
    ],
)
def test_other_texts_are_not_claimed(text: str) -> None:
    assert sniff_event_text(text) is None


@pytest.mark.parametrize(
    ("message", "strings"),
    [
        ("It failed: a, b.", ()),
        (
            "The description for Event ID ( 4118 ) in Source ( MSExchange IMC ) could not\n"
            "be found. It contains the following insertion string(s): M4XD8MB3",
            ("M4XD8MB3",),
        ),
        (
            "The description for Event ID ( 9011 ) in Source ( Nbf ) could not be found.\n"
            "It contains the following insertion string(s):\n"
            "\\Device\\Nbf_AMDPCN1, Nbf, FRMR.\n\nx",
            ("\\Device\\Nbf_AMDPCN1", "Nbf", "FRMR"),
        ),
        (
            "The description for Event ID ( 1 ) in Source ( x ) cannot be found. The local "
            "computer may not have the necessary registry information. The following information "
            "is part of the event: a,b; c d.",
            ("a,b", "c d"),
        ),
        (
            "The description for Event ID '1' in Source 'x' cannot be found.  The following "
            "information is part of the event:'a, b', 'c'",
            ("a, b", "c"),
        ),
        (
            "The description for Event ID 4117 from source MSExchangeIMC cannot be found.\n\nThe "
            "following information was included with the event: \n\nWXJXSG2D\na, b\n\nThe message "
            "resource is present",
            ("WXJXSG2D", "a, b"),
        ),
        ("The description for Event ID 1 from source x cannot be found.", ()),
        (
            "The description for Event ID ( 1 ) in Source ( x ) could not be found. It contains "
            "the following insertion string(s): .",
            (),
        ),
    ],
)
def test_strings_of_events_whose_message_dll_is_missing(
    message: str, strings: tuple[str, ...]
) -> None:
    assert insertion_strings(message) == strings


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16"])
def test_a_file_is_read_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "app.txt"
    path.write_bytes(SAVED.replace("Failed", "Gr\u00f6\u00dfe").encode(encoding))
    (event,) = read_event_text(evidence(path))
    assert isinstance(event, Event)
    assert (event.message, event.time) == ("Gr\u00f6\u00dfe.", datetime(1996, 12, 31, 19, 56, 34))
    assert event.location.path == "app.txt"


def test_an_undecided_order_is_that_of_the_us_english_server(tmp_path: Path) -> None:
    path = tmp_path / "app.txt"
    path.write_text(SAVED.replace("31/12", "1/2"))
    (event,) = read_event_text(evidence(path))
    assert isinstance(event, Event)
    assert event.time == datetime(1996, 1, 2, 19, 56, 34)


def test_what_cannot_be_read_is_one_defect(tmp_path: Path) -> None:
    (missing,) = read_event_text(evidence(tmp_path / "none.txt"))
    assert isinstance(missing, Defect)
    assert missing.reason == "No such file or directory"
    (tmp_path / "prose.txt").write_text("Dear all,\n")
    (unknown,) = read_event_text(evidence(tmp_path / "prose.txt"))
    assert isinstance(unknown, Defect)


def test_a_long_log_begins_at_once_and_keeps_its_order(tmp_path: Path) -> None:
    path = tmp_path / "app.txt"
    path.write_text("".join(SAVED.replace("Failed", str(n)) for n in range(2000)))
    found = read_event_text(evidence(path), date_order=DateOrder.DMY)
    assert [one.message for one in found if isinstance(one, Event)][::500] == [
        "0.",
        "500.",
        "1000.",
        "1500.",
    ]


SEEDS = (
    SAVED,
    SAVED.replace("\t", ","),
    "31.12.96 19:56:34 IMC Error None 4117 N/A SRV x\n",
    "1/11/00\t3:17 PM\t1\t5\t4118\tIMC\tN/A\tSRV\tx\n",
    "1/11/00 3:17 PM 1 5 4118 IMC N/A SRV x\n",
    "[5] IMC\n   Type:     ERROR\n   Time:     1/1/00 1:00:00   ID:       5\n",
    "5,App,IMC,ERROR,SRV,1/1/00 1:00:00,5,None,x\n",
    'Level,Date and Time,Source,Event ID,Task Category\nError,1/1/00 1:00,IMC,5,(5),"x\n',
    "Event[0]:\n  Source: IMC\n  Date: 2000-01-01T00:00:00\n  Event ID: 5\n",
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
    "<Provider Name='x'/><EventID>5</EventID><TimeCreated SystemTime='2000-01-11T15:17:57Z'/>"
    "<EventRecordID>5</EventRecordID></System></Event>",
    "Event ID: 5\nSource: IMC\nDescription:\nData:\n0000: 00 .\n",
)


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_without_error(text: str) -> None:
    assert all(isinstance(one, Event | Defect) for one in parse_event_text(text, "x"))


@given(st.sampled_from(SEEDS), st.integers(0, 150), st.text(max_size=12), st.sampled_from(SEEDS))
@settings(max_examples=100, deadline=None)
def test_damaged_events_are_read_without_error(
    seed: str, position: int, garbage: str, tail: str
) -> None:
    text = seed + seed[:position] + garbage + seed[position:] + tail
    assert all(isinstance(one, Event | Defect) for one in parse_event_text(text, "x"))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_text_cut_anywhere_loses_at_most_the_torn_event(seed: str) -> None:
    whole = seed * 3
    known = [one for one in parse_event_text(whole, "x") if isinstance(one, Event)]
    for cut in range(len(seed), len(whole), 7):
        found = [one for one in parse_event_text(whole[:cut], "x") if isinstance(one, Event)]
        complete = cut // len(seed)
        assert found[: complete - 1] == known[: complete - 1]
        assert len(found) >= complete - 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        " " * 30_000,
        "1/1/00 1:00 " + "a " * 15_000,
        "1/1/00 1:00 " + " " * 30_000 + "x",
        "1/1/00\t" * 6_000,
        "Source: " + " " * 30_000 + "x",
        "Event ID: 5\nSource: x" + " " * 30_000 + "y\n" * 15_000,
        "Source: x\n" * 6_000,
        "Event[0]:\n" * 6_000,
        '"' * 30_000,
        "<System" * 6_000,
        "[1] a\n" * 6_000,
        "0000: " * 6_000,
    ],
)
def test_hostile_texts_take_linear_time(line: str) -> None:
    started = perf_counter()
    for seed in SEEDS[::2]:
        assert all(isinstance(one, Event | Defect) for one in parse_event_text(seed + line, "x"))
    assert perf_counter() - started < 20, "60 KB a text: a second is much"
