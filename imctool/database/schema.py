"""The tables of a case database. docs/case-database.md explains each column."""

from __future__ import annotations

APPLICATION_ID = 0x494D4354
"""``IMCT``: marks a SQLite file as one of this program's (PRAGMA application_id)."""

VERSION = 2
"""Rises with every change of the tables; a case of another version is read anew."""

_PLACE = "line INTEGER, record INTEGER, offset INTEGER"

_EVIDENCE = f"""
CREATE TABLE file (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, path TEXT NOT NULL DEFAULT '',
    kind TEXT, form TEXT, size INTEGER, modified_ns INTEGER, changed_ns INTEGER, inode INTEGER,
    date_order TEXT, outcome TEXT, records INTEGER, first TEXT, last TEXT
);
CREATE TABLE spool_file (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, kind TEXT NOT NULL, spool_name TEXT,
    size INTEGER NOT NULL, format TEXT NOT NULL, originator TEXT, recipients TEXT NOT NULL,
    recipient_count INTEGER NOT NULL, mts_id TEXT, filetime INTEGER, peer TEXT,
    raw_length INTEGER NOT NULL, message_id TEXT, subject TEXT, headers TEXT NOT NULL,
    parts TEXT NOT NULL, header_recipients INTEGER NOT NULL, mime INTEGER NOT NULL,
    skeleton_defects TEXT NOT NULL, defects TEXT NOT NULL, received TEXT, report TEXT
);
CREATE TABLE event (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, {_PLACE}, time TEXT, source TEXT NOT NULL,
    event_id INTEGER NOT NULL, log TEXT NOT NULL, record_number INTEGER, type TEXT NOT NULL,
    category TEXT NOT NULL, user TEXT NOT NULL, computer TEXT NOT NULL, message TEXT,
    strings TEXT NOT NULL, data BLOB NOT NULL, retrieval TEXT NOT NULL
);
CREATE TABLE tracking (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, {_PLACE}, message_id TEXT NOT NULL,
    event INTEGER NOT NULL, time TEXT NOT NULL, gateway TEXT NOT NULL, partner TEXT NOT NULL,
    remote_id TEXT NOT NULL, originator TEXT NOT NULL, priority TEXT NOT NULL, length INTEGER,
    seconds TEXT NOT NULL, cost TEXT NOT NULL, subject_id TEXT NOT NULL,
    recipient_count INTEGER NOT NULL, recipients TEXT NOT NULL
);
CREATE TABLE smtp_transaction (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, {_PLACE}, direction TEXT NOT NULL,
    outcome TEXT NOT NULL, started TEXT, ended TEXT, peer TEXT NOT NULL, originator TEXT,
    accepted TEXT NOT NULL, accepted_count INTEGER NOT NULL, refused TEXT NOT NULL,
    refused_count INTEGER NOT NULL, over_limit_count INTEGER NOT NULL, reply TEXT,
    message_id TEXT, headers TEXT, parts TEXT, header_recipients INTEGER, mime INTEGER,
    skeleton_defects TEXT, text_size INTEGER, truncated INTEGER NOT NULL, subject TEXT
);
CREATE TABLE banner (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, {_PLACE}, direction TEXT NOT NULL,
    version TEXT NOT NULL
);
CREATE TABLE registry_value (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, {_PLACE}, key TEXT NOT NULL,
    name TEXT NOT NULL, type TEXT NOT NULL, data BLOB
);
CREATE TABLE character_sets (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, {_PLACE}, domain TEXT NOT NULL,
    mime TEXT NOT NULL, non_mime TEXT NOT NULL, rest TEXT NOT NULL
);
CREATE TABLE queue_entry (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, {_PLACE}, spool_name TEXT NOT NULL
);
CREATE TABLE coverage (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, {_PLACE}, first TEXT, last TEXT,
    records INTEGER NOT NULL, detail TEXT NOT NULL, torn INTEGER NOT NULL
);
CREATE TABLE defect (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, {_PLACE}, reason TEXT NOT NULL
);
"""

_RESULTS = """
CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE message (
    id INTEGER PRIMARY KEY, direction TEXT NOT NULL, fate TEXT NOT NULL, spool_name TEXT,
    originator TEXT, recipient_count INTEGER NOT NULL, message_id TEXT, mts_id TEXT, first TEXT,
    last TEXT, assumed_zone INTEGER NOT NULL, bad_folder INTEGER NOT NULL, wanting TEXT NOT NULL,
    traits TEXT NOT NULL, original INTEGER
);
CREATE TABLE message_record (
    message INTEGER NOT NULL, series TEXT NOT NULL, record INTEGER NOT NULL,
    report INTEGER NOT NULL, PRIMARY KEY (message, report, series, record)
) WITHOUT ROWID;
CREATE TABLE finding (
    id INTEGER PRIMARY KEY, article TEXT, title TEXT NOT NULL, severity TEXT NOT NULL,
    confidence TEXT NOT NULL, fate TEXT NOT NULL, cause TEXT NOT NULL, fixed_in TEXT
);
CREATE TABLE finding_message (
    finding INTEGER NOT NULL, message INTEGER NOT NULL, PRIMARY KEY (finding, message)
) WITHOUT ROWID;
"""

TABLES = _EVIDENCE + _RESULTS

RESULT_TABLES = ("message", "message_record", "finding", "finding_message")
"""The tables of what follows from the evidence; made anew whenever that has changed."""

INDEXES = """
CREATE INDEX IF NOT EXISTS spool_file_by_file ON spool_file (file);
CREATE INDEX IF NOT EXISTS event_by_file ON event (file);
CREATE INDEX IF NOT EXISTS tracking_by_file ON tracking (file);
CREATE INDEX IF NOT EXISTS smtp_transaction_by_file ON smtp_transaction (file);
CREATE INDEX IF NOT EXISTS banner_by_file ON banner (file);
CREATE INDEX IF NOT EXISTS registry_value_by_file ON registry_value (file);
CREATE INDEX IF NOT EXISTS character_sets_by_file ON character_sets (file);
CREATE INDEX IF NOT EXISTS queue_entry_by_file ON queue_entry (file);
CREATE INDEX IF NOT EXISTS coverage_by_file ON coverage (file);
CREATE INDEX IF NOT EXISTS defect_by_file ON defect (file);
"""
"""By these the rows of a file that changed are found; temporary storage has none."""

RECORD_TABLES = (
    "spool_file", "event", "tracking", "smtp_transaction", "banner", "registry_value",
    "character_sets", "queue_entry", "coverage", "defect",
)  # fmt: skip
"""The tables whose rows come from one file of the evidence each (column ``file``)."""
