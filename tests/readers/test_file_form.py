"""A file is recognised by its content; its name is asked only for Queue.dat."""

from __future__ import annotations

from pathlib import Path

import pytest

from imctool.model.evidence import Form
from imctool.readers.discovery import FoundFile
from imctool.readers.examination import examine
from imctool.readers.file_form import form_of, looks_like_mail

FORMS = [
    (b"\xf7\0\0\0ImCr\0\0", Form.SPOOL_FILE),
    (b"0\0\0\0LfLe\1\0\0\0", Form.EVT),
    (b"ElfFile\0\0\0", Form.EVTX),
    (b"regf\1\0\0\0", Form.REGISTRY_HIVE),
    (b"REGEDIT4\r\n\r\n[HKEY_LOCAL_MACHINE\\x]\r\n", Form.REGISTRY_TEXT),
    ("\ufeffWindows Registry Editor Version 5.00\r\n".encode("utf-16-le"), Form.REGISTRY_TEXT),
    (b"[Header]\r\nVersion=1\r\n\r\n[Domain]\r\nDomainInformation=+\r\n", Form.IMC_SETTINGS),
    (b"5/13/00 2:36:27 PM : A connection was accepted from SERVER1.\r\n", Form.PROTOCOL_LOG),
    (b"SMTP: Command = RCPT TO: A@B\r\nSMTP: Response = 250 OK\r\n", Form.PROTOCOL_LOG),
    (
        b"c=US;a= ;p=x;l=S\t1010\t1998.3.4 11:14:10\t\t\t\t\t0\t5\t0\t0\t\t1\r\n",
        Form.TRACKING_LOG,
    ),
    (b"Event Type:\tError\r\nEvent Source:\tMSExchangeIMC\r\nEvent ID:\t4117\r\n", Form.EVENT_TEXT),
    (b"Received: from a\r\n\tby b; date\r\nFrom: a@b\r\n\r\ntext", Form.SPOOL_FILE),
    (b"x-sender: a\r\nx-receiver: b\r\nSubject: t\r\n\r\n", Form.SPOOL_FILE),
    (b"From a@b Mon Jan 1 00:00:00 2001\nFrom: a@b\nTo: c@d\n\n", Form.SPOOL_FILE),
    (b"\xef\xbb\xbfFrom: a@b\r\nTo: c@d\r\n\r\n", Form.SPOOL_FILE),
    (b"", Form.UNKNOWN),
    (b"Dear colleague: please note\r\nthe following: nothing\r\n", Form.UNKNOWN),
    (bytes(range(256)), Form.UNKNOWN),
]


@pytest.mark.parametrize(("head", "form"), FORMS)
def test_the_first_bytes_tell(head: bytes, form: Form) -> None:
    assert form_of(head, "export.bin") == (form, "")


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (
            b"# Message Tracking Log File\r\n# Exchange System Attendant 6",
            "2000 or later",
        ),
        (b"POP3 protocol log\r\n5/13/00 2:36:27 PM : <<< USER x\r\n", "POP3"),
        (b"DOCUMENT:Q1\nThe information in this article applies to:\nEvent ID: 4117\n", "article"),
    ],
)
def test_what_belongs_to_something_else_is_named_and_not_read(head: bytes, words: str) -> None:
    form, note = form_of(head, "L0000000.LOG")
    assert form is Form.UNKNOWN
    assert words in note


def test_queue_dat_is_known_by_its_name_in_any_case() -> None:
    assert form_of(b"\1\2\3", "QUEUE.DAT")[0] is Form.QUEUE_DAT


def test_one_field_and_a_blank_line_are_a_mail_and_one_field_alone_is_none() -> None:
    assert looks_like_mail(b"Subject: x\r\n\r\nbody")
    assert not looks_like_mail(b"Subject: x\r\nbody of a letter")


def test_records_of_an_event_log_are_found_behind_garbage(tmp_path: Path) -> None:
    path = tmp_path / "fragment.bin"
    path.write_bytes(bytes(40_000) + b"\x60\0\0\0LfLe" + bytes(200))
    assert examine(FoundFile(str(path), path.name, ())).form is Form.EVT
    path.write_bytes(bytes(40_000))
    assert examine(FoundFile(str(path), path.name, ())).form is Form.UNKNOWN
