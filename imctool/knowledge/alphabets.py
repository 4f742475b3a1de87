"""Which letters beyond ASCII each language of Europe writes (general knowledge), and Vietnamese.

Other scripts need no list: a text in Hebrew, Arabic, Thai or an East Asian script has all its
letters from there, and one that was read wrongly has not.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources


@cache
def languages_by_letter() -> dict[str, frozenset[str]]:
    """Return for each letter beyond ASCII, small or capital, the languages that write it."""
    text = resources.files(__package__).joinpath("alphabets.csv").read_text("utf-8")
    found: dict[str, set[str]] = {}
    for row in csv.DictReader(text.splitlines()):
        for letter in row["letters"]:
            for form in {letter, letter.upper()}:
                if len(form) == 1:  # the capital of ß is two letters
                    found.setdefault(form, set()).add(row["language"])
    return {letter: frozenset(languages) for letter, languages in found.items()}
