"""Fates on small evidence written line by line: what proves a loss, and what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from imctool.ledger.coverage import TRACKING_END
from imctool.model.diagnosis import Diagnosis
from imctool.model.finding import Confidence
from imctool.model.message import Fate, Message

CONNECTOR = "/o=O/ou=S/cn=Configuration/cn=Connections/cn=Internet Mail Connector (SRV)"
ZONE_KEY = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\TimeZoneInformation"
ZONE = f"REGEDIT4\r\n\r\n[{ZONE_KEY}]\r\n"


def accepted(time: str, sender: str, recipient: str = "me@o.example", reply: str = "250 OK") -> str:
    lines = [
        "A connection was accepted from peer.example.",
        "<<< HELO peer.example", ">>> 250 OK",
        f"<<< MAIL FROM:<{sender}>", f">>> 250 OK - mail from <{sender}>",
        f"<<< RCPT TO:<{recipient}>", f">>> 250 OK - Recipient <{recipient}>",
        "<<< DATA", ">>> 354 Send data.  End with CRLF.CRLF", f">>> {reply}",
        "<<< QUIT", ">>> 221 closing connection",
    ]  # fmt: skip
    return "".join(f"{time} : {line}\r\n" for line in lines)


def tracked(
    mts_id: str, event: int, time: str, sender: str, subject: str = "", status: str = ""
) -> str:
    fields = [
        mts_id,
        str(event),
        time,
        CONNECTOR,
        "",
        "",
        sender,
        "0",
        "500",
        "0",
        "0",
        subject,
        "1",
    ]
    return "\t".join(fields) + f"\r\nme@o.example\t{status}\r\n"


@pytest.fixture
def site(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a 4.0 server whose clock is UTC, and returns its folder."""

    def write(protocol: Iterable[str], tracking: dict[str, Iterable[str]]) -> Path:
        for folder in ("In/Archive", "Out", "Log"):
            (tmp_path / "Imcdata" / folder).mkdir(parents=True)
        (tmp_path / "zone.reg").write_text(ZONE + '"ActiveTimeBias"=dword:00000000\r\n')
        (tmp_path / "Imcdata/Log/L0000000.LOG").write_text("".join(protocol), newline="")
        (tmp_path / "Tracking.log").mkdir()
        for day, records in tracking.items():
            (tmp_path / "Tracking.log" / f"{day}.log").write_text("".join(records), newline="")
        return tmp_path

    return write


def of(diagnosis: Diagnosis, sender: str) -> Message:
    (found,) = [one for one in diagnosis.messages if one.originator == sender]
    return found


A, B, C = "a@x.example", "b@x.example", "c@x.example"
MTS = "c=US;a= ;p=O;l=SRV0001150{}DAAAAAA{}"
FIRST = tracked(MTS.format("900", "A"), 1004, "2000.1.15 9:00:05", A)
LAST = tracked(MTS.format("959", "F"), 1004, "2000.1.15 23:00:05", C)
SESSION_A = accepted("1/15/00 9:00:00 AM", A)
SESSION_B = accepted("1/15/00 10:00:00 AM", B)
SESSION_C = accepted("1/15/00 11:00:00 PM", C)


def test_accepted_and_in_no_artefact_is_lost(
    site: Callable[..., Path], diagnosed: Callable[[Path], Diagnosis]
) -> None:
    folder = site([SESSION_A, SESSION_B, SESSION_C], {"20000115": [FIRST, LAST]})
    diagnosis = diagnosed(folder)
    assert {one.fate for one in diagnosis.messages} == {Fate.DELIVERED, Fate.LOST}
    assert of(diagnosis, B).fate is Fate.LOST


def test_a_hand_over_hours_late_is_no_loss(
    site: Callable[..., Path], diagnosed: Callable[[Path], Diagnosis]
) -> None:
    late = tracked(MTS.format("959", "B"), 1004, "2000.1.15 14:20:00", f"SMTP:{B}")
    folder = site([SESSION_A, SESSION_B, SESSION_C], {"20000115": [FIRST, late, LAST]})
    diagnosis = diagnosed(folder)
    assert len(diagnosis.messages) == 3
    assert of(diagnosis, B).fate is Fate.DELIVERED


def test_a_tracking_log_that_ends_before_it_proves_nothing(
    site: Callable[..., Path], diagnosed: Callable[[Path], Diagnosis]
) -> None:
    diagnosis = diagnosed(site([SESSION_A, SESSION_B], {"20000115": [FIRST]}))
    message = of(diagnosis, B)
    assert (message.fate, message.wanting) == (Fate.UNKNOWN, (TRACKING_END,))
    assert [one.confidence for one in diagnosis.findings] == [Confidence.POSSIBLE]


def test_a_day_without_its_tracking_log_proves_nothing_whatever_the_zone(
    site: Callable[..., Path], diagnosed: Callable[[Path], Diagnosis]
) -> None:
    before = tracked(MTS.format("900", "A"), 1004, "2000.1.14 9:00:05", A)
    after = tracked(MTS.format("959", "F"), 1004, "2000.1.16 23:00:05", C)
    folder = site([SESSION_B], {"20000114": [before], "20000116": [after]})
    assert of(diagnosed(folder), B).fate is Fate.UNKNOWN
    (folder / "zone.reg").unlink()
    assert of(diagnosed(folder), B).fate is Fate.UNKNOWN


def test_a_refused_session_is_refused_and_a_cut_one_incomplete(
    site: Callable[..., Path], diagnosed: Callable[[Path], Diagnosis]
) -> None:
    refused = accepted("1/15/00 10:00:00 AM", B, reply="554 no")
    cut = SESSION_C[: SESSION_C.index("\n", SESSION_C.index("354 Send")) + 1]
    folder = site([SESSION_A, refused, cut, SESSION_A], {"20000115": [FIRST, LAST]})
    diagnosis = diagnosed(folder)
    assert of(diagnosis, B).fate is Fate.REFUSED
    assert Fate.INCOMPLETE in {one.fate for one in diagnosis.messages}


@pytest.mark.slow
@pytest.mark.parametrize("length", [2, 1500])
def test_reports_that_name_each_other_hide_no_message(
    site: Callable[..., Path], diagnosed: Callable[[Path], Diagnosis], length: int
) -> None:
    ids = [f"c=US;a= ;p=O;l=SRV-000115090000Z-{number}" for number in range(length)]
    ring = [
        tracked(one, 1010, "2000.1.15 9:00:05", "", ids[number - 1], "1")
        for number, one in enumerate(ids)
    ]
    assert diagnosed(site([SESSION_A], {"20000115": [FIRST, *ring, LAST]})).messages


def test_retries_are_one_message_for_days_and_not_for_months(
    site: Callable[..., Path], diagnosed: Callable[[Path], Diagnosis]
) -> None:
    def attempt(time: str, reply: str) -> str:
        lines = [
            "A connection to 192.0.2.1 was established.",
            ">>> MAIL FROM:<a@o.example>", "<<< 250 ok",
            ">>> RCPT TO:<b@far.example>", f"<<< {reply}",
        ]  # fmt: skip
        if reply.startswith("250"):
            lines += [">>> DATA", "<<< 354 go", "<<< 250 taken"]
        lines += [">>> QUIT", "<<< 221 bye"]
        return "".join(f"{time} : {line}\r\n" for line in lines)

    log = [attempt("1/15/00 9:00:00 AM", "450 later"), attempt("1/15/00 9:30:00 AM", "250 ok")]
    later = [attempt("1/20/00 9:00:00 AM", "450 later"), attempt("3/30/00 9:30:00 AM", "250 ok")]
    fates = [one.fate for one in diagnosed(site([*log, *later], {})).messages]
    assert fates == [Fate.DELIVERED, Fate.DEFERRED, Fate.DELIVERED]
