"""The lines of a mail's texts that can tell a charset, bounded.

Nearly all lines of nearly all mail are plain ASCII and tell nothing, so that they are passed over
by searches of whole blocks; of the others no more is decoded than the sample holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain

from imctool.model.mail import Part, SpoolFile
from imctool.model.text_sample import SAMPLE_LIMIT, TextSample
from imctool.readers.encoded_blocks import TextOutsideFiles
from imctool.readers.file_buffer import WINDOW, Buffer
from imctool.readers.hidden_messages import HiddenMessages
from imctool.readers.transfer_encoding import UNDONE, decoded_blocks

_BLOCK = 64 << 10
"""So much is read at a time: a sample is often full after the first."""

LONG_LINE = 4096
"""A longer line is not taken whole but from shortly before its first byte that tells."""

_BEFORE = 512
_HZ_REACH = 4096

_UTF_7 = re.compile(rb"\+[A-Za-z0-9+/]{3}")
_ESCAPE = re.compile(rb"[\x0e\x0f\x1b]|~\{|" + _UTF_7.pattern)
_TELLING = re.compile(rb"[\x80-\xff]|" + _ESCAPE.pattern)
_LONGEST_ESCAPE = 4
_QUOTED_TELLING = re.compile(rb"=(?:[89A-Fa-f][0-9A-Fa-f]|0[EFef]|1[Bb]|2[Bb]|7[Ee])")

_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
_FOUR_BYTES = re.compile(r"(?:cs)?(?:utf-?32|ucs-?4|iso-10646-ucs-4)")
_TWO_BYTES = re.compile(r"(?:cs)?(?:utf-?16|ucs-?2|iso-10646-ucs|unicode(?!.*utf))")
# The numbers of IBM's EBCDIC pages (IANA's registry and the published Windows tables).
_EBCDIC = re.compile(
    r".*ebcdic.*|(?:cs|x-)?(?:ibm|cp|ccsid)[-_]?(?:0*(?:37|38|2[789]\d|42[034]|500|87[015]|880"
    r"|905|918|924|102[567]|1047|114\d)|-?thai)"
)


def text_samples(buffer: Buffer, mail: SpoolFile) -> tuple[TextSample, ...]:
    """Return a sample of every text part of the mail, in the order of its parts.

    ``buffer`` is the content of the file that ``mail`` was read from. What is taken: all text/*
    parts, attached ones and those of embedded messages among them, the messages that a transfer
    encoding hides too. Of each part, its transfer encoding undone, the lines with a byte over
    127, an escape or shift character (ISO-2022), ``~{`` (HZ) or ``+`` and three letters of base64
    (UTF-7); after a ``~{`` also the lines up to its ``~}``, within 4 KB. Lines end with CRLF, LF or
    CR. Of a line over 4 KB the piece from shortly before what tells is taken. Files that stand
    uuencoded, in BinHex or in yEnc in a text without transfer encoding are left out; that this is
    so is not told where nothing in the text or in them looks as if it told a charset.

    Where the label names UTF-16, UTF-32 or an EBCDIC code page, or the text begins with the byte
    order mark of the former, the sample is the head of the text, in whole characters' units.
    """
    parts = mail.skeleton.parts
    digested = digested_messages(parts) if len(parts) > 2 else ()
    hidden = HiddenMessages(buffer, parts)
    samples: list[TextSample] = []
    for part in parts:
        if not part.content_type.startswith("text/"):
            continue
        attached, in_digest = part.filename is not None, part.number.startswith(digested)
        number, kind, label, embedded = part.number, part.content_type, part.charset, part.embedded
        source = hidden.holding(part) if part.encoded else buffer
        if source is not None and _is_plain_part(source, part):
            samples.append(_plain_sample(number, kind, label, attached, embedded, in_digest))
            continue
        content, cut, open_end, left_out = b"", True, False, False
        if source is not None:
            content, cut, open_end, left_out = _looked_into(source, part)
        samples.append(
            TextSample(
                number, kind, label, content, cut, open_end, left_out, attached, embedded, in_digest
            )
        )
    return tuple(samples)


@lru_cache(maxsize=4096)
def _plain_sample(
    number: str, kind: str, label: str | None, attached: bool, embedded: int, in_digest: bool
) -> TextSample:
    """Return the sample of a part that tells nothing: most are, and few of them differ."""
    return TextSample(
        number, kind, label, b"", attachment=attached, embedded=embedded, in_digest=in_digest
    )


def digested_messages(parts: tuple[Part, ...]) -> tuple[str, ...]:
    """Return what the numbers of the parts of messages in a multipart/digest begin with."""
    digests = {
        part.number.removesuffix("TEXT").rstrip(".")
        for part in parts
        if part.content_type == "multipart/digest"
    }
    if not digests:
        return ()
    return tuple(
        f"{part.number}."
        for part in parts
        if part.content_type == "message/rfc822" and part.number.rpartition(".")[0] in digests
    )


def _bounds(source: Buffer, part: Part) -> tuple[int, int]:
    start = max(part.offset, 0)
    return start, min(max(start + part.size, start), len(source))


def _is_plain_part(source: Buffer, part: Part) -> bool:
    """Return whether a part is ASCII that tells nothing, as far as a quick look can say."""
    encoding = part.encoding
    quoted = encoding == "quoted-printable"
    if part.size > WINDOW or (encoding in UNDONE and not quoted):
        return False
    if part.charset and _unit(part.charset):
        return False
    start, end = _bounds(source, part)
    raw = source[start:end]
    if not _is_plain(raw):
        return False
    return not quoted or not (b"~" in raw or b"+" in raw or _QUOTED_TELLING.search(raw))


def _is_plain(text: bytes) -> bool:
    """Return whether no byte of the text tells a charset, but plain ASCII."""
    return text.isascii() and not _has_escapes(text)


def _has_escapes(text: bytes) -> bool:
    return (
        0x1B in text
        or 0x0E in text
        or 0x0F in text
        or (b"~" in text and b"~{" in text)
        or (b"+" in text and _UTF_7.search(text) is not None)
    )


@lru_cache(maxsize=256)
def _unit(label: str) -> int:
    """Return how many bytes a unit has where the label names a charset that is no ASCII, else 0.

    Told by the name alone, for UTF-16, UCS-2, UTF-32, UCS-4 and the EBCDIC pages by number.
    """
    name = label.strip().strip("\"'").lower().replace("_", "-")
    if _FOUR_BYTES.match(name):
        return 4
    if _TWO_BYTES.match(name):
        return 2
    return int(_EBCDIC.fullmatch(name) is not None)


def _looked_into(source: Buffer, part: Part) -> tuple[bytes, bool, bool, bool]:
    """Return the sample of a part, whether it is cut, ends open, and has files left out."""
    start, end = _bounds(source, part)
    blocks = decoded_blocks(source, start, end, part.encoding, block=_BLOCK)
    unit = _unit(part.charset) if part.charset else 0
    head = _first(blocks, _LONGEST_ESCAPE)
    if not unit and head.startswith(_BYTE_ORDER_MARKS):
        unit = 4 if head[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff") else 2
    if unit:
        text = head + _first(blocks, SAMPLE_LIMIT + 1 - len(head))
        cut = len(text) > SAMPLE_LIMIT
        text = text[: min(len(text) - len(text) % unit, SAMPLE_LIMIT)]
        ends = not text or text[-unit:].strip(b"\0") in (b"\r", b"\n")
        return text, cut, not cut and not ends, False
    lines = _TellingLines()
    everything = chain((head,), blocks)
    left_out = False
    if part.encoding in UNDONE:
        lines.take_all(everything)
    else:
        outside = TextOutsideFiles(everything)
        lines.take_all(outside)
        left_out = outside.left_out
    content = lines.content
    open_end = bool(content) and not lines.cut and not content.endswith((b"\n", b"\r"))
    return content, lines.cut, open_end, left_out


def _first(blocks: Iterator[bytes], size: int) -> bytes:
    """Take blocks until there are ``size`` bytes, or no more; return them joined."""
    taken: list[bytes] = []
    while size > 0 and (block := next(blocks, None)) is not None:
        taken.append(block)
        size -= len(block)
    return b"".join(taken)


class _TellingLines:
    """Gathers the lines that tell a charset out of the blocks of a text, up to the limit."""

    def __init__(self) -> None:
        self.cut = False
        self._kept: list[bytes] = []
        self._room = SAMPLE_LIMIT
        self._start = b""  # of a line whose end has not come
        self._in_long = False  # that line is a long one, and ``_start`` no more than its last bytes
        self._in_piece = False  # what is left of it belongs to the sample
        self._shifted: list[bytes] | None = None  # lines since a "~{" without its "~}"
        self._shifted_room = 0

    @property
    def content(self) -> bytes:
        """The lines gathered so far, one after the other."""
        return b"".join(self._kept)

    def take_all(self, blocks: Iterable[bytes]) -> None:
        """Take blocks until there are no more, or what tells does not fit in any longer."""
        for block in blocks:
            self._take(block, last=False)
            if self.cut:
                return
        self._take(b"", last=True)

    def _take(self, block: bytes, *, last: bool) -> None:
        data = self._start + block
        self._start = b""
        if self._in_long:
            data = self._rest_of_long(data, last=last)
        if self.cut or not data:
            return
        if self._shifted is None and _is_plain(data):
            # Only the line that goes on in the next block may tell something yet.
            end = -1 if data.endswith(b"\r") else len(data)
            after = max(data.rfind(b"\n"), data.rfind(b"\r", 0, end)) + 1
            self._start = b"" if last else data[after:]
        else:
            lines = data.splitlines(keepends=True)
            if not last and not lines[-1].endswith(b"\n"):
                self._start = lines.pop()
            self._take_lines(lines, data)
        if len(self._start) > LONG_LINE and not self.cut:
            start, self._start = self._start, b""
            self._in_long = True
            self._in_piece = False
            self._go_on_with_long(start, ended=False)

    def _take_lines(self, lines: list[bytes], data: bytes) -> None:
        if self._shifted is None and not _has_escapes(data):
            lines = [line for line in lines if not line.isascii()]
            size = sum(map(len, lines))
            if size <= self._room and max(map(len, lines), default=0) <= LONG_LINE:
                self._kept += lines
                self._room -= size
                return
        for line in lines:
            if line.isascii() and not _ESCAPE.search(line):
                if self._shifted is not None:
                    self._take_shifted(line)
                continue
            if len(line) > LONG_LINE:
                self._take_piece(line)
            else:
                self._close_shift(line)
                self._add(line)
                if line.rfind(b"~{") > line.rfind(b"~}"):
                    self._shifted, self._shifted_room = [], _HZ_REACH
            if self.cut:
                return

    def _take_shifted(self, line: bytes) -> None:
        """Keep in mind a line that may stand between a "~{" and its "~}"."""
        assert self._shifted is not None
        self._shifted_room -= len(line)
        if self._shifted_room < 0:
            self._shifted = None
        elif b"~}" in line:
            self._close_shift(line)
            self._add(line)
        else:
            self._shifted.append(line)

    def _close_shift(self, line: bytes) -> None:
        """End what a "~{" began: the lines since belong to it if this one has its "~}"."""
        shifted, self._shifted = self._shifted, None
        close = line.find(b"~}")
        if shifted and close >= 0 and b"~{" not in line[:close]:
            for one in shifted:
                self._add(one)

    def _add(self, line: bytes) -> None:
        if self.cut or len(line) > self._room:
            self.cut = True
            return
        self._kept.append(line)
        self._room -= len(line)

    def _take_piece(self, line: bytes) -> bool:
        """Take a long line, or what has come of it, from shortly before what tells; say if any."""
        self._shifted = None
        telling = None if _is_plain(line) else _TELLING.search(line)
        if telling is None:
            return False
        first = telling.start()
        # Not in the middle of a character: no byte of one of several bytes is below 0x30.
        begin = first
        for at in range(first - 1, max(first - _BEFORE, 0) - 1, -1):
            if line[at] < 0x30:
                begin = at
                break
        self._add_piece(line[begin:])
        return True

    def _add_piece(self, piece: bytes) -> None:
        self.cut = len(piece) > self._room
        piece = piece[: self._room]
        self._kept.append(piece)
        self._room -= len(piece)

    def _rest_of_long(self, data: bytes, *, last: bool) -> bytes:
        """Go on with a long line; return what stands after it."""
        stop = _first_line_end(data) or (len(data) if last else 0)
        if not stop:
            self._go_on_with_long(data, ended=False)
            return b""
        self._go_on_with_long(data[:stop], ended=True)
        self._start = b""
        self._in_long = False
        return data[stop:]

    def _go_on_with_long(self, data: bytes, *, ended: bool) -> None:
        """Take what has come of a long line, all but a CR at its end, whose LF may come yet."""
        held = b"\r" if not ended and data.endswith(b"\r") else b""
        data = data[: len(data) - len(held)]
        if self._in_piece:
            self._add_piece(data)
            self._start = held
        elif self._take_piece(data):
            self._in_piece = True
            self._start = held
        else:
            self._start = data[-(_BEFORE + _LONGEST_ESCAPE) :] + held


def _first_line_end(data: bytes) -> int:
    """Return the offset behind the first line end, 0 where there is none or LF may come yet."""
    line_feed = data.find(b"\n")
    stop = line_feed if line_feed >= 0 else len(data) - 1
    carriage_return = data.find(b"\r", 0, max(stop, 0))
    if carriage_return >= 0 and carriage_return + 1 != line_feed:
        return carriage_return + 1
    return line_feed + 1
