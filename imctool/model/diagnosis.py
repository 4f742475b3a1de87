"""The whole answer of ``diagnose``: what was read, the server, the messages, the findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from imctool.model.evidence import Defect, FileCount, InputKind
from imctool.model.finding import Finding
from imctool.model.message import Fate, Message
from imctool.model.settings import CharacterSets


@dataclass(frozen=True, slots=True)
class Input:
    """One file or folder of evidence: what it is, how many records, and what time it covers."""

    path: str
    kind: InputKind
    records: int
    first: datetime | None
    last: datetime | None
    assumed_zone: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """Evidence that was not found, and what the diagnosis cannot tell without it."""

    evidence: str
    costs: str
    kind: InputKind | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """The server as the evidence shows it. ``code_pages`` is None where no export tells them.

    ``version_inferred`` says that no build was named and the version follows from its logs.
    """

    name: str | None = None
    versions: tuple[str, ...] = ()
    version_inferred: bool = False
    time_zone: str | None = None
    time_zone_source: str = ""
    character_sets: tuple[CharacterSets, ...] = ()
    code_pages: tuple[int, ...] | None = None


class MessageList(Protocol):
    """The messages of a diagnosis in time order; they may be made only as they are asked for."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Message]: ...

    def __getitem__(self, place: int, /) -> Message: ...

    def count_fates(self) -> Counter[Fate]:
        """Return how many messages met each fate."""
        ...

    def only(self, numbers: Container[int]) -> MessageList:
        """Return those of these numbers, in the same order."""
        ...

    def with_problem(self, named: Container[int]) -> Sequence[Message]:
        """Return those whose fate is not settled, or whose number is ``named``."""
        ...


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What ``diagnose`` reports."""

    inputs: tuple[Input, ...]
    files: FileCount
    server: Server
    messages: MessageList
    findings: tuple[Finding, ...]
    missing: tuple[Missing, ...]
    defects: tuple[Defect, ...] = field(default=())
