"""What time a log of the evidence covers."""

from __future__ import annotations

from dataclasses import dataclass

from imctool.model.evidence import EvidenceFile
from imctool.model.smtp import LogSpan


@dataclass(frozen=True, slots=True)
class Coverage:
    """The time a log file covers, as its own records tell; naive times are wall clock."""

    file: EvidenceFile
    span: LogSpan
