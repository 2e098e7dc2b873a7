"""`paperdesk backtest`: recorded ticks through the cores in one process."""

from __future__ import annotations

import typer

from cli import run_options as o
from cli.output_file import Force, output_file
from cli.paths import data_directory
from cli.recorded_runs import (
    backtest_with_progress,
    finish_run,
    opened_terms,
    require_unseen_ticks,
    tell_model_data,
)
from cli.tick_arguments import show_remarks

BACKTEST_EXAMPLES = """
[bold]Examples[/bold]

  paperdesk backtest eurusd.parquet:EURUSD --on-opposite reverse --risk none

  paperdesk backtest eurusd.parquet:EURUSD --from-row 1000 --to-row 50000 --json
"""


def register_commands(app: typer.Typer) -> None:
    """Register the command."""
    app.command(epilog=BACKTEST_EXAMPLES)(backtest)


@o.with_run_options
def backtest(
    run: o.RunOptions,
    data_dir: o.DataDir = None,
    go_on: o.Continue = False,
    report: o.Report = None,
    force: Force = False,
    as_json: o.AsJson = False,
) -> int:
    """Run the same rules over recorded ticks in one process, without sockets.

    Exit code 0 when ledger and venue agree at the end, 1 when they do not, 2 when it could not be run.
    """
    spec = o.run_spec(run, going_on=opened_terms(data_dir) if go_on and data_dir is not None else None)
    out = None if report is None else output_file(report, "--report", force=force)
    with data_directory(data_dir, go_on=go_on) as folder:
        stream = show_remarks(spec.load())
        require_unseen_ticks(spec, stream, data_dir=folder)
        tell_model_data(spec, stream, as_json=as_json)
        found = backtest_with_progress(spec, stream, data_dir=folder, keep_venue=data_dir is not None)
    return finish_run(found, "", out=out, as_json=as_json)
