"""A mail with the verdict on each of its texts, as the advice looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imctool.causes.pooled_texts import UncertainText
from imctool.causes.text_check import HeaderJudged, MailChecked, PartText
from imctool.model.charset_check import FileCheck, HeaderCheck, PartCheck


class CheckedMail(NamedTuple):
    """One mail; ``outbound`` mail was converted here, and says nothing of what comes in."""

    file: FileCheck
    checked: MailChecked
    outbound: bool

    @property
    def path(self) -> str:
        """Where the mail lies."""
        return self.file.location.path

    def judged(self) -> Iterator[tuple[PartCheck | HeaderCheck, PartText | HeaderJudged]]:
        """Yield each text's verdict with the text as it was judged."""
        yield from zip(self.file.parts, self.checked.parts, strict=True)
        yield from zip(self.file.headers, self.checked.headers, strict=True)


def uncertain(text: PartText | HeaderJudged) -> UncertainText:
    """Return what can be pooled of a text."""
    return UncertainText(text.judgement.detected, text.judgement.sure, text.excerpt)
