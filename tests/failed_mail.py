"""A server with mail in In\\Archive: some failed with event 4117, some delivered, some unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from site_builder import MAILBOX, ZONE_KEY, events_text, record
from spool_builder import imcr_envelope

BUILD = "5.5.2653.13"
SENDER = "ann@far.example"
FIRST = datetime(2000, 5, 16, 9, 0)
"""When the first mail comes, in UTC; the server's clock shows UTC."""

SECOND = timedelta(seconds=1)
_DATE = "%a, %d %b %Y %H:%M:%S"
_MOVED = (
    "The message in spool file {} failed to be delivered. "
    "The message has been moved to the IMCDATA\\IN\\ARCHIVE directory."
)


@dataclass
class FailedMail:
    """The evidence of a server, put down mail by mail; each comes a minute after the one before.

    ``build`` None leaves the server's version untold.
    """

    folder: Path
    build: str | None = BUILD
    inbound: str = "In"
    archive: str = "Archive"
    minutes: int = 0
    _events: list[tuple[datetime, str, int, str]] = field(default_factory=list)
    _tracking: list[str] = field(default_factory=list)

    @property
    def imcdata(self) -> Path:
        """The Imcdata folder."""
        return self.folder / "Imcdata"

    def in_archive(self, name: str) -> Path:
        """Return the path of a file in In\\Archive."""
        return self.imcdata / self.inbound / self.archive / name

    def waiting(self, name: str) -> Path:
        """Return the path of a file in In."""
        return self.imcdata / self.inbound / name

    def mail(
        self,
        name: str,
        *,
        file_name: str | None = None,
        place: str = "",
        originator: str = SENDER,
        recipients: Sequence[str] = (MAILBOX,),
        message_id: str | None = "",
        subject: str = "Berth 4",
        content_type: str = "text/plain; charset=us-ascii",
        body: bytes = b"The ship is in.\r\n",
        failed: bool = True,
        delivered: bool = False,
        named: bool = True,
    ) -> Path:
        """Put down one mail and what the logs have of it; return its file.

        ``place`` is its folder below Imcdata, In\\Archive unless given; ``message_id`` None leaves
        the field out, "" makes one. ``named`` False leaves the spool name out of the text and the
        envelope, so that only the file's name and the logs have it.
        """
        moment = FIRST + timedelta(minutes=self.minutes)
        self.minutes += 1
        mts_id = f"c=US;a= ;p=O;l=SRV{moment:%y%m%d%H%M}{name}"
        if message_id == "":
            message_id = f"<{name.lower()}@far.example>"
        head = [f"From: {originator}", f"Subject: {subject}", f"Content-Type: {content_type}"]
        if message_id is not None:
            head.insert(0, f"Message-ID: {message_id}")
        if self.build is not None and named:
            product, own = "Internet Mail Service", name
            if self._is_4_0:
                product, own = "Server Internet Mail Connector", f"<01BB.{name}@srv.o.example>"
            head.insert(
                0,
                "Received: from far.example by srv.o.example with SMTP (Microsoft Exchange "
                f"{product} Version {self.build})\r\n\tid {own}; {moment:{_DATE}} +0000",
            )
        text = "\r\n".join(head).encode("latin-1") + b"\r\nMIME-Version: 1.0\r\n\r\n" + body
        envelope = imcr_envelope(
            originator, recipients, mts_id=mts_id if named else "", time=moment
        )
        path = self.imcdata / (place or f"{self.inbound}/{self.archive}") / (file_name or name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(envelope + text)
        if failed:
            self.event_4117(name, moment + 3 * SECOND)
        events = () if self.build is None or self._is_4_0 else (1012,)
        if delivered:
            events = (1004, 9) if self._is_4_0 else (*events, 1013, 9)
        for event in events:
            line = record(mts_id, event, moment + 2 * SECOND, originator, recipients[0])
            fields = line.split("\t")
            fields[5] = message_id or ""
            self._tracking.append("\t".join(fields))
        return path

    @property
    def _is_4_0(self) -> bool:
        return self.build is not None and self.build.startswith("4.0")

    def event_4117(self, name: str, moment: datetime) -> None:
        """Log that a message failed and was moved to In\\Archive."""
        self._events.append((moment, "MSExchangeIMC", 4117, _MOVED.format(name)))

    def write(self) -> Path:
        """Write the logs and return the folder of the evidence."""
        for name in (self.inbound, f"{self.inbound}/{self.archive}", "Out", "Work", "Log"):
            (self.imcdata / name).mkdir(parents=True, exist_ok=True)
        zone = f'REGEDIT4\r\n\r\n[{ZONE_KEY}]\r\n"ActiveTimeBias"=dword:00000000\r\n'
        (self.folder / "zone.reg").write_text(zone, newline="")
        noise = (FIRST - timedelta(hours=1), "MSExchangeIS Private", 1221, "7")
        events = events_text([noise, *self._events])
        (self.folder / "application.txt").write_text(events, newline="")
        log = self.folder / "Tracking.log" / f"{FIRST:%Y%m%d}.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text("".join(self._tracking), newline="")
        return self.folder
