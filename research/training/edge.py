"""Edge of a model on unseen rows, after paying the spread.

One position at a time: a signal enters at the quote of its tick and leaves at the quote `horizon` ticks later; no other
signal counts in between. `paperdesk backtest` plays the desk's own rule (a position is held until the signal turns);
this measures only the prediction that was learned.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.training.labels import BUY, SELL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

THRESHOLDS: Final = tuple(round(0.30 + 0.02 * step, 2) for step in range(34))
TRADES_MIN: Final = 30
"""Least number of trades for a threshold to be considered: the mean of fewer is not informative."""

SIGNIFICANT: Final = 2.0
"""Standard errors above 0 from which a mean counts as more than luck."""

_BP: Final = 1e4
_DECIMALS: Final = 6


class QuoteColumns(NamedTuple):
    """Quotes of all ticks, 1-D arrays of equal length."""

    bid: Floats
    ask: Floats


class Edge(NamedTuple):
    """Trades of a threshold; means are per trade, in basis points of the price."""

    trades: int
    won_part: float
    gross_bp: float
    cost_bp: float
    net_bp: float
    t_statistic: float
    """The net mean in standard errors."""


NO_TRADES: Final = Edge(0, 0.0, 0.0, 0.0, 0.0, 0.0)


def directions(probabilities: Floats, threshold: float) -> NDArray[np.int64]:
    """Direction of each row, -1, 0 or +1, by the strategy's rule; `probabilities` has shape (rows, 3)."""
    sell, buy = probabilities[:, SELL], probabilities[:, BUY]
    return np.where((buy > sell) & (buy >= threshold), 1, np.where((sell > buy) & (sell >= threshold), -1, 0))


def measure_edge(signals: NDArray[np.int64], at: Ints, quotes: QuoteColumns, horizon_ticks: int) -> Edge:
    """The edge of the trades that the signals make.

    Args:
        signals: direction of each row.
        at: index of each row's tick, ascending.
        quotes: the ticks.
        horizon_ticks: duration of a position.
    """
    entries: list[int] = []
    free = -1
    for row in np.flatnonzero(signals).tolist():
        if at[row] >= free:
            entries.append(row)
            free = int(at[row]) + horizon_ticks
    if not entries:
        return NO_TRADES
    side, enter = signals[entries], at[entries]
    leave = enter + horizon_ticks
    mid = (quotes.bid + quotes.ask) / 2
    gross = side * (mid[leave] - mid[enter]) / mid[enter] * _BP
    cost = ((quotes.ask - quotes.bid)[enter] + (quotes.ask - quotes.bid)[leave]) / 2 / mid[enter] * _BP
    net = gross - cost
    deviation = float(net.std(ddof=1)) if len(net) > 1 else 0.0
    statistic = float(net.mean()) / (deviation / math.sqrt(len(net))) if deviation else 0.0
    figures = (float((net > 0).mean()), float(gross.mean()), float(cost.mean()), float(net.mean()), statistic)
    return Edge(len(net), *(round(figure, _DECIMALS) for figure in figures))


def best_threshold(probabilities: Floats, at: Ints, quotes: QuoteColumns, horizon_ticks: int) -> float:
    """The threshold with the highest total profit; if none has a profit, the one with the smallest loss per trade.

    Thresholds with fewer than `TRADES_MIN` trades do not count; without any other, the lowest threshold is returned.

    Args:
        probabilities: of SELL, HOLD and BUY, of shape (rows, 3).
        at: for each row, the index of its tick in `quotes`.
        quotes: bid and ask of each tick.
        horizon_ticks: ticks from the entry of a trade to its exit.
    """
    candidates = []
    for threshold in THRESHOLDS:
        edge = measure_edge(directions(probabilities, threshold), at, quotes, horizon_ticks)
        if edge.trades >= TRADES_MIN:
            candidates.append((edge.net_bp * edge.trades if edge.net_bp > 0 else edge.net_bp, threshold))
    return max(candidates)[1] if candidates else THRESHOLDS[0]


def edge_summary(edge: Edge) -> str:
    """Whether the edge survives costs, in a sentence."""
    if not edge.trades:
        return "There is no edge: no signal on the held-out part."
    result = f"{edge.net_bp:+.3f} bp a trade after costs over {edge.trades:,} trades (t = {edge.t_statistic:.1f})"
    if edge.net_bp <= 0:
        return f"The edge does NOT survive costs on the held-out part: {result}."
    if edge.t_statistic < SIGNIFICANT or edge.trades < TRADES_MIN:
        return f"No edge after costs is shown on the held-out part: {result} may be luck."
    return f"The edge survives costs on the held-out part: {result}. Spread only; no commission, no slippage."
