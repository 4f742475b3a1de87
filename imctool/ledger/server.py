"""The server itself: its name, builds, settings and restarts, as the evidence shows them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain

from imctool.ledger.clock import ServerClock, own_stamps
from imctool.ledger.event_log import EventLog, EventNumbers
from imctool.model.diagnosis import Server
from imctool.model.event import Event, Retrieval
from imctool.model.mail import SpoolFile
from imctool.model.tracking import TrackingRecord, plausible_mts_id
from imctool.readers.collection import Collection

_STARTED = frozenset({1000})
_STOPPED = frozenset({1001, 4094, 4102})
_STRAY = frozenset({Retrieval.RECOVERED, Retrieval.CARVED})


class ServerTraces:
    """What the records say of the server itself, gathered while the ledger reads each once.

    ``host_counts`` and ``computers`` count the names it is called by; ``tracked`` are the
    tracking events that the connector wrote; ``stamps`` are wall-clock time and distance from
    UTC of the server's own Received lines; ``events`` finds its events again by their numbers.
    ``tracking_starts`` are the tracking logs that begin with a whole record; ``stray_events`` the
    event logs with records outside of the log's own order; ``newest_files`` the latest time of a
    spool file, by whether it is local.
    """

    def __init__(self) -> None:
        self.stamps: list[tuple[datetime, timedelta]] = []
        self.events = EventNumbers()
        self.host_counts: Counter[str] = Counter()
        self.computers: Counter[str] = Counter()
        self.versions: set[str] = set()
        self.tracked: set[int] = set()
        self.tracked_since: datetime | None = None
        self.tracking_starts: set[str] = set()
        self.stray_events: set[str] = set()
        self.newest_files: dict[bool, datetime] = {}

    @property
    def connector_tracked(self) -> bool:
        """Whether the tracking log has any record of the connector's."""
        return bool(self.tracked)

    @property
    def hosts(self) -> set[str]:
        """The host names, lower case, that the server's own Received lines give."""
        return {host.lower() for host in self.host_counts}

    def see_file(self, file: SpoolFile) -> None:
        """Gather what a mail's own Received line says."""
        moment = file.moment
        if moment is not None:
            local = moment.tzinfo is None
            newest = self.newest_files.get(local)
            if newest is None or newest < moment:
                self.newest_files[local] = moment
        received = file.own_received
        if received is None:
            return
        if received.host:
            self.host_counts[received.host] += 1
        if received.version:
            self.versions.add(received.version)
        self.stamps.extend(own_stamps((file,)))

    def see_event(self, number: int, event: Event) -> None:
        """Gather the computer's name and the builds that the service names when it starts."""
        self.events.add(number, event.event_id, event.source)
        if event.retrieval in _STRAY:
            self.stray_events.add(event.location.path)
        if event.is_connector:
            if event.computer:
                self.computers[event.computer] += 1
            if event.event_id in _STARTED:
                self.versions.update(_BUILD.findall(event_words(event)))

    def see_tracking(self, record: TrackingRecord) -> None:
        """Gather which events the connector wrote."""
        if record.by_connector:
            self.tracked.add(record.event)
            if self.tracked_since is None or record.time < self.tracked_since:
                self.tracked_since = record.time

    def see_tracking_start(self, record: TrackingRecord) -> None:
        """Note that a log begins with a whole record: one whose MTS-ID has lost nothing."""
        if plausible_mts_id(record.message_id):
            self.tracking_starts.add(record.location.path)

    def describe(self, collection: Collection, clock: ServerClock) -> Server:
        """Return the server as all of this shows it."""
        names = self.host_counts + self.computers
        name = min(names, key=lambda one: (-names[one], one)) if names else None
        versions = self.versions | {one.version for one in collection.banners}
        inferred = None if versions else self._version_by_tracking()
        if inferred:
            versions.add(inferred)
        return Server(
            name=name,
            versions=tuple(sorted(versions, key=_build)),
            version_inferred=bool(inferred),
            time_zone=clock.describe(),
            time_zone_source=clock.source,
            character_sets=tuple(collection.character_sets),
            code_pages=installed_code_pages(collection),
        )

    def _version_by_tracking(self) -> str | None:
        """Return the version that the connector's tracking events speak of, None if none does.

        5.0 and 5.5 write 1010 to 1018 for all that passes the service (Q173364): ``5.x``. 4.0
        knows only the gateway transfers 1003 to 1007 (Q174078), so these alone mean 4.0
        (inferred).
        """
        if self.tracked & set(range(1010, 1019)):
            return "5.x"
        return "4.0" if self.tracked & {1003, 1004} else None


def service_times(events: EventLog, *, starts: bool, sure: bool = False) -> Iterator[datetime]:
    """Yield when the service came up, or went down: its own events and the service manager's.

    With ``sure`` only the times that the server's clock leaves no doubt about.
    """
    own, state = (_STARTED, "running") if starts else (_STOPPED, "stopped")
    for time, event in events.of(own):
        if time is not None and event.is_connector and (not sure or events.surely_timed(event)):
            yield time
    for time, event in events.managed():
        text = event_words(event).lower()
        named = "internet mail" in text or "msexchangeimc" in text
        if time is None or not named or state not in text:
            continue
        if not sure or events.surely_timed(event):
            yield time


def restart_times(events: EventLog, *, sure: bool = False) -> list[datetime]:
    """Return when the service came up or went down, each moment once and in order."""
    both = (service_times(events, starts=starts, sure=sure) for starts in (True, False))
    return sorted(set(chain.from_iterable(both)))


def event_words(event: Event) -> str:
    """Return the text of an event, its strings where it has none."""
    return event.message or " ".join(event.strings)


_PAGE = re.compile(r"[0-9]{1,9}")
_BUILD = re.compile(r"\b[45]\.[05]\.\d{3,4}(?:\.\d{1,3})?\b")


def _build(version: str) -> tuple[tuple[int, ...], str]:
    return tuple(int(part) for part in version.split(".") if part.isdigit()), version


def installed_code_pages(collection: Collection) -> tuple[int, ...] | None:
    """Return the code pages that Nls\\CodePage lists with a file, None without that key.

    A value that is there but empty is known and not installed. ACP, OEMCP and MACCP name
    defaults and are no pages.
    """
    listed = [
        one
        for one in collection.registry
        if one.key.lower().endswith("\\nls\\codepage")
        and one.name.isdecimal()
        and one.name.isascii()
    ]
    if not listed:
        return None
    return tuple(sorted({int(one.name) for one in listed if one.data not in ("", b"")}))
