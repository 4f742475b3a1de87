"""The records of one kind in the order they were read: in memory while few, else in SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic

from imctool.database.connection import CaseConnection
from imctool.database.mail_rows import Row
from imctool.database.tables import Record, Table

_BUFFERED = 1000
_RECENT = 4096
"""So many records read from the database are kept at hand."""


class Series(Generic[Record]):
    """Records under numbers that rise in the order of reading.

    ``database`` gives the connection when it is first needed; with ``most`` 0 that is at once.
    """

    def __init__(
        self, database: Callable[[], CaseConnection], table: Table[Record], most: int
    ) -> None:
        self._database = database
        self._table = table
        self._most = most
        self._few: list[Record] | None = []
        self._rows: list[Row] = []
        self._next = 0
        self._count = 0
        self._recent: dict[int, Record] = {}
        self._older: dict[int, Record] = {}
        if most == 0:
            self._few = None
            query = f"SELECT count(*), coalesce(max(id) + 1, 0) FROM {table.name}"
            self._count, self._next = database().execute(query).fetchone()

    @property
    def in_memory(self) -> bool:
        """Whether the records lie in memory, so that holding one costs nothing more."""
        return self._few is not None

    def append(self, record: Record) -> int:
        """Add a record and return its number."""
        number = self._next
        self._next += 1
        self._count += 1
        if self._few is not None:
            self._few.append(record)
            if number >= self._most:
                self._store_all()
        else:
            self._write(number, record)
        return number

    def extend(self, records: Iterable[Record]) -> None:
        for record in records:
            self.append(record)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Record:
        """Return the record of that number. Raises CaseFileError where the database has none."""
        if self._few is not None:
            return self._few[number]
        found = self._recent.get(number) or self._older.get(number)
        if found is None:
            self._flush()
            table = self._table.name
            row = (
                self._database()
                .execute(
                    f"SELECT file.name, {table}.* FROM {table} JOIN file ON file.id = {table}.file"
                    f" WHERE {table}.id = ?",
                    (number,),
                )
                .fetchone()
            )
            if row is None:
                raise self._database().damaged(f"no {table} {number}")
            found = self._record(row)
            self._keep(number, found)
        return found

    def __iter__(self) -> Iterator[Record]:
        if self._few is not None:
            return iter(self._few)
        return (record for _, record in self.items())

    def items(self) -> Iterable[tuple[int, Record]]:
        """Return number and record of each, in order."""
        if self._few is not None:
            return enumerate(self._few)
        return self._stored_items()

    def _stored_items(self) -> Iterator[tuple[int, Record]]:
        self._flush()
        table = self._table.name
        query = (
            f"SELECT file.name, {table}.* FROM {table} JOIN file ON file.id = {table}.file"
            f" ORDER BY {table}.id"
        )
        for row in self._database().rows(query):
            yield row[1], self._record(row)

    def _record(self, row: Row) -> Record:
        """Return the record of a row: file name, number, file, and the columns of its table."""
        try:
            return self._table.of_row(row[0], row[3:])
        except (ValueError, TypeError, LookupError) as error:
            name = f"{self._table.name} {row[1]}"
            raise self._database().damaged(f"{name} cannot be read") from error

    def flush(self) -> None:
        """Write what is held back to the database, if it is in use."""
        if self._few is None:
            self._flush()

    def refresh(self) -> None:
        """Count again, after rows were removed."""
        self._flush()
        query = f"SELECT count(*), coalesce(max(id) + 1, 0) FROM {self._table.name}"
        self._count, last = self._database().execute(query).fetchone()
        self._next = max(self._next, last)
        self._recent, self._older = {}, {}

    def _keep(self, number: int, record: Record) -> None:
        if len(self._recent) >= _RECENT:
            self._older = self._recent
            self._recent = {}
        self._recent[number] = record

    def _store_all(self) -> None:
        few = self._few
        assert few is not None
        self._few = None
        few.reverse()
        for number in range(len(few)):
            self._write(number, few.pop())

    def _write(self, number: int, record: Record) -> None:
        file = self._database().file_id(self._table.path_of(record))
        self._rows.append((number, file, *self._table.to_row(record)))
        if len(self._rows) >= _BUFFERED:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._database().insert(self._table.name, self._rows)
            self._rows = []
