"""Writing the parts: each proves itself by the manifest, and either all stand there or none."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from repository import REPOSITORY
from spool_builder import imcr_envelope

from imctool.model.action import ActionKind, ActionStatus
from imctool.model.evidence import Location
from imctool.model.mail import RECIPIENT_LIMIT
from imctool.model.split import MailToSplit, SplitForm, SplitResult
from imctool.model.spool_name import SpoolName
from imctool.readers.envelope import iterate_recipients, read_envelope
from imctool.readers.file_buffer import READ_WHOLE
from imctool.repair import split_message
from imctool.repair.message_forms import DOTS_INFERRED, NULL_SENDER_INFERRED
from imctool.repair.new_file import new_file
from imctool.repair.recipient_split import plan_split
from imctool.repair.split_message import LINES_UNKNOWN
from imctool.repair.split_parts import write_parts

pytestmark = pytest.mark.slow

TEXT = b"Message-ID: <1@proseware.example>\r\nSubject: Contract\r\n\r\nHello\r\n.\r\n\xe9\0\nbye"
PEOPLE = ["ann@proseware.example", "bob@litware.example", "cid@fabrikam.example"]
FORMS = list(SplitForm)
FULL = OSError(errno.ENOSPC, "No space left on device")
TEXTS = st.lists(
    st.sampled_from([b"\r\n", b"\r\n.", b".", b"\r\n.\r\n", b"\n", b"From "])
    | st.binary(max_size=20),
    max_size=20,
).map(lambda some: b"Subject: x\r\n\r\n" + b"".join(some))
ADDRESSES = st.sampled_from(PEOPLE) | st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f\x85\xa0<>"),
    min_size=1,
    max_size=12,
)


def people(count: int) -> list[str]:
    return [f"somebody{number}@litware.example" for number in range(count)]


def planned(path: Path, **options: Any) -> MailToSplit:
    """Look at a spool file as a command does."""
    plan = plan_split(path.read_bytes(), **options)
    source = Location(f"In/Archive/{path.name}")
    return MailToSplit(source, path, SpoolName.find(path.name), plan)


def spooled(
    folder: Path,
    name: str,
    recipients: Iterable[str] = PEOPLE,
    text: bytes = TEXT,
    *,
    originator: str = "user@ms.com",
    **options: Any,
) -> MailToSplit:
    path = folder / "spool" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(imcr_envelope(originator, recipients) + text)
    return planned(path, **options)


def written(
    mails: Sequence[MailToSplit], out: Path, form: SplitForm, *, dry_run: bool = False
) -> SplitResult:
    return write_parts(mails, out, str(out), form, dry_run=dry_run)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def list_sha256(recipients: Iterable[str]) -> str:
    return sha256("".join(f"{one}\n" for one in recipients).encode("latin-1"))


def document(content: bytes, schema: str) -> dict[str, Any]:
    """Return a JSON document that is as its schema says."""
    rules = json.loads((REPOSITORY / f"docs/schema/{schema}.json").read_text(encoding="utf-8"))
    read = json.loads(content.decode("ascii"))
    assert list(Draft202012Validator(rules).iter_errors(read)) == []
    return read  # type: ignore[no-any-return]


def receivers(head: bytes, originator: str) -> list[str]:
    """Return the recipients that the envelope lines of a Pickup file name, by plain means."""
    lines = head.decode("latin-1").split("\r\n")
    assert (lines[0], lines[-1]) == (f"X-Sender: {originator or '<>'}", "")
    assert all(line.startswith("X-Receiver: ") for line in lines[1:-1])
    return [line.removeprefix("X-Receiver: ") for line in lines[1:-1]]


def prove(folder: Path) -> list[list[str]]:
    """Check every claim of the manifest by the files alone; return each part's recipients."""
    found = files(folder)
    told = document(found["manifest.json"], "split-1")
    lines = found["manifest.json"].splitlines(keepends=True)
    assert told["check"] == sha256(b"".join(lines[:-2]))
    named = ["manifest.json"]
    parts = []
    for mail in told["messages"]:
        everybody: list[str] = []
        for number, part in enumerate(mail["parts"], 1):
            content = found[part["file"]]
            named.append(part["file"])
            assert part["part"] == number
            assert (part["size"], part["sha256"]) == (len(content), sha256(content))
            text = content[part["text_offset"] :]
            assert len(text) == mail["written_text_size"]
            assert sha256(text) == mail["written_text_sha256"]
            if told["form"] == "eml":
                beside = found[part["envelope"]["file"]]
                named.append(part["envelope"]["file"])
                assert part["envelope"]["size"] == len(beside)
                assert part["envelope"]["sha256"] == sha256(beside)
                envelope = document(beside, "envelope-1")
                assert (envelope["part"], envelope["of"]) == (number, len(mail["parts"]))
                for key in ("file", "size", "sha256", "recipient_count"):
                    assert envelope[key] == part[key]
                for key in ("source", "source_sha256", "spool_name", "originator"):
                    assert envelope[key] == mail[key]
                recipients = envelope["recipients"]
            else:
                recipients = receivers(content[: part["text_offset"]], mail["originator"])
            assert 0 < len(recipients) == part["recipient_count"] <= mail["limit"]
            assert part["recipients_sha256"] == list_sha256(recipients)
            everybody += recipients
            parts.append(recipients)
        assert len(everybody) == mail["recipient_count"]
        assert mail["recipients_sha256"] == list_sha256(everybody)
        lost = mail["left_out_count"] + mail["refused_count"]
        lost += 0 if mail["keeps_duplicates"] else mail["duplicate_count"]
        assert len(everybody) + lost == mail["envelope_recipient_count"]
        if not lost:
            assert mail["recipients_sha256"] == mail["envelope_recipients_sha256"]
        assert (len(mail["left_out"]), len(mail["refused"])) == (
            mail["left_out_count"],
            mail["refused_count"],
        )
        assert len(mail["duplicates"]) == (
            0 if mail["keeps_duplicates"] else mail["duplicate_count"]
        )
    assert sorted(found) == sorted(named)
    return parts


# What stands in the parts


def test_a_pickup_part_is_its_envelope_and_the_text(tmp_path: Path) -> None:
    done = written([spooled(tmp_path, "TG45CLP6", limit=2)], tmp_path / "out", SplitForm.PICKUP)
    assert prove(tmp_path / "out") == [PEOPLE[:2], PEOPLE[2:]]
    found = files(tmp_path / "out")
    assert list(found) == ["TG45CLP6-1-of-2.pickup", "TG45CLP6-2-of-2.pickup", "manifest.json"]
    text = TEXT.replace(b"\r\n.\r\n", b"\r\n..\r\n")
    assert found["TG45CLP6-1-of-2.pickup"] == (
        b"X-Sender: user@ms.com\r\nX-Receiver: ann@proseware.example\r\n"
        b"X-Receiver: bob@litware.example\r\n" + text
    )
    assert found["TG45CLP6-2-of-2.pickup"].endswith(b"cid@fabrikam.example\r\n" + text)
    assert [
        (one.kind, one.status, one.target, one.recipients, one.sha256) for one in done.actions
    ] == [
        (
            ActionKind.WRITE,
            ActionStatus.DONE,
            (tmp_path / "out" / name).as_posix(),
            count,
            sha256(found[name]),
        )
        for name, count in (("TG45CLP6-1-of-2.pickup", 2), ("TG45CLP6-2-of-2.pickup", 1))
    ]
    (told,) = done.mails
    assert told.doubled_dots == 1
    assert told.inferred == (LINES_UNKNOWN,)
    assert done.manifest == (tmp_path / "out" / "manifest.json").as_posix()
    assert (done.problem, done.undone) == (None, 0)


def test_an_eml_part_is_the_text_byte_for_byte_and_an_envelope_beside_it(tmp_path: Path) -> None:
    mail = spooled(tmp_path, "TG45CLP6", limit=2, originator="")
    written([mail], tmp_path / "out", SplitForm.EML)
    assert prove(tmp_path / "out") == [PEOPLE[:2], PEOPLE[2:]]
    found = files(tmp_path / "out")
    assert found["TG45CLP6-1-of-2.eml"] == found["TG45CLP6-2-of-2.eml"] == TEXT
    assert message_from_bytes(found["TG45CLP6-1-of-2.eml"])["Subject"] == "Contract"
    envelope = document(found["TG45CLP6-2-of-2.envelope.json"], "envelope-1")
    assert (envelope["originator"], envelope["recipients"]) == ("", PEOPLE[2:])
    assert envelope["source_sha256"] == sha256(mail.path.read_bytes())
    assert (envelope["source"], envelope["spool_name"]) == ("In/Archive/TG45CLP6", "TG45CLP6")


@given(
    recipients=st.lists(ADDRESSES, min_size=1, max_size=30),
    text=TEXTS,
    limit=st.integers(1, 9),
    keep=st.booleans(),
    form=st.sampled_from(FORMS),
)
@example(recipients=["a@b", "\xe9@x", "a@B"], text=b"", limit=1, keep=False, form=SplitForm.EML)
@settings(deadline=None)
def test_any_list_and_any_text_come_whole_out_of_the_parts(
    recipients: list[str], text: bytes, limit: int, keep: bool, form: SplitForm
) -> None:
    with TemporaryDirectory() as folder:
        mail = spooled(
            Path(folder), "TG45CLP6", recipients, text, limit=limit, keep_duplicates=keep
        )
        read = list(iterate_recipients(mail.path.read_bytes()))
        out = Path(folder) / "out"
        done = written([mail], out, form)
        if done.undone:  # the text holds what no Pickup file can
            assert form is SplitForm.PICKUP
            assert "bare LF or CR" in (done.actions[0].reason or "")
            assert not out.exists()
            return
        parts = prove(out)
        everybody = [one for part in parts for one in part]
        if keep:
            assert everybody == read
        else:
            assert len(set(everybody)) == len(everybody)
            places = iter(read)
            assert all(one in places for one in everybody)  # as a subsequence
            assert {one.lower() for one in everybody} == {one.lower() for one in read}
        assert [len(part) for part in parts] == list(mail.plan.parts)
        for name, content in files(out).items():
            if name.endswith(".eml"):
                assert content == text
            elif name.endswith(".pickup"):
                envelope, _ = read_envelope(content)
                lines = content[envelope.raw_length :].split(b"\r\n")
                assert b"\r\n".join(line.removeprefix(b".") for line in lines) == text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "count",
    [
        RECIPIENT_LIMIT,
        RECIPIENT_LIMIT + 1,
        pytest.param(2 * RECIPIENT_LIMIT, marks=pytest.mark.slow),
        pytest.param(2 * RECIPIENT_LIMIT + 1, marks=pytest.mark.slow),
    ],
)
def test_at_the_limit_of_the_server(tmp_path: Path, form: SplitForm, count: int) -> None:
    written([spooled(tmp_path, "TG45CLP6", people(count))], tmp_path / "out", form)
    parts = prove(tmp_path / "out")
    assert [one for part in parts for one in part] == people(count)
    assert len(parts) == -(-count // RECIPIENT_LIMIT)


def test_the_parts_are_in_order_by_their_names(tmp_path: Path) -> None:
    mail = spooled(tmp_path, "TG45CLP6", people(11), limit=1)
    done = written([mail], tmp_path / "out", SplitForm.PICKUP)
    names = [name for name in files(tmp_path / "out") if name.endswith(".pickup")]
    assert names[:2] == ["TG45CLP6-01-of-11.pickup", "TG45CLP6-02-of-11.pickup"]
    assert names == [Path(one.target or "").name for one in done.actions]
    assert prove(tmp_path / "out") == [[one] for one in people(11)]


def test_who_is_in_no_part_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "TG45CLP6"
    lines = [PEOPLE[0], "a\x1b@x", "ANN@x", PEOPLE[0].upper(), PEOPLE[1], "ann@proseware.EXAMPLE"]
    path.write_bytes(
        b"X-Sender: a@b\r\n" + b"".join(f"X-Receiver: {one}\r\n".encode() for one in lines) + TEXT
    )
    mail = planned(path, leave_out=lambda address: address == PEOPLE[1])
    done = written([mail], tmp_path / "out", SplitForm.EML)
    assert prove(tmp_path / "out") == [[PEOPLE[0], "ANN@x", PEOPLE[0].upper()]]
    (told,) = document(files(tmp_path / "out")["manifest.json"], "split-1")["messages"]
    assert told["duplicates"] == ["ann@proseware.EXAMPLE"]
    assert (told["left_out"], told["refused"]) == ([PEOPLE[1]], ["a\x1b@x"])
    assert b"\x1b" not in b"".join(files(tmp_path / "out").values())
    assert list(told["notes"]) == list(done.mails[0].notes)
    assert len(told["notes"]) == 4


def test_what_is_inferred_or_in_doubt_is_said(tmp_path: Path) -> None:
    mail = spooled(
        tmp_path, "TG45CLP6", [PEOPLE[0], "a\r\nb@x"], b"S: x\r\n\r\n.a\r\n", originator=""
    )
    (told,) = written([mail], tmp_path / "out", SplitForm.PICKUP).mails
    assert told.inferred == (NULL_SENDER_INFERRED, DOTS_INFERRED, LINES_UNKNOWN)
    assert told.notes[0].startswith("its recipients may be incomplete: possible recipient")
    (manifest,) = document(files(tmp_path / "out")["manifest.json"], "split-1")["messages"]
    assert manifest["doubts"][0]["offset"] == mail.path.read_bytes().index(b"<a\r")
    assert prove(tmp_path / "out") == [[PEOPLE[0]]]


def test_the_text_of_a_pickup_file_has_its_dots_already(tmp_path: Path) -> None:
    path = tmp_path / "TG45CLP6"
    text = b"Subject: x\r\n\r\n..\r\n..profile\r\n"
    path.write_bytes(b"X-Sender: a@b\r\nX-Receiver: c@d\r\nX-Receiver: e@f\r\n" + text)
    for form in FORMS:
        (told,) = written([planned(path, limit=1)], tmp_path / form, form).mails
        assert prove(tmp_path / form) == [["c@d"], ["e@f"]]
        assert told.doubled_dots == 0
        for name, content in files(tmp_path / form).items():
            assert name.endswith(".json") or content.endswith(text)
        assert DOTS_INFERRED not in told.inferred


def test_a_message_without_a_text_has_parts_without_one(tmp_path: Path) -> None:
    for form in FORMS:
        mail = spooled(tmp_path, "TG45CLP6", text=b"", limit=1)
        (told,) = written([mail], tmp_path / form, form).mails
        assert len(prove(tmp_path / form)) == 3
        assert told.notes == ("nothing follows its envelope: the parts have no text",)


# Names, and runs with several messages


def test_no_two_messages_share_a_name_in_any_letter_case(tmp_path: Path) -> None:
    mails = [
        MailToSplit(Location(f"{number}/{name}"), one.path, SpoolName.find(name), one.plan)
        for number, name in enumerate(
            ["TG45CLP6", "tg45clp6", "x-2", "X", "x", "a b\u202e", "\u202e"]
        )
        for one in [spooled(tmp_path, f"file{number}")]
    ]
    written(mails, tmp_path / "out", SplitForm.PICKUP)
    told = document(files(tmp_path / "out")["manifest.json"], "split-1")["messages"]
    assert [one["parts"][0]["file"].removesuffix("-1-of-1.pickup") for one in told] == [
        "TG45CLP6", "TG45CLP6-2", "x-2", "X", "x-3", "a_b_", "_",
    ]  # fmt: skip
    assert prove(tmp_path / "out") == [PEOPLE] * len(mails)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    mails = [spooled(tmp_path, name, limit=2) for name in ("TG45CLP6", "JTJF9DG7")]
    for form in FORMS:
        written(mails, tmp_path / f"{form}1", form)
        written(mails, tmp_path / f"{form}2", form)
        assert files(tmp_path / f"{form}1") == files(tmp_path / f"{form}2")


@pytest.mark.parametrize("form", FORMS)
def test_a_dry_run_tells_names_and_sizes_and_writes_nothing(
    tmp_path: Path, form: SplitForm
) -> None:
    mails = [spooled(tmp_path, name, limit=2) for name in ("TG45CLP6", "JTJF9DG7")]
    told = written(mails, tmp_path / "out", form, dry_run=True)
    assert not (tmp_path / "out").exists()
    done = written(mails, tmp_path / "out", form)
    assert {one.status for one in told.actions} == {ActionStatus.PLANNED}
    assert [one.target for one in told.actions] == [one.target for one in done.actions]
    assert told.manifest is None
    for planned_mail, mail in zip(told.mails, done.mails, strict=True):
        assert planned_mail.text_sha256 == mail.text_sha256
        for one, other in zip(planned_mail.parts, mail.parts, strict=True):
            assert one.written.size == other.written.size
            assert one.written.sha256 == (other.written.sha256 if form is SplitForm.EML else None)
            assert (one.text_offset, one.recipients_sha256) == (
                other.text_offset,
                other.recipients_sha256,
            )
            if one.envelope is not None:
                assert other.envelope is not None
                assert one.envelope.file == other.envelope.file
                assert one.envelope.size == other.envelope.size


def test_the_evidence_is_not_written(tmp_path: Path) -> None:
    mail = spooled(tmp_path, "TG45CLP6", limit=1)
    before = mail.path.read_bytes(), mail.path.stat().st_mtime_ns
    for form in FORMS:
        written([mail], tmp_path / form, form)
    assert (mail.path.read_bytes(), mail.path.stat().st_mtime_ns) == before


# Messages that cannot be divided


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("change", ["other bytes", "longer", "shorter", "gone", "folder"])
def test_a_file_that_changed_gives_no_part_and_the_others_are_made(
    tmp_path: Path, form: SplitForm, change: str
) -> None:
    names = ("TG45CLP6", "JTJF9DG7", "NSBA3BR3")
    mails = [spooled(tmp_path, name, limit=2) for name in names]
    path = mails[1].path
    content = path.read_bytes()
    if change == "other bytes":
        path.write_bytes(content[:-1] + b"!")
    elif change == "longer":
        path.write_bytes(content + b"!")
    elif change == "shorter":
        path.write_bytes(content[:-1])
    else:
        path.unlink()
        if change == "folder":
            path.mkdir()
    done = written(mails, tmp_path / "out", form)
    assert [str(one.status) for one in done.actions] == ["done"] * 2 + ["failed"] + ["done"] * 2
    failed = done.actions[2]
    assert (failed.source, failed.target, failed.recipients) == (mails[1].source, None, 3)
    assert failed.reason
    assert done.undone == 1
    assert prove(tmp_path / "out") == [PEOPLE[:2], PEOPLE[2:]] * 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"X-Receiver: spy@x\r\nSubject: x\r\n\r\n", "its own header holds X-Sender"),
        (b" folded\r\n\r\n", "begins with a blank"),
        (b"Subject: x\r\n\r\n\n.\n", "bare LF or CR"),
    ],
)
def test_a_text_that_pickup_might_misread_is_refused_there_only(
    tmp_path: Path, text: bytes, why: str
) -> None:
    mail = spooled(tmp_path, "TG45CLP6", text=text)
    done = written([mail], tmp_path / "a" / "out", SplitForm.PICKUP)
    (action,) = done.actions
    assert (action.status, action.recipients) == (ActionStatus.REFUSED, 3)
    assert why in (action.reason or "")
    assert (done.mails, done.manifest, done.problem) == ((), None, None)
    assert not (tmp_path / "a").exists()
    written([mail], tmp_path / "eml", SplitForm.EML)
    assert prove(tmp_path / "eml") == [PEOPLE]


def test_a_message_whose_recipients_are_all_left_out_gives_no_part(tmp_path: Path) -> None:
    mail = spooled(tmp_path, "TG45CLP6", leave_out=lambda address: True)
    done = written([mail], tmp_path / "out", SplitForm.PICKUP)
    assert [(one.status, one.reason) for one in done.actions] == [
        (ActionStatus.REFUSED, "no recipient of it is left")
    ]
    assert not (tmp_path / "out").exists()


# What may fail on the way


def calls_of(monkeypatch: pytest.MonkeyPatch, name: str, number: int, error: BaseException) -> None:
    """Let the nth call of a function of the system fail."""
    call = getattr(os, name)
    calls = 0

    def failing(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            raise error
        return call(*arguments, **options)

    monkeypatch.setattr(os, name, failing)


CALLS = [
    (name, number)
    for name, last in (("fsync", 9), ("link", 7), ("sendfile", 3))
    for number in range(1, last + 1)
    if hasattr(os, name)
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "number"), CALLS)
def test_an_interrupt_leaves_the_place_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: SplitForm, name: str, number: int
) -> None:
    mail = spooled(tmp_path, "TG45CLP6", limit=1)
    out = tmp_path / "a" / "out"
    with monkeypatch.context() as patched:
        calls_of(patched, name, number, KeyboardInterrupt())
        try:
            written([mail], out, form)
        except KeyboardInterrupt:
            assert not (tmp_path / "a").exists()
            written([mail], out, form)
    assert prove(out) == [[one] for one in PEOPLE]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "number"), CALLS)
def test_a_full_disk_leaves_all_parts_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: SplitForm, name: str, number: int
) -> None:
    mails = [spooled(tmp_path, "TG45CLP6", limit=1), spooled(tmp_path, "JTJF9DG7", limit=1)]
    mails[0].path.unlink()
    calls_of(monkeypatch, name, number, FULL)
    done = written(mails, tmp_path / "a" / "out", form)
    if done.manifest is not None:
        assert prove(tmp_path / "a" / "out") == [[one] for one in PEOPLE]
        assert (done.undone, done.problem) == (1, None)
        return
    assert not (tmp_path / "a").exists()
    assert done.problem is not None
    assert done.problem.startswith("cannot be written: No space left on device")
    assert done.mails == ()
    assert done.undone == len(done.actions)
    assert all(one.target is None and one.reason for one in done.actions)


class _FullDisk:
    """A stream that takes so many bytes and no more."""

    def __init__(self, stream: Any, room: list[int]) -> None:
        self._stream = stream
        self._room = room

    def write(self, content: bytes) -> int:
        self._room[0] -= len(content)
        if self._room[0] < 0:
            raise FULL
        return self._stream.write(content)  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@pytest.mark.parametrize("form", FORMS)
def test_a_disk_may_be_full_at_any_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: SplitForm
) -> None:
    mail = spooled(tmp_path, "TG45CLP6", limit=2)
    room = [0]

    @contextmanager
    def small(path: Path) -> Iterator[Any]:
        with new_file(path) as stream:
            yield _FullDisk(stream, room)

    monkeypatch.setattr(split_message, "new_file", small)
    monkeypatch.delattr(os, "sendfile", raising=False)
    monkeypatch.setattr(sys, "platform", "another")
    for bytes_left in (*range(0, 2_000, 23), 1 << 20):
        room[0] = bytes_left
        done = written([mail], tmp_path / "out", form)
        if room[0] >= 0:
            break
        assert done.problem
        assert not (tmp_path / "out").exists()
    assert prove(tmp_path / "out") == [PEOPLE[:2], PEOPLE[2:]]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["none", "a part"])
def test_a_system_that_cannot_copy_by_itself_gets_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: SplitForm, kind: str
) -> None:
    if not hasattr(os, "sendfile"):
        pytest.skip("this system never copies by itself")
    mail = spooled(tmp_path, "TG45CLP6", text=TEXT + b"0123456789" * 100_000, limit=1)
    written([mail], tmp_path / "a", form)
    send, calls = os.sendfile, 0

    def failing(target: int, source: int, offset: int, size: int) -> int:
        nonlocal calls
        calls += 1
        if kind == "none" or calls % 3 == 0:
            raise OSError(errno.EINVAL, "Invalid argument")
        return send(target, source, offset, min(size, 1_000))

    monkeypatch.setattr(os, "sendfile", failing)
    written([mail], tmp_path / "b", form)
    assert calls or sys.platform != "linux"
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert prove(tmp_path / "b") == [[one] for one in PEOPLE]


@pytest.mark.parametrize("form", FORMS)
def test_nothing_that_is_there_is_replaced(tmp_path: Path, form: SplitForm) -> None:
    mail = spooled(tmp_path, "TG45CLP6", limit=2)
    out = tmp_path / "out"
    for taken in (f"TG45CLP6-2-of-2.{form}", "manifest.json"):
        out.mkdir()
        (out / taken).write_bytes(b"mine")
        done = written([mail], out, form)
        assert done.problem is not None
        assert "File exists" in done.problem
        assert files(out) == {taken: b"mine"}
        (out / taken).unlink()
        out.rmdir()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(FileExistsError):
        written([spooled(tmp_path, "TG45CLP6")], tmp_path / "out", SplitForm.EML)


def test_the_manifest_comes_after_all_else_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("this system does not tell the path of a descriptor")
    done: list[str] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        done.append(os.path.basename(os.path.realpath(f"/proc/self/fd/{descriptor}")))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    written([spooled(tmp_path, "TG45CLP6", limit=2)], tmp_path / "out", SplitForm.EML)
    parts = [
        f".TG45CLP6-{number}-of-2.{kind}.imctool-tmp"
        for number in (1, 2)
        for kind in ("eml", "envelope.json")
    ]
    manifest = ".manifest.json.imctool-tmp"
    assert done == [*parts, "out", tmp_path.name, manifest, "out", tmp_path.name]


# A million


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_large_file_can_fail_half_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: SplitForm
) -> None:
    text = b"Subject: x\r\n\r\n" + b"0123456789abcd\r\n" * (READ_WHOLE // 16)
    mail = spooled(tmp_path, "TG45CLP6", people(40_000), text, limit=9_000)
    for number in (1, 2, 6):
        with monkeypatch.context() as patched:
            calls_of(patched, "fsync", number, FULL)
            done = written([mail], tmp_path / "out", form)
        assert done.problem
        assert not (tmp_path / "out").exists()
    assert written([mail], tmp_path / "out", form).problem is None
    assert [one for part in prove(tmp_path / "out") for one in part] == people(40_000)


_IN_A_PROCESS = """
import re, sys
from pathlib import Path
from imctool.model.evidence import Location
from imctool.model.split import MailToSplit, SplitForm
from imctool.readers.file_buffer import file_buffer
from imctool.repair.recipient_split import plan_split
from imctool.repair.split_parts import write_parts
path, out = map(Path, sys.argv[1:3])
with file_buffer(path) as buffer:
    plan = plan_split(buffer)
mail = MailToSplit(Location(path.name), path, None, plan)
print(write_parts([mail], out, "out", SplitForm(sys.argv[3])).undone)
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["all different", "each twice", "two spellings"])
def test_a_million_recipients_take_less_than_200_megabytes(
    tmp_path: Path, form: SplitForm, kind: str
) -> None:
    if not os.path.isfile("/proc/self/status"):
        pytest.skip("this system does not tell the most memory that a process had")
    different = 1_000_000 if kind == "all different" else 500_000
    domains = ["LITWARE.example", "litware.example"] if kind == "two spellings" else ["x.example"]
    everybody = (
        f"somebody{number % different}@{domains[number % len(domains)]}"
        for number in range(1_000_000)
    )
    path = tmp_path / "mail"
    path.write_bytes(imcr_envelope(recipients=everybody) + TEXT + b"0123456789abcd\r\n" * 500_000)
    run = subprocess.run(
        [sys.executable, "-c", _IN_A_PROCESS, str(path), str(tmp_path / "out"), str(form)],
        capture_output=True, text=True, check=True, cwd=REPOSITORY,
    )  # fmt: skip
    undone, memory = map(int, run.stdout.split())
    assert undone == 0
    assert memory * 1024 < 200_000_000
    parts = prove(tmp_path / "out")
    names = [one.partition("@")[0] for part in parts for one in part]
    assert names == [f"somebody{number}" for number in range(different)]
    assert [len(part) for part in parts[:-1]] == [RECIPIENT_LIMIT] * (different // RECIPIENT_LIMIT)
