"""Which form a file's content has, from its first bytes; its name is asked only for Queue.dat."""

from __future__ import annotations

import os
import re

from imctool.model.evidence import Form
from imctool.readers.event_log_text import sniff_event_text
from imctool.readers.imcsave import sniff_imcsave
from imctool.readers.protocol_log import other_service, sniff_network_monitor, sniff_protocol_log
from imctool.readers.text_file import decode_text
from imctool.readers.tracking_log import exchange_2000_tracking, sniff_tracking_log

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
_SETTINGS = re.compile(r"\s*\[Header\].*?\[Domain\]", re.IGNORECASE | re.DOTALL)
_ARTICLE = "The information in this article applies to"
_REGISTRY = re.compile(r"\s*(?:REGEDIT4|Windows Registry Editor Version|Key Name:\s)", re.I)


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
    note = sniff_imcsave(head, name)
    if note:
        return Form.UNKNOWN, note
    return _text_form(head)


def _text_form(head: bytes) -> tuple[Form, str]:
    text = decode_text(head)
    if _ARTICLE in text:
        return Form.UNKNOWN, "a Knowledge Base article, no evidence of this server"
    if _REGISTRY.match(text):
        return Form.REGISTRY_TEXT, ""
    if _SETTINGS.match(text):
        return Form.IMC_SETTINGS, ""
    if exchange_2000_tracking(text):
        return Form.UNKNOWN, "message tracking log of Exchange 2000 or later, not read"
    service = other_service(text)
    if service:
        return Form.UNKNOWN, f"protocol log of {service}, not of the Internet Mail Service"
    if sniff_protocol_log(text) or sniff_network_monitor(text):
        return Form.PROTOCOL_LOG, ""
    if sniff_tracking_log(text):
        return Form.TRACKING_LOG, ""
    if sniff_event_text(text) is not None:
        return Form.EVENT_TEXT, ""
    return Form.UNKNOWN, ""


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
