"""Ticks that a backtest passes over, because each of them only changes counts, quotes and running estimates.

`StreamState.pass_over` applies them at once, with the result of `StreamState.count` and of the updates for each tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from proto.messages import Signal
from services.portfolio.core.account.tick_cursor import BlockedSignal


class BlockedSignals(NamedTuple):
    """Blocked signals of one symbol and direction: number, the latest, and the text of the verdict."""

    signals: int
    latest: BlockedSignal
    reason: str


class PassedTicks(NamedTuple):
    """Consecutive ticks of one symbol, of which none has a consequence. The stream has decided earlier ones.

    Args:
        latest: the signal of the latest tick.
        buy: number of signals to buy.
        sell: number of signals to sell.
        hold: number of signals to hold.
        warming_up: number of ticks during the warm-up.
        blocked: the blocked signals of each direction, the direction of the latest one last.
        denied: code and number of denied signals, without the first and the latest of a run.
        spread_median: median spread after the latest tick, in price units; None if no rule needs it.
        minute_ends: mid and venue time of the last tick of each minute, and of the latest tick; empty if no estimate of
            volatility needs them.
    """

    latest: Signal
    buy: int
    sell: int
    hold: int
    warming_up: int
    blocked: Sequence[BlockedSignals] = ()
    denied: Sequence[tuple[str, int]] = ()
    spread_median: float | None = None
    minute_ends: Sequence[tuple[float, int]] = ()
