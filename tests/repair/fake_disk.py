"""A file system in memory that can lose power: it knows what is durable and what is not yet.

A change of names is pending until a folder that it is in is flushed, written bytes until their
file is. After a crash there is what was durable, with *any* choice of the pending changes, and any
beginning of the bytes that were being written. The two names of a rename change together, as the
journal of a file system has it; folders are made and removed for good at once.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import NamedTuple

from imctool.repair.folder import FileStatus

MOST_CHANGES_BY_SUBSETS = 5
"""With more pending changes the family is: none, all, each alone, each left out."""

CHANGING = frozenset(
    {"create", "append", "link", "rename", "unlink", "sync", "make", "remove"}
    | {"write", "cut", "keep", "fsync"}
)
"""The calls that change something, or make a change durable."""


class Call(NamedTuple):
    """One call on the file system: its number, from 1, what it is, and the path it is about."""

    number: int
    kind: str
    path: str


Times = tuple[int, int, int]
"""What a file carries that can be set: mtime and atime in ns, and mode."""


class FakeFile(NamedTuple):
    """A file, under however many names."""

    device: int
    data: bytes
    times: Times
    durable_data: bytes
    durable_times: Times

    def contents_after_crash(self) -> list[bytes]:
        """Return what it may hold after a crash: one of the beginnings of what was written.

        Of a long text these are the ends of its lines, one byte before them, and their middles.
        """
        if self.data == self.durable_data:
            return [self.data]
        kept = line = _common(self.data, self.durable_data)
        ends = {kept, kept + 1, len(self.data) - 1, len(self.data)}
        while (end := self.data.find(b"\n", line)) >= 0:
            ends |= {end, end + 1, (line + end) // 2}
            line = end + 1
        contents = {self.data[: max(end, kept)] for end in ends}
        return sorted(contents | {self.durable_data}, key=len)


class Named(NamedTuple):
    """What a name leads to: the path as it is spelled, and the file's number."""

    path: str
    number: int


class NewName(NamedTuple):
    """What a name leads to from now on, None for nothing, and the file that got or lost it."""

    key: str
    named: Named | None
    file: int


Step = tuple[NewName, ...]
"""Names that come to the disk together."""


def _nothing(call: Call) -> None:
    """Let a call be."""


@dataclass(eq=False, slots=True)
class FakeDisk:
    """The whole file system; folders go by path, with the device each is on.

    ``changed`` has the ctime of each file. ``before`` and ``after`` are told of each call, and may
    raise. ``room`` is how many bytes the journals may still grow by. ``delivered`` is what the
    service took up.
    """

    links: bool = True
    renames: bool = True
    locks: bool = True
    letter_case: bool = True
    directories: dict[str, int] = field(default_factory=lambda: {"": 1})
    files: dict[int, FakeFile] = field(default_factory=dict)
    names: dict[str, Named] = field(default_factory=dict)
    durable: dict[str, Named] = field(default_factory=dict)
    pending: list[Step] = field(default_factory=list)
    changed: dict[int, int] = field(default_factory=dict)
    durable_changed: dict[int, int] = field(default_factory=dict)
    delivered: list[bytes] = field(default_factory=list)
    clock: int = 1000
    locked: set[int] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    before: Callable[[Call], None] = _nothing
    after: Callable[[Call], None] = _nothing
    room: int | None = None

    def put(self, path: str, data: bytes, modified_ns: int = 5_000, mode: int = 0o640) -> None:
        """Put a file there, durable at once."""
        number = self.new_file(path, (modified_ns, modified_ns, stat.S_IFREG | mode))
        device, _, times, _, _ = self.files[number]
        self.files[number] = FakeFile(device, data, times, data, times)
        self.flush(lambda key: key == self.key(path))

    def content(self, path: str) -> bytes | None:
        """Return what a file holds, None where there is none."""
        named = self.names.get(self.key(path))
        return None if named is None else self.files[named.number].data

    def take_up(self, path: str) -> None:
        """Do as the service does with a file: deliver it, and remove it for good."""
        key = self.key(path)
        self.delivered.append(self.files[self.names[key].number].data)
        self.change(None, key)
        self.flush(lambda each: each == key)

    def under(self, path: str) -> list[str]:
        """Return the paths of the files in a folder."""
        inside = (one.path for one in self.names.values())
        return sorted(one for one in inside if one.rpartition("/")[0] == path)

    def key(self, path: str) -> str:
        """Return what tells a name from others."""
        return path if self.letter_case else path.lower()

    @contextmanager
    def calling(self, kind: str, path: str) -> Iterator[None]:
        """Count a call, and let a test break it, before or after it was done."""
        call = Call(len(self.calls) + 1, kind, path)
        self.calls.append(call)
        self.before(call)
        yield
        self.after(call)

    def new_file(self, path: str, times: Times | None = None) -> int:
        """Make an empty file, its name pending."""
        self.clock += 1
        times = times or (self.clock, self.clock, stat.S_IFREG | 0o644)
        device = self.directories[path.rpartition("/")[0]]
        self.files[self.clock] = FakeFile(device, b"", times, b"", times)
        self.change(Named(path, number := self.clock))
        return number

    def change(self, named: Named | None, lost: str | None = None) -> None:
        """Give a file a name, take one away, or both at once, not yet for good."""
        step: Step = ()
        if lost is not None:
            step = (NewName(lost, None, self.names[lost].number),)
        if named is not None:
            step = (*step, NewName(self.key(named.path), named, named.number))
        _apply(step, self.names)
        self.pending.append(step)
        self.touch(step[0].file)

    def touch(self, number: int) -> None:
        """Give a file a new ctime, as every change of it and of its names does."""
        self.clock += 1
        self.changed[number] = self.clock

    def flush(self, wanted: Callable[[str], bool]) -> None:
        """Make the steps durable that change a wanted name, and those that they build on."""
        chosen: list[Step] = []
        left: list[Step] = []
        names: set[str] = set()
        for step in reversed(self.pending):
            mine = {one.key for one in step}
            if names & mine or any(map(wanted, mine)):
                names |= mine
                chosen.append(step)
            else:
                left.append(step)
        for step in reversed(chosen):
            _apply(step, self.durable)
            self.durable_changed |= {one.file: self.changed[one.file] for one in step}
        self.pending = left[::-1]

    def write(self, number: int, data: bytes) -> None:
        """Let a file have these bytes, not yet for good."""
        self.clock += 1
        old = self.files[number]
        times = (self.clock, self.clock, old.times[2])
        self.files[number] = old._replace(data=data, times=times)
        self.touch(number)

    def status(self, number: int) -> FileStatus:
        """Return the status of a file."""
        file = self.files[number]
        links = sum(one.number == number for one in self.names.values())
        return FileStatus(
            file.device, number, len(file.data), *file.times[:2], links, file.times[2],
            self.changed[number],
        )  # fmt: skip

    def copy(self) -> FakeDisk:
        """Return the same file system, as the next process finds it."""
        return FakeDisk(
            self.links, self.renames, self.locks, self.letter_case, dict(self.directories),
            dict(self.files), dict(self.names), dict(self.durable), list(self.pending),
            dict(self.changed), dict(self.durable_changed), list(self.delivered), self.clock,
        )  # fmt: skip

    def survivors(self) -> Iterator[FakeDisk]:
        """Yield the file system as it may be after the power went, in every way of the family.

        What the file of a lock holds then is left out: any of it does the same.
        """
        locks = {one.number for one in self.names.values() if one.path.endswith("/lock")}
        dirty = {
            number: one
            for number, one in self.files.items()
            if one[1:3] != one[3:5] and number not in locks
        }
        contents = [one.contents_after_crash() for one in dirty.values()]
        for kept in _families(self.pending):
            for chosen in product(*contents):
                made = self.copy()
                made.pending = []
                made.names = dict(self.durable)
                made.changed = dict(self.durable_changed)
                for step in kept:
                    _apply(step, made.names)
                    made.changed |= {one.file: self.changed[one.file] for one in step}
                made.durable, made.durable_changed = dict(made.names), dict(made.changed)
                for (number, old), data in zip(dirty.items(), chosen, strict=True):
                    times = old.durable_times
                    made.files[number] = FakeFile(old.device, data, times, data, times)
                yield made

    def signature(self) -> object:
        """Return what two file systems without pending changes share if they are the same.

        Of the journals and what else lies with them only the bytes count.
        """
        files = [
            (one.path, self.files[one.number].data)
            if one.path.startswith("imctool/")
            else (*one, self.changed[one.number], self.files[one.number][1:3])
            for one in self.names.values()
        ]
        return tuple(sorted(files)), tuple(sorted(self.delivered)), tuple(self.directories)


def _common(one: bytes, other: bytes) -> int:
    """Return how many bytes two contents begin with alike."""
    pairs = zip(one, other, strict=False)
    differing = (place for place, (mine, theirs) in enumerate(pairs) if mine != theirs)
    return next(differing, min(len(one), len(other)))


def _apply(step: Step, names: dict[str, Named]) -> None:
    for key, named, _ in step:
        names.pop(key, None)
        if named is not None:
            names[key] = named


def _families(steps: list[Step]) -> Iterator[Iterable[Step]]:
    if len(steps) <= MOST_CHANGES_BY_SUBSETS:
        for count in range(len(steps) + 1):
            yield from combinations(steps, count)
        return
    yield []
    yield steps
    for place in range(len(steps)):
        yield [steps[place]]
        yield steps[:place] + steps[place + 1 :]
