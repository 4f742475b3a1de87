"""A trace for a person at a terminal: a head for each message, then its steps in time order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from imctool.ledger.search import NeighbourName, Neighbours
from imctool.model.finding import Finding
from imctool.model.message import SETTLED, Message
from imctool.report.safe_text import padded, safe_text
from imctool.report.trace_documents import (
    Step,
    Trace,
    elapsed_text,
    explanations,
    key_words,
    recipients_of,
    steps,
    summary_line,
)

if TYPE_CHECKING:
    from rich.console import Console

_MOST_RECIPIENTS = 5
_MOST_TEXT = 600
"""How much of one step's text is shown; what is left out is counted, and -v shows it."""

_LABEL = 13
_COLUMNS = (("time (UTC)", 20), ("elapsed", 8), ("source", 8))
_NARROW = 70
"""Below this width the text stands under its time and not beside it."""

_LEAST = 20


def print_trace(trace: Trace, console: Console, *, verbose: bool) -> None:
    """Print the trace; every text of the evidence passes the one safe gate."""
    page = _Page(console, verbose=verbose)
    page.block("Key", key_words(trace.found.key, trace.asked))
    page.block("Messages", summary_line(trace))
    page.block("Clock", _clock(trace))
    files = trace.files
    page.block(
        "Files",
        f"{files.seen} seen: {files.read} read, {files.unreadable} unreadable, "
        f"{files.skipped} skipped",
    )
    if trace.outside:
        page.block("Left out", f"{trace.outside} that --since and --until leave out")
    if trace.found.unsure:
        page.block("Not sure", unsure_words(trace.found.unsure))
    if trace.neighbours is not None:
        page.line()
        for text in neighbour_lines(trace.neighbours):
            page.line(text)
    told = explanations(trace)
    for message in trace.messages:
        page.line()
        _print_message(page, message, told.get(message.number, []))


def unsure_words(count: int) -> str:
    """Return what is to be said of messages whose recipients are not all in the evidence."""
    one = count == 1
    return (
        f"{count} more message{'' if one else 's'} may have the address: the evidence does not "
        f"list all {'its' if one else 'their'} recipients"
    )


def neighbour_lines(neighbours: Neighbours) -> Iterator[str]:
    """Yield what the counter tells of a spool name that no message carries."""
    if neighbours.before is None and neighbours.after is None:
        yield "The evidence has no other spool name with a time to compare it with."
        return
    for label, one in (("Before it", neighbours.before), ("After it", neighbours.after)):
        if one is None:
            yield f"{label}: no name in the evidence"
        else:
            yield f"{label}: {neighbour_words(one)}"
    if neighbours.bounded:
        yield (
            "It was given out between these two times: within names that share their first four "
            "symbols the counter only rises (inferred)."
        )
    elif neighbours.before is None or neighbours.after is None:
        yield "With a name on one side alone its time stays open on the other."
    else:
        yield (
            "These do not bound its time: the counter has jumped between them, as it does at a "
            "restart (inferred), or their times are of different clocks."
        )
    yield (
        "That no message carries it is no sign of a loss: sessions that break off and temporary "
        "files use up names too."
    )


def neighbour_words(one: NeighbourName) -> str:
    """Return a neighbouring name, its time, and how far away on the counter it stands."""
    away = abs(one.distance)
    return (
        f"{one.spool_name}  {moment_text(one.time, assumed=one.assumed_zone)}  "
        f"{away:,} name{'' if away == 1 else 's'} {'earlier' if one.distance < 0 else 'later'}"
    )


def moment_text(time: datetime | None, *, assumed: bool) -> str:
    """Return a UTC time for a table: Z marks UTC, ? an assumed zone, - that there is none."""
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M:%S}{'?' if assumed else 'Z'}"


def originator_text(message: Message) -> str:
    """Return the envelope originator in angle brackets, or that it is null or not known."""
    if message.originator is None:
        return "(not known)"
    return address_text(message.originator)


def address_text(address: str) -> str:
    """Return an address in angle brackets, without the tracking log's prefix; a DN as it is."""
    bare = address.strip().strip("<>")
    if bare[:5].upper() == "SMTP:":
        bare = bare[5:]
    if bare == "":
        return "<> (null sender)"
    return bare if bare.startswith("/") else f"<{bare}>"


def finding_words(finding: Finding) -> str:
    """Return article, confidence and title of a finding on one line."""
    return f"{finding.article or 'No article'} ({finding.confidence}): {finding.title}"


def _clock(trace: Trace) -> str:
    return f"{trace.server.time_zone or 'UTC assumed'} ({trace.server.time_zone_source})"


def _print_message(page: _Page, message: Message, findings: list[Finding]) -> None:
    style = "bold" if message.fate in SETTLED else "bold red"
    page.line(f"{message.name}  {message.direction}  {message.fate}", style)
    page.block("From", originator_text(message), indent=2)
    page.block("To", _recipients(message, None if page.verbose else _MOST_RECIPIENTS), indent=2)
    if message.message_id:
        page.block("Message-ID", message.message_id, indent=2)
    if message.mts_id:
        page.block("MTS-ID", message.mts_id, indent=2)
    for finding in findings:
        page.block("Why", finding_words(finding), indent=2)
    if message.wanting:
        page.block("Would tell", "; ".join(message.wanting), indent=2)
    for note in message.notes:
        page.block("Note", note, indent=2)
    page.line()
    page.steps(steps(message))


def _recipients(message: Message, most: int | None) -> str:
    """Return how many recipients there are, and the first of those that the evidence names."""
    count, known = message.recipient_count, recipients_of(message)
    shown = [address_text(one) for one in known[:most]]
    told = f"{count} recipient{'' if count == 1 else 's'}"
    if not shown:
        return told
    more = len(known) - len(shown)
    rest = f" and {more} more (-v shows them)" if more else ""
    if count > len(known):
        rest += f" and {count - len(known)} that {unlisted_words(message)}"
    return f"{told}: {', '.join(shown)}{rest}"


def unlisted_words(message: Message) -> str:
    """Return what holds of the recipients that this report does not have."""
    return "imctool show lists" if message.files else "no log names"


class _Page:
    """Lines on a console: wrapped at its width, a path never broken where nobody watches."""

    def __init__(self, console: Console, *, verbose: bool) -> None:
        self._console = console
        self._width = max(console.width, _LEAST)
        self.verbose = verbose

    def line(self, text: str = "", style: str = "") -> None:
        self._print("", self._wrapped(text, self._width), style)

    def block(self, label: str, text: str, indent: int = 0) -> None:
        """Print a label and a text beside it, its further lines under its first."""
        margin = " " * indent + label.ljust(_LABEL)
        self._print(margin, self._wrapped(text, self._width - len(margin)))

    def steps(self, life: Iterable[Step]) -> None:
        """Print the table of steps."""
        beside = self._width >= _NARROW
        if beside:
            head = "  ".join(name.upper().ljust(size) for name, size in _COLUMNS)
            self._print("", [f"{head}  WHAT HAPPENED, AND WHERE IT STANDS"], "bold")
        for step in life:
            seen = step.observation
            cells = (
                moment_text(seen.time, assumed=seen.assumed_zone),
                elapsed_text(step),
                step.source,
            )
            margin = "  ".join(
                padded(cell, size) for cell, (_, size) in zip(cells, _COLUMNS, strict=True)
            )
            if beside:
                margin += "  "
            else:
                self._print("", [" ".join(margin.split())])
                margin = "    "
            room = self._width - len(margin)
            self._print(margin, self._wrapped(self._quoted(seen.text), room))
            place = str(seen.location)
            lines = self._wrapped(place, room) if self._console.is_terminal else [safe_text(place)]
            self._print(" " * len(margin), lines, "dim")

    def _quoted(self, text: str) -> str:
        if self.verbose or len(text) <= _MOST_TEXT:
            return text
        return f"{text[:_MOST_TEXT]} [... {len(text) - _MOST_TEXT} more characters, -v shows them]"

    def _wrapped(self, text: str, width: int) -> list[str]:
        from rich.text import Text

        safe = Text(safe_text(text))
        return [one.plain.rstrip() for one in safe.wrap(self._console, max(width, _LEAST))] or [""]

    def _print(self, margin: str, lines: Iterable[str], style: str = "") -> None:
        """Print lines, the first behind ``margin``, the rest as far in; style is theirs alone."""
        from rich.text import Text

        for text in lines:
            self._console.print(Text(margin).append(text, style or None), soft_wrap=True)
            margin = " " * len(margin)
