"""Which mails the Character Sets setting may have sent to In\\Archive: event 4117, nothing sharper.

The diagnosis weighs the causes of each archived message; those for which Q230250 is left are
these (see ``knowledge/causes/archived.toml``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from typing import NamedTuple

from imctool.causes.diagnosis import diagnose
from imctool.causes.findings import Tool
from imctool.model.finding import Confidence
from imctool.model.message import Message
from imctool.readers.collection import collect
from imctool.readers.local_time import DateOrder

ARTICLE = "Q230250"
ARCHIVED_EVENT = 4117


class FoundArchived(NamedTuple):
    """The paths of the archived files, and the builds that all of the evidence names."""

    files: frozenset[str]
    builds: tuple[str, ...]


def archived_files(
    paths: Sequence[Path], *, jobs: int, date_order: DateOrder | None, zone: tzinfo | None
) -> FoundArchived:
    """Return the files of the messages that a 4117 names and no sharper cause explains."""
    with_all = collect(paths, date_order=date_order, jobs=jobs)
    diagnosis = diagnose(with_all, Tool(frozenset(), ()), zone)
    explained = {
        message.number
        for finding in diagnosis.findings
        if finding.article != ARTICLE and finding.confidence is not Confidence.POSSIBLE
        for message in finding.messages
    }
    files = {
        file.location.path
        for finding in diagnosis.findings
        if finding.article == ARTICLE
        for message in finding.messages
        if message.number not in explained and _named_by_event(message)
        for _, file in message.files
    }
    return FoundArchived(frozenset(files), diagnosis.server.versions)


def _named_by_event(message: Message) -> bool:
    return any(event.event_id == ARCHIVED_EVENT for event in message.events)
