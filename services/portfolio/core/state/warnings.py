"""Warnings for people, and faults that keep the desk from trading."""

from __future__ import annotations

from collections.abc import Callable, Set

from proto.control import REASON_CHARS_MAX
from services.portfolio.core.state.closed_markets import ClosedMarkets
from services.portfolio.core.state.conditions import ActiveConditions
from services.portfolio.core.state.symbol_outcomes import SymbolOutcomes
from services.portfolio.core.state.watchdog_contact import WatchdogContact


class Warnings:
    """Conditions that the running process sets, and faults.

    The ledger keeps causes of the trading state; `queries/conditions.py` derives the other conditions.
    """

    def __init__(self) -> None:
        """Start without warnings."""
        self._unproven_symbols: set[str] = set()
        self._gateway_silence_ns: Callable[[int], int] = lambda _mono_ns: 0
        self.conditions = ActiveConditions()
        self.outcomes = SymbolOutcomes(self.conditions)
        self.closed_markets = ClosedMarkets()
        self.watchdog = WatchdogContact()
        self.storage_problem = ""
        """Why nothing can be made durable; empty while the ledger can be written."""
        self.ledger_fault = ""
        """Fault of the ledger itself; no command of a person clears it."""
        self.venue_fault = ""
        """Why the venue's book is not the one that the ledger was made with; no command of a person clears it."""
        self.instrument_change_count = 0

    def watch_gateway(self, silence_ns: Callable[[int], int]) -> None:
        """Read the silence of the gateway from a function of monotonic time, both in nanoseconds."""
        self._gateway_silence_ns = silence_ns

    def gateway_silence_ns(self, mono_ns: int) -> int:
        """Nanoseconds for which the gateway has answered no open request; 0 while none is open."""
        return self._gateway_silence_ns(mono_ns)

    @property
    def unproven_symbols(self) -> Set[str]:
        """Symbols of orders presumed to have expired, until a comparison with the venue is complete."""
        return self._unproven_symbols

    def on_presumed_expiry(self, symbol: str) -> None:
        """Distrust the book of a symbol: an order of it was presumed to have expired."""
        self._unproven_symbols.add(symbol)

    def on_comparison(self, symbols: Set[str]) -> None:
        """Trust the book of symbols again: a comparison begun after their orders' end is complete."""
        self._unproven_symbols -= symbols

    def on_instrument_change(self, symbol: str, text: str) -> None:
        """Warn that the venue has changed a symbol's terms, until a person resumes."""
        self.instrument_change_count += 1
        self.conditions.set("INSTRUMENT_TERMS", text, subject=symbol)

    def on_resume(self) -> None:
        """End the warnings that a person acknowledges by resuming."""
        self.conditions.clear_all("INSTRUMENT_TERMS")
        self.conditions.clear("FOREIGN_ORDERS")

    def on_ledger_fault(self, fault: str) -> None:
        """The ledger is not whole."""
        self.ledger_fault = fault

    def on_venue_fault(self, fault: str) -> None:
        """The venue's book is not the one that the ledger was made with."""
        self.venue_fault = fault

    def on_storage_failure(self, why: str) -> None:
        """The ledger is not writable: no order is made until `on_storage_recovery`.

        Until then the caller sends nothing and may drop returned calls: every request is repeated until it is answered.
        A lock-step stream decides nothing until then, so that its digits stay the same.
        """
        self.storage_problem = why[:REASON_CHARS_MAX] or "unknown"

    def on_storage_recovery(self) -> None:
        """The ledger has been written again."""
        self.storage_problem = ""
