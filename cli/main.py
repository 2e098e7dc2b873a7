"""The `paperdesk` command: one command line is parsed, run, and ended with an exit code.

A command returns its exit code. A StartError ends it with one line on stderr and exit code 2; with `--json` the line is
on stdout as JSON as well. An interrupt stops what runs, in order, and ends with 128 plus the number of the signal.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Annotated, Final, NoReturn

import typer

from cli.command_group import HELP_OPTIONS, CommandGroup
from cli.json_output import print_json
from cli.shell_completion import prepare_completion
from common.build_info import build_info
from common.disk_faults import disk_fault
from common.errors import StartError
from common.lingering_threads import end_despite_threads
from common.standard_streams import guard_standard_streams
from research.call_watch import watch_calls

HELP = "A paper-trading desk for MetaTrader 5 style trading. Everything it trades is SIMULATED."
EXIT_UNUSABLE = 2
COLUMNS_MIN: Final = 20
COLUMNS_MAX: Final = 10_000
"""Widths that help and tables are laid out for."""

JSON = "--json"
WRITES_JSON_TO_A_FILE = ("chaos", "chaos-truth", "crash-points")
"""Commands whose `--json` names a file."""

RUNS_STRATEGIES = ("backtest",)
"""Commands that run strategies in their own process."""

app = typer.Typer(
    cls=CommandGroup,
    help=HELP,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": list(HELP_OPTIONS)},
)


def _show_version(is_asked: bool) -> None:
    """Print version, Python and platform, and exit."""
    if is_asked:
        build = build_info()
        revision = f" ({build.revision})" if build.revision else ""
        print(f"paperdesk {build.version}{revision}, Python {build.python}, {sys.platform} {build.platform}")
        raise typer.Exit


@app.callback()
def _paperdesk(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    pass


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """Unwind as Ctrl-C does, so that started processes are stopped."""
    raise SystemExit(128 + number)


def run(arguments: list[str], *, has_own_process: bool = False) -> int:
    """Run one command line and return its exit code; with `has_own_process`, strategies run in a child process."""
    # A shell starts background jobs with SIGINT ignored; one that is sent explicitly must work all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # ignored under nohup
        signal.signal(signal.SIGHUP, _end)
    try:
        prepare_completion()
        line = arguments or ["--help"]
        if has_own_process and line[0] in RUNS_STRATEGIES:
            watch_calls(_print_notice)  # before any library of the command starts a thread
        code = typer.main.get_command(app)(line, prog_name="paperdesk", standalone_mode=False)
        sys.stdout.flush()
    except StartError as error:
        return _refuse(arguments, str(error), error.details)
    except PermissionError as error:
        # Also from a mere look for a file in a folder that may not be entered.
        if error.filename is None:
            raise
        return _refuse(arguments, f"{error.filename}: {error.strerror}; expected a file or folder with access")
    except typer.TyperException as error:
        return _refuse(arguments, error.format_message().replace("Value error, ", ""))
    except typer.Abort:
        return 1
    except Exception as error:  # libraries raise a disk fault as an error of their own; any other is raised again
        fault = disk_fault(error)
        if fault is None:
            raise
        path = getattr(error, "filename", None) or "a file"  # commands name the files that they write
        return _refuse(arguments, f"{path} cannot be written: {fault}; expected a disk with room")
    if code == 128 + signal.SIGINT:
        print("paperdesk: interrupted; every process that it had started is stopped", file=sys.stderr)
    return int(code or 0)


def _disregard_impossible_width() -> None:
    """Ignore a COLUMNS too narrow for text, or so wide that a page takes minutes to fill."""
    width = os.environ.get("COLUMNS", "")
    if width.isdigit() and not COLUMNS_MIN <= int(width) <= COLUMNS_MAX:
        del os.environ["COLUMNS"]


def _print_notice(line: str) -> None:
    print(f"paperdesk: {line}", file=sys.stderr, flush=True)


def _refuse(arguments: list[str], message: str, details: tuple[str, ...] = ()) -> int:
    """Print an error as one line on stderr, and with `--json` as JSON on stdout."""
    line = " ".join(message.split())
    print(f"paperdesk: {line}", *details, sep="\n", file=sys.stderr)
    if JSON in arguments and arguments[0] not in WRITES_JSON_TO_A_FILE:
        with suppress(StartError, SystemExit):  # nobody reads stdout; the line is on stderr
            print_json({"error": line})
            sys.stdout.flush()
    return EXIT_UNUSABLE


def main() -> NoReturn:
    """The entry point of the installed command."""
    guard_standard_streams(is_log=False)
    _disregard_impossible_width()
    try:
        code = run(sys.argv[1:], has_own_process=True)
    except SystemExit as ended:
        code = int(ended.code or 0)
    with suppress(StartError, SystemExit):  # after a command that was refused or interrupted
        sys.stdout.flush()
    end_despite_threads(code, _print_notice)
    sys.exit(code)


if __name__ == "__main__":
    main()
