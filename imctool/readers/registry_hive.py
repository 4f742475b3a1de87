"""Registry hives, the files that Windows NT keeps its registry in (SYSTEM, SOFTWARE, saved parts).

No document of Microsoft describes the format; what is read here is general knowledge, sampled on
real hives. The layouts of header, key and value come from the optional package ``regipy``. The
way from one to the next is gone here: each cell is used once, so that a damaged hive costs only
what is damaged, and no hive takes more time than its size allows.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from imctool.model.evidence import Defect, EvidenceFile, Location
from imctool.model.settings import RegistryValue
from imctool.readers.file_buffer import Buffer, file_buffer
from imctool.readers.registry import Data, typed_data

SUBTREES = (
    r"SYSTEM\CurrentControlSet\Services\MSExchange*",
    r"SYSTEM\CurrentControlSet\Control\TimeZoneInformation",
    r"SYSTEM\CurrentControlSet\Control\Nls\CodePage",
    r"SYSTEM\CurrentControlSet\Control\ComputerName",
    r"SOFTWARE\Classes\MIME\Database",
    r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones",
)
"""What is read of a hive, with all that lies below; ``*`` is any end of a name.

An export was made of chosen keys and is read whole; a hive holds the whole machine.
"""

_MISSING = 'reading registry hives needs the package regipy: pip install "imctool[registry]"'
_CHANGING = "hive was copied while it changed, or not closed: its last changes are not in it"
_LOG = "log of a hive's last changes: holds no keys that could be read without the hive"
_ELSEWHERE = "neither SYSTEM nor SOFTWARE hive, nor a saved part of them that is used: not read"

_MACHINE = "HKEY_LOCAL_MACHINE"
_PATHS = tuple(tuple(one.split("\\")) for one in SUBTREES)
_CONTROL_SET = re.compile(r"(?:ControlSet\d{3}|CurrentControlSet)", re.IGNORECASE)

_BINS = 4096
"""Where the cells begin; all offsets in a hive count from here."""

_FILE_NAME = slice(48, 112)
"""A path for debugging, and whatever lay behind it in memory: no text to be relied on."""

_LONGEST_NAME, _DEEPEST = 255, 32
"""A key's name has 255 characters at most (documented); no key in use lies nearly so deep."""

_IN_PLACE = 1 << 31
"""Set in a value's size where its data, four bytes at most, stand in place of their offset."""

_SEGMENTED = 16_344
"""From this size on, Windows XP and later, whose hives are 1.4 and up, divide a value's data."""

Read = TypeVar("Read")


class _DamagedError(ValueError):
    """A cell that cannot be what the hive says it is."""


@dataclass(frozen=True, slots=True)
class _Key:
    """A key node: ``offset`` is where its cell stands in the file, ``node`` its fields."""

    name: str
    offset: int
    node: Any


@dataclass(frozen=True, slots=True)
class _Value:
    name: str
    offset: int
    data: Data


class _Reach(Enum):
    """How a key lies to the subtrees that are read."""

    OUTSIDE = 0
    TOWARDS = 1
    INSIDE = 2


def read_registry_hive(file: EvidenceFile) -> Iterator[RegistryValue | Defect]:
    """Yield the values of a hive under :data:`SUBTREES`, and its defects; see :func:`scan_hive`.

    A file that cannot be opened is one Defect with the system's reason.
    """
    try:
        with file_buffer(file.path) as content:
            yield from scan_hive(content, file.name)
    except OSError as error:
        yield Defect(file.location(), error.strerror or str(error))


def scan_hive(content: Buffer, name: str) -> Iterator[RegistryValue | Defect]:
    """Yield the values of a hive under :data:`SUBTREES`, and a Defect for what is damaged.

    Keys are spelled as Regedit exports them, and the control set that ``Select`` names is
    CurrentControlSet. Which hive it is, its keys tell; for a part saved by itself, the name of
    its root key does (inferred). Values and defects are located by the offset of their cell. A
    hive whose last changes had not all been written is told by a Defect and read as it is.
    Without the package ``regipy`` one Defect says how to install it.
    """
    if content[512:516] in {b"DIRT", b"HvLE"}:
        yield Defect(Location(name), _LOG)
        return
    try:
        import regipy.structs  # noqa: F401
    except ImportError:
        yield Defect(Location(name), _MISSING)
        return
    hive = _Hive(content, name)
    try:
        header = hive.header()
    except _DamagedError as damage:
        yield Defect(Location(name, offset=0), str(damage))
        return
    yield from _header_defects(header, content, name)
    try:
        root = hive.root(header.root_key_offset)
    except _DamagedError as damage:
        yield Defect(Location(name, offset=_BINS), f"root key: {damage}")
        return
    yield from _values_below(hive, root)


def _header_defects(header: Any, content: Buffer, name: str) -> Iterator[Defect]:
    location = Location(name, offset=0)
    if header.primary_sequence_num != header.secondary_sequence_num:
        yield Defect(location, _CHANGING)
    total = 0
    for (word,) in struct.iter_unpack("<I", content[:508]):
        total ^= word
    if header.checksum != {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(total, total):
        yield Defect(location, "the header does not agree with its checksum")
    size = _BINS + header.hive_bins_data_size
    if len(content) < size:
        yield Defect(location, f"cut: {len(content)} of {size} bytes are there")


class _Hive:
    """The cells of one hive. Each is given out once, and all together never exceed the file."""

    def __init__(self, content: Buffer, name: str) -> None:
        self._content = content
        self._name = name
        self._used: set[int] = set()
        self._left = len(content)

    def location(self, offset: int) -> Location:
        """Return a place in the hive."""
        return Location(self._name, offset=offset)

    def header(self) -> Any:
        """Return the fields of the file's header. Raises _DamagedError."""
        from regipy.structs import REGF_HEADER

        head = bytearray(self._content[:512])
        head[_FILE_NAME] = bytes(64)
        return _parsed(REGF_HEADER, bytes(head), "header of a hive")

    def root(self, offset: int) -> _Key:
        """Return the root key, or the first key of the first bin. Raises _DamagedError."""
        try:
            return self._key(offset)
        except _DamagedError:
            if offset == 32:
                raise
            return self._key(32)

    def subkeys(self, key: _Key) -> tuple[list[_Key], list[Defect]]:
        """Return the keys right below one, and what is wrong with their list."""
        count = key.node.subkey_count
        if not count:
            return [], []
        try:
            listed = self._listed(key.node.subkeys_list_offset)
        except _DamagedError as damage:
            listed = [damage]
        if len(listed) < count:
            listed.append(_DamagedError("their list is shorter"))
        return self._each(listed, self._key, key, "subkeys")

    def values(self, key: _Key) -> tuple[list[_Value], list[Defect]]:
        """Return the values of a key, and what is wrong with their list."""
        count = key.node.values_count
        if not count:
            return [], []
        listed: list[int | _DamagedError] = []
        try:
            cell = self._cell(key.node.values_list_offset)
        except _DamagedError as damage:
            listed.append(damage)
        else:
            listed.extend(_offsets(cell, count, "<I"))
            if len(listed) < count:
                listed.append(_DamagedError("their list is shorter"))
        return self._each(listed, self._value, key, "values")

    def _each(
        self,
        listed: Sequence[int | _DamagedError],
        read: Callable[[int], Read],
        key: _Key,
        what: str,
    ) -> tuple[list[Read], list[Defect]]:
        """Return what can be read of a list, and one Defect for all that cannot."""
        found: list[Read] = []
        damages = [one for one in listed if isinstance(one, _DamagedError)]
        for one in listed:
            try:
                if isinstance(one, int):
                    found.append(read(one))
            except _DamagedError as damage:
                damages.append(damage)
        if not damages:
            return found, []
        reason = f"key {key.name}: not all {what} can be read, {len(found)} could: {damages[0]}"
        return found, [Defect(self.location(key.offset), reason)]

    def _listed(self, offset: int, *, within_root: bool = False) -> list[int | _DamagedError]:
        """Return the offsets of keys in a list of any kind, and the damage of lists it names."""
        cell = self._cell(offset)
        kind, count = cell[:2], int.from_bytes(cell[2:4], "little")
        if kind in {b"lf", b"lh"}:
            return list(_offsets(cell[4:], count, "<I4x"))
        if kind == b"li":
            return list(_offsets(cell[4:], count, "<I"))
        if kind != b"ri" or within_root:
            raise _DamagedError("no list of keys where one should be")
        found: list[int | _DamagedError] = []
        for one in _offsets(cell[4:], count, "<I"):
            try:
                found += self._listed(one, within_root=True)
            except _DamagedError as damage:
                found.append(damage)
        return found

    def _key(self, offset: int) -> _Key:
        from regipy.structs import CM_KEY_NODE

        cell = self._cell(offset)
        if cell[:2] != b"nk":
            raise _DamagedError("no key where one should be")
        node = _parsed(CM_KEY_NODE, cell[2:], "key")
        plain = node.flags.KEY_COMP_NAME
        name = _text(node.key_name_string, node.key_name_size, plain=plain)
        if not 0 < len(name) <= _LONGEST_NAME:
            raise _DamagedError("key with an impossible name")
        return _Key(name, _BINS + offset, node)

    def _value(self, offset: int) -> _Value:
        from regipy.structs import VALUE_KEY

        value = _parsed(VALUE_KEY, self._cell(offset), "value")
        name = _text(value.name, value.name_size, plain=value.flags.VALUE_COMP_NAME)
        size = value.data_size & ~_IN_PLACE
        if value.data_size & _IN_PLACE:
            data = value.data_offset.to_bytes(4, "little")[:size]
        else:
            data = self._cell(value.data_offset)[:size] if size else b""
        if size > _SEGMENTED and data.startswith(b"db"):
            raise _DamagedError("data in segments, as later Windows divides them, are not read")
        if len(data) < size:
            raise _DamagedError("value without all of its data")
        return _Value(name, _BINS + offset, typed_data(int(value.data_type), data, unicode=True))

    def _cell(self, offset: int) -> bytes:
        """Return what a cell holds. Raises _DamagedError."""
        start = _BINS + offset
        if offset % 8 or start + 4 > len(self._content):
            raise _DamagedError("offset outside of the hive")
        if offset in self._used:
            raise _DamagedError("cell that is in use elsewhere")
        length = -int.from_bytes(self._content[start : start + 4], "little", signed=True)
        if length < 8:
            raise _DamagedError("cell that is not in use")
        if start + length > len(self._content):
            raise _DamagedError("cell goes on behind the end of the file")
        self._left -= length
        if self._left < 0:
            raise _DamagedError("cells overlap")
        self._used.add(offset)
        return self._content[start + 4 : start + length]


def _parsed(layout: Any, data: bytes, what: str) -> Any:
    """Return the fields of a structure. Raises _DamagedError where ``data`` do not hold it."""
    from construct import ConstructError

    try:
        return layout.parse(data)
    except (ConstructError, struct.error) as error:
        raise _DamagedError(f"no {what} where one should be") from error


def _offsets(data: bytes, count: int, form: str) -> Iterator[int]:
    """Yield the first of each entry's numbers, for as many entries as are stated and there."""
    width = struct.calcsize(form)
    for (offset,) in struct.iter_unpack(form, data[: min(count, len(data) // width) * width]):
        yield offset


def _text(data: bytes, size: int, *, plain: bool) -> str:
    """Return a name; ``plain`` ones keep one byte a character, the low half of its UTF-16."""
    if len(data) < size:
        raise _DamagedError("name goes on behind its cell")
    return data.decode("latin-1") if plain else data.decode("utf-16-le", "replace")


def _values_below(hive: _Hive, root: _Key) -> Iterator[RegistryValue | Defect]:
    """Yield the values of all keys in use below the root, by what hive it is the root of."""
    subkeys, defects = hive.subkeys(root)
    yield from defects
    names = {one.name.lower() for one in subkeys}
    if any(_CONTROL_SET.fullmatch(one) for one in names):
        yield from _current_control_set(hive, root, subkeys)
    elif names & {"microsoft", "classes"}:
        yield from _walk(hive, root, ("SOFTWARE",), subkeys)
    elif above := _place(root.name, names):
        yield from _walk(hive, root, (*above, root.name), subkeys)
    elif not defects:
        yield Defect(hive.location(root.offset), _ELSEWHERE)


def _current_control_set(
    hive: _Hive, root: _Key, subkeys: Sequence[_Key]
) -> Iterator[RegistryValue | Defect]:
    """Yield the values of the control set that ``Select\\Current`` names.

    Where it names none that is there, the first one is read, under its own name.
    """
    current = None
    for key in subkeys:
        if key.name.lower() == "select":
            values, defects = hive.values(key)
            yield from defects
            current = next((one.data for one in values if one.name.lower() == "current"), None)
    sets = {one.name.lower(): one for one in subkeys if _CONTROL_SET.fullmatch(one.name)}
    found = sets.get(f"controlset{current:03d}") if isinstance(current, int) else None
    if found is not None:
        yield from _walk(hive, found, ("SYSTEM", "CurrentControlSet"))
        return
    first = sets[min(sets)]
    reason = f"Select\\Current names no control set that is there: {first.name} is read"
    yield Defect(hive.location(root.offset), reason)
    yield from _walk(hive, first, ("SYSTEM", first.name))


def _walk(
    hive: _Hive, top: _Key, path: tuple[str, ...], known: Sequence[_Key] | None = None
) -> Iterator[RegistryValue | Defect]:
    """Yield the values of the keys in use from ``top`` on; ``known`` are its keys if read."""
    waiting = [(top, path)]
    while waiting:
        key, path = waiting.pop()
        reach = _reach(path)
        if reach is _Reach.OUTSIDE:
            continue
        if reach is _Reach.INSIDE:
            values, defects = hive.values(key)
            yield from defects
            name = "\\".join((_MACHINE, *path))
            for value in values:
                yield RegistryValue(hive.location(value.offset), name, value.name, value.data)
        if len(path) >= _DEEPEST:
            yield Defect(hive.location(key.offset), f"key {key.name}: what lies below is not read")
            continue
        if known is None:
            subkeys, defects = hive.subkeys(key)
            yield from defects
        else:
            subkeys, known = list(known), None
        waiting += [(one, (*path, one.name)) for one in reversed(subkeys)]


def _reach(path: tuple[str, ...]) -> _Reach:
    for wanted in _PATHS:
        if all(map(_matches, wanted, path)):
            return _Reach.INSIDE if len(path) >= len(wanted) else _Reach.TOWARDS
    return _Reach.OUTSIDE


def _matches(wanted: str, name: str) -> bool:
    """Return whether a key's name is the one on the way to a subtree."""
    name, wanted = name.lower(), wanted.lower()
    if wanted == "currentcontrolset":
        return _CONTROL_SET.fullmatch(name) is not None
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted


def _place(root: str, below: Collection[str]) -> tuple[str, ...]:
    """Return the path above the root of a saved part, () where its name tells none.

    The name alone is enough for a subtree itself; for a key on the way to one, the next key of
    that way has to be there too.
    """
    for wanted in _PATHS:
        for depth, name in enumerate(wanted):
            rest = wanted[depth + 1 : depth + 2]
            if _matches(name, root) and all(any(_matches(one, n) for n in below) for one in rest):
                return wanted[:depth]
    return ()
