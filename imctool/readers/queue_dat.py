"""Queue.dat, the state of the connector's queues: the spool names that stand in it.

It holds an inbound and an outbound queue, one for each destination and a list of free places
(documented, Q302863), and no message (Q148727). Its layout is not public, so nothing is read but
what looks like a spool name, wherever it stands: a place in use or one given up long ago. Which
queue a name is in, for which host, and whether it still is, is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from imctool.model.evidence import Defect, EvidenceFile
from imctool.model.queue_entry import QueueEntry
from imctool.model.spool_name import ALPHABET, LENGTH, SpoolName
from imctool.readers.file_buffer import open_binary

MOST_ENTRIES = 100_000
"""So many names are given; a queue of more is told by a Defect."""

BLOCK = 1 << 20

_FIRST = ALPHABET[2:26]
"""The first symbols that real names have (sampled: 24 of the 32, those of index 2 to 25)."""


def _rest_of_name(zero: bytes) -> bytes:
    """Return the pattern of what follows a first symbol, with ``zero`` after each character.

    A letter or digit beside the name belongs to a longer word. So does a dot, a hyphen, an
    underscore or an at sign beyond which the word goes on: that is a host name or an address.
    """
    word, link = b"[0-9A-Za-z]" + zero, b"[-._@]" + zero
    others = b"%b(?:[%b]%b){%d}" % (zero, ALPHABET.encode(), zero, LENGTH - 1)
    name = b"(?:.%b){%d}" % (zero, LENGTH)
    nothing_after = b"(?!%b|%b%b)" % (word, link, word)
    # Looked at last, since a pattern that begins with a set of bytes is found much faster.
    nothing_before = b"(?<!%b%b)(?<!%b%b%b)" % (word, name, word, link, name)
    return others + nothing_after + nothing_before


_NAME = re.compile(
    b"[%b](?:%b|%b)" % (_FIRST.encode(), _rest_of_name(b""), _rest_of_name(rb"\0")), re.DOTALL
)
"""A name in ANSI or in UTF-16LE."""

_CONTEXT = 4
"""Bytes before and after a name that the pattern looks at."""

_REACH = 2 * LENGTH + _CONTEXT
"""A name that begins this far before the end of what was read is seen with all that follows."""


def read_queue_dat(file: EvidenceFile) -> Iterator[QueueEntry | Defect]:
    """Yield each spool name in Queue.dat by its offset, in ANSI and in UTF-16LE, upper case only.

    A name that stands several times is given each time. A chance hit is possible: one word in
    capitals of eight letters without E, I, O and U reads like a name, and about one in twenty
    real names has no digit either, so words are not left out. A Defect stands for what cannot be
    opened or read on, and for the names past MOST_ENTRIES. Memory is constant.
    """
    try:
        with open_binary(file.path) as stream:
            for count, (position, name) in enumerate(_names(stream)):
                if count == MOST_ENTRIES:
                    reason = f"more than {MOST_ENTRIES} spool names: the rest is not read"
                    yield Defect(file.location(offset=position), reason)
                    return
                yield QueueEntry(file.location(offset=position), name)
    except OSError as error:
        yield Defect(file.location(), error.strerror or str(error))


def _names(stream: BinaryIO) -> Iterator[tuple[int, SpoolName]]:
    """Yield offset and name, in the order of offsets. Raises OSError as the stream does."""
    start = 0  # the offset of the first byte of ``buffer``
    undecided = 0  # where in ``buffer`` begins what was not yet searched
    buffer = b""
    while True:
        block = stream.read(BLOCK)
        buffer += block
        end = max(len(buffer) - _REACH, undecided) if block else len(buffer)
        for found in _NAME.finditer(buffer, undecided):
            if found.start() >= end:
                break
            name = SpoolName.find(found[0].replace(b"\0", b"").decode("ascii"))
            if name is not None:
                yield start + found.start(), name
        if not block:
            return
        kept = max(end - _CONTEXT, 0)
        start += kept
        undecided = end - kept
        buffer = buffer[kept:]
