"""Value of open positions at the marks."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from proto.trading.cost_basis import CostBasis, gross_profit_at
from proto.trading.instrument import Instrument
from proto.trading.money import Conversion, Conversions, Quote, conversion_rate
from proto.trading.position_margin import AccountMargin
from proto.trading.units import ZERO, round_money, to_decimal
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.tick_cursor import Mark


class MarkQuotes:
    """The marks as quotes for `proto.trading.money`."""

    __slots__ = ("_marks",)

    def __init__(self, marks: Mapping[str, Mark]) -> None:
        """Read `marks` at each call, so that later marks are used."""
        self._marks = marks

    def quote(self, symbol: str) -> Quote | None:
        """Return the symbol's mark; None before its first decided tick."""
        mark = self._marks.get(symbol)
        return None if mark is None else Quote(to_decimal(mark.bid), to_decimal(mark.ask))


class ValuedLeg(NamedTuple):
    """Inputs of the value of a leg that do not depend on quotes; `conversion` converts its profit."""

    symbol: str
    direction: int
    holding: CostBasis
    multiplier: Decimal
    conversion: Conversion

    def value(self, marks: Mapping[str, Mark], currency_digits: int) -> Decimal | None:
        """Return the unrealized profit in account currency; a loss is negative.

        As at the venue, a long leg is valued at the bid and a short leg at the ask. A profit and a loss are converted
        at their own rates, and the result is rounded to `currency_digits`.

        Returns:
            None if the symbol has no mark or its profit currency has no known rate.
        """
        mark = marks.get(self.symbol)
        if mark is None:
            return None
        price = to_decimal(mark.bid if self.direction > 0 else mark.ask)
        gross = gross_profit_at(self.holding, price=price, multiplier=self.multiplier)
        rate = self.conversion.rate(1 if gross >= 0 else -1, MarkQuotes(marks))
        return None if rate is None else round_money(gross * rate, currency_digits)


class AccountValuation:
    """Unrealized profit, equity and margin of an account at given marks.

    The part that does not depend on the marks is computed at the first call, and again after `forget`.
    """

    __slots__ = ("_legs", "_margin", "book")

    def __init__(self, book: Book) -> None:
        """Value the positions of `book`."""
        self.book = book
        self._legs: list[ValuedLeg] | None = None
        self._margin: AccountMargin | None = None

    def forget(self) -> None:
        """Read the book again at the next call: to be called after each event of the account."""
        self._legs = self._margin = None

    @property
    def legs(self) -> list[ValuedLeg]:
        """Open legs of all positions, sorted by symbol and ticket."""
        legs = self._legs
        if legs is None:
            legs = self._legs = [
                leg for symbol in sorted(self.book.positions) for leg in valued_legs(symbol, self.book)
            ]
        return legs

    def is_known(self, quoted: Container[str]) -> bool:
        """Whether all positions can be valued while the symbols in `quoted` have marks."""
        return all(leg.symbol in quoted and leg.conversion.pair(quoted) is not None for leg in self.legs)

    def equity_of_units(self, units: int) -> Decimal:
        """Return the equity at marks at which the unrealized profit is this number of units of the account currency."""
        stream = self.book.stream
        assert stream is not None
        return self.book.balance + (Decimal(units).scaleb(-stream.currency_digits) if self.legs else ZERO)

    def unrealized_pnl(self, marks: Mapping[str, Mark]) -> Decimal | None:
        """Return the unrealized profit of all positions in account currency; None if one cannot be valued."""
        return _total(self.legs, self.book, marks)

    def equity(self, marks: Mapping[str, Mark]) -> Decimal | None:
        """Return balance plus unrealized profit in account currency; None if a position cannot be valued."""
        unrealized = self.unrealized_pnl(marks)
        return None if unrealized is None else self.book.balance + unrealized

    def margin(self, marks: Mapping[str, Mark]) -> Decimal | None:
        """Return the margin of the open positions in account currency; None if that of a position is unknown."""
        margin = self._margin
        if margin is None:
            stream = self.book.stream
            assert stream is not None
            margin = self._margin = account_margin_of(self.book, leverage=stream.leverage)
        return margin.amount(MarkQuotes(marks))


def valued_legs(symbol: str, book: Book) -> list[ValuedLeg]:
    """Return the open legs of a symbol, sorted by ticket."""
    position = book.positions.get(symbol)
    if position is None or position.is_flat:
        return []
    assert book.stream is not None
    conversion = Conversion(book.instruments[symbol].profit_currency, book.stream.currency, book.instruments)
    return [ValuedLeg(symbol, leg.direction, leg.holding, position.multiplier, conversion) for leg in position.legs]


def _total(legs: Iterable[ValuedLeg], book: Book, marks: Mapping[str, Mark]) -> Decimal | None:
    """Return the value of all `legs`; None if one cannot be valued."""
    total = ZERO
    for leg in legs:
        assert book.stream is not None
        value = leg.value(marks, book.stream.currency_digits)
        if value is None:
            return None
        total += value
    return total


def unrealized_pnl(symbol: str, book: Book, marks: Mapping[str, Mark]) -> Decimal | None:
    """Return the unrealized profit of a position at its mark, in account currency; a loss is negative.

    The position's profit is the sum over its legs, each rounded to the account's digits (`ValuedLeg.value`).

    Returns:
        0 if the position is flat; None if the symbol has no mark or its profit currency has no known rate.
    """
    return _total(valued_legs(symbol, book), book, marks)


def total_unrealized_pnl(book: Book, marks: Mapping[str, Mark]) -> Decimal | None:
    """Return the unrealized profit of all positions in account currency; None if one cannot be valued."""
    return AccountValuation(book).unrealized_pnl(marks)


def account_margin(book: Book, marks: Mapping[str, Mark], *, leverage: int) -> Decimal | None:
    """Return the margin of the open positions at the marks, in account currency.

    `leverage` is the ratio of notional to margin, such as 100. Returns None if the margin of a position is unknown.
    """
    return account_margin_of(book, leverage=leverage).amount(MarkQuotes(marks))


def account_margin_of(book: Book, *, leverage: int) -> AccountMargin:
    """Return the margin of the open positions as a function of quotes.

    `leverage` is the ratio of notional to margin; with 0 the margin is 0.
    """
    assert book.stream is not None
    return AccountMargin(
        [(symbol, leg.volume * leg.direction) for symbol, held in book.positions.items() for leg in held.legs],
        leverage=leverage,
        currency_digits=book.stream.currency_digits,
        instruments=book.instruments,
        conversions=Conversions(book.stream.currency, book.instruments),
    )


def cost_rate(symbol: str, book: Book, marks: Mapping[str, Mark]) -> Decimal | None:
    """Return the price of a unit of profit currency in account currency at the marks; None if unknown."""
    assert book.stream is not None
    return conversion_rate(
        -1,
        source=book.instruments[symbol].profit_currency,
        target=book.stream.currency,
        instruments=book.instruments,
        quotes=MarkQuotes(marks),
    )


def can_convert(instrument: Instrument, book: Book, marks: Mapping[str, Mark]) -> bool:
    """Whether profit in the instrument's profit currency can be converted into account currency."""
    assert book.stream is not None
    return (
        conversion_rate(
            1,
            source=instrument.profit_currency,
            target=book.stream.currency,
            instruments=book.instruments,
            quotes=MarkQuotes(marks),
        )
        is not None
    )
