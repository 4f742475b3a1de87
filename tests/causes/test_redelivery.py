"""What a message would do if the server got it again, by the builds that the evidence names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from spool_builder import imcr_envelope

from imctool.causes.redelivery import Explained, RedeliveryJudge, explained_messages
from imctool.causes.server_charsets import ServerCharsets, server_charsets
from imctool.model.direction import Direction
from imctool.model.evidence import Location
from imctool.model.finding import Confidence, Finding, Severity
from imctool.model.mail import RECIPIENT_LIMIT, SpoolFile
from imctool.model.message import Fate, Message
from imctool.model.requeue import Objection, Reason
from imctool.model.settings import RegistryValue
from imctool.readers.spool_file import spool_file_from_buffer

NLS = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Nls\\CodePage"
BLANK = b"Content-Type: text/plain; charset=%b\r\n\r\nx\r\n"
EMBEDDED = (
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Content-Type: text/plain; charset=%b\r\n\r\nx\r\n"
    b"--b--\r\n"
)
DIGEST = (
    b'Content-Type: multipart/digest; boundary="b"\r\n\r\n'
    b"--b\r\n\r\nContent-Type: text/plain; charset=%b\r\n\r\nx\r\n"
    b"--b\r\n\r\nContent-Type: text/plain\r\n\r\ny\r\n"
    b"--b--\r\n"
)


def mail(form: bytes, label: bytes, recipients: int = 1) -> SpoolFile:
    text = b"MIME-Version: 1.0\r\n" + form.replace(b"%b", label)
    envelope = imcr_envelope("a@x.example", (f"{number}@o" for number in range(recipients)))
    return spool_file_from_buffer(envelope + text, Location("In/Archive/MKDWZAR5"))


def charsets(*pages: int) -> ServerCharsets:
    """What a server has whose registry lists these code pages as installed."""
    place = Location("x.reg", line=1)
    return server_charsets(
        RegistryValue(place, NLS, str(page), f"c_{page}.nls") for page in (1252, *pages)
    )


def objections(file: SpoolFile, *builds: str, pages: tuple[int, ...] = ()) -> list[Objection]:
    return list(RedeliveryJudge(charsets(*pages), builds).objections(file))


def warnings(file: SpoolFile, *builds: str, pages: tuple[int, ...] = ()) -> list[str]:
    return list(RedeliveryJudge(charsets(*pages), builds).warnings(file))


# A blank charset (Q278320, Q293288): stops the store of 5.5 before SP4


@pytest.mark.parametrize("label", [b'""', b'" "', b'"\t "'])
@pytest.mark.parametrize("build", ["5.5.1960.3", "5.5.2448.0", "5.5.2650.21"])
def test_a_blank_charset_is_refused_on_5_5_before_service_pack_4(build: str, label: bytes) -> None:
    [found] = objections(mail(BLANK, label), build)
    assert found.reason is Reason.CHARSET
    assert "part 1 has a blank charset (Q278320, Q293288" in found.text
    assert "mended by 5.5 SP4" in found.text
    assert "version is not in the evidence" not in found.text


@pytest.mark.parametrize("build", ["5.5.2653.13", "5.5.2657.72", "5.0.1460.8", "4.0.994.63"])
def test_a_blank_charset_goes_on_builds_that_it_does_not_harm(build: str) -> None:
    assert objections(mail(BLANK, b'""'), build) == []


def test_a_blank_charset_is_refused_where_one_of_the_builds_lacks_the_fix() -> None:
    assert objections(mail(BLANK, b'""'), "5.5.2650.21", "5.5.2653.13")


@pytest.mark.parametrize("builds", [(), ("5.5",)])
def test_a_blank_charset_is_refused_on_an_unknown_build(builds: tuple[str, ...]) -> None:
    [found] = objections(mail(BLANK, b'""'), *builds)
    assert ("the server's version is not in the evidence" in found.text) is (not builds)


def test_no_charset_at_all_is_not_a_blank_one() -> None:
    text = b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nx\r\n"
    file = spool_file_from_buffer(imcr_envelope() + text, Location("x"))
    assert objections(file, "5.5.2650.21") == []


# An embedded message in a charset that 4.0 cannot convert (Q157693): lost before SP3


@pytest.mark.parametrize("build", ["4.0.837.3", "4.0.838.14", "4.0.993.5"])
@pytest.mark.parametrize("label", [b"iso-2022-jp", b"x-nowhere"])
def test_an_embedded_message_in_a_foreign_charset_is_refused_on_4_0_before_service_pack_3(
    build: str, label: bytes
) -> None:
    [found] = objections(mail(EMBEDDED, label), build)
    assert found.reason is Reason.CHARSET
    assert f'charset "{label.decode()}" (Q157693' in found.text
    assert "mended by 4.0 SP3" in found.text


@pytest.mark.parametrize("build", ["4.0.994.63", "4.0.996.2", "5.0.1457.10", "5.5.2650.21"])
def test_an_embedded_message_goes_where_that_is_mended(build: str) -> None:
    assert objections(mail(EMBEDDED, b"iso-2022-jp"), build) == []


def test_an_embedded_message_goes_where_its_code_page_is_installed() -> None:
    assert objections(mail(EMBEDDED, b"iso-2022-jp"), "4.0.838.14", pages=(932,)) == []


def test_the_same_charset_outside_an_embedded_message_does_no_such_harm() -> None:
    assert objections(mail(BLANK, b"iso-2022-jp"), "4.0.838.14") == []


def test_on_an_unknown_build_an_embedded_message_is_refused_and_that_is_said() -> None:
    [found] = objections(mail(EMBEDDED, b"iso-2022-jp"))
    assert "Q157693" in found.text
    assert "the server's version is not in the evidence" in found.text


# A digest (Q157705): sticks on 4.0


def test_a_digest_in_a_foreign_charset_is_refused_on_4_0() -> None:
    found = objections(mail(DIGEST, b"iso-2022-jp"), "4.0.993.5")
    assert {one.reason for one in found} == {Reason.CHARSET}
    assert any("Q157705" in one.text for one in found)


def test_a_digest_goes_on_5_5_and_where_the_code_page_is_installed() -> None:
    assert objections(mail(DIGEST, b"iso-2022-jp"), "5.5.2650.21") == []
    assert objections(mail(DIGEST, b"iso-2022-jp"), "4.0.993.5", pages=(932,)) == []


# What settings and code pages decide is only warned of


@pytest.mark.parametrize(
    ("label", "pages", "told"),
    [
        (b"koi8-r", (), 'part 1 ("koi8-r": it has no table of it); it may have been mended since'),
        (b"x-nowhere", (), 'part 1 ("x-nowhere": it does not know this label); it may have been'),
        (b"koi8-r", (20866,), None),
        (b"us-ascii", (), None),
    ],
)
def test_a_charset_that_would_not_be_converted_is_only_warned_of(
    label: bytes, pages: tuple[int, ...], told: str | None
) -> None:
    file = mail(BLANK, label)
    assert objections(file, "5.5.2653.13", pages=pages) == []
    found = warnings(file, "5.5.2653.13", pages=pages)
    assert len(found) == (told is not None)
    assert told is None or told in found[0]


def test_code_pages_that_are_assumed_are_said_to_be() -> None:
    judge = RedeliveryJudge(server_charsets(()), ("5.5.2653.13",))
    [found] = judge.warnings(mail(BLANK, b"iso-2022-jp"))
    assert "(a default NT 4.0 is assumed)" in found


def test_one_label_in_many_parts_is_told_once() -> None:
    part = b"--b\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\nx\r\n"
    form = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + part * 3 + b"--b--\r\n"
    [found] = warnings(mail(form, b""), "5.5.2653.13")
    assert found.count("koi8-r") == 1


def test_control_characters_of_a_label_do_not_hide_the_warning() -> None:
    [found] = warnings(mail(BLANK, b'"\x1b[2Jkoi"'), "5.5.2653.13")
    assert "does not know this label" in found


# Over the recipient limit (Q272672)


@pytest.mark.parametrize("over", [0, 1])
def test_more_recipients_than_the_limit_are_refused(over: int) -> None:
    found = objections(mail(BLANK, b"us-ascii", RECIPIENT_LIMIT + over), "5.5.2653.13")
    assert RECIPIENT_LIMIT == 32_766
    assert [one.reason for one in found] == [Reason.OVER_LIMIT] * over
    assert all("32767 recipients" in one.text and "Q272672" in one.text for one in found)


# What the findings say


def finding(article: str | None, confidence: Confidence, **more: object) -> Finding:
    message = Message(Direction.INBOUND, Fate.ARCHIVED, number=7, first=datetime.now(UTC))
    values: dict[str, object] = {
        "article": article, "title": "The store stopped", "severity": Severity.ERROR,
        "confidence": confidence, "cause": "x", "fate": Fate.ARCHIVED, "fixed_in": None,
        "messages": (message,), "evidence": (), "remedy": (), **more,
    }  # fmt: skip
    return Finding(**values)  # type: ignore[arg-type]


def test_a_crash_of_the_store_beside_the_failure_is_refused() -> None:
    found = explained_messages([finding("Q169223", Confidence.LIKELY)])
    assert set(found) == {7}
    assert found[7].articles == ("Q169223",)
    [objection] = found[7].objections
    assert objection.reason is Reason.STORE_CRASH
    assert "Q169223" in objection.text


def test_what_is_only_possible_names_its_article_and_refuses_nothing() -> None:
    found = explained_messages([finding("Q169223", Confidence.POSSIBLE, fix_missing=True)])
    assert found[7] == Explained(("Q169223",))


def test_a_build_without_the_fix_is_warned_of() -> None:
    found = explained_messages(
        [finding("Q190084", Confidence.CERTAIN, fix_missing=True, fixed_in="5.5 SP2")]
    )
    assert found[7].objections == ()
    [warning] = found[7].warnings
    assert "Q190084" in warning
    assert "5.5 SP2" in warning


def test_several_findings_on_a_message_are_all_named() -> None:
    found = explained_messages(
        [
            finding("Q230250", Confidence.LIKELY),
            finding(None, Confidence.LIKELY),
            finding("Q190084", Confidence.POSSIBLE),
            finding("Q230250", Confidence.POSSIBLE),
        ]
    )
    assert found[7].articles == ("Q230250", "Q190084")
