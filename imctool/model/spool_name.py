"""The spool file name: an eight-symbol base-32 counter that joins every artefact.

IN, OUT and WORK names of one server come from one counter, so names sharing a prefix order
messages without trusting a clock. Inferred from 349 pairs of names in real Received lines; the
seed of the counter is unknown, and it jumps when the service restarts.
"""

from __future__ import annotations

from dataclasses import dataclass

ALPHABET = "ABCD1FGH2JKLMN3PQRST4VWXYZ567890"
"""The 32 symbols in counting order: A-Z with E, I, O, U written 1-4, then 5-9 and 0."""

LENGTH = 8
MODULUS = 32**LENGTH

_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_TO_DIGITS = str.maketrans(ALPHABET.lower() + ALPHABET + "eiouEIOU", _DIGITS * 2 + "!" * 8)
"""Each symbol, in either letter case, to the digit of the same value that int() knows."""


@dataclass(frozen=True, slots=True, order=True)
class SpoolName:
    """A spool name as its counter value, 0 to 32**8-1; compares and sorts by that value."""

    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.value < MODULUS:
            raise ValueError(f"spool counter out of range: {self.value}")

    @classmethod
    def parse(cls, text: str) -> SpoolName:
        """Return the name that ``text`` spells, in any letter case.

        Raises ValueError where it is not eight symbols of the alphabet.
        """
        name = cls.find(text)
        if name is None:
            raise ValueError(f"not a spool name: {text!r}")
        return name

    @classmethod
    def find(cls, text: str) -> SpoolName | None:
        """Return the name that the whole of ``text`` spells, or None."""
        if len(text) != LENGTH or not (text.isascii() and text.isalnum()):
            return None
        try:
            return cls(int(text.translate(_TO_DIGITS), 32))
        except ValueError:  # one of the four vowels that are no symbols
            return None

    def __str__(self) -> str:
        symbols = []
        value = self.value
        for _ in range(LENGTH):
            value, index = divmod(value, 32)
            symbols.append(ALPHABET[index])
        return "".join(reversed(symbols))

    def successor(self, steps: int = 1) -> SpoolName:
        """Return the name ``steps`` further on the counter, which wraps around at its end."""
        return SpoolName((self.value + steps) % MODULUS)

    def distance(self, other: SpoolName) -> int:
        """Return how many names lie from this one to ``other``; negative if it is earlier.

        A gap is no proof of loss: aborted sessions and temporary files use up names too.
        """
        return other.value - self.value
