"""The chain of causes as a page: the answer first, then each link with its numbers and what happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from cli.tables import console
from proto.time import utc_text

INDENT: Final = 2


def show_why(chain: Mapping[str, Any]) -> None:
    """Print the page."""
    out = console()
    out.print(Text(f"{chain['kind']} {chain['subject']}", style="bold"))
    out.print(Text(chain["summary"]))
    for step in chain["steps"]:
        out.print()
        head = Text(step["name"], style="bold")
        if step["time_ns"]:
            head.append(f"  {utc_text(step['time_ns'])}", style="dim")
        out.print(head)
        grid = Table.grid(padding=(0, INDENT))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in step["facts"].items():
            grid.add_row(Text(" " * INDENT + name, style="dim"), Text(value))
        for line in step["lines"]:
            grid.add_row(
                Text(" " * INDENT + (utc_text(line["time_ns"]) if line["time_ns"] else "")), Text(line["words"])
            )
        out.print(grid)
