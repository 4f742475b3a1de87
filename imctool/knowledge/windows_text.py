"""How Windows reads the bytes of a charset, where Python's codecs read them otherwise.

The bytes 80 to 9F that windows-125x and windows-874 leave open are C1 controls (published
best-fit tables of Microsoft; WHATWG index tables). Bytes from A0 up that a page leaves open, and
those that an ISO 8859 page does, get private-use code points there; no text has them, so they
count as not valid here. ISO-8859-1 is read as windows-1252, as a client shows it (inferred from
Q175105). Page 51932 and the Japanese escapes have the rows of 932. What Windows does with
ISO-2022-JP, ISO-2022-KR and HZ is taken from the published .NET encodings, whose comments name
the library that Exchange's time used (inferred for Exchange).

What is 7-bit by its standard is not valid with 8-bit bytes, though Windows lets some pass.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from functools import cache

Reader = Callable[[bytes, bool], str]

_C1_PAGES = frozenset({"cp874", *(f"cp{page}" for page in range(1250, 1259))})
_OPEN = "\ufffe"
"""What a table for ``charmap_decode`` holds for a byte that has no character."""

_OTHER_BYTES = {
    "cp1255": {0xCA: "\u05ba"},
    "koi8_u": {0xAE: "\u045e", 0xBE: "\u040e"},
    "mac_cyrillic": {0xA2: "\u00a2", 0xB6: "\u2202", 0xFF: "\u00a4"},
    "mac_roman": {0xDB: "\u00a4"},
}
"""A Hebrew point, and the Belarusian letters of page 21866 (WHATWG index tables); the older
Macintosh pages that Windows has, before the Euro and the letter ghe (published tables)."""

_NAMES = {"iso8859_1": "latin_1", "utf_8_sig": "utf_8"}


def windows_decode(
    content: bytes, codec: str, *, final: bool = True, user_defined: bool = False
) -> str | None:
    """Return the text that Windows reads from bytes of a charset, None where they are not valid.

    ``codec`` is a Python codec as :class:`~imctool.knowledge.charsets.Charset` gives it. With
    ``final`` False a character may be cut at the end; what is cut is left out. With
    ``user_defined`` the ranges that Windows keeps for characters of the user's own are valid in
    the Chinese and Korean pages too, as they always are in Shift_JIS. A byte order mark stays in
    the text. Raises LookupError for a codec that Python does not know.
    """
    name = codecs.lookup(codec).name.replace("-", "_")
    name = _NAMES.get(name, name)
    try:
        if name in _READERS:
            text = _READERS[name](content, final)
        elif (table := _byte_table(name)) is not None:
            text = codecs.charmap_decode(content, "strict", table)[0]
        else:
            errors = "strict"
            if name == "euc_jp":
                errors = _ROWS_OF_932
            elif name == "gbk":
                errors = _WITH_USER_DEFINED["gbk"] if user_defined else _EURO_OF_936
            elif user_defined:
                errors = _WITH_USER_DEFINED.get(name, errors)
            text = codecs.getincrementaldecoder(name)(errors).decode(content, final)
    except UnicodeError:
        return None
    return text.translate(_AS_932) if name == "euc_jp" else text


@cache
def _byte_table(name: str) -> str | None:
    """Return the characters of the 256 bytes, None for a codec that Python reads alike."""
    if name not in _C1_PAGES and name not in _OTHER_BYTES and name != "latin_1":
        return None
    if name == "latin_1":
        name = "cp1252"
    characters = list(bytes(range(256)).decode(name, "replace").replace("\ufffd", _OPEN))
    for byte in range(0x80, 0xA0):
        if characters[byte] == _OPEN:
            characters[byte] = chr(byte)
    for byte, character in _OTHER_BYTES.get(name, {}).items():
        characters[byte] = character
    return "".join(characters)


# Pairs of bytes that Python's codecs of East Asia reject and Windows has. An error handler gives
# them, so that one pass reads any mixture.


def _error_handler(name: str, read: Callable[[bytes], str | None]) -> str:
    def handle(error: UnicodeError) -> tuple[str, int]:
        if isinstance(error, UnicodeDecodeError):
            pair = error.object[error.start : error.start + 2]
            text = read(pair)
            if text is not None:
                return text, error.start + (2 if pair[0] != 0x80 else 1)
        raise error

    codecs.register_error(name, handle)
    return name


def _euc_pair(pair: bytes) -> str | None:
    """Return the character that page 932 has for a pair of EUC: NEC's and IBM's rows."""
    if len(pair) != 2 or min(pair) < 0xA1 or max(pair) > 0xFE:
        return None
    row, cell = pair[0] - 0xA1, pair[1] - 0xA1
    lead = row // 2 + (0x81 if row < 62 else 0xC1)
    trail = cell + (0x9F if row % 2 else 0x40 if cell < 63 else 0x41)
    try:
        return bytes((lead, trail)).decode("cp932")
    except UnicodeDecodeError:
        return None


def _euro_of_936(pair: bytes) -> str | None:
    return "\u20ac" if pair[0] == 0x80 else None


def _user_936(pair: bytes) -> str | None:
    """AAA1-AFFE, F8A1-FEFE and A140-A7A0, which GB18030 keeps where Windows put them."""
    if pair[0] == 0x80:
        return "\u20ac"
    try:
        text = pair.decode("gb18030")
    except UnicodeDecodeError:
        return None
    return text if "\ue000" <= text <= "\ue765" else None


def _user_949(pair: bytes) -> str | None:
    if len(pair) != 2 or not 0xA1 <= pair[1] <= 0xFE or pair[0] not in (0xC9, 0xFE):
        return None
    return chr((0xE000 if pair[0] == 0xC9 else 0xE05E) + pair[1] - 0xA1)


_BIG5_RANGES = ((0xFA, 0xFE, 0xE000), (0x8E, 0xA0, 0xE311), (0x81, 0x8D, 0xEEB8))


def _user_950(pair: bytes) -> str | None:
    if len(pair) != 2 or not (0x40 <= pair[1] <= 0x7E or 0xA1 <= pair[1] <= 0xFE):
        return None
    lead, cell = pair[0], pair[1] - (0x40 if pair[1] <= 0x7E else 0x62)
    for first, last, start in _BIG5_RANGES:
        if first <= lead <= last:
            return chr(start + (lead - first) * 157 + cell)
    if 0xC6 <= lead <= 0xC8 and (lead > 0xC6 or pair[1] >= 0xA1):
        return chr(0xF6B1 + (lead - 0xC6) * 157 + cell - 63)
    return None


_ROWS_OF_932 = _error_handler("imctool.windows.euc-jp", _euc_pair)
_EURO_OF_936 = _error_handler("imctool.windows.gbk", _euro_of_936)
"""The later tables of 936 have the Euro at 80; whether NT 4.0's has it is unknown."""
_WITH_USER_DEFINED = {
    "gbk": _error_handler("imctool.windows.gbk.user", _user_936),
    "cp949": _error_handler("imctool.windows.cp949.user", _user_949),
    "cp950": _error_handler("imctool.windows.cp950.user", _user_950),
}
"""The end-user-defined ranges of the Win32 and Windows 95 DDK documentation."""

_AS_932 = str.maketrans(
    "\u301c\u2016\u2212\u00a2\u00a3\u00ac", "\uff5e\u2225\uff0d\uffe0\uffe1\uffe2"
)
_HIGH = bytes(byte | 0x80 for byte in range(256))
_BLANKS = re.compile(rb"([\x00-\x20]+)")


def _invalid(content: bytes, why: str) -> UnicodeDecodeError:
    return UnicodeDecodeError("windows", content, 0, len(content), why)


def _pairs(run: bytes, codec: str, last: bool) -> str:
    """Return 7-bit pairs as text; blanks and line ends between them stand for themselves.

    A single byte over is cut at the ``last`` run, and not valid in any other.
    """
    pieces = _BLANKS.split(run)
    text = []
    for index, piece in enumerate(pieces):
        if index % 2:
            text.append(piece.decode("ascii"))
            continue
        if len(piece) % 2:
            if not last or index + 1 < len(pieces):
                raise _invalid(piece, "half a character")
            piece = piece[:-1]
        text.append(piece.translate(_HIGH).decode(codec, _PAIR_ERRORS.get(codec, "strict")))
    return "".join(text)


_PAIR_ERRORS = {"euc_jp": _ROWS_OF_932}

_JP_SHIFT = re.compile(rb"(\x1b(?:\$[@B]|\$\(D|\([BHIJ]|&@)|[\x0e\x0f])")
_JP_MODES = {
    b"\x1b$@": "0208", b"\x1b$B": "0208", b"\x1b$(D": "0212", b"\x1b(I": "kana",
    b"\x1b(B": "ascii", b"\x1b(H": "ascii", b"\x1b(J": "ascii",
}  # fmt: skip


def _shifts(
    content: bytes, shift: re.Pattern[bytes], final: bool, cut_escape: re.Pattern[bytes]
) -> list[bytes]:
    """Return the runs and the shifts between them, without an escape cut at the end."""
    if not content.isascii():
        raise _invalid(content, "8-bit bytes in a 7-bit charset")
    pieces = shift.split(content)
    if not final:
        pieces[-1] = cut_escape.sub(b"", pieces[-1])
    return pieces


_JP_CUT = re.compile(rb"\x1b(?:\$\(?|\(|&)?\Z")


def _read_iso2022_jp(content: bytes, final: bool) -> str:
    """ISO-2022-JP with half-width kana, by escape or SO, and the rows of page 932.

    ``ESC ( J`` and ``ESC ( H`` are ASCII to Windows. JIS X 0212 is read as what it is, though
    Windows took it for JIS X 0208.
    """
    pieces = _shifts(content, _JP_SHIFT, final, _JP_CUT)
    text, mode, before = [], "ascii", "ascii"
    for index, piece in enumerate(pieces):
        last = not final and index + 1 == len(pieces)
        if index % 2:
            if piece == b"\x0e":
                before, mode = mode, "kana"
            elif piece == b"\x0f":
                mode = before
            elif piece != b"\x1b&@":
                before = mode = _JP_MODES[piece]
        elif mode == "0208":
            text.append(_pairs(piece, "euc_jp", last).translate(_AS_932))
        elif mode == "0212":
            text.append(_jis_x_0212(piece, last))
        elif mode == "kana":
            text.append("".join(map(_kana, piece)))
        else:
            text.append(piece.decode("ascii"))
    return "".join(text)


def _kana(byte: int) -> str:
    return chr(byte + 0xFF40) if 0x21 <= byte <= 0x5F else chr(byte)


def _jis_x_0212(run: bytes, last: bool) -> str:
    if len(run) % 2:
        if not last:
            raise _invalid(run, "half a character")
        run = run[:-1]
    pairs = (run[at : at + 2].translate(_HIGH) for at in range(0, len(run), 2))
    return b"".join(b"\x8f" + pair for pair in pairs).decode("euc_jp")


_KR_SHIFT = re.compile(rb"(\x1b\$\)C|[\x0e\x0f])")
_KR_CUT = re.compile(rb"\x1b(?:\$\)?)?\Z")


def _read_iso2022_kr(content: bytes, final: bool) -> str:
    """ISO-2022-KR; the designator may be missing, and shift-out holds over line ends."""
    pieces = _shifts(content, _KR_SHIFT, final, _KR_CUT)
    text, korean = [], False
    for index, piece in enumerate(pieces):
        if index % 2:
            korean = piece == b"\x0e" or (korean and piece != b"\x0f")
        elif korean:
            text.append(_pairs(piece, "euc_kr", not final and index + 1 == len(pieces)))
        else:
            text.append(piece.decode("ascii"))
    return "".join(text)


_HZ_ASCII = re.compile(rb"[^~]+|~~|~\{|~\}|~\r?\n|~")
_HZ_CHINESE = re.compile(rb"(?:[\x21-\x77][\x21-\x7e])+|[\x00-\x20]+|~\r?\n|~\}|~\{")
_HZ_CUT = {False: re.compile(rb"~\r?\Z"), True: re.compile(rb"(?:~\r?|[\x21-\x77])\Z")}


def _read_hz(content: bytes, final: bool) -> str:
    """HZ (RFC 1843); Chinese goes on over a line end, and a lone tilde is a tilde."""
    if not content.isascii():
        raise _invalid(content, "8-bit bytes in a 7-bit charset")
    text, chinese, at = [], False, 0
    while at < len(content):
        if not final and _HZ_CUT[chinese].fullmatch(content, at):
            break
        found = (_HZ_CHINESE if chinese else _HZ_ASCII).match(content, at)
        if found is None:
            raise _invalid(content, "no Chinese character")
        piece, at = found[0], found.end()
        if piece in (b"~{", b"~}"):
            chinese = piece == b"~{"
        elif piece == b"~~" and not chinese:
            text.append("~")
        elif piece[:1] == b"~" and len(piece) > 1:
            continue
        elif chinese and piece[0] > 0x20:
            text.append(piece.translate(_HIGH).decode("gb2312"))
        else:
            text.append(piece.decode("ascii"))
    return "".join(text)


_UTF7_OPEN = re.compile(rb"\+[A-Za-z0-9+/]*\Z")


def _read_utf7(content: bytes, final: bool) -> str:
    """UTF-7 (RFC 2152); a shifted run may go to the end, and half a surrogate is no character.

    Windows passes over bits left in a run; as it loses them, such bytes are not valid here.
    """
    found = _UTF7_OPEN.search(content)
    if found is not None and not final:
        content = content[: found.start()]
    elif found is not None and found[0] == b"+":
        raise _invalid(content, "a shift without characters")
    elif found is not None:
        content += b"-"
    text = content.decode("utf_7")
    text.encode("utf_8")
    return text


def _with_byte_order(little: str, big: str, marks: tuple[bytes, bytes]) -> Reader:
    def read(content: bytes, final: bool) -> str:
        codec = big if content.startswith(marks[1]) else little
        return codecs.getincrementaldecoder(codec)().decode(content, final)

    return read


_READERS: dict[str, Reader] = {
    "iso2022_jp": _read_iso2022_jp,
    "iso2022_jp_ext": _read_iso2022_jp,
    "iso2022_kr": _read_iso2022_kr,
    "hz": _read_hz,
    "utf_7": _read_utf7,
    "utf_16": _with_byte_order(
        "utf_16_le", "utf_16_be", (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    ),
    "utf_32": _with_byte_order(
        "utf_32_le", "utf_32_be", (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
    ),
}
