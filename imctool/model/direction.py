"""Which way a message goes."""

from __future__ import annotations

from enum import StrEnum


class Direction(StrEnum):
    """Seen from the server."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
