"""`paperdesk config`: the settings in force and their sources; secrets are masked."""

from __future__ import annotations

import typer

from cli import options as o
from cli.json_output import print_json
from cli.tables import show_rows
from common.settings import SHARED, CommonSettings, describe, load, settings_models

app = typer.Typer()

EXAMPLES = """
[bold]Examples[/bold]

  paperdesk config

  STRATEGY=ema_cross paperdesk config --json
"""


@app.command(epilog=EXAMPLES)
def config(as_json: o.AsJson = False) -> int:
    """Show every service's settings in force and the source of each value; secrets are masked."""
    shared = {name for name, _, _ in describe(load(CommonSettings))}
    rows = [
        {"service": service, "setting": name, "value": value, "source": source}
        for service, model in settings_models().items()
        for name, value, source in describe(load(model))
        if service == SHARED or name not in shared
    ]
    if as_json:
        print_json(rows)
    else:
        show_rows(rows, ("service", "setting", "value", "source"), none="no settings")
    return 0
