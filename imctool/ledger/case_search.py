"""Which messages of a case may be the ones asked for: found by SQL, to be looked at closely."""

from __future__ import annotations

import json

from imctool.database.connection import CaseConnection
from imctool.readers.spool_file import KEPT_RECIPIENTS

_COLUMNS = {
    "tracking": ("message_id", "remote_id", "originator", "recipients", "subject_id"),
    "smtp_transaction": ("originator", "accepted", "refused", "message_id"),
    "spool_file": ("originator", "recipients", "message_id", "mts_id", "spool_name", "report"),
    "event": ("message", "strings"),
}
"""Where the text of a key may stand in the records of a message."""

_OWN = ("spool_name", "originator", "message_id", "mts_id")


def places_holding(case: CaseConnection, text: str) -> list[int]:
    """Return the places, in the saved ledger, of the messages that hold ``text`` somewhere.

    In any letter case; and of those with more recipients than the case holds by name.
    """
    word = text.casefold()
    case.holding("holds", lambda value: isinstance(value, str) and word in _plain(value))
    found = {place for (place,) in case.rows(f"SELECT id FROM message WHERE {_any(_OWN)}")}
    for table, columns in _COLUMNS.items():
        query = (
            f"SELECT message_record.message FROM message_record"
            f" JOIN {table} ON {table}.id = message_record.record"
            f" WHERE series = ? AND ({_any(columns, table)})"
        )
        found.update(place for (place,) in case.rows(query, (table,)))
    long_lists = "SELECT id FROM message WHERE recipient_count > ?"
    found.update(place for (place,) in case.rows(long_lists, (KEPT_RECIPIENTS,)))
    return sorted(found)


def _any(columns: tuple[str, ...], table: str = "message") -> str:
    return " OR ".join(f"holds({table}.{column})" for column in columns)


def _plain(value: str) -> str:
    """Return a value in the one form that compares: JSON's escapes undone, letter case folded."""
    if value[:1] in {"[", "{"} and "\\" in value:
        try:
            value = json.dumps(json.loads(value), ensure_ascii=False).replace('\\"', '"')
        except ValueError:
            return value.casefold()
    return value.casefold()
