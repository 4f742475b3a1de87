"""Lists of recipients that somebody wrote: whom a message did not reach, whom it did before.

One address a line, or CSV (RFC 4180) of address, reason and status; each record on one line. Blank
lines and lines that begin with ``#`` are passed over. Addresses are kept as the raw bytes of the
list decoded as Latin-1, as envelopes keep them; a list in UTF-16 with its mark is taken for UTF-8.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from imctool.model.evidence import Defect, Location
from imctool.model.ndr import FailedRecipient
from imctool.readers.file_buffer import open_binary
from imctool.repair.ndr_addresses import report_problem
from imctool.repair.ndr_reasons import STATUS

LONGEST_LINE = 1 << 16
"""A line of more bytes is told as wrong, and not read."""

_COLUMNS = ("address", "reason", "status")
_PLAIN = list(_COLUMNS)
_SHORT = 256  # bytes (RFC 5321 section 4.5.3.1.3): most addresses need no closer look
# What can be nothing else in a line: RFC 5321 section 4.1.2, and 8-bit bytes.
_ADDRESS = re.compile(
    r"""(?:[!#-'*+\--9=?A-Z^-~\x80-\xff]++|"(?:[^"\\\x00-\x1f\x7f]|\\[ -~\x80-\xff])++")"""
    r"@(?:[A-Za-z0-9_.\x80-\xff-]++|\[[A-Za-z0-9.:]++\])"
)
_ADDRESS_FIRST = re.compile(rf"({_ADDRESS.pattern})[ \t]*(?:\Z|(,))")
_PREFIX = re.compile(r"smtp:", re.IGNORECASE)

Row = tuple[int, "list[str] | str"]
"""The number of a line, and its address, reason and status, or what is wrong with it."""


def read_failed(path: Path, name: str | None = None) -> Iterator[FailedRecipient | Defect]:
    """Yield the failed recipients that a list names, in its order, in constant memory.

    A first line with the column ``address`` (in any letter case) names the columns; else they are
    address, reason and status. A line that is wrong is a Defect with its number, and names
    nobody; so is a file that cannot be read, or not to its end. ``name`` is what locations call
    the file. An address that is no such thing by its form is taken where it stands in quotes.
    """
    for number, row in _rows(path):
        if isinstance(row, str):
            yield _wrong(path, name, number, row)
            continue
        address, reason, status = row
        if status and not STATUS.fullmatch(status):
            yield _wrong(path, name, number, "its third column is no status of a failure")
        else:
            yield FailedRecipient(address, _text(reason), status)


def read_already(path: Path, name: str | None = None) -> Iterator[str | Defect]:
    """Yield the addresses that a list of the same form names; its other columns are passed over.

    Where there is a Defect, somebody whom the message has reached may be missing.
    """
    for number, row in _rows(path):
        yield _wrong(path, name, number, row) if isinstance(row, str) else row[0]


def _wrong(path: Path, name: str | None, number: int, reason: str) -> Defect:
    return Defect(Location(name or str(path), line=number or None), reason)


def _rows(path: Path) -> Iterator[Row]:
    columns: list[str] | None = None
    number = 0
    try:
        with open_binary(path) as stream:
            for number, line in _numbered_lines(stream):
                if isinstance(line, str):
                    yield number, line
                    continue
                text = str(line, "latin-1").strip(" \t\r\n")
                if not text or text.startswith("#"):
                    continue
                plain = columns == _PLAIN and len(text) <= _SHORT and text.isascii()
                if plain and _ADDRESS.fullmatch(text):
                    yield number, [text, "", ""]
                    continue
                cells = _cells(text)
                if columns is None:
                    columns = _header_row(cells)
                    if columns is not None:
                        continue
                    columns = _PLAIN
                yield number, _record(cells, columns, quoted=text.startswith('"'))
    except OSError as error:
        yield number, f"the list cannot be read: {error.strerror or 'an error of the disk'}"


def _numbered_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | str]]:
    """Yield each line under its number, or what is wrong with one that is too long."""
    pieces = _pieces(stream)
    number = 0
    for line in pieces:
        number += 1
        if len(line) < LONGEST_LINE or line.endswith(b"\n"):
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = next(pieces, b"")
        yield number, f"the line has more than {LONGEST_LINE:,} bytes"


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines behind a byte order mark, long ones in pieces."""
    head = stream.read(len(codecs.BOM_UTF8))
    if head != codecs.BOM_UTF8:
        stream.seek(0)
    if head[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        while line := stream.readline(LONGEST_LINE):
            yield line
        return
    text = io.TextIOWrapper(stream, "utf-16", "replace", newline="\n")
    try:
        while piece := text.readline(LONGEST_LINE):
            yield piece.encode("utf-8", "replace")
    finally:
        text.detach()


def _cells(text: str) -> list[str] | str:
    """Return the columns of a line, or what is wrong with it.

    An address may hold quotes of its own, which are none of CSV where it comes first.
    """
    first = _ADDRESS_FIRST.match(text)
    rest = text[first.end() :] if first else text
    if first and first[2] is None:
        return [first[1]]
    if '"' not in rest and "\r" not in rest:
        cells = rest.split(",")
        return [cell.strip(" \t") for cell in ([first[1], *cells] if first else cells)]
    try:
        cells = next(csv.reader([rest], strict=True, skipinitialspace=True), [])
    except csv.Error:
        return "it is neither an address nor a record of CSV on one line"
    return [cell.strip(" \t") for cell in ([first[1], *cells] if first else cells)]


def _header_row(cells: list[str] | str) -> list[str] | None:
    if isinstance(cells, str):
        return None
    names = [cell.lower() for cell in cells]
    return names if _COLUMNS[0] in names else None


def _record(cells: list[str] | str, columns: list[str], *, quoted: bool) -> list[str] | str:
    """Return address, reason and status, or what is wrong with the line."""
    if isinstance(cells, str):
        return cells
    if len(cells) > len(columns):
        return f"it has {len(cells)} columns: a reason with a comma has to stand in quotes"
    named = dict(zip(reversed(columns[: len(cells)]), reversed(cells), strict=True))
    address = _bare(named.get(_COLUMNS[0], ""))
    problem = report_problem(address)
    if problem is not None:
        return problem
    if "@" not in address or not (quoted or _ADDRESS.fullmatch(address)):
        return "what stands in the column of addresses is none"
    return [address, named.get(_COLUMNS[1], ""), named.get(_COLUMNS[2], "")]


def _bare(text: str) -> str:
    """Return an address as envelopes spell it: without brackets, and without its type."""
    if text[:1] == "<" and text[-1:] == ">":
        text = text[1:-1]
    return _PREFIX.sub("", text, count=1) if _PREFIX.match(text) else text


def _text(text: str) -> str:
    """Return the words of a reason: UTF-8 where they are that, else Latin-1."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return text
