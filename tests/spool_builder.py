"""Builds spool files for tests; the layout follows the one public sample (Q190709)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import datetime

_EPOCH = datetime(1601, 1, 1)


def imcr_envelope(
    originator: str = "user@ms.com",
    recipients: Iterable[str] = ("administrator@charlotte.microsoft.com",),
    *,
    mts_id: str = "c=US;a= ;p=Microsoft;l=RAYDEN9711051951WKA6D6YM",
    time: datetime = datetime(1997, 11, 5, 14, 51, 27, 402000),
    peer: str = "test.dns.microsoft.com",
    left_over: bytes = b" DEN> ro",
) -> bytes:
    """Return an ImCr..EwLs block.

    Recipe: length of the block as a DWORD, ``ImCr``, eight bytes of flags, the FILETIME of the
    local time, a DWORD of flags, then NUL-ended strings: greeting name, host name, originator in
    angle brackets, two empty strings, MTS-ID; then for each recipient a record of five DWORDs,
    two of them left-over heap pointers, and the address in angle brackets, NUL-ended; then
    left-over memory and ``EwLs``. The records' fields are unknown and stand for any binary here.
    For tests only: the program itself never makes such a block.
    """
    ticks = (time - _EPOCH).days * 86400 * 10**7 + (time - _EPOCH).seconds * 10**7
    ticks += (time - _EPOCH).microseconds * 10
    body = bytearray(struct.pack("<IIQI", 1, 0, ticks, 3))
    for text in (peer, peer, f"<{originator}>", "", "", mts_id):
        body += text.encode("latin-1") + b"\0"
    record = struct.pack("<IIIII", 0x58, 0x4239, 0, 0x0012D868, 0x0012D868)
    for recipient in recipients:
        body += record
        body += b"<" + recipient.encode("latin-1") + b">\0"
    body += left_over
    return struct.pack("<I", len(body) + 12) + b"ImCr" + bytes(body) + b"EwLs"


def spool_file(text: bytes, **envelope: object) -> bytes:
    """Return a spool file: an envelope made of the keyword arguments, then ``text``."""
    return imcr_envelope(**envelope) + text  # type: ignore[arg-type]
