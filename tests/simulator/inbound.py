"""Scenes of mail that came in over SMTP."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta

from simulator.dialogue import greet, leave, receive, reset, send, take
from simulator.history import SECOND, History
from simulator.texts import foreign_address, foreign_addresses, local_addresses, text_of_peer
from simulator.truth import TrueMessage

_TEXT_4117 = (
    "An error was returned from the messaging software the Internet Mail Service uses to process"
    " messages on the Microsoft Exchange Server. As a result, the message in spool file {} failed"
    " to be delivered. The message has been moved to the IMCDATA\\IN\\ARCHIVE directory."
)
_CAUSES_4117 = (b"", struct.pack("<II", 0x0001037F, 0x80004005), struct.pack("<II", 0x0001023E, 0))


def letter(
    history: History,
    moment: datetime,
    scene: str,
    fate: str,
    *,
    originator: str | None = None,
    recipients: tuple[str, ...] | None = None,
    with_id: bool = True,
    subject: str = "Berth 4",
) -> TrueMessage:
    """Add an inbound message to the truth; it has happened nowhere yet."""
    chance = history.chance
    sender = foreign_address(chance) if originator is None else originator
    to = recipients or local_addresses(chance, history.setting.domain, chance.choice((1, 1, 2, 3)))
    message_id = None
    if with_id:
        host = sender.rpartition("@")[2] or "fourth.example"
        message_id = f"<{moment:%Y%m%d%H%M%S}.{chance.getrandbits(32):08x}@{host}>"
    truth = TrueMessage(scene, "inbound", fate, sender, to, moment, message_id=message_id)
    truth.wire = text_of_peer(chance, moment, sender, to, message_id=message_id, subject=subject)
    history.truths.append(truth)
    return truth


def spool(history: History, truth: TrueMessage, moment: datetime) -> None:
    """Give the message its spool file name and MTS-ID."""
    truth.spool_name = history.spool_name(moment)
    truth.mts_id = history.connector_mts_id(moment, truth.spool_name)


def keep(history: History, truth: TrueMessage, folder: str, moment: datetime) -> None:
    """Leave the message's spool file in a folder."""
    assert truth.spool_name
    text = history.received(moment, truth.spool_name, inbound=True) + truth.wire
    history.file(folder, truth.spool_name, truth, moment, text)


def track(history: History, truth: TrueMessage, moment: datetime, *events: int) -> None:
    """Write the records of an inbound message, a second or two after each other."""
    assert truth.mts_id
    for event in events:
        own = event >= 1000
        history.track(
            truth,
            moment,
            event,
            mts_id=truth.mts_id,
            originator=truth.originator,
            recipients=truth.recipients,
            remote_id=(truth.message_id or "") if own else "",
        )
        moment += history.chance.choice((1, 1, 2)) * SECOND


def taken_over(history: History, truth: TrueMessage, answered: datetime) -> None:
    """Track a message that reached the store, and archive it where that is on."""
    late = history.chance.choice((1, 2, 3, 3, 8, 90))
    if history.setting.is_4_0:
        track(history, truth, answered + late * SECOND, 1004, 9)
    else:
        track(history, truth, answered + SECOND, 1012)
        track(history, truth, answered + (1 + late) * SECOND, 1013, 9)
    if history.setting.archival:
        keep(history, truth, "In/Archive", answered)


def received_only(history: History, truth: TrueMessage, answered: datetime) -> None:
    """Track a message that the service took and that did not get further: nothing on 4.0."""
    if not history.setting.is_4_0:
        track(history, truth, answered + SECOND, 1012)


def arrive(history: History, truth: TrueMessage, moment: datetime) -> datetime:
    """Play the session of an accepted message and name its file; return when it was accepted."""
    answered = receive(history, truth, moment)
    spool(history, truth, answered)
    return answered


def delivered(history: History, moment: datetime) -> None:
    chance = history.chance
    truth = letter(history, moment, "delivered", "delivered", with_id=chance.random() < 0.85)
    taken_over(history, truth, arrive(history, truth, moment))


def null_sender(history: History, moment: datetime) -> None:
    """A report from elsewhere, which the store takes."""
    truth = letter(history, moment, "null sender", "delivered", originator="")
    taken_over(history, truth, arrive(history, truth, moment))


def many_recipients(history: History, moment: datetime) -> None:
    count = history.chance.randrange(20, 90)
    to = local_addresses(history.chance, history.setting.domain, count)
    truth = letter(history, moment, "many recipients", "delivered", recipients=to)
    taken_over(history, truth, arrive(history, truth, moment))


def list_mail(history: History, moment: datetime) -> None:
    """A list sends alike mail, from one originator, every minute or so."""
    chance = history.chance
    owner = f"owner-list{chance.randrange(3)}@wingtip.example"
    for number in range(chance.randrange(2, 6)):
        begun = moment + number * chance.randrange(20, 80) * SECOND
        truth = letter(
            history, begun, "list", "delivered", originator=owner,
            with_id=chance.random() < 0.7, subject="[list] Weekly",
        )  # fmt: skip
        taken_over(history, truth, arrive(history, truth, begun))


def rush(history: History, moment: datetime) -> None:
    """Several peers connect within seconds, so that their sessions stand in logs of their own."""
    for _ in range(history.chance.randrange(3, 6)):
        begun = moment + history.chance.randrange(3) * SECOND
        truth = letter(history, begun, "rush", "delivered", with_id=history.chance.random() < 0.8)
        taken_over(history, truth, arrive(history, truth, begun))


def twins(history: History, moment: datetime) -> None:
    """One envelope comes twice, minutes apart."""
    chance = history.chance
    sender = foreign_address(chance)
    to = local_addresses(chance, history.setting.domain, chance.choice((1, 2)))
    with_id = chance.random() < 0.6
    for begun in (moment, moment + timedelta(minutes=chance.randrange(2, 15))):
        truth = letter(
            history, begun, "twin", "delivered", originator=sender, recipients=to, with_id=with_id
        )
        taken_over(history, truth, arrive(history, truth, begun))


def twin_lost(history: History, moment: datetime) -> None:
    """One envelope comes twice, and the second message is lost."""
    chance = history.chance
    sender = foreign_address(chance)
    to = local_addresses(chance, history.setting.domain, 1)
    first = letter(history, moment, "twin", "delivered", originator=sender, recipients=to)
    taken_over(history, first, arrive(history, first, moment))
    begun = moment + timedelta(minutes=chance.randrange(30, 90))
    second = letter(history, begun, "twin lost", "lost", originator=sender, recipients=to)
    received_only(history, second, arrive(history, second, begun))


def sent_again(history: History, moment: datetime) -> None:
    """The peer missed the reply and sends the same message again, Message-ID and all."""
    chance = history.chance
    first = letter(history, moment, "sent again", "delivered")
    taken_over(history, first, arrive(history, first, moment))
    begun = moment + timedelta(minutes=chance.randrange(5, 40))
    second = letter(
        history, begun, "sent again", "duplicated",
        originator=first.originator, recipients=first.recipients,
    )  # fmt: skip
    second.message_id, second.wire = first.message_id, first.wire
    taken_over(history, second, arrive(history, second, begun))


def several(history: History, moment: datetime) -> None:
    """One session brings several messages, with RSET between some."""
    chance = history.chance
    session = history.session(moment)
    greet(history, session)
    sender = foreign_address(chance)
    for number in range(chance.randrange(2, 5)):
        if number:
            reset(session) if chance.random() < 0.5 else session.wait(2)
        same = chance.random() < 0.5
        truth = letter(
            history, session.now, "several", "delivered", originator=sender if same else None
        )
        answered = take(history, session, truth)
        spool(history, truth, answered)
        taken_over(history, truth, answered)
    leave(session)


def refused(history: History, moment: datetime) -> None:
    to = foreign_addresses(history.chance, 1)
    truth = letter(history, moment, "refused", "refused", recipients=to)
    receive(history, truth, moment, refuse=True)


def incomplete(history: History, moment: datetime) -> None:
    """The session is cut in the text; the peer may come again with the same message."""
    chance = history.chance
    truth = letter(history, moment, "incomplete", "incomplete")
    ended = receive(history, truth, moment, cut=True)
    if chance.random() < 0.5:
        spool(history, truth, ended)
        assert truth.spool_name
        text = history.received(ended, truth.spool_name, inbound=True)
        cut = truth.wire[: len(truth.wire) * 2 // 3]
        history.file("Work", truth.spool_name, truth, ended, text + cut)
    if chance.random() < 0.5:
        begun = moment + timedelta(minutes=chance.randrange(6, 30))
        again = letter(
            history, begun, "after incomplete", "delivered",
            originator=truth.originator, recipients=truth.recipients,
        )  # fmt: skip
        again.message_id, again.wire = truth.message_id, truth.wire
        taken_over(history, again, arrive(history, again, begun))


def archived(history: History, moment: datetime) -> None:
    """Event 4117: the message could not be delivered and lies in In\\Archive."""
    truth = letter(history, moment, "archived", "archived")
    answered = arrive(history, truth, moment)
    received_only(history, truth, answered)
    keep(history, truth, "In/Archive", answered)
    assert truth.spool_name
    history.event(
        answered + 3 * SECOND, 4117, "Error", strings=[truth.spool_name],
        text=_TEXT_4117.format(truth.spool_name), data=history.chance.choice(_CAUSES_4117),
    )  # fmt: skip


def lost(history: History, moment: datetime) -> None:
    """Accepted, and gone: on 4.0 not even the tracking log knows (Q157684, Q157693)."""
    with_id = history.chance.random() < 0.8
    truth = letter(history, moment, "lost", "lost", with_id=with_id)
    received_only(history, truth, arrive(history, truth, moment))


def returned(history: History, moment: datetime) -> None:
    """The recipient is unknown: a report goes out, which is sometimes refused in its turn."""
    truth = letter(history, moment, "returned", "returned")
    answered = arrive(history, truth, moment)
    received_only(history, truth, answered)
    if history.setting.archival:
        keep(history, truth, "In/Archive", answered)
    made = answered + history.chance.choice((5, 60, 180)) * SECOND
    report_on(history, truth, made)


def report_on(history: History, truth: TrueMessage, made: datetime) -> None:
    """Send a report on an inbound message out (1017, 1016), a message of the service's own."""
    assert truth.mts_id
    mts_id = history.store_mts_id(made)
    name = history.spool_name(made)
    bounced = not history.setting.is_4_0 and history.chance.random() < 0.3
    report = TrueMessage("report", "outbound", "refused" if bounced else "delivered", "",
                         (truth.originator,), made, spool_name=name, mts_id=mts_id,
                         leg=True, folds=True)  # fmt: skip
    history.truths.append(report)
    same = {"mts_id": mts_id, "subject_id": truth.mts_id, "status": "1"}
    remote = history.own_message_id(made, mts_id)
    out = 1006 if history.setting.is_4_0 else 1016
    generated = 1007 if history.setting.is_4_0 else 1017
    history.track(truth, made, generated, remote_id=remote, recipients=truth.recipients, **same)
    outcome = "refused" if bounced else "accepted"
    ended = send(history, report, made + 4 * SECOND, (truth.originator,), outcome=outcome)
    if bounced:
        again = history.store_mts_id(ended)
        report.other_ids.append(again)
        for event in (1017, 1018):
            history.track(
                truth, ended + SECOND, event, mts_id=again, subject_id=mts_id, status="1",
                recipients=(truth.originator,),
            )  # fmt: skip
    else:
        history.track(truth, ended + SECOND, out, remote_id=remote, recipients=truth.recipients,
                      **same)  # fmt: skip
    if history.setting.archival:
        text = history.received(made, name, inbound=False)
        text += b"Message-ID: " + remote.encode() + b"\r\nSubject: Undeliverable: Berth 4\r\n\r\n"
        history.file("Out/Archive", name, report, made, text + b"Your message\r\n")


def stuck(history: History, moment: datetime) -> None:
    """In still holds it after an error that names it."""
    truth = letter(history, moment, "stuck", "stuck")
    answered = arrive(history, truth, moment)
    received_only(history, truth, answered)
    keep(history, truth, "In", answered)
    assert truth.spool_name
    if history.chance.random() < 0.5:
        text = (
            "An error occurred. As a result, the message in spool file"
            f" {truth.spool_name} will be retried when the server is restarted."
        )
        history.event(answered + 4 * SECOND, 4182, "Error", strings=[truth.spool_name], text=text)
    else:
        data = struct.pack("<II", 0x0001023E, 0x8007000E) + truth.spool_name.encode() + b"\0"
        text = "An unexpected error occurred in the Internet Mail Service."
        history.event(answered + 4 * SECOND, 4131, "Information", text=text, data=data)


def queued(history: History, moment: datetime) -> None:
    """Still waiting in In when the evidence was collected, after the last restart."""
    truth = letter(history, moment, "queued", "queued")
    answered = arrive(history, truth, moment)
    received_only(history, truth, answered)
    keep(history, truth, "In", answered)


def redelivered(history: History, moment: datetime) -> None:
    """A restart delivers a message a second time: its file was still in In."""
    truth = letter(history, moment, "redelivered", "delivered")
    answered = arrive(history, truth, moment)
    taken_over(history, truth, answered)
    later = [one for one in history.setting.restarts if one > moment + timedelta(minutes=5)]
    if later:
        truth.fate = "duplicated"
        again = later[0] + 20 * SECOND
        track(history, truth, again, *((1004, 9) if history.setting.is_4_0 else (1013, 9)))


def rerouted(history: History, moment: datetime) -> None:
    """Mail for another site that is passed on (1014); its way out has a file of its own."""
    chance = history.chance
    truth = letter(history, moment, "rerouted", "delivered",
                   recipients=foreign_addresses(chance, chance.choice((1, 2))))  # fmt: skip
    answered = arrive(history, truth, moment)
    track(history, truth, answered + SECOND, 1012, 1014)
    if history.setting.archival:
        keep(history, truth, "In/Archive", answered)
    passed = answered + chance.choice((5, 30, 600)) * SECOND
    leg = TrueMessage("way out", "outbound", "delivered", truth.originator, truth.recipients,
                      passed, mts_id=truth.mts_id, leg=True)  # fmt: skip
    leg.spool_name = history.spool_name(answered)
    ended = send(history, leg, passed, truth.recipients)
    if chance.random() < 0.5:
        track(history, truth, ended + SECOND, 1011)
    if history.setting.archival:
        assert leg.spool_name
        text = history.received(answered, leg.spool_name, inbound=False)
        text += history.received(answered, truth.spool_name or "", inbound=True)
        history.file("Out/Archive", leg.spool_name, leg, answered, text + truth.wire)
    leg.mts_id = None
    history.truths.append(leg)


def unrecorded(history: History, moment: datetime) -> None:
    """Delivered, but the record of it could not be written: event 3016."""
    truth = letter(history, moment, "unrecorded", "delivered")
    truth.also = frozenset({"unknown"})
    answered = arrive(history, truth, moment)
    received_only(history, truth, answered)
    history.has_hole = True
    history.event(answered + 2 * SECOND, 3016, "Warning", category="Message Transfer",
                  text="An error occurred while logging a message tracking record.")  # fmt: skip
    if history.setting.archival:
        keep(history, truth, "In/Archive", answered)
