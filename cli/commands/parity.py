"""`paperdesk parity`: replay and backtest the same ticks, and compare the results field by field."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import options as o
from cli.json_output import print_json
from cli.option_groups import with_option_groups
from cli.paths import data_directory
from cli.report_view import print_warnings
from cli.run_options import DEFAULT_SPEED, RunOptions, speed_option
from cli.tick_arguments import show_remarks
from research.backtest_engine import DEFAULT_ENGINE

app = typer.Typer()

EXAMPLES = """
[bold]Examples[/bold]

  paperdesk parity eurusd.parquet:EURUSD --ticks 20000

  paperdesk parity eurusd.parquet:EURUSD --speed max --on-opposite reverse
"""


@app.command(epilog=EXAMPLES)
@with_option_groups
def parity(
    run: RunOptions,
    speed: o.Speed = DEFAULT_SPEED,
    engine: o.Engine = None,
    data_dir: Annotated[Path | None, o.with_default(o.NEW_DATA_DIR, "a temporary folder")] = None,
    as_json: o.AsJson = False,
) -> int:
    """Replay and backtest the same ticks, and compare orders, deals and account field by field.

    Exit code 0 when they are identical, 1 when they differ, 2 when a run could not be made.
    """
    speed = speed_option(speed)
    run.check()
    from cli import recorded_runs as runs  # polars and the ledger load slowly, and only a run needs them

    spec = runs.run_spec(run)
    with data_directory(data_dir, go_on=False) as folder:
        stream = show_remarks(spec.load())
        runs.print_model_data(spec, stream, as_json=as_json)
        differences, reports = runs.mode_differences(
            spec, stream, speed=speed, engine=engine or DEFAULT_ENGINE, data_dir=folder
        )
    report = reports["replay"]
    if as_json:
        print_json({"identical": not differences, "differences": differences, **reports})
    elif differences:
        print(f"{len(differences)} differences between replay and backtest", *differences, sep="\n")
    else:
        print(
            f"identical: {report['ticks']['processed']:,} ticks, {report['orders']['created']} orders, "
            f"{report['deals']} deals, balance {report['balance']} {spec.currency}"
        )
    if not as_json:
        print_warnings(reports["backtest"])
    return 1 if differences else 0
