"""`paperdesk init`: make the folder of a desk outside the checkout."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestration.desk_folder import make_desk, renew
from orchestration.supervisord_configuration import CONFIGURATION

app = typer.Typer()

EXAMPLES = """
[bold]Examples[/bold]

  paperdesk init ~/desks/london

  paperdesk init --renew ~/desks/london
"""


@app.command(epilog=EXAMPLES)
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.", show_default=False)],
    is_renewal: Annotated[
        bool,
        typer.Option("--renew", help=f"Make {CONFIGURATION} of an existing desk again, after an upgrade or a move."),
    ] = False,
) -> int:
    """Make the folder of an own desk: settings, strategy, plan, limits, alarms, processes and data.

    Commands that are run in the folder, or below it, use this desk.
    """
    if is_renewal:
        former = renew(folder)
        kept = f"; the former one is {former}" if former is not None else ""
        print(f"{folder / CONFIGURATION} is that of this version{kept}")
        return 0
    made = make_desk(folder)
    programs = Path(sys.executable).absolute().parent
    supervisord, supervisorctl = (shlex.quote(str(programs / name)) for name in ("supervisord", "supervisorctl"))
    print(
        f"{made} is a desk now, with a SIMULATED market. Next:\n"
        f"\n"
        f"  cd {shlex.quote(str(made))}\n"
        f"  paperdesk run                             trade until Ctrl-C\n"
        f"  paperdesk config                          the settings, from .env\n"
        f"  {supervisord} -c {CONFIGURATION}\n"
        f"                                            trade in the background\n"
        f"  paperdesk status\n"
        f"  {supervisorctl} -c {CONFIGURATION} shutdown\n"
        f"\n"
        f"Change strategy.py, plan.toml, limits.toml and .env. docs/own-desk.md leads from here to a trading VM."
    )
    return 0
