"""`paperdesk backtest`: trade recorded ticks with venue, signal and portfolio in one process."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Annotated

import typer

from cli import options as o
from cli.option_groups import with_option_groups
from cli.output_file import output_file
from cli.paths import data_directory
from cli.run_options import OutputOptions, RunOptions
from cli.tick_arguments import show_remarks
from common.errors import StartError
from research.backtest_engine import DEFAULT_ENGINE, BacktestEngine
from research.order_policy_name import OrderPolicyName

app = typer.Typer()

EXAMPLES = """
[bold]Examples[/bold]

  paperdesk backtest eurusd.parquet:EURUSD --on-opposite reverse --risk none

  paperdesk backtest eurusd.parquet:EURUSD --from-row 1000 --to-row 50000 --json

  paperdesk backtest eurusd.parquet:EURUSD --no-ledger --json --param fast=20

  paperdesk backtest eurusd.parquet:EURUSD --order-policy live
"""


@app.command(epilog=EXAMPLES)
@with_option_groups
def backtest(
    run: RunOptions,
    output: OutputOptions,
    no_ledger: Annotated[
        bool, typer.Option("--no-ledger", help="Write no ledger, for many runs: only the report remains.")
    ] = False,
    engine: o.Engine = None,
    order_policy: Annotated[
        OrderPolicyName,
        typer.Option(
            "--order-policy",
            help="Deadlines and polling of orders as in a replay (lock-step) or on a live desk (live).",
        ),
    ] = OrderPolicyName.LOCK_STEP,
) -> int:
    """Trade recorded ticks with the strategy and rules of a desk, in one process and without sockets.

    Exit code 0 when ledger and venue agree at the end, 1 when they do not, 2 when the backtest could not be run.
    """
    run.check()
    _check(output, engine, order_policy, no_ledger=no_ledger)
    from cli import recorded_runs as runs  # polars and the ledger load slowly, and only a run needs them

    spec = replace(runs.run_spec(run, account=runs.continued_account(output)), order_policy=order_policy)
    out = None if output.report is None else output_file(output.report, "--report", force=output.force)
    keeps_venue = output.data_dir is not None
    with nullcontext() if no_ledger else data_directory(output.data_dir, go_on=output.go_on) as folder:
        if folder is not None and not output.accept_other_code:
            runs.require_same_code(spec, data_dir=folder)
        stream = show_remarks(spec.load())
        if folder is not None:
            interrupted = runs.require_continuable(spec, stream, data_dir=folder)
            runs.print_continuation(interrupted, stream, as_json=output.as_json)
        runs.print_model_data(spec, stream, as_json=output.as_json)
        report = runs.backtest_with_progress(
            spec, stream, data_dir=folder, engine=engine or DEFAULT_ENGINE, keep_venue=keeps_venue
        )
    return runs.finish_run(report, "", out=out, as_json=output.as_json)


def _check(
    output: OutputOptions, engine: BacktestEngine | None, order_policy: OrderPolicyName, *, no_ledger: bool
) -> None:
    """Refuse options that exclude one another.

    Raises:
        StartError: two options exclude one another; the text has both.
    """
    if order_policy is OrderPolicyName.LIVE and engine is BacktestEngine.EVENTS:
        raise StartError("--engine events with --order-policy live, expected --engine ticks: live runs tick by tick")
    if no_ledger and output.data_dir is not None:
        raise StartError(f"--no-ledger with --data-dir {output.data_dir}, expected one of the two")
    if no_ledger and output.go_on:
        raise StartError("--no-ledger with --continue, expected one of the two: only a ledger can be continued")
