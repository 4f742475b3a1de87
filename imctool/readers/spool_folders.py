"""Which folder of the spool a file lies in, told by the names of the folders around it.

The folders of Imcdata are documented (Q146791, Q201314, Q230250, Q155683), as are the places
where administrators and tools set spool files aside: Temp inside In and Out (Q168883), TempIMS,
which the same article calls TempIMC too (Q197792), and ExClean (Q274710). That the service does
not look into these is inferred: it is the purpose of each of these procedures.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from imctool.model.evidence import Form, InputKind
from imctool.model.settings import RegistryValue

_FOLDERS = {
    "in": InputKind.SPOOL_IN,
    "out": InputKind.SPOOL_OUT,
    "work": InputKind.SPOOL_WORK,
    "pickup": InputKind.PICKUP,
    "turfdir": InputKind.TURF,
}

_ARCHIVES = {"in": InputKind.SPOOL_IN_ARCHIVE, "out": InputKind.SPOOL_OUT_ARCHIVE}

_ROOT = "imcdata"
_TEMPORARY = "temp"
_SET_ASIDE = frozenset({"tempims", "tempimc", "exclean"})

NEIGHBOURS = frozenset(
    {*_FOLDERS, "tempims", "tempimc", "log", "queue.dat", "queue.old", "tracking.log"}
)
"""What lies beside the spool folders, or their parent, in an Exchsrvr tree (lower case)."""

_CONNECTOR_PARAMETERS = "\\msexchangeimc\\parameters"
_DRIVE = re.compile(r"[a-z]:")


def kind_of(form: Form, folders: tuple[str, ...]) -> InputKind:
    """Return the kind of a file of that form in those folders (lower case, root first)."""
    if form is Form.SPOOL_FILE:
        return folder_kind(folders) or InputKind.OTHER
    return {
        Form.EVT: InputKind.EVENT_LOG,
        Form.EVTX: InputKind.EVENT_LOG,
        Form.EVENT_TEXT: InputKind.EVENT_LOG,
        Form.PROTOCOL_LOG: InputKind.PROTOCOL_LOG,
        Form.TRACKING_LOG: InputKind.TRACKING_LOG,
        Form.REGISTRY_TEXT: InputKind.REGISTRY,
        Form.REGISTRY_HIVE: InputKind.REGISTRY,
        Form.IMC_SETTINGS: InputKind.IMC_SETTINGS,
        Form.QUEUE_DAT: InputKind.QUEUE_DAT,
    }.get(form, InputKind.OTHER)


def folder_kind(folders: tuple[str, ...]) -> InputKind | None:
    """Return which spool folder the innermost of ``folders`` is, or None.

    ``folders`` are lower case, root first. ``In/Archive`` and ``Out/Archive`` need their parent.
    OTHER is a folder in which someone set spool files aside: a file in there waits nowhere, and
    nothing of its fate follows from its place. What imcsave writes is no spool folder, nor is
    anything else in the Backup folder of Imcdata, whose names are imcsave's (Q195804).
    """
    inside = _inside_root(folders)
    if len(inside) < len(folders) and inside[:1] == ("backup",):
        return None
    kind = _innermost_kind(inside)
    if kind is not InputKind.TURF and (_SET_ASIDE.intersection(inside) or _in_temporary(inside)):
        return InputKind.OTHER
    return kind


def _inside_root(folders: tuple[str, ...]) -> tuple[str, ...]:
    """Return the folders below the innermost Imcdata, all of them where there is none."""
    for index in range(len(folders) - 1, -1, -1):
        if folders[index] == _ROOT:
            return folders[index + 1 :]
    return folders


def _innermost_kind(folders: tuple[str, ...]) -> InputKind | None:
    name = folders[-1] if folders else ""
    if name != "archive":
        return _FOLDERS.get(name)
    parent = folders[-2] if len(folders) > 1 else ""
    return _ARCHIVES.get(parent, _FOLDERS.get(parent))


def _in_temporary(folders: tuple[str, ...]) -> bool:
    """Whether the innermost is Temp in one of the spool folders; any other Temp means nothing."""
    return folders[-1:] == (_TEMPORARY,) and _innermost_kind(folders[:-1]) is not None


def turf_folders(values: Iterable[RegistryValue]) -> frozenset[tuple[str, ...]]:
    """Return the folders that the connector's TurfDir names, lower case and without the drive.

    Of a path through Imcdata only what follows counts, with Imcdata itself: evidence is often
    collected from there on. Without TurfDir the folder is called Turfdir, which ``folder_kind``
    knows (Q155683, Q193926, Q197289).
    """
    found = set()
    for value in values:
        if (
            value.name.lower() == "turfdir"
            and value.key.lower().rstrip("\\").endswith(_CONNECTOR_PARAMETERS)
            and isinstance(value.data, str)
        ):
            parts = tuple(
                part
                for part in re.split(r"[\\/]+", value.data.strip().lower())
                if part and not _DRIVE.fullmatch(part)
            )
            below = _inside_root(parts)
            found.add((_ROOT, *below) if len(below) < len(parts) else parts)
    return frozenset(one for one in found if one and one[-1] not in _FOLDERS)


def in_turf_folder(folders: tuple[str, ...], turf: Collection[tuple[str, ...]]) -> bool:
    """Whether the innermost of ``folders`` (lower case) is one of those ``turf_folders`` gave.

    The whole path has to agree: a folder that only has the same last name is another one.
    """
    return any(folders[-len(one) :] == one for one in turf)
