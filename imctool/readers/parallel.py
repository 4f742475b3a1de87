"""Work on many files spread over processes that never outlive or block the one that asked.

Plain processes and pipes, no threads: an interrupt or a lost process can then leave nothing
waiting for a lock that nobody will give back.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_BATCH = 200


def map_in_processes(
    work: Callable[[Item], Result], items: Sequence[Item], processes: int
) -> list[Result]:
    """Return ``work`` of every item, in order. ``work`` must be a function of a module.

    What a process leaves undone, because something ended it, is done in this one.
    """
    bounds = [len(items) * number // processes for number in range(processes + 1)]
    stripes = [items[start:end] for start, end in pairwise(bounds)]
    running = [_start(work, stripe) for stripe in stripes if stripe]
    done: dict[Connection, list[Result]] = {receiver: [] for _, receiver in running}
    try:
        _drain(done)
    except BaseException:
        for process, _ in running:
            process.kill()
        raise
    finally:
        for process, receiver in running:
            process.join()
            receiver.close()
    results: list[Result] = []
    for stripe, ready in zip(filter(None, stripes), done.values(), strict=True):
        results += ready
        results += map(work, stripe[len(ready) :])
    return results


def _start(
    work: Callable[[Item], Result], stripe: Sequence[Item]
) -> tuple[BaseProcess, Connection]:
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=_run, args=(work, stripe, sender), daemon=True)
    with _interrupts_held():  # the child inherits this: interrupts are for the parent
        process.start()
    sender.close()
    return process, receiver


def _run(work: Callable[[Item], Result], stripe: Sequence[Item], sender: Connection) -> None:
    for start in range(0, len(stripe), _BATCH):
        sender.send([work(item) for item in stripe[start : start + _BATCH]])
    sender.close()


def _drain(done: dict[Connection, list[Result]]) -> None:
    """Take what the processes send until each has closed its end, or has gone."""
    open_ends = list(done)
    while open_ends:
        for receiver in wait(open_ends):
            assert isinstance(receiver, Connection)
            try:
                done[receiver] += receiver.recv()
            except (EOFError, OSError):
                open_ends.remove(receiver)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):  # Windows: a console event reaches all alike
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
