"""The date order of logs that do not decide it themselves: by what else the evidence holds.

All logs of one server are written in its one locale. So a log with no day above 12 is read in
the order that another log decides; else in the order that puts its days among those on which the
UTC artefacts (tracking log, .evt, spool files) show the server at work.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from datetime import date, timedelta

from imctool.model.evidence import EvidenceFile
from imctool.readers.file_buffer import open_binary
from imctool.readers.local_time import DATE, DateOrder, detect_date_order, parse_local_time
from imctool.readers.text_file import decode_text

_FIRST_LOOK = 64 << 10
_LOOKED_AT = 4 << 20
_DATED = re.compile(rf"^[ \t\"]*(?:Date:[ \t]*)?({DATE})(?=[\s,\"])", re.MULTILINE | re.IGNORECASE)


def server_date_orders(
    files: Iterable[EvidenceFile], known_days: Callable[[], Collection[date]]
) -> dict[str, DateOrder]:
    """Return the order for each log, by name, that leaves it open and the evidence does not.

    ``known_days`` gives the days the server was at work; it is asked only if that is needed. A log
    that cannot be read is left out: its reader says why.
    """
    undecided: dict[str, list[str]] = {}
    decided: Counter[DateOrder] = Counter()
    for file in files:
        dates = _dates_in(file)
        order = detect_date_order(dates)
        if order is not None:
            decided[order] += 1
        elif dates:
            undecided[file.name] = dates
    if len(decided) == 1:
        (order,) = decided
        return dict.fromkeys(undecided, order)
    days = known_days() if undecided else ()
    found = {name: _fitting(dates, days) for name, dates in undecided.items()}
    return {name: order for name, order in found.items() if order is not None}


def _dates_in(file: EvidenceFile) -> list[str]:
    """Return the dates of the log up to where they decide the order, or four megabytes of it."""
    dates: list[str] = []
    try:
        with open_binary(file.path) as opened:
            size = _FIRST_LOOK
            while size <= _LOOKED_AT:
                opened.seek(0)
                content = opened.read(size)
                dates = _in_sequence(_DATED.findall(decode_text(content)))
                if len(content) < size or detect_date_order(dates) is not None:
                    break
                size *= 8
    except OSError:
        return []
    return dates


def _in_sequence(dates: Iterable[str]) -> list[str]:
    """Return the dates without those that stand between two of one other date.

    A log does not go back in time: such a line is quoted in the text of a logged mail.
    """
    runs: list[str] = []
    for text in dates:
        if runs and text == runs[-1]:
            continue
        if len(runs) > 1 and text == runs[-2]:
            runs.pop()
        else:
            runs.append(text)
    return runs


def _fitting(dates: Iterable[str], known_days: Collection[date]) -> DateOrder | None:
    """Return the one order in which most of the dates are known days, or next to one."""
    near = {day + timedelta(days=step) for day in known_days for step in (-1, 0, 1)}
    hits: Counter[DateOrder] = Counter()
    for text in set(dates):
        for order in DateOrder:
            time = parse_local_time(text, "00:00", order)
            hits[order] += time is not None and time.date() in near
    (best, most), (_, second) = hits.most_common(2) if len(hits) > 1 else ((None, 0), (None, 0))
    return best if most > second else None
