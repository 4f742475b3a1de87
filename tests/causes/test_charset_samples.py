"""``charset-check`` on mail and texts made by others: the labels are right, or truly wrong."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path

import pytest

from imctool.causes.charset_check import check_charsets
from imctool.causes.charset_detection import has_second_opinion
from imctool.causes.text_check import PartText, check_texts
from imctool.knowledge.charsets import find_charset
from imctool.knowledge.same_text import looks_same
from imctool.knowledge.windows_text import windows_decode
from imctool.model.charset_check import (
    CharsetReport,
    FileCheck,
    HeaderCheck,
    PartCheck,
    Standing,
    Verdict,
)
from imctool.model.evidence import Location
from imctool.readers.spool_file import spool_file_from_buffer

pytestmark = pytest.mark.slow

FOLDERS = ("ims-bodies", "ims-messages", "mime/mime4j", "ndr")
QUIET = {Verdict.OK, Verdict.MISSING_LABEL, Verdict.NOT_INSTALLED, Verdict.UNKNOWN_LABEL}

TRULY_WRONG = {
    "K9VN41ZP": ("1", "us-ascii", Verdict.UNDECODABLE),  # 0x85, an ellipsis of windows-1252
    "SGH33KQZ": ("1", "us-ascii", Verdict.UNDECODABLE),  # 0x91 0x92, quotes of windows-1252
    "1e2ab73eec.eml": ("1", "us-ascii", Verdict.UNDECODABLE),  # 0x92, an apostrophe of the same
}
"""The mails whose label cannot be right, by the bytes under it."""

CALLED_WRONG = {
    # 0xFF before FFFF99 or FFFFAE: a byte written out as a number by the sender's own fault. In a
    # page of DOS it is a blank; no reading makes sense of it, so that nothing speaks against the
    # label.
    "RMS6RWM1": "ims-bodies",
    "0453a54e08.eml": "ims-messages",
    "0463384fc5.eml": "ims-messages",
    "89260b989b.eml": "ims-messages",
    "c434061796.eml": "ims-messages",
    "d7874c74f1.eml": "ims-messages",
    "c95d6ac58e.eml": "ims-messages",  # 0xA2 behind ".30" is the cent of ISO-8859-1
    "a334b72689.eml": "ims-messages",  # 0x88 before 65 is the Euro of windows-1251
}
"""The mails whose label the program calls wrong though the bytes do not say so: its own fault."""

NO_MAIL = {
    f"malformedHeader{which}.msg"
    for which in ("-nocrlfcrlf", "-noheader", "StartsBody-nocrlfcrlf", "StartsBody-noheader")
}
"""A line or two of text without a header are no mail to a program that meets them in a folder."""


@cache
def report_on(folder: Path) -> CharsetReport:
    return check_charsets([folder])


def texts_in(file: FileCheck) -> list[PartCheck | HeaderCheck]:
    return [*file.parts, *file.headers]


def texts_of(report: CharsetReport, name: str) -> list[PartCheck | HeaderCheck]:
    (file,) = (one for one in report.files if one.location.path == name)
    return texts_in(file)


def alarms_in(report: CharsetReport) -> dict[str, tuple[str, str | None, Verdict]]:
    """Return the text of each mail whose label is called wrong."""
    return {
        file.location.path: (text.part, text.declared, text.verdict)
        for file in report.files
        for text in texts_in(file)
        if text.verdict not in QUIET
    }


# Mail that passed through an Internet Mail Service, or is hard to read


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_label_is_called_wrong_but_those_that_are(samples: Path, folder: str) -> None:
    alarms = alarms_in(report_on(samples / folder))
    mine = {name: alarm for name, alarm in alarms.items() if name not in CALLED_WRONG}
    assert mine == {
        name: wrong for name, wrong in TRULY_WRONG.items() if (samples / folder / name).exists()
    }


@pytest.mark.parametrize("name", CALLED_WRONG)
def test_a_label_that_nothing_speaks_against_is_not_called_wrong(samples: Path, name: str) -> None:
    if name == "a334b72689.eml" and not has_second_opinion():
        pytest.skip("it is the second detector that is wrong about it")
    assert name not in alarms_in(report_on(samples / CALLED_WRONG[name]))


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_mail_is_read_and_every_text_has_a_verdict(samples: Path, folder: str) -> None:
    report = report_on(samples / folder)
    mails = {one.name for one in (samples / folder).iterdir() if one.suffix != ".xml"}
    assert {one.location.path for one in report.files} == mails - NO_MAIL
    assert report.count.unreadable == 0
    assert sum(report.count_verdicts().values()) == sum(
        len(file.parts) + len(file.headers) for file in report.files
    )


def detected_in(folder: Path, name: str) -> str | None:
    """Return what the one text without a label in a mail was read as."""
    (text,) = (
        one for one in texts_of(report_on(folder), name) if one.verdict is Verdict.MISSING_LABEL
    )
    return text.detected


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("ims-bodies", "11TWQMM6"), ("ims-bodies", "FR085ZRQ"), ("ims-bodies", "QCJTFPZ2"),
        ("ims-messages", "37c2509670.eml"), ("ims-messages", "a2e0e48e1a.eml"),
        ("mime/mime4j", "infinite.msg"),
    ],
)  # fmt: skip
def test_western_text_without_a_label_is_told_as_western(
    samples: Path, folder: str, name: str
) -> None:
    assert detected_in(samples / folder, name) in {"windows-1252", "ISO-8859-1"}


ORNAMENT = pytest.mark.xfail(
    strict=True, reason="both detectors take an ornament of « ¤ » and § for Cyrillic"
)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("ims-bodies", "1GXWR8R7"),  # 0xB4, an acute accent for an apostrophe
        pytest.param("ims-messages", "15ae451e8f.eml", marks=ORNAMENT),
        pytest.param("ims-messages", "51f8e45371.eml", marks=ORNAMENT),
        ("mime/mime4j", "mime4j-219-new-date-time-format.msg"),  # 0xAE behind "Intel"
    ],
)
def test_a_few_signs_without_a_label_are_told_as_western(
    samples: Path, folder: str, name: str
) -> None:
    assert detected_in(samples / folder, name) in {"windows-1252", "ISO-8859-1"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_mail_that_is_western_calls_for_no_setting(samples: Path, folder: str) -> None:
    report = report_on(samples / folder)
    assert report.domains == ()
    assert (report.default.mime, report.default.non_mime) == ("ISO-8859-1", "ISO-8859-1")
    assert {one.code_page for one in report.install} - {852} <= {932, 28605}


@pytest.mark.parametrize("folder", ["ims-bodies", "ims-messages"])
def test_a_font_s_name_in_chinese_makes_no_alias_of_a_dos_page(samples: Path, folder: str) -> None:
    """CB CE CC E5 in a FONT tag is the Song typeface in GB2312; all else there is ASCII."""
    assert {one.charset for one in report_on(samples / folder).aliases} <= {"GB2312", "US-ASCII"}


# The same texts in many charsets

LABEL = {
    "candide-gb18030": "gb18030", "candide-utf-16le": "utf-16", "candide-utf-32be": "utf-32be",
    "candide-windows-1252": "windows-1252", "rashomon-euc-jp": "euc-jp",
    "rashomon-iso-2022-jp": "iso-2022-jp", "rashomon-shift-jis": "shift_jis",
    "sunzi-bingfa-gb-levels-1-and-2-hz-gb2312": "hz-gb-2312",
    "sunzi-bingfa-simplified-gbk": "gbk", "sunzi-bingfa-traditional-big5": "big5",
    "unsu-joh-eun-nal-euc-kr": "euc-kr",
}  # fmt: skip
WRONG_LABELS = (
    "us-ascii", "iso-8859-1", "windows-1252", "iso-8859-2", "koi8-r", "windows-1251", "utf-8",
    "big5", "gb2312", "shift_jis", "euc-jp", "euc-kr", "iso-2022-jp", "iso-2022-kr", "hz-gb-2312",
    "cp037",
)  # fmt: skip
UNTOLD_BY_ONE_DETECTOR = () if has_second_opinion() else (("rashomon-shift-jis", "gb2312"),)
"""Rightly read it is odd by a hundredth, as Chinese by nothing: alone that outweighs chardet."""

WIDE = ("candide-utf-16le", "candide-utf-32be")


def written(samples: Path, name: str) -> bytes:
    return (samples / "charset" / f"{name}.txt").read_bytes()


def twin(samples: Path, name: str) -> bytes:
    """Return the text in UTF-8."""
    return written(samples, name.removesuffix(_ending(name)) + "utf-8")


_ENDINGS = (
    "hz-gb2312", "gb18030", "utf-16le", "utf-32be", "windows-1252", "euc-jp", "iso-2022-jp",
    "shift-jis", "gbk", "big5", "euc-kr",
)  # fmt: skip


def _ending(name: str) -> str:
    return next(one for one in _ENDINGS if name.endswith(one))


def as_mail(content: bytes, label: str | None) -> PartText:
    """Return the one text of a mail that carries it, as it is judged."""
    parameter = "" if label is None else f'; charset="{label}"'
    head = f"Content-Type: text/plain{parameter}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    whole = b"MIME-Version: 1.0\r\n" + head.encode() + base64.encodebytes(content)
    (part,) = check_texts(whole, spool_file_from_buffer(whole, Location("A.eml"))).parts
    return part


def reading(content: bytes, label: str) -> str | None:
    charset = find_charset(label)
    assert charset is not None
    assert charset.codec is not None
    return windows_decode(content, charset.codec, final=False)


def reads_as(content: bytes, label: str, text: str) -> bool:
    read = reading(content, label)
    return read is not None and looks_same(read, text)


@pytest.mark.parametrize("name", LABEL)
def test_a_text_under_its_own_label_reads_as_its_twin(samples: Path, name: str) -> None:
    content = written(samples, name)
    assert reads_as(content, LABEL[name], twin(samples, name).decode())
    found = as_mail(content, LABEL[name]).judgement
    assert found.standing is Standing.SAME
    assert found.sure
    assert as_mail(twin(samples, name), "utf-8").judgement.standing is Standing.SAME


@pytest.mark.parametrize("name", [one for one in LABEL if one not in WIDE])
def test_a_text_under_a_wrong_label_is_contradicted(samples: Path, name: str) -> None:
    content, text = written(samples, name), twin(samples, name).decode()
    for label in WRONG_LABELS:
        if reads_as(content, label, text) or (name, label) in UNTOLD_BY_ONE_DETECTOR:
            continue
        found = as_mail(content, label).judgement
        assert found.standing in {Standing.INVALID, Standing.OTHER}, label


@pytest.mark.parametrize("name", WIDE)
def test_wide_characters_under_a_single_byte_label_are_contradicted(
    samples: Path, name: str
) -> None:
    for label in WRONG_LABELS:
        found = as_mail(written(samples, name), label).judgement
        assert found.standing in {Standing.INVALID, Standing.OTHER}, label


UNDETECTED = {
    "candide-gb18030": "the right reading is not among the detector's candidates",
    "candide-utf-16le": "the sample is of lines, which split a UTF-16 text without a mark",
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=[pytest.mark.xfail(strict=True, reason=UNDETECTED[name])]
            if name in UNDETECTED
            else [],
        )
        for name in LABEL
    ],
)
def test_a_text_without_a_label_is_detected(samples: Path, name: str) -> None:
    content = written(samples, name)
    found = as_mail(content, None).judgement
    assert found.standing is Standing.OTHER
    assert found.sure
    assert found.detected is not None
    assert reads_as(content, found.detected, twin(samples, name).decode())


@pytest.mark.parametrize("name", [one for one in LABEL if one not in UNDETECTED])
def test_the_twin_without_a_label_is_utf_8(samples: Path, name: str) -> None:
    found = as_mail(twin(samples, name), None).judgement
    assert (found.detected, found.confidence) == ("UTF-8", 1.0)
