"""``imctool recover``: lost inbound messages, rebuilt out of Maximum-level protocol logs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from imctool.cli import exit_status
from imctool.cli.options import (
    CASE,
    EVIDENCE,
    Reading,
    complain,
    evidence_paths,
    opened_case,
    output_stream,
    overlaps,
    reading_options,
    refuse_inside,
    terminal_width,
    write_lines,
)

if TYPE_CHECKING:
    from pathlib import Path

    from imctool.model.recovery import Recovery
    from imctool.readers.collection import Collection


@click.command("recover")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=EVIDENCE)
@click.option(
    "-o", "--output", "folder", required=True, metavar="DIR",
    help="Folder for the messages; made if missing, refused unless it is empty.",
)  # fmt: skip
@click.option(
    "--as", "form", type=click.Choice(["eml", "pickup", "mbox"]), default="eml",
    show_default=True, help="Form of the messages.",
)  # fmt: skip
@click.option("--all", "every", is_flag=True, help="Rebuild every accepted message, lost or not.")
@click.option("-n", "--dry-run", is_flag=True, help="Tell what would be written; write nothing.")
@CASE
@reading_options("text", "json", output=False)
@click.pass_context
def command(
    ctx: click.Context,
    reading: Reading,
    paths: tuple[str, ...],
    folder: str,
    form: str,
    every: bool,
    dry_run: bool,
    case_file: str | None,
) -> None:
    """Rebuild inbound messages that the server accepted and lost.

    Their text is taken from Maximum-level protocol logs and written exactly as it was
    transmitted, with manifest.json beside it. Ends with status 1 if a message could not be
    rebuilt or is damaged, 3 if nothing could be read.
    """
    from pathlib import Path

    from imctool.cli.diagnose import nothing_read
    from imctool.ledger.ledger import build_ledger
    from imctool.model.recovery import MessageForm
    from imctool.readers.collection import collect
    from imctool.repair.log_texts import protocol_logs, read_texts
    from imctool.repair.recovery import Target, plan_recovery, recover

    with evidence_paths(paths) as roots, opened_case(case_file, roots) as case:
        refuse_folder(folder, roots)
        collection = collect(roots, date_order=reading.date_order, jobs=reading.jobs, case=case)
        if nothing_read(collection):
            complain(reading, f"nothing could be read under {', '.join(paths)}")
            ctx.exit(exit_status.NOTHING_READ)
        ledger = build_ledger(collection, reading.zone)
        plan = plan_recovery(
            ledger.messages,
            every=every,
            wanted=lambda message: overlaps(reading, message.first, message.last),
        )
        texts = read_texts(plan.candidates, collection, reading.date_order)
        target = Target(Path(folder), folder, MessageForm(form), dry_run)
        recovery = recover(plan, texts, target, ledger.clock, protocol_logs(collection))
    _write(reading, recovery, collection)
    if recovery.problem is not None:
        complain(reading, recovery.problem)
    if recovery.uncertain:
        count = recovery.uncertain
        complain(
            reading,
            f"{count} more message{' has' if count == 1 else 's have'} a logged text and may be "
            "lost, but the evidence does not tell (see diagnose); --all rebuilds every one",
        )
    if recovery.undone or recovery.damaged or recovery.problem is not None:
        ctx.exit(exit_status.SOME_NOT_DONE)


def refuse_folder(folder: str, roots: list[Path]) -> None:
    """Refuse a folder to write into that holds something, or lies inside the evidence.

    Raises click.UsageError.
    """
    if folder in {"", "-"}:
        raise click.UsageError("-o needs a folder: the messages are files")
    refuse_inside(folder, roots)
    try:
        with os.scandir(folder) as entries:
            taken = next(entries, None) is not None
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        raise click.UsageError(f"{folder} is no folder") from error
    except OSError as error:
        raise click.UsageError(f"cannot look into {folder}: {error.strerror}") from error
    if taken:
        raise click.UsageError(
            f"{folder} is not empty; nothing is ever written over: choose another"
        )


def _write(reading: Reading, recovery: Recovery, collection: Collection) -> None:
    from imctool.report.json_text import json_text
    from imctool.report.repair_documents import recovery_document
    from imctool.report.repair_text import recovery_lines

    if reading.format == "json":
        document = recovery_document(recovery, collection.files, collection.defects)
        write_lines(reading, [json_text(document, indent=1)])
        return
    with output_stream(reading) as stream:
        width = terminal_width(reading, stream)
        for line in recovery_lines(recovery, collection.files, collection.defects, width):
            stream.write(line + "\n")
