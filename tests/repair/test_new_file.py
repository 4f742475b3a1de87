"""A new file is there whole or not at all, and never in the place of another."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from imctool.repair.new_file import new_file, sync_folder, write_new_file


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_file_holds_what_was_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_new_file(tmp_path / "a.eml", b"bytes\r\n\0\xff")
    assert names(tmp_path) == ["a.eml"]
    assert (tmp_path / "a.eml").read_bytes() == b"bytes\r\n\0\xff"
    assert (tmp_path / "a.eml").stat().st_nlink == 1


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        write_new_file(tmp_path / "a.eml", b"new")
    assert names(tmp_path) == ["a.eml"]
    assert (tmp_path / "a.eml").read_bytes() == b"old"


def test_a_link_that_leads_nowhere_takes_a_name_too(tmp_path: Path) -> None:
    (tmp_path / "a.eml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_new_file(tmp_path / "a.eml", b"new")
    assert names(tmp_path) == ["a.eml"]


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with new_file(tmp_path / "a.eml") as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == []


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_new_file(tmp_path / "a.eml", b"new")
    assert names(tmp_path) == []


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_hard_links_works_and_overwrites_nothing_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_link(source: object, target: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", no_link)
    write_new_file(tmp_path / "a.eml", b"first")
    with pytest.raises(FileExistsError):
        write_new_file(tmp_path / "a.eml", b"second")
    assert names(tmp_path) == ["a.eml"]
    assert (tmp_path / "a.eml").read_bytes() == b"first"


def test_a_rename_that_fails_gives_the_name_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(source: object, target: object) -> None:
        raise OSError(errno.EPERM, "")

    def no_rename(source: object, target: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "link", no_link)
    monkeypatch.setattr(os, "replace", no_rename)
    monkeypatch.setattr(os, "rename", no_rename)
    with pytest.raises(OSError, match=r"[Ii]nput/output"):
        write_new_file(tmp_path / "a.eml", b"first")
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no mask for new files")
def test_the_mask_of_the_process_decides_who_may_read(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_new_file(tmp_path / "a.eml", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.eml").stat().st_mode) == 0o600


def test_a_folder_can_be_made_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync_folder(tmp_path)

    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    if hasattr(os, "O_DIRECTORY"):
        with pytest.raises(OSError, match=r"[Ii]nput/output"):
            sync_folder(tmp_path)
