"""Reads a manifest that ``recover`` or an export wrote: which files it names, and how they were.

Every key is known, has its type, and stands there once, or the manifest cannot be relied on.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from imctool.model.export import ExportForm
from imctool.model.recovery import MessageForm
from imctool.readers.discovery import printable
from imctool.readers.file_buffer import WINDOW, NotRegularFileError, open_binary
from imctool.repair.json_stream import JsonStream, JsonStreamError
from imctool.repair.manifest import ENDING_LENGTH, EXPORT_SCHEMA, RECOVERY_SCHEMA, ending

_HASH = re.compile(r"[0-9a-f]{64}")


class ManifestError(ValueError):
    """A manifest cannot be relied on; the text names it, line or offset, and says why."""


class NamedEntry(NamedTuple):
    """A message's part of an mbox, and the spool file that it was made of."""

    offset: int
    size: int
    sha256: str
    source: str


@dataclass(slots=True)
class NamedFile:
    """A file that a manifest names, as it was then; the hash is in hex.

    ``entries`` are the parts of an mbox of which the manifest has the hashes: all of it, or none.
    """

    path: str
    size: int
    sha256: str
    entries: list[NamedEntry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest names, in its order: files in its folder, and files of the evidence.

    ``is_unchanged`` tells whether its own check is right, None where it has none.
    """

    schema: str
    files: tuple[NamedFile, ...]
    evidence: tuple[NamedFile, ...]
    is_unchanged: bool | None


def read_manifest(path: Path) -> Manifest:
    """Return what a manifest of ``imctool/recovery/1`` or ``imctool/export/1`` names.

    It is read as a stream: memory grows with the files it names, not with the recipients. Raises
    ManifestError where it is neither, or is damaged, and OSError where it cannot be read.
    """
    with open_binary(path) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise NotRegularFileError
        found = _check(stream)
        stream.seek(0)
        reading = _Reading(JsonStream(stream))
        try:
            reading.read()
        except (JsonStreamError, ManifestError) as error:
            raise ManifestError(f"{printable(path.name)}: {error}") from None
    return Manifest(
        reading.schema,
        tuple(reading.files.values()),
        tuple(reading.evidence.values()),
        found if reading.has_check else None,
    )


def _check(stream: BinaryIO) -> bool:
    """Return whether the file ends in the hash of what stands before, as ``sealed`` writes it."""
    left = stream.seek(0, os.SEEK_END) - ENDING_LENGTH
    if left < 0:
        return False
    digest = hashlib.sha256()
    stream.seek(0)
    while left > 0 and (block := stream.read(min(left, WINDOW))):
        digest.update(block)
        left -= len(block)
    return stream.read() == ending(digest.hexdigest())


_Kind = Callable[[JsonStream], Any]


def _text(stream: JsonStream) -> str:
    return stream.text()


def _text_or_null(stream: JsonStream) -> str | None:
    return None if stream.is_null() else stream.text()


def _number(stream: JsonStream) -> int:
    return stream.number()


def _number_or_null(stream: JsonStream) -> int | None:
    return None if stream.is_null() else stream.number()


def _truth(stream: JsonStream) -> bool:
    return stream.truth()


def _hash(stream: JsonStream) -> str:
    text = stream.text()
    if _HASH.fullmatch(text) is None:
        raise stream.error("a text where a hash has to stand: 64 digits, 0-9 and a-f")
    return text


def _texts(stream: JsonStream) -> int:
    """Return how many texts a list has; they are not kept."""
    count = 0
    for _ in stream.items():
        stream.text()
        count += 1
    return count


def _one_of(*allowed: str) -> _Kind:
    def read(stream: JsonStream) -> str:
        text = stream.text()
        if text not in allowed:
            raise stream.error(f"{text[:40]!a} where one of {', '.join(allowed)} has to stand")
        return text

    return read


def _values(
    stream: JsonStream,
    names: Iterator[str],
    required: Mapping[str, _Kind],
    optional: Mapping[str, _Kind],
) -> dict[str, Any]:
    """Return the values of an object whose members begin with ``names``, all of them checked."""
    values: dict[str, Any] = {}
    for name in names:
        kind = required.get(name) or optional.get(name)
        if kind is None:
            raise stream.error(f"an unknown key, {name[:40]!a}")
        values[name] = kind(stream)
    if missing := [name for name in required if name not in values]:
        raise stream.error(f"the key {missing[0]} is missing in what ends here")
    return values


def _object(
    stream: JsonStream, required: Mapping[str, _Kind], optional: Mapping[str, _Kind] | None = None
) -> dict[str, Any]:
    return _values(stream, stream.members(), required, optional or {})


def _log(stream: JsonStream) -> dict[str, Any]:
    return _object(stream, {"path": _text, "line": _number, "last_line": _number_or_null})


_FILE: dict[str, _Kind] = {"size": _number, "sha256": _hash}
_COMMON: dict[str, _Kind] = {
    "file": _text, **_FILE, "text_size": _number, "text_sha256": _hash, "originator": _text_or_null,
    "recipients": _texts, "recipient_count": _number, "message_id": _text_or_null,
    "spool_name": _text_or_null, "inferred": _texts, "notes": _texts,
}  # fmt: skip
_RECOVERED: dict[str, _Kind] = {
    **_COMMON, "log": _log, "peer": _text, "started": _text_or_null, "ended": _text_or_null,
    "refused_count": _number, "mts_id": _text_or_null, "subject": _text_or_null, "fate": _text,
    "complete": _truth, "damage": _texts, "doubled_dots": _number,
}  # fmt: skip
_RECOVERED_TOO: dict[str, _Kind] = {"offset": _number, "assumed_zone": _truth}
_EXPORTED: dict[str, _Kind] = {
    **_COMMON, "source": _text, "source_size": _number, "source_sha256": _hash,
    "moment": _text_or_null,
}  # fmt: skip
_EXPORTED_TOO: dict[str, _Kind] = {
    "offset": _number, "entry_size": _number, "entry_sha256": _hash
}  # fmt: skip


class _Reading:
    """What was read of a manifest so far."""

    def __init__(self, stream: JsonStream) -> None:
        self.schema = ""
        self.files: dict[str, NamedFile] = {}
        self.evidence: dict[str, NamedFile] = {}
        self.has_check = False
        self._stream = stream
        self._without_offset = self._with_offset = 0

    def read(self) -> None:
        """Read the whole document; its first key has to be its schema.

        Raises JsonStreamError, and ManifestError where it contradicts itself.
        """
        stream = self._stream
        names = stream.members()
        if next(names, None) != "schema":
            raise stream.error("its first key is not its schema: it is no manifest of imctool")
        self.schema = stream.text()
        if self.schema == RECOVERY_SCHEMA:
            values = _values(stream, names, self._recovery_keys(), {"check": _hash})
        elif self.schema == EXPORT_SCHEMA:
            values = _values(stream, names, self._export_keys(), {})
        else:
            shown = ascii(self.schema[:40])
            raise stream.error(f"its schema is {shown}, which this version does not know")
        stream.end()
        self.has_check = "check" in values
        is_mbox = values["form"] == MessageForm.MBOX
        if self._without_offset if is_mbox else self._with_offset:
            raise ManifestError(f"its form is {values['form']}, but not that of every message")
        for file in self.files.values():
            if file.entries and not _is_whole(file):
                raise ManifestError(f"the entries of {file.path!a} are not the whole of it")

    def _recovery_keys(self) -> dict[str, _Kind]:
        return {
            "form": _one_of(*MessageForm),
            "logs": self._logs,
            "messages": self._recovered,
        }

    def _export_keys(self) -> dict[str, _Kind]:
        return {
            "version": _text,
            "form": _one_of(*ExportForm),
            "line_ends": _one_of("kept", "lf"),
            "messages": self._exported,
            "check": _hash,
        }

    def _logs(self, stream: JsonStream) -> None:
        for _ in stream.items():
            one = _object(stream, {"path": _text, **_FILE})
            self._name(self.evidence, one["path"], one["size"], one["sha256"])

    def _recovered(self, stream: JsonStream) -> None:
        for _ in stream.items():
            one = _object(stream, _RECOVERED, _RECOVERED_TOO)
            self._file(one)

    def _exported(self, stream: JsonStream) -> None:
        for _ in stream.items():
            one = _object(stream, _EXPORTED, _EXPORTED_TOO)
            if one["recipients"] != one["recipient_count"]:
                raise stream.error("not as many recipients as are counted in what ends here")
            entry = [name in one for name in _EXPORTED_TOO]
            if any(entry) and not all(entry):
                raise stream.error("only a part of what tells an entry of an mbox")
            self._name(self.evidence, one["source"], one["source_size"], one["source_sha256"])
            file = self._file(one)
            if all(entry):
                where = one["offset"], one["entry_size"], one["entry_sha256"]
                file.entries.append(NamedEntry(*where, one["source"]))

    def _file(self, one: Mapping[str, Any]) -> NamedFile:
        if "offset" in one:
            self._with_offset += 1
        else:
            self._without_offset += 1
        return self._name(self.files, one["file"], one["size"], one["sha256"])

    def _name(self, named: dict[str, NamedFile], path: str, size: int, sha256: str) -> NamedFile:
        file = named.setdefault(path, NamedFile(path, size, sha256))
        if (file.size, file.sha256) != (size, sha256):
            raise self._stream.error(f"{path[:80]!a} once more, and not the same")
        return file


def _is_whole(file: NamedFile) -> bool:
    """Whether each entry begins where the one before ends, and the last ends with the file."""
    end = 0
    for one in file.entries:
        if one.offset != end or not one.size:
            return False
        end += one.size
    return end == file.size
