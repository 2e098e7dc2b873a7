"""`paperdesk completion`: completion scripts of shells, and the answers to a shell's completion requests."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated, Final

import typer

COMPLETION_VARIABLE: Final = "_PAPERDESK_COMPLETE"
"""Set in the environment when a shell asks for completions."""

EXAMPLES: Final = """
[bold]Examples[/bold]

  source <(paperdesk completion bash)

  source <(paperdesk completion zsh)

  paperdesk completion fish | source
"""


class Shell(StrEnum):
    """Shells that can complete commands."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def register_commands(app: typer.Typer) -> None:
    """Register the command."""
    app.command(epilog=EXAMPLES)(completion)


def completion(shell: Annotated[Shell, typer.Argument(help="The shell.", show_default=False)]) -> int:
    """Print a shell's completion script for commands and options; source it from the shell's start file."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # it is what typer itself prints

    print(get_completion_script(prog_name="paperdesk", complete_var=COMPLETION_VARIABLE, shell=shell))
    return 0


def answer_shell() -> None:
    """Load what answers a shell's completion request; any other call does nothing here."""
    if COMPLETION_VARIABLE in os.environ:
        from typer.completion import get_completion_inspect_parameters

        get_completion_inspect_parameters()
