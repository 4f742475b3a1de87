"""Which recipients of a message the evidence shows as reached, and which as failed.

Delivered rests on two things. Records of the tracking log by which the message is at its end
(``FINAL``; Q173364, Q174078): inbound 9, 1000, 1004 and 1013, outbound 1003 and 1011. And sessions
of the protocol log in which the next host accepted the recipient and then the text. That the
store, once it has a message, puts it into the mailbox of each recipient that the record names, is
inferred. A message that is rerouted (1014) is at no end: what counts is the session it leaves by.

Failed rests on the replies of the next host, 5xx to the recipient or to the text, and on records
of a report in which the recipient has status 1 (Q173280; that this means the message and not the
report is inferred). An RCPT that this server itself refused is no failure of its own: the sender
knows. Nor is one answered 4xx, which is tried again.

Logs and ledger keep at most 1,000 names of a record or session: ``unnamed`` counts the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imctool.ledger.draft import NON_DELIVERY, comparable
from imctool.ledger.duplicates import FINAL
from imctool.model.direction import Direction
from imctool.model.evidence import Location
from imctool.model.message import Message
from imctool.model.ndr import FailedRecipient
from imctool.model.smtp import Outcome, Transaction
from imctool.model.tracking import TrackingRecord
from imctool.readers.file_buffer import open_binary
from imctool.readers.tracking_log import sniff_tracking_log

_LONGEST_LINE = 1 << 16
_FAILED_STATUS = "1"


@dataclass(frozen=True, slots=True)
class DeliveredRecipients:
    """The recipients that a message has reached, as ``comparable`` spells addresses.

    ``places`` are the records and sessions that show it, in the order of the evidence.
    ``unnamed`` counts recipients that these reached too and that nothing names in a form that
    compares: cut from what is kept, or directory names. Where it is not 0, whom the message did
    not reach is not known.
    """

    addresses: frozenset[str]
    places: tuple[Location, ...]
    unnamed: int = 0


@dataclass(frozen=True, slots=True)
class KnownFailures:
    """The recipients that are known to have failed, each once, in the order of the evidence.

    ``reported`` are those, as ``comparable`` spells them, on whom the server made a report
    itself. ``unnamed`` counts those that failed too and that nothing names.
    """

    recipients: tuple[FailedRecipient, ...]
    places: tuple[Location, ...]
    reported: frozenset[str] = frozenset()
    unnamed: int = 0


Names = Callable[[TrackingRecord], Sequence[str] | None]
"""Gives every recipient that a tracking record names, None where that cannot be told."""


def delivered_recipients(
    message: Message, relayed: Iterable[Message] = (), names: Names | None = None
) -> DeliveredRecipients | None:
    """Return whom the evidence shows the message to have reached; None where it shows nothing.

    None is not that nobody was reached. ``relayed`` are other messages of the ledger: those with
    the same Message-ID that left the server count, as what became of this one. ``names`` gives
    the recipients of records with more than the ledger keeps (``tracked_names``).
    """
    found: set[str] = set()
    places: list[Location] = []
    unnamed = 0
    for record in message.tracking:
        if record.event in FINAL[message.direction]:
            places.append(record.location)
            unnamed += _take(found, *_recipients(record, names))
    for transaction in _sessions_out(message, relayed):
        if transaction.outcome is Outcome.ACCEPTED:
            places.append(transaction.location)
            unnamed += _take(found, transaction.accepted, transaction.accepted_count)
    if not places:
        return None
    return DeliveredRecipients(frozenset(found), tuple(places), unnamed)


def failed_recipients(
    message: Message, relayed: Iterable[Message] = (), names: Names | None = None
) -> KnownFailures | None:
    """Return whose failure the evidence shows; None where it shows none, which proves nothing.

    Whom the message reached by another way, or at another time, is left out. ``relayed`` and
    ``names`` as for ``delivered_recipients``.
    """
    others = tuple(relayed)
    delivered = delivered_recipients(message, others, names)
    reached = delivered.addresses if delivered is not None else frozenset()
    failures: dict[str, FailedRecipient] = {}
    reported: set[str] = set()
    places: list[Location] = []
    unnamed = 0
    for transaction in _sessions_out(message, others):
        refused = list(_refused(transaction))
        if refused:
            places.append(transaction.location)
        for one in refused:
            failures.setdefault(_key(one.address), one)
        unnamed += _unnamed_refusals(transaction)
    for record in message.tracking:
        named = _reported_failures(record)
        if named:
            places.append(record.location)
        for name in named:
            address = comparable(name)
            if address is None:
                unnamed += 1
                continue
            reported.add(address)
            failures.setdefault(address, FailedRecipient(_bare(name)))
    if not places:
        return None
    kept = tuple(one for key, one in failures.items() if key not in reached)
    return KnownFailures(kept, tuple(places), frozenset(reported), unnamed)


def tracked_names(path: Path, record: TrackingRecord) -> tuple[str, ...] | None:
    """Return every recipient that a record of the tracking log ``path`` names, in its order.

    Names stand on the lines after that of the record (Q173280). None where the file is not what
    it was when the record was read, or the record is damaged; raises OSError.
    """
    if record.location.line is None:
        return None
    found: list[str] = []
    with open_binary(path) as stream:
        for _ in range(record.location.line - 1):
            _line(stream.readline)
        if not sniff_tracking_log(_line(stream.readline)):
            return None
        while len(found) < record.recipient_count and (line := _line(stream.readline)):
            if sniff_tracking_log(line):
                return None
            name = line.partition("\t")[0].strip()
            if name:
                found.append(name)
    kept = tuple(name for name, _ in record.recipients)
    if len(found) != record.recipient_count or tuple(found[: len(kept)]) != kept:
        return None
    return tuple(found)


def _line(read_line: Callable[[int], bytes]) -> str:
    """Return the next line, cut where it is too long to be one of names; "" at the end."""
    line = piece = read_line(_LONGEST_LINE)
    while piece and not piece.endswith(b"\n"):
        piece = read_line(_LONGEST_LINE)
    return line.replace(b"\0", b"").decode("latin-1")


def _sessions_out(message: Message, relayed: Iterable[Message]) -> Iterator[Transaction]:
    """Yield the sessions by which the message left the server, itself or as a relayed one."""
    for one in (message, *relayed):
        is_it = one is message or (
            message.message_id is not None and one.message_id == message.message_id
        )
        if is_it and one.direction is Direction.OUTBOUND:
            yield from (each for each in one.transactions if each.direction is Direction.OUTBOUND)


def _recipients(record: TrackingRecord, names: Names | None) -> tuple[Sequence[str], int]:
    kept = [name for name, _ in record.recipients]
    if len(kept) < record.recipient_count and names is not None:
        every = names(record)
        if every is not None:
            return every, record.recipient_count
    return kept, record.recipient_count


def _take(found: set[str], names: Sequence[str], count: int) -> int:
    """Put the addresses among ``names`` into ``found``; return how many of the count are none."""
    addresses = [address for name in names if (address := comparable(name))]
    found.update(addresses)
    return max(count, len(names)) - len(addresses)


def _refused(transaction: Transaction) -> Iterator[FailedRecipient]:
    """Yield the recipients that the next host refused for good, with its words."""
    for address, reply in transaction.refused:
        if reply.code >= 500:
            yield FailedRecipient(address, f"{reply.code} {reply.text}".strip())
    if transaction.outcome is Outcome.REFUSED and transaction.reply is not None:
        reply = transaction.reply
        if reply.code >= 500:
            for address in transaction.accepted:
                yield FailedRecipient(address, f"{reply.code} {reply.text}".strip())


def _unnamed_refusals(transaction: Transaction) -> int:
    count = transaction.refused_count - len(transaction.refused)
    if transaction.outcome is Outcome.REFUSED:
        count += transaction.accepted_count - len(transaction.accepted)
    return max(count, 0)


def _reported_failures(record: TrackingRecord) -> list[str]:
    """Return whom a record of a report names as not delivered."""
    if record.event not in NON_DELIVERY and not record.subject_id.strip():
        return []
    return [name for name, status in record.recipients if status.strip() == _FAILED_STATUS]


def _key(address: str) -> str:
    return comparable(address) or address.strip().lower()


def _bare(name: str) -> str:
    text = name.strip()
    return text[5:] if text[:5].lower() == "smtp:" else text
