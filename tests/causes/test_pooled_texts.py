"""Several texts of one origin, and the one charset that they are most probably in."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.causes.pooled_texts import UncertainText, real_charset
from imctool.causes.text_check import judge
from imctool.knowledge.charsets import preferred_name

RUSSIAN = (
    "Добрый день, уважаемые коллеги. Завтра мы встречаемся в Москве, как и было решено.",
    "Счёт за прошлый месяц ещё не оплачен, просим вас проверить это до конца недели.",
    "Мы получили вашу посылку и благодарим за быструю доставку в наш город.",
)
GERMAN = (
    "Schöne Grüße aus Köln, wir hören uns übermorgen, wenn die Züge wieder fahren.",
    "Für Rückfragen stehen wir Ihnen während der üblichen Geschäftszeiten zur Verfügung.",
)
SHORT = ("Привет, Анна", "До встречи", "Спасибо вам", "Жду ответа", "Ещё вопрос")


def texts(written: tuple[str, ...], codec: str) -> list[UncertainText]:
    """Return the texts as they are judged without a label."""
    return [as_judged(one.encode(codec)) for one in written]


def as_judged(content: bytes) -> UncertainText:
    judgement = judge(content, None, may_be_cut=True)
    return UncertainText(judgement.detected, judgement.sure, content[:256])


def name_of(pooled: list[UncertainText]) -> str | None:
    found = real_charset(pooled)
    return None if found is None else preferred_name(found.charset)


def test_texts_of_one_charset_are_in_that_charset() -> None:
    found = real_charset(texts(RUSSIAN, "koi8_r"))
    assert found is not None
    assert preferred_name(found.charset) == "KOI8-R"
    assert (found.serves, found.texts) == (3, 3)


def test_no_text_has_no_charset() -> None:
    assert real_charset([]) is None
    assert real_charset([UncertainText(None, False, b"\xff\xfe\xfd")]) is None


def test_the_many_outvote_the_one() -> None:
    found = real_charset(texts(RUSSIAN, "koi8_r") + texts(GERMAN[:1], "latin_1"))
    assert found is not None
    assert preferred_name(found.charset) == "KOI8-R"
    assert (found.serves, found.texts) == (3, 4)


def test_a_charset_that_serves_all_wins_over_what_most_were_read_as() -> None:
    """Two mails read as ISO-8859-1, one has a Euro: windows-1252 reads all three."""
    pooled = texts(GERMAN, "latin_1") + texts(
        ("Das kostet nur noch 10 € für die Gäste.",), "cp1252"
    )
    found = real_charset(pooled)
    assert found is not None
    assert (found.serves, found.texts) == (3, 3)


def test_a_short_text_goes_with_the_others_of_its_sender() -> None:
    short = as_judged("Привет".encode("cp1251"))
    assert not short.sure
    assert name_of([short, *texts(RUSSIAN, "cp1251")]) == "windows-1251"


def test_a_text_wrongly_read_for_sure_is_not_served_by_the_others() -> None:
    wrong = UncertainText("windows-1251", True, RUSSIAN[0].encode("koi8_r"))
    found = real_charset([wrong, *texts(RUSSIAN, "koi8_r")])
    assert found is not None
    assert (found.serves, found.texts) == (3, 4)


def test_several_short_texts_together_tell_what_each_one_does_not() -> None:
    pooled = [as_judged(word.encode("koi8_r")) for word in SHORT]
    assert not any(one.sure for one in pooled)
    assert name_of(pooled) in {"KOI8-R", "KOI8-U"}


def test_of_two_charsets_that_read_alike_the_commoner_one_is_told() -> None:
    """Page 20866 is on every server, 21866 is not."""
    assert name_of([as_judged(word.encode("koi8_r")) for word in SHORT]) == "KOI8-R"


def test_texts_without_bytes_count_by_what_they_were_read_as() -> None:
    """Of a header field nothing is kept but the charset told."""
    assert name_of([UncertainText("KOI8-R", True, b"")] * 2) == "KOI8-R"


def test_the_order_of_the_texts_does_not_matter() -> None:
    pooled = texts(RUSSIAN[:2], "koi8_r") + texts(GERMAN, "cp1252")
    assert name_of(pooled) == name_of(pooled[::-1])


def test_more_texts_than_are_looked_at_change_nothing() -> None:
    found = real_charset(texts(RUSSIAN, "koi8_r") * 100)
    assert found is not None
    assert found.texts == 50
    assert preferred_name(found.charset) == "KOI8-R"


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            UncertainText,
            st.sampled_from([None, "KOI8-R", "UTF-8", "Shift_JIS", "no charset", "UTF-16", ""]),
            st.booleans(),
            st.binary(max_size=60),
        ),
        max_size=6,
    )
)
def test_any_texts_have_a_charset_or_none(pooled: list[UncertainText]) -> None:
    found = real_charset(pooled)
    if found is not None:
        assert 0 <= found.serves <= found.texts <= len(pooled)
