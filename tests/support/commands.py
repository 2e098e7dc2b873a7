"""Every command of the command line, as Typer has it: a new command is among them without being named here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

from cli.main import application


def every_command() -> tuple[tuple[str, ...], ...]:
    """The words of each command, such as ("ticks", "describe"); of a group only where it does something by itself."""
    return tuple(_commands_below(typer.main.get_command(application("--help")), ()))


def _commands_below(command: Any, arguments: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    below = getattr(command, "commands", None)
    if below is None or (arguments and command.invoke_without_command):
        yield arguments
    for name, one in (below or {}).items():
        yield from _commands_below(one, (*arguments, name))
