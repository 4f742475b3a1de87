"""The quick way through a multipart whose parts are neither multiparts nor messages.

Most multiparts of a spool are so: text in two forms, or text and attachments. Anything unusual
makes it give up, and the walk of ``part_tree`` does the work; both come to the same parts.
"""

from __future__ import annotations

from imctool.model.mail import Part
from imctool.readers.file_buffer import WINDOW, Buffer
from imctool.readers.header_fields import short_header_end
from imctool.readers.part_header import Declared, declared_in, made_part, set_size

_MOST_PARTS = 1_000
_LONGEST_HEADER = 512


def flat_parts(
    buffer: Buffer, start: int, body: int, end: int, header: Declared
) -> tuple[Part, ...] | None:
    """Return the parts of a message that is such a multipart, None where it is not.

    ``start``, ``body`` and ``end`` are the offsets of its header, its body and its end.
    """
    kind = header.content_type or ""
    if not kind.startswith("multipart/") or kind == "multipart/digest" or not header.boundary:
        return None
    if header.too_many_parameters or end - body > WINDOW:
        return None
    delimiter = b"\n--" + header.boundary.encode("latin-1", "replace")
    whole = made_part("TEXT", kind, header, start, body, 0, encoded=False)
    set_size(whole, max(end - body, 0))
    parts = [whole]
    position = body - 1
    while len(parts) <= _MOST_PARTS:
        at = buffer.find(delimiter, position, end)
        after = at + len(delimiter)
        tail = buffer[after : after + 4]
        if at < 0 or after + 4 > end:
            return None
        if len(parts) > 1:
            last = parts[-1]
            set_size(last, max(at - (buffer[at - 1] == 0x0D) - last.offset, 0))
        if tail == b"--\r\n" or tail[:3] == b"--\n":
            return tuple(parts)
        if tail[:2] != b"\r\n" and tail[:1] != b"\n":
            return None
        first = after + 2 - (tail[:1] == b"\n")
        found = short_header_end(buffer, first, min(end, first + _LONGEST_HEADER))
        if found is None:
            return None
        stop, gap = found
        child = declared_in(buffer[first:stop], gap)
        if child is None or child.too_many_parameters:
            return None
        child_kind = child.content_type or "text/plain"
        if child_kind.startswith(("multipart/", "message/")):
            return None
        position = stop + 2 * gap
        number = str(len(parts))
        parts.append(made_part(number, child_kind, child, first, position, 0, encoded=False))
        position -= 1
    return None
