"""``imctool verify``: whether files still are what a manifest or a journal says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imctool.cli import exit_status
from imctool.cli.changing import refuse
from imctool.cli.options import (
    Reading,
    console_for,
    output_stream,
    reading_options,
    write_lines,
)

if TYPE_CHECKING:
    from imctool.model.export import ManifestCheck

_JOURNAL = b'{"record":'


@click.command("verify")
@click.argument("record", metavar="MANIFEST|JOURNAL", type=click.Path(dir_okay=False, exists=True))
@click.option("--evidence", type=click.Path(exists=True), metavar="PATH",
              help="The PATH that the manifest was made from: check its files too.")  # fmt: skip
@click.option("--imcdata", type=click.Path(file_okay=False), metavar="DIR",
              help="Where the spool lies now, if not where the journal says.")  # fmt: skip
@reading_options("text", "json")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    reading: Reading,
    record: str,
    evidence: str | None,
    imcdata: str | None,
) -> None:
    """Hash again what a manifest or a journal speaks of, and name what differs.

    Takes the manifest.json of recover and of requeue --via eml, mbox and maildir, and the
    journal of requeue. Changes nothing. Ends with status 6 if anything differs.
    """
    path = Path(record)
    found = _checked(path, evidence, imcdata)
    _write(reading, record, found)
    if found.differences:
        ctx.exit(exit_status.INTEGRITY_FAILURE)


def _checked(path: Path, evidence: str | None, imcdata: str | None) -> ManifestCheck:
    from imctool.readers.file_buffer import open_binary
    from imctool.repair.journal_check import check_journal
    from imctool.repair.journal_lines import JournalError
    from imctool.repair.manifest_check import ManifestError, check_manifest

    with open_binary(path) as file:
        start = file.read(len(_JOURNAL))
    if start[:1] not in {b"{", b""}:
        text = f"{path} is neither a manifest nor a journal of imctool"
        refuse(text, exit_status.INTEGRITY_FAILURE)
    try:
        if start == _JOURNAL or path.suffix == ".jsonl":
            return check_journal(path, Path(imcdata) if imcdata is not None else None)
        return check_manifest(path, Path(evidence) if evidence is not None else None)
    except (JournalError, ManifestError) as error:
        refuse(str(error), exit_status.INTEGRITY_FAILURE)


def _write(reading: Reading, record: str, found: ManifestCheck) -> None:
    if reading.format == "json":
        from imctool.report.json_text import json_text

        write_lines(reading, [json_text(_document(record, found), indent=1)])
        return
    from imctool.report.wrapped_lines import LinePrinter

    with output_stream(reading) as stream:
        line = LinePrinter(console_for(reading, stream))
        line.section("Differs", (f"{one.path}: {one.reason}" for one in found.differences))
        line.section("Notes", found.notes)
        if found.differences or found.notes:
            line()
        items = f"{found.checked} item{'' if found.checked == 1 else 's'} checked"
        if found.differences:
            line(f"{items}, {len(found.differences)} differ.", "bold red")
        else:
            line(f"{items}: all are as recorded.", "bold green")


def _document(record: str, found: ManifestCheck) -> dict[str, Any]:
    return {
        "schema": "imctool/verification/1",
        "record": record,
        "checked": found.checked,
        "differences": [
            {"path": one.path, "what": str(one.what), "reason": one.reason}
            for one in found.differences
        ],
        "notes": list(found.notes),
    }
