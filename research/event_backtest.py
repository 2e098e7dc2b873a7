"""The event-driven backtest: only ticks that may have a consequence are processed, the others are counted at once.

The ledger, the report and the venue's book are those of `Backtest`, byte for byte. Signals are computed ahead, for the
ticks up to the next commit. Then the numba kernel of `event_engine/kernel.py` finds the next tick that may have a
consequence, which is processed as in `Backtest`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final, cast

from marketdata.tick_stream import StreamTick, TickStream
from proto.control import DeskState
from proto.messages import WARMING_UP, WATCHED, Signal, Tick
from research.backtest import Backtest
from research.backtest_engine import BacktestEngine
from research.call_watch import end_calls
from research.event_engine.plan import WalkPlan
from research.event_engine.signal_blocks import NO_STRATEGY, WARM_UP, SignalBlock, signal_block
from research.event_engine.walk import Walker, block_tick
from research.in_process_desk import COMMIT_EVERY_TICKS, BacktestProgress
from research.run_spec import RunSpec
from research.unstored_ledger import RunLedger
from services.mt5.core.gateway.journal import Journal
from services.mt5.core.simulated.book_store import BookStore
from services.mt5.core.simulated.venue import SimulatedVenue
from services.portfolio.core.state.signal_conditions import hold_signal
from services.signal.core.symbol_engine import Direction

_REASONS: Final = {WARM_UP: WARMING_UP}


class EventBacktest(Backtest):
    """One run in lock-step that visits only the ticks that may have a consequence."""

    engine = BacktestEngine.EVENTS
    visits: int

    def __init__(
        self,
        spec: RunSpec,
        stream: TickStream,
        ledger: RunLedger,
        journal: Journal,
        store: BookStore,
        *,
        extra_visits: Sequence[int] = (),
    ) -> None:
        """Compose the cores; see `InProcessDesk`.

        `extra_visits` are ascending ordinals of ticks that are processed in any case, which changes no result.
        """
        super().__init__(spec, stream, ledger, journal, store)
        venue = self._gateway.venue
        assert isinstance(venue, SimulatedVenue), venue
        self._venue = venue
        self._plan = WalkPlan(self._portfolio, venue, stream.symbols, self._engines)
        self._walker = Walker(self._portfolio, stream.symbols, self._plan, self._make_signal)
        self._extra_visits = [*extra_visits, stream.last_ordinal]
        self.visits = 0

    @property
    def visited_parts(self) -> list[str]:
        """Names of the parts that could not name the ticks they need, so that every tick was processed for a time."""
        return sorted(self._plan.bounds.visited_parts)

    def _process_ticks(self, decided: int, progress: Callable[[BacktestProgress], None] | None) -> None:
        stream = self._stream
        for start in range(0, stream.last_ordinal, COMMIT_EVERY_TICKS):
            last = min(start + COMMIT_EVERY_TICKS, stream.last_ordinal)
            block = signal_block(stream.block(start + 1, last), stream.symbols, self._engines)
            end_calls()
            if last > decided:
                self._process_block(block, max(0, decided - start))
                if self.state.stream.desk_state is DeskState.FAILED:
                    break
            if block.error is not None:
                raise block.error
            if last > decided:
                self._after_tick(last, progress)

    def _process_block(self, block: SignalBlock, row: int) -> None:
        """Process the ticks of a block from a row on."""
        first_ordinal, size = block.ticks.first_ordinal, block.size
        is_outside = True
        while row < size:
            if self._plan.renew(is_outside=is_outside):
                self._walker.renew()
            place = bisect_left(self._extra_visits, first_ordinal + row)
            end = min(size, self._extra_visits[place] - first_ordinal)
            row, is_outside = self._walker.pass_over(block, row, end)
            is_outside = is_outside or row == end
            if row < size:
                self._visit(block, row)
                if self.state.stream.desk_state is DeskState.FAILED:
                    return
                row += 1

    def _visit(self, block: SignalBlock, row: int) -> None:
        """Process the tick in a row as `Backtest` does."""
        self.visits += 1
        index = block.ticks.symbol_index.item(row)
        symbol = self._stream.symbols[index]
        tick = block_tick(block, row, symbol, self.state.stream.cursor.sequences.get(symbol, 0) + 1)
        kind = block.kind.item(row)
        message: Signal | Tick = self._published(tick)
        if kind != NO_STRATEGY:
            confidence = block.confidence.item(row)
            message = self._make_signal(tick, kind, confidence)
            self._plan.note_confidence(index, kind, confidence)
        self._venue.pass_over(tick.ordinal - 1)
        self._process(tick.ordinal, message)
        self._walker.refresh(index)

    def _make_signal(self, tick: StreamTick, kind: int, confidence: float) -> Signal:
        if kind == NO_STRATEGY:
            return hold_signal(self._published(tick), WATCHED, self._now.mono_ns)
        direction = cast("Direction", 0 if kind == WARM_UP else kind - 1)
        return self._signal_message(tick, direction, confidence, _REASONS.get(kind, ""))
