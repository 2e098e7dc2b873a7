"""Random settings of runs. The draws of one seed never change with the number of seeds."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any, Final

from marketdata.tick_stream import SymbolRows
from tests.property.engines.cases import Case, Table
from tests.property.engines.markets import SECOND_NS, Market, draw_market

STRATEGIES: Final = "tests.property.engines.strategies"
BY_HASH: Final = ("Flipping", "Flipping", "Moody", "Moody", "Moody", "Seldom", "Patient", "OneSided")

SYMBOLS: Final[tuple[tuple[tuple[str, ...], tuple[str, ...], str, str], ...]] = (
    (("EURUSD",), (), "USD", ""),
    (("EURUSD",), (), "USD", ""),
    (("EURUSD",), (), "EUR", ""),
    (("EURUSD",), ("USDJPY",), "JPY", ""),
    (("USDJPY",), (), "JPY", ""),
    (("USDJPY",), (), "USD", ""),
    (("EURJPY",), ("USDJPY", "EURUSD"), "USD", ""),
    (("EURUSD", "NZDUSD"), (), "USD", ""),
    (("EURUSD", "USDJPY"), (), "EUR", ""),
    (("EURGBP",), ("GBPUSD", "EURUSD"), "USD", ""),
    (("USDCHF", "EURUSD"), (), "USD", ""),
    (("EURUSD", "EURJPY", "USDJPY"), (), "USD", ""),
    (("XAUUSD",), (), "USD", ""),
    (("DE40",), ("EURUSD",), "USD", "activtrades"),
    (("DE40", "EURUSD"), (), "EUR", "activtrades"),
)
"""Traded symbols, watched symbols, account currency, and file of instruments."""

WITHOUT_RATE: Final = (("EURGBP",), ("EURUSD",), "CHF", "")
"""The rate from GBP to CHF is never known."""

VOLUMES: Final = (0.01, 0.1, 0.1, 0.5)

PROFILE_PARTS: Final[dict[str, tuple[object, ...]]] = {
    "request_latency": (
        {"model": "constant", "ms": 0},
        {"model": "constant", "ms": 700.5},
        {"model": "lognormal", "median_ms": 900.0, "sigma": 1.0},
        {"model": "lognormal", "median_ms": 4_000.0, "sigma": 2.0},
        {"model": "measured", "upper_bounds_ms": [10.0, 500.0, 3_000.0], "counts": [1, 0, 2]},
    ),
    "reply_latency": (
        {"model": "constant", "ms": 0},
        {"model": "constant", "ms": 1_500},
        {"model": "lognormal", "median_ms": 600.0, "sigma": 1.5},
    ),
    "quote_age_ms_max": (0, 200, 5_000, 600_000),
    "slippage": (
        "none",
        {"against": 0.9, "against_mean_spreads": 3.0, "favourable": 0.1, "favourable_mean_spreads": 2.0},
        {"limit": {"against": 0.0, "against_mean_spreads": 0.0, "favourable": 1.0, "favourable_mean_spreads": 1.0}},
    ),
    "limit_fills": ("limit", "quote"),
    "depth": (
        "none",
        {"median_lots": 0.02, "sigma": 0.5},
        {"median_lots": 0.02, "sigma": 3.0},
        {"median_lots": 1.0, "sigma": 2.0},
    ),
    "rollover": (
        "none",
        {"factor": 20, "minutes_before": 0, "minutes_after": 720},
        {"factor": 3, "minutes_before": 3, "minutes_after": 1},
    ),
    "charges": (True, False),
    "keeps_sessions": (True, False),
}

TIGHT_LIMITS: Final[dict[str, tuple[object, ...]]] = {
    "order_volume_max": (0.1, 0.4, 5),
    "order_notional_pct_of_power_max": (0.05, 1, 8),
    "symbol_exposure_pct_of_power_max": (0.2, 2, 15),
    "gross_exposure_pct_of_power_max": (0.3, 3, 30),
    "currency_exposure_pct_of_power_max": (0.2, 2, 20),
    "margin_pct_of_equity_max": (0.1, 5, 40),
    "price_collar_fx_pct_max": (0.002, 0.02, 0.2),
    "price_collar_other_pct_max": (0.005, 0.1),
    "quote_age_ms_max": (0, 300, 2_000),
    "spread_factor_max": (1, 1.5, 3),
    "orders_per_second_max": (1, 2),
    "orders_per_minute_max": (2, 6, 15),
    "orders_per_day_max": (1, 5, 30),
    "repeated_orders_max": (1, 3, 6),
    "rejects_per_minute_max": (1, 2, 4),
    "rollover_pause_min": (0, 1, 5, 60),
    "daily_loss_pct_max": (0.2, 1, 3),
    "breaker_losses": (1, 2, 3),
    "confidence_min": (0.5, 0.8),
    "friday_close": ("21:59", "23:30", "20:00"),
}
LEVELS: Final[tuple[tuple[float | str, ...], ...]] = (
    (0.2, 0.5, 1.5),
    ("none", 0.6, "none"),
    (0.1, "none", 2),
    (0.5, 2, 4),
    (0.05, "none", "none"),
)
"""Levels of the drawdown: warning, reduction, halt."""

DRAWDOWN_LEVELS: Final = ("drawdown_warn_pct", "drawdown_reduce_pct", "drawdown_halt_pct")
UNLIMITED: Final = dict.fromkeys((*TIGHT_LIMITS, *DRAWDOWN_LEVELS), "none")
DRAWDOWN: Final = "drawdown"
LOSSES: Final = (DRAWDOWN, "daily_loss_pct_max", "breaker_losses")
REJECTS: Final = ("rejects_per_minute_max", "repeated_orders_max", "quote_age_ms_max")
RATES: Final = (
    "orders_per_second_max",
    "orders_per_minute_max",
    "orders_per_day_max",
    "repeated_orders_max",
    "spread_factor_max",
    "symbol_exposure_pct_of_power_max",
    "gross_exposure_pct_of_power_max",
    "margin_pct_of_equity_max",
    "price_collar_fx_pct_max",
)


THEMES: Final = ("", "", "", "stop-out", "losses", "rejects", "rates")
"""Subjects to which some settings of a run are fitted; without a subject these seldom meet."""


def draw_case(seed: int) -> Case:
    """The case of a seed."""
    dice = random.Random(f"engines {seed}")
    theme = dice.choice(THEMES)
    symbols, watched, currency, instruments = dice.choice(SYMBOLS) if dice.random() < 0.97 else WITHOUT_RATE
    strategy, ticks = _strategy(dice, symbols)
    plan = _plan(dice, symbols)
    market = Market(
        is_slow="volatility" in str(plan),
        is_wild=theme in ("stop-out", "losses"),
        is_calm_hour=theme in ("losses", "rates") or dice.random() < 0.5,
    )
    rows = draw_market(dice, (*symbols, *watched), ticks, market)
    limits, fills = _limits(dice, rows[0]), _fills(dice)
    fields: dict[str, str | int] = {
        "on_opposite": dice.choice(("close", "reverse")),
        "account_mode": dice.choice(("NETTING", "HEDGING")),
        "volume": str(_mostly(dice, VOLUMES, 20)),
        "balance": dice.choice((2_000, 10_000, 50_000, 1_000_000)),
        "currency": currency,
        "leverage": dice.choice((0, 0, 30, 100, 500)),
        "seed": dice.randrange(100),
        "crossed": dice.choice(("accept", "accept", "reject")),
    }
    match theme:
        case "stop-out":
            fields |= {"volume": "0.5", "leverage": 100, "balance": dice.choice((750, 1_200))}
            level = dice.choice((50, 90, 120))
            fills = {**_table(fills), "stop_out_level_pct": level, "margin_call_level_pct": level}
            limits, plan = dice.choice(("none", _loosened(LOSSES, dice))), dice.choice(({}, _without_sizing(plan)))
        case "losses":
            fields |= {"volume": "0.1", "leverage": 500, "balance": dice.choice((1_000, 4_000))}
            limits, plan = _loosened(LOSSES, dice), _without_sizing(plan)
        case "rejects":
            fields |= {"volume": "1", "leverage": 30, "balance": dice.choice((200, 5_000, 20_000))}
            limits, plan = _loosened(REJECTS, dice), _without_sizing(plan)
        case "rates":
            limits, plan = _loosened(RATES, dice), _without_sizing(plan)
    fields["balance"] = int(fields["balance"]) * (150 if currency == "JPY" else 1)
    if instruments:
        fields["instruments"] = instruments
    return Case(
        rows=rows,
        traded=len(symbols),
        strategy=strategy,
        plan=plan,
        limits=limits,
        fills=fills,
        news=_news(dice, rows[0]) if isinstance(limits, dict) and "news_calendar" in limits else "",
        commit_every_ticks=dice.choice((1, 7, 50, 64, 5_000, 5_000)),
        fields=fields,
    )


def _table(contents: str | Table) -> Table:
    """A fill profile as a table."""
    return {"like": contents} if isinstance(contents, str) else contents


def _without_sizing(plan: Table) -> Table:
    """The plan with orders of the desk's volume."""
    return {key: value for key, value in plan.items() if key not in ("sizing", "strategies")}


def _loosened(names: tuple[str, ...], dice: random.Random) -> dict[str, Any]:
    """No limits but one or more of `names`; the levels of the drawdown are one of them."""
    limits: dict[str, Any] = dict(UNLIMITED)
    for name in dice.sample(names, dice.randint(1, min(3, len(names)))):
        if name == DRAWDOWN:
            limits |= dict(zip(DRAWDOWN_LEVELS, dice.choice(LEVELS), strict=True))
        else:
            limits[name] = dice.choice(TIGHT_LIMITS[name])
    if limits["breaker_losses"] != "none":
        limits |= {"breaker_cooldown_s": dice.choice((1, 20, 200)), "breaker_trials": dice.choice((0, 1, 3))}
        limits["breaker_cooldown_max_s"] = dice.choice(("none", 300))
    return limits


def _mostly(dice: random.Random, usual: tuple[float, ...], extreme: float) -> float:
    """A usual value, or in one of twenty draws the extreme one, with which a desk hardly trades."""
    return extreme if dice.random() < 0.05 else dice.choice(usual)


def _strategy(dice: random.Random, symbols: tuple[str, ...]) -> tuple[str, int]:
    """Names of strategies, and the number of ticks that shows what they do."""
    ticks = dice.choice((60, 200, 300, 300, 450))
    drawn = dice.random()
    if drawn < 0.04:
        return "ema_cross", 1_100
    if drawn < 0.05:
        return "xgboost", 400
    if drawn < 0.07:
        return f"{STRATEGIES}:Failing", ticks
    names = [f"{STRATEGIES}:{dice.choice(BY_HASH)}" for _ in symbols]
    if len(symbols) == 1 or dice.random() < 0.5:
        return names[0], ticks
    return ",".join(f"{symbol}={name}" for symbol, name in zip(symbols, names, strict=True)), ticks


# --------------------------------------------------------------------------------------------------------------- plans


def _plan(dice: random.Random, symbols: tuple[str, ...]) -> Table:
    if dice.random() < 0.15:
        return {}
    plan = _sections(dice, symbols)
    if dice.random() < 0.25:
        own = _sections(dice, symbols) if dice.random() < 0.5 else {}
        budgets: dict[str, Any] = {"symbols": list(symbols[: dice.randint(1, len(symbols))])}
        if dice.random() < 0.5:
            budgets["volume_max"] = dice.choice((0.1, 0.5, 2))
        if dice.random() < 0.6:
            budgets["daily_loss_pct_max"] = dice.choice((0.02, 0.3))
        plan["strategies"] = {"own": {**budgets, **own}}
        if own:
            plan["strategies"]["own"].setdefault("sizing", {"method": "fixed"})
    return plan


def _sections(dice: random.Random, symbols: tuple[str, ...]) -> dict[str, Any]:
    exits = _exits(dice)
    return {"exits": exits, "sizing": _sizing(dice, exits, symbols), "entry": _entry(dice)}


def _exits(dice: random.Random) -> dict[str, Any]:
    exits: dict[str, Any] = {}
    if dice.random() < 0.5:
        exits["stop_loss_points"] = _mostly(dice, (30, 80, 400), 5)
    if dice.random() < 0.4:
        exits["take_profit_points"] = _mostly(dice, (25, 40, 150), 12)
    if dice.random() < 0.4:
        exits["trailing_stop_points"] = _mostly(dice, (20, 30, 90), 11)
        if dice.random() < 0.5:
            exits["trailing_step_points"] = dice.choice((1, 4, 11))
    if dice.random() < 0.35:
        exits["time_exit_s"] = dice.choice((1, 10, 60, 400, 50_000))
    return exits


def _sizing(dice: random.Random, exits: dict[str, Any], symbols: tuple[str, ...]) -> dict[str, Any]:
    methods = ["fixed", "fixed", "fixed", "volatility", "weights"]
    if "stop_loss_points" in exits:
        methods += ["fraction", "kelly", "kelly"]
    method = dice.choice(methods)
    sizing: dict[str, Any] = {"method": method}
    match method:
        case "fixed":
            if dice.random() < 0.5:
                sizing["volume"] = _mostly(dice, (0.1, 0.3, 1.5), 20)
        case "fraction":
            sizing["risk_pct"] = dice.choice((1, 5, 60))
        case "kelly":
            sizing["payoff"] = dice.choice((1.2, 3))
            sizing["kelly_fraction"] = dice.choice((0.1, 1))
        case "volatility":
            sizing["volatility_pct_per_day"] = dice.choice((5, 90))
            sizing["volatility_half_life_min"] = dice.choice((1, 5, 60))
        case "weights":
            sizing["weights_pct"] = {symbol: _mostly(dice, (60, 300, 3_000), 0) for symbol in symbols}
    if dice.random() < 0.4:
        sizing["volume_max"] = _mostly(dice, (0.3, 3), 0.02)
    return sizing


def _entry(dice: random.Random) -> dict[str, Any]:
    kind = dice.choice(("MARKET", "MARKET", "LIMIT", "STOP"))
    entry: dict[str, Any] = {"type": kind}
    if kind == "MARKET":
        if (force := dice.choice(("", "FOK", "IOC", "GTC", "DAY"))) and dice.random() < 0.7:
            entry["time_in_force"] = force
        if dice.random() < 0.4:
            entry["deviation_points"] = dice.choice((0, 1, 10))
        return entry
    entry["offset_points"] = _mostly(dice, (11, 15, 20, 60), 1)
    if dice.random() < 0.5:
        entry["lifetime_s"] = dice.choice((1, 5, 30, 300, 90_000))
        if dice.random() < 0.3:
            entry["time_in_force"] = "GTD"
    elif dice.random() < 0.5:
        entry["time_in_force"] = dice.choice(("GTC", "DAY"))
    return entry


# -------------------------------------------------------------------------------------------------------------- limits


def _limits(dice: random.Random, rows: SymbolRows) -> str | Table:
    drawn = dice.random()
    if drawn < 0.35:
        return "none"
    if drawn < 0.45:
        return dice.choice(("default", "demo"))
    limits: dict[str, Any] = {}
    if dice.random() < 0.8:
        # Alone, a few tight limits can deny what the default limits would deny before.
        limits = _loosened(dice.choice((tuple(TIGHT_LIMITS), (*LOSSES, *RATES))), dice)
    else:
        for name in dice.sample(sorted(TIGHT_LIMITS), dice.choice((0, 1, 2))):
            limits[name] = dice.choice(TIGHT_LIMITS[name])
    if dice.random() < 0.1:
        limits["trading_hours"] = _hours(dice, rows)
    if dice.random() < 0.1:
        limits |= {"news_calendar": "news.csv", "news_before_min": dice.choice((0, 1, 5))}
        limits |= {"news_after_min": dice.choice((0, 1, 10)), "news_impact_min": dice.choice(("low", "high"))}
    if dice.random() < 0.3:
        limits["position_legs_max"] = dice.choice((2, 3, 5))
    if dice.random() < 0.3:
        limits["leverage"] = dice.choice((1, 20, 400))
    if dice.random() < 0.2:
        limits["rearm_at_day_end"] = True
    return limits


def _hours(dice: random.Random, rows: SymbolRows) -> str:
    """Hours on the server's clock that begin or end near the first ticks."""
    # The server is at UTC+2 in winter, when the markets begin.
    first_s = int(rows.time_ns[0]) // SECOND_NS + 7_200
    minute = (first_s // 60 + dice.choice((1, 2, 5, 20))) % 1_440
    near = f"{minute // 60:02}:{minute % 60:02}"
    return dice.choice((f"{near}-24:00", f"00:00-{near}")) if near != "00:00" else "01:00-23:00"


def _news(dice: random.Random, rows: SymbolRows) -> str:
    """Rows of a calendar with events around some ticks."""
    lines = []
    for _ in range(3):
        time_s = int(rows.time_ns[dice.randrange(len(rows))]) // SECOND_NS + dice.choice((-30, 0, 90))
        at = datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        lines.append(f"{at},{dice.choice(('USD', 'EUR', 'JPY'))},{dice.choice(('low', 'high'))},release\n")
    return "".join(lines)


# --------------------------------------------------------------------------------------------------------------- fills


def _fills(dice: random.Random) -> str | Table:
    drawn = dice.random()
    if drawn < 0.45:
        return "ideal"
    if drawn < 0.55:
        return "realistic"
    fills: dict[str, Any] = {"like": dice.choice(("ideal", "realistic"))}
    for name in dice.sample(sorted(PROFILE_PARTS), dice.choice((1, 2, 4, 7))):
        fills[name] = dice.choice(PROFILE_PARTS[name])
    if dice.random() < 0.4:
        stop_out = dice.choice((20, 90, 400))
        fills |= {"stop_out_level_pct": stop_out, "margin_call_level_pct": dice.choice((stop_out, 500))}
    return fills
