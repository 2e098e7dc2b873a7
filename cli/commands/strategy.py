"""`paperdesk strategy`: list the strategies with their parameters, and make a new one in the desk's folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec import to_builtins

from cli import options as o
from cli.json_output import print_json
from cli.printable_text import printable
from common.errors import StartError
from common.project_root import DESK_ROOT, HAS_OWN_DESK, PROJECT_ROOT, require_desk_root

if TYPE_CHECKING:
    from services.signal.strategy_descriptions import StrategyDescription

app = typer.Typer()
group = typer.Typer(help="Strategies: list them with their parameters, make a new one.")
app.add_typer(group, name="strategy")

LIST_EXAMPLES: Final = """
[bold]Examples[/bold]

  paperdesk strategy list

  paperdesk strategy list ema_cross --json
"""
NEW_EXAMPLES: Final = """
[bold]Examples[/bold]

  paperdesk strategy new mean_reversion
"""


@group.command("list", epilog=LIST_EXAMPLES)
def list_(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Strategies by name, or package.module:Class.",
            show_default="those of the desk and of its folder",
        ),
    ] = None,
    as_json: o.AsJson = False,
) -> int:
    """List strategies with their warm-up and parameters.

    Exit code 1 when a strategy cannot be loaded, else 0.
    """
    from services.signal.strategy_descriptions import strategies_in  # numpy loads slowly
    from services.signal.strategy_loader import shipped_strategies

    require_desk_root()
    own = strategies_in(DESK_ROOT) if HAS_OWN_DESK else {}
    chosen = dict.fromkeys(names, "") if names else {**dict.fromkeys(shipped_strategies(), ""), **own}
    found = {name: error or _description(name) for name, error in chosen.items()}
    if as_json:
        print_json(
            [{"name": name, "error": one} if isinstance(one, str) else to_builtins(one) for name, one in found.items()]
        )
    else:
        for name, one in found.items():
            _show(name, one)
    return 1 if any(isinstance(one, str) for one in found.values()) else 0


@group.command(epilog=NEW_EXAMPLES)
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name in lower case, with underscores.")],
) -> int:
    """Make a strategy with a parameter and its tests in the desk's folder.

    Raises:
        StartError: there is no desk's folder, or the name cannot be used.
    """
    from orchestration.new_strategy import make_strategy

    require_desk_root()
    if not HAS_OWN_DESK:
        raise StartError("no folder of a desk here, expected one that `paperdesk init` made as the working directory")
    made = make_strategy(name, DESK_ROOT)
    print(
        f"{made.module} and {made.tests.name} are a copy of the example. Next:\n"
        f"\n"
        f"  python -m unittest {made.tests.stem}\n"
        f"  paperdesk strategy list {made.name}\n"
        f"  paperdesk backtest FILE:SYMBOL --strategy {made.name}\n"
        f"\n"
        f"STRATEGY={made.name} in .env makes it the desk's strategy."
    )
    return 0


def _description(name: str) -> StrategyDescription | str:
    """The description of a strategy, or the reason why it cannot be loaded."""
    from cli.validators import require_loadable
    from services.signal.strategy_descriptions import describe_strategy
    from services.signal.strategy_loader import UnknownStrategyError

    try:
        if ":" in name:
            require_loadable(name)
        return describe_strategy(name)
    except (UnknownStrategyError, StartError) as error:
        return str(error).removeprefix("--strategy: ")


def _show(name: str, found: StrategyDescription | str) -> None:
    if isinstance(found, str):
        print(f"{name} cannot be used: {printable(found)}\n")
        return
    where = "the desk" if Path(found.file).is_relative_to(PROJECT_ROOT) else found.file
    lines = [name, f"  {found.description}", f"  comes from: {where}", f"  warm-up: {found.warm_up_ticks} ticks"]
    for one in found.parameters:
        meaning = f"; {one.description}" if one.description else ""
        lines.append(f"  {one.name}={one.default}: {one.values}{meaning}")
    if not found.parameters:
        lines.append("  no parameters")
    print(printable("\n".join(lines), keep="\n") + "\n")
