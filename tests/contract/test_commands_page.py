"""docs/commands.md names every command of the desk, and the columns of every export in their order."""

import re

import pytest
import typer

from cli.commands import export, orders, status, trading_state, views
from common.project_root import PROJECT_ROOT
from research.export import COLUMNS

PAGE = (PROJECT_ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("what", COLUMNS)
def test_the_columns_of_an_export_stand_in_the_page_in_their_order(what: str) -> None:
    columns = ", ".join(f"`{name}`" for name in COLUMNS[what].__struct_fields__)
    section = next(part for part in re.split(r"\n\n", PAGE) if part.startswith(f"`{what}`"))
    assert columns in " ".join(section.split())


def test_every_command_that_asks_or_tells_a_desk_is_in_the_page() -> None:
    app = typer.Typer()
    for module in (views, export, orders, status, trading_state):
        module.register_commands(app)
    known = {name for group in (app, orders.group()) for name in names_of(group)}
    named = set(re.findall(r"[a-z-]+", " ".join(re.findall(r"`[^`]+`", PAGE.partition("## Which desk")[0]))))
    assert len(known) > 15
    assert sorted(known - named) == []


def names_of(group: typer.Typer) -> list[str]:
    """What the commands of a group are called on the command line."""
    return [str(command.name or getattr(command.callback, "__name__", "")) for command in group.registered_commands]
