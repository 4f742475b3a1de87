"""Builds tell the service pack, and with it which fixes a server lacks."""

from __future__ import annotations

import pytest

from imctool.knowledge.builds import fix_missing, service_pack_of, service_packs


@pytest.mark.parametrize(
    ("build", "release"),
    [
        ("4.0.837.3", "4.0"),
        ("4.0.838.14", "4.0 SP1"),
        ("4.0.994.63", "4.0 SP3"),
        ("5.0.1458.49", "5.0 SP1"),
        ("5.5.1960.3", "5.5"),
        ("5.5.2402.0", "5.5 SP1"),
        ("5.5.2653.13", "5.5 SP4"),
        ("5.5.2657.72", "5.5 SP4"),
    ],
)
def test_a_build_belongs_to_the_release_before_it(build: str, release: str) -> None:
    assert str(service_pack_of(build)) == release


@pytest.mark.parametrize("build", ["4.0.800", "5.x", "", "6.0.4417", "5.5"])
def test_what_is_no_build_of_these_versions_belongs_to_none(build: str) -> None:
    assert service_pack_of(build) is None


HOTFIX = "Msexcimc.exe and Imcmsg.dll 5.5.2654.14"


@pytest.mark.parametrize(
    ("build", "fixed_in", "missing"),
    [
        ("5.5.2653.13", HOTFIX, True),
        ("5.5.2654.14", HOTFIX, False),
        ("5.0.1460.22", HOTFIX, None),
        ("4.0.993.5", "4.0 SP3", True),
        ("4.0.994.63", "4.0 SP3", False),
        ("5.5.2402.0", "5.5 SP2; Store.exe 5.0.1461.77 or 5.5.2402.0", True),
        ("5.5.2448.0", "5.5 SP2; Store.exe 5.0.1461.77 or 5.5.2402.0", False),
        ("5.0.1458.49", "5.5 SP2; Store.exe 5.0.1461.77 or 5.5.2402.0", None),
        ("5.x", "5.5 SP4", None),
        ("5.5.2650.21", None, None),
    ],
)
def test_a_fix_is_missing_before_its_build_and_open_where_none_is_named(
    build: str, fixed_in: str | None, missing: bool | None
) -> None:
    assert fix_missing(build, fixed_in) is missing


def test_the_releases_are_in_order_and_each_once() -> None:
    builds = [one.build for one in service_packs()]
    assert builds == sorted(set(builds))
    assert len(builds) == 14
