"""Random ticks: walks with jumps, pauses from none to a weekend, spreads that widen, crossed and repeated quotes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from marketdata.tick_stream import SymbolRows
from tests.simulation.draws import BEFORE_MIDNIGHT_S, BEFORE_THREE_NIGHTS_S, BEFORE_WEEKEND_S, IN_THE_WEEK_S

SECOND_NS: Final = 1_000_000_000
DAY_S: Final = 86_400
AFTER_WEEKEND_S: Final = BEFORE_WEEKEND_S + 2 * DAY_S
CLOCK_CHANGE_S: Final = 1_710_054_000 - 600
"""Ten minutes before New York's clocks change to summer time, in a server day of 23 hours."""

CALM_STARTS: Final = tuple(IN_THE_WEEK_S + hour * 3_600 for hour in (1, 5, 10, 15))
STARTS: Final = (
    IN_THE_WEEK_S,
    BEFORE_MIDNIGHT_S,
    BEFORE_MIDNIGHT_S - 600,
    BEFORE_THREE_NIGHTS_S,
    BEFORE_WEEKEND_S,
    BEFORE_WEEKEND_S - 3 * 3_600,
    AFTER_WEEKEND_S,
    CLOCK_CHANGE_S,
)

PRICES: Final = {
    "EURUSD": (1.1, 5),
    "NZDUSD": (0.6, 5),
    "GBPUSD": (1.3, 5),
    "USDCHF": (0.9, 5),
    "EURGBP": (0.85, 5),
    "USDJPY": (150.0, 3),
    "EURJPY": (165.0, 3),
    "XAUUSD": (2_300.0, 2),
    "DE40": (18_000.0, 2),
}
"""First price and digits of each symbol."""


class Market(NamedTuple):
    """What a run needs of its market: many minutes, large moves, a time without rollovers and weekends nearby."""

    is_slow: bool
    is_wild: bool
    is_calm_hour: bool


def draw_market(dice: random.Random, symbols: Sequence[str], ticks: int, market: Market) -> tuple[SymbolRows, ...]:
    """Ticks of all symbols from about the same time on; symbols may share times."""
    start_ns = dice.choice(CALM_STARTS if market.is_calm_hour else STARTS) * SECOND_NS
    pause_ms = dice.choice((5_000, 20_000) if market.is_slow else (20, 300, 1_000, 3_000, 10_000))
    grain_ns = dice.choice((1, 1_000_000, SECOND_NS))
    own = [dice.choice((1, 1, 3)) for _ in symbols]
    found = []
    for symbol, share in zip(symbols, own, strict=True):
        rows = max(ticks * share // sum(own), 2)
        found.append(_walk(dice, symbol, rows, market, start_ns=start_ns, pause_ms=pause_ms, grain_ns=grain_ns))
    return tuple(found)


def _walk(
    dice: random.Random, symbol: str, rows: int, market: Market, *, start_ns: int, pause_ms: int, grain_ns: int
) -> SymbolRows:
    random_numbers = np.random.Generator(np.random.PCG64(dice.randrange(2**32)))
    price, digits = PRICES[symbol]
    point = 10.0**-digits
    gaps_ms = random_numbers.exponential(pause_ms, rows)
    long_gaps_s = dice.choice(((), (), (90,), (90, 1_200), (600, 20_000), (30_000, 190_000)))
    for gap_s in long_gaps_s:
        gaps_ms[random_numbers.integers(1, rows)] += gap_s * 1_000
    if dice.random() < 0.3:
        gaps_ms[random_numbers.random(rows) < 0.3] = 0.0
    time_ns = start_ns + (np.cumsum(gaps_ms) * 1e6).astype(np.int64) // grain_ns * grain_ns
    step = dice.choice((10.0, 25.0) if market.is_wild else (0.3, 2.0, 8.0, 25.0)) * price / 1.1 * (1e-5 / point)
    moves = random_numbers.normal(0, step, rows)
    moves[random_numbers.random(rows) < dice.choice((0.0, 0.3))] = 0.0
    if dice.random() < 0.4:
        jumps = random_numbers.random(rows) < 0.01
        moves[jumps] *= dice.choice((10, 40))
    mid = np.maximum(price / point + np.cumsum(moves), 50.0)
    lowest, highest = dice.choice(((1, 1), (0, 3), (2, 9), (2, 9), (-2, 8), (10, 30)))
    spread = random_numbers.integers(lowest, highest + 1, rows).astype(np.float64)
    if dice.random() < 0.4:
        wide = random_numbers.random(rows) < dice.choice((0.02, 0.2))
        spread[wide] = np.abs(spread[wide]) * dice.choice((4, 20)) + 1
    bid = np.floor(mid - spread / 2)
    ask = bid + spread
    # Divided by a power of ten, a whole number is the float that a file with this price has.
    return SymbolRows(
        symbol, time_ns, np.maximum(bid, 1.0) / 10**digits, np.maximum(ask, 1.0) / 10**digits, np.zeros(rows)
    )
