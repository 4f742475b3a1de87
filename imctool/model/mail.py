"""A mail in the spool: its envelope, header fields and part tree, by offsets into the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING, overload

from imctool.model.direction import Direction
from imctool.model.evidence import Defect, Location
from imctool.model.spool_name import SpoolName

if TYPE_CHECKING:
    from imctool.model.delivery_report import DeliveryReport

RECIPIENT_LIMIT = 0x7FFE
"""The most recipients Emsmdb32.dll takes on one message: 32,766 (Q272672)."""


class MailFormat(StrEnum):
    """How the envelope is kept: ImCr..EwLs block, X-Sender/X-Receiver lines, or not at all."""

    IMCR = "imcr"
    PICKUP = "pickup"
    RFC822 = "rfc822"


_FILETIME_EPOCH = datetime(1601, 1, 1)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands before the message text. ``originator`` is None if not given, "" if null.

    ``recipients`` may be cut to what the caller asked to keep; ``recipient_count`` never is.
    Addresses carry no angle brackets. ``filetime`` counts tenths of a microsecond from 1601 on
    the server's wall clock (inferred from Q190709). ``raw_length`` is the offset of the message
    text in the file.
    """

    format: MailFormat
    originator: str | None = None
    recipients: tuple[str, ...] = ()
    recipient_count: int = 0
    mts_id: str | None = None
    filetime: int | None = None
    peer: str | None = None
    raw_length: int = 0

    @property
    def time(self) -> datetime | None:
        """The wall-clock time of the envelope, naive; None where it has none."""
        return None if self.filetime is None else envelope_time(self.filetime)


def envelope_time(filetime: int) -> datetime:
    """Return the wall-clock time of a FILETIME, naive."""
    return _FILETIME_EPOCH + timedelta(microseconds=filetime // 10)


@dataclass(frozen=True, slots=True)
class HeaderField:
    """One header field, unfolded, as raw bytes decoded ASCII-or-Latin-1; offset in the file."""

    name: str
    value: str
    offset: int


class HeaderFields(Sequence[HeaderField]):
    """The fields of a header in file order, each made when it is asked for.

    Most fields of a spool are never looked at, so a header that was read in one go keeps its
    lines: ``lines`` are (name, colon, rest), in which NULs hold the place of a folded line break;
    ``keys`` the names in lower case; ``start`` the offset of the first; ``gap`` the length of a
    line break.
    """

    __slots__ = ("_fields", "_gap", "_keys", "_lines", "_start")

    def __init__(
        self,
        fields: Sequence[HeaderField] | None = None,
        lines: Sequence[tuple[str, str, str]] = (),
        keys: Sequence[str] = (),
        start: int = 0,
        gap: int = 2,
    ) -> None:
        self._fields = tuple(fields) if fields is not None else None
        self._gap = gap
        self._lines = lines
        self._keys = keys
        self._start = start

    def _all(self) -> tuple[HeaderField, ...]:
        if self._fields is None:
            self._fields = tuple(map(self._made, self._lines, self._offsets()))
        return self._fields

    def _offsets(self) -> Iterator[int]:
        more = 1 + self._gap
        lengths = (len(name) + len(rest) + more for name, _, rest in self._lines)
        return accumulate(lengths, initial=self._start)

    @staticmethod
    def _made(line: tuple[str, str, str], offset: int) -> HeaderField:
        return HeaderField(line[0], _value(line[2]), offset)

    def named(self, name: str) -> Iterator[HeaderField]:
        """Yield the fields of that name, in any letter case, in file order."""
        wanted = name.lower()
        if self._fields is not None:
            yield from (one for one in self._fields if one.name.lower() == wanted)
        elif wanted in self._keys:
            for key, line, offset in zip(self._keys, self._lines, self._offsets(), strict=False):
                if key == wanted:
                    yield self._made(line, offset)

    def first_value(self, name: str) -> str | None:
        """Return the value of the first field of that name, in any letter case, or None."""
        if self._fields is None:
            wanted = name.lower()
            if wanted not in self._keys:
                return None
            return _value(self._lines[self._keys.index(wanted)][2])
        found = next(self.named(name), None)
        return None if found is None else found.value

    def __len__(self) -> int:
        return len(self._lines) if self._fields is None else len(self._fields)

    def __iter__(self) -> Iterator[HeaderField]:
        return iter(self._all())

    @overload
    def __getitem__(self, index: int) -> HeaderField: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[HeaderField]: ...
    def __getitem__(self, index: int | slice) -> HeaderField | Sequence[HeaderField]:
        return self._all()[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return f"HeaderFields({self._all()!r})"


def _value(rest: str) -> str:
    """Return what stands behind the colon of a line whose folds are marked by NULs."""
    return rest.strip(" \t\0").replace("\0", "")


NO_FIELDS = HeaderFields(())


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

    headers: HeaderFields = NO_FIELDS
    parts: tuple[Part, ...] = ()
    header_recipients: int = 0
    mime: bool = False
    defects: tuple[Defect, ...] = ()

    def header(self, name: str) -> str | None:
        """Return the value of the first field of that name, in any letter case, or None."""
        return self.headers.first_value(name)

    @property
    def message_id(self) -> str | None:
        """The Message-ID as it stands in the header, without blanks around it, or None."""
        return (self.header("message-id") or "").strip() or None


@dataclass(frozen=True, slots=True)
class OwnReceived:
    """What the Received field of the server itself says.

    ``time`` is aware, or None where the date cannot be read. ``spool_name`` is None in the forms
    of 4.0, whose id is a time. ``offset`` is that of the field.
    """

    direction: Direction
    host: str
    version: str
    spool_name: SpoolName | None
    time: datetime | None
    offset: int


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """One mail file of the spool as read: envelope and skeleton, no bodies.

    ``received`` is put in where it is wanted (readers/received.py); it costs a search.
    ``report`` is what the mail reports, if it is a report of non-delivery.
    """

    location: Location
    spool_name: SpoolName | None
    size: int
    envelope: Envelope
    skeleton: Skeleton
    defects: tuple[Defect, ...] = field(default=())
    received: OwnReceived | None = None
    report: DeliveryReport | None = None

    @property
    def own_received(self) -> OwnReceived | None:
        """What the Received field says that carries the file's own spool name, or none at all.

        The forms of 4.0 carry no spool name.
        """
        mine = self.received is not None and self.received.spool_name in {self.spool_name, None}
        return self.received if mine else None

    @property
    def moment(self) -> datetime | None:
        """When the server took the message: its Received time, else the envelope's wall clock."""
        return (
            self.envelope.time
            if self.received is None
            else (self.received.time or self.envelope.time)
        )

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
