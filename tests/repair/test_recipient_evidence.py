"""What the logs show of recipients: reached, failed, and what they cannot tell."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from imctool.model.direction import Direction
from imctool.model.evidence import Location
from imctool.model.message import Fate, Message
from imctool.model.ndr import FailedRecipient
from imctool.model.smtp import Outcome, Reply, Transaction
from imctool.model.tracking import TrackingRecord
from imctool.readers.tracking_log import parse_tracking_log
from imctool.repair.recipient_evidence import (
    delivered_recipients,
    failed_recipients,
    tracked_names,
)

pytestmark = pytest.mark.slow

NOON = datetime(2002, 5, 8, 12, tzinfo=UTC)
ANNA, BEN, CARL = "anna@o.example", "ben@o.example", "carl@far.example"
ID = "<order-17@x.example>"


def tracked(event: int, *names: str, count: int | None = None, status: str = "") -> TrackingRecord:
    return TrackingRecord(
        Location("track.log", line=event),
        "c=US;a= ;p=O;l=SRV0205081200WKA6D6YM",
        event,
        NOON,
        recipient_count=len(names) if count is None else count,
        recipients=tuple((f"SMTP:{name}", status) for name in names),
    )


def session(
    outcome: Outcome,
    accepted: tuple[str, ...] = (),
    refused: tuple[tuple[str, int], ...] = (),
    code: int = 250,
    direction: Direction = Direction.OUTBOUND,
) -> Transaction:
    place = Location("L1.LOG", line=len(accepted) + 10 * len(refused))
    return Transaction(
        place, direction, outcome, None, None, "far", "shop@x.example", accepted, len(accepted),
        tuple((one, Reply(number, "5.1.1 no", place)) for one, number in refused), len(refused),
        reply=Reply(code, "said", place),
    )  # fmt: skip


def inbound(
    *tracking: TrackingRecord, sessions: tuple[Transaction, ...] = (), message_id: str | None = ID
) -> Message:
    return Message(
        Direction.INBOUND, Fate.STUCK, message_id=message_id, tracking=tracking,
        transactions=sessions,
    )  # fmt: skip


def outbound(*sessions: Transaction, message_id: str | None = ID) -> Message:
    return Message(Direction.OUTBOUND, Fate.DELIVERED, message_id=message_id, transactions=sessions)


# --- delivered


@pytest.mark.parametrize("event", [9, 1000, 1004, 1013])
def test_whom_a_final_record_names_the_message_has_reached(event: int) -> None:
    found = delivered_recipients(inbound(tracked(1012, CARL), tracked(event, ANNA.upper(), BEN)))
    assert found is not None
    assert found.addresses == {ANNA, BEN}
    assert found.places == (Location("track.log", line=event),)
    assert found.unnamed == 0


@pytest.mark.parametrize("event", [1012, 1014, 1017, 4])
def test_a_record_on_the_way_shows_nothing(event: int) -> None:
    assert delivered_recipients(inbound(tracked(event, ANNA))) is None


def test_that_the_server_took_a_recipient_is_no_delivery() -> None:
    came = session(Outcome.ACCEPTED, (ANNA,), direction=Direction.INBOUND)
    assert delivered_recipients(inbound(sessions=(came,))) is None


def test_a_relayed_message_reached_whom_the_next_host_accepted() -> None:
    relayed = outbound(
        session(Outcome.ACCEPTED, (CARL,), ((BEN, 550),)), session(Outcome.DEFERRED, (ANNA,))
    )
    found = delivered_recipients(inbound(tracked(1014, CARL)), [relayed])
    assert found is not None
    assert found.addresses == {CARL}
    another = outbound(session(Outcome.ACCEPTED, (CARL,)), message_id="<another@x>")
    assert delivered_recipients(inbound(), [another]) is None
    assert (
        delivered_recipients(
            inbound(message_id=None),
            [outbound(session(Outcome.ACCEPTED, (CARL,)), message_id=None)],
        )
        is None
    )


def test_recipients_that_no_address_names_are_counted() -> None:
    record = TrackingRecord(
        Location("track.log", line=1), "x", 9, NOON, recipient_count=3,
        recipients=((f"SMTP:{ANNA}", ""), ("/o=O/ou=S/cn=Recipients/cn=ben", "")),
    )  # fmt: skip
    found = delivered_recipients(inbound(record))
    assert found is not None
    assert (found.addresses, found.unnamed) == ({ANNA}, 2)


def test_a_record_of_more_names_than_are_kept_is_read_again(tmp_path: Path) -> None:
    names = [f"user{number}@o.example" for number in range(1500)]
    path = tmp_path / "20020508.log"
    head = "id\t{}\t2002.5.8 12:00:00\t\t\t\t\t0\t5\t0\t0\t\t{}\r\n"
    listed = "".join(f"SMTP:{name}\t\r\n" for name in names)
    first = head.format(1012, 1) + f"SMTP:{CARL}\t\r\n"
    path.write_text(first + head.format(1013, 1500) + listed, newline="")
    with path.open("rb") as stream:
        records = [one for one in parse_tracking_log(stream, "t") if type(one) is TrackingRecord]
    message = inbound(*records)
    cut = delivered_recipients(message)
    assert cut is not None
    assert (len(cut.addresses), cut.unnamed) == (1000, 500)
    whole = delivered_recipients(message, names=lambda one: tracked_names(path, one))
    assert whole is not None
    assert (whole.addresses, whole.unnamed) == (frozenset(names), 0)
    path.write_text(first + head.format(1013, 1500) + listed[:-30], newline="")
    assert tracked_names(path, records[1]) is None, "the file is cut"
    path.write_text(head.format(1013, 1500) + listed, newline="")
    assert tracked_names(path, records[1]) is None, "another record stands there"


# --- failed


def test_whom_the_next_host_refused_for_good_has_failed() -> None:
    found = failed_recipients(
        outbound(session(Outcome.ACCEPTED, (CARL,), ((ANNA, 550), (BEN, 452)))),
    )
    assert found is not None
    assert found.recipients == (FailedRecipient(ANNA, "550 5.1.1 no"),)
    assert (found.reported, found.unnamed) == (frozenset(), 0)


def test_a_text_that_is_refused_fails_all_whom_the_session_had() -> None:
    refused = session(Outcome.REFUSED, (ANNA, BEN), code=554)
    found = failed_recipients(inbound(), [outbound(refused)])
    assert found is not None
    assert found.recipients == (
        FailedRecipient(ANNA, "554 said"),
        FailedRecipient(BEN, "554 said"),
    )


def test_whom_another_try_reached_has_not_failed() -> None:
    found = failed_recipients(
        outbound(
            session(Outcome.ACCEPTED, (BEN,), ((ANNA, 550), (CARL, 550))),
            session(Outcome.ACCEPTED, (ANNA.upper(),)),
        )
    )
    assert found is not None
    assert [one.address for one in found.recipients] == [CARL]


def test_a_refusal_by_this_server_is_no_failure_of_its_own() -> None:
    came = session(Outcome.ACCEPTED, (ANNA,), ((BEN, 550),), direction=Direction.INBOUND)
    assert failed_recipients(inbound(sessions=(came,))) is None
    assert failed_recipients(inbound(tracked(1013, ANNA))) is None


def test_whom_a_tracked_report_names_has_failed_and_was_reported() -> None:
    found = failed_recipients(
        inbound(tracked(1017, ANNA, BEN, status="1"), tracked(1013, CARL, BEN))
    )
    assert found is not None
    assert found.recipients == (FailedRecipient(ANNA),)
    assert found.reported == {ANNA, BEN}
    assert failed_recipients(inbound(tracked(1017, ANNA, status="0"))) is None
