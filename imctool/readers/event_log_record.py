"""One record of a binary Windows NT event log (EVENTLOGRECORD) as an event.

Layout: EVENTLOGRECORD in the Windows SDK, and the documentation of libevt.
"""

from __future__ import annotations

import struct
from codecs import utf_16_le_decode
from datetime import UTC, datetime

from imctool.model.event import Event, Retrieval
from imctool.model.evidence import Location

_FIXED = struct.Struct("<8xII4xH2x3H6x5I")
"""Number, time generated, event id, type, strings, category, then the offset of the strings,
size and offset of the SID, size and offset of the data."""
FIXED_LENGTH = 56
SHORTEST = FIXED_LENGTH + 4
_NUMBER = struct.Struct("<I")
_REMEMBERED, _LONG = 10_000, 1024
"""How many texts are remembered, and the most bytes of one that is."""

_TYPES = {
    0: "Success",
    1: "Error",
    2: "Warning",
    4: "Information",
    8: "Success Audit",
    16: "Failure Audit",
}


def record_number(raw: bytes) -> int:
    """Return the number of the record whose bytes are ``raw``."""
    number: int = _NUMBER.unpack_from(raw, 8)[0]
    return number


def is_beginning(raw: bytes, length: int) -> bool:
    """Whether ``raw`` is a record of ``length`` bytes as far as it goes, its fixed part whole.

    Serves for records that have lost their end: the type is known, a source is named, and what
    the fixed part tells of lies within ``length``.
    """
    if len(raw) < FIXED_LENGTH:
        return False
    _, _, _, kind, _, _, strings_at, user_size, user_at, data_size, data_at = _FIXED.unpack_from(
        raw
    )
    return (
        kind in _TYPES
        and raw[FIXED_LENGTH : FIXED_LENGTH + 2] != b"\0\0"
        and max(strings_at, user_at + user_size, data_at + data_size) <= length
    )


class RecordDecoder:
    """Turns records into events, and remembers the texts that recur in a log."""

    def __init__(self) -> None:
        self._names: dict[bytes, tuple[str, str]] = {}
        self._users: dict[bytes, str] = {}

    def event(
        self, raw: bytes, location: Location, retrieval: Retrieval
    ) -> tuple[Event, list[str]]:
        """Return the event that the record ``raw`` holds, and what is wrong in it.

        Only the offsets in the record are trusted: NT pads nothing between its parts (seen in
        logs of Windows XP and 2003). What lies outside of the record is left out.
        """
        (
            number,
            generated,
            event_id,
            type_number,
            string_count,
            category,
            strings_at,
            user_size,
            user_at,
            data_size,
            data_at,
        ) = _FIXED.unpack_from(raw)
        end = len(raw) - 4
        faults: list[str] = []

        user = ""
        if user_size:
            sid = raw[user_at : min(user_at + user_size, end)] if user_at >= FIXED_LENGTH else b""
            user = self._users.get(sid) or self._sid(sid, faults)
        data = b""
        if data_size:
            if data_at >= FIXED_LENGTH:
                data = raw[data_at : min(data_at + data_size, end)]
            if len(data) != data_size:
                faults.append(f"data section of {data_size} bytes runs out of the record")
        strings: list[str] = []
        if string_count:
            if strings_at >= FIXED_LENGTH:
                strings_end = data_at if data_size and strings_at <= data_at < end else end
                text = utf_16_le_decode(raw[strings_at:strings_end], "replace")[0]
                strings = text.split("\0", string_count)
                del strings[-1]
            if len(strings) != string_count:
                faults.append(f"only {len(strings)} of {string_count} strings lie in the record")
        names_end = user_at if user_size else strings_at
        if not FIXED_LENGTH < names_end <= end:
            names_end = end
        names = raw[FIXED_LENGTH:names_end]
        source, computer = self._names.get(names) or self._source_and_computer(names, faults)

        event = Event(
            location,
            datetime.fromtimestamp(generated, UTC),
            source,
            event_id,
            "",
            number,
            _TYPES.get(type_number) or str(type_number),
            str(category) if category else "None",
            user,
            computer,
            None,
            tuple(strings),
            data,
            retrieval,
        )
        return event, faults

    def _source_and_computer(self, raw: bytes, faults: list[str]) -> tuple[str, str]:
        """Return source and computer, two NUL-ended texts; "" where one is not whole."""
        texts = utf_16_le_decode(raw, "replace")[0].split("\0", 2)
        if len(texts) < 3:
            faults.append("source or computer name runs out of the record")
            return texts[0] if len(texts) == 2 else "", ""
        known = texts[0], texts[1]
        if len(raw) <= _LONG and len(self._names) < _REMEMBERED:
            self._names[raw] = known
        return known

    def _sid(self, raw: bytes, faults: list[str]) -> str:
        """Return a binary SID as ``S-1-...`` ([MS-DTYP] section 2.4.2), "" if it is not whole."""
        if len(raw) < 8 or len(raw) < 8 + 4 * raw[1]:
            faults.append("SID runs out of the record")
            return ""
        authority = int.from_bytes(raw[2:8], "big")
        parts = struct.unpack_from(f"<{raw[1]}I", raw, 8)
        shown = hex(authority) if authority >> 32 else str(authority)
        user = "-".join(("S", str(raw[0]), shown, *map(str, parts)))
        if len(raw) <= _LONG and len(self._users) < _REMEMBERED:
            self._users[raw] = user
        return user
