"""A check names exactly what is no longer as the manifest says."""

from __future__ import annotations

import hashlib
import json
import os
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_log import FORMS, sessions

from imctool.ledger.ledger import build_ledger
from imctool.model.evidence import Location
from imctool.model.export import DifferenceKind, ExportForm, MailToExport, ManifestCheck
from imctool.model.recovery import MessageForm
from imctool.model.spool_name import SpoolName
from imctool.readers.collection import collect
from imctool.repair.export_files import export_mails
from imctool.repair.log_texts import protocol_logs, read_texts
from imctool.repair.manifest_check import ManifestError, check_manifest
from imctool.repair.recovery import Target, plan_recovery, recover

pytestmark = pytest.mark.slow

TEXTS = {
    "JTJF9DG7": b"Subject: one\r\n\r\nFrom here.\r\n",
    "JTJF9DGH": b"Subject: two\r\n\r\n",
    "JTJF9DGJ": b"Subject: three\r\n\r\n.\r\n",
}


def mail_of(spool: Path, name: str, text: bytes) -> MailToExport:
    path = spool / "In" / "Archive" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"envelope" + text)
    return MailToExport(
        source=Location(f"In/Archive/{name}"),
        path=path,
        text_offset=8,
        size=8 + len(text),
        sha256=hashlib.sha256(b"envelope" + text).hexdigest(),
        spool_name=SpoolName.find(name),
        originator="\xe9@x.example",
        recipients=lambda: iter(["a@x.example", "\xe9\u20ac@x.example"]),
        recipient_count=2,
        moment=datetime(1998, 3, 2, 9, 30, tzinfo=UTC),
    )


def exported(folder: Path, form: str) -> tuple[Path, Path]:
    """Copy three messages; return the manifest and the folder of the spool."""
    spool = folder / "spool"
    mails = [mail_of(spool, name, text) for name, text in TEXTS.items()]
    out = folder / "out"
    done = export_mails(mails, out, str(out), ExportForm(form))
    assert done.undone == 0
    return out / "manifest.json", spool


def recovered(folder: Path, form: str) -> tuple[Path, Path]:
    """Rebuild three messages out of a log; return the manifest and the folder of the log."""
    evidence = folder / "evidence"
    evidence.mkdir()
    (evidence / "L0000000.LOG").write_bytes(sessions(list(TEXTS.values()), FORMS[-2]))
    collection = collect([evidence])
    ledger = build_ledger(collection)
    plan = plan_recovery(ledger.messages, every=True)
    texts = read_texts(plan.candidates, collection, None)
    target = Target(folder / "out", "out", MessageForm(form))
    done = recover(plan, texts, target, ledger.clock, protocol_logs(collection))
    assert (done.undone, len(done.messages)) == (0, 3)
    return folder / "out" / "manifest.json", evidence


Written = Callable[[Path, str], tuple[Path, Path]]
CASES: list[tuple[Written, str]] = [
    *((exported, str(form)) for form in ExportForm),
    *((recovered, str(form)) for form in MessageForm),
]
NAMES = [f"{written.__name__}-{form}" for written, form in CASES]
each_case = pytest.mark.parametrize(("written", "form"), CASES, ids=NAMES)


def told(found: ManifestCheck) -> list[tuple[str, str]]:
    return [(one.path, str(one.what)) for one in found.differences]


def contents(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in found if path.name != "manifest.json")


def name_in(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


# Nothing differs, or exactly one thing


@each_case
def test_what_was_just_written_is_as_its_manifest_says(
    tmp_path: Path, written: Written, form: str
) -> None:
    manifest, evidence = written(tmp_path, form)
    copies = 1 if form == "mbox" else 3
    sources = 3 if written is exported else 1
    alone = check_manifest(manifest)
    assert (alone.checked, alone.differences) == (copies + 1, ())
    files = "1 file of the evidence was" if sources == 1 else "3 files of the evidence were"
    assert alone.notes == (f"{files} not checked",)
    whole = check_manifest(manifest, evidence)
    assert whole == ManifestCheck(copies + 1 + sources)


@each_case
def test_a_file_that_is_gone_or_of_another_size_is_the_one_that_is_named(
    tmp_path: Path, written: Written, form: str
) -> None:
    manifest, evidence = written(tmp_path, form)
    for folder in (manifest.parent, evidence):
        for path in contents(folder):
            content = path.read_bytes()
            path.write_bytes(content + b"x")
            assert told(check_manifest(manifest, evidence)) == [(name_in(folder, path), "size")]
            path.write_bytes(content[:-1])
            assert told(check_manifest(manifest, evidence)) == [(name_in(folder, path), "size")]
            path.unlink()
            assert told(check_manifest(manifest, evidence)) == [(name_in(folder, path), "missing")]
            path.mkdir()
            assert told(check_manifest(manifest, evidence)) == [
                (name_in(folder, path), "unreadable")
            ]
            path.rmdir()
            path.write_bytes(content)
    assert told(check_manifest(manifest, evidence)) == []


def flipped(path: Path, every: int) -> Iterator[int]:
    """Flip a bit of each byte, or of every nth, in turn; give the place; undo it after."""
    content = path.read_bytes()
    for place in range(0, len(content), every):
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        path.write_bytes(changed)
        yield place
    path.write_bytes(content)


@pytest.mark.slow
@each_case
def test_a_flipped_bit_of_a_file_names_that_file(
    tmp_path: Path, written: Written, form: str
) -> None:
    manifest, evidence = written(tmp_path, form)
    for folder in (manifest.parent, evidence):
        for path in contents(folder):
            for place in flipped(path, 1 if folder is manifest.parent else 7):
                found = check_manifest(manifest, evidence)
                assert told(found) == [(name_in(folder, path), "bytes")], place
    assert told(check_manifest(manifest, evidence)) == []


@pytest.mark.slow
@each_case
def test_a_flipped_bit_of_the_manifest_names_the_manifest(
    tmp_path: Path, written: Written, form: str
) -> None:
    manifest, evidence = written(tmp_path, form)
    refused = 0
    for place in flipped(manifest, 1):
        try:
            found = check_manifest(manifest, evidence)
        except ManifestError:
            refused += 1
        else:
            assert told(found) == [("manifest.json", "bytes")], place
    assert 0 < refused < manifest.stat().st_size


@pytest.mark.slow
def test_every_bit_of_a_manifest_counts(tmp_path: Path) -> None:
    manifest, _ = exported(tmp_path, "eml")
    content = manifest.read_bytes()
    for place in range(len(content) - 400, len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            manifest.write_bytes(changed)
            try:
                found = told(check_manifest(manifest))
            except ManifestError:
                continue
            assert found == [("manifest.json", "bytes")], (place, bit)


def test_a_changed_entry_of_an_mbox_is_named_by_its_place(tmp_path: Path) -> None:
    manifest, _ = exported(tmp_path, "mbox")
    path = manifest.with_name("requeued.mbox")
    content = path.read_bytes()
    entries = json.loads(manifest.read_bytes())["messages"]
    for one in entries:
        changed = bytearray(content)
        changed[one["offset"] + one["entry_size"] - 1] ^= 1
        path.write_bytes(changed)
        (found,) = check_manifest(manifest).differences
        assert (found.path, found.what) == ("requeued.mbox", DifferenceKind.BYTES)
        assert f"offset {one['offset']}, of {one['source']}" in found.reason
    changed = bytearray(content)
    for one in entries[1:]:
        changed[one["offset"]] ^= 1
    path.write_bytes(changed)
    assert told(check_manifest(manifest)) == [("requeued.mbox", "bytes")] * 2


def test_a_changed_manifest_is_the_difference_and_the_files_are_notes(tmp_path: Path) -> None:
    manifest, _ = exported(tmp_path, "eml")
    text = manifest.read_text("ascii")
    digest = hashlib.sha256(TEXTS["JTJF9DGH"]).hexdigest()
    manifest.write_text(text.replace(digest, "0" * 64), "ascii")
    found = check_manifest(manifest)
    assert told(found) == [("manifest.json", "bytes")]
    assert any("JTJF9DGH.eml" in note for note in found.notes)
    assert not any("JTJF9DG7.eml" in note for note in found.notes)


def test_line_ends_of_another_system_are_a_change_too(tmp_path: Path) -> None:
    manifest, _ = exported(tmp_path, "eml")
    manifest.write_bytes(manifest.read_bytes().replace(b"\n", b"\r\n"))
    assert told(check_manifest(manifest)) == [("manifest.json", "bytes")]


# Where a path leads


def rewritten(manifest: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a manifest as if it had been written so: its check is right."""
    document = json.loads(manifest.read_bytes())
    change(document)
    document.pop("check", None)
    body = json.dumps(document, indent=1).removesuffix("\n}") + ",\n"
    check = hashlib.sha256(body.encode("ascii")).hexdigest()
    manifest.write_text(f'{body} "check": "{check}"\n}}\n', "ascii", newline="\n")


@pytest.mark.parametrize(
    "path", ["../secret", "/etc/passwd", "new/../../secret", "", "a//b", "./a", "a/", "a\0b"]
)
def test_a_path_that_leads_out_is_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    manifest, _ = exported(tmp_path, "eml")
    (tmp_path / "secret").write_bytes(TEXTS["JTJF9DG7"])

    def change(document: dict[str, Any]) -> None:
        document["messages"][0]["file"] = path

    rewritten(manifest, change)
    opened: list[str] = []
    call = os.open

    def noted(name: Any, *arguments: Any, **options: Any) -> int:
        opened.append(os.fsdecode(name))
        return call(name, *arguments, **options)

    monkeypatch.setattr(os, "open", noted)
    assert told(check_manifest(manifest)) == [(path, "outside")]
    assert not [name for name in opened if name.endswith(("secret", "passwd"))]


@pytest.mark.skipif(os.name == "nt", reason="making a link needs a privilege there")
def test_a_path_through_a_link_is_never_opened(tmp_path: Path) -> None:
    manifest, spool = exported(tmp_path, "maildir")
    path = contents(manifest.parent)[0]
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert told(check_manifest(manifest)) == [(name_in(manifest.parent, path), "outside")]
    path.unlink()
    (tmp_path / "elsewhere").rename(path)
    (manifest.parent / "new").rename(tmp_path / "other")
    (manifest.parent / "new").symlink_to(tmp_path / "other")
    assert {what for _, what in told(check_manifest(manifest))} == {"outside"}
    (spool / "In").rename(tmp_path / "in")
    (spool / "In").symlink_to(tmp_path / "in")
    found = told(check_manifest(manifest, spool))
    assert [what for name, what in found if name.startswith("In/")] == ["outside"] * 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_does_not_stop_it(tmp_path: Path) -> None:
    manifest, _ = exported(tmp_path, "eml")
    path = contents(manifest.parent)[0]
    path.unlink()
    os.mkfifo(path)
    assert told(check_manifest(manifest)) == [(path.name, "unreadable")]


def test_evidence_of_several_paths_is_told_as_not_checked(tmp_path: Path) -> None:
    manifest, spool = exported(tmp_path, "eml")

    def change(document: dict[str, Any]) -> None:
        for one in document["messages"][:2]:
            one["source"] = f"/mnt/spool/{one['source']}"

    rewritten(manifest, change)
    found = check_manifest(manifest, spool)
    assert (found.checked, found.differences) == (5, ())
    assert found.notes == ("2 files of the evidence lie outside the PATH and were not checked",)


def test_the_evidence_may_be_the_file_itself(tmp_path: Path) -> None:
    manifest, evidence = recovered(tmp_path, "eml")
    log = evidence / "L0000000.LOG"
    assert check_manifest(manifest, log).differences == ()
    log.write_bytes(log.read_bytes()[:-1])
    assert told(check_manifest(manifest, log)) == [("L0000000.LOG", "size")]
    with pytest.raises(FileNotFoundError):
        check_manifest(manifest, tmp_path / "nowhere" / "else")


@pytest.mark.skipif(os.name != "posix" or os.uname().sysname == "Darwin", reason="names are text")
def test_a_name_that_is_no_text_is_found_again(tmp_path: Path) -> None:
    manifest, evidence = recovered(tmp_path, "eml")
    os.rename(evidence / "L0000000.LOG", os.fsencode(evidence) + b"/L\xff.LOG")

    def change(document: dict[str, Any]) -> None:
        document["logs"][0]["path"] = "L\\xff.LOG"

    rewritten(manifest, change)
    assert check_manifest(manifest, evidence).differences == ()


# What cannot be relied on


def test_a_manifest_of_an_early_version_has_no_check(tmp_path: Path) -> None:
    manifest, evidence = recovered(tmp_path, "eml")
    document = json.loads(manifest.read_bytes())
    del document["check"]
    manifest.write_text(json.dumps(document, indent=1) + "\n", "ascii")
    found = check_manifest(manifest, evidence)
    assert (found.checked, found.differences) == (4, ())
    assert found.notes == (
        "the manifest has no check of its own: whether it was changed is unknown",
    )


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["messages"][0].pop(name)


def _with(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["messages"][0].update({name: value})


def _top(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.update({name: value})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_without("sha256"), "the key sha256 is missing"),
        (_without("recipients"), "the key recipients is missing"),
        (_with("size", "12"), "where a whole number has to stand"),
        (_with("size", -1), "where a whole number has to stand"),
        (_with("size", True), "where a whole number has to stand"),
        (_with("sha256", "0" * 63), "where a hash has to stand"),
        (_with("sha256", "A" * 64), "where a hash has to stand"),
        (_with("file", 5), "where a text has to stand"),
        (_with("recipients", ["a", 1]), "where a text has to stand"),
        (_with("recipients", ["a"]), "not as many recipients as are counted"),
        (_with("notes", {}), "where [ has to stand"),
        (_with("colour", "red"), "an unknown key, 'colour'"),
        (_with("offset", 0), "only a part of what tells an entry"),
        (_with("file", "JTJF9DGH.eml"), "once more, and not the same"),
        (_top("form", "pickup"), "'pickup' where one of eml, mbox, maildir"),
        (_top("form", "mbox"), "its form is mbox"),
        (_top("schema", "imctool/export/2"), "'imctool/export/2', which this version"),
        (_top("schema", None), "where a text has to stand"),
        (_top("messages", None), "where [ has to stand"),
    ],
)
def test_a_manifest_that_is_none_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    manifest, _ = exported(tmp_path, "eml")
    rewritten(manifest, change)
    with pytest.raises(ManifestError) as refused:
        check_manifest(manifest)
    assert reason in str(refused.value)


def test_entries_that_are_not_the_whole_mbox_are_refused(tmp_path: Path) -> None:
    manifest, _ = exported(tmp_path, "mbox")
    rewritten(manifest, lambda document: document["messages"].pop())
    with pytest.raises(ManifestError, match="not the whole of it"):
        check_manifest(manifest)
    for number, name in enumerate(("offset", "entry_size")):
        manifest, _ = exported(tmp_path / str(number), "mbox")
        rewritten(manifest, _with(name, 1))
        with pytest.raises(ManifestError, match="not the whole of it"):
            check_manifest(manifest)
    manifest, _ = exported(tmp_path / "again", "mbox")
    rewritten(manifest, _top("form", "eml"))
    with pytest.raises(ManifestError, match="its form is eml"):
        check_manifest(manifest)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "line 1: it is cut short"),
        (b"\xff\xfe{", "offset 0: a byte that is not UTF-8"),
        (b"[]", "where { has to stand"),
        (b"{}", "its first key is not its schema"),
        (b'{"messages": []}', "its first key is not its schema"),
        (b'{"schema": "imctool/export/1"}', "the key version is missing"),
        (b'{"schema": "imctool/export/1", "schema": "x"}', "stands there twice"),
        (b'{"schema": "imctool/recovery/1", "form": "eml", "form": "eml"}', "twice"),
        (b'{"schema": "imctool/recovery/1", "logs": [{"path": "a", "path": "b"}]}', "twice"),
        (b'{"schema": "imctool/journal/1"}', "which this version does not know"),
        (b"{" * 100_000, "where"),
        (b"[" * 100_000, "where"),
    ],
)
def test_bytes_that_are_no_manifest_are_refused(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(ManifestError) as refused:
        check_manifest(path)
    assert reason in str(refused.value)


@pytest.mark.slow
@each_case
def test_a_manifest_that_is_cut_is_refused(tmp_path: Path, written: Written, form: str) -> None:
    manifest, _ = written(tmp_path, form)
    content = manifest.read_bytes()
    for size in range(len(content) - 1):  # without its last line end it is JSON still
        manifest.write_bytes(content[:size])
        with pytest.raises(ManifestError, match=r"^manifest\.json: line \d+: "):
            check_manifest(manifest)
    manifest.write_bytes(content[:-1])
    assert told(check_manifest(manifest)) == [("manifest.json", "bytes")]


@given(
    place=st.integers(0, 10_000),
    cut=st.integers(0, 30),
    put=st.binary(max_size=30) | st.sampled_from([b'"', b"{", b"[", b"null", b"1e9", b'\\"']),
)
@settings(deadline=None)
def test_any_change_of_a_manifest_is_seen(place: int, cut: int, put: bytes) -> None:
    with TemporaryDirectory() as folder:
        manifest, _ = exported(Path(folder), "mbox")
        content = manifest.read_bytes()
        place %= len(content)
        changed = content[:place] + put + content[place + cut :]
        manifest.write_bytes(changed)
        try:
            found = told(check_manifest(manifest))
        except ManifestError:
            assert changed != content
            return
        assert found == ([] if changed == content else [("manifest.json", "bytes")])


@pytest.mark.slow
def test_a_million_recipients_take_little_memory(tmp_path: Path) -> None:
    mail = mail_of(tmp_path, "JTJF9DG7", TEXTS["JTJF9DG7"])
    object.__setattr__(
        mail, "recipients", lambda: (f"user{n}@litware.example" for n in range(1_000_000))
    )
    export_mails([mail], tmp_path / "out", "out", ExportForm.EML)
    tracemalloc.start()
    try:
        found = check_manifest(tmp_path / "out" / "manifest.json")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found.checked, found.differences) == (2, ())
    assert peak < 10 << 20
