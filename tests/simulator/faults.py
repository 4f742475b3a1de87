"""What happens to evidence before anyone looks at it."""

from __future__ import annotations

import random
from collections.abc import Callable

from simulator.artefacts import EVENT_TEXT, EVT, LOG, TRACKING, Evidence, evidence_of
from simulator.history import History

IMCDATA = "Exchsrvr/Imcdata"
ARTEFACTS = {
    "protocol log": (LOG,),
    "tracking log": (TRACKING,),
    "event log": (EVT, EVENT_TEXT),
    "In": (f"{IMCDATA}/In",),
    "In/Archive": (f"{IMCDATA}/In/Archive",),
    "Out": (f"{IMCDATA}/Out",),
    "Out/Archive": (f"{IMCDATA}/Out/Archive",),
    "Work": (f"{IMCDATA}/Work",),
    "registry": ("registry.reg",),
    "Imcdata": (IMCDATA,),
}
_POP3 = (
    b"POP3 Protocol Log\r\n"
    b"5/13/00 2:36:27 PM : A connection was accepted from DESK7.\r\n"
    b"5/13/00 2:36:27 PM : >>> +OK Microsoft Exchange POP3 server version 5.5.2650.23 ready\r\n"
    b"5/13/00 2:36:28 PM : <<< USER alice\r\n5/13/00 2:36:28 PM : >>> +OK\r\n"
    b"5/13/00 2:36:29 PM : <<< QUIT\r\n5/13/00 2:36:29 PM : >>> +OK\r\n"
)

Fault = Callable[[Evidence, random.Random], str]


def remove(evidence: Evidence, artefact: str) -> None:
    """Take an artefact away, folders with all that lies in them."""
    for place in ARTEFACTS[artefact]:
        for name in [one for one in evidence.files if _below(one, place)]:
            del evidence.files[name]
        evidence.folders = {one for one in evidence.folders if not _below(one, place)}


def _below(name: str, place: str) -> bool:
    return name == place or name.startswith(place + "/")


def logs_of(evidence: Evidence, *places: str) -> list[str]:
    """Return the files below the places, in order."""
    return sorted(one for one in evidence.files if any(_below(one, place) for place in places))


def take_one_log(evidence: Evidence, chance: random.Random) -> str:
    """Take away one protocol log, or the tracking log of one day."""
    logs = logs_of(evidence, LOG, TRACKING)
    if not logs:
        return "nothing"
    gone = chance.choice(logs)
    del evidence.files[gone]
    return f"{gone} taken away"


def tear(evidence: Evidence, chance: random.Random) -> str:
    """Tear the end off a log, at any byte."""
    return _tear(evidence, chance, at_line=False)


def tear_between_lines(evidence: Evidence, chance: random.Random) -> str:
    """Tear the end off a log, behind a line."""
    return _tear(evidence, chance, at_line=True)


def _tear(evidence: Evidence, chance: random.Random, *, at_line: bool) -> str:
    logs = logs_of(evidence, LOG, TRACKING, EVT, EVENT_TEXT)
    if not logs:
        return "nothing"
    name = chance.choice(logs)
    content = evidence.files[name]
    place = chance.randrange(1, len(content))
    if at_line:
        place = content.rfind(b"\n", 0, place) + 1 or place
    evidence.files[name] = content[:place]
    return f"{name} torn at {place} of {len(content)}"


def behead(evidence: Evidence, chance: random.Random) -> str:
    """Lose the beginning of a text log, at any byte."""
    logs = logs_of(evidence, LOG, TRACKING)
    if not logs:
        return "nothing"
    name = chance.choice(logs)
    place = chance.randrange(1, len(evidence.files[name]))
    evidence.files[name] = evidence.files[name][place:]
    return f"{name} lost its first {place} bytes"


def copy_twice(evidence: Evidence, chance: random.Random) -> str:
    """Put copies of logs into a backup folder, of some only the first part."""
    logs = logs_of(evidence, LOG, TRACKING, EVT)
    done = []
    for name in chance.sample(logs, min(len(logs), chance.randrange(1, 4))):
        content = evidence.files[name]
        if name != EVT and chance.random() < 0.6:
            place = content.rfind(b"\n", 0, chance.randrange(1, len(content))) + 1
            content = content[:place] or content
        evidence.files[f"backup/{name}"] = content
        done.append(f"{name} ({len(content)} bytes)")
    return "copied: " + ", ".join(done)


def mix_in_pop3(evidence: Evidence, chance: random.Random) -> str:
    """Put a log of the POP3 service among those of the connector."""
    evidence.files[f"{LOG}/L{chance.randrange(50, 99):07}.LOG"] = _POP3
    return "a log of the POP3 service"


def convert_line_ends(evidence: Evidence, chance: random.Random) -> str:
    """Turn CRLF into LF in every text log, as a copy over FTP does."""
    for name in logs_of(evidence, LOG, TRACKING, EVENT_TEXT, "registry.reg"):
        evidence.files[name] = evidence.files[name].replace(b"\r\n", b"\n")
    return "CRLF became LF"


def lower_names(evidence: Evidence, chance: random.Random) -> str:
    """Write every name in lower case."""
    evidence.files = {name.lower(): content for name, content in evidence.files.items()}
    evidence.folders = {name.lower() for name in evidence.folders}
    return "names in lower case"


def renumber_logs(evidence: Evidence, chance: random.Random) -> str:
    """Give the protocol logs each other's names."""
    logs = logs_of(evidence, LOG)
    contents = [evidence.files[name] for name in logs]
    chance.shuffle(contents)
    evidence.files.update(zip(logs, contents, strict=True))
    return "protocol logs in another order"


def put_all_into_one_folder(evidence: Evidence, chance: random.Random) -> str:
    """Collect the logs flat into one folder, away from their tree."""
    for name in logs_of(evidence, LOG, TRACKING):
        content = evidence.files.pop(name)
        evidence.files["logs/" + name.rpartition("/")[2]] = content
    return "logs in one folder"


FAULTS: tuple[Fault, ...] = (
    take_one_log,
    tear,
    tear_between_lines,
    behead,
    copy_twice,
    mix_in_pop3,
    convert_line_ends,
    lower_names,
    renumber_logs,
    put_all_into_one_folder,
)
DAMAGING = frozenset({take_one_log, tear, tear_between_lines, behead})
"""Faults after which an event may be gone that alone told of a record never written (3016)."""

HARMLESS: tuple[Fault, ...] = (copy_twice, mix_in_pop3, lower_names, renumber_logs)
"""Faults that take nothing away: with them the diagnosis is that of the whole evidence."""


def damaged(history: History, chance: random.Random) -> tuple[Evidence, list[str]]:
    """Return the evidence with artefacts missing and faults, and what was done to it.

    Of a site with a record that was not written (3016) no log loses anything: without that event
    nothing could tell a message delivered there from one lost.
    """
    setting = history.setting
    done = []
    until = None
    if not history.has_hole and chance.random() < 0.25:
        until = setting.begun + (setting.ended - setting.begun) * chance.random()
        done.append(f"logs until {until:%Y-%m-%d %H:%M:%S} UTC")
    evidence = evidence_of(history, logs_until=until)
    if chance.random() < 0.7:
        for artefact in chance.sample(sorted(ARTEFACTS), chance.randrange(1, 4)):
            if not (artefact == "event log" and history.has_hole):
                remove(evidence, artefact)
                done.append(f"no {artefact}")
    if chance.random() < 0.7:
        for fault in chance.sample(FAULTS, chance.randrange(1, 3)):
            if not (fault in DAMAGING and history.has_hole):
                done.append(fault(evidence, chance))
    return evidence, done
