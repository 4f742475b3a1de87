"""Mail that loops: told as a note, with the fate that it has anyway."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from site_builder import Site, came, events_text, other_mail, taken_over
from spool_builder import spool_file

from imctool.model.diagnosis import Diagnosis
from imctool.model.message import Fate

MORNING = datetime(2000, 5, 16, 9)
MINUTE = timedelta(minutes=1)
HOPS = (
    "The following message could not be delivered because the hop count exceeded the maximum."
    " Check your configuration to make sure messages are not looping."
    "\r\nFrom: round@x.example\r\nSubject: Round and round"
)

Diagnose = Callable[[Path], Diagnosis]


def received(name: str, moment: datetime) -> str:
    return (
        "Received: from peer.example by srv.o.example with SMTP (Microsoft Exchange Internet Mail"
        f" Service Version 5.5.2653.13) id {name}; {moment:%a, %d %b %Y %H:%M:%S} +0000\r\n"
    )


def archived(folder: Path, name: str, *passes: str, subject: str = "Round and round") -> None:
    """Leave a message in In\\Archive that came in under each of these names, the last on top."""
    lines = [received(one, MORNING + place * MINUTE) for place, one in enumerate(passes)]
    text = f"{''.join(reversed(lines))}Message-ID: <round@x.example>\r\nSubject: {subject}\r\n\r\n"
    place = folder / "Imcdata/In/Archive"
    place.mkdir(parents=True, exist_ok=True)
    content = spool_file(
        text.encode("ascii"),
        originator="round@x.example",
        recipients=["me@o.example"],
        mts_id=f"c=US;a= ;p=O;l=SRV{MORNING:%y%m%d%H%M}{name}",
        time=MORNING + (len(passes) - 1) * MINUTE,
    )
    (place / name).write_bytes(content)


def notes(diagnosis: Diagnosis) -> dict[str, str]:
    return {one.name: "; ".join(one.notes) for one in diagnosis.messages}


def test_a_header_with_many_lines_of_the_server_itself_is_noted(
    tmp_path: Path, diagnosed: Diagnose
) -> None:
    archived(tmp_path, "DAAAAAAJ", "DAAAAAAB", "DAAAAAAF", "DAAAAAAJ")
    archived(tmp_path, "DAAAAAAM", "DAAAAAAL", "DAAAAAAM")
    told = notes(diagnosed(tmp_path))
    assert "3 Received lines of this server" in told["DAAAAAAJ"]
    assert told["DAAAAAAM"] == ""


def test_an_event_that_names_the_message_is_noted(tmp_path: Path, diagnosed: Diagnose) -> None:
    text = (
        "The message from the spool file DAAAAAAB seems to be looping through the routing extension"
    )
    archived(tmp_path, "DAAAAAAB", "DAAAAAAB")
    Site(events=events_text([(MORNING + MINUTE, "MSExchangeIMC", 4115, text)])).write(tmp_path)
    assert "loops through the routing extension" in notes(diagnosed(tmp_path))["DAAAAAAB"]


def test_an_event_that_names_sender_and_subject_goes_to_that_message_alone(
    tmp_path: Path, diagnosed: Diagnose
) -> None:
    archived(tmp_path, "DAAAAAAB", "DAAAAAAB")
    archived(tmp_path, "DAAAAAAF", "DAAAAAAF", subject="Rates")
    Site(events=events_text([(MORNING + MINUTE, "MSExchangeIMC", 4098, HOPS)])).write(tmp_path)
    told = notes(diagnosed(tmp_path))
    assert "hop count exceeded" in told["DAAAAAAB"]
    assert told["DAAAAAAF"] == ""


def test_a_message_that_comes_from_the_server_itself_three_times_is_no_duplicate(
    tmp_path: Path, diagnosed: Diagnose
) -> None:
    """Each round is delivered as far as tracking tells, and none of them is lost."""
    names = ("DAAAAAAB", "DAAAAAAF", "DAAAAAAJ")
    for place, name in enumerate(names):
        archived(tmp_path, name, *names[: place + 1])
    rounds = [
        came(MORNING + place * MINUTE, "round@x.example").replace("peer.example", "srv.o.example")
        for place in range(3)
    ]
    records = [
        taken_over(MORNING + place * MINUTE + timedelta(seconds=2), name, "round@x.example")
        for place, name in enumerate(names)
    ]
    later = other_mail(MORNING + 10 * MINUTE, MORNING + 60 * MINUTE, 10 * MINUTE)
    Site(rounds, {"20000516": [*records, later]}).write(tmp_path)
    diagnosis = diagnosed(tmp_path)
    assert [one.fate for one in diagnosis.messages if one.name in names] == [Fate.DELIVERED] * 3
    assert all("by way of the server itself" in note for note in notes(diagnosis).values() if note)
    assert "it loops" in notes(diagnosis)["DAAAAAAB"]
