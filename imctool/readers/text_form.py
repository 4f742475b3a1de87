"""Which form a text has that is no mail: logs, exports, settings."""

from __future__ import annotations

import re

from imctool.model.evidence import Form
from imctool.readers.event_log_text import sniff_event_text
from imctool.readers.imcsave import sniff_imcsave
from imctool.readers.protocol_log import other_service, sniff_network_monitor, sniff_protocol_log
from imctool.readers.text_file import decode_text
from imctool.readers.tracking_log import exchange_2000_tracking, sniff_tracking_log

_SETTINGS = re.compile(r"\s*\[Header\].*?\[Domain\]", re.IGNORECASE | re.DOTALL)
_ARTICLE = "The information in this article applies to"
_REGISTRY = re.compile(r"\s*(?:REGEDIT4|Windows Registry Editor Version|Key Name:\s)", re.I)


def text_form(head: bytes, name: str) -> tuple[Form, str]:
    """Return the form that the first bytes of a text show, and a note where it is not read."""
    note = sniff_imcsave(head, name)
    if note:
        return Form.UNKNOWN, note
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
