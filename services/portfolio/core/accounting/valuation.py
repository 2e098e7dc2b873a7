"""Value of open positions at the marks."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from proto.trading import money
from proto.trading.instrument import Instrument
from proto.trading.money import Quote, conversion_rate
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


def unrealized_pnl(symbol: str, book: Book, marks: Mapping[str, Mark]) -> Decimal | None:
    """Return the unrealized profit of a position at its mark, in account currency; a loss is negative.

    The position's profit is the sum over its legs. As at the venue, a long leg is valued at the bid and a short leg at
    the ask. A profit and a loss are converted at their own rates, and the result is rounded to the account's digits.

    Returns:
        0 if the position is flat; None if the symbol has no mark or its profit currency has no known rate.
    """
    position = book.positions.get(symbol)
    if position is None or position.is_flat:
        return ZERO
    quotes = MarkQuotes(marks)
    quote = quotes.quote(symbol)
    assert book.stream is not None
    if quote is None:
        return None
    total = ZERO
    for leg in position.legs:
        gross = position.gross_of(leg, bid=quote.bid, ask=quote.ask)
        rate = conversion_rate(
            1 if gross >= 0 else -1,
            source=book.instruments[symbol].profit_currency,
            target=book.stream.currency,
            instruments=book.instruments,
            quotes=quotes,
        )
        if rate is None:
            return None
        total += round_money(gross * rate, book.stream.currency_digits)
    return total


def total_unrealized_pnl(book: Book, marks: Mapping[str, Mark]) -> Decimal | None:
    """Return the unrealized profit of all positions in account currency; None if one cannot be valued."""
    total = ZERO
    for symbol in sorted(book.positions):
        part = unrealized_pnl(symbol, book, marks)
        if part is None:
            return None
        total += part
    return total


def account_equity(book: Book, marks: Mapping[str, Mark]) -> Decimal | None:
    """Return balance plus unrealized profit in account currency; None if a position cannot be valued."""
    unrealized = total_unrealized_pnl(book, marks)
    return None if unrealized is None else book.balance + unrealized


def account_margin(book: Book, marks: Mapping[str, Mark], *, leverage: int) -> Decimal | None:
    """Return the margin of the open positions at the marks, in account currency.

    `leverage` is the ratio of notional to margin, such as 100. Returns None if the margin of a position is unknown.
    """
    assert book.stream is not None
    return money.account_margin(
        [(symbol, leg.volume * leg.direction) for symbol, held in book.positions.items() for leg in held.legs],
        leverage=leverage,
        currency=book.stream.currency,
        currency_digits=book.stream.currency_digits,
        instruments=book.instruments,
        quotes=MarkQuotes(marks),
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
