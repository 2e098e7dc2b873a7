"""Declarations of the options and arguments that several commands share, in the form that typer reads.

An option whose type or default differs between commands is a constant in capitals, which each command annotates with
its own type.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.query_options import AsJson as AsJson
from cli.query_options import RunningDesk as RunningDesk
from cli.query_options import Url as Url
from common.project_root import DEFAULT_DATA_DIR, HAS_OWN_DESK
from marketdata.files.tick_input import Crossed
from research.backtest_engine import DEFAULT_ENGINE, BacktestEngine
from services.portfolio.config_files.limits_file import RISK_SETS
from services.portfolio.core.plan.on_opposite import OnOpposite

_RISK_SETS: Final = ", ".join(RISK_SETS)
_LAYOUTS: Final = "Parquet, MetaTrader 5, TrueFX, HistData, LEAN, Dukascopy, or a table with a header; plain, gzip, zip"
TICK_FILE_HELP: Final = f"File of ticks, or a folder of them: {_LAYOUTS}."


def with_default(option: Any, text: str) -> Any:
    """A copy of an option's declaration; the help shows `text` as its default."""
    changed = copy.copy(option)
    changed.show_default = text
    return changed


# --------------------------------------------------------------------------------------------------------------- output

Force = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]

# ----------------------------------------------------------------------------------------------------------- which desk

DeskFolder = Annotated[
    Path, typer.Option("--data-dir", metavar="DIR", help="The desk's data directory.", show_default=HAS_OWN_DESK)
]
OWN_FOLDER: Final[Any] = DEFAULT_DATA_DIR if HAS_OWN_DESK else ...
"""Default of DeskFolder: the data directory in a desk of `paperdesk init`; elsewhere the option is required."""

NEW_DATA_DIR: Final = typer.Option("--data-dir", metavar="DIR", help="Folder for the desk's files.")

# ---------------------------------------------------------------------------------------------------------------- ticks

Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE[:SYMBOL]", help=f"Tick files, or folders of them: {_LAYOUTS}.", show_default=False),
]
Symbol = Annotated[
    str | None, typer.Option("--symbol", metavar="SYMBOL", help="Symbol of files that are given without a symbol.")
]
Zone = Annotated[
    str | None,
    typer.Option(
        "--zone",
        metavar="ZONE",
        help="Time zone of files without a time zone, such as Europe/Athens or new_york_close.",
    ),
]
UtcOffset = Annotated[
    str | None, typer.Option("--utc-offset", metavar="+HH:MM", help="Time zone of these files as an offset from UTC.")
]
FromRow = Annotated[int | None, typer.Option("--from-row", metavar="A", help="First row of each file, from 1.")]
ToRow = Annotated[int | None, typer.Option("--to-row", metavar="B", help="Last row of each file.")]
CrossedQuotes = Annotated[Crossed, typer.Option("--crossed", help="Handling of quotes whose bid is above the ask.")]
SEED: Final = typer.Option("--seed", metavar="K", help="Seed of every random draw.")

# -------------------------------------------------------------------------------------------------- strategy and orders

STRATEGY: Final = typer.Option(
    "--strategy", metavar="NAME", help="Strategy by name, package.module:Class, or SYMBOL=NAME for each symbol."
)
PARAM: Final = typer.Option(
    "--param",
    metavar="NAME=VALUE",
    help="Value of a strategy's parameter, SYMBOL:NAME=VALUE for one symbol; repeatable.",
)
MODEL: Final = typer.Option("--model", metavar="DIR", help="Folder of the model for xgboost.")
RISK: Final = typer.Option("--risk", metavar="NAME|FILE", help=f"Risk limits: {_RISK_SETS}, or a TOML file.")
PlanFile = Annotated[
    Path | None,
    typer.Option("--plan", metavar="FILE", help="Trading plan: sizes, order types, stops and exits, as a TOML file."),
]
Opposite = Annotated[OnOpposite, typer.Option("--on-opposite", help="Action on a signal opposite to the position.")]
Engine = Annotated[
    BacktestEngine | None,
    typer.Option(
        "--engine",
        help="Process every tick, or only those that may have a consequence: the same results, faster.",
        show_default=str(DEFAULT_ENGINE),
    ),
]
Speed = Annotated[
    str,
    typer.Option(
        "--speed",
        metavar="SPEED",
        help="lockstep, max, or a multiple of the recorded speed. The results do not depend on it.",
    ),
]

# ---------------------------------------------------------------------------------------------------------------- venue

FILLS: Final = typer.Option(
    "--fills",
    metavar="NAME|FILE",
    help="Fill model: ideal (at the touch, no costs), realistic (delay, slippage, charges), or a TOML file.",
)
INSTRUMENTS: Final = typer.Option(
    "--instruments", metavar="NAME|FILE", help="Contract terms of symbols: a TOML file or the name of a shipped one."
)
ACCOUNT_MODE: Final = typer.Option(
    "--account-mode",
    metavar="netting|hedging",
    help="One position per symbol (netting) or one per order (hedging).",
    case_sensitive=False,
)
LEVERAGE: Final = typer.Option("--leverage", metavar="N", help="Notional divided by margin; 0 requires no margin.")
