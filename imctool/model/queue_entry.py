"""A spool name that stands in Queue.dat."""

from __future__ import annotations

from dataclasses import dataclass

from imctool.model.evidence import Location
from imctool.model.spool_name import SpoolName


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A spool name seen in Queue.dat, at a byte offset.

    A hint and never a proof: the layout of Queue.dat is not public, entries outlive their
    message (Q193862, Q239420), and a word or a run of binary bytes can look like a name. A file
    of In or Out need not be named here either: the service finds it at its next start (Q168883).
    """

    location: Location
    spool_name: SpoolName
