"""Arguments that several commands share, and what makes a run of them.

The types below are what typer reads. `RunOptions` holds what they say of a run, unjudged; a command that is marked
`with_run_options` has them all on its command line. `run_spec` judges them: every refusal is a StartError that names the
option, the value and what was expected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from cli.option_groups import with_options_of
from cli.tick_arguments import clock_option, parse_tick_files
from common.errors import StartError
from proto.trading.number_text import parse_decimal, parse_float
from proto.trading.units import decimal_text

if TYPE_CHECKING:
    from research.run_spec import RunSpec


DEFAULT_STRATEGY: Final = "ema_cross"
DEFAULT_RISK: Final = "default"
DEMO_RISK: Final = "demo"
NAMED_RISK_SETS: Final = (DEFAULT_RISK, DEMO_RISK, "none")
DEFAULT_SPEED: Final = "lockstep"
DEFAULT_VOLUME: Final = "0.01"
DEFAULT_BALANCE: Final = "10000"
DEFAULT_CURRENCY: Final = "USD"
IDEAL_FILLS: Final = "ideal"
REALISTIC_FILLS: Final = "realistic"
DEFAULT_LEVERAGE: Final = 100
LEVERAGE_MAX: Final = 10_000


class OnOpposite(StrEnum):
    """What a signal against the position does."""

    CLOSE = "close"
    REVERSE = "reverse"


class AccountMode(StrEnum):
    """How an account keeps its positions: one a symbol, or one an order."""

    NETTING = "netting"
    HEDGING = "hedging"


class Crossed(StrEnum):
    """What becomes of quotes whose bid is above their ask."""

    REJECT = "reject"
    ACCEPT = "accept"


LAYOUTS: Final = (
    "Parquet, MetaTrader 5, TrueFX, HistData, LEAN, Dukascopy, or a table with a header; plain, gzip or zip."
)
Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE[:SYMBOL]", help=f"Files of ticks, or folders of them: {LAYOUTS}", show_default=False),
]
Watch = Annotated[
    list[str] | None,
    typer.Option(
        "--watch",
        metavar="FILE:SYMBOL",
        help="Ticks for conversion rates only: no strategy sees them. May be given several times.",
    ),
]
Zone = Annotated[
    str | None,
    typer.Option(
        "--zone", metavar="ZONE", help="Whose clock the times are: Europe/Athens, new_york_close. Where no file says."
    ),
]
UtcOffset = Annotated[
    str | None,
    typer.Option("--utc-offset", metavar="+HH:MM", help="The same as a fixed offset: often a broker's server."),
]
Symbol = Annotated[str | None, typer.Option("--symbol", help="Symbol of the files that name none.")]
StrategyName = Annotated[
    str,
    typer.Option("--strategy", help="A strategy by name, or package.module:Class, or SYMBOL=NAME for each symbol."),
]
Model = Annotated[
    Path | None,
    typer.Option("--model", metavar="DIR", help="Folder of the model for xgboost. Default: the demo model."),
]
FromRow = Annotated[int | None, typer.Option("--from-row", metavar="A", help="First row of each file, from 1.")]
ToRow = Annotated[int | None, typer.Option("--to-row", metavar="B", help="Last row of each file.")]
Ticks = Annotated[int | None, typer.Option("--ticks", metavar="N", help="Stop after so many ticks in all.")]
Speed = Annotated[
    str,
    typer.Option(
        "--speed", help="lockstep, max, or how many times faster than recorded, such as 10. Changes no digit."
    ),
]
Opposite = Annotated[OnOpposite, typer.Option("--on-opposite", help="A signal against the position.")]
Risk = Annotated[str, typer.Option("--risk", help="default, demo, none, or a TOML file of limits.")]
PlanFile = Annotated[
    Path | None,
    typer.Option("--plan", metavar="FILE", help="How much to trade, in what orders, and when to get out: a TOML file."),
]
CrossedQuotes = Annotated[Crossed, typer.Option("--crossed", help="Quotes whose bid is above their ask.")]
Volume = Annotated[str, typer.Option("--volume", metavar="LOTS", help="Lots of an order.")]
Balance = Annotated[
    str | None, typer.Option("--balance", metavar="MONEY", help=f"Cash of a new account. Default: {DEFAULT_BALANCE}.")
]
Currency = Annotated[
    str | None, typer.Option("--currency", help=f"Currency of a new account. Default: {DEFAULT_CURRENCY}.")
]
FillsName = Annotated[
    str,
    typer.Option(
        "--fills",
        help="How orders are filled: ideal (at the touch), realistic (with delay, slippage and charges), or a TOML file.",
    ),
]
Instruments = Annotated[
    str,
    typer.Option(
        "--instruments",
        metavar="FILE",
        help="Terms of symbols in place of the broker's: a TOML file, or an example's name.",
    ),
]
Mode = Annotated[AccountMode, typer.Option("--account-mode", help="One position a symbol, or one an order.")]
Leverage = Annotated[
    int, typer.Option("--leverage", metavar="N", help="Position by margin; 0: no margin is asked for.")
]
Seed = Annotated[int, typer.Option("--seed", metavar="K", help="Decides every random draw of the run.")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Keep the desk's files here. Default: a temporary folder."),
]
Continue = Annotated[bool, typer.Option("--continue", help="Go on with the account in --data-dir.")]
Report = Annotated[Path | None, typer.Option("--report", metavar="OUT.json", help="Write the report here as well.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]

VOLUME_MAX: Final = Decimal(1_000_000)
BALANCE_MAX: Final = Decimal(10) ** 12
SEED_MAX: Final = 2**63 - 1
SPEED_MAX: Final = 1e6
ROW_MAX: Final = 2**53


class AccountTerms(NamedTuple):
    """What an account was opened with."""

    balance: str
    currency: str


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What was said on the command line about a run: each field is an option as typer reads it."""

    files: Files
    watch: Watch = None
    symbol: Symbol = None
    zone: Zone = None
    utc_offset: UtcOffset = None
    strategy: StrategyName = DEFAULT_STRATEGY
    model: Model = None
    from_row: FromRow = None
    to_row: ToRow = None
    ticks: Ticks = None
    on_opposite: Opposite = OnOpposite.CLOSE
    risk: Risk = DEFAULT_RISK
    plan: PlanFile = None
    crossed: CrossedQuotes = Crossed.REJECT
    volume: Volume = DEFAULT_VOLUME
    balance: Balance = None
    currency: Currency = None
    seed: Seed = 0
    fills: FillsName = IDEAL_FILLS
    instruments: Instruments = ""
    account_mode: Mode = AccountMode.NETTING
    leverage: Leverage = DEFAULT_LEVERAGE


def with_run_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command whose first argument is a RunOptions the options of a run in place of it, before its own."""
    return with_options_of(RunOptions)(command)


def run_spec(options: RunOptions, *, going_on: AccountTerms | None = None) -> RunSpec:
    """The run that was asked for.

    Args:
        options: what was said.
        going_on: terms of the account that it goes on with; None for a new one.

    Raises:
        StartError: something about it is out of range, unknown or contradictory.
    """
    # What is cheap is judged before what takes a second to import.
    volume = decimal_option("--volume", options.volume, above=Decimal(0), most=VOLUME_MAX, unit="lots")
    terms = going_on or AccountTerms(DEFAULT_BALANCE, DEFAULT_CURRENCY)
    balance = decimal_option(
        "--balance", options.balance or terms.balance, above=Decimal(0), most=BALANCE_MAX, unit="money"
    )
    currency = options.currency or terms.currency
    if going_on is not None:
        _judge_terms(going_on, balance, currency)
    _judge_rows(options)
    if not 0 <= options.seed <= SEED_MAX:
        raise StartError(f"--seed is {options.seed}, expected 0 to {SEED_MAX}")
    require_leverage(options.leverage)
    named = parse_tick_files(options.files, options.symbol)
    watched = parse_tick_files(options.watch or (), None)
    clock = clock_option(options.zone, options.utc_offset)
    risk, plan, fills = risk_option(options.risk), plan_option(options.plan), fills_option(options.fills)

    from cli.validators import (
        require_currency,
        require_fills,
        require_fixed_volumes,
        require_limits,
        require_plan,
        require_rates,
        require_strategy,
        require_symbols,
    )
    from marketdata.files.tick_input import TickInput
    from proto.trading.enums import AccountMode as ModeOfAccount
    from research.run_spec import RunSpec
    from services.portfolio.core.plan.on_opposite import OnOpposite as Policy

    symbols = tuple(dict.fromkeys(file.symbol for file in named))
    watched_symbols = tuple(dict.fromkeys(file.symbol for file in watched))
    require_symbols((*symbols, *watched_symbols), options.instruments)
    require_unwatched(symbols, watched_symbols)
    require_currency(currency, balance)
    require_rates(symbols, watched_symbols, currency, options.instruments)
    require_strategy(options.strategy, symbols, options.model)
    require_limits(risk)
    require_fills(fills)
    require_plan(plan, symbols)
    require_fixed_volumes(volume, plan, symbols, instruments=options.instruments)
    return RunSpec(
        inputs=tuple(TickInput(file.path, file.symbol, clock) for file in named),
        watched=tuple(TickInput(file.path, file.symbol, clock) for file in watched),
        strategy=options.strategy,
        model=options.model,
        from_row=options.from_row,
        to_row=options.to_row,
        ticks_max=options.ticks,
        on_opposite=Policy(options.on_opposite),
        risk=risk,
        plan=plan,
        crossed="accept" if options.crossed is Crossed.ACCEPT else "reject",
        volume=volume,
        balance=balance,
        currency=currency,
        seed=options.seed,
        fills=fills,
        instruments=options.instruments,
        account_mode=ModeOfAccount(options.account_mode.name),
        leverage=options.leverage,
        symbol_map={},
    )


def require_unwatched(symbols: Sequence[str], watched: Sequence[str]) -> None:
    """Refuse symbols that would be both traded and watched.

    Raises:
        StartError: names the first.
    """
    for symbol in watched:
        if symbol in symbols:
            raise StartError(
                f"--watch has {symbol}, expected symbols that are not traded: the quotes of those are known"
            )


def require_leverage(leverage: int) -> None:
    """Refuse a leverage that no account has.

    Raises:
        StartError: it is out of bounds.
    """
    if not 0 <= leverage <= LEVERAGE_MAX:
        raise StartError(f"--leverage is {leverage}, expected 0 (no margin) to {LEVERAGE_MAX}")


def _judge_terms(account: AccountTerms, balance: Decimal, currency: str) -> None:
    if balance != Decimal(account.balance):
        raise StartError(
            f"--balance is {decimal_text(balance)}, but the account was opened with {account.balance}; "
            "expected no --balance with --continue"
        )
    if currency != account.currency:
        raise StartError(
            f"--currency is {currency!r}, but the account is in {account.currency}; expected no --currency with --continue"
        )


def _judge_rows(options: RunOptions) -> None:
    for name, value in (("--from-row", options.from_row), ("--to-row", options.to_row), ("--ticks", options.ticks)):
        if value is not None and not 1 <= value <= ROW_MAX:
            raise StartError(f"{name} is {value}, expected 1 or more")
    if options.ticks is not None and options.to_row is not None:
        raise StartError(f"--ticks {options.ticks} with --to-row {options.to_row}, expected one of the two")
    if options.from_row is not None and options.to_row is not None and options.to_row < options.from_row:
        raise StartError(f"--to-row is {options.to_row}, expected --from-row {options.from_row} or more")


def risk_option(text: str) -> str:
    """The name of a set of limits, or the absolute path of its file, since the processes run in another folder.

    Raises:
        StartError: it is not there.
    """
    if text in NAMED_RISK_SETS:
        return text
    path = Path(text)
    if not path.is_file():
        raise StartError(f"--risk is {text!r}, expected {', '.join(NAMED_RISK_SETS)} or a file of limits that is there")
    return str(path.resolve())


def fills_option(text: str) -> str:
    """The name of a fill profile, or the absolute path of its file.

    Raises:
        StartError: it is not there.
    """
    if text in (IDEAL_FILLS, REALISTIC_FILLS):
        return text
    path = Path(text)
    if not path.is_file():
        raise StartError(f"--fills is {text!r}, expected ideal, realistic or a file of a fill profile that is there")
    return str(path.resolve())


def plan_option(path: Path | None) -> str:
    """The absolute path of a plan's file, since the processes run in another folder; nothing for none.

    Raises:
        StartError: it is not there.
    """
    if path is None:
        return ""
    if not path.is_file():
        raise StartError(f"--plan is {str(path)!r}, expected a file of a plan that is there")
    return str(path.resolve())


def decimal_option(name: str, text: str, *, above: Decimal, most: Decimal, unit: str) -> Decimal:
    """A decimal more than `above` and at most `most`.

    Raises:
        StartError: it is none.
    """
    try:
        value = parse_decimal(text)
    except ValueError:
        value = None
    if value is None or not above < value <= most:
        raise StartError(f"{name} is {text!r}, expected {unit} more than {above} and at most {most:f}")
    return value


def speed_option(text: str) -> str:
    """`lockstep`, `max` or a factor.

    Raises:
        StartError: it is none of these.
    """
    if text in ("lockstep", "max"):
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
