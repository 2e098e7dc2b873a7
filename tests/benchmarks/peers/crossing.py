"""The reference of the work `crossing`: one plain loop over the quotes, with no library and nothing of Paperdesk.

Two exponential averages of the mid price start at its first value. From tick 501 on, the position follows the sign of
fast - slow: at the tick at which they differ, it is closed and opened again on the other side at the touch.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.benchmarks.peers.work import FAST_TICKS, SLOW_TICKS, UNITS

FAST_ALPHA = 2 / (FAST_TICKS + 1)
SLOW_ALPHA = 2 / (SLOW_TICKS + 1)


def follow_crossings(bids: Iterable[float], asks: Iterable[float]) -> tuple[int, float]:
    """Legs and realized profit."""
    fast = slow = entry = profit = 0.0
    side = position = legs = ticks = 0
    for bid, ask in zip(bids, asks, strict=True):
        mid = (bid + ask) / 2
        ticks += 1
        if ticks == 1:
            fast = slow = mid
            continue
        fast = fast + FAST_ALPHA * (mid - fast)
        slow = slow + SLOW_ALPHA * (mid - slow)
        if fast > slow:
            side = 1
        elif fast < slow:
            side = -1
        if ticks > SLOW_TICKS and side != position:
            if position:
                profit += ((bid - entry) if position > 0 else (entry - ask)) * UNITS
                legs += 1
            entry = ask if side > 0 else bid
            legs += 1
            position = side
    return legs, profit


class Crossing:
    """The same decisions tick by tick, for the strategies of other libraries."""

    def __init__(self) -> None:
        """Start without ticks."""
        self.ticks = 0
        self.side = 0
        self._fast = self._slow = 0.0

    def push(self, bid: float, ask: float) -> int:
        """The position to hold from this tick on: -1, 0 or 1."""
        mid = (bid + ask) / 2
        self.ticks += 1
        if self.ticks == 1:
            self._fast = self._slow = mid
            return 0
        fast = self._fast = self._fast + FAST_ALPHA * (mid - self._fast)
        slow = self._slow = self._slow + SLOW_ALPHA * (mid - self._slow)
        if fast > slow:
            self.side = 1
        elif fast < slow:
            self.side = -1
        return self.side if self.ticks > SLOW_TICKS else 0
