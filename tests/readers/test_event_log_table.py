"""Event logs as tables with column names."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.event import Event
from imctool.model.evidence import Defect
from imctool.readers.event_log_text import parse_event_text, sniff_event_text


def read(text: str) -> list[Event]:
    found = list(parse_event_text(text, "t.csv"))
    assert [one for one in found if isinstance(one, Defect)] == []
    return [one for one in found if isinstance(one, Event)]


@pytest.mark.parametrize("separator", ["\t", ","])
def test_an_mmc_export_list_has_no_description(separator: str) -> None:
    text = (
        "Type\tDate\tTime\tSource\tCategory\tEvent\tUser\tComputer\r\n"
        "Error\t1/11/2000\t3:17:57 PM\tMSExchangeIMC\tInternal Processing\t4120\tN/A\tBACON610\r\n"
        "Warning\t1/13/2000\t3:17:58 PM\tMSExchangeIS\tNone\t1025\tN/A\tBACON610\r\n"
    ).replace("\t", separator)
    assert sniff_event_text(text) == "table"
    first, second = read(text)
    assert (first.source, first.type, first.event_id) == ("MSExchangeIMC", "Error", 4120)
    assert (first.category, first.user, first.computer) == (
        "Internal Processing",
        "N/A",
        "BACON610",
    )
    assert (first.time, first.message) == (datetime(2000, 1, 11, 15, 17, 57), None)
    assert (second.category, second.location.line) == ("None", 3)


def test_event_viewer_csv_puts_the_description_behind_the_last_name() -> None:
    text = (
        "\ufeffLevel,Date and Time,Source,Event ID,Task Category\r\n"
        'Error,1/13/2000 3:17:57 PM,MSExchangeIMC,4117,(5),"One, ""two"",\r\n\r\nthree"\r\n'
        "Information,1/11/2000 3:17:57 PM,MSExchangeIMC,1001,None,Stopped.\r\n"
    ).removeprefix("\ufeff")
    first, second = read(text)
    assert first.message == 'One, "two",\n\nthree'
    assert (first.type, first.category, first.event_id) == ("Error", "(5)", 4117)
    assert (second.time, second.message) == (datetime(2000, 1, 11, 15, 17, 57), "Stopped.")
    assert second.location.line == 5


def test_log_parser_gives_strings_data_and_record() -> None:
    text = (
        "EventLog,RecordNumber,TimeGenerated,TimeWritten,EventID,EventType,EventTypeName,"
        "EventCategory,EventCategoryName,SourceName,Strings,ComputerName,SID,Message,Data\r\n"
        "Application,77,2000-01-11 15:17:57,2000-01-11 15:17:57,4120,1,Error event,5,"
        'Internal Processing,MSExchangeIMC,a|M4XD8MB3,BACON610,,"It failed, alas.",'
        "9A0102000E0007805447343543 4C503600\r\n".replace("3543 4C", "35434C")
    )
    (event,) = read(text)
    assert (event.log, event.record, event.type) == ("Application", 77, "Error event")
    assert (event.category, event.strings) == ("Internal Processing", ("a", "M4XD8MB3"))
    assert event.message == "It failed, alas."
    assert str(event.spool_name) == "TG45CLP6"
    assert event.time == datetime(2000, 1, 11, 15, 17, 57)


def test_a_full_event_code_loses_severity_and_facility() -> None:
    text = (
        "EventLog,TimeGenerated,EventID,EventType,SourceName\nA,2000-01-11T15:17:57Z,3221229592,1,X"
    )
    (event,) = read(text)
    assert event.event_id == 3221229592 & 0xFFFF
    assert event.time == datetime(2000, 1, 11, 15, 17, 57, tzinfo=UTC)


def test_torn_and_damaged_rows_are_defects() -> None:
    text = (
        "Level,Date and Time,Source,Event ID,Task Category\n"
        "of a torn row\n"
        'Error,1/11/2000 3:17:57 PM,MSExchangeIMC,4117,(5),"never closed\n'
        "Error,1/11/2000 3:17:58 PM,MSExchangeIMC,4117,(5),closed\n"
        "below the row\n"
        "Error,1/11/2000 3:17:59 PM,MSExch"
    )
    found = list(parse_event_text(text, "t"))
    assert [type(one) for one in found] == [Defect, Event, Event, Defect, Defect]
    assert [one.location.line for one in found] == [2, 3, 4, 4, 6]


def test_an_ordinary_table_is_not_an_event_log() -> None:
    assert sniff_event_text("Date,Time,Source,Amount\n1/1/00,1:00,shop,5\n") is None
    assert sniff_event_text("Event,Date,Place\n1,1/1/00,x\n") is None


fields = st.text(alphabet="abc ,\"'|0189\n", min_size=0, max_size=20).map(lambda text: f"x{text}y")


@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(1996, 1, 1), datetime(2005, 1, 1)),
            st.integers(0, 65535),
            fields,
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=60, deadline=None)
def test_rows_read_back(wanted: list[tuple[datetime, int, str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["Level", "Date and Time", "Source", "Event ID", "Task Category"])
    for time, event_id, message in wanted:
        writer.writerow(["Error", f"{time:%Y-%m-%d %H:%M:%S}", "IMC", event_id, "None", message])
    found = [(one.time, one.event_id, one.message) for one in read(out.getvalue())]
    assert found == [
        (
            time.replace(microsecond=0),
            event_id,
            "\n".join(line.rstrip() for line in message.split("\n")),
        )
        for time, event_id, message in wanted
    ]


def test_an_unquoted_description_keeps_its_delimiters_and_lines() -> None:
    text = (
        "Date,Time,Source,Type,Category,Event,User,Computer,Description\n"
        "1/11/2000,3:17:57 PM,MSExchangeIMC,Error,None,4117,N/A,S,spool file, and\n"
        "  a line, of it\n"
        "1/11/2000,3:17:58 PM,Print,Error,None,10,N/A,S,next\n"
    )
    first, second = read(text)
    assert first.message is not None
    assert " ".join(first.message.split()) == "spool file, and a line, of it"
    assert second.message == "next"
