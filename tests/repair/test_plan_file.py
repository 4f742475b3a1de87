"""A plan saved and taken up again: the same plan, or a refusal; never another one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from repository import REPOSITORY

from imctool.model.journal import FileIdentity, SpoolIdentity
from imctool.model.message import Fate
from imctool.model.requeue import Objection, Reason, RequeueItem, RequeuePlan, Via
from imctool.repair.plan_file import PlanError, SavedPlan, load_plan, save_plan

SCHEMA = json.loads((REPOSITORY / "docs/schema/plan-1.json").read_text(encoding="utf-8"))
FILE = FileIdentity("0f" * 32, 7600, 66, 4711, 958_467_600_123_456_789, 7)
ITEM = RequeueItem(
    location="Exchsrvr/Imcdata/In/Archive/MKDWZAR5",
    source="In/Archive/MKDWZAR5",
    file=FILE,
    spool_name="MKDWZAR5",
    originator="",
    recipients=("a@o.example", "Ünal <b@o.example>"),
    recipient_count=2,
    text_offset=388,
    message_id="<1@far.example>",
    subject="Berth \x1b[2J 4 \udcff",
    time=datetime(2000, 5, 16, 13, 12, 33, tzinfo=UTC),
    failed=datetime(2000, 5, 16, 9, 12, 36, 5, tzinfo=timezone(-timedelta(hours=4))),
    assumed_zone=True,
    fate=Fate.ARCHIVED,
    articles=("Q230250", "Q190084"),
    warnings=("mended since?",),
)
HELD = RequeueItem(
    "In/Archive/x", "In/Archive/x", None,
    objections=(Objection(Reason.CHARSET, "blank"), Objection(None, "no spool name")),
)  # fmt: skip
SPOOL = SpoolIdentity("/srv/Imcdata", 66, 12)
PLAN = SavedPlan(
    RequeuePlan(
        Via.IN,
        "/srv/Imcdata",
        (ITEM, HELD),
        left=3,
        unknown=1,
        queue_dat=HELD,
        pickup="PICKUP",
        forced=frozenset({Reason.CHARSET}),
    ),
    SPOOL,
    None,
)

texts = st.text(st.characters(), max_size=9)
names = st.none() | texts
counts = st.integers(0, 1 << 62)
moments = st.none() | st.datetimes(timezones=st.just(UTC))
identities = st.builds(
    FileIdentity, st.text("0123456789abcdef", min_size=64, max_size=64),
    counts, counts, counts, counts, counts,
)  # fmt: skip
file_names = st.text(st.characters(exclude_characters="/\\\0"), min_size=1, max_size=9)
items = st.builds(
    RequeueItem,
    location=texts,
    source=st.builds(
        "{}/{}/{}".format, st.sampled_from(["In", "IN"]), st.just("Archive"), file_names
    ),
    file=st.none() | identities,
    spool_name=st.none() | st.just("MKDWZAR5"),
    originator=names,
    recipients=st.lists(texts, max_size=3).map(tuple),
    recipient_count=counts,
    text_offset=counts,
    message_id=names,
    subject=names,
    time=moments,
    failed=moments,
    assumed_zone=st.booleans(),
    fate=st.sampled_from(Fate),
    articles=st.lists(texts, max_size=2).map(tuple),
    objections=st.lists(
        st.builds(Objection, st.none() | st.sampled_from(Reason), texts), max_size=2
    ).map(tuple),
    warnings=st.lists(texts, max_size=2).map(tuple),
)
plans = st.builds(
    SavedPlan,
    st.builds(
        RequeuePlan,
        via=st.sampled_from(Via),
        imcdata=st.just("/srv/Imcdata"),
        items=st.lists(items, max_size=3).map(tuple),
        left=counts,
        unknown=counts,
        queue_dat=st.none() | items,
        pickup=st.just("Pickup"),
        forced=st.frozensets(st.sampled_from(Reason)),
    ),
    st.just(SPOOL),
    names,
)


def valid(path: Path) -> bool:
    return not list(Draft202012Validator(SCHEMA).iter_errors(json.loads(path.read_bytes())))


def test_a_plan_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    save_plan(PLAN, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == PLAN
    assert valid(tmp_path / "plan.json")


def test_the_schema_knows_every_reason_fate_and_way() -> None:
    item = SCHEMA["$defs"]["item"]["properties"]
    assert set(SCHEMA["$defs"]["reason"]["enum"]) == set(map(str, Reason))
    assert set(item["fate"]["enum"]) == set(map(str, Fate))
    assert set(SCHEMA["properties"]["via"]["enum"]) == set(map(str, Via))


def test_a_plan_is_text_that_a_person_can_read(tmp_path: Path) -> None:
    save_plan(PLAN, tmp_path / "plan.json")
    content = (tmp_path / "plan.json").read_bytes()
    assert content.isascii()
    assert b"\x1b" not in content
    assert b'\n   "recipients": [\n' in content


def test_a_plan_is_never_written_over_another_file(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("mine")
    with pytest.raises(FileExistsError):
        save_plan(PLAN, tmp_path / "plan.json")
    assert (tmp_path / "plan.json").read_text() == "mine"
    assert [one.name for one in tmp_path.iterdir()] == ["plan.json"]


@pytest.mark.parametrize(
    ("of", "to"),
    [
        ("In/Archive/MKDWZAR5", "In/Archive/MKDWZAR6"),
        ("b@o.example", "c@o.example"),
        ('"objections": []', '"objections": [{"reason": null, "text": "x"}]'),
        ('"via": "in"', '"via": "pickup"'),
        ("0f0f", "0f0e"),
        ('"left": 3', '"left": 4'),
        ('"version": "', '"version": "9'),
        ('"check": "', '"check": "0'),
    ],
)
def test_an_edited_plan_is_refused(tmp_path: Path, of: str, to: str) -> None:
    path = tmp_path / "plan.json"
    save_plan(PLAN, path)
    text = path.read_text()
    assert of in text
    path.write_text(text.replace(of, to, 1))
    with pytest.raises(PlanError, match="not as it was saved: make a new plan"):
        load_plan(path)


def test_a_plan_with_a_backslash_in_a_refused_name_comes_back(tmp_path: Path) -> None:
    held = replace(HELD, location="In/Archive/a\\b", source="In/Archive/a\\b")
    saved = replace(PLAN, plan=replace(PLAN.plan, items=(ITEM, held)))
    save_plan(saved, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == saved


@pytest.mark.parametrize("source", ["../In/Archive/x", "In/Archive/../x", "In/x", "/etc/passwd"])
def test_a_plan_leads_nowhere_but_to_the_archive(tmp_path: Path, source: str) -> None:
    plan = replace(PLAN.plan, items=(replace(ITEM, source=source),))
    save_plan(replace(PLAN, plan=plan), tmp_path / "plan.json")
    with pytest.raises(PlanError):
        load_plan(tmp_path / "plan.json")


@pytest.mark.parametrize("line_ends", ["\n", "\r\n"])
def test_a_plan_that_was_only_printed_otherwise_is_the_same(tmp_path: Path, line_ends: str) -> None:
    save_plan(PLAN, tmp_path / "plan.json")
    text = json.dumps(json.loads((tmp_path / "plan.json").read_bytes()), indent=4, sort_keys=True)
    (tmp_path / "other.json").write_text(text, newline=line_ends)
    assert load_plan(tmp_path / "other.json") == PLAN


@pytest.mark.slow
def test_each_bit_of_a_plan_counts(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    save_plan(PLAN, path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        bit = 1 << place % 8
        path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        try:
            assert load_plan(path) == PLAN, place  # one blank for another
        except PlanError:
            continue


@pytest.mark.slow
def test_a_plan_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    save_plan(PLAN, path)
    whole = path.read_bytes()
    for size in range(len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(PlanError):
            load_plan(path)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\0", b"\xff\xfe", b"[]", b"null", b"7", b'"x"', b"{}",
        b'{"schema": "imctool/plan/1"}',
        b'{"schema": "imctool/plan/2", "check": ""}', b"NaN", b"{" * 50, b"9" * 9999,
        b'{"schema": ["imctool/plan/1"], "check": {}}', b"\xef\xbb\xbf{}",
    ],
)  # fmt: skip
def test_what_is_no_plan_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(PlanError, match=r"plan\.json"):
        load_plan(path)


def test_a_file_of_brackets_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(b"[" * 200_000)
    with pytest.raises(PlanError):
        load_plan(path)


@given(plans)
def test_any_plan_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, one) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    save_plan(one, path)
    assert load_plan(path) == one
    assert valid(path)


@given(st.binary() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner) | st.dictionaries(
        texts | st.sampled_from(["schema", "check", "items", "imcdata"]), inner
    ),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_other_file_is_a_plan_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    path.write_bytes(content)
    with pytest.raises(PlanError):
        load_plan(path)
