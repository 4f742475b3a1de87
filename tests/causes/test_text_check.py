"""What the bytes of one text are, held against the charset that its label names."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from imctool.causes import charset_detection, text_check
from imctool.causes.text_check import MailChecked, check_texts, judge, judge_texts
from imctool.knowledge.charsets import Charset, find_charset
from imctool.model.charset_check import PLAIN, Judgement, Standing
from imctool.model.evidence import Location
from imctool.model.text_sample import SAMPLE_LIMIT
from imctool.readers.spool_file import spool_file_from_buffer

RUSSIAN = "Добрый день, уважаемые коллеги. Завтра мы встречаемся в Москве, как и было решено.\r\n"
GERMAN = "Schöne Grüße aus Köln, wir hören uns übermorgen, wenn die Züge wieder fahren.\r\n"
FRENCH = "L’été dernier, nous étions déjà à la même adresse, où l’on mange très bien.\r\n"
JAPANESE = "会議は明日です。よろしくお願いいたします。\r\n"
ENGLISH = (
    "The weather in the harbour is fine today, they say, and the new one is {} for all of us.\r\n"
)

with_second_opinion = pytest.mark.skipif(
    not charset_detection.has_second_opinion(), reason="needs the extra charset"
)


def held(content: bytes, label: str | None, *, may_be_cut: bool = True) -> Judgement:
    """Judge bytes under a label that the tables have."""
    charset = None if label is None else find_charset(label)
    assert label is None or charset is not None
    return judge(content, charset, may_be_cut=may_be_cut)


# Each standing


def test_plain_ascii_is_plain_under_every_label_of_ascii_s_kin() -> None:
    for label in (None, "us-ascii", "iso-8859-1", "koi8-r", "utf-8", "shift_jis", "big5"):
        assert held(b"Good morning, +word- ~{x\r\n", label) is PLAIN


@pytest.mark.parametrize("label", ["koi8-r", "windows-1251", "iso-8859-5", "cp866", "utf-8"])
def test_bytes_under_their_own_label_are_the_same(label: str) -> None:
    charset = find_charset(label)
    assert charset is not None
    assert charset.codec is not None
    judgement = held(RUSSIAN.encode(charset.codec), label)
    assert judgement.standing is Standing.SAME
    assert judgement.detected is not None
    assert find_charset(judgement.detected) is not None
    assert judgement.detected.lower() in {label, "ibm866"}
    assert judgement.sure
    assert judgement.confidence >= 0.98
    assert judgement.note == ""


def test_bytes_that_the_label_cannot_hold_are_invalid() -> None:
    judgement = held(RUSSIAN.encode("koi8_r"), "utf-8")
    assert judgement == Judgement(Standing.INVALID, "KOI8-R", judgement.confidence)
    assert held(GERMAN.encode("latin_1"), "us-ascii").standing is Standing.INVALID


def test_bytes_that_read_as_another_text_are_other() -> None:
    judgement = held(RUSSIAN.encode("koi8_r"), "windows-1251")
    assert (judgement.standing, judgement.detected) == (Standing.OTHER, "KOI8-R")
    assert judgement.sure
    assert held(GERMAN.encode("utf_8"), "iso-8859-1").detected == "UTF-8"


def test_without_a_label_the_standing_is_other_and_the_charset_told() -> None:
    for codec, name in (("koi8_r", "KOI8-R"), ("utf_8", "UTF-8"), ("cp866", "IBM866")):
        judgement = held(RUSSIAN.encode(codec), None)
        assert judgement.standing is Standing.OTHER
        assert (judgement.detected or "").lower() == name.lower()


@pytest.mark.parametrize(
    "label",
    ["asmo-708", "x-mac-japanese", "x-chinese-cns", "x-user-defined", "iso-2022-cn", "cp1025"],
)
def test_a_charset_without_a_codec_is_untested(label: str) -> None:
    judgement = held(JAPANESE.encode("cp932"), label)
    assert judgement == Judgement(
        Standing.UNTESTED, None, 0.0, False, "no codec for this charset here"
    )


@pytest.mark.parametrize("label", ["x-ia5", "x-ia5-german", "x-ia5-swedish", "x-ia5-norwegian"])
def test_a_national_set_has_seven_bits(label: str) -> None:
    """Its braces are letters, which no byte tells; but a byte over 127 it has not."""
    assert held(b"Gr}~e aus K|ln", label).standing is Standing.UNTESTED
    judgement = held(GERMAN.encode("cp1252"), label)
    assert judgement.standing is Standing.INVALID
    assert judgement.detected == "ISO-8859-1"


# What is seen besides


def test_windows_1252_under_the_label_of_latin_1_is_the_same_with_a_note() -> None:
    judgement = held(FRENCH.encode("cp1252"), "iso-8859-1")
    assert judgement.standing is Standing.SAME
    assert judgement.detected == "windows-1252"
    assert "Q175105" in judgement.note
    assert held(GERMAN.encode("cp1252"), "iso-8859-1").note == ""
    assert held(FRENCH.encode("cp1252"), "windows-1252").note == ""


def test_lines_of_shift_jis_under_the_label_of_jis_are_a_mixture() -> None:
    """Q166606: nothing of such a message was shown rightly."""
    mixed = (JAPANESE.encode("iso2022_jp") + JAPANESE.encode("cp932")) * 3
    judgement = held(mixed, "iso-2022-jp")
    assert judgement.standing is Standing.INVALID
    assert judgement.note == "mixed: 3 of 6 lines looked at are Shift_JIS"


def test_two_charsets_of_eight_bits_are_a_mixture_too() -> None:
    mixed = (GERMAN.encode("utf_8") * 4) + GERMAN.encode("cp1252")
    judgement = held(mixed, "utf-8")
    assert judgement.standing is Standing.INVALID
    assert judgement.note == "mixed: 1 of 5 lines looked at are ISO-8859-1"


def test_bytes_that_fit_the_label_nowhere_are_no_mixture() -> None:
    assert held(GERMAN.encode("cp1252") * 3, "utf-8").note == ""


def test_lines_of_jis_under_the_label_of_shift_jis_are_a_mixture() -> None:
    mixed = (JAPANESE.encode("iso2022_jp") + JAPANESE.encode("cp932")) * 3
    judgement = held(mixed, "shift_jis")
    assert judgement.standing is not Standing.SAME or "mixed" in judgement.note


@pytest.mark.parametrize("codec", ["utf_8", "cp932", "euc_jp", "cp949", "gbk", "cp950"])
def test_a_character_cut_at_the_end_is_no_contradiction(codec: str) -> None:
    text = "中文文本" if codec in {"gbk", "cp950"} else "日本語" if codec != "cp949" else "한국어"
    content = (text * 10).encode(codec)[:-1]
    label = {"cp932": "shift_jis", "cp949": "euc-kr", "cp950": "big5", "euc_jp": "euc-jp"}
    cut = held(content, label.get(codec, codec.replace("_", "-")))
    assert cut.standing is Standing.SAME
    assert cut.note == ""
    whole = held(content, label.get(codec, codec.replace("_", "-")), may_be_cut=False)
    assert whole.standing is Standing.SAME
    assert whole.note == "ends inside a character"


def test_a_character_cut_by_its_sender_is_still_detected_without_a_label() -> None:
    content = (GERMAN * 2).rstrip().encode() + "é".encode()[:1]
    assert held(content, None, may_be_cut=False).detected == "UTF-8"
    content = JAPANESE.strip().encode("cp932") * 4 + b"\x93"
    assert held(content, None, may_be_cut=False).detected == "Shift_JIS"


def test_a_few_bytes_are_not_enough_to_contradict() -> None:
    judgement = held("Grüße".encode("mac_roman"), "iso-8859-1")
    assert judgement.standing is Standing.SAME
    assert not judgement.sure
    assert not held("über".encode("cp1252"), None).sure


def test_the_page_s_own_word_on_its_charset_is_not_believed() -> None:
    head = '<html><head><meta http-equiv="Content-Type" content="text/html; charset={}"></head>'
    for lie in ("koi8-r", "iso-8859-1", "utf-8", '"shift_jis'):
        page = (head.format(lie) + RUSSIAN).encode("cp1251")
        assert held(page, None).detected == "windows-1251"
        assert held(page, "windows-1251").standing is Standing.SAME
        assert held(page, "koi8-r").standing is Standing.OTHER
    xml = ('<?xml version="1.0" encoding="utf-8"?>' + RUSSIAN).encode("koi8_r")
    assert held(xml, None).detected == "KOI8-R"


# Charsets that are no ASCII


@pytest.mark.parametrize("codec", ["utf_16_le", "utf_16_be"])
def test_utf_16_tells_itself_by_its_mark(codec: str) -> None:
    content = ("\ufeff" + RUSSIAN).encode(codec)
    assert held(content, None).detected == "UTF-16"
    assert held(content, "utf-16").standing is Standing.SAME
    for label in ("iso-8859-1", "us-ascii", "utf-8", "koi8-r"):
        judgement = held(content, label)
        assert judgement.standing in {Standing.OTHER, Standing.INVALID}
        assert judgement.detected == "UTF-16"


def test_utf_16_without_a_mark_is_what_its_label_says() -> None:
    for text in (GERMAN, JAPANESE):
        assert held(text.encode("utf_16_le"), "utf-16").standing is Standing.SAME
        assert held(text.encode("utf_16_be"), "utf-16be").standing is Standing.SAME


def test_russian_of_utf_16_is_no_ascii() -> None:
    assert held(RUSSIAN.encode("utf_16_le"), "utf-16").detected == "UTF-16"


def test_ascii_is_neither_utf_16_nor_ebcdic() -> None:
    for label in ("utf-16", "utf-16be", "cp037", "cp500"):
        judgement = held(b"Good morning, all of you.\r\n ", label)
        assert (judgement.standing, judgement.detected) == (Standing.OTHER, "US-ASCII")


@pytest.mark.parametrize("label", ["iso-8859-1", "windows-1251", "iso-8859-2"])
def test_utf_16_without_a_mark_is_no_single_byte_charset(label: str) -> None:
    judgement = held((GERMAN * 3).encode("utf_16_le"), label)
    assert judgement.standing is not Standing.SAME


def test_utf_16_without_a_mark_or_a_label_is_detected() -> None:
    assert (held((GERMAN * 3).encode("utf_16_le"), None).detected or "").startswith("UTF-16")


def test_ebcdic_under_its_label_is_the_same_and_latin_under_it_is_not() -> None:
    assert held(GERMAN.encode("cp500"), "cp500").standing is Standing.SAME
    for label in ("cp037", "cp500", "cp1026"):
        assert held(GERMAN.encode("cp1252"), label).standing is Standing.OTHER


def test_nuls_are_ascii_and_do_not_stop_anything() -> None:
    for label in (None, "us-ascii", "iso-8859-1", "utf-8"):
        assert held(b"a\0b\0\0c", label) is PLAIN
    assert held(b"\0" + GERMAN.encode("cp1252"), "iso-8859-1").standing is Standing.SAME


def test_a_nul_does_not_blind_the_detectors() -> None:
    content = (b"\0" + RUSSIAN.encode("koi8_r")) * 3
    assert held(content, "windows-1251").standing is Standing.OTHER
    assert held(content, None).detected == "KOI8-R"


@pytest.mark.parametrize("codec", ["iso2022_jp", "iso2022_kr", "hz", "utf_7"])
def test_seven_bit_charsets_are_told_under_any_label(codec: str) -> None:
    labels = {"iso2022_jp": "iso-2022-jp", "iso2022_kr": "iso-2022-kr", "hz": "hz-gb-2312"}
    own = labels.get(codec, "utf-7")
    text = {"iso2022_kr": "안녕하세요, 내일 만나요", "hz": "你好，我们明天开会。"}.get(
        codec, JAPANESE
    )
    content = text.encode(codec) * 2
    assert held(content, own).standing is Standing.SAME
    assert held(content, own).confidence == 1
    for label in {"us-ascii", "iso-8859-1", "utf-8", "shift_jis"}:
        judgement = held(content, label)
        assert judgement.standing is Standing.OTHER
        assert (judgement.detected or "").lower() == own
    assert (held(content, None).detected or "").lower() == own


@pytest.mark.parametrize("label", ["iso-2022-jp", "iso-2022-kr", "hz-gb-2312", "utf-7"])
def test_ascii_under_a_seven_bit_label_is_as_it_says(label: str) -> None:
    judgement = held(b"Good morning\r\n", label)
    assert judgement.standing in {Standing.SAME, Standing.PLAIN}


# One sign in a long text


@pytest.mark.parametrize(
    "sign",
    ["5 €", "£5", "§ 5", "½", "25°", "3²", "©1999", "Name™", "…", "so – and so", "“so”", "it’s",
     "café", "naïve", "Zürich", "« so »", "¿so?", "2 × 3", "±5", "•"],
)  # fmt: skip
def test_one_sign_in_english_is_no_contradiction(sign: str) -> None:
    content = ENGLISH.format(sign).encode("cp1252")
    for label in ("iso-8859-1", "windows-1252"):
        assert held(content, label).standing is Standing.SAME


@pytest.mark.parametrize(
    "sign",
    ["50¢", "¥500", "100 ¥", "50 µg", "10 ‰", "a ¬ b", "¤100", "¦", "† note", "¶ 5", "Æ", "Ø"],
)
def test_one_rare_sign_in_english_is_no_contradiction_either(sign: str) -> None:
    content = ENGLISH.format(sign).encode("cp1252")
    assert held(content, "windows-1252").standing is Standing.SAME


@with_second_opinion
def test_the_euro_of_windows_1251_is_no_circumflex() -> None:
    content = ENGLISH.format("€65").encode("cp1251")
    assert held(content, "windows-1251").standing is Standing.SAME


def test_that_a_dos_page_has_a_blank_there_proves_nothing() -> None:
    content = (
        b"AntiVirus\xffFFFF99 2002, Ghost\xffFFFF99 2002 and GoBack\xffFFFFAE 3 Personal\r\n" * 2
    )
    assert held(content, "iso-8859-1").standing is Standing.SAME


@with_second_opinion
def test_polish_of_dos_is_not_western() -> None:
    text = "Mam żółty samochód i żółte kwiaty, żółć, źdźbło trawy, półśrodki są żółtodziobom obce."
    assert held(text.encode("cp852"), "iso-8859-1").standing is Standing.OTHER


# Without chardetng


@pytest.fixture
def without_second_opinion(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the extra ``charset`` look absent, and forget what was judged with it."""

    def forget() -> None:
        charset_detection.has_second_opinion.cache_clear()
        charset_detection._detect_eight_bit.cache_clear()
        text_check.judge.cache_clear()

    monkeypatch.setitem(sys.modules, "chardetng_py", None)
    forget()
    yield
    monkeypatch.undo()
    forget()


@pytest.mark.usefixtures("without_second_opinion")
def test_without_the_second_detector_the_first_one_decides_alone() -> None:
    assert not charset_detection.has_second_opinion()
    content = RUSSIAN.encode("koi8_r")
    assert held(content, "koi8-r").standing is Standing.SAME
    assert held(content, "windows-1251").standing is Standing.OTHER
    assert held(content, "us-ascii").standing is Standing.INVALID
    told = held(content, None)
    assert told.detected == "KOI8-R"
    assert told.confidence < 0.98
    assert held(GERMAN.encode("cp1252"), "iso-8859-1").standing is Standing.SAME
    assert held(JAPANESE.encode("cp932") * 3, "euc-jp").standing is Standing.INVALID


@pytest.mark.usefixtures("without_second_opinion")
def test_what_rules_decide_needs_no_second_opinion() -> None:
    assert held(RUSSIAN.encode("utf_8"), "koi8-r").detected == "UTF-8"
    assert held(JAPANESE.encode("iso2022_jp"), None).confidence == 1


@with_second_opinion
def test_the_second_opinion_is_asked_again_afterwards() -> None:
    assert charset_detection.has_second_opinion()
    assert held(RUSSIAN.encode("koi8_r"), None).confidence >= 0.98


# Nothing is mixed up


def test_the_same_bytes_under_different_labels_are_judged_apart() -> None:
    content = RUSSIAN.encode("koi8_r")
    labels = ("koi8-r", "windows-1251", "us-ascii", "utf-8", "asmo-708", None)
    first = [held(content, label) for label in labels]
    again = [held(content, label) for label in reversed(labels)]
    assert first == again[::-1]
    assert [one.standing for one in first] == [
        Standing.SAME, Standing.OTHER, Standing.INVALID, Standing.INVALID, Standing.UNTESTED,
        Standing.OTHER,
    ]  # fmt: skip


def test_the_same_bytes_whole_and_cut_are_judged_apart() -> None:
    content = JAPANESE.strip().encode("cp932")[:-1] * 1
    assert held(content, "shift_jis", may_be_cut=True).note == ""
    assert held(content, "shift_jis", may_be_cut=False).note != ""
    assert held(content, "shift_jis", may_be_cut=True).note == ""


def test_one_name_that_means_two_charsets_is_judged_as_given() -> None:
    """A server's own database may say otherwise than the tables."""
    content = RUSSIAN.encode("koi8_r")
    right = Charset("x-own", 20866, "koi8_r", "server")
    wrong = Charset("x-own", 1251, "cp1251", "server")
    assert judge(content, right, may_be_cut=True).standing is Standing.SAME
    assert judge(content, wrong, may_be_cut=True).standing is Standing.OTHER
    assert judge(content, right, may_be_cut=True).standing is Standing.SAME


# All texts of a mail


def checked(text: bytes) -> MailChecked:
    """Return the texts of a message, judged."""
    mail = spool_file_from_buffer(text, Location("A.eml"))
    return check_texts(text, mail)


def a_mail(body: bytes, *fields: str, content_type: str = "text/plain; charset=koi8-r") -> bytes:
    head = ["From: a@coho.example", *fields, "MIME-Version: 1.0", f"Content-Type: {content_type}"]
    head += ["Content-Transfer-Encoding: 8bit", "", ""]
    return "\r\n".join(head).encode("latin-1") + body


def test_each_part_and_field_of_a_mail_is_judged() -> None:
    words = "Subject: =?koi8-r?B?8NLJ18XU?= =?windows-1251?Q?=CF=F0=E8=E2=E5=F2?="
    found = checked(a_mail(RUSSIAN.encode("koi8_r"), words))
    (part,) = found.parts
    assert (part.part, part.content_type, part.label) == ("1", "text/plain", "koi8-r")
    assert part.judgement.standing is Standing.SAME
    assert part.excerpt == b""
    assert [(one.name, one.label) for one in found.headers] == [
        ("Subject", "koi8-r"), ("Subject", "windows-1251"),
    ]  # fmt: skip
    assert {one.judgement.standing for one in found.headers} == {Standing.SAME}


def test_an_encoded_word_that_is_broken_is_noted() -> None:
    found = checked(a_mail(b"", "Subject: =?koi8-r?B?8NLJ18XU0?="))
    assert found.headers[0].judgement.note == "encoded badly"


def test_raw_bytes_in_a_field_have_no_label() -> None:
    subject = "Subject: " + RUSSIAN.strip().encode("koi8_r").decode("latin-1")
    (header,) = checked(a_mail(b"", subject)).headers
    assert header.label is None
    assert header.judgement.detected == "KOI8-R"


def test_what_outlook_express_writes_of_itself_is_passed_over() -> None:
    assert checked(a_mail(b"", "X-MimeOLE: Produced By Microsoft MimeOLE \xe8\xe9")).headers == ()


def test_a_text_without_a_usable_label_leaves_an_excerpt_to_pool() -> None:
    body = RUSSIAN.encode("koi8_r") * 20
    for content_type in ("text/plain", 'text/plain; charset=" "', "text/plain; charset=x-house"):
        (part,) = checked(a_mail(body, content_type=content_type)).parts
        assert part.excerpt
        assert len(part.excerpt) <= 256
        assert part.excerpt.endswith(b"\r\n")
        assert body.startswith(part.excerpt)


def test_more_text_than_is_looked_at_is_never_plain_for_sure() -> None:
    lines = b"+word- is no UTF-7\r\n" * (SAMPLE_LIMIT // 10)
    (part,) = checked(a_mail(lines)).parts
    assert part.judgement == Judgement(
        Standing.PLAIN, "US-ASCII", 1.0, False, "more of it than was looked at"
    )


def test_the_server_s_own_names_are_asked_where_they_are_given() -> None:
    text = a_mail(RUSSIAN.encode("koi8_r"), content_type="text/plain; charset=x-own")
    mail = spool_file_from_buffer(text, Location("A.eml"))
    own = Charset("x-own", 20866, "koi8_r", "server")
    told = judge_texts(text, mail, {"x-own": own}.get)
    assert told.parts[0].judgement.standing is Standing.SAME
    assert check_texts(text, mail).parts[0].judgement.standing is Standing.OTHER
