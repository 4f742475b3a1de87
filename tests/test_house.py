"""The walls of the house: which room may import which, and what start-up may load."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from repository import REPOSITORY

PACKAGE = REPOSITORY / "imctool"
LATER = {
    "model": {"database", "readers", "knowledge", "ledger", "causes", "repair", "report", "cli"},
    "database": {"readers", "knowledge", "ledger", "causes", "repair", "report", "cli"},
    "readers": {"knowledge", "ledger", "causes", "repair", "report", "cli"},
    "knowledge": {"readers", "ledger", "causes", "repair", "report", "cli"},
    "ledger": {"knowledge", "causes", "repair", "report", "cli"},
    "causes": {"repair", "report", "cli"},
    "repair": {"causes", "report", "cli"},
    "report": {"cli"},
    "cli": set(),
}
MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Return every node of a module; each is parsed once for all that look at it."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_knows_only_the_rooms_before_it(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0]
    if room not in LATER:
        return
    names = imported(path)
    rooms = {name.split(".")[1] for name in names if name.startswith("imctool.")}
    assert not rooms & LATER[room]
    if room not in {"cli", "report"}:
        assert not {name.split(".")[0] for name in names} & {"click", "rich"}


def test_every_room_is_known_to_this_test() -> None:
    assert {p.name for p in PACKAGE.iterdir() if (p / "__init__.py").exists()} == set(LATER)


def test_version_and_help_load_nothing_heavy() -> None:
    code = (
        "import sys, contextlib\n"
        "from imctool.cli.main import program\n"
        "for args in (['--version'], ['--help']):\n"
        "    with contextlib.suppress(SystemExit): program.main(args)\n"
        "heavy = {'rich', 'chardet', 'dateutil', 'email', 'csv', 'tomllib', 'sqlite3', 'xml'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert run.stderr.strip() == "[]"


@pytest.mark.slow
def test_no_module_swallows_errors() -> None:
    for path in MODULES:
        for node in nodes(path):
            if isinstance(node, ast.ExceptHandler):
                names = ast.dump(node.type) if node.type else "bare"
                assert "'Exception'" not in names, f"{path}:{node.lineno}"
                assert "bare" not in names, f"{path}:{node.lineno}"
