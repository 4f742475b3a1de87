"""The envelope of a spool file: the ImCr..EwLs block, or the X-Sender lines of Pickup.

The layout of the block is known from one sample (Q190709) and one description (Q249273): a DWORD,
``ImCr``, fields, ``EwLs``, then the text of the message. What is read here is read tolerantly;
that the DWORD is the length of the block, that a FILETIME stands at offset 16, and that strings
end in a NUL is inferred from the sample.

What may be a recipient and cannot be read as one is told as a problem, and not counted: binary
fields and left-over memory stand between the strings, and no count may hang on them; and no way
of redelivery can send to an address that holds control characters.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from datetime import datetime
from itertools import chain

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

# Every "<", with the group if no recipient that is taken begins there.
_PLACE = re.compile(
    rb"<(?:(?<=[^ -~]<)[^\x00-\x1f\x7f]{1,1000}>(?=[\x00-\x1f]|\Z)|())",
)
# Recipients about which there is no doubt, with what stands before each: skipped in one go.
_CERTAIN = re.compile(rb"(?:[^<]*+(?<=[^ -~])<[^\x00-\x1f\x7f<>]{1,1000}+>(?=[\x00-\x1f]))*+")
_TWO_IN_ONE = re.compile(rb"(?:>[^<]*+|[\x80-\xff])<")
_NO_CONTROL = re.compile(rb"[^\x00-\x1f\x7f]++")
_OVER_LONG = re.compile(rb"<[^\x00-\x1f\x7f]{1001}")
# The host has two characters at least: all of "<a@b" could be the bytes of one pointer.
_ADDRESS_LIKE = re.compile(rb"[!-~\x80-\xff]@[0-9A-Za-z\[\x80-\xff][!-~\x80-\xff]")
_NUL_INSIDE = re.compile(rb"<[!-;=?-~\x80-\xff]{1,1000}\x00[^<>]{0,256}@[!-;=?A-~\x80-\xff]++>\x00")
# Up to four printable characters may be the end of a binary field; more are a text.
_BINARY_BEFORE = re.compile(rb"[^ -~][ -~]{1,4}\Z")
_WHOLE = re.compile(rb"<[^\x00-\x1f\x7f<>]{1,1000}>(?=\x00|\Z)")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_SHORTEST_ODD = 5  # "<a\1b>": shorter ones may be the bytes of a pointer
_FURTHEST_NUL = 2048
_MOST_TOLD = 5

_MTS_ID = re.compile(rb"\x00([cC]=[^\x00-\x1f]*?;[lL]=[^\x00-\x1f]*+)")
# Four characters at least: shorter ones may be binary.
_HOST = re.compile(rb"[\x00-\x1f]([A-Za-z0-9\[][A-Za-z0-9._:\]-]{3,}+)(?=[\x00-\x1f])")
_FIELD_NAME = re.compile(rb"[!-9;-~]++:")
_HEADER_END = re.compile(rb"\n\r?\n")
_LATE_LINE = re.compile(rb"(?<=[\r\n])x-receiver[ \t]*:", re.IGNORECASE)
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
    What ``doubtful_recipients`` tells is among the problems.
    """
    if buffer[4:8] == SIGNATURE:
        return _read_imcr(buffer, most_recipients)
    if _form(buffer) is MailFormat.PICKUP:
        envelope = _read_pickup(buffer, most_recipients)
        return envelope, _doubtful_lines(buffer, envelope.raw_length)
    return Envelope(MailFormat.RFC822), []


def doubtful_recipients(buffer: Buffer) -> list[Problem]:
    """Return why the envelope may have more recipients than are read of it; [] if there are none.

    To be asked before mail is sent to those that are read, which could lose one. A reason is a
    block whose length or end is in doubt, and each string that has the place of an address and
    is not taken for one: it holds a control character or a NUL, is over 1,000 characters long,
    is not closed, or stands beside other bytes than are expected. Such a string is a possible
    recipient only, since left-over memory may look the same. In a Pickup file the reasons are a
    folded line and an X-Receiver line further down in the header; what the service makes of
    these is unknown. Five strings are told one by one, the others by their number.
    """
    if buffer[4:8] == SIGNATURE:
        end, _, problems = _block(buffer)
        return problems + _doubtful_strings(buffer, *_originator(buffer, end), end)
    if _form(buffer) is MailFormat.PICKUP:
        return _doubtful_lines(buffer, _read_pickup(buffer, 0).raw_length)
    return []


def iterate_recipients(buffer: Buffer) -> Generator[str, None, None]:
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
        brackets = buffer[_FIXED:end].count(b"<")
    else:
        kept, count, brackets = _many_recipients(buffer, first, end, most)
    # Each address that is taken holds one at least: if there are no more, none was passed over.
    if brackets != count + (originator is not None):
        problems += _doubtful_strings(buffer, originator, first, end)
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
) -> tuple[tuple[str, ...], int, int]:
    """Return the first ``most`` recipients (all if None), how many there are, and how many "<"."""
    kept: list[str] = []
    count = 0
    brackets = buffer[_FIXED:start].count(b"<")
    for first, last in _windows(buffer, start, end):
        brackets += buffer[first:last].count(b"<")
        room = None if most is None else max(most - len(kept), 0)
        if room != 0:
            found = _RECIPIENT.findall(buffer, first, last)
            count += len(found)
            kept += [str(address, "latin-1") for address in found[:room]]
        else:
            count += len(_COUNTED.findall(buffer, first, last))
    return tuple(kept), count, brackets


def _doubtful_strings(
    buffer: Buffer, originator: str | None, first: int, end: int
) -> list[Problem]:
    """Return what has an address's place in an ImCr block and is not read as one address."""
    start = _FIXED if originator is None else first - len(originator) - len("<>")
    doubts = chain(_passed_over(buffer, _FIXED, start), _passed_over(buffer, first, end))
    told: list[Problem] = []
    if originator is not None and _TWO_IN_ONE.search(buffer, start + 1, first):
        told.append((start, "possible recipient passed over: the originator's string may hold two"))
    others = first_other = 0
    for at, why in doubts:
        if len(told) < _MOST_TOLD:
            # The address that stands where an originator was passed over may be a recipient.
            kind = "recipient" if at >= first else "originator"
            told.append((at, f"possible {kind} passed over: {why}"))
        else:
            first_other = first_other or at
            others += 1
    if others:
        told.append((first_other, f"{others} more possible recipients passed over"))
    return told


def _passed_over(buffer: Buffer, start: int, end: int) -> Iterator[Problem]:
    """Yield where between two offsets a string may be an address passed over, and why it is."""
    for window, window_end in _windows(buffer, start, end):
        opening, nul = -1, window - 1  # of the string that is looked at, and where it ends
        search = window
        while True:
            if opening < 0 and (certain := _CERTAIN.match(buffer, search, window_end)):
                search = certain.end()
            found = _PLACE.search(buffer, search, window_end)
            if found is None:
                break
            at, search = found.span()
            taken = found.lastindex is None
            if opening >= 0 and (taken or at >= nul):
                if why := _doubt(buffer, opening, min(nul, at), end):
                    yield opening, why
                opening = -1
            after_text = b" " <= buffer[at - 1 : at] <= b"~"
            if taken:
                if _TWO_IN_ONE.search(buffer, at + 1, search):
                    yield at, "one string may hold two"
            elif not after_text:
                search = _next_place(buffer, at, window_end)
                opening = at if opening < 0 else opening
                if nul < at:  # looked for once, however many strings stand before it
                    nul = buffer.find(b"\0", at, window_end)
                    nul = window_end if nul < 0 else nul
            elif opening < 0 and _follows_binary(buffer, at, window_end):
                yield at, "printable characters stand before it"
        if opening >= 0 and (why := _doubt(buffer, opening, nul, end)):
            yield opening, why


def _next_place(buffer: Buffer, opening: int, end: int) -> int:
    """Return where a recipient may begin at the earliest, after a ``<`` that begins none.

    A recipient ends where the characters end that are no control characters. Not to try each
    ``<`` before it keeps the search linear.
    """
    found = _NO_CONTROL.match(buffer, opening, end)
    stop = found.end() if found else opening + 1
    ends_recipient = buffer[stop - 1 : stop] == b">" and buffer[stop : stop + 1] != b"\x7f"
    return max(opening + 1, stop - 1002) if ends_recipient else stop


def _follows_binary(buffer: Buffer, at: int, end: int) -> bool:
    """Tell whether an address stands behind what may be the printable end of a binary field."""
    whole = _WHOLE.match(buffer, at, end)
    return (
        whole is not None
        and _ADDRESS_LIKE.search(whole[0]) is not None
        and _BINARY_BEFORE.search(buffer, max(at - 5, _FIXED), at) is not None
    )


def _doubt(buffer: Buffer, opening: int, stop: int, end: int) -> str | None:
    """Return why a string from ``<`` to a NUL may be an address all the same, or None."""
    string = buffer[opening:stop]
    if _OVER_LONG.match(string):
        return "it is longer than 1,000 characters"
    closed = string.rfind(b">")
    if _ADDRESS_LIKE.search(string):
        if closed < 0:
            # What the end of the block cuts off is left-over memory: a string ends in a NUL.
            return "it is not closed" if stop < end else None
    elif not (string.endswith(b">") and len(string) >= _SHORTEST_ODD):
        inside = _NUL_INSIDE.match(buffer, opening, min(end, opening + _FURTHEST_NUL))
        return "a NUL stands in it" if inside else None
    if _CONTROL.search(string, 0, closed):
        return "a control character stands in it"
    return "other characters follow it"


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


def _doubtful_lines(buffer: Buffer, after: int) -> list[Problem]:
    """Return what may be a recipient behind the envelope lines of a Pickup file."""
    if buffer[after : after + 1] in (b" ", b"\t"):
        return [(after, "an envelope line is folded: what stands in the fold is not read")]
    limit = min(len(buffer), after + _HEAD)
    if header_end := _HEADER_END.search(buffer, after - 1, limit):
        limit = header_end.start() + 1
    if late := _LATE_LINE.search(buffer, after, limit):
        return [(late.start(), "possible recipient passed over: an X-Receiver line in the header")]
    return []


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
