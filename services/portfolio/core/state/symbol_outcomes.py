"""Runs of denied signals and of refused orders, by symbol of a live desk.

SIGNALS_DENIED ends with the symbol's next order, ORDERS_REFUSED with the next order that is executed or rests. Nothing
is kept over a restart: the next signals begin new runs.
"""

from __future__ import annotations

from typing import Final

from services.portfolio.core.state.conditions import ActiveConditions

DENIED_NS_MIN: Final = 60_000_000_000
"""Least duration of a run before it is a condition: runs caused by a limit on orders a minute end sooner."""

DENIED_SIGNALS_MIN: Final = 5
REFUSED_ORDERS_MIN: Final = 5


class SymbolOutcomes:
    """Runs of denials and of refusals by symbol."""

    def __init__(self, conditions: ActiveConditions) -> None:
        """Start without a run."""
        self._conditions = conditions
        self._denied: dict[str, tuple[int, int]] = {}
        self._refused: dict[str, int] = {}
        self.directed_mono_ns: dict[str, int] = {}
        """When the latest BUY or SELL of each symbol was decided."""
        self.ordered_mono_ns: dict[str, int] = {}
        """When the latest order for a signal of each symbol was made."""

    def on_denial(self, symbol: str, time_ns: int, text: str) -> None:
        """A signal was denied at a venue time; `text` has the rule and its values."""
        count, since_ns = self._denied.get(symbol, (0, time_ns))
        count += 1
        self._denied[symbol] = count, since_ns
        if count >= DENIED_SIGNALS_MIN and time_ns - since_ns >= DENIED_NS_MIN:
            lasting_s = (time_ns - since_ns) // 1_000_000_000
            text = f"{count} signals in a row denied within {lasting_s} s, the latest by {text}"
            self._conditions.set("SIGNALS_DENIED", text, subject=symbol)

    def on_direction(self, symbol: str, mono_ns: int) -> None:
        """A BUY or SELL of the symbol was decided."""
        self.directed_mono_ns[symbol] = mono_ns

    def on_order(self, symbol: str, mono_ns: int) -> None:
        """An order of the symbol was made."""
        self.ordered_mono_ns[symbol] = mono_ns
        if self._denied.pop(symbol, None) is not None:
            self._conditions.clear("SIGNALS_DENIED", subject=symbol)

    def on_refusal(self, symbol: str, text: str) -> None:
        """An order of the symbol ended without execution; `text` has its end."""
        count = self._refused[symbol] = self._refused.get(symbol, 0) + 1
        if count >= REFUSED_ORDERS_MIN:
            text = f"{count} orders in a row came to no execution, the latest: {text}"
            self._conditions.set("ORDERS_REFUSED", text, subject=symbol)

    def on_acceptance(self, symbol: str) -> None:
        """An order of the symbol was executed, or rests at the venue."""
        if self._refused.pop(symbol, None) is not None:
            self._conditions.clear("ORDERS_REFUSED", subject=symbol)
