"""The server of a simulated site: its version, clock, language and what it was told to log."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_BUILDS = {
    "4.0": ("4.0.838.14", "4.0.993.5", "4.0.994.63"),
    "5.0": ("5.0.1457.10", "5.0.1458.49"),
    "5.5": ("5.5.2232.9", "5.5.2448.0", "5.5.2653.13", "5.5.2657.72"),
}
_YEARS = {"4.0": (1996, 1998), "5.0": (1997, 1999), "5.5": (1998, 2003)}
_ZONES = (
    "America/New_York",
    "America/Los_Angeles",
    "Europe/London",
    "Europe/Berlin",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Australia/Sydney",
)
LOCALES = ("us", "british", "german", "iso")
LEVELS = ("none", "minimum", "medium", "maximum")


@dataclass(frozen=True, slots=True)
class Setting:
    """All that is the same for every message of a site. ``begun`` and ``ended`` are naive UTC.

    ``restarts`` are the moments at which the service came up again.
    """

    seed: int
    version: str
    build: str
    zone: ZoneInfo
    locale: str
    level: str
    packet_form: str
    tracking: bool
    archival: bool
    event_form: str
    registry: bool
    begun: datetime
    ended: datetime
    restarts: tuple[datetime, ...]
    messages: int
    names_as_dn: bool
    name: str = "HARBOUR"
    host: str = "harbour.coho.example"
    domain: str = "coho.example"
    organization: str = "COHO"
    site: str = "PORT"

    @property
    def is_4_0(self) -> bool:
        return self.version == "4.0"

    @property
    def site_dn(self) -> str:
        return f"/o={self.organization}/ou={self.site}"

    @property
    def connector_dn(self) -> str:
        below = f"{self.site_dn}/cn=Configuration/cn=Connections"
        return f"{below}/cn=Internet Mail Connector ({self.name})"

    @property
    def store_dn(self) -> str:
        below = f"{self.site_dn}/cn=Configuration/cn=Servers/cn={self.name}"
        return f"{below}/cn=Microsoft Private MDB"

    @property
    def changes_clock(self) -> bool:
        """Whether daylight saving begins or ends while the site is looked at."""
        return self.offset(self.begun) != self.offset(self.ended)

    def offset(self, utc: datetime) -> timedelta:
        """Return how far the server's clock is ahead of UTC then."""
        found = utc.replace(tzinfo=UTC).astimezone(self.zone).utcoffset()
        assert found is not None
        return found

    def wall(self, utc: datetime) -> datetime:
        """Return the server's wall-clock time (naive)."""
        return utc + self.offset(utc)

    def full(self) -> Setting:
        """Return the same site with every log on, at Medium or above."""
        level = self.level if self.level in {"medium", "maximum"} else "maximum"
        form = self.event_form if self.event_form != "none" else "evt"
        return replace(self, level=level, tracking=True, event_form=form)


def setting_of(seed: int) -> Setting:
    """Return the setting that the seed stands for."""
    chance = random.Random(f"setting {seed}")
    version = chance.choice(("4.0", "5.0", "5.5", "5.5"))
    zone = ZoneInfo(chance.choice(_ZONES))
    days = chance.randrange(2, 6)
    begun = _first_day(chance, version, zone, days)
    ended = begun + timedelta(days=days)
    restarts = sorted(
        begun + timedelta(minutes=chance.randrange(300, days * 1440 - 300))
        for _ in range(chance.choice((0, 1, 1, 2)))
    )
    return Setting(
        seed=seed,
        version=version,
        build=chance.choice(_BUILDS[version]),
        zone=zone,
        locale=chance.choice(LOCALES),
        level=chance.choice(("none", "minimum", "medium", "medium", "maximum", "maximum")),
        packet_form=chance.choice(("raw", "lines")),
        tracking=chance.random() < 0.85,
        archival=chance.random() < 0.5,
        event_form=chance.choice(("evt", "evt", "text", "none")),
        registry=chance.random() < 0.5,
        begun=begun,
        ended=ended,
        restarts=tuple(
            one
            for number, one in enumerate(restarts)
            if number == 0 or one - restarts[number - 1] > timedelta(hours=1)
        ),
        messages=chance.randrange(20, 81),
        names_as_dn=chance.random() < 0.5,
    )


def _first_day(chance: random.Random, version: str, zone: ZoneInfo, days: int) -> datetime:
    first, last = _YEARS[version]
    begun = datetime(
        chance.randrange(first, last), chance.randrange(1, 13), chance.randrange(1, 28)
    )
    if chance.random() < 0.4:
        day = begun
        for _ in range(366):
            if _utcoffset(day, zone) != _utcoffset(day + timedelta(days=days), zone):
                return day
            day += timedelta(days=1)
    return begun


def _utcoffset(utc: datetime, zone: ZoneInfo) -> timedelta | None:
    return utc.replace(tzinfo=UTC).astimezone(zone).utcoffset()


def log_stamp(wall: datetime, locale: str) -> str:
    """Return date and time as the protocol log of that locale has them."""
    year = f"{wall.year % 100:02}"
    if locale == "us":
        return f"{wall.month}/{wall.day}/{year} {_clock_12(wall)}"
    if locale == "british":
        return f"{wall.day:02}/{wall.month:02}/{year} {wall:%H:%M:%S}"
    if locale == "german":
        return f"{wall.day:02}.{wall.month:02}.{year} {wall:%H:%M:%S}"
    return f"{wall:%Y-%m-%d %H:%M:%S}"


def event_stamp(wall: datetime, locale: str) -> tuple[str, str]:
    """Return the date and the time as the Event Viewer of that locale shows them."""
    if locale == "us":
        return f"{wall.month}/{wall.day}/{wall.year}", _clock_12(wall)
    date = {
        "british": f"{wall:%d/%m/%Y}",
        "german": f"{wall:%d.%m.%Y}",
        "iso": f"{wall:%Y-%m-%d}",
    }[locale]
    return date, f"{wall:%H:%M:%S}"


def _clock_12(wall: datetime) -> str:
    return f"{wall.hour % 12 or 12}:{wall:%M:%S} {'AM' if wall.hour < 12 else 'PM'}"
