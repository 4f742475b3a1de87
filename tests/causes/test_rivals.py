"""A 4117 has many causes: the character set is blamed last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imctool.causes.case import Case
from imctool.causes.findings import Tool, find_causes
from imctool.knowledge.cause import load_causes
from imctool.ledger.ledger import build_ledger
from imctool.model.event import Event
from imctool.model.evidence import Location
from imctool.model.finding import Confidence, Finding
from imctool.model.settings import RegistryValue
from imctool.readers.collection import Collection, collect

FAILED = "LA4XGWQ7"


def event(number: int, source: str, text: str, at: datetime, data: bytes = b"") -> Event:
    place = Location("extra.txt", line=number)
    return Event(place, at, source, number, message=text, data=data)


def value(key: str, name: str, number: int) -> RegistryValue:
    root = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\"
    return RegistryValue(Location("export.reg", line=9), root + key, name, number)


@pytest.fixture
def collection(story: Callable[[str], Path]) -> Collection:
    return collect([story("q230250")])


def findings_of(collection: Collection) -> dict[str | None, Finding]:
    ledger = build_ledger(collection)
    case = Case.open(ledger, collection.registry, collection.character_sets)
    found = find_causes(case, load_causes(), Tool(frozenset(), (".",)))
    return {one.article: one for one in found}


def failed_at(collection: Collection) -> datetime:
    times = [
        e.time for e in collection.events if e.event_id == 4117 and str(e.spool_name) == FAILED
    ]
    assert times[0] is not None
    return times[0].astimezone(UTC)


def names(finding: Finding) -> set[str]:
    return {str(message.spool_name) for message in finding.messages}


def test_without_sharper_evidence_it_is_the_character_set(collection: Collection) -> None:
    found = findings_of(collection)
    assert set(found) == {"Q230250"}
    assert len(names(found["Q230250"])) == 2


@pytest.mark.parametrize(
    ("number", "code", "article"),
    [
        (12006, "80040C05-F20000E9", "Q190084"),
        (12006, "80040C06-F2000000", "Q252624"),
        (12004, "80004005-F0000000", "Q192583"),
    ],
)
def test_a_content_engine_event_with_the_same_name_is_sharper(
    collection: Collection, number: int, code: str, article: str
) -> None:
    text = (
        f"Error {code} occurred while processing message <x>. The archive filename is '{FAILED}'."
    )
    collection.events.append(event(number, "MSExchangeIS Private", text, failed_at(collection)))
    found = findings_of(collection)
    assert names(found[article]) == {FAILED}
    assert FAILED not in names(found["Q230250"])


def test_a_content_engine_event_with_another_name_is_not(collection: Collection) -> None:
    text = "Error 80040C05-F20000E9 occurred. The archive filename is 'JTJF9DG7'."
    collection.events.append(event(12006, "MSExchangeIS", text, failed_at(collection)))
    assert len(names(findings_of(collection)["Q230250"])) == 2


def test_a_lost_store_session_beside_it_is_sharper(collection: Collection) -> None:
    text = "The error 0x80040115 was encountered while trying to communicate with the store."
    at = failed_at(collection) - timedelta(seconds=40)
    collection.events.append(event(3039, "MSExchangeIMC", text, at))
    found = findings_of(collection)
    assert names(found[None]) == {FAILED}
    assert FAILED not in names(found["Q230250"])


def test_too_few_store_threads_in_the_registry_are_certain(collection: Collection) -> None:
    text = "The error 0x80040115 was encountered while trying to communicate with the store."
    collection.events.append(event(3039, "MSExchangeIMC", text, failed_at(collection)))
    collection.registry.append(
        value("MSExchangeIS\\ParametersSystem", "Max Threads(Private+Public)", 5)
    )
    assert findings_of(collection)["Q169686"].confidence is Confidence.CERTAIN


def test_max_recipients_on_submit_is_sharper_only_if_the_message_exceeds_it(
    collection: Collection,
) -> None:
    key, name = "MSExchangeIS\\ParametersSystem", "Max Recipients on Submit"
    collection.registry.append(value(key, name, 5000))
    assert len(names(findings_of(collection)["Q230250"])) == 2
    changed = Collection().spool_files
    changed.extend(
        (
            kind,
            replace(file, envelope=replace(file.envelope, recipient_count=6000))
            if str(file.spool_name) == FAILED
            else file,
        )
        for kind, file in collection.spool_files
    )
    collection.spool_files = changed
    found = findings_of(collection)
    assert names(found["Q246051"]) == {FAILED}
    assert FAILED not in names(found["Q230250"])


def test_the_data_words_alone_prove_no_recipient_limit(collection: Collection) -> None:
    words = bytes.fromhex("7f03010005400080")
    changed = Collection().events
    changed.extend(
        replace(one, data=words) if one.event_id == 4117 else one for one in collection.events
    )
    collection.events = changed
    assert set(findings_of(collection)) == {"Q230250"}


def test_a_setting_that_equals_the_label_makes_it_only_possible(collection: Collection) -> None:
    collection.character_sets = [
        replace(one, mime="koi8-r", non_mime="koi8-r") for one in collection.character_sets
    ]
    ledger = build_ledger(collection)
    case = Case.open(ledger, collection.registry, collection.character_sets)
    found = find_causes(case, load_causes(), Tool(frozenset(), (".",)))
    by_confidence = {one.confidence: names(one) for one in found}
    assert by_confidence[Confidence.POSSIBLE] == {FAILED}
    assert FAILED not in by_confidence[Confidence.LIKELY]


def test_a_message_delivered_after_its_4117_is_no_finding(collection: Collection) -> None:
    record = next(one for one in collection.tracking if one.message_id.endswith(FAILED))
    later = record.time + timedelta(hours=1)
    collection.tracking.append(replace(record, event=1013, time=later))
    assert FAILED not in names(findings_of(collection)["Q230250"])


def test_other_sources_with_the_same_numbers_mean_nothing(story: Callable[[str], Path]) -> None:
    collection = collect([story("healthy")])
    at = datetime(2000, 5, 16, 12, tzinfo=UTC)
    for number in (4116, 4117, 4120, 4131, 3041, 12802):
        text = f"error 0x8004010f in spool file {FAILED}"
        collection.events.append(event(number, "SomeOtherService", text, at))
        collection.events.append(event(number, "MSExchange Pop3", text, at))
    assert findings_of(collection) == {}


def test_a_4116_at_a_failed_start_is_no_message_in_the_bad_folder(
    story: Callable[[str], Path],
) -> None:
    collection = collect([story("healthy")])
    at = datetime(2000, 5, 16, 12, tzinfo=UTC)
    collection.events.append(event(4018, "MSExchangeIMC", "MAPI could not be initialized", at))
    collection.events.append(event(4116, "MSExchangeIMC", "moved to the BAD folder", at))
    collection.events.append(event(12802, "MSExchangeIS", "Error 0x8004010f", at))
    assert findings_of(collection) == {}
