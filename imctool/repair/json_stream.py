"""JSON (RFC 8259) that is read as it comes, never whole: a manifest may list millions of names.

The reader is led by its caller, who says which kind of value has to come next.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO

LONGEST_TEXT = 64 << 20
"""The most characters a single text may have, as it is written."""

_BLOCK = 1 << 16
_BLANKS = re.compile(r"[ \t\r\n]*+")
_TEXT = re.compile(r'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+')
_WHOLE_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,17}+)(?![0-9.eE])")
_LONGEST_NUMBER = 20
_WORDS = {"true": True, "false": False, "null": None}


class JsonStreamError(ValueError):
    """What stands there is no JSON, or not the value that has to stand there; says where."""


class JsonStream:
    """Reads one document. Every call raises JsonStreamError, and OSError where the disk fails."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._decoded = 0  # bytes
        self._window = ""
        self._at = 0
        self._lines = 0  # before the window
        self._ended = False

    def members(self) -> Iterator[str]:
        """Yield the names of an object's members; each value is to be read before the next."""
        self._take("{")
        known: set[str] = set()
        for _ in self._parts("}"):
            name = self.text()
            if name in known:
                raise self.error(f"the key {_shown(name)} stands there twice")
            known.add(name)
            self._take(":")
            yield name

    def items(self) -> Iterator[None]:
        """Yield once for each item of a list; each is to be read before the next."""
        self._take("[")
        yield from self._parts("]")

    def _parts(self, closing: str) -> Iterator[None]:
        if self._next() == closing:
            self._at += 1
            return
        while True:
            yield
            found = self._next()
            if found not in {closing, ","}:
                raise self._unexpected(f"a comma or {closing}")
            self._at += 1
            if found == closing:
                return

    def text(self) -> str:
        """Return a text."""
        if self._next() != '"':
            raise self._unexpected("a text")
        while True:
            found = _TEXT.match(self._window, self._at)
            assert found is not None
            end = found.end()
            if end - self._at > LONGEST_TEXT:
                raise self.error(f"a text of over {LONGEST_TEXT} characters")
            if self._window[end : end + 1] == '"':
                break
            if end + 2 < len(self._window) or not self._fill():
                raise self.error("a text that does not end, or holds what no text may hold")
        written = self._window[self._at : end + 1]
        self._at = end + 1
        if "\\" not in written:
            return written[1:-1]
        try:
            text: str = json.loads(written)
        except ValueError:
            raise self.error("a text with an escape that JSON has not") from None
        return text

    def number(self) -> int:
        """Return a whole number that is not negative and has 18 digits at most."""
        self._next()
        self._reach(_LONGEST_NUMBER)
        found = _WHOLE_NUMBER.match(self._window, self._at)
        if found is None:
            raise self._unexpected("a whole number")
        self._at = found.end()
        return int(found[0])

    def truth(self) -> bool:
        """Return true or false."""
        found = self._word()
        if found is None:
            raise self._unexpected("true or false")
        return found

    def is_null(self) -> bool:
        """Whether null comes next, which is then read."""
        if self._next() != "n":
            return False
        if self._word() is not None:
            raise self._unexpected("null")
        return True

    def end(self) -> None:
        """Make sure that nothing follows the document."""
        while True:
            self._at = _BLANKS.match(self._window, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._window):
                raise self._unexpected("the end")
            if not self._fill():
                return

    def error(self, reason: str) -> JsonStreamError:
        """Return an error that tells the line where the reading stands."""
        return JsonStreamError(f"line {self._line()}: {reason}")

    def _word(self) -> bool | None:
        self._next()
        self._reach(len("false"))
        for word, value in _WORDS.items():
            if self._window.startswith(word, self._at):
                self._at += len(word)
                return value
        raise self._unexpected("true, false or null")

    def _unexpected(self, wanted: str) -> JsonStreamError:
        found = _shown(self._window[self._at : self._at + 1])
        return self.error(f"{found} where {wanted} has to stand")

    def _line(self) -> int:
        return self._lines + self._window.count("\n", 0, self._at) + 1

    def _take(self, wanted: str) -> None:
        if self._next() != wanted:
            raise self._unexpected(wanted)
        self._at += 1

    def _next(self) -> str:
        """Return the next character that is no blank, without going past it."""
        while True:
            self._at = _BLANKS.match(self._window, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._window):
                return self._window[self._at]
            if not self._fill():
                raise self.error("it is cut short here")

    def _reach(self, count: int) -> None:
        while len(self._window) - self._at < count and self._fill():
            pass

    def _fill(self) -> bool:
        """Add the next block to the window and drop what was read; False at the end."""
        if self._ended:
            return False
        # A long text is gone through again each time: reading as much again keeps that linear.
        block = self._stream.read(max(_BLOCK, len(self._window) - self._at))
        held = len(self._decoder.getstate()[0])
        try:
            more = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            offset = self._decoded - held + error.start
            raise JsonStreamError(f"offset {offset}: a byte that is not UTF-8") from None
        self._decoded += len(block)
        self._ended = not block
        self._lines += self._window.count("\n", 0, self._at)
        self._window = self._window[self._at :] + more
        self._at = 0
        return bool(block)


def _shown(text: str) -> str:
    return ascii(text[:40])
