"""Character Sets as imccopy saves them (Q262126)."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind, Location
from imctool.model.settings import CharacterSets
from imctool.readers.imc_settings import parse_imc_settings, read_imc_settings

SAVED = """[Header]
Version=1

[Domain]
DomainInformation=+
+Default,ISO-8859-1,ISO-8859-1,800,76,0,0,0
+fabrikam.co.jp,ISO-2022-JP,Shift_JIS,800,76,0,0,0
"""


REST = ("800", "76", "0", "0", "0")


def parse(text: str) -> list[CharacterSets | Defect]:
    """Return what the lines of ``text`` hold."""
    return list(parse_imc_settings(enumerate(text.split("\n"), start=1), "imc.txt"))


def test_every_domain_has_its_two_character_sets() -> None:
    assert parse(SAVED) == [
        CharacterSets(Location("imc.txt", line=6), "Default", "ISO-8859-1", "ISO-8859-1", REST),
        CharacterSets(
            Location("imc.txt", line=7), "fabrikam.co.jp", "ISO-2022-JP", "Shift_JIS", REST
        ),
    ]


def test_a_character_set_is_taken_as_it_stands() -> None:
    (found,) = parse("+Default, X-Unknown ,,800,76,0,0,0")
    assert found == CharacterSets(Location("imc.txt", line=1), "Default", "X-Unknown", "", REST)


def test_lines_of_another_value_are_not_domains() -> None:
    assert parse("[Other]\nConnectionInformation=+\n+a,b,c,d,e,f,g,h") == []


def test_a_line_that_lacks_fields_is_a_defect_and_read_as_far_as_it_goes() -> None:
    here = Location("imc.txt", line=1)
    assert parse("+a.example,UTF-8,UTF-8,800") == [
        Defect(here, "4 fields instead of 8"),
        CharacterSets(here, "a.example", "UTF-8", "UTF-8", ("800",)),
    ]
    assert parse("+a.example,UTF-8") == [Defect(here, "2 fields instead of 8")]


def test_a_file_is_read_whatever_its_encoding(tmp_path: Path) -> None:
    for encoding in ("ascii", "utf-16", "utf-8-sig"):
        path = tmp_path / "imc.txt"
        path.write_bytes(SAVED.replace("\n", "\r\n").encode(encoding))
        file = EvidenceFile(path, "imc.txt", 0, InputKind.IMC_SETTINGS, Form.IMC_SETTINGS)
        assert list(read_imc_settings(file)) == parse(SAVED)


def test_a_file_that_is_not_there_is_one_defect(tmp_path: Path) -> None:
    path = tmp_path / "imc.txt"
    file = EvidenceFile(path, "imc.txt", 0, InputKind.IMC_SETTINGS, Form.IMC_SETTINGS)
    assert list(read_imc_settings(file)) == [
        Defect(Location("imc.txt"), "No such file or directory")
    ]


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_no_text_raises(text: str) -> None:
    for one in (*parse(text), *parse("+" + text)):
        assert isinstance(one, CharacterSets | Defect)
