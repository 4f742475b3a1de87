"""What the status, code and text of an MSEXCH line in a non-delivery report mean."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class NdrCode:
    """One combination that is known; status, text "" and code None where they vary or are absent.

    ``code`` is the number in parentheses, ``part`` what the connector did there (inferred from
    its high word), "" without a code. ``sources`` are Q-numbers; ``sisimai``, a public parser of
    such reports, is the only one for some.
    """

    status: str
    code: int | None
    text: str
    meaning: str
    part: str
    sources: tuple[str, ...]


@cache
def ndr_codes() -> tuple[NdrCode, ...]:
    """Return all that are known, in the order of the table."""
    text = resources.files(__package__).joinpath("ndr_codes.csv").read_text("utf-8")
    return tuple(
        NdrCode(
            row["status"],
            int(row["code"], 16) if row["code"] else None,
            row["text"],
            row["meaning"],
            row["part"],
            tuple(row["sources"].split()),
        )
        for row in csv.DictReader(text.splitlines())
    )


def find_ndr_codes(
    code: int | None = None, status: str = "", text: str = ""
) -> tuple[NdrCode, ...]:
    """Return what is known of an MSEXCH line, what fits its text first; empty if nothing is.

    A known code decides. Without one the status must be the same, or the text begin with the
    known one, in any letter case: a status of 0 alone means nothing, nor does an HRESULT.
    """
    wanted = text.strip().rstrip(".").lower()

    def fits_text(row: NdrCode) -> bool:
        return bool(row.text) and wanted.startswith(row.text.rstrip(".").lower())

    if code is not None:
        found = [row for row in ndr_codes() if row.code == code]
    else:
        by_status = status if status.isdecimal() and status != "0" else None
        found = [row for row in ndr_codes() if row.status == by_status or fits_text(row)]
    return tuple(
        sorted(found, key=lambda row: (not fits_text(row), row.code != code, row.status != status))
    )


def part_of_connector(code: int) -> str | None:
    """Return what the connector does in the part that a code names, or None.

    Inferred: the high word is that of a part, and the low word moves from build to build. The
    first DWORD of event data counts the same way.
    """
    parts = (
        row.part for row in ndr_codes() if row.code is not None and row.code >> 16 == code >> 16
    )
    return next(parts, None)
