"""Equity of the ticks of a walk: the arrays of the kernel, and the record of its results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from research.event_engine.signal_blocks import SignalBlock
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.accounting.leg_units import LegTable, empty_leg_table
from services.portfolio.core.decision.equity_scan import EQUITY, HIGHEST, SCALE_SIZE, PassedEquity
from services.portfolio.core.portfolio import Portfolio


class WalkEquity:
    """Arrays with which the kernel computes the equity of ticks (`EquityScan` describes them).

    `quotes` has bid and ask of each symbol of the stream, and then of the other symbols that have a mark. `point_rows`
    and `point_quotes` are the rows at which a point of the equity curve is due, and the quotes at these rows.
    """

    def __init__(self, portfolio: Portfolio, symbols: Sequence[str]) -> None:
        """Start for a stream of these symbols; `refresh` and `renew` fill the arrays."""
        self._scan = portfolio.equity_scan
        self._stream = portfolio.state.stream
        names = [*symbols, *(name for name in self._stream.cursor.marks if name not in symbols)]
        self._places = {name: place for place, name in enumerate(names)}
        self.is_needed = self._scan.is_needed
        self.has_positions = False
        self.legs: LegTable = empty_leg_table()
        self.levels = self._scan.levels
        self.quotes: NDArray[np.float64] = np.zeros((len(names), 2))
        self.scale: NDArray[np.float64] = np.zeros(SCALE_SIZE)
        self.point_rows: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.point_quotes: NDArray[np.float64] = np.zeros((0, len(names), 2))
        for name in names:
            self.refresh(name)

    def renew(self) -> None:
        """Read the open legs again, after an event of the account."""
        self.legs = self._scan.legs(self._places)
        self.has_positions = self._scan.has_positions

    @property
    def due_ns(self) -> int:
        """Time from which on the next point of the equity curve is due."""
        return self._stream.equity_curve.due_ns

    def refresh(self, symbol: str) -> None:
        """Read the quote of a symbol, and the peaks, again, after the portfolio has decided a tick of the symbol."""
        mark = self._stream.cursor.marks.get(symbol)
        if mark is not None:
            self.quotes[self._places[symbol]] = mark.bid, mark.ask
        if self.is_needed:
            self._scan.fill(self.scale)

    def begin(self, rows: int) -> None:
        """Prepare for a walk of at most this number of rows."""
        self.scale[HIGHEST] = -np.inf
        if len(self.point_rows) < rows:
            self.point_rows = np.zeros(rows, dtype=np.int64)
            self.point_quotes = np.zeros((rows, *self.quotes.shape))

    def record(self, block: SignalBlock, points: int) -> None:
        """Record the equity of a walk over rows of a block, with a number of points, after the marks of its ticks."""
        ticks = block.ticks
        for place, row in enumerate(self.point_rows[:points].tolist()):
            time_ns = int(ticks.time_ns[row])
            marks: dict[str, Mark] = {}
            if self.has_positions:
                quotes, known = self.point_quotes[place].tolist(), self._stream.cursor.marks
                for name, at in self._places.items():
                    if name in known:
                        bid, ask = quotes[at]
                        marks[name] = Mark(bid, ask, time_ns)
            self._scan.record_point(ordinal=ticks.first_ordinal + row, time_ns=time_ns, marks=marks)
        highest = float(self.scale[HIGHEST])
        if highest > -np.inf:
            self._scan.record(PassedEquity(highest, float(self.scale[EQUITY])))
