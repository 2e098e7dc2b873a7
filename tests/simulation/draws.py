"""Random draws of account, market and plan, which together cover many features of a desk."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
from msgspec import structs

from marketdata.tick_stream import SymbolRows
from proto.trading.enums import AccountMode, OrderType, TimeInForce
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.core.simulated.fill_model import IDEAL, REALISTIC, Depth
from services.mt5.core.simulated.latency_model import LognormalLatency
from services.portfolio.config_files.plan_validation import validate_symbol_plan
from services.portfolio.core.account.foreign_order_policy import ForeignOrderPolicy
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.plan.plan import Entry, Exits, Plan, Sizing, SizingMethod, Strategy
from services.portfolio.core.risk.limits import DEFAULT_LIMITS, NO_LIMITS, Limits
from services.portfolio.core.state.config import DeskConfig

DEPOSIT: Final = Decimal(10_000)

IN_THE_WEEK_S: Final = 1_700_000_000
"""Tuesday, 2023-11-14, 13 minutes after the server's midnight at 22:00 UTC."""

BEFORE_MIDNIGHT_S: Final = 1_699_999_200 - 60
"""One minute before the end of a server day, at which swaps are booked and day orders end."""

BEFORE_THREE_NIGHTS_S: Final = BEFORE_MIDNIGHT_S + 86_400
"""One minute before the end of a server's Wednesday, at which swaps of three nights are booked."""

BEFORE_WEEKEND_S: Final = BEFORE_MIDNIGHT_S + 3 * 86_400
_STARTS: Final = (IN_THE_WEEK_S, IN_THE_WEEK_S, BEFORE_MIDNIGHT_S, BEFORE_THREE_NIGHTS_S, BEFORE_WEEKEND_S)

AT_ROLLOVER: Final = structs.replace(DEFAULT_LIMITS, name="at rollover", rollover_pause_min=None)
"""The default limits without the rollover pause. It would deny most orders of runs that begin before midnight."""

THIN: Final = structs.replace(
    REALISTIC,
    name="thin",
    depth=Depth(median_lots=0.04, sigma=1.0),
    request_latency=LognormalLatency(median_ms=1_500.0, sigma=0.5),
    reply_latency=LognormalLatency(median_ms=1_000.0, sigma=0.5),
)
"""A venue with long delays and little depth: orders wait for several ticks, and most are filled in parts."""

SPARSE_PAUSE_S: Final = 30

SYMBOL_SETS: Final = (
    ("EURUSD",),
    ("EURUSD",),
    ("EURUSD", "NZDUSD"),
    ("EURUSD", "EURJPY"),
    ("EURJPY", "EURUSD", "USDJPY"),
)
"""Sets of symbols. When all symbols of a set are quoted, their profits can be converted to EUR or USD."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Settings of the account, the market and the desk of a run."""

    symbols: tuple[str, ...]
    start_s: int
    pause_s_max: int
    """Longest time between two quotes of a symbol."""
    account: AccountTerms
    rules: DeskConfig


def desk_of(dice: random.Random) -> Desk:
    """Draw the settings of a desk; any feature may be enabled."""
    symbols = dice.choice(SYMBOL_SETS)
    limits: Limits = dice.choice((NO_LIMITS, NO_LIMITS, DEFAULT_LIMITS, AT_ROLLOVER))
    mode = dice.choice((AccountMode.NETTING, AccountMode.HEDGING))
    # On a netting account a foreign deal changes the position of the desk, so foreign deals cannot be ignored.
    foreign = (
        list(ForeignOrderPolicy) if mode is AccountMode.HEDGING else [ForeignOrderPolicy.HALT, ForeignOrderPolicy.ADOPT]
    )
    return Desk(
        symbols=symbols,
        start_s=dice.choice(_STARTS),
        pause_s_max=dice.choice((2, 2, 9)),
        account=AccountTerms(
            deposit=DEPOSIT,
            mode=mode,
            currency=dice.choice(("EUR", "USD")),
            leverage=dice.choice((0, 30, 100, 500)),
            profile=dice.choice((IDEAL, REALISTIC, THIN)),
            seed=dice.randrange(1_000),
        ),
        rules=DeskConfig(
            symbols=symbols,
            default_volume=Decimal(dice.choice(("0.01", "0.1", "8", "35"))),
            on_opposite=dice.choice((OnOpposite.CLOSE, OnOpposite.REVERSE)),
            limits=structs.replace(
                limits, position_legs_max=dice.choice((1, 1, 2, 4)), foreign_orders=dice.choice(foreign)
            ),
            settings={},
            plan=plan_of(dice, symbols),
        ),
    )


def plan_of(dice: random.Random, symbols: tuple[str, ...]) -> Plan:
    """Draw a plan; sometimes one of several symbols has its own strategy."""
    sizing, exits, entry = _symbol_plan(dice)
    strategies: dict[str, Strategy] = {}
    if len(symbols) > 1 and dice.random() < 0.3:
        own_sizing, own_exits, own_entry = _symbol_plan(dice)
        strategies["other"] = Strategy(
            symbols=(symbols[0],),
            volume_max=dice.choice((None, Decimal("0.05"))),
            daily_loss_pct_max=dice.choice((None, Decimal("0.5"))),
            sizing=own_sizing,
            exits=own_exits,
            entry=own_entry,
        )
    return Plan(name="drawn", sizing=sizing, exits=exits, entry=entry, strategies=strategies)


def _symbol_plan(dice: random.Random) -> tuple[Sizing, Exits, Entry]:
    exits = Exits(
        stop_loss_points=dice.choice((None, 30, 80)),
        take_profit_points=dice.choice((None, 40, 120)),
        trailing_stop_points=dice.choice((None, None, 20, 60)),
        trailing_step_points=1,
        time_exit_s=dice.choice((None, None, 7, 25)),
    )
    if exits.trailing_stop_points:
        exits = structs.replace(exits, trailing_step_points=dice.choice((1, 10)))
    methods = [SizingMethod.FIXED, SizingMethod.FIXED, SizingMethod.VOLATILITY, SizingMethod.WEIGHTS]
    if exits.stop_loss_points:
        methods += [SizingMethod.FRACTION, SizingMethod.KELLY]
    sizing, entry = _sizing(dice, dice.choice(methods)), _entry(dice)
    validate_symbol_plan(sizing, exits, entry, written={}, where="drawn.")
    return sizing, exits, entry


def _sizing(dice: random.Random, method: SizingMethod) -> Sizing:
    volume_max = dice.choice((None, Decimal("0.07")))
    match method:
        case SizingMethod.FRACTION:
            return Sizing(method=method, risk_pct=Decimal("0.2"), volume_max=volume_max)
        case SizingMethod.KELLY:
            return Sizing(method=method, payoff=Decimal("1.5"), volume_max=volume_max)
        case SizingMethod.VOLATILITY:
            return Sizing(
                method=method,
                volatility_pct_per_day=Decimal(20),
                volatility_half_life_min=1,
                volume_max=volume_max or Decimal(1),
            )
        case SizingMethod.WEIGHTS:
            weights = {"EURUSD": Decimal(40), "EURJPY": Decimal(30), "NZDUSD": Decimal(20), "USDJPY": Decimal(0)}
            return Sizing(method=method, weights_pct=weights)
        case _:
            return Sizing(volume=dice.choice((None, Decimal("0.03"))), volume_max=volume_max)


def _entry(dice: random.Random) -> Entry:
    kind = dice.choice((OrderType.MARKET, OrderType.LIMIT, OrderType.STOP))
    if kind is OrderType.MARKET:
        return Entry(
            time_in_force=dice.choice((None, TimeInForce.FOK, TimeInForce.GTC, TimeInForce.DAY)),
            deviation_points=dice.choice((None, None, 5)),
        )
    offset, lifetime = dice.choice((11, 12, 15, 40)), dice.choice((None, 3, 15))
    lasting = (None, TimeInForce.GTD) if lifetime else (None, TimeInForce.GTC, TimeInForce.DAY)
    return Entry(type=kind, offset_points=offset, lifetime_s=lifetime, time_in_force=dice.choice(lasting))


def a_walk(desk: Desk, symbol: str, seed: int, rows: int, *, sparse_rows: int = 0) -> SymbolRows:
    """Quotes of a random walk, some of them crossed; the last `sparse_rows` quotes are half a minute apart."""
    dice = np.random.Generator(np.random.PCG64(seed))
    digits, price = (3, 130.0) if symbol.endswith("JPY") else (5, 1.2)
    mid = price * (1 + np.cumsum(dice.normal(0, 0.000167, rows)))
    half_spread = dice.integers(-1, 8, rows) * 10.0**-digits
    gaps_s = dice.integers(0, desk.pause_s_max + 1, rows)
    gaps_s[rows - sparse_rows :] = SPARSE_PAUSE_S
    return SymbolRows(
        symbol,
        (np.cumsum(gaps_s) + desk.start_s) * 1_000_000_000,
        np.round(mid - half_spread, digits).astype(np.float64),
        np.round(mid + half_spread, digits).astype(np.float64),
        np.zeros(rows),
    )
