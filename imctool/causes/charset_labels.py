"""What the labels call for: code pages to install, aliases to add to the MIME database.

A label is what the server goes by, right or wrong, so that it counts whatever the bytes are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from imctool.causes.checked_mail import CheckedMail, uncertain
from imctool.causes.pooled_texts import UncertainText, real_charset
from imctool.causes.server_charsets import ServerCharsets
from imctool.knowledge.charsets import (
    charset_of_codec,
    find_charset,
    needs_table,
    plain_label,
    preferred_name,
)
from imctool.model.charset_check import (
    AliasAdvice,
    CodePageAdvice,
    PartCheck,
    SettingAdvice,
    Standing,
    Verdict,
)

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`{|}~0-9A-Za-z]{1,64}")
"""What a charset's name is made of (RFC 2045 section 5.1); a registry key may be so called."""

_MOST_KEPT = 200
"""So many texts under one label are enough to tell what it stands for."""


@dataclass(slots=True)
class _Needed:
    """What needs a code page."""

    names: set[str] = field(default_factory=set)
    settings: set[str] = field(default_factory=set)
    aliases: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Unknown:
    """What stands under an unknown label."""

    texts: list[UncertainText] = field(default_factory=list)
    plain: int = 0
    files: set[str] = field(default_factory=set)


class LabelCount:
    """The labels of all mail, counted, and what they call for on this server."""

    def __init__(self, server: ServerCharsets) -> None:
        self._server = server
        self._needed: dict[int, _Needed] = defaultdict(_Needed)
        self._unknown: dict[str, _Unknown] = defaultdict(_Unknown)

    def see(self, mail: CheckedMail) -> None:
        """Count the labels of a mail."""
        for check, text in mail.judged():
            if not check.declared:
                continue
            if check.verdict is not Verdict.UNKNOWN_LABEL:
                if not isinstance(check, PartCheck) or check.installed is False:
                    self._need(check.declared).files.add(mail.path)
                continue
            unknown = self._unknown[plain_label(check.declared)]
            unknown.files.add(mail.path)
            if text.judgement.standing is Standing.PLAIN:
                unknown.plain += 1
            elif len(unknown.texts) < _MOST_KEPT:
                unknown.texts.append(uncertain(text))

    def see_alias(self, alias: AliasAdvice) -> None:
        """Count what the charset behind an advised alias needs."""
        self._need(alias.charset).aliases.add(alias.alias)

    def see_setting(self, setting: SettingAdvice) -> None:
        """Count what a setting that is advised needs."""
        for name in (setting.mime, setting.non_mime):
            self._need(name).settings.add(setting.domain)

    def _need(self, name: str) -> _Needed:
        """Return where to count what a charset needs; nowhere, if the server has it."""
        charset = self._server.resolve(name)
        page = None if charset is None else needs_table(charset)
        if charset is None or page is None or self._server.is_installed(charset) is not False:
            return _Needed()
        self._needed[page].names.add(plain_label(name))
        return self._needed[page]

    def code_pages(self) -> tuple[CodePageAdvice, ...]:
        """Return the code pages to install, by number."""
        return tuple(_code_page(page, one) for page, one in sorted(self._needed.items()))

    def aliases(self) -> tuple[tuple[AliasAdvice, ...], tuple[tuple[str, str], ...]]:
        """Return the aliases to add, and the labels for which none can be, with the reason."""
        aliases: list[AliasAdvice] = []
        without: list[tuple[str, str]] = []
        for label, seen in sorted(self._unknown.items()):
            target, reason = _alias(label, seen)
            if target is None:
                without.append((label, reason))
            else:
                aliases.append(AliasAdvice(label, target, len(seen.files), reason))
        return tuple(aliases), tuple(without)


def _code_page(page: int, needed: _Needed) -> CodePageAdvice:
    reasons = []
    if needed.files:
        count = len(needed.files)
        reasons.append(f"declared in {count} mail{'' if count == 1 else 's'}")
    if needed.settings:
        reasons.append(f"set for {', '.join(sorted(needed.settings))}")
    if needed.aliases:
        reasons.append(f"what {', '.join(sorted(needed.aliases))} stands for")
    names = tuple(sorted(needed.names))
    return CodePageAdvice(page, names, len(needed.files), "; ".join(reasons))


def _alias(label: str, seen: _Unknown) -> tuple[str | None, str]:
    """Return the name that a label stands for, and why; None and why not."""
    if not _TOKEN.fullmatch(label):
        return None, "no name that a charset can have: mend it where it is sent"
    known = find_charset(label)
    same = None if known is None or known.codec is None else charset_of_codec(known.codec)
    if not seen.texts and same is not None:
        return preferred_name(same), "another name of it"
    if not seen.texts:
        return "US-ASCII", f"what stands under it is plain ASCII ({_texts(seen.plain)})"
    read_as = {one.detected or "nothing known" for one in seen.texts}
    if same is not None:
        name = preferred_name(same)
        if read_as == {name}:
            return name, "another name of it, and its texts read so"
        told = ", ".join(sorted(read_as - {name}))
        return None, f"elsewhere another name of {name}, but it stands over {told} too"
    pooled = real_charset(seen.texts)
    if pooled is None and len(read_as) > 1:
        return None, f"stands over several charsets: {', '.join(sorted(read_as))}"
    if pooled is None:
        return None, "its texts are too short to tell what they are in"
    name = preferred_name(pooled.charset)
    if pooled.others:
        return None, f"stands over several charsets: {', '.join((name, *pooled.others))}"
    return name, f"{_texts(pooled.texts)} under it, beyond ASCII, in that charset"


def _texts(count: int) -> str:
    return f"{count} text{'' if count == 1 else 's'}"
