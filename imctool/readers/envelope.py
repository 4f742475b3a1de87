"""The envelope of a spool file: the ImCr..EwLs block, or the X-Sender lines of Pickup.

The layout of the block is known from one sample (Q190709) and one description (Q249273): a DWORD,
``ImCr``, fields, ``EwLs``, then the text of the message. What is read here is read tolerantly;
that the DWORD is the length of the block, that a FILETIME stands at offset 16, and that strings
end in a NUL is inferred from the sample.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from imctool.model.mail import Envelope, MailFormat
from imctool.readers.file_buffer import WINDOW, Buffer, find_in_windows, release_pages

SIGNATURE = b"ImCr"
END_SIGNATURE = b"EwLs"

LONGEST_ENVELOPE = 128 << 20
"""How far the end signature is searched: room for two million recipients."""

_MOST_END_SIGNATURES = 100  # tried before a block counts as having none

_FIXED = 24  # length, signature, eight unknown bytes, FILETIME
_HEAD = 1 << 16  # how far the originator and the MTS-ID are searched

# An address is a string of its own: <...> without a control character, after a byte that is no
# printable ASCII and before a control character or the end of the block. Left-over memory
# ("DEN> ro" in Q190709) and binary fields that happen to hold "<" do not have this shape. Only
# the originator may be "<>". RFC 821 allows 256 characters; the bound keeps any bytes linear.
_ORIGINATOR = re.compile(rb"<(?<=[^ -~]<)([^\x00-\x1f\x7f]{0,1000})>(?=[\x00-\x1f]|\Z)")
# A sender may put anything into MAIL FROM. What has the originator's place, between two NULs, is
# the originator even so; else the first recipient would be taken for it.
_ODD_ORIGINATOR = re.compile(rb"<(?<=\x00<)([^\x00<>]{0,1000})>(?=\x00)")
_RECIPIENT = re.compile(rb"<(?<=[^ -~]<)([^\x00-\x1f\x7f]{1,1000})>(?=[\x00-\x1f]|\Z)")
# The same, with a group that captures nothing: counting then makes no object for an address.
_COUNTED = re.compile(rb"<(?<=[^ -~]<)[^\x00-\x1f\x7f]{1,1000}>(?=[\x00-\x1f]|\Z)()")

_MTS_ID = re.compile(rb"\x00([cC]=[^\x00-\x1f]*?;[lL]=[^\x00-\x1f]*+)")
# Four characters at least: shorter ones may be binary.
_HOST = re.compile(rb"[\x00-\x1f]([A-Za-z0-9\[][A-Za-z0-9._:\]-]{3,}+)(?=[\x00-\x1f])")
_FIELD_NAME = re.compile(rb"[!-9;-~]++:")
_PICKUP_LINE = re.compile(
    rb"x-(?:(sender)|receiver)[ \t]*:[ \t]*([^\r\n]*+)(?:\r\n|\n|\r|\Z)|",
    re.IGNORECASE,
)

# A FILETIME counts tenths of a microsecond from 1601. Outside 1993 to 2010 it is no time of these
# servers, and the bytes mean something else.
_EARLIEST = (datetime(1993, 1, 1) - datetime(1601, 1, 1)).days * 86400 * 10**7
_LATEST = (datetime(2011, 1, 1) - datetime(1601, 1, 1)).days * 86400 * 10**7

_IMCR = MailFormat.IMCR  # looking a member up costs more than the rest of a small envelope

Problem = tuple[int, str]
"""Offset in the buffer and what is wrong there."""


def read_envelope(
    buffer: Buffer, *, most_recipients: int | None = None
) -> tuple[Envelope, list[Problem]]:
    """Return the envelope that ``buffer`` begins with, and what is wrong with it.

    ``most_recipients`` limits the recipients kept, never the count. Order and duplicates stay.
    Where the end of an ImCr block is not found, ``raw_length`` is the stated length if a header
    field stands there, else the length of the buffer, and the recipients seen up to there count.
    """
    if buffer[4:8] == SIGNATURE:
        return _read_imcr(buffer, most_recipients)
    if _form(buffer) is MailFormat.PICKUP:
        return _read_pickup(buffer, most_recipients), []
    return Envelope(MailFormat.RFC822), []


def iterate_recipients(buffer: Buffer) -> Iterator[str]:
    """Yield every recipient of the envelope in order, in constant memory."""
    form = _form(buffer)
    if form is MailFormat.IMCR:
        block_end, _, _ = _block(buffer)
        _, first = _originator(buffer, block_end)
        for start, end in _windows(buffer, first, block_end):
            for found in _RECIPIENT.finditer(buffer, start, end):
                yield str(found[1], "latin-1")
    elif form is MailFormat.PICKUP:
        for is_sender, value, _ in _pickup_lines(buffer):
            if not is_sender:
                yield value


def _form(buffer: Buffer) -> MailFormat:
    if buffer[4:8] == SIGNATURE:
        return MailFormat.IMCR
    if buffer[:2] in (b"x-", b"X-"):
        line = _PICKUP_LINE.match(buffer, 0, WINDOW)
        if line and line.lastindex is not None:
            return MailFormat.PICKUP
    return MailFormat.RFC822


def _block(buffer: Buffer) -> tuple[int, int, list[Problem]]:
    """Return where the strings of an ImCr block end, where the text begins, and what is wrong."""
    size = len(buffer)
    stated = int.from_bytes(buffer[0:4], "little")
    if 12 <= stated <= size and buffer[stated - 4 : stated] == END_SIGNATURE:
        return stated - 4, stated, []
    search, limit = 8, min(size, LONGEST_ENVELOPE)
    for _ in range(_MOST_END_SIGNATURES):
        found = find_in_windows(buffer, END_SIGNATURE, search, limit)
        if found < 0:
            break
        search = found + 4
        if _text_follows(buffer, search):
            return found, search, [(0, "length of the envelope does not match its end")]
    if 12 <= stated <= size and _text_follows(buffer, stated):
        return stated, stated, [(stated, "envelope has no end signature")]
    return size, size, [(size, "envelope is cut short: no end signature")]


def _text_follows(buffer: Buffer, offset: int) -> bool:
    return _FIELD_NAME.match(buffer, offset, min(len(buffer), offset + 80)) is not None


def _read_imcr(buffer: Buffer, most: int | None) -> tuple[Envelope, list[Problem]]:
    end, text, problems = _block(buffer)
    originator, first = _originator(buffer, end)
    peer = mts_id = None
    if originator is None:
        problems.append((min(_FIXED, end), "envelope holds no originator"))
    elif found := _HOST.search(buffer, _FIXED, first):
        peer = str(found[1], "ascii")
    if found := _MTS_ID.search(buffer, first, max(min(end, _HEAD), first)):
        mts_id = str(found[1], "latin-1")
    if end - first <= _HEAD:
        addresses = _RECIPIENT.findall(buffer, first, end)
        count = len(addresses)
        kept = tuple([str(address, "latin-1") for address in addresses[:most]])
    else:
        kept, count = _many_recipients(buffer, first, end, most)
    ticks = int.from_bytes(buffer[16:24], "little")
    filetime = ticks if _EARLIEST <= ticks < _LATEST else None
    return Envelope(_IMCR, originator, kept, count, mts_id, filetime, peer, text), problems


def _originator(buffer: Buffer, end: int) -> tuple[str | None, int]:
    """Return the first address of the block and the offset after it."""
    limit = min(end, _HEAD)
    found = _ORIGINATOR.search(buffer, _FIXED, limit) if end > _FIXED else None
    odd = _ODD_ORIGINATOR.search(buffer, _FIXED, found.start() if found else limit)
    found = odd or found
    if found is None:
        return None, _FIXED
    return str(found[1], "latin-1"), found.end()


def _windows(buffer: Buffer, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield spans that cover the block and cut no string: each but the last ends after a NUL."""
    while end - start > WINDOW:
        after = start + (buffer[start : start + WINDOW].rfind(b"\0") + 1 or WINDOW)
        yield start, after
        release_pages(buffer, start, after)
        start = after
    yield start, end


def _many_recipients(
    buffer: Buffer, start: int, end: int, most: int | None
) -> tuple[tuple[str, ...], int]:
    """Return the first ``most`` recipients (all if None) and how many there are."""
    kept: list[str] = []
    count = 0
    for first, last in _windows(buffer, start, end):
        room = None if most is None else max(most - len(kept), 0)
        if room != 0:
            found = _RECIPIENT.findall(buffer, first, last)
            count += len(found)
            kept += [str(address, "latin-1") for address in found[:room]]
        else:
            count += len(_COUNTED.findall(buffer, first, last))
    return tuple(kept), count


def _pickup_lines(buffer: Buffer) -> Iterator[tuple[bool, str, int]]:
    """Yield for each leading X-Sender or X-Receiver line: which, its value, the offset after."""
    released = 0
    for line in _PICKUP_LINE.finditer(buffer):
        if line.lastindex is None:
            return
        value = str(line[2], "latin-1").strip()
        if value[:1] == "<" and value[-1:] == ">":
            value = value[1:-1]
        after = line.end()
        yield line[1] is not None, value, after
        if after - released > WINDOW:
            release_pages(buffer, released, after)
            released = after


def _read_pickup(buffer: Buffer, most: int | None) -> Envelope:
    originator: str | None = None
    kept: list[str] = []
    count = after = 0
    for is_sender, value, end in _pickup_lines(buffer):
        after = end
        if not is_sender:
            count += 1
            if most is None or count <= most:
                kept.append(value)
        elif originator is None:
            originator = value
    return Envelope(MailFormat.PICKUP, originator, tuple(kept), count, raw_length=after)
