"""The SMTP protocol log of the Internet Mail Service, L0000000.LOG and on, as transactions.

A message line may itself look like an entry. Among the packets of a text a line counts as an entry
only if its timestamp has the log's form, does not run backwards, lies at most an hour on (a new
connection: any time later), and fits the dialogue: a reply after the final dot, a parsed line
equal to the line of the packet that it repeats. A quotation that keeps all of these rules cannot
be told from the log.

A log with bare LF line ends was converted; its texts are rebuilt with CRLF (inferred). What a
Medium-level log leaves out is not assumed: nothing is accepted without a 2xx after the 354.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from imctool.model.evidence import Defect, EvidenceFile
from imctool.model.smtp import Transaction
from imctool.readers.file_buffer import open_binary
from imctool.readers.local_time import DATE, TIME, DateOrder
from imctool.readers.log_bytes import byte_lines, byte_windows
from imctool.readers.network_monitor import parse_network_monitor, sniff_network_monitor
from imctool.readers.protocol_log_lines import log_date_order
from imctool.readers.protocol_log_reader import LogReader
from imctool.readers.protocol_sessions import LogRecord
from imctool.readers.smtp_transaction import KEPT_ADDRESSES
from imctool.readers.text_file import decode_text

__all__ = [
    "iterate_transactions",
    "other_service",
    "parse_protocol_log",
    "read_protocol_log",
    "sniff_network_monitor",
    "sniff_protocol_log",
]

KEPT_TEXT = 64 << 20
"""So many bytes of a message text are kept in memory; the rest is counted."""

SNIFFED = 16_384

_STAMPED_ENTRY = re.compile(
    rf"^[ \t]{{0,16}}{DATE}[ \t]+{TIME}[ \t]?:[ \t]?(?:<<<|>>>|IO: \||A connection (?:was accepted"
    r" from |to \S+ was established)|\d{3}[ -][^\n]*Rescheduling delivery for later)",
    re.MULTILINE,
)
_UNSTAMPED_ENTRY = re.compile(
    r"^[ \t]{0,16}(?:(?:<<< )?IO: \||A connection (?:was accepted from \S|to \S+ was established))",
    re.MULTILINE,
)
_OTHER_SERVICE = re.compile(r"(?<![\w.@-])(POP3|IMAP4|IMAP|NNTP)(?![\w@-])(?!\.\w)", re.IGNORECASE)
_ANY_STAMP = re.compile(rf"(?<!\d){DATE}[ \t]+{TIME}")


def sniff_protocol_log(head: str) -> bool:
    """Return whether the head of a file holds an entry of an SMTP protocol log."""
    return bool(_STAMPED_ENTRY.search(head) or _UNSTAMPED_ENTRY.search(head))


def other_service(head: str) -> str | None:
    """Return POP3, IMAP4 or NNTP where the first line declares that service's log, or None.

    The store's logs have the same file names (Q182504, Q164126). How that line reads is not
    documented: it is taken to name the service as a word, with timestamps in what follows.
    """
    first = head.lstrip("\ufeff\r\n\t ").split("\n", 1)[0][:200]
    if _STAMPED_ENTRY.match(first) or _UNSTAMPED_ENTRY.match(first):
        return None
    found = _OTHER_SERVICE.search(first)
    if found is None or _ANY_STAMP.search(head) is None:
        return None
    service = found[1].upper()
    return "IMAP4" if service == "IMAP" else service


def read_protocol_log(
    file: EvidenceFile, *, date_order: DateOrder | None = None
) -> Iterator[LogRecord]:
    """Yield what a protocol log or a Network Monitor text holds, the LogSpan last.

    A file that cannot be read is a Defect with the system's reason.
    """
    try:
        with open_binary(file.path) as stream:
            head = decode_text(stream.read(SNIFFED))
            if sniff_network_monitor(head) and not sniff_protocol_log(head):
                yield from parse_network_monitor(byte_lines(stream), file.name)
            else:
                yield from parse_protocol_log(stream, file.name, date_order=date_order)
    except OSError as error:
        yield Defect(file.location(), error.strerror or "cannot be read")


def parse_protocol_log(
    stream: BinaryIO, name: str, *, date_order: DateOrder | None = None
) -> Iterator[LogRecord]:
    """Yield Transactions and Defects in file order, a Banner where the build changes, a LogSpan.

    ``stream`` is a seekable binary stream; ``name`` is the path that locations carry. Without
    ``date_order`` the order is found over the whole log first. Never raises on any bytes; an
    OSError of the stream is the caller's.
    """
    for record, _ in _records(stream, name, date_order, KEPT_TEXT, KEPT_ADDRESSES):
        yield record


def iterate_transactions(
    stream: BinaryIO,
    name: str,
    *,
    date_order: DateOrder | None = None,
    keep: int = KEPT_TEXT,
    most_addresses: int | None = KEPT_ADDRESSES,
) -> Iterator[tuple[Transaction, bytes | None]]:
    """Yield each transaction with its message text as it was transmitted, None without text.

    ``keep`` is how many bytes of a text are kept, ``most_addresses`` how many recipients are kept
    by name, None for all. Dot-stuffing is undone and the final dot left off. The text is whole
    where it is as long as ``text_size`` and the transaction is neither ``truncated`` nor
    incomplete.
    """
    for record, text in _records(stream, name, date_order, keep, most_addresses):
        if isinstance(record, Transaction):
            yield record, text


def _records(
    stream: BinaryIO, name: str, order: DateOrder | None, keep: int, most_addresses: int | None
) -> Iterator[tuple[LogRecord, bytes | None]]:
    if order is None:
        order = log_date_order(byte_windows(stream))
    log = LogReader(name, order, keep, most_addresses)
    rest = b""
    for content in byte_windows(stream):
        window = rest + log.begin_window(content)
        position = before = 0
        while position < len(window):
            position = log.read(window, before, more=True)
            if position == before and not log.found:
                break
            yield from log.found
            log.found.clear()
            before = position
        rest = window[position:]
    position = 0
    while position < len(rest):
        position = log.read(rest, position)
        yield from log.found
        log.found.clear()
    log.finish()
    yield from log.found
