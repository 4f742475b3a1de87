"""The Backup folder of imcsave (Q195804): recognised, and not read where nothing is documented."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.model.evidence import Form
from imctool.readers.file_form import form_of
from imctool.readers.imcsave import sniff_imcsave

OBJECT = 'Obj-Class,Directory Name,Home-Server,Comment\r\nMail-Gateway,IMC,HQ01,"a, b"\r\n'
LIST = "[Files]\r\nsomething=1\r\n"
TNEF = b"\x78\x9f\x3e\x22\x01\x00\x01\x06\x90\x08\x00"


def test_a_saved_message_is_told_by_its_signature_whatever_its_name() -> None:
    for name in ("00000001", "PBF3S5YB", "msg.tnf"):
        note = sniff_imcsave(TNEF, name)
        assert note.startswith("message in TNEF, not read")
        assert "Q195804" in note
    assert sniff_imcsave(TNEF[1:], "00000001") == ""


def test_the_connectors_object_is_told_by_name_and_header() -> None:
    assert "imcsave" in sniff_imcsave(OBJECT.encode(), "Imcobj.csv")
    assert "imcsave" in sniff_imcsave(b"Admin-Display-Name,X\r\nq,r\r\n", "IMCOBJ.CSV")
    assert sniff_imcsave(b"\x00\x01\x02\x03" * 20, "imcobj.csv") == ""
    assert sniff_imcsave(b"no such columns here\r\n", "imcobj.csv") == ""


@pytest.mark.parametrize("encoding", ["ascii", "utf-8-sig", "utf-16"])
def test_a_directory_export_under_any_name_is_told_by_its_first_column(encoding: str) -> None:
    note = sniff_imcsave(OBJECT.encode(encoding), "export.csv")
    assert note.startswith("directory export")
    assert "imcsave" not in note


def test_a_quoted_header_is_a_header() -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow(["Obj-Class", "Mode", "Alias Name"])
    assert sniff_imcsave(text.getvalue().encode(), "x.csv").startswith("directory export")


def test_a_header_longer_than_what_was_read_is_still_one() -> None:
    columns = ",".join(f"Extension-Attribute-{number}" for number in range(2000))
    head = f"Obj-Class,{columns}".encode()[:16_384]
    assert sniff_imcsave(head, "x.csv").startswith("directory export")


def test_the_packing_list_is_told_by_name_and_form() -> None:
    for name in ("Imcfls", "IMCFLS.INI", "imcfls.txt"):
        assert sniff_imcsave(LIST.encode(), name).startswith("packing list of imcsave")
    assert sniff_imcsave(LIST.encode("utf-16"), "Imcfls").startswith("packing list")
    assert sniff_imcsave(LIST.encode(), "system.ini") == ""
    assert sniff_imcsave(b"Subject: Imcfls\r\n", "Imcfls") == ""


@pytest.mark.parametrize(
    "text",
    [
        "Date,Time,Source,Type,Category,Event\r\n1/1/98,10:00,MSExchangeIMC,Error,1,4117\r\n",
        "obj-class of a mailbox\r\n",
        "Obj-Class\r\nMailbox\r\n",
        "From: a@b\r\nTo: c@d\r\n\r\nObj-Class,Mode\r\n",
        "REGEDIT4\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM]\r\n",
    ],
)
def test_another_artefact_is_none_of_imcsaves(text: str) -> None:
    assert sniff_imcsave(text.encode(), "a.csv") == ""


def test_the_saved_registry_reads_as_registry() -> None:
    key = "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\MSExchangeIMC\\Parameters]"
    saved = f'REGEDIT4\r\n\r\n{key}\r\n"TurfDir"="C:\\\\Turfdir"\r\n'.encode()
    for name in ("Imcsvc.reg", "Imcpro.reg"):
        assert sniff_imcsave(saved, name) == ""
        assert form_of(saved, name) == (Form.REGISTRY_TEXT, "")


@given(st.binary(max_size=300), st.sampled_from(["Imcobj.csv", "Imcfls", "x", ""]))
def test_no_bytes_raise(head: bytes, name: str) -> None:
    assert isinstance(sniff_imcsave(head, name), str)
    assert isinstance(sniff_imcsave(b"Obj-Class," + head, name), str)
    assert sniff_imcsave(TNEF + head, name) != ""
