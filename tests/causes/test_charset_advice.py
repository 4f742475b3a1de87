"""What the server should be set to, case by case: settings, code pages, aliases."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from charset_corpus.mails import head_fields, multipart, text_part
from charset_corpus.site_files import (
    Happening,
    application_log,
    registry_export,
    settings_file,
)
from generator.spool_counter import later
from spool_builder import spool_file

from imctool.causes.charset_check import check_charsets
from imctool.model.charset_check import (
    Basis,
    CharsetReport,
    CodePageAdvice,
    SettingAdvice,
    Verdict,
)

KEPT = "ISO-8859-1"
RUSSIAN = (
    "Добрый день, уважаемые коллеги. Завтра мы встречаемся в Москве, как и было решено.\r\n",
    "Счёт за прошлый месяц ещё не оплачен, просим вас проверить это до конца недели.\r\n",
    "Мы получили вашу посылку и благодарим за быструю доставку в наш город.\r\n",
)
GERMAN = (
    "Schöne Grüße aus Köln, wir hören uns übermorgen, wenn die Züge wieder fahren.\r\n",
    "Für Rückfragen stehen wir während der üblichen Geschäftszeiten zur Verfügung.\r\n",
)
JAPANESE = (
    "会議は明日です。よろしくお願いいたします。\r\n",
    "お世話になっております。見積書をお送りします。\r\n",
)
PLAIN = "See you tomorrow.\r\n"


@dataclass
class Server:
    """What is put into its spool, its log and its settings; then it is asked for the advice."""

    folder: Path
    name: str = "MKDWZAR5"
    moment: datetime = datetime(1999, 3, 8, 6, 0)
    happenings: list[Happening] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    installed: frozenset[int] | None = None

    def mail(
        self,
        sender: str,
        text: str | bytes,
        label: str | None,
        codec: str = "koi8_r",
        *,
        mime: bool = True,
        archived: bool = False,
        box: str = "In",
        whole: bytes = b"",
    ) -> None:
        """Put a mail into the spool; an archived one has its event 4117."""
        self.moment += timedelta(minutes=20)
        self.name = later(self.name, 1)
        content = text.encode(codec) if isinstance(text, str) else text
        head = head_fields(b"Subject: Your letter\r\n", sender or "postmaster@coho.example")
        if not mime:
            body = b"\r\n" + content
        else:
            part = whole or text_part(content, label, "8bit", random.Random(self.name))
            body = b"MIME-Version: 1.0\r\n" + part
        path = self.folder / "Imcdata" / ("In/Archive" if archived else box) / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(spool_file(head + body, originator=sender, time=self.moment))
        if archived:
            self.happenings.append(Happening(self.moment + timedelta(seconds=6), 4117, self.name))

    def asked(self) -> CharsetReport:
        """Return what the program advises."""
        zone = timedelta(hours=-5)
        if self.happenings:
            log = application_log(self.happenings, zone, binary=False)
            (self.folder / "application.txt").write_bytes(log)
        if self.aliases or self.installed is not None:
            export = registry_export(zone, self.installed, self.aliases)
            (self.folder / "server.reg").write_bytes(export)
        if self.settings:
            (self.folder / "imc.txt").write_bytes(settings_file(self.settings))
        return check_charsets([self.folder])

    def entries(self) -> dict[str, SettingAdvice]:
        """Return the advised entries by domain."""
        return {one.domain: one for one in self.asked().domains}


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def values(entry: SettingAdvice) -> tuple[str, str, Basis | None, Basis | None]:
    return entry.mime, entry.non_mime, entry.mime_basis, entry.non_mime_basis


# Settings


def test_one_unlabelled_mail_that_was_archived_is_enough(server: Server) -> None:
    server.mail("anna@far.example", RUSSIAN[0], None, archived=True)
    (entry,) = server.entries().values()
    assert values(entry) == ("KOI8-R", KEPT, Basis.UNLABELLED, None)
    assert entry.files == 1


def test_one_unlabelled_mail_that_was_not_is_anybody_s_mistake(server: Server) -> None:
    server.mail("anna@far.example", RUSSIAN[0], None)
    server.mail("boris@other.example", RUSSIAN[1], None, mime=False)
    assert server.entries() == {}


def test_two_mails_of_two_hosts_are_of_two_domains(server: Server) -> None:
    server.mail("anna@a.far.example", RUSSIAN[0], None)
    server.mail("anna@b.far.example", RUSSIAN[1], None)
    assert server.entries() == {}


def test_an_archived_mail_that_is_not_mime_speaks_for_non_mime_alone(server: Server) -> None:
    server.mail("anna@far.example", RUSSIAN[0], None, mime=False, archived=True)
    (entry,) = server.entries().values()
    assert values(entry) == (KEPT, "KOI8-R", None, Basis.UNLABELLED)


def test_what_archived_mail_declares_outdoes_what_unlabelled_mail_is(server: Server) -> None:
    server.mail("anna@far.example", RUSSIAN[0], "windows-1251", "cp1251", archived=True)
    server.mail("anna@far.example", RUSSIAN[1], None)
    server.mail("anna@far.example", RUSSIAN[2], None)
    (entry,) = server.entries().values()
    assert values(entry) == ("windows-1251", KEPT, Basis.ARCHIVED, None)
    assert entry.files == 3
    assert "windows-1251" in entry.reason
    assert "KOI8-R" in entry.reason


def test_archived_mail_of_latin_1_calls_for_nothing(server: Server) -> None:
    """The setting is that already: what was archived has another cause."""
    for label, codec in (("iso-8859-1", "latin_1"), ("windows-1252", "cp1252")):
        server.mail("karl@west.example", GERMAN[0], label, codec, archived=True)
    server.mail("karl@west.example", PLAIN, "us-ascii", archived=True)
    assert server.entries() == {}


def test_archived_mail_of_latin_1_undoes_an_entry_that_is_set_wrongly(server: Server) -> None:
    """Q185107: such an entry of its own is what sends the mail to the archive."""
    server.settings = ["Default,ISO-8859-1,ISO-8859-1", "west.example,KOI8-R,KOI8-R"]
    server.mail("karl@west.example", GERMAN[0], "iso-8859-1", "latin_1", archived=True)
    (entry,) = server.entries().values()
    assert (entry.mime, entry.mime_basis) == (KEPT, Basis.ARCHIVED)
    assert entry.non_mime == "KOI8-R"
    assert entry.changes is True


def test_archived_mail_of_ascii_calls_for_nothing(server: Server) -> None:
    server.mail("karl@west.example", PLAIN, None, archived=True)
    server.mail("karl@west.example", PLAIN, None, mime=False, archived=True)
    assert server.entries() == {}


def test_a_mail_that_declares_two_charsets_speaks_by_the_one_beyond_western(
    server: Server,
) -> None:
    chance = random.Random(1)
    parts = [
        text_part(GERMAN[0].encode("latin_1"), "iso-8859-1", "8bit", chance),
        text_part(RUSSIAN[0].encode("koi8_r"), "koi8-r", "8bit", chance),
    ]
    whole = multipart("mixed", parts)
    server.mail("anna@far.example", b"", None, archived=True, whole=whole)
    assert server.entries()["far.example"].mime == "KOI8-R"


def test_of_two_charsets_declared_the_commoner_one_is_advised_and_the_other_told(
    server: Server,
) -> None:
    server.mail("anna@far.example", RUSSIAN[0], "koi8-r", archived=True)
    server.mail("anna@far.example", RUSSIAN[1], "koi8-r", archived=True)
    server.mail("anna@far.example", RUSSIAN[2], "windows-1251", "cp1251", archived=True)
    (entry,) = server.entries().values()
    assert entry.mime == "KOI8-R"
    assert entry.files == 3
    assert "windows-1251" in entry.reason


def test_outbound_mail_says_nothing_of_what_comes_in(server: Server) -> None:
    for box in ("Out", "Out/Archive"):
        for text in RUSSIAN:
            server.mail("me@coho.example", text, None, box=box)
            server.mail("me@coho.example", text, "koi8-r", box=box)
    assert server.entries() == {}


def test_attachments_without_a_label_are_no_basis(server: Server) -> None:
    """What an attached file is in, no setting changes."""
    for text in RUSSIAN:
        attached = (
            b'Content-Type: text/plain; name="list.txt"\r\nContent-Disposition: attachment;'
            b' filename="list.txt"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n'
        )
        parts = [
            b"Content-Type: text/plain\r\n\r\nSee the list.\r\n",
            attached + text.encode("koi8_r"),
        ]
        server.mail("anna@far.example", b"", None, whole=multipart("mixed", parts))
    assert server.entries() == {}


def test_a_null_sender_has_no_domain(server: Server) -> None:
    for text in RUSSIAN:
        server.mail("", text, None)
        server.mail("", text, "koi8-r", archived=True)
    report = server.asked()
    assert report.domains == ()
    assert {one.sender_domain for one in report.files} == {None}


def test_a_domain_called_default_is_none(server: Server) -> None:
    """In imc.txt that name stands for all others."""
    server.settings = ["Default,ISO-8859-1,ISO-8859-1"]
    for text in RUSSIAN:
        server.mail("anna@default", text, None)
        server.mail("anna@DEFAULT", text, None, mime=False)
    report = server.asked()
    assert report.domains == ()
    assert report.default.mime == report.default.non_mime == KEPT


def test_domains_are_told_apart_by_name_and_not_by_letter_case(server: Server) -> None:
    server.mail("anna@Far.Example", RUSSIAN[0], None)
    server.mail("boris@far.EXAMPLE", RUSSIAN[1], None)
    assert list(server.entries()) == ["far.example"]


def test_the_entry_of_a_parent_domain_is_what_stands_now(server: Server) -> None:
    """Q168138 sets JP for all that ends in it."""
    server.settings = ["Default,ISO-8859-1,ISO-8859-1", "JP,ISO-2022-JP,ISO-2022-JP"]
    server.mail("mori@mail.sea.jp", JAPANESE[0], None, "iso2022_jp")
    server.mail("mori@mail.sea.jp", JAPANESE[1], None, "iso2022_jp", mime=False)
    (entry,) = server.entries().values()
    assert entry.current is not None
    assert entry.current.domain == "JP"
    assert values(entry) == ("ISO-2022-JP", "ISO-2022-JP", Basis.UNLABELLED, Basis.UNLABELLED)
    assert entry.changes is False


def test_what_the_entry_of_a_parent_domain_does_not_serve_needs_its_own(server: Server) -> None:
    server.settings = ["Default,ISO-8859-1,ISO-8859-1", "JP,ISO-2022-JP,ISO-2022-JP"]
    server.mail("mori@mail.sea.jp", JAPANESE[0] * 2, None, "cp932")
    server.mail("mori@mail.sea.jp", JAPANESE[1] * 2, None, "cp932")
    server.mail("anna@sea.jpx", RUSSIAN[0], None)
    server.mail("anna@sea.jpx", RUSSIAN[1], None)
    entries = server.entries()
    assert values(entries["mail.sea.jp"]) == ("Shift_JIS", "ISO-2022-JP", Basis.UNLABELLED, None)
    assert entries["mail.sea.jp"].changes is True
    assert entries["sea.jpx"].current is None


def test_western_mail_under_a_parent_of_another_charset_needs_its_own(server: Server) -> None:
    server.settings = ["Default,ISO-8859-1,ISO-8859-1", "JP,ISO-2022-JP,ISO-2022-JP"]
    for text in GERMAN:
        server.mail("karl@embassy.jp", text, None, "latin_1", mime=False)
    (entry,) = server.entries().values()
    assert (entry.mime, entry.non_mime) == ("ISO-2022-JP", KEPT)
    assert entry.changes is True


def test_western_mail_without_labels_needs_no_entry(server: Server) -> None:
    """Q305540, Q185107: the setting stays what it is."""
    server.settings = ["Default,ISO-8859-1,ISO-8859-1"]
    for text in GERMAN:
        server.mail("karl@west.example", text, None, "cp1252")
        server.mail("karl@west.example", text, None, "latin_1", mime=False)
    report = server.asked()
    assert report.domains == ()
    assert report.default.changes is False


def test_a_default_that_was_changed_is_set_back(server: Server) -> None:
    """Q230250: this is what usually was done wrongly."""
    server.settings = ["Default,KOI8-R,KOI8-R"]
    for text in GERMAN:
        server.mail("karl@west.example", text, "iso-8859-1", "latin_1", archived=True)
    report = server.asked()
    assert (report.default.mime, report.default.non_mime) == (KEPT, KEPT)
    assert report.default.changes is True
    assert report.has_problem
    assert report.domains == ()


def many_domains(server: Server, count: int, other: int = 0) -> None:
    """So many domains write Russian without labels, and so many others Japanese."""
    for number in range(count):
        for text in RUSSIAN[:2]:
            server.mail(f"anna@far{number}.example", text, None)
    for number in range(other):
        for text in JAPANESE:
            server.mail(f"mori@sea{number}.example", text, None, "iso2022_jp")


def test_the_default_moves_where_nearly_all_of_many_domains_use_one_charset(
    server: Server,
) -> None:
    many_domains(server, 10, other=1)
    report = server.asked()
    assert (report.default.mime, report.default.non_mime) == ("KOI8-R", KEPT)
    assert (report.default.mime_basis, report.default.non_mime_basis) == (Basis.UNLABELLED, None)
    assert {one.domain for one in report.domains} >= {"sea0.example"}


def test_the_mails_behind_a_default_are_those_that_call_for_it(server: Server) -> None:
    many_domains(server, 10, other=1)
    assert server.asked().default.files == 20


@pytest.mark.parametrize(("count", "other"), [(4, 0), (8, 2)])
def test_the_default_stays_where_few_domains_speak_or_they_differ(
    server: Server, count: int, other: int
) -> None:
    many_domains(server, count, other)
    report = server.asked()
    assert (report.default.mime, report.default.non_mime) == (KEPT, KEPT)
    assert len(report.domains) == count + other


def test_a_default_that_moved_leaves_western_domains_their_own_entry(server: Server) -> None:
    many_domains(server, 19)
    for text in GERMAN:
        server.mail("karl@west.example", text, None, "latin_1")
    report = server.asked()
    assert report.default.mime == "KOI8-R"
    western = {one.domain: one.mime for one in report.domains}["west.example"]
    assert western == KEPT


def test_without_settings_in_the_evidence_nothing_is_known_to_change(server: Server) -> None:
    server.mail("anna@far.example", RUSSIAN[0], "koi8-r", archived=True)
    report = server.asked()
    assert report.default.changes is None
    assert report.domains[0].changes is None
    assert any("imc.txt" in note for note in report.notes)


# Code pages and aliases


def pages(report: CharsetReport) -> dict[int, CodePageAdvice]:
    return {one.code_page: one for one in report.install}


def test_a_label_without_its_code_page_asks_for_that_page(server: Server) -> None:
    server.mail("anna@far.example", RUSSIAN[0], "iso-8859-5", "iso8859_5")
    server.mail("anna@far.example", RUSSIAN[1], "ISO-8859-5", "iso8859_5")
    (page,) = server.asked().install
    assert (page.code_page, page.needed_for, page.files) == (28595, ("iso-8859-5",), 2)


def test_a_page_that_the_registry_lists_is_not_asked_for(server: Server) -> None:
    server.installed = frozenset({1252, 28595})
    server.mail("anna@far.example", RUSSIAN[0], "iso-8859-5", "iso8859_5")
    assert server.asked().install == ()


def test_what_is_decoded_by_rule_needs_no_page(server: Server) -> None:
    for label, codec in (("utf-8", "utf_8"), ("utf-7", "utf_7")):
        server.mail("anna@far.example", RUSSIAN[0], label, codec)
    assert server.asked().install == ()


def test_a_setting_needs_its_page_too(server: Server) -> None:
    for text in JAPANESE:
        server.mail("mori@sea.example", text, None, "iso2022_jp")
    page = pages(server.asked())[932]
    assert page.files == 0
    assert "sea.example" in page.reason


def test_an_unknown_label_over_one_charset_gets_an_alias(server: Server) -> None:
    for text in RUSSIAN:
        server.mail("anna@far.example", text, "x-far-set")
    report = server.asked()
    (alias,) = report.aliases
    assert (alias.alias, alias.charset, alias.files) == ("x-far-set", "KOI8-R", 3)
    assert report.unaliased == ()
    assert report.domains == ()


def test_an_alias_that_the_server_has_is_not_advised_again(server: Server) -> None:
    server.aliases = {"x-far-set": "koi8-r"}
    for text in RUSSIAN:
        server.mail("anna@far.example", text, "x-far-set")
    report = server.asked()
    assert report.aliases == ()
    assert {file.worst for file in report.files} == {Verdict.OK}


@pytest.mark.parametrize("label", [" x-far-set ", "X-Far-Set", "'x-far-set'"])
def test_an_alias_holds_whatever_stands_around_the_label(server: Server, label: str) -> None:
    server.aliases = {"x-far-set": "koi8-r"}
    content = RUSSIAN[0].encode("koi8_r")
    whole = f'Content-Type: text/plain; charset="{label}"\r\n'.encode()
    whole += b"Content-Transfer-Encoding: 8bit\r\n\r\n" + content
    server.mail("anna@far.example", b"", None, whole=whole)
    (file,) = server.asked().files
    assert file.worst is Verdict.OK


def test_an_alias_needs_the_page_of_what_it_stands_for(server: Server) -> None:
    for text in JAPANESE:
        server.mail("mori@sea.example", text * 2, "x-sea-set", "cp932")
    report = server.asked()
    assert [(one.alias, one.charset) for one in report.aliases] == [("x-sea-set", "Shift_JIS")]
    assert "x-sea-set" in pages(report)[932].reason


def test_an_unknown_label_over_two_charsets_gets_none(server: Server) -> None:
    for text in RUSSIAN[:2]:
        server.mail("anna@far.example", text, "x-any")
        server.mail("mori@sea.example", JAPANESE[0] * 2, "x-any", "cp932")
    report = server.asked()
    assert report.aliases == ()
    ((label, reason),) = report.unaliased
    assert label == "x-any"
    assert "KOI8-R" in reason
    assert "Shift_JIS" in reason


def test_an_unknown_label_over_plain_text_means_ascii(server: Server) -> None:
    server.mail("anna@far.example", PLAIN, "x-nothing")
    (alias,) = server.asked().aliases
    assert (alias.alias, alias.charset) == ("x-nothing", "US-ASCII")


@pytest.mark.parametrize("label", ["letter one.txt", "<b>koi8-r</b>", "a\\\\b", "x" * 65, "кои8"])
def test_what_can_be_no_name_gets_no_alias(server: Server, label: str) -> None:
    whole = f'Content-Type: text/plain; charset="{label}"\r\n'.encode()
    whole += b"Content-Transfer-Encoding: 8bit\r\n\r\n" + RUSSIAN[0].encode("koi8_r")
    server.mail("anna@far.example", b"", None, whole=whole)
    report = server.asked()
    assert report.aliases == ()
    ((_, reason),) = report.unaliased
    assert "mend it where it is sent" in reason


def test_a_name_that_only_others_know_becomes_an_alias_of_what_they_mean(server: Server) -> None:
    """The WHATWG knows cp1251; Windows calls it windows-1251 and x-cp1251."""
    server.mail("anna@far.example", RUSSIAN[0], "cp1251", "cp1251")
    server.mail("karl@west.example", PLAIN, "iso8859-15")
    server.mail("boris@other.example", PLAIN, "cp775")
    report = server.asked()
    told = {one.alias: one.charset for one in report.aliases}
    assert told["cp1251"] == "windows-1251"
    assert told["cp775"] == "IBM775"
    assert report.unaliased == ()


def test_a_name_that_others_know_but_that_lies_becomes_no_alias(server: Server) -> None:
    """Mail that is rightly so labelled would be ruined by it."""
    server.mail("anna@far.example", RUSSIAN[0], "cp1250", "koi8_r")
    server.mail("anna@far.example", RUSSIAN[1], "cp1250", "koi8_r")
    report = server.asked()
    assert report.aliases == ()
    ((label, reason),) = report.unaliased
    assert label == "cp1250"
    assert "windows-1250" in reason
    assert "KOI8-R" in reason


def test_evidence_without_mail_gives_the_advice_of_a_fresh_server(server: Server) -> None:
    server.settings = ["Default,ISO-8859-1,ISO-8859-1"]
    report = server.asked()
    assert report.files == []
    assert not report.domains
    assert not report.install
    assert not report.aliases
    assert (report.default.mime, report.default.non_mime) == (KEPT, KEPT)
    assert not report.has_problem
