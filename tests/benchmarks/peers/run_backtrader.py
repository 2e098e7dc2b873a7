"""backtrader: each quote is a bar of its mid, with bid and ask; orders of the type Historical fill at the touch."""

from __future__ import annotations

from typing import Any, Final

import backtrader

from tests.benchmarks.peers.crossing import Crossing
from tests.benchmarks.peers.work import CROSSING, DEPOSIT, UNITS, Quotes, Result, Stopwatch, arguments, emit

EPOCH_DAYS: Final = 719_163
"""Number of 1970-01-01 in the library's count of days."""

DAY_NS: Final = 86_400 * 10**9


class QuoteBars(backtrader.feed.DataBase):  # type: ignore[misc]
    """Bars of the mid, with the touch."""

    lines = ("bid", "ask")
    params = (("quotes", None),)

    def start(self) -> None:
        super().start()
        quotes: Quotes = self.p.quotes
        days = quotes.time_ns / DAY_NS + EPOCH_DAYS
        columns = (days, (quotes.bid + quotes.ask) / 2, quotes.bid, quotes.ask)
        self.rows = zip(*(column.tolist() for column in columns), strict=True)

    def _load(self) -> bool:
        row = next(self.rows, None)
        if row is None:
            return False
        lines: Any = self.lines
        lines.datetime[0], mid, lines.bid[0], lines.ask[0] = row
        lines.open[0] = lines.high[0] = lines.low[0] = lines.close[0] = mid
        lines.volume[0] = lines.openinterest[0] = 0.0
        return True


class CrossingStrategy(backtrader.Strategy):  # type: ignore[misc]
    """Follows two averages of the mid, updated at each bar."""

    def __init__(self) -> None:
        self.crossing = Crossing()
        self.side = self.legs = self.refused = 0
        self.profit = 0.0

    def start(self) -> None:
        self.watch = Stopwatch()

    def stop(self) -> None:
        self.taken = self.watch.read()

    def notify_order(self, order: Any) -> None:
        if order.status == order.Completed:
            self.legs += round(abs(order.executed.size) / UNITS)
            self.profit += order.executed.pnl
        elif order.status in (order.Margin, order.Rejected, order.Canceled):
            self.refused += 1

    def next(self) -> None:
        bid, ask = self.data.bid[0], self.data.ask[0]
        side = self.crossing.push(bid, ask)
        if side == self.side:
            return
        make, price = (self.buy, ask) if side > 0 else (self.sell, bid)
        units = UNITS * (2 if self.side else 1)
        make(size=units, exectype=backtrader.Order.Historical, histnotify=True, price=price)
        self.side = side


def run(quotes: Quotes) -> Result:
    """Run the backtest once."""
    setup = Stopwatch()
    cerebro = backtrader.Cerebro(stdstats=False)
    cerebro.adddata(QuoteBars(quotes=quotes))
    cerebro.addstrategy(CrossingStrategy)
    cerebro.broker.setcash(float(DEPOSIT))
    [strategy] = cerebro.run()
    run_s, cpu_s = strategy.taken
    whole_s, _ = setup.read()
    return Result(
        "backtrader", backtrader.__version__, len(quotes), strategy.legs, strategy.profit, whole_s - run_s, run_s,
        cpu_s, remark="mids as bars",
    )  # fmt: skip


if __name__ == "__main__":
    work, given = arguments()
    assert work == CROSSING, work
    emit(run(given))
