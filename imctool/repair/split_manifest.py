"""The records beside the parts of a divided message: a manifest, and an envelope for each .eml.

Every hash of a list of recipients is of its addresses as bytes, each with an LF, in their order.
So the parts prove themselves: their lists, put together, have the hash of the kept recipients,
and the bytes of each from ``text_offset`` on that of the written text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from imctool import __version__
from imctool.model.split import MailToSplit, SplitForm, SplitMail, SplitPart, WrittenFile
from imctool.repair.manifest import recipient_lines, sealed

SPLIT_SCHEMA = "imctool/split/1"
ENVELOPE_SCHEMA = "imctool/envelope/1"


class NotKept(NamedTuple):
    """The recipients that are in no part, or that stand there before, in their order."""

    duplicates: Iterable[str]
    left_out: Iterable[str]
    refused: Iterable[str]


def split_manifest(form: SplitForm, mails: Iterable[tuple[SplitMail, NotKept]]) -> Iterator[bytes]:
    """Yield the document ``imctool/split/1`` in pieces, as ASCII; its check is at its end.

    Each message is asked for when those before it have been yielded.
    """
    return sealed(_manifest_pieces(form, mails))


def _manifest_pieces(
    form: SplitForm, mails: Iterable[tuple[SplitMail, NotKept]]
) -> Iterator[bytes]:
    head = {"schema": SPLIT_SCHEMA, "version": __version__, "form": str(form)}
    yield _ascii(json.dumps(head, indent=1)).removesuffix(b"\n}") + b',\n "messages": ['
    comma = b""
    for mail, not_kept in mails:
        yield comma + b"\n  " + _ascii(json.dumps(mail_document(mail))).removesuffix(b"}")
        yield b', "parts": ['
        separator = b"\n   "
        for part in mail.parts:
            yield separator + _ascii(json.dumps(part_document(part)))
            separator = b",\n   "
        yield b"]"
        for key, recipients in not_kept._asdict().items():
            yield b', "' + key.encode("ascii") + b'": ['
            yield from recipient_lines(recipients)
            yield b"]"
        yield b"}"
        comma = b","
    yield b"\n ],\n"


def mail_document(mail: SplitMail) -> dict[str, Any]:
    """Return what the manifest says of one message but for its parts and who is in none."""
    plan = mail.plan
    return {
        "source": mail.source.path,
        "source_size": plan.size,
        "source_sha256": plan.sha256,
        "spool_name": str(mail.spool_name) if mail.spool_name is not None else None,
        "originator": plan.originator,
        "text_size": mail.text_size,
        "text_sha256": mail.text_sha256,
        "written_text_size": mail.written_size,
        "written_text_sha256": mail.written_sha256,
        "doubled_dots": mail.doubled_dots,
        "limit": plan.limit,
        "envelope_recipient_count": plan.recipient_count,
        "envelope_recipients_sha256": plan.recipients_sha256,
        "recipient_count": plan.kept,
        "recipients_sha256": mail.kept_sha256,
        "keeps_duplicates": plan.keeps_duplicates,
        "duplicate_count": plan.duplicates,
        "left_out_count": plan.left_out,
        "refused_count": plan.refused,
        "doubts": [{"offset": one.offset, "reason": one.reason} for one in plan.doubts],
        "inferred": list(mail.inferred),
        "notes": list(mail.notes),
    }


def part_document(part: SplitPart) -> dict[str, Any]:
    """Return what the manifest says of one part."""
    document: dict[str, Any] = {
        "part": part.number,
        **file_document(part.written),
        "text_offset": part.text_offset,
        "recipient_count": part.recipient_count,
        "recipients_sha256": part.recipients_sha256,
    }
    if part.envelope is not None:
        document["envelope"] = file_document(part.envelope)
    return document


def file_document(written: WrittenFile) -> dict[str, Any]:
    """Return what a record says of a file in its folder."""
    return {"file": written.file, "size": written.size, "sha256": written.sha256}


def envelope_pieces(
    mail: MailToSplit, number: int, text: WrittenFile, recipients: Iterable[str]
) -> Iterator[bytes]:
    """Yield the document ``imctool/envelope/1`` of one part in pieces, as ASCII."""
    plan = mail.plan
    document = {
        "schema": ENVELOPE_SCHEMA,
        "version": __version__,
        **file_document(text),
        "source": mail.source.path,
        "source_sha256": plan.sha256,
        "spool_name": str(mail.spool_name) if mail.spool_name is not None else None,
        "part": number,
        "of": len(plan.parts),
        "originator": plan.originator,
        "recipient_count": plan.parts[number - 1],
    }
    yield _ascii(json.dumps(document, indent=1)).removesuffix(b"\n}") + b',\n "recipients": ['
    yield from recipient_lines(recipients)
    yield b"]\n}\n"


def _ascii(text: str) -> bytes:
    return text.replace("\x7f", "\\u007f").encode("ascii")
