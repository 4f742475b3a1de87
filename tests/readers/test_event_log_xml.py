"""Events as XML."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.event import Event, Retrieval
from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind
from imctool.readers.event_log_text import parse_event_text, read_event_text, sniff_event_text
from imctool.readers.event_log_xml import ELEMENT_LIMIT, parse_xml

ROOT = '<?xml version="1.0" encoding="utf-8" standalone="yes"?>\r\n<Events>'


def element(record: int, *strings: str, data: str = "", line_end: str = "") -> str:
    return line_end.join(
        [
            '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>',
            '<Provider Name="MSExchangeIMC"/><EventID Qualifiers="49156">4120</EventID>',
            "<Level>2</Level><Task>5</Task><Keywords>0x80000000000000</Keywords>",
            '<TimeCreated SystemTime="2000-01-11T15:17:57.000000000Z"/>',
            f"<EventRecordID>{record}</EventRecordID><Channel>Application</Channel>",
            "<Computer>BACON610</Computer><Security/></System><EventData>",
            *(f"<Data>{escape(string)}</Data>" for string in strings),
            f"<Binary>{data}</Binary></EventData></Event>",
        ]
    )


def kinds(text: str) -> list[type]:
    return [type(one) for one in parse_event_text(text, "e.xml")]


def test_a_saved_document_gives_its_events() -> None:
    text = ROOT + element(1, "a", "M4XD8MB3") + element(2, data="9A0102000E000780") + "</Events>"
    assert sniff_event_text(text) == "xml"
    first, second = parse_event_text(text, "e.xml")
    assert isinstance(first, Event)
    assert isinstance(second, Event)
    assert (first.source, first.event_id, first.record) == ("MSExchangeIMC", 4120, 1)
    assert first.time == datetime(2000, 1, 11, 15, 17, 57, tzinfo=UTC)
    assert first.strings == ("a", "M4XD8MB3")
    assert first.retrieval is Retrieval.TEXT
    assert second.decoded.hresult == 0x8007000E


def test_elements_need_no_root_and_may_span_lines() -> None:
    text = element(1) + "\r\n" + element(2, line_end="\r\n") + "\r\n" + element(3)
    found = list(parse_event_text(text, "e.xml"))
    assert [one.location.line for one in found] == [1, 2, 9]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_of_any_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "e.xml"
    path.write_bytes((ROOT + element(1, "Gr\u00f6\u00dfe") + "</Events>").encode(encoding))
    file = EvidenceFile(path, "e.xml", path.stat().st_size, InputKind.EVENT_LOG, Form.EVENT_TEXT)
    (event,) = read_event_text(file)
    assert isinstance(event, Event)
    assert event.strings == ("Gr\u00f6\u00dfe",)


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE Events [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
        '<!DOCTYPE Events SYSTEM "file:///etc/passwd">',
    ],
)
def test_a_document_type_is_refused(declaration: str) -> None:
    text = f'<?xml version="1.0"?>{declaration}<Events>{element(1, "x")}</Events>'
    assert kinds(text) == [Defect]


def test_an_entity_that_is_not_xmls_own_costs_its_event() -> None:
    text = element(1).replace("BACON610", "&b;") + element(2, "&lt;")
    assert kinds(text) == [Defect, Event]


def test_damage_costs_only_the_event_it_stands_in() -> None:
    whole = element(1)
    text = whole[:200] + "\n" + whole + whole.replace("</System>", "") + whole + whole[:300]
    found = list(parse_event_text(text, "e.xml"))
    assert [type(one) for one in found] == [Defect, Event, Defect, Event, Defect]
    assert [one.location.line for one in found] == [1, 2, 2, 2, 2]


def test_control_characters_of_wevtutil_do_not_cost_the_event() -> None:
    (event,) = parse_event_text(element(1, "a\x01b\x1fc"), "e.xml")
    assert isinstance(event, Event)
    assert event.strings == ("a\ufffdb\ufffdc",)


def test_an_element_without_an_event_id_is_a_defect() -> None:
    text = element(1) + "<Event><System/></Event>" + element(2)
    assert kinds(text) == [Event, Defect, Event]


def test_an_endless_element_is_given_up() -> None:
    text = element(1) + element(2, "x" * ELEMENT_LIMIT) + element(3)
    assert kinds(text) == [Event, Defect, Event]


@given(st.integers(1, 200), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_the_pieces_a_text_comes_in_do_not_matter(size: int, cut: int) -> None:
    text = ROOT + element(1, "a") + "\n" + element(2) + element(3)[: 150 * cut] + "</Events>"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert list(parse_xml(pieces, "x")) == list(parse_xml([text], "x"))


def test_many_unended_elements_take_linear_time() -> None:
    text = element(1) + "<Event " * 160_000
    assert kinds(text)[0] is Event
