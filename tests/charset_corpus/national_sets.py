"""Encoding by the codecs of Python, and by the 7-bit national sets that it has none for.

In the sets of ISO 646 some punctuation of ASCII is given up for the letters of a language:
DIN 66003 for German (x-IA5-German), SEN 85 02 00 for Swedish, NS 4551-1 for Norwegian. Only the
letters that no source is in doubt about are here.
"""

from __future__ import annotations

_LETTERS = {
    "x-ia5": "",
    "x-ia5-german": "ÄÖÜäöüß",
    "x-ia5-swedish": "ÄÖÅäöå",
    "x-ia5-norwegian": "ÆØÅæøå",
}
_SIGNS = {"": "", "ÄÖÜäöüß": "[\\]{|}~", "ÄÖÅäöå": "[\\]{|}", "ÆØÅæøå": "[\\]{|}"}
"""What stands for each of the letters."""


def is_national_set(codec: str) -> bool:
    """Return whether this is one of the 7-bit national sets."""
    return codec in _LETTERS


def encoded(text: str, codec: str) -> bytes:
    """Return the bytes of a text. Raises UnicodeError where a character has none."""
    if codec in _LETTERS:
        letters = _LETTERS[codec]
        return text.translate(str.maketrans(letters, _SIGNS[letters])).encode("ascii")
    return text.encode(codec)


def decoded(content: bytes, codec: str) -> str:
    """Return the text of bytes. Raises UnicodeError where they are not valid."""
    if codec in _LETTERS:
        letters = _LETTERS[codec]
        return content.decode("ascii").translate(str.maketrans(_SIGNS[letters], letters))
    return content.decode(codec)
