"""Checks that what a journal tells of is still so: its own lines, and each file it speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from imctool.model.action import ActionKind
from imctool.model.export import Difference, DifferenceKind, ManifestCheck
from imctool.model.journal import FileIdentity, Outcome, Recorded
from imctool.repair.copying import digest_of
from imctool.repair.folder import Folder, open_folder, reason_of
from imctool.repair.journal import load_journal
from imctool.repair.journal_lines import JournalContent
from imctool.repair.known_journals import spool_of
from imctool.repair.settling import open_below, status_of
from imctool.repair.undo import NOT_THERE


def check_journal(journal: Path, imcdata: Path | None = None) -> ManifestCheck:
    """Compare a journal's lines with their checks, and the files with what it says of them.

    ``imcdata`` is where the spool lies now; else beside the journal, or where the journal says.
    Raises OSError where the journal or the spool cannot be read, JournalError where it is none.
    """
    with ExitStack() as stack:
        folder = open_folder(journal.parent)
        stack.callback(folder.close)
        content = load_journal(folder, journal.name)
        differences = [
            Difference(
                f"{journal} line {one.line}", DifferenceKind.BYTES,
                f"{one.reason} (offset {one.offset})",
            )
            for one in content.defects
        ]  # fmt: skip
        if content.torn:
            differences.append(
                Difference(
                    f"{journal} offset {content.length}", DifferenceKind.BYTES,
                    f"the last {content.torn} bytes are no whole line: the run was cut off there",
                )
            )  # fmt: skip
        expected = _expected(content)
        if not content.runs and not expected:
            return ManifestCheck(1, tuple(differences), ("no run stands in it",))
        root = open_folder(spool_of(journal, content, imcdata))
        stack.callback(root.close)
        for path, file in sorted(expected.items()):
            difference = _difference(root, path, file)
            if difference is not None:
                differences.append(difference)
        differences += _doubled(content, expected, root)
        differences += _lost_sight_of(content)
        checked = 1 + len(expected.keys() | {one.path for one in differences})
    return ManifestCheck(checked, tuple(differences), tuple(_notes(content)))


def _expected(content: JournalContent) -> dict[str, FileIdentity]:
    """Return which file should lie at each path, by what the journal has as done.

    What was not done another run may have done since.
    """
    expected: dict[str, FileIdentity] = {}
    for one in content.operations.values():
        operation = one.operation
        if operation.kind is ActionKind.MOVE:
            if one.outcome is Outcome.DONE and operation.target is not None:
                expected.pop(operation.source, None)
                expected[operation.target] = operation.file
        elif operation.undoes is None and one.outcome is Outcome.DONE:
            expected[operation.source] = operation.file
            if one.staged is not None and operation.target:
                expected[operation.target] = FileIdentity(
                    one.staged.sha256, one.staged.size, 0, 0, 0
                )
        elif one.outcome is Outcome.DONE:
            expected.pop(operation.source, None)
    return expected


def _difference(root: Folder, path: str, file: FileIdentity) -> Difference | None:
    folder, _, name = path.rpartition("/")
    with ExitStack() as stack:
        try:
            opened = open_below(root, folder, stack)
            found = status_of(opened, name)
            if found is None:
                return Difference(
                    path, DifferenceKind.MISSING,
                    NOT_THERE,
                )  # fmt: skip
            if not found.is_regular:
                return Difference(path, DifferenceKind.OUTSIDE, "it is no regular file")
            if found.size != file.size:
                reason = f"it has {found.size} bytes, not {file.size}"
                return Difference(path, DifferenceKind.SIZE, reason)
            if digest_of(opened, name) != file.sha256:
                return Difference(path, DifferenceKind.BYTES, "its bytes are not those recorded")
        except OSError as error:
            return Difference(path, DifferenceKind.UNREADABLE, reason_of(error))
    return None


def _doubled(
    content: JournalContent, expected: dict[str, FileIdentity], root: Folder
) -> Iterator[Difference]:
    """Yield the messages that lie under the name they were moved from as well."""
    for one in content.operations.values():
        operation = one.operation
        if (
            operation.kind is not ActionKind.MOVE
            or one.outcome is not Outcome.DONE
            or operation.source in expected
        ):
            continue
        if _difference(root, operation.source, operation.file) is None:
            yield Difference(
                operation.source, DifferenceKind.BYTES,
                f"it lies here and was moved to {operation.target}: it came back, or is there "
                "twice",
            )  # fmt: skip


def _lost_sight_of(content: JournalContent) -> Iterator[Difference]:
    """Yield the messages of which a run could not tell where they were."""
    for one in content.operations.values():
        if one.outcome in {Outcome.GONE, Outcome.UNSURE}:
            reason = one.reason or "nothing tells where it is"
            yield Difference(one.operation.source, DifferenceKind.MISSING, reason)


def _notes(content: JournalContent) -> Iterator[str]:
    left: list[Recorded] = content.open_operations
    if left:
        yield (
            f"a run was cut off with {len(left)} steps open: give the same requeue or undo again "
            "to settle them"
        )
    elif not content.ended:
        yield "a run was cut off between two steps: nothing is open"
    sent = sum(one.operation.kind is ActionKind.SUBMIT for one in content.operations.values())
    if sent:
        yield f"{sent} messages went to a mail server: of these only the archived file is checked"
