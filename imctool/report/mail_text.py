"""One spool file for a person: envelope, header, parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imctool.report.rows import aligned
from imctool.report.safe_text import safe_text, shorten

_MOST_RECIPIENTS = 20


def mail_lines(document: dict[str, Any], width: int | None, *, everything: bool) -> Iterator[str]:
    """Yield the lines of one ``imctool/message/1`` document, cut to ``width`` if it is set."""

    def cut(line: str) -> str:
        return safe_text(line) if width is None else shorten(line, width)

    yield from map(cut, _envelope_lines(document, everything=everything))
    yield ""
    yield "Header"
    for name, value in document["headers"]:
        yield cut(f"  {name}: {value.strip()}".replace("\t", " "))
    yield ""
    yield "Parts"
    columns = ("part", "content_type", "charset", "encoding", "size", "offset", "filename")
    rows = ([_shown(part, name) for name in columns] for part in document["parts"])
    for line in aligned(
        columns, rows, width - 2 if width is not None else None, ("offset", "size", "encoding")
    ):
        yield f"  {line}"
    if document["defects"]:
        yield ""
        yield "Could not be read as it should"
        for defect in document["defects"]:
            place = defect["location"].get("offset")
            where = f"offset {place}: " if place is not None else ""
            yield cut(f"  {where}{defect['reason']}")


def _shown(part: dict[str, Any], name: str) -> Any:
    if name == "charset" and part["charset"] == "":
        return '""'
    return part[name]


def _envelope_lines(document: dict[str, Any], *, everything: bool) -> Iterator[str]:
    envelope = document["envelope"]
    counts = document["recipient_counts"]
    forms = {
        "imcr": f"ImCr envelope of {envelope['raw_length']} bytes",
        "pickup": "Pickup file",
        "rfc822": "bare mail, no envelope",
    }
    yield f"File        {document['location']['path']}, {document['size']} bytes"
    yield f"Spool name  {document['spool_name'] or '(none)'}"
    yield f"Form        {forms[document['format']]}"
    originator = envelope["originator"]
    if originator is not None:
        yield f"Originator  <{originator}>"
    for label, key in (("MTS-ID", "mts_id"), ("Peer", "peer")):
        if envelope[key]:
            yield f"{label:<12}{envelope[key]}"
    if envelope["time"]:
        mark = " (zone assumed)" if envelope.get("assumed_zone") else ""
        yield f"Received    {envelope['time']}{mark}"
    limit = ", over the limit of 32766" if document["over_limit"] else ""
    yield (
        f"Recipients  {counts['envelope']} in the envelope, {counts['headers']} in the "
        f"header{limit}"
    )
    recipients = envelope["recipients"]
    most = len(recipients) if everything else _MOST_RECIPIENTS
    for address in recipients[:most]:
        yield f"            <{address}>"
    if len(recipients) > most:
        yield f"            ... and {len(recipients) - most} more (-v or --format json shows all)"
