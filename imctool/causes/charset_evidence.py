"""What one pass over the evidence gives ``charset-check``: mails judged, settings, logged texts.

Each mail is judged where it is read. Logs are only noted; what a Maximum protocol log holds of
mail that is not in the spool is read when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from imctool.causes.server_charsets import ServerCharsets
from imctool.causes.text_check import MailChecked, check_texts, judge_texts
from imctool.knowledge.charsets import plain_label
from imctool.model.direction import Direction
from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind, Location
from imctool.model.mail import Envelope, MailFormat, SpoolFile
from imctool.model.settings import CharacterSets, RegistryValue
from imctool.model.smtp import Outcome, Transaction
from imctool.model.spool_name import SpoolName
from imctool.readers.discovery import Discovery, FoundFile, walk
from imctool.readers.examination import Examined, count_unread, examine, examine_all
from imctool.readers.file_buffer import open_binary
from imctool.readers.local_time import DateOrder
from imctool.readers.received import own_received

Within = Callable[[datetime | None], bool]
"""Whether a time of UTC is wanted."""

_SETTINGS = frozenset({Form.REGISTRY_TEXT, Form.REGISTRY_HIVE, Form.IMC_SETTINGS})

_FIRST, _EVERY = 200, 20
"""The build stands in each mail; the first ones and one of so many after are asked for it."""


class JudgedMail(NamedTuple):
    """One mail with its texts judged. ``found`` is None where a protocol log held it."""

    found: FoundFile | None
    location: Location
    kind: InputKind
    spool_name: SpoolName | None
    sender_domain: str | None
    mime: bool
    checked: MailChecked


@dataclass(slots=True)
class CharsetEvidence:
    """What was found. ``events`` says that there are event logs; ``protocol_logs`` are SMTP's."""

    met: Discovery = field(default_factory=Discovery)
    mails: list[JudgedMail] = field(default_factory=list)
    registry: list[RegistryValue] = field(default_factory=list)
    settings: list[CharacterSets] = field(default_factory=list)
    protocol_logs: list[EvidenceFile] = field(default_factory=list)
    builds: set[str] = field(default_factory=set)
    defects: list[Defect] = field(default_factory=list)
    read: int = 0
    events: bool = False


def read_evidence(
    paths: Sequence[Path], jobs: int, zone: tzinfo | None = None, within: Within | None = None
) -> CharsetEvidence:
    """Return what lies under ``paths``; with ``within`` only the mails of that time."""
    evidence = CharsetEvidence()
    settings: list[EvidenceFile] = []
    timed: list[SpoolFile] = []
    for one in examine_all(walk(paths, evidence.met), jobs, check_texts):
        if one.defect is not None:
            evidence.defects.append(one.defect)
        if one.form is None:
            count_unread(one, evidence.met)
        elif one.mail is not None:
            _take(evidence, one, one.mail)
            if within is not None:
                received = own_received(one.mail.skeleton, one.mail.spool_name)
                timed.append(replace(one.mail, received=received))
        elif one.form in _SETTINGS:
            settings.append(one.file)
        elif one.kind in (InputKind.EVENT_LOG, InputKind.PROTOCOL_LOG):
            evidence.read += 1
            evidence.events |= one.kind is InputKind.EVENT_LOG
            if one.kind is InputKind.PROTOCOL_LOG:
                evidence.protocol_logs.append(one.file)
    _read_settings(evidence, settings)
    if within is not None:
        _narrow(evidence, timed, zone, within)
    return evidence


def _take(evidence: CharsetEvidence, one: Examined, mail: SpoolFile) -> None:
    evidence.read += 1
    evidence.defects += mail.defects
    if len(evidence.mails) < _FIRST or len(evidence.mails) % _EVERY == 0:
        received = own_received(mail.skeleton, mail.spool_name)
        if received is not None and received.version:
            evidence.builds.add(received.version)
    evidence.mails.append(
        JudgedMail(
            one.found, mail.location, one.kind, mail.spool_name, sender_domain_of(mail),
            mail.skeleton.mime, one.seen,
        )
    )  # fmt: skip


def _read_settings(evidence: CharsetEvidence, files: Sequence[EvidenceFile]) -> None:
    if not files:
        return
    from imctool.readers.collection import read_records  # loads every reader

    for file in files:
        records = 0
        for record in read_records(file, None):
            if isinstance(record, Defect):
                evidence.defects.append(record)
                continue
            records += 1
            if isinstance(record, RegistryValue):
                evidence.registry.append(record)
            elif isinstance(record, CharacterSets):
                evidence.settings.append(record)
        if records:
            evidence.read += 1
        else:
            evidence.met.unreadable += 1


def _narrow(
    evidence: CharsetEvidence, files: Sequence[SpoolFile], zone: tzinfo | None, within: Within
) -> None:
    """Leave out the mails of another time; one without a time is left out too."""
    from imctool.ledger.clock import derive_clock, own_stamps

    clock = derive_clock(zone, evidence.registry, own_stamps(files), lambda: files)
    evidence.mails = [
        one
        for one, file in zip(evidence.mails, files, strict=True)
        if within(clock.utc(file.moment))
    ]


def sender_domain_of(mail: SpoolFile) -> str | None:
    """Return the domain of the envelope originator, lower case; without envelope that of From.

    None where there is none: a null sender, or a name of the server's own.
    """
    sender = mail.envelope.originator
    if sender is None and mail.envelope.format is MailFormat.RFC822:
        sender = (mail.skeleton.header("from") or "").rpartition("<")[2].partition(">")[0]
    _, at, domain = (sender or "").strip().strip("<>").rpartition("@")
    domain = domain.strip().lower().rstrip(".")
    return domain if at and domain and domain.isprintable() and " " not in domain else None


def judged_again(
    one: JudgedMail, server: ServerCharsets, names: frozenset[str], defects: list[Defect]
) -> MailChecked:
    """Return the mail judged by the server's own ``names`` too, where it uses one of them.

    A file that is gone meanwhile is a Defect, and judged as it was.
    """
    if not names or one.found is None:
        return one.checked
    labels = [text.label for text in one.checked.parts]
    labels += [text.label for text in one.checked.headers]
    if not any(label and plain_label(label) in names for label in labels):
        return one.checked
    again = examine(one.found, look=partial(judge_texts, resolve=server.resolve))
    if again.mail is None:
        defects.append(again.defect or Defect(one.location, "gone while it was read"))
        return one.checked
    checked: MailChecked = again.seen
    return checked


def logged_mails(
    evidence: CharsetEvidence, server: ServerCharsets, date_order: DateOrder | None, jobs: int
) -> Iterator[JudgedMail]:
    """Yield the inbound mails whose texts protocol logs hold, and that are not in the spool.

    Their text is what was transmitted, as far as the log has it; which file of the spool is the
    same mail is told by the Message-ID; one without is taken for a mail of the spool if there is
    any without there.
    """
    if not evidence.protocol_logs:
        return
    from imctool.readers.protocol_log import iterate_transactions

    in_spool = cache(partial(_message_ids, evidence, jobs))
    for file in evidence.protocol_logs:
        try:
            with open_binary(file.path) as stream:
                for found, text in iterate_transactions(stream, file.name, date_order=date_order):
                    if text is None or not _is_inbound(found):
                        continue
                    if found.message_id not in in_spool():
                        yield _logged(found, bytes(text), server)
        except OSError as error:
            evidence.defects.append(Defect(file.location(), error.strerror or str(error)))


def _message_ids(evidence: CharsetEvidence, jobs: int) -> frozenset[str | None]:
    """Return the Message-IDs in the spool, None among them if a mail has none.

    Its mails are read again for that: few logs hold texts.
    """
    files = [one.found for one in evidence.mails if one.found is not None]
    mails = (one.mail for one in examine_all(files, jobs))
    return frozenset(mail.skeleton.message_id for mail in mails if mail is not None)


def _is_inbound(found: Transaction) -> bool:
    """Return whether the server took a mail in and the log holds its text."""
    taken = found.direction is Direction.INBOUND and found.outcome is Outcome.ACCEPTED
    return taken and found.skeleton is not None


def _logged(found: Transaction, text: bytes, server: ServerCharsets) -> JudgedMail:
    assert found.skeleton is not None
    envelope = Envelope(MailFormat.PICKUP, found.originator)
    mail = SpoolFile(found.location, None, len(text), envelope, found.skeleton)
    return JudgedMail(
        None, found.location, InputKind.PROTOCOL_LOG, None, sender_domain_of(mail),
        found.skeleton.mime, judge_texts(text, mail, server.resolve),
    )  # fmt: skip
