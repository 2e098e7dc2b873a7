"""The options of a run over recorded ticks, and the checks of them that need no slow library.

The text of each StartError has the option, its value and the expected value. The other checks are in
`cli.recorded_runs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from cli import options as o
from cli.tick_arguments import clock_option, parse_tick_files
from common.errors import StartError
from marketdata.files.tick_input import DEFAULT_CROSSED
from proto.trading.defaults import (
    DEFAULT_BALANCE,
    DEFAULT_CURRENCY,
    DEFAULT_LEVERAGE,
    DEFAULT_STRATEGY,
    DEFAULT_VOLUME,
    LEVERAGE_MAX,
    SEED_MAX,
    SPEED_MAX,
    VOLUME_MAX,
)
from proto.trading.enums import AccountMode
from proto.trading.number_text import parse_decimal, parse_float
from services.mt5.core.simulated.fill_model import IDEAL, PROFILES
from services.portfolio.config_files.limits_file import RISK_SETS
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.risk.limits import DEFAULT_LIMITS

LOCKSTEP: Final = "lockstep"
DEFAULT_SPEED: Final = LOCKSTEP
FULL_SPEED: Final = "max"
BALANCE_MAX: Final = Decimal(10) ** 12
ROW_MAX: Final = 2**53


class AccountTerms(NamedTuple):
    """Opening balance and currency of an account."""

    balance: str
    currency: str


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options and arguments of a run over recorded ticks, in the form that typer reads."""

    files: o.Files
    watch: Annotated[
        list[str] | None,
        typer.Option(
            "--watch", metavar="FILE:SYMBOL", help="Ticks for conversion rates only, never traded; repeatable."
        ),
    ] = None
    symbol: o.Symbol = None
    zone: o.Zone = None
    utc_offset: o.UtcOffset = None
    strategy: Annotated[str, o.STRATEGY] = DEFAULT_STRATEGY
    param: Annotated[list[str] | None, o.PARAM] = None
    model: Annotated[Path | None, o.with_default(o.MODEL, "the demo model")] = None
    from_row: o.FromRow = None
    to_row: o.ToRow = None
    ticks: Annotated[
        int | None, typer.Option("--ticks", metavar="N", help="Stop after N ticks of all files together.")
    ] = None
    on_opposite: o.Opposite = OnOpposite.CLOSE
    risk: Annotated[str, o.RISK] = DEFAULT_LIMITS.name
    plan: o.PlanFile = None
    crossed: o.CrossedQuotes = DEFAULT_CROSSED
    volume: Annotated[str, typer.Option("--volume", metavar="LOTS", help="Lots per order.")] = str(DEFAULT_VOLUME)
    balance: Annotated[
        str | None,
        typer.Option("--balance", metavar="MONEY", help="Cash of a new account.", show_default=str(DEFAULT_BALANCE)),
    ] = None
    currency: Annotated[
        str | None,
        typer.Option("--currency", metavar="CODE", help="Currency of a new account.", show_default=DEFAULT_CURRENCY),
    ] = None
    seed: Annotated[int, o.SEED] = 0
    fills: Annotated[str, o.FILLS] = IDEAL.name
    instruments: Annotated[str, o.with_default(o.INSTRUMENTS, "the simulated broker's")] = ""
    account_mode: Annotated[AccountMode, o.with_default(o.ACCOUNT_MODE, "netting")] = AccountMode.NETTING
    leverage: Annotated[int, o.LEVERAGE] = DEFAULT_LEVERAGE

    def check(self) -> None:
        """Refuse options that are out of range, contradictory or missing.

        Raises:
            StartError: an option is refused; the text has the option, its value and the expected value.
        """
        self.parsed_volume()
        self.parsed_balance()
        check_rows(self.from_row, self.to_row)
        if self.ticks is not None and not 1 <= self.ticks <= ROW_MAX:
            raise StartError(f"--ticks is {self.ticks}, expected 1 or more")
        if self.ticks is not None and self.to_row is not None:
            raise StartError(f"--ticks {self.ticks} with --to-row {self.to_row}, expected one of the two")
        check_seed(self.seed)
        check_leverage(self.leverage)
        parse_tick_files(self.files, self.symbol)
        parse_tick_files(self.watch or (), None)
        clock_option(self.zone, self.utc_offset)
        risk_option(self.risk)
        plan_option(self.plan)
        fills_option(self.fills)
        param_option(self.param)

    def parsed_volume(self) -> Decimal:
        """The volume of each order in lots.

        Raises:
            StartError: the volume is no number, or not above 0 and at most VOLUME_MAX.
        """
        return decimal_option("--volume", self.volume, most=VOLUME_MAX, unit="lots")

    def parsed_balance(self) -> Decimal | None:
        """The opening balance of a new account, in account currency; None when the option is not given.

        Raises:
            StartError: the balance is no number, or not above 0 and at most BALANCE_MAX.
        """
        return (
            None if self.balance is None else decimal_option("--balance", self.balance, most=BALANCE_MAX, unit="money")
        )


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """The options for the output of a run: the data directory, the report and JSON."""

    data_dir: Annotated[Path | None, o.with_default(o.NEW_DATA_DIR, "a temporary folder")] = None
    go_on: Annotated[bool, typer.Option("--continue", help="Continue with the account in --data-dir.")] = False
    accept_other_code: Annotated[
        bool, typer.Option("--accept-other-code", help="Continue although the code of a strategy has changed.")
    ] = False
    report: Annotated[
        Path | None, typer.Option("--report", metavar="OUT.json", help="Write the report to this file as well.")
    ] = None
    force: o.Force = False
    as_json: o.AsJson = False


def check_rows(from_row: int | None, to_row: int | None) -> None:
    """Refuse a range of rows that is empty or out of range.

    Args:
        from_row: first row of each file, from 1; None when not given.
        to_row: last row of each file, from 1; None when not given.

    Raises:
        StartError: a row is below 1 or above ROW_MAX, or `to_row` is below `from_row`.
    """
    for name, value in (("--from-row", from_row), ("--to-row", to_row)):
        if value is not None and not 1 <= value <= ROW_MAX:
            raise StartError(f"{name} is {value}, expected 1 or more")
    if from_row is not None and to_row is not None and to_row < from_row:
        raise StartError(f"--to-row is {to_row}, expected --from-row {from_row} or more")


def check_seed(seed: int, *, most: int = SEED_MAX) -> None:
    """Refuse a seed below 0 or above `most`.

    Raises:
        StartError: the seed is out of range.
    """
    if not 0 <= seed <= most:
        raise StartError(f"--seed is {seed}, expected 0 to {most}")


def check_leverage(leverage: int) -> None:
    """Refuse a `leverage` below 0 or above LEVERAGE_MAX; 0 means that no margin is required.

    Raises:
        StartError: the leverage is out of range.
    """
    if not 0 <= leverage <= LEVERAGE_MAX:
        raise StartError(f"--leverage is {leverage}, expected 0 (no margin) to {LEVERAGE_MAX}")


def check_watched(symbols: Sequence[str], watched: Sequence[str]) -> None:
    """Refuse symbols that are both traded and watched.

    Raises:
        StartError: a watched symbol is also traded; the text has the first such symbol.
    """
    for symbol in watched:
        if symbol in symbols:
            raise StartError(
                f"--watch has {symbol}, expected symbols that are not traded: traded symbols are quoted without --watch"
            )


def risk_option(text: str) -> str:
    """The name of a set of risk limits, or the absolute path of a file of limits.

    The path is absolute because the processes run in another folder.

    Raises:
        StartError: `text` is no name of a set, and the file does not exist.
    """
    if text in RISK_SETS:
        return text
    path = Path(text)
    if not path.is_file():
        raise StartError(f"--risk is {text!r}, expected {', '.join(RISK_SETS)} or an existing file of limits")
    return str(path.resolve())


def fills_option(text: str) -> str:
    """The name of a fill profile, or the absolute path of a file with a fill profile.

    Raises:
        StartError: `text` is no name of a profile, and the file does not exist.
    """
    if text in PROFILES:
        return text
    path = Path(text)
    if not path.is_file():
        raise StartError(f"--fills is {text!r}, expected {', '.join(PROFILES)} or an existing file of a fill profile")
    return str(path.resolve())


def plan_option(path: Path | None) -> str:
    """The absolute path of a plan's file, because the processes run in another folder; empty without a plan.

    Raises:
        StartError: the file does not exist.
    """
    if path is None:
        return ""
    if not path.is_file():
        raise StartError(f"--plan is {str(path)!r}, expected an existing file of a plan")
    return str(path.resolve())


def param_option(values: Sequence[str] | None) -> str:
    """The values of strategies' parameters, separated by commas; empty without any.

    Raises:
        StartError: a value is empty.
    """
    for value in values or ():
        if not value.strip():
            raise StartError(f"--param is {value!r}, expected NAME=VALUE such as fast_ticks=20")
    return ",".join(values or ())


def decimal_option(name: str, text: str, *, most: Decimal, unit: str) -> Decimal:
    """The value of a decimal option.

    Args:
        name: name of the option.
        text: value from the command line.
        most: the largest allowed value. A value of 0 or below is refused.
        unit: unit of the value, for the text of the error.

    Raises:
        StartError: the text is no number, or the value is out of range.
    """
    try:
        value = parse_decimal(text)
    except ValueError:
        value = None
    if value is None or not 0 < value <= most:
        raise StartError(f"{name} is {text!r}, expected {unit} above 0 and at most {most:f}")
    return value


def speed_option(text: str) -> str:
    """Return `text` if it is a speed: `lockstep`, `max`, or a factor above 0 and at most SPEED_MAX.

    Raises:
        StartError: the text is no speed.
    """
    if text in (LOCKSTEP, FULL_SPEED):
        return text
    try:
        factor = parse_float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor <= SPEED_MAX:
        raise StartError(
            f"--speed is {text!r}, expected lockstep, max, or a factor above 0 and at most {SPEED_MAX:.0f}"
        )
    return text
