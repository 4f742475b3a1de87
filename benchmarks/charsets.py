"""Times ``charset-check`` against the scan of the same files, and measures how often it is right.

Run from the root of the repository, with the extras ``test`` and ``all``:
``python -m benchmarks.charsets speed --messages 20000``;
``python -m benchmarks.charsets rules --texts 100``, where charset-normalizer, if it is installed,
is measured too. ``--po FOLDER`` takes the texts from the .po files below a folder instead of our
own, named after their language as in ``locale/de/LC_MESSAGES``.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import skeleton
from imctool.causes.charset_check import check_charsets
from imctool.causes.text_check import judge
from imctool.knowledge.charsets import Charset, find_charset
from imctool.knowledge.same_text import looks_same
from imctool.knowledge.windows_text import windows_decode
from imctool.model.charset_check import Standing

sys.path[:0] = ["tests", "fixtures"]

from charset_corpus import texts as corpus_texts  # noqa: E402
from charset_corpus.era_charsets import CHARSETS  # noqa: E402
from charset_corpus.national_sets import encoded  # noqa: E402

SEED = 19971105


# Speed


def scan(folder: Path) -> None:
    """Read each file and scan its MIME skeleton."""
    from imctool.readers.file_buffer import file_buffer
    from imctool.readers.mime_skeleton import read_skeleton

    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        with file_buffer(Path(entry.path)) as buffer:
            read_skeleton(buffer, int.from_bytes(buffer[:4], "little"))


def read_mails(folder: Path) -> None:
    """Read each file with its envelope, header and parts."""
    from imctool.model.evidence import EvidenceFile, Form, InputKind
    from imctool.readers.spool_file import read_spool_file

    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        path = Path(entry.path)
        read_spool_file(EvidenceFile(path, path.name, 0, InputKind.SPOOL_IN, Form.SPOOL_FILE))


def check(folder: Path) -> None:
    """Check the charsets of all of them in this process."""
    check_charsets([folder])


def command(form: str) -> Callable[[Path], None]:
    """Return the whole command in one process, start-up and output included."""

    def run(folder: Path) -> None:
        line = [sys.executable, "-m", "imctool", "charset-check", str(folder), "--jobs", "1"]
        subprocess.run([*line, "--format", form], stdout=subprocess.DEVNULL, check=False)

    run.__name__ = f"command_{form}"
    return run


def compare_speed(messages: int, rounds: int, *, seven_bit: bool) -> None:
    """Time all of these in turn on the same files; print the best of each, and the ratios."""
    if seven_bit:
        skeleton.WORDS = tuple(word for word in skeleton.WORDS if word.isascii())
        plain = skeleton.header
        skeleton.header = lambda chance, name: plain(chance, name).replace(
            "=?iso-8859-1?Q?Angebot_f=FCr?=", "Offer for"
        )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = skeleton.make_set(folder, messages)
        size = sum(file.size for file in files)
        works = (scan, read_mails, check, command("text"), command("json"))
        best = dict.fromkeys(works, float("inf"))
        for _ in range(rounds):
            for work in works:
                gc.collect()
                start = time.perf_counter()
                work(folder)
                best[work] = min(best[work], time.perf_counter() - start)
    kind = "7-bit" if seven_bit else "8-bit"
    print(f"{messages} {kind} messages, {size / messages:.0f} bytes each, best of {rounds}")
    for work, seconds in best.items():
        print(
            f"{work.__name__:13} {seconds / messages * 1e6:7.1f} us each"
            f"  {seconds / best[scan]:5.2f} of the scan"
        )


# Accuracy


def own_texts(chance: random.Random, length: int, count: int) -> Iterator[tuple[Charset, bytes]]:
    """Yield texts of every charset and language of the corpus."""
    for era in CHARSETS:
        charset = find_charset(era.labels[0])
        if charset is None or charset.codec is None:
            continue
        for number in range(count):
            language = era.languages[number % len(era.languages)]
            written = corpus_texts.text(language, era.codec, length, chance)
            yield charset, encoded(written, era.codec)


def po_texts(
    folder: Path, chance: random.Random, length: int, count: int
) -> Iterator[tuple[Charset, bytes]]:
    """Yield texts put together of the messages of .po files, in every charset that has them."""
    by_language: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("*.po")):
        found = re.search(r"locale/([A-Za-z_]+)/", path.as_posix())
        if found:
            by_language[found[1]] += _messages(path)
    for era in CHARSETS:
        charset = find_charset(era.labels[0])
        codes = [code for code in by_language if _LANGUAGES.get(code) in era.languages]
        if charset is None or charset.codec is None or not codes:
            continue
        for number in range(count):
            messages = by_language[codes[number % len(codes)]]
            content = _joined(messages, era.codec, length, chance)
            if content is not None:
                yield charset, content


def _messages(path: Path) -> list[str]:
    text = path.read_text("utf-8")
    found = []
    for match in re.finditer(r'^msgstr(?:\[\d\])? ((?:".*"\n)+)', text, re.MULTILINE):
        message = "".join(re.findall(r'"(.*)"', match[1])).replace("\\n", "\n").replace('\\"', '"')
        message = re.sub(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|</?\w+[^>]*>", "", message).strip()
        if len(message) > 8 and "Content-Type:" not in message:
            found.append(message)
    return sorted(set(found))


def _joined(messages: list[str], codec: str, length: int, chance: random.Random) -> bytes | None:
    """Return lines that tell something, at least so many bytes of them, as a sample has them."""
    kept = b""
    for _ in range(300):
        try:
            line = encoded(chance.choice(messages), codec)
        except UnicodeError:
            continue
        if not line.isascii() or b"\x1b" in line or b"~{" in line or b"\x0e" in line:
            kept += line + b"\n"
        if len(kept) >= length:
            return kept
    return None


_LANGUAGES = {
    "de": "german", "fr": "french", "es": "spanish", "pt": "portuguese", "it": "italian",
    "nl": "dutch", "sv": "swedish", "da": "danish", "nb": "norwegian", "fi": "finnish",
    "is": "icelandic", "pl": "polish", "cs": "czech", "sk": "slovak", "hu": "hungarian",
    "ro": "romanian", "hr": "croatian", "sl": "slovene", "et": "estonian", "lv": "latvian",
    "lt": "lithuanian", "ru": "russian", "uk": "ukrainian", "bg": "bulgarian", "sr": "serbian",
    "be": "belarusian", "el": "greek", "tr": "turkish", "he": "hebrew", "ar": "arabic",
    "fa": "persian", "th": "thai", "vi": "vietnamese", "eo": "esperanto", "ja": "japanese",
    "ko": "korean", "zh_Hans": "simplified chinese", "zh_Hant": "traditional chinese",
}  # fmt: skip

Rule = Callable[[bytes, Charset], bool]
"""Whether a label is contradicted, by the charset that it names."""


def our_rule(content: bytes, charset: Charset) -> bool:
    judgement = judge(content, charset, may_be_cut=True)
    return judgement.standing in (Standing.INVALID, Standing.OTHER)


def chardet_alone(content: bytes, charset: Charset) -> bool:
    import chardet

    from imctool.causes.charset_detection import CANDIDATES

    found = chardet.detect(content, include_encodings=CANDIDATES, prefer_superset=False)
    return _another_text(content, charset, found["encoding"])


def normalizer_alone(content: bytes, charset: Charset) -> bool:
    import charset_normalizer

    best = charset_normalizer.from_bytes(content).best()
    return _another_text(content, charset, None if best is None else best.encoding)


def _another_text(content: bytes, charset: Charset, codec: str | None) -> bool:
    assert charset.codec is not None
    declared = windows_decode(content, charset.codec, final=False)
    if declared is None:
        return True
    if codec is None:
        return False
    read = windows_decode(content, codec, final=False)
    return read is not None and not looks_same(read, declared)


def compare_rules(texts: int, po: Path | None) -> None:
    """Print each rule's false alarms on right labels and misses on wrong ones, by length."""
    rules: list[Rule] = [our_rule, chardet_alone]
    try:
        import charset_normalizer  # noqa: F401

        rules.append(normalizer_alone)
    except ImportError:
        print("charset-normalizer is not installed: not measured")
    for length in (40, 80, 200, 1000):
        chance = random.Random(f"{SEED} {length}")
        made = po_texts(po, chance, length, texts) if po else own_texts(chance, length, texts)
        alarms: Counter[str] = Counter()
        misses: Counter[str] = Counter()
        said: Counter[float] = Counter()
        held: Counter[float] = Counter()
        right = wrong = 0
        seconds: Counter[str] = Counter()
        for charset, content in made:
            assert charset.codec is not None
            true = windows_decode(content, charset.codec, final=False)
            if true is None or true.isascii():
                continue
            right += 1
            told = judge(content, None, may_be_cut=True)
            said[told.confidence] += 1
            held[told.confidence] += _reads_so(content, told.detected, true)
            others = _wrong_labels(charset, content, true, chance)
            wrong += len(others)
            for rule in rules:
                start = time.perf_counter()
                alarms[rule.__name__] += rule(content, charset)
                misses[rule.__name__] += sum(not rule(content, other) for other in others)
                seconds[rule.__name__] += time.perf_counter() - start
        print(f"{length} bytes and more: {right} right labels, {wrong} wrong ones")
        shares = (f"{one}: {held[one] / said[one]:.3f} of {said[one]}" for one in sorted(said))
        print(f"  without a label, right by confidence: {', '.join(shares)}")
        for rule in rules:
            name = rule.__name__
            print(
                f"  {name:17} false alarms {alarms[name] / right:8.3%}"
                f"  missed {misses[name] / wrong:8.3%}"
                f"  {seconds[name] / (right + wrong) * 1e3:6.2f} ms a label"
            )


def _reads_so(content: bytes, name: str | None, true: str) -> bool:
    charset = find_charset(name) if name else None
    if charset is None or charset.codec is None:
        return False
    text = windows_decode(content, charset.codec, final=False)
    return text is not None and looks_same(text, true)


def _wrong_labels(
    charset: Charset, content: bytes, true: str, chance: random.Random
) -> list[Charset]:
    """Return labels under which these bytes are another text: siblings and the common ones."""
    era = next(one for one in CHARSETS if charset.name in one.labels)
    names = ["us-ascii", "iso-8859-1", "utf-8", *era.mistaken[:2]]
    found = []
    for name in names:
        other = find_charset(name)
        if other is None or other.codec is None or other.codec == charset.codec:
            continue
        text = windows_decode(content, other.codec, final=False)
        if text is None or not looks_same(text, true):
            found.append(other)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["speed", "rules"])
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", type=int, default=30, help="texts of each charset and length")
    parser.add_argument("--po", type=Path)
    options = parser.parse_args()
    if options.what == "speed":
        compare_speed(options.messages, options.rounds, seven_bit=False)
        compare_speed(options.messages, options.rounds, seven_bit=True)
    else:
        compare_rules(options.texts, options.po)


if __name__ == "__main__":
    main()
