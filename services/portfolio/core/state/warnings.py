"""Owner of the warnings for people, and of faults that prevent trading."""

from __future__ import annotations

from collections.abc import Callable, Set

from proto.control import REASON_CHARS_MAX
from services.portfolio.core.state.closed_markets import ClosedMarkets
from services.portfolio.core.state.conditions import ActiveConditions
from services.portfolio.core.state.notify_contact import NotifyContact
from services.portfolio.core.state.symbol_outcomes import SymbolOutcomes
from services.portfolio.core.state.watchdog_contact import WatchdogContact


class Warnings:
    """Conditions that the running process sets and clears, and faults.

    Two other kinds of condition are not stored here: causes of the trading state are in the ledger, and
    `queries/conditions.py` derives the rest.
    """

    def __init__(self) -> None:
        """Start without warnings."""
        self._unproven_symbols: set[str] = set()
        self._gateway_silence_ns: Callable[[int], int] = lambda _mono_ns: 0
        self.conditions = ActiveConditions()
        self.outcomes = SymbolOutcomes(self.conditions)
        self.closed_markets = ClosedMarkets()
        self.watchdog = WatchdogContact()
        self.notify = NotifyContact()
        self.storage_problem = ""
        """Why the ledger cannot be written; empty if it can."""
        self.ledger_fault = ""
        """How the ledger is damaged; empty if it is intact. No command of a person clears the fault."""
        self.venue_fault = ""
        """Why the venue's book does not belong to the ledger; empty if it does. No command clears the fault."""
        self.instrument_change_count = 0
        """Changes of symbols' terms since the start of the process."""

    def watch_gateway(self, silence_ns: Callable[[int], int]) -> None:
        """Set the function which returns how long the gateway has been silent.

        Args:
            silence_ns: takes the current monotonic time and returns the silence, both in nanoseconds.
        """
        self._gateway_silence_ns = silence_ns

    def gateway_silence_ns(self, mono_ns: int) -> int:
        """Nanoseconds for which the gateway has answered no open request; 0 if no request is open."""
        return self._gateway_silence_ns(mono_ns)

    @property
    def unproven_symbols(self) -> Set[str]:
        """Symbols with an order presumed to have expired since the last complete comparison with the venue."""
        return self._unproven_symbols

    def on_presumed_expiry(self, symbol: str) -> None:
        """Record that an order is presumed to have expired, so that the position in its `symbol` is not proven."""
        self._unproven_symbols.add(symbol)

    def on_comparison(self, symbols: Set[str]) -> None:
        """Record a complete comparison with the venue that began after the presumed expiries in these `symbols`."""
        self._unproven_symbols -= symbols

    def on_instrument_change(self, symbol: str, text: str) -> None:
        """Warn, until a person resumes trading, that the venue has changed a symbol's terms."""
        self.instrument_change_count += 1
        self.conditions.set("INSTRUMENT_TERMS", text, subject=symbol)

    def on_resume(self) -> None:
        """End the warnings that a person acknowledges by resuming trading."""
        self.conditions.clear_all("INSTRUMENT_TERMS")
        self.conditions.clear("FOREIGN_ORDERS")

    def on_ledger_fault(self, fault: str) -> None:
        """Record that the ledger is damaged."""
        self.ledger_fault = fault

    def on_venue_fault(self, fault: str) -> None:
        """Record that the venue's book does not belong to the ledger."""
        self.venue_fault = fault

    def on_storage_failure(self, why: str) -> None:
        """Record that the ledger is not writable: no order is made until `on_storage_recovery`.

        Until then the caller sends nothing. It may drop the calls that the core returns, because the core repeats each
        call until it is answered. A lock-step stream decides no tick until then, so that its results do not depend on
        the failure.
        """
        self.storage_problem = why[:REASON_CHARS_MAX] or "unknown"

    def on_storage_recovery(self) -> None:
        """Record that the ledger can be written again."""
        self.storage_problem = ""
