"""Whether a text reads like something that people write, or like bytes read in a wrong charset.

A wrong charset leaves traces that no language has: a capital amid small letters (``ausgewŠhlt``),
a sign inside a word (``v‘rdi``), two scripts in one word, words of accented letters alone
(``Ïðèâåò``), letters that no one language shares, control characters. The share of such
characters is the oddness of a text. How well it tells right from wrong is measured in
``benchmarks/charsets.py``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from imctool.knowledge.alphabets import languages_by_letter

LOOKED_AT = 600
"""So many characters of a text are enough to tell."""

_OPENING = frozenset("¿¡„‚«“‘‹")
_CLOSING = frozenset("»”’“‘›™®ºª²³¹")
_EITHER_WAY = frozenset("«»‹›“”‘’")
"""Marks that open in one language and close in another."""

_FREE = frozenset(
    "§©€£¢¥¤µ°–—…•½¼¾×·±№،؛؟٪、。「」『』・～ー（）！？，：；％＋－／々〇"
)  # fmt: skip
_BLANK = frozenset("\u00a0\u00ad\u200c\u200d\u200e\u200f\ufeff")
_IN_WORDS = frozenset("·\u00ad\u200c\u200d")
_DASHES = frozenset("–—")
_EAST_ASIAN = frozenset(
    {
        "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "FULLWIDTH", "HALFWIDTH", "IDEOGRAPHIC",
        "BOPOMOFO", "KATAKANA-HIRAGANA",
    }
)  # fmt: skip
_LISTED = frozenset({"LATIN", "CYRILLIC", "GREEK"})
_WITH_MARKS = ("Vietnamese", "HEBREW", "ARABIC", "THAI")
"""The languages and scripts that put marks of their own beside letters."""


_TELLING = re.compile(r"[^\x00-\x20]*[^\x00-\x7f][^\x00-\x20]*")
"""What stands between blanks and has a character beyond ASCII: all else is as it should be."""


class _Sign(NamedTuple):
    """What a character is: its kind (L letter, M mark, S sign ...), script, and case."""

    kind: str
    script: str = ""
    case: str = ""


_NO_CHARACTER = "none"
"""Stands for the script of what no text has: control characters, unassigned code points."""

_SPACE, _PLAIN = _Sign(" "), _Sign("x")


@lru_cache(maxsize=1 << 14)
def _sign(character: str) -> _Sign:
    if character.isascii():
        if character.isalpha():
            return _Sign("L", "LATIN", "u" if character.isupper() else "l")
        return _SPACE if character.isspace() else _PLAIN
    if character in _BLANK:
        return _SPACE
    if character in _OPENING:
        return _Sign("o")
    if character in _CLOSING:
        return _Sign("c")
    if character in _FREE:
        return _PLAIN
    category = unicodedata.category(character)
    if category[0] == "M":
        return _Sign("M")
    if category[0] == "L" or category == "Nd":
        script = unicodedata.name(character, "?").split()[0]
        if script == "MODIFIER":  # a circumflex by itself is no letter of any text
            return _Sign("S")
        case = {"Lu": "u", "Ll": "l"}.get(category, "")
        return _Sign("L", "EAST" if script in _EAST_ASIAN else script, case)
    no_character = category[0] == "C" or character == "\ufffd"
    return _Sign("S", _NO_CHARACTER if no_character else "")


def oddness(text: str) -> float:
    """Return the share, 0 to 1, of the characters beyond ASCII that no language puts so."""
    text = text[:LOOKED_AT]
    odd = told = letters = 0
    shared: dict[str, int] = {}
    by_letter = languages_by_letter()
    for stretch in _TELLING.finditer(text):
        word: list[tuple[_Sign, str]] = []
        before = _SPACE
        for at in range(stretch.start(), stretch.end()):
            character = text[at]
            sign = _sign(character)
            if sign.kind == "L":
                word.append((sign, character))
                if not character.isascii():
                    told += 1
                    letters += 1
                    for language in by_letter.get(character, ()):
                        shared[language] = shared.get(language, 0) + 1
                    if sign.script not in _LISTED:
                        shared[sign.script] = shared.get(sign.script, 0) + 1
            elif sign.kind == "M":
                told += 1
                letters += 1
                for writing in _WITH_MARKS:
                    shared[writing] = shared.get(writing, 0) + 1
            else:
                if not character.isascii() and sign.kind != " ":
                    told += 1
                    following = _sign(text[at + 1]) if at + 1 < len(text) else _SPACE
                    odd += _misplaced(character, sign, before, following)
                if character not in _IN_WORDS:
                    odd += _odd_in_word(word)
                    odd += sign.kind == " " and _lone_capital(word, text, at)
                    word = []
            before = sign
        odd += _odd_in_word(word) + _lone_capital(word, text, stretch.end())
    odd += letters - max(shared.values(), default=0)
    return min(1.0, odd / told) if told else 0.0


def _misplaced(character: str, sign: _Sign, before: _Sign, following: _Sign) -> bool:
    """Return whether a sign beyond ASCII stands where nobody would put it."""
    after_letter, before_letter = before.kind == "L", following.kind == "L"
    either_way = character in _EITHER_WAY
    if sign.kind == "S":
        # A sign alone, an amount's or a frame's, is in its place; beside a letter it was one.
        return after_letter or before_letter or sign.script == _NO_CHARACTER
    if sign.kind == "o":
        return after_letter and not (either_way and following.kind in " x")
    if sign.kind == "c":
        if after_letter:
            return before_letter and character != "’"
        return before_letter and before.kind == " " and not either_way
    if character in _DASHES:
        return after_letter and following.kind == " "
    inside = after_letter and before_letter and before.script == "LATIN"
    return inside and character not in "·€"


def _odd_in_word(word: Sequence[tuple[_Sign, str]]) -> int:
    """Return how many letters of a word stand as in no language."""
    beyond = sum(not letter.isascii() for _, letter in word)
    if not beyond:
        return 0
    odd = 0
    scripts = {sign.script for sign, _ in word}
    if len(scripts) > 1:
        odd = 0 if "EAST" in scripts else beyond
    elif scripts == {"LATIN"}:
        odd = beyond if beyond == len(word) >= 2 and not _in_one_language(word) else _runs(word)
    for (one, letter), (other, next_letter) in pairwise(word):
        if one.case == "l" and other.case == "u":
            odd += not (letter.isascii() and next_letter.isascii())
    last, letter = word[-1]
    if len(word) > 3 and last.case == "l" and not letter.isascii():
        odd += all(sign.case == "u" for sign, _ in word[:-1])
    return odd


def _in_one_language(word: Sequence[tuple[_Sign, str]]) -> bool:
    """Return whether one language has all letters of a word, and it is not all in capitals."""
    if all(sign.case == "u" for sign, _ in word):
        return False
    by_letter = languages_by_letter()
    languages = (by_letter.get(letter, frozenset()) for _, letter in word)
    return bool(frozenset.intersection(*languages))


def _runs(word: Sequence[tuple[_Sign, str]]) -> int:
    """Return how many letters follow three others beyond ASCII: no Latin alphabet needs four."""
    odd = run = 0
    for _, letter in word:
        run = 0 if letter.isascii() else run + 1
        odd += run > 3
    return odd


def _lone_capital(word: Sequence[tuple[_Sign, str]], text: str, end: int) -> bool:
    """Return whether one accented capital stands by itself within a sentence."""
    if len(word) != 1 or end < 3:
        return False
    sign, letter = word[0]
    inside = text[end - 2] == " " and _sign(text[end - 3]).case == "l"
    return inside and sign.case == "u" and not letter.isascii()
