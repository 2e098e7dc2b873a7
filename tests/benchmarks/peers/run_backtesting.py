"""backtesting: each quote is a bar of its mid; a commission of half the spread makes the touch."""

from __future__ import annotations

import time
import warnings
from typing import Any

import backtesting
import pandas as pd
from backtesting import Backtest, Strategy

from tests.benchmarks.peers.crossing import Crossing
from tests.benchmarks.peers.work import CROSSING, DEPOSIT, UNITS, Quotes, Result, Stopwatch, arguments, emit


class CrossingStrategy(Strategy):  # type: ignore[misc]
    """Follows two averages of the mid, updated at each bar."""

    quotes: Quotes
    row = 0
    """Row of the current bar, which the commission needs."""
    begun: Stopwatch | None = None
    taken: tuple[float, float] = (0.0, 0.0)

    def init(self) -> None:
        self.crossing = Crossing()
        self.position_side = 0
        self.bids, self.asks = self.quotes.bid.tolist(), self.quotes.ask.tolist()
        self.next_row = 0

    def next(self) -> None:
        cls = type(self)
        if cls.begun is None:
            # The first bar is not given to a strategy.
            cls.begun = Stopwatch()
            self.crossing.push(self.bids[0], self.asks[0])
        cls.row = len(self.data) - 1
        side = self.crossing.push(self.bids[cls.row], self.asks[cls.row])
        if side != self.position_side:
            if self.position_side:
                self.position.close()
            (self.buy if side > 0 else self.sell)(size=UNITS)
            self.position_side = side
        if cls.row == len(self.bids) - 1:
            cls.taken = cls.begun.read()


def run(quotes: Quotes) -> Result:
    """Run the backtest once."""
    warnings.filterwarnings("ignore")
    started = time.perf_counter()
    mid, half = (quotes.bid + quotes.ask) / 2, ((quotes.ask - quotes.bid) / 2).tolist()
    bars = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close"), mid), index=pd.to_datetime(quotes.time_ns))
    CrossingStrategy.quotes = quotes

    def commission(units: float, _price: float) -> float:
        return float(half[CrossingStrategy.row] * abs(units))

    backtest = Backtest(bars, CrossingStrategy, cash=DEPOSIT, margin=1 / 30, trade_on_close=True, commission=commission)
    setup_s = time.perf_counter() - started
    strategy: Any = backtest.run()["_strategy"]
    run_s, cpu_s = CrossingStrategy.taken
    open_trades = strategy.trades
    profit = strategy.equity - DEPOSIT - sum(trade.pl for trade in open_trades)
    profit += sum(half[trade.entry_bar] * abs(trade.size) for trade in open_trades)
    legs = 2 * len(strategy.closed_trades) + len(open_trades)
    return Result(
        "backtesting", backtesting.__version__, len(quotes), legs, float(profit), setup_s, run_s, cpu_s,
        remark="mids as bars",
    )  # fmt: skip


if __name__ == "__main__":
    work, given = arguments()
    assert work == CROSSING, work
    emit(run(given))
