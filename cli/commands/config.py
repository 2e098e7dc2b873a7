"""`paperdesk config`: the settings in force, where each came from, and nothing secret."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

import typer

from cli.json_output import print_json
from cli.run_options import AsJson

if TYPE_CHECKING:
    from common.settings import DeskSettings

SERVICES: Final = ("mt5", "signal", "portfolio", "execution", "watchdog")
SHARED: Final = "shared"

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
    from common.settings import CommonSettings, describe, load

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


def settings_models() -> dict[str, type[DeskSettings]]:
    """The settings model of each service, and what they share."""
    from common.settings import CommonSettings

    models: dict[str, type[DeskSettings]] = {SHARED: CommonSettings}
    for service in SERVICES:
        module = importlib.import_module(f"services.{service}.settings")
        models[service] = next(
            found
            for found in vars(module).values()
            if isinstance(found, type) and issubclass(found, CommonSettings) and found is not CommonSettings
        )
    return models
