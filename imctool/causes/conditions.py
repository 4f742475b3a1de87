"""What each condition of a cause means: it holds with evidence, or it does not hold.

Every function takes the case, the message (None for a condition on the whole site) and the
condition's value from the cause file, and returns the evidence it rests on, empty where it
rests on what is absent, or None where it does not hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from imctool.causes.case import Case, skeletons
from imctool.causes.character_sets import setting_for
from imctool.knowledge.cause import Condition
from imctool.knowledge.charsets import find_charset
from imctool.ledger import coverage
from imctool.ledger.observations import event_text, observe_event
from imctool.model.event import Event
from imctool.model.finding import Evidence
from imctool.model.mail import SpoolFile
from imctool.model.message import Message, ObservationKind
from imctool.model.smtp import Outcome

Held = tuple[Evidence, ...]


def holds(case: Case, message: Message | None, conditions: Iterable[Condition]) -> Held | None:
    """Return the evidence of all ``conditions``, None as soon as one does not hold."""
    evidence: list[Evidence] = []
    for condition in conditions:
        (name, value), *_ = condition.items()
        found = _CONDITIONS[name](case, message, value)
        if found is None:
            return None
        evidence.extend(found)
    return tuple(dict.fromkeys(evidence))


def _none_of(case: Case, message: Message | None, value: list[Condition]) -> Held | None:
    return None if any(holds(case, message, [one]) is not None for one in value) else ()


def _any_of(case: Case, message: Message | None, value: list[Condition]) -> Held | None:
    held = [found for one in value if (found := holds(case, message, [one])) is not None]
    return tuple(item for found in held for item in found) if held else None


def _fate(case: Case, message: Message | None, value: list[str]) -> Held | None:
    return () if message is not None and message.fate in value else None


def _observed(case: Case, message: Message | None, value: bool) -> Held | None:
    """All that was seen of the message, as evidence: for causes told by what is not there."""
    if message is None:
        return None
    seen = [
        Evidence(one.location, one.time, one.text, one.assumed_zone) for one in message.observations
    ]
    if message.observations:
        place = message.observations[0].location
        seen += [Evidence(place, None, note) for note in message.notes]
    return tuple(seen)


def _direction(case: Case, message: Message | None, value: str) -> Held | None:
    return () if message is not None and message.direction == value else None


def _folder(case: Case, message: Message | None, value: list[str]) -> Held | None:
    if message is None:
        return None
    evidence = [
        Evidence(seen.location, seen.time, seen.text, seen.assumed_zone)
        for seen in message.observations
        if seen.kind is ObservationKind.SPOOL_FILE
        and any(kind in value and file.location == seen.location for kind, file in message.files)
    ]
    return tuple(evidence) or None


def _event(case: Case, message: Message | None, value: dict[str, Any]) -> Held | None:
    """An event that names the message: by source, number, text."""
    if message is None:
        return None
    found = [event for event in message.events if _fits(event, value)]
    return tuple(_told(case, event) for event in found) or None


def _beside(case: Case, message: Message | None, value: dict[str, Any]) -> Held | None:
    """An event near one that names the message, whether it names it too or not."""
    if message is None:
        return None
    found: dict[int, Event] = {}
    for event in message.events:
        moment = case.ledger.clock.utc(event.time)
        if moment is None or not event.is_connector:
            continue
        before, after = value.get("before", 60), value.get("after", 60)
        for other in case.events_within(_ids(value), moment, before, after):
            if other is not event and _fits(other, value):
                found[id(other)] = other
    return tuple(_told(case, event) for event in found.values()) or None


def _data(case: Case, message: Message | None, value: dict[str, Any]) -> Held | None:
    """An event of the message whose data section decodes to this place and HRESULT."""
    if message is None:
        return None
    found = []
    for event in message.events:
        decoded = event.decoded
        if (
            event.is_connector
            and event.event_id == value.get("id", event.event_id)
            and decoded.location_code == value.get("location", decoded.location_code)
            and decoded.hresult == value["hresult"]
        ):
            found.append(event)
    return tuple(_told(case, event) for event in found) or None


def _site_event(case: Case, message: Message | None, value: dict[str, Any]) -> Held | None:
    """Such an event anywhere in the logs; asked of the site, not of a message."""
    if message is not None:
        return None
    found = [event for _, event in case.ledger.events.of(_ids(value)) if _fits(event, value)]
    return tuple(_told(case, event) for event in found) or None


def _unnamed_event(case: Case, message: Message | None, value: dict[str, Any]) -> Held | None:
    """Such an event after the message came, in a form that has lost the spool name it carried."""
    if message is None or message.first is None:
        return None
    found = [
        event
        for time, event in case.ledger.events.of(_ids(value))
        if time is not None
        and time >= message.first
        and _fits(event, value)
        and event.spool_name is None
    ]
    return tuple(_told(case, event) for event in found) or None


def _ids(value: dict[str, Any]) -> list[int]:
    ids = value["id"]
    return ids if isinstance(ids, list) else [ids]


def _fits(event: Event, value: dict[str, Any]) -> bool:
    source = value.get("source", "connector")
    if source == "connector" and not event.is_connector:
        return False
    if source == "store" and not event.is_store:
        return False
    if source not in {"connector", "store"} and not re.fullmatch(source, event.source, re.I):
        return False
    if event.event_id not in _ids(value):
        return False
    return "text" not in value or bool(re.search(value["text"], event_text(event), re.I))


def _told(case: Case, event: Event) -> Evidence:
    seen = observe_event(event, case.ledger.clock)
    return Evidence(seen.location, seen.time, seen.text, seen.assumed_zone)


def _recipients_above(case: Case, message: Message | None, value: int) -> Held | None:
    if message is None:
        return None
    return (
        tuple(
            Evidence(file.location, None, f"{file.recipient_count} recipients in its envelope")
            for _, file in message.files
            if file.recipient_count > value
        )
        or None
    )


def _registry(case: Case, message: Message | None, value: dict[str, Any]) -> Held | None:
    """A registry value that is there, at most so much, or below the message's recipients."""
    found = case.registry_value(value["key"], value["name"])
    if found is None:
        return None
    number = found.data if isinstance(found.data, int) else None
    if "at_most" in value and (number is None or number > value["at_most"]):
        return None
    if "at_least" in value and (number is None or number < value["at_least"]):
        return None
    if "recipients_above" in value:
        count = message.recipient_count if message is not None else 0
        if number is None or not 0 < number < count:
            return None
    return (Evidence(found.location, None, f"{found.name} = {found.data!r}"),)


def _refused_over_limit(case: Case, message: Message | None, value: int) -> Held | None:
    """A session answered 452 to recipients past the limit, after at least so many were taken."""
    if message is None:
        return None
    evidence = []
    for one in message.transactions:
        if one.over_limit_count and one.accepted_count >= value:
            refused = next((reply for _, reply in one.refused if reply.code == 452), None)
            place = refused.location if refused is not None else one.location
            moment = case.ledger.clock.utc(one.moment)
            text = (
                f"452 to {one.over_limit_count} RCPT commands after {one.accepted_count} were taken"
            )
            evidence.append(Evidence(place, moment, text))
    return tuple(evidence) or None


def _embedded_charset(case: Case, message: Message | None, value: str) -> Held | None:
    """An embedded message in a charset that the server could not convert."""
    if message is None:
        return None
    labels = case.unconvertible_embedded(message)
    if not labels:
        return None
    place = message.transactions[0].location if message.transactions else None
    if place is None:
        place = message.files[0][1].location
    assumed = "" if case.ledger.server.code_pages is not None else " on a default NT 4.0 (assumed)"
    text = f"embedded message in {', '.join(labels)}, not convertible{assumed}"
    return (Evidence(place, message.first, text, message.assumed_zone),)


def _embedded_charset_before(case: Case, message: Message | None, value: bool) -> Held | None:
    if message is None:
        return None
    head = case.loss_before(message)
    if head is None:
        return None
    place = head.observations[0].location
    text = f"no restart and no delivery since the loss of {head.name}"
    return (Evidence(place, head.first, text, head.assumed_zone),)


def _has_text(case: Case, message: Message | None, value: bool) -> Held | None:
    """The message's own text is in the evidence, and not only its header."""
    known = message is not None and any(
        part.size for one in skeletons(message) for part in one.parts
    )
    return () if known is value else None


def _version(case: Case, message: Message | None, value: list[str]) -> Held | None:
    return () if case.versions() & set(value) else None


def _version_unknown(case: Case, message: Message | None, value: bool) -> Held | None:
    return () if (not case.versions()) is value else None


def _header(case: Case, message: Message | None, value: dict[str, Any]) -> Held | None:
    """A header field of the spool file whose value matches."""
    if message is None:
        return None
    pattern = re.compile(value["text"], re.I)
    for _, file in message.files:
        for one in file.skeleton.headers:
            if one.name.lower() == value["name"].lower() and pattern.search(one.value):
                text = f"{one.name}: {one.value.strip()}"
                place = type(file.location)(file.location.path, offset=one.offset)
                return (Evidence(place, None, text),)
    return None


def _declares_charset(case: Case, message: Message | None, value: bool) -> Held | None:
    """The file declares charsets (they are the evidence), or declares none."""
    if message is None:
        return None
    evidence = [
        Evidence(file.location, None, f"declares {', '.join(labels)}")
        for _, file in message.files
        if (labels := declared_charsets(file))
    ]
    if value:
        return tuple(evidence) or None
    return None if evidence else ()


def declared_charsets(file: SpoolFile) -> tuple[str, ...]:
    """Return the charsets that the file's text parts declare, each once, in file order."""
    labels = [
        part.charset.strip().lower()
        for part in file.skeleton.parts
        if part.charset and part.charset.strip()
    ]
    return tuple(dict.fromkeys(labels))


def sender_domain(message: Message) -> str | None:
    """Return the domain of the envelope originator, lower case, or None."""
    _, at, domain = (message.originator or "").strip("<> ").rpartition("@")
    return domain.lower() if at and domain else None


def _setting_fits(case: Case, message: Message | None, value: bool) -> Held | None:
    """The setting that applied equals (or differs from) what the file declares."""
    if message is None:
        return None
    setting = setting_for(case.character_sets, sender_domain(message))
    labels = [one for _, file in message.files for one in declared_charsets(file)]
    if setting is None or not labels:
        return None
    fits = all(_same_charset(label, setting.mime) for label in labels)
    if fits is not value:
        return None
    text = f"Character Sets of {setting.domain}: MIME {setting.mime}, non-MIME {setting.non_mime}"
    return (Evidence(setting.location, None, text),)


def _same_charset(label: str, setting: str) -> bool:
    one, other = find_charset(label), find_charset(setting)
    if one is None or other is None or one.table is None or other.table is None:
        return label.strip().lower() == setting.strip().lower()
    return one.table == other.table


def _suspected_loss(case: Case, message: Message | None, value: bool) -> Held | None:
    """Nothing of the message after its acceptance, in evidence too thin to call it lost.

    The tracking log covers it and is silent; what is wanting is only where else it might be.
    """
    if message is None or not message.wanting or message.files or message.events:
        return None
    if {coverage.TRACKING_LOG, coverage.TWIN, coverage.OUT_FOLDER} & set(message.wanting):
        return None
    taken = any(one.outcome is Outcome.ACCEPTED for one in message.transactions)
    return () if taken or message.tracking else None


_CONDITIONS: dict[str, Callable[[Case, Message | None, Any], Held | None]] = {
    "none_of": _none_of,
    "any_of": _any_of,
    "fate": _fate,
    "direction": _direction,
    "observed": _observed,
    "folder": _folder,
    "event": _event,
    "beside": _beside,
    "data": _data,
    "site_event": _site_event,
    "unnamed_event": _unnamed_event,
    "recipients_above": _recipients_above,
    "registry": _registry,
    "refused_over_limit": _refused_over_limit,
    "embedded_charset": _embedded_charset,
    "embedded_charset_before": _embedded_charset_before,
    "has_text": _has_text,
    "version": _version,
    "version_unknown": _version_unknown,
    "header": _header,
    "declares_charset": _declares_charset,
    "setting_fits": _setting_fits,
    "suspected_loss": _suspected_loss,
}
