"""Header fields that are made of evidence: nothing in it can end a field or begin another.

Texts and addresses of the evidence are raw bytes decoded as Latin-1.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterator

from imctool.readers.encoded_words import encoded_words

LINE = 76
"""The length that a line is folded to (RFC 2047 section 2) where it has a blank."""

LONGEST_LINE = 990
"""A line must not have more than 998 bytes (RFC 5322 section 2.1.1)."""

LONGEST_TEXT = 2000
"""The most bytes kept of a text from the evidence."""

_BLANKS = re.compile(r"[ \t]+")
_CONTROLS = re.compile(r"[\x00-\x1a\x1c-\x1f\x7f]")  # without ESC: ISO-2022 text is made of it
_TOKEN_TO_ENCODE = re.compile(r"[^!-~]")
_ENCODED_WORD = re.compile(r"=\?[^? ]+\?[BbQq]\?[^? ]*\?=")
_OPENS_WORD = "=?"
_LONGEST_TOKEN = 900
_WORD_BYTES = {"utf-8": 45, "unknown-8bit": 39}  # so that a word has at most 75 characters

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN_ADDRESS = re.compile(
    rf"""(?:{_ATOM}(?:\.{_ATOM})*|"(?:[ !#-\[\]-~]|\\[ -~])*")"""
    r"(?:@(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[A-Za-z0-9.:]+\]))?"
)

# Only tables whose decoding is linear and never fails.
_CHARSET = re.compile(
    r"us-ascii|utf-[78]|iso-8859-\d+|iso-2022-(?:jp|kr)|windows-\d+|cp\d+|koi8-[ru]|shift_jis"
    r"|euc-(?:jp|kr)|gb2312|gbk|gb18030|big5",
    re.IGNORECASE,
)


def header_field(name: str, value: str) -> bytes:
    """Return a field of printable ASCII, folded at its blanks, with CRLF.

    Raises ValueError where ``value`` holds anything else, or a word that no line has room for.
    """
    if not value.isascii() or not value.replace(" ", "").isprintable():
        raise ValueError(f"the field {name} would hold what is not printable ASCII")
    line = f"{name}:"
    lines: list[str] = []
    for token in filter(None, value.split(" ")):
        if len(token) > LONGEST_LINE:
            raise ValueError(f"the field {name} holds a word of {len(token)} bytes")
        fits = len(line) + 1 + len(token) <= LINE
        if fits or (line.endswith(":") and not lines and len(line) + len(token) < LONGEST_LINE):
            line += " " + token
        else:
            lines.append(line)
            line = " " + token
    return "\r\n".join([*lines, line, ""]).encode("ascii")


def encoded_text(value: str) -> str:
    """Return an unstructured value (as of Subject) in printable ASCII, ready to be folded.

    Encoded-words stay as they are. 8-bit bytes become encoded-words (RFC 2047): UTF-8 where they
    are that, else ``unknown-8bit`` (RFC 1428), since nothing tells their charset. Control
    characters and rows of blanks become one blank; what is longer than 2,000 bytes is cut, and
    ends in three dots.
    """
    tokens = _tokens(value)
    made: list[str] = []
    position = 0
    while position < len(tokens):
        if not _must_encode(tokens[position]):
            made.append(tokens[position])
            position += 1
            continue
        first = position
        while position < len(tokens) and _must_encode(tokens[position]):
            position += 1
        text = " ".join(tokens[first:position])
        # The blank between two encoded-words is not part of the text: it has to stand in one.
        if made and _ENCODED_WORD.fullmatch(made[-1]):
            text = " " + text
        if position < len(tokens) and _ENCODED_WORD.fullmatch(tokens[position]):
            text += " "
        made += _words(text.encode("latin-1", "replace"))
    return " ".join(made)


def _tokens(value: str) -> list[str]:
    text = _CONTROLS.sub(" ", value)
    if len(text) > LONGEST_TEXT:
        cut = text.rfind(" ", LONGEST_TEXT // 2, LONGEST_TEXT)
        text = text[: LONGEST_TEXT if cut < 0 else cut] + " ..."
    return [token for token in _BLANKS.split(text) if token]


def _must_encode(token: str) -> bool:
    return len(token) > _LONGEST_TOKEN or _TOKEN_TO_ENCODE.search(token) is not None


def _words(raw: bytes) -> Iterator[str]:
    """Yield encoded-words that together are ``raw``; no character is split over two."""
    charset = "utf-8" if b"\x1b" not in raw and _is_utf8(raw) else "unknown-8bit"
    most = _WORD_BYTES[charset]
    while raw:
        size = min(most, len(raw))
        while charset == "utf-8" and size < len(raw) and raw[size] & 0xC0 == 0x80:
            size -= 1
        yield f"=?{charset}?B?{b64encode(raw[:size]).decode('ascii')}?="
        raw = raw[size:]


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def decoded_text(value: str) -> str:
    """Return an unstructured value as a reader sees it, on one line.

    Encoded-words in a known charset are decoded. Raw bytes are UTF-8 where they are that, else
    they are shown as ``\\xNN``.
    """
    value = " ".join(_tokens(value))
    if _OPENS_WORD not in value:
        return visible(_raw_text(value))
    pieces = []
    position = 0
    for word in encoded_words(value):
        between = value[position : word.start]
        text = _word_text(word.label, word.content)
        if text is None:
            continue
        if position == 0 or between.strip():  # blanks between two words are no part of the text
            pieces.append(_raw_text(between))
        pieces.append(text)
        position = word.end
    pieces.append(_raw_text(value[position:]))
    return visible("".join(pieces))


def _word_text(label: str, content: bytes) -> str | None:
    if not _CHARSET.fullmatch(label):
        return None
    try:
        return content.decode(label, "replace")
    except LookupError:  # no such table after all, as iso-8859-99
        return None


def _raw_text(text: str) -> str:
    raw = text.encode("latin-1", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return escaped_bytes(text)


def escaped_bytes(text: str) -> str:
    """Return ``text`` with 8-bit bytes as ``\\xNN``, and the backslash too, so that it is exact."""
    return re.sub(r"[\\\x80-\xff]", lambda found: f"\\x{ord(found[0]):02X}", text)


def visible(text: str) -> str:
    """Return Unicode text on one line: rows of blanks are one, what is not seen is ``\\x{HEX}``."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_visible, text))
    return " ".join(filter(None, text.split(" ")))


def _visible(character: str) -> str:
    if character in "\t\r\n":
        return " "
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
        return f"\\x{{{ord(character):02X}}}"
    return character


def is_plain_address(address: str) -> bool:
    """Return whether an address can stand in a header as it is (RFC 5322 section 3.4.1)."""
    return len(address) < _LONGEST_TOKEN and _PLAIN_ADDRESS.fullmatch(address) is not None


def address_text(address: str) -> str:
    """Return the value of an address field that names one address, in printable ASCII.

    One that a header has no form for (8-bit, broken) becomes the name of an empty group, as
    RFC 6857 section 3.1 does it: it is shown, and read as the address of nobody else.
    """
    if is_plain_address(address):
        return f"<{address}>"
    words = _words(_CONTROLS.sub(" ", address).encode("latin-1", "replace"))
    return " ".join(words) + ":;"
