"""Header fields by offset, and the parameters of Content-Type and Content-Disposition."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from imctool.readers.file_buffer import WINDOW, Buffer, release_pages

PARAMETER_LIMIT = 200
"""The most parameters read of one field."""

VALUE_LIMIT = 1 << 16
"""The most bytes of a field's value that are looked at."""

# The empty alternative makes every match begin where the last one ended: the first empty match is
# the end of the header, and nothing beyond it is searched.
_FIELD = re.compile(
    rb"([!-9;-~]++)[ \t]*+:([^\r\n]*+(?:(?:\r\n|\n|\r)[ \t][^\r\n]*+)*+)(?:\r\n|\n|\r|\Z)|"
)
_FIELD_END = re.compile(rb"\n(?=[^ \t])|\r(?=[^ \t\n])")
_MAILBOX_LINE = re.compile(rb">?From [^\r\n]*+(?:\r\n|\n|\r|\Z)")

_FIELD_NAME = re.compile(r"[!-9;-~]+")

Field = tuple[str, str, int, int, int]
"""Name, value (unfolded, cut at VALUE_LIMIT), offsets of the value, its end, and the field."""


class HeaderBlock:
    """The header that begins at an offset; read ``fields`` to the end, then ``body`` is known.

    A line that is no field and not blank ends the header, and is the first of the body
    (``blank_line`` is False then). ``is_delimiter`` tells whether the line at an offset, known to
    begin with two hyphens, is a boundary: that ends the header too, and is no fault of it. A
    ``From `` line of a Unix mailbox before the first field is passed over.
    """

    __slots__ = ("_buffer", "_end", "_is_delimiter", "_start", "blank_line", "body")

    def __init__(
        self,
        buffer: Buffer,
        start: int,
        end: int,
        is_delimiter: Callable[[int], bool] | None = None,
    ) -> None:
        self._buffer = buffer
        self._start = start
        self._end = end
        self._is_delimiter = is_delimiter
        self.body = start
        self.blank_line = True

    def fields(self) -> Iterator[Field]:
        """Yield the fields in file order, each of any length."""
        buffer, end, position = self._buffer, self._end, self._start
        if buffer[position : position + 6].lstrip(b">").startswith(b"From "):
            line = _MAILBOX_LINE.match(buffer, position, min(end, position + WINDOW))
            position = line.end() if line else position
        while position < end:
            window, limit = position, min(end, position + WINDOW)
            for found in _FIELD.finditer(buffer, position, limit):
                if found.lastindex is None:
                    break
                name = str(found[1], "latin-1")
                if name[:2] == "--" and self._delimiter_at(position):
                    self._finish(position)
                    return
                first, last = found.span(2)
                after = found.end()
                is_cut = after == limit < end
                if is_cut:
                    last, after = _end_of_long_field(buffer, first, end)
                value = unfold(buffer[first : min(last, first + VALUE_LIMIT)])
                yield name, value, first, last, position
                position = after
                if is_cut:
                    break
            if limit == end or position == window:
                break
        self._finish(position)

    def _finish(self, position: int) -> None:
        self.body = position
        if position >= self._end:
            return
        first = self._buffer[position : min(position + 2, self._end)]
        if first == b"\r\n":
            self.body = position + 2
        elif first[:1] in (b"\n", b"\r"):
            self.body = position + 1
        elif first != b"--" or not self._delimiter_at(position):
            self.blank_line = False

    def _delimiter_at(self, position: int) -> bool:
        return self._is_delimiter is not None and self._is_delimiter(position)


def short_header_end(buffer: Buffer, start: int, limit: int) -> tuple[int, int] | None:
    """Return where a header ends before ``limit`` and how long its line breaks are, or None.

    The offset is that of the last field's line break; the break is CRLF or LF as in the first line.
    """
    first = buffer.find(b"\n", start, limit)
    if first < 1:
        return None
    if buffer[first - 1] == 0x0D:
        stop, gap = buffer.find(b"\r\n\r\n", start, limit), 2
    else:
        stop, gap = buffer.find(b"\n\n", start, limit), 1
    return (stop, gap) if stop >= 0 else None


def short_lines(raw: bytes, gap: int) -> list[str] | None:
    """Return the lines of a header with nothing unusual about it, unfolded, else None.

    The fast way through nearly every header; HeaderBlock takes the others. ``raw`` is the header
    without the break that ends its last line, ``gap`` the length of a line break. Where a fold
    was, NULs keep the place of the break, so that the lines give the offsets of the fields;
    ``short_value`` takes them out. A line may still turn out to be no field.
    """
    text = str(raw, "latin-1")
    if "\0" in text:
        return None
    end, mark = ("\r\n", "\0\0") if gap == 2 else ("\n", "\0")
    if end + "\t" in text:
        text = text.replace(end + "\t", mark + "\t")
    if end + " " in text:
        text = text.replace(end + " ", mark + " ")
    lines = text.split(end)
    breaks = len(lines) - 1
    if text.count("\r") != (breaks if gap == 2 else 0) or text.count("\n") != breaks:
        return None
    return lines


def short_value(rest: str) -> str:
    """Return the value of a field of ``short_lines``, from what follows the colon."""
    return rest.strip(" \t\0").replace("\0", "")


@lru_cache(maxsize=1024)
def field_key(name: str) -> str | None:
    """Return the lower-case name, or None where it can be no field name or is a boundary line."""
    if name.startswith("--") or not _FIELD_NAME.fullmatch(name):
        return None
    return name.lower()


def _end_of_long_field(buffer: Buffer, start: int, end: int) -> tuple[int, int]:
    """Return where a field's value ends and where the next line begins, in constant memory."""
    while start < end:
        limit = min(end, start + WINDOW)
        found = _FIELD_END.search(buffer, start, limit)
        if found:
            after = found.end()
            value_end = found.start()
            if buffer[value_end] == 0x0A and buffer[value_end - 1] == 0x0D:
                value_end -= 1
            return value_end, after
        release_pages(buffer, start, limit)
        if limit == end:
            break
        start = limit - 2
    tail = buffer[max(end - 2, 0) : end]
    return end - (len(tail) - len(tail.rstrip(b"\r\n"))), end


def unfold(value: bytes) -> str:
    """Return a field value as text: folds undone (RFC 822 section 3.1.1), outer blanks gone."""
    text = str(value, "latin-1")
    if "\n" in text or "\r" in text:
        text = text.replace("\r", "").replace("\n", "")
    return text.strip(" \t")


class Parameterised(NamedTuple):
    """A field value such as ``text/plain; charset=x``: its main value and its parameters.

    ``value`` is lower case, "" where none stands. Parameter names are lower case; of two of one
    name the first stands. ``too_many`` says that parameters beyond the 200th were left out.
    """

    value: str
    parameters: dict[str, str]
    too_many: bool = False


# Each alternative begins with a character that cannot continue the one before, so that a field of
# any shape is read in one pass.
PARAMETER = re.compile(
    r"""([^\s=;"]++)\s*+=\s*+(?:"((?:[^"\\]++|\\.)*+)"?|([^;\s]*+))|"(?:[^"\\]++|\\.)*+"?|[^\s;"]++""",
    re.DOTALL,
)
# The shape of most: one parameter, no comment, nothing unusual.
_ONE_PARAMETER = re.compile(
    r"""\s*+([^\s;"()=]++)\s*+;\s*+([^\s;"()*=]++)\s*+=\s*+(?:"([^"\\]*+)"|([^\s;"()=]++))\s*+;?\s*+"""
)
_MAIN_VALUE = re.compile(r"[\s;]*+([^\s;]*+)")
QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_COMMENT_MARK = re.compile(r'\\.|"(?:[^"\\]++|\\.)*+"?|[()]', re.DOTALL)
_EXTENDED_NAME = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")


@lru_cache(maxsize=256)
def _parse_short(text: str) -> Parameterised:
    return _parse(text)


def parse_parameters(text: str) -> Parameterised:
    """Return the main value and parameters of an unfolded field (RFC 2045 section 5.1).

    Takes what real mail holds: blanks around ``=``, missing or doubled semicolons, an
    unterminated quote, comments, and RFC 2231 continuations and charsets, which are put
    together. Takes time linear in the length of ``text``.
    """
    return _parse_short(text) if len(text) < 60 else _parse(text)


def _parse(text: str) -> Parameterised:
    simple = _ONE_PARAMETER.fullmatch(text)
    if simple:
        main_value, name, quoted, plain_value = simple.groups()
        value = plain_value if quoted is None else quoted
        return Parameterised(main_value.lower(), {name.lower(): value})
    if "(" in text:
        text = without_comments(text)
    main = _MAIN_VALUE.match(text)
    if main is None or main.end() == len(text):
        return Parameterised(main[1].lower() if main else "", {})
    plain: dict[str, str] = {}
    extended: dict[str, list[tuple[int, bool, str]]] = {}
    number = 0
    for found in PARAMETER.finditer(text, main.end()):
        name = found[1]
        if name is None:
            continue
        number += 1
        if number > PARAMETER_LIMIT:
            break
        value = found[2]
        if value is None:
            value = found[3]
        elif "\\" in value:
            value = QUOTED_PAIR.sub(r"\1", value)
        name = name.lower()
        if "*" in name and (parts := _EXTENDED_NAME.fullmatch(name)):
            section = int(parts[2] or 0)
            extended.setdefault(parts[1], []).append((section, bool(parts[3]), value))
        else:
            plain.setdefault(name, value)
    for name, sections in extended.items():
        plain.setdefault(name, _joined(sections))
    return Parameterised(main[1].lower(), plain, number > PARAMETER_LIMIT)


def _joined(sections: list[tuple[int, bool, str]]) -> str:
    """Return an RFC 2231 value: sections in order, percent signs undone, charset applied."""
    sections.sort(key=lambda section: section[0])
    charset = "latin-1"
    raw = bytearray()
    for index, (_, percent, value) in enumerate(sections):
        if not percent:
            raw += value.encode("latin-1")
            continue
        if index == 0 and value.count("'") >= 2:
            declared, _, value = value.split("'", 2)
            charset = declared or charset
        raw += unquote_to_bytes(value.encode("latin-1"))
    try:
        return raw.decode(charset, "replace")
    except (LookupError, ValueError):  # no such charset, or no charset for text
        return raw.decode("latin-1")


def without_comments(text: str) -> str:
    """Return ``text`` without its comments (RFC 822 section 3.4.3), each left as one blank.

    A parenthesis opens a comment at the start, or after a blank, semicolon or equals sign;
    elsewhere it belongs to an unquoted value, as in ``name=copy(1).txt``.
    """
    kept: list[str] = []
    position = depth = 0
    for found in _COMMENT_MARK.finditer(text):
        mark, at = found[0], found.start()
        if mark == "(" and (depth or at == 0 or text[at - 1] in " \t;="):
            if depth == 0:
                kept.append(text[position:at])
            depth += 1
        elif depth and mark == ")":
            depth -= 1
            position = at + 1
        elif depth and mark[0] == '"' and ")" in mark:
            # Quotes mean nothing inside a comment: an odd one must not swallow its end.
            depth = 0
            position = at + mark.index(")") + 1
        if depth == 0 and mark == ")":
            kept.append(" ")
    if depth == 0:
        kept.append(text[position:])
    return "".join(kept)
