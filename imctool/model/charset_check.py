"""What ``charset-check`` tells: the charset of every text, and what the server should be set to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from imctool.model.evidence import Defect, FileCount, InputKind, Location
from imctool.model.settings import CharacterSets
from imctool.model.spool_name import SpoolName


class Verdict(StrEnum):
    """How a label and the bytes under it agree; of several that hold, the first one stands."""

    EMPTY_LABEL = "empty-label"
    UNKNOWN_LABEL = "unknown-label"
    UNDECODABLE = "undecodable"
    MISLABELLED = "mislabelled"
    NOT_INSTALLED = "not-installed"
    MISSING_LABEL = "missing-label"
    AMBIGUOUS = "ambiguous"
    OK = "ok"


class Standing(StrEnum):
    """What the bytes alone say of a label, whatever the server has."""

    PLAIN = "plain"
    SAME = "same"
    INVALID = "invalid"
    OTHER = "other"
    UNTESTED = "untested"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the bytes of one text are.

    ``detected`` is the charset they are read as, None where nothing can be told; ``confidence``
    the share of such answers that were right when measured (benchmarks/README.md), 1 where a
    rule decides. ``sure`` says that they are enough to go by. ``note`` is what else was seen.
    """

    standing: Standing
    detected: str | None
    confidence: float
    sure: bool = True
    note: str = ""


PLAIN = Judgement(Standing.PLAIN, "US-ASCII", 1.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the server would do with a text, in the versions named.

    ``harm`` is the kind of it: loss, stuck, store-crash, archived, attachment, notice, raw or
    wrong-text. ``documented`` says that an article tells it of just this case.
    """

    text: str
    articles: tuple[str, ...]
    harm: str
    versions: tuple[str, ...]
    fixed_in: str | None = None
    documented: bool = True


@dataclass(frozen=True, slots=True)
class PartCheck:
    """One text part. ``declared`` is None without a label, "" where it is blank.

    ``installed`` says whether the server has the code page that the label needs, None where the
    label names none. ``outcomes`` are what to expect of this part, the worst first.
    """

    part: str
    content_type: str
    declared: str | None
    detected: str | None
    confidence: float
    code_page: int | None
    installed: bool | None
    verdict: Verdict
    outcomes: tuple[Outcome, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class HeaderCheck:
    """Text of one header field, in the message's own header or in that of ``part``."""

    name: str
    part: str
    declared: str | None
    detected: str | None
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One mail: where it lies, who sent it, and each of its texts."""

    location: Location
    spool_name: SpoolName | None
    kind: InputKind
    sender_domain: str | None
    mime: bool
    parts: tuple[PartCheck, ...]
    headers: tuple[HeaderCheck, ...]

    @property
    def worst(self) -> Verdict:
        """The first verdict of the contract's order that any of its texts has."""
        verdicts = [one.verdict for one in self.parts]
        if self.headers:
            verdicts += [one.verdict for one in self.headers]
        return min(verdicts, key=_ORDER.__getitem__, default=Verdict.OK)


_ORDER = {verdict: place for place, verdict in enumerate(Verdict)}


class Basis(StrEnum):
    """What a setting follows from."""

    UNLABELLED = "unlabelled-mail"
    ARCHIVED = "archived-by-4117"


@dataclass(frozen=True, slots=True)
class SettingAdvice:
    """The Character Sets setting to choose for one E-Mail Domain, or for ``Default``.

    A basis is None where the value is only the default. ``files`` counts the mails behind it;
    ``current`` is what the settings in the evidence have now, None where they have no entry.
    """

    domain: str
    mime: str
    non_mime: str
    mime_basis: Basis | None
    non_mime_basis: Basis | None
    reason: str
    files: int
    current: CharacterSets | None = None

    @property
    def changes(self) -> bool | None:
        """Whether the server would have to be set otherwise; None where its settings are unknown.

        Judged by name alone, in any letter case.
        """
        if self.current is None:
            return None
        mine = self.mime.lower(), self.non_mime.lower()
        return mine != (self.current.mime.lower(), self.current.non_mime.lower())


@dataclass(frozen=True, slots=True)
class CodePageAdvice:
    """A code page to install: the labels or settings that need it, and in how many mails."""

    code_page: int
    needed_for: tuple[str, ...]
    files: int
    reason: str


@dataclass(frozen=True, slots=True)
class AliasAdvice:
    """A name to add to the MIME database: ``AliasForCharset`` under it names ``charset``."""

    alias: str
    charset: str
    files: int
    reason: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Labels with a known bad outcome: what happens, and in how many mails they stand."""

    outcome: Outcome
    labels: tuple[str, ...]
    files: int
    examples: tuple[Location, ...]


@dataclass(frozen=True, slots=True)
class CharsetReport:
    """The whole answer of ``charset-check``.

    ``logged`` are mails that only a protocol log holds, and whose texts are or would be trouble.
    ``code_pages`` are those installed; ``code_pages_assumed`` says that no export tells them and
    a fresh NT 4.0 is taken. ``second_opinion`` says whether chardetng was there to be asked.
    ``settings`` are all that the evidence has; ``unaliased`` are unknown labels that no alias can
    mend, with the reason.
    """

    files: Sequence[FileCheck]
    count: FileCount
    versions: tuple[str, ...]
    code_pages: tuple[int, ...]
    code_pages_assumed: bool
    second_opinion: bool
    default: SettingAdvice
    domains: tuple[SettingAdvice, ...]
    install: tuple[CodePageAdvice, ...]
    aliases: tuple[AliasAdvice, ...]
    settings: tuple[CharacterSets, ...]
    unaliased: tuple[tuple[str, str], ...]
    warnings: tuple[Warned, ...]
    notes: tuple[str, ...]
    defects: tuple[Defect, ...]
    logged: Sequence[FileCheck] = ()

    def count_verdicts(self) -> Counter[Verdict]:
        """Return how many texts, parts and headers, have each verdict; in the order of Verdict."""
        mails = (*self.files, *self.logged)
        found = Counter(part.verdict for file in mails for part in file.parts)
        found.update(header.verdict for file in mails for header in file.headers)
        return Counter({verdict: found[verdict] for verdict in Verdict if found[verdict]})

    @property
    def has_problem(self) -> bool:
        """Whether any text is not as it should be, or the server would have to be changed.

        A default that differs from what is set now counts too; where that is not known, only
        domains that need an entry of their own.
        """
        changes = self.default.changes or any(one.changes is not False for one in self.domains)
        advised = changes or self.install or self.aliases or self.unaliased
        mails = (*self.files, *self.logged)
        return bool(advised) or any(file.worst is not Verdict.OK for file in mails)
