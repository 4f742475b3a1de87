"""Selects the messages to requeue, and finds what speaks against each.

Only evidence of failure selects a message: that a file lies in the archive proves nothing, for
archival may be on (Q189731). Selected by name, or all of them, a message goes without such
evidence; that it was delivered, or would be twice, speaks against it even then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import (
    Callable,
    Container,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from imctool.ledger.clock import ServerClock
from imctool.ledger.draft import comparable
from imctool.ledger.fates import ARCHIVED_BY, DELIVERED_INBOUND
from imctool.ledger.messages import Messages
from imctool.model.direction import Direction
from imctool.model.evidence import InputKind
from imctool.model.mail import MailFormat, SpoolFile
from imctool.model.message import Fate, Message
from imctool.model.requeue import Objection, Reason, RequeueItem
from imctool.model.smtp import Outcome
from imctool.model.spool_name import SpoolName
from imctool.model.tracking import parse_mts_id
from imctool.repair.header_text import decoded_text
from imctool.repair.spool_root import SpoolRoot

ENVELOPE_CUT = ("envelope is cut short", "envelope has no end signature", "envelope holds no")
"""How the reader's words begin for an envelope that does not hold what a server needs."""

_REACHED = frozenset({Fate.DELIVERED, Fate.DUPLICATED})
_WAITING = frozenset({Fate.QUEUED, Fate.STUCK})
_ELSEWHERE = _REACHED | _WAITING | {Fate.RETURNED}


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user asked for. Filters narrow what ``names`` or ``every`` or failure selects.

    ``names`` are upper case, None where none were asked for.

    ``articles`` are ``Q`` and digits, ``domains`` and ``charsets`` lower case; ``wanted`` holds
    for messages of the time asked for. ``forced`` are the reasons that are overridden.
    """

    names: frozenset[str] | None = None
    every: bool = False
    articles: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    charsets: frozenset[str] = frozenset()
    wanted: Callable[[Message], bool] = lambda message: True
    forced: frozenset[Reason] = frozenset()


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of a message beside the ledger: articles, objections, warnings."""

    articles: tuple[str, ...] = ()
    objections: tuple[Objection, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected messages in time order, and how many archived ones nothing tells the fate of.

    ``others`` are the files of In and its archive whose message was delivered, returned, or waits;
    ``missing`` are failed messages without a file that could be read, ``named`` the names asked
    for that a file of the archive has.
    """

    items: tuple[RequeueItem, ...]
    unknown: int
    others: tuple[OtherFile, ...] = ()
    missing: tuple[MissingFile, ...] = ()
    named: frozenset[str] = frozenset()


class MissingFile(NamedTuple):
    """A failed message whose file was not read: its spool name, if known, and what it is called."""

    spool_name: str | None
    called: str


class OtherFile(NamedTuple):
    """A file that a selected one may be a copy of, by its size and then its bytes."""

    location: str
    path: Path
    size: int
    fate: Fate

    @property
    def waits(self) -> bool:
        """Whether its message lies in In and is still to be delivered."""
        return self.fate in _WAITING


Judge = Callable[[Message, SpoolFile], Judged]


def select(
    messages: Messages, root: Path, spool: SpoolRoot, shown: str, choice: Choice, judge: Judge
) -> Selection:
    """Return the messages of the spool's archive that are to be requeued.

    ``root`` is the PATH that locations are relative to, ``shown`` the path of Imcdata as they
    have it, "" where it is the PATH itself.
    """
    selected: list[tuple[Message, SpoolFile]] = []
    returned: set[int] = set()
    missing: list[Message] = []
    named: set[str] = set()
    unknown = 0
    for entry in messages.entries:
        if entry.direction is not Direction.INBOUND:
            continue
        # A file of its name in In makes a failed message one that waits there.
        by_fate = entry.fate is Fate.ARCHIVED or (entry.fate in _WAITING and bool(entry.events))
        by_name = choice.names is not None
        if not (by_fate or choice.every or by_name or entry.fate is Fate.UNKNOWN):
            continue
        message = messages.message(entry)
        files = [file for kind, file in message.files if _in_archive(kind, file, spool, shown)]
        if entry.fate is Fate.ARCHIVED and not files and choice.wanted(message):
            missing.append(message)
        for file in files if choice.names else ():
            named |= _names_of(message, file) & (choice.names or frozenset())
        chosen = [file for file in files if _is_selected(message, file, choice)]
        selected += [(message, file) for file in chosen]
        unknown += entry.fate is Fate.UNKNOWN and bool(files) and not chosen
        if chosen and messages.was_returned(entry):
            returned.add(message.number)
    copies = _Copies(messages, [message for message, _ in selected])
    items = []
    for message, file in selected:
        judged = judge(message, file)
        if choice.articles and not choice.articles & set(judged.articles):
            continue
        item = _item(message, file, spool, shown, judged, copies, messages)
        if message.number in returned and message.fate is not Fate.RETURNED:
            item = replace(item, objections=(*item.objections, _RETURNED))
        items.append(item)
    others = (
        OtherFile(file.location.path, root / file.location.path, file.size, fate)
        for kind, file, fate in messages.files_of(_ELSEWHERE)
        if kind in {InputKind.SPOOL_IN, InputKind.SPOOL_IN_ARCHIVE}
    )
    lost = tuple(
        MissingFile(str(one.spool_name) if one.spool_name is not None else None, one.name)
        for one in missing
        if choice.names is None
        and not choice.articles
        and not choice.domains
        and not choice.charsets
    )
    return Selection(tuple(items), unknown, tuple(others), lost, frozenset(named))


def without_forced(
    items: Iterable[RequeueItem], forced: Container[Reason]
) -> Iterator[RequeueItem]:
    """Yield the items with the objections that were overridden turned into warnings."""
    for one in items:
        held = tuple(each for each in one.objections if each.reason not in forced)
        over = tuple(f"forced: {each.text}" for each in one.objections if each.reason in forced)
        yield replace(one, objections=held, warnings=(*one.warnings, *over)) if over else one


def _in_archive(kind: InputKind, file: SpoolFile, spool: SpoolRoot, shown: str) -> bool:
    if kind is not InputKind.SPOOL_IN_ARCHIVE:
        return False
    return file.location.path.rpartition("/")[0] == _join(shown, spool.inbound, spool.archive)


def _join(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def _is_selected(message: Message, file: SpoolFile, choice: Choice) -> bool:
    if choice.names is not None:
        if choice.names.isdisjoint(_names_of(message, file)):
            return False
    elif not choice.every and not _has_failed(message):
        return False
    if choice.domains and _domain(file.envelope.originator) not in choice.domains:
        return False
    if choice.charsets and choice.charsets.isdisjoint(
        part.charset.strip().lower() for part in file.skeleton.parts if part.charset is not None
    ):
        return False
    return choice.wanted(message)


def _has_failed(message: Message) -> bool:
    """Whether the evidence shows that it failed, be it that a file of its name waits in In."""
    if message.fate in _WAITING:
        return any(one.is_connector and one.event_id in ARCHIVED_BY for one in message.events)
    return message.fate is Fate.ARCHIVED


def _names_of(message: Message, file: SpoolFile) -> set[str]:
    """Return what the file can be called by, upper case: its own name, and its spool name."""
    return {file.location.path.rpartition("/")[2].upper(), str(message.spool_name)}


def _domain(address: str | None) -> str | None:
    _, at, domain = (address or "").rpartition("@")
    return domain.lower() if at and domain else None


def _item(
    message: Message,
    file: SpoolFile,
    spool: SpoolRoot,
    shown: str,
    judged: Judged,
    copies: _Copies,
    messages: Messages,
) -> RequeueItem:
    name = file.location.path.rpartition("/")[2]
    subject = file.skeleton.header("subject")
    unknown = (_UNKNOWN,) if message.fate is Fate.UNKNOWN else ()
    objections = [
        *_unfit(name, message, file),
        *judged.objections,
        *_delivered_itself(message),
        *copies.objections(message, file),
    ]
    return RequeueItem(
        location=file.location.path,
        source=_join(spool.inbound, spool.archive, name),
        file=None,
        spool_name=str(found) if (found := SpoolName.find(name)) else None,
        originator=file.envelope.originator,
        recipients=file.envelope.recipients,
        recipient_count=file.recipient_count,
        text_offset=file.envelope.raw_length,
        message_id=file.skeleton.message_id,
        subject=decoded_text(subject) if subject is not None else None,
        time=message.first,
        failed=_failed(message, messages.clock),
        assumed_zone=message.assumed_zone,
        fate=message.fate,
        articles=judged.articles,
        objections=tuple(objections),
        warnings=(*judged.warnings, *unknown),
    )


_UNKNOWN = "the evidence does not tell whether it was delivered: if it was, it comes twice"


def _failed(message: Message, clock: ServerClock) -> datetime | None:
    """Return when an event last named the message as archived."""
    times = [
        moment
        for event in message.events
        if event.is_connector and event.event_id in ARCHIVED_BY
        if (moment := clock.utc(event.time)) is not None
    ]
    return max(times, default=None)


def _unfit(name: str, message: Message, file: SpoolFile) -> Iterator[Objection]:
    """Yield why the file is no whole spool file under its own name; nothing overrides that."""
    own = SpoolName.find(name)
    if own is None:
        of = f"; it is {message.spool_name} by its text" if message.spool_name else ""
        yield Objection(None, f"{name} is not the name of a spool file{of}")
    elif message.spool_name is not None and own != message.spool_name:
        yield Objection(None, f"the evidence calls this message {message.spool_name}, not {own}")
    elif (named := _name_inside(file)) is not None and named != own:
        text = f"its own text calls it {named}: it may be a copy of that under another name"
        yield Objection(Reason.DUPLICATE, text)
    envelope = file.envelope
    cut = [defect.reason for defect in file.defects if defect.reason.startswith(ENVELOPE_CUT)]
    if envelope.format is not MailFormat.IMCR:
        yield Objection(None, "it has no ImCr envelope: the server could not tell its recipients")
    elif cut:
        yield Objection(None, f"its envelope is damaged: {'; '.join(cut)}")
    elif not envelope.recipient_count:
        yield Objection(None, "its envelope holds no recipient")
    if file.size <= envelope.raw_length:
        yield Objection(None, "no message text follows its envelope")


def _name_inside(file: SpoolFile) -> SpoolName | None:
    """Return the spool name in its Received line or MTS-ID: that under which it came in."""
    if file.received is not None and file.received.spool_name is not None:
        return file.received.spool_name
    mts_id = parse_mts_id(file.envelope.mts_id or "")
    return None if mts_id is None else mts_id.spool_name


def _delivered_itself(message: Message) -> Iterator[Objection]:
    """Yield what the evidence on the message itself shows of a delivery."""
    if message.fate in _REACHED:
        yield Objection(Reason.DELIVERED, f"its fate is {message.fate}: sent again it comes twice")
    elif message.fate is Fate.RETURNED:
        yield _RETURNED
    elif message.fate in _WAITING:
        yield Objection(None, f"a file of this name waits in In already (fate {message.fate})")
    else:
        for one in message.tracking:
            if one.event in DELIVERED_INBOUND:
                yield Objection(
                    Reason.DELIVERED,
                    f"the tracking log shows event {one.event} of it at {one.time:%Y-%m-%d %H:%M}"
                    f"Z ({one.location}): sent again it comes twice",
                )
                return


_RETURNED = Objection(
    Reason.RETURNED, "a report on it went out: its sender knows, and may have sent it again"
)


class _Copies:
    """Other messages with the Message-IDs of the selected ones: delivered, or waiting."""

    def __init__(self, messages: Messages, selected: Sequence[Message]) -> None:
        wanted = {one.message_id for one in selected if one.message_id}
        self._by_id: dict[str, list[Message]] = defaultdict(list)
        if wanted:
            fates = _REACHED | _WAITING | {Fate.UNKNOWN}
            for other in messages.with_message_id(wanted, fates):
                if other.direction is Direction.INBOUND and _may_have_reached(other):
                    self._by_id[other.message_id or ""].append(other)

    def objections(self, message: Message, file: SpoolFile) -> Iterator[Objection]:
        """Yield one objection for each copy that reached, or will reach, its recipients."""
        mine = _spelt(file.envelope.recipients)
        for other in self._by_id.get(message.message_id or "", ()):
            if other.number == message.number:
                continue
            theirs = _recipients(other)
            shared = mine & theirs if theirs is not None else mine
            if not shared or not _same_originator(file.envelope.originator, other.originator):
                continue
            waits = other.fate not in _REACHED
            how = f"was delivered (fate {other.fate})"
            if other.fate is Fate.UNKNOWN:
                how = "lies in the archive, and whether it was delivered is not known,"
            elif waits:
                how = "waits in In"
            whom = (
                f"{len(shared)} of its {len(mine)} recipients"
                if theirs is not None
                else ("recipients that the evidence does not name")
            )
            yield Objection(
                Reason.DUPLICATE if waits else Reason.DELIVERED,
                f"a copy with the same Message-ID, {other.name}, {how} for {whom}",
            )


def _may_have_reached(other: Message) -> bool:
    """Whether it is delivered, waits, or is archived for a reason that nothing tells."""
    return other.fate is not Fate.UNKNOWN or any(
        kind is InputKind.SPOOL_IN_ARCHIVE for kind, _ in other.files
    )


def _recipients(message: Message) -> frozenset[str] | None:
    """Return whom the evidence names as recipients, None where it names none to compare."""
    found: set[str] = set()
    for _, file in message.files:
        found |= _spelt(file.envelope.recipients)
    for transaction in message.transactions:
        if transaction.outcome is Outcome.ACCEPTED:
            found |= _spelt(transaction.accepted)
    if not found:
        found = {
            address
            for record in message.tracking
            for name, _ in record.recipients
            if (address := comparable(name)) is not None
        }
    return frozenset(found) or None


def _spelt(addresses: Iterable[str]) -> set[str]:
    return {comparable(one) or one.strip().lower() for one in addresses}


def _same_originator(one: str | None, other: str | None) -> bool:
    mine, theirs = comparable(one), comparable(other)
    return mine is None or theirs is None or mine == theirs


def without_twins(items: Sequence[RequeueItem]) -> Iterator[RequeueItem]:
    """Yield the items; of those that are one message, all but the first that goes are held.

    They have the same bytes, or the same Message-ID and originator and a recipient in common.
    Names that differ in letter case only are one name to the server, and both are held: which of
    them is the right one nothing tells.
    """
    names: dict[str, int] = defaultdict(int)
    for one in items:
        names[one.name.lower()] += 1
    by_hash: dict[str, str] = {}
    by_id: dict[tuple[str, str], list[tuple[str, set[str]]]] = defaultdict(list)
    for one in items:
        if names[one.name.lower()] > 1:
            text = "the archive holds this name in two spellings: to the server they are one"
            yield replace(one, objections=(*one.objections, Objection(None, text)))
            continue
        mark = (one.message_id or "", comparable(one.originator) or "")
        mine = _spelt(one.recipients)
        text = ""
        if one.file is not None and one.file.sha256 in by_hash:
            text = f"it has the bytes of {by_hash[one.file.sha256]}, which is selected too"
        for name, theirs in by_id[mark] if one.message_id is not None else ():
            if mine & theirs:
                text = (
                    f"it has the Message-ID of {name}, which is selected too and goes to "
                    f"{len(mine & theirs)} of its {len(mine)} recipients"
                )
        if text:
            yield replace(one, objections=(*one.objections, Objection(Reason.DUPLICATE, text)))
            continue
        yield one
        if not one.objections:
            by_id[mark].append((one.name, mine))
            if one.file is not None:
                by_hash[one.file.sha256] = one.name


def unnamed(names: Mapping[str, str], named: Container[str]) -> tuple[str, ...]:
    """Return the names asked for that no file has; ``names`` maps upper case to as given."""
    return tuple(given for name, given in names.items() if name not in named)
