"""Whole sites made from a seed, and the advice that their mail calls for.

Each sender domain behaves in one way: it labels its mail or not, writes MIME or not, and some of
its mail was archived by event 4117. What the Character Sets should be set to follows from that.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from generator.spool_counter import later
from spool_builder import spool_file

from charset_corpus.era_charsets import CHARSETS, NT4_DEFAULT, Charset, charset_of_label
from charset_corpus.mails import head_fields, text_part
from charset_corpus.national_sets import decoded, encoded
from charset_corpus.site_files import Happening, application_log, registry_export, settings_file
from charset_corpus.texts import text, wrapped

UNLABELLED, ARCHIVED = "unlabelled-mail", "archived-by-4117"
OWN_DOMAIN = "coho.example"

_FOREIGN = (
    "koi8-r", "windows-1251", "iso-8859-5", "koi8-u", "iso-8859-2", "windows-1250",
    "iso-8859-7", "windows-1253", "iso-8859-9", "windows-1254", "iso-8859-8", "windows-1255",
    "iso-8859-6", "windows-1256", "windows-874", "windows-1257", "iso-2022-jp", "euc-jp",
    "shift_jis", "euc-kr", "iso-2022-kr", "gb2312", "big5", "utf-8",
)  # fmt: skip
_LATIN = ("iso-8859-1", "windows-1252")
_LATIN_LANGUAGES = ("german", "french", "spanish", "portuguese", "swedish", "danish", "italian")
_SHARPER = ("12006", "12004", "3039")
_LONG = 400
"""So many bytes a text: detection is not what these sites try."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What one of the two settings of a domain has to be: any of the names, all in lower case.

    The names are those of every charset in which the mails read the same. Without a basis
    nothing speaks for a value, and it stays what it is.
    """

    names: frozenset[str] = frozenset()
    basis: str | None = None


@dataclass(slots=True)
class Truth:
    """The advice that a site calls for.

    ``needed_pages`` are code pages that a right label needs, with these labels;
    ``useful_pages`` those that only a setting or an alias needs. ``aliases`` give each unknown
    label the names of the charset that it stands for. ``files`` counts the mails of a domain
    where all of them are behind its entry.
    """

    domains: dict[str, tuple[Setting, Setting]] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    needed_pages: dict[int, set[str]] = field(default_factory=dict)
    useful_pages: set[int] = field(default_factory=set)
    aliases: dict[str, frozenset[str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Site:
    """A site while it is made."""

    chance: random.Random
    installed: frozenset[int] | None
    truth: Truth = field(default_factory=Truth)
    files: dict[str, bytes] = field(default_factory=dict)
    happenings: list[Happening] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    moment: datetime = datetime(1999, 3, 8, 6, 0)
    name: str = "MKDWZAR5"

    def mail(
        self, domain: str, content: bytes, label: str | None, *, mime: bool = True, to: str = ""
    ) -> str:
        """Put one mail into the spool and return its spool name."""
        self.moment += timedelta(minutes=self.chance.randrange(12, 40))
        self.name = later(self.name, self.chance.randrange(1, 9))
        sender = f"{self.chance.choice(('info', 'sales', 'office'))}@{domain}"
        whole = head_fields(b"Subject: Your letter\r\n", sender)
        if mime:
            encoding = self.chance.choice(("8bit", "quoted-printable", "base64"))
            whole += b"MIME-Version: 1.0\r\n" + text_part(content, label, encoding, self.chance)
        else:
            whole += b"\r\n" + content
        folder = to or self.chance.choice(("In", "In/Archive"))
        path = f"Imcdata/{folder}/{self.name}"
        self.files[path] = spool_file(whole, originator=sender, time=self.moment)
        return self.name

    def archived_mail(self, domain: str, content: bytes, label: str, sharper: str = "") -> None:
        """Put a mail into In\\Archive, with its event 4117 and an event that explains it better."""
        name = self.mail(domain, content, label, to="In/Archive")
        self.happenings.append(Happening(self.moment + timedelta(seconds=6), 4117, name))
        if sharper:
            when = self.moment + timedelta(seconds=4)
            self.happenings.append(Happening(when, int(sharper), name))

    def labelled(self, charset: Charset) -> str:
        """Return a right label, and note the code page that it needs."""
        label = self.chance.choice(charset.labels)
        pages = NT4_DEFAULT if self.installed is None else self.installed
        if charset.table not in {None, 1252} and charset.table not in pages:
            self.truth.needed_pages.setdefault(charset.table or 0, set()).add(label)
        return label

    def setting(self, basis: str, contents: Sequence[bytes], charset: Charset) -> Setting:
        """Return the setting that texts of a charset call for, and note what it would need."""
        alike = list(reading_the_same(contents, charset))
        self.truth.useful_pages |= {one.table for one in alike if one.table is not None}
        return Setting(frozenset(label for one in alike for label in one.labels), basis)

    def texts(self, charset: Charset, count: int) -> list[bytes]:
        """Return so many texts in one language of the charset."""
        latin = charset.name in _LATIN
        language = self.chance.choice(_LATIN_LANGUAGES if latin else charset.languages)
        return [self._text(language, charset.codec) for _ in range(count)]

    def _text(self, language: str, codec: str) -> bytes:
        size = self.chance.randrange(_LONG, 3 * _LONG)
        running = text(language, codec, size, self.chance, capitals=False)
        return encoded(wrapped(running, 72) + "\r\n", codec)


def reading_the_same(contents: Iterable[bytes], charset: Charset) -> Iterable[Charset]:
    """Yield the charsets in which all of these texts read as they do in their own."""
    written = list(contents)
    for one in CHARSETS:
        try:
            same = all(decoded(own, one.codec) == decoded(own, charset.codec) for own in written)
        except UnicodeError:
            continue
        if same:
            yield one


def _foreign(site: _Site) -> Charset:
    return charset_of_label(site.chance.choice(_FOREIGN))


def _unlabelled_of_both_kinds(site: _Site, domain: str) -> None:
    charset, count = _foreign(site), site.chance.randrange(2, 5)
    mime, bare = site.texts(charset, count), site.texts(charset, 2)
    _send_unlabelled(site, domain, mime, bare)
    site.truth.domains[domain] = (
        site.setting(UNLABELLED, mime, charset),
        site.setting(UNLABELLED, bare, charset),
    )
    site.truth.files[domain] = count + 2


def _unlabelled_in_two_charsets(site: _Site, domain: str) -> None:
    first, second = (charset_of_label(one) for one in site.chance.sample(_FOREIGN, 2))
    mime, bare = site.texts(first, 3), site.texts(second, 2)
    _send_unlabelled(site, domain, mime, bare)
    site.truth.domains[domain] = (
        site.setting(UNLABELLED, mime, first),
        site.setting(UNLABELLED, bare, second),
    )
    site.truth.files[domain] = 5


def _unlabelled_mime(site: _Site, domain: str) -> None:
    charset = _foreign(site)
    mime = site.texts(charset, site.chance.randrange(2, 5))
    _send_unlabelled(site, domain, mime, ())
    site.truth.domains[domain] = (site.setting(UNLABELLED, mime, charset), Setting())
    site.truth.files[domain] = len(mime)


def _not_mime(site: _Site, domain: str) -> None:
    charset = _foreign(site)
    bare = site.texts(charset, site.chance.randrange(2, 5))
    _send_unlabelled(site, domain, (), bare)
    site.truth.domains[domain] = (Setting(), site.setting(UNLABELLED, bare, charset))
    site.truth.files[domain] = len(bare)


def _send_unlabelled(
    site: _Site, domain: str, mime: Sequence[bytes], bare: Sequence[bytes]
) -> None:
    """Put the mails into the spool, those that are MIME and those that are not mixed."""
    mails = [(content, True) for content in mime] + [(content, False) for content in bare]
    for content, is_mime in site.chance.sample(mails, len(mails)):
        site.mail(domain, content, None, mime=is_mime)


def _labelled(site: _Site, domain: str) -> None:
    charset = _foreign(site)
    for content in site.texts(charset, 3):
        site.mail(domain, content, site.labelled(charset))


def _latin(site: _Site, domain: str) -> None:
    charset = charset_of_label(site.chance.choice(_LATIN))
    _send_unlabelled(site, domain, site.texts(charset, 3), site.texts(charset, 2))


def _single_unlabelled(site: _Site, domain: str) -> None:
    charset = _foreign(site)
    first, *others = site.texts(charset, 3)
    site.mail(domain, first, None, mime=site.chance.random() < 0.5)
    for content in others:
        site.mail(domain, content, site.labelled(charset))


def _archived(site: _Site, domain: str) -> None:
    charset = _foreign(site)
    label = site.labelled(charset)
    for content in site.texts(charset, site.chance.randrange(1, 3)):
        site.archived_mail(domain, content, label)
    site.truth.domains[domain] = (_declared(site, charset), Setting())


def _archived_and_unlabelled(site: _Site, domain: str) -> None:
    """What the archived mail declares outdoes what the unlabelled mail is written in."""
    declared, other = (charset_of_label(one) for one in site.chance.sample(_FOREIGN, 2))
    site.archived_mail(domain, site.texts(declared, 1)[0], site.labelled(declared))
    mime, bare = site.texts(other, 2), site.texts(other, 2)
    _send_unlabelled(site, domain, mime, bare)
    site.truth.domains[domain] = (
        _declared(site, declared),
        site.setting(UNLABELLED, bare, other),
    )


def _declared(site: _Site, charset: Charset) -> Setting:
    if charset.table is not None:
        site.truth.useful_pages.add(charset.table)
    return Setting(frozenset(charset.labels), ARCHIVED)


def _archived_for_a_sharper_cause(site: _Site, domain: str) -> None:
    charset = _foreign(site)
    label, sharper = site.labelled(charset), site.chance.choice(_SHARPER)
    for content in site.texts(charset, 2):
        site.archived_mail(domain, content, label, sharper)


def _only_copied(site: _Site, domain: str) -> None:
    """Message archival keeps a copy in In\\Archive: no event, no failure."""
    charset = _foreign(site)
    for content in site.texts(charset, 2):
        site.mail(domain, content, site.labelled(charset), to="In/Archive")


def _unknown_label(site: _Site, domain: str) -> None:
    charset = charset_of_label(site.chance.choice([*_FOREIGN, "windows-1252"]))
    label = f"x-{domain.partition('.')[0]}-set"
    contents = site.texts(charset, 2)
    for content in contents:
        site.mail(domain, content, label)
    names = site.setting("", contents, charset).names
    site.truth.aliases[label] = names


def _label_that_the_server_knows(site: _Site, domain: str) -> None:
    """An alias in the registry makes a label good that Windows itself does not know."""
    charset = charset_of_label(site.chance.choice(("koi8-r", "windows-1251")))
    label = f"x-{domain.partition('.')[0]}-own"
    site.aliases[label] = charset.name
    for content in site.texts(charset, 2):
        site.mail(domain, content, label)


def _one_of_each_kind(site: _Site, domain: str) -> None:
    """One unlabelled MIME mail and one that is not MIME make two."""
    charset = _foreign(site)
    mime, bare = site.texts(charset, 1), site.texts(charset, 1)
    _send_unlabelled(site, domain, mime, bare)
    site.truth.domains[domain] = (
        site.setting(UNLABELLED, mime, charset),
        site.setting(UNLABELLED, bare, charset),
    )
    site.truth.files[domain] = 2


BEHAVIOURS: tuple[Callable[[_Site, str], None], ...] = (
    _unlabelled_of_both_kinds,
    _unlabelled_in_two_charsets,
    _unlabelled_mime,
    _not_mime,
    _labelled,
    _latin,
    _single_unlabelled,
    _archived,
    _archived_and_unlabelled,
    _archived_for_a_sharper_cause,
    _only_copied,
    _unknown_label,
    _label_that_the_server_knows,
    _one_of_each_kind,
)
"""What a sender domain may do, one each."""

_NAMES = (
    "adatum", "fabrikam", "tailspin", "litware", "northwind", "proseware", "wingtip", "lucerne",
    "margie", "alpineski", "blueyonder", "cohowinery", "fourthcoffee", "humongous",
)  # fmt: skip


def write_site(seed: int, folder: Path) -> Truth:
    """Write the evidence of a site and return the advice that it calls for."""
    chance = random.Random(f"charset site {seed}")
    installed = chance.choice((None, NT4_DEFAULT, NT4_DEFAULT | {932, 949, 28595}))
    site = _Site(chance, installed)
    domains = [
        f"{name}.example" for name in chance.sample(_NAMES, chance.randrange(4, len(_NAMES) + 1))
    ]
    chosen = [*chance.sample(BEHAVIOURS, min(len(domains), len(BEHAVIOURS)))]
    for domain, behave in zip(domains, chosen, strict=False):
        behave(site, domain)
    site.mail(OWN_DOMAIN, b"Thank you for your letter.\r\n", "us-ascii", to="Out")
    for path, content in site.files.items():
        _put(folder / path, content)
    _write_records(site, folder)
    site.truth.useful_pages -= NT4_DEFAULT if installed is None else installed
    return site.truth


def _write_records(site: _Site, folder: Path) -> None:
    offset = timedelta(hours=site.chance.choice((-5, 0, 1, 9)))
    begun = Happening(datetime(1999, 3, 8, 5, 0), 1000)
    ended = Happening(site.moment + timedelta(hours=1), 1001)
    happenings = sorted([begun, *site.happenings, ended], key=lambda one: one.moment)
    binary = site.chance.random() < 0.5
    name = "winnt/system32/config/AppEvent.Evt" if binary else "application.txt"
    _put(folder / name, application_log(happenings, offset, binary=binary))
    _put(folder / "server.reg", registry_export(offset, site.installed, site.aliases))
    lines = _settings(site)
    if lines:
        _put(folder / "imc.txt", settings_file(lines))


def _settings(site: _Site) -> list[str]:
    """Return the settings of now: none known, untouched, changed, or with domains of their own."""
    kind = site.chance.choice(("unknown", "untouched", "changed", "domains"))
    if kind == "unknown":
        return []
    if kind == "untouched":
        return ["Default,ISO-8859-1,ISO-8859-1"]
    if kind == "changed":
        return ["Default,ISO-2022-JP,ISO-2022-JP"]
    lines = ["Default,ISO-8859-1,ISO-8859-1", "nowhere.example,BIG5,BIG5"]
    for domain in list(site.truth.domains)[:2]:
        lines.append(f"{domain},KOI8-R,windows-1253")
    return lines


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
