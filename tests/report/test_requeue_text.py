"""What requeue and undo print: whole, safe, and no wider than the terminal."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from imctool.model.action import Action, ActionKind, ActionStatus
from imctool.model.evidence import Defect, Location
from imctool.model.requeue import Objection, Reason, RequeueItem, RequeuePlan, Via
from imctool.model.spool_name import SpoolName
from imctool.report.requeue_text import print_actions, print_plan

NOON = datetime(2000, 5, 16, 12, tzinfo=UTC)
NASTY = "\x1b[2J\x07\x9b1m\u202e\x00\u200b"
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e]")


def item(number: int = 5, **known: object) -> RequeueItem:
    name = f"MKDWZA{number:02}"
    values: dict[str, object] = {
        "spool_name": name, "originator": "ann@far.example", "recipients": ("me@o.example",),
        "recipient_count": 1, "time": NOON, "subject": "Berth 4", "articles": ("Q230250",),
        **known,
    }  # fmt: skip
    path = f"In/Archive/{name}"
    return RequeueItem(f"Imcdata/{path}", path, None, **values)  # type: ignore[arg-type]


def action(status: ActionStatus, number: int = 5, **known: object) -> Action:
    name = f"MKDWZA{number:02}"
    values: dict[str, object] = {
        "target": f"Imcdata/In/{name}", "spool_name": SpoolName.parse(name), "recipients": 1,
        **known,
    }  # fmt: skip
    kind = ActionKind.SKIP if status is ActionStatus.REFUSED else ActionKind.MOVE
    source = Location(f"Imcdata/In/Archive/{name}")
    return Action(kind, status, source, **values)  # type: ignore[arg-type]


def console(width: int) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False), stream


def plan_text(
    *items: RequeueItem,
    width: int = 80,
    verbose: bool = False,
    notes: Sequence[str] = (),
    defects: Sequence[Defect] = (),
    **more: object,
) -> str:
    plan = RequeuePlan(Via.IN, "/srv/Imcdata", items, **more)  # type: ignore[arg-type]
    shown, stream = console(width)
    print_plan(
        plan,
        shown,
        where="Imcdata/In",
        notes=notes,
        defects=defects,
        mend=lambda one, objection: f"imctool trace /srv {one.name}" if objection.reason else None,
        verbose=verbose,
    )
    return stream.getvalue()


def actions_text(*actions: Action, width: int = 80, **more: object) -> str:
    shown, stream = console(width)
    values: dict[str, object] = {
        "journal": "/srv/Imcdata/imctool/j.jsonl", "next_steps": ["start the service"],
        "notes": [], "verbose": False, "nothing": "Nothing to do.", **more,
    }  # fmt: skip
    print_actions(actions, shown, **values)  # type: ignore[arg-type]
    return stream.getvalue()


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_plan_says_who_gets_what_and_which_article_explains_it() -> None:
    told = words(plan_text(item(recipients=("a@o.example", "b@o.example"), recipient_count=2)))
    assert "1 message to requeue, 0 refused" in told
    assert "/srv/Imcdata" in told
    assert (
        "MKDWZA05 2000-05-16 12:00:00Z from <ann@far.example> to <a@o.example>, <b@o.example>"
        ' "Berth 4" [Q230250]' in told
    )


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"originator": ""}, "from <> to"),
        ({"originator": None}, "from an unknown sender to"),
        ({"recipients": (), "recipient_count": 0}, "to nobody"),
        ({"recipients": ("a@o",) * 9, "recipient_count": 40000}, "and 39995 more"),
        ({"recipients": ("a@o",) * 5, "recipient_count": 5}, '<a@o>, <a@o>, <a@o>, <a@o> "'),
        ({"assumed_zone": True}, "12:00:00? from"),
        ({"time": None}, "MKDWZA05 from"),
        ({"warnings": ("mended since?",)}, "warning: mended since?"),
    ],
)  # fmt: skip
def test_what_is_not_known_or_too_much_is_said(known: dict[str, Any], said: str) -> None:
    assert said in words(plan_text(item(**known)))


def test_a_refusal_has_its_reason_how_to_override_it_and_a_command() -> None:
    held = (Objection(Reason.DELIVERED, "it came"), Objection(None, "its envelope is damaged"))
    told = plan_text(item(objections=held), item(6))
    assert "1 message to requeue, 1 refused" in told
    assert "refused: it came (--force delivered)\n      imctool trace /srv MKDWZA05\n" in told
    assert "refused: its envelope is damaged\n" in told
    assert told.index("To be delivered") < told.index("MKDWZA06") < told.index("Refused")


def test_what_is_left_out_is_said() -> None:
    told = words(
        plan_text(item(), left=3, unknown=2, unnamed=("X",), notes=["a lock was taken over"])
    )
    assert "3 messages left for another run (--max)" in told
    assert "2 files in the archive" in told
    assert "the evidence does not tell" in told
    assert "X" in told
    assert "a lock was taken over" in told


def test_queue_dat_is_warned_of() -> None:
    told = words(plan_text(item(), queue_dat=RequeueItem("Queue.dat", "Queue.dat", None)))
    assert "Queue.dat will be renamed to Queue.old" in told
    assert "delivered twice" in told


def test_a_long_list_is_cut_and_says_so_unless_all_is_wanted() -> None:
    many = [item(number) for number in range(30)]
    told = plan_text(*many)
    assert told.count("<me@o.example>") < 30
    shown = told.count("<me@o.example>")
    assert f"and {30 - shown} more" in told
    assert "-v" in told
    assert plan_text(*many, verbose=True).count("<me@o.example>") == 30


@pytest.mark.parametrize("width", [80, 100, 132])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    crowd = tuple(f"someone.{number}@department.o.example" for number in range(9))
    held = (Objection(Reason.CHARSET, "a word " * 40), Objection(None, "damaged " * 30))
    told = plan_text(
        item(recipients=crowd, recipient_count=9, subject="word " * 50, warnings=("w " * 99,)),
        item(6, objections=held),
        width=width,
        notes=["a note " * 40],
        defects=[Defect(Location("Imcdata/In/x"), "cut short " * 20)],
        unknown=1,
    )
    told += actions_text(
        action(ActionStatus.DONE),
        action(ActionStatus.REFUSED, 6, reason="taken " * 50, target=None),
        action(ActionStatus.FAILED, 7, reason="Permission denied " * 20),
        width=width,
        notes=["a note " * 40],
        next_steps=["start the service " * 20],
    )
    assert max(map(len, told.splitlines())) <= width
    assert told.count("word") == 50 + 40


def test_nothing_unsafe_of_the_evidence_is_printed() -> None:
    nasty = item(
        originator=NASTY, recipients=(NASTY,), subject=NASTY, articles=(NASTY,),
        warnings=(NASTY,), objections=(Objection(None, NASTY),),
    )  # fmt: skip
    told = plan_text(
        nasty, notes=[NASTY], defects=[Defect(Location(NASTY), NASTY)], unnamed=(NASTY,)
    )
    told += actions_text(
        action(ActionStatus.FAILED, reason=NASTY, target=NASTY),
        notes=[NASTY],
        next_steps=[NASTY],
        journal=NASTY,
    )
    assert not UNSAFE.search(told)
    assert told.count("\\x1b[2J\\x07\\x9b1m\\u{202e}\\x00\\u{200b}") >= 8


def test_the_result_counts_what_was_done_refused_and_failed() -> None:
    told = actions_text(
        action(ActionStatus.DONE),
        action(ActionStatus.DONE, 6),
        action(ActionStatus.REFUSED, 7, reason="its envelope is damaged", target=None),
        action(ActionStatus.FAILED, 8, reason="Permission denied"),
    )
    assert "2 done, 1 refused, 1 failed." in told
    assert "MKDWZA05: Imcdata/In/Archive/MKDWZA05 -> Imcdata/In/MKDWZA05" in words(told)
    assert "its envelope is damaged" in told
    assert "Permission denied" in told
    assert "/srv/Imcdata/imctool/j.jsonl" in told
    assert "start the service" in told


def test_a_dry_run_says_that_nothing_was_changed() -> None:
    told = actions_text(action(ActionStatus.PLANNED), journal=None, next_steps=[], dry_run=True)
    assert "1 message would go, 0 refused; nothing was changed." in told
    assert "Journal" not in told


def test_where_nothing_was_to_be_done_that_is_said() -> None:
    assert "Nothing to do." in actions_text(journal=None, next_steps=[])


def test_a_path_is_never_broken() -> None:
    journal = f"/srv/{'a-long-folder/' * 8}journal.jsonl"
    told = actions_text(
        action(ActionStatus.DONE), journal=journal, next_steps=[f"imctool undo {journal}"]
    )
    assert told.count(journal) == 2
