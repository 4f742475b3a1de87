"""A real Postfix on a loopback port, for tests; what it delivers is read from its mailboxes.

It is only started where the environment variable IMCTOOL_POSTFIX asks for it: "1" unpacks Debian's
package by ``.ci/install_postfix``, anything else names a folder where that was done before ("/" is
the machine itself). Everything lies in one temporary folder: settings, queue, mailboxes. Neither an
account nor a service of the machine is made or changed; it needs root, because Postfix does.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from repository import REPOSITORY

HOST = "127.0.0.1"
DOMAIN = "mailboxes.test"
MAILBOXES = 2500
RECIPIENT_LIMIT = 1000
MESSAGE_SIZE_LIMIT = 8_000_000

GONE = f"gone@{DOMAIN}"
"""An address without a mailbox: Postfix refuses it with 550 5.1.1."""
BUSY = f"busy@{DOMAIN}"
"""An address that is refused for now: 450 4.2.1."""
FULL = f"full@{DOMAIN}"
"""An address whose mailbox is full: 452 4.2.2, the code of "too many recipients" as well."""
ELSEWHERE = "someone@elsewhere.test"
"""An address of a domain that Postfix does not serve: 554 5.7.1."""
ACCENTED = f"zoë@{DOMAIN}"
"""An address that needs SMTPUTF8."""

# Postfix asks for an owner and a group that nothing else runs as, and for a third account that it
# delivers as. These three are in every Debian (base-passwd), and no service of a test machine uses
# the first two; they own nothing but what lies in the temporary folder.
_OWNER, _POSTDROP_GROUP, _DELIVERY = "mail", "news", "nobody"

_SECONDS_TO_LIVE = 900  # should the tests be killed, Postfix ends by itself

_MAIN = """\
compatibility_level = 3.6
config_directory = {folder}/conf
meta_directory = {folder}/conf
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {programs}/usr/sbin
daemon_directory = {programs}/usr/lib/postfix/sbin
shlib_directory = {programs}/usr/lib/postfix
mail_owner = {owner}
setgid_group = {group}
default_privs = {delivery}
import_environment = MAIL_CONFIG TZ LANG=C LD_LIBRARY_PATH
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
service_throttle_time = 1s
enable_long_queue_ids = yes
in_flow_delay = 0

# One domain, delivered into folders here. Nothing ever leaves, and no name is looked up.
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
myhostname = postfix.test
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:{folder}/conf/mailboxes
virtual_mailbox_base = {folder}/mail
virtual_uid_maps = static:{delivery_uid}
virtual_gid_maps = static:{delivery_gid}
default_transport = error:nothing leaves this server
relay_transport = error:nothing leaves this server
smtpd_peername_lookup = no

# The limits under test; the others are out of the way.
smtpd_recipient_limit = {recipient_limit}
message_size_limit = {message_size_limit}
smtpd_soft_error_limit = 100000
smtpd_hard_error_limit = 100000
smtpd_client_connection_count_limit = 0
smtpd_relay_restrictions = permit_auth_destination, reject
smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/conf/answers
smtputf8_enable = yes
smtpd_tls_security_level = may
smtpd_tls_cert_file = {folder}/conf/certificate.pem
smtpd_tls_key_file = {folder}/conf/key.pem

# Deliver what was sent, as often as it was sent, and refuse what Postfix would otherwise mend.
duplicate_filter_limit = 1
local_header_rewrite_clients =
message_drop_headers =
smtpd_forbid_bare_newline = reject
smtpd_forbid_bare_newline_exclusions =
"""

_MASTER = """\
127.0.0.1:{port} inet n - n - 10 smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - 4 virtual
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""

# What delivery puts before the header that was sent (virtual(8), and one Received field).
_ADDED = re.compile(
    rb"Return-Path: <(?P<originator>.*)>\n"
    rb"X-Original-To: (?P<recipient>.*)\n"
    rb"Delivered-To: (?P<mailbox>.*)\n"
    rb"Received: from .*\n(?:\t.*\n)*?\tby .* id (?P<transaction>\w+)"
    rb"(?:;\n\t.*\n|\n\tfor <.*>; .*\n)"
)
_COMMANDS = re.compile(r"postfix/smtpd\[\d+\]: disconnect from \S+ (.*)commands=")


class PostfixProblemError(Exception):
    """Postfix was asked for and cannot be had, or does not do its work; says why."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One copy of a message in a mailbox.

    ``text`` is what follows the fields that Postfix put before it, with lines ended by LF (as a
    maildir has them). ``transaction`` is the queue id that the SMTP server gave to it, the same
    for all copies of one transaction. The null sender is b"".
    """

    mailbox: str
    originator: bytes
    recipient: bytes
    transaction: str
    text: bytes


def mailbox(number: int) -> str:
    """Return the address of a mailbox that is there, 0 to MAILBOXES - 1."""
    return f"person{number:04}@{DOMAIN}"


class Postfix:
    """A Postfix that runs; made by ``running_postfix``."""

    host = HOST

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        self.certificate = folder / "conf" / "certificate.pem"
        self.port = _free_port()
        _write_settings(programs, folder, self.port)
        environment = {"PATH": os.defpath, "MAIL_CONFIG": str(folder / "conf")}
        if programs != Path("/"):
            libraries = {str(path.parent) for path in programs.rglob("*.so*")}
            environment["LD_LIBRARY_PATH"] = ":".join(sorted(libraries))
        master = programs / "usr/lib/postfix/sbin/master"
        self._master = subprocess.Popen(
            [master, "-c", folder / "conf", "-d", "-e", str(_SECONDS_TO_LIVE)],
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Postfix ends its own processes by their group
        )

    def delivered(self, seconds: float = 120) -> list[Delivered]:
        """Return every copy in every mailbox, after the queue has become empty.

        Raises PostfixProblemError where it does not in so many seconds, or holds deferred mail.
        """
        self._wait(self._queue_is_empty, seconds, "the queue does not become empty")
        places = sorted((self.folder / "mail").glob("*/new/*"))
        return [_copy(place.read_bytes()) for place in places]

    def empty_mailboxes(self) -> None:
        """Remove all that was delivered so far."""
        self._wait(self._queue_is_empty, 120, "the queue does not become empty")
        for place in (self.folder / "mail").glob("*/new/*"):
            place.unlink()

    def wait_for_session(self, **commands: str) -> None:
        """Return when a session with these commands has ended, and perhaps others in it.

        Keys are SMTP commands in lower case; values how many were accepted, and behind a slash
        how many came, where not all were. Raises PostfixProblemError where there is no such
        session soon, with the log, which has the numbers of each.
        """
        self._wait(
            lambda: any(commands.items() <= session.items() for session in self._sessions()),
            10,
            f"no session of {commands}",
        )

    def kill_sessions(self) -> int:
        """Kill every SMTP server process as it stands (SIGKILL); return how many there were."""
        killed = 0
        for process in self._processes():
            with contextlib.suppress(OSError):
                if (process / "comm").read_text().strip() == "smtpd":
                    os.kill(int(process.name), signal.SIGKILL)
                    killed += 1
        return killed

    def log(self) -> str:
        """Return what Postfix wrote into its log."""
        try:
            return (self.folder / "maillog").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def wait_until_it_greets(self) -> None:
        """Return when it answers. Raises PostfixProblemError where it does not."""
        self._wait(self._greets, 20, "it does not answer")

    def stop(self) -> None:
        """End every process of it, whatever state it is in."""
        deadline = time.monotonic() + 10
        self._master.terminate()
        while not self._has_ended() and time.monotonic() < deadline:
            time.sleep(0.02)
        # Not yet waited for, the master keeps the number of the group from being given away.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._master.pid, signal.SIGKILL)
        while self._processes() and time.monotonic() < deadline + 5:
            time.sleep(0.02)
        self._master.wait()

    def _has_ended(self) -> bool:
        kinds = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._master.pid, kinds) is not None

    def _processes(self) -> list[Path]:
        """Return the folders in /proc of the processes that belong to this Postfix."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                status = (process / "stat").read_text().rpartition(")")[2].split()
                if int(status[2]) == self._master.pid and status[0] != "Z":
                    found.append(process)
        return found

    def _wait(self, holds: Callable[[], bool], seconds: float, problem: str) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            if self._has_ended():
                problem = "the master process has ended"
            elif time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            raise PostfixProblemError(f"Postfix: {problem}; its log ends\n{self.log()[-3000:]}")

    def _greets(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=5) as connection:
                return connection.recv(4) == b"220 "
        except OSError:
            return False

    def _queue_is_empty(self) -> bool:
        # In the order in which mail goes through them: none can slip by.
        for name in ("maildrop", "incoming", "active"):
            if any(p.is_file() for p in (self.folder / "queue" / name).rglob("*")):
                return False
        for name in ("deferred", "corrupt", "hold"):
            if any(p.is_file() for p in (self.folder / "queue" / name).rglob("*")):
                raise PostfixProblemError(f"Postfix: mail is {name}\n{self.log()[-3000:]}")
        return True

    def _sessions(self) -> list[dict[str, str]]:
        ended = _COMMANDS.findall(self.log())
        return [dict(command.split("=") for command in commands.split()) for commands in ended]


@contextlib.contextmanager
def running_postfix(asked: str) -> Iterator[Postfix]:
    """Start Postfix as the value of IMCTOOL_POSTFIX asks, and end it without a trace.

    Raises PostfixProblemError where that is not possible: who asks for a check gets it or is told.
    """
    with tempfile.TemporaryDirectory(prefix="postfix-") as place:
        folder = Path(place)
        programs = folder / "programs" if asked == "1" else Path(asked)
        _make_folders(folder)
        if asked == "1":
            _unpack(programs)
        elif not (programs / "usr/lib/postfix/sbin/master").is_file():
            raise PostfixProblemError(f"no Postfix in {programs}: see .ci/install_postfix")
        postfix = Postfix(programs, folder)
        try:
            postfix.wait_until_it_greets()
            yield postfix
        finally:
            postfix.stop()


def _copy(data: bytes) -> Delivered:
    added = _ADDED.match(data)
    if added is None:
        raise PostfixProblemError(f"not what Postfix delivers: {data[:500]!r}")
    return Delivered(
        added["mailbox"].decode("utf-8"),
        added["originator"],
        added["recipient"],
        added["transaction"].decode("ascii"),
        data[added.end() :],
    )


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def _unpack(programs: Path) -> None:
    run = subprocess.run(
        [REPOSITORY / ".ci" / "install_postfix", programs],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if run.returncode:
        raise PostfixProblemError(f".ci/install_postfix: {run.returncode}\n{run.stderr[-3000:]}")


def _make_folders(folder: Path) -> None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise PostfixProblemError("Postfix can only be started by root")
    import pwd  # not on Windows
    from grp import getgrnam

    owner, delivery = pwd.getpwnam(_OWNER).pw_uid, pwd.getpwnam(_DELIVERY).pw_uid
    group = getgrnam(_POSTDROP_GROUP).gr_gid
    folder.chmod(0o755)
    for above in folder.parents:
        if not above.stat().st_mode & 0o001:
            raise PostfixProblemError(f"{above} is closed to Postfix: set TMPDIR to another folder")
    for name in ("conf", "queue", "queue/pid"):
        (folder / name).mkdir()
    queues = "active bounce corrupt defer deferred flush hold incoming private saved trace"
    for name in ("data", *(f"queue/{queue}" for queue in queues.split())):
        (folder / name).mkdir(mode=0o700)
        os.chown(folder / name, owner, -1)
    for name in ("queue/maildrop", "queue/public"):
        (folder / name).mkdir()
        os.chown(folder / name, owner, group)
        (folder / name).chmod(0o710)
    (folder / "mail").mkdir()
    os.chown(folder / "mail", delivery, -1)


def _write_settings(programs: Path, folder: Path, port: int) -> None:
    import pwd

    delivery = pwd.getpwnam(_DELIVERY)
    main = _MAIN.format(
        programs="" if programs == Path("/") else programs,
        folder=folder,
        owner=_OWNER,
        group=_POSTDROP_GROUP,
        delivery=_DELIVERY,
        delivery_uid=delivery.pw_uid,
        delivery_gid=delivery.pw_gid,
        domain=DOMAIN,
        recipient_limit=RECIPIENT_LIMIT,
        message_size_limit=MESSAGE_SIZE_LIMIT,
    )
    addresses = [*(mailbox(number) for number in range(MAILBOXES)), BUSY, FULL, ACCENTED]
    files = {
        "main.cf": main,
        "master.cf": _MASTER.format(port=port),
        "mailboxes": "".join(f"{one} {one.partition('@')[0]}/\n" for one in addresses),
        "answers": f"{BUSY} 450 4.2.1 busy, come again\n{FULL} 452 4.2.2 mailbox full\n",
    }
    for name, text in files.items():
        (folder / "conf" / name).write_text(text, encoding="utf-8")
    _make_certificate(folder / "conf")


def _make_certificate(folder: Path) -> None:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=postfix.test"
    names = ["-addext", f"subjectAltName=IP:{HOST}"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    try:
        subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise PostfixProblemError(f"openssl made no certificate: {error}") from error
