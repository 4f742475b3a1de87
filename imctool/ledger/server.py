"""The server itself: its name, builds, settings and restarts, as the evidence shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from imctool.ledger.clock import ServerClock
from imctool.model.diagnosis import Server
from imctool.model.event import Event
from imctool.readers.collection import Collection

_STARTED = frozenset({1000})
_STOPPED = frozenset({1001, 4094, 4102})


def service_times(
    events: Iterable[Event], clock: ServerClock, *, starts: bool
) -> Iterator[datetime]:
    """Yield when the service came up, or went down: its own events and the service manager's."""
    own, state = (_STARTED, "running") if starts else (_STOPPED, "stopped")
    for event in events:
        text = (event.message or " ".join(event.strings)).lower()
        managed = (
            event.source.lower() == "service control manager"
            and ("internet mail" in text or "msexchangeimc" in text)
            and state in text
        )
        time = clock.utc(event.time)
        if time is not None and (managed or (event.is_connector and event.event_id in own)):
            yield time


def describe_server(collection: Collection, clock: ServerClock) -> Server:
    names: dict[str, int] = {}
    versions: set[str] = {one.version for one in collection.banners}
    for _, file in collection.spool_files:
        received = file.own_received
        if received is None:
            continue
        if received.host:
            names[received.host] = names.get(received.host, 0) + 1
        if received.version:
            versions.add(received.version)
    for event in collection.events:
        if event.is_connector and event.computer:
            names[event.computer] = names.get(event.computer, 0) + 1
    name = min(names, key=lambda one: (-names[one], one)) if names else None
    versions.update(_builds_told(collection.events))
    inferred = None if versions else _version_by_tracking(collection)
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


def _version_by_tracking(collection: Collection) -> str | None:
    """Return the version that the connector's tracking events speak of, None if none does.

    5.0 and 5.5 write 1010 to 1018 for all that passes the service (Q173364): ``5.x``. 4.0 knows
    only the gateway transfers 1003 to 1007 (Q174078), so these alone mean 4.0 (inferred).
    """
    events = {record.event for record in collection.tracking if record.by_connector}
    if events & set(range(1010, 1019)):
        return "5.x"
    return "4.0" if events & {1003, 1004} else None


_BUILD = re.compile(r"\b[45]\.[05]\.\d{3,4}(?:\.\d{1,3})?\b")


def _builds_told(events: Iterable[Event]) -> Iterator[str]:
    """Yield the builds that the service names when it starts (event 1000)."""
    for event in events:
        if event.is_connector and event.event_id in _STARTED:
            yield from _BUILD.findall(f"{event.message or ''} {' '.join(event.strings)}")


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
        if one.key.lower().endswith("\\nls\\codepage") and one.name.isdigit()
    ]
    if not listed:
        return None
    return tuple(sorted({int(one.name) for one in listed if one.data not in ("", b"")}))
