"""A mail in the spool: its envelope, header fields and part tree, by offsets into the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from imctool.model.evidence import Defect, Location
from imctool.model.spool_name import SpoolName

RECIPIENT_LIMIT = 0x7FFE
"""The most recipients Emsmdb32.dll takes on one message: 32,766 (Q272672)."""


class MailFormat(StrEnum):
    """How the envelope is kept: ImCr..EwLs block, X-Sender/X-Receiver lines, or not at all."""

    IMCR = "imcr"
    PICKUP = "pickup"
    RFC822 = "rfc822"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands before the message text. ``originator`` is None if not given, "" if null.

    ``recipients`` may be cut to what the caller asked to keep; ``recipient_count`` never is.
    Addresses carry no angle brackets. ``time`` is the server's wall clock, so it is naive
    (inferred from Q190709). ``raw_length`` is the offset of the message text in the file.
    """

    format: MailFormat
    originator: str | None = None
    recipients: tuple[str, ...] = ()
    recipient_count: int = 0
    mts_id: str | None = None
    time: datetime | None = None
    peer: str | None = None
    raw_length: int = 0


@dataclass(frozen=True, slots=True)
class HeaderField:
    """One header field, unfolded, as raw bytes decoded ASCII-or-Latin-1; offset in the file."""

    name: str
    value: str
    offset: int


@dataclass(frozen=True, slots=True)
class Part:
    """One node of the MIME tree.

    ``number`` follows IMAP (RFC 3501 section 6.4.5); a multipart that is the whole body of a
    message has no number of its own there and carries ``TEXT`` or ``n.TEXT``. ``charset`` is
    None where no charset parameter stands, "" where it is blank. ``encoding`` is lower case,
    "" where none stands. ``offset`` and ``size`` bound the body in the file, in bytes; inside
    a part whose encoding hides its bytes (``encoded``) they count in the decoded bytes.
    ``embedded`` counts the message/rfc822 parts around this one.
    """

    number: str
    content_type: str
    charset: str | None
    encoding: str
    header_offset: int
    offset: int
    size: int
    embedded: int = 0
    filename: str | None = None
    encoded: bool = False


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The outline of one message: its header fields and the part tree in file order.

    ``header_recipients`` counts the addresses in To, Cc and Bcc (Resent- fields apart).
    ``mime`` says whether a MIME-Version or Content-Type field stands in the header.
    """

    headers: tuple[HeaderField, ...] = ()
    parts: tuple[Part, ...] = ()
    header_recipients: int = 0
    mime: bool = False
    defects: tuple[Defect, ...] = ()

    def header(self, name: str) -> str | None:
        """Return the value of the first field of that name, in any letter case, or None."""
        wanted = name.lower()
        for one in self.headers:
            if one.name.lower() == wanted:
                return one.value
        return None

    def header_values(self, name: str) -> tuple[str, ...]:
        """Return the values of every field of that name, in file order."""
        wanted = name.lower()
        return tuple(one.value for one in self.headers if one.name.lower() == wanted)


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """One mail file of the spool as read: envelope and skeleton, no bodies."""

    location: Location
    spool_name: SpoolName | None
    size: int
    modified: datetime
    envelope: Envelope
    skeleton: Skeleton
    defects: tuple[Defect, ...] = field(default=())

    @property
    def recipient_count(self) -> int:
        """The recipients the server would see: the envelope's, else those in the header."""
        if self.envelope.format is MailFormat.RFC822:
            return self.skeleton.header_recipients
        return self.envelope.recipient_count

    @property
    def over_limit(self) -> bool:
        """Whether the message has more recipients than the store takes (Q272672)."""
        return self.recipient_count > RECIPIENT_LIMIT
