"""The bytes of embedded messages that a transfer encoding hides.

RFC 2046 section 5.2.1 allows a message/rfc822 no encoding but 7bit, 8bit and binary; mail with
base64 and quoted-printable there is met all the same.
"""

from __future__ import annotations

from imctool.model.mail import Part
from imctool.readers.file_buffer import Buffer
from imctool.readers.transfer_encoding import decoded

HIDING_ENCODINGS = frozenset({"base64", "quoted-printable"})
"""The encodings of an embedded message that are undone to look into it."""

MESSAGE_LIMIT = 16 << 20
"""A larger one, in encoded bytes, is not looked into."""

# Base64 shrinks what it hides, so that only messages in each other in quoted-printable go beyond.
_OPEN_LIMIT = 4 * MESSAGE_LIMIT


def decoded_message(source: Buffer, message: Part) -> bytes | None:
    """Return the bytes of an embedded message, its encoding undone; None where it is too large.

    ``source`` is what the offsets of ``message`` count in: see ``HiddenMessages`` where that is
    encoded itself. Where the offsets go beyond it, what there is.
    """
    if message.size > MESSAGE_LIMIT:
        return None
    start = max(message.offset, 0)
    return decoded(source[start : start + message.size], message.encoding)


class HiddenMessages:
    """The hidden messages of one mail, whose parts are gone through in file order.

    A message is decoded when the first part in it is asked for, and kept while the parts asked
    for stand in it: once in all. No more than 64 MB are kept, of messages in each other.
    """

    __slots__ = ("_buffer", "_hiding", "_open", "_parts")

    def __init__(self, buffer: Buffer, parts: tuple[Part, ...]) -> None:
        self._buffer = buffer
        self._parts = parts
        self._hiding: dict[str, Part] | None = None  # by number
        self._open: dict[str, bytes] = {}  # by number, the outermost first

    def holding(self, part: Part) -> bytes | None:
        """Return the bytes that the offsets of an ``encoded`` part count in.

        None where a message around the part is too large, or where none is known.
        """
        source: Buffer = self._buffer
        content: bytes | None = None
        before, self._open = self._open, {}
        for number in self._around(part.number):
            content = before.get(number)
            if content is None:
                content = self._decoded(source, self._hiding_messages()[number])
            if content is None:
                return None
            self._open[number] = source = content
        return content

    def _decoded(self, source: Buffer, message: Part) -> bytes | None:
        kept = sum(map(len, self._open.values()))
        return decoded_message(source, message) if kept + message.size <= _OPEN_LIMIT else None

    def _around(self, number: str) -> list[str]:
        """Return the numbers of the hidden messages around a part, the outermost first."""
        messages = self._hiding_messages()
        found = []
        while number:
            number = number.rpartition(".")[0]
            if number in messages:
                found.append(number)
        found.reverse()
        return found

    def _hiding_messages(self) -> dict[str, Part]:
        if self._hiding is None:
            self._hiding = {
                part.number: part
                for part in self._parts
                if part.content_type == "message/rfc822" and part.encoding in HIDING_ENCODINGS
            }
        return self._hiding
