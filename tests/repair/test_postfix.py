"""Submission to a real Postfix; the copies in its mailboxes are counted afterwards."""

from __future__ import annotations

import os
import random
import smtplib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from postfix_server import (
    ACCENTED,
    BUSY,
    ELSEWHERE,
    FULL,
    GONE,
    MAILBOXES,
    MESSAGE_SIZE_LIMIT,
    RECIPIENT_LIMIT,
    Postfix,
    PostfixProblemError,
    mailbox,
    running_postfix,
)
from spool_builder import imcr_envelope

from imctool.model.submission import Letter, Reply, SmtpServer, Submitted, Tls
from imctool.repair.smtp_submission import submit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def postfix_of_this_module() -> Iterator[Postfix]:
    asked = os.environ.get("IMCTOOL_POSTFIX", "")
    if asked in {"", "0"}:
        pytest.skip("no Postfix: set IMCTOOL_POSTFIX=1 (root on Debian; fetches its package)")
    with running_postfix(asked) as postfix:
        yield postfix


@pytest.fixture
def postfix(postfix_of_this_module: Postfix) -> Iterator[Postfix]:
    """A Postfix whose mailboxes are empty."""
    yield postfix_of_this_module
    postfix_of_this_module.empty_mailboxes()


class Told:
    """A log of a submission that remembers; ``at_ending`` is called before the end of each text."""

    def __init__(self, at_ending: Callable[[], object] | None = None) -> None:
        self.begun: list[tuple[str, ...]] = []
        self.ended: list[tuple[str, ...]] = []
        self.queued: list[tuple[str, tuple[str, ...]]] = []
        self._at_ending = at_ending

    def begin(self, letter: Letter, recipients: Sequence[str]) -> None:
        self.begun.append(tuple(recipients))

    def ending(self, letter: Letter, recipients: Sequence[str]) -> None:
        self.ended.append(tuple(recipients))
        if self._at_ending is not None:
            self._at_ending()

    def accepted(self, letter: Letter, recipients: Sequence[str], reply: Reply) -> None:
        self.queued.append((reply.text.rpartition(" queued as ")[2], tuple(recipients)))

    def refused(self, letter: Letter, recipients: Sequence[str], reply: Reply) -> None:
        pass

    def failed(self, letter: Letter, recipients: Sequence[str], reason: str, unsure: bool) -> None:
        pass


@pytest.fixture
def letter(tmp_path: Path) -> Callable[..., Letter]:
    """A function that writes a spool file and returns the letter that is to be made of it."""

    def write(
        text: bytes, recipients: Sequence[str], originator: str = "sender@example.com"
    ) -> Letter:
        key = f"spool{len(list(tmp_path.iterdir())):04}"
        envelope = imcr_envelope(originator, recipients[:3])
        (tmp_path / key).write_bytes(envelope + text)
        return Letter(key, originator, tuple(recipients), tmp_path / key, len(envelope))

    return write


def server(postfix: Postfix, **settings: object) -> SmtpServer:
    return SmtpServer(postfix.host, postfix.port, attempts=3, first_delay=0.05, **settings)


def as_stored(text: bytes) -> bytes:
    """Return a text as a maildir has it: lines ended by LF."""
    return text.replace(b"\r\n", b"\n")


def message(subject: str, body: bytes = b"A line.\r\n") -> bytes:
    header = f"From: sender@example.com\r\nMessage-ID: <{subject}@example.com>\r\n"
    return f"{header}Subject: {subject}\r\n\r\n".encode() + body


def copies(postfix: Postfix) -> Counter[tuple[str, bytes]]:
    """Return how often each text lies in each mailbox."""
    return Counter((one.mailbox, one.text) for one in postfix.delivered())


def test_2500_recipients_get_one_copy_each_in_three_transactions(
    postfix: Postfix, letter: Callable[..., Letter]
) -> None:
    everyone = [mailbox(number) for number in range(MAILBOXES)]
    text, told = message("to-all"), Told()

    [result] = submit(server(postfix), [letter(text, everyone)], told)

    assert (result.refused, result.deferred, result.unsure, result.problem) == ((), (), (), None)
    assert sorted(result.accepted) == everyone
    delivered = postfix.delivered()
    assert Counter(one.mailbox for one in delivered) == Counter(everyone)
    assert {one.text for one in delivered} == {as_stored(text)}
    assert {one.originator for one in delivered} == {b"sender@example.com"}

    assert [len(recipients) for recipients in told.ended] == [RECIPIENT_LIMIT] * 2 + [500]
    by_transaction = {name: set(recipients) for name, recipients in told.queued}
    assert len(by_transaction) == 3
    assert all(one.mailbox in by_transaction[one.transaction] for one in delivered)
    # Each full transaction was offered one recipient over the limit, and no more than one.
    postfix.wait_for_session(mail="3", rcpt="2502", data="3")


def test_200_messages_with_1_to_5_recipients_over_a_checked_certificate(
    postfix: Postfix, letter: Callable[..., Letter]
) -> None:
    chance = random.Random(230250)
    everyone = [mailbox(number) for number in range(40)]
    letters, expected = [], Counter()
    for number in range(200):
        body = bytes(chance.choices(b"abc. \xe9\xff", k=chance.randrange(60)))
        text = message(f"message-{number}", body + b"\r\n.\r\n..\r\n")
        recipients = chance.sample(everyone, chance.randint(1, 5))
        letters.append(letter(text, recipients, f"sender{number}@example.com"))
        expected.update((one, as_stored(text)) for one in recipients)
    told = Told()

    results = list(
        submit(server(postfix, tls=Tls.REQUIRE, ca_file=postfix.certificate), letters, told)
    )

    assert {result.letter.key for result in results} == {one.key for one in letters}
    assert all(set(result.accepted) == set(result.letter.recipients) for result in results)
    assert copies(postfix) == expected
    assert len({one.transaction for one in postfix.delivered()}) == len(told.ended) == 200
    postfix.wait_for_session(starttls="1", mail="200", data="200", quit="1")


def long_text(size: int) -> bytes:
    line = b".%07d " + b"x" * 60 + b"\r\n"
    return b"".join(line % number for number in range(size // len(line % 0)))


@pytest.mark.parametrize(
    "body",
    [
        b".\r\n..\r\n...\r\n.a\r\n\r\n.\r\n\r\nQUIT\r\n",
        b"",
        b"\r\n\r\n\r\n",
        b"From here on\r\nReturn-Path: <no@field.test>\r\n",
        bytes(range(0x80, 0x100)) * 3 + b"\r\n",
        "Grüße, 日本語\r\n".encode(),
        "Привет\r\n".encode("koi8-r"),
        b"y" * 5000 + b".\r\n" + b".z" * 2500 + b"\r\n",
        long_text(5_000_000),
    ],
    ids=[
        "dots",
        "empty",
        "blank lines",
        "looks like mailbox lines",
        "every 8-bit byte",
        "utf-8",
        "koi8-r",
        "lines of 5,000",
        "5 MB",
    ],
)
def test_a_text_arrives_byte_for_byte(
    postfix: Postfix, letter: Callable[..., Letter], body: bytes
) -> None:
    text = message("as-it-is", body)

    [result] = submit(server(postfix), [letter(text, [mailbox(1), mailbox(2)])], Told())

    assert result.accepted == (mailbox(1), mailbox(2))
    assert copies(postfix) == {(mailbox(n), as_stored(text)): 1 for n in (1, 2)}


def test_a_last_line_without_its_end_gets_one(
    postfix: Postfix, letter: Callable[..., Letter]
) -> None:
    text = message("cut", b"cut off he")

    [result] = submit(server(postfix), [letter(text, [mailbox(1)])], Told())

    assert result.notes
    assert copies(postfix) == {(mailbox(1), as_stored(text) + b"\n"): 1}


def test_the_null_sender_stays_the_null_sender(
    postfix: Postfix, letter: Callable[..., Letter]
) -> None:
    [result] = submit(server(postfix), [letter(message("ndr"), [mailbox(3)], "")], Told())

    assert result.accepted == (mailbox(3),)
    [copy] = postfix.delivered()
    assert (copy.mailbox, copy.originator) == (mailbox(3), b"")


def test_an_address_beyond_ascii_goes_by_smtputf8(
    postfix: Postfix, letter: Callable[..., Letter]
) -> None:
    raw = ACCENTED.encode("utf-8").decode("latin-1")

    [result] = submit(
        server(postfix), [letter(message("accent"), [raw, mailbox(4)], "jürgen@x.test")], Told()
    )
    # The originator's bytes are Latin-1 and so no UTF-8: nothing can be sent in its name.
    assert result.accepted == ()
    assert {one for one, _ in result.refused} == {raw, mailbox(4)}

    [result] = submit(server(postfix), [letter(message("accent"), [raw, mailbox(4)])], Told())
    assert set(result.accepted) == {raw, mailbox(4)}
    text = as_stored(message("accent"))
    assert copies(postfix) == {(ACCENTED, text): 1, (mailbox(4), text): 1}


def test_recipients_of_every_fate_around_the_limit(
    postfix: Postfix, letter: Callable[..., Letter]
) -> None:
    good = [mailbox(number) for number in range(1200)]
    before, after = [GONE, *good[:10], FULL, *good[10:1000]], [ELSEWHERE, BUSY, *good[1000:]]
    text, told = message("mixed"), Told()

    [result] = submit(server(postfix), [letter(text, before + after)], told)

    assert sorted(result.accepted) == good
    assert {one: reply.code for one, reply in result.refused} == {GONE: 550, ELSEWHERE: 554}
    assert {one: reply.code for one, reply in result.deferred} == {FULL: 452, BUSY: 450}
    assert result.unsure == ()
    assert copies(postfix) == {(one, as_stored(text)): 1 for one in good}
    assert [len(ended) for ended in told.ended] == [RECIPIENT_LIMIT, 200]


def test_nothing_is_sent_where_no_recipient_is_taken(
    postfix: Postfix, letter: Callable[..., Letter]
) -> None:
    told = Told()
    unwanted = letter(message("unwanted"), [GONE, ELSEWHERE, f"also-{GONE}"])
    wanted = letter(message("wanted"), [mailbox(5)])

    results = {
        result.letter.key: result for result in submit(server(postfix), [unwanted, wanted], told)
    }

    assert len(results[unwanted.key].refused) == 3
    assert results[wanted.key].accepted == (mailbox(5),)
    assert told.ended == [(mailbox(5),)]
    assert copies(postfix) == {(mailbox(5), as_stored(message("wanted"))): 1}


def test_a_text_over_the_stated_size_is_not_offered(
    postfix: Postfix, letter: Callable[..., Letter]
) -> None:
    told = Told()
    large = letter(message("large", long_text(MESSAGE_SIZE_LIMIT + 1000)), [mailbox(6)])

    [result] = submit(server(postfix), [large], told)

    [(recipient, reply)] = result.refused
    assert recipient == mailbox(6)
    assert str(MESSAGE_SIZE_LIMIT) in f"{reply.text} {result.problem}".replace(",", "")
    assert told.ended == []
    assert postfix.delivered() == []


def test_bare_line_ends_are_refused_here_as_they_would_be_there(
    postfix: Postfix, letter: Callable[..., Letter]
) -> None:
    text = message("bare", b"one\ntwo\n.\nthree\r\n")
    with smtplib.SMTP(postfix.host, postfix.port) as plain:
        plain.docmd("MAIL FROM:<sender@example.com>")
        plain.docmd(f"RCPT TO:<{mailbox(7)}>")
        plain.docmd("DATA")
        plain.send(text + b".\r\n")
        assert plain.getreply()[0] == 550

    [as_it_is] = submit(server(postfix), [letter(text, [mailbox(7)])], Told())
    assert [one for one, _ in as_it_is.refused] == [mailbox(7)]
    assert postfix.delivered() == []

    [mended] = submit(
        server(postfix), [letter(text, [mailbox(7)])], Told(), normalise_line_ends=True
    )
    assert mended.accepted == (mailbox(7),)
    assert mended.notes
    assert copies(postfix) == {(mailbox(7), as_stored(text)): 1}


@pytest.mark.parametrize("moment", ["before the end", "around the end"])
def test_a_server_process_killed_doubles_nothing(
    postfix: Postfix, letter: Callable[..., Letter], moment: str
) -> None:
    chance = random.Random(272672)
    killers: list[threading.Timer] = []
    killed = 0

    def kill_now_and_then() -> None:
        nonlocal killed
        if chance.random() < 0.9:
            return
        if moment == "before the end":
            killed += postfix.kill_sessions()
        else:
            killers.append(threading.Timer(chance.random() * 0.006, postfix.kill_sessions))
            killers[-1].start()

    letters = [
        letter(message(f"message-{number}"), [mailbox(number), mailbox(1000 + number)])
        for number in range(60)
    ]
    told = Told(kill_now_and_then)
    results: list[Submitted] = list(submit(server(postfix), letters, told))
    for killer in killers:
        killer.join()

    assert killed or killers
    assert {result.letter.key for result in results} == {one.key for one in letters}
    given = Counter(one for recipients in told.ended for one in recipients)
    assert set(given.values()) == {1}, "given again, with the first time unanswered"
    there = copies(postfix)
    for result in results:
        text = as_stored(message(f"message-{int(result.letter.recipients[0][6:10])}"))
        assert not result.refused
        for one in result.accepted:
            assert there.pop((one, text)) == 1
        for one in result.unsure:
            assert there.pop((one, text), 0) in {0, 1}
    assert not there, "delivered, but told as not sent"


def test_the_counting_itself_sees_a_doubled_recipient(postfix: Postfix) -> None:
    with smtplib.SMTP(postfix.host, postfix.port) as plain:
        for recipients in ([mailbox(9), mailbox(8), mailbox(8)], [mailbox(9)]):
            plain.sendmail("sender@example.com", recipients, message("twice"))

    text = as_stored(message("twice"))
    assert copies(postfix) == {(mailbox(8), text): 2, (mailbox(9), text): 2}


def test_postfix_counts_recipients_before_it_looks_at_them(postfix: Postfix) -> None:
    """What imctool has to reckon with: over the limit, an unknown address is "too many" too."""
    with smtplib.SMTP(postfix.host, postfix.port) as plain:
        plain.ehlo()
        plain.docmd("MAIL FROM:<sender@example.com>")
        for number in range(RECIPIENT_LIMIT):
            assert plain.docmd(f"RCPT TO:<{mailbox(number)}>")[0] == 250
        for address in (mailbox(RECIPIENT_LIMIT), mailbox(0), GONE, ELSEWHERE, BUSY):
            assert plain.docmd(f"RCPT TO:<{address}>") == (452, b"4.5.3 Error: too many recipients")


def test_asking_for_a_postfix_that_is_not_there_fails(tmp_path: Path) -> None:
    with pytest.raises(PostfixProblemError), running_postfix(str(tmp_path)):
        pass
