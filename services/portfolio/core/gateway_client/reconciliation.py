"""Comparison of the ledger with the venue's own book: orders, deals, positions, cash, equity and margin.

The comparison is a task that returns a list of differences and changes nothing. Portfolio sends the task's requests to
the gateway; the audit of a stopped desk gives them directly to the core of the gateway. Equity and margin are compared
only in a lock-step stream with both books at the same tick, because in a live stream prices change between request and
reply. A live desk skips the orders and deals that an earlier comparison found equal and that can no longer change.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any, Final, NamedTuple

from proto.control import Difference
from proto.gateway import (
    AccountReply,
    DealReason,
    DealsReply,
    GetAccount,
    GetDeals,
    GetOrders,
    GetPositions,
    OrderReplyStatus,
    OrdersReply,
    PositionsReply,
    Request,
    VenueDeal,
    VenueOrder,
    VenuePosition,
)
from proto.time import utc_text
from proto.trading.enums import OrderType, TimeInForce
from proto.trading.units import decimal_text
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import ReconciliationWatermark
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Order, OrderTerms, id_parts
from services.portfolio.core.account.protection import protection_key
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.accounting.valuation import account_margin, total_unrealized_pnl

DIFFERENCES_MAX: Final = 100
"""Highest number of differences that one comparison lists."""

_AVERAGE_PRECISION: Final = Decimal("1e-9")
"""Average prices that differ by at most this are equal: it is above any rounding error and below any tick size."""

_EXPIRY_PRECISION_NS: Final = 1_000_000_000
"""Expiry times that differ by less are equal, because a terminal stores an order's expiry in whole seconds."""

_PERSON_MUST_LOOK: Final = "trading stops until a person has looked"
_ENDED_UNFILLED: Final = (OrderReplyStatus.REJECTED, OrderReplyStatus.CANCELED, OrderReplyStatus.EXPIRED)
_ENDED_WITHOUT_EFFECT: Final = (
    OrderStatus.REJECTED,
    OrderStatus.CANCELED,
    OrderStatus.EXPIRED,
    OrderStatus.PRESUMED_EXPIRED,
)
_SAME_STATUS: Final = {
    OrderReplyStatus.FILLED: {OrderStatus.FILLED},
    OrderReplyStatus.PARTIALLY_FILLED: {OrderStatus.PARTIALLY_FILLED, OrderStatus.IN_DOUBT},
    OrderReplyStatus.ACCEPTED: {OrderStatus.ACCEPTED, OrderStatus.PENDING, OrderStatus.IN_DOUBT},
    OrderReplyStatus.REJECTED: {OrderStatus.REJECTED},
    # An order may be filled in part after it has expired in the ledger; the venue then reports it as canceled.
    OrderReplyStatus.CANCELED: {OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.PRESUMED_EXPIRED},
    OrderReplyStatus.EXPIRED: {OrderStatus.EXPIRED, OrderStatus.PRESUMED_EXPIRED},
}

Comparison = Generator[Request, Any, list[Difference]]
_Part = Generator[Request, Any, None]


class SymbolDifference(NamedTuple):
    """A difference.

    `symbol` is empty for cash, equity and margin. `order_id` is set only for a difference of an order of the ledger.
    """

    difference: Difference
    symbol: str
    order_id: str = ""


class ReconciliationResult:
    """The differences that a comparison has found, and the records of the venue that later steps need."""

    def __init__(
        self, *, are_foreign_orders_differences: bool = True, adopted_ids: Mapping[str, int] | None = None
    ) -> None:
        """Start without a difference.

        Args:
            are_foreign_orders_differences: whether an order placed without the gateway is a difference. An order placed
                through the gateway under an id unknown to the ledger is always a difference: it may be the desk's own
                order, from a lost part of the ledger.
            adopted_ids: by incarnation, the number up to which the ledger is known to have lost order ids; orders with
                such ids are no difference.
        """
        self._adopted_ids = adopted_ids or {}
        self.are_foreign_orders_differences = are_foreign_orders_differences
        self.symbol_differences: list[SymbolDifference] = []
        self.foreign_tickets: list[int] = []
        """Tickets of orders that the ledger lacks: differences until a person acknowledges them."""
        self.allowed_foreign_tickets: list[int] = []
        """Tickets of foreign orders that the limits allow."""
        self.orders: list[VenueOrder] = []
        """Orders that the venue listed."""
        self.missing_deals: list[int] = []
        """Numbers of the venue's deals that the ledger lacks."""
        self.account: AccountReply | None = None
        self.stop_mismatches: list[VenuePosition] = []
        """Positions whose stops at the venue differ from the ledger's."""
        self.lost_modifications: list[VenueOrder] = []
        """Orders that the venue has under a higher revision than the ledger ever requested."""

    def is_adopted(self, order_id: str) -> bool:
        """Whether the ledger is already known to have lost this order id."""
        incarnation, number = id_parts(order_id)
        return 0 < number <= self._adopted_ids.get(incarnation, 0)

    def add(
        self,
        kind: str,
        subject: str,
        *,
        symbol: str,
        ledger: str,
        venue: str,
        remedy: str = _PERSON_MUST_LOOK,
        order_id: str = "",
    ) -> None:
        """Add a difference; ignore it if the list is full."""
        if len(self.symbol_differences) < DIFFERENCES_MAX:
            difference = Difference(kind=kind, subject=subject, ledger=ledger, venue=venue, remedy=remedy)
            self.symbol_differences.append(SymbolDifference(difference, symbol, order_id))


def find_differences(book: Book, cursor: TickCursor | None = None) -> Comparison:
    """Compare all records of the venue with the ledger.

    Args:
        book: the account according to the ledger.
        cursor: of a lock-step stream; equity and margin are compared as well if the venue is at the same tick. None
            leaves them out.

    Returns:
        A task whose result is the list of differences. Orders that the ledger is known to have lost are no difference.
    """
    findings = ReconciliationResult(adopted_ids=book.seen_ids)
    yield from collect_differences(book, findings, since=ReconciliationWatermark(), cursor=cursor)
    return [one.difference for one in findings.symbol_differences]


def collect_differences(
    book: Book, findings: ReconciliationResult, *, since: ReconciliationWatermark, cursor: TickCursor | None = None
) -> _Part:
    """Compare cash, positions, and the orders and deals after `since`; add the differences to `findings`."""
    account = yield GetAccount()
    assert isinstance(account, AccountReply), account
    findings.account = account
    if account.balance != book.balance:
        findings.add(
            "cash",
            f"account {account.account}",
            symbol="",
            ledger=decimal_text(book.balance),
            venue=decimal_text(account.balance),
        )
    yield from _compare_deals(book, findings, since)
    yield from _compare_orders(book, findings, since)
    shown = yield from _compare_positions(book, findings)
    if cursor is not None and account.ordinal == cursor.ordinal and not findings.symbol_differences:
        _compare_equity_and_margin(book, cursor, account, shown, findings)


def _compare_equity_and_margin(
    book: Book, cursor: TickCursor, account: AccountReply, shown: list[VenuePosition], findings: ReconciliationResult
) -> None:
    """Compare the venue's equity and margin with those computed from the book at the marks of this stream."""
    marks = {symbol: cursor.marks[symbol] for symbol in cursor.sequences if symbol in cursor.marks}
    unrealized = total_unrealized_pnl(book, marks)
    if account.equity is not None and unrealized is not None:
        unbooked = sum((position.swap for position in shown), Decimal(0))
        _compare_amount("equity", book.balance + unrealized + unbooked, account.equity, account, findings)
    margin = account_margin(book, marks, leverage=account.leverage)
    if account.margin is not None and margin is not None:
        _compare_amount("margin", margin, account.margin, account, findings)


def _compare_amount(
    kind: str, ours: Decimal, theirs: Decimal, account: AccountReply, findings: ReconciliationResult
) -> None:
    if ours != theirs:
        findings.add(
            kind, f"account {account.account}", symbol="", ledger=decimal_text(ours), venue=decimal_text(theirs)
        )


def _compare_deals(book: Book, findings: ReconciliationResult, since: ReconciliationWatermark) -> _Part:
    ours = {deal.deal: deal for deal in book.deals_after(since.deal)}
    after: int | None = since.deal
    while after is not None:
        page = yield GetDeals(after=after)
        assert isinstance(page, DealsReply), page
        for deal in page.deals:
            mine = ours.pop(deal.deal, None)
            if mine is None:
                findings.missing_deals.append(deal.deal)
                findings.add(
                    "missing_deal",
                    f"deal {deal.deal}",
                    symbol=deal.symbol,
                    ledger="none",
                    venue=deal_text(deal),
                    remedy="it would be booked",
                )
            elif (kind := deal_difference(mine, deal)) is not None:
                findings.add(
                    kind, f"deal {deal.deal}", symbol=deal.symbol, ledger=deal_text(mine), venue=deal_text(deal)
                )
        after = page.next
    for deal in ours.values():
        findings.add("unknown_deal", f"deal {deal.deal}", symbol=deal.symbol, ledger=deal_text(deal), venue="none")


def deal_difference(mine: VenueDeal, deal: VenueDeal) -> str | None:
    """The kind of difference between two deals with one number; None if equal.

    The order id is not compared, because the venue may report it later.
    """
    if (mine.kind, mine.symbol, mine.volume) != (deal.kind, deal.symbol, deal.volume):
        return "volume"
    if mine.price != deal.price:
        return "price"
    return None if mine.cash == deal.cash else "cash"


def deal_text(deal: VenueDeal) -> str:
    """A deal as text, without its number."""
    if not deal.kind.is_trade:
        return f"{deal.kind} {decimal_text(deal.cash)}"
    traded = f"{decimal_text(deal.volume)} {deal.symbol} at {decimal_text(deal.price)}"
    return f"{deal.kind} {traded}, profit {decimal_text(deal.profit)}"


def _compare_orders(book: Book, findings: ReconciliationResult, since: ReconciliationWatermark) -> _Part:
    unmatched = {
        order.order_id: order
        for order in islice(book.orders.values(), since.number, None)
        if order.status not in (OrderStatus.EXPIRED, OrderStatus.PRESUMED_EXPIRED)
        and (order.ticket is None or order.ticket > since.ticket)
    }
    after: int | None = since.ticket
    while after is not None:
        page = yield GetOrders(after=after)
        assert isinstance(page, OrdersReply), page
        for order in page.orders:
            findings.orders.append(order)
            _compare_order(book, order, findings)
            unmatched.pop(order.order_id, None)
        after = page.next
    for missing in unmatched.values():
        # The venue has no record of an order that the gateway rejected without a call, such as for an unknown symbol.
        if missing.status is OrderStatus.REJECTED and missing.ticket is None:
            continue
        findings.add(
            "missing_order",
            f"order {missing.order_id}",
            order_id=missing.order_id,
            symbol=missing.symbol,
            ledger=f"{missing.status} {missing.side} {decimal_text(missing.volume)} {missing.symbol}",
            venue="none",
            remedy="an open order would be sent again" if missing.status.is_open else _PERSON_MUST_LOOK,
        )


def _compare_order(book: Book, order: VenueOrder, findings: ReconciliationResult) -> None:
    venue = _order_text(order)
    mine = book.orders.get(order.order_id)
    if mine is None:
        # Another client may have sent the order; without a fill it has not changed the account.
        if (order.status in _ENDED_UNFILLED and not order.filled_volume) or findings.is_adopted(order.order_id):
            return
        deal = book.deal(order.deal)
        if deal is not None and deal.reason is not DealReason.CLIENT:
            return  # the server made the order, for a stop of a position or a stop-out
        if not order.order_id and not findings.are_foreign_orders_differences:
            findings.allowed_foreign_tickets.append(order.ticket)
            return
        findings.foreign_tickets.append(order.ticket)
        if order.ticket not in book.acknowledged:
            subject = f"ticket {order.ticket} ({order.order_id or 'not placed here'})"
            findings.add("unknown_order", subject, symbol=order.symbol, ledger="none", venue=venue)
        return
    kind = _order_kind(mine, order, is_hedging=book.is_hedging)
    if kind == "terms" and order.revision > mine.revision:
        findings.lost_modifications.append(order)
    if kind is not None:
        findings.add(
            kind,
            f"order {order.order_id}",
            symbol=order.symbol,
            ledger=_order_text(mine),
            venue=venue,
            order_id=order.order_id,
        )


def _order_kind(mine: Order, order: VenueOrder, *, is_hedging: bool) -> str | None:
    """The kind of difference between an order and the venue's record of it; None if equal."""
    if (mine.symbol, mine.side, mine.volume, mine.filled_volume) != (
        order.symbol,
        order.side,
        order.volume,
        order.filled_volume,
    ):
        return "volume"
    if mine.filled_volume and not _is_same_average(mine.filled_price, order.filled_price):
        return "price"
    if terms := _terms_kind(mine, order, is_hedging=is_hedging):
        return terms
    if not mine.filled_volume and order.status in _ENDED_UNFILLED and mine.status in _ENDED_WITHOUT_EFFECT:
        return None
    return None if mine.status in _SAME_STATUS.get(order.status, set()) else "status"


def _is_same_average(ours: Decimal | None, theirs: Decimal | None) -> bool:
    """Whether two average prices are equal but for rounding, which depends on the sequence of the fills."""
    return ours is not None and theirs is not None and abs(ours - theirs) <= _AVERAGE_PRECISION


def _terms_kind(mine: Order, order: VenueOrder, *, is_hedging: bool) -> str | None:
    """The kind of difference in the terms of an order; None if equal.

    Prices, stops and expiry are compared only while the order is open and no modification is in flight, and never for a
    market order: its stops at a terminal also depend on the position that the order adds to.
    """
    if mine.type is not order.type:
        return "type"
    if is_hedging and mine.position != order.position:
        return "ticket"
    is_settled = mine.revision == mine.revision_answered and mine.revision <= order.revision
    if not mine.status.is_open or not is_settled or mine.type is OrderType.MARKET:
        return None
    terms = mine.terms
    if (terms.limit_price, terms.stop_loss, terms.take_profit) != (order.price, order.stop_loss, order.take_profit):
        return "terms"
    is_dated = mine.time_in_force is TimeInForce.GTD
    return "terms" if is_dated and abs(terms.expires_ns - order.expires_ns) >= _EXPIRY_PRECISION_NS else None


def _order_text(order: Order | VenueOrder) -> str:
    price = "" if order.filled_price is None else f" at {decimal_text(order.filled_price)}"
    filled = f"{decimal_text(order.filled_volume)} of {decimal_text(order.volume)} {order.symbol}"
    text = f"{order.status} {order.side} {filled}{price}"
    terms = order.terms if isinstance(order, Order) else order
    limit = terms.limit_price if isinstance(terms, OrderTerms) else terms.price
    if order.type is not OrderType.MARKET:
        text += f", {order.type} {_price(limit)}"
    if terms.stop_loss is not None or terms.take_profit is not None:
        text += f", stops {_price(terms.stop_loss)} and {_price(terms.take_profit)}"
    if order.time_in_force is TimeInForce.GTD and terms.expires_ns:
        text += f", until {utc_text(terms.expires_ns)}"
    return f"{text}, of ticket {order.position}" if order.position else text


def _price(price: Decimal | None) -> str:
    return "none" if price is None else decimal_text(price)


def _compare_positions(book: Book, findings: ReconciliationResult) -> Generator[Request, Any, list[VenuePosition]]:
    """Compare volumes and stops, by symbol on a netting account and by ticket on a hedging account.

    Returns the venue's positions.
    """
    unmatched = {
        (symbol, leg.ticket): leg.volume * leg.direction
        for symbol, position in book.positions.items()
        for leg in position.legs
    }
    shown: list[VenuePosition] = []
    after: int | None = 0
    while after is not None:
        page = yield GetPositions(after=after)
        assert isinstance(page, PositionsReply), page
        shown += page.positions
        after = page.next
    for position in shown:
        key = (position.symbol, position.ticket if book.is_hedging else 0)
        ours, theirs = unmatched.pop(key, Decimal(0)), position.volume * position.side.sign
        _compare_volume(key, ours, theirs, findings)
        if ours == theirs:
            _compare_stops(book, key, position, findings)
    for key, volume in unmatched.items():
        _compare_volume(key, volume, Decimal(0), findings)
    return shown


def _compare_stops(book: Book, key: tuple[str, int], position: VenuePosition, findings: ReconciliationResult) -> None:
    """Compare the stops of a position, unless a change of them is in flight."""
    guard = book.protections.get(protection_key(*key))
    if guard is not None and guard.is_in_flight:
        return
    ours = (None, None) if guard is None else (guard.stop_loss, guard.take_profit)
    theirs = (position.stop_loss, position.take_profit)
    if ours != theirs:
        ledger, venue = (f"{_price(stop)} and {_price(target)}" for stop, target in (ours, theirs))
        findings.add(
            "stops",
            protection_key(*key),
            symbol=key[0],
            ledger=ledger,
            venue=venue,
            remedy="a live desk takes the venue's",
        )
        findings.stop_mismatches.append(position)


def _compare_volume(key: tuple[str, int], ours: Decimal, theirs: Decimal, findings: ReconciliationResult) -> None:
    symbol, ticket = key
    if ours != theirs:
        subject = f"{symbol} ticket {ticket}" if ticket else symbol
        findings.add("position", subject, symbol=symbol, ledger=decimal_text(ours), venue=decimal_text(theirs))
