"""The evidence of a site as files by path, from its history."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from generator.event_records import Record
from generator.evt_file import evt_file
from generator.scenario import Server

from simulator.history import History, Session
from simulator.setting import Setting, event_stamp, log_stamp

LOG = "Exchsrvr/Imcdata/Log"
TRACKING = "Exchsrvr/Tracking.log"
EVT = "winnt/system32/config/AppEvent.Evt"
EVENT_TEXT = "application-log.txt"
_PACKETS = {"4.0": 536, "5.0": 1460, "5.5": 1460}
_CONNECTOR = "MSExchangeIMC"


@dataclass(slots=True)
class Evidence:
    """Files by path, and folders, of which some hold none."""

    files: dict[str, bytes] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    def write(self, folder: Path, chance: random.Random | None = None) -> Path:
        """Write the tree and return its folder; with ``chance``, in any order and at wrong times.

        The modification times are then anywhere between 1990 and 2020.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for name in sorted(self.folders):
            (folder / name).mkdir(parents=True, exist_ok=True)
        names = sorted(self.files)
        if chance is not None:
            chance.shuffle(names)
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.files[name])
            if chance is not None:
                modified = chance.uniform(631_152_000, 1_577_836_800)
                os.utime(path, (modified, modified))
        return folder


def evidence_of(history: History, *, logs_until: datetime | None = None) -> Evidence:
    """Return all that the site left; the logs end at ``logs_until`` (UTC) where it is given."""
    setting = history.setting
    until = logs_until or setting.ended + timedelta(days=1)
    found = Evidence(dict(history.files))
    names = ["In", "In/Archive", "Out", "Out/Archive", "Work"]
    if setting.version == "5.5":
        names += ["Pickup", "Pickup/Archive"]
    found.folders = {f"Exchsrvr/Imcdata/{name}" for name in names}
    if setting.level != "none":
        for name, content in protocol_logs(setting, history.sessions, until):
            found.files[f"{LOG}/{name}"] = content
    if setting.tracking:
        for name, content in tracking_logs(history, until):
            found.files[f"{TRACKING}/{name}"] = content
    events = sorted((one for one in history.events if one.moment <= until),
                    key=lambda one: one.moment)  # fmt: skip
    if setting.event_form == "evt":
        found.files[EVT] = evt_file(_utc_server(setting), events)
    elif setting.event_form == "text":
        found.files[EVENT_TEXT] = event_text(setting, events)
    if setting.registry:
        found.files["registry.reg"] = registry_export(setting)
    return found


def tracking_logs(history: History, until: datetime) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the log of each day of GMT."""
    days: dict[str, bytearray] = defaultdict(bytearray)
    for entry in sorted(history.tracking, key=lambda one: one.moment):
        if entry.moment <= until:
            days[f"{entry.moment:%Y%m%d}.log"] += entry.line
    for name, content in days.items():
        yield name, bytes(content)


def protocol_logs(
    setting: Setting, sessions: list[Session], until: datetime
) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each log; a connection that overlaps one uses the next."""
    logs: list[tuple[datetime, bytearray]] = []
    for session in sorted(sessions, key=lambda one: one.begun):
        written = _session(setting, session, until)
        for number, (free, content) in enumerate(logs):
            if free <= session.begun:
                content += written
                logs[number] = (session.now, content)
                break
        else:
            logs.append((session.now, bytearray(written)))
    for number, (_, content) in enumerate(logs):
        if content:
            yield f"L{number:07}.LOG", bytes(content)


def _session(setting: Setting, session: Session, until: datetime) -> bytes:
    written = bytearray()
    raw = setting.packet_form == "raw"
    for moment, kind, text in session.said:
        if moment > until:
            break
        stamp = log_stamp(setting.wall(moment), setting.locale).encode("ascii") + b" : "
        if kind in {"connect", "bare"}:
            if kind == "connect" or setting.level != "minimum":
                written += stamp + text + b"\r\n"
            continue
        if setting.level == "minimum":
            continue
        if kind in {"got", "packet", "data"} and setting.level == "maximum":
            whole = text if kind != "got" else text + b"\r\n"
            size = _PACKETS[setting.version] if raw else max(1, len(whole))
            for start in range(0, len(whole), size):
                packet = whole[start : start + size]
                if raw:
                    written += stamp + b"<<< IO: |" + packet + b"\r\n"
                    continue
                for line in packet.removesuffix(b"\r\n").split(b"\r\n"):
                    written += stamp + b"<<< IO: |" + line + b"\r\n"
        if kind in {"got", "line"}:
            written += stamp + b"<<< " + text + b"\r\n"
        elif kind == "said":
            written += stamp + b">>> " + text + b"\r\n"
            if setting.version == "5.5" and text[:3].isdigit() and text[3:4] == b" ":
                written += b"\r\n"
        elif kind == "more":
            written += text + b"\r\n\r\n"
    return bytes(written)


def _utc_server(setting: Setting) -> Server:
    """Return the server as the fixtures' .evt writer wants it; its times are UTC already."""
    return Server(
        setting.name, setting.host, setting.organization, setting.site, setting.version,
        setting.build, "+00:00", "GMT",
    )  # fmt: skip


def event_text(setting: Setting, events: list[Record]) -> bytes:
    """Return the clipboard form (Q254893) in the server's own locale."""
    copied = (one for one in events if one.text or one.source != _CONNECTOR)
    blocks = ("\r\n".join(_event_lines(setting, one)) for one in copied)
    return ("\r\n\r\n".join(blocks) + "\r\n").encode("cp1252")


def _event_lines(setting: Setting, event: Record) -> Iterator[str]:
    date, time = event_stamp(setting.wall(event.moment), setting.locale)
    yield f"Event Type:\t{event.type}"
    yield f"Event Source:\t{event.source}"
    yield f"Event Category:\t{event.category}"
    yield f"Event ID:\t{event.id}"
    yield f"Date:\t\t{date}"
    yield f"Time:\t\t{time}"
    yield "User:\t\tN/A"
    yield f"Computer:\t{setting.name}"
    yield "Description:"
    yield event.text or (
        f"The description for Event ID ( {event.id} ) in Source ( {event.source} ) could not be"
        " found. It contains the following insertion string(s): " + ", ".join(event.strings)
    )
    if event.data:
        yield "Data:"
        for start in range(0, len(event.data), 8):
            row = event.data[start : start + 8]
            shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
            yield f"{start:04x}: {row.hex(' ')} {shown}"


def registry_export(setting: Setting) -> bytes:
    """Return a REGEDIT4 export, made when the evidence was collected."""
    key = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet"
    bias = int(-setting.offset(setting.ended).total_seconds() // 60) & 0xFFFFFFFF
    lines = (
        "REGEDIT4",
        "",
        f"[{key}\\Control\\TimeZoneInformation]",
        f'"ActiveTimeBias"=dword:{bias:08x}',
        "",
        f"[{key}\\Services\\MSExchangeIMC\\Parameters]",
        '"RootDir"="C:\\\\exchsrvr\\\\imcdata"',
        "",
    )
    return "\r\n".join(lines).encode("ascii")
