"""Files encoded in the text of a mail: left out of it, and nothing else with them."""

from __future__ import annotations

import binascii
import random
import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.readers.encoded_blocks import TextOutsideFiles

CHANCE = random.Random(1996)
CONTENT = CHANCE.randbytes(1000)
UU_LINES = [binascii.b2a_uu(CONTENT[at : at + 45]) for at in range(0, len(CONTENT), 45)]
UU = b"begin 644 report.doc\n" + b"".join(UU_LINES) + b"`\nend\n"
BINHEX = (
    b"(This file must be converted with BinHex 4.0)\n\n:"
    + b"#" * 63 + b"\n" + b"$f*TEQKPH" * 7 + b"d\n" + b"!!!:\n"
)  # fmt: skip
YENC = (
    b"=ybegin line=128 size=300 name=picture one.jpg\n"
    + b"\xfe" * 128 + b"\n" + b"\x8a" * 129 + b"\n" + b"\xc0" * 44 + b"\n"
    + b"=yend size=300 crc32=deadbeef\n"
)  # fmt: skip


def outside(blocks: Iterable[bytes]) -> tuple[bytes, bool]:
    text = TextOutsideFiles(blocks)
    return b"".join(text), text.left_out


def cut_up(text: bytes, size: int) -> list[bytes]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize("file", [UU, BINHEX, YENC], ids=["uuencode", "BinHex", "yEnc"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_file_between_two_texts_is_left_out(file: bytes, end: bytes) -> None:
    text = (b"Here it is:\n\n" + file + b"\nGr\xfc\xdfe\n").replace(b"\n", end)
    for size in (1, 2, 61, 1000, len(text)):
        left, left_out = outside(cut_up(text, size))
        assert left.split() == [b"Here", b"it", b"is:", b"Gr\xfc\xdfe"]
        assert left_out


@pytest.mark.parametrize("file", [UU, BINHEX, YENC], ids=["uuencode", "BinHex", "yEnc"])
def test_a_file_that_is_cut_off_leaves_nothing_behind(file: bytes) -> None:
    assert outside([b"Text\n" + file[: len(file) - 30]]) == (b"Text\n", True)


def test_a_uuencoded_file_without_its_end_is_over_where_the_text_goes_on() -> None:
    unended = UU.removesuffix(b"`\nend\n")
    assert outside([unended, b"Gr\xfc\xdfe\nend\n"]) == (b"Gr\xfc\xdfe\nend\n", True)


def test_uuencoded_lines_whose_blanks_were_cut_off_belong_to_the_file() -> None:
    lines = [b"begin 644 zeros.bin", UU_LINES[0].rstrip(), b"M", b"M", b"%", b"", b"end", b"Text"]
    assert outside([b"\n".join(lines)])[0] == b"Text"


@pytest.mark.parametrize(
    "text",
    [
        b"begin 644 winmail.dat\nis the line that a uuencoded file begins with.\nGr\xfc\xdfe\n",
        b"begin 644 at once\n",
        b"begin 644 at once",
        b"We begin 644 of them today\n" + UU_LINES[0],
        b"It says\n(This file must be converted with BinHex 4.0)\nbut holds none: see above\n",
        b"(This file must be converted with BinHex 4.0)",
        b"(This file must be converted with BinHex 4.0)\n" + b"\n" * 400 + b":",
        b"=ybegin line=128 size=300 name=x\nis how yEnc begins.\nGr\xfc\xdfe\n",
        b"=ybegin with that\nGr\xfc\xdfe\n",
        b"end\n=yend size=4\n:\n",
        b"begin 644 " + b"x" * 5000 + b"\n" + UU_LINES[0],
    ],
)
def test_prose_that_speaks_of_such_files_stays(text: bytes) -> None:
    for size in (1, 7, len(text)):
        assert outside(cut_up(text, size)) == (text, False)


def test_two_files_may_follow_each_other() -> None:
    text = b"a\n" + UU + UU + b"b\n" + YENC + BINHEX + b"c"
    assert outside([text]) == (b"a\nb\nc", True)


def test_yenc_without_its_end_takes_no_more_than_its_size_can_make() -> None:
    unended = YENC.rpartition(b"=yend")[0]
    prose = b"There is more text than any such file can be.\n" * 400
    left, _ = outside([unended + prose])
    assert prose.endswith(left)
    assert len(left) > len(prose) - 6000


LINES = st.lists(
    st.sampled_from(
        [UU_LINES[0], UU_LINES[-1], b"begin 644 a\n", b"end\n", b"`\n", b"\n", b"\r\n", b"begin ",
         b"(This file must be converted with BinHex 4.0)\n", b":", b"#!!:\n", b"=ybegin line=3 ",
         b"size=6 name=b\n", b"abc\n", b"=yend size=6\n", b"=", b"y", b"Gr\xfc\xdfe\n", b"M" * 70]
    )
    | st.binary(max_size=5),
    max_size=25,
)  # fmt: skip


@given(LINES, st.integers(1, 50))
def test_any_bytes_give_the_same_in_blocks_of_any_size(lines: list[bytes], size: int) -> None:
    text = b"".join(lines)
    whole, left_out = outside([text])
    assert outside(cut_up(text, size)) == (whole, left_out)
    assert left_out or whole == text
    remaining = iter(text.split(b"\n"))
    assert all(line in remaining for line in whole.rstrip(b"\n").split(b"\n") if line)


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [b"begin 644 x\n", b"begin ", b"(This file must be converted with BinHex\n", b"=ybegin line=1 ",
     b"=ybegin line=1 size=1 name=\n", b":\n", b"\n", b"x", UU_LINES[0]],
)  # fmt: skip
def test_a_million_bytes_of_anything_take_no_long_time(line: bytes) -> None:
    text = line * (1_000_000 // len(line))
    began = time.perf_counter()
    kept = sum(map(len, TextOutsideFiles(cut_up(text, 1 << 16))))
    assert 0 <= kept <= len(text)
    assert time.perf_counter() - began < 10
