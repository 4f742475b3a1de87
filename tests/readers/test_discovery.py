"""What a folder of evidence holds, counted to the last file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imctool.model.evidence import Form, InputKind
from imctool.readers.discovery import Discovery
from imctool.readers.examination import discover

MAIL = b"From: a@b\r\nTo: c@d\r\n\r\n"


def folders(paths: list[Path]) -> set[InputKind]:
    met = Discovery()
    discover(paths, met)
    return met.folders


def put(root: Path, name: str, data: bytes = MAIL) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_folder_names_match_in_any_letter_case(tmp_path: Path) -> None:
    put(tmp_path, "IMCDATA/IN/ARCHIVE/TG45CLP6")
    put(tmp_path, "imcdata/out/TG45CLP7")
    kinds = {file.name: file.kind for file in discover([tmp_path], Discovery())}
    assert kinds == {
        "IMCDATA/IN/ARCHIVE/TG45CLP6": InputKind.SPOOL_IN_ARCHIVE,
        "imcdata/out/TG45CLP7": InputKind.SPOOL_OUT,
    }


def test_a_folder_given_directly_counts_by_its_own_name(tmp_path: Path) -> None:
    put(tmp_path, "In/TG45CLP6")
    (found,) = discover([tmp_path / "In"], Discovery())
    assert (found.name, found.kind) == ("TG45CLP6", InputKind.SPOOL_IN)


def test_empty_folders_are_evidence_too(tmp_path: Path) -> None:
    (tmp_path / "In" / "Archive").mkdir(parents=True)
    assert folders([tmp_path]) == {InputKind.SPOOL_IN, InputKind.SPOOL_IN_ARCHIVE}


def test_a_folder_that_is_merely_called_in_is_none(tmp_path: Path) -> None:
    case = tmp_path / "in"
    put(case, "notes/x.txt")
    put(case, "out of the office.txt", b"x")
    assert folders([case]) == set()
    (case / "Archive").mkdir()
    put(case, "Log/L0000000.LOG", b"x")
    assert InputKind.SPOOL_IN not in folders([case / "notes"])


def test_every_file_is_read_unreadable_or_skipped(tmp_path: Path) -> None:
    put(tmp_path, "In/TG45CLP6")
    put(tmp_path, ".hidden")
    put(tmp_path, "empty.txt", b"")
    (tmp_path / "link").symlink_to(tmp_path / "In" / "TG45CLP6")
    os.mkfifo(tmp_path / "pipe")
    met = Discovery()
    files = discover([tmp_path], met)
    assert (met.seen, len(files), met.skipped, met.unreadable) == (5, 1, 4, 0)
    assert {one.location.path for one in met.defects} == {"empty.txt", "link", "pipe"}


def test_links_that_go_round_in_circles_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "a/TG45CLP6")
    (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
    assert len(discover([tmp_path], Discovery())) == 1


def test_a_file_under_two_paths_counts_once(tmp_path: Path) -> None:
    put(tmp_path, "In/TG45CLP6")
    (found,) = discover([tmp_path, tmp_path / "In"], Discovery())
    assert found.name == f"{tmp_path.as_posix()}/In/TG45CLP6"


def test_a_damaged_file_with_a_spool_name_holds_the_place_of_a_mail(tmp_path: Path) -> None:
    put(tmp_path, "In/TG45CLP6", b"\0" * 50)
    put(tmp_path, "In/desktop.ini", b"[x]\r\n")
    kinds = {file.name: file.kind for file in discover([tmp_path], Discovery())}
    assert kinds == {"In/TG45CLP6": InputKind.SPOOL_IN, "In/desktop.ini": InputKind.OTHER}


def test_what_admins_set_aside_is_seen_and_waits_in_no_folder(tmp_path: Path) -> None:
    put(tmp_path, "Imcdata/In/TG45CLP6")
    put(tmp_path, "Imcdata/In/Temp/TG45CLP7")
    put(tmp_path, "Imcdata/TempIMS/IN/TG45CLP8")
    put(tmp_path, "Imcdata/TempIMS/IN/TG45CLP9", b"\0" * 50)  # the corrupt one, perhaps
    put(tmp_path, "Imcdata/ExClean/TG45CLP0")
    met = Discovery()
    files = {Path(one.name).name: one for one in discover([tmp_path], met)}
    assert {one.form for one in files.values()} == {Form.SPOOL_FILE}
    assert files.pop("TG45CLP6").kind is InputKind.SPOOL_IN
    assert {one.kind for one in files.values()} == {InputKind.OTHER}
    assert met.folders == {InputKind.SPOOL_IN, InputKind.OTHER}


def test_a_copy_of_in_beside_it_does_not_stand_for_in(tmp_path: Path) -> None:
    put(tmp_path, "Imcdata/TempIMS/In/TG45CLP6")
    assert InputKind.SPOOL_IN not in folders([tmp_path])


def test_a_message_that_imcsave_saved_is_no_damaged_spool_file(tmp_path: Path) -> None:
    put(tmp_path, "Imcdata/Backup/Mtsin/TG45CLP6", b"\x78\x9f\x3e\x22" + b"\0" * 60)
    (file,) = discover([tmp_path], Discovery())
    assert (file.form, file.kind) == (Form.UNKNOWN, InputKind.OTHER)


def test_the_order_of_the_file_system_does_not_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("b/2", "a/1", "c", "a/0"):
        put(tmp_path, name)
    names = [file.name for file in discover([tmp_path], Discovery())]
    listed = os.scandir

    class Backwards:
        def __init__(self, path: object) -> None:
            with listed(path) as scan:  # type: ignore[call-overload]
                self.entries = list(scan)[::-1]

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(os, "scandir", Backwards)
    assert [file.name for file in discover([tmp_path], Discovery())] == names == sorted(names)
