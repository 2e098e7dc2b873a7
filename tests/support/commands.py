"""All commands of the command line, read from Typer, so that new commands are included automatically."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cli.command_group import ENTRIES, load_command


def commands_by_words() -> dict[tuple[str, ...], Any]:
    """Each command by its path, such as ("ticks", "describe"), and each group that can be run without a command."""
    found: dict[tuple[str, ...], Any] = {}
    for name, entry in ENTRIES.items():
        found |= _commands_below(load_command(entry), (name,))
    return found


def every_command() -> tuple[tuple[str, ...], ...]:
    """The path of each command."""
    return tuple(commands_by_words())


def _commands_below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    below = getattr(command, "commands", None)
    if below is None or command.invoke_without_command:
        yield words, command
    for name, one in (below or {}).items():
        yield from _commands_below(one, (*words, name))
