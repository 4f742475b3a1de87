"""A case database: what has not changed is not read again, and tells the same."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from repository import REPOSITORY

from imctool.cli.main import program
from imctool.database.connection import CaseConnection, CaseInUseError, NoCaseError
from imctool.database.schema import TABLES
from imctool.readers import collection as collection_module
from imctool.readers import examination

pytestmark = pytest.mark.slow

STORIES = ["healthy", "ordinary", "q157693", "q230250"]


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REPOSITORY / "fixtures/q230250/evidence", tmp_path / "evidence"))


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return tmp_path / "case.db"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were opened and looked into, as it grows."""
    names: list[str] = []
    whole, log = examination.examine, collection_module.read_records

    def examine(found: Any, **rest: Any) -> Any:
        names.append(found.name)
        return whole(found, **rest)

    def read_records(file: Any, *rest: Any) -> Any:
        names.append(file.name)
        return log(file, *rest)

    monkeypatch.setattr(examination, "examine", examine)
    monkeypatch.setattr(collection_module, "read_records", read_records)
    return names


def run(*arguments: object) -> str:
    result = CliRunner().invoke(program, [str(one) for one in arguments])
    assert result.exit_code in {0, 1}, result.output
    return result.stdout


def diagnose(evidence: Path, *options: object) -> str:
    return run("diagnose", evidence, "--all", "--format", "json", *options)


@pytest.mark.parametrize("story", STORIES)
def test_a_case_tells_what_a_run_without_one_tells(story: str, case: Path) -> None:
    evidence = REPOSITORY / "fixtures" / story / "evidence"
    plain = diagnose(evidence)
    assert diagnose(evidence, "--case", case) == plain
    assert diagnose(evidence, "--case", case) == plain


def test_the_second_run_opens_nothing(evidence: Path, case: Path, opened: list[str]) -> None:
    diagnose(evidence, "--case", case)
    assert opened
    opened.clear()
    diagnose(evidence, "--case", case)
    assert opened == []


def test_only_what_changed_is_read(evidence: Path, case: Path, opened: list[str]) -> None:
    diagnose(evidence, "--case", case)
    opened.clear()
    mail = evidence / "Exchsrvr/Imcdata/In/Archive/LA4XGWQ7"
    mail.write_bytes(mail.read_bytes() + b"more\r\n")
    told = diagnose(evidence, "--case", case)
    assert opened == ["Exchsrvr/Imcdata/In/Archive/LA4XGWQ7"]
    assert told == diagnose(evidence)


def test_a_file_that_is_gone_is_forgotten(evidence: Path, case: Path) -> None:
    before = diagnose(evidence, "--case", case)
    (evidence / "winnt/system32/config/AppEvent.Evt").unlink()
    after = diagnose(evidence, "--case", case)
    assert after != before
    assert after == diagnose(evidence)


def test_a_file_swapped_for_one_of_the_same_size_and_time_is_read_again(
    evidence: Path, case: Path
) -> None:
    diagnose(evidence, "--case", case)
    mail = evidence / "Exchsrvr/Imcdata/In/Archive/LA4XGWQ7"
    status = mail.stat()
    content = mail.read_bytes()
    other = mail.with_name("other")
    other.write_bytes(content.replace(b"charset", b"chorset"))
    os.replace(other, mail)
    os.utime(mail, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert diagnose(evidence, "--case", case) == diagnose(evidence)


def test_other_evidence_under_the_same_names_is_read_anew(
    evidence: Path, case: Path, tmp_path: Path
) -> None:
    diagnose(evidence, "--case", case)
    other = Path(shutil.copytree(REPOSITORY / "fixtures/q157684/evidence", tmp_path / "other"))
    assert diagnose(other, "--case", case) == diagnose(other)


def test_options_that_change_the_answer_change_it_with_a_case_too(
    evidence: Path, case: Path
) -> None:
    for options in (["--timezone", "+0900"], ["--date-order", "dmy"], []):
        assert diagnose(evidence, "--case", case, *options) == diagnose(evidence, *options)


def test_trace_takes_up_a_case(evidence: Path, case: Path, opened: list[str]) -> None:
    for key in ("LA4XGWQ7", "nobody@nowhere.example"):
        arguments = ["trace", evidence, key, "--format", "json"]
        plain = run(*arguments)
        assert run(*arguments, "--case", case) == plain
    opened.clear()
    assert run(*arguments, "--case", case) == plain
    assert opened == []


def test_a_run_cut_short_is_taken_up(
    evidence: Path, case: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    class PulledPlugError(Exception):
        pass

    def fail(*_: object) -> None:
        raise PulledPlugError

    with monkeypatch.context() as patch:
        patch.setattr(collection_module, "_SAVED_EVERY", 1)
        patch.setattr(collection_module, "read_tracking_log", fail)
        assert (
            CliRunner().invoke(program, ["diagnose", str(evidence), "--case", str(case)]).exception
        )
    opened.clear()
    told = diagnose(evidence, "--case", case)
    assert not [name for name in opened if "/In/Archive/" in name]
    assert told == diagnose(evidence)


def test_two_runs_cannot_have_one_case_open(evidence: Path, case: Path) -> None:
    first = CaseConnection(case)
    with pytest.raises(CaseInUseError):
        CaseConnection(case)
    result = CliRunner().invoke(program, ["diagnose", str(evidence), "--case", str(case)])
    assert result.exit_code == 4
    assert "in use" in result.stderr
    first.close()


@pytest.mark.parametrize(
    "content", [b"not a database, a letter\n" * 40, b"SQLite format 3\0" + b"x" * 99]
)
def test_a_file_that_is_no_case_is_left_alone(content: bytes, evidence: Path, case: Path) -> None:
    case.write_bytes(content)
    result = CliRunner().invoke(program, ["diagnose", str(evidence), "--case", str(case)])
    assert result.exit_code == 2
    assert case.read_bytes() == content


def test_the_database_of_another_program_is_left_alone(evidence: Path, case: Path) -> None:
    with closing(sqlite3.connect(case, isolation_level=None)) as other:
        other.execute("CREATE TABLE file (name TEXT)")
        other.execute("INSERT INTO file VALUES ('theirs')")
    with pytest.raises(NoCaseError):
        CaseConnection(case)
    result = CliRunner().invoke(program, ["diagnose", str(evidence), "--case", str(case)])
    assert result.exit_code == 2
    with closing(sqlite3.connect(case)) as other:
        assert other.execute("SELECT name FROM file").fetchall() == [("theirs",)]


def test_a_damaged_case_is_told_and_not_believed(evidence: Path, case: Path) -> None:
    diagnose(evidence, "--case", case)
    with closing(sqlite3.connect(case, isolation_level=None)) as database:
        database.execute("DELETE FROM tracking")
    result = CliRunner().invoke(program, ["diagnose", str(evidence), "--case", str(case)])
    assert result.exit_code == 6
    assert "damaged; remove it" in result.stderr
    for place in range(4096, case.stat().st_size, 4096):
        content = bytearray(case.read_bytes())
        content[place : place + 64] = bytes(range(64))
        case.write_bytes(content)
    result = CliRunner().invoke(program, ["diagnose", str(evidence), "--case", str(case)])
    assert result.exit_code in {2, 6}, result.output


def test_output_does_not_go_over_the_case(evidence: Path, case: Path) -> None:
    diagnose(evidence, "--case", case)
    before = case.read_bytes()
    for target in (case, Path(f"{case}-wal")):
        arguments = ["diagnose", str(evidence), "--case", str(case), "-o", str(target)]
        assert CliRunner().invoke(program, arguments).exit_code == 2
    assert case.read_bytes() == before


def test_a_run_cut_before_its_ledger_leaves_no_old_one(
    evidence: Path, case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidence that was taken in by a run that ended then is not told by the ledger before it."""
    from imctool.readers.collection import collect

    log = evidence / "Exchsrvr/Tracking.log/20000516.log"
    content = log.read_bytes()
    for first, then in ((b"", content), (content, b"")):
        log.write_bytes(first) if first else log.unlink(missing_ok=True)
        diagnose(evidence, "--case", case)
        log.write_bytes(then) if then else log.unlink()
        connection = CaseConnection(case)
        collect([evidence], case=connection)
        connection.close()
        assert diagnose(evidence, "--case", case) == diagnose(evidence)


@pytest.mark.skipif(os.name == "nt", reason="names there are no bytes")
def test_a_name_that_is_no_text_is_kept(evidence: Path, case: Path) -> None:
    os.rename(evidence / "imc.txt", os.fsencode(evidence) + b"/imc\xff\xfe.txt")
    plain = diagnose(evidence)
    assert diagnose(evidence, "--case", case) == plain
    assert diagnose(evidence, "--case", case) == plain


def test_a_key_beyond_ascii_is_found_in_a_case_too(evidence: Path, case: Path) -> None:
    log = evidence / "Exchsrvr/Tracking.log/20000516.log"
    log.write_bytes(log.read_bytes().replace(b"SMTP:", b"SMTP:j\xf6", 1))
    for key in ("LA4XGWQ7", "J\u00d6"):
        arguments = ["trace", evidence, key, "--format", "json"]
        assert run(*arguments, "--case", case) == run(*arguments)


def test_a_case_inside_the_evidence_is_refused(evidence: Path) -> None:
    inside = evidence / "case.db"
    result = CliRunner().invoke(program, ["diagnose", str(evidence), "--case", str(inside)])
    assert result.exit_code == 2
    assert not inside.exists()


_EXPLAINED = (
    "SELECT spool_name FROM message JOIN finding_message ON message = message.id"
    " JOIN finding ON finding.id = finding WHERE article = 'Q230250' ORDER BY 1"
)


def test_a_case_can_be_queried(evidence: Path, case: Path) -> None:
    told = json.loads(diagnose(evidence, "--case", case))
    with closing(sqlite3.connect(case)) as database:
        fates = dict(database.execute("SELECT fate, count(*) FROM message GROUP BY fate"))
        explained = database.execute(_EXPLAINED).fetchall()
    assert fates == told["summary"]["by_fate"]
    (finding,) = (one for one in told["findings"] if one["article"] == "Q230250")
    assert [name for (name,) in explained] == finding["spool_names"]


def test_the_documentation_names_every_table_and_column() -> None:
    page = (REPOSITORY / "docs/case-database.md").read_text(encoding="utf-8")
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(TABLES)
        for (table,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"):
            section = page.split(f"### {table}\n", 1)[1].split("\n### ", 1)[0]
            for _, column, *_ in database.execute(f"PRAGMA table_info({table})"):
                assert f"`{column}`" in section, f"{table}.{column}"


def test_the_queries_of_the_documentation_run(
    evidence: Path, case: Path, samples_of_sql: Callable[[], list[str]]
) -> None:
    diagnose(evidence, "--case", case)
    with closing(sqlite3.connect(case)) as database:
        rows = [database.execute(query).fetchall() for query in samples_of_sql()]
    assert any(rows)


@pytest.fixture
def samples_of_sql() -> Callable[[], list[str]]:
    page = (REPOSITORY / "docs/case-database.md").read_text(encoding="utf-8")
    blocks = [part.split("```", 1)[0] for part in page.split("```sql\n")[1:]]
    assert blocks
    return lambda: blocks
