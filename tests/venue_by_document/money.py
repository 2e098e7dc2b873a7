"""Amounts of money: rates against the holder, rounding, profit, margin and swap. Exact fractions until they are rounded."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Final, NamedTuple

from tests.venue_by_document.terms import AccountTerms, MarginMode, SymbolTerms, TermsOf

ZERO: Final = Fraction(0)
HALF: Final = Fraction(1, 2)


class Quote(NamedTuple):
    """Best bid and ask."""

    bid: Fraction
    ask: Fraction

    def touch(self, sign: int) -> Fraction:
        """What an order gets: the ask for a buy (+1), the bid for a sell (-1)."""
        return self.ask if sign > 0 else self.bid


class NoRateError(Exception):
    """No quote turns one currency into another."""


def round_money(amount: Fraction, digits: int) -> Decimal:
    """An amount to so many decimals, halves away from zero."""
    whole = floor(abs(amount) * 10**digits + HALF)
    return Decimal(whole if amount >= 0 else -whole).scaleb(-digits)


class Exchange:
    """Turns amounts into account currency at the quotes that stand."""

    def __init__(self, account: AccountTerms, terms: TermsOf, quotes: Mapping[str, Quote]) -> None:
        self._account = account
        self._terms = terms
        self._quotes = quotes

    def convert(self, amount: Fraction, currency: str) -> Fraction:
        """An amount in account currency: what is owed is bought and what is won is sold, each at the worse side.

        Raises:
            NoRateError: no symbol that has been quoted has the two currencies.
        """
        ours = self._account.currency
        if currency == ours or not amount:
            return amount
        for symbol, quote in self._quotes.items():
            terms = self._terms[symbol]
            if (terms.base_currency, terms.profit_currency) == (currency, ours):
                return amount * (quote.bid if amount > 0 else quote.ask)
            if (terms.base_currency, terms.profit_currency) == (ours, currency):
                return amount / (quote.ask if amount > 0 else quote.bid)
        raise NoRateError(f"{currency} in {ours}")

    def rounded(self, amount: Fraction, currency: str) -> Decimal:
        """The same, as it is booked."""
        return round_money(self.convert(amount, currency), self._account.digits)

    def profit(self, terms: SymbolTerms, *, sign: int, volume: Fraction, opened: Fraction, closed: Fraction) -> Decimal:
        """What a position wins or loses between two prices."""
        amount = sign * (closed - opened) * Fraction(terms.contract_size) * volume
        return self.rounded(amount, terms.profit_currency)

    def commission(self, terms: SymbolTerms, volume: Fraction) -> Decimal:
        """What a deal costs, below 0."""
        return round_money(-Fraction(terms.commission_per_lot) * volume, self._account.digits)

    def swap(self, terms: SymbolTerms, *, sign: int, volume: Fraction, nights: int) -> Decimal:
        """What a position earns or costs in a night that counts so often."""
        points = Fraction(terms.swap_long_points if sign > 0 else terms.swap_short_points)
        amount = points * Fraction(terms.point) * Fraction(terms.contract_size) * volume * nights
        return self.rounded(amount, terms.profit_currency)

    def margin(self, terms: SymbolTerms, *, sign: int, volume: Fraction) -> Decimal:
        """What so many lots of one side hold back."""
        leverage = self._account.leverage
        if not leverage or not volume:
            return Decimal(0)
        lots = volume * Fraction(terms.contract_size) / leverage
        quote = self._quotes[terms.symbol]
        if terms.margin_mode is MarginMode.CFD_LEVERAGE:
            return -self.rounded(-lots * quote.touch(sign), terms.profit_currency)
        return -self._forex_margin(lots, terms, quote, sign)

    def _forex_margin(self, lots: Fraction, terms: SymbolTerms, quote: Quote, sign: int) -> Decimal:
        try:
            return self.rounded(-lots, terms.base_currency)
        except NoRateError:
            return self.rounded(-lots * quote.touch(sign), terms.profit_currency)
