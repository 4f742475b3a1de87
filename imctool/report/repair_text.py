"""What a repair did, for a person: one line a message, what is wrong with it, what comes next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from imctool.model.evidence import Defect, FileCount
from imctool.model.message import Fate
from imctool.model.recovery import MessageForm, RecoveredMessage, Recovery
from imctool.report.safe_text import safe_text

_NEXT = {
    MessageForm.EML: (
        "Send each file by SMTP to the originator and recipients that manifest.json gives: the "
        "header may name others. Or write them anew with --as pickup, for the Pickup folder of 5.5."
    ),
    MessageForm.PICKUP: (
        "Copy the files to the volume of the spool, then move them into Imcdata\\Pickup of a 5.5 "
        "server, never into In: they have no ImCr envelope. 4.0 and 5.0 have no Pickup folder; "
        "there write them with --as eml and send them by SMTP."
    ),
    MessageForm.MBOX: (
        "The mbox is for reading and searching: its line ends are converted. To send the messages "
        "again, write them with --as eml or --as pickup."
    ),
}


def recovery_lines(
    recovery: Recovery, files: FileCount, defects: Iterable[Defect], width: int | None
) -> Iterator[str]:
    """Yield the report, every line safe to print, wrapped to ``width`` if it is set."""
    for line, hang in _lines(recovery, files, defects):
        shown = safe_text(line)
        if width is None:
            yield shown
        else:
            indent = " " * (len(line) - len(line.lstrip(" ")) + hang)
            yield from wrap(shown, width, subsequent_indent=indent, break_on_hyphens=False) or [""]


def _lines(
    recovery: Recovery, files: FileCount, defects: Iterable[Defect]
) -> Iterator[tuple[str, int]]:
    for one in recovery.messages:
        yield _message_line(recovery.folder, one), 2
        for label, told in (("damaged", one.damage), ("inferred", one.inferred)):
            yield from ((f"    {label}: {text}", 2) for text in told)
        yield from ((f"    note: {text}", 2) for text in one.notes)
        if one.doubled_dots:
            yield f"    {_count(one.doubled_dots, 'leading dot')} doubled (Q221384)", 2
    for action in recovery.actions:
        if action.undone:
            name = f" {action.spool_name}" if action.spool_name is not None else ""
            count = _count(action.recipients, "recipient")
            yield f"not rebuilt:{name} {action.source}, {count}: {action.reason}", 2
    listed = list(defects)
    if listed:
        yield "Could not be read as it should", 0
        yield from ((f"  {one.location}: {one.reason}", 2) for one in listed)
    yield _total(recovery), 0
    yield (
        (
            f"Files: {files.seen} seen, {files.read} read, {files.unreadable} unreadable, "
            f"{files.skipped} skipped."
        ),
        0,
    )
    if recovery.messages and not recovery.dry_run:
        yield f"Next: {_NEXT[recovery.form]} First make sure that no recipient has it already.", 2


def _total(recovery: Recovery) -> str:
    count = len(recovery.messages)
    if not count and not recovery.undone:
        return "Nothing to rebuild: no inbound message is known to be lost."
    done = "would be rebuilt" if recovery.dry_run else "rebuilt"
    where = f" into {recovery.folder}" if count else ""
    return (
        f"{_count(count, 'message')} {done}{where}, {recovery.damaged} of them damaged; "
        f"{recovery.undone} not rebuilt."
    )


def _message_line(folder: str, one: RecoveredMessage) -> str:
    time = one.started or one.ended
    moment = f"  {time:%Y-%m-%d %H:%M:%S}{'?' if one.assumed_zone else 'Z'}" if time else ""
    fate = f"  {one.fate}" if one.fate is not Fate.LOST else ""
    subject = f"  {one.subject}" if one.subject else ""
    return (
        f"{folder.rstrip('/')}/{one.file}{moment}{fate}  from <{one.originator or ''}> to "
        f"{_count(one.recipient_count, 'recipient')}, {one.text_size} bytes, "
        f"{one.location}{subject}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
