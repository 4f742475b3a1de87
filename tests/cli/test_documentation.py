"""The documents name every command, option and condition, and the README's table is true."""

from __future__ import annotations

import re

import click
import pytest
from repository import REPOSITORY

from imctool.cli import exit_status
from imctool.cli.main import COMMANDS, program
from imctool.knowledge.cause import CONDITIONS, load_causes

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_a_page_and_a_line_in_the_readme(name: str) -> None:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    assert command.help
    assert f"imctool {name}" in README
    page = (REPOSITORY / f"docs/commands/{name}.md").read_text(encoding="utf-8")
    shared = (REPOSITORY / "docs/commands/README.md").read_text(encoding="utf-8")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            longest = max(parameter.opts, key=len)
            assert longest in page + shared, f"{name}: {longest} is in no document"


def test_the_exit_statuses_of_the_readme_are_those_of_the_program() -> None:
    listed = {int(one) for one in re.findall(r"^\| (\d) \|", README, re.MULTILINE)}
    assert listed == {
        exit_status.NOTHING_WRONG,
        exit_status.PROBLEM_FOUND,
        exit_status.WRONG_USAGE,
        exit_status.NOTHING_READ,
        exit_status.REFUSED_BY_GUARD,
        exit_status.INTERRUPTED,
        exit_status.INTEGRITY_FAILURE,
    }


def test_every_cause_and_condition_is_documented() -> None:
    causes = (REPOSITORY / "docs/causes.md").read_text(encoding="utf-8")
    for cause in load_causes():
        if cause.article is not None:
            assert cause.article in causes
    conditions = (REPOSITORY / "docs/developers/causes.md").read_text(encoding="utf-8")
    for name in CONDITIONS:
        assert f"`{name}" in conditions, name
