"""What is looked at to tell the charset of a text: its label, and a bounded piece of its bytes."""

from __future__ import annotations

from dataclasses import dataclass

SAMPLE_LIMIT = 16 << 10
"""At most so many bytes of one text are looked at."""


@dataclass(frozen=True, slots=True)
class TextSample:
    """One text part: what it is labelled, and those of its lines that can tell the charset.

    ``label`` is as declared, None where no charset parameter stands, "" where it is blank.
    ``content`` holds, transfer encoding undone, whole lines with 8-bit bytes or 7-bit escapes,
    in file order; it is empty where the text is plain ASCII. ``cut`` says that there are more such
    lines than the limit lets in; ``open_end`` that the text itself ends without a line end, so
    that a character may be cut at its end. ``left_out`` says that uuencoded, BinHex or yEnc blocks
    of the body are not in it. ``attachment`` says that the part carries a file name.
    """

    part: str
    content_type: str
    label: str | None
    content: bytes
    cut: bool = False
    open_end: bool = False
    left_out: bool = False
    attachment: bool = False
    embedded: int = 0
    in_digest: bool = False


@dataclass(frozen=True, slots=True)
class HeaderText:
    """Text of one header field: the bytes of its encoded-words of one charset, or raw 8-bit.

    ``part`` is the part whose header it stands in, "" for the message's own. ``label`` is the
    charset that the words declare, None for raw bytes that declare none, "" where it is blank.
    ``well_formed`` is False where an encoded-word cannot be decoded (RFC 2047 section 6.3).
    """

    name: str
    part: str
    label: str | None
    content: bytes
    well_formed: bool = True
