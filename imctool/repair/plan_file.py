"""A plan of a requeue as a file: reviewed by a person, then carried out as it stands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imctool import __version__
from imctool.model.journal import FileIdentity, SpoolIdentity
from imctool.model.message import Fate
from imctool.model.requeue import Objection, Reason, RequeueItem, RequeuePlan, Via
from imctool.repair.journal_lines import is_archived_path
from imctool.repair.new_file import sync_folder, write_new_file
from imctool.repair.requeue_plan import QUEUE_DAT

SCHEMA = "imctool/plan/1"


class PlanError(ValueError):
    """A plan file cannot be carried out; the text says why."""


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan as it was saved: which spool it is for, by which server it goes, if by one."""

    plan: RequeuePlan
    spool: SpoolIdentity
    server: str | None


def save_plan(saved: SavedPlan, path: Path) -> None:
    """Write the plan to a new file. Raises FileExistsError, or another OSError."""
    document = _document(saved)
    document["check"] = _check(document)
    write_new_file(path, json.dumps(document, indent=1).encode("ascii") + b"\n")
    sync_folder(path.parent)


def load_plan(path: Path) -> SavedPlan:
    """Return a plan that was saved. Raises OSError, and PlanError where it is not as written."""
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{path} is no plan: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise PlanError(f"{path} is no plan of imctool")
    if document.pop("check", None) != _check(document):
        raise PlanError(f"{path} is not as it was saved: make a new plan instead of editing one")
    try:
        return _saved(document)
    except (KeyError, TypeError, ValueError) as error:
        raise PlanError(f"{path} cannot be understood: {error!r}") from error


def _check(document: Mapping[str, Any]) -> str:
    """Return SHA-256, in hex, of the document in canonical form: sorted keys, no blanks."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _document(saved: SavedPlan) -> dict[str, Any]:
    plan = saved.plan
    return {
        "schema": SCHEMA,
        "version": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "imcdata": {
            "path": saved.spool.path, "device": saved.spool.device, "inode": saved.spool.inode,
        },
        "via": str(plan.via),
        "server": saved.server,
        "queue_dat": None if plan.queue_dat is None else _item_document(plan.queue_dat),
        "pickup": plan.pickup,
        "forced": sorted(plan.forced),
        "left": plan.left,
        "unknown": plan.unknown,
        "items": [_item_document(one) for one in plan.items],
    }  # fmt: skip


def _item_document(one: RequeueItem) -> dict[str, Any]:
    file = one.file
    return {
        "path": one.location,
        "source": one.source,
        "file": None if file is None else {
            "sha256": file.sha256, "size": file.size, "device": file.device,
            "inode": file.inode, "mtime_ns": file.modified_ns, "ctime_ns": file.changed_ns,
        },
        "spool_name": one.spool_name,
        "originator": one.originator,
        "recipients": list(one.recipients),
        "recipient_count": one.recipient_count,
        "text_offset": one.text_offset,
        "message_id": one.message_id,
        "subject": one.subject,
        "time": _time(one.time),
        "failed": _time(one.failed),
        "assumed_zone": one.assumed_zone,
        "fate": str(one.fate),
        "articles": list(one.articles),
        "objections": [
            {"reason": each.reason, "text": each.text} for each in one.objections
        ],
        "warnings": list(one.warnings),
    }  # fmt: skip


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _saved(document: Mapping[str, Any]) -> SavedPlan:
    spool = document["imcdata"]
    queue_dat = document["queue_dat"]
    plan = RequeuePlan(
        via=Via(document["via"]),
        imcdata=spool["path"],
        items=tuple(map(_item, document["items"])),
        left=document["left"],
        unknown=document["unknown"],
        queue_dat=None if queue_dat is None else _item(queue_dat),
        pickup=document["pickup"],
        forced=frozenset(map(Reason, document["forced"])),
    )
    identity = SpoolIdentity(spool["path"], spool["device"], spool["inode"])
    return SavedPlan(plan, identity, document["server"])


def _item(found: Mapping[str, Any]) -> RequeueItem:
    file = found["file"]
    known = is_archived_path(found["source"]) or found["source"].lower() == QUEUE_DAT
    if not known and not found["objections"]:
        raise ValueError(f"{found['source']} is no file of In\\Archive")
    return RequeueItem(
        location=found["path"],
        source=found["source"],
        file=None if file is None else FileIdentity(
            file["sha256"], file["size"], file["device"], file["inode"], file["mtime_ns"],
            file["ctime_ns"],
        ),
        spool_name=found["spool_name"],
        originator=found["originator"],
        recipients=tuple(found["recipients"]),
        recipient_count=found["recipient_count"],
        text_offset=found["text_offset"],
        message_id=found["message_id"],
        subject=found["subject"],
        time=_moment(found["time"]),
        failed=_moment(found["failed"]),
        assumed_zone=found["assumed_zone"],
        fate=Fate(found["fate"]),
        articles=tuple(found["articles"]),
        objections=tuple(
            Objection(None if each["reason"] is None else Reason(each["reason"]), each["text"])
            for each in found["objections"]
        ),
        warnings=tuple(found["warnings"]),
    )  # fmt: skip
