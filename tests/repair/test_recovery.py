"""What was accepted and lost is rebuilt byte for byte, and what cannot be is said."""

from __future__ import annotations

import hashlib
import json
import mailbox
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from session_log import FORMS, MORNING, LoggedForm, Sent, session, sessions

from imctool.ledger.ledger import build_ledger
from imctool.model.action import ActionKind, ActionStatus
from imctool.model.message import Fate
from imctool.model.recovery import MessageForm, Recovery
from imctool.model.smtp import Transaction
from imctool.readers.collection import collect
from imctool.readers.local_time import DateOrder
from imctool.repair import log_texts, recovery
from imctool.repair.log_texts import CONVERTED, CUT, NULS, protocol_logs, read_texts
from imctool.repair.recovery import Target, plan_recovery, recover

MAIL = b"Message-ID: <1@proseware.example>\r\nSubject: Contract\r\n\r\nIn the post.\r\n"
LINES = FORMS[-2]


def rebuilt(
    evidence: Path,
    folder: Path,
    *,
    every: bool = True,
    form: MessageForm = MessageForm.EML,
    dry_run: bool = False,
    between: Callable[[], None] = lambda: None,
    zone: tzinfo | None = None,
) -> Recovery:
    """Recover from a folder of evidence; ``between`` happens after it was read the first time."""
    collection = collect([evidence])
    ledger = build_ledger(collection, zone)
    plan = plan_recovery(ledger.messages, every=every)
    between()
    texts = read_texts(plan.candidates, collection, None)
    target = Target(folder, str(folder), form, dry_run)
    return recover(plan, texts, target, ledger.clock, protocol_logs(collection))


def logged(tmp_path: Path, log: bytes, name: str = "L0000000.LOG") -> Path:
    folder = tmp_path / "evidence"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(log)
    return folder


def contents(folder: Path, suffix: str = ".eml") -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob(f"*{suffix}"))]


def manifest(folder: Path) -> dict[str, object]:
    return json.loads((folder / "manifest.json").read_text("ascii"))  # type: ignore[no-any-return]


# Byte for byte

_BYTES = [
    b".",
    b"..",
    b"\n",
    b"\r",
    b"\r\n",
    b"\r\n.",
    b"",
    b"\xe9\xff",
    b"x" * 1500,
    b"IO: |",
    b"a ",
]
_MESSAGE = st.lists(st.sampled_from(_BYTES) | st.binary(max_size=12), max_size=25).map(b"".join)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS, ids=str)
@settings(max_examples=25, deadline=None)
@given(texts=st.lists(_MESSAGE, min_size=1, max_size=3))
@example(texts=[b".\r\n"])
@example(texts=[b""])
@example(texts=[b"Subject: x\r\n\r\n..\r\n.\r\n\xff" + b"long" * 700, b"\r\n\r\n"])
def test_any_message_is_rebuilt_as_it_was_transmitted(form: LoggedForm, texts: list[bytes]) -> None:
    # SMTP can only transmit whole lines, so a text without a last line end gets one on the wire.
    sent = [one if not one or one.endswith(b"\r\n") else one + b"\r\n" for one in texts]
    if form.packet_size is None:
        # A first line that begins like a packet cannot be told from one.
        assume(not any(one.startswith(b"IO: |") for one in sent))
    with TemporaryDirectory() as folder:
        evidence = logged(Path(folder), sessions(sent, form))
        done = rebuilt(evidence, Path(folder) / "out")
        assert contents(Path(folder) / "out") == sent
        assert [one.text_size for one in done.messages] == [len(one) for one in sent]
        hashes = [hashlib.sha256(one).hexdigest() for one in sent]
        assert [one.sha256 for one in done.actions] == hashes


# Which messages


@pytest.mark.parametrize(("name", "count"), [("q157684", 1), ("q157693", 3), ("q174036", 0)])
def test_the_lost_messages_of_a_story_are_rebuilt(
    story: Callable[[str], Path], tmp_path: Path, name: str, count: int
) -> None:
    evidence = story(name)
    expected = json.loads((tmp_path / "expected.json").read_text())
    done = rebuilt(evidence, tmp_path / "out", every=False)
    lost = [one for finding in expected["findings"] for one in finding["message_ids"]]
    assert [one.message_id for one in done.messages] == lost
    assert {one.fate for one in done.messages} <= {Fate.LOST}
    assert all(one.complete for one in done.messages)
    assert len(contents(tmp_path / "out")) == count
    for text, message in zip(contents(tmp_path / "out"), done.messages, strict=True):
        assert f"Message-ID: {message.message_id}\r\n".encode() in text
        assert hashlib.sha256(text).hexdigest() == message.sha256


def test_delivered_messages_are_left_alone_unless_all_are_asked_for(
    story: Callable[[str], Path], tmp_path: Path
) -> None:
    evidence = story("q157684")
    every = rebuilt(evidence, tmp_path / "all").messages
    assert [one.fate for one in every] == [Fate.DELIVERED, Fate.LOST, Fate.DELIVERED]
    assert "twice" in every[0].notes[0]
    assert every[1].notes == ()
    assert len(rebuilt(evidence, tmp_path / "lost", every=False).messages) == 1


def test_what_may_be_lost_is_counted_and_not_rebuilt(tmp_path: Path) -> None:
    evidence = logged(tmp_path, sessions([MAIL, MAIL], LINES))
    done = rebuilt(evidence, tmp_path / "out", every=False)
    assert (done.messages, done.actions, done.uncertain, done.manifest) == ((), (), 2, None)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_refused_or_broken_session_brings_no_message(tmp_path: Path) -> None:
    refused = session(Sent(MAIL, reply="554 No"), LINES)
    broken = session(Sent(MAIL), LINES).split(b">>> 250 OK\r\n")
    evidence = logged(tmp_path, refused + b">>> 250 OK\r\n".join(broken[:-1]))
    assert rebuilt(evidence, tmp_path / "out").messages == ()


def test_a_copy_of_the_log_gives_no_second_copy_of_the_mail(tmp_path: Path) -> None:
    log = sessions([MAIL], LINES)
    logged(tmp_path, log, "copy.txt")
    done = rebuilt(logged(tmp_path, log), tmp_path / "out")
    assert len(done.messages) == 1
    assert contents(tmp_path / "out") == [MAIL]


def test_a_lost_message_without_a_logged_text_is_told(
    story: Callable[[str], Path], tmp_path: Path
) -> None:
    evidence = story("q157684")
    log = evidence / "Exchsrvr/Imcdata/Log/L0000000.LOG"
    medium = [line for line in log.read_bytes().splitlines(keepends=True) if b"IO: |" not in line]
    log.write_bytes(b"".join(medium))
    zone = timezone(timedelta(hours=-6))  # without texts no Message-ID tells the clock
    done = rebuilt(evidence, tmp_path / "out", every=False, zone=zone)
    assert [(one.kind, one.status) for one in done.actions] == [
        (ActionKind.SKIP, ActionStatus.REFUSED)
    ]
    assert "Maximum" in (done.actions[0].reason or "")
    assert done.undone == 1


def test_another_message_with_the_same_id_is_noted(tmp_path: Path) -> None:
    evidence = logged(tmp_path, sessions([MAIL, MAIL], LINES))
    done = rebuilt(evidence, tmp_path / "out")
    note = "another message with this Message-ID was received; its fate is unknown"
    assert [note in one.notes for one in done.messages] == [True, True]


# What stands beside it


def test_the_manifest_tells_where_a_message_is_from(tmp_path: Path) -> None:
    sent = Sent(MAIL, "ann@proseware.example", ["bob@litware.example", "eve@litware.example"])
    log = session(sent, LINES)
    evidence = logged(tmp_path, log)
    done = rebuilt(evidence, tmp_path / "out")
    told = manifest(tmp_path / "out")
    assert told["logs"] == [
        {"path": "L0000000.LOG", "size": len(log), "sha256": hashlib.sha256(log).hexdigest()}
    ]
    (one,) = told["messages"]  # type: ignore[misc]
    lines = log.split(b"\r\n")
    first, last = one["log"]["line"], one["log"]["last_line"]
    assert b"MAIL FROM" in lines[first - 1]
    assert lines[last - 1].endswith(b">>> 250 OK")
    assert one["file"] == f"0001-L0000000-{first}.eml"
    assert (one["originator"], one["recipients"], one["recipient_count"]) == (
        "ann@proseware.example",
        ["bob@litware.example", "eve@litware.example"],
        2,
    )
    assert (one["started"], one["assumed_zone"]) == ("1997-01-14T09:30:00+00:00", True)
    assert (one["message_id"], one["subject"], one["fate"]) == (
        "<1@proseware.example>",
        "Contract",
        "unknown",
    )
    assert (one["complete"], one["damage"], one["inferred"]) == (True, [], [])
    assert done.manifest == (tmp_path / "out" / "manifest.json").as_posix()


def test_a_spool_name_that_is_known_names_the_file(
    story: Callable[[str], Path], tmp_path: Path
) -> None:
    done = rebuilt(story("q230250"), tmp_path / "out")
    names = [one.file for one in done.messages]
    assert "0001-LA4XGWQ7.eml" in names
    assert all(one.spool_name is None or str(one.spool_name) in one.file for one in done.messages)


def test_the_same_evidence_gives_the_same_bytes(tmp_path: Path) -> None:
    evidence = logged(tmp_path, sessions([MAIL, b"Subject: 2\r\n\r\n"], LINES))
    for name in ("a", "b"):
        rebuilt(evidence, tmp_path / name)
    one, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "ab"
    )
    assert one == other


def test_a_dry_run_tells_the_same_and_writes_nothing(tmp_path: Path) -> None:
    evidence = logged(tmp_path, sessions([MAIL], LINES))
    for form in MessageForm:
        folder = tmp_path / str(form)
        planned = rebuilt(evidence, folder, form=form, dry_run=True)
        assert not folder.exists()
        done = rebuilt(evidence, folder, form=form)
        assert planned.messages == done.messages
        assert [one.status for one in planned.actions] == [ActionStatus.PLANNED]
        assert [replace(one, status=ActionStatus.DONE) for one in planned.actions] == list(
            done.actions
        )


# Other forms


def test_the_pickup_form_carries_the_envelope_of_the_session(tmp_path: Path) -> None:
    text = b"To: somebody else\r\n\r\n.\r\n"
    evidence = logged(tmp_path, session(Sent(text, "", ["bob@litware.example"]), LINES))
    done = rebuilt(evidence, tmp_path / "out", form=MessageForm.PICKUP)
    assert contents(tmp_path / "out", ".pickup") == [
        b"X-Sender: <>\r\nX-Receiver: bob@litware.example\r\nTo: somebody else\r\n\r\n..\r\n"
    ]
    assert done.messages[0].doubled_dots == 1
    assert done.messages[0].text_sha256 == hashlib.sha256(text).hexdigest()
    assert done.messages[0].inferred


def test_a_message_that_pickup_cannot_take_is_refused_and_the_others_are_written(
    tmp_path: Path,
) -> None:
    evidence = logged(tmp_path, sessions([b"X-Receiver: a@b\r\n\r\n", MAIL], LINES))
    done = rebuilt(evidence, tmp_path / "out", form=MessageForm.PICKUP)
    assert [one.status for one in done.actions] == [ActionStatus.REFUSED, ActionStatus.DONE]
    assert len(contents(tmp_path / "out", ".pickup")) == 1


def test_pickup_is_refused_where_not_every_recipient_is_known_by_name(tmp_path: Path) -> None:
    collection = collect([logged(tmp_path, sessions([MAIL], LINES))])
    ledger = build_ledger(collection)
    plan = plan_recovery(ledger.messages, every=True)
    for form, status in (("pickup", ActionStatus.REFUSED), ("eml", ActionStatus.DONE)):
        (found,) = read_texts(plan.candidates, collection, None)
        cut = replace(found, transaction=replace(found.transaction, accepted_count=5))
        target = Target(tmp_path / form, form, MessageForm(form))
        done = recover(plan, [cut], target, ledger.clock, protocol_logs(collection))
        assert done.actions[0].status is status
    assert done.messages[0].notes[-1] == "only 1 of its 5 recipients are known by name"


def test_an_mbox_holds_every_message(tmp_path: Path) -> None:
    texts = [MAIL, b"Subject: two\r\n\r\nFrom me\r\n"]
    evidence = logged(tmp_path, sessions(texts, LINES))
    done = rebuilt(evidence, tmp_path / "out", form=MessageForm.MBOX)
    path = tmp_path / "out" / "recovered.mbox"
    whole = path.read_bytes()
    assert sorted(one.name for one in path.parent.iterdir()) == ["manifest.json", "recovered.mbox"]
    box = mailbox.mbox(path)
    assert [one["subject"] for one in box] == ["Contract", "two"]
    box.close()
    for one, text in zip(done.messages, texts, strict=True):
        assert one.sha256 == hashlib.sha256(whole).hexdigest()
        assert one.text_sha256 == hashlib.sha256(text).hexdigest()
        assert whole[one.offset :].startswith(b"From ann@proseware.example Tue Jan 14 09:3")


# Damage


def test_a_text_that_the_log_of_4_0_cut_is_written_and_said_to_be_damaged(tmp_path: Path) -> None:
    whole = session(Sent(b"Subject: x\r\n\r\n" + b"y" * 3000 + b"\r\n"), FORMS[2])
    entries = re.split(rb"(?m)^(?=1/14/97 )", whole)
    cut = b"".join(entry.removesuffix(b"\r\n")[:1024] + b"\r\n" for entry in entries if entry)
    done = rebuilt(logged(tmp_path, cut), tmp_path / "out")
    assert done.messages[0].damage == (CUT,)
    assert not done.messages[0].complete
    assert done.actions[0].status is ActionStatus.DONE
    assert "Q159290" in (done.actions[0].reason or "")
    assert contents(tmp_path / "out")[0].startswith(b"Subject: x\r\n\r\nyyyy")
    assert (done.damaged, done.undone) == (1, 0)


def test_assumed_line_ends_are_damage(tmp_path: Path) -> None:
    stamp = b"1/14/97 9:30:01 AM : "
    log = session(Sent(b"GAP\r\n"), LINES).replace(
        b"<<< IO: |GAP\r\n" + stamp + b"<<< IO: |.\r\n",
        b"<<< IO: |one\r\ntwo\r\n" + stamp + b"<<< IO: |three\r\n" + stamp + b"<<< IO: |.\r\n",
    )
    done = rebuilt(logged(tmp_path, log), tmp_path / "out")
    assert contents(tmp_path / "out") == [b"one\r\ntwo\r\nthree\r\n"]
    assert "assumed" in done.messages[0].damage[0]


def test_nul_bytes_are_damage_and_converted_line_ends_an_inference(tmp_path: Path) -> None:
    log = sessions([b"Subject: x\r\n\r\n\0\0\r\n"], LINES).replace(b"\r\n", b"\n")
    done = rebuilt(logged(tmp_path, log), tmp_path / "out")
    assert contents(tmp_path / "out") == [b"Subject: x\r\n\r\n\0\0\r\n"]
    assert done.messages[0].damage == (NULS,)
    assert done.messages[0].inferred == (CONVERTED,)


def test_a_text_too_long_for_memory_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_texts, "LONGEST_TEXT", 50)
    evidence = logged(tmp_path, sessions([MAIL, b"Subject: short\r\n\r\n"], LINES))
    done = rebuilt(evidence, tmp_path / "out")
    assert [one.status for one in done.actions] == [ActionStatus.FAILED, ActionStatus.DONE]
    assert "longer than" in (done.actions[0].reason or "")


def test_a_text_longer_than_diagnose_keeps_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"Subject: x\r\n\r\n" + b"..line\r\n" * 400
    read = log_texts.iterate_transactions
    kept: list[int] = []

    def noted(*arguments: object, keep: int, **options: object) -> object:
        kept.append(keep)
        return read(*arguments, keep=keep, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(log_texts, "iterate_transactions", noted)
    monkeypatch.setattr(log_texts, "KEPT_TEXT", 1000)
    rebuilt(logged(tmp_path, sessions([text], LINES)), tmp_path / "out")
    assert contents(tmp_path / "out") == [text]
    assert 1000 < kept[0] < 10_000


# What may change or fail on the way


def test_a_log_that_changed_meanwhile_gives_no_message(tmp_path: Path) -> None:
    evidence = logged(tmp_path, sessions([MAIL, MAIL], LINES))

    def change() -> None:
        logged(tmp_path, sessions([MAIL.replace(b"Contract", b"Compact"), MAIL], LINES))

    done = rebuilt(evidence, tmp_path / "out", between=change)
    assert [one.status for one in done.actions] == [ActionStatus.FAILED, ActionStatus.DONE]
    assert "changed" in (done.actions[0].reason or "")
    assert contents(tmp_path / "out") == [MAIL]


def test_a_log_that_is_gone_gives_a_reason_and_no_manifest(tmp_path: Path) -> None:
    evidence = logged(tmp_path, sessions([MAIL], LINES))
    done = rebuilt(evidence, tmp_path / "out", between=(evidence / "L0000000.LOG").unlink)
    assert done.actions[0].status is ActionStatus.FAILED
    assert "read again" in (done.actions[0].reason or "")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("order", list(DateOrder))
def test_a_log_in_another_date_order_is_found_again(tmp_path: Path, order: DateOrder) -> None:
    """The order may come from other evidence, which the second reading does not know."""
    dates = {DateOrder.MDY: b"2/3/97", DateOrder.DMY: b"3/2/97", DateOrder.YMD: b"97/2/3"}
    log = sessions([MAIL], LINES).replace(b"1/14/97", dates[order])
    collection = collect([logged(tmp_path, log)], date_order=order)
    ledger = build_ledger(collection)
    plan = plan_recovery(ledger.messages, every=True)
    (found,) = read_texts(plan.candidates, collection, None)
    assert (found.text, found.problem) == (MAIL, None)


def failing_at(number: int, error: BaseException) -> Callable[[Path, bytes], None]:
    """A write_new_file that fails at its nth call."""
    calls = 0
    write = recovery.write_new_file

    def fail(path: Path, content: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            raise error
        write(path, content)

    return fail


def three_messages(tmp_path: Path) -> Path:
    texts = [MAIL.replace(b"<1@", f"<{number}@".encode()) for number in range(3)]
    return logged(tmp_path, sessions(texts, LINES))


def test_a_file_that_cannot_be_written_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = OSError(28, "No space left on device")
    monkeypatch.setattr(recovery, "write_new_file", failing_at(2, error))
    done = rebuilt(three_messages(tmp_path), tmp_path / "out")
    assert [str(one.status) for one in done.actions] == ["done", "failed", "done"]
    assert done.actions[1].reason == "cannot be written: No space left on device"
    assert len(manifest(tmp_path / "out")["messages"]) == 2  # type: ignore[arg-type]


def test_a_manifest_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = OSError(28, "No space left on device")
    monkeypatch.setattr(recovery, "write_new_file", failing_at(4, error))
    done = rebuilt(three_messages(tmp_path), tmp_path / "out")
    assert done.manifest is None
    assert done.problem == "manifest.json cannot be written: No space left on device"
    assert len(contents(tmp_path / "out")) == 3


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_an_interrupt_leaves_the_place_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    evidence = three_messages(tmp_path)
    monkeypatch.setattr(recovery, "write_new_file", failing_at(number, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        rebuilt(evidence, tmp_path / "a" / "out")
    assert not (tmp_path / "a").exists()


def test_an_mbox_on_a_full_disk_is_not_there_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    evidence = three_messages(tmp_path)
    monkeypatch.setattr("os.fsync", full)
    done = rebuilt(evidence, tmp_path / "out", form=MessageForm.MBOX)
    assert [str(one.status) for one in done.actions] == ["failed"] * 3
    assert done.messages == ()
    assert list((tmp_path / "out").iterdir()) == []


def test_evidence_text_cannot_choose_a_path(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "CON & $(x);..LOG").write_bytes(sessions([MAIL], LINES))
    done = rebuilt(evidence, tmp_path / "out")
    assert done.messages[0].file.startswith("0001-CON_x_-")


def test_the_evidence_is_not_written(tmp_path: Path) -> None:
    evidence = three_messages(tmp_path)
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in evidence.iterdir()}
    rebuilt(evidence, tmp_path / "out")
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in evidence.iterdir()} == before


def transactions_of(evidence: Path) -> Sequence[Transaction]:
    return list(collect([evidence]).transactions)


def test_sessions_minutes_apart_keep_their_order(tmp_path: Path) -> None:
    late = replace(Sent(b"Subject: late\r\n\r\n"), at=MORNING + timedelta(hours=1))
    logged(tmp_path, session(late, LINES), "L0000000.LOG")
    evidence = logged(tmp_path, session(Sent(MAIL), LINES), "L0000001.LOG")
    assert len(transactions_of(evidence)) == 2
    done = rebuilt(evidence, tmp_path / "out")
    assert [one.subject for one in done.messages] == ["Contract", "late"]
    assert [one.file[:5] for one in done.messages] == ["0001-", "0002-"]
