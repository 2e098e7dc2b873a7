"""`paperdesk parity`: the same ticks through the processes and through the backtest, compared field by field."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli import run_options as o
from cli.json_output import print_json
from cli.paths import data_directory
from cli.recorded_runs import backtest_with_progress, replay_with_progress, tell_model_data
from cli.report_view import print_warnings
from cli.tick_arguments import show_remarks

if TYPE_CHECKING:
    from marketdata.tick_stream import TickStream
    from research.run_spec import RunSpec

PARITY_EXAMPLES = """
[bold]Examples[/bold]

  paperdesk parity eurusd.parquet:EURUSD --ticks 20000

  paperdesk parity eurusd.parquet:EURUSD --speed max --on-opposite reverse
"""


def register_commands(app: typer.Typer) -> None:
    """Register the command."""
    app.command(epilog=PARITY_EXAMPLES)(parity)


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
        stream = show_remarks(spec.load())
        tell_model_data(spec, stream, as_json=as_json)
        differences, reports = _compared(spec, stream, speed=speed, data_dir=folder)
    if as_json:
        print_json({"identical": not differences, "differences": differences, **reports})
    elif differences:
        print(f"{len(differences)} differences between replay and backtest", *differences, sep="\n")
    else:
        one = reports["replay"]
        print(
            f"identical: {one['ticks']['processed']:,} ticks, {one['orders']['created']} orders, {one['deals']} deals, "
            f"balance {one['balance']} {spec.currency}"
        )
    if not as_json:
        print_warnings(reports["backtest"])
    return 1 if differences else 0


def _compared(
    spec: RunSpec, stream: TickStream, *, speed: str, data_dir: Path
) -> tuple[list[str], dict[str, dict[str, Any]]]:
    from research.parity import compare

    left, right = data_dir / "replay", data_dir / "backtest"
    for folder in (left, right):
        folder.mkdir(mode=0o700)
    one, failure = replay_with_progress(spec, stream, speed=speed, data_dir=left)
    other = backtest_with_progress(spec, stream, data_dir=right)
    differences = [f"replay: failed: {failure}"] if failure else []
    for name, report in (("replay", one), ("backtest", other)):
        if not report["reconciled"]:
            differences.append(f"{name}: ledger and venue do not agree at the end")
    return differences + compare(left, right), {"replay": one, "backtest": other}
