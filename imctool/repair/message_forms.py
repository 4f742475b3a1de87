"""A message in the forms that something can be done with: Pickup file, entry of an mbox.

The third form, .eml, is the text as it was transmitted and needs no code.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import BinaryIO

from imctool.readers.file_buffer import Buffer, find_in_windows, release_pages

NULL_SENDER_INFERRED = "the null sender is written as X-Sender: <>, a form no article shows"
DOTS_INFERRED = (
    "lines that begin with a dot have it doubled; only for a line that is a single dot an article "
    "says so (Q221384), for the others it follows RFC 821 section 4.5.2"
)

# Each begins with the bytes themselves, which are searched fast: a text may have many megabytes.
_LEADING_DOT = re.compile(rb"\r\n\.")
_DOT_AFTER_FEED = re.compile(
    rb"\n\.(?:(?<=\r\n\.)(?:(?=\r\n|\Z)(?P<alone>)|(?P<leading>))|(?=[\r\n]|\Z)(?P<bare>)|)"
)
_ALONE, _LEADING, _BARE = (_DOT_AFTER_FEED.groupindex[k] for k in ("alone", "leading", "bare"))
_DOT_AFTER_RETURN = re.compile(rb"\r\.(?=[\r\n]|\Z)")
_OWN_ENVELOPE = re.compile(rb"[\r\n]X-(?:Sender|Receiver)[ \t]*:", re.IGNORECASE)
_LONGEST_NAME = 1 << 10  # of an own envelope line, with the blanks before its colon
_AT_ONCE = 4096
_PIECE = 1 << 18  # of a text: small enough for the caches of the processor
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FROM_LINE = re.compile(rb"^(>*From )", re.MULTILINE)
_NO_WORD = re.compile(r"[^!-~]")


class FormRefusedError(ValueError):
    """A message cannot be written in a form without a risk; the text says why."""


@dataclass(frozen=True, slots=True)
class PickupFile:
    """The bytes of a Pickup file, how many dots were doubled in it, and what in it is inferred."""

    content: bytes
    doubled_dots: int
    inferred: tuple[str, ...]


def pickup_form(originator: str | None, recipients: Iterable[str], text: bytes) -> PickupFile:
    """Return a message for the Pickup folder of 5.5 (Q201314), as ``write_pickup`` writes it."""
    stream = io.BytesIO()
    doubled, inferred = write_pickup(stream, originator, recipients, text)
    return PickupFile(stream.getvalue(), doubled, inferred)


def write_pickup(
    stream: BinaryIO,
    originator: str | None,
    recipients: Iterable[str],
    text: Buffer,
    start: int = 0,
) -> tuple[int, tuple[str, ...]]:
    """Write a message for the Pickup folder of 5.5 (Q201314), in constant memory.

    ``X-Sender`` and one ``X-Receiver`` line for each recipient (inferred) stand before the text,
    which begins at ``start`` of its buffer. A line that is a single dot is doubled (Q221384),
    other leading dots too (inferred). Returns how many dots were doubled, and what is inferred.

    Raises FormRefusedError where there is no envelope, where an address would break its line,
    where the header holds such lines itself or begins with a blank, which would continue them,
    and where a single dot stands at a bare LF or CR. All but a bad address after the first 4,096
    recipients is found before anything is written; as with an OSError of the stream, the caller
    then has to discard what was written.
    """
    if originator is None:
        raise FormRefusedError("its originator is not known: Pickup needs an X-Sender line")
    sender = b"X-Sender: " + (_address(originator) if originator else b"<>") + b"\r\n"
    lines = _receiver_lines(recipients)
    first_lines = next(lines, None)
    if first_lines is None:
        raise FormRefusedError("it has no recipient: Pickup needs an X-Receiver line")
    _refuse_own_envelope(text, start)
    dots, inferred = _dots(text, start)
    if not originator:
        inferred = (NULL_SENDER_INFERRED, *inferred)
    stream.write(sender)
    for some in chain([first_lines], lines):
        stream.write(some)
    for (first, last), doubled in zip(_pieces(start, len(text)), dots, strict=True):
        piece = text[first:last]
        if doubled:
            piece = _doubled(_before(text, start, first), piece, doubled)
        stream.write(piece)
        release_pages(text, first, last)
    return sum(dots), inferred


def _receiver_lines(recipients: Iterable[str]) -> Iterator[bytes]:
    remaining = iter(recipients)
    while some := list(islice(remaining, _AT_ONCE)):
        yield b"".join([b"X-Receiver: " + _address(one) + b"\r\n" for one in some])


def _refuse_own_envelope(text: Buffer, start: int) -> None:
    if text[start : start + 1] in (b" ", b"\t"):
        raise FormRefusedError(
            "its header begins with a blank, which Pickup may take to continue the envelope"
        )
    end = _header_end(text, start)
    for first in range(start, end, _PIECE):
        block = text[first : min(end, first + _PIECE + _LONGEST_NAME)]
        if _OWN_ENVELOPE.search(b"\n" + block if first == start else block):
            raise FormRefusedError(
                "its own header holds X-Sender or X-Receiver, which Pickup may take for the "
                "envelope"
            )
        release_pages(text, first, min(end, first + _PIECE))


def _header_end(text: Buffer, start: int) -> int:
    """Return where the line is that ends the header, or the end of the text."""
    if text[start : start + 1] == b"\n" or text[start : start + 2] == b"\r\n":
        return start
    end = len(text)
    for line in (b"\n\r\n", b"\n\n"):
        found = find_in_windows(text, line, start, end)
        end = end if found < 0 else found + 1
    return end


def _pieces(start: int, end: int) -> Iterator[tuple[int, int]]:
    for first in range(start, end, _PIECE):
        yield first, min(first + _PIECE, end)


def _before(text: Buffer, start: int, first: int) -> bytes:
    """Return the two bytes before a piece; the text follows the line end of X-Receiver."""
    return b"\r\n" if first == start else text[first - 2 : first]


def _dots(text: Buffer, start: int) -> tuple[list[int], tuple[str, ...]]:
    """Return how many dots each piece will have doubled, and what of that is inferred.

    The pieces without one, which are most, need no second search when they are written.
    """
    counts = []
    all_alone = True
    for first, last in _pieces(start, len(text)):
        block = _before(text, start, first) + text[first : last + 2]
        kinds: list[int | None] = []
        if b"." in block:
            limit = 2 + last - first  # a dot behind it belongs to the next piece
            dots = _DOT_AFTER_FEED.finditer(block, 1)
            kinds = [found.lastindex for found in dots if found.end() <= limit]
            dots = _DOT_AFTER_RETURN.finditer(block, 1)
            if _BARE in kinds or any(found.end() <= limit for found in dots):
                raise FormRefusedError(
                    "a line that is a single dot follows a bare LF or CR: whether Pickup ends the "
                    "message there (Q221384) is unknown"
                )
        alone, leading = kinds.count(_ALONE), kinds.count(_LEADING)
        counts.append(alone + leading)
        all_alone = all_alone and not leading
        release_pages(text, first, last)
    return counts, () if all_alone else (DOTS_INFERRED,)


def _doubled(before: bytes, piece: bytes, dots: int) -> bytes:
    """Return a piece with its leading dots doubled, by the way that is faster for so many."""
    block = before + piece
    if dots < len(block) >> 10:
        return _LEADING_DOT.sub(b"\r\n..", block)[len(before) :]
    return block.replace(b"\r\n.", b"\r\n..")[len(before) :]


def _address(address: str) -> bytes:
    if not address.strip() or _CONTROL.search(address):
        raise FormRefusedError("an address of its envelope is empty or holds a control character")
    try:
        return address.encode("latin-1")
    except UnicodeEncodeError as error:
        raise FormRefusedError("an address of its envelope is not 8-bit text") from error


def mbox_entry(originator: str | None, moment: datetime | None, text: bytes) -> bytes:
    """Return a message as an entry of an mbox file (RFC 4155, mboxrd quoting).

    Line ends become LF, as readers of mbox expect, and every line of ``From `` with any number
    of ``>`` before it gets one more; a bare LF can then not be told from a line end. ``moment``
    is taken as it stands; without one the separator line says 1970.
    """
    sender = _NO_WORD.sub("?", originator or "") or "MAILER-DAEMON"
    when = time.asctime((moment or datetime(1970, 1, 1)).timetuple())
    body = _FROM_LINE.sub(rb">\1", text.replace(b"\r\n", b"\n"))
    if body and not body.endswith(b"\n"):
        body += b"\n"
    return f"From {sender} {when}\n".encode("ascii") + body + b"\n"
