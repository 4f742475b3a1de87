"""The text of a letter: looked over before it is sent, and in the form it has on the wire."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from imctool.model.submission import Letter
from imctool.readers.file_buffer import NotRegularFileError, open_binary

BLOCK = 1 << 16
"""Bytes that are read, and sent, in one go."""

KEEP = 1 << 20
"""A text up to this size stays in memory between looking it over and sending it."""

_LINE_END = re.compile(rb"\r\n|\n|\r")


class UnreadableTextError(Exception):
    """The file cannot be read; the text says why."""


class ChangedTextError(Exception):
    """The file is not what it was; the text says since when."""


class LetterText:
    """The text of an opened letter: what is in it, and its blocks.

    ``size`` is in bytes as in the file. ``bare_line_ends`` counts each LF without a CR before it
    and each CR without an LF behind it. ``sha256`` (hex) is of the whole file.
    """

    def __init__(self, stream: BinaryIO, letter: Letter) -> None:
        self._stream = stream
        self._offset = letter.offset
        self._kept: list[bytes] | None = []
        self._digests: list[bytes] = []
        self.size = 0
        self.eight_bit = False
        pairs = feeds = returns = 0
        last = b""
        self._start = self._digest_before()
        digest = self._start.copy()
        for block in self._read():
            self.size += len(block)
            self.eight_bit = self.eight_bit or not block.isascii()
            pairs += block.count(b"\r\n") + (last == b"\r" and block[:1] == b"\n")
            feeds += block.count(b"\n")
            returns += block.count(b"\r")
            last = block[-1:]
            digest.update(block)
            self._digests.append(digest.digest())
            if self._kept is not None:
                self._kept.append(block)
                if self.size > KEEP:
                    self._kept = None
        self.bare_line_ends = feeds + returns - 2 * pairs
        self._last_is_feed = last == b"\n"
        self._ends_line = last in {b"", b"\n", b"\r"}
        self.sha256 = digest.hexdigest()
        if letter.sha256 is not None and letter.sha256 != self.sha256:
            raise ChangedTextError("the file is not the one that was planned: its hash differs")

    def unended(self, normalise: bool) -> bool:
        """Whether the last line gets an end on the wire that it has not in the file."""
        return self.size > 0 and not (self._ends_line if normalise else self._last_is_feed)

    def sent_size(self, normalise: bool) -> int:
        """Return the bytes of the text on the wire.

        Counted as the SIZE of RFC 1870 section 4: without the dots that are doubled and without
        the last dot.
        """
        size = self.size + 2 * self.unended(normalise)
        return size + self.bare_line_ends if normalise else size

    def blocks(self) -> Iterator[bytes]:
        """Yield the text as it was looked over.

        Each block is compared before it is given out: no byte is sent that was not checked.
        Raises ChangedTextError at the first that differs, UnreadableTextError.
        """
        if self._kept is not None:
            yield from self._kept
            return
        digest = self._start.copy()
        given = 0
        for block in self._read():
            digest.update(block)
            if given == len(self._digests) or digest.digest() != self._digests[given]:
                raise ChangedTextError("the file changed while it was sent")
            given += 1
            yield block
        if given != len(self._digests):
            raise ChangedTextError("the file changed while it was sent")

    def _digest_before(self) -> hashlib._Hash:
        """Return the hash of what stands before the text."""
        digest = hashlib.sha256()
        left = self._offset
        self._stream.seek(0)
        while left:
            block = self._stream.read(min(left, BLOCK))
            if not block:
                raise ChangedTextError("the file ends before its text begins")
            digest.update(block)
            left -= len(block)
        return digest

    def _read(self) -> Iterator[bytes]:
        try:
            self._stream.seek(self._offset)
            while block := self._stream.read(BLOCK):
                yield block
        except OSError as error:
            raise UnreadableTextError(_unreadable(error)) from error


@contextmanager
def letter_text(letter: Letter) -> Iterator[LetterText]:
    """Give the text of a letter, looked over, its file open for as long as the block lasts.

    Raises UnreadableTextError; ChangedTextError where the letter tells another hash.
    """
    try:
        stream = open_binary(letter.path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UnreadableTextError(_unreadable(error)) from error
    with stream:
        try:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise NotRegularFileError
            text = LetterText(stream, letter)
        except OSError as error:
            raise UnreadableTextError(_unreadable(error)) from error
        yield text


def wire_blocks(blocks: Iterable[bytes], normalise: bool) -> Iterator[bytes]:
    """Yield a text as DATA transmits it, without the last dot (RFC 5321 section 4.5.2).

    A dot that begins a line is doubled, and a last line without an end gets one. ``normalise``
    makes each bare CR and bare LF a CRLF; without it the text must not hold any.
    """
    at_start = True
    last = b""
    for block in _crlf_blocks(blocks) if normalise else blocks:
        dotted = at_start and block[:1] == b"."
        sent = block.replace(b"\n.", b"\n..")
        yield b"." + sent if dotted else sent
        last = block[-1:]
        at_start = last == b"\n"
    if last and last != b"\n":
        yield b"\r\n"


def _crlf_blocks(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield non-empty blocks in which every line end is CRLF; a CR at a block's end waits."""
    held = b""
    for block in blocks:
        whole = held + block
        held = b"\r" if whole.endswith(b"\r") else b""
        ready = whole[: len(whole) - len(held)]
        if ready:
            yield _LINE_END.sub(b"\r\n", ready)
    if held:
        yield b"\r\n"


def _unreadable(error: OSError | ValueError) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return f"its file cannot be read: {reason or error}"
