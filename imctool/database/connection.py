"""The SQLite file behind a run: a case the user keeps, or a temporary one made when needed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from imctool.database.mail_rows import Row
from imctool.database.schema import (
    APPLICATION_ID,
    RECORD_TABLES,
    RESULT_TABLES,
    TABLES,
    VERSION,
)

_FETCHED = 500


class NoCaseError(Exception):
    """The file is there and is no case database of this program."""


class CaseInUseError(Exception):
    """Another process has the case database open."""


class CaseFileError(OSError):
    """The database failed while it was in use: a full disk, a damaged file, no permission."""

    def __init__(self, path: Path | None, what: str, *, damaged: bool) -> None:
        where = "temporary storage" if path is None else str(path)
        told = "is damaged; remove it, and it is made again" if damaged else "the database failed"
        super().__init__(0, f"{told} ({what})", where)
        self.damaged = damaged


class CaseConnection:
    """One open database. Rows are committed when ``commit`` is called, or not at all."""

    def __init__(self, path: Path | None = None) -> None:
        """Open ``path``, made if missing; without one, a file that is gone when closed.

        Raises NoCaseError, CaseInUseError, or OSError where the file cannot be made.
        """
        self.path = path
        self._known: tuple[str, int] = ("", 0)
        self._sqlite = _temporary() if path is None else _open(path)

    def execute(self, statement: str, values: Row = ()) -> sqlite3.Cursor:
        """Run one statement. Raises CaseFileError where the database fails."""
        try:
            try:
                return self._sqlite.execute(statement, values)
            except (UnicodeEncodeError, OverflowError):
                return self._sqlite.execute(statement, tuple(map(_storable, values)))
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def insert(self, table: str, rows: Iterable[Row]) -> None:
        """Insert rows of all the columns of the table."""
        statement = ""
        for row in rows:
            statement = statement or f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})"
            self.execute(statement, row)

    def rows(self, statement: str, values: Row = ()) -> Iterator[Row]:
        """Yield the rows of a query, a few hundred at a time."""
        cursor = self.execute(statement, values)
        while batch := self._fetched(cursor):
            yield from batch

    def _fetched(self, cursor: sqlite3.Cursor) -> list[Row]:
        try:
            return cursor.fetchmany(_FETCHED)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def holding(self, name: str, test: Callable[[object], bool]) -> None:
        """Let statements call ``test`` of one value by that name."""
        self._sqlite.create_function(name, 1, test, deterministic=True)

    def _failed(self, error: sqlite3.Error) -> CaseFileError:
        name = getattr(error, "sqlite_errorname", "")
        damaged = name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
        return CaseFileError(self.path, str(error), damaged=damaged)

    def damaged(self, what: str) -> CaseFileError:
        """Return the error that says what cannot be found or read in the database."""
        return CaseFileError(self.path, what, damaged=True)

    def file_id(self, name: str) -> int:
        """Return the number of the file of that name, which gets one if it has none."""
        if self._known[0] != name:
            found = self.execute("SELECT id FROM file WHERE name = ?", (name,)).fetchone()
            if found is None:
                number = self.execute("INSERT INTO file (name) VALUES (?)", (name,)).lastrowid
                assert number is not None
            else:
                (number,) = found
            self._known = name, number
        return self._known[1]

    def forget_file(self, name: str) -> None:
        """Remove a file and every row that came from it."""
        self._known = "", 0
        for (number,) in self.execute("SELECT id FROM file WHERE name = ?", (name,)).fetchall():
            for table in RECORD_TABLES:
                self.execute(f"DELETE FROM {table} WHERE file = ?", (number,))
            self.execute("DELETE FROM file WHERE id = ?", (number,))

    def clear_results(self) -> None:
        """Remove what followed from evidence that is about to change, in the same transaction.

        A run that is cut short then leaves a case without a ledger, never with an old one.
        """
        for table in RESULT_TABLES:
            self.execute(f"DELETE FROM {table}")
        self.execute("DELETE FROM note WHERE key LIKE 'ledger%'")

    def note(self, key: str) -> str | None:
        """Return what was noted under ``key``, None if nothing was."""
        found = self.execute("SELECT value FROM note WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def set_note(self, key: str, value: str) -> None:
        self.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (key, value))

    def commit(self) -> None:
        """Make what was written last, and begin anew."""
        self.execute("COMMIT")
        self.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        """Close the database; what was not committed is gone."""
        self._sqlite.close()

    def __del__(self) -> None:
        # Temporary storage lives as long as the collection that it is part of.
        if hasattr(self, "_sqlite"):
            self._sqlite.close()


_LARGEST = (1 << 63) - 1


def _storable(value: Any) -> Any:
    """Return what SQLite can hold of a value.

    A text loses what no encoding can write (halves of UTF-16 pairs), each for a ``?``; a number
    past 63 bits, which is none of these servers', becomes the largest there is.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, int):
        return max(-_LARGEST, min(value, _LARGEST))
    return value


def _temporary() -> sqlite3.Connection:
    connection = sqlite3.connect("", isolation_level=None)  # SQLite's own temporary file
    connection.executescript("PRAGMA journal_mode=OFF; PRAGMA temp_store=FILE;")
    connection.executescript(TABLES)
    connection.execute("PRAGMA cache_size=-65536")
    connection.execute("BEGIN IMMEDIATE")
    return connection


def _open(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=0.2)
    except sqlite3.DatabaseError as error:
        raise _told(path, error) from error
    try:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and application != APPLICATION_ID:
            raise NoCaseError(f"{path} is an SQLite database of something else")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        if not tables or version != VERSION:
            _make(connection)
        connection.execute("PRAGMA cache_size=-65536")
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _told(path, error) from error
    except NoCaseError:
        connection.close()
        raise
    return connection


def _told(path: Path, error: sqlite3.DatabaseError) -> Exception:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return CaseInUseError(f"{path} is in use by another run")
    if name.startswith("SQLITE_NOTADB"):
        return NoCaseError(f"{path} is no case database")
    if name.startswith("SQLITE_CORRUPT"):
        return NoCaseError(f"{path} is damaged: remove it, and it is made again")
    return OSError(0, f"cannot be opened as a case database: {error}", str(path))


def _make(connection: sqlite3.Connection) -> None:
    """Make the tables anew; those of another version are dropped, for all can be read again."""
    connection.execute("BEGIN EXCLUSIVE")
    listed = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    for (name,) in listed:
        quoted = name.replace('"', '""')
        connection.execute(f'DROP TABLE "{quoted}"')
    for statement in TABLES.split(";"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("COMMIT")
