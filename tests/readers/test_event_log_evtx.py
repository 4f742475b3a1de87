"""Events as modern Windows keeps them: what .evtx and its XML say, in the words of .evt."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.event import Event, Retrieval
from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind, Location
from imctool.readers.event_log_evtx import (
    event_data_from_xml,
    event_from_xml,
    read_evtx,
    scan_evtx,
)

HERE = Location("app.xml", line=1)
SCHEMA = "http://schemas.microsoft.com/win/2004/08/events/event"
CONVERTED = """<Event xmlns="{schema}"><System>
<Provider Name="MSExchangeIMC"/><EventID Qualifiers="49152">4120</EventID><Level>2</Level>
<Task>7</Task><Keywords>0x80000000000000</Keywords>
<TimeCreated SystemTime="2000-01-11T15:17:57.000000000Z"/><EventRecordID>812</EventRecordID>
<Channel>Application</Channel><Computer>BACON610</Computer><Security UserID="S-1-5-18"/>
</System><EventData><Data>one</Data><Data>
</Data><Data></Data><Binary>{binary}</Binary></EventData>{rendering}</Event>"""
DATA = b"\x9a\x01\x02\x00\x0e\x00\x07\x80TG45CLP6\0"


def element(
    *, schema: str = SCHEMA, binary: str = DATA.hex().upper(), rendering: str = ""
) -> ElementTree.Element:
    """Return an event 4120 as ``wevtutil epl`` makes it out of an .evt."""
    return ElementTree.fromstring(
        CONVERTED.format(schema=schema, binary=binary, rendering=rendering)
    )


def event(text: str) -> Event:
    """Return the event of a small element: System content, then EventData content."""
    found = event_from_xml(ElementTree.fromstring(text), HERE)
    assert found is not None
    return found


def as_file(path: Path) -> EvidenceFile:
    """Return the file at ``path`` as evidence."""
    return EvidenceFile(path, path.name, 0, InputKind.EVENT_LOG, Form.EVTX)


def test_a_converted_event_keeps_all_that_the_evt_had() -> None:
    assert event_from_xml(element(), HERE) == Event(
        location=HERE,
        time=datetime(2000, 1, 11, 15, 17, 57, tzinfo=UTC),
        source="MSExchangeIMC",
        event_id=4120,
        log="Application",
        record=812,
        type="Error",
        category="7",
        user="S-1-5-18",
        computer="BACON610",
        strings=("one", "", ""),
        data=DATA,
    )


@pytest.mark.parametrize("schema", ["", "http://example.com/other"])
def test_the_namespace_does_not_matter(schema: str) -> None:
    found = event_from_xml(element(schema=schema), HERE)
    assert found == event_from_xml(element(), HERE)


@pytest.mark.parametrize(
    "binary",
    [
        "9A0102000E00078054473435434C503600",
        "9a010200 0e000780\n5447343543 4c503600",
        "mgECAA4AB4BURzQ1Q0xQNgA=",
    ],
)
def test_the_data_section_is_hexadecimal_or_else_base64(binary: str) -> None:
    assert event_data_from_xml(element(binary=binary)) == DATA


def test_data_in_neither_notation_is_not_invented() -> None:
    assert event_data_from_xml(element(binary="9A01~")) is None
    found = event_from_xml(element(binary="9A01~"), HERE)
    assert found is not None
    assert found.data == b""


def test_rendered_texts_are_used_where_they_stand() -> None:
    rendering = (
        "<RenderingInfo><Message>An error\noccurred.</Message>"
        "<Level>Fehler</Level><Task>Internal Processing</Task></RenderingInfo>"
    )
    found = event_from_xml(element(rendering=rendering), HERE)
    assert found is not None
    assert found.message == "An error\noccurred."
    assert found.category == "Internal Processing"
    assert found.type == "Error"


@pytest.mark.parametrize(
    ("level", "keywords", "shown"),
    [
        ("0", "0x8020000000000000", "Success Audit"),
        ("0", "0x8010000000000000", "Failure Audit"),
        ("0", "0x80000000000000", "Information"),
        ("3", "", "Warning"),
        ("17", "", "17"),
        ("", "", ""),
    ],
)
def test_the_type_is_the_word_of_event_viewer(level: str, keywords: str, shown: str) -> None:
    found = event(
        f"<Event><System><EventID>1</EventID><Level>{level}</Level>"
        f"<Keywords>{keywords}</Keywords><Task>0</Task></System></Event>"
    )
    assert found.type == shown
    assert found.category == "None"


def test_the_event_source_serves_where_the_provider_has_no_name() -> None:
    found = event(
        '<Event><System><Provider EventSourceName="MSExchangeIMC"/><EventID>4117</EventID>'
        "</System></Event>"
    )
    assert found.source == "MSExchangeIMC"
    assert found.time is None
    assert found.record is None


@pytest.mark.parametrize("number", ["", "<EventID/>", "<EventID>many</EventID>"])
def test_an_element_without_an_event_id_is_no_event(number: str) -> None:
    text = f"<Event><System>{number}</System></Event>"
    assert event_from_xml(ElementTree.fromstring(text), HERE) is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2000-01-11T15:17:57.1234567Z", datetime(2000, 1, 11, 15, 17, 57, 123456, tzinfo=UTC)),
        ("2000-01-11T16:17:57+01:00", datetime(2000, 1, 11, 15, 17, 57, tzinfo=UTC)),
        ("2000-01-11T15:17:57", datetime(2000, 1, 11, 15, 17, 57, tzinfo=UTC)),
        ("yesterday", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_the_time_is_utc(written: str, meant: datetime | None) -> None:
    found = event(
        f'<Event><System><EventID>1</EventID><TimeCreated SystemTime="{written}"/></System></Event>'
    )
    assert found.time == meant
    assert meant is None or (found.time is not None and found.time.utcoffset() == timedelta(0))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_no_text_in_an_element_raises(number: str, level: str, time: str) -> None:
    root = ElementTree.Element("Event")
    system = ElementTree.SubElement(root, "System")
    for name, text in (("EventID", "4117"), ("Level", level), ("EventRecordID", number)):
        ElementTree.SubElement(system, name).text = text
    ElementTree.SubElement(system, "Keywords").text = number
    ElementTree.SubElement(system, "TimeCreated").set("SystemTime", time)
    ElementTree.SubElement(ElementTree.SubElement(root, "EventData"), "Binary").text = level
    assert event_from_xml(root, HERE) is not None


def test_without_the_package_one_defect_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "evtx", None)
    (defect,) = scan_evtx(io.BytesIO(b"ElfFile\0"), "a.evtx")
    assert isinstance(defect, Defect)
    assert 'pip install "imctool[evtx]"' in defect.reason


def test_a_file_that_is_not_there_or_no_evtx_is_one_defect(tmp_path: Path) -> None:
    (missing,) = read_evtx(as_file(tmp_path / "gone.evtx"))
    assert missing == Defect(Location("gone.evtx"), "No such file or directory")
    pytest.importorskip("evtx")
    (damaged,) = scan_evtx(io.BytesIO(b"no log at all"), "a.evtx")
    assert isinstance(damaged, Defect)


class TestRealLogs:
    @pytest.fixture(autouse=True)
    def _needs_evtx(self) -> None:
        pytest.importorskip("evtx")

    def test_an_exchange_log_is_read_with_its_own_record_numbers(self, samples: Path) -> None:
        path = samples / "eventlogs" / "MSExchange_Management_wec.evtx"
        (found,) = read_evtx(as_file(path))
        assert isinstance(found, Event)
        assert found.source == "MSExchange CmdletLogs"
        assert found.log == "MSExchange Management"
        assert found.location.record == found.record == 3229
        assert found.retrieval is Retrieval.WALKED
        assert len(found.strings) == 27
        assert found.strings[7] == ""

    def test_audits_keep_their_type(self, samples: Path) -> None:
        found = list(read_evtx(as_file(samples / "eventlogs" / "new-user-security.evtx")))
        assert [one.type for one in found if isinstance(one, Event)] == ["Success Audit"] * 4

    def test_a_bad_chunk_costs_only_itself(self, samples: Path) -> None:
        path = samples / "eventlogs" / "sample_with_a_bad_chunk_magic.evtx"
        found = list(read_evtx(as_file(path)))
        defects = [one for one in found if isinstance(one, Defect)]
        assert len(found) - len(defects) == 270
        assert [one.reason[:30] for one in defects] == [
            "Failed to parse chunk number 6",
            "Failed to parse chunk number 1",
        ]

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 20_000), st.binary(max_size=8)), max_size=6))
    def test_no_damage_raises(self, samples: Path, pieces: list[tuple[int, bytes]]) -> None:
        log = bytearray((samples / "eventlogs" / "new-user-security.evtx").read_bytes())
        for at, piece in pieces:
            log[at : at + len(piece)] = piece
        for one in scan_evtx(io.BytesIO(log), "a.evtx"):
            assert isinstance(one, Event | Defect)
