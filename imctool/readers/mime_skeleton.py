"""The outline of a message: its header fields and its part tree, by offsets."""

from __future__ import annotations

import re
from operator import itemgetter
from typing import cast

from imctool.model.evidence import Defect, Location
from imctool.model.mail import HeaderField, HeaderFields, Skeleton
from imctool.readers.address_count import count_addresses, count_in_text
from imctool.readers.file_buffer import Buffer
from imctool.readers.flat_multipart import flat_parts
from imctool.readers.header_fields import (
    HeaderBlock,
    field_key,
    short_header_end,
    short_lines,
    short_value,
)
from imctool.readers.part_header import STRUCTURE_FIELDS, Structure, declared
from imctool.readers.part_tree import NO_BLANK_LINE, Notes, read_parts

FIELD_LIMIT = 1_000
FIELD_LENGTH_LIMIT = 10_000
_SHORT_HEADER = 8 << 10

_RECIPIENT_FIELDS = frozenset({"to", "cc", "bcc"})
_MIME_FIELDS = frozenset({"mime-version", "content-type"})
_USED_FIELDS = _RECIPIENT_FIELDS | STRUCTURE_FIELDS | {"mime-version"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BARE_CR = re.compile(rb"\r(?!\n|\Z)")

_TOO_MANY_FIELDS = f"more than {FIELD_LIMIT} header fields; the rest are not kept"
_FIELD_TOO_LONG = f"header field longer than {FIELD_LENGTH_LIMIT} bytes; the rest is not kept"
_MARKED = "byte order mark before the header"

_COLON = itemgetter(1)


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
    if buffer[start : start + 3] == _BYTE_ORDER_MARK:
        notes[_MARKED] = start
        start = min(start + 3, stop)
    top = _short_header(buffer, start, stop) or _long_header(buffer, start, stop, notes)
    fields, body, structure, recipients, mime, bare_cr = top
    header = declared(structure)
    parts = None if bare_cr else flat_parts(buffer, start, body, stop, header)
    if parts is None:
        parts = read_parts(buffer, start, body, stop, header, notes, bare_cr=bare_cr)
    if not notes:
        return Skeleton(fields, parts, recipients, mime)
    defects = [Defect(Location(name, offset=offset), reason) for reason, offset in notes.items()]
    defects.sort()
    return Skeleton(fields, parts, recipients, mime, tuple(defects))


_TopHeader = tuple[HeaderFields, int, Structure, int, bool, bool]
"""The header of the message itself: its fields, where the body begins, what tells the structure,
how many recipients, whether it is MIME, whether a carriage return alone ends its lines."""


def _short_header(buffer: Buffer, start: int, end: int) -> _TopHeader | None:
    """Return a header with nothing unusual about it, None if it is no such header."""
    found = short_header_end(buffer, start, min(end, start + _SHORT_HEADER))
    if found is None:
        return None
    stop, gap = found
    lines = short_lines(buffer[start:stop], gap)
    if lines is None or len(lines) > FIELD_LIMIT:
        return None
    if lines[0].startswith(("From ", ">From ")) and len(lines) > 1:
        start += len(lines.pop(0)) + gap  # the line before each mail of a Unix mailbox
    parts = [line.partition(":") for line in lines]
    keys = [field_key(name) for name, _, _ in parts]
    if None in keys or not all(map(_COLON, parts)):
        return None
    structure: Structure = {}
    recipients = 0
    mime = False
    for key, part in zip(keys, parts, strict=True):
        if key not in _USED_FIELDS:
            continue
        if key in _RECIPIENT_FIELDS:
            recipients += count_in_text(short_value(part[2]))
            continue
        mime = mime or key in _MIME_FIELDS
        if key in STRUCTURE_FIELDS:
            structure.setdefault(key, short_value(part[2]))
    fields = HeaderFields(None, parts, cast("list[str]", keys), start, gap)
    return fields, stop + 2 * gap, structure, recipients, mime, False


def _long_header(buffer: Buffer, start: int, end: int, notes: Notes) -> _TopHeader:
    """Return a header of any size and shape; what is wrong with it goes to ``notes``."""
    kept: list[HeaderField] = []
    structure: Structure = {}
    recipients = 0
    mime = False
    block = HeaderBlock(buffer, start, end)
    for name, value, first, last, offset in block.fields():
        if last - first > FIELD_LENGTH_LIMIT:
            notes.setdefault(_FIELD_TOO_LONG, offset)
        if len(kept) < FIELD_LIMIT:
            kept.append(HeaderField(name, value[:FIELD_LENGTH_LIMIT], offset))
        else:
            notes.setdefault(_TOO_MANY_FIELDS, offset)
        key = name.lower()
        if key in _RECIPIENT_FIELDS:
            recipients += count_addresses(buffer, first, last)
        elif key in STRUCTURE_FIELDS:
            structure.setdefault(key, value)
        mime = mime or key in _MIME_FIELDS
    if not block.blank_line:
        notes.setdefault(NO_BLANK_LINE, block.body)
    raw = buffer[start : min(block.body, start + 4096)]
    bare_cr = _BARE_CR.search(raw) is not None
    return HeaderFields(kept), block.body, structure, recipients, mime, bare_cr
