"""Records come out of a series as they went in, whether it has moved to SQLite or not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository import REPOSITORY

from imctool.database.connection import CaseConnection, CaseFileError
from imctool.database.series import Series
from imctool.database.tables import EVENTS, SPOOL_FILES, TRACKING, TRANSACTIONS, Record, Table
from imctool.model.event import Event
from imctool.model.evidence import Location
from imctool.model.tracking import TrackingRecord
from imctool.readers.collection import Collection, collect

STORIES = ["healthy", "ordinary", "q157684", "q157693", "q174036", "q230250", "q272672"]


@pytest.fixture
def database() -> Iterator[CaseConnection]:
    connection = CaseConnection()
    yield connection
    connection.close()


def stored(database: CaseConnection, table: Table[Record], most: int) -> Series[Record]:
    return Series(lambda: database, table, most)


def collection_of(story: str) -> Collection:
    return collect([REPOSITORY / "fixtures" / story / "evidence"])


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("most", [0, 3])
def test_every_record_of_a_story_is_the_same_after_the_database(
    story: str, most: int, database: CaseConnection
) -> None:
    read = collection_of(story)
    pairs: list[tuple[Table[object], Series[object]]] = [
        (SPOOL_FILES, read.spool_files),
        (EVENTS, read.events),
        (TRACKING, read.tracking),
        (TRANSACTIONS, read.transactions),
    ]  # type: ignore[list-item]
    for table, series in pairs:
        other = stored(database, table, most)
        for record in series:
            other.append(record)
        assert list(other) == list(series)
        assert [repr(one) for one in other] == [repr(one) for one in series]
        assert [other[number] for number, _ in series.items()] == list(series)
        assert len(other) == len(series)


def test_numbers_stay_when_a_series_moves_to_the_database(database: CaseConnection) -> None:
    series = stored(database, EVENTS, 4)
    numbers = [series.append(event(str(place))) for place in range(10)]
    assert numbers == list(range(10))
    assert [series[number].source for number in reversed(numbers)] == list("9876543210")
    assert [number for number, _ in series.items()] == numbers


def test_a_number_that_is_not_there_shows_damage(database: CaseConnection) -> None:
    series = stored(database, EVENTS, 0)
    series.append(event("x"))
    with pytest.raises(CaseFileError) as caught:
        series[7]
    assert caught.value.damaged


def test_a_number_past_what_sqlite_holds_is_the_largest(database: CaseConnection) -> None:
    series = stored(database, TRACKING, 0)
    time = datetime(2000, 1, 1, tzinfo=UTC)
    series.append(TrackingRecord(Location("a.log", line=1), "c=x", 9, time, length=10**19))
    (one,) = series
    assert one.length == (1 << 63) - 1


def event(source: str, text: str | None = None, data: bytes = b"") -> Event:
    return Event(Location("log.evt", record=1), None, source, 4117, message=text, data=data)


@given(
    source=st.text(max_size=30),
    text=st.none() | st.text(max_size=60),
    strings=st.lists(st.text(st.characters(exclude_categories=[]), max_size=20), max_size=4),
    data=st.binary(max_size=40),
)
def test_any_event_survives(source: str, text: str | None, strings: list[str], data: bytes) -> None:
    connection = CaseConnection()
    series = stored(connection, EVENTS, 0)
    one = Event(
        Location("a/b.txt", line=3), None, source, 1, message=text, strings=tuple(strings),
        data=data,
    )  # fmt: skip
    series.append(one)
    assert list(series) == [one]
    connection.close()


def test_half_a_surrogate_pair_is_stored_as_a_question_mark(database: CaseConnection) -> None:
    series = stored(database, EVENTS, 0)
    series.append(event("MSExchangeIMC", "text \ud800 of an export"))
    (one,) = series
    assert one.message == "text ? of an export"


def test_a_collection_that_has_grown_large_tells_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from imctool.ledger.ledger import build_ledger
    from imctool.readers import collection as module

    small = dict.fromkeys(module._IN_MEMORY, 2)
    before = [repr(one) for one in build_ledger(collection_of("ordinary")).messages]
    monkeypatch.setattr(module, "_IN_MEMORY", small)
    after = [repr(one) for one in build_ledger(collection_of("ordinary")).messages]
    assert after == before
