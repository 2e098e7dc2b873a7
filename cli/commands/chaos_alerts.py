"""`paperdesk chaos-alerts`: kill notify at random moments while events flow, and check what arrived."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.table import Table

from cli import options as o
from cli.commands.chaos import DataDir, Seed
from cli.output_file import output_file
from cli.paths import data_directory
from cli.progress import status_line
from cli.tables import console
from verification.chaos.alert_kills import AlertKillsResult, run_alert_kills

app = typer.Typer()

EXAMPLES: Final = """
[bold]Example[/bold]

  paperdesk chaos-alerts --kills 20 --seed 7
"""
SHOWN_MAX: Final = 40


@app.command("chaos-alerts", epilog=EXAMPLES)
def chaos_alerts(
    kills: Annotated[int, typer.Option("--kills", min=0, max=10_000, metavar="N", help="Number of kills.")] = 20,
    seed: Seed = 1,
    data_dir: DataDir = None,
    report: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Write the result to this file as JSON.")
    ] = None,
    force: o.Force = False,
) -> int:
    """Kill notify `--kills` times at random while it sends alerts to a webhook and a mail server that fail at random.

    Exit code 0 when every event arrived at each target, and messages were repeated only after a lost answer or a kill,
    with the same key; 1 otherwise, 2 when the run could not be made.
    """
    out = None if report is None else output_file(report, "--json", force=force)
    with data_directory(data_dir, go_on=False) as folder, status_line("chaos-alerts") as show:
        found = run_alert_kills(folder, kills=kills, seed=seed, on_progress=show)
    if out is not None:
        out.write_json(msgspec.to_builtins(found))
    _show(found)
    return 1 if found.wrong else 0


def _show(found: AlertKillsResult) -> None:
    table = Table(title=f"Alerts under kills, seed {found.seed}: SIMULATED")
    names = ("target", "messages", "receipts", "failures", "lost answers", "repeated by kills")
    for name in names:
        table.add_column(name, justify="left" if name == "target" else "right")
    for one in found.targets:
        table.add_row(*(str(getattr(one, name.replace(" ", "_"))) for name in names))
    console().print(table)
    print(f"{found.kills} kills, {found.early_kills} of them during the start, {found.events} events")
    for text in found.wrong[:SHOWN_MAX]:
        print(text)
    if found.wrong:
        print(f"{len(found.wrong)} faults; to repeat: paperdesk chaos-alerts --kills {found.kills} --seed {found.seed}")
    else:
        print("every event arrived at each target")
