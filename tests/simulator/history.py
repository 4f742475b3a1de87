"""What a site's messages left in its artefacts, put down while the scenes are played."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from generator.envelope import envelope
from generator.event_records import Record
from generator.spool_counter import DIGITS
from generator.timestamps import filetime, mail_date

from simulator.setting import Setting
from simulator.truth import TrueMessage

SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Session:
    """One SMTP connection; ``said`` are (UTC, kind, bytes), kinds as protocol_log knows them."""

    begun: datetime
    now: datetime
    said: list[tuple[datetime, str, bytes]] = field(default_factory=list)

    def put(self, kind: str, text: str | bytes) -> None:
        content = text.encode("latin-1") if isinstance(text, str) else text
        self.said.append((self.now, kind, content))

    def wait(self, seconds: float = 1) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True)
class TrackingEntry:
    """One record of the tracking log, and whose it is (None: mail that stayed in the store)."""

    moment: datetime
    line: bytes
    event: int
    of: TrueMessage | None


class History:
    """Everything that happened at one site, in memory."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.chance = random.Random(f"history {setting.seed}")
        self.truths: list[TrueMessage] = []
        self.files: dict[str, bytes] = {}
        self.sessions: list[Session] = []
        self.tracking: list[TrackingEntry] = []
        self.events: list[Record] = []
        self.has_hole = False
        self._sequence = 1
        self._seeds: dict[datetime, int] = {}
        self._values: set[int] = set()
        self._peers = 0

    # Names

    def spool_name(self, moment: datetime) -> str:
        """Return the name that the counter gives out then; a restart seeds it anew.

        Scenes overlap, so the counter goes by the time and not by the order of asking.
        """
        setting = self.setting
        begun = max((one for one in setting.restarts if one <= moment), default=setting.begun)
        if begun not in self._seeds:
            wall = setting.wall(moment)
            self._seeds[begun] = wall.month << 36 | wall.day << 31 | self.chance.getrandbits(31)
        value = self._seeds[begun] + (moment - begun) // SECOND
        while value in self._values:
            value += 1
        self._values.add(value)
        return "".join(DIGITS[(value >> shift) & 31] for shift in range(35, -1, -5))

    def connector_mts_id(self, moment: datetime, name: str) -> str:
        place = f"p={self.setting.organization};l={self.setting.name}"
        return f"c=US;a= ;{place}{moment:%y%m%d%H%M}{name}"

    def store_mts_id(self, moment: datetime) -> str:
        self._sequence += self.chance.randrange(1, 9)
        place = f"p={self.setting.organization};l={self.setting.name}"
        return f"c=US;a= ;{place}-{moment:%y%m%d%H%M%S}Z-{self._sequence}"

    def own_message_id(self, moment: datetime, mts_id: str) -> str:
        if self.setting.is_4_0:
            quoted = mts_id.replace(" ", "_").replace(";", "%")
            return f"<{quoted}@{self.setting.host}>"
        stamp = filetime(self.setting.wall(moment))
        return f"<{stamp:016X}{self.chance.getrandbits(64):016X}@{self.setting.host}>"

    # Artefacts

    def session(self, moment: datetime) -> Session:
        one = Session(moment, moment)
        self.sessions.append(one)
        return one

    def track(
        self,
        truth: TrueMessage | None,
        moment: datetime,
        event: int,
        *,
        mts_id: str,
        originator: str = "",
        recipients: Sequence[str] = (),
        remote_id: str = "",
        subject_id: str = "",
        status: str = "",
    ) -> None:
        """Write a tracking record; the connector's and its partners as the fixtures have them."""
        setting = self.setting
        own = event >= 1000
        gateway = setting.connector_dn if own else ""
        partner = setting.store_dn if event in {4, 9, 10, 1013, 1004} else ""
        if event == 7:
            partner = setting.connector_dn
        fields = (
            mts_id, str(event), _tracking_time(moment), gateway, partner, remote_id,
            self.directory_name(originator) if originator else "", "0",
            str(self.chance.randrange(600, 9000)), "0", "0", subject_id, str(len(recipients)),
        )  # fmt: skip
        feed = "\n" if setting.is_4_0 else "\r\n"
        names = "".join(
            f"{feed}{self.directory_name(one)}" + (f"\t{status}" if status else "")
            for one in recipients
        )
        line = ("\t".join(fields) + names).encode("cp1252") + b"\r\n"
        self.tracking.append(TrackingEntry(moment, line, event, truth))

    def directory_name(self, address: str) -> str:
        """Return an address as the tracking log has it: a mailbox of the site may be a DN."""
        local, _, domain = address.partition("@")
        if domain == self.setting.domain and self.setting.names_as_dn:
            return f"{self.setting.site_dn}/cn=Recipients/cn={local}"
        return f"SMTP:{address}"

    def event(
        self,
        moment: datetime,
        identifier: int,
        kind: str,
        *,
        source: str = "MSExchangeIMC",
        strings: Iterable[str] = (),
        text: str | None = None,
        data: bytes = b"",
        category: str = "Internal Processing",
    ) -> None:
        record = Record(moment, source, identifier, kind, category, tuple(strings), text, data)
        self.events.append(record)

    def file(
        self, folder: str, name: str, truth: TrueMessage, moment: datetime, text: bytes
    ) -> None:
        """Put a spool file into a folder of Imcdata."""
        wall = self.setting.wall(moment)
        host = self.setting.host if folder.startswith("Out") else "mail.peer.example"
        mts_id = truth.mts_id or self.connector_mts_id(moment, name)
        head = envelope(truth.originator, truth.recipients, host, mts_id, wall)
        self.files[f"Exchsrvr/Imcdata/{folder}/{name}"] = head + text

    def received(self, moment: datetime, name: str, *, inbound: bool) -> bytes:
        """Return the Received field that the server puts on top."""
        setting, wall = self.setting, self.setting.wall(moment)
        date = mail_date(wall, setting.offset(moment))
        stamp = filetime(wall)
        old = f"<{stamp >> 32:08X}.{stamp & 0xFFFFFFFF:08X}@{setting.host}>"
        if inbound:
            product = "Microsoft Exchange Internet Mail Service"
            if setting.is_4_0:
                product = "Microsoft Exchange Server Internet Mail Connector"
            text = (
                f"from mail.peer.example (mail.peer.example [192.0.2.9]) by {setting.host} with"
                f" SMTP ({product} Version {setting.build})\r\n\tid"
                f" {old if setting.is_4_0 else name}"
            )
        elif setting.is_4_0:
            text = f"by {setting.host} with Microsoft Exchange (IMC {setting.build})\r\n\tid {old}"
        else:
            service = f"Internet Mail Service ({setting.build})"
            text = f"by {setting.host} with {service}\r\n\tid <{name}>"
        return f"Received: {text}; {date}\r\n".encode("ascii")


def _tracking_time(moment: datetime) -> str:
    return f"{moment.year}.{moment.month}.{moment.day} {moment.hour}:{moment:%M:%S}"
