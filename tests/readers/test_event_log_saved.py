"""Event logs saved as text by Event Viewer of NT 4.0, 2000 and 2003."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.event import Event, Retrieval
from imctool.model.evidence import Defect
from imctool.readers.event_log_text import parse_event_text, sniff_event_text
from imctool.readers.local_time import DateOrder

FIELDS = ("5/22/97", "12:55:53 PM", "MSExchangeIMC", "Error", "Internal Processing", "4117")
DESCRIPTION = "The message in spool file WXJXSG2D failed to be delivered."


def line(*fields: str, separator: str = "\t") -> str:
    return separator.join(fields)


def read(text: str) -> list[Event]:
    found = list(parse_event_text(text, "app.txt"))
    assert [one for one in found if isinstance(one, Defect)] == []
    return [one for one in found if isinstance(one, Event)]


@pytest.mark.parametrize(("separator", "form"), [("\t", "saved-tab"), (",", "saved-comma")])
def test_nine_fields_make_an_event(separator: str, form: str) -> None:
    text = line(*FIELDS, "N/A", "TRADE", DESCRIPTION, separator=separator) + "\r\n"
    assert sniff_event_text(text) == form
    (event,) = read(text)
    assert event.time == datetime(1997, 5, 22, 12, 55, 53)
    assert (event.source, event.type, event.category) == FIELDS[2:5]
    assert (event.event_id, event.user, event.computer) == (4117, "N/A", "TRADE")
    assert event.message == DESCRIPTION
    assert event.retrieval is Retrieval.TEXT
    assert str(event.spool_name) == "WXJXSG2D"


def test_a_description_keeps_its_breaks_commas_and_tabs() -> None:
    description = 'One, two,\r\n\r\n\tthree, "four", 5/23/97 was a day\r\n5/24/97 too'
    text = line(*FIELDS, "N/A", "TRADE", description, separator=",") + "\r\n"
    first, second = read(text * 2)
    assert first.message == 'One, two,\n\n\tthree, "four", 5/23/97 was a day\n5/24/97 too'
    assert second.location.line == 5


def test_a_quoted_description_loses_its_quotes() -> None:
    (event,) = read(line(*FIELDS, "N/A", "TRADE", '"Said ""no"",\r\nthen went."', separator=","))
    assert event.message == 'Said "no",\nthen went.'


def test_the_missing_message_dll_leaves_the_strings() -> None:
    description = (
        "The description for Event ID ( 4118 ) in Source ( MSExchange IMC ) could not be found. "
        "It contains the following insertion string(s):\r\nM4XD8MB3."
    )
    (event,) = read(line(*FIELDS, "N/A", "TRADE", description))
    assert event.strings == ("M4XD8MB3",)
    assert event.message == description.replace("\r", "")
    assert str(event.spool_name) == "M4XD8MB3"


def test_the_date_order_is_found_over_the_whole_file() -> None:
    rest = ("1:00", *FIELDS[2:], "N/A", "TRADE", "x")
    early, late = read(f"{line('1/12/96', *rest)}\n{line('31/12/96', *rest)}\n")
    assert (early.time, late.time) == (datetime(1996, 12, 1, 1), datetime(1996, 12, 31, 1))
    found = parse_event_text(line("1/12/96", *rest), "x", date_order=DateOrder.DMY)
    assert [one.time for one in found if isinstance(one, Event)] == [datetime(1996, 12, 1, 1)]


def test_damaged_lines_are_defects_and_the_rest_is_read() -> None:
    whole = line(*FIELDS, "N/A", "TRADE", DESCRIPTION)
    lines = [
        "the end of a torn description",
        whole,
        line(*FIELDS[:4]),
        line(*FIELDS[:5], "many", "N/A", "TRADE", "x"),
        line("13/13/97", *FIELDS[1:], "N/A", "TRADE", "x"),
        whole[:40],
    ]
    found = list(parse_event_text("\n".join(lines), "app.txt"))
    defects = [one for one in found if isinstance(one, Defect)]
    assert [defect.location.line for defect in defects] == [1, 3, 4, 5, 6]
    assert [one.time is None for one in found if isinstance(one, Event)] == [False, True]


def test_lines_printed_with_blanks_are_read_where_they_are_sure() -> None:
    text = r"""
   One of the following errors might be found:

   5/22/97 12:55:53 PM  MSExchangeMSMI  Information Routing   2444 N/A
   TRADE
   Message ID <00000C9D> processed from INQUEUE

Error 2:

   31/12/96 19:56:34 MSExchangeMSMI Warning  NDR   2117  N/A EXGAU30003
   Non delivery report generated.

   2/6/98  6:33:11  DrWatson  Information  None  4097  N/A
   The application generated an application error.

   7/31/97 4:15:31 PM MSExchangeIS Private Error Transport General 9221 NT AUTHORITY\SYSTEM EX1 A
   sockets error.
"""
    assert sniff_event_text(text) == "saved-blanks"
    found = [one for one in parse_event_text(text, "x") if isinstance(one, Event)]
    assert [
        (one.source, one.type, one.category, one.event_id, one.user, one.computer, one.message)
        for one in found
    ] == [
        (
            "MSExchangeMSMI",
            "Information",
            "Routing",
            2444,
            "N/A",
            "TRADE",
            "Message ID <00000C9D> processed from INQUEUE",
        ),
        (
            "MSExchangeMSMI",
            "Warning",
            "NDR",
            2117,
            "N/A",
            "EXGAU30003",
            "Non delivery report generated.",
        ),
        (
            "DrWatson",
            "Information",
            "None",
            4097,
            "N/A",
            "",
            "The application generated an application error.",
        ),
        (
            "MSExchangeIS Private",
            "Error",
            "Transport General",
            9221,
            "NT AUTHORITY\\SYSTEM",
            "EX1",
            "A\nsockets error.",
        ),
    ]


def test_an_endless_description_is_cut_and_said_so() -> None:
    text = line(*FIELDS, "N/A", "TRADE", "x") + "\n" + "filler line\n" * 10_000
    found = list(parse_event_text(text + line(*FIELDS, "N/A", "TRADE", "y"), "x"))
    assert [type(one) for one in found] == [Event, Defect, Event]
    assert isinstance(found[0], Event)
    assert found[0].message is not None
    assert 60_000 < len(found[0].message) < 70_000


plain = st.text(alphabet="abcdeXYZ0189.-()", min_size=1, max_size=12)
paragraphs = st.lists(
    st.text(alphabet='abc ,"\t:/0189', max_size=30).map(lambda text: f"x{text.rstrip()}"),
    min_size=1,
    max_size=4,
)


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(1996, 1, 1), datetime(2005, 1, 1)),
            plain,
            st.sampled_from(["Error", "Warning", "Information", "Success Audit"]),
            plain,
            st.integers(0, 65535),
            st.sampled_from(["N/A", "NT AUTHORITY\\SYSTEM", "DOM\\user"]),
            paragraphs,
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["\t", ","]),
)
@settings(max_examples=60, deadline=None)
def test_saved_events_read_back(
    wanted: list[tuple[datetime, str, str, str, int, str, list[str]]], separator: str
) -> None:
    text = "".join(
        line(
            f"{time:%m/%d/%Y}",
            f"{time:%I:%M:%S %p}",
            source,
            kind,
            category,
            str(event_id),
            user,
            "SRV",
            "\r\n".join(description) + "\r\n",
            separator=separator,
        )
        for time, source, kind, category, event_id, user, description in wanted
    )
    found = [
        (one.time, one.source, one.type, one.category, one.event_id, one.user, one.message)
        for one in parse_event_text(text, "x", date_order=DateOrder.MDY)
        if isinstance(one, Event)
    ]
    assert found == [
        (time.replace(microsecond=0), *fields, "\n".join(description))
        for time, *fields, description in wanted
    ]


def test_a_log_that_was_quoted_throughout_is_read_too() -> None:
    text = (
        '"5/16/2000","9:12:36 AM","MSExchangeIMC","Error","None","4117","N/A","S","spool, ""x"""\n'
        '"5/17/2000","9:12:36 AM","MSExchangeIMC","Error","None","4118","N/A","S","next"\n'
    )
    events = list(parse_event_text(text, "t"))
    assert [(one.event_id, one.message) for one in events] == [  # type: ignore[union-attr]
        (4117, 'spool, "x"'),
        (4118, "next"),
    ]
