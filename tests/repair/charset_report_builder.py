"""Reports of ``charset-check`` as a plan is made from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from imctool.model.charset_check import Basis, CharsetReport, SettingAdvice
from imctool.model.evidence import FileCount, Location
from imctool.model.settings import CharacterSets

REST = ("800", "76", "0", "0", "0")
IMC = Location("imc.txt", line=6)


def current(domain: str, mime: str, non_mime: str, rest: tuple[str, ...] = REST) -> CharacterSets:
    return CharacterSets(IMC, domain, mime, non_mime, rest)


def advice(
    domain: str, mime: str, non_mime: str, now: CharacterSets | None = None, **more: Any
) -> SettingAdvice:
    values: dict[str, Any] = {
        "mime_basis": Basis.UNLABELLED, "non_mime_basis": None, "reason": "so it is", "files": 2,
    }  # fmt: skip
    return SettingAdvice(domain, mime, non_mime, current=now, **{**values, **more})


WESTERN = "ISO-8859-1"
KEPT = advice("Default", WESTERN, WESTERN, mime_basis=None, reason="keep it")
EMPTY = CharsetReport(
    files=(),
    count=FileCount(3, 3, 0, 0),
    versions=("5.5.2650.21",),
    code_pages=(1251, 1252, 20866),
    code_pages_assumed=False,
    second_opinion=True,
    default=KEPT,
    domains=(),
    install=(),
    aliases=(),
    settings=(),
    unaliased=(),
    warnings=(),
    notes=(),
    defects=(),
)


def report(**changes: Any) -> CharsetReport:
    return replace(EMPTY, **changes)
