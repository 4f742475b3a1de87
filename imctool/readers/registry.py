"""Registry exports as text: REGEDIT4, Windows Registry Editor Version 5.00, Regedt32.

The two .reg notations are described in Q310516; that a text may span lines, as NT 4.0's Regedit
writes one that holds a line end, is general knowledge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from imctool.model.evidence import Defect, EvidenceFile, Location
from imctool.model.settings import RegistryValue
from imctool.readers.registry_subtree import is_subtree, parse_subtree
from imctool.readers.text_file import Line, decode_text, numbered_lines, text_blocks

Data = str | int | bytes | tuple[str, ...]

_ANSI_HEADER = "REGEDIT4"
_UNICODE_HEADER = "Windows Registry Editor Version 5.00"

_QUOTED = r'[^"\\]*(?:\\.[^"\\]*)*'
_NAME = rf'(?:@|"{_QUOTED}")\s*='
_VALUE = re.compile(rf'(?:@|"(?P<name>{_QUOTED})")\s*=\s*(?P<data>.*)', re.DOTALL)
_TEXT = re.compile(rf'"(?P<text>{_QUOTED})"\s*(?:;.*)?', re.DOTALL)
_DWORD = re.compile(r"dword:([0-9a-f]{1,8})\s*(?:;.*)?", re.IGNORECASE)
_HEX = re.compile(r"hex(?:\(([0-9a-f]{1,8})\))?:(.*)", re.IGNORECASE | re.DOTALL)
_BYTES = re.compile(r"(?:[0-9a-fA-F]{1,2}(?:,[0-9a-fA-F]{1,2})*)?")
_ESCAPE = re.compile(r'\\(["\\])')

_NEXT_ITEM = re.compile(rf"\[|{_NAME}")
_OPEN_HEX = re.compile(rf"{_NAME}\s*hex[(:].*\\", re.IGNORECASE)
_OPEN_TEXT = re.compile(rf'{_NAME}\s*"{_QUOTED}')
_TEXT_ENDS = re.compile(rf'{_QUOTED}"\s*(?:;.*)?')

_REG_SZ, _REG_EXPAND_SZ, _REG_DWORD, _REG_MULTI_SZ = 1, 2, 4, 7


def read_registry_text(file: EvidenceFile) -> Iterator[RegistryValue | Defect]:
    """Yield the values of a registry export and its defects; see :func:`parse_registry_text`.

    A file that cannot be opened is one Defect with the system's reason.
    """
    try:
        yield from parse_registry_text(numbered_lines(text_blocks(file.path)), file.name)
    except OSError as error:
        yield Defect(file.location(), error.strerror or str(error))


def parse_registry_text(lines: Iterable[Line], name: str) -> Iterator[RegistryValue | Defect]:
    """Yield the values in the lines of an export of any kind, and a Defect for what is none.

    A value is located by the line it begins on; the default value of a key has the name "".
    Deleted keys and values (``[-key]``, ``"name"=-``) tell nothing of what was, and are left
    out. Texts written as bytes are ANSI under REGEDIT4 and UTF-16 under Version 5.00; under no
    header they stay bytes.
    """
    rest = iter(lines)
    for first in rest:
        if first[1].strip():
            lines = chain([first], rest)
            parse = parse_subtree if is_subtree(first[1]) else _parse_reg
            yield from parse(lines, name)
            return


def _parse_reg(lines: Iterable[Line], name: str) -> Iterator[RegistryValue | Defect]:
    """Yield the values of a .reg text."""
    key: str | None = None
    deleted = False
    unicode: bool | None = None
    for index, (number, line) in enumerate(_logical_lines(lines)):
        location = Location(name, line=number)
        text = line.strip()
        if text in (_ANSI_HEADER, _UNICODE_HEADER):
            unicode = text == _UNICODE_HEADER
            continue
        if index == 0:
            yield Defect(location, "no registry header: texts written as bytes are left so")
        if text.startswith("["):
            end = text.rfind("]")
            deleted = end < 0 or text.startswith("[-")
            key = text[1:end]
            if end < 0:
                yield Defect(location, "key without its closing bracket: its values are left out")
        elif text and not text.startswith(";") and not deleted:
            found = _VALUE.fullmatch(text)
            if found is None:
                yield Defect(location, "neither key nor value")
            elif key is None:
                yield Defect(location, "value outside of any key")
            elif found["data"] != "-":
                data = _data(found["data"], unicode)
                if data is None:
                    yield Defect(location, "value in an unknown notation")
                else:
                    yield RegistryValue(location, key, _unescape(found["name"] or ""), data)


def _logical_lines(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield each line with those that continue it: after a backslash, or to the closing quote.

    Neither goes past the next key or value, so that a cut value costs only itself.
    """
    start, parts, in_text = 0, list[str](), False
    for number, line in lines:
        if parts and not _NEXT_ITEM.match(line.lstrip()):
            parts.append(line)
            if _TEXT_ENDS.fullmatch(line) if in_text else not line.rstrip().endswith("\\"):
                yield start, _joined(parts, in_text)
                parts = []
            continue
        if parts:
            yield start, _joined(parts, in_text)
            parts = []
        in_text = bool(_OPEN_TEXT.fullmatch(line.strip()))
        if in_text or _OPEN_HEX.fullmatch(line.strip()):
            start, parts = number, [line]
        else:
            yield number, line
    if parts:
        yield start, _joined(parts, in_text)


def _joined(parts: list[str], in_text: bool) -> str:
    if in_text:
        return "\n".join(parts)
    return "".join(part.strip().removesuffix("\\") for part in parts)


def _data(written: str, unicode: bool | None) -> Data | None:
    """Return the data that the right side of a value names, None for an unknown notation."""
    if found := _TEXT.fullmatch(written):
        return _unescape(found["text"])
    if found := _DWORD.fullmatch(written):
        return int(found[1], 16)
    found = _HEX.fullmatch(written)
    if found is None or not _BYTES.fullmatch(digits := "".join(found[2].split())):
        return None
    data = bytes(int(pair, 16) for pair in digits.split(",") if pair)
    return typed_data(int(found[1], 16) if found[1] else None, data, unicode=unicode)


def typed_data(kind: int | None, data: bytes, *, unicode: bool | None) -> Data:
    """Return the raw data of a value as the type that its kind, a REG_ number of winnt.h, has.

    Texts are UTF-16 or, with ``unicode`` false, ANSI; where that is not known they stay bytes.
    What stands behind the NULs at a text's end is kept.
    """
    if kind == _REG_DWORD and len(data) == 4:
        return int.from_bytes(data, "little")
    if unicode is None or kind not in (_REG_SZ, _REG_EXPAND_SZ, _REG_MULTI_SZ):
        return data
    texts = _texts(data, unicode=unicode)
    return tuple(filter(None, texts)) if kind == _REG_MULTI_SZ else "\0".join(texts)


def _texts(data: bytes, *, unicode: bool) -> list[str]:
    """Return the NUL-ended texts in ``data``, without the empty ones at its end."""
    if unicode:
        return data.decode("utf-16-le", "replace").rstrip("\0").split("\0")
    return [decode_text(text) for text in data.rstrip(b"\0").split(b"\0")]


def _unescape(text: str) -> str:
    return _ESCAPE.sub(r"\1", text)
