"""The verdicts of ``charset-check``, measured over mails of every charset whose truth is known."""

from __future__ import annotations

import email
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.header import decode_header
from email.message import Message
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from charset_corpus.era_charsets import CHARSETS, NT4_DEFAULT, charset_of_label
from charset_corpus.mails import (
    FORMS,
    LABELS,
    CorpusMail,
    JudgedText,
    corpus_mail,
    expected_verdicts,
    judged_text,
    mail_of_many,
)
from charset_corpus.national_sets import decoded, encoded
from charset_corpus.texts import LANGUAGES, sentences, text
from click.testing import CliRunner
from generator.spool_counter import later

from imctool.cli.main import program

pytestmark = pytest.mark.slow

EVERY_PAGE = frozenset(one.table for one in CHARSETS if one.table is not None)
ALARMS = {"undecodable", "mislabelled"}
ACCURACY = 0.98
FALSE_ALARMS = 0.002
PARTS_A_MAIL = 20
FIRST_NAME = "MKDWZAR5"


@dataclass(frozen=True)
class Judged:
    """A text of the corpus with what the command said of it; "nothing" if it was passed over."""

    truth: JudgedText
    form: str
    verdict: str

    @property
    def right(self) -> bool:
        return self.verdict in self.truth.expected


def write_site(folder: Path, mails: Iterable[CorpusMail], installed: frozenset[int]) -> None:
    """Write the mails by spool name, and a registry export that lists the code pages."""
    (folder / "In").mkdir(parents=True)
    for number, mail in enumerate(mails):
        (folder / "In" / later(FIRST_NAME, number)).write_bytes(mail.content)
    key = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Nls\\CodePage"
    listed = "".join(
        f'"{page}"="{f"c_{page}.nls" if page in installed else ""}"\r\n'
        for page in sorted(EVERY_PAGE | NT4_DEFAULT)
    )
    text = f"REGEDIT4\r\n\r\n[{key}]\r\n{listed}"
    (folder / "codepages.reg").write_text(text, newline="")


def told_by(folder: Path) -> dict[str, Any]:
    """Return what the command says of each file of a folder, by spool name."""
    arguments = ["charset-check", str(folder), "--format", "json"]
    ended = CliRunner().invoke(program, arguments, catch_exceptions=False)
    assert ended.exit_code in {0, 1}, ended.output[-2000:]
    return {one["spool_name"]: one for one in json.loads(ended.stdout)["files"]}


def verdict_on(truth: JudgedText, told: Mapping[str, Any]) -> str:
    """Return the verdict on a text; of several on one field the first that is not right."""
    if truth.place == "Subject":
        found = [one["verdict"] for one in told["headers"] if one["name"].lower() == "subject"]
        wrong = (one for one in found if one not in truth.expected)
        return next(wrong, found[0] if found else "nothing")
    found = [one["verdict"] for one in told["parts"] if one["part"] == truth.place]
    assert len(found) < 2
    return found[0] if found else "nothing"


def judge(
    folder: Path, mails: Mapping[str, CorpusMail], forms: Mapping[str, str]
) -> Iterator[Judged]:
    """Yield every text of the mails, which lie in the folder, with its verdict."""
    told = told_by(folder)
    for name, mail in mails.items():
        for truth in mail.texts:
            verdict = verdict_on(truth, told[name]) if name in told else "nothing"
            yield Judged(truth, forms[name], verdict)


def corpus(
    chance: random.Random, minimum_bytes: int, installed: frozenset[int], forms: int = len(FORMS)
) -> Iterator[tuple[CorpusMail, str]]:
    """Yield a mail, and its form, for every charset, kind of label and so many of the forms."""
    for charset in CHARSETS:
        for kind in LABELS:
            for form in chance.sample(FORMS, forms):
                judged = judged_text(chance, charset, kind, form, minimum_bytes, installed)
                if judged is not None:
                    yield corpus_mail(chance, judged, form), form


def run_corpus(
    folder: Path, made: Iterable[tuple[CorpusMail, str]], installed: frozenset[int]
) -> list[Judged]:
    """Write the mails, have the command judge them, and return every text with its verdict."""
    named = {later(FIRST_NAME, number): one for number, one in enumerate(made)}
    mails = {name: mail for name, (mail, _) in named.items()}
    write_site(folder, mails.values(), installed)
    return list(judge(folder, mails, {name: form for name, (_, form) in named.items()}))


def accuracy(judged: Iterable[Judged]) -> float:
    rights = [one.right for one in judged]
    return sum(rights) / len(rights)


def table_of_misses(judged: list[Judged]) -> str:
    """Return what missed: by charset and kind of label, with one example each."""
    total = Counter((one.truth.charset.name, one.truth.kind) for one in judged)
    missed: dict[tuple[str, str], list[Judged]] = {}
    for one in judged:
        if not one.right:
            missed.setdefault((one.truth.charset.name, one.truth.kind), []).append(one)
    rows = [f"{'charset':18} {'label':11} {'missed':>9}  example"]
    for key, wrong in sorted(missed.items(), key=lambda row: (-len(row[1]), row[0])):
        first = wrong[0]
        said = f"{first.form} of {len(first.truth.content)} bytes, {first.truth.language}, "
        said += f"label {first.truth.label!r}: {first.verdict}, not {sorted(first.truth.expected)}"
        rows.append(f"{key[0]:18} {key[1]:11} {len(wrong):>4}/{total[key]:<4}  {said}")
    lies = [one for one in judged if not one.truth.expected & {"ok", "not-installed", "ambiguous"}]
    lies = [one for one in lies if "mislabelled" in one.truth.expected]
    rows.append(f"{sum(not one.right for one in lies)} of {len(lies)} wrong readings not told")
    kinds = Counter(one.truth.kind for one in judged if not one.right)
    rows.append(f"{sum(kinds.values())} of {len(judged)} missed: {dict(sorted(kinds.items()))}")
    return "\n".join(rows)


def judged_part(message: Message, place: str) -> Message:
    """Return the part of a number such as 2.1, as RFC 3501 section 6.4.5 counts."""
    for step in map(int, place.split(".")):
        if message.get_content_type() == "message/rfc822":
            message = message.get_payload(0)  # type: ignore[assignment]
        if message.is_multipart():
            message = message.get_payload(step - 1)  # type: ignore[assignment]
    return message


def test_every_language_has_its_sentences_and_every_charset_can_write_them() -> None:
    many = {"russian", "japanese", "korean", "german", "french", "polish", "greek"}
    many |= {"simplified chinese", "traditional chinese"}
    for language in LANGUAGES:
        assert len(set(sentences(language))) >= (25 if language in many else 12)
    chance = random.Random("languages")
    for charset in CHARSETS:
        for language in charset.languages:
            written = encoded(text(language, charset.codec, 300, chance), charset.codec)
            assert len(written) >= 300


@pytest.mark.slow
def test_a_mail_of_every_kind_is_what_it_says_by_pythons_own_reader() -> None:
    chance = random.Random("own reader")
    for mail, form in corpus(chance, 80, NT4_DEFAULT):
        (truth,) = mail.texts
        start = int.from_bytes(mail.content[:4], "little")
        message = email.message_from_bytes(mail.content[start:])
        if form == "header":
            pieces = decode_header(str(message["Subject"])) if truth.label is not None else []
            shown = b"".join(one if isinstance(one, bytes) else one.encode() for one, _ in pieces)
            if truth.label is None:
                shown = mail.content[start:].split(b"Subject: ")[1].split(b"\r\n")[0]
        else:
            part = judged_part(message, truth.place)
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            shown = payload.rstrip(b"\r\n") + b"\r\n" if form != "header" else payload
            declared = part.get_param("charset")
            assert declared is None if truth.label is None else isinstance(declared, str)
            if truth.label is not None:
                assert str(declared).strip().lower() == truth.label.strip().lower()
        assert shown == truth.content
        assert decoded(shown, truth.charset.codec) == truth.text


@pytest.mark.parametrize(
    ("written", "real", "label", "verdict"),
    [
        ("Привет из Москвы", "koi8-r", "koi8-r", "ok"),
        ("Привет из Москвы", "koi8-r", "windows-1251", "mislabelled"),
        ("Привет из Москвы", "koi8-r", "us-ascii", "undecodable"),
        ("Привет из Москвы", "koi8-r", "utf-8", "undecodable"),
        ("Привет из Москвы", "iso-8859-5", "iso-8859-5", "not-installed"),
        ("Привет из Москвы", "koi8-r", None, "missing-label"),
        ("Привет из Москвы", "koi8-r", " ", "empty-label"),
        ("Привет из Москвы", "koi8-r", "x-unknown", "unknown-label"),
        ("Grüße aus Köln", "iso-8859-1", "windows-1252", "ok"),
        ("Grüße aus Köln", "iso-8859-1", "iso-8859-15", "not-installed"),
        ("Grüße aus Köln", "iso-8859-1", "macintosh", "mislabelled"),
        ("10 € für Köln", "iso-8859-15", "iso-8859-1", "mislabelled"),
        ("こんにちは", "iso-2022-jp", "us-ascii", "mislabelled"),
        ("こんにちは", "iso-2022-jp", "iso-2022-jp", "not-installed"),
        ("こんにちは", "iso-2022-jp", None, "missing-label"),
        ("Good morning", "us-ascii", None, "ok"),
        ("Good morning", "us-ascii", "utf-8", "ok"),
        ("Gr}~e", "us-ascii", "iso-8859-1", "ok"),
        ("Grüße", "x-ia5-german", "x-ia5-german", "ambiguous"),
        ("Grüße", "utf-7", "utf-7", "ok"),
    ],
)
def test_the_truth_is_that_of_the_contract(
    written: str, real: str, label: str | None, verdict: str
) -> None:
    charset = charset_of_label(real)
    pages = NT4_DEFAULT | ({20106} if real == "x-ia5-german" else set())
    content = encoded(written, charset.codec)
    assert expected_verdicts(content, charset, label, pages) == {verdict}


@pytest.mark.slow
def test_a_small_corpus_gets_the_verdicts_that_are_true(tmp_path: Path) -> None:
    made = corpus(random.Random("small"), 80, NT4_DEFAULT, forms=1)
    judged = run_corpus(tmp_path, made, NT4_DEFAULT)
    assert accuracy(judged) >= ACCURACY, table_of_misses(judged)


@pytest.mark.slow
@pytest.mark.parametrize("minimum_bytes", [80, 200, 1000])
@pytest.mark.parametrize("installed", [NT4_DEFAULT, EVERY_PAGE], ids=["fresh", "every page"])
def test_verdicts_are_right_over_every_charset_label_and_form(
    tmp_path: Path, minimum_bytes: int, installed: frozenset[int]
) -> None:
    chance = random.Random(f"whole {minimum_bytes} {len(installed)}")
    judged = run_corpus(tmp_path, corpus(chance, minimum_bytes, installed), installed)
    assert accuracy(judged) >= ACCURACY, table_of_misses(judged)


def rightly_labelled(chance: random.Random, texts: int) -> Iterator[tuple[CorpusMail, str]]:
    """Yield mails of many parts, so many texts in all, each rightly labelled, 80 bytes or more."""

    def one_after_another() -> Iterator[JudgedText]:
        while True:
            for charset in CHARSETS:
                made = judged_text(chance, charset, "right", "multipart", 80, EVERY_PAGE)
                assert made is not None
                yield made

    stream = one_after_another()
    for _ in range(texts // PARTS_A_MAIL):
        yield mail_of_many(chance, list(islice(stream, PARTS_A_MAIL))), "multipart"


def no_false_alarms(folder: Path, seed: str, texts: int) -> None:
    judged = run_corpus(folder, rightly_labelled(random.Random(seed), texts), EVERY_PAGE)
    assert len(judged) == texts
    assert not [one for one in judged if one.verdict == "nothing"]
    alarms = [one for one in judged if one.verdict in ALARMS]
    assert len(alarms) / len(judged) <= FALSE_ALARMS, table_of_misses(judged)


def test_a_right_label_raises_no_alarm(tmp_path: Path) -> None:
    no_false_alarms(tmp_path, "few", 400)


@pytest.mark.slow
def test_right_labels_hardly_ever_raise_an_alarm(tmp_path: Path) -> None:
    no_false_alarms(tmp_path, "many", 44_000)
