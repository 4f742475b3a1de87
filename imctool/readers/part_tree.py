"""The part tree of a message, by offsets, no body decoded.

One pass over the text: from a part's header the scan goes on to the next line that is a boundary
of any multipart still open, so the time is linear in the size of the message, however deep. The
body of a message that is no multipart is not looked at.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from imctool.model.mail import Part
from imctool.readers.file_buffer import WINDOW, Buffer, find_in_windows
from imctool.readers.header_fields import HeaderBlock, short_header_end
from imctool.readers.hidden_messages import HIDING_ENCODINGS, decoded_message
from imctool.readers.part_header import (
    STRUCTURE_FIELDS,
    Declared,
    Structure,
    declared,
    declared_in,
    made_part,
    set_size,
)

DEPTH_LIMIT = 100
PART_LIMIT = 10_000
_SHORT_HEADER = 512

NO_BLANK_LINE = "header ends at a line that is no field, without a blank line"
_NOT_CLOSED = "multipart without its closing boundary line"
_NO_BOUNDARY = "multipart without a boundary parameter"
_TOO_DEEP = f"parts are nested deeper than {DEPTH_LIMIT}; the deeper ones are not read"
_TOO_MANY_PARTS = f"more than {PART_LIMIT} parts; the rest are not read"
_TOO_MANY_PARAMETERS = "header field with too many parameters; the rest are not read"
_TOO_LARGE = "encoded message too large to be looked into"

_CR_OR_LF_AND_HYPHENS = re.compile(rb"[\r\n]--")
_LINE_BREAK = re.compile(rb"\r\n|\n|\r")

Notes = dict[str, int]
"""What is wrong, each reason once, with the offset in the file where it was first met."""


class _Scope(NamedTuple):
    """Where a part stands: whether it is the body of a message, its default type, its depth."""

    is_body_of_message: bool
    default_type: str
    depth: int
    embedded: int


_WHOLE = _Scope(True, "text/plain", 0, 0)


class _Multipart:
    """A multipart whose closing boundary line has not been met."""

    __slots__ = ("boundary", "children", "level", "part", "prefix", "scope")

    def __init__(self, boundary: bytes, part: Part, level: int, prefix: str, scope: _Scope) -> None:
        self.boundary = boundary
        self.part = part
        self.level = level  # how many parts were open, this one among them
        self.prefix = prefix  # of the numbers of its children
        self.scope = scope  # of its children
        self.children = 0


class _Hidden(NamedTuple):
    """An embedded message whose bytes an encoding hides, in the part of that position."""

    position: int
    prefix: str
    scope: _Scope


_Delimiter = tuple[int, int, int, bool]
"""A boundary line: where the body before ends, where the text goes on, whose it is, closing."""


def read_parts(
    buffer: Buffer,
    start: int,
    body: int,
    end: int,
    header: Declared,
    notes: Notes,
    *,
    bare_cr: bool = False,
) -> tuple[Part, ...]:
    """Return the parts of the message whose header has been read, in file order.

    ``start``, ``body`` and ``end`` are the offsets of its header, its body and its end, ``header``
    what that declares; ``bare_cr`` says that a carriage return alone may end a line. What is
    wrong goes to ``notes``.
    """
    kind = header.content_type
    if kind is None or not kind.startswith(("multipart/", "message/")):
        if header.too_many_parameters:
            notes[_TOO_MANY_PARAMETERS] = start
        kind, size = kind or "text/plain", max(end - body, 0)
        part = made_part("1", kind, header, start, body, 0, encoded=False)
        set_size(part, size)
        return (part,)
    walk = _Walk(buffer, end, notes, PART_LIMIT, bare_cr=bare_cr, encoded=False)
    walk.run(start, body, header, "", _WHOLE)
    if walk.hidden:
        _read_hidden(walk, notes)
    return tuple(walk.parts)


def _read_hidden(outer: _Walk, notes: Notes) -> None:
    """Put the parts of the messages that an encoding hides after the parts they stand in."""
    parts = outer.parts
    waiting = [(outer.buffer, hidden, parts[hidden.position].offset) for hidden in outer.hidden]
    while waiting:
        # The last first, so that what is put in moves none of those still waiting.
        buffer, hidden, file_offset = waiting.pop()
        part = parts[hidden.position]
        text = decoded_message(buffer, part)
        if text is None:
            notes.setdefault(_TOO_LARGE, file_offset)
            continue
        inner_notes: Notes = {}
        limit = PART_LIMIT - len(parts)
        walk = _Walk(text, len(text), inner_notes, limit, bare_cr=False, encoded=True)
        walk.run(0, *walk.read_header(0), hidden.prefix, hidden.scope)
        for reason in inner_notes:
            notes.setdefault(reason, file_offset)
        after = hidden.position + 1
        parts[after:after] = walk.parts
        waiting += [
            (text, deeper._replace(position=deeper.position + after), file_offset)
            for deeper in walk.hidden
        ]


class _Walk:
    """The walk over one message in one buffer; an explicit stack, no recursion."""

    def __init__(
        self,
        buffer: Buffer,
        end: int,
        notes: Notes,
        part_limit: int,
        *,
        bare_cr: bool,
        encoded: bool,
    ) -> None:
        self.buffer = buffer
        self.parts: list[Part] = []
        self.hidden: list[_Hidden] = []
        self._end = end
        self._notes = notes
        self._part_limit = part_limit
        self._bare_cr = bare_cr
        self._encoded = encoded
        self._open: list[Part] = []
        self._frames: list[_Multipart] = []
        self._owners: dict[bytes, int] = {}
        self._longest = 0

    def run(self, start: int, body: int, header: Declared, prefix: str, scope: _Scope) -> None:
        """Walk the message whose header has been read; its parts' numbers begin with ``prefix``."""
        if self._part_limit < 1:
            self._notes.setdefault(_TOO_MANY_PARTS, start)
            return
        position = self._enter(start, body, header, prefix, scope)
        frames = self._frames
        while frames:
            found = self._next_delimiter(position - 1)
            if found is None:
                break
            body_end, position, owner, closing = found
            if owner != len(frames) - 1:
                self._leave_unclosed(owner + 1)
            frame = frames[owner]
            self._close(frame.level, body_end)
            if closing:
                self._leave_last()
                continue
            if len(self.parts) >= self._part_limit:
                self._notes.setdefault(_TOO_MANY_PARTS, position)
                frames.clear()
                break
            frame.children += 1
            number = f"{frame.prefix}{frame.children}"
            body, header = self.read_header(position)
            position = self._enter(position, body, header, number, frame.scope)
        self._leave_unclosed(0)
        self._close(0, self._end)

    def read_header(self, start: int) -> tuple[int, Declared]:
        """Return where the body of the part begins and what its header declares.

        A boundary line ends the header as a blank line does.
        """
        end = short_header_end(self.buffer, start, min(self._end, start + _SHORT_HEADER))
        if end is not None:
            stop, gap = end
            short = declared_in(self.buffer[start:stop], gap)
            if short is not None:
                return stop + 2 * gap, short
        structure: Structure = {}
        block = HeaderBlock(self.buffer, start, self._end, self._is_delimiter)
        for field in block.fields():
            key = field[0].lower()
            if key in STRUCTURE_FIELDS:
                structure.setdefault(key, field[1])
        if not block.blank_line:
            self._notes.setdefault(NO_BLANK_LINE, block.body)
        return block.body, declared(structure)

    def _enter(self, start: int, body: int, header: Declared, number: str, scope: _Scope) -> int:
        """Note a part, and the messages that begin with it; return where its text begins.

        ``number`` is the part's own, or the prefix of numbers where it is the body of a message.
        """
        while True:
            part, boundary = self._describe(start, body, header, number, scope)
            self.parts.append(part)
            self._open.append(part)
            if boundary is not None:
                prefix = number if scope.is_body_of_message else f"{number}."
                self._push(boundary, part, prefix, scope)
                return body
            if part.content_type != "message/rfc822":
                return body
            if scope.depth >= DEPTH_LIMIT:
                self._notes.setdefault(_TOO_DEEP, start)
                return body
            number = f"{part.number}."
            scope = _Scope(True, "text/plain", scope.depth + 1, scope.embedded + 1)
            if part.encoding in HIDING_ENCODINGS:
                self.hidden.append(_Hidden(len(self.parts) - 1, number, scope))
                return body
            if len(self.parts) >= self._part_limit:
                self._notes.setdefault(_TOO_MANY_PARTS, body)
                return body
            start = body
            body, header = self.read_header(start)

    def _describe(
        self, start: int, body: int, header: Declared, number: str, scope: _Scope
    ) -> tuple[Part, bytes | None]:
        """Return the part that a header describes, and its boundary where it has parts to read."""
        kind = header.content_type
        boundary: bytes | None = None
        if kind is None:
            kind = scope.default_type
        elif kind.startswith("multipart/"):
            boundary = self._usable_boundary(header.boundary, start, scope)
        if header.too_many_parameters:
            self._notes.setdefault(_TOO_MANY_PARAMETERS, start)
        if scope.is_body_of_message:
            number += "1" if boundary is None else "TEXT"
        part = made_part(number, kind, header, start, body, scope.embedded, encoded=self._encoded)
        return part, boundary

    def _usable_boundary(self, declared: str | None, start: int, scope: _Scope) -> bytes | None:
        if not declared:
            self._notes.setdefault(_NO_BOUNDARY, start)
            return None
        if scope.depth >= DEPTH_LIMIT:
            self._notes.setdefault(_TOO_DEEP, start)
            return None
        return declared.encode("latin-1", "replace")

    def _push(self, boundary: bytes, part: Part, prefix: str, scope: _Scope) -> None:
        kind = "message/rfc822" if part.content_type == "multipart/digest" else "text/plain"
        children = _Scope(False, kind, scope.depth + 1, scope.embedded)
        self._owners.setdefault(boundary, len(self._frames))
        self._longest = max(self._longest, len(boundary))
        self._frames.append(_Multipart(boundary, part, len(self._open), prefix, children))

    def _close(self, level: int, end: int) -> None:
        """End the bodies of the open parts but the outermost ``level`` of them."""
        still_open = self._open
        while len(still_open) > level:
            part = still_open.pop()
            size = end - part.offset
            set_size(part, size if size > 0 else 0)

    def _leave_unclosed(self, count: int) -> None:
        """Leave all but the outermost ``count`` multiparts, which have no closing line."""
        while len(self._frames) > count:
            frame = self._leave_last()
            self._notes.setdefault(_NOT_CLOSED, frame.part.header_offset)

    def _leave_last(self) -> _Multipart:
        frame = self._frames.pop()
        if self._owners.get(frame.boundary) == len(self._frames):
            del self._owners[frame.boundary]
        return frame

    def _next_delimiter(self, position: int) -> _Delimiter | None:
        """Return the next boundary line of an open multipart whose line break is at or after."""
        buffer, end = self.buffer, self._end
        position = max(position, 0)
        wanted = b"\n--"
        single = len(self._owners) == 1
        if single:
            boundary, only_frame = next(iter(self._owners.items()))
            wanted += boundary
        while True:
            if self._bare_cr:
                hit = _CR_OR_LF_AND_HYPHENS.search(buffer, position, end)
                at = hit.start() if hit else -1
            else:
                at = buffer.find(wanted, position, min(end, position + WINDOW))
                if at < 0 and end - position > WINDOW:
                    at = find_in_windows(buffer, wanted, position + WINDOW - len(wanted) + 1, end)
            if at < 0:
                return None
            if single and not self._bare_cr:
                # The plain case, without a look at the line: CRLF right after the boundary.
                after = at + len(wanted)
                tail = buffer[after : after + 4]
                if after + 4 <= end and (tail == b"--\r\n" or tail[:2] == b"\r\n"):
                    closing = tail[:1] == b"-"
                    body_end = at - (buffer[at - 1 : at] == b"\r")
                    return body_end, after + (4 if closing else 2), only_frame, closing
            owner = self._owner(at + 1)
            if owner is not None:
                frame, closing, after = owner
                is_crlf = buffer[max(at - 1, 0) : at + 1] == b"\r\n"
                body_end = at - 1 if is_crlf else at
                return body_end, after, frame, closing
            position = at + 3

    def _is_delimiter(self, offset: int) -> bool:
        return bool(self._owners) and self._owner(offset) is not None

    def _owner(self, offset: int) -> tuple[int, bool, int] | None:
        """Return whose boundary the line is, whether it closes, and where the next line begins.

        ``offset`` is that of a line beginning with two hyphens. A line that holds a boundary
        followed by a blank and more text counts; one that merely begins with a boundary does not,
        for boundaries are often made by adding to another.
        """
        first = offset + 2
        line = self.buffer[first : min(first + self._longest + 4, self._end)]
        line = line.partition(b"\n")[0].partition(b"\r")[0]
        owners = self._owners
        frame = owners.get(line)
        closing = False
        if frame is None and line.endswith(b"--"):
            frame = owners.get(line[:-2])
            closing = True
        if frame is None and (b" " in line or b"\t" in line):
            frame, closing = self._owner_before_blank(line)
        if frame is None:
            return None
        end = _LINE_BREAK.search(self.buffer, first + len(line), self._end)
        return frame, closing, end.end() if end else self._end

    def _owner_before_blank(self, line: bytes) -> tuple[int | None, bool]:
        for index in range(len(self._frames) - 1, -1, -1):
            boundary = self._frames[index].boundary
            if line.startswith(boundary) and self._owners[boundary] == index:
                rest = line[len(boundary) :]
                if rest[:1] in (b" ", b"\t"):
                    return index, False
                if rest[:2] == b"--" and rest[2:3] in (b" ", b"\t"):
                    return index, True
        return None, False
