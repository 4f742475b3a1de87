"""What a server does with a text part that it cannot convert, or that is known to do harm.

``charset_outcomes.toml`` has one entry for each fact of the articles: when it holds, in which
versions and builds, and what the recipient and the administrator then see.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from imctool.knowledge.builds import fix_missing, numbers
from imctool.knowledge.charsets import Charset, find_charset, plain_label

FILE = "charset_outcomes.toml"
VERSIONS = ("4.0", "5.0", "5.5")
KINDS = frozenset(
    {
        "ok", "ambiguous", "mislabelled", "undecodable", "unknown-label", "missing-label",
        "empty-label", "not-installed",
    }
)  # fmt: skip
"""The verdicts on a part that an entry may ask for."""


class Harm(StrEnum):
    """What comes of it, worst first."""

    LOSS = "loss"
    STUCK = "stuck"
    STORE_CRASH = "store-crash"
    ARCHIVED = "archived"
    ATTACHMENT = "attachment"
    NOTICE = "notice"
    RAW = "raw"
    WRONG_TEXT = "wrong-text"


class Certainty(StrEnum):
    """Whether an article tells the outcome of just this case, or it is drawn from one."""

    DOCUMENTED = "documented"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One fact: what happens, where, and when. An empty condition holds always.

    ``versions`` are the versions it holds for, ``since`` and ``fixed_in`` the releases that
    brought and mended it, None where none is named. ``replaces`` are the ids of duller entries,
    which it stands for in the versions that it holds for itself.
    """

    id: str
    articles: tuple[str, ...]
    versions: tuple[str, ...]
    harm: Harm
    certainty: Certainty
    text: str
    since: str | None = None
    fixed_in: str | None = None
    kinds: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    code_pages: frozenset[int] = frozenset()
    tables: frozenset[int] = frozenset()
    embedded: bool | None = None
    in_digest: bool | None = None
    replaces: frozenset[str] = frozenset()


def predicted_outcomes(
    kind: str,
    label: str | None,
    *,
    embedded: bool,
    in_digest: bool,
    versions: frozenset[str],
    builds: tuple[str, ...],
) -> tuple[Outcome, ...]:
    """Return what may come of a text part with that verdict and label, worst first.

    ``label`` is as declared, None where there is none. ``versions`` are those the server may be
    (``4.0``, ``5.0``, ``5.5``), empty where it is not known: then each outcome of any version
    is there. What all known ``builds`` of a version have mended, or are too old for, is left out.
    """
    charset = find_charset(label) if label else None
    plain = plain_label(label) if label else ""
    found = {
        one.id: held
        for one in load_outcomes()
        if (not one.kinds or kind in one.kinds)
        and _label_fits(one, plain, charset)
        and one.embedded in (None, embedded)
        and one.in_digest in (None, in_digest)
        and (held := {each for each in one.versions if _holds_in(one, each, versions, builds)})
    }
    outcomes = [one for one in load_outcomes() if one.id in found]
    replaced = {
        other
        for one in outcomes
        for other in one.replaces
        if found.get(other, set()) <= found[one.id]
    }
    return tuple(sorted((one for one in outcomes if one.id not in replaced), key=_order))


def _order(outcome: Outcome) -> tuple[int, bool, str]:
    """The worst first, documented before inferred."""
    return (
        list(Harm).index(outcome.harm),
        outcome.certainty is Certainty.INFERRED,
        outcome.id,
    )


def _label_fits(outcome: Outcome, label: str, charset: Charset | None) -> bool:
    """Whether one of the entry's names or pages is the label's; each kind of condition counts."""
    page = charset.code_page if charset is not None else None
    table = charset.table if charset is not None else None
    return (
        (not outcome.labels or label in outcome.labels)
        and (not outcome.code_pages or page in outcome.code_pages)
        and (not outcome.tables or table in outcome.tables)
    )


def _holds_in(
    outcome: Outcome, version: str, versions: frozenset[str], builds: Iterable[str]
) -> bool:
    """Whether it holds in that version, by the builds of it that the evidence names.

    A build that tells nothing of the fix leaves it standing, as does no build at all.
    """
    if versions and version not in versions:
        return False
    own = [one for one in builds if len(numbers(one)) > 2 and one.startswith(f"{version}.")]
    return not own or any(
        fix_missing(build, outcome.fixed_in) is not False
        and fix_missing(build, outcome.since) is not True
        for build in own
    )


@cache
def load_outcomes() -> tuple[Outcome, ...]:
    """Return every entry that ships with the program, in the order of the file.

    Raises ValueError where the file breaks the schema.
    """
    text = resources.files(__package__).joinpath(FILE).read_text("utf-8")
    return parse_outcomes(text, FILE)


def parse_outcomes(text: str, file: str) -> tuple[Outcome, ...]:
    """Return the entries of one TOML text; raises ValueError naming ``file`` and the entry."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file}: {error}") from error
    found: dict[str, Outcome] = {}
    for table in tables.get("outcome", []):
        where = f"{file}: {table.get('id') or 'an outcome without an id'}"
        try:
            outcome = _outcome(table)
        except KeyError as error:
            raise ValueError(f"{where}: {error.args[0]!r} is missing") from error
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if outcome.id in found:
            raise ValueError(f"{where}: the id stands twice")
        found[outcome.id] = outcome
    for outcome in found.values():
        if unknown := sorted(outcome.replaces - set(found)):
            raise ValueError(f"{file}: {outcome.id}: replaces {unknown[0]!r}, which is not there")
    return tuple(found.values())


_ARTICLE = re.compile(r"Q\d{6}")
_NUMBERS = ("code_pages", "tables")
_TEXTS = ("articles", "versions", "kinds", "labels", "replaces")
_FLAGS = ("embedded", "in_digest")
_WORDS = ("id", "harm", "certainty", "text", "since", "fixed_in")


def _outcome(table: dict[str, Any]) -> Outcome:
    for key, value in table.items():
        _check_type(key, value)
    if wrong := [one for one in table["articles"] if not _ARTICLE.fullmatch(one)]:
        raise ValueError(f"article {wrong[0]!r} is not Q and six digits")
    if wrong := [one for one in table["versions"] if one not in VERSIONS]:
        raise ValueError(f"no such version: {wrong[0]!r}")
    if wrong := [one for one in table.get("kinds", []) if one not in KINDS]:
        raise ValueError(f"no such kind: {wrong[0]!r}")
    if wrong := [one for one in table.get("labels", []) if plain_label(one) != one]:
        raise ValueError(f"label {wrong[0]!r} is not as the tables have it")
    if not table["articles"] or not table["versions"]:
        raise ValueError("articles and versions must not be empty")
    if not set(table) & {"kinds", "labels", "code_pages", "tables"}:
        raise ValueError("an outcome needs kinds, labels, code_pages or tables")
    return Outcome(
        id=table["id"],
        articles=tuple(table["articles"]),
        versions=tuple(table["versions"]),
        harm=Harm(table["harm"]),
        certainty=Certainty(table["certainty"]),
        text=table["text"],
        since=table.get("since"),
        fixed_in=table.get("fixed_in"),
        kinds=frozenset(table.get("kinds", ())),
        labels=frozenset(table.get("labels", ())),
        code_pages=frozenset(table.get("code_pages", ())),
        tables=frozenset(table.get("tables", ())),
        embedded=table.get("embedded"),
        in_digest=table.get("in_digest"),
        replaces=frozenset(table.get("replaces", ())),
    )


def _check_type(key: str, value: object) -> None:
    if key in _FLAGS:
        fits = isinstance(value, bool)
    elif key in _WORDS:
        fits = isinstance(value, str) and bool(value)
    elif key in _NUMBERS or key in _TEXTS:
        kind = int if key in _NUMBERS else str
        fits = isinstance(value, list) and all(type(one) is kind for one in value)
    else:
        raise ValueError(f"unknown key {key!r}")
    if not fits:
        raise ValueError(f"{key!r} has a value of the wrong kind")
