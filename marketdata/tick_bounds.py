"""Bounds within which no tick changes a state, so that a backtest need not visit the ticks.

Each part of a desk that reacts to ticks narrows the bounds to what would change its present state. Bounds may be too
narrow, because a visit to a tick at which nothing happens changes nothing. They must not be too wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from proto.time import NEVER_NS as NEVER_NS
from proto.trading.units import FINEST

_NO_BOUNDS: Final = (-np.inf, np.inf, -np.inf, np.inf)


class TickBounds:
    """The ticks that may change a state: by their time, and by quotes outside a range for each symbol.

    A tick is outside the bounds if its time is at least `any_ns`, or at least `tick_ns` of its symbol, or if its bid or
    ask is at most the low or at least the high of its symbol. Arrays have one element for each symbol of the stream.
    Prices are compared as floats: rounding keeps the order of two prices, so that no tick outside is missed. A quote
    with more decimals than `FINEST` is rounded where it is compared with a decimal, so that bounds are narrower by
    `FINEST`.
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        """Start with bounds that no tick is outside of."""
        count = len(symbols)
        self.symbols = tuple(symbols)
        self._place = {symbol: index for index, symbol in enumerate(symbols)}
        self.any_ns = NEVER_NS
        self.tick_ns: NDArray[np.int64] = np.full(count, NEVER_NS, dtype=np.int64)
        self.prices: NDArray[np.float64] = np.empty((count, 4))
        """The four bounds of prices of each symbol, in the order of the columns of the next four arrays."""
        self.bid_low: NDArray[np.float64] = self.prices[:, 0]
        self.bid_high: NDArray[np.float64] = self.prices[:, 1]
        self.ask_low: NDArray[np.float64] = self.prices[:, 2]
        self.ask_high: NDArray[np.float64] = self.prices[:, 3]
        self.visited_parts: set[str] = set()
        """Names of the parts for which every tick is outside, or was at some time."""
        self.clear()

    def clear(self) -> None:
        """Widen the bounds again, so that no tick is outside; `visited_parts` stays."""
        self.any_ns = NEVER_NS
        self.tick_ns.fill(NEVER_NS)
        self.prices[:] = _NO_BOUNDS

    def any_tick_from(self, time_ns: int) -> None:
        """Put every tick at or after a venue time outside."""
        self.any_ns = min(self.any_ns, time_ns)

    def tick_from(self, symbol: str, time_ns: int) -> None:
        """Put every tick of a symbol at or after a venue time outside; 0 for every tick."""
        index = self._place[symbol]
        self.tick_ns[index] = min(int(self.tick_ns[index]), time_ns)

    def every_tick(self, part: str) -> None:
        """Put every tick outside, because the part of this name cannot say which ticks change its state."""
        self.any_ns = 0
        self.visited_parts.add(part)

    def bid_at_most(self, symbol: str, price: Decimal) -> None:
        """Put the ticks of a symbol outside whose bid is at most `price`."""
        _raise_low(self.bid_low, self._place[symbol], price)

    def bid_at_least(self, symbol: str, price: Decimal) -> None:
        """Put the ticks of a symbol outside whose bid is at least `price`."""
        _lower_high(self.bid_high, self._place[symbol], price)

    def ask_at_most(self, symbol: str, price: Decimal) -> None:
        """Put the ticks of a symbol outside whose ask is at most `price`."""
        _raise_low(self.ask_low, self._place[symbol], price)

    def ask_at_least(self, symbol: str, price: Decimal) -> None:
        """Put the ticks of a symbol outside whose ask is at least `price`."""
        _lower_high(self.ask_high, self._place[symbol], price)


def _raise_low(lows: NDArray[np.float64], index: int, price: Decimal) -> None:
    lows[index] = max(float(lows[index]), float(price + FINEST))


def _lower_high(highs: NDArray[np.float64], index: int, price: Decimal) -> None:
    highs[index] = min(float(highs[index]), float(price - FINEST))
