"""The backtest by events leaves the same bytes as the backtest tick by tick, in random runs of every feature.

Compared are every row of the ledger, the stored state of every commit, the report, the venue's book and the final state
or error. `ENGINE_SEEDS=20000` tests that many seeds, and `ENGINE_SEEDS=7,12` those two.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest

from tests.property.engines.comparison import Comparison, compare
from tests.property.engines.draws import draw_case

SEEDS_DEFAULT: Final = 500

RARE: Final = (
    "cause time exit",
    "currency CHF",
    "currency EUR",
    "currency JPY",
    "deal ROLLOVER",
    "deal STOP_LOSS",
    "deal STOP_OUT",
    "deal SWAP",
    "deal TAKE_PROFIT",
    "deal by a tick",
    "denied CIRCUIT_BREAKER",
    "denied CONFIDENCE",
    "denied CURRENCY_EXPOSURE",
    "denied DAILY_LOSS",
    "denied FRIDAY_CLOSE",
    "denied GROSS_EXPOSURE",
    "denied HALTED",
    "denied INVALID_PRICE",
    "denied INVALID_STOPS",
    "denied MARGIN_USE",
    "denied MARKET_CLOSED",
    "denied NEWS",
    "denied NO_CONVERSION_RATE",
    "denied NO_SIZE",
    "denied ORDER_NOTIONAL",
    "denied ORDER_RATE",
    "denied ORDER_VOLUME",
    "denied PRICE_COLLAR",
    "denied REDUCE_ONLY",
    "denied REJECTS",
    "denied REPEATED_ORDERS",
    "denied ROLLOVER",
    "denied SPREAD",
    "denied STRATEGY_LOSS",
    "denied STRATEGY_VOLUME",
    "denied SYMBOL_EXPOSURE",
    "denied TRADING_HOURS",
    "entry INOUT",
    "error StrategyError",
    "order type LIMIT",
    "order type STOP",
    "order EXPIRED",
    "order REJECTED",
    "retcode 10004",
    "retcode 10006",
    "retcode 10010",
    "retcode 10015",
    "retcode 10016",
    "retcode 10019",
    "trading state HALTED",
    "trading state REDUCE_ONLY",
)
"""What some runs of the default seeds must reach, so that the comparison means what it claims."""

COMMON: Final = ("blocked POSITION_OPEN", "entry IN", "entry OUT", "equity points", "order FILLED", "several commits")
"""What at least a quarter of the runs must reach."""


def seeds() -> Iterator[int]:
    """The seeds of the environment, or the default ones."""
    text = os.environ.get("ENGINE_SEEDS", str(SEEDS_DEFAULT))
    if "," in text:
        yield from map(int, filter(None, text.split(",")))
    else:
        yield from range(int(text))


@pytest.fixture(scope="module")
def comparisons() -> dict[int, Comparison]:
    """Difference and reach of each seed."""
    return {seed: compare(draw_case(seed), variant=seed) for seed in seeds()}


def test_a_backtest_by_events_leaves_the_bytes_of_one_tick_by_tick(
    comparisons: dict[int, Comparison],
) -> None:
    failed = {seed: difference for seed, (difference, _, _) in comparisons.items() if difference}
    shown = "\n\n".join(f"seed {seed}: {difference}" for seed, difference in list(failed.items())[:5])
    again = f"python -m tests.property.engines {' '.join(map(str, list(failed)[:5]))}"
    assert not failed, f"{len(failed)} of {len(comparisons)} seeds differ; make them small by `{again}`\n{shown}"


def test_the_random_runs_reach_every_feature(comparisons: dict[int, Comparison]) -> None:
    if len(comparisons) < SEEDS_DEFAULT:
        pytest.skip("fewer seeds than by default")
    counts = Counter(name for _, reached, _ in comparisons.values() for name in reached)
    assert [name for name in RARE if not counts[name]] == []
    assert sum(comparison.passed for comparison in comparisons.values()) > 50 * len(comparisons)
    assert [name for name in COMMON if counts[name] < len(comparisons) // 4] == []
