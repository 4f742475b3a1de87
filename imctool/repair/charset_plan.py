"""What ``charset-check`` advises, as steps to take, with the files that a step is done with.

The steps are Markdown that reads as plain text. The aliases are a REGEDIT4 text for Regedit; the
settings are in the form of ``imccopy -save domain`` (Q262126), which documents no way back: they
are to be entered in the Administrator program. Nothing here touches a server.

Labels, domains and paths come from the evidence. In the steps they are shown as ASCII between
backquotes; in the settings an entry that could break its line is left out, and the steps name it.
"""

from __future__ import annotations

import errno
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

from imctool.knowledge.charset_outcomes import Harm, predicted_outcomes
from imctool.knowledge.charsets import (
    drop_down_entry,
    find_charset,
    needs_table,
    plain_label,
    table_installed,
)
from imctool.model.charset_check import (
    AliasAdvice,
    Basis,
    CharsetReport,
    CodePageAdvice,
    SettingAdvice,
    Verdict,
    Warned,
)
from imctool.repair.new_file import sync_folder, write_new_file

_SAMPLE_REST = ("800", "76", "0", "0", "0")
"""The five fields behind the character sets, as in the sample of Q262126."""

_ALIAS = re.compile(r"[!#$%&'*+\-.^_`{|}~0-9A-Za-z]{1,64}")
_CHARSET_KEY = r"HKEY_CLASSES_ROOT\MIME\Database\Charset"
_NLS_KEY = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Nls\CodePage"
_USER_DEFINED = 50000
_GRAVE = frozenset({Harm.LOSS, Harm.STUCK, Harm.STORE_CRASH})
_WRONG_LABELS = (Verdict.EMPTY_LABEL, Verdict.UNDECODABLE, Verdict.MISLABELLED)
_WIDTH, _LONGEST, _MOST_LABELS = 98, 255, 10


def write_plan(report: CharsetReport, path: Path) -> tuple[Path, ...]:
    """Write the steps to ``path``, and beside it what they are done with; return these files.

    The aliases go to ``path`` with the suffix ``.reg``, the settings to it with ``.imc.txt``,
    each only where there are any. No file is replaced: raises FileExistsError that names the one
    in the way, another OSError where a file cannot be written, and then leaves none of them.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    registry, settings = _beside(path, ".reg"), _beside(path, ".imc.txt")
    contents = {
        path: plan_text(report, registry.name, settings.name).encode(),
        registry: registry_text(report).encode("cp1252"),
        settings: settings_text(report).encode("ascii"),
    }
    files = tuple(one for one, content in contents.items() if content)
    for one in files:
        if os.path.lexists(one):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(one))
    written: list[Path] = []
    try:
        for one in files:
            write_new_file(one, contents[one])
            written.append(one)
        sync_folder(path.parent)
    except BaseException:
        for one in written:
            one.unlink(missing_ok=True)
        raise
    return files


def _beside(path: Path, suffix: str) -> Path:
    if path.name.lower().endswith((".reg", ".imc.txt")):
        return path.with_name(path.name + suffix)
    return path.with_suffix(suffix)


# The files that steps are done with


def registry_text(report: CharsetReport) -> str:
    r"""Return the aliases as REGEDIT4 text with CRLF, "" where there are none (Q184772).

    The notation, with ``\`` and ``"`` escaped in texts, is that of Q310516.
    """
    if not report.aliases:
        return ""
    lines = ["REGEDIT4", ""]
    for one in report.aliases:
        assert _ALIAS.fullmatch(one.alias), one.alias
        value = re.sub(r'([\\"])', r"\\\1", one.charset)
        lines += [rf"[{_CHARSET_KEY}\{one.alias}]", f'"AliasForCharset"="{value}"', ""]
    return "\r\n".join(lines) + "\r\n"


def settings_text(report: CharsetReport) -> str:
    """Return the settings in the form of ``imccopy -save domain``, "" where none is to be set.

    ``Default`` comes first, then the domains of the evidence in their order, changed where the
    advice says so, then those to be added. Lines end with CRLF.
    """
    if not any(map(_is_to_be_set, (report.default, *report.domains))):
        return ""
    rows = [f"+{','.join(one.fields)}" for one in _entries(report) if not one.left_out]
    lines = ["[Header]", "Version=1", "", "[Domain]", "DomainInformation=+", *rows]
    return "\r\n".join(lines) + "\r\n"


def _is_to_be_set(one: SettingAdvice) -> bool:
    """Whether a setting is not known to stand; the default that all begin with is not doubted."""
    if one.changes is None:
        return (one.mime_basis, one.non_mime_basis) != (None, None)
    return one.changes


class _Entry(NamedTuple):
    """A line of the settings; ``left_out`` says why it cannot be written, "" where it can."""

    fields: tuple[str, ...]
    left_out: str = ""


def _entries(report: CharsetReport) -> Iterator[_Entry]:
    default = report.default
    default_rest = _default_rest(report)
    yield _entry("Default", default.mime, default.non_mime, default_rest)
    advised = {one.domain.lower(): one for one in report.domains}
    if other := advised.pop("default", None):  # a sender's domain may be called so
        yield _Entry((other.domain,), "it would be taken for the Default itself")
    seen = {"default"}
    for current in report.settings:
        name = current.domain.lower()
        if name in seen:
            continue
        seen.add(name)
        now = advised.pop(name, None) or current
        yield _entry(current.domain, now.mime, now.non_mime, current.rest or default_rest)
    for new in advised.values():
        yield _entry(new.domain, new.mime, new.non_mime, default_rest)


def _default_rest(report: CharsetReport) -> tuple[str, ...]:
    current = report.default.current
    return current.rest if current is not None and current.rest else _SAMPLE_REST


def _entry(domain: str, mime: str, non_mime: str, rest: tuple[str, ...]) -> _Entry:
    fields = (domain, mime, non_mime, *rest)
    if not domain or not all(map(_fits_a_field, fields)):
        return _Entry(fields, "it holds what the form of the file cannot hold")
    if len(rest) != len(_SAMPLE_REST):
        return _Entry(fields, "its line in the evidence is not whole")
    return _Entry(fields)


def _fits_a_field(text: str) -> bool:
    plain = text.isascii() and text.isprintable() and text == text.strip()
    return plain and len(text) <= _LONGEST and not set(text) & set(",[]")


# The steps


def plan_text(report: CharsetReport, registry_file: str, settings_file: str) -> str:
    """Return the steps as Markdown, in the order in which they are to be done.

    ``registry_file`` and ``settings_file`` are the names that the steps give those files. Where
    nothing is to be done, the text says so.
    """
    title = "# Character sets: what to do on the server\n"
    if not report.count.read:
        return f"{title}\nNo file could be read, so that nothing follows.\n"
    steps = [
        ("Prevent harm first", list(_harm(report))),
        ("Install code pages", list(_code_pages(report))),
        ("Add aliases to the MIME database", list(_aliases(report, registry_file))),
        ("Set the Character Sets", list(_settings(report, settings_file))),
    ]
    work = [one for one in steps if one[1]]
    if work:
        work.append(("Restart", list(_restart(report))))
        work.append(("Test with one message, then do the rest", list(_test(report))))
    work.append(("What cannot be mended on the server", list(_unmendable(report))))
    sections = [("What this rests on", list(_grounds(report, saving=any(s[1] for s in steps))))]
    sections += [one for one in work if one[1]]
    head = [title]
    if not any(lines for _, lines in steps):
        head.append("Nothing is to be done on the server.\n")
    body = [
        f"## {number}. {name}\n\n" + "\n".join(lines) + "\n"
        for number, (name, lines) in enumerate(sections)
    ]
    return "\n".join(head + body)


def _grounds(report: CharsetReport, *, saving: bool) -> Iterator[str]:
    count = report.count
    yield _item(
        f"{_mails(len(report.files))} judged. Files: {count.seen} seen, {count.read} read, "
        f"{count.unreadable} unreadable, {count.skipped} skipped."
    )
    if report.versions:
        yield _item(f"Builds of the server: {_codes(report.versions)}.")
    else:
        yield _item("The version of the server is not known: what any of 4.0 to 5.5 does counts.")
    if report.code_pages_assumed:
        yield _item(
            "No export of the registry lists the code pages. Those of a fresh Windows NT 4.0 are "
            f"assumed: look under {_code(_NLS_KEY)} before you install any."
        )
    if not report.second_opinion:
        yield _item("Text without a label was judged without a second opinion (chardetng).")
    files = dict.fromkeys(one.location.path for one in report.settings)
    if files:
        first = " Where they differ, the first counts." if len(files) > 1 else ""
        yield _item(f"What is set now stands in {_codes(files)}.{first}")
    elif report.default.changes is None:
        yield _item(
            "What is set now is not known. Default is advised as "
            f"{_code(report.default.mime)} for MIME, {_code(report.default.non_mime)} for "
            f"non-MIME: {_plain(report.default.reason)}. See that it stands so."
        )
    for note in report.notes:
        yield _item(f"{_plain(note[:1].upper() + note[1:])}.")
    if saving:
        yield _item(
            "Save first: the registry, with an Emergency Repair Disk (Q184772), and the settings "
            f"of the service with {_code('imccopy -save domain imc.txt')} (Q262126, of 5.5)."
        )


def _harm(report: CharsetReport) -> Iterator[str]:
    if _USER_DEFINED in report.code_pages and not report.code_pages_assumed:
        yield _item(
            f"Remove the value {_code(str(_USER_DEFINED))} from {_code(_NLS_KEY)}: with it the "
            "store stops at a message in that page (Q187869, Q192546)."
        )
    for one in report.warnings:
        if one.outcome.harm in _GRAVE:
            yield _item(_warning(one, report.install))
            yield from (_item(_code(str(place)), 1) for place in one.examples)
            if one.files > len(one.examples):
                yield _item(f"and {one.files - len(one.examples)} more", 1)


def _warning(one: Warned, install: Iterable[CodePageAdvice]) -> str:
    outcome = one.outcome
    source = ", ".join(outcome.articles) + ("" if outcome.documented else ", inferred")
    where = f"Exchange {', '.join(outcome.versions)}, {_mails(one.files)}, charset "
    told = f"{outcome.harm}: {where}{_codes(one.labels)}. {outcome.text} ({source}.)"
    if outcome.fixed_in is None:
        told += " No fix is known: keep such mail out of In."
    else:
        told += f" Mended in {outcome.fixed_in}: bring the server there before such mail is in In."
    pages = [page for page in install if set(page.needed_for) & set(one.labels)]
    if pages:
        told += f" Code page {', '.join(str(page.code_page) for page in pages)} is to be installed."
    return told


def _code_pages(report: CharsetReport) -> Iterator[str]:
    for one in report.install:
        yield _item(f"{one.code_page}, for {_codes(one.needed_for)}: {_plain(one.reason)}.")
        yield from (_item(text, 1) for text in _once_installed(report, one))
    if not report.install:
        return
    yield ""
    for number, text in enumerate((
        f"On the Windows NT 4.0 compact disc, in the folder {_code('LANGPACK')}, right-click "
        f"{_code('ExchSrvr.inf')} and choose Install: it has the conversion tables that Exchange "
        f"uses (Q160028). Then see that each page has a file name under {_code(_NLS_KEY)}.",
        f"A page that is still missing goes in by hand (Q151701): copy {_code('C_<page>.nls')} "
        f"into {_code('%SystemRoot%' + chr(92) + 'System32')}, and under that key add a REG_SZ "
        "value whose name is the page's number and whose text is the file's name.",
        "Restart the computer. Q160028 asks for it after Japanese, Korean and Traditional Chinese; "
        "for the other pages it is a precaution.",
    ), 1):  # fmt: skip
        yield _item(text, mark=f"{number}.")


def _once_installed(report: CharsetReport, one: CodePageAdvice) -> Iterator[str]:
    """Yield what is known to go wrong with a page once it is there, each once, worst first."""
    versions = frozenset(".".join(build.split(".")[:2]) for build in report.versions)
    found = dict.fromkeys(
        outcome
        for label in one.needed_for
        for outcome in predicted_outcomes(
            "ok", label, embedded=False, in_digest=False, versions=versions, builds=report.versions
        )
    )
    for outcome in found:
        where = ", ".join(v for v in outcome.versions if not versions or v in versions)
        mended = f"Mended in {outcome.fixed_in}" if outcome.fixed_in else "No fix is known"
        if outcome.fixed_in and outcome.harm in _GRAVE:
            mended += ": bring the server there first"
        text = " ".join(outcome.text.split())
        yield f"Then, on {where}: {text} ({', '.join(outcome.articles)}.) {mended}."


def _aliases(report: CharsetReport, registry_file: str) -> Iterator[str]:
    if not report.aliases:
        return
    for one in report.aliases:
        told = f"{_code(one.alias)} as {_code(one.charset)}, in {_mails(one.files)}: "
        yield _item(f"{told}{_plain(one.reason)}.{_page_wanted(report, one)}")
    yield ""
    yield _paragraph(
        f"Import {_code(registry_file)} with Regedit.exe. It adds a key for each name under "
        f"{_code(_CHARSET_KEY)}, with the one value {_code('AliasForCharset')}; to take it back, "
        "delete those keys. The articles give this for 5.0 and 5.5 (Q184772, Q174722); they do "
        "not say that 4.0 reads it. An alias is wrong for mail that uses the name for another "
        "charset."
    )


def _page_wanted(report: CharsetReport, one: AliasAdvice) -> str:
    charset = find_charset(one.charset)
    page = None if charset is None else needs_table(charset)
    if page is None or table_installed(page, report.code_pages):
        return ""
    if any(page == advice.code_page for advice in report.install):
        return f" It needs code page {page} of the step before."
    return f" It needs code page {page}, which is not installed: install that as well (Q160028)."


def _settings(report: CharsetReport, settings_file: str) -> Iterator[str]:
    if not (text := settings_text(report)):
        return
    yield _paragraph(
        "In the Administrator program open the properties of the Internet Mail Service (Internet "
        "Mail Connector on 4.0). Character Sets stand on the Internet Mail tab, those of one "
        "domain behind its E-Mail Domain button (Q230250). What the list shows for a charset is "
        "not documented as a whole."
    )
    yield ""
    for one in (report.default, *report.domains):
        yield from _setting(one, known=bool(report.settings))
    yield ""
    yield _paragraph(
        f"{_code(settings_file)} has all entries as they should then stand, in imccopy's form, to "
        f"compare with a new {_code('imccopy -save domain')}. Only the saving of domains is "
        "documented (Q262126): enter the values by hand."
    )
    if ",".join(_SAMPLE_REST) in text and not (report.default.current or report.default).files_rest:
        yield ""
    for entry in _entries(report):
        if entry.left_out:
            yield _item(f"Not in that file: {_code(entry.fields[0])}; {entry.left_out}.")


def _setting(one: SettingAdvice, *, known: bool) -> Iterator[str]:
    yield ""


def _restart(report: CharsetReport) -> Iterator[str]:
    yield ""


def _test(report: CharsetReport) -> Iterator[str]:
    yield ""


def _unmendable(report: CharsetReport) -> Iterator[str]:
    yield ""
