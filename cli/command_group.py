"""The group of all commands. The module of a command is imported only when that command is run.

The help and a shell's completion list the commands from `cli.commands.COMMANDS` and import no module of a command.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

import typer.main
from typer.core import TyperCommand, TyperGroup

from cli.commands import COMMANDS, CommandEntry
from cli.number_options import require_plain_numbers

ENTRIES = {entry.name: entry for entries in COMMANDS.values() for entry in entries}

HELP_OPTIONS: Final = ("-h", "--help")
OBVIOUS_TYPES: Final = ("<bool>", "<str>", "<list[str]>", "<path>")
"""Types that the help omits: those of flags, and of arguments whose metavar shows the type."""


class CommandGroup(TyperGroup):
    """Lists commands from their entries, and loads the command of a command line."""

    def __init__(self, **attributes: Any) -> None:
        """Fill the list of commands; typer passes the attributes."""
        super().__init__(**attributes)
        for heading, entries in COMMANDS.items():
            for entry in entries:
                self.add_command(TyperCommand(name=entry.name, help=entry.summary, rich_help_panel=heading))
        _simplify_parameters(self)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The name of the command on a command line, the loaded command, and the remaining arguments."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else load_command(ENTRIES[name]), rest


def load_command(entry: CommandEntry) -> Any:
    """Import the module of a command, and return the command with its subcommands."""
    app = import_module(f"cli.commands.{entry.module}").app
    command = typer.main.get_group(app).commands[entry.name]
    require_plain_numbers(command)
    _simplify_help(command)
    return command


def _simplify_help(command: Any) -> None:
    """Turn docstrings into help texts: join their lines, and omit the section `Raises` and the OBVIOUS_TYPES."""
    for below in getattr(command, "commands", {}).values():
        _simplify_help(below)
    text = (command.help or "").partition("\nRaises:")[0].rstrip()
    command.help = re.sub(r"(?<!\n)\n(?!\n)", " ", text)
    _simplify_parameters(command)


def _simplify_parameters(command: Any) -> None:
    context = typer.Context(command, help_option_names=list(HELP_OPTIONS))
    for parameter in command.get_params(context):  # includes the option --help, which `get_params` creates
        parameter.display_type_rich = _without_obvious_types(parameter.display_type_rich)


def _without_obvious_types(display: Callable[..., str | None]) -> Callable[..., str | None]:
    def display_type(ctx: Any) -> str | None:
        shown = display(ctx)
        return None if shown in OBVIOUS_TYPES else shown

    return display_type
