"""The findings of a case: each message's rival causes weighed, then one finding per cause."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

from imctool.causes.case import Case
from imctool.causes.conditions import declared_charsets, holds, sender_domain
from imctool.knowledge.builds import fix_missing, numbers
from imctool.knowledge.cause import Cause, Match
from imctool.ledger.entry import Entry
from imctool.model.finding import Confidence, Evidence, Finding, RemedyStep, Severity
from imctool.model.message import Fate, Message

_CONFIDENCE = {one: rank for rank, one in enumerate(Confidence)}
_SEVERITY = {one: rank for rank, one in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Tool:
    """What a remedy's commands may name: the verbs this program has, the PATH arguments."""

    commands: frozenset[str]
    roots: tuple[str, ...]


@dataclass(slots=True)
class _Shown:
    """One cause with all that matched it, its best match first decided by order in the file."""

    cause: Cause
    best: Match
    messages: list[Message] = field(default_factory=list)
    evidence: dict[Evidence, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def add(self, match: Match, message: Message | None, evidence: Iterable[Evidence]) -> None:
        if self.cause.matches.index(match) < self.cause.matches.index(self.best):
            self.best = match
        if message is not None:
            self.messages.append(message)
        self.evidence.update(dict.fromkeys(evidence))
        if match.note:
            self.notes[match.note] = None


def find_causes(
    case: Case, causes: Sequence[Cause], tool: Tool, entries: Iterable[Entry] | None = None
) -> tuple[Finding, ...]:
    """Return the findings in the order that reports show them.

    Within a group of rival causes a message goes to the one with the highest confidence, then
    the lowest rank; a rival that matches too is kept only as possible. ``entries`` are the
    messages asked about, None for all.
    """
    shown: dict[tuple[str, str, bool], _Shown] = {}
    rivals_of = cache(partial(_groups, tuple(causes)))
    messages = case.ledger.messages
    for entry in messages.entries if entries is None else entries:
        if not rivals_of(entry.fate, entry.traits):
            continue
        message = messages.message(entry)
        named = frozenset(event.event_id for event in message.events)
        for rivals in rivals_of(entry.fate, entry.traits, named):
            _weigh(case, message, rivals, shown)
    for rivals in rivals_of(None, frozenset()):
        _weigh(case, None, rivals, shown)
    findings = [_finding(case, one, doubtful, tool) for (*_, doubtful), one in shown.items()]
    return tuple(sorted(findings, key=_order))


def _groups(
    causes: Sequence[Cause],
    fate: Fate | None,
    traits: frozenset[str],
    events: frozenset[int] | None = None,
) -> list[list[Cause]]:
    """Return the groups of rivals that may explain a message of that fate (None: the site).

    ``traits`` are those of the message's entry in the ledger, ``events`` the numbers of the
    events that name it, None where they are not known.
    """
    groups: dict[str, list[Cause]] = defaultdict(list)
    for cause in causes:
        if any(
            (match.fates is None or fate in match.fates)
            and (fate is None or match.needs <= traits)
            and (events is None or all(one & events for one in match.events))
            for match in cause.matches
        ):
            groups[cause.group].append(cause)
    return list(groups.values())


def _weigh(
    case: Case,
    message: Message | None,
    rivals: Sequence[Cause],
    shown: dict[tuple[str, str, bool], _Shown],
) -> None:
    matched = []
    for cause in rivals:
        found = _best_match(case, message, cause)
        if found is not None:
            match, evidence = found
            matched.append((_CONFIDENCE[match.confidence], cause.rank, cause, match, evidence))
    matched.sort(key=lambda one: one[:2])
    for place, (_, _, cause, match, evidence) in enumerate(matched):
        doubtful = place > 0 or match.confidence is Confidence.POSSIBLE
        key = (*cause.key, doubtful)
        if key not in shown:
            shown[key] = _Shown(cause, match)
        shown[key].add(match, message, evidence)


def _best_match(
    case: Case, message: Message | None, cause: Cause
) -> tuple[Match, tuple[Evidence, ...]] | None:
    """Return the first match of the cause that holds, None if none does or it is ruled out."""
    for match in cause.matches:
        evidence = holds(case, message, match.conditions)
        if evidence is not None and (message is not None or evidence):
            ruled_out = any(holds(case, message, [one]) is not None for one in cause.unless)
            return None if ruled_out else (match, evidence)
    return None


def _finding(case: Case, shown: _Shown, doubtful: bool, tool: Tool) -> Finding:
    cause, best = shown.cause, shown.best
    messages = tuple(sorted(shown.messages, key=_message_order))
    counts = [message.recipient_count for message in messages]
    over = cause.counts_recipients
    evidence = sorted(shown.evidence, key=_evidence_order)
    return Finding(
        article=cause.article,
        title=cause.title,
        severity=best.severity or cause.severity,
        confidence=Confidence.POSSIBLE if doubtful else best.confidence,
        cause=cause.cause,
        fate=best.fate or _common_fate(messages) or cause.fate,
        fixed_in=cause.fixed_in,
        messages=messages,
        evidence=tuple(evidence),
        remedy=_remedy(case, cause, messages, tool),
        recipients=max(counts) if over and counts else None,
        notes=(*_version_notes(case, cause), *shown.notes),
        fix_missing=_fix_missing(case, cause),
    )


def _version_notes(case: Case, cause: Cause) -> Iterable[str]:
    known = case.versions()
    if cause.versions and known and not known & set(cause.versions):
        yield (
            f"{cause.article or 'This'} speaks of {', '.join(cause.versions)}; "
            f"the server shows {', '.join(sorted(known))}."
        )


def _fix_missing(case: Case, cause: Cause) -> bool | None:
    """Return whether the newest build that the evidence names lacks the fix."""
    builds = case.ledger.server.versions
    if not builds or case.ledger.server.version_inferred:
        return None
    return fix_missing(max(builds, key=numbers), cause.fixed_in)


def _common_fate(messages: Sequence[Message]) -> Fate | None:
    fates = [message.fate for message in messages]
    return max(sorted(set(fates)), key=fates.count) if fates else None


def _message_order(message: Message) -> tuple[bool, float, str]:
    first = message.first
    return first is None, first.timestamp() if first else 0.0, message.name


def _evidence_order(one: Evidence) -> tuple[bool, float, tuple[str, int, int, int], str]:
    moment = one.time.timestamp() if one.time else 0.0
    return one.time is None, moment, one.location.order, one.text


def _order(finding: Finding) -> tuple[bool, int, int, int, str, str]:
    return (
        finding.confidence is Confidence.POSSIBLE,
        _SEVERITY[finding.severity],
        _CONFIDENCE[finding.confidence],
        -len(finding.messages),
        finding.article or "~",
        finding.title,
    )


def _remedy(
    case: Case, cause: Cause, messages: Sequence[Message], tool: Tool
) -> tuple[RemedyStep, ...]:
    values = _values(messages, cause, tool)
    return tuple(
        RemedyStep(step.text.format_map(values), _command(step.command, values, tool))
        for step in cause.steps
    )


def _command(template: str | None, values: dict[str, str], tool: Tool) -> str | None:
    """Return the command line, None where this version of the program lacks the verb."""
    if template is None or template.split()[0] not in tool.commands:
        return None
    if "{file}" in template and not values["file"]:
        return None
    return "imctool " + template.format_map(values)


def _values(messages: Sequence[Message], cause: Cause, tool: Tool) -> dict[str, str]:
    """Return what a step's text may name: the messages' files, charsets and sender domains."""
    files = [file for message in messages for _, file in message.files]
    labels = sorted({label for file in files for label in declared_charsets(file)})
    domains = sorted({one for message in messages if (one := sender_domain(message))})
    names = [str(one.spool_name) for one in messages if one.spool_name is not None]
    single = len(tool.roots) == 1
    root = tool.roots[0] if tool.roots else "."
    first = files[0].location.path if files else ""
    if single:
        path = root if first == root.rpartition("/")[2] else f"{root.rstrip('/')}/{first}"
    else:
        path = first
    return {
        "article": cause.article or "",
        "names": _listed(names) or "the messages above",
        "charsets": _listed(labels) or "the one found in the message",
        "domains": _listed(domains) or "the sender's domain",
        "root": shlex.quote(root),
        "file": shlex.quote(path) if first else "",
        "count": str(len(messages)),
    }


def _listed(words: Sequence[str], most: int = 5) -> str:
    if len(words) <= most:
        return ", ".join(words)
    return f"{', '.join(words[:most])} and {len(words) - most} more"
