"""The one charset that several texts of one origin are most probably in.

A short text alone may read alike in several charsets, or wrongly in one; together the texts of a
sender, or of a label, tell more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from imctool.causes.charset_detection import detect
from imctool.knowledge.charsets import Charset, find_charset
from imctool.knowledge.windows_text import looks_same, windows_decode

_MOST = 50
"""So many texts are looked at together."""


class UncertainText(NamedTuple):
    """A text whose label tells nothing: what it was read as, and some of its bytes."""

    detected: str | None
    sure: bool
    excerpt: bytes


class Pooled(NamedTuple):
    """The charset that serves most of the texts looked at, and how many that is."""

    charset: Charset
    serves: int
    texts: int


def real_charset(texts: Sequence[UncertainText]) -> Pooled | None:
    """Return the charset in which most of the texts read as they should, None for no text.

    The candidates are what each was read as, and what all of them together are read as. A
    candidate serves a text that it reads like the text's own detection; one that was not sure,
    if it can read it at all.
    """
    told = [one for one in texts if one.detected is not None][:_MOST]
    votes = Counter(one.detected for one in told if one.sure) or Counter(
        one.detected for one in told
    )
    pooled = detect(b"\n".join(one.excerpt for one in told if one.excerpt)).name
    readings = [_reading(one.excerpt, one.detected) for one in told]

    def served(name: str) -> int:
        return sum(
            not one.sure or text is None or looks_same(text, reading)
            for one, text in zip(told, readings, strict=True)
            if (reading := _reading(one.excerpt, name)) is not None
        )

    candidates = sorted({name for name in (*votes, pooled) if name is not None})
    if not told or not candidates:
        return None
    best = max(candidates, key=lambda name: (served(name), votes[name] + (name == pooled) / 2))
    charset = find_charset(best)
    return None if charset is None else Pooled(charset, served(best), len(told))


def _reading(content: bytes, name: str | None) -> str | None:
    charset = find_charset(name) if name else None
    if charset is None or charset.codec is None:
        return None
    return windows_decode(content, charset.codec, final=False)
