"""`paperdesk replay`: recorded ticks through the processes of a desk."""

from __future__ import annotations

import typer

from cli import run_options as o
from cli.output_file import Force, output_file
from cli.paths import data_directory
from cli.recorded_runs import (
    finish_run,
    opened_terms,
    replay_with_progress,
    require_unseen_ticks,
    tell_model_data,
)
from cli.tick_arguments import show_remarks

REPLAY_EXAMPLES = """
[bold]Examples[/bold]

  paperdesk replay eurusd.parquet:EURUSD

  paperdesk replay eurusd.parquet:EURUSD nzdusd.parquet:NZDUSD --speed max

  paperdesk replay may.parquet --symbol EURUSD --data-dir desk

  paperdesk replay june.parquet --symbol EURUSD --data-dir desk --continue
"""


def register_commands(app: typer.Typer) -> None:
    """Register the command."""
    app.command(epilog=REPLAY_EXAMPLES)(replay)


@o.with_run_options
def replay(
    run: o.RunOptions,
    speed: o.Speed = o.DEFAULT_SPEED,
    data_dir: o.DataDir = None,
    go_on: o.Continue = False,
    report: o.Report = None,
    force: Force = False,
    as_json: o.AsJson = False,
) -> int:
    """Replay recorded ticks through the real processes on a simulated venue.

    Exit code 0 when ledger and venue agree at the end, 1 when they do not, 2 when it could not be run.
    """
    speed = o.speed_option(speed)
    spec = o.run_spec(run, going_on=opened_terms(data_dir) if go_on and data_dir is not None else None)
    out = None if report is None else output_file(report, "--report", force=force)
    with data_directory(data_dir, go_on=go_on) as folder:
        stream = show_remarks(spec.load())
        require_unseen_ticks(spec, stream, data_dir=folder)
        tell_model_data(spec, stream, as_json=as_json)
        found, failure = replay_with_progress(spec, stream, speed=speed, data_dir=folder)
    return finish_run(found, failure, out=out, as_json=as_json)
