"""What ``charset-check`` found, for a person: what to set, why, and which texts are amiss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from imctool.model.charset_check import (
    CharsetReport,
    FileCheck,
    HeaderCheck,
    PartCheck,
    SettingAdvice,
    Verdict,
    Warned,
)
from imctool.report.rows import aligned
from imctool.report.safe_text import shorten
from imctool.report.wrapped_lines import MOST, LinePrinter, defect_line, limited

if TYPE_CHECKING:
    from rich.console import Console

_LONGEST_LABEL = 40
_HARMFUL = frozenset({"loss", "stuck", "store-crash", "archived"})


def print_charsets(
    report: CharsetReport, console: Console, *, every_mail: bool, verbose: bool
) -> None:
    """Print the report: the advice first, then what it rests on."""
    most = None if verbose else MOST
    line = LinePrinter(console)
    for text in _overview(report):
        line(text, hang=10)
    line()
    line("Character Sets to set", "bold")
    _print_settings(report, line, console.width)
    line.section("Code pages to install", _pages(report))
    line.section("Aliases to add (AliasForCharset)", _aliases(report))
    if report.warnings:
        line()
        line("What the server does with such texts", "bold")
        for warned in report.warnings:
            _print_warning(warned, line)
    texts = list(_texts((*report.files, *report.logged), every=every_mail))
    title = "Texts" if every_mail else "Texts that are not as they should be"
    line.section(title, limited(texts, most, str))
    if not texts:
        told = report.count_verdicts()
        line()
        line(
            "Every text is what its label says." if told else "No text was found to check.",
            "bold green" if told else "bold",
        )
    line.section("Notes", report.notes)
    line.section("Could not be read as it should", limited(report.defects, most, defect_line))


def _overview(report: CharsetReport) -> Iterator[str]:
    versions = ", ".join(report.versions) or "version not known"
    pages = ", ".join(map(str, report.code_pages))
    assumed = " (a default NT 4.0 assumed: no export of Nls\\CodePage)"
    yield f"Server    {versions}; code pages {pages}{assumed if report.code_pages_assumed else ''}"
    count = report.count
    yield (
        f"Files     {count.seen} seen: {count.read} read, {count.unreadable} unreadable, "
        f"{count.skipped} skipped"
    )
    verdicts = report.count_verdicts()
    told = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
    yield f"Texts     {sum(verdicts.values())}{': ' + told if told else ''}"
    if not report.second_opinion:
        yield (
            "Judged    by chardet alone; a second opinion needs chardetng: "
            'pip install "imctool[charset]"'
        )


def _print_settings(report: CharsetReport, line: LinePrinter, width: int) -> None:
    settings = (report.default, *report.domains)
    rows = [(one.domain, one.mime, one.non_mime, one.files or "", _now(one)) for one in settings]
    heading, *lines = aligned(("domain", "mime", "non-MIME", "mails", "now"), rows, width - 2)
    line(heading, "bold", indent=2)
    for text, one in zip(lines, settings, strict=True):
        line(text, "yellow" if one.changes else "", indent=2)
        line(one.reason, indent=4, hang=0)


def _now(one: SettingAdvice) -> str:
    if one.current is None:
        return "?" if one.domain == "Default" else "no entry"
    return f"{one.current.mime}, {one.current.non_mime}" if one.changes else "as it is"


def _pages(report: CharsetReport) -> Iterator[str]:
    for one in report.install:
        yield f"{one.code_page}  for {', '.join(one.needed_for)}: {one.reason}"


def _aliases(report: CharsetReport) -> Iterator[str]:
    for one in report.aliases:
        mails = f"{one.files} mail{'' if one.files == 1 else 's'}"
        yield f"{one.alias} = {one.charset}, in {mails}: {one.reason}"
    for label, reason in report.unaliased:
        yield f"none for {shorten(label, _LONGEST_LABEL)}: {reason}"


def _print_warning(warned: Warned, line: LinePrinter) -> None:
    outcome = warned.outcome
    labels = ", ".join(shorten(label, _LONGEST_LABEL) for label in warned.labels[:5])
    more = ", ..." if len(warned.labels) > 5 else ""
    said = "" if outcome.documented else ", inferred"
    line(
        f"{outcome.harm}: {labels}{more} in {warned.files} "
        f"mail{'' if warned.files == 1 else 's'} ({', '.join(outcome.articles)}{said})",
        "bold red" if outcome.harm in _HARMFUL else "bold yellow",
        indent=2,
    )
    versions = ", ".join(outcome.versions)
    line(f"{versions}: {outcome.text}", indent=4, hang=0)
    if outcome.fixed_in:
        line(f"Fixed in: {outcome.fixed_in}", indent=4)
    line("First in: " + ", ".join(map(str, warned.examples)), indent=4)


def _texts(files: Sequence[FileCheck], *, every: bool) -> Iterator[str]:
    for file in files:
        for part in file.parts:
            if every or part.verdict is not Verdict.OK:
                yield f"{file.location}  part {part.part}: {_told(part)}"
        for header in file.headers:
            if every or header.verdict is not Verdict.OK:
                where = f" of part {header.part}" if header.part else ""
                yield f"{file.location}  {header.name}{where}: {_told(header)}"


def _told(check: PartCheck | HeaderCheck) -> str:
    """Return the verdict in words: what is declared, and what it is."""
    declared = "no label"
    if check.declared is not None:
        shown = shorten(check.declared, _LONGEST_LABEL)
        declared = f"declared {shown}" if check.declared.strip() else "declared blank"
    told = f"{check.verdict}; {declared}"
    if check.detected is not None and check.verdict is not Verdict.OK:
        told += f", reads as {check.detected}"
        if isinstance(check, PartCheck) and check.confidence < 1:
            told += f" ({check.confidence:.0%})"
    if isinstance(check, PartCheck) and check.verdict is Verdict.NOT_INSTALLED:
        told += f", its code page {check.code_page} has no table"
    return f"{told}; {check.note}" if check.note else told
