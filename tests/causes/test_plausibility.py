"""Whether a text reads like something people write: its oddness, 0 to 1."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.causes.plausibility import LOOKED_AT, oddness

pytestmark = pytest.mark.slow

WRITTEN = {
    "Albanian": "Përshëndetje nga Tirana, çdo ditë",
    "Arabic": "مرحبا بالعالم؟ نعم، شكرا",
    "Bulgarian": "Здравейте от София, къде сте?",
    "Chinese": "你好，世界！「第一章」・ＡＢＣ",
    "Czech": "Žluťoučký kůň úpěl ďábelské ódy",
    "Danish": "Blåbærgrød på en ø i åen",
    "Esperanto": "Eĥoŝanĝo ĉiuĵaŭde",
    "Finnish": "Hyvää päivää, Åbo on Turku",
    "French": "Où est-ce ? À l’œuvre, déjà : « oui », Noël",
    "German": "„Schöne Grüße“ aus Köln, Ärger in ÖSTERREICH, Fußball",
    "Greek": "Καλημέρα κόσμε· τι κάνετε; Άνθρωποι",
    "Hebrew with points": "שָׁלוֹם עוֹלָם",
    "Hungarian": "Árvíztűrő tükörfúrógép",
    "Icelandic": "Þórður og Ægir á Íslandi",
    "Italian": "Perché no? È così, più o meno",
    "Japanese": "日本語の本文です。「はい」、カタカナとABCと半角ｱｲｳ",
    "Korean": "안녕하세요, 세계! Exchange 서버",
    "Latvian": "Sveiki, labdien, cik ļoti jauka diena Rīgā",
    "Maltese": "Għaċ-ċimiterju ta’ Ħal Għaxaq",
    "Polish": "Jak się masz, gęślą jaźń, „dobrze”",
    "Portuguese": "Não há ninguém: à avó, a 2ª e o 1º",
    "Romanian": "Ştefan și țara în care trăiește",
    "Russian": "Привет из Москвы — «да», №\u00a05, ёлка",
    "Spanish": "¿Qué tal? ¡Mañana! Año nuevo, 1º",
    "Swedish": "Ni är så snälla, säger ”Åsa” från Örebro",
    "Thai": "สวัสดีชาวโลก ที่นี่",
    "Turkish": "İstanbul'da ılık bir gün, şiş kebap",
    "Ukrainian": "Привіт, Київ! Є ґанок",
    "Vietnamese": "Tiê\u0301ng Viê\u0323t co\u0301 dâ\u0301u, đi vê\u0300",
    "Welsh": "Tŷ bach â dŵr",
}
"""Short texts; the marks of Vietnamese stand by themselves, as windows-1258 has them."""


@pytest.mark.parametrize("language", WRITTEN)
def test_nothing_that_a_language_writes_is_odd(language: str) -> None:
    assert oddness(WRITTEN[language]) == 0


@pytest.mark.parametrize(
    "quoted",
    [
        "“English” and ‘so’ on", "„deutsche“ und »andere«", "‚ein‘ Wort, ‹auch› dies",
        "« en français », «sans blanc»", "«\u00a0avec blanc\u00a0»", "„po polsku”", "”på svenska”",
        "»på dansk«", "«по-русски»", "It’s the dogs’ place, rock ’n’ roll", "l’été d’Hugo",
    ],
)  # fmt: skip
def test_every_language_quotes_in_its_own_way(quoted: str) -> None:
    assert oddness(quoted) == 0


@pytest.mark.parametrize(
    "text",
    [
        "Voilà\u00a0! Où\u00a0? Ici\u00a0: 20\u00a0%", "soft\u00adhyphen", "zero\u200cwidth",
        "10 € – 20€, £5, §7, © 1998", "Exchange® und Windows™", "x² + y³, 3½, 2 × 3 ± 4",
        "20° im Mai",
        "eins – zwei", "wait—what", "paral·lel", "1. • Punkt",
    ],
)  # fmt: skip
def test_blanks_dashes_and_signs_have_their_places(text: str) -> None:
    assert oddness(text) == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ausgewŠhlt", "a capital amid small letters"),
        ("v‘rdi", "a quotation mark inside a word"),
        ("caf‚", "an opening mark behind a letter"),
        ("word– more", "a dash at a word's end"),
        ("K\x94ln", "a control character"),
        ("Stra├e", "a frame's piece in a word"),
        ("na±ve", "a sign inside a word"),
        ("Приvет", "two scripts in one word"),
        ("Grüße или Яüя", "two scripts in one word"),
        ("Ïðèâåò", "a word of accented letters alone"),
        ("aéèêëb", "four accented letters in a row"),
        ("ÿÿÿÿ", "one letter again and again"),
        ("ALLEŠš", "a small letter behind capitals"),
        ("das ist Ö nicht", "a capital by itself"),
        ("łódź ångström ñandú", "letters that no one language shares"),
        ("αβγabc", "two scripts in one word"),
        ("\ufffd", "what stands for no character"),
    ],
)
def test_what_a_wrong_charset_leaves_behind_is_odd(text: str, why: str) -> None:
    assert oddness(text) > 0.2, why


@pytest.mark.parametrize(
    ("text", "written", "read"),
    [
        ("Привет из Москвы", "koi8_r", "cp1251"),
        ("Привет из Москвы", "cp1251", "koi8_r"),
        ("Привет из Москвы", "koi8_r", "latin_1"),
        ("Schöne Grüße aus Köln", "mac_roman", "cp1252"),
        ("Schöne Grüße aus Köln", "cp850", "cp1252"),
        ("Schöne Grüße aus Köln", "utf_8", "cp1252"),
        ("Zażółć gęślą jaźń", "iso8859_2", "cp1252"),
        ("Καλημέρα κόσμε", "iso8859_7", "cp1252"),
        ("日本語の本文です", "cp932", "cp1252"),
        ("안녕하세요", "cp949", "cp1251"),
    ],
)
def test_a_wrong_reading_is_odder_than_the_right_one(text: str, written: str, read: str) -> None:
    wrong = text.encode(written).decode(read, "replace")
    assert oddness(text) < oddness(wrong)


def test_frames_of_dos_are_not_odd_and_letters_beside_them_are() -> None:
    assert oddness("╔═══╗\n║   ║\n╚═══╝") == 0
    assert oddness("┌───┐ 12 ░░▒▒▓▓██") == 0
    assert oddness("ab─cd") == 1


def test_plain_ascii_and_nothing_at_all_are_not_odd() -> None:
    assert oddness("") == 0
    assert oddness("mcDonald iPhone x+y~{z} \x07\x1b[31m") == 0


def test_the_share_counts_only_what_is_beyond_ascii() -> None:
    assert oddness("plain words and " * 10 + "K\x94ln") == 1
    assert oddness("Köln, Köln, Köln, K\x94ln") == pytest.approx(0.25)


def test_only_the_beginning_is_looked_at() -> None:
    text = "é" + " " * LOOKED_AT
    assert oddness(text + "K\x94ln") == 0


@pytest.mark.parametrize(
    "text",
    [
        "nur 50¢ each", "costs $.30¢ today", "¥500 a day", "100 ¥ a day", "it is 10 ‰ of it",
        "a note † below", "¶ 5 says", "5 ¢", "the broken bar ¦ here", "a ¬ b", "see ¤100",
    ],
)  # fmt: skip
def test_signs_that_people_write_are_not_odd(text: str) -> None:
    assert oddness(text) == 0


@pytest.mark.parametrize("text", ["heute 25 °C", "50 µg", "5 µm"])
def test_units_are_not_odd(text: str) -> None:
    assert oddness(text) == 0


@pytest.mark.parametrize("text", ["l’État", "l’Île", "d’Éric", "aujourd’hui à l’École"])
def test_a_capital_may_follow_an_elided_article(text: str) -> None:
    assert oddness(text) == 0


@pytest.mark.parametrize("word", ["žluťoučký příští", "żółty", "šķēršļi", "đươ\u0323c"])
def test_some_latin_alphabets_do_need_three_accented_letters_in_a_row(word: str) -> None:
    assert oddness(word) == 0


def test_single_guillemets_point_inwards_too() -> None:
    assert oddness("»er sagte ›ja‹ dazu«") == 0


@given(st.text())
def test_the_oddness_of_any_text_is_a_share(text: str) -> None:
    assert 0 <= oddness(text) <= 1


def test_a_long_text_takes_no_longer_than_a_short_one() -> None:
    started = time.perf_counter()
    for character in "é’\u0301日–€\x94":
        oddness(character * 1_000_000)
        oddness(f"a{character} " * 300_000)
    assert time.perf_counter() - started < 1
