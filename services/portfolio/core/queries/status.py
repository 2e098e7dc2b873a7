"""Builds the reply to STATUS, which shows the state of the desk to people."""

from __future__ import annotations

from itertools import islice
from typing import Final

from proto.control import DenialLine, OrderLine, PositionLine, QuoteLine, SignalLine, StatusReply
from proto.messages import Signal
from proto.time import MS_NS
from proto.trading.units import ZERO, to_decimal
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.market_feed import LiveQuote
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.accounting.valuation import total_unrealized_pnl, unrealized_pnl
from services.portfolio.core.queries.conditions import conditions_of, warning_text
from services.portfolio.core.queries.margin_figures import margin_figures
from services.portfolio.core.queries.views import account_cash
from services.portfolio.core.risk.rules.drawdown import drawdown_headroom, drawdown_levels, drawdown_pct
from services.portfolio.core.risk.types import RiskContext
from services.portfolio.core.state.portfolio_state import PortfolioState
from services.portfolio.core.state.stream import StreamState

RECENT_ORDERS: Final = 12
"""Maximum number of orders in a status reply: the live view has as many lines for orders."""


def status_of(state: PortfolioState, mono_ns: int = 0) -> StatusReply:
    """Return the state of the desk, with positions valued at the marks.

    Args:
        state: the owners of the desk's state.
        mono_ns: current monotonic time, for the venue time, the ages of quotes and heartbeats, and the conditions.
    """
    book, cursor = state.account.book, state.stream.cursor
    market, stream = state.stream.market, book.stream
    unrealized = total_unrealized_pnl(book, cursor.marks) if stream else ZERO
    conditions = conditions_of(state, mono_ns)
    account = RiskContext(book, cursor, state.config.limits, state.stream.risk)
    drawdown = drawdown_pct(account)
    equity = None if unrealized is None or not stream else book.balance + unrealized
    margin = margin_figures(book, cursor, equity)
    return StatusReply(
        mode=stream.mode if stream else "",
        state=state.stream.desk_state,
        waiting_for=state.stream.waiting_for[:500],
        stream_id=cursor.stream_id,
        ordinal=cursor.ordinal,
        processed=cursor.processed,
        signals_buy=cursor.buy,
        signals_sell=cursor.sell,
        orders=len(book.orders) - (stream.orders_before if stream else 0),
        orders_open=len(book.open_orders),
        denied=sum(cursor.denied.values()),
        fills=book.position_changes - book.changes_before_stream,
        currency=stream.currency if stream else "",
        balance=book.balance if stream else None,
        equity=equity,
        realized_pnl=book.realized_pnl,
        unrealized_pnl=unrealized,
        positions=position_lines(book, cursor),
        latency_us={name: histogram.quantiles() for name, histogram in state.latencies.histograms().items()},
        duplicates=state.stream.duplicates,
        malformed=state.stream.malformed,
        warming_up=cursor.warming_up,
        gaps=cursor.gaps,
        in_doubt=sum(book.orders[order_id].status is OrderStatus.IN_DOUBT for order_id in book.open_orders),
        blocked=dict(cursor.blocked),
        denials=dict(cursor.denied),
        venue_time_ns=state.stream.domain_ns(mono_ns),
        heartbeat_age_ms=(mono_ns - market.last_message_mono_ns) // MS_NS if market.last_message_mono_ns else None,
        feed_stale=market.is_stale(mono_ns),
        quotes={
            symbol: quote
            for symbol in state.config.symbols
            if (quote := _quote(book, state.stream, symbol, mono_ns)) is not None
        },
        signals={symbol: _signal(state.stream.last_signals[symbol]) for symbol in sorted(state.stream.last_signals)},
        recent_orders=[_order(order) for order in islice(reversed(book.orders.values()), RECENT_ORDERS)],
        trading_state=book.trading_state,
        trading_reason=book.trading.reason if book.trading is not None else "",
        warning=warning_text(conditions),
        conditions=conditions,
        drawdown=None if drawdown is None else float(drawdown) / 100,
        drawdown_headroom=drawdown_headroom(account),
        drawdown_peak=None if drawdown is None else state.stream.risk.peaks.high,
        drawdown_levels=drawdown_levels(account),
        cash=account_cash(book),
        latest_denials=denial_lines(cursor),
        margin=margin.margin,
        margin_level_pct=margin.level_pct,
        symbols=list(state.config.symbols),
    )


def position_lines(book: Book, cursor: TickCursor) -> dict[str, PositionLine]:
    """Return the open positions by symbol, valued at the marks."""
    return {
        symbol: PositionLine(
            net_volume=position.net_volume,
            avg_entry_price=position.avg_entry_price or ZERO,
            unrealized_pnl=unrealized_pnl(symbol, book, cursor.marks),
        )
        for symbol, position in sorted(book.positions.items())
        if not position.is_flat
    }


def denial_lines(cursor: TickCursor) -> list[DenialLine]:
    """Return the latest denial of each symbol in which no order has been made since."""
    return [
        DenialLine(
            symbol=symbol,
            code=found.code,
            limit=found.limit,
            observed=found.observed,
            time_ns=found.time_ns,
            until_ns=found.until_ns,
        )
        for symbol, found in sorted(cursor.latest_denials.items())
    ]


def _quote(book: Book, stream: StreamState, symbol: str, mono_ns: int) -> QuoteLine | None:
    """The latest quote of the live feed, else the mark; None if the symbol has neither."""
    latest = stream.market.quotes.get(symbol) or stream.cursor.marks.get(symbol)
    if latest is None:
        return None
    instrument = book.instruments.get(symbol)
    points = (
        None if instrument is None else float(to_decimal(latest.ask) - to_decimal(latest.bid)) * 10**instrument.digits
    )
    return QuoteLine(
        bid=latest.bid,
        ask=latest.ask,
        spread_points=points,
        time_ns=latest.time_ns,
        age_ms=(mono_ns - latest.mono_ns) // MS_NS if isinstance(latest, LiveQuote) else None,
    )


def _signal(signal: Signal) -> SignalLine:
    return SignalLine(
        direction=signal.direction, confidence=signal.confidence, reason=signal.reason, time_ns=signal.time_ns
    )


def _order(order: Order) -> OrderLine:
    return OrderLine(
        order_id=order.order_id,
        symbol=order.symbol,
        side=order.side.value,
        volume=order.volume,
        status=order.status.value,
        price=order.price,
        filled_price=order.filled_price,
        profit=order.profit,
        created_ns=order.created_ns,
        code=order.code,
    )
