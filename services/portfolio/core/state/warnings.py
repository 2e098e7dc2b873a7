"""Owner of what people are warned of, and of faults that keep the desk from trading."""

from __future__ import annotations

from proto.control import REASON_CHARS_MAX
from services.portfolio.core.state.closed_markets import ClosedMarkets
from services.portfolio.core.state.conditions import ActiveConditions
from services.portfolio.core.state.symbol_outcomes import SymbolOutcomes
from services.portfolio.core.state.watchdog_contact import WatchdogContact


class Warnings:
    """Conditions of the running process that neither the ledger keeps nor `queries/conditions.py` derives."""

    def __init__(self) -> None:
        """Start with nothing to warn of."""
        self.conditions = ActiveConditions()
        self.outcomes = SymbolOutcomes(self.conditions)
        self.closed_markets = ClosedMarkets()
        self.watchdog = WatchdogContact()
        self.storage_problem = ""
        """Why nothing can be made durable; empty while the ledger can be written."""
        self.ledger_fault = ""
        """What is broken in the ledger itself; no command of a person clears it."""
        self.venue_fault = ""
        """Why the venue's book is not the one that the ledger was made with; no command of a person clears it."""
        self.unproven_symbols: set[str] = set()
        """Symbols of orders presumed to have expired, until a comparison with the venue is complete."""
        self.instrument_change_count = 0

    def on_storage_failure(self, why: str) -> None:
        """The ledger cannot be written: until `on_storage_recovery` no order is made, and the caller sends nothing.

        Calls returned meanwhile may be dropped: every question is asked again until it is answered. A stepped stream
        decides nothing meanwhile, so that its digits stay the same.
        """
        self.storage_problem = why[:REASON_CHARS_MAX] or "unknown"

    def on_storage_recovery(self) -> None:
        """The ledger has been written again."""
        self.storage_problem = ""
