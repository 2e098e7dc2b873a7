"""The equity of many ticks: what a kernel needs to compute it, and the record of the ticks that it passed over.

Equities are in units, the smallest amount of the account currency, as floats and relative to the balance.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketdata.tick_bounds import TickBounds
from proto.trading.server_time import server_day
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.accounting.equity_curve import equity_point
from services.portfolio.core.accounting.leg_units import LegTable, empty_leg_table, leg_table
from services.portfolio.core.decision.escalation import watch_equity
from services.portfolio.core.risk.equity_levels import Reference
from services.portfolio.core.risk.registry import ActiveRules
from services.portfolio.core.state.portfolio_state import PortfolioState

EQUITY: Final = len(Reference)
BALANCE: Final = EQUITY + 1
HIGHEST: Final = BALANCE + 1
SCALE_SIZE: Final = HIGHEST + 1
"""Places after those of `Reference` in the array that `EquityScan.fill` fills, and its length."""

EXACT_DIGITS_MAX: Final = 13
"""Digits of an amount in units up to which the comparison with a level errs by much less than a unit."""


class PassedEquity(NamedTuple):
    """Equities of ticks of one day of the server: the highest one, and that of the latest tick."""

    highest: float
    latest: float


class EquityScan:
    """Equity, its peaks and its curve, for a backtest that passes over ticks."""

    def __init__(self, state: PortfolioState, rules: ActiveRules) -> None:
        """Scan for a desk with these active rules."""
        self._state = state
        self._valuation = state.account.valuation
        self._watches = rules.equity_watches
        self._unlevelled_watches = rules.unlevelled_watches
        self._amounts: tuple[Decimal, ...] = ()
        self._units: list[float] = []
        """The amounts of the latest `fill`, and what it filled in."""
        self.is_needed = rules.needs_equity
        """Whether a rule needs the equity of every tick."""
        levels = [(float(level.reference), float(level.fall_pct / 100)) for level in rules.equity_levels]
        self.levels: NDArray[np.float64] = np.array(levels, dtype=np.float64).reshape(len(levels), 2)
        """Levels of the equity, a row for each: the reference, and the fall as a fraction of it."""

    def add_bounds(self, bounds: TickBounds) -> None:
        """Put the ticks outside at which the equity must be computed exactly, or its peaks have another day."""
        stream, book = self._state.stream, self._state.account.book
        is_valued = self._valuation.is_known(stream.cursor.marks)
        if not self.is_needed:
            if not is_valued:
                bounds.any_tick_from(stream.equity_curve.due_ns)
            return
        peaks = stream.risk.peaks
        for symbol in bounds.symbols:
            if symbol not in book.instruments:
                bounds.tick_from(symbol, 0)
        if not is_valued or self._is_huge():
            bounds.every_tick("equity")
        elif peaks.equity is None or peaks.day != server_day(stream.cursor.time_ns):
            bounds.any_tick_from(0)
        else:
            for code in self._unlevelled_watches:
                bounds.every_tick(code)

    def _is_huge(self) -> bool:
        """Whether an amount is too large for comparisons in floats."""
        book, peaks = self._state.account.book, self._state.stream.risk.peaks
        assert book.stream is not None
        digits_max = EXACT_DIGITS_MAX - book.stream.currency_digits
        return any(amount.adjusted() >= digits_max for amount in (book.balance, peaks.high) if amount is not None)

    @property
    def has_positions(self) -> bool:
        """Whether positions are open."""
        return bool(self._valuation.legs)

    def legs(self, places: Mapping[str, int]) -> LegTable:
        """Return the open legs, which can be valued; none if no rule needs the equity of every tick.

        Args:
            places: place of each symbol that has a mark among the quotes.
        """
        if not self.is_needed:
            return empty_leg_table()
        found = leg_table(self._valuation, self._state.stream.cursor.marks, places)
        assert found is not None
        return found

    def fill(self, scale: NDArray[np.float64]) -> None:
        """Fill an array with the references, the latest equity and the balance, in units.

        Args:
            scale: array of SCALE_SIZE numbers, with the places of `Reference`, EQUITY and BALANCE. All but the balance
                are relative to the balance. It stays before the first valuation.
        """
        peaks, book = self._state.stream.risk.peaks, self._state.account.book
        if book.stream is None or peaks.high is None or peaks.day_start is None or peaks.day_high is None:
            return
        assert peaks.equity is not None
        balance, digits = book.balance, book.stream.currency_digits
        amounts = (peaks.high, peaks.day_start, peaks.day_high, peaks.equity, balance)
        if amounts != self._amounts:
            self._amounts = amounts
            self._units = [float((amount - balance).scaleb(digits)) for amount in amounts[:BALANCE]]
            self._units.append(float(balance.scaleb(digits)))
        scale[: BALANCE + 1] = self._units

    def record(self, passed: PassedEquity) -> None:
        """Record ticks of which at least one changed the equity, after the marks of the latest one."""
        self._state.stream.on_equities(
            highest=self._valuation.equity_of_units(int(passed.highest)),
            latest=self._valuation.equity_of_units(int(passed.latest)),
        )
        watch_equity(self._state, self._watches)

    def record_point(self, *, ordinal: int, time_ns: int, marks: Mapping[str, Mark]) -> None:
        """Add a point to the equity curve at a tick.

        Args:
            ordinal: number of the tick in its stream.
            time_ns: venue time of the tick.
            marks: the latest quotes at the tick; may be empty if no position is open.
        """
        point = equity_point(self._valuation, ordinal=ordinal, time_ns=time_ns, marks=marks)
        assert point is not None, ordinal
        self._state.stream.on_equity_point(point)
