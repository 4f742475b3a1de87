"""The output of DUMPEL."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.event import Event
from imctool.model.evidence import Defect
from imctool.readers.event_log_text import parse_event_text, sniff_event_text

NUMBERS = ("1/11/2000", "3:17:57 PM", "1", "5", "4118")


def read(text: str) -> list[Event]:
    found = list(parse_event_text(text, "dump.txt"))
    assert [one for one in found if isinstance(one, Defect)] == []
    return [one for one in found if isinstance(one, Event)]


@pytest.mark.parametrize(("separator", "form"), [("\t", "dumpel-tab"), (",", "dumpel-comma")])
@pytest.mark.parametrize("names", [("MSExchangeIMC", "N/A"), ("N/A", "MSExchangeIMC")])
def test_source_and_user_stand_in_either_order(
    separator: str, form: str, names: tuple[str, str]
) -> None:
    text = separator.join([*NUMBERS, *names, "BACON610", "M4XD8MB3"]) + "\r\n"
    assert sniff_event_text(text) == form
    (event,) = read(text)
    assert (event.source, event.user, event.computer) == ("MSExchangeIMC", "N/A", "BACON610")
    assert (event.type, event.category, event.event_id) == ("Error", "5", 4118)
    assert event.time == datetime(2000, 1, 11, 15, 17, 57)
    assert (event.message, event.strings) == (None, ("M4XD8MB3",))
    assert str(event.spool_name) == "M4XD8MB3"


def test_the_whole_file_decides_where_a_user_has_no_domain() -> None:
    lines = [
        "\t".join([*NUMBERS, "N/A", "MSExchangeIMC", "SRV", "a"]),
        "\t".join([*NUMBERS, "Administrator", "MSExchangeIS", "SRV", "b"]),
        "\t".join([*NUMBERS, "DOM\\svc", "MSExchangeMTA", "SRV", "c"]),
    ]
    assert [event.source for event in read("\n".join(lines))] == [
        "MSExchangeIMC",
        "MSExchangeIS",
        "MSExchangeMTA",
    ]


def test_strings_between_tabs_are_strings_of_their_own() -> None:
    (event,) = read("\t".join([*NUMBERS, "IMC", "N/A", "SRV", "host one", "M4XD8MB3"]))
    assert event.strings == ("host one", "M4XD8MB3")
    (event,) = read("\t".join([*NUMBERS, "IMC", "N/A", "SRV", "host one M4XD8MB3"]))
    assert event.strings == ("host one M4XD8MB3",)


def test_a_line_without_strings_or_with_a_broken_string_is_read() -> None:
    (bare,) = read("\t".join([*NUMBERS, "IMC", "N/A", "SRV"]))
    assert bare.strings == ()
    (broken,) = read("\t".join([*NUMBERS, "IMC", "N/A", "SRV", "one"]) + "\r\ntwo\r\n")
    assert broken.strings == ("one\ntwo",)


def test_between_blanks_each_word_is_a_string() -> None:
    text = """
   4/11/95 4:58:39 AM  1   0   1016    N/A DhcpServer  REDIPSRVP2  %%20013
   4/13/95 4:58:39 AM  2   5   4118    MSExchangeIS Private  NT AUTHORITY\\SYSTEM  SRV  a M4XD8MB3
"""
    assert sniff_event_text(text) == "dumpel-blanks"
    first, second = read(text)
    assert (first.source, first.user, first.strings) == ("DhcpServer", "N/A", ("%%20013",))
    assert (second.source, second.user) == ("MSExchangeIS Private", "NT AUTHORITY\\SYSTEM")
    assert (second.type, str(second.spool_name)) == ("Warning", "M4XD8MB3")


def test_damaged_lines_are_defects() -> None:
    whole = "\t".join([*NUMBERS, "IMC", "N/A", "SRV", "x"])
    text = "\n".join([whole, whole.replace("4118", "?"), whole[:30]])
    assert [type(one) for one in parse_event_text(text, "d")] == [Event, Defect, Defect]


names = st.text(alphabet="abcXYZ", min_size=1, max_size=10)


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(1996, 1, 1), datetime(2005, 1, 1)),
            st.sampled_from([("0", "Success"), ("2", "Warning"), ("16", "Failure Audit")]),
            st.integers(0, 65535),
            names,
            st.sampled_from(["N/A", "DOM\\user"]),
            st.lists(names, min_size=2, max_size=4).map(tuple),
        ),
        min_size=1,
        max_size=5,
    ),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_dumped_events_read_back(
    wanted: list[tuple[datetime, tuple[str, str], int, str, str, tuple[str, ...]]],
    user_first: bool,
) -> None:
    text = ""
    for time, (kind, _), event_id, source, user, strings in wanted:
        pair = (user, source) if user_first else (source, user)
        numbers = [f"{time:%Y-%m-%d}", f"{time:%H:%M:%S}", kind, "3", str(event_id)]
        text += "\t".join([*numbers, *pair, "SRV", *strings]) + "\r\n"
    assert [(one.time, one.type, one.source, one.user, one.strings) for one in read(text)] == [
        (time.replace(microsecond=0), kind[1], source, user, strings)
        for time, kind, _, source, user, strings in wanted
    ]
