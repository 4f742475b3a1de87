"""The outline of a message: its header fields and its part tree, by offsets."""

from __future__ import annotations

import re

from imctool.model.evidence import Defect, Location
from imctool.model.mail import HeaderField, Skeleton
from imctool.readers.address_count import count_addresses
from imctool.readers.file_buffer import Buffer
from imctool.readers.header_fields import HeaderBlock, field_key, short_lines, short_value
from imctool.readers.part_tree import (
    NO_BLANK_LINE,
    STRUCTURE_FIELDS,
    Notes,
    Structure,
    read_parts,
)

FIELD_LIMIT = 1_000
FIELD_LENGTH_LIMIT = 10_000
_SHORT_HEADER = 8 << 10

_RECIPIENT_FIELDS = frozenset({"to", "cc", "bcc"})
_USED_FIELDS = _RECIPIENT_FIELDS | STRUCTURE_FIELDS | {"mime-version"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BARE_CR = re.compile(rb"\r(?!\n|\Z)")

_TOO_MANY_FIELDS = f"more than {FIELD_LIMIT} header fields; the rest are not kept"
_FIELD_TOO_LONG = f"header field longer than {FIELD_LENGTH_LIMIT} bytes; the rest is not kept"
_MARKED = "byte order mark before the header"

# Setting the slots of the frozen class directly takes half the time of calling it, and a mail
# has a dozen fields.
_new_field = object.__new__
_set_name = HeaderField.__dict__["name"].__set__
_set_value = HeaderField.__dict__["value"].__set__
_set_offset = HeaderField.__dict__["offset"].__set__


def read_skeleton(
    buffer: Buffer, start: int = 0, end: int | None = None, *, name: str = ""
) -> Skeleton:
    """Return the outline of the message between two offsets of ``buffer``.

    ``name`` is the path that defects carry; each kind of defect is told once, where it is first
    met. Values are decoded as Latin-1, so that every byte stays. Limits: 100 levels, 10,000
    parts, 1,000 header fields of 10,000 bytes, 200 parameters; addresses are counted in the whole
    field even so. Boundary lines follow RFC 2046 section 5.1.1, where what stands after the
    boundary must be blanks, or begin with one. Of two nested multiparts with the same boundary
    the outer one owns it. A message/rfc822 part that is base64 or quoted-printable is looked into
    up to 16 MB. Bare carriage returns count as line ends where the header uses them.
    """
    stop = len(buffer) if end is None else min(end, len(buffer))
    notes: Notes = {}
    if buffer[start : min(start + 3, stop)] == _BYTE_ORDER_MARK:
        notes[_MARKED] = start
        start += 3
    top = _TopHeader(buffer, notes)
    body = top.read(start, stop)
    parts = read_parts(buffer, start, body, stop, top.structure, notes, bare_cr=top.bare_cr)
    if not notes:
        return Skeleton(tuple(top.fields), parts, top.recipients, top.mime)
    defects = [Defect(Location(name, offset=offset), reason) for reason, offset in notes.items()]
    defects.sort()
    return Skeleton(tuple(top.fields), parts, top.recipients, top.mime, tuple(defects))


class _TopHeader:
    """What is kept of the header of the message itself."""

    __slots__ = ("bare_cr", "buffer", "fields", "mime", "notes", "recipients", "structure")

    def __init__(self, buffer: Buffer, notes: Notes) -> None:
        self.buffer = buffer
        self.notes = notes
        self.fields: list[HeaderField] = []
        self.structure: Structure = {}
        self.recipients = 0
        self.mime = False
        self.bare_cr = False

    def read(self, start: int, end: int) -> int:
        """Read the header that begins at ``start`` and return where the body begins."""
        body = self._read_short(start, end)
        if body is not None:
            return body
        block = HeaderBlock(self.buffer, start, end)
        for name, value, first, last, offset in block.fields():
            self._keep(name, value, last - first, offset)
            self._use(name.lower(), value, first, last)
        body = block.body
        if not block.blank_line:
            self.notes.setdefault(NO_BLANK_LINE, body)
        raw = self.buffer[start : min(body, start + 4096)]
        self.bare_cr = _BARE_CR.search(raw) is not None
        return body

    def _read_short(self, start: int, end: int) -> int | None:
        """Read a short header and return where the body begins; None if it is no such header."""
        stop = self.buffer.find(b"\r\n\r\n", start, min(end, start + _SHORT_HEADER))
        if stop < 0 or (lines := short_lines(self.buffer[start:stop])) is None:
            return None
        if len(lines) > FIELD_LIMIT:
            return None
        fields: list[HeaderField] = []
        used: list[tuple[str, str, int, int]] = []
        offset = start
        for line in lines:
            name, colon, rest = line.partition(":")
            key = field_key(name)
            if key is None or not colon:
                return None
            value = rest.strip(" \t")
            if "\0" in value:
                value = short_value(value)
            field: HeaderField = _new_field(HeaderField)
            _set_name(field, name)
            _set_value(field, value)
            _set_offset(field, offset)
            fields.append(field)
            if key in _USED_FIELDS:
                last = offset + len(line)
                used.append((key, value, last - len(rest), last))
            offset += len(line) + 2
        for one in used:
            self._use(*one)
        self.fields = fields
        return stop + 4

    def _keep(self, name: str, value: str, length: int, offset: int) -> None:
        if length > FIELD_LENGTH_LIMIT:
            self.notes.setdefault(_FIELD_TOO_LONG, offset)
            value = value[:FIELD_LENGTH_LIMIT]
        if len(self.fields) < FIELD_LIMIT:
            self.fields.append(HeaderField(name, value, offset))
        else:
            self.notes.setdefault(_TOO_MANY_FIELDS, offset)

    def _use(self, key: str, value: str, first: int, last: int) -> None:
        if key in _RECIPIENT_FIELDS:
            self.recipients += count_addresses(self.buffer, first, last)
        elif key in STRUCTURE_FIELDS:
            self.structure.setdefault(key, value)
            self.mime = self.mime or key == "content-type"
        elif key == "mime-version":
            self.mime = True
