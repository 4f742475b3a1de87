"""Mails whose charsets are known, and the verdicts that their labels must get.

The truth is worked out from the bytes: they are decoded as the label says and as they were
written, and the texts compared. Nothing of the program is asked.
"""

from __future__ import annotations

import base64
import quopri
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from spool_builder import spool_file

from charset_corpus.era_charsets import UNKNOWN_LABELS, Charset, charset_of_label
from charset_corpus.national_sets import decoded, encoded, is_national_set
from charset_corpus.texts import text, wrapped

LABELS = ("right", "sibling", "us-ascii", "iso-8859-1", "missing", "blank", "unknown")
FORMS = ("plain", "multipart", "embedded", "digest", "qp", "base64", "8bit", "header")

_PLACES = {"embedded": "2.1", "digest": "2.1", "multipart": "2", "header": "Subject"}
"""The number of the part by RFC 3501, or the field, in which the text stands; else part 1."""

_ENCODINGS = {"qp": "quoted-printable", "base64": "base64", "8bit": "8bit", "plain": ""}
_UNTOLD_IN_HEADERS = {"ascii", "hz", "utf_7"}
"""Without a label nobody looks for these in a field: their bytes are those of ASCII text."""

_BOUNDARY = "----=_NextPart_000_01BF"
_COVER = b"Content-Type: text/plain\r\n\r\nSee the message below.\r\n"


@dataclass(frozen=True, slots=True)
class JudgedText:
    """One text of a mail: where it stands, its real charset, its label, and the truth of it.

    ``content`` is the text as bytes before any transfer encoding. ``label`` is None without a
    charset parameter, else as written. ``expected`` holds every verdict that can be defended.
    """

    place: str
    kind: str
    charset: Charset
    language: str
    text: str
    content: bytes
    label: str | None
    expected: frozenset[str]


@dataclass(frozen=True, slots=True)
class CorpusMail:
    """A spool file, and the texts in it that are to be judged."""

    content: bytes
    texts: tuple[JudgedText, ...]


def label_of(kind: str, charset: Charset, chance: random.Random) -> str | None:
    """Return the label that a kind of LABELS stands for; None where none is written."""
    if kind == "right":
        return chance.choice(charset.labels)
    if kind == "sibling":
        return chance.choice(charset.mistaken)
    if kind == "missing":
        return None
    if kind == "blank":
        return chance.choice(("", "  "))
    return chance.choice(UNKNOWN_LABELS) if kind == "unknown" else kind


def expected_verdicts(
    content: bytes, charset: Charset, label: str | None, installed: Collection[int]
) -> frozenset[str]:
    """Return the verdicts that are right for bytes of a charset under a label.

    ``installed`` are the server's code pages. There is more than one verdict where the sources
    leave open how Windows reads a byte, or where bytes cannot tell a national set from ASCII.
    """
    if label is None:
        return frozenset({"missing-label" if _telling(content, charset) else "ok"})
    if not label.strip():
        return frozenset({"empty-label"})
    if label in UNKNOWN_LABELS:
        return frozenset({"unknown-label"})
    named = charset_of_label(label)
    right = "ok" if _has(named, installed) else "not-installed"
    if is_national_set(named.codec):
        same = decoded(content, named.codec) == content.decode("ascii")
        return frozenset({"ambiguous", right} - (set() if same else {"ok"}))
    if is_national_set(charset.codec):
        return frozenset({right, "ambiguous"})
    truth = decoded(content, charset.codec)
    found: set[str] = set()
    for codec in named.readings or (named.codec,):
        found |= _reading(content, truth, codec, named, right)
    return frozenset(found)


def _reading(content: bytes, truth: str, codec: str, named: Charset, right: str) -> set[str]:
    try:
        same = decoded(content, codec) == truth
    except UnicodeError:
        if not named.lenient:
            return {"undecodable"}
        # Windows maps what 1252 leaves open to control characters; the other pages are doubtful.
        return {"mislabelled"} if named.table == 1252 else {"undecodable", "mislabelled"}
    return {right if same else "mislabelled"}


def _has(charset: Charset, installed: Collection[int]) -> bool:
    return charset.table is None or charset.table == 1252 or charset.table in installed


def _telling(content: bytes, charset: Charset) -> bool:
    seven_bit = charset.codec in {"iso2022_jp", "iso2022_kr", "hz", "utf_7"}
    return not content.isascii() or (
        seven_bit and decoded(content, charset.codec) != content.decode("ascii")
    )


def judged_text(
    chance: random.Random,
    charset: Charset,
    kind: str,
    form: str,
    minimum_bytes: int,
    installed: Collection[int],
) -> JudgedText | None:
    """Return a text of the charset to stand in a mail of that form, under that kind of label.

    None where the combination means nothing: a header field that nobody can tell from ASCII.
    """
    in_header = form == "header"
    seven_bit = charset.codec in _UNTOLD_IN_HEADERS or is_national_set(charset.codec)
    if in_header and kind == "missing" and seven_bit:
        return None
    language = chance.choice(charset.languages)
    running = text(language, charset.codec, minimum_bytes, chance)
    label = label_of(kind, charset, chance)
    if in_header:
        content = b"".join(_chunks(running, charset.codec, one_piece=label is None))
    else:
        quoted = "> " if chance.random() < 0.15 else ""
        lines = wrapped(running, chance.choice((48, 64, 76))).split("\r\n")
        running = "".join(f"{quoted}{line}\r\n" for line in lines)
        content = encoded(running, charset.codec)
    expected = expected_verdicts(content, charset, label, installed)
    place = _PLACES.get(form, "1")
    return JudgedText(place, kind, charset, language, running, content, label, expected)


def corpus_mail(chance: random.Random, judged: JudgedText, form: str) -> CorpusMail:
    """Return the spool file of a form that carries one text to be judged."""
    if form == "header":
        whole = head_fields(b"Subject: " + _field(judged, chance))
        whole += b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nSee the subject.\r\n"
        return CorpusMail(spool_file(whole), (judged,))
    head = head_fields(b"Subject: Enquiry\r\n")
    if form == "plain" and judged.label is None and chance.random() < 0.5:
        return CorpusMail(spool_file(head + b"\r\n" + judged.content), (judged,))
    encoding = _ENCODINGS.get(form, chance.choice(("8bit", "quoted-printable", "base64")))
    part = text_part(judged.content, judged.label, encoding, chance)
    if form == "multipart":
        part = multipart("mixed", [_COVER, part])
    elif form == "embedded":
        inner = b"Content-Type: message/rfc822\r\n\r\n" + _inner() + part
        part = multipart("mixed", [_COVER, inner])
    elif form == "digest":
        part = multipart("digest", [b"\r\n" + _inner() + one for one in (_COVER, part)])
    return CorpusMail(spool_file(head + b"MIME-Version: 1.0\r\n" + part), (judged,))


def mail_of_many(chance: random.Random, texts: Sequence[JudgedText]) -> CorpusMail:
    """Return a spool file with one part a text; their places are put in."""
    placed = tuple(replace(one, place=str(number)) for number, one in enumerate(texts, 1))
    parts = [
        text_part(one.content, one.label, chance.choice(("8bit", "base64")), chance)
        for one in placed
    ]
    whole = head_fields(b"Subject: Enquiries\r\n") + b"MIME-Version: 1.0\r\n"
    return CorpusMail(spool_file(whole + multipart("mixed", parts)), placed)


def text_part(content: bytes, label: str | None, encoding: str, chance: random.Random) -> bytes:
    """Return a text/plain entity: its fields, an empty line, and the encoded content.

    Labels that are not blank are quoted or not, in upper or lower case, folded or not.
    """
    fields = "Content-Type: text/plain"
    if label is not None:
        shown = chance.choice((label, label.upper()))
        quoted = f'"{shown}"' if not label.strip() or chance.random() < 0.6 else shown
        fields += f";{chance.choice((' ', chr(13) + chr(10) + chr(9)))}charset={quoted}"
    fields += "\r\n"
    if encoding:
        fields += f"Content-Transfer-Encoding: {encoding}\r\n"
    return fields.encode("ascii") + b"\r\n" + _transfer_encoded(content, encoding)


def _transfer_encoded(content: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return base64.encodebytes(content).replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        pieces = (quopri.encodestring(line) for line in content.split(b"\r\n"))
        return b"\r\n".join(line.replace(b"\n", b"\r\n") for line in pieces)
    return content


def multipart(kind: str, parts: Sequence[bytes]) -> bytes:
    """Return a multipart entity. A part inside may be a multipart of another kind only."""
    boundary = f"{_BOUNDARY}.{kind}"
    opening = f'Content-Type: multipart/{kind};\r\n\tboundary="{boundary}"\r\n\r\n'
    delimited = "".join(f"\r\n--{boundary}\r\n" + part.decode("latin-1") for part in parts)
    return f"{opening}{delimited}\r\n--{boundary}--\r\n".encode("latin-1")


def head_fields(subject: bytes, sender: str = "user@ms.com") -> bytes:
    """Return the first fields of a header, MIME fields apart; ``subject`` is its whole field."""
    return (
        b"Message-ID: <199711051951.TAA04711@mail.coho.example>\r\n"
        b"Date: Wed, 5 Nov 1997 14:51:20 -0500\r\n"
        b"From: <%s>\r\nTo: <administrator@charlotte.microsoft.com>\r\n" % sender.encode("ascii")
    ) + subject


def _inner() -> bytes:
    return (
        b"Date: Tue, 4 Nov 1997 09:00:00 -0500\r\nFrom: <first@coho.example>\r\n"
        b"Subject: The first mail\r\nMIME-Version: 1.0\r\n"
    )


def _chunks(running: str, codec: str, *, one_piece: bool) -> list[bytes]:
    """Return the text in pieces, each encoded by itself: encoded-words keep no state."""
    size = len(running) if one_piece else 10
    return [encoded(running[at : at + size], codec) for at in range(0, len(running), size)]


def _field(judged: JudgedText, chance: random.Random) -> bytes:
    """Return the value of a header field: encoded-words (RFC 2047), or the raw bytes."""
    if judged.label is None:
        return judged.content + b"\r\n"
    label, kind = judged.label.strip().encode("ascii"), chance.choice((b"B", b"Q"))
    words = []
    for chunk in _chunks(judged.text, judged.charset.codec, one_piece=False):
        plain = b"".join(
            b"%c" % byte if chr(byte).isalnum() and byte < 0x80 else b"=%02X" % byte
            for byte in chunk
        )
        content = base64.b64encode(chunk) if kind == b"B" else plain
        words.append(b"=?%s?%s?%s?=" % (label, kind, content))
    return b"\r\n ".join(words) + b"\r\n"
