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
    """The ticks that have a consequence: by the bounds, and by symbol and kind of signal.

    `actions` and `until_ns` are arrays of the kernel, `standing` the decisions of each symbol by kind.
    """

    def __init__(
        self, portfolio: Portfolio, venue: SimulatedVenue, symbols: Sequence[str], traded: Collection[str]
    ) -> None:
        """Plan for a stream of these symbols, of which those in `traded` have a strategy."""
        self._portfolio = portfolio
        self._venue = venue
        self._symbols = symbols
        self._traded = [index for index, symbol in enumerate(symbols) if symbol in traded]
        self._made_at: tuple[int, ...] | None = None
        self.bounds = TickBounds(symbols)
        self.actions: NDArray[np.int8] = np.full((len(symbols), KINDS), Action.SKIP, dtype=np.int8)
        self.until_ns: NDArray[np.int64] = np.full((len(symbols), KINDS), NEVER_NS, dtype=np.int64)
        self.standing: list[list[StandingDecision]] = [[HOLD] * KINDS for _ in symbols]
        self.denied: list[tuple[int, int]] = []
        """Symbol index and kind of each signal that is denied."""

    def renew(self, *, is_outside: bool) -> None:
        """Make the plan again if it no longer holds; `is_outside` states that a tick outside it was decided."""
        state = self._portfolio.state
        cursor = state.stream.cursor
        made_at = (state.account.emitted, len(cursor.blocked), len(cursor.blocked_signals), len(cursor.sequences))
        if is_outside or made_at != self._made_at:
            self._made_at = made_at
            self._make()

    def _make(self) -> None:
        bounds = self.bounds
        bounds.clear()
        self._portfolio.add_bounds(bounds)
        if not self._venue.quiet:
            bounds.every_tick("venue")
        if bounds.any_ns == 0:
            return
        self.denied.clear()
        for index in self._traded:
            if bounds.tick_ns[index] == 0:
                continue
            for kind, direction in ((SELL, -1), (BUY, 1)):
                found = self._portfolio.standing_decision(self._symbols[index], direction)
                self.standing[index][kind] = found
                self.actions[index, kind] = found.action
                if found.action is Action.DENIED:
                    self.until_ns[index, kind] = found.until_ns
                    self.denied.append((index, kind))
