"""Conversion, rounding, profit, swap and commission, computed in exact fractions and rounded once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Final, NamedTuple

from proto.trading.enums import SwapMode
from tests.venue_by_document.profile import AccountTerms
from tests.venue_by_document.server_clock import weekday
from tests.venue_by_document.terms import SwapRow, SymbolTerms, TermsOf

ZERO: Final = Fraction(0)
HALF: Final = Fraction(1, 2)
DAYS_OF_INTEREST: Final = 360


class Quote(NamedTuple):
    """Best bid and ask."""

    bid: Fraction
    ask: Fraction

    def touch(self, sign: int) -> Fraction:
        """The price at which an order trades: the ask for a buy (+1), the bid for a sell (-1)."""
        return self.ask if sign > 0 else self.bid

    @property
    def middle(self) -> Fraction:
        """The mean of bid and ask."""
        return (self.bid + self.ask) / 2


class NoRateError(Exception):
    """No quote converts one currency to the other."""


def round_money(amount: Fraction, digits: int) -> Decimal:
    """Round an amount to a number of decimals, halves away from zero."""
    whole = floor(abs(amount) * 10**digits + HALF)
    return Decimal(whole if amount >= 0 else -whole).scaleb(-digits)


class Exchange:
    """Converts amounts into account currency at the current quotes."""

    def __init__(self, account: AccountTerms, terms: TermsOf, quotes: Mapping[str, Quote]) -> None:
        self._account = account
        self._terms = terms
        self._quotes = quotes

    def convert(self, amount: Fraction, currency: str) -> Fraction:
        """Convert an amount to account currency at the worse price: positive amounts are sold, negative ones bought.

        Raises:
            NoRateError: no quoted symbol has the two currencies.
        """
        ours = self._account.currency
        if currency == ours or not amount:
            return amount
        if (direct := self._quote_of(currency, ours)) is not None:
            return amount * (direct.bid if amount > 0 else direct.ask)
        if (inverse := self._quote_of(ours, currency)) is not None:
            return amount / (inverse.ask if amount > 0 else inverse.bid)
        raise NoRateError(f"{currency} in {ours}")

    def _quote_of(self, base: str, profit: str) -> Quote | None:
        """The quote of the first symbol of the run that has both currencies and a quote."""
        for symbol, terms in self._terms.items():
            if (terms.base_currency, terms.profit_currency) == (base, profit) and symbol in self._quotes:
                return self._quotes[symbol]
        return None

    def rounded(self, amount: Fraction, currency: str) -> Decimal:
        """Convert an amount to account currency, and round it to the digits of that currency."""
        return self.booked(self.convert(amount, currency))

    def booked(self, amount: Fraction) -> Decimal:
        """Round an amount in account currency to the digits of that currency."""
        return round_money(amount, self._account.digits)

    def profit(self, terms: SymbolTerms, *, sign: int, volume: Fraction, opened: Fraction, closed: Fraction) -> Decimal:
        """Profit (negative: loss) of a position between two prices, in account currency."""
        return self.rounded(sign * (closed - opened) * terms.multiplier * volume, terms.profit_currency)

    def commission(self, terms: SymbolTerms, volume: Fraction, time_ns: int) -> Decimal:
        """Commission of a deal in account currency; negative when charged."""
        row = terms.commission_of(time_ns)
        if row is None:
            return Decimal(0)
        return self.rounded(-Fraction(row.per_lot) * volume, row.currency or self._account.currency)

    def swap(
        self, terms: SymbolTerms, days: Iterable[int], *, sign: int, volume: Fraction, opened: Fraction
    ) -> Decimal:
        """Swap of a position for the nights after these days of the symbol's clock; positive when earned.

        The swap of each night is converted at the rate for its sign, and the sum is rounded once.

        Raises:
            NoRateError: a night's conversion rate is missing.
        """
        earned = ZERO
        for day in days:
            row, nights = terms.swap_of(day), Fraction(terms.swap_weekdays[weekday(day)])
            if row is not None and nights and row.mode is not SwapMode.DISABLED:
                price = opened if row.mode is SwapMode.INTEREST_OPEN else self._quotes[terms.symbol].touch(-sign)
                amount = _night(terms, row, sign=sign, price=price) * volume * nights
                earned += self.convert(amount, self._swap_currency(terms, row.mode))
        return self.booked(earned)

    def _swap_currency(self, terms: SymbolTerms, mode: SwapMode) -> str:
        return {
            SwapMode.CURRENCY_SYMBOL: terms.base_currency,
            SwapMode.CURRENCY_MARGIN: terms.margin_currency,
            SwapMode.CURRENCY_DEPOSIT: self._account.currency,
        }.get(mode, terms.profit_currency)


def _night(terms: SymbolTerms, row: SwapRow, *, sign: int, price: Fraction) -> Fraction:
    """Swap of 1 lot for one night without its weekday multiple, in the currency of the swap mode."""
    rate = Fraction(row.long if sign > 0 else row.short)
    match row.mode:
        case SwapMode.POINTS:
            return rate * Fraction(terms.point) * terms.multiplier
        case SwapMode.INTEREST_CURRENT | SwapMode.INTEREST_OPEN:
            return price * terms.multiplier * rate / 100 / DAYS_OF_INTEREST
        case _:
            return rate
