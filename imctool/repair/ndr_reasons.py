"""Why a recipient failed, in the forms that a report has for it.

The texts, statuses and codes of MSEXCH lines are those of knowledge/ndr_codes.csv. The statuses
of RFC 3463 are chosen here: the connector of that time wrote none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from imctool.knowledge.ndr_codes import NdrCode, ndr_codes
from imctool.repair.header_text import visible

TOO_MANY_RECIPIENTS = "Too many recipients."
"""The text of a recipient beyond a limit, with status 0 and code 00010256 (Q246051)."""

STATUS = re.compile(r"[45]\.[0-9]{1,3}\.[0-9]{1,3}")
"""A status of RFC 3463 that can stand for a failure."""

LONGEST_REASON = 800
"""The most characters kept of a reason."""

# By the text of the MSEXCH line, in lower case and without the full stop: status of RFC 3463, and
# a sentence of this project's own. "Host unreachable" is a failure of persistence: RFC 3464
# section 2.3.4 lets a status of class 4 stand beside the action "failed".
_MEANINGS = {
    "too many recipients": ("5.5.3", "The message has more recipients than the server takes"),
    "unknown recipient": ("5.1.1", "The server knows no recipient of this address"),
    "ambiguous recipient": ("5.1.4", "The server knows more than one recipient of this address"),
    "no proxy for recipient": ("5.1.0", "The server has no address for this recipient to send to"),
    "too many hops": ("5.4.6", "The message came back to the server too often"),
    "conversion to internet format failed": (
        "5.6.5",
        "The message could not be turned into Internet form",
    ),
    "host unknown": ("5.1.2", "No host was found for the domain of this address"),
    "message exceeds size limit": ("5.3.4", "The message is larger than the limit set for it"),
    "host unreachable": ("4.4.1", "The host for the domain of this address could not be reached"),
}
_REPLY = re.compile(r"([45][0-9][0-9])[ -]+(?:([245]\.[0-9]{1,3}\.[0-9]{1,3})(?!\S))?.*")
_LOOKS_LIKE_CODE = re.compile(r"\((?=[0-9A-Fa-f]{8}\))")


class UnknownStatusError(ValueError):
    """A status is none of RFC 3463 that a failure can have; the text says so."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A failure as a report tells it.

    ``sentence`` is for a reader, ``source`` is what follows the server in the MSEXCH line, ""
    where nothing tells what the connector would have written. ``status`` is that of RFC 3463,
    ``reply`` the SMTP reply, if the reason was one.
    """

    sentence: str
    source: str
    status: str
    reply: str | None = None


def explain_failure(reason: str = "", status: str = "") -> Explanation:
    """Return how a report tells a failure for ``reason``, which FailedRecipient describes.

    A text that the connector is known to have used comes with its status and code. An SMTP reply
    comes as 3000 plus its code (Q189492, Q193924), without the code of the place in the program,
    which is not known for every reply. Of other words the MSEXCH line says nothing. ``status``
    decides where it is given; raises UnknownStatusError where it is none.
    """
    if status and STATUS.fullmatch(status) is None:
        raise UnknownStatusError(f"{visible(status)[:40]!r} is no status of a failure (RFC 3463)")
    reason = visible(reason)[:LONGEST_REASON].strip() or TOO_MANY_RECIPIENTS
    row = _known(reason)
    reply = _REPLY.fullmatch(reason)
    meaning = _MEANINGS.get(_key(reason))
    if meaning is not None and row is not None:
        return Explanation(meaning[1], _source(row), status or meaning[0])
    if reply is not None:
        own = reply[2] if reply[2] and reply[2][0] == reason[0] else f"{reason[0]}.0.0"
        if row is not None:
            source = _source(row)
        else:
            # Behind a blank it is not read as the code of the line itself.
            source = f"3{reply[1]} {_LOOKS_LIKE_CODE.sub('( ', reason)}"
        return Explanation(f"The host answered: {_closed(reason)}", source, status or own, reason)
    return Explanation(f"Reason given: {_closed(reason)}", "", status or "5.0.0")


def _key(text: str) -> str:
    return text.rstrip(".").lower()


def _closed(text: str) -> str:
    """Return a text that ends as a sentence does: none that ends in a date begins an entry."""
    return text if text.endswith((".", "!", "?")) else text + "."


def _known(text: str) -> NdrCode | None:
    """Return the combination with that text: the one with a code first, it is that of 5.x."""
    rows = [row for row in ndr_codes() if row.text and _key(row.text) == _key(text)]
    rows.sort(key=lambda row: (row.code is None, not row.status))
    return next(iter(rows), None)


def _source(row: NdrCode) -> str:
    code = "" if row.code is None else f"({row.code:08X})"
    return " ".join(filter(None, (row.status, code, row.text)))
