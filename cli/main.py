"""The `paperdesk` command: parse one command line, run the command, and end with its exit code.

A StartError ends the command with one line on stderr and exit code 2; with `--json` the line is also printed on stdout
as JSON. After a signal, such as SIGINT by Ctrl-C, the started processes are stopped, and the exit code is 128 plus the
number of the signal. After Ctrl-C, `paperdesk run` has the same exit code as at the end of its duration, and
`paperdesk watch` has 0.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import nullcontext, suppress
from types import FrameType
from typing import Annotated, Final, NoReturn

import typer

from cli.command_group import HELP_OPTIONS, CommandGroup
from cli.json_output import print_json
from cli.shell_completion import prepare_completion
from common.build_info import build_info
from common.disk_faults import disk_fault
from common.errors import StartError
from common.gc_control import gc_paused
from common.lingering_threads import end_despite_threads
from common.standard_streams import guard_standard_streams
from research.call_watch import AFTER_A_BREAK, watch_calls

HELP = "A desk for paper trading in the style of MetaTrader 5. Trading is SIMULATED without a MetaTrader 5 terminal."
EXIT_UNUSABLE = 2
COLUMNS_MIN: Final = 20
COLUMNS_MAX: Final = 10_000
"""Range of widths, in characters, that the environment variable COLUMNS may set for help and tables."""

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
    """Raise SystemExit, so that the command stops the processes that it started, as after Ctrl-C."""
    raise SystemExit(128 + number)


def run(arguments: list[str], *, has_own_process: bool = False) -> int:
    """Run one command line and return its exit code.

    Args:
        arguments: the command line without the name of the program.
        has_own_process: whether this process runs only this command line. A command that runs strategies then continues
            in a child process, so that a strategy that crashes or blocks is reported on stderr.
    """
    # A shell starts background jobs with SIGINT ignored, but a SIGINT sent to the command must stop it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # ignored under nohup
        signal.signal(signal.SIGHUP, _end)
    try:
        prepare_completion()
        line = arguments or ["--help"]
        runs_strategies = has_own_process and line[0] in RUNS_STRATEGIES
        if runs_strategies:
            watch_calls(_print_notice)  # before any library of the command starts a thread
        # The libraries of such a command make a million objects that live to its end.
        with gc_paused() if runs_strategies else nullcontext():
            code = typer.main.get_command(app)(line, prog_name="paperdesk", standalone_mode=False)
        sys.stdout.flush()
    except StartError as error:
        return _refuse(arguments, str(error), error.details)
    except PermissionError as error:
        # Python raises this also when a program tests for a file in a folder that the user may not enter.
        if error.filename is None:
            raise
        return _refuse(
            arguments, f"{error.filename}: {error.strerror}; expected a file or folder that the user may access"
        )
    except typer.TyperException as error:
        return _refuse(arguments, error.format_message().replace("Value error, ", ""))
    except typer.Abort:
        return 1
    except Exception as error:  # libraries wrap a disk fault in errors of their own; other errors are raised again
        fault = disk_fault(error)
        if fault is None:
            raise
        path = getattr(error, "filename", None) or "a file"
        return _refuse(arguments, f"{path} cannot be written: {fault}; expected a disk with free space")
    if code == 128 + signal.SIGINT:
        after = f"; {AFTER_A_BREAK}" if arguments and arguments[0] in RUNS_STRATEGIES else ""
        print(f"paperdesk: interrupted; every process that it had started is stopped{after}", file=sys.stderr)
    return int(code or 0)


def _disregard_impossible_width() -> None:
    """Remove COLUMNS from the environment if it is too narrow for text, or so wide that printing takes minutes."""
    width = os.environ.get("COLUMNS", "")
    if width.isdigit() and not COLUMNS_MIN <= int(width) <= COLUMNS_MAX:
        del os.environ["COLUMNS"]


def _print_notice(line: str) -> None:
    print(f"paperdesk: {line}", file=sys.stderr, flush=True)


def _refuse(arguments: list[str], message: str, details: tuple[str, ...] = ()) -> int:
    """Print an error as one line on stderr, followed by its details, and with `--json` as JSON on stdout."""
    line = " ".join(message.split())
    print(f"paperdesk: {line}", *details, sep="\n", file=sys.stderr)
    if JSON in arguments and arguments[0] not in WRITES_JSON_TO_A_FILE:
        with suppress(StartError, SystemExit):  # stdout may be closed; the line is on stderr as well
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
    with suppress(StartError, SystemExit):  # `run` has not flushed if the command was refused or interrupted
        sys.stdout.flush()
    end_despite_threads(code, _print_notice)
    sys.exit(code)


if __name__ == "__main__":
    main()
