"""A cause that the evidence shows, and what an administrator does about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from imctool.model.evidence import Location
from imctool.model.message import Fate, Message


class Severity(StrEnum):
    """How much harm a cause does."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Confidence(StrEnum):
    """How far the evidence proves the cause."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A line that speaks for a finding; ``time`` is aware UTC or None."""

    location: Location
    time: datetime | None
    text: str
    assumed_zone: bool = False


@dataclass(frozen=True, slots=True)
class RemedyStep:
    """One step of the repair, and the command that does it where this tool has one."""

    text: str
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause. ``article`` is None where no article describes it.

    ``messages`` are those it explains; ``recipients`` the largest recipient count among them
    where that count is the cause. ``notes`` say what weakens or settles the finding.
    ``fix_missing`` says whether the server's newest build lacks the fix, None where that is open.
    """

    article: str | None
    title: str
    severity: Severity
    confidence: Confidence
    cause: str
    fate: Fate
    fixed_in: str | None
    messages: tuple[Message, ...]
    evidence: tuple[Evidence, ...]
    remedy: tuple[RemedyStep, ...]
    recipients: int | None = None
    notes: tuple[str, ...] = ()
    fix_missing: bool | None = None
