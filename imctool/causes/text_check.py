"""What the bytes of each text of a mail are, held against the charset its label names.

A label is contradicted where its charset cannot hold the bytes, or where the detectors read
another text and the label's own reading is no better: both detectors agree on that text, or the
label makes of it what no language writes. How often that is right is measured in
``benchmarks/charsets.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from imctool.causes.charset_detection import (
    SEEN,
    Detection,
    detect,
    has_second_opinion,
    is_second_opinion,
)
from imctool.causes.plausibility import oddness
from imctool.causes.seven_bit import HZ, JAPANESE, KOREAN, UTF_7, is_written_somewhere
from imctool.knowledge.charsets import Charset, find_charset, preferred_name
from imctool.knowledge.same_text import looks_same
from imctool.knowledge.windows_text import windows_decode
from imctool.model.charset_check import PLAIN, Judgement, Standing
from imctool.model.mail import SpoolFile
from imctool.model.text_sample import HeaderText, TextSample
from imctool.readers.file_buffer import Buffer
from imctool.readers.header_texts import header_texts
from imctool.readers.text_samples import text_samples

NATIONAL_SETS = frozenset(range(20105, 20109))
"""x-IA5 and its kin: other letters in the places of ASCII's brackets, the same bytes."""

_WIDE = ("utf_16", "utf_32")
_SEVEN_BIT = frozenset({JAPANESE, KOREAN, HZ, UTF_7})
_NEARLY = 0.05
"""Readings whose oddness differs by less are equally odd."""

_MANY = 8
"""In so many places agreeing detectors must read otherwise than a label that they do not know."""

_FEWEST_PLACES = 2
"""In fewer places than these two readings differ by a sign or a name: that contradicts nothing."""

_TOO_ODD = 0.25
"""What was read so oddly is no basis for advice."""

_EXCERPT = 256
"""So much of a text without a usable label is kept, to be pooled with others of its sender."""

_C1 = re.compile(rb"[\x80-\x9f]")
_NOT_SHOWN = frozenset({"x-mimeole"})
"""Outlook Express wrote two raw bytes into this field of every mail; nobody sees them."""


class PartText(NamedTuple):
    """A text part as read and judged; ``excerpt`` is some of it where it may be pooled."""

    part: str
    content_type: str
    label: str | None
    judgement: Judgement
    excerpt: bytes = b""
    embedded: bool = False
    in_digest: bool = False
    attachment: bool = False


class HeaderJudged(NamedTuple):
    """A header text as read and judged; ``excerpt`` as of a part."""

    name: str
    part: str
    label: str | None
    judgement: Judgement
    excerpt: bytes = b""


class MailChecked(NamedTuple):
    """All texts of one mail, judged; what a reading process hands on."""

    parts: tuple[PartText, ...]
    headers: tuple[HeaderJudged, ...]

    @property
    def tells(self) -> bool:
        """Whether there is any text that is not plain ASCII."""
        for one in self.parts:
            if one.judgement.standing is not Standing.PLAIN:
                return True
        return bool(self.headers)


def check_texts(buffer: Buffer, mail: SpoolFile) -> MailChecked:
    """Return the texts of a mail, each judged by the published tables of Windows."""
    return judge_texts(buffer, mail, find_charset)


def judge_texts(
    buffer: Buffer, mail: SpoolFile, resolve: Callable[[str], Charset | None]
) -> MailChecked:
    """Return the texts of a mail, each judged by what ``resolve`` finds for its label."""
    samples = text_samples(buffer, mail)
    found = header_texts(buffer, mail)
    if not found and not any([one.content or one.cut for one in samples]):  # noqa: C419
        return _plain_mail(samples)
    parts = tuple([_part_text(one, resolve) for one in samples])
    headers = [_header_judged(one, resolve) for one in found if one.name.lower() not in _NOT_SHOWN]
    return MailChecked(parts, tuple(headers))


_plain_mails: dict[tuple[int, ...], tuple[tuple[TextSample, ...], MailChecked]] = {}
"""What became of mails with the very same samples, which are held so that no id is reused."""

_MOST_PLAIN = 4096


def _plain_mail(samples: tuple[TextSample, ...]) -> MailChecked:
    """Return a mail of plain ASCII: most are, and most of them have the same few forms."""
    key = tuple(map(id, samples))
    known = _plain_mails.get(key)
    if known is not None:
        return known[1]
    checked = MailChecked(tuple([_part_text(one, find_charset) for one in samples]), ())
    if len(_plain_mails) < _MOST_PLAIN:
        _plain_mails[key] = samples, checked
    return checked


def _part_text(sample: TextSample, resolve: Callable[[str], Charset | None]) -> PartText:
    label, content = sample.label, sample.content
    if not content:
        return PartText(
            sample.part, sample.content_type, label, PLAIN, b"", sample.embedded > 0,
            sample.in_digest, sample.attachment,
        )  # fmt: skip
    charset = resolve(label) if label else None
    judgement = judge(content, charset, may_be_cut=sample.cut or sample.open_end)
    if sample.cut and judgement.standing is Standing.PLAIN:
        judgement = replace(judgement, sure=False, note="more of it than was looked at")
    if sample.left_out and not judgement.note:
        judgement = replace(judgement, note="files that stand within the text left out")
    excerpt = _excerpt(content, charset)
    return PartText(
        sample.part, sample.content_type, label, judgement, excerpt, sample.embedded > 0,
        sample.in_digest, sample.attachment,
    )  # fmt: skip


def _excerpt(content: bytes, charset: Charset | None) -> bytes:
    """Return whole lines up to about _EXCERPT bytes where the label is none that Windows knows."""
    if charset is not None and charset.known_to == "windows":
        return b""
    if len(content) <= _EXCERPT:
        return content
    end = content.rfind(b"\n", 0, _EXCERPT) + 1
    return content[: end or _EXCERPT]


def _header_judged(text: HeaderText, resolve: Callable[[str], Charset | None]) -> HeaderJudged:
    charset = resolve(text.label) if text.label else None
    judgement = judge(text.content, charset, may_be_cut=False)
    if not text.well_formed:
        judgement = replace(judgement, note="encoded badly")
    excerpt = _excerpt(text.content, charset)
    return HeaderJudged(text.name, text.part, text.label, judgement, excerpt)


@lru_cache(maxsize=512)
def judge(content: bytes, charset: Charset | None, *, may_be_cut: bool) -> Judgement:
    """Return what the bytes are, and how the charset they are labelled with stands to that.

    ``may_be_cut`` says that the last character may lack its end, and is no fault then.
    """
    found = detect(content, final=not may_be_cut)
    if found.codec is None and not may_be_cut:
        found = detect(content)  # the last character may be cut even so, by its sender
    if charset is None:
        return _unlabelled(content, found)
    if charset.codec is None:
        return _untested(content, charset, found)
    text = windows_decode(content, charset.codec, final=not may_be_cut)
    note = ""
    if text is None and not may_be_cut:
        text = windows_decode(content, charset.codec, final=False)
        note = "ends inside a character" if text is not None else ""
    if text is None and (own := _with_own_characters(content, charset.codec, found)) is not None:
        text, note = own, "holds characters that users defined themselves"
    if text is None:
        return Judgement(
            Standing.INVALID, found.name, _confidence(found), found.enough,
            _mixture(content, charset.codec),
        )  # fmt: skip
    if _contradicted(content, charset.codec, text, found):
        return Judgement(Standing.OTHER, found.name, _confidence(found), found.enough)
    return _agreeing(content, charset, found, note)


def _with_own_characters(content: bytes, codec: str, found: Detection) -> str | None:
    """Return the text if only users' own characters kept it from being valid; else None."""
    text = windows_decode(content, codec, final=False, user_defined=True)
    return None if text is None or _contradicted(content, codec, text, found) else text


def _unlabelled(content: bytes, found: Detection) -> Judgement:
    if found.codec == "ascii":
        return PLAIN
    rare = _is_rare(found)
    if rare:
        text = windows_decode(content, "cp1252", final=False)
        if text is not None and oddness(text) <= found.odd + _NEARLY:
            return Judgement(Standing.OTHER, "windows-1252", _confidence(found), sure=False)
    sure = found.enough and found.odd <= _TOO_ODD and not rare
    return Judgement(Standing.OTHER, found.name, _confidence(found), sure)


def _is_rare(found: Detection) -> bool:
    """Return whether little speaks for a charset: it is rare in mail, or only signs are in it."""
    if found.telling >= _MANY or found.by_rule or found.codec is None:
        return False
    rare = not found.seconded and not is_second_opinion(found.codec)
    return rare or not _has_letters(found.text)


def _untested(content: bytes, charset: Charset, found: Detection) -> Judgement:
    """Judge a charset that has no codec here: only what its bytes cannot be is known."""
    if charset.code_page in NATIONAL_SETS and not content.isascii():
        return Judgement(Standing.INVALID, found.name, _confidence(found), found.enough)
    return Judgement(Standing.UNTESTED, None, 0.0, False, "no codec for this charset here")


def _agreeing(content: bytes, charset: Charset, found: Detection, note: str) -> Judgement:
    """Return that label and bytes agree; the bytes are then what the label says."""
    assert charset.codec is not None
    wide = charset.codec.startswith(_WIDE)
    if found.codec == "ascii" and charset.codec not in _SEVEN_BIT and not wide:
        return PLAIN
    name = preferred_name(charset)
    if b"\x1b$" in content and charset.codec not in _SEVEN_BIT and not wide:
        note = note or "mixed: ISO-2022 escapes stand in it too (Q166606)"
    if charset.codec == "latin_1" and _C1.search(content):
        note = note or "windows-1252 under the label ISO-8859-1 (Q175105)"
        name = "windows-1252"
    sure = found.enough or found.by_rule
    return Judgement(Standing.SAME, name, 1.0 if found.by_rule else 0.99, sure, note)


def _contradicted(content: bytes, codec: str, text: str, found: Detection) -> bool:
    """Return whether the bytes are valid in the label's charset, and yet something else."""
    if found.codec is None or looks_same(text, found.text):
        return False
    if codec.startswith(_WIDE):
        return not is_written_somewhere(text)
    if found.codec == "ascii":
        return codec not in _SEVEN_BIT
    if found.by_rule:
        return True
    if not found.enough:
        return False
    labelled, detected = _where_they_differ(text, found.text)
    odd, found_odd = oddness(labelled), oddness(detected)
    places = sum(a != b for a, b in zip(labelled, detected, strict=False))
    if _is_blank_beyond_ascii(detected):
        return False
    if odd > 0 and found_odd <= odd / 2 and (places >= _FEWEST_PLACES or found.seconded):
        return True
    if (
        places < _FEWEST_PLACES
        or not _has_letters(labelled)
        or looks_same(text[:SEEN], found.text[:SEEN])
    ):
        return False  # signs alone, or the detectors saw nothing that speaks against the label
    if found.seconded:
        alike = found_odd <= odd + _NEARLY
        return found_odd < odd or (alike and (is_second_opinion(codec) or places >= _MANY))
    alone = not has_second_opinion() and places >= _MANY
    return alone and is_second_opinion(codec) and found_odd <= odd


def _where_they_differ(one: str, other: str) -> tuple[str, str]:
    """Return the lines in which two readings of the same bytes differ; all, if they break apart."""
    lines, other_lines = one.split("\n"), other.split("\n")
    if len(lines) != len(other_lines):
        return one, other
    pairs = [pair for pair in zip(lines, other_lines, strict=True) if pair[0] != pair[1]]
    return "\n".join(a for a, _ in pairs), "\n".join(b for _, b in pairs)


def _is_blank_beyond_ascii(text: str) -> bool:
    """Return whether a text has nothing beyond ASCII but blanks: that proves no charset."""
    return all(letter.isascii() or letter.isspace() for letter in text)


def _has_letters(text: str) -> bool:
    return any(letter.isalpha() and not letter.isascii() for letter in text)


def _mixture(content: bytes, codec: str) -> str:
    """Return a note where some lines are in the label's charset and others are not (Q166606)."""
    fitting = other = 0
    failed: list[bytes] = []
    for line in content.splitlines(keepends=True):
        text = windows_decode(line, codec, final=False)
        if text is None:
            other += 1
            failed.append(line)
        elif not text.isascii():
            fitting += 1
    if not fitting or not other:
        return ""
    name = detect(b"".join(failed)).name
    return f"mixed: {other} of {fitting + other} lines looked at are {name or 'something else'}"


_CONFIDENCE = {True: (0.98, 0.96), None: (0.96, 0.85), False: (0.4, 0.6)}
"""By chardetng's opinion: the share of right answers with many telling bytes, and with few."""

_ALONE = (0.93, 0.8)
"""The same where chardetng cannot be asked."""


def _confidence(found: Detection) -> float:
    """Return the share of answers like this one that were right when measured."""
    if found.codec is None:
        return 0.0
    if found.by_rule:
        return 1.0
    if not found.enough:
        return 0.5
    shares = _CONFIDENCE[found.seconded] if has_second_opinion() else _ALONE
    return shares[found.telling < _MANY]
