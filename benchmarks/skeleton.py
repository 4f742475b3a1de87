"""Times the spool-file reader against email.parser.BytesParser on the same files.

Run from the root of the repository: ``python -m benchmarks.skeleton --messages 4000``.
"""

from __future__ import annotations

import argparse
import base64
import email.parser
import gc
import os
import quopri
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from imctool.model.evidence import EvidenceFile, Form, InputKind
from imctool.model.mail import SpoolFile
from imctool.model.spool_name import SpoolName
from imctool.readers.spool_file import read_spool_file
from tests.spool_builder import imcr_envelope

SEED = 19971105
WORDS = (
    "der",
    "die",
    "das",
    "über",
    "für",
    "Straße",
    "Größe",
    "Zürich",
    "señor",
    "año",
    "déjà",
    "garçon",
    "naïve",
    "meeting",
    "invoice",
    "server",
    "connector",
    "mailbox",
    "please",
    "find",
    "attached",
    "the",
    "report",
    "of",
    "last",
    "week",
    "regards",
)


def text(chance: random.Random, size: int) -> str:
    """Return about ``size`` characters in lines of 60 to 75."""
    lines: list[str] = []
    length = 0
    while length < size:
        line = ""
        while len(line) < 60:
            line += chance.choice(WORDS) + " "
        lines.append(line.rstrip())
        length += len(lines[-1]) + 2
    return "\r\n".join(lines) + "\r\n"


def header(chance: random.Random, name: SpoolName) -> str:
    """Return the header fields that every message of the set has."""
    user = chance.randrange(10000)
    return (
        f"Received: from mail{user}.example.net (mail{user}.example.net [192.0.2.7]) by"
        " exch.example.com with SMTP (Microsoft Exchange Internet Mail Service Version"
        f" 5.5.2653.13)\r\n\tid {name}; Wed, 9 Oct 2002 11:28:46 -0400\r\n"
        f"Message-ID: <{chance.getrandbits(64):x}@mail{user}.example.net>\r\n"
        f'From: "User {user}" <user{user}@example.net>\r\n'
        f"To: Alice Example <alice{user}@example.com>, bob@example.com\r\n"
        "Cc: carol@example.com\r\n"
        "Subject: =?iso-8859-1?Q?Angebot_f=FCr?= week 41\r\n"
        "Date: Wed, 9 Oct 2002 11:27:39 -0400\r\n"
        "X-Mailer: Internet Mail Service (5.5.2653.19)\r\nMIME-Version: 1.0\r\n"
    )


def message(chance: random.Random, kind: int, name: SpoolName) -> bytes:
    """Return a message of one of the four kinds, about 7.5 KB."""
    size = chance.randrange(3500, 11000)
    boundary = f"----_=_NextPart_{chance.getrandbits(48):012X}"
    top = header(chance, name)
    if kind == 0:
        top += "Content-Type: text/plain; charset=iso-8859-1\r\n"
        return (top + "Content-Transfer-Encoding: 8bit\r\n\r\n" + text(chance, size)).encode(
            "latin-1"
        )
    if kind == 1:
        top += 'Content-Type: text/plain; charset="windows-1252"\r\n'
        top += "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        body = quopri.encodestring(text(chance, size).replace("\r\n", "\n").encode("cp1252"))
        return top.encode() + body.replace(b"\n", b"\r\n")
    if kind == 2:
        plain = text(chance, size // 2)
        body = (
            f'{top}Content-Type: multipart/alternative;\r\n\tboundary="{boundary}"\r\n\r\n'
            "This message is in MIME format.\r\n\r\n"
            f'--{boundary}\r\nContent-Type: text/plain;\r\n\tcharset="iso-8859-1"\r\n\r\n{plain}'
            f'\r\n--{boundary}\r\nContent-Type: text/html;\r\n\tcharset="iso-8859-1"\r\n\r\n'
            f"<html><body>{plain}</body></html>\r\n--{boundary}--\r\n"
        )
        return body.encode("latin-1")
    data = base64.encodebytes(chance.randbytes(size // 2)).replace(b"\n", b"\r\n").decode()
    body = (
        f'{top}Content-Type: multipart/mixed;\r\n\tboundary="{boundary}"\r\n\r\n'
        f'--{boundary}\r\nContent-Type: text/plain;\r\n\tcharset="iso-8859-1"\r\n\r\n'
        f"{text(chance, size // 4)}\r\n--{boundary}\r\n"
        'Content-Type: application/octet-stream;\r\n\tname="report.doc"\r\n'
        "Content-Transfer-Encoding: base64\r\n"
        f'Content-Disposition: attachment;\r\n\tfilename="report.doc"\r\n\r\n{data}'
        f"\r\n--{boundary}--\r\n"
    )
    return body.encode("latin-1")


def make_set(folder: Path, messages: int) -> list[EvidenceFile]:
    """Write the set and return its files; the same seed makes the same bytes."""
    chance = random.Random(SEED)
    name = SpoolName.parse("NSBA3BR3")
    files = []
    for number in range(messages):
        name = name.successor()
        content = imcr_envelope() + message(chance, number % 4, name)
        path = folder / str(name)
        path.write_bytes(content)
        files.append(
            EvidenceFile(path, path.name, len(content), InputKind.SPOOL_IN, Form.SPOOL_FILE)
        )
    return files


def ours(files: list[EvidenceFile]) -> None:
    for file in files:
        assert isinstance(read_spool_file(file), SpoolFile)


def standard(files: list[EvidenceFile]) -> None:
    parser = email.parser.BytesParser()
    for file in files:
        content = file.path.read_bytes()
        length = int.from_bytes(content[:4], "little")
        parser.parsebytes(content[length:])


def reading(files: list[EvidenceFile]) -> None:
    for file in files:
        descriptor = os.open(file.path, os.O_RDONLY)
        os.read(descriptor, os.fstat(descriptor).st_size)
        os.close(descriptor)


def timed(work: Callable[[list[EvidenceFile]], None], files: list[EvidenceFile]) -> float:
    gc.collect()
    start = time.perf_counter()
    work(files)
    return time.perf_counter() - start


def compare(messages: int, rounds: int) -> None:
    """Time the three in turn on the same files, and print the best of each."""
    with tempfile.TemporaryDirectory() as folder:
        files = make_set(Path(folder), messages)
        size = sum(file.size for file in files)
        best = dict.fromkeys((ours, standard, reading), float("inf"))
        for _ in range(rounds):
            for work in best:
                best[work] = min(best[work], timed(work, files))
    print(f"{messages} messages, {size / messages:.0f} bytes each, best of {rounds}")
    for work, seconds in best.items():
        print(
            f"{work.__name__:9} {messages / seconds:9.0f} messages/s"
            f" {size / seconds / 1e6:7.0f} MB/s {seconds / messages * 1e6:7.1f} us each"
        )
    print(f"ratio to BytesParser: {best[standard] / best[ours]:.2f}")


_CHILD = """
import re, sys, time
from pathlib import Path
from imctool.model.evidence import EvidenceFile, Form, InputKind
from imctool.readers.spool_file import read_spool_file
def peak():
    # Not getrusage: that remembers the peak of the process that started this one.
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
path = Path(sys.argv[1])
file = EvidenceFile(path, path.name, path.stat().st_size, InputKind.SPOOL_IN, Form.SPOOL_FILE)
before = peak()
start = time.perf_counter()
mail = read_spool_file(file)
seconds = time.perf_counter() - start
print(mail.recipient_count, len(mail.skeleton.parts), peak() - before, f"{seconds:.2f}")
"""


def memory_of(path: Path) -> tuple[int, int, int, float]:
    """Return recipients, parts, growth of the peak in KiB and seconds, read in a new process."""
    printed = subprocess.run(
        [sys.executable, "-c", _CHILD, str(path)], capture_output=True, text=True, check=True
    )
    recipients, parts, growth, seconds = printed.stdout.split()
    return int(recipients), int(parts), int(growth), float(seconds)


def write_large(path: Path, size: int) -> None:
    """Write a multipart of ``size`` bytes: a text, one large base64 part, a text at the end."""
    line = base64.b64encode(bytes(57)) + b"\r\n"
    block = line * 13_000
    with path.open("wb") as file:
        file.write(imcr_envelope())
        file.write(b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n")
        file.write(b"--b\r\n\r\ntext\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n")
        for _ in range(size // len(block)):
            file.write(block)
        file.write(b"\r\n--b\r\n\r\nlast\r\n--b--\r\n")


def memory(size: int) -> None:
    """Read one large message and a million recipients; print what they took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "NSBA3BR3"
        write_large(path, size)
        _, parts, growth, seconds = memory_of(path)
        print(f"{size / 1e9:.1f} GB message: {parts} parts, {seconds:.2f} s, +{growth} KiB peak")
        addresses = [f"user{number:07}@example.com" for number in range(1_000_000)]
        text = b"Subject: x\r\n\r\n"
        for form, content in (
            ("ImCr envelope", imcr_envelope(recipients=addresses) + text),
            ("Pickup lines", "".join(f"X-Receiver: {a}\r\n" for a in addresses).encode() + text),
            ("To: field", b"To: " + ",\r\n ".join(addresses).encode() + b"\r\n" + text),
        ):
            path.write_bytes(content)
            count, _, growth, seconds = memory_of(path)
            rate = count / seconds / 1e6
            print(f"{form}: {count} recipients, {rate:.1f} million/s, +{growth} KiB peak")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=4000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--memory", action="store_true", help="read a 1 GB message as well")
    options.add_argument("--size", type=int, default=10**9, help="bytes of that message")
    chosen = options.parse_args()
    compare(chosen.messages, chosen.rounds)
    if chosen.memory:
        memory(chosen.size)


if __name__ == "__main__":
    main()
