"""`paperdesk replay`: trade recorded ticks with the processes of a desk."""

from __future__ import annotations

import typer

from cli import options as o
from cli.option_groups import with_option_groups
from cli.output_file import output_file
from cli.paths import data_directory
from cli.run_options import DEFAULT_SPEED, OutputOptions, RunOptions, speed_option
from cli.tick_arguments import show_remarks

app = typer.Typer()

EXAMPLES = """
[bold]Examples[/bold]

  paperdesk replay eurusd.parquet:EURUSD

  paperdesk replay eurusd.parquet:EURUSD nzdusd.parquet:NZDUSD --speed max

  paperdesk replay may.parquet --symbol EURUSD --data-dir desk

  paperdesk replay june.parquet --symbol EURUSD --data-dir desk --continue
"""


@app.command(epilog=EXAMPLES)
@with_option_groups
def replay(run: RunOptions, output: OutputOptions, speed: o.Speed = DEFAULT_SPEED) -> int:
    """Trade recorded ticks with the processes of a desk, on a simulated venue.

    Exit code 0 when ledger and venue agree at the end, 1 when they do not, 2 when the replay could not be run.
    """
    speed = speed_option(speed)
    run.check()
    from cli import recorded_runs as runs  # polars and the ledger load slowly, and only a run needs them

    spec = runs.run_spec(run, account=runs.continued_account(output))
    out = None if output.report is None else output_file(output.report, "--report", force=output.force)
    with data_directory(output.data_dir, go_on=output.go_on) as folder:
        if not output.accept_other_code:
            runs.require_same_code(spec, data_dir=folder)
        stream = show_remarks(spec.load())
        interrupted = runs.require_continuable(spec, stream, data_dir=folder)
        runs.print_continuation(interrupted, stream, as_json=output.as_json)
        runs.print_model_data(spec, stream, as_json=output.as_json)
        report, failure = runs.replay_with_progress(spec, stream, speed=speed, data_dir=folder)
    return runs.finish_run(report, failure, out=out, as_json=output.as_json)
