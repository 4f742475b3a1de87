"""Lists of recipients as people and spreadsheets write them."""

from __future__ import annotations

import codecs
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.model.evidence import Defect, Location
from imctool.model.ndr import FailedRecipient
from imctool.repair.recipient_lists import LONGEST_LINE, read_already, read_failed

pytestmark = pytest.mark.slow

Read = list[tuple[str, str, str] | str]


def listed(tmp_path: Path, content: bytes) -> Read:
    """The recipients of a list, and the line numbers with what is wrong there."""
    path = tmp_path / "list"
    path.write_bytes(content)
    return [
        f"{one.location}: {one.reason}"
        if isinstance(one, Defect)
        else (one.address, one.reason, one.status)
        for one in read_failed(path, "list")
    ]


def alone(*addresses: str) -> Read:
    return [(one, "", "") for one in addresses]


def test_one_address_a_line_with_comments_and_blank_lines(tmp_path: Path) -> None:
    content = b"# who failed\r\n\r\nanna@x.example\r\n  ben@x.example \r\n#eve@x.example\r\n"
    assert listed(tmp_path, content) == alone("anna@x.example", "ben@x.example")
    assert listed(tmp_path, content.replace(b"\r\n", b"\n").rstrip()) == alone(
        "anna@x.example", "ben@x.example"
    )
    assert listed(tmp_path, b"") == []


def test_two_columns_need_no_header(tmp_path: Path) -> None:
    assert listed(
        tmp_path,
        b"anna@x.example,Unknown Recipient\n"
        b'ben@x.example, "full, and closed"\n'
        b"carl@x.example,550 5.1.1 no such user,5.1.1\n"
        b"dora@x.example\n",
    ) == [
        ("anna@x.example", "Unknown Recipient", ""),
        ("ben@x.example", "full, and closed", ""),
        ("carl@x.example", "550 5.1.1 no such user", "5.1.1"),
        ("dora@x.example", "", ""),
    ]


def test_a_header_names_the_columns_in_any_order_and_letter_case(tmp_path: Path) -> None:
    assert listed(
        tmp_path, b"# list\nStatus,ADDRESS,when,Reason\n5.1.1,anna@x.example,today,gone\n"
    ) == [("anna@x.example", "gone", "5.1.1")]
    assert listed(tmp_path, b"address\nanna@x.example\n") == alone("anna@x.example")
    assert listed(tmp_path, b"Reason,Address\ngone,anna@x.example\nben@x.example\n") == [
        ("anna@x.example", "gone", ""),
        "list:3: the address is empty",
    ]


def test_brackets_and_the_type_of_an_address_fall_away(tmp_path: Path) -> None:
    assert listed(tmp_path, b"<anna@x.example>\nSMTP:ben@x.example\n<c@x.example>,gone\n") == [
        *alone("anna@x.example", "ben@x.example"),
        ("c@x.example", "gone", ""),
    ]


def test_a_quoted_local_part_is_no_quoted_column(tmp_path: Path) -> None:
    assert listed(
        tmp_path,
        b'"Smith, J"@x.example\n"Smith, J"@x.example,gone\n"""Smith, J""@x.example",gone\n'
        b'"broken, address@x.example",gone\n',
    ) == [
        ('"Smith, J"@x.example', "", ""),
        ('"Smith, J"@x.example', "gone", ""),
        ('"Smith, J"@x.example', "gone", ""),
        ("broken, address@x.example", "gone", ""),
    ]


def test_8_bit_addresses_keep_their_bytes_and_reasons_their_text(tmp_path: Path) -> None:
    utf_8, latin = "jörg@x.example,fällt aus\n".encode(), "jörg@x.example,fällt aus\n".encode("l1")
    raw = "jörg@x.example".encode().decode("latin-1")
    assert listed(tmp_path, utf_8) == [(raw, "fällt aus", "")]
    assert listed(tmp_path, codecs.BOM_UTF8 + utf_8) == [(raw, "fällt aus", "")]
    assert listed(tmp_path, latin) == [("jörg@x.example", "fällt aus", "")]
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        utf_16 = mark + utf_8.decode().replace("\n", "\r\n").encode(name)
        assert listed(tmp_path, utf_16) == [(raw, "fällt aus", "")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"no address", "the column of addresses"),
        (b"anna", "the column of addresses"),
        (b"anna@x.example;gone", "the column of addresses"),
        (b"Anna <anna@x.example>", "the column of addresses"),
        (b"anna@x.example ben@x.example", "the column of addresses"),
        (b",gone", "the address is empty"),
        (b"anna@x\0.example", "control character"),
        (b"an\rna@x.example", "neither an address nor"),
        (b'"anna@x.example', "neither an address nor"),
        (b"anna@x.example,a,b,c", "4 columns"),
        (b"anna@x.example,gone,forever", "no status of a failure"),
        (b"anna@x.example,gone,2.0.0", "no status of a failure"),
        (b"x" * LONGEST_LINE + b"@x.example", "more than 65,536 bytes"),
        (b"x" * 1000 + b"@x.example", "too long for a line"),
        (b"an\xc2\x85na@x.example", "control character"),  # U+0085 in UTF-8
    ],
)
def test_a_wrong_line_is_told_with_its_number_and_costs_no_other(
    tmp_path: Path, line: bytes, why: str
) -> None:
    first, wrong, last = listed(tmp_path, b"a@x.example\n" + line + b"\nz@x.example\n")
    assert [first, last] == alone("a@x.example", "z@x.example")
    assert isinstance(wrong, str)
    assert wrong.startswith("list:2: ")
    assert why in wrong


def test_a_list_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (one,) = read_failed(tmp_path / "none", "none")
    assert isinstance(one, Defect)
    assert one.location == Location("none")
    assert "cannot be read" in one.reason
    (other,) = read_already(tmp_path)
    assert isinstance(other, Defect)


def test_those_reached_before_are_addresses_of_the_same_form(tmp_path: Path) -> None:
    path = tmp_path / "already"
    path.write_bytes(b"address,time\nanna@x.example,09:12\n#\nwrong\nben@x.example,x,y\n<c@d>\n")
    read = list(read_already(path, "already"))
    assert [one for one in read if isinstance(one, str)] == ["anna@x.example", "c@d"]
    assert [str(one.location) for one in read if isinstance(one, Defect)] == [
        "already:4",
        "already:5",
    ]


@given(st.lists(st.sampled_from(
    [b"a@b", b",", b'"', b"\n", b"\r\n", b"#", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"address",
     b"<", b">", b"\\", b" ", b"5.1.1", b"@", b"\xe9"]) | st.binary(max_size=9), max_size=40,
).map(b"".join))  # fmt: skip
def test_any_bytes_are_read_and_no_address_can_end_a_line(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "list")
        path.write_bytes(content)
        for one in read_failed(path):
            if isinstance(one, FailedRecipient):
                assert not set(one.address) & set("\r\n\0")
                assert "@" in one.address
        assert len(list(read_already(path))) <= content.count(b"\n") + 1


@pytest.mark.slow
def test_a_million_lines_are_streamed(tmp_path: Path) -> None:
    path = tmp_path / "list"
    with path.open("w") as stream:
        stream.writelines(f"user{number}@x.example,gone\n" for number in range(1_000_000))
    read = read_failed(path)
    for _ in range(900_000):
        assert isinstance(next(read), FailedRecipient)
    tracemalloc.start()
    count = sum(1 for one in read if isinstance(one, FailedRecipient))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 100_000
    assert peak < 1 << 20
