"""Counts consecutive denied signals and consecutive refused orders of each symbol of a live desk.

SIGNALS_DENIED ends with the symbol's next order for a signal. ORDERS_REFUSED ends with the symbol's next order that is
executed or rests. A restart sets the counts to 0.
"""

from __future__ import annotations

from typing import Final

from services.portfolio.core.state.conditions import ActiveConditions

DENIED_NS_MIN: Final = 60_000_000_000
"""SIGNALS_DENIED is set only if consecutive denials have lasted this long in venue time.

Denials because of a limit on orders per minute end earlier.
"""

DENIED_SIGNALS_MIN: Final = 5
REFUSED_ORDERS_MIN: Final = 5


class SymbolOutcomes:
    """Consecutive denials and refusals by symbol."""

    def __init__(self, conditions: ActiveConditions) -> None:
        """Start with counts of 0."""
        self._conditions = conditions
        self._denied: dict[str, tuple[int, int]] = {}
        self._refused: dict[str, int] = {}
        self.directed_mono_ns: dict[str, int] = {}
        """Monotonic time at which each symbol's latest BUY or SELL signal was decided."""
        self.ordered_mono_ns: dict[str, int] = {}
        """Monotonic time at which each symbol's latest order for a signal was made."""

    def on_denial(self, symbol: str, time_ns: int, text: str) -> None:
        """Count a signal that was denied at venue time `time_ns`; `text` names the rule and its values."""
        count, since_ns = self._denied.get(symbol, (0, time_ns))
        count += 1
        self._denied[symbol] = count, since_ns
        if count >= DENIED_SIGNALS_MIN and time_ns - since_ns >= DENIED_NS_MIN:
            lasting_s = (time_ns - since_ns) // 1_000_000_000
            text = f"{count} signals in a row denied within {lasting_s} s, the latest by {text}"
            self._conditions.set("SIGNALS_DENIED", text, subject=symbol)

    def on_direction(self, symbol: str, mono_ns: int) -> None:
        """Record that a BUY or SELL signal of the symbol was decided at monotonic time `mono_ns`."""
        self.directed_mono_ns[symbol] = mono_ns

    def on_order(self, symbol: str, mono_ns: int) -> None:
        """Record that an order for a signal of the symbol was made at monotonic time `mono_ns`."""
        self.ordered_mono_ns[symbol] = mono_ns
        if self._denied.pop(symbol, None) is not None:
            self._conditions.clear("SIGNALS_DENIED", subject=symbol)

    def on_refusal(self, symbol: str, text: str) -> None:
        """Count an order of the symbol that ended without execution; `text` has its status and error."""
        count = self._refused[symbol] = self._refused.get(symbol, 0) + 1
        if count >= REFUSED_ORDERS_MIN:
            text = f"{count} orders in a row ended without execution, the latest: {text}"
            self._conditions.set("ORDERS_REFUSED", text, subject=symbol)

    def on_acceptance(self, symbol: str) -> None:
        """Record that an order of the symbol was executed or rests at the venue."""
        if self._refused.pop(symbol, None) is not None:
            self._conditions.clear("ORDERS_REFUSED", subject=symbol)
