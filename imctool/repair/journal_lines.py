"""The journal as text: JSON lines, each of which vouches for itself and for the one before.

A line ends in a check: the first 32 hexadecimal digits of SHA-256 over the check of the line
before it and the line without its own. A line that is changed, taken out or put in is told by
it. A last line without its line end was cut by a crash and counts as never written.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from imctool.model.action import ActionKind
from imctool.model.journal import (
    FileIdentity,
    JournalDefect,
    Operation,
    Outcome,
    Recorded,
    SpoolIdentity,
    Staged,
    Transaction,
)

SCHEMA = "imctool/journal/1"

_DIGITS = 32
_CHECK = re.compile(rb',"check":"([0-9a-f]{%d})"}' % _DIGITS)
_CHECK_LENGTH = len(',"check":""}') + _DIGITS
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
_DECODE = json.JSONDecoder().decode  # json.loads guesses at the encoding of each line anew

_START = b'{"record":"begin","schema":"%b"' % SCHEMA.encode("ascii")
_NONE = "not a journal of imctool: its first line is none of a journal"

Record = Mapping[str, Any]


class JournalError(ValueError):
    """A journal cannot be relied on; the text names the line and says why."""


def journal_line(record: Record, previous: str) -> tuple[bytes, str]:
    """Return a record as a line with its line end, and the line's check."""
    body = _ENCODE(record).encode("ascii")
    check = _check(previous, body)
    return b'%b,"check":"%b"}\n' % (body[:-1], check.encode("ascii")), check


def _check(previous: str, body: bytes) -> str:
    return hashlib.sha256(previous.encode("ascii") + body).hexdigest()[:_DIGITS]


def intent_record(one: Operation) -> Record:
    """Return what is written before an operation begins."""
    record: dict[str, Any] = {
        "record": "intent", "number": one.number, "kind": str(one.kind),
        "spool_name": one.spool_name, "from": one.source, "to": one.target,
        "sha256": one.file.sha256, "size": one.file.size, "device": one.file.device,
        "inode": one.file.inode, "mtime_ns": one.file.modified_ns,
        "ctime_ns": one.file.changed_ns, "recipients": one.recipients,
    }  # fmt: skip
    if one.copied:
        record["copied"] = True
    if one.linked:
        record["linked"] = True
    if one.failed is not None:
        record["failed"] = one.failed
    if one.assumed_zone:
        record["assumed_zone"] = True
    if one.undoes is not None:
        record["undoes"] = one.undoes
    if one.server is not None:
        record["server"] = one.server
    return record


def outcome_record(number: int, outcome: Outcome, time: str, reason: str | None = None) -> Record:
    """Return what is written when an operation has ended."""
    record = {"record": str(outcome), "number": number, "time": time}
    return record if reason is None else {**record, "reason": reason}


def staged_record(number: int, sha256: str, size: int, *, linked: bool = False) -> Record:
    """Return what is written when an operation's bytes are whole under a hidden name."""
    record = {"record": "staged", "number": number, "sha256": sha256, "size": size}
    return {**record, "linked": True} if linked else record


@dataclass(slots=True)
class JournalContent:
    """What a journal says, and how far it can be relied on.

    ``runs`` are the heads of the runs that wrote it. ``length`` is where its last whole line
    ends, ``torn`` how many bytes follow. ``check`` is that of the last line. ``ended`` says
    whether the last run ended in good order.
    """

    runs: list[Record] = field(default_factory=list)
    operations: dict[int, Recorded] = field(default_factory=dict)
    defects: list[JournalDefect] = field(default_factory=list)
    length: int = 0
    torn: int = 0
    check: str = ""
    ended: bool = False

    @property
    def spool(self) -> SpoolIdentity:
        """The spool that the journal belongs to; only of a journal that has a run."""
        found = self.runs[0]["spool"]
        return SpoolIdentity(found["path"], found["device"], found["inode"])

    @property
    def open_operations(self) -> list[Recorded]:
        """The operations of which nothing tells how they ended, in order."""
        return [one for one in self.operations.values() if one.is_open]

    @property
    def next_number(self) -> int:
        """The number for the next operation."""
        return max(self.operations, default=0) + 1


def read_journal(content: bytes) -> JournalContent:
    """Return what a journal's bytes say; lines that are not as written become defects.

    A file that holds nothing, or the beginning of a first line, is a journal without a run.
    Raises JournalError where it is no journal at all.
    """
    journal = JournalContent()
    end = content.rfind(b"\n") + 1
    journal.length, journal.torn = end, len(content) - end
    if not end and not _START.startswith(content[: len(_START)]):
        raise JournalError(_NONE)
    before = {""}
    offset = 0
    for number, line in enumerate(content[:end].split(b"\n")[:-1], 1):
        body, stored = _split(line)
        computed = {_check(previous, body) for previous in before}
        if stored in computed:
            _take(journal, body, number, offset)
            before = {stored}
        else:
            reason = "the line is not as it was written"
            journal.defects.append(JournalDefect(number, offset, reason))
            # The next line vouches for this one's check: for the one that stands here, or for
            # the one that the line would have, if it is the check itself that was changed.
            before = {*computed, stored} if stored is not None else _without_check(line, before)
        journal.check = stored or ""
        offset += len(line) + 1
    if journal.defects and not journal.runs and not journal.operations:
        raise JournalError(_NONE)
    return journal


def _without_check(line: bytes, before: set[str]) -> set[str]:
    """Return what the check of a line was if nothing but the check and its frame was changed."""
    body = line[:-_CHECK_LENGTH] + b"}"
    return {_check(previous, one) for previous in before for one in (body, line)}


def _split(line: bytes) -> tuple[bytes, str | None]:
    """Return a line without its check, and the check; None where it has none."""
    found = _CHECK.fullmatch(line, max(len(line) - _CHECK_LENGTH, 0))
    if found is None:
        return line, None
    return line[: found.start()] + b"}", found[1].decode("ascii")


def _take(journal: JournalContent, body: bytes, line: int, offset: int) -> None:
    try:
        _take_record(journal, _DECODE(body.decode("utf-8")))
    except (
        ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError,
    ) as error:  # fmt: skip
        reason = f"the record cannot be understood: {error!r}"
        journal.defects.append(JournalDefect(line, offset, reason))


def _take_record(journal: JournalContent, record: Record) -> None:
    kind = record["record"]
    if kind == "begin":
        if record["schema"] != SCHEMA:
            raise ValueError(f"schema {record['schema']!r}")
        spool = record["spool"]
        SpoolIdentity(str(spool["path"]), int(spool["device"]), int(spool["inode"]))
        journal.runs.append(record)
        journal.ended = False
    elif kind == "end":
        journal.ended = True
    elif kind == "intent":
        _take_intent(journal, record)
    else:
        try:
            _take_progress(journal.operations[record["number"]], journal, record)
        except LookupError:
            if not journal.defects:  # else it follows on a line that was changed
                raise


def _take_intent(journal: JournalContent, record: Record) -> None:
    number = int(record["number"])
    operation = Operation(
        number=number,
        kind=ActionKind(record["kind"]),
        source=str(record["from"]),
        target=record["to"],
        file=FileIdentity(
            str(record["sha256"]), int(record["size"]), int(record["device"]),
            int(record["inode"]), int(record["mtime_ns"]), int(record["ctime_ns"]),
        ),
        spool_name=record["spool_name"],
        recipients=int(record["recipients"]),
        copied=bool(record.get("copied")),
        linked=bool(record.get("linked")),
        undoes=record.get("undoes"),
        server=record.get("server"),
        failed=record.get("failed"),
        assumed_zone=bool(record.get("assumed_zone")),
    )  # fmt: skip
    earlier = journal.operations.get(number)
    if earlier is not None and not earlier.is_open:
        raise ValueError(f"operation {number} was ended before")
    if not is_ours(operation):
        raise ValueError(f"no run moves {operation.source} to {operation.target}")
    journal.operations[number] = Recorded(operation)


_ARCHIVED = re.compile(r"(?i)in/archive/[^/\\\0]+")
_INBOUND = re.compile(r"(?i)in/[^/\\\0]+")
_PICKED_UP = re.compile(r"(?i)pickup/[^/\\\0]+")
_QUEUE_NAMES = ("queue.dat", "queue.old")


def is_archived_path(path: str) -> bool:
    """Whether a path from Imcdata on is that of a file of In\\Archive."""
    return _ARCHIVED.fullmatch(path) is not None


def is_ours(one: Operation) -> bool:
    """Whether an operation is one that a requeue or an undo does: no journal makes others done.

    Moves between In and its Archive and of Queue.dat, and files written into Pickup.
    """
    source, target = one.source, one.target
    if one.kind is ActionKind.SUBMIT:
        return _ARCHIVED.fullmatch(source) is not None and target is None
    if one.kind is ActionKind.WRITE:
        if one.undoes is not None:
            return _PICKED_UP.fullmatch(source) is not None and target is None
        return (
            _ARCHIVED.fullmatch(source) is not None
            and target is not None
            and _PICKED_UP.fullmatch(target) is not None
        )
    if one.kind is not ActionKind.MOVE or target is None:
        return False
    if one.undoes is not None:
        source, target = target, source
    if (source.lower(), target.lower()) == _QUEUE_NAMES:
        return True
    return (
        _ARCHIVED.fullmatch(source) is not None
        and _INBOUND.fullmatch(target) is not None
        and source.split("/")[0] == target.split("/")[0]
    )


def _take_progress(one: Recorded, journal: JournalContent, record: Record) -> None:
    kind = record["record"]
    if kind == "staged":
        linked = bool(record.get("linked"))
        one.staged = Staged(str(record["sha256"]), int(record["size"]), linked)
    elif kind == "ending":
        one.transactions.append(Transaction(tuple(map(str, record["recipients"]))))
    elif kind == "accepted":
        one.transactions[-1].reply = str(record["reply"])
    elif kind == "rejected":
        one.transactions[-1].failed = True
    elif kind == "refused":
        reply = str(record["reply"])
        one.refused += [(str(each), reply) for each in record["recipients"]]
    else:
        one.outcome = Outcome(kind)
        one.reason = record.get("reason")
        one.time = record.get("time")
        writes = one.operation.kind is ActionKind.WRITE and one.operation.undoes is None
        if one.outcome is Outcome.DONE and writes and one.staged is None:
            raise ValueError("done without the record of what was written")
        undone = one.operation.undoes
        if one.outcome is Outcome.DONE and undone is not None:
            journal.operations[undone].undone_by = one.operation.number


def lines_of(records: Iterable[Record], previous: str) -> tuple[bytes, str]:
    """Return several records as lines, and the check of the last."""
    lines = []
    for record in records:
        line, previous = journal_line(record, previous)
        lines.append(line)
    return b"".join(lines), previous
