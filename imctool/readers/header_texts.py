"""The texts of header fields that a charset belongs to, of a mail and of all its parts.

Three kinds: encoded-words (RFC 2047), parameters that name a charset (RFC 2231), and raw bytes
that declare none: 8-bit bytes, and the escape sequences of ISO-2022.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from imctool.model.mail import Part, SpoolFile
from imctool.model.text_sample import HeaderText
from imctool.readers.encoded_words import EncodedWord, encoded_words
from imctool.readers.file_buffer import WINDOW, Buffer
from imctool.readers.header_fields import (
    PARAMETER,
    PARAMETER_LIMIT,
    QUOTED_PAIR,
    HeaderBlock,
    without_comments,
)
from imctool.readers.hidden_messages import HiddenMessages

TEXT_LIMIT = 1_000
"""The most header texts of one mail."""

FIELD_LIMIT = 10_000
"""At most so many bytes of a field are looked at; the skeleton keeps no more of the top header."""

RAW_LIMIT = 4 << 10
"""The most bytes kept of a field that declares no charset."""

_PARAMETER_FIELDS = frozenset({"content-type", "content-disposition"})

# As numbers: a single byte is looked for several times faster than a string of one.
_ESCAPE, _STAR, _QUESTION_MARK = b"\x1b*?"
_EXTENDED = re.compile(rb"\*(?:[0-9]{1,3}\*?)?\s{0,9}=")
_RAW = re.compile("[\x1b\x80-\xff]")
_BLANKS = " \t\r\n"

_EXTENDED_NAME = re.compile(r"([^*]+)\*(?:(\d{1,3})(\*)?)?")
_BARE_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def header_texts(buffer: Buffer, mail: SpoolFile) -> tuple[HeaderText, ...]:
    """Return the header texts of ``mail``, which ``buffer`` holds, in file order.

    The message's own header comes first, then those of the parts; the header of a message/rfc822
    part and that of the message in it both count as the part's. At most 1,000 texts; 10,000 bytes
    of each field are looked at. Words of one label in one field are one text: adjacent words are
    joined as they are, for a character may be split over them (seen in mail, against RFC 2047
    section 5), others with one blank between. Labels in one field come as they first appear, raw
    bytes last. The bytes of a parameter whose charset is not named count as raw. Never raises.
    """
    parts = mail.skeleton.parts
    if parts and not _any_may_tell(buffer, parts):
        return ()
    found: list[HeaderText] = []
    if not parts or _may_tell(buffer, parts[0].header_offset, parts[0].offset):
        for field in mail.skeleton.headers:
            _add_texts(found, field.name, "", field.value)
            if len(found) >= TEXT_LIMIT:
                return tuple(found[:TEXT_LIMIT])
    if len(parts) > 1:
        found += islice(_part_texts(buffer, parts), TEXT_LIMIT - len(found))
    return tuple(found)


def _any_may_tell(buffer: Buffer, parts: tuple[Part, ...]) -> bool:
    """Return whether any header of a mail may hold such a text; those of nearly all mail do not."""
    if parts[-1].encoded or parts[-1].offset - parts[0].header_offset > WINDOW:
        return True
    headers = [buffer[part.header_offset : part.offset] for part in parts if not part.encoded]
    return len(headers) < len(parts) or _is_telling(b"".join(headers))


def _may_tell(buffer: Buffer, start: int, end: int) -> bool:
    return end - start > WINDOW or _is_telling(buffer[start:end])


def _is_telling(raw: bytes) -> bool:
    return (
        not raw.isascii()
        or (_QUESTION_MARK in raw and b"=?" in raw)
        or _ESCAPE in raw
        or (_STAR in raw and _EXTENDED.search(raw) is not None)
    )


def _part_texts(buffer: Buffer, parts: tuple[Part, ...]) -> Iterator[HeaderText]:
    hidden = HiddenMessages(buffer, parts)
    for previous, part in pairwise(parts):
        source = hidden.holding(part) if part.encoded else buffer
        start, end = part.header_offset, part.offset
        if source is not None and _may_tell(source, start, end):
            owner = previous if _is_in_message(part, previous) else part
            for field in HeaderBlock(source, start, min(end, len(source))).fields():
                found: list[HeaderText] = []
                _add_texts(found, field[0], owner.number, field[1])
                yield from found


def _is_in_message(part: Part, previous: Part) -> bool:
    """Return whether ``part`` is the body of the message that the part before it holds."""
    if previous.content_type != "message/rfc822":
        return False
    return part.number in (f"{previous.number}.1", f"{previous.number}.TEXT")


class _Text(NamedTuple):
    """The bytes of one label in one field, as they come together."""

    label: str
    content: bytearray
    well_formed: bool


def _add_texts(found: list[HeaderText], name: str, part: str, value: str) -> None:
    """Put the texts of one field into ``found``; ``value`` is unfolded and decoded as Latin-1."""
    has_words = "=?" in value
    has_raw = not value.isascii() or "\x1b" in value
    is_extended = "*" in value and name.lower() in _PARAMETER_FIELDS
    if not (has_words or has_raw or is_extended):
        return
    if len(value) >= FIELD_LIMIT:  # cut here or by the skeleton
        value = _without_torn_word(value[:FIELD_LIMIT])
    texts: dict[str, _Text] = {}
    outside = _take_words(value, texts) if has_words else value
    raw_parameters = _take_parameters(value, texts) if is_extended else []
    found += (
        HeaderText(name, part, label, bytes(content), well_formed)
        for label, content, well_formed in texts.values()
    )
    if has_raw and _RAW.search(outside):
        found.append(HeaderText(name, part, None, _raw_content(value)))
    found += (HeaderText(name, part, None, content, False) for content in raw_parameters)


def _take_words(value: str, texts: dict[str, _Text]) -> str:
    """Put the encoded-words of a value into ``texts``; return what stands outside of them."""
    outside: list[str] = []
    last: EncodedWord | None = None
    position = 0
    for word in encoded_words(value):
        between = value[position : word.start]
        outside.append(between)
        joined = last is not None and last.label.lower() == word.label.lower()
        adjacent = joined and not between.strip(_BLANKS)
        _take(texts, word.label, word.content, well_formed=word.well_formed, adjacent=adjacent)
        last = word
        position = word.end
    outside.append(value[position:])
    return " ".join(outside)


def _take(
    texts: dict[str, _Text], label: str, content: bytes, *, well_formed: bool, adjacent: bool
) -> None:
    key = label.lower()
    known = texts.get(key)
    if known is None:
        texts[key] = _Text(label, bytearray(content), well_formed)
        return
    if not adjacent:
        known.content.extend(b" ")
    known.content.extend(content)
    if not well_formed:
        texts[key] = known._replace(well_formed=False)


def _take_parameters(value: str, texts: dict[str, _Text]) -> list[bytes]:
    """Put the parameters of a value that name a charset into ``texts`` (RFC 2231 section 4).

    Returned are the 8-bit bytes of those that are percent-encoded and name none, against it.
    """
    unnamed: list[bytes] = []
    for sections in _extended_parameters(value).values():
        label: str | None = None
        content = b""
        well_formed = True
        for number, (text, percent) in sorted(sections.items()):
            if number == 0 and percent and text.count("'") >= 2:
                label, _, text = text.split("'", 2)
            raw = text.encode("latin-1", "replace")
            if percent:
                well_formed = well_formed and _BARE_PERCENT.search(raw) is None
                raw = unquote_to_bytes(raw)
            content += raw
        if label is not None:
            _take(texts, label.strip(), content, well_formed=well_formed, adjacent=False)
        elif not content.isascii() and any(percent for _, percent in sections.values()):
            unnamed.append(content[:RAW_LIMIT])
    return unnamed


def _extended_parameters(value: str) -> dict[str, dict[int, tuple[str, bool]]]:
    """Return the sections of each parameter with a star in its name, by name and number.

    A section is its text and whether percent signs encode bytes in it; of two of one number the
    first stands.
    """
    parameters: dict[str, dict[int, tuple[str, bool]]] = {}
    text = without_comments(value) if "(" in value else value
    for found in islice(PARAMETER.finditer(text), PARAMETER_LIMIT):
        parts = _EXTENDED_NAME.fullmatch(found[1] or "")
        if parts is None:
            continue
        section = found[3] if found[2] is None else QUOTED_PAIR.sub(r"\1", found[2])
        percent = parts[2] is None or parts[3] is not None
        sections = parameters.setdefault(parts[1].lower(), {})
        sections.setdefault(int(parts[2] or 0), (section, percent))
    return parameters


def _raw_content(value: str) -> bytes:
    """Return the value if it is short, else a piece of it from its first telling byte on."""
    if len(value) > RAW_LIMIT and (first := _RAW.search(value)):
        rest = value[first.start() :]
        value = rest if len(rest) <= RAW_LIMIT else _without_torn_word(rest[:RAW_LIMIT])
    return value.encode("latin-1", "replace")


def _without_torn_word(value: str) -> str:
    """Return a cut value up to its last blank, which is part of no multibyte character.

    Where the last blank is far back it stays whole, and may end within a character.
    """
    last = value.rfind(" ", len(value) // 2)
    return value if last < 0 else value[:last]
