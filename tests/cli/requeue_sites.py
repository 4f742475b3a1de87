"""Sites with archived messages to requeue, and a launcher that runs the program on them at once.

A test that kills a run at each of its system calls needs hundreds of runs. The launcher has the
whole program loaded and forks a child for each: the calls of a child are those of the run, none
of the interpreter's start. ``strace`` is attached once it is loaded, and counts the calls of each
child anew: one that first makes ``WHEN - k`` calls that do nothing meets at its own k-th what
strace injects.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.exceptions import Exit
from click.testing import CliRunner, Result
from repository import REPOSITORY
from site_builder import Site, events_text, taken_over
from spool_builder import spool_file

from imctool.cli.main import main, program
from imctool.model.spool_name import SpoolName

STRACE = shutil.which("strace")
WHEN = 400
"""The call of a child at which strace acts; more than a run, or the launcher itself, makes."""


MORNING = datetime(2000, 5, 16, 9, 0, 0)
_EVERY = timedelta(hours=1)
_FIRST = SpoolName.parse("LA4XGWQ7").value
_SET_PTRACER = 0x59616D61  # PR_SET_PTRACER of linux/prctl.h
_OLD_NS = 958_000_000_000_000_000  # May 2000


class Held(NamedTuple):
    """What is kept of a file: bytes, time of the last change, permissions."""

    content: bytes
    modified_ns: int
    mode: int


def held(path: Path) -> Held:
    """Return what a file is by now; a link is not followed."""
    found = path.lstat()
    content = b""
    if stat.S_ISLNK(found.st_mode):
        content = os.fsencode(os.readlink(path))
    elif stat.S_ISREG(found.st_mode):
        content = path.read_bytes()
    return Held(content, found.st_mtime_ns, found.st_mode)


def tree(folder: Path) -> dict[str, Held | None]:
    """Return all that lies under a folder: files with what they hold, folders as None."""
    return {
        one.relative_to(folder).as_posix(): (
            None if one.is_dir() and not one.is_symlink() else held(one)
        )
        for one in sorted(folder.rglob("*"))
    }


@dataclass
class RequeueSite:
    """A server whose archive holds failed messages, each named by an event 4117.

    Beside them lie a message that waits in In and an archived copy of one that was delivered:
    both must stay as they are. ``before`` is the whole tree as it was built.
    """

    root: Path
    names: list[str]
    before: dict[str, Held | None] = field(default_factory=dict)

    @property
    def imcdata(self) -> Path:
        return self.root / "Imcdata"

    @property
    def inbound(self) -> Path:
        return self.imcdata / "In"

    @property
    def archive(self) -> Path:
        return self.inbound / "Archive"

    @property
    def journals(self) -> list[Path]:
        """The journals in their default place, in time order."""
        found = (self.imcdata / "imctool").glob("*.jsonl")
        return sorted(found, key=lambda one: [one.stem[:24], int(one.stem[25:] or 1)])

    def original(self, name: str) -> Held:
        """Return what a message was when the site was built."""
        found = self.before[f"Imcdata/In/Archive/{name}"]
        assert found is not None
        return found

    def look_back(self) -> None:
        """Take what lies there now as what was there before."""
        self.before = self.now_without_journals()

    def look_back_at(self, path: str) -> None:
        """Take what lies at one path now, or that nothing does, as what was there before."""
        here = self.root / path
        if here.exists():
            self.before[path] = held(here)
        else:
            self.before.pop(path, None)

    def now(self) -> dict[str, Held | None]:
        """Return the whole tree as it is by now."""
        return tree(self.root)

    def now_without_journals(self, but: str = "\0") -> dict[str, Held | None]:
        """Return the tree without journals, their folder, and the paths of ``but``."""
        now = {
            path: what
            for path, what in self.now().items()
            if not _is_journal(path) and not path.startswith(but)
        }
        if self.journals:
            now.pop("Imcdata/imctool")
        return now

    def check_nothing_lost(self) -> None:
        """Every message lies unchanged under one of its names or both; nothing else changed."""
        for name in self.names:
            found = [one for one in (self.inbound / name, self.archive / name) if one.exists()]
            assert found, f"{name} is lost"
            assert {held(one) for one in found} == {self.original(name)}
        mine = {f"Imcdata/In/{middle}{one}" for one in self.names for middle in ("", "Archive/")}
        now, before = (
            {path: what for path, what in one.items() if path not in mine and not _is_ours(path)}
            for one in (self.now(), self.before)
        )
        assert now == before

    def check_put_back(self, *kept: str) -> None:
        """Each message but those ``kept`` in the archive lies in In, unchanged and only there."""
        self._check_once({name: "In/Archive" if name in kept else "In" for name in self.names})

    def check_as_before(self) -> None:
        """Names, bytes and times are those the site was built with; only journals were added."""
        self._check_once(dict.fromkeys(self.names, "In/Archive"))

    def _check_once(self, places: dict[str, str]) -> None:
        expected = dict(self.before)
        for name, place in places.items():
            expected[f"Imcdata/{place}/{name}"] = expected.pop(f"Imcdata/In/Archive/{name}")
        assert self.now_without_journals() == expected


def _is_journal(path: str) -> bool:
    return path.startswith("Imcdata/imctool/requeue-") and path.endswith(".jsonl")


def _is_ours(path: str) -> bool:
    """Whether it is the folder of journals, something in it, or a file not yet copied whole."""
    return path.split("/")[:2] == ["Imcdata", "imctool"] or path.endswith(".imctool-tmp")


def requeue_site(root: Path, count: int = 3, *, length: int = 300) -> RequeueSite:
    """Build a site with so many failed messages, each of about ``length`` bytes or more.

    Recipe: a spool file of its own sender, recipient and Message-ID for each, an event 4117 an
    hour after the one before, in text form; times of 2000 with odd nanoseconds, permissions
    that differ.
    """
    names = [str(SpoolName(_FIRST + place)) for place in range(count + 2)]
    delivered, waiting = names.pop(), names.pop()
    events = [
        (MORNING + place * _EVERY, "MSExchangeIMC", 4117, _archived(name))
        for place, name in enumerate(names)
    ]
    came_later = MORNING + (count + 1) * _EVERY
    folders = ("In/Archive", "Out/Archive", "Work", "Log", "Pickup")
    Site(
        tracking={
            f"{came_later:%Y%m%d}": [taken_over(came_later, delivered, f"{delivered}@far.example")]
        },
        events=events_text(events),
        folders=folders,
    ).write(root)
    site = RequeueSite(root, names)
    for place, name in enumerate([*names, delivered, waiting]):
        path = (site.inbound if name == waiting else site.archive) / name
        path.write_bytes(_message(name, length + place))
        path.chmod((0o644, 0o640, 0o600)[place % 3])
        moment = _OLD_NS + place * 1_000_000_007
        os.utime(path, ns=(moment - 5, moment))
    (site.imcdata / "Queue.dat").write_bytes(b"heap")
    site.look_back()
    return site


def _archived(name: str) -> str:
    return f"The message in spool file {name} failed; it lies in IMCDATA\\IN\\ARCHIVE now."


def _message(name: str, length: int) -> bytes:
    text = (
        f"From: {name}@far.example\r\nTo: me@o.example\r\nSubject: {name}\r\n"
        f"Message-ID: <{name}@far.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=iso-8859-1\r\n\r\n.\r\n"
    )
    line = f"{name} says hello, over and over again, until the line is long enough.\r\n"
    text += line * (1 + max(0, length - len(text)) // len(line))
    return spool_file(
        text.encode("ascii"),
        originator=f"{name}@far.example",
        recipients=("me@o.example", f"{name}@o.example"),
        time=MORNING - timedelta(minutes=1),
        mts_id=f"c=US;a= ;p=O;l=SRV0005160859{name}",
    )


def run(*arguments: object) -> Result:
    """Run the program in this process."""
    return CliRunner().invoke(program, list(map(str, arguments)))


def requeued(site: RequeueSite, *more: object) -> Result:
    """Run ``requeue`` on a site whose service is stopped, sure of it, in this process."""
    return run("requeue", site.root, "--yes", "--service-stopped", "--jobs", "1", *more)


def undone(site: RequeueSite, *more: object) -> Result:
    """Take back what the site's journals tell of, the last first, in this process."""
    return run("undo", site.journals[-1], "--service-stopped", *more)


def process(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the program as a user does."""
    command = [sys.executable, "-m", "imctool", *map(str, arguments)]
    return subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False, **options
    )


class Ended(NamedTuple):
    """How a child of the launcher ended (less than 0: by that signal), and what it said."""

    status: int
    output: str
    errors: str

    @property
    def was_killed(self) -> bool:
        return self.status == -signal.SIGKILL


class Launcher:
    """Runs the program in forked children that have it loaded."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def inject(self, *injected: str) -> None:
        """Let strace inject this from now on, in place of what it did; without any let it go.

        Each is what its ``-e inject=`` takes, ``when=WHEN`` for the call that ``start`` names.
        """
        self._send({"inject": injected})
        assert self._answer() == "attached"

    def start(
        self,
        *arguments: object,
        call: str | None = None,
        at: int = 1,
        limits: dict[str, int] | None = None,
        user: int | None = None,
    ) -> int:
        """Start a run and return the number of its process; ``wait`` has to follow.

        Of the system call named the ``at``-th is the one at which strace injects. ``limits`` are
        resource limits (``NOFILE``), ``user`` is the number of the user it runs as.
        """
        job = {
            "arguments": list(map(str, arguments)),
            "call": call,
            "before": WHEN - at,
            "limits": limits or {},
            "user": user,
        }
        self._send(job)
        started: int = self._answer()
        return started

    def wait(self) -> Ended:
        """Wait for the run to end."""
        return Ended(*self._answer())

    def run(self, *arguments: object, **how: Any) -> Ended:
        """Run the program once."""
        self.start(*arguments, **how)
        return self.wait()

    def _send(self, job: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the launcher has ended"
        return json.loads(line)


@contextmanager
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    """Give a launcher that injects nothing yet."""
    warm = requeue_site(tmp_path / "warm")
    command = [sys.executable, os.path.abspath(__file__), str(warm.root)]
    path = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "tests")))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONUNBUFFERED", None)  # Python then passes over writes that are cut short
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as started:
        assert started.stdin is not None
        try:
            yield Launcher(started)
        finally:
            started.stdin.close()


@cache
def why_not_traced() -> str | None:
    """Return why no system call can be traced here, None where it can."""
    if STRACE is None:
        return "needs strace"
    probe = [STRACE, "-f", "-qq", "--trace=none", "-o", os.devnull, "true"]
    ended = subprocess.run(probe, capture_output=True, text=True, check=False)
    if ended.returncode:
        return f"strace may not trace here: {ended.stderr}"
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    if os.geteuid() and scope.exists() and scope.read_text().strip() > "1":
        return "strace may not attach to a process here"
    return None


def need_strace() -> None:
    """Skip the test where no system call can be traced."""
    reason = why_not_traced()
    if reason is not None:
        pytest.skip(reason)


def _load_all(root: str) -> None:
    """Go through every command once, so that no child has to load anything."""
    journal = f"{root}-journal.jsonl"
    undo = ["undo", journal, "--service-stopped"]
    acting = ["requeue", root, "--yes", "--service-stopped", "--jobs", "1", "--journal", journal]
    for arguments in (
        ["requeue", root, "--dry-run", "--jobs", "1"],
        ["requeue", root, "--yes", "--journal", journal],
        undo,
        [*acting, "--format", "json"],
        ["verify", journal],
        [*undo, "--format", "json"],
        [*acting, "--via", "pickup"],
        undo,
        ["requeue", root, "--yes", "--via", "eml", "-o", f"{root}-copies", "--format", "json"],
    ):
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), suppress(Exit):
            program.main(arguments, standalone_mode=False)


def _child(job: dict[str, Any], output: int, errors: int) -> int:
    """Be one run of the program; return its status."""
    import resource

    os.dup2(output, 1)
    os.dup2(errors, 2)
    for name, limit in job["limits"].items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))
    if job["user"] is not None:
        os.setgroups([])
        os.setgid(job["user"])
        os.setuid(job["user"])
    if job["call"] is not None:
        call = getattr(ctypes.CDLL(None), job["call"])
        for _ in range(job["before"]):
            call(-1, b"", -1, b"", 1)  # nothing is open as -1
    sys.argv = ["imctool", *job["arguments"]]
    try:
        main()
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1


class _Strace:
    """Strace as it traces this process and its children."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        ctypes.CDLL(None).prctl(_SET_PTRACER, -1, 0, 0, 0)

    def inject(self, injected: Sequence[str]) -> None:
        """Attach one that injects this, in place of the one before; none for nothing."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None
        if not injected:
            return
        assert STRACE is not None
        calls = ",".join(sorted({one.partition(":")[0] for one in injected}))
        options = ["-f", "-qq", "-o", os.devnull, f"--trace={calls}"]
        options += [f"--inject={one}" for one in injected]
        self._process = subprocess.Popen(
            [STRACE, *options, "-p", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        while "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
            if self._process.poll() is not None:
                sys.exit("strace could not be attached")
            time.sleep(0.01)


def _serve(root: str) -> None:
    """Do the jobs that come as lines of JSON, one after another."""
    _load_all(root)
    strace = _Strace()
    for line in sys.stdin:
        job = json.loads(line)
        if "inject" in job:
            strace.inject(job["inject"])
            _tell("attached")
        else:
            _run(job)


def _run(job: dict[str, Any]) -> None:
    said = os.memfd_create("output"), os.memfd_create("errors")
    child = os.fork()
    if not child:
        try:
            os._exit(_child(job, *said))
        finally:
            os._exit(1)
    _tell(child)
    _, status = os.waitpid(child, 0)
    texts = [os.pread(one, 1 << 24, 0).decode("utf-8", "replace") for one in said]
    for one in said:
        os.close(one)
    _tell([os.waitstatus_to_exitcode(status), *texts])


def _tell(answer: object) -> None:
    os.writev(1, [json.dumps(answer).encode("ascii"), b"\n"])  # its own writes must not count


if __name__ == "__main__":
    _serve(sys.argv[1])
