"""The line of an SMTP protocol log about mail that is put back for a later attempt."""

from __future__ import annotations

from imctool.readers.smtp_dialogue import parse_reply

RESCHEDULING = b"Rescheduling delivery for later"
"""What such a line says (Q146669, Q228725)."""

_SUBJECT = b"Message subject:"


def parse_rescheduling(line: bytes) -> tuple[str, tuple[int, bool, str] | None]:
    """Return the subject, and the error as ``parse_reply`` gives it, of a line that says so.

    ``<error> Message subject: <subject>. Rescheduling delivery for later.`` (Q228725)
    """
    end = line.index(RESCHEDULING)
    start = line.rfind(_SUBJECT, 0, end)
    subject = _quoted_subject(line[start + len(_SUBJECT) : end]) if start >= 0 else ""
    return subject, parse_reply(line[: start if start >= 0 else end].strip())


def _quoted_subject(field: bytes) -> str:
    """Return the subject without the doubled quotes and the full stop around it (Q228725)."""
    subject = field.decode("latin-1").strip().removesuffix(".")
    for quote in ('""', '"'):
        if len(subject) >= 2 * len(quote) and subject.startswith(quote) and subject.endswith(quote):
            return subject[len(quote) : -len(quote)]
    return subject
