"""The options of ``requeue``: what is selected, which way it goes, and how carefully."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from imctool.cli.options import CASE, EVIDENCE, Reading, reading_options

if TYPE_CHECKING:
    from imctool.model.submission import SmtpServer

WAYS = ("in", "pickup", "smtp", "eml", "mbox", "maildir")
EXPORTS = frozenset({"eml", "mbox", "maildir"})
REASONS = (
    "over-limit", "charset", "store-crash", "delivered", "returned", "duplicate", "submitted",
    "envelope",
)  # fmt: skip
TLS = ("auto", "require", "implicit", "none")
PASSWORD_VARIABLE = "IMCTOOL_SMTP_PASSWORD"  # noqa: S105

_RATE = re.compile(r"(\d+(?:\.\d+)?)(?:/(s|sec|second|min|minute|h|hour))?")
_PER_MINUTE = {"s": 60.0, "sec": 60.0, "second": 60.0, "h": 1 / 60, "hour": 1 / 60}
_PORT = 25
_IMPLICIT_PORT = 465


class RequeueCommand(click.Command):
    """Takes ``--via smtp HOST[:PORT]`` as it is written: the word after smtp is the server."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        found: list[str] = []
        words = iter(args)
        for word in words:
            found.append(word)
            if word == "--":
                found.extend(words)
            elif word == "--via=smtp" or (word == "smtp" and found[-2:-1] == ["--via"]):
                host = next(words, "")
                named = not host or host.startswith("-")  # by --server, or not at all
                found += [host] * bool(host) if named else ["--server", host]
        return super().parse_args(ctx, found)


class Rate(click.ParamType[float]):
    """Messages a minute: ``30``, ``30/min``, ``2/s``, ``500/h``."""

    name = "rate"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = _RATE.fullmatch(value.strip())
        rate = float(found[1]) * _PER_MINUTE.get(found[2] or "", 1.0) if found else 0.0
        if rate <= 0:
            self.fail(f"{value!r} is no rate; write 30/min", param, ctx)
        return rate


_OPTIONS: list[Callable[..., Any]] = [
    click.argument("path", metavar="PATH", type=EVIDENCE),
    click.option(
        "--via", type=click.Choice(WAYS), default="in", show_default=True,
        help="Which way messages go; smtp is followed by HOST[:PORT].",
    ),
    click.option("--server", metavar="HOST[:PORT]", help="The mail server of --via smtp."),
    click.option(
        "-o", "--output", "folder", metavar="DIR",
        help="Folder for the copies of eml, mbox and maildir; made if missing.",
    ),
    click.option(
        "--cause", "causes", multiple=True, metavar="ARTICLE",
        help="Only failed mail that this article explains, as Q230250.",
    ),
    click.option("--domain", "domains", multiple=True, help="Only mail from this sender domain."),
    click.option("--charset", "charsets", multiple=True, help="Only mail that declares this."),
    click.option(
        "--spool", multiple=True, metavar="NAME",
        help="This file, failed or not; - reads names from stdin.",
    ),
    click.option("--all", "every", is_flag=True, help="All of In\\Archive, failed or not."),
    click.option("--max", "most", type=click.IntRange(min=1), help="No more messages than this."),
    click.option("--rate", type=Rate(), metavar="N/min", help="No faster than this."),
    click.option(
        "--force", "forced", multiple=True, type=click.Choice(REASONS), metavar="REASON",
        help="Go on in spite of a reason to refuse: " + ", ".join(REASONS) + ".",
    ),
    click.option("-n", "--dry-run", is_flag=True, help="Tell what would be done; change nothing."),
    click.option(
        "--plan", "plan_file", type=click.Path(dir_okay=False), metavar="FILE",
        help="Save the plan to this new file; change nothing.",
    ),
    click.option(
        "--apply", "apply_file", type=click.Path(dir_okay=False), metavar="FILE",
        help="Do exactly what a saved plan says.",
    ),
    click.option("-y", "--yes", is_flag=True, help="Do not ask."),
    click.option(
        "--journal", "journal_file", type=click.Path(dir_okay=False), metavar="FILE",
        help="Keep the journal here, not in Imcdata/imctool.",
    ),
    click.option(
        "--imcdata", "imcdata_path", type=click.Path(), metavar="DIR",
        help="The Imcdata folder to change, where PATH holds several.",
    ),
    click.option(
        "--queue-dat", type=click.Choice(["keep", "rename"]), default="keep", show_default=True,
        help="Rename Queue.dat to Queue.old; outbound mail may then be delivered twice.",
    ),
    click.option(
        "--service-stopped", is_flag=True, help="Assert that the service is stopped; do not look.",
    ),
    click.option(
        "--tls", type=click.Choice(TLS), default="auto", show_default=True,
        help="Encryption of --via smtp.",
    ),
    click.option("--user", metavar="NAME", help="Sign in to the mail server as this user."),
    click.option(
        "--password-file", type=click.Path(dir_okay=False, exists=True), metavar="FILE",
        help=f"File whose first line is the password; else {PASSWORD_VARIABLE}, else asked.",
    ),
    click.option(
        "--ca-file", type=click.Path(dir_okay=False, exists=True), metavar="FILE",
        help="Authorities that the server's certificate is checked against.",
    ),
    click.option(
        "--attempts", type=click.IntRange(min=1), default=4, show_default=True,
        help="How often mail that the server defers is offered.",
    ),
    click.option(
        "--retry-after", type=click.FloatRange(min=0), default=15.0, show_default=True,
        metavar="SECONDS", help="Wait before the second attempt, doubled for each further one.",
    ),
    click.option("--send-8bit", is_flag=True, help="Send 8-bit text to a server without 8BITMIME."),
    click.option(
        "--mend-line-ends", is_flag=True, help="Send bare CR and LF as CRLF; else refused.",
    ),
    CASE,
    reading_options("text", "json", output=False),
]  # fmt: skip


def requeue_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of ``requeue`` to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def mail_server(choice: dict[str, Any], *, signing_in: bool) -> SmtpServer:
    """Return the mail server that the options name. Raises click.UsageError.

    The password is only asked for, or read, where there will be a ``signing_in``.
    """
    from pathlib import Path

    from imctool.model.submission import SmtpServer, Tls

    tls = Tls(choice["tls"])
    host, port = _address(choice["server"], _IMPLICIT_PORT if tls is Tls.IMPLICIT else _PORT)
    ca_file = choice["ca_file"]
    return SmtpServer(
        host,
        port,
        tls,
        user=choice["user"],
        password=_password(choice) if signing_in and choice["user"] is not None else None,
        ca_file=Path(ca_file) if ca_file is not None else None,
        attempts=choice["attempts"],
        first_delay=choice["retry_after"],
    )


def _address(text: str, port: int) -> tuple[str, int]:
    """Return host and port of ``HOST``, ``HOST:PORT``, ``[::1]:PORT``."""
    found = re.fullmatch(r"\[([^\[\]]+)\](?::(\d+))?|([^:\s]+)(?::(\d+))?", text)
    if found is None:
        raise click.UsageError(f"{text!r} is no mail server; write HOST, HOST:PORT or [::1]:PORT")
    number = int(found[2] or found[4] or port)
    if not 0 < number < 65536:
        raise click.UsageError(f"{number} is no port")
    return found[1] or found[3], number


def _password(choice: dict[str, Any]) -> str:
    if choice["password_file"] is not None:
        with open(choice["password_file"], encoding="utf-8", errors="surrogateescape") as file:
            return file.readline().rstrip("\r\n")
    known = os.environ.get(PASSWORD_VARIABLE)
    if known is not None:
        return known
    answer: str = click.prompt("Password", hide_input=True, err=True)
    return answer


def check_requeue_options(choice: dict[str, Any], reading: Reading) -> None:
    """Raise click.UsageError where options contradict each other."""
    via = choice["via"]
    if (choice["server"] is not None) != (via == "smtp"):
        raise click.UsageError("a mail server goes with --via smtp: --via smtp HOST[:PORT]")
    if (choice["folder"] is not None) != (via in EXPORTS):
        raise click.UsageError("-o DIR goes with --via eml, mbox and maildir, which need it")
    if choice["spool"] and choice["every"]:
        raise click.UsageError("--spool and --all exclude each other")
    if choice["queue_dat"] == "rename" and via != "in":
        raise click.UsageError("--queue-dat goes with --via in")
    if choice["plan_file"] is not None and (choice["apply_file"] is not None or via in EXPORTS):
        raise click.UsageError("--plan makes a plan for --apply; copies of mail need none")
    selecting = any(choice[one] for one in _SELECTING) or choice["queue_dat"] == "rename"
    narrowed = reading.since is not None or reading.until is not None
    if choice["apply_file"] is not None and (selecting or narrowed):
        raise click.UsageError("--apply does exactly what the plan says: it takes no selection")


_SELECTING = ("causes", "domains", "charsets", "spool", "every", "most", "forced")
