"""Copies for archives: byte for byte as .eml, readable as mbox and maildir, and accounted for."""

from __future__ import annotations

import errno
import hashlib
import json
import mailbox
import os
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from repository import REPOSITORY
from spool_builder import imcr_envelope

from imctool.model.action import ActionStatus
from imctool.model.evidence import Location
from imctool.model.export import ExportForm, ExportResult, MailToExport
from imctool.model.spool_name import SpoolName
from imctool.readers.envelope import iterate_recipients, read_envelope
from imctool.readers.file_buffer import WINDOW, file_buffer
from imctool.repair.export_files import export_mails
from imctool.repair.message_forms import mbox_entry

pytestmark = pytest.mark.slow

MORNING = datetime(1998, 3, 2, 9, 30, tzinfo=UTC)
MAIL = b"Message-ID: <1@proseware.example>\r\nSubject: Contract\r\n\r\nFrom here on.\r\n.\r\n"
SCHEMA = json.loads((REPOSITORY / "docs/schema/export-1.json").read_text(encoding="utf-8"))


def recipients_of(path: Path) -> Iterator[str]:
    with file_buffer(path) as buffer:
        yield from iterate_recipients(buffer)


def spooled(folder: Path, name: str, text: bytes = MAIL, **envelope: Any) -> MailToExport:
    """Write a spool file and look at it, as a plan does."""
    path = folder / "spool" / "In" / "Archive" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(imcr_envelope(**envelope) + text)
    content = path.read_bytes()
    found, _ = read_envelope(content)
    return MailToExport(
        Location(f"In/Archive/{name}"),
        path,
        found.raw_length,
        len(content),
        hashlib.sha256(content).hexdigest(),
        SpoolName.find(name),
        found.originator,
        lambda: recipients_of(path),
        found.recipient_count,
        MORNING,
        "<1@proseware.example>",
    )


def exported(
    mails: Sequence[MailToExport], out: Path, form: str, *, dry_run: bool = False
) -> ExportResult:
    return export_mails(mails, out, str(out), ExportForm(form), dry_run=dry_run)


def files(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(found)}


def manifest(folder: Path) -> dict[str, Any]:
    document = json.loads((folder / "manifest.json").read_text("ascii"))
    assert list(Draft202012Validator(SCHEMA).iter_errors(document)) == []
    return document  # type: ignore[no-any-return]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# The forms


def test_an_eml_file_is_the_text_after_the_envelope(tmp_path: Path) -> None:
    mail = spooled(tmp_path, "JTJF9DG7", b"Subject: \xe9\n\r\n\rbare\n\0" + b"x" * 70_000)
    done = exported([mail], tmp_path / "out", "eml")
    text = mail.path.read_bytes()[mail.text_offset :]
    found = files(tmp_path / "out")
    assert sorted(found) == ["JTJF9DG7.eml", "manifest.json"]
    assert found["JTJF9DG7.eml"] == text
    (action,) = done.actions
    assert (action.status, action.sha256, action.recipients) == (
        ActionStatus.DONE,
        sha256(text),
        1,
    )
    assert action.target == (tmp_path / "out" / "JTJF9DG7.eml").as_posix()
    assert action.source == Location("In/Archive/JTJF9DG7")


def test_a_maildir_is_read_by_others(tmp_path: Path) -> None:
    mails = [spooled(tmp_path, "JTJF9DG7"), spooled(tmp_path, "JTJF9DGH", b"Subject: 2\r\n\r\n")]
    exported([mails[0], replace(mails[1], moment=None)], tmp_path / "out", "maildir")
    found = files(tmp_path / "out")
    names = ["new/0.JTJF9DGH.imctool", f"new/{int(MORNING.timestamp())}.JTJF9DG7.imctool"]
    assert sorted(found) == ["manifest.json", *names]
    assert found[names[1]] == MAIL.replace(b"\r\n", b"\n")
    assert all((tmp_path / "out" / name).is_dir() for name in ("tmp", "new", "cur"))
    box = mailbox.Maildir(tmp_path / "out", create=False)
    assert sorted(one["subject"] for one in box) == ["2", "Contract"]
    told = manifest(tmp_path / "out")
    assert (told["form"], told["line_ends"]) == ("maildir", "lf")
    for one in told["messages"]:
        assert one["sha256"] == sha256(found[one["file"]])
        assert one["text_size"] in {len(MAIL), len(b"Subject: 2\r\n\r\n")}


def test_an_mbox_is_read_by_others(tmp_path: Path) -> None:
    texts = [MAIL, b"Subject: two\r\n\r\n>From me", b""]
    names = ["JTJF9DG7", "JTJF9DGH", "JTJF9DGJ"]
    mails = [spooled(tmp_path, name, text) for name, text in zip(names, texts, strict=True)]
    done = exported(mails, tmp_path / "out", "mbox")
    whole = (tmp_path / "out" / "requeued.mbox").read_bytes()
    entries = [mbox_entry("user@ms.com", MORNING, text) for text in texts]
    assert whole == b"".join(entries)
    box = mailbox.mbox(tmp_path / "out" / "requeued.mbox")
    assert [one["subject"] for one in box] == ["Contract", "two", None]
    box.close()
    for one, entry, text in zip(
        manifest(tmp_path / "out")["messages"], entries, texts, strict=True
    ):
        assert (one["size"], one["sha256"]) == (len(whole), sha256(whole))
        start = one["offset"]
        assert whole[start : start + one["entry_size"]] == entry
        assert (one["entry_sha256"], one["text_sha256"]) == (sha256(entry), sha256(text))
    assert {one.sha256 for one in done.actions} == {sha256(whole)}
    assert "empty" in (done.actions[2].reason or "")


@given(
    text=st.lists(
        st.sampled_from([b"From ", b">", b"\r\n", b"\r", b"\n", b"x"]) | st.binary(max_size=4),
        max_size=12,
    ).map(b"".join),
    filling=st.integers(0, 8),
)
@example(text=b"From \r\n", filling=3)
@settings(deadline=None)
def test_a_text_that_lies_across_blocks_is_copied_as_a_whole_one(text: bytes, filling: int) -> None:
    with TemporaryDirectory() as folder:
        size = WINDOW - len(imcr_envelope()) - filling
        whole = b"x" * (size - 2) + b"\r\n" + text
        mail = spooled(Path(folder), "JTJF9DG7", whole)
        for form, expected in (
            ("eml", whole),
            ("mbox", mbox_entry("user@ms.com", MORNING, whole)),
            ("maildir", whole.replace(b"\r\n", b"\n")),
        ):
            out = Path(folder) / form
            exported([mail], out, form)
            assert (out / manifest(out)["messages"][0]["file"]).read_bytes() == expected


# Names


@pytest.mark.parametrize("form", ["eml", "maildir"])
def test_no_two_messages_have_one_name_in_any_letter_case(tmp_path: Path, form: str) -> None:
    names = ["JTJF9DG7", "jtjf9dg7", "x-2", "X", "x", "con", "a b\u202e"]
    mails = [
        replace(
            spooled(tmp_path, f"file{number}"),
            source=Location(f"{number}/{name}"),
            spool_name=SpoolName.find(name),
        )
        for number, name in enumerate(names)
    ]
    exported(mails, tmp_path / "out", form)
    told = [one["file"] for one in manifest(tmp_path / "out")["messages"]]
    stems = [Path(one).name.removesuffix(".eml").removesuffix(".imctool") for one in told]
    assert [stem.rpartition(".")[2] for stem in stems] == [
        "JTJF9DG7", "JTJF9DG7-2", "x-2", "X", "x-3", "con_", "a_b_",
    ]  # fmt: skip
    assert len(files(tmp_path / "out")) == len(names) + 1


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    mails = [spooled(tmp_path, "JTJF9DG7"), spooled(tmp_path, "JTJF9DGH")]
    for form in ExportForm:
        exported(mails, tmp_path / f"{form}1", form)
        exported(mails, tmp_path / f"{form}2", form)
        assert files(tmp_path / f"{form}1") == files(tmp_path / f"{form}2")


def test_a_naive_moment_is_taken_as_utc(tmp_path: Path) -> None:
    mail = spooled(tmp_path, "JTJF9DG7")
    exported([replace(mail, moment=datetime(1998, 3, 2, 9, 30))], tmp_path / "a", "maildir")
    exported([mail], tmp_path / "b", "maildir")
    assert files(tmp_path / "a") == files(tmp_path / "b")
    exported([replace(mail, moment=datetime(1969, 1, 1))], tmp_path / "c", "maildir")
    assert "new/0.JTJF9DG7.imctool" in files(tmp_path / "c")


# What stands beside them


def test_the_manifest_tells_the_envelope_and_where_it_is_from(tmp_path: Path) -> None:
    people = ["ann@proseware.example", "b\xe9@litware.example", "ann@proseware.example"]
    mail = spooled(tmp_path, "JTJF9DG7", originator="", recipients=people)
    mail = replace(mail, notes=("its fate is unknown",), inferred=("the time",))
    done = exported([mail], tmp_path / "out", "eml")
    (told,) = manifest(tmp_path / "out")["messages"]
    assert (told["originator"], told["recipients"], told["recipient_count"]) == ("", people, 3)
    source = mail.path.read_bytes()
    assert (told["source"], told["source_size"], told["source_sha256"]) == (
        "In/Archive/JTJF9DG7",
        len(source),
        sha256(source),
    )
    assert (told["spool_name"], told["message_id"], told["moment"]) == (
        "JTJF9DG7",
        "<1@proseware.example>",
        "1998-03-02T09:30:00+00:00",
    )
    assert (told["notes"], told["inferred"]) == (["its fate is unknown"], ["the time"])
    assert done.manifest == (tmp_path / "out" / "manifest.json").as_posix()


def test_the_check_is_the_hash_of_the_lines_before_it(tmp_path: Path) -> None:
    exported([spooled(tmp_path, "JTJF9DG7")], tmp_path / "out", "eml")
    lines = (tmp_path / "out" / "manifest.json").read_bytes().splitlines(keepends=True)
    assert manifest(tmp_path / "out")["check"] == sha256(b"".join(lines[:-2]))


def test_no_recipient_is_written_raw(tmp_path: Path) -> None:
    odd = ["\x7f\x1b]0;\x9b\u202e", 'a"b\\c\n@x']
    mail = replace(spooled(tmp_path, "JTJF9DG7"), recipients=lambda: iter(odd))
    exported([mail], tmp_path / "out", "eml")
    assert manifest(tmp_path / "out")["messages"][0]["recipients"] == odd
    raw = (tmp_path / "out" / "manifest.json").read_text("ascii")
    assert raw.replace("\n", "").isprintable()


def test_a_count_that_the_envelope_does_not_bear_out_is_noted(tmp_path: Path) -> None:
    mail = replace(spooled(tmp_path, "JTJF9DG7"), recipient_count=7)
    done = exported([mail], tmp_path / "out", "eml")
    assert done.actions[0].reason == "its envelope lists 1 recipients, and 7 were counted"
    assert manifest(tmp_path / "out")["messages"][0]["recipient_count"] == 1


def test_a_dry_run_tells_the_same_and_writes_nothing(tmp_path: Path) -> None:
    mails = [spooled(tmp_path, "JTJF9DG7"), spooled(tmp_path, "JTJF9DGH", b"Subject: 2\r\n\r\n")]
    for form in ExportForm:
        planned = exported(mails, tmp_path / form, form, dry_run=True)
        assert not (tmp_path / form).exists()
        done = exported(mails, tmp_path / form, form)
        assert planned.mails == done.mails
        assert planned.manifest is None
        assert [replace(one, status=ActionStatus.DONE) for one in planned.actions] == list(
            done.actions
        )


def test_the_evidence_is_not_written(tmp_path: Path) -> None:
    mail = spooled(tmp_path, "JTJF9DG7")
    before = mail.path.read_bytes(), mail.path.stat().st_mtime_ns
    for form in ExportForm:
        exported([mail], tmp_path / form, form)
    assert (mail.path.read_bytes(), mail.path.stat().st_mtime_ns) == before
    assert len(files(tmp_path / "spool")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("form", list(ExportForm))
def test_a_million_recipients_and_a_large_text_take_little_memory(
    tmp_path: Path, form: ExportForm
) -> None:
    mail = spooled(tmp_path, "JTJF9DG7", b"Subject: x\r\n\r\n" + b"0123456789abcd\r\n" * 4_000_000)
    many = replace(
        mail,
        recipients=lambda: (f"somebody{number}@litware.example" for number in range(1_000_000)),
        recipient_count=1_000_000,
    )
    tracemalloc.start()
    try:
        exported([many], tmp_path / "out", form)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 << 20
    told = (tmp_path / "out" / "manifest.json").read_bytes()
    assert told.count(b"@litware.example") == 1_000_000


# What may change or fail on the way


def three_mails(tmp_path: Path) -> list[MailToExport]:
    return [spooled(tmp_path, name) for name in ("JTJF9DG7", "JTJF9DGH", "JTJF9DGJ")]


@pytest.mark.parametrize("form", list(ExportForm))
@pytest.mark.parametrize(
    "change", ["other bytes", "longer", "shorter", "gone", "folder", "envelope", "later"]
)
def test_a_file_that_changed_gives_no_copy_and_the_others_are_made(
    tmp_path: Path, form: ExportForm, change: str
) -> None:
    mails = three_mails(tmp_path)
    path = mails[1].path
    content = path.read_bytes()
    if change == "other bytes":
        path.write_bytes(content[:-1] + b"!")
    elif change == "longer":
        path.write_bytes(content + b"!")
    elif change == "shorter":
        path.write_bytes(content[:-1])
    elif change == "gone":
        path.unlink()
    elif change == "folder":
        path.unlink()
        path.mkdir()
    elif change == "envelope":
        mails[1] = replace(mails[1], text_offset=len(content) + 1)
    else:  # while its recipients are read

        def recipients() -> Iterator[str]:
            yield "a@b"
            path.write_bytes(content)
            os.utime(path, ns=(0, 1))

        mails[1] = replace(mails[1], recipients=recipients)
    done = exported(mails, tmp_path / "out", form)
    assert [str(one.status) for one in done.actions] == ["done", "failed", "done"]
    assert done.actions[1].reason
    assert done.actions[1].target is None
    assert done.undone == 1
    told = manifest(tmp_path / "out")["messages"]
    assert [one["spool_name"] for one in told] == ["JTJF9DG7", "JTJF9DGJ"]
    assert {one["recipient_count"] for one in told} == {1}
    if form is ExportForm.MBOX:
        entry = mbox_entry("user@ms.com", MORNING, MAIL)
        assert (tmp_path / "out" / "requeued.mbox").read_bytes() == entry * 2
    else:
        assert len(files(tmp_path / "out")) == 3


def test_an_entry_that_is_taken_back_leaves_no_bytes_behind(tmp_path: Path) -> None:
    mails = three_mails(tmp_path)
    mails[2].path.write_bytes(mails[2].path.read_bytes()[:-1])
    exported(mails, tmp_path / "out", "mbox")
    entry = mbox_entry("user@ms.com", MORNING, MAIL)
    assert (tmp_path / "out" / "requeued.mbox").read_bytes() == entry * 2
    assert manifest(tmp_path / "out")["messages"][1]["size"] == len(entry) * 2


@pytest.mark.parametrize("form", list(ExportForm))
def test_where_nothing_could_be_copied_nothing_is_left(tmp_path: Path, form: ExportForm) -> None:
    mail = spooled(tmp_path, "JTJF9DG7")
    mail.path.unlink()
    done = exported([mail], tmp_path / "a" / "out", form)
    assert (done.mails, done.manifest, done.problem) == ((), None, None)
    assert not (tmp_path / "a").exists()


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


@pytest.mark.parametrize("form", list(ExportForm))
@pytest.mark.parametrize("number", range(1, 12))
@pytest.mark.parametrize("name", ["fsync", "link"])
def test_an_interrupt_leaves_the_place_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: ExportForm, name: str, number: int
) -> None:
    mails = three_mails(tmp_path)
    out = tmp_path / "a" / "out"
    with monkeypatch.context() as patched:
        calls_of(patched, name, number, KeyboardInterrupt())
        try:
            done = exported(mails, out, form)
        except KeyboardInterrupt:
            assert not (tmp_path / "a").exists()
            exported(mails, out, form)
        else:  # there are no more calls of this
            assert done.undone == 0
    assert len(manifest(out)["messages"]) == 3


@pytest.mark.parametrize("form", list(ExportForm))
@pytest.mark.parametrize("number", range(1, 8))
def test_a_disk_that_is_full_for_a_moment_costs_what_it_hits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: ExportForm, number: int
) -> None:
    calls_of(monkeypatch, "fsync", number, OSError(errno.ENOSPC, "No space left on device"))
    done = exported(three_mails(tmp_path), tmp_path / "out", form)
    failed = [one for one in done.actions if one.undone]
    if done.manifest is not None:
        assert len(manifest(tmp_path / "out")["messages"]) == 3 - len(failed)
    assert all(one.reason and "No space" in one.reason for one in failed)
    assert (done.problem is None) == (done.manifest is not None or len(failed) == 3)
    if form is ExportForm.MBOX:
        assert len(failed) in {0, 3}
    else:
        copies = [name for name in files(tmp_path / "out") if name != "manifest.json"]
        assert len(copies) == 3 - len(failed)


def test_a_file_system_without_hard_links_takes_a_maildir_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = spooled(tmp_path, "JTJF9DG7")
    exported([mail], tmp_path / "a", "maildir")

    def no_link(source: object, target: object) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", no_link)
    exported([mail], tmp_path / "b", "maildir")
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(FileExistsError):
        exported([spooled(tmp_path, "JTJF9DG7")], tmp_path / "out", "eml")
    with pytest.raises(OSError, match="out"):
        exported([], tmp_path / "out" / "under", "eml")


def test_the_manifest_comes_after_all_else_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        done.append(os.path.realpath(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("this system does not tell the path of a descriptor")
    monkeypatch.setattr(os, "fsync", noted)
    exported(three_mails(tmp_path), tmp_path / "a" / "out", "maildir")
    out = os.path.realpath(tmp_path / "a" / "out")
    last = done.index(f"{out}/.manifest.json.imctool-tmp")
    for folder in (out, f"{out}/new", f"{out}/tmp", os.path.dirname(out), str(tmp_path)):
        assert os.path.realpath(folder) in done[:last]
    assert out in done[last:]
