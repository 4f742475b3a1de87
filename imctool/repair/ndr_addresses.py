"""Addresses as they stand in a delivery report: what must not be is found before.

They are raw bytes decoded as Latin-1, without brackets.
"""

from __future__ import annotations

import re
import unicodedata

from imctool.repair.header_text import LONGEST_LINE, escaped_bytes, visible

_PLAIN = re.compile(r"[!-~][ -~]{0,899}(?<! )")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_BYTES = re.compile(r"[^\x00-\xff]")
# What utf-8-addr-xtext writes as \x{HEX} (RFC 6533 section 3): all but these.
_NOT_XTEXT = re.compile(r"[^!-*,-<>-\[\]-~]")


def report_problem(address: str) -> str | None:
    """Return why no report can name an address, None where one can.

    Control characters could end the line that they stand in, and begin a field of their own;
    so they are refused, as is what no line of a mail has room for.
    """
    if _PLAIN.fullmatch(address):
        return None
    if not address.strip(" "):
        return "the address is empty"
    if _NOT_BYTES.search(address):
        return "the address is not a string of bytes"
    if _CONTROL.search(address):
        return "the address holds a control character"
    text = _utf8(address)
    if text is not None and any(unicodedata.category(one) == "Cc" for one in text):
        return "the address holds a control character"
    if max(len(typed_address(address)), len(shown_address(address).encode())) > LONGEST_LINE:
        return f"the address is too long for a line of mail: {len(address):,} bytes"
    return None


def is_escaped(address: str) -> bool:
    """Return whether an address is no UTF-8, so that its bytes are written as ``\\xNN``."""
    return not address.isascii() and _utf8(address) is None


def shown_address(address: str) -> str:
    """Return an address for a reader: UTF-8 decoded, other 8-bit bytes as ``\\xNN``.

    Blanks stay as they are; of characters that are not seen the number is shown.
    """
    if address.isascii():
        return address
    text = _utf8(address)
    if text is None:
        return escaped_bytes(address)
    return " ".join(visible(word) for word in text.split(" "))


def typed_address(address: str) -> str:
    """Return an address with its type, in ASCII, as Final-Recipient has it (RFC 3464).

    ASCII as ``rfc822``, UTF-8 as ``utf-8`` in the form for 7-bit fields (RFC 6533 section 3).
    Bytes that are neither have no form: they are ``rfc822`` with ``\\xNN``, which no address of
    RFC 5322 has outside quotes, so that it can be taken for nobody else's.
    """
    if address.isascii():
        return "rfc822;" + address
    text = _utf8(address)
    if text is None:
        return "rfc822;" + escaped_bytes(address)
    return "utf-8;" + _NOT_XTEXT.sub(lambda found: f"\\x{{{ord(found[0]):02X}}}", text)


def _utf8(address: str) -> str | None:
    try:
        return address.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return None
