"""`paperdesk replay`, `backtest` and `parity`: recorded ticks through the desk, with and without its processes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli import run_options as o
from cli.json_output import json_text, write_json
from cli.paths import data_directory, writable_file
from common.errors import StartError

if TYPE_CHECKING:
    from marketdata.tick_stream import TickStream
    from orchestration.progress import ProgressDisplay
    from research.run_spec import RunSpec

REPLAY_EXAMPLES = """
[bold]Examples[/bold]

  paperdesk replay eurusd.parquet:EURUSD

  paperdesk replay eurusd.parquet:EURUSD nzdusd.parquet:NZDUSD --speed max

  paperdesk replay may.parquet --symbol EURUSD --data-dir desk

  paperdesk replay june.parquet --symbol EURUSD --data-dir desk --continue
"""
BACKTEST_EXAMPLES = """
[bold]Examples[/bold]

  paperdesk backtest eurusd.parquet:EURUSD --on-opposite reverse --risk none

  paperdesk backtest eurusd.parquet:EURUSD --from-row 1000 --to-row 50000 --json
"""
PARITY_EXAMPLES = """
[bold]Examples[/bold]

  paperdesk parity eurusd.parquet:EURUSD --ticks 20000

  paperdesk parity eurusd.parquet:EURUSD --speed max --on-opposite reverse
"""


def register_commands(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(epilog=REPLAY_EXAMPLES)(replay)
    app.command(epilog=BACKTEST_EXAMPLES)(backtest)
    app.command(epilog=PARITY_EXAMPLES)(parity)


@o.with_run_options
def replay(
    run: o.RunOptions,
    speed: o.Speed = o.DEFAULT_SPEED,
    data_dir: o.DataDir = None,
    go_on: o.Continue = False,
    report: o.Report = None,
    as_json: o.AsJson = False,
) -> int:
    """Replay recorded ticks through the real processes on a simulated venue.

    Exit code 0 when ledger and venue agree at the end, 1 when they do not, 2 when it could not be run.
    """
    speed = o.speed_option(speed)
    spec = o.run_spec(run, going_on=_terms_of(data_dir) if go_on and data_dir is not None else None)
    out = None if report is None else writable_file(report, "--report")
    with data_directory(data_dir, go_on=go_on) as folder:
        stream = spec.load()
        _require_news(spec, stream, data_dir=folder)
        found, halted = _replayed(spec, stream, speed=speed, data_dir=folder)
    return _told(found, halted, out=out, as_json=as_json)


@o.with_run_options
def backtest(
    run: o.RunOptions,
    data_dir: o.DataDir = None,
    go_on: o.Continue = False,
    report: o.Report = None,
    as_json: o.AsJson = False,
) -> int:
    """Run the same rules over recorded ticks in one process, without sockets.

    Exit code 0 when ledger and venue agree at the end, 1 when they do not, 2 when it could not be run.
    """
    spec = o.run_spec(run, going_on=_terms_of(data_dir) if go_on and data_dir is not None else None)
    out = None if report is None else writable_file(report, "--report")
    with data_directory(data_dir, go_on=go_on) as folder:
        stream = spec.load()
        _require_news(spec, stream, data_dir=folder)
        found = _backtested(spec, stream, data_dir=folder, keep_venue=data_dir is not None)
    return _told(found, "", out=out, as_json=as_json)


@o.with_run_options
def parity(
    run: o.RunOptions,
    speed: o.Speed = o.DEFAULT_SPEED,
    data_dir: o.DataDir = None,
    as_json: o.AsJson = False,
) -> int:
    """Replay and backtest the same ticks, and compare the two field by field.

    Exit code 0 and "identical", or 1 and the differences.
    """
    speed = o.speed_option(speed)
    spec = o.run_spec(run)
    with data_directory(data_dir, go_on=False) as folder:
        differences, reports = _compared(spec, spec.load(), speed=speed, data_dir=folder)
    if as_json:
        print(json_text({"identical": not differences, "differences": differences, **reports}))
    elif differences:
        print(f"{len(differences)} differences between replay and backtest", *differences, sep="\n")
    else:
        one = reports["replay"]
        print(
            f"identical: {one['ticks']['processed']:,} ticks, {one['orders']['created']} orders, {one['deals']} deals, "
            f"balance {one['balance']} {spec.currency}"
        )
    return 1 if differences else 0


def _terms_of(data_dir: Path) -> o.AccountTerms | None:
    """What the account in the directory was opened with; None when none has been opened."""
    from proto.gateway import DealKind
    from research import ledger_views
    from services.portfolio.ledger.ledger import LEDGER_FILE_NAME

    if not (data_dir / LEDGER_FILE_NAME).is_file():
        return None
    deposits = [deal["profit"] for deal in ledger_views.deals(data_dir) if deal["kind"] == DealKind.BALANCE.value]
    currency = ledger_views.account(data_dir)["currency"]
    return o.AccountTerms(deposits[0], currency) if deposits and currency else None


def _require_news(spec: RunSpec, stream: TickStream, *, data_dir: Path) -> None:
    """Refuse ticks that the account has seen, before anything is started; an interrupted run may be gone on with.

    Raises:
        StartError: says when the ticks begin and what the account has seen.
    """
    from proto.time import utc_text
    from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger

    if not (data_dir / LEDGER_FILE_NAME).is_file():
        return
    book, cursor = read_ledger(data_dir / LEDGER_FILE_NAME)
    if book.stream is None or (book.ended is None and cursor.stream_id == spec.stream_id(stream.data_sha256)):
        return
    # A stream that was only just opened has no time of its own yet, but the marks of the one before.
    seen_ns = max([cursor.time_ns, *(mark.time_ns for mark in cursor.marks.values())])
    if stream.first_time_ns <= seen_ns:
        raise StartError(
            f"the ticks begin at {utc_text(stream.first_time_ns)}, expected later than {utc_text(seen_ns)}, which the account "
            f"in {data_dir} has seen"
        )


def _replayed(spec: RunSpec, stream: TickStream, *, speed: str, data_dir: Path) -> tuple[dict[str, Any], str]:
    from cli.progress import progress_line
    from orchestration.replay_runner import run_replay

    with progress_line("replay") as show:
        done = run_replay(spec, stream, speed=speed, data_dir=data_dir, show=show)
    return done.report, done.halted


def _backtested(spec: RunSpec, stream: TickStream, *, data_dir: Path, keep_venue: bool = False) -> dict[str, Any]:
    from cli.progress import progress_line
    from research.backtest import run_backtest

    with progress_line("backtest") as show:
        return run_backtest(
            spec, stream, data_dir=data_dir, keep_venue=keep_venue, progress=_showing(show, spec.currency)
        )


def _showing(show: ProgressDisplay, currency: str) -> Any:
    from orchestration.progress import RunProgress, TickRate
    from research.backtest import BacktestProgress

    rate = TickRate()

    def tell(progress: BacktestProgress) -> None:
        show(
            RunProgress(
                ticks=progress.ticks,
                ticks_total=progress.ticks_total,
                ticks_per_s=rate.update(progress.ticks),
                orders=progress.orders,
                fills=progress.fills,
                pnl=f"{progress.realized_pnl} {currency}",
            )
        )

    return tell


def _compared(
    spec: RunSpec, stream: TickStream, *, speed: str, data_dir: Path
) -> tuple[list[str], dict[str, dict[str, Any]]]:
    from research.parity import compare

    left, right = data_dir / "replay", data_dir / "backtest"
    for folder in (left, right):
        folder.mkdir(mode=0o700)
    one, halted = _replayed(spec, stream, speed=speed, data_dir=left)
    other = _backtested(spec, stream, data_dir=right)
    differences = [f"replay: halted {halted}"] if halted else []
    for name, report in (("replay", one), ("backtest", other)):
        if not report["reconciled"]:
            differences.append(f"{name}: ledger and venue do not agree at the end")
    return differences + compare(left, right), {"replay": one, "backtest": other}


def _told(report: dict[str, Any], halted: str, *, out: Path | None, as_json: bool) -> int:
    from cli.report_view import show_report

    if out is not None:
        write_json(out, report)
    if as_json:
        print(json_text(report))
    else:
        show_report(report)
    if halted:
        print(f"paperdesk: the desk halted: {halted}", file=sys.stderr)
    return 0 if report["reconciled"] and not halted else 1
