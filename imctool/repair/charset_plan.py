"""What ``charset-check`` advises, as steps to take.

The steps are Markdown that reads as plain text. Nothing here touches a server. Labels, domains
and paths come from the evidence, and are shown as ASCII between backquotes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import fill

from imctool.knowledge.builds import versions_of
from imctool.knowledge.charset_outcomes import Harm, Outcome, predicted_outcomes
from imctool.knowledge.charsets import USER_DEFINED, drop_down_entry, find_charset, plain_label
from imctool.model.charset_check import (
    Basis,
    CharsetReport,
    CodePageAdvice,
    HeaderCheck,
    PartCheck,
    SettingAdvice,
    Verdict,
    Warned,
)
from imctool.repair.charset_files import (
    CHARSET_KEY,
    SAMPLE_REST,
    plan_files,
    registry_text,
    settings_entries,
    settings_text,
    whole_rest,
    why_not_whole,
)
from imctool.repair.new_file import sync_folder, write_new_file

_NLS_KEY = r"`HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Nls\CodePage`"

_SAVE = "imccopy -save domain"
_TOLD_IN_STEPS = (
    "restart the Internet Mail Service", "Nls\\CodePage has an entry 50000", "aliases are read by",
)  # fmt: skip
"""How the notes of a report begin that the steps tell in their own place."""

_GRAVE = frozenset({Harm.LOSS, Harm.STUCK, Harm.STORE_CRASH})
_WRONG_LABELS = {
    Verdict.EMPTY_LABEL: "a label that names nothing",
    Verdict.UNDECODABLE: "bytes that are not valid in the charset of their label",
    Verdict.MISLABELLED: "text in another charset than the label names",
}
_LONGEST_SHOWN, _MOST_LISTED, _WIDTH = 400, 10, 98
_BLANK = "\0"
_UNSAFE = re.compile(r"[^ -~]|[<`\[\]]")


def write_plan(report: CharsetReport, path: Path) -> tuple[Path, ...]:
    """Write the steps to ``path``, and beside it what they are done with; return these files.

    The aliases and the settings are written only where there are any. No file is replaced:
    raises OSError as ``plan_files``, another where a file cannot be written, and then leaves
    none of them.
    """
    files = plan_files(path)
    steps = plan_text(report, files.registry.name, files.settings.name)
    texts = (steps, registry_text(report), settings_text(report))
    written: list[Path] = []
    try:
        for one, text in zip(files, texts, strict=True):
            if text:
                write_new_file(one, text.encode("ascii"))
                written.append(one)
        sync_folder(path.parent)
    except BaseException:
        for one in written:
            one.unlink(missing_ok=True)
        raise
    return tuple(written)


def plan_text(report: CharsetReport, registry_file: str, settings_file: str) -> str:
    """Return the steps as Markdown, in the order in which they are to be done.

    ``registry_file`` and ``settings_file`` are the names that the steps give those files. Where
    nothing is to be done, the text says so.
    """
    title = "# Character sets: what to do on the server\n"
    if not report.count.read:
        return f"{title}\nNo file could be read, so that nothing follows.\n"
    harm = list(_harm(report))
    changes = {
        "Install code pages": list(_code_pages(report)),
        "Add aliases to the MIME database": list(_aliases(report, registry_file)),
        "Set the Character Sets": list(_settings(report, settings_file)),
    }
    is_changed = any(changes.values())
    sections = {
        "What this rests on": list(_grounds(report, saving=is_changed or bool(harm))),
        "Prevent harm first": harm,
        **changes,
        "Restart": list(_restart(report)) if is_changed else [],
        "Test with one message, then do the rest": list(_test(report)) if is_changed else [],
        "What cannot be mended on the server": list(_unmendable(report)),
    }
    texts = [title]
    if not is_changed and not harm:
        texts.append("Nothing is to be done on the server.\n")
    shown = [one for one in sections.items() if one[1]]
    for number, (name, lines) in enumerate(shown):
        texts += [f"## {number}. {name}\n", "\n".join(map(_item, lines)) + "\n"]
    return "\n".join(texts)


def _grounds(report: CharsetReport, *, saving: bool) -> Iterator[str]:
    count = report.count
    yield (
        f"{_mails(len(report.files))} judged. Files: {count.seen} seen, {count.read} read, "
        f"{count.unreadable} unreadable, {count.skipped} skipped."
    )
    if report.logged:
        yield f"{_mails(len(report.logged))} that only protocol logs hold count too."
    if report.versions:
        yield f"Builds of the server: {_codes(report.versions)}."
    else:
        yield "The version of the server is not known: what any of 4.0 to 5.5 does counts."
    if report.code_pages_assumed:
        yield (
            "No export of the registry lists the code pages. Those of a fresh Windows NT 4.0 are "
            f"assumed: look under {_NLS_KEY} before you install any."
        )
    if not report.second_opinion:
        yield "Text without a label was judged without a second opinion (chardetng)."
    if files := dict.fromkeys(one.location.path for one in report.settings):
        more = " Where they differ, the first counts." if len(files) > 1 else ""
        yield f"What is set now stands in {_codes(files)}.{more}"
    if report.default.changes is None and not settings_entries(report):
        yield (
            f"What Default is set to is not known. See that it is {_values(report.default)}: "
            f"{_plain(report.default.reason)}."
        )
    for note in report.notes:
        if not note.startswith(_TOLD_IN_STEPS):
            yield f"{_plain(note[:1].upper() + note[1:])}."
    if saving:
        yield (
            "Save first: the registry, with an Emergency Repair Disk (Q184772), and the settings "
            f"of the service with {_code(f'{_SAVE} imc.txt')} (Q262126, of 5.5)."
        )


def _harm(report: CharsetReport) -> Iterator[str]:
    if USER_DEFINED in report.code_pages:
        yield (
            f"Remove the value `{USER_DEFINED}` from {_NLS_KEY}: with it the "
            "store stops at a message in that page (Q187869, Q192546)."
        )
    for one in report.warnings:
        if one.outcome.harm in _GRAVE:
            yield _warning(one, report.install)


def _warning(one: Warned, install: Iterable[CodePageAdvice]) -> str:
    outcome = one.outcome
    source = ", ".join(outcome.articles) + ("" if outcome.documented else ", inferred")
    told = (
        f"{outcome.harm}: {_mails(one.files)} with the label {_codes(one.labels)}; Exchange "
        f"{', '.join(outcome.versions)}. {outcome.text} ({source}.) "
    )
    told += f"{_fix(outcome.fixed_in)}. Before it is mended keep such mail out of In."
    told += f" Found in {_codes(map(str, one.examples), one.files)}."
    if pages := [str(page.code_page) for page in install if set(page.needed_for) & set(one.labels)]:
        told += f" Code page {', '.join(pages)} is to be installed as well."
    return told


def _fix(release: str | None) -> str:
    return f"Mended in {release}" if release else "No fix is known"


def _code_pages(report: CharsetReport) -> Iterator[str]:
    if not report.install:
        return
    for one in report.install:
        wanted = f"Code page {one.code_page}, for {_codes(one.needed_for)}"
        yield f"{wanted}: {_plain(one.reason)}."
    yield from _once_installed(report)
    yield (
        "On the Windows NT 4.0 compact disc, in the folder `LANGPACK`, right-click `ExchSrvr.inf` "
        "and choose Install: it has the conversion tables for Exchange (Q160028). Then see that "
        f"each page has a file name under {_NLS_KEY}."
    )
    yield (
        "A page that is still missing goes in by hand (Q151701): copy `C_<page>.nls` to the "
        "System32 folder, and add under that key a REG_SZ value whose name is the page's number "
        "and whose text is the name of that file."
    )
    yield (
        "Then restart the computer. Q160028 asks for it after Japanese, Korean and Traditional "
        "Chinese; for other pages it is a precaution."
    )


def _once_installed(report: CharsetReport) -> Iterator[str]:
    """Yield what is known to go wrong with these pages once they are there."""
    versions = versions_of(report.versions)
    found: dict[Outcome, dict[str, None]] = {}
    for one in report.install:
        for label in one.needed_for:
            for outcome in predicted_outcomes(
                "ok", label, embedded=False, in_digest=False,
                versions=versions, builds=report.versions,
            ):  # fmt: skip
                found.setdefault(outcome, {})[str(one.code_page)] = None
    for outcome, pages in found.items():
        first = ": bring the server there first" if outcome.harm in _GRAVE else ""
        yield (
            f"Once {', '.join(pages)} {'is' if len(pages) == 1 else 'are'} there, on "
            f"{', '.join(one for one in outcome.versions if not versions or one in versions)}: "
            f"{' '.join(outcome.text.split())} ({', '.join(outcome.articles)}.) "
            f"{_fix(outcome.fixed_in)}{first if outcome.fixed_in else ''}."
        )


def _aliases(report: CharsetReport, registry_file: str) -> Iterator[str]:
    if not report.aliases:
        return
    for one in report.aliases:
        named = f"{_code(one.alias)} as {_code(one.charset)}, in {_mails(one.files)}"
        yield f"{named}: {_plain(one.reason)}."
    yield (
        f"Import {_code(registry_file)} with Regedit.exe. It adds a key for each name under "
        f"{_code(CHARSET_KEY)}, with the one value `AliasForCharset`; deleting these keys takes it "
        "back. The articles tell of it for 5.0 and 5.5 (Q184772, Q174722), and not "
        "for 4.0. Where a sender uses the name for another charset, its letters will be wrong."
    )


def _settings(report: CharsetReport, settings_file: str) -> Iterator[str]:
    entries = settings_entries(report)
    if not entries:
        return
    yield (
        "In the Administrator program open the properties of the Internet Mail Service (Connector "
        "on 4.0). Character Sets stand on the Internet Mail tab, those of one domain behind its "
        "E-Mail Domain button (Q230250). What the list shows for each is documented only in part."
    )
    for one in (report.default, *report.domains):
        yield _setting(one, has_settings=bool(report.settings))
    told = (
        f"{_code(settings_file)} has the entries as they should then stand. Enter them in the "
        f"Administrator program, and compare with what {_code(_SAVE)} saves afterwards (Q262126). "
        f"That {_code(f'imccopy -restore domain {settings_file}')} loads such a file is inferred "
        f"from Q182522, which has {_code('-restore routes')} alone: try it on a test server first."
    )
    if reason := why_not_whole(report):
        told += (
            " Do not load this one: with routes that replaces every entry, and this file may lack "
            f"some, as {reason}."
        )
    if not whole_rest(report.default.current):
        told += (
            " What the evidence does not tell of the fields behind the character sets is as in "
            f"the sample of Q262126, `{','.join(SAMPLE_REST)}`: it may not be what you have."
        )
    yield told
    for entry in entries:
        if entry.left_out:
            yield f"Not in that file: {_code(entry.fields[0])}, as {entry.left_out}."


def _setting(one: SettingAdvice, *, has_settings: bool) -> str:
    is_default = one.domain == "Default"
    if one.current is not None:
        now = f"MIME {_code(one.current.mime)}, non-MIME {_code(one.current.non_mime)}"
        own = one.current.domain.lower() == one.domain.lower()
        change = ": change it" if own else f" by the entry of {_code(one.current.domain)}: add one"
        now = f"Now it is {now}{change}." if one.changes else "It stands so already."
    elif has_settings and not is_default:
        now = "It has no entry now: add one."
    else:
        now = "What is set now is not known."
    name = "Default" if is_default else f"E-Mail Domain {_code(one.domain)}"
    behind = f" {_mails(one.files)} behind it." if one.files else ""
    return f"{name}: {_values(one)}. {now} Why: {_plain(one.reason)}.{behind}"


def _values(one: SettingAdvice) -> str:
    if one.mime.lower() == one.non_mime.lower():
        return f"{_listed(one.mime)} for MIME and non-MIME"
    return f"{_listed(one.mime)} for MIME, {_listed(one.non_mime)} for non-MIME"


def _listed(name: str) -> str:
    charset = find_charset(name)
    entry = None if charset is None else drop_down_entry(charset)
    if entry is None:
        return f"{_code(name)} (whether and how the list shows it is not known)"
    inferred = "" if entry.certainty == "documented" else f", inferred from {entry.source}"
    return f"{_code(name)} (in the list {_code(entry.name)}{inferred})"


def _restart(report: CharsetReport) -> Iterator[str]:
    yield "Stop and start the Internet Mail Service: it reads its settings then (Q230250)."
    if report.aliases:
        yield (
            "No article says when a new alias is read: where such mail still comes in raw after "
            "that, restart the Information Store too."
        )


def _test(report: CharsetReport) -> Iterator[str]:
    if any(one.outcome.harm in _GRAVE for one in report.warnings):
        yield "Leave out the mails of the first step until it is done."
    archived = [one.domain for one in report.domains if one.mime_basis is Basis.ARCHIVED]
    if not archived:
        yield (
            "Let one more message of each kind come in and look at it where it is delivered. What "
            "was delivered before stays as it is."
        )
        return
    yield (
        f"Mail of {_codes(archived)} may have failed for the setting. Take one file that event "
        f"4117 names ({_code('imctool diagnose')} lists them). That a file lies in `In\\Archive` "
        "proves nothing: delivered mail may be kept there, and would be delivered twice."
    )
    yield (
        "Copy it to a safe place, stop the service, move it unchanged from `In\\Archive` to `In`, "
        "and start the service (Q230250)."
    )
    yield (
        "If it is delivered and no event 4117 names it again, do the same with the others, each "
        "once; imctool's command for requeueing keeps a journal of it, where this version has it."
    )
    yield (
        "If event 4117 names it again, the setting is not the cause: a virus scanner may be "
        "(Q230250). Leave the others where they are."
    )


def _unmendable(report: CharsetReport) -> Iterator[str]:
    verdicts: Counter[Verdict] = Counter()
    labels: Counter[str] = Counter()
    for file in (*report.files, *report.logged):
        texts: tuple[PartCheck | HeaderCheck, ...] = (*file.parts, *file.headers)
        found = {(one.verdict, one.declared or "") for one in texts}
        verdicts.update({verdict for verdict, _ in found})
        labels.update({plain_label(one) for kind, one in found if kind is Verdict.UNKNOWN_LABEL})
    for label, reason in report.unaliased:
        yield f"{_code(label)}, in {_mails(labels[plain_label(label)])}: {_plain(reason)}."
    for verdict, told in _WRONG_LABELS.items():
        if count := verdicts[verdict]:
            yield (
                f"{_mails(count)} with {told} ({verdict}). A label counts before any setting "
                "(Q156063): the sender has to mend it."
            )


# Text


def _item(text: str) -> str:
    wrapped = fill(
        text, _WIDTH, initial_indent="- ", subsequent_indent="  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return wrapped.replace(_BLANK, " ")


def _plain(text: str) -> str:
    """Return text as ASCII on one line, with nothing that Markdown takes for more than text."""
    return _UNSAFE.sub(_shown, text)


def _code(text: str) -> str:
    """Return text as ASCII between backquotes, so marked that no line ends in it."""
    cut = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
    return f"`{re.sub('[^ -~]|`', _shown, cut).replace(' ', _BLANK)}`"


def _codes(texts: Iterable[str], count: int = 0) -> str:
    """Return the first of the texts, and how many more there are: of ``count``, if it is more."""
    every = list(texts)
    shown = every[:_MOST_LISTED]
    more = max(len(every), count) - len(shown)
    return ", ".join(map(_code, shown)) + (f" and {more} more" if more else "")


def _shown(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{{{number:x}}}"


def _mails(count: int) -> str:
    return f"{count} mail{'' if count == 1 else 's'}"
