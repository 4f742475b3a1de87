"""The one charset that several texts of one origin are most probably in.

A short text alone may read alike in several charsets, or wrongly in one; together the texts of a
sender, or of a label, tell more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from imctool.causes.charset_detection import Detection, detect
from imctool.knowledge.charsets import Charset, find_charset
from imctool.knowledge.same_text import looks_same
from imctool.knowledge.windows_text import windows_decode

_MANY, _ODD = 8, 0.1
"""One detector is believed on so many bytes beyond ASCII, if what it reads is not odder."""

_MOST = 50
"""So many texts are looked at together."""


class UncertainText(NamedTuple):
    """A text whose label tells nothing: what it was read as, and some of its bytes."""

    detected: str | None
    sure: bool
    excerpt: bytes


class Pooled(NamedTuple):
    """The charset that serves most of the texts looked at, and how many that is.

    ``others`` are what the texts that it does not serve were read as.
    """

    charset: Charset
    serves: int
    texts: int
    others: tuple[str, ...] = ()


def real_charset(texts: Sequence[UncertainText]) -> Pooled | None:
    """Return the charset in which most of the texts read as they should.

    None where they are too short to tell, each for itself and all together, or where two
    charsets serve equally many. The candidates are what each sure text was read as, and what all
    together are read as. A candidate serves a text that it reads like the text's own detection;
    one that was not sure, if it can read it at all.
    """
    told = [one for one in texts if one.detected is not None][:_MOST]
    votes = Counter(one.detected for one in told if one.sure)
    pool = detect(b"\n".join(one.excerpt for one in told if one.excerpt))
    pooled = pool.name if _is_trusted(pool) else None
    candidates = {name for name in (*votes, pooled) if name is not None}
    readings = [_reading(one.excerpt, one.detected) for one in told]
    served = {
        name: [_serves(name, one, text) for one, text in zip(told, readings, strict=True)]
        for name in sorted(candidates)
    }
    ranked = sorted(
        served, key=lambda name: (-sum(served[name]), -votes[name], name != pooled, name)
    )
    if not ranked:
        return None
    best = ranked[0]
    charset = find_charset(best)
    if charset is None or 2 * sum(served[best]) <= len(told):
        return None
    others = {
        one.detected or ""
        for one, is_served in zip(told, served[best], strict=True)
        if not is_served
    }
    return Pooled(charset, sum(served[best]), len(told), tuple(sorted(others)))


def _is_trusted(pool: Detection) -> bool:
    """Return whether what all texts together are read as is more than a guess."""
    many = pool.telling >= _MANY and pool.seconded is None and pool.odd <= _ODD
    return pool.by_rule or (pool.enough and (pool.seconded is True or many))


def _serves(name: str, one: UncertainText, text: str | None) -> bool:
    """Return whether a charset reads a text, whose own detection reads ``text``, as it should."""
    if not one.excerpt or text is None:
        return name == one.detected
    reading = _reading(one.excerpt, name)
    return reading is not None and (not one.sure or looks_same(text, reading))


def _reading(content: bytes, name: str | None) -> str | None:
    charset = find_charset(name) if name else None
    if charset is None or charset.codec is None:
        return None
    return windows_decode(content, charset.codec, final=False)
