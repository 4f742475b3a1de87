"""Arabic letters as the shapes that IBM 864 keeps: alone, at the end, the beginning, the middle."""

from __future__ import annotations

import unicodedata
from functools import cache

_NOT_JOINED_ONWARD = (
    "\u0621\u0622\u0623\u0624\u0625\u0627\u0629\u062f\u0630\u0631\u0632\u0648\u0649"
)
_LAM = "\u0644"
_ALEFS = "\u0622\u0623\u0625\u0627"
_INSTEAD = {
    "medial": ("medial", "initial", "isolated", "final"),
    "initial": ("initial", "isolated", "medial", "final"),
    "final": ("final", "isolated", "medial", "initial"),
    "isolated": ("isolated", "final", "initial", "medial"),
}
"""The set has not all four shapes of every letter: the likest of those it has is taken."""


@cache
def _shapes() -> dict[tuple[str, str], str]:
    """Return what the set holds: letters (two for lam-alef) and shape to the sign."""
    found = {}
    for byte in range(0x80, 0x100):
        try:
            sign = bytes([byte]).decode("cp864")
        except UnicodeDecodeError:
            continue
        shape, *letters = unicodedata.decomposition(sign).split() or [""]
        if shape.strip("<>") in _INSTEAD:
            plain = "".join(chr(int(letter, 16)) for letter in letters)
            found[plain, shape.strip("<>")] = sign
    return found


def written_in_forms(sentence: str) -> str:
    """Return the sentence with each Arabic letter in the shape that its neighbours give it.

    A letter that the set has in no shape stays as it is. The order stays that of speech.
    """
    units = _units(sentence)
    shaped = []
    for place, unit in enumerate(units):
        before = units[place - 1] if place else " "
        after = units[place + 1] if place + 1 < len(units) else " "
        joined = _joins(before) and before[-1] not in _NOT_JOINED_ONWARD
        goes_on = unit[-1] not in _NOT_JOINED_ONWARD and _joins(after) and after != "\u0621"
        shape = (("isolated", "initial"), ("final", "medial"))[joined][goes_on]
        shaped.append(_sign(unit, shape))
    return "".join(shaped)


def _units(sentence: str) -> list[str]:
    units: list[str] = []
    for sign in sentence:
        if sign in _ALEFS and units and units[-1] == _LAM:
            units[-1] += sign
        else:
            units.append(sign)
    return units


def _joins(unit: str) -> bool:
    return "\u0621" <= unit[0] <= "\u064a"


def _sign(unit: str, shape: str) -> str:
    if not _joins(unit):
        return unit
    for likest in _INSTEAD[shape]:
        if (unit, likest) in _shapes():
            return _shapes()[unit, likest]
    return unit
