"""From collected evidence to the diagnosis: ledger, causes, and what was missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import tzinfo

from imctool.causes.case import Case
from imctool.causes.findings import Tool, find_causes
from imctool.database.connection import CaseConnection
from imctool.knowledge.cause import load_causes
from imctool.ledger.clock import ServerClock
from imctool.ledger.ledger import Ledger, build_ledger
from imctool.ledger.messages import Messages
from imctool.model.diagnosis import Diagnosis, Input, Missing
from imctool.model.evidence import InputKind
from imctool.model.finding import Finding
from imctool.readers.collection import Collection


def diagnose(collection: Collection, tool: Tool, zone: tzinfo | None = None) -> Diagnosis:
    """Return the whole diagnosis of what was collected."""
    ledger = build_ledger(collection, zone)
    case = Case.open(ledger, collection.registry, collection.character_sets)
    findings = find_causes(case, load_causes(), tool)
    if collection.case is not None:
        save_findings(collection.case, ledger.messages, findings)
    return Diagnosis(
        inputs=tuple(_timed(one, ledger.clock) for one in collection.inputs),
        files=collection.files,
        server=ledger.server,
        messages=ledger.messages,
        findings=findings,
        missing=tuple(missing_evidence(collection, ledger)),
        defects=tuple(collection.defects),
    )


def save_findings(case: CaseConnection, messages: Messages, findings: Iterable[Finding]) -> None:
    """Write the findings and which messages each explains, to be queried in the case."""
    places = {entry.number: place for place, entry in enumerate(messages.entries)}
    case.execute("DELETE FROM finding")
    case.execute("DELETE FROM finding_message")
    for number, one in enumerate(findings, 1):
        row = (
            number, one.article, one.title, str(one.severity), str(one.confidence),
            str(one.fate), one.cause, one.fixed_in,
        )  # fmt: skip
        case.insert("finding", [row])
        explained = ((number, places[message.number]) for message in one.messages)
        case.insert("finding_message", explained)
    case.commit()


def _timed(one: Input, clock: ServerClock) -> Input:
    return replace(
        one,
        first=clock.utc(one.first),
        last=clock.utc(one.last),
        assumed_zone=clock.assumed(one.first),
    )


_COSTS = {
    InputKind.EVENT_LOG: (
        "application event log",
        "why a message was archived, held or moved to the BAD folder (4116, 4117, 4120 ...)",
    ),
    InputKind.PROTOCOL_LOG: (
        "SMTP protocol log",
        "which messages were accepted: one that was lost on 4.0 left a trace only there",
    ),
    InputKind.TRACKING_LOG: (
        "message tracking log",
        "which messages were delivered: without it none can be called lost",
    ),
    InputKind.SPOOL_IN: (
        "folder Imcdata\\In",
        "which inbound messages still wait: without it none can be called lost",
    ),
    InputKind.SPOOL_IN_ARCHIVE: (
        "folder Imcdata\\In\\Archive",
        "the archived messages, their charsets and recipients",
    ),
    InputKind.SPOOL_OUT: (
        "folder Imcdata\\Out",
        "which outbound messages still wait: without it none can be called lost",
    ),
    InputKind.REGISTRY: (
        "registry export",
        "installed code pages, Max Recipients on Submit, ResolveP2, the time zone; a default "
        "NT 4.0 is assumed for code pages",
    ),
    InputKind.IMC_SETTINGS: (
        "imccopy output (imc.txt)",
        "the Character Sets setting, default and per E-Mail Domain",
    ),
}


def missing_evidence(collection: Collection, ledger: Ledger) -> Iterator[Missing]:
    """Yield each kind of evidence that was not found, with what that costs the diagnosis."""
    present = {one.kind for one in collection.inputs if one.records} | collection.folders
    for kind, (evidence, costs) in _COSTS.items():
        if kind not in present:
            yield Missing(evidence, costs, kind)
    if collection.tracking and not ledger.evidence.connector_tracked:
        yield Missing(
            "tracking records of the connector",
            "the tracking log has none of its events: tracking was probably off for it, so no "
            "message can be called lost",
            InputKind.TRACKING_LOG,
        )
    details = {
        one.span.detail
        for one in collection.coverage
        if one.file.kind is InputKind.PROTOCOL_LOG and one.span.detail
    }
    if details and "maximum" not in details:
        yield Missing(
            "protocol log at Maximum level",
            "the text of accepted messages: charsets of what was lost, and its recovery",
        )
    if not ledger.clock.known and _local_times(collection):
        yield Missing(
            "the server's time zone",
            "local times are taken for UTC and marked; give --timezone to mend it",
        )


def _local_times(collection: Collection) -> bool:
    return bool(collection.transactions) or any(
        event.time is not None and event.time.tzinfo is None for event in collection.events
    )
