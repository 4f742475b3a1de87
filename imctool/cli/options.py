"""The options that every reading command takes, and where its output goes."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from imctool.database.connection import CaseConnection
    from imctool.readers.local_time import DateOrder


EVIDENCE = click.Path(readable=False)
"""A PATH argument. What cannot be read is told as a defect; the other paths are still read."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The shared options of one run."""

    format: str
    output: str | None
    since: datetime | None
    until: datetime | None
    zone: tzinfo | None
    date_order: DateOrder | None
    jobs: int
    quiet: bool
    verbose: bool
    color: bool


def reading_options(
    *formats: str, output: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds the shared options; the first format is the default.

    The command receives them as one ``reading`` argument. Without ``output`` there is no
    ``-o``: the result goes to stdout, and a command may give the option a meaning of its own.
    """
    options = [
        click.option(
            "--format", "format_", type=click.Choice(formats), default=formats[0],
            show_default=True, help="Form of the output.",
        ),
        click.option("-o", "--output", help="Write the output to this file; - is stdout."),
        click.option("--since", type=_Moment(), help="Leave out what is earlier (UTC)."),
        click.option(
            "--until", type=_Moment(whole_day=True), help="Leave out what is later (UTC)."
        ),
        click.option(
            "--timezone", "zone", type=_Zone(),
            help="Zone of the server: a name (America/New_York) or an offset (-0500).",
        ),
        click.option(
            "--date-order", type=click.Choice(["auto", "mdy", "dmy", "ymd"]), default="auto",
            show_default=True, help="Order of day, month and year in local dates.",
        ),
        click.option(
            "-j", "--jobs", type=click.IntRange(min=1), default=os.cpu_count() or 1,
            show_default="all cores", help="Processes that read spool files.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="No diagnostics on stderr."),
        click.option("-v", "--verbose", is_flag=True, help="Show everything, however long."),
        click.option("--no-color", is_flag=True, help="No colour (NO_COLOR does the same)."),
    ]  # fmt: skip
    if not output:
        del options[1]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(**values: Any) -> Any:
            return function(reading=_reading(values), **values)

        run.__name__, run.__doc__ = function.__name__, function.__doc__
        run.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
        wrapped: Callable[..., Any] = run
        for option in reversed(options):
            wrapped = option(wrapped)
        return wrapped

    return decorate


def _reading(values: dict[str, Any]) -> Reading:
    order = values.pop("date_order")
    date_order: DateOrder | None = None
    if order != "auto":
        from imctool.readers.local_time import DateOrder as Order

        date_order = Order(order)
    since, until = values.pop("since"), values.pop("until")
    return Reading(
        format=values.pop("format_"),
        output=values.pop("output", None),
        since=since,
        until=until,
        zone=values.pop("zone"),
        date_order=date_order,
        jobs=values.pop("jobs"),
        quiet=values.pop("quiet"),
        verbose=values.pop("verbose"),
        color=not values.pop("no_color") and not os.environ.get("NO_COLOR"),
    )


class _Moment(click.ParamType[datetime]):
    """A UTC date or time: ISO 8601 first, python-dateutil as the last resort."""

    name = "date"

    def __init__(self, *, whole_day: bool = False) -> None:
        self._whole_day = whole_day

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = _guessed_moment(value) or self.fail(
                f"{value!r} is not a date; write 1999-11-30 or 1999-11-30T14:05", param, ctx
            )
        try:
            if self._whole_day and re.fullmatch(r"\d{4}-?\d\d-?\d\d", value):
                moment += timedelta(days=1) - timedelta(microseconds=1)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except OverflowError:
            self.fail(f"{value!r} lies outside the calendar", param, ctx)


def _guessed_moment(text: str) -> datetime | None:
    """Return what dateutil reads, only if the text itself gives year, month and day.

    It fills what is missing from a default, so the text is read over two defaults, and a
    difference shows that something was missing.
    """
    from dateutil.parser import ParserError, parse

    try:
        first = parse(text, default=datetime(1990, 1, 1), dayfirst=False)
        second = parse(text, default=datetime(2001, 12, 28), dayfirst=False)
        other_way = parse(text, default=datetime(1990, 1, 1), dayfirst=True)
    except (ParserError, OverflowError):
        return None
    return first if first == second == other_way else None


class _Zone(click.ParamType[tzinfo]):
    """A zone by its IANA name, or by its offset from UTC."""

    name = "zone"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tzinfo:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        text = value.strip()
        if text.upper() in {"UTC", "GMT", "Z"}:
            return UTC
        digits = text.lstrip("+-").replace(":", "")
        if text[:1] in {"+", "-"} and digits.isdigit() and len(digits) in {2, 4}:
            minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
            if minutes <= 14 * 60:
                sign = -1 if text[0] == "-" else 1
                return timezone(timedelta(minutes=sign * minutes))
        try:
            return ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r} is no time zone; write America/New_York or -0500", param, ctx)


CASE = click.option(
    "--case", "case_file", type=click.Path(dir_okay=False), metavar="FILE",
    help="Keep what is read in this SQLite file; the next run reads only what changed.",
)  # fmt: skip
"""The option that names a case database."""


@contextmanager
def opened_case(
    case_file: str | None, roots: Iterable[Path], output: str | None = None
) -> Iterator[CaseConnection | None]:
    """Give the case database, made if missing; None where none is asked for.

    Raises click.UsageError where the file lies inside the evidence or is something else, and
    ends the run with the status of a guard where another run has it open.
    """
    if case_file is None:
        yield None
        return
    from imctool.cli import exit_status
    from imctool.database.connection import (
        CaseConnection,
        CaseFileError,
        CaseInUseError,
        NoCaseError,
    )

    if not case_file:
        raise click.UsageError("--case needs the name of a file")
    if output not in {None, "-"} and _same_file(str(output), case_file):
        raise click.UsageError(f"{output} is the case itself; choose another place for the output")
    refuse_inside(case_file, roots)
    try:
        case = CaseConnection(Path(case_file))
    except NoCaseError as error:
        raise click.UsageError(str(error)) from error
    except CaseInUseError as error:
        click.echo(f"imctool: {error}; wait for it to end", err=True)
        raise click.exceptions.Exit(exit_status.REFUSED_BY_GUARD) from error
    try:
        yield case
    except CaseFileError as error:
        if not error.damaged:
            raise
        click.echo(f"imctool: {case_file} {error.strerror}", err=True)
        raise click.exceptions.Exit(exit_status.INTEGRITY_FAILURE) from error
    finally:
        case.close()


def _same_file(one: str, case_file: str) -> bool:
    """Whether a path is the case's, or that of a file that SQLite keeps beside it."""
    target = os.path.normcase(os.path.realpath(one))
    case = os.path.normcase(os.path.realpath(case_file))
    return target in {case, f"{case}-wal", f"{case}-shm", f"{case}-journal"}


@contextmanager
def evidence_paths(paths: Iterable[str]) -> Iterator[list[Path]]:
    """Give the PATH arguments as paths; ``-`` is what stands on stdin, kept in a file meanwhile."""
    with ExitStack() as stack:
        found = []
        given = list(paths)
        if given.count("-") > 1:
            raise click.UsageError("- can be given once: stdin is read only once")
        for path in given:
            if path == "-":
                folder = Path(stack.enter_context(TemporaryDirectory(prefix="imctool-")))
                with (folder / "stdin").open("wb") as file:
                    shutil.copyfileobj(sys.stdin.buffer, file)
                found.append(folder / "stdin")
            else:
                found.append(Path(path))
        yield found


@contextmanager
def output_stream(reading: Reading) -> Iterator[IO[str]]:
    """Give the stream that results go to: stdout, or the file.

    The file is written under another name and takes its place when it is whole: a run that
    fails leaves what was there, and a hard link of the evidence stays the evidence.
    """
    if reading.output in {None, "-"}:
        stream = sys.stdout
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        yield stream
        return
    target = Path(str(reading.output))
    if target.is_dir():
        raise click.UsageError(f"cannot write {reading.output}: it is a folder")
    if target.exists() and not target.is_file():  # a device or a pipe cannot be replaced
        with target.open("w", encoding="utf-8", newline="\n") as opened:
            yield opened
        return
    try:
        descriptor, temporary = mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise click.UsageError(f"cannot write {reading.output}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as opened:
            yield opened
        os.chmod(temporary, 0o666 & ~_mask())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _mask() -> int:
    """Return the process's mask for new files, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def refuse_output_inside(reading: Reading, paths: Iterable[Path]) -> None:
    """Refuse an output file inside the evidence: reading commands leave it as it was.

    Raises click.UsageError.
    """
    if reading.output is not None and reading.output != "-":
        refuse_inside(reading.output, paths)


def refuse_inside(output: str, paths: Iterable[Path]) -> None:
    """Refuse a file or folder to write that is, or lies inside, one of the PATH arguments.

    Raises click.UsageError.
    """
    target = os.path.normcase(os.path.realpath(output))
    for path in paths:
        root = os.path.normcase(os.path.realpath(path))
        if target == root or target.startswith(root.rstrip(os.sep) + os.sep):
            raise click.UsageError(f"{output} lies inside the evidence; choose another place")


def write_lines(reading: Reading, lines: Iterable[str]) -> None:
    """Write result lines to where the options say."""
    with output_stream(reading) as stream:
        for line in lines:
            stream.write(line + "\n")


def terminal_width(reading: Reading, stream: IO[str]) -> int | None:
    """Return the width to cut lines to, None where the output is no terminal."""
    if reading.verbose or not stream.isatty():
        return None
    return max(20, shutil.get_terminal_size().columns)


def console_for(reading: Reading, stream: IO[str]) -> Console:
    """Return a Rich console that takes no markup and no colour from the evidence."""
    from rich.console import Console

    class PipedConsole(Console):
        """A console that leaves it to the program how a run ends whose reader has gone."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    terminal = stream.isatty()
    return PipedConsole(
        file=stream,
        width=None if terminal else 100,
        no_color=not reading.color,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=False,
    )


def complain(reading: Reading, text: str) -> None:
    """Write one line of diagnostics to stderr, made safe, unless it is to be quiet."""
    from imctool.report.safe_text import safe_text

    if not reading.quiet:
        click.echo(f"imctool: {safe_text(text)}", err=True)


def overlaps(reading: Reading, first: datetime | None, last: datetime | None) -> bool:
    """Return whether a span of UTC time touches --since/--until; an unknown one does not."""
    if first is None or last is None:
        return within(reading, first or last)
    return (reading.until is None or first <= reading.until) and (
        reading.since is None or last >= reading.since
    )


def within(reading: Reading, time: datetime | None) -> bool:
    """Return whether a UTC time lies in --since/--until; an unknown time lies in neither."""
    if reading.since is None and reading.until is None:
        return True
    if time is None:
        return False
    return (reading.since is None or time >= reading.since) and (
        reading.until is None or time <= reading.until
    )
