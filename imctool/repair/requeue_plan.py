"""Makes the plan of a requeue: each selected file hashed, and what its place speaks against."""

from __future__ import annotations

import hashlib
import stat
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from imctool.model.journal import FileIdentity
from imctool.model.requeue import QUEUE_OLD, Objection, Reason, RequeueItem, RequeuePlan, Via
from imctool.readers.envelope import doubtful_recipients
from imctool.readers.file_buffer import file_buffer
from imctool.repair.copying import digest, name_taken
from imctool.repair.folder import Folder
from imctool.repair.known_journals import HandedOver
from imctool.repair.moves import Place, unreadable
from imctool.repair.requeue_selection import (
    MissingFile,
    OtherFile,
    Selection,
    without_forced,
    without_twins,
)
from imctool.repair.settling import open_below, status_of

QUEUE_DAT = "queue.dat"
PICKUP = "Pickup"

_ONLY_FOR_THIS_SERVER = frozenset({Reason.OVER_LIMIT, Reason.CHARSET, Reason.STORE_CRASH})
"""What harms the server that the spool is of: no matter where the message goes elsewhere."""


_ZONES_APART = timedelta(hours=26)


@dataclass(frozen=True, slots=True)
class Rules:
    """How a plan is made of a selection.

    ``forced`` are the reasons that are overridden, ``most`` how many messages go at most.
    ``before`` tells by the hash of a file what journals have handed over; ``finished`` are those
    that the run which is continued has done already. ``archive`` is how its path is spelled.
    """

    via: Via
    forced: frozenset[Reason] = frozenset()
    most: int | None = None
    queue_dat: bool = False
    before: Mapping[str, Sequence[HandedOver]] = field(default_factory=dict)
    finished: frozenset[str] = frozenset()
    archive: str = "In/Archive"


def make_plan(selection: Selection, imcdata: Folder, rules: Rules) -> RequeuePlan:
    """Return the plan: every file opened, hashed and held against what is known.

    Raises OSError where the folders cannot be opened.
    """
    via = rules.via
    pickup = _pickup_name(imcdata)
    with ExitStack() as stack:
        items = list(_looked_at(selection.items, imcdata, via, stack))
    found, gone = _without_file(selection.missing, items, imcdata, rules.archive)
    items += found
    items = [one for one in items if one.file is None or one.file.sha256 not in rules.finished]
    if via is Via.PICKUP:
        items = list(_for_pickup(items, imcdata, pickup))
    if via is Via.SMTP:
        items = [_for_another_server(one) for one in items]
    items = list(not_again(items, rules.before, via))
    items = list(_not_as_another(items, selection.others))
    # Only now: of messages that are one, the first that really goes is the one.
    items = list(without_forced(items, rules.forced))
    items = list(without_forced(without_twins(items), rules.forced))
    if via.is_export:
        items = [_for_an_archive(one) for one in items]
    kept, left = _first(items, rules.most)
    return RequeuePlan(
        via=via,
        imcdata=imcdata.path,
        items=tuple(kept),
        left=left,
        unknown=selection.unknown,
        queue_dat=find_queue_dat(imcdata) if rules.queue_dat else None,
        pickup=pickup or PICKUP,
        forced=rules.forced,
        missing=tuple(gone),
    )


def as_planned(
    saved: RequeuePlan, now: RequeuePlan, imcdata: Folder, finished: Container[str]
) -> RequeuePlan:
    """Return a plan that was saved, its items held where the evidence objects by now.

    What harm a message would do to the server was weighed when the plan was made; what a run
    that was cut off has ``finished`` is left out. Raises OSError where a folder cannot be opened.
    """
    objections = {one.source: one.objections for one in now.items}
    items = []
    gone = _gone([one.source for one in saved.items], imcdata)
    for one in saved.items:
        if one.file is None or one.file.sha256 not in finished:
            more = [
                each
                for each in objections.get(one.source, ())
                if each.reason not in _ONLY_FOR_THIS_SERVER and each not in one.objections
            ]
            if one.source in gone:
                more.append(Objection(None, "it is no longer there"))
            items.append(replace(one, objections=(*one.objections, *more)))
    return replace(saved, imcdata=imcdata.path, items=tuple(items))


def _gone(paths: Iterable[str], imcdata: Folder) -> set[str]:
    """Return those of the paths where nothing is."""
    with ExitStack() as stack:
        names: dict[str, set[str]] = {}
        found = set()
        for path in paths:
            folder, _, name = path.rpartition("/")
            if folder not in names:
                names[folder] = set(open_below(imcdata, folder, stack).names())
            if name not in names[folder]:
                found.add(path)
        return found


def _without_file(
    missing: Sequence[MissingFile], items: Sequence[RequeueItem], imcdata: Folder, archive: str
) -> tuple[list[RequeueItem], list[str]]:
    """Return failed messages whose file lies in the archive but is none, and the others' names."""
    with ExitStack() as stack:
        folder = open_below(imcdata, archive, stack)
        names = {name.upper(): name for name in folder.names()}
        known = {one.name.upper() for one in items}
        found, gone = [], []
        for one in missing:
            name = names.get(one.spool_name or "")
            if name is None or name.upper() in known:
                gone.append(one.called)
                continue
            status = folder.status(name)
            text = "its file cannot be read as mail"
            if stat.S_ISLNK(status.mode):
                text = "it is a symbolic link, which is never followed"
            elif not status.is_regular:
                text = "it is no regular file"
            elif not status.size:
                text = "its file is empty"
            path = f"{archive}/{name}"
            held = (Objection(None, text),)
            found.append(RequeueItem(path, path, None, one.spool_name, objections=held))
    return found, gone


def _looked_at(
    items: Iterable[RequeueItem], imcdata: Folder, via: Via, stack: ExitStack
) -> Iterator[RequeueItem]:
    places: dict[str, Place] = {}
    taken: dict[str, str] | None = None
    for one in items:
        path = one.source.rpartition("/")[0]
        if path not in places:
            folder = open_below(imcdata, path, stack)
            places[path] = Place(folder, path)
        try:
            found = replace(one, file=identity_of(places[path].folder, one.name))
            links = places[path].folder.status(one.name).links
            if links != 1:
                text = f"the file has {links} names (hard links)"
                found = replace(found, objections=(*found.objections, Objection(None, text)))
            if via in {Via.PICKUP, Via.SMTP}:
                found = _with_doubts(found, imcdata)
        except OSError as error:
            text = unreadable(error)
            yield replace(one, objections=(*one.objections, Objection(None, text)))
            continue
        if via is Via.IN:
            if taken is None:
                inbound = places[path].path.rpartition("/")[0]
                folder = open_below(imcdata, inbound, stack)
                taken = {name.lower(): name for name in folder.names()}
            known = taken.get(one.name.lower())
            if known is not None:
                text = name_taken(path.rpartition("/")[0], one.name, known)
                found = replace(found, objections=(*found.objections, Objection(None, text)))
        yield found


def _pickup_name(imcdata: Folder) -> str | None:
    """Return the name of the Pickup folder as it is spelled, None where there is none."""
    return next((name for name in imcdata.names() if name.lower() == PICKUP.lower()), None)


def _for_pickup(
    items: Iterable[RequeueItem], imcdata: Folder, pickup: str | None
) -> Iterator[RequeueItem]:
    """Yield the items; held where there is no Pickup folder, or a file of the name in it."""
    taken: dict[str, str] = {}
    if pickup is not None:
        folder = imcdata.folder(pickup)
        taken = {name.lower(): name for name in folder.names()}
        folder.close()
    for one in items:
        held = None
        if pickup is None:
            held = "Imcdata has no Pickup folder: only 5.5 has one, and makes it at its start"
        elif one.name.lower() in taken:
            held = name_taken(pickup, one.name, taken[one.name.lower()])
        if held is None:
            yield one
        else:
            yield replace(one, objections=(*one.objections, Objection(None, held)))


def _with_doubts(one: RequeueItem, imcdata: Folder) -> RequeueItem:
    """Return the item, held where its envelope may have more recipients than are read.

    Raises OSError.
    """
    with file_buffer(Path(imcdata.path, *one.source.split("/"))) as buffer:
        doubts = doubtful_recipients(buffer)
    if not doubts:
        return one
    offset, reason = doubts[0]
    more = f", and {len(doubts) - 1} more such places" if len(doubts) > 1 else ""
    text = f"its recipients may be incomplete: {reason} (offset {offset}){more}"
    return replace(one, objections=(*one.objections, Objection(Reason.ENVELOPE, text)))


def identity_of(folder: Folder, name: str) -> FileIdentity:
    """Return what tells that a file is still the one it is now. Raises OSError."""
    file = folder.read(name)
    try:
        status = file.status()
        return FileIdentity(
            digest(file),
            status.size,
            status.device,
            status.inode,
            status.modified_ns,
            status.changed_ns,
        )
    finally:
        file.close()


def _not_as_another(
    items: Iterable[RequeueItem], others: Sequence[OtherFile]
) -> Iterator[RequeueItem]:
    """Yield the items; one with the bytes of a file that was delivered, or waits, is held."""
    by_size: dict[int, list[OtherFile]] = defaultdict(list)
    for other in others:
        by_size[other.size].append(other)
    hashes: dict[Path, str | None] = {}
    for one in items:
        found = one
        for other in by_size.get(one.file.size, ()) if one.file is not None else ():
            if other.location == one.location:
                continue
            if other.path not in hashes:
                hashes[other.path] = _hash(other.path)
            if one.file is not None and hashes[other.path] == one.file.sha256:
                reason = Reason.DUPLICATE if other.waits else Reason.DELIVERED
                text = f"it has the same bytes as {other.location}, whose fate is {other.fate}"
                found = replace(one, objections=(*one.objections, Objection(reason, text)))
                break
        yield found


def _hash(path: Path) -> str | None:
    try:
        with file_buffer(path) as buffer:
            return hashlib.sha256(buffer).hexdigest()
    except OSError:  # told as a defect of the evidence
        return None


def not_again(
    items: Iterable[RequeueItem], before: Mapping[str, Sequence[HandedOver]], via: Via
) -> Iterator[RequeueItem]:
    """Yield the items; one that a journal has handed over before is held.

    Not one that was put back into In and has failed again since, and by SMTP not one that others
    of its recipients are still to get.
    """
    for one in items:
        known = before.get(one.file.sha256, ()) if one.file is not None else ()
        held = [
            Objection(None if each.unsettled else Reason.SUBMITTED, each.text)
            for each in known
            if not _failed_again(one, each) and not (each.partly and via is Via.SMTP)
        ]
        if via is Via.SMTP:
            partly = tuple(f"{each.text}, who are left out" for each in known if each.partly)
            one = replace(one, warnings=(*one.warnings, *partly))
        yield replace(one, objections=(*one.objections, held[-1])) if held else one


def _failed_again(one: RequeueItem, before: HandedOver) -> bool:
    """Whether an event names it as archived that is newer than the newest when it was put back.

    Both times are of the server's clock; where its zone is not known, two runs may have taken
    them for moments that are as far apart as two zones can be.
    """
    if not before.into_in or before.failed is None or one.failed is None:
        return False
    doubt = _ZONES_APART if before.assumed_zone or one.assumed_zone else timedelta(0)
    return one.failed > before.failed + doubt


def _for_another_server(one: RequeueItem) -> RequeueItem:
    held = tuple(each for each in one.objections if each.reason not in _ONLY_FOR_THIS_SERVER)
    return replace(one, objections=held)


def _for_an_archive(one: RequeueItem) -> RequeueItem:
    """Return the item for a copy that delivers nothing: what speaks against that is only said."""
    said = tuple(each.text for each in one.objections if each.reason is not None)
    held = tuple(each for each in one.objections if each.reason is None)
    return replace(one, objections=held, warnings=(*one.warnings, *said))


def _first(items: Iterable[RequeueItem], most: int | None) -> tuple[list[RequeueItem], int]:
    """Return the items up to the first ``most`` that go, and how many more would go."""
    kept: list[RequeueItem] = []
    going = left = 0
    for one in items:
        if one.objections:
            kept.append(one)
        elif most is None or going < most:
            going += 1
            kept.append(one)
        else:
            left += 1
    return kept, left


def find_queue_dat(imcdata: Folder) -> RequeueItem | None:
    """Return Queue.dat as something to rename, None where there is none. Raises OSError."""
    names = {name.lower(): name for name in imcdata.names()}
    name = names.get(QUEUE_DAT)
    if name is None or status_of(imcdata, name) is None:
        return None
    known = names.get(QUEUE_OLD.lower())
    held = () if known is None else (Objection(None, name_taken("Imcdata", QUEUE_OLD, known)),)
    try:
        file = identity_of(imcdata, name)
    except OSError as error:
        return RequeueItem(name, name, None, objections=(*held, Objection(None, unreadable(error))))
    return RequeueItem(name, name, file, objections=held)
