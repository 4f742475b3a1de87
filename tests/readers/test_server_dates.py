"""A log whose dates leave the order open is read in the order that the evidence decides."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from imctool.model.evidence import EvidenceFile, Form, InputKind
from imctool.readers.local_time import DateOrder
from imctool.readers.server_dates import server_date_orders


def log(folder: Path, name: str, *dates: str) -> EvidenceFile:
    path = folder / name
    lines = (f"{day} 9:00:00 : A connection was accepted from x.\r\n" for day in dates)
    path.write_text("".join(lines))
    kind, form = InputKind.PROTOCOL_LOG, Form.PROTOCOL_LOG
    return EvidenceFile(path, name, path.stat().st_size, kind, form)


def test_another_log_of_the_server_decides(tmp_path: Path) -> None:
    files = [log(tmp_path, "a", "09/03/99"), log(tmp_path, "b", "13/03/99", "14/03/99")]
    assert server_date_orders(files, lambda: set()) == {"a": DateOrder.DMY}


def test_else_the_days_on_which_the_server_is_known_to_have_worked(tmp_path: Path) -> None:
    files = [log(tmp_path, "a", "09/03/99")]
    assert server_date_orders(files, lambda: {date(1999, 3, 10)}) == {"a": DateOrder.DMY}
    assert server_date_orders(files, lambda: {date(1999, 9, 3)}) == {"a": DateOrder.MDY}


def test_without_either_it_stays_open(tmp_path: Path) -> None:
    assert server_date_orders([log(tmp_path, "a", "09/03/99")], lambda: set()) == {}
    assert server_date_orders([log(tmp_path, "a")], lambda: {date(1999, 3, 10)}) == {}


def test_dots_mean_day_before_month(tmp_path: Path) -> None:
    assert server_date_orders([log(tmp_path, "a", "9.3.99")], lambda: set()) == {}, (
        "decided by itself"
    )
