"""Repairs as JSON-ready dictionaries: the document ``imctool/repair/1``, key by key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from imctool.model.action import Action
from imctool.model.evidence import Defect, FileCount
from imctool.model.recovery import Recovery
from imctool.report.documents import (
    defect_document,
    file_count_document,
    location_document,
)

Document = dict[str, Any]


def repair_document(
    actions: Iterable[Action], *, dry_run: bool, journal: str | None = None
) -> Document:
    """Return the document of any repair; a command adds what else it has to tell."""
    return {
        "schema": "imctool/repair/1",
        "dry_run": dry_run,
        "journal": journal,
        "actions": [action_document(one) for one in actions],
    }


def action_document(one: Action) -> Document:
    return {
        "kind": str(one.kind),
        "spool_name": str(one.spool_name) if one.spool_name is not None else None,
        "from": one.source.path,
        "to": one.target,
        "recipients": one.recipients,
        "sha256": one.sha256,
        "status": str(one.status),
        "reason": one.reason,
        "location": location_document(one.source),
    }


def recovery_document(recovery: Recovery, files: FileCount, defects: Iterable[Defect]) -> Document:
    """Return what ``recover`` reports."""
    return {
        **repair_document(recovery.actions, dry_run=recovery.dry_run),
        "manifest": recovery.manifest,
        "summary": {
            "messages": len(recovery.messages),
            "damaged": recovery.damaged,
            "undone": recovery.undone,
            "uncertain": recovery.uncertain,
            "files": file_count_document(files),
        },
        "defects": [defect_document(one) for one in defects],
    }
