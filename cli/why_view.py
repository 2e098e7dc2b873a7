"""The page of `paperdesk why`: the answer, then each link of the chain of causes with its facts and events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from cli.tables import console
from proto.time import utc_text

INDENT: Final = 2

TITLES: Final = {
    "by now": "current state",
    "let past": "overridden rules",
    "what would have to change": "remedy",
}
"""Headings of links and facts that differ from the names in JSON."""


def show_why(chain: Mapping[str, Any]) -> None:
    """Print the page of a chain of causes, as `WhyReply` has it."""
    out = console()
    out.print(Text(f"{chain['kind']} {chain['subject']}", style="bold"))
    out.print(Text(chain["summary"]))
    for step in chain["steps"]:
        out.print()
        head = Text(TITLES.get(step["name"], step["name"]), style="bold")
        if step["time_ns"]:
            head.append(f"  {utc_text(step['time_ns'])}", style="dim")
        out.print(head)
        grid = Table.grid(padding=(0, INDENT))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in step["facts"].items():
            grid.add_row(Text(" " * INDENT + TITLES.get(name, name), style="dim"), Text(value))
        for line in step["lines"]:
            grid.add_row(
                Text(" " * INDENT + (utc_text(line["time_ns"]) if line["time_ns"] else "")), Text(line["words"])
            )
        out.print(grid)
