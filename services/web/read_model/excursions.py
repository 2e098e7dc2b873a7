"""Lowest and highest unrealized profit of a trade while it was open: MAE and MFE.

Both are measured on the bid, the price of the bars, also for a short trade, which would close at the ask: the spread at
its extremes is not included. Profit is converted at the rate of the opening order's decision.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from proto.trading.money import gross_profit
from proto.trading.units import round_money, to_decimal
from services.portfolio.core.account.book import Book
from services.portfolio.core.accounting.costs import decision_rate
from services.portfolio.core.accounting.round_trips import RoundTrip

Extremes: TypeAlias = Callable[[str, int, int], tuple[float, float] | None]
"""Lowest and highest bid of a symbol from one time to another, UTC nanoseconds; None if the bars do not cover them."""


class Excursions(NamedTuple):
    """Lowest (`mae`) and highest (`mfe`) unrealized profit in account currency."""

    mae: Decimal
    mfe: Decimal


class ExcursionTerms(NamedTuple):
    """Inputs of a trade's excursions: signed lots, times, price, multiplier, rate and currency digits."""

    symbol: str
    from_ns: int
    to_ns: int
    signed_volume: Decimal
    open_price: Decimal
    multiplier: Decimal
    rate: Decimal
    digits: int


def excursion_terms(trade: RoundTrip, book: Book) -> ExcursionTerms | None:
    """Return the inputs of a trade; None if it was not opened by the desk, or its currency had no rate.

    The book has the trade's instrument, its opening order and the stream.
    """
    order = book.orders.get(trade.open_order_id)
    rate = None if order is None else decision_rate(book, order)
    if rate is None or book.stream is None:
        return None
    return ExcursionTerms(
        symbol=trade.symbol,
        from_ns=trade.opened_ns,
        to_ns=trade.closed_ns,
        signed_volume=trade.volume * trade.direction,
        open_price=trade.open_price,
        multiplier=book.instruments[trade.symbol].multiplier,
        rate=rate,
        digits=book.stream.currency_digits,
    )


def excursions(terms: ExcursionTerms, extremes: Extremes) -> Excursions | None:
    """Return the excursions of a trade; None if the bars do not cover the time in which it was open."""
    found = extremes(terms.symbol, terms.from_ns, terms.to_ns)
    if found is None:
        return None
    profits = [
        round_money(
            gross_profit(
                signed_volume=terms.signed_volume,
                open_price=terms.open_price,
                close_price=to_decimal(bid),
                multiplier=terms.multiplier,
            )
            * terms.rate,
            terms.digits,
        )
        for bid in found
    ]
    return Excursions(min(profits), max(profits))
