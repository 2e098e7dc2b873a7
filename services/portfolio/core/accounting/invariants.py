"""Invariants of the book, checked after each deal.

These sums are computed independently and must be equal: balance and postings to CASH; net volume of fills, lots and
legs; filled volume of an order and volume of its deals. All postings must sum to zero, and an order must not be filled
beyond its volume. A violation means a bug or a damaged file, so the desk halts and reports it.
`reconciliation.py` checks whether margin and equity equal the venue's.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from proto.trading.units import ZERO, decimal_text
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.cash import CashAccount


def find_violation(book: Book, symbols: Iterable[str] = (), orders: Iterable[str] = ()) -> str:
    """Describe the first violation in the cash, the positions in `symbols`, or `orders`; empty if there is none.

    The run time depends on the number of lots in these symbols, not on the size of the account.
    """
    if fault := _broken_cash(book):
        return fault
    for symbol in symbols:
        if fault := _broken_position(book, symbol):
            return fault
    for order_id in orders:
        if fault := _broken_order(book, order_id):
            return fault
    return ""


def find_any_violation(book: Book) -> str:
    """Describe the first violation in the whole book; empty if there is none."""
    return find_violation(
        book, sorted({*book.positions, *book.filled_of_symbol}), sorted({*book.orders, *book.filled_of_order})
    )


def _broken_cash(book: Book) -> str:
    cash = book.cash.get(CashAccount.CASH, ZERO)
    if book.balance != cash:
        return _text("cash", "the balance", book.balance, "the sum of the postings to CASH", cash)
    if (rest := sum(book.cash.values(), ZERO)) != 0:
        return _text("cash", "the sum of all postings", rest, "because postings sum to zero", ZERO)
    return ""


def _broken_position(book: Book, symbol: str) -> str:
    filled = book.filled_of_symbol.get(symbol, ZERO)
    position = book.positions.get(symbol)
    if position is None:
        return _text(f"position of {symbol}", "the net volume", ZERO, "the sum of its fills", filled) if filled else ""
    lots, legs = ZERO, {leg.ticket: leg.volume * leg.direction for leg in position.legs}
    for lot in position.lots:
        signed = lot.volume * lot.sign
        lots += signed
        legs[lot.position] = legs.get(lot.position, ZERO) - signed
    if not position.net_volume == lots == filled:
        return _text(f"position of {symbol}", "the volume of its lots", lots, "the sum of its fills", filled)
    for ticket, rest in legs.items():
        if rest:
            what = f"position of {symbol}, ticket {ticket}"
            return _text(what, "its volume minus its lots", rest, "because its lots add up to its volume", ZERO)
    return ""


def _broken_order(book: Book, order_id: str) -> str:
    order, filled = book.orders.get(order_id), book.filled_of_order.get(order_id, ZERO)
    if order is None:
        return _text(f"order {order_id}", "the filled volume in the ledger", ZERO, "the sum of its deals", filled)
    if order.filled_volume != filled:
        return _text(f"order {order_id}", "its filled volume", order.filled_volume, "the sum of its deals", filled)
    if filled > order.volume:
        volume = decimal_text(order.volume)
        return f"order {order_id}: the sum of its deals is {decimal_text(filled)}, expected at most its volume {volume}"
    return ""


def _text(what: str, name: str, found: Decimal, other: str, expected: Decimal) -> str:
    return f"{what}: {name} is {decimal_text(found)}, expected {decimal_text(expected)}, {other}"
