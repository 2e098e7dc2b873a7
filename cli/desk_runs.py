"""`paperdesk run`: derive the market, account and settings of a desk, and run the desk.

They are derived from the options, the environment, `.env` and the account's last run. This module imports slow
libraries, among them numpy and the ledger, so the command imports it only for a run.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cli.alarm_options import require_alarms
from cli.desk_defaults import given_parameters, with_desk_settings
from cli.desk_options import DEFAULT_FILLS, DEFAULT_RISK, DEFAULT_SYMBOLS, DeskOptions
from cli.page_address import choose_page_address, require_page
from cli.run_options import check_watched, fills_option, plan_option, risk_option
from cli.run_settings import HASH_CHARS, GatewayElsewhere, run_settings
from cli.run_summary import show_summary
from cli.screen.live_screen import open_screen
from cli.tick_arguments import clock_option, parse_tick_files, show_remarks
from cli.validators import (
    require_fills,
    require_fixed_volumes,
    require_limits,
    require_plan,
    require_rates,
    require_strategy,
    require_symbols,
)
from common.errors import StartError
from common.project_root import DEFAULT_DATA_DIR, DESK_ROOT
from common.settings import load
from marketdata.files.stream_loader import load_stream
from marketdata.files.tick_input import TickInput
from marketdata.instrument_files.loader import instruments_path
from orchestration.desk_runner import run_desk
from orchestration.desk_view import DeskRunSpec
from orchestration.stopped_desk_audit import VENUE_BOOK
from proto.trading.defaults import DEFAULT_CURRENCY, DEFAULT_STRATEGY
from services.mt5.stores.book_store import read_account_mode
from services.mt5.stores.market_store import read_market
from services.portfolio.core.state.config import WATCHED_SETTING
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger
from services.portfolio.settings import PortfolioSettings
from services.signal.given_parameters import GivenParameters, plan_parameters
from services.signal.strategy_loader import DEFAULT_MODEL, MODEL_STRATEGIES, uses_model
from services.web.settings import WebSettings

RECORDED_DATA_DIR: Final = Path("var") / "recorded"
"""Parent of the data directories for recorded ticks. Each recording has its own account, because the dates differ."""

VENUE_SETTINGS: Final = {
    "--fills": "MT5_FILLS",
    "--instruments": "MT5_INSTRUMENTS",
    "--account-mode": "MT5_ACCOUNT_MODE",
    "--leverage": "MT5_LEVERAGE",
}


class Market(NamedTuple):
    """The source of a desk's ticks, and the desk's data directory.

    `last_ordinal` is the ordinal of the recording's last tick, or 0 for a market without an end.
    """

    description: str
    symbols: tuple[str, ...]
    watched: tuple[str, ...]
    folder: Path
    last_ordinal: int = 0


def run_desk_of(options: DeskOptions) -> int:
    """Run a desk until its recording or duration ends or it is interrupted, and print its summary.

    Returns:
        The exit code, also after Ctrl-C: 1 if ledger and venue differ or the desk does not trade, else 0.

    Raises:
        StartError: an option or a setting is out of range, unknown or contradictory.
    """
    desk = desk_spec(options)
    with open_screen(desk.data_dir) as screen:
        summary, interrupt = run_desk(desk, screen)
    show_summary(summary)
    if isinstance(interrupt, SystemExit) and interrupt.code not in (0, 128 + signal.SIGINT):
        raise interrupt
    return 1 if summary.differences or summary.is_stopped else 0


def desk_spec(options: DeskOptions) -> DeskRunSpec:
    """The desk that options and settings describe.

    Raises:
        StartError: an option or a setting is out of range, unknown or contradictory.
    """
    settings, gateway, defaults = run_settings()
    given = given_parameters(options, defaults)
    options = with_desk_settings(options, defaults, is_simulated=gateway is None)
    clock = clock_option(options.zone, options.utc_offset)
    market = _market(options, clock, settings, gateway)
    settings |= {VENUE_SETTINGS[name]: value for name, value in options.venue_options().items() if value is not None}
    settings["MT5_FILLS"] = fills_option(settings.get("MT5_FILLS", DEFAULT_FILLS))
    require_fills(settings["MT5_FILLS"])
    if "MT5_ACCOUNT_MODE" not in settings and (mode := read_account_mode(market.folder / VENUE_BOOK)) is not None:
        settings["MT5_ACCOUNT_MODE"] = mode.lower()
    if instruments := settings.get("MT5_INSTRUMENTS", ""):  # absolute, because the processes run in another folder
        settings["MT5_INSTRUMENTS"] = instruments = str(instruments_path(instruments).resolve())
    require_symbols((*market.symbols, *market.watched), instruments)
    check_watched(market.symbols, market.watched)
    settings["RISK"] = risk_option(settings.get("RISK", DEFAULT_RISK) if options.risk is None else options.risk)
    require_limits(settings["RISK"])
    plan = options.plan or (Path(settings["PLAN"]) if "PLAN" in settings else None)
    settings["PLAN"] = plan_option(plan)
    require_plan(settings["PLAN"], market.symbols)
    strategy = options.strategy or (MODEL_STRATEGIES[0] if options.model is not None else default_strategy())
    _require_strategy(strategy, options.model, market.symbols, (*given, plan_parameters(settings["PLAN"])))
    settings |= {
        "TRADING_SYMBOL": ",".join(market.symbols),
        "WATCHED_SYMBOL": ",".join(market.watched),
        "STRATEGY": strategy,
        "STRATEGY_PARAMS": given[0].with_lower(given[1]).text(),
        "MT5_PACE": "live",
    }
    if options.model is not None:
        settings["MODEL"] = str(options.model.resolve())
    secrets = require_alarms(settings, options.notify, (*market.symbols, *market.watched))
    web = load(WebSettings)
    require_page(web, market.folder)
    page = choose_page_address(web)
    settings["WEB_PORT"] = str(page.port)
    if gateway is None:  # the desk reads the contract terms of another gateway when it connects
        require_rates(market.symbols, market.watched, settings.get("MT5_CURRENCY", DEFAULT_CURRENCY), instruments)
        require_fixed_volumes(
            load(PortfolioSettings).default_volume,
            settings["PLAN"],
            market.symbols,
            option="DEFAULT_VOLUME",
            instruments=instruments,
        )
    return DeskRunSpec(
        data_dir=market.folder,
        settings=settings,
        market=market.description,
        strategy=strategy,
        symbols=market.symbols,
        last_ordinal=market.last_ordinal,
        duration_s=options.duration,
        gateway=gateway,
        page_url=page.url,
        secrets=secrets,
    )


def _market(
    options: DeskOptions, clock: str | None, settings: dict[str, str], gateway: GatewayElsewhere | None
) -> Market:
    if gateway is not None:
        return _elsewhere(options, clock, gateway)
    if options.ticks:
        return _recorded(options, options.ticks, clock, settings)
    return _generated(options, clock, settings)


def _elsewhere(options: DeskOptions, clock: str | None, gateway: GatewayElsewhere) -> Market:
    """The market of a gateway that another process runs; options that describe a simulated market are refused."""
    described = {
        "--ticks": options.ticks or None,
        "--symbol": options.symbol,
        "--zone or --utc-offset": clock,
        "--seed": options.seed,
        **options.venue_options(),
    }
    for name, value in described.items():
        if value is not None:
            raise StartError(
                f"{name} is given, expected no {name}: it describes a simulated market, but the settings name the "
                f"gateway at {gateway.requests}; unset ZMQ_EXECUTION_URL, ZMQ_MARKET_DATA_URL, GTW_HOST and GTW_PORT "
                "for a simulated market"
            )
    return Market(
        f"gateway at {gateway.requests}",
        _symbols(options.symbols) or DEFAULT_SYMBOLS,
        tuple(options.watch or ()),
        _folder(options.data_dir or DESK_ROOT / "var" / gateway.folder),
    )


def _recorded(options: DeskOptions, ticks: list[str], clock: str | None, settings: dict[str, str]) -> Market:
    """The market of recorded files; each recording has its own account in its own folder."""
    for name, given in (("--symbols", options.symbols), ("--seed", options.seed)):
        if given is not None:
            raise StartError(f"{name} is {given!r}, expected no {name} with --ticks: it is for the generated market")
    watched = parse_tick_files(options.watch or (), None)
    files = parse_tick_files((*ticks, *(options.watch or ())), options.symbol)
    stream = load_stream(
        [TickInput(file.path, file.symbol, clock) for file in files],
        crossed="accept" if settings.get("MT5_CROSSED") == "accept" else "reject",
    )
    show_remarks(stream)
    settings |= {
        "MT5_MARKET": "recorded",
        "MT5_TICKS": ";".join(f"{file.path.absolute()}:{file.symbol}" for file in files),
        "MT5_TICKS_ZONE": clock or "",
    }
    own = f"{files[0].path.stem[:32]}-{stream.data_sha256[:HASH_CHARS]}"
    return Market(
        ", ".join(file.path.name for file in files),
        tuple(dict.fromkeys(file.symbol for file in parse_tick_files(ticks, options.symbol))),
        tuple(dict.fromkeys(file.symbol for file in watched)),
        _folder(options.data_dir or DESK_ROOT / RECORDED_DATA_DIR / own),
        stream.last_ordinal,
    )


def _generated(options: DeskOptions, clock: str | None, settings: dict[str, str]) -> Market:
    """The generated market, from the options, or else from the account's last run."""
    if options.symbol is not None:
        raise StartError(
            f"--symbol is {options.symbol!r}, expected --symbol only with --ticks; the generated market takes --symbols"
        )
    if clock is not None:
        raise StartError(
            f"the time zone is {clock!r}, expected no time zone without --ticks: the generated market is in UTC"
        )
    folder = _folder(options.data_dir or DEFAULT_DATA_DIR)
    before, symbols, watched = read_market(folder / VENUE_BOOK), _symbols(options.symbols), tuple(options.watch or ())
    if not symbols:
        watched = watched or last_watched(folder)
        symbols = DEFAULT_SYMBOLS if before is None else before.symbols
        symbols = tuple(symbol for symbol in symbols if symbol not in watched)
    seed = options.seed if options.seed is not None else 0 if before is None else before.seed
    settings |= {"MT5_MARKET": "generated", "MT5_SEED": str(seed)}
    return Market(f"generated market, seed {seed}", symbols, watched, folder)


def last_watched(folder: Path) -> tuple[str, ...]:
    """The watched symbols of the account's last stream."""
    path = folder / LEDGER_FILE_NAME
    stream = read_ledger(path)[0].stream if path.is_file() else None
    watched = "" if stream is None else stream.settings.get(WATCHED_SETTING, "")
    return tuple(watched.split(",")) if watched else ()


def _symbols(text: str | None) -> tuple[str, ...]:
    """The symbols of `--symbols`; empty when the option is not given."""
    symbols = tuple(part.strip() for part in text.split(",") if part.strip()) if text is not None else ()
    if text is not None and (not symbols or len(set(symbols)) != len(symbols)):
        example = ",".join(DEFAULT_SYMBOLS)
        raise StartError(f"--symbols is {text!r}, expected different symbols, comma separated, such as {example}")
    return symbols


def default_strategy() -> str:
    """The strategy of the demo model if the model is installed, or else a strategy without a model."""
    return MODEL_STRATEGIES[0] if DEFAULT_MODEL.is_dir() else DEFAULT_STRATEGY


def _require_strategy(
    strategy: str, model: Path | None, symbols: tuple[str, ...], given: Sequence[GivenParameters]
) -> None:
    """Refuse a strategy, its parameters or a model that cannot be used, before a process is started."""
    if model is not None and not model.is_dir():
        raise StartError(f"--model {model} does not exist, expected the folder of a model")
    model = DEFAULT_MODEL if model is None and uses_model(strategy) else model
    require_strategy(strategy, symbols, model, given=given)


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StartError(f"--data-dir {path} cannot be used: {error.strerror}; expected a writable folder") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise StartError(f"--data-dir {path} cannot be written, expected a writable folder")
    return path.resolve()
