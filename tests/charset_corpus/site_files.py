"""The records of a site that stand beside its mail: events, registry, Character Sets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from generator.event_records import Record
from generator.evt_file import evt_file
from generator.scenario import Server
from site_builder import events_text

from charset_corpus.era_charsets import CHARSETS, NT4_DEFAULT

_CONTROL = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control"
_DATABASE = "HKEY_LOCAL_MACHINE\\SOFTWARE\\Classes\\MIME\\Database"
_ENGINE = "Error {} occurred while processing message <4711@mail.example> from 'x'. "
_ENGINE += "The archive filename is '{}'."
_CODES = {12006: "80040C05-F20000E9", 12004: "80004005-F0000000"}


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of the server's wall clock, about the mail of that spool name if it has one."""

    moment: datetime
    event_id: int
    spool_name: str = ""


def application_log(happenings: Iterable[Happening], offset: timedelta, *, binary: bool) -> bytes:
    """Return the application log, as Windows NT keeps it or as its viewer's text."""
    records = [_record(one) for one in happenings]
    if binary:
        return evt_file(_server(offset), records)
    shown = [(one.moment, one.source, one.id, one.text or "") for one in records]
    return events_text(shown).encode("ascii")


def _record(one: Happening) -> Record:
    source, kind, strings, text = _wording(one)
    return Record(one.moment, source, one.event_id, kind, "None", strings, text)


def _wording(one: Happening) -> tuple[str, str, tuple[str, ...], str]:
    """Return source, type, insertion strings and text of an event."""
    if one.event_id in _CODES:
        code = _CODES[one.event_id]
        strings = (code, "<4711@mail.example>", "x", one.spool_name)
        return "MSExchangeIS", "Error", strings, _ENGINE.format(code, one.spool_name)
    if one.event_id == 4117:
        text = f"The message in spool file {one.spool_name} failed to be delivered."
        text += " The message has been moved to the IMCDATA\\IN\\ARCHIVE directory."
        return "MSExchangeIMC", "Error", (one.spool_name,), text
    if one.event_id == 3039:
        text = "The session to the store is gone: 80040115."
        return "MSExchangeIMC", "Error", ("80040115",), text
    text = "The Microsoft Exchange Internet Mail Service started or stopped."
    return "MSExchangeIMC", "Information", (), text


def _server(offset: timedelta) -> Server:
    hours = int(offset.total_seconds() // 3600)
    return Server(
        "HARBOUR", "harbour.coho.example", "COHO", "PORT", "5.5", "5.5.2653.13",
        f"{hours:+03}:00", "",
    )  # fmt: skip


def registry_export(
    offset: timedelta, installed: Collection[int] | None, aliases: Mapping[str, str]
) -> bytes:
    """Return an export with the clock's bias, unless None the code pages, and charset aliases.

    Pages that are known and not installed are listed with an empty value. An alias stands in
    the MIME database as Q184772 has it.
    """
    bias = int(-offset.total_seconds() // 60) & 0xFFFFFFFF
    lines = ["REGEDIT4", "", f"[{_CONTROL}\\TimeZoneInformation]"]
    lines += [f'"ActiveTimeBias"=dword:{bias:08x}', ""]
    if installed is not None:
        known = {one.table for one in CHARSETS if one.table} | NT4_DEFAULT
        lines += [f"[{_CONTROL}\\Nls\\CodePage]"]
        for page in sorted(known):
            lines.append(f'"{page}"="{f"c_{page}.nls" if page in installed else ""}"')
        lines += ['"ACP"="1252"', ""]
    for alias, charset in aliases.items():
        lines += [f"[{_DATABASE}\\Charset\\{alias}]", f'"AliasForCharset"="{charset}"', ""]
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


def settings_file(lines: Sequence[str]) -> bytes:
    """Return what ``imccopy -save domain`` writes (Q262126) of such ``domain,set,set`` lines."""
    rows = [f"+{line},800,76,0,0,0" for line in lines]
    whole = ["[Header]", "Version=1", "", "[Domain]", "DomainInformation=+", *rows]
    return ("\r\n".join(whole) + "\r\n").encode("ascii")
