"""The message that a delivery report speaks of: what its header says, and what goes back of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imctool.model.ndr import Returned
from imctool.readers.file_buffer import Buffer, find_in_windows, release_pages
from imctool.readers.header_fields import HeaderBlock

_PIECE = 1 << 18
_TOLD = frozenset(
    {"to", "subject", "date", "message-id", "return-path", "auto-submitted", "content-type"}
)


@dataclass(frozen=True, slots=True)
class ReportedMail:
    """Fields of a message, raw bytes decoded as Latin-1, None where it has none of that name.

    Its header stands between the offsets ``start`` and ``header_end``, without the blank line;
    the message ends at ``end``. ``automatic`` says in words why it is itself an automatic
    message, None if it is none.
    """

    start: int
    header_end: int
    end: int
    to: str | None = None
    subject: str | None = None
    date: str | None = None
    message_id: str | None = None
    automatic: str | None = None


@dataclass(frozen=True, slots=True)
class ReturnedBytes:
    """The bytes of a message that go back with its report: a range of the buffer."""

    buffer: Buffer
    start: int
    end: int

    def is_seven_bit(self) -> bool:
        """Whether no byte has its eighth bit set."""
        return all(piece.isascii() for piece in self.pieces())

    def holds(self, wanted: bytes) -> bool:
        """Whether ``wanted`` stands in them anywhere."""
        return find_in_windows(self.buffer, wanted, self.start, self.end) >= 0

    def pieces(self) -> Iterator[bytes]:
        """Yield them in constant memory."""
        for first in range(self.start, self.end, _PIECE):
            last = min(first + _PIECE, self.end)
            yield self.buffer[first:last]
            release_pages(self.buffer, first, last)


def read_reported(buffer: Buffer, offset: int) -> ReportedMail:
    """Return what a report tells of the message that begins at ``offset``.

    Of several fields of one name the first counts, but for those that say that the message is an
    automatic one: there each counts.
    """
    block = HeaderBlock(buffer, offset, len(buffer))
    values: dict[str, str] = {}
    automatic: str | None = None
    for name, value, _, _, _ in block.fields():
        key = name.lower()
        if key in _TOLD:
            values.setdefault(key, value)
            automatic = automatic or _automatic(key, value)
    return ReportedMail(
        offset,
        _header_end(buffer, offset, block.body),
        len(buffer),
        values.get("to"),
        values.get("subject"),
        values.get("date"),
        values.get("message-id"),
        automatic,
    )


def returned_bytes(buffer: Buffer, mail: ReportedMail, returned: Returned) -> ReturnedBytes:
    """Return what of the message goes back."""
    end = mail.end if returned is Returned.FULL else mail.header_end
    return ReturnedBytes(buffer, mail.start, end)


def _automatic(key: str, value: str) -> str | None:
    """Return why a field says that its message was not written by a person, None if it does not."""
    if key == "return-path" and "".join(value.split()) == "<>":
        return "its Return-Path is <>, the null sender"
    if key == "content-type" and value.lower().startswith("multipart/report"):
        return "it is a report itself (multipart/report)"
    if key == "auto-submitted":
        keyword = value.partition(";")[0].partition("(")[0].strip().lower()
        if keyword != "no":
            return "its Auto-Submitted field is not 'no' (RFC 3834 section 5)"
    return None


def _header_end(buffer: Buffer, start: int, body: int) -> int:
    """Return where the blank line begins; ``body`` where no blank line stands before it."""
    last = buffer[max(start, body - 4) : body]
    if last in (b"\r\n", b"\n", b"\r"):
        return start if body - start == len(last) else body
    if last.endswith(b"\r\n\r\n"):
        return body - 2
    return body - 1 if last.endswith((b"\n\n", b"\r\r", b"\n\r")) else body
