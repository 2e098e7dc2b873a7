"""`paperdesk run`: the whole desk at real time, on a generated market or a recorded one, until Ctrl-C."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli import run_options as o
from cli.run_settings import HASH_CHARS, GatewayElsewhere, run_settings
from cli.tick_arguments import clock_option, parse_tick_files, show_remarks
from common.errors import StartError
from common.project_root import PROJECT_ROOT

if TYPE_CHECKING:
    from orchestration.desk_runner import DeskRunSpec

DEFAULT_DATA_DIR: Final = Path("var") / "data"
RECORDED_DATA_DIR: Final = Path("var") / "recorded"
"""A recording stands at its own dates, which are not the account's of the generated market: each has its own account."""

DEFAULT_SYMBOLS: Final = "EURUSD,GBPUSD,USDJPY,XAUUSD"
DEMO_MODEL: Final = Path("models") / "demo"
STRATEGY_OF_THE_DEMO_MODEL: Final = "xgboost"
STRATEGY_WITHOUT_A_MODEL: Final = "ema_cross"

VENUE_OPTIONS: Final = {
    "MT5_FILLS": "--fills",
    "MT5_INSTRUMENTS": "--instruments",
    "MT5_ACCOUNT_MODE": "--account-mode",
    "MT5_LEVERAGE": "--leverage",
}

EXAMPLES = """
[bold]Examples[/bold]

  paperdesk run

  paperdesk run --symbols EURUSD,XAUUSD --strategy ema_cross --data-dir desk

  paperdesk run --ticks may.parquet:EURUSD --duration 600
"""

TickFiles = Annotated[
    list[str] | None,
    typer.Option("--ticks", metavar="FILE[:SYMBOL]", help="Play recorded ticks instead. May be given several times."),
]
OneSymbol = Annotated[str | None, typer.Option("--symbol", help="Symbol of the tick files that name none.")]
Symbols = Annotated[
    str | None,
    typer.Option("--symbols", help=f"Of the generated market. Default: the account's, or {DEFAULT_SYMBOLS}."),
]
Watch = Annotated[
    list[str] | None,
    typer.Option(
        "--watch",
        metavar="SYMBOL",
        help="Symbol quoted for conversion rates only; with --ticks FILE:SYMBOL. May be given several times.",
    ),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        help="A strategy by name, or package.module:Class, or SYMBOL=NAME for each symbol. Default: the demo model.",
    ),
]
Model = Annotated[Path | None, typer.Option("--model", metavar="DIR", help="Folder of the model for xgboost.")]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="K", help="Of the generated market. Default: the account's.")
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", metavar="DIR", help=f"The account. Default: {DEFAULT_DATA_DIR}, goes on if it is there."
    ),
]
FillsName = Annotated[
    str | None,
    typer.Option(
        "--fills", help="How orders are filled: ideal, realistic or a TOML file. Default: MT5_FILLS, or realistic."
    ),
]
Instruments = Annotated[
    str | None,
    typer.Option(
        "--instruments",
        metavar="FILE",
        help="Terms of symbols: a TOML file, or an example's name. Default: MT5_INSTRUMENTS.",
    ),
]
Mode = Annotated[
    o.AccountMode | None,
    typer.Option("--account-mode", help="Of a new account: one position a symbol, or one an order. Default: netting."),
]
Leverage = Annotated[
    int | None,
    typer.Option(
        "--leverage", metavar="N", help=f"Position by margin. Default: MT5_LEVERAGE, or {o.DEFAULT_LEVERAGE}."
    ),
]
RiskSet = Annotated[
    str | None,
    typer.Option("--risk", help=f"default, demo, none, or a TOML file of limits. Default: RISK, or {o.DEMO_RISK}."),
]
Duration = Annotated[float | None, typer.Option("--duration", metavar="SECONDS", help="Stop by itself after so long.")]


def register_commands(app: typer.Typer) -> None:
    """Register the command."""
    app.command(epilog=EXAMPLES)(run)


def run(
    ticks: TickFiles = None,
    symbol: OneSymbol = None,
    zone: o.Zone = None,
    utc_offset: o.UtcOffset = None,
    symbols: Symbols = None,
    watch: Watch = None,
    strategy: Strategy = None,
    model: Model = None,
    risk: RiskSet = None,
    plan: o.PlanFile = None,
    seed: Seed = None,
    data_dir: DataDir = None,
    duration: Duration = None,
    fills: FillsName = None,
    instruments: Instruments = None,
    account_mode: Mode = None,
    leverage: Leverage = None,
) -> int:
    """Run the desk at real time on a SIMULATED market until Ctrl-C; the next run goes on with the same account.

    Ctrl-C is its ordinary end. Exit code 0 when ledger and venue agree then; 1 when they do not, when a critical
    condition keeps the desk or a symbol from trading, or conditions of any kind keep all of it; 2 when it could not be
    run; 128 and the signal's number after SIGTERM or SIGHUP.
    """
    if duration is not None and not 0 < duration <= 10**9:
        raise StartError(f"--duration is {duration:g}, expected seconds above 0")
    if seed is not None and not 0 <= seed <= o.SEED_MAX:
        raise StartError(f"--seed is {seed}, expected 0 to {o.SEED_MAX}")
    if leverage is not None:
        o.require_leverage(leverage)
    desk = _desk(
        ticks=tuple(ticks or ()),
        symbol=symbol,
        clock=clock_option(zone, utc_offset),
        symbols=symbols,
        watch=tuple(watch or ()),
        strategy=strategy,
        model=model,
        risk=risk,
        plan=plan,
        seed=seed,
        data_dir=data_dir,
        duration=duration,
        venue={
            "MT5_FILLS": fills,
            "MT5_INSTRUMENTS": instruments,
            "MT5_ACCOUNT_MODE": account_mode,
            "MT5_LEVERAGE": None if leverage is None else str(leverage),
        },
    )
    from cli.live_view import open_screen
    from cli.run_summary import show_summary
    from orchestration.desk_runner import run_desk

    with open_screen() as screen:
        summary, interrupt = run_desk(desk, screen)
    show_summary(summary)
    if isinstance(interrupt, SystemExit) and interrupt.code not in (0, 128 + signal.SIGINT):
        raise interrupt
    return 1 if summary.differences or summary.is_stopped else 0


def _desk(
    *,
    ticks: tuple[str, ...],
    symbol: str | None,
    clock: str | None,
    symbols: str | None,
    watch: tuple[str, ...],
    strategy: str | None,
    model: Path | None,
    risk: str | None,
    plan: Path | None,
    seed: int | None,
    data_dir: Path | None,
    duration: float | None,
    venue: Mapping[str, str | None],
) -> DeskRunSpec:
    from cli.validators import (
        require_fills,
        require_fixed_volumes,
        require_limits,
        require_plan,
        require_rates,
        require_symbols,
    )
    from common.settings import load
    from orchestration.desk_runner import DeskRunSpec
    from orchestration.stopped_desk_audit import VENUE_BOOK
    from services.mt5.stores.book_store import read_account_mode
    from services.portfolio.settings import PortfolioSettings

    settings, gateway = run_settings()
    if gateway is not None:
        options = {"--ticks": ticks or None, "--symbol": symbol, "--zone or --utc-offset": clock, "--seed": seed}
        _require_nothing_of_a_venue(gateway, {**options, **venue})
        folder = _folder(data_dir or PROJECT_ROOT / "var" / gateway.folder)
        names = _symbols(symbols) or tuple(DEFAULT_SYMBOLS.split(","))
        watched = watch
        market, last_ordinal = f"gateway at {gateway.requests}", 0
    elif ticks:
        for name, given in (("--symbols", symbols), ("--seed", seed)):
            if given is not None:
                raise StartError(f"{name} is {given!r}, expected none with --ticks: a recording has its own")
        market, _, last_ordinal, folder = _recorded(ticks + watch, symbol, clock, data_dir, settings)
        watched = tuple(dict.fromkeys(file.symbol for file in parse_tick_files(watch, None)))
        names = tuple(dict.fromkeys(file.symbol for file in parse_tick_files(ticks, symbol)))
        o.require_unwatched(names, watched)
    else:
        _require_nothing_of_a_recording(symbol, clock)
        folder = _folder(data_dir or PROJECT_ROOT / DEFAULT_DATA_DIR)
        market, names, watched = _generated(folder, symbols, watch, seed, settings)
        last_ordinal = 0
    settings.setdefault("MT5_FILLS", o.REALISTIC_FILLS)
    settings |= {name: value for name, value in venue.items() if value is not None}
    settings["MT5_FILLS"] = o.fills_option(settings["MT5_FILLS"])
    require_fills(settings["MT5_FILLS"])
    if "MT5_ACCOUNT_MODE" not in settings and (mode := read_account_mode(folder / VENUE_BOOK)) is not None:
        settings["MT5_ACCOUNT_MODE"] = mode.lower()
    chosen = strategy or (STRATEGY_OF_THE_DEMO_MODEL if model is not None else default_strategy())
    _require(chosen, model, names, settings)
    instruments = settings.get("MT5_INSTRUMENTS") or ""
    require_symbols(watched, instruments)
    o.require_unwatched(names, watched)
    if gateway is None:
        require_rates(names, watched, settings.get("MT5_CURRENCY", o.DEFAULT_CURRENCY), instruments)
    settings |= {
        "TRADING_SYMBOL": ",".join(names),
        "WATCHED_SYMBOL": ",".join(watched),
        "STRATEGY": chosen,
        "MT5_PACE": "live",
    }
    if model is not None:
        settings["MODEL"] = str(model.resolve())
    settings["RISK"] = o.risk_option(settings.get("RISK", o.DEMO_RISK) if risk is None else risk)
    require_limits(settings["RISK"])
    settings["PLAN"] = o.plan_option(Path(settings["PLAN"]) if plan is None and "PLAN" in settings else plan)
    require_plan(settings["PLAN"], names)
    if gateway is None:  # a gateway elsewhere has its own terms, which the desk reads on connecting
        require_fixed_volumes(
            load(PortfolioSettings).default_volume,
            settings["PLAN"],
            names,
            option="DEFAULT_VOLUME",
            instruments=settings.get("MT5_INSTRUMENTS", ""),
        )
    return DeskRunSpec(
        data_dir=folder,
        settings=settings,
        market=market,
        strategy=chosen,
        symbols=names,
        last_ordinal=last_ordinal,
        duration_s=duration,
        gateway=gateway,
    )


def _require_nothing_of_a_recording(symbol: str | None, clock: str | None) -> None:
    if symbol is not None:
        raise StartError(f"--symbol is {symbol!r}, expected it with --ticks; the generated market takes --symbols")
    if clock is not None:
        raise StartError(f"the time zone is {clock!r}, expected none without --ticks: the generated market is in UTC")


def default_strategy() -> str:
    """The demo model's strategy where the model is there, and one that needs none where it is not."""
    has_model = (PROJECT_ROOT / DEMO_MODEL).is_dir()
    return STRATEGY_OF_THE_DEMO_MODEL if has_model else STRATEGY_WITHOUT_A_MODEL


def _require(strategy: str, model: Path | None, symbols: tuple[str, ...], settings: dict[str, str]) -> None:
    """Refuse what cannot run, before anything is started for it."""
    from cli.validators import require_strategy, require_symbols
    from marketdata.instrument_files.loader import instruments_path
    from services.signal.strategy_loader import uses_model

    if instruments := settings.get("MT5_INSTRUMENTS"):
        settings["MT5_INSTRUMENTS"] = str(
            instruments_path(instruments).resolve()
        )  # the processes run in another folder
    require_symbols(symbols, settings.get("MT5_INSTRUMENTS", ""))
    if model is not None and not model.is_dir():
        raise StartError(f"--model {model} is not there, expected the folder of a model")
    needs_model = model is None and uses_model(strategy)
    require_strategy(strategy, symbols, PROJECT_ROOT / DEMO_MODEL if needs_model else model)


def _recorded(
    ticks: tuple[str, ...], symbol: str | None, clock: str | None, data_dir: Path | None, settings: dict[str, str]
) -> tuple[str, tuple[str, ...], int, Path]:
    from marketdata.files.stream_loader import load_stream
    from marketdata.files.tick_input import TickInput

    named = parse_tick_files(ticks, symbol)
    crossed = settings.get("MT5_CROSSED", "reject")
    stream = load_stream(
        [TickInput(file.path, file.symbol, clock) for file in named],
        crossed="accept" if crossed == "accept" else "reject",
    )
    show_remarks(stream)
    settings |= {
        "MT5_MARKET": "recorded",
        "MT5_TICKS": ";".join(f"{file.path.absolute()}:{file.symbol}" for file in named),
        "MT5_TICKS_ZONE": clock or "",
    }
    own = f"{named[0].path.stem[:32]}-{stream.data_sha256[:HASH_CHARS]}"
    folder = _folder(data_dir or PROJECT_ROOT / RECORDED_DATA_DIR / own)
    return ", ".join(file.path.name for file in named), stream.symbols, stream.last_ordinal, folder


def _generated(
    folder: Path, symbols: str | None, watch: tuple[str, ...], seed: int | None, settings: dict[str, str]
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Description, traded and watched symbols of the market: from options, else from the account's last run."""
    from orchestration.stopped_desk_audit import VENUE_BOOK
    from services.mt5.stores.market_store import read_market

    before = read_market(folder / VENUE_BOOK)
    names = _symbols(symbols)
    if not names:
        watch = watch or _watched_before(folder)
        names = tuple(DEFAULT_SYMBOLS.split(",")) if before is None else before.symbols
        names = tuple(name for name in names if name not in watch)
    if seed is None:
        seed = 0 if before is None else before.seed
    settings |= {"MT5_MARKET": "generated", "MT5_SEED": str(seed)}
    return f"generated market, seed {seed}", names, watch


def _watched_before(folder: Path) -> tuple[str, ...]:
    """The watched symbols of the account's last stream."""
    from services.portfolio.core.state.config import WATCHED_SETTING
    from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger

    path = folder / LEDGER_FILE_NAME
    stream = read_ledger(path)[0].stream if path.is_file() else None
    watched = "" if stream is None else stream.settings.get(WATCHED_SETTING, "")
    return tuple(watched.split(",")) if watched else ()


def _symbols(symbols: str | None) -> tuple[str, ...]:
    """The symbols of the option; none where it is not given."""
    names = tuple(part.strip() for part in symbols.split(",") if part.strip()) if symbols is not None else ()
    if symbols is not None and (not names or len(set(names)) != len(names)):
        raise StartError(
            f"--symbols is {symbols!r}, expected different symbols, comma separated, such as {DEFAULT_SYMBOLS}"
        )
    return names


def _require_nothing_of_a_venue(gateway: GatewayElsewhere, given: Mapping[str, object]) -> None:
    """A venue elsewhere has its own market and account: refuse options that say what they are."""
    for name, value in given.items():
        if value is not None:
            option = VENUE_OPTIONS.get(name, name)
            raise StartError(
                f"{option} is given, expected none: the settings name the gateway at {gateway.requests}, which has its "
                "own; unset ZMQ_EXECUTION_URL, ZMQ_MARKET_DATA_URL, GTW_HOST and GTW_PORT for a market of this desk"
            )


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StartError(f"--data-dir {path} cannot be used: {error.strerror}; expected a writable folder") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise StartError(f"--data-dir {path} cannot be written, expected a writable folder")
    return path.resolve()
