"""The program: its commands, loaded only when named, and how every run ends."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from io import StringIO
from typing import Any, NoReturn

import click

from imctool import __version__
from imctool.cli import exit_status

COMMANDS = {
    "charset-check": "Tell declared, real and installed charsets; advise the Character Sets.",
    "diagnose": "Account for every message; name each cause with its article and remedy.",
    "events": "Normalise any event-log export: one row per event, data section decoded.",
    "list": "List what lies in the spool, filtered and sorted.",
    "recover": "Rebuild lost inbound messages out of Maximum-level protocol logs.",
    "requeue": "Put failed messages back: Archive to In, Pickup, SMTP, or plain files.",
    "show": "Show one spool file: envelope, headers, part tree, charsets.",
    "trace": "Tell one message's life in time order through every log.",
    "undo": "Take back what a requeue did.",
    "verify": "Check that evidence and repairs still are what the record says.",
}
"""Every command and its one-line help; the module of the same name holds the rest."""

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class ReaderGoneError(Exception):
    """Whoever read our output has closed it."""


class CommandGroup(click.Group):
    """The commands of the contract, each imported when it is run and not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"imctool.cli.{cmd_name.replace('-', '_')}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"imctool.cli.{cmd_name}.command is no command")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGoneError from error  # Click would turn it into status 1

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=CommandGroup, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="imctool")
def program() -> None:
    """Forensics and repair for the spool of the Exchange 4.0, 5.0 and 5.5 Internet Mail
    Connector / Internet Mail Service.

    imctool reads evidence on any machine: a copied Exchsrvr tree, single spool files, event
    logs, protocol and tracking logs. Reading commands never write into it.
    """


def main() -> NoReturn:
    """Run the program and end the process with the status of the contract."""
    signal.signal(signal.SIGTERM, _terminated)
    gc.set_threshold(2_000_000, 20, 100)  # records make no cycles; looking for some costs a sixth
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    try:
        status = program.main(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as ending:
        status = ending.exit_code
    except click.Abort:
        status = exit_status.SIGNAL + signal.SIGINT
    except click.ClickException as error:
        _show(error)
        status = error.exit_code
    except KeyboardInterrupt:
        click.echo("imctool: interrupted", err=True)
        status = exit_status.SIGNAL + signal.SIGINT
    except (ReaderGoneError, BrokenPipeError):
        # End as a tool that the pipe's signal killed would, silently.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = exit_status.SIGNAL + getattr(signal, "SIGPIPE", 13)
    except OSError as error:
        from imctool.report.safe_text import safe_text

        where = f"{error.filename}: " if error.filename else ""
        click.echo(safe_text(f"imctool: {where}{error.strerror or error}"), err=True)
        status = exit_status.SOME_NOT_DONE
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the work is done: nothing left to interrupt
    sys.exit(status if isinstance(status, int) else exit_status.NOTHING_WRONG)


def _show(error: click.ClickException) -> None:
    """Tell what was wrong; it may quote names of the evidence, which must not reach a terminal."""
    from imctool.report.safe_text import safe_text

    shown = StringIO()
    error.show(shown)
    for line in shown.getvalue().splitlines():
        click.echo(safe_text(line), err=True)


def _terminated(number: int, frame: object) -> NoReturn:
    raise SystemExit(exit_status.SIGNAL + number)
