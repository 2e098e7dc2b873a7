"""Comparing the ledger with the venue's own book: orders, deals, positions, cash.

A talk with the gateway that ends in a list of differences. It changes nothing. The same talk is held over the wire by
portfolio and, for a stopped desk, directly with the gateway's core on its files.
"""

from __future__ import annotations

from collections.abc import Generator
from decimal import Decimal
from typing import Final

from proto.control import Difference
from proto.gateway import (
    AccountReply,
    DealKind,
    DealsReply,
    GetAccount,
    GetDeals,
    GetOrders,
    GetPositions,
    OrderReplyStatus,
    OrdersReply,
    PositionsReply,
    Reply,
    Request,
    VenueDeal,
    VenueOrder,
)
from proto.units import plain
from services.portfolio.core.book import Book
from services.portfolio.core.lifecycle import OrderStatus
from services.portfolio.core.orders import Order

DIFFERENCES_MAX: Final = 100
"""Enough to see what is wrong; a book that differs everywhere need not be listed whole."""

_ASK_A_PERSON: Final = "trading stops until a person has looked"
_NEVER_HAPPENED: Final = (OrderReplyStatus.REJECTED, OrderReplyStatus.CANCELED, OrderReplyStatus.EXPIRED)
_SAME_STATUS: Final = {
    OrderReplyStatus.FILLED: {OrderStatus.FILLED},
    OrderReplyStatus.PARTIALLY_FILLED: {OrderStatus.PARTIALLY_FILLED},
    OrderReplyStatus.ACCEPTED: {OrderStatus.ACCEPTED, OrderStatus.PENDING, OrderStatus.IN_DOUBT},
    OrderReplyStatus.REJECTED: {OrderStatus.REJECTED},
    OrderReplyStatus.CANCELED: {OrderStatus.CANCELED},
    OrderReplyStatus.EXPIRED: {OrderStatus.EXPIRED, OrderStatus.PRESUMED_EXPIRED},
}

Comparison = Generator[Request, Reply, list[Difference]]


class _Findings:
    def __init__(self) -> None:
        self.differences: list[Difference] = []

    def add(self, kind: str, subject: str, *, ledger: str, venue: str, remedy: str = _ASK_A_PERSON) -> None:
        if len(self.differences) < DIFFERENCES_MAX:
            self.differences.append(Difference(kind=kind, subject=subject, ledger=ledger, venue=venue, remedy=remedy))


def compare(book: Book) -> Comparison:
    """Ask the venue for everything it has and return where the ledger says otherwise."""
    findings = _Findings()
    account = yield GetAccount()
    assert isinstance(account, AccountReply), account
    if account.balance != book.balance:
        findings.add("balance", f"account {account.account}", ledger=plain(book.balance), venue=plain(account.balance))
    yield from _compare_deals(book, findings)
    yield from _compare_orders(book, findings)
    yield from _compare_positions(book, findings)
    return findings.differences


def _compare_deals(book: Book, findings: _Findings) -> Generator[Request, Reply, None]:
    ours = {deal.deal: deal for deal in book.deals}
    after: int | None = 0
    while after is not None:
        page = yield GetDeals(after=after)
        assert isinstance(page, DealsReply), page
        for deal in page.deals:
            mine = ours.pop(deal.deal, None)
            if mine is None:
                findings.add(
                    "missing_deal", f"deal {deal.deal}", ledger="none", venue=_told(deal), remedy="it would be booked"
                )
            elif mine != deal:
                findings.add("deal", f"deal {deal.deal}", ledger=_told(mine), venue=_told(deal))
        after = page.next
    for deal in ours.values():
        findings.add("unknown_deal", f"deal {deal.deal}", ledger=_told(deal), venue="none")


def _told(deal: VenueDeal) -> str:
    if deal.kind is DealKind.BALANCE:
        return f"BALANCE {plain(deal.profit)}"
    return f"{deal.kind} {plain(deal.volume)} {deal.symbol} at {plain(deal.price)}, profit {plain(deal.profit)}"


def _compare_orders(book: Book, findings: _Findings) -> Generator[Request, Reply, None]:
    unseen = {
        order.order_id: order
        for order in book.orders.values()
        if order.status not in (OrderStatus.DENIED, OrderStatus.EXPIRED, OrderStatus.PRESUMED_EXPIRED)
    }
    after: int | None = 0
    while after is not None:
        page = yield GetOrders(after=after)
        assert isinstance(page, OrdersReply), page
        for order in page.orders:
            _compare_order(book, order, findings)
            unseen.pop(order.order_id, None)
        after = page.next
    for missing in unseen.values():
        # A rejection before the venue's book (a refused id, an unknown symbol) leaves no order there.
        if missing.status is OrderStatus.REJECTED and missing.ticket is None:
            continue
        findings.add(
            "missing_order",
            f"order {missing.order_id}",
            ledger=f"{missing.status} {missing.side} {plain(missing.volume)} {missing.symbol}",
            venue="none",
            remedy="an open order would be sent again" if missing.status.is_open else _ASK_A_PERSON,
        )


def _compare_order(book: Book, order: VenueOrder, findings: _Findings) -> None:
    venue = _told_order(order)
    mine = book.orders.get(order.order_id)
    if mine is None:
        # Whoever else reaches the gateway may ask it for what it refuses: of that the account knows nothing.
        if order.status in _NEVER_HAPPENED and not order.filled_volume:
            return
        findings.add("unknown_order", f"ticket {order.ticket} ({order.order_id})", ledger="none", venue=venue)
        return
    same = (
        mine.status in _SAME_STATUS.get(order.status, set())
        and (mine.symbol, mine.side, mine.volume, mine.filled_volume)
        == (order.symbol, order.side, order.volume, order.filled_volume)
        and (mine.filled_price == order.filled_price or not mine.filled_volume)
    )
    if not same:
        findings.add("order", f"order {order.order_id}", ledger=_told_order(mine), venue=venue)


def _told_order(order: Order | VenueOrder) -> str:
    price = "" if order.filled_price is None else f" at {plain(order.filled_price)}"
    return f"{order.status} {order.side} {plain(order.filled_volume)} of {plain(order.volume)} {order.symbol}{price}"


def _compare_positions(book: Book, findings: _Findings) -> Generator[Request, Reply, None]:
    unseen = {symbol: position.net_volume for symbol, position in book.positions.items() if not position.is_flat}
    after: int | None = 0
    while after is not None:
        page = yield GetPositions(after=after)
        assert isinstance(page, PositionsReply), page
        for position in page.positions:
            signed = position.volume * position.side.sign
            mine = unseen.pop(position.symbol, Decimal(0))
            if mine != signed:
                findings.add("position", position.symbol, ledger=plain(mine), venue=plain(signed))
        after = page.next
    for symbol, volume in unseen.items():
        findings.add("position", symbol, ledger=plain(volume), venue="0")
