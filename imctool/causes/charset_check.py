"""``charset-check`` as a whole: every text read and judged, and what follows for the server.

The mails are read once, each judged where it is read. What the server can convert is known when
its registry has been read too; a label that only the server's own MIME database knows is then
judged again. Whose mail event 4117 archived, the ledger tells; it is asked only where there are
event logs, and only then are the rooms that read logs loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from imctool.causes.charset_advice import advise
from imctool.causes.charset_detection import has_second_opinion
from imctool.causes.charset_settings import Archived
from imctool.causes.checked_mail import CheckedMail
from imctool.causes.server_charsets import ServerCharsets, server_charsets
from imctool.causes.text_check import (
    NATIONAL_SETS,
    HeaderJudged,
    MailChecked,
    PartText,
    check_texts,
    judge_texts,
)
from imctool.knowledge.builds import numbers
from imctool.knowledge.charset_outcomes import Certainty, predicted_outcomes
from imctool.knowledge.charsets import NT4_DEFAULT, Charset
from imctool.model.charset_check import (
    CharsetReport,
    FileCheck,
    HeaderCheck,
    Outcome,
    PartCheck,
    Standing,
    Verdict,
    Warned,
)
from imctool.model.diagnosis import FileCount
from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind, Location
from imctool.model.mail import SpoolFile
from imctool.model.settings import CharacterSets, RegistryValue
from imctool.model.spool_name import SpoolName
from imctool.readers.discovery import Discovery, FoundFile, walk
from imctool.readers.examination import Examined, count_unread, examine, examine_all
from imctool.readers.local_time import DateOrder
from imctool.readers.received import own_received

_SETTINGS = frozenset({Form.REGISTRY_TEXT, Form.REGISTRY_HIVE, Form.IMC_SETTINGS})
_OUTBOUND = frozenset({InputKind.SPOOL_OUT, InputKind.SPOOL_OUT_ARCHIVE})
_EXAMPLES = 5

_FIRST, _EVERY = 200, 20
"""The build stands in each mail; the first ones and one of so many after are asked for it."""


class _Mail(NamedTuple):
    """One mail as the first pass leaves it."""

    found: FoundFile
    location: Location
    kind: InputKind
    spool_name: SpoolName | None
    sender_domain: str | None
    mime: bool
    checked: MailChecked


@dataclass(slots=True)
class _Evidence:
    """What one pass over the evidence found."""

    met: Discovery = field(default_factory=Discovery)
    mails: list[_Mail] = field(default_factory=list)
    registry: list[RegistryValue] = field(default_factory=list)
    settings: list[CharacterSets] = field(default_factory=list)
    builds: set[str] = field(default_factory=set)
    defects: list[Defect] = field(default_factory=list)
    read: int = 0
    events: bool = False


def check_charsets(
    paths: Sequence[Path],
    *,
    jobs: int = 1,
    date_order: DateOrder | None = None,
    zone: tzinfo | None = None,
) -> CharsetReport:
    """Return the charsets of every mail under ``paths`` and the settings that they call for."""
    evidence = _read(paths, jobs)
    server = server_charsets(evidence.registry)
    evidence.defects += server.defects
    builds = tuple(sorted(evidence.builds, key=numbers))
    archived: Archived
    if evidence.events:
        from imctool.causes.charset_archival import archived_files

        found = archived_files(paths, jobs=jobs, date_order=date_order, zone=zone)
        archived = Archived(found.files, told_by_events=True)
        builds = found.builds or builds
    else:
        given = {str(path) for path in paths if not path.is_dir()}
        direct = frozenset(one.location.path for one in evidence.mails if one.found.path in given)
        archived = Archived(direct, told_by_events=False)
    known_to_server = frozenset(server.aliases) | frozenset(server.pages)
    verdicts = _Verdicts(server, builds)
    files: list[FileCheck] = []
    mails: list[CheckedMail] = []
    for one in evidence.mails:
        checked = _judged_again(one, server, known_to_server, evidence.defects)
        file = verdicts.of_file(one, checked)
        files.append(file)
        mails.append(CheckedMail(file, checked, one.kind in _OUTBOUND))
    advice = advise(mails, tuple(evidence.settings), server, archived, builds)
    met = evidence.met
    skipped = met.seen - evidence.read - met.unreadable
    return CharsetReport(
        files=files,
        count=FileCount(met.seen, evidence.read, met.unreadable, skipped),
        versions=builds,
        code_pages=tuple(sorted(NT4_DEFAULT if server.installed is None else server.installed)),
        code_pages_assumed=server.assumed,
        second_opinion=has_second_opinion(),
        default=advice.default,
        domains=advice.domains,
        install=advice.install,
        aliases=advice.aliases,
        settings=tuple(evidence.settings),
        unaliased=advice.unaliased,
        warnings=_warnings(files),
        notes=(*_server_notes(server), *advice.notes),
        defects=tuple(sorted({*evidence.defects, *met.defects})),
    )


# Reading


def _read(paths: Sequence[Path], jobs: int) -> _Evidence:
    """Read and judge the mails, read registry and settings, note whether there are events."""
    evidence = _Evidence()
    settings: list[EvidenceFile] = []
    for one in examine_all(walk(paths, evidence.met), jobs, check_texts):
        if one.defect is not None:
            evidence.defects.append(one.defect)
        if one.form is None:
            count_unread(one, evidence.met)
        elif one.mail is not None:
            _take(evidence, one, one.mail)
        elif one.kind is InputKind.EVENT_LOG:
            evidence.events = True
            evidence.read += 1
        elif one.form in _SETTINGS:
            settings.append(one.file)
    if settings:
        from imctool.readers.collection import read_records
    for file in settings:
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
    return evidence


def _take(evidence: _Evidence, one: Examined, mail: SpoolFile) -> None:
    evidence.read += 1
    evidence.defects += mail.defects
    if len(evidence.mails) < _FIRST or len(evidence.mails) % _EVERY == 0:
        received = own_received(mail.skeleton, mail.spool_name)
        if received is not None and received.version:
            evidence.builds.add(received.version)
    evidence.mails.append(
        _Mail(
            one.found, mail.location, one.kind, mail.spool_name, sender_domain_of(mail),
            mail.skeleton.mime, one.seen,
        )
    )  # fmt: skip


def sender_domain_of(mail: SpoolFile) -> str | None:
    """Return the domain of the envelope originator, lower case; without envelope that of From.

    None where there is none: a null sender, or a name of the server's own.
    """
    sender = mail.envelope.originator
    if sender is None:
        sender = (mail.skeleton.header("from") or "").rpartition("<")[2].partition(">")[0]
    _, at, domain = sender.strip().strip("<>").rpartition("@")
    domain = domain.strip().lower().rstrip(".")
    return domain if at and domain and not any(map(str.isspace, domain)) else None


def _judged_again(
    one: _Mail, server: ServerCharsets, known_to_server: frozenset[str], defects: list[Defect]
) -> MailChecked:
    """Return the mail judged by the server's own names too, where it uses one of them."""
    if not known_to_server:
        return one.checked
    labels = [text.label for text in one.checked.parts]
    labels += [text.label for text in one.checked.headers]
    if not any(label and label.lower() in known_to_server for label in labels):
        return one.checked
    again = examine(one.found, look=partial(judge_texts, resolve=server.resolve))
    if again.mail is None:
        defects.append(again.defect or Defect(one.location, "gone while it was read"))
        return one.checked
    checked: MailChecked = again.seen
    return checked


# Verdicts


class _Verdicts:
    """The verdict on each text, with what this server knows and has installed."""

    def __init__(self, server: ServerCharsets, builds: tuple[str, ...]) -> None:
        self._server = server
        self._builds = builds
        self._versions = frozenset(".".join(build.split(".")[:2]) for build in builds)
        self.of_part = lru_cache(maxsize=1 << 14)(self._of_part)
        self._charset = lru_cache(maxsize=1 << 12)(server.resolve)
        self._files: dict[tuple[PartText, ...], tuple[PartCheck, ...]] = {}

    def of_file(self, one: _Mail, checked: MailChecked) -> FileCheck:
        """Return the mail with the verdict on each of its texts."""
        parts = tuple(map(self.of_part, checked.parts))
        headers = tuple(map(self._of_header, checked.headers))
        return FileCheck(
            one.location, one.spool_name, one.kind, one.sender_domain, one.mime, parts, headers
        )

    def _of_part(self, text: PartText) -> PartCheck:
        charset = self._charset(text.label) if text.label else None
        installed = None if charset is None else self._server.is_installed(charset)
        judgement = text.judgement
        verdict = _verdict(text.label, charset, judgement.standing, installed)
        return PartCheck(
            part=text.part,
            content_type=text.content_type,
            declared=text.label,
            detected=judgement.detected,
            confidence=judgement.confidence,
            code_page=None if charset is None else charset.code_page,
            installed=installed,
            verdict=verdict,
            outcomes=self._outcomes(text, verdict, installed),
            note=judgement.note,
        )

    def _of_header(self, text: HeaderJudged) -> HeaderCheck:
        charset = self._charset(text.label) if text.label else None
        installed = None if charset is None else self._server.is_installed(charset)
        judgement = text.judgement
        verdict = _verdict(text.label, charset, judgement.standing, installed)
        return HeaderCheck(
            text.name, text.part, text.label, judgement.detected, verdict, judgement.note
        )

    def _outcomes(
        self, text: PartText, verdict: Verdict, installed: bool | None
    ) -> tuple[Outcome, ...]:
        """Return what to expect of a part; one wrongly labelled fails for its code page too."""
        kind = str(verdict)
        if installed is False and verdict in _DECODED:
            kind = str(Verdict.NOT_INSTALLED)
        found = predicted_outcomes(
            kind,
            text.label,
            embedded=text.embedded,
            in_digest=text.in_digest,
            versions=self._versions,
            builds=self._builds,
        )
        return tuple(
            Outcome(
                " ".join(one.text.split()), one.articles, str(one.harm),
                tuple(v for v in one.versions if not self._versions or v in self._versions),
                one.fixed_in, one.certainty is Certainty.DOCUMENTED,
            )
            for one in found
        )  # fmt: skip


_DECODED = frozenset({Verdict.MISLABELLED, Verdict.UNDECODABLE, Verdict.AMBIGUOUS})


def _verdict(
    label: str | None, charset: Charset | None, standing: Standing, installed: bool | None
) -> Verdict:
    """Return the first of the contract's verdicts that holds.

    A text whose charset has no codec here, or is one of the 7-bit national sets, is ambiguous
    even where its code page is absent: that the label is right cannot be told.
    """
    if label is None:
        return Verdict.OK if standing is Standing.PLAIN else Verdict.MISSING_LABEL
    if not label.strip():
        return Verdict.EMPTY_LABEL
    if charset is None:
        return Verdict.UNKNOWN_LABEL
    if standing is Standing.INVALID:
        return Verdict.UNDECODABLE
    if standing is Standing.OTHER:
        return Verdict.MISLABELLED
    if standing is Standing.UNTESTED or charset.code_page in NATIONAL_SETS:
        return Verdict.AMBIGUOUS
    return Verdict.NOT_INSTALLED if installed is False else Verdict.OK


# What is told of the whole


def _warnings(files: Iterable[FileCheck]) -> tuple[Warned, ...]:
    """Return each bad outcome to expect, the worst and commonest first."""
    labels: dict[Outcome, set[str]] = {}
    places: dict[Outcome, dict[Location, None]] = {}
    for file in files:
        for part in file.parts:
            for outcome in part.outcomes:
                labels.setdefault(outcome, set()).add(_shown_label(part.declared))
                places.setdefault(outcome, {})[file.location] = None
    warned = [
        Warned(outcome, tuple(sorted(labels[outcome])), len(found), tuple(found)[:_EXAMPLES])
        for outcome, found in places.items()
    ]
    order = {harm: place for place, harm in enumerate(_HARMS)}
    return tuple(
        sorted(warned, key=lambda one: (order[one.outcome.harm], -one.files, one.outcome.text))
    )


_HARMS = (
    "loss", "stuck", "store-crash", "archived", "attachment", "notice", "raw", "wrong-text",
)  # fmt: skip


def _shown_label(label: str | None) -> str:
    if label is None:
        return "(none)"
    return label.lower() if label.strip() else "(blank)"


def _server_notes(server: ServerCharsets) -> Iterable[str]:
    if server.user_defined:
        yield (
            "Nls\\CodePage has an entry 50000 (x-user-defined): it stops the store when a message "
            "in that page is converted (Q187869, Q192546); remove it"
        )
