"""Whether two readings of the same bytes are one text to who reads them."""

from __future__ import annotations

_ALIKE = {
    "\\": "\u00a5\u20a9\uff3c\uffe5\ufe68",
    "~": "\u203e\u00af\uffe3",
    "\uff5e": "\u301c\u223c",
    "\uff0d": "\u2212",
    "\u2225": "\u2016",
    "\u2014": "\u2015",
    "\uffe0": "\u00a2",
    "\uffe1": "\u00a3",
    "\uffe2": "\u00ac",
    "\uffe4": "\u00a6",
    "\u00b7": "\u30fb\u2022\u2027\u0387",
    "\uff0f": "\u2215",
    "\uff64": "\ufe51",
    "\u2295": "\u2641",
    "\u2299": "\u2609",
    "\u03a9": "\u2126",
}
"""Characters that tables of one charset give for the same bytes (measured over all codecs of
Shift_JIS, EUC-JP, GB 2312, Big5 and KS C 5601 that Python has)."""

_ONE_OF_ALIKE = str.maketrans(
    {other: one for one, others in _ALIKE.items() for other in others} | {"\r": "\n"}
)


def looks_same(a: str, b: str) -> bool:
    """Return whether two readings of the same bytes show a reader the same text.

    Byte order marks, line ends, and characters that only different tables of one charset tell
    apart, as wave dash and full-width tilde, do not count.
    """
    return a == b or _plain(a) == _plain(b)


def _plain(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").translate(_ONE_OF_ALIKE)
