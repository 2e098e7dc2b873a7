"""`paperdesk completion`: the completion script of a shell."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]  # typer prints the same script

from cli.shell_completion import COMPLETION_VARIABLE

app = typer.Typer()

EXAMPLES: Final = """
[bold]Examples[/bold]

  source <(paperdesk completion bash)

  source <(paperdesk completion zsh)

  paperdesk completion fish | source
"""


class Shell(StrEnum):
    """Shells for which a completion script exists."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command(epilog=EXAMPLES)
def completion(shell: Annotated[Shell, typer.Argument(help="The shell.", show_default=False)]) -> int:
    """Print the script with which a shell completes commands and options; source it in the shell's start file."""
    print(get_completion_script(prog_name="paperdesk", complete_var=COMPLETION_VARIABLE, shell=shell))
    return 0
