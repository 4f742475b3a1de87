"""What ``requeue`` and ``undo`` report, as JSON-ready dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from imctool.model.action import Action, ActionStatus
from imctool.model.evidence import Defect, FileCount
from imctool.model.requeue import RequeuePlan
from imctool.report.documents import defect_document, file_count_document
from imctool.report.repair_documents import repair_document


def requeue_document(
    plan: RequeuePlan,
    actions: Sequence[Action],
    *,
    dry_run: bool,
    journal: str | None,
    notes: Iterable[str],
    files: FileCount,
    defects: Iterable[Defect],
) -> dict[str, Any]:
    """Return what ``requeue`` reports."""
    return {
        **repair_document(actions, dry_run=dry_run, journal=journal),
        "via": str(plan.via),
        "warnings": [
            {"from": one.location, "text": text} for one in plan.items for text in one.warnings
        ],
        "summary": {
            **action_counts(actions),
            "left": plan.left,
            "missing": list(plan.missing),
            "unnamed": list(plan.unnamed),
            "unknown": plan.unknown,
            "files": file_count_document(files),
        },
        "notes": list(notes),
        "defects": [defect_document(one) for one in defects],
    }


def undo_document(
    actions: Sequence[Action], *, journal: str, imcdata: str, notes: Iterable[str]
) -> dict[str, Any]:
    """Return what ``undo`` reports; its paths are relative to the Imcdata folder."""
    return {
        **repair_document(actions, dry_run=False, journal=journal),
        "imcdata": imcdata,
        "summary": action_counts(actions),
        "notes": list(notes),
    }


def action_counts(actions: Iterable[Action]) -> dict[str, int]:
    """Return how many actions have each status."""
    found = {str(status): 0 for status in ActionStatus}
    for one in actions:
        found[str(one.status)] += 1
    return found
