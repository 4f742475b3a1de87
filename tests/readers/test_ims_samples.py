"""Real mail that passed through an Internet Mail Service, and its delivery reports."""

from __future__ import annotations

import email.message
import email.parser
from pathlib import Path

import pytest

from imctool.model.direction import Direction
from imctool.model.evidence import EvidenceFile, Form, InputKind
from imctool.model.mail import Part, SpoolFile
from imctool.model.spool_name import SpoolName
from imctool.readers.received import own_received, parse_received
from imctool.readers.spool_file import read_spool_file

_CUT = {"multipart without its closing boundary line"}

DEFECTS = {
    "325f78b4ca.eml": _CUT,
    "5515ee93db.eml": _CUT,
    "887c48cd28.eml": _CUT,
    "99a75d528b.eml": _CUT,
    "lhost-exchange2003-03.eml": _CUT,
}
"""File: the defects that truly are in it."""

DIFFERENT = {
    "4f2216fd0d.eml": "no semicolon before charset: the library takes it into the type",
    "G95RWGPX": "no semicolon before charset: the library takes it into the type",
}
"""File: why the standard library sees other parts."""


def read(path: Path) -> SpoolFile:
    file = EvidenceFile(path, path.name, 0, InputKind.SPOOL_IN_ARCHIVE, Form.SPOOL_FILE)
    mail = read_spool_file(file)
    assert isinstance(mail, SpoolFile)
    return mail


def files(samples: Path, *folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (samples / folder).iterdir())


def test_the_file_name_is_the_id_of_the_first_received_line(samples: Path) -> None:
    bodies = files(samples, "ims-bodies")
    assert len(bodies) == 172
    for path in bodies:
        mail = read(path)
        received = own_received(mail.skeleton, None)
        assert received is not None, path.name
        assert received.spool_name == mail.spool_name == SpoolName.parse(path.name)
        assert received.direction is Direction.INBOUND
        assert received.version.startswith("5.")
        assert received.time is not None


def test_real_mail_reads_without_defects_but_its_own(samples: Path) -> None:
    found = {}
    for path in files(samples, "ims-bodies", "ims-messages", "ndr"):
        reasons = {defect.reason for defect in read(path).defects}
        if reasons:
            found[path.name] = reasons
    assert found == DEFECTS


def leaf(part: Part) -> tuple[str, str | None]:
    return part.content_type, part.charset.lower() if part.charset else None


def standard_leaf(part: email.message.Message) -> tuple[str, str | None]:
    charset = part.get_param("charset")
    if isinstance(charset, tuple):
        charset = charset[2]
    return part.get_content_type(), charset.lower().strip() if charset else None


def test_leaf_parts_agree_with_the_standard_library(samples: Path) -> None:
    different = set()
    for path in files(samples, "ims-bodies", "ims-messages", "ndr"):
        parsed = email.parser.BytesParser().parsebytes(path.read_bytes())
        standard = [standard_leaf(part) for part in parsed.walk() if not part.is_multipart()]
        containers = ("multipart/", "message/rfc822")
        parts = read(path).skeleton.parts
        ours = [leaf(part) for part in parts if not part.content_type.startswith(containers)]
        if ours != standard:
            different.add(path.name)
    assert different == set(DIFFERENT)


@pytest.mark.parametrize(
    ("name", "version"),
    [("lhost-exchange2003-04.eml", "4.0.994.63"), ("lhost-exchange2003-01.eml", "5.5.1960.3")],
)
def test_received_lines_of_reports_are_recognised(samples: Path, name: str, version: str) -> None:
    skeleton = read(samples / "ndr" / name).skeleton
    found = [parse_received(one) for one in skeleton.headers if one.name == "Received"]
    assert version in [one.version for one in found if one]
