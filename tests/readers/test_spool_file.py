"""A spool file as a whole: its name, its defects, and what cannot be read."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from imctool.model.direction import Direction
from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind, Location
from imctool.model.mail import HeaderField, SpoolFile
from imctool.model.spool_name import SpoolName
from imctool.readers.mime_skeleton import read_skeleton
from imctool.readers.received import own_received, parse_received
from imctool.readers.spool_file import read_spool_file, spool_file_from_buffer
from tests.spool_builder import imcr_envelope, spool_file

NOW = datetime(2026, 1, 1, tzinfo=UTC)
INBOUND = (
    b"Received: from a (b [192.0.2.1]) by exch.example.com with SMTP (Microsoft Exchange"
    b" Internet Mail Service Version 5.5.2653.13)\r\n\tid NSBA3BR3; "
    b"Wed, 9 Oct 2002 11:28:46 -0400\r\n"
)


def evidence(path: Path, name: str | None = None) -> EvidenceFile:
    return EvidenceFile(path, name or path.name, 0, InputKind.SPOOL_IN, Form.SPOOL_FILE)


def mail(path: str, content: bytes) -> SpoolFile:
    return spool_file_from_buffer(content, Location(path))


def received(text: str) -> HeaderField:
    return HeaderField("Received", text, 0)


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    content = spool_file(INBOUND + b"Subject: x\r\n\r\nbody")
    path = tmp_path / "nsba3br3"
    path.write_bytes(content)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    read = read_spool_file(evidence(path, "In/nsba3br3"))
    assert isinstance(read, SpoolFile)
    assert read.location == Location("In/nsba3br3")
    assert read.spool_name == SpoolName.parse("NSBA3BR3")
    assert read.size == len(content)
    assert read.size > 0
    assert read.skeleton.header("Subject") == "x"
    assert read.recipient_count == 1
    assert read.defects == ()
    assert path.read_bytes() == content


def test_the_access_time_stays(tmp_path: Path) -> None:
    path = tmp_path / "NSBA3BR3"
    path.write_bytes(spool_file(INBOUND + b"\r\n"))
    os.utime(path, (1000, 2000))
    read_spool_file(evidence(path))
    if hasattr(os, "O_NOATIME"):
        assert path.stat().st_atime == 1000


def test_the_name_comes_from_the_received_line_where_the_file_has_none() -> None:
    assert str(mail("copy.eml", INBOUND + b"\r\n").spool_name) == "NSBA3BR3"
    other = b"Received: from x by y with SMTP id 1; Wed, 9 Oct 2002 11:28:46 -0400\r\n"
    assert mail("copy.eml", other + INBOUND + b"\r\n").spool_name is None


def test_the_name_comes_from_the_mts_id_last() -> None:
    assert str(mail("copy.eml", imcr_envelope() + b"A: b\r\n\r\n").spool_name) == "WKA6D6YM"


def test_envelope_and_text_defects_stand_together() -> None:
    content = b"\xff\xff\0\0" + imcr_envelope()[4:] + b"A: b\r\nno field\r\n"
    defects = mail("In/NSBA3BR3", content).defects
    assert [one.location.path for one in defects] == ["In/NSBA3BR3"] * 2
    assert [one.reason for one in defects] == [
        "length of the envelope does not match its end",
        "header ends at a line that is no field, without a blank line",
    ]


def test_what_is_no_readable_file_is_a_defect(tmp_path: Path) -> None:
    empty = tmp_path / "EMPTY"
    empty.touch()
    pipe = tmp_path / "PIPE"
    os.mkfifo(pipe)
    found = [read_spool_file(evidence(path)) for path in (empty, pipe, tmp_path, tmp_path / "gone")]
    assert found == [
        Defect(Location("EMPTY"), "file is empty"),
        Defect(Location("PIPE"), "not a regular file"),
        Defect(Location(tmp_path.name), "not a regular file"),
        Defect(Location("gone"), "No such file or directory"),
    ]


def test_a_large_file_is_mapped_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "NSBA3BR3"
    recipients = (f"user{n}@example.com" for n in range(40_000))
    path.write_bytes(imcr_envelope(recipients=recipients) + INBOUND + b"\r\n" + b"x" * 10**6)
    read = read_spool_file(evidence(path), most_recipients=5)
    assert isinstance(read, SpoolFile)
    assert read.recipient_count == 40_000
    assert len(read.envelope.recipients) == 5
    assert read.over_limit


@pytest.mark.parametrize(
    ("text", "direction", "host", "version", "name"),
    [
        (
            "from x by h.example with SMTP (Microsoft Exchange Internet Mail Service Version"
            " 5.0.1458.49)\tid WKA6D6YM; Wed, 5 Nov 1997 14:51:27 -0500",
            Direction.INBOUND, "h.example", "5.0.1458.49", "WKA6D6YM",
        ),
        (
            "by h with Internet Mail Service (5.5.2653.19) id <WKA6D6YM>;"
            " Wed, 5 Nov 1997 14:51:27 -0500",
            Direction.OUTBOUND, "h", "5.5.2653.19", "WKA6D6YM",
        ),
        (
            "by h with Internet Mail Service ( 5.5.2653.19 ) id <WKA6D6YM>;"
            " Wed, 5 Nov 97 14:51:27 -0500",
            Direction.OUTBOUND, "h", "5.5.2653.19", "WKA6D6YM",
        ),
        (
            "by router.domain.com with Microsoft Exchange (IMC 4.0.838.14)"
            " id <01BB6402.55C69350@router.domain.com>; Wed, 5 Nov 1997 14:51:27 -0500",
            Direction.OUTBOUND, "router.domain.com", "4.0.838.14", None,
        ),
        (
            "by h with SMTP (Microsoft Exchange Server Internet Mail Connector Version"
            " 4.0.994.63) id <0.0@h>; Wed, 5 Nov 1997 14:51:27 -0500",
            Direction.OUTBOUND, "h", "4.0.994.63", None,
        ),
    ],
)  # fmt: skip
def test_received_fields_of_every_version(
    text: str, direction: Direction, host: str, version: str, name: str | None
) -> None:
    found = parse_received(received(text))
    assert found is not None
    assert (found.direction, found.host, found.version) == (direction, host, version)
    assert found.spool_name == (SpoolName.parse(name) if name else None)
    zone = timezone(timedelta(hours=-5))
    assert found.time == datetime(1997, 11, 5, 14, 51, 27, tzinfo=zone)


def test_received_fields_of_others_are_none() -> None:
    assert parse_received(received("by h with Microsoft SMTPSVC(5.5.1877.687.68); x")) is None
    assert parse_received(received("by h with SMTP (Eudora Internet Mail Server 1.0)")) is None
    assert parse_received(received("by " * 5000)) is None


@pytest.mark.parametrize("date", ["", "Wed, 35 Nov 1997 14:51:27 -0500", "5 Foo 1997 1:2:3 GMT"])
def test_a_date_that_is_none_leaves_the_time_out(date: str) -> None:
    text = f"by h with Internet Mail Service (5.5.2653.19) id <WKA6D6YM>; {date}"
    found = parse_received(received(text))
    assert found is not None
    assert found.time is None


def test_own_received_goes_by_the_spool_name() -> None:
    below = b"Received: by relay with Internet Mail Service (5.5.2653.19) id <WKA6D6YM>; x\r\n"
    skeleton = read_skeleton(INBOUND + below + b"\r\n")
    mine = own_received(skeleton, SpoolName.parse("WKA6D6YM"))
    assert mine is not None
    assert (mine.host, mine.offset) == ("relay", len(INBOUND))
    top = own_received(skeleton, None)
    assert top is not None
    assert top.host == "exch.example.com"
    assert own_received(skeleton, SpoolName.parse("JTJF9DG7")) is None


@pytest.mark.slow
def test_a_message_of_a_gigabyte_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "NSBA3BR3"
    child = (
        "import sys; from pathlib import Path; from benchmarks.skeleton import *;"
        "path = Path(sys.argv[1]); write_large(path, 10**9);"
        "_, parts, growth, _ = memory_of(path); print(parts, growth)"
    )
    root = Path(__file__).resolve().parents[2]
    printed = subprocess.run(
        [sys.executable, "-c", child, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
    )
    parts, growth = map(int, printed.stdout.split())
    assert parts == 4
    assert growth < 64 * 1024
