"""``imctool undo``: takes back what a requeue did."""

from __future__ import annotations

from pathlib import Path

import click

from imctool.cli import exit_status
from imctool.cli.changing import guarded
from imctool.cli.options import (
    Reading,
    complain,
    console_for,
    output_stream,
    reading_options,
    write_lines,
)


@click.command("undo")
@click.argument("journal", type=click.Path(dir_okay=False, exists=True))
@click.option("--imcdata", type=click.Path(file_okay=False), metavar="DIR",
              help="Where the spool lies now, if not where the journal says.")  # fmt: skip
@click.option("--service-stopped", is_flag=True,
              help="Assert that the service is stopped; do not look.")  # fmt: skip
@reading_options("text", "json")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    reading: Reading,
    journal: str,
    imcdata: str | None,
    service_stopped: bool,
) -> None:
    """Take back what the requeue of JOURNAL did and the server has not taken up since.

    Does not ask. What was done, and what could not be taken back and why, goes to the end of the
    same journal. Ends with status 1 if something could not be taken back.
    """
    from imctool.repair.undo import undo

    with guarded():
        told = undo(
            Path(journal),
            Path(imcdata) if imcdata is not None else None,
            look_for_service=not service_stopped,
        )
    if reading.format == "json":
        from imctool.report.json_text import document_lines
        from imctool.report.requeue_documents import undo_document

        document = undo_document(
            told.actions, journal=journal, imcdata=told.imcdata, notes=told.notes
        )
        write_lines(reading, document_lines(document))
    else:
        from imctool.report.requeue_text import print_actions

        with output_stream(reading) as stream:
            print_actions(
                told.actions,
                console_for(reading, stream),
                journal=journal,
                next_steps=[],
                notes=told.notes,
                verbose=reading.verbose,
                nothing="Nothing to take back.",
            )
    if told.problem is not None:
        complain(reading, told.problem)
    if told.interrupted:
        complain(reading, "interrupted: the same command given again goes on")
        ctx.exit(exit_status.INTERRUPTED)
    if told.problem is not None or any(one.undone for one in told.actions):
        ctx.exit(exit_status.SOME_NOT_DONE)
