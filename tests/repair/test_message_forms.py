"""The forms of a recovered message: each is read back to the message it was made of."""

from __future__ import annotations

import io
import mailbox
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imctool.model.mail import MailFormat
from imctool.readers.envelope import read_envelope
from imctool.repair import message_forms
from imctool.repair.message_forms import (
    DOTS_INFERRED,
    NULL_SENDER_INFERRED,
    FormRefusedError,
    mbox_entry,
    pickup_form,
    write_pickup,
)
from tests.spool_builder import imcr_envelope

MAIL = b"From: a@b.example\r\nSubject: x\r\n\r\nHello\r\n"
PIECES = [b"From ", b">From ", b".", b"\r\n", b"\n", b"\r", b"X-Receiver: z@z\r\n", b"Subject: s"]
TEXTS = st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=20).map(b"".join)
ADDRESSES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF), min_size=1).filter(
    lambda text: text == text.strip() and not re.search(r"[\x00-\x20\x7f-\x9f<>]", text)
)


def without_doubled_dots(text: bytes) -> bytes:
    """Read a text as SMTP does (RFC 821 section 4.5.2)."""
    return b"\r\n".join(line.removeprefix(b".") for line in text.split(b"\r\n"))


def test_a_pickup_file_begins_with_its_envelope() -> None:
    made = pickup_form("a@b.example", ["c@d.example", "e@f.example"], MAIL)
    assert made.content == (
        b"X-Sender: a@b.example\r\nX-Receiver: c@d.example\r\nX-Receiver: e@f.example\r\n" + MAIL
    )
    assert (made.doubled_dots, made.inferred) == (0, ())


def test_a_line_that_is_a_single_dot_is_doubled_as_q221384_asks() -> None:
    made = pickup_form("a@b", ["c@d"], b"Subject: x\r\n\r\nbefore\r\n.\r\nafter\r\n")
    assert made.content.endswith(b"before\r\n..\r\nafter\r\n")
    assert (made.doubled_dots, made.inferred) == (1, ())


def test_other_leading_dots_are_doubled_and_said_to_be_inferred() -> None:
    made = pickup_form("a@b", ["c@d"], b"Subject: x\r\n\r\n.profile\r\n..\r\na.b\r\n")
    assert made.content.endswith(b"\r\n\r\n..profile\r\n...\r\na.b\r\n")
    assert (made.doubled_dots, made.inferred) == (2, (DOTS_INFERRED,))


def test_a_null_sender_is_written_as_brackets_and_said_to_be_inferred() -> None:
    made = pickup_form("", ["c@d"], MAIL)
    assert made.content.startswith(b"X-Sender: <>\r\nX-Receiver: c@d\r\n")
    assert made.inferred == (NULL_SENDER_INFERRED,)


@pytest.mark.parametrize(
    ("originator", "recipients", "text", "why"),
    [
        (None, ["c@d"], MAIL, "originator is not known"),
        ("a@b", [], MAIL, "no recipient"),
        ("a@b\r\nX-Receiver: spy@x", ["c@d"], MAIL, "control character"),
        ("a@b", ["c@d\0"], MAIL, "control character"),
        ("a@b", ["c@d\n"], MAIL, "control character"),
        ("a@b", [" "], MAIL, "empty"),
        ("a@b", ["c@\u20ac"], MAIL, "8-bit"),
        ("a@b", ["c@d"], b"x-receiver : spy@x\r\n" + MAIL, "own header"),
        ("a@b", ["c@d"], b"Subject: x\r\nX-Sender: spy@x\r\n\r\nbody", "own header"),
        ("a@b", ["c@d"], MAIL + b"one\n.\ntwo\r\n", "bare LF"),
        ("a@b", ["c@d"], MAIL + b"one\n.\r\ntwo\r\n", "bare LF"),
        ("a@b", ["c@d"], MAIL + b"one\r.\r\ntwo\r\n", "bare LF"),
        ("a@b", ["c@d"], MAIL + b"one\n.", "bare LF"),
        ("a@b", ["c@d"], MAIL + b"one\n\r.", "bare LF"),
        ("a@b", ["c@d\r"], MAIL, "control character"),
        ("a@b", ["c@d"], b"Subject: x\rX-Receiver: spy@x\r\n\r\n", "own header"),
        ("a@b", ["c@d"], b"X-Receiver" + b" " * 2000 + b": spy@x\r\n\r\n", "own header"),
        ("a@b", ["c@d"], b" more@x\r\n" + MAIL, "begins with a blank"),
        ("a@b", ["c@d"], b"\tmore@x\r\n" + MAIL, "begins with a blank"),
    ],
)
def test_what_pickup_might_take_otherwise_is_refused(
    originator: str | None, recipients: list[str], text: bytes, why: str
) -> None:
    stream = io.BytesIO()
    with pytest.raises(FormRefusedError, match=why):
        write_pickup(stream, originator, iter(recipients), text)
    assert stream.getvalue() == b""


def test_a_bad_address_far_down_the_list_is_refused_when_it_is_reached() -> None:
    recipients = [*(f"r{number}@x" for number in range(10_000)), "bad\r@x"]
    with pytest.raises(FormRefusedError, match="control character"):
        pickup_form("a@b", recipients, MAIL)


def test_the_text_may_stand_behind_the_block_of_a_spool_file() -> None:
    block = imcr_envelope()
    stream = io.BytesIO()
    write_pickup(stream, "a@b", iter(["c@d"]), block + MAIL, len(block))
    assert stream.getvalue() == pickup_form("a@b", ["c@d"], MAIL).content


def test_an_envelope_line_in_the_body_is_no_reason_to_refuse() -> None:
    assert pickup_form("a@b", ["c@d"], MAIL + b"X-Receiver: z@z\r\n").content.endswith(b"z@z\r\n")


@pytest.mark.slow
@given(st.just("") | ADDRESSES, st.lists(ADDRESSES, min_size=1, max_size=5), TEXTS)
@example("a@b", ["c@d"], b".")
def test_a_pickup_file_is_read_back_as_its_envelope_and_text(
    originator: str, recipients: list[str], text: bytes
) -> None:
    try:
        made = pickup_form(originator, recipients, text)
    except FormRefusedError:
        return
    envelope, problems = read_envelope(made.content)
    assert not problems
    assert envelope.format is MailFormat.PICKUP
    assert (envelope.originator, list(envelope.recipients)) == (originator, recipients)
    written = made.content[envelope.raw_length :]
    assert without_doubled_dots(written) == text
    assert len(written) - len(text) == made.doubled_dots
    assert not re.search(rb"(?:\A|[\r\n])\.(?=[\r\n]|\Z)", written), "a line of a single dot"


def at_once(text: bytes) -> tuple[bytes, int, bool, bool]:
    """Return what Pickup takes, by rules that see the whole text: the bytes, the dots doubled,
    whether all of these were alone on their lines, and whether the text is refused.
    """
    lone = len(re.findall(rb"(?:\A|(?<=\r\n))\.(?=\r\n|\Z)", text))
    stuffed, doubled = re.subn(rb"(?:\A|(?<=\r\n))\.", b"..", text)
    bare = re.search(rb"(?:(?<!\r)\n|\r(?!\n))\.(?=[\r\n]|\Z)", text)
    header = re.split(rb"(?:\A|\n)\r?\n", text)[0]
    own = re.search(rb"(?i)(?:\A|[\r\n])X-(?:Sender|Receiver)[ \t]*:", header)
    refused = bool(bare) or bool(own) or text[:1] in (b" ", b"\t")
    return stuffed, doubled, doubled == lone, refused


@given(TEXTS, st.integers(2, 9))
@example(b"a\r\n.\r\n.\r\n", 2)
@example(b"a\r\n.b\r\n", 4)
@example(b"a\n.", 2)
def test_where_the_pieces_begin_changes_nothing(text: bytes, piece: int) -> None:
    stuffed, doubled, alone, refused = at_once(text)
    stream = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(message_forms, "_PIECE", piece)
        try:
            told = write_pickup(stream, "a@b", ["c@d"], text)
        except FormRefusedError:
            assert refused
            return
    assert not refused
    assert told == (doubled, () if alone else (DOTS_INFERRED,))
    assert stream.getvalue() == b"X-Sender: a@b\r\nX-Receiver: c@d\r\n" + stuffed


STREAMED = """
import mmap, re, sys
from pathlib import Path
from imctool.repair.message_forms import write_pickup
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
with open(sys.argv[1], "rb") as file, open(sys.argv[2], "wb") as target:
    text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    before = peak()
    told = write_pickup(target, "a@b", (f"user{n}@example.com" for n in range(1_000_000)), text)
print(told[0], peak() - before, peak())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of the memory is read from /proc")
def test_a_large_text_and_a_million_recipients_take_little_memory(tmp_path: Path) -> None:
    text = (
        MAIL
        + (b"A line of a usual length, as a letter has it, and another.\r\n" * 999 + b".\r\n")
        * 1000
    )
    (tmp_path / "text").write_bytes(text)
    command = [sys.executable, "-c", STREAMED, str(tmp_path / "text"), str(tmp_path / "made")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    doubled, growth, whole = map(int, run.stdout.split())
    assert doubled == 1000
    assert growth < 20_000, "KiB"
    assert whole < 100_000, "KiB"
    made = (tmp_path / "made").read_bytes()
    assert made.count(b"X-Receiver: ") == 1_000_000
    assert made.endswith(text.replace(b"\r\n.", b"\r\n.."))


def test_an_mbox_of_several_messages_is_read_by_python(tmp_path: Path) -> None:
    texts = [
        b"Subject: one\r\n\r\nFrom here on\r\n>From there\r\n",
        b"Subject: two\r\n\r\nno end of line",
        b"Subject: three\r\n\r\n\r\n\r\n",
    ]
    moment = datetime(1997, 1, 14, 9, 47, 3, tzinfo=UTC)
    path = tmp_path / "recovered.mbox"
    path.write_bytes(b"".join(mbox_entry("a@b.example", moment, text) for text in texts))
    box = mailbox.mbox(path)
    assert [one["subject"] for one in box] == ["one", "two", "three"]
    assert box[0].get_from() == "a@b.example Tue Jan 14 09:47:03 1997"
    assert box[0].get_payload() == ">From here on\n>>From there\n"
    box.close()


@given(st.lists(TEXTS, min_size=1, max_size=4), st.none() | st.text())
def test_each_entry_of_an_mbox_gives_its_message_back(
    texts: list[bytes], originator: str | None
) -> None:
    whole = b"".join(mbox_entry(originator, None, text) for text in texts)
    entries = re.split(rb"(?m)^From [^\n]*\n", whole)[1:]
    assert len(entries) == len(texts)
    for entry, text in zip(entries, texts, strict=True):
        body = re.sub(rb"(?m)^>(>*From )", rb"\1", entry.removesuffix(b"\n"))
        sent = text.replace(b"\r\n", b"\n")
        assert body == (sent if not sent or sent.endswith(b"\n") else sent + b"\n")
