"""What imcsave wrote: the Backup folder with the connector's settings and the store's queues.

Its parts are documented (Q195804): registry values in Imcsvc.reg and Imcpro.reg, which are read
as what their content shows, the connector's directory object as CSV, messages of MTS-OUT in
TNEF and of MTS-IN, and a packing list in the form of an .ini file. No document tells which
column of the object holds which setting, how the messages are named, or what the list's keys
mean: these are recognised, and not read. That the messages of MTS-IN are in TNEF too is
inferred from what the article says of deleting them.
"""

from __future__ import annotations

import csv
import re

from imctool.readers.text_file import decode_text

TNEF_SIGNATURE = (0x223E9F78).to_bytes(4, "little")
"""What a TNEF stream begins with ([MS-OXTNEF], TNEFSignature)."""

_OBJECT_NAME = "imcobj.csv"
_LIST_STEM = "imcfls"
_CLASS_COLUMN = "obj-class"
"""The first column of a directory export or import (Q146304, Q236983)."""

_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9 _()/-]*")
_SECTION = re.compile(r"\s*(?:;[^\n]*\n\s*)*\[[^\]\r\n]+\][ \t]*(?:[\r\n]|\Z)")

_OBJECT = (
    "the connector's directory object as imcsave saves it, not read: which of its columns holds "
    "which setting is not documented"
)
_EXPORT = (
    "directory export (.csv), not read: which column of a connector's object holds which setting "
    "is not documented"
)
_LIST = "packing list of imcsave, not read: its keys are not documented"
SAVED_MESSAGE = (
    "message in TNEF, not read: imcsave saves the messages of the store's queues so, and may have "
    "deleted them there (Q195804)"
)


def sniff_imcsave(head: bytes, name: str) -> str:
    """Return what a file of imcsave is and why it is not read, or "" where it is none.

    ``head`` are the first bytes of the file, ``name`` its own name. A message is told by its
    signature, the object by the header line of a directory export or by its name over a line
    of several columns, the packing list by its name over the section of an .ini file. The .reg
    files are none of its business.
    """
    if head.startswith(TNEF_SIGNATURE):
        return SAVED_MESSAGE
    called = name.lower()
    if called.partition(".")[0] == _LIST_STEM and _SECTION.match(decode_text(head)):
        return _LIST
    if called != _OBJECT_NAME and not _may_be_export(head):
        return ""
    columns = _header_columns(decode_text(head))
    if called == _OBJECT_NAME and columns:
        return _OBJECT
    return _EXPORT if columns[:1] == [_CLASS_COLUMN] else ""


def _may_be_export(head: bytes) -> bool:
    """Whether the name of the first column stands near the start, in any encoding."""
    return _CLASS_COLUMN in head[:64].replace(b"\0", b"").decode("latin-1").lower()


def _header_columns(text: str) -> list[str]:
    """Return the names in a CSV header line, lower case; none where it is no such line."""
    line = next(iter(text.splitlines()), "")
    try:
        columns = [column.strip() for column in next(csv.reader([line]), [])]
    except csv.Error:  # a field longer than the csv module takes
        return []
    if len(columns) < 2 or not all(_COLUMN.fullmatch(column) for column in columns[:-1]):
        return []
    return [column.lower() for column in columns]
