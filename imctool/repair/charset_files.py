"""The files beside the steps of ``charset-check``: aliases for Regedit, settings for imccopy.

The aliases are a REGEDIT4 text. The settings have the form of ``imccopy -save domain``, which
Q262126 documents. Q182522 documents ``imccopy -restore routes FILE`` beside ``-save routes``;
that ``-restore domain`` takes such a file back is inferred from it, and so is that it replaces
every entry, as it does with routes.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from imctool.model.charset_check import CharsetReport, SettingAdvice
from imctool.model.settings import CharacterSets

SAMPLE_REST = ("800", "76", "0", "0", "0")
"""The five fields behind the character sets, as in the sample of Q262126."""

CHARSET_KEY = r"HKEY_CLASSES_ROOT\MIME\Database\Charset"
"""The key under which a server has the names of charsets (Q184772)."""

_ALIAS = re.compile(r"[!#$%&'*+\-.^_`{|}~0-9A-Za-z]{1,64}")
_LONGEST_FIELD = 255


class PlanFiles(NamedTuple):
    """The names of the steps and of the two files that they are done with."""

    steps: Path
    registry: Path
    settings: Path


def plan_files(path: Path) -> PlanFiles:
    """Return the files of a plan whose steps are ``path``, once each name is free.

    Their suffixes are ``.reg`` and ``.imc.txt``, which are added to a name that ends in one of
    them. Raises OSError with the name at fault: FileExistsError where one of the three is
    taken, IsADirectoryError for a folder, what the system answers where that of ``path`` cannot
    be looked into, PermissionError where nothing can be written there.
    """
    if path.is_dir():
        raise _error(errno.EISDIR, path)
    os.scandir(path.parent).close()
    if not os.access(path.parent, os.W_OK):
        raise _error(errno.EACCES, path.parent)
    stem = path if path.name.lower().endswith((".reg", ".imc.txt")) else path.with_suffix("")
    files = PlanFiles(path, *(stem.with_name(stem.name + end) for end in (".reg", ".imc.txt")))
    for one in files:
        if os.path.lexists(one):
            raise _error(errno.EEXIST, one)
    return files


def _error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))


def registry_text(report: CharsetReport) -> str:
    r"""Return the aliases as REGEDIT4 text with CRLF, "" where there are none (Q184772).

    The notation, with ``\`` and ``"`` escaped in texts, is that of Q310516.
    """
    lines = ["REGEDIT4", ""]
    for one in report.aliases:
        assert _ALIAS.fullmatch(one.alias), one.alias
        value = re.sub(r'([\\"])', r"\\\1", one.charset)
        lines += [rf"[{CHARSET_KEY}\{one.alias}]", f'"AliasForCharset"="{value}"', ""]
    return "\r\n".join(lines) + "\r\n" if report.aliases else ""


class Entry(NamedTuple):
    """A line of the settings; ``left_out`` says why it cannot be written, "" where it can."""

    fields: tuple[str, ...]
    left_out: str = ""


def settings_text(report: CharsetReport) -> str:
    """Return the settings in the form of ``imccopy -save domain``, "" where none is to be set."""
    rows = [f"+{','.join(one.fields)}" for one in settings_entries(report) if not one.left_out]
    lines = ["[Header]", "Version=1", "", "[Domain]", "DomainInformation=+", *rows]
    return "\r\n".join(lines) + "\r\n" if rows else ""


def settings_entries(report: CharsetReport) -> tuple[Entry, ...]:
    """Return the lines of the settings as they should stand, none where none is to be set.

    ``Default`` comes first, then the domains of the evidence in their order, changed where the
    advice says so, then those to be added.
    """
    if any(map(_is_to_be_set, (report.default, *report.domains))):
        return tuple(_entries(report))
    return ()


def why_not_whole(report: CharsetReport) -> str:
    """Return why the settings may lack what the server has, "" where nothing says so.

    Where ``imccopy -restore`` replaces every entry, what they lack would be lost.
    """
    files = {one.location.path for one in report.settings}
    if not files:
        return "the evidence does not tell which entries the server has"
    if len(files) > 1:
        return "the evidence has several files of settings"
    if files & {one.location.path for one in report.defects}:
        return "the file of settings in the evidence is damaged"
    if not whole_rest(report.default.current):
        return "the settings in the evidence have no whole line for Default"
    if any(one.left_out for one in settings_entries(report)):
        return "it leaves out entries"
    return ""


def _is_to_be_set(one: SettingAdvice) -> bool:
    """Whether it is not known to stand so; the default that all begin with is not doubted."""
    if one.changes is None:
        return one.mime_basis is not None or one.non_mime_basis is not None
    return one.changes


def _entries(report: CharsetReport) -> Iterator[Entry]:
    rest = whole_rest(report.default.current) or SAMPLE_REST
    yield _entry("Default", report.default, rest)
    advised = {one.domain.lower(): one for one in report.domains}
    current = {one.domain.lower(): one for one in reversed(report.settings)}
    for name in dict.fromkeys(one.domain.lower() for one in report.settings):
        if name != "default":
            now = current[name]
            yield _entry(now.domain, advised.pop(name, now), now.rest or rest)
    for name, new in advised.items():
        if _is_to_be_set(new):  # else the entry of a parent domain serves it as it stands
            yield _entry(name, new, whole_rest(new.current) or rest)


def _entry(domain: str, values: SettingAdvice | CharacterSets, rest: tuple[str, ...]) -> Entry:
    fields = (domain, values.mime, values.non_mime, *rest)
    if not domain or not all(map(_fits_a_field, fields)):
        return Entry(fields, "the form of the file cannot hold it")
    whole = len(rest) == len(SAMPLE_REST)
    return Entry(fields, "" if whole else "its line in the evidence is not whole")


def whole_rest(current: CharacterSets | None) -> tuple[str, ...]:
    """Return the fields behind the character sets of an entry, none if they are not whole."""
    rest = () if current is None else current.rest
    return rest if len(rest) == len(SAMPLE_REST) and all(map(_fits_a_field, rest)) else ()


def _fits_a_field(text: str) -> bool:
    plain = text.isascii() and text.isprintable() and text == text.strip()
    return plain and len(text) <= _LONGEST_FIELD and not set(text) & set(",[]")
