"""The verdict on each text, with what this server knows and has installed."""

from __future__ import annotations

from functools import lru_cache

from imctool.causes.charset_evidence import JudgedMail
from imctool.causes.server_charsets import ServerCharsets
from imctool.causes.text_check import NATIONAL_SETS, HeaderJudged, MailChecked, PartText
from imctool.knowledge.builds import versions_of
from imctool.knowledge.charset_outcomes import Certainty, predicted_outcomes
from imctool.knowledge.charsets import Charset
from imctool.model.charset_check import (
    FileCheck,
    HeaderCheck,
    Judgement,
    Outcome,
    PartCheck,
    Standing,
    Verdict,
)

_STILL_CONVERTED = frozenset({Verdict.MISLABELLED, Verdict.UNDECODABLE, Verdict.AMBIGUOUS})
"""The server goes by the label, so that these fail for its code page too."""

_MOST_PLAIN = 4096
"""So many forms of plain mail are remembered; a spool has few."""


class Verdicts:
    """Gives verdicts for one server; alike texts are judged once."""

    def __init__(self, server: ServerCharsets, builds: tuple[str, ...]) -> None:
        self._server = server
        self._builds = builds
        self._versions = versions_of(builds)
        self._part = lru_cache(maxsize=1 << 14)(self._of_part)
        self._charset = lru_cache(maxsize=1 << 12)(server.resolve)
        self._plain: dict[int, tuple[tuple[PartText, ...], tuple[PartCheck, ...]]] = {}

    def of_mail(self, one: JudgedMail, checked: MailChecked) -> FileCheck:
        """Return the mail with the verdict on each of its texts."""
        return FileCheck(
            one.location,
            one.spool_name,
            one.kind,
            one.sender_domain,
            one.mime,
            self._of_parts(checked),
            tuple(map(self._of_header, checked.headers)) if checked.headers else (),
        )

    def _of_parts(self, checked: MailChecked) -> tuple[PartCheck, ...]:
        """Return the parts' verdicts; plain mails of one form share theirs (text_check.py)."""
        known = self._plain.get(id(checked.parts))
        if known is not None and known[0] is checked.parts:
            return known[1]
        parts = tuple(map(self._part, checked.parts))
        if not checked.tells and len(self._plain) < _MOST_PLAIN:
            self._plain[id(checked.parts)] = checked.parts, parts
        return parts

    def _of_part(self, text: PartText) -> PartCheck:
        judgement = text.judgement
        charset, installed, found = self._weighed(text.label, judgement)
        return PartCheck(
            part=text.part,
            content_type=text.content_type,
            declared=text.label,
            detected=judgement.detected,
            confidence=judgement.confidence,
            code_page=None if charset is None else charset.code_page,
            installed=installed,
            verdict=found,
            outcomes=self._outcomes(text, found, installed),
            note=judgement.note,
        )

    def _of_header(self, text: HeaderJudged) -> HeaderCheck:
        judgement = text.judgement
        _, _, found = self._weighed(text.label, judgement)
        return HeaderCheck(
            text.name, text.part, text.label, judgement.detected, found, judgement.note
        )

    def _weighed(
        self, label: str | None, judgement: Judgement
    ) -> tuple[Charset | None, bool | None, Verdict]:
        """Return what the server takes a label for, whether it has the page, and the verdict."""
        charset = self._charset(label) if label else None
        installed = None if charset is None else self._server.is_installed(charset)
        return charset, installed, verdict(label, charset, judgement.standing, installed)

    def _outcomes(
        self, text: PartText, found: Verdict, installed: bool | None
    ) -> tuple[Outcome, ...]:
        """Return what to expect of a part."""
        fails_anyway = installed is False and found in _STILL_CONVERTED
        predicted = predicted_outcomes(
            str(Verdict.NOT_INSTALLED if fails_anyway else found),
            text.label,
            embedded=text.embedded,
            in_digest=text.in_digest,
            versions=self._versions,
            builds=self._builds,
        )
        return tuple(
            Outcome(
                " ".join(one.text.split()),
                one.articles,
                str(one.harm),
                tuple(v for v in one.versions if not self._versions or v in self._versions),
                one.fixed_in,
                one.certainty is Certainty.DOCUMENTED,
            )
            for one in predicted
        )


def verdict(
    label: str | None, charset: Charset | None, standing: Standing, installed: bool | None
) -> Verdict:
    """Return the first of the contract's verdicts that holds.

    A text whose charset has no codec here, or is one of the 7-bit national sets, is ambiguous
    even where its code page is absent: that the label is right cannot be told.
    """
    if label is None:
        return Verdict.OK if standing is Standing.PLAIN else Verdict.MISSING_LABEL
    if not label.strip():
        return Verdict.EMPTY_LABEL
    if charset is None:
        return Verdict.UNKNOWN_LABEL
    if standing is Standing.INVALID:
        return Verdict.UNDECODABLE
    if standing is Standing.OTHER:
        return Verdict.MISLABELLED
    if standing is Standing.UNTESTED or charset.code_page in NATIONAL_SETS:
        return Verdict.AMBIGUOUS
    return Verdict.NOT_INSTALLED if installed is False else Verdict.OK
