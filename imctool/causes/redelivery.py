"""What a message would do if the server got it again: harm, or only what it did before.

A message with too many recipients, or with content that stops the store, sticks, or is lost on
the builds in the evidence, must not go back as it is. What settings and code pages decide is
only warned of: they may have been mended since.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from imctool.causes.charset_verdicts import verdict
from imctool.causes.server_charsets import ServerCharsets
from imctool.knowledge.builds import versions_of
from imctool.knowledge.charset_outcomes import Harm, Outcome, predicted_outcomes
from imctool.model.charset_check import Standing, Verdict
from imctool.model.finding import Confidence, Finding
from imctool.model.mail import RECIPIENT_LIMIT, Part, SpoolFile
from imctool.model.requeue import Objection, Reason
from imctool.readers.text_samples import digested_messages

STORE_CRASH_ARTICLE = "Q169223"

_HARMS = frozenset({Harm.LOSS, Harm.STUCK, Harm.STORE_CRASH})
_BAD_LABELS = frozenset({Verdict.EMPTY_LABEL, Verdict.UNKNOWN_LABEL, Verdict.NOT_INSTALLED})


@dataclass(frozen=True, slots=True)
class Explained:
    """What the findings say of one message: the articles, and notes that tell what to mend."""

    articles: tuple[str, ...] = ()
    objections: tuple[Objection, ...] = ()
    warnings: tuple[str, ...] = ()


def explained_messages(findings: Iterable[Finding]) -> Mapping[int, Explained]:
    """Return what the findings say, by the messages' numbers."""
    by_number: dict[int, list[Finding]] = defaultdict(list)
    for finding in findings:
        for message in finding.messages:
            by_number[message.number].append(finding)
    return {number: _explained(listed) for number, listed in by_number.items()}


def _explained(findings: Sequence[Finding]) -> Explained:
    objections = []
    warnings = []
    for one in findings:
        if one.confidence is Confidence.POSSIBLE:
            continue
        if one.article == STORE_CRASH_ARTICLE:
            text = f"{one.title} ({one.article}): it would most probably stop it again"
            objections.append(Objection(Reason.STORE_CRASH, text))
        if one.fix_missing:
            warnings.append(
                f"{one.title} ({one.article}): the build in the evidence lacks the fix "
                f"({one.fixed_in}) and would fail again"
            )
    articles = tuple(dict.fromkeys(one.article for one in findings if one.article))
    return Explained(articles, tuple(objections), tuple(warnings))


class RedeliveryJudge:
    """Judges mails for one server; ``builds`` are those that the evidence names."""

    def __init__(self, charsets: ServerCharsets, builds: Sequence[str]) -> None:
        self._charsets = charsets
        self._builds = tuple(builds)
        self._versions = versions_of(builds)
        self._known: dict[tuple[str, bool, bool], tuple[Verdict, tuple[Outcome, ...]]] = {}

    def objections(self, file: SpoolFile) -> Iterator[Objection]:
        """Yield what the mail would do to this server if it came in again."""
        if file.over_limit:
            yield Objection(
                Reason.OVER_LIMIT,
                f"it has {file.recipient_count} recipients, over {RECIPIENT_LIMIT}: it would be "
                "neither delivered whole nor returned, and sent again at every start (Q272672)",
            )
        told = set()
        for part, label, found, outcomes in self._judged(file):
            for one in outcomes:
                if one.harm in _HARMS and found in _BAD_LABELS and one.id not in told:
                    told.add(one.id)
                    what = f'charset "{label}"' if label.strip() else "a blank charset"
                    yield Objection(
                        Reason.CHARSET,
                        f"part {part.number} has {what} ({', '.join(one.articles)}"
                        f"{self._where(one)}): {' '.join(one.text.split())}",
                    )

    def warnings(self, file: SpoolFile) -> Iterator[str]:
        """Yield what the server would not convert, by the settings in the evidence."""
        labels: dict[str, str] = {}
        for part, label, found, outcomes in self._judged(file):
            if found in {Verdict.UNKNOWN_LABEL, Verdict.NOT_INSTALLED}:
                why = "has no table of it"
                if found is Verdict.UNKNOWN_LABEL:
                    why = "does not know this label"
                labels.setdefault(label.lower(), f'part {part.number} ("{label}": it {why})')
            for one in outcomes:
                if one.harm in _HARMS and found not in _BAD_LABELS:
                    yield f"part {part.number}: {' '.join(one.text.split())} ({one.articles[0]})"
        if labels:
            assumed = " (a default NT 4.0 is assumed)" if self._charsets.assumed else ""
            listed = "; ".join(labels.values())
            yield f"the server{assumed} could not convert {listed}; it may have been mended since"

    def _judged(self, file: SpoolFile) -> Iterator[tuple[Part, str, Verdict, tuple[Outcome, ...]]]:
        """Yield each text part that has a label, with what the server makes of the label."""
        parts = file.skeleton.parts
        digested = digested_messages(parts) if len(parts) > 2 else ()
        for part in parts:
            if part.charset is None:
                continue
            if part.content_type.startswith("text/") or not part.charset.strip():
                key = (part.charset, bool(part.embedded), part.number.startswith(digested))
                if key not in self._known:
                    self._known[key] = self._of_label(*key)
                yield part, part.charset, *self._known[key]

    def _of_label(
        self, label: str, embedded: bool, in_digest: bool
    ) -> tuple[Verdict, tuple[Outcome, ...]]:
        charset = self._charsets.resolve(label)
        installed = None if charset is None else self._charsets.is_installed(charset)
        found = verdict(label, charset, Standing.SAME, installed)
        outcomes = predicted_outcomes(
            str(found),
            label,
            embedded=embedded,
            in_digest=in_digest,
            versions=self._versions,
            builds=self._builds,
        )
        return found, outcomes

    def _where(self, one: Outcome) -> str:
        fixed = f"; mended by {one.fixed_in}" if one.fixed_in else ""
        unknown = "" if self._versions else "; the server's version is not in the evidence"
        return f", on {', '.join(one.versions)}{fixed}{unknown}"
