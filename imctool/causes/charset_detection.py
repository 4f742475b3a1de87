"""What charset bytes are really in: by rule where one decides, else by two detectors.

chardet names its candidates with a score. Those within four fifths of the best are nearly as
likely, so among them the one whose text is the least odd is taken (plausibility.py). chardetng,
where it is installed, is asked for its own opinion.
"""

from __future__ import annotations

import codecs
import re
from functools import cache, lru_cache
from typing import NamedTuple

from imctool.causes.plausibility import oddness
from imctool.causes.seven_bit import seven_bit_codec
from imctool.knowledge.charsets import charset_of_codec, codec_as_windows, preferred_name
from imctool.knowledge.windows_text import windows_decode

CANDIDATES = (
    "utf-8", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257",
    "cp1258", "cp874", "iso8859-1", "iso8859-2", "iso8859-3", "iso8859-4", "iso8859-5",
    "iso8859-6", "iso8859-7", "iso8859-8", "iso8859-9", "iso8859-13", "iso8859-15", "koi8-r",
    "koi8-u", "cp437", "cp720", "cp737", "cp775", "cp850", "cp852", "cp855", "cp857", "cp860",
    "cp861", "cp862", "cp863", "cp864", "cp865", "cp866", "cp869", "mac-roman", "mac-latin2",
    "mac-cyrillic", "mac-greek", "mac-iceland", "mac-turkish", "euc_jis_2004", "cp932",
    "cp949", "gb18030", "big5", "johab",
)  # fmt: skip
"""The 8-bit charsets that mail of the time was written in, as chardet names them."""

_SECOND_OPINIONS = frozenset(
    {
        "cp950", "euc_jp", "cp949", "gbk", "gb18030", "cp866", "iso8859_2", "iso8859_4",
        "iso8859_5", "iso8859_6", "iso8859_7", "iso8859_8", "koi8_u", "koi8_r", "cp932", "utf_8",
        "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258",
        "cp874", "latin_1", "iso2022_jp_ext",
    }
)  # fmt: skip
"""The codecs that chardetng can name, or that read as one of those does."""

_KIN = {"mac_roman": ("mac_romanian", "mac_croatian")}
"""Charsets that chardet does not know, by the one that it takes them for."""

_NEARLY_AS_LIKELY = 0.8
"""Measured in benchmarks/charsets.py: lower lets rare charsets in, higher leaves DOS text out."""

_SHORTEST, _FEWEST, _LONG = 20, 2, 60
"""Fewer bytes, or fewer that are not ASCII in a text that is not long, tell too little to go by."""

SEEN = 1024
"""The detectors are no surer of more bytes than these (measured), only slower."""

_LEAST_ODD_WIDE = 0.05

_MOST_READINGS = 6
"""So many different texts are compared; the right one is hardly ever further down (measured)."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf_32"), (codecs.BOM_UTF32_BE, "utf_32"), (codecs.BOM_UTF8, "utf_8"),
    (codecs.BOM_UTF16_LE, "utf_16"), (codecs.BOM_UTF16_BE, "utf_16"),
)  # fmt: skip

_META = re.compile(rb"(charset\s*=\s*[\"']?|encoding\s*=\s*[\"'])[A-Za-z0-9_.:-]+", re.IGNORECASE)
_ASCII = bytes(range(0x80))


class Detection(NamedTuple):
    """What bytes are read as. ``codec`` is None, and ``text`` "", where nothing fits.

    ``by_rule`` says that the bytes leave no choice; ``seconded`` whether chardetng reads the same
    text, None where it was not asked or knows no such charset; ``odd`` is the text's oddness,
    ``telling`` how many bytes are not ASCII; ``enough`` whether that is enough to go by.
    """

    codec: str | None
    text: str
    by_rule: bool = False
    seconded: bool | None = None
    odd: float = 0.0
    telling: int = 0
    enough: bool = True

    @property
    def name(self) -> str | None:
        """The charset's name for a report; None where nothing fits."""
        if self.codec is None:
            return None
        codec = self.codec
        narrower, only_in_wider = _NARROWER.get(codec, (codec, ""))
        if narrower != codec and not any(letter in self.text for letter in only_in_wider):
            codec = narrower
        charset = charset_of_codec(codec)
        return codec if charset is None else preferred_name(charset)


_C1_OF_1252 = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ" + "".join(map(chr, range(0x80, 0xA0)))
_NARROWER = {"koi8_u": ("koi8_r", "єіїґЄІЇҐўЎ"), "cp1252": ("latin_1", _C1_OF_1252)}
"""The commoner of two charsets that read most texts alike, and what only the other one has."""

NOTHING = Detection(None, "", enough=False)


def is_second_opinion(codec: str) -> bool:
    """Return whether chardetng could name that charset, if the bytes were in it."""
    return codec in _SECOND_OPINIONS


def detect(content: bytes, *, final: bool = False) -> Detection:
    """Return what the bytes of a sample are read as.

    ``final`` says that the last character must be whole; else it may be cut.
    """
    for mark, codec in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            text = windows_decode(content, codec, final=final)
            if text is not None:
                return Detection(codec, text, by_rule=True)
    if b"\0" in content and (wide := _wide(content)) is not None:
        return wide
    if content.isascii():
        codec_or_none = seven_bit_codec(content)
        if codec_or_none is None:
            return NOTHING
        text = windows_decode(content, codec_or_none, final=False) or ""
        return Detection(codec_or_none, text, by_rule=True)
    return _detect_eight_bit(content, final=final)


def _wide(content: bytes) -> Detection | None:
    """Return the text as UTF-16 or UTF-32 where NULs stand as regularly as there; else None."""
    even, odd = content[::2].count(0), content[1::2].count(0)
    empty = [content[at::4].count(0) == len(content[at::4]) for at in range(4)]
    if empty[:2] == [True, True] and not empty[3]:
        codec = "utf_32_be"
    elif empty[2:] == [True, True] and not empty[0]:
        codec = "utf_32_le"
    elif max(even, odd) >= len(content) / 4 and min(even, odd) <= max(even, odd) / 10:
        codec = "utf_16_be" if even > odd else "utf_16_le"
    else:
        return None
    text = windows_decode(content, codec, final=False)
    if text is None or oddness(text) > _LEAST_ODD_WIDE:
        return None
    return Detection(codec, text, by_rule=True)


@lru_cache(maxsize=256)
def _detect_eight_bit(content: bytes, *, final: bool) -> Detection:
    telling = len(content.translate(None, _ASCII))
    enough = len(content) >= (_SHORTEST if telling >= _FEWEST else _LONG)
    text = windows_decode(content, "utf_8", final=final)
    if text is not None:
        return Detection("utf_8", text, by_rule=telling > 2, telling=telling, enough=enough)
    head = _head(content).replace(b"\0", b"")  # which make the detectors give up
    if b"=" in head:
        head = _META.sub(_masked, head)
    best = _least_odd(content, head, final=final)
    if best is None:
        return Detection(None, "", telling=telling, enough=enough)
    codec, text, odd = best
    other = _second_opinion(head)
    seconded: bool | None = None
    if other is not None:
        seconded = windows_decode(content, other, final=final) == text
        if not seconded and codec not in _SECOND_OPINIONS:
            seconded = None
    return Detection(codec, text, False, seconded, odd, telling, enough)


def _head(content: bytes) -> bytes:
    """Return the lines of the sample that the detectors look at."""
    if len(content) <= SEEN:
        return content
    end = content.rfind(b"\n", 0, SEEN) + 1
    return content[: end or SEEN]


def _least_odd(content: bytes, head: bytes, *, final: bool) -> tuple[str, str, float] | None:
    """Return codec, text and oddness of the best candidate, None where none can read it all."""
    best: tuple[str, str, float] | None = None
    seen: set[str] = set()
    for codec in _candidates(head):
        text = windows_decode(content, codec, final=final)
        if text is None or text in seen:
            continue
        seen.add(text)
        odd = round(oddness(text), 2)
        if best is None or odd < best[2]:
            best = codec, text, odd
        if odd == 0 or len(seen) == _MOST_READINGS:
            break
    return best


def _masked(found: re.Match[bytes]) -> bytes:
    """Blank out what a page says of its own charset: detectors believe it, true or not."""
    return found[1] + b" " * (len(found[0]) - len(found[1]))


def _candidates(content: bytes) -> list[str]:
    """Return the codecs of chardet's best candidates, the best first."""
    import chardet

    found = chardet.detect_all(
        content, ignore_threshold=True, include_encodings=CANDIDATES, prefer_superset=False
    )
    scored = [(one["encoding"], one["confidence"]) for one in found if one["encoding"]]
    if not scored:
        return []
    least = _NEARLY_AS_LIKELY * scored[0][1]
    codecs_found = (_codec(name) for name, score in scored if score >= least)
    return [one for codec in codecs_found for one in (codec, *_KIN.get(codec, ()))]


@cache
def _codec(name: str) -> str:
    """Return the codec, of those that read as Windows does, for a detector's name."""
    codec = codec_as_windows(_WHATWG.get(name, name))
    return "cp950" if codec == "big5hkscs" else codec  # chardet's name for all of Big5


@cache
def has_second_opinion() -> bool:
    """Return whether chardetng is installed (extra ``charset``)."""
    try:
        import chardetng_py  # noqa: F401
    except ImportError:
        return False
    return True


def _second_opinion(content: bytes) -> str | None:
    """Return the codec of chardetng's opinion, None where it has none to give."""
    if not has_second_opinion():
        return None
    from chardetng_py import EncodingDetector

    detector = EncodingDetector()
    detector.feed(content, last=True)
    name = detector.guess(tld=None, allow_utf8=True)
    try:
        return _codec(name)
    except LookupError:
        return None


_WHATWG = {"windows-874": "cp874", "ISO-8859-8-I": "iso8859-8"}
"""Names of the WHATWG's Encoding standard that Python does not know."""
