"""What the server should be set to, from what its mail declares and really is.

Labels drive code pages and aliases alone; what has no label drives the Character Sets setting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from imctool.causes.charset_labels import LabelCount
from imctool.causes.charset_settings import Archived, SenderDomains
from imctool.causes.checked_mail import CheckedMail
from imctool.causes.server_charsets import ServerCharsets
from imctool.model.charset_check import AliasAdvice, CodePageAdvice, SettingAdvice
from imctool.model.settings import CharacterSets


class Advice(NamedTuple):
    """All that is advised; ``unaliased`` are labels that no alias can mend, with the reason."""

    default: SettingAdvice
    domains: tuple[SettingAdvice, ...]
    install: tuple[CodePageAdvice, ...]
    aliases: tuple[AliasAdvice, ...]
    unaliased: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def advise(
    mails: Iterable[CheckedMail],
    settings: Sequence[CharacterSets],
    server: ServerCharsets,
    archived: Archived,
    builds: Sequence[str],
) -> Advice:
    """Return what the mails call for."""
    labels = LabelCount(server)
    senders = SenderDomains(server, archived)
    for mail in mails:
        labels.see(mail)
        senders.see(mail)
    default, domains = senders.advice(settings)
    for setting in (default, *domains):
        labels.see_setting(setting)
    aliases, unaliased = labels.aliases()
    for alias in aliases:
        labels.see_alias(alias)
    notes = tuple(_notes(domains, aliases, settings, builds))
    return Advice(default, domains, labels.code_pages(), aliases, unaliased, notes)


def _notes(
    domains: Sequence[SettingAdvice],
    aliases: Sequence[AliasAdvice],
    settings: Sequence[CharacterSets],
    builds: Sequence[str],
) -> Iterator[str]:
    if not settings:
        yield "no imc.txt in the evidence (imccopy -save domain): what is set now is not known"
    if aliases and builds and all(build.startswith("4.0") for build in builds):
        yield "aliases are read by 5.0 and 5.5 (Q184772, Q174722), not by 4.0"
    if domains:
        yield "restart the Internet Mail Service after a change: settings are read at its start"
