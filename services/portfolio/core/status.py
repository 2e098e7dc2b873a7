"""The picture of the desk that people are shown."""

from __future__ import annotations

from proto.control import PositionLine, StatusReply
from proto.gateway import DealKind
from services.portfolio.core.book import Book
from services.portfolio.core.desk import Desk
from services.portfolio.core.position import ZERO
from services.portfolio.core.valuation import total_unrealized_pnl, unrealized_pnl


def status_of(desk: Desk) -> StatusReply:
    """How the desk stands, at the marks of the last tick decided."""
    book, cursor = desk.book, desk.cursor
    stream = book.stream
    unrealized = total_unrealized_pnl(book, cursor.marks) if stream else ZERO
    return StatusReply(
        mode=stream.mode if stream else "",
        state=desk.state,
        waiting_for=desk.waiting_for[:500],
        stream_id=cursor.stream_id,
        ordinal=cursor.ordinal,
        processed=cursor.processed,
        signals_buy=cursor.buy,
        signals_sell=cursor.sell,
        orders=len(book.orders) - (stream.orders_before if stream else 0),
        orders_open=len(book.open_orders),
        denied=sum(cursor.denied.values()),
        fills=_fills_of_run(book),
        currency=stream.currency if stream else "",
        balance=book.balance if stream else None,
        equity=None if unrealized is None or not stream else book.balance + unrealized,
        realized_pnl=book.realized_pnl,
        unrealized_pnl=unrealized,
        positions={
            symbol: PositionLine(
                net_volume=position.net_volume,
                avg_entry_price=position.avg_entry_price or ZERO,
                unrealized_pnl=unrealized_pnl(symbol, book, cursor.marks),
            )
            for symbol, position in sorted(book.positions.items())
            if not position.is_flat
        },
        latency_us={
            "tick_to_signal": desk.tick_to_signal.quantiles(),
            "tick_to_order": desk.tick_to_order.quantiles(),
            "order_to_fill": desk.order_to_fill.quantiles(),
            "tick_to_fill": desk.tick_to_fill.quantiles(),
        },
        duplicates=desk.duplicates,
        malformed=desk.malformed,
    )


def _fills_of_run(book: Book) -> int:
    """Trades of the stream that the book stands in, as `orders` counts its orders."""
    before = book.stream.deals_before if book.stream else 0
    return sum(deal.deal > before and deal.kind is not DealKind.BALANCE for deal in book.deals)
