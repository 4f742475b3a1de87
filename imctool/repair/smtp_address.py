"""Addresses as they are written into MAIL and RCPT: what must not be is found before."""

from __future__ import annotations

import re
import unicodedata

LONGEST_ADDRESS = 1000
"""In bytes. RFC 5321 section 4.5.3.1.3 allows 256; a server may cut a very long line in two and
take the rest for a command."""

# A quoted string, or characters outside one. A backslash takes the next character with it.
_ADDRESS = re.compile(r'(?:"(?:[^"\\]|\\.)*+"|[^"<> \\]|\\[^<> ])*+')


def address_problem(address: str) -> str | None:
    """Return why an address must not be sent to a server, None where it may.

    ``address`` is raw bytes decoded as Latin-1, without brackets. What could end the argument
    or the line it stands in would become a command of its own, so it is refused: control
    characters anywhere, ``<``, ``>`` and blanks outside quotes, a quote that never ends.
    """
    if not address:
        return "the address is empty"
    try:
        raw = address.encode("latin-1")
    except UnicodeEncodeError:
        return "the address is not a string of bytes"
    if len(raw) > LONGEST_ADDRESS:
        return f"the address has {len(raw):,} bytes"
    if any(byte < 0x20 or byte == 0x7F for byte in raw):
        return "the address holds a control character"
    if _ADDRESS.fullmatch(address) is None:
        return "the address holds a blank or a bracket outside quotes, or a quote without its end"
    if raw.isascii():
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return "the address holds 8-bit bytes that are no UTF-8, the only form SMTP has for them"
    if any(unicodedata.category(character) == "Cc" for character in text):
        return "the address holds a control character"
    return None
