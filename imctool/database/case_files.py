"""Which files a case database holds the records of, and whether they are still the same."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from imctool.database.connection import CaseConnection
from imctool.database.mail_rows import Row, time_of, time_text
from imctool.database.schema import INDEXES
from imctool.database.tables import DEFECTS, SPANS, Record, Table
from imctool.model.coverage import Coverage
from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind

Stamp = tuple[int, int, int, int]
"""Size, time of modification and of change in nanoseconds, inode."""

_COLUMNS = (
    "name, path, kind, form, size, modified_ns, changed_ns, inode, date_order, outcome, records,"
    " first, last"
)


class KnownFile(NamedTuple):
    """A file whose records the case holds.

    ``outcome`` is ``read``, ``skipped`` or ``unreadable``; ``date_order`` what its local dates
    were read with, "" where that was left to the reader.
    """

    name: str
    path: str
    kind: InputKind
    form: Form | None
    stamp: Stamp
    date_order: str = ""
    outcome: str = "read"
    records: int = 0
    first: datetime | None = None
    last: datetime | None = None

    @property
    def file(self) -> EvidenceFile:
        """The file as the readers take it."""
        form = self.form or Form.UNKNOWN
        return EvidenceFile(Path(self.path), self.name, self.stamp[0], self.kind, form)


class CaseFiles:
    """The table ``file`` of a case: what is known of each file, and which were met in this run."""

    def __init__(self, case: CaseConnection) -> None:
        self._case = case
        self._met: set[str] = set()
        for statement in INDEXES.split(";"):
            if statement.strip():
                case.execute(statement)

    def recall(self, name: str, path: str, stamp: Stamp) -> KnownFile | None:
        """Return what is known of the file if it is the one that was read, else forget it."""
        self._met.add(name)
        row = self._case.execute(f"SELECT {_COLUMNS} FROM file WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        if row[9] in {"read", "skipped"}:
            known = _known(row)
            if known.path == path and known.stamp == stamp:
                return known
        self._case.forget_file(name)
        return None

    def forget(self, name: str) -> None:
        """Forget a file that is to be read anew."""
        self._case.forget_file(name)

    def forget_missing(self) -> int:
        """Forget the files that were not met in this run; return how many."""
        listed = [name for (name,) in self._case.rows("SELECT name FROM file")]
        gone = [name for name in listed if name not in self._met]
        for name in gone:
            self._case.forget_file(name)
        return len(gone)

    def add(self, table: Table[Record], records: Iterable[Record]) -> None:
        """Write records of a small table."""
        for record in records:
            row = (None, self._case.file_id(table.path_of(record)), *table.to_row(record))
            self._case.insert(table.name, [row])

    def store(self, one: KnownFile) -> None:
        """Note that the file is read, and all its records written."""
        number = self._case.file_id(one.name)
        form = None if one.form is None else str(one.form)
        self._case.execute(
            "UPDATE file SET path=?, kind=?, form=?, size=?, modified_ns=?, changed_ns=?,"
            " inode=?, date_order=?, outcome=?, records=?, first=?, last=? WHERE id=?",
            (
                _path_value(one.path), str(one.kind), form, *one.stamp, one.date_order, one.outcome,
                one.records, time_text(one.first), time_text(one.last), number,
            ),
        )  # fmt: skip

    def files(self) -> Iterator[KnownFile]:
        """Yield every file that is no mail, by name."""
        query = f"SELECT {_COLUMNS} FROM file WHERE form IS NOT 'spool-file' ORDER BY name"
        yield from map(_known, self._case.rows(query))

    def load(self, table: Table[Record]) -> Iterator[Record]:
        """Yield every record of a small table, by file and in the order of reading."""
        query = (
            f"SELECT file.name, {table.name}.* FROM {table.name}"
            f" JOIN file ON file.id = {table.name}.file ORDER BY file.name, {table.name}.id"
        )
        for row in self._case.rows(query):
            yield table.of_row(row[0], row[3:])

    def spool_folders(self) -> Iterator[tuple[str, InputKind, int | None]]:
        """Yield path, kind and envelope FILETIME of every mail."""
        query = (
            "SELECT file.name, spool_file.kind, spool_file.filetime FROM spool_file"
            " JOIN file ON file.id = spool_file.file"
        )
        for name, kind, filetime in self._case.rows(query):
            yield name, InputKind(kind), filetime

    def coverage(self) -> Iterator[Coverage]:
        """Yield what each log covers."""
        known = {one.name: one for one in self.files()}
        for span in self.load(SPANS):
            yield Coverage(known[span.location.path].file, span)

    def defects(self) -> Iterator[Defect]:
        return self.load(DEFECTS)


def _path_value(path: str) -> str | bytes:
    """Return a path as text; as the bytes it has here where these are no text."""
    return path if path.isprintable() else os.fsencode(path)


def _known(row: Row) -> KnownFile:
    name, path, kind, form, size, modified, changed, inode, order, outcome, records, *span = row
    return KnownFile(
        name, os.fsdecode(path), InputKind(kind), None if form is None else Form(form),
        (size, modified, changed, inode), order, outcome, records, *map(time_of, span),
    )  # fmt: skip
