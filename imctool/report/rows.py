"""Rows for a terminal, a pipe, a spreadsheet or a program: one writer for every listing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from imctool.report.json_text import json_text
from imctool.report.safe_text import padded, safe_cell, safe_text, shorten, text_width

_MEASURED = 500
"""How many rows decide the column widths of a listing; the rest must not wait for the end."""


def aligned(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    width: int | None,
    drop: Sequence[str] = (),
) -> Iterator[str]:
    """Yield a header line and the rows in columns; ``width`` None means no line is cut.

    The first rows decide the widths, so that a listing of any length starts at once. Where lines
    are cut, a column that is empty in all of them is left out, and those of ``drop`` in their
    order as long as there is no room for the rest. The last column is not padded.
    """
    source = iter(rows)
    head = [[_cell(value) for value in row] for row in islice(source, _MEASURED)]
    widths = [
        max(chain([len(name)], (text_width(row[at]) for row in head)))
        for at, name in enumerate(columns)
    ]
    shown = list(range(len(columns)))
    if width is not None:
        shown = [at for at in shown if at == shown[-1] or any(row[at] for row in head)] or shown
        _make_room(shown, widths, [columns.index(name) for name in drop], width)
    titles = [name.upper() for name in columns]
    for cells in chain([titles], head, ([_cell(value) for value in row] for row in source)):
        yield _line([cells[at] for at in shown], [widths[at] for at in shown], width)


_NARROWED = 12
"""A wider column is narrowed to this before any is left out."""


def _make_room(shown: list[int], widths: list[int], drop: Sequence[int], width: int) -> None:
    """Narrow and leave out columns until the last one has a quarter of the line, or all it needs.

    The first column is what a row is known by (a name, a time): it is narrowed last.
    """
    waiting = [at for at in drop if at in shown]
    while True:
        *front, last = shown
        room = width - 2 * len(front) - min(widths[last], width // 4)
        excess = sum(widths[at] for at in front) - room
        if excess <= 0 or not front:
            return
        middle = [at for at in front[1:] if widths[at] > _NARROWED]
        if middle:
            widest = max(middle, key=lambda at: widths[at])
            widths[widest] = max(_NARROWED, widths[widest] - excess)
        elif waiting:
            shown.remove(waiting.pop(0))
        else:
            widest = max(front, key=lambda at: widths[at])
            if widths[widest] <= 3:
                return
            widths[widest] = max(3, widths[widest] - excess)


def _line(cells: Sequence[str], widths: Sequence[int], width: int | None) -> str:
    shown = [
        padded(cell if width is None else shorten(cell, size), size)
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


def short_time(document: dict[str, Any]) -> str:
    """Return the document's time for a table: a Z marks UTC, a ? an assumed zone."""
    time = str(document["time"] or "")[:19].replace("T", " ")
    return time + ("?" if document.get("assumed_zone") else "Z") if time else ""


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
