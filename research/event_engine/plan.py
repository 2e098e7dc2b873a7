"""Plan of a walk: the bounds and the standing decisions that hold until the next event of the account."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from marketdata.tick_bounds import NEVER_NS, TickBounds
from research.event_engine.signal_blocks import BUY, KINDS, SELL
from services.mt5.core.simulated.venue import SimulatedVenue
from services.portfolio.core.decision.standing_decision import HOLD, Action, StandingDecision
from services.portfolio.core.portfolio import Portfolio


class WalkPlan:
    """The ticks that have a consequence: those outside `bounds`, and signals by their symbol and kind.

    `standing` has the standing decisions of each symbol by kind. `until_ns` and `sureness` are the arrays of the kernel
    with the times, confidences and spreads at which they hold.
    """

    def __init__(
        self, portfolio: Portfolio, venue: SimulatedVenue, symbols: Sequence[str], traded: Collection[str]
    ) -> None:
        """Plan for a stream of these symbols, of which those in `traded` have a strategy."""
        self._portfolio = portfolio
        self._account, self._stream = portfolio.state.account, portfolio.state.stream
        self._venue = venue
        self._symbols = symbols
        self._traded = [index for index, symbol in enumerate(symbols) if symbol in traded]
        self._made_at: tuple[int, ...] | None = None
        count = len(symbols)
        self.bounds = TickBounds(symbols)
        self.until_ns: NDArray[np.int64] = np.full((count, KINDS), NEVER_NS, dtype=np.int64)
        self.sureness: NDArray[np.float64] = np.empty((count, 3 * KINDS))
        self.sureness[:] = [HOLD.confidence_min] * KINDS + [HOLD.confidence_max] * KINDS + [np.nan] * KINDS
        self.standing: list[list[StandingDecision]] = [[HOLD] * KINDS for _ in symbols]
        self._confidences: list[list[float]] = [[1.0, 1.0] for _ in symbols]
        """Confidences of each symbol's latest decided signals to sell and to buy."""
        self.denied: set[tuple[int, int]] = set()
        """Symbol and kind of each signal that is denied."""

    def note_confidence(self, index: int, kind: int, confidence: float) -> None:
        """Note the confidence, 0 to 1, of a decided signal of the symbol with this index and of this kind."""
        if kind in (SELL, BUY):
            self._confidences[index][kind == BUY] = confidence

    def renew(self, *, is_outside: bool) -> bool:
        """Make the plan again if it no longer holds; return whether it is new and has ticks to pass over.

        `is_outside` states that a tick outside the plan was decided.
        """
        cursor = self._stream.cursor
        made_at = (self._account.emitted, len(cursor.blocked), len(cursor.blocked_signals))
        if is_outside or made_at != self._made_at:
            self._made_at = made_at
            self._make()
            return self.bounds.any_ns > 0
        return False

    def _make(self) -> None:
        bounds, portfolio = self.bounds, self._portfolio
        bounds.clear()
        portfolio.add_bounds(bounds)
        self._venue.add_bounds(bounds)
        if bounds.any_ns == 0:
            return
        for index in self._traded:
            if bounds.tick_ns[index] != 0:
                symbol = self._symbols[index]
                sell, buy = self._confidences[index]
                self._set(index, SELL, portfolio.standing_decision(symbol, -1, sell))
                self._set(index, BUY, portfolio.standing_decision(symbol, 1, buy))

    def _set(self, index: int, kind: int, decision: StandingDecision) -> None:
        if decision == self.standing[index][kind]:
            return
        self.standing[index][kind] = decision
        self.until_ns[index, kind] = decision.until_ns
        self.sureness[index, kind] = decision.confidence_min
        self.sureness[index, KINDS + kind] = decision.confidence_max
        factor = decision.spread_factor_max
        self.sureness[index, 2 * KINDS + kind] = np.nan if factor is None else factor
        if decision.action is Action.DENIED:
            self.denied.add((index, kind))
        else:
            self.denied.discard((index, kind))
