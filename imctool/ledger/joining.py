"""Which spool files, tracking records and events speak of one message: joined by its names."""

from __future__ import annotations

from array import array

from imctool.ledger.copies import Copies
from imctool.ledger.entry import Entry, Opener, with_number
from imctool.ledger.server import ServerTraces
from imctool.model.direction import Direction
from imctool.model.event import Event
from imctool.model.evidence import InputKind
from imctool.model.mail import MailFormat, SpoolFile
from imctool.model.tracking import MtsId, TrackingRecord, normalised_mts_id, parse_mts_id
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


class _Group:
    """The tracking records of one MTS-ID, by number, and what joins them."""

    __slots__ = (
        "begun", "by_connector", "inbound", "numbers", "outbound", "parsed", "received", "subject",
    )  # fmt: skip

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.begun = 0.0
        self.by_connector = False
        self.inbound = False
        self.outbound = False
        self.received = False
        self.parsed: MtsId | None = None
        self.subject: str | None = None

    def add(self, number: int, record: TrackingRecord) -> None:
        if not self.numbers:
            self.begun = record.time.timestamp()
        self.numbers.append(number)
        event = record.event
        self.by_connector = self.by_connector or record.by_connector
        self.received = self.received or event == 1012
        self.inbound = self.inbound or event in _INBOUND_TRACKING
        self.outbound = self.outbound or event in _OUTBOUND_TRACKING
        if self.subject is None and record.subject_id.strip():
            self.subject = record.subject_id

    def join(self, other: _Group) -> None:
        """Take the records of a group whose MTS-ID is only spelt otherwise."""
        self.numbers += other.numbers
        self.by_connector |= other.by_connector
        self.received |= other.received
        self.inbound |= other.inbound
        self.outbound |= other.outbound
        self.subject = self.subject or other.subject

    @property
    def direction(self) -> Direction:
        inbound = self.inbound and not self.outbound
        return Direction.INBOUND if inbound else Direction.OUTBOUND


class Joiner:
    """The entries of a ledger while it is made, by spool name and by MTS-ID.

    ``reports`` are the numbers of the mails that report on another, with their own entries;
    ``servers`` the names, lower case, by which the connector's own MTS-IDs call the server.
    ``other_mail`` are the UTC timestamps at which tracking begins to tell of mail that the
    connector had no part in.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._by_name: dict[int, Entry] = {}
        self._by_mts_id: dict[str, Entry] = {}
        self.reports: list[tuple[int, Entry]] = []
        self.servers: set[str] = set()
        self.other_mail = array("d")
        self._undirected: list[tuple[int, int]] = []

    def add(self, direction: Direction, name: int | None = None) -> Entry:
        """Return a new entry."""
        entry = Entry(len(self.entries), direction, name)
        self.entries.append(entry)
        return entry

    def _named(self, name: int, direction: Direction) -> Entry:
        entry = self._by_name.get(name)
        if entry is None:
            entry = self._by_name[name] = self.add(direction, name)
        return entry

    def _identified(self, key: str, direction: Direction) -> Entry:
        entry = self._by_mts_id.get(key)
        if entry is None:
            entry = self._by_mts_id[key] = self.add(direction)
        return entry

    def find(self, mts_id: str) -> Entry | None:
        """Return the entry of the message that an MTS-ID names, or None."""
        parsed = parse_mts_id(mts_id)
        named = self._by_name.get(parsed.spool_name.value) if parsed is not None else None
        return named or self._by_mts_id.get(normalised_mts_id(mts_id))

    def find_name(self, name: int) -> Entry | None:
        """Return the entry of a spool name, by its counter value, or None."""
        return self._by_name.get(name)

    def add_file(self, number: int, kind: InputKind, file: SpoolFile) -> None:
        """Join a spool file, unless it is no mail of the connector's."""
        mts_id = file.envelope.mts_id
        parsed = parse_mts_id(mts_id) if mts_id else None
        own_id = parsed is not None and parsed.spool_name == file.spool_name
        if parsed is not None and own_id:
            self.servers.add(parsed.server.lower())
        direction = direction_of(kind, file)
        if direction is None:
            if file.spool_name is not None:
                self._undirected.append((number, file.spool_name.value))
            return
        if kind is InputKind.PICKUP or file.spool_name is None:
            entry = self.add(direction)
        else:
            entry = self._named(file.spool_name.value, direction)
        entry.files = with_number(entry.files, number)
        if file.report is not None:
            self.reports.append((number, entry))
        if mts_id and not own_id:
            self._by_mts_id.setdefault(normalised_mts_id(mts_id), entry)

    def add_undirected(self) -> None:
        """Join the files that nothing tells the direction of to what else has their name.

        A damaged file that was set aside is such a one: it is not its message alone that is
        known, it is there.
        """
        for number, name in self._undirected:
            entry = self._by_name.get(name)
            if entry is not None:
                entry.files = with_number(entry.files, number)

    def add_event(self, number: int, event: Event) -> None:
        """Join an event that names a spool file."""
        if not (event.is_store or (event.is_connector and event.event_id in _NAMING_EVENTS)):
            return
        name = event.spool_name
        if name is None:
            return
        outbound = event.event_id in _OUTBOUND_EVENTS
        entry = self._named(name.value, Direction.OUTBOUND if outbound else Direction.INBOUND)
        entry.events = with_number(entry.events, number)

    def add_groups(self, groups: dict[str, _Group]) -> None:
        """Join the tracking records, by the MTS-ID of each group; empties ``groups``."""
        spelt: dict[str, _Group] = {}
        for mts_id in list(groups):
            group = groups.pop(mts_id)
            key = normalised_mts_id(mts_id)
            known = spelt.get(key)
            if known is None:
                spelt[key] = group
                group.parsed = parse_mts_id(key)
                known = group
            else:
                known.join(group)
            if known.received and known.parsed is not None:
                self.servers.add(known.parsed.server)
        for key in list(spelt):
            self._add_group(key, spelt.pop(key))

    def _add_group(self, key: str, group: _Group) -> None:
        parsed = group.parsed
        ours = parsed is not None and (
            group.by_connector
            or parsed.spool_name.value in self._by_name
            or parsed.server in self.servers
        )
        if not (ours or group.by_connector or key in self._by_mts_id):
            self.other_mail.append(group.begun)
            return
        if parsed is not None and ours:
            entry = self._named(parsed.spool_name.value, Direction.INBOUND)
        else:
            entry = self._identified(key, group.direction)
        for number in group.numbers:
            entry.tracking = with_number(entry.tracking, number)
        if group.subject is not None:
            entry.report_of = group.subject

    def find_subjects(self) -> None:
        """Find the message that each report speaks of, by the MTS-ID that tracking gives."""
        for entry in self.entries:
            if entry.report_of is not None:
                subject = self.find(entry.report_of)
                entry.subject = None if subject is entry else subject


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


def join_records(collection: Collection, copies: Copies, traces: ServerTraces) -> Joiner:
    """Return an entry for each message that files, tracking records and events speak of.

    Every record is read once here, so what speaks of the server is gathered on the way.
    """
    joiner = Joiner()
    for number, (kind, file) in collection.spool_files.items():
        traces.see_file(file)
        joiner.add_file(number, kind, file)
    for number, event in collection.events.items():
        if number not in copies.events:
            traces.see_event(number, event)
            joiner.add_event(number, event)
    groups: dict[str, _Group] = {}
    for number, record in collection.tracking.items():
        if record.location.line == 1:
            traces.see_tracking_start(record)
        if number in copies.tracking:
            continue
        group = groups.get(record.message_id)
        if group is None:
            group = groups[record.message_id] = _Group()
        group.add(number, record)
        traces.see_tracking(record)
    joiner.add_groups(groups)
    joiner.add_undirected()
    joiner.find_subjects()
    return joiner


def fold_reports(joiner: Joiner, opener: Opener) -> list[Entry]:
    """Return the entries with each report put under the message that it reports.

    A report on a report goes to the message at the end of that line. A report on a message that
    the evidence does not show stays on its own, as do reports that only name each other.
    """
    subjects = {
        entry.number: subject
        for entry in joiner.entries
        if (subject := _subject_of(entry, joiner)) is not None
    }
    roots: dict[int, Entry] = {}
    for number in subjects:
        _find_root(joiner.entries[number], subjects, roots)
    kept: list[Entry] = []
    for entry in joiner.entries:
        root = roots.get(entry.number, entry)
        if root is entry:
            kept.append(entry)
        else:
            root.reports = [*root.reports, entry]
            opener.forget(root)
    return kept


def _subject_of(entry: Entry, joiner: Joiner) -> Entry | None:
    """Return the entry of the message that the entry reports, None if it is no such report."""
    if entry.report_of is not None and (found := joiner.find(entry.report_of)) is not None:
        return found
    return entry.subject


def _find_root(entry: Entry, subjects: dict[int, Entry], roots: dict[int, Entry]) -> None:
    """Note the message at the end of the line of reports that begins with ``entry``."""
    line = [entry]
    met = {entry.number}
    while line[-1].number not in roots:
        subject = subjects.get(line[-1].number)
        if subject is None:
            roots[line[-1].number] = line[-1]
        elif subject.number in met:  # they only name each other: each stays on its own
            roots.update((one.number, one) for one in line)
        else:
            met.add(subject.number)
            line.append(subject)
    root = roots[line[-1].number]
    for one in line:
        roots.setdefault(one.number, root)
