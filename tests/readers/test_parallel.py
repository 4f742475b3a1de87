"""Work spread over processes comes back whole and in order, whatever ends a process."""

from __future__ import annotations

import os
import signal

import pytest

from imctool.readers.parallel import map_in_processes

PARENT = os.getpid()


def doubled(number: int) -> int:
    return 2 * number


def doubled_unless_killed(number: int) -> int:
    if number == 700 and os.getpid() != PARENT:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def interrupted(number: int) -> int:
    if number == 700 and os.getpid() != PARENT:
        os.kill(os.getppid(), signal.SIGINT)
    return number


@pytest.mark.parametrize("count", [0, 1, 2, 999, 1000])
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(count: int, processes: int) -> None:
    assert map_in_processes(doubled, range(count), processes) == [2 * n for n in range(count)]


def test_what_a_killed_process_leaves_is_done_here() -> None:
    assert map_in_processes(doubled_unless_killed, range(1000), 2) == [2 * n for n in range(1000)]


def test_an_interrupt_ends_the_processes_too() -> None:
    with pytest.raises(KeyboardInterrupt):
        map_in_processes(interrupted, range(100_000), 2)
