"""Events as blocks of labelled lines: clipboard, articles, wevtutil."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.event import Event
from imctool.model.evidence import Defect
from imctool.readers.event_log_text import parse_event_text, sniff_event_text

CLIPBOARD = """\
Event Type:\tError
Event Source:\tMSExchangeIMC
Event Category:\tInternal Processing\x20
Event ID:\t4120
Date:\t\t1/11/2000
Time:\t\t3:17:57 PM
User:\t\tN/A
Computer:\tBACON610
Description:
In the process of creating a notification an error occurred.

The sender is not informed.\x20
Data:
0000: 9a 01 02 00 0e 00 07 80   \x9a.......
0008: 54 47 34 35 43 4c 50 36   TG45CLP6
0010: 00                        .
"""

ARTICLE = """\
events may be logged in the event viewer:

   Event ID: 12006
   Source: MSExchangeIS
   Type: error
   Category: content engine
   Description: Error 80040C05-F20000E9 occurred while processing message
   <> from 'Test User'. The archive filename is 'NQ1NQYQK'.

   Event ID 4117
   Source MSEechangeIMC
   Type error

   Description: The message in spool file NQ1NQYQK failed
   to be delivered.

CAUSE
=====
Source: none of this is an event.
"""


def events(text: str) -> list[Event]:
    found = list(parse_event_text(text, "paste.txt"))
    assert not [one for one in found if isinstance(one, Defect)]
    return [one for one in found if isinstance(one, Event)]


def test_a_block_from_the_clipboard_gives_every_field() -> None:
    (event,) = events(CLIPBOARD)
    assert event.location.line == 1
    assert event.time == datetime(2000, 1, 11, 15, 17, 57)
    assert (event.source, event.event_id, event.type) == ("MSExchangeIMC", 4120, "Error")
    assert (event.category, event.user, event.computer) == (
        "Internal Processing",
        "N/A",
        "BACON610",
    )
    assert event.message == (
        "In the process of creating a notification an error occurred.\n\n"
        "The sender is not informed."
    )
    assert event.decoded.location_code == 0x0002019A
    assert event.decoded.hresult == 0x8007000E
    assert str(event.spool_name) == "TG45CLP6"


def test_many_blocks_follow_one_another_without_a_blank_line() -> None:
    found = events(CLIPBOARD * 3)
    assert [event.location.line for event in found] == [1, 17, 33]
    assert len({(event.message, event.data) for event in found}) == 1


def test_the_labels_may_stand_in_any_order() -> None:
    lines = CLIPBOARD.split("\n")
    for seed in range(20):
        head = lines[:8]
        random.Random(seed).shuffle(head)
        (event,) = events("\n".join([*head, *lines[8:]]))
        assert (event.event_id, event.computer, event.time) == (
            4120,
            "BACON610",
            datetime(2000, 1, 11, 15, 17, 57),
        )


def test_blocks_of_an_article_end_with_their_indentation() -> None:
    store, connector = events(ARTICLE)
    assert (store.event_id, store.source, store.type) == (12006, "MSExchangeIS", "error")
    assert store.message is not None
    assert store.message.endswith("The archive filename is 'NQ1NQYQK'.")
    assert (connector.event_id, connector.source) == (4117, "MSEechangeIMC")
    assert connector.message == ("The message in spool file NQ1NQYQK failed\nto be delivered.")
    assert {str(event.spool_name) for event in (store, connector)} == {"NQ1NQYQK"}
    assert store.time is None


def test_a_description_needs_no_label() -> None:
    text = """\
   Event ID: 3039
   Source: MSExchangeIMC
   The error 0x80040115 was encountered. The service will be shut down. Data (Words) 0000: 00140667
   80040115
"""
    (event,) = events(text)
    assert event.message == ("The error 0x80040115 was encountered. The service will be shut down.")
    assert event.decoded.hresult == 0x80040115


def test_an_event_on_one_line_is_read_where_its_category_is_known() -> None:
    text = """\
   Event ID 4192      MSExchangeIMC        Message Transfer
   Delivery was aborted. The message that caused
   this was PBF3S5YB.
"""
    (event,) = events(text)
    assert (event.event_id, event.source, event.category) == (
        4192,
        "MSExchangeIMC",
        "Message Transfer",
    )
    assert str(event.spool_name) == "PBF3S5YB"


def test_text_that_looks_like_labels_stays_in_the_description() -> None:
    text = (
        "Event ID: 4098\nSource: MSExchangeIMC\nDescription:\nNot delivered.\n"
        "From: <a@b.c>\nSource: unknown\nDate: 5/5/00\nUser: nobody\n"
    )
    first, second = events(text + CLIPBOARD)
    assert first.message == (
        "Not delivered.\nFrom: <a@b.c>\nSource: unknown\nDate: 5/5/00\nUser: nobody"
    )
    assert (second.user, second.source) == ("N/A", "MSExchangeIMC")


def test_the_block_of_vista_and_later_takes_what_its_xml_adds() -> None:
    text = """\
Log Name:      Application
Source:        MSExchangeIMC
Date:          11.01.2000 16:17:57
Event ID:      4120
Task Category: (5)
Level:         Error
Keywords:      Classic
User:          N/A
Computer:      BACON610
Description:
The description for Event ID 4120 from source MSExchangeIMC cannot be found. Either the component
that raises this event is not installed or the installation is corrupted.

The following information was included with the event:\x20

M4XD8MB3

The message resource is present but the message was not found in the message table

"""
    (event,) = events(text)
    assert (event.log, event.type, event.category) == ("Application", "Error", "(5)")
    assert event.strings == ("M4XD8MB3",)
    assert str(event.spool_name) == "M4XD8MB3"
    assert event.time == datetime(2000, 1, 11, 16, 17, 57)
    xml = (
        "Event Xml:\n"
        '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>\n'
        '<Provider Name="MSExchangeIMC" /><EventID Qualifiers="49156">4120</EventID>\n'
        '<TimeCreated SystemTime="2000-01-11T15:17:57.000Z" />'
        "<EventRecordID>77</EventRecordID></System>\n"
        "<EventData><Data>M4XD8MB3</Data><Binary>9A0102000E000780</Binary></EventData></Event>\n"
    )
    (event,) = events(text + xml)
    assert event.record == 77
    assert event.time == datetime(2000, 1, 11, 15, 17, 57, tzinfo=UTC)
    assert event.data == bytes.fromhex("9a0102000e000780")
    assert event.message is not None
    assert "Event Xml" not in event.message


def wevtutil(number: int, event_id: int, date: str, description: str) -> str:
    return (
        f"Event[{number}]:\n  Log Name: Application\n  Source: MSExchangeIMC\n  Date: {date}\n"
        f"  Event ID: {event_id}\n  Task: Internal Processing\n  Level: Error\n  Opcode: N/A\n"
        "  Keyword: Classic\n  User: S-1-5-18\n  User Name: NT AUTHORITY\\SYSTEM\n"
        f"  Computer: BACON610\n  Description: \n{description}\n\n"
    )


def test_wevtutil_text_gives_iso_times_with_or_without_zone() -> None:
    text = wevtutil(0, 4120, "2000-01-11T15:17:57.000", "A text.\nOf two lines.")
    text += wevtutil(1, 4117, "2000-01-11T15:17:58.5000000Z", "Another.").replace("]:", "]")
    first, second = events(text)
    assert first.time == datetime(2000, 1, 11, 15, 17, 57)
    assert second.time == datetime(2000, 1, 11, 15, 17, 58, 500000, tzinfo=UTC)
    assert (first.message, second.message) == ("A text.\nOf two lines.", "Another.")
    assert (first.user, first.log) == ("NT AUTHORITY\\SYSTEM", "Application")
    assert (first.location.line, second.location.line) == (1, 17)


def test_a_torn_block_costs_itself_only() -> None:
    text = wevtutil(0, 4120, "2000-01-11T15:17:57", "One.") + "Event[1]:\n  Log Name: Appl"
    found = list(parse_event_text(text, "w.txt"))
    assert [type(one) for one in found] == [Event, Defect]
    torn = CLIPBOARD[: CLIPBOARD.index("Event ID")] + "\n" + CLIPBOARD
    kinds = [type(one) for one in parse_event_text(torn, "c.txt")]
    assert kinds == [Defect, Event]


@pytest.mark.parametrize("article", ["Q272672.TXT", "Q246051.TXT", "Q278320.TXT", "Q254893.TXT"])
def test_whole_articles_give_their_events(samples: Path, article: str) -> None:
    path = samples.parent / "kb" / article
    if not path.is_file():
        pytest.skip("no articles beside the samples")
    found = events(path.read_text("cp1252"))
    assert found
    assert all(event.is_connector for event in found)
    assert any(event.data for event in found) or article == "Q254893.TXT"


words = st.text(alphabet="abcdefg ,\t'<>0123", min_size=1, max_size=30).map(str.strip)
descriptions = st.lists(words.map(lambda text: f"x{text}"), min_size=1, max_size=4)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 65535),
            st.datetimes(datetime(1996, 1, 1), datetime(2005, 1, 1)),
            descriptions,
            st.binary(max_size=20),
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=50, deadline=None)
def test_blocks_read_back(
    wanted: list[tuple[int, datetime, list[str], bytes]],
) -> None:
    text = ""
    for event_id, time, description, data in wanted:
        text += (
            f"Event Type:\tWarning\nEvent Source:\tMSExchangeIS Private\n"
            f"Event Category:\tGeneral \nEvent ID:\t{event_id}\n"
            f"Date:\t\t{time:%Y-%m-%d}\nTime:\t\t{time:%H:%M:%S}\n"
            f"User:\t\tN/A\nComputer:\tSRV\nDescription:\n" + "\n".join(description) + "\n"
        )
        if data:
            rows = [data[at : at + 8].hex(" ") for at in range(0, len(data), 8)]
            text += "Data:\n" + "".join(f"{8 * n:04x}: {row}\n" for n, row in enumerate(rows))
        text += "\n"
    found = [(event.event_id, event.time, event.message, event.data) for event in events(text)]
    assert found == [
        (event_id, time.replace(microsecond=0), "\n".join(description), data)
        for event_id, time, description, data in wanted
    ]


@given(
    st.lists(
        st.sampled_from([*CLIPBOARD.split("\n"), *ARTICLE.split("\n"), "Event[0]:", "Event Xml:"]),
        max_size=30,
    )
)
@settings(max_examples=60, deadline=None)
def test_shuffled_lines_are_read_without_error(lines: list[str]) -> None:
    text = "\n".join(lines)
    if sniff_event_text(text):
        assert all(isinstance(one, Event | Defect) for one in parse_event_text(text, "x"))
