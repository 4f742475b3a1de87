"""Which languages write which letters."""

from __future__ import annotations

import unicodedata

import pytest
from charset_corpus.texts import LANGUAGES, sentences

from imctool.knowledge.alphabets import languages_by_letter

pytestmark = pytest.mark.slow

LISTED = {language for languages in languages_by_letter().values() for language in languages}
WITNESSED = sorted({one.capitalize() for one in LANGUAGES} & LISTED - {"English", "Vietnamese"})
"""English takes names as they come; the marks of Vietnamese stand apart, as windows-1258 does."""


def letters_of(language: str) -> set[str]:
    return {letter for letter, known in languages_by_letter().items() if language in known}


def test_every_letter_is_one_letter_beyond_ascii_of_a_script_with_cases() -> None:
    for letter in languages_by_letter():
        assert len(letter) == 1
        assert not letter.isascii() or letter == "I"  # the capital of ı
        assert unicodedata.category(letter) in {"Lu", "Ll"}
        assert unicodedata.name(letter).split()[0] in {"LATIN", "CYRILLIC", "GREEK"}
        assert unicodedata.is_normalized("NFC", letter)


def test_a_small_letter_comes_with_its_capital() -> None:
    for letter, languages in languages_by_letter().items():
        capital = letter.upper()
        if len(capital) == 1 and letter not in "ıς":
            assert languages <= languages_by_letter()[capital], letter


def test_what_has_no_single_capital_stands_small_alone() -> None:
    assert languages_by_letter()["ß"] == {"German"}
    assert {"ΐ", "ΰ"} <= letters_of("Greek")
    assert "SS" not in languages_by_letter()


@pytest.mark.parametrize(
    ("letter", "languages"),
    [
        ("ř", {"Czech", "Slovak"}),
        ("ő", {"Hungarian"}),
        ("đ", {"Croatian", "Slovene", "Vietnamese"}),
        ("ђ", {"Serbian"}),
        ("ѓ", {"Macedonian"}),
        ("ў", {"Belarusian"}),
        ("ґ", {"Ukrainian"}),
        ("ğ", {"Azerbaijani", "Turkish"}),
        ("ħ", {"Maltese"}),
        ("ŝ", {"Esperanto"}),
        ("þ", {"Icelandic"}),
        ("ŵ", {"Welsh"}),
        ("ơ", {"Vietnamese"}),
    ],
)
def test_a_letter_tells_its_languages(letter: str, languages: set[str]) -> None:
    assert languages_by_letter()[letter] == languages
    assert languages_by_letter()[letter.upper()] == languages


def test_romanian_is_written_with_cedilla_or_comma() -> None:
    assert set("şţșț") <= letters_of("Romanian")


@pytest.mark.parametrize("language", WITNESSED)
def test_the_letters_of_a_language_are_those_of_its_sentences(language: str) -> None:
    """The corpus is the witness: no letter of it may lie outside of the list."""
    written = [
        letter
        for sentence in sentences(language.lower())
        for letter in unicodedata.normalize("NFC", sentence)
        if letter.isalpha() and not letter.isascii() and letter not in "ªº"
    ]
    assert len(written) > 10
    assert not set(written) - letters_of(language)


def test_languages_of_one_letter_set_are_kept_apart() -> None:
    assert letters_of("Russian") - letters_of("Bulgarian") >= set("ыэёЫЭЁ")
    assert letters_of("Danish") == letters_of("Norwegian")
    assert letters_of("Swedish") != letters_of("Finnish")
