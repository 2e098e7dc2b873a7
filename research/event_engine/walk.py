"""Walks over the ticks without a consequence, and records them in the portfolio at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketdata.tick_stream import StreamTick
from proto.messages import Signal
from research.event_engine.equity import WalkEquity
from research.event_engine.kernel import LATEST, LATEST_OF_ALL, OUTSIDE, PASSED_COLUMNS, walk
from research.event_engine.plan import WalkPlan
from research.event_engine.signal_blocks import BUY, HOLD, KINDS, SELL, WARM_UP, SignalBlock
from services.portfolio.core.account.tick_cursor import blocked_signal
from services.portfolio.core.decision.standing_decision import Action
from services.portfolio.core.portfolio import Portfolio
from services.portfolio.core.state.passed_ticks import BlockedSignals, PassedTicks

MakeSignal = Callable[[StreamTick, int, float], Signal]
"""Makes the signal of a tick from the kind and the confidence of the signal."""

_NO_MINUTE: Final = -1


class Stop(NamedTuple):
    """End of a walk: the row after the last tick passed over, and whether the tick of this row is outside the plan."""

    row: int
    is_outside: bool


class Walker:
    """Passes over ticks of one stream; `kernel.walk` describes its arrays."""

    def __init__(self, portfolio: Portfolio, symbols: Sequence[str], plan: WalkPlan, make_signal: MakeSignal) -> None:
        """Walk for a portfolio; the first tick of each symbol must be decided before a walk over others.

        Args:
            portfolio: the desk.
            symbols: the symbols of the stream.
            plan: what has a consequence.
            make_signal: makes the signal of a tick.
        """
        self._portfolio = portfolio
        self._stream = portfolio.state.stream
        self._symbols = symbols
        self._plan = plan
        self._make_signal = make_signal
        count = len(symbols)
        self._passed: NDArray[np.int64] = np.zeros((count, PASSED_COLUMNS), dtype=np.int64)
        self._passed[:, LATEST:] = -1
        self._order: NDArray[np.int64] = np.zeros(count + 1, dtype=np.int64)
        self._spreads: NDArray[np.float64] = np.full((count, 2), np.nan)
        self._minutes: NDArray[np.int64] = np.full(count, _NO_MINUTE, dtype=np.int64)
        self._minute_rows: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._point_count = 0
        self._equity = WalkEquity(portfolio, symbols)

    def renew(self) -> None:
        """Read the open positions again, after an event of the account."""
        self._equity.renew()

    def refresh(self, index: int) -> None:
        """Read the estimates of the symbol with this index, after the portfolio has decided a tick of it."""
        symbol, portfolio, stream = self._symbols[index], self._portfolio, self._stream
        if (point := portfolio.spread_point(symbol)) is not None:
            self._spreads[index] = point, stream.risk.spread_medians[symbol]
        if portfolio.estimates_volatility(symbol):
            self._minutes[index] = stream.volatility[symbol].minute
        self._equity.refresh(symbol)

    def pass_over(self, block: SignalBlock, first: int, end: int) -> Stop:
        """Pass over the ticks of a block from row `first`, at most up to row `end`, and return where the walk stopped.

        If the stop is before `end`, the tick at its row must be decided.
        """
        stop, minute_rows = self._walk(block, first, end)
        if self._plan.denied:
            latest = [int(self._passed[index, LATEST + kind]) for index, kind in self._plan.denied]
            denied_rows = [row for row in latest if row >= 0]
            if denied_rows:
                # The text of a run's latest denial depends on its tick, so that this tick must be decided.
                for index in self._passed_symbols():
                    self.refresh(index)
                stop, minute_rows = self._walk(block, first, min(denied_rows))
        if stop.row > first:
            self._record(block, first, minute_rows)
        return stop

    def _walk(self, block: SignalBlock, first: int, end: int) -> tuple[Stop, list[int]]:
        """Walk, and return the stop and the rows at the ends of minutes."""
        if len(self._minute_rows) < block.size:
            self._minute_rows = np.zeros(block.size, dtype=np.int64)
        plan, ticks, equity = self._plan, block.ticks, self._equity
        equity.begin(block.size)
        row, reason, minute_count, self._point_count = walk(
            first,
            end,
            ticks.symbol_index,
            ticks.time_ns,
            ticks.bid,
            ticks.ask,
            block.kind,
            block.confidence,
            plan.bounds.any_ns,
            plan.bounds.tick_ns,
            plan.bounds.prices,
            plan.until_ns,
            plan.sureness,
            self._passed,
            self._order,
            self._spreads,
            self._minutes,
            self._minute_rows,
            equity.quotes,
            equity.has_positions,
            equity.is_needed,
            equity.legs.places,
            equity.legs.terms,
            equity.levels,
            equity.scale,
            equity.due_ns,
            equity.point_rows,
            equity.point_quotes,
        )
        return Stop(row, reason == OUTSIDE), self._minute_rows[:minute_count].tolist() if minute_count else []

    def _passed_symbols(self) -> list[int]:
        """Indices of the symbols that the latest walk has passed over."""
        return self._order[: self._order[-1]].tolist()  # type: ignore[no-any-return]

    def _record(self, block: SignalBlock, first: int, minute_rows: Sequence[int]) -> None:
        """Record the ticks that the walk from row `first` has counted."""
        rows = [(index, self._passed[index].tolist()) for index in self._passed_symbols()]
        if len(rows) > 1:
            rows.sort(key=lambda item: item[1][LATEST_OF_ALL])
        for index, passed in rows:
            self._portfolio.pass_over(self._passed_ticks(block, first, index, passed, minute_rows))
        self._equity.record(block, self._point_count)

    def _passed_ticks(
        self, block: SignalBlock, first: int, index: int, passed: list[int], minute_rows: Sequence[int]
    ) -> PassedTicks:
        symbol, symbol_index, latest = self._symbols[index], block.ticks.symbol_index, passed[LATEST_OF_ALL]
        before = self._stream.cursor.sequences[symbol]
        signal = self._signal(block, latest, before + sum(passed[:KINDS]))
        blocked: list[tuple[int, BlockedSignals]] = []
        denied: list[tuple[str, int]] = []
        for kind in (SELL, BUY):
            count, row, decision = passed[kind], passed[LATEST + kind], self._plan.standing[index][kind]
            if not count:
                continue
            if decision.action is Action.DENIED:
                denied.append((decision.code, count))
                continue
            own = signal
            if row != latest:
                own = self._signal(block, row, before + int((symbol_index[first : row + 1] == index).sum()))
            record = BlockedSignals(count, blocked_signal(own, decision.verdict.value), decision.reason)
            blocked.append((row, record))
        minute_ends: list[tuple[float, int]] = []
        if self._minutes[index] != _NO_MINUTE:
            rows = [row for row in minute_rows if symbol_index[row] == index]
            minute_ends = [_mid(block, row) for row in (*rows, latest)]
        return PassedTicks(
            signal,
            buy=passed[BUY],
            sell=passed[SELL],
            hold=passed[HOLD],
            warming_up=passed[WARM_UP],
            blocked=[record for _, record in sorted(blocked, key=itemgetter(0))],
            denied=denied,
            spread_median=self._spreads.item(index, 1) if self._portfolio.spread_point(symbol) is not None else None,
            minute_ends=minute_ends,
        )

    def _signal(self, block: SignalBlock, row: int, sequence: int) -> Signal:
        tick = block_tick(block, row, self._symbols[block.ticks.symbol_index.item(row)], sequence)
        return self._make_signal(tick, block.kind.item(row), block.confidence.item(row))


def block_tick(block: SignalBlock, row: int, symbol: str, sequence: int) -> StreamTick:
    """The tick in a row of a block, with Python's numbers; `sequence` is its number among the ticks of `symbol`."""
    ticks = block.ticks
    return StreamTick(
        symbol,
        sequence,
        ticks.first_ordinal + row,
        ticks.time_ns.item(row),
        ticks.bid.item(row),
        ticks.ask.item(row),
        ticks.volume.item(row),
    )


def _mid(block: SignalBlock, row: int) -> tuple[float, int]:
    """Mid price and venue time of the tick in a row."""
    ticks = block.ticks
    return (ticks.bid.item(row) + ticks.ask.item(row)) / 2, ticks.time_ns.item(row)
