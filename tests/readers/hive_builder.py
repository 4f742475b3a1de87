"""Registry hives made of keys and values, as NT 4.0 lays them out (format 1.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

SZ, EXPAND_SZ, BINARY, DWORD, MULTI_SZ = 1, 2, 3, 4, 7

BINS = 4096
ROOT = 32
"""Offset of the root key, the first cell of the first bin."""

NONE = 0xFFFFFFFF


@dataclass
class Value:
    """One value by the number of its type, its data as they stand in the file."""

    name: str
    kind: int
    data: bytes


@dataclass
class Key:
    """One key with what lies below it; ``leaf`` is the kind of list that names its subkeys."""

    name: str
    values: list[Value] = field(default_factory=list)
    subkeys: list[Key] = field(default_factory=list)
    leaf: bytes = b"lf"

    def below(self, path: str) -> Key:
        """Return the key of that path below this one, made if it is not there."""
        key = self
        for name in path.split("\\"):
            found = [one for one in key.subkeys if one.name == name]
            key.subkeys += [] if found else [Key(name)]
            key = found[0] if found else key.subkeys[-1]
        return key


def text(name: str, content: str) -> Value:
    """Return a REG_SZ."""
    return Value(name, SZ, (content + "\0").encode("utf-16-le"))


def number(name: str, content: int) -> Value:
    """Return a REG_DWORD."""
    return Value(name, DWORD, (content & 0xFFFFFFFF).to_bytes(4, "little"))


def texts(name: str, *content: str) -> Value:
    """Return a REG_MULTI_SZ."""
    return Value(name, MULTI_SZ, "".join(one + "\0" for one in (*content, "")).encode("utf-16-le"))


def binary(name: str, content: bytes) -> Value:
    """Return a REG_BINARY."""
    return Value(name, BINARY, content)


def build_hive(root: Key, *, sequence: tuple[int, int] = (7, 7)) -> bytes:
    """Return the hive of these keys; with two ``sequence`` numbers, one that was being written."""
    cells = _Cells()
    cells.add_keys(root)
    size = -(-len(cells.bytes) // 4096) * 4096
    free = size - len(cells.bytes)
    bins = bytes(cells.bytes) + (struct.pack("<i", free) + bytes(free - 4) if free else b"")
    bins = struct.pack("<4sII8xQI", b"hbin", 0, size, 0, 0) + bins[32:]
    name = "emRoot\\System32\\Config\\SYSTEM".encode("utf-16-le")
    numbers = (*sequence, 0x01BE0000_00000000, 1, 3, 0, 1, ROOT, size, 1)
    header = b"regf" + struct.pack("<IIQIIIIIII", *numbers) + name.ljust(64, b"\0")
    return sealed(header.ljust(BINS, b"\0") + bins)


def sealed(hive: bytes) -> bytes:
    """Return the hive with the checksum that its header asks for."""
    total = 0
    for (word,) in struct.iter_unpack("<I", hive[:508]):
        total ^= word
    return hive[:508] + struct.pack("<I", total) + hive[512:]


class _Cells:
    """The cells of a hive's only bin, one behind the other."""

    def __init__(self) -> None:
        self.bytes = bytearray(ROOT)

    def add(self, content: bytes) -> int:
        offset = len(self.bytes)
        size = -(-(len(content) + 4) // 8) * 8
        self.bytes += struct.pack("<i", -size) + content.ljust(size - 4, b"\0")
        return offset

    def add_keys(self, root: Key) -> None:
        """Add a key and all below it: each list of subkeys stands before what lies below them."""
        self.fill(root, self.add_node(root), parent=0, flags=0x0C)

    def add_node(self, key: Key) -> int:
        return self.add(bytes(76 + len(_name(key.name)[0])))

    def fill(self, key: Key, offset: int, parent: int, flags: int = 0) -> None:
        name, plain = _name(key.name)
        values = [self.add_value(one) for one in key.values]
        value_list = self.add(struct.pack(f"<{len(values)}I", *values)) if values else NONE
        keys = [(self.add_node(one), one.name) for one in key.subkeys]
        key_list = self.add_list(key.leaf, keys) if keys else NONE
        numbers = (parent, len(keys), 0, key_list, NONE, len(values), value_list, NONE, NONE)
        head = struct.pack("<HQ4x9I20xHH", flags | 0x20 * plain, 0, *numbers, len(name), 0)
        self.bytes[offset + 4 : offset + 80 + len(name)] = b"nk" + head + name
        for one, (place, _) in zip(key.subkeys, keys, strict=True):
            self.fill(one, place, offset)

    def add_list(self, leaf: bytes, keys: list[tuple[int, str]]) -> int:
        if leaf == b"ri":
            half = len(keys) // 2
            lists = [self.add_list(b"li", keys[:half]), self.add_list(b"lf", keys[half:])]
            return self.add(b"ri" + struct.pack("<H2I", 2, *lists))
        entries = b""
        for offset, name in keys:
            hint = {b"li": b"", b"lf": _name(name)[0][:4].ljust(4, b"\0"), b"lh": _hash(name)}
            entries += struct.pack("<I", offset) + hint[leaf]
        return self.add(leaf + struct.pack("<H", len(keys)) + entries)

    def add_value(self, value: Value) -> int:
        name, plain = _name(value.name)
        size = len(value.data)
        if size <= 4:
            place, size = int.from_bytes(value.data.ljust(4, b"\0"), "little"), size | 1 << 31
        else:
            place = self.add(value.data)
        numbers = (len(name), size, place, value.kind, plain)
        return self.add(b"vk" + struct.pack("<HIIIHxx", *numbers) + name)


def _name(name: str) -> tuple[bytes, bool]:
    """Return a name as it is kept: a byte a character where each character fits one."""
    try:
        return name.encode("latin-1"), True
    except UnicodeEncodeError:
        return name.encode("utf-16-le"), False


def _hash(name: str) -> bytes:
    value = 0
    for character in name.upper():
        value = (value * 37 + ord(character)) & 0xFFFFFFFF
    return value.to_bytes(4, "little")
