"""One thing that a repair does, did, or would not do, as its journal and its output tell it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from imctool.model.evidence import Location
from imctool.model.spool_name import SpoolName


class ActionKind(StrEnum):
    """What is done to a message; ``skip`` stands for one that nothing is done to."""

    MOVE = "move"
    COPY = "copy"
    WRITE = "write"
    SUBMIT = "submit"
    SKIP = "skip"


class ActionStatus(StrEnum):
    """How far it came. Refused: on purpose, before anything was done; failed: by an error."""

    DONE = "done"
    PLANNED = "planned"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Action:
    """One step of a repair.

    ``source`` is where the message was found, ``target`` the path of the file it became, None
    where there is none. ``sha256`` (hex) is of the bytes at the target. ``reason`` says why it
    was refused or failed, or what is wrong with what was done.
    """

    kind: ActionKind
    status: ActionStatus
    source: Location
    target: str | None = None
    spool_name: SpoolName | None = None
    recipients: int = 0
    sha256: str | None = None
    reason: str | None = None

    @property
    def undone(self) -> bool:
        """Whether it was refused or failed."""
        return self.status in {ActionStatus.REFUSED, ActionStatus.FAILED}
