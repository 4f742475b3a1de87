"""How many addresses a To, Cc or Bcc field holds, without parsing what they are."""

from __future__ import annotations

import re

from imctool.readers.file_buffer import WINDOW, Buffer, release_pages

# Outside of quotes, comments and brackets: a run of text with the address that may end it,
# or one character that separates or opens something. Blanks between tokens match nothing.
_TOKEN = re.compile(
    rb"""([^\s,;:"(<\[\\][^,;:"(<\[\\]*+(?:<[^<>",;:()\[\\]*+>)?|<[^<>"\\]*+>|\\.)"""
    rb"""|([,;:"(<\[])""",
    re.DOTALL,
)
# The shape of most fields with several addresses: none of their names is quoted.
_MAILBOX = r"""(?:[^,;:"(<>\[\\]*+<[^<>",;:()\[\\\s]++>|\s*+[^,;:"(<>\[\\\s]++)\s*+"""
_MAILBOXES = re.compile(rf"{_MAILBOX}(?:,{_MAILBOX})*+")
_MORE_THAN_COMMAS = re.compile(rb"""[;:("\[\\]|<[^<>,]*+(?!>)""")
_INSIDE = {
    b'"': re.compile(rb'\\.|(")', re.DOTALL),
    b"(": re.compile(rb"\\.|([()])", re.DOTALL),
    b"<": re.compile(rb'\\.|([>"])', re.DOTALL),
    b"[": re.compile(rb"\\.|(\])", re.DOTALL),
}
_ENDS = {b'"': b'"', b"(": b")", b"<": b">", b"[": b"]"}


class AddressCounter:
    """Counts the addresses of one field, fed with its bytes in pieces of any size.

    Commas and semicolons separate addresses, except inside quotes, comments, angle brackets and
    domain literals; a group counts its members (RFC 822 section 6.1). What opens and does not
    close takes the rest of the field with it.
    """

    __slots__ = ("_comments", "_escaped", "_inside", "_pending", "count")

    def __init__(self) -> None:
        self.count = 0
        self._pending = False
        self._inside: list[bytes] = []
        self._escaped = False
        self._comments = 0

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the field."""
        position = 0
        if self._escaped and piece:
            self._escaped = False
            position = 1
            if not self._inside and not self._pending:
                self.count += 1
                self._pending = True
        # A backslash that ends the piece hides the first byte of the next one.
        rest = piece[position:]
        if (len(rest) - len(rest.rstrip(b"\\"))) % 2:
            self._escaped = True
            piece = piece[:-1]
        while position < len(piece):
            advance = self._skip if self._inside else self._take
            position = advance(piece, position)

    def _take(self, piece: bytes, position: int) -> int:
        """Count from ``position`` until something opens; return where to go on."""
        count, pending = self.count, self._pending
        end = len(piece)
        for token in _TOKEN.finditer(piece, position):
            if token.lastindex == 1:
                if not pending:
                    count += 1
                    pending = True
                continue
            mark = token[2]
            if mark == b"," or mark == b";":
                pending = False
            elif mark == b":":
                # What stood before the colon was the name of a group, no address.
                count -= pending
                pending = False
            else:
                if mark != b"(" and not pending:
                    count += 1
                    pending = True
                self._inside.append(mark)
                end = token.end()
                break
        self.count, self._pending = count, pending
        return end

    def _skip(self, piece: bytes, position: int) -> int:
        """Pass over what is quoted or bracketed; return where to go on."""
        opened = self._inside[-1]
        for token in _INSIDE[opened].finditer(piece, position):
            if token.lastindex is None:
                continue
            if token[1] == _ENDS[opened]:
                if opened == b"(" and self._comments:
                    self._comments -= 1
                    continue
                self._inside.pop()
            elif opened == b"(":
                self._comments += 1  # comments nest to any depth: counted, not kept
                continue
            else:
                self._inside.append(token[1])
            if not self._inside or self._inside[-1] != opened:
                return token.end()
        return len(piece)


def count_in_text(value: str) -> int:
    """Return the number of addresses in an unfolded field value, decoded as Latin-1."""
    if not ("," in value or ":" in value or ";" in value or "(" in value):
        return 1 if value.strip() else 0
    if _MAILBOXES.fullmatch(value):
        return value.count(",") + 1
    return count_addresses(value.encode("latin-1"))


def count_addresses(buffer: Buffer, start: int = 0, end: int | None = None) -> int:
    """Return the number of addresses in the field body between two offsets of ``buffer``."""
    stop = len(buffer) if end is None else end
    if stop - start < WINDOW:
        value = buffer[start:stop]
        if not _MORE_THAN_COMMAS.search(value):
            if b"," not in value:
                return 1 if value.strip() else 0
            return len([1 for piece in value.split(b",") if piece and not piece.isspace()])
    counter = AddressCounter()
    while start < stop:
        after = min(start + WINDOW, stop)
        counter.feed(buffer[start:after])
        if after - start == WINDOW:
            release_pages(buffer, start, after)
        start = after
    return counter.count
