"""The SQLite file behind a run: a case the user keeps, or a temporary one made when needed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from imctool.database.mail_rows import Row
from imctool.database.schema import APPLICATION_ID, RECORD_TABLES, TABLES, VERSION

_FETCHED = 500


class NoCaseError(Exception):
    """The file is there and is no case database of this program."""


class CaseInUseError(Exception):
    """Another process has the case database open."""


class CaseConnection:
    """One open database. Rows are committed when ``commit`` is called, or not at all."""

    def __init__(self, path: Path | None = None) -> None:
        """Open ``path``, made if missing; without one, a file that is gone when closed.

        Raises NoCaseError, CaseInUseError, or OSError where the file cannot be made.
        """
        self.path = path
        self._known: tuple[str, int] = ("", 0)
        if path is None:
            self._sqlite = sqlite3.connect("", isolation_level=None)  # SQLite's own temporary file
            self._sqlite.executescript("PRAGMA journal_mode=OFF; PRAGMA temp_store=FILE;")
            self._sqlite.executescript(TABLES)
        else:
            self._sqlite = _open(path)
        self._sqlite.execute("PRAGMA cache_size=-65536")
        self._sqlite.execute("BEGIN IMMEDIATE")

    def execute(self, statement: str, values: Row = ()) -> sqlite3.Cursor:
        return self._sqlite.execute(statement, values)

    def insert(self, table: str, rows: Iterable[Row], width: int) -> None:
        """Insert rows of ``width`` columns, ``id`` and ``file`` among them."""
        marks = ",".join("?" * width)
        statement = f"INSERT INTO {table} VALUES ({marks})"
        for row in rows:
            try:
                self._sqlite.execute(statement, row)
            except UnicodeEncodeError:
                self._sqlite.execute(statement, tuple(map(_storable, row)))

    def rows(self, statement: str, values: Row = ()) -> Iterator[Row]:
        """Yield the rows of a query, a few hundred at a time."""
        cursor = self._sqlite.execute(statement, values)
        while batch := cursor.fetchmany(_FETCHED):
            yield from batch

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

    def note(self, key: str) -> str | None:
        """Return what was noted under ``key``, None if nothing was."""
        found = self.execute("SELECT value FROM note WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def set_note(self, key: str, value: str) -> None:
        self.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (key, value))

    def commit(self) -> None:
        """Make what was written last, and begin anew."""
        self._sqlite.execute("COMMIT")
        self._sqlite.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        """Close the database; what was not committed is gone."""
        self._sqlite.close()


def _storable(value: Any) -> Any:
    """Return a text without what no encoding can write (halves of UTF-16 pairs): each a ``?``."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value


def _open(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=1.0)
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
