"""Whether two readings of the same bytes are one text to who reads them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.knowledge.same_text import looks_same


@pytest.mark.parametrize(
    "codecs",
    [
        ("cp932", "shift_jis", "shift_jis_2004"),
        ("euc_jp", "euc_jis_2004"),
        ("gbk", "gb2312", "gb18030"),
        ("cp950", "big5"),
        ("cp949", "euc_kr"),
    ],
    ids=lambda codecs: codecs[0],
)
def test_tables_of_one_charset_look_the_same(codecs: tuple[str, ...]) -> None:
    """Rows 89 and on of Shift_JIS 2004, and what no other table has, are texts of their own."""
    pairs = [bytes((lead, trail)) for lead in range(0x81, 0xED) for trail in range(0x40, 0xFF)]
    for content in pairs:
        texts = set()
        for codec in codecs:
            try:
                texts.add(content.decode(codec))
            except UnicodeDecodeError:
                continue
        singles = [text for text in texts if len(text) == 1]
        if codecs[0] == "cp950" and content[0] in (0xC6, 0xC7):
            continue
        assert all(looks_same(one, other) for one, other in pairwise(singles)), content.hex()


def test_marks_and_line_ends_do_not_count_and_letters_do() -> None:
    assert looks_same("\ufeffa\r\nb\rc", "a\nb\nc")
    assert not looks_same("a\n\nb", "a\nb")
    assert not looks_same("Привет", "оПХБЕР")
    assert not looks_same("é", "e")
    assert not looks_same("", "a")


@given(st.text(), st.text())
def test_any_text_looks_as_itself_and_the_order_of_two_does_not_count(a: str, b: str) -> None:
    assert looks_same(a, a)
    assert looks_same(a, "\ufeff" + a) or a.startswith("\ufeff")
    assert looks_same(a, b) is looks_same(b, a)
