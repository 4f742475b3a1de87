"""``imctool requeue`` as a user types it: what is selected, refused, asked and told."""

from __future__ import annotations

import json
import os
import random
import re
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from failed_mail import FIRST, FailedMail
from jsonschema import Draft202012Validator
from repository import REPOSITORY
from simulator import inbound
from simulator.artefacts import evidence_of
from simulator.faults import damaged
from simulator.history import History
from simulator.play import play
from simulator.setting import Setting, setting_of

from imctool.cli import exit_status
from imctool.cli.main import program
from imctool.model.mail import RECIPIENT_LIMIT

FIXTURES = REPOSITORY / "fixtures"
ONE, TWO, THREE = "MKDWZAR5", "MKDWZAR6", "MKDWZAR7"
OTHER = "MKDWZAR8"
SAME_ID = "<letter@far.example>"
BLANK = 'text/plain; charset=""'
SIMULATED = range(1)
MANY = range(1, 201)


@pytest.fixture
def site(tmp_path: Path) -> FailedMail:
    return FailedMail(tmp_path / "site")


def run(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(program, list(map(str, arguments)), input=stdin)


def process(*arguments: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "imctool", *map(str, arguments)],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


def plan(path: Path, *options: object, stdin: str | None = None) -> tuple[int, dict[str, Any]]:
    arguments = ("--dry-run", "--format", "json", "--jobs", 1)
    ended = run("requeue", path, *arguments, *options, stdin=stdin)
    return ended.exit_code, json.loads(ended.stdout)


def act(path: Path, *options: object) -> tuple[int, dict[str, Any]]:
    arguments = ("--yes", "--service-stopped", "--format", "json", "--jobs", 1)
    ended = run("requeue", path, *arguments, *options)
    return ended.exit_code, json.loads(ended.stdout)


def names(told: dict[str, Any], status: str) -> list[str]:
    return [one["from"].rpartition("/")[2] for one in told["actions"] if one["status"] == status]


def reasons(told: dict[str, Any]) -> dict[str, str]:
    return {
        one["from"].rpartition("/")[2]: one["reason"]
        for one in told["actions"]
        if one["status"] == "refused"
    }


def valid(document: object, schema: str = "repair-1") -> bool:
    text = (REPOSITORY / f"docs/schema/{schema}.json").read_text(encoding="utf-8")
    return not list(Draft202012Validator(json.loads(text)).iter_errors(document))


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of a folder with its bytes and time."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


# The stories


def test_exactly_the_two_failed_messages_of_q230250_go_back(story: Callable[[str], Path]) -> None:
    evidence = story("q230250")
    spool = evidence / "Exchsrvr/Imcdata/In"
    before = tree(evidence)
    status, told = act(evidence)
    assert status == 0
    assert valid(told)
    assert names(told, "done") == ["LA4XGWQ7", "LA4XGWQ9"]
    assert [path.name for path in (spool / "Archive").iterdir()] == ["LA4XGWQ8"]
    for name in ("LA4XGWQ7", "LA4XGWQ9"):
        held = (spool / name).read_bytes(), (spool / name).stat().st_mtime_ns
        assert held == before.pop(f"Exchsrvr/Imcdata/In/Archive/{name}")
    after = tree(evidence)
    assert {name: after[name] for name in before} == before
    [journal] = set(after) - set(before) - {f"Exchsrvr/Imcdata/In/LA4XGWQ{n}" for n in (7, 9)}
    assert told["journal"] == str(evidence / journal)
    lines = [json.loads(line) for line in after[journal][0].splitlines()]
    assert [one["record"] for one in lines] == [
        "begin", "intent", "intent", "done", "done", "end",
    ]  # fmt: skip
    assert all(valid(one, "journal-1") for one in lines)


@pytest.mark.slow
def test_given_again_there_is_nothing_left_to_do(story: Callable[[str], Path]) -> None:
    evidence = story("q230250")
    act(evidence)
    before = tree(evidence)
    assert act(evidence)[0] == 0
    assert tree(evidence) == before
    ended = run("requeue", evidence, "--yes", "--service-stopped")
    assert "Nothing to requeue" in ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["healthy", "ordinary"])
def test_where_nothing_failed_nothing_is_selected(name: str) -> None:
    status, told = plan(FIXTURES / name / "evidence")
    assert (status, told["actions"]) == (0, [])
    status, told = plan(FIXTURES / name / "evidence", "--all")
    assert names(told, "planned") == []
    assert status == 1
    assert all(
        re.search("fate is delivered|a report on it went out", one)
        for one in reasons(told).values()
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["q157684", "q157693", "q174036", "q272672"])
def test_other_losses_leave_nothing_to_requeue(name: str) -> None:
    status, told = plan(FIXTURES / name / "evidence")
    assert names(told, "planned") == []
    assert status in {0, 1}


# Whole sites whose every fate is known


def known_zone(setting: Setting) -> list[str]:
    return [] if setting.archival else ["--timezone", setting.zone.key]


def fates(history: History) -> dict[str, str]:
    """The true fate of each inbound message by its spool name."""
    return {one.spool_name: one.fate for one in history.truths if one.inbound and one.spool_name}


def check_site(seed: int, folder: Path) -> int:
    """What failed is selected, and nothing else, even of ``--all``; return how many."""
    history = play(setting_of(seed).full())
    path = evidence_of(history).write(folder / "whole")
    true = fates(history)
    failed = sorted(name for name, fate in true.items() if fate == "archived")
    status, told = plan(path, *known_zone(history.setting))
    assert (status, sorted(names(told, "planned"))) == (0, failed)
    assert told["summary"]["refused"] == 0
    unsure = {one.spool_name for one in history.truths if "unknown" in one.also}
    told = plan(path, "--all", *known_zone(history.setting))[1]
    assert set(failed) <= set(names(told, "planned")) <= {*failed, *unsure}
    return len(failed)


def check_part(seed: int, folder: Path) -> None:
    """Whatever evidence is gone, what was not archived as failed is never selected."""
    setting = setting_of(seed)
    history = play(setting.full() if seed % 2 else setting)
    evidence, done = damaged(history, random.Random(f"damage {seed}"))
    path = evidence.write(folder / "part")
    true = fates(history)
    ended = run("requeue", path, "--dry-run", "--format", "json", "--jobs", 1)
    if ended.exit_code == 3:
        assert "no In\\Archive lies under" in ended.stderr
        assert not any(one.lower().endswith("in/archive") for one in evidence.folders)
        return
    going = names(json.loads(ended.stdout), "planned")
    wrong = {name: true.get(name.upper()) for name in going if true.get(name.upper()) != "archived"}
    assert (done, wrong) == (done, {})


def moments(setting: Setting, seed: int, count: int) -> list[datetime]:
    """Moments away from the restarts and the ends, in order."""
    step, found = timedelta(minutes=40), []
    moment = setting.begun + step
    while moment < setting.ended - 2 * step:
        if all(abs(moment - one) > timedelta(minutes=25) for one in setting.restarts):
            found.append(moment)
        moment += step
    return sorted(random.Random(f"moments {seed}").sample(found, count))


def check_repaired(seed: int, folder: Path) -> None:
    """Failed, then sent again by the peer; put back and delivered; put back and failed again."""
    setting = setting_of(seed).full()
    history = play(setting)
    at = moments(setting, seed, 6)
    inbound.archived(history, at[0])
    resent = history.truths[-1]
    again = inbound.letter(
        history, at[1], "resent", "delivered",
        originator=resent.originator, recipients=resent.recipients,
    )  # fmt: skip
    again.message_id, again.wire = resent.message_id, resent.wire
    inbound.taken_over(history, again, inbound.arrive(history, again, at[1]))
    inbound.archived(history, at[2])
    repaired = history.truths[-1]
    inbound.track(history, repaired, at[3], *((1004, 9) if setting.is_4_0 else (1013, 9)))
    if not setting.archival:
        del history.files[f"Exchsrvr/Imcdata/In/Archive/{repaired.spool_name}"]
    inbound.archived(history, at[4])
    twice = history.truths[-1]
    failure = history.events[-1]
    assert twice.spool_name is not None
    history.event(
        at[5], 4117, "Error", strings=failure.strings, text=failure.text, data=failure.data
    )
    path = evidence_of(history).write(folder / "repaired")
    true = fates(history)
    expected = {name for name, fate in true.items() if fate == "archived"}
    told = plan(path, *known_zone(setting))[1]
    going = set(names(told, "planned"))
    assert going == expected - {resent.spool_name, repaired.spool_name}
    assert twice.spool_name in going
    assert str(again.spool_name) in reasons(told)[str(resent.spool_name)]


@pytest.mark.parametrize("seed", SIMULATED)
def test_exactly_what_failed_is_selected_at_a_site(seed: int, tmp_path: Path) -> None:
    check_site(seed, tmp_path)


@pytest.mark.parametrize("seed", SIMULATED)
def test_part_of_the_evidence_selects_nothing_that_did_not_fail(seed: int, tmp_path: Path) -> None:
    check_part(seed, tmp_path)


@pytest.mark.parametrize("seed", SIMULATED)
def test_what_was_repaired_before_is_not_repaired_again(seed: int, tmp_path: Path) -> None:
    check_repaired(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MANY)
def test_many_sites(seed: int, tmp_path: Path) -> None:
    check_site(seed, tmp_path)
    check_part(seed, tmp_path)
    check_repaired(seed, tmp_path)


@pytest.mark.slow
def test_the_sites_have_failed_messages(tmp_path: Path) -> None:
    assert sum(check_site(seed, tmp_path / str(seed)) for seed in range(10)) > 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", MANY[:10])
def test_what_was_planned_of_a_site_is_done_and_taken_back(seed: int, tmp_path: Path) -> None:
    history = play(setting_of(seed).full())
    path = evidence_of(history).write(tmp_path)
    before = tree(path)
    zone = known_zone(history.setting)
    planned = names(plan(path, *zone)[1], "planned")
    assert tree(path) == before
    status, told = act(path, *zone)
    assert (status, names(told, "done")) == (0, planned)
    if not planned:
        assert told["journal"] is None
        return
    assert plan(path, *zone)[1]["actions"] == []
    assert run("undo", told["journal"], "--service-stopped").exit_code == 0
    Path(told["journal"]).unlink()
    assert tree(path) == before


# Selection by options


def three(site: FailedMail) -> Path:
    site.mail(ONE, originator="a@east.example")
    site.mail(TWO, originator="b@west.example", content_type="text/plain; charset=koi8-r")
    site.mail(THREE, failed=False)
    return site.write()


@pytest.mark.parametrize(
    ("options", "selected"),
    [
        ((), [ONE, TWO]),
        (("--cause", "Q230250"), [ONE, TWO]),
        (("--cause", "230250"), [ONE, TWO]),
        (("--cause", "q190084"), []),
        (("--cause", "Q190084", "--cause", "Q230250"), [ONE, TWO]),
        (("--domain", "west.example"), [TWO]),
        (("--domain", "@WEST.example", "--domain", "east.example"), [ONE, TWO]),
        (("--domain", "far.example"), []),
        (("--charset", "KOI8-R"), [TWO]),
        (("--since", "2000-05-16T09:00:30"), [TWO]),
        (("--until", "2000-05-16T09:00:30"), [ONE]),
        (("--since", "2001-01-01"), []),
        (("--spool", THREE), [THREE]),
        (("--spool", THREE.lower(), "--spool", ONE), [ONE, THREE]),
        (("--all",), [ONE, TWO, THREE]),
        (("--all", "--max", "2"), [ONE, TWO]),
    ],
)
def test_options_select(site: FailedMail, options: tuple[str, ...], selected: list[str]) -> None:
    status, told = plan(three(site), *options)
    assert names(told, "planned") == selected
    assert (status, valid(told)) == (0, True)


def test_names_can_come_from_another_program(site: FailedMail) -> None:
    path = three(site)
    status, told = plan(path, "--spool", "-", stdin=f"{THREE}\n{ONE.lower()}\r\n\n")
    assert (status, names(told, "planned")) == (0, [ONE, THREE])


def test_filters_narrow_names_too(site: FailedMail) -> None:
    told = plan(three(site), "--spool", THREE, "--spool", TWO, "--domain", "west.example")[1]
    assert names(told, "planned") == [TWO]


def test_a_name_that_a_filter_leaves_out_is_not_told_as_missing(site: FailedMail) -> None:
    text = run("requeue", three(site), "-n", "--spool", THREE, "--domain", "west.example").stdout
    assert f"no file {THREE} lies" not in text


def test_no_names_from_another_program_select_nothing(site: FailedMail) -> None:
    assert names(plan(three(site), "--spool", "-", stdin="")[1], "planned") == []


def test_a_name_that_is_not_there_is_told_and_the_others_go(site: FailedMail) -> None:
    path = three(site)
    ended = run("requeue", path, "-n", "--spool", ONE, "--spool", "ZZZZZZZZ")
    assert ended.exit_code == 1
    assert "no file ZZZZZZZZ lies in this archive" in ended.stdout
    status, told = act(path, "--spool", ONE, "--spool", "ZZZZZZZZ")
    assert (status, names(told, "done")) == (1, [ONE])


def test_a_name_that_is_not_there_is_told_in_json(site: FailedMail) -> None:
    assert "ZZZZZZZZ" in json.dumps(plan(three(site), "--spool", "ZZZZZZZZ")[1])


@pytest.mark.slow
def test_the_first_few_go_and_the_next_run_takes_the_rest(site: FailedMail) -> None:
    path = three(site)
    status, told = act(path, "--all", "--max", "1")
    assert (status, names(told, "done"), told["summary"]["left"]) == (0, [ONE], 2)
    status, told = act(path, "--all", "--max", "5")
    assert (status, names(told, "done")) == (0, [TWO, THREE])


@pytest.mark.slow
def test_a_rate_holds_each_message_back(site: FailedMail, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("imctool.repair.requeue_run.time.monotonic", lambda: now[0])
    monkeypatch.setattr("imctool.repair.requeue_run.Pace.__init__.__defaults__", (None, sleep))
    assert act(three(site), "--all", "--rate", "30/min")[0] == 0
    assert sum(waits) == pytest.approx(4)


# What is refused, and by what it can be overridden


def test_over_the_recipient_limit_it_is_refused_unless_forced(site: FailedMail) -> None:
    crowd = [f"{number}@o" for number in range(RECIPIENT_LIMIT + 1)]
    site.mail(ONE, recipients=crowd)
    site.mail(TWO, recipients=crowd[1:])
    path = site.write()
    status, told = plan(path)
    assert (status, names(told, "planned")) == (1, [TWO])
    assert "it has 32767 recipients, over 32766" in reasons(told)[ONE]
    assert "Q272672" in reasons(told)[ONE]
    status, told = plan(path, "--force", "over-limit")
    assert (status, names(told, "planned")) == (0, [ONE, TWO])
    assert [one["text"][:7] for one in told["warnings"]] == ["forced:"]
    assert [one["recipients"] for one in told["actions"]] == [32767, 32766]


@pytest.mark.parametrize(
    ("build", "goes"), [("5.5.2650.21", False), ("5.5.2653.13", True), (None, False)]
)
def test_a_blank_charset_goes_by_the_build(tmp_path: Path, build: str | None, goes: bool) -> None:
    site = FailedMail(tmp_path / "site", build)
    site.mail(ONE, content_type=BLANK)
    path = site.write()
    status, told = plan(path)
    assert (status, names(told, "planned")) == ((0, [ONE]) if goes else (1, []))
    if goes:
        return
    assert "Q278320" in reasons(told)[ONE]
    assert ("version is not in the evidence" in reasons(told)[ONE]) is (build is None)
    text = run("requeue", path, "-n").stdout
    assert "(--force charset)" in " ".join(text.split())
    command = re.search(r"^ +imctool (.*)$", text, re.MULTILINE)
    assert command is not None
    assert command[1].startswith(f"charset-check {path}")
    assert names(plan(path, "--force", "charset")[1], "planned") == [ONE]


@pytest.mark.slow
@pytest.mark.parametrize("option", ["delivered", "duplicate"])
def test_forcing_one_reason_leaves_the_others(site: FailedMail, option: str) -> None:
    site.mail(ONE, failed=False, delivered=True)
    site.mail(TWO, message_id=SAME_ID)
    site.mail(THREE, message_id=SAME_ID)
    told = plan(site.write(), "--all", "--force", option)[1]
    more = {"delivered": ONE, "duplicate": THREE}
    assert names(told, "planned") == sorted([TWO, more[option]])


def test_a_charset_the_server_would_not_convert_is_only_warned_of(site: FailedMail) -> None:
    site.mail(ONE, content_type="text/plain; charset=iso-2022-jp")
    path = site.write()
    status, told = plan(path)
    assert (status, names(told, "planned")) == (0, [ONE])
    [warning] = told["warnings"]
    assert warning["from"] == f"Imcdata/In/Archive/{ONE}"
    assert "iso-2022-jp" in warning["text"]
    assert "warning: " in run("requeue", path, "-n").stdout


def test_a_delivered_copy_holds_it_and_trace_would_tell_more(site: FailedMail) -> None:
    site.mail(ONE, message_id=SAME_ID)
    site.mail(TWO, message_id=SAME_ID, failed=False, delivered=True).unlink()
    path = site.write()
    status, told = act(path)
    assert (status, names(told, "done")) == (1, [])
    assert "a copy with the same Message-ID" in reasons(told)[ONE]
    assert site.in_archive(ONE).is_file()
    text = run("requeue", path, "-n").stdout
    assert "(--force delivered)" in " ".join(text.split())
    assert f"imctool trace {path} {ONE}" in text


def test_without_a_tracking_log_it_is_said_that_a_delivery_would_not_show(
    site: FailedMail,
) -> None:
    site.mail(ONE)
    path = site.write()
    (path / "Tracking.log/20000516.log").unlink()
    status, told = plan(path)
    assert (status, names(told, "planned")) == (0, [ONE])
    assert "tracking log" in json.dumps([told["warnings"], told["notes"]])


def test_a_file_that_cannot_go_does_not_keep_the_others(site: FailedMail) -> None:
    damaged = site.mail(ONE)
    content = damaged.read_bytes()
    damaged.write_bytes(content[: content.index(b"EwLs")])
    site.mail(TWO)
    site.mail(THREE)
    (site.imcdata / "In").mkdir(exist_ok=True)
    site.waiting(TWO.lower()).mkdir()
    status, told = act(site.write())
    assert (status, names(told, "done"), names(told, "refused")) == (1, [THREE], [ONE, TWO])
    assert TWO.lower() in reasons(told)[TWO]
    assert damaged.is_file()


def test_the_letters_of_a_name_stay_as_they_are(site: FailedMail) -> None:
    site.mail("JTMRMAQV", file_name="Jtmrmaqv")
    status, told = act(site.write())
    assert (status, told["actions"][0]["spool_name"]) == (0, "JTMRMAQV")
    assert "Jtmrmaqv" in os.listdir(site.imcdata / "In")


@pytest.mark.slow
def test_folders_in_other_letters_are_found_and_named_as_they_are(tmp_path: Path) -> None:
    site = FailedMail(tmp_path / "site", inbound="IN", archive="archive")
    site.mail(ONE)
    status, told = act(site.write())
    assert (status, told["actions"][0]["to"]) == (0, f"Imcdata/IN/{ONE}")
    assert (site.imcdata / "IN" / ONE).is_file()


# Handed over before


def test_put_back_and_archived_again_without_a_new_event_it_stays(site: FailedMail) -> None:
    site.mail(ONE)
    path = site.write()
    act(path)
    site.waiting(ONE).rename(site.in_archive(ONE))
    status, told = plan(path)
    assert (status, names(told, "planned")) == (1, [])
    assert "it was put back into In on" in reasons(told)[ONE]
    assert names(plan(path, "--force", "submitted")[1], "planned") == [ONE]


@pytest.mark.slow
def test_put_back_and_failed_again_since_it_goes(site: FailedMail) -> None:
    site.mail(ONE)
    path = site.write()
    act(path)
    site.waiting(ONE).rename(site.in_archive(ONE))
    site.event_4117(ONE, datetime(2090, 1, 1))
    site.write()
    assert names(plan(path)[1], "planned") == [ONE]


@pytest.mark.slow
def test_given_to_pickup_it_is_not_given_again(site: FailedMail) -> None:
    site.mail(ONE)
    path = site.write()
    (site.imcdata / "Pickup").mkdir()
    assert act(path, "--via", "pickup")[0] == 0
    (site.imcdata / "Pickup" / ONE).unlink()
    for via in ("in", "pickup"):
        status, told = plan(path, "--via", via)
        assert (status, names(told, "planned")) == (1, [])
        assert "it was given to Pickup on" in reasons(told)[ONE]


@pytest.mark.slow
def test_taken_back_it_may_go_again(site: FailedMail) -> None:
    site.mail(ONE)
    path = site.write()
    journal = act(path)[1]["journal"]
    assert run("undo", journal, "--service-stopped").exit_code == 0
    assert names(plan(path)[1], "planned") == [ONE]


# Which spool, and what is none


def two_spools(folder: Path) -> list[FailedMail]:
    sites = [FailedMail(folder / name) for name in ("east", "west")]
    for site, name in zip(sites, (ONE, TWO), strict=True):
        site.mail(name)
        site.write()
    return sites


@pytest.mark.slow
def test_of_several_spools_one_has_to_be_named(tmp_path: Path) -> None:
    east, west = two_spools(tmp_path)
    ended = run("requeue", tmp_path, "-n")
    assert ended.exit_code == 2
    assert "several spools could be meant" in ended.stderr
    assert "--imcdata" in ended.stderr
    status, told = act(tmp_path, "--imcdata", west.imcdata)
    assert (status, names(told, "done")) == (0, [TWO])
    assert told["actions"][0]["from"] == f"west/Imcdata/In/Archive/{TWO}"
    assert east.in_archive(ONE).is_file()
    ended = run("requeue", tmp_path, "-n", "--imcdata", tmp_path)
    assert ended.exit_code == 2
    assert "no Imcdata folder" in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", ["Imcdata/In/Archive", "Imcdata/In", "application.txt", "nowhere"]
)
def test_a_path_that_is_no_spool_is_told(site: FailedMail, place: str) -> None:
    site.mail(ONE)
    ended = run("requeue", site.write() / place, "--yes")
    assert ended.exit_code == 3
    assert "give the Imcdata folder, or one above it" in ended.stderr
    assert site.in_archive(ONE).is_file()


def test_the_imcdata_folder_alone_lacks_the_evidence_and_that_is_said(site: FailedMail) -> None:
    site.mail(ONE)
    site.write()
    status, told = plan(site.imcdata)
    assert (status, told["actions"], told["summary"]["unknown"]) == (0, [], 1)
    text = run("requeue", site.imcdata, "-n").stdout
    assert "the evidence does not tell" in " ".join(text.split())


def test_an_empty_spool_has_nothing_to_requeue(tmp_path: Path) -> None:
    (tmp_path / "Imcdata/In/Archive").mkdir(parents=True)
    ended = run("requeue", tmp_path, "--yes", "--service-stopped")
    assert ended.exit_code == 0
    assert "Nothing to requeue" in ended.stdout
    assert [path.name for path in tmp_path.rglob("*")] == ["Imcdata", "In", "Archive"]


def test_an_archive_that_cannot_be_read_is_no_empty_one(
    site: FailedMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = three(site)
    scandir = os.scandir

    def denied(folder: Any = ".") -> Any:
        if isinstance(folder, str | os.PathLike) and Path(folder).name == "Archive":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", denied)
    ended = run("requeue", path, "-n")
    assert "Imcdata/In/Archive: cannot be read: Permission denied" in ended.stderr
    assert "Nothing to requeue" not in ended.stdout
    assert ended.exit_code == 3


def test_a_failed_message_whose_file_is_empty_is_told_as_not_done(site: FailedMail) -> None:
    site.mail(ONE).write_bytes(b"")
    site.mail(TWO)
    status, told = plan(site.write())
    assert names(told, "planned") == [TWO]
    assert status == 1


@pytest.mark.parametrize(
    "options",
    [
        ("--via", "fax"), ("--via", "smtp"), ("--server", "h"), ("--via", "eml"), ("-o", "x"),
        ("--spool", ONE, "--all"), ("--cause", "Q1"), ("--cause", "x"), ("--max", "0"),
        ("--rate", "0"), ("--rate", "fast"), ("--rate", "-3"), ("--rate", "9999999999999999e9"),
        ("--force", "all"), ("--since", "x"), ("--queue-dat", "rename", "--via", "pickup"),
        ("--apply", "x", "--max", "1"), ("--plan", "a", "--apply", "b"), ("--format", "csv"),
        ("--attempts", "0"), ("--via", "smtp", "a:b:c"), ("--via", "smtp", "h:99999"),
        ("--bogus",),
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_2_and_changes_nothing(
    site: FailedMail, options: tuple[str, ...]
) -> None:
    path = three(site)
    before = tree(path)
    ended = run("requeue", path, "--yes", "--service-stopped", *options)
    assert ended.exit_code == 2
    assert "Error" in ended.stderr
    assert tree(path) == before


@pytest.mark.slow
def test_nothing_is_written_into_the_evidence_beside_the_spool(site: FailedMail) -> None:
    path = three(site)
    for option in ("--plan", "--case"):
        ended = run("requeue", path, "-n", option, path / "Imcdata/file")
        assert ended.exit_code == 2
        assert "lies inside the evidence" in ended.stderr
    assert run("requeue", path, "-n", "--via", "eml", "-o", path / "new").exit_code == 2


# Asking


def test_without_a_terminal_and_without_yes_nothing_is_done(site: FailedMail) -> None:
    path = three(site)
    before = tree(path)
    for stdin in (None, "y\n"):
        ended = run("requeue", path, "--service-stopped", stdin=stdin)
        assert ended.exit_code == 4
        assert "without a terminal to ask on, --yes is needed" in ended.stderr
        assert tree(path) == before


def at_terminal(answer: str | None, *arguments: object) -> tuple[int, str, str]:
    """Run the program with a terminal to answer on; return status, stdout and what it showed.

    The answer None ends it at its question, as a terminal that is closed does.
    """
    import pty

    here, there = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "imctool", *map(str, arguments)],
        cwd=REPOSITORY,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1"},
        stdin=there,
        stdout=subprocess.PIPE,
        stderr=there,
    ) as running:
        os.close(there)
        shown, asked = b"", False
        for _ in range(60):
            if asked and answer is None:
                running.terminate()  # again: one that comes just before the read is not seen
            if not select.select([here], [], [], 0.5)[0]:
                continue
            try:
                piece = os.read(here, 4096)
            except OSError:  # Linux's way to say that the other side is closed
                break
            if not piece:
                break
            shown += piece
            if b"[y/N]" in shown and not asked:
                asked = True
                os.write(here, (answer or "").encode())
        else:
            running.kill()
        assert running.stdout is not None
        output = running.stdout.read()
        status = running.wait(20)
    os.close(here)
    return status, output.decode(), shown.decode()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize(("answer", "done"), [("y\n", True), ("n\n", False), ("\n", False)])
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_person_is_shown_the_plan_and_asked(
    site: FailedMail, answer: str, done: bool, form: str
) -> None:
    path = three(site)
    before = tree(path)
    status, output, shown = at_terminal(
        answer, "requeue", path, "--service-stopped", "--format", form
    )
    assert "Requeue 2 messages? [y/N]" in shown
    listed = output if form == "text" else shown
    assert "To be delivered" in listed
    assert "<b@west.example> to <me@o.example>" in " ".join(listed.split())
    if done:
        assert status == 0
        assert site.waiting(ONE).is_file()
        if form == "json":
            told = json.loads(output)
            assert valid(told)
            assert names(told, "done") == [ONE, TWO]
        else:
            assert "2 done, 0 refused, 0 failed." in output
    else:
        assert status == 4
        assert "nothing was done" in shown
        assert tree(path) == before
        assert form == "text" or output == ""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals of this kind")
def test_a_run_that_is_ended_at_its_question_changes_nothing(site: FailedMail) -> None:
    path = three(site)
    before = tree(path)
    status, _, _ = at_terminal(None, "requeue", path, "--service-stopped")
    assert status == exit_status.SIGNAL + signal.SIGTERM
    assert tree(path) == before


# Queue.dat


def test_queue_dat_is_renamed_on_request_and_undo_takes_it_back(site: FailedMail) -> None:
    path = three(site)
    queue = site.imcdata / "Queue.dat"
    queue.write_bytes(b"queue")
    shown = run("requeue", path, "-n", "--queue-dat", "rename").stdout
    assert "may be delivered twice" in " ".join(shown.split())
    status, told = act(path, "--queue-dat", "rename")
    assert (status, names(told, "done")) == (0, ["Queue.dat", ONE, TWO])
    assert told["actions"][0]["to"] == "Imcdata/Queue.old"
    assert (site.imcdata / "Queue.old").read_bytes() == b"queue"
    assert not queue.exists()
    assert run("undo", told["journal"], "--service-stopped").exit_code == 0
    assert queue.read_bytes() == b"queue"
    assert site.in_archive(ONE).is_file()


def test_queue_dat_is_no_message(site: FailedMail) -> None:
    path = three(site)
    (site.imcdata / "Queue.dat").write_bytes(b"queue")
    assert "2 messages would go" in run("requeue", path, "-n", "--queue-dat", "rename").stdout


@pytest.mark.slow
def test_a_queue_old_that_is_there_stays_and_the_messages_go(site: FailedMail) -> None:
    path = three(site)
    (site.imcdata / "Queue.dat").write_bytes(b"queue")
    (site.imcdata / "QUEUE.OLD").write_bytes(b"older")
    status, told = act(path, "--queue-dat", "rename")
    assert (status, names(told, "done"), list(reasons(told))) == (1, [ONE, TWO], ["Queue.dat"])
    assert (site.imcdata / "QUEUE.OLD").read_bytes() == b"older"
    assert (site.imcdata / "Queue.dat").read_bytes() == b"queue"


# Journals


@pytest.mark.slow
@pytest.mark.parametrize("place", ["outside.jsonl", "site/own.jsonl"])
def test_the_journal_may_be_kept_elsewhere(site: FailedMail, tmp_path: Path, place: str) -> None:
    path, journal = three(site), tmp_path / place
    status, told = act(path, "--journal", journal)
    assert (status, told["journal"]) == (0, str(journal))
    assert journal.is_file()
    assert not list((site.imcdata / "imctool").glob("*.jsonl"))
    assert run("verify", journal).exit_code == 0
    assert run("undo", journal, "--service-stopped").exit_code == 0
    assert site.in_archive(ONE).is_file()
    assert act(path, "--journal", journal)[0] == 0
    assert run("verify", journal).exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("place", ["own.jsonl", "In/MKDWZAR9", "In/Archive/own.jsonl", "Out/x"])
def test_the_journal_may_not_lie_among_the_mail(site: FailedMail, place: str) -> None:
    path = three(site)
    before = tree(path)
    journal = site.imcdata / place
    ended = run("requeue", path, "--yes", "--service-stopped", "--journal", journal)
    assert ended.exit_code == 2
    assert tree(path) == before


@pytest.mark.slow
def test_a_journal_of_another_spool_is_refused(tmp_path: Path) -> None:
    east, west = two_spools(tmp_path)
    journal = act(east.folder)[1]["journal"]
    before = tree(west.folder)
    ended = run("requeue", west.folder, "--yes", "--service-stopped", "--journal", journal)
    assert ended.exit_code == 6
    assert "is the journal of another spool" in ended.stderr
    assert tree(west.folder) == before


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--yes", "--dry-run"])
def test_a_damaged_journal_ends_the_run_before_it_begins(site: FailedMail, option: str) -> None:
    path = three(site)
    journal = Path(act(path, "--max", "1")[1]["journal"])
    content = journal.read_bytes()
    journal.write_bytes(content.replace(b'"size":', b'"size": ', 1))
    before = tree(path)
    ended = run("requeue", path, option, "--service-stopped")
    assert ended.exit_code == 6
    assert f"{journal} line 2, offset" in ended.stderr
    assert "nothing was done" in ended.stderr
    assert tree(path) == before


@pytest.mark.slow
def test_a_file_that_is_no_journal_is_left_alone(site: FailedMail, tmp_path: Path) -> None:
    path, mine = three(site), tmp_path / "mine.txt"
    mine.write_text("my letters\n")
    before = tree(path)
    ended = run("requeue", path, "--yes", "--service-stopped", "--journal", mine)
    assert ended.exit_code == 6
    assert mine.read_text() == "my letters\n"
    assert tree(path) == before


# Plans


def test_a_saved_plan_is_carried_out_as_it_stands(site: FailedMail, tmp_path: Path) -> None:
    path, saved = three(site), tmp_path / "plan.json"
    before = tree(path)
    ended = run("requeue", path, "--domain", "west.example", "--plan", saved)
    assert ended.exit_code == 0
    assert tree(path) == before
    document = json.loads(saved.read_bytes())
    assert valid(document, "plan-1")
    assert [one["spool_name"] for one in document["items"]] == [TWO]
    status, told = act(path, "--apply", saved)
    assert (status, names(told, "done")) == (0, [TWO])
    status, told = act(path, "--apply", saved)
    assert (status, names(told, "done")) == (1, [])


@pytest.mark.slow
def test_an_edited_plan_and_one_of_another_spool_end_with_6(tmp_path: Path) -> None:
    east, west = two_spools(tmp_path)
    saved, edited = tmp_path / "plan.json", tmp_path / "edited.json"
    assert run("requeue", east.folder, "--plan", saved).exit_code == 0
    edited.write_text(saved.read_text().replace(ONE, TWO))
    before = tree(tmp_path)
    for path, file in (
        (east.folder, edited),
        (west.folder, saved),
        (east.folder, east.in_archive(ONE)),
    ):
        ended = run("requeue", path, "--yes", "--service-stopped", "--apply", file)
        assert ended.exit_code == 6
    assert tree(tmp_path) == before


@pytest.mark.slow
def test_a_plan_goes_only_the_way_it_was_made_for(site: FailedMail, tmp_path: Path) -> None:
    path, saved = three(site), tmp_path / "plan.json"
    assert run("requeue", path, "--plan", saved).exit_code == 0
    ended = run("requeue", path, "--apply", saved, "--via", "pickup", "--yes")
    assert ended.exit_code == 2
    assert "--via in" in ended.stderr


def test_a_plan_file_is_never_written_over(site: FailedMail, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    assert run("requeue", three(site), "--plan", tmp_path / "mine").exit_code == 2
    assert (tmp_path / "mine").read_text() == "mine"


# What is told


@pytest.mark.slow
def test_a_dry_run_gives_the_same_bytes_whatever_the_hash_seed(site: FailedMail) -> None:
    path = three(site)
    for form in ("text", "json"):
        options = ("requeue", path, "-n", "--all", "--format", form)
        runs = [process(*options, PYTHONHASHSEED=seed) for seed in ("0", "1", "2")]
        assert {one.returncode for one in runs} == {0}
        assert {one.stderr for one in runs} == {b""}
        assert len({one.stdout for one in runs}) == 1


@pytest.mark.slow
def test_a_pipe_gets_no_colour_and_no_long_line(site: FailedMail) -> None:
    site.mail(ONE, recipients=[f"someone.{n}@department.o.example" for n in range(40)])
    site.mail(TWO, content_type="text/plain; charset=iso-2022-jp", subject="word " * 60)
    site.mail(THREE, failed=False, delivered=True)
    path = site.write()
    for options in (("-n",), ("-n", "--all"), ("--yes", "--service-stopped")):
        ended = process("requeue", path, *options, COLUMNS="80")
        assert b"\x1b" not in ended.stdout
        lines = ended.stdout.decode().splitlines()
        assert all(len(one) <= 100 or str(path) in one for one in lines)  # no path is broken


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("form", ["text", "json"])
def test_no_control_character_of_the_evidence_reaches_the_output(
    site: FailedMail, form: str
) -> None:
    nasty = "\x1b]0;x\x07\x9b2J\u202e"
    site.mail(
        ONE,
        file_name=f"{ONE}\x1b[2J\n\u202e",
        originator="\x1b[31m@far.example",
        recipients=("\x07\x9b@o.example",),
        subject="\x1b[2J \x9b bell\x07",
        message_id="<\x1b[1m@far.example>",
        content_type='text/plain; charset="\x1b[2Jkoi"',
    )
    site.mail(TWO, file_name=f"{nasty}", failed=False)
    path = site.write()
    for options in (
        ("-n", "--all"),
        ("-n", "--spool", nasty),
        ("--all", "--yes", "--service-stopped"),
    ):
        ended = run("requeue", path, "--format", form, *options)
        for text in (ended.stdout, ended.stderr):
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
        if form == "json":
            assert valid(json.loads(ended.stdout))


@pytest.mark.slow
def test_what_comes_next_are_commands_that_work(site: FailedMail, tmp_path: Path) -> None:
    folder = tmp_path / "it's $HOME"
    site = FailedMail(folder)
    site.mail(ONE)
    ended = run("requeue", site.write(), "--yes", "--service-stopped")
    assert ended.exit_code == 0
    text = " ".join(ended.stdout.split())
    assert "event 4117" in text
    words = shlex.split(text[text.index("imctool undo") : text.index(" takes back")])
    assert run(*words[1:], "--service-stopped").exit_code == 0
    assert site.in_archive(ONE).is_file()


def test_quiet_says_nothing_on_stderr(site: FailedMail) -> None:
    site.mail(ONE, content_type=BLANK)
    ended = run("requeue", site.write(), "--dry-run", "-q", "--spool", "X")
    assert ended.stderr == ""


def test_times_are_those_of_the_evidence(site: FailedMail) -> None:
    site.mail(ONE)
    assert f"{FIRST:%Y-%m-%d %H:%M:%S}Z" in run("requeue", site.write(), "-n").stdout
