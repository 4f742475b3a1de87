"""A documented cause as data: what it matches, what it means, what mends it.

One TOML file under ``causes/`` holds the causes that share their evidence. A cause has one or
more ``match`` tables, sharpest first; the first one whose conditions all hold for a message
gives the confidence. See docs/developers/causes.md for every key.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from imctool.model.finding import Confidence, Severity
from imctool.model.message import Fate

Condition = dict[str, Any]

CONDITIONS = frozenset(
    {
        "fate", "direction", "observed", "folder", "event", "beside", "data", "recipients_above",
        "registry", "refused_over_limit", "embedded_charset", "embedded_charset_before",
        "has_text", "version", "version_unknown", "header", "declares_charset", "setting_fits",
        "suspected_loss", "site_event", "unnamed_event", "none_of", "any_of",
    }
)  # fmt: skip
"""The conditions that a match may name; imctool/causes/conditions.py tells what each means."""


_ALWAYS_TRUE = frozenset({"observed", "embedded_charset_before", "suspected_loss"})


class KnowledgeError(ValueError):
    """A cause file is wrong; the message names the file and the cause."""


@dataclass(frozen=True, slots=True)
class Match:
    """Conditions that must all hold, and how sure the cause is then.

    ``fate`` and ``severity`` override the cause's own where they are set.
    """

    confidence: Confidence
    conditions: tuple[Condition, ...]
    note: str | None = None
    fate: Fate | None = None
    severity: Severity | None = None

    @property
    def needs(self) -> frozenset[str]:
        """The traits that a message must have: files, events, transactions ..."""
        return frozenset().union(*map(_needed, self.conditions))

    @property
    def events(self) -> tuple[frozenset[int], ...]:
        """For each event that must name the message, the numbers of which it must have one."""
        asked = (one["event"]["id"] for one in self.conditions if "event" in one)
        return tuple(frozenset(ids if isinstance(ids, list) else [ids]) for ids in asked)

    @property
    def fates(self) -> frozenset[str] | None:
        """The fates that a message must have one of, None where any will do."""
        for condition in self.conditions:
            if "fate" in condition:
                return frozenset(condition["fate"])
        return None


_NEEDED = {
    "folder": "files", "recipients_above": "files", "header": "files", "setting_fits": "files",
    "event": "events", "beside": "events", "data": "events", "refused_over_limit": "over-limit",
    "site_event": "site",
}  # fmt: skip
"""The condition on the left cannot hold for a message without the trait on the right; no message
has ``site``: such a condition is asked of the site."""

_MANY = 1000


def _needed(condition: Condition) -> frozenset[str]:
    """Return the traits without which the condition cannot hold."""
    (name, value), *_ = condition.items()
    if name == "any_of":
        each = [_needed(one) for one in value]
        return frozenset.intersection(*each) if each else frozenset()
    if name == "recipients_above" and value >= _MANY:
        return frozenset({"many-recipients"})
    return frozenset({_NEEDED[name]} if name in _NEEDED else ())


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a remedy; ``command`` is a template of this tool's command line or None."""

    text: str
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry. ``group`` names causes that compete for a message, ``rank`` their order.

    A cause is out for a message as soon as one condition of ``unless`` holds.
    """

    article: str | None
    title: str
    group: str
    rank: int
    severity: Severity
    fate: Fate
    versions: tuple[str, ...]
    fixed_in: str | None
    cause: str
    source: str
    unless: tuple[Condition, ...]
    matches: tuple[Match, ...]
    steps: tuple[Step, ...]

    @property
    def counts_recipients(self) -> bool:
        """Whether the number of recipients is what the cause is about."""
        asked = {name for match in self.matches for one in match.conditions for name in one}
        return bool(asked & {"recipients_above", "refused_over_limit"})

    @property
    def key(self) -> tuple[str, str]:
        """What tells causes apart: the article, or the title where there is none."""
        return (self.article or "", self.title)


@cache
def load_causes() -> tuple[Cause, ...]:
    """Return every cause that ships with the program, by group and rank.

    Raises KnowledgeError where a file breaks the schema.
    """
    found: list[Cause] = []
    for entry in resources.files(__package__).joinpath("causes").iterdir():
        if entry.name.endswith(".toml"):
            found.extend(parse_causes(entry.read_text("utf-8"), entry.name))
    return tuple(sorted(found, key=lambda one: (one.group, one.rank, one.key)))


def parse_causes(text: str, file: str) -> list[Cause]:
    """Return the causes of one TOML text; raises KnowledgeError naming ``file``."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise KnowledgeError(f"{file}: {error}") from error
    return [_cause(table, file) for table in tables.get("cause", [])]


_ARTICLE = re.compile(r"Q\d{6}")
_KEYS = {
    "article", "title", "group", "rank", "severity", "fate", "versions", "fixed_in", "cause",
    "source", "unless", "match", "step",
}  # fmt: skip


def _cause(table: dict[str, Any], file: str) -> Cause:
    where = f"{file}: {table.get('article') or table.get('title') or 'a cause without a title'}"
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise KnowledgeError(f"{where}: unknown key {unknown[0]!r}")
    article = table.get("article")
    if article is not None and not _ARTICLE.fullmatch(article):
        raise KnowledgeError(f"{where}: article must be Q and six digits")
    try:
        unless = tuple(table.get("unless", ()))
        for condition in unless:
            _check(condition)
        return Cause(
            article=article,
            title=table["title"],
            group=table["group"],
            rank=table["rank"],
            severity=Severity(table["severity"]),
            fate=Fate(table["fate"]),
            versions=tuple(table.get("versions", ())),
            fixed_in=table.get("fixed_in"),
            cause=table["cause"],
            source=table["source"],
            unless=unless,
            matches=tuple(_match(one) for one in table["match"]),
            steps=tuple(Step(one["text"], one.get("command")) for one in table["step"]),
        )
    except KeyError as error:
        raise KnowledgeError(f"{where}: {error.args[0]!r} is missing") from error
    except ValueError as error:
        raise KnowledgeError(f"{where}: {error}") from error


def _match(table: dict[str, Any]) -> Match:
    conditions = tuple(table["when"])
    for condition in conditions:
        _check(condition)
    fate, severity = table.get("fate"), table.get("severity")
    return Match(
        Confidence(table["confidence"]),
        conditions,
        table.get("note"),
        Fate(fate) if fate else None,
        Severity(severity) if severity else None,
    )


def _check(condition: Condition) -> None:
    if len(condition) != 1:
        raise ValueError(f"a condition has one key, not {len(condition)}")
    (name, value), *_ = condition.items()
    if name not in CONDITIONS:
        raise ValueError(f"unknown condition {name!r}")
    if name in _ALWAYS_TRUE and value is False:
        raise ValueError(f"{name!r} cannot be false: put it under none_of")
    if name in {"none_of", "any_of"}:
        for inner in value:
            _check(inner)
    if isinstance(value, dict) and "text" in value:
        try:
            re.compile(value["text"])
        except re.error as error:
            raise ValueError(f"bad pattern in {name!r}: {error}") from error
