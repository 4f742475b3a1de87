"""``charset-check`` as a whole: every text read and judged, and what follows for the server.

What the server can convert is known when its registry has been read; a label that only the
server's own MIME database knows is then judged again. Whose mail event 4117 archived, the ledger
tells; it is asked only where there are event logs, and only then are its rooms loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from pathlib import Path

from imctool.causes.charset_advice import advise
from imctool.causes.charset_detection import has_second_opinion
from imctool.causes.charset_evidence import (
    CharsetEvidence,
    Within,
    judged_again,
    logged_mails,
    read_evidence,
)
from imctool.causes.charset_settings import Archived
from imctool.causes.charset_verdicts import Verdicts
from imctool.causes.checked_mail import CheckedMail
from imctool.causes.server_charsets import ServerCharsets, server_charsets
from imctool.knowledge.builds import numbers
from imctool.knowledge.charset_outcomes import Harm
from imctool.knowledge.charsets import NT4_DEFAULT
from imctool.model.charset_check import CharsetReport, FileCheck, Outcome, Verdict, Warned
from imctool.model.evidence import FileCount, InputKind, Location
from imctool.readers.local_time import DateOrder

_OUTBOUND = frozenset({InputKind.SPOOL_OUT, InputKind.SPOOL_OUT_ARCHIVE})
_EXAMPLES = 5


def check_charsets(
    paths: Sequence[Path],
    *,
    jobs: int = 1,
    date_order: DateOrder | None = None,
    zone: tzinfo | None = None,
    within: Within | None = None,
) -> CharsetReport:
    """Return the charsets of every mail under ``paths`` and the settings that they call for.

    ``within`` narrows down the mails by their time.
    """
    evidence = read_evidence(paths, jobs, zone, within)
    server = server_charsets(evidence.registry)
    evidence.defects += server.defects
    builds = tuple(sorted(evidence.builds, key=numbers))
    if evidence.events:
        from imctool.causes.charset_archival import archived_files

        found = archived_files(paths, jobs=jobs, date_order=date_order, zone=zone)
        archived = Archived(found.files, told_by_events=True)
        builds = found.builds or builds
    else:
        archived = Archived(_given(paths, evidence), told_by_events=False)
    verdicts = Verdicts(server, builds)
    files, telling = _checked(evidence, server, verdicts, archived)
    logged = [] if within is not None else _logged(evidence, server, verdicts, date_order, jobs)
    advice = advise([*telling, *logged], tuple(evidence.settings), server, archived, builds)
    only_logged = [one.file for one in logged]
    met = evidence.met
    skipped = met.seen - evidence.read - met.unreadable
    return CharsetReport(
        files=files,
        logged=only_logged,
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
        warnings=_warnings([*files, *only_logged]),
        notes=(*_server_notes(server), *advice.notes),
        defects=tuple(sorted({*evidence.defects, *met.defects})),
    )


def _given(paths: Iterable[Path], evidence: CharsetEvidence) -> frozenset[str]:
    """Return the mails that were named themselves, not met in a folder."""
    given = {str(path) for path in paths if not path.is_dir()}
    return frozenset(
        one.location.path
        for one in evidence.mails
        if one.found is not None and one.found.path in given
    )


def _checked(
    evidence: CharsetEvidence, server: ServerCharsets, verdicts: Verdicts, archived: Archived
) -> tuple[list[FileCheck], list[CheckedMail]]:
    """Return every mail with its verdicts, and those of them that call for anything."""
    names = frozenset(server.aliases) | frozenset(server.pages)
    files: list[FileCheck] = []
    telling: list[CheckedMail] = []
    for one in evidence.mails:
        checked = judged_again(one, server, names, evidence.defects)
        file = verdicts.of_mail(one, checked)
        files.append(file)
        if checked.tells or one.location.path in archived.files or file.worst is not Verdict.OK:
            telling.append(CheckedMail(file, checked, outbound=one.kind in _OUTBOUND))
    return files, telling


def _logged(
    evidence: CharsetEvidence,
    server: ServerCharsets,
    verdicts: Verdicts,
    date_order: DateOrder | None,
    jobs: int,
) -> list[CheckedMail]:
    """Return the mails known from protocol logs alone whose labels would be trouble.

    They count for code pages, aliases and warnings: what was lost left its text only there. The
    setting is advised by what lies in the spool, where mail is that failed.
    """
    mails = (
        CheckedMail(verdicts.of_mail(one, one.checked), one.checked, outbound=True)
        for one in logged_mails(evidence, server, date_order, jobs)
    )
    return [one for one in mails if _is_trouble(one.file)]


def _is_trouble(file: FileCheck) -> bool:
    return file.worst is not Verdict.OK or any(part.outcomes for part in file.parts)


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
    order = {str(harm): place for place, harm in enumerate(Harm)}
    return tuple(
        sorted(warned, key=lambda one: (order[one.outcome.harm], -one.files, one.outcome.text))
    )


def _shown_label(label: str | None) -> str:
    if label is None:
        return "(none)"
    return label.lower() if label.strip() else "(blank)"


def _server_notes(server: ServerCharsets) -> Iterator[str]:
    if server.user_defined:
        yield (
            "Nls\\CodePage has an entry 50000 (x-user-defined): it stops the store when a message "
            "in that page is converted (Q187869, Q192546); remove it"
        )
