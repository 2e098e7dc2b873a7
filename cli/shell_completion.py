"""Completion requests of a shell, which calls the command with an environment variable."""

from __future__ import annotations

import os
from typing import Final

from typer.completion import get_completion_inspect_parameters

COMPLETION_VARIABLE: Final = "_PAPERDESK_COMPLETE"
"""Set in the environment when a shell requests completions."""


def prepare_completion() -> None:
    """Register the shells with typer if this call is a completion request."""
    if COMPLETION_VARIABLE in os.environ:
        get_completion_inspect_parameters()
