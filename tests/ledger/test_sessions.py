"""Which session is whose: reports, and mail that nothing tells apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from site_builder import CONNECTOR, Site, came, taken_over, went

from imctool.ledger import draft_index
from imctool.ledger.ledger import build_ledger
from imctool.model.diagnosis import Diagnosis
from imctool.model.message import Fate
from imctool.model.spool_name import SpoolName
from imctool.readers.collection import collect

MORNING = datetime(2000, 5, 16, 9)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)

Diagnose = Callable[[Path], Diagnosis]


def reported(utc: datetime, subject: str, failed: str) -> str:
    """The records of a report that goes out: they list the recipient it speaks of."""
    lines = []
    for place, event in enumerate((1017, 1016)):
        time = utc + 5 * place * SECOND
        fields = [f"c=US;a= ;p=O;l=SRV-{utc:%y%m%d%H%M%S}Z-9", str(event)]
        fields += [f"{time.year}.{time.month}.{time.day} {time:%H:%M:%S}", CONNECTOR, "", "", ""]
        fields += ["0", "500", "0", "0", subject, "1"]
        lines.append("\t".join(fields) + f"\r\nSMTP:{failed}\t1\r\n")
    return "".join(lines)


def test_the_session_of_a_report_goes_to_the_originator_and_is_the_reports(
    tmp_path: Path, diagnosed: Diagnose
) -> None:
    """The tracking log has the failed recipient, the session the one who is told of it."""
    message = taken_over(MORNING, "DAAAAAAB", "a@x.example").replace("\t1004\t", "\t1012\t")
    mts_id = message.partition("\t")[0]
    back = went(MORNING + MINUTE + 3 * SECOND, "a@x.example")
    sessions = [came(MORNING, "a@x.example"), back.replace("<me@o.example>", "<>")]
    records = [message, reported(MORNING + MINUTE, mts_id, "me@o.example")]
    (only,) = diagnosed(Site(sessions, {"20000516": records}).write(tmp_path)).messages
    assert only.fate is Fate.RETURNED
    assert [seen.kind for seen in only.observations].count("protocol") == 2


def test_a_session_to_someone_else_is_not_the_reports(tmp_path: Path, diagnosed: Diagnose) -> None:
    message = taken_over(MORNING, "DAAAAAAB", "a@x.example").replace("\t1004\t", "\t1012\t")
    other = went(MORNING + MINUTE + 3 * SECOND, "else@y.example").replace("<me@o.example>", "<>")
    records = [message, reported(MORNING + MINUTE, message.partition("\t")[0], "me@o.example")]
    diagnosis = diagnosed(Site([other], {"20000516": records}).write(tmp_path))
    assert sorted(one.fate for one in diagnosis.messages) == [Fate.DELIVERED, Fate.RETURNED]


def alike(count: int, ahead: timedelta, lost: frozenset[int] = frozenset()) -> Site:
    """A list's mail, one a minute in one envelope, on a server whose zone no evidence tells."""
    sessions = [came(MORNING + ahead + place * MINUTE, "list@x.example") for place in range(count)]
    days: dict[str, list[str]] = {}
    for place in range(count):
        utc = MORNING + place * MINUTE + 2 * SECOND
        if place not in lost:
            record = taken_over(utc, str(SpoolName(34_000_000_000 + 3 * place)), "list@x.example")
            days.setdefault(f"{utc:%Y%m%d}", []).append(record)
    return Site(sessions, days, bias=None)


@pytest.mark.slow
@pytest.mark.parametrize("hours", [-8.0, 0.0, 5.5])
def test_alike_mail_is_counted_once_each_whatever_the_zone(tmp_path: Path, hours: float) -> None:
    site = alike(700, timedelta(hours=hours), lost=frozenset({5, 300}))
    ledger = build_ledger(collect([site.write(tmp_path)]))
    assert not ledger.clock.known
    assert ledger.messages.count_fates() == {Fate.DELIVERED: 698, Fate.UNKNOWN: 2}


@pytest.mark.slow
def test_few_messages_are_weighed_for_each_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many messages a busy originator sends: the work grows as their number does."""
    asked: Counter[int] = Counter()
    near = draft_index.DraftIndex.near

    def counted(index: draft_index.DraftIndex, *given: object) -> list[int]:
        found = near(index, *given)  # type: ignore[arg-type]
        asked[len(found)] += 1
        return found

    monkeypatch.setattr(draft_index.DraftIndex, "near", counted)
    folder = alike(300, timedelta(0)).write(tmp_path)
    for zone in (None, UTC):
        assert build_ledger(collect([folder]), zone).messages.count_fates() == {Fate.DELIVERED: 300}
    assert sum(asked.values()) == 600
    assert max(asked) <= draft_index.MOST_CANDIDATES


@pytest.mark.slow
def test_a_busy_originators_mail_is_found_by_its_recipient(tmp_path: Path) -> None:
    """Hundreds of others stand nearer in time than the one to that recipient."""
    site = alike(400, timedelta(hours=7))
    late = MORNING + 100 * MINUTE + 20 * SECOND
    special = came(late + timedelta(hours=7), "list@x.example").replace("<me@", "<you@")
    record = taken_over(late, "DAAAAAAB", "list@x.example").replace(":me@", ":you@")
    days = {day: [*records] for day, records in site.tracking.items()}
    days["20000516"].append(record)
    folder = Site([*site.sessions, special], days, bias=None).write(tmp_path)
    messages = build_ledger(collect([folder])).messages
    (mine,) = [one for one in messages if one.name == "DAAAAAAB"]
    assert [one.accepted for one in mine.transactions] == [("you@o.example",)]
    assert messages.count_fates() == {Fate.DELIVERED: 401}
