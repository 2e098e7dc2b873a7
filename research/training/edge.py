"""Edge of a model: the mean profit per trade of its signals after the spread.

One position is open at a time. It is opened at the quote of a signal's tick and closed at the quote `horizon_ticks`
later; signals in between are ignored. This measures the predictions that the model was trained for. `paperdesk
backtest` measures the model under the rules of a desk, which by default holds a position until the opposite signal.
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
"""Least number of trades with which a threshold is considered; a mean of fewer trades is too uncertain."""

SIGNIFICANT: Final = 2.0
"""Least t statistic (mean divided by its standard error) of an edge that counts as significant."""

_BP: Final = 1e4
_DECIMALS: Final = 6


class QuoteColumns(NamedTuple):
    """Bid and ask of all ticks, arrays of shape (ticks,)."""

    bid: Floats
    ask: Floats


class Edge(NamedTuple):
    """Result of the trades at one threshold. Means are per trade, in basis points of the mid price at the entry.

    `gross_bp` is the profit at mid prices. `cost_bp` is half the sum of the spreads at entry and exit, positive.
    `net_bp` is `gross_bp` - `cost_bp`. `won_part` is the share of trades with a net profit.
    """

    trades: int
    won_part: float
    gross_bp: float
    cost_bp: float
    net_bp: float
    t_statistic: float
    """`net_bp` divided by its standard error."""


NO_TRADES: Final = Edge(0, 0.0, 0.0, 0.0, 0.0, 0.0)


def directions(probabilities: Floats, threshold: float) -> NDArray[np.int64]:
    """The direction of each row by the rule of the strategy: +1 buy, -1 sell, 0 no signal; of shape (rows,).

    Args:
        probabilities: of sell, hold and buy, of shape (rows, 3).
        threshold: least probability of a signal, 0 to 1.
    """
    sell, buy = probabilities[:, SELL], probabilities[:, BUY]
    return np.where((buy > sell) & (buy >= threshold), 1, np.where((sell > buy) & (sell >= threshold), -1, 0))


def measure_edge(signals: NDArray[np.int64], at: Ints, quotes: QuoteColumns, horizon_ticks: int) -> Edge:
    """The edge of the trades of these signals.

    Args:
        signals: direction of each row (+1 buy, -1 sell, 0 none), of shape (rows,).
        at: for each row, the index of its tick in `quotes`, ascending; of shape (rows,).
        quotes: bid and ask of each tick.
        horizon_ticks: ticks from the entry of a trade to its exit.
    """
    entries: list[int] = []
    earliest_entry = -1
    for row in np.flatnonzero(signals).tolist():
        if at[row] >= earliest_entry:
            entries.append(row)
            earliest_entry = int(at[row]) + horizon_ticks
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

    Thresholds with fewer than TRADES_MIN trades are ignored. If all thresholds are ignored, the lowest is returned.

    Args:
        probabilities: of sell, hold and buy, of shape (rows, 3).
        at: for each row, the index of its tick in `quotes`, ascending; of shape (rows,).
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
    """One sentence on whether the model has a profit after costs on the held-out part."""
    if not edge.trades:
        return "There is no edge: no signal on the held-out part."
    result = f"{edge.net_bp:+.3f} bp a trade after costs over {edge.trades:,} trades (t = {edge.t_statistic:.1f})"
    if edge.net_bp <= 0:
        return f"The edge does NOT survive costs on the held-out part: {result}."
    if edge.t_statistic < SIGNIFICANT or edge.trades < TRADES_MIN:
        return f"No edge after costs is shown on the held-out part: {result} may be luck."
    return f"The edge survives costs on the held-out part: {result}. Spread only; no commission, no slippage."
