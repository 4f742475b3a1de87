"""The pages: whole by themselves, nothing executed, nothing fetched, everything escaped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository import REPOSITORY

from imctool.ledger.search import Found, find_messages, parse_key
from imctool.model.diagnosis import Diagnosis, Missing, Server
from imctool.model.direction import Direction
from imctool.model.evidence import Defect, FileCount, Location
from imctool.model.finding import Confidence, Evidence, Finding, RemedyStep, Severity
from imctool.model.message import SETTLED, Fate, Message, Observation, ObservationKind
from imctool.report.diagnosis_html import diagnosis_html
from imctool.report.html_page import escaped, html_page, limited
from imctool.report.trace_documents import Trace
from imctool.report.trace_html import trace_html

FIXTURES = REPOSITORY / "fixtures"
STORIES = sorted(folder.name for folder in FIXTURES.iterdir() if (folder / "evidence").is_dir())
EVIL = "<script>alert(1)</script>\"' onload=x \x1b[31m\u202e & <img src=http://x>"
ALLOWED = frozenset(
    {"html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section"}
    | {"h1", "h2", "h3", "p", "br", "a", "b", "i", "span", "code", "time", "details", "summary"}
    | {"ul", "ol", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td"}
)
EMPTY = {"meta", "br"}


class Page(HTMLParser):
    """Reads a page and holds it to what a report may contain."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, tag
        if tag not in EMPTY:
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in {"src", "srcset", "action", "data"}, name
            if name == "href":
                assert value is not None
                self.links.append(value)
            if name == "id":
                self.ids.append(str(value))
            if name == "style":
                assert re.fullmatch(r"--lanes:\d\.\drem", str(value))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())


def checked(lines: Iterator[str]) -> Page:
    text = "\n".join(lines)
    assert text.startswith("<!DOCTYPE html>")
    assert "default-src 'none'; style-src 'unsafe-inline'" in text.replace("&#x27;", "'")
    assert "<script" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert not set(text) & set("\x1b\u202e\x07")
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert {link for link in page.links if link[1:] not in page.ids or link[0] != "#"} == set()
    return page


def story_trace(diagnosis: Diagnosis, key: str) -> Trace:
    found = find_messages(diagnosis.messages, parse_key(key))
    kept = {one.number for one in found.messages}
    findings = tuple(
        one for one in diagnosis.findings if any(message.number in kept for message in one.messages)
    )
    return Trace(key, found, findings, None, diagnosis.server, diagnosis.files)


class ListedMessages(list[Message]):
    """Messages made by hand, as a diagnosis holds them."""

    def count_fates(self) -> Counter[Fate]:
        return Counter(one.fate for one in self)

    def only(self, numbers: Container[int]) -> ListedMessages:
        return ListedMessages(one for one in self if one.number in numbers)

    def with_problem(self, named: Container[int]) -> ListedMessages:
        return ListedMessages(one for one in self if one.fate not in SETTLED or one.number in named)


def hostile() -> tuple[Message, Finding, Diagnosis]:
    place = Location(EVIL, line=3)
    seen = Observation(None, ObservationKind.EVENT, place, EVIL)
    message = Message(
        Direction.INBOUND, Fate.UNKNOWN, originator=EVIL, message_id=EVIL, mts_id=EVIL,
        observations=(seen,), wanting=(EVIL,), recipient_count=1,
    )  # fmt: skip
    finding = Finding(
        EVIL, EVIL, Severity.ERROR, Confidence.POSSIBLE, EVIL, Fate.UNKNOWN, EVIL, (message,),
        (Evidence(place, None, EVIL),), (RemedyStep(EVIL, EVIL),), 1, (EVIL,),
    )  # fmt: skip
    server = Server(name=EVIL, versions=(EVIL,), time_zone=EVIL, time_zone_source=EVIL)
    diagnosis = Diagnosis(
        (), FileCount(1, 1, 0, 0), server, ListedMessages([message]), (finding,),
        (Missing(EVIL, EVIL),),
        (Defect(place, EVIL),),
    )  # fmt: skip
    return message, finding, diagnosis


def test_a_hostile_diagnosis_is_shown_as_text() -> None:
    page = checked(diagnosis_html(hostile()[2], every_message=True))
    assert page.words.count("<script>alert(1)</script>") >= 12
    assert "\\x1b[31m\\u{202e}" in page.words


def test_a_hostile_trace_is_shown_as_text() -> None:
    message, finding, diagnosis = hostile()
    found = Found(parse_key(EVIL)[0], (message, message))
    page = checked(
        trace_html(
            Trace(
                EVIL, found, (finding,), None, diagnosis.server, diagnosis.files, diagnosis.defects
            )
        )
    )
    assert page.words.count("<script>alert(1)</script>") >= 12


@given(text=st.text(max_size=80))
def test_any_text_stays_text(text: str) -> None:
    page = Page("\n".join(html_page(text, text, [f"<p>{escaped(text)}</p>"])))
    assert set(page.open) == set()
    assert not set(escaped(text)) & set("<>\"'\x00\x1b")


@pytest.mark.parametrize("story", STORIES)
def test_the_page_of_a_story_has_all_that_the_diagnosis_says(
    story: str, diagnosed: Callable[[Path], Diagnosis]
) -> None:
    diagnosis = diagnosed(FIXTURES / story / "evidence")
    page = checked(diagnosis_html(diagnosis, every_message=False))
    for finding in diagnosis.findings:
        assert str(finding.article) in page.words
        for step in finding.remedy:
            assert " ".join(step.text.split()) in page.words
        for one in finding.evidence:
            assert str(one.location) in page.words
    if not diagnosis.findings:
        assert "Nothing wrong found." in page.words
    for missing in diagnosis.missing:
        assert missing.costs in page.words
    every = checked(diagnosis_html(diagnosis, every_message=True))
    for message in diagnosis.messages:
        assert message.name in every.words


@pytest.mark.parametrize("story", STORIES)
def test_the_page_of_a_trace_has_every_step_and_its_place(
    story: str, diagnosed: Callable[[Path], Diagnosis]
) -> None:
    diagnosis = diagnosed(FIXTURES / story / "evidence")
    message = diagnosis.messages[0]
    page = checked(trace_html(story_trace(diagnosis, message.originator or message.name)))
    for seen in message.observations:
        assert " ".join(seen.text.split()) in page.words
        assert str(seen.location) in page.words


def test_a_message_links_to_the_finding_that_explains_it(
    diagnosed: Callable[[Path], Diagnosis],
) -> None:
    diagnosis = diagnosed(FIXTURES / "q230250" / "evidence")
    page = checked(trace_html(story_trace(diagnosis, "LA4XGWQ7")))
    assert page.links == ["#f1"]
    assert "f1" in page.ids
    assert "Remedy" in page.words


def test_a_step_stands_in_the_lane_of_its_source(diagnosed: Callable[[Path], Diagnosis]) -> None:
    diagnosis = diagnosed(FIXTURES / "ordinary" / "evidence")
    text = "\n".join(trace_html(story_trace(diagnosis, "MKDWZAR6")))
    rows = re.findall(r'<tr><td class="time">.*?</tr>', text)
    lanes = [re.findall(r'<td class="lane (\w+)"><i>', row) for row in rows]
    assert lanes[:3] == [["spool"], ["smtp"], ["tracking"]]
    assert ["report"] in lanes
    plain = "\n".join(trace_html(story_trace(diagnosis, "MKDWZAR5")))
    assert 'class="lane report"' not in plain


def test_long_lists_are_folded_and_whole() -> None:
    page = Page("\n".join(limited([f"<b>{number}</b>" for number in range(30)], 12)))
    assert "18 more" in page.words
    assert "29" in page.words
    assert "more" not in Page("\n".join(limited(["a"], 12))).words


def test_what_is_left_out_and_not_compared_is_said(
    diagnosed: Callable[[Path], Diagnosis],
) -> None:
    diagnosis = diagnosed(FIXTURES / "q230250" / "evidence")
    told = story_trace(diagnosis, "nobody@x.example")
    told = replace(told, found=replace(told.found, unsure=2), outside=0)
    words = checked(trace_html(told)).words
    assert "No message of the evidence has it." in words
    assert "2 more messages may have the address" in words
    words = checked(trace_html(replace(told, outside=3))).words
    assert "3 that --since and --until leave out." in words
