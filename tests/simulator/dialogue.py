"""SMTP sessions, inbound and outbound, written into the history of a site."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from generator.mail_text import dot_stuffed

from simulator.history import History, Session
from simulator.truth import TrueMessage

_PEERS = 17


def note_session(history: History, session: Session, truth: TrueMessage) -> None:
    """Note that a transaction of the message begins here."""
    wall = history.setting.wall(session.now).replace(microsecond=0)
    truth.sessions.append((truth.direction, wall, truth.originator.lower()))


def greet(history: History, session: Session) -> None:
    """Begin an inbound session."""
    peer = f"mail{history.chance.randrange(_PEERS)}.peer.example"
    session.put("connect", f"A connection was accepted from {peer}.")
    extended = history.setting.version == "5.5" and history.chance.random() < 0.5
    session.put("got", f"{'EHLO' if extended else 'HELO'} {peer}")
    if extended:
        session.put("said", f"250-{history.setting.host} Hello [{peer}]")
        session.put("more", "250-HELP\r\n250-DSN\r\n250-SIZE 0\r\n250 AUTH=LOGIN")
    else:
        session.put("said", "250 OK")
    session.wait(history.chance.randrange(1, 4))


def take(
    history: History,
    session: Session,
    truth: TrueMessage,
    *,
    refuse: bool = False,
    cut: bool = False,
    pipelined: bool = False,
) -> datetime:
    """Play one inbound transaction and return when the last reply came."""
    note_session(history, session, truth)
    commands = [(f"MAIL FROM:<{truth.originator}>", f"250 OK - mail from <{truth.originator}>")]
    for address in truth.recipients:
        reply = "550 Relaying is prohibited" if refuse else f"250 OK - Recipient <{address}>"
        commands.append((f"RCPT TO:<{address}>", reply))
    if not refuse:
        commands.append(("DATA", "354 Send data.  End with CRLF.CRLF"))
    if pipelined:
        session.put("packet", "\r\n".join(command for command, _ in commands) + "\r\n")
    for command, reply in commands:
        session.put("line" if pipelined else "got", command)
        session.put("said", reply)
    session.wait(history.chance.randrange(1, 5))
    if refuse:
        return session.now
    wire = dot_stuffed(truth.wire)
    if cut:
        session.put("data", wire.removesuffix(b".\r\n")[: len(wire) * 2 // 3])
        return session.now
    session.put("data", wire)
    session.wait(history.chance.choice((0, 0, 1, 2, 20)))
    session.put("said", "250 OK")
    return session.now


def reset(session: Session) -> None:
    """Play RSET between two transactions."""
    session.wait()
    session.put("got", "RSET")
    session.put("said", "250 OK")
    session.wait()


def leave(session: Session) -> None:
    """End an inbound session."""
    session.put("got", "QUIT")
    session.put("said", "221 closing connection")


def receive(
    history: History,
    truth: TrueMessage,
    moment: datetime,
    *,
    refuse: bool = False,
    cut: bool = False,
) -> datetime:
    """Play a whole inbound session of one transaction and return when the last reply came."""
    session = history.session(moment)
    greet(history, session)
    pipelined = history.setting.version == "5.5" and history.chance.random() < 0.1
    answered = take(history, session, truth, refuse=refuse, cut=cut, pipelined=pipelined)
    if not cut:
        leave(session)
    return answered


def send(
    history: History,
    truth: TrueMessage,
    moment: datetime,
    recipients: Sequence[str],
    *,
    outcome: str = "accepted",
    refused: Sequence[str] = (),
) -> datetime:
    """Play an outbound session and return when the last reply came.

    ``outcome`` is ``accepted``, ``deferred`` (451 at MAIL), ``deferred-late`` (452 after the
    text), ``dropped`` (the connection is lost after DATA), or ``refused``; ``refused`` are those
    recipients that get a 550.
    """
    setting = history.setting
    peer = f"mail.{recipients[0].rpartition('@')[2]}"
    session = history.session(moment)
    session.put("connect", f"A connection to 192.0.2.{history.chance.randrange(1, 99)} was"
                " established.")  # fmt: skip
    session.put("got", f"220 {peer} ESMTP ready")
    session.put("said", f"EHLO {setting.host}")
    session.put("got", f"250 {peer}")
    session.wait()
    note_session(history, session, truth)
    session.put("said", f"MAIL FROM:<{truth.originator}>")
    if outcome == "deferred":
        truth.unaddressed.append(session.now)
        session.put("got", "451 Requested action aborted: local error in processing")
        _reschedule(history, session, truth, "451 Requested action aborted")
    else:
        session.put("got", "250 Sender ok")
        for address in recipients:
            session.put("said", f"RCPT TO:<{address}>")
            bad = outcome == "refused" or address in refused
            session.put("got", "550 User unknown" if bad else "250 Recipient ok")
        if outcome != "refused":
            session.put("said", "DATA")
            session.put("got", '354 Enter mail, end with "." on a line by itself')
            session.wait(history.chance.randrange(1, 6))
            if outcome == "dropped":
                domain = peer.removeprefix("mail.")
                cause = f"499 No routing hosts are reachable for {domain}"
                _reschedule(history, session, truth, cause)
                return session.now
            late = outcome == "deferred-late"
            session.put("got", "452 Insufficient system storage" if late else "250 Accepted")
    session.put("said", "QUIT")
    session.put("got", f"221 {peer} closing connection")
    return session.now


def _reschedule(history: History, session: Session, truth: TrueMessage, cause: str) -> None:
    """Write the line of a message put back for later; the sample has it without an arrow."""
    session.put("bare", f'{cause}. Message subject: ""{truth.scene}"". Rescheduling delivery'
                " for later.")  # fmt: skip
