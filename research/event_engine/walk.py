"""Walks over the ticks without a consequence, and records them in the portfolio at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketdata.tick_stream import StreamTick
from proto.messages import Signal
from research.event_engine.kernel import OUTSIDE, walk
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
    """Passes over ticks of one stream.

    The arrays have a row for each symbol of the stream: `counts` and `latest` the number and the latest row by kind of
    signal, `medians` the running median of the spread, `minutes` the minute of the latest tick.
    """

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
        self._counts: NDArray[np.int64] = np.zeros((count, KINDS), dtype=np.int64)
        self._latest: NDArray[np.int64] = np.full((count, KINDS), -1, dtype=np.int64)
        self._points: NDArray[np.float64] = np.full(count, np.nan)
        self._medians: NDArray[np.float64] = np.zeros(count)
        self._minutes: NDArray[np.int64] = np.full(count, _NO_MINUTE, dtype=np.int64)
        self._minute_rows: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def refresh(self, index: int) -> None:
        """Read the estimates of the symbol with this index, after the portfolio has decided a tick of it."""
        symbol, stream = self._symbols[index], self._stream
        if (point := self._portfolio.spread_point(symbol)) is not None:
            self._points[index], self._medians[index] = point, stream.risk.spread_medians[symbol]
        if self._portfolio.estimates_volatility(symbol):
            self._minutes[index] = stream.volatility[symbol].minute

    def pass_over(self, block: SignalBlock, first: int, end: int) -> Stop:
        """Pass over the ticks of a block from row `first`, at most up to row `end`, and return where the walk stopped.

        If the stop is before `end`, the tick at its row must be decided.
        """
        stop, minute_rows = self._walk(block, first, end)
        denied_rows = [row for place in self._plan.denied if (row := int(self._latest[place])) >= 0]
        if denied_rows:
            # The text of a run's latest denial depends on its tick, so that this tick must be decided.
            for index in np.flatnonzero(self._latest.max(axis=1) >= 0).tolist():
                self.refresh(index)
            stop, minute_rows = self._walk(block, first, min(denied_rows))
        if stop.row > first:
            self._record(block, first, minute_rows)
        return stop

    def _walk(self, block: SignalBlock, first: int, end: int) -> tuple[Stop, NDArray[np.int64]]:
        self._counts.fill(0)
        self._latest.fill(-1)
        if len(self._minute_rows) < block.size:
            self._minute_rows = np.zeros(block.size, dtype=np.int64)
        bounds, ticks = self._plan.bounds, block.ticks
        row, reason, minute_count = walk(
            first,
            end,
            ticks.symbol_index,
            block.kind,
            ticks.time_ns,
            ticks.bid,
            ticks.ask,
            bounds.any_ns,
            bounds.tick_ns,
            bounds.bid_low,
            bounds.bid_high,
            bounds.ask_low,
            bounds.ask_high,
            self._plan.actions,
            self._plan.until_ns,
            self._counts,
            self._latest,
            self._points,
            self._medians,
            self._minutes,
            self._minute_rows,
        )
        return Stop(row, reason == OUTSIDE), self._minute_rows[:minute_count]

    def _record(self, block: SignalBlock, first: int, minute_rows: NDArray[np.int64]) -> None:
        """Record the ticks that the walk from row `first` has counted."""
        latest_rows = self._latest.max(axis=1).tolist()
        passed = sorted((row, index) for index, row in enumerate(latest_rows) if row >= 0)
        for row, index in passed:
            self._portfolio.pass_over(self._passed_ticks(block, first, row, index, minute_rows))

    def _passed_ticks(
        self, block: SignalBlock, first: int, row: int, index: int, minute_rows: NDArray[np.int64]
    ) -> PassedTicks:
        symbol, ticks = self._symbols[index], block.ticks
        counts: list[int] = self._counts[index].tolist()
        before = self._stream.cursor.sequences[symbol]
        signal = self._signal(block, row, before + sum(counts))
        blocked: list[tuple[int, BlockedSignals]] = []
        denied: list[tuple[str, int]] = []
        for kind in (SELL, BUY):
            number = counts[kind]
            if not number:
                continue
            decision = self._plan.standing[index][kind]
            if decision.action is Action.DENIED:
                denied.append((decision.code, number))
                continue
            at = int(self._latest[index, kind])
            own = signal
            if at != row:
                own = self._signal(block, at, before + int((ticks.symbol_index[first : at + 1] == index).sum()))
            record = BlockedSignals(number, blocked_signal(own, decision.verdict.value), decision.reason)
            blocked.append((at, record))
        blocked.sort(key=lambda item: item[0])
        minute_ends: list[tuple[float, int]] = []
        if self._minutes[index] != _NO_MINUTE:
            rows = [at for at in minute_rows.tolist() if ticks.symbol_index[at] == index]
            minute_ends = [_mid(block, at) for at in (*rows, row)]
        return PassedTicks(
            latest=signal,
            buy=counts[BUY],
            sell=counts[SELL],
            hold=counts[HOLD],
            warming_up=counts[WARM_UP],
            blocked=[record for _, record in blocked],
            denied=denied,
            spread_median=None if np.isnan(self._points[index]) else float(self._medians[index]),
            minute_ends=minute_ends,
        )

    def _signal(self, block: SignalBlock, row: int, sequence: int) -> Signal:
        tick = block_tick(block, row, self._symbols[block.ticks.symbol_index[row]], sequence)
        return self._make_signal(tick, int(block.kind[row]), float(block.confidence[row]))


def block_tick(block: SignalBlock, row: int, symbol: str, sequence: int) -> StreamTick:
    """The tick in a row of a block, with Python's numbers; `sequence` is its number among the ticks of `symbol`."""
    ticks = block.ticks
    return StreamTick(
        symbol,
        sequence,
        ticks.first_ordinal + row,
        int(ticks.time_ns[row]),
        float(ticks.bid[row]),
        float(ticks.ask[row]),
        float(ticks.volume[row]),
    )


def _mid(block: SignalBlock, row: int) -> tuple[float, int]:
    """Mid price and venue time of the tick in a row."""
    ticks = block.ticks
    return (float(ticks.bid[row]) + float(ticks.ask[row])) / 2, int(ticks.time_ns[row])
