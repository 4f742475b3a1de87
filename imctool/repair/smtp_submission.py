"""Letters on their way to a live mail server, with their original envelopes.

The order: first every letter is offered once, then those that have recipients left are offered
again, the one whose time comes first before the others. So a letter that is refused for now
never holds up the rest, and the waits of many letters are one wait.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator

from imctool.model.submission import (
    Letter,
    Reply,
    SmtpServer,
    SubmissionLog,
    Submitted,
)
from imctool.repair.smtp_delivery import Delivery, TextRules
from imctool.repair.smtp_session import (
    ConnectionLostError,
    SmtpSession,
    SubmissionError,
    open_session,
)

__all__ = ["SubmissionError", "submit"]

LONGEST_DELAY = 300.0
"""Seconds between two attempts, at most."""


def submit(
    server: SmtpServer,
    letters: Iterable[Letter],
    log: SubmissionLog,
    sleep: Callable[[float], object] = time.sleep,
    *,
    send_8bit_anyway: bool = False,
    normalise_line_ends: bool = False,
) -> Iterator[Submitted]:
    """Submit letters over one connection, made anew where it is lost; yield each that is done.

    A letter is given out as soon as nothing of it is left to try, so not always in the order it
    came in. Nothing is connected before the first letter. No recipient is given to the server
    again once the end of a message for it was sent, except where the server answered that it did
    not take it. A letter's text is read in blocks and never sent when it is not what was checked.

    A text with bare CR or LF is refused unless ``normalise_line_ends``; one with 8-bit bytes is
    refused where the server does not offer 8BITMIME, unless ``send_8bit_anyway``.

    Raises SubmissionError where the server cannot be used: at once where the first connection
    fails, else after as many tries as a letter has. Raises OSError of the log. Before either,
    what has become of every letter that was begun is given out; a letter that was not given out
    was not offered. An attempt whose connection broke after it had settled a recipient is not
    counted: a server that hangs up after some number of refusals is called until it knows all.
    """
    run = _Run(server, sleep)
    rules = TextRules(send_8bit_anyway, normalise_line_ends)
    try:
        for order, letter in enumerate(letters):
            delivery = Delivery(letter, rules, log)
            run.begun[order] = delivery
            delivery.check_addresses()
            if not delivery.finished:
                run.attempt(order)
            if delivery.finished:
                yield run.begun.pop(order).result()
        while run.waiting:
            order = run.next_in_time()
            delivery = run.begun[order]
            run.attempt(order)
            if delivery.finished:
                yield run.begun.pop(order).result()
        run.take_leave()
    except (SubmissionError, OSError):
        run.close()
        for delivery in run.begun.values():
            if delivery.begun:
                yield delivery.result()
        raise
    finally:
        run.close()


class _Run:
    """The connection, and the letters that wait for another attempt."""

    def __init__(self, server: SmtpServer, sleep: Callable[[float], object]) -> None:
        self.begun: dict[int, Delivery] = {}
        self.waiting: list[tuple[float, int]] = []
        self._server = server
        self._sleep = sleep
        self._session: SmtpSession | None = None
        self._connected_before = False
        self._failures: dict[int, int] = {}

    def attempt(self, order: int) -> None:
        """Offer a letter once, and let it wait for another time where recipients are left."""
        delivery = self.begun[order]
        settled = len(delivery.still_open)
        counts = True
        try:
            delivery.attempt(self._ready())
        except ConnectionLostError:
            self.close()
            counts = len(delivery.still_open) == settled
        if delivery.finished:
            self._failures.pop(order, None)
            return
        failures = self._failures.get(order, 0) + counts
        self._failures[order] = failures
        if failures >= self._server.attempts:
            delivery.give_up()
        else:
            due = time.monotonic() + self._delay(max(failures, 1))
            heapq.heappush(self.waiting, (due, order))

    def next_in_time(self) -> int:
        """Wait until the first of the waiting letters is due, and return its order."""
        due, order = heapq.heappop(self.waiting)
        wait = due - time.monotonic()
        if wait > 0:
            self.take_leave()  # a server does not like to be kept waiting
            self._sleep(wait)
        return order

    def take_leave(self) -> None:
        """End the connection politely."""
        if self._session is not None:
            self._session.quit()
            self._session = None

    def close(self) -> None:
        """End the connection, whatever it is in the middle of."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _ready(self) -> SmtpSession:
        """Return a connection on which nothing is outstanding. Raises SubmissionError."""
        if self._session is not None and not self._session.undisturbed():
            self.close()
        if self._session is None:
            self._session = self._open()
            self._connected_before = True
        return self._session

    def _open(self) -> SmtpSession:
        failures = 0
        while True:
            try:
                return open_session(self._server)
            except SubmissionError as error:
                failures += 1
                vain = error.lasting or failures >= self._server.attempts
                if vain or not self._connected_before:
                    for delivery in self.begun.values():
                        delivery.lose_connection(Reply(None, str(error)))
                    raise
            self._sleep(self._delay(failures))

    def _delay(self, failures: int) -> float:
        doublings = min(failures - 1, 30)
        return min(self._server.first_delay * 2.0**doublings, LONGEST_DELAY)
