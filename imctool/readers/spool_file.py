"""A file of the spool as a whole: envelope, skeleton and spool name."""

from __future__ import annotations

import mmap
from dataclasses import replace

from imctool.model.evidence import Defect, EvidenceFile, Location
from imctool.model.mail import Envelope, Skeleton, SpoolFile
from imctool.model.spool_name import SpoolName
from imctool.model.tracking import parse_mts_id
from imctool.readers.delivery_report import delivery_report_in, looks_like_report
from imctool.readers.envelope import read_envelope
from imctool.readers.file_buffer import Buffer, open_buffer
from imctool.readers.mime_skeleton import read_skeleton
from imctool.readers.received import own_received

KEPT_RECIPIENTS = 1000
"""How many recipients are kept unless the caller says otherwise; all are counted."""


def read_spool_file(
    file: EvidenceFile, *, most_recipients: int | None = KEPT_RECIPIENTS
) -> SpoolFile | Defect:
    """Return the mail that ``file`` holds, or why it holds none.

    A cut or damaged mail is a SpoolFile with defects; a Defect stands for what cannot be opened,
    is no regular file, is gone, or is empty. The file is opened read-only.
    """
    location = Location(file.name)
    try:
        buffer, _ = open_buffer(file.path)
    except OSError as error:
        return Defect(location, error.strerror or str(error))
    try:
        if not len(buffer):
            return Defect(location, "file is empty")
        return spool_file_from_buffer(buffer, location, most_recipients=most_recipients)
    finally:
        if isinstance(buffer, mmap.mmap):
            buffer.close()


def spool_file_from_buffer(
    buffer: Buffer,
    location: Location,
    *,
    most_recipients: int | None = KEPT_RECIPIENTS,
    for_ledger: bool = False,
) -> SpoolFile:
    """Return the mail that ``buffer`` holds.

    ``for_ledger`` asks for its own Received field and, if it is a delivery report, what that says.
    """
    path = location.path
    envelope, problems = read_envelope(buffer, most_recipients=most_recipients)
    skeleton = read_skeleton(buffer, envelope.raw_length, name=path)
    defects = skeleton.defects
    if problems:
        found = (Defect(Location(path, offset=offset), reason) for offset, reason in problems)
        defects = (*found, *defects)
    name = _spool_name(path, envelope, skeleton)
    if not for_ledger:
        return SpoolFile(location, name, len(buffer), envelope, skeleton, defects)
    received = own_received(skeleton, name)
    mail = SpoolFile(location, name, len(buffer), envelope, skeleton, defects, received)
    if looks_like_report(skeleton, envelope.originator):
        report = delivery_report_in(buffer, mail)
        if report is not None:
            return replace(mail, report=report)
    return mail


def _spool_name(path: str, envelope: Envelope, skeleton: Skeleton) -> SpoolName | None:
    """Return the name of the file if it is one, else that in its Received line or MTS-ID."""
    name = SpoolName.find(path.rpartition("/")[2])
    if name is None and (received := own_received(skeleton, None)):
        name = received.spool_name
    if name is None and envelope.mts_id and (mts_id := parse_mts_id(envelope.mts_id)):
        name = mts_id.spool_name
    return name
