"""Bad input to ``charset-check``: a verdict or a Defect, never an exception, never much memory."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from repository import REPOSITORY
from spool_builder import spool_file

from imctool.causes.text_check import judge
from imctool.cli.main import program
from imctool.knowledge.charsets import _tables, find_charset
from imctool.model.charset_check import Standing, Verdict
from imctool.model.text_sample import SAMPLE_LIMIT

pytestmark = pytest.mark.slow

LABELS = sorted(_tables().by_name)
WITH_CODEC = tuple({one.codec: one for one in _tables().by_name.values() if one.codec}.values())
RUSSIAN = "Добрый день, уважаемые коллеги. Завтра мы встречаемся в Москве.\r\n".encode("koi8_r")
NAME = "MKDWZAR5"
FIXTURES = sorted((REPOSITORY / "fixtures").glob("*/evidence"))
STORY = REPOSITORY / "fixtures/q230250/evidence"
VERDICTS = {str(one) for one in Verdict}


def told_of(*paths: Path) -> tuple[int, dict[str, Any]]:
    """Return exit status and document of the command; its text is valid and harmless JSON."""
    arguments = ["charset-check", *map(str, paths), "--format", "json", "--jobs", "1"]
    result = CliRunner().invoke(program, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    document = json.loads(result.stdout)
    assert document["schema"] == "imctool/charsets/1"
    assert not any(ord(one) < 0x20 and one != "\n" for one in result.stdout)
    for file in document["files"]:
        for text in (*file["parts"], *file["headers"]):
            assert text["verdict"] in VERDICTS
    return result.exit_code, document


def mail(folder: Path, content: bytes, *, name: str = NAME) -> Path:
    """Write a spool file of this message and return its path."""
    path = folder / "In" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(spool_file(b"From: <anna@far.example>\r\nMIME-Version: 1.0\r\n" + content))
    return path


def one_part(folder: Path, content_type: str | bytes, body: bytes = RUSSIAN) -> dict[str, Any]:
    """Return what is told of the one part of a mail with this Content-Type."""
    kind = content_type if isinstance(content_type, bytes) else content_type.encode("utf-8")
    head = b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    mail(folder, head + body)
    status, document = told_of(folder)
    assert status in {0, 1}
    (file,) = document["files"]
    (part,) = file["parts"]
    assert isinstance(part, dict)
    return part


# Labels


@pytest.mark.parametrize(
    "label",
    [
        "letter.txt", "C:\\TEMP\\letter one.doc", "..\\..\\SYSTEM", "../../etc/passwd", "NUL",
        "<script>alert(1)</script>", "<html><body bgcolor=#ffffff>", "&amp;", "%s%n%x", "%00", "%",
        "a\x00b", "\x00", "\x1b]52;c;x\x07", "\x07\x08\x7f", "\u202eiok\u2066", "\ufeffkoi8",
        "\u200b", "\x85\u2028", "'", "''", "a'b", "$(reboot)", "=?utf-8?B?eA==?=", "charset",
        "koi8-r/utf-8", "koi8-r, utf-8", "кои8-р", "日本語", "-" * 200, "=cmd|' /C calc'!A0",
    ],
)  # fmt: skip
def test_a_label_that_is_none_is_told_as_such(tmp_path: Path, label: str) -> None:
    part = one_part(tmp_path, f'text/plain; charset="{label}"')
    assert part["verdict"] in {"unknown-label", "empty-label"}
    assert part["installed"] is None
    assert part["code_page"] is None


def test_a_label_of_a_megabyte_is_a_label_like_any_other(tmp_path: Path) -> None:
    started = time.perf_counter()
    part = one_part(tmp_path, f'text/plain; charset="{"x" * 1_000_000}"')
    assert part["verdict"] == "unknown-label"
    assert len(part["declared"]) < 1 << 16
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("label", ['""', '" "', '"\t "', '"   "'])
def test_a_blank_label_is_an_empty_one(tmp_path: Path, label: str) -> None:
    """One such stops the store of 5.5, whatever the text is (Q278320)."""
    assert one_part(tmp_path, f"text/plain; charset={label}")["verdict"] == "empty-label"
    assert one_part(tmp_path, f"text/plain; charset={label}", b"hi")["verdict"] == "empty-label"


@pytest.mark.parametrize("rest", ["charset=", "charset=;", "charset= ; format=flowed", "charset ="])
def test_a_label_of_nothing_is_an_empty_one_too(tmp_path: Path, rest: str) -> None:
    assert one_part(tmp_path, f"text/plain; {rest}")["verdict"] == "empty-label"


@pytest.mark.parametrize("rest", ["charset", "charset;", ";;;", "; charset", '"charset"="koi8-r"'])
def test_half_a_parameter_is_none(tmp_path: Path, rest: str) -> None:
    assert one_part(tmp_path, f"text/plain; {rest}")["verdict"] == "missing-label"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain; charset=koi8-r; charset=utf-8", 'text/plain; CHARSET="koi8-r"; Charset=big5',
        "text/plain; charset=koi8-r; charset=",
    ],
)  # fmt: skip
def test_of_labels_given_twice_one_is_taken(tmp_path: Path, content_type: str) -> None:
    part = one_part(tmp_path, content_type)
    assert part["declared"].lower() == "koi8-r"
    assert part["verdict"] == "ok"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain; charset=(a comment) koi8-r", "text/plain; charset=koi8-r (Cyrillic)",
        "text/plain ; charset = koi8-r", "text/plain; charset*=us-ascii'en'koi8-r",
        "text/plain; charset*0=koi8; charset*1=-r", 'text/plain;\r\n\tcharset="koi8-r"',
        'text/plain; charset="koi8-r', "text/plain;charset=KOI8-R;",
    ],
)  # fmt: skip
def test_a_label_that_is_oddly_written_is_still_read(tmp_path: Path, content_type: str) -> None:
    assert one_part(tmp_path, content_type)["verdict"] == "ok"


def test_a_content_type_of_raw_bytes_tells_nothing(tmp_path: Path) -> None:
    part = one_part(tmp_path, b"text/plain; charset=\xcb\xcf\xc98-\xd2")
    assert part["verdict"] == "unknown-label"


def test_hostile_labels_reach_no_alias_and_no_plan(tmp_path: Path) -> None:
    for number, label in enumerate(('a"b', "x\\..\\y", "x]\r\n[HKEY", "a,b", "\u202ex")):
        kind = f"Content-Type: text/plain; charset*=utf-8''{label}\r\n\r\n".encode()
        mail(tmp_path, kind + RUSSIAN, name=f"MKDWZAR{number + 2}")
    _, document = told_of(tmp_path)
    for alias in document["recommendation"]["add_aliases"]:
        assert alias["alias"].isascii()
        assert not set(alias["alias"]) & set('"\\[],\r\n ')


# Bodies


@pytest.mark.parametrize(
    ("label", "body"),
    [
        ("utf-8", "Grüße aus Köln, schöne Grüße é".encode()[:-1]),
        ("shift_jis", ("会議は明日です。" * 4).encode("cp932")[:-1]),
        ("gb18030", ("你好，我们明天开会。𠀀" * 3).encode("gb18030")[:-1]),
        ("iso-2022-jp", ("会議は明日です。" * 4).encode("iso2022_jp")[:-4]),
        ("utf-16", "\ufeffGrüße aus Köln".encode("utf_16_le")[:-1]),
        ("utf-7", "Grüße aus Köln и ещё".encode("utf_7")[:-2]),
    ],
)
@pytest.mark.parametrize("encoding", ["8bit", "base64", "quoted-printable"])
def test_a_body_that_ends_inside_a_character_is_not_wrong(
    tmp_path: Path, label: str, body: bytes, encoding: str
) -> None:
    if encoding == "base64":
        body = base64.encodebytes(body).rstrip()
    elif encoding == "quoted-printable":
        body = b"".join(b"=%02X" % byte for byte in body)
    head = f"Content-Type: text/plain; charset={label}\r\nContent-Transfer-Encoding: {encoding}"
    mail(tmp_path, head.encode() + b"\r\n\r\n" + body)
    _, document = told_of(tmp_path)
    assert document["files"][0]["parts"][0]["verdict"] in {"ok", "not-installed"}


@settings(max_examples=15, deadline=None)
@given(content=st.binary(max_size=300), may_be_cut=st.booleans())
@example(content=b"\x1b$B\x1b(B~{~}+-\x0e\x0f\0\xff\xfe", may_be_cut=True)
@example(content=b"\x80\xfe\xff" * 30, may_be_cut=False)
def test_random_bytes_under_every_codec_have_a_standing(content: bytes, may_be_cut: bool) -> None:
    for charset in WITH_CODEC:
        judgement = judge(content, charset, may_be_cut=may_be_cut)
        assert isinstance(judgement.standing, Standing)
        assert judgement.standing is not Standing.UNTESTED
        assert 0 <= judgement.confidence <= 1
        assert judgement.detected is None or find_charset(judgement.detected) is not None


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(LABELS), st.binary(max_size=300), st.booleans())
def test_random_bytes_under_any_name_have_a_standing(
    name: str, content: bytes, may_be_cut: bool
) -> None:
    judgement = judge(content, find_charset(name), may_be_cut=may_be_cut)
    assert isinstance(judgement.standing, Standing)
    assert 0 <= judgement.confidence <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        b"", b"\0" * 5000, b"\xff" * 5000, bytes(range(256)) * 20, b"\r\r\r\n\n\r", b"\xe9",
        b"\xe9" * 100_000, b"=" * 5000, b"+" * 5000, b"~{" * 3000, b"\x1b$B" * 2000,
        b"<meta charset=" * 3000 + b"\xe9", b"begin 644 x\r\n" * 500 + b"\xe9",
        random.Random("body").randbytes(50_000),
    ],
)  # fmt: skip
@pytest.mark.parametrize("label", [None, "koi8-r", "utf-16"])
def test_any_body_gets_a_verdict_soon(tmp_path: Path, body: bytes, label: str | None) -> None:
    started = time.perf_counter()
    kind = "text/plain" if label is None else f"text/plain; charset={label}"
    assert one_part(tmp_path, kind, body)["confidence"] <= 1
    assert time.perf_counter() - started < 2


# Structures


def test_many_parts_are_each_judged_up_to_the_limit(tmp_path: Path) -> None:
    part = b"--b\r\nContent-Type: text/plain; charset=windows-1251\r\n\r\n" + RUSSIAN
    mail(tmp_path, b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 600 + b"--b--\r\n")
    _, document = told_of(tmp_path)
    (file,) = document["files"]
    assert len(file["parts"]) == 600
    assert {one["verdict"] for one in file["parts"]} == {"mislabelled"}


@pytest.mark.slow
def test_ten_thousand_different_parts_take_seconds(tmp_path: Path) -> None:
    chance = random.Random("parts")
    parts = [
        f"--b\r\nContent-Type: text/plain; charset=x-{number}\r\n\r\n".encode()
        + chance.randbytes(60).replace(b"\n", b"").replace(b"\r", b"") + b"\xe9\r\n"
        for number in range(10_000)
    ]  # fmt: skip
    mail(tmp_path, b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(parts))
    started = time.perf_counter()
    _, document = told_of(tmp_path)
    assert time.perf_counter() - started < 60
    (file,) = document["files"]
    assert len(file["parts"]) >= 9_990


@pytest.mark.parametrize("kind", ["multipart", "message"])
def test_a_hundred_levels_are_gone_down_without_recursion(tmp_path: Path, kind: str) -> None:
    leaf = b"Content-Type: text/plain; charset=windows-1251\r\n\r\n" + RUSSIAN
    for level in range(100):
        if kind == "multipart":
            opening = f'Content-Type: multipart/mixed; boundary="b{level}"\r\n\r\n--b{level}\r\n'
            leaf = opening.encode() + leaf + f"\r\n--b{level}--\r\n".encode()
        else:
            leaf = b"Content-Type: message/rfc822\r\n\r\nMIME-Version: 1.0\r\n" + leaf
    mail(tmp_path, leaf)
    status, document = told_of(tmp_path)
    assert status in {0, 1}
    (file,) = document["files"]
    assert [one["verdict"] for one in file["parts"]] == ["mislabelled"]


def test_a_field_of_many_encoded_words_is_judged(tmp_path: Path) -> None:
    words = b" ".join(b"=?koi8-r?B?8NLJ18XU?=" for _ in range(2000))
    others = b"\r\n ".join(b"=?x-%d?Q?=E9?=" % number for number in range(300))
    mail(tmp_path, b"Subject: " + words + b"\r\nX-Other: " + others + b"\r\n\r\nhi\r\n")
    started = time.perf_counter()
    _, document = told_of(tmp_path)
    assert time.perf_counter() - started < 5
    verdicts = {one["name"]: one["verdict"] for one in document["files"][0]["headers"]}
    assert verdicts["Subject"] == "ok"
    assert verdicts["X-Other"] == "unknown-label"


# Folders


@pytest.mark.parametrize("evidence", FIXTURES, ids=lambda one: one.parent.name)
def test_every_fixture_is_told_of(evidence: Path) -> None:
    status, document = told_of(evidence)
    assert status in {0, 1}
    assert adds_up(document)
    assert document["summary"]["files"]["read"]


def test_all_fixtures_at_once_are_told_of() -> None:
    _, document = told_of(*FIXTURES)
    assert len(FIXTURES) >= 5
    assert adds_up(document)


def adds_up(document: dict[str, Any]) -> bool:
    """Return whether the numbers of files add up."""
    files = document["summary"]["files"]
    return bool(files["seen"] == files["read"] + files["unreadable"] + files["skipped"])


@pytest.mark.skipif(sys.platform != "linux", reason="such names and pipes are not everywhere")
def test_odd_files_are_defects_and_the_others_are_judged(tmp_path: Path) -> None:
    evidence = Path(shutil.copytree(STORY, tmp_path / "evidence"))
    _, before = told_of(evidence)
    spool = evidence / "Exchsrvr/Imcdata/In/Archive"
    (spool / "TG45CLP6").write_bytes(b"")
    (spool / "WXJXSG2D").write_bytes(bytes(range(256)) * 40)
    (spool / "LINK2345").symlink_to(spool / "LA4XGWQ7")
    (spool / os.fsdecode(b"\xff\xfe\x1b]52;x\x07")).write_bytes(b"From: a@b\r\n\r\n\xe9")
    os.mkfifo(spool / "PIPE2345")
    status, document = told_of(evidence)
    assert status in {0, 1}
    assert len(document["files"]) >= len(before["files"])
    reasons = {Path(one["location"]["path"]).name for one in document["defects"]}
    assert reasons >= {"TG45CLP6", "LINK2345", "PIPE2345"}


@pytest.mark.parametrize("seed", range(6))
def test_evidence_with_bytes_torn_out_is_told_of(tmp_path: Path, seed: int) -> None:
    evidence = Path(shutil.copytree(STORY, tmp_path / "evidence"))
    chance = random.Random(seed)
    for file in sorted(one for one in evidence.rglob("*") if one.is_file()):
        data = bytearray(file.read_bytes())
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(data) or 1)
            size = chance.randrange(1, 400)
            data[at : at + size] = chance.choice((b"", bytes(size), chance.randbytes(size)))
        file.write_bytes(bytes(data))
    _, document = told_of(evidence)
    assert adds_up(document)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.binary(max_size=2000),
    head=st.sampled_from(
        [
            b"", b"\xf7\0\0\0ImCr", b"regf", b"REGEDIT4\r\n",
            b"[Header]\r\nVersion=1\r\n[Domain]\r\n+",
            b"From: a@b\r\nContent-Type: text/plain; charset=", b"\xff\xfe", b"LfLe",
            b"From: a@b\r\nSubject: =?", b"From: a@b\r\nContent-Type: text/html\r\n\r\n\xe9",
            b"REGEDIT4\r\n\r\n[HKEY_CLASSES_ROOT\\MIME\\Database\\Charset\\x]\r\n",
        ]
    ),
)  # fmt: skip
def test_any_bytes_under_any_head_are_told_of(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "evidence.bin").write_bytes(head + data)
    status, document = told_of(folder)
    assert status in {0, 1, 3}
    assert adds_up(document)


def test_a_folder_without_anything_ends_with_3(tmp_path: Path) -> None:
    status, document = told_of(tmp_path)
    assert status == 3
    assert document["files"] == []


# Size

# What getrusage tells begins with the memory of the process that started this one.
PROBE = """
import sys
from pathlib import Path
from imctool.causes.charset_check import check_charsets

def peak():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])

check_charsets([Path(sys.argv[1])])
start = peak()
(file,) = check_charsets([Path(sys.argv[2])]).files
print(peak() - start, *(part.verdict for part in file.parts))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize(
    ("line", "verdict"),
    [(b"plain text of a large file " * 2, "ok"), (RUSSIAN[:54], "mislabelled")],
    ids=["plain", "telling"],
)
def test_a_part_of_a_gigabyte_costs_no_more_memory_than_its_sample(
    tmp_path: Path, line: bytes, verdict: str
) -> None:
    if shutil.disk_usage(tmp_path).free < 4 << 30:
        pytest.skip("no room for a gigabyte")
    label = "us-ascii" if verdict == "ok" else "windows-1251"
    kind = f"Content-Type: text/plain; charset={label}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    small, large = tmp_path / "small", tmp_path / "large"
    for folder in (small, large):
        folder.mkdir()
    mail(small, kind.encode() + base64.encodebytes(line))
    path = mail(large, kind.encode())
    block = (base64.b64encode(line) + b"\r\n") * 10_000
    with path.open("ab") as file:
        while file.tell() < 1 << 30:
            file.write(block)
    with_start = [sys.executable, "-c", PROBE, str(small), str(large)]
    try:
        ended = subprocess.run(with_start, capture_output=True, text=True, check=True, timeout=300)
    finally:
        path.unlink()
    grown, found = ended.stdout.split()
    assert found == verdict
    assert int(grown) < 60 << 10


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_many_full_samples_are_not_kept(tmp_path: Path) -> None:
    """Whatever is remembered of texts already judged is bounded."""
    chance = random.Random("many samples")
    small, large = tmp_path / "small", tmp_path / "large"
    for folder in (small, large):
        folder.mkdir()
    kind = b"--b\r\nContent-Type: text/plain; charset=windows-1251\r\n\r\n"
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    mail(small, head + kind + RUSSIAN)
    parts = []
    for _ in range(1500):
        lines = (bytes(chance.choices(RUSSIAN[:-2], k=70)) for _ in range(SAMPLE_LIMIT // 72))
        parts.append(kind + b"\r\n".join(lines) + b"\r\n")
    mail(large, head + b"".join(parts))
    probe = PROBE.replace("(part.verdict for part in file.parts)", "[len(file.parts)]")
    line = [sys.executable, "-c", probe, str(small), str(large)]
    ended = subprocess.run(line, capture_output=True, text=True, check=True, timeout=300)
    grown, count = map(int, ended.stdout.split())
    assert count == 1500
    assert grown < 100 << 10
