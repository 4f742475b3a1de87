"""The counter of spool names tells between which names that of a lost message lies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from site_builder import Site, came, other_mail, taken_over

from imctool.ledger.counter import UNKNOWN, NamedSpan, interval_note, name_interval
from imctool.ledger.ledger import build_ledger
from imctool.model.message import Fate
from imctool.model.spool_name import SpoolName
from imctool.readers.collection import collect

NOON = datetime(2000, 5, 16, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIRST = SpoolName.parse("DAAAAAAB")


def named(minute: float, steps: int) -> NamedSpan:
    """A name that was given out in that minute past noon, some steps behind the first."""
    moment = NOON + minute * MINUTE
    return NamedSpan(moment, moment + MINUTE / 2, FIRST.successor(steps))


def within(minute: float) -> tuple[datetime, datetime]:
    return NOON + minute * MINUTE, NOON + (minute + 0.5) * MINUTE


def test_the_names_before_and_after_its_time_bound_it() -> None:
    known = [named(0, 0), named(5, 4), named(10, 9), named(20, 30)]
    found = name_interval(known, within(7), [])
    assert found == (FIRST.successor(4), FIRST.successor(9))
    assert interval_note(found) == (
        f"its spool name must lie between {FIRST.successor(4)} and {FIRST.successor(9)}"
        " (4 names there; inferred from the counter)"
    )


def test_a_session_that_was_open_at_the_same_time_bounds_nothing() -> None:
    open_still = NamedSpan(NOON, NOON + 30 * MINUTE, FIRST.successor(7))
    found = name_interval([named(1, 2), open_still, named(40, 12)], within(10), [])
    assert found == (FIRST.successor(2), FIRST.successor(12))


def test_names_of_another_run_of_the_service_bound_nothing() -> None:
    known = [named(0, 0), named(20, 30)]
    assert name_interval(known, within(10), [NOON + 5 * MINUTE]) == (None, FIRST.successor(30))
    assert name_interval(known, within(10), [NOON + 15 * MINUTE]) == (FIRST, None)
    assert name_interval(known, within(10), [NOON + 10.2 * MINUTE]) == UNKNOWN
    jumped = NamedSpan(*within(20), SpoolName(FIRST.value + 32**5))
    assert name_interval([named(0, 0), jumped], within(10), []) == UNKNOWN


def test_names_that_fall_while_time_rises_say_nothing() -> None:
    assert name_interval([named(0, 30), named(20, 0)], within(10), []) == UNKNOWN
    assert interval_note(UNKNOWN) is None


@given(
    steps=st.lists(st.integers(1, 40), min_size=3, max_size=30),
    gone=st.integers(0, 29),
    restarts=st.lists(st.floats(0, 60), max_size=2),
)
def test_the_true_name_always_lies_within(
    steps: list[int], gone: int, restarts: list[float]
) -> None:
    """One name a minute, whatever the steps between them: a name left out is bounded rightly."""
    gone %= len(steps)
    names = [named(place, sum(steps[: place + 1])) for place in range(len(steps))]
    true = names.pop(gone)
    starts = sorted(NOON + minute * MINUTE for minute in restarts)
    before, after = name_interval(names, (true.earliest, true.latest), starts)
    assert before is None or before < true.name
    assert after is None or true.name < after


def test_a_lost_message_of_4_0_is_told_with_the_names_around_it(tmp_path: Path) -> None:
    morning = datetime(2000, 5, 16, 9)
    sessions = [came(morning + place * 30 * MINUTE, f"{one}@x.example") for place, one in
                enumerate("abc")]  # fmt: skip
    records = [
        taken_over(morning, "DAAAAAAB", "a@x.example"),
        taken_over(morning + 60 * MINUTE, "DAAAAAAN", "c@x.example"),
        other_mail(morning - 9 * MINUTE, morning + 200 * MINUTE, 9 * MINUTE),
    ]
    folder = Site(sessions, {"20000516": records}).write(tmp_path)
    (lost,) = [one for one in build_ledger(collect([folder]), UTC).messages
               if one.fate is Fate.LOST]  # fmt: skip
    assert lost.originator == "b@x.example"
    assert any("between DAAAAAAB and DAAAAAAN" in note for note in lost.notes)
