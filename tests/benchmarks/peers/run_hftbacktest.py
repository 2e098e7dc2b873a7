"""hftbacktest: quotes as changes of a book's best level, a compiled strategy, market orders without latency or fees.

Its book cannot be crossed or locked. So crossed quotes are given with bid and ask exchanged, and locked quotes with an
ask one of its ticks higher. The expected legs and profit are those of the reference loop on these altered quotes.
"""

from __future__ import annotations

import importlib.metadata
from typing import Any, Final

import numba
import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTC,
    LOCAL_EVENT,
    MARKET,
    SELL_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
)
from hftbacktest.types import event_dtype

from tests.benchmarks.peers.crossing import FAST_ALPHA, SLOW_ALPHA, follow_crossings
from tests.benchmarks.peers.work import CROSSING, SLOW_TICKS, UNITS, Quotes, Result, Stopwatch, arguments, emit

PRICE_TICK: Final = 1e-6
LONGEST_PAUSE_NS: Final = 7 * 86_400 * 10**9
"""Longest wait for the next quote, longer than a weekend with holidays."""

NEXT_QUOTE: Final = 2
"""What `wait_next_feed` returns for a quote."""

BID: Final = int(DEPTH_EVENT | EXCH_EVENT | LOCAL_EVENT | BUY_EVENT)
ASK: Final = int(DEPTH_EVENT | EXCH_EVENT | LOCAL_EVENT | SELL_EVENT)
LEVEL: Final = 1e9
"""Volume of a level, larger than any order."""

WARM_UP_QUOTES: Final = 2_000


@numba.njit
def _put(events: Any, count: int, kind: int, time_ns: int, price: float, volume: float) -> int:
    events[count].ev = kind
    events[count].exch_ts = time_ns
    events[count].local_ts = time_ns
    events[count].px = price
    events[count].qty = volume
    return count + 1


@numba.njit
def _fill_events(time_ns: Any, bid: Any, ask: Any, events: Any) -> int:
    """Fill the changes of the best levels, and return their number. An unchanged quote repeats its bid."""
    count = 0
    for row in range(len(time_ns)):
        is_new_bid = row == 0 or bid[row] != bid[row - 1]
        is_new_ask = row == 0 or ask[row] != ask[row - 1]
        if row > 0 and is_new_bid:
            count = _put(events, count, BID, time_ns[row], bid[row - 1], 0.0)
        if row > 0 and is_new_ask:
            count = _put(events, count, ASK, time_ns[row], ask[row - 1], 0.0)
        if is_new_bid or not is_new_ask:
            count = _put(events, count, BID, time_ns[row], bid[row], LEVEL)
        if is_new_ask:
            count = _put(events, count, ASK, time_ns[row], ask[row], LEVEL)
    return count


@numba.njit
def _follow(backtest: Any) -> tuple[int, int, float]:
    """Trade to the end; quotes seen, legs, and price of the last entry."""
    fast = slow = entry = 0.0
    side = position = ticks = orders = legs = 0
    while backtest.wait_next_feed(False, LONGEST_PAUSE_NS) == NEXT_QUOTE:
        depth = backtest.depth(0)
        bid, ask = depth.best_bid, depth.best_ask
        mid = (bid + ask) / 2
        ticks += 1
        if ticks == 1:
            fast = slow = mid
            continue
        fast = fast + FAST_ALPHA * (mid - fast)
        slow = slow + SLOW_ALPHA * (mid - slow)
        if fast > slow:
            side = 1
        elif fast < slow:
            side = -1
        if ticks > SLOW_TICKS and side != position:
            legs += 2 if position != 0 else 1
            units = UNITS * (2.0 if position != 0 else 1.0)
            orders += 1
            if side > 0:
                backtest.submit_buy_order(0, orders, ask, units, GTC, MARKET, True)
            else:
                backtest.submit_sell_order(0, orders, bid, units, GTC, MARKET, True)
            entry = backtest.orders(0).get(orders).exec_price
            backtest.clear_inactive_orders(0)
            position = side
    return ticks, legs, entry


def a_backtest(events: Any) -> Any:
    """A backtest of one asset with quotes alone."""
    asset = (
        BacktestAsset()
        .data([events])
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(PRICE_TICK)
        .lot_size(1.0)
        .last_trades_capacity(0)
    )
    return HashMapMarketDepthBacktest([asset])


def run(quotes: Quotes) -> Result:
    """Run the backtest once; the strategy is compiled before, on the first quotes."""
    setup = Stopwatch()
    low, high = np.minimum(quotes.bid, quotes.ask), np.maximum(quotes.bid, quotes.ask)
    altered = int((quotes.bid >= quotes.ask).sum())
    high = np.where(low == high, high + PRICE_TICK, high)
    room = np.zeros(4 * len(quotes), event_dtype)
    events = room[: _fill_events(quotes.time_ns, low, high, room)].copy()
    del room
    trial = a_backtest(events[:WARM_UP_QUOTES].copy())
    _follow(trial)
    trial.close()
    backtest = a_backtest(events)
    setup_s, _ = setup.read()
    watch = Stopwatch()
    ticks, legs, entry = _follow(backtest)
    run_s, cpu_s = watch.read()
    state = backtest.state_values(0)
    profit = state.balance + state.position * entry
    backtest.close()
    expected_legs, expected_profit = follow_crossings(low.tolist(), high.tolist())
    return Result(
        "hftbacktest",
        importlib.metadata.version("hftbacktest"),
        ticks,
        legs,
        profit,
        setup_s,
        run_s,
        cpu_s,
        remark=f"{altered:,} crossed or locked quotes altered",
        expected_legs=expected_legs,
        expected_profit=expected_profit,
    )


if __name__ == "__main__":
    work, given = arguments()
    assert work == CROSSING, work
    emit(run(given))
