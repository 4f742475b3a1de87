"""What an event's data section, text and strings give away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.model.event import Event, decode_event_data, spool_name_in_text
from imctool.model.evidence import Location


@pytest.mark.parametrize(
    ("data", "location", "hresult", "name"),
    [
        ("9a0102000e00078054473435434c503600", 0x0002019A, 0x8007000E, "TG45CLP6"),
        ("3e0201000e00078054473435434c503600", 0x0001023E, 0x8007000E, "TG45CLP6"),
        ("7f03010005400080", 0x0001037F, 0x80004005, None),
        ("6706140015010480", 0x00140667, 0x80040115, None),
        ("f30315000f030980", 0x001503F3, 0x8009030F, None),
        ("740005000e000780", 0x00050074, 0x8007000E, None),
        ("0e0007809a010200", 0x0002019A, 0x8007000E, None),
        ("", None, None, None),
        ("54473435", None, None, None),
    ],
)
def test_the_data_sections_of_the_articles(
    data: str, location: int | None, hresult: int | None, name: str | None
) -> None:
    decoded = decode_event_data(bytes.fromhex(data))
    assert decoded.location_code == location
    assert decoded.hresult == hresult
    assert (str(decoded.spool_name) if decoded.spool_name else None) == name


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("As a result, the message in spool file Jtmrmaqv failed to be delivered.", "JTMRMAQV"),
        ("the message in spool\r\nfile WXJXSG2D failed", "WXJXSG2D"),
        (
            "occurred while processing message <a@b>. The archive filename is 'NQ1NQYQK'.",
            "NQ1NQYQK",
        ),
        (
            "A message from <a@b> in temporary file D:\\exchsrvr\\imcdata\\in\\KPFYCMQB was",
            "KPFYCMQB",
        ),
        ('in temporary file "TG45CLP6" was attempted to host(s)', "TG45CLP6"),
        ("The message that caused this was PBF3S5YB. This message will", "PBF3S5YB"),
        ("Unable to move file C:\\exchsrvr\\imcdata\\work\\VMS95LCZ to", "VMS95LCZ"),
        ("the message in spool file (unknown) failed", None),
        ("a spool file DELIVERED of another kind", None),
    ],
)
def test_event_texts_name_their_spool_file(message: str, name: str | None) -> None:
    found = spool_name_in_text(message, ())
    assert (str(found) if found else None) == name


def test_an_insertion_string_may_be_the_name_or_end_in_it() -> None:
    assert str(spool_name_in_text(None, ("M4XD8MB3",))) == "M4XD8MB3"
    assert str(spool_name_in_text(None, ("x", "d:\\imcdata\\in\\M4XD8MB3"))) == "M4XD8MB3"
    assert spool_name_in_text(None, ("service started",)) is None


@pytest.mark.parametrize(
    ("source", "connector", "store"),
    [
        ("MSExchangeIMC", True, False),
        ("MSExchange IMC", True, False),
        ("MSEXCHANGEIMC", True, False),
        ("MSExchangeIMS", True, False),
        ("MSEechangeIMC", True, False),
        ("IMC", True, False),
        ("MSExchangeIS", False, True),
        ("MSExchangeIS Private", False, True),
        ("MSExchange Pop3", False, False),
        ("MSExchangeMTA", False, False),
        ("Print", False, False),
    ],
)
def test_sources_are_told_apart_however_they_are_spelt(
    source: str, connector: bool, store: bool
) -> None:
    event = Event(Location("x"), None, source, 1)
    assert (event.is_connector, event.is_store) == (connector, store)


@given(st.binary(max_size=40))
def test_no_data_section_raises(data: bytes) -> None:
    decoded = decode_event_data(data)
    assert (decoded.hresult is None) == (len(data) < 8)
