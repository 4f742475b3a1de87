"""Which folder a spool file lies in, and which folders are no spool folder any more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imctool.model.evidence import Form, InputKind, Location
from imctool.model.settings import RegistryValue
from imctool.readers.spool_folders import (
    NEIGHBOURS,
    folder_kind,
    in_turf_folder,
    kind_of,
    turf_folders,
)

PARAMETERS = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\MSExchangeIMC\\Parameters"


def parts(path: str) -> tuple[str, ...]:
    """Return the folders in ``path``, root first."""
    return tuple(path.split("/"))


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("exchsrvr/imcdata/in", InputKind.SPOOL_IN),
        ("imcdata/in/archive", InputKind.SPOOL_IN_ARCHIVE),
        ("out", InputKind.SPOOL_OUT),
        ("out/archive", InputKind.SPOOL_OUT_ARCHIVE),
        ("work", InputKind.SPOOL_WORK),
        ("pickup", InputKind.PICKUP),
        ("pickup/archive", InputKind.PICKUP),
        ("turfdir", InputKind.TURF),
        ("imcdata/turfdir", InputKind.TURF),
        ("c/turfdir", InputKind.TURF),
        ("archive", None),
        ("in/copies", None),
        ("mail", None),
        ("", None),
    ],
)
def test_the_innermost_folder_tells_the_kind(folder: str, kind: InputKind | None) -> None:
    assert folder_kind(parts(folder)) is kind


@pytest.mark.parametrize(
    "folder",
    [
        "imcdata/tempims",  # Q197792, which calls it TempIMC farther on
        "imcdata/tempims/in",
        "imcdata/tempims/out",
        "imcdata/tempims/in/archive",
        "imcdata/tempims/monday/in",
        "imcdata/tempimc/in",
        "tempims",
        "imcdata/in/temp",  # Q168883
        "imcdata/out/temp",
        "in/temp",
        "imcdata/exclean",  # Q274710
        "imcdata/in/exclean",
    ],
)
def test_a_file_set_aside_waits_nowhere(folder: str) -> None:
    assert folder_kind(parts(folder)) is InputKind.OTHER
    assert kind_of(Form.SPOOL_FILE, parts(folder)) is InputKind.OTHER


def test_a_turf_folder_stays_one_among_what_was_set_aside() -> None:
    assert folder_kind(parts("imcdata/tempims/turfdir")) is InputKind.TURF


def test_a_temporary_folder_outside_of_the_spool_means_nothing() -> None:
    assert folder_kind(parts("c/temp/in")) is InputKind.SPOOL_IN
    assert folder_kind(parts("c/temp/imcdata/out")) is InputKind.SPOOL_OUT
    assert folder_kind(parts("c/temp")) is None
    assert folder_kind(parts("mail/temp")) is None


def test_a_whole_imcdata_that_was_collected_into_such_a_folder_is_a_spool() -> None:
    assert folder_kind(parts("cases/tempims/imcdata/in")) is InputKind.SPOOL_IN
    assert folder_kind(parts("in/temp/imcdata/mail")) is None


@pytest.mark.parametrize("folder", ["mtsin", "mtsout", "work", "bad", "in"])
def test_what_imcsave_wrote_is_no_spool_folder(folder: str) -> None:
    assert folder_kind(("imcdata", "backup", folder)) is None
    assert kind_of(Form.SPOOL_FILE, ("imcdata", "backup", folder)) is InputKind.OTHER


def test_a_backup_of_a_whole_spool_is_a_spool() -> None:
    assert folder_kind(parts("backup/exchsrvr/imcdata/in")) is InputKind.SPOOL_IN
    assert folder_kind(parts("backup/in")) is InputKind.SPOOL_IN
    assert folder_kind(parts("backup/mtsin")) is None


def test_only_spool_files_go_by_their_folder() -> None:
    for form, kind in (
        (Form.EVT, InputKind.EVENT_LOG),
        (Form.REGISTRY_TEXT, InputKind.REGISTRY),
        (Form.QUEUE_DAT, InputKind.QUEUE_DAT),
        (Form.UNKNOWN, InputKind.OTHER),
    ):
        assert kind_of(form, parts("imcdata/in")) is kind
    assert kind_of(Form.SPOOL_FILE, parts("imcdata/in")) is InputKind.SPOOL_IN
    assert kind_of(Form.SPOOL_FILE, parts("mail")) is InputKind.OTHER


def test_a_folder_that_admins_make_in_imcdata_shows_that_it_is_one() -> None:
    assert {"tempims", "tempimc", "in", "out", "log", "queue.dat"} <= NEIGHBOURS


def turf(data: str | int, *, key: str = PARAMETERS, name: str = "TurfDir") -> list[RegistryValue]:
    """Return a registry that holds one value."""
    return [RegistryValue(Location("a.reg", line=3), key, name, data)]


@pytest.mark.parametrize(
    ("written", "folder"),
    [
        ("D:\\Mail\\Spam", "mail/spam"),
        ("D:\\Mail\\Spam\\", "mail/spam"),
        ("\\spam", "spam"),
        ("C:\\Exchsrvr\\Imcdata\\Junk", "imcdata/junk"),
        ("e:/spool/junk", "spool/junk"),
        ("\\\\HQ02\\junk$", "hq02/junk$"),
    ],
)
def test_the_registry_may_name_another_turf_folder(written: str, folder: str) -> None:
    assert turf_folders(turf(written)) == {parts(folder)}


def test_a_file_in_the_turf_folder_that_the_registry_names_is_told() -> None:
    named = turf_folders(turf("C:\\Exchsrvr\\Imcdata\\Junk") + turf("D:\\Mail\\Spam"))
    assert in_turf_folder(parts("evidence/imcdata/junk"), named)
    assert in_turf_folder(parts("exchsrvr/imcdata/junk"), named)
    assert in_turf_folder(parts("d/mail/spam"), named)
    assert not in_turf_folder(parts("d/mail/spam/2"), named)
    assert not in_turf_folder(parts("home/spam"), named)
    assert not in_turf_folder(parts("imcdata"), named)
    assert not in_turf_folder((), named)
    assert not in_turf_folder(parts("mail/spam"), frozenset())


def test_a_turf_folder_that_is_a_spool_folder_by_name_stays_what_it_is() -> None:
    for written in ("\\Turfdir", "C:\\Exchsrvr\\Imcdata\\In", "D:\\", "", "  "):
        assert turf_folders(turf(written)) == frozenset()


def test_another_value_or_another_service_names_no_turf_folder() -> None:
    assert turf_folders(turf("C:\\x", name="RootDir")) == frozenset()
    assert turf_folders(turf("C:\\x", key="HKEY_LOCAL_MACHINE\\SOFTWARE\\X")) == frozenset()
    assert turf_folders(turf(7)) == frozenset()
    assert turf_folders(turf("C:\\x", name="TURFDIR", key=PARAMETERS.upper())) == {("x",)}


NAMES = st.sampled_from(
    ["in", "out", "temp", "tempims", "archive", "imcdata", "backup", "exclean", "turfdir", "x"]
)


@given(st.lists(NAMES, max_size=6).map(tuple), st.lists(NAMES, max_size=4).map(tuple))
def test_what_lies_above_imcdata_changes_nothing(
    above: tuple[str, ...], below: tuple[str, ...]
) -> None:
    assert folder_kind((*above, "imcdata", *below)) is folder_kind(("imcdata", *below))


@given(st.lists(NAMES, max_size=6).map(tuple))
def test_a_file_is_said_to_wait_only_directly_in_a_folder_where_files_wait(
    folders: tuple[str, ...],
) -> None:
    kind = folder_kind(folders)
    if kind in {InputKind.SPOOL_IN, InputKind.SPOOL_OUT}:
        assert folders[-1] in {"in", "out"}
        inside = (
            folders[len(folders) - folders[::-1].index("imcdata") :]
            if ("imcdata" in folders)
            else folders
        )
        assert not {"tempims", "exclean"} & set(inside)


@given(st.text(max_size=40))
def test_no_text_in_the_registry_raises(text: str) -> None:
    for one in turf_folders(turf(text)):
        assert one
        assert all(one)
