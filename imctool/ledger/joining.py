"""Which spool files, tracking records and events speak of one message: joined by its names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from imctool.ledger.draft import Draft
from imctool.model.direction import Direction
from imctool.model.event import Event
from imctool.model.evidence import InputKind
from imctool.model.mail import MailFormat, SpoolFile
from imctool.model.spool_name import SpoolName
from imctool.model.tracking import TrackingRecord, normalised_mts_id, parse_mts_id
from imctool.readers.collection import Collection

_FOLDER_DIRECTION = {
    InputKind.SPOOL_IN: Direction.INBOUND,
    InputKind.SPOOL_IN_ARCHIVE: Direction.INBOUND,
    InputKind.SPOOL_WORK: Direction.INBOUND,
    InputKind.TURF: Direction.INBOUND,
    InputKind.SPOOL_OUT: Direction.OUTBOUND,
    InputKind.SPOOL_OUT_ARCHIVE: Direction.OUTBOUND,
    InputKind.PICKUP: Direction.OUTBOUND,
}

_INBOUND_TRACKING = frozenset({1012, 1013, 1014, 1015, 1004, 1005})
_OUTBOUND_TRACKING = frozenset({1010, 1011, 1016, 1017, 1018, 1003, 1006, 1007})
_OUTBOUND_EVENTS = frozenset({2001})
_NAMING_EVENTS = frozenset({2001, 2002, 4055, 4081, 4115, 4117, 4118, 4120, 4131, 4132, 4182, 4192})
"""The connector's events that speak of one spool file; others may hold a name by chance."""


class _Joiner:
    """Drafts by spool name and by MTS-ID."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self._by_name: dict[SpoolName, Draft] = {}
        self._by_mts_id: dict[str, Draft] = {}

    def named(self, name: SpoolName, direction: Direction) -> Draft:
        draft = self._by_name.get(name)
        if draft is None:
            draft = Draft(direction, spool_name=name)
            self.drafts.append(draft)
            self._by_name[name] = draft
        return draft

    def identified(self, mts_id: str, direction: Direction) -> Draft:
        key = normalised_mts_id(mts_id)
        draft = self._by_mts_id.get(key)
        if draft is None:
            draft = Draft(direction)
            self.drafts.append(draft)
            self._by_mts_id[key] = draft
        return draft

    def unnamed(self, direction: Direction) -> Draft:
        draft = Draft(direction)
        self.drafts.append(draft)
        return draft

    def add_file(self, kind: InputKind, file: SpoolFile) -> None:
        direction = direction_of(kind, file)
        if direction is None:
            return
        if kind is InputKind.PICKUP or file.spool_name is None:
            draft = self.unnamed(direction)
        else:
            draft = self.named(file.spool_name, direction)
        draft.files.append((kind, file))
        mts_id = file.envelope.mts_id
        if mts_id and parse_mts_id(mts_id) is None:
            self._by_mts_id.setdefault(normalised_mts_id(mts_id), draft)

    def add_tracking(self, records: Iterable[TrackingRecord], servers: frozenset[str]) -> None:
        grouped: dict[str, list[TrackingRecord]] = defaultdict(list)
        for record in records:
            grouped[normalised_mts_id(record.message_id)].append(record)
        for key, group in grouped.items():
            self._add_group(key, group, servers)

    def _add_group(self, key: str, group: list[TrackingRecord], servers: frozenset[str]) -> None:
        parsed = parse_mts_id(group[0].message_id)
        by_connector = any(record.by_connector for record in group)
        ours = parsed is not None and (
            by_connector or parsed.spool_name in self._by_name or parsed.server.lower() in servers
        )
        if not (ours or by_connector or key in self._by_mts_id):
            return
        if parsed is not None and ours:
            draft = self.named(parsed.spool_name, Direction.INBOUND)
        else:
            draft = self.identified(group[0].message_id, _tracked_direction(group))
        draft.tracking.extend(sorted(group, key=lambda one: (one.time, one.location)))
        subjects = [one.subject_id for one in group if one.subject_id.strip()]
        if subjects:
            draft.report_of = subjects[0]

    def add_event(self, event: Event) -> None:
        name = event.spool_name
        if name is None:
            return
        if not (event.is_store or (event.is_connector and event.event_id in _NAMING_EVENTS)):
            return
        outbound = event.event_id in _OUTBOUND_EVENTS
        draft = self.named(name, Direction.OUTBOUND if outbound else Direction.INBOUND)
        draft.events.append(event)


def direction_of(kind: InputKind, file: SpoolFile) -> Direction | None:
    """Return which way the file's message went, None where it is no mail of the connector's.

    The folder tells; elsewhere the Received line that the server wrote, or the envelope.
    """
    if kind in _FOLDER_DIRECTION:
        return _FOLDER_DIRECTION[kind]
    received = file.received
    if received is not None and file.spool_name and received.spool_name == file.spool_name:
        return received.direction
    if file.envelope.format is MailFormat.IMCR and file.spool_name is not None:
        inbound = parse_mts_id(file.envelope.mts_id or "") is not None
        return Direction.INBOUND if inbound else Direction.OUTBOUND
    return None


def _tracked_direction(group: Iterable[TrackingRecord]) -> Direction:
    events = {record.event for record in group}
    if events & _INBOUND_TRACKING and not events & _OUTBOUND_TRACKING:
        return Direction.INBOUND
    return Direction.OUTBOUND


def join_records(collection: Collection) -> list[Draft]:
    """Return a draft for each message that files, tracking records and events speak of."""
    joiner = _Joiner()
    for kind, file in collection.spool_files:
        joiner.add_file(kind, file)
    for event in collection.events:
        joiner.add_event(event)
    joiner.add_tracking(collection.tracking, _servers(collection))
    return joiner.drafts


def fold_reports(drafts: list[Draft]) -> list[Draft]:
    """Return the drafts with each report put under the message that it reports.

    A report on a report goes to the message at the end of that line. A report on a message that
    the evidence does not show stays on its own, as do reports that only name each other.
    """
    by_name = {one.spool_name: one for one in drafts if one.spool_name is not None}
    by_mts_id = {normalised_mts_id(one.mts_id): one for one in drafts if one.mts_id}

    def subject_of(draft: Draft) -> Draft | None:
        if draft.report_of is None:
            return None
        parsed = parse_mts_id(draft.report_of)
        named = by_name.get(parsed.spool_name) if parsed is not None else None
        return named or by_mts_id.get(normalised_mts_id(draft.report_of))

    subjects = {id(draft): subject_of(draft) for draft in drafts}
    roots: dict[int, Draft] = {}
    kept = []
    for draft in drafts:
        line = [draft]
        met = {id(draft)}
        while id(line[-1]) not in roots:
            subject = subjects[id(line[-1])]
            if subject is None:
                roots[id(line[-1])] = line[-1]
            elif id(subject) in met:  # they only name each other: each stays on its own
                roots.update((id(one), one) for one in line)
            else:
                met.add(id(subject))
                line.append(subject)
        roots.update((id(one), roots[id(line[-1])]) for one in line if id(one) not in roots)
        root = roots[id(draft)]
        if root is draft:
            kept.append(draft)
        else:
            root.reports.append(draft)
    return kept


def _servers(collection: Collection) -> frozenset[str]:
    """Return the server names, lower case, that the connector's own MTS-IDs carry."""
    found = set()
    for _, file in collection.spool_files:
        parsed = parse_mts_id(file.envelope.mts_id or "")
        if parsed is not None and parsed.spool_name == file.spool_name:
            found.add(parsed.server.lower())
    for record in collection.tracking:
        parsed = parse_mts_id(record.message_id)
        if parsed is not None and record.event == 1012:
            found.add(parsed.server.lower())
    return frozenset(found)
