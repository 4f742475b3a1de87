"""What happens to a text part that a server cannot convert."""

from __future__ import annotations

import re

import pytest

from imctool.knowledge.charset_outcomes import (
    FILE,
    KINDS,
    VERSIONS,
    Certainty,
    Harm,
    Outcome,
    load_outcomes,
    parse_outcomes,
    predicted_outcomes,
)
from imctool.knowledge.charsets import find_charset

LABELS = (
    "utf-7", "iso-2022-jp", "windows-874", "windows-1251", "euc-kr", "iso-2022-kr", "iso-8859-1",
)  # fmt: skip


def outcomes(
    kind: str,
    label: str | None,
    versions: str = "",
    build: str = "",
    *,
    embedded: bool = False,
    in_digest: bool = False,
) -> list[Outcome]:
    return list(
        predicted_outcomes(
            kind,
            label,
            embedded=embedded,
            in_digest=in_digest,
            versions=frozenset(versions.split()),
            builds=tuple(build.split()),
        )
    )


def harms(found: list[Outcome]) -> list[tuple[str, str]]:
    return [(one.articles[0], one.harm.value) for one in found]


def test_before_service_pack_2_the_text_becomes_an_attachment_named_after_its_charset() -> None:
    found = outcomes("not-installed", "iso-2022-jp", "4.0", "4.0.838.14")
    assert ("Q146473", "attachment") in harms(found)
    assert "Q157735" not in {one.articles[0] for one in found}
    assert "Charset = " in found[0].text


def test_from_service_pack_2_on_a_note_or_a_notice_tells_of_it() -> None:
    found = harms(outcomes("not-installed", "iso-2022-jp", "4.0", "4.0.993.5"))
    assert found == [("Q157735", "attachment"), ("Q155016", "notice")]
    other = harms(outcomes("not-installed", "big5", "4.0", "4.0.993.5"))
    assert other == [("Q157735", "attachment"), ("Q163080", "notice")]
    unknown = harms(outcomes("unknown-label", "x-roman8", "4.0", "4.0.993.5"))
    assert unknown == [("Q157735", "attachment")]


@pytest.mark.parametrize(
    ("kind", "label"), [("unknown-label", "x-roman8"), ("not-installed", "big5")]
)
def test_an_embedded_message_may_be_lost_before_service_pack_3(kind: str, label: str) -> None:
    before = outcomes(kind, label, "4.0", "4.0.993.5", embedded=True)
    assert harms(before)[0] == ("Q157693", "loss")
    assert before[0].certainty is Certainty.DOCUMENTED
    after = outcomes(kind, label, "4.0", "4.0.994.63", embedded=True)
    assert Harm.LOSS not in {one.harm for one in after}
    plain = outcomes(kind, label, "4.0", "4.0.993.5")
    assert Harm.LOSS not in {one.harm for one in plain}


def test_a_digest_sticks_in_in_and_no_service_pack_is_known_to_mend_it() -> None:
    found = outcomes(
        "not-installed", "iso-2022-jp", "4.0", "4.0.996.0", embedded=True, in_digest=True
    )
    assert (found[0].articles, found[0].harm) == (("Q157705",), Harm.STUCK)
    assert found[0].certainty is Certainty.DOCUMENTED
    other = outcomes("not-installed", "big5", "4.0", "4.0.996.0", embedded=True, in_digest=True)
    assert (other[0].articles, other[0].certainty) == (("Q157705",), Certainty.INFERRED)
    assert sum(one.harm is Harm.STUCK for one in found) == 1


@pytest.mark.parametrize("version", ["5.0", "5.5"])
def test_an_unknown_label_is_shown_raw_from_5_0_on(version: str) -> None:
    found = outcomes("unknown-label", "x-1234", version)
    assert harms(found)[0] == ("Q184772", "raw")
    assert all(version in one.versions for one in found)


def test_the_macintosh_labels_are_reprocessed_in_5_5() -> None:
    named = outcomes("unknown-label", "X-Mac-Roman", "5.5")
    assert [one.certainty for one in named if one.articles == ("Q174722",)] == ["documented"]
    known = outcomes("ok", '"Macintosh"', "5.5")
    assert harms(known) == [("Q174722", "raw")]
    other = outcomes("unknown-label", "x-1234", "5.5")
    assert [one.certainty for one in other if one.articles == ("Q174722",)] == ["inferred"]


@pytest.mark.parametrize("version", ["4.0", "5.0", "5.5"])
def test_a_known_label_without_its_page_gives_event_4081_and_notices(version: str) -> None:
    found = outcomes("not-installed", "windows-874", version)
    assert ("Q163080", "notice") in harms(found)


def test_the_japanese_notice_stands_for_the_plain_one_only_where_it_is_told() -> None:
    assert harms(outcomes("not-installed", "iso-2022-jp", "5.0")) == [("Q155016", "notice")]
    either = harms(outcomes("not-installed", "iso-2022-jp", "5.0 5.5"))
    assert either == [("Q163080", "notice"), ("Q155016", "notice")]


def test_a_blank_label_stops_the_store_before_service_pack_4() -> None:
    assert harms(outcomes("empty-label", "", "5.5", "5.5.2650.21")) == [("Q278320", "store-crash")]
    assert outcomes("empty-label", "", "5.5", "5.5.2653.13") == []
    assert outcomes("empty-label", " ", "4.0") == []


def test_utf_7_may_stop_the_store_of_any_5_5_whose_store_build_is_not_known() -> None:
    """The build of the connector says nothing of a fix to the store."""
    found = outcomes("ok", "unicode-1-1-utf-7", "5.5", "5.5.2657.72")
    assert harms(found) == [("Q317248", "store-crash")]
    assert harms(outcomes("ok", "utf-8", "5.5")) == []


def test_unicode_is_not_in_the_database_of_5_0_before_service_pack_2() -> None:
    found = harms(outcomes("ok", "utf-8", "5.0", "5.0.1458.49"))
    assert found == [("Q178118", "wrong-text")]
    assert outcomes("ok", "utf-8", "5.0", "5.0.1460.22") == []


def test_user_defined_stops_the_store() -> None:
    found = outcomes("not-installed", "x-user-defined", "5.0 5.5")
    crashes = [one.articles[0] for one in found if one.harm is Harm.STORE_CRASH]
    assert sorted(crashes) == ["Q187869", "Q192546"]


@pytest.mark.parametrize(
    ("kind", "label", "build", "article"),
    [
        ("ok", "euc-kr", "4.0.993.5", "Q155819"),
        ("ok", "iso-2022-kr", "4.0.996.0", "Q182144"),
        ("ok", "iso-8859-7", "4.0.993.5", "Q157008"),
        ("mislabelled", "iso-8859-1", "4.0.993.5", "Q155839"),
        ("ok", "windows-1251", "5.0.1458.49", "Q176185"),
        ("ok", "iso-8859-2", "5.0.1457.3", "Q166580"),
        ("missing-label", None, "5.0.1457.3", "Q156063"),
        ("missing-label", None, "5.5.2653.13", "Q230250"),
        ("mislabelled", "koi8-r", "5.5.2653.13", "Q156063"),
    ],
)
def test_other_texts_that_are_known_to_suffer(
    kind: str, label: str | None, build: str, article: str
) -> None:
    found = outcomes(kind, label, build[:3], build)
    assert article in {name for one in found for name in one.articles}


@pytest.mark.parametrize(
    ("label", "mended"),
    [("euc-kr", "4.0.994.63"), ("iso-8859-7", "4.0.994.63"), ("iso-8859-2", "5.0.1458.49")],
)
def test_what_a_build_has_mended_is_not_predicted(label: str, mended: str) -> None:
    assert outcomes("ok", label, mended[:3], mended) == []


def test_of_several_builds_one_that_lacks_the_fix_is_enough() -> None:
    found = outcomes("empty-label", "", "5.5", "5.5.2650.21 5.5.2653.13")
    assert harms(found) == [("Q278320", "store-crash")]
    foreign = outcomes("empty-label", "", "5.5", "5.0.1460.22 5.x")
    assert harms(foreign) == [("Q278320", "store-crash")]


def test_latin_text_on_any_server_suffers_nothing() -> None:
    for label in ("us-ascii", "iso-8859-1", "windows-1252"):
        assert outcomes("ok", label) == []


def test_with_no_version_known_every_version_speaks_for_itself_worst_first() -> None:
    found = outcomes("not-installed", "iso-2022-jp", embedded=True, in_digest=True)
    assert {version for one in found for version in one.versions} == set(VERSIONS)
    ranks = [list(Harm).index(one.harm) for one in found]
    assert ranks == sorted(ranks)
    assert found[0].harm is Harm.LOSS


def test_every_entry_can_be_reached_and_is_whole() -> None:
    for one in load_outcomes():
        assert one.text.endswith("."), one.id
        assert "\n" not in one.text, one.id
        for label in one.labels:
            assert find_charset(label) is not None, one.id
        kind = min(one.kinds or KINDS)
        page = min(one.code_pages | one.tables, default=None)
        label = next(iter(one.labels), None) or next(
            (
                name
                for name in LABELS
                if (found := find_charset(name)) is not None
                and (not one.code_pages or found.code_page in one.code_pages)
                and (not one.tables or found.table in one.tables)
            ),
            None,
        )
        assert page is None or label is not None, one.id
        seen = outcomes(
            kind, label, embedded=bool(one.embedded), in_digest=bool(one.in_digest)
        ) + outcomes(kind, "big5", embedded=True, in_digest=True)
        assert one.id in {each.id for each in seen}, one.id


GOOD = """
[[outcome]]
id = "a"
articles = ["Q100000"]
versions = ["5.5"]
kinds = ["ok"]
harm = "raw"
certainty = "inferred"
text = "It is so."
"""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('"a"', "1"), "'id' has a value of the wrong kind"),
        (('id = "a"', ""), "an outcome without an id: 'id' is missing"),
        (("Q100000", "100000"), "not Q and six digits"),
        (('["5.5"]', '["6.0"]'), "no such version"),
        (('["5.5"]', "[]"), "must not be empty"),
        (('["ok"]', '["fine"]'), "no such kind"),
        (('kinds = ["ok"]', 'labels = ["UTF-8"]'), "not as the tables have it"),
        (('kinds = ["ok"]', ""), "needs kinds, labels, code_pages or tables"),
        (('kinds = ["ok"]', "tables = [true]"), "'tables' has a value of the wrong kind"),
        (('"raw"', '"bad"'), "'bad' is not a valid Harm"),
        (('"inferred"', '"guessed"'), "'guessed' is not a valid Certainty"),
        (("text =", "texts ="), "unknown key 'texts'"),
        (("text =", "embedded = 1\ntext ="), "'embedded' has a value of the wrong kind"),
        (("text =", 'replaces = ["b"]\ntext ='), "replaces 'b', which is not there"),
        (("text =", "text ="), "the id stands twice"),
        (("[[outcome]]", "[[outcome"), "Expected"),
    ],
)
def test_a_broken_file_is_named_with_its_entry(change: tuple[str, str], reason: str) -> None:
    text = GOOD.replace(*change)
    if reason == "the id stands twice":
        text += GOOD
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        parse_outcomes(text, FILE)
    assert str(caught.value).startswith(f"{FILE}: ")
