"""What every run that changes a spool goes through before it does: guards, lock, older runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from imctool.model.journal import Outcome
from imctool.repair.folder import Folder, open_folder
from imctool.repair.journal_lines import JournalError
from imctool.repair.known_journals import (
    KnownJournal,
    MissingJournalError,
    finish_runs,
    known_journals,
)
from imctool.repair.service_signs import SpoolWatch, stop_hint
from imctool.repair.settling import Settled, clear_staging
from imctool.repair.spool_lock import LockHeldError, spool_locked

_MOST_TOLD = 5


class GuardError(Exception):
    """A safety guard refuses the run; nothing was done. The text says what to do."""


class IntegrityError(Exception):
    """A journal or a plan does not match what is there; the text says in what."""


class LockError(OSError):
    """The spool cannot be locked, as nothing can be written there."""


@dataclass(slots=True)
class OpenSpool:
    """A spool that is open for a run, its older runs settled.

    ``going_on`` is the journal of a run that was cut off and is continued; ``notes`` say what
    was settled.
    """

    imcdata: Folder
    journals: Sequence[KnownJournal]
    going_on: KnownJournal | None
    notes: list[str]
    watch: SpoolWatch | None

    def check_service(self) -> None:
        """Raise GuardError where there are signs that the service runs."""
        if self.watch is not None and (signs := self.watch.signs()):
            raise GuardError(stop_hint(signs))


@contextmanager
def spool_to_look_at(imcdata: Path, journal: Path | None) -> Iterator[OpenSpool]:
    """Open a spool without changing it. Raises IntegrityError, OSError."""
    with ExitStack() as stack:
        folder = open_folder(imcdata)
        stack.callback(folder.close)
        journals = _journals(folder, journal, stack)
        unfinished = [one for one in journals if one.is_unfinished]
        notes = []
        if unfinished:
            count = sum(len(one.content.open_operations) for one in unfinished)
            left = f"; the next one settles the {count} steps it left open" if count else ""
            notes.append(f"a run goes on now, or was cut off{left}")
        yield OpenSpool(folder, journals, None, notes, None)


@contextmanager
def spool_to_change(
    imcdata: Path,
    journal: Path | None,
    command: str,
    via: str,
    *,
    look_for_service: bool,
    changes_spool: bool,
    trusted: bool = False,
    number: tuple[int, int] | None = None,
) -> Iterator[OpenSpool]:
    """Open a spool for a run: lock it, and settle what runs that were cut off left open.

    ``trusted`` takes the journal that is named for this spool's, wherever it says it was;
    ``number`` is device and inode of the folder that is meant.

    Raises GuardError, IntegrityError, LockError, and OSError where a journal cannot be written.
    """
    with ExitStack() as stack:
        folder = open_folder(imcdata)
        stack.callback(folder.close)
        status = folder.own_status()
        if number is not None and number != (status.device, status.inode):
            raise GuardError(f"{imcdata} is another folder than it was a moment ago: nothing done")
        try:
            before = stack.enter_context(spool_locked(folder, journal, changes_spool=changes_spool))
        except LockHeldError as error:
            raise GuardError(str(error)) from error
        except OSError as error:
            raise LockError(error.errno, error.strerror or str(error), str(imcdata)) from error
        # Not before: another run's moves would look like the service.
        watch = SpoolWatch(imcdata) if look_for_service else None
        journals = _journals(folder, journal, stack, trusted=trusted)
        opened = OpenSpool(folder, journals, None, [], watch)
        if before is not None:
            opened.notes.append(before)
        if any(one.is_unfinished for one in opened.journals):
            opened.check_service()
            settled, opened.going_on = finish_runs(opened.journals, folder, command, via)
            opened.notes += [f"{one.operation.source}: {one.reason}" for one in settled]
            _stop_if_gone(settled)
            opened.journals = _journals(folder, journal, stack, trusted=trusted)
            if look_for_service:  # what was settled changed the spool under the first look
                opened.watch = SpoolWatch(imcdata)
        elif changes_spool:
            clear_staging(folder, ())
        yield opened


def _journals(
    folder: Folder, journal: Path | None, stack: ExitStack, *, trusted: bool = False
) -> list[KnownJournal]:
    try:
        return known_journals(folder, journal, stack, trusted=trusted)
    except MissingJournalError as error:
        raise GuardError(f"{error}. Nothing was done") from error
    except JournalError as error:
        raise IntegrityError(
            f"{error}; nothing was done. imctool verify tells more; keep the journal, and move it "
            "elsewhere to go on without it"
        ) from error


def _stop_if_gone(settled: Sequence[Settled]) -> None:
    """Raise IntegrityError where a message is under neither of its names: it may be lost."""
    gone = [one for one in settled if one.outcome is Outcome.GONE]
    if gone:
        listed = "; ".join(f"{one.operation.source}: {one.reason}" for one in gone[:_MOST_TOLD])
        more = f" and {len(gone) - _MOST_TOLD} more" if len(gone) > _MOST_TOLD else ""
        raise IntegrityError(
            f"a run was cut off, and nothing tells where {len(gone)} of its messages are: "
            f"{listed}{more}. Look whether they were delivered (imctool trace); the journal has "
            "their hashes. Give the same command again to go on without them"
        )
