"""What really became of a message, and by which names the evidence speaks of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True, eq=False)
class TrueMessage:
    """One message of the site and its fate.

    ``also`` are fates that tell the truth as well, such as ``unknown`` of one that nothing can
    tell from another. ``sessions`` are the direction and the wall-clock second of MAIL of each of
    its transactions. ``other_ids`` are MTS-IDs of the reports on it that never leave the store.
    ``unaddressed`` are the moments (UTC) of attempts that ended before any recipient was named.
    ``leg`` is set for what is no message of its own: the way out of a rerouted message, which
    may be told as one, and a report, which ``folds`` into the message it is about where the
    evidence names that. ``wire`` is the text as a peer transmitted it, before dot-stuffing.
    """

    scene: str
    direction: str
    fate: str
    originator: str
    recipients: tuple[str, ...]
    moment: datetime
    spool_name: str | None = None
    message_id: str | None = None
    mts_id: str | None = None
    wire: bytes = b""
    also: frozenset[str] = frozenset()
    sessions: list[tuple[str, datetime, str]] = field(default_factory=list)
    other_ids: list[str] = field(default_factory=list)
    unaddressed: list[datetime] = field(default_factory=list)
    leg: bool = False
    folds: bool = False

    @property
    def inbound(self) -> bool:
        return self.direction == "inbound"

    def label(self) -> str:
        """Return how a failed test calls it."""
        name = self.spool_name or self.message_id or self.mts_id
        return f"{self.scene} {name} ({self.moment:%d %H:%M:%S} UTC, {self.originator!r})"
