"""Registry hives: what is read of a machine's registry, and of what is left of one."""

from __future__ import annotations

import lzma
import re
import struct
import sys
from pathlib import Path
from time import perf_counter

import pytest
from hive_builder import (
    BINS,
    ROOT,
    Key,
    Value,
    binary,
    build_hive,
    number,
    sealed,
    text,
    texts,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind, Location
from imctool.model.settings import RegistryValue
from imctool.readers.registry import Data, parse_registry_text
from imctool.readers.registry_hive import SUBTREES, read_registry_hive, scan_hive

pytest.importorskip("regipy")

from regipy.registry import NKRecord, RegistryHive

pytestmark = pytest.mark.slow

MACHINE = "HKEY_LOCAL_MACHINE"
CURRENT = rf"{MACHINE}\SYSTEM\CurrentControlSet"
IMC = r"Services\MSExchangeIMC\Parameters"
ZONE = r"Control\TimeZoneInformation"
DATE = bytes.fromhex("00000a00050002000000000000000000")


def system(current: int = 2) -> Key:
    """Return the root of a SYSTEM hive of two control sets, as a machine has them."""
    root = Key("$$$PROTO.HIV")
    for one, zone in (("ControlSet001", "Pacific"), ("ControlSet002", "Eastern")):
        control_set = root.below(one)
        control_set.below(ZONE).values = [
            number("Bias", 300),
            number("DaylightBias", -60),
            binary("StandardStart", DATE),
            text("StandardName", f"{zone} Standard Time"),
        ]
        control_set.below(r"Control\Nls\CodePage").values = [
            text("1252", "c_1252.nls"),
            text("932", ""),
        ]
        control_set.below(r"Control\Windows").values = [text("Directory", "%SystemRoot%")]
        control_set.below(IMC).values = [
            text("", "none"),
            texts("TurfTable", "@a.com", "b@c.com"),
            number("ResolveP2", 1),
        ]
        control_set.below(r"Services\Tcpip\Parameters").values = [text("Domain", "a.com")]
    root.below("Select").values = [number("Current", current), number("Default", 1)]
    return root


def found(hive: bytes) -> dict[tuple[str, str], Data]:
    """Return data by key and name; the hive has to be without a defect."""
    read = list(scan_hive(hive, "SYSTEM"))
    assert not [one for one in read if isinstance(one, Defect)]
    return {(one.key, one.name): one.data for one in read if isinstance(one, RegistryValue)}


def values(hive: bytes) -> dict[tuple[str, str], Data]:
    """Return data by key and name, defects or not."""
    read = scan_hive(hive, "SYSTEM")
    return {(one.key, one.name): one.data for one in read if isinstance(one, RegistryValue)}


def defects(hive: bytes) -> list[str]:
    return [one.reason for one in scan_hive(hive, "SYSTEM") if isinstance(one, Defect)]


def changed(hive: bytes, at: int, new: bytes) -> bytes:
    return hive[:at] + new + hive[at + len(new) :]


class TestSystem:
    def test_the_current_control_set_is_read_as_regedit_exports_it(self) -> None:
        assert found(build_hive(system())) == {
            (rf"{CURRENT}\{ZONE}", "Bias"): 300,
            (rf"{CURRENT}\{ZONE}", "DaylightBias"): 0xFFFFFFC4,
            (rf"{CURRENT}\{ZONE}", "StandardStart"): DATE,
            (rf"{CURRENT}\{ZONE}", "StandardName"): "Eastern Standard Time",
            (rf"{CURRENT}\Control\Nls\CodePage", "1252"): "c_1252.nls",
            (rf"{CURRENT}\Control\Nls\CodePage", "932"): "",
            (rf"{CURRENT}\{IMC}", ""): "none",
            (rf"{CURRENT}\{IMC}", "TurfTable"): ("@a.com", "b@c.com"),
            (rf"{CURRENT}\{IMC}", "ResolveP2"): 1,
        }

    @pytest.mark.parametrize(("current", "zone"), [(1, "Pacific"), (2, "Eastern")])
    def test_select_names_the_control_set(self, current: int, zone: str) -> None:
        read = found(build_hive(system(current)))
        assert read[rf"{CURRENT}\{ZONE}", "StandardName"] == f"{zone} Standard Time"

    def test_without_the_selected_control_set_the_first_is_read_under_its_own_name(self) -> None:
        hive = build_hive(system(current=3))
        assert defects(hive) == [
            r"Select\Current names no control set that is there: ControlSet001 is read"
        ]
        first = rf"{MACHINE}\SYSTEM\ControlSet001\{ZONE}"
        assert values(hive)[first, "StandardName"] == "Pacific Standard Time"
        assert not [key for key, _ in values(hive) if key.startswith(CURRENT)]

    def test_a_value_is_located_by_the_offset_of_its_cell(self) -> None:
        hive = build_hive(system())
        for one in scan_hive(hive, "SYSTEM"):
            assert isinstance(one, RegistryValue)
            assert one.location.offset is not None
            assert hive[one.location.offset + 4 :].startswith(b"vk")

    @pytest.mark.parametrize("leaf", [b"lf", b"lh", b"li", b"ri"])
    def test_every_kind_of_list_is_followed(self, leaf: bytes) -> None:
        root = system()
        services = root.below(r"ControlSet002\Services")
        services.leaf = leaf
        for name in ("MSExchangeIS", "MSExchangeMTA", "Beep"):
            services.below(name).values = [number("Start", 2)]
        read = found(build_hive(root))
        assert rf"{CURRENT}\Services\Beep" not in {key for key, _ in read}
        for name in ("MSExchangeIS", "MSExchangeMTA"):
            assert read[rf"{CURRENT}\Services\{name}", "Start"] == 2

    def test_names_keep_their_letters(self) -> None:
        root = system()
        root.below(rf"ControlSet002\{IMC}").values = [text("Größe", "a"), text("Ελλάδα", "b")]
        root.below(rf"ControlSet002\{IMC}\Übersicht").values = [number("日本", 3)]
        read = found(build_hive(root))
        assert read[rf"{CURRENT}\{IMC}", "Größe"] == "a"
        assert read[rf"{CURRENT}\{IMC}", "Ελλάδα"] == "b"
        assert read[rf"{CURRENT}\{IMC}\Übersicht", "日本"] == 3

    def test_data_have_the_types_that_an_export_has(self) -> None:
        """Each raw value is told by the hive as by an export that writes it as ``hex(n):``."""
        raw = [
            Value("Text", 1, "a\r\né\0".encode("utf-16-le")),
            Value("Expanding", 2, "%T%\0".encode("utf-16-le")),
            Value("Binary", 3, bytes(range(40))),
            Value("Number", 4, b"\x0a\0\0\0"),
            Value("Short number", 4, b"\x0a\0"),
            Value("Texts", 7, "a\0é\0\0".encode("utf-16-le")),
            Value("No texts", 7, "\0".encode("utf-16-le")),
            Value("Large", 11, bytes(8)),
            Value("Empty", 1, b""),
            Value("Odd", 1, b"a\0b"),
        ]
        root = system()
        root.below(rf"ControlSet002\{IMC}").values = raw
        lines = [f'"{one.name}"=hex({one.kind:x}):{one.data.hex(",")}' for one in raw]
        export = ["Windows Registry Editor Version 5.00", rf"[{CURRENT}\{IMC}]", *lines]
        told = list(parse_registry_text(enumerate(export, start=1), "imc.reg"))
        read = found(build_hive(root))
        assert len(told) == len(raw)
        for one in told:
            assert isinstance(one, RegistryValue)
            assert read[one.key, one.name] == one.data


class TestOtherHives:
    def test_software_is_known_by_its_keys(self) -> None:
        root = Key("$$$PROTO.HIV")
        root.below(r"Classes\MIME\Database\Charset\iso-8859-1").values = [number("Codepage", 1252)]
        root.below(r"Classes\.txt").values = [text("", "txtfile")]
        root.below(r"Microsoft\Windows NT\CurrentVersion").values = [text("CSDVersion", "SP 6")]
        zones = r"Microsoft\Windows NT\CurrentVersion\Time Zones\Eastern"
        root.below(zones).values = [text("Display", "(GMT-05:00) Eastern Time")]
        charset = rf"{MACHINE}\SOFTWARE\Classes\MIME\Database\Charset\iso-8859-1"
        assert found(build_hive(root)) == {
            (charset, "Codepage"): 1252,
            (rf"{MACHINE}\SOFTWARE\{zones}", "Display"): "(GMT-05:00) Eastern Time",
        }

    @pytest.mark.parametrize(
        ("root", "below", "key"),
        [
            ("MSExchangeIMC", "Parameters", rf"{CURRENT}\{IMC}"),
            ("Services", r"MSExchangeIMC\Parameters", rf"{CURRENT}\{IMC}"),
            ("Control", "TimeZoneInformation", rf"{CURRENT}\{ZONE}"),
            ("ControlSet001", IMC, rf"{MACHINE}\SYSTEM\ControlSet001\{IMC}"),
            (
                "CurrentVersion",
                r"Time Zones\Eastern",
                rf"{MACHINE}\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones\Eastern",
            ),
        ],
    )
    def test_a_saved_part_has_its_place_by_the_name_of_its_root(
        self, root: str, below: str, key: str
    ) -> None:
        part = Key(root)
        part.below(below).values = [number("Value", 1)]
        assert found(build_hive(part)) == {(key, "Value"): 1}

    def test_a_saved_subtree_holds_the_values_of_its_root(self) -> None:
        assert found(build_hive(Key("TimeZoneInformation", [number("Bias", 300)]))) == {
            (rf"{CURRENT}\{ZONE}", "Bias"): 300
        }

    @pytest.mark.parametrize("name", ["SAM", "Parameters", "CurrentVersion"])
    def test_any_other_hive_is_one_defect(self, name: str) -> None:
        root = Key(name)
        root.below("Users").values = [number("Value", 1)]
        assert list(scan_hive(build_hive(root), "x")) == [
            Defect(
                Location("x", offset=BINS + ROOT),
                "neither SYSTEM nor SOFTWARE hive, nor a saved part of them that is used: not read",
            )
        ]


class TestDamage:
    def test_a_hive_with_changes_still_to_be_written_is_told_and_read(self) -> None:
        hive = build_hive(system(), sequence=(8, 7))
        assert values(hive) == found(build_hive(system()))
        assert defects(hive) == [
            "hive was copied while it changed, or not closed: its last changes are not in it"
        ]

    def test_the_log_beside_a_hive_is_not_taken_for_one(self) -> None:
        log = build_hive(system())[:512] + b"DIRT" + bytes(508)
        assert defects(log) == [
            "log of a hive's last changes: holds no keys that could be read without the hive"
        ]

    def test_a_header_that_does_not_agree_with_its_checksum_is_told(self) -> None:
        hive = changed(build_hive(system()), 300, b"x")
        assert values(hive) == found(build_hive(system()))
        assert defects(hive) == ["the header does not agree with its checksum"]

    def test_garbage_in_the_name_of_the_file_costs_nothing(self) -> None:
        hive = changed(build_hive(system()), 48, b"\x00\xd8" * 32)
        assert found(sealed(hive)) == found(build_hive(system()))

    def test_the_first_key_stands_in_for_a_lost_root_offset(self) -> None:
        hive = sealed(changed(build_hive(system()), 36, b"\xf0\xff\xff\x7f"))
        assert found(hive) == found(build_hive(system()))

    @pytest.mark.parametrize("hive", [b"", b"regf", b"regf" + bytes(200), bytes(9000)])
    def test_what_is_no_hive_is_one_defect(self, hive: bytes) -> None:
        assert defects(hive) == ["no header of a hive where one should be"]

    def test_a_cut_hive_is_read_as_far_as_it_goes(self) -> None:
        root = system()
        root.subkeys.reverse()
        whole = build_hive(root)
        end = whole.index(b"TurfTable")
        cut = whole[:end]
        assert values(cut).items() < values(whole).items()
        assert values(cut)[rf"{CURRENT}\Control\Nls\CodePage", "1252"] == "c_1252.nls"
        assert rf"{CURRENT}\{IMC}" not in {key for key, _ in values(cut)}
        assert defects(cut) == [
            f"cut: {end} of {len(whole)} bytes are there",
            "key Parameters: not all values can be read, 0 could: offset outside of the hive",
        ]

    def test_a_lost_value_costs_only_itself(self) -> None:
        hive = build_hive(system())
        name = hive.rindex(b"DaylightBias")
        broken = changed(hive, name - 20, b"xx")
        assert values(broken).keys() == found(hive).keys() - {
            (rf"{CURRENT}\{ZONE}", "DaylightBias")
        }
        assert defects(broken) == [
            "key TimeZoneInformation: not all values can be read, 3 could: "
            "no value where one should be"
        ]

    def test_a_lost_key_costs_only_what_lies_below_it(self) -> None:
        hive = build_hive(system())
        node = hive.rindex(b"Control\0") - 76
        broken = changed(hive, node, b"kn")
        assert {key for key, _ in values(broken)} == {rf"{CURRENT}\{IMC}"}
        assert defects(broken) == [
            "key ControlSet002: not all subkeys can be read, 1 could: no key where one should be"
        ]

    @pytest.mark.parametrize(
        ("offset", "reason"),
        [
            (0x7FFFFFF8, "offset outside of the hive"),
            (33, "offset outside of the hive"),
            (ROOT, "cell that is in use elsewhere"),
        ],
    )
    def test_an_offset_that_leads_nowhere_is_told(self, offset: int, reason: str) -> None:
        hive = build_hive(system())
        node = hive.rindex(b"MSExchangeIMC") - 76
        broken = changed(hive, node + 28, struct.pack("<I", offset))
        assert defects(broken) == [
            f"key MSExchangeIMC: not all subkeys can be read, 0 could: {reason}"
        ]

    def test_a_value_is_never_made_of_less_than_its_data(self) -> None:
        hive = build_hive(system())
        node = hive.rindex(b"StandardStart") - 20
        broken = changed(hive, node + 4, struct.pack("<I", 800))
        assert (rf"{CURRENT}\{ZONE}", "StandardStart") not in values(broken)
        assert defects(broken)[0].endswith("value without all of its data")

    def test_keys_that_lead_back_to_themselves_end(self) -> None:
        hive = build_hive(system())
        node = hive.rindex(b"MSExchangeIMC") - 76
        services = hive.rindex(b"Services") - 76
        (keys,) = struct.unpack_from("<I", hive, services + 28)
        broken = changed(hive, node + 28, struct.pack("<I", keys))
        assert "cell that is in use elsewhere" in defects(broken)[0]


class TestHostile:
    @pytest.mark.slow
    def test_lists_shared_by_thousands_of_keys_take_linear_time(self) -> None:
        root = Key("Services")
        long = root.below("MSExchangeIMC")
        long.subkeys = [Key(f"{one:05}") for one in range(20_000)]
        for one in range(8_000):
            root.subkeys.append(Key(f"MSExchange{one}"))
        hive = bytearray(build_hive(root))
        node = hive.index(b"MSExchangeIMC") - 76
        shared = bytes(hive[node + 28 : node + 32])
        for one in range(8_000):
            node = hive.index(f"MSExchange{one}".encode(), node) - 76
            hive[node + 20 : node + 24] = b"\x20\x4e\0\0"
            hive[node + 28 : node + 32] = shared
        begin = perf_counter()
        read = list(scan_hive(bytes(hive), "x"))
        assert perf_counter() - begin < 10
        assert 7_000 < len(read) < 9_000

    def test_a_value_shared_by_many_is_given_out_once(self) -> None:
        root = Key("MSExchangeIMC", [binary(str(one), bytes(4000)) for one in range(50)])
        hive = bytearray(build_hive(root))
        nodes = [one.start() for one in re.finditer(rb"vk[\x01\x02]\0\xa0\x0f", hive)]
        assert len(nodes) == 50
        for node in nodes:
            hive[node + 8 : node + 12] = hive[nodes[0] + 8 : nodes[0] + 12]
        assert list(values(bytes(hive)).values()) == [bytes(4000)]
        assert defects(bytes(hive)) == [
            "key MSExchangeIMC: not all values can be read, 1 could: cell that is in use elsewhere"
        ]

    def test_a_chain_of_keys_is_followed_to_a_sensible_depth(self) -> None:
        root = Key("MSExchangeIMC")
        root.below("\\".join(["Deeper"] * 100)).values = [number("Value", 1)]
        assert defects(build_hive(root)) == ["key Deeper: what lies below is not read"]

    @pytest.mark.slow
    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_no_damage_raises(self, data: st.DataObject) -> None:
        whole = build_hive(system())
        hive = bytearray(whole)
        used = len(whole.rstrip(b"\0"))
        words = st.one_of(
            st.binary(min_size=1, max_size=8),
            st.integers(0, used // 8).map(lambda one: struct.pack("<I", one * 8)),
            st.sampled_from(
                [b"\xff\xff\xff\xff", b"\0\0\0\x80", b"nk", b"vk", b"lf", b"ri", b"li"]
            ),
        )
        places = st.one_of(st.integers(0, 600), st.integers(BINS, used))
        for place, new in data.draw(st.lists(st.tuples(places, words), max_size=12)):
            hive[place : place + len(new)] = new
        cut = data.draw(st.sampled_from([len(hive)] * 4 + [used // 2, BINS + 40, 100]))
        read = list(scan_hive(bytes(hive[:cut]), "x"))
        assert len(read) < 200
        assert all(isinstance(one, RegistryValue | Defect) for one in read)

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=6000))
    def test_no_bytes_raise(self, content: bytes) -> None:
        for hive in (content, b"regf" + content, build_hive(Key("Services"))[:BINS] + content):
            assert all(isinstance(one, Defect) for one in scan_hive(hive, "x"))


class TestFiles:
    def file(self, path: Path) -> EvidenceFile:
        return EvidenceFile(path, "SYSTEM", 0, InputKind.REGISTRY, Form.REGISTRY_HIVE)

    def test_a_file_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "SYSTEM"
        path.write_bytes(build_hive(system()))
        assert list(read_registry_hive(self.file(path))) == list(
            scan_hive(path.read_bytes(), "SYSTEM")
        )

    def test_a_file_that_is_not_there_is_one_defect(self, tmp_path: Path) -> None:
        assert list(read_registry_hive(self.file(tmp_path / "SYSTEM"))) == [
            Defect(Location("SYSTEM"), "No such file or directory")
        ]

    def test_without_regipy_the_extra_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "regipy.structs", None)
        assert defects(build_hive(system())) == [
            'reading registry hives needs the package regipy: pip install "imctool[registry]"'
        ]


def by_regipy(path: Path, top: str, below: str) -> dict[tuple[str, str], object]:
    """Return what regipy reads below a key, by path from there and value name."""
    read: dict[tuple[str, str], object] = {}

    def walk(key: NKRecord, name: str) -> None:
        for value in key.iter_values(trim_values=False):
            value_name = "" if value.name == "(default)" else value.name
            read[name, value_name] = value.value
        for one in key.iter_subkeys():
            walk(one, rf"{name}\{one.name}")

    walk(RegistryHive(str(path)).get_key(top), below)
    return read


class TestAgainstRegipy:
    def test_regipy_reads_the_hives_of_these_tests(self, tmp_path: Path) -> None:
        root = system()
        for leaf, one in zip((b"lh", b"li", b"ri"), root.subkeys, strict=True):
            one.leaf = leaf
        path = tmp_path / "SYSTEM"
        path.write_bytes(build_hive(root))
        read = by_regipy(path, r"\ControlSet002", CURRENT)
        assert read[rf"{CURRENT}\Services\Tcpip\Parameters", "Domain"] == "a.com"
        for (key, name), data in found(path.read_bytes()).items():
            assert read[key, name] == (list(data) if isinstance(data, tuple) else data)

    def test_a_real_hive_is_read_as_regipy_reads_it(self, samples: Path, tmp_path: Path) -> None:
        path = tmp_path / "SYSTEM"
        path.write_bytes(lzma.decompress((samples / "hives/SYSTEM.xz").read_bytes()))
        ours = found(path.read_bytes())
        theirs: dict[tuple[str, str], object] = {}
        for one in SUBTREES[1:4]:
            below = one.removeprefix("SYSTEM\\CurrentControlSet")
            theirs |= by_regipy(path, rf"\ControlSet001{below}", rf"{MACHINE}\{one}")
        assert ours.keys() == theirs.keys()
        assert ours[rf"{CURRENT}\Control\Nls\CodePage", "ACP"] == "1252"
        assert ours[rf"{CURRENT}\Control\Nls\CodePage", "OEMCP"] == "437"
        # regipy leaves a text undecoded where what lies behind its NUL is not UTF-16
        undecoded = rf"{CURRENT}\{ZONE}", "TimeZoneKeyName"
        name = ours.pop(undecoded)
        assert isinstance(name, str)
        assert name.partition("\0")[0] == "Eastern Standard Time"
        del theirs[undecoded]
        assert ours == theirs


def test_what_causes_ask_of_the_registry_is_read_of_hives() -> None:
    """A cause that names a key outside of SUBTREES would never be told by a hive."""
    from imctool.knowledge import cause

    folder = Path(cause.__file__).parent / "causes"
    keys = {
        line.split("key = '")[1].split("'")[0]
        for path in folder.glob("*.toml")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "registry = { key = '" in line
    }
    assert keys
    assert all(key.startswith("MSExchange") for key in keys)
