"""The text that Regedt32 of Windows NT 4.0 writes by Save Subtree As.

General knowledge, no document: ``Key Name:``, ``Class Name:`` and ``Last Write Time:`` head each
key, each value has its ``Name:``, ``Type:`` and ``Data:``, and binary data follow as a dump.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from imctool.model.evidence import Defect, Location
from imctool.model.settings import RegistryValue
from imctool.readers.text_file import Line

_KEY = re.compile(r"Key Name:(.*)")
_KEY_DETAIL = re.compile(r"(?:Class Name|Last Write Time):.*")
_VALUE = re.compile(r"Value \d+\s*")
_FIELD = re.compile(r"  (Name|Type|Data):(.*)")
_DUMP = re.compile(r"([0-9a-fA-F]{8})\s{1,4}(.{0,49}).*")
_PAIR = re.compile(r"\b[0-9a-fA-F]{2}\b")
_NUMBER = re.compile(r"(?:0x)?([0-9a-fA-F]{1,8})")


@dataclass(slots=True)
class _Value:
    """The lines of one value, as far as they have been read."""

    key: str
    name: str
    location: Location
    type: str = ""
    data: list[str] = field(default_factory=list)


def is_subtree(line: str) -> bool:
    """Whether a text that begins with ``line`` has the form that Regedt32 writes."""
    return _KEY.fullmatch(line) is not None


def parse_subtree(lines: Iterable[Line], name: str) -> Iterator[RegistryValue | Defect]:
    """Yield the values in the lines of a subtree, and a Defect for what is none.

    A value is located by the line of its name; the default value of a key has the name "".
    """
    key = ""
    value: _Value | None = None
    for number, line in lines:
        location = Location(name, line=number)
        found = _FIELD.fullmatch(line)
        text = found[2].strip() if found else line.strip()
        if found and found[1] == "Name":
            yield from _finished(value)
            value = _Value(key, "" if text == "<NO NAME>" else text, location)
        elif found and value and found[1] == "Type" and not value.type:
            value.type = text
        elif found and value and found[1] == "Data" and not value.data:
            value.data.append(text)
        elif (head := _KEY.fullmatch(line)) or _VALUE.fullmatch(line):
            yield from _finished(value)
            value = None
            key = head[1].strip() if head else key
        elif value and value.data and text:
            value.data.append(line.strip())
        elif text and not _KEY_DETAIL.fullmatch(line):
            yield Defect(location, "neither key nor value")
    yield from _finished(value)


def _finished(value: _Value | None) -> Iterator[RegistryValue | Defect]:
    if value is None:
        return
    data = _data(value.type, value.data)
    if data is None:
        yield Defect(value.location, f"{value.type or 'value'} without data that can be read")
    else:
        yield RegistryValue(value.location, value.key, value.name, data)


def _data(kind: str, lines: list[str]) -> str | int | bytes | tuple[str, ...] | None:
    """Return the data of a value by its type, None where the lines do not hold such data."""
    if kind in ("REG_SZ", "REG_EXPAND_SZ"):
        return "\n".join(lines)
    if kind == "REG_MULTI_SZ":
        return tuple(line for line in lines if line)
    if kind == "REG_DWORD":
        number = _NUMBER.fullmatch("".join(lines))
        return int(number[1], 16) if number else None
    data = bytearray()
    for line in filter(None, lines):
        row = _DUMP.fullmatch(line)
        if row is None or int(row[1], 16) != len(data):
            return None
        data += bytes(int(pair, 16) for pair in _PAIR.findall(row[2]))
    return bytes(data)
