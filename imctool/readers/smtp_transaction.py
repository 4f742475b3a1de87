"""A mail transaction of an SMTP conversation while its lines are read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from imctool.model.direction import Direction
from imctool.model.evidence import Location
from imctool.model.smtp import Outcome, Reply, Transaction
from imctool.readers.logged_text import RebuiltText
from imctool.readers.mime_skeleton import read_skeleton

KEPT_ADDRESSES = 1000
"""So many recipients of a transaction are kept by name; the counts go on."""

_OVER_LIMIT = re.compile(r"recipient[^\n]{0,40}limit|limit[^\n]{0,40}recipient|too many rec", re.I)


@dataclass(slots=True)
class OpenTransaction:
    """A transaction while its lines are read. ``awaiting`` counts its unanswered commands."""

    line: int
    started: datetime | None
    originator: str | None = None
    ended: datetime | None = None
    accepted: list[str] = field(default_factory=list)
    accepted_count: int = 0
    refused: list[tuple[str, Reply]] = field(default_factory=list)
    refused_count: int = 0
    deferred_count: int = 0
    over_limit_count: int = 0
    last_refusal: Reply | None = None
    outcome: Outcome | None = None
    reply: Reply | None = None
    text: RebuiltText | None = None
    truncated: bool = False
    subject: str | None = None
    awaiting: int = 0
    most_addresses: int | None = KEPT_ADDRESSES

    def settle(self, outcome: Outcome, reply: Reply | None) -> None:
        """Set how it ended, unless that is known."""
        if self.outcome is None:
            self.outcome = outcome
            self.reply = reply

    def build(self, direction: Direction, peer: str, name: str) -> Transaction:
        """Return the transaction as the model has it.

        Where nothing settled it, it is refused if no recipient was accepted and some were
        refused (deferred if all of these got a 4xx), else incomplete.
        """
        outcome, reply = self.outcome, self.reply
        if outcome is None:
            outcome = Outcome.INCOMPLETE
            if self.refused_count and not self.accepted_count:
                outcome, reply = self._by_recipients(), self.last_refusal
        # By position, in the order of the model: names cost time for each message of a log.
        return Transaction(
            Location(name, self.line),
            direction,
            outcome,
            self.started,
            self.ended,
            peer,
            self.originator,
            tuple(self.accepted),
            self.accepted_count,
            tuple(self.refused),
            self.refused_count,
            self.over_limit_count,
            reply,
            read_skeleton(self.text.data, name=name) if self.text else None,
            self.text.size if self.text else None,
            self.truncated,
            self.subject,
        )

    def _by_recipients(self) -> Outcome:
        all_later = self.deferred_count == self.refused_count
        return Outcome.DEFERRED if all_later else Outcome.REFUSED

    def accept(self, address: str) -> None:
        """Count a recipient that was taken."""
        self.accepted_count += 1
        if self.most_addresses is None or self.accepted_count <= self.most_addresses:
            self.accepted.append(address)

    def refuse(self, address: str, reply: Reply) -> None:
        """Count a recipient that was not taken, for now or for good."""
        self.refused_count += 1
        self.deferred_count += reply.code < 500
        self.over_limit_count += reply.code == 452 and bool(_OVER_LIMIT.search(reply.text))
        self.last_refusal = reply
        if self.most_addresses is None or self.refused_count <= self.most_addresses:
            self.refused.append((address, reply))

    def answer_data(self, reply: Reply) -> None:
        """Take a refusal of DATA; what the recipients got says more if none was accepted."""
        if self.refused_count and not self.accepted_count:
            self.settle(self._by_recipients(), reply)
        else:
            self.settle(outcome_of(reply.code), reply)


def outcome_of(code: int) -> Outcome:
    """Return how a transaction ends whose text, or DATA, got that reply."""
    if 200 <= code < 300:
        return Outcome.ACCEPTED
    if 400 <= code < 500:
        return Outcome.DEFERRED
    return Outcome.REFUSED if code >= 500 else Outcome.INCOMPLETE
