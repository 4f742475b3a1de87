"""Small evidence written line by line: sessions, tracking records and events of one server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

CONNECTOR = "/o=O/ou=S/cn=Configuration/cn=Connections/cn=Internet Mail Connector (SRV)"
ZONE_KEY = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\TimeZoneInformation"
MAILBOX = "me@o.example"


def _lines(time: datetime, said: Iterable[str]) -> str:
    stamp = f"{time:%Y-%m-%d %H:%M:%S}"
    return "".join(f"{stamp} : {line}\r\n" for line in said)


def came(wall: datetime, sender: str, *, reply: str = "250 OK") -> str:
    """Return the session of an inbound message, at Medium level."""
    return _lines(wall, (
        "A connection was accepted from peer.example.",
        "<<< HELO peer.example", ">>> 250 OK",
        f"<<< MAIL FROM:<{sender}>", f">>> 250 OK - mail from <{sender}>",
        f"<<< RCPT TO:<{MAILBOX}>", f">>> 250 OK - Recipient <{MAILBOX}>",
        "<<< DATA", ">>> 354 Send data.  End with CRLF.CRLF", f">>> {reply}",
        "<<< QUIT", ">>> 221 closing connection",
    ))  # fmt: skip


def went(wall: datetime, recipient: str) -> str:
    """Return the session of an outbound message that the other side took."""
    return _lines(wall, (
        "A connection to 192.0.2.1 was established.", "<<< 220 far.example ready",
        ">>> HELO o.example", "<<< 250 far.example",
        f">>> MAIL FROM:<{MAILBOX}>", "<<< 250 ok",
        f">>> RCPT TO:<{recipient}>", "<<< 250 ok",
        ">>> DATA", "<<< 354 go", "<<< 250 taken", ">>> QUIT", "<<< 221 bye",
    ))  # fmt: skip


def record(
    mts_id: str, event: int, utc: datetime, originator: str, recipient: str = MAILBOX
) -> str:
    """Return a tracking record; the connector's own from 1000 on, and 7 hands over to it."""
    time = f"{utc.year}.{utc.month}.{utc.day} {utc:%H:%M:%S}"
    gateway = CONNECTOR if event >= 1000 else ""
    partner = CONNECTOR if event == 7 else ""
    fields = [mts_id, str(event), time, gateway, partner, "", f"SMTP:{originator}"]
    return "\t".join([*fields, "0", "500", "0", "0", "", "1"]) + f"\r\nSMTP:{recipient}\t\r\n"


def taken_over(utc: datetime, name: str, sender: str) -> str:
    """Return the record by which the store of 4.0 has an inbound message."""
    return record(f"c=US;a= ;p=O;l=SRV{utc:%y%m%d%H%M}{name}", 1004, utc, sender)


def handed_over(utc: datetime, number: int, recipient: str, *events: int) -> str:
    """Return the records of an outbound message, some seconds after each other."""
    mts_id = f"c=US;a= ;p=O;l=SRV-{utc:%y%m%d%H%M%S}Z-{number}"
    return "".join(
        record(mts_id, event, utc + timedelta(seconds=5 * place), MAILBOX, recipient)
        for place, event in enumerate(events)
    )


def other_mail(first: datetime, last: datetime, every: timedelta) -> str:
    """Return the records of mail that passes from mailbox to mailbox."""
    listed, utc = [], first
    while utc <= last:
        mts_id = f"c=US;a= ;p=O;l=SRV-{utc:%y%m%d%H%M%S}Z-{len(listed) + 1000}"
        listed.append(record(mts_id, 9, utc, "you@o.example"))
        utc += every
    return "".join(listed)


def events_text(events: Iterable[tuple[datetime, str, int, str]]) -> str:
    """Return events as Event Viewer copies them: wall clock, source, number, text."""
    return "\r\n".join(
        f"Event Type:\tError\r\nEvent Source:\t{source}\r\nEvent Category:\tNone\r\n"
        f"Event ID:\t{number}\r\nDate:\t\t{wall:%Y-%m-%d}\r\nTime:\t\t{wall:%H:%M:%S}\r\n"
        f"User:\t\tN/A\r\nComputer:\tSRV\r\nDescription:\r\n{text}\r\n"
        for wall, source, number, text in events
    )


@dataclass
class Site:
    """What there is of a server; each day's tracking log is put together from its records.

    ``bias`` is the registry's ActiveTimeBias in minutes, None for no registry export.
    """

    sessions: list[str] = field(default_factory=list)
    tracking: Mapping[str, Iterable[str]] = field(default_factory=dict)
    events: str = ""
    bias: int | None = 0
    folders: tuple[str, ...] = ("In/Archive", "Out", "Log")

    def write(self, folder: Path) -> Path:
        """Write the evidence and return its folder."""
        for name in (*self.folders, "Log"):
            (folder / "Imcdata" / name).mkdir(parents=True, exist_ok=True)
        if self.bias is not None:
            text = f'REGEDIT4\r\n\r\n[{ZONE_KEY}]\r\n"ActiveTimeBias"=dword:{self.bias:08x}\r\n'
            (folder / "zone.reg").write_text(text)
        if self.sessions:
            log = folder / "Imcdata/Log/L0000000.LOG"
            log.write_text("".join(self.sessions), newline="")
        if self.events:
            (folder / "application.txt").write_text(self.events, newline="")
        (folder / "Tracking.log").mkdir(exist_ok=True)
        for day, records in self.tracking.items():
            path = folder / "Tracking.log" / f"{day}.log"
            path.write_text("".join(records), newline="")
        return folder
