"""Lines of a text report: made safe, wrapped to the console, indented, styled."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from imctool.report.safe_text import safe_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.console import Console

    from imctool.model.evidence import Defect

MOST = 12
"""How many items of a list a text report shows; JSON has all."""


class LinePrinter:
    """Prints lines to a console; every text of the evidence passes the one safe gate."""

    def __init__(self, console: Console, *, whole_words: bool = False) -> None:
        """``whole_words`` breaks no word, however long: a path or a command is to be copied."""
        self._console = console
        self._whole_words = whole_words

    def __call__(self, text: str = "", style: str = "", indent: int = 0, hang: int = 2) -> None:
        """Print a text as one or more lines, those after the first ``hang`` further in."""
        from rich.text import Text

        margin = " " * indent
        for part in wrap(
            safe_text(text),
            max(self._console.width, 20),
            initial_indent=margin,
            subsequent_indent=margin + " " * hang,
            break_on_hyphens=False,
            break_long_words=not self._whole_words,
        ) or [""]:
            self._console.print(Text(part, style), soft_wrap=True)

    def section(self, title: str, texts: Iterable[str]) -> None:
        """Print a title and the texts under it; nothing where there is no text."""
        for place, text in enumerate(texts):
            if place == 0:
                self()
                self(title, "bold")
            self(text, indent=2)


def defect_line(defect: Defect) -> str:
    """Return where something could not be read as it should, and why."""
    return f"{defect.location}: {defect.reason}"


def limited(items: Any, most: int | None, told: Callable[[Any], str]) -> Iterator[str]:
    """Yield a line for each of the first ``most`` items, and one for how many there are more."""
    yield from map(told, islice(items, most))
    if most is not None and len(items) > most:
        yield f"... and {len(items) - most} more (-v or --format json shows all)"
