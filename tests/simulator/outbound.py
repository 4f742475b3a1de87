"""Scenes of mail that was submitted at the site and went out, or did not."""

from __future__ import annotations

from datetime import datetime, timedelta

from simulator.dialogue import send
from simulator.history import SECOND, History
from simulator.texts import foreign_addresses, local_addresses
from simulator.truth import TrueMessage

_RETRIES = (15, 30, 60, 240)
"""Minutes between attempts (Q146669)."""

_TEXT_4116 = (
    "An error was returned from the messaging software the Internet Mail Service uses to process"
    " messages on the Microsoft Exchange Server. It is possible that the piece of mail being"
    " processed at the time will not be delivered. The message that was being processed has been"
    ' moved to the "BAD" folder.'
)


def submission(
    history: History,
    moment: datetime,
    scene: str,
    fate: str,
    *,
    recipients: tuple[str, ...] | None = None,
    originator: str | None = None,
    converted: bool = True,
) -> TrueMessage:
    """Add an outbound message: submitted, handed over, and converted three seconds later."""
    chance = history.chance
    sender = originator or local_addresses(chance, history.setting.domain, 1)[0]
    to = recipients or foreign_addresses(chance, chance.choice((1, 1, 2, 4)))
    truth = TrueMessage(scene, "outbound", fate, sender, to, moment)
    history.truths.append(truth)
    truth.mts_id = history.store_mts_id(moment)
    record(history, truth, moment, 4)
    record(history, truth, moment + SECOND, 7)
    if converted:
        spooled = moment + 3 * SECOND
        truth.spool_name = history.spool_name(spooled)
        truth.message_id = history.own_message_id(spooled, truth.mts_id)
        if not history.setting.is_4_0:
            record(history, truth, spooled, 1010)
    return truth


def record(
    history: History,
    truth: TrueMessage,
    moment: datetime,
    event: int,
    recipients: tuple[str, ...] | None = None,
) -> None:
    """Write one tracking record of the message."""
    assert truth.mts_id
    history.track(
        truth,
        moment,
        event,
        mts_id=truth.mts_id,
        originator=truth.originator,
        recipients=recipients or truth.recipients,
        remote_id=(truth.message_id or "") if event >= 1000 else "",
    )


def keep(history: History, truth: TrueMessage, folder: str) -> None:
    """Leave the converted message in a folder."""
    assert truth.spool_name
    assert truth.message_id
    spooled = truth.moment + 3 * SECOND
    text = history.received(spooled, truth.spool_name, inbound=False)
    text += (
        f"Message-ID: {truth.message_id}\r\nFrom: <{truth.originator}>\r\n"
        f"To: {', '.join(truth.recipients)}\r\nSubject: Rates\r\n\r\nPlease send your rates.\r\n"
    ).encode("ascii")
    history.file(folder, truth.spool_name, truth, spooled, text)


def transferred(
    history: History,
    truth: TrueMessage,
    moment: datetime,
    recipients: tuple[str, ...] | None = None,
) -> None:
    record(history, truth, moment, 1003 if history.setting.is_4_0 else 1011, recipients)


def _archive(history: History, truth: TrueMessage) -> None:
    if history.setting.archival:
        keep(history, truth, "Out/Archive")


def sent(history: History, moment: datetime) -> None:
    truth = submission(history, moment, "sent", "delivered")
    ended = send(history, truth, moment + 6 * SECOND, truth.recipients)
    transferred(history, truth, ended + SECOND)
    _archive(history, truth)


def twins(history: History, moment: datetime) -> None:
    """One envelope goes out twice, minutes apart."""
    first = submission(history, moment, "out twin", "delivered")
    ended = send(history, first, moment + 6 * SECOND, first.recipients)
    transferred(history, first, ended + SECOND)
    _archive(history, first)
    begun = moment + timedelta(minutes=history.chance.randrange(2, 12))
    second = submission(
        history, begun, "out twin", "delivered",
        recipients=first.recipients, originator=first.originator,
    )  # fmt: skip
    ended = send(history, second, begun + 6 * SECOND, second.recipients)
    transferred(history, second, ended + SECOND)
    _archive(history, second)


def several_hosts(history: History, moment: datetime) -> None:
    """Recipients at two hosts: two sessions and two transfers of one message."""
    one, two = _two_sites(history)
    truth = submission(history, moment, "several hosts", "delivered", recipients=(*one, *two))
    for number, group in enumerate((one, two)):
        ended = send(history, truth, moment + (6 + 40 * number) * SECOND, group)
        transferred(history, truth, ended + SECOND, group)
    _archive(history, truth)


def partly_deferred(history: History, moment: datetime) -> None:
    """One host took it, another put it off: the file waits in Out."""
    one, two = _two_sites(history)
    truth = submission(history, moment, "partly deferred", "deferred", recipients=(*one, *two))
    ended = send(history, truth, moment + 6 * SECOND, one)
    transferred(history, truth, ended + SECOND, one)
    send(history, truth, moment + 50 * SECOND, two, outcome="deferred")
    keep(history, truth, "Out")


def _two_sites(history: History) -> tuple[tuple[str, ...], tuple[str, ...]]:
    while True:
        one, two = (foreign_addresses(history.chance, 2) for _ in range(2))
        if one[0].rpartition("@")[2] != two[0].rpartition("@")[2]:
            return one, two


def retried(history: History, moment: datetime) -> None:
    """Put off, up to hours, and delivered at last."""
    chance = history.chance
    truth = submission(history, moment, "retried", "delivered")
    begun = moment + 6 * SECOND
    for minutes in _RETRIES[: chance.randrange(1, 5)]:
        outcome = chance.choice(("deferred", "deferred-late", "dropped"))
        ended = send(history, truth, begun, truth.recipients, outcome=outcome)
        begun = ended + timedelta(minutes=minutes)
        if begun > history.setting.ended - timedelta(minutes=30):
            truth.fate = "deferred"
            keep(history, truth, "Out")
            return
    ended = send(history, truth, begun, truth.recipients)
    transferred(history, truth, ended + SECOND)
    _archive(history, truth)


def deferred(history: History, moment: datetime) -> None:
    """Put off, and still waiting in Out."""
    truth = submission(history, moment, "deferred", "deferred")
    outcome = history.chance.choice(("deferred", "deferred-late", "dropped"))
    send(history, truth, moment + 6 * SECOND, truth.recipients, outcome=outcome)
    keep(history, truth, "Out")


def queued(history: History, moment: datetime) -> None:
    """In Out, not yet tried."""
    keep(history, submission(history, moment, "out queued", "queued"), "Out")


def returned(history: History, moment: datetime) -> None:
    """The other side does not know the recipient; the report stays in the store."""
    truth = submission(history, moment, "out returned", "returned")
    ended = send(history, truth, moment + 6 * SECOND, truth.recipients, outcome="refused")
    _report(history, truth, ended + SECOND, truth.recipients)
    _archive(history, truth)


def partly_returned(history: History, moment: datetime) -> None:
    """One recipient of two is unknown."""
    to = foreign_addresses(history.chance, 2)
    truth = submission(history, moment, "partly returned", "returned", recipients=to)
    truth.also = frozenset({"delivered"})
    ended = send(history, truth, moment + 6 * SECOND, to, refused=to[1:])
    transferred(history, truth, ended + SECOND, to[:1])
    _report(history, truth, ended + 2 * SECOND, to[1:])
    _archive(history, truth)


def _report(
    history: History, truth: TrueMessage, moment: datetime, recipients: tuple[str, ...]
) -> None:
    report = history.store_mts_id(moment)
    truth.other_ids.append(report)
    for event in (1007 if history.setting.is_4_0 else 1017, 10):
        history.track(
            truth, moment, event, mts_id=report, subject_id=truth.mts_id or "", status="1",
            recipients=recipients,
        )  # fmt: skip
        moment += SECOND


def lost(history: History, moment: datetime) -> None:
    """Handed over and never converted (Q157684 on 4.0), or queued and gone on 5.x."""
    converted = not history.setting.is_4_0 and history.chance.random() < 0.5
    submission(history, moment, "out lost", "lost", converted=converted)


def bad(history: History, moment: datetime) -> None:
    """Event 4116 after one of the content engine: moved to the BAD folder of the mailbox."""
    submission(history, moment, "bad", "bad", converted=False)
    history.event(moment + 4 * SECOND, 12802, "Error", source="MSExchangeIS",
                  category="Content Engine", strings=["0x8004010f"],
                  text="Error 0x8004010f during stream configuration.")  # fmt: skip
    history.event(moment + 5 * SECOND, 4116, "Error", text=_TEXT_4116)
