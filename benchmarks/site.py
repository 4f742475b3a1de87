"""Writes a large site: spool, protocol logs, tracking logs, event log and settings of 5.5.

Run from the root of the repository:
``python -m benchmarks.site FOLDER --messages 20000 --protocol-level maximum --spool-files 20000``.
Everything streams: a million messages over a year take no more memory than a thousand.

Of each 200 messages 20 go out and are delivered, 2 come in and are archived by event 4117, 1 is
lost (1012 and nothing after it), and the others come in and are delivered. Message Archival is
on, so that each message but a lost one leaves a copy; only the newest copies are kept.
"""

from __future__ import annotations

import argparse
import heapq
import random
import struct
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from benchmarks.skeleton import SEED, message
from imctool.model.spool_name import SpoolName
from tests.spool_builder import imcr_envelope

BLOCK = 200
FATES = ("outbound",) * 20 + ("archived",) * 2 + ("lost",) + ("delivered",) * 177
LEVELS = ("none", "minimum", "medium", "maximum")
FORMS = ("raw", "lines")
FIRST_DAY = datetime(2000, 1, 3)
ZONE = ZoneInfo("America/New_York")
HOST, SERVER, BUILD = "exch.example.com", "EXCH", "5.5.2653.13"
ORGANIZATION = "/o=EXAMPLE/ou=HQ"
CONNECTOR = f"{ORGANIZATION}/cn=Configuration/cn=Connections/cn=Internet Mail Connector ({SERVER})"
STORE = f"{ORGANIZATION}/cn=Configuration/cn=Servers/cn={SERVER}/cn=Microsoft Private MDB"
RESTART_EVERY = timedelta(days=7)
PACKET = 1460
CONNECTIONS = 4
BODIES = 256
NOISE_EVERY = 25
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: how many messages of each fate, files of the spool, and bytes of all."""

    by_fate: Counter[str]
    spool_files: int
    size: int


@dataclass(frozen=True, slots=True)
class Body:
    """The end of a message, from its MIME-Version field on, as stored and as transmitted."""

    stored: bytes
    wire: bytes


@dataclass(slots=True)
class Mail:
    """One message on its way; ``begun`` and ``utc`` are one moment on two clocks (naive)."""

    number: int
    fate: str
    begun: datetime
    utc: datetime
    offset: str
    name: str
    peer: int
    seconds: int
    body: Body
    recipients: tuple[str, ...]

    @property
    def outbound(self) -> bool:
        return self.fate == "outbound"

    @property
    def originator(self) -> str:
        if self.outbound:
            return f"alice{self.peer}@example.com"
        return f"user{self.peer}@mail{self.peer % 97}.example.net"

    @property
    def message_id(self) -> str:
        if self.outbound:
            return f"<{self.number:012X}{self.name}@{HOST}>"
        return f"<{self.number:x}.{self.peer:x}@mail{self.peer % 97}.example.net>"

    @property
    def mts_id(self) -> str:
        if self.outbound:
            return f"c=US;a= ;p=EXAMPLE;l={SERVER}-{self.utc:%y%m%d%H%M%S}Z-{self.number + 1}"
        return f"c=US;a= ;p=EXAMPLE;l={SERVER}{self.utc:%y%m%d%H%M}{self.name}"


class TrackingLogs:
    """The tracking logs, one a day of GMT; records come a little out of order and go in order."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._pending: list[tuple[datetime, int, bytes]] = []
        self._number = 0
        self._day: tuple[int, int, int] | None = None
        self._file: BinaryIO | None = None

    def add(self, moment: datetime, before: str, after: str) -> None:
        stamp = (
            f"{moment.year}.{moment.month}.{moment.day} "
            f"{moment.hour}:{moment.minute:02}:{moment.second:02}"
        )
        self._number += 1
        record = f"{before}{stamp}{after}".encode("ascii")
        heapq.heappush(self._pending, (moment, self._number, record))

    def settle(self, until: datetime | None = None) -> None:
        """Write what happened before that moment, or all there is."""
        pending = self._pending
        while pending and (until is None or pending[0][0] < until):
            moment, _, record = heapq.heappop(pending)
            day = (moment.year, moment.month, moment.day)
            if day != self._day or self._file is None:
                self.close()
                self._day = day
                self._file = (self._folder / f"{moment:%Y%m%d}.log").open("wb", 1 << 20)
            self._file.write(record)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class ProtocolLogs:
    """The protocol logs: a session goes into the log that has been free for longest (inferred)."""

    def __init__(self, folder: Path, level: str, form: str) -> None:
        folder.mkdir(parents=True)
        self._folder, self._level, self._form = folder, level, form
        self._open: list[tuple[datetime, BinaryIO]] = []
        self._numbers = 0

    def file_for(self, begun: datetime, ended: datetime) -> BinaryIO:
        if len(self._open) >= CONNECTIONS:
            place = min(range(len(self._open)), key=lambda number: self._open[number][0])
            free, file = self._open[place]
            if free < begun:
                self._open[place] = ended, file
                return file
        path = self._folder / f"L{self._numbers:07}.LOG"
        self._numbers += 1
        file = path.open("wb", 1 << 18)
        self._open.append((ended, file))
        return file

    def close(self) -> None:
        """End the logs: a restarted service begins others (inferred)."""
        for _, file in self._open:
            file.close()
        self._open.clear()

    def add(self, mail: Mail) -> None:
        if self._level == "none":
            return
        ended = mail.begun + timedelta(seconds=mail.seconds)
        stamps = [_log_stamp(mail.begun), _log_stamp(mail.begun + timedelta(seconds=1))]
        stamps.append(_log_stamp(ended))
        lines = _outbound_session(mail) if mail.outbound else _inbound_session(mail)
        file = self.file_for(mail.begun, ended)
        maximum = self._level == "maximum"
        for number, arrow, text in lines:
            stamp = stamps[number]
            if arrow == b"":
                file.write(stamp + text + b"\r\n")
            elif self._level == "minimum":
                continue
            elif arrow == b"data":
                if maximum:
                    self._write_data(file, stamp, text)
            elif arrow == b"<<< ":
                if maximum:
                    blank = b"\r\n" if self._form == "raw" else b""
                    file.write(stamp + b"<<< IO: |" + text + b"\r\n" + blank)
                file.write(stamp + arrow + text + b"\r\n")
            else:
                blank = b"\r\n" if text[:3].isdigit() else b""
                file.write(stamp + arrow + text + b"\r\n" + blank)

    def _write_data(self, file: BinaryIO, stamp: bytes, wire: bytes) -> None:
        begin = stamp + b"<<< IO: |"
        if self._form == "lines":
            file.write(begin + wire[:-2].replace(b"\r\n", b"\r\n" + begin) + b"\r\n")
            return
        for start in range(0, len(wire), PACKET):
            file.write(begin + wire[start : start + PACKET] + b"\r\n")


class EventLog:
    """A clean AppEvent.Evt, its header written last."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True)
        self._file = path.open("wb", 1 << 20)
        self._file.write(bytes(0x30))
        self._size, self._records = 0x30, 0

    def add(self, utc: datetime, source: str, number: int, kind: int, *strings: str) -> None:
        names = f"{source}\0{SERVER}\0".encode("utf-16-le")
        text = "".join(f"{string}\0" for string in strings).encode("utf-16-le")
        strings_at = 56 + len(names)
        data_at = strings_at + len(text)
        size = data_at + -data_at % 4 + 4
        self._records += 1
        seconds = int(utc.replace(tzinfo=UTC).timestamp())
        severity = {1: 0xC0000000, 2: 0x80000000, 4: 0x40000000}[kind]
        record = struct.pack(
            "<I4s4I4HI5I",
            *(size, b"LfLe", self._records, seconds, seconds, severity | number),
            *(kind, len(strings), 0, 0, 0),
            *(strings_at, 0, strings_at, 0, data_at),
        )
        content = (record + names + text).ljust(size - 4, b"\0") + struct.pack("<I", size)
        self._file.write(content)
        self._size += size

    def close(self) -> None:
        following = self._records + 1
        marks = (0x11111111, 0x22222222, 0x33333333, 0x44444444)
        places = (0x30, self._size, following, 1)
        self._file.write(struct.pack("<10I", 0x28, *marks, *places, 0x28))
        limit = (self._size + 40 + 0xFFFF) & ~0xFFFF
        self._file.seek(0)
        header = (0x30, b"LfLe", 1, 1, 0x30, self._size, following, 1, limit, 0, 604800, 0x30)
        self._file.write(struct.pack("<I4s10I", *header))
        self._file.close()


def write_large_site(
    folder: Path,
    messages: int,
    *,
    seed: int = SEED,
    protocol_level: str = "maximum",
    packet_form: str = "raw",
    spool_files: int | None = None,
    days: int = 7,
) -> Written:
    """Write a site of that many messages into ``folder``, made if missing, and count its fates.

    ``protocol_level`` is one of LEVELS and ``packet_form``, of the text at Maximum, one of FORMS.
    Kept are the newest ``spool_files`` copies, by default all. The same arguments make the same
    bytes. Raises FileExistsError where ``folder`` already holds a site.
    """
    chance = random.Random(seed)
    data = folder / "Exchsrvr" / "Imcdata"
    for name in ("In/Archive", "Out/Archive", "Work", "Pickup/Archive"):
        (data / name).mkdir(parents=True)
    tracking = TrackingLogs(folder / "Exchsrvr" / "Tracking.log")
    protocol = ProtocolLogs(data / "Log", protocol_level, packet_form)
    events = EventLog(folder / "winnt" / "system32" / "config" / "AppEvent.Evt")
    dropped = _copies(messages, seed) - spool_files if spool_files is not None else 0
    by_fate: Counter[str] = Counter()
    copies = written = 0
    utc = FIRST_DAY
    for mail in _mails(messages, seed, chance, days, protocol, events):
        tracking.settle(mail.utc)
        by_fate["delivered" if mail.outbound else mail.fate] += 1
        text = _stored(mail, _header(mail, chance))
        if mail.fate != "lost":
            copies += 1
            if copies > dropped:
                written += 1
                _write_copy(data, mail, text)
        protocol.add(mail)
        _track(tracking, mail, len(text))
        if mail.fate == "archived":
            events.add(mail.utc + timedelta(seconds=mail.seconds + 4), "MSExchangeIMC", 4117, 1,
                       mail.name)  # fmt: skip
        elif mail.number % NOISE_EVERY == 0:
            events.add(mail.utc, *_NOISE[mail.number // NOISE_EVERY % len(_NOISE)])
        utc = mail.utc
    # What happened after the last message: the logs go on past it.
    last = utc + timedelta(hours=1)
    events.add(last, "MSExchangeIS Private", 1221, 4, "7")
    note = f"{ORGANIZATION}/cn=Recipients/cn=alice"
    before = f"c=US;a= ;p=EXAMPLE;l={SERVER}-{last:%y%m%d%H%M%S}Z-{messages + 1}\t9\t"
    tracking.add(last, before, f"\t\t{STORE}\t\t{note}\t0\t900\t0\t0\t\t1\r\n{note}\r\n")
    tracking.settle()
    tracking.close()
    protocol.close()
    events.close()
    _write_settings(folder, last)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Written(by_fate, written, size)


_NOISE: tuple[tuple[str, int, int, str], ...] = (
    ("MSExchangeIS Private", 1221, 4, "7"),
    ("MSExchangeMTA", 9221, 2, "10054"),
    ("NTBackup", 8001, 4, "C:"),
    ("ESE97", 700, 4, "MSExchangeIS"),
)


def _fates(messages: int, seed: int) -> Iterator[str]:
    """Yield the fates in blocks of exact shares, each block in an order of its own."""
    chance = random.Random(seed + 1)
    block: list[str] = []
    for _ in range(messages):
        if not block:
            block = list(FATES)
            chance.shuffle(block)
        yield block.pop()


def _copies(messages: int, seed: int) -> int:
    return sum(fate != "lost" for fate in _fates(messages, seed))


def _mails(
    messages: int,
    seed: int,
    chance: random.Random,
    days: int,
    protocol: ProtocolLogs,
    events: EventLog,
) -> Iterator[Mail]:
    """Yield the messages in the order they came, and restart the service every week."""
    bodies = _bodies(seed)
    step = timedelta(days=days) / max(1, messages)
    restarted: datetime | None = None
    counter = 0
    for number, fate in enumerate(_fates(messages, seed)):
        utc = (FIRST_DAY + step * (number + chance.random() / 2)).replace(microsecond=0)
        offset = _offset(utc)
        begun = utc + offset
        if restarted is None or utc - restarted >= RESTART_EVERY:
            if restarted is not None:
                protocol.close()
                events.add(utc - timedelta(seconds=90), "MSExchangeIMC", 1001, 4)
            events.add(utc - timedelta(seconds=60), "MSExchangeIMC", 1000, 4, BUILD)
            restarted = utc
            counter = begun.month << 36 | begun.day << 31 | chance.getrandbits(28)
        counter += chance.randrange(1, 4)
        peer = chance.randrange(10_000)
        seconds = 2 + int(chance.expovariate(1 / 12))
        yield Mail(
            number, fate, begun, utc, _ZONES[offset], str(SpoolName(counter)), peer, seconds,
            bodies[(number % 4) * (BODIES // 4) + chance.randrange(BODIES // 4)],
            _recipients(fate, peer, chance),
        )  # fmt: skip


def _recipients(fate: str, peer: int, chance: random.Random) -> tuple[str, ...]:
    domain = f"mail{peer % 97}.example.net" if fate == "outbound" else "example.com"
    count = 1 if chance.random() < 0.8 else chance.randrange(2, 6)
    return tuple(f"bob{(peer + number) % 10_000}@{domain}" for number in range(count))


def _bodies(seed: int) -> list[Body]:
    """Return ends of messages, of each of the four kinds as many as of the others."""
    chance = random.Random(seed + 2)
    found = []
    for kind in range(4):
        for _ in range(BODIES // 4):
            text = message(chance, kind, SpoolName.parse("NSBA3BR3"))
            end = text[text.index(b"MIME-Version:") :]
            found.append(Body(end, end.replace(b"\r\n.", b"\r\n..") + b".\r\n"))
    return found


_ZONES = {timedelta(hours=-5): "-0500", timedelta(hours=-4): "-0400"}
_OFFSETS: dict[tuple[int, int, int, int], timedelta] = {}


def _offset(utc: datetime) -> timedelta:
    """Return how far the server's clock is from UTC; it changes at a full hour only."""
    hour = (utc.year, utc.month, utc.day, utc.hour)
    found = _OFFSETS.get(hour)
    if found is None:
        _OFFSETS.clear()
        found = utc.replace(tzinfo=UTC).astimezone(ZONE).utcoffset()
        assert found is not None
        _OFFSETS[hour] = found
    return found


def _mail_date(moment: datetime, offset: str) -> str:
    day = f"{_DAYS[moment.weekday()]}, {moment.day} {_MONTHS[moment.month - 1]} {moment.year}"
    return f"{day} {moment.hour:02}:{moment.minute:02}:{moment.second:02} {offset}"


def _log_stamp(moment: datetime) -> bytes:
    half = "AM" if moment.hour < 12 else "PM"
    clock = f"{moment.hour % 12 or 12}:{moment.minute:02}:{moment.second:02} {half}"
    return f"{moment.month}/{moment.day}/{moment.year % 100:02} {clock} : ".encode("ascii")


def _header(mail: Mail, chance: random.Random) -> bytes:
    """Return the header as its writer made it: the peer, or the connector."""
    mailer = f"X-Mailer: Internet Mail Service ({BUILD})\r\n" if mail.outbound else ""
    return (
        f"Message-ID: {mail.message_id}\r\n"
        f'From: "User {mail.peer}" <{mail.originator}>\r\n'
        f"To: {', '.join(mail.recipients)}\r\n"
        f"Subject: =?iso-8859-1?Q?Angebot_f=FCr?= week {chance.randrange(1, 53)}\r\n"
        f"Date: {_mail_date(mail.begun, mail.offset)}\r\n{mailer}"
    ).encode("ascii")


def _stored(mail: Mail, header: bytes) -> bytes:
    date = _mail_date(mail.begun + timedelta(seconds=mail.seconds), mail.offset)
    if mail.outbound:
        by = f"by {HOST} with Internet Mail Service ({BUILD})\r\n\tid <{mail.name}>"
    else:
        peer = f"mail{mail.peer % 97}.example.net"
        by = (
            f"from {peer} ({peer} [192.0.2.7]) by {HOST} with SMTP (Microsoft Exchange Internet"
            f" Mail Service Version {BUILD})\r\n\tid {mail.name}"
        )
    mail_text = f"Received: {by}; {date}\r\n".encode("ascii")
    mail.body = Body(mail.body.stored, header + mail.body.wire)
    return mail_text + header + mail.body.stored


def _write_copy(data: Path, mail: Mail, text: bytes) -> None:
    envelope = imcr_envelope(
        mail.originator,
        mail.recipients,
        mts_id=mail.mts_id,
        time=mail.begun + timedelta(seconds=mail.seconds),
        peer=HOST if mail.outbound else f"mail{mail.peer % 97}.example.net",
    )
    folder = "Out" if mail.outbound else "In"
    with open(f"{data}/{folder}/Archive/{mail.name}", "wb", 0) as file:
        file.write(envelope + text)


_Line = tuple[int, bytes, bytes]
"""Which of three moments of the session, what stands before the text, and the text."""


def _inbound_session(mail: Mail) -> Iterator[_Line]:
    peer = f"mail{mail.peer % 97}.example.net".encode("ascii")
    sender = mail.originator.encode("ascii")
    yield 0, b"", b"A connection was accepted from " + peer + b"."
    yield 0, b"<<< ", b"HELO " + peer
    yield 0, b">>> ", b"250 OK"
    yield 1, b"<<< ", b"MAIL FROM:<" + sender + b">"
    yield 1, b">>> ", b"250 OK - mail from <" + sender + b">"
    for address in mail.recipients:
        recipient = address.encode("ascii")
        yield 1, b"<<< ", b"RCPT TO:<" + recipient + b">"
        yield 1, b">>> ", b"250 OK - Recipient <" + recipient + b">"
    yield 1, b"<<< ", b"DATA"
    yield 1, b">>> ", b"354 Send data.  End with CRLF.CRLF"
    yield 2, b"data", mail.body.wire
    yield 2, b">>> ", b"250 OK"
    yield 2, b"<<< ", b"QUIT"
    yield 2, b">>> ", b"221 closing connection"


def _outbound_session(mail: Mail) -> Iterator[_Line]:
    peer = f"mail{mail.peer % 97}.example.net".encode("ascii")
    yield 0, b"", f"A connection to 192.0.2.{mail.peer % 97 + 1} was established.".encode("ascii")
    yield 0, b"<<< ", b"220 " + peer + b" ESMTP ready"
    yield 0, b">>> ", b"EHLO " + HOST.encode("ascii")
    yield 0, b"<<< ", b"250 " + peer
    yield 1, b">>> ", b"MAIL FROM:<" + mail.originator.encode("ascii") + b">"
    yield 1, b"<<< ", b"250 Sender ok"
    for address in mail.recipients:
        yield 1, b">>> ", b"RCPT TO:<" + address.encode("ascii") + b">"
        yield 1, b"<<< ", b"250 Recipient ok"
    yield 1, b">>> ", b"DATA"
    yield 1, b"<<< ", b'354 Enter mail, end with "." on a line by itself'
    yield 2, b"<<< ", b"250 Message accepted for delivery"
    yield 2, b">>> ", b"QUIT"
    yield 2, b"<<< ", b"221 " + peer + b" closing connection"


def _track(logs: TrackingLogs, mail: Mail, size: int) -> None:
    names = f"{ORGANIZATION}/cn=Recipients/cn="
    ended = mail.utc + timedelta(seconds=mail.seconds)
    if mail.outbound:
        originator = names + mail.originator.partition("@")[0]
        recipients = "\r\n".join(f"SMTP:{address}" for address in mail.recipients)
        begun = mail.utc - timedelta(seconds=4)
        stations = [
            (begun, 4, "", STORE, ""),
            (begun + timedelta(seconds=1), 7, "", CONNECTOR, ""),
            (begun + timedelta(seconds=3), 1010, CONNECTOR, "", mail.message_id),
            (ended, 1011, CONNECTOR, "", mail.message_id),
        ]
    else:
        originator = f"SMTP:{mail.originator}"
        recipients = "\r\n".join(names + one.partition("@")[0] for one in mail.recipients)
        stations = [
            (ended, 1012, CONNECTOR, "", mail.message_id),
            (ended + timedelta(seconds=2), 1013, CONNECTOR, STORE, mail.message_id),
            (ended + timedelta(seconds=3), 9, "", STORE, ""),
        ]
        if mail.fate != "delivered":
            stations = stations[:1]
    mts_id = mail.mts_id
    tail = f"{originator}\t0\t{size}\t0\t0\t\t{len(mail.recipients)}\r\n{recipients}\r\n"
    for moment, event, gateway, partner, remote in stations:
        logs.add(moment, f"{mts_id}\t{event}\t", f"\t{gateway}\t{partner}\t{remote}\t{tail}")


def _write_settings(folder: Path, last: datetime) -> None:
    key = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet"
    bias = int(-_offset(last).total_seconds() // 60)
    registry = (
        "REGEDIT4",
        "",
        f"[{key}\\Control\\ComputerName\\ComputerName]",
        f'"ComputerName"="{SERVER}"',
        "",
        f"[{key}\\Control\\Nls\\CodePage]",
        '"1252"="c_1252.nls"',
        '"28591"="c_28591.nls"',
        "",
        f"[{key}\\Control\\TimeZoneInformation]",
        f'"ActiveTimeBias"=dword:{bias & 0xFFFFFFFF:08x}',
        "",
        f"[{key}\\Services\\MSExchangeIMC\\Parameters]",
        '"RootDir"="C:\\\\exchsrvr\\\\imcdata"',
        "",
    )
    (folder / "registry.reg").write_bytes("\r\n".join(registry).encode("ascii"))
    settings = "[Header]\r\nVersion=1\r\n\r\n[Domain]\r\nDomainInformation=+\r\n"
    settings += "+Default,ISO-8859-1,ISO-8859-1,800,76,0,0,0\r\n"
    (folder / "imc.txt").write_bytes(settings.encode("ascii"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--protocol-level", choices=LEVELS, default="maximum")
    parser.add_argument("--packet-form", choices=FORMS, default="raw")
    parser.add_argument("--spool-files", type=int, help="how many copies are kept (default: all)")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args()
    start = time.perf_counter()
    written = write_large_site(
        chosen.folder,
        chosen.messages,
        seed=chosen.seed,
        protocol_level=chosen.protocol_level,
        packet_form=chosen.packet_form,
        spool_files=chosen.spool_files,
        days=chosen.days,
    )
    seconds = time.perf_counter() - start
    fates = ", ".join(f"{count} {fate}" for fate, count in sorted(written.by_fate.items()))
    print(f"{chosen.messages} messages ({fates}), {written.spool_files} spool files")
    rate = f"{chosen.messages / seconds:.0f} messages/s, {written.size / seconds / 1e6:.0f} MB/s"
    print(f"{written.size / 1e6:.0f} MB in {seconds:.1f} s: {rate}")


if __name__ == "__main__":
    main()
