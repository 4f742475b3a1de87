"""The charsets of the time: labels, code page, languages, and what each was mistaken for."""

from __future__ import annotations

from dataclasses import dataclass

NT4_DEFAULT = frozenset({437, 775, 850, *range(1250, 1259), 10000, 20261, 20866, 28592})
"""The code pages of a fresh English Windows NT 4.0 (Q196699)."""

UNKNOWN_LABELS = ("x-unknown", "unknown-8bit", "iso-8859-99", "x-house-set", "letter.txt", "8bit")
"""Labels that no table of Windows has."""

_WEST = (
    "german", "french", "spanish", "portuguese", "italian", "dutch", "swedish", "danish",
    "norwegian", "finnish", "icelandic", "english",
)  # fmt: skip
_CENTRAL = ("polish", "czech", "slovak", "hungarian", "romanian", "croatian", "slovene")
_BALTIC = ("estonian", "latvian", "lithuanian")
_CYRILLIC = ("russian", "ukrainian", "bulgarian", "serbian", "belarusian")


@dataclass(frozen=True, slots=True)
class Charset:
    """A charset that mail was really written in.

    ``codec`` encodes it; ``labels`` are right for it, the usual one first, all of them in the
    tables of Windows; ``table`` is the code page whose NLS file it needs, None for none;
    ``mistaken`` are labels of its relatives; ``readings`` the codecs by which Windows may read
    its labels, where ``codec`` is not all that can be defended. Windows is ``lenient`` with
    bytes that its own single-byte pages leave open.
    """

    codec: str
    labels: tuple[str, ...]
    table: int | None
    languages: tuple[str, ...]
    mistaken: tuple[str, ...]
    readings: tuple[str, ...] = ()
    lenient: bool = False

    @property
    def name(self) -> str:
        """The usual label."""
        return self.labels[0]


def _windows(
    page: int, languages: tuple[str, ...], mistaken: str, also: tuple[str, ...] = ()
) -> Charset:
    names = (f"windows-{page}", *also)
    return Charset(f"cp{page}", names, page, languages, tuple(mistaken.split()), lenient=True)


def _iso(
    part: int, table: int, languages: tuple[str, ...], mistaken: str, also: tuple[str, ...] = ()
) -> Charset:
    names = (f"iso-8859-{part}", *also)
    return Charset(f"iso8859_{part}", names, table, languages, tuple(mistaken.split()))


def _other(codec: str, label: str, table: int | None, languages: str, mistaken: str) -> Charset:
    return Charset(codec, (label,), table, tuple(languages.split()), tuple(mistaken.split()))


_UTF_LANGUAGES = (
    *_WEST, *_CENTRAL, *_BALTIC, *_CYRILLIC,
    "greek", "turkish", "hebrew", "arabic", "persian", "thai", "vietnamese", "maltese", "esperanto",
    "japanese", "korean", "simplified chinese", "traditional chinese",
)  # fmt: skip
_TWO_CHINESE = ("simplified chinese", "traditional chinese")

CHARSETS = (
    Charset(
        "ascii", ("us-ascii",), 1252, ("plain english",), ("iso-8859-1", "utf-8", "windows-1250")
    ),
    Charset(
        "iso8859_1", ("iso-8859-1", "latin1", "l1"), 1252, _WEST,
        ("iso-8859-15", "utf-8", "iso-8859-2", "windows-1252"), ("cp1252", "iso8859_1"),
        lenient=True,
    ),
    _windows(1252, _WEST, "iso-8859-1 iso-8859-15 utf-8"),
    _iso(15, 28605, _WEST, "iso-8859-1 windows-1252 utf-8"),
    _other("mac_roman", "macintosh", 10000,
           "german french spanish portuguese italian danish english", "iso-8859-1 windows-1252"),
    _other("cp437", "ibm437", 437, "german french spanish swedish finnish", "ibm850 iso-8859-1"),
    _other("cp850", "ibm850", 850, " ".join(_WEST), "ibm437 windows-1252"),
    _other("cp860", "ibm860", 860, "portuguese", "ibm850 iso-8859-1"),
    _other("cp861", "ibm861", 861, "icelandic", "ibm865 iso-8859-1"),
    _other("cp863", "ibm863", 863, "french", "ibm850 iso-8859-1"),
    _other("cp865", "ibm865", 865, "danish norwegian", "ibm850 iso-8859-1"),
    _other("mac_iceland", "x-mac-icelandic", 10079, "icelandic", "macintosh iso-8859-1"),
    _iso(2, 28592, _CENTRAL, "windows-1250 iso-8859-1", ("latin2",)),
    _windows(1250, _CENTRAL, "iso-8859-2 windows-1252", ("x-cp1250",)),
    _other("cp852", "ibm852", 852, " ".join(_CENTRAL), "windows-1250 iso-8859-2"),
    _other("mac_latin2", "x-mac-ce", 10029, "polish czech slovak hungarian",
           "windows-1250 macintosh"),
    _other("mac_croatian", "x-mac-croatian", 10082, "croatian slovene", "windows-1250 x-mac-ce"),
    _other("mac_romanian", "x-mac-romanian", 10010, "romanian", "iso-8859-2 macintosh"),
    _iso(3, 28593, ("maltese", "esperanto"), "iso-8859-1 iso-8859-9"),
    _iso(4, 28594, _BALTIC, "windows-1257 iso-8859-13"),
    _iso(13, 28603, _BALTIC, "windows-1257 iso-8859-4"),
    _windows(1257, _BALTIC, "iso-8859-13 iso-8859-4"),
    _other("cp775", "ibm775", 775, " ".join(_BALTIC), "windows-1257 iso-8859-4"),
    _other("koi8_r", "koi8-r", 20866, "russian bulgarian", "windows-1251 iso-8859-5 cp866"),
    _other("koi8_u", "koi8-u", 21866, "ukrainian russian", "koi8-r windows-1251"),
    _windows(1251, _CYRILLIC, "koi8-r iso-8859-5 cp866", ("x-cp1251",)),
    _iso(5, 28595, _CYRILLIC, "koi8-r windows-1251 cp866"),
    _other("cp866", "cp866", 866, "russian bulgarian", "windows-1251 koi8-r"),
    _other("cp855", "ibm855", 855, " ".join(_CYRILLIC), "cp866 windows-1251"),
    _other("mac_cyrillic", "x-mac-cyrillic", 10007, " ".join(_CYRILLIC), "windows-1251 koi8-r"),
    _iso(7, 28597, ("greek",), "windows-1253 iso-8859-1"),
    _windows(1253, ("greek",), "iso-8859-7 windows-1252"),
    _other("cp737", "ibm737", 737, "greek", "windows-1253 iso-8859-7"),
    _other("cp869", "ibm869", 869, "greek", "ibm737 windows-1253"),
    _other("mac_greek", "x-mac-greek", 10006, "greek", "windows-1253 macintosh"),
    _iso(9, 28599, ("turkish",), "iso-8859-1 windows-1254 iso-8859-3"),
    _windows(1254, ("turkish",), "iso-8859-9 windows-1252"),
    _other("cp857", "ibm857", 857, "turkish", "windows-1254 ibm850"),
    _other("mac_turkish", "x-mac-turkish", 10081, "turkish", "macintosh windows-1254"),
    _iso(8, 28598, ("hebrew",), "windows-1255 dos-862"),
    _windows(1255, ("hebrew",), "iso-8859-8 windows-1252"),
    _other("cp862", "dos-862", 862, "hebrew", "windows-1255 iso-8859-8"),
    _iso(6, 28596, ("arabic",), "windows-1256 iso-8859-1"),
    _windows(1256, ("arabic", "persian"), "iso-8859-6 windows-1252"),
    _other("cp720", "dos-720", 720, "arabic", "windows-1256 iso-8859-6"),
    _other("cp864", "ibm864", 864, "arabic", "windows-1256 iso-8859-6"),
    _windows(874, ("thai",), "windows-1252 iso-8859-1", ("tis-620",)),
    _windows(1258, ("vietnamese",), "windows-1252 utf-8"),
    _other("iso2022_jp", "iso-2022-jp", 932, "japanese", "shift_jis euc-jp"),
    _other("euc_jp", "euc-jp", 932, "japanese", "shift_jis iso-2022-jp gb2312"),
    Charset(
        "cp932", ("shift_jis", "x-sjis"), 932, ("japanese",), ("euc-jp", "iso-2022-jp", "big5"),
        ("cp932", "shift_jis"),
    ),
    Charset(
        "euc_kr", ("euc-kr", "ks_c_5601-1987"), 949, ("korean",),
        ("shift_jis", "iso-2022-kr", "gb2312"), ("cp949", "euc_kr"),
    ),
    _other("iso2022_kr", "iso-2022-kr", 949, "korean", "euc-kr us-ascii"),
    Charset(
        "gb2312", ("gb2312",), 936, ("simplified chinese",), ("big5", "euc-kr"),
        ("gbk", "gb18030"),
    ),
    Charset(
        "gbk", ("gbk", "gb2312"), 936, _TWO_CHINESE, ("big5", "utf-8"), ("gbk", "gb18030")
    ),
    Charset(
        "gb18030", ("gb18030",), 54936, _TWO_CHINESE, ("big5", "gb2312"), ("gb18030",)
    ),
    Charset("hz", ("hz-gb-2312",), 936, ("simplified chinese",), ("gb2312", "us-ascii")),
    Charset(
        "cp950", ("big5", "cn-big5"), 950, ("traditional chinese",), ("gb2312", "shift_jis"),
        ("cp950", "big5"),
    ),
    Charset(
        "utf_8", ("utf-8",), None, _UTF_LANGUAGES, ("iso-8859-1", "windows-1252", "utf-7")
    ),
    Charset("utf_7", ("utf-7",), None, _UTF_LANGUAGES, ("utf-8", "us-ascii")),
    Charset("x-ia5", ("x-ia5",), 20105, ("plain english",), ("us-ascii",)),
    _other("x-ia5-german", "x-ia5-german", 20106, "german", "us-ascii x-ia5"),
    _other("x-ia5-swedish", "x-ia5-swedish", 20107, "swedish", "us-ascii x-ia5"),
    _other("x-ia5-norwegian", "x-ia5-norwegian", 20108, "norwegian", "us-ascii x-ia5"),
)  # fmt: skip
"""Every charset of the time that mail was seen in and that a codec exists for."""

_BY_LABEL = {label: one for one in reversed(CHARSETS) for label in one.labels}


def charset_of_label(label: str) -> Charset:
    """Return the charset that a label names. Raises KeyError for one that is not here."""
    return _BY_LABEL[label.lower()]


def same_charset(one: str, other: str) -> bool:
    """Return whether two labels name one charset."""
    if one.lower() == other.lower():
        return True
    known = {
        label for charset in CHARSETS if one.lower() in charset.labels for label in charset.labels
    }
    return other.lower() in known
