"""The texts of lost messages, read back out of the protocol logs, one in memory at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imctool.model.evidence import EvidenceFile, InputKind, Location
from imctool.model.message import Fate
from imctool.model.smtp import Transaction
from imctool.model.spool_name import SpoolName
from imctool.readers.collection import Collection
from imctool.readers.file_buffer import open_binary
from imctool.readers.local_time import DateOrder
from imctool.readers.protocol_log import KEPT_TEXT, iterate_transactions

LONGEST_TEXT = 512 << 20
"""A longer text is refused: several times its size would be held in memory."""

CONVERTED = (
    "the log has bare LF line ends, so it was converted; the text is given CRLF at every one"
)
CUT = (
    "the log holds only a part of the text: an entry was cut (the log of 4.0 cuts at 1024 bytes, "
    "Q159290), or the line of the final dot is missing"
)
NULS = "the text holds NUL bytes, which a crash leaves in a log; what stood there is lost"

_HEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message to rebuild, and the transaction whose text the log holds.

    ``number`` counts from 1 in the order of the ledger; ``notes`` are for whoever sends it. The
    transaction is kept without its skeleton, which every message of a large log would add up.
    """

    number: int
    transaction: Transaction
    fate: Fate
    spool_name: SpoolName | None = None
    message_id: str | None = None
    mts_id: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogText:
    """The text of one candidate, or None and the ``problem`` that kept it from being read.

    ``transaction`` is the candidate's as it was read this time, with every recipient that the
    reader kept.
    """

    candidate: Candidate
    transaction: Transaction
    text: bytes | None = None
    damage: tuple[str, ...] = ()
    inferred: tuple[str, ...] = ()
    problem: str | None = None


def protocol_logs(collection: Collection) -> dict[str, EvidenceFile]:
    """Return the protocol logs of the evidence by the name that locations carry."""
    files = (one.file for one in collection.coverage)
    return {file.name: file for file in files if file.kind is InputKind.PROTOCOL_LOG}


def read_texts(
    candidates: Sequence[Candidate], collection: Collection, date_order: DateOrder | None
) -> Iterator[LogText]:
    """Yield one LogText for each candidate, log by log in the order of paths and lines.

    ``date_order`` is what the evidence was collected with. A log that cannot be read again, or
    now tells another story, gives problems and never a text.
    """
    logs = protocol_logs(collection)
    noted: dict[Location, list[str]] = defaultdict(list)
    for defect in collection.defects:
        noted[defect.location].append(defect.reason)
    by_log: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_log[candidate.transaction.location.path].append(candidate)
    for path in sorted(by_log):
        wanted: list[Candidate] = []
        for one in by_log[path]:
            if (one.transaction.text_size or 0) > LONGEST_TEXT:
                yield _problem(one, f"its text is longer than {LONGEST_TEXT >> 20} MiB")
            else:
                wanted.append(one)
        if path in logs:
            yield from _read_log(logs[path], wanted, date_order, noted)
        else:
            for one in wanted:
                yield _problem(one, "its log is not there to be read again")


def _problem(candidate: Candidate, reason: str) -> LogText:
    return LogText(candidate, candidate.transaction, problem=reason)


def _read_log(
    file: EvidenceFile,
    candidates: Sequence[Candidate],
    date_order: DateOrder | None,
    noted: dict[Location, list[str]],
) -> Iterator[LogText]:
    waiting: dict[int | None, list[Candidate]] = defaultdict(list)
    for one in candidates:
        waiting[one.transaction.location.line].append(one)
    largest = max((one.transaction.text_size or 0 for one in candidates), default=0)
    keep = max(KEPT_TEXT, largest + largest // 2 + 4096)  # stuffed dots make it a third longer
    # The order that the other evidence suggested is not recorded: the one is right under which
    # the transaction is the same as before.
    orders = [date_order] if date_order is not None else [None, *DateOrder]
    failure = "its log reads otherwise than before: it was changed meanwhile"
    try:
        inferred = (CONVERTED,) if waiting and _converted(file) else ()
        for order in orders:
            if not waiting:
                return
            with open_binary(file.path) as stream:
                for found, text in iterate_transactions(
                    stream, file.name, date_order=order, keep=keep
                ):
                    candidate = _taken(waiting, found)
                    if candidate is not None and text is None:
                        yield _problem(candidate, "its log holds no text of it any more")
                    elif candidate is not None and text is not None:
                        damage = _damage(found, text, noted[found.location])
                        yield LogText(candidate, found, text, damage, inferred)
                    if not waiting:
                        return
    except OSError as error:
        failure = f"its log cannot be read again: {error.strerror or error}"
    for left in waiting.values():
        for one in left:
            yield _problem(one, failure)


def _taken(waiting: dict[int | None, list[Candidate]], found: Transaction) -> Candidate | None:
    """Take the candidate out of ``waiting`` that this transaction is."""
    here = waiting.get(found.location.line, [])
    for candidate in here:
        if found.message_id == candidate.message_id and _same(found, candidate.transaction):
            here.remove(candidate)
            if not here:
                del waiting[found.location.line]
            return candidate
    return None


def _same(found: Transaction, wanted: Transaction) -> bool:
    """Whether both are one transaction; the size of a text not kept whole was an estimate."""
    return (
        found.outcome is wanted.outcome
        and found.started == wanted.started
        and found.ended == wanted.ended
        and found.originator == wanted.originator
        and found.accepted_count == wanted.accepted_count
        and (found.text_size == wanted.text_size or (wanted.text_size or 0) > KEPT_TEXT)
    )


def _damage(found: Transaction, text: bytes, noted: Sequence[str]) -> tuple[str, ...]:
    damage = [CUT] if found.truncated else []
    size = found.text_size or 0
    if len(text) < size:
        damage.append(f"only the first {len(text)} of {size} bytes could be held in memory")
    damage += noted
    if b"\0" in text:
        damage.append(NULS)
    return tuple(damage)


def _converted(file: EvidenceFile) -> bool:
    """Whether the log's line ends are bare LF, which the logger does not write (inferred)."""
    with open_binary(file.path) as stream:
        head = stream.read(_HEAD)
    return b"\n" in head and b"\r\n" not in head
