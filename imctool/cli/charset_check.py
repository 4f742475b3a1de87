"""``imctool charset-check``: declared, real and installed charsets, and what to set."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imctool.cli import exit_status
from imctool.cli.options import (
    EVIDENCE,
    Reading,
    complain,
    console_for,
    evidence_paths,
    output_stream,
    reading_options,
    refuse_inside,
    refuse_output_inside,
    within,
    write_lines,
)

if TYPE_CHECKING:
    from imctool.model.charset_check import CharsetReport


@click.command("charset-check")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=EVIDENCE)
@click.option("--all", "every", is_flag=True, help="List every mail, those in order too.")
@click.option(
    "--fix-plan", type=click.Path(), metavar="FILE",
    help="Write the advice as steps to FILE, such as plan.md, and beside it, where there are any, "
    "the aliases to plan.reg and the settings to plan.imc.txt.",
)  # fmt: skip
@reading_options("text", "json", "jsonl", "csv")
@click.pass_context
def command(
    ctx: click.Context,
    reading: Reading,
    paths: tuple[str, ...],
    every: bool,
    fix_plan: str | None,
) -> None:
    """Tell each text's charset as declared and as it is, and what the server could convert.

    PATH is a spool, a file, or any folder of evidence. Advises the Character Sets setting for
    the default and for each E-Mail Domain, code pages to install and aliases to add. Ends with
    status 1 if any text is not as it should be, 3 if nothing could be read.
    """
    from imctool.causes.charset_check import check_charsets

    if fix_plan is not None:
        _refuse_plan(fix_plan, reading)
    with evidence_paths(paths) as roots:
        refuse_output_inside(reading, roots)
        if fix_plan is not None:
            refuse_inside(fix_plan, roots)
        report = check_charsets(
            roots,
            jobs=reading.jobs,
            date_order=reading.date_order,
            zone=reading.zone,
            within=None if reading.since is reading.until is None else partial(within, reading),
        )
        if not report.count.read:
            complain(reading, f"nothing could be read under {', '.join(paths)}")
        _write(report, reading, every)
        if fix_plan is not None:
            _write_plan(report, fix_plan, reading)
    if not report.count.read:
        ctx.exit(exit_status.NOTHING_READ)
    if report.has_problem:
        ctx.exit(exit_status.PROBLEM_FOUND)


def _refuse_plan(fix_plan: str, reading: Reading) -> None:
    """Refuse a plan that could not be written, before anything is read.

    Raises click.UsageError.
    """
    from imctool.repair.charset_files import plan_files

    if fix_plan in {"", "-"}:
        raise click.UsageError(
            "--fix-plan needs the name of a file: the plan is up to three files, not a stream"
        )
    try:
        files = plan_files(Path(fix_plan))
    except OSError as error:
        raise _unwritable(error, fix_plan) from error
    if reading.output not in {None, "-"}:
        output = os.path.realpath(str(reading.output))
        if output in map(os.path.realpath, files):
            raise click.UsageError(f"{reading.output} is a file of the plan; choose another place")


def _unwritable(error: OSError, fix_plan: str) -> click.UsageError:
    return click.UsageError(f"cannot write {error.filename or fix_plan}: {error.strerror}")


def _write_plan(report: CharsetReport, fix_plan: str, reading: Reading) -> None:
    from imctool.repair.charset_plan import write_plan

    try:
        written = write_plan(report, Path(fix_plan))
    except OSError as error:
        raise _unwritable(error, fix_plan) from error
    complain(reading, f"written: {', '.join(map(str, written))}")


def _write(report: CharsetReport, reading: Reading, every: bool) -> None:
    if reading.format == "text":
        from imctool.report.charset_text import print_charsets

        with output_stream(reading) as stream:
            print_charsets(
                report, console_for(reading, stream), every_mail=every, verbose=reading.verbose
            )
        return
    from imctool.report.charset_documents import charset_document, csv_rows, jsonl_documents
    from imctool.report.json_text import document_lines, json_text

    if reading.format == "json":
        write_lines(reading, document_lines(charset_document(report)))
    elif reading.format == "jsonl":
        write_lines(reading, map(json_text, jsonl_documents(report)))
    else:
        write_lines(reading, csv_rows(report))
