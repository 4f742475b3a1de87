"""Mail delivered more than once: the first delivery keeps its fate, the others repeat it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from site_builder import CONNECTOR, Site, events_text

from imctool.ledger.ledger import build_ledger
from imctool.model.diagnosis import Diagnosis
from imctool.model.message import Fate
from imctool.readers.collection import collect

MORNING = datetime(2000, 5, 16, 9)
MINUTE = timedelta(minutes=1)
ANNA, BEN = "anna@o.example", "ben@o.example"
ORDER = "<order-17@x.example>"

Diagnose = Callable[[Path], Diagnosis]


def tracked(
    name: str,
    event: int,
    utc: datetime,
    *,
    message_id: str = ORDER,
    sender: str = "shop@x.example",
    to: Sequence[str] = (ANNA,),
    minted: datetime = MORNING,
) -> str:
    """One record of a message that came in under a spool name."""
    mts_id = f"c=US;a= ;p=O;l=SRV{minted:%y%m%d%H%M}{name}"
    time = f"{utc.year}.{utc.month}.{utc.day} {utc:%H:%M:%S}"
    fields = [mts_id, str(event), time, CONNECTOR, "", message_id, f"SMTP:{sender}", "0", "500"]
    names = "".join(f"\r\nSMTP:{one}\t" for one in to)
    return "\t".join([*fields, "0", "0", "", str(len(to))]) + names + "\r\n"


def delivered(name: str, utc: datetime, **said: object) -> str:
    """The records of a message that the store took."""
    second = timedelta(seconds=1)
    return "".join(
        tracked(name, event, utc + second * place, **said)  # type: ignore[arg-type]
        for place, event in enumerate((1012, 1013))
    )


def restart(utc: datetime) -> str:
    return events_text(
        [
            (utc - MINUTE, "MSExchangeIMC", 1001, "The service was shut down."),
            (utc, "MSExchangeIMC", 1000, "The service was started. Version 5.5.2653.13"),
        ]
    )


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., list[tuple[str, Fate, str]]]:
    """A function that returns name, fate and notes of the messages behind some records."""

    def tell(*records: str, events: str = "") -> list[tuple[str, Fate, str]]:
        folder = Site(tracking={"20000516": records}, events=events).write(tmp_path)
        found = build_ledger(collect([folder]), UTC).messages
        return [(one.name, one.fate, "; ".join(one.notes)) for one in found]

    return tell


def test_a_message_that_the_peer_sends_again_repeats_the_first(
    told: Callable[..., list[tuple[str, Fate, str]]],
) -> None:
    first, again, third = told(
        delivered("DAAAAAAB", MORNING),
        delivered("DAAAAAAF", MORNING + 20 * MINUTE),
        delivered("DAAAAAAJ", MORNING + 50 * MINUTE),
    )
    assert first == ("DAAAAAAB", Fate.DELIVERED, "")
    for one in (again, third):
        assert one[1] is Fate.DUPLICATED
        assert "delivered already as DAAAAAAB" in one[2]


def test_one_message_id_to_several_people_is_a_list_and_no_duplicate(
    told: Callable[..., list[tuple[str, Fate, str]]],
) -> None:
    fates = [
        fate
        for _, fate, _ in told(
            delivered("DAAAAAAB", MORNING, to=[ANNA]),
            delivered("DAAAAAAF", MORNING + MINUTE, to=[BEN]),
            delivered("DAAAAAAJ", MORNING + 2 * MINUTE, to=[ANNA, BEN]),
            delivered("DAAAAAAM", MORNING + 3 * MINUTE, to=[ANNA], sender="owner@lists.example"),
        )
    ]
    assert fates == [Fate.DELIVERED] * 4


def test_what_did_not_arrive_before_is_not_repeated(
    told: Callable[..., list[tuple[str, Fate, str]]],
) -> None:
    received_only = tracked("DAAAAAAB", 1012, MORNING)
    (_, _, _), (_, fate, notes) = told(received_only, delivered("DAAAAAAF", MORNING + 20 * MINUTE))
    assert (fate, notes) == (Fate.DELIVERED, "")


def test_the_way_out_of_a_message_that_came_in_is_no_second_delivery(
    told: Callable[..., list[tuple[str, Fate, str]]],
) -> None:
    passed_on = tracked("DAAAAAAB", 1012, MORNING) + tracked("DAAAAAAB", 1014, MORNING + MINUTE)
    sent = tracked("DAAAAAAB", 1011, MORNING + 2 * MINUTE)
    assert [fate for _, fate, _ in told(passed_on, sent)] == [Fate.DELIVERED]


def test_after_a_restart_the_same_file_is_delivered_again(
    told: Callable[..., list[tuple[str, Fate, str]]],
) -> None:
    again = tracked("DAAAAAAB", 1013, MORNING + 60 * MINUTE, to=[ANNA])
    records = (delivered("DAAAAAAB", MORNING, to=[ANNA, BEN]), again)
    ((_, fate, notes),) = told(*records, events=restart(MORNING + 55 * MINUTE))
    assert fate is Fate.DUPLICATED
    assert "2000-05-16 10:00:00 UTC" in notes


@pytest.mark.parametrize(
    ("later", "restarted"),
    [([BEN], MORNING + 55 * MINUTE), ([ANNA], MORNING + 90 * MINUTE)],
    ids=["to the others", "without a restart in between"],
)
def test_a_delivery_in_parts_is_one_delivery(
    told: Callable[..., list[tuple[str, Fate, str]]], later: list[str], restarted: datetime
) -> None:
    again = tracked("DAAAAAAB", 1013, MORNING + 60 * MINUTE, to=later)
    first = delivered("DAAAAAAB", MORNING, to=[ANNA])
    ((_, fate, notes),) = told(first, again, events=restart(restarted))
    assert (fate, notes) == (Fate.DELIVERED, "")


def test_the_same_tracking_log_twice_is_no_second_delivery(
    tmp_path: Path, diagnosed: Diagnose
) -> None:
    records = [delivered("DAAAAAAB", MORNING), delivered("DAAAAAAF", MORNING + MINUTE, to=[BEN])]
    Site(tracking={"20000516": records}).write(tmp_path)
    Site(tracking={"20000516": records}).write(tmp_path / "backup")
    assert [one.fate for one in diagnosed(tmp_path).messages] == [Fate.DELIVERED] * 2
