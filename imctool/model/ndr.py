"""A delivery report (NDR) that is written after the fact, because the server could not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Returned(StrEnum):
    """What of the message goes back with its report (RFC 6522): its header, or all of it."""

    HEADERS = "hdrs"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """One recipient that was not reached, and why.

    ``address`` is raw bytes decoded as Latin-1, without brackets, as in an envelope. ``reason``
    is a text that the connector used (as ``Unknown Recipient``), an SMTP reply (as ``550 5.1.1
    no such user``), or any words; "" stands for too many recipients. ``status`` is one of
    RFC 3463 that begins with 4 or 5, "" for the one that the reason stands for.
    """

    address: str
    reason: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class Ndr:
    """What a report says beside its recipients.

    ``originator`` is that of the envelope of the message reported, "" if null, None if not known.
    ``server`` is the host name of the server that could not report, ``source_sha256`` (hex) that
    of the file its message lies in. The report is ``number`` of ``total``. ``sender`` is whom it
    comes from, None for the postmaster of ``server``.

    ``date`` is that of the report, ``arrived`` when the server took the message, ``failed`` when
    it could not deliver: all aware. Without ``failed`` the recipients carry ``date``, for they
    have to carry one. ``organization``, ``site`` and ``server_name`` are those of the MSEXCH
    line; without a server name it has ``server``.
    """

    originator: str | None
    server: str
    source_sha256: str
    date: datetime
    number: int = 1
    total: int = 1
    sender: str | None = None
    arrived: datetime | None = None
    failed: datetime | None = None
    organization: str = ""
    site: str = ""
    server_name: str = ""
    mts_id: str | None = None
    returned: Returned = Returned.HEADERS


@dataclass(frozen=True, slots=True)
class WrittenNdr:
    """What was written: the report's Message-ID, and how many recipients it names.

    ``escaped`` counts the addresses that stand in it with bytes written as ``\\xNN``, since they
    are no UTF-8 and no header has a form for them.
    """

    message_id: str
    recipients: int
    escaped: int = 0
