"""What the header of a part declares, and the part made of it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from imctool.model.mail import Part
from imctool.readers.header_fields import field_key, parse_parameters, short_lines, short_value

STRUCTURE_FIELDS = frozenset({"content-type", "content-transfer-encoding", "content-disposition"})
"""The fields that tell the structure of a part, in lower case."""

Structure = dict[str, str]
"""The values of a part's STRUCTURE_FIELDS by lower-case name; of two of one name the first."""

# A part is made before the end of its body is known, and its size put in when it is. Setting the
# slots of the frozen class directly also takes half the time of calling it.
_new_part = object.__new__
_set_number = Part.__dict__["number"].__set__
_set_content_type = Part.__dict__["content_type"].__set__
_set_charset = Part.__dict__["charset"].__set__
_set_encoding = Part.__dict__["encoding"].__set__
_set_header_offset = Part.__dict__["header_offset"].__set__
_set_offset = Part.__dict__["offset"].__set__
set_size = Part.__dict__["size"].__set__
_set_embedded = Part.__dict__["embedded"].__set__
_set_filename = Part.__dict__["filename"].__set__
_set_encoded = Part.__dict__["encoded"].__set__


def made_part(
    number: str,
    kind: str,
    header: Declared,
    start: int,
    body: int,
    embedded: int,
    *,
    encoded: bool,
) -> Part:
    """Return a part without its size, which is put in when the end of its body is known."""
    _, charset, _, encoding, filename, _ = header
    part: Part = _new_part(Part)
    _set_number(part, number)
    _set_content_type(part, kind)
    _set_charset(part, charset)
    _set_encoding(part, encoding)
    _set_header_offset(part, start)
    _set_offset(part, body)
    _set_embedded(part, embedded)
    _set_filename(part, filename)
    _set_encoded(part, encoded)
    return part


class Declared(NamedTuple):
    """What the header of a part declares; ``content_type`` is None where nothing does."""

    content_type: str | None
    charset: str | None
    boundary: str | None
    encoding: str
    filename: str | None
    too_many_parameters: bool = False


def declared(structure: Structure) -> Declared:
    """Return what the STRUCTURE_FIELDS of a header declare.

    A Content-Type without a slash counts as text/plain (RFC 2045 section 5.2).
    """
    text = structure.get("content-type")
    encoding = structure.get("content-transfer-encoding", "")
    disposition = structure.get("content-disposition")
    if text is None or len(text) < 60:  # most of a spool's are the same few
        return _declared_once(text, encoding, disposition)
    return _declare(text, encoding, disposition)


def _declare(text: str | None, encoding: str, disposition: str | None) -> Declared:
    content_type, charset, boundary, filename, too_many = None, None, None, None, False
    if text is not None:
        content_type, parameters, too_many = parse_parameters(text)
        if "/" not in content_type:
            content_type = "text/plain"
        charset = parameters.get("charset")
        if charset is not None:
            charset = charset.strip()
        boundary = parameters.get("boundary")
        filename = parameters.get("name")
    if encoding:
        encoding = parse_parameters(encoding).value
    if disposition is not None:
        filename = parse_parameters(disposition).parameters.get("filename", filename)
    return Declared(content_type, charset, boundary, encoding, filename, too_many)


_declared_once = lru_cache(maxsize=1024)(_declare)


@lru_cache(maxsize=256)
def declared_in(raw: bytes, gap: int) -> Declared | None:
    """Return what a short header declares, None if there is anything unusual about it.

    The headers of text parts are the same in most mail, so that few are read twice.
    """
    lines = short_lines(raw, gap)
    if lines is None:
        return None
    structure: Structure = {}
    for line in lines:
        name, colon, rest = line.partition(":")
        key = field_key(name)
        if key is None or not colon:
            return None
        if key in STRUCTURE_FIELDS and key not in structure:
            structure[key] = short_value(rest)
    return declared(structure)
