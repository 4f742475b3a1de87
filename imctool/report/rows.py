"""Rows for a terminal, a pipe, a spreadsheet or a program: one writer for every listing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from imctool.report.json_text import json_text
from imctool.report.safe_text import safe_cell, safe_text, shorten

_MEASURED = 500
"""How many rows decide the column widths of a listing; the rest must not wait for the end."""


def aligned(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], width: int | None
) -> Iterator[str]:
    """Yield a header line and the rows in columns; ``width`` None means no line is cut.

    The first rows decide the widths, so that a listing of any length starts at once. The last
    column is not padded, and is cut to what the width leaves.
    """
    source = iter(rows)
    head = [[_cell(value) for value in row] for row in islice(source, _MEASURED)]
    widths = [
        max(chain([len(name)], (len(row[index]) for row in head)))
        for index, name in enumerate(columns)
    ]
    if width is not None:
        _fit(widths, width)
    yield _line([name.upper() for name in columns], widths, width)
    for row in chain(head, ([_cell(value) for value in row] for row in source)):
        yield _line(row, widths, width)


def _fit(widths: list[int], width: int) -> None:
    """Take from the widest columns but the last until the line leaves it a third."""
    room = max(width - 2 * (len(widths) - 1), len(widths) * 3)
    target = room - min(widths[-1], room // 3)
    while sum(widths[:-1]) > target:
        widest = max(range(len(widths) - 1), key=lambda index: widths[index])
        if widths[widest] <= 8:
            break
        widths[widest] -= 1


def _line(cells: Sequence[str], widths: Sequence[int], width: int | None) -> str:
    shown = [
        (cell if width is None else shorten(cell, size)).ljust(size)
        for cell, size in zip(cells[:-1], widths, strict=False)
    ]
    line = "  ".join([*shown, cells[-1]]).rstrip()
    return line if width is None else shorten(line, width)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(one) for one in value)
    return safe_text(str(value))


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield CSV (RFC 4180, line ends by the caller) that no spreadsheet takes for formulas."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="")
    for row in chain([columns], rows):
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([_csv_cell(value) for value in row])
        yield buffer.getvalue()


def _csv_cell(value: Any) -> Any:
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    return safe_cell(_cell(value))


def json_lines(kind: str, documents: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield one JSON line per document, each with its ``type`` first."""
    for document in documents:
        yield json_text({"type": kind, **document})


def json_array(
    opening: dict[str, Any],
    key: str,
    documents: Iterable[Any],
    closing: dict[str, Any] | None = None,
) -> Iterator[str]:
    """Yield one JSON document whose ``key`` holds all ``documents``, as they come.

    ``opening`` stands before it and ``closing`` behind it, made when the last one has come.
    """
    head = json_text(opening)[:-1]
    yield f"{head}{', ' if opening else ''}{json_text(key)}: ["
    pending: str | None = None
    for document in documents:
        if pending is not None:
            yield f"  {pending},"
        pending = json_text(document)
    if pending is not None:
        yield f"  {pending}"
    yield f"], {json_text(closing)[1:]}" if closing else "]}"
