"""The Character Sets setting that the mail of each sender domain calls for.

Mail without labels, MIME or not, drives it (Q156063); so does, after Q230250, what mail declares
that event 4117 archived and nothing sharper explains. Where all real charsets are ISO-8859-1,
windows-1252 or ASCII, it stays ISO-8859-1 (Q305540, Q185107).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from imctool.causes.character_sets import setting_for
from imctool.causes.checked_mail import CheckedMail, uncertain
from imctool.causes.pooled_texts import Pooled, UncertainText, real_charset
from imctool.causes.server_charsets import ServerCharsets
from imctool.causes.text_check import PartText
from imctool.knowledge.charsets import Charset, drop_down_entry, find_charset, preferred_name
from imctool.model.charset_check import Basis, SettingAdvice, Standing
from imctool.model.settings import CharacterSets

KEPT = "ISO-8859-1"
"""What every server begins with, for MIME and non-MIME (Q230250)."""

_WESTERN = frozenset({"latin_1", "cp1252", "iso8859_15", "ascii"})
_FEWEST = 2
"""An entry is made from two unlabelled mails on; one may be anybody's mistake."""

_DOMAINS_FOR_DEFAULT, _SHARE_FOR_DEFAULT = 5, 0.9
"""The default follows where so many domains, and so large a share, use one charset."""


class Archived(NamedTuple):
    """The files that the setting may have sent to the archive.

    ``told_by_events`` is False where they are files given by themselves, without any log.
    """

    files: frozenset[str]
    told_by_events: bool


@dataclass(slots=True)
class _Domain:
    """What the mail of one sender domain shows."""

    mime: list[UncertainText] = field(default_factory=list)
    non_mime: list[UncertainText] = field(default_factory=list)
    unlabelled: set[str] = field(default_factory=set)
    archived_unlabelled: bool = False
    declared: Counter[str] = field(default_factory=Counter)
    archived: set[str] = field(default_factory=set)


class _Called(NamedTuple):
    """The settings that a domain's mail calls for; None where nothing speaks."""

    real_mime: Pooled | None
    real_non_mime: Pooled | None
    declared: str | None
    domain: _Domain

    @property
    def mime(self) -> str | None:
        """What the domain's unlabelled MIME mail is really in."""
        return None if self.real_mime is None else _setting_name(self.real_mime.charset)

    @property
    def non_mime(self) -> str | None:
        """What the domain's non-MIME mail is really in."""
        return None if self.real_non_mime is None else _setting_name(self.real_non_mime.charset)


class SenderDomains:
    """The mail of each sender domain, and the settings it calls for."""

    def __init__(self, server: ServerCharsets, archived: Archived) -> None:
        self._server = server
        self._archived = archived
        self._domains: dict[str, _Domain] = defaultdict(_Domain)

    def see(self, mail: CheckedMail) -> None:
        """Gather what an inbound mail shows of its sender's domain."""
        name = mail.file.sender_domain
        if mail.outbound or name is None or name == "default":  # which no domain can be called
            return
        archived = mail.path in self._archived.files
        texts = [one for one in mail.checked.parts if not one.attachment]
        if not archived and all(one.label is not None for one in texts):
            return
        domain = self._domains[name]
        key = mail.path if mail.file.spool_name is None else str(mail.file.spool_name)
        if key not in domain.unlabelled:  # a copy in another folder is the same mail
            for text in texts:
                if text.label is None and text.judgement.standing is not Standing.PLAIN:
                    (domain.mime if mail.file.mime else domain.non_mime).append(uncertain(text))
                    domain.unlabelled.add(key)
        domain.archived_unlabelled |= archived and key in domain.unlabelled
        declared = _declared(texts, self._server) if archived and mail.file.mime else None
        if declared is not None and key not in domain.archived:
            domain.declared[declared] += 1
            domain.archived.add(key)

    def advice(
        self, settings: Sequence[CharacterSets]
    ) -> tuple[SettingAdvice, tuple[SettingAdvice, ...]]:
        """Return the default, and the domains that need an entry of their own, by name.

        ``settings`` are those in force now, as far as the evidence has them.
        """
        called = {
            name: one
            for name, domain in sorted(self._domains.items())
            if (one := _called(domain)) is not None
        }
        default = _default(list(called.values()), setting_for(settings, None))
        own = [one for one in settings if one.domain.lower() != "default"]
        entries = (
            self._entry(name, one, default, setting_for(own, name)) for name, one in called.items()
        )
        return default, tuple(one for one in entries if one is not None)

    def _entry(
        self, name: str, called: _Called, default: SettingAdvice, current: CharacterSets | None
    ) -> SettingAdvice | None:
        """Return a domain's own entry, None where its mail is Western and the setting stands so."""
        stands = (default.mime, default.non_mime)
        if current is not None:
            stands = current.mime, current.non_mime
        mime = called.declared or called.mime
        wanted = mime or stands[0], called.non_mime or stands[1]
        if {mime, called.non_mime} <= {None, KEPT} and _same(wanted, stands):
            return None
        files = set(called.domain.archived) if called.declared else set()
        if called.mime or called.non_mime:
            files |= called.domain.unlabelled
        return SettingAdvice(
            name,
            *wanted,
            Basis.ARCHIVED if called.declared else Basis.UNLABELLED if called.mime else None,
            Basis.UNLABELLED if called.non_mime else None,
            "; ".join(self._reasons(called)),
            len(files),
            current,
        )

    def _reasons(self, called: _Called) -> Iterator[str]:
        domain, declared = called.domain, called.declared
        if declared is not None:
            count = domain.declared[declared]
            how = "archived by event 4117" if self._archived.told_by_events else "taken as archived"
            verb = "declares" if count == 1 else "declare"
            yield f"{count} mail{'' if count == 1 else 's'} {how} {verb} {declared} (Q230250)"
            if others := sorted(set(domain.declared) - {declared}):
                yield f"others declare {', '.join(others)}: no one setting serves all of them"
        for real, kind in ((called.real_mime, "MIME"), (called.real_non_mime, "non-MIME")):
            if real is not None:
                yield _in_words(real, kind)
        if declared not in {None, KEPT}:
            yield (
                "by Q156063 a label counts before the setting; Q230250 asks for the setting all "
                "the same"
            )


def _in_words(real: Pooled, kind: str) -> str:
    """Return how many texts without a label speak for a charset, and what the others are."""
    name = _setting_name(real.charset)
    form = f"{kind} text{'' if real.texts == 1 else 's'} without a label"
    if not real.others:
        return f"{real.texts} {form} really in {name}{_not_listed(name)}"
    others = ", ".join(one or "nothing known" for one in real.others)
    return f"{real.serves} of {real.texts} {form} really in {name}, the others in {others}"


def _same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    return [name.lower() for name in one] == [name.lower() for name in other]


def _declared(texts: Iterable[PartText], server: ServerCharsets) -> str | None:
    """Return the charset that a mail declares, one beyond Western before a Western one."""
    names = [
        _setting_name(charset)
        for text in texts
        if text.label and (charset := server.resolve(text.label)) is not None
    ]
    return next((name for name in names if name != KEPT), names[0] if names else None)


def _setting_name(charset: Charset) -> str:
    """Return the value to set for text in a charset."""
    return KEPT if charset.codec in _WESTERN else preferred_name(charset)


def _called(domain: _Domain) -> _Called | None:
    """Return what a domain's mail calls for, None where it is too little to go by."""
    declared = None
    mime = non_mime = None
    if domain.declared:
        declared = max(
            domain.declared, key=lambda name: (domain.declared[name], _is_listed(name), name)
        )
    if len(domain.unlabelled) >= _FEWEST or domain.archived_unlabelled:
        mime, non_mime = real_charset(domain.mime), real_charset(domain.non_mime)
    if mime is None and non_mime is None and declared is None:
        return None
    return _Called(mime, non_mime, declared, domain)


def _default(called: Sequence[_Called], current: CharacterSets | None) -> SettingAdvice:
    """Return the default: ISO-8859-1, unless the mail of most domains uses another charset.

    That is nine tenths of five domains or more; or more than half of two or more, where they use
    what the default is set to now.
    """
    stands = (None, None) if current is None else (current.mime, current.non_mime)
    mime = _common([one.declared or one.mime for one in called], stands[0])
    non_mime = _common([one.non_mime for one in called], stands[1])
    if mime is None and non_mime is None:
        why = "most of the mail shows no other charset" if called else "no mail speaks for another"
        start = "keep" if _same((KEPT, KEPT), (stands[0] or KEPT, stands[1] or KEPT)) else "back to"
        reason = f"{start} {KEPT}, what every server begins with: {why}"
        return SettingAdvice("Default", KEPT, KEPT, None, None, reason, 0, current)
    files = {
        name
        for one in called
        if (mime and mime in (one.declared, one.mime)) or (non_mime and non_mime == one.non_mime)
        for name in one.domain.unlabelled | one.domain.archived
    }
    declared = sum(one.declared == mime for one in called)
    unlabelled = sum(one.mime == mime and not one.declared for one in called)
    basis = Basis.ARCHIVED if declared > unlabelled else Basis.UNLABELLED
    reason = f"most of {len(called)} sender domains with unlabelled or archived mail use it"
    return SettingAdvice(
        "Default", mime or KEPT, non_mime or KEPT, basis if mime else None,
        Basis.UNLABELLED if non_mime else None, reason, len(files), current,
    )  # fmt: skip


def _common(values: Iterable[str | None], stands: str | None) -> str | None:
    """Return the charset beyond Western that most of these share; ``stands`` is set now."""
    told = [one for one in values if one is not None]
    if len(told) < _FEWEST:
        return None
    name, count = max(Counter(told).items(), key=lambda one: (one[1], one[0]))
    if name == KEPT:
        return None
    many = len(told) >= _DOMAINS_FOR_DEFAULT and count >= _SHARE_FOR_DEFAULT * len(told)
    stays = stands is not None and stands.lower() == name.lower() and 2 * count > len(told)
    return name if many or stays else None


def _is_listed(name: str) -> bool:
    """Return whether a charset is known to be in the Administrator's list; which is not whole."""
    charset = find_charset(name)
    return charset is not None and drop_down_entry(charset) is not None


def _not_listed(name: str) -> str:
    return "" if _is_listed(name) else " (not known to be in the Administrator's list)"
