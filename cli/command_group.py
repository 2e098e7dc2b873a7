"""The group of all commands, which imports the module of a command only when a command line names it.

To list commands, for the help or for a shell's completion, their entries in `cli.commands` are enough.
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
"""Types that the help leaves out: flags, and arguments with a metavar that shows the type."""


class CommandGroup(TyperGroup):
    """Lists commands by their entries, and loads the one that a command line names."""

    def __init__(self, **attributes: Any) -> None:
        """Fill the list; typer gives the attributes."""
        super().__init__(**attributes)
        for heading, entries in COMMANDS.items():
            for entry in entries:
                self.add_command(TyperCommand(name=entry.name, help=entry.summary, rich_help_panel=heading))
        _simplify_parameters(self)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that a line names, loaded, and the rest of the line."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else load_command(ENTRIES[name]), rest


def load_command(entry: CommandEntry) -> Any:
    """Import a command's module; the command, with the groups and commands below it."""
    app = import_module(f"cli.commands.{entry.module}").app
    command = typer.main.get_group(app).commands[entry.name]
    require_plain_numbers(command)
    _simplify_help(command)
    return command


def _simplify_help(command: Any) -> None:
    """Reflow help texts, because typer keeps the line breaks of docstrings, and leave out obvious types."""
    for below in getattr(command, "commands", {}).values():
        _simplify_help(below)
    command.help = re.sub(r"(?<!\n)\n(?!\n)", " ", command.help or "")
    _simplify_parameters(command)


def _simplify_parameters(command: Any) -> None:
    context = typer.Context(command, help_option_names=list(HELP_OPTIONS))
    for parameter in command.get_params(context):  # with the option for help, which is made here
        parameter.display_type_rich = _without_obvious_types(parameter.display_type_rich)


def _without_obvious_types(display: Callable[..., str | None]) -> Callable[..., str | None]:
    def display_type(ctx: Any) -> str | None:
        shown = display(ctx)
        return None if shown in OBVIOUS_TYPES else shown

    return display_type
