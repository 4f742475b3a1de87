"""Plays the scenes of a site in the order of time."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import permutations

from simulator import inbound, outbound
from simulator.history import SECOND, History
from simulator.setting import Setting

Scene = Callable[[History, datetime], None]

_SCENES: tuple[tuple[Scene, int], ...] = (
    (inbound.delivered, 10),
    (outbound.sent, 10),
    (inbound.archived, 3),
    (inbound.lost, 3),
    (inbound.rush, 1),
    (inbound.twins, 2),
    (inbound.twin_lost, 1),
    (inbound.list_mail, 2),
    (inbound.null_sender, 2),
    (inbound.many_recipients, 1),
    (inbound.sent_again, 1),
    (inbound.several, 2),
    (inbound.refused, 1),
    (inbound.incomplete, 2),
    (inbound.returned, 2),
    (inbound.stuck, 1),
    (inbound.redelivered, 1),
    (inbound.rerouted, 1),
    (outbound.twins, 1),
    (outbound.several_hosts, 1),
    (outbound.partly_deferred, 1),
    (outbound.retried, 3),
    (outbound.returned, 2),
    (outbound.partly_returned, 1),
    (outbound.lost, 2),
    (outbound.bad, 1),
)
_ONLY_5_X = {inbound.rerouted, inbound.returned}
"""How 4.0 reports on inbound mail or passes it on is not known well enough."""

_AT_THE_END: tuple[Scene, ...] = (
    inbound.queued,
    inbound.queued,
    outbound.queued,
    outbound.deferred,
    inbound.delivered,
    outbound.sent,
)
_OF_CONNECTOR = frozenset({7, *range(1003, 1008), *range(1010, 1019)})
_ATTEMPT = timedelta(minutes=20)
_SETTLING = timedelta(minutes=15)
"""Within this time of a 4116 it is open which of the messages that never left it is about."""

_NOISE = (
    ("MSExchangeIS Private", 1221, "Information", "7"),
    ("MSExchangeMTA", 9221, "Warning", "10054"),
    ("NTBackup", 8001, "Information", "C:"),
)


def play(setting: Setting) -> History:
    """Return the history of a site: its scenes, restarts, and what has nothing to do with mail."""
    history = History(setting)
    chance = random.Random(f"play {setting.seed}")
    scenes = [one for one, _ in _SCENES if not (setting.is_4_0 and one in _ONLY_5_X)]
    weights = [weight for one, weight in _SCENES if one in scenes]
    chosen = [
        (_quiet_moment(setting, chance), scene)
        for scene in chance.choices(scenes, weights, k=setting.messages)
    ]
    if chance.random() < 0.3 and setting.event_form != "none" and setting.tracking:
        hole = _quiet_moment(setting, chance)
        # Beside a hole in the tracking log a 4116 may be about a message that it does not show.
        if all(
            scene is not outbound.bad or abs(hole - one) > 2 * _SETTLING for one, scene in chosen
        ):
            chosen.append((hole, inbound.unrecorded))
    chosen.sort(key=lambda one: one[0])
    # What waits at the end came after every restart, and traffic goes on behind it.
    last = setting.ended - timedelta(minutes=25)
    for scene in _AT_THE_END:
        chosen.append((last, scene))
        last += timedelta(minutes=chance.randrange(1, 4))
    for moment, scene in chosen:
        scene(history, moment)
    _open_to_doubt(history)
    _service(history)
    _noise(history)
    return history


def _open_to_doubt(history: History) -> None:
    """Mark the losses that no evidence can tell for certain.

    Those beside a record that was not written (3016), and those of outbound mail where a session
    that named no recipient may have been an attempt to send it, or where another message went to
    the BAD folder: event 4116 names none of the two; and those before the connector's first
    tracking record, when tracking may not have been on for it.
    """
    holes = [one.moment for one in history.events if one.id == 3016]
    attempts = [(moment, one) for one in history.truths for moment in one.unaddressed]
    gone = [one for one in history.truths if one.fate in {"lost", "bad"} and not one.inbound]
    for one, other in permutations(gone, 2):
        if "bad" in {one.fate, other.fate} and abs(one.moment - other.moment) < _SETTLING:
            one.also |= {"unknown"}
    tracked = [one.moment for one in history.tracking if one.event in _OF_CONNECTOR]
    for truth in history.truths:
        doubt = any(abs(truth.moment - hole) < timedelta(minutes=12) for hole in holes)
        doubt |= truth.fate == "lost" and not any(moment <= truth.moment for moment in tracked)
        if truth.fate == "lost" and not truth.inbound:
            doubt |= any(
                other.originator == truth.originator
                or (history.setting.names_as_dn and abs(moment - truth.moment) < _ATTEMPT)
                for moment, other in attempts
            )
        if doubt:
            truth.also |= {"unknown"}


def _quiet_moment(setting: Setting, chance: random.Random) -> datetime:
    """Return a moment of the site's days, away from the restarts."""
    span = (setting.ended - setting.begun - timedelta(hours=3)) // SECOND
    while True:
        moment = setting.begun + timedelta(minutes=20) + chance.randrange(span) * SECOND
        if all(abs(moment - one) > timedelta(minutes=20) for one in setting.restarts):
            return moment


def _service(history: History) -> None:
    setting = history.setting
    first = setting.begun + timedelta(minutes=2)
    category = "Initialization/Termination"
    history.event(first, 1000, "Information", strings=[setting.build], category=category)
    for moment in setting.restarts:
        history.event(
            moment - 40 * SECOND, 1001, "Information", category=category,
            text="The Microsoft Exchange Internet Mail Service shut down successfully",
        )  # fmt: skip
        history.event(moment, 1000, "Information", strings=[setting.build], category=category)


def _noise(history: History) -> None:
    """Other programs log events, and mail goes from mailbox to mailbox, until the end."""
    setting = history.setting
    moment = setting.begun + timedelta(minutes=1)
    number = 0
    while moment < setting.ended:
        source, identifier, kind, string = _NOISE[number % len(_NOISE)]
        history.event(moment, identifier, kind, source=source, strings=[string], category="None")
        mts_id = history.store_mts_id(moment)
        for event in (4, 9):
            history.track(None, moment, event, mts_id=mts_id,
                          originator=f"alice0@{setting.domain}",
                          recipients=(f"bob1@{setting.domain}",))  # fmt: skip
        moment += timedelta(minutes=53)
        number += 1
    last = setting.ended - 5 * SECOND
    history.event(
        last, 1221, "Information", source="MSExchangeIS Private", strings=["8"], category="None"
    )
    history.track(
        None,
        last,
        9,
        mts_id=history.store_mts_id(last),
        originator=f"alice0@{setting.domain}",
        recipients=(f"bob1@{setting.domain}",),
    )
