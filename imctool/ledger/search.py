"""Which messages a key means: a spool name, an MTS-ID, a Message-ID or an address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath

from imctool.ledger.draft import comparable
from imctool.model.mail import MailFormat, SpoolFile
from imctool.model.message import Message, ObservationKind
from imctool.model.spool_name import SpoolName
from imctool.model.tracking import normalised_mts_id, parse_mts_id
from imctool.readers.envelope import iterate_recipients
from imctool.readers.file_buffer import file_buffer


class KeyKind(StrEnum):
    """What a key names a message by."""

    SPOOL_NAME = "spool-name"
    MTS_ID = "mts-id"
    MESSAGE_ID = "message-id"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Key:
    """One reading of what was asked for; ``value`` is in the form that compares."""

    kind: KeyKind
    value: str


@dataclass(frozen=True, slots=True)
class Found:
    """The messages that a key means, in their order, and the reading that found them.

    ``unsure`` counts the messages that hold more recipients than were kept and could not be
    read again: the address asked for may be among the rest.
    """

    key: Key
    messages: tuple[Message, ...]
    unsure: int = 0


@dataclass(frozen=True, slots=True)
class NeighbourName:
    """A known spool name beside one that is not: its time (UTC) and how many names away."""

    spool_name: SpoolName
    time: datetime
    assumed_zone: bool
    distance: int


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest known names before and after a spool name that no message carries.

    ``bounded`` says that the name was given out between their two times: it shares the first
    four symbols with both, within which the counter only rises (inferred from 349 pairs of
    real names), and the times of the two, by one clock, rise too.
    """

    before: NeighbourName | None
    after: NeighbourName | None
    bounded: bool


_MTS_TAIL = re.compile(r"(?:\d{10}[0-9a-df-hj-np-tv-z]{8}|\d{12}z-\d+)>?$", re.I)
"""How an MTS-ID ends: made by the connector (Q190709), or by an MTA (sampled)."""

SAME_RUN = 32**4
"""So many names share their first four symbols."""


def parse_key(text: str) -> tuple[Key, ...]:
    """Return what ``text`` can mean, the likeliest reading first; an address it may always be.

    Eight symbols of the alphabet are a spool name, what ends as an MTS-ID does is one or its
    tail, and what holds an ``@`` may be a Message-ID, which it is first in angle brackets.
    Raises ValueError where ``text`` is blank.
    """
    bare = text.strip()
    if not bare:
        raise ValueError("a blank key names no message")
    readings = []
    name = SpoolName.find(bare)
    if name is not None:
        readings.append(Key(KeyKind.SPOOL_NAME, str(name)))
    if "@" not in bare and _MTS_TAIL.search(bare):
        readings.append(Key(KeyKind.MTS_ID, normalised_mts_id(bare)))
    address = Key(KeyKind.ADDRESS, _comparable_address(bare))
    if "@" not in bare:
        return (*readings, address)
    message_id = Key(KeyKind.MESSAGE_ID, _comparable_id(bare))
    return (message_id, address) if bare.startswith("<") else (address, message_id)


def find_messages(
    messages: Iterable[Message], readings: Sequence[Key], roots: Sequence[Path] = ()
) -> Found:
    """Return the messages of the first of ``readings`` that finds any, in one pass.

    ``roots`` are the PATH arguments: a message whose recipients were not all kept is read
    again there, since the address may stand among the rest. Where nothing is found the first
    reading stands for the key.
    """
    found: list[list[Message]] = [[] for _ in readings]
    unsure = 0
    for message in messages:
        for key, mine in zip(readings, found, strict=True):
            carried = _carries(message, key, roots)
            if carried:
                mine.append(message)
            elif carried is None:
                unsure += 1
    for key, mine in zip(readings, found, strict=True):
        if mine:
            return Found(key, tuple(mine), unsure if key.kind is KeyKind.ADDRESS else 0)
    return Found(readings[0], (), unsure)


def _carries(message: Message, key: Key, roots: Sequence[Path]) -> bool | None:
    """Return whether the message has the key, None where its recipients are not all known."""
    match key.kind:
        case KeyKind.SPOOL_NAME:
            return SpoolName.parse(key.value) in spool_names(message)
        case KeyKind.MTS_ID:
            return any(one.endswith(key.value) for one in _mts_ids(message))
        case KeyKind.MESSAGE_ID:
            return key.value in _message_ids(message)
        case KeyKind.ADDRESS:
            if any(_comparable_address(one) == key.value for one in _known_addresses(message)):
                return True
            return _listed_again(message, key, roots)


def spool_names(message: Message) -> frozenset[SpoolName]:
    """Return every spool name of a message: its own, and that of a report on it in Out."""
    named = [message.spool_name]
    named += [file.spool_name for _, file in message.files]
    named += [event.spool_name for event in message.events]
    for mts_id in _mts_ids(message):
        parsed = parse_mts_id(mts_id)
        named.append(parsed.spool_name if parsed is not None else None)
    named += [name for name, _, _ in _observed_files(message)]
    return frozenset(name for name in named if name is not None)


def _observed_files(message: Message) -> Iterator[tuple[SpoolName, datetime | None, bool]]:
    for seen in message.observations:
        if seen.kind is ObservationKind.SPOOL_FILE:
            name = SpoolName.find(PurePosixPath(seen.location.path).name)
            if name is not None:
                yield name, seen.time, seen.assumed_zone


def _mts_ids(message: Message) -> set[str]:
    spelled = [message.mts_id, *(file.envelope.mts_id for _, file in message.files)]
    spelled += [record.message_id for record in message.tracking]
    return {normalised_mts_id(one) for one in spelled if one}


def _message_ids(message: Message) -> set[str]:
    spelled = [message.message_id, *(file.skeleton.message_id for _, file in message.files)]
    spelled += [one.message_id for one in message.transactions]
    spelled += [one.remote_id for one in message.tracking if one.remote_id.startswith("<")]
    return {_comparable_id(one) for one in spelled if one}


def _comparable_id(text: str) -> str:
    return text.strip().strip("<>").strip().lower()


def _comparable_address(text: str) -> str:
    """Return an address as it compares; a DN, which the tracking log has, in lower case."""
    found = comparable(text)
    return text.strip().strip("<>").strip().lower() if found is None else found


def _known_addresses(message: Message) -> Iterator[str]:
    """Yield the originators and recipients of a message in every spelling the evidence has."""
    if message.originator is not None:
        yield message.originator
    for _, file in message.files:
        if file.envelope.originator is not None:
            yield file.envelope.originator
        yield from file.envelope.recipients
        if file.envelope.format is MailFormat.RFC822:
            yield from _header_addresses(file)
    for transaction in message.transactions:
        if transaction.originator is not None:
            yield transaction.originator
        yield from transaction.asked
    for record in message.tracking:
        if record.originator:
            yield record.originator
        yield from (name for name, _ in record.recipients)


_ADDRESS_FIELDS = ("from", "sender", "to", "cc", "bcc")
_HEADER_ADDRESS = re.compile(r"[^\s<>,;:\"()]+@[^\s<>,;:\"()]+")


def _header_addresses(file: SpoolFile) -> Iterator[str]:
    """Yield the addresses of a bare mail's header: it has no envelope."""
    for name in _ADDRESS_FIELDS:
        for one in file.skeleton.headers.named(name):
            yield from _HEADER_ADDRESS.findall(one.value)


def _listed_again(message: Message, key: Key, roots: Sequence[Path]) -> bool | None:
    """Return whether a list that was not kept whole has the address; None if none can be read.

    An envelope has every recipient, so one that is whole settles it.
    """
    whole = False
    for _, file in message.files:
        if file.envelope.recipient_count <= len(file.envelope.recipients):
            whole = whole or bool(file.envelope.recipients)
            continue
        try:
            with file_buffer(_path_of(file, roots)) as buffer:
                if any(_comparable_address(one) == key.value for one in iterate_recipients(buffer)):
                    return True
        except OSError:
            continue
        whole = True
    if whole:
        return False
    cut = any(
        len(one.asked) < one.accepted_count + one.refused_count for one in message.transactions
    )
    cut = cut or any(len(one.recipients) < one.recipient_count for one in message.tracking)
    cut = cut or any(
        file.envelope.recipient_count > len(file.envelope.recipients) for _, file in message.files
    )
    return None if cut else False


def _path_of(file: SpoolFile, roots: Sequence[Path]) -> Path:
    """Return where a file lies, by the name that output gives it (readers/discovery.py)."""
    if len(roots) == 1:
        return roots[0] if roots[0].is_file() else roots[0] / file.location.path
    return Path(file.location.path)


def find_neighbours(messages: Iterable[Message], name: SpoolName) -> Neighbours:
    """Return the nearest spool names with a known time before and after ``name``.

    That ``name`` itself is missing is no loss: sessions that break off and temporary files use
    up names too.
    """
    times: dict[SpoolName, tuple[datetime, bool]] = {}
    for message in messages:
        known = [(one, message.first, message.assumed_zone) for one in spool_names(message)]
        for one, time, assumed in (*_observed_files(message), *known):
            if time is not None:
                times.setdefault(one, (time, assumed))

    def beside(one: SpoolName | None) -> NeighbourName | None:
        return None if one is None else NeighbourName(one, *times[one], name.distance(one))

    before = beside(max((one for one in times if one < name), default=None))
    after = beside(min((one for one in times if one > name), default=None))
    bounded = (
        before is not None
        and after is not None
        and len({one.spool_name.value // SAME_RUN for one in (before, after)}) == 1
        and before.assumed_zone == after.assumed_zone
        and before.time <= after.time
    )
    return Neighbours(before, after, bounded)
