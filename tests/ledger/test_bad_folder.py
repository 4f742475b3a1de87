"""Event 4116 names no message: which of those that never left went to the BAD folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from site_builder import Site, events_text, handed_over, other_mail

from imctool.ledger.coverage import BAD_FOLDER
from imctool.ledger.ledger import build_ledger
from imctool.model.message import Fate, Message
from imctool.readers.collection import collect

MORNING = datetime(2000, 5, 16, 9)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
QUIET = other_mail(MORNING - 60 * MINUTE, MORNING + 120 * MINUTE, 10 * MINUTE)

Tell = Callable[..., list[Message]]


def moved(*moments: datetime) -> str:
    """The content engine fails, and a second later the message is moved."""
    engine = "Error 0x80004005 during stream configuration."
    return events_text(
        one
        for moment in moments
        for one in (
            (moment, "MSExchangeIS", 12802, engine),
            (moment + SECOND, "MSExchangeIMC", 4116, "It has been moved to the BAD folder."),
        )
    )


@pytest.fixture
def told(tmp_path: Path) -> Tell:
    """A function that returns the connector's messages of a day, by their first time."""

    def tell(records: list[str], events: str) -> list[Message]:
        folder = Site(tracking={"20000516": records}, events=events).write(tmp_path)
        return list(build_ledger(collect([folder]), UTC).messages)

    return tell


def waits(moment: datetime, number: int) -> str:
    """A message that was handed to the connector, and nothing more."""
    return handed_over(moment, number, "far@y.example", 4, 7)


def test_the_only_one_that_waits_is_the_one_in_the_bad_folder(told: Tell) -> None:
    (message,) = told([QUIET, waits(MORNING, 1)], moved(MORNING + 6 * SECOND))
    assert message.fate is Fate.BAD
    assert {event.event_id for event in message.events} == {4116, 12802}


def test_of_two_that_wait_either_may_be_it_and_none_is_counted_twice(told: Tell) -> None:
    records = [QUIET, waits(MORNING - 4 * MINUTE, 1), waits(MORNING, 2)]
    messages = told(records, moved(MORNING + 6 * SECOND))
    assert [(one.fate, one.wanting) for one in messages] == [(Fate.UNKNOWN, (BAD_FOLDER,))] * 2
    assert all(4116 in {event.event_id for event in one.events} for one in messages)


def test_two_events_for_two_that_wait_leave_no_doubt(told: Tell) -> None:
    records = [QUIET, waits(MORNING - 4 * MINUTE, 1), waits(MORNING - 3 * MINUTE, 2)]
    messages = told(records, moved(MORNING, MORNING + MINUTE))
    assert [one.fate for one in messages] == [Fate.BAD] * 2
    assert [len(one.events) for one in messages] == [2, 2]


def test_an_earlier_event_frees_a_later_one_of_its_doubt(told: Tell) -> None:
    records = [QUIET, waits(MORNING - 4 * MINUTE, 1), waits(MORNING, 2)]
    messages = told(records, moved(MORNING - 3 * MINUTE, MORNING + 6 * SECOND))
    assert [one.fate for one in messages] == [Fate.BAD] * 2


def test_a_report_that_was_delivered_does_not_wait(told: Tell) -> None:
    sent = handed_over(MORNING - 2 * MINUTE, 7, "far@y.example", 4, 7)
    report = handed_over(MORNING - MINUTE, 8, "far@y.example", 1007, 10)
    subject = sent.partition("\t")[0]
    report = report.replace("\t500\t0\t0\t\t", f"\t500\t0\t0\t{subject}\t")
    messages = told([QUIET, sent, report, waits(MORNING, 2)], moved(MORNING + 6 * SECOND))
    assert [one.fate for one in messages] == [Fate.RETURNED, Fate.BAD]


def test_where_its_record_may_be_missing_another_is_not_taken_for_it(told: Tell) -> None:
    """The tracking log begins only just before the event: the true one may have come earlier."""
    records = [waits(MORNING, 1), other_mail(MORNING + MINUTE, MORNING + 99 * MINUTE, 9 * MINUTE)]
    waiting, unnamed = told(records, moved(MORNING + 6 * SECOND))
    assert (waiting.fate, unnamed.fate) == (Fate.UNKNOWN, Fate.BAD)
    assert BAD_FOLDER in waiting.wanting
    assert unnamed.mts_id is None
