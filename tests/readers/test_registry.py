"""Registry exports: what Regedit and Regedt32 write, in their own notations."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind, Location
from imctool.model.settings import RegistryValue
from imctool.readers.registry import Data, parse_registry_text, read_registry_text

KEY = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\MSExchangeIMC\Parameters"

NT4 = rf"""REGEDIT4

; exported before the repair
[{KEY}]
@="none"
"RootDir"="C:\\exchsrvr\\imcdata"
"ResolveP2"=dword:00000001
"Say \"hi\""="a \"b\" ; c" ; a comment
"TurfDir"=hex(2):25,54,45,4d,50,25,00
"TurfTable"=hex(7):40,61,2e,63,6f,6d,00,62,\
  40,63,2e,63,6f,6d,00,\
  00
"Blob"=hex:de,ad,be,ef
"Removed"=-

[-{KEY}\Old]
"Gone"="x"

[{KEY}\Extension]
"InboundPrepend"=dword:0000000a
"""

NT5 = rf"""Windows Registry Editor Version 5.00

[{KEY}]
"Path"=hex(2):25,00,54,00,25,00,00,00
"Table"=hex(7):61,00,00,00,e9,00,00,00,00,00
"Text"=hex(1):61,00,0d,00,0a,00,62,00,00,00
"Number"=hex(4):0a,00,00,00
"Large"=hex(b):01,00,00,00,00,00,00,00
"""

SUBTREE = f"""Key Name:          {KEY}
Class Name:        <NO CLASS>
Last Write Time:   5/13/98 - 10:11 AM
Value 0
  Name:            <NO NAME>
  Type:            REG_SZ
  Data:            none

Value 1
  Name:            ResolveP2
  Type:            REG_DWORD
  Data:            0x1

Value 2
  Name:            TurfTable
  Type:            REG_MULTI_SZ
  Data:            @a.com
                   b@c.com

Value 3
  Name:            Blob
  Type:            REG_BINARY
  Data:
00000000   01 00 14 80 a0 00 00 00 - ac 00 00 00 14 00 de ad  ................
00000010   be ef                                              ab


Key Name:          {KEY}\\Extension
Class Name:        <NO CLASS>
Last Write Time:   5/13/98 - 10:11 AM
Value 0
  Name:            Log
  Type:            REG_EXPAND_SZ
  Data:            %SystemRoot%\\log
"""


def parse(text: str) -> list[RegistryValue | Defect]:
    """Return what the lines of ``text`` hold."""
    return list(parse_registry_text(enumerate(text.split("\n"), start=1), "imc.reg"))


def values(text: str) -> dict[str, Data]:
    """Return data by value name; the text has to be without a defect."""
    found = parse(text)
    assert not [one for one in found if isinstance(one, Defect)]
    return {one.name: one.data for one in found if isinstance(one, RegistryValue)}


def defects(text: str) -> list[tuple[int | None, str]]:
    """Return line and reason of each defect."""
    return [(one.location.line, one.reason) for one in parse(text) if isinstance(one, Defect)]


def under_key(line: str, header: str = "REGEDIT4") -> str:
    """Return an export of one value."""
    return f"{header}\n[{KEY}]\n{line}"


ZONE = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\TimeZoneInformation"

ZONE_VALUES: dict[str, Data] = {
    "Bias": 0xFFFFFFC4,
    "StandardName": "W. Europe Standard Time",
    "StandardStart": bytes.fromhex("00000a00050003000000000000000000"),
    "DaylightBias": 0xFFFFFFC4,
}

ZONE_EXPORT = rf"""REGEDIT4

[{ZONE}]
"Bias"=dword:ffffffc4
"StandardName"="W. Europe Standard Time"
"StandardStart"=hex:00,00,0a,00,05,00,03,00,00,00,00,00,00,00,00,00
"DaylightBias"=dword:ffffffc4
"""

ZONE_SUBTREE = f"""Key Name:          {ZONE.removeprefix("HKEY_LOCAL_MACHINE" + chr(92))}
Class Name:        <NO CLASS>
Last Write Time:   3/29/98 - 3:00 AM
Value 0
  Name:            Bias
  Type:            REG_DWORD
  Data:            0xffffffc4

Value 1
  Name:            StandardName
  Type:            REG_SZ
  Data:            W. Europe Standard Time

Value 2
  Name:            StandardStart
  Type:            REG_BINARY
  Data:            {""}
00000000   00 00 0a 00 05 00 03 00 - 00 00 00 00 00 00 00 00  ................

Value 3
  Name:            DaylightBias
  Type:            REG_DWORD
  Data:            0xffffffc4

"""


class TestRegedit:
    def test_regedit4_keeps_texts_as_ansi(self) -> None:
        assert values(NT4) == {
            "": "none",
            "RootDir": r"C:\exchsrvr\imcdata",
            "ResolveP2": 1,
            'Say "hi"': 'a "b" ; c',
            "TurfDir": "%TEMP%",
            "TurfTable": ("@a.com", "b@c.com"),
            "Blob": b"\xde\xad\xbe\xef",
            "InboundPrepend": 10,
        }

    def test_version_5_keeps_texts_as_utf_16(self) -> None:
        assert values(NT5) == {
            "Path": "%T%",
            "Table": ("a", "é"),
            "Text": "a\r\nb",
            "Number": 10,
            "Large": b"\1\0\0\0\0\0\0\0",
        }

    @pytest.mark.parametrize("written", ["", "00,00", "00,00,00,00"])
    def test_a_list_of_no_texts_is_empty(self, written: str) -> None:
        header = "Windows Registry Editor Version 5.00"
        assert values(under_key(f'"Table"=hex(7):{written}', header)) == {"Table": ()}

    def test_a_value_stands_under_its_key_and_the_line_it_begins_on(self) -> None:
        found = [one for one in parse(NT4) if isinstance(one, RegistryValue)]
        assert found[0].key == KEY
        assert found[5].location == Location("imc.reg", line=10)
        assert found[-1].key == rf"{KEY}\Extension"

    def test_a_text_may_go_on_over_lines(self) -> None:
        text = under_key('"Disclaimer"="first\n\nsecond \\"quoted\\""\n"Next"="x"')
        assert values(text) == {"Disclaimer": 'first\n\nsecond "quoted"', "Next": "x"}

    @pytest.mark.parametrize("value", ['"Cut"="no end', '"Cut"=hex:01,02,\\'])
    def test_a_cut_value_costs_only_itself(self, value: str) -> None:
        text = under_key(value + f"\n[{KEY}\\Extension]\n" + '"Next"="x"')
        defect, found = parse(text)
        assert isinstance(defect, Defect)
        assert isinstance(found, RegistryValue)
        assert (found.key, found.name) == (rf"{KEY}\Extension", "Next")

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("nonsense", "neither key nor value"),
            ('"A"=qword:1', "value in an unknown notation"),
            ('"A"=hex:1,zz', "value in an unknown notation"),
            ('"A"=dword:123456789', "value in an unknown notation"),
            ('"A"="no end', "value in an unknown notation"),
            ("[HKEY_LOCAL_MACHINE", "key without its closing bracket: its values are left out"),
        ],
    )
    def test_what_is_no_value_is_a_defect(self, line: str, reason: str) -> None:
        assert defects(under_key(line)) == [(3, reason)]

    def test_a_value_before_any_key_is_a_defect(self) -> None:
        assert defects('REGEDIT4\n"A"="b"') == [(2, "value outside of any key")]

    def test_without_a_header_the_width_of_characters_is_not_guessed(self) -> None:
        text = f'[{KEY}]\n"A"=hex(7):61,00,00,00\n"B"="c"'
        assert defects(text) == [(1, "no registry header: texts written as bytes are left so")]
        assert [one.data for one in parse(text) if isinstance(one, RegistryValue)] == [
            b"a\0\0\0",
            "c",
        ]


class TestTimeZone:
    """The values that the server's clock is told by, in each notation."""

    @pytest.mark.parametrize("text", [ZONE_EXPORT, ZONE_SUBTREE], ids=["regedit", "regedt32"])
    def test_numbers_and_dates_are_read(self, text: str) -> None:
        assert values(text) == ZONE_VALUES

    def test_a_date_may_go_on_over_lines(self) -> None:
        date = '"StandardStart"=hex:00,00,0a,00,05,00,03,\\\n  00,00,00,00,00,00,00,00,00'
        assert values(under_key(date)) == {"StandardStart": ZONE_VALUES["StandardStart"]}


class TestRegedt32:
    def test_a_subtree_is_read(self) -> None:
        assert values(SUBTREE) == {
            "": "none",
            "ResolveP2": 1,
            "TurfTable": ("@a.com", "b@c.com"),
            "Blob": bytes.fromhex("01001480a0000000ac0000001400deadbeef"),
            "Log": r"%SystemRoot%\log",
        }

    def test_a_value_stands_under_its_key_and_the_line_of_its_name(self) -> None:
        found = [one for one in parse(SUBTREE) if isinstance(one, RegistryValue)]
        assert [one.key for one in found] == [*[KEY] * 4, rf"{KEY}\Extension"]
        assert found[1].location == Location("imc.reg", line=10)

    def test_data_that_cannot_be_read_are_a_defect(self) -> None:
        text = SUBTREE.replace("00000010   be", "00000020   be").replace("0x1", "one")
        assert [reason for _, reason in defects(text)] == [
            "REG_DWORD without data that can be read",
            "REG_BINARY without data that can be read",
        ]

    def test_a_line_out_of_place_is_a_defect(self) -> None:
        assert defects(f"Key Name: {KEY}\nnonsense") == [(2, "neither key nor value")]


class TestFiles:
    @pytest.mark.parametrize(
        ("text", "encoding"), [(NT4, "cp1252"), (NT5, "utf-16"), (NT5, "utf-8"), (SUBTREE, "ascii")]
    )
    def test_a_file_is_read_whatever_its_encoding(
        self, tmp_path: Path, text: str, encoding: str
    ) -> None:
        path = tmp_path / "imc.reg"
        path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
        file = EvidenceFile(path, "imc.reg", 0, InputKind.REGISTRY, Form.REGISTRY_TEXT)
        assert list(read_registry_text(file)) == parse(text)

    def test_a_file_that_is_not_there_is_one_defect(self, tmp_path: Path) -> None:
        path = tmp_path / "imc.reg"
        file = EvidenceFile(path, "imc.reg", 0, InputKind.REGISTRY, Form.REGISTRY_TEXT)
        assert list(read_registry_text(file)) == [
            Defect(Location("imc.reg"), "No such file or directory")
        ]


class TestAnyText:
    @settings(max_examples=80, deadline=None)
    @given(st.sampled_from([NT4, NT5, SUBTREE, ""]), st.integers(0, 900), st.text(max_size=40))
    def test_none_raises(self, text: str, at: int, damage: str) -> None:
        for one in parse(text[:at] + damage + text[at:]):
            assert isinstance(one, RegistryValue | Defect)

    @settings(max_examples=80, deadline=None)
    @given(st.text(st.characters(exclude_categories=["Cs", "Cc"])), st.integers(0, 2**32 - 1))
    def test_texts_and_numbers_come_back_as_they_were(self, text: str, number: int) -> None:
        written = text.replace("\\", "\\\\").replace('"', '\\"')
        lines = f'"{written}"="{written}"\n"{written}2"=dword:{number:08x}'
        assert values(under_key(lines)) == {text: text, f"{text}2": number}

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "line",
        [
            '"' + "a\\" * 300_000,
            '"a"=' + " " * 500_000 + "x",
            '"a"="' + '\\"' * 300_000,
            f"Key Name:{' ' * 500_000}\n  Name:{' ' * 500_000}x",
        ],
    )
    def test_hostile_lines_take_linear_time(self, line: str) -> None:
        assert len(parse(line)) <= 2
