"""Sentences and running texts in every language that the charsets of the time served."""

from __future__ import annotations

import random
import unicodedata
from functools import cache

from charset_corpus import central_texts, cyrillic_texts, east_asian_texts
from charset_corpus import eastern_texts as eastern
from charset_corpus import western_texts as western
from charset_corpus.arabic_forms import written_in_forms
from charset_corpus.national_sets import decoded, encoded

LANGUAGES = {
    "english": western.ENGLISH,
    "plain english": western.PLAIN_ENGLISH,
    "german": western.GERMAN,
    "french": western.FRENCH,
    "spanish": western.SPANISH,
    "portuguese": western.PORTUGUESE,
    "italian": western.ITALIAN,
    "dutch": western.DUTCH,
    "swedish": western.SWEDISH,
    "danish": western.DANISH,
    "norwegian": western.NORWEGIAN,
    "finnish": western.FINNISH,
    "icelandic": western.ICELANDIC,
    "polish": central_texts.POLISH,
    "czech": central_texts.CZECH,
    "slovak": central_texts.SLOVAK,
    "hungarian": central_texts.HUNGARIAN,
    "romanian": central_texts.ROMANIAN,
    "croatian": central_texts.CROATIAN,
    "slovene": central_texts.SLOVENE,
    "estonian": central_texts.ESTONIAN,
    "latvian": central_texts.LATVIAN,
    "lithuanian": central_texts.LITHUANIAN,
    "russian": cyrillic_texts.RUSSIAN,
    "ukrainian": cyrillic_texts.UKRAINIAN,
    "bulgarian": cyrillic_texts.BULGARIAN,
    "serbian": cyrillic_texts.SERBIAN,
    "belarusian": cyrillic_texts.BELARUSIAN,
    "greek": cyrillic_texts.GREEK,
    "turkish": eastern.TURKISH,
    "hebrew": eastern.HEBREW,
    "arabic": eastern.ARABIC,
    "persian": eastern.PERSIAN,
    "thai": eastern.THAI,
    "vietnamese": eastern.VIETNAMESE,
    "maltese": eastern.MALTESE,
    "esperanto": eastern.ESPERANTO,
    "japanese": east_asian_texts.JAPANESE,
    "korean": east_asian_texts.KOREAN,
    "simplified chinese": east_asian_texts.SIMPLIFIED_CHINESE,
    "traditional chinese": east_asian_texts.TRADITIONAL_CHINESE,
}

_TONES = "\u0300\u0301\u0303\u0309\u0323"
"""Grave, acute, tilde, hook above and dot below: in windows-1258 they follow their vowel."""

_WITH_COMMA = str.maketrans("ŞşŢţ", "ȘșȚț")

_UNSPACED = {"thai", "japanese", "simplified chinese", "traditional chinese"}


_ASIDES = (
    "(Ref. 4711/98-B)", "http://www.adatum.example/", "Tel. 089/4711-20,", "Windows NT 4.0 SP5,",
    "10:30 - 12:00,", "ISO 9001:", "info@adatum.example,", "P.S. OK!", "(1)", "No. 17 =",
)  # fmt: skip
"""What stands in letters of any language in plain ASCII."""

_NO_CAPITALS = {"plain english", "turkish", "vietnamese"}
"""Python's capitals are not those of Turkish; a tone may be lost in Vietnamese."""


def sentences(language: str) -> tuple[str, ...]:
    """Return the sentences of a language. Raises KeyError for a language that is not here."""
    return LANGUAGES[language]


@cache
def sentences_in(language: str, codec: str) -> tuple[str, ...]:
    """Return the sentences that a codec can encode, spelled as one typed them in it."""
    spelled = (_as_typed(sentence, codec) for sentence in sentences(language))
    return tuple(one for one in spelled if _fits(one, codec))


def text(
    language: str,
    codec: str,
    minimum_bytes: int,
    chance: random.Random,
    *,
    capitals: bool = True,
) -> str:
    """Return sentences in random order whose encoded bytes are at least so many.

    The first sentence may begin in its middle, at a word; now and then something in ASCII stands
    between two, which does not count, and now and then all is in capitals if ``capitals``
    may be. There is at least one
    byte in it that tells it from ASCII, if the codec has such bytes. Raises ValueError where no
    sentence of the language can be encoded.
    """
    known = sentences_in(language, codec)
    if not known:
        raise ValueError(f"no sentence in {language} fits {codec}")
    chosen: list[str] = []
    while True:
        for sentence in chance.sample(known, len(known)):
            middle = not chosen and chance.random() < 0.5
            chosen.append(_from_the_middle(sentence, language, chance) if middle else sentence)
            running = _joined(chosen, language)
            if len(encoded(running, codec)) >= minimum_bytes and _tells(running, language):
                running = _with_an_aside(chosen, language, chance)
                return _in_capitals(running, language, codec, chance) if capitals else running


def _with_an_aside(chosen: list[str], language: str, chance: random.Random) -> str:
    if chance.random() < 0.2:
        place = chance.randrange(len(chosen) + 1)
        return _joined([*chosen[:place], chance.choice(_ASIDES), *chosen[place:]], language)
    return _joined(chosen, language)


def _in_capitals(running: str, language: str, codec: str, chance: random.Random) -> str:
    """Return the text as it is, or in capitals as one text of thirty-three."""
    shouted = running.upper()
    may_be = language not in _NO_CAPITALS and chance.random() < 0.03
    return shouted if may_be and _fits(shouted, codec) else running


def _joined(chosen: list[str], language: str) -> str:
    return ("" if language in _UNSPACED - {"thai"} else " ").join(chosen)


def wrapped(running: str, width: int) -> str:
    """Return the text broken into lines of about so many columns, with CRLF between them."""
    broken: list[str] = []
    line = ""
    for word in _words(running, width):
        if line and len(line) + len(word) > width:
            broken.append(line.rstrip(" "))
            line = ""
        line += word
    broken.append(line.rstrip(" "))
    return "\r\n".join(broken)


def _words(running: str, width: int) -> list[str]:
    """Return the words with the blank behind each; what has no blanks is cut at the width."""
    cut = max(width // 2, 1)
    found: list[str] = []
    for word in running.split(" "):
        if len(word) > width:
            found += [word[start : start + cut] for start in range(0, len(word), cut)]
            found[-1] += " "
        else:
            found.append(f"{word} ")
    return found


def _from_the_middle(sentence: str, language: str, chance: random.Random) -> str:
    if language in _UNSPACED:
        starts = [n for n, sign in enumerate(sentence) if not unicodedata.combining(sign)]
        starts = [n for n in starts if n < len(sentence) // 2]
        return sentence[chance.choice(starts) :]
    words = sentence.split(" ")
    return " ".join(words[chance.randrange(max(len(words) // 2, 1)) :])


def _tells(chosen: str, language: str) -> bool:
    return language == "plain english" or not chosen.isascii()


def _fits(sentence: str, codec: str) -> bool:
    try:
        return decoded(encoded(sentence, codec), codec) == sentence
    except UnicodeError:
        return False


def _as_typed(sentence: str, codec: str) -> str:
    if codec == "cp1258":
        return "".join(map(_tone_behind, unicodedata.normalize("NFC", sentence)))
    if codec == "cp1256":  # it has no Persian yeh: the Arabic one was typed
        return sentence.replace("\u06cc", "\u064a")
    if codec == "cp864":
        return written_in_forms(sentence)
    if codec == "mac_romanian":  # it has the letters with a comma, the others those with a cedilla
        return sentence.translate(_WITH_COMMA)
    return sentence


def _tone_behind(sign: str) -> str:
    apart = unicodedata.normalize("NFD", sign)
    vowel = "".join(one for one in apart if one not in _TONES)
    return unicodedata.normalize("NFC", vowel) + "".join(one for one in apart if one in _TONES)
