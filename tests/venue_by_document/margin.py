"""Margin by the formulas of `docs/instruments.md`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from proto.trading.enums import CalculationMode
from tests.venue_by_document.money import ZERO, Exchange, NoRateError, Quote
from tests.venue_by_document.profile import AccountTerms
from tests.venue_by_document.terms import SymbolTerms

INITIAL, MAINTENANCE = 0, 1
"""Indices of a side's two margin rates: for opening and for holding."""


class Margin:
    """Margin of a symbol's two sides at the current quotes."""

    def __init__(self, account: AccountTerms, exchange: Exchange, quotes: Mapping[str, Quote]) -> None:
        self._account = account
        self._exchange = exchange
        self._quotes = quotes

    def of_symbol(self, terms: SymbolTerms, long: Fraction, short: Fraction, *, stage: int) -> Decimal:
        """Margin in account currency of the given lots on each side, rounded once.

        Raises:
            NoRateError: a conversion rate is missing.
        """
        if not self._account.leverage:
            return Decimal(0)
        if terms.margin_hedged is None:
            both = (self._of_side(terms, long, 1, stage), self._of_side(terms, short, -1, stage))
            return self._exchange.booked(max(both))
        open_lots, sign = abs(long - short), 1 if long >= short else -1
        parts = self._of_side(terms, open_lots, sign, stage) + self._of_covered(terms, min(long, short), stage)
        return self._exchange.booked(parts)

    def _of_side(self, terms: SymbolTerms, lots: Fraction, sign: int, stage: int) -> Fraction:
        rates = terms.margin_rates_long if sign > 0 else terms.margin_rates_short
        return self._of_rated_lots(
            terms,
            lots * Fraction(rates[stage]),
            price=self._quotes[terms.symbol].touch(sign),
            size=Fraction(terms.contract_size),
            money=_amount_per_lot(terms, stage),
        )

    def _of_covered(self, terms: SymbolTerms, lots: Fraction, stage: int) -> Fraction:
        """Margin of the hedged lots, which are held on both sides.

        It is computed from the hedged contract size or amount, with the means of both rates and of both prices.
        """
        assert terms.margin_hedged is not None
        hedged = Fraction(terms.margin_hedged)
        rate = (Fraction(terms.margin_rates_long[stage]) + Fraction(terms.margin_rates_short[stage])) / 2
        return self._of_rated_lots(
            terms, lots * rate, price=self._quotes[terms.symbol].middle, size=hedged, money=hedged
        )

    def _of_rated_lots(
        self, terms: SymbolTerms, lots: Fraction, *, price: Fraction, size: Fraction, money: Fraction
    ) -> Fraction:
        """Margin in account currency of lots that are already multiplied by their margin rate."""
        mode, leverage = terms.calculation_mode, self._account.leverage
        if terms.margin_initial or mode is CalculationMode.FUTURES:
            return self._bought(lots * money, terms.margin_currency)
        if mode in (CalculationMode.FOREX, CalculationMode.FOREX_NO_LEVERAGE):
            units = lots * size / (leverage if mode is CalculationMode.FOREX else 1)
            return self._of_currency(units, terms, price)
        worth = lots * size * price
        if mode is CalculationMode.CFD_LEVERAGE:
            worth /= leverage
        elif mode is CalculationMode.CFD_INDEX:
            worth *= Fraction(terms.tick_price) / Fraction(terms.tick_size)
        return self._bought(worth, terms.profit_currency)

    def _of_currency(self, units: Fraction, terms: SymbolTerms, price: Fraction) -> Fraction:
        """Convert an amount in margin currency to account currency.

        If no pair converts the base currency, it is converted at the symbol's own price.
        """
        try:
            return self._bought(units, terms.margin_currency)
        except NoRateError:
            if terms.margin_currency != terms.base_currency:
                raise
            return self._bought(units * price, terms.profit_currency)

    def _bought(self, amount: Fraction, currency: str) -> Fraction:
        return -self._exchange.convert(-amount, currency)


def _amount_per_lot(terms: SymbolTerms, stage: int) -> Fraction:
    """Fixed margin of 1 lot in margin currency; 0 if the margin follows from the price or the contract size."""
    held = terms.margin_maintenance or terms.margin_initial
    return Fraction(terms.margin_initial if stage == INITIAL else held) if terms.margin_initial else ZERO
