"""The text of a message for the mail folders of Unix, block by block."""

from __future__ import annotations

import re

_FROM_LINE = re.compile(rb"(?<=\n)(>*From )")
_FROM = b"From "


class UnixLines:
    """Turns CRLF into LF. A bare CR or LF stays, and a last line without its end too."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, block: bytes) -> bytes:
        """Return what can be told of the text so far; a CR at the end waits for the next block."""
        text = self._held + block
        self._held = b"\r" if text.endswith(b"\r") else b""
        return text[: len(text) - len(self._held)].replace(b"\r\n", b"\n")

    def finish(self) -> bytes:
        """Return what was still held back."""
        held, self._held = self._held, b""
        return held


class MboxLines:
    """Turns a text into the body of an mbox entry (RFC 4155, mboxrd quoting).

    Line ends become LF, a line of ``From `` after any number of ``>`` gets one more, a last line
    without its end gets one, and an empty line follows: the bytes that ``mbox_entry`` of
    ``message_forms`` has after its separator line.
    """

    def __init__(self) -> None:
        self._lines = UnixLines()
        self._held = b""
        self._last = b""
        # Whether the line so far is nothing but ">". One more may stand anywhere among them, so
        # that they need not be held back.
        self._may_be_from = True

    def feed(self, block: bytes) -> bytes:
        """Return what can be told of the body so far."""
        return self._quoted(self._lines.feed(block), at_end=False)

    def finish(self) -> bytes:
        """Return the rest of the body, and the empty line after it."""
        rest = self._quoted(self._lines.finish(), at_end=True)
        return rest + (b"\n" if self._last in {b"", b"\n"} else b"\n\n")

    def _quoted(self, more: bytes, *, at_end: bool) -> bytes:
        text = self._held + more
        held = 0 if at_end else _from_begun(text)
        self._held = text[len(text) - held :]
        text = text[: len(text) - held]
        if not text:
            return b""
        start = b"\n" if self._may_be_from else b"x"
        quoted = _FROM_LINE.sub(rb">\1", start + text)[1:]
        line = text.rfind(b"\n") + 1
        self._may_be_from = (line > 0 or self._may_be_from) and not text[line:].strip(b">")
        self._last = text[-1:]
        return quoted


def _from_begun(text: bytes) -> int:
    """Return how many bytes at the end may be the beginning of ``From ``."""
    return next((size for size in (4, 3, 2, 1) if text.endswith(_FROM[:size])), 0)
