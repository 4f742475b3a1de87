"""Holds what a diagnosis says of a site against what is true."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from imctool.ledger.coverage import SESSION_END
from imctool.model.diagnosis import Diagnosis
from imctool.model.message import Message
from imctool.model.tracking import normalised_mts_id, parse_mts_id
from simulator.truth import TrueMessage

WEAKER = {
    "delivered": {"unknown", "deferred", "queued"},
    "queued": {"unknown"},
    "stuck": {"unknown", "queued"},
    "archived": {"unknown"},
    "bad": {"unknown"},
    "returned": {"unknown", "refused", "delivered"},
    "deferred": {"unknown", "queued", "delivered"},
    "refused": {"unknown"},
    "lost": {"unknown"},
    "incomplete": {"unknown"},
    "duplicated": {"unknown", "delivered"},
}
"""What may be said of a message where part of the evidence is gone.

A stuck message is queued where the event that names it, or the restart, is not in the evidence:
In holds it. A returned one is refused where the report's record is gone and the session is there
(outbound), delivered where only the transfer to its other recipients is left. A deferred one is
queued without its session. One delivered after retries is deferred where the log of the attempt
that succeeded is gone; ``_plausible`` narrows these down. A duplicated one is delivered where the
first delivery, or the restart between the two, is not in the evidence.
"""


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that a diagnosis got wrong. ``kind`` is false-lost, told-lost-as, doubled, ..."""

    kind: str
    truth: str
    told: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.truth} -> {self.told}"


class Judge:
    """Tells which true message each diagnosed one is."""

    def __init__(self, truths: Iterable[TrueMessage]) -> None:
        self.truths = list(truths)
        self._by_name: dict[str, TrueMessage] = {}
        self._by_mts_id: dict[str, TrueMessage] = {}
        self._by_session: dict[tuple[str, object, str], list[TrueMessage]] = defaultdict(list)
        for truth in self.truths:
            if truth.spool_name:
                self._by_name[truth.spool_name] = truth
            for mts_id in (truth.mts_id, *truth.other_ids):
                if mts_id:
                    self._by_mts_id[normalised_mts_id(mts_id)] = truth
            for session in truth.sessions:
                self._by_session[session].append(truth)

    def owner(self, message: Message) -> TrueMessage | None:
        """Return the true message that it is: by its names, else by its sessions."""
        names = [str(message.spool_name)] if message.spool_name is not None else []
        parsed = parse_mts_id(message.mts_id or "")
        if parsed is not None:
            names.append(str(parsed.spool_name))
        for name in names:
            if name in self._by_name:
                return self._by_name[name]
        found = self._by_mts_id.get(normalised_mts_id(message.mts_id or ""))
        if found is not None:
            return found
        for session in message.transactions:
            key = (str(session.direction), session.started, (session.originator or "").lower())
            owners = self._by_session.get(key, [])
            fitting = [
                one for one in owners
                if not session.asked or set(session.asked) <= set(one.recipients)
                or one.originator == "" or session.originator == ""
            ]  # fmt: skip
            if fitting:
                return fitting[0]
        return None

    def judged(self, diagnosis: Diagnosis) -> dict[int, list[Message]]:
        """Return the diagnosed messages by the id of the true one; 0 for those of no one."""
        found: dict[int, list[Message]] = defaultdict(list)
        for message in diagnosis.messages:
            truth = self.owner(message)
            found[id(truth) if truth is not None else 0].append(message)
        return found

    def wrong_with_part(self, diagnosis: Diagnosis) -> list[Wrong]:
        """Return what is wrong, where part of the evidence may be gone or damaged."""
        found = []
        told = self.judged(diagnosis)
        for message in told[0]:
            if message.fate == "lost":
                found.append(Wrong("false lost", "no message of the site", _told(message)))
        for truth in self.truths:
            for message in told[id(truth)]:
                found += _wrong_fate(truth, message)
        return found

    def wrong_with_all(self, diagnosis: Diagnosis) -> list[Wrong]:
        """Return what is wrong where every artefact is there: fates, and each just once."""
        found = self.wrong_with_part(diagnosis)
        told = self.judged(diagnosis)
        found += [Wrong("from nothing", "-", _told(message)) for message in told[0]]
        for truth in self.truths:
            fates = Counter(str(message.fate) for message in told[id(truth)])
            if truth.leg:
                if sum(fates.values()) > (0 if truth.folds else 1):
                    found.append(Wrong("doubled", truth.label(), str(dict(fates))))
                continue
            if not fates:
                found.append(Wrong("not told", truth.label(), "-"))
            elif sum(fates.values()) > 1:
                found.append(Wrong("doubled", f"{truth.fate} {truth.label()}", str(dict(fates))))
            elif truth.fate == "lost" and not fates.keys() & {"lost", *truth.also}:
                wanting = told[id(truth)][0].wanting
                found.append(Wrong("not recalled", truth.label(), f"{dict(fates)} {wanting}"))
            elif truth.fate == "incomplete" and told[id(truth)][0].wanting == (SESSION_END,):
                pass  # its session is the last of a log, which looks torn there
            elif not set(fates) <= {truth.fate, *truth.also}:
                found.append(Wrong("fate", f"{truth.fate} {truth.label()}", str(dict(fates))))
        return found


def _wrong_fate(truth: TrueMessage, message: Message) -> list[Wrong]:
    fate = str(message.fate)
    if fate in {truth.fate, *truth.also}:
        return []
    if fate == "lost":
        return [Wrong("false lost", f"{truth.fate} {truth.label()}", _told(message))]
    if truth.leg:
        return []
    if truth.fate == "lost" and fate == "delivered":
        return [Wrong("lost told delivered", truth.label(), _told(message))]
    if fate in WEAKER[truth.fate] and _plausible(truth, fate):
        return []
    return [Wrong("fate", f"{truth.fate} {truth.label()}", _told(message))]


def _plausible(truth: TrueMessage, fate: str) -> bool:
    """Whether the weaker fate can be what is left of this message's evidence."""
    case = truth.fate, fate
    if case in {("delivered", "deferred"), ("delivered", "queued")}:
        return fate == "deferred" and truth.scene == "retried"
    if case == ("returned", "delivered"):
        return truth.scene == "partly returned"
    if case == ("returned", "refused"):
        return not truth.inbound
    if case == ("deferred", "delivered"):
        return truth.scene == "partly deferred"
    return True


def _told(message: Message) -> str:
    seen = ", ".join(sorted({one.kind for one in message.observations}))
    return f"{message.fate} {message.name} {message.first} [{seen}] {message.wanting}"
