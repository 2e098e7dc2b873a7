"""`paperdesk completion`: what a shell reads to complete commands and options."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated, Final

import typer

COMPLETION_VARIABLE: Final = "_PAPERDESK_COMPLETE"
"""In the environment of a call in which a shell asks how to go on."""

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


def completion(shell: Annotated[Shell, typer.Argument(help="Whose script it is.", show_default=False)]) -> int:
    """Print the script with which a shell completes commands and options; the shell's start file reads it."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # it is what typer itself prints

    print(get_completion_script(prog_name="paperdesk", complete_var=COMPLETION_VARIABLE, shell=shell))
    return 0


def answer_shell() -> None:
    """Be ready to answer, where a shell asks; every other call has nothing to do with it."""
    if COMPLETION_VARIABLE in os.environ:
        from typer.completion import get_completion_inspect_parameters

        get_completion_inspect_parameters()
