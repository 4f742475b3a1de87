"""``imctool show``: one spool file, from its envelope to its last part."""

from __future__ import annotations

import click

from imctool.cli import exit_status
from imctool.cli.options import (
    EVIDENCE,
    Reading,
    complain,
    evidence_paths,
    output_stream,
    reading_options,
    refuse_output_inside,
    terminal_width,
    write_lines,
)


@click.command("show")
@click.argument("file", metavar="FILE", type=EVIDENCE)
@reading_options("text", "json")
@click.pass_context
def command(ctx: click.Context, reading: Reading, file: str) -> None:
    """Show one spool file: its envelope, header fields and part tree.

    FILE may be a spool file with its envelope, a Pickup file, or a bare mail.
    """
    from imctool.ledger.clock import derive_clock, own_stamps
    from imctool.model.evidence import EvidenceFile, Form, InputKind
    from imctool.model.mail import SpoolFile
    from imctool.readers.discovery import printable
    from imctool.readers.received import with_own_received
    from imctool.readers.spool_file import read_spool_file
    from imctool.report.documents import spool_file_document
    from imctool.report.json_text import document_lines
    from imctool.report.mail_text import mail_lines

    with evidence_paths([file]) as [path]:
        refuse_output_inside(reading, [path])
        source = EvidenceFile(path, printable(path.name), 0, InputKind.OTHER, Form.SPOOL_FILE)
        mail = read_spool_file(source, most_recipients=None)
    if not isinstance(mail, SpoolFile):
        complain(reading, f"{file}: {mail.reason}")
        ctx.exit(exit_status.NOTHING_READ)
    mails = [with_own_received(mail)]
    clock = derive_clock(reading.zone, (), own_stamps(mails), lambda: mails)
    moment = mail.envelope.time
    document = spool_file_document(mail, clock.utc(moment), assumed=clock.assumed(moment))
    if reading.format == "json":
        write_lines(reading, document_lines(document))
        return
    with output_stream(reading) as stream:
        width = terminal_width(reading, stream)
        for line in mail_lines(document, width, everything=reading.verbose):
            stream.write(line + "\n")
