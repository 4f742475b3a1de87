"""Which service pack a build of the connector belongs to, and whether it has a fix."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import NamedTuple

_BUILD = re.compile(r"[45]\.[05]\.\d{3,4}(?:\.\d{1,3})?")
_CONNECTOR_FIX = re.compile(
    rf"(?:Msexcimc|Imcmsg|Imsext)\.(?:exe|dll)\D{{0,40}}({_BUILD.pattern})", re.I
)
_PACK = re.compile(r"\b(4\.0|5\.0|5\.5) SP(\d)\b")


class ServicePack(NamedTuple):
    """A release of Exchange by its first build; ``number`` is 0 for the release itself."""

    version: str
    number: int
    build: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.version} SP{self.number}" if self.number else self.version


@cache
def service_packs() -> tuple[ServicePack, ...]:
    """Return every release from 4.0 to 5.5 SP4, by build (Q158530)."""
    text = resources.files(__package__).joinpath("builds.csv").read_text("utf-8")
    found = [
        ServicePack(row["version"], int(row["service_pack"] or 0), numbers(row["build"]))
        for row in csv.DictReader(text.splitlines())
    ]
    return tuple(sorted(found, key=lambda one: one.build))


def numbers(build: str) -> tuple[int, ...]:
    """Return a build as numbers that compare: ``5.5.2653.13`` as (5, 5, 2653, 13)."""
    return tuple(int(part) for part in build.split(".") if part.isdigit())


def service_pack_of(build: str) -> ServicePack | None:
    """Return the release that a build belongs to or came after, None before the first of all.

    The parts of one release carry builds of their own, a few revisions apart, and hotfixes go
    on from the release before them.
    """
    wanted = numbers(build)
    same = [one for one in service_packs() if one.build[:2] == wanted[:2] and one.build <= wanted]
    return same[-1] if same and len(wanted) > 2 else None


def fix_missing(build: str, fixed_in: str | None) -> bool | None:
    """Return whether a connector of that build lacks the fix that ``fixed_in`` names.

    A build of the connector's own files decides; else the service packs named for the same
    version. None where neither is named, or the build is not known: the build of another
    component says nothing of this one.
    """
    mine = numbers(build)
    if fixed_in is None or len(mine) < 3:
        return None
    own = [numbers(found) for found in _CONNECTOR_FIX.findall(fixed_in)]
    of_version = [one for one in own if one[:2] == mine[:2]]
    if of_version:
        return mine < min(of_version)
    packs = {(found[1], int(found[2])) for found in _PACK.finditer(fixed_in)}
    wanted = [
        one.build
        for one in service_packs()
        if (one.version, one.number) in packs and one.build[:2] == mine[:2]
    ]
    return mine < min(wanted) if wanted else None


def versions_of(builds: Iterable[str]) -> frozenset[str]:
    """Return the versions that builds belong to: ``4.0``, ``5.0``, ``5.5``.

    ``5.x`` stands for a build that may be of either, and gives both.
    """
    known = {".".join(build.split(".")[:2]) for build in builds}
    return frozenset(known - {"5.x"} | ({"5.0", "5.5"} if "5.x" in known else set()))
