"""Which form a file's content has, from its first bytes; its name is asked only for Queue.dat."""

from __future__ import annotations

import os
import re

from imctool.model.evidence import Form

HEAD = 16_384
"""How many bytes of a file are looked at before its form is decided."""

_PIECE = 1 << 20

_FIELD = re.compile(
    rb"[!-9;-~]{1,76}[ \t]*:[ \t]*[^\r\n]*(?:\r?\n|\r)(?:[ \t][^\r\n]*(?:\r?\n|\r))*"
)
_MAIL_FIELDS = re.compile(
    rb"(?:received|from|to|cc|subject|date|message-id|mime-version|return-path|sender"
    rb"|reply-to|x-mailer|x-sender|x-receiver|content-type|delivered-to)",
    re.IGNORECASE,
)
_PICKUP = re.compile(rb"x-(?:sender|receiver):", re.IGNORECASE)
_MBOX = re.compile(rb"(?:\xef\xbb\xbf)?>?From [^\r\n]*\r?\n")


def form_of(head: bytes, name: str) -> tuple[Form, str]:
    """Return the form that the first bytes of a file show, and a note where it is not read.

    The note is for what is recognised but belongs to something else: another service's log,
    the tracking log of Exchange 2000 and later.
    """
    if head[4:8] == b"ImCr":
        return Form.SPOOL_FILE, ""
    if head[4:8] == b"LfLe":
        return Form.EVT, ""
    if head.startswith(b"ElfFile\0"):
        return Form.EVTX, ""
    if head.startswith(b"regf"):
        return Form.REGISTRY_HIVE, ""
    if name.lower() in {"queue.dat", "queue.old"}:
        return Form.QUEUE_DAT, ""
    if looks_like_mail(head):
        return Form.SPOOL_FILE, ""
    # Nearly all files of a spool are mails: what tells logs apart is loaded with the first other.
    from imctool.readers.text_form import text_form

    return text_form(head, name)


def looks_like_mail(head: bytes) -> bool:
    """Return whether the bytes begin with a mail header: fields, of which two are a mail's.

    One field is enough where the header ends after it, as in a Pickup file. A UTF-8 byte order
    mark and an mbox ``From`` line in front are allowed.
    """
    found = _MBOX.match(head)
    position = found.end() if found else 3 * head.startswith(b"\xef\xbb\xbf")
    known = 0
    for _ in range(64):
        field = _FIELD.match(head, position)
        if field is None:
            break
        if _PICKUP.match(head, position):
            return True
        name = head[position : head.index(b":", position)].rstrip()
        known += bool(_MAIL_FIELDS.fullmatch(name))
        if known >= 2:
            return True
        position = field.end()
    return known == 1 and head[position : position + 1] in {b"\r", b"\n"}


def holds_evt(descriptor: int, head: bytes) -> bool:
    """Return whether the file holds a record signature of an event log at all.

    ``head`` was read before; the rest is read from ``descriptor``. The reader judges it.
    """
    piece = head
    while piece:
        if b"LfLe" in piece:
            return True
        more = os.read(descriptor, _PIECE)
        piece = piece[-3:] + more if more else b""
    return False
