"""Declarations of the options of every query: which desk, and JSON. They load without the options of other commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print only JSON on stdout.")]
RunningDesk = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="The desk's data directory.", show_default="the running desk"),
]
Url = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="Control socket of the desk, needed if its address is not found."),
]
