"""Event logs in every text form: which form a text has, and its events.

The forms are Event Viewer's saved text, clipboard blocks, lists, CSV and XML, and the output of
DUMPEL, PsLogList, LogParser and wevtutil. Dates of local forms are wall-clock time; the order
of their day and month is found over the whole file first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from imctool.model.event import Event
from imctool.model.evidence import Defect, EvidenceFile, Location
from imctool.readers.event_log_clipboard import parse_clipboard, sniff_clipboard
from imctool.readers.event_log_dumpel import parse_dumpel, sniff_dumpel, user_comes_first
from imctool.readers.event_log_entry import Entry, Parsed, events_of
from imctool.readers.event_log_psloglist import parse_psloglist, sniff_psloglist
from imctool.readers.event_log_saved import parse_saved, sniff_saved
from imctool.readers.event_log_table import parse_table, sniff_table
from imctool.readers.event_log_xml import parse_xml, sniff_xml
from imctool.readers.local_time import DEFAULT_ORDER, DateOrder, detect_date_order
from imctool.readers.text_file import numbered_lines, text_blocks

Blocks = Callable[[], Iterable[str]]
"""The text from its beginning, in pieces, as often as it is asked for."""

HEAD = 1 << 14
"""How many characters decide on the form."""

_SNIFFERS = (
    sniff_xml,
    sniff_table,
    sniff_psloglist,
    sniff_saved,
    sniff_dumpel,
    sniff_clipboard,
)


def sniff_event_text(head: str) -> str | None:
    """Return the name of the form of event log that a text begins with, or None.

    The forms are named by the readers beside this one. A text may hold some NULs, as a crash
    leaves them; what is mostly NULs is none.
    """
    head = head.rstrip("\0")
    if head.count("\0") * 2 > len(head):
        return None
    head = head.replace("\0", "")
    lines = [line.rstrip("\r") for line in head.split("\n")]
    found = (sniff(lines) for sniff in _SNIFFERS)
    return next((form for form in found if form), None)


def read_event_text(
    file: EvidenceFile, *, date_order: DateOrder | None = None
) -> Iterator[Event | Defect]:
    """Yield the events of a text file and its defects, in file order.

    Times are naive wall-clock time, or UTC where the form names a zone. ``date_order`` is that
    of the server's locale; else it is found in the file, and is ``DEFAULT_ORDER`` where the
    file does not decide it. A file that cannot be read is a Defect.
    """
    blocks = partial(text_blocks, file.path)
    try:
        yield from _events(blocks, file.name, date_order)
    except OSError as error:
        yield Defect(file.location(), error.strerror or str(error))


def parse_event_text(
    text: str, name: str, *, date_order: DateOrder | None = None
) -> Iterator[Event | Defect]:
    """Yield the events of a text and its defects; as ``read_event_text``."""
    return _events(lambda: [text], name, date_order)


def _events(blocks: Blocks, name: str, order: DateOrder | None) -> Iterator[Event | Defect]:
    form = sniff_event_text(_head(blocks))
    if form is None:
        yield Defect(Location(name), "no form of event log text known here")
        return
    if form == "xml":
        yield from parse_xml(blocks(), name)
        return
    user_first = form in {"dumpel-tab", "dumpel-comma"} and user_comes_first(
        _parsed(form, blocks, name)
    )
    if order is None:
        order = detect_date_order(_dates(_parsed(form, blocks, name))) or DEFAULT_ORDER
    for parsed in _parsed(form, blocks, name, user_first=user_first):
        if isinstance(parsed, Entry):
            yield from events_of(parsed, name, order)
        else:
            yield parsed


def _head(blocks: Blocks) -> str:
    """Return the beginning of the text without the line that the cut goes through."""
    head = ""
    for block in blocks():
        head += block
        if len(head) > HEAD:
            return head[: max(head.rfind("\n", 0, HEAD), 0) or HEAD]
    return head


def _dates(entries: Iterable[Parsed]) -> Iterator[str]:
    return (entry.date for entry in entries if isinstance(entry, Entry) and entry.date)


def _parsed(form: str, blocks: Blocks, name: str, *, user_first: bool = False) -> Iterator[Parsed]:
    """Yield the entries of a text of that form, from its beginning."""
    lines = numbered_lines(blocks())
    if form == "table":
        return parse_table(lines, name)
    if form == "clipboard":
        return parse_clipboard(lines, name)
    if form.startswith("psloglist"):
        return parse_psloglist(lines, name, form)
    if form.startswith("saved"):
        return parse_saved(lines, name, form)
    return parse_dumpel(lines, name, form, user_first=user_first)
