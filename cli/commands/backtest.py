"""`paperdesk backtest`: trade recorded ticks with venue, signal and portfolio in one process."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from cli.option_groups import with_option_groups
from cli.output_file import output_file
from cli.paths import data_directory
from cli.run_options import OutputOptions, RunOptions
from cli.tick_arguments import show_remarks
from research.order_policy_name import OrderPolicyName

app = typer.Typer()

EXAMPLES = """
[bold]Examples[/bold]

  paperdesk backtest eurusd.parquet:EURUSD --on-opposite reverse --risk none

  paperdesk backtest eurusd.parquet:EURUSD --from-row 1000 --to-row 50000 --json

  paperdesk backtest eurusd.parquet:EURUSD --order-policy live
"""


@app.command(epilog=EXAMPLES)
@with_option_groups
def backtest(
    run: RunOptions,
    output: OutputOptions,
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
    from cli import recorded_runs as runs  # polars and the ledger load slowly, and only a run needs them

    spec = replace(runs.run_spec(run, account=runs.continued_account(output)), order_policy=order_policy)
    out = None if output.report is None else output_file(output.report, "--report", force=output.force)
    with data_directory(output.data_dir, go_on=output.go_on) as folder:
        if not output.accept_other_code:
            runs.require_same_code(spec, data_dir=folder)
        stream = show_remarks(spec.load())
        interrupted = runs.require_continuable(spec, stream, data_dir=folder)
        runs.print_continuation(interrupted, stream, as_json=output.as_json)
        runs.print_model_data(spec, stream, as_json=output.as_json)
        report = runs.backtest_with_progress(spec, stream, data_dir=folder, keep_venue=output.data_dir is not None)
    return runs.finish_run(report, "", out=out, as_json=output.as_json)
