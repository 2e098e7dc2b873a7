"""`paperdesk config`: the settings in force, where each came from, and nothing secret."""

from __future__ import annotations

import typer

from cli.json_output import print_json
from cli.run_options import AsJson

EXAMPLES = """
[bold]Examples[/bold]

  paperdesk config

  STRATEGY=ema_cross paperdesk config --json
"""


def register_commands(app: typer.Typer) -> None:
    """Register the command."""
    app.command(epilog=EXAMPLES)(config)


def config(as_json: AsJson = False) -> int:
    """The settings in force of every service, and where each came from; secrets are masked."""
    from cli.tables import show_rows
    from common.settings import SHARED, CommonSettings, describe, load, settings_models

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
