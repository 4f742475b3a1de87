"""Delivery reports found among the mail, tied to the message that each one reports."""

from __future__ import annotations

from collections.abc import Collection as Container
from collections.abc import Iterable

from imctool.ledger.entry import Entry, Opener, with_number
from imctool.ledger.joining import Joiner
from imctool.model.delivery_report import DeliveryReport, ReportedMessage, reported_message
from imctool.model.direction import Direction
from imctool.model.tracking import parse_mts_id
from imctool.readers.collection import Collection


def tie_reports(
    joiner: Joiner, collection: Collection, opener: Opener, servers: Container[str]
) -> None:
    """Tie each report of ``joiner.reports`` to its message, as far as the evidence shows that.

    A report that the connector sent is folded into its message later (``Entry.subject``); one
    that came in from elsewhere stays a message of its own, and is noted on the message that it
    reports too (``Entry.noted``). ``servers`` are the names of this server, lower case: another
    server's spool names mean nothing here.
    """
    open_reports: list[tuple[int, Entry, DeliveryReport]] = []
    for number, entry in joiner.reports:
        report = collection.spool_files[number][1].report
        if report is None:
            continue
        found = _by_names(joiner, reported_message(report), servers)
        if found is not None:
            _tie(number, entry, found)
        elif report.message_id:
            open_reports.append((number, entry, report))
    if not open_reports:
        return
    by_id = _by_message_id(joiner, opener, {report.message_id for *_, report in open_reports})
    for number, entry, report in open_reports:
        alike = by_id.get(report.message_id, [])
        if len(alike) == 1:
            _tie(number, entry, alike[0])


def _tie(number: int, entry: Entry, subject: Entry) -> None:
    if subject is entry:
        return
    if entry.direction is Direction.OUTBOUND:
        entry.subject = subject
    else:
        subject.noted = with_number(subject.noted, number)


def _by_names(joiner: Joiner, keys: ReportedMessage, servers: Container[str]) -> Entry | None:
    """Return the entry with the MTS-ID or one of the spool names, if they are this server's."""
    if keys.mts_id is not None:
        parsed = parse_mts_id(keys.mts_id)
        if parsed is None or parsed.server.lower() in servers:
            found = joiner.find(keys.mts_id)
            if found is not None:
                return found
    for one in keys.spooled:
        if one.server.lower() in servers:
            found = joiner.find_name(one.spool_name.value)
            if found is not None:
                return found
    return None


def _by_message_id(
    joiner: Joiner, opener: Opener, wanted: Iterable[str | None]
) -> dict[str | None, list[Entry]]:
    """Return the entries that carry one of the Message-IDs, reports themselves left out."""
    found: dict[str | None, list[Entry]] = {one: [] for one in wanted}
    for entry in joiner.entries:
        message_id = opener.draft(entry).message_id
        if message_id in found:
            found[message_id].append(entry)
    return found
