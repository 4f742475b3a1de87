"""What ``charset-check`` found, as the documents of the contract (``imctool/charsets/1``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from imctool.model.charset_check import (
    CharsetReport,
    FileCheck,
    HeaderCheck,
    Outcome,
    PartCheck,
    SettingAdvice,
    Warned,
)
from imctool.report.documents import (
    defect_document,
    file_count_document,
    location_document,
)
from imctool.report.rows import csv_lines

COLUMNS = (
    "path", "spool_name", "sender_domain", "mime", "text", "content_type", "declared",
    "detected", "confidence", "code_page", "installed", "verdict", "note",
)  # fmt: skip
"""The columns of CSV: one row a text."""


def charset_document(report: CharsetReport) -> dict[str, Any]:
    """Return the whole document; its files are made as they are asked for."""
    return {
        "schema": "imctool/charsets/1",
        "server": {
            "versions": list(report.versions),
            "code_pages": list(report.code_pages),
            "code_pages_assumed": report.code_pages_assumed,
        },
        "second_opinion": report.second_opinion,
        "files": map(file_document, report.files),
        "logged": [file_document(one) for one in report.logged],
        "recommendation": recommendation_document(report),
        "warnings": [_warning_document(one) for one in report.warnings],
        "notes": list(report.notes),
        "summary": {
            "files": file_count_document(report.count),
            "by_verdict": {str(verdict): n for verdict, n in report.count_verdicts().items()},
        },
        "defects": [defect_document(one) for one in report.defects],
    }


def file_document(one: FileCheck) -> dict[str, Any]:
    """Return one mail with its texts."""
    return {
        "location": location_document(one.location),
        "spool_name": None if one.spool_name is None else str(one.spool_name),
        "kind": str(one.kind),
        "sender_domain": one.sender_domain,
        "mime": one.mime,
        "parts": [_part_document(part) for part in one.parts],
        "headers": [_header_document(header) for header in one.headers],
    }


@lru_cache(maxsize=4096)
def _part_document(part: PartCheck) -> dict[str, Any]:
    """Return one part; most parts of most mails are alike, and share their document."""
    return {
        "part": part.part,
        "content_type": part.content_type,
        "declared": part.declared,
        "detected": part.detected,
        "confidence": part.confidence,
        "code_page": part.code_page,
        "installed": part.installed,
        "verdict": str(part.verdict),
        "outcomes": [_outcome_document(one) for one in part.outcomes],
        "note": part.note or None,
    }


def _header_document(header: HeaderCheck) -> dict[str, Any]:
    return {
        "name": header.name,
        "part": header.part or None,
        "declared": header.declared,
        "detected": header.detected,
        "verdict": str(header.verdict),
        "note": header.note or None,
    }


def _outcome_document(one: Outcome) -> dict[str, Any]:
    return {
        "harm": one.harm,
        "text": one.text,
        "articles": list(one.articles),
        "versions": list(one.versions),
        "fixed_in": one.fixed_in,
        "certainty": "documented" if one.documented else "inferred",
    }


def _warning_document(one: Warned) -> dict[str, Any]:
    return {
        **_outcome_document(one.outcome),
        "labels": list(one.labels),
        "files": one.files,
        "examples": [location_document(place) for place in one.examples],
    }


def recommendation_document(report: CharsetReport) -> dict[str, Any]:
    """Return what to set, to install and to add."""
    default = _setting_document(report.default)
    del default["domain"]
    return {
        "default": default,
        "domains": [_setting_document(one) for one in report.domains],
        "install_code_pages": [
            {
                "code_page": one.code_page,
                "for": list(one.needed_for),
                "files": one.files,
                "reason": one.reason,
            }
            for one in report.install
        ],
        "add_aliases": [
            {
                "alias": one.alias,
                "charset": one.charset,
                "files": one.files,
                "reason": one.reason,
            }
            for one in report.aliases
        ],
        "no_alias": [{"label": label, "reason": why} for label, why in report.unaliased],
    }


def _setting_document(one: SettingAdvice) -> dict[str, Any]:
    current = one.current
    return {
        "domain": one.domain,
        "mime": one.mime,
        "non_mime": one.non_mime,
        "basis": {
            "mime": None if one.mime_basis is None else str(one.mime_basis),
            "non_mime": None if one.non_mime_basis is None else str(one.non_mime_basis),
        },
        "reason": one.reason,
        "files": one.files,
        "current": None
        if current is None
        else {"mime": current.mime, "non_mime": current.non_mime},
        "changes": one.changes,
    }


def jsonl_documents(report: CharsetReport) -> Iterator[dict[str, Any]]:
    """Yield a line for each mail, each piece of advice, each warning and each defect."""
    for file in report.files:
        yield {"type": "file", **file_document(file)}
    for file in report.logged:
        yield {"type": "logged", **file_document(file)}
    advice = recommendation_document(report)
    yield {"type": "default", **advice["default"]}
    lines: Iterable[tuple[str, str]] = (
        ("domains", "domain"),
        ("install_code_pages", "install_code_page"),
        ("add_aliases", "add_alias"),
        ("no_alias", "no_alias"),
    )
    for key, kind in lines:
        for one in advice[key]:
            yield {"type": kind, **one}
    for warned in report.warnings:
        yield {"type": "warning", **_warning_document(warned)}
    for defect in report.defects:
        yield {"type": "defect", **defect_document(defect)}


def csv_rows(report: CharsetReport) -> Iterator[str]:
    """Yield CSV lines, one for each text: ``text`` is the part's number or the field's name."""
    return csv_lines(COLUMNS, _rows((*report.files, *report.logged)))


def _rows(files: Iterable[FileCheck]) -> Iterator[list[Any]]:
    for file in files:
        front = [file.location.path, file.spool_name, file.sender_domain, file.mime]
        for part in file.parts:
            yield [
                *front, part.part, part.content_type, part.declared, part.detected,
                part.confidence, part.code_page, part.installed, part.verdict, part.note,
            ]  # fmt: skip
        for header in file.headers:
            where = f"{header.part} {header.name}".strip()
            yield [
                *front, where, None, header.declared, header.detected, None, None, None,
                header.verdict, header.note,
            ]  # fmt: skip
