"""The data section of an event as Event Viewer prints it: rows of bytes or of DWORDs.

``0000: 9a 01 02 00 0e 00 07 80 ?......?`` is the form Bytes (Q272672), ``0000: 0001037f 80004005``
the form Words, whose DWORDs stand in value order (Q246051). Articles print several rows on one
line, break a row over two, or leave the offset out (Q278320, Q293288, Q193639).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_WIDTH = 8
_OFFSET = re.compile(r"(?<!\w)([0-9A-Fa-f]{8}|[0-9A-Fa-f]{4}):(?=\s|$)")
_BYTES = re.compile(r"\s*(?:[0-9A-Fa-f]{2}(?:\s+|$))+")
_WORDS = re.compile(r"\s*(?:[0-9A-Fa-f]{8}(?:\s+|$))+")
_WHOLE_ROW = re.compile(
    r"\s*([0-9A-Fa-f]{4}):\s{1,4}((?:[0-9A-Fa-f]{2} ){7}[0-9A-Fa-f]{2})(?:\s.{0,12})?"
)
_GROUP = re.compile(r"\S+")
_FIRST_ROW = re.compile(r"(?<!\w)0000(?:0000)?:\s+(?:[0-9A-Fa-f]{8}|[0-9A-Fa-f]{2})(?!\w)")
_LABEL = re.compile(r"\s*Data\s*(?:\((?:Bytes|Words)\)\s*)?:?\s*", re.IGNORECASE)
_LABEL_BEFORE_ROW = re.compile(r"\bData\b[^.]{0,40}$", re.IGNORECASE)
_RADIO_BUTTONS = re.compile(r"\W*(?:o\W+)?Bytes\W+(?:o\W+)?Words\W*", re.IGNORECASE)


def parse_data_dump(lines: Iterable[str]) -> bytes:
    """Return the bytes that the rows of a dump spell; empty where no row stands.

    Rows must follow on one another from offset 0: at a gap, and at the first line that is no
    row, the dump ends. In a row of fewer than 8 bytes, digits that repeat the bytes before them
    as ASCII are the ASCII column. DWORDs become little-endian bytes (that they are printed in
    value order is inferred from Q246051 and Q278320).
    """
    rows = [line for line in lines if line.strip()]
    data = bytearray()
    for row in rows:
        if not data and _is_label(row):
            continue
        before = len(data)
        _read_line(row, data)
        if data and len(data) == before:
            break
    return bytes(data)


def split_data_section(lines: Sequence[str]) -> tuple[list[str], bytes]:
    """Return the lines of a description without the data section after it, and its bytes.

    The section begins at a row with offset 0, or at ``Data:`` before a row without offset. It
    needs no line of its own (Q293288).
    """
    for index, line in enumerate(lines):
        found = _FIRST_ROW.search(line)
        if found:
            text = [*lines[:index], _LABEL_BEFORE_ROW.sub("", line[: found.start()]).rstrip()]
            while text and (not text[-1].strip() or _is_label(text[-1])):
                text.pop()
            return text, parse_data_dump([line[found.start() :], *lines[index + 1 :]])
        follower = lines[index + 1] if index + 1 < len(lines) else ""
        if line.strip() and _is_label(line) and _bare_row(follower):
            return list(lines[:index]), parse_data_dump(lines[index + 1 :])
    return list(lines), b""


def _is_label(line: str) -> bool:
    """Return whether the line is ``Data:`` or what is left of the radio buttons (Q245565)."""
    found = _LABEL.match(line)
    rest = line[found.end() :] if found else line
    return not rest or bool(_RADIO_BUTTONS.fullmatch(rest))


def _read_line(line: str, data: bytearray) -> None:
    """Append what the rows on one line hold."""
    whole = _WHOLE_ROW.fullmatch(line)
    if whole and int(whole[1], 16) == len(data):
        data += bytes.fromhex(whole[2])
        return
    found = _OFFSET.search(line)
    if found is None:
        data += _bare_row(line)
        return
    while found:
        position = found.end()
        words = _WORDS.match(line, position)
        groups = _BYTES.match(line, position)
        if int(found[1], 16) == len(data):
            if words:
                data += _words(words[0])
                position = words.end()
            elif groups:
                row, position = _byte_row(line, position, groups.end())
                data += row
        found = _OFFSET.search(line, position)


def _bare_row(line: str) -> bytes:
    """Return the bytes of a line that is one row without an offset, else nothing."""
    if _WORDS.fullmatch(line):
        return _words(line)
    groups = _BYTES.match(line)
    if groups is None:
        return b""
    rest = line[groups.end() :]
    row = _short_row(groups[0].split(), rest)
    return row if not rest or _renders(rest, row) else b""


def _words(text: str) -> bytes:
    return b"".join(int(group, 16).to_bytes(4, "little") for group in text.split())


def _byte_row(line: str, start: int, end: int) -> tuple[bytes, int]:
    """Return the bytes of a row and the position behind its ASCII column."""
    groups = list(_GROUP.finditer(line, start, end))
    if len(groups) >= _WIDTH:
        row = bytes.fromhex("".join(group[0] for group in groups[:_WIDTH]))
        after = groups[_WIDTH - 1].end()
        column = next(_GROUP.finditer(line, after), None)
        if column and _renders(line[column.start() : column.start() + _WIDTH], row):
            return row, column.start() + _WIDTH
        return row, after
    following = _OFFSET.search(line, end)
    stop = following.start() if following else len(line)
    return _short_row([group[0] for group in groups], line[end:stop]), stop


def _short_row(groups: Sequence[str], rest: str) -> bytes:
    """Return the bytes of a row whose ASCII column may look like more of them."""
    for count in range(len(groups) if len(groups) <= _WIDTH else 0, 0, -1):
        row = bytes.fromhex("".join(groups[:count]))
        if _renders(" ".join([*groups[count:], rest.strip()]).strip(), row):
            return row
    return bytes.fromhex("".join(groups))


def _renders(text: str, row: bytes) -> bool:
    """Return whether ``text`` can be the ASCII column of ``row``.

    An unprintable byte may show as any sign but an ASCII letter or digit.
    """
    shown = "".join(chr(value) if 0x20 <= value < 0x7F else "\0" for value in row)
    shown, text = shown.strip(" "), text.strip(" ")
    return len(shown) == len(text) and all(
        wanted == sign or (wanted == "\0" and not (sign.isascii() and sign.isalnum()))
        for wanted, sign in zip(shown, text, strict=True)
    )
