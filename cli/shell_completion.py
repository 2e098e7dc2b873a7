"""Completion requests of a shell: an environment variable on an ordinary call of the command."""

from __future__ import annotations

import os
from typing import Final

from typer.completion import get_completion_inspect_parameters

COMPLETION_VARIABLE: Final = "_PAPERDESK_COMPLETE"
"""Set in the environment when a shell requests completions."""


def prepare_completion() -> None:
    """Register the shells with typer where a shell requests completions; any other call needs none of them."""
    if COMPLETION_VARIABLE in os.environ:
        get_completion_inspect_parameters()
