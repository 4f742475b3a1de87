"""JSON that is readable as text and carries no raw control or bidirectional character."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from imctool.report.safe_text import INVISIBLE

_RAW = re.compile(f"[{INVISIBLE}]")


def json_text(document: Any, *, indent: int | None = None) -> str:
    """Return the document as JSON; what is unsafe to print raw is escaped inside strings."""
    return _RAW.sub(_escaped, json.dumps(document, ensure_ascii=False, indent=indent))


def document_lines(document: dict[str, Any]) -> Iterator[str]:
    """Yield a document as lines of JSON: one for each of its keys, and for each item of a list.

    A value that is an iterator is written as a list, its items as they come.
    """
    opened = "{"
    for key, value in document.items():
        head = f"{opened} {json_text(key)}: "
        opened = ","
        if not isinstance(value, (list, Iterator)):
            yield head + json_text(value)
            continue
        items = map(json_text, value)
        first = next(items, None)
        if first is None:
            yield head + "[]"
            continue
        yield head + "["
        pending = first
        for item in items:
            yield f"  {pending},"
            pending = item
        yield f"  {pending}]"
    yield "}" if document else "{}"


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(
        f"\\u{int.from_bytes(units[at : at + 2], 'big'):04x}" for at in range(0, len(units), 2)
    )
