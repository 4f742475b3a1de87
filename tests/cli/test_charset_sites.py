"""The advice of ``charset-check`` on whole sites whose truth is known."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from charset_corpus.era_charsets import NT4_DEFAULT, charset_of_label
from charset_corpus.mails import corpus_mail, judged_text
from charset_corpus.national_sets import decoded
from charset_corpus.sites import (
    ARCHIVED,
    BEHAVIOURS,
    Setting,
    Truth,
    reading_the_same,
    write_site,
)
from click.testing import CliRunner

from imctool.cli.main import program

pytestmark = pytest.mark.slow

KEPT = "iso-8859-1"


def advice_on(folder: Path) -> dict[str, Any]:
    """Return the recommendation of the command for a site."""
    arguments = ["charset-check", str(folder), "--format", "json"]
    ended = CliRunner().invoke(program, arguments, catch_exceptions=False)
    assert ended.exit_code in {0, 1}, ended.output[-2000:]
    told = json.loads(ended.stdout)["recommendation"]
    assert isinstance(told, dict)
    return told


def current_settings(folder: Path) -> dict[str, tuple[str, str]]:
    """Return MIME and non-MIME set of each domain in the site's imc.txt, in lower case."""
    path = folder / "imc.txt"
    lines = path.read_text().lower().splitlines() if path.exists() else []
    rows = [line[1:].split(",") for line in lines if line.startswith("+")]
    return {row[0]: (row[1], row[2]) for row in rows}


def check_default(told: dict[str, Any]) -> None:
    """The default stays what every server begins with: each domain has its own entry instead."""
    assert told["default"]["mime"].lower() == KEPT
    assert told["default"]["non_mime"].lower() == KEPT
    assert told["default"]["reason"]


def check_domains(told: dict[str, Any], truth: Truth, folder: Path) -> None:
    entries = {one["domain"]: one for one in told["domains"]}
    assert len(entries) == len(told["domains"])
    assert set(entries) == set(truth.domains)
    current = current_settings(folder)
    for domain, settings in truth.domains.items():
        entry = entries[domain]
        kept = current.get(domain, (KEPT, KEPT))
        for place, (which, setting) in enumerate(zip(("mime", "non_mime"), settings, strict=True)):
            check_setting(f"{domain} {which}", entry[which], entry["basis"][which], setting, {
                kept[place], KEPT, current.get("default", kept)[place],
            })  # fmt: skip
        assert entry["reason"]
        if domain in truth.files:
            assert entry["files"] == truth.files[domain], domain


def check_setting(
    what: str, value: str, basis: str | None, truth: Setting, if_unproven: set[str]
) -> None:
    """Hold one value to the truth: one of its names, or what stays where nothing speaks."""
    assert basis == truth.basis, what
    names = truth.names if truth.basis else if_unproven
    assert value.lower() in names, f"{what}: {value}, not {sorted(names)}"


def check_pages(told: dict[str, Any], truth: Truth) -> None:
    listed = {one["code_page"]: one["for"] for one in told["install_code_pages"]}
    assert set(truth.needed_pages) <= set(listed) <= set(truth.needed_pages) | truth.useful_pages
    for page, labels in truth.needed_pages.items():
        named = {name.lower() for name in listed[page]}
        wanted = {name for label in labels for name in charset_of_label(label).labels}
        assert named & wanted, f"{page} for {sorted(named)}, not {sorted(wanted)}"


def check_aliases(told: dict[str, Any], truth: Truth) -> None:
    added = {one["alias"].lower(): one["charset"].lower() for one in told["add_aliases"]}
    assert set(added) == set(truth.aliases)
    for alias, charset in added.items():
        assert charset in truth.aliases[alias], f"{alias}: {charset}"


def check_site(seed: int, folder: Path) -> None:
    """Write the site of a seed and hold the advice on it to the truth."""
    truth = write_site(seed, folder)
    told = advice_on(folder)
    check_default(told)
    check_domains(told, truth, folder)
    check_pages(told, truth)
    check_aliases(told, truth)


def test_the_sites_show_every_way_that_a_domain_may_behave(tmp_path: Path) -> None:
    truths = [write_site(seed, tmp_path / str(seed)) for seed in range(12)]
    settings = [one for truth in truths for pair in truth.domains.values() for one in pair]
    assert {one.basis for one in settings} >= {None, "unlabelled-mail", ARCHIVED}
    assert any(truth.aliases for truth in truths)
    assert any(truth.needed_pages for truth in truths)
    assert len(BEHAVIOURS) == 14
    for folder in tmp_path.iterdir():
        assert list(folder.glob("Imcdata/In*/**/*")) or list(folder.glob("Imcdata/In/*"))


def test_a_text_that_two_charsets_read_alike_has_the_names_of_both() -> None:
    russian = "Привет из Москвы".encode("koi8-r")
    koi8 = charset_of_label("koi8-r")
    assert {one.name for one in reading_the_same([russian], koi8)} == {"koi8-r", "koi8-u"}
    turkish = "Işık söndü".encode("cp1254")
    alike = reading_the_same([turkish], charset_of_label("windows-1254"))
    assert {one.name for one in alike} == {"iso-8859-9", "windows-1254"}
    assert decoded(turkish, "iso8859_9") == "Işık söndü"


@pytest.mark.parametrize("label", ["koi8-r", "windows-1250", "iso-2022-jp", "big5"])
def test_a_file_given_without_logs_counts_as_archived(tmp_path: Path, label: str) -> None:
    """Step 3 of Q230250: one opens the archived file and sets what it declares."""
    chance, charset = random.Random(label), charset_of_label(label)
    judged = judged_text(chance, charset, "right", "plain", 300, NT4_DEFAULT)
    assert judged is not None
    path = tmp_path / "MKDWZAR5"
    path.write_bytes(corpus_mail(chance, judged, "8bit").content)
    told = advice_on(path)
    check_default(told)
    (entry,) = told["domains"]
    assert entry["domain"] == "ms.com"
    assert entry["mime"].lower() in charset.labels
    assert entry["basis"]["mime"] == ARCHIVED
    assert entry["files"] == 1


@pytest.mark.parametrize("seed", range(4))
def test_the_advice_is_what_the_mail_of_a_site_calls_for(tmp_path: Path, seed: int) -> None:
    check_site(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 200))
def test_the_advice_holds_over_many_sites(tmp_path: Path, seed: int) -> None:
    check_site(seed, tmp_path)
